"""kill -9."""

from ring import PEER_TIMEOUT

from . import fault


@fault(soak=True)
def router_killed(ring, scene):
    router = scene.some(ring.routers)
    for _ in range(2 if not scene.long else 4):
        ring.kill(router)
        ring.pause(scene.moment(0.4))
        ring.start(router)
        ring.pause(scene.moment(0.4))


@fault(soak=True)
def worker_killed(ring, scene):
    for _ in range(2 if not scene.long else 4):
        worker = scene.some(ring.workers)
        ring.kill(worker)
        ring.pause(scene.moment())
        ring.start(worker)
        ring.pause(scene.moment())


@fault(soak=True)
def all_workers_killed(ring, scene):
    for worker in ring.workers:
        ring.kill(worker)
        ring.pause(scene.moment(0.2))
    ring.pause(scene.moment(1.0))
    for worker in ring.workers:
        ring.start(worker)


@fault(soak=True)
def control_killed(ring, scene):
    for _ in range(2 if not scene.long else 4):
        control = scene.some(ring.controls)
        ring.kill(control)
        ring.pause(scene.moment())
        ring.start(control)
        ring.pause(scene.moment())


@fault(soak=True)
def all_controls_killed(ring, scene):
    for control in ring.controls:
        ring.kill(control)
        ring.pause(scene.moment(0.2))
    ring.pause(scene.moment(1.0))
    for control in ring.controls:
        ring.start(control)


@fault(soak=True)
def edge_killed(ring, scene):
    """It comes back at once in half of the cases: the old one is still to be declared dead."""
    edge = scene.some(ring.edges)
    ring.kill(edge)
    ring.pause(scene.some([0.0, PEER_TIMEOUT + 1]))
    ring.start(edge)
    ring.pause(PEER_TIMEOUT)


@fault()
def edge_killed_for_good(ring, _):
    """Its clients' CLOSE events come, and its rows go, without it."""
    ring.load.stop_returning()
    ring.kill(ring.edges[1])
    ring.until(lambda: ring.query("select count(*) from {s}.edges where state = 'live'") == [["1"]],
               "the edge to be declared dead", 4 * PEER_TIMEOUT)


@fault(soak=True)
def edge_and_router_killed(ring, scene):
    """The orphans' CLOSE events come from PostgreSQL."""
    edge, router = scene.some(ring.edges), scene.some(ring.routers)
    ring.expect.other_close = True
    ring.expect.lost_seconds = 5.0
    ring.expect.unwritten_seconds = 0.5
    for process in scene.rng.sample([edge, router], 2):
        ring.kill(process)
    ring.pause(scene.moment(1.0))
    ring.start(router)
    ring.pause(scene.moment(1.0))
    ring.start(edge)
    ring.pause(2 * PEER_TIMEOUT)


@fault(ring={"routers": 2})
def one_router_of_two_killed(ring, scene):
    """Its edges find another home."""
    ring.kill(scene.some(ring.routers))
    ring.pause(2 * PEER_TIMEOUT)


@fault(ring={"routers": 2}, soak=True)
def all_routers_killed(ring, scene):
    """One comes back before the others."""
    ring.expect.refusals = True
    for router in ring.routers:
        ring.kill(router)
    ring.pause(scene.moment(1.0))
    first = scene.some(ring.routers)
    ring.start(first)
    ring.pause(PEER_TIMEOUT + 1)
    for router in ring.routers:
        if router is not first:
            ring.start(router)


@fault(ring={"routers": 2})
def all_routers_and_an_edge_killed(ring, scene):
    """Nobody who knew is left but PostgreSQL; one router comes back."""
    ring.expect.refusals = ring.expect.other_close = True
    ring.expect.lost_seconds = 5.0
    ring.expect.unwritten_seconds = 0.5
    for process in scene.rng.sample([*ring.routers, ring.edges[0]], 3):
        ring.kill(process)
    ring.pause(scene.moment(1.0))
    ring.start(ring.routers[1])
    ring.pause(3 * PEER_TIMEOUT)
    ring.start(ring.edges[0])
