/* SPDX-License-Identifier: MIT */
#ifndef BSI_API_JSON_DOCUMENT_H
#define BSI_API_JSON_DOCUMENT_H

#include "text/json_write.h"

enum { BSI_JSON_DOCUMENT_MAX = 1024 * 1024 * 1024 };

/* Begin an object in `buf`. */
void bsi_json_document_begin(bsi_json_writer *json, bsi_buf *buf);

/* End it, and hand it over as a text. `buf` is disposed of in any case. */
BS_NODISCARD bs_status bsi_json_document_end(bsi_json_writer *json, bsi_buf *buf, char **out);

#endif
