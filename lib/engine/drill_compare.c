/* SPDX-License-Identifier: MIT */
/*
 * Compares what a drill has restored with what the manifest says of it. The files
 * are read as anybody would read them: nothing of the restore is believed.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "engine/drill.h"
#include "os/dir_cache.h"

enum { PART = 256 * 1024 };

typedef struct comparing {
    const bsi_vault_env *env;
    const bsi_sample *sample;
    bsi_dir_cache *dirs;
    bsi_sha256 *hash;
    uint8_t *buffer;
    uint64_t wrong;
} comparing;

static bs_status differs(const char *how)
{
    return bsi_fail(BS_LAYER_TARGET, BS_E_CORRUPT, "restored, it is not what was backed up: %s",
                    how);
}

/* --- One file --- */

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* Bytes that were stored go into the hash; between them there must be zeros. */
static bs_status read_stretch(comparing *self, int fd, uint64_t from, uint64_t to, bool stored)
{
    while (from < to) {
        const size_t part = (size_t)bsi_min_u64(PART, to - from);
        size_t got = 0;
        BSI_TRY(bsi_call_check(self->env->call));
        BSI_TRY(bsi_pread(fd, self->buffer, part, from, &got));
        if (got != part) {
            return differs("it is too short");
        }
        if (stored) {
            bsi_sha256_update(self->hash, self->buffer, part);
        } else if (!is_zero(self->buffer, part)) {
            return differs("there are bytes where it has a hole");
        }
        from += part;
    }
    return BS_OK;
}

static bs_status read_all(comparing *self, int fd, const bsi_entry *entry)
{
    uint64_t at = 0;

    if (!entry->sparse) {
        return read_stretch(self, fd, 0, entry->stat.size, true);
    }
    for (size_t i = 0; i < entry->extent_count; i++) {
        const bsi_extent *extent = &entry->extents[i];
        BSI_TRY(read_stretch(self, fd, at, extent->offset, false));
        at = extent->offset + extent->size;
        BSI_TRY(read_stretch(self, fd, extent->offset, at, true));
    }
    return read_stretch(self, fd, at, entry->stat.size, false);
}

static bs_status end_hash(comparing *self, const bsi_digest *wanted)
{
    bsi_digest digest;

    bsi_sha256_finish(self->hash, &digest);
    return bsi_digest_equal(&digest, wanted) ? BS_OK : differs("its content");
}

static bs_status compare_parts(comparing *self, int fd, const bsi_listed *listed)
{
    uint64_t at = 0;

    for (size_t i = 0; i < listed->part_count; i++) {
        const bsi_part *part = &listed->parts[i];
        bsi_sha256_reset(self->hash);
        BSI_TRY(read_stretch(self, fd, at, at + part->size, true));
        BSI_TRY(end_hash(self, &part->sha256));
        at += part->size;
    }
    return at == listed->entry.stat.size ? BS_OK : differs("its size");
}

static bs_status compare_content(comparing *self, int fd, const bsi_listed *listed)
{
    bsi_stat stat;

    BSI_TRY(bsi_fstat(fd, &stat));
    if (stat.type != BSI_TYPE_FILE || stat.size != listed->entry.stat.size) {
        return differs("its size");
    }
    if (!listed->has_digest) {
        return compare_parts(self, fd, listed);
    }
    bsi_sha256_reset(self->hash);
    BSI_TRY(read_all(self, fd, &listed->entry));
    return end_hash(self, &listed->sha256);
}

static bs_status open_file(comparing *self, bsi_slice path, int *fd_out)
{
    bsi_slice dir;
    bsi_slice last;
    char *name = NULL;
    int fd = -1;
    bs_status status = BS_OK;

    bsi_path_split(path, &dir, &last);
    name = bsi_strndup(last.data, last.size);
    status = name ? bsi_dir_cache_open(self->dirs, dir, &fd) : BS_E_NOMEM;
    if (status >= 0) {
        status =
            bsi_open(fd, name, BSI_OPEN_READ | BSI_OPEN_NOFOLLOW | BSI_OPEN_NONBLOCK, 0, fd_out);
    }
    bsi_free(name);
    return status;
}

static bs_status compare_file(comparing *self, const bsi_listed *listed)
{
    int fd = -1;
    bs_status status = open_file(self, listed->entry.path, &fd);

    if (status < 0) {
        return status;
    }
    status = compare_content(self, fd, listed);
    bsi_close_quietly(fd);
    return status;
}

/* The restore has told of those that are not there. */
static bs_status look_at(void *user, const bsi_listed *listed)
{
    comparing *self = user;
    bs_status status = BS_OK;

    if (!bsi_sample_has(self->sample, &listed->entry)) {
        return BS_OK;
    }
    status = compare_file(self, listed);
    if (status >= 0) {
        return BS_OK;
    }
    if (status == BS_E_NOMEM || status == BS_E_CANCELLED || status == BS_E_TIMEOUT) {
        return status;
    }
    self->wrong++;
    if (status != BS_E_NOT_FOUND) {
        bsi_warn_last(self->env->warn, listed->entry.path);
    }
    return BS_OK;
}

/* --- All of them --- */

static bs_status prepare(comparing *self, int root)
{
    self->buffer = bsi_alloc(PART);
    if (!self->buffer) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_sha256_new(&self->hash));
    return bsi_dir_cache_new(root, &self->dirs);
}

bs_status bsi_drill_compare(const bsi_vault_env *env, const char *manifest_key,
                            const bsi_sample *sample, const char *path, uint64_t *wrong_out)
{
    comparing self = {.env = env, .sample = sample};
    int root = -1;
    bs_status status = bsi_open(BSI_CWD, path, BSI_OPEN_READ | BSI_OPEN_DIR, 0, &root);

    if (status < 0) {
        return status;
    }
    status = prepare(&self, root);
    if (status >= 0) {
        status = bsi_vault_list(env, manifest_key, (bsi_slice){"", 0}, true, look_at, &self);
    }
    bsi_dir_cache_free(self.dirs);
    bsi_sha256_free(self.hash);
    bsi_free(self.buffer);
    bsi_close_quietly(root);
    *wrong_out = self.wrong;
    return status;
}
