/* SPDX-License-Identifier: MIT */
#include "api/json_document.h"

void bsi_json_document_begin(bsi_json_writer *json, bsi_buf *buf)
{
    bsi_buf_init(buf, BSI_JSON_DOCUMENT_MAX);
    bsi_json_writer_init(json, buf, BSI_JSON_COMPACT);
    bsi_json_begin_object(json);
}

bs_status bsi_json_document_end(bsi_json_writer *json, bsi_buf *buf, char **out)
{
    char *text = NULL;
    bs_status status = BS_OK;

    bsi_json_end_object(json);
    status = bsi_json_writer_finish(json);
    if (status >= 0) {
        text = bsi_buf_take_text(buf);
        status = text ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(buf);
    if (status >= 0) {
        *out = text;
    }
    return status;
}
