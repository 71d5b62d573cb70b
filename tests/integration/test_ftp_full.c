/* SPDX-License-Identifier: MIT */
/* ftp when the disk of the server is full. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "ftp_fixture.h"
#include "full_disk.h"
#include "support/small_disk.h"

enum { SKIPPED = 77 };

static void an_upload_without_room_ends_and_leaves_nothing(void **state)
{
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    full_disk_check_uploads(&all, ftp_server.data, BS_E_NO_SPACE);
}

static void a_backup_without_room_fails_and_is_made_again(void **state)
{
    engine_fixture *engine = *state;
    const char *pairs[] = {"host", "127.0.0.1",     "port",     ftp_server.port_text,
                           "user", TEST_FTPD_USER,  "password", "env:FTP_TEST_PASSWORD",
                           "path", ftp_server.data, "tls",      "none",
                           NULL};

    assert_int_equal(setenv("FTP_TEST_PASSWORD", TEST_FTPD_PASSWORD, 1), 0);
    assert_ok(bs_service_add_storage(engine->service, "server", "ftp", pairs));
    full_disk_check_backup(engine, "server", ftp_server.data, BS_E_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_without_room_ends_and_leaves_nothing),
        cmocka_unit_test_setup_teardown(a_backup_without_room_fails_and_is_made_again, engine_setup,
                                        engine_teardown),
    };

    if (!test_small_disk_is_possible()) {
        (void)puts("1..0 # SKIP no disk can be mounted here");
        return SKIPPED;
    }
    return ftp_run("ftp_full", NULL, tests, BSI_ARRAY_SIZE(tests));
}
