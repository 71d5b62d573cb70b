/* SPDX-License-Identifier: MIT */
/*
 * The directories of a local storage: reached without links, made and removed as
 * objects come and go, and made durable.
 */
#include "storage/drivers/local_tree.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "os/dir_cache.h"
#include "os/file.h"

enum {
    DIR_MODE = 0700,
    PIECE_SIZE = 2048, /* Longest path given to the kernel at once. */
};

static bs_status open_piece(int at, const char *data, size_t size, int *fd_out)
{
    const unsigned flags = BSI_OPEN_READ | BSI_OPEN_DIR | BSI_OPEN_NOFOLLOW;
    char piece[PIECE_SIZE];

    if (size == 0) {
        return bsi_open(at, ".", flags, 0, fd_out);
    }
    memcpy(piece, data, size);
    piece[size] = '\0';
    return bsi_open(at, piece, flags | BSI_OPEN_BENEATH, 0, fd_out);
}

bs_status bsi_local_open_dir(const bsi_local_tree *tree, bsi_slice path, int *fd_out)
{
    int at = tree->root;
    size_t done = 0;

    do {
        size_t end = bsi_min_size(path.size, done + PIECE_SIZE - 1);
        int next = -1;
        bs_status status = BS_OK;

        while (end < path.size && path.data[end] != '/') {
            end--;
        }
        status = open_piece(at, path.data + done, end - done, &next);
        if (at != tree->root) {
            bsi_close_quietly(at);
        }
        if (status < 0) {
            return status;
        }
        at = next;
        done = end + 1;
    } while (done < path.size);
    *fd_out = at;
    return BS_OK;
}

bs_status bsi_local_reach_dir(const bsi_local_tree *tree, bsi_slice path, int *fd_out)
{
    bs_status status = bsi_local_open_dir(tree, path, fd_out);

    if (status == BS_E_NOT_FOUND && bs_error_last()->os_code == ENOTDIR) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "something else is where its directory was");
        bsi_error_set_retry(BS_RETRY_NEVER, 0); /* Somebody has to put it away first. */
    }
    return status;
}

static bs_status make_dir(const bsi_local_tree *tree, bsi_slice path)
{
    bsi_slice parent;
    bsi_slice name;
    char text[256];
    int fd = -1;
    bs_status status = BS_OK;

    bsi_path_split(path, &parent, &name);
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    BSI_TRY(bsi_local_open_dir(tree, parent, &fd));
    status = bsi_mkdir(fd, text, DIR_MODE);
    bsi_close_quietly(fd);
    return status == BS_E_EXISTS ? BS_OK : status;
}

bs_status bsi_local_make_dirs(const bsi_local_tree *tree, bsi_slice path)
{
    bs_status status = BS_OK;

    for (size_t end = 1; end <= path.size && status == BS_OK; end++) {
        if (end == path.size || path.data[end] == '/') {
            status = make_dir(tree, (bsi_slice){path.data, end});
        }
    }
    return status;
}

bs_status bsi_local_sync_dir(const bsi_local_tree *tree, bsi_slice path)
{
    int fd = -1;
    bs_status status = bsi_local_open_dir(tree, path, &fd);

    if (status == BS_OK) {
        status = bsi_sync(fd);
        bsi_close_quietly(fd);
    }
    return status;
}

static size_t durable_slot(bsi_slice path)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < path.size; i++) {
        hash = (hash ^ (uint8_t)path.data[i]) * 1099511628211u;
    }
    return (size_t)(hash % BSI_LOCAL_DURABLE_MAX);
}

static bool is_durable(bsi_local_tree *tree, bsi_slice path, uint64_t *removed_out)
{
    const size_t slot = durable_slot(path);
    bool known = false;

    bsi_mutex_lock(&tree->lock);
    known = tree->durable[slot] && bsi_slice_is(path, tree->durable[slot]);
    *removed_out = tree->removed;
    bsi_mutex_unlock(&tree->lock);
    return known;
}

