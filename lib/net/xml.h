/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_XML_H
#define BSI_NET_XML_H

#include "base/buffer.h"
#include "base/slice.h"

/*
 * The XML that storage services answer with: elements, attributes and text, taken strictly.
 * A document type, an entity of its own, more depth or longer texts than below
 * and anything behind the root are refused, so that no document costs more than
 * its own bytes. Names come without their namespace.
 */
enum {
    BSI_XML_DEPTH_MAX = 16,
    BSI_XML_NAME_MAX = 128,       /* Bytes of an element's or attribute's name. */
    BSI_XML_TEXT_MAX = 64 * 1024, /* Bytes of its text; keys have 1024, tokens more. */
};

/*
 * An element has ended, or an attribute is told, before all that stands in its element; its
 * name begins with '@'. `path` is the names from the root down to it, such as
 * "ListBucketResult/Contents/Key"; `text` is what stood directly in it, without blanks at the
 * ends when there are elements in it too. Both are borrowed for the call. A failure ends the
 * reading and comes back from it.
 */
typedef bs_status (*bsi_xml_cb)(void *user, bsi_slice path, bsi_slice text);

/* One document on its way in. One thread at a time. */
typedef struct bsi_xml bsi_xml;

BS_NODISCARD bs_status bsi_xml_new(bsi_xml_cb callback, void *user, bsi_xml **out);
/* NULL is ignored; the error record is left alone. */
void bsi_xml_free(bsi_xml *xml);

/* Read on. BS_E_CORRUPT of layer STORAGE for what is refused, BS_E_LIMIT for what is too much. */
BS_NODISCARD bs_status bsi_xml_read(bsi_xml *xml, const void *data, size_t size);

/* Nothing more comes: BS_E_CORRUPT unless the document was whole. */
BS_NODISCARD bs_status bsi_xml_end(bsi_xml *xml);

#endif
