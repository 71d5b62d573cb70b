/* SPDX-License-Identifier: MIT */
/*
 * Run a test program beside OpenSSH's sshd on this machine: sshd_beside PROGRAM [ARGUMENT...]
 *
 * It finds in its environment BSI_SFTP_PORT of 127.0.0.1, BSI_SFTP_USER and BSI_SFTP_KEY to log in
 * with, BSI_SFTP_KNOWN_HOSTS, and BSI_SFTP_DATA, a directory on the server. Without an sshd the
 * test is skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/sshd.h"

enum { SKIPPED = 77, FAILED = 1 };

static bool set_environment(const test_sshd *server)
{
    return setenv("BSI_SFTP_PORT", server->port_text, 1) == 0 &&
           setenv("BSI_SFTP_USER", server->user, 1) == 0 &&
           setenv("BSI_SFTP_KEY", server->key, 1) == 0 &&
           setenv("BSI_SFTP_KNOWN_HOSTS", server->known_hosts, 1) == 0 &&
           setenv("BSI_SFTP_DATA", server->data, 1) == 0;
}

static int run(char *const *argv)
{
    const pid_t pid = fork();
    int result = 0;

    if (pid == 0) {
        (void)execvp(argv[0], argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &result, 0) == pid && WIFEXITED(result) ? WEXITSTATUS(result)
                                                                           : FAILED;
}

int main(int argc, char **argv)
{
    test_sshd server;
    int result = FAILED;

    if (argc < 2) {
        (void)fputs("usage: sshd_beside PROGRAM [ARGUMENT...]\n", stderr);
        return FAILED;
    }
    if (!test_sshd_is_there()) {
        (void)puts("1..0 # SKIP there is no sshd");
        return SKIPPED;
    }
    if (test_sshd_setup(&server, NULL) && set_environment(&server)) {
        result = run(argv + 1);
    }
    test_sshd_teardown(&server);
    return result;
}
