#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when a file under lib/ includes what its layer may not see.

The table is that of docs/internals/architecture.md: change both at once.
"""
import re

import linting

ALL_BUT = "all but "
EVERYTHING = "*"

MAY_SEE = {
    "base": "",
    "os": "base",
    "task": "base os",
    "text": "base",
    "hash": "base",
    "crypto": "base os hash",
    "audit": "base text hash crypto",
    "compress": "base os task",
    "chunk": "base",
    "archive": "base os task compress",
    "net": "base os task text hash crypto",
    "source": "base os task text hash",
    "target": "base os task",
    "storage": "base os task text hash crypto net policy",
    "repo": "base os task text hash crypto compress chunk storage",
    "catalog": "base os text",
    "policy": "base",
    "vault": ALL_BUT + "audit catalog engine api",
    "engine": ALL_BUT + "api",
    "api": EVERYTHING,
}

OUR_PUBLIC = re.compile(r"^backupsvc(\.h$|/)")
SYSTEM_HEADERS = {
    "assert.h", "ctype.h", "dirent.h", "errno.h", "fcntl.h", "float.h", "fnmatch.h", "grp.h",
    "inttypes.h", "limits.h", "locale.h", "math.h", "poll.h", "pthread.h", "pwd.h", "sched.h",
    "setjmp.h", "signal.h", "spawn.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h",
    "stdint.h", "stdio.h", "stdlib.h", "string.h", "strings.h", "time.h", "unistd.h",
}  # fmt: skip
SYSTEM_FOLDERS = {"sys", "linux", "arpa", "netinet"}


def allowed(layer):
    """The set of layers that `layer` may include, itself among them."""
    rule = MAY_SEE[layer]
    if rule == EVERYTHING:
        return set(MAY_SEE)
    if rule.startswith(ALL_BUT):
        return set(MAY_SEE) - set(rule[len(ALL_BUT) :].split())
    return set(rule.split()) | {layer}


def is_third_party(target):
    if OUR_PUBLIC.match(target) or target in SYSTEM_HEADERS:
        return False
    return target.split("/")[0] not in SYSTEM_FOLDERS or "/" not in target


def check_own(layer, folder, target):
    """What is wrong with `#include "target"` in a file of `layer` that lies in `folder`."""
    parts = target.split("/")
    if parts[0] not in MAY_SEE or len(parts) < 2:
        return f'write includes from lib/: "{target}"'
    if parts[0] not in allowed(layer):
        return f"{layer} may not include {parts[0]}"
    if parts[0] != layer and "drivers" in parts:
        return f'the drivers of {parts[0]} are its own: "{target}"'
    inner = parts[-1].endswith("_int.h")
    if inner and "/".join(parts[:-1]) != folder and parts[0] != layer:
        return f'private to {parts[0]}: "{target}"'
    return None


def check_file(path, layer, folder):
    includes = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
    for number, line in enumerate(path.read_text().split("\n"), 1):
        match = includes.match(line)
        if not match:
            continue
        complaint = None
        if match.group(1) == '"':
            complaint = check_own(layer, folder, match.group(2))
        elif path.suffix == ".h" and is_third_party(match.group(2)):
            complaint = f"third-party headers stay in .c files: <{match.group(2)}>"
        if complaint:
            yield f"{path}:{number}: {complaint}"


def check(root):
    lib = root / "lib"
    for path in linting.walk(lib, ".c", ".h"):
        parts = path.relative_to(lib).parts
        if len(parts) < 2 or parts[0] not in MAY_SEE:
            yield f"{path}: the folder has no line in the table of layers"
            continue
        yield from check_file(path, parts[0], "/".join(parts[:-1]))
    for path in linting.walk_folders(root, ["include"], ".h"):
        for number, line in enumerate(path.read_text().split("\n"), 1):
            match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if match and (match.group(1) == '"' or is_third_party(match.group(2))):
                yield f"{path}:{number}: not for a public header: {line.strip()}"


SELF_TEST = [
    ("base may not include os", {"lib/base/a.h": '#include "os/file.h"\n'}),
    ("text may not include hash", {"lib/text/a.c": '#include "hash/sha256.h"\n'}),
    ("vault may not include catalog", {"lib/vault/a.c": '#include "catalog/catalog.h"\n'}),
    ("engine may not include api", {"lib/engine/a.c": '#include "api/x.h"\n'}),
    ("write includes from lib/", {"lib/base/a.c": '#include "error.h"\n'}),
    ("write includes from lib/", {"lib/base/a.c": '#include "../os/file.h"\n'}),
    ("drivers of storage", {"lib/engine/a.c": '#include "storage/drivers/drivers.h"\n'}),
    ("private to os", {"lib/task/a.c": '#include "os/file_int.h"\n'}),
    ("third-party", {"lib/catalog/a.h": "#include <sqlite3.h>\n"}),
    ("third-party", {"lib/hash/a.h": "#include <openssl/evp.h>\n"}),
    ("no line in the table", {"lib/misc/a.c": "int a;\n"}),
    ("not for a public header", {"lib/base/a.c": "", "include/a.h": "#include <zlib.h>\n"}),
]
CLEAN = {
    "lib/vault/archive/a.c": '#include "storage/storage.h"\n#include "vault/archive/x_int.h"\n',
    "lib/base/a.c": "#include <zlib.h>\n#include <backupsvc/base.h>\n",
    "lib/base/b.h": "#include <sys/types.h>\n#include <backupsvc.h>\n",
}

if __name__ == "__main__":
    linting.main(check, SELF_TEST, CLEAN)
