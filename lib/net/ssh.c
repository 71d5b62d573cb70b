/* SPDX-License-Identifier: MIT */
/*
 * Connections over libssh2, which only turns bytes into other bytes here: its
 * memory and its socket are ours.
 */
#include "net/ssh.h"

#include <errno.h>
#include <libssh2.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "net/ssh_int.h"
#include "os/file.h"
#include "os/socket.h"
#include "os/thread.h"
#include "os/time.h"

enum {
    LOOK_MS = 100, /* Between two looks at the call. */
    NS_PER_MS = 1000000,
    MS_PER_S = 1000,
    WINDOW_SIZE = 8 * 1024 * 1024, /* Bytes that a server may send before we have read them. */
    PACKET_SIZE = 32768,
    CLOSE_TRIES = 64,
};

/* --- Memory --- */

/*
 * What stands in front of each of libssh2's blocks: they can be wiped, and those
 * that it loses on its way to a failure are freed with the connection.
 */
typedef struct bsi_ssh_block {
    size_t size;
    struct bsi_ssh_block *next;
    struct bsi_ssh_block **link; /* What points here. */
    _Alignas(max_align_t) uint8_t bytes[];
} ssh_block;

static void *give_memory(size_t count, void **abstract)
{
    bsi_ssh *ssh = *abstract;
    ssh_block *block =
        count <= SIZE_MAX - sizeof(ssh_block) ? bsi_alloc(sizeof(ssh_block) + count) : NULL;

    if (!block) {
        ssh->no_memory = true;
        return NULL;
    }
    block->size = count;
    block->next = ssh->blocks;
    block->link = &ssh->blocks;
    if (block->next) {
        block->next->link = &block->next;
    }
    ssh->blocks = block;
    return block->bytes;
}

static ssh_block *block_of(void *memory)
{
    return (void *)((uint8_t *)memory - offsetof(ssh_block, bytes));
}

static void take_memory(void *memory, void **abstract)
{
    const bsi_ssh *ssh = *abstract;
    ssh_block *block = NULL;

    if (!memory) {
        return;
    }
    block = block_of(memory);
    *block->link = block->next;
    if (block->next) {
        block->next->link = block->link;
    }
    if (ssh->secret) {
        explicit_bzero(block->bytes, block->size);
    }
    bsi_free(block);
}

static void *resize_memory(void *memory, size_t count, void **abstract)
{
    void *larger = give_memory(count, abstract);

    if (memory && larger) {
        memcpy(larger, memory, bsi_min_size(block_of(memory)->size, count));
        take_memory(memory, abstract);
    }
    return larger;
}

static void take_lost_memory(bsi_ssh *ssh)
{
    void *abstract = ssh;

    while (ssh->blocks) {
        take_memory(ssh->blocks->bytes, &abstract);
    }
}

void *bsi_ssh_memory(bsi_ssh *ssh, size_t size)
{
    void *abstract = ssh;

    return give_memory(size, &abstract);
}

/* --- The socket --- */

static bs_status wait_for(bsi_ssh *ssh, int fd, unsigned wanted)
{
    const uint32_t idle_ms = ssh->target->idle_ms;
    const int64_t until =
        ssh->until_ns != 0 ? ssh->until_ns : bsi_monotonic_ns() + (int64_t)idle_ms * NS_PER_MS;
    bool ready = false;

    while (!ready) {
        BSI_TRY(bsi_call_check(ssh->call));
        BSI_TRY(bsi_socket_wait(fd, wanted, LOOK_MS, &ready));
        if (!ready && bsi_monotonic_ns() >= until) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_TIMEOUT, "host '%s' did not answer for %u s",
                            ssh->target->host,
                            (ssh->until_ns != 0 ? ssh->target->connect_ms : idle_ms) / MS_PER_S);
        }
    }
    return BS_OK;
}

/* What libssh2 wants to hear of a failure, which is kept for its text. */
static ssize_t note_io_error(bsi_ssh *ssh)
{
    if (!ssh->has_io_error) {
        bsi_error_save(&ssh->io_error);
        ssh->has_io_error = true;
    }
    return -ECONNRESET;
}

static ssize_t hung_up(bsi_ssh *ssh)
{
    (void)bsi_fail(BS_LAYER_SYSTEM, BS_E_IO, "the connection was closed");
    return note_io_error(ssh);
}

