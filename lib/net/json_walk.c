/* SPDX-License-Identifier: MIT */
/*
 * Answers of services, part by part.
 */
#include "net/json_walk.h"

bs_status bsi_json_walk_object(bsi_json_reader *reader, bsi_json_take_member take, void *user)
{
    bsi_slice key = {NULL, 0};
    bs_status status = bsi_json_enter_object(reader);

    if (status < 0) {
        return status;
    }
    for (status = bsi_json_next_key(reader, &key); status == BS_OK;
         status = bsi_json_next_key(reader, &key)) {
        BSI_TRY(take(user, reader, key));
    }
    return status < 0 ? status : BS_OK;
}

bs_status bsi_json_walk_array(bsi_json_reader *reader, bsi_json_take_item take, void *user)
{
    bs_status status = bsi_json_enter_array(reader);

    if (status < 0) {
        return status;
    }
    for (status = bsi_json_next_item(reader); status == BS_OK;
         status = bsi_json_next_item(reader)) {
        BSI_TRY(take(user, reader));
    }
    return status < 0 ? status : BS_OK;
}

bs_status bsi_json_walk_document(bsi_slice document, size_t max, bsi_json_take_member take,
                                 void *user)
{
    const bsi_json_limits limits = {.max_size = max};
    bsi_json_reader reader;

    BSI_TRY(bsi_json_check(document.data, document.size, &limits, BS_LAYER_STORAGE, BS_E_CORRUPT));
    bsi_json_init(&reader, document.data, document.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    BSI_TRY(bsi_json_walk_object(&reader, take, user));
    return bsi_json_end(&reader);
}
