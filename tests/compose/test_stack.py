"""What the containers may do, who reaches them, and how HAProxy treats clients."""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess

import pytest
import yaml

from engine import COMPOSE
from harness.backend import Backend, Reply
from harness.client import Client, Gone, Refused
from harness.ports import free_port
from harness.rest import Rest
from harness.wait import until
from project import PROGRAMS, ROOT, VERSION, Project

SERVICES = ["chat", "control", "edge", "haproxy", "postgres", "router", "webhook-worker"]
HOW_THEY_END = {"haproxy": (0, 143)}  # the latter by the signal
# What compose.yaml decides itself: in a container there is nothing to choose.
FIXED = {"ADMIN_LISTEN", "ROUTER_LISTEN", "CONTROL_LINK_LISTEN", "CONTROL_PUBLISH_LISTEN", "CONTROL_LISTEN",
         "EDGE_LISTEN", "DATABASE_PASSWORD", "JWT_SECRET"}
# Not for the programs: for name servers, and for `slip` in control's container.
BESIDES = {"RES_OPTIONS", "CONTROL_URL", "SLIP_METRICS"}


class Here:
    """The stack, and how clients get in."""

    def __init__(self, images):
        self.ports = {name: free_port() for name in ("ws", "wss", "rest", "console")}
        self.project = Project(images, WS_LISTEN=self.ports["ws"], WSS_LISTEN=self.ports["wss"],
                               REST_LISTEN=f"127.0.0.1:{self.ports['rest']}",
                               CONSOLE_LISTEN=f"127.0.0.1:{self.ports['console']}", DRAIN_SECONDS="1s",
                               CLOSE_TIMEOUT="1s", WEBSOCKET_URL=f"ws://127.0.0.1:{self.ports['ws']}")
        self.secret = self.project.secret("jwt_secret")
        self.backend = Backend(self.secret, "0.0.0.0")
        self.project.set(TARGET_URL=f"http://host.docker.internal:{self.backend.port}/hook")
        self.rest = Rest(f"http://127.0.0.1:{self.ports['rest']}", self.secret)

    def wait_ready(self):
        self.project.wait_ready()
        until(lambda: self.project.haproxy_servers("edges"), "an edge to be found")

    def client(self, source="127.0.0.1", **options):
        """`source`: one of the machine's addresses; the client connects to it as well."""
        client = Client.__new__(Client)
        client.socket = socket.create_connection((source, self.ports["ws"]), 20, source_address=(source, 0))
        client.received, client.headers, client.key = b"", {}, "AAAAAAAAAAAAAAAAAAAAAA=="
        client.open(**options)
        return client

    def tls(self):
        """(a client that is in by wss://, the certificate that it was shown)"""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", self.ports["wss"]), 20)
        client = Client.__new__(Client)
        client.socket = context.wrap_socket(plain, server_hostname="localhost")
        client.received, client.headers, client.key = b"", {}, "AAAAAAAAAAAAAAAAAAAAAA=="
        client.open()
        return client, client.socket.getpeercert(binary_form=True)


@pytest.fixture(scope="module", name="here")
def here_fixture(images, logs):
    here = Here(images)
    try:
        here.project.up()
        here.wait_ready()
        yield here
    finally:
        here.project.save_logs(logs)
        here.project.destroy()
        here.backend.close()


@pytest.fixture(autouse=True, name="_fresh")
def fresh_fixture(request):
    if "here" in request.fixturenames:
        request.getfixturevalue("here").backend.reset()


# ---- files ----

def settings():
    """{variable: programs} of config.def, by what it says."""
    with open(os.path.join(ROOT, "common", "process", "config.def"), encoding="utf-8") as file:
        found = re.findall(r"^SETTING\(\w+, (\w+), .*?, ([A-Z| ]+),$", file.read(), re.MULTILINE)
    assert len(found) > 50
    return {variable: set(programs.split(" | ")) for variable, programs in found}


