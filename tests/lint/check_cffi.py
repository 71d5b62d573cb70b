#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when CFFI cannot read the public headers as they are.

Their includes are taken out, the preprocessor is run without attributes, and
the rest is given to cdef(); that is all that a binding does.
"""
import re
import subprocess
import sys

import linting

try:
    import cffi
except ImportError:
    print("python3-cffi is not installed")
    sys.exit(77)


def in_order(root):
    """The headers, each after those that it includes."""
    include = root / "include"
    done = []

    def visit(header):
        if header in done or not header.exists():
            return
        for name in re.findall(r"^#include <(backupsvc/[^>]+)>", header.read_text(), re.MULTILINE):
            visit(include / name)
        if header not in done:
            done.append(header)

    for header in linting.public_headers(root):
        visit(header)
    return done


def definitions(headers):
    """What is left for cdef() of the headers."""
    text = "\n".join(header.read_text() for header in headers)
    text = re.sub(r"^#include .*$", "", text, flags=re.MULTILINE)
    return subprocess.run(
        ["gcc", "-E", "-P", "-D__attribute__(x)=", "-"],
        input=text, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def check(root):
    ffi = cffi.FFI()
    try:
        ffi.cdef(definitions(in_order(root)))
    except (cffi.CDefError, cffi.FFIError) as error:
        yield f"cdef: {error}"


SELF_TEST = [
    ("cdef", {"include/backupsvc/a.h": "static inline int f(void) { return 1; }\n"}),
    ("cdef", {"include/backupsvc/a.h": "unknown_type f(void);\n"}),
]
CLEAN = {
    "include/backupsvc/a.h": "#include <backupsvc/b.h>\nbs_b f(void) __attribute__((const));\n",
    "include/backupsvc/b.h": "#include <stdint.h>\ntypedef uint32_t bs_b;\n",
}

if __name__ == "__main__":
    linting.main(check, SELF_TEST, CLEAN)
