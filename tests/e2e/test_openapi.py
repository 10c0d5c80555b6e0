"""REST under /v1, and that every real answer is what openapi.json promises."""

import base64
import re
from types import SimpleNamespace

import pytest
from harness.backend import accept
from harness.openapi import Document
from harness.tail import Tail
from harness.wait import until

WORKED = (200, 202, 204)
NOBODY = "AAAAAAAAAA0123456789abcdef"  # well formed, of no edge


@pytest.fixture(scope="module")
def document(shared_ring):
    answer = shared_ring.rest.request("GET", "/v1/openapi.json", token=None)
    assert answer.status == 200
    document = Document(answer.text)
    yield document
    # Every operation was tried, and has worked at least once.
    missing = [(method, path) for method, path, _ in document.operations()
               if not any((method, path, status) in document.used for status in WORKED)]
    assert not missing, f"no test has seen {missing} work"


@pytest.fixture
def call(ring, document):  # pylint: disable=redefined-outer-name
    """call(status, method, path, …) → JSON (or text) of an answer that the document promises."""
    def checked(status, method, path, body=None, **options):
        answer = ring.rest.request(method, path, body, **options)
        document.check_answer(method, path, answer)
        assert answer.status == status, answer
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        if answer.headers.get_content_type() == "text/plain":
            return answer.text
        return answer.json if answer.body else None

    return checked


def connect(ring, *commands, **options):
    """An open client and its id; `commands` follow the ACCEPT, "$me" is the connection."""
    def answer(event, _):
        me = event["connectionId"]
        return accept(me, *({key: me if value == "$me" else value for key, value in command.items()}
                            for command in commands))

    ring.backend.on("OPEN", answer)
    seen = len(ring.backend.seen("OPEN"))
    client = ring.connect(**options)
    return client, ring.backend.wait_for("OPEN", seen + 1)[seen]["connectionId"]


def member(ring, channel, **options):
    return connect(ring, {"type": "SUBSCRIBE", "connectionId": "$me", "channel": channel}, **options)


def read_all(call, path, limit):
    """The items of every page."""
    items, cursor = [], None
    while True:
        joint = "&" if "?" in path else "?"
        page = call(200, "GET", f"{path}{joint}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


def test_a_followed_channel(ring, document):  # pylint: disable=redefined-outer-name
    """The answer goes on, so it is judged by its beginning."""
    with Tail(ring.rest, "news") as tail:
        document.check_answer("GET", tail.path, SimpleNamespace(
            status=tail.status, headers=tail.response.headers, text=tail.response.readline().decode()))
        ring.rest.publish("news", "a")
        ring.rest.events({"type": "PUBLISH_BINARY", "channelId": "news", "data": "AAE="})
        for told in (tail.event()[1], tail.event()[1]):
            document.check({"$ref": "#/components/schemas/Published"}, told, "Published")
    for channel, token in (("x" * 300, True), ("x", None)):
        with Tail(ring.rest, channel, token=token) as tail:
            document.check_answer("GET", tail.path, tail.answer())


# ---- the document ----

def test_the_document_holds_together(document):
    assert document.root["openapi"].startswith("3.1.")
    for node in document.walk():
        document.resolve(node)
    operations = list(document.operations())
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in document.root["tags"]}
    for method, path, operation in operations:
        parameters = [document.resolve(parameter) for parameter in
                      document.root["paths"][path].get("parameters", []) + operation.get("parameters", [])]
        in_path = [parameter["name"] for parameter in parameters if parameter["in"] == "path"]
        assert sorted(in_path) == sorted(re.findall(r"{(\w+)}", path)), (method, path)
        assert set(operation["tags"]) <= tags and operation["summary"], (method, path)
        assert any(str(status) in operation["responses"] for status in WORKED), (method, path)


