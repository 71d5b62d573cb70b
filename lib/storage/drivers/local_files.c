/* SPDX-License-Identifier: MIT */
/*
 * A few open descriptors, the latest first.
 */
#include "storage/drivers/local_files.h"

#include <string.h>

#include "base/alloc.h"
#include "os/file.h"

void bsi_local_files_init(bsi_local_files *files)
{
    bsi_mutex_init(&files->lock);
}

void bsi_local_files_dispose(bsi_local_files *files)
{
    for (size_t i = 0; i < BSI_LOCAL_FILES_MAX; i++) {
        bsi_local_file_unref(files->files[i]);
    }
    bsi_mutex_dispose(&files->lock);
}

bsi_local_file *bsi_local_file_new(const char *key, int fd)
{
    const size_t key_size = strlen(key) + 1;
    bsi_local_file *file = bsi_calloc(1, sizeof(*file) + key_size);

    if (file) {
        atomic_init(&file->references, 1);
        file->fd = fd;
        memcpy(file->key, key, key_size);
    }
    return file;
}

void bsi_local_file_unref(bsi_local_file *file)
{
    if (file && atomic_fetch_sub(&file->references, 1) == 1) {
        bsi_close_quietly(file->fd);
        bsi_free(file);
    }
}

/* What stood at `from` falls out. */
static void put_in_front_locked(bsi_local_files *files, size_t from, bsi_local_file *file)
{
    for (size_t i = from; i > 0; i--) {
        files->files[i] = files->files[i - 1];
    }
    files->files[0] = file;
}

bsi_local_file *bsi_local_files_find(bsi_local_files *files, const char *key,
                                     uint64_t *generation_out)
{
    bsi_local_file *found = NULL;

    bsi_mutex_lock(&files->lock);
    *generation_out = files->generation;
    for (size_t i = 0; i < BSI_LOCAL_FILES_MAX && files->files[i] && !found; i++) {
        if (strcmp(files->files[i]->key, key) == 0) {
            found = files->files[i];
            put_in_front_locked(files, i, found);
            atomic_fetch_add(&found->references, 1);
        }
    }
    bsi_mutex_unlock(&files->lock);
    return found;
}

void bsi_local_files_keep(bsi_local_files *files, bsi_local_file *file, uint64_t generation)
{
    bsi_local_file *dropped = NULL;

    bsi_mutex_lock(&files->lock);
    if (files->generation == generation) {
        dropped = files->files[BSI_LOCAL_FILES_MAX - 1];
        put_in_front_locked(files, BSI_LOCAL_FILES_MAX - 1, file);
        atomic_fetch_add(&file->references, 1);
    }
    bsi_mutex_unlock(&files->lock);
    bsi_local_file_unref(dropped);
}

void bsi_local_files_forget(bsi_local_files *files, const char *key)
{
    bsi_local_file *gone[BSI_LOCAL_FILES_MAX] = {NULL};
    size_t kept = 0;

    bsi_mutex_lock(&files->lock);
    files->generation++;
    for (size_t i = 0; i < BSI_LOCAL_FILES_MAX; i++) {
        bsi_local_file *file = files->files[i];
        files->files[i] = NULL;
        if (file && strcmp(file->key, key) == 0) {
            gone[i] = file; /* Two threads may have opened it at the same time. */
        } else if (file) {
            files->files[kept] = file;
            kept++;
        }
    }
    bsi_mutex_unlock(&files->lock);
    for (size_t i = 0; i < BSI_LOCAL_FILES_MAX; i++) {
        bsi_local_file_unref(gone[i]);
    }
}
