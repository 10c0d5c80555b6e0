"""An OpenAPI 3.1 document as a judge: does it hold together, and is a real answer what it promises?

The part of JSON Schema that the document uses; a keyword unknown here is an error, so that the
document cannot promise what nobody checks.
"""

import json
import re
import urllib.parse

METHODS = {"get", "put", "post", "delete"}
ANNOTATIONS = {"description", "default", "format"}
TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")


class Document:
    def __init__(self, text):
        self.root = json.loads(text)
        self.used = set()

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            assert set(node) == {"$ref"} and node["$ref"].startswith("#/"), node
            target = self.root
            for part in node["$ref"][2:].split("/"):
                assert part in target, f"{node['$ref']} leads nowhere"
                target = target[part]
            node = target
        return node

    def operations(self):
        for path, item in self.root["paths"].items():
            for method in METHODS & set(item):
                yield method, path, item[method]

    def walk(self, node=None):
        """Every object of the document."""
        node = self.root if node is None else node
        if isinstance(node, dict):
            yield node
        for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()):
            yield from self.walk(child)

    # ---- answers ----

    def find(self, method, path):
        """The operation behind a concrete path."""
        segments = urllib.parse.urlsplit(path).path.split("/")
        for known, template, operation in self.operations():
            parts = template.split("/")
            if known == method.lower() and len(parts) == len(segments) and all(
                    part == segment or part.startswith("{") for part, segment in zip(parts, segments)):
                return template, operation
        raise AssertionError(f"{method} {path} is not documented")

    def check_answer(self, method, path, answer):
        template, operation = self.find(method, path)
        where = f"{method} {template} {answer.status}"
        assert str(answer.status) in operation["responses"], f"{where} is not documented: {answer}"
        response = self.resolve(operation["responses"][str(answer.status)])
        self.used.add((method.lower(), template, answer.status))
        if "content" not in response:
            assert not answer.body, f"{where} has a body"
            return
        media_type = answer.headers.get_content_type()
        assert media_type in response["content"], f"{where} is {media_type}"
        for header in response.get("headers", {}):
            assert answer.headers[header], f"{where} lacks {header}"
        value = answer.text if media_type.startswith("text/") else answer.json
        self.check(response["content"][media_type]["schema"], value, where)
        if media_type == "application/problem+json":
            assert value["status"] == answer.status, where

    def check(self, schema, value, where):
        schema = self.resolve(schema)
        for keyword, wanted in schema.items():
            if keyword not in ANNOTATIONS:
                getattr(self, "_" + keyword)(wanted, value, where, schema)
        if schema.get("format") == "date-time":
            assert DATE_TIME.match(value), f"{where}: {value!r} is no time"

    @staticmethod
    def _type(wanted, value, where, _):
        names = wanted if isinstance(wanted, list) else [wanted]
        assert any(TYPES[name](value) for name in names), f"{where}: {value!r} is no {wanted}"

    @staticmethod
    def _required(wanted, value, where, _):
        assert not set(wanted) - set(value), f"{where}: {set(wanted) - set(value)} missing"

    def _properties(self, wanted, value, where, _):
        for name, schema in wanted.items():
            if name in value:
                self.check(schema, value[name], f"{where}.{name}")

    @staticmethod
    def _additionalProperties(wanted, value, where, schema):  # pylint: disable=invalid-name
        assert wanted is False
        assert not set(value) - set(schema["properties"]), f"{where}: unknown members in {value}"

    def _items(self, wanted, value, where, _):
        for index, item in enumerate(value):
            self.check(wanted, item, f"{where}[{index}]")

    @staticmethod
    def _enum(wanted, value, where, _):
        assert value in wanted, f"{where}: {value!r}"

    @staticmethod
    def _const(wanted, value, where, _):
        assert value == wanted, f"{where}: {value!r}"

    @staticmethod
    def _minimum(wanted, value, where, _):
        assert value >= wanted, f"{where}: {value!r}"

    def _oneOf(self, wanted, value, where, _):  # pylint: disable=invalid-name
        fits = 0
        for schema in wanted:
            try:
                self.check(schema, value, where)
                fits += 1
            except (AssertionError, TypeError):
                pass
        assert fits == 1, f"{where}: {value!r} fits {fits} of {wanted}"
