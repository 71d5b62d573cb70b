/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_SOCKET_H
#define BSI_OS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Connections over TCP that never block: the caller waits where it can also see
 * whether it is still wanted. Descriptors are close-on-exec, do not delay small
 * packets, ask a silent peer now and then whether it is there, and are closed
 * with bsi_close_quietly(). A peer that is gone raises no signal. Failures carry
 * layer SYSTEM and are BS_E_IO unless the system says otherwise.
 *
 * Thread-safety: any thread; one descriptor belongs to one thread at a time.
 */

/* The addresses of a host, in the order in which they should be tried. */
typedef struct bsi_addresses bsi_addresses;

/*
 * Blocks for as long as the system's resolver takes. A host without any address
 * is BS_E_IO: names come and go, and nothing stored is missing because of that.
 */
BS_NODISCARD bs_status bsi_addresses_find(const char *host, uint16_t port, bsi_addresses **out);
/* NULL is ignored. */
void bsi_addresses_free(bsi_addresses *addresses);
size_t bsi_addresses_count(const bsi_addresses *addresses);

/*
 * Begin to connect to one of them. Once the descriptor is writable,
 * bsi_socket_outcome() tells whether that worked.
 */
BS_NODISCARD bs_status bsi_socket_connect(const bsi_addresses *addresses, size_t index,
                                          int *fd_out);
BS_NODISCARD bs_status bsi_socket_outcome(int fd);

/* What a descriptor is waited for. */
enum {
    BSI_SOCKET_READABLE = 1 << 0, /* Also when the peer has closed. */
    BSI_SOCKET_WRITABLE = 1 << 1,
};

/* Wait until one of `wanted` holds, or so many milliseconds; *ready_out: whether it does. */
BS_NODISCARD bs_status bsi_socket_wait(int fd, unsigned wanted, uint32_t wait_ms, bool *ready_out);

/* What can be moved now, which may be 0 bytes. Receiving is BS_END when the peer has closed. */
BS_NODISCARD bs_status bsi_socket_send(int fd, const void *data, size_t size, size_t *sent_out);
BS_NODISCARD bs_status bsi_socket_receive(int fd, void *buf, size_t size, size_t *got_out);

/* Whether the peer has closed, or the connection is broken; nothing is taken from it. */
bool bsi_socket_is_dead(int fd);

#endif
