/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_SFTP_WIRE_H
#define BSI_NET_SFTP_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * The bytes of SFTP, version 3: draft-ietf-secsh-filexfer-02, which is what
 * OpenSSH and everybody else speaks, and OpenSSH's additions to it (its file
 * PROTOCOL). Integers are big-endian, strings have their length in front. What
 * comes from a server is hostile until it was parsed. Pure functions.
 */
enum {
    BSI_SFTP_VERSION = 3,

    BSI_SFTP_INIT = 1,
    BSI_SFTP_OPEN = 3,
    BSI_SFTP_CLOSE = 4,
    BSI_SFTP_READ = 5,
    BSI_SFTP_WRITE = 6,
    BSI_SFTP_LSTAT = 7,
    BSI_SFTP_FSTAT = 8,
    BSI_SFTP_SETSTAT = 9,
    BSI_SFTP_FSETSTAT = 10,
    BSI_SFTP_OPENDIR = 11,
    BSI_SFTP_READDIR = 12,
    BSI_SFTP_REMOVE = 13,
    BSI_SFTP_MKDIR = 14,
    BSI_SFTP_RMDIR = 15,
    BSI_SFTP_STAT = 17,
    BSI_SFTP_RENAME = 18,
    BSI_SFTP_EXTENDED = 200,

    BSI_SFTP_ANSWER_VERSION = 2,
    BSI_SFTP_ANSWER_STATUS = 101,
    BSI_SFTP_ANSWER_HANDLE = 102,
    BSI_SFTP_ANSWER_DATA = 103,
    BSI_SFTP_ANSWER_NAME = 104,
    BSI_SFTP_ANSWER_ATTRS = 105,
    BSI_SFTP_ANSWER_EXTENDED = 201,
};

/* Codes of a status; those above 8 are of later versions, and some servers send them all the same.
 */
enum {
    BSI_SFTP_OK = 0,
    BSI_SFTP_EOF = 1,
    BSI_SFTP_NO_SUCH_FILE = 2,
    BSI_SFTP_PERMISSION_DENIED = 3,
    BSI_SFTP_FAILURE = 4, /* Whatever else: exists, is full, is no directory... */
    BSI_SFTP_BAD_MESSAGE = 5,
    BSI_SFTP_UNSUPPORTED = 8,
    BSI_SFTP_ALREADY_EXISTS = 11,
    BSI_SFTP_WRITE_PROTECT = 12,
    BSI_SFTP_NO_SPACE = 14,
    BSI_SFTP_QUOTA_EXCEEDED = 15,
};

/* How a file is opened. */
enum {
    BSI_SFTP_OPEN_READ = 1,
    BSI_SFTP_OPEN_WRITE = 2,
    BSI_SFTP_OPEN_CREATE = 8,
    BSI_SFTP_OPEN_EXCLUSIVE = 32,
};

enum {
    BSI_SFTP_HANDLE_MAX = 256, /* Bytes of a handle, by the draft. */
    BSI_SFTP_HEAD_SIZE = 9,    /* Length, type and id of a packet. */
};

/* What is known of a file. */
typedef struct bsi_sftp_attrs {
    bool has_size;
    bool has_type;
    bool has_times;
    bool is_file;
    bool is_dir;
    uint32_t mode; /* Permission bits; with `has_type`. */
    uint64_t size;
    int64_t mtime; /* Seconds since 1970. */
} bsi_sftp_attrs;

/*
 * Times have 32 bits, and servers that keep older ones than 1970 send them with
 * the top bit set. So the range is that of bsi_sftp_time_fits().
 */
bool bsi_sftp_time_fits(int64_t sec);
/* The nearest time that fits. */
int64_t bsi_sftp_fitting_time(int64_t sec);

/* --- Writing, into memory that is large enough --- */

typedef struct bsi_sftp_writer {
    uint8_t *at;
} bsi_sftp_writer;

void bsi_sftp_put_u32(bsi_sftp_writer *out, uint32_t value);
void bsi_sftp_put_u64(bsi_sftp_writer *out, uint64_t value);
void bsi_sftp_put_string(bsi_sftp_writer *out, bsi_slice bytes);
/* Attributes: none but permission bits, or none but both times. */
void bsi_sftp_put_mode(bsi_sftp_writer *out, uint32_t mode);
void bsi_sftp_put_mtime(bsi_sftp_writer *out, int64_t sec);
void bsi_sftp_put_no_attrs(bsi_sftp_writer *out);

/* --- Reading --- */

/* What is left of a packet. After a read past its end `broken` is set, and all else reads as 0. */
typedef struct bsi_sftp_reader {
    const uint8_t *at;
    size_t size;
    bool broken;
} bsi_sftp_reader;

uint8_t bsi_sftp_get_u8(bsi_sftp_reader *in);
uint32_t bsi_sftp_get_u32(bsi_sftp_reader *in);
uint64_t bsi_sftp_get_u64(bsi_sftp_reader *in);
/* Part of the packet. */
bsi_slice bsi_sftp_get_string(bsi_sftp_reader *in);
void bsi_sftp_get_attrs(bsi_sftp_reader *in, bsi_sftp_attrs *out);

#endif
