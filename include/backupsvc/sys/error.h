/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_SYS_ERROR_H
#define BACKUPSVC_SYS_ERROR_H

#include <backupsvc/base.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/sys/error.h
 * @brief How a driver outside of this library says what went wrong.
 *
 * A driver sets the record where it finds the failure and returns the code.
 * Texts are one line, lower case, without a full stop; user data stands in
 * single quotes. They never hold a secret or a URL with its query.
 */

/**
 * Fill the calling thread's error record.
 *
 * The layer is BS_LAYER_STORAGE, the retry class the usual one of the code.
 *
 * @param code     A negative status.
 * @param message  UTF-8, copied, cut at BS_ERROR_MESSAGE_SIZE. NULL: the code's own text.
 * @return  `code`, so that a driver can write `return bs_error_set(...)`.
 *
 * Blocking: no.  Thread-safety: any thread, each has its own.  Since: 0.1
 */
BS_API bs_status bs_error_set(bs_status code, const char *message);

/**
 * As bs_error_set(), from an errno value, whose meaning gives the code and ends the text.
 *
 * @param os_code  An errno value.
 * @param message  What was tried, such as "opening 'x'". UTF-8, copied.
 * @return  The code that was set.
 *
 * Blocking: no.  Thread-safety: any thread, each has its own.  Since: 0.1
 */
BS_API bs_status bs_error_set_os(int32_t os_code, const char *message);

/**
 * Say whether the failure that was just recorded may pass when the call is repeated.
 *
 * @param retry           The class.
 * @param retry_after_ms  Milliseconds to wait, with BS_RETRY_AFTER; else 0.
 *
 * Blocking: no.  Thread-safety: any thread, each has its own.  Since: 0.1
 */
BS_API void bs_error_set_retry(bs_retry retry, uint32_t retry_after_ms);

BS_END_DECLS

#endif
