"""The units under a real systemd: started, watched, restarted and stopped, in their sandbox."""

import re

import pytest
from boot import CannotBoot, Machine

SECRET = "a secret of the tests that is long enough to sign with"
UNITS = ["slip-router", "slip-control", "slip-webhook-worker", "slip-edge@1", "slip-edge@2"]

# What an operator does, by deploy/systemd/README.md; each line of output is `what: value`.
SCRIPT = """
show() { echo "$1 $2 $3: $(systemctl show -p "$3" --value "$2")"; }
wait_for() { for _ in $(seq 300); do eval "$1" && return; sleep 0.1; done; echo "in vain: $1"; }
ready() { curl -s "127.0.0.1:$1/readyz" | grep -q '"ready":true'; }
serving() {
    for unit in {units}; do systemctl show -p StatusText --value $unit | grep -q ^serving || return; done
}

systemctl enable --quiet {units} slip-sockets.target
systemctl start slip-sockets.target
wait_for 'ready 9111 && ready 9112 && ready 9102'
wait_for serving # systemd is told once a second
for unit in {units}; do
    show up $unit ActiveState
    show up $unit StatusText
    pid=$(systemctl show -p MainPID --value $unit)
    echo "up $unit user: $(ps -o user= -p $pid)"
    echo "up $unit capabilities: $(grep -h CapEff /proc/$pid/status | cut -f2)"
    echo "up $unit seccomp: $(grep -h ^Seccomp: /proc/$pid/status | cut -f2)"
    echo "up $unit secrets in the environment: $(tr '\\0' '\\n' </proc/$pid/environ | grep -c '{secret}')"
done
echo "sockets: $(ss -Hltn 'sport = :8080' | wc -l)"

systemctl kill --kill-whom=main -s STOP slip-webhook-worker
wait_for '[ "$(systemctl show -p NRestarts --value slip-webhook-worker)" -gt 0 ]'
wait_for 'ready 9103'
show watched slip-webhook-worker ActiveState

echo PEER_TIMEOUT=soon >/etc/slip-sockets/control.env
systemctl restart slip-control
wait_for '[ "$(systemctl show -p ActiveState --value slip-control)" = failed ]'
show wrong slip-control ExecMainStatus
show wrong slip-control NRestarts
rm /etc/slip-sockets/control.env
systemctl start slip-control
wait_for 'ready 9102'

systemctl stop slip-sockets.target # goes before the others do
wait_for '[ -z "$(systemctl list-units --no-legend --state=active,activating,deactivating "slip-*.service")" ]'
for unit in {units}; do
    show stopped $unit ActiveState
    show stopped $unit ExecMainStatus
done
journalctl --no-pager -o cat -u 'slip-*' | grep -E 'msg="?(stopped|draining)|level=error|broken invariant' |
    sed 's/^/log: /'
"""


@pytest.fixture(scope="module", name="facts")
def facts_fixture(installed):
    with open(installed.path("share", "slip-sockets", "systemd", "common.env.example"), encoding="utf-8") as file:
        settings = file.read()
    files = {
        "etc/slip-sockets/common.env": settings,
        "etc/slip-sockets/jwt_secret": SECRET,
        "etc/slip-sockets/database_password": SECRET,
        "etc/systemd/system/slip-webhook-worker.service.d/test.conf": "[Service]\nWatchdogSec=2s\n",
    }
    script = SCRIPT.replace("{units}", " ".join(UNITS)).replace("{secret}", SECRET)
    try:
        machine = Machine(installed, files, script)
    except CannotBoot as reason:
        pytest.skip(f"no machine can be booted here: {reason}")
    print(machine.said)
    assert "\nended\n" in machine.said, machine.said + machine.console
    assert "in vain" not in machine.said, machine.said
    return dict(re.findall(r"^([^:\n]+): (.*)$", machine.said, re.MULTILINE)) | {"all": machine.said}


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_runs_in_its_sandbox(facts, unit):
    assert facts[f"up {unit} ActiveState"] == "active"
    assert facts[f"up {unit} StatusText"].startswith("serving"), facts[f"up {unit} StatusText"]
    assert facts[f"up {unit} user"].startswith("slip-so")
    assert facts[f"up {unit} capabilities"] == "0000000000000000"
    assert facts[f"up {unit} seccomp"] == "2"
    assert facts[f"up {unit} secrets in the environment"] == "0"


def test_two_edges_share_the_port(facts):
    assert facts["sockets"] == "2"


def test_one_that_stands_still_is_started_again(facts):
    assert facts["watched slip-webhook-worker ActiveState"] == "active"


def test_a_wrong_setting_is_not_tried_again(facts):
    assert facts["wrong slip-control ExecMainStatus"] == "2"
    assert facts["wrong slip-control NRestarts"] == "0"


@pytest.mark.parametrize("unit", UNITS)
def test_the_target_stops_all_in_order(facts, unit):
    assert facts[f"stopped {unit} ActiveState"] == "inactive"
    assert facts[f"stopped {unit} ExecMainStatus"] == "0"


def test_edges_stop_first(facts):
    ended = re.findall(r"^log: .*program=(slip-\S+) .*msg=stopped exit_code=0", facts["all"], re.MULTILINE)
    last = ended[-5:]
    assert last[:2] == ["slip-edge", "slip-edge"] and last[2] == "slip-webhook-worker", ended
    assert sorted(last[3:]) == ["slip-control", "slip-router"] and "broken invariant" not in facts["all"]
