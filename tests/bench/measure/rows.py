"""The rows of the table: what is measured, and what is to be reached.

A row is a function of a Bench. It measures (several rounds, the brokers in turn, so that what the
machine does meanwhile hits all alike) and states goals; the rest is printing.
"""

import json
import statistics
import subprocess
import time

from .programs import Failed, load_command

ROWS = {}
TWO_WORKERS = "slip-two workers"  # one fills a core, and here are two
RATE, CPU = "messages_per_s", "broker_cpu_us"


def row(name, title):
    """Registers a row that can be run alone by its name."""
    def register(function):
        ROWS[name] = (title, function)
        return function

    return register


class Cell:
    """A broker's reports in a row, one of each round; or why there are none."""

    def __init__(self):
        self.reports = []
        self.failure = None

    def get(self, metric):
        """The median of the rounds."""
        return statistics.median(report[metric] for report in self.reports)

    def total(self, metric):
        return sum(report[metric] for report in self.reports)

    @property
    def rate(self):
        return self.get("messages_per_s")

    @property
    def cpu(self):
        return self.get("broker_cpu_us")


def compare(bench, mode, brokers, **options):
    """Measures several brokers with the same load: {label: Cell}. `brokers` maps a label to
    (broker, options of its own). That another broker than ours fails is a result."""
    cells = {label: Cell() for label in brokers}
    for _ in range(bench.rounds):
        for label, (broker, own) in brokers.items():
            if cells[label].failure:
                continue
            try:
                bench.brokers.settle(broker)
                cells[label].reports.append(bench.load(label, broker, mode, **{**options, **own}))
            except Failed as problem:
                if broker.name == "slip":
                    raise
                cells[label].failure = str(problem)
    return cells


def show(result, cells, describe, before=""):
    """What the table says of each broker."""
    for label, cell in cells.items():
        result.show(label, before + (f"failed: {cell.failure}" if cell.failure else describe(cell)))


def ratio(cell, other, metric):
    """The median of the rounds' own ratios, for the two of a round ran one after the other, and the
    machine's speed is another one a minute later. None when the other has none."""
    if other.failure:
        return None
    return statistics.median(report[metric] / others[metric]
                             for report, others in zip(cell.reports, other.reports))


def show_share(result, cells):
    share = ratio(cells["slip"], cells["limit"], RATE)
    result.show("slip", f"{share:.2f} of the limit")


def nobody_lost(result, cell, label):
    result.goal(f"{label}: refused or cut off", cell.total("refused") + cell.total("lost"), "<=", 0)


# ---- webhook echo ----

@row("echo64", "webhook echo, 64 clients, closed loop")
def echo64(bench, result):
    cells = result.add(compare(bench, "echo", {
        "slip": (bench.get("slip"), {}), TWO_WORKERS: (bench.get("slip", workers=2), {}),
        "pushpin": (bench.get("pushpin"), {}), "limit": (bench.get("relay"), {})}, clients=64))
    show(result, cells, lambda cell: f"{cell.rate:,.0f} msg/s, {cell.cpu:.0f} µs CPU")
    for label in ("slip", TWO_WORKERS):
        result.goal(f"{label}: rate / Pushpin's", ratio(cells[label], cells["pushpin"], RATE), ">=", 10)
        result.goal(f"{label}: CPU per message / Pushpin's", ratio(cells[label], cells["pushpin"], CPU),
                    "<=", 0.1)
    show_share(result, cells)


@row("echo1", "webhook echo, 1 client, p50")
def echo1(bench, result):
    awake = bench.get("slip", BUSY_POLL=200)
    cells = result.add(compare(bench, "echo", {
        "slip": (bench.get("slip"), {}), "slip-BUSY_POLL=200": (awake, {}),
        "pushpin": (bench.get("pushpin"), {}), "limit": (bench.get("limit"), {}),
        "limit-one POST": (bench.get("relay"), {})}, clients=1))
    show(result, cells, lambda cell: f"{cell.get('echo_p50_us') / 1000:.3f} ms")
    for label, how in (("slip", "as it comes"), ("slip-BUSY_POLL=200", "BUSY_POLL=200")):
        result.goal(f"p50 in ms, {how}", cells[label].get("echo_p50_us") / 1000, "<=", 0.4)


