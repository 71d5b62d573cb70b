/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_FTP_TEXT_H
#define BSI_NET_FTP_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * What FTP servers say: replies (RFC 959, 4.2), facts of files (RFC 3659, 7),
 * and listings in the two forms that are common where there are no facts. All of
 * it is hostile until it was parsed. Pure functions; slices are parts of the text.
 */

/* One reply: its code, what its last line says behind the code, and all of its lines. */
typedef struct bsi_ftp_reply {
    int code; /* 100 to 599. */
    bsi_slice text;
    bsi_slice lines;
} bsi_ftp_reply;

/* Take the next whole reply off `in`; lines that belong to none are passed over. False: no more. */
bool bsi_ftp_reply_next(bsi_slice *in, bsi_ftp_reply *out);

/* Take the next line off `in`, without its end. False: nothing is left. */
bool bsi_ftp_line_next(bsi_slice *in, bsi_slice *out);

/* Take the next word off `in`: spaces part them. Without one it is empty. */
bsi_slice bsi_ftp_word_next(bsi_slice *in);

/* What a server can, as bits: of the answer to FEAT. */
enum {
    BSI_FTP_CAN_MLST = 1 << 0,
    BSI_FTP_CAN_MFMT = 1 << 1, /* Sets times. */
    BSI_FTP_CAN_REST = 1 << 2,
    BSI_FTP_CAN_HASH = 1 << 3,    /* With SHA-256. */
    BSI_FTP_CAN_XSHA256 = 1 << 4, /* What some servers have instead. */
    BSI_FTP_CAN_UTF8 = 1 << 5,
};
unsigned bsi_ftp_features(bsi_slice lines);

/* Decimal digits below 2^63, and nothing else. */
bool bsi_ftp_number(bsi_slice text, uint64_t *out);

/* YYYYMMDDhhmmss in UTC, whatever fraction may follow, as seconds since 1970. */
bool bsi_ftp_time(bsi_slice text, int64_t *sec_out);

/* The same the other way round; false outside of the years 0000 to 9999. */
enum { BSI_FTP_TIME_SIZE = 15 };
bool bsi_ftp_time_format(int64_t sec, char out[BSI_FTP_TIME_SIZE]);

/* What is known of a file. */
typedef struct bsi_ftp_entry {
    bsi_slice name; /* As it came: may hold anything but a line end. */
    bool is_file;
    bool is_dir; /* Neither of both: a link, a device or what else there is. */
    bool has_size;
    bool has_time;
    uint64_t size;
    int64_t sec; /* Since 1970. */
} bsi_ftp_entry;

/* A line of facts, of MLSD and MLST. False: it is none. "cdir" and "pdir" are neither file nor
 * directory. */
bool bsi_ftp_entry_of_facts(bsi_slice line, bsi_ftp_entry *out);

/*
 * A line of LIST, as `ls -l` writes it or as Windows does. Times are not taken: they have no
 * time zone. False: it tells of no file, as "total 5" does.
 */
bool bsi_ftp_entry_of_list(bsi_slice line, bsi_ftp_entry *out);

#endif
