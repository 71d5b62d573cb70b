# SPDX-License-Identifier: MIT
"""
A tree to measure with: the same bytes for the same size, wherever it is made.

A tenth of the bytes are small texts, a third is like programs and their
libraries, a quarter cannot be compressed, and the rest is logs and tables that
compress very well. Files are spread over directories as people spread them.
"""
import os
import random
import shutil
import zlib

SEED = 20261123
MIB = 1 << 20

FULL_BYTES = 2048 * MIB
SMALL_FILES = 60000
FILES_PER_DIR = 60
STAMP = 1700000000
FORMAT = 3  # Change it when what is made changes.


class Words:
    """Text whose words follow Zipf's law, cut from one long ribbon."""

    RIBBON = 8 * MIB

    def __init__(self, rng):
        letters = 'etaoinshrdlucmfwypvbgkjqxz'
        weights = [1 / (i + 2) for i in range(len(letters))]
        words = [''.join(rng.choices(letters, weights, k=rng.randint(2, 11)))
                 for _ in range(20000)]
        usage = [1 / (i + 3) for i in range(len(words))]
        parts = []
        size = 0
        while size < self.RIBBON:
            line = ' '.join(rng.choices(words, usage, k=rng.randint(3, 14)))
            parts.append(' ' * (4 * rng.randint(0, 3)) + line)
            size += len(parts[-1]) + 1
        self.bytes = '\n'.join(parts).encode()

    def cut(self, rng, size):
        out = bytearray()
        while len(out) < size:
            at = rng.randrange(len(self.bytes) - 4096)
            out += self.bytes[at:at + min(size - len(out), rng.randint(200, 4096))]
        return out


class Binaries:
    """Bytes of machine-like records: a third repeats, a third is skewed, a third is noise."""

    def __init__(self, rng):
        skewed = bytes(min(255, int(rng.expovariate(1 / 24))) for _ in range(MIB))
        self.skewed = skewed * 2

    def cut(self, rng, size):
        out = bytearray()
        while len(out) < size:
            kind = rng.randrange(5)
            length = rng.randint(512, 16384)
            if kind < 3:
                at = rng.randrange(MIB)
                out += self.skewed[at:at + length]
            elif kind == 3:
                out += rng.randbytes(length)
            else:
                out += rng.randbytes(24) * (length // 24)
        return out[:size]


def log_lines(rng, size):
    out = bytearray()
    clock = STAMP
    while len(out) < size:
        clock += rng.randrange(3)
        line = '%d host%d service[%d]: request %08x took %d ms, status=%d\n' % (
            clock, rng.randrange(4), rng.randrange(300, 320), rng.getrandbits(32),
            rng.randrange(90), rng.choice((200, 200, 200, 304, 404)))
        out += line.encode() * rng.choice((1, 1, 2, 20))
    return out[:size]


class Tree:
    def __init__(self, path):
        self.path = path
        self.count = 0

    def put(self, folder, name, data):
        directory = os.path.join(self.path, folder)
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, name)
        with open(path, 'wb') as file:
            file.write(data)
        self.count += 1
        os.utime(path, ns=(STAMP * 10**9 + self.count, STAMP * 10**9 + self.count))


def make_small(tree, rng, words, count, size):
    mean = max(64, size // max(1, count))
    for i in range(count):
        length = min(int(rng.expovariate(1 / mean)) + 1, 64 * mean)
        folder = 'texts/%02d/%03d' % (i // FILES_PER_DIR % 40, i // FILES_PER_DIR // 40)
        tree.put(folder, 'note-%05d.txt' % i, words.cut(rng, length))


def make_large(tree, rng, folder, suffix, size, make):
    """Files of 64 KiB to 64 MiB, as many as `size` takes."""
    i = 0
    while size > 0:
        length = min(size, int(2 ** rng.uniform(16, 26)))
        tree.put('%s/%02d' % (folder, i // 25), 'file-%04d.%s' % (i, suffix), make(rng, length))
        size -= length
        i += 1


def from_pattern(pattern):
    """Much data from a little: chunks of `pattern`, in an order of their own."""
    def make(rng, size):
        out = bytearray()
        while len(out) < size:
            at = rng.randrange(len(pattern) - 65536)
            out += pattern[at:at + 65536]
        return out[:size]
    return make


def fill(path, fraction):
    size = int(FULL_BYTES * fraction)
    rng = random.Random(SEED)
    tree = Tree(path)
    words = Words(rng)
    binaries = Binaries(rng)
    program = binaries.cut(rng, 48 * MIB)
    logs = log_lines(rng, 24 * MIB)

    make_small(tree, rng, words, int(SMALL_FILES * fraction), size // 10)
    make_large(tree, rng, 'programs', 'bin', size // 3, from_pattern(program))
    make_large(tree, rng, 'media', 'jpg', size // 4, lambda r, n: r.randbytes(n))
    make_large(tree, rng, 'logs', 'log', size - size // 10 - size // 3 - size // 4,
               from_pattern(logs))


def checksum(path):
    """Of names and sizes: enough to tell that a tree is the one that was made."""
    total = 0
    for folder, dirs, files in os.walk(path):
        dirs.sort()
        for name in sorted(files):
            full = os.path.join(folder, name)
            text = '%s %d\n' % (os.path.relpath(full, path), os.path.getsize(full))
            total = zlib.crc32(text.encode(), total)
    return total


def corpus(cache, fraction):
    """The path of the tree; made when the cache has no such one."""
    path = os.path.join(cache, 'corpus-%d-%g' % (FORMAT, fraction))
    stamp = path + '.crc'
    if os.path.exists(stamp):
        with open(stamp) as file:
            if int(file.read()) == checksum(path):
                return path
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    fill(path, fraction)
    with open(stamp, 'w') as file:
        file.write('%d\n' % checksum(path))
    return path
