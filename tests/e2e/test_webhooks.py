"""The request to the backend: retries, keys, time-outs, what a bad backend can do."""

import json
import socket
import ssl
import subprocess
import threading
import time

import pytest
from harness.backend import Backend, Reply
from harness.client import Refused
from harness.stack import SECRET
from harness.wait import until


def texts(backend):
    return [request for request in backend.requests if request.events[0]["type"] == "TEXT"]


@pytest.mark.parametrize("bad", [
    Reply(500), Reply(503), Reply(429), Reply(200, b"not json"), Reply(200, b'{"events": [{"type": "NO"}]}')],
    ids=["500", "503", "429", "not-json", "unknown-type"])
def test_failed_attempts_are_repeated_with_the_same_key_and_body(ring, bad):
    left = [bad, bad]
    ring.backend.on("TEXT", lambda event, _: left.pop() if left else [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "done"}])
    client = ring.connect()
    client.send("go")
    assert client.receive() == "done"
    requests = texts(ring.backend)
    assert len(requests) == 3
    assert len({request.key for request in requests}) == 1
    assert len({json.dumps(request.body) for request in requests}) == 1, "a sealed batch changed"


def test_other_connections_are_not_held_up_by_one_that_fails(ring):
    bad_client, good_client = ring.connect(), ring.connect()
    ring.backend.on("TEXT", lambda event, _: Reply(500) if event["data"] == "bad" else [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "fine"}])
    bad_client.send("bad")
    until(lambda: len(texts(ring.backend)) >= 2, "a retry")
    for _ in range(10):
        good_client.send("good")
        assert good_client.receive() == "fine"


def test_order_is_kept_over_a_failure(ring):
    left = [Reply(500)] * 3
    ring.backend.on("TEXT", lambda event, _: left.pop() if left else [])
    client = ring.connect()
    for number in range(30):
        client.send(str(number))
    until(lambda: not left, "the failures")
    client.close()
    ring.backend.wait_for("CLOSE")
    good = {}
    for request in texts(ring.backend):
        good[request.key] = [event["data"] for event in request.events]
    assert [data for batch in good.values() for data in batch] == [str(number) for number in range(30)]


@pytest.mark.parametrize("bound", [{"BATCH_EVENTS": 4}, {"BATCH_BYTES": "4k"}], ids=str)
def test_what_gathers_goes_in_batches_within_their_bounds(stacks, bound):
    stack = stacks(**bound)
    may_answer = threading.Event()
    stack.backend.on("TEXT", lambda event, _: may_answer.wait(20) and [])
    client = stack.connect()
    messages = [f"{number:02}".ljust(1000) for number in range(42)]
    for message in messages:
        client.send(message)
    until(lambda: stack.edge.metric("slip_events_queued") == len(messages), "all to be queued")
    may_answer.set()
    stack.backend.wait_for("TEXT", len(messages))
    batches = [[event["data"] for event in request.events] for request in texts(stack.backend)]
    assert sum(batches, []) == messages
    assert max(map(len, batches)) == 4, [len(batch) for batch in batches]


def test_no_more_requests_at_once_than_allowed(stacks):
    stack = stacks(WEBHOOK_CONCURRENCY=3)
    clients = [stack.connect() for _ in range(12)]
    may_answer = threading.Event()
    under_way = []

    def answer(event, _):
        under_way.append(event)
        may_answer.wait(20)
        return [{"type": "TEXT", "connectionId": event["connectionId"], "data": "done"}]

    stack.backend.on("TEXT", answer)
    for client in clients:
        client.send("go")
    until(lambda: len(under_way) == 3 and stack.edge.metric("slip_events_queued") == 12, "three requests")
    until(lambda: stack.router.metric("slip_jobs_waiting") + stack.worker.metric("slip_jobs_queued") == 9,
          "the others to wait")
    assert len(under_way) == 3 and stack.worker.metric("slip_jobs_in_flight") == 3
    may_answer.set()
    assert [client.receive() for client in clients] == ["done"] * 12


def test_retry_after_is_honoured(stacks):
    stack = stacks(RETRY_FIRST="10ms")
    times = []

    def answer(*_):
        times.append(time.monotonic())
        return Reply(429, headers={"Retry-After": "1"}) if len(times) == 1 else []

    stack.backend.on("TEXT", answer)
    stack.connect().send("go")
    until(lambda: len(times) == 2, "the second attempt")
    assert times[1] - times[0] >= 0.99, times


def test_a_client_error_is_a_dead_letter_at_once(ring):
    ring.backend.on("TEXT", lambda event, _: Reply(422, b"no, thanks") if event["data"] == "bad" else [])
    client = ring.connect()
    client.send("bad")
    row = until(lambda: ring.query(
        "select idempotency_key, attempts, last_status, events from {s}.dead_letters"), "a dead letter")[-1]
    request = texts(ring.backend)[0]
    assert row[:3] == [request.key, "1", "422"], row
    assert json.loads(row[3]) == request.events, "not everything that is needed to replay it"
    client.send("good")
    until(lambda: len(texts(ring.backend)) == 2, "the connection to go on")


