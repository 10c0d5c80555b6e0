"""A peer that completes HELLO, as an edge or a worker, and then talks nonsense: wrong order, wrong
numbers, what is not its to say. It costs others nothing, and no process its life."""

import threading

import pytest
from harness import peer as wire
from harness.peer import Peer
from harness.wait import until

EDGE = "FalseEdge1"
HUGE = (1 << 64) - 1
OPEN, TEXT, BINARY, CLOSE = range(4)


@pytest.fixture(name="stack")
def _stack(stacks):
    stack = stacks(PEER_TIMEOUT="2s", WEBHOOK_ATTEMPTS=2, RETRY_LAST="100ms")
    stack.has_false_peers = True
    stack.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "echo " + event["data"]}])
    return stack


def peer_of(stack, program, role, name=EDGE):
    port = {"router": stack.router_ports, "control": stack.control_ports}[program][0]
    return Peer(port, role, name, stack.name).greet()


def works(stack, client, connection):
    """The client that was there all the time, and a new one, are served; REST as well."""
    for each in (client, stack.connect()):
        each.send("hello")
        assert each.receive() == "echo hello"
    answer = stack.rest.events({"type": "TEXT", "connectionId": connection, "data": "direct"})
    assert answer.status == 200, answer
    assert client.receive() == "direct"
    for process in stack.processes():
        assert process.is_running(), f"{process.name} died:\n{process.log_tail()}"


def victim(stack):
    client = stack.connect()
    return client, stack.backend.wait_for("OPEN")[-1]["connectionId"]


def mine(number):
    return f"{EDGE}{number:016d}"


def batch(connection, first, last, *events, remaining_ms=5000, known=1, metadata="{}"):
    return [wire.BATCH, connection, first, last, remaining_ms, known, metadata,
            [list(event) for event in events]]


def false_batches(connection):
    """Batches that are none, are not this edge's, or come at the wrong time."""
    text = (TEXT, "x", 0)
    yield batch(connection, 1, 1, text)                           # another edge's connection
    yield batch(connection, 1, 1, (CLOSE, "", 1000))
    yield batch("", 1, 1, text)
    yield batch("x" * 64, 1, 1, text)
    yield batch(mine(1), 0, 0)                                    # no event
    yield batch(mine(1), 0, 0, text)                              # 0 is OPEN's
    yield batch(mine(1), 5, 5, (OPEN, "", 0))                     # … and only 0
    yield batch(mine(1), 5, 4, text)
    yield batch(mine(1), 5, 9, text)
    yield batch(mine(1), 5, 6, text, (CLOSE, "", 1000))           # CLOSE goes alone
    yield batch(mine(1), 5, 5, (7, "x", 0))                       # an unknown kind
    for number in (HUGE, HUGE - 1, (1 << 63) - 1, 1 << 63, 3, 2, 2):
        yield batch(mine(2), number, number, text)                # any order, any number, twice
    yield batch(mine(3), 0, 0, (OPEN, '"path":"/"', 0))
    yield batch(mine(3), 0, 0, (OPEN, '"path":"/"', 0))
    yield batch(mine(3), 1, 1, (CLOSE, "\xff", 4999))
    yield batch(mine(3), 2, 2, text)                              # after CLOSE
    yield batch(mine(3), 3, 3, (CLOSE, "", 0))
    yield batch(mine(4), 0, 0, (OPEN, "this is no JSON", 0), metadata="nor is this")
    yield batch(mine(5) + "\r\nX-Evil: 1", 0, 0, (OPEN, "", 0))    # no token
    yield batch(mine(6) + "\0", 0, 0, (OPEN, "", 0))
    yield batch(EDGE.encode() + b"\xff\xfe", 0, 0, (OPEN, "", 0))
    yield batch(mine(7), 0, 0, (OPEN, "", 0), remaining_ms=0)
    yield batch(mine(8), 1, 1, (TEXT, b"\xff\xfe", 0), metadata=b"\xff")


