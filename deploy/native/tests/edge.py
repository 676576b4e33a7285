"""A real Traefik with the native configuration, and throwaway services behind it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import compose_file
import routing
from services import OWN_PORTS, OWN_UDP_PORTS
from settings import SUBNETS, VENV, Settings

# Addresses of this test alone.
NET = "127.78"
START_SECONDS = 20


class Echo(BaseHTTPRequestHandler):
    """Says who it is and what it was asked."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        received = len(self.rfile.read(length))
        server: Backend = self.server
        ready = self.path != "/health/ready" or server.service.ready
        body = json.dumps(
            {
                "service": server.service.name,
                "port": server.server_address[1],
                "path": self.path,
                "prefix": self.headers.get("X-Forwarded-Prefix"),
                "received": received,
                "padding": "x" * (4096 if "padding" in self.path else 0),
            }
        ).encode()
        self.send_response(server.service.status if ready else 503)
        self.send_header("Content-Type", "video/mp2t" if self.path.endswith(".ts") else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = answer

    def log_message(self, *_arguments: object) -> None:
        pass


class Backend(socketserver.ThreadingTCPServer):
    """One port of one throwaway service."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, service: "Service", port: int) -> None:
        self.service = service
        super().__init__((service.address, port), Echo)

    def handle_error(self, *_arguments: object) -> None:
        """Traefik ends its connections when it is stopped."""


class Parrot(socketserver.BaseRequestHandler):
    """Says what it hears."""

    def handle(self) -> None:
        while heard := self.request.recv(4096):
            self.request.sendall(heard)


class RawBackend(socketserver.ThreadingTCPServer):
    """A port that does not speak HTTP."""

    allow_reuse_address = True
    daemon_threads = True


class DatagramParrot(socketserver.BaseRequestHandler):
    """Says what it hears, datagram by datagram."""

    def handle(self) -> None:
        heard, own = self.request
        own.sendto(heard, self.client_address)


class DatagramBackend(socketserver.ThreadingUDPServer):
    """A port for datagrams."""

    allow_reuse_address = True
    daemon_threads = True


class Service:
    """A throwaway service on the four ports of a real one."""

    def __init__(self, name: str, replica: int = 1) -> None:
        self.name = name
        self.address = f"{NET}.{SUBNETS[name]}.{replica}"
        self.ready = True
        self.status = 200
        self.backends = [Backend(self, port) for port in (4200, 4201, 4290, 4291)]
        for port in OWN_PORTS.get(name, {}).values():
            if port != 4201:
                self.backends.append(RawBackend((self.address, port), Parrot))
        for port in OWN_UDP_PORTS.get(name, {}).values():
            self.backends.append(DatagramBackend((self.address, port), DatagramParrot))
        for backend in self.backends:
            threading.Thread(target=backend.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        for backend in self.backends:
            backend.shutdown()
            backend.server_close()


class Edge:
    """Traefik. `domain` chooses the rule; without `routed`, only the files that both modes share."""

    def __init__(self, domain: str = "", routed: bool = True, scale: dict | None = None, **environment: str) -> None:
        self.settings = Settings(net=NET, domain=domain, scale=scale or {})
        self.folder = tempfile.TemporaryDirectory()
        compose = compose_file.load(domain)
        dynamic = Path(self.folder.name)
        routing.write(compose, self.settings, dynamic)
        if not routed:
            (dynamic / "routing.yml").unlink()
        flags = routing.traefik_flags(compose, self.settings, dynamic)
        self.log = dynamic / "traefik.log"
        variables = {"PATH": os.environ["PATH"], **routing.traefik_environment(compose), **environment}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([VENV / "bin" / "traefik", *flags], env=variables, stdout=log, stderr=log)
        try:
            # The admin entry point answers before the first configuration is loaded.
            self.until(lambda: self.api("/api/http/routers/unavailable@file").get("status") == "enabled")
        except AssertionError:
            self.close()
            raise

    def until(self, condition) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not attempt(condition):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Traefik did not get there:\n{self.log.read_text()}")
            time.sleep(0.05)

    def request(self, port: int, path: str, method: str = "GET", body: bytes | None = None, headers: dict | None = None):
        """Status, headers and body; the host is the production rule's, where there is one."""
        connection = http.client.HTTPConnection(self.settings.edge, port, timeout=10)
        headers = {"Host": self.settings.domain or self.settings.edge, **(headers or {})}
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
        finally:
            connection.close()

    def talk(self, port: int, words: bytes) -> tuple[bytes, tuple[str, int]]:
        """What is answered to these words, and where they came from."""
        with socket.create_connection((self.settings.edge, port), timeout=10) as connection:
            connection.sendall(words)
            heard = b""
            while not heard.endswith(words) and (more := connection.recv(4096)):
                heard += more
            return heard, connection.getsockname()

    def exchange(self, port: int, words: bytes) -> bytes:
        """What is answered to a datagram."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.settimeout(10)
            own.sendto(words, (self.settings.edge, port))
            return own.recv(4096)

    def api(self, path: str):
        """Traefik's own API."""
        status, _, body = self.request(8090, path)
        return json.loads(body) if status == 200 else {}

    def close(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.folder.cleanup()


def attempt(condition) -> bool:
    try:
        return bool(condition())
    except (OSError, http.client.HTTPException):
        return False