def test_every_setting_can_be_given():
    with open(os.path.join(ROOT, "deploy", "compose.yaml"), encoding="utf-8") as file:
        services = yaml.safe_load(file)["services"]
    words = {"edge": "EDGE", "router": "ROUTER", "webhook-worker": "WORKER", "control": "CONTROL"}
    for service, word in words.items():
        names = {name.removesuffix("_FILE") if name != "WEBHOOK_CA_FILE" else name
                 for name in services[service]["environment"]}
        wanted = {name for name, programs in settings().items() if programs & {word, "ALL"}}
        assert wanted - FIXED <= names, (service, wanted - FIXED - names)
        assert names <= wanted | BESIDES, (service, names - wanted)


def test_the_example_names_nothing_that_is_not_there():
    folder = os.path.join(ROOT, "deploy")
    with open(os.path.join(folder, ".env.example"), encoding="utf-8") as file:
        names = set(re.findall(r"^(?:# )?([A-Z_]+)=", file.read(), re.MULTILINE))
    with open(os.path.join(folder, "compose.yaml"), encoding="utf-8") as file:
        known = set(re.findall(r"\b([A-Z][A-Z_]+)(?=:|\b)", file.read()))
    own = {"COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"}
    assert {"TARGET_URL", "JWT_SECRET_FILE", "POSTGRES_PASSWORD_FILE"} <= names
    assert names - own <= known, names - own - known


def read(*words):
    with open(os.path.join(ROOT, *words), encoding="utf-8") as file:
        return file.read()


def test_the_example_has_everything_with_its_default():
    example = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", read("deploy", ".env.example"), re.MULTILINE))
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^}]+)\}", read("deploy", "compose.yaml")))
    defaults |= dict(re.findall(r'^export ([A-Z_]+)="\$\{\1:-([^}$]+)\}"', read("deploy", "haproxy", "start"), re.MULTILINE))
    assert len(defaults) > 20 and "HAPROXY_MAXCONN" in example
    assert {name: example.get(name) for name in defaults} == defaults
    programs = dict(re.findall(r"^\| `([A-Z_]+)` \| [^|]+ \| `([^`]+)`", read("docs", "configuration.md"), re.MULTILINE))
    shared = programs.keys() & example.keys() - defaults.keys()
    assert "DRAIN_SECONDS" in shared
    assert {name: example[name] for name in shared} == {name: programs[name] for name in shared}
    table = set(re.findall(r"`([A-Z_]+)`", read("docs", "docker.md").partition("| setting of `.env`")[2].partition("\n\n")[0]))
    assert table - {"PEER_TIMEOUT", "CLOSE_TIMEOUT", "TARGET_URL", "JWT_SECRET_FILE", "POSTGRES_PASSWORD_FILE",
                    "COMPOSE_PROFILES"} <= example.keys()


@pytest.mark.parametrize("name", ["TARGET_URL", "JWT_SECRET_FILE", "POSTGRES_PASSWORD_FILE"])
def test_a_missing_setting_is_told_in_a_sentence(here, name):
    path = os.path.join(here.project.folder, ".env")
    with open(path, encoding="utf-8") as file:
        before = file.read()
    here.project.set(**{name: None})
    done = here.project.compose("up", "-d", check=False)
    with open(path, "w", encoding="utf-8") as file:
        file.write(before)
    assert done.returncode != 0
    assert f"{name} is not set, give it in .env (deploy/docker-init makes one)\n" in done.stdout, done.stdout
    assert len(done.stdout) < 400, done.stdout


def test_docker_init_keeps_what_is_there(here):
    secret = here.project.secret("postgres_password")
    path = os.path.join(here.project.folder, ".env")
    with open(path, encoding="utf-8") as file:
        before = file.read()
    done = subprocess.run([os.path.join(here.project.folder, "deploy", "docker-init")], check=True, text=True,
                          stdout=subprocess.PIPE)
    assert "kept .env" in done.stdout and here.project.secret("postgres_password") == secret
    with open(path, encoding="utf-8") as file:
        assert file.read() == before


