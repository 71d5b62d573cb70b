#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when clang-tidy finds anything in lib/ or examples/.

Usage: check_tidy.py ROOT BUILD-DIRECTORY | check_tidy.py --self-test

One file per call: several in one call give false findings. What was clean and
has not changed since, nor any header or rule, is not looked at again.
"""
import concurrent.futures
import hashlib
import json
import pathlib
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


def check(root, build):
    known = {entry["file"] for entry in json.loads((build / "compile_commands.json").read_text())}
    known = {(build / name).resolve() for name in known}
    sources = [path for path in linting.walk_folders(root, FOLDERS, ".c")]
    sources = [path for path in sources if path.resolve() in known]
    headers = linting.walk_folders(root, ["include", *FOLDERS], ".h")
    headers = [path.read_bytes() for path in headers]
    rules = [path.read_bytes() for path in (RULES, root / "examples" / ".clang-tidy")]
    common = digest(*rules, *headers).encode()
    clean = build / "clang-tidy-clean"
    clean.mkdir(exist_ok=True)

    def one(path):
        mark = clean / digest(common, str(path).encode(), path.read_bytes())
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
