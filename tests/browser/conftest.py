"""`up` is deploy/up; `browser` is a browser."""

import os
import sys

import pytest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "..", "e2e")]

from harness.up import up_fixture, var_fixture  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
from webdriver import Browser  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(name="browser")
def browser_fixture():
    with Browser() as browser:
        yield browser
