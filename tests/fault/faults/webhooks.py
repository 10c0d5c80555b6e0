"""The backend breaks; its events wait, in order, and the other connections do not wait for them."""

from . import fault


def broken(ring, mode, seconds, share=1.0, **options):
    ring.expect.refusals = True
    ring.backend.set_mode(mode, share, **options)
    ring.pause(seconds)
    ring.backend.set_mode("ok")


@fault(soak=True)
def backend_down(ring, scene):
    ring.expect.refusals = True
    ring.backend.stop()
    ring.pause(3.0 if not scene.long else 15.0)
    ring.backend.start()


@fault(soak=True)
def backend_hangs_up(ring, scene):
    """All its connections are reset, again and again; it listens on."""
    ring.expect.refusals = True
    for _ in range(5):
        ring.backend.stop()
        ring.backend.start()
        ring.pause(scene.moment(0.3))


@fault(soak=True)
def backend_answers_500(ring, scene):
    broken(ring, "status", 3.0 if not scene.long else 15.0, status=scene.some([500, 502]))


@fault(soak=True)
def backend_answers_500_to_some(ring, _):
    """A third of the connections wait; the others are not held up."""
    before = ring.load.status()
    broken(ring, "status", 3.0, 0.33, status=500)
    after = ring.load.status()
    sent = after["sent"] - before["sent"]
    moved = sent - after["waiting"] + before["waiting"]
    assert moved > sent / 2, f"the other connections stood still: {before} {after}"


@fault(soak=True)
def backend_answers_429(ring, _):
    broken(ring, "status", 3.0, 0.5, status=429, retry_after=1)


@fault(soak=True)
def backend_hangs(ring, scene):
    """Longer than WEBHOOK_TIMEOUT (4 s) for some: these requests are made again."""
    broken(ring, "hang", 5.0, scene.some([0.2, 0.2, 1.0]))


@fault(soak=True)
def backend_closes_in_mid_answer(ring, _):
    broken(ring, "cut", 2.0)


@fault(soak=True)
def backend_answers_nonsense(ring, _):
    broken(ring, "garbage", 2.0)


@fault(soak=True)
def backend_is_slow(ring, _):
    broken(ring, "slow", 3.0, about=0.5)


@fault(soak=True)
def backend_is_moody(ring, scene):
    """Now this, now that; and a worker dies meanwhile."""
    ring.expect.refusals = True
    ring.backend.set_mode("mixed")
    ring.pause(2.0)
    worker = scene.some(ring.workers)
    ring.kill(worker)
    ring.start(worker)
    ring.pause(1.0)
    ring.backend.set_mode("ok")


@fault(ring={"WEBHOOK_BATCH_CONNECTIONS": 32, "WEBHOOK_CONCURRENCY": 4})
def backend_breaks_on_groups(ring, scene):
    """Requests carry many connections: a group with one bad answer is split until the guilty is
    alone; nobody loses anything."""
    broken(ring, "status", 2.0, 0.02, status=500)
    broken(ring, "cut", 1.5, 0.5)
    worker = scene.some(ring.workers)
    ring.kill(worker)
    ring.start(worker)


@fault(ring={"WEBHOOK_ATTEMPTS": 3, "RETRY_LAST": "200ms"})
def out_of_attempts(ring, _):
    """dead_letters has everything that was not delivered, and nothing else."""
    ring.expect.dead_letters = True
    broken(ring, "status", 3.0, 0.2, status=500)
    ring.load.stop_publishing()
    ring.load.stop_sending()
    ring.pause(1.0)
    items, _ = ring.backend.harvest()
    delivered = {item["key"] for item in items if item["status"] == 200}
    failed = {}
    for item in items:
        if item["key"] not in delivered and item["events"][0][0] != "OPEN":
            failed[item["key"]] = item
    rows = {}

    def all_there():
        rows.clear()
        rows.update((row[0], row[1:]) for row in ring.query(
            "select idempotency_key, connection_id, attempts, last_status, json_array_length(events)"
            " from {s}.dead_letters"))
        return rows.keys() == failed.keys()

    assert failed, "nothing ran out of attempts"
    ring.until(all_there, lambda: f"dead letters: {sorted(rows.keys() ^ failed.keys())[:5]} of {len(rows)}")
    for key, (connection, attempts, status, events) in rows.items():
        item = failed[key]
        assert (connection, int(attempts), status, int(events)) == (
            item["connection"], 3, "500", len(item["events"])), (key, rows[key], item)
    ring.load.give_up_waiting()