@row("burst512", "512 clients sending at the same moment, again and again")
def burst512(bench, result):
    grouped = bench.get("slip", WEBHOOK_BATCH_CONNECTIONS=256)
    cells = result.add(compare(bench, "burst", {
        "slip": (bench.get("slip"), {}), TWO_WORKERS: (bench.get("slip", workers=2), {}),
        "slip-256": (grouped, {}), "limit": (bench.get("relay"), {}),
        "limit-256": (bench.get("relay", batch=256), {}),
        "pushpin": (bench.get("pushpin"), {"tolerant": 1, "patience": 5})}, clients=512))
    slip, pushpin = cells["slip"], cells["pushpin"]
    show(result, cells, lambda cell: f"{cell.rate:,.0f} msg/s, {cell.cpu:.0f} µs CPU,"
                                     f" {cell.get('lost') / 5.12:.0f} % cut off")
    for label in ("slip", TWO_WORKERS, "slip-256"):
        nobody_lost(result, cells[label], label)
    for label in ("slip", TWO_WORKERS):
        result.goal(f"{label}: rate / Pushpin's", ratio(cells[label], pushpin, RATE), ">=", 15)
    result.goal("rate with WEBHOOK_BATCH_CONNECTIONS=256 / with 1",
                ratio(cells["slip-256"], slip, RATE), ">=", 3)
    show_share(result, cells)
    result.show("slip-256", f"{ratio(cells['slip-256'], cells['limit-256'], RATE):.2f} of the limit")
    result.show("limit-256", f"{ratio(cells['limit-256'], cells['limit'], RATE):.2f} × the rate with 1")


@row("sizes", "webhook echo, 64 clients, by message size")
def sizes(bench, result):
    for size in (10, 1000, 16384, 100000):
        cells = compare(bench, "echo", {"slip": (bench.get("slip"), {}),
                                        "pushpin": (bench.get("pushpin"), {})},
                        clients=64, size=size)
        result.add({f"{label}-{size}": cell for label, cell in cells.items()})
        show(result, cells, lambda cell: f"{cell.rate:,.0f} msg/s, {cell.cpu:.0f} µs CPU", f"{size} B: ")


@row("latency", "webhook echo, 64 clients, at 25, 50 and 75 % of the highest rate")
def latency(bench, result):
    slip = bench.get("slip")
    most = compare(bench, "echo", {"slip": (slip, {})}, clients=64)["slip"].rate
    for share in (25, 50, 75):
        cells = compare(bench, "rate", {"slip": (slip, {})}, clients=64, rate=most * share / 100)
        result.add({f"slip-{share}": cells["slip"]})
        points = [cells["slip"].get(f"delay_{point}_us") / 1000 for point in ("p50", "p99", "p999")]
        result.show("slip", f"{share} % ({most * share / 100:,.0f}/s): p50 {points[0]:.2f}, "
                            f"p99 {points[1]:.2f}, p99.9 {points[2]:.2f} ms")
        result.tabulate(["share of the highest rate", "messages/s", "p50", "p99", "p99.9"],
                        [f"{share} %", f"{most * share / 100:,.0f}",
                         *(f"{point:.2f} ms" for point in points)])


@row("several", "webhook echo, 1024 clients, with two of each program")
def several(bench, result):
    """What docs/performance.md multiplies with: a message costs the same however many share the
    work (two cores cannot show that they share it well)."""
    two = {"edges": 2, "routers": 2, "workers": 2, "controls": 2}
    cells = result.add(compare(bench, "echo", {
        "one of each": (bench.get("slip"), {}), "two of each": (bench.get("slip", **two), {})},
        clients=1024))
    show(result, cells, lambda cell: f"{cell.rate:,.0f} msg/s, {cell.cpu:.0f} µs CPU")
    result.goal("CPU per message, two / one", ratio(cells["two of each"], cells["one of each"], CPU),
                "<=", 1.3)


# ---- fan-out ----

