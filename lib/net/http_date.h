/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_HTTP_DATE_H
#define BSI_NET_HTTP_DATE_H

#include "base/error.h"
#include "base/slice.h"

/*
 * Dates as HTTP has them: "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate, RFC
 * 9110, 5.6.7). Its two obsolete forms are not read. Seconds count from
 * 1970-01-01T00:00:00Z.
 */
enum { BSI_HTTP_DATE_SIZE = 30 };

/* BS_E_RANGE outside of the years 0000 to 9999. */
BS_NODISCARD bs_status bsi_http_date_format(int64_t sec, char out[BSI_HTTP_DATE_SIZE]);

/* Anything else is false. The name of the weekday must be the right one. */
bool bsi_http_date_parse(bsi_slice text, int64_t *sec_out);

#endif
