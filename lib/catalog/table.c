/* SPDX-License-Identifier: MIT */
/*
 * Rows between structs and SQLite, by lists of columns.
 */
#include "catalog/table.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"

enum { STATEMENT_MAX = 8192 };

/* FNV-1a: any one changed byte changes it. */
static uint64_t sum_bytes(uint64_t sum, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ bytes[i]) * 1099511628211u;
    }
    return sum;
}

static uint64_t sum_begin(const bsi_table *table)
{
    return sum_bytes(14695981039346656037u, table->name, strlen(table->name));
}

static uint64_t sum_text(uint64_t sum, bsi_slice text)
{
    const uint64_t size = text.size;

    sum = sum_bytes(sum, &size, sizeof(size));
    return sum_bytes(sum, text.data, text.size);
}

static uint64_t sum_int(uint64_t sum, int64_t value)
{
    return sum_bytes(sum, &value, sizeof(value));
}

/* With its name: which of several columns holds the number must count too. */
static uint64_t sum_added(uint64_t sum, const bsi_column *column, int64_t value)
{
    return value == 0 ? sum : sum_int(sum_text(sum, bsi_slice_of(column->name)), value);
}

static uint64_t sum_number(uint64_t sum, const bsi_column *column, int64_t value)
{
    return column->added ? sum_added(sum, column, value) : sum_int(sum, value);
}

static const char *get_text(const void *member)
{
    const char *text = NULL;

    memcpy(&text, member, sizeof(text));
    return text ? text : "";
}

/* The number that stands for a member of a type that is no text. */
static int64_t get_number(const bsi_column *column, const void *member)
{
    int64_t wide = 0;
    int32_t narrow = 0;
    uint32_t positive = 0;
    bool flag = false;

    switch (column->type) {
    case BSI_COLUMN_INT32:
        memcpy(&narrow, member, sizeof(narrow));
        return narrow;
    case BSI_COLUMN_UINT32:
        memcpy(&positive, member, sizeof(positive));
        return positive;
    case BSI_COLUMN_FLAG:
        memcpy(&flag, member, sizeof(flag));
        return flag;
    default:
        memcpy(&wide, member, sizeof(wide));
        return wide;
    }
}

static uint64_t bind_text(bsi_sql *sql, uint64_t sum, const char *text)
{
    bsi_sql_text(sql, text);
    return sum_text(sum, bsi_slice_of(text));
}

static uint64_t bind_number(bsi_sql *sql, uint64_t sum, const bsi_column *column, int64_t value)
{
    if (column->type == BSI_COLUMN_TIME && value == 0) {
        bsi_sql_null(sql);
    } else {
        bsi_sql_int(sql, value);
    }
    if (column->type == BSI_COLUMN_SIZE && value < 0 && sql->status >= 0) {
        sql->status =
            bsi_fail(BS_LAYER_CATALOG, BS_E_INVALID, "catalogue: %s is too large", column->name);
    }
    return sum_number(sum, column, value);
}

static uint64_t bind_column(bsi_sql *sql, uint64_t sum, const bsi_column *column,
                            const void *member)
{
    bsi_slice bytes = {"", 0};
    bsi_row_status status = BSI_ROW_NONE;

    switch (column->type) {
    case BSI_COLUMN_TEXT:
        return bind_text(sql, sum, get_text(member));
    case BSI_COLUMN_BYTES:
        memcpy(&bytes, member, sizeof(bytes));
        bsi_sql_blob(sql, bytes);
        return sum_text(sum, bytes);
    case BSI_COLUMN_STATUS:
        memcpy(&status, member, sizeof(status));
        return bind_text(sql, sum, bsi_row_status_name(status));
    default:
        return bind_number(sql, sum, column, get_number(column, member));
    }
}

static void bind_row(bsi_sql *sql, const bsi_table *table, const void *row)
{
    uint64_t sum = sum_begin(table);

    for (size_t i = 0; i < table->count; i++) {
        const bsi_column *column = &table->columns[i];
        sum = bind_column(sql, sum, column, (const uint8_t *)row + column->offset);
    }
    bsi_sql_int(sql, (int64_t)sum);
}

/* Append a text for every column and once more for the sum. */
static bs_status append_columns(bsi_buf *text, const bsi_table *table, const char *behind)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i <= table->count && status == BS_OK; i++) {
        const char *name = i < table->count ? table->columns[i].name : "sum";
        status = bsi_buf_append_format(text, "%s%s%s", i > 0 ? ", " : "", name, behind);
    }
    return status;
}

