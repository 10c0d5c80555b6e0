"""A round: load begins, something breaks and is mended, load comes to rest, everything is checked."""

import random
import time

import checker
import faults
from ring import Expectation


def rest(ring):
    """The load comes to rest and leaves; (problems, figures)."""
    problems = []
    try:
        ring.wait_ready()
        ring.wait_quiet()
        problems += checker.check_tables(ring)
        ring.end_load()
        ring.until(lambda: not checker.closes_missing(ring),
                   lambda: f"CLOSE of every connection; missing {sorted(checker.closes_missing(ring))[:5]}", 20)
        problems += checker.check_tables(ring)
    except AssertionError as error:
        problems.append(str(error))
        ring.load.leave_all("reset")
        ring.pause(1.0)
    more, figures = checker.check(ring)
    return problems + more, figures


def play(ring, fault, rng, long):
    """One fault, in a ring of its own."""
    ring.baseline = ring.usage()
    if not fault.begins:
        ring.begin_load(**fault.load)
        ring.pause(rng.uniform(0, 0.8))
    problems = []
    try:
        fault.function(ring, faults.Scene(rng, long))
        ring.wait_ready()
        ring.pause(0.7)
    except AssertionError as error:
        problems.append(str(error))
        ring.backend.set_mode("ok")
    more, figures = rest(ring)
    return problems + more, figures


def soak(ring, chosen, seed, seconds):
    """Rounds of one to four faults in a ring that goes on; yields (name, seconds, problems, figures)."""
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    number = 0
    baseline = None
    while time.monotonic() < end:
        number += 1
        picked = [rng.choice(chosen) for _ in range(rng.randint(1, 4))]
        name = f"{number} " + ", ".join(fault.name for fault in picked)
        began = time.monotonic()
        ring.expect = Expectation()
        for process in list(ring.down):
            ring.start(process)
        # PostgreSQL may have forgotten, in a crash, whose CLOSE was told before an edge died.
        ring.expect.other_close = any(fault.name.startswith("postgresql") for fault in picked)
        ring.expect.older_repeats = True  # there are two routers: an edge may change its home
        ring.baseline = baseline = baseline or ring.usage()
        problems = []
        try:
            ring.wait_ready()
            ring.begin_load(clients=rng.choice([60, 120, 240]), rate=rng.choice([2.0, 4.0]),
                            channels=rng.choice([2, 8, 30]), padding=rng.choice([0, 0, 2000]))
            for fault in picked:
                ring.pause(rng.uniform(0, 2.0))
                fault.function(ring, faults.Scene(rng, False))
                ring.wait_ready()
            ring.pause(0.7)
        except AssertionError as error:
            problems.append(str(error))
            ring.backend.set_mode("ok")
        more, figures = rest(ring)
        usage = ring.usage()
        figures["memory"] = "/".join(str(resident >> 20) for resident, _ in usage.values()) + " MB"
        figures["descriptors"] = "/".join(str(count) for _, count in usage.values())
        yield name, time.monotonic() - began, problems + more, figures
        ring.load.forget()
        ring.backend.forget()
        ring.lived = {process.name for process in ring.processes()}
