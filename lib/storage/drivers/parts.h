/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_PARTS_H
#define BSI_STORAGE_DRIVERS_PARTS_H

#include <backupsvc/sys/storage_driver.h>

#include "base/error.h"
#include "base/slice.h"
#include "task/call.h"

/*
 * The bytes of an upload to a service that takes large objects in parts. Bytes are gathered in
 * the part that is being filled. A full one goes to a thread of its own, and the next free one is
 * filled; that is where writing waits, and where failures of parts come out. A failed part keeps
 * its bytes and is sent again when the call that told of it comes again. Memory: (parallel + 1)
 * parts; one more where the beginning may still be changed. One thread at a time.
 */
typedef struct bsi_parts bsi_parts;

enum {
    BSI_PARTS_PARALLEL_MAX = 16,
    BSI_PARTS_RESULT_MAX = 192,
};

typedef struct bsi_parts_plan {
    uint64_t part_size;     /* Of the first parts; the next ones double after each 2000. */
    uint64_t part_size_max; /* Until they are so large. */
    uint64_t expected_size; /* Of all, or BS_STORAGE_NO_SIZE: as few parts as it needs. */
    uint32_t parts_max;     /* More are BS_E_LIMIT. */
    const char *advice;     /* For a person who has too many. */
    unsigned parallel;      /* Parts on their way at once, 1 to BSI_PARTS_PARALLEL_MAX. */
    bool patchable;         /* The first part is kept back until bsi_parts_finish(). */
    size_t result_size;     /* Of what is kept of each part, at most BSI_PARTS_RESULT_MAX. */
} bsi_parts_plan;

/* A part that is to be sent. */
typedef struct bsi_part {
    uint32_t number; /* From 1 on. */
    const void *data;
    size_t size;
} bsi_part;

typedef struct bsi_parts_methods {
    /* Optional. On the thread that writes, until it was BS_OK once, before a part is sent. */
    bs_status (*begin)(void *user, const bs_call *call);
    /* On any thread, several at once. `result` is the part's, zeroed. */
    bs_status (*send)(void *user, const bs_call *call, const bsi_part *part, void *result);
} bsi_parts_methods;

/* `methods` and `user` outlive it. */
BS_NODISCARD bs_status bsi_parts_new(const bsi_parts_plan *plan, const bsi_parts_methods *methods,
                                     void *user, bsi_parts **out);

/* Ends the threads, whatever they do. NULL is ignored; the error record is left alone. */
void bsi_parts_stop(bsi_parts *parts);
/* After bsi_parts_stop() or bsi_parts_finish(). Likewise. */
void bsi_parts_free(bsi_parts *parts);

/* As the driver's put_write() with BS_STORAGE_CAP_RESUME, and its put_patch(). */
BS_NODISCARD bs_status bsi_parts_write(bsi_parts *parts, const bs_call *call, const void *data,
                                       size_t size);
void bsi_parts_patch(bsi_parts *parts, uint64_t offset, const void *data, size_t size);

/* Whether a part had to be sent. Else all there is stands in bsi_parts_whole(). */
bool bsi_parts_have_begun(const bsi_parts *parts);
bsi_slice bsi_parts_whole(const bsi_parts *parts);

/* Send what is left, also where nothing had to be sent. May come again after a failure. */
BS_NODISCARD bs_status bsi_parts_finish(bsi_parts *parts, const bs_call *call);

uint64_t bsi_parts_size(const bsi_parts *parts);
uint32_t bsi_parts_count(const bsi_parts *parts);
/* What send() has left of a part. */
const void *bsi_parts_result(const bsi_parts *parts, uint32_t number);

/* --- Whose an object is --- */

/* A number that nobody else has: by it an upload is known again whose answer got lost. */
enum { BSI_MARK_SIZE = 33 };
BS_NODISCARD bs_status bsi_mark_make(char out[BSI_MARK_SIZE]);

/* Whether the object that the service has now is that of this upload. */
typedef bs_status (*bsi_mark_look)(void *user, const bs_call *call, bool *ours_out);

/*
 * The service says, with `refusal`, that there is an object already, or no upload any more: BS_OK
 * when that is because this one was done before. Else the refusal and its record, or what keeps
 * from looking and may pass.
 */
BS_NODISCARD bs_status bsi_mark_find_out(bsi_mark_look look, void *user, const bs_call *call,
                                         bs_status refusal);

#endif
