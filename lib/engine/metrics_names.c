/* SPDX-License-Identifier: MIT */
/*
 * Metrics of backups by their name. Names beyond METRICS_MAX_NAMES are counted
 * under one word, and have no series of times and sizes.
 */
#include <string.h>

#include "catalog/numbers.h"
#include "engine/metrics_render.h"
#include "engine/service.h"

enum {
    NS_PLACES = 9,
    US_PLACES = 6,
};

typedef struct names {
    bsi_row_name *rows;
    size_t count;
    bsi_row_held *held; /* By name, type and status. */
    size_t held_count;
} names;

typedef enum number_form {
    FORM_TIME,         /* Nanoseconds since 1970; 0: there is none. */
    FORM_MICROSECONDS, /* Of a success, which there may not be. */
    FORM_COUNT,        /* Likewise. */
} number_form;

typedef struct name_family {
    const char *name;
    const char *help;
    size_t offset;
    number_form form;
} name_family;

#define AT(member) offsetof(bsi_row_name, member)

static const name_family families[] = {
    {"last_run_timestamp_seconds", "When the last backup ended, whatever became of it.",
     AT(last_run_at), FORM_TIME},
    {"last_success_duration_seconds", "How long the newest completed backup took.",
     AT(last_success_duration), FORM_MICROSECONDS},
    {"last_success_source_bytes", "Size of the source in the newest completed backup.",
     AT(last_success_source_bytes), FORM_COUNT},
    {"last_success_stored_bytes", "What the newest completed backup takes on its storage.",
     AT(last_success_size), FORM_COUNT},
    {"last_success_files", "Files in the newest completed backup.", AT(last_success_files),
     FORM_COUNT},
    {"source_bytes_median", "Median of the source's size in the newest 32 completed backups.",
     AT(source_bytes_median), FORM_COUNT},
    {"oldest_backup_timestamp_seconds", "Creation of the oldest completed backup that is held.",
     AT(oldest_at), FORM_TIME},
    {"verify_last_timestamp_seconds", "When the last verification of a backup ended.",
     AT(verified_at), FORM_TIME},
};

/* The word for the rest must not stand for a name as well. */
static bool is_shown(const bsi_row_name *row)
{
    return strcmp(row->name, BSI_METRIC_OTHER) != 0;
}

static int64_t number_at(const bsi_row_name *row, size_t offset)
{
    int64_t number = 0; /* Sizes are below 2^63. */

    memcpy(&number, (const char *)row + offset, sizeof(number));
    return number;
}

static void put_number(const name_family *family, const bsi_row_name *row, bsi_metrics_text *text)
{
    const bsi_label labels[BSI_LABELS_MAX] = {{"name", row->name}};
    const int64_t number = number_at(row, family->offset);

    if (!is_shown(row)) {
        return;
    }
    if (family->form == FORM_TIME && number != 0) {
        bsi_metrics_text_decimal(text, labels, number, NS_PLACES);
    } else if (family->form == FORM_MICROSECONDS && row->last_success_at != 0) {
        bsi_metrics_text_decimal(text, labels, number, US_PLACES);
    } else if (family->form == FORM_COUNT && row->last_success_at != 0) {
        bsi_metrics_text_count(text, labels, (uint64_t)number);
    }
}

static void put_numbers(const names *all, bsi_metrics_text *text)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(families); i++) {
        bsi_metrics_text_family(text, BSI_METRICS_PREFIX, families[i].name, "gauge",
                                families[i].help);
        for (size_t j = 0; j < all->count; j++) {
            put_number(&families[i], &all->rows[j], text);
        }
    }
}

/* --- Good or bad --- */

static void put_outcomes(const names *all, bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "last_run_success", "gauge",
                            "1 when the last backup completed, 0 when it did not.");
    for (size_t i = 0; i < all->count; i++) {
        const bsi_row_name *row = &all->rows[i];
        const bsi_label labels[BSI_LABELS_MAX] = {{"name", row->name}};
        if (row->last_run_at != 0 && is_shown(row)) {
            bsi_metrics_text_count(
                text, labels, bsi_row_is_completed(bsi_row_status_parse(row->last_run_status)));
        }
    }
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "verify_success", "gauge",
                            "1 when the last verification found no damage, 0 when it failed.");
    for (size_t i = 0; i < all->count; i++) {
        const bsi_row_name *row = &all->rows[i];
        const bsi_label labels[BSI_LABELS_MAX] = {{"name", row->name}};
        if (row->verified_at != 0 && is_shown(row)) {
            bsi_metrics_text_count(text, labels, row->verified_good);
        }
    }
}

