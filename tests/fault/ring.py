"""A broker under load: the processes of a stack, a supervisor for them, the load, the backend, and
what the fault that is being tried allows to happen (`Expectation`)."""

import json
import os
import shutil
import signal
import time

from harness.ports import free_port
from harness.process import Process
from harness.wait import until as wait_until

from backend import Backend
from load import Load
from proxy import Proxy
from remote import Remote

SECRET = "a secret of the fault suite that is long enough to sign with"
PEER_TIMEOUT = 2.0
PATIENCE = 30.0
EXIT_FROZEN = 3
# What was freed is kept for a while, to see who still reads it; not so much of it that the size of
# a process says nothing any more.
SANITIZER = "abort_on_error=0:exitcode=99:detect_leaks=1:quarantine_size_mb=8"


def is_overloaded():
    """So many want the processors that waiting a second for one is nothing unusual."""
    return os.getloadavg()[0] > 3 * os.cpu_count()


class Expectation:  # pylint: disable=too-many-instance-attributes
    """What may be different because of a fault; by default nothing may."""

    def __init__(self):
        self.killed_edges = {}       # edge index -> times of its deaths: 1006 for its clients
        self.frozen_edges = {}       # edge index -> times since when it reached nobody, before it came back
                                     # under a new id: 1012 for its clients
        self.restarted_edges = set()  # edges that were stopped as an operator does: 1001
        self.lost_seconds = 1.5      # frames written later than this before an edge fell silent may be lost
        self.unwritten_seconds = 0.0  # the row of an OPEN answered so shortly before an edge's death may be missing
        self.older_repeats = False   # a router lost its memory: any unacknowledged batch comes again
        self.other_close = False     # ... and a CLOSE may come from the edge and, again, from its router
        self.refusals = False        # handshakes may be answered 502, 503, 504
        self.dead_letters = False    # batches may end in dead_letters
        self.slow_clients = set()    # names of clients that are to be closed with 1013
        self.frozen = set()          # names of processes that may exit with 3, once
        self.memory_bytes = 96 << 20  # growth of a process that lived through it all


