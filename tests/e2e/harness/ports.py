"""Free ports."""

import socket

_given = set()


def free_port():
    """A TCP port that nobody listens on now, and that was not given out before in this run."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port
