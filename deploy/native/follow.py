"""The logs of every process as one, readable by people."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Callable, Iterator

LEVELS = {"ERROR": "31", "WARN": "33", "error": "31", "warn": "33"}


class Tail:
    """New lines of one file, through rotations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = path.stat().st_size if path.exists() else 0
        self.rest = b""

    def lines(self) -> Iterator[str]:
        try:
            size = self.path.stat().st_size
            if size < self.position:
                self.position, self.rest = 0, b""
            if size == self.position:
                return
            with self.path.open("rb") as file:
                file.seek(self.position)
                data = file.read()
                self.position = file.tell()
        except FileNotFoundError:
            return
        *complete, self.rest = (self.rest + data).split(b"\n")
        yield from (line.decode(errors="replace") for line in complete if line)


def follow(directory: Path, names: list[str], alive: Callable[[], None]) -> None:
    """Prints what is written from now on, until interrupted."""
    tails = {name: Tail(directory / f"{name}.log") for name in names}
    width = max(map(len, names))
    while True:
        for name, tail in tails.items():
            for line in tail.lines():
                print(f"{name:<{width}} {readable(line)}", flush=True)
        alive()
        time.sleep(0.3)


def readable(line: str) -> str:
    """Level, message and fields of a JSON line; anything else as it is."""
    try:
        entry = json.loads(line)
        level = entry["level"]
    except (ValueError, TypeError, KeyError):
        return line
    fields = {**entry, **(entry.get("fields") or {})}
    message = fields.get("message") or fields.get("msg") or ""
    hidden = {"timestamp", "time", "level", "message", "msg", "fields", "target", "span", "spans"}
    rest = " ".join(f"{key}={value}" for key, value in fields.items() if key not in hidden)
    text = f"{level:<5} {message} {rest}".rstrip()
    return f"\033[{LEVELS[level]}m{text}\033[0m" if level in LEVELS and sys.stdout.isatty() else text