/* Prepare and give the text up. */
static void prepare(bsi_sql *sql, bsi_db *db, bsi_buf *text, bs_status status)
{
    if (status == BS_OK) {
        status = bsi_buf_append_byte(text, 0);
    }
    if (status == BS_OK) {
        bsi_sql_prepare(sql, db, (const char *)text->data);
    } else {
        *sql = (bsi_sql){.db = db, .status = status};
    }
    bsi_buf_dispose(text);
}

static bs_status insert_text(bsi_buf *text, const bsi_table *table, const char *verb)
{
    bs_status status = BS_OK;

    BSI_TRY(bsi_buf_append_format(text, "%s INTO %s (", verb, table->name));
    BSI_TRY(append_columns(text, table, ""));
    BSI_TRY(bsi_buf_append_text(text, ") VALUES (?"));
    for (size_t i = 0; i < table->count && status == BS_OK; i++) {
        status = bsi_buf_append_text(text, ", ?");
    }
    return status == BS_OK ? bsi_buf_append_text(text, ")") : status;
}

bs_status bsi_table_insert(bsi_db *db, const bsi_table *table, const char *verb, const void *row)
{
    bsi_buf text;
    bsi_sql sql;

    bsi_buf_init(&text, STATEMENT_MAX);
    prepare(&sql, db, &text, insert_text(&text, table, verb));
    bind_row(&sql, table, row);
    return bsi_sql_run(&sql);
}

static bs_status update_text(bsi_buf *text, const bsi_table *table)
{
    BSI_TRY(bsi_buf_append_format(text, "UPDATE %s SET ", table->name));
    BSI_TRY(append_columns(text, table, " = ?"));
    return bsi_buf_append_format(text, " WHERE %s = ?1 RETURNING 1", table->columns[0].name);
}

bs_status bsi_table_update(bsi_db *db, const bsi_table *table, const void *row)
{
    bsi_buf text;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_buf_init(&text, STATEMENT_MAX);
    prepare(&sql, db, &text, update_text(&text, table));
    bind_row(&sql, table, row);
    status = bsi_sql_step(&sql);
    if (status == BS_END) {
        status = bsi_fail(BS_LAYER_CATALOG, BS_E_NOT_FOUND, "no %s '%s'", table->name,
                          get_text((const uint8_t *)row + table->columns[0].offset));
    } else if (status == BS_OK) {
        status = bsi_sql_step(&sql);
    }
    return bsi_sql_finish(&sql, status);
}

static bs_status select_text(bsi_buf *text, const bsi_table *table, const char *rest)
{
    BSI_TRY(bsi_buf_append_text(text, "SELECT "));
    BSI_TRY(append_columns(text, table, ""));
    return bsi_buf_append_format(text, " FROM %s %s", table->name, rest);
}

void bsi_table_select(bsi_sql *sql, bsi_db *db, const bsi_table *table, const char *rest)
{
    bsi_buf text;

    bsi_buf_init(&text, STATEMENT_MAX);
    prepare(sql, db, &text, select_text(&text, table, rest));
}

static bool is_bytes(const bsi_column *column)
{
    return column->type == BSI_COLUMN_TEXT || column->type == BSI_COLUMN_BYTES;
}

/* Store a number in a member; false when it does not fit. */
static bool set_number(const bsi_column *column, void *member, int64_t value)
{
    const int32_t narrow = (int32_t)value;
    const uint32_t positive = (uint32_t)value;
    const bool flag = value != 0;

    switch (column->type) {
    case BSI_COLUMN_INT32:
        memcpy(member, &narrow, sizeof(narrow));
        return narrow == value;
    case BSI_COLUMN_UINT32:
        memcpy(member, &positive, sizeof(positive));
        return positive == value;
    case BSI_COLUMN_FLAG:
        memcpy(member, &flag, sizeof(flag));
        return value == 0 || value == 1;
    default:
        memcpy(member, &value, sizeof(value));
        return column->type != BSI_COLUMN_SIZE || value >= 0;
    }
}

/* Copy a text behind the others of the row. */
static bsi_slice keep(char **at, bsi_slice bytes)
{
    const bsi_slice kept = {*at, bytes.size};

    memcpy(*at, bytes.data, bytes.size);
    (*at)[bytes.size] = '\0';
    *at += bytes.size + 1;
    return kept;
}

static bool load_status(bsi_slice word, void *member)
{
    char text[32] = "";
    bsi_row_status status = BSI_ROW_NONE;

    if (word.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, word.data, word.size);
    status = bsi_row_status_parse(text);
    memcpy(member, &status, sizeof(status));
    return status != BSI_ROW_NONE;
}

