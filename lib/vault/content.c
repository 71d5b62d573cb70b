/* SPDX-License-Identifier: MIT */
/*
 * Reads single files out of a backup, hash and all.
 */
#include "vault/content.h"

#include "base/alloc.h"
#include "base/checked.h"

enum { PART = 256 * 1024 };

bs_status bsi_content_check(const bsi_content *content, const bs_call *call,
                            const bsi_manifest_entry *entry, bsi_sha256 *hash, bsi_bytes_cb data,
                            void *user)
{
    uint64_t left = bsi_entry_data_size(&entry->listed.entry);
    uint8_t *buffer = bsi_alloc(PART);
    bsi_digest digest;
    bs_status status = buffer ? content->begin(content->self, entry) : BS_E_NOMEM;

    bsi_sha256_reset(hash);
    while (status >= 0 && left > 0) {
        const size_t part = (size_t)bsi_min_u64(left, PART);
        status = bsi_call_check(call);
        if (status >= 0) {
            status = content->next(content->self, buffer, part);
        }
        if (status >= 0) {
            bsi_sha256_update(hash, buffer, part);
            status = data ? data(user, buffer, part) : BS_OK;
            left -= part;
        }
    }
    bsi_free(buffer);
    BSI_TRY(status);
    bsi_sha256_finish(hash, &digest);
    if (!bsi_digest_equal(&digest, &entry->listed.sha256)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "its content is not what was backed up");
    }
    return BS_OK;
}

/* Hands data bytes on, with the zeros of the holes between them. */
typedef struct filler {
    const bsi_entry *entry;
    size_t extent;      /* The present one, */
    uint64_t in_extent; /* and how much of it has passed. */
    uint64_t at;        /* Position in the file. */
    bsi_bytes_cb data;
    void *user;
} filler;

static bs_status fill_to(filler *fill, uint64_t offset)
{
    static const uint8_t zeros[4096];

    while (fill->at < offset) {
        const size_t part = (size_t)bsi_min_u64(offset - fill->at, sizeof(zeros));
        BSI_TRY(fill->data(fill->user, zeros, part));
        fill->at += part;
    }
    return BS_OK;
}

static bs_status fill_data(void *user, const void *data, size_t size)
{
    filler *fill = user;
    const uint8_t *bytes = data;

    while (size > 0) {
        const bsi_extent *extent = &fill->entry->extents[fill->extent];
        const size_t part = (size_t)bsi_min_u64(size, extent->size - fill->in_extent);
        BSI_TRY(fill_to(fill, extent->offset + fill->in_extent));
        BSI_TRY(fill->data(fill->user, bytes, part));
        fill->at += part;
        fill->in_extent += part;
        bytes += part;
        size -= part;
        if (fill->in_extent == extent->size) {
            fill->extent++;
            fill->in_extent = 0;
        }
    }
    return BS_OK;
}

static bs_status read_found(const bsi_content *content, const bs_call *call,
                            const bsi_manifest_entry *entry, bsi_bytes_cb data, void *user)
{
    filler fill = {.entry = &entry->listed.entry, .data = data, .user = user};
    bsi_sha256 *hash = NULL;
    bs_status status = bsi_sha256_new(&hash);

    BSI_TRY(status);
    if (!fill.entry->sparse) {
        status = bsi_content_check(content, call, entry, hash, data, user);
    } else {
        status = bsi_content_check(content, call, entry, hash, fill_data, &fill);
        if (status >= 0) {
            status = fill_to(&fill, fill.entry->stat.size);
        }
    }
    bsi_sha256_free(hash);
    return status;
}

bs_status bsi_content_read(const bsi_content *content, const bs_call *call,
                           bsi_manifest_reader *manifest, bsi_slice path, bsi_bytes_cb data,
                           void *user)
{
    const bsi_manifest_entry *entry = NULL;
    char shown[256];
    bs_status status = BS_OK;

    bsi_printable(path.data, path.size, shown, sizeof(shown));
    while ((status = bsi_manifest_next(manifest, &entry)) == BS_OK) {
        const int order = bsi_path_compare(entry->listed.entry.path, path);
        if (order == 0 && entry->listed.entry.stat.type != BSI_TYPE_FILE) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "'%s' is no file", shown);
        }
        if (order == 0) {
            status = read_found(content, call, entry, data, user);
            return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "file '%s'", shown)
                              : BS_OK;
        }
        if (order > 0) {
            break;
        }
    }
    BSI_TRY(status);
    return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "the backup holds no '%s'", shown);
}
