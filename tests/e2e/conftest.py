"""Fixtures. `ring` is a running broker with the usual settings, shared by the tests of a session
and clean at the start of each; `stacks` makes others with settings of their own."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from harness.fixtures import postgres_fixture  # noqa: E402  pylint: disable=wrong-import-position
from harness.stack import Stack  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(scope="session")
def shared_ring(postgres):  # pylint: disable=redefined-outer-name
    stack = Stack(postgres)
    yield stack
    stack.destroy()


@pytest.fixture
def ring(shared_ring):  # pylint: disable=redefined-outer-name
    yield shared_ring
    shared_ring.backend.handlers.clear()  # what is left is answered without a word
    shared_ring.backend.whole = None
    shared_ring.close_clients()
    shared_ring.wait_idle()
    dead = [process.name for process in shared_ring.processes() if not process.is_running()]
    assert not dead, f"{dead} died during the test:\n" + "\n".join(
        process.log_tail() for process in shared_ring.processes() if process.name in dead)
    problems = list(shared_ring.backend.problems)
    shared_ring.backend.reset()
    assert not problems, problems


@pytest.fixture
def stacks(postgres):  # pylint: disable=redefined-outer-name
    """stacks(edges=2, PING_INTERVAL="1s") starts a broker of the test's own."""
    started = []

    def start(**options):
        started.append(Stack(postgres, **options))
        return started[-1]

    yield start
    for stack in started:
        stack.destroy()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows the last lines of each process."""
    report = (yield).get_result()
    if report.when != "call" or not report.failed:
        return
    for fixture in ("ring", "stacks"):
        value = item.funcargs.get(fixture)
        stacks = [value] if isinstance(value, Stack) else []
        if callable(value) and value.__closure__:
            for cell in value.__closure__:
                if isinstance(cell.cell_contents, list):
                    stacks += [stack for stack in cell.cell_contents if isinstance(stack, Stack)]
        for stack in stacks:
            for process in stack.processes():
                report.sections.append((f"{process.name} (last lines)", process.log_tail(25)))
