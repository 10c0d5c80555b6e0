"""What must be true whatever was broken: every invariant, once.

`check(ring)` is called when the load has come to rest and all clients have left; `check_tables(ring)`
also before they leave. Both return a list of sentences; an empty one is what we want.

What is compared is what the clients wrote and read, what the backend was asked and answered, and
what the publishers were answered: the broker's own word is only taken for the tables.
"""

import collections
import math
import re

SHOWN = 5


class Problems(list):
    """Many of one kind are one sentence with a few examples."""

    def __init__(self):
        super().__init__()
        self.kinds = collections.defaultdict(list)

    def add(self, kind, example):
        self.kinds[kind].append(example)

    def finish(self):
        for kind, examples in self.kinds.items():
            shown = "; ".join(map(str, examples[:SHOWN]))
            self.append(f"{len(examples)} × {kind}: {shown}")
        return self


class Truth:
    """The records of a round, put together."""

    def __init__(self, ring):
        self.expect = ring.expect
        self.clients, self.publishes, self.load_problems, self.refusals = ring.load.harvest()
        items, self.backend_problems = ring.backend.harvest()
        self.items = items
        self.by_connection = collections.defaultdict(list)
        for item in items:
            self.by_connection[item["connection"]].append(item)
        self.by_name = {client["name"]: client for client in self.clients}
        self.note_membership()

    def note_membership(self):
        """A client is a member for every publish once OPEN's answer, which subscribes it, is carried
        out everywhere: its next request tells. (That it reads what followed SUBSCRIBE in the answer
        says only that its own edge has got so far.)"""
        for client in self.clients:
            later = [item["at"] for item in self.by_connection.get(client["connection"], ())
                     if item["events"][0][0] == "TEXT"]
            client["member_at"] = min(later, default=None)

    def is_lost(self, client):
        """Its edge may have died under it."""
        return (client["end"] == ("lost",) and client["edge"] in self.expect.killed_edges
                or self.is_restarted(client) and client["edge"] in self.expect.frozen_edges)

    def silent_since(self, client):
        """When its edge reached nobody any more, while it was there; None if it always did."""
        edge = client["edge"]
        times = [*self.expect.killed_edges.get(edge, ()), *self.expect.frozen_edges.get(edge, ())]
        ended = math.inf if client["ended_at"] is None else client["ended_at"]
        slack = self.expect.lost_seconds
        return min((at for at in times if client["opened_at"] < at + slack and ended > at - slack), default=None)

    @staticmethod
    def is_restarted(client):
        return client["end"] is not None and client["end"][:2] == ("close", 1012) or client["end"] == ("lost",)

    @staticmethod
    def is_whole(client):
        """Every frame that it wrote was read by its edge, and what it was sent came: it stayed to
        the end, or closed properly and saw the answer."""
        return client["how"] == "close" and client["end"] is not None and client["end"][0] == "close"


# ---- connections: OPEN, CLOSE, order ----

def numbers_of(item):
    return [event[1] for event in item["events"] if event[0] == "TEXT"]


def check_requests(truth, problems):
    """Per connection: one OPEN first, then messages without a gap, then one CLOSE, and nothing
    after it; repetitions carry the same key and the same body."""
    for connection, items in truth.by_connection.items():
        digests, order = {}, []
        for item in items:
            key = item["key"]
            if key not in digests:
                digests[key] = item["digest"]
                order.append(item)
            elif digests[key] != item["digest"]:
                if not (key.endswith(":close") and truth.expect.other_close):
                    problems.add("a key came again with another body", key)
            elif order[-1]["key"] != key and not truth.expect.older_repeats:
                problems.add("an older key came again although no router was lost", (key, order[-1]["key"]))
        check_order(connection, order, problems)


def check_order(connection, order, problems):
    expected, text, closed = 0, 0, False
    for item in order:
        kinds = [event[0] for event in item["events"]]
        if closed:
            problems.add("something came after CLOSE", (connection, item["key"]))
        if "CLOSE" in kinds:
            closed = True
            if kinds != ["CLOSE"] or item["key"] != f"{connection}:close":
                problems.add("CLOSE is not alone under its key", (item["key"], kinds))
            continue
        found = re.fullmatch(r"(.*):(\d+)-(\d+)", item["key"])
        if not found or found[1] != connection:
            problems.add("a key that is not the connection's", (connection, item["key"]))
            continue
        first, last = int(found[2]), int(found[3])
        if first != expected or last - first + 1 != len(kinds):
            problems.add("a gap or an overlap in the sequence", (item["key"], f"expected {expected}"))
        expected = last + 1
        if ("OPEN" in kinds) != (first == 0) or ("OPEN" in kinds and len(kinds) != 1):
            problems.add("OPEN is not first and alone", (item["key"], kinds))
        for number in numbers_of(item):
            if number != text:
                problems.add("messages out of order", (item["key"], number, f"expected {text}"))
            text = number + 1


