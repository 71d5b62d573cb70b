/* SPDX-License-Identifier: MIT */
/*
 * Connections over TCP.
 */
#include "os/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "os/file.h"
#include "os/posix/posix.h"

enum {
    ADDRESSES_MAX = 16, /* Of one host; more are not tried. */
    PORT_SIZE = 6,
    KEEP_IDLE_S = 60,
    KEEP_INTERVAL_S = 30,
};

typedef struct socket_address {
    struct sockaddr_storage bytes;
    socklen_t size;
} socket_address;

struct bsi_addresses {
    size_t count;
    socket_address items[ADDRESSES_MAX];
};

static void take_addresses(const struct addrinfo *found, bsi_addresses *out)
{
    for (; found && out->count < ADDRESSES_MAX; found = found->ai_next) {
        socket_address *item = &out->items[out->count];
        if (found->ai_addrlen <= sizeof(item->bytes)) {
            memcpy(&item->bytes, found->ai_addr, found->ai_addrlen);
            item->size = found->ai_addrlen;
            out->count++;
        }
    }
}

static bs_status look_up(const char *host, uint16_t port, bsi_addresses *out)
{
    const struct addrinfo hints = {
        .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *found = NULL;
    char shown[128];
    char service[PORT_SIZE];
    int code = 0;

    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    bsi_printable(host, strlen(host), shown, sizeof(shown));
    code = bsi_os_refused(BSI_OS_NET) ? EAI_SYSTEM : getaddrinfo(host, service, &hints, &found);
    if (code == EAI_MEMORY) {
        return bsi_fail_os(BS_LAYER_SYSTEM, ENOMEM, "looking up host '%s'", shown);
    }
    if (code != 0) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_IO, "looking up host '%s': %s", shown,
                        gai_strerror(code));
    }
    take_addresses(found, out);
    freeaddrinfo(found);
    return out->count > 0 ? BS_OK
                          : bsi_fail(BS_LAYER_SYSTEM, BS_E_IO, "host '%s' has no address", shown);
}

bs_status bsi_addresses_find(const char *host, uint16_t port, bsi_addresses **out)
{
    bsi_addresses *addresses = bsi_calloc(1, sizeof(*addresses));
    bs_status status = BS_OK;

    if (!addresses) {
        return BS_E_NOMEM;
    }
    status = look_up(host, port, addresses);
    if (status < 0) {
        bsi_free(addresses);
        return status;
    }
    *out = addresses;
    return BS_OK;
}

void bsi_addresses_free(bsi_addresses *addresses)
{
    bsi_free(addresses);
}

size_t bsi_addresses_count(const bsi_addresses *addresses)
{
    return addresses->count;
}

/* Without these a connection works too, only less well. */
static void tune(int fd)
{
    const int on = 1;
    const int idle = KEEP_IDLE_S;
    const int interval = KEEP_INTERVAL_S;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
}

bs_status bsi_socket_connect(const bsi_addresses *addresses, size_t index, int *fd_out)
{
    const socket_address *to = &addresses->items[index];
    const int fd = BSI_SYSCALL(
        BSI_OS_NET, socket(to->bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int code = 0;

    if (fd < 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "making a socket");
    }
    tune(fd);
    if (BSI_SYSCALL(BSI_OS_NET, connect(fd, (const struct sockaddr *)&to->bytes, to->size)) != 0 &&
        errno != EINPROGRESS && errno != EINTR) {
        code = errno;
        bsi_close_quietly(fd);
        return bsi_fail_os(BS_LAYER_SYSTEM, code, "connecting");
    }
    *fd_out = fd;
    return BS_OK;
}

bs_status bsi_socket_outcome(int fd)
{
    int code = 0;
    socklen_t size = sizeof(code);

    if (BSI_SYSCALL(BSI_OS_NET, getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size)) != 0) {
        code = errno;
    }
    return code == 0 ? BS_OK : bsi_fail_os(BS_LAYER_SYSTEM, code, "connecting");
}

bs_status bsi_socket_wait(int fd, unsigned wanted, uint32_t wait_ms, bool *ready_out)
{
    struct pollfd poll_fd = {.fd = fd};
    int count = 0;

    poll_fd.events |= (wanted & BSI_SOCKET_READABLE) != 0 ? POLLIN : 0;
    poll_fd.events |= (wanted & BSI_SOCKET_WRITABLE) != 0 ? POLLOUT : 0;
    count = BSI_SYSCALL(BSI_OS_NET, poll(&poll_fd, 1, (int)(wait_ms & INT32_MAX)));
    if (count < 0 && errno != EINTR) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "waiting for a connection");
    }
    *ready_out = count > 0;
    return BS_OK;
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EINTR;
}

bs_status bsi_socket_send(int fd, const void *data, size_t size, size_t *sent_out)
{
    const ssize_t sent = BSI_SYSCALL(
        BSI_OS_NET, send(fd, data, (size_t)bsi_fault_short(size), MSG_NOSIGNAL | MSG_DONTWAIT));

    if (sent < 0 && !would_block()) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "sending");
    }
    *sent_out = sent > 0 ? (size_t)sent : 0;
    return BS_OK;
}

bs_status bsi_socket_receive(int fd, void *buf, size_t size, size_t *got_out)
{
    const ssize_t got =
        BSI_SYSCALL(BSI_OS_NET, recv(fd, buf, (size_t)bsi_fault_short(size), MSG_DONTWAIT));

    if (got < 0 && !would_block()) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "receiving");
    }
    *got_out = got > 0 ? (size_t)got : 0;
    return got == 0 && size > 0 ? BS_END : BS_OK;
}

bool bsi_socket_is_dead(int fd)
{
    char byte = 0;
    const ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return got == 0 || (got < 0 && !would_block());
}
