"""Prometheus reads what we ship: every target is scraped, every name exists, alerts fire."""

import json
import os
import re
import signal
import subprocess
import threading

import pytest
from harness.backend import Reply
from harness.wait import until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
FOLDER = os.path.join(ROOT, "deploy", "prometheus")
SELECTOR = re.compile(r"\b((?:slip_|up\b)\w*(?:\{[^}]*\})?)")
JOBS = {"slip-edge", "slip-router", "slip-webhook-worker", "slip-control"}


def read(*words):
    with open(os.path.join(ROOT, *words), encoding="utf-8") as file:
        return file.read()


def dashboard():
    return json.loads(read("deploy", "grafana", "slip-sockets.json"))


def expressions_of_dashboard():
    """(where, expression): all panels, variables as Grafana would fill them in."""
    board = dashboard()
    found = [(f"panel {panel['title']}", target["expr"]) for panel in board["panels"]
             for target in panel.get("targets", [])]
    found += [("annotation", each["expr"]) for each in board["annotations"]["list"]]
    return [(where, text.replace("$__rate_interval", "10s").replace("$instance", ".*")) for where, text in found]


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)


@pytest.mark.parametrize("arguments", [
    ("check", "config", "prometheus.yml"), ("check", "config", "prometheus-compose.yml"), ("check", "rules", "rules.yml"),
    ("test", "rules", "rules_test.yml")], ids=" ".join)
def test_promtool_is_content(arguments):
    result = promtool(*arguments)
    assert result.returncode == 0, result.stdout


def test_all_four_are_scraped(prometheus):
    def targets():
        found = prometheus.api("targets")["activeTargets"]
        return {target["labels"]["job"] for target in found if target["health"] == "up"} == JOBS

    until(targets, lambda: prometheus.api("targets"))
    until(lambda: not prometheus.query("up == 0"), lambda: prometheus.query("up"))


def missing(prometheus, expression):
    """Selectors of an expression that no program has a series for."""
    return [selector for selector in SELECTOR.findall(expression)
            if not prometheus.query(f"count(last_over_time({selector}[5m]))")]


def test_a_metric_or_label_that_does_not_exist_would_be_noticed(prometheus):
    until(lambda: not missing(prometheus, "slip_connections"), "the first scrape")
    assert missing(prometheus, 'rate(slip_nonsense_total{job="slip-edge"}[5m]) + slip_connections') == [
        'slip_nonsense_total{job="slip-edge"}']
    assert missing(prometheus, 'slip_closes_total{reason="nonsense"}') == ['slip_closes_total{reason="nonsense"}']
    with pytest.raises(AssertionError, match="parse error"):
        prometheus.query("sum(slip_connections")


def test_every_metric_of_a_rule_exists(prometheus):
    test_all_four_are_scraped(prometheus)
    alerts = prometheus.alerts()
    assert len(alerts) == read("deploy", "prometheus", "rules.yml").count("- alert:")
    for name, rule in alerts.items():
        assert SELECTOR.search(rule["query"]), name
        assert missing(prometheus, rule["query"]) == [], name


def test_every_metric_of_a_panel_exists(prometheus):
    test_all_four_are_scraped(prometheus)
    expressions = expressions_of_dashboard()
    assert len(expressions) > 50
    for where, expression in expressions:
        prometheus.query(expression)  # an error says why
        if not expression.startswith("ALERTS"):
            assert SELECTOR.search(expression), where
        assert missing(prometheus, expression) == [], where


def test_the_dashboard_is_whole():
    board = dashboard()
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert rows == ["Overview", "Edges", "Router", "Webhook-workers", "Control", "Links", "PostgreSQL"]
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    places = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        covered = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not covered & places, panel["title"]
        places |= covered
        if panel["type"] != "row":
            assert panel["title"] and panel["description"] and panel["targets"], panel["title"]


