"""The stack as its users have it: a copy of the repository, `deploy/docker-init`, and compose there."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from engine import COMPOSE
from harness.wait import until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# What our own engine has, has the names that its users see; on somebody's engine there may be their stack.
NAMES = {True: "slip-sockets", False: "slip-sockets-test"}
with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as _file:
    VERSION = re.search(r"version: '([^']+)'", _file.read())[1]
PROGRAMS = {"edge": "slip-edge", "router": "slip-router", "webhook-worker": "slip-webhook-worker",
            "control": "slip-control"}


def copy_of_the_repository():
    """What a clone would hold, and what is not committed yet."""
    folder = tempfile.mkdtemp(prefix="slip-compose-")
    listed = subprocess.run(["git", "ls-files", "-zco", "--exclude-standard"], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE).stdout.split(b"\0")
    for name in filter(None, (os.fsdecode(name) for name in listed)):
        source, target = os.path.join(ROOT, name), os.path.join(folder, name)
        if os.path.exists(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(source, target)
    return folder


class Container:
    """One that exists, by its id; what docker knows of it is asked anew each time."""

    def __init__(self, project, identity, service, name):
        self.project, self.id, self.service, self.name = project, identity, service, name

    def inspect(self):
        return json.loads(self.project.docker("inspect", self.id).stdout)[0]

    def is_running(self):
        return self.inspect()["State"]["Running"]

    def log(self):
        done = self.project.docker("logs", self.id)
        return done.stdout + done.stderr

    def exec(self, *words, check=True):
        return self.project.docker("exec", self.id, *words, check=check)

    def metric(self, name, **labels):
        """The sum of its series that have these labels; 0 when there is none."""
        page = self.exec("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9100; "
                         r"printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3; cat <&3").stdout
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        return sum(float(value) for shown, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", page, re.MULTILINE)
                   if wanted <= set(shown.split(",")))

    def edge_id(self):
        """An edge's; the last one, if it was started several times."""
        found = re.findall(r"program=slip-edge id=(\S+) ", self.log())
        return found[-1] if found else None


class Project:
    """`settings` go into .env in place of what the example says; None takes a line out."""

    def __init__(self, engine, **settings):
        self.engine = engine
        self.name = NAMES[engine.is_ours]
        self.folder = copy_of_the_repository()
        self.scales = {}
        self.transcript = []
        subprocess.run([os.path.join(self.folder, "deploy", "docker-init")], check=True,
                       stdout=subprocess.DEVNULL)
        if not engine.is_ours:
            self.set(COMPOSE_PROJECT_NAME=self.name, SLIP_IMAGE=self.image(), HAPROXY_IMAGE=self.image("haproxy"),
                     CHAT_IMAGE=self.image("chat"))
        self.set(**settings)

    def image(self, *of):
        return "-".join((self.name, *of)) + ":" + VERSION

    # ---- settings ----

    def set(self, **settings):
        path = os.path.join(self.folder, ".env")
        with open(path, encoding="utf-8") as file:
            lines = [line for line in file.read().splitlines()
                     if re.sub(r"^# ?", "", line).partition("=")[0] not in settings]
        lines += [f"{name}={value}" for name, value in settings.items() if value is not None]
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def secret(self, name):
        with open(os.path.join(self.folder, "deploy", "secrets", name), encoding="ascii") as file:
            return file.read()

    # ---- commands ----

    def docker(self, *words, check=True):
        return self.engine.docker(*words, check=check)

    def compose(self, *words, check=True):
        """As typed in the root of the repository."""
        return self.typed(*COMPOSE, *words, check=check)

    def typed(self, *words, check=True):
        """In the root of the repository."""
        began = time.monotonic()
        environment = {name: value for name, value in self.engine.environment.items()
                       if not name.startswith("COMPOSE_") or name == "COMPOSE_HTTP_TIMEOUT"}
        done = subprocess.run(words, cwd=self.folder, env=environment, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.transcript.append(f"$ {' '.join(words)}    ({time.monotonic() - began:.1f} s)\n{done.stdout}")
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(words)} ({done.returncode}):\n{done.stdout}")
        return done

    def _scale_words(self):
        return [word for service, count in self.scales.items() for word in ("--scale", f"{service}={count}")]

    def up(self, *words, **scales):
        """Services by names with underscores: up(webhook_worker=2). Numbers stay until others are given."""
        self.scales.update({name.replace("_", "-"): count for name, count in scales.items()})
        self.compose("up", "-d", "--no-build", *self._scale_words(), *words)

    def recreate(self, service):
        self.up("--no-deps", "--force-recreate", service)

    def roll(self, service, check=True):
        return self.typed("deploy/docker-roll", service, check=check)

    # ---- containers ----

    def containers(self, service=None, running=True):
        words = ["ps", "--no-trunc", "--format", '{{.ID}}\t{{.Names}}\t{{.Label "com.docker.compose.service"}}',
                 "--filter", f"label=com.docker.compose.project={self.name}"]
        if not running:
            words.append("-a")
        if service:
            words += ["--filter", f"label=com.docker.compose.service={service}"]
        rows = (line.split("\t") for line in self.docker(*words).stdout.splitlines())
        return sorted((Container(self, identity, service, name) for identity, name, service in rows),
                      key=lambda container: container.name)

    def one(self, service):
        return self.containers(service)[0]

    def is_ready(self, container):
        program = PROGRAMS.get(container.service)
        if program:
            return container.exec(program, "--readyz", check=False).returncode == 0
        if container.service == "haproxy":
            return container.exec("/usr/bin/check", check=False).returncode == 0
        if container.service == "postgres":
            return container.exec("pg_isready", "-U", "slip", "-h", "127.0.0.1", check=False).returncode == 0
        return True

    def wait_ready(self, patience=45):
        for container in self.containers():
            until(lambda container=container: self.is_ready(container),
                  lambda container=container: f"{container.name} to be ready:\n{container.log()[-1500:]}", patience)

    def psql(self, sql):
        """Rows, by psql in the container of PostgreSQL."""
        done = self.one("postgres").exec("psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-R", "\x1e", "-v",
                                         "ON_ERROR_STOP=1", "-U", "slip", "-d", "slip", "-c", sql, check=False)
        if done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr.strip()} (in {sql})")
        text = done.stdout.removesuffix("\n")
        return [row.split("\x1f") for row in text.split("\x1e")] if text else []

    def haproxy_servers(self, backend):
        """Names of the servers of a backend that HAProxy gives new connections to."""
        page = self.one("haproxy").exec("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9100; "
                                        r"printf 'GET /stats;csv HTTP/1.0\r\n\r\n' >&3; cat <&3").stdout
        rows = (line.split(",") for line in page.splitlines())
        return [row[1] for row in rows
                if len(row) > 17 and row[0] == backend and row[1] != "BACKEND" and row[17].startswith("UP")]

    # ---- the end ----

    def save_logs(self, folder):
        os.makedirs(folder, exist_ok=True)
        for container in self.containers(running=False):
            with open(os.path.join(folder, container.name + ".log"), "w", encoding="utf-8") as file:
                file.write(container.log())
        with open(os.path.join(folder, "transcript.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(self.transcript))

    def destroy(self):
        self.compose("down", "-v", "-t", "1", check=False)
        self.engine.sweep(self.name)
        shutil.rmtree(self.folder, ignore_errors=True)