/* An agent's socket blocks, so that it is waited for here; ours is waited for by who called. */
static bool is_ready(bsi_ssh *ssh, int fd, unsigned wanted)
{
    return !ssh->closing && (fd == ssh->fd || wait_for(ssh, fd, wanted) == BS_OK);
}

static ssize_t send_bytes(libssh2_socket_t fd, const void *data, size_t size, int flags,
                          void **abstract)
{
    bsi_ssh *ssh = *abstract;
    size_t sent = 0;

    (void)flags;
    if (!is_ready(ssh, fd, BSI_SOCKET_WRITABLE) || bsi_socket_send(fd, data, size, &sent) < 0) {
        return note_io_error(ssh);
    }
    return sent > 0 ? (ssize_t)sent : -EAGAIN;
}

static ssize_t receive_bytes(libssh2_socket_t fd, void *buf, size_t size, int flags,
                             void **abstract)
{
    bsi_ssh *ssh = *abstract;
    size_t got = 0;
    bs_status status = BS_E_IO;

    (void)flags;
    if (is_ready(ssh, fd, BSI_SOCKET_READABLE)) {
        status = bsi_socket_receive(fd, buf, size, &got);
    }
    if (status == BS_END) {
        return hung_up(ssh);
    }
    if (status < 0) {
        return note_io_error(ssh);
    }
    return got > 0 ? (ssize_t)got : -EAGAIN;
}

/* ISO C has no way to hand over a function as a pointer to data, and libssh2 no other. */
static void set_callbacks(LIBSSH2_SESSION *session)
{
    LIBSSH2_SEND_FUNC((*sender)) = send_bytes;
    LIBSSH2_RECV_FUNC((*receiver)) = receive_bytes;
    void *as_data = NULL;

    memcpy(&as_data, &sender, sizeof(as_data));
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND, as_data);
    memcpy(&as_data, &receiver, sizeof(as_data));
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, as_data);
}

/* --- Failures --- */

static bs_status no_memory(void)
{
    return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
}

bs_status bsi_ssh_result(bsi_ssh *ssh, int result, const char *doing)
{
    char shown[256];
    char *text = NULL;
    int size = 0;

    if (result >= 0) {
        return BS_OK;
    }
    if (ssh->no_memory || result == LIBSSH2_ERROR_ALLOC) {
        return no_memory();
    }
    if (ssh->has_io_error) {
        bsi_error_restore(&ssh->io_error);
        return bsi_fail_context(BS_LAYER_STORAGE, ssh->io_error.code, "%s host '%s'", doing,
                                ssh->target->host);
    }
    (void)libssh2_session_last_error(ssh->session, &text, &size, 0);
    return bsi_fail(BS_LAYER_STORAGE,
                    result == LIBSSH2_ERROR_KEX_FAILURE || result == LIBSSH2_ERROR_METHOD_NONE
                        ? BS_E_UNSUPPORTED
                        : BS_E_IO,
                    "%s host '%s': %s (libssh2 %d)", doing, ssh->target->host,
                    bsi_printable(text, (size_t)size, shown, sizeof(shown)), result);
}

/* --- Steps --- */

