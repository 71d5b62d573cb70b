#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when the table of settings and the guide's page do not name the same ones."""
import re

import linting

TABLE = "lib/engine/config.h"
PAGE = "docs/guide/configuration.md"


def check(root):
    table = (root / TABLE).read_text()
    page = (root / PAGE).read_text()
    known = set(re.findall(r"^\s+X\(([A-Z][A-Z0-9_]*),", table, re.MULTILINE))
    if not known:
        yield f"{TABLE}: no settings found"
    for name in sorted(known):
        if not re.search(rf"\b{name}\b", page):
            yield f"{PAGE}: does not tell of {name}"
    rows = set(re.findall(r"^\| ([A-Z][A-Z0-9_]*) \|", page, re.MULTILINE))
    for name in sorted(rows - known):
        yield f"{PAGE}: tells of {name}, which is no setting"


SELF_TEST = [
    ("does not tell of B", {TABLE: "    X(A, T) \\\n    X(B, T)\n", PAGE: "| A | |\n"}),
    ("tells of C", {TABLE: "    X(A, T)\n", PAGE: "| A | |\n| C | |\n"}),
    ("no settings", {TABLE: "", PAGE: ""}),
]
CLEAN = {TABLE: "    X(A, T)\n    X(B_C, T)\n", PAGE: "| A | |\nalso B_C\n"}

if __name__ == "__main__":
    linting.main(check, SELF_TEST, CLEAN)
