/* SPDX-License-Identifier: MIT */
/*
 * Commands by posix_spawn(). Both of a command's outputs are pipes that never
 * block us; its standard error is taken along whenever we wait, so that a full
 * pipe cannot stop it.
 */
#include "os/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/file.h"
#include "os/posix/posix.h"
#include "os/time.h"

enum {
    TAIL_SIZE = 512,
    CHUNK_SIZE = 2048,
    DRAIN_CHUNKS = 512, /* The most that a pipe can hold. */
    NAME_SIZE = 128,
    FIRST_FREE_FD = 3,
    LOOK_MS = 50, /* How often to ask for the end while others hold the pipes open. */
    NS_PER_MS = 1000000,
};

struct bsi_process {
    pid_t pid;
    int in;  /* Of a helper: open as long as we are; else -1. */
    int out; /* -1: at its end. */
    int err; /* -1: at its end. */
    bool ended;
    bool lost;  /* Somebody else in the program has collected it. */
    int result; /* As waitpid() gave it. */
    char name[NAME_SIZE];
    char tail[TAIL_SIZE]; /* The last of standard error. */
    size_t tail_size;
};

const char *bsi_environment(const char *name)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the header says that nobody may change it. */
    return getenv(name);
}

/* The child's side of the pipes must not lie where its standard descriptors go. */
static int move_up(int *fd)
{
    if (*fd < FIRST_FREE_FD) {
        const int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
        if (moved < 0) {
            return -1;
        }
        (void)close(*fd);
        *fd = moved;
    }
    return 0;
}

static void close_pair(int fds[2])
{
    bsi_close_quietly(fds[0]);
    bsi_close_quietly(fds[1]);
}

/* Only our end does not block. */
static bs_status make_pipe(int fds[2])
{
    int code = 0;

    if (BSI_SYSCALL(BSI_OS_SPAWN, pipe2(fds, O_CLOEXEC)) != 0) {
        fds[0] = -1;
        fds[1] = -1;
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "making a pipe");
    }
    if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0 || move_up(&fds[0]) != 0 || move_up(&fds[1]) != 0) {
        code = errno;
        close_pair(fds);
        fds[0] = -1;
        fds[1] = -1;
        return bsi_fail_os(BS_LAYER_SYSTEM, code, "making a pipe");
    }
    return BS_OK;
}

/* `in` -1: there is nothing to read. */
static int fill_actions(posix_spawn_file_actions_t *actions, int in, int out, int err)
{
    int code =
        in < 0 ? posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
               : posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);

    if (code == 0) {
        code = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
    }
    if (code == 0) {
        code = posix_spawn_file_actions_adddup2(actions, err, STDERR_FILENO);
    }
    if (code == 0) {
        code = posix_spawn_file_actions_addclosefrom_np(actions, FIRST_FREE_FD);
    }
    return code;
}

static int fill_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    int code = 0;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    code = posix_spawnattr_setsigmask(attributes, &none);
    if (code == 0) {
        code = posix_spawnattr_setsigdefault(attributes, &all);
    }
    if (code == 0) {
        code = posix_spawnattr_setpgroup(attributes, 0);
    }
    if (code == 0) {
        code = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                        POSIX_SPAWN_SETPGROUP);
    }
    return code;
}

static bool is_hidden(const char *variable, const char *const *hidden)
{
    const size_t size = strcspn(variable, "=");

    while (*hidden && (strlen(*hidden) != size || memcmp(*hidden, variable, size) != 0)) {
        hidden++;
    }
    return *hidden != NULL;
}

/* `added`, and our variables but for those named in `hidden`. A list to be freed; NULL: no memory.
 */
static const char **choose_variables(const char *const *hidden, const char *const *added)
{
    size_t count = 0;
    size_t added_count = 0;
    const char **variables = NULL;

    while (environ && environ[count]) {
        count++;
    }
    while (added[added_count]) {
        added_count++;
    }
    variables = bsi_calloc(added_count + count + 1, sizeof(*variables));
    for (size_t i = 0; variables && i < added_count; i++) {
        variables[i] = added[i];
    }
    for (size_t i = 0, kept = added_count; variables && i < count; i++) {
        if (!is_hidden(environ[i], hidden)) {
            variables[kept++] = environ[i];
        }
    }
    return variables;
}

/* 0 or an errno. */
static int spawn(const char *const *argv, const char **variables, const int fds[3], pid_t *pid_out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);

    if (code != 0) {
        return code;
    }
    code = posix_spawnattr_init(&attributes);
    if (code != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return code;
    }
    code = fill_actions(&actions, fds[0], fds[1], fds[2]);
    if (code == 0) {
        code = fill_attributes(&attributes);
    }
    if (code == 0) {
        code = bsi_fault_point(BSI_OS_SPAWN);
    }
    if (code == 0) {
        /* POSIX's type lacks a const that its function keeps. */
        char *const *args = (char *const *)(uintptr_t)argv;
        char *const *list = (char *const *)(uintptr_t)variables;
        code = posix_spawnp(pid_out, argv[0], &actions, &attributes, args, list);
    }
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
}