bs_status bsi_ssh_wait(bsi_ssh *ssh, const bs_call *call)
{
    const int directions = libssh2_session_block_directions(ssh->session);
    unsigned wanted = (directions & LIBSSH2_SESSION_BLOCK_INBOUND) != 0 ? BSI_SOCKET_READABLE : 0;

    ssh->call = call;
    wanted |= (directions & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0 ? BSI_SOCKET_WRITABLE : 0;
    return wait_for(ssh, ssh->fd, wanted != 0 ? wanted : BSI_SOCKET_READABLE);
}

bs_status bsi_ssh_run(bsi_ssh *ssh, bsi_ssh_step step, void *user, int *result_out)
{
    int result = step(ssh, user);

    while (result == LIBSSH2_ERROR_EAGAIN) {
        BSI_TRY(bsi_ssh_wait(ssh, ssh->call));
        result = step(ssh, user);
    }
    *result_out = result < 0 ? result : 0;
    return BS_OK;
}

static bs_status run(bsi_ssh *ssh, bsi_ssh_step step, const char *doing)
{
    int result = 0;

    BSI_TRY(bsi_ssh_run(ssh, step, NULL, &result));
    return bsi_ssh_result(ssh, result, doing);
}

static int shake_hands(bsi_ssh *ssh, void *user)
{
    (void)user;
    return libssh2_session_handshake(ssh->session, ssh->fd);
}

static int open_channel(bsi_ssh *ssh, void *user)
{
    static const char kind[] = "session";

    (void)user;
    ssh->channel = libssh2_channel_open_ex(ssh->session, kind, sizeof(kind) - 1, WINDOW_SIZE,
                                           PACKET_SIZE, NULL, 0);
    return ssh->channel ? 0 : libssh2_session_last_errno(ssh->session);
}

static int ignore_messages(bsi_ssh *ssh, void *user)
{
    (void)user;
    return libssh2_channel_handle_extended_data2(ssh->channel,
                                                 LIBSSH2_CHANNEL_EXTENDED_DATA_IGNORE);
}

static int start_sftp(bsi_ssh *ssh, void *user)
{
    static const char request[] = "subsystem";
    static const char name[] = "sftp";

    (void)user;
    return libssh2_channel_process_startup(ssh->channel, request, sizeof(request) - 1, name,
                                           sizeof(name) - 1);
}

/* --- Opening --- */

static bs_status try_address(bsi_ssh *ssh, const bsi_addresses *addresses, size_t index)
{
    bs_status status = BS_OK;

    BSI_TRY(bsi_socket_connect(addresses, index, &ssh->fd));
    status = wait_for(ssh, ssh->fd, BSI_SOCKET_WRITABLE);
    if (status == BS_OK) {
        status = bsi_socket_outcome(ssh->fd);
    }
    if (status < 0) {
        bsi_close_quietly(ssh->fd);
        ssh->fd = -1;
    }
    return status;
}

static bs_status connect_host(bsi_ssh *ssh)
{
    bsi_addresses *addresses = NULL;
    bs_status status = BS_E_IO;

    BSI_TRY(bsi_addresses_find(ssh->target->host, ssh->target->port, &addresses));
    for (size_t i = 0; i < bsi_addresses_count(addresses) && status < 0; i++) {
        status = bsi_call_check(ssh->call);
        if (status < 0) {
            break;
        }
        status = try_address(ssh, addresses, i);
    }
    bsi_addresses_free(addresses);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "host '%s' port %u",
                                         ssh->target->host, ssh->target->port)
                      : BS_OK;
}

static bs_status open_with(bsi_ssh *ssh, const char *kinds)
{
    const int result = libssh2_session_method_pref(ssh->session, LIBSSH2_METHOD_HOSTKEY, kinds);

    BSI_TRY(bsi_ssh_result(ssh, result, "preparing to connect to"));
    BSI_TRY(connect_host(ssh));
    BSI_TRY(run(ssh, shake_hands, "exchanging keys with"));
    BSI_TRY(bsi_ssh_check_host(ssh));
    BSI_TRY(bsi_ssh_log_in(ssh));
    BSI_TRY(run(ssh, open_channel, "opening a channel to"));
    BSI_TRY(run(ssh, ignore_messages, "opening a channel to"));
    return run(ssh, start_sftp, "starting SFTP on");
}

static bs_status new_ssh(const bsi_ssh_target *target, const bs_call *call, bsi_ssh **out)
{
    bsi_ssh *ssh = bsi_calloc(1, sizeof(*ssh));

    if (!ssh) {
        return BS_E_NOMEM;
    }
    ssh->target = target;
    ssh->call = call;
    ssh->fd = -1;
    ssh->secret = true;
    ssh->until_ns = bsi_monotonic_ns() + (int64_t)target->connect_ms * NS_PER_MS;
    ssh->session = libssh2_session_init_ex(give_memory, take_memory, resize_memory, ssh);
    if (!ssh->session) {
        take_lost_memory(ssh);
        bsi_free(ssh);
        return no_memory();
    }
    libssh2_session_set_blocking(ssh->session, 0);
    set_callbacks(ssh->session);
    *out = ssh;
    return BS_OK;
}

static bsi_mutex library_lock = PTHREAD_MUTEX_INITIALIZER;
static bool library_is_ready; /* Under the lock. */