def test_docker_roll_says_what_it_cannot(here):
    for service, code, sentence in (("", 2, "usage: "), ("haproxy", 2, "usage: "), ("edge", 1, "no edge is running")):
        if service == "edge":
            here.project.up(edge=0)
        done = here.project.roll(service, check=False)
        assert done.returncode == code and sentence in done.stdout, done
    here.project.up(edge=1)
    here.wait_ready()


def test_a_roll_to_what_does_not_start_drops_nobody(here):
    client = here.client()
    before = {container.id for container in here.project.containers("edge")}
    here.project.set(HEARTBEAT_INTERVAL="soon")
    try:
        done = here.project.typed("env", "PATIENCE=8", "deploy/docker-roll", "edge", check=False)
    finally:
        here.project.set(HEARTBEAT_INTERVAL=None)
    assert done.returncode == 1 and "the old ones still run" in done.stdout, done
    [new] = re.findall(r"^Why: docker logs (\w+)\.", done.stdout, re.MULTILINE)
    shown = here.project.docker("logs", new)
    assert "HEARTBEAT_INTERVAL" in shown.stdout + shown.stderr
    here.project.docker(*re.findall(r"Without it: docker (rm -f \w+)$", done.stdout, re.MULTILINE)[0].split())
    assert {container.id for container in here.project.containers("edge")} == before
    here.backend.on("TEXT", lambda event, _: [{"type": "TEXT", "connectionId": event["connectionId"], "data": "here"}])
    client.send("there?")
    assert client.receive() == "here"
    client.close()


# ---- images and containers ----

def test_the_image(here):
    docker, project = here.project.docker, here.project
    base, ours = (int(docker("image", "inspect", "-f", "{{.Size}}", name).stdout)
                  for name in ("debian:bookworm-slim", project.image()))
    print(f"runtime image: {ours / 1e6:.1f} MB, of which {base / 1e6:.1f} MB are Debian's")
    assert ours - base < 40e6, (base, ours)
    for program in (*PROGRAMS.values(), "slip"):
        assert docker("run", "--rm", project.image(), program, "--version").stdout == f"{program} {VERSION}\n"
    label = '{{index .Config.Labels "org.opencontainers.image.version"}}'
    for image in (project.image(), project.image("haproxy"), project.image("chat")):
        assert docker("image", "inspect", "-f", label, image).stdout.strip() == VERSION
    assert docker("image", "inspect", "-f", "{{.Config.StopSignal}}", project.image()).stdout.strip() == "SIGTERM"


def test_containers_may_do_nothing(here):
    seen = set()
    for container in here.project.containers():
        seen.add(container.service)
        if container.service == "postgres":
            continue
        status = dict(line.split(":\t", 1) for line in container.exec("cat", "/proc/1/status").stdout.splitlines()
                      if ":\t" in line)
        assert status["Uid"].split()[0] != "0", container.name
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, container.name
        assert status["NoNewPrivs"].strip() == "1", container.name
        for path in ("/file", "/usr/bin/file", "/tmp/file"):
            done = container.exec("touch", path, check=False)
            assert done.returncode != 0 and "Read-only file system" in done.stderr, (container.name, done.stderr)
    assert seen == set(SERVICES)


def test_secrets_are_nowhere_but_in_files(here):
    """And only where they are needed."""
    needed = {"jwt_secret": {"control", "webhook-worker", "chat"}, "postgres_password": {"control", "router", "postgres"}}
    for name, services in needed.items():
        secret = here.project.secret(name)
        assert len(secret) > 40
        for container in here.project.containers():
            assert secret not in str(container.inspect()), (container.name, name)
            shown = container.exec("cat", f"/run/secrets/{name}", check=False).stdout
            assert shown == (secret if container.service in services else ""), (container.name, name)


