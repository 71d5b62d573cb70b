/* SPDX-License-Identifier: MIT */
/*
 * From what a person writes to one id.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_int.h"
#include "catalog/table.h"

#define LATEST "latest:"
#define STALEST "stalest:"
#define IS_GOOD "NOT deleting AND backup.status IN ('completed', 'completed_with_warnings')"

enum { PREFIX_MIN = 4, SHOWN_CANDIDATES = 5 };

static bs_status not_found(const char *what, const char *reference)
{
    char shown[128];

    return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "no %s '%s'", what,
                    bsi_printable(reference, strlen(reference), shown, sizeof(shown)));
}

/* Lower case, and nothing but what ids are made of. */
static bs_status parse_prefix(const char *reference, char out[BS_ID_SIZE])
{
    const size_t size = strlen(reference);
    char shown[128];

    if (size < PREFIX_MIN || size >= BS_ID_SIZE ||
        strspn(reference, "0123456789abcdefABCDEF-") != size) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "'%s' is neither an id nor its first %d or more characters",
                        bsi_printable(reference, size, shown, sizeof(shown)), (int)PREFIX_MIN);
    }
    for (size_t i = 0; i <= size; i++) {
        const uint8_t c = (uint8_t)reference[i];
        out[i] = (char)(c >= 'A' && c <= 'F' ? c | 0x20 : c);
    }
    return BS_OK;
}

static bs_status ambiguous(const char *reference, const bsi_id *ids, size_t count)
{
    char list[SHOWN_CANDIDATES * (BS_ID_SIZE + 2)] = "";
    size_t used = 0;

    for (size_t i = 0; i < count && i < SHOWN_CANDIDATES; i++) {
        const int more =
            snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? ", " : "", ids[i].text);
        used += more > 0 ? (size_t)more : 0;
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_AMBIGUOUS, "'%s' may be %s%s", reference, list,
                    count > SHOWN_CANDIDATES ? " and others" : "");
}

/* `text` selects the ids that begin with its parameter. */
static bs_status by_prefix(bsi_catalog *catalog, const char *text, const char *what,
                           const char *reference, char id_out[BS_ID_SIZE])
{
    char prefix[BS_ID_SIZE];
    bsi_id *ids = NULL;
    size_t count = 0;
    bsi_sql sql;
    bs_status status = parse_prefix(reference, prefix);

    if (status < 0) {
        return status;
    }
    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db, text);
    bsi_sql_text(&sql, prefix);
    status = bsi_sql_all_ids(&sql, &ids, &count);
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK && count == 0) {
        status = not_found(what, reference);
    } else if (status == BS_OK && count > 1) {
        status = ambiguous(prefix, ids, count);
    } else if (status == BS_OK) {
        memcpy(id_out, ids[0].text, BS_ID_SIZE);
    }
    bsi_free(ids);
    return status;
}

/* `text` selects one id at most, of a name. */
static bs_status one_of(bsi_catalog *catalog, const char *text, const char *name,
                        char id_out[BS_ID_SIZE])
{
    bsi_id *ids = NULL;
    size_t count = 0;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db, text);
    bsi_sql_text(&sql, name);
    status = bsi_sql_all_ids(&sql, &ids, &count);
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK && count == 0) {
        status = not_found("completed backup of", name);
    } else if (status == BS_OK) {
        memcpy(id_out, ids[0].text, BS_ID_SIZE);
    }
    bsi_free(ids);
    return status;
}

static bs_status latest_of(bsi_catalog *catalog, const char *name, char id_out[BS_ID_SIZE])
{
    return one_of(catalog,
                  "SELECT id FROM backup WHERE name = ? AND " IS_GOOD " ORDER BY seq DESC LIMIT 1",
                  name, id_out);
}

/* Those that were never verified come first, the oldest of them before the others. */
static bs_status stalest_of(bsi_catalog *catalog, const char *name, char id_out[BS_ID_SIZE])
{
    return one_of(catalog,
                  "SELECT backup.id FROM backup LEFT JOIN (SELECT backup_id,"
                  " max(created_at) AS last FROM job WHERE kind = 'verify'"
                  " AND status <> 'cancelled' GROUP BY backup_id) ON backup_id = backup.id"
                  " WHERE (?1 = '' OR name = ?1) AND " IS_GOOD
                  " ORDER BY last IS NOT NULL, last, seq LIMIT 1",
                  name, id_out);
}

/* '~' sorts behind everything that ids are made of. */
#define BY_PREFIX "WHERE id >= ?1 AND id < ?1 || '~' ORDER BY id LIMIT 6"

bs_status bsi_catalog_resolve_backup(bsi_catalog *catalog, const char *reference,
                                     char id_out[BS_ID_SIZE])
{
    if (strncmp(reference, LATEST, strlen(LATEST)) == 0) {
        return latest_of(catalog, reference + strlen(LATEST), id_out);
    }
    if (strncmp(reference, STALEST, strlen(STALEST)) == 0) {
        return stalest_of(catalog, reference + strlen(STALEST), id_out);
    }
    return by_prefix(catalog, "SELECT id FROM backup " BY_PREFIX, "backup", reference, id_out);
}

bs_status bsi_catalog_resolve_job(bsi_catalog *catalog, const char *reference,
                                  char id_out[BS_ID_SIZE])
{
    return by_prefix(catalog, "SELECT id FROM job " BY_PREFIX, "job", reference, id_out);
}

static bs_status schedule_by_name(bsi_catalog *catalog, const char *name, bsi_id **ids_out,
                                  size_t *count_out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db, "SELECT id FROM schedule WHERE name = ?");
    bsi_sql_text(&sql, name);
    status = bsi_sql_all_ids(&sql, ids_out, count_out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

bs_status bsi_catalog_resolve_schedule(bsi_catalog *catalog, const char *reference,
                                       char id_out[BS_ID_SIZE])
{
    bsi_id *ids = NULL;
    size_t count = 0;
    bs_status status = schedule_by_name(catalog, reference, &ids, &count);

    if (status == BS_OK && count > 0) {
        memcpy(id_out, ids[0].text, BS_ID_SIZE);
    } else if (status == BS_OK) {
        status =
            by_prefix(catalog, "SELECT id FROM schedule " BY_PREFIX, "schedule", reference, id_out);
    }
    bsi_free(ids);
    return status == BS_E_INVALID ? not_found("schedule", reference) : status;
}