/* For the life of the process: others in it may use the library too. */
static bs_status prepare_library(void)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&library_lock);
    if (!library_is_ready && libssh2_init(0) != 0) {
        status = bsi_fail(BS_LAYER_SYSTEM, BS_E_IO, "libssh2 could not be initialised");
    }
    library_is_ready = library_is_ready || status == BS_OK;
    bsi_mutex_unlock(&library_lock);
    return status;
}

static bs_status open_attempt(const bsi_ssh_target *target, const bs_call *call, unsigned number,
                              bool *again_out, bsi_ssh **out)
{
    char kinds[BSI_SSH_KINDS_SIZE];
    bsi_ssh *ssh = NULL;
    bs_status status = BS_OK;

    *again_out = false;
    BSI_TRY(new_ssh(target, call, &ssh));
    BSI_CHECK(ssh);
    status = bsi_ssh_wanted_kinds(ssh, number, kinds, again_out);
    if (status == BS_OK) {
        status = open_with(ssh, kinds);
    }
    if (status < 0) {
        *again_out = *again_out && (ssh->wrong_key || status == BS_E_UNSUPPORTED);
        bsi_ssh_close(ssh);
        return status;
    }
    *again_out = false;
    ssh->call = NULL;
    ssh->until_ns = 0;
    ssh->secret = false;
    *out = ssh;
    return BS_OK;
}

/*
 * One try with each list of kinds: a server shows one of its keys, and maybe not the
 * right one. When none is, the wrong one says more than that there are no others.
 */
bs_status bsi_ssh_open(const bsi_ssh_target *target, const bs_call *call, bsi_ssh **out)
{
    bs_status status = prepare_library();
    bool again = status == BS_OK;
    bs_error wrong = {.code = BS_OK};

    for (unsigned number = 0; again; number++) {
        status = open_attempt(target, call, number, &again, out);
        if (status == BS_E_ACCESS) {
            bsi_error_save(&wrong);
        }
    }
    if (status == BS_E_UNSUPPORTED && wrong.code < 0) {
        bsi_error_restore(&wrong);
        status = wrong.code;
    }
    return status;
}

static void free_session(bsi_ssh *ssh)
{
    int result = LIBSSH2_ERROR_EAGAIN;

    for (int i = 0; i < CLOSE_TRIES && result == LIBSSH2_ERROR_EAGAIN; i++) {
        result = libssh2_session_free(ssh->session);
    }
}

void bsi_ssh_close(bsi_ssh *ssh)
{
    bs_error before;

    if (!ssh) {
        return;
    }
    bsi_error_save(&before);
    if (ssh->channel && !ssh->has_io_error) {
        (void)libssh2_session_disconnect(ssh->session, "done");
    }
    ssh->closing = true; /* From here on every transfer fails at once. */
    ssh->secret = true;
    bsi_close_quietly(ssh->fd);
    if (ssh->session) {
        free_session(ssh);
    }
    take_lost_memory(ssh);
    bsi_free(ssh);
    bsi_error_restore(&before);
}

/* --- Bytes --- */

bs_status bsi_ssh_send(bsi_ssh *ssh, const void *data, size_t size, size_t *sent_out)
{
    ssize_t sent = 0;

    *sent_out = 0;
    sent = libssh2_channel_write_ex(ssh->channel, 0, data, size);
    if (sent == LIBSSH2_ERROR_EAGAIN) {
        return BS_OK;
    }
    BSI_TRY(bsi_ssh_result(ssh, (int)sent, "sending to"));
    *sent_out = (size_t)sent;
    return BS_OK;
}

bs_status bsi_ssh_receive(bsi_ssh *ssh, void *buf, size_t size, size_t *got_out)
{
    ssize_t got = 0;

    *got_out = 0;
    got = libssh2_channel_read_ex(ssh->channel, 0, buf, size);
    if (got == LIBSSH2_ERROR_EAGAIN) {
        return BS_OK;
    }
    BSI_TRY(bsi_ssh_result(ssh, (int)got, "receiving from"));
    if (got == 0 && libssh2_channel_eof(ssh->channel) != 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s' has ended SFTP", ssh->target->host);
    }
    *got_out = (size_t)got;
    return BS_OK;
}

bool bsi_ssh_is_stuffed(const bsi_ssh *ssh)
{
    return (libssh2_session_block_directions(ssh->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
}

bool bsi_ssh_is_dead(bsi_ssh *ssh)
{
    return ssh->has_io_error || bsi_socket_is_dead(ssh->fd);
}
