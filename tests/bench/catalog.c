/* SPDX-License-Identifier: MIT */
/*
 * bench-catalog DIRECTORY [BACKUPS [NAMES]]: how long a large catalogue takes.
 *
 * Makes a state directory with so many backups (1 000 000 of 1 000 names), unless
 * there is one, and prints how long it takes to open the service, to sum up, to tell the
 * history, to write metrics, to list pages and to close. The rows are the same each
 * time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <backupsvc/stats.h>

#include "catalog/catalog.h"
#include "catalog/numbers.h"
#include "os/time.h"

#define HOUR_NS (INT64_C(3600) * 1000000000)
#define BEGIN_NS (INT64_C(1700000000) * 1000000000)

enum { ROUNDS = 5 };

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, bs_error_last()->message);
    exit(1);
}

/* Of the wall clock, and of the processors. */
typedef struct moment {
    int64_t ns;
    clock_t used;
} moment;

static moment begin(void)
{
    return (moment){bsi_monotonic_ns(), clock()};
}

static void tell(const char *what, moment since)
{
    const moment now = begin();

    printf("%-24s %10.2f ms, processor %10.2f ms\n", what, (double)(now.ns - since.ns) / 1e6,
           (double)(now.used - since.used) * 1e3 / CLOCKS_PER_SEC);
    (void)fflush(stdout);
}

/* --- Rows --- */

static uint64_t chance_state = 1;

static uint32_t chance(uint32_t below)
{
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance_state >> 33) % below;
}

static const char *const types[] = {"full", "incremental", "incremental", "incremental",
                                    "differential"};
static const char *const compressions[] = {"zip", "tar.zst", "tar.gz"};

/* Each name has a backup about every hour. */
static void make_row(size_t number, size_t names, char (*name_texts)[32], char *id,
                     bsi_row_backup *row)
{
    const size_t name = number % names;
    const uint64_t size = 1000000 + chance(1000000000);
    const bool failed = chance(50) == 0;

    (void)snprintf(id, BS_ID_SIZE, "%08x-0000-7000-8000-%012x", (unsigned)number, (unsigned)number);
    *row = (bsi_row_backup){
        .id = id,
        .name = name_texts[name],
        .backup_type = types[(number / names) % 5],
        .requested_type = "incremental",
        .form = "archive",
        .storage = name % 10 == 0 ? "s3" : "local",
        .compression = compressions[name % 3],
        .compression_level = 6,
        .encryption = name % 4 == 0 ? "aes256" : "none",
        .status = failed ? BSI_ROW_FAILED : BSI_ROW_COMPLETED,
        .created_at = BEGIN_NS + (int64_t)(number / names) * HOUR_NS + (int64_t)name * 1000000,
        .source_paths = "[\"/srv/data\"]",
        .options = "{\"name\":\"docs\",\"source_paths\":[\"/srv/data\"],\"backup_type\":\"full\"}",
        .metadata = "{}",
        .container_key = failed ? "" : "docs/20261123T093552Z-full-aa2d0048.zip",
        .manifest_key = failed ? "" : "docs/20261123T093552Z-full-aa2d0048.manifest.json.zst",
        .container_size = failed ? 0 : size / 3,
        .manifest_size = failed ? 0 : 10000,
        .manifest_sha256 = "99b3d8e25d96dbcf13bb57fdde5f89978f51ecf7b4063393f1d08bdf24e3c2c9",
        .bytes_processed = size,
        .files_processed = size / 10000,
        .bytes_stored = failed ? 0 : size / 3 + 10000,
        .bytes_deduplicated = size / 2,
        .error_code = failed ? BS_E_IO : BS_OK,
        .error_layer = BS_LAYER_SOURCE,
        .error_message = failed ? "input/output error" : "",
        .retention_days = 30,
        .usage.cpu_ns = chance(1000000000),
    };
    row->started_at = row->created_at + 1000000;
    row->completed_at = row->started_at + (int64_t)chance(600000) * 1000000;
}

