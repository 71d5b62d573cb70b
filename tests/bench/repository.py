# SPDX-License-Identifier: MIT
"""
The rows of `run --only repository`: ours beside restic, borg when it is there,
and what none of them can be much faster than.

All sides of a row alternate. Making repositories, their trees and the changes
of those is not measured. Where a row needs a repository that holds something,
the first row that did it has left it, or it is made without being measured.
"""
import os

import histories
from measured import (MIB, Measured, Outs, elsewhere, measure, median, one_after_the_other, shell,
                      warm)
from stores import stores

SNAPSHOTS = 40   # In the repository that is pruned; half of them stay.
VERSIONS = 20    # Of the source tree, the first of these.
SIZE_OVER = 1.02
SIZE_SLACK = MIB // 4  # What lists and keys take does not grow with what is stored.
MEMORY_RATIO = 0.5

TAR = 'tar, zstd'
SHA = 'SHA-256'
FIND = 'find'
COPY = 'cp -a'


class Line:
    """What came out of one row: runs by the name of who ran."""

    HEAD = ('| what | to reach | ours | restic | ratio | borg | beside | '
            'CPU ours / restic / borg | stored ours / restic / borg | '
            'peak ours / restic / borg | |\n' + '|---' * 11 + '|')

    def __init__(self, name, limits, sides):
        self.name = name
        self.limits = limits  # How much of whose wall time ours may take.
        self.sides = sides

    def wall(self, side):
        return median(self.sides[side], 'wall')

    def of_all(self, text):
        return ' / '.join(text(self.sides[side]) for side in ('ours', 'restic', 'borg')
                          if side in self.sides)

    def missed(self):
        ours, restic = self.sides['ours'], self.sides['restic']
        if any(self.wall('ours') > limit * self.wall(side) for side, limit in self.limits.items()):
            yield 'time'
        if ours[-1].size > SIZE_OVER * restic[-1].size + SIZE_SLACK:
            yield 'size'
        if max(run.memory for run in ours) > MEMORY_RATIO * max(run.memory for run in restic):
            yield 'memory'

    def __str__(self):
        def seconds(side):
            return '%.2f s' % self.wall(side) if side in self.sides else ''

        def mib(size):
            return '%.1f' % (size / MIB)

        missed = list(self.missed())
        beside = [side for side in self.sides if side not in ('ours', 'restic', 'borg')]
        return '| %s |' % ' | '.join((
            self.name,
            ', '.join('%.2f × %s' % (limit, side) for side, limit in self.limits.items()),
            seconds('ours'), seconds('restic'),
            '%.2f' % (self.wall('ours') / self.wall('restic')), seconds('borg'),
            ', '.join('%s %s' % (side, seconds(side)) for side in beside),
            self.of_all(lambda runs: '%.1f' % median(runs, 'cpu')) + ' s',
            self.of_all(lambda runs: mib(runs[-1].size)) + ' MiB' if self.sides['ours'][-1].size
            else '',
            self.of_all(lambda runs: mib(max(run.memory for run in runs))) + ' MiB',
            'missed: ' + ', '.join(missed) if missed else 'met'))


