/* SPDX-License-Identifier: MIT */
/*
 * SQLite behind few calls, with its errors mapped to ours.
 *
 * The journal is a rollback journal and every commit is synced with its
 * directory: WAL files of SQLite before 3.51.3 can be corrupted by two
 * connections. Nothing here touches SQLite's settings for the whole process.
 */
#include "catalog/sql.h"

#include <errno.h>
#include <string.h>

#include <sqlite3.h>

#include "base/alloc.h"
#include "base/utf8.h"

enum {
    BUSY_WAIT_MS = 500,
    KEPT_MAX = 64, /* Statements of the catalogue are constants, or made from a few tables. */
};

/* A statement that has been used is kept for the next time: preparing costs more than running. */
typedef struct kept_statement {
    sqlite3_stmt *statement;
    uint64_t hash; /* Of its text. */
    bool used;
} kept_statement;

struct bsi_db {
    sqlite3 *handle;
    kept_statement kept[KEPT_MAX];
    size_t kept_count;
};

static bs_status file_status(int os_code)
{
    switch (os_code) {
    case EROFS:
    case EACCES:
    case EPERM:
        return BS_E_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
        return BS_E_NO_SPACE;
    default:
        return BS_E_IO;
    }
}

static bs_status constraint_status(int extended)
{
    return extended == SQLITE_CONSTRAINT_PRIMARYKEY || extended == SQLITE_CONSTRAINT_UNIQUE
               ? BS_E_EXISTS
               : BS_E_INTERNAL;
}

/* The statements are our own: when one does not fit the schema, it is the schema that is wrong. */
static bs_status status_of(int extended, int os_code)
{
    switch (extended & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return BS_E_BUSY;
    case SQLITE_NOMEM:
        return BS_E_NOMEM;
    case SQLITE_READONLY:
        return BS_E_READ_ONLY;
    case SQLITE_FULL:
        return BS_E_NO_SPACE;
    case SQLITE_IOERR:
        return extended == SQLITE_IOERR_NOMEM ? BS_E_NOMEM : file_status(os_code);
    case SQLITE_CANTOPEN:
        return file_status(os_code);
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return BS_E_ACCESS;
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_FORMAT:
        return BS_E_CORRUPT;
    case SQLITE_NOTADB:
        return BS_E_INVALID;
    case SQLITE_TOOBIG:
        return BS_E_LIMIT;
    case SQLITE_CONSTRAINT:
        return constraint_status(extended);
    default:
        return BS_E_INTERNAL;
    }
}

static const char *hint_of(bs_status status)
{
    switch (status) {
    case BS_E_BUSY:
        return ": another program uses it";
    case BS_E_CORRUPT:
        return ": it can be rebuilt from the storages";
    default:
        return "";
    }
}

static bs_status db_fail(const bsi_db *db, int code)
{
    const int extended = db->handle ? sqlite3_extended_errcode(db->handle) : code;
    const int os_code = db->handle ? sqlite3_system_errno(db->handle) : 0;
    const char *text = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    const bs_status status = status_of(extended, os_code);
    const char *reason = NULL;

    if (status == BS_E_NOMEM) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    if ((status == BS_E_IO || status == BS_E_READ_ONLY) && os_code != 0) {
        reason = strerrordesc_np(os_code);
    }
    return bsi_fail(BS_LAYER_CATALOG, status, "catalogue: %s%s%s%s", text, reason ? ": " : "",
                    reason ? reason : "", hint_of(status));
}

static bs_status configure(bsi_db *db)
{
    sqlite3 *handle = db->handle;

    (void)sqlite3_extended_result_codes(handle, 1);
    (void)sqlite3_busy_timeout(handle, BUSY_WAIT_MS);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    return bsi_db_exec(db, "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON;"
                           "PRAGMA synchronous = EXTRA; PRAGMA temp_store = MEMORY;"
                           "PRAGMA journal_mode = DELETE");
}

bs_status bsi_db_open(const char *path, bsi_db **out)
{
    bsi_db *db = bsi_calloc(1, sizeof(*db));
    bs_status status = BS_OK;
    int code = SQLITE_OK;

    if (!db) {
        return BS_E_NOMEM;
    }
    code = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    status = code == SQLITE_OK ? configure(db) : db_fail(db, code);
    if (status < 0) {
        bsi_db_close(db);
        return status;
    }
    *out = db;
    return BS_OK;
}

void bsi_db_close(bsi_db *db)
{
    if (db) {
        for (size_t i = 0; i < db->kept_count; i++) {
            (void)sqlite3_finalize(db->kept[i].statement);
        }
        (void)sqlite3_close_v2(db->handle);
        bsi_free(db);
    }
}

bs_status bsi_db_exec(bsi_db *db, const char *text)
{
    const int code = sqlite3_exec(db->handle, text, NULL, NULL, NULL);

    return code == SQLITE_OK ? BS_OK : db_fail(db, code);
}

void bsi_db_rollback(bsi_db *db)
{
    if (!sqlite3_get_autocommit(db->handle)) {
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
}

bool bsi_db_is_read_only(bsi_db *db)
{
    return sqlite3_db_readonly(db->handle, "main") != 0;
}

static void check(bsi_sql *sql, int code)
{
    if (sql->status >= 0 && code != SQLITE_OK) {
        sql->status = db_fail(sql->db, code);
    }
}

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    }
    return hash;
}

