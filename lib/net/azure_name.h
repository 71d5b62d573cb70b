/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_AZURE_NAME_H
#define BSI_NET_AZURE_NAME_H

#include "base/buffer.h"
#include "base/slice.h"

/*
 * Names of blobs for keys of any bytes. Some characters do not survive in Azure: '\' becomes
 * '/', a '.' at the end of a component goes, and neither controls nor what is not UTF-8 can be
 * in a name. Such a byte becomes a character that looks like it, or U+201B and two hex digits;
 * U+201B also stands before such a character that is itself in the key. So does rclone, by
 * whose names this goes (rclone.org, "Overview of cloud storage systems", "Restricted
 * filenames"). All other keys are names as they are.
 */

/* Source: "Naming and referencing containers, blobs, and metadata". */
enum {
    BSI_AZURE_NAME_MAX = 1024,    /* Characters, of which those above U+FFFF are two. */
    BSI_AZURE_SEGMENTS_MAX = 254, /* Components. */
};

/* Append the name for a key, or for some whole components of one. */
BS_NODISCARD bs_status bsi_azure_name_append(bsi_buf *out, bsi_slice key);

/*
 * Append the key whose name this is. Names that no key has are BS_E_CORRUPT of layer STORAGE,
 * with `out` unchanged.
 */
BS_NODISCARD bs_status bsi_azure_name_decode(bsi_slice name, bsi_buf *out);

/* Whether the service takes a name of that length; it is UTF-8. */
bool bsi_azure_name_fits(bsi_slice name);

#endif
