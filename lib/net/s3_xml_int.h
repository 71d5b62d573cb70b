/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_S3_XML_INT_H
#define BSI_NET_S3_XML_INT_H

#include "net/s3_xml.h"
#include "net/xml.h"

/* What the readers of S3's documents share. */

enum {
    BSI_S3_KEY_TEXT_MAX = 3 * 1024, /* Of a key, with every byte encoded. */
    BSI_S3_TOKEN_MAX = 4095,
    BSI_S3_UPLOAD_ID_MAX = 1024,
};

/* "the server's answer WHAT", BS_E_CORRUPT of layer STORAGE. */
bs_status bsi_s3_corrupt(const char *what);

/* A document whole. Before it may be blanks, by which a service says that it still works. */
BS_NODISCARD bs_status bsi_s3_read_document(bsi_slice document, bsi_xml_cb callback, void *user);

/* A time of a document; BSI_S3_NO_TIME where it cannot be read: such times are only told. */
int64_t bsi_s3_time(bsi_slice text);

/* Whether a text can be the id of an upload. */
bool bsi_s3_is_upload_id(bsi_slice text);

#endif
