/* SPDX-License-Identifier: MIT */
#include "engine/audit_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "os/file.h"

#define NAME_PREFIX "audit-"
#define NAME_SUFFIX ".jsonl"

enum { NAME_DIGITS = 20 };

void bsi_audit_file_name(uint64_t first, char out[BSI_AUDIT_NAME_SIZE])
{
    (void)snprintf(out, BSI_AUDIT_NAME_SIZE, NAME_PREFIX "%0*" PRIu64 NAME_SUFFIX, NAME_DIGITS,
                   first);
}

/* 0: it is no name of ours. */
static uint64_t parse_name(const char *name)
{
    char again[BSI_AUDIT_NAME_SIZE];
    uint64_t first = 0;

    if (strncmp(name, NAME_PREFIX, sizeof(NAME_PREFIX) - 1) != 0) {
        return 0;
    }
    name += sizeof(NAME_PREFIX) - 1;
    for (size_t i = 0; name[i] >= '0' && name[i] <= '9' && i < NAME_DIGITS - 1; i++) {
        first = first * 10 + (uint64_t)(name[i] - '0');
    }
    if (strlen(name) < NAME_DIGITS || name[NAME_DIGITS - 1] < '0' || name[NAME_DIGITS - 1] > '9' ||
        first > UINT64_MAX / 10 - 1) {
        return 0;
    }
    first = first * 10 + (uint64_t)(name[NAME_DIGITS - 1] - '0');
    bsi_audit_file_name(first, again);
    return strcmp(again + sizeof(NAME_PREFIX) - 1, name) == 0 ? first : 0;
}

/* --- The list --- */

typedef struct file_list {
    bsi_audit_file *items;
    size_t count;
    size_t capacity;
} file_list;

static bs_status add_file(file_list *list, uint64_t first, uint64_t size)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity > 0 ? 2 * list->capacity : 16;
        bsi_audit_file *items = bsi_realloc_array(list->items, capacity, sizeof(*items));
        if (!items) {
            return BS_E_NOMEM;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = (bsi_audit_file){first, size};
    return BS_OK;
}

static bs_status collect(int dir, bsi_dir *names, file_list *list)
{
    bsi_dir_entry entry;
    bsi_stat stat;
    bs_status status = BS_OK;

    while ((status = bsi_dir_next(names, &entry)) == BS_OK) {
        const uint64_t first = parse_name(entry.name);
        if (first == 0) {
            continue;
        }
        BSI_TRY(bsi_stat_at(dir, entry.name, &stat));
        BSI_TRY(add_file(list, first, stat.size));
    }
    return status < 0 ? status : BS_OK;
}

static int compare_files(const void *a, const void *b)
{
    const bsi_audit_file *left = a;
    const bsi_audit_file *right = b;

    return (left->first > right->first) - (left->first < right->first);
}

bs_status bsi_audit_files_list(int dir, bsi_audit_file **out, size_t *count_out)
{
    file_list list = {0};
    bsi_dir *names = NULL;
    bs_status status = bsi_dir_open(dir, &names);

    if (status >= 0) {
        status = collect(dir, names, &list);
    }
    bsi_dir_close(names);
    if (status < 0) {
        bsi_free(list.items);
        return status;
    }
    if (list.count > 1) {
        qsort(list.items, list.count, sizeof(*list.items), compare_files);
    }
    *out = list.items;
    *count_out = list.count;
    return BS_OK;
}

/* --- What is in them --- */

static bs_status load_from(int fd, const char *name, bsi_buf *out)
{
    bsi_stat stat;
    size_t got = 0;

    BSI_TRY(bsi_fstat(fd, &stat));
    if (stat.type != BSI_TYPE_FILE || stat.size > BSI_AUDIT_LOAD_MAX) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT,
                        "'%s' is no file of an audit log: those have at most %d MiB", name,
                        BSI_AUDIT_LOAD_MAX / (1024 * 1024));
    }
    BSI_TRY(bsi_buf_reserve(out, (size_t)stat.size));
    BSI_TRY(bsi_pread(fd, out->data, (size_t)stat.size, 0, &got));
    out->size = got;
    return BS_OK;
}

bs_status bsi_audit_file_load(int dir, const bsi_audit_file *file, bsi_buf *out)
{
    char name[BSI_AUDIT_NAME_SIZE];
    int fd = -1;
    bs_status status = BS_OK;

    bsi_buf_clear(out);
    bsi_audit_file_name(file->first, name);
    status = bsi_open(dir, name, BSI_OPEN_READ | BSI_OPEN_NOFOLLOW | BSI_OPEN_NONBLOCK, 0, &fd);
    if (status >= 0) {
        status = load_from(fd, name, out);
    }
    bsi_close_quietly(fd);
    return status;
}

/* --- The end --- */

size_t bsi_audit_line_begin(const char *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] != '\n') {
        size--;
    }
    return size;
}

/* The last line of `size` bytes that is a record: BS_END when there is none. */
static bs_status last_record(const char *bytes, size_t size, bsi_audit_line *line, size_t *end_out)
{
    bs_status status = BS_E_CORRUPT;

    while (status == BS_E_CORRUPT) {
        const size_t end = bsi_audit_line_begin(bytes, size);
        const size_t begin = end > 0 ? bsi_audit_line_begin(bytes, end - 1) : 0;

        if (end == 0) {
            return BS_END;
        }
        status = bsi_audit_parse((bsi_slice){bytes + begin, end - 1 - begin}, line);
        *end_out = end;
        size = begin;
    }
    return status;
}

/* BS_END: there is no record in it. */
static bs_status look_into(int dir, const bsi_audit_file *file, bsi_buf *text,
                           bsi_audit_end_place *out)
{
    bsi_audit_line *line = bsi_calloc(1, sizeof(*line));
    size_t end = 0;
    bs_status status = line ? bsi_audit_file_load(dir, file, text) : BS_E_NOMEM;

    if (status >= 0) {
        status =
            text->size > 0 ? last_record((const char *)text->data, text->size, line, &end) : BS_END;
    }
    if (status == BS_OK) {
        *out = (bsi_audit_end_place){.head = {line->record.seq, line->hash},
                                     .first = file->first,
                                     .size = end,
                                     .rest = text->size - end};
    }
    bsi_free(line);
    return status;
}

/* A file that was begun behind the last record, and has none of its own yet. */
static void take_begun(const bsi_audit_file *files, size_t count, bsi_audit_end_place *out)
{
    for (size_t i = 0; i < count; i++) {
        if (files[i].first == out->head.seq + 1) {
            out->first = files[i].first;
            out->size = 0;
            out->rest = files[i].size;
        }
    }
}

bs_status bsi_audit_files_end(int dir, bsi_audit_end_place *out)
{
    bsi_audit_file *files = NULL;
    bsi_audit_end_place place = {.first = 1};
    bsi_buf text;
    size_t count = 0;
    bs_status status = bsi_audit_files_list(dir, &files, &count);

    bsi_buf_init(&text, BSI_AUDIT_LOAD_MAX);
    if (status >= 0) {
        status = BS_END;
    }
    for (size_t i = count; i > 0 && status == BS_END; i--) {
        status = look_into(dir, &files[i - 1], &text, &place);
    }
    if (status >= 0 && place.rest == 0) {
        take_begun(files, count, &place);
    }
    bsi_buf_dispose(&text);
    bsi_free(files);
    *out = place;
    return status < 0 ? status : BS_OK;
}
