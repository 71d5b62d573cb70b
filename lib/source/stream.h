/* SPDX-License-Identifier: MIT */
#ifndef BSI_SOURCE_STREAM_H
#define BSI_SOURCE_STREAM_H

#include "task/call.h"

/*
 * A source without a tree: bytes that come once, in order, until they end. One
 * thread at a time. Failures are of layer SOURCE.
 */
typedef struct bsi_stream bsi_stream;

/*
 * The standard output of a command; argv ends in NULL. Any exit code but 0 is BS_E_COMMAND.
 * `hidden`: variables that it does not inherit, ended by NULL; may be NULL.
 */
BS_NODISCARD bs_status bsi_stream_command(const char *const *argv, const char *const *hidden,
                                          bsi_stream **out);

/*
 * Fill up to `size` bytes and say how many; 0 at the end. Anything but 0 as a
 * result ends the stream with BS_E_CALLBACK.
 */
typedef int (*bsi_stream_cb)(void *user, void *buf, size_t size, size_t *got_out);
BS_NODISCARD bs_status bsi_stream_callback(bsi_stream_cb callback, void *user, bsi_stream **out);

/* Fill `buf`; fewer bytes only at the end, then 0. Sees a cancelled call within a second. */
BS_NODISCARD bs_status bsi_stream_read(bsi_stream *stream, const bs_call *call, void *buf,
                                       size_t size, size_t *got_out);

/* Whether the stream is complete; only after its end was read. */
BS_NODISCARD bs_status bsi_stream_finish(bsi_stream *stream);

/* A command that still runs is killed. NULL is ignored. */
void bsi_stream_free(bsi_stream *stream);

#endif
