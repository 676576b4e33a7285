"""What can be chosen about one native stack. Several stacks run next to each other when their
network prefixes and data directories differ."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from failure import Failure

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"

REDIS_PORT = 6390

# The number after the network prefix: replica n of a service listens on NET.<number>.n.
SUBNETS = {
    "api-gateway": 1,
    "stream-control": 2,
    "layer-service": 3,
    "analytics": 4,
    "ws-fanout": 5,
    "stream-engine": 6,
}


@dataclass(frozen=True)
class Replica:
    """One process of a service."""

    service: str
    number: int
    address: str

    @property
    def name(self) -> str:
        return f"{self.service}-{self.number}"


@dataclass(frozen=True)
class Settings:
    """Where a stack listens, where it keeps its data, and which binaries it runs."""

    # The first two numbers of every address, inside Linux's loopback network.
    net: str = "127.0"
    data: Path = ROOT / "data"
    binaries: Path = ROOT / "target" / "release"
    # Replicas by service; one where it says nothing.
    scale: dict[str, int] = field(default_factory=dict)
    # Empty for the development rule, a host name for the production rule under /stream.
    domain: str = ""
    # Environment by service, or by replica, that the table in services.py does not give, or gives otherwise.
    overrides: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def edge(self) -> str:
        """Where Traefik and Redis listen."""
        return f"{self.net}.0.1"

    @property
    def base_path(self) -> str:
        return "/stream" if self.domain else ""

    @property
    def run(self) -> Path:
        return self.data / "run"

    @property
    def log(self) -> Path:
        return self.data / "log"

    @property
    def secrets(self) -> Path:
        return self.data / "secrets"

    @property
    def first_login(self) -> Path:
        return self.data / "first-login"

    def replicas(self, service: str) -> list[Replica]:
        subnet = SUBNETS[service]
        return [
            Replica(service, number, f"{self.net}.{subnet}.{number}")
            for number in range(1, self.scale.get(service, 1) + 1)
        ]

    def all_replicas(self) -> list[Replica]:
        return [replica for service in SUBNETS for replica in self.replicas(service)]


def parse_scale(values: list[str]) -> dict[str, int]:
    """`ws-fanout=2` into a number of replicas."""
    scale = {}
    for value in values:
        service, _, count = value.partition("=")
        if service not in SUBNETS:
            raise Failure(f"--scale {value}: no service {service!r}; there are {', '.join(SUBNETS)}")
        if not count.isdigit() or not 0 <= int(count) <= 250:
            raise Failure(f"--scale {value}: give a number from 0 to 250, as in {service}=2")
        scale[service] = int(count)
    return scale


def parse_overrides(values: list[str]) -> dict[str, dict[str, str]]:
    """`stream-engine.SM__LEASE__TTL_MS=2000` into a variable of that service; `all.` is for each, and
    `stream-engine-2.` for that replica."""
    overrides: dict[str, dict[str, str]] = {}
    for value in values:
        target, separator, text = value.partition("=")
        service, _, variable = target.partition(".")
        known = {*SUBNETS, "all"}
        is_replica = service.rpartition("-")[0] in SUBNETS and service.rpartition("-")[2].isdigit()
        if not separator or not variable or not (service in known or is_replica):
            raise Failure(f"--set {value}: write SERVICE.VARIABLE=VALUE, with all for every service, or SERVICE-N")
        for name in SUBNETS if service == "all" else [service]:
            overrides.setdefault(name, {})[variable] = text
    return overrides


def parse_net(value: str) -> str:
    """A network prefix such as `127.77`."""
    numbers = value.split(".")
    if len(numbers) != 2 or numbers[0] != "127" or not numbers[1].isdigit() or int(numbers[1]) > 255:
        raise Failure(f"--net {value}: give the first two numbers of a loopback address, as in 127.77")
    return value


def from_environment(name: str, default: str) -> str:
    """A variable that is set and not empty, else the default."""
    return os.environ.get(name) or default
