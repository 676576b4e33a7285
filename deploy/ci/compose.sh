#!/usr/bin/env bash
# The real run of the containers, from the binaries that the tests built, wherever an engine
# answers. BINARIES=build compiles in the images instead.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! docker version >/dev/null 2>&1; then
    echo "== no container engine answers: the real run of docker-compose.yml is skipped"
    exit 0
fi
[ "${BINARIES:-prebuilt}" != prebuilt ] || deploy/ci/prebuilt.sh target/debug
deploy/ci/compose-smoke.sh