static void generate(bsi_catalog *catalog, size_t count, size_t names)
{
    char(*name_texts)[32] = calloc(names, sizeof(*name_texts));
    char(*ids)[BS_ID_SIZE] = calloc(count, sizeof(*ids));
    bsi_backup_import *items = calloc(count, sizeof(*items));
    const moment since = begin();

    if (!name_texts || !ids || !items) {
        fail("memory");
    }
    for (size_t i = 0; i < names; i++) {
        (void)snprintf(name_texts[i], sizeof(name_texts[i]), "name %zu", i);
    }
    for (size_t i = 0; i < count; i++) {
        make_row(i, names, name_texts, ids[i], &items[i].row);
    }
    if (bsi_catalog_replace_backups(catalog, items, count) < 0) {
        fail("making the catalogue");
    }
    free(items);
    free(ids);
    free(name_texts);
    tell("generate", since);
}

/* Unless it is there. */
static void make_catalog(const char *path, size_t count, size_t names)
{
    bsi_catalog *catalog = NULL;
    bsi_row_name *rows = NULL;
    size_t found = 0;
    uint64_t total = 0;

    if (bsi_catalog_open(path, &catalog) < 0 ||
        bsi_catalog_list_names(catalog, 1, &rows, &found, &total) < 0) {
        fail("opening the catalogue");
    }
    bsi_row_names_free(rows, found);
    if (total == 0) {
        generate(catalog, count, names);
    }
    bsi_catalog_close(catalog);
}

/* --- What takes how long --- */

static bs_service *open_service(const char *path)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_service *service = NULL;
    const moment since = begin();

    options.state_path = path;
    if (bs_service_open(&options, &service) < 0) {
        fail("opening");
    }
    tell("open", since);
    return service;
}

static void sum_up(bs_service *service)
{
    bs_stats_info *stats = NULL;
    const moment since = begin();

    if (bs_stats(service, &stats) < 0) {
        fail("summing up");
    }
    tell("bs_stats", since);
    bs_stats_info_free(stats);
}

static void tell_history(bs_service *service)
{
    bs_stats_history_info *history = NULL;
    const moment since = begin();

    if (bs_stats_history(service, NULL, &history) < 0) {
        fail("telling the history");
    }
    tell("bs_stats_history", since);
    bs_stats_history_info_free(history);
}

static void write_metrics(bs_service *service)
{
    char *text = NULL;
    const moment since = begin();

    if (bs_metrics(service, &text) < 0) {
        fail("writing metrics");
    }
    tell("bs_metrics", since);
    bs_free(text);
}

static void list_page(bs_service *service, const char *what, const bs_backup_filter *filter)
{
    bs_backup_page *page = NULL;
    const moment since = begin();

    if (bs_backup_list(service, filter, &page) < 0) {
        fail("listing");
    }
    tell(what, since);
    bs_backup_page_free(page);
}

static void list_pages(bs_service *service, size_t count)
{
    const bs_job_state failed = BS_STATE_FAILED;
    bs_backup_filter filter = BS_BACKUP_FILTER_INIT;

    list_page(service, "list, the newest 50", &filter);
    filter.offset = (uint32_t)(count / 2);
    list_page(service, "list, 50 in the middle", &filter);
    filter.offset = 0;
    filter.name = "name 7";
    list_page(service, "list, 50 of a name", &filter);
    filter.name = NULL;
    filter.status = &failed;
    list_page(service, "list, 50 that failed", &filter);
}

int main(int argc, char **argv)
{
    const size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    const size_t names = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000;
    bs_service *service = NULL;
    moment since;

    if (argc < 2 || names == 0) {
        fprintf(stderr, "usage: bench-catalog DIRECTORY [BACKUPS [NAMES]]\n");
        return 2;
    }
    service = open_service(argv[1]);
    bs_service_close(service);
    make_catalog(argv[1], count, names);
    service = open_service(argv[1]);
    for (int i = 0; i < ROUNDS; i++) {
        sum_up(service);
        tell_history(service);
        write_metrics(service);
        list_pages(service, count);
    }
    since = begin();
    bs_service_close(service);
    tell("close", since);
    return 0;
}
