"""What an operator sees and does: health, metrics, logs, settings, draining."""

import json
import re
import selectors
import signal
import time

import pytest
from harness.backend import Reply, accept
from harness.client import Refused
from harness.ports import free_port
from harness.process import run_once
from harness.wait import until

KINDS = ("edge", "router", "worker", "control")
NEEDED = {"DATABASE_URL": "postgresql://u:geheim@127.0.0.1/d", "JWT_SECRET": "s3cret", "TARGET_URL": "http://x/"}


def test_every_process_serves_its_admin_pages(ring):
    for process in ring.processes():
        assert process.admin("/healthz")[0] == 200, process.name
        status, text = process.admin("/readyz")
        assert status == 200 and json.loads(text)["ready"] is True, (process.name, text)
        assert process.admin("/nothing")[0] == 404
        metrics = process.admin("/metrics")[1]
        for line in metrics.splitlines():
            assert re.fullmatch(r"# (HELP|TYPE) slip_\w+ .+|slip_\w+(\{[^}]*\})? \S+", line), line
        assert "slip_process_resident_memory_bytes" in metrics


def test_figures_move(ring):
    ring.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "x"}])
    watched = [(ring.edge, "slip_handshakes_total", {"outcome": "accepted"}),
               (ring.edge, "slip_handshakes_total", {"outcome": "refused"}),
               (ring.edge, "slip_frames_in_total", {"type": "text"}),
               (ring.edge, "slip_frames_out_total", {"type": "text"}),
               (ring.edge, "slip_closes_total", {"reason": "peer_closed"}),
               (ring.edge, "slip_publish_delivery_seconds_count", {}),
               (ring.worker, "slip_webhook_duration_seconds_count", {}),
               (ring.router, "slip_webhook_retries_total", {})]
    before = [process.metric(name, **labels) for process, name, labels in watched]
    received, sent = (ring.edge.metric(f"slip_{way}_bytes_total") for way in ("received", "sent"))
    client = ring.connect()
    left = [Reply(500)]
    ring.backend.on("TEXT", lambda event, _: left.pop() if left else [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "x"}])
    client.send("hello")
    client.receive()
    assert ring.edge.metric("slip_connections") == 1
    ring.backend.on("OPEN", lambda event, _: [])
    with pytest.raises(Refused):
        ring.connect()
    client.close()
    ring.backend.wait_for("CLOSE")
    until(lambda: ring.edge.metric("slip_events_queued") == 0, "the end")
    moved = [process.metric(name, **labels) - old for (process, name, labels), old in zip(watched, before)]
    # OPEN twice, TEXT twice, CLOSE; of the commands of answers only TEXT is delivered to a client.
    assert moved == [1, 1, 1, 1, 1, 1, 5, 1], list(zip(watched, moved))
    assert ring.edge.metric("slip_connections") == 0
    assert ring.edge.metric("slip_received_bytes_total") > received
    assert ring.edge.metric("slip_sent_bytes_total") > sent


@pytest.mark.parametrize("kind", KINDS)
def test_help_version_and_settings(kind):
    code, out, _ = run_once(kind, {}, ["--help"])
    assert code == 0 and "STACK_NAME" in out and "ADMIN_LISTEN" in out
    code, out, _ = run_once(kind, {}, ["--version"])
    assert code == 0 and re.search(r"\d+\.\d+\.\d+", out)
    code, out, errors = run_once(kind, NEEDED, ["--print-config"])
    assert code == 0 and "STACK_NAME=slip-sockets" in out, (code, out, errors)
    assert "geheim" not in out and "s3cret" not in out
    code, _, errors = run_once(kind, NEEDED, ["--nonsense"])
    assert code == 2 and "--nonsense" in errors


@pytest.mark.parametrize("kind, name, value", [
    ("edge", "PEER_TIMEOUT", "5 weeks"), ("edge", "PEER_TIMEOUT", "1ms"), ("edge", "EDGE_LISTEN", "nowhere"),
    ("edge", "MAX_CONNECTIONS", "-1"), ("edge", "MAX_CONNECTIONS", "99999999999999999999"),
    ("edge", "TRUSTED_PROXIES", "300.0.0.0/8"), ("edge", "DEFLATE", "perhaps"), ("edge", "STACK_NAME", "x" * 41),
    ("edge", "LOG_LEVEL", "chatty"), ("edge", "ROUTER_ADDRESSES", "a,b"), ("edge", "HEARTBEAT_INTERVAL", "4000ms"),
    ("router", "DATABASE_URL", ""), ("router", "WEBHOOK_ATTEMPTS", "0"), ("worker", "TARGET_URL", "ftp://x/"),
    ("worker", "TARGET_URL", ""), ("worker", "JWT_SECRET", ""), ("control", "JWT_SECRET_FILE", "/no/such/file"),
    ("control", "CONTROL_BODY_LIMIT", "4X")])
