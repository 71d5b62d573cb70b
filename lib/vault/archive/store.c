/* SPDX-License-Identifier: MIT */
/*
 * Stores entries in a container.
 *
 * A file that fits the buffer is read whole first, so that what is stored is
 * one state of it, and so that content which the base has already is not stored
 * again. A larger one goes straight into the container's blocks; when only its
 * times differ from the base it is read once for its hash before.
 */
#include "vault/archive/store.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

enum { BUFFER_SIZE = BSI_FETCH_SMALL, PIECE_SIZE = 512 * 1024, ATTEMPTS = 2 };

/* One file on its way, and one attempt to store it. */
typedef struct file_job {
    bsi_source_file *file;
    const bsi_fetched *fetched; /* NULL: it is opened and read here. */
    bsi_listed listed;          /* What its line will say. */
    uint32_t group;
    const bsi_scan_known *known; /* NULL: the base has nothing like it. */
    bool last_attempt;
    uint64_t counted; /* Bytes of it that progress has heard of. */
} file_job;

bs_status bsi_store_init(bsi_store *store, const bsi_vault_env *env, const bsi_backup_plan *plan,
                         bsi_archive_writer *writer, bsi_scan *scan)
{
    *store = (bsi_store){.env = env, .plan = plan, .writer = writer, .scan = scan};
    store->driver = bsi_archive_find(bsi_slice_of(plan->compression));
    bsi_buf_init(&store->line, BSI_MANIFEST_LINE_MAX);
    store->buffer = bsi_alloc(BUFFER_SIZE);
    if (!store->buffer) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_sha256_new(&store->hash));
    BSI_TRY(bsi_lane_new(env->pool, "bs-hasher", &store->hasher));
    BSI_TRY(bsi_draft_new(env->temp_dir, &store->lines));
    if (plan->stream) {
        return BS_OK; /* There is no tree. */
    }
    BSI_TRY(bsi_fetch_new(env, plan, scan->draft, &store->fetch));
    return bsi_source_tree_new(plan->walk.roots, plan->walk.root_count, env->warn, &store->tree);
}

void bsi_store_dispose(bsi_store *store)
{
    bsi_fetch_free(store->fetch);
    bsi_source_tree_free(store->tree);
    bsi_lane_free(store->hasher);
    bsi_sha256_free(store->hash);
    bsi_free(store->buffer);
    bsi_buf_dispose(&store->line);
    bsi_draft_free(store->lines);
    bsi_id_set_dispose(&store->needs);
    *store = (bsi_store){0};
}

/* Whether the container takes a sparse file's extents only, without its holes. */
static bool keeps_holes(const bsi_store *store)
{
    return (bsi_archive_caps(store->driver) & BSI_ARCHIVE_SPARSE) != 0;
}

static void count_losses(bsi_store *store, const bsi_entry *entry)
{
    const unsigned losses = bsi_archive_losses(store->driver, entry);

    for (size_t i = 0; i < BSI_LOSS_KINDS; i++) {
        store->losses[i] += losses >> i & 1;
    }
}

static bool is_source_failure(bs_status status)
{
    return status < 0 && bs_error_last()->layer == BS_LAYER_SOURCE;
}

/* --- Lines of the manifest --- */

static bs_status put_line(bsi_store *store, const bsi_listed *listed, const bsi_archive_mark *mark,
                          const bsi_locator *locator)
{
    bsi_record record = {.kind = BSI_LINE_WHOLE};

    bsi_buf_clear(&store->line);
    BSI_TRY(bsi_manifest_format_entry(&store->line, listed));
    if (mark) {
        record.kind = BSI_LINE_MARKED;
        record.a = mark->segment;
        record.b = mark->skip;
    } else {
        BSI_TRY(bsi_manifest_format_end(&store->line, locator));
    }
    record.bytes = (bsi_slice){(const char *)store->line.data, store->line.size};
    store->entries++;
    if (listed->entry.stat.type == BSI_TYPE_FILE) {
        store->files++;
        store->bytes += listed->entry.stat.size;
    }
    return bsi_draft_put(store->lines, &record);
}

