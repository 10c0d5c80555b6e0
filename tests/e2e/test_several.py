"""Two of each at once."""

import threading

from harness.backend import accept
from harness.ports import free_port
from harness.wait import until


def everywhere(stack, channel="all", count=12):
    """Clients in one channel on both edges, and their ids by edge."""
    stack.backend.on("OPEN", lambda event, _: accept(
        event["connectionId"],
        {"type": "SUBSCRIBE", "connectionId": event["connectionId"], "channel": channel}))
    clients = {}
    for index in range(2 if len(stack.edges) == 2 else 1):
        port = int(stack.edges[index].environment["EDGE_LISTEN"].rpartition(":")[2])
        for _ in range(count // 2):
            client = stack.connect(port=port)
            opened = stack.backend.wait_for("OPEN", len(clients) + 1)
            known = set(clients)
            clients[next(event["connectionId"] for event in opened
                         if event["connectionId"] not in known)] = client
    return clients


def two_of_each(stacks, **settings):
    stack = stacks(edges=0, routers=2, workers=2, controls=2, **settings)
    for _ in range(2):
        stack.add_edge(EDGE_LISTEN=f"127.0.0.1:{free_port()}")
    for process in stack.processes():
        process.wait_ready()
    return stack


def test_publish_on_either_control_reaches_members_on_both_edges_once(stacks):
    stack = two_of_each(stacks)
    clients = everywhere(stack)
    assert len({connection[:10] for connection in clients}) == 2, "both edges hold clients"
    for number in range(20):
        stack.rest_of(number % 2).publish("all", str(number))
    for client in clients.values():
        assert client.receive_many(20) == [str(number) for number in range(20)]
    for connection, client in clients.items():
        stack.rest_of(1).events({"type": "TEXT", "connectionId": connection, "data": "end"})
        assert client.receive() == "end", "a publish came twice"


def test_commands_of_an_answer_reach_a_connection_on_another_edge(stacks):
    stack = two_of_each(stacks)
    clients = everywhere(stack)
    first = next(iter(clients))
    other = next(connection for connection in clients if connection[:10] != first[:10])
    stack.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": other, "data": "from afar"},
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "sent"}])
    clients[first].send("go")
    assert clients[other].receive() == "from afar" and clients[first].receive() == "sent"


def test_a_200_for_a_subscribe_is_visible_to_a_publish_through_the_other_control(stacks):
    stack = two_of_each(stacks)
    clients = everywhere(stack)
    for number, (connection, client) in enumerate(clients.items()):
        channel = f"fresh-{number}"
        assert stack.rest_of(number % 2).events(
            {"type": "SUBSCRIBE", "connectionId": connection, "channel": channel}).status == 200
        stack.rest_of((number + 1) % 2).publish(channel, "seen")
        assert client.receive() == "seen"


def test_order_and_rows_with_two_of_each(stacks):
    stack = two_of_each(stacks)
    clients = everywhere(stack)
    stack.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": event["data"]}])
    for number in range(30):
        for client in clients.values():
            client.send(str(number))
    for client in clients.values():
        assert client.receive_many(30) == [str(number) for number in range(30)]
    until(lambda: stack.query("select count(*) from {s}.subscriptions") == [[str(len(clients))]],
          lambda: f"all subscriptions: {stack.query('select count(*) from {s}.subscriptions')}")
    until(lambda: stack.query("select count(*) from {s}.edges where state = 'live'") == [["2"]], "two edges")


def test_edges_on_one_machine_share_the_port(stacks):
    stack = stacks(edges=2)
    for _ in range(40):
        stack.connect()
    edges = {event["connectionId"][:10] for event in stack.backend.wait_for("OPEN", 40)}
    assert len(edges) == 2, "one edge got all the connections"


def test_several_routers_start_at_once_on_an_empty_database(stacks):
    stack = stacks(routers=4, edges=2)
    stack.connect()
    stack.backend.wait_for("OPEN")


def test_a_router_that_drains_behind_a_slow_request_keeps_nobody(stacks):
    stack = stacks(routers=2, DRAIN_SECONDS="60s")
    arrived, release = threading.Event(), threading.Event()

    def answer(event, _):
        if event["data"] == "slow":
            arrived.set()
            release.wait(60)
        return [{"type": "TEXT", "connectionId": event["connectionId"], "data": event["data"]}]

    stack.backend.on("TEXT", answer)
    slow, quick = stack.connect(), stack.connect()
    home = until(lambda: stack.query("select home_router from {s}.edges"), "the home router")[0][0]
    leaving = next(router for router in stack.routers if home in router.log_tail(1000))
    slow.send("slow")
    assert arrived.wait(20)
    try:
        leaving.terminate()
        quick.send("quick")
        assert quick.receive() == "quick", "another connection waits for the slow request"
        late = stack.connect()
        late.send("late")
        assert late.receive() == "late", "a handshake waits for the slow request"
        assert leaving.is_running(), "it left with a request in flight"
    finally:
        release.set()
    assert slow.receive() == "slow"
    assert leaving.wait_exit() == 0, leaving.log_tail()
    for client in (slow, quick, late):
        client.send("after")
        assert client.receive() == "after"
    for data in ("slow", "quick", "late"):
        posts = [request for request in stack.backend.requests
                 if request.events[0].get("data") == data]
        assert len(posts) == 1, f"{data} was delivered {len(posts)} times"


def test_several_connections_share_a_request_when_asked_to(stacks):
    stack = stacks(WEBHOOK_BATCH_CONNECTIONS=16, WEBHOOK_CONCURRENCY=1)
    stack.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": event["data"]}])
    clients = [stack.connect() for _ in range(16)]
    for number in range(10):
        for client in clients:
            client.send(str(number))
    for client in clients:
        assert client.receive_many(10) == [str(number) for number in range(10)]
    sizes = [len(request.body["batch"]) for request in stack.backend.requests]
    assert max(sizes) > 1, "no request carried several connections"
    for request in stack.backend.requests:
        for item in request.body["batch"]:
            assert item["idempotencyKey"].startswith(item["connectionId"] + ":")
            assert set(item) >= {"connectionId", "metadata", "events", "idempotencyKey"}
