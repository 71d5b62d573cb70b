# SPDX-License-Identifier: MIT
"""A tree with one of each thing that a file system can have, and what a restore must bring back."""
import hashlib
import os
import pathlib
import socket
import stat

MIB = 1 << 20
IS_ROOT = os.geteuid() == 0
# Names that Go quotes, or JSON escapes, or neither.
NAMES = [
    b"\x01\n\t\x7f", b' "\\', b"<&>'", b"Z", b"a", b"a.b", b"a b", b"\xc3\x28", b"\xff\xfe",
    b"\xed\xa0\x80", "\u00e4".encode(), "\u2028".encode(), "\u00a0\ufeff".encode(),
    "\U0001f600".encode(),
]  # fmt: skip



def noise(seed, size):
    """Bytes that do not compress, always the same."""
    return hashlib.shake_256(seed.encode()).digest(size)


def state(path, is_top):
    """What a restore must bring back of one file."""
    found = os.lstat(path)
    kind = stat.S_IFMT(found.st_mode)
    content = b""
    if kind == stat.S_IFREG:
        content = hashlib.sha256(path.read_bytes()).digest()
    elif kind == stat.S_IFLNK:
        content = os.readlink(os.fsencode(path))
    names = os.listxattr(path, follow_symlinks=False)
    attributes = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    size = found.st_size if kind == stat.S_IFREG else 0
    links = 0 if kind == stat.S_IFDIR else found.st_nlink
    # restic 0.14 lets the time of links be.
    when = 0 if kind == stat.S_IFLNK or is_top else found.st_mtime_ns
    mode = kind if is_top else found.st_mode
    return (mode, found.st_uid, found.st_gid, found.st_rdev, size, links, when, content, attributes)


def tree_state(top):
    """By paths below `top`; sockets are in no backup of restic's."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in [b"."] * (folder == os.fsencode(top)) + folders + files:
            path = pathlib.Path(os.fsdecode(os.path.join(folder, name)))
            if not path.is_socket():
                relative = os.fsencode(path.relative_to(top))
                found[relative] = state(path, relative == b".")
    return found


def try_xattr(path, name, value):
    """Not all file systems have attributes."""
    try:
        os.setxattr(path, name, value, follow_symlinks=False)
    except OSError:
        pass


def acl(permissions):
    """system.posix_acl_access: for the owner, user 12345, the group, the mask and others."""
    entries = [(1, 6, 0xFFFFFFFF), (2, permissions, 12345), (4, 4, 0xFFFFFFFF),
               (16, 7, 0xFFFFFFFF), (32, 4, 0xFFFFFFFF)]  # fmt: skip
    parts = [tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + who.to_bytes(4, "little")
             for tag, bits, who in entries]  # fmt: skip
    return (2).to_bytes(4, "little") + b"".join(parts)


def make_oddities(top):
    """A tree with one of each thing that a file system can have."""
    base = os.fsencode(top)
    (top / "deep" / "er" / "empty").mkdir(parents=True)
    os.mkdir(base + b"/names")
    for number, name in enumerate(NAMES):
        with open(base + b"/names/" + name, "wb") as file:
            file.write(b"%d" % number)
        os.symlink(name if name.isascii() else b"to", base + b"/deep/" + b"%d" % number)
    (top / "noise").write_bytes(noise("noise", 10 * MIB))
    (top / "chunk").write_bytes(noise("chunk", 512 * 1024))
    (top / "text").write_bytes(b"some text\n" * 100000)
    (top / "none").write_bytes(b"")
    os.link(top / "text", top / "deep" / "text again")
    with open(top / "sparse", "wb") as file:
        file.seek(3 * MIB)
        file.write(b"data")
        file.truncate(20 * MIB + 5)
    with open(top / "small sparse", "wb") as file:
        file.truncate(100000)
        file.seek(50000)
        file.write(b"data")
    os.mkfifo(top / "fifo", 0o640)
    for name, mode in (("setuid", 0o4755), ("all", 0o7777), ("nothing", 0)):
        (top / name).write_bytes(name.encode())
        os.chmod(top / name, mode)
    try_xattr(top / "text", "user.zz", b"\x00\xff")
    try_xattr(top / "text", "user.aa", b"")
    try_xattr(top / "deep", "user.of a folder", b"x" * 1000)
    try_xattr(top / "chunk", "system.posix_acl_access", acl(6))
    if IS_ROOT:
        os.mknod(top / "zero", stat.S_IFCHR | 0o644, os.makedev(1, 5))
        os.mknod(top / "disk", stat.S_IFBLK | 0o600, os.makedev(7, 300))
        os.chown(top / "none", 12345, 54321)
        os.chown(top / "fifo", 1, 2)
        try_xattr(top / "all", "trusted.mine", b"secret")
    with socket.socket(socket.AF_UNIX) as bound:
        folder = os.open(top, os.O_RDONLY)
        bound.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
    os.chmod(top / "deep", 0o1777)
    os.utime(top / "none", ns=(1, -500000000))
    os.utime(top / "setuid", ns=(1, 1000000000123456789))
    os.utime(top / "deep" / "er", ns=(1, 4000000000000000001))
