"""Traefik's configuration for the native run, from docker-compose.yml.

The labels say where requests go in containers; here the same labels become a file for Traefik's
file provider. Two things differ: servers are the replicas' loopback addresses instead of
containers, and label middlewares lose no meaning because none is defined in a label.
"""

from __future__ import annotations

from pathlib import Path

from failure import Failure
from settings import ROOT, Settings

DYNAMIC = ROOT / "traefik" / "dynamic"

# Settings that are lists. In a label they are separated by commas.
LISTS = {"entrypoints", "middlewares"}

# How a server is written, by the protocol of its labels.
SERVER = {
    "http": lambda place: {"url": f"http://{place}"},
    "tcp": lambda place: {"address": place},
    "udp": lambda place: {"address": place},
}

# Each engine has an address of its own here, which browsers reach without Traefik.
WITHOUT_TRAEFIK = {("udp", "stream-engine-webrtc")}

# Flags of the Traefik container that mean nothing without containers.
CONTAINER_FLAGS = (
    "--providers.docker",
    "--providers.file.directory",
    "--entrypoints.webrtc",
    # Nobody outside reaches the loopback addresses, to prove anything to.
    "--certificatesresolvers",
    "--entrypoints.websecure.http.tls.certresolver",
)


def native(compose: dict, settings: Settings) -> dict:
    """The dynamic configuration: every label of every service."""
    tree: dict = {}
    for service, definition in compose["services"].items():
        for label, value in sorted((definition.get("labels") or {}).items()):
            path = label.split(".")
            if path[0] == "traefik" and path[1] in SERVER:
                if (path[1], path[3]) not in WITHOUT_TRAEFIK:
                    place(tree, path[1:], value)
            elif label != "traefik.enable":
                raise Failure(f"docker-compose.yml, {service}: the native run cannot translate the label {label}")
        for protocol in SERVER:
            for name in service_names(definition, protocol):
                servers(tree[protocol]["services"][name]["loadbalancer"], settings, service, protocol)
    return tree


def place(tree: dict, path: list[str], value: str) -> None:
    """Puts a label's value where its dotted name says."""
    *parents, last = path
    for parent in parents:
        tree = tree.setdefault(parent, {})
    tree[last] = [item.strip() for item in value.split(",")] if last in LISTS else value


def service_names(definition: dict, protocol: str) -> list[str]:
    """The Traefik services that a container's labels define."""
    prefix = f"traefik.{protocol}.services."
    labels = definition.get("labels") or {}
    names = {label[len(prefix):].split(".")[0] for label in labels if label.startswith(prefix)}
    return sorted(name for name in names if (protocol, name) not in WITHOUT_TRAEFIK)


def servers(balancer: dict, settings: Settings, service: str, protocol: str) -> None:
    """A port in a label is the same port on every replica's own address."""
    port = balancer.pop("server")["port"]
    balancer["servers"] = [SERVER[protocol](f"{replica.address}:{port}") for replica in settings.replicas(service)]


def traefik_flags(compose: dict, settings: Settings, dynamic: Path) -> list[str]:
    """The Traefik container's flags, listening on this stack's address, reading `dynamic`."""
    flags = []
    for flag in compose["services"]["traefik"]["command"]:
        if flag.startswith(CONTAINER_FLAGS):
            continue
        name, _, value = flag.partition("=")
        if name.startswith("--entrypoints.") and name.endswith(".address"):
            flag = f"{name}={settings.edge}{value}"
        flags.append(flag)
    return [*flags, f"--providers.file.directory={dynamic}"]


def traefik_environment(compose: dict) -> dict[str, str]:
    """What the templates in traefik/dynamic read."""
    return compose["services"]["traefik"]["environment"]


def entry_ports(compose: dict, protocol: str = "tcp") -> dict[str, int]:
    """Port by entry point, of one protocol."""
    ports = {}
    for flag in compose["services"]["traefik"]["command"]:
        name, _, value = flag.partition("=")
        port, _, spoken = value.partition("/")
        if name.startswith("--entrypoints.") and name.endswith(".address") and (spoken or "tcp") == protocol:
            ports[name.split(".")[1]] = int(port.lstrip(":"))
    return ports


def write(compose: dict, settings: Settings, directory: Path) -> None:
    """Lays out the folder that Traefik watches: the shared files, and the routing beside them."""
    import yaml

    directory.mkdir(parents=True, exist_ok=True)
    for stale in directory.glob("*.yml"):
        stale.unlink()
    for shared in DYNAMIC.glob("*.yml"):
        (directory / shared.name).write_text(shared.read_text())
    text = yaml.safe_dump(native(compose, settings), sort_keys=True, width=200)
    (directory / "routing.yml").write_text("# Made from docker-compose.yml by deploy/native/routing.py.\n" + text)
