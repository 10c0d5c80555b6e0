"""deploy/up, as a newcomer, an operator and an accident see it."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.parse
import urllib.request

from harness.backend import Backend, accept
from harness.client import Client
from harness.rest import Rest
from harness.up import ROOT
from harness.wait import until


def open_page(text):
    """The page's address, from what was printed, and what the page is told."""
    address = re.search(r"open (http://\S+) in two tabs", text)[1]
    with urllib.request.urlopen(address) as answer:
        assert "<title>Chat" in answer.read().decode()
    with urllib.request.urlopen(address + "config.json") as answer:
        return json.load(answer)["websocketUrl"]


def join(websocket_url, name):
    address = urllib.parse.urlsplit(websocket_url)
    client = Client(address.hostname, address.port)
    client.open(f"/?name={name}")
    welcome = json.loads(client.receive())
    assert welcome["type"] == "welcome" and welcome["name"] == name
    return client


def receive_json(client, wanted):
    """The next message of this type."""
    while True:
        message = json.loads(client.receive())
        if message["type"] == wanted:
            return message


def psql(url, query):
    return subprocess.run(["psql", "-X", "-At", url, "-c", query], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.split()


def secret_of(var):
    path = os.path.join(var, "jwt_secret")
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path, encoding="utf-8") as file:
        return file.read()


def slip(var, *arguments, **settings):
    """The tool as it is run in the clone, where var/ is: nothing is set unless `settings` say so."""
    program = os.path.join(os.environ.get("BUILD_DIR", os.path.join(ROOT, "build")), "clients", "slip", "slip")
    clone = os.path.join(var, "clone")
    os.makedirs(clone, exist_ok=True)
    if not os.path.islink(os.path.join(clone, "var")):
        os.symlink(var, os.path.join(clone, "var"))
    return subprocess.run([program, *arguments], cwd=clone, env={"PATH": os.environ["PATH"], **settings}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)