def test_every_schema_is_used(document):
    used = {node["$ref"] for node in document.walk() if "$ref" in node}
    for kind, parts in document.root["components"].items():
        for name in parts:
            if kind != "securitySchemes":
                assert f"#/components/{kind}/{name}" in used, (kind, name)


# ---- reading ----

def test_the_description_needs_no_token(call):
    assert call(200, "GET", "/v1/openapi.json", token=None)["info"]["version"]


def test_a_connection_is_read_with_what_is_known_of_it(ring, call):
    client, me = member(ring, "rest/one", path="/some/path")
    row = until(lambda: next((found for found in [ring.rest.request("GET", f"/v1/connections/{me}")]
                              if found.status == 200 and found.json["channels"]), None), "the row")
    connection = call(200, "GET", f"/v1/connections/{me}")
    assert connection == row.json
    assert connection["connectionId"] == me and connection["edge"] == me[:10]
    assert connection["state"] == "open" and connection["openedAt"]
    assert connection["ip"] == "127.0.0.1" and connection["path"] == "/some/path"
    assert connection["metadata"]["ip"] == "127.0.0.1"
    assert connection["channels"] == ["rest/one"]
    client.close()
    until(lambda: ring.rest.request("GET", f"/v1/connections/{me}").status == 404, "the row to go")
    assert call(404, "GET", f"/v1/connections/{me}")["type"] == "/problems/no-such-connection"


def test_connections_are_listed_page_by_page_with_filters(ring, call):
    ids = {member(ring, "rest/list")[1] for _ in range(5)}
    _, stranger = connect(ring)
    until(lambda: ids | {stranger} <= {item["connectionId"] for item in
                                       ring.rest.request("GET", "/v1/connections?limit=1000").json["items"]
                                       if item["state"] == "open"}, "the rows")
    everybody = [item["connectionId"] for item in read_all(call, "/v1/connections", 2)]
    assert everybody == sorted(everybody) and ids | {stranger} <= set(everybody)
    until(lambda: len(ring.rest.request("GET", "/v1/channels/rest%2Flist/members").json["items"]) == 5,
          "the memberships")
    found = read_all(call, "/v1/connections?channel=rest%2Flist", 2)
    assert {item["connectionId"] for item in found} == ids
    assert all(item["metadata"]["headers"] for item in found)
    edge = stranger[:10]
    assert {item["edge"] for item in read_all(call, f"/v1/connections?edge={edge}", 100)} == {edge}
    assert not read_all(call, "/v1/connections?edge=nothing", 100)
    assert not read_all(call, "/v1/connections?state=opening", 100)
    assert stranger in {item["connectionId"] for item in read_all(call, "/v1/connections?state=open", 100)}
    assert call(400, "GET", "/v1/connections?state=half")["type"] == "/problems/invalid-parameter"


def test_channels_and_members_are_listed(ring, call):
    names = ["rest:ä/1", "rest:ä/2", "rest:b"]
    for name in names:
        member(ring, name)
    _, twice = member(ring, names[0])
    until(lambda: ring.rest.request("GET", "/v1/channels/rest%3A%C3%A4%2F1").json["members"] == 2, "two members")
    until(lambda: len(ring.rest.request("GET", "/v1/channels?prefix=rest:").json["items"]) == 3, "channels")
    assert call(200, "GET", "/v1/channels/rest%3A%C3%A4%2F1") == {"channel": names[0], "members": 2}
    listed = {item["channel"]: item["members"] for item in read_all(call, "/v1/channels?prefix=rest%3A", 1)}
    assert listed == {names[0]: 2, names[1]: 1, names[2]: 1}
    assert [item["channel"] for item in read_all(call, "/v1/channels?prefix=rest%3Ab", 10)] == [names[2]]
    members = [item["connectionId"] for item in read_all(call, "/v1/channels/rest%3A%C3%A4%2F1/members", 1)]
    assert len(members) == 2 and twice in members
    assert call(200, "GET", "/v1/channels/of%20nobody") == {"channel": "of nobody", "members": 0}
    assert call(200, "GET", "/v1/channels/of%20nobody/members") == {"items": [], "next": None}