class Ring:  # pylint: disable=too-many-instance-attributes,too-many-public-methods
    """Two edges, a router, two workers and two controls, unless a fault asks for others.

    Edges have ports of their own, and links pass a proxy when `proxied`."""

    def __init__(self, postgres, name, seed, *, edges=2, routers=1, workers=2, controls=2,
                 proxied=False, database=True, clock=None, **settings):
        self.postgres, self.name, self.proxied, self.clock = postgres, name, proxied, clock
        self.expect = Expectation()
        self.problems = []
        self.overloads = 0  # exits of processes that this machine left waiting for too long
        self.started_at = time.monotonic()
        self.edge_ports = [free_port() for _ in range(edges)]
        self.router_ports = [free_port() for _ in range(routers)]
        self.link_ports = [free_port() for _ in range(controls)]
        self.publish_ports = [free_port() for _ in range(controls)]
        self.rest_ports = [free_port() for _ in range(controls)]
        self.backend_port = free_port()
        # Children are forked before anything else is open in this process.
        self.backend = Remote(Backend, self.backend_port, seed)
        self.load = Remote(Load, self.edge_ports, self.rest_ports, SECRET, seed)
        self.proxy = Remote(Proxy) if proxied else None
        self.backend.start()
        self.settings = {
            "STACK_NAME": name,
            "DATABASE_URL": postgres.url,
            "JWT_SECRET": SECRET,
            "TARGET_URL": f"http://127.0.0.1:{self.backend_port}/hook",
            "LOG_LEVEL": "info",
            "ASAN_OPTIONS": SANITIZER,
            "HEARTBEAT_INTERVAL": "100ms",
            "PEER_TIMEOUT": f"{PEER_TIMEOUT:g}s",
            "RESOLVE_INTERVAL": "200ms",
            "RETRY_FIRST": "50ms",
            "RETRY_LAST": "1s",
            "WEBHOOK_ATTEMPTS": "1000",
            "WEBHOOK_TIMEOUT": "4s",
            "ACCEPT_TIMEOUT": "10s",
            "CONTROL_TIMEOUT": "5s",
            "CLOSE_TIMEOUT": "2s",
            "DRAIN_SECONDS": "1s",
            **{key: str(value) for key, value in settings.items()},
        }
        self.edges, self.routers, self.workers, self.controls = [], [], [], []
        self.down = set()  # processes that are meant not to run
        self.lived = set()  # names of processes that never ended
        self.stopped_at = {}  # processes that were frozen
        self.baseline = {}
        try:
            self._start_all(edges, routers, workers, controls, database)
        except AssertionError as error:
            self.destroy()
            raise AssertionError("\n".join([str(error), *self.problems])) from None
        except BaseException:
            self.destroy()
            raise

    # ---- starting ----

    @staticmethod
    def _at(port):
        return f"127.0.0.1:{port}"

    def _peers(self, who):
        """ROUTER_ADDRESSES and CONTROL_ADDRESSES of an edge or worker: straight, or by its lines."""
        if not self.proxied:
            return {"ROUTER_ADDRESSES": ",".join(map(self._at, self.router_ports)),
                    "CONTROL_ADDRESSES": ",".join(map(self._at, self.link_ports))}
        kind, number = (1, who[4:]) if who.startswith("edge") else (2, who[6:])
        routers, controls = [], []
        for index, port in enumerate(self.router_ports):
            address = f"127.{kind}.{number}.{10 + index}"
            self.proxy.open(f"{who}-router{index}", address, [port])
            routers.append(f"{address}:{port}")
        for index, port in enumerate(self.link_ports):
            address = f"127.{kind}.{number}.{100 + index}"
            self.proxy.open(f"{who}-control{index}", address, [port, self.publish_ports[index]])
            controls.append(f"{address}:{port}")
        return {"ROUTER_ADDRESSES": ",".join(routers), "CONTROL_ADDRESSES": ",".join(controls)}

    def _process(self, kind, index, **extra):
        process = Process(kind, {**self.settings, **extra}, f"{kind}{index}")
        self.lived.add(process.name)
        return process

    def _start_all(self, edges, routers, workers, controls, database):
        for index in range(routers):
            self.routers.append(self._process("router", index, ROUTER_LISTEN=self._at(self.router_ports[index])))
        for index in range(controls):
            self.controls.append(self._process(
                "control", index, CONTROL_LINK_LISTEN=self._at(self.link_ports[index]),
                CONTROL_PUBLISH_LISTEN=self._at(self.publish_ports[index]),
                CONTROL_LISTEN=self._at(self.rest_ports[index])))
        for index in range(workers):
            self.workers.append(self._process("worker", index, **self._peers(f"worker{index}")))
        for index in range(edges):
            self.edges.append(self._process("edge", index, **self._peers(f"edge{index}"),
                                            EDGE_LISTEN=self._at(self.edge_ports[index])))
        if database:
            self.wait_ready()

    def processes(self):
        return [*self.routers, *self.controls, *self.workers, *self.edges]

    # ---- supervising ----

    def supervise(self):
        """What systemd or compose would do: who exits with 3 is started again. Any other end that
        nobody asked for is a problem."""
        for process in self.processes():
            if process in self.down or process.is_running():
                continue
            code = process.process.returncode
            self.lived.discard(process.name)
            if code != EXIT_FROZEN:
                self.problems.append(f"{process.name} died with {code}:\n{process.log_tail(15)}")
                self.down.add(process)
                continue
            if process.name not in self.expect.frozen:
                self._stood_still(process)
            self.expect.frozen.discard(process.name)
            process.start()

    def _stood_still(self, process):
        """Nobody stopped it, yet its loop did not turn for half of PEER_TIMEOUT. That is its fault,
        unless the machine gives nobody his turn: then it does what it has to, and so do the others."""
        if not is_overloaded():
            self.problems.append(f"{process.name} died with {EXIT_FROZEN}:\n{process.log_tail(15)}")
            return
        self.overloads += 1
        self.expect_frozen(process, time.monotonic() - 2 * PEER_TIMEOUT)
        self.expect.refusals = True
        self.expect.older_repeats = True

    def pause(self, seconds):
        """Load goes on for a while."""
        end = time.monotonic() + seconds
        while True:
            self.supervise()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.05))

    def until(self, condition, what, patience=PATIENCE):
        def check():
            self.supervise()
            return condition()

        return wait_until(check, what, patience)

    def wait_ready(self, *processes):
        wanted = processes or [process for process in self.processes() if process not in self.down]
        for process in wanted:
            self.until(lambda process=process: process in self.down or process.is_ready(),
                       lambda process=process: f"{process.name} to be ready: {process.admin('/readyz')}\n"
                                               f"{process.log_tail(20)}")

    # ---- what faults do ----

    def kill(self, process):
        self._ends(process)
        if process.kind == "edge":
            self.expect.killed_edges.setdefault(self.edges.index(process), []).append(time.monotonic())
        if process.kind == "router":
            self.expect.older_repeats = True
        process.kill()

    def _ends(self, process):
        self.down.add(process)
        self.lived.discard(process.name)

    def start(self, process, wait=True):
        process.start()
        self.down.discard(process)
        if wait:
            self.wait_ready(process)

    def expect_frozen(self, process, since):
        """It will exit with 3 and begin anew: it has reached nobody since then (time.monotonic())."""
        self.expect.frozen.add(process.name)
        if process.kind == "edge":
            self.expect.frozen_edges.setdefault(self.edges.index(process), []).append(since)

    def freeze(self, process):
        self.stopped_at[process] = time.monotonic()
        process.signal(signal.SIGSTOP)

    def thaw(self, process, dead=True):
        """`dead`: it stood still for so long that it has to begin anew."""
        since = self.stopped_at.pop(process)
        if dead:
            self.expect_frozen(process, since)
            if process.kind == "router":
                self.expect.older_repeats = True
        process.signal(signal.SIGCONT)
        if dead:
            self.until(lambda: process.name not in self.lived,
                       lambda: f"{process.name} to notice that it stood still\n{process.log_tail(15)}")

    def restart(self, process):
        """As an operator does."""
        self._ends(process)
        if process.kind == "edge":
            self.expect.restarted_edges.add(self.edges.index(process))
        if process.kind == "router":
            self.expect.older_repeats = True
        process.terminate()
        code = self.until(lambda: None if process.is_running() else (process.process.returncode,),
                          lambda: f"{process.name} to exit\n{process.log_tail(20)}")[0]
        if code != 0:
            self.problems.append(f"{process.name} was asked to stop and exited with {code}:\n{process.log_tail(15)}")
        self.start(process)

    def lines(self, *parts):
        """Names of the proxy's lines that hold all the parts: lines("edge0", "router")."""
        names = [f"{end}-{peer}{index}"
                 for end in [*(f"edge{i}" for i in range(len(self.edges))),
                             *(f"worker{i}" for i in range(len(self.workers)))]
                 for peer, many in (("router", self.routers), ("control", self.controls))
                 for index in range(len(many))]
        return [name for name in names if all(part in name for part in parts)]

    # ---- load ----

    def begin_load(self, clients=120, rate=4.0, churn=6.0, publishers=5, publish_rate=5.0, channels=8, padding=0):
        self.load.ramp(clients, channels, padding)
        self.until(lambda: self.load.status()["joined"] >= clients,
                   lambda: f"{clients} clients to join: {self.load.status()}, {self.backend.count()} requests")
        self.load.start(rate, churn, publishers, publish_rate)
        self.pause(0.5)
        self.until(lambda: self.load.status()["sent"] > clients, "messages")

    def wait_quiet(self, patience=PATIENCE):
        """Nothing more is sent or published, and everything has come round."""
        self.load.stop_publishing()
        self.load.stop_sending()

        def quiet():
            status = self.load.status()
            return (status["waiting"] == 0 and status["unfinished"] == 0 and status["connecting"] == 0
                    and status["tasks"] == 0)

        self.until(quiet, lambda: f"everything to be echoed and published: {self.load.status()}, "
                                  f"for instance {self.load.not_echoed()}", patience)

    def end_load(self):
        self.load.leave_all()
        self.until(lambda: self.load.burst_left() == 0, lambda: f"all to leave: {self.load.status()}")

    # ---- looking ----

    def query(self, sql):
        return self.postgres.query(sql.replace("{s}", f'"{self.name}"'))

    def usage(self):
        """{name: (resident bytes, descriptors)} of the processes that run."""
        found = {}
        for process in self.processes():
            if process in self.down or not process.is_running():
                continue
            pid = process.process.pid
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                resident = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
            found[process.name] = (resident, len(os.listdir(f"/proc/{pid}/fd")))
        return found

    def metric(self, processes, name, **labels):
        return sum(process.metric(name, **labels) for process in processes if process not in self.down)

    # ---- the end ----

    def save_logs(self, folder):
        os.makedirs(folder, exist_ok=True)
        for process in self.processes():
            shutil.copy(process.log_file.name, os.path.join(folder, process.name + ".log"))
        clients, publishes, _, _ = self.load.harvest()
        items, _ = self.backend.harvest()
        for name, rows in (("clients", clients), ("publishes", publishes), ("requests", items)):
            with open(os.path.join(folder, name + ".jsonl"), "w", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)

    def stop_all(self):
        """Everything stops as an operator would, and says nothing on the way."""
        for group in (self.edges, self.workers, self.controls, self.routers):
            for process in group:
                if process not in self.down:
                    process.terminate()
            for process in group:
                if process in self.down:
                    continue
                self.down.add(process)
                try:
                    code = process.wait_exit()
                except AssertionError as error:
                    self.problems.append(str(error))
                    continue
                if code != 0:
                    self.problems.append(f"{process.name} exited with {code} at the end:\n{process.log_tail(15)}")
        for process in self.processes():
            if process.complaints():
                self.problems.append(f"{process.name}: {process.complaints()}")

    def destroy(self):
        for process in self.processes():
            process.signal_continue()
            process.kill()
            process.forget()
        for remote in (self.load, self.backend, self.proxy):
            if remote:
                remote.end()
