"""Prints "PASSED FAILED NAME-OF-FAILED…" for a suite's result file; a missing file is a failure."""

import json
import sys
import xml.etree.ElementTree


def meson(path, _):
    results = [json.loads(line) for line in open(path, encoding="utf-8")]
    bad = [test["name"] for test in results if test["result"] not in ("OK", "EXPECTEDFAIL")]
    return len(results) - len(bad), bad


def junit(path, _):
    cases = list(xml.etree.ElementTree.parse(path).iter("testcase"))
    skipped = sum(1 for case in cases if case.find("skipped") is not None)
    bad = [case.get("name") for case in cases
           if case.find("failure") is not None or case.find("error") is not None]
    # A test that both failed and broke its tear-down counts once.
    return len({case.get("classname") + case.get("name") for case in cases}) - skipped - len(set(bad)), bad


def main():
    kind, path, *name = sys.argv[1:]
    try:
        passed, bad = {"meson": meson, "junit": junit}[kind](path, name)
    except (OSError, ValueError, xml.etree.ElementTree.ParseError):
        passed, bad = 0, [(name or [path])[0] + ":no-result"]
    print(passed, len(bad), *(word.replace(" ", "_") for word in bad))


main()
