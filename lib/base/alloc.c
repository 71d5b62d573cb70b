/* SPDX-License-Identifier: MIT */
/*
 * Allocation over malloc(), with a counter by which tests fail the n-th call.
 */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#ifdef BSI_TESTING
#include <stdatomic.h>

static atomic_long fail_after = -1;
static atomic_bool fail_forever;
static atomic_bool has_failed;

void bsi_alloc_fail_after(long count)
{
    atomic_store(&has_failed, false);
    atomic_store(&fail_after, count);
}

void bsi_alloc_fail_forever(bool forever)
{
    atomic_store(&fail_forever, forever);
}

bool bsi_alloc_has_failed(void)
{
    return atomic_load(&has_failed);
}

static bool must_fail(void)
{
    long left = atomic_load(&fail_after);

    if (left < 0) {
        return atomic_load(&has_failed) && atomic_load(&fail_forever);
    }
    left = atomic_fetch_sub(&fail_after, 1);
    if (left == 0) {
        atomic_store(&has_failed, true);
    }
    return left == 0;
}
#else
static bool must_fail(void)
{
    return false;
}
#endif

static void *checked(void *memory)
{
    if (!memory) {
        (void)bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    return memory;
}

void *bsi_alloc(size_t size)
{
    return checked(must_fail() ? NULL : malloc(size ? size : 1));
}

void *bsi_calloc(size_t count, size_t size)
{
    return checked(must_fail() ? NULL : calloc(count ? count : 1, size ? size : 1));
}

void *bsi_realloc_array(void *old, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return checked(NULL);
    }
    const size_t bytes = count * size;
    return checked(must_fail() ? NULL : realloc(old, bytes > 0 ? bytes : 1));
}

char *bsi_strdup(const char *text)
{
    return bsi_strndup(text, strlen(text));
}

char *bsi_strndup(const char *text, size_t size)
{
    char *copy = bsi_alloc(size + 1);

    if (copy) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

void *bsi_memdup(const void *data, size_t size)
{
    void *copy = bsi_alloc(size);

    if (copy && size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

void bsi_free(void *memory)
{
    free(memory);
}

void bs_free(void *memory)
{
    bsi_free(memory);
}
