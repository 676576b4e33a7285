#!/usr/bin/env python3
"""routing_agreement.py CONTAINERS_API: does the Traefik in the containers route as the native one?

CONTAINERS_API is the address of its admin entry point. Starts a native Traefik from the same
docker-compose.yml on addresses of its own, asks both what they made of their configuration, and
prints every difference."""

from __future__ import annotations

import itertools
import json
import os
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "native" / "tests"))

import edge


def read(base: str, protocol: str, kind: str) -> list[dict]:
    """Every router or service that Traefik has."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{base}/api/{protocol}/{kind}?per_page=1000", timeout=10) as reply:
        return json.load(reply)


def comparable(entries: list[dict]) -> dict[str, dict]:
    """By name, without what may differ: the provider, where the servers are, how they do."""
    result = {}
    for entry in entries:
        name, _, provider = entry["name"].partition("@")
        if provider == "internal":
            continue
        kept = {key: value for key, value in entry.items() if key not in ("name", "provider", "usedBy", "serverStatus")}
        balancer = kept.get("loadBalancer", {})
        servers = balancer.get("servers") or []
        places = [server.get("url") or server.get("address") for server in servers]
        balancer["servers"] = sorted({place.rpartition(":")[2] for place in places})
        text = json.dumps(kept, sort_keys=True).replace("@docker", "").replace("@file", "")
        result[name] = json.loads(text)
    return result


def main() -> int:
    containers = sys.argv[1].rstrip("/")
    traefik = edge.Edge(os.environ.get("DOMAIN", ""))
    try:
        native = f"http://{traefik.settings.edge}:8090"
        differences = count = 0
        for protocol, kind in itertools.product(("http", "tcp"), ("routers", "services")):
            ours, theirs = (comparable(read(base, protocol, kind)) for base in (native, containers))
            for name in sorted(ours.keys() | theirs.keys()):
                count += 1
                if ours.get(name) != theirs.get(name):
                    differences += 1
                    print(f"{protocol} {kind[:-1]} {name}:\n  native     {ours.get(name)}\n  containers {theirs.get(name)}")
    finally:
        traefik.close()
    print(f"routing: {count} routers and services compared, {differences} different")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