static bool load_column(bsi_sql *sql, int index, const bsi_column *column, void *member, char **at,
                        uint64_t *sum)
{
    if (is_bytes(column)) {
        const bsi_slice kept = keep(at, bsi_sql_get_bytes(sql, index));
        *sum = sum_text(*sum, kept);
        if (column->type == BSI_COLUMN_TEXT) {
            memcpy(member, &kept.data, sizeof(kept.data));
            return memchr(kept.data, '\0', kept.size) == NULL;
        }
        memcpy(member, &kept, sizeof(kept));
        return true;
    }
    if (column->type == BSI_COLUMN_STATUS) {
        const bsi_slice word = bsi_sql_get_bytes(sql, index);
        *sum = sum_text(*sum, word);
        return load_status(word, member);
    }
    const int64_t value = bsi_sql_get_int(sql, index);
    *sum = sum_number(*sum, column, value);
    return set_number(column, member, value);
}

/* The row's own sum stands behind its columns. */
static bs_status load_row(bsi_sql *sql, const bsi_table *table, bool summed, void *row)
{
    uint64_t sum = sum_begin(table);
    size_t size = 0;
    char *memory = NULL;
    char *at = NULL;
    bool good = true;

    for (size_t i = 0; i < table->count; i++) {
        if (is_bytes(&table->columns[i])) {
            size += bsi_sql_get_bytes(sql, (int)i).size + 1;
        }
    }
    memory = bsi_alloc(size);
    if (!memory) {
        return BS_E_NOMEM;
    }
    memset(row, 0, table->row_size);
    at = memory;
    for (size_t i = 0; i < table->count; i++) {
        const bsi_column *column = &table->columns[i];
        good = load_column(sql, (int)i, column, (uint8_t *)row + column->offset, &at, &sum) && good;
    }
    if (!good || (summed && (int64_t)sum != bsi_sql_get_int(sql, (int)table->count))) {
        memset(row, 0, table->row_size);
        bsi_free(memory);
        return bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT,
                        "catalogue: a row of table '%s' is damaged: it can be rebuilt from the "
                        "storages",
                        table->name);
    }
    memcpy((uint8_t *)row + table->memory, &memory, sizeof(memory));
    return BS_OK;
}

bs_status bsi_table_next(bsi_sql *sql, const bsi_table *table, void *row)
{
    const bs_status status = bsi_sql_step(sql);

    return status == BS_OK ? load_row(sql, table, true, row) : status;
}

bs_status bsi_table_one(bsi_sql *sql, const bsi_table *table, const char *what, const char *key,
                        void *row)
{
    bs_status status = bsi_table_next(sql, table, row);

    if (status == BS_END) {
        char shown[128];
        status = bsi_fail(BS_LAYER_CATALOG, BS_E_NOT_FOUND, "no %s '%s'", what,
                          bsi_printable(key, strlen(key), shown, sizeof(shown)));
    }
    return bsi_sql_finish(sql, status);
}

/* Room for one more row; capacities are powers of two. */
static bs_status grow(const bsi_table *table, uint8_t **rows, size_t count)
{
    uint8_t *larger = NULL;

    if ((count & (count - 1)) != 0 || (count > 0 && count < 16)) {
        return BS_OK;
    }
    larger = bsi_realloc_array(*rows, count > 0 ? 2 * count : 16, table->row_size);
    if (!larger) {
        return BS_E_NOMEM;
    }
    *rows = larger;
    return BS_OK;
}

static bs_status load_all(bsi_sql *sql, const bsi_table *table, bool summed, void **rows_out,
                          size_t *count_out)
{
    uint8_t *rows = NULL;
    size_t count = 0;
    bs_status status = BS_OK;

    while (status == BS_OK) {
        status = grow(table, &rows, count);
        if (status == BS_OK) {
            status = bsi_sql_step(sql);
        }
        if (status == BS_OK) {
            status = load_row(sql, table, summed, rows + count * table->row_size);
        }
        count += status == BS_OK;
    }
    status = bsi_sql_finish(sql, status);
    if (status < 0) {
        bsi_table_free_rows(table, rows, count);
        return status;
    }
    *rows_out = rows;
    *count_out = count;
    return BS_OK;
}

bs_status bsi_table_all(bsi_sql *sql, const bsi_table *table, void **rows_out, size_t *count_out)
{
    return load_all(sql, table, true, rows_out, count_out);
}

