"""Lines between processes: cut, held up, half open, slow."""

import time

from ring import PEER_TIMEOUT

from . import fault

PROXIED = {"proxied": True}


def broken(ring, lines, mode, seconds, delay=0.0):
    ring.proxy.set(lines, mode, delay)
    ring.pause(seconds)
    ring.proxy.set(lines, "pass")


@fault(ring=PROXIED, soak=True)
def every_line_cut_for_a_moment(ring, scene):
    """What was in the pipes is lost; gap detection brings it again."""
    for _ in range(4):
        for line in scene.rng.sample(ring.lines(), len(ring.lines())):
            broken(ring, [line], "cut", scene.moment(0.15))


@fault(ring=PROXIED, soak=True)
def all_lines_cut_at_once(ring, scene):
    for _ in range(3):
        broken(ring, ring.lines(), "cut", scene.moment(0.5))
        ring.pause(0.5 + scene.moment(0.5))


@fault(ring=PROXIED, soak=True)
def all_lines_delayed(ring, scene):
    broken(ring, ring.lines(), "delay", 2.0, delay=0.02 + scene.moment(0.1))


@fault(ring=PROXIED, soak=True)
def lines_stalled_for_a_moment(ring, scene):
    """Nothing comes and nothing is lost."""
    for _ in range(3):
        broken(ring, ring.lines(scene.some(["edge", "worker"])), "stall", PEER_TIMEOUT * 0.35)
        ring.pause(scene.moment())


@fault(ring=PROXIED, soak=True)
def lines_half_open(ring, scene):
    """One end believes in a connection that the other end knows to be broken."""
    for line in scene.rng.sample(ring.lines("edge"), 2) + scene.rng.sample(ring.lines("worker"), 2):
        broken(ring, [line], "half", PEER_TIMEOUT * 0.4)
        ring.pause(scene.moment(0.3))


@fault(ring=PROXIED)
def edge_cut_off_from_router(ring, scene):
    """For longer than PEER_TIMEOUT: the router judges, the edge obeys when it hears of it."""
    number = scene.rng.randrange(len(ring.edges))
    ring.expect_frozen(ring.edges[number], time.monotonic())
    ring.expect.refusals = True
    broken(ring, ring.lines(f"edge{number}", "router"), scene.some(["cut", "stall", "half"]), PEER_TIMEOUT * 1.7)
    ring.until(lambda: ring.edges[number].name not in ring.lived, "the edge to hear that it is dead")


@fault(ring=PROXIED, soak=True)
def edge_cut_off_from_controls(ring, scene):
    """It lives, as the roll says: publishes wait for it, and are not answered 200 without it."""
    number = scene.rng.randrange(len(ring.edges))
    lines = ring.lines(f"edge{number}", "control")
    broken(ring, lines, scene.some(["cut", "stall"]), PEER_TIMEOUT * 1.5)


@fault(ring=PROXIED, soak=True)
def edge_cut_off_from_one_control(ring, scene):
    number = scene.rng.randrange(len(ring.edges))
    broken(ring, ring.lines(f"edge{number}", "control1"), scene.some(["cut", "stall", "half"]), PEER_TIMEOUT * 1.5)


@fault(ring={"proxied": True, "routers": 2}, soak=True)
def one_router_cut_off_from_an_edge(ring, scene):
    """One judge: the edge has another home before its old one could judge."""
    number = scene.rng.randrange(len(ring.edges))
    ring.expect.older_repeats = True
    for router in (0, 1):
        broken(ring, ring.lines(f"edge{number}-router{router}"), scene.some(["cut", "stall"]), PEER_TIMEOUT * 1.6)
        ring.pause(0.5)


@fault(ring=PROXIED, soak=True)
def workers_cut_off_from_router(ring, scene):
    ring.expect.refusals = True
    broken(ring, ring.lines("worker", "router"), scene.some(["cut", "stall"]), PEER_TIMEOUT * 1.5)


@fault(ring=PROXIED, soak=True)
def workers_cut_off_from_controls(ring, scene):
    ring.expect.refusals = True
    broken(ring, ring.lines("worker", "control"), scene.some(["cut", "stall"]), PEER_TIMEOUT * 1.5)
