"""A Docker engine of our own: dockerd with its images in BUILD/engine, which stay for the next run.

It is never the machine's engine, whose images and containers are somebody's."""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time

NEEDED = ["dockerd", "containerd", "runc", "docker", "docker-compose", "debootstrap", "iptables"]
PATIENCE = 60


class NoEngine(Exception):
    """Why there is none."""


class Engine:
    """`environment` is what docker and docker-compose need to find it."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.process = None
        missing = [name for name in NEEDED if not shutil.which(name)]
        if missing:
            raise NoEngine(f"not installed: {', '.join(missing)}")
        if os.geteuid() != 0:
            raise NoEngine("only root can start dockerd")
        os.makedirs(self.folder, exist_ok=True)
        self.lock = open(os.path.join(self.folder, "lock"), "w", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # another run of the suite uses it: its turn first
        self.run = tempfile.mkdtemp(prefix="slip-engine-")  # the path of a socket is short
        self.socket = os.path.join(self.run, "docker.sock")
        self.environment = {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "0",
                            "COMPOSE_HTTP_TIMEOUT": "180"}
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self._start()

    def _start(self):
        self.process = subprocess.Popen(
            ["dockerd", "--data-root", os.path.join(self.folder, "data"), "--exec-root", os.path.join(self.run, "exec"),
             "--pidfile", os.path.join(self.run, "pid"), "--host", f"unix://{self.socket}", "--log-level", "warn"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while self.docker("info", check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                last = self.log_tail(3)
                self.stop()
                raise NoEngine(f"dockerd does not start: {last}")
            time.sleep(0.1)

    def log_tail(self, lines):
        with open(self.log.name, "r", encoding="utf-8", errors="replace") as file:
            return "\n".join(file.read().splitlines()[-lines:])

    def docker(self, *words, check=True, **options):
        options = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        done = subprocess.run(["docker", *words], stdin=subprocess.DEVNULL, env=self.environment,
                              check=False, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"docker {' '.join(words)}: {done.stdout}{done.stderr}")
        return done

    def make_images(self):
        """The stand-ins for what comes from a registry."""
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images", "make")
        subprocess.run([script, self.folder], env=self.environment, check=True)

    def sweep(self):
        """No container, network or volume of an earlier run; images that have no name any more."""
        containers = self.docker("ps", "-aq").stdout.split()
        if containers:
            self.docker("rm", "-fv", *containers)
        self.docker("network", "prune", "-f")
        self.docker("volume", "prune", "-f")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.run, ignore_errors=True)
        self.log.close()
        self.lock.close()
