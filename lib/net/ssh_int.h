/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_SSH_INT_H
#define BSI_NET_SSH_INT_H

#include "net/ssh.h"

/* Inside of a connection, for what opens it. The pointers without a type are libssh2's. */
struct bsi_ssh {
    const bsi_ssh_target *target;
    const bs_call *call;          /* Of the present operation. */
    struct bsi_ssh_block *blocks; /* libssh2's memory. */
    void *session;
    void *channel;
    int fd;
    int64_t until_ns; /* While it is opened; then 0. */
    bool no_memory;   /* An allocation failed: what libssh2 says of it is not to be relied on. */
    bool closing;
    bool wrong_key;    /* The host has shown a key that is not the right one. */
    bool secret;       /* What is freed is wiped. */
    bool has_io_error; /* `io_error` tells why the connection broke. */
    bs_error io_error;
};

/* One call of libssh2 that may have to be repeated: its result, or LIBSSH2_ERROR_EAGAIN. */
typedef int (*bsi_ssh_step)(bsi_ssh *ssh, void *user);

/* Repeat a step until it is done. *result_out is 0 or an error of libssh2. */
BS_NODISCARD bs_status bsi_ssh_run(bsi_ssh *ssh, bsi_ssh_step step, void *user, int *result_out);

/* What a step's result means, as a failure; 0 is BS_OK. */
BS_NODISCARD bs_status bsi_ssh_result(bsi_ssh *ssh, int result, const char *doing);

/*
 * Which kinds of host keys are to be asked for in the n-th attempt, from 0, by what is
 * known of the host; *more_out: whether there is another list to try.
 */
enum { BSI_SSH_KINDS_SIZE = 160 };
BS_NODISCARD bs_status bsi_ssh_wanted_kinds(bsi_ssh *ssh, unsigned attempt,
                                            char kinds_out[BSI_SSH_KINDS_SIZE], bool *more_out);
/* Memory that libssh2 frees. NULL: none. */
void *bsi_ssh_memory(bsi_ssh *ssh, size_t size);

/* After the keys were exchanged: BS_E_ACCESS unless the host's is the right one. */
BS_NODISCARD bs_status bsi_ssh_check_host(bsi_ssh *ssh);

/* BS_E_ACCESS when the server takes nothing that we have. */
BS_NODISCARD bs_status bsi_ssh_log_in(bsi_ssh *ssh);

/* A small file, with a NUL behind it; `what` stands in the texts of failures. */
BS_NODISCARD bs_status bsi_ssh_read_file(const char *path, const char *what, bool is_private,
                                         bsi_buf *out);

#endif
