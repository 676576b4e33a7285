"""Where requests go: contracts, both rules, and what happens when nobody is there.

The labels of docker-compose.yml are the source for both modes; these tests run their native
translation through a real Traefik with throwaway services behind it."""

from __future__ import annotations

import json
import re
import socket
import unittest

import edge
import compose_file
import routing
from settings import SUBNETS, Settings

DOMAIN = "stream.example.test"
WEB, API, WS, METRICS, HEALTH, RTMP, SRT = 8080, 4200, 4201, 4290, 4291, 1935, 4203

# Entry point, path, service, the service's port, and the path that it sees.
CONTRACT = [
    (API, "/api/stream/state", "stream-control", 4200, "/api/stream/state"),
    (WEB, "/api/stream/control", "stream-control", 4200, "/api/stream/control"),
    (API, "/live/main/index.m3u8", "stream-engine", 4200, "/live/main/index.m3u8"),
    (WEB, "/live/main/snapshot.jpg", "stream-engine", 4200, "/live/main/snapshot.jpg"),
    (API, "/api/layers", "layer-service", 4200, "/api/layers"),
    (API, "/api/layers/0b/x?stream=main", "layer-service", 4200, "/api/layers/0b/x?stream=main"),
    (API, "/api/scenes", "layer-service", 4200, "/api/scenes"),
    (API, "/api/groups/0b", "layer-service", 4200, "/api/groups/0b"),
    (API, "/api/variables", "layer-service", 4200, "/api/variables"),
    (API, "/api/templates/countdown", "layer-service", 4200, "/api/templates/countdown"),
    (API, "/api/schedules", "layer-service", 4200, "/api/schedules"),
    (API, "/api/assets/1/content", "layer-service", 4200, "/api/assets/1/content"),
    (API, "/api/analytics/summary", "analytics", 4200, "/api/analytics/summary"),
    (API, "/ws", "ws-fanout", 4201, "/ws"),
    (WEB, "/ws?ticket=a", "ws-fanout", 4201, "/ws?ticket=a"),
    (WS, "/ws", "ws-fanout", 4201, "/ws"),
    (API, "/api/chat", "ws-fanout", 4200, "/api/chat"),
    (API, "/api/auth/login", "api-gateway", 4200, "/api/auth/login"),
    (API, "/api/resources", "api-gateway", 4200, "/api/resources"),
    (API, "/api/health", "api-gateway", 4200, "/api/health"),
    (API, "/api/openapi.json", "api-gateway", 4200, "/api/openapi.json"),
    (API, "/.well-known/jwks.json", "api-gateway", 4200, "/.well-known/jwks.json"),
    (WEB, "/", "api-gateway", 4200, "/"),
    (WEB, "/assets/index.js", "api-gateway", 4200, "/assets/index.js"),
    (WEB, "/version.json", "api-gateway", 4200, "/version.json"),
]
OPERATIONS = [
    *((METRICS, f"/{name}/metrics", name, 4290, "/metrics") for name in SUBNETS),
    *((HEALTH, f"/{name}/health/live", name, 4291, "/health/live") for name in SUBNETS),
    *((HEALTH, f"/{name}/health/ready", name, 4291, "/health/ready") for name in SUBNETS),
    *((HEALTH, f"/{name}/health", name, 4291, "/health") for name in SUBNETS),
    (HEALTH, "/health", "api-gateway", 4200, "/api/health"),
]


class Translation(unittest.TestCase):
    def test_every_label_is_in_the_native_configuration(self) -> None:
        for domain in ("", DOMAIN):
            compose = compose_file.load(domain)
            tree = routing.native(compose, Settings(net=edge.NET, domain=domain))
            for service, definition in compose["services"].items():
                for label, value in (definition.get("labels") or {}).items():
                    if label == "traefik.enable" or label.endswith(".loadbalancer.server.port"):
                        continue
                    # Browsers reach each engine's own UDP port without Traefik here.
                    if "stream-engine-webrtc" in label:
                        continue
                    found = tree
                    for part in label.split(".")[1:]:
                        found = found[part]
                    with self.subTest(domain=domain, label=label):
                        self.assertEqual(",".join(found) if isinstance(found, list) else found, value)

    def test_servers_are_the_replicas_with_the_port_of_the_label(self) -> None:
        settings = Settings(net=edge.NET, scale={"ws-fanout": 2})
        services = routing.native(compose_file.load(""), settings)["http"]["services"]
        urls = [server["url"] for server in services["ws-fanout"]["loadbalancer"]["servers"]]
        self.assertEqual(urls, ["http://127.78.5.1:4201", "http://127.78.5.2:4201"])
        urls = [server["url"] for server in services["ws-fanout-metrics"]["loadbalancer"]["servers"]]
        self.assertEqual(urls, ["http://127.78.5.1:4290", "http://127.78.5.2:4290"])
        services = routing.native(compose_file.load(""), settings)["tcp"]["services"]
        servers = services["stream-engine-rtmp"]["loadbalancer"]["servers"]
        self.assertEqual(servers, [{"address": "127.78.6.1:1935"}])
        services = routing.native(compose_file.load(""), settings)["udp"]["services"]
        self.assertEqual(list(services), ["stream-engine-srt"])
        servers = services["stream-engine-srt"]["loadbalancer"]["servers"]
        self.assertEqual(servers, [{"address": "127.78.6.1:4203"}])

    def test_every_service_is_checked_on_its_health_port(self) -> None:
        http = routing.native(compose_file.load(""), Settings())["http"]
        used = {router["service"] for router in http["routers"].values() if set(router["entrypoints"]) & {"api", "ws"}}
        self.assertEqual(len(used), len(SUBNETS) + 1)
        for name in used:
            check = http["services"][name]["loadbalancer"]["healthcheck"]
            self.assertEqual((check["path"], check["port"]), ("/health/ready", "4291"), name)


