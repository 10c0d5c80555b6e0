"""A private PostgreSQL cluster in a temporary folder; never the system's."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile

from .ports import free_port


def binary(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else name


class Postgres:
    """start, stop (fast or immediate), restart; `url` is what DATABASE_URL wants."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="slip-pg-")
        self.data = os.path.join(self.folder, "data")
        self.port = free_port()
        self.url = f"postgresql://slip@127.0.0.1:{self.port}/slip"
        os.chmod(self.folder, 0o755)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run(binary("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust",
                  "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(f"listen_addresses='127.0.0.1'\nport={self.port}\n"
                       f"unix_socket_directories='{self.folder}'\n"
                       "fsync=off\nfull_page_writes=off\nmax_connections=200\n"
                       "log_min_messages=warning\n")
        self.start()
        # Not a superuser: the programs must do with what an operator would give them.
        self.query_as("postgres", "postgres", "create role slip login")
        self.query_as("postgres", "postgres", "create database slip owner slip")

    def _run(self, *command, check=True):
        user = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        result = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **user)
        if check and result.returncode != 0:
            raise AssertionError(f"{command[0]} failed ({result.returncode}):\n{result.stdout}")
        return result

    def _control(self, *words):
        # pg_ctl's children would hold a pipe open for ever: its output goes to the log file.
        self._run("/bin/sh", "-c", '"$@" > /dev/null 2>&1', "sh", binary("pg_ctl"), "-D", self.data,
                  "-l", os.path.join(self.folder, "log"), "-w", *words)

    def start(self):
        self._control("start")

    def stop(self, mode="fast"):
        self._control("stop", "-m", mode)

    def is_running(self):
        return os.path.exists(os.path.join(self.data, "postmaster.pid"))

    def pid(self):
        """Of the first of its processes, all others' parent."""
        with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as file:
            return int(file.readline())

    def query_as(self, user, database, sql):
        """Rows as lists of strings, by psql itself: what an operator would see."""
        result = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1",
             "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database, "-c", sql],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if result.returncode != 0:
            raise AssertionError(f"psql: {result.stderr.strip()} (in {sql})")
        text = result.stdout.removesuffix("\n")
        return [row.split("\x1f") for row in text.split("\x1e")] if text else []

    def query(self, sql):
        return self.query_as("slip", "slip", sql)

    def destroy(self):
        if self.is_running():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
