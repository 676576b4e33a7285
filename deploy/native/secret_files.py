"""Passwords and keys that a stack makes for itself once, for both modes."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import time
from pathlib import Path

from settings import SUBNETS

# What a service may do in Redis: everything with our keys, and nothing to the server, its users or all
# keys at once. `info` says which process the server is.
RIGHTS = "~sm:* resetchannels &* +@all -@admin -@dangerous +info"

# RFC 8410: what stands before the 32 bytes of an Ed25519 key in PKCS#8. Any 32 bytes are a key.
PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")


def ed25519_pem() -> str:
    """A new signing key."""
    body = base64.b64encode(PKCS8_ED25519 + secrets.token_bytes(32)).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"


def write_once(path: Path, make, mode: int) -> str:
    """What the file says, made first where there is none. Complete or absent, whatever happens."""
    if not path.exists():
        unfinished = path.with_name(path.name + ".new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(make())
        # The mask of the shell does not decide.
        unfinished.chmod(mode)
        unfinished.rename(path)
    return path.read_text()


def add_signing_key(secrets_directory: Path) -> Path:
    """A newer signing key, which takes over from those that are there."""
    directory = secrets_directory / "signing-keys"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Sorted by time for people; the gateways go by the time of the file.
    key = directory / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(2)}.pem"
    write_once(key, ed25519_pem, 0o600)
    return key


def redis_password(directory: Path, service: str, mode: int) -> str:
    return write_once(directory / f"redis-password-{service}", lambda: secrets.token_urlsafe(32), mode)


def redis_users(directory: Path, mode: int) -> str:
    """Lines for redis.conf: the administrator's password, and a user for each service."""
    administrator = write_once(directory / "redis-password", lambda: secrets.token_urlsafe(32), mode)
    lines = [f"requirepass {administrator}"]
    for service in SUBNETS:
        digest = hashlib.sha256(redis_password(directory, service, mode).encode()).hexdigest()
        lines.append(f"user {service} on #{digest} {RIGHTS}")
    return "\n".join(lines) + "\n"


def for_native(directory: Path) -> None:
    """Files that only their owner reads; the services run as the same user."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    redis_users(directory, 0o600)
    write_once(directory / "jwt-signing-key.pem", ed25519_pem, 0o600)
    (directory / "signing-keys").mkdir(mode=0o700, exist_ok=True)
    write_once(directory / "playback-secret", lambda: secrets.token_urlsafe(32), 0o600)
    write_once(directory / "ingest-secret", lambda: secrets.token_urlsafe(32), 0o600)


def for_compose(directory: Path) -> None:
    """Files for `secrets:`. Compose mounts them with the owner and mode they have here, and the
    containers run as other users: so the files are open, and the folder is not."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    # Made of the passwords: one that an earlier version wrote knows fewer users.
    (directory / "redis.conf").unlink(missing_ok=True)
    users = redis_users(directory, 0o444)
    write_once(directory / "redis.conf", lambda: users, 0o444)
    write_once(directory / "jwt-signing-key.pem", ed25519_pem, 0o444)
    write_once(directory / "playback-secret", lambda: secrets.token_urlsafe(32), 0o444)
    write_once(directory / "ingest-secret", lambda: secrets.token_urlsafe(32), 0o444)
    write_once(directory / "first-admin-password", lambda: secrets.token_urlsafe(12), 0o444)
