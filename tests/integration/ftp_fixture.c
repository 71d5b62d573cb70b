/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "ftp_fixture.h"

enum { SKIPPED = 77 };

test_ftpd ftp_server;

void ftp_usual(remote_settings *all)
{
    static unsigned number;

    *all = (remote_settings){.driver = "ftp", .secret = TEST_FTPD_PASSWORD};
    (void)snprintf(all->path, sizeof(all->path), "%s/%u", ftp_server.data, number++);
    remote_set(all, "host", "127.0.0.1");
    remote_set(all, "port", ftp_server.port_text);
    remote_set(all, "user", TEST_FTPD_USER);
    remote_set(all, "password", TEST_FTPD_PASSWORD);
    remote_set(all, "path", all->path);
    remote_set(all, "tls", "none");
}

bsi_storage *ftp_open_usual(remote_settings *all)
{
    bsi_storage *storage = NULL;

    ftp_usual(all);
    assert_ok(remote_open(all, &storage));
    return storage;
}

bsi_storage *ftp_open_patient_at(remote_settings *all, uint16_t port)
{
    char text[8];
    bsi_storage *storage = NULL;

    ftp_usual(all);
    (void)snprintf(text, sizeof(text), "%u", port);
    remote_set(all, "port", text);
    storage = remote_open_patient(all);
    remote_set(all, "port", ftp_server.port_text);
    return storage;
}

void ftp_order(const char *text)
{
    assert_true(test_write_file(ftp_server.dir, "orders", text));
}

int ftp_run(const char *name, const char *script, const struct CMUnitTest *tests, size_t count)
{
    int failed = 1;

    if (!test_ftpd_is_there(script)) {
        print_message("no FTP server here\n");
        return SKIPPED;
    }
    if (test_ftpd_setup(&ftp_server, script, NULL)) {
        failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    }
    test_ftpd_teardown(&ftp_server);
    return failed;
}
