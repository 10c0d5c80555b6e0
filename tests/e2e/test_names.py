"""A database that has a name, and a name server that takes its time."""

import pytest

from harness.names import Names
from harness.wait import until


@pytest.fixture(name="names")
def names_fixture():
    names = Names()
    yield names
    names.destroy()


def url_by_name(postgres, names):
    return postgres.url.replace("127.0.0.1", names.host)


def wait_until_missed(process):
    """The first attempt is given up; a process that waits for the name server itself says nothing."""
    def missed():
        assert process.is_running(), (
            f"{process.name} exited with {process.process.returncode}:\n{process.log_tail()}")
        return process.metric("slip_database_failures_total") >= 1

    until(missed, lambda: f"{process.name} to answer, without its database: {process.admin('/healthz')}\n"
                          f"{process.log_tail()}", patience=60)


def test_a_silent_name_server_stops_nobody(stacks, postgres, names):
    names.be_silent()
    stack = stacks(DATABASE_URL=url_by_name(postgres, names), PEER_TIMEOUT="1s", **names.environment)
    for process in (stack.router, stack.control):
        wait_until_missed(process)
        assert process.metric("slip_database_up") == 0, process.log_tail()
        assert "looking up the host's name takes too long" in process.log(), process.log_tail()
    stack.connect()
    stack.backend.wait_for("OPEN")
    names.answer()
    for process in (stack.router, stack.control):
        until(lambda process=process: process.metric("slip_database_up") == 1,
              lambda process=process: f"{process.name} to find its database:\n{process.log_tail()}")
    until(lambda: stack.query("select count(*) from {s}.connections") == [["1"]], "the client's row")
    assert all(process.is_running() for process in stack.processes())


def test_programs_end_while_the_name_server_is_silent(stacks, postgres, names):
    names.be_silent()
    stack = stacks(DATABASE_URL=url_by_name(postgres, names), **names.environment)
    for process in (stack.router, stack.control):
        code = process.stop()
        assert code == 0, f"{process.name} exited with {code}:\n{process.log_tail()}"
