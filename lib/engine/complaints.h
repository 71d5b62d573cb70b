/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_COMPLAINTS_H
#define BSI_ENGINE_COMPLAINTS_H

#include "base/error.h"

/*
 * All that is wrong with a request or a file of settings, to be told at once:
 * one complaint a line, "field: what is wrong and what would be right". What
 * does not fit is counted. Allocates nothing.
 */
typedef struct bsi_complaints {
    size_t count;
    size_t shown;
    size_t used;
    const char *prefix; /* Put before each complaint; NULL: nothing. */
    bs_status code;     /* Of the whole: BS_E_INVALID where complaints differ. */
    bs_layer layer;
    char text[BS_ERROR_MESSAGE_SIZE];
} bsi_complaints;

/* A zeroed struct holds no complaint. A text of several lines is put on one. */
void bsi_complain(bsi_complaints *complaints, bs_status code, bs_layer layer, const char *format,
                  ...) BSI_PRINTF(4, 5);

/* The usual kind: BS_E_INVALID of layer CALLER. */
#define bsi_complain_invalid(complaints, ...) \
    bsi_complain(complaints, BS_E_INVALID, BS_LAYER_CALLER, __VA_ARGS__)

/* Take over what a call that has just failed complains of, as its record tells it. */
void bsi_complain_last(bsi_complaints *complaints);

/* BS_OK when there are none; else the record is set. */
BS_NODISCARD bs_status bsi_complaints_status(const bsi_complaints *complaints);

#endif
