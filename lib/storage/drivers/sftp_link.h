/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_SFTP_LINK_H
#define BSI_STORAGE_DRIVERS_SFTP_LINK_H

#include "net/sftp_wire.h"
#include "storage/drivers/sftp_config.h"

/*
 * SFTP on one connection: requests go out one behind the other, many before the
 * first is answered, and answers find whoever waits for them. Sending is put
 * off until somebody waits or the room for it is full.
 *
 * A link is used by one thread at a time, but uploads and open files may lie on
 * it meanwhile that belong to others: whoever uses the link takes their answers
 * in too. Once `broken` is set every call fails with `why`.
 */
enum {
    BSI_SFTP_CONNECTIONS_MAX = 16,
    BSI_SFTP_ROOT_MAX = 1024,
    BSI_SFTP_PATH_MAX = BSI_SFTP_ROOT_MAX + BS_STORAGE_KEY_MAX + 32, /* Bytes of a path, and NUL. */
    BSI_SFTP_SLOTS = 128, /* Requests without an answer. */
};

/* What a server can do beyond version 3, as bits. */
enum {
    BSI_SFTP_CAN_POSIX_RENAME = 1 << 0,
    BSI_SFTP_CAN_HARDLINK = 1 << 1,
    BSI_SFTP_CAN_FSYNC = 1 << 2,
    BSI_SFTP_CAN_STATVFS = 1 << 3,
    BSI_SFTP_CAN_LIMITS = 1 << 4,
};

/* Takes an answer: its type, and what follows the id. `at` and `size` are those of the request. */
typedef void (*bsi_sftp_taker)(void *owner, uint64_t at, uint32_t size, uint8_t type,
                               bsi_sftp_reader *body);

typedef struct bsi_sftp_slot {
    bsi_sftp_taker take; /* NULL: free, or nobody waits any more. */
    void *owner;
    uint64_t at;
    uint32_t size;
    uint32_t turn; /* Makes ids of one slot differ. */
    bool used;
    bool opens; /* A handle that nobody waits for is closed. */
} bsi_sftp_slot;

typedef struct bsi_sftp_link {
    const bsi_sftp_config *config;
    bsi_ssh *ssh;
    uint8_t *out; /* Requests that were not sent yet: [out_begin, out_end). */
    size_t out_begin;
    size_t out_end;
    uint8_t *in; /* What came and is no whole packet yet. */
    size_t in_size;
    bool greeted; /* The version was told. */
    uint32_t next_slot;
    bool owes; /* Receiving has something to send first: nothing else may be sent before. */
    unsigned unanswered;
    unsigned can;       /* BSI_SFTP_CAN_... */
    uint32_t read_max;  /* Bytes of one read; */
    uint32_t write_max; /* and of one write. */
    bool broken;
    bs_error why;
    bsi_sftp_slot slots[BSI_SFTP_SLOTS];

    /* For the pool, under its lock. */
    bool busy;
    unsigned users; /* Uploads that lie on it. */
    bool counts;    /* Among those that the pool may use. */

    /* The file that was read last, kept open; for sftp_files.c. */
    uint64_t file_epoch;
    uint8_t file_handle[BSI_SFTP_HANDLE_MAX];
    size_t file_handle_size; /* 0: none. */
    char file_path[BSI_SFTP_PATH_MAX];
} bsi_sftp_link;

BS_NODISCARD bs_status bsi_sftp_link_open(const bsi_sftp_config *config, const bs_call *call,
                                          bsi_sftp_link **out);
/* NULL is ignored; the error record is left alone. */
void bsi_sftp_link_close(bsi_sftp_link *link);

/* The server has hung up while the link was not used. */
void bsi_sftp_link_lost(bsi_sftp_link *link);

/* A request to be made. */
typedef struct bsi_sftp_request {
    uint8_t type;
    size_t size; /* Of the body, at most. */
    bsi_sftp_taker take;
    void *owner;
    uint64_t at;
    uint32_t part;
    bool opens;
} bsi_sftp_request;

/*
 * Make room for a request and write its head; the body goes to `body_out`, then
 * bsi_sftp_end(). Waits when there is no room.
 */
BS_NODISCARD bs_status bsi_sftp_begin(bsi_sftp_link *link, const bs_call *call,
                                      const bsi_sftp_request *request, bsi_sftp_writer *body_out);
void bsi_sftp_end(bsi_sftp_link *link, const bsi_sftp_writer *body);

/* Send and receive until *left is at most `most`. */
BS_NODISCARD bs_status bsi_sftp_drain(bsi_sftp_link *link, const bs_call *call,
                                      const unsigned *left, unsigned most);

/* Send and receive what goes without waiting. */
BS_NODISCARD bs_status bsi_sftp_pump(bsi_sftp_link *link);

/* Answers to this owner's requests are thrown away from now on. */
void bsi_sftp_forget(bsi_sftp_link *link, const void *owner);

/* --- An answer that somebody waits for --- */

typedef struct bsi_sftp_answer {
    unsigned left; /* 1 until it is there. */
    uint8_t type;
    uint32_t code;  /* Of a status. */
    char text[160]; /* The server's words for it. */
    bsi_sftp_attrs attrs;
    uint8_t handle[BSI_SFTP_HANDLE_MAX];
    size_t handle_size;
    bsi_buf *body; /* Where names and extended answers go; may be NULL. */
    bool no_memory;
    bool malformed;
} bsi_sftp_answer;

/* The taker of such answers; `owner` is one. */
void bsi_sftp_take_single(void *owner, uint64_t at, uint32_t size, uint8_t type,
                          bsi_sftp_reader *body);

/* A request whose answer goes there; `answer->body` is the caller's. */
bsi_sftp_request bsi_sftp_ask(bsi_sftp_answer *answer, uint8_t type, size_t size);

/* A request that is one string (a path or a handle). */
BS_NODISCARD bs_status bsi_sftp_ask_string(bsi_sftp_link *link, const bs_call *call, uint8_t type,
                                           bsi_slice string, bsi_sftp_answer *answer);

/* Wait for it. BS_OK whatever it says, unless it says nothing that can be understood. */
BS_NODISCARD bs_status bsi_sftp_wait(bsi_sftp_link *link, const bs_call *call,
                                     bsi_sftp_answer *answer);

/* What a status means, as a failure that names the host, the path and the server's words. */
bs_status bsi_sftp_fail(const bsi_sftp_link *link, const bsi_sftp_answer *answer, const char *doing,
                        const char *path);

bsi_slice bsi_sftp_handle_of(const bsi_sftp_answer *answer);

#endif
