"""Clients that misbehave, or that all come at once."""

from harness.rest import Rest
from ring import SECRET

from . import fault


@fault(soak=True)
def client_stops_reading(ring, _):
    """Closed with 1013 when its queue is full; nobody else notices."""
    name = ring.load.stop_reading()
    connection = ring.load.connection_of(name)
    ring.expect.slow_clients.add(name)
    rest = Rest(f"http://127.0.0.1:{ring.rest_ports[0]}", SECRET)
    filler = "fill " + "x" * 200_000

    def closed():
        rest.events({"type": "TEXT", "connectionId": connection, "data": filler})
        items, _ = ring.backend.harvest()
        return [item for item in items if item["connection"] == connection and item["events"][0][0] == "CLOSE"]

    for _ in range(30):
        assert rest.events({"type": "TEXT", "connectionId": connection, "data": filler}).status == 200
    closes = ring.until(closed, "the slow client to be closed")
    assert closes[0]["events"][0][1] == 1013 and closes[0]["events"][0][2], closes
    ring.load.read_again(name)
    ring.until(lambda: ring.load.end_of(name)[0] == "ended", lambda: f"its end: {ring.load.end_of(name)}")


@fault()
def client_floods(ring, scene):
    """It is not read until the backend has caught up; nothing is dropped."""
    ring.backend.set_mode("slow", about=0.05)
    ring.load.flood(4000 if not scene.long else 20000, 4000)
    most = {"slip_reads_paused": 0.0, "slip_events_queued_bytes": 0.0}

    def over():
        for name in most:
            most[name] = max(most[name], ring.metric(ring.edges, name))
        return not ring.load.is_flooding()

    ring.until(over, lambda: f"the flood to be over: {ring.load.status()} {most}", 300)
    ring.backend.set_mode("ok")
    assert most["slip_reads_paused"] >= 1, "its socket was read all the time"
    assert most["slip_events_queued_bytes"] < 8 << 20, f"queued: {most}"


@fault(load={"clients": 40, "churn": 0.0}, times=2)
def everyone_at_once(ring, scene):
    """Each OPEN, each message and each CLOSE arrives once; nobody is refused."""
    count = 5000 if scene.long else 2000
    ring.expect.lost_seconds = 0
    ring.expect.memory_bytes = 256 << 20
    ring.load.burst(count, 3)
    ring.until(lambda: ring.load.burst_left() <= 40, lambda: f"{ring.load.burst_left()} are left", 60)
    seen = ring.backend.count()
    assert seen > count, f"{seen} requests for {count} clients"


@fault(ring={"MAX_CONNECTIONS": 80, "MAX_PENDING": 80}, load={"clients": 100, "churn": 0.0}, times=1)
def more_than_max_connections(ring, _):
    """Two edges hold 80 each; the others are told 503, and those who are in notice nothing."""
    ring.expect.refusals = True
    ring.load.ramp(100, 4)
    ring.until(lambda: ring.load.status()["joined"] == 160, lambda: f"160 to be in: {ring.load.status()}")
    ring.until(lambda: ring.load.refused().get(503, 0) >= 20, lambda: f"503: {ring.load.refused()}")
    ring.load.stop_returning()
