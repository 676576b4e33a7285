"""Passwords and keys that a stack makes for itself once, for both modes."""

from __future__ import annotations

import base64
import os
import secrets
import time
from pathlib import Path

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


def for_native(directory: Path) -> None:
    """Files that only their owner reads; the services run as the same user."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    write_once(directory / "redis-password", lambda: secrets.token_urlsafe(32), 0o600)
    write_once(directory / "jwt-signing-key.pem", ed25519_pem, 0o600)
    (directory / "signing-keys").mkdir(mode=0o700, exist_ok=True)
    write_once(directory / "playback-secret", lambda: secrets.token_urlsafe(32), 0o600)
    write_once(directory / "ingest-secret", lambda: secrets.token_urlsafe(32), 0o600)


def for_compose(directory: Path) -> None:
    """Files for `secrets:`. Compose mounts them with the owner and mode they have here, and the
    containers run as other users: so the files are open, and the folder is not."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    password = write_once(directory / "redis-password", lambda: secrets.token_urlsafe(32), 0o444)
    write_once(directory / "redis.conf", lambda: f"requirepass {password}\n", 0o444)
    write_once(directory / "jwt-signing-key.pem", ed25519_pem, 0o444)
    write_once(directory / "playback-secret", lambda: secrets.token_urlsafe(32), 0o444)
    write_once(directory / "ingest-secret", lambda: secrets.token_urlsafe(32), 0o444)
    write_once(directory / "first-admin-password", lambda: secrets.token_urlsafe(12), 0o444)
