"""What operators and machines do."""

import os
import resource
import struct
import subprocess
import tempfile
import time

from ring import SANITIZER

from . import Skip, fault


@fault(ring={"routers": 2}, soak=True)
def rolling_restart(ring, scene):
    """One after another, under load: the clients of a restarted edge get 1001 and come back;
    nobody else notices."""
    ring.expect.refusals = True
    for process in [*ring.routers, *ring.workers, *ring.controls, *ring.edges]:
        ring.restart(process)
        ring.pause(scene.moment(0.3))


@fault(times=2)
def rolling_restart_of_single_router(ring, scene):
    for _ in range(2):
        ring.restart(ring.routers[0])
        ring.pause(scene.moment())


@fault()
def descriptors_run_out(ring, _):
    """At an edge: those who are in notice nothing, those who are not get in when there is room."""
    ring.expect.refusals = True
    edge = ring.edges[0]
    usual = resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{edge.process.pid}/fd"))
    resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE, (used + 10, usual[1]))
    joined = ring.load.status()["by_edge"][0]
    ring.load.ramp(120, 8)
    ring.pause(2.0)
    assert edge.is_running(), "it died"
    assert ring.load.status()["by_edge"][0] < joined + 40, "the limit was no limit"
    log = edge.log().lower()
    assert "too many open files" in log or "descriptor" in log, f"the log does not say why:\n{edge.log_tail(10)}"
    resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE, usual)
    ring.until(lambda: ring.load.status()["by_edge"][0] >= joined + 50,
               lambda: f"the others to get in: {ring.load.status()}")


class Clock:
    """Shifts CLOCK_REALTIME of the programs alone, by a preloaded library that reads an offset
    from a file; the machine's own clock is not ours to turn."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="slip-clock-")
        self.file = os.path.join(self.folder, "offset")
        self.set(0)
        self.library = os.path.join(self.folder, "clock.so")
        source = os.path.join(os.path.dirname(__file__), "..", "clock.c")
        done = subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", self.library, source],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"no compiler for the clock: {done.stdout}")
        self.environment = {"LD_PRELOAD": self.library, "CLOCK_OFFSET_FILE": self.file,
                            "ASAN_OPTIONS": f"{SANITIZER}:verify_asan_link_order=0"}

    def set(self, seconds):
        with open(self.file, "r+b" if os.path.exists(self.file) else "wb") as file:
            file.write(struct.pack("q", seconds))


def with_clock():
    clock = Clock()
    return {**clock.environment, "clock": clock}


@fault(ring=with_clock)
def clock_set(ring, scene):
    """Back and forth by an hour: heartbeats and time-outs know nothing of the calendar."""
    for offset in scene.rng.sample([3600, -3600, 40, -40], 4):
        ring.clock.set(offset)
        ring.pause(0.8)
        seen = ring.backend.count()
        issued = ring.backend.issued_at() - time.time()
        assert seen and abs(issued - offset) < 90, f"the tokens are off by {issued}, not {offset}: is the clock used?"
    ring.clock.set(0)
