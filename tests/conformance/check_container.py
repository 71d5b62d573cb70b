#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Open the containers that archive_probe writes with the ordinary programs.

Usage: check_container.py PROBE FORMAT WHAT

Everything that the driver does not report as lost must come back, with the
program that knows the format best; others must bring back names and content.
"""
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zipfile

XATTRS, HARDLINK, SPARSE, SPECIAL, OWNER, TIME, NAME = (1 << bit for bit in range(7))
TYPES = {
    "file": stat.S_IFREG, "dir": stat.S_IFDIR, "symlink": stat.S_IFLNK, "fifo": stat.S_IFIFO,
    "chardev": stat.S_IFCHR, "socket": stat.S_IFSOCK,
}  # fmt: skip
ROOT = os.geteuid() == 0
PHRASE = "what opens the samples"  # Of archive_samples.h.
QUIET = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
faults = []


def fault(program, entry, text):
    faults.append(f"{program}: {entry['path']!r}: {text}")


def run(*command):
    done = subprocess.run(command, check=False, **QUIET)
    if done.returncode != 0:
        text = done.stdout.decode(errors="replace")[-2000:]
        faults.append(f"{' '.join(map(str, command))}: exit code {done.returncode}: {text}")
    return done.stdout


class Entries:
    """What the probe wrote, with the bytes that files should hold."""

    def __init__(self, lines, contents):
        self.list = [json.loads(line) for line in lines.splitlines()]
        self.contents = contents.read_bytes()
        for entry in self.list:
            for key in ("path", "link", "linked"):
                entry[key] = bytes.fromhex(entry[key])
            entry["xattrs"] = {k: bytes.fromhex(v) for k, v in entry["xattrs"].items()}
        # Of a path that was written again only the last counts.
        self.list = list({entry["path"]: entry for entry in self.list}.values())

    def content(self, entry):
        return self.contents[entry["at"] : entry["at"] + entry["size"]]


def mtime_ns(entry):
    return entry["sec"] * 10**9 + entry["nsec"]


def compare_content(program, entries, entry, path, info):
    if entry["type"] == "symlink" and os.readlink(path) != entry["link"]:
        fault(program, entry, f"points to {os.readlink(path)!r}")
    if entry["type"] == "file":
        if pathlib.Path(os.fsdecode(path)).read_bytes() != entries.content(entry):
            fault(program, entry, "content differs")
    if entry["type"] == "chardev" and info.st_rdev != os.makedev(entry["major"], entry["minor"]):
        fault(program, entry, "is another device")


def compare_rest(program, entry, path, info, root):
    """What only the program that knows best must restore."""
    lost = entry["losses"]
    # 7zz never sets the bits of set-user-id; unzip leaves the times of links.
    mask = 0o777 if program == "7zz" else 0o7777
    if entry["type"] != "symlink" and stat.S_IMODE(info.st_mode) & mask != entry["mode"] & mask:
        fault(program, entry, f"has mode {stat.S_IMODE(info.st_mode):o}")
    timeless = program == "unzip" and entry["type"] == "symlink"
    if not lost & TIME and not timeless and info.st_mtime_ns != mtime_ns(entry):
        fault(program, entry, f"has time {info.st_mtime_ns}, not {mtime_ns(entry)}")
    if not lost & OWNER and ROOT and (info.st_uid, info.st_gid) != (entry["uid"], entry["gid"]):
        fault(program, entry, f"belongs to {info.st_uid}:{info.st_gid}")
    if not lost & XATTRS and ROOT:
        found = {name: os.getxattr(path, name, follow_symlinks=False)
                 for name in os.listxattr(path, follow_symlinks=False)}  # fmt: skip
        if found != entry["xattrs"]:
            fault(program, entry, f"has attributes {found}")
    if not lost & HARDLINK and entry["linked"]:
        if info.st_ino != os.lstat(os.path.join(root, entry["linked"])).st_ino:
            fault(program, entry, "is no hard link")
    if not lost & SPARSE and entry["sparse"] and info.st_blocks * 512 > entry["size"] // 4:
        fault(program, entry, f"takes {info.st_blocks} blocks")


def compare_losses(program, entry, info):
    """What is reported as lost must not come back by itself, or the report is idle."""
    lost = entry["losses"]
    # In UTC, the time of DOS holds what the time of Unix can not.
    if lost & TIME and entry["nsec"] and info.st_mtime_ns == mtime_ns(entry):
        fault(program, entry, "its time was not lost")
    if lost & SPARSE and entry["size"] > 4096 and info.st_blocks * 512 < entry["size"]:
        fault(program, entry, "its holes were not lost")


def compare_tree(program, entries, where, best):
    root = os.fsencode(where)
    for entry in entries.list:
        path = os.path.join(root, entry["path"])
        if entry["losses"] & SPECIAL:
            if os.path.lexists(path):
                fault(program, entry, "was not left out")
            continue
        if entry["losses"] & NAME and not os.path.lexists(path):
            continue
        if not os.path.lexists(path):
            fault(program, entry, "is missing")
            continue
        info = os.lstat(path)
        if stat.S_IFMT(info.st_mode) != TYPES[entry["type"]]:
            fault(program, entry, "has another type")
            continue
        compare_content(program, entries, entry, path, info)
        if best:
            compare_rest(program, entry, path, info, root)
            compare_losses(program, entry, info)


def count_files(where):
    return sum(len(names) for _, _, names in os.walk(os.fsencode(where)))


def extract(entries, program, command, best=False):
    """Let a program extract, and compare what it made."""
    if not shutil.which(command[0]):
        print(f"# {program} is not installed")
        return
    with tempfile.TemporaryDirectory() as where:
        filled = [part.replace("@", where) if part in ("@", "-o@") else part for part in command]
        run(*filled)
        compare_tree(program, entries, where, best)
        wanted = sum(e["type"] != "dir" and not e["losses"] & SPECIAL for e in entries.list)
        if count_files(where) != wanted:
            faults.append(f"{program}: {count_files(where)} files, not {wanted}")
    print(f"# {program}: compared {len(entries.list)} entries")


def compare_members(program, entries, read):
    for entry in entries.list:
        if entry["type"] == "file" and not entry["losses"] & NAME and not entry["linked"]:
            if read(entry["path"].decode(errors="surrogateescape")) != entries.content(entry):
                fault(program, entry, "content differs")
    print(f"# {program}: compared {len(entries.list)} entries")


def check_tar(file, driver, entries):
    plain = file
    if driver == "tar.zst":
        plain = file.with_suffix(".plain")
        plain.write_bytes(run("zstd", "-dcq", str(file)))
    extract(entries, "tar", ["tar", "--xattrs", "--xattrs-include=*", "--acls", "-C", "@", "-xpf",
                             str(file)], best=True)  # fmt: skip
    extract(entries, "bsdtar", ["bsdtar", "--xattrs", "--acls", "-C", "@", "-xpf", str(file)])
    with tarfile.open(plain) as archive:
        compare_members("tarfile", entries, lambda name: archive.extractfile(name).read())
        for entry in entries.list:
            if entry["type"] != "socket":
                info = archive.getmember(entry["path"].decode(errors="surrogateescape"))
                if abs(info.mtime - mtime_ns(entry) / 10**9) > 0.00001:
                    fault("tarfile", entry, f"has time {info.mtime}")


def check_zip(file, driver, entries):
    run("unzip", "-tqq", str(file))
    run("7zz", "t", str(file))
    extract(entries, "unzip", ["unzip", "-qq", "-X", "-K", "-^", "-d", "@", str(file)], best=True)
    extract(entries, "bsdtar", ["bsdtar", "-C", "@", "-xpf", str(file)])
    extract(entries, "7zz", ["7zz", "x", "-y", "-snld", "-o@", str(file)])
    with zipfile.ZipFile(file) as archive:
        if archive.testzip():
            faults.append("zipfile: finds damage")
        compare_members("zipfile", entries, archive.read)


def check_aes_zip(file, driver, entries):
    run("7zz", "t", f"-p{PHRASE}", str(file))
    wrong = subprocess.run(["7zz", "t", "-panother", str(file)], check=False, **QUIET)
    if wrong.returncode == 0:
        faults.append("7zz: any pass phrase will do")
    extract(entries, "7zz", ["7zz", "x", "-y", "-snld", f"-p{PHRASE}", "-o@", str(file)])
    # It cannot tell where symbolic links point to that are encrypted.
    if all(entry["type"] != "symlink" for entry in entries.list):
        extract(entries, "bsdtar", ["bsdtar", "--passphrase", PHRASE, "-C", "@", "-xpf", str(file)])
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            is_encrypted = info.file_size > 0
            if (info.flag_bits & 1, info.compress_type == 99) != (is_encrypted, is_encrypted):
                faults.append(f"zipfile: {info.filename!r}: encrypted, or not, as it should not be")
            if is_encrypted and info.CRC != 0:
                faults.append(f"zipfile: {info.filename!r}: tells a CRC")


def check_7z(file, driver, entries):
    run("7zz", "t", str(file))
    extract(entries, "7zz", ["7zz", "x", "-y", "-snld", "-o@", str(file)], best=True)
    extract(entries, "bsdtar", ["bsdtar", "-C", "@", "-xpf", str(file)])


CHECKS = {"zip": check_zip, "aes.zip": check_aes_zip, "7z": check_7z}


def check_many(file, driver):
    """Only whether everything is there; the content is the same everywhere."""
    if driver == "7z":
        listing = run("7zz", "l", "-ba", str(file))
        run("7zz", "t", str(file))
    else:
        listing = run("bsdtar", "tf", str(file))
    found = listing.count(b"\n")
    if found != 70000:
        faults.append(f"{driver}: {found} entries")
    if driver == "zip":
        run("unzip", "-tqq", str(file))
        run("7zz", "t", str(file))
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) != 70000:
                faults.append("zipfile: not 70000 entries")


def check_huge(file, driver):
    size = 4200 * 1024 * 1024
    zeros = hashlib.sha256()
    for _ in range(4200):
        zeros.update(bytes(1024 * 1024))
    phrase = [f"-p{PHRASE}"] if driver == "aes.zip" else []
    command = ["bsdtar", "--passphrase", PHRASE, "-xOf", str(file), "huge"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        found = hashlib.sha256()
        count = 0
        while piece := process.stdout.read(1024 * 1024):
            found.update(piece)
            count += len(piece)
    if count != size or found.digest() != zeros.digest():
        faults.append(f"bsdtar: {count} bytes of the huge file")
    if driver == "zip":
        run("unzip", "-tqq", str(file))
        with zipfile.ZipFile(file) as archive:
            if archive.getinfo("huge").file_size != size or archive.read("small") != b"content":
                faults.append("zipfile: wrong sizes")
    if driver in ("zip", "aes.zip", "7z"):
        run("7zz", "t", *phrase, str(file))


def main(probe, driver, what):
    os.umask(0)
    if what == "huge" and not os.environ.get("BSI_TESTS_FULL"):
        print("set BSI_TESTS_FULL to run this")
        return 77
    with tempfile.TemporaryDirectory() as where:
        file = pathlib.Path(where) / f"container.{'tar' if driver == 'none' else driver}"
        lines = run(probe, driver, str(file), what)
        if not faults and what == "many":
            check_many(file, driver)
        elif not faults and what == "huge":
            check_huge(file, driver)
        elif not faults:
            entries = Entries(lines, pathlib.Path(f"{file}.contents"))
            CHECKS.get(driver, check_tar)(file, driver, entries)
    for line in faults[:40]:
        print(line)
    return len(faults) > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
