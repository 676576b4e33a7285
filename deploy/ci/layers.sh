#!/usr/bin/env bash
# The direction of dependencies that cannot be seen in one Cargo.toml: what a crate reaches, however
# indirectly. docs/architecture.md says why.
set -euo pipefail
cd "$(dirname "$0")/../.."

# never PACKAGE CRATE...: the package must not reach any of the crates.
never() {
    local package=$1 crate tree
    shift
    tree=$(cargo tree --locked --edges normal --prefix none --format '{p}' -p "$package" | cut -d' ' -f1 | sort -u)
    for crate in "$@"; do
        if grep -qx "$crate" <<<"$tree"; then
            echo "layers: $package must not reach $crate:" >&2
            cargo tree --locked --edges normal -p "$package" --invert "$crate" >&2
            exit 1
        fi
    done
}

never sm-common actix-web tokio redis deadpool-redis reqwest sm-bus sm-service-kit
never sm-media-protocol actix-web tokio redis deadpool-redis gstreamer
never sm-media-files sm-common actix-web tokio redis reqwest gstreamer
never sm-probe sm-common actix-web tokio redis reqwest gstreamer
never sm-asset-store actix-web sm-bus sm-service-kit redis gstreamer
never sm-bus actix-web sm-service-kit gstreamer
never sm-service-kit sm-bus redis gstreamer
never sm-media-engine actix-web redis sm-bus sm-service-kit
for service in api-gateway stream-control layer-service analytics ws-fanout stream-engine; do
    never "sm-$service" gstreamer sm-media-engine sm-test-kit
done
echo "layers: every crate knows only what it may"
