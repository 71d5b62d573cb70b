/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_S3_XML_INT_H
#define BSI_NET_S3_XML_INT_H

#include "net/s3_xml.h"
#include "net/service_xml_int.h"

/* What the readers of S3's documents share. */

enum { BSI_S3_UPLOAD_ID_MAX = 1024 };

/* A time of a document; BSI_SERVICE_NO_TIME where it cannot be read: such times are only told. */
int64_t bsi_s3_time(bsi_slice text);

/* Whether a text can be the id of an upload. */
bool bsi_s3_is_upload_id(bsi_slice text);

#endif
