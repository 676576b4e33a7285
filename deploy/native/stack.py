#!/usr/bin/env python3
"""Stream Manager as plain processes on loopback addresses. docs/guides/native.md explains it.

    stack.py setup [--tests]       install what is missing
    stack.py tools                 only what is pinned in .venv
    stack.py build [--dev]         build the console and the binaries
    stack.py console               only the console
    stack.py client                install what the TypeScript client is built and tested with
    stack.py run                   setup, build, start, follow the logs, stop on Ctrl-C
    stack.py up --detach           start what is built, and return when it is on air
    stack.py status | down         ask it, stop it
    stack.py routing               print Traefik's routing as the native run has it
    stack.py rotate-key            let a new key sign tokens from now on, while everything runs
    stack.py secrets DIRECTORY     make the secrets of the containers
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import machine
import secret_files
from failure import Failure
from settings import ROOT, VENV, Settings, from_environment, parse_net, parse_overrides, parse_scale


def main() -> int:
    arguments = parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        return COMMANDS[arguments.command](arguments)
    except Failure as failure:
        print(f"stream-manager: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = result.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("tools", "console", "client"):
        commands.add_parser(name)
    setup = commands.add_parser("setup")
    setup.add_argument("--tests", action="store_true", help="also what only the tests need")
    build = commands.add_parser("build")
    build.add_argument("--dev", action="store_true", help="the dev profile instead of release")
    secrets = commands.add_parser("secrets")
    secrets.add_argument("directory", type=Path)
    for name in ("run", "up", "down", "status", "routing", "rotate-key"):
        stack_options(commands.add_parser(name))
    up = commands.choices["up"]
    up.add_argument("--detach", action="store_true", help="leave it running in the background")
    for name in ("run", "up"):
        commands.choices[name].add_argument(
            "--wait", choices=("none", "ready", "live"), default="live", help="what to wait for (live)"
        )
    return result


def stack_options(command: argparse.ArgumentParser) -> None:
    """Which stack is meant, and of what it is made."""
    add = command.add_argument
    add("--net", default=from_environment("NET", "127.0"), help="first two numbers of its addresses (127.0)")
    add("--data", type=Path, default=Path(from_environment("DATA_DIR", str(ROOT / "data"))), help="its data (data/)")
    add("--bin", type=Path, default=Path(from_environment("BIN_DIR", str(ROOT / "target" / "release"))))
    add("--scale", action="append", default=from_environment("SCALE", "").split(), metavar="SERVICE=N")
    add("--domain", default=from_environment("DOMAIN", ""), help="the production rule for this host, under /stream")
    add("--set", action="append", default=[], metavar="SERVICE.VARIABLE=VALUE", help="environment of a service, or of all")


def settings_of(arguments: argparse.Namespace) -> Settings:
    return Settings(
        net=parse_net(arguments.net),
        data=arguments.data.resolve(),
        binaries=arguments.bin.resolve(),
        scale=parse_scale(arguments.scale),
        domain=arguments.domain,
        overrides=parse_overrides(arguments.set),
    )


def setup(arguments: argparse.Namespace) -> int:
    machine.set_up(tests=arguments.tests)
    return 0


def tools(_arguments: argparse.Namespace) -> int:
    machine.virtual_environment()
    return 0


def console(_arguments: argparse.Namespace) -> int:
    import build as builder

    builder.console()
    return 0


def client(_arguments: argparse.Namespace) -> int:
    import build as builder

    builder.client()
    return 0


def build(arguments: argparse.Namespace) -> int:
    import build as builder

    builder.console()
    builder.binaries(release=not arguments.dev)
    return 0


def run(arguments: argparse.Namespace) -> int:
    machine.set_up()
    inside_virtual_environment()
    import build as builder

    builder.console()
    builder.binaries(release=True)
    arguments.detach = False
    return up(arguments)


def up(arguments: argparse.Namespace) -> int:
    inside_virtual_environment()
    import lifecycle

    settings = settings_of(arguments)
    stack = lifecycle.Stack(settings)
    machine.say("starting")
    stack.start()
    try:
        stack.wait(arguments.wait)
        stack.announce()
        if not arguments.detach:
            machine.say("following the logs; Ctrl-C stops everything")
            stack.follow()
    except KeyboardInterrupt:
        stop_patiently(settings)
        return 0 if not arguments.detach else 130
    except Failure:
        stop_patiently(settings)
        raise
    return 0


def stop_patiently(settings: Settings) -> None:
    """In order; a second Ctrl-C ends everything at once."""
    import lifecycle

    try:
        lifecycle.stop(settings)
    except KeyboardInterrupt:
        lifecycle.kill(settings)


def inside_virtual_environment() -> None:
    """The rest of this program uses what is installed in .venv: starts over with its Python."""
    machine.virtual_environment()
    if Path(sys.prefix) != VENV:
        python = str(VENV / "bin" / "python3")
        # Python finds its environment by the path that it is called by.
        os.execv(python, [python, __file__, *sys.argv[1:]])


def down(arguments: argparse.Namespace) -> int:
    import lifecycle

    lifecycle.stop(settings_of(arguments))
    return 0


def status(arguments: argparse.Namespace) -> int:
    inside_virtual_environment()
    import lifecycle

    return 0 if lifecycle.Stack(settings_of(arguments)).status() else 1


def routing(arguments: argparse.Namespace) -> int:
    inside_virtual_environment()
    import compose_file
    import routing as translation
    import yaml

    settings = settings_of(arguments)
    print(yaml.safe_dump(translation.native(compose_file.load(settings.domain), settings), width=200), end="")
    return 0


def rotate_key(arguments: argparse.Namespace) -> int:
    key = secret_files.add_signing_key(settings_of(arguments).secrets)
    machine.say(f"{key.name} signs from a minute from now on; tokens of before stay valid until they end")
    return 0


def secrets(arguments: argparse.Namespace) -> int:
    secret_files.for_compose(arguments.directory)
    return 0


COMMANDS = {
    "setup": setup,
    "tools": tools,
    "console": console,
    "client": client,
    "build": build,
    "run": run,
    "up": up,
    "down": down,
    "status": status,
    "routing": routing,
    "rotate-key": rotate_key,
    "secrets": secrets,
}

if __name__ == "__main__":
    sys.exit(main())
