/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_TARGET_FIXTURE_H
#define TESTS_UNIT_TARGET_FIXTURE_H

/* A target in a directory of its own, entries to put into it, and a look at what came of them. */
#include "support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/fault.h"
#include "support/tempdir.h"
#include "target/target.h"

typedef struct fixture {
    test_dir *dir;
    bsi_target *target;
    bsi_target_options options;
    bsi_warn warn;
    int warning_count;
    bs_status last_warning;
    char last_path[256];
    char last_text[BS_ERROR_MESSAGE_SIZE];
} fixture;

static inline void take_warning(void *user, bsi_slice path, const bs_error *error)
{
    fixture *f = user;

    f->warning_count++;
    f->last_warning = error->code;
    (void)snprintf(f->last_path, sizeof(f->last_path), "%.*s", (int)path.size, path.data);
    (void)snprintf(f->last_text, sizeof(f->last_text), "%s", error->message);
}

static inline int fixture_setup(void **state)
{
    fixture *f = bsi_calloc(1, sizeof(*f));

    if (!f || test_dir_setup((void **)&f->dir) != 0) {
        return -1;
    }
    f->warn = (bsi_warn){.report = take_warning, .user = f};
    f->options = (bsi_target_options){.permissions = true, .warn = &f->warn};
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    fixture *f = *state;
    int result = 0;

    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    bsi_target_close(f->target);
    result = test_dir_teardown((void **)&f->dir);
    bsi_free(f);
    return result;
}

static inline const char *root_of(const fixture *f, char out[512])
{
    (void)snprintf(out, 512, "%s/root", f->dir->path);
    return out;
}

static inline void close_target(fixture *f)
{
    bsi_target_close(f->target);
    f->target = NULL;
}

/* Open "root" in the fixture's directory, once more if it is open. */
static inline bsi_target *open_target(fixture *f)
{
    char root[512];

    close_target(f);
    assert_ok(bsi_target_open(root_of(f, root), &f->options, NULL, &f->target));
    return f->target;
}

static inline int root_fd(const fixture *f)
{
    const int fd = openat(f->dir->fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static inline bsi_entry entry_of(const char *path, bsi_file_type type, uint32_t mode)
{
    bsi_entry entry = {.path = bsi_slice_of(path)};

    entry.stat.type = type;
    entry.stat.mode = mode;
    entry.stat.uid = geteuid();
    entry.stat.gid = getegid();
    entry.stat.nlink = 1;
    entry.stat.mtime = (bsi_time){.sec = 1000000007, .nsec = 123456789};
    return entry;
}

static inline bsi_entry file_entry(const char *path, const char *content)
{
    bsi_entry entry = entry_of(path, BSI_TYPE_FILE, 0644);

    entry.stat.size = strlen(content);
    return entry;
}

static inline bsi_entry link_entry(const char *path, const char *content)
{
    bsi_entry entry = entry_of(path, BSI_TYPE_SYMLINK, 0777);

    entry.link = bsi_slice_of(content);
    return entry;
}

/* Begin, write, commit. */
static inline bs_status put_entry(bsi_target *target, const bsi_entry *entry, const char *content)
{
    bsi_target_file *file = NULL;
    bs_status status = bsi_target_file_begin(target, entry, &file);

    if (status != BS_OK) {
        assert_null(file);
        return status;
    }
    status = bsi_target_file_write(file, 0, content, strlen(content));
    if (status < 0) {
        bsi_target_file_abort(file);
        return status;
    }
    return bsi_target_file_commit(file);
}

static inline bs_status put_file(bsi_target *target, const char *path, const char *content)
{
    const bsi_entry entry = file_entry(path, content);

    return put_entry(target, &entry, content);
}

static inline bs_status put_dir(bsi_target *target, const char *path)
{
    const bsi_entry entry = entry_of(path, BSI_TYPE_DIR, 0755);

    return bsi_target_dir(target, &entry);
}

/* What somebody else has put there before. Paths from the fixture's directory. */
static inline void plant_file(const fixture *f, const char *path, const char *content)
{
    const int fd = openat(f->dir->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(close(fd), 0);
}

static inline void plant_dir(const fixture *f, const char *path)
{
    assert_int_equal(mkdirat(f->dir->fd, path, 0755), 0);
}

static inline void plant_link(const fixture *f, const char *path, const char *content)
{
    assert_int_equal(symlinkat(content, f->dir->fd, path), 0);
}

static inline struct stat look(const fixture *f, const char *path)
{
    struct stat info = {0};

    assert_int_equal(fstatat(f->dir->fd, path, &info, AT_SYMLINK_NOFOLLOW), 0);
    return info;
}

static inline bool is_there(const fixture *f, const char *path)
{
    struct stat info;

    return fstatat(f->dir->fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void assert_file(const fixture *f, const char *path, const char *content)
{
    char text[256] = "";
    const int fd = openat(f->dir->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, text, sizeof(text) - 1), strlen(content));
    assert_string_equal(text, content);
    assert_int_equal(close(fd), 0);
}

/* How many names a directory has that begin with `prefix`. */
static inline int count_names(const fixture *f, const char *path, const char *prefix)
{
    const int fd = openat(f->dir->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    int count = 0;

    assert_non_null(dir);
    for (const struct dirent *item = readdir(dir); item; item = readdir(dir)) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0 &&
            strncmp(item->d_name, prefix, strlen(prefix)) == 0) {
            count++;
        }
    }
    (void)closedir(dir);
    return count;
}

#endif
