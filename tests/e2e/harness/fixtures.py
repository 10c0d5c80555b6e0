"""Fixtures of several suites. A conftest.py or module that imports one has it."""

import pytest

from .postgres import Postgres


@pytest.fixture(scope="session", name="postgres")
def postgres_fixture():
    """One cluster for all tests of a run; each stack has a schema of its own."""
    cluster = Postgres()
    yield cluster
    cluster.destroy()
