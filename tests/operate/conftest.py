"""One broker for all tests, installed by `meson install` and started from there, with a service
manager's socket that it tells how it is, and Debian's Prometheus that scrapes it."""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "e2e")]

# pylint: disable=wrong-import-position
from harness import process as harness_process  # noqa: E402
from harness.fixtures import postgres_fixture  # noqa: E402,F401
from harness.stack import Stack  # noqa: E402
from installed import Installed  # noqa: E402
from manager import Manager  # noqa: E402
from prometheus import Prometheus  # noqa: E402


@pytest.fixture(scope="session", name="installed")
def installed_fixture():
    """From now on the harness starts the installed programs."""
    folder = tempfile.mkdtemp(prefix="slip-installed-")
    try:
        result = subprocess.run(
            ["meson", "install", "-C", os.environ["SLIP_BUILD"], "--no-rebuild", "--quiet", "--destdir", folder],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert result.returncode == 0, result.stdout
        tree = Installed(folder)
        harness_process.BUILD = tree.as_build()
        yield tree
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", name="manager")
def manager_fixture():
    manager = Manager("@slip-operate-%d" % os.getpid())
    yield manager
    manager.close()


@pytest.fixture(scope="session", name="ring")
def ring_fixture(installed, postgres, manager):  # pylint: disable=unused-argument
    stack = Stack(postgres, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="2000000", BREAKER_FAILURES=3,
                  BREAKER_PROBE_LAST="500ms", WEBHOOK_TIMEOUT="300ms", RETRY_LAST="200ms", WEBHOOK_ATTEMPTS=1000,
                  DRAIN_SECONDS="200ms")
    yield stack
    stack.destroy()


@pytest.fixture(scope="session", name="prometheus")
def prometheus_fixture(ring):
    server = Prometheus(os.path.join(ROOT, "deploy", "prometheus"), {
        "127.0.0.1:9101": ring.router.admin_port,
        "127.0.0.1:9102": ring.control.admin_port,
        "127.0.0.1:9103": ring.worker.admin_port,
        "127.0.0.1:9111": ring.edge.admin_port,
    })
    yield server
    server.stop()
