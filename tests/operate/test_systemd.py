"""The units, and what the programs tell the service manager."""

import os
import signal
import subprocess

import pytest
from harness.ports import free_port
from harness.process import Process
from harness.wait import until
from manager import Manager

EXPOSURE = 15  # of 100, as systemd-analyze counts; what is left is the network
UNITS = ["slip-router.service", "slip-control.service", "slip-webhook-worker.service", "slip-edge@.service"]


@pytest.fixture(name="units")
def units_fixture(installed, tmp_path):
    """The installed units, with the programs' paths below the DESTDIR."""
    for name in installed.units():
        with open(installed.path("lib", "systemd", "system", name), encoding="utf-8") as file:
            text = file.read()
        assert "@bindir@" not in text and "@docdir@" not in text, name
        (tmp_path / name).write_text(text.replace("/usr/local/", installed.prefix + "/"), encoding="utf-8")
    return tmp_path


def analyze(units, *arguments):
    return subprocess.run(["systemd-analyze", *arguments], env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def verify(units):
    """Every complaint, also one that leaves the exit code 0."""
    names = [str(units / name) for name in [*UNITS[:3], "slip-sockets.target"]] + ["slip-edge@1.service"]
    result = analyze(units, "verify", "--man=no", *names)
    return result.stdout + (f"exit code {result.returncode}" if result.returncode else "")


def test_the_units_are_correct(units):
    assert verify(units) == ""


@pytest.mark.parametrize("old, new", [("MemoryDenyWriteExecute", "MemoryDenyWriteExecutee"),
                                      ("bin/slip-router", "bin/slip-rooter")])
def test_a_mistake_in_a_unit_would_be_noticed(units, old, new):
    unit = units / "slip-router.service"
    unit.write_text(unit.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert new in verify(units)


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_locks_its_program_in(units, name):
    result = analyze(units, "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", str(units / name))
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_restarts_stops_and_hands_over_secrets(units, name):
    text = (units / name).read_text(encoding="utf-8")
    for line in ("Type=notify", "Restart=on-failure", "RestartPreventExitStatus=2", "DynamicUser=yes",
                 "PartOf=slip-sockets.target", "WantedBy=slip-sockets.target",
                 "EnvironmentFile=/etc/slip-sockets/common.env"):
        assert f"\n{line}\n" in text, line
    secrets = {"slip-router.service": ["DATABASE_PASSWORD"], "slip-control.service": ["DATABASE_PASSWORD", "JWT_SECRET"],
               "slip-webhook-worker.service": ["JWT_SECRET"], "slip-edge@.service": []}[name]
    for secret in secrets:
        assert f"LoadCredential={secret.lower()}:/etc/slip-sockets/{secret.lower()}\n" in text
        assert f"Environment={secret}_FILE=%d/{secret.lower()}\n" in text


def test_all_four_say_that_they_are_ready_and_serve(ring, manager):
    for process in ring.processes():
        until(lambda process=process: manager.status(process) == "serving",
              lambda process=process: f"{process.name} to serve; it told {manager.lines(process)}")
        assert manager.lines(process).count("READY=1") == 1, process.name


def test_all_four_feed_the_watchdog(ring, manager):
    for process in ring.processes():
        until(lambda process=process: manager.lines(process).count("WATCHDOG=1") >= 2,
              lambda process=process: f"{process.name} to say that it lives; it told {manager.lines(process)}")


def test_the_status_tells_what_is_missing(ring, manager):
    """READY comes before: whoever is missing may be ordered after this one."""
    lonely = Process("edge", {**ring.settings, "EDGE_LISTEN": f"127.0.0.1:{free_port()}",
                              "ROUTER_ADDRESSES": f"127.0.0.1:{free_port()}",
                              "CONTROL_ADDRESSES": f"127.0.0.1:{ring.control_ports[0]}"})
    try:
        until(lambda: manager.lines(lonely), lambda: lonely.log_tail())
        assert manager.lines(lonely)[0] == "READY=1"
        assert manager.status(lonely).startswith("waiting: no home router")
        assert lonely.admin("/healthz")[0] == 200
    finally:
        lonely.kill()
        lonely.forget()


def test_a_router_says_that_postgresql_is_away(ring, manager):
    port = free_port()
    router = Process("router", {**ring.settings, "ROUTER_LISTEN": f"127.0.0.1:{free_port()}",
                                "DATABASE_URL": f"postgresql://slip@127.0.0.1:{port}/slip"})
    try:
        until(lambda: "without PostgreSQL" in (manager.status(router) or ""),
              lambda: f"the status; it told {manager.lines(router)}")
        assert "READY=1" in manager.lines(router) and f"port {port}" in until(
            lambda: manager.status(router) if "refused" in manager.status(router) else None,
            lambda: manager.status(router))
        router.terminate()
        assert router.wait_exit() == 0
    finally:
        router.kill()
        router.forget()


@pytest.mark.parametrize("kind", ["edge", "worker", "control", "router"])
def test_stopping_is_told_with_its_limit(ring, manager, kind):
    """Each is started again; the ring goes on."""
    process = getattr(ring, kind)
    process.signal(signal.SIGTERM)
    assert process.wait_exit() == 0
    told = manager.lines(process)
    assert told.count("STOPPING=1") == 1 and told.index("STOPPING=1") > told.index("READY=1")
    limits = [int(line.partition("=")[2]) for line in told if line.startswith("EXTEND_TIMEOUT_USEC=")]
    assert len(limits) == 1 and 5_000_000 < limits[0] < 60_000_000, told
    process.start()
    process.wait_ready()
    until(lambda: manager.status(process) == "serving", lambda: manager.lines(process))


def test_a_socket_in_the_file_system(installed, tmp_path):  # pylint: disable=unused-argument
    manager = Manager(str(tmp_path / "notify"))
    process = Process("edge", {"NOTIFY_SOCKET": manager.path, "EDGE_LISTEN": f"127.0.0.1:{free_port()}"})
    try:
        until(lambda: "READY=1" in manager.lines(process), process.log_tail)
    finally:
        process.kill()
        process.forget()
        manager.close()