/* What the other names of its inode will share with an entry. */
static void set_group(bsi_store *store, const file_job *job, bsi_group_content *content)
{
    content->known = true;
    content->size = job->listed.entry.stat.size;
    content->mtime = job->listed.entry.stat.mtime;
    content->sha256 = job->listed.sha256;
    memcpy(content->stored_in, job->listed.stored_in, BS_ID_SIZE);
    if (job->group != BSI_NO_GROUP) {
        *bsi_links_content(store->scan->links, job->group) = *content;
    }
}

/* The file's content went into the container at `mark`. */
static bs_status put_stored(bsi_store *store, file_job *job, const bsi_archive_mark *mark)
{
    bsi_group_content content = {.mark = *mark};

    memcpy(job->listed.stored_in, store->plan->id, BS_ID_SIZE);
    set_group(store, job, &content);
    count_losses(store, &job->listed.entry);
    return put_line(store, &job->listed, mark, NULL);
}

/* The base's container has the same content. */
static bs_status put_known(bsi_store *store, file_job *job)
{
    bsi_group_content content = {.stored_before = true, .locator = job->known->locator};

    memcpy(job->listed.stored_in, job->known->stored_in, BS_ID_SIZE);
    set_group(store, job, &content);
    store->bytes_deduplicated += job->listed.entry.stat.size;
    BSI_TRY(bsi_id_set_add(&store->needs, job->known->stored_in));
    return put_line(store, &job->listed, NULL, &job->known->locator);
}

static void progress_to(bsi_store *store, file_job *job, uint64_t bytes)
{
    if (bytes > job->counted) {
        bsi_progress_add(store->env->progress, 0, bytes - job->counted);
        job->counted = bytes;
    }
}

/* --- Content --- */

/* As many zeros as the present block takes; *size is what is left. */
static bs_status write_some_zeros(bsi_store *store, uint64_t *size)
{
    void *space = NULL;
    size_t room = 0;

    BSI_TRY(bsi_call_check(store->env->call));
    BSI_TRY(bsi_archive_space(store->writer, &space, &room));
    BSI_CHECK(room > 0);
    room = (size_t)bsi_min_u64(room, *size);
    memset(space, 0, room);
    *size -= room;
    return bsi_archive_commit(store->writer, room);
}

static bs_status write_zeros(bsi_store *store, uint64_t size)
{
    while (size > 0) {
        BSI_TRY(write_some_zeros(store, &size));
    }
    return BS_OK;
}

/* Data bytes that a container takes with the zeros of the holes between them. */
static bs_status write_among_zeros(bsi_store *store, const bsi_entry *entry, uint64_t at,
                                   const uint8_t *data, size_t size)
{
    uint64_t before = 0; /* Data bytes in front of the extent. */
    uint64_t hole = 0;   /* Where the hole in front of it begins. */

    for (size_t i = 0; i < entry->extent_count && size > 0; i++) {
        const bsi_extent *extent = &entry->extents[i];
        const uint64_t end = before + extent->size;
        const size_t part = at < end ? (size_t)bsi_min_u64(size, end - at) : 0;
        BSI_TRY(part > 0 && at == before ? write_zeros(store, extent->offset - hole) : BS_OK);
        BSI_TRY(bsi_archive_write(store->writer, data, part));
        at += part;
        data += part;
        size -= part;
        before = end;
        hole = extent->offset + extent->size;
    }
    return BS_OK;
}

/* Write the next data bytes of a file where the container has them. `at` counts data bytes. */
static bs_status write_data(bsi_store *store, const bsi_entry *entry, uint64_t at,
                            const uint8_t *data, size_t size)
{
    return entry->sparse && !keeps_holes(store) ? write_among_zeros(store, entry, at, data, size)
                                                : bsi_archive_write(store->writer, data, size);
}

/* The zeros behind the last extent, where the container has them. */
static bs_status write_last_hole(bsi_store *store, const bsi_entry *entry)
{
    uint64_t hole = 0;

    if (!entry->sparse || keeps_holes(store)) {
        return BS_OK;
    }
    if (entry->extent_count > 0) {
        const bsi_extent *last = &entry->extents[entry->extent_count - 1];
        hole = last->offset + last->size;
    }
    return write_zeros(store, entry->stat.size - hole);
}

