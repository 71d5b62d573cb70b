/* SPDX-License-Identifier: MIT */
/*
 * Validates a whole JSON text within limits. The keys of all open objects lie
 * on one stack; an object's own are on top when it closes, and are sorted
 * there to find equal neighbours. Sorting, unlike hashing, does not slow down
 * for keys that were made to collide.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "text/json_read.h"
#include "text/json_scan.h"

enum {
    DEFAULT_MAX_SIZE = 1 << 20,
    DEFAULT_MAX_NODES = 100000,
    FIRST_KEYS = 64,
    SHOWN_KEY_SIZE = 80,
};

typedef struct checker {
    bsi_json_reader reader;
    bsi_json_limits limits;
    uint32_t nodes;
    bsi_slice *keys;
    size_t key_count;
    size_t key_capacity;
    size_t first_key[BSI_JSON_MAX_DEPTH]; /* For each open container: its first key. */
    char *unescaped; /* Keys without their escapes; as large as the text from the first on. */
    size_t unescaped_size;
} checker;

static bsi_json_limits with_defaults(const bsi_json_limits *limits)
{
    bsi_json_limits out = limits ? *limits : (bsi_json_limits){0};

    out.max_size = out.max_size ? out.max_size : DEFAULT_MAX_SIZE;
    out.max_nodes = out.max_nodes ? out.max_nodes : DEFAULT_MAX_NODES;
    if (out.max_depth == 0 || out.max_depth > BSI_JSON_MAX_DEPTH) {
        out.max_depth = BSI_JSON_MAX_DEPTH;
    }
    return out;
}

static bs_status count_node(checker *check)
{
    if (check->nodes == check->limits.max_nodes) {
        return bsi_fail(check->reader.layer, BS_E_LIMIT, "more than %u JSON values and keys",
                        check->limits.max_nodes);
    }
    check->nodes++;
    return BS_OK;
}

static bs_status unescape_key(checker *check, bsi_slice *key)
{
    if (!check->unescaped) {
        check->unescaped = bsi_alloc((size_t)(check->reader.end - key->data));
        if (!check->unescaped) {
            return BS_E_NOMEM;
        }
    }
    key->size = bsi_json_unescape(*key, check->unescaped + check->unescaped_size);
    key->data = check->unescaped + check->unescaped_size;
    check->unescaped_size += key->size;
    return BS_OK;
}

static bs_status push_key(checker *check, bsi_slice key)
{
    if (check->key_count == check->key_capacity) {
        const size_t capacity = check->key_capacity ? check->key_capacity * 2 : FIRST_KEYS;
        bsi_slice *keys = bsi_realloc_array(check->keys, capacity, sizeof(*keys));

        if (!keys) {
            return BS_E_NOMEM;
        }
        check->keys = keys;
        check->key_capacity = capacity;
    }
    check->keys[check->key_count++] = key;
    return BS_OK;
}

static int compare_keys(const void *left, const void *right)
{
    const bsi_slice *a = left;
    const bsi_slice *b = right;

    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    return a->size > 0 ? memcmp(a->data, b->data, a->size) : 0;
}

/* The object whose keys begin at `first` is over. */
static bs_status close_object(checker *check, size_t first)
{
    char shown[SHOWN_KEY_SIZE];

    if (check->key_count > first + 1) {
        qsort(check->keys + first, check->key_count - first, sizeof(*check->keys), compare_keys);
    }
    for (size_t i = first + 1; i < check->key_count; i++) {
        const bsi_slice key = check->keys[i];
        if (bsi_slice_equal(check->keys[i - 1], key)) {
            return bsi_json_fail(&check->reader, "key '%s' twice in one object",
                                 bsi_printable(key.data, key.size, shown, sizeof(shown)));
        }
    }
    check->key_count = first;
    return BS_OK;
}

/* To the next value of the innermost object, or out of it with BS_END. */
static bs_status next_member(checker *check)
{
    const size_t first = check->first_key[check->reader.depth - 1];
    bs_status status = BS_OK;
    bsi_slice key;
    bool escaped = false;

    status = bsi_json_next_raw_key(&check->reader, &key, &escaped);
    if (status == BS_END) {
        status = close_object(check, first);
        return status < 0 ? status : BS_END;
    }
    if (status < 0) {
        return status;
    }
    BSI_TRY(count_node(check));
    if (escaped) {
        status = unescape_key(check, &key);
    }
    return status < 0 ? status : push_key(check, key);
}

static bs_status next_value(checker *check)
{
    return bsi_json_in_array(&check->reader) ? bsi_json_next_item(&check->reader)
                                             : next_member(check);
}

static bs_status check_value(checker *check)
{
    const uint32_t outer = check->reader.depth;
    const bsi_json_type type = bsi_json_peek(&check->reader);

    BSI_TRY(count_node(check));
    if (outer == check->limits.max_depth && (type == BSI_JSON_OBJECT || type == BSI_JSON_ARRAY)) {
        return bsi_fail(check->reader.layer, BS_E_LIMIT, "more than %u levels of JSON", outer);
    }
    BSI_TRY(bsi_json_step(&check->reader));
    if (check->reader.depth > outer) {
        check->first_key[outer] = check->key_count;
    }
    return BS_OK;
}

static bs_status check_all(checker *check)
{
    BSI_TRY(check_value(check));
    while (check->reader.depth > 0) {
        bs_status status = next_value(check);
        if (status == BS_OK) {
            status = check_value(check);
        }
        if (status < 0) {
            return status;
        }
    }
    return bsi_json_end(&check->reader);
}

bs_status bsi_json_check(const void *bytes, size_t size, const bsi_json_limits *limits,
                         bs_layer layer, bs_status code)
{
    checker check = {.limits = with_defaults(limits)};
    bs_status status = BS_OK;

    if (size > check.limits.max_size) {
        return bsi_fail(layer, BS_E_LIMIT, "%zu bytes of JSON, at most %zu are taken", size,
                        check.limits.max_size);
    }
    bsi_json_init(&check.reader, bytes, size, layer, code);
    status = check_all(&check);
    bsi_free(check.keys);
    bsi_free(check.unescaped);
    return status;
}