bs_status bsi_process_start(const char *const *argv, const char *const *hidden, bsi_process **out)
{
    static const char *const nothing[] = {NULL};
    int out_pipe[2] = {-1, -1};
    int err_pipe[2] = {-1, -1};
    const char **variables = choose_variables(hidden ? hidden : nothing, nothing);
    bsi_process *process = bsi_calloc(1, sizeof(*process));
    bs_status status = BS_OK;
    int code = 0;

    if (!process || !variables) {
        status = BS_E_NOMEM;
        goto out;
    }
    (void)bsi_printable(argv[0], strlen(argv[0]), process->name, sizeof(process->name));
    status = make_pipe(out_pipe);
    if (status < 0) {
        goto out;
    }
    status = make_pipe(err_pipe);
    if (status < 0) {
        goto out;
    }
    code = spawn(argv, variables, (const int[]){-1, out_pipe[1], err_pipe[1]}, &process->pid);
    if (code != 0) {
        status = bsi_fail_os(BS_LAYER_SYSTEM, code, "starting '%s'", process->name);
        goto out;
    }
    process->in = -1;
    process->out = out_pipe[0];
    process->err = err_pipe[0];
    out_pipe[0] = -1;
    err_pipe[0] = -1;
    *out = process;
    process = NULL;

out:
    close_pair(out_pipe);
    close_pair(err_pipe);
    bsi_free((void *)variables);
    bsi_free(process);
    return status;
}

/*
 * The kernel sends the signal when the last writer of its standard input closes that, which
 * happens to the dead as well. A death signal of the parent (prctl) would come when the thread
 * ends that started it. 0 or an errno.
 */
static int sign_up(int in, pid_t pid)
{
    const bool done = fcntl(in, F_SETOWN, pid) == 0 && fcntl(in, F_SETSIG, SIGTERM) == 0 &&
                      fcntl(in, F_SETFL, O_ASYNC) == 0;

    return done ? 0 : errno;
}

bs_status bsi_process_start_helper(const char *const *argv, const char *const *hidden,
                                   const char *const *added, bsi_process **out)
{
    int in_pipe[2] = {-1, -1};
    int out_pipe[2] = {-1, -1};
    const char **variables = choose_variables(hidden, added);
    bsi_process *process = bsi_calloc(1, sizeof(*process));
    bs_status status = BS_OK;
    int code = 0;

    if (!process || !variables) {
        status = BS_E_NOMEM;
        goto out;
    }
    (void)bsi_printable(argv[0], strlen(argv[0]), process->name, sizeof(process->name));
    status = make_pipe(in_pipe);
    if (status == BS_OK) {
        status = make_pipe(out_pipe);
    }
    if (status < 0) {
        goto out;
    }
    code =
        spawn(argv, variables, (const int[]){in_pipe[0], out_pipe[1], out_pipe[1]}, &process->pid);
    if (code != 0) {
        status = bsi_fail_os(BS_LAYER_SYSTEM, code, "starting '%s'", process->name);
        goto out;
    }
    code = sign_up(in_pipe[0], process->pid);
    process->in = in_pipe[1];
    process->out = out_pipe[0];
    process->err = -1;
    in_pipe[1] = -1;
    out_pipe[0] = -1;
    if (code != 0) {
        status = bsi_fail_os(BS_LAYER_SYSTEM, code, "having '%s' end with us", process->name);
        bsi_process_free(process);
        process = NULL;
        goto out;
    }
    *out = process;
    process = NULL;

out:
    close_pair(in_pipe);
    close_pair(out_pipe);
    bsi_free((void *)variables);
    bsi_free(process);
    return status;
}

void bsi_last_words_keep(char *words, size_t room, size_t *size, bsi_slice more)
{
    size_t kept = *size;

    if (more.size > room) {
        more = (bsi_slice){more.data + more.size - room, room};
    }
    if (kept > room - more.size) {
        kept = room - more.size;
        memmove(words, words + *size - kept, kept);
    }
    memcpy(words + kept, more.data, more.size);
    *size = kept + more.size;
}

/*
 * One read of a pipe that does not block: -1 when there is nothing now. At its
 * end, or when it can no longer be read, the descriptor is closed.
 */
