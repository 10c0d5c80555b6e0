"""Debian's Prometheus with our configuration: as it stands, only with other addresses, and faster."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from harness.ports import free_port
from harness.wait import until


class Prometheus:
    """`ports`: address in prometheus.yml → the port of a real process."""

    def __init__(self, folder, ports):
        self.folder = tempfile.mkdtemp(prefix="slip-prometheus-")
        with open(os.path.join(folder, "prometheus.yml"), encoding="utf-8") as file:
            config = re.sub(r"_interval: 15s", "_interval: 250ms", file.read())
        for address, port in ports.items():
            assert config.count(f'"{address}"') == 1, f"{address} is not once in prometheus.yml"
            config = config.replace(f'"{address}"', f'"127.0.0.1:{port}"')
        with open(os.path.join(folder, "rules.yml"), encoding="utf-8") as file:
            rules = re.sub(r"\bfor: \w+", "for: 1s", file.read())
        self._write("prometheus.yml", config)
        self._write("rules.yml", re.sub(r"\[\d+m\]", "[10s]", rules))
        self.port = free_port()
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["prometheus", f"--config.file={self.folder}/prometheus.yml",
             f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address=127.0.0.1:{self.port}",
             "--log.level=warn"],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        until(self._is_ready, lambda: f"Prometheus; it says:\n{self._said()}")

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def _said(self):
        self.log.seek(0)
        return self.log.read()

    def _is_ready(self):
        assert self.process.poll() is None, f"Prometheus ended:\n{self._said()}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def api(self, path, **parameters):
        """The answer's data; an error of Prometheus is an AssertionError."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None

    def query(self, expression):
        """The result of an instant query: a list of series (or [time, value] of a scalar)."""
        return self.api("query", query=expression)["result"]

    def alerts(self):
        """All alert rules: name → rule, as Prometheus has read it."""
        return {rule["name"]: rule for group in self.api("rules")["groups"] for rule in group["rules"]
                if rule["type"] == "alerting"}

    def wait_firing(self, name, **labels):
        """An alert that was pending before, with these labels among its own."""
        def firing():
            return [alert for alert in self.alerts()[name]["alerts"] if alert["state"] == "firing"
                    and labels.items() <= alert["labels"].items()]

        found = until(firing, lambda: f"{name} to fire; {self.alerts()[name]}", 60)
        return found[0]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