def false_facts(connection):
    for name in (connection, mine(2), mine(3), mine(99), "", "nobody's"):
        yield [wire.OPENED, name, HUGE]
        yield [wire.SUBSCRIBED, name, "channel"]
        yield [wire.SUBSCRIBED, name, b"\xff\0"]
        yield [wire.UNSUBSCRIBED, name, "another"]
        yield [wire.METADATA, name, "stolen"]
    for number in (0, 1, HUGE):
        for last in (0, 1):
            yield [wire.PAGE, number, last, [[connection, 1, 1, "null", []],
                                             [mine(10), 8, HUGE, "}{", [["a"], ["a"], [b"\xff"]]],
                                             ["", 1, 1, "", []], ["x", 1, 1, "", []]]]
    yield [wire.PAGE, 1, 1, []]                                   # twice the last one
    yield [wire.ACK, connection, 0, 0, 0]                         # not an edge's to say …
    yield [wire.JOB, 1, 0, []]
    yield [wire.READY, 1000]
    yield [wire.DONE, 1, 0, 200, 0, "", []]
    yield [wire.COMMAND, 1, "", 0, 0, []]
    yield [wire.HELLO, "edge", "stack", "name", "1", 1]           # … nor in a numbered packet
    yield [wire.BYE, 0]
    yield [wire.RESEND, HUGE]


def test_a_false_edge_at_the_router(stack):
    client, connection = victim(stack)
    with peer_of(stack, "router", "edge") as edge:
        for messages in (false_batches, false_facts):
            for message in messages(connection):                  # nobody has adopted it yet
                edge.say(message)
        for _ in range(3):
            edge.say([wire.ADOPT, HUGE, 1, "nowhere"])
        edge.wait_for(wire.ADOPTED)
        snapshot = edge.wait_for(wire.PULL)[1]
        edge.say([wire.PAGE, snapshot, 0, [["SomeoneElse000000000000001", 1, 1, "null", [["a"]]],
                                           [mine(11), 1, 1, "null", [["mine"]]]]])
        until(lambda: stack.query(f"select 1 from {{s}}.subscriptions where connection_id = '{mine(11)}'"),
              "a row of its own")
        for messages in (false_batches, false_facts):
            for message in messages(connection):
                edge.say(message)
        works(stack, client, connection)
        edge.say([wire.LEAVING, 0], [wire.LEAVING, 0], [wire.ADOPT, 0, 0, ""])
        edge.say(*false_batches(connection))
        works(stack, client, connection)
    assert not stack.query(f"select connection_id from {{s}}.connections where edge_id = '{EDGE}'"
                           f" and connection_id not like '{EDGE}%'")
    row = stack.query(f"select metadata::text from {{s}}.connections where connection_id = '{connection}'")
    assert "stolen" not in row[0][0]
    assert not [event for event in stack.backend.seen(connection=connection)
                if event.get("data") == "x" or event["type"] == "CLOSE"]
    assert not stack.query("select 1 from {s}.subscriptions where channel in ('channel', 'a')"
                           f" and connection_id = '{connection}'")


def test_a_false_edge_dies_like_any_other(stack):
    client, connection = victim(stack)
    with peer_of(stack, "router", "edge") as edge:
        edge.say([wire.ADOPT, 0, 0, "nowhere"], batch(mine(1), 0, 0, (OPEN, "", 0)))
        stack.backend.wait_for("OPEN", connection=mine(1))        # no control knows it: ACCEPT waits
    stack.backend.wait_for("CLOSE", connection=mine(1))           # it is silent, so it is dead
    works(stack, client, connection)
    until(lambda: not stack.query("select 1 from {s}.connections "
                                  f"where edge_id = '{EDGE}'"), "its row to go")


def let_the_other_work(client):
    """While there is little to do, workers get jobs in turn, and one that has just come is the last."""
    client.send("before")
    assert client.receive() == "echo before"