def test_newcomer(up, var):
    first = up()
    outputs = first.wait_up()
    first.wait_said("Ctrl-C")
    text = first.text()
    for name in ("controlApi", "targetUrl", "websocketUrl", "region", "databaseUrl"):
        value = outputs[f"slip-sockets.{name}"]
        assert outputs["slip-sockets"][name] == value
        assert f"slip-sockets.{name} = {value}" in text
    assert outputs["slip-sockets.region"] == "local"
    tables = re.search(r"tables: (.*)", text)[1]
    assert tables.endswith(f"psql '{outputs['slip-sockets.databaseUrl']}'")
    assert os.stat(os.path.join(var, "outputs.json")).st_mode & 0o077 == 0
    assert secret_of(var) not in text
    watch = re.search(r"watch:  (.*)", text)[1]
    told = json.loads(subprocess.run(f"{watch} --json --count 1", shell=True, check=True, cwd=ROOT, stdout=subprocess.PIPE).stdout)
    assert {process["kind"] for process in told["processes"] if process["up"]} == {"edge", "router", "webhook-worker", "control"}
    page, command = re.search(r"page:   (http://\S+)/ takes a token: (.*)", text).groups()
    token = subprocess.run(command, shell=True, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    assert Rest(page, None).request("GET", "/v1/status", token=token.strip()).status == 200
    assert "<!doctype html>" in Rest(page, None).request("GET", "/", token=None).text

    url = open_page(text)
    assert url == outputs["slip-sockets.websocketUrl"]
    ada, grace = join(url, "Ada"), join(url, "Grace")
    assert receive_json(ada, "joined")["name"] == "Grace"
    ada.send("hello")
    for client in (ada, grace):
        said = receive_json(client, "said")
        assert (said["name"], said["text"]) == ("Ada", "hello")
    rest = Rest(outputs["slip-sockets.controlApi"], secret_of(var))
    rest.publish("chat", json.dumps({"type": "said", "text": "from outside"}))
    assert receive_json(grace, "said")["text"] == "from outside"
    query = 'select channel from "slip-sockets".subscriptions'
    until(lambda: psql(outputs["slip-sockets.databaseUrl"], query) == ["chat", "chat"], "two rows")
    as_typed = subprocess.run(f"{tables} -X -At -c 'select channel, members from channels'", shell=True,
                              check=True, text=True, stdout=subprocess.PIPE).stdout
    assert as_typed.split() == ["chat|2"]
    grace.send("quit")
    assert grace.expect_close() == (1000, "bye")
    assert receive_json(ada, "left")["name"] == "Grace"

    assert first.stop(signal.SIGINT) == 0
    assert ada.expect_close()[0] == 1001
    assert first.outputs() is None and not first.running()
    stopped = re.findall(r"stopping (.*)", first.text())
    assert stopped == ["edge1", "worker1", "router1", "control1", "chat", "postgres"]

    # The second start finds what the first one left.
    secret = secret_of(var)
    again = up().wait_up()
    assert secret_of(var) == secret
    assert again["slip-sockets.databaseUrl"] == outputs["slip-sockets.databaseUrl"]
    assert not psql(again["slip-sockets.databaseUrl"], query)


def test_slip_has_the_secret_that_is_in_use(up, var):
    """Whichever it is, and whatever the runs before had; a secret that was made is kept for later ones."""
    kept = os.path.join(var, "kept")
    with open(kept, "w", encoding="utf-8") as file:
        file.write("a secret in a file of the operator's\n")
    made = None
    for settings in ({}, {"JWT_SECRET": "one of the operator, another"}, {"JWT_SECRET_FILE": kept}, {}):
        stack = up(**settings)
        stack.wait_up()
        done = slip(var, "status")
        assert done.returncode == 0, (settings, done.stdout)
        assert os.stat(os.path.join(var, "run", "jwt_secret")).st_mode & 0o777 == 0o600
        assert os.stat(os.path.join(var, "run")).st_mode & 0o777 == 0o700
        assert slip(var, "status", SLIP_OUTPUTS="var/outputs.json").returncode == 0
        wrong = slip(var, "status", JWT_SECRET="one of before")
        assert wrong.returncode == 4 and "JWT_SECRET" in wrong.stdout, wrong.stdout
        made = made or secret_of(var)
        assert secret_of(var) == made
        assert stack.stop() == 0
        assert not os.path.exists(os.path.join(var, "run"))
        gone = slip(var, "status")
        assert gone.returncode == 2 and "where is control?" in gone.stdout, gone.stdout


def test_slip_looks_while_something_is_dead(up, var):
    stack = up("--controls", "2")
    stack.wait_up()
    (frozen,) = stack.running("/slip-webhook-worker")
    os.kill(frozen, signal.SIGSTOP)
    until(lambda: stack.outputs() is None, "the outputs to go")
    done = slip(var, "status")
    assert done.returncode == 0, done.stdout
    first = re.search(r"\.controlApi = http://127\.0\.0\.1:(\d+)", stack.text())[1]
    victim = next(pid for pid in stack.running("/slip-control") if listens_at(pid) == first)
    os.kill(victim, signal.SIGSTOP)
    done = slip(var, "status", "--timeout", "1")
    assert done.returncode == 0, f"the first control stands still: {done.stdout}"
    for process in (frozen, victim):
        os.kill(process, signal.SIGCONT)
    stack.wait_up()
    assert stack.stop() == 0


def listens_at(pid):
    """The port of CONTROL_LISTEN of this process."""
    with open(f"/proc/{pid}/environ", encoding="utf-8") as file:
        return re.search(r"(?:^|\0)CONTROL_LISTEN=[^\0]*:(\d+)", file.read())[1]


def test_several_of_each(up, var):
    stack = up("--edges", "2", "--workers=2", "--routers", "2", "--controls=2")
    outputs = stack.wait_up()
    for program, number in (("edge", 2), ("webhook-worker", 2), ("router", 2), ("control", 2)):
        assert len(stack.running(f"/slip-{program}")) == number
    clients = [join(outputs["slip-sockets.websocketUrl"], f"c{i}") for i in range(8)]
    for name in ("controlApi", "controlApi2"):
        Rest(outputs[f"slip-sockets.{name}"], secret_of(var)).publish("chat", json.dumps({"type": name}))
        for client in clients:
            receive_json(client, name)
    assert stack.stop() == 0
    assert not stack.running()


def test_a_program_dies(up):
    stack = up()
    outputs = stack.wait_up()
    client = join(outputs["slip-sockets.websocketUrl"], "Ada")
    for program in ("webhook-worker", "control", "router"):
        (victim,) = stack.running(f"/slip-{program}")
        os.kill(victim, signal.SIGKILL)
        until(lambda: stack.outputs() is None, "the outputs to go")
        assert stack.wait_up() == outputs
        assert stack.running(f"/slip-{program}") != [victim]
    assert len(re.findall(r"died \(signal KILL\), last said: .*starting it again in 1 s", stack.text())) == 3
    assert "supervise.sh: line" not in stack.text(), "bash has a word to say as well"
    client.send("still here")
    assert receive_json(client, "said")["text"] == "still here"
    os.kill(stack.running("/slip-control")[0], signal.SIGKILL)
    stack.wait_said(r"control1 died \(signal KILL\).*starting it again in 2 s")
    stack.wait_up()


def test_a_program_hangs(up):
    stack = up()
    stack.wait_up()
    (victim,) = stack.running("/slip-control")
    os.kill(victim, signal.SIGSTOP)
    until(lambda: stack.outputs() is None, "the outputs to go")
    stack.wait_said("not ready: control1")
    # It notices that it was frozen, and returns as another.
    os.kill(victim, signal.SIGCONT)
    stack.wait_up()
    assert stack.stop() == 0


def test_it_is_killed_itself(up, var):
    stack = up()
    stack.wait_up()
    assert stack.stop(signal.SIGKILL) != 0
    until(lambda: not stack.running() and stack.outputs() is None, "everything to go", 60)
    assert not os.path.exists(os.path.join(var, "run"))
    assert up().wait_up()


def test_the_main_job(up, var):
    """A backend written from the contract alone, with a JWT library of its own; psql and curl."""
    secret = "of the operator and long enough"
    backend = Backend(secret)
    backend.on("OPEN", lambda event, _: accept(
        event["connectionId"], {"type": "SUBSCRIBE", "connectionId": event["connectionId"], "channel": "news"}))
    backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": event["data"]}])
    stack = up(TARGET_URL=backend.url, JWT_SECRET=secret)
    outputs = stack.wait_up()
    address = urllib.parse.urlsplit(outputs["slip-sockets.websocketUrl"])
    client = Client(address.hostname, address.port)
    client.open("/echo")
    client.send("once around")
    assert client.receive() == "once around"
    (me,) = [event["connectionId"] for event in backend.seen("OPEN")]
    until(lambda: psql(outputs["slip-sockets.databaseUrl"],
                       'select connection_id, channel from "slip-sockets".subscriptions') == [f"{me}|news"], "the row")
    control = outputs["slip-sockets.controlApi"]
    said = subprocess.run(
        ["curl", "-sS", "-X", "POST", f"{control}/", "-H", f"Authorization: Bearer {Rest(control, secret).token()}",
         "-H", "Content-Type: application/websocket-events",
         "-d", '{"events": [{"type": "PUBLISH_TEXT", "channelId": "news", "data": "hello"}]}'],
        check=True, text=True, stdout=subprocess.PIPE).stdout
    assert json.loads(said) == {"message": "processed successfully"}
    assert client.receive() == "hello"
    assert client.close() == (1000, "")
    backend.wait_for("CLOSE")
    assert stack.stop() == 0
    assert not backend.problems and secret not in stack.text()
    for name in os.listdir(os.path.join(var, "log")):
        with open(os.path.join(var, "log", name), encoding="utf-8") as file:
            text = file.read()
        assert secret not in text and " level=warning " not in text and " level=error " not in text, (name, text)
    backend.close()


def test_own_backend_secret_and_name(up, var):
    secret = os.path.join(var, "secret")
    with open(secret, "w", encoding="utf-8") as file:
        file.write("a secret of the operator\n")
    stack = up(TARGET_URL="http://127.0.0.1:9/hook", JWT_SECRET_FILE=secret, STACK_NAME="other",
               DOMAIN_NAME="example.test")
    outputs = stack.wait_up()
    assert outputs["other.targetUrl"] == "http://127.0.0.1:9/hook"
    assert outputs["other.websocketUrl"].startswith("ws://example.test:")
    assert not stack.running("server.mjs")
    assert not os.path.exists(os.path.join(var, "jwt_secret"))
    rest = Rest(outputs["other.controlApi"], "a secret of the operator")
    assert rest.publish("nowhere", "x").status == 200


def refused(stack):
    """The one line that tells why, of a start that failed."""
    code = stack.wait_exit()
    assert code in (1, 2)
    errors = [line for line in stack.text().splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, stack.text()
    assert stack.outputs() is None and not stack.running()
    return errors[0]


def test_a_taken_port(up):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for variable in ("EDGE_LISTEN", "CONTROL_LISTEN", "EXAMPLE_LISTEN"):
            assert refused(up(**{variable: address})) == (
                f"error: cannot listen on {variable}={address}: the port is taken")


def find_ports(*requests):
    said = subprocess.run(["node", os.path.join(ROOT, "deploy", "lib", "ports.mjs"), *requests],
                          check=True, text=True, stdout=subprocess.PIPE).stdout
    return [int(line) for line in said.split()]


def test_no_port_is_found_twice():
    """They are listened on only later, one after another."""
    found = find_ports(*["127.0.0.1:0"] * 400)
    assert len(set(found)) == len(found) == 400
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        first, second, everywhere = find_ports(f"127.0.0.1:{port}+", f"127.0.0.1:{port}+", f"0.0.0.0:{port}+")
        assert port < first < second < everywhere


def test_two_for_one_port(up):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    assert refused(up(EDGE_LISTEN=address, EXAMPLE_LISTEN=address)) == (
        f"error: cannot listen on EXAMPLE_LISTEN={address}: the port is taken")


def test_an_address_that_is_none(up):
    for address in ("8080", "nowhere:", "127.0.0.1:99999", "a:b:1"):
        assert refused(up(EDGE_LISTEN=address)) == f"error: cannot listen on EDGE_LISTEN={address}: not host:port"


def test_bad_secrets(up, var):
    assert refused(up(JWT_SECRET_FILE="/nonexistent")) == (
        "error: cannot read the secret: JWT_SECRET_FILE=/nonexistent")
    empty = os.path.join(var, "empty")
    with open(empty, "w", encoding="utf-8"):
        pass
    assert refused(up(JWT_SECRET_FILE=empty)) == f"error: the secret is empty: JWT_SECRET_FILE={empty}"


def test_a_dead_database(up):
    with socket.create_server(("127.0.0.1", 0)) as port:
        dead = port.getsockname()[1]
    message = refused(up(DATABASE_URL=f"postgresql://me:hush@127.0.0.1:{dead}/db"))
    assert message.startswith("error: the database of DATABASE_URL does not answer: ")
    assert "hush" not in message


def test_an_unwritable_folder(up, var):
    plain = os.path.join(var, "plain")
    with open(plain, "w", encoding="utf-8"):
        pass
    assert refused(up(VAR_DIR=plain)) == f"error: cannot write to {plain}"
    assert refused(up(VAR_DIR="/proc/nothing")) == "error: cannot write to /proc/nothing"


def test_a_setting_out_of_range(up):
    message = refused(up(WEBHOOK_CONCURRENCY="0"))
    assert message.startswith("error: worker1 ended with 2:") and "WEBHOOK_CONCURRENCY" in message


def test_logs_are_bounded(up, var):
    """A log that has grown too long begins anew; its program goes on writing at its beginning."""
    stack = up(LOG_FILE_BYTES="1000", LOG_FORMAT="json")
    stack.wait_up()
    log = os.path.join(var, "log", "edge1.log")

    def read(path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    until(lambda: os.path.exists(log + ".old") and os.path.getsize(log) <= 1000, lambda: read(log), 60)
    assert os.path.getsize(log + ".old") > 1000 and '"msg":"starting"' in read(log + ".old")
    os.kill(stack.running("slip-router")[0], signal.SIGKILL)
    until(lambda: '"msg":"router joined"' in read(log), lambda: read(log), 60)
    assert "\0" not in read(log), "written at the old place, with a hole before it"
    for line in read(log).splitlines():
        json.loads(line)
    stack.wait_said("ready again")


def test_one_at_a_time(up, var):
    stack = up()
    stack.wait_up()
    second = up()
    assert second.wait_exit() == 1
    assert f"error: {var} is in use by another deploy/up (process {stack.process.pid})" in second.text()
    assert stack.outputs()


def test_usage(up):
    helped = up("--help")
    assert helped.wait_exit() == 0 and "usage: deploy/up" in helped.text()
    for wrong in (["--edges"], ["--edges", "0"], ["--edges", "many"], ["--edges="], ["--edges=0"], ["--example"], ["--example", "telephone"], ["up"]):
        stack = up(*wrong)
        assert stack.wait_exit() == 2
        assert stack.text().startswith("error: ")
