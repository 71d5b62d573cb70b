/* SPDX-License-Identifier: MIT */
/*
 * Merges a walk of the sources with the list of what the base held.
 */
#include "vault/scan.h"

#include <string.h>

#include "base/alloc.h"
#include "source/change.h"
#include "vault/names.h"

typedef struct scanner {
    const bsi_vault_env *env;
    const bsi_backup_plan *plan;
    bsi_manifest_reader *base;
    const bsi_manifest_entry *before; /* The base's entry that comes next; NULL: none is left. */
    bool want_gone;
    bsi_scan *out;
    bsi_buf bytes;
} scanner;

void bsi_scan_dispose(bsi_scan *scan)
{
    bsi_draft_free(scan->draft);
    bsi_links_free(scan->links);
    bsi_id_set_dispose(&scan->needs);
    *scan = (bsi_scan){0};
}

static bs_status put(scanner *scan, const bsi_record *record)
{
    return bsi_draft_put(scan->out->draft, record);
}

static bs_status advance_base(scanner *scan)
{
    const bs_status status = bsi_manifest_next(scan->base, &scan->before);

    if (status == BS_END) {
        scan->before = NULL;
    }
    return status < 0 ? status : BS_OK;
}

static bs_status note_gone(scanner *scan)
{
    const bsi_entry *entry = &scan->before->listed.entry;
    const bsi_record record = {.kind = BSI_SCAN_GONE, .bytes = entry->path};

    if (entry->stat.type != BSI_TYPE_FILE) {
        return BS_OK;
    }
    scan->out->changes.removed++;
    return scan->want_gone ? put(scan, &record) : BS_OK;
}

/* Pass over what sorts before `path`; *found_out: whether the base has an entry of that name. */
static bs_status match_base(scanner *scan, bsi_slice path, bool *found_out)
{
    *found_out = false;
    while (scan->before) {
        const int order = bsi_path_compare(scan->before->listed.entry.path, path);
        if (order >= 0) {
            *found_out = order == 0;
            return BS_OK;
        }
        BSI_TRY(note_gone(scan));
        BSI_TRY(advance_base(scan));
    }
    return BS_OK;
}

/* By what is known without reading it. */
static bool seems_unchanged(const scanner *scan, const bsi_walk_item *item)
{
    const bsi_manifest_info *info = bsi_manifest_reader_info(scan->base);

    return bsi_source_unchanged(&item->stat, &scan->before->listed.entry.stat, &info->scan_began);
}

static bool is_unchanged(const scanner *scan, const bsi_walk_item *item)
{
    return !(scan->plan->content_only && item->stat.type == BSI_TYPE_FILE) &&
           seems_unchanged(scan, item);
}

static void count_file(scanner *scan, const bsi_walk_item *item, bool in_base)
{
    bsi_file_changes *changes = &scan->out->changes;

    if (!in_base || scan->before->listed.entry.stat.type != BSI_TYPE_FILE) {
        changes->added++;
    } else if (seems_unchanged(scan, item)) {
        changes->unmodified++;
    } else {
        changes->changed++;
    }
}

/* The base's line is true again; a head of hard links is said to be one. */
static bs_status keep(scanner *scan, const bsi_walk_item *item, uint32_t group)
{
    const bsi_manifest_entry *before = scan->before;
    const bool file = item->stat.type == BSI_TYPE_FILE;
    bsi_record record = {
        .kind = BSI_SCAN_KEEP, .group = group, .a = file ? 1 : 0, .b = file ? item->stat.size : 0};

    record.bytes = bsi_manifest_line(scan->base);
    if (before->listed.entry.linked.size > 0) {
        bsi_listed listed = before->listed;
        listed.entry.linked = (bsi_slice){0};
        bsi_buf_clear(&scan->bytes);
        BSI_TRY(bsi_manifest_format_entry(&scan->bytes, &listed));
        BSI_TRY(
            bsi_manifest_format_end(&scan->bytes, before->has_locator ? &before->locator : NULL));
        record.bytes = (bsi_slice){(const char *)scan->bytes.data, scan->bytes.size};
    }
    BSI_TRY(bsi_id_set_add(&scan->out->needs, before->listed.stored_in));
    if (group != BSI_NO_GROUP) {
        bsi_group_content *content = bsi_links_content(scan->out->links, group);
        content->known = true;
        content->stored_before = true;
        content->size = item->stat.size;
        content->mtime = item->stat.mtime;
        content->sha256 = before->listed.sha256;
        content->locator = before->locator;
        memcpy(content->stored_in, before->listed.stored_in, BS_ID_SIZE);
    }
    return put(scan, &record);
}

static void digest_extents(const bsi_entry *entry, bsi_digest *out)
{
    bsi_sha256_of(entry->extents, entry->extent_count * sizeof(*entry->extents), out);
}

bool bsi_scan_same_shape(const bsi_scan_known *known, const bsi_entry *entry)
{
    bsi_digest extents;

    if (known->sparse != entry->sparse) {
        return false;
    }
    digest_extents(entry, &extents);
    return !known->sparse || bsi_digest_equal(&known->extents, &extents);
}

