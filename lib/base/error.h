/* SPDX-License-Identifier: MIT */
#ifndef BSI_BASE_ERROR_H
#define BSI_BASE_ERROR_H

#include <stdarg.h>

#include <backupsvc/base.h>

/*
 * The thread's error record. Set where a failure is found and passed up
 * unchanged; a layer border may put words in front. Nothing here allocates.
 *
 * Texts: one line, lower case, no full stop, user data in single quotes, no
 * secrets, what is wrong rather than who noticed.
 */

#if defined(__GNUC__)
#define BSI_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#else
#define BSI_PRINTF(format_index, first_arg)
#endif

/* Fill the record and return `code`, with the retry class of BS_STATUS_MAP. */
bs_status bsi_fail(bs_layer layer, bs_status code, const char *format, ...) BSI_PRINTF(3, 4);

/* As bsi_fail(); code and retry class follow from `os_code`, whose text ends the message. */
bs_status bsi_fail_os(bs_layer layer, int os_code, const char *format, ...) BSI_PRINTF(3, 4);

/*
 * Put "text: " in front of the present message and return `status` as it is.
 * A record of layer SYSTEM that tells of a file, not of memory or cancelling,
 * becomes one of `layer`: files do not know whose they are.
 */
bs_status bsi_fail_context(bs_layer layer, bs_status status, const char *format, ...)
    BSI_PRINTF(3, 4);

/*
 * What decoding finds wrong with stored bytes is damage to the storage: BS_E_CORRUPT, BS_E_VERSION
 * and BS_E_LIMIT get that layer, BS_E_LIMIT because what asks too much of a reader stops no look
 * at the rest. Other failures stay as they are.
 */
BS_NODISCARD bs_status bsi_as_damage(bs_status status);

/* Give the present record another retry class. */
void bsi_error_set_retry(bs_retry retry, uint32_t retry_after_ms);

/* What a failed call reports for an errno value. */
bs_status bsi_status_from_os(int os_code);

/* Keep a copy of a job's error, and put it back on another thread. */
void bsi_error_save(bs_error *out);
void bsi_error_restore(const bs_error *error);

/*
 * Text for one line of a log or an error: control bytes, backslashes and bytes
 * that are not UTF-8 come as \xNN; cut with "..." when `out_size` is too small.
 */
const char *bsi_printable(const char *bytes, size_t size, char *out, size_t out_size);

/*
 * BSI_ASSERT: our own invariants; gone in release builds.
 * BSI_CHECK: kept in release; the function returns BS_E_INTERNAL.
 */
#ifdef BSI_DEBUG
void bsi_assert_failed(const char *expression, const char *file, int line);
#define BSI_ASSERT(expr) ((expr) ? (void)0 : bsi_assert_failed(#expr, __FILE__, __LINE__))
#else
#define BSI_ASSERT(expr) ((void)sizeof(expr))
#endif

#define BSI_CHECK(expr)                                                                     \
    do {                                                                                    \
        if (!(expr)) {                                                                      \
            return bsi_fail(BS_LAYER_SYSTEM, BS_E_INTERNAL, "invariant broken: %s", #expr); \
        }                                                                                   \
    } while (0)

/* Pass a failure up. Only in functions that hold nothing to release. */
/* clang-format off */
#define BSI_TRY(call)                                                                             \
    do {                                                                                          \
        const bs_status bsi_try_status = (call);                                                  \
        if (bsi_try_status < 0)                                                                   \
            return bsi_try_status; /* Without braces: they would count as one more level. */      \
    } while (0)
/* clang-format on */

#define BSI_ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
