#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run Doxygen and fail when an exported function or a type has no comment.

Usage: make_pages.py DOXYGEN DOXYFILE

Members of structs and enums whose names say everything, and the macros that
only start a struct, may stand without one.
"""
import re
import subprocess
import sys

UNDOCUMENTED = re.compile(r"is not documented")
MAY_BE_BARE = re.compile(r"\((variable|enumvalue|macro definition)\) of")


def main():
    done = subprocess.run(sys.argv[1:3], capture_output=True, text=True, check=False)
    found = {line for line in done.stderr.split("\n") if UNDOCUMENTED.search(line)}
    found = sorted(line for line in found if not MAY_BE_BARE.search(line))
    print("\n".join(found) if found else "pages in html/")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
