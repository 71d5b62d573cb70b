/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_GCS_SESSION_H
#define BSI_STORAGE_DRIVERS_GCS_SESSION_H

#include "storage/drivers/gcs_conn.h"

/* How objects are made. */
typedef struct bsi_gcs_target {
    bsi_gcs_conn *conn;
    const char *key;           /* Without the prefix. */
    const char *mark;          /* Kept with the object, by which it is known again. */
    const char *storage_class; /* NULL: the bucket's own. */
    bool exclusive;            /* Only if there is none yet. */
} bsi_gcs_target;

enum {
    /* What but the last bytes of an upload come in. Source: "Resumable uploads". */
    BSI_GCS_QUANTUM = 256 * 1024,
};

/*
 * A resumable upload: bytes in order, of unknown number. The service says how many it has, and
 * after a failure it is asked. One thread at a time.
 */
typedef struct bsi_gcs_session {
    bsi_gcs_target target;
    char *url;             /* NULL: none is begun. Whoever knows it can go on with the upload. */
    uint64_t stored;       /* Bytes that the service has. */
    bool unsure;           /* It may have others: it is asked first. */
    bool done;             /* It is an object... */
    bsi_gcs_object object; /* ...which is this. */
} bsi_gcs_session;

/* Bytes at hand, which begin at `offset` of the object. */
typedef struct bsi_gcs_piece {
    const uint8_t *bytes;
    uint64_t offset;
    size_t size;
    bool last;
    uint32_t crc32c; /* Of the whole object, with the last piece. */
} bsi_gcs_piece;

/*
 * Send what the service has not yet: of a last piece all, of others all but fewer than
 * BSI_GCS_QUANTUM bytes at the end, which belong in front of the next piece: `stored` tells.
 * After a failure that may pass the same call may come again.
 */
BS_NODISCARD bs_status bsi_gcs_session_send(bsi_gcs_session *session, const bs_call *call,
                                            const bsi_gcs_piece *piece);

/* Give it up, if it is none yet. What the service says to that does not matter. */
void bsi_gcs_session_end(bsi_gcs_session *session, const bs_call *call);
void bsi_gcs_session_dispose(bsi_gcs_session *session);

/* The description that an upload begins with. `crc32c`: NULL: not known yet. */
BS_NODISCARD bs_status bsi_gcs_write_description(const bsi_gcs_target *target, const char *crc32c,
                                                 bsi_buf *out);

/* For a request that makes an object; 0 or 1 of them is used. */
#define BSI_GCS_ONLY_IF_NEW      \
    {                            \
        "ifGenerationMatch", "0" \
    }

#endif
