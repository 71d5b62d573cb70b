# SPDX-License-Identifier: MIT
"""
The rows of `run --only storages`: the drivers beside rclone, at its defaults and
tuned, on servers of this machine; and backups to S3, as repositories beside
restic, as mirrors beside rclone.

All sides of a row alternate. What a side has stored is removed before the next
one begins, which is not measured; what is read was stored once. rclone's
defaults are four files at a time, ours are sixteen small or four large ones.
"""
import os
import shutil

from measured import MIB, Failed, fresh, measure, median, warm
from servers import HOST, SERVERS
from slow_line import HOST as SLOW_HOST
from slow_line import SlowLine
from stores import PASS_PHRASE

LARGE_BYTES = 2000 * 1000 * 1000
LARGE_OBJECTS = 8
SMALL_OBJECTS = 10000
SMALL_BYTES = 16000
LISTED_OBJECTS = 100000
SLOW_SECONDS = 0.02
SLOW_RATIO = 1 / 1.5
RESTIC_RATIO = 1 / 2
BLOCK = 1 << 20
AT_ONCE = {'large': 4, 'small': 16, 'list': 16}

OURS = 'ours'
RCLONE = 'rclone'
TUNED = 'rclone tuned'
RESTIC = 'restic'
TUNING = ('--transfers', '16', '--checkers', '16', '--no-check-dest', '--fast-list')


class Line:
    """What came out of one row: runs by the name of who ran."""

    HEAD = ('| what | to reach | ours | beside | tuned | ratio | ratio, tuned | CPU | peak | |\n'
            + '|---' * 10 + '|')

    def __init__(self, server, name, limits, sides, memory=None):
        self.server = server
        self.name = name
        self.limits = limits  # How much of whose wall time ours may take.
        self.sides = sides
        self.memory = memory  # How much of the other's memory; None: it is only told.

    def wall(self, side):
        return median(self.sides[side], 'wall')

    def ratio(self, side):
        return self.wall(OURS) / self.wall(side)

    def peak(self, side):
        return max(run.memory for run in self.sides[side])

    def beside(self):
        return [side for side in self.sides if side not in (OURS, TUNED)][0]

    def missed(self):
        if any(self.ratio(side) > limit for side, limit in self.limits.items()):
            yield 'time'
        if self.memory and self.peak(OURS) > self.memory * self.peak(self.beside()):
            yield 'memory'

    def __str__(self):
        tuned = TUNED in self.sides
        missed = list(self.missed())
        return '| %s |' % ' | '.join((
            '%s, %s' % (self.server, self.name),
            ', '.join('%.2f × %s' % (limit, side) for side, limit in self.limits.items()),
            '%.2f s' % self.wall(OURS), '%.2f s' % self.wall(self.beside()),
            '%.2f s' % self.wall(TUNED) if tuned else '',
            '%.2f' % self.ratio(self.beside()), '%.2f' % self.ratio(TUNED) if tuned else '',
            ' / '.join('%.1f' % median(runs, 'cpu') for runs in self.sides.values()) + ' s',
            ' / '.join('%.0f' % (self.peak(side) / MIB) for side in self.sides) + ' MiB',
            'missed: ' + ', '.join(missed) if missed else 'met'))

    def document(self):
        return {'server': self.server, 'row': self.name, 'limits': self.limits,
                'memory': self.memory, 'missed': list(self.missed()),
                'sides': {side: [{'wall_s': run.wall, 'cpu_s': run.cpu, 'peak_bytes': run.memory}
                                 for run in runs] for side, runs in self.sides.items()}}


def make_files(folder, count, size):
    """Of bytes that are nobody else's, none of them alike."""
    fresh(folder)
    for number in range(count):
        with open(os.path.join(folder, '%06d' % number), 'wb') as file:
            for at in range(0, size, BLOCK):
                file.write(os.urandom(min(BLOCK, size - at)))