def test_a_page_of_large_items_is_shorter(ring, call):
    ids = [connect(ring)[1] for _ in range(80)]
    for me in ids:
        assert ring.rest.request("PUT", f"/v1/connections/{me}/metadata", "x" * 60000).status == 200
    until(lambda: ring.query("select count(*) from {s}.connections where length(metadata::text) > 60000")[0][0]
          in (80, "80"), "the metadata in the rows")
    first = call(200, "GET", "/v1/connections?limit=100")
    assert 60 <= len(first["items"]) < 80 and first["next"]
    everybody = [item["connectionId"] for item in read_all(call, "/v1/connections", 100)]
    assert set(ids) <= set(everybody) and len(everybody) == len(set(everybody))


def test_edges_and_status(ring, call):
    _, me = connect(ring)
    until(lambda: ring.rest.request("GET", "/v1/status").json["connections"]["open"] >= 1, "the row")
    status = call(200, "GET", "/v1/status")
    assert status["edges"] == 1
    edges = {edge["edge"]: edge for edge in read_all(call, "/v1/edges", 1)}
    assert edges[me[:10]]["state"] == "live" and edges[me[:10]]["connections"] >= 1


def test_processes_tell_their_figures(ring, call):
    client, _ = member(ring, "figures")
    ring.backend.on("TEXT", lambda *_: [{"type": "PUBLISH_TEXT", "channelId": "figures", "data": "back"}])
    client.send("there")
    assert client.receive() == "back"
    processes = call(200, "GET", "/v1/processes")["items"]
    assert [each["role"] for each in processes] == ["control", "edge", "router", "webhook-worker"]
    control, edge, router, worker = processes
    assert edge["metrics"]["slip_connections"] == 1 == router["metrics"]["slip_connections"]
    assert edge["metrics"]['slip_events_total{type="TEXT"}'] == ring.edge.metric("slip_events_total", type="TEXT")
    assert worker["metrics"]['slip_webhook_requests_total{outcome="ok"}'] >= 2
    assert 0 < worker["metrics"]["slip_webhook_duration_seconds_sum"] < 60
    assert "slip_connections_pending" not in edge["metrics"], "it is 0"
    for each in (edge, worker):
        assert {(link["role"], link["name"]) for link in each["links"]} == {
            ("router", router["name"]), ("control", control["name"])}, each
        assert all(link["silentMs"] < 5000 for link in each["links"])
    assert not router["links"] and not control["links"]
    again = {each["name"]: each for each in call(200, "GET", "/v1/processes")["items"]}
    for each in processes:
        assert again[each["name"]]["clock"] > each["clock"]


# ---- commanding ----

def test_commands_to_a_connection(ring, call):
    client, me = connect(ring)
    base = f"/v1/connections/{me}"
    applied = {"message": "applied"}
    assert call(200, "POST", f"{base}/messages", {"data": "täxt"}) == applied
    call(200, "POST", f"{base}/messages", {"data": base64.b64encode(b"\0\xff").decode(), "binary": True})
    call(200, "PUT", f"{base}/subscriptions/r%2F1")
    call(200, "PUT", f"{base}/subscriptions/r%2F1")
    call(200, "POST", "/v1/channels/r%2F1/messages", {"data": "all"})
    call(200, "POST", "/v1/channels/r%2F1/messages", {"data": "AP8=", "binary": True})
    call(200, "DELETE", f"{base}/subscriptions/r%2F1")
    call(200, "POST", "/v1/channels/r%2F1/messages", {"data": "not this"})
    call(200, "PUT", f"{base}/metadata", {"name": "☃", "n": [1, None]})
    call(200, "POST", f"{base}/close", {"code": 4242, "reason": "enough"})
    assert client.receive_many(4) == ["täxt", b"\0\xff", "all", b"\0\xff"]
    assert client.expect_close() == (4242, "enough")
    ring.backend.wait_for("CLOSE", connection=me)


