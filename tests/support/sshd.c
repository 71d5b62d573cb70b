/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/sshd.h"

enum { PATH_SIZE = 300 };

static const char *program(void)
{
    const char *named = getenv("SSHD");

    return named && named[0] ? named : "/usr/sbin/sshd";
}

/* One that is named must be there: then its tests fail without it. */
bool test_sshd_is_there(void)
{
    const char *named = getenv("SSHD");

    return (named && named[0]) || access(program(), X_OK) == 0;
}

static void join(char *out, size_t size, const char *dir, const char *name)
{
    (void)snprintf(out, size, "%s/%s", dir, name);
}

/* --- Files --- */

bool test_sshd_write(const test_sshd *server, const char *name, const char *text)
{
    return test_write_file(server->dir, name, text);
}

static bool read_text(const char *dir, const char *name, char *out, size_t size)
{
    char path[PATH_SIZE];
    FILE *file = NULL;
    size_t got = 0;

    join(path, sizeof(path), dir, name);
    file = fopen(path, "re");
    if (!file) {
        return false;
    }
    got = fread(out, 1, size - 1, file);
    out[got] = '\0';
    (void)fclose(file);
    return got > 0;
}

static bool make_key(const test_sshd *server, const char *name, const char *passphrase)
{
    char path[PATH_SIZE];
    const char *const argv[] = {"ssh-keygen", "-q",       "-t", "ed25519", "-C", "test",
                                "-N",         passphrase, "-f", path,      NULL};

    join(path, sizeof(path), server->dir, name);
    return test_run(argv);
}

/* "SHA256:…" by ssh-keygen, whose second word it is. */
static bool fingerprint(const test_sshd *server, const char *name, char *out, size_t size)
{
    char command[2 * PATH_SIZE];
    FILE *pipe = NULL;
    char line[256] = "";
    const char *word = NULL;

    (void)snprintf(command, sizeof(command), "ssh-keygen -l -f '%s/%s'", server->dir, name);
    pipe = popen(command, "re");
    if (!pipe || !fgets(line, sizeof(line), pipe) || pclose(pipe) != 0) {
        return false;
    }
    word = strchr(line, ' ');
    if (!word) {
        return false;
    }
    (void)snprintf(out, size, "%.*s", (int)strcspn(word + 1, " "), word + 1);
    return strncmp(out, "SHA256:", 7) == 0;
}

static bool write_config(const test_sshd *server, const char *more)
{
    char text[2048];

    (void)snprintf(text, sizeof(text),
                   "Port %u\nListenAddress 127.0.0.1\nHostKey %s/host\nPidFile none\n"
                   "AuthorizedKeysFile %s/allowed\nStrictModes no\nUsePAM no\n"
                   "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
                   "Subsystem sftp internal-sftp\nMaxStartups 100\nLogLevel VERBOSE\n"
                   "PrintMotd no\nUseDNS no\n%s\n",
                   server->port, server->dir, server->dir, more ? more : "");
    return test_write_file(server->dir, "config", text);
}

static bool write_known_hosts(test_sshd *server)
{
    char key[256];
    char text[400];

    if (!read_text(server->dir, "host.pub", key, sizeof(key))) {
        return false;
    }
    (void)snprintf(text, sizeof(text), "[127.0.0.1]:%u %s", server->port, key);
    join(server->known_hosts, sizeof(server->known_hosts), server->dir, "known_hosts");
    return test_write_file(server->dir, "known_hosts", text);
}

static bool write_allowed(const test_sshd *server)
{
    char first[256];
    char second[256];
    char text[512];

    if (!read_text(server->dir, "user.pub", first, sizeof(first)) ||
        !read_text(server->dir, "locked.pub", second, sizeof(second))) {
        return false;
    }
    (void)snprintf(text, sizeof(text), "%s%s", first, second);
    return test_write_file(server->dir, "allowed", text);
}

/* --- The server --- */

bool test_sshd_start(test_sshd *server)
{
    char config[PATH_SIZE];
    char log[PATH_SIZE];
    const char *const argv[] = {program(), "-D", "-f", config, "-E", log, NULL};

    join(config, sizeof(config), server->dir, "config");
    join(log, sizeof(log), server->dir, "log");
    server->pid = test_start_server(argv, server->port);
    return server->pid > 0;
}

void test_sshd_stop(test_sshd *server)
{
    test_kill(server->pid);
    server->pid = 0;
}

static bool prepare(test_sshd *server, const char *more)
{
    const struct passwd *user = test_runner();

    if (!user || server->port == 0 ||
        (geteuid() == 0 && chown(server->dir, user->pw_uid, user->pw_gid) != 0)) {
        return false;
    }
    (void)snprintf(server->user, sizeof(server->user), "%s", user->pw_name);
    (void)snprintf(server->port_text, sizeof(server->port_text), "%u", server->port);
    join(server->data, sizeof(server->data), server->dir, "data");
    join(server->key, sizeof(server->key), server->dir, "user");
    join(server->locked_key, sizeof(server->locked_key), server->dir, "locked");
    join(server->other_key, sizeof(server->other_key), server->dir, "other");
    return mkdir(server->data, 0700) == 0 && test_give_away(server->dir, "data") &&
           make_key(server, "host", "") && test_give_away(server->dir, "host") &&
           make_key(server, "user", "") && make_key(server, "locked", "open sesame") &&
           make_key(server, "other", "") && write_config(server, more) &&
           write_known_hosts(server) && write_allowed(server) &&
           fingerprint(server, "host.pub", server->fingerprint, sizeof(server->fingerprint)) &&
           fingerprint(server, "other.pub", server->other_fingerprint,
                       sizeof(server->other_fingerprint));
}

bool test_sshd_setup(test_sshd *server, const char *more)
{
    test_dir_in_memory();
    *server = (test_sshd){.pid = 0, .port = test_free_port()};
    if (test_dir_setup(&server->place) != 0) {
        return false;
    }
    server->dir = ((test_dir *)server->place)->path;
    return prepare(server, more) && test_sshd_start(server);
}

void test_sshd_teardown(test_sshd *server)
{
    test_sshd_stop(server);
    (void)test_dir_teardown(&server->place);
}
