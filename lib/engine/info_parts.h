/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_INFO_PARTS_H
#define BSI_ENGINE_INFO_PARTS_H

#include <backupsvc/backup.h>

#include "catalog/catalog.h"
#include "engine/arena.h"
#include "engine/job.h"
#include "os/entry.h"

/* What the makers of infos share. NULL, or BS_E_NOMEM: no memory. */

/* Copy an id; "" stays "". */
void bsi_info_id(const char *id, char out[BS_ID_SIZE]);

/* RFC 3339 in UTC with nanoseconds; "" for 0. */
const char *bsi_info_time(bsi_arena *arena, int64_t ns);

/* A JSON array of texts, ended by NULL. What is not one gives an empty list. */
BS_NODISCARD bs_status bsi_info_texts(bsi_arena *arena, const char *json, const char *const **out);

/* Names of owners as texts: the longest a system knows, or cut. */
enum { BSI_INFO_OWNER_SIZE = 256 };
typedef struct bsi_info_names {
    char user[BSI_INFO_OWNER_SIZE];
    char group[BSI_INFO_OWNER_SIZE];
} bsi_info_names;

/* An entry as callers see it, which borrows both. `sha256` and `stored_in` are "". */
void bsi_info_entry(const bsi_entry *from, bsi_info_names *names, bs_entry *out);

/* BS_E_CALLBACK: a callback has said so. */
bs_status bsi_info_stopped(void);

/* An error as a row keeps it. */
void bsi_info_error(bs_status code, bs_layer layer, const char *message, bs_error *out);

/* The warnings of a job that runs, or those that the catalogue has of one that has ended. */
BS_NODISCARD bs_status bsi_info_warnings(bs_service *service, bsi_job *job, const char *id,
                                         bsi_arena *arena, const bs_warning **out, size_t *kept_out,
                                         uint64_t *count_out);

/* The job with this id while it knows more than its row, and how it stands; NULL. */
bsi_job *bsi_info_live(bs_service *service, const char *id, bsi_job_view *view_out);

/* A job of this kind, by its id or the beginning of one. `*job_out`: as of bsi_info_live(). */
BS_NODISCARD bs_status bsi_info_job(bs_service *service, const char *kind, const char *reference,
                                    bsi_job_view *view, bsi_job **job_out, bsi_row_job *out);

/* How a job stands by its row. */
void bsi_info_view(const bsi_row_job *row, bsi_job_view *view);

#endif