@pytest.mark.parametrize("metadata", [None, 0, "text", [], {"deep": {"er": [{}]}}], ids=str)
def test_metadata_is_any_json(ring, call, metadata):
    client, me = connect(ring)
    call(200, "PUT", f"/v1/connections/{me}/metadata", b"null" if metadata is None else metadata)
    client.send("what?")
    ring.backend.wait_for("TEXT", connection=me)
    assert ring.backend.requests[-1].metadata == metadata

    def row():
        answer = ring.rest.request("GET", f"/v1/connections/{me}")
        return answer.status == 200 and answer.json["metadata"] == metadata

    until(row, "the row")


def test_a_channel_is_closed(ring, call):
    clients = [member(ring, "doomed")[0] for _ in range(3)]
    call(200, "POST", "/v1/channels/doomed/close", {"code": 4001, "reason": "bye"})
    assert [client.expect_close() for client in clients] == [(4001, "bye")] * 3
    client, _ = member(ring, "doomed")
    call(200, "POST", "/v1/channels/doomed/close")
    assert client.expect_close() == (1000, "")


def test_an_idempotency_key_is_carried_out_once(ring, call):
    client, me = member(ring, "keys")
    for path in (f"/v1/connections/{me}/messages", "/v1/channels/keys/messages"):
        for key in ("a", "a", "b"):
            call(200, "POST", path, {"data": f"{key} {path}"}, headers={"Idempotency-Key": key})
        call(200, "POST", path, {"data": "another body"}, headers={"Idempotency-Key": "a"})
    for _ in range(2):
        call(200, "POST", "/", {"events": [{"type": "TEXT", "connectionId": me, "data": "contract"}]},
             headers={"Idempotency-Key": "a"})
    received = client.receive_many(7)
    assert received == [f"a /v1/connections/{me}/messages", f"b /v1/connections/{me}/messages", "another body",
                        "a /v1/channels/keys/messages", "b /v1/channels/keys/messages", "another body", "contract"]
    assert client.is_quiet()


def test_the_end_point_of_the_contract(ring, call):
    client, me = connect(ring)
    text = {"type": "TEXT", "connectionId": me, "data": "x"}
    assert call(200, "POST", "/", {"events": [text]}) == {"message": "processed successfully"}
    assert call(200, "POST", "/", {"events": []}) == {"message": "processed successfully"}
    assert call(400, "POST", "/", {"events": [text, {"type": "NEWS"}]}) == {"message": "invalid commands"}
    assert call(400, "POST", "/", {"events": [text]}, headers={"Idempotency-Key": "\t"}) == {
        "message": "invalid commands"}
    assert call(403, "POST", "/", {"events": [text]}, token="no") == "Invalid token"
    assert ring.rest.request("POST", "/any/other%20path?x=1", {"events": [text]}).status == 200
    assert client.receive_many(2) == ["x", "x"] and client.is_quiet()


# ---- what is refused ----

@pytest.mark.parametrize("method, path, body", [
    ("POST", f"/v1/connections/{NOBODY}/messages", {"data": "x"}),
    ("POST", f"/v1/connections/{NOBODY}/close", None),
    ("POST", "/v1/connections/nonsense/close", None),
    ("PUT", f"/v1/connections/{NOBODY}/subscriptions/c", None),
    ("DELETE", f"/v1/connections/{NOBODY}/subscriptions/c", None),
    ("PUT", f"/v1/connections/{NOBODY}/metadata", {}),
    ("GET", f"/v1/connections/{NOBODY}", None),
    ("GET", "/v1/connections/%00", None),
    ("GET", "/v1/connections/" + 300 * "x", None),
    ("POST", "/v1/connections/" + 300 * "x" + "/close", None)], ids=lambda value: str(value)[:40])