def test_a_wrong_setting_is_one_line_and_exit_2(kind, name, value):
    settings = {**NEEDED, name: value}
    if name == "JWT_SECRET_FILE":
        del settings["JWT_SECRET"]
    code, _, errors = run_once(kind, settings)
    lines = errors.strip().splitlines()
    assert code == 2 and len(lines) == 1 and name.removesuffix("_FILE") in lines[0], (code, errors)
    assert value in lines[0] or not value, errors
    assert "s3cret" not in errors and "geheim" not in errors


@pytest.mark.parametrize("kind, setting", [
    ("edge", "ADMIN_LISTEN"), ("router", "ROUTER_LISTEN"), ("control", "CONTROL_LISTEN"),
    ("control", "CONTROL_LINK_LISTEN")])
def test_a_taken_port_is_one_clear_line(ring, kind, setting):
    taken = {"ROUTER_LISTEN": ring.router_ports[0], "CONTROL_LISTEN": ring.rest_ports[0],
             "CONTROL_LINK_LISTEN": ring.control_ports[0], "ADMIN_LISTEN": ring.edge.admin_port}[setting]
    free = {"CONTROL_LISTEN": "127.0.0.1:0", "CONTROL_LINK_LISTEN": "127.0.0.1:0", "ROUTER_LISTEN": "127.0.0.1:0"}
    code, _, errors = run_once(kind, {**ring.settings, **free, setting: f"127.0.0.1:{taken}"})
    assert code == 1 and str(taken) in errors and "in use" in errors.lower(), (code, errors)


def test_a_database_that_cannot_be_reached_shows_in_the_log_and_the_figures(stacks):
    stack = stacks(DATABASE_URL=f"postgresql://slip:geheim@127.0.0.1:{free_port()}/slip")
    assert stack.router.metric("slip_database_up") == 0
    stack.connect().send("works without")
    stack.backend.wait_for("TEXT")
    for process in stack.processes():
        assert "geheim" not in process.log(), f"{process.name} logged a password"
    until(lambda: "PostgreSQL not usable" in stack.router.log(), lambda: stack.router.log_tail())


def test_logs_as_json(stacks):
    stack = stacks(LOG_FORMAT="json")
    stack.connect(headers={"Cookie": "evil\"quote\\"})
    for process in stack.processes():
        for line in process.log().splitlines():
            entry = json.loads(line)
            assert {"time", "level", "msg"} <= set(entry), line


def test_secrets_are_never_logged(ring):
    """Nor shown in the list of processes; a client's credentials are its own as well."""
    client = ring.connect(headers={"Authorization": "Basic b2YtYS1jbGllbnQ=", "Cookie": "sid=of-a-client"})
    me = ring.backend.wait_for("OPEN")[0]["connectionId"]
    assert ring.rest.events({"type": "TEXT", "connectionId": me, "data": "a word"}).status == 200
    assert client.receive() == "a word"
    assert ring.rest.request("GET", "/v1/connections", token=ring.rest.token(aud="wrong")).status == 403
    for process in ring.processes():
        with open(f"/proc/{process.process.pid}/cmdline", encoding="utf-8") as file:
            said = process.log() + file.read()
        for secret in (ring.rest.secret, "b2YtYS1jbGllbnQ", "of-a-client", "a word"):
            assert secret not in said, process.name
        assert not re.search(r"eyJ[\w-]{10}", said), f"{process.name} logged a token"


def test_readyz_fails_until_the_links_are_up(stacks):
    stack = stacks()
    lonely = stack.add_edge(EDGE_LISTEN=f"127.0.0.1:{free_port()}",
                            ROUTER_ADDRESSES=f"127.0.0.1:{free_port()}")
    until(lambda: lonely.admin("/healthz")[0] == 200, "the admin page")
    status, text = lonely.admin("/readyz")
    assert status == 503 and json.loads(text)["reasons"], text


def test_sigterm_drains_an_edge(stacks):
    stack = stacks(DRAIN_SECONDS="1s", edges=2)
    stack.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "x"}])
    clients = [stack.connect() for _ in range(20)]
    opened = [event["connectionId"] for event in stack.backend.wait_for("OPEN", 20)]
    ids = dict(zip(opened, clients))
    leaving_id = opened[0][:10]
    leaving = next(edge for edge in stack.edges if leaving_id in edge.log())
    leaving.signal(signal.SIGTERM)
    theirs = [connection for connection in ids if connection.startswith(leaving_id)]
    assert 0 < len(theirs) < 20, "the kernel gave one edge everything"
    for client in clients:
        client.socket.settimeout(20)
    closed = stack.backend.wait_for("CLOSE", len(theirs))
    assert {event["connectionId"] for event in closed} == set(theirs)
    assert {event["code"] for event in closed} == {1001}
    assert leaving.wait_exit() == 0
    until(lambda: not stack.query(f"select 1 from {{s}}.connections where edge_id = '{leaving_id}'"), "rows to go")
    until(lambda: stack.query(f"select state from {{s}}.edges where edge_id = '{leaving_id}' and state = 'live'")
          == [], "the edge to be off the roll")
    stack.connect()


