"""The engine, its images, and the stack; once for all tests."""

import os
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("SLIP_BUILD", os.path.join(ROOT, "build-test")))
os.environ["SLIP_BUILD"] = BUILD
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "fault"), os.path.join(ROOT, "tests", "e2e")]

# pylint: disable=wrong-import-position
from engine import Engine, NoEngine  # noqa: E402
from project import NAMES, Project  # noqa: E402

LOGS = os.path.join(BUILD, "compose")
# Addresses of clients, as HAProxy sees them. They are for documents, so nobody's.
ADDRESSES = ["198.51.100.7", "198.51.100.8"]


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="more clients, and each step three times")


@pytest.fixture(scope="session", name="engine")
def engine_fixture():
    began = time.monotonic()
    try:
        engine = Engine(os.path.join(BUILD, "engine"))
    except NoEngine as reason:
        pytest.skip(str(reason))
    try:
        engine.sweep(NAMES[engine.is_ours])
        engine.make_images()
        print(f"engine and base images: {time.monotonic() - began:.0f} s", flush=True)
        yield engine
    finally:
        engine.stop()


@pytest.fixture(scope="session", name="images")
def images_fixture(engine):
    """The images of the repository, built as its users build them."""
    began = time.monotonic()
    project = Project(engine)
    try:
        project.compose("build")
        print(f"docker-compose build: {time.monotonic() - began:.0f} s", flush=True)
    finally:
        project.destroy()
    yield engine
    if engine.is_ours:
        # What was built today is what the next build begins with.
        engine.docker("image", "prune", "-f", "--filter", "until=24h")


@pytest.fixture(scope="session", name="addresses")
def addresses_fixture():
    for address in ADDRESSES:
        subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
    yield ADDRESSES
    for address in ADDRESSES:
        subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", "lo"], check=True)


@pytest.fixture(scope="module", name="logs")
def logs_fixture(request):
    return os.path.join(LOGS, request.module.__name__)