def test_nobody_waits_for_the_health_checks_in_vain(here):
    for container in here.project.containers():
        until(lambda container=container: container.inspect()["State"]["Health"]["Status"] == "healthy",
              f"{container.name} to be healthy", 60)


def test_the_images_own_health_check(here):
    """Without compose's: the loop of whatever runs turns."""
    words = ["run", "-d", "--rm", "-e", "DATABASE_URL=postgresql://nowhere", here.project.image(), "slip-router"]
    identity = here.project.docker(*words).stdout.strip()
    try:
        until(lambda: here.project.docker("exec", identity, "/proc/1/exe", "--healthz", check=False).returncode == 0,
              "the router to be alive")
        assert here.project.docker("inspect", "-f", "{{json .Config.Healthcheck.Test}}", identity).stdout.strip() == (
            '["CMD","/proc/1/exe","--healthz"]')
    finally:
        here.project.docker("kill", identity)


# ---- networks ----

def test_only_haproxy_is_published(here):
    for container in here.project.containers():
        ports = {port: at for port, at in container.inspect()["NetworkSettings"]["Ports"].items() if at}
        if container.service != "haproxy":
            assert not ports, (container.name, ports)
            continue
        assert set(ports) == {"8080/tcp", "8443/tcp", "8081/tcp", "8082/tcp"}
        for port in ("8081/tcp", "8082/tcp"):
            assert {at["HostIp"] for at in ports[port]} == {"127.0.0.1"}


def connects(here, network, targets):
    """Which of these a stranger's container in that network can connect to: {(host, port)}."""
    script = "".join(f"(timeout 2 bash -c 'exec 3<>/dev/tcp/{host}/{port}' 2>/dev/null && echo {host} {port}) & "
                     for host, port in targets) + "wait"
    done = here.project.docker("run", "--rm", "--network", f"{here.project.name}_{network}", "debian:bookworm-slim",
                               "bash", "-c", script)
    return {(host, int(port)) for host, port in map(str.split, done.stdout.splitlines())}


def test_backends_reach_haproxy_and_figures_of_workers(here):
    """And nothing else of anybody, by name or by address."""
    ports = {"postgres": (5432,), "edge": (8080, 9100), "router": (7100, 9100), "control": (8081, 7200, 7201, 9100),
             "webhook-worker": (9100,), "haproxy": (8080, 8443, 8081, 8082, 9100)}
    targets, allowed = [], set()
    for container in here.project.containers():
        networks = container.inspect()["NetworkSettings"]["Networks"]
        shared = networks.get(f"{here.project.name}_backend", {}).get("IPAddress")
        for host in (container.service, *(network["IPAddress"] for network in networks.values())):
            found = [(host, port) for port in ports.get(container.service, ())]
            targets += found
            if shared and host in (container.service, shared):
                allowed.update(found)
    assert len(targets) > 30 and len(allowed) == 12
    assert connects(here, "backend", [("slip-sockets", 8081), *targets]) == {("slip-sockets", 8081), *allowed}


def test_each_network_is_what_it_is_for(here):
    inside = {}
    for name in ("front", "links", "database", "backend"):
        done = here.project.docker("network", "inspect", "-f", "{{.Internal}}", f"{here.project.name}_{name}")
        assert done.stdout.strip() == ("false" if name == "backend" else "true"), name
        inside[name] = {container.service for container in here.project.containers()
                        if f"{here.project.name}_{name}" in container.inspect()["NetworkSettings"]["Networks"]}
    assert inside == {"front": {"haproxy", "edge", "control"}, "database": {"postgres", "router", "control"},
                      "links": {"edge", "router", "control", "webhook-worker"},
                      "backend": {"haproxy", "webhook-worker", "chat"}}


# ---- HAProxy ----

