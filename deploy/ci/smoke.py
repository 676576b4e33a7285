#!/usr/bin/env python3
"""smoke.py requests|everything: the containers of the current compose project, asked through Traefik.

Reads the variables that compose-smoke.sh sets. `everything` also stops a replica under load, kills
an engine's process in its container, and kills the lease holder. Ends at the first thing that is wrong, and says what it was."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

ADDRESS = os.environ["BIND"]
DOMAIN = os.environ.get("DOMAIN", "")
BASE = "/stream" if DOMAIN else ""
WEB, API, WS, METRICS, HEALTH = int(os.environ["PUBLISH_WEB"]), 4200, 4201, 4290, 4291
SERVICES = ("api-gateway", "stream-control", "layer-service", "analytics", "ws-fanout", "stream-engine")


class Wrong(Exception):
    """What was expected, and what came."""


def request(port: int, path: str, method: str = "GET", body: object = None, headers: dict | None = None):
    """Status, headers and body of one request on a connection of its own."""
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=15)
    headers = {"Host": DOMAIN or ADDRESS, **(headers or {})}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, data, headers)
        reply = connection.getresponse()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
    finally:
        connection.close()


def expect(status: int, port: int, path: str, *arguments: object, **more: object):
    got, headers, body = request(port, path, *arguments, **more)
    if got != status:
        raise Wrong(f"{path} on {port}: {got} instead of {status}: {body[:300]!r}")
    return headers, body


def until(what: str, seconds: float, condition):
    """The condition's first true value."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except (OSError, http.client.HTTPException, Wrong, ValueError) as error:
            last = error
        time.sleep(0.1)
    raise Wrong(f"{what}: not within {seconds:.0f} s ({last})")


