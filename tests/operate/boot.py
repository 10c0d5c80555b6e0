"""A machine of its own with systemd as its first process: systemd-nspawn, over this machine's files,
with the installed tree and nothing else changed; no network but its own loopback."""

import os
import shutil
import subprocess
import tempfile
import time

PATIENCE = 150  # seconds; booting takes five


class CannotBoot(Exception):
    """This machine does not let us: why."""


def run(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        raise CannotBoot(f"{command[0]}: {result.stdout.strip()}")


class Machine:
    """`script` runs in it as root when it is up; its output is `said`."""

    def __init__(self, installed, files, script):
        self.folder = tempfile.mkdtemp(prefix="slip-boot-")
        self.root = os.path.join(self.folder, "root")
        self.mounted = []
        self.console = ""
        try:
            self._mount()
            run("cp", "-a", os.path.join(installed.destination, "usr", "."), os.path.join(self.root, "usr"))
            self._forget_services()
            for path, text in files.items():
                self._write(path, text)
            self._write("probe.sh", f"echo began\n{script}\necho ended\n")
            self._write("etc/systemd/system/probe.service",
                        "[Service]\nType=oneshot\nExecStart=/bin/bash /probe.sh\nTimeoutStartSec=infinity\n"
                        "StandardOutput=file:/said\nStandardError=file:/said\n")
            os.makedirs(self.path("etc/systemd/system/multi-user.target.wants"), exist_ok=True)
            os.symlink("/etc/systemd/system/probe.service",
                       self.path("etc/systemd/system/multi-user.target.wants/probe.service"))
            self.said = self._boot()
        finally:
            self._unmount()

    def path(self, name):
        return os.path.join(self.root, name)

    def _write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def _mount(self):
        if os.geteuid() != 0:
            raise CannotBoot("only root may")
        if not shutil.which("systemd-nspawn"):
            raise CannotBoot("systemd-nspawn is not installed")
        layers = os.path.join(self.folder, "layers")
        os.mkdir(layers)
        run("mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", layers)
        self.mounted.append(layers)
        for name in ("upper", "work"):
            os.mkdir(os.path.join(layers, name))
        os.mkdir(self.root)
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work", self.root)
        self.mounted.append(self.root)

    def _forget_services(self):
        """What this machine starts is not started there."""
        folder = self.path("etc/systemd/system")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self._write("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self._write("etc/fstab", "")

    def _said(self):
        try:
            with open(self.path("said"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def _boot(self):
        with open(os.path.join(self.folder, "console"), "w+", encoding="utf-8", errors="replace") as console:
            nspawn = subprocess.Popen(  # pylint: disable=consider-using-with
                ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network",
                 "--directory", self.root, "--boot", "systemd.unit=multi-user.target"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, cwd="/")
            deadline = time.monotonic() + PATIENCE
            try:
                while nspawn.poll() is None and time.monotonic() < deadline and "\nended\n" not in self._said():
                    time.sleep(0.1)
            finally:
                nspawn.kill()  # and with it everything in its namespace
                nspawn.wait()
            console.seek(0)
            self.console = console.read()
        if "began\n" not in self._said():
            raise CannotBoot(f"systemd did not come up: {self.console[-400:]}")
        return self._said()

    def _unmount(self):
        for place in reversed(self.mounted):
            deadline = time.monotonic() + 10
            while subprocess.run(["umount", place], stderr=subprocess.DEVNULL, check=False).returncode != 0:
                if time.monotonic() > deadline:
                    subprocess.run(["umount", "--lazy", place], check=False)
                    break
                time.sleep(0.1)
        if not any(os.path.ismount(place) for place in self.mounted):
            shutil.rmtree(self.folder, ignore_errors=True)
