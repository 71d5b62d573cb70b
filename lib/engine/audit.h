/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_AUDIT_H
#define BSI_ENGINE_AUDIT_H

#include <backupsvc/audit.h>

#include "audit/record.h"
#include "os/thread.h"

/*
 * The service's audit log: files of the directory "audit" in its state directory,
 * named by the number of their first record. The place of the newest record is
 * kept in the catalogue as well, signed, after the record itself is durable.
 *
 * The log is first looked at when something is to be written down or read. What
 * a crash left incomplete behind the last record was never acknowledged: the next
 * record is written over it, and says so. A last record that the catalogue knows
 * but the files do not have is never written again: the chain goes on behind it
 * in a new file, so that the gap stays to be seen.
 */
#define BSI_AUDIT_DIR "audit"

enum {
    BSI_AUDIT_ACTOR_MAX = 128,
    BSI_AUDIT_FILE_MAX = 4 * 1024 * 1024, /* From which size on a new file is begun. */
};

/* What a service remembers; zeroed but for the descriptors, which are -1. */
typedef struct bsi_audit {
    bsi_mutex lock; /* Guards all of it, and is held while a record is written. */
    bool is_open;   /* What follows is true. */
    bool said_open; /* This process's first record is there. */
    int dir_fd;
    int fd;              /* Of the newest file; -1: none is open. */
    uint64_t first;      /* Its first record. */
    uint64_t size;       /* Up to behind its last record. */
    bool has_rest;       /* Something stands behind that. */
    bsi_audit_head head; /* The newest record. */
    char user[64];       /* Whose process this is. */
    char recovered[256]; /* What was found wrong when the log was opened, and not yet recorded. */
} bsi_audit;

void bsi_audit_init(bsi_audit *audit);
void bsi_audit_dispose(bsi_audit *audit);

/* What is done. NULL texts are empty; `actor` NULL: that of the calling thread. */
typedef struct bsi_deed {
    const char *action;
    const char *object;
    const char *name;
    const char *detail;
    const char *actor;
} bsi_deed;

/* Write down that it is begun. When this fails it must not be done. */
BS_NODISCARD bs_status bsi_audit_begin(bs_service *service, const bsi_deed *deed);

/*
 * Write down what came of it, with the thread's error when it failed. Returns
 * `status` with that error; that it could not be written is a line of the log.
 */
bs_status bsi_audit_end(bs_service *service, const bsi_deed *deed, bs_status status);

/* Who the calling thread acts for; "": nobody is named. */
BS_NODISCARD bs_status bsi_audit_set_actor(const char *actor);
const char *bsi_audit_actor(void);
/* For threads of our own; at most BSI_AUDIT_ACTOR_MAX bytes, and a constant. */
void bsi_audit_act_as(const char *actor);

/* The log as it is at one moment. */
typedef struct bsi_audit_view {
    int dir_fd;           /* Borrowed; -1: there is no log. */
    uint64_t first;       /* Of the file that is written to; 0: of none. */
    uint64_t size;        /* How much of that file are records. */
    uint64_t rest;        /* How much stands behind them. */
    bool head_is_known;   /* By the catalogue. */
    bsi_audit_head known; /* The head that it knows. */
    bool is_forged;       /* It bears no signature of `keys`. */
} bsi_audit_view;

/* `keys` may have signed what the catalogue knows. */
BS_NODISCARD bs_status bsi_audit_look(bs_service *service, const bsi_public_key *keys, size_t count,
                                      bsi_audit_view *out);

BS_NODISCARD bs_status bsi_audit_list(bs_service *service, const bs_audit_filter *filter,
                                      bs_audit_page **out);
void bsi_audit_page_free(bs_audit_page *page);
BS_NODISCARD bs_status bsi_audit_verify(bs_service *service, const char *const *public_keys,
                                        bs_audit_report **out);
void bsi_audit_report_free(bs_audit_report *report);

#endif
