"""A Docker engine: the one that runs on this machine; else one of our own, dockerd with its images in
FOLDER, which stay for the next run.

Of an engine that is somebody's we touch only what has our project's name."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time

COMPOSE = os.environ.get("SLIP_COMPOSE", "docker-compose").split()
NEEDED = ["docker", COMPOSE[0], "debootstrap"]
NEEDED_TO_START = ["dockerd", "containerd", "runc", "iptables", "ip", "setpriv"]
# docker-proxy is no proof: containers have to reach the mirror of Debian.
FIREWALLS = ["iptables", "iptables-nft", "iptables-legacy"]
DRIVERS = ["overlay2", "vfs"]
PATIENCE = 60


class NoEngine(Exception):
    """Why there is none."""


def run(*words, **options):
    options = {"text": True, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
    return subprocess.run(words, check=False, **options)


def unmount(*folders):
    """What a dockerd that was killed has left mounted there."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        points = [line.split(" ")[1] for line in file]
    for point in reversed(points):
        if any(point.startswith(folder + "/") for folder in folders):
            run("umount", "-l", point)


def wait_for_end(pid, word):
    """Of a process that has this word in its command line."""
    deadline = time.monotonic() + PATIENCE
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                if word not in file.read():
                    return
            time.sleep(0.1)


def absent(names):
    return [name for name in names if not shutil.which(name)]


class Machine:
    """What dockerd changes on the machine and leaves behind, and how it was before."""

    def __init__(self):
        self.firewall = self._find_firewall()
        self.before = run(f"{self.firewall}-save").stdout
        self.bridge = os.path.exists("/sys/class/net/docker0")
        with open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as file:
            self.forwards = file.read()
        self.mounted_cgroups = False
        if not os.listdir("/sys/fs/cgroup"):
            self.mounted_cgroups = run("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup").returncode == 0

    @staticmethod
    def _find_firewall():
        refusals = []
        for name in FIREWALLS:
            done = run(name, "-w", "-t", "nat", "-S") if shutil.which(name) else None
            if done and done.returncode == 0:
                return name
            refusals.append(f"{name}: {done.stdout.strip() if done else 'not installed'}")
        raise NoEngine(f"no packet filter with NAT: {'; '.join(refusals)}")

    def restore(self):
        if not self.bridge:
            run("ip", "link", "delete", "docker0")
        text = self.before
        for table, chains in (("filter", "INPUT FORWARD OUTPUT"), ("nat", "PREROUTING INPUT OUTPUT POSTROUTING")):
            if f"*{table}" not in text:
                text += f"*{table}\n" + "".join(f":{chain} ACCEPT [0:0]\n" for chain in chains.split()) + "COMMIT\n"
        run(f"{self.firewall}-restore", stdin=None, input=text)
        with contextlib.suppress(OSError), open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
            file.write(self.forwards)
        if self.mounted_cgroups:
            run("umount", "/sys/fs/cgroup")


class Engine:
    """`environment` is what docker and docker-compose need to find it; `is_ours`: we have started it."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.process = self.machine = self.log = self.run = None
        self.is_ours = False
        self.environment = {**os.environ, "DOCKER_BUILDKIT": "0", "COMPOSE_HTTP_TIMEOUT": "180"}
        if absent(NEEDED):
            raise NoEngine(f"not installed: {', '.join(absent(NEEDED))}")
        if os.geteuid() != 0:
            raise NoEngine("only root can start dockerd and give this machine addresses")
        os.makedirs(self.folder, exist_ok=True)
        # Another run of the suite uses it: its turn first.
        self.lock = open(os.path.join(tempfile.gettempdir(), "slip-engine.lock"), "w", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        if self._answers():
            print("engine: the one of this machine", flush=True)
            return
        self.is_ours = True
        # The path of a socket is short.
        self.run = tempfile.mkdtemp(prefix="slip-engine-")
        try:
            self._prepare()
            self._start_somehow()
        except NoEngine:
            self.stop()
            raise

    # ---- one of our own ----

    def _prepare(self):
        if absent(NEEDED_TO_START):
            raise NoEngine(f"not installed: {', '.join(absent(NEEDED_TO_START))}")
        # Debian's programs, whatever else is there.
        self.environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ["PATH"]
        self.environment["DOCKER_HOST"] = "unix://" + os.path.join(self.run, "docker.sock")
        self._end_earlier()
        self.machine = Machine()
        if self.machine.firewall != "iptables":
            os.symlink(shutil.which(self.machine.firewall), os.path.join(self.run, "iptables"))
        self.log = open(os.path.join(self.folder, "log"), "wb")

    def _end_earlier(self):
        """A run of the suite that was killed may have left a dockerd that is stopping, its folder, and mounts."""
        note = os.path.join(self.folder, "run")
        with contextlib.suppress(OSError):
            with open(note, encoding="utf-8") as file:
                earlier = file.read()
            with contextlib.suppress(OSError), open(os.path.join(earlier, "pid"), encoding="ascii") as file:
                wait_for_end(int(file.read()), earlier)
            unmount(self.folder, earlier)
            shutil.rmtree(earlier, ignore_errors=True)
        with open(note, "w", encoding="utf-8") as file:
            file.write(self.run)

    def _start_somehow(self):
        for driver in DRIVERS:
            if self._start(driver):
                print(f"engine: dockerd {self.docker('version', '-f', '{{.Server.Version}}').stdout.strip()}, "
                      f"{driver}, {self.machine.firewall}", flush=True)
                return
            reason = self.log_tail(1)
            print(f"engine: dockerd does not start with {driver}: {reason}", flush=True)
        raise NoEngine(f"dockerd does not start: {reason}")

    def _start(self, driver):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "dockerd", "--data-root", os.path.join(self.folder, driver),
             "--storage-driver", driver, "--exec-root", os.path.join(self.run, "exec"),
             "--pidfile", os.path.join(self.run, "pid"), "--host", self.environment["DOCKER_HOST"],
             "--log-level", "warn"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
            env={**self.environment, "PATH": self.run + ":" + self.environment["PATH"]})
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self._end_process()
                return False
            time.sleep(0.1)
        return True

    def _end_process(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def log_tail(self, lines):
        with open(self.log.name, "r", encoding="utf-8", errors="replace") as file:
            return "\n".join(file.read().splitlines()[-lines:])

    # ---- either ----

    def _answers(self):
        return self.docker("info", "-f", "{{.ServerVersion}}", check=False).returncode == 0

    def docker(self, *words, check=True, **options):
        options = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        done = subprocess.run(["docker", *words], stdin=subprocess.DEVNULL, env=self.environment,
                              check=False, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"docker {' '.join(words)}: {done.stdout}{done.stderr}")
        return done

    def make_images(self):
        """Stand-ins for what comes from a registry."""
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images", "make")
        done = run(script, self.folder, "" if self.is_ours else "pull", env=self.environment)
        assert done.returncode == 0, done.stdout

    def sweep(self, project):
        """Nothing of an earlier run is left."""
        chosen = ["--filter", f"label=com.docker.compose.project={project}"] if not self.is_ours else []
        containers = self.docker("ps", "-aq", *chosen).stdout.split()
        if containers:
            self.docker("rm", "-fv", *containers)
        for kind in ("network", "volume"):
            self.docker(kind, "prune", "-f", *chosen)

    def stop(self):
        if self.is_ours:
            self._end_process()
            if self.machine:
                self.machine.restore()
            unmount(self.folder, self.run)
            shutil.rmtree(self.run, ignore_errors=True)
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self.folder, "run"))
        if self.log:
            self.log.close()
        self.lock.close()
