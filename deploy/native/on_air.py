"""Waiting until a stack does what it is for, by asking it the way a user would."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Callable

from failure import Failure
from services import PORTS
from settings import Settings

# A loopback address is never behind a proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str, host: str = "", timeout: float = 2.0) -> tuple[int, bytes]:
    """Status and body; status 0 when nobody answers."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with OPENER.open(request, timeout=timeout) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def wait(what: str, condition: Callable[[], str | None], seconds: float, alive: Callable[[], None]) -> None:
    """Until the condition has no complaint left."""
    deadline = time.monotonic() + seconds
    while complaint := condition():
        alive()
        if time.monotonic() > deadline:
            raise Failure(f"{what} after {seconds:.0f} s: {complaint}")
        time.sleep(0.1)


def not_ready(settings: Settings) -> str | None:
    """The first service that cannot do its work."""
    for replica in settings.all_replicas():
        status, _ = get(f"http://{replica.address}:{PORTS['health']}/health/ready")
        if status != 200:
            log = settings.log / f"{replica.name}.log"
            return f"{replica.name} is not ready (its log is {log})"
    return None


def edge(settings: Settings, path: str) -> tuple[int, bytes]:
    """A request through Traefik, under whichever rule it routes by."""
    return get(f"http://{settings.edge}:{PORTS['http']}{settings.base_path}{path}", settings.domain)


def off_air(settings: Settings, must_be_live: bool) -> str | None:
    """Why the main stream cannot be watched through Traefik."""
    status, body = edge(settings, "/api/stream/state")
    if status == 401:
        # PUBLIC_VIEW is off: all that anybody without a token can know.
        return None
    if status != 200:
        return f"/api/stream/state through Traefik answers {status or 'nothing'}"
    state = json.loads(body)
    if not must_be_live and state["desired_status"] == "offline":
        return None
    if state["status"] not in ("live", "degraded", "paused"):
        return f"the stream is {state['status']}: {state.get('reason') or 'no reason given'}"
    status, body = edge(settings, "/live/main/index.m3u8")
    if status != 200:
        return f"/live/main/index.m3u8 through Traefik answers {status or 'nothing'}"
    segments = [line for line in body.decode().splitlines() if line and not line.startswith("#")]
    if not segments:
        return "the playlist is empty"
    status, _ = edge(settings, f"/live/main/{segments[-1]}")
    return None if status == 200 else f"the newest segment through Traefik answers {status or 'nothing'}"
