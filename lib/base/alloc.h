/* SPDX-License-Identifier: MIT */
#ifndef BSI_BASE_ALLOC_H
#define BSI_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The one way to memory. All of these set BS_E_NOMEM and return NULL when there
 * is none; a size of 0 gives a valid pointer. Freed with bsi_free().
 */
void *bsi_alloc(size_t size);
void *bsi_calloc(size_t count, size_t size);

/* Resize to count * size bytes; on failure the old block stays as it was. */
void *bsi_realloc_array(void *old, size_t count, size_t size);

char *bsi_strdup(const char *text);
char *bsi_strndup(const char *text, size_t size);
void *bsi_memdup(const void *data, size_t size);

/* NULL is ignored; the error record is left alone. */
void bsi_free(void *memory);

#ifdef BSI_TESTING
/* Let the next `count` allocations of any thread succeed and the one after fail; -1 turns it off.
 */
void bsi_alloc_fail_after(long count);

/* From the one that fails on, fail all of them, not just one. */
void bsi_alloc_fail_forever(bool forever);

/* Whether the planned failure has happened. */
bool bsi_alloc_has_failed(void);
#endif

#endif
