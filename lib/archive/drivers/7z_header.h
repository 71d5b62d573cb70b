/* SPDX-License-Identifier: MIT */
#ifndef BSI_ARCHIVE_DRIVERS_7Z_HEADER_H
#define BSI_ARCHIVE_DRIVERS_7Z_HEADER_H

#include "archive/driver.h"
#include "base/buffer.h"

enum { BSI_7Z_SIGNATURE_SIZE = BSI_ARCHIVE_PATCH_SIZE };

/* A run of files that is decoded as one stream. */
typedef struct bsi_7z_folder {
    uint64_t first; /* Its first segment. */
    uint64_t size;  /* Decoded. */
    uint64_t files;
} bsi_7z_folder;

/*
 * What the header at the end is made of, gathered while entries come. Lists
 * hold their items in the form in which the header has them.
 */
typedef struct bsi_7z_lists {
    bsi_spool *folders;  /* bsi_7z_folder as three little-endian numbers. */
    bsi_spool *sizes;    /* Of each file with content but the last of a folder. */
    bsi_spool *sums;     /* CRC-32 of each file with content. */
    bsi_spool *names;    /* UTF-16 with its NUL, of each entry. */
    bsi_spool *times;    /* FILETIME of each entry. */
    bsi_spool *modes;    /* Attributes of each entry. */
    bsi_spool *contents; /* A byte for each entry: bsi_7z_content. */
    uint64_t folder_count;
    uint64_t file_count; /* With content. */
    uint64_t entry_count;
    uint64_t empty_count; /* Entries without content. */
    uint8_t dictionary;   /* Property byte of LZMA2. */
} bsi_7z_lists;

typedef enum bsi_7z_content {
    BSI_7Z_CONTENT = 0,
    BSI_7Z_EMPTY_FILE,
    BSI_7Z_DIRECTORY,
} bsi_7z_content;

BS_NODISCARD bs_status bsi_7z_lists_open(bsi_7z_lists *lists, int dir);
void bsi_7z_lists_close(bsi_7z_lists *lists);

BS_NODISCARD bs_status bsi_7z_put_folder(bsi_7z_lists *lists, const bsi_7z_folder *folder);

/* Append a number in the header's form: the first byte tells how many follow. */
BS_NODISCARD bs_status bsi_7z_put_number(bsi_spool *list, uint64_t value);

/* Emit the header behind the content and patch the signature at the front. */
BS_NODISCARD bs_status bsi_7z_write_header(bsi_archive_writer *writer, const bsi_7z_lists *lists);

#endif
