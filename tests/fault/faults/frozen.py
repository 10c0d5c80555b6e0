"""SIGSTOP for longer than PEER_TIMEOUT, then SIGCONT: who wakes up is dead already, and must not
do anything that a living one would."""

import time

from ring import PEER_TIMEOUT

from . import fault


def freeze(ring, scene, process):
    ring.expect.refusals = True
    ring.freeze(process)
    ring.pause(PEER_TIMEOUT * 1.2 + scene.moment(1.0))
    ring.thaw(process)
    ring.wait_ready(process)


@fault(soak=True)
def edge_frozen(ring, scene):
    freeze(ring, scene, scene.some(ring.edges))


@fault(soak=True)
def router_frozen(ring, scene):
    freeze(ring, scene, scene.some(ring.routers))


@fault(ring={"routers": 2})
def one_router_of_two_frozen(ring, scene):
    freeze(ring, scene, scene.some(ring.routers))


@fault(soak=True)
def worker_frozen(ring, scene):
    freeze(ring, scene, scene.some(ring.workers))


@fault(soak=True)
def control_frozen(ring, scene):
    freeze(ring, scene, scene.some(ring.controls))


@fault(soak=True)
def everyone_hesitates(ring, scene):
    """Shorter than anybody may notice."""
    for process in scene.rng.sample(ring.processes(), len(ring.processes())):
        began = time.monotonic()
        ring.freeze(process)
        ring.pause(PEER_TIMEOUT * 0.25)
        ring.thaw(process, dead=False)
        if time.monotonic() - began > PEER_TIMEOUT * 0.35:
            ring.expect_frozen(process, began)  # this machine made more of it than was meant