class Repositories:
    def __init__(self, tool, mixed, work, size, runs):
        self.stores = stores(tool, work)
        self.work = work
        self.outs = Outs(work)
        self.size = size
        self.runs = runs
        self.trees = {'mixed': mixed}
        self.held = None  # The tree that all repositories hold, and nothing else.

    def tree(self, name):
        if name not in self.trees:
            path = os.path.join(self.work, 'tree-' + name)
            elsewhere(getattr(histories, 'make_' + name), path, self.size)
            self.trees[name] = path
        warm(self.trees[name])
        return self.trees[name]

    def alternate(self, sides):
        """`sides`: by name, what runs once."""
        runs = {name: [] for name in sides}
        for _ in range(self.runs):
            for name, side in sides.items():
                runs[name].append(side())
        return runs

    def each(self, run):
        return {store.name: lambda store=store: run(store) for store in self.stores}

    def first_of(self, store, tree):
        store.make()
        result = store.backup(tree)
        result.size = store.stored()
        return result

    def hold(self, name):
        """All repositories hold the tree afterwards, whatever they held before."""
        if self.held != name:
            tree = self.tree(name)
            for store in self.stores:
                self.first_of(store, tree)
            self.held = name

    def first_backup(self, what, title, limits, **beside):
        tree = self.tree(what)
        sides = self.each(lambda store: self.first_of(store, tree))
        sides.update((side, lambda run=run: run(tree)) for side, run in beside.items())
        runs = self.alternate(sides)
        self.held = what
        yield Line(title, limits, runs)

    def tar(self, tree):
        out = os.path.join(self.work, 'theirs.tar.zst')
        folder, name = os.path.split(tree)
        os.sync()
        result = shell('tar -cf - %s | zstd -q -f -3 -T2 > %s' % (name, out), folder)
        result.size = os.path.getsize(out)
        os.unlink(out)
        return result

    def digests(self, tree):
        return shell('find . -type f -print0 | xargs -0 -n 1 -P 2 openssl dgst -sha256', tree)

    # --- The rows ---

    def mixed(self):
        return self.first_backup('mixed', 'first backup, mixed', {'restic': 1 / 3, TAR: 1},
                                 **{TAR: self.tar})

    def incompressible(self):
        return self.first_backup('incompressible', 'first backup, incompressible',
                                 {'restic': 1 / 3, SHA: 1 / 0.6}, **{SHA: self.digests})

    def small(self):
        return self.first_backup('small', 'first backup, small files', {'restic': 1 / 3},
                                 **{TAR: self.tar})

    def unchanged(self):
        self.hold('mixed')
        tree = self.tree('mixed')
        sides = self.each(lambda store: store.adding(tree))
        sides[FIND] = lambda: measure(['find', tree, '-printf', '%s %T@\\n'])
        yield Line('again, nothing changed', {'restic': 1 / 5, FIND: 3}, self.alternate(sides))

    def reread(self):
        self.hold('mixed')
        tree = self.tree('mixed')
        yield Line('again, everything re-read', {'restic': 1 / 3},
                   self.alternate(self.each(lambda store: store.adding(tree, reread=True))))

    def image(self):
        """Each round changes the image once for all of them."""
        self.hold('image')
        self.held = None
        tree = self.tree('image')
        runs = {store.name: [] for store in self.stores}
        for number in range(self.runs):
            elsewhere(histories.change_image, tree, number)
            for store in self.stores:
                runs[store.name].append(store.adding(tree))
        yield Line('image, 1 % changed', {'restic': 1 / 3}, runs)

    def restored(self, run):
        """Without and with what ours does too: to see to it that all is on the disk."""
        out = self.outs.next()
        os.sync()
        plain = run(out)
        sync = measure(['sync', '-f', out])
        return plain, Measured(plain.wall + sync.wall, plain.cpu + sync.cpu, plain.memory)

    def restore(self):
        self.hold('mixed')
        tree = self.tree('mixed')
        sides = self.each(lambda store: self.restored(store.restore))
        sides[COPY] = lambda: self.restored(lambda out: measure(['cp', '-a', tree, out]))
        runs = self.alternate(sides)
        limits = {'restic': 0.8, COPY: 1.15}
        for title, which in (('restore, mixed', 0), ('restore, mixed, with sync', 1)):
            yield Line(title, limits, {side: [pair[which] for pair in pairs]
                                       for side, pairs in runs.items()})

    def check(self):
        self.hold('mixed')
        yield Line('check, all data', {'restic': 1 / 2},
                   self.alternate(self.each(lambda store: store.check())))

    def versions(self):
        """A backup of each version; what one run is here are all of those."""
        tree = self.tree('source')
        runs = {store.name: [] for store in self.stores}
        for store in self.stores:
            store.make()
        for version in range(SNAPSHOTS):
            if version > 0:
                elsewhere(histories.change_source, tree, version)
            for store in self.stores:
                result = store.backup(tree)
                if version < VERSIONS:
                    result.size = store.stored()
                    runs[store.name].append(result)
        self.held = 'versions'
        yield Line('source tree, %d versions' % VERSIONS, {'restic': 1 / 3},
                   {side: [one_after_the_other(parts)] for side, parts in runs.items()})

    def prune(self):
        if self.held != 'versions':
            list(self.versions())
        for store in self.stores:
            store.forget(SNAPSHOTS // 2)
            store.set_aside()
        self.held = None

        def once(store):
            store.bring_back()
            result = store.prune()
            result.size = store.stored()
            return result
        yield Line('prune after half of %d went' % SNAPSHOTS, {'restic': 1 / 2},
                   self.alternate(self.each(once)))


# In the order in which a repository is made once for several.
ROWS = ('incompressible', 'small', 'image', 'mixed', 'unchanged', 'reread', 'restore', 'check',
        'versions', 'prune')
