/* SPDX-License-Identifier: MIT */
/* Over vsftpd, or over the server of the script that is given; each storage has a directory of
 * its own there. For data each connection over TLS takes its time: that is for the full tests. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "conformance/storage_suite.h"
#include "support/ftpd.h"

enum {
    SKIPPED = 77,
    KEY_MAX = 3500,       /* With the directory's path less than Linux's PATH_MAX. */
    KEY_MAX_SHORT = 1500, /* With command and path less than pyftpdlib takes, 2048. */
};

static test_ftpd server;
static unsigned opened;

static bs_status open_ftp(void **place, bsi_storage **out)
{
    char path[400];
    const bsi_setting settings[] = {
        {"host", "127.0.0.1"},
        {"port", server.port_text},
        {"path", path},
        {"user", TEST_FTPD_USER},
        {"password", TEST_FTPD_PASSWORD},
        {"ca_file", server.ca},
        {"tls", !server.script && getenv("BSI_TESTS_FULL") ? "explicit" : "none"},
    };

    *place = NULL;
    (void)snprintf(path, sizeof(path), "%s/%u", server.data, opened++);
    return bsi_storage_open("ftp", settings, BSI_ARRAY_SIZE(settings), NULL, out);
}

static void close_ftp(void *place)
{
    (void)place;
}

int main(int argc, char **argv)
{
    const char *script = argc > 1 ? argv[1] : NULL;
    const storage_subject subject = {"ftp", open_ftp, close_ftp,
                                     false, true,     script ? KEY_MAX_SHORT : KEY_MAX};
    int failed = 1;

    if (!test_ftpd_is_there(script)) {
        print_message("no FTP server here\n");
        return SKIPPED;
    }
    if (test_ftpd_setup(&server, script, NULL)) {
        failed = storage_suite_run(&subject);
    }
    test_ftpd_teardown(&server);
    return failed;
}
