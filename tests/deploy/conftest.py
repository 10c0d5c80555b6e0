"""`up` starts deploy/up with a folder of its own, and leaves nothing running."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))

from harness.up import up_fixture, var_fixture  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