def test_a_connection_that_certainly_is_not_there_is_404(call, method, path, body):
    assert call(404, method, path, body)["type"] == "/problems/no-such-connection"


DEEP = b'{"data":' + 100 * b"[" + 100 * b"]" + b"}"


@pytest.mark.parametrize("path, body", [
    ("messages", b""), ("messages", b"{"), ("messages", b"[]"), ("messages", b"null"), ("messages", b"{}"),
    ("messages", b'{"data":1}'), ("messages", b'{"data":null}'), ("messages", b'{"data":"\xff"}'),
    ("messages", b'{"data":"x","binary":true}'), ("messages", b'{"data":"x","binary":1}'),
    ("messages", b'{"data":"x"} more'), ("messages", DEEP),
    ("close", b'{"code":1005}'), ("close", b'{"code":"1000"}'), ("close", b'{"code":99999999999999999999}'),
    ("close", b'{"reason":1}'), ("close", b'{"reason":"%s"}' % (124 * b"x"))],
    ids=lambda value: str(value)[:30])
def test_a_bad_body_is_400_and_harms_nobody(ring, call, path, body):
    client, me = connect(ring)
    problem = call(400, "POST", f"/v1/connections/{me}/{path}", body)
    assert problem["type"] == "/problems/invalid-body" and problem["detail"]
    call(200, "POST", f"/v1/connections/{me}/messages", {"data": "alive"})
    assert client.receive() == "alive"


@pytest.mark.parametrize("body", [b"", b"{", b"nul", b'1},"x":{', 100 * b"[" + 100 * b"]",
                                  b'"' + 70000 * b"x" + b'"'], ids=lambda body: str(body[:10]))
def test_bad_metadata_is_400(ring, call, body):
    _, me = connect(ring)
    assert call(400, "PUT", f"/v1/connections/{me}/metadata", body)["type"] == "/problems/invalid-body"


@pytest.mark.parametrize("path", [
    "/v1/connections?limit=0", "/v1/connections?limit=1001", "/v1/connections?limit=x",
    "/v1/connections?cursor=%21", "/v1/connections?channel=", "/v1/connections?edge=%00",
    "/v1/channels?cursor=_w", "/v1/channels?prefix=%0A", "/v1/channels/%0A",
    "/v1/channels/" + 257 * "x", "/v1/channels/%FF/members", "/v1/channels/x/members?limit=-1",
    "/v1/edges?limit=0", "/v1/connections?chanel=x", "/v1/status?state=open"], ids=lambda path: path[:40])
def test_a_bad_parameter_is_400(call, path):
    problem = call(400, "GET", path)
    assert problem["type"] == "/problems/invalid-parameter" and problem["detail"]


def test_a_bad_channel_in_a_command_is_400(ring, call):
    _, me = connect(ring)
    for method in ("PUT", "DELETE"):
        for channel in ("%01", 257 * "x", "%C3"):
            assert call(400, method, f"/v1/connections/{me}/subscriptions/{channel}")["type"] == (
                "/problems/invalid-parameter")
    call(400, "POST", "/v1/channels/%01/messages", {"data": "x"})
    call(400, "POST", "/v1/channels/c/close", {"code": 1})


@pytest.mark.parametrize("key", ["", "x" * 256, "ä".encode("latin-1")],
                         ids=["empty", "long", "not ASCII"])
def test_an_unusable_idempotency_key_is_400(call, key):
    problem = call(400, "POST", "/v1/channels/c/messages", {"data": "x"}, headers={"Idempotency-Key": key})
    assert problem["type"] == "/problems/invalid-parameter"


def test_a_large_body_is_413_and_a_coded_one_415(ring, call):
    _, me = connect(ring)
    large = b'{"data":"' + b"x" * (5 << 20) + b'"}'
    for path in (f"/v1/connections/{me}/messages", "/v1/channels/c/messages"):
        answer = ring.rest.request("POST", path, large)
        assert answer.status == 413 and answer.json["type"] == "/problems/body-too-large"
        call(415, "POST", path, b"\x1f\x8b", headers={"Content-Encoding": "gzip"})


