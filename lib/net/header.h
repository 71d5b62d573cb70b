/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_HEADER_H
#define BSI_NET_HEADER_H

/* A header of a request that is signed. */
typedef struct bsi_header {
    const char *name; /* In lower case. */
    const char *value;
} bsi_header;

#endif
