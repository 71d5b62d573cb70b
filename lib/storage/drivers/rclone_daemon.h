/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_RCLONE_DAEMON_H
#define BSI_STORAGE_DRIVERS_RCLONE_DAEMON_H

#include <backupsvc/sys/storage_driver.h>

#include "crypto/secret.h"
#include "net/http.h"
#include "net/rclone_json.h"
#include "net/uri.h"
#include "os/process.h"
#include "os/thread.h"

enum { BSI_RCLONE_PLACES = 16 };

/*
 * An rclone that serves us: started when it is needed, asked over a port of this machine with a
 * password of chance, and ended with us. One that has died is started anew by the next request.
 * Any thread.
 */
typedef struct bsi_rclone {
    char *program;
    char *config_file; /* NULL: where rclone looks by itself. */
    /* Variables of its environment, "NAME=value": where the storage lies, and what opens its
     * configuration, or NULL. */
    bsi_secret *remote;
    bsi_secret *config_pass;
    bsi_secret *parameters; /* Of the remote, in no text that we tell; NULL: none. */
    bsi_http *http;
    bsi_rclone_features can;             /* Set once, while the storage is opened. */
    bsi_mutex places[BSI_RCLONE_PLACES]; /* For bsi_rclone_lock_place(). */
    bsi_mutex lock;                      /* Guards what follows. */
    bsi_process *process;
    uint16_t port;
    char login[128]; /* The header that lets us in. */
    char said[512];  /* The end of what it has said. */
    size_t said_size;
} bsi_rclone;

/* On failure nothing is left to do; else bsi_rclone_close(). Starts nothing. */
BS_NODISCARD bs_status bsi_rclone_init(bsi_rclone *rclone, const bs_storage_settings *settings);
void bsi_rclone_close(bsi_rclone *rclone);

/* What the storage is called in calls, as the parameter "fs". */
#define BSI_RCLONE_FS "bststorage:"

typedef struct bsi_rclone_request {
    const char *action; /* A call, such as "operations/stat"; NULL: a file is read. */
    const char *key;    /* That file. */
    const bsi_uri_pair *query;
    size_t query_count;
    const char *header; /* "name: value"; NULL: none. */
    uint64_t body_size; /* As in bsi_http_request, like what follows. */
    bsi_http_source source;
    void *source_user;
    bsi_http_feed feed;
    void *feed_user;
    bsi_http_sink sink;
    void *sink_user;
    uint64_t answer_max;
} bsi_rclone_request;

/*
 * BS_OK: it was done, and `answer` is to be disposed of. BS_E_NOT_FOUND is rclone's answer that
 * there is no such file, directory or bucket, and nothing else is.
 */
BS_NODISCARD bs_status bsi_rclone_send(bsi_rclone *rclone, const bs_call *call,
                                       const bsi_rclone_request *request, bsi_http_answer *answer);

#endif
