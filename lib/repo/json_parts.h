/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_JSON_PARTS_H
#define BSI_REPO_JSON_PARTS_H

#include "hash/sha256.h"
#include "repo/go_text.h"
#include "text/json_read.h"

/*
 * What the JSON texts of a repository have in common. As with Go, null stands
 * for a member that is not there.
 */

/* Called for each member of an object; reads or skips its value, which is not null. */
typedef bs_status (*bsi_json_member_fn)(bsi_json_reader *reader, bsi_slice key, void *user);
BS_NODISCARD bs_status bsi_json_each_member(bsi_json_reader *reader, bsi_json_member_fn member,
                                            void *user);

/* Called for each item of an array; reads or skips it. */
typedef bs_status (*bsi_json_item_fn)(bsi_json_reader *reader, void *user);
BS_NODISCARD bs_status bsi_json_each_item(bsi_json_reader *reader, bsi_json_item_fn item,
                                          void *user);

/* 64 hex digits; restic accepts upper case too. `scratch` as for bsi_json_read_string(). */
BS_NODISCARD bs_status bsi_json_read_digest(bsi_json_reader *reader, bsi_buf *scratch,
                                            bsi_digest *out);

BS_NODISCARD bs_status bsi_json_read_go_time(bsi_json_reader *reader, bsi_buf *scratch,
                                             bsi_go_time *out);

BS_NODISCARD bs_status bsi_json_read_u32(bsi_json_reader *reader, uint32_t *out);

/*
 * Memory for the strings of one JSON text, which are never longer than the text:
 * nothing moves while it is read. Freed by bsi_json_texts_dispose(); zeroed is empty.
 */
typedef struct bsi_json_texts {
    char *bytes;
    size_t size;
    size_t used;
    bsi_buf scratch; /* Only while reading. */
} bsi_json_texts;

BS_NODISCARD bs_status bsi_json_texts_init(bsi_json_texts *texts, size_t json_size);
void bsi_json_texts_dispose(bsi_json_texts *texts);

/* A string that stays where it is for as long as `texts` does. */
BS_NODISCARD bs_status bsi_json_read_text(bsi_json_reader *reader, bsi_json_texts *texts,
                                          bsi_slice *out);

/* Append `before`, the digest's hex digits and a quote. */
BS_NODISCARD bs_status bsi_json_put_digest(bsi_buf *out, const char *before,
                                           const bsi_digest *digest);

#endif
