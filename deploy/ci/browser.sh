#!/usr/bin/env bash
# The console's end-to-end tests in headless Chromium, against a native stack of its own. Needs the
# binaries of the dev profile, which `make test-rust` builds. What follows goes to Playwright: `browser.sh link`.
set -euo pipefail
cd "$(dirname "$0")/../.."
net=127.74
data=$(mktemp -d)
stack=(.venv/bin/python deploy/native/stack.py)
# The tests judge the console, not whether this machine has room for one more stream.
options=(--net "$net" --data "$data" --bin target/debug --set stream-engine.SM__ADMISSION__ENFORCED=false)

finish() {
    status=$?
    [ "$status" -eq 0 ] || tail -n 25 "$data"/log/*.log || true
    "${stack[@]}" down "${options[@]}" || true
    rm -rf "$data"
    exit "$status"
}
trap finish EXIT

"${stack[@]}" up "${options[@]}" --detach
page=$(curl --silent --show-error --fail "http://$net.0.1:8080/")
if [[ $page == *"Console not built"* ]]; then
    echo "browser: this api-gateway has no console in it: \`make console\`, then build it again" >&2
    exit 1
fi
login() { sed -n "s/^$1: //p" "$data/first-login"; }
username=$(login username) password=$(login password)
export CONSOLE_URL="http://$net.0.1:8080/" CONSOLE_USER=$username CONSOLE_PASSWORD=$password
export CHROMIUM STACK_DATA=$data
CHROMIUM=$(command -v chromium)
npm run --prefix services/console --silent e2e -- "$@"
