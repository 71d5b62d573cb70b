/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/random.h"
#include "support/daemon.h"

enum {
    START_TRIES = 500,
    START_US = 10000,
    PATH_SIZE = 400,
    PORT_FIRST = 10000,
    PORT_TRIES = 1000,
};

const struct passwd *test_runner(void)
{
    return geteuid() == 0 ? getpwnam("games") : getpwuid(geteuid());
}

pid_t test_start(const char *const *argv, bool as_runner)
{
    const struct passwd *user = test_runner();
    const pid_t pid = fork();
    int null_fd = -1;

    if (pid != 0) {
        return pid;
    }
    (void)setpgid(0, 0);
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(null_fd, STDOUT_FILENO);
    (void)dup2(null_fd, STDERR_FILENO);
    if (as_runner && geteuid() == 0 &&
        (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
        _exit(126);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* Also when the test crashes. */
    (void)close_range(STDERR_FILENO + 1, ~0u, 0);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

bool test_run(const char *const *argv)
{
    const pid_t pid = test_start(argv, false);
    int result = 0;

    return pid > 0 && waitpid(pid, &result, 0) == pid && WIFEXITED(result) &&
           WEXITSTATUS(result) == 0;
}

/* Where the ports begin that the system gives to whoever asks for any. */
static unsigned first_given_port(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    unsigned first = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u", &first), 1);
    (void)fclose(file);
    assert_true(first > PORT_FIRST && first <= UINT16_MAX);
    return first;
}

static bool is_free(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;

    (void)close(fd);
    return bound;
}

uint16_t test_free_port(void)
{
    const unsigned count = first_given_port() - PORT_FIRST;
    uint32_t number = 0;
    uint16_t port = 0;

    for (unsigned i = 0; i < PORT_TRIES; i++) {
        assert_ok(bsi_random(&number, sizeof(number)));
        port = (uint16_t)(PORT_FIRST + number % count);
        if (is_free(port)) {
            return port;
        }
    }
    return 0;
}

static bool answers(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool open =
        fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;

    (void)close(fd);
    return open;
}

pid_t test_start_server(const char *const *argv, uint16_t port)
{
    const pid_t pid = test_start(argv, true);

    for (int i = 0; i < START_TRIES && pid > 0 && waitpid(pid, NULL, WNOHANG) == 0; i++) {
        if (answers(port)) {
            return pid;
        }
        (void)usleep(START_US);
    }
    test_kill(pid);
    return 0;
}

/* Sessions have process groups of their own: they are found by their parent. */
static void kill_children(pid_t parent)
{
    char path[64];
    FILE *file = NULL;
    int child = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
    file = fopen(path, "re");
    while (file && fscanf(file, "%d", &child) == 1) {
        kill_children(child);
        (void)kill(child, SIGKILL);
    }
    if (file) {
        (void)fclose(file);
    }
}

void test_kill(pid_t pid)
{
    if (pid > 0) {
        (void)kill(pid, SIGSTOP); /* It starts nothing more. */
        kill_children(pid);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
}

bool test_give_away(const char *dir, const char *name)
{
    const struct passwd *user = test_runner();
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return geteuid() != 0 || chown(path, user->pw_uid, user->pw_gid) == 0;
}

bool test_write_file(const char *dir, const char *name, const char *text)
{
    char path[PATH_SIZE];
    FILE *file = NULL;
    bool good = false;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "we");
    if (!file) {
        return false;
    }
    good = fputs(text, file) >= 0;
    good = fclose(file) == 0 && good;
    return good && test_give_away(dir, name);
}
