#!/usr/bin/env python3
"""Writes openapi.json as C: embed_openapi.py INPUT OUTPUT VERSION (the build calls it).

Compact, with the program's version in info.version. An array of bytes: a string literal of C need
not hold more than 4095 characters.
"""
import json
import pathlib
import sys


def main(source, output, version):
    document = json.loads(pathlib.Path(source).read_text(encoding="utf-8"))
    document["info"]["version"] = version
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    bytes_ = ", ".join(str(byte if byte < 128 else byte - 256) for byte in text)
    pathlib.Path(output).write_text(
        "/* Made from control/openapi.json by control/embed_openapi.py. */\n"
        "#include <stddef.h>\n\n"
        "extern const char openapi_text[];\nextern const size_t openapi_length;\n\n"
        f"const char openapi_text[] = {{{bytes_}}};\n"
        f"const size_t openapi_length = {len(text)};\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
