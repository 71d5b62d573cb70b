# SPDX-License-Identifier: MIT
"""Trees that repositories are measured with, and how they change between two backups."""
import os
import random

import corpus
from corpus import MIB

INCOMPRESSIBLE_BYTES = 1024 * MIB
INCOMPRESSIBLE_FILES = 16
SMALL_FILES = 100000
SMALL_BYTES = 400 * MIB
IMAGE_BYTES = 2048 * MIB
IMAGE_BLOCK = 65536
IMAGE_CHANGED = 100  # One block of so many, between two backups.
SOURCE_FILES = 4000
SOURCE_BYTES = 160 * MIB


def seeded(*what):
    return random.Random('%s %s' % (corpus.SEED, ' '.join(map(str, what))))


def make_incompressible(path, fraction):
    rng = seeded('incompressible')
    tree = corpus.Tree(path)
    each = int(INCOMPRESSIBLE_BYTES * fraction) // INCOMPRESSIBLE_FILES
    for i in range(INCOMPRESSIBLE_FILES):
        tree.put('media', 'film-%02d.bin' % i, rng.randbytes(each))


def make_small(path, fraction):
    rng = seeded('small')
    corpus.make_small(corpus.Tree(path), rng, corpus.Words(rng), int(SMALL_FILES * fraction),
                      int(SMALL_BYTES * fraction))


def make_image(path, fraction):
    """A third of it was never written, a third is like programs, the rest is noise."""
    rng = seeded('image')
    program = corpus.Binaries(rng).cut(rng, 32 * MIB)
    os.makedirs(path)
    with open(os.path.join(path, 'disk.img'), 'wb') as file:
        for _ in range(max(1, int(IMAGE_BYTES * fraction) // MIB)):
            kind = rng.randrange(3)
            at = rng.randrange(len(program) - MIB)
            file.write((bytes(MIB), program[at:at + MIB], rng.randbytes(MIB))[kind])


def change_image(path, round_number):
    rng = seeded('image', round_number)
    with open(os.path.join(path, 'disk.img'), 'r+b') as file:
        blocks = os.fstat(file.fileno()).st_size // IMAGE_BLOCK
        for block in rng.sample(range(blocks), max(1, blocks // IMAGE_CHANGED)):
            file.seek(block * IMAGE_BLOCK)
            file.write(rng.randbytes(IMAGE_BLOCK))


def source_name(i):
    return os.path.join('src/%02d' % (i % 40), 'unit-%05d.c' % i)


def make_source(path, fraction):
    rng = seeded('source')
    words = corpus.Words(rng)
    count = int(SOURCE_FILES * fraction)
    tree = corpus.Tree(path)
    for i in range(count):
        length = int(rng.expovariate(count / (SOURCE_BYTES * fraction))) + 1
        tree.put(*os.path.split(source_name(i)), words.cut(rng, length))


def change_source(path, version):
    """Of every 25 files one is another, and one has a line more."""
    rng = seeded('source', version)

    def line(size):
        return rng.randbytes(size // 2 + 1).hex()[:size].encode()

    names = sorted(os.path.join(folder, name)
                   for folder, _, files in os.walk(path) for name in files)
    for name in rng.sample(names, len(names) // 25):
        with open(name, 'r+b') as file:
            file.write(line(os.fstat(file.fileno()).st_size))
    for name in rng.sample(names, len(names) // 25):
        with open(name, 'ab') as file:
            file.write(line(400))