/* Only when no directory was removed meanwhile: it might have been this one. */
static void note_durable(bsi_local_tree *tree, bsi_slice path, uint64_t removed)
{
    const size_t slot = durable_slot(path);
    char *copy = bsi_strndup(path.data, path.size);

    bsi_mutex_lock(&tree->lock);
    if (copy && tree->removed == removed) {
        bsi_free(tree->durable[slot]);
        tree->durable[slot] = copy;
        copy = NULL;
    }
    bsi_mutex_unlock(&tree->lock);
    bsi_free(copy);
}

/*
 * Make durable that the directory of an object exists. Whoever made it may not
 * have come to syncing its parent, so it is done once for each directory that
 * this process puts something into.
 */
bs_status bsi_local_sync_parents(bsi_local_tree *tree, bsi_slice path)
{
    uint64_t removed = 0;
    bs_status status = BS_OK;

    while (status == BS_OK && path.size > 0 && !is_durable(tree, path, &removed)) {
        bsi_slice parent;
        bsi_slice name;

        bsi_path_split(path, &parent, &name);
        status = bsi_local_sync_dir(tree, parent);
        if (status == BS_OK) {
            note_durable(tree, path, removed);
        }
        path = parent;
    }
    return status;
}

/* Under the lock, so that a directory is never taken for durable that was made anew since. */
static bs_status remove_dir(bsi_local_tree *tree, int parent, bsi_slice path, const char *name)
{
    const size_t slot = durable_slot(path);
    bs_status status = BS_OK;

    bsi_mutex_lock(&tree->lock);
    status = bsi_rmdir(parent, name);
    if (status == BS_OK) {
        tree->removed++;
        bsi_free(tree->durable[slot]);
        tree->durable[slot] = NULL;
    }
    bsi_mutex_unlock(&tree->lock);
    return status;
}

/*
 * Remove a directory and those above it as long as they are empty. `left_out` is
 * the one that stays.
 */
void bsi_local_remove_empty(bsi_local_tree *tree, bsi_slice path, bsi_slice *left_out)
{
    while (path.size > 0) {
        bsi_slice parent;
        bsi_slice name;
        char text[256];
        int fd = -1;
        bs_status status = BS_OK;

        bsi_path_split(path, &parent, &name);
        memcpy(text, name.data, name.size);
        text[name.size] = '\0';
        status = bsi_local_open_dir(tree, parent, &fd);
        if (status == BS_OK) {
            status = remove_dir(tree, fd, path, text);
            bsi_close_quietly(fd);
        }
        if (status < 0 && status != BS_E_NOT_FOUND) {
            break;
        }
        path = parent;
    }
    *left_out = path;
}

/* Best effort: directories above the root may not be ours to open. */
static void sync_above(const char *path)
{
    char *text = NULL;

    if (bsi_absolute_path(path, &text) < 0) {
        return;
    }
    for (char *slash = strrchr(text, '/'); slash; slash = strrchr(text, '/')) {
        int fd = -1;
        slash[slash == text] = '\0';
        if (bsi_open(BSI_CWD, text, BSI_OPEN_READ | BSI_OPEN_DIR, 0, &fd) < 0) {
            break;
        }
        const bs_status synced = bsi_sync(fd);
        (void)synced;
        bsi_close_quietly(fd);
        if (slash == text) {
            break;
        }
    }
    bsi_free(text);
}

static bs_status open_root(const char *path, bool create, int *fd_out)
{
    bs_status status = bsi_open(BSI_CWD, path, BSI_OPEN_READ | BSI_OPEN_DIR, 0, fd_out);

    if (status != BS_E_NOT_FOUND || !create) {
        return status;
    }
    BSI_TRY(bsi_mkdir_all(BSI_CWD, path, DIR_MODE));
    BSI_TRY(bsi_open(BSI_CWD, path, BSI_OPEN_READ | BSI_OPEN_DIR, 0, fd_out));
    sync_above(path);
    return BS_OK;
}

bs_status bsi_local_tree_open(const char *path, bool create, bsi_local_tree *out)
{
    BSI_TRY(open_root(path, create, &out->root));
    bsi_mutex_init(&out->lock);
    return BS_OK;
}

void bsi_local_tree_close(bsi_local_tree *tree)
{
    for (size_t i = 0; i < BSI_LOCAL_DURABLE_MAX; i++) {
        bsi_free(tree->durable[i]);
    }
    bsi_close_quietly(tree->root);
    bsi_mutex_dispose(&tree->lock);
}
