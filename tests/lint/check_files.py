#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail on what no file of the tree may have or lack.

Every source has its licence line, no more than 800 lines and 100 columns, no
`//` comments, blanks at line ends or tabs; no file tells of the machine on
which it was written, holds a key, or is larger than 500 KiB.
"""
import re

import linting

SOURCES = {".c", ".h", ".py", ".sh"}
LONGEST_FILE = 800
LONGEST_LINE = 100
LARGEST_FILE = 500 * 1024
LICENCE = "SPDX-License-Identifier: MIT"
MACHINE = re.compile(r"/wor[k]/(main|wt|shared)\b|/roo[t]/\.|/tmp/bash_job[s]|\.pyen[v]/")
SECRET = re.compile(
    "-----BEGIN [A-Z ]*PRIVATE" + r" KEY-----\n[A-Za-z0-9+/]{40}|\bAKIA[0-9A-Z]{16}\b"
)
VAGUE = {"util", "utils", "misc", "common", "helper", "helpers"}


def is_script(path, text):
    return path.suffix in SOURCES or text.startswith("#!")


def check_source(path, text):
    lines = text.split("\n")
    if not any(LICENCE in line for line in lines[:3]):
        yield f"{path}:1: the licence line is missing"
    if len(lines) - 1 > LONGEST_FILE:
        yield f"{path}: {len(lines) - 1} lines; split it by noun"
    if path.stem in VAGUE:
        yield f"{path}: the name does not say what it holds"
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            yield f"{path}:{number}: {len(line)} columns"
        if line != line.rstrip():
            yield f"{path}:{number}: blanks at the end"
        if "\t" in line:
            yield f"{path}:{number}: a tab"


def check_comments(path, text):
    comments = linting.comments_only(text)
    for number, line in enumerate(comments.split("\n"), 1):
        if re.match(r"\s*//", line):
            yield f"{path}:{number}: comments are /* */"


def check(root):
    for path in linting.walk(root):
        if path.stat().st_size > LARGEST_FILE:
            yield f"{path}: larger than 500 KiB"
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for pattern, what in ((MACHINE, "tells of a machine"), (SECRET, "holds a key")):
            match = pattern.search(text)
            if match:
                yield f"{path}:{linting.line_of(text, match.start())}: {what}"
        if is_script(path, text):
            yield from check_source(path, text)
        if path.suffix in (".c", ".h"):
            yield from check_comments(path, text)


C = "/* " + LICENCE + " */\n"
SELF_TEST = [
    ("licence line", {"lib/a.c": "int a;\n"}),
    ("licence line", {"tests/run": "#!/bin/sh\necho\n"}),
    ("802 lines", {"lib/a.c": C + "\n" * 801}),
    ("columns", {"lib/a.c": C + "/*" + "x" * 100 + "*/\n"}),
    ("blanks at the end", {"lib/a.c": C + "int a; \n"}),
    ("a tab", {"lib/a.c": C + "\tint a;\n"}),
    ("comments are", {"lib/a.c": C + "int a;\n// old\n"}),
    ("does not say what it holds", {"lib/util.c": C}),
    ("tells of a machine", {"docs/a.md": "see /work/" + "main\n"}),
    ("holds a key", {"docs/a.md": "AKIA" + "A" * 16 + "\n"}),
    ("larger than", {"docs/a.png": "x" * (LARGEST_FILE + 1)}),
]
CLEAN = {
    "lib/a.c": C + 'const char *a = "http://x";\n/* see http://x */\n',
    "tests/run": "#!/bin/sh\n# " + LICENCE + "\n",
    "docs/a.md": "x" * 300 + "\n",
    "build/a.c": "int a;",
}

if __name__ == "__main__":
    linting.main(check, SELF_TEST, CLEAN)
