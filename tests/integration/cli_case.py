#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the tests of the command-line tool share: a case runs the tool for real.

Needs nothing but the standard library of Python. Each test has a directory of
its own with a source tree and a state directory that does not exist yet. The
first argument of the script that imports this is the tool.
"""
import json
import os
import select
import shutil
import subprocess
import sys
import unittest

import scratch

TOOL = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
DONE, FAILED, USAGE, WARNINGS = 0, 1, 2, 3


def strict_json(text):
    """Exactly one document; no key twice, no NaN."""

    def no_doubles(pairs):
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return dict(pairs)

    def refuse(name):
        raise ValueError(name)

    return json.loads(text, object_pairs_hook=no_doubles, parse_constant=refuse)


class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = scratch.folder("cli")
        self.addCleanup(self.remove_scratch)
        self.state = self.scratch / "state"
        self.source = self.scratch / "source"
        (self.source / "sub").mkdir(parents=True)
        (self.source / "one.txt").write_text("one\n")
        (self.source / "sub" / "two.txt").write_text("two " * 1000)
        (self.source / "link").symlink_to("one.txt")

    def remove_scratch(self):
        subprocess.run(["chmod", "-R", "u+rwX", self.scratch], check=False)
        shutil.rmtree(self.scratch)

    def command(self, *args, state=None):
        return [TOOL, "--state", str(state or self.state), *map(str, args)]

    def run_tool(self, *args, state=None, **options):
        environment = {k: v for k, v in os.environ.items() if k != "BACKUP_STORAGE_PATH"}
        options.setdefault("env", environment)
        options.setdefault("cwd", self.scratch)
        return subprocess.run(
            self.command(*args, state=state), capture_output=True, timeout=120, check=False,
            **options,
        )  # fmt: skip

    def ends(self, code, *args, **options):
        """Run, and insist on the exit code."""
        done = self.run_tool(*args, **options)
        text = f"{args}\n{done.stdout[-2000:]!r}\n{done.stderr[-2000:]!r}"
        self.assertEqual(done.returncode, code, text)
        return done

    def document(self, code, *args, **options):
        """Run with --json, and insist on the exit code and on one document."""
        done = self.ends(code, "--json", *args, **options)
        self.assertTrue(done.stdout.endswith(b"}\n"), done.stdout)
        out = strict_json(done.stdout)
        self.assertIs(out["success"], code in (DONE, WARNINGS), out)
        if code in (FAILED, USAGE):
            self.assertTrue(out["error"]["message"], out)
        return out

    def refused(self, words, *args, code=FAILED, **options):
        """Both ways of output tell the same, and the words are in it."""
        out = self.document(code, *args, **options)
        self.assertIn(words.lower(), out["error"]["message"].lower())
        done = self.ends(code, *args, **options)
        self.assertIn(words.lower(), done.stderr.decode(errors="replace").lower())
        self.assertEqual(done.stdout, b"")
        return out["error"]

    def await_line(self, fifo, running):
        """Wait until the backup's command has written to the fifo; fail when it never does."""
        descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            ready, _, _ = select.select([descriptor], [], [], 30)
            if not ready:
                running.kill()
            self.assertTrue(ready, "the command was not started")
        finally:
            os.close(descriptor)

    def back_up(self, *args, name="job", code=DONE, sources=None, **options):
        sources = [self.source] if sources is None else sources
        return self.document(code, "backup", name, *sources, *args, **options)["backup"]
