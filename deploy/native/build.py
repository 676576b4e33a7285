"""Builds the console and the binaries. Says what it does, and is quick when nothing changed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from failure import Failure
from machine import say, tool_environment
from settings import ROOT, SUBNETS

CONSOLE = ROOT / "services" / "console"
# The console is built from its sources.
CLIENT = ROOT / "clients" / "typescript"
PACKAGES = [*(f"sm-{service}" for service in SUBNETS), "sm-media-engine"]


def console() -> None:
    """services/console/dist, which api-gateway embeds."""
    dependencies()
    if max(newest(CONSOLE), newest(CLIENT / "src")) <= modified(CONSOLE / "dist" / "index.html"):
        return
    say("building the console")
    step(["npm", "run", "--silent", "build"], "npm run build", CONSOLE)


def dependencies() -> None:
    """The console's packages."""
    packages(CONSOLE, "the console")


def client() -> None:
    """What the client is built and tested with; the console needs none of it."""
    packages(CLIENT, "the client")


def packages(directory: Path, name: str) -> None:
    """Exactly what the lock file has."""
    if modified(directory / "package-lock.json") > modified(directory / "node_modules" / ".package-lock.json"):
        say(f"installing the packages of {name}")
        step(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], "npm ci", directory)


def binaries(release: bool) -> None:
    """Every service and the media worker."""
    started = time.monotonic()
    say(f"building the services and the media worker ({'release' if release else 'dev'} profile)")
    command = ["cargo", "build", "--locked", *(["--release"] if release else [])]
    for package in PACKAGES:
        command += ["-p", package]
    step(command, "cargo build", ROOT)
    say(f"built in {time.monotonic() - started:.0f} s")


def step(command: list[str], name: str, directory: Path) -> None:
    """A step that shows its own progress."""
    if subprocess.run(command, cwd=directory, env=tool_environment()).returncode != 0:
        raise Failure(f"{name} failed; the reason is above")


def newest(directory: Path) -> float:
    """When the youngest source file below changed."""
    made = {"node_modules", "dist", "test-results", "playwright-report"}
    times = [0.0]
    for path in directory.iterdir():
        if path.name in made:
            continue
        files = path.rglob("*") if path.is_dir() else [path]
        times += [modified(file) for file in files if file.is_file()]
    return max(times)


def modified(path: Path) -> float:
    """When a file changed; before everything else when there is none."""
    return path.stat().st_mtime if path.exists() else 0.0
