/* SPDX-License-Identifier: MIT */
#ifndef BSI_API_JSON_DOCUMENT_H
#define BSI_API_JSON_DOCUMENT_H

#include <backupsvc/backup.h>

#include "text/json_write.h"

enum { BSI_JSON_DOCUMENT_MAX = 1024 * 1024 * 1024 };

/* Begin an object in `buf`. */
void bsi_json_document_begin(bsi_json_writer *json, bsi_buf *buf);

/* End it, and hand it over as a text. `buf` is disposed of in any case. */
BS_NODISCARD bs_status bsi_json_document_end(bsi_json_writer *json, bsi_buf *buf, char **out);

/* --- Parts that documents have in common --- */

/* A list ended by NULL; NULL stands for an empty one. */
void bsi_json_put_texts(bsi_json_writer *json, const char *key, const char *const *texts);

/* What is in the object of an entry. */
void bsi_json_put_entry(bsi_json_writer *json, const bs_entry *entry);

/* An object, as a value. */
void bsi_json_write_error(bsi_json_writer *json, const bs_error *error);

/* "error" and "error_message", which are null when there is none. */
void bsi_json_put_error(bsi_json_writer *json, const bs_error *error);

void bsi_json_put_usage(bsi_json_writer *json, const bs_usage *usage);

#endif