def test_the_backend_sees_who_it_is(here, addresses):
    for address in addresses:
        liar = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
        client = here.client(address, headers=liar)
        assert here.backend.requests[-1].metadata["ip"] == address
        assert "203.0.113.9" not in str(here.backend.requests[-1].body)
        until(lambda address=address: [address] in here.project.psql(
            'select ip from "slip-sockets".connections where state = \'open\''), f"{address} in connections")
        client.close()


def test_the_rest_api_through_haproxy(here):
    client = here.client()
    here.backend.wait_for("OPEN")
    connection = here.backend.requests[-1].connection
    answer = here.rest.events({"type": "TEXT", "connectionId": connection, "data": "by REST"})
    assert answer.status == 200, answer
    assert client.receive() == "by REST"
    client.close()


def test_the_page_for_operators(here):
    page = Rest(f"http://127.0.0.1:{here.ports['console']}", here.secret)
    shown = page.request("GET", "/", token=None)
    assert shown.status == 200 and "<html" in shown.text
    assert page.request("GET", "/v1/channels", token=None).status == 403
    assert page.request("GET", "/v1/channels").status == 200


def test_wss_with_a_certificate_made_for_trying_out(here):
    client, certificate = here.tls()
    shown = here.project.one("haproxy").exec("bash", "-c", "openssl x509 -outform DER -in /run/haproxy/certificate | sha256sum")
    assert shown.stdout.split()[0] == digest(certificate)
    client.close()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_wss_with_a_given_certificate_and_a_renewed_one(here):
    """Renewing it drops nobody."""
    folder = os.path.join(here.project.folder, "deploy", "tls")
    target = os.path.join(folder, "site.pem")

    def make():
        done = here.project.docker("run", "--rm", here.project.image("haproxy"), "sh", "-c",
                                   "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=site -keyout /dev/shm/key "
                                   "2>/dev/null && cat /dev/shm/key")
        with open(target, "w", encoding="ascii") as file:
            file.write(done.stdout)
        return digest(ssl.PEM_cert_to_DER_cert(done.stdout[done.stdout.index("-----BEGIN CERT"):
                                                           done.stdout.index("-----END CERTIFICATE-----") + 25]))

    first = make()
    here.project.recreate("haproxy")
    here.wait_ready()
    client, certificate = here.tls()
    assert digest(certificate) == first
    second = make()
    here.project.compose("kill", "-s", "USR2", "haproxy")

    def renewed():
        try:
            other, shown = here.tls()
        except (OSError, Refused, Gone):
            return False
        other.close()
        return digest(shown) == second

    until(renewed, "the new certificate")
    here.backend.on("TEXT", lambda event, _: [{"type": "TEXT", "connectionId": event["connectionId"], "data": "still here"}])
    client.send("there?")
    assert client.receive() == "still here"
    client.close()


def test_limits_of_one_address(here, addresses):
    here.project.set(ADDRESS_CONNECTIONS=3)
    here.project.up()
    here.wait_ready()
    first, second = addresses
    clients = [here.client(first) for _ in range(3)]
    with pytest.raises(Refused) as refused:
        here.client(first)
    assert refused.value.status == 429 and refused.value.headers["retry-after"] == "10"
    here.client(second).close()
    clients.pop().close()
    until(lambda: here.client(first), "a place that is free again")
    here.project.set(ADDRESS_CONNECTIONS=1000, ADDRESS_HANDSHAKES=5)
    here.project.up()
    here.wait_ready()
    for _ in range(5):
        here.client(first).close()
    with pytest.raises(Refused) as refused:
        here.client(first)
    assert refused.value.status == 429
    here.client(second).close()
    here.project.set(ADDRESS_HANDSHAKES=1000)
    here.project.up()
    here.wait_ready()


# ---- looking inside ----

def test_slip_in_controls_container(here):
    """Without a setting: control's address, the secret, and where the metrics are."""
    client = here.client()
    here.backend.wait_for("OPEN")
    connection = here.backend.requests[-1].connection
    control = here.project.one("control")
    until(lambda: connection in control.exec("slip", "connections", "--json").stdout, "the connection in a list")
    top = json.loads(control.exec("slip", "top", "--json", "--count", "1").stdout)
    assert sorted(process["kind"] for process in top["processes"] if process["up"]) == sorted(PROGRAMS), top
    control.exec("slip", "send", connection, "hello")
    assert client.receive() == "hello"
    client.close()


