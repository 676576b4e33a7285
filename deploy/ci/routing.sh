#!/usr/bin/env bash
# The compose file is readable under both rules, and the native translation of its labels routes as
# the contracts say, through a real Traefik.
set -euo pipefail
cd "$(dirname "$0")/../.."
for domain in "" stream.example.test; do
    DOMAIN=$domain .venv/bin/docker-compose config --quiet
done
echo "== docker-compose.yml is valid under both rules"
PYTHONDONTWRITEBYTECODE=1 .venv/bin/python -m unittest discover --start-directory deploy/native/tests