/* Zeros in the place of data that the file no longer had. */
static bs_status write_missing(bsi_store *store, const bsi_entry *entry, uint64_t from,
                               uint64_t size)
{
    memset(store->buffer, 0, BUFFER_SIZE);
    while (from < size) {
        const size_t part = (size_t)bsi_min_u64(size - from, BUFFER_SIZE);
        BSI_TRY(write_data(store, entry, from, store->buffer, part));
        from += part;
    }
    return BS_OK;
}

static void warn_changed(bsi_store *store, const file_job *job)
{
    bsi_warn_new(store->env->warn, job->listed.entry.path, BS_LAYER_SOURCE, BS_E_CHANGED,
                 "it changed while it was read, twice; one mixed state was stored");
}

/* Whether the file's content, whose digest was computed, is the base's. */
static bool is_known(const file_job *job)
{
    return job->known && bsi_digest_equal(&job->known->sha256, &job->listed.sha256) &&
           bsi_scan_same_shape(job->known, &job->listed.entry);
}

/* --- Small files: read whole, then stored --- */

static bs_status read_small(bsi_store *store, file_job *job, size_t *size_out)
{
    const bs_status status =
        bsi_source_read(job->file, store->env->call, store->buffer, BUFFER_SIZE, size_out);

    return status < 0 ? status : bsi_source_check(job->file);
}

/* What is left of a file that became shorter; a sparse one keeps its shape. */
static void accept_change(bsi_store *store, file_job *job, size_t *size)
{
    bsi_entry *entry = &job->listed.entry;
    const size_t whole = (size_t)bsi_entry_data_size(entry);

    warn_changed(store, job);
    if (!entry->sparse) {
        entry->stat.size = *size;
    } else if (*size < whole) {
        memset(store->buffer + *size, 0, whole - *size);
        *size = whole;
    }
}

/* The content of a small file, and its digest. */
static bs_status take_small(bsi_store *store, file_job *job, const uint8_t **content_out,
                            size_t *size_out)
{
    bs_status status = BS_OK;

    job->listed.has_digest = true;
    if (job->fetched) {
        *content_out = job->fetched->content;
        *size_out = job->fetched->size;
        job->listed.sha256 = job->fetched->sha256;
        return BS_OK;
    }
    status = read_small(store, job, size_out);
    if (status == BS_E_CHANGED && job->last_attempt) {
        accept_change(store, job, size_out);
        status = BS_OK;
    }
    if (status < 0) {
        return status;
    }
    *content_out = store->buffer;
    bsi_sha256_of(store->buffer, *size_out, &job->listed.sha256);
    return BS_OK;
}

static bs_status store_small(bsi_store *store, file_job *job)
{
    const bsi_entry *entry = &job->listed.entry;
    const uint8_t *content = NULL;
    bsi_archive_mark mark = {0};
    size_t size = 0;

    BSI_TRY(take_small(store, job, &content, &size));
    if (is_known(job)) {
        return put_known(store, job);
    }
    BSI_TRY(bsi_archive_begin(store->writer, entry));
    BSI_TRY(write_data(store, entry, 0, content, size));
    BSI_TRY(write_last_hole(store, entry));
    BSI_TRY(bsi_archive_end(store->writer, &mark));
    return put_stored(store, job, &mark);
}

/* --- Large files: copied as they are read --- */

static bs_status hash_large(bsi_store *store, file_job *job, bsi_digest *out)
{
    size_t got = 0;

    bsi_sha256_reset(store->hash);
    do {
        BSI_TRY(bsi_source_read(job->file, store->env->call, store->buffer, BUFFER_SIZE, &got));
        bsi_sha256_update(store->hash, store->buffer, got);
    } while (got > 0);
    bsi_sha256_finish(store->hash, out);
    bsi_source_rewind(job->file);
    return bsi_source_check(job->file);
}

static bs_status hash_piece(void *hash, const void *data, size_t size)
{
    bsi_sha256_update(hash, data, size);
    return BS_OK;
}

