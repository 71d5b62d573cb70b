/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_FTP_UPLOAD_H
#define BSI_STORAGE_DRIVERS_FTP_UPLOAD_H

#include "hash/sha256.h"
#include "storage/drivers/ftp_files.h"

/* What temporary names begin with. */
#define BSI_FTP_TEMP_PREFIX ".bst-"

enum {
    BSI_FTP_BLOCK = 256 * 1024, /* Smaller objects go out in one piece, when they are whole. */
    BSI_FTP_BLOCKS = 32,        /* How many of the last ones are kept, to be sent again. */
};

typedef enum bsi_ftp_stage {
    BSI_FTP_WRITING,
    BSI_FTP_WRITTEN,  /* All of it, as far as the server has noticed. */
    BSI_FTP_CHECKED,  /* Indeed. */
    BSI_FTP_RENAMING, /* Asked for, and perhaps done. */
} bsi_ftp_stage;

/*
 * An object on its way. Nothing is sent before a block is full. FTP does not tell how much of
 * what was sent has arrived: so the last blocks are kept until the file was measured, and a
 * transfer that broke goes on behind what the file has then. One thread at a time.
 */
typedef struct bsi_ftp_upload {
    bsi_ftp_pool *pool;
    char *key;
    bsi_slice dir; /* Of the key. */
    char *path;
    char *temp;
    bsi_ftp_link *link; /* While something is sent; NULL otherwise. */
    bsi_ftp_stage stage;
    bool unsure;    /* The temporary file may be there, with a part of it or all. */
    bool made_dirs; /* Directories were made. */
    bool patchable;
    bool patched;                    /* Bytes that were sent have changed. */
    int64_t mtime_ns;                /* Or BS_STORAGE_NO_TIME. */
    uint64_t size;                   /* Bytes so far. */
    uint64_t sent;                   /* How many of them were handed on. */
    uint64_t measured;               /* How much was there when that was asked last, */
    unsigned stalls;                 /* and how often in a row no more than before. */
    unsigned shorts;                 /* How often less was there when all had been taken. */
    size_t taken;                    /* Of the bytes of the present call, which may come again. */
    bsi_buf head;                    /* The beginning of one that is patchable. */
    bsi_sha256 *hash;                /* Of all bytes, where the server can tell its own; NULL. */
    uint8_t *blocks[BSI_FTP_BLOCKS]; /* By the number of the block, modulo how many there are. */
} bsi_ftp_upload;

/* Asks the server for nothing. `key` comes with the upload, and all else zeroed. */
BS_NODISCARD bs_status bsi_ftp_upload_begin(bsi_ftp_pool *pool, bsi_ftp_upload *upload);
/* May come again with the same bytes after a failure that may pass; likewise the next. */
BS_NODISCARD bs_status bsi_ftp_upload_write(bsi_ftp_upload *upload, const bs_call *call,
                                            const void *data, size_t size);
BS_NODISCARD bs_status bsi_ftp_upload_commit(bsi_ftp_upload *upload, const bs_call *call);
void bsi_ftp_upload_patch(bsi_ftp_upload *upload, uint64_t offset, const void *data, size_t size);

/* Remove what it has left on the server, if it can be done soon. */
void bsi_ftp_upload_remove(bsi_ftp_upload *upload);
void bsi_ftp_upload_dispose(bsi_ftp_upload *upload);

#endif
