# SPDX-License-Identifier: MIT
"""What one command takes."""
import concurrent.futures
import os
import shutil
import statistics
import subprocess
import tempfile
import time

MIB = 1 << 20


class Failed(Exception):
    """A program did not do what was to be measured."""


class Measured:
    """What one process, and all that it started, took."""

    def __init__(self, wall, cpu, memory):
        self.wall = wall
        self.cpu = cpu
        self.memory = memory
        self.size = 0  # Of what was stored; 0: it does not matter.


def measure(command, cwd=None, out=subprocess.DEVNULL, env=None):
    """`env` is what the command has besides the environment of this process."""
    began = time.monotonic()
    child = subprocess.Popen(command, cwd=cwd, stdout=out, stdin=subprocess.DEVNULL,
                             env=dict(os.environ, **env) if env else None)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise Failed('%s: ended with %d' % (' '.join(command), child.returncode))
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def shell(text, cwd):
    """Several programs in a pipe; memory is the largest one's."""
    return measure(['sh', '-c', text], cwd)


def one_after_the_other(parts):
    """The sum of several; the last one tells the size."""
    result = Measured(sum(part.wall for part in parts), sum(part.cpu for part in parts),
                      max(part.memory for part in parts))
    result.size = parts[-1].size
    return result


def median(runs, field):
    return statistics.median(getattr(run, field) for run in runs)


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)


class Outs:
    """
    Folders to restore into: a new one for each run, and none is removed in between. ext4 gives
    out no inode that went within the last minutes, and each new file searches past all of those:
    behind a tree that was removed, files are made ten times as slowly as at any other time.
    """

    def __init__(self, path):
        self.path = path
        self.last = None

    def next(self):
        """Empty. What the one before holds loses its bytes, not its inodes."""
        for folder, _, names in os.walk(self.last) if self.last else ():
            for name in names:
                os.truncate(os.path.join(folder, name), 0)
        self.last = tempfile.mkdtemp(prefix='out-', dir=self.path)
        return self.last


def elsewhere(function, *words):
    """In a process of its own: what this one holds counts as the memory of all it starts."""
    with concurrent.futures.ProcessPoolExecutor(1) as other:
        return other.submit(function, *words).result()


def warm(tree):
    for folder, _, files in os.walk(tree):
        for name in files:
            with open(os.path.join(folder, name), 'rb') as file:
                while file.read(MIB):
                    pass
