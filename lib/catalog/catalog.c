/* SPDX-License-Identifier: MIT */
/*
 * Opening, closing, setting aside; transactions.
 */
#include "catalog/catalog.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_int.h"
#include "catalog/number_rows.h"
#include "os/file.h"

#define JOURNAL_SUFFIX "-journal"
#define NEW_FILE BSI_CATALOG_FILE ".new"

enum { FILE_MODE = 0600 };

static char *join(const char *dir, const char *name)
{
    const size_t dir_size = strlen(dir);
    const size_t name_size = strlen(name);
    char *path = bsi_alloc(dir_size + name_size + 2);

    if (path) {
        memcpy(path, dir, dir_size);
        path[dir_size] = '/';
        memcpy(path + dir_size + 1, name, name_size);
        path[dir_size + 1 + name_size] = '\0';
    }
    return path;
}

/* Of a catalogue nobody else knows yet; a journal without its file would spoil the next one. */
static bs_status remove_new(int dir)
{
    bs_status status = bsi_unlink(dir, NEW_FILE JOURNAL_SUFFIX);

    if (status == BS_OK || status == BS_E_NOT_FOUND) {
        status = bsi_unlink(dir, NEW_FILE);
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status fill_new(const char *path)
{
    bsi_db *db = NULL;
    bs_status status = bsi_db_open(path, &db);

    if (status == BS_OK) {
        status = bsi_schema_prepare(db, true);
    }
    bsi_db_close(db);
    return status;
}

/* Made under another name, so that a catalogue is never empty unless it is damaged. */
static bs_status make_new(int dir, const char *dir_path)
{
    char *path = join(dir_path, NEW_FILE);
    int fd = -1;
    bs_status status = path ? remove_new(dir) : BS_E_NOMEM;

    if (status == BS_OK) {
        status = bsi_open(dir, NEW_FILE, BSI_OPEN_WRITE | BSI_OPEN_CREATE | BSI_OPEN_EXCLUSIVE,
                          FILE_MODE, &fd);
    }
    if (status == BS_OK) {
        status = bsi_close(fd);
    }
    if (status == BS_OK) {
        status = fill_new(path);
    }
    if (status == BS_OK) {
        status = bsi_rename(dir, NEW_FILE, dir, BSI_CATALOG_FILE, true);
    }
    if (status == BS_OK) {
        status = bsi_sync(dir);
    }
    bsi_free(path);
    return status;
}

static bs_status ensure_file(int dir, const char *dir_path)
{
    bsi_stat stat;
    const bs_status status = bsi_stat_at(dir, BSI_CATALOG_FILE, &stat);

    if (status == BS_E_NOT_FOUND) {
        return make_new(dir, dir_path);
    }
    if (status < 0) {
        return status;
    }
    if (stat.type != BSI_TYPE_FILE) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_INVALID, "no regular file");
    }
    if (stat.size == 0) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT,
                        "the catalogue is empty: it can be rebuilt from the storages");
    }
    return BS_OK;
}

static bs_status open_file(const char *dir_path, bsi_db **out)
{
    bsi_db *db = NULL;
    char *path = NULL;
    int dir = -1;
    bs_status status = bsi_open(BSI_CWD, dir_path, BSI_OPEN_READ | BSI_OPEN_DIR, 0, &dir);

    if (status == BS_OK) {
        status = ensure_file(dir, dir_path);
    }
    bsi_close_quietly(dir);
    if (status < 0) {
        return status;
    }
    path = join(dir_path, BSI_CATALOG_FILE);
    if (!path) {
        return BS_E_NOMEM;
    }
    status = bsi_db_open(path, &db);
    bsi_free(path);
    if (status == BS_OK) {
        status = bsi_schema_prepare(db, false);
    }
    if (status < 0) {
        bsi_db_close(db);
        return status;
    }
    *out = db;
    return BS_OK;
}

static bs_status in_context(bs_status status, const char *dir_path)
{
    char shown[512];

    if (status >= 0) {
        return status;
    }
    return bsi_fail_context(BS_LAYER_CATALOG, status, "'%s/%s'",
                            bsi_printable(dir_path, strlen(dir_path), shown, sizeof(shown)),
                            BSI_CATALOG_FILE);
}

bs_status bsi_catalog_open(const char *path, bsi_catalog **out)
{
    bsi_catalog *catalog = bsi_calloc(1, sizeof(*catalog));
    bs_status status = BS_OK;

    if (!catalog) {
        return BS_E_NOMEM;
    }
#ifdef BSI_TESTING
    bsi_sql_faults_install();
#endif
    status = open_file(path, &catalog->db);
    if (status < 0) {
        bsi_free(catalog);
        return in_context(status, path);
    }
    bsi_mutex_init(&catalog->lock);
    *out = catalog;
    return BS_OK;
}

#ifdef BSI_TESTING
/* Whoever changes rows and forgets the sums is found by every test. */
static void check_numbers(const bsi_catalog *catalog)
{
    const char *wrong = NULL;
    bs_error before;

    bsi_error_save(&before);
    if (bsi_numbers_check_locked(catalog->db, &wrong) == BS_OK) {
        BSI_ASSERT(!wrong);
    }
    bsi_error_restore(&before);
}
#else
#define check_numbers(catalog) ((void)(catalog))
#endif

void bsi_catalog_close(bsi_catalog *catalog)
{
    if (catalog) {
        check_numbers(catalog);
        bsi_db_close(catalog->db);
        bsi_mutex_dispose(&catalog->lock);
        bsi_free(catalog);
    }
}

/* The journal goes first: it must never be taken for that of another file. */
static bs_status rename_aside(int dir)
{
    const bsi_time now = bsi_now();
    char aside[128];
    char journal[160];
    bs_status status = BS_OK;

    (void)snprintf(aside, sizeof(aside), BSI_CATALOG_FILE ".aside-%" PRId64 "-%09" PRId32, now.sec,
                   now.nsec);
    (void)snprintf(journal, sizeof(journal), "%s" JOURNAL_SUFFIX, aside);
    status = bsi_rename(dir, BSI_CATALOG_FILE JOURNAL_SUFFIX, dir, journal, true);
    if (status == BS_OK || status == BS_E_NOT_FOUND) {
        status = bsi_rename(dir, BSI_CATALOG_FILE, dir, aside, true);
    }
    if (status == BS_OK || status == BS_E_NOT_FOUND) {
        status = bsi_sync(dir);
    }
    return status;
}

bs_status bsi_catalog_move_aside(const char *path)
{
    int dir = -1;
    bs_status status = bsi_open(BSI_CWD, path, BSI_OPEN_READ | BSI_OPEN_DIR, 0, &dir);

    if (status == BS_OK) {
        status = rename_aside(dir);
        bsi_close_quietly(dir);
    }
    return in_context(status, path);
}

bs_status bsi_catalog_begin(bsi_catalog *catalog)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = bsi_db_exec(catalog->db, "BEGIN IMMEDIATE");
    if (status < 0) {
        bsi_mutex_unlock(&catalog->lock);
    }
    return status;
}

bs_status bsi_catalog_end(bsi_catalog *catalog, bs_status status)
{
    if (status >= 0) {
        status = bsi_db_exec(catalog->db, "COMMIT");
    }
    if (status < 0) {
        bsi_db_rollback(catalog->db);
    }
    bsi_mutex_unlock(&catalog->lock);
    return status;
}
