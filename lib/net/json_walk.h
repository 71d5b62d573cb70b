/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_JSON_WALK_H
#define BSI_NET_JSON_WALK_H

#include "text/json_read.h"

/* Answers of services, part by part; what takes a part reads its value or skips it. */

typedef bs_status (*bsi_json_take_member)(void *user, bsi_json_reader *reader, bsi_slice key);
/* Each member of the object that comes next. */
BS_NODISCARD bs_status bsi_json_walk_object(bsi_json_reader *reader, bsi_json_take_member take,
                                            void *user);

typedef bs_status (*bsi_json_take_item)(void *user, bsi_json_reader *reader);
/* Each item of the array that comes next. */
BS_NODISCARD bs_status bsi_json_walk_array(bsi_json_reader *reader, bsi_json_take_item take,
                                           void *user);

/*
 * All of a document of at most `max` bytes, which is one object in which no key comes twice.
 * BS_E_CORRUPT: it is none.
 */
BS_NODISCARD bs_status bsi_json_walk_document(bsi_slice document, size_t max,
                                              bsi_json_take_member take, void *user);

#endif
