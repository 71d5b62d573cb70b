/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/ftpd.h"

enum { PATH_SIZE = 300 };

#define PYTHON "/usr/bin/python3"

static const char *program(void)
{
    const char *named = getenv("VSFTPD");

    return named && named[0] ? named : "/usr/sbin/vsftpd";
}

/* One that is named must be there: then its tests fail without it. */
bool test_ftpd_is_there(const char *script)
{
    static const char *const import[] = {PYTHON, "-c", "import pyftpdlib, OpenSSL", NULL};
    const char *named = getenv("VSFTPD");

    if (script) {
        return test_run(import);
    }
    return (named && named[0]) || access(program(), X_OK) == 0;
}

static void join(char *out, const char *dir, const char *name)
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", dir, name);
}

static bool make_certificate(const test_ftpd *server, const char *name, char *out)
{
    char key[PATH_SIZE + 8];
    const char *const argv[] = {"openssl",  "req",
                                "-x509",    "-newkey",
                                "rsa:2048", "-nodes",
                                "-days",    "30",
                                "-subj",    "/CN=localhost",
                                "-addext",  "subjectAltName=IP:127.0.0.1",
                                "-keyout",  key,
                                "-out",     out,
                                NULL};

    join(out, server->dir, name);
    (void)snprintf(key, sizeof(key), "%s.key", out);
    return test_run(argv);
}

/*
 * Without rights vsftpd can let in only who is anonymous, but it asks for one of the passwords in
 * a list all the same. It does not change to its root then, so that paths are the system's. Its
 * user for them need only be known: its own is made where the package is installed.
 */
static bool write_config(const test_ftpd *server, const char *more)
{
    char text[4096];

    (void)snprintf(text, sizeof(text),
                   "listen=YES\nlisten_address=127.0.0.1\nlisten_port=%u\nbackground=NO\n"
                   "run_as_launching_user=YES\nftp_username=nobody\n"
                   "anonymous_enable=YES\nlocal_enable=NO\n"
                   "no_anon_password=NO\nsecure_email_list_enable=YES\nemail_password_file=%s/"
                   "passwords\nwrite_enable=YES\nanon_upload_enable=YES\n"
                   "anon_mkdir_write_enable=YES\nanon_other_write_enable=YES\n"
                   "anon_world_readable_only=NO\nanon_umask=077\nanon_root=%s\n"
                   "secure_chroot_dir=%s/empty\nseccomp_sandbox=NO\ndelay_failed_login=0\n"
                   "pasv_address=127.0.0.1\nport_enable=YES\nconnect_from_port_20=NO\n"
                   "xferlog_enable=YES\nlog_ftp_protocol=YES\nvsftpd_log_file=%s/log\n"
                   "ssl_enable=YES\nallow_anon_ssl=YES\nrsa_cert_file=%s/server.pem\n"
                   "rsa_private_key_file=%s/server.pem.key\n%s\n",
                   server->port, server->dir, server->data, server->dir, server->dir, server->dir,
                   server->dir, more ? more : "");
    return test_write_file(server->dir, "config", text) &&
           test_write_file(server->dir, "passwords", TEST_FTPD_PASSWORD "\n");
}

bool test_ftpd_start(test_ftpd *server)
{
    char config[PATH_SIZE];
    const char *const by_program[] = {program(), config, NULL};
    const char *const by_script[] = {PYTHON, server->script, server->port_text, server->dir, NULL};

    join(config, server->dir, "config");
    server->pid = test_start_server(server->script ? by_script : by_program, server->port);
    return server->pid > 0;
}

void test_ftpd_stop(test_ftpd *server)
{
    test_kill(server->pid);
    server->pid = 0;
}

static bool make_dir(const test_ftpd *server, const char *name)
{
    char path[PATH_SIZE];

    join(path, server->dir, name);
    return mkdir(path, 0755) == 0 && test_give_away(server->dir, name);
}

bool test_ftpd_setup(test_ftpd *server, const char *script, const char *more)
{
    test_dir_in_memory();
    *server = (test_ftpd){.script = script, .port = test_free_port()};
    if (test_dir_setup(&server->place) != 0) {
        return false;
    }
    server->dir = ((test_dir *)server->place)->path;
    (void)snprintf(server->port_text, sizeof(server->port_text), "%u", server->port);
    join(server->data, server->dir, "data");
    return server->port != 0 && test_runner() && test_give_away(server->dir, ".") &&
           make_dir(server, "data") && make_dir(server, "empty") &&
           make_certificate(server, "server.pem", server->ca) &&
           test_give_away(server->dir, "server.pem") &&
           test_give_away(server->dir, "server.pem.key") &&
           make_certificate(server, "other.pem", server->other_ca) && write_config(server, more) &&
           test_ftpd_start(server);
}

void test_ftpd_teardown(test_ftpd *server)
{
    test_ftpd_stop(server);
    (void)test_dir_teardown(&server->place);
}
