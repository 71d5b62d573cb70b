/* SPDX-License-Identifier: MIT */
/*
 * Streams: a command's output, or what a callback of the caller gives.
 */
#include "source/stream.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "os/process.h"

enum {
    POLL_MS = 200, /* How often a silent command is asked whether the call is cancelled. */
    PRINTABLE_SIZE = 256,
};

/* One kind of stream. `self` is zeroed when it is made. */
typedef struct stream_ops {
    /* At most `size` bytes; none only at the end. */
    bs_status (*read)(void *self, const bs_call *call, void *buf, size_t size, size_t *got_out);
    /* After the end: whether what came was all. NULL: always. */
    bs_status (*finish)(void *self);
    /* NULL: nothing to release. */
    void (*close)(void *self);
} stream_ops;

struct bsi_stream {
    const stream_ops *ops;
    bool has_ended;
    _Alignas(max_align_t) char self[];
};

typedef struct command_stream {
    bsi_process *process;
    char *name; /* Printable. */
} command_stream;

typedef struct callback_stream {
    bsi_stream_cb callback;
    void *user;
} callback_stream;

static bsi_stream *new_stream(const stream_ops *ops, size_t self_size)
{
    bsi_stream *stream = bsi_calloc(1, sizeof(*stream) + self_size);

    if (stream) {
        stream->ops = ops;
    }
    return stream;
}

static bs_status command_read(void *self, const bs_call *call, void *buf, size_t size,
                              size_t *got_out)
{
    command_stream *command = self;
    bs_status given_up = bsi_call_check(call);
    bs_status status = BS_E_TIMEOUT;

    while (status == BS_E_TIMEOUT && given_up == BS_OK) {
        status = bsi_process_read(command->process, buf, size, POLL_MS, got_out);
        if (status == BS_E_TIMEOUT) {
            given_up = bsi_call_check(call);
        }
    }
    if (given_up < 0) {
        return given_up;
    }
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_SOURCE, status, "command '%s'", command->name);
    }
    return BS_OK;
}

static bs_status command_finish(void *self)
{
    command_stream *command = self;
    const bs_status status = bsi_process_finish(command->process);

    if (status < 0) {
        return bsi_fail_context(BS_LAYER_SOURCE, status, "command '%s'", command->name);
    }
    return BS_OK;
}

static void command_close(void *self)
{
    command_stream *command = self;

    bsi_process_free(command->process);
    bsi_free(command->name);
}

static const stream_ops command_ops = {
    .read = command_read,
    .finish = command_finish,
    .close = command_close,
};

bs_status bsi_stream_command(const char *const *argv, const char *const *hidden, bsi_stream **out)
{
    bsi_stream *stream = NULL;
    command_stream *command = NULL;
    char name[PRINTABLE_SIZE];
    bs_status status = BS_OK;

    if (!argv[0]) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "a command without a name");
    }
    stream = new_stream(&command_ops, sizeof(*command));
    if (!stream) {
        return BS_E_NOMEM;
    }
    command = (void *)stream->self;
    command->name = bsi_strdup(bsi_printable(argv[0], strlen(argv[0]), name, sizeof(name)));
    status = command->name ? bsi_process_start(argv, hidden, &command->process) : BS_E_NOMEM;
    if (status < 0) {
        bsi_stream_free(stream);
        return bsi_fail_context(BS_LAYER_SOURCE, status, "command '%s'", name);
    }
    *out = stream;
    return BS_OK;
}

static bs_status callback_read(void *self, const bs_call *call, void *buf, size_t size,
                               size_t *got_out)
{
    const callback_stream *stream = self;
    size_t got = 0;

    BSI_TRY(bsi_call_check(call));
    if (stream->callback(stream->user, buf, size, &got) != 0) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_CALLBACK, "the source callback gave up");
    }
    if (got > size) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_CALLBACK,
                        "the source callback claims more bytes than there is room for");
    }
    *got_out = got;
    return BS_OK;
}

static const stream_ops callback_ops = {
    .read = callback_read,
};

bs_status bsi_stream_callback(bsi_stream_cb callback, void *user, bsi_stream **out)
{
    bsi_stream *stream = new_stream(&callback_ops, sizeof(callback_stream));

    if (!stream) {
        return BS_E_NOMEM;
    }
    *(callback_stream *)(void *)stream->self = (callback_stream){callback, user};
    *out = stream;
    return BS_OK;
}

bs_status bsi_stream_read(bsi_stream *stream, const bs_call *call, void *buf, size_t size,
                          size_t *got_out)
{
    const size_t most = bsi_call_chunk(call, size);
    size_t filled = 0;

    while (filled < size && !stream->has_ended) {
        const size_t want = bsi_min_size(size - filled, most);
        size_t got = 0;
        const bs_status status =
            stream->ops->read(stream->self, call, (char *)buf + filled, want, &got);

        if (status < 0) {
            return status;
        }
        stream->has_ended = got == 0;
        filled += got;
    }
    *got_out = filled;
    return BS_OK;
}

bs_status bsi_stream_finish(bsi_stream *stream)
{
    BSI_CHECK(stream->has_ended);
    return stream->ops->finish ? stream->ops->finish(stream->self) : BS_OK;
}

void bsi_stream_free(bsi_stream *stream)
{
    if (stream) {
        if (stream->ops->close) {
            stream->ops->close(stream->self);
        }
        bsi_free(stream);
    }
}
