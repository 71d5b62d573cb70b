/* SPDX-License-Identifier: MIT */
/*
 * Reads and replaces small files of the state directory. A file that is being
 * written has ".new" behind its name; one that was left by a crash is removed by
 * the next who writes.
 */
#include "engine/state_file.h"

#include <stdio.h>

#include "crypto/secret.h"
#include "os/file.h"

enum { NAME_SIZE = 64 };

bs_status bsi_state_file_exists(int dir, const char *name, bool *out)
{
    bsi_stat stat;
    const bs_status status = bsi_stat_at(dir, name, &stat);

    *out = status >= 0;
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

bs_status bsi_state_file_read(int dir, const char *name, bsi_buf *out)
{
    bsi_stat stat;
    size_t got = 0;
    int fd = -1;
    bs_status status =
        bsi_open(dir, name, BSI_OPEN_READ | BSI_OPEN_NOFOLLOW | BSI_OPEN_NONBLOCK, 0, &fd);

    if (status < 0) {
        return status;
    }
    status = bsi_fstat(fd, &stat);
    if (status >= 0 && (stat.type != BSI_TYPE_FILE || stat.size > out->max - out->size)) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "'%s' is no file of at most %zu bytes",
                          name, out->max);
    }
    if (status >= 0) {
        status = bsi_buf_reserve(out, (size_t)stat.size);
    }
    if (status >= 0) {
        status = bsi_read(fd, out->data + out->size, (size_t)stat.size, &got);
    }
    if (status >= 0) {
        out->size += got;
    }
    bsi_close_quietly(fd);
    return status;
}

static bs_status write_new(int dir, const char *name, bsi_slice content)
{
    int fd = -1;
    bs_status status = bsi_open(
        dir, name, BSI_OPEN_WRITE | BSI_OPEN_CREATE | BSI_OPEN_EXCLUSIVE | BSI_OPEN_NOFOLLOW, 0600,
        &fd);

    if (status < 0) {
        return status;
    }
    status = bsi_write(fd, content.data, content.size);
    if (status >= 0) {
        status = bsi_sync(fd);
    }
    if (status < 0) {
        bsi_close_quietly(fd);
        return status;
    }
    return bsi_close(fd);
}

static bs_status try_new(int dir, const char *name, bsi_slice content, bsi_state_file_check check,
                         void *user)
{
    bsi_slice found;
    bsi_buf back;
    bs_status status = BS_OK;

    bsi_buf_init(&back, content.size);
    status = bsi_state_file_read(dir, name, &back);
    found = (bsi_slice){(const char *)back.data, back.size};
    if (status >= 0 && !bsi_slice_equal(found, content)) {
        status =
            bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "'%s' does not read back as written", name);
    }
    if (status >= 0 && check) {
        status = check(user, found);
    }
    if (back.data) {
        bsi_wipe(back.data, back.capacity);
    }
    bsi_buf_dispose(&back);
    return status;
}

static bs_status put_in_place(int dir, const char *from, const char *name)
{
    BSI_TRY(bsi_rename(dir, from, dir, name, false));
    return bsi_sync(dir);
}

bs_status bsi_state_file_write(int dir, const char *name, bsi_slice content,
                               bsi_state_file_check check, void *user)
{
    char beside[NAME_SIZE];
    bs_error error;
    bs_status status = BS_OK;

    (void)snprintf(beside, sizeof(beside), "%.50s.new", name);
    status = bsi_unlink(dir, beside);
    if (status < 0 && status != BS_E_NOT_FOUND) {
        return status;
    }
    status = write_new(dir, beside, content);
    if (status >= 0) {
        status = try_new(dir, beside, content, check, user);
    }
    if (status >= 0) {
        return put_in_place(dir, beside, name);
    }
    bsi_error_save(&error);
    if (bsi_unlink(dir, beside) < 0) { /* The next writer tries again. */
        bsi_error_restore(&error);
    }
    return status;
}
