#!/usr/bin/env bash
# prebuilt.sh [BIN_DIR]: lays finished binaries, without debug information, into deploy/prebuilt for
# images with BINARIES=prebuilt. They have to come from a machine like the images' base, Debian 12.
set -euo pipefail
cd "$(dirname "$0")/../.."
from=${1:-target/release}
mkdir -p deploy/prebuilt
for name in api-gateway stream-control layer-service analytics ws-fanout stream-engine media-worker; do
    [ -x "$from/$name" ] || { echo "prebuilt: $from/$name is missing; build first" >&2; exit 1; }
    strip --strip-debug -o "deploy/prebuilt/$name" "$from/$name"
done
