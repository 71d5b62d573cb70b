/* SPDX-License-Identifier: MIT */
/* sftp when the disk of the server is full. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "full_disk.h"
#include "sftp_fixture.h"
#include "support/small_disk.h"

enum { SKIPPED = 77 };

static void an_upload_without_room_ends_and_leaves_nothing(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    full_disk_check_uploads(&all, sftp_server.data, BS_E_NO_SPACE);
}

static void a_backup_without_room_fails_and_is_made_again(void **state)
{
    engine_fixture *engine = *state;
    const char *pairs[] = {"host",     "127.0.0.1",      "port",        sftp_server.port_text,
                           "user",     sftp_server.user, "path",        sftp_server.data,
                           "key_file", sftp_server.key,  "known_hosts", sftp_server.known_hosts,
                           NULL};

    assert_ok(bs_service_add_storage(engine->service, "server", "sftp", pairs));
    full_disk_check_backup(engine, "server", sftp_server.data, BS_E_NO_SPACE);
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
    return sftp_run("sftp_full", tests, BSI_ARRAY_SIZE(tests));
}
