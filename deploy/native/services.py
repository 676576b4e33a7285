"""What each service is told, in one table. docker-compose.yml says the same for containers."""

from __future__ import annotations

import os

from settings import REDIS_PORT, Replica, Settings

PORTS = {"http": 4200, "ws": 4201, "metrics": 4290, "health": 4291}

# Ports that only one service has.
OWN_PORTS = {"stream-engine": {"rtmp": 1935}, "ws-fanout": {"ws": PORTS["ws"]}}

# The same of UDP, as far as Traefik leads there.
OWN_UDP_PORTS = {"stream-engine": {"srt": 4203}}


def environment(settings: Settings, replica: Replica) -> dict[str, str]:
    """Every variable of one process."""
    return {
        **common(settings, replica),
        **own(settings, replica),
        **settings.overrides.get(replica.service, {}),
        **settings.overrides.get(replica.name, {}),
    }


def common(settings: Settings, replica: Replica) -> dict[str, str]:
    """The same for every service."""
    gateway = settings.replicas("api-gateway") or [Replica("api-gateway", 1, f"{settings.net}.1.1")]
    return {
        "PORT": str(PORTS["http"]),
        "WS_PORT": str(PORTS["ws"]),
        "METRICS_PORT": str(PORTS["metrics"]),
        "HEALTH_PORT": str(PORTS["health"]),
        "EVENT_HANDLER_URL": os.environ.get("EVENT_HANDLER_URL", ""),
        # Everything listens on the loopback address, so anybody who can ask may watch.
        "PUBLIC_VIEW": os.environ.get("PUBLIC_VIEW") or "true",
        "SM__HTTP__BIND": replica.address,
        "SM__REDIS__URL": f"redis://{replica.service}@{settings.edge}:{REDIS_PORT}/",
        "SM__REDIS__PASSWORD_FILE": str(settings.secrets / f"redis-password-{replica.service}"),
        "SM__AUTH__JWKS_URL": f"http://{gateway[0].address}:{PORTS['http']}/.well-known/jwks.json",
        "SM__TELEMETRY__LOG": os.environ.get("SM_LOG") or "info",
        "SM__TELEMETRY__OTLP_ENDPOINT": os.environ.get("OTLP_ENDPOINT", ""),
    }


def own(settings: Settings, replica: Replica) -> dict[str, str]:
    """What only this service needs."""
    demo = os.environ.get("DEMO") or "true"
    table: dict[str, dict[str, str]] = {
        "api-gateway": {
            "SM__SIGNING__KEY_FILE": str(settings.secrets / "jwt-signing-key.pem"),
            "SM__SIGNING__DIRECTORY": str(settings.secrets / "signing-keys"),
            "SM__FIRST_ADMIN__FILE": str(settings.first_login),
        },
        "stream-control": {
            "SM__PLAYBACK__SECRET_FILE": str(settings.secrets / "playback-secret"),
            "SM__DEMO__START": demo,
        },
        "layer-service": {
            "SM__ASSETS__DIRECTORY": str(settings.data / "assets"),
            "SM__PROBE__PICTURE_PROGRAM": str(settings.binaries / "layer-service"),
            "SM__PROBE__MEDIA_PROGRAM": str(settings.binaries / "media-worker"),
            "SM__DEMO__SEED": demo,
            "SM__INGEST__SECRET_FILE": str(settings.secrets / "ingest-secret"),
            "SM__INGEST__RTMP_URL": os.environ.get("INGEST_RTMP_URL", ""),
            "SM__INGEST__SRT_URL": os.environ.get("INGEST_SRT_URL", ""),
        },
        "analytics": {},
        "ws-fanout": {},
        "stream-engine": {
            "SM__ADVERTISE": f"http://{replica.address}:{PORTS['http']}",
            "SM__LIVE__DIRECTORY": str(settings.data / "live" / replica.name),
            "SM__RECORDINGS__DIRECTORY": str(settings.data / "recordings"),
            "SM__WORKER__PROGRAM": str(settings.binaries / "media-worker"),
            "SM__WORKER__ASSETS_DIRECTORY": str(settings.data / "assets"),
            "SM__WORKER__PID_DIRECTORY": str(settings.run),
            "SM__PLAYBACK__SECRET_FILE": str(settings.secrets / "playback-secret"),
            "SM__INGEST__SECRET_FILE": str(settings.secrets / "ingest-secret"),
        },
    }
    return table[replica.service]


def listeners(settings: Settings, replica: Replica) -> list[tuple[str, int]]:
    """Addresses and ports that one process binds."""
    shared = [port for name, port in PORTS.items() if name != "ws"]
    own = OWN_PORTS.get(replica.service, {}).values()
    return [(replica.address, port) for port in [*shared, *own]]
