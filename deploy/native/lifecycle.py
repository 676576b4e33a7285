"""Starting, watching and stopping one native stack."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import subprocess
import time
from pathlib import Path

import compose_file
import follow
import on_air
import routing
import secret_files
import services
import sockets
import supervision
from failure import Failure
from machine import say
from settings import REDIS_PORT, SUBNETS, VENV, Replica, Settings

# What processes inherit from whoever starts the stack; everything else is in services.py.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "RUST_BACKTRACE")

# A first start makes GStreamer look at every plugin.
READY_SECONDS = 90
ON_AIR_SECONDS = 90
STOP_SECONDS = 90
WORKER_SECONDS = 5
WORKER_PREFIX = "media-worker-"


class Stack:
    """A stack of processes under one supervisor."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.compose = compose_file.load(settings.domain)
        self.programs = supervision.programs(self.compose, settings)

    # -- start ------------------------------------------------------------------------------

    def start(self) -> None:
        """Writes everything that the processes read, and starts them."""
        settings = self.settings
        if pid := running_supervisor(settings):
            raise Failure(f"this stack runs already (pid {pid}, data in {settings.data}); stop it with `make stop`")
        self.require_binaries()
        sockets.require_free(self.listeners())
        for directory in (settings.data, settings.run, settings.log, settings.data / "redis", settings.data / "assets"):
            directory.mkdir(parents=True, exist_ok=True)
        remove_pid_files(settings)
        secret_files.for_native(settings.secrets)
        routing.write(self.compose, settings, settings.run / "traefik")
        users = secret_files.redis_users(settings.secrets, 0o600)
        write_private(settings.run / "redis.conf", supervision.redis_configuration(settings, users))
        write_private(settings.run / "supervisord.conf", supervision.configuration(settings, self.programs))
        self.check_configurations()
        self.supervise()

    def supervise(self) -> None:
        """Starts the supervisor, in a session of its own: Ctrl-C reaches this process, which then
        stops the others in order."""
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        command = [str(VENV / "bin" / "supervisord"), "--nodaemon", "-c", str(self.settings.run / "supervisord.conf")]
        log = self.settings.log / "supervisord.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file, start_new_session=True
            )
        deadline = time.monotonic() + 20
        while running_supervisor(self.settings) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                lines = log.read_text().strip().splitlines()
                raise Failure(f"supervisord did not start: {lines[-1] if lines else 'no output'}")
            time.sleep(0.05)

    def require_binaries(self) -> None:
        names = {*(replica.service for replica in self.settings.all_replicas()), "media-worker"}
        missing = sorted(name for name in names if not (self.settings.binaries / name).exists())
        if missing:
            raise Failure(f"{self.settings.binaries} has no {', '.join(missing)}; build first: `make build`")

    def listeners(self) -> list[tuple[str, int]]:
        """Every address and port that the stack is about to bind."""
        settings = self.settings
        own = [(settings.edge, port) for port in [*routing.entry_ports(self.compose).values(), REDIS_PORT]]
        return own + [pair for replica in settings.all_replicas() for pair in services.listeners(settings, replica)]

    def check_configurations(self) -> None:
        """Asks every service whether it would start with what it is about to be told."""
        first = [replicas[0] for service in SUBNETS if (replicas := self.settings.replicas(service))]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for complaint in pool.map(self.complaint, first):
                if complaint:
                    raise Failure(complaint)

    def complaint(self, replica: Replica) -> str | None:
        command = [str(self.settings.binaries / replica.service), "check-config"]
        environment = {"PATH": os.environ["PATH"], **services.environment(self.settings, replica)}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
        if result.returncode == 0:
            return None
        lines = (result.stderr.strip() or result.stdout.strip() or "no output").splitlines()
        return f"{replica.service} refuses its configuration: {' '.join(lines)}"

    def wait(self, until: str) -> None:
        """Until `ready` (every service) or `live` (the picture can be watched through Traefik)."""
        if until == "none":
            return
        settings = self.settings
        on_air.wait("a service is not ready", lambda: on_air.not_ready(settings), READY_SECONDS, self.alive)
        if until == "ready":
            return
        # Off air is right only where somebody left it so.
        first = not (settings.data / "was-on-air").exists()
        on_air.wait("not on air", lambda: on_air.off_air(settings, must_be_live=first), ON_AIR_SECONDS, self.alive)
        (settings.data / "was-on-air").touch()

    # -- run --------------------------------------------------------------------------------

    def alive(self) -> None:
        """Fails when the supervisor itself is gone."""
        if running_supervisor(self.settings) is None:
            raise Failure(f"the supervisor has ended; see {self.settings.log / 'supervisord.log'}")

    def follow(self) -> None:
        names = [program.name for program in self.programs]
        names += [program.errors.stem for program in self.programs if program.errors]
        follow.follow(self.settings.log, names, self.alive)

    def announce(self) -> None:
        """The few lines that somebody needs who starts this for the first time."""
        settings, ports = self.settings, routing.entry_ports(self.compose)
        host = settings.domain or settings.edge
        base = f"http://{host}:{ports['web']}{settings.base_path}/"
        print(f"\n  console    {base}")
        if settings.domain:
            print(f"             (`{settings.domain}` has to lead to {settings.edge}, for example in /etc/hosts)")
        if settings.first_login.exists():
            login = ", ".join(settings.first_login.read_text().splitlines())
            print(f"  login      {login}")
        print(f"  state      curl -s http://{host}:{ports['api']}{settings.base_path}/api/stream/state")
        print(f"  picture    http://{host}:{ports['api']}{settings.base_path}/live/main/index.m3u8")
        print(f"  publish    rtmp://{host}:{ports['rtmp']}/live, with the stream key of an ingest layer")
        srt = routing.entry_ports(self.compose, "udp")["srt"]
        print(f"             srt://{host}:{srt}, with the key as its stream id")
        print(f"  health     http://{settings.edge}:{ports['health']}/health")
        print(f"  data, logs {settings.data}\n", flush=True)

    # -- status and stop ----------------------------------------------------------------------

    def status(self) -> bool:
        """One line per process. True when all of them run and every service is ready."""
        good = running_supervisor(self.settings) is not None
        health = {replica.name: replica for replica in self.settings.all_replicas()}
        for program in self.programs:
            pid = live_pid(self.settings.run / f"{program.name}.pid")
            word = f"pid {pid}" if pid else "not running"
            if pid and program.name in health:
                url = f"http://{health[program.name].address}:{services.PORTS['health']}/health/ready"
                ready = on_air.get(url)[0] == 200
                word += ", ready" if ready else ", not ready"
                good = good and ready
            good = good and pid is not None
            print(f"{program.name:<20} {word}")
        return good


