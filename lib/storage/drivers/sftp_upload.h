/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_SFTP_UPLOAD_H
#define BSI_STORAGE_DRIVERS_SFTP_UPLOAD_H

#include "storage/drivers/sftp_files.h"

/*
 * A file on its way, under a temporary name in the directory where it will stay.
 * What is written is on its way to the server when a call returns, and kept here
 * until the server has taken it: after a failure the same call may come again, over
 * the same link or another. All over the link on which the upload lies, acquired.
 */
#define BSI_SFTP_TEMP_PREFIX ".bst-"

enum { BSI_SFTP_WRITES_MAX = 64 }; /* On their way at once. */

/* Bytes that the server has not confirmed. */
typedef struct bsi_sftp_kept {
    bsi_buf bytes;
    uint64_t offset;
    bool used;
} bsi_sftp_kept;

/* How far a file has come. */
typedef enum bsi_sftp_stage {
    BSI_SFTP_WRITING,
    BSI_SFTP_STORED,    /* All of it has arrived, durably where the server can say so. */
    BSI_SFTP_PUBLISHED, /* It has its name. */
} bsi_sftp_stage;

typedef struct bsi_sftp_upload {
    bsi_sftp_link *link; /* NULL: on none at present. */
    char *key;
    bsi_slice dir;    /* Part of `key`. */
    char *path;       /* Where it will stay; */
    char *temp;       /* and where it lies. */
    uint64_t size;    /* Bytes taken so far, */
    size_t taken;     /* and of the present call, in case that it comes again. */
    int64_t mtime_ns; /* Or BS_STORAGE_NO_TIME. */
    bool exclusive;
    bool patchable;
    bsi_buf head; /* Of one that is patchable: its beginning, sent last. */
    bool made_dirs;
    bsi_sftp_stage stage;
    bool asked; /* For its name, once at least. */
    bsi_sftp_kept kept[BSI_SFTP_WRITES_MAX];
    unsigned left; /* Writes on this link that were not answered yet. */
    bool failed;   /* One was refused. */
    bsi_sftp_answer failure;
    bsi_sftp_answer opened; /* The handle, while there is one. */
} bsi_sftp_upload;

/* `out` has its key, and comes zeroed otherwise. Disposed also after a failure. */
BS_NODISCARD bs_status bsi_sftp_upload_begin(bsi_sftp_link *link, const bs_call *call,
                                             bsi_sftp_upload *out);
/* Before anything else than the beginning: what a failure has stopped goes on. */
BS_NODISCARD bs_status bsi_sftp_upload_resume(bsi_sftp_upload *upload, const bs_call *call);
BS_NODISCARD bs_status bsi_sftp_upload_write(bsi_sftp_upload *upload, const bs_call *call,
                                             const void *data, size_t size);
/* Within the first BS_STORAGE_PATCH_MAX bytes of one that is patchable. */
void bsi_sftp_upload_patch(bsi_sftp_upload *upload, uint64_t offset, const void *data, size_t size);
/*
 * Everything to the end: the file is whole, has its time, is durable and has its name, with
 * the directories on the way to it. Replacing takes two steps where the server cannot do it
 * in one. After a failure the same call goes on where it stopped.
 */
BS_NODISCARD bs_status bsi_sftp_upload_commit(bsi_sftp_upload *upload, const bs_call *call);
/* The link is broken, or given to others: the upload lies on it no more. */
void bsi_sftp_upload_unlink(bsi_sftp_upload *upload);
/* Nothing of it stays on the server, if that can be reached over this link. */
void bsi_sftp_upload_remove(bsi_sftp_upload *upload, bsi_sftp_link *link);
/* Only what it has here. */
void bsi_sftp_upload_dispose(bsi_sftp_upload *upload);

/* Seconds since 1970, before or at a time. */
int64_t bsi_sftp_seconds(int64_t ns);

#endif
