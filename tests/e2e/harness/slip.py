"""The command-line tool `slip`, run against a broker."""

import json
import os
import subprocess

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
