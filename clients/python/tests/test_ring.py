"""The library and a real broker."""

import functools
import http.client as http_client
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import urllib.request

import pytest
from harness.backend import Reply
from harness.client import Refused
from harness.ports import free_port
from harness.stack import SECRET, Stack
from harness.wait import until
from slip_sockets import (BadRequest, Close, Commands, Conflict, Denied, InvalidCommand, NoSuchConnection,
                          NotFound, Open, Publisher, Text, Webhook)

CLIENT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))


def serve(ring, handler):
    """Lets the library answer what the ring's backend gets. How many connections each request was
    about is written down."""
    webhook, sizes = Webhook(SECRET, handler), []

    def on_request(request):
        sizes.append(len(request.body.get("batch", [0])))
        answer = webhook.answer(request.headers["Authorization"], json.dumps(request.body).encode(), request.key)
        return Reply(answer.status, answer.body, answer.headers)

    ring.backend.on_request(on_request)
    return sizes


def connect(ring, **options):
    """An open client and its id."""
    before = {event["connectionId"] for event in ring.backend.seen("OPEN")}
    client = ring.connect(**options)
    (connection,) = {event["connectionId"] for event in ring.backend.seen("OPEN")} - before
    return client, connection


def test_a_conversation(ring):
    said = []

    def handle(connection):
        for event in connection.events:
            said.append(event)
            if isinstance(event, Open):
                connection.accept(event.subprotocols[1], {"X-Greeting": "hello"})
                connection.set_metadata({"query": event.query, "host": event.headers["host"]})
                connection.subscribe("all")
                connection.publish_text("all", "you too")
                connection.send_binary(b"\0\xff")
            elif isinstance(event, Text):
                connection.send_text(f"{connection.metadata['query']}: {event.data}")
            elif not isinstance(event, Close):
                connection.close(4001, "enough")

    serve(ring, handle)
    client = ring.connect("/room?name=Ada", subprotocols=["a", "b"])
    assert client.headers["sec-websocket-protocol"] == "b" and client.headers["x-greeting"] == "hello"
    assert client.receive() == "you too" and client.receive() == b"\0\xff"
    client.send("häl\0lo")
    assert client.receive() == "name=Ada: häl\0lo"
    client.send(b"\1\2")
    assert client.expect_close() == (4001, "enough")
    until(lambda: said[-1].type == "CLOSE", lambda: said)
    assert [event.type for event in said] == ["OPEN", "TEXT", "BINARY", "CLOSE"]
    assert (said[0].path, said[0].ip) == ("/room", "127.0.0.1")
    assert said[-1].code == 4001


def test_a_refusal(ring):
    serve(ring, lambda connection: connection.refuse(401, "who are you?", {"WWW-Authenticate": "Basic"}))
    with pytest.raises(Refused) as raised:
        ring.connect()
    assert (raised.value.status, raised.value.body) == (401, b"who are you?")
    assert raised.value.headers["www-authenticate"] == "Basic"


def test_several_connections_share_a_request(ring):
    def handle(connection):
        assert connection.idempotency_key.startswith(connection.id)
        for event in connection.events:
            if isinstance(event, Open):
                connection.accept()
            elif isinstance(event, Text):
                connection.send_text(f"{connection.id} {event.data}")

    sizes = serve(ring, handle)
    clients = [ring.connect() for _ in range(24)]
    for number in range(10):
        for client in clients:
            client.send(str(number))
    answers = [[answer.split() for answer in client.receive_many(10)] for client in clients]
    assert len({connection for answer in answers for connection, _ in answer}) == 24
    assert all([text for _, text in answer] == list("0123456789") for answer in answers)
    assert 1 < max(sizes) <= 8


def test_single_commands(ring, publisher):
    client, connection = connect(ring)
    publisher.subscribe(connection, "a/b ü?#%")
    publisher.publish_text("a/b ü?#%", "published")
    publisher.publish_binary("a/b ü?#%", b"\0")
    publisher.send_text(connection, "sent")
    publisher.send_binary(connection, b"\1")
    assert client.receive_many(4) == ["published", b"\0", "sent", b"\1"]
    publisher.unsubscribe(connection, "a/b ü?#%")
    publisher.publish_text("a/b ü?#%", "not seen")
    publisher.set_metadata(connection, {"ü": [1, None]})
    client.send("x")
    ring.backend.wait_for("TEXT")
    assert ring.backend.requests[-1].metadata == {"ü": [1, None]}
    publisher.close(connection, 4000, "bye")
    assert client.expect_close() == (4000, "bye")


