"""What psql shows is true, soon."""

import json
import os
import time

from harness.backend import accept
from harness.process import run_once
from harness.wait import until

README = os.path.join(os.path.dirname(__file__), "..", "..", "README.md")


def joining(*channels, metadata=None):
    def on_open(event, _):
        me = event["connectionId"]
        commands = [{"type": "SUBSCRIBE", "connectionId": me, "channel": channel} for channel in channels]
        if metadata is not None:
            commands.append({"type": "SET_METADATA", "connectionId": me, "metadata": metadata})
        return accept(me, *commands)

    return on_open


def test_connections_and_subscriptions_come_and_go(ring):
    ring.backend.on("OPEN", joining("pg-a", "pg-b", metadata={"name": "Ada"}))
    client = ring.connect()
    me = ring.backend.wait_for("OPEN")[0]["connectionId"]
    until(lambda: ring.query(f"select state from {{s}}.connections where connection_id = '{me}'") == [["open"]],
          lambda: f"the row of {me}: {ring.query('select * from {s}.connections')}")
    until(lambda: ring.query(f"select channel from {{s}}.subscriptions where connection_id = '{me}' order by 1")
          == [["pg-a"], ["pg-b"]], "its subscriptions")
    until(lambda: ring.query(f"select metadata from {{s}}.connections where connection_id = '{me}'")
          == [['{"name": "Ada"}']] or json.loads(
              ring.query(f"select metadata from {{s}}.connections where connection_id = '{me}'")[0][0])
          == {"name": "Ada"}, "its metadata")
    edge = ring.query(f"select edge_id from {{s}}.connections where connection_id = '{me}'")[0][0]
    assert me.startswith(edge)
    assert ring.query(f"select state from {{s}}.edges where edge_id = '{edge}'") == [["live"]]
    ring.rest.events({"type": "UNSUBSCRIBE", "connectionId": me, "channel": "pg-b"})
    until(lambda: ring.query(f"select channel from {{s}}.subscriptions where connection_id = '{me}'")
          == [["pg-a"]], "one subscription less")
    client.close()
    ring.backend.wait_for("CLOSE")
    until(lambda: not ring.query(f"select 1 from {{s}}.connections where connection_id = '{me}'")
          and not ring.query(f"select 1 from {{s}}.subscriptions where connection_id = '{me}'"),
          "its rows to go")


def test_rows_are_there_within_100_ms(stacks):
    """From the moment before the request to the moment of the commit, both by this machine's clock."""
    stack = stacks()
    stack.query("create table {s}.seen (channel text, at double precision)")
    stack.query("""create function {s}.note() returns trigger language plpgsql as
        $$ begin insert into {s}.seen values (new.channel, extract(epoch from clock_timestamp())); return null; end $$""")
    stack.query("""create constraint trigger note after insert on {s}.subscriptions
        deferrable initially deferred for each row execute function {s}.note()""")
    stack.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": event["data"]}])
    clients = [stack.connect() for _ in range(10)]
    ids = [event["connectionId"] for event in stack.backend.wait_for("OPEN", len(clients))]
    asked = {}
    for number in range(100):
        clients[number % 10].send("load")
        clients[number % 10].receive()
        asked[f"c{number}"] = time.time()
        stack.rest.events({"type": "SUBSCRIBE", "connectionId": ids[number % 10], "channel": f"c{number}"})
    until(lambda: stack.query("select count(*) from {s}.seen") == [["100"]], "the rows")
    delays = {channel: float(at) - asked[channel] for channel, at in stack.query("select * from {s}.seen")}
    rounds = [sorted(delays[f"c{number}"] for number in range(first, first + 20)) for first in range(0, 100, 20)]
    # The best of five medians: others may want this machine too.
    assert min(delays.values()) > 0 and min(one[10] for one in rounds) < 0.1, rounds


def test_channels_are_counted(ring):
    ring.backend.on("OPEN", joining("counted"))
    clients = [ring.connect() for _ in range(3)]
    until(lambda: ring.query("select members from {s}.channels where channel = 'counted'") == [["3"]],
          lambda: f"three members: {ring.query('select * from {s}.channels')}")
    for client in clients:
        client.drop()
    until(lambda: not ring.query("select 1 from {s}.channels where channel = 'counted'"), "none")


