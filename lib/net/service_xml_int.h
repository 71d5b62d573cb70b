/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_SERVICE_XML_INT_H
#define BSI_NET_SERVICE_XML_INT_H

#include "net/service_xml.h"
#include "net/xml.h"

/* What the readers of services' documents share. */

enum {
    BSI_SERVICE_KEY_TEXT_MAX = 3 * 1024, /* Of a key, with every byte encoded. */
    BSI_SERVICE_TOKEN_MAX = 4095,
};

/* "the server's answer WHAT", BS_E_CORRUPT of layer STORAGE. */
bs_status bsi_service_corrupt(const char *what);

/* A document whole. Before it may be blanks, by which a service says that it still works. */
BS_NODISCARD bs_status bsi_service_read(bsi_slice document, bsi_xml_cb callback, void *user);

/* An element of what a service says of a failure, which is the element `parent`. */
void bsi_service_error_take(bsi_service_error *error, const char *parent, bsi_slice path,
                            bsi_slice text);

/*
 * A page while it is read. How keys are encoded may be told behind them, so that they are
 * decoded when all is there.
 */
typedef struct bsi_page_draft {
    bsi_page *page;
    size_t max;     /* Objects; more are refused. */
    size_t *key_at; /* Where each begins in `raw`; it ends with NUL. */
    bsi_buf raw;
    bsi_buf token;
    bool has_key; /* Of the present object. */
    bool has_size;
} bsi_page_draft;

/* `out` is to be disposed of only when bsi_page_end() was BS_OK. */
BS_NODISCARD bs_status bsi_page_begin(bsi_page_draft *draft, size_t max, bsi_page *out);
BS_NODISCARD bs_status bsi_page_take_key(bsi_page_draft *draft, bsi_slice text);
BS_NODISCARD bs_status bsi_page_take_size(bsi_page_draft *draft, bsi_slice text);
BS_NODISCARD bs_status bsi_page_take_time(bsi_page_draft *draft, int64_t mtime_ns);
/* Empty ones are none. */
BS_NODISCARD bs_status bsi_page_take_token(bsi_page_draft *draft, bsi_slice text);
/* The present object is whole; without `keep` it is forgotten. */
BS_NODISCARD bs_status bsi_page_take_end(bsi_page_draft *draft, bool keep);

/* After `status` of what came before, which comes back when it is a failure. */
BS_NODISCARD bs_status bsi_page_end(bsi_page_draft *draft, bs_status status, bool encoded);

#endif
