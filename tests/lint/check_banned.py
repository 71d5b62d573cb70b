#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when lib/ calls what the house style bans, and say what to use instead.

A row is: the names, the reason, and the places that may use them all the same
(catalog/sql_faults.c stands between SQLite and the system).
Only calls count: a struct member or a driver's method may have such a name.
"""
import re

import linting

RULES = [
    ("malloc calloc realloc reallocarray free strdup strndup",
     "memory comes from base/alloc.h, so that tests can fail it", ["lib/base/alloc.c"]),
    ("sprintf vsprintf strcpy strcat strncpy strncat stpcpy gets scanf sscanf fscanf",
     "writes without a bound or without a NUL; use bsi_buffer or snprintf()", []),
    ("strtok strtok_r", "changes its input; walk the text", []),
    ("atoi atol atoll atof strtol strtoll strtoul strtoull strtod strtof strtoimax strtoumax",
     "hides errors and follows the locale; use text/", ["lib/text/"]),
    ("alloca", "the stack is small; use base/alloc.h", []),
    ("time localtime localtime_r gmtime gmtime_r mktime ctime asctime clock_gettime gettimeofday",
     "clocks and calendars are lib/os and lib/text", ["lib/os/"]),
    ("rand srand random drand48 getrandom arc4random", "chance is os/random.h", ["lib/os/"]),
    ("open open64 openat creat fopen fdopen freopen tmpfile mkstemp opendir fdopendir pipe socket",
     "descriptors are opened close-on-exec by lib/os", ["lib/os/", "lib/catalog/sql_faults.c"]),
    ("mkdir mkdirat rename renameat renameat2 unlink unlinkat link linkat symlink symlinkat stat "
     "lstat fstat fstatat statx access faccessat fsync fdatasync ftruncate truncate pread pwrite "
     "chmod fchmod fchmodat chown fchown fchownat lchown utimensat futimens setxattr fsetxattr",
     "system calls go through lib/os, where tests put faults",
     ["lib/os/", "lib/catalog/sql_faults.c"]),
    ("pthread_create pthread_mutex_lock pthread_cond_wait pthread_cond_timedwait sleep usleep "
     "nanosleep fork vfork execv execve execvp posix_spawn posix_spawnp waitpid",
     "threads and processes are lib/os", ["lib/os/"]),
    ("getenv secure_getenv", "the environment is read only for bs_config_load_env()",
     ["lib/os/", "lib/engine/config", "lib/api/config"]),
    ("setenv putenv unsetenv clearenv chdir fchdir umask setlocale sigaction signal sigprocmask "
     "setrlimit atexit", "the process belongs to the program that links the library", []),
    ("printf fprintf vprintf vfprintf puts fputs putchar perror dprintf syslog",
     "the library never prints; return an error or log", ["lib/base/error.c"]),
    ("assert", "use BSI_ASSERT() or BSI_CHECK()", []),
    ("exit _exit _Exit quick_exit abort system popen",
     "the library never ends its process or starts a shell",
     ["lib/base/error.c", "lib/os/posix/process"]),
]  # fmt: skip

BANNED = {
    name: (reason, places) for names, reason, places in RULES for name in names.split()
}
CALL = re.compile(
    r"(?<![\w.])(?<!->)(" + "|".join(sorted(BANNED, key=len, reverse=True)) + r")\s*\("
)


def check(root):
    for path in linting.walk(root / "lib", ".c", ".h"):
        where = path.relative_to(root).as_posix()
        text = path.read_text()
        code = linting.code_only(text)
        for match in CALL.finditer(code):
            reason, places = BANNED[match.group(1)]
            if not any(where.startswith(place) for place in places):
                number = linting.line_of(code, match.start())
                yield f"{path}:{number}: {match.group(1)}(): {reason}"
        for number, line in enumerate(text.split("\n"), 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                yield f"{path}:{number}: do it or leave it out: {line.strip()}"


SELF_TEST = [
    ("malloc(): memory", {"lib/vault/a.c": "void f(void)\n{\n    x = malloc(3);\n}\n"}),
    ("free(): memory", {"lib/os/a.c": "void f(void)\n{\n    free (x);\n}\n"}),
    ("sprintf()", {"lib/text/a.c": 'int f = sprintf(a, "b");\n'}),
    ("time(): clocks", {"lib/engine/a.c": "int t = time(NULL);\n"}),
    ("openat(): descriptors", {"lib/storage/drivers/local.c": "int t = openat(1, p, 0);\n"}),
    ("printf(): the library", {"lib/api/a.c": 'int t = printf("x");\n'}),
    ("exit(): the library", {"lib/api/a.c": "int t = f(exit(1));\n"}),
    ("assert(): use", {"lib/api/a.c": "void f(void) { assert(x); }\n"}),
    ("do it or leave it out", {"lib/api/a.c": "/* TO" + "DO: later */\n"}),
]
CLEAN = {
    "lib/vault/a.c": "/* free() is banned */\nint f = self->ops->open(x) + ops.free(x);\n"
    'const char *t = "malloc(3)";\nbs_status (*open)(void *self);\nint g = bsi_free(x);\n',
    "lib/os/posix/file.c": "int fd = openat(1, p, 0);\n",
    "lib/base/a.h": '_Static_assert(1, "x");\nstatic_assert(1, "x");\n',
}

if __name__ == "__main__":
    linting.main(check, SELF_TEST, CLEAN)
