"""The command-line tool `slip`, run against a broker."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

from .process import BUILD, COMPLAINTS

SLIP = os.path.abspath(os.path.join(BUILD, "clients/slip/slip"))


def environment(stack=None, **settings):
    """What it may know: nothing of ours but the path."""
    ours = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    if stack:
        ours |= {"CONTROL_URL": stack.rest.url, "JWT_SECRET": stack.rest.secret,
                 "SLIP_METRICS": ",".join(f"http://127.0.0.1:{process.admin_port}/metrics"
                                          for process in stack.processes())}
    return {name: value for name, value in (ours | settings).items() if value is not None}


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()
        assert not COMPLAINTS.search(self.err), self.err

    @property
    def json(self):
        """The documents, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"<{self.code} out={self.out!r} err={self.err!r}>"


def slip(stack, *arguments, stdin=b"", cwd="/", **settings):
    return Result(subprocess.run([SLIP, *arguments], env=environment(stack, **settings), input=stdin, cwd=cwd,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False))


class Terminal:
    """`slip` in a terminal of its own: what it shows, and keys for it."""

    def __init__(self, stack, *arguments, rows=40, columns=110, **settings):
        self.main, side = pty.openpty()
        self.resize(rows, columns, None)
        self.before = termios.tcgetattr(side)
        self.side = side
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [SLIP, *arguments], env=environment(stack, **{"TERM": "xterm", **settings}), cwd="/", stdin=side,
            stdout=side, stderr=side, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.output = ""

    def resize(self, rows, columns, process=True):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if process:
            self.process.send_signal(signal.SIGWINCH)

    def press(self, keys):
        os.write(self.main, keys.encode())

    def read(self):
        while select.select([self.main], [], [], 0.02)[0]:
            self.output += os.read(self.main, 65536).decode(errors="replace")

    def screen(self):
        """The lines of the last picture that is whole, without colours."""
        self.read()
        whole = self.output.rpartition("\033[J")[0].rpartition("\033[H")[2]
        return [re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", line) for line in whole.replace("\r", "").split("\n")][:-1]

    def ends(self):
        """The exit code; the terminal is left as it was found."""
        self.process.wait(timeout=30)
        self.read()
        assert not COMPLAINTS.search(self.output), self.output
        assert termios.tcgetattr(self.side) == self.before
        assert self.output.endswith("\033[0m\033[?25h\033[?1049l"), self.output[-100:]
        return self.process.returncode

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.main)
        os.close(self.side)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Background:
    """`slip` that goes on: the lines that it prints."""

    def __init__(self, stack, *arguments, **settings):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [SLIP, *arguments], env=environment(stack, **settings), cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def line(self):
        return self.process.stdout.readline().decode()

    def ends(self):
        """(exit code, the rest of what it printed, what it complained of)"""
        out, err = self.process.communicate(timeout=30)
        assert not COMPLAINTS.search(err.decode()), err
        return self.process.returncode, out.decode(), err.decode()