def test_clients_of_a_draining_edge_are_closed_one_after_another(stacks):
    stack = stacks(DRAIN_SECONDS="2s")
    clients = [stack.connect() for _ in range(40)]
    stack.edge.signal(signal.SIGTERM)
    times = []
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        while selector.get_map():
            for key, _ in selector.select():
                selector.unregister(key.fileobj)
                times.append(time.monotonic())
                assert key.data.expect_close()[0] == 1001
    assert stack.edge.wait_exit() == 0
    assert times[-1] - times[0] > 0.5, "all at once"
    assert len(stack.backend.wait_for("CLOSE", len(clients))) == len(clients)


def test_an_edge_that_stood_still_sends_its_clients_away(stacks):
    """It is dead for the others: the backend has been told 1006, and is told nothing else."""
    stack = stacks(PEER_TIMEOUT="2s")
    client = stack.connect()
    old = stack.backend.wait_for("OPEN")[0]["connectionId"]
    stack.edge.signal(signal.SIGSTOP)
    assert stack.backend.wait_for("CLOSE")[0]["code"] == 1006
    client.send("nobody reads this")
    stack.edge.signal(signal.SIGCONT)
    assert client.expect_close()[0] == 1012
    assert stack.edge.wait_exit() == 3, "start me again"
    stack.edge.start()
    stack.edge.wait_ready()
    stack.connect().send("back again")
    assert stack.backend.wait_for("TEXT")[0]["data"] == "back again"
    assert [event["type"] for event in stack.backend.seen(connection=old)] == ["OPEN", "CLOSE"]


@pytest.mark.parametrize("kind", KINDS)
def test_sigterm_ends_with_0_and_a_second_one_at_once(stacks, kind):
    stack = stacks(DRAIN_SECONDS="30s")
    for _ in range(3):
        stack.connect()
    process = getattr(stack, kind)
    process.signal(signal.SIGTERM)
    if kind == "edge":
        until(lambda: process.admin("/readyz")[0] in (503, 0), "readyz to say that it drains")
        process.signal(signal.SIGTERM)
    assert process.wait_exit() == 0
    if kind == "edge":
        stack.backend.wait_for("CLOSE", 3)
    else:
        process.start()  # or the edge would leave with what nobody takes over
        process.wait_ready()


def test_a_draining_edge_refuses_pending_and_new_clients(stacks):
    stack = stacks(DRAIN_SECONDS="2s")
    stack.backend.on("OPEN", lambda event, _: accept(event["connectionId"]))
    stack.connect()
    stack.edge.signal(signal.SIGTERM)
    until(lambda: stack.edge.admin("/readyz")[0] != 200, "the edge to drain")
    with pytest.raises((Refused, OSError)):
        stack.connect()
    assert stack.edge.wait_exit() == 0


def test_an_edge_that_leaves_waits_for_a_router_until_its_limit(stacks):
    stack = stacks(PEER_TIMEOUT="1s", DRAIN_SECONDS="200ms", CLOSE_TIMEOUT="1s")
    stack.connect()
    until(lambda: stack.query("select state from {s}.connections") == [["open"]], "the row")
    stack.router.kill()
    stack.edge.signal(signal.SIGTERM)
    assert stack.edge.wait_exit() == 1
    assert "draining took too long" in stack.edge.log()
    stack.router.start()
    assert [event["code"] for event in stack.backend.wait_for("CLOSE")] == [1006]
    stack.edge.start()
    stack.edge.wait_ready()
    stack.connect()


def test_an_edge_that_leaves_hands_over_to_a_router_that_comes_back(stacks):
    stack = stacks(DRAIN_SECONDS="200ms")
    stack.connect()
    until(lambda: stack.query("select state from {s}.connections") == [["open"]], "the row")
    stack.router.kill()
    stack.edge.signal(signal.SIGTERM)
    until(lambda: "msg=leaving" in stack.edge.log(), "the edge to wait for a router")
    stack.router.start()
    assert stack.edge.wait_exit() == 0
    assert [event["code"] for event in stack.backend.wait_for("CLOSE")] == [1001]