def fanout(bench, result, members, outstanding, share):
    brokers = {}
    for name in ("slip", "pushpin", "nchan", "limit"):
        broker = bench.get(name)
        brokers[name] = (broker, broker.publish)
    cells = result.add(compare(bench, "fanout", brokers, clients=members, outstanding=outstanding,
                               path="/join/c0", channels=1))
    show(result, cells, lambda cell: f"{cell.rate / 1000:,.0f} k/s, {cell.cpu:.1f} µs CPU")
    result.goal("rate / limit", ratio(cells["slip"], cells["limit"], RATE), ">=", share)


@row("fanout1000", "fan-out to 1000 members, one publish at a time")
def fanout1000(bench, result):
    fanout(bench, result, 1000, 1, 0.9)


@row("fanout5000", "fan-out to 5000 members, one publish at a time")
def fanout5000(bench, result):
    fanout(bench, result, 5000, 1, 0.9)


@row("fanout1000x8", "fan-out to 1000 members, 8 publishes outstanding")
def fanout1000x8(bench, result):
    fanout(bench, result, 1000, 8, 0.7)


@row("fanout5000x8", "fan-out to 5000 members, 8 publishes outstanding")
def fanout5000x8(bench, result):
    fanout(bench, result, 5000, 8, 0.7)


@row("fansizes", "fan-out to 1000 members, one publish at a time, by message size")
def fansizes(bench, result):
    for size in (10, 1000, 16384, 100000):
        cells = compare(bench, "fanout", {name: (bench.get(name), bench.get(name).publish)
                                          for name in ("slip", "nchan", "limit")},
                        clients=1000, path="/join/c0", size=size)
        result.add({f"{label}-{size}": cell for label, cell in cells.items()})
        show(result, cells, lambda cell: f"{cell.rate / 1000:,.0f} k/s", f"{size} B: ")


@row("channels", "many channels: 10,000 members, 1000 channels, publishes spread evenly")
def channels(bench, result):
    slip = bench.get("slip")
    members, count = bench.size(10000), bench.size(1000)
    packed = {"events": 50, "outstanding": 2}  # publishes in a request, so that REST is not measured
    cells = result.add(compare(bench, "fanout", {
        "one big": (slip, {"clients": members, "channels": 1}),
        "many": (slip, {"clients": members, "channels": count, **packed}),
        "100 of many": (slip, {"clients": members, "channels": count, "published": 100, **packed}),
        "100 alone": (slip, {"clients": 1000, "channels": 100, **packed}),
    }, **slip.publish))
    for label, cell in cells.items():
        result.show("slip", f"{label}: {cell.cpu:.1f} µs CPU a delivery,"
                            f" {cell.get('publish_cpu_us'):.0f} a publish")
    result.goal("CPU per delivery, many channels / one big", ratio(cells["many"], cells["one big"], CPU),
                "<=", 1.3)
    result.goal("CPU per publish to 100 channels, among many / alone",
                ratio(cells["100 of many"], cells["100 alone"], "publish_cpu_us"), "<=", 1.3)


# ---- connections ----

def connects(bench, result, connecting):
    cells = result.add(compare(bench, "connects", {
        "slip": (bench.get("slip"), {}),
        "pushpin": (bench.get("pushpin"), {"tolerant": 1, "patience": 5}),
        "limit": (bench.get("relay"), {}),
    }, clients=bench.size(10000), connecting=connecting))
    show(result, cells, lambda cell: f"{cell.rate:,.0f}/s, {cell.get('refused'):,.0f} refused"
                                     f" of {cell.get('messages') + cell.get('refused'):,.0f}")
    nobody_lost(result, cells["slip"], "slip")
    result.goal("rate / Pushpin's", ratio(cells["slip"], cells["pushpin"], RATE), ">=", 10)
    show_share(result, cells)
    if not cells["pushpin"].failure:
        result.show("limit", f"{ratio(cells['limit'], cells['pushpin'], RATE):.1f} × Pushpin's")


@row("connects64", "connects through an OPEN webhook, 64 in flight")
def connects64(bench, result):
    connects(bench, result, 64)


@row("connects512", "connects through an OPEN webhook, 512 in flight")
def connects512(bench, result):
    connects(bench, result, 512)


