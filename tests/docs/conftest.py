"""Fixtures. `guide` runs the programs of a page as the backends of a broker."""

import os
import socket
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
sys.path.insert(0, HERE)

from harness.ports import free_port  # noqa: E402
from harness.fixtures import postgres_fixture  # noqa: E402,F401
from harness.stack import SECRET, Stack  # noqa: E402
from harness.wait import until  # noqa: E402
from snippets import extract  # noqa: E402

BUILD = os.environ["SLIP_BUILD"]
INTERPRETERS = {".mjs": "node", ".py": "/usr/bin/python3"}


class Guide:
    """A page's programs in a folder; one of them at a time is the backend of the module's broker."""

    def __init__(self, postgres, page, folder):
        self.folder = folder
        self.port = free_port()
        self.programs = extract(page, folder)
        for name, target in (("build", BUILD), ("clients", os.path.join(ROOT, "clients"))):
            os.symlink(target, os.path.join(folder, name))  # it looks like the clone
        self.used = set()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.ring = Stack(postgres, TARGET_URL=self.url, LOG_LEVEL="debug")
        self.environment = {
            **os.environ, "PORT": str(self.port), "JWT_SECRET": SECRET, "LOGIN_SECRET": SECRET[::-1],
            "CONTROL_API": f"http://127.0.0.1:{self.ring.rest_ports[0]}",
            "PYTHONPATH": os.path.join(ROOT, "clients", "python"),
            "SLIP_SOCKETS": ROOT, "BUILD_DIR": BUILD,
        }
        self.backend = None

    def path(self, name):
        assert name in self.programs, f"{name} is not in the page, which has {sorted(self.programs)}"
        self.used.add(name)
        return os.path.join(self.folder, name)

    def run(self, *command):
        """Runs a program to its end; what it says."""
        done = subprocess.run(command, cwd=self.folder, env=self.environment, text=True, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def compile(self, path):
        """By the page's own command; what is to be started."""
        assert not self.run("bash", self.path("compile.sh")), "the compiler has something to say"
        return [path.removesuffix(".c")]

    def start(self, name):
        """Makes a program the backend; it is stopped after the test."""
        path = self.path(name)
        program = self.compile(path) if name.endswith(".c") else [INTERPRETERS[os.path.splitext(name)[1]], path]
        log = open(path + ".log", "w+", encoding="utf-8")  # pylint: disable=consider-using-with
        self.backend = subprocess.Popen(  # pylint: disable=consider-using-with
            program, cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT)

        def listens():
            log.seek(0)
            assert self.backend.poll() is None, f"{name} ended: {log.read()}"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        until(listens, f"{name} to listen")

    def stop(self):
        self.ring.close_clients()
        if self.backend:
            until(lambda: self.ring.query("select count(*) from {s}.connections") == [["0"]],
                  "the connections of the test to be gone")
            self.backend.terminate()
            self.backend.wait(20)
        self.backend = None

    def destroy(self):
        self.stop()
        self.ring.destroy()


@pytest.fixture(scope="module")
def shared_guide(request, postgres, tmp_path_factory):  # pylint: disable=redefined-outer-name
    guide = Guide(postgres, request.module.PAGE, str(tmp_path_factory.mktemp("guide")))
    yield guide
    guide.destroy()


@pytest.fixture
def guide(shared_guide):  # pylint: disable=redefined-outer-name
    yield shared_guide
    shared_guide.stop()