def test_names_and_metadata_that_are_hard_to_store(ring):
    channel = "quote'\"\\{},☃ $1"
    ring.backend.on("OPEN", joining(channel, metadata={"nul": "\u0000", "big": 10**30, "s": "\\'\""}))
    client = ring.connect()
    me = ring.backend.wait_for("OPEN")[0]["connectionId"]
    until(lambda: ring.query(f"select channel from {{s}}.subscriptions where connection_id = '{me}'")
          == [[channel]], "the strange channel")
    stored = until(lambda: [row for row in ring.query(
        f"select metadata from {{s}}.connections where connection_id = '{me}'") if "nul" in row[0]],
        "the strange metadata")
    assert json.loads(stored[0][0]) == {"nul": "\u0000", "big": 10**30, "s": "\\'\""}
    ring.rest.publish(channel, "found you")
    assert client.receive() == "found you"


def test_opening_connections_are_there_before_the_backend_has_answered(ring):
    states = []

    def on_open(event, _):
        me = event["connectionId"]
        states.append(until(lambda: ring.query(
            f"select state from {{s}}.connections where connection_id = '{me}'"), "the row of an opening one"))
        return accept(me)

    ring.backend.on("OPEN", on_open)
    ring.connect()
    assert states == [[["opening"]]]


def test_a_schema_newer_than_the_router_is_refused(stacks):
    stack = stacks()
    tables = ring_tables(stack)
    version = [table for table in tables if "migration" in table or "version" in table]
    assert version, tables
    column = stack.query("select column_name from information_schema.columns where table_schema = "
                         f"'{stack.name}' and table_name = '{version[0]}' and data_type in ('integer', 'bigint') "
                         "order by ordinal_position limit 1")[0][0]
    others = stack.query("select column_name from information_schema.columns where table_schema = "
                         f"'{stack.name}' and table_name = '{version[0]}' and is_nullable = 'NO' and "
                         f"column_default is null and column_name <> '{column}'")
    names = [column, *(row[0] for row in others)]
    values = ["9999", *("'future'" for _ in others)]
    stack.query(f"insert into {{s}}.{version[0]} ({', '.join(names)}) values ({', '.join(values)})")
    code, _, errors = run_once("router", {**stack.settings, "ROUTER_LISTEN": "127.0.0.1:0"})
    assert code == 1 and "newer" in errors, (code, errors)


def ring_tables(stack):
    return [row[0] for row in stack.query(
        f"select table_name from information_schema.tables where table_schema = '{stack.name}'")]


def test_what_reads_well_is_explained(ring):
    """Every table, view and column has a comment."""
    missing = ring.query(f"""
        select c.relname, a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum >= 0 or a.attrelid = c.oid and a.attnum = 0
        where n.nspname = '{ring.name}' and c.relkind in ('r', 'v') and not a.attisdropped
          and col_description(c.oid, a.attnum) is null""")
    assert not missing, f"without a comment: {missing}"


def test_the_questions_of_the_readme_are_answered(ring):
    """Each of them runs as it stands there, and one with a row to find finds it."""
    ring.backend.on("OPEN", lambda event, _: accept(event["connectionId"], {
        "type": "SUBSCRIBE", "connectionId": event["connectionId"], "channel": "readme"}))
    ring.connect()
    me = ring.backend.wait_for("OPEN")[0]["connectionId"]
    until(lambda: ring.query(f"select 1 from {{s}}.subscriptions where connection_id = '{me}'"), "its row")
    with open(README, encoding="utf-8") as file:
        block = file.read().partition("```sql\n")[2].partition("```")[0]
    questions = [line.partition(";")[0].replace("…", me).replace("203.0.113.7", "127.0.0.1")
                 for line in block.splitlines()]
    assert len(questions) == 5
    found = [ring.query(f'set search_path to "{ring.name}"; {question}') for question in questions]
    assert all(found[:4]), found
