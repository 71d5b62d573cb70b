#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when the exports, the map and the public headers do not agree.

Usage: check_symbols.py ROOT SHARED-LIBRARY STATIC-LIBRARY [--partial]
       check_symbols.py --self-test

Everything that the shared library exports is in the map by name, everything in
the map is exported and declared with BS_API, and everything declared is in the
map. With --partial, what is declared may still be without a definition. Nothing
in the static library has a global name without bs_ or bsi_.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

import linting


def names_of_map(text):
    """The names in a version script's global sections."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    names = set()
    for section in re.findall(r"global:(.*?)(?:local:|\})", text, flags=re.DOTALL):
        names |= {one.strip() for one in section.split(";") if one.strip()}
    return names


def defined_names(library, *options):
    out = subprocess.run(
        ["nm", "--defined-only", "--format=posix", *options, str(library)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = [line.split() for line in out.split("\n")]
    rows = [row for row in rows if len(row) >= 2 and row[1] in "TDBRVWC"]
    return {row[0].split("@")[0] for row in rows if row[1] != "A"}


def compare(exported, in_map, declared, defined, partial):
    """Every disagreement, as a line."""
    for name in sorted(in_map):
        if not name.startswith("bs_"):
            yield f"{name}: the map lists names that begin with bs_, one by one"
    for name in sorted(exported - in_map):
        yield f"{name}: exported, but not in the map"
    for name in sorted(in_map - exported):
        yield f"{name}: in the map, but not exported"
    for name in sorted(in_map - declared):
        yield f"{name}: in the map, but in no public header"
    wanted = declared & defined if partial else declared
    for name in sorted(wanted - in_map):
        yield f"{name}: in a public header, but not in the map"
    for name in sorted(defined):
        if not re.match(r"bsi?_|__asan_|__odr_asan|__start_|__stop_|_?_ubsan", name):
            yield f"{name}: a global name without bs_ or bsi_; make it static"


def check(root, shared, static, partial):
    in_map = names_of_map((root / "lib" / "libbackupsvc.map").read_text())
    declared = {one.name for one in linting.declarations(root)}
    exported = {name for name in defined_names(shared, "-D") if name != "BACKUPSVC_0"}
    return compare(exported, in_map, declared, defined_names(static, "-g"), partial)


def self_test():
    both = {"bs_a", "bs_b"}
    cases = [
        (both, {"bs_a"}, both, both, "bs_b: exported, but not in the map"),
        ({"bs_a"}, both, both, both, "bs_b: in the map, but not exported"),
        (both, both, {"bs_a"}, both, "bs_b: in the map, but in no public header"),
        ({"bs_a"}, {"bs_a"}, both, both, "bs_b: in a public header, but not in the map"),
        (both, both, both, both | {"helper"}, "helper: a global name"),
        (both, both | {"bs_*"}, both, both, "bs_*: in the map, but not exported"),
    ]
    for *sets, words in cases:
        assert any(words in one for one in compare(*sets, False)), words
    assert not list(compare(both, both, both, both | {"bsi_c"}, False))
    assert not list(compare({"bs_a"}, {"bs_a"}, both, {"bs_a"}, True))
    assert names_of_map("A {\n global:\n bs_a;\n bs_b;\n local:\n *;\n};\n") == both
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "a.c"
        source.write_text("int bs_a(void);\nint bs_a(void)\n{\n    return 1;\n}\n")
        library = pathlib.Path(folder) / "a.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        assert defined_names(library, "-D") == {"bs_a"}


def main():
    if sys.argv[1] == "--self-test":
        self_test()
        return 0
    root, shared, static = [pathlib.Path(one) for one in sys.argv[1:4]]
    findings = list(check(root, shared, static, "--partial" in sys.argv[4:]))
    print("\n".join(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
