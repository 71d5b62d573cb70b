/* SPDX-License-Identifier: MIT */
/*
 * Goes through the directories of a local storage, however deep, one at a time.
 */
#include "storage/drivers/local_walk.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "os/file.h"

enum { PENDING_MAX = 512 * 1024 * 1024 }; /* Bytes of directory names that wait. */

typedef struct local_walk {
    bsi_local_tree *tree;
    const bs_call *call;
    const bsi_local_visit *visit;
    bsi_buf pending; /* Paths of directories, each with its NUL; the last one is next. */
    char path[BS_STORAGE_KEY_MAX + 257];
    size_t dir_size; /* Bytes of `path` that are the directory, with its slash. */
    bool begun;
    uint64_t names; /* Seen in the directory, without those that were removed. */
} local_walk;

static bs_status visit_file(local_walk *walk, int dir, const char *name)
{
    const bsi_local_visit *visit = walk->visit;
    const bs_status status = visit->visit(visit->user, dir, name, walk->path);

    if (visit->removed && *visit->removed) {
        walk->names--;
    }
    return status;
}

static bs_status walk_name(local_walk *walk, int dir, const bsi_dir_entry *entry)
{
    bsi_file_type type = entry->type;
    const size_t size = strlen(entry->name) + 1;

    BSI_TRY(bsi_call_check(walk->call));
    walk->names++;
    if (walk->dir_size + size > sizeof(walk->path)) {
        return BS_OK; /* Longer than any key. */
    }
    memcpy(walk->path + walk->dir_size, entry->name, size);
    if (type == 0) {
        bsi_stat stat;
        const bs_status status = bsi_stat_at(dir, entry->name, &stat);
        if (status < 0) {
            return status == BS_E_NOT_FOUND ? BS_OK : status;
        }
        type = stat.type;
    }
    if (type == BSI_TYPE_DIR) {
        return bsi_buf_append(&walk->pending, walk->path, walk->dir_size + size);
    }
    return type == BSI_TYPE_FILE ? visit_file(walk, dir, entry->name) : BS_OK;
}

/* The one that the walk begins with, or one that was in another a moment ago. */
static bs_status open_dir(local_walk *walk, int *fd_out)
{
    const bsi_slice path = {walk->path, walk->dir_size - (walk->dir_size > 0)};
    const bool first = !walk->begun;

    walk->begun = true;
    return first ? bsi_local_reach_dir(walk->tree, path, fd_out)
                 : bsi_local_open_dir(walk->tree, path, fd_out);
}

/* One directory. What is gone by now is nothing to tell of. */
static bs_status walk_dir(local_walk *walk)
{
    bsi_dir *dir = NULL;
    bsi_dir_entry entry;
    int fd = -1;
    bs_status status = open_dir(walk, &fd);

    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    walk->names = 0;
    status = bsi_dir_open(fd, &dir);
    while (status == BS_OK) {
        status = bsi_dir_next(dir, &entry);
        if (status == BS_END || status == BS_E_NOT_FOUND) { /* The directory itself is gone. */
            status = BS_OK;
            break;
        }
        if (status == BS_OK) {
            status = walk_name(walk, fd, &entry);
        }
    }
    bsi_dir_close(dir);
    bsi_close_quietly(fd);
    return status;
}

static void take_pending(local_walk *walk)
{
    const char *data = (const char *)walk->pending.data;
    size_t begin = walk->pending.size - 1;

    while (begin > 0 && data[begin - 1] != '\0') {
        begin--;
    }
    walk->dir_size = walk->pending.size - 1 - begin;
    memcpy(walk->path, data + begin, walk->dir_size);
    if (walk->dir_size > 0) {
        walk->path[walk->dir_size] = '/';
        walk->dir_size++;
    }
    walk->pending.size = begin;
}

/* Not those in the root itself: they may be others', like lost+found. */
static void prune_dir(local_walk *walk)
{
    const bsi_slice path = {walk->path, walk->dir_size - (walk->dir_size > 0)};
    bsi_slice left;

    if (walk->names == 0 && path.size > 0 && memchr(path.data, '/', path.size)) {
        bsi_local_remove_empty(walk->tree, path, &left);
    }
}

static bs_status walk_all(local_walk *walk, const char *prefix)
{
    bs_status status = BS_OK;

    bsi_buf_init(&walk->pending, PENDING_MAX);
    status = bsi_buf_append(&walk->pending, prefix, strlen(prefix) + 1);
    while (status == BS_OK && walk->pending.size > 0) {
        take_pending(walk);
        status = walk_dir(walk);
        if (status == BS_OK && walk->visit->removed) {
            prune_dir(walk);
        }
    }
    bsi_buf_dispose(&walk->pending);
    return status;
}

bs_status bsi_local_walk(bsi_local_tree *tree, const bs_call *call, const char *prefix,
                         const bsi_local_visit *visit)
{
    local_walk *walk = bsi_calloc(1, sizeof(*walk));
    bs_status status = BS_OK;

    if (!walk) {
        return BS_E_NOMEM;
    }
    walk->tree = tree;
    walk->call = call;
    walk->visit = visit;
    status = walk_all(walk, prefix);
    bsi_free(walk);
    return status;
}
