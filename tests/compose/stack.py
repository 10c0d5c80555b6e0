"""A ring of the fault suite whose processes are containers behind HAProxy: the same load, the same
backend, the same checker; and a list of what was stopped when, against which every lost connection
is held."""

import asyncio
import contextlib
import statistics
import time

from backend import Backend, Connection
from harness.ports import free_port
from harness.wait import until
from load import Load
from remote import Remote
from ring import Expectation, Ring

BACK_SECONDS = 20.0  # a client that was dropped is in again by then, on any machine
SLACK_SECONDS = 3.0  # what a stop took may be seen a little later
# What a replica has done when HAProxy and its peers have found it; under load it takes a moment.
WORK = {"edge": ("slip_handshakes_total", {"outcome": "accepted"}), "router": ("slip_link_peers", {"peer": "edge"}),
        "webhook-worker": ("slip_webhook_requests_total", {"outcome": "ok"}),
        "control": ("slip_rest_requests_total", {"status": "2xx"})}


class OpenBackend(Backend):
    """Listens for the containers too."""

    async def start(self):
        self.server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self), "0.0.0.0", self.port, backlog=4096, reuse_address=True)


class ReturningLoad(Load):
    """Notes which client comes back for which."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.returns = {}  # name -> name of the one that came for it

    def come_back(self, client):
        new = super().come_back(client)
        if new:
            self.returns[client.name] = new.name
        return new

    def who_returned(self):
        return self.returns


class View:
    """The load as the checker wants it: a client's edge is the one that HAProxy chose."""

    def __init__(self, load, backend):
        self._load, self._backend = load, backend

    def __getattr__(self, name):
        return getattr(self._load, name)

    def harvest(self):
        clients, publishes, problems, refusals = self._load.harvest()
        items, _ = self._backend.harvest()
        connections = {item["client"]: item["connection"] for item in items}
        for client in clients:
            client["edge"] = (client["connection"] or connections.get(client["name"]) or "")[:10]
        return clients, publishes, problems, refusals


class Edge:
    """What the checker asks an edge."""

    @staticmethod
    def is_running():
        return True


class Stop:
    """Edges that were stopped, how, and in which time."""

    def __init__(self, how, edges, connections):
        self.how, self.edges = how, edges  # stopped, killed, cut (HAProxy went)
        self.connections = connections     # all that were open
        self.began, self.ended = time.monotonic(), float("inf")

    def ends(self, connection):
        return connection[:10] in self.edges and connection in self.connections

    def explains(self, client):
        wanted = client["end"][:2] == ("close", 1001) if self.how == "stopped" else client["end"] == ("lost",)
        return (wanted and client["edge"] in self.edges
                and self.began - 0.1 <= client["ended_at"] <= self.ended + SLACK_SECONDS)