def stop(settings: Settings) -> None:
    """Services drain, then Traefik, then Redis. Returns when every process is gone, media workers
    included that no engine looks after any more."""
    if pid := running_supervisor(settings):
        say("stopping: services, Traefik, Redis")
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while is_supervisor(pid):
            if time.monotonic() > deadline:
                kill(settings)
                raise Failure(f"the stack did not stop within {STOP_SECONDS} s and was killed")
            time.sleep(0.1)
    end_workers(settings)
    remove_pid_files(settings)


def kill(settings: Settings) -> None:
    """Ends everything at once: the supervisor first, so that it brings nothing back."""
    if pid := running_supervisor(settings):
        os.kill(pid, signal.SIGKILL)
    for file in settings.run.glob("*.pid"):
        pid = live_pid(file)
        if pid and not file.name.startswith(WORKER_PREFIX):
            os.kill(pid, signal.SIGKILL)
    for pid in workers(settings):
        os.kill(pid, signal.SIGKILL)
    remove_pid_files(settings)


def end_workers(settings: Settings) -> None:
    """Ends the media workers that are left, and waits for them."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        for pid in workers(settings):
            os.kill(pid, sent)
        deadline = time.monotonic() + WORKER_SECONDS
        while workers(settings):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)


def workers(settings: Settings) -> list[int]:
    """The media workers of this stack that run."""
    pids = (live_pid(file) for file in settings.run.glob(f"{WORKER_PREFIX}*.pid"))
    return [pid for pid in pids if pid and is_worker(pid)]


def is_worker(pid: int) -> bool:
    """A number in a file may belong to another process by now."""
    try:
        program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return False
    return Path(program.decode(errors="replace")).name == "media-worker"


def remove_pid_files(settings: Settings) -> None:
    """Leftovers of a stack that is not running: a number may belong to another process by now. A
    media worker that still runs keeps its own: the next engine goes on with it."""
    for file in settings.run.glob("*.pid"):
        pid = live_pid(file)
        if not (file.name.startswith(WORKER_PREFIX) and pid and is_worker(pid)):
            file.unlink(missing_ok=True)


def running_supervisor(settings: Settings) -> int | None:
    pid = live_pid(supervision.pid_file(settings))
    return pid if pid and is_supervisor(pid) else None


def is_supervisor(pid: int) -> bool:
    """A number in a file may belong to another process by now."""
    try:
        return b"supervisord" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def live_pid(file: Path) -> int | None:
    """The process that a pid file names, when it lives."""
    try:
        pid = int(file.read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
