/* SPDX-License-Identifier: MIT */
#ifndef BSI_AUDIT_RECORD_H
#define BSI_AUDIT_RECORD_H

#include "base/buffer.h"
#include "base/slice.h"
#include "crypto/sign.h"
#include "hash/sha256.h"

/*
 * One record of an audit log: a line of JSON that names the record before it by
 * its hash, and is signed. docs/format/audit.md has it to the byte.
 */

/* Longest line, with its line feed. */
enum { BSI_AUDIT_LINE_MAX = 32 * 1024 };

/* Texts are printable UTF-8 without control characters, and end in NUL. "": there is none. */
typedef struct bsi_audit_record {
    uint64_t seq; /* From 1 on, without gaps. */
    int64_t sec;  /* Since 1970. */
    int32_t nsec;
    uint32_t uid;     /* Whose process it was. */
    int64_t process;  /* Its number. */
    char user[64];    /* The name of `uid`. */
    char actor[136];  /* For whom the program acted, as it says. */
    char action[40];  /* Such as "backup.delete". */
    char object[136]; /* The id or name of what it was done to. */
    char name[136];   /* The name of the backup, or of the schedule. */
    char result[16];  /* "begun", "done", "warnings", "failed", "cancelled". */
    char error[1024]; /* Why it failed. */
    char detail[2048];
} bsi_audit_record;

/* A place in the chain: the newest record. Zeros: before the first. */
typedef struct bsi_audit_head {
    uint64_t seq;
    bsi_digest hash;
} bsi_audit_head;

/*
 * Append the line, with its line feed, that follows `before`; record->seq is not
 * looked at. `after` is the place behind it, and may be `before`.
 */
BS_NODISCARD bs_status bsi_audit_format(const bsi_audit_record *record,
                                        const bsi_audit_head *before, const bsi_signer *signer,
                                        bsi_buf *out, bsi_audit_head *after);

/* What a line, without its line feed, says of itself. */
typedef struct bsi_audit_line {
    bsi_audit_record record;
    bsi_digest prev; /* The hash of the record before it. */
    bsi_digest hash;
    unsigned char signature[BSI_SIGNATURE_SIZE];
} bsi_audit_line;

/* BS_E_CORRUPT unless it is a record and its hash is right. Signature and place are not checked. */
BS_NODISCARD bs_status bsi_audit_parse(bsi_slice text, bsi_audit_line *out);

/* BS_E_CORRUPT unless one of the keys made the signature. */
BS_NODISCARD bs_status bsi_audit_check_signature(const bsi_audit_line *line,
                                                 const bsi_public_key *keys, size_t count);

/*
 * The newest record as it is kept apart from the log, so that a log whose end was
 * cut off is found out: "SEQ HASH SIGNATURE".
 */
enum { BSI_AUDIT_HEAD_SIZE = 256 };
BS_NODISCARD bs_status bsi_audit_head_format(const bsi_audit_head *head, const bsi_signer *signer,
                                             char out[BSI_AUDIT_HEAD_SIZE]);
/* BS_E_CORRUPT. With `count` 0 the signature is not checked. */
BS_NODISCARD bs_status bsi_audit_head_parse(const char *text, const bsi_public_key *keys,
                                            size_t count, bsi_audit_head *out);

#endif