class Storages:
    def __init__(self, tool, program, tree, work, size, runs):
        self.tool = tool
        self.program = program  # bench-storage
        self.tree = tree
        self.work = work
        self.size = size
        self.runs = runs
        self.out = os.path.join(work, 'out')
        self.state = os.path.join(work, 'state')
        self.log = os.path.join(work, 'rclone.log')  # It complains of times that FTP cannot set.
        self.trees = {}
        self.listed = max(1, int(LISTED_OBJECTS * size))
        self.server = None
        self.slow = False

    def files(self, what):
        if what not in self.trees:
            folder = os.path.join(self.work, what)
            if what == 'large':
                make_files(folder, LARGE_OBJECTS, int(LARGE_BYTES * self.size) // LARGE_OBJECTS)
            else:
                make_files(folder, max(1, int(SMALL_OBJECTS * self.size)), SMALL_BYTES)
            self.trees[what] = folder
        warm(self.trees[what])
        return self.trees[what]

    # --- What either side runs ---

    def host(self):
        return SLOW_HOST if self.slow else HOST

    def ours(self, action, what, prefix, word, host=None):
        settings = self.server.settings(host or self.host())
        return measure([self.program, action, str(AT_ONCE[what]), prefix, str(word),
                        self.server.driver,
                        *('%s=%s' % item for item in settings.items())])

    def rclone(self, *words, tuned=False):
        return measure(['rclone', '--config', os.devnull, '--log-file', self.log, *words,
                        *([*TUNING, *self.server.tuned] if tuned else [])],
                       env=self.server.rclone(self.host()))

    def remote(self, prefix):
        return 'bench:%s/%s' % (self.server.root, prefix)

    def clear(self, prefix):
        """Past the slow line."""
        self.ours('remove', 'small', prefix, '-', host=HOST)

    def alternate(self, sides):
        """`sides`: by name, what runs once."""
        runs = {name: [] for name in sides}
        for _ in range(self.runs):
            for name, side in sides.items():
                runs[name].append(side())
        return runs

    def put(self, what):
        folder = self.files(what)

        def once(run):
            result = run()
            self.clear('new')
            return result
        return self.alternate({
            OURS: lambda: once(lambda: self.ours('put', what, 'new', folder)),
            RCLONE: lambda: once(lambda: self.rclone('copy', folder, self.remote('new'))),
            TUNED: lambda: once(lambda: self.rclone('copy', folder, self.remote('new'),
                                                    tuned=True))})

    def get(self, what):
        def once(run):
            fresh(self.out)
            result = run()
            self.check_got(what)
            return result
        return self.alternate({
            OURS: lambda: once(lambda: self.ours('get', what, what, self.out)),
            RCLONE: lambda: once(lambda: self.rclone('copy', self.remote(what), self.out)),
            TUNED: lambda: once(lambda: self.rclone('copy', self.remote(what), self.out,
                                                    tuned=True))})

    def check_got(self, what):
        """Half of a row that is quick for it has not done all of it is worth nothing."""
        for name in os.listdir(self.trees[what]):
            path = os.path.join(self.out, name)
            if not os.path.exists(path) or (os.path.getsize(path) !=
                                            os.path.getsize(os.path.join(self.trees[what], name))):
                raise Failed('%s was not fetched' % name)
        fresh(self.out)

    def list(self):
        return self.alternate({
            OURS: lambda: self.ours('list', 'list', 'list', self.listed),
            RCLONE: lambda: self.rclone('size', self.remote('list')),
            TUNED: lambda: self.rclone('size', self.remote('list'), tuned=True)})

    # --- Rows ---

    def rows(self, name):
        """Of one server, as they come out."""
        fresh(os.path.join(self.work, name))
        self.server = SERVERS[name](os.path.join(self.work, name))
        limits = {RCLONE: 1.0, TUNED: 1.0}
        slow_limits = {RCLONE: SLOW_RATIO}
        try:
            self.server.start()
            for what in ('large', 'small'):
                self.ours('put', what, what, self.files(what))  # Servers have to get warm, too.
                yield Line(name, 'put ' + what, limits, self.put(what))
                yield Line(name, 'get ' + what, limits, self.get(what))
            with SlowLine(self.server.ports(), HOST, SLOW_SECONDS):
                self.slow = True
                yield Line(name, 'put small, 20 ms', slow_limits, self.put('small'))
                yield Line(name, 'get small, 20 ms', slow_limits, self.get('small'))
            self.slow = False
            self.clear('large')
            self.clear('small')
            self.ours('fill', 'list', 'list', self.listed)
            yield Line(name, 'list', limits, self.list())
            if name == 's3':
                self.clear('list')
                yield from self.backups()
        finally:
            self.slow = False
            self.server.stop()
            shutil.rmtree(self.server.folder)

    # --- Backups to S3 ---

    def service(self, *words):
        return measure([self.tool, '--state', self.state, '--quiet', *words],
                       env={'ENCRYPTION_KEY': PASS_PHRASE, 'BACKUP_VERIFICATION_ENABLED': 'false',
                            'BENCH_SECRET': self.server.settings(HOST)['secret_access_key']})

    def add_storage(self, prefix):
        fresh(self.state)
        settings = dict(self.server.settings(self.host()), prefix=prefix)
        settings['secret_access_key'] = 'env:BENCH_SECRET'
        self.service('storage', 'add', 'bench', self.server.driver,
                     *('%s=%s' % item for item in settings.items()))

    def our_repository(self):
        self.add_storage('ours')
        self.service('repo', 'init', '--storage', 'bench', '--encrypt', 'aes256')
        result = self.service('backup', 'bench', self.tree, '--storage', 'bench', '--form',
                              'repository', '--encrypt', 'aes256')
        self.clear('ours')
        return result

    def their_repository(self):
        program = os.environ.get('RESTIC_NEWEST') or shutil.which('restic')
        cache = os.path.join(self.work, 'restic-cache')
        fresh(cache)
        environment = dict(self.server.restic('theirs'), RESTIC_PASSWORD=PASS_PHRASE,
                           RESTIC_CACHE_DIR=cache)
        measure([program, '--quiet', 'init'], env=environment)
        result = measure([program, '--quiet', 'backup', self.tree], env=environment)
        self.clear('theirs')
        return result

    def our_mirror(self):
        self.add_storage('new')
        result = self.service('backup', 'bench', self.files('small'), '--storage', 'bench',
                              '--type', 'mirror')
        self.clear('new')
        return result

    def their_mirror(self):
        result = self.rclone('sync', self.files('small'), self.remote('new'))
        self.clear('new')
        return result

    def backups(self):
        warm(self.tree)
        yield Line('s3', 'repository, first backup', {RESTIC: RESTIC_RATIO}, self.alternate(
            {OURS: self.our_repository, RESTIC: self.their_repository}), memory=RESTIC_RATIO)
        mirrors = {OURS: self.our_mirror, RCLONE: self.their_mirror}
        yield Line('s3', 'mirror, small', {RCLONE: 1.0}, self.alternate(mirrors))
        with SlowLine(self.server.ports(), HOST, SLOW_SECONDS):
            self.slow = True
            yield Line('s3', 'mirror, small, 20 ms', {RCLONE: SLOW_RATIO},
                       self.alternate(mirrors))
        self.slow = False
