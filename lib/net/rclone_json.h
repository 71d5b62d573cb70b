/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_RCLONE_JSON_H
#define BSI_NET_RCLONE_JSON_H

#include "base/buffer.h"
#include "base/slice.h"

/*
 * What rclone's remote control says. Source: rclone's pages "Remote controlling rclone with its
 * API" and "rclone lsjson". Documents that lack what they must have are BS_E_CORRUPT of layer
 * STORAGE: whatever else is JSON is never taken for an empty list.
 */

/* A time that is not told, or not so that it can be read. */
#define BSI_RCLONE_NO_TIME INT64_MIN

/* A size that rclone does not know, as of documents that a service makes when they are read. */
#define BSI_RCLONE_NO_SIZE UINT64_MAX

/* A file or directory. */
typedef struct bsi_rclone_item {
    bsi_slice path;   /* From the remote's root on; any bytes but NUL. */
    uint64_t size;    /* At most INT64_MAX, or BSI_RCLONE_NO_SIZE. */
    int64_t mtime_ns; /* Since 1970-01-01T00:00:00Z, or BSI_RCLONE_NO_TIME. */
    bool is_dir;
} bsi_rclone_item;

/* The answer of operations/stat, without its path; BS_OK and `found_out` false: nothing is there.
 */
BS_NODISCARD bs_status bsi_rclone_stat_parse(bsi_slice document, bsi_rclone_item *out,
                                             bool *found_out);

/* What a remote can do, by operations/fsinfo. */
typedef struct bsi_rclone_features {
    bool buckets; /* An object appears whole or not at all; directories are none. */
    bool moves;   /* A file gets another name without its bytes going through rclone... */
    bool copies;  /* ...or a copy of it does. */
    bool streams; /* An upload's size need not be known before; else it is kept on a disk first. */
    bool ignores_case;
} bsi_rclone_features;

BS_NODISCARD bs_status bsi_rclone_features_parse(bsi_slice document, bsi_rclone_features *out);

/* What it says of a failure, as one printable line; false when the document is none of one. */
enum { BSI_RCLONE_ERROR_SIZE = 512 };
bool bsi_rclone_error_parse(bsi_slice document, char out[BSI_RCLONE_ERROR_SIZE]);

/* The port of "Serving remote control on http://127.0.0.1:PORT/"; 0 for any other line. */
uint16_t bsi_rclone_port_parse(bsi_slice line);

/* Takes what is listed, borrowed for the call; what it does not like ends the listing. */
typedef bs_status (*bsi_rclone_visit)(void *user, const bsi_rclone_item *item);

/* The answer of operations/list while it comes. Members are its own. */
typedef struct bsi_rclone_list {
    bsi_rclone_visit visit;
    void *user;
    bsi_buf item;   /* As far as it has come. */
    size_t matched; /* Bytes of what stands before the items, and behind them. */
    unsigned depth; /* Of the brackets of `item`. */
    bool in_items;
    bool in_text;
    bool escaped;
    bool after_item; /* A comma or the end must follow. */
    bool after_comma;
} bsi_rclone_list;

/* One item has at most so many bytes. */
enum { BSI_RCLONE_ITEM_MAX = 256 * 1024 };

void bsi_rclone_list_begin(bsi_rclone_list *list, bsi_rclone_visit visit, void *user);

/* The next bytes of the answer, however they are cut. */
BS_NODISCARD bs_status bsi_rclone_list_take(bsi_rclone_list *list, bsi_slice bytes);

/* Whether that was all of an answer, if `status` is BS_OK; else `status`. Frees what it holds. */
BS_NODISCARD bs_status bsi_rclone_list_end(bsi_rclone_list *list, bs_status status);

#endif
