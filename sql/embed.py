#!/usr/bin/env python3
"""Writes the migrations as C: embed.py OUTPUT SQL… (the build calls it).

A file is an array of bytes: a string literal of C need not hold more than 4095 characters.
"""
import pathlib
import re
import sys

TAG = "$slip_migration$"

# A file is several statements, and the router's pipeline takes one at a time: DO runs them as one.
WRAPPED = "do $slip_do$ begin execute " + TAG + "{}" + TAG + "; end $slip_do$"


def main(output, files):
    paths = sorted(map(pathlib.Path, files), key=lambda path: path.name)
    rows, texts = [], []
    for number, path in enumerate(paths, start=1):
        text = path.read_text(encoding="utf-8")
        if not re.fullmatch(rf"{number:04}_[a-z0-9_]+\.sql", path.name):
            sys.exit(f"{path.name}: expected {number:04}_<what>.sql, without gaps")
        if not text.startswith("-- ") or TAG in text:
            sys.exit(f"{path.name}: opens with why, and does not hold {TAG}")
        wrapped = WRAPPED.format(text).encode() + b"\0"
        bytes_ = ", ".join(str(byte if byte < 128 else byte - 256) for byte in wrapped)
        texts.append(f"static const char text_{number}[] = {{{bytes_}}};\n")
        rows.append(f'    {{{number}, "{path.stem}", {{NULL, text_{number}}}}},\n')
    pathlib.Path(output).write_text(
        "/* Made from sql/ by sql/embed.py. */\n"
        '#include "router/migrate.h"\n\n' + "".join(texts) +
        "\nconst struct migration migrations[] = {\n" + "".join(rows) + "};\n"
        f"const size_t migration_count = {len(rows)};\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
