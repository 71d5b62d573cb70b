/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

/* What every test file includes first: cmocka, with the headers it leaves to its users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <backupsvc/base.h>

/* What sanitizers slow down by a factor makes shorter sweeps there, but for the full form. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { TEST_SANITIZED = 1 };
#else
enum { TEST_SANITIZED = 0 };
#endif

/* A bs_status is what was expected; when it is not, the error's text is shown. */
#define assert_status(call, expected)                                       \
    do {                                                                    \
        const bs_status assert_got = (call);                                \
        if (assert_got != (expected)) {                                     \
            print_error("%s: %s (%s)\n", #call, bs_status_name(assert_got), \
                        bs_error_last()->message);                          \
        }                                                                   \
        assert_int_equal(assert_got, expected);                             \
    } while (0)

#define assert_ok(call) assert_status(call, BS_OK)

#endif
