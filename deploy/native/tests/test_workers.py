"""Media workers outlive their engine, and never the stack."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import lifecycle
from settings import Settings

LAUNCH = Path(__file__).resolve().parents[1] / "launch.sh"


class Workers(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name)
        self.settings = Settings(
            net="127.99", data=self.data, binaries=self.data, scale={}, domain="", overrides={}
        )
        self.settings.run.mkdir()
        (self.data / "media-worker").symlink_to("/bin/sleep")

    def process(self, program: str, pid_file: str) -> subprocess.Popen:
        process = subprocess.Popen([program, "1000"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        (self.settings.run / pid_file).write_text(f"{process.pid}\n")
        return process

    def test_a_stop_ends_an_orphan_and_nobody_whose_number_is_in_an_old_file(self) -> None:
        orphan = self.process(str(self.data / "media-worker"), "media-worker-main.pid")
        bystander = self.process("sleep", "media-worker-second.pid")
        lifecycle.stop(self.settings)
        self.assertIsNotNone(orphan.poll())
        self.assertIsNone(bystander.poll())
        self.assertEqual(list(self.settings.run.glob("*.pid")), [])

    def test_a_start_leaves_an_orphan_to_the_engine_that_is_about_to_come(self) -> None:
        orphan = self.process(str(self.data / "media-worker"), "media-worker-main.pid")
        self.process("sleep", "media-worker-second.pid")
        lifecycle.remove_pid_files(self.settings)
        self.assertEqual([file.name for file in self.settings.run.glob("*.pid")], ["media-worker-main.pid"])
        self.assertIsNone(orphan.poll())
        lifecycle.kill(self.settings)
        self.assertEqual(orphan.wait(timeout=10), -9)

    def test_a_launched_process_says_who_it_is_and_its_errors_go_to_their_file(self) -> None:
        pid, errors = self.data / "one.pid", self.data / "one.log"
        errors.write_bytes(b"x" * 10_000_001)
        command = ["sh", "-c", "echo $$; echo wrong >&2"]
        run = subprocess.run([str(LAUNCH), str(pid), str(errors), *command], capture_output=True, text=True, check=True)
        self.assertEqual((run.stdout, run.stderr), (pid.read_text(), ""))
        self.assertEqual(errors.read_text(), "wrong\n")
        self.assertTrue((self.data / "one.log.1").exists())
        run = subprocess.run([str(LAUNCH), str(pid), "-", *command], capture_output=True, text=True, check=True)
        self.assertEqual(run.stderr, "wrong\n")
