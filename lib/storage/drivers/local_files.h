/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_LOCAL_FILES_H
#define BSI_STORAGE_DRIVERS_LOCAL_FILES_H

#include <stdatomic.h>

#include "base/error.h"
#include "os/thread.h"

/*
 * Descriptors of objects that were read last, so that many ranges of one object
 * cost one open. Any thread; several may read from one file at the same time.
 */
enum { BSI_LOCAL_FILES_MAX = 8 };

typedef struct bsi_local_file {
    atomic_uint references;
    int fd;
    char key[];
} bsi_local_file;

typedef struct bsi_local_files {
    bsi_mutex lock;                             /* Guards the rest. Taken alone. */
    bsi_local_file *files[BSI_LOCAL_FILES_MAX]; /* Latest first; NULLs at the end. */
    uint64_t generation;                        /* Grows when a key gets another object, or none. */
} bsi_local_files;

void bsi_local_files_init(bsi_local_files *files);
void bsi_local_files_dispose(bsi_local_files *files);

/* A reference to the file of a key, or NULL. *generation_out goes to bsi_local_files_keep(). */
bsi_local_file *bsi_local_files_find(bsi_local_files *files, const char *key,
                                     uint64_t *generation_out);

/* A file with one reference that closes `fd` in the end; NULL: no memory, `fd` stays open. */
bsi_local_file *bsi_local_file_new(const char *key, int fd);
/* NULL is ignored. */
void bsi_local_file_unref(bsi_local_file *file);

/* Keep a file for later, unless some key got another object since the generation was read. */
void bsi_local_files_keep(bsi_local_files *files, bsi_local_file *file, uint64_t generation);

/* Called after what the key names has changed, and before anybody is told. */
void bsi_local_files_forget(bsi_local_files *files, const char *key);

#endif
