#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when a page points to a file of the tree that is not there."""
import re

import linting

LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")


def check(root):
    for page in linting.walk(root, ".md"):
        text = re.sub(r"```.*?```", linting.blank, page.read_text(), flags=re.DOTALL)
        for match in LINK.finditer(text):
            target = match.group(1)
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                yield f"{page}:{linting.line_of(text, match.start())}: no such file: {target}"


SELF_TEST = [
    ("no such file: b.md", {"a.md": "see [b](b.md)\n"}),
    ("no such file: ../b.md", {"docs/a.md": "see [b](../b.md#part)\n"}),
]
CLEAN = {"docs/a.md": "[b](../b.md) [c](https://x.y)\n", "b.md": ""}

if __name__ == "__main__":
    linting.main(check, SELF_TEST, CLEAN)
