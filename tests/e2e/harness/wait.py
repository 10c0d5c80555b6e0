"""Waiting for conditions, never for time."""

import time

PATIENCE = 20.0  # seconds; only ever used up by a failure


def until(condition, what, patience=PATIENCE):
    """Calls `condition` until it returns something true, and returns that; fails with `what`.

    `what` may be a function, so that the message can tell how far it got.
    """
    deadline = time.monotonic() + patience
    pause = 0.002
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:g} s in vain: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