/*
 * Straight from the file into the container's block, a piece at a time: one is read while the one
 * before it is hashed. `ticket` is of the last one read.
 */
static bs_status copy_piece(bsi_store *store, file_job *job, uint64_t *ticket, size_t *got_out)
{
    const uint64_t before = *ticket;
    void *space = NULL;
    size_t room = 0;

    BSI_TRY(bsi_archive_space(store->writer, &space, &room));
    if (room == 0) {
        *got_out = 0;
        return BS_OK;
    }
    BSI_TRY(bsi_source_read(job->file, store->env->call, space, bsi_min_size(room, PIECE_SIZE),
                            got_out));
    *ticket = bsi_lane_add(store->hasher, hash_piece, store->hash, space, *got_out);
    BSI_TRY(bsi_lane_wait(store->hasher, before));
    return bsi_archive_commit(store->writer, *got_out);
}

static bs_status copy_in_place(bsi_store *store, file_job *job, uint64_t *got_out)
{
    uint64_t ticket = 0;
    size_t got = 1;
    bs_status status = BS_OK;

    while (got > 0 && status == BS_OK) {
        status = copy_piece(store, job, &ticket, &got);
        if (status == BS_OK) {
            *got_out += got;
            progress_to(store, job, *got_out);
        }
    }
    BSI_TRY(bsi_lane_wait(store->hasher, ticket));
    return status;
}

static bs_status copy_through_buffer(bsi_store *store, file_job *job, uint64_t *got_out)
{
    size_t got = 1;

    while (got > 0) {
        BSI_TRY(bsi_source_read(job->file, store->env->call, store->buffer, BUFFER_SIZE, &got));
        bsi_sha256_update(store->hash, store->buffer, got);
        BSI_TRY(write_data(store, &job->listed.entry, *got_out, store->buffer, got));
        *got_out += got;
        progress_to(store, job, *got_out);
    }
    return BS_OK;
}

/* All data bytes, hashed on their way, as many as the entry announced. */
static bs_status copy_data(bsi_store *store, file_job *job, uint64_t *got_out)
{
    const bool in_place = !job->listed.entry.sparse || keeps_holes(store);
    bs_status status = BS_OK;

    bsi_sha256_reset(store->hash);
    status =
        in_place ? copy_in_place(store, job, got_out) : copy_through_buffer(store, job, got_out);
    bsi_sha256_finish(store->hash, &job->listed.sha256);
    job->listed.has_digest = true;
    return status < 0 ? status : bsi_source_check(job->file);
}

/*
 * Write a file's content to the container and end the entry. A failure of the
 * source comes back only after the announced size was filled up with zeros, so
 * that the container stays whole.
 */
static bs_status write_content(bsi_store *store, file_job *job, uint64_t *got_out,
                               bsi_archive_mark *mark_out)
{
    const bsi_entry *entry = &job->listed.entry;
    bs_error failure = {0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_archive_begin(store->writer, entry));
    status = copy_data(store, job, got_out);
    if (status < 0 && !is_source_failure(status)) {
        return status;
    }
    bsi_error_save(&failure);
    BSI_TRY(write_missing(store, entry, *got_out, bsi_entry_data_size(entry)));
    BSI_TRY(write_last_hole(store, entry));
    BSI_TRY(bsi_archive_end(store->writer, mark_out));
    bsi_error_restore(&failure);
    return status;
}

static bs_status store_large(bsi_store *store, file_job *job)
{
    bsi_entry *entry = &job->listed.entry;
    bsi_archive_mark mark = {0};
    uint64_t got = 0;
    bs_status status = BS_OK;

    if (job->known && bsi_scan_same_shape(job->known, entry)) {
        BSI_TRY(hash_large(store, job, &job->listed.sha256));
        if (is_known(job)) {
            job->listed.has_digest = true;
            return put_known(store, job);
        }
    }
    status = write_content(store, job, &got, &mark);
    if (status == BS_E_CHANGED && !job->last_attempt &&
        (bsi_archive_caps(store->driver) & BSI_ARCHIVE_REPLACE)) {
        return status;
    }
    if (status == BS_E_CHANGED && got < bsi_entry_data_size(entry)) {
        if (entry->sparse) {
            return bsi_fail(BS_LAYER_SOURCE, BS_E_CHANGED, "it became shorter while it was read");
        }
        entry->stat.size = got;
    }
    if (status == BS_E_CHANGED) {
        warn_changed(store, job);
    } else {
        BSI_TRY(status);
    }
    return put_stored(store, job, &mark);
}

