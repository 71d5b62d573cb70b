/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFORMANCE_STORAGE_CHECKS_H
#define TESTS_CONFORMANCE_STORAGE_CHECKS_H

#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "conformance/storage_suite.h"
#include "os/thread.h"

/* What the checks of the storage suite share. */

typedef struct fixture {
    const storage_subject *subject;
    void *place;
    bsi_storage *inner;
    bsi_storage *storage; /* The one under test. */
    bool repeats;         /* It tries again what may pass. */
    bool one_line;        /* Its keys have no line ends. */
} fixture;

static inline bsi_storage *storage_of(void **state)
{
    return ((fixture *)*state)->storage;
}

static inline bool has_cap(void **state, uint32_t cap)
{
    return (bsi_storage_caps(storage_of(state)) & cap) != 0;
}

static inline void put_text(bsi_storage *storage, const char *key, const char *text)
{
    assert_ok(bsi_storage_put(storage, NULL, key, text, strlen(text)));
}

static inline void assert_content(bsi_storage *storage, const char *key, const char *text)
{
    bsi_buf buf;

    bsi_buf_init(&buf, 1024 * 1024);
    assert_ok(bsi_storage_load(storage, NULL, key, 1024 * 1024, &buf));
    assert_int_equal(buf.size, strlen(text));
    if (buf.size > 0) {
        assert_memory_equal(buf.data, text, buf.size);
    }
    bsi_buf_dispose(&buf);
}

static inline void assert_missing(bsi_storage *storage, const char *key)
{
    bs_storage_object object;

    assert_status(bsi_storage_stat(storage, NULL, key, &object), BS_E_NOT_FOUND);
}

/* What a listing told: keys in order of their bytes, each followed by a line feed. */
typedef struct listed {
    char *keys[64];
    size_t count;
    uint64_t bytes;
} listed;

static inline bs_status collect(void *user, const char *key, const bs_storage_object *object)
{
    listed *list = user;

    assert_true(list->count < BSI_ARRAY_SIZE(list->keys));
    list->keys[list->count] = strdup(key);
    list->count++;
    list->bytes += object->size;
    return BS_OK;
}

static inline int compare_keys(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void list_sorted(bsi_storage *storage, const char *prefix, listed *list)
{
    *list = (listed){.count = 0};
    assert_ok(bsi_storage_list(storage, NULL, prefix, collect, list));
    qsort(list->keys, list->count, sizeof(list->keys[0]), compare_keys);
}

static inline void listed_free(listed *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->keys[i]);
    }
}

static inline void assert_listing(bsi_storage *storage, const char *prefix,
                                  const char *const *expected)
{
    listed list;
    size_t count = 0;

    list_sorted(storage, prefix, &list);
    for (; expected[count]; count++) {
        assert_true(count < list.count);
        assert_string_equal(list.keys[count], expected[count]);
    }
    assert_int_equal(list.count, count);
    listed_free(&list);
}

static inline bsi_upload *begin(void **state, const char *key, uint32_t flags)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;

    options.flags = flags;
    assert_ok(bsi_upload_begin(storage_of(state), NULL, key, &options, &upload));
    return upload;
}

/* One thing that every storage does, as a sentence. */
typedef struct behaviour {
    const char *name;
    void (*check)(void **state);
} behaviour;

#define BEHAVIOUR(sentence) \
    {                       \
#sentence, sentence \
    }

/* Each list ends with a NULL name. */
extern const behaviour storage_object_behaviours[];
extern const behaviour storage_upload_behaviours[];
extern const behaviour storage_load_behaviours[];

#endif