class Stack(Ring):
    """`project` is up when `start` returns. Scaling, killing and recreating go through the methods here."""

    def __init__(self, make_project, seed):  # pylint: disable=super-init-not-called
        self.expect = Expectation()
        self.expect.refusals = True       # a moment without any edge, or without the only router
        self.expect.older_repeats = True  # routers are stopped
        self.expect.lost_seconds = 3.0    # a kill by command is not the moment of the call
        self.problems, self.overloads, self.down, self.lived, self.baseline = [], 0, set(), set(), {}
        self.stops, self.clients, self.touched = [], 0, set()
        ws_port, rest_port, backend_port = free_port(), free_port(), free_port()
        self.backend = Remote(OpenBackend, backend_port, seed)
        project = make_project(ws_port, rest_port, backend_port)
        self.project = project
        self.load = View(Remote(ReturningLoad, [ws_port], [rest_port, rest_port], project.secret("jwt_secret"), seed),
                         self.backend)
        self.proxy = None
        self.backend.start()

    # ---- what Ring and checker ask ----

    def supervise(self):
        """Containers are docker's."""

    @property
    def edges(self):
        return [Edge() for _ in self.project.containers("edge")]

    def wait_ready(self, *_):
        self.project.wait_ready()

    def usage(self):
        return {}

    def query(self, sql):
        return self.project.psql(sql.replace("{s}", '"slip-sockets"'))

    def edge_ids(self):
        return {container.edge_id() for container in self.project.containers("edge")}

    # ---- what operators do ----

    @contextlib.contextmanager
    def stopping(self, how, edges):
        stop = Stop(how, edges, self.open_connections())
        self.stops.append(stop)
        if how == "stopped":
            self.expect.restarted_edges.update(edges)
        for edge in edges if how != "stopped" else ():
            self.expect.killed_edges.setdefault(edge, []).append(time.monotonic())
        yield
        stop.ended = time.monotonic()

    def scale(self, **scales):
        """Compose chooses which replicas go: those that are gone afterwards were stopped."""
        before = self.edge_ids() if "edge" in scales else set()
        with self.stopping("stopped", before) as _:
            self.project.up(**scales)
        if "edge" in scales:
            stop = self.stops[-1]
            stop.edges = before - self.edge_ids()
            self.expect.restarted_edges -= before - stop.edges
        self.project.wait_ready()
        self.touched.update(service.replace("_", "-") for service in scales)

    def _wait_at_work(self):
        """Every replica of the services that were changed was found, and has its part of the load."""
        for service in self.touched & WORK.keys():
            name, labels = WORK[service]
            containers = self.project.containers(service)
            wanted = self.project.scales.get(service, 1)
            if len(containers) != wanted:
                self.problems.append(f"{wanted} replicas of {service} were wanted, there are {len(containers)}")
            for container in containers:
                until(lambda container=container: container.metric(name, **labels) > 0, f"{container.name} to have work")
        self.touched.clear()

    def kill(self, container):  # pylint: disable=arguments-renamed
        """docker kill, and docker start: docker takes the former as the wish that it stays away."""
        edges = {"edge": lambda: {container.edge_id()}, "haproxy": self.edge_ids}.get(container.service, set)()
        if container.service == "postgres":
            self.expect.other_close = True
        with self.stopping("killed", edges):
            self.project.docker("kill", container.id)
        self.pause(1.0)
        self.project.docker("start", container.id)
        self.project.wait_ready()
        self.touched.add(container.service)

    def recreate(self, service):
        self._replace(service, self.project.recreate)

    def roll(self, service):
        self._replace(service, self.project.roll)

    def _replace(self, service, act):
        how = {"edge": "stopped", "haproxy": "cut"}.get(service)
        with self.stopping(how, self.edge_ids()) if how else contextlib.nullcontext():
            act(service)
        self.project.wait_ready()
        self.touched.add(service)

    def begin_load(self, clients=120, **load):  # pylint: disable=arguments-differ
        super().begin_load(clients=clients, **load)
        self.clients = clients

    def more_clients(self, count):
        """They are sent where there are the fewest: to the new edges."""
        self.load.ramp(count, 8)
        self.clients += count
        self.wait_all_in()
        rows = self.query("select count(*) from {s}.connections where state = 'open' group by edge_id order by 1")
        if len(rows) != len(self.edges):
            self.problems.append(f"of {len(self.edges)} edges only {len(rows)} have clients")
        print("    on the edges, by psql: " + ", ".join(count for count, in rows), flush=True)

    def open_connections(self):
        return {connection for connection, *_ in self.load.connections()}

    def wait_all_in(self, stops=()):
        """Everyone whom these stops dropped has noticed, and is back."""
        def all_in():
            left = self.open_connections()
            return (not any(stop.ends(connection) for stop in stops for connection in left)
                    and self.load.status()["joined"] >= self.clients)

        self.until(all_in, lambda: f"{self.clients} clients to be in: {self.load.status()}", 60)

    # ---- what is seen ----

    def drops(self, since=0.0):
        """Clients that ended since then although they wanted to stay."""
        clients = self.load.harvest()[0]
        return [client for client in clients if client["how"] is None and client["opened_at"]
                and client["end"] is not None and client["ended_at"] >= since]

    def check_drops(self):
        """Each is explained by a stop of its edge, by the code that belongs to it."""
        for client in self.drops():
            if not any(stop.explains(client) for stop in self.stops):
                ids = [(stop.how, sorted(stop.edges), stop.began, stop.ended) for stop in self.stops]
                self.problems.append(f"dropped: {client['name']} at edge {client['edge']} with {client['end']} "
                                     f"at {client['ended_at']:.2f}; stops were {ids}")

    def check_restarts(self):
        """Docker has started nothing again that ended by itself."""
        for container in self.project.containers(running=False):
            state = container.inspect()
            if state["RestartCount"]:
                self.problems.append(f"{container.name} was restarted {state['RestartCount']} times:\n"
                                     f"{container.log()[-3000:]}")

    def returns(self, since=0.0):
        """Seconds from each drop until the client was a member again."""
        successor, seconds = self.load.who_returned(), []
        clients = {client["name"]: client for client in self.load.harvest()[0]}
        for client in self.drops(since):
            name = client["name"]
            while name in successor and name in clients and (name == client["name"] or not clients[name]["joined_at"]):
                name = successor[name]
            if name != client["name"] and name in clients and clients[name]["joined_at"]:
                seconds.append(clients[name]["joined_at"] - client["ended_at"])
        return seconds

    def step(self, name, act):
        """Does it under load; a line of figures."""
        began, seen, stops = time.monotonic(), self.backend.count(), len(self.stops)
        act()
        took = time.monotonic() - began
        self.wait_all_in(self.stops[stops:])
        for stop in self.stops[stops:]:
            stop.ended = time.monotonic()  # clients on a busy machine hear of it late
        self._wait_at_work()
        self.pause(0.5)
        dropped = self.drops(began)
        codes = sorted({str(client["end"][1]) if client["end"][0] == "close" else "1006" for client in dropped})
        back = self.returns(began)
        told = f"{len(dropped):4d} dropped"
        if dropped:
            told += f" ({', '.join(codes)})"
        if len(back) < 0.9 * len(dropped) - 5:  # some came and went anyway
            self.problems.append(f"{name}: {len(dropped)} were dropped, {len(back)} came back")
        if back:
            told += f", back after {statistics.median(back):.1f} s, at most {max(back):.1f} s"
            if max(back) > BACK_SECONDS:
                self.problems.append(f"{name}: somebody was back only after {max(back):.1f} s")
        print(f"{name:<28} {took:5.1f} s  {self.load.status()['joined']:4d} in, {told}; "
              f"{self.backend.count() - seen} webhooks", flush=True)

    def destroy(self):
        for remote in (self.load._load, self.backend):  # pylint: disable=protected-access
            remote.end()