static void put_success(const bsi_row_name *row, bsi_metrics_text *text)
{
    static const struct {
        const char *type;
        size_t offset;
    } types[] = {
        {"full", AT(last_full_at)},
        {"incremental", AT(last_incremental_at)},
        {"differential", AT(last_differential_at)},
        {"mirror", AT(last_mirror_at)},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(types); i++) {
        const bsi_label labels[BSI_LABELS_MAX] = {{"name", row->name},
                                                  {"backup_type", types[i].type}};
        const int64_t at = number_at(row, types[i].offset);
        if (at != 0) {
            bsi_metrics_text_decimal(text, labels, at, NS_PLACES);
        }
    }
}

static void put_successes(const names *all, bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "last_success_timestamp_seconds", "gauge",
                            "When the newest completed backup ended.");
    for (size_t i = 0; i < all->count; i++) {
        if (is_shown(&all->rows[i])) {
            put_success(&all->rows[i], text);
        }
    }
}

/* --- How many --- */

static bool is_name_shown(const names *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->rows[i].name, name) == 0) {
            return is_shown(&all->rows[i]);
        }
    }
    return false;
}

static void put_backups(const bsi_row_held *row, const char *name, uint64_t backups,
                        bsi_metrics_text *text)
{
    const bsi_label labels[BSI_LABELS_MAX] = {
        {"name", name}, {"backup_type", row->backup_type}, {"status", row->status}};

    bsi_metrics_text_count(text, labels, backups);
}

/* Add all rows of the rest that agree with the first of them, which then are done. */
static void put_rest(names *all, size_t first, bsi_metrics_text *text)
{
    const bsi_row_held *one = &all->held[first];
    uint64_t backups = 0;

    for (size_t i = first; i < all->held_count; i++) {
        bsi_row_held *row = &all->held[i];
        if (strcmp(row->backup_type, one->backup_type) == 0 &&
            strcmp(row->status, one->status) == 0) {
            backups += (uint64_t)row->backups;
            row->backups = 0;
        }
    }
    if (backups > 0) {
        put_backups(one, BSI_METRIC_OTHER, backups, text);
    }
}

/* Shown rows are taken out, so that what stays is the rest. Rows of a name follow each other. */
static void put_held(names *all, bsi_metrics_text *text)
{
    const char *name = NULL;
    bool shown = false;

    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "backups", "gauge", "Backups that are held.");
    for (size_t i = 0; i < all->held_count; i++) {
        bsi_row_held *row = &all->held[i];
        if (!name || strcmp(name, row->name) != 0) {
            name = row->name;
            shown = is_name_shown(all, name);
        }
        if (shown) {
            put_backups(row, row->name, (uint64_t)row->backups, text);
            row->backups = 0;
        }
    }
    for (size_t i = 0; i < all->held_count; i++) {
        if (all->held[i].backups > 0) {
            put_rest(all, i, text);
        }
    }
}

bs_status bsi_metrics_put_names(bs_service *service, bsi_metrics_text *text)
{
    const int64_t limit = bsi_config_number(service->config, BSI_CONFIG_METRICS_MAX_NAMES);
    names all = {.rows = NULL};
    uint64_t total = 0;
    bs_status status =
        bsi_catalog_list_names(service->catalog, (uint32_t)limit, &all.rows, &all.count, &total);

    if (status < 0) {
        return status;
    }
    status = bsi_catalog_sum_held_names(service->catalog, &all.held, &all.held_count);
    if (status >= 0) {
        put_numbers(&all, text);
        put_outcomes(&all, text);
        put_successes(&all, text);
        put_held(&all, text);
        bsi_row_helds_free(all.held, all.held_count);
    }
    bsi_row_names_free(all.rows, all.count);
    return status;
}