def test_without_a_good_token_everything_is_403(ring, call, document):
    for method, path, operation in document.operations():
        if operation.get("security") == []:
            continue
        path = path.replace("{connectionId}", NOBODY).replace("{channel}", "c").replace("{deadLetterId}", "1")
        for token in (None, "no", ring.rest.token(aud="WebSocketEvent"), ring.rest.token(secret="x" * 40)):
            body = b"{}" if method in ("post", "put") else None
            answer = call(403, method.upper(), path, body, token=token)
            assert path == "/" or answer["type"] == "/problems/invalid-token"


def test_what_is_not_there_says_so(ring):
    for method, path, status, kind in [
            ("GET", "/v1", 404, "not-found"), ("GET", "/v1/", 404, "not-found"),
            ("GET", "/v1/nothing", 404, "not-found"), ("GET", "/v1/channels/a/b", 404, "not-found"),
            ("GET", "/v1/connections//messages", 404, "not-found"),
            ("POST", "/v1/status", 405, "method-not-allowed"),
            ("PATCH", f"/v1/connections/{NOBODY}", 405, "method-not-allowed"),
            ("GET", "/", 405, "method-not-allowed"), ("DELETE", "/x", 405, "method-not-allowed")]:
        answer = ring.rest.request(method, path)
        assert (answer.status, answer.json["type"]) == (status, f"/problems/{kind}"), (method, path)
        assert (answer.headers["Allow"] is not None) == (status == 405)
    assert ring.rest.request("GET", f"/v1/connections/{NOBODY}/subscriptions/c").headers["Allow"] == "PUT, DELETE"


# ---- dead letters: what they do is told in test_dead_letters.py ----

def test_dead_letters_answer_as_promised(ring, call):
    until(lambda: ring.rest.request("GET", "/v1/dead-letters").status == 200, "the tables")
    ring.query("insert into {s}.dead_letters (idempotency_key, connection_id, kind, first_sequence, last_sequence,"
               f" events, attempts) values ('{NOBODY}:close', '{NOBODY}', 'close', 3, 3,"
               """ '[{"type": "CLOSE", "code": 1000, "reason": ""}]', 1) returning id""")
    [letter] = call(200, "GET", f"/v1/dead-letters?connection={NOBODY}")["items"]
    path = f"/v1/dead-letters/{letter['id']}"
    whole = call(200, "GET", path)
    assert letter.items() <= whole.items()
    assert whole["metadata"] is None and whole["lastStatus"] is None and whole["eventCount"] == 1
    call(202, "POST", f"{path}/replay")
    until(lambda: call(200, "GET", path)["state"] == "replayed", "the replay")
    call(204, "DELETE", path)
    call(404, "GET", path)


# ---- PostgreSQL away ----

def test_without_postgresql_reads_say_so_and_commands_go_on(stacks, postgres, document):
    """Here it was never there; control is warm all the same."""
    stack = stacks(DATABASE_URL="host=/nonexistent user=nobody", PEER_TIMEOUT="1s")
    client, me = member(stack, "room")
    for path in ("/v1/status", "/v1/edges", "/v1/connections", f"/v1/connections/{me}", "/v1/channels",
                 "/v1/channels/room", "/v1/channels/room/members", "/v1/dead-letters", "/v1/dead-letters/1"):
        answer = stack.rest.request("GET", path)
        document.check_answer("GET", path, answer)
        assert answer.status == 503 and answer.json["type"] == "/problems/database-away"
    stack.rest.publish("room", "still here")
    assert client.receive() == "still here"
    answer = stack.rest.request("POST", f"/v1/connections/{NOBODY}/close")
    assert answer.status == 404
