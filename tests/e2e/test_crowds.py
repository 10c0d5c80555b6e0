"""Clients that only take room: they hang up before the backend has answered, or connect and say nothing.
Whoever means it is let in all the same, or hears why not."""

import socket
import threading

import pytest
from harness.backend import accept
from harness.client import Client, Refused
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


def idle(stack, count):
    sockets = [socket.create_connection(("127.0.0.1", stack.edge_port)) for _ in range(count)]
    for one in sockets:
        one.settimeout(20)
    return sockets


def test_idle_sockets_of_one_address_are_bounded(stacks):
    stack = stacks(MAX_CONNECTIONS_PER_ADDRESS=2, HANDSHAKE_TIMEOUT="60s")
    before = metric(stack, "process_open_fds")
    sockets = idle(stack, 200)
    for number, one in enumerate(sockets[:-2]):
        answer = one.recv(1000)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: " in answer, (number, answer)
    until(lambda: metric(stack, "process_open_fds") <= before + 4,
          lambda: f"idle sockets to be closed; open {metric(stack, 'process_open_fds')}, before {before}")
    assert metric(stack, "limits_reached_total", limit="MAX_CONNECTIONS_PER_ADDRESS") == 198
    stack.connect()
    for one in sockets:
        one.close()


def test_sockets_of_a_trusted_proxy_are_not_one_address(stacks):
    stack = stacks(MAX_CONNECTIONS_PER_ADDRESS=1, TRUSTED_PROXIES="127.0.0.0/8", HANDSHAKE_TIMEOUT="60s")
    early = [stack.client() for _ in range(10)]
    for number, client in enumerate(early):
        client.open(headers={"X-Forwarded-For": f"198.51.100.{number}"})


def test_idle_sockets_leave_descriptors_for_others(stacks):
    stack = stacks(edges=0)
    edge = stack.add_edge(descriptors=200, HANDSHAKE_TIMEOUT="60s", MAX_CONNECTIONS="100000")
    edge.wait_ready()
    assert edge.log().count("the limit of file descriptors is too low for MAX_CONNECTIONS") == 1
    friend = stack.connect()
    sockets = idle(stack, 600)
    sockets[0].recv(1)  # the edge has begun to make room, …
    late = stack.connect()
    assert edge.admin("/healthz")[0] == 200
    assert edge.metric("slip_process_open_fds") <= 200 - 60, "hardly any descriptor is left for links"
    for client in (friend, late):
        client.send("hello")
    stack.backend.wait_for("TEXT", 2)
    assert "cannot accept clients" not in edge.log()
    for one in sockets:
        one.close()


def test_a_full_edge_says_so_when_its_descriptors_are_the_bound(stacks):
    stack = stacks(edges=0)
    edge = stack.add_edge(descriptors=160, MAX_CONNECTIONS="100000")
    edge.wait_ready()
    with pytest.raises(Refused) as raised:
        for _ in range(160):
            stack.connect()
    assert raised.value.status == 503 and b"full" in raised.value.body, raised.value
    assert edge.metric("slip_limits_reached_total", limit="MAX_CONNECTIONS") == 1
    assert edge.admin("/healthz")[0] == 200
    stack.clients[0].close()
    until(lambda: edge.metric("slip_events_queued") == 0, "the edge to forget the first one")
    stack.connect()


def test_a_burst_of_handshakes_is_not_mistaken_for_idle_sockets(stacks):
    """All that has been said when the edge looks is decided upon, however many connect at once."""
    stack = stacks(MAX_CONNECTIONS_PER_ADDRESS=5)
    stack.edge.signal(19)
    crowd = [Client("127.0.0.1", stack.edge_port) for _ in range(50)]
    for client in crowd:
        client.send_raw(client.request())
    stack.edge.signal(18)
    statuses = [client.read_response()[0] for client in crowd]
    assert (statuses.count(101), statuses.count(429)) == (5, 45), statuses
    stack.clients += crowd
