"""What `meson install` has put below a DESTDIR."""

import glob
import os

PROGRAMS = {"edge": "slip-edge", "router": "slip-router", "webhook-worker": "slip-webhook-worker",
            "control": "slip-control"}


class Installed:
    """`prefix` is /usr/local below the DESTDIR."""

    def __init__(self, destination):
        self.destination = destination
        self.prefix = os.path.join(destination, "usr", "local")

    def path(self, *words):
        return os.path.join(self.prefix, *words)

    def program(self, name):
        return self.path("bin", name)

    def units(self):
        return sorted(os.path.basename(path) for path in glob.glob(self.path("lib", "systemd", "system", "*")))

    def as_build(self):
        """A folder in which the programs lie as in a build folder, where the harness looks."""
        folder = os.path.join(self.destination, "build")
        for place, name in PROGRAMS.items():
            os.makedirs(os.path.join(folder, place))
            os.symlink(self.program(name), os.path.join(folder, place, name))
        return folder