/* --- Entries --- */

/* Something without content: `linked` names the head when it is a further name. */
static bs_status store_other(bsi_store *store, file_job *job, bsi_slice linked)
{
    bsi_group_content content = {0};

    job->listed = (bsi_listed){.entry = *bsi_source_entry(job->file)};
    BSI_TRY(bsi_archive_begin(store->writer, &job->listed.entry));
    BSI_TRY(bsi_archive_end(store->writer, NULL));
    job->listed.entry.linked = linked;
    count_losses(store, &job->listed.entry);
    if (linked.size == 0) {
        set_group(store, job, &content);
    }
    return put_line(store, &job->listed, NULL, NULL);
}

static bs_status store_file(bsi_store *store, file_job *job)
{
    bs_status status = BS_OK;

    job->listed = (bsi_listed){.entry = *bsi_source_entry(job->file)};
    status = bsi_entry_data_size(&job->listed.entry) < BSI_FETCH_SMALL ? store_small(store, job)
                                                                       : store_large(store, job);
    if (status >= 0) {
        progress_to(store, job, job->listed.entry.stat.size);
        bsi_progress_add(store->env->progress, 1, 0);
    }
    return status;
}

static bs_status store_opened(bsi_store *store, file_job *job)
{
    return bsi_source_entry(job->file)->stat.type == BSI_TYPE_FILE
               ? store_file(store, job)
               : store_other(store, job, (bsi_slice){0});
}

static bs_status try_path(bsi_store *store, bsi_slice path, file_job *job)
{
    bs_status status = bsi_source_open(store->tree, path, &job->file);

    BSI_TRY(status);
    status = store_opened(store, job);
    bsi_source_close(job->file);
    job->file = NULL;
    return status;
}

static bs_status try_fetched(bsi_store *store, const bsi_fetched *fetched, file_job *job)
{
    bs_status status = fetched->status;

    if (status < 0) {
        bsi_error_restore(&fetched->error);
        return status;
    }
    job->file = fetched->file;
    job->fetched = fetched;
    status = store_opened(store, job);
    job->file = NULL;
    job->fetched = NULL;
    return status;
}

/*
 * Store what is at `path`; what the source does not give is reported and left out. The first
 * attempt is with what was fetched already, if that was.
 */
static bs_status store_path(bsi_store *store, bsi_slice path, const bsi_fetched *fetched,
                            file_job *job)
{
    bs_status status = fetched ? try_fetched(store, fetched, job) : BS_E_CHANGED;

    for (int attempt = fetched ? 2 : 1; attempt <= ATTEMPTS && status == BS_E_CHANGED; attempt++) {
        job->last_attempt = attempt == ATTEMPTS;
        status = try_path(store, path, job);
    }
    if (is_source_failure(status)) {
        bsi_warn_last(store->env->warn, path);
        return BS_OK;
    }
    return status;
}

/* --- Further names of hard links --- */

/* The container holds a further name as a link if it can, and as a copy if it must. */
static bs_status link_in_container(bsi_store *store, bsi_source_file *file, const bsi_entry *entry)
{
    file_job job = {.file = file, .listed = {.entry = *entry}, .counted = UINT64_MAX};
    bsi_archive_mark unused = {0};
    uint64_t got = 0;
    bs_status status = BS_OK;

    if (bsi_archive_caps(store->driver) & BSI_ARCHIVE_HARDLINKS) {
        BSI_TRY(bsi_archive_begin(store->writer, entry));
        return bsi_archive_end(store->writer, NULL);
    }
    job.listed.entry.linked = (bsi_slice){0};
    status = write_content(store, &job, &got, &unused);
    return is_source_failure(status) ? BS_OK : status;
}

