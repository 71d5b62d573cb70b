/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "hash/md5.h"

static void assert_md5(const char *text, const char *hex)
{
    uint8_t digest[BSI_MD5_SIZE];
    char got[2 * BSI_MD5_SIZE + 1] = "";

    bsi_md5_of(text, strlen(text), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)snprintf(got + 2 * i, 3, "%02x", digest[i]);
    }
    assert_string_equal(got, hex);
}

/* RFC 1321, A.5. */
static void the_digests_of_the_standard_come_out(void **state)
{
    (void)state;
    assert_md5("", "d41d8cd98f00b204e9800998ecf8427e");
    assert_md5("abc", "900150983cd24fb0d6963f7d28e17f72");
    assert_md5("message digest", "f96b697d7cb7938d525a2f31aaf161d0");
    assert_md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890",
               "57edf4a22be3c955ac49da2e2107b67a");
}

static void nothing_need_not_be_anywhere(void **state)
{
    uint8_t nothing[BSI_MD5_SIZE];
    uint8_t empty[BSI_MD5_SIZE];

    (void)state;
    bsi_md5_of(NULL, 0, nothing);
    bsi_md5_of("", 0, empty);
    assert_memory_equal(nothing, empty, sizeof(empty));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digests_of_the_standard_come_out),
        cmocka_unit_test(nothing_need_not_be_anywhere),
    };

    return cmocka_run_group_tests_name("hash/md5", tests, NULL, NULL);
}