def test_every_alert_has_a_test_and_a_section_that_tells_what_to_do(prometheus):
    tests = read("deploy", "prometheus", "rules_test.yml")
    page = read("docs", "operations.md")
    sections = dict(re.findall(r"^### (Slip\w+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    alerts = prometheus.alerts()
    for name, rule in alerts.items():
        assert f"alertname: {name}\n" in tests and f"alertname: {name}, exp_alerts: []" in tests, name
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}", name
        assert rule["labels"]["severity"] in ("page", "ticket"), name
        assert len(sections.get(name, "")) > 100, f"docs/operations.md has no section {name}"
    assert sections.keys() == alerts.keys()


def test_names_in_the_operators_page_exist(prometheus):
    test_all_four_are_scraped(prometheus)
    names = set(re.findall(r"\bslip_[a-z_]+[a-z]\b", read("docs", "operations.md")))
    assert len(names) > 20
    # Of a histogram, the page names the whole.
    assert [name for name in sorted(names)
            if missing(prometheus, name) and missing(prometheus, f"{name}_count")] == []
    settings = set(re.findall(r"`([A-Z][A-Z_]{5,})`", read("docs", "operations.md")))
    known = set(re.findall(r"^\| `([A-Z_]+)`", read("docs", "configuration.md"), re.MULTILINE))
    known |= set(re.findall(r"^  ([A-Z_]+) ", read("deploy", "up"), re.MULTILINE))
    known |= {"EXTEND_TIMEOUT_USEC", "SO_REUSEPORT"}  # systemd's and the kernel's
    assert settings - known == set()


def test_a_backend_that_is_down_fires(ring, prometheus):
    """Pending first, then firing; and it ends when the backend is back."""
    client = ring.connect()
    is_back = threading.Event()
    ring.backend.on_request(lambda _: Reply(200, {"events": []}) if is_back.wait(5) else Reply(500))
    client.send("nobody hears this")
    alert = prometheus.wait_firing("SlipBreakerOpen")
    assert alert["labels"]["severity"] == "page"
    assert alert["annotations"]["runbook"] == "docs/operations.md#slipbreakeropen"
    for name in ("SlipBreakerOpen", "SlipWebhooksFail"):
        prometheus.wait_firing(name)
        assert prometheus.query(f'count_over_time(ALERTS{{alertname="{name}", alertstate="pending"}}[5m])'), name
    is_back.set()
    ring.backend.whole = None
    until(lambda: not prometheus.alerts()["SlipBreakerOpen"]["alerts"],
          lambda: prometheus.alerts()["SlipBreakerOpen"], 60)


def test_a_process_that_is_down_fires(ring, prometheus):
    ring.control.kill()
    prometheus.wait_firing("SlipProcessDown", job="slip-control")
    prometheus.wait_firing("SlipProgramMissing", job="slip-control")
    prometheus.wait_firing("SlipLinkDown", job="slip-edge", peer="control")
    ring.control.start()
    ring.control.wait_ready()
    for name in ("SlipProcessDown", "SlipLinkDown"):
        until(lambda name=name: not prometheus.alerts()[name]["alerts"], lambda name=name: prometheus.alerts()[name], 60)


def test_an_edge_that_dies_fires(ring, prometheus):
    edge = ring.edge
    edge.signal(signal.SIGKILL)
    edge.process.wait()
    prometheus.wait_firing("SlipEdgeDied")
    edge.start()
    edge.wait_ready()


def test_a_database_that_is_away_fires(ring, postgres, prometheus):
    postgres.stop()
    try:
        for job in ("slip-router", "slip-control"):
            prometheus.wait_firing("SlipDatabaseUnreachable", job=job)
        ring.connect()  # clients are served meanwhile
    finally:
        postgres.start()
    until(lambda: not prometheus.alerts()["SlipDatabaseUnreachable"]["alerts"],
          lambda: prometheus.alerts()["SlipDatabaseUnreachable"], 60)


def test_links_have_the_role_of_the_peer(ring, prometheus):
    """Router and control serve edges and workers by one socket, and tell them apart."""
    test_all_four_are_scraped(prometheus)
    for process, peers in ((ring.router, ("edge", "worker")), (ring.control, ("edge", "worker")),
                           (ring.edge, ("router", "control")), (ring.worker, ("router", "control"))):
        for peer in peers:
            until(lambda process=process, peer=peer: process.metric("slip_link_peers", peer=peer) == 1,
                  lambda process=process, peer=peer: f"{process.name} to have one {peer}")
            for name in ("packets_sent", "packets_received", "sent_bytes", "received_bytes"):
                assert process.metric(f"slip_link_{name}_total", peer=peer) > 0, (process.name, peer, name)
        assert process.metric("slip_link_peers", peer="unknown") == 0