static ssize_t take_some(int *fd, char *buf, size_t size)
{
    ssize_t got = 0;

    do {
        got = read(*fd, buf, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN) {
        return -1;
    }
    if (got <= 0) {
        bsi_close_quietly(*fd);
        *fd = -1;
        return 0;
    }
    return got;
}

/* False when there is nothing now. */
static bool take_err(bsi_process *process)
{
    char chunk[CHUNK_SIZE];
    const ssize_t got = process->err < 0 ? 0 : take_some(&process->err, chunk, sizeof(chunk));

    if (got > 0) {
        bsi_last_words_keep(process->tail, TAIL_SIZE, &process->tail_size,
                            (bsi_slice){chunk, (size_t)got});
    }
    return got > 0;
}

/* Until one of the pipes has something, or the time is over. poll() skips those that are -1. */
static void wait_for_output(const bsi_process *process, int wait_ms)
{
    struct pollfd ends[2] = {
        {.fd = process->out, .events = POLLIN},
        {.fd = process->err, .events = POLLIN},
    };

    (void)poll(ends, 2, wait_ms);
}

/* Milliseconds until `until_ns`, rounded up, or 0. */
static int ms_left(int64_t until_ns)
{
    const int64_t left = until_ns - bsi_monotonic_ns();

    if (left <= 0) {
        return 0;
    }
    return left / NS_PER_MS < INT32_MAX ? (int)(left / NS_PER_MS) + 1 : INT32_MAX;
}

bs_status bsi_process_read(bsi_process *process, void *buf, size_t size, uint32_t wait_ms,
                           size_t *got_out)
{
    const int64_t until = bsi_monotonic_ns() + (int64_t)wait_ms * NS_PER_MS;
    ssize_t got = 0;

    while (process->out >= 0) {
        int left = 0;

        do {
            got = BSI_SYSCALL(BSI_OS_READ, read(process->out, buf, (size_t)bsi_fault_short(size)));
        } while (got < 0 && errno == EINTR);
        if (got > 0) {
            *got_out = (size_t)got;
            return BS_OK;
        }
        if (got == 0) {
            bsi_close_quietly(process->out);
            process->out = -1;
            break;
        }
        if (errno != EAGAIN) {
            return bsi_fail_os(BS_LAYER_SYSTEM, errno, "reading from '%s'", process->name);
        }
        left = ms_left(until);
        if (left == 0) {
            return bsi_fail(BS_LAYER_SYSTEM, BS_E_TIMEOUT, "'%s' has nothing to say yet",
                            process->name);
        }
        wait_for_output(process, left);
        (void)take_err(process);
    }
    *got_out = 0;
    return BS_OK;
}

static void collect(bsi_process *process, int flags)
{
    pid_t got = 0;

    do {
        got = waitpid(process->pid, &process->result, flags);
    } while (got < 0 && errno == EINTR);
    process->ended = got != 0;
    process->lost = got < 0;
}

/* What it still says is thrown away, but for the end of its standard error. */
static void take_rest(bsi_process *process)
{
    char chunk[CHUNK_SIZE];

    (void)take_err(process);
    if (process->out >= 0) {
        (void)take_some(&process->out, chunk, sizeof(chunk));
    }
}

bs_status bsi_process_wait(bsi_process *process, uint32_t wait_ms)
{
    const int64_t until = bsi_monotonic_ns() + (int64_t)wait_ms * NS_PER_MS;

    for (;;) {
        int left = 0;

        collect(process, WNOHANG);
        if (process->ended) {
            return BS_OK;
        }
        left = ms_left(until);
        if (left == 0) {
            return bsi_fail(BS_LAYER_SYSTEM, BS_E_TIMEOUT, "'%s' still runs", process->name);
        }
        wait_for_output(process, left < LOOK_MS ? left : LOOK_MS);
        take_rest(process);
    }
}

/* The end of standard error as one line. */
static const char *tail_text(bsi_process *process, char *out, size_t out_size)
{
    size_t size = process->tail_size;

    while (size > 0 && (process->tail[size - 1] == '\n' || process->tail[size - 1] == ' ')) {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        if (process->tail[i] == '\n') {
            process->tail[i] = ' ';
        }
    }
    return bsi_printable(process->tail, size, out, out_size);
}

bs_status bsi_process_finish(bsi_process *process)
{
    char text[TAIL_SIZE + CHUNK_SIZE / 16];
    const char *said = NULL;
    const char *colon = NULL;

    while (!process->ended && (process->out >= 0 || process->err >= 0)) {
        collect(process, WNOHANG);
        if (!process->ended) {
            wait_for_output(process, LOOK_MS);
        }
        take_rest(process);
    }
    if (!process->ended) {
        collect(process, 0);
    }
    /* What it left in the pipe, but not all that others may go on to write there. */
    for (int i = 0; i < DRAIN_CHUNKS && take_err(process); i++) {
    }
    if (process->lost) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_COMMAND, "how '%s' ended is not known",
                        process->name);
    }
    if (WIFEXITED(process->result) && WEXITSTATUS(process->result) == 0) {
        return BS_OK;
    }
    said = tail_text(process, text, sizeof(text));
    colon = said[0] != '\0' ? ": " : "";
    if (WIFSIGNALED(process->result)) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_COMMAND, "'%s' was ended by signal %d%s%s",
                        process->name, WTERMSIG(process->result), colon, said);
    }
    return bsi_fail(BS_LAYER_SYSTEM, BS_E_COMMAND, "'%s' ended with code %d%s%s", process->name,
                    WEXITSTATUS(process->result), colon, said);
}

void bsi_process_free(bsi_process *process)
{
    if (!process) {
        return;
    }
    bsi_close_quietly(process->in);
    bsi_close_quietly(process->out);
    bsi_close_quietly(process->err);
    if (!process->ended) {
        /* A command of another user cannot be killed, and is not waited for. */
        const bool killed = kill(-process->pid, SIGKILL) == 0;
        collect(process, killed ? 0 : WNOHANG);
    }
    bsi_free(process);
}
