/* SPDX-License-Identifier: MIT */
#include "os/tree.h"

#include <inttypes.h>
#include <stdio.h>

#include "os/file.h"

enum { MOVED_NAME_SIZE = 32 };

typedef struct emptying {
    int top;
    uint64_t moved;
    bool found; /* In this pass over the top. */
} emptying;

typedef bs_status (*entry_cb)(emptying *self, int dir, const char *name);

static bs_status each_entry(emptying *self, int fd, entry_cb callback)
{
    bsi_dir *dir = NULL;
    bsi_dir_entry entry;
    bs_status status = bsi_dir_open(fd, &dir);

    if (status < 0) {
        return status;
    }
    while ((status = bsi_dir_next(dir, &entry)) == BS_OK) {
        status = callback(self, fd, entry.name);
        if (status < 0) {
            break;
        }
    }
    bsi_dir_close(dir);
    return status < 0 ? status : BS_OK;
}

static bs_status move_to_top(emptying *self, int dir, const char *name)
{
    char moved[MOVED_NAME_SIZE];
    bsi_stat stat;
    bs_status status = BS_OK;

    while (status == BS_OK) { /* Until there is nothing of that name. */
        self->moved++;
        (void)snprintf(moved, sizeof(moved), ".moved-%" PRIu64, self->moved);
        status = bsi_stat_at(self->top, moved, &stat);
    }
    return status == BS_E_NOT_FOUND ? bsi_rename(dir, name, self->top, moved, false) : status;
}

static bs_status clear_below(emptying *self, int dir, const char *name)
{
    bsi_stat stat;

    BSI_TRY(bsi_stat_at(dir, name, &stat));
    return stat.type == BSI_TYPE_DIR ? move_to_top(self, dir, name) : bsi_unlink(dir, name);
}

static bs_status remove_dir(emptying *self, int dir, const char *name)
{
    int fd = -1;
    bs_status status =
        bsi_open(dir, name, BSI_OPEN_READ | BSI_OPEN_DIR | BSI_OPEN_NOFOLLOW, 0, &fd);

    if (status >= 0) {
        status = each_entry(self, fd, clear_below);
        bsi_close_quietly(fd);
    }
    return status < 0 ? status : bsi_rmdir(dir, name);
}

static bs_status clear_top(emptying *self, int dir, const char *name)
{
    bsi_stat stat;

    self->found = true;
    BSI_TRY(bsi_stat_at(dir, name, &stat));
    return stat.type == BSI_TYPE_DIR ? remove_dir(self, dir, name) : bsi_unlink(dir, name);
}

/* A listing need not show what came to the top while it was read. */
bs_status bsi_tree_empty(int fd)
{
    emptying self = {.top = fd, .found = true};

    while (self.found) {
        self.found = false;
        BSI_TRY(each_entry(&self, fd, clear_top));
    }
    return BS_OK;
}

bs_status bsi_tree_remove(int dir, const char *name)
{
    int fd = -1;
    bs_status status =
        bsi_open(dir, name, BSI_OPEN_READ | BSI_OPEN_DIR | BSI_OPEN_NOFOLLOW, 0, &fd);

    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    if (status >= 0) {
        status = bsi_tree_empty(fd);
        bsi_close_quietly(fd);
    }
    return status < 0 ? status : bsi_rmdir(dir, name);
}
