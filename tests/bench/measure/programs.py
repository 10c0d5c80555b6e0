"""Starting and watching processes, and running the load client."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = ROOT / "build-bench"
TOOLS = BUILD / "tests" / "bench"
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The load client found something wrong: there is no result."""


class Background:
    """A process that runs until it is stopped. With `port`, its first line says "port N"."""

    def __init__(self, *command, log, port=False, environment=None):
        with open(log, "a", encoding="utf-8") as file:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stderr=file,
                stdout=subprocess.PIPE if port else file, env=environment, text=True)
        self.port = int(self.process.stdout.readline().split()[1]) if port else None

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def children(pid):
    """A process and all below it."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += children(int(child))
    return found


def cpu_seconds(pids):
    """One that has ended (PostgreSQL's workers come and go) counts nothing."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def settle(pids, patience=60):
    """Waits until processes have nothing left to do: three looks in a row at which they used less
    than a tenth of a core."""
    quiet, end = 0, time.monotonic() + patience
    before = cpu_seconds(pids)
    while quiet < 3 and time.monotonic() < end:
        time.sleep(0.1)
        now = cpu_seconds(pids)
        quiet = quiet + 1 if now - before <= 0.01 else 0
        before = now


@contextlib.contextmanager
def profile(label, pids):
    """Samples the stacks of processes meanwhile; look at them with `perf report -i FILE`."""
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-g",
               "-o", str(BUILD / f"perf-{label.replace(' ', '-')}.data"), "-p", ",".join(map(str, pids))]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as perf:
        try:
            yield
        finally:
            perf.send_signal(signal.SIGINT)


def load_command(mode, options):
    return [str(TOOLS / "load"), mode, *(f"{name}={value}" for name, value in options.items())]


def load(mode, **options):
    """Runs the load client; its report."""
    result = subprocess.run(load_command(mode, options), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0 or not result.stdout:
        raise Failed(f"{mode}: {result.stderr.strip() or f'exit code {result.returncode}'}")
    return json.loads(result.stdout)
