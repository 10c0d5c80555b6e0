"""One real process of the broker: started with an environment, watched, stopped, read."""

import os
import re
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

from .ports import free_port
from .wait import until

BUILD = os.environ.get("SLIP_BUILD") or os.path.join(
    os.path.dirname(__file__), "..", "..", "..", "build")
PROGRAMS = {
    "edge": "edge/slip-edge",
    "router": "router/slip-router",
    "worker": "webhook-worker/slip-webhook-worker",
    "control": "control/slip-control",
}
COMPLAINTS = re.compile(
    r"AddressSanitizer|UndefinedBehavior|runtime error:|ThreadSanitizer|LeakSanitizer|broken invariant")
NONSENSE = "a peer said something that makes no sense"


def path_of(kind):
    return os.path.abspath(os.path.join(BUILD, PROGRAMS[kind]))


class Process:
    """`environment` are the program's own settings; nothing of ours leaks in but PATH. `descriptors`:
    its limit of them, instead of ours."""

    def __init__(self, kind, environment, name=None, descriptors=None):
        self.kind = kind
        self.descriptors = descriptors
        self.name = name or kind
        self.admin_port = int(environment.get("ADMIN_LISTEN", f":{free_port()}").rpartition(":")[2])
        self.environment = {
            "PATH": os.environ["PATH"],
            "ASAN_OPTIONS": "abort_on_error=0:exitcode=99:detect_leaks=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "LOG_LEVEL": "debug",
            "ADMIN_LISTEN": f"127.0.0.1:{self.admin_port}",
            **environment,
        }
        self.log_file = tempfile.NamedTemporaryFile(  # pylint: disable=consider-using-with
            prefix=f"slip-{self.name}-", suffix=".log", delete=False)
        self.process = None
        self.start()

    def start(self):
        limited = ["prlimit", f"--nofile={self.descriptors}"] if self.descriptors else []
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*limited, path_of(self.kind)], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self.log_file, stderr=self.log_file)

    def is_running(self):
        return self.process.poll() is None

    def log(self):
        with open(self.log_file.name, "r", encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def admin(self, path):
        """(status, text) of an admin page; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def is_ready(self):
        return self.admin("/readyz")[0] == 200

    def wait_ready(self):
        def ready_or_dead():
            assert self.is_running(), (
                f"{self.name} died with {self.process.returncode} at its start:\n{self.log_tail()}")
            return self.is_ready()

        until(ready_or_dead, lambda: f"{self.name} to be ready; it says {self.admin('/readyz')}\n"
                                     f"{self.log_tail()}")
        return self

    def metric(self, name, **labels):
        """The value of a sample, or 0 when it is not there; labels must match exactly."""
        wanted = {f'{key}="{value}"' for key, value in labels.items()}
        for line in self.admin("/metrics")[1].splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found and found[1] == name and set(filter(None, (found[2] or "").split(","))) == wanted:
                return float(found[3])
        return 0.0

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.is_running():
            self.process.kill()
        self.process.wait()

    def terminate(self):
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)

    def wait_exit(self, patience=30):
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} did not exit within {patience} s:\n{self.log_tail()}") from None

    def stop(self):
        """As an operator would; returns the exit code."""
        self.signal_continue()
        self.terminate()
        return self.wait_exit()

    def signal_continue(self):
        if self.is_running():
            self.process.send_signal(signal.SIGCONT)

    def complaints(self):
        """What a sanitizer or an assertion said."""
        log = self.log()
        found = COMPLAINTS.search(log)
        return log[found.start():found.start() + 6000] if found else ""

    def forget(self):
        self.log_file.close()
        os.unlink(self.log_file.name)


def run_once(kind, environment, arguments=(), patience=20):
    """Runs a program to its end: (exit code, standard output, standard error)."""
    result = subprocess.run(
        [path_of(kind), *arguments], env={"PATH": os.environ["PATH"], **environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=patience, check=False)
    return result.returncode, result.stdout, result.stderr
