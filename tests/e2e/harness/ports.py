"""Free ports."""

import random
import socket

# Below the range from which the kernel takes ports for outgoing connections: there, a port that is
# free now may be somebody's a moment later, while its server restarts.
RANGE = (12000, 32000)

_given = set()
_random = random.SystemRandom()  # several suites may run at once


def free_port():
    """A TCP port that nobody listens on now, and that was not given out before in this run."""
    while True:
        port = _random.randrange(*RANGE)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
