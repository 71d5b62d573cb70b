#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when settings and the pages that tell of them differ.

The service's: its table and the guide's page name the same ones. A storage driver's: its table of
options and docs/drivers/SCHEME.md name the same ones, with the same defaults.
"""
import re

import linting

TABLE = "lib/engine/config.h"
PAGE = "docs/guide/configuration.md"
DRIVERS = "lib/storage/drivers"
DRIVER_PAGES = "docs/drivers"
OPTION = re.compile(r'\{\.key = "(\w+)"(.*?)\.help', re.DOTALL)


def check_driver(root, scheme, options):
    name = f"{DRIVER_PAGES}/{scheme}.md"
    page = (root / name).read_text() if (root / name).is_file() else ""
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) ?\|", page, re.MULTILINE))
    for key, fallback in options.items():
        if key not in rows:
            yield f"{name}: does not tell of {key}"
        elif fallback and f"`{fallback}`" not in rows[key]:
            yield f"{name}: {key} has the default {fallback}"
    for key in sorted(rows.keys() - options.keys()):
        yield f"{name}: tells of {key}, which is no option"


def check_drivers(root):
    for source in sorted((root / DRIVERS).glob("*.c")):
        text = source.read_text()
        scheme = re.search(r'\.scheme = "(\w+)"', text)
        options = {}
        for key, rest in OPTION.findall(text):
            fallback = re.search(r'\.fallback = "([^"]*)"', rest)
            options[key] = fallback[1] if fallback else None
        if scheme and options:
            yield from check_driver(root, scheme[1], options)


def check(root):
    yield from check_service(root)
    yield from check_drivers(root)


def check_service(root):
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


SERVICE = {TABLE: "    X(A, T)\n", PAGE: "| A | |\n"}
DRIVER = '{.key = "a", .fallback = "8", .help = ""}, {.key = "b", .help = ""}, .scheme = "d"'
SELF_TEST = [
    ("does not tell of B", {TABLE: "    X(A, T) \\\n    X(B, T)\n", PAGE: "| A | |\n"}),
    ("does not tell of b", {**SERVICE, DRIVERS + "/d.c": DRIVER,
                            DRIVER_PAGES + "/d.md": "| `a` | `8` |\n"}),
    ("the default 8", {**SERVICE, DRIVERS + "/d.c": DRIVER,
                       DRIVER_PAGES + "/d.md": "| `a` | 9 |\n| `b` | |\n"}),
    ("is no option", {**SERVICE, DRIVERS + "/d.c": DRIVER,
                      DRIVER_PAGES + "/d.md": "| `a` | `8` |\n| `b` | |\n| `c` | |\n"}),
    ("tells of C", {TABLE: "    X(A, T)\n", PAGE: "| A | |\n| C | |\n"}),
    ("no settings", {TABLE: "", PAGE: ""}),
]
CLEAN = {
    TABLE: "    X(A, T)\n    X(B_C, T)\n",
    PAGE: "| A | |\nalso B_C\n",
    DRIVERS + "/d.c": DRIVER,
    DRIVER_PAGES + "/d.md": "| `a` | `8` | text |\n| `b` | | text |\n",
}

if __name__ == "__main__":
    linting.main(check, SELF_TEST, CLEAN)
