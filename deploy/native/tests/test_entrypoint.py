"""The engine's container starts its engine again, and knows when not to."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ENTRYPOINT = Path(__file__).resolve().parents[2] / "engine-entrypoint.sh"

# Says that it was started, and does what the file `plan` says for this start.
ENGINE = """#!/bin/sh
trap 'echo told >>ends; exit 0' TERM
echo "$$ $*" >>starts
plan=$(sed -n "$(wc -l <starts)p" plan)
case $plan in
    run) while :; do sleep 0.05; done ;;
    *) exit "$plan" ;;
esac
"""
PATIENCE = 20


class Entrypoint(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        engine = self.folder / "stream-engine"
        engine.write_text(ENGINE)
        engine.chmod(0o755)

    def start(self, *plan: str, arguments: tuple[str, ...] = ()) -> subprocess.Popen:
        (self.folder / "plan").write_text("".join(f"{line}\n" for line in plan))
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "ENGINE_FAILURES_MAX": "3",
            "ENGINE_WAIT_S": "0",
        }
        process = subprocess.Popen(
            [str(ENTRYPOINT), *arguments], cwd=self.folder, env=environment, stderr=subprocess.DEVNULL
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def starts(self) -> list[list[str]]:
        file = self.folder / "starts"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def until_started(self, count: int) -> int:
        deadline = time.monotonic() + PATIENCE
        while len(self.starts()) < count:
            self.assertLess(time.monotonic(), deadline, self.starts())
            time.sleep(0.02)
        return int(self.starts()[-1][0])

    def test_a_killed_engine_is_started_again_and_a_signal_is_passed_on(self) -> None:
        process = self.start("run", "run")
        os.kill(self.until_started(1), signal.SIGKILL)
        self.until_started(2)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=PATIENCE), 0)
        self.assertEqual((self.folder / "ends").read_text(), "told\n")

    def test_a_wrong_configuration_is_not_tried_again(self) -> None:
        for code in (78, 64, 0):
            (self.folder / "starts").unlink(missing_ok=True)
            process = self.start(str(code), "run")
            self.assertEqual(process.wait(timeout=PATIENCE), code)
            self.assertEqual(len(self.starts()), 1)

    def test_an_engine_that_dies_again_and_again_ends_the_container(self) -> None:
        process = self.start("1", "2", "3", "4", "run")
        self.assertEqual(process.wait(timeout=PATIENCE), 4)
        self.assertEqual(len(self.starts()), 4)

    def test_a_single_command_is_just_that(self) -> None:
        process = self.start("5", arguments=("healthcheck",))
        self.assertEqual(process.wait(timeout=PATIENCE), 5)
        self.assertEqual([start[1:] for start in self.starts()], [["healthcheck"]])
