#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare our pattern lists with `git check-ignore` on random sets.

Usage: test_patterns_vs_git.py PROBE [SETS [SEED]]

Left out on purpose, because git 2.39 to 2.4x themselves differ there from
what gitignore(5) says: "**" next to other characters in a pattern with a
slash, which git matches differently after it has cut off the literal
beginning of the pattern.
"""
import os
import random
import re
import shutil
import subprocess
import sys

import scratch

PATHS_PER_SET = 14
NAMES = [
    "a", "b", "ab", "abc", "a.c", "foo", "foo.o", "bar", "foobar", ".x", "x y", "a-b", "A", "1",
    "a]", "!a", "#a", "*", "a*b", "\\", "a\\b", "[", "[a]", "-", "z ", "\u00e4", "ba", "fo",
]
PIECES = [
    "a", "b", "c", "foo", "bar", ".", "o", "*", "*", "*", "?", "?", "[ab]", "[!a]", "[^b]", "[a-c]",
    "[]a]", "[!]a]", "[[:alpha:]]", "[[:digit:].]", "[^[:upper:]]", "[a-]", "[-a]", "[\\]a]",
    "[a\\-c]", "[[:a]", "[z-a]", "\\*", "\\?", "\\[", "\\\\", "\\a", "-", "]", "!", "#", " ", "\\ ",
    "A", "[[a]", "[a/b]", "[*?]", "\u00e4", "[b-\\c]", "[--1]", "[[:alpha:]-z]",
]
SPECIAL = [
    "*", "**", "*.o", "foo/", "/foo", "foo/*", "foo/**", "**/foo", "a/**/b", "/**", "**/", "*/",
    "/*", "!*/", "!foo", "/*/foo", "foo/**/", "**/foo/", "**/*.o", "/", "*a*b*", "a//b", "[a",
    "a\\", "[[:foo:]]", "!", "", " ", "\\!a", "\\#a", "foo ", "foo\\ ", "/**/b", "a/**/**/b", "***",
    "***/b", "a/***/b", "!/foo", "!a/b/", "**/**", "**/a/**", "/**\\/b", "a/**\\/b", "a*b*c",
    "*a*b*/c", "**/a*b*/**/c", "/**/*", "a/*/b", "*/*", "*/*/*", "!*.o",
]


def component(rng):
    if rng.random() < 0.15:
        return "**"
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 3)))


def pattern(rng):
    if rng.random() < 0.35:
        return rng.choice(SPECIAL)
    if rng.random() < 0.3:
        plain = rng.choice(NAMES)
        text = re.sub(r"([\[*?\\!#])", r"\\\1", plain)
        return re.sub(r" $", r"\\ ", text)
    text = "/".join(component(rng) for _ in range(rng.choice([1, 1, 1, 2, 2, 3])))
    if rng.random() < 0.15:
        text = "/" + text
    if rng.random() < 0.2:
        text += "/"
    if rng.random() < 0.2:
        text = "!" + text
    return text


def comparable(text):
    """Whether gitignore(5) and git agree on what the pattern means."""
    body = text.strip("!").rstrip(" ")
    core = body[:-1] if body.endswith("/") else body
    if "/" not in core:
        return True
    for match in re.finditer(r"\*\*+", core):
        before = core[: match.start()]
        after = core[match.end():]
        if (before and not before.endswith("/")) or (after and not after.startswith("/")):
            return False
    return True


def path(rng):
    text = "/".join(rng.choice(NAMES) for _ in range(rng.choice([1, 1, 2, 2, 3, 4])))
    return text + "/" if rng.random() < 0.35 else text


def some_paths(rng):
    """Paths of which none is a file here and a directory above another there."""
    paths = sorted({path(rng) for _ in range(PATHS_PER_SET)})
    files = [item for item in paths if not item.endswith("/")]
    above = {item[:at] for item in files for at in range(len(item)) if item[at] == "/"}
    return [item for item in paths if item not in above]


def ask_probe(probe, sets):
    data = b""
    for patterns, paths in sets:
        for texts in (patterns, paths):
            data += str(len(texts)).encode() + b"\0"
            data += b"".join(os.fsencode(text) + b"\0" for text in texts)
    done = subprocess.run([probe], input=data, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split("\n")[:-1]


def refused(probe, patterns):
    """Patterns that the probe does not take, asked one by one."""
    answers = ask_probe(probe, [([text], []) for text in patterns])
    return {text for text, answer in zip(patterns, answers) if answer == "refused"}


def ask_git(sets):
    """All sets in one repository: each is a directory with a .gitignore of its own.

    git takes the word of the file system for what is a directory, so every
    directory that is asked for is made, apart from the files of the set.
    """
    root = scratch.folder("patterns")
    env = dict(os.environ, GIT_CONFIG_NOSYSTEM="1", HOME=str(root), XDG_CONFIG_HOME=str(root))
    try:
        subprocess.run(["git", "init", "-q", str(root)], check=True, env=env)
        questions = []
        for index, (patterns, paths) in enumerate(sets):
            for kind, wanted in (("f", False), ("d", True)):
                top = root / f"{kind}{index}"
                top.mkdir()
                text = "".join(escape_for_file(item) + "\n" for item in patterns)
                (top / ".gitignore").write_bytes(os.fsencode(text))
                for item in paths:
                    if item.endswith("/") == wanted:
                        make_parents(top, item)
                        questions.append(((index, item), f"{kind}{index}/{item.rstrip('/')}"))
        data = b"".join(os.fsencode(name) + b"\0" for _, name in questions)
        command = ["git", "-C", str(root), "check-ignore", "-z", "-v", "-n", "--stdin"]
        command.append("--no-index")
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE, env=env, check=False)
        fields = done.stdout.split(b"\0")[:-1]
        answers = {}
        for position, (key, name) in enumerate(questions):
            matched = fields[4 * position + 2]
            assert fields[4 * position + 3] == os.fsencode(name), name
            answers[key] = matched != b"" and not matched.startswith(b"!")
        return answers
    finally:
        shutil.rmtree(root)


def make_parents(top, item):
    directory = item if item.endswith("/") else os.path.dirname(item)
    if directory:
        (top / directory).mkdir(parents=True, exist_ok=True)


def escape_for_file(text):
    """In a file '#' begins a comment, in a request it does not."""
    return "\\" + text if text.startswith("#") else text


def main():
    probe = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 20261123)
    sets = []
    for _ in range(count):
        patterns = [pattern(rng) for _ in range(rng.choice([1, 1, 2, 3, 5]))]
        patterns = [text for text in patterns if comparable(text)]
        sets.append((patterns, some_paths(rng)))
    dropped = refused(probe, sorted({text for patterns, _ in sets for text in patterns}))
    for text in dropped:  # What we refuse must be what git holds to match nothing.
        sets.append(([text], some_paths(rng)))
    ours = ask_probe(probe, [([text for text in patterns if text not in dropped], paths)
                             for patterns, paths in sets])
    gits = ask_git(sets)
    wrong = 0
    matches = 0
    for index, (patterns, paths) in enumerate(sets):
        for position, item in enumerate(paths):
            said = gits[(index, item)]
            matches += said
            if (ours[index][position] == "1") != said:
                wrong += 1
                if wrong <= 20:
                    print(f"{patterns!r} on {item!r}: git says {said}, we say {not said}")
    total = sum(len(paths) for _, paths in sets)
    print(f"{len(sets)} sets, {total} paths, {matches} excluded, {len(dropped)} patterns refused")
    print(f"{wrong} differ")
    return 1 if wrong or matches == 0 or not dropped else 0


if __name__ == "__main__":
    sys.exit(main())
