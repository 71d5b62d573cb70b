#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when clang-format would change a source."""
import pathlib
import shutil
import subprocess
import sys

import linting

FOLDERS = ["include", "lib", "examples", "tests", "bindings"]
STYLE = pathlib.Path(__file__).resolve().parents[2] / ".clang-format"

if not shutil.which("clang-format"):
    print("clang-format is not installed")
    sys.exit(77)


def check(root):
    paths = list(linting.walk_folders(root, FOLDERS, ".c", ".h"))
    if not paths:
        return
    done = subprocess.run(
        ["clang-format", f"--style=file:{STYLE}", "--dry-run", "-Werror", *map(str, paths)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        yield from [line for line in done.stderr.split("\n") if "error:" in line]


SELF_TEST = [("should be clang-formatted", {"lib/base/a.c": "int  a ;\n"})]
CLEAN = {"lib/base/a.c": "int a;\n"}

if __name__ == "__main__":
    linting.main(check, SELF_TEST, CLEAN)