def test_a_worker_that_keeps_its_jobs(stack):
    """It has by far the most credits, and lies about jobs: its own, others', and none."""
    client, connection = victim(stack)
    with peer_of(stack, "router", "webhook-worker") as worker:
        worker.say([wire.READY, 1000000])
        let_the_other_work(client)
        worker.say([wire.ADOPT, 1, 0, ""], batch(connection, 1, 1, (TEXT, "x", 0)), [wire.LEAVING, 0])
        client.send("kept")
        job = worker.wait_for(wire.JOB)
        assert job[3][0][0] == connection.encode()
        for number in (0, *range(1, 200), HUGE):
            if number != job[1]:
                worker.say([wire.DONE, number, 0, 200, 0, "", [[connection, 1, 1, 1, "stolen"]]])
        worker.say([wire.READY, 0])
        worker.send([wire.BYE, 0])
    assert client.receive() == "echo kept"
    works(stack, client, connection)


def test_a_worker_that_answers_nonsense(stack):
    client, connection = victim(stack)
    with peer_of(stack, "router", "webhook-worker") as worker:
        worker.say([wire.READY, 1000000])
        let_the_other_work(client)
        client.send("first")
        number = worker.wait_for(wire.JOB)[1]
        worker.say([wire.DONE, number, 16, 999, 86400000000, b"\xff\0" * 100, []])  # what is 16?
        assert client.receive() == "echo first"                   # tried again, by the other
        client.send("second")
        number = worker.wait_for(wire.JOB)[1]
        items = [["nobody", 7, 1, 1, "{}"], [connection, 99, 2, 1, "{}"], [connection, 3, 4, 1, '"odd"']]
        worker.say([wire.DONE, number, 0, 200, 0, "", items])      # delivered, it says
        worker.say([wire.DONE, number, 0, 200, 0, "", items])
        worker.say([wire.READY, 0])
    works(stack, client, connection)


def false_commands(connection):
    def body(kind, target, data="", *, channel="", code=0, status=0, text="", protocol="",
             timeout_ms=0, index=0, headers=()):
        return [kind, target, data, channel, code, status, text, protocol, timeout_ms, index,
                [list(header) for header in headers]]

    split = [("X-Evil", "1\r\nX-Worse: 2"), ("", ""), ("a b", "c"), ("Upgrade", "h2c")]
    for kind in range(12):
        for target in (connection, "", "short", "x" * 26, "y" * 4096, b"\xff\0" * 13):
            if kind in (1, 2, 3, 6) and target == connection:
                continue                                          # would be carried out, rightly
            yield body(kind, target, b"\xff\0", channel=b"\xff" * 4096, code=999, status=101,
                       text="\r\n\r\n", protocol="a\r\nb", headers=split)
    yield body(0, connection, protocol="a\r\nb", headers=split)    # accepted long ago
    yield body(1, connection + "x", "r" * 5000, code=4999, status=42)
    yield body(4, connection, channel="", index=(1 << 32) - 1)
    yield body(4, connection, channel=b"\0\xff" * 2048)
    yield body(10, connection, timeout_ms=1)


def test_a_false_worker_at_control(stack):
    client, connection = victim(stack)
    with peer_of(stack, "control", "webhook-worker") as worker:
        worker.say([wire.JOIN, "c"], [wire.RECEIPT, [[0, HUGE]]], [wire.ANNOUNCED, 1])
        for reference, command in enumerate(false_commands(connection)):
            for origin, first in (("", HUGE), (connection, 0), (b"\xff" * 64, HUGE)):
                worker.say([wire.COMMANDS, reference, origin, first, [command]])
        worker.say([wire.COMMANDS, 1, "", 0, []], [wire.COMMANDS, HUGE, "", 0, []])
        worker.say(*[[wire.COMMANDS, 77, "", 0, [[31, "", "", "", 0, 0, "", "", 0, 0, []]]]] * 500)
        assert worker.wait_for(wire.COMMANDED)
        worker.say([wire.ROLL, "nobody", 0, [["short", 1]], [["", 1], [b"\xff" * 10, HUGE]]])
        works(stack, client, connection)
    works(stack, client, connection)
    assert stack.control.log().count("newer version") < 20, "a peer's mistakes fill the log"