class Session:
    """The first administrator."""

    def __init__(self) -> None:
        password = (Path(os.environ["SECRETS"]) / "first-admin-password").read_text().strip()
        credentials = {"username": "admin", "password": password}
        _, body = until("login", 20, lambda: expect(200, API, f"{BASE}/api/auth/login", "POST", credentials))
        self.headers = {"Authorization": f"Bearer {json.loads(body)['access_token']}"}

    def get(self, path: str, port: int = API, base: str = BASE):
        return expect(200, port, base + path, headers=self.headers)

    def state(self) -> dict:
        return json.loads(self.get("/api/stream/state")[1])

    def segment(self) -> int:
        """Number of the newest segment that can be fetched."""
        playlist = self.get("/live/main/index.m3u8")[1].decode()
        first = int(re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", playlist).group(1))
        names = [line for line in playlist.splitlines() if line and not line.startswith("#")]
        if not names:
            raise Wrong("the playlist is empty")
        self.get(f"/live/main/{names[-1]}")
        return first + len(names) - 1


def requests(session: Session) -> None:
    """Every service answers through the entry points that it belongs to."""
    until("on air", 180, lambda: session.state()["status"] in ("live", "degraded"))
    number = until("a segment", 30, session.segment)
    until("a later segment", 30, lambda: session.segment() > number)
    session.get("/live/main/snapshot.jpg")
    session.get("/api/auth/me")
    session.get("/api/resources")
    session.get("/api/analytics/summary")
    session.get("/api/chat")
    session.get("/.well-known/jwks.json")
    change_a_layer(session)
    open_a_socket(session)
    console(session)
    for service in SERVICES:
        session.get(f"/{service}/metrics", METRICS, "")
        session.get(f"/{service}/health/ready", HEALTH, "")
        expect(401, METRICS, f"/{service}/metrics")
    session.get("/health", HEALTH, "")


def change_a_layer(session: Session) -> None:
    layer = json.loads(session.get("/api/layers")[1])["layers"][-1]
    path = f"{BASE}/api/layers/{layer['id']}"
    tag = session.get(f"/api/layers/{layer['id']}")[0]["etag"]
    headers = {**session.headers, "If-Match": tag}
    # What changes nothing raises no revision.
    opacity = 0.5 if layer["opacity"] != 0.5 else 0.75
    expect(200, API, path, "PATCH", {"opacity": opacity}, headers=headers)
    expect(412, API, path, "PATCH", {"opacity": 0.6}, headers=headers)


def open_a_socket(session: Session) -> None:
    _, body = expect(200, API, f"{BASE}/api/auth/ws-ticket", "POST", headers=session.headers)
    for port in (API, WS):
        handshake = {
            **session.headers,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol": "stream-manager.v1+json",
        }
        connection = http.client.HTTPConnection(ADDRESS, port, timeout=10)
        connection.request("GET", f"{BASE}/ws", headers={"Host": DOMAIN or ADDRESS, **handshake})
        reply = connection.getresponse()
        connection.close()
        if reply.status != 101:
            raise Wrong(f"/ws on {port}: {reply.status} instead of 101: {reply.read()[:300]!r}")


def console(session: Session) -> None:
    """The page, and each file that it names, under the base path."""
    _, body = expect(200, WEB, f"{BASE}/")
    links = re.findall(r'(?:src|href)="([^"#?:]+)"', body.decode())
    for link in links:
        path = link if link.startswith("/") else f"{BASE}/{link.removeprefix('./')}"
        if not path.startswith(f"{BASE}/"):
            raise Wrong(f"the console links {link}, which leaves {BASE}")
        expect(200, WEB, path)


def containers(service: str) -> list[str]:
    """Ids of the running containers of a service."""
    project = os.environ["COMPOSE_PROJECT_NAME"]
    labels = [f"label=com.docker.compose.project={project}", f"label=com.docker.compose.service={service}"]
    return docker("ps", "--quiet", "--no-trunc", *(word for label in labels for word in ("--filter", label))).split()


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def stop_under_load(session: Session, service: str, path: str) -> None:
    """Stops one of two replicas while others ask: nobody notices."""
    answers: list[tuple[int, bytes]] = []
    done = threading.Event()

    def ask() -> None:
        # About a hundred requests a second in all: users, not a benchmark.
        while not done.wait(0.04):
            try:
                status, _, body = request(API, BASE + path, headers=session.headers)
                answers.append((status, body))
            except (OSError, http.client.HTTPException) as error:
                answers.append((0, repr(error).encode()))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    victim = containers(service)[0]
    until("load", 20, lambda: len(answers) > 50)
    docker("stop", victim)
    enough = len(answers) + 50
    until("load after the stop", 20, lambda: len(answers) > enough)
    done.set()
    for thread in threads:
        thread.join()
    lost = [answer for answer in answers if answer[0] != 200]
    if lost:
        raise Wrong(f"{service} stopped under load: {len(lost)} of {len(answers)} requests lost, such as {lost[0]}")
    print(f"   {service}: one of two replicas stopped, {len(answers)} of {len(answers)} requests answered 200")
    start(victim)


def start(container: str) -> None:
    """Brings a container back, and waits until it is healthy."""
    docker("start", container)
    until("a healthy container", 60, lambda: docker("inspect", "--format", "{{.State.Health.Status}}", container) == "healthy")


def lease_holder(session: Session) -> tuple[str, str]:
    """The host that the lease names, and its container."""
    until("two engines", 30, lambda: len(containers("stream-engine")) == 2)
    holder = session.state()["engine"]["host"]
    named = [one for one in containers("stream-engine") if docker("inspect", "--format", "{{.Config.Hostname}}", one) == holder]
    if len(named) != 1:
        raise Wrong(f"the lease names the host {holder}, which is no container of stream-engine")
    return holder, named[0]


def kill_the_engine_in_its_container(session: Session) -> None:
    """The container starts it again, and the worker has stayed on air."""
    _, container = lease_holder(session)
    worker = lambda: docker("exec", container, "cat", "/tmp/media-worker-main.pid")
    before, pid, number = session.state(), worker(), session.segment()
    docker("exec", container, "sh", "-c", "kill -9 $(pidof stream-engine)")

    def taken() -> bool:
        state = session.state()
        return state["status"] in ("live", "degraded") and state["engine"]["token"] > before["engine"]["token"]

    until("the engine is back", 30, taken)
    until("the playlist goes on", 30, lambda: session.segment() > number)
    state = session.state()
    for same in ("interruptions", "worker_restarts", "live_since"):
        if state[same] != before[same]:
            raise Wrong(f"a dead engine process changed {same}: {before[same]} to {state[same]}")
    if worker() != pid:
        raise Wrong("the worker did not stay on air through the end of its engine's process")
    print("   stream-engine: process killed in its container, the picture stayed on air")


def kill_the_lease_holder(session: Session) -> None:
    """The stream goes on from the other engine, with continuing segment numbers."""
    holder, victim = lease_holder(session)
    number = session.segment()
    started = time.monotonic()
    docker("kill", victim)

    def moved() -> bool:
        state = session.state()
        return state["status"] in ("live", "degraded") and state["engine"]["host"] != holder

    until("another engine takes the stream", 60, moved)
    until("the playlist goes on", 60, lambda: session.segment() > number)
    print(f"   stream-engine: lease holder killed, stream on the other after {time.monotonic() - started:.1f} s")
    start(victim)


def main() -> int:
    try:
        session = Session()
        requests(session)
        print(f"   every service answers through Traefik{' under ' + BASE if BASE else ''}")
        if sys.argv[1:] == ["everything"]:
            stop_under_load(session, "stream-control", "/api/stream/state")
            stop_under_load(session, "layer-service", "/api/layers")
            kill_the_engine_in_its_container(session)
            kill_the_lease_holder(session)
    except Wrong as wrong:
        print(f"compose-smoke: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
