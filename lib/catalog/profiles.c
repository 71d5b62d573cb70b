/* SPDX-License-Identifier: MIT */
/*
 * Storage profiles, and single values under a key.
 */
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_int.h"
#include "catalog/table.h"

bs_status bsi_catalog_put_profile(bsi_catalog *catalog, const bsi_row_profile *row)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(
        catalog, bsi_table_insert(catalog->db, &bsi_table_profile, "INSERT OR REPLACE", row));
}

bs_status bsi_catalog_get_profile(bsi_catalog *catalog, const char *name, bsi_row_profile *out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_table_select(&sql, catalog->db, &bsi_table_profile, "WHERE name = ?");
    bsi_sql_text(&sql, name);
    status = bsi_table_one(&sql, &bsi_table_profile, "storage", name, out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

bs_status bsi_catalog_list_profiles(bsi_catalog *catalog, bsi_row_profile **rows_out,
                                    size_t *count_out)
{
    void *rows = NULL;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_table_select(&sql, catalog->db, &bsi_table_profile, "ORDER BY name");
    status = bsi_table_all(&sql, &bsi_table_profile, &rows, count_out);
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK) {
        *rows_out = rows;
    }
    return status;
}

static bs_status remove_by(bsi_db *db, const char *text, const char *key)
{
    bsi_sql sql;

    bsi_sql_prepare(&sql, db, text);
    bsi_sql_text(&sql, key);
    return bsi_sql_run(&sql);
}

bs_status bsi_catalog_remove_profile(bsi_catalog *catalog, const char *name)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(
        catalog, remove_by(catalog->db, "DELETE FROM storage_profile WHERE name = ?", name));
}

bs_status bsi_meta_get_locked(bsi_db *db, const char *key, char **value_out)
{
    bsi_row_meta row;
    bsi_sql sql;
    char *value = NULL;

    bsi_table_select(&sql, db, &bsi_table_meta, "WHERE key = ?");
    bsi_sql_text(&sql, key);
    BSI_TRY(bsi_table_one(&sql, &bsi_table_meta, "value", key, &row));
    value = bsi_strdup(row.value);
    bsi_table_dispose_row(&bsi_table_meta, &row);
    if (!value) {
        return BS_E_NOMEM;
    }
    *value_out = value;
    return BS_OK;
}

bs_status bsi_meta_set_locked(bsi_db *db, const char *key, const char *value)
{
    const bsi_row_meta row = {.key = key, .value = value};

    return bsi_table_insert(db, &bsi_table_meta, "INSERT OR REPLACE", &row);
}

/* Keys of callers live apart from ours. */
static char *user_key(const char *key)
{
    static const char prefix[] = "user:";
    const size_t size = strlen(key);
    char *whole = bsi_alloc(sizeof(prefix) + size);

    if (whole) {
        memcpy(whole, prefix, sizeof(prefix) - 1);
        memcpy(whole + sizeof(prefix) - 1, key, size);
        whole[sizeof(prefix) - 1 + size] = '\0';
    }
    return whole;
}

bs_status bsi_catalog_set_meta(bsi_catalog *catalog, const char *key, const char *value)
{
    char *whole = user_key(key);
    bs_status status = whole ? bsi_catalog_begin(catalog) : BS_E_NOMEM;

    if (status == BS_OK) {
        status = bsi_catalog_end(
            catalog, value ? bsi_meta_set_locked(catalog->db, whole, value)
                           : remove_by(catalog->db, "DELETE FROM meta WHERE key = ?", whole));
    }
    bsi_free(whole);
    return status;
}

bs_status bsi_catalog_get_meta(bsi_catalog *catalog, const char *key, char **value_out)
{
    char *whole = user_key(key);
    bs_status status = BS_E_NOMEM;

    if (whole) {
        bsi_mutex_lock(&catalog->lock);
        status = bsi_meta_get_locked(catalog->db, whole, value_out);
        bsi_mutex_unlock(&catalog->lock);
    }
    bsi_free(whole);
    return status;
}
