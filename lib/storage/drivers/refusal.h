/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_REFUSAL_H
#define BSI_STORAGE_DRIVERS_REFUSAL_H

#include "net/http.h"
#include "net/service_xml.h"

/* What the refusals of a service over HTTP mean, and how they are told. */
typedef struct bsi_refusal {
    const char *code; /* As the service has it. */
    bs_status status;
    bool passes;        /* May go well the next time. */
    const char *advice; /* NULL: none. */
} bsi_refusal;

/* NULL for a code that is not in the table. */
const bsi_refusal *bsi_refusal_find(const bsi_refusal *table, size_t count, const char *code);

/*
 * "the server answers 403 AccessDenied (Access Denied.): advice", with the status and retry class
 * of `known`. Without it those of the answer; but a 404 with a text is none of `service`, such
 * as "S3": it must not be taken for an object that is not there.
 */
bs_status bsi_refusal_fail(const bsi_http_answer *answer, const bsi_service_error *error,
                           const bsi_refusal *known, const char *service);

/* A status that is no word of the service: it must not be taken for one. Does not pass. */
bs_status bsi_refusal_fail_foreign(const bsi_http_answer *answer, const char *service);

/* The clocks differ: both times. */
bs_status bsi_refusal_fail_clock(const bsi_http_answer *answer);

/* "the server WHAT; is the endpoint right?" May pass. */
bs_status bsi_refusal_fail_odd(const char *what);

#endif
