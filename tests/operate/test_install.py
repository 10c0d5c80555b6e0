"""`meson install`: everything in its place, and it runs from there."""

import os
import re
import subprocess

import pytest
from installed import PROGRAMS

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


@pytest.mark.parametrize("name", PROGRAMS.values())
def test_a_program_runs_where_it_was_installed(installed, name):
    for argument, expected in (("--help", "ADMIN_LISTEN"), ("--version", name)):
        result = subprocess.run([installed.program(name), argument], env={}, stdout=subprocess.PIPE, text=True,
                                check=True)
        assert expected in result.stdout


def test_all_of_it_is_there(installed):
    assert installed.units() == ["slip-control.service", "slip-edge@.service", "slip-router.service",
                                 "slip-sockets.target", "slip-webhook-worker.service"]
    for name in ("share/doc/slip-sockets/LICENSE", "share/doc/slip-sockets/README.md",
                 "share/doc/slip-sockets/docs/operations.md", "share/doc/slip-sockets/docs/configuration.md",
                 "share/slip-sockets/openapi.json", "share/slip-sockets/examples/chat/server.mjs",
                 "share/slip-sockets/prometheus/rules.yml", "share/slip-sockets/prometheus/prometheus.yml",
                 "share/slip-sockets/grafana/slip-sockets.json", "share/slip-sockets/systemd/common.env.example"):
        assert os.path.getsize(installed.path(name)) > 0, name


def test_nothing_that_tools_left_behind_is_installed(installed):
    for folder, _, files in os.walk(installed.prefix):
        for name in files:
            path = os.path.join(folder, name)
            assert not re.search(r"node_modules|__pycache__|\.pyc$|/tests?/unit/", path), path


def test_the_installed_schema_is_the_programs(installed, ring, postgres):
    """Run by hand, it makes the tables that the router made by itself."""
    folder = installed.path("share", "slip-sockets", "sql")
    names = sorted(os.listdir(folder))
    assert names == sorted(name for name in os.listdir(os.path.join(ROOT, "sql")) if name.endswith(".sql"))
    postgres.query('create schema "by hand"')
    for name in names:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            postgres.query('set search_path = "by hand"; ' + file.read())

    def columns(schema):
        return postgres.query("select table_name, column_name, data_type from information_schema.columns "
                              f"where table_schema = '{schema}' and table_name <> 'migrations' order by 1, 2")

    assert len(columns("by hand")) > 20
    assert columns("by hand") == columns(ring.name)


def test_the_ring_runs_from_the_installed_tree(installed, ring):
    for process in ring.processes():
        assert os.path.realpath(f"/proc/{process.process.pid}/exe").startswith(installed.prefix), process.name
    ring.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": event["data"] + "!"}])
    client = ring.connect()
    client.send("hello")
    assert client.receive() == "hello!"
