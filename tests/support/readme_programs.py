#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compile and run the C programs of a Markdown file, out of its own text.

Usage: readme_programs.py FILE BUILD-DIRECTORY

Each program is linked with the shared library of the build and run in an empty
directory. It must end with 0.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run_program(text, build):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "program.c").write_text(text)
        library = (build / "lib").resolve()
        subprocess.run(
            ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}",
             "program.c", "-o", "program", f"-L{library}", f"-Wl,-rpath,{library}", "-lbackupsvc"],
            cwd=folder, check=True,
        )  # fmt: skip
        subprocess.run([folder / "program"], cwd=folder, check=True, timeout=60)


def main():
    text = pathlib.Path(sys.argv[1]).read_text()
    programs = re.findall(r"^```c\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    if not programs:
        sys.exit("there is no program in it")
    for program in programs:
        run_program(program, pathlib.Path(sys.argv[2]))
    print(f"{len(programs)} programs ran")


if __name__ == "__main__":
    main()
