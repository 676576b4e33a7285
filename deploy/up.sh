#!/usr/bin/env bash
# Builds and starts the containers, waits until the console answers through Traefik, and
# says where. Variables: .env.example.
set -euo pipefail
cd "$(dirname "$0")/.."
compose=(docker compose)
docker compose version >/dev/null 2>&1 || compose=(.venv/bin/docker-compose)
docker version >/dev/null 2>&1 || { echo "up: no container engine answers; is Docker running?" >&2; exit 1; }

"${compose[@]}" up --detach --build --wait

published() { "${compose[@]}" port traefik "$1" | head -1; }
domain=$("${compose[@]}" config --format json | .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["services"]["traefik"]["environment"]["DOMAIN"])')
base=${domain:+/stream}
web=$(published 8080)
# Traefik takes up new containers a second after the engine tells of them.
for _ in $(seq 1 100); do
    code=$(curl --silent --output /dev/null --write-out '%{http_code}' --header "Host: ${domain:-$web}" "http://$web$base/version.json" || true)
    [ "$code" = 200 ] && break
    sleep 0.2
done
[ "$code" = 200 ] || { echo "up: http://$web$base/ answers $code; see \`make logs\`" >&2; exit 1; }

secrets=${SECRETS:-deploy/secrets}
echo
echo "  console    http://${domain:-$web}$base/"
echo "  login      admin $(cat "$secrets/first-admin-password")   (the first one; unchanged until you change it)"
echo "  health     http://$(published 4291)/health"
echo "  logs       make logs        stop   make down"
