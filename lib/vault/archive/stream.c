/* SPDX-License-Identifier: MIT */
/*
 * A stream's bytes as one file of the backup.
 */
#include "vault/archive/stream.h"

#include <string.h>

#include "base/checked.h"

enum { PART = 256 * 1024 };

static bs_status copy_to_container(bsi_store *store, uint64_t *size_out)
{
    size_t got = 0;

    do {
        BSI_TRY(bsi_stream_read(store->plan->stream, store->env->call, store->buffer, PART, &got));
        bsi_sha256_update(store->hash, store->buffer, got);
        BSI_TRY(bsi_archive_write(store->writer, store->buffer, got));
        bsi_progress_add(store->env->progress, 0, got);
        *size_out += got;
    } while (got > 0);
    return bsi_stream_finish(store->plan->stream);
}

static bs_status copy_to_file(bsi_store *store, int fd, uint64_t *size_out)
{
    size_t got = 0;

    do {
        BSI_TRY(bsi_stream_read(store->plan->stream, store->env->call, store->buffer, PART, &got));
        bsi_sha256_update(store->hash, store->buffer, got);
        BSI_TRY(bsi_write(fd, store->buffer, got));
        bsi_progress_add(store->env->progress, 0, got);
        *size_out += got;
    } while (got > 0);
    return bsi_stream_finish(store->plan->stream);
}

static bs_status copy_from_file(bsi_store *store, int fd, uint64_t size)
{
    uint64_t at = 0;

    while (at < size) {
        size_t got = 0;
        BSI_TRY(bsi_call_check(store->env->call));
        BSI_TRY(bsi_pread(fd, store->buffer, (size_t)bsi_min_u64(PART, size - at), at, &got));
        if (got == 0) {
            return bsi_fail(BS_LAYER_SYSTEM, BS_E_IO, "a temporary file is cut short");
        }
        BSI_TRY(bsi_archive_write(store->writer, store->buffer, got));
        at += got;
    }
    return BS_OK;
}

static bs_status store_by_file(bsi_store *store, bsi_listed *listed, bsi_archive_mark *mark)
{
    int fd = -1;
    bs_status status = bsi_temp_file(store->env->temp_dir, &fd);

    if (status >= 0) {
        status = copy_to_file(store, fd, &listed->entry.stat.size);
    }
    if (status >= 0) {
        status = bsi_archive_begin(store->writer, &listed->entry);
    }
    if (status >= 0) {
        status = copy_from_file(store, fd, listed->entry.stat.size);
    }
    if (status >= 0) {
        status = bsi_archive_end(store->writer, mark);
    }
    bsi_close_quietly(fd);
    return status;
}

static bs_status store_directly(bsi_store *store, bsi_listed *listed, bsi_archive_mark *mark)
{
    uint64_t size = 0;

    listed->entry.stat.size = BSI_SIZE_UNKNOWN;
    BSI_TRY(bsi_archive_begin(store->writer, &listed->entry));
    BSI_TRY(copy_to_container(store, &size));
    listed->entry.stat.size = size;
    return bsi_archive_end(store->writer, mark);
}

static void describe(const bsi_store *store, bsi_listed *listed)
{
    bsi_entry *entry = &listed->entry;

    entry->path = bsi_slice_of(store->plan->stream_name);
    entry->stat = (bsi_stat){.type = BSI_TYPE_FILE,
                             .mode = 0600,
                             .uid = bsi_process_uid(),
                             .gid = bsi_process_gid(),
                             .nlink = 1,
                             .mtime = store->scan->began,
                             .ctime = store->scan->began};
    memcpy(listed->stored_in, store->plan->id, BS_ID_SIZE);
}

bs_status bsi_store_stream(bsi_store *store)
{
    const bool directly = (bsi_archive_caps(store->driver) & BSI_ARCHIVE_SIZE_LATER) != 0;
    bsi_listed listed = {.has_digest = true};
    bsi_archive_mark mark = {0};
    bsi_record record = {.kind = BSI_LINE_MARKED};

    describe(store, &listed);
    bsi_sha256_reset(store->hash);
    BSI_TRY(directly ? store_directly(store, &listed, &mark)
                     : store_by_file(store, &listed, &mark));
    bsi_sha256_finish(store->hash, &listed.sha256);
    bsi_progress_set_total(store->env->progress, 1, listed.entry.stat.size);
    bsi_progress_add(store->env->progress, 1, 0);
    BSI_TRY(bsi_manifest_format_entry(&store->line, &listed));
    record.a = mark.segment;
    record.b = mark.skip;
    record.bytes = (bsi_slice){(const char *)store->line.data, store->line.size};
    store->entries = 1;
    store->files = 1;
    store->bytes = listed.entry.stat.size;
    return bsi_draft_put(store->lines, &record);
}
