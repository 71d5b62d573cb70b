#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when a header cannot be compiled by itself.

Public ones in pedantic C11 and in C++17, as strangers will; those of lib/ in
C11. Each public header must also be in its umbrella or below sys/.
"""
import concurrent.futures
import shutil
import subprocess

import linting

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
C11 = ["cc", "-std=c11", "-pedantic", "-x", "c", *WARNINGS]
CPP17 = ["c++", "-std=c++17", "-pedantic", "-x", "c++", *WARNINGS]
INTERNAL = ["cc", "-std=c11", "-D_GNU_SOURCE", "-DBSI_TESTING", "-DBSI_DEBUG", "-x", "c", *WARNINGS]


def compile_alone(command, includes, name):
    """Compile a file that holds nothing but the include, twice: guards must hold."""
    paths = [f"-I{one}" for one in includes]
    text = f"#include <{name}>\n#include <{name}>\n"
    done = subprocess.run(
        [*command, *paths, "-"], input=text, capture_output=True, text=True, check=False
    )
    return done.returncode == 0, f"{name}: {command[0]} {command[1]}:\n{done.stderr.strip()}"


def jobs(root):
    include = root / "include"
    for header in linting.public_headers(root):
        name = header.relative_to(include).as_posix()
        yield C11, [include], name
        if shutil.which(CPP17[0]):
            yield CPP17, [include], name
    lib = root / "lib"
    if lib.is_dir():
        for header in linting.walk(lib, ".h"):
            yield INTERNAL, [lib, include], header.relative_to(lib).as_posix()


def check(root):
    umbrella = root / "include" / "backupsvc.h"
    listed = umbrella.read_text() if umbrella.exists() else ""
    for header in linting.public_headers(root):
        name = header.relative_to(root / "include").as_posix()
        inner = header != umbrella and "/sys/" not in name
        if inner and f"#include <{name}>" not in listed:
            yield f"{name}: not in backupsvc.h"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for good, text in pool.map(lambda job: compile_alone(*job), jobs(root)):
            if not good:
                yield text


UMBRELLA = {"include/backupsvc.h": "#include <backupsvc/a.h>\n"}
SELF_TEST = [
    ("unknown type name", {**UMBRELLA, "include/backupsvc/a.h": "uint32_t a(void);\n"}),
    ("redefinition", {**UMBRELLA, "include/backupsvc/a.h": "struct a { int a; };\n"}),
    ("c++", {**UMBRELLA, "include/backupsvc/a.h": "void f(int class);\n"}),
    ("pedantic", {**UMBRELLA, "include/backupsvc/a.h": "void f(void);;\n"}),
    ("not in backupsvc.h", {**UMBRELLA, "include/backupsvc/b.h": "int a(void);\n"}),
    ("unknown type name", {"lib/base/a.h": "size_t a(void);\n"}),
]
CLEAN = {
    **UMBRELLA,
    "include/backupsvc/a.h": "#include <stdint.h>\nuint32_t a(void);\n",
    "include/backupsvc/sys/b.h": "#include <backupsvc/a.h>\n",
    "lib/base/a.h": "#include <backupsvc/a.h>\n",
}

if __name__ == "__main__":
    linting.main(check, SELF_TEST, CLEAN)