/* One that nobody is using now; NULL: there is none. */
static kept_statement *find_kept(bsi_db *db, const char *text, uint64_t hash)
{
    for (size_t i = 0; i < db->kept_count; i++) {
        kept_statement *one = &db->kept[i];
        if (one->hash == hash && !one->used && strcmp(sqlite3_sql(one->statement), text) == 0) {
            return one;
        }
    }
    return NULL;
}

void bsi_sql_prepare(bsi_sql *sql, bsi_db *db, const char *text)
{
    const uint64_t hash = hash_text(text);
    kept_statement *kept = find_kept(db, text, hash);
    sqlite3_stmt *statement = NULL;

    *sql = (bsi_sql){.db = db};
    if (kept) {
        kept->used = true;
        sql->statement = kept->statement;
        return;
    }
    check(sql,
          sqlite3_prepare_v3(db->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL));
    sql->statement = statement;
    if (statement && db->kept_count < KEPT_MAX) {
        db->kept[db->kept_count++] = (kept_statement){statement, hash, true};
    }
}

/* Keep a statement for the next one who wants it, or give it up. */
static void let_go(bsi_db *db, sqlite3_stmt *statement)
{
    for (size_t i = 0; i < db->kept_count; i++) {
        if (db->kept[i].statement == statement && statement) {
            (void)sqlite3_reset(statement); /* Repeats the failure of the last step. */
            (void)sqlite3_clear_bindings(statement);
            db->kept[i].used = false;
            return;
        }
    }
    (void)sqlite3_finalize(statement);
}

void bsi_sql_text(bsi_sql *sql, const char *text)
{
    const char *bytes = text ? text : "";
    const size_t size = strlen(bytes);

    sql->bound++;
    if (sql->status < 0) {
        return;
    }
    if (!bsi_utf8_valid(bytes, size)) {
        char shown[64];
        sql->status = bsi_fail(BS_LAYER_CATALOG, BS_E_INVALID, "catalogue: '%s' is not UTF-8",
                               bsi_printable(bytes, size, shown, sizeof(shown)));
        return;
    }
    check(sql,
          sqlite3_bind_text64(sql->statement, sql->bound, bytes, size, SQLITE_STATIC, SQLITE_UTF8));
}

void bsi_sql_blob(bsi_sql *sql, bsi_slice bytes)
{
    sql->bound++;
    if (sql->status < 0) {
        return;
    }
    check(sql, bytes.size == 0 ? sqlite3_bind_zeroblob(sql->statement, sql->bound, 0)
                               : sqlite3_bind_blob64(sql->statement, sql->bound, bytes.data,
                                                     bytes.size, SQLITE_STATIC));
}

void bsi_sql_int(bsi_sql *sql, int64_t value)
{
    sql->bound++;
    if (sql->status >= 0) {
        check(sql, sqlite3_bind_int64(sql->statement, sql->bound, value));
    }
}

void bsi_sql_null(bsi_sql *sql)
{
    sql->bound++;
    if (sql->status >= 0) {
        check(sql, sqlite3_bind_null(sql->statement, sql->bound));
    }
}

bs_status bsi_sql_step(bsi_sql *sql)
{
    int code = SQLITE_OK;

    if (sql->status < 0) {
        return sql->status;
    }
    code = sqlite3_step(sql->statement);
    if (code == SQLITE_ROW) {
        return BS_OK;
    }
    if (code == SQLITE_DONE) {
        return BS_END;
    }
    check(sql, code);
    return sql->status;
}

int64_t bsi_sql_get_int(bsi_sql *sql, int column)
{
    return sqlite3_column_int64(sql->statement, column);
}

/* Texts come as bytes, so that what is stored is seen as it is. NULL without memory: size 0. */
bsi_slice bsi_sql_get_bytes(bsi_sql *sql, int column)
{
    const char *data = sqlite3_column_blob(sql->statement, column);
    const int size = sqlite3_column_bytes(sql->statement, column);

    return data && size > 0 ? (bsi_slice){data, (size_t)size} : (bsi_slice){"", 0};
}

bool bsi_sql_is_null(bsi_sql *sql, int column)
{
    return sqlite3_column_type(sql->statement, column) == SQLITE_NULL;
}

void bsi_sql_reset(bsi_sql *sql)
{
    sql->bound = 0;
    if (sql->statement) {
        check(sql, sqlite3_reset(sql->statement));
        check(sql, sqlite3_clear_bindings(sql->statement));
    }
}

bs_status bsi_sql_finish(bsi_sql *sql, bs_status status)
{
    let_go(sql->db, sql->statement);
    sql->statement = NULL;
    if (status < 0) {
        return status;
    }
    if (sql->status < 0) {
        return sql->status;
    }
    return status == BS_END ? BS_OK : status;
}

bs_status bsi_sql_run(bsi_sql *sql)
{
    bs_status status = BS_OK;

    do {
        status = bsi_sql_step(sql);
    } while (status == BS_OK);
    return bsi_sql_finish(sql, status);
}

bs_status bsi_sql_number(bsi_db *db, const char *text, int64_t *out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db, text);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        *out = bsi_sql_get_int(&sql, 0);
    } else if (status == BS_END) {
        status = bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT, "catalogue: a number is missing");
    }
    return bsi_sql_finish(&sql, status);
}
