"""Free ports, of all test suites of a user that run at once."""

import fcntl
import os
import random
import socket
import tempfile

# Below the range from which the kernel takes ports for outgoing connections: there, a port that is
# free now may be somebody's a moment later, while its server restarts. deploy/up takes its own from
# 20000 on.
RANGE = range(10000, 20000)

# Byte N of this file is locked by the process that was given port N, for as long as it lives.
_ledger = os.open(os.path.join(tempfile.gettempdir(), f"slip-test-ports.{os.getuid()}"),
                  os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
_given = set()


def _take(port):
    """Whether no other process has it; from now on we have."""
    try:
        fcntl.lockf(_ledger, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):
        return False
    _given.add(port)
    return True


def _is_silent(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port():
    """A TCP port that nobody listens on now, and that is not given out to anybody else before this
    process ends."""
    for port in random.SystemRandom().sample(RANGE, len(RANGE)):
        if port not in _given and _take(port) and _is_silent(port):
            return port
    raise AssertionError("no free ports")
