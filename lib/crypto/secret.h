/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_SECRET_H
#define BSI_CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Bytes that nobody else may see: keys and pass phrases. They lie in pages of
 * their own, locked in memory where the system allows it, left out of core
 * dumps and wiped in forked children; they are wiped when they are freed. They
 * cannot be printed, grown or copied by accident.
 */
typedef struct bsi_secret bsi_secret;

/* Longest secret: a keyring with room to spare. */
enum { BSI_SECRET_MAX = 1024 * 1024 };

/* `size` zeroed bytes, 1 to BSI_SECRET_MAX. */
BS_NODISCARD bs_status bsi_secret_new(size_t size, bsi_secret **out);
/* A copy of bytes; the caller wipes its own. */
BS_NODISCARD bs_status bsi_secret_copy(const void *bytes, size_t size, bsi_secret **out);
/* So many bytes of chance. */
BS_NODISCARD bs_status bsi_secret_random(size_t size, bsi_secret **out);
/* NULL is ignored; the error record is left alone. */
void bsi_secret_free(bsi_secret *secret);

/* False in a forked child, whose pages are wiped: no key of zeros is ever used. */
bool bsi_secret_is_intact(const bsi_secret *secret);

unsigned char *bsi_secret_bytes(bsi_secret *secret);
const unsigned char *bsi_secret_view(const bsi_secret *secret);
size_t bsi_secret_size(const bsi_secret *secret);

/* Overwrite, in a way that no compiler leaves out. */
void bsi_wipe(void *bytes, size_t size);
/* Whether both are alike, in a time that does not tell where they differ. */
bool bsi_secret_equal(const void *a, const void *b, size_t size);

#endif
