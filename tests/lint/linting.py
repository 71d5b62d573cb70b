# SPDX-License-Identifier: MIT
"""What the checkers share: walking the tree, reading C, and being tried themselves.

A checker is a function that takes the root of a source tree and yields
findings, and a table of small trees, each with the words that its finding
must hold. `--self-test` runs the checker on those: a checker that cannot fail
is worth nothing.
"""
import argparse
import contextlib
import pathlib
import re
import sys
import tempfile

SKIPPED_FOLDERS = {".git", "__pycache__", "node_modules", "golden", "corpus"}
SKIPPED_PREFIX = "build"


def walk(root, *suffixes):
    """Every file below `root` that belongs to the tree, in order."""
    for path in sorted(root.iterdir() if root.is_dir() else []):
        if path.is_symlink() or path.name in SKIPPED_FOLDERS:
            continue
        if path.is_dir():
            if not path.name.startswith(SKIPPED_PREFIX):
                yield from walk(path, *suffixes)
        elif not suffixes or path.suffix in suffixes:
            yield path


def walk_folders(root, folders, *suffixes):
    """Every file with one of `suffixes` below those of `folders` that exist."""
    for folder in folders:
        if (root / folder).is_dir():
            yield from walk(root / folder, *suffixes)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


TOKEN = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|' + r"'(?:\\.|[^'\\\n])*'", re.DOTALL
)


def code_only(text):
    """The text with comments, strings and character constants blanked out; lines stay."""
    return TOKEN.sub(blank, text)


def comments_only(text):
    """The text with everything but comments blanked out; lines stay."""
    out = []
    end = 0
    for match in TOKEN.finditer(text):
        out.append(re.sub(r"[^\n]", " ", text[end : match.start()]))
        is_comment = match.group(0).startswith(("/*", "//"))
        out.append(match.group(0) if is_comment else blank(match))
        end = match.end()
    out.append(re.sub(r"[^\n]", " ", text[end:]))
    return "".join(out)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class Declaration:
    """One BS_API function of a public header, with the comment block above it."""

    def __init__(self, header, line, name, params, doc):
        self.header = header
        self.line = line
        self.name = name
        self.params = params
        self.doc = doc


DECLARATION = re.compile(r"^BS_API\b([^;]*?)\b(bs_\w+)\s*\(([^;]*)\)\s*;", re.MULTILINE)


def public_headers(root):
    return list(walk(root / "include", ".h"))


def declarations(root):
    """Every exported function of the public headers."""
    for header in public_headers(root):
        text = header.read_text()
        for match in DECLARATION.finditer(text):
            before = text[: match.start()].rstrip()
            doc = None
            if before.endswith("*/"):
                doc = before[before.rindex("/*") :]
            params = re.findall(r"(\w+)\s*(?:\[\w*\])?\s*(?:,|$)", match.group(3).strip())
            if match.group(3).strip() == "void":
                params = []
            yield Declaration(
                header, line_of(text, match.start()), match.group(2), params, doc
            )


def write_tree(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run_self_test(check, cases, clean):
    """Every case must give a finding with its words; the clean tree must give none."""
    bad = 0
    for words, files in [*cases, (None, clean)]:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            write_tree(folder, files)
            found = list(check(folder))
        if words is None and found:
            print(f"a clean tree gave: {found}")
            bad += 1
        elif words is not None and not any(words in one for one in found):
            print(f"not found: {words!r}; found {found}")
            bad += 1
    return bad


def main(check, cases, clean):
    """The command line of every checker: the root to check, or --self-test."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path, nargs="?")
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        sys.exit(run_self_test(check, cases, clean) > 0)
    bad = 0
    for finding in check(args.root):
        print(finding)
        bad += 1
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.exit(bad > 0)
