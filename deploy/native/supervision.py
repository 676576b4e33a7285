"""The supervisor's configuration: which processes, with what environment, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import routing
import services
from settings import REDIS_PORT, VENV, Replica, Settings, from_environment

LAUNCH = Path(__file__).with_name("launch.sh")


@dataclass(frozen=True)
class Program:
    """One process that is kept running."""

    name: str
    # Groups start in this order and stop in the opposite one.
    group: str
    command: list[str]
    environment: dict[str, str]
    # How long it may take to stop before it is killed.
    stop_seconds: int
    # Where its standard error goes; None: with its standard output.
    errors: Path | None = None


def programs(compose: dict, settings: Settings) -> list[Program]:
    """Redis first and last, the services while Traefik still carries their goodbyes."""
    traefik = [str(VENV / "bin" / "traefik"), *routing.traefik_flags(compose, settings, settings.run / "traefik")]
    return [
        Program("redis-1", "redis", ["redis-server", str(settings.run / "redis.conf")], {}, 15),
        Program("traefik-1", "traefik", traefik, routing.traefik_environment(compose), 15),
        *(
            Program(
                replica.name,
                "services",
                [str(settings.binaries / replica.service)],
                services.environment(settings, replica),
                25,
                worker_log(settings, replica) if replica.service == "stream-engine" else None,
            )
            for replica in settings.all_replicas()
        ),
    ]


def worker_log(settings: Settings, replica: Replica) -> Path:
    """Of an engine's media workers, which inherit its standard error and may outlive it. A file: the
    supervisor's pipe ends with the engine."""
    return settings.log / f"{replica.name}-workers.log"


def redis_configuration(settings: Settings, users: str) -> str:
    """Persistent (ADR 72), full before the machine is, and the passwords are in no process list."""
    return f"""bind {settings.edge}
port {REDIS_PORT}
{users}dir {settings.data / 'redis'}
appendonly yes
appendfsync {from_environment("REDIS_APPENDFSYNC", "everysec")}
save ""
maxmemory {from_environment("REDIS_MAXMEMORY", "256mb")}
maxmemory-policy noeviction
"""


def configuration(settings: Settings, all_programs: list[Program]) -> str:
    """supervisord.conf."""
    groups = {"redis": 1, "traefik": 2, "services": 3}
    parts = [
        f"""[supervisord]
logfile = {settings.log / 'supervisord.log'}
logfile_maxbytes = 5MB
logfile_backups = 1
pidfile = {pid_file(settings)}
childlogdir = {settings.log}
"""
    ]
    for group, priority in groups.items():
        names = ",".join(program.name for program in all_programs if program.group == group)
        parts.append(f"[group:{group}]\nprograms = {names}\npriority = {priority}\n")
    parts += [section(settings, program) for program in all_programs]
    return "\n".join(parts)


def section(settings: Settings, program: Program) -> str:
    pid = settings.run / f"{program.name}.pid"
    command = " ".join(quote(word) for word in [str(LAUNCH), str(pid), str(program.errors or "-"), *program.command])
    environment = ",".join(f"{name}={quote(value)}" for name, value in program.environment.items())
    return f"""[program:{program.name}]
command = {command}
environment = {environment}
directory = {settings.data}
autorestart = true
; A process that dies at once is tried again every second, for as long as it takes.
startsecs = 0
stopwaitsecs = {program.stop_seconds}
killasgroup = true
redirect_stderr = true
stdout_logfile = {settings.log / f'{program.name}.log'}
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2
"""


def quote(text: str) -> str:
    """As the supervisor's parser wants it: a percent sign starts an expansion."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def pid_file(settings: Settings) -> Path:
    return settings.run / "supervisord.pid"
