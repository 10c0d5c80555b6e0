"""PostgreSQL goes and comes: no message waits for it."""

import contextlib
import os
import subprocess
import tempfile

from harness.postgres import Postgres

from . import Skip, fault


def messages_flow(ring, seconds):
    """While `seconds` pass, every second brings messages."""
    for _ in range(int(seconds)):
        before = ring.backend.count()
        ring.pause(1.0)
        assert ring.backend.count() > before + 20, "no messages flow while PostgreSQL is away"


def away(ring, scene, mode):
    ring.postgres.stop(mode)
    try:
        messages_flow(ring, 30 if scene.long else 4)
        said = ring.routers[0].admin("/readyz")
        assert "PostgreSQL" in said[1] or "database" in said[1].lower(), f"/readyz does not name it: {said}"
        assert said[0] == 200, f"a router without PostgreSQL works, and is ready: {said}"
    finally:
        ring.postgres.start()


@fault(soak=True, times=2)
def postgresql_stopped_fast(ring, scene):
    away(ring, scene, "fast")


@fault(soak=True, times=2)
def postgresql_stopped_immediate(ring, scene):
    away(ring, scene, "immediate")


@fault(soak=True)
def postgresql_restarted(ring, scene):
    for _ in range(2):
        ring.postgres.stop(scene.some(["fast", "immediate"]))
        ring.pause(scene.moment(0.3))
        ring.postgres.start()
        ring.pause(scene.moment())


@fault()
def edge_killed_without_postgresql(ring, scene):
    """One router knows its edges; it needs nobody to judge."""
    ring.expect.other_close = True  # the rows of the dead are found as they were before the crash
    ring.postgres.stop("immediate")
    try:
        ring.kill(ring.edges[0])
        messages_flow(ring, 4)
        ring.start(ring.edges[0])
        ring.pause(scene.moment())
    finally:
        ring.postgres.start()


@contextlib.contextmanager
def stopped():
    """A cluster that nobody started yet."""
    postgres = Postgres()
    postgres.stop()
    yield postgres
    postgres.destroy()


@fault(ring={"database": False}, load=False, place=stopped, times=1)
def postgresql_never_there_at_start(ring, _):
    """A clear word in /readyz and in the log; serves as soon as it is there."""
    router = ring.routers[0]
    ring.until(lambda: router.admin("/readyz")[1], "the router to say anything")
    ring.pause(2.0)
    said = router.admin("/readyz")
    assert "PostgreSQL" in said[1] or "database" in said[1].lower(), f"/readyz does not name it: {said}"
    assert "PostgreSQL" in router.log() or "database" in router.log(), "the log does not name it"
    ring.postgres.start()
    ring.wait_ready()
    ring.baseline = ring.usage()
    ring.begin_load()


@contextlib.contextmanager
def small_disk():
    folder = tempfile.mkdtemp(prefix="slip-disk-")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m,mode=755", "tmpfs", folder],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        os.rmdir(folder)
        raise Skip(f"a small disk needs mount(8): {done.stdout.strip()}")
    before, tempfile.tempdir = tempfile.gettempdir(), folder
    try:
        postgres = Postgres()
    finally:
        tempfile.tempdir = before
    postgres.disk = folder
    yield postgres
    postgres.destroy()
    subprocess.run(["umount", "-l", folder], check=False)
    os.rmdir(folder)


@fault(place=small_disk, times=2)
def disk_full(ring, _):
    """First tables cannot grow; then PostgreSQL cannot write its log, and dies. Then there is room."""
    filler = os.path.join(ring.postgres.disk, "filler")
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    ring.load.ramp(150, 8)
    messages_flow(ring, 2)
    try:
        for _ in range(4):  # more log than its files have room for
            ring.postgres.query_as("postgres", "postgres", "select pg_switch_wal(), pg_logical_emit_message("
                                   "false, 'x', repeat('x', 4000000))")
    except AssertionError as error:
        print("     ", str(error).splitlines()[0])
    messages_flow(ring, 2)
    log = ring.routers[0].log()
    assert "No space" in log or "PostgreSQL" in log or "database" in log, "the log does not say what is wrong"
    os.unlink(filler)
    ring.until(lambda: mended(ring.postgres), "PostgreSQL to be mended")


def mended(postgres):
    """As an operator does: it is started if it gave up."""
    try:
        postgres.query("create temporary table writable as select 1")
        return True
    except AssertionError:
        if not postgres.is_running():
            postgres.start()
        return False
