"""The programs in a page: a comment `<!-- file: NAME -->`, and the block of code that follows it."""

import os
import re

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BLOCK = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def extract(page, folder):
    """Writes the programs of docs/PAGE into a folder where JavaScript finds its packages; their names."""
    with open(os.path.join(ROOT, "docs", page), encoding="utf-8") as file:
        programs = dict(BLOCK.findall(file.read()))
    assert programs, f"{page} has no programs"
    for name, text in programs.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    packages = os.path.join(folder, "node_modules")
    library = os.path.join(ROOT, "clients", "js")
    os.mkdir(packages)
    os.symlink(library, os.path.join(packages, "slip-sockets-client"))
    for package in ("jose", "ws"):
        os.symlink(os.path.join(library, "node_modules", package), os.path.join(packages, package))
    return set(programs)
