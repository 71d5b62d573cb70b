/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_AUDIT_FILES_H
#define BSI_ENGINE_AUDIT_FILES_H

#include "audit/record.h"
#include "base/buffer.h"

/* The files of an audit log, and what is in them. */
#define BSI_AUDIT_NAME_SIZE 40

typedef struct bsi_audit_file {
    uint64_t first; /* The number of its first record, by its name. */
    uint64_t size;
} bsi_audit_file;

/* "audit-00000000000000000001.jsonl" */
void bsi_audit_file_name(uint64_t first, char out[BSI_AUDIT_NAME_SIZE]);

/* In order; freed with bsi_free(). Other names are passed over. */
BS_NODISCARD bs_status bsi_audit_files_list(int dir, bsi_audit_file **out, size_t *count_out);

/* All of it into `out`, which is cleared: BS_E_CORRUPT when it is larger than any of ours. */
BS_NODISCARD bs_status bsi_audit_file_load(int dir, const bsi_audit_file *file, bsi_buf *out);

/* Behind the last line feed in `size` bytes: where the line that is cut off there begins. */
size_t bsi_audit_line_begin(const char *bytes, size_t size);

/* Largest file that is read. */
enum { BSI_AUDIT_LOAD_MAX = 16 * 1024 * 1024 };

/* The last record of a log, and where it ends. */
typedef struct bsi_audit_end_place {
    bsi_audit_head head; /* Zeros: there is no record. */
    uint64_t first;      /* Of its file. */
    uint64_t size;       /* Up to behind its line feed. */
    uint64_t rest;       /* Bytes of that file behind it. */
} bsi_audit_end_place;

/* Found by its hash alone: its signature is not looked at. */
BS_NODISCARD bs_status bsi_audit_files_end(int dir, bsi_audit_end_place *out);

#endif
