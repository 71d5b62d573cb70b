/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_AZURE_XML_H
#define BSI_NET_AZURE_XML_H

#include "net/service_xml.h"

/*
 * What Azure's blob service says in XML. Source: "List Blobs" in the Azure Storage REST API
 * reference. Its errors are read by bsi_service_error_parse().
 */

/* Blobs in a page; the service has no more, so that more is refused. */
enum { BSI_AZURE_PAGE_MAX = 5000 };

/*
 * Read a page whole. Directories of accounts with a hierarchical namespace, snapshots and
 * what was deleted are left out. `out` is to be disposed of after BS_OK.
 */
BS_NODISCARD bs_status bsi_azure_page_parse(bsi_slice document, bsi_page *out);

#endif
