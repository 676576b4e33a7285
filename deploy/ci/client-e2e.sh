#!/usr/bin/env bash
# The TypeScript client and its command line against a native stack of its own, in Node and in headless
# Chromium: servers that are replaced and killed, a network that falls silent, pages that are frozen.
# Needs the binaries of the dev profile, which `make test-rust` builds. What follows goes to the tests:
# `client-e2e.sh node -t goodbye`, `client-e2e.sh browser -g frozen`.
set -euo pipefail
cd "$(dirname "$0")/../.."
net=127.75
data=$(mktemp -d)
stack=(.venv/bin/python deploy/native/stack.py)
# Tokens and heartbeats are short, so that what happens at their end happens soon. The tests judge the
# client, not whether this machine has room for one more stream.
options=(--net "$net" --data "$data" --bin target/debug
    --set stream-engine.SM__ADMISSION__ENFORCED=false
    --set api-gateway.SM__SIGNING__ACCESS_LIFETIME_S=15
    # One person posts for all tests.
    --set ws-fanout.SM__CHAT__BURST=12
    --set ws-fanout.SM__AUTH__LEEWAY_S=0
    --set ws-fanout.SM__WS__HEARTBEAT_MS=1000
    --set ws-fanout.SM__WS__RECONNECT_SPREAD_MS=1000)
which=${1:-all}
[ $# -eq 0 ] || shift

finish() {
    status=$?
    [ "$status" -eq 0 ] || tail -n 25 "$data"/log/ws-fanout-1.log "$data"/log/api-gateway-1.log || true
    "${stack[@]}" down "${options[@]}" || true
    rm -rf "$data"
    exit "$status"
}
trap finish EXIT

"${stack[@]}" client
npm run --prefix clients/typescript --silent build
"${stack[@]}" up "${options[@]}" --detach
login() { sed -n "s/^$1: //p" "$data/first-login"; }
username=$(login username) password=$(login password)
export CLIENT_E2E_URL="http://$net.0.1:8080/" CLIENT_E2E_DATA=$data
export CLIENT_E2E_USER=$username CLIENT_E2E_PASSWORD=$password
export CHROMIUM
CHROMIUM=$(command -v chromium)
[ "$which" = browser ] || npm run --prefix clients/typescript --silent e2e:node -- "$@"
[ "$which" = node ] || npm run --prefix clients/typescript --silent e2e:browser -- "$@"
