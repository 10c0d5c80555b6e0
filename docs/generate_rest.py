#!/usr/bin/env python3
"""Writes docs/rest.md from control/openapi.json to standard output (docs/check calls it)."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = json.loads((ROOT / "control/openapi.json").read_text(encoding="utf-8"))
METHODS = ("get", "post", "put", "delete")


def resolve(node):
    while "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"][2:].split("/"):
            target = target[part]
        node = target
    return node


def schema_name(schema):
    """A link to a schema's section, or its type in words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "oneOf" in schema:
        return " or ".join(map(schema_name, schema["oneOf"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {schema_name(schema['items'])}"
    kind = schema.get("type", "any JSON")
    return " or ".join(kind) if isinstance(kind, list) else kind


def table(*rows):
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines] + [""]


def content(body):
    return ", ".join(f"{schema_name(part['schema'])} (`{media_type}`)"
                     for media_type, part in body.get("content", {}).items())


def operation_section(method, path, shared, operation):
    lines = [f"### {operation['summary']}", "", f"`{method.upper()} {path}`", ""]
    if operation.get("security") == []:
        lines += ["Without a token.", ""]
    if "description" in operation:
        lines += [operation["description"], ""]
    parameters = [resolve(parameter) for parameter in shared + operation.get("parameters", [])]
    if parameters:
        lines += table(["parameter", "in", "meaning"],
                       *([f"`{parameter['name']}`", parameter["in"],
                          parameter.get("description", "") + (
                              f" {schema_name(parameter['schema'])}." if "enum" in parameter["schema"] else "")]
                         for parameter in parameters))
    if "requestBody" in operation:
        body = resolve(operation["requestBody"])
        need = "" if body.get("required") else " It may be left out."
        note = f" {body['description']}" if "description" in body else ""
        lines += [f"Body: {content(body)}.{need}{note}", ""]
    lines += table(["status", "when", "body"],
                   *([status, answer["description"], content(answer)]
                     for status, answer in ((status, resolve(answer))
                                            for status, answer in operation["responses"].items())))
    return lines


def schema_section(name, schema):
    lines = [f"### {name}", ""]
    if "description" in schema:
        lines += [schema["description"], ""]
    if "properties" not in schema:
        return lines + [f"{schema_name(schema)[0].upper()}{schema_name(schema)[1:]}"
                        + (f", {schema['format']}" if "format" in schema else "") + ".", ""]
    required = schema.get("required", [])
    rows = []
    for field, part in schema["properties"].items():
        note = part.get("description", "")
        if field not in required:
            note = f"optional. {note}" if note else "optional"
        if "default" in part:
            note += f" ({json.dumps(part['default'])} when not given)"
        rows.append([f"`{field}`", schema_name(part), note])
    return lines + table(["member", "type", "meaning"], *rows)


def wrap(text):
    """Paragraphs of the description, one line each, as they are."""
    return re.sub(r"\n{3,}", "\n\n", text)


def main():
    lines = ["# REST", "", DOCUMENT["info"]["summary"], "",
             "Generated from `control/openapi.json` (served at `/v1/openapi.json`); do not edit.", "",
             wrap(DOCUMENT["info"]["description"]), "",
             "**Token:** " + DOCUMENT["components"]["securitySchemes"]["token"]["description"], ""]
    for tag in DOCUMENT["tags"]:
        lines += [f"## {tag['name'].capitalize()}", "", tag["description"], ""]
        for path, item in DOCUMENT["paths"].items():
            for method in METHODS:
                if tag["name"] in item.get(method, {}).get("tags", []):
                    lines += operation_section(method, path, item.get("parameters", []), item[method])
    lines += ["## Bodies", ""]
    for name, schema in DOCUMENT["components"]["schemas"].items():
        lines += schema_section(name, schema)
    print("\n".join(lines).rstrip())


if __name__ == "__main__":
    main()
