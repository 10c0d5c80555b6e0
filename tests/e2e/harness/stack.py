"""A whole broker: N of each program, a schema of its own in PostgreSQL, and a backend."""

import itertools

from .backend import Backend
from .client import Client
from .ports import free_port
from .process import NONSENSE, Process
from .rest import Rest
from .wait import until

SECRET = "a secret of the tests that is long enough to sign with"
_numbers = itertools.count(1)


class Stack:
    """Starts everything and waits until it is ready. Settings of all programs go in `settings`."""

    def __init__(self, postgres, *, edges=1, routers=1, workers=1, controls=1, backend=None,
                 **settings):
        self.postgres = postgres
        self.name = f"e2e-{next(_numbers)}"
        self.backend = backend or Backend(SECRET)
        self.owns_backend = backend is None
        self.has_false_peers = False  # who may talk nonsense
        self.edge_port = free_port()
        self.settings = {
            "STACK_NAME": self.name,
            "DATABASE_URL": postgres.url,
            "JWT_SECRET": SECRET,
            "TARGET_URL": self.backend.url,
            "HEARTBEAT_INTERVAL": "100ms",
            "PEER_TIMEOUT": "5s",
            "RESOLVE_INTERVAL": "200ms",
            "RETRY_FIRST": "20ms",
            **{name: str(value) for name, value in settings.items()},
        }
        self.router_ports = [free_port() for _ in range(routers)]
        self.control_ports = [free_port() for _ in range(controls)]
        self.rest_ports = [free_port() for _ in range(controls)]
        self.routers, self.controls, self.workers, self.edges = [], [], [], []
        self.clients = []
        try:
            for index in range(routers):
                self.routers.append(self._start("router", index, ROUTER_LISTEN=self._at(self.router_ports[index])))
            for index in range(controls):
                self.controls.append(self._start(
                    "control", index, CONTROL_LINK_LISTEN=self._at(self.control_ports[index]),
                    CONTROL_LISTEN=self._at(self.rest_ports[index])))
            for _ in range(workers):
                self.add_worker()
            for _ in range(edges):
                self.add_edge()
            for process in self.processes():
                process.wait_ready()
        except BaseException:
            self.destroy(check=False)
            raise

    @staticmethod
    def _at(port):
        return f"127.0.0.1:{port}"

    def _start(self, kind, index, descriptors=None, **extra):
        return Process(kind, {**self.settings, **extra}, f"{kind}{index}", descriptors)

    def _peers(self):
        return {"ROUTER_ADDRESSES": ",".join(map(self._at, self.router_ports)),
                "CONTROL_ADDRESSES": ",".join(map(self._at, self.control_ports))}

    def add_worker(self, **settings):
        worker = self._start("worker", len(self.workers), **{**self._peers(), **settings})
        self.workers.append(worker)
        return worker

    def add_edge(self, **settings):
        """All edges share one port, unless told otherwise with EDGE_LISTEN. `descriptors` is its limit."""
        settings.setdefault("EDGE_LISTEN", f"127.0.0.1:{self.edge_port}")
        edge = self._start("edge", len(self.edges), **{**self._peers(), **settings})
        self.edges.append(edge)
        return edge

    def processes(self):
        return [*self.routers, *self.controls, *self.workers, *self.edges]

    # ---- what tests use ----

    @property
    def edge(self):
        return self.edges[0]

    @property
    def router(self):
        return self.routers[0]

    @property
    def worker(self):
        return self.workers[0]

    @property
    def control(self):
        return self.controls[0]

    @property
    def rest(self):
        return self.rest_of(0)

    def rest_of(self, index):
        return Rest(f"http://127.0.0.1:{self.rest_ports[index]}", SECRET)

    def connect(self, path="/", *, port=None, **options):
        """An open client (see Client.open)."""
        client = self.client(port=port)
        client.open(path, **options)
        return client

    def client(self, port=None):
        """A connected socket that has said nothing yet."""
        client = Client("127.0.0.1", port or self.edge_port)
        self.clients.append(client)
        return client

    def query(self, sql):
        """Rows of a query in the stack's schema; write {s} where the schema's name goes."""
        return self.postgres.query(sql.replace("{s}", f'"{self.name}"'))

    def wait_idle(self):
        """No client is left, and the backend has heard all about those that were."""
        for edge in self.edges:
            if edge.is_running():
                until(lambda edge=edge: edge.metric("slip_connections") == 0
                      and edge.metric("slip_connections_pending") == 0
                      and edge.metric("slip_events_queued") == 0,
                      lambda edge=edge: "the edge to be idle:\n" + edge.log_tail())

    def close_clients(self):
        for client in self.clients:
            client.drop()
        self.clients.clear()

    def abandon(self):
        """Kills everything now: for a broker whose backend will never take what is owed to it."""
        for process in self.processes():
            process.kill()

    def destroy(self, check=True):
        """Stops everything in order; with `check`, every process must exit 0 without complaints."""
        self.close_clients()
        problems = []
        for group in (self.edges, self.workers, self.controls, self.routers):
            for process in group:
                process.signal_continue()
                process.terminate()
            for process in group:
                if not check:
                    process.kill()
                code = process.wait_exit()
                if check and code not in (0, -9):
                    problems.append(f"{process.name} exited with {code}:\n{process.log_tail()}")
                if process.complaints():
                    problems.append(f"{process.name}: {process.complaints()}")
                if NONSENSE in process.log() and not self.has_false_peers:
                    problems.append(f"{process.name}: {NONSENSE}:\n{process.log_tail()}")
                process.forget()
        if self.owns_backend:
            self.backend.close()
        assert not problems, "\n".join(problems)
