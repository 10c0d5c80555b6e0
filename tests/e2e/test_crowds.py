"""Clients that only take room: they hang up before the backend has answered."""

import threading

import pytest
from harness.backend import accept
from harness.wait import until


def metric(stack, name, **labels):
    return stack.edge.metric(f"slip_{name}", **labels)


def hold_opens(stack):
    """The backend answers no OPEN before the returned event is set."""
    may_answer = threading.Event()
    stack.backend.on("OPEN", lambda event, _: may_answer.wait(60) and accept(event["connectionId"]))
    return may_answer


def knock_and_run(stack):
    """The status of a handshake whose client resets as soon as it waits, which then is 0."""
    handshakes = sum(metric(stack, "handshakes_total", outcome=outcome) for outcome in ("abandoned", "overloaded"))
    client = stack.client()
    client.send_raw(client.request())
    until(lambda: metric(stack, "connections_pending") == 1
          or metric(stack, "handshakes_total", outcome="overloaded") + metric(
              stack, "handshakes_total", outcome="abandoned") > handshakes, "the handshake to be looked at")
    if metric(stack, "connections_pending") == 0:
        return client.read_response()[0]
    client.reset()
    until(lambda: metric(stack, "connections_pending") == 0, "the edge to see that the client is gone")
    return 0


@pytest.mark.parametrize("setting, status", [("MAX_PENDING", 503), ("MAX_CONNECTIONS_PER_ADDRESS", 429)])
def test_who_hangs_up_counts_until_the_backend_has_answered(stacks, setting, status):
    stack = stacks(ACCEPT_TIMEOUT="60s", WEBHOOK_TIMEOUT="60s", **{setting: 3})
    may_answer = hold_opens(stack)
    assert [knock_and_run(stack) for _ in range(5)] == [0, 0, 0, status, status], f"{setting} was passed by"
    assert metric(stack, "limits_reached_total", limit=setting) == 2
    assert len(stack.backend.seen("OPEN")) <= 3, "the backend was asked more often than the setting says"
    may_answer.set()
    stack.backend.wait_for("CLOSE", 3)
    until(lambda: metric(stack, "events_queued") == 0, "all to be acknowledged")
    stack.connect()
