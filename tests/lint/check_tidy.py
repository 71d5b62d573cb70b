#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when clang-tidy finds anything in lib/ or examples/.

Usage: check_tidy.py ROOT BUILD-DIRECTORY | check_tidy.py --self-test

One file per call: several in one call give false findings. What was clean and
has not changed since, nor any header that it includes, nor a rule, is not
looked at again. The memory of that lies in the build directory, or where
BSI_TIDY_CACHE says: several checkouts may share one.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import linting

RULES = pathlib.Path(__file__).resolve().parents[2] / ".clang-tidy"
FOLDERS = ["lib", "examples"]

if not shutil.which("clang-tidy"):
    print("clang-tidy is not installed")
    sys.exit(77)


def tidy(path, *arguments):
    """What is found in one file; empty when it is clean."""
    done = subprocess.run(
        ["clang-tidy", "--quiet", str(path), *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() or done.stderr.strip() if done.returncode != 0 else ""


def digest(*texts):
    whole = hashlib.sha256()
    for text in texts:
        whole.update(text)
    return whole.hexdigest()


def reach(root, path, seen):
    """Adds `path` and all of our own headers that it includes, however deep, to `seen`."""
    if path in seen or not path.is_file():
        return
    seen[path] = path.read_bytes()
    for name in re.findall(rb'^#include ["<]([^">]+)[">]', seen[path], re.MULTILINE):
        for folder in (path.parent, root / "lib", root / "include", root / "examples"):
            reach(root, folder / name.decode(), seen)


def check(root, build):
    known = {entry["file"] for entry in json.loads((build / "compile_commands.json").read_text())}
    known = {(build / name).resolve() for name in known}
    sources = [path for path in linting.walk_folders(root, FOLDERS, ".c")]
    sources = [path for path in sources if path.resolve() in known]
    rules = [path.read_bytes() for path in (RULES, root / "examples" / ".clang-tidy")]
    clean = pathlib.Path(os.environ.get("BSI_TIDY_CACHE", build / "clang-tidy-clean"))
    clean.mkdir(exist_ok=True)

    def one(path):
        texts = {}
        reach(root, path, texts)
        mark = clean / digest(*rules, str(path.relative_to(root)).encode(), *texts.values())
        if mark.exists():
            return ""
        found = tidy(path, "-p", str(build))
        if not found:
            mark.touch()
        return found

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [found for found in pool.map(one, sources) if found]


CLEAN = "int f(int a);\nint f(int a)\n{\n    return a;\n}\n"
NO_BRACES = CLEAN.replace("return a;", "if (a)\n        return 1;\n    return 2;")


def self_test():
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "a.c"
        ours = [f"--config-file={RULES}", "--", "-std=c11"]
        path.write_text(NO_BRACES)
        assert "braces" in tidy(path, *ours)
        path.write_text(CLEAN)
        assert not tidy(path, *ours)


def main():
    if sys.argv[1] == "--self-test":
        self_test()
        return 0
    found = check(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