def check_clients(truth, problems):
    """Sent = delivered; a connection has one OPEN; it has one CLOSE, with the code of its end."""
    names = collections.defaultdict(set)
    for connection, items in truth.by_connection.items():
        names[items[0]["client"]].add(connection)
    for name in names:
        if name not in truth.by_name:
            problems.add("an OPEN of nobody", (name, names[name]))
    for client in truth.clients:
        connections = names.get(client["name"], set())
        if len(connections) > 1:
            problems.add("one handshake, two connections", (client["name"], connections))
        if client["opened_at"] is None:
            check_unopened(truth, client, connections, problems)
        elif not connections:
            problems.add("a client was let in without OPEN", client["name"])
        else:
            check_client(truth, client, truth.by_connection[next(iter(connections))], problems)


def check_unopened(truth, client, connections, problems):
    """It never saw 101: CLOSE is owed if the backend accepted it."""
    if client["end"] and client["end"][0] == "refused" and not truth.expect.refusals:
        problems.add("refused although nothing was wrong", (client["name"], client["end"]))
    for connection in connections:
        items = truth.by_connection[connection]
        accepted = any(item["status"] == 200 and item["events"][0][0] == "OPEN" for item in items)
        closed = any(item["events"][0][0] == "CLOSE" for item in items)
        if accepted and not closed and not is_unwritten(truth.expect, items):
            problems.add("the backend accepted, the client gave up, and no CLOSE", (client["name"], connection))


def check_client(truth, client, items, problems):
    who = (client["name"], client["connection"] or items[0]["connection"])
    delivered = {number for item in items if item["status"] == 200 for number in numbers_of(item)}
    sent = len(client["sent_at"])
    if delivered and max(delivered) >= sent:
        problems.add("delivered, never sent", (*who, max(delivered), sent))
    missing = [number for number in range(sent) if number not in delivered]
    if missing and not truth.expect.dead_letters:
        check_missing(truth, client, items, missing, problems)
    closes = {(item["digest"], item["events"][0]) for item in items
              if item["events"][0][0] == "CLOSE" and (item["status"] == 200 or truth.expect.dead_letters)}
    if not closes and not is_unwritten(truth.expect, items):
        problems.add("no CLOSE", (*who, client["end"]))
    for _, (_, code, _) in closes:
        if code not in codes_of(truth, client):
            problems.add("CLOSE with another code than the end had", (*who, code, client["how"], client["end"]))
    if not may_end_so(truth, client):
        problems.add("thrown out", (*who, client["edge"], client["end"]))


def is_unwritten(expect, items):
    """Did all that knew of this connection die before its row was committed?"""
    opened = [item["answered_at"] for item in items if item["status"] == 200 and item["events"][0][0] == "OPEN"]
    deaths = [at for times in expect.killed_edges.values() for at in times]
    return any(abs(death - at) < expect.unwritten_seconds for at in opened for death in deaths)


def has_place(items, moment):
    """Had the edge a place for a further batch at this moment? It has two of a connection under way
    at most; what is written meanwhile waits in its memory."""
    answered = {}
    for item in items:
        if item["status"] == 200 and numbers_of(item):
            answered.setdefault(item["key"], item["answered_at"])
    return sum(1 for at in answered.values() if at > moment) < 2


def check_missing(truth, client, items, missing, problems):
    """Only what was on its way in an edge that died may be missing, or waited there for the backend,
    or what a client cut off. The edge may have answered its close frame, and died then."""
    who = (client["name"], items[0]["connection"])
    if client["how"] in ("reset", "drop"):
        return
    silent = truth.silent_since(client)
    if silent is not None:
        moment = silent - truth.expect.lost_seconds
        early = [number for number in missing if client["sent_at"][number] < moment]
        if early and has_place(items, moment):
            problems.add("lost, though written long before the edge fell silent", (*who, early[:3]))
        return
    if client["name"] in truth.expect.slow_clients:
        return
    problems.add("messages lost", (*who, f"{len(missing)} of {len(client['sent_at'])}, first {missing[0]}",
                                   client["how"], client["end"]))