def test_a_false_edge_at_control(stack):
    client, connection = victim(stack)
    with peer_of(stack, "control", "edge") as edge:
        edge.say([wire.ANNOUNCED, 0], [wire.ANNOUNCED, HUGE])
        for first, last in ((0, HUGE), (HUGE, 0), (5, 4), (1, 1)):
            edge.say([wire.RECEIPT, [[first, last]] * 100])
        for number in (0, 1, HUGE):
            edge.say([wire.POLLED, number, 1], [wire.LEAVE, "never joined", number])
        for number in range(2000):
            edge.say([wire.JOIN, f"{number}" * 500], [wire.JOIN, f"{number}" * 500])
        edge.say([wire.JOIN, ""], [wire.JOIN, b"\xff\0"], [wire.LEAVE, "", HUGE])
        edge.say([wire.COMMAND, 1, "", 0, 0, []], [wire.COMMANDS, 1, connection, 0, []])
        edge.say([wire.ROLL, "me", HUGE, [], [[connection[:10], HUGE]]], [wire.ADOPT, 0, 0, ""])
        works(stack, client, connection)
    works(stack, client, connection)


@pytest.mark.parametrize("name", ["short", "x" * 64, "has'quote!"])
def test_an_edge_with_an_impossible_id(stack, name):
    client, connection = victim(stack)
    for program in ("router", "control"):
        with peer_of(stack, program, "edge", name) as edge:
            edge.say([wire.ADOPT, 0, 0, ""], [wire.ANNOUNCED, 0])
            edge.say(batch(name + "0" * 16, 0, 0, (OPEN, "", 0)))
            works(stack, client, connection)


@pytest.mark.parametrize("program", ["router", "control"])
def test_lies_about_numbers(stack, program):
    client, connection = victim(stack)
    with peer_of(stack, program, "webhook-worker", "liar") as liar:
        liar.send([wire.READY, 1], number=HUGE)
        liar.send([wire.READY, 1], number=5, sent=1)
        liar.send(received=HUGE)
        liar.send(sent=HUGE)
        liar.send([wire.RESEND, HUGE])
        liar.send([wire.READY, 1], session=0)
        liar.send([wire.READY, 1], number=1, other=7)
        for _ in range(300):
            liar.send([wire.RESEND, 0])
            liar.send(number=9, sent=9)
        works(stack, client, connection)


@pytest.mark.parametrize("program", ["router", "control"])
def test_a_flood_of_greetings(stack, program):
    """More names than there may be peers, all by one socket; and the true ones are still served."""
    client, connection = victim(stack)
    port = {"router": stack.router_ports, "control": stack.control_ports}[program][0]
    with Peer(port, "webhook-worker", "x", stack.name) as peer:
        reader = threading.Thread(target=_read_all, args=(peer,), daemon=True)
        reader.start()
        for number in range(5000):
            peer.session = number + 1
            peer.hello(name=f"w{number}")
        works(stack, client, connection)
    reader.join()


def _read_all(peer):
    try:
        while True:
            peer.receive()
    except OSError:
        pass


def test_a_restart_of_the_router_meets_what_a_false_edge_left(stack):
    """Rows of an edge that never was are closed, and nothing else."""
    client, connection = victim(stack)
    with peer_of(stack, "router", "edge") as edge:
        edge.say([wire.ADOPT, 0, 0, ""])
        edge.wait_for(wire.ADOPTED)
        edge.say(batch(mine(1), 0, 0, (OPEN, "", 0)))
        until(lambda: stack.query(f"select 1 from {{s}}.connections where connection_id = '{mine(1)}'"), "its row")
    stack.router.kill()
    stack.router.start()
    stack.router.wait_ready()
    stack.backend.wait_for("CLOSE", connection=mine(1))
    works(stack, client, connection)
