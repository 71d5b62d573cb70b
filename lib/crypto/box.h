/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_BOX_H
#define BSI_CRYPTO_BOX_H

#include "base/buffer.h"
#include "crypto/key.h"

/*
 * A small secret document under one key, such as the service's keyring:
 * "what it is" is authenticated with it, so none passes for another. The data
 * key of a box is random; the key wraps it as it wraps a backup's.
 */
enum { BSI_BOX_MAX = BSI_SECRET_MAX }; /* Bytes of the document. */

/* Append the box to `out`. `purpose`: such as "keyring". */
BS_NODISCARD bs_status bsi_box_seal(bsi_key *key, const char *purpose, const void *data,
                                    size_t size, bsi_buf *out);
/* BS_E_KEY with another key; BS_E_CORRUPT when it was changed or is of another purpose. */
BS_NODISCARD bs_status bsi_box_open(bsi_key *key, const char *purpose, const void *box, size_t size,
                                    bsi_secret **out);

#endif
