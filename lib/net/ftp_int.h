/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_FTP_INT_H
#define BSI_NET_FTP_INT_H

#include "net/ftp.h"

/* One request at a time over libcurl's multi interface. */

struct curl_slist;

enum {
    BSI_FTP_PATH_MAX = 6 * 1024, /* Bytes of a path, and of a command. */
    BSI_FTP_STASH_SIZE = 16 * 1024,
    BSI_FTP_REASON_SIZE = 256,
};

struct bsi_ftp {
    const bsi_ftp_target *target;
    void *multi;                 /* CURLM. */
    void *curl;                  /* CURL. */
    struct curl_slist *commands; /* Of the present request. */
    const bs_call *call;         /* Likewise. */
    char *url;
    bsi_buf replies;
    bs_status status; /* What a callback ended the request with. */
    unsigned code;    /* CURLcode: What the request came to. */
    bool running;     /* There is a request. */
    int control;      /* The control connection's socket; -1: not known. */
    bool greeted;     /* The server has answered, and did not fail since. */
    bool doubtful;    /* The connection is not to be used again. */
    bool turn;        /* For bsi_ftp_list(). */
    uint64_t moved;   /* Bytes either way, replies too. */
    bsi_buf *listing;
    const uint8_t *out; /* What is to be sent. */
    size_t out_left;
    bool asked;    /* The server wants data, ... */
    bool has_data; /* ... or has sent some. */
    bool ended;    /* There is no more. */
    bool paused;   /* Until there is something in `out`, or room in `in`. */
    uint8_t *in;   /* Where to put what comes. */
    size_t in_left;
    uint8_t stash[BSI_FTP_STASH_SIZE]; /* What came and had no place. */
    size_t stash_at;
    size_t stash_size;
    char reason[BSI_FTP_REASON_SIZE];
};

bs_status bsi_ftp_no_memory(void);

/* Whether no line end or the like is in a line, and it is no longer than allowed. */
BS_NODISCARD bs_status bsi_ftp_check_line(const char *text);

/* Make the handle ready for a request about a path; options are added, then it is begun. */
BS_NODISCARD bs_status bsi_ftp_prepare(bsi_ftp *ftp, const bs_call *call, const char *path);
/* `code`: what became of the options. */
BS_NODISCARD bs_status bsi_ftp_begin(bsi_ftp *ftp, unsigned code);

/* Let bytes move until it is enough, or the request is over; and what one that is over came to. */
BS_NODISCARD bs_status bsi_ftp_drive(bsi_ftp *ftp, const bs_call *call,
                                     bool (*enough)(const bsi_ftp *ftp), const char *doing,
                                     const char *path);
/* For requests that are over when libcurl says so. */
bool bsi_ftp_never(const bsi_ftp *ftp);

/* There is something to send, or somewhere to put what comes. */
void bsi_ftp_unpause(bsi_ftp *ftp);

/* Free what belongs to a request, which is given up when it is under way. */
void bsi_ftp_forget(bsi_ftp *ftp);

/* Close the connection without waiting for anything. */
void bsi_ftp_hang_up(bsi_ftp *ftp);

#endif