@pytest.mark.parametrize("channel", [".", "..", "...", "a/../b", "%2F", "+", " ", "?", "é" * 128])
def test_names_of_channels_survive_the_path(ring, publisher, channel):
    client, connection = connect(ring)
    publisher.subscribe(connection, channel)
    publisher.publish_text(channel, "here")
    assert client.receive() == "here"
    until(lambda: publisher.channel(channel).members == 1, "the member to be counted")
    (member,) = publisher.members(channel)
    assert member.connection_id == connection and member.since.tzinfo is not None


def test_a_list_is_applied_once_for_one_key(ring, publisher):
    client, connection = connect(ring)
    commands = Commands()
    commands.poll_for_connection(connection, 5)
    commands.subscribe(connection, "once")
    commands.publish_text("once", "1")
    for _ in range(3):
        publisher.send(commands, idempotency_key="the same")
    publisher.send([{"type": "CLOSE_CHANNEL", "channelId": "once", "code": 4002}])
    assert client.receive() == "1" and client.expect_close() == (4002, "")


def test_reading(ring, publisher):
    ids = set()
    for number in range(23):
        _, connection = connect(ring, path=f"/{number}")
        ids.add(connection)
        publisher.subscribe(connection, "all")
        publisher.subscribe(connection, f"own-{number:02}")
        publisher.set_metadata(connection, {"number": number})
    until(lambda: publisher.channel("all").members == 23
          and publisher.connection(connection).metadata == {"number": 22}, "the tables to follow")
    listed = list(publisher.connections(channel="all"))
    assert {each.connection_id for each in listed} == ids and len(listed) == 23
    assert {each.metadata["number"] for each in listed} == set(range(23))
    one = listed[0]
    assert one.state == "open" and one.ip == "127.0.0.1" and one.path == f"/{one.metadata['number']}"
    assert set(one.channels) == {"all", f"own-{one.metadata['number']:02}"}
    assert one.created_at <= one.opened_at
    assert publisher.connection(one.connection_id) == one
    assert [len(page.items) for page in publisher.connections(channel="all", limit=9).pages()] == [9, 9, 5]
    pages = publisher.channels(prefix="own-").pages()
    first, second, third = pages
    assert [len(page.items) for page in (first, second, third)] == [10, 10, 3], "PAGE_LIMIT is 10"
    assert next(publisher.channels(prefix="own-").pages(first.next)) == second
    assert {member.connection_id for member in publisher.members("all")} == ids
    (edge,) = publisher.edges()
    assert edge.state == "live" and all(each.edge == edge.edge for each in listed)
    assert list(publisher.connections(edge=edge.edge, state="closing")) == []
    status = publisher.status()
    assert status.edges == 1 and status.connections.open >= 23
    assert publisher.channel("nobody").members == 0
    with pytest.raises(BadRequest):
        list(publisher.connections(limit=0))


def test_processes(publisher):
    processes = {each.role: each for each in publisher.processes()}
    assert set(processes) == {"edge", "router", "webhook-worker", "control"}
    edge = processes["edge"]
    assert edge.metrics["slip_process_start_time_seconds"] > 0 and edge.clock > 0
    assert {(link.role, link.name) for link in edge.links} == {
        (role, processes[role].name) for role in ("router", "control")}


def test_a_channel_is_followed(publisher):
    """Everything from the first message told on, in order."""
    heard = []

    def follow():
        for each in publisher.follow("a b/ü?"):
            heard.append(each)
            if each.data == "the end":
                return

    thread = threading.Thread(target=follow)
    thread.start()
    until(lambda: publisher.publish_text("a b/ü?", "again") or heard, "the first message")
    publisher.publish_text("a b/ü?", "grüße\n\ndata: x")
    publisher.publish_binary("a b/ü?", b"\0\xff")
    publisher.publish_text("a b/ü?", "the end")
    thread.join(20)
    assert {each.channel for each in heard} == {"a b/ü?"}
    assert [each.data for each in heard if each.data != "again"] == ["grüße\n\ndata: x", b"\0\xff", "the end"]
    times = [each.published_at for each in heard]
    assert times == sorted(times) and times[0].tzinfo is not None
    with pytest.raises(BadRequest):
        next(publisher.follow("x" * 257))


