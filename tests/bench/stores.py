# SPDX-License-Identifier: MIT
"""Repositories of three programs, each in a folder of its own, behind the same verbs."""
import os
import shutil

from measured import Failed, fresh, measure

PASS_PHRASE = 'a phrase to measure with'


def size_of(path):
    return sum(os.path.getsize(os.path.join(folder, name))
               for folder, _, names in os.walk(path) for name in names)


class Store:
    """A repository. What each program does in its own way only raises here."""

    name = ''
    environment = {}

    def __init__(self, program, work):
        self.program = program
        self.folder = os.path.join(work, self.name)
        self.aside = self.folder + '-aside'

    def run(self, *words, cwd=None):
        os.sync()  # What others have written is not paid for here.
        return measure([*self.command(), *words], cwd, env=dict(self.environment, **self.places()))

    def places(self):
        """What the environment says of folders."""
        return {}

    def command(self):
        raise NotImplementedError

    def make(self):
        """An empty repository in the place of the one before."""
        raise NotImplementedError

    def backup(self, tree, reread=False):
        raise NotImplementedError

    def restore(self, out):
        """The newest, below a folder that is empty."""
        raise NotImplementedError

    def check(self):
        """Of all data."""
        raise NotImplementedError

    def forget(self, keep):
        """All but the newest `keep`."""
        raise NotImplementedError

    def prune(self):
        raise NotImplementedError

    def stored(self):
        return size_of(self.folder)

    def adding(self, tree, reread=False):
        """A backup, with what it has added as its size."""
        before = self.stored()
        result = self.backup(tree, reread)
        result.size = self.stored() - before
        return result

    def set_aside(self):
        fresh(self.aside)
        measure(['cp', '-a', self.folder + '/.', self.aside])

    def bring_back(self):
        fresh(self.folder)
        measure(['cp', '-a', self.aside + '/.', self.folder])


class Ours(Store):
    """Reads nothing again after a backup, as the others do not."""

    name = 'ours'
    environment = {'ENCRYPTION_KEY': PASS_PHRASE, 'BACKUP_VERIFICATION_ENABLED': 'false',
                   'RETENTION_GRACE_HOURS': '0'}

    def command(self):
        return [self.program, '--state', self.folder, '--quiet']

    def make(self):
        fresh(self.folder)
        self.run('repo', 'init', '--encrypt', 'aes256')

    def backup(self, tree, reread=False):
        return self.run('backup', 'bench', tree, '--form', 'repository', '--encrypt', 'aes256',
                        '--type', 'full' if reread else 'incremental')

    def restore(self, out):
        return self.run('restore', 'latest:bench', out)

    def check(self):
        return self.run('check', '--read-data')

    def forget(self, keep):
        self.run('retention', 'apply', '--name', 'bench', '--keep-last', str(keep))

    def prune(self):
        return self.run('prune')

    def stored(self):
        return size_of(os.path.join(self.folder, 'storage'))


class Restic(Store):
    name = 'restic'
    environment = {'RESTIC_PASSWORD': PASS_PHRASE}

    def places(self):
        return {'RESTIC_CACHE_DIR': self.folder + '-cache'}

    def command(self):
        return [self.program, '--quiet', '--repo', self.folder]

    def make(self):
        fresh(self.folder)
        shutil.rmtree(self.folder + '-cache', ignore_errors=True)
        self.run('init')

    def backup(self, tree, reread=False):
        return self.run('backup', *(['--force'] if reread else []), tree)

    def restore(self, out):
        return self.run('restore', 'latest', '--target', out)

    def check(self):
        return self.run('check', '--read-data')

    def forget(self, keep):
        self.run('forget', '--keep-last', str(keep))

    def prune(self):
        return self.run('prune')


class Borg(Store):
    name = 'borg'
    environment = {'BORG_PASSPHRASE': PASS_PHRASE}

    def __init__(self, program, work):
        super().__init__(program, work)
        self.count = 0

    def places(self):
        return {'BORG_BASE_DIR': self.folder + '-base'}

    def command(self):
        return [self.program, '--error']

    def make(self):
        fresh(self.folder)
        shutil.rmtree(self.folder + '-base', ignore_errors=True)
        os.makedirs(self.folder + '-base')
        self.run('init', '--encryption', 'repokey', self.folder)

    def backup(self, tree, reread=False):
        self.count += 1
        return self.run('create', '--compression', 'zstd,3',
                        *(['--files-cache', 'disabled'] if reread else []),
                        '%s::bench-%06d' % (self.folder, self.count), tree)

    def restore(self, out):
        return self.run('extract', '%s::bench-%06d' % (self.folder, self.count), cwd=out)

    def check(self):
        return self.run('check', '--verify-data', self.folder)

    def forget(self, keep):
        self.run('prune', '--keep-last', str(keep), self.folder)

    def prune(self):
        return self.run('compact', self.folder)


def stores(tool, work):
    """Ours and those whose programs are there."""
    restic = os.environ.get('RESTIC_NEWEST') or shutil.which('restic')
    if not restic:
        raise Failed('restic is not there')
    borg = shutil.which('borg')
    return [Ours(tool, work), Restic(restic, work)] + ([Borg(borg, work)] if borg else [])
