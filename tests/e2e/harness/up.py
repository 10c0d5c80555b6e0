"""deploy/up as a process, and two fixtures: `up` starts it with a folder of its own, `var`, and
leaves nothing running. A conftest.py that imports them has them."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from .wait import until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PATIENCE = 120  # the first start builds


def hear_ctrl_c():
    """A test run in the background inherits a SIGINT that is ignored, and a shell script cannot undo that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Up:
    """`settings` are environment variables; ports are free ones unless they say otherwise."""

    def __init__(self, var, *arguments, **settings):
        self.var = var
        self.said = tempfile.TemporaryFile("w+")  # pylint: disable=consider-using-with
        environment = {
            "PATH": os.environ["PATH"],
            "VAR_DIR": var,
            "BUILD_DIR": os.environ.get("BUILD_DIR", os.path.join(ROOT, "build")),
            "EDGE_LISTEN": "127.0.0.1:0",
            "CONTROL_LISTEN": "127.0.0.1:0",
            "EXAMPLE_LISTEN": "127.0.0.1:0",
            "DRAIN_SECONDS": "500ms",
            "MAX_CONNECTIONS": "1000",  # so many descriptors every machine has: nothing to warn of
            **settings,
        }
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [os.path.join(ROOT, "deploy", "up"), *arguments], env=environment, cwd=ROOT,
            stdin=subprocess.DEVNULL, stdout=self.said, stderr=subprocess.STDOUT, preexec_fn=hear_ctrl_c)

    def text(self):
        self.said.seek(0)
        return self.said.read()

    def outputs(self):
        """What the file says, or None while there is none."""
        try:
            with open(os.path.join(self.var, "outputs.json"), encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def wait_up(self):
        def up_or_dead():
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.text()}"
            return self.outputs()

        return until(up_or_dead, lambda: f"deploy/up; so far:\n{self.text()}", PATIENCE)

    def wait_said(self, pattern):
        return until(lambda: re.search(pattern, self.text()), lambda: f"{pattern} in:\n{self.text()}", 60)

    def wait_exit(self):
        return self.process.wait(PATIENCE)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait_exit()

    def running(self, what=""):
        """Ids of all processes of this stack whose command line contains `what`."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    is_ours = f"VAR_DIR={self.var}\0".encode() in file.read()
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    command = file.read().decode(errors="replace")
            except OSError:
                continue
            if is_ours and what in command:
                found.append(int(entry))
        return found


@pytest.fixture(name="var")
def var_fixture():
    folder = tempfile.mkdtemp(prefix="slip-up-")
    os.chmod(folder, 0o755)  # PostgreSQL's user comes along
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(name="up")
def up_fixture(var):
    """up("--edges", "2", STACK_NAME="other")"""
    started = []

    def start(*arguments, **settings):
        started.append(Up(settings.pop("VAR_DIR", var), *arguments, **settings))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.stop(signal.SIGKILL)
    for each in started:
        for process in each.running():  # one that a test had stopped would not hear that it is to end
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
        until(lambda: not each.running(), lambda: f"left running: {each.running()}", 60)  # pylint: disable=cell-var-from-loop
