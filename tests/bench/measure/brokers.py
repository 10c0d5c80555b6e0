"""The brokers that are compared, each started and tuned; all look the same to a row.

`target` is where clients connect, `publish` are the load client's options to publish, `join(n)` is
the path that makes a client a member of channel cN ('%': of its own number), `pids()` are all
processes that work for it.
"""

import pathlib
import shutil
import tempfile
import time
import urllib.request

from harness.ports import free_port
from harness.postgres import Postgres
from harness.stack import Stack

from .programs import TOOLS, Background, children, settle


class Broker:
    name = ""
    join = "/join/c%"
    publish = {}

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"slip-bench-{self.name}-"))
        self.parts = []

    def pids(self):
        return [pid for part in self.parts for pid in children(part.pid)]

    def run(self, *command, **options):
        part = Background(*command, log=self.folder / "log", **options)
        self.parts.append(part)
        return part

    def stop(self):
        for part in reversed(self.parts):
            part.stop()
        shutil.rmtree(self.folder)


def wait_for_port(port, patience=10):
    """Until something answers HTTP there, whatever it says."""
    end = time.monotonic() + patience
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


class RawBackend:
    """The C backend, as tests/e2e/harness/stack.py wants one."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/slip"

    def close(self):
        pass


class Slip(Broker):
    """This broker: one of each program, as it comes, logging only warnings."""

    name = "slip"

    def __init__(self, backend, postgres, **settings):
        super().__init__()
        counts = {name: settings.pop(name) for name in ("edges", "routers", "workers", "controls")
                  if name in settings}
        self.stack = Stack(postgres, backend=RawBackend(backend.port), **counts, **{
            "LOG_LEVEL": "warning", "HEARTBEAT_INTERVAL": "500ms", "RETRY_FIRST": "200ms",
            "RESOLVE_INTERVAL": "2s", **settings})
        self.target = f"127.0.0.1:{self.stack.edge_port}"
        self.publish = {
            "publish_target": f"127.0.0.1:{self.stack.rest_ports[0]}", "publish_path": "/",
            "publish_form": "slip", "token": self.stack.rest.token(exp=int(time.time()) + 86400)}

    def pids(self):
        return [process.process.pid for process in self.stack.processes()]

    def complaints(self):
        """Warnings and errors that the programs logged."""
        return [line for process in self.stack.processes() for line in process.log().splitlines()]

    def stop(self):
        self.stack.destroy(check=False)
        shutil.rmtree(self.folder)


PUSHPIN = """\
[global]
include={{libdir}}/internal.conf
rundir={folder}
ipc_prefix=bench-
[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:{port}
logdir={folder}
log_level=0
client_buffer_size=8192
client_maxconn=20000
[proxy]
routesfile=routes
debug=false
sig_key=none
updates_check=off
zurl_out_specs=ipc://{folder}/zurl-in
zurl_out_stream_specs=ipc://{folder}/zurl-in-stream
zurl_in_specs=ipc://{folder}/zurl-out
[handler]
push_in_http_addr=127.0.0.1
push_in_http_port={publish_port}
push_in_http_max_headers_size=10000
push_in_http_max_body_size=10000000
push_in_spec=ipc://{folder}/push-in
push_in_sub_specs=ipc://{folder}/push-in-sub
stats_spec=ipc://{folder}/stats
command_spec=ipc://{folder}/command
message_rate=100000000
message_hwm=100000000
message_wait=5000
id_cache_ttl=60
connection_subscription_max=20
"""

ZURL = """\
[General]
in_spec=ipc://{folder}/zurl-in
in_stream_spec=ipc://{folder}/zurl-in-stream
out_spec=ipc://{folder}/zurl-out
in_req_spec=ipc://{folder}/zurl-req
ipc_file_mode=660
defpolicy=allow
max_open_requests=20000
buffer_size=200000
timeout=600
in_hwm=100000
out_hwm=100000
"""


class Pushpin(Broker):
    """Pushpin with WebSocket-over-HTTP: log and rate limits off, room for as many clients."""

    name = "pushpin"

    def __init__(self, backend):
        super().__init__()
        port, publish_port = free_port(), free_port()
        values = {"folder": self.folder, "port": port, "publish_port": publish_port}
        (self.folder / "pushpin.conf").write_text(PUSHPIN.format(**values))
        (self.folder / "zurl.conf").write_text(ZURL.format(**values))
        (self.folder / "routes").write_text(f"* 127.0.0.1:{backend.port},over_http\n")
        self.run("zurl", f"--config={self.folder}/zurl.conf")
        self.run("pushpin", f"--config={self.folder}/pushpin.conf")
        self.target = f"127.0.0.1:{port}"
        self.publish = {"publish_target": f"127.0.0.1:{publish_port}",
                        "publish_path": "/publish/", "publish_form": "grip"}
        wait_for_port(port)
        wait_for_port(publish_port)


NGINX = """\
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off;
user root;
pid {folder}/pid;
error_log {folder}/error.log error;
worker_processes 2;
worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    client_max_body_size 2m;
    client_body_buffer_size 1m;
    nchan_shared_memory_size 512M;
    server {{
        listen 127.0.0.1:{port} backlog=16384;
        tcp_nodelay on;
        location ~ ^/join/(.+)$ {{
            nchan_subscriber websocket;
            nchan_channel_id $1;
            nchan_subscriber_first_message newest;
            nchan_websocket_ping_interval 25;
        }}
        location ~ ^/publish/(.+)$ {{
            nchan_publisher http;
            nchan_channel_id $1;
            nchan_message_timeout 10s;
            nchan_message_buffer_length 100;
        }}
    }}
}}
"""


class Nchan(Broker):
    """nginx with Nchan: two workers, no log, messages in memory."""

    name = "nchan"

    def __init__(self):
        super().__init__()
        port = free_port()
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self.folder, port=port))
        self.run("nginx", "-c", config, "-e", self.folder / "error.log")
        self.target = f"127.0.0.1:{port}"
        self.publish = {"publish_target": self.target, "publish_path": "/publish/c%",
                        "publish_form": "raw"}
        wait_for_port(port)


class Limit(Broker):
    """A bare loop of send(), see tests/bench/limit.c."""

    name = "limit"

    def __init__(self):
        super().__init__()
        part = self.run(TOOLS / "limit", port=True)
        self.target = f"127.0.0.1:{part.port}"
        self.publish = {"publish_target": self.target, "publish_path": "/", "publish_form": "raw"}


class Relay(Broker):
    """What a webhook costs without a broker around it, see tests/bench/relay.c."""

    name = "relay"

    def __init__(self, backend, batch=1):
        super().__init__()
        self.target = f"127.0.0.1:{self.run(TOOLS / 'relay', 0, backend.port, batch, port=True).port}"


class Brokers:
    """Starts each broker when a row first asks for it, and keeps it for the next."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="slip-bench-")
        self.backend = Background(TOOLS / "backend", log=f"{self.folder}/backend", port=True)
        self.postgres = None
        self.running = {}

    def make(self, name, **settings):
        if name == "slip":
            self.postgres = self.postgres or Postgres()
            return Slip(self.backend, self.postgres, **settings)
        if name == "pushpin":
            return Pushpin(self.backend)
        if name == "relay":
            return Relay(self.backend, **settings)
        return {"nchan": Nchan, "limit": Limit}[name]()

    def get(self, name, **settings):
        key = (name, *sorted(settings.items()))
        if key not in self.running:
            self.running[key] = self.make(name, **settings)
        return self.running[key]

    def settle(self, broker):
        """Until nobody works any more, not only `broker` (one of ours, or a fresh one): Pushpin is busy
        for ten seconds after thousands of clients have left, PostgreSQL with their rows."""
        everybody = {broker, *self.running.values()}
        pids = [pid for each in everybody for pid in each.pids()]
        settle(pids + (children(self.postgres.pid()) if self.postgres else []))

    def stop(self):
        for broker in self.running.values():
            broker.stop()
        if self.postgres:
            self.postgres.destroy()
        self.backend.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
