"""The circuit breaker: a target that is down is probed, not hammered, and nothing is lost by it."""

import collections
import json
import socket
import threading

import pytest
from harness.backend import Backend
from harness.client import Refused
from harness.stack import SECRET
from harness.wait import until

CLIENTS, MESSAGES, PROBES = 20, 10, 10
SETTINGS = {"BREAKER_FAILURES": 5, "BREAKER_PROBE_INTERVAL": "100ms", "BREAKER_PROBE_LAST": "200ms",
            "RETRY_FIRST": "10ms", "RETRY_LAST": "300ms", "WEBHOOK_ATTEMPTS": 10}
CLOSED, OPEN, HALF_OPEN = 0, 1, 2


class Road:
    """The way to the backend: a TCP proxy that can be closed (connections are refused, those under
    way cut) and opened again, on the same port."""

    def __init__(self, backend):
        self.backend = backend
        self.port = 0
        self.sockets = []
        self.lock = threading.Lock()
        self.open()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def close(self):
        """shutdown() wakes the thread in accept(), which close() would leave there."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for one in self.sockets:
                self.end(one)
            self.sockets.clear()

    @staticmethod
    def end(one):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def serve(self, listener):
        while True:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.backend.port))
            with self.lock:
                self.sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        self.end(source)
        self.end(sink)


@pytest.fixture
def road():
    """Asked for before `stacks`, it outlives them."""
    way = Road(Backend(SECRET))
    yield way
    way.close()
    way.backend.close()


def transitions(stack, to):
    return stack.worker.metric("slip_webhook_breaker_transitions_total", to=to)


def readiness(stack):
    status, text = stack.worker.admin("/readyz")
    return status, json.loads(text).get("notes", [])


def failures(stack):
    return sum(stack.worker.metric("slip_webhook_requests_total", outcome=outcome)
               for outcome in ("connect_error", "broken_off", "timeout"))


def messages(backend):
    """Those of each connection, repetitions of a request left out."""
    keys, texts = set(), collections.defaultdict(list)
    for request in list(backend.requests):
        if request.key not in keys:
            keys.add(request.key)
            texts[request.connection] += [event["data"] for event in request.events
                                          if event["type"] == "TEXT"]
    return texts


def test_an_outage(road, stacks):  # pylint: disable=redefined-outer-name
    stack = stacks(backend=road.backend, TARGET_URL=road.url, **SETTINGS)
    clients = [stack.connect() for _ in range(CLIENTS)]
    assert stack.worker.metric("slip_webhook_breaker_state") == CLOSED
    assert readiness(stack) == (200, [])

    road.close()
    for number in range(MESSAGES):
        for client in clients:
            client.send(str(number))
    until(lambda: transitions(stack, "open") >= 1, "the breaker to open")
    assert stack.worker.metric("slip_webhook_breaker_state") in (OPEN, HALF_OPEN)
    assert readiness(stack) == (200, ["degraded: the target is down"])
    with pytest.raises(Refused) as refused:
        stack.connect()
    assert refused.value.status == 502
    until(lambda: transitions(stack, "half_open") >= PROBES, "some probes")
    assert stack.worker.metric("slip_webhook_breaker_state") in (OPEN, HALF_OPEN)

    road.open()
    expected = [str(number) for number in range(MESSAGES)]

    def all_there():
        texts = messages(stack.backend)
        return len(texts) >= CLIENTS and all(len(texts[event["connectionId"]]) >= MESSAGES
                                             for event in stack.backend.seen("OPEN")[:CLIENTS])

    until(all_there, lambda: f"all messages; there are {dict(messages(stack.backend))}")
    assert all(texts in ([], expected) for texts in messages(stack.backend).values()), "order"
    until(lambda: stack.worker.metric("slip_webhook_breaker_state") == CLOSED, "the breaker to close")
    assert readiness(stack) == (200, [])
    assert transitions(stack, "closed") == 1
    assert stack.query("select count(*) from {s}.dead_letters") == [["0"]]
    # One request of each connection was under way when it broke; after that there were only probes.
    assert failures(stack) <= SETTINGS["BREAKER_FAILURES"] + CLIENTS + transitions(stack, "half_open")
    assert stack.worker.metric("slip_webhook_held_total") > 0


def test_a_backend_that_refuses_is_not_down(stacks):
    stack = stacks(**SETTINGS)
    stack.backend.on("TEXT", lambda event, _: 1 / 0)  # answered 500
    stack.connect().send("go")
    until(lambda: stack.query("select attempts from {s}.dead_letters") == [["10"]], "a dead letter")
    assert transitions(stack, "open") == 0
    stack.backend.problems.clear()


def test_it_can_be_turned_off(stacks):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        stack = stacks(TARGET_URL=f"http://127.0.0.1:{unused.getsockname()[1]}/",
                       **{**SETTINGS, "BREAKER_FAILURES": 0})
        for _ in range(4):
            with pytest.raises(Refused) as refused:
                stack.connect()
            assert refused.value.status == 502
        assert failures(stack) == 8 and transitions(stack, "open") == 0
        assert readiness(stack) == (200, [])
