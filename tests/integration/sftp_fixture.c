/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sftp_fixture.h"

enum { SKIPPED = 77 };

test_sshd sftp_server;

void sftp_usual(remote_settings *all)
{
    static unsigned number;

    *all = (remote_settings){.driver = "sftp", .secret = SFTP_PASSPHRASE};
    (void)snprintf(all->path, sizeof(all->path), "%s/%u", sftp_server.data, number++);
    remote_set(all, "host", "127.0.0.1");
    remote_set(all, "port", sftp_server.port_text);
    remote_set(all, "user", sftp_server.user);
    remote_set(all, "path", all->path);
    remote_set(all, "key_file", sftp_server.key);
    remote_set(all, "known_hosts", sftp_server.known_hosts);
}

bsi_storage *sftp_open_usual(remote_settings *all)
{
    bsi_storage *storage = NULL;

    sftp_usual(all);
    assert_ok(remote_open(all, &storage));
    return storage;
}

bsi_storage *sftp_open_patient(remote_settings *all)
{
    sftp_usual(all);
    return remote_open_patient(all);
}

bsi_storage *sftp_open_patient_at(remote_settings *all, uint16_t port)
{
    char text[8];
    bsi_storage *storage = NULL;

    sftp_usual(all);
    (void)snprintf(text, sizeof(text), "%u", port);
    remote_set(all, "port", text);
    remote_drop(all, "known_hosts");
    remote_set(all, "fingerprint", sftp_server.fingerprint);
    storage = remote_open_patient(all);
    remote_set(all, "port", sftp_server.port_text);
    return storage;
}

int sftp_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    int failed = 1;

    if (!test_sshd_is_there()) {
        print_message("no sshd here\n");
        return SKIPPED;
    }
    if (test_sshd_setup(&sftp_server, NULL)) {
        failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    }
    test_sshd_teardown(&sftp_server);
    return failed;
}