static bs_status compare_later(scanner *scan, const bsi_walk_item *item, uint32_t group)
{
    const bsi_manifest_entry *before = scan->before;
    bsi_scan_known known = {.sha256 = before->listed.sha256,
                            .sparse = before->listed.entry.sparse,
                            .locator = before->locator};
    bsi_record record = {.kind = BSI_SCAN_COMPARE, .group = group};

    if (known.sparse) {
        digest_extents(&before->listed.entry, &known.extents);
    }
    memcpy(known.stored_in, before->listed.stored_in, BS_ID_SIZE);
    bsi_buf_clear(&scan->bytes);
    BSI_TRY(bsi_buf_append(&scan->bytes, &known, sizeof(known)));
    BSI_TRY(bsi_buf_append(&scan->bytes, item->path.data, item->path.size));
    record.bytes = (bsi_slice){(const char *)scan->bytes.data, scan->bytes.size};
    return put(scan, &record);
}

/* Whether the base holds a file of the same size, so that reading tells if it must be stored. */
static bool may_be_same(const scanner *scan, const bsi_walk_item *item)
{
    const bsi_entry *before = &scan->before->listed.entry;

    return item->stat.type == BSI_TYPE_FILE && before->stat.type == BSI_TYPE_FILE &&
           before->stat.size == item->stat.size;
}

static bs_status decide(scanner *scan, const bsi_walk_item *item, bool in_base)
{
    uint32_t group = BSI_NO_GROUP;
    bool head = true;
    bsi_record record = {.kind = BSI_SCAN_STORE, .bytes = item->path};

    if (item->stat.type != BSI_TYPE_DIR && item->stat.nlink > 1) {
        BSI_TRY(bsi_links_add(scan->out->links, &item->stat, item->path, &group, &head));
    }
    if (!head) {
        record.kind = BSI_SCAN_LINK;
    } else if (in_base && is_unchanged(scan, item)) {
        return keep(scan, item, group);
    } else if (in_base && may_be_same(scan, item)) {
        return compare_later(scan, item, group);
    }
    record.group = group;
    return put(scan, &record);
}

bool bsi_scan_is_wanted(const bsi_vault_env *env, const bsi_backup_plan *plan,
                        const bsi_walk_item *item)
{
    const bsi_file_type type = item->stat.type;

    if (plan->skip_special &&
        (type == BSI_TYPE_FIFO || type == BSI_TYPE_CHAR_DEVICE || type == BSI_TYPE_BLOCK_DEVICE)) {
        return false;
    }
    if (type == BSI_TYPE_FILE && plan->max_file_size > 0 && item->stat.size > plan->max_file_size) {
        bsi_warn_new(env->warn, item->path, BS_LAYER_SOURCE, BS_E_LIMIT,
                     "left out: %llu bytes are more than MAX_FILE_SIZE allows",
                     (unsigned long long)item->stat.size);
        return false;
    }
    return true;
}

/* Leave the base's entry of the same name behind; a file that became something else is gone. */
static bs_status leave_base(scanner *scan, const bsi_walk_item *item)
{
    if (scan->before->listed.entry.stat.type == BSI_TYPE_FILE && item->stat.type != BSI_TYPE_FILE) {
        BSI_TRY(note_gone(scan));
    }
    return advance_base(scan);
}

static bs_status take_item(scanner *scan, const bsi_walk_item *item)
{
    bool in_base = false;

    BSI_TRY(match_base(scan, item->path, &in_base));
    if (!bsi_scan_is_wanted(scan->env, scan->plan, item)) {
        return BS_OK;
    }
    BSI_TRY(decide(scan, item, in_base));
    if (item->stat.type == BSI_TYPE_FILE) {
        count_file(scan, item, in_base);
    }
    BSI_TRY(in_base ? leave_base(scan, item) : BS_OK);
    scan->out->entries++;
    if (item->stat.type == BSI_TYPE_FILE) {
        scan->out->files++;
        scan->out->bytes += item->stat.size;
    }
    return BS_OK;
}

static bs_status walk_all(scanner *scan)
{
    bsi_walk_options options = scan->plan->walk;
    bsi_walk_item item;
    bsi_walk *walk = NULL;
    bs_status status = BS_OK;

    options.pool = scan->env->pool;
    options.warn = scan->env->warn;
    status = bsi_walk_new(&options, &walk);
    while (status >= 0) {
        status = bsi_walk_next(walk, scan->env->call, &item);
        if (status != BS_OK) {
            break;
        }
        status = take_item(scan, &item);
    }
    while (status >= 0 && scan->before) {
        status = note_gone(scan);
        if (status >= 0) {
            status = advance_base(scan);
        }
    }
    bsi_walk_free(walk);
    return status < 0 ? status : BS_OK;
}

bs_status bsi_scan_run(const bsi_vault_env *env, const bsi_backup_plan *plan,
                       bsi_manifest_reader *base, bool want_gone, bsi_scan *out)
{
    scanner scan = {.env = env, .plan = plan, .base = base, .want_gone = want_gone, .out = out};
    bs_status status = BS_OK;

    *out = (bsi_scan){.began = bsi_now()};
    bsi_buf_init(&scan.bytes, BSI_MANIFEST_LINE_MAX);
    status = bsi_draft_new(env->temp_dir, &out->draft);
    if (status >= 0) {
        status = bsi_links_new(&out->links);
    }
    if (status >= 0 && base) {
        out->files_before = bsi_manifest_reader_info(base)->files;
        status = advance_base(&scan);
    }
    if (status >= 0) {
        status = walk_all(&scan);
    }
    bsi_buf_dispose(&scan.bytes);
    if (status < 0) {
        bsi_scan_dispose(out);
        return status;
    }
    bsi_progress_set_total(env->progress, out->files, out->bytes);
    return BS_OK;
}
