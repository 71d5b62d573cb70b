/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFORMANCE_ARCHIVE_SAMPLES_H
#define TESTS_CONFORMANCE_ARCHIVE_SAMPLES_H

#include <stdio.h>

#include "archive/archive.h"

#define SAMPLES_PHRASE "what opens the samples"

/* One entry with the content it should come back with, holes as zeros. */
typedef struct sample {
    bsi_entry entry;
    const uint8_t *data; /* stat.size bytes of a regular file; borrowed from the set. */
    bsi_archive_mark mark;
    bsi_locator locator;
} sample;

/* Everything that a tree may hold, from empty files to devices and odd names. */
typedef struct sample_set {
    sample *items;
    size_t count;
    uint8_t *pool; /* What contents are parts of. */
    void **owned;  /* Texts and lists made for entries. */
    size_t owned_count;
    bool small; /* Little content, so that a test can run often. */
} sample_set;

void samples_make(sample_set *set, bool small);
void samples_dispose(sample_set *set);
void samples_add_file(sample_set *set, const char *path, size_t size);

/* A container in memory, or in a file when there is one. */
typedef struct container {
    uint8_t *data;
    size_t size;
    size_t capacity;
    FILE *file;
    long fail_after; /* Calls of the sink that succeed; -1: all. */
} container;

bs_status container_sink(void *user, const void *data, size_t size);
bs_status container_patch(void *user, uint64_t offset, const void *data, size_t size);
bs_status container_read(void *user, uint64_t offset, void *buf, size_t size);
void container_dispose(container *to);

/*
 * The driver of a format: those that requests name, and "aes.zip", which is zip with members that
 * are encrypted under SAMPLES_PHRASE. NULL: there is none.
 */
const bsi_archive_driver *samples_format(const char *name);
/* Of the format that was asked for last; NULL: nothing is encrypted. */
const bsi_member_cipher *samples_cipher(void);
/* At the end of the program. */
void samples_forget_format(void);

/* Options that write into `to`, on `pool`, with the format's cipher. */
bsi_archive_options container_options(container *to, bsi_pool *pool);

/* Write all samples, and note where their content came to lie. */
BS_NODISCARD bs_status samples_write(const bsi_archive_driver *driver,
                                     const bsi_archive_options *options, sample_set *set);
/* One entry with its content, as a vault would feed it. */
BS_NODISCARD bs_status sample_write(bsi_archive_writer *writer, const bsi_archive_driver *driver,
                                    sample *item);

#endif
