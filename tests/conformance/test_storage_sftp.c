/* SPDX-License-Identifier: MIT */
/* Over OpenSSH's own server; each storage has a directory of its own there. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "conformance/storage_suite.h"
#include "support/sshd.h"

enum {
    SKIPPED = 77,
    KEY_MAX = 3500, /* With the directory's path less than Linux's PATH_MAX. */
};

/*
 * When memory is missing while keys are exchanged, libssh2 1.10 loses objects of OpenSSL. Asked
 * by the leak sanitizer.
 */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libcrypto.so";
}

static test_sshd server;
static unsigned opened;

static bs_status open_sftp(void **place, bsi_storage **out)
{
    char path[400];
    const bsi_setting settings[] = {
        {"host", "127.0.0.1"}, {"port", server.port_text}, {"user", server.user},
        {"path", path},        {"key_file", server.key},   {"known_hosts", server.known_hosts},
    };

    *place = NULL;
    (void)snprintf(path, sizeof(path), "%s/%u", server.data, opened++);
    return bsi_storage_open("sftp", settings, 6, NULL, out);
}

static void close_sftp(void *place)
{
    (void)place;
}

int main(void)
{
    static const storage_subject subject = {"sftp", open_sftp, close_sftp, false, true, KEY_MAX};
    int failed = 1;

    if (!test_sshd_is_there()) {
        print_message("no sshd here\n");
        return SKIPPED;
    }
    if (test_sshd_setup(&server, NULL)) {
        failed = storage_suite_run(&subject);
    }
    test_sshd_teardown(&server);
    return failed;
}