bs_status bsi_table_all_sums(bsi_sql *sql, const bsi_table *table, void **rows_out,
                             size_t *count_out)
{
    return load_all(sql, table, false, rows_out, count_out);
}

/* --- Sums --- */

enum { ADD_ROW_WORDS = 64 };

/* " WHERE a = ? AND b = ?" over the keys. */
static bs_status keys_text(bsi_buf *text, const bsi_table *table)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < table->keys && status == BS_OK; i++) {
        status = bsi_buf_append_format(text, "%s%s = ?", i > 0 ? " AND " : " WHERE ",
                                       table->columns[i].name);
    }
    return status;
}

static bs_status begin_text(bsi_buf *text, const bsi_table *table, bool remove)
{
    BSI_TRY(remove ? bsi_buf_append_format(text, "DELETE FROM %s", table->name)
                   : select_text(text, table, ""));
    return keys_text(text, table);
}

/* A statement about the row with the same keys. */
static void prepare_by_keys(bsi_sql *sql, bsi_db *db, const bsi_table *table, bool remove,
                            const void *row)
{
    bsi_buf text;

    bsi_buf_init(&text, STATEMENT_MAX);
    prepare(sql, db, &text, begin_text(&text, table, remove));
    for (size_t i = 0; i < table->keys; i++) {
        const bsi_column *column = &table->columns[i];
        (void)bind_column(sql, 0, column, (const uint8_t *)row + column->offset);
    }
}

/* Add numbers of `old` to those of `row`, of which `sign` says the direction. Whether any is left.
 */
static bool add_numbers(const bsi_table *table, void *row, const void *old, int sign)
{
    bool any = false;

    for (size_t i = table->keys; i < table->count; i++) {
        const size_t offset = table->columns[i].offset;
        uint64_t value = 0;
        uint64_t before = 0;

        BSI_ASSERT(table->columns[i].type == BSI_COLUMN_NUMBER);
        memcpy(&value, (uint8_t *)row + offset, sizeof(value));
        memcpy(&before, (const uint8_t *)old + offset, sizeof(before));
        value = sign < 0 ? before - value : before + value;
        memcpy((uint8_t *)row + offset, &value, sizeof(value));
        any = any || value != 0;
    }
    return any;
}

bs_status bsi_table_add(bsi_db *db, const bsi_table *table, const void *row, int sign)
{
    uint64_t sum[ADD_ROW_WORDS] = {0};
    uint64_t old[ADD_ROW_WORDS] = {0};
    bsi_sql sql;
    bool any = false;

    BSI_CHECK(table->row_size <= sizeof(sum));
    memcpy(sum, row, table->row_size);
    prepare_by_keys(&sql, db, table, false, row);
    BSI_TRY(bsi_sql_finish(&sql, bsi_table_next(&sql, table, old)));
    any = add_numbers(table, sum, old, sign);
    bsi_table_dispose_row(table, old);
    if (any) {
        return bsi_table_insert(db, table, "INSERT OR REPLACE", sum);
    }
    prepare_by_keys(&sql, db, table, true, row);
    return bsi_sql_run(&sql);
}

void bsi_table_dispose_row(const bsi_table *table, void *row)
{
    void *memory = NULL;

    memcpy(&memory, (uint8_t *)row + table->memory, sizeof(memory));
    bsi_free(memory);
    memset(row, 0, table->row_size);
}

void bsi_table_free_rows(const bsi_table *table, void *rows, size_t count)
{
    for (size_t i = 0; rows && i < count; i++) {
        bsi_table_dispose_row(table, (uint8_t *)rows + i * table->row_size);
    }
    bsi_free(rows);
}

bs_status bsi_sql_all_ids(bsi_sql *sql, bsi_id **ids_out, size_t *count_out)
{
    bsi_id *ids = NULL;
    size_t count = 0;
    bs_status status = bsi_sql_step(sql);

    while (status == BS_OK) {
        const bsi_slice id = bsi_sql_get_bytes(sql, 0);
        bsi_id *larger = bsi_realloc_array(ids, count + 1, sizeof(*ids));

        if (!larger) {
            status = BS_E_NOMEM;
            break;
        }
        ids = larger;
        memset(&ids[count], 0, sizeof(ids[count]));
        memcpy(ids[count].text, id.data, id.size < BS_ID_SIZE ? id.size : BS_ID_SIZE - 1);
        count++;
        status = bsi_sql_step(sql);
    }
    status = bsi_sql_finish(sql, status);
    if (status < 0) {
        bsi_free(ids);
        return status;
    }
    *ids_out = ids;
    *count_out = count;
    return BS_OK;
}