def codes_of(truth, client):
    """Codes that its CLOSE may carry."""
    if client["name"] in truth.expect.slow_clients:
        return {1013}
    if truth.expect.other_close:
        return {1006, 1012, 1001, 1000}
    if client["end"] and client["end"][:2] == ("close", 1012):
        return {1006, 1012, 1000 if client["how"] == "close" else 1006}  # its router spoke for it
    if client["how"] == "close" and client["end"] and client["end"][0] == "close":
        # An edge that dies right behind its answer takes the code along: its router says 1006.
        dead = client["edge"] in truth.expect.killed_edges or client["edge"] in truth.expect.frozen_edges
        return {1000, client["end"][1]} | ({1006} if dead else set())
    if client["how"] in ("reset", "drop"):
        return {1006, 1001, 1012}
    if client["end"] and client["end"][0] == "close":
        return {client["end"][1]}
    return {1006, 1012, 1000 if client["how"] == "close" else 1006}


def may_end_so(truth, client):
    """Did it leave by itself, or does the fault explain its end?"""
    if client["how"] and (client["end"] is None or client["end"][0] in ("close", "reset", "drop")):
        return True
    if client["name"] in truth.expect.slow_clients:
        return client["end"][:2] == ("close", 1013) or client["end"] == ("lost",)
    if truth.is_lost(client):
        return True
    return client["edge"] in truth.expect.restarted_edges and (
        client["end"][:2] == ("close", 1001) or client["how"] == "close")


# ---- what clients were sent ----

def check_echoes(truth, problems):
    """The command of an answer is applied once, and for who stayed not less."""
    for client in truth.clients:
        who = (client["name"], client["connection"])
        if len(set(client["echoes"])) != len(client["echoes"]):
            twice = [number for number, count in collections.Counter(client["echoes"]).items() if count > 1]
            problems.add("an answer's command was applied twice", (*who, twice[:3]))
        if client["echoes"] != sorted(client["echoes"]):
            problems.add("answers out of order", (*who, client["echoes"][:20]))
        if truth.is_whole(client) and client["name"] not in truth.expect.slow_clients:
            # What was answered before it began to close; the rest had nobody to go to.
            missing = set(range(sum(1 for at in client["sent_at"] if at < client["closing_at"] - 5)))
            missing -= set(client["echoes"])
            if missing and not truth.expect.dead_letters:
                problems.add("an answer's command never came", (*who, sorted(missing)[:3]))


def check_publishes(truth, problems):
    """Answered 200: every member that stayed has it, once. Never more than once."""
    members = collections.defaultdict(list)
    for client in truth.clients:
        who = (client["name"], client["connection"])
        twice = [what for what, count in collections.Counter(client["publishes"]).items() if count > 1]
        if twice:
            problems.add("a publish came twice", (*who, twice[:3]))
        client["got"] = set(client["publishes"])
        if client["member_at"] and truth.is_whole(client) and client["name"] not in truth.expect.slow_clients:
            for channel in client["channels"]:
                members[channel].append(client)
        check_publish_order(client, who, problems)
    for record in truth.publishes:
        if record["acked"] is None:
            problems.add("a publish was never answered 200", (record["what"], record["answers"]))
            continue
        for client in members[record["channel"]]:
            if (client["member_at"] < record["started"] and record["acked"] < client["closing_at"]
                    and ("rest", record["what"]) not in client["got"]):
                problems.add("a publish was answered 200 and did not come",
                             (record["what"], client["name"], client["connection"], record["answers"]))
    check_answer_publishes(truth, members, problems)


def check_publish_order(client, who, problems):
    last = {}
    for kind, what in client["publishes"]:
        source, _, number = what.rpartition("/")
        if int(number) <= last.get((kind, source), -1):
            problems.add("publishes out of order", (*who, kind, what, last[kind, source]))
        last[kind, source] = int(number)


def check_answer_publishes(truth, members, problems):
    """PUBLISH_TEXT in an answer: its members that joined before, and left long after the answer was
    acknowledged (the sender has its echo, which was written before it in the same answer)."""
    for sender in truth.clients:
        if not truth.is_whole(sender) or not sender["channels"]:
            continue
        connection = sender["connection"]
        echoed = set(sender["echoes"])
        for number in range(0, len(sender["sent_at"]), 10):
            if number not in echoed or number + 2 not in echoed:
                continue  # a later batch's echo: the batch before was acknowledged
            for client in members[sender["channels"][0]]:
                if (client["member_at"] < sender["sent_at"][number]
                        and client["closing_at"] > sender["closing_at"] - 0.1
                        and ("answer", f"{connection}/{number}") not in client["got"]
                        and number + 20 < len(sender["sent_at"])):
                    problems.add("an answer's publish did not come",
                                 (f"{connection}/{number}", client["name"], client["connection"]))


# ---- tables ----

