#!/usr/bin/env python3
"""Writes the files of the console as C: embed_console.py OUTPUT FILE… (the build calls it).

The page is /, what it loads is /console/…. A file is an array of bytes: a string literal of C need
not hold more than 4095 characters. Its ETag is a hash of it.
"""
import hashlib
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def path_of(file):
    name = file.parts[file.parts.index("console") + 1:]
    return "/" if name == ("index.html",) else "/" + "/".join(("console", *name))


def main(output, files):
    rows, texts = [], []
    for number, file in enumerate(sorted(map(pathlib.Path, files))):
        data = file.read_bytes()
        bytes_ = ", ".join(str(byte if byte < 128 else byte - 256) for byte in data)
        etag = hashlib.sha256(data).hexdigest()[:32]
        texts.append(f"static const char file_{number}[] = {{{bytes_}}};\n")
        rows.append(f'    {{"{path_of(file)}", "{TYPES[file.suffix]}", "\\"{etag}\\"", '
                    f"file_{number}, {len(data)}}},\n")
    pathlib.Path(output).write_text(
        "/* Made from control/console/ by control/embed_console.py. */\n"
        '#include "control/console.h"\n\n' + "".join(texts) +
        "\nconst struct console_file console_files[] = {\n" + "".join(rows) + "};\n"
        f"const size_t console_file_count = {len(rows)};\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
