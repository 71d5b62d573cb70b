/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_STORAGE_REMOTE_H
#define TESTS_UNIT_STORAGE_REMOTE_H

#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "storage/decorators/retry.h"
#include "storage/storage.h"

/* What the tests of drivers over HTTP do beside a server that misbehaves. */

/* More than a part; services with smaller ones say so before they include this. */
#ifndef REMOTE_LARGE
#define REMOTE_LARGE (5 * 1024 * 1024 + 5)
#endif
enum { LARGE = REMOTE_LARGE };

/* Put more settings to those that are there; later ones of the same key count. */
static inline size_t add_settings(bsi_setting *settings, size_t used, size_t room,
                                  const bsi_setting *more, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < used && strcmp(settings[at].key, more[i].key) != 0) {
            at++;
        }
        assert_true(at < room);
        settings[at] = more[i];
        used = at == used ? used + 1 : used;
    }
    return used;
}

/* What fails in a way that may pass is to be tried again, at once. Takes the reference. */
static inline bsi_storage *repeating(bsi_storage *bare)
{
    static const bsi_backoff_policy quick = {.base_ms = 1, .cap_ms = 1, .total_ms = 600000};
    bsi_storage *storage = NULL;

    assert_ok(bsi_storage_retry_new(bare, &quick, &storage));
    bsi_storage_unref(bare);
    return storage;
}

static inline uint8_t *make_large(void)
{
    uint8_t *bytes = malloc(LARGE);

    assert_non_null(bytes);
    for (size_t i = 0; i < LARGE; i++) {
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    return bytes;
}

static inline bs_status put(bsi_storage *storage, const char *key, uint32_t flags,
                            const void *bytes, size_t size)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;
    bs_status status = BS_OK;

    options.flags = flags;
    BSI_TRY(bsi_upload_begin(storage, NULL, key, &options, &upload));
    status = bsi_upload_write(upload, NULL, bytes, size);
    if (status < 0) {
        bsi_upload_abort(upload);
        return status;
    }
    return bsi_upload_commit(upload, NULL);
}

static inline bs_status put_large(bsi_storage *storage, const char *key, uint32_t flags)
{
    uint8_t *bytes = make_large();
    const bs_status status = put(storage, key, flags, bytes, LARGE);

    free(bytes);
    return status;
}

static inline void assert_large(bsi_storage *storage, const char *key)
{
    uint8_t *bytes = make_large();
    uint8_t *back = malloc(LARGE);

    assert_non_null(back);
    assert_ok(bsi_storage_read(storage, NULL, key, 0, back, LARGE));
    assert_memory_equal(back, bytes, LARGE);
    free(back);
    free(bytes);
}

static inline bs_status count(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    *(int *)user += 1;
    return BS_OK;
}

/* --- One operation each --- */

static inline bs_status do_get(bsi_storage *storage)
{
    char bytes[5];

    assert_ok(bsi_storage_put(storage, NULL, "k", "bytes", 5));
    return bsi_storage_read(storage, NULL, "k", 0, bytes, sizeof(bytes));
}

static inline bs_status do_head(bsi_storage *storage)
{
    bs_storage_object object;

    return bsi_storage_stat(storage, NULL, "k", &object);
}

static inline bs_status do_put(bsi_storage *storage)
{
    return bsi_storage_put(storage, NULL, "k", "bytes", 5);
}

static inline bs_status do_delete(bsi_storage *storage)
{
    return bsi_storage_remove(storage, NULL, "k");
}

static inline bs_status do_list(bsi_storage *storage)
{
    int objects = 0;

    return bsi_storage_list(storage, NULL, "a", count, &objects);
}

static inline bs_status do_large(bsi_storage *storage)
{
    return put_large(storage, "k", 0);
}

/* --- All of them --- */

static inline void assert_all_works(bsi_storage *storage)
{
    bs_storage_object object;
    char bytes[5];
    int objects = 0;

    assert_ok(bsi_storage_put(storage, NULL, "a/small", "bytes", 5));
    assert_ok(put_large(storage, "a/large", 0));
    assert_ok(bsi_storage_stat(storage, NULL, "a/large", &object));
    assert_int_equal(object.size, LARGE);
    assert_ok(bsi_storage_read(storage, NULL, "a/small", 0, bytes, sizeof(bytes)));
    assert_memory_equal(bytes, "bytes", 5);
    assert_large(storage, "a/large");
    assert_ok(bsi_storage_list(storage, NULL, "a", count, &objects));
    assert_int_equal(objects, 2);
    assert_ok(bsi_storage_remove(storage, NULL, "a/small"));
    assert_status(bsi_storage_stat(storage, NULL, "a/small", &object), BS_E_NOT_FOUND);
}

/* What an operation on a storage below a script ends with. */
typedef struct refused_case {
    const char *script;
    bs_status (*run)(bsi_storage *);
    bs_status expected;
    bs_retry retry;
    const char *words;
} refused_case;

#endif
