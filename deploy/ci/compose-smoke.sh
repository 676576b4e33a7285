#!/usr/bin/env bash
# Runs docker-compose.yml for real, scaled, next to whatever else runs on this machine, and takes
# it down again: requests through the Traefik container, a stateless replica stopped under load,
# the lease holder killed, the production rule. Needs a container engine, .venv and, unless
# BINARIES=build, what `make prebuilt` makes.
set -euo pipefail
cd "$(dirname "$0")/../.."

export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-stream-manager-smoke}
export TAG=smoke BINARIES=${BINARIES:-prebuilt} CONSOLE=${CONSOLE:-prebuilt} DOMAIN=
# Published beside a stack of the same machine.
export BIND=${BIND:-127.66.0.1} OPS_BIND=${BIND:-127.66.0.1}
export PUBLISH_WEB=8080 PUBLISH_WEBSECURE=8443 PUBLISH_ADMIN=${PUBLISH_ADMIN:-18090}
work=$(mktemp -d)
export SECRETS=$work/secrets
scale=(--scale ws-fanout=3 --scale stream-control=2 --scale layer-service=2 --scale stream-engine=2)
compose=(docker compose)
docker compose version >/dev/null 2>&1 || compose=(.venv/bin/docker-compose)

finish() {
    status=$?
    if [ "$status" -ne 0 ]; then
        echo "== compose-smoke failed; the ends of the logs:"
        "${compose[@]}" ps --all || true
        "${compose[@]}" logs --tail 25 || true
    fi
    "${compose[@]}" down --volumes --timeout 10 >/dev/null 2>&1 || true
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

echo "== images"
"${compose[@]}" build --quiet
.venv/bin/python deploy/native/stack.py secrets "$SECRETS"

echo "== the stack, scaled, under the development rule"
"${compose[@]}" up --detach --wait --wait-timeout 180 "${scale[@]}" >/dev/null
"${compose[@]}" ps --format 'table {{.Service}}\t{{.Name}}\t{{.Status}}'
.venv/bin/python deploy/ci/smoke.py everything
.venv/bin/python deploy/ci/routing_agreement.py "http://127.0.0.1:$PUBLISH_ADMIN"

echo "== the same stack under the production rule"
export DOMAIN=stream.example.test
"${compose[@]}" up --detach --wait --wait-timeout 180 "${scale[@]}" >/dev/null
.venv/bin/python deploy/ci/smoke.py requests
.venv/bin/python deploy/ci/routing_agreement.py "http://127.0.0.1:$PUBLISH_ADMIN"