def test_out_of_attempts_is_a_dead_letter(stacks):
    stack = stacks(WEBHOOK_ATTEMPTS=3, RETRY_FIRST="10ms", RETRY_LAST="20ms")
    stack.backend.on("TEXT", lambda event, _: Reply(500) if event["data"] == "bad" else [])
    client = stack.connect()
    client.send("bad")
    until(lambda: stack.query("select attempts, last_status from {s}.dead_letters") == [["3", "500"]],
          lambda: f"a dead letter: {stack.query('select * from {s}.dead_letters')}")
    client.send("good")
    until(lambda: texts(stack.backend)[-1].events[0]["data"] == "good", "the connection to go on")
    assert stack.router.metric("slip_dead_letters_total") == 1


def test_a_backend_that_hangs_is_given_up_and_tried_again(stacks):
    release = threading.Event()
    stack = stacks(WEBHOOK_TIMEOUT="400ms")
    calls = []

    def answer(event, _):
        calls.append(1)
        if len(calls) == 1:
            release.wait(20)
        return [{"type": "TEXT", "connectionId": event["connectionId"], "data": "second"}]

    stack.backend.on("TEXT", answer)
    client = stack.connect()
    client.send("go")
    assert client.receive() == "second"
    release.set()


class RawBackend:
    """Answers each connection with bytes of the test's choice, after a whole request."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.count = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_one, args=(peer,), daemon=True).start()

    def serve_one(self, peer):
        with peer:
            data = b""
            while b"\r\n\r\n" not in data:
                more = peer.recv(65536)
                if not more:
                    return
                data += more
            self.count += 1
            try:
                self.answer(peer)
            except OSError:
                pass

    def reset(self):
        pass

    def close(self):
        self.listener.close()


def endless(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        peer.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


@pytest.mark.parametrize("name, answer", [
    ("hangs up", lambda peer: None),
    ("closes mid-answer", lambda peer: peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ev')),
    ("is no HTTP", lambda peer: peer.sendall(b"SSH-2.0-OpenSSH\r\n")),
    ("never ends", endless),
    ("redirects", lambda peer: peer.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_backend_that_is_none_is_502(stacks, name, answer):
    del name
    backend = RawBackend(answer)
    stack = stacks(backend=backend, WEBHOOK_ANSWER_LIMIT="64k", ACCEPT_TIMEOUT="3s", RETRY_FIRST="30s")
    try:
        with pytest.raises(Refused) as refused:
            stack.connect()
        assert refused.value.status == 502
        stack.abandon()
    finally:
        backend.close()


def test_requests_share_connections(ring):
    ring.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "ok"}])
    client = ring.connect()
    before = ring.worker.metric("slip_webhook_connections_total")
    for _ in range(50):
        client.send("x")
        client.receive()
    assert ring.worker.metric("slip_webhook_connections_total") - before <= 2


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def tls_backend(folder):
    certificate, key = make_certificate(folder)
    backend = Backend(SECRET)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    backend.server.socket = context.wrap_socket(backend.server.socket, server_side=True)
    backend.url = backend.url.replace("http:", "https:")
    return backend, certificate


def test_tls_is_verified(stacks, tmp_path):
    backend, certificate = tls_backend(tmp_path)
    try:
        trusting = stacks(backend=backend, WEBHOOK_CA_FILE=str(certificate))
        trusting.connect()
        backend.wait_for("OPEN")
        backend.reset()
        suspicious = stacks(backend=backend, ACCEPT_TIMEOUT="2s", RETRY_FIRST="30s")
        with pytest.raises(Refused) as refused:
            suspicious.connect()
        assert refused.value.status == 502 and not backend.seen()
        careless = stacks(backend=backend, WEBHOOK_TLS_VERIFY="off")
        careless.connect()
        backend.wait_for("OPEN")
    finally:
        backend.close()


def test_an_empty_answer_is_an_answer_without_commands(ring):
    answers = [Reply(204), Reply(200, b"")]
    ring.backend.on("TEXT", lambda event, _: answers.pop(0))
    client = ring.connect()
    client.send("one")
    until(lambda: len(answers) == 1, "the first answer")
    until(lambda: ring.edge.metric("slip_events_queued") == 0, "its acknowledgement")
    client.send("two")
    until(lambda: not answers, "the second answer")
    until(lambda: ring.edge.metric("slip_events_queued") == 0, "its acknowledgement")
    assert len(texts(ring.backend)) == 2, "an empty answer was tried again"