def test_metadata_as_deep_as_the_broker_reads(ring, publisher):
    _, connection = connect(ring)
    deepest = functools.reduce(lambda inner, _: [inner], range(61), 1)
    commands = Commands()
    commands.set_metadata(connection, deepest)
    publisher.send(commands)
    until(lambda: [each for each in publisher.connections(state="open") if each.metadata == deepest], "the table to follow")
    with pytest.raises(InvalidCommand):
        commands.set_metadata(connection, [deepest])
    with pytest.raises(BadRequest):
        publisher.send([{"type": "SET_METADATA", "connectionId": connection, "metadata": [deepest]}])


def test_several_fields_of_a_name(ring):
    serve(ring, lambda connection: connection.refuse(401, headers={"WWW-Authenticate": ["Basic", "Digest"]}))
    http = http_client.HTTPConnection("127.0.0.1", ring.edge_port, timeout=20)
    http.request("GET", "/", headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                                      "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})
    answer = http.getresponse()
    assert (answer.status, answer.headers.get_all("WWW-Authenticate")) == (401, ["Basic", "Digest"])
    http.close()


def test_connections_that_are_none(publisher):
    for call in (lambda: publisher.send_text("nobody", "x"), lambda: publisher.connection("nobody"),
                 lambda: publisher.close("nobody"), lambda: publisher.set_metadata("nobody", 1),
                 lambda: publisher.subscribe("nobody", "c")):
        with pytest.raises(NoSuchConnection):
            call()
    publisher.send([{"type": "TEXT", "connectionId": "nobody", "data": "x"}])


def test_what_control_refuses(ring, publisher):
    with pytest.raises(BadRequest) as raised:
        publisher.send([{"type": "DANCE"}])
    assert str(raised.value).startswith("invalid commands: events[0].type is unknown")
    with pytest.raises(BadRequest):
        publisher.publish_text("c" * 257, "CHANNEL_NAME_LIMIT is 256")
    with pytest.raises(Denied):
        Publisher(ring.rest.url, "another secret").status()
    with pytest.raises(NotFound):
        publisher.call("GET", "/v1/nothing")
    assert publisher.call("GET", "/v1/openapi.json")["openapi"].startswith("3.1")


def test_dead_letters(ring, publisher):
    client, connection = connect(ring)
    ring.backend.on("TEXT", lambda *_: Reply(400))
    client.send("nobody wants it")
    (letter,) = until(lambda: list(publisher.dead_letters(connection=connection)), "a dead letter")
    assert (letter.state, letter.last_status, letter.event_count) == ("waiting", 400, 1)
    whole = publisher.dead_letter(letter.id)
    assert whole.events[0]["data"] == "nobody wants it" and whole.first_sequence == 1
    ring.backend.on("TEXT", lambda *_: [])
    assert publisher.replay_dead_letter(letter.id).replay_requested_at is not None
    until(lambda: publisher.dead_letter(letter.id).state == "replayed", "the replay")
    with pytest.raises(Conflict):
        publisher.replay_dead_letter(letter.id)
    publisher.discard_dead_letter(letter.id)
    with pytest.raises(NotFound):
        publisher.dead_letter(letter.id)


TEXTS = ["", "a", "é", "🚀", "\0", "\u2028", '"\\/', "\x7f\x85", "x" * 300, "null", " \t", "%2F", "\ufeff"]
HEADERS = ["X-A", "Set-Cookie", "Location", "Host", "a b", "~"]


def some_command(dice, connection):
    """A call of a method of Commands, with arguments good and bad."""
    # pylint: disable=unnecessary-lambda-assignment
    text = lambda: "".join(dice.choices(TEXTS, k=dice.randint(0, 3)))
    data = lambda: dice.randbytes(dice.randint(0, 40))
    value = lambda depth=0: dice.choice([
        lambda: None, lambda: dice.random() < 0.5, lambda: dice.randint(-2**70, 2**70), lambda: dice.uniform(-1e308, 1e308),
        text, lambda: [value(depth + 1) for _ in range(dice.randint(0, 3) if depth < 4 else 0)],
        lambda: {text(): value(depth + 1) for _ in range(dice.randint(0, 3) if depth < 4 else 0)}])()
    code = lambda: dice.choice([None, 0, 1000, 1003, 1005, 1014, 2999, 3000, 4999, 5000])
    to = lambda: dice.choice([connection, "nobody", text()])
    channel = lambda: text()[:200]
    return dice.choice([
        lambda c: c.close(dice.choice(["nobody", text()]), code(), text()), lambda c: c.send_text(to(), text()),
        lambda c: c.send_binary(to(), data()), lambda c: c.subscribe(to(), channel()),
        lambda c: c.unsubscribe(to(), channel()), lambda c: c.set_metadata(to(), value()),
        lambda c: c.publish_text(channel(), text()), lambda c: c.publish_binary(channel(), data()),
        lambda c: c.close_channel("nobody" + channel(), code(), text()),
        lambda c: c.refuse(dice.choice(["nobody", text()]), dice.randint(200, 700), text(),
                           {dice.choice(HEADERS): dice.choice([text(), [text(), text()]]) for _ in range(dice.randint(0, 2))})])


@pytest.mark.parametrize("seed", range(4))
def test_whatever_can_be_written_the_broker_understands(ring, publisher, seed):
    """Random commands: what Commands accepts, control accepts, and so does a webhook's answer."""
    dice = random.Random(seed)
    client, connection = connect(ring)
    kept = refused = 0
    for _ in range(20):
        commands = Commands()
        for _ in range(dice.randint(0, 30)):
            try:
                some_command(dice, connection)(commands)
                kept += 1
            except InvalidCommand:
                refused += 1
        try:
            publisher.send(commands)
        except BadRequest:
            pytest.fail(f"not understood: {commands.body()}")
        ring.backend.on("TEXT", lambda *_, body=commands.body(): Reply(200, body))
        client.send("go")
    assert kept > 50 and refused > 20
    ring.backend.on("TEXT", lambda event, _: [{"type": "TEXT", "connectionId": connection, "data": "the end"}])
    client.send("over?")
    while client.receive() != "the end":
        pass
    assert not list(publisher.dead_letters(connection=connection)), "an answer was refused"


@pytest.fixture(name="example")
def example_fixture(postgres):
    """examples/echo.py as the backend of a broker of its own, and its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    stack = Stack(postgres, TARGET_URL=address)
    with subprocess.Popen(
            [sys.executable, os.path.join(CLIENT, "examples", "echo.py")], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": CLIENT, "PORT": str(port), "JWT_SECRET": SECRET,
                 "CONTROL_API": stack.rest.url}) as echo:
        try:
            assert address in echo.stdout.readline()
            yield stack, address
            stack.destroy()
        finally:
            echo.kill()


def blocks(path):
    """The Python in a page."""
    with open(path, encoding="utf-8") as file:
        return re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)


def test_the_quick_start(postgres, tmp_path):
    """What the README tells a newcomer to type, typed."""
    backend, publisher = blocks(os.path.join(CLIENT, "README.md"))
    port = free_port()
    stack = Stack(postgres, TARGET_URL=f"http://127.0.0.1:{port}/")
    (tmp_path / "backend.py").write_text(backend.replace("3000", str(port)))
    publisher = publisher.replace("http://127.0.0.1:8081", stack.rest.url).replace("change-me", SECRET)
    (tmp_path / "publisher.py").write_text(publisher)
    environment = {**os.environ, "PYTHONPATH": CLIENT, "JWT_SECRET": SECRET}
    with subprocess.Popen([sys.executable, tmp_path / "backend.py"], env=environment) as process:
        try:
            until(lambda: answers(port), "the backend")
            client = stack.connect()
            assert client.receive_many(2) == ["New connection has joined!",
                                              "Welcome to the cool channel, be nice or get out"]
            client.send("hello")
            assert client.receive().endswith(" says hello")
            until(lambda: stack.query("select count(*) from {s}.subscriptions") == [["1"]], "the table to follow")
            said = subprocess.run([sys.executable, tmp_path / "publisher.py"], env=environment, check=True, text=True,
                                  stdout=subprocess.PIPE).stdout
            assert client.receive() == "dinner is ready" and " 127.0.0.1 {'headers': " in said
            client.send("quit")
            assert client.expect_close() == (1000, "bye")
            stack.destroy()
        finally:
            process.kill()


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def test_the_example(example):
    stack, address = example
    ada, grace = stack.connect(), stack.connect()
    for client in (ada, grace):
        assert client.receive() == "hello"
    ada.send("how are you?")
    assert ada.receive_many(2) == ["how are you?"] * 2 and grace.receive() == "how are you?"
    grace.send(b"\0\1")
    assert grace.receive() == b"\0\1"
    with urllib.request.urlopen(f"{address}announce", "to everybody 🚀".encode()) as answer:
        assert answer.read() == b"announced"
    assert ada.receive() == grace.receive() == "to everybody 🚀"
    grace.send("quit")
    assert grace.expect_close() == (4000, "as you wish")
    assert ada.receive() == "somebody left"
