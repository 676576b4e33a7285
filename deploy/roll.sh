#!/usr/bin/env bash
# roll.sh SERVICE: replaces every container of a service without losing a request. Compose would
# stop all of them at once; this starts as many new ones first, waits until they are healthy and
# routed, and then lets the old ones drain.
set -euo pipefail
cd "$(dirname "$0")/.."
service=${1:?which service? for example: make roll S=stream-control}
compose=(docker compose)
docker compose version >/dev/null 2>&1 || compose=(.venv/bin/docker-compose)

mapfile -t old < <("${compose[@]}" ps --quiet "$service")
[ ${#old[@]} -gt 0 ] || { echo "roll: $service does not run" >&2; exit 1; }
echo "roll: $service, ${#old[@]} container(s)"
"${compose[@]}" up --detach --no-deps --no-recreate --wait --scale "$service=$((2 * ${#old[@]}))" "$service" >/dev/null
# Traefik takes up changes a second after the engine tells of them, and checks every second.
sleep 4
# An engine hands its streams over before it ends; the grace to stop is that of its service.
for container in "${old[@]}"; do
    docker stop "$container" >/dev/null
    docker rm "$container" >/dev/null
done
"${compose[@]}" ps "$service"