class Routed(unittest.TestCase):
    """Requests through Traefik, under both rules."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.services = {name: edge.Service(name) for name in SUBNETS}
        cls.addClassCleanup(lambda: [service.close() for service in cls.services.values()])

    def check(self, traefik: edge.Edge, base: str, contract: list) -> None:
        for port, path, service, service_port, seen in contract:
            with self.subTest(port=port, path=base + path):
                status, _, body = traefik.request(port, base + path)
                self.assertEqual(status, 200, body)
                answer = json.loads(body)
                self.assertEqual((answer["service"], answer["port"], answer["path"]), (service, service_port, seen))
                if port in (WEB, API, WS):
                    self.assertEqual(answer["prefix"], base or None)

    def test_the_development_rule(self) -> None:
        traefik = edge.Edge()
        self.addCleanup(traefik.close)
        self.check(traefik, "", CONTRACT)
        self.check(traefik, "", OPERATIONS)
        self.edge_features(traefik)

    def test_the_production_rule(self) -> None:
        traefik = edge.Edge(DOMAIN)
        self.addCleanup(traefik.close)
        self.check(traefik, "/stream", CONTRACT)
        self.check(traefik, "", OPERATIONS)
        for path in ("/api/stream/state", "/", "/ws", "/streamlined/../api"):
            self.assertEqual(traefik.request(API, path)[0], 404, path)
        self.assertEqual(traefik.request(API, "/stream/api/stream/state", headers={"Host": "elsewhere.test"})[0], 404)
        status, headers, _ = traefik.request(WEB, "/stream", headers={"Host": f"{DOMAIN}:8080"})
        self.assertEqual((status, headers["location"]), (302, f"http://{DOMAIN}:8080/stream/"))

    def edge_features(self, traefik: edge.Edge) -> None:
        with self.subTest("JSON is compressed, segments and pictures are not"):
            path = "/api/stream/state?padding"
            self.assertEqual(traefik.request(API, path, headers={"Accept-Encoding": "gzip"})[1].get("content-encoding"), "gzip")
            path = "/live/main/padding.ts"
            self.assertIsNone(traefik.request(API, path, headers={"Accept-Encoding": "gzip"})[1].get("content-encoding"))
        with self.subTest("the socket's cookie keeps a client with its replica"):
            cookie = traefik.request(API, "/ws")[1]["set-cookie"]
            self.assertRegex(cookie, r"sm_ws=[^;]+; Path=/ws; HttpOnly; SameSite=Lax")
        with self.subTest("a body beyond every service's limit ends at the edge, an upload passes"):
            body = b"x" * (16 * 1024 * 1024 + 1)
            announced = {"Content-Length": str(len(body))}
            self.assertEqual(traefik.request(API, "/api/layers", "POST", headers=announced)[0], 413)
            self.assertEqual(traefik.request(API, "/api/scenes", "POST", headers=announced)[0], 413)
            for path in ("/api/assets", "/api/scenes/import"):
                status, _, answer = traefik.request(API, path, "POST", body)
                self.assertEqual((status, json.loads(answer)["received"]), (200, len(body)))
        with self.subTest("a client cannot pretend to have come through a prefix"):
            for header in ("X-Forwarded-Prefix", "X_Forwarded_Prefix"):
                answer = json.loads(traefik.request(API, "/api/health", headers={header: "/evil"})[2])
                self.assertIsNone(answer["prefix"])

    def test_a_publisher_reaches_an_engine_which_learns_who_it_is(self) -> None:
        for domain in ("", DOMAIN):
            traefik = edge.Edge(domain)
            self.addCleanup(traefik.close)
            with self.subTest(domain=domain):
                said, own = traefik.talk(RTMP, b"\x03hello")
                self.assertEqual(said[:12], b"\r\n\r\n\0\r\nQUIT\n")
                self.assertEqual(socket.inet_ntoa(said[16:20]), own[0])
                self.assertEqual(int.from_bytes(said[24:26], "big"), own[1])
                self.assertTrue(said.endswith(b"\x03hello"), said)
            traefik.close()

    def test_a_publisher_by_srt_reaches_an_engine_and_hears_it(self) -> None:
        for domain in ("", DOMAIN):
            traefik = edge.Edge(domain)
            self.addCleanup(traefik.close)
            with self.subTest(domain=domain):
                self.assertEqual(traefik.exchange(SRT, b"\x80hello"), b"\x80hello")
            traefik.close()

    def test_a_replica_that_is_not_ready_gets_no_requests(self) -> None:
        traefik = edge.Edge()
        self.addCleanup(traefik.close)
        analytics = self.services["analytics"]
        analytics.ready = False
        self.addCleanup(setattr, analytics, "ready", True)
        traefik.until(lambda: traefik.request(API, "/api/analytics/summary")[0] == 503)
        # Its health can be asked for all the same.
        self.assertEqual(traefik.request(HEALTH, "/analytics/health/live")[0], 200)
        self.assertEqual(traefik.request(HEALTH, "/analytics/health/ready")[0], 503)
        analytics.ready = True
        traefik.until(lambda: traefik.request(API, "/api/analytics/summary")[0] == 200)

    def test_a_replica_that_dies_costs_no_request(self) -> None:
        """The first replica is there, the second is not, and nobody has noticed yet."""
        traefik = edge.Edge(scale={"layer-service": 2})
        self.addCleanup(traefik.close)
        for method in ("GET", "PATCH"):
            statuses = [traefik.request(API, "/api/layers", method)[0] for _ in range(20)]
            self.assertEqual(statuses, [200] * 20, method)

    def test_a_services_own_503_reaches_the_caller_and_a_500_opens_the_breaker(self) -> None:
        traefik = edge.Edge()
        self.addCleanup(traefik.close)
        control = self.services["stream-control"]
        self.addCleanup(setattr, control, "status", 200)
        for status in (503, 500):
            control.status = status
            answers = [traefik.request(API, "/api/stream/state") for _ in range(20)]
            own = [body for code, _, body in answers if code == status and b"stream-control" in body]
            if status == 503:
                self.assertEqual(len(own), len(answers))
            else:
                traefik.until(lambda: b"stream-control" not in traefik.request(API, "/api/stream/state")[2])

    def test_a_flood_from_one_address_is_told_to_wait(self) -> None:
        traefik = edge.Edge(RATE_LIMIT_AVERAGE="5", RATE_LIMIT_BURST="5")
        self.addCleanup(traefik.close)
        replies = [traefik.request(API, "/api/resources") for _ in range(40)]
        limited = [headers for status, headers, _ in replies if status == 429]
        self.assertTrue(limited)
        self.assertIn("retry-after", limited[0])

    def test_attempts_to_sign_in_are_limited_before_the_gateway_and_nothing_else_by_them(self) -> None:
        traefik = edge.Edge(LOGIN_LIMIT_AVERAGE="5", LOGIN_LIMIT_BURST="5")
        self.addCleanup(traefik.close)
        attempts = [traefik.request(API, "/api/auth/login", "POST") for _ in range(40)]
        limited = [headers for status, headers, _ in attempts if status == 429]
        self.assertTrue(limited)
        self.assertIn("retry-after", limited[0])
        self.assertEqual(traefik.request(API, "/api/auth/me")[0], 200)

    def test_https_can_be_required(self) -> None:
        traefik = edge.Edge(FORCE_HTTPS="true")
        self.addCleanup(traefik.close)
        status, headers, _ = traefik.request(WEB, "/api/stream/state?a=b")
        self.assertEqual(status, 301)
        self.assertTrue(headers["location"].startswith(f"https://{traefik.settings.edge}"), headers["location"])
        self.assertEqual(traefik.request(API, "/api/stream/state")[0], 200)


class NobodyThere(unittest.TestCase):
    """503, never 404, when the containers that carry the labels are gone."""

    def check(self, domain: str, base: str) -> None:
        traefik = edge.Edge(domain, routed=False)
        self.addCleanup(traefik.close)
        for port, path, *_ in CONTRACT:
            with self.subTest(port=port, path=base + path):
                self.assertEqual(traefik.request(port, base + path)[0], 503)
        for port, path, *_ in OPERATIONS:
            with self.subTest(port=port, path=path):
                self.assertEqual(traefik.request(port, path)[0], 503)

    def test_under_the_development_rule(self) -> None:
        self.check("", "")

    def test_under_the_production_rule(self) -> None:
        self.check(DOMAIN, "/stream")

    def test_the_gateway_does_not_answer_for_a_service_that_is_gone(self) -> None:
        """Every prefix with an owner of its own stands in the fallback above the gateway."""
        http = routing.native(compose_file.load(""), Settings())["http"]
        fallback = (routing.DYNAMIC / "fallback.yml").read_text()
        pattern = re.search(r"PathRegexp\(`\^\{\{ \$base \}\}(.+?)`\)", fallback).group(1)
        for name, router in http["routers"].items():
            if "api" not in router["entrypoints"] or int(router["priority"]) < 90:
                continue
            for prefix in re.findall(r"`(/[^`]*)`", router["rule"]):
                with self.subTest(router=name, prefix=prefix):
                    self.assertRegex(prefix, "^" + pattern)


if __name__ == "__main__":
    unittest.main()
