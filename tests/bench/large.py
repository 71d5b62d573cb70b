# SPDX-License-Identifier: MIT
"""
The rows of `run --only index`: ours beside restic, on the same repository, whose index is large.

The tree that is backed up is small, so what either side takes is what the index takes, and half
a second of scrypt. bench-large makes the rest of the repository, whose blobs nobody has stored.
"""
import os
import shutil

from measured import MIB, Failed, fresh, measure, median
from stores import PASS_PHRASE, Ours, Restic, size_of

BLOBS = 10000000
FILES = 500


class Reader(Restic):
    """restic on the repository of another one. Without its cache, as ours has none either."""

    def __init__(self, program, work, other):
        super().__init__(program, work)
        self.folder = os.path.join(other.folder, 'storage')

    def command(self):
        return [*super().command(), '--no-cache']

    def files(self):
        return self.run('ls', 'latest', '--path', self.tree)

    def plan(self):
        return self.run('prune', '--dry-run')


class Line:
    HEAD = ('| what | ours | restic | ratio | CPU ours / restic | ratio | peak ours / restic | '
            'bytes of a blob |\n' + '|---' * 8 + '|')

    def __init__(self, name, ours, restic, blobs):
        self.name = name
        self.ours = ours
        self.restic = restic
        self.blobs = blobs

    def __str__(self):
        def both(field):
            return median(self.ours, field), median(self.restic, field)

        wall, cpu = both('wall'), both('cpu')
        peak = [max(run.memory for run in side) for side in (self.ours, self.restic)]
        return ('| %s | %.2f s | %.2f s | %.2f | %.2f / %.2f s | %.2f | %d / %d MiB '
                '| %.1f / %.1f |') % (
            self.name, *wall, wall[0] / wall[1], *cpu, cpu[0] / cpu[1],
            *(size // MIB for size in peak), *(size / self.blobs for size in peak))


class Large:
    def __init__(self, tool, maker, work, size, runs):
        restic = os.environ.get('RESTIC_NEWEST') or shutil.which('restic')
        if not restic:
            raise Failed('restic is not there')
        self.maker = maker
        self.blobs = max(1, int(BLOBS * size))
        self.runs = runs
        self.tree = os.path.join(work, 'tree')
        self.ours = Ours(tool, work)
        self.restic = Reader(restic, work, self.ours)
        self.restic.tree = self.tree

    def make(self):
        """Each side has backed up the tree before the index is large."""
        fresh(self.tree)
        for number in range(FILES):
            with open(os.path.join(self.tree, 'file-%03d' % number), 'wb') as file:
                file.write(b'%d\n' % number * (1 + number))
        self.ours.make()
        self.ours.backup(self.tree)
        self.restic.backup(self.tree)
        measure([self.maker, self.restic.folder, str(self.blobs)],
                env={'ENCRYPTION_KEY': PASS_PHRASE})

    def row(self, name, ours, restic):
        runs = [(ours(), restic()) for _ in range(self.runs)]
        return Line(name, *zip(*runs), self.blobs)

    def rows(self):
        self.make()
        print('%d blobs in %d index files of %.0f MiB.\n' % (
            self.blobs, len(os.listdir(os.path.join(self.restic.folder, 'index'))),
            size_of(os.path.join(self.restic.folder, 'index')) / MIB))
        print(Line.HEAD)
        yield self.row('opening: what a small snapshot contains',
                       lambda: self.ours.run('files', 'latest:bench'), self.restic.files)
        yield self.row('a backup that changes nothing',
                       lambda: self.ours.backup(self.tree), lambda: self.restic.backup(self.tree))
        yield self.row('planning a prune', lambda: self.ours.run('prune', '--dry-run'),
                       self.restic.plan)