def test_a_prometheus_in_links_finds_every_replica(here):
    """By the names and ports of prometheus-compose.yml."""
    here.project.up(edge=2)
    here.project.wait_ready()
    jobs = yaml.safe_load(read("deploy", "prometheus", "prometheus-compose.yml"))["scrape_configs"]
    found = {job["job_name"]: job["dns_sd_configs"][0] for job in jobs}
    assert {job: config["names"] for job, config in found.items()} == {
        program: [service] for service, program in PROGRAMS.items()}
    script = "".join(f"for address in $(getent ahostsv4 {config['names'][0]} | sed -n 's/ *STREAM.*//p'); do "
                     f"exec 3<>/dev/tcp/$address/{config['port']}; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; "
                     f"echo {job} $(grep -c ^slip_ <&3); done; " for job, config in found.items())
    done = here.project.docker("run", "--rm", "--network", f"{here.project.name}_links", "debian:bookworm-slim",
                               "bash", "-c", script)
    scraped = [line.split() for line in done.stdout.splitlines()]
    assert sorted(job for job, _ in scraped) == sorted([*PROGRAMS.values(), "slip-edge"]), done.stdout
    assert all(int(series) > 50 for _, series in scraped), done.stdout


def test_dead_letters_survive_the_database(here):
    """With the commands of docs/docker.md."""
    commands = re.findall(r"^docker compose (exec -T postgres (?:pg_dump|psql) .*)$", read("docs", "docker.md"), re.MULTILINE)
    assert len(commands) == 2
    here.backend.on("TEXT", lambda *_: Reply(400, b"no"))
    client = here.client()
    client.send("unwanted")
    sql = 'select idempotency_key, events::text from "slip-sockets".dead_letters order by id'
    kept = until(lambda: here.project.psql(sql), "the dead letter")
    here.project.typed("bash", "-c", f"{' '.join(COMPOSE)} {commands[0]}")
    here.project.compose("stop", "router")
    here.project.psql('drop schema "slip-sockets" cascade')
    here.project.compose("start", "router")
    here.project.wait_ready()
    until(lambda: here.project.psql("select to_regclass('\"slip-sockets\".dead_letters')") != [[""]], "the tables")
    here.project.typed("bash", "-c", f"{' '.join(COMPOSE)} {commands[1]}")
    assert here.project.psql(sql) == kept
    here.backend.handlers.clear()
    control = here.project.one("control")
    assert "is going to be replayed" in control.exec("slip", "dead-letters", "replay", "--all").stdout
    until(lambda: '"replayed"' in control.exec("slip", "dead-letters", "--json").stdout, "the replay")
    client.close()


# ---- stopping ----