static bs_status put_link(bsi_store *store, bsi_source_file *file, uint32_t group)
{
    const bsi_group_content content = *bsi_links_content(store->scan->links, group);
    file_job other = {.file = file, .group = BSI_NO_GROUP};
    bsi_listed listed = {
        .entry = *bsi_source_entry(file), .has_digest = true, .sha256 = content.sha256};

    if (listed.entry.stat.type != BSI_TYPE_FILE) {
        return store_other(store, &other, bsi_links_head(store->scan->links, group));
    }
    listed.entry.linked = bsi_links_head(store->scan->links, group);
    memcpy(listed.stored_in, content.stored_in, BS_ID_SIZE);
    bsi_progress_add(store->env->progress, 1, listed.entry.stat.size);
    if (content.stored_before) {
        store->bytes_deduplicated += listed.entry.stat.size;
        BSI_TRY(bsi_id_set_add(&store->needs, content.stored_in));
        return put_line(store, &listed, NULL, &content.locator);
    }
    count_losses(store, &listed.entry);
    BSI_TRY(link_in_container(store, file, &listed.entry));
    return put_line(store, &listed, &content.mark, NULL);
}

/* A further name. When it is no longer one, or the head was not stored, it stands for itself. */
static bs_status store_link(bsi_store *store, bsi_slice path, uint32_t group)
{
    bsi_source_file *file = NULL;
    bs_status status = BS_OK;

    if (!bsi_links_content(store->scan->links, group)->known) {
        BSI_TRY(bsi_links_set_head(store->scan->links, group, path));
        return store_path(store, path, NULL, &(file_job){.group = group});
    }
    status = bsi_source_open(store->tree, path, &file);
    if (is_source_failure(status)) {
        bsi_warn_last(store->env->warn, path);
        return BS_OK;
    }
    BSI_TRY(status);
    if (!bsi_links_is_member(store->scan->links, group, &bsi_source_entry(file)->stat)) {
        bsi_source_close(file);
        return store_path(store, path, NULL, &(file_job){.group = BSI_NO_GROUP});
    }
    status = put_link(store, file, group);
    bsi_source_close(file);
    return status;
}

/* --- The run --- */

static bs_status keep_line(bsi_store *store, const bsi_record *found)
{
    const bsi_record record = {.kind = BSI_LINE_WHOLE, .bytes = found->bytes};

    store->entries++;
    store->files += found->a;
    store->bytes += found->b;
    store->bytes_deduplicated += found->b;
    if (found->a) {
        bsi_progress_add(store->env->progress, found->a, found->b);
    }
    return bsi_draft_put(store->lines, &record);
}

static bs_status store_compared(bsi_store *store, const bsi_fetched *next)
{
    bsi_scan_known known;
    const bsi_slice bytes = next->found.bytes;
    const bsi_slice path = {bytes.data + sizeof(known), bytes.size - sizeof(known)};

    memcpy(&known, bytes.data, sizeof(known));
    return store_path(store, path, next, &(file_job){.group = next->found.group, .known = &known});
}

static bs_status store_record(bsi_store *store, const bsi_fetched *next)
{
    const bsi_record *found = &next->found;

    switch (found->kind) {
    case BSI_SCAN_KEEP:
        return keep_line(store, found);
    case BSI_SCAN_STORE:
        return store_path(store, found->bytes, next, &(file_job){.group = found->group});
    case BSI_SCAN_COMPARE:
        return store_compared(store, next);
    case BSI_SCAN_LINK:
        return store_link(store, found->bytes, found->group);
    default:
        return BS_OK;
    }
}

bs_status bsi_store_run(bsi_store *store)
{
    const bsi_fetched *next = NULL;
    bs_status status = BS_OK;

    for (size_t i = 0; i < store->scan->needs.count; i++) {
        BSI_TRY(bsi_id_set_add(&store->needs, store->scan->needs.ids[i]));
    }
    while ((status = bsi_fetch_next(store->fetch, &next)) == BS_OK) {
        BSI_TRY(bsi_call_check(store->env->call));
        BSI_TRY(store_record(store, next));
    }
    return status < 0 ? status : BS_OK;
}
