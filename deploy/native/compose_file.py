"""docker-compose.yml as Docker Compose itself reads it, variables filled in."""

from __future__ import annotations

import json
import os
import subprocess

from failure import Failure
from settings import ROOT, VENV


def load(domain: str) -> dict:
    """The whole file under the development rule (no domain) or the production rule."""
    environment = {**os.environ, "DOMAIN": domain}
    command = [VENV / "bin" / "docker-compose", "--project-directory", ROOT, "-f", ROOT / "docker-compose.yml"]
    result = subprocess.run([*command, "config", "--format", "json"], env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        raise Failure(f"docker-compose.yml: {result.stderr.strip().splitlines()[-1]}")
    return json.loads(result.stdout)