def test_a_draining_edge_gets_no_new_clients(here):
    """It keeps its own until it closes them; whoever comes goes to another."""
    here.project.set(CLOSE_TIMEOUT="6s")  # as long as it waits for its clients, which do not answer at first
    here.project.up(edge=2)
    here.project.wait_ready()
    until(lambda: len(here.project.haproxy_servers("edges")) == 2, "two edges behind HAProxy")
    old, new = here.project.containers("edge")
    reached = set()

    def both_are_reached():  # HAProxy may still know the edge that was there before, and then none
        here.backend.reset()
        with contextlib.suppress(OSError, Refused, Gone):
            here.client().close()
        reached.update(request.connection[:10] for request in here.backend.requests)
        return {old.edge_id(), new.edge_id()} <= reached

    until(both_are_reached, lambda: f"both edges to be reached, not only {reached}")
    here.backend.reset()
    clients = [here.client() for _ in range(8)]
    edges = [request.connection[:10] for request in here.backend.requests]
    assert all(edges.count(edge.edge_id()) >= 3 for edge in (old, new)), f"that is not leastconn: {edges}"
    stopping = subprocess.Popen(["docker", "stop", "-t", "30", old.id], env=here.project.engine.environment,
                                stdout=subprocess.DEVNULL)
    until(lambda: len(here.project.haproxy_servers("edges")) == 1, "the draining edge to be out")
    here.backend.reset()
    late = [here.client() for _ in range(6)]
    assert stopping.poll() is None, "it is gone already: nothing was tried"
    assert {request.connection[:10] for request in here.backend.requests} == {new.edge_id()}
    for client, edge in zip(clients, edges):
        if edge == old.edge_id():
            assert client.expect_close()[0] == 1001
        else:
            assert client.is_quiet(0.05)
    stopping.wait(40)
    state = old.inspect()["State"]
    assert state["ExitCode"] == 0 and not state["OOMKilled"]
    for client in late:
        client.close()
    here.project.set(CLOSE_TIMEOUT="1s")
    here.project.up(edge=1)


# ---- the example, and the end ----

def test_the_chat(here):
    here.project.set(TARGET_URL="http://chat:3000/")
    here.project.up()
    here.project.wait_ready()
    until(lambda: here.project.haproxy_servers("chat") and here.project.haproxy_servers("edges"), "the chat's page")
    status, _, page = http_get(here, "/")
    assert status == 200 and b"<html" in page
    assert f"ws://127.0.0.1:{here.ports['ws']}".encode() in http_get(here, "/config.json")[2]
    alice, bob = here.client(path="/?name=alice"), here.client(path="/?name=bob")
    assert "welcome" in alice.receive() and "welcome" in bob.receive()
    alice.receive()
    bob.send("hello from bob")
    assert "hello from bob" in alice.receive()
    alice.close()
    bob.close()


def http_get(here, path):
    client = Client("127.0.0.1", here.ports["ws"])
    client.send_raw(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
    head = b""
    while chunk := client.socket.recv(65536):
        head += chunk
    head, _, body = head.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head, body


def test_stopping_all_is_in_order(here):
    """Clients hear 1001, the backend of it, and every process ends by itself; they all come again."""
    here.project.set(TARGET_URL=f"http://host.docker.internal:{here.backend.port}/hook")
    here.project.up()
    here.wait_ready()
    client = here.client()
    here.backend.wait_for("OPEN")
    connection = here.backend.requests[-1].connection
    here.project.compose("stop")
    assert client.expect_close()[0] == 1001
    assert [event["code"] for request in here.backend.requests for event in request.events
            if event["type"] == "CLOSE" and event["connectionId"] == connection] == [1001]
    stopped = here.project.containers(running=False)
    for container in stopped:
        state = container.inspect()["State"]
        assert not state["Running"] and state["ExitCode"] in HOW_THEY_END.get(container.service, (0,)), (container.name, state)
    assert {container.service for container in stopped} == set(SERVICES)
    here.project.compose("start")
    here.wait_ready()
    here.client().close()


def test_ctrl_c(here):
    """`docker compose up` in a terminal, and back."""
    here.project.compose("stop")
    with subprocess.Popen([*COMPOSE, "up", "--no-build"], cwd=here.project.folder, env=here.project.engine.environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as up:
        try:
            until(lambda: {container.service for container in here.project.containers()} == set(SERVICES), "all to be there")
            here.wait_ready()
            client = here.client()
            up.send_signal(signal.SIGINT)
            assert client.expect_close()[0] == 1001
            said = up.communicate(timeout=60)[0]
        finally:
            up.kill()
    assert "program=slip-edge" in said and "gracefully stopping" in said.lower(), said[-2000:]
    for container in here.project.containers(running=False):
        state = container.inspect()["State"]
        assert not state["Running"] and state["ExitCode"] in HOW_THEY_END.get(container.service, (0,)), (container.name, state)
