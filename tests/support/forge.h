/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_FORGE_H
#define TESTS_SUPPORT_FORGE_H

#include "support/vault.h"

/*
 * Forges backups as somebody would who can write to the storage: any lines and
 * any container, but with the right hashes, counts and seal around them, so that
 * only a look at what is said can refuse it.
 *
 * In texts "@" and a letter stand for
 *
 *     @F  what a file has, content "hello"   @I  the backup's id
 *     @D  what a directory has               @N  number of entries
 *     @S  what a symbolic link has, less     @H  SHA-256 of "hello"
 *         "link"                             @G  forge.guard
 *     @M  mode, owner, times, inode          @C  what the container is: key, size, sha256
 */
typedef struct forge {
    test_vault *vault;
    const char *guard;       /* A path without its leading slash. */
    const char *compression; /* NULL: "tar.zst". */
    const char *first;       /* The first line; NULL: a good one. */
    const char *find;        /* In the first line, to be replaced by `replace`; NULL: nothing. */
    const char *replace;
    const char *lines;     /* Between first and last line. */
    const char *last;      /* The last line; NULL: the right one. */
    const void *container; /* NULL: one that holds "hello" at [0,0]. */
    size_t container_size;
} forge;

#define FORGE_ID "01234567-89ab-7cde-8f01-23456789abcd"
#define FORGE_STEM "home/20261123T020000Z-full-6789abcd"
#define FORGE_MANIFEST FORGE_STEM ".manifest.json.zst"

/* Put container and manifest on the storage, readable for everybody. */
void forge_backup(const forge *self);

/* Only the manifest, of any compressed bytes; `sealed`: the right seal behind them. */
void forge_manifest(test_vault *vault, const void *stored, size_t size, bool sealed);

/* Some text, compressed by zstd; freed with bsi_buf_dispose(). */
void forge_compress(const void *text, size_t size, bsi_buf *out);

/* A file of the storage; NULL removes it. */
void forge_object(test_vault *vault, const char *key, const void *data, size_t size);

#endif
