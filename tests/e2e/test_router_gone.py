"""The only router is killed and stays away: what its edge tells clients and operators, and does when it
is stopped. (That nothing is lost meanwhile: tests/fault.)"""

import pytest
from harness.client import Refused
from harness.wait import until


@pytest.fixture(name="stack")
def stack_fixture(stacks):
    stack = stacks(PEER_TIMEOUT="1s", CLOSE_TIMEOUT="500ms", DRAIN_SECONDS="200ms")
    yield stack
    stack.abandon()


def wait_until_missed(stack):
    def is_missed():
        status, text = stack.edge.admin("/readyz")
        return status == 503 and "no home router" in text

    until(is_missed, lambda: f"the edge to miss its router: {stack.edge.admin('/readyz')}\n{stack.edge.log_tail()}")
    for line in ("reading nothing", "the home router is silent"):
        until(lambda line=line: line in stack.edge.log(), f"the edge to log: {line}")


def test_nobody_is_read_or_admitted_until_it_is_back(stack):
    client = stack.connect()
    stack.router.kill()
    wait_until_missed(stack)
    with pytest.raises(Refused) as raised:
        stack.connect()
    assert raised.value.status == 503 and "retry-after" in raised.value.headers, raised.value
    queued = stack.edge.metric("slip_events_queued")
    client.send("hello?")
    # What an edge reads stands among its events at once, or is counted as paused.
    until(lambda: stack.edge.metric("slip_reads_paused") == 1, "the client's socket to rest")
    assert stack.edge.metric("slip_events_queued") == queued, "it was read all the same"
    assert stack.edge.log().count("the home router is silent") == 1, stack.edge.log_tail()
    stack.router.start()
    stack.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "hello"}])
    assert client.receive() == "hello"
    stack.edge.wait_ready()
    stack.connect()


def test_an_edge_that_holds_nothing_stops_at_once(stack):
    stack.router.kill()
    wait_until_missed(stack)
    stack.edge.terminate()
    assert stack.edge.wait_exit() == 0, stack.edge.log_tail()
    assert "drained" in stack.edge.log()


def test_an_edge_that_is_stopped_before_it_misses_its_router_stops_too(stack):
    stack.router.kill()
    stack.edge.terminate()
    assert stack.edge.wait_exit() == 0, stack.edge.log_tail()
    assert "draining took too long" not in stack.edge.log()


def test_what_an_edge_holds_waits_for_a_router_longer_than_that(stack):
    client = stack.connect()
    stack.router.kill()
    stack.edge.terminate()
    assert client.expect_close() == (1001, "going away")
    until(lambda: "the home router is silent" in stack.edge.log(), "the edge to miss its router")
    stack.router.start()
    assert stack.backend.wait_for("CLOSE")[0]["code"] == 1001
    assert stack.edge.wait_exit() == 0, stack.edge.log_tail()
