/* SPDX-License-Identifier: MIT */
/*
 * Makes, recognises and locks state directories.
 */
#include "engine/state_dir.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "catalog/catalog.h"
#include "engine/paths.h"
#include "os/file.h"
#include "os/tree.h"

/* BS_OK: empty, or one of our files is there. */
static bs_status check_ours(int fd, const char *path)
{
    bsi_dir *dir = NULL;
    bsi_dir_entry entry;
    bsi_stat stat;
    bool empty = true;
    bs_status status = bsi_dir_open(fd, &dir);

    if (status < 0) {
        return status;
    }
    status = bsi_dir_next(dir, &entry);
    if (status == BS_OK) {
        empty = false;
    }
    bsi_dir_close(dir);
    if (status < 0 || empty) {
        return status < 0 ? status : BS_OK;
    }
    if (bsi_stat_at(fd, BSI_CATALOG_FILE, &stat) == BS_OK ||
        bsi_stat_at(fd, BSI_STATE_LOCK_FILE, &stat) == BS_OK) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                    "'%s' holds files but no catalogue: it is no state directory; name an empty "
                    "or a new one",
                    path);
}

/* Make a directory that may be there, and open it. */
static bs_status make_dir(int fd, const char *name, int *fd_out)
{
    const bs_status status = bsi_mkdir(fd, name, 0700);

    if (status < 0 && status != BS_E_EXISTS) {
        return status;
    }
    return bsi_open(fd, name, BSI_OPEN_READ | BSI_OPEN_DIR | BSI_OPEN_NOFOLLOW, 0, fd_out);
}

static bs_status take_lock(bsi_state_dir *dir)
{
    bs_status status = bsi_open(
        dir->fd, BSI_STATE_LOCK_FILE,
        BSI_OPEN_READ | BSI_OPEN_WRITE | BSI_OPEN_CREATE | BSI_OPEN_NOFOLLOW, 0600, &dir->lock_fd);

    if (status == BS_E_ACCESS) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_READ_ONLY,
                        "the state directory '%s' cannot be written", dir->path);
    }
    if (status < 0) {
        return status;
    }
    status = bsi_lock_exclusive(dir->lock_fd);
    if (status == BS_E_BUSY) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_BUSY,
                        "the state directory '%s' is open in another service", dir->path);
    }
    return status;
}

static bs_status prepare(bsi_state_dir *dir)
{
    bsi_stat stat;
    int storage_fd = -1;

    BSI_TRY(bsi_mkdir_all(BSI_CWD, dir->path, 0700));
    BSI_TRY(bsi_open(BSI_CWD, dir->path, BSI_OPEN_READ | BSI_OPEN_DIR, 0, &dir->fd));
    BSI_TRY(bsi_fstat(dir->fd, &stat));
    dir->id = (bsi_dir_id){.dev = stat.dev, .ino = stat.ino};
    BSI_TRY(check_ours(dir->fd, dir->path));
    BSI_TRY(take_lock(dir));
    BSI_TRY(make_dir(dir->fd, BSI_STATE_TEMP_DIR, &dir->temp_fd));
    BSI_TRY(bsi_tree_empty(dir->temp_fd));
    BSI_TRY(make_dir(dir->fd, BSI_STATE_STORAGE_DIR, &storage_fd));
    bsi_close_quietly(storage_fd);
    return BS_OK;
}

static bs_status make_paths(bsi_state_dir *dir, const char *path)
{
    bsi_buf text;
    char *absolute = NULL;
    bs_status status = bsi_absolute_path(path, &absolute);

    if (status < 0) {
        return status;
    }
    dir->path = bsi_path_normalise(absolute);
    bsi_free(absolute);
    if (!dir->path) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "'%s' has a '..' in it", path);
    }
    bsi_buf_init(&text, BSI_PATH_MAX);
    status = bsi_buf_append_format(&text, "%s/%s", strcmp(dir->path, "/") == 0 ? "" : dir->path,
                                   BSI_STATE_STORAGE_DIR);
    if (status >= 0) {
        dir->storage_path = bsi_buf_take_text(&text);
        status = dir->storage_path ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&text);
    return status;
}

bs_status bsi_state_dir_open(const char *path, bsi_state_dir *out)
{
    bsi_state_dir dir = {.fd = -1, .lock_fd = -1, .temp_fd = -1};
    bs_status status = make_paths(&dir, path);

    if (status >= 0) {
        status = prepare(&dir);
    }
    if (status < 0) {
        status = bsi_fail_context(BS_LAYER_SYSTEM, status, "opening the state directory");
        bsi_state_dir_close(&dir);
        return status;
    }
    *out = dir;
    return BS_OK;
}

void bsi_state_dir_close(bsi_state_dir *dir)
{
    if (!dir->path && !dir->storage_path) {
        return;
    }
    bsi_close_quietly(dir->temp_fd);
    bsi_close_quietly(dir->lock_fd);
    bsi_close_quietly(dir->fd);
    bsi_free(dir->path);
    bsi_free(dir->storage_path);
    *dir = (bsi_state_dir){.fd = -1, .lock_fd = -1, .temp_fd = -1};
}