@row("idle", "memory of an idle connection, and the CPU of pinging 10,000")
def idle(bench, result):
    cells = {}
    for name, own in (("slip", {}), ("pushpin", {"tolerant": 1}), ("nchan", {"path": "/join/c0"})):
        with bench.fresh(name) as broker:
            cells.update(compare(bench.once(), "idle", {name: (broker, own)},
                                 clients=bench.size(10000), browser=1, warmup=3,
                                 seconds=bench.time(60)))
    result.add(cells)
    show(result, cells, lambda cell: f"{cell.get('bytes_per_connection') / 1024:.1f} kB,"
                                     f" {100 * cell.get('broker_cores'):.1f} % of a core")
    slip = cells["slip"].reports[0]
    edge = sum(value for name, value in slip.items() if name.startswith("bytes_slip-edge"))
    result.goal("kB, all processes", slip["bytes_per_connection"] / 1024, "<=", 6)
    result.goal("kB, the edge", edge / 1024, "<=", 4)
    result.goal("% of a core, pings and all", 100 * slip["broker_cores"], "<=", 2)


# ---- the tables ----

def wait_for_rows(postgres, schema, table, count, patience=30):
    """Seconds until the table has so many."""
    begin = time.monotonic()
    while True:
        rows = int(postgres.query(f'select count(*) from "{schema}".{table}')[0][0])
        if rows == count:
            return time.monotonic() - begin
        if time.monotonic() - begin > patience:
            raise Failed(f"{rows} {table} in the table instead of {count}")
        time.sleep(0.1)  # counting is work for PostgreSQL, too


@row("churn", "subscribe and unsubscribe 10,000 connections in 10 channels each")
def churn(bench, result):
    slip = bench.get("slip")
    clients = bench.size(10000)
    echo = {"target": slip.target, "clients": 1, "rate": 500, "warmup": 0.2}
    for name, pace in (("as fast as it goes", 1e9), ("1000 connections/s", 1000)):
        bench.brokers.settle(slip)
        quiet = bench.load("slip", slip, "rate", **echo)
        report = measure_churn(bench, slip, clients, pace, echo)
        report["echo_quiet_p50_us"] = quiet["delay_p50_us"]
        cell = Cell()
        cell.reports.append(report)
        result.add({name: cell})
        slower = report["echo_busy_p50_us"] / report["echo_quiet_p50_us"]
        lag = max(report["subscribe_lag_s"], report["unsubscribe_lag_s"])
        result.show("slip", f"{name}: {report['subscribe_per_s']:,.0f} subscribes/s,"
                            f" {report['unsubscribe_per_s']:,.0f} unsubscribes/s, table true after"
                            f" {lag:.2f} s, echo p50 × {slower:.1f}")
        result.goal(f"{name}: seconds until the table is true", lag, "<=", 1)
    # As fast as it goes there is no idle core left, and an echo waits in line like anybody else.
    result.goal(f"{name}: echo p50 meanwhile / quiet", slower, "<=", 2)


def measure_churn(bench, slip, clients, pace, echo):
    command = load_command("churn", {
        "target": slip.target, "clients": clients, "channels": 1000, "outstanding": 64,
        "rate": pace, "pids": ",".join(map(str, slip.pids()))})
    report = {}

    def phase():
        line = load.stdout.readline()
        if not line:
            raise Failed("churn: the load client gave up")
        return json.loads(line)

    def go_on():
        load.stdin.write("go on\n")
        load.stdin.flush()

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        phase()
        bench.brokers.settle(slip)
        echoing = {**echo, "seconds": max(0.5, min(5, clients / pace))}
        with subprocess.Popen(load_command("rate", echoing), stdout=subprocess.PIPE,
                              text=True) as busy:
            for name, count in (("subscribe", 10 * clients), ("unsubscribe", 0)):
                go_on()
                report[f"{name}_per_s"] = phase()["messages_per_s"]
                report[f"{name}_lag_s"] = wait_for_rows(bench.brokers.postgres, slip.stack.name,
                                                        "subscriptions", count)
            go_on()
            report["echo_busy_p50_us"] = json.loads(busy.communicate()[0])["delay_p50_us"]
    return report