def table_problems(ring):
    """What the tables say against what the clients know, at this moment."""
    clients = ring.load.connections()
    truth = {connection: channels for connection, channels, _ in clients}
    found = {row[0]: row[1] for row in ring.query("select connection_id, state from {s}.connections")}
    problems = Problems()
    for connection in truth.keys() - found.keys():
        problems.add("a client without its row", connection)
    for connection in found.keys() - truth.keys():
        problems.add("a row without its client", (connection, found[connection]))
    for connection in truth.keys() & found.keys():
        if found[connection] != "open":
            problems.add("a row with a wrong state", (connection, found[connection]))
    wanted = {(connection, channel) for connection, channels in truth.items() for channel in channels}
    rows = {tuple(row) for row in ring.query("select connection_id, channel from {s}.subscriptions")}
    for pair in wanted - rows:
        problems.add("a member without its row", pair)
    for pair in rows - wanted:
        problems.add("a row without its member", pair)
    live = {row[0] for row in ring.query("select edge_id from {s}.edges where state = 'live'")}
    running = sum(1 for process in ring.edges if process not in ring.down and process.is_running())
    if len(live) != running:
        problems.add("live edges in the table", (len(live), f"{running} run"))
    for connection in truth:
        if connection[:10] not in live:
            problems.add("a client of an edge that is not live", connection)
    return problems.finish()


def check_tables(ring, patience=20):
    """The tables follow a moment after the fact: they have `patience` to become the truth."""
    last = []

    def agree():
        try:
            last[:] = table_problems(ring)
        except AssertionError as error:
            last[:] = [f"the tables cannot be read: {error}"]
        return not last

    try:
        ring.until(agree, "tables", patience)
    except AssertionError:
        return [f"tables ({patience} s after the load): {problem}" for problem in last]
    return []


def check_dead_letters(ring, problems):
    rows = ring.query("select idempotency_key, attempts, last_status, last_error from {s}.dead_letters")
    if rows and not ring.expect.dead_letters:
        problems.add("a dead letter", rows[0])


# ---- processes ----

def room_for_descriptors(name):
    """What a process may have opened since: links that were made anew; and a worker keeps its
    connections to the backend, as many as it has transfers."""
    return 12 + (64 if name.startswith("worker") else 0)


def check_growth(ring, problems):
    """Descriptors are what they were before the load; memory is bounded. Only of processes that
    lived through it all."""
    def settled():
        now = ring.usage()
        return all(now[name][1] <= ring.baseline[name][1] + room_for_descriptors(name)
                   for name in ring.lived if name in now and name in ring.baseline)

    try:
        ring.until(settled, "descriptors", 10)
    except AssertionError:
        pass
    for name, (resident, descriptors) in ring.usage().items():
        if name not in ring.lived or name not in ring.baseline:
            continue
        before_resident, before_descriptors = ring.baseline[name]
        if descriptors > before_descriptors + room_for_descriptors(name):
            problems.add("descriptors leaked", (name, before_descriptors, descriptors))
        if resident > before_resident + ring.expect.memory_bytes:
            problems.add("memory grew", (name, f"{before_resident >> 20} MB", f"{resident >> 20} MB"))


def figures(truth):
    keys = collections.Counter(item["key"] for item in truth.items)
    return {
        "clients": sum(1 for client in truth.clients if client["opened_at"]),
        "messages": sum(len(client["sent_at"]) for client in truth.clients),
        "requests": len(truth.items),
        "repeats": sum(count - 1 for count in keys.values()),
        "publishes": len(truth.publishes),
        "publish retries": sum(record["attempts"] - 1 for record in truth.publishes),
        "deliveries": sum(len(client["publishes"]) for client in truth.clients),
        "slowest echo": round(max((client["slowest_echo"] for client in truth.clients), default=0), 2),
    }


def closes_missing(ring):
    """Ids of connections that the backend accepted and has not heard the end of."""
    items, _ = ring.backend.harvest()
    opened = {item["connection"] for item in items if item["status"] == 200 and item["events"][0][0] == "OPEN"
              and not is_unwritten(ring.expect, [item])}
    closed = {item["connection"] for item in items if item["status"] == 200 and item["events"][0][0] == "CLOSE"}
    if opened - closed and ring.expect.dead_letters:
        closed |= {row[0] for row in ring.query("select connection_id from {s}.dead_letters where kind = 'close'")}
    return opened - closed


def check(ring):
    """(problems, figures) when every client has left."""
    problems = Problems()
    truth = Truth(ring)
    problems += truth.load_problems[:SHOWN] + truth.backend_problems[:SHOWN] + ring.problems
    ring.problems.clear()
    check_requests(truth, problems)
    check_clients(truth, problems)
    check_echoes(truth, problems)
    check_publishes(truth, problems)
    check_dead_letters(ring, problems)
    check_growth(ring, problems)
    facts = figures(truth)
    if ring.overloads:
        facts["overloaded"] = ring.overloads
    return problems.finish(), facts
