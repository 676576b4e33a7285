"""Who listens on an address, for the one line that says why a stack cannot start."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from failure import Failure

LISTEN = "0A"


def require_free(listeners: list[tuple[str, int]]) -> None:
    """Fails with the first address that somebody else has."""
    for address, port in listeners:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise Failure(f"cannot listen on {address}:{port}: {reason(error, port)}") from error


def reason(error: OSError, port: int) -> str:
    if error.errno != errno.EADDRINUSE:
        return error.strerror or str(error)
    holder = owner(port)
    return f"the port is taken by {holder}" if holder else "the port is taken"


def owner(port: int) -> str | None:
    """The process that listens on the port, where this user may know."""
    inodes = listening_inodes(port)
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            links = [link.readlink().name for link in (process / "fd").iterdir()]
            name = (process / "comm").read_text().strip()
        except OSError:
            continue
        if any(link == f"socket:[{inode}]" for link in links for inode in inodes):
            return f"{name} (pid {process.name})"
    return None


def listening_inodes(port: int) -> set[str]:
    """Socket numbers from the kernel's tables."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        if not path.exists():
            continue
        for line in path.read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(columns[9])
    return inodes
