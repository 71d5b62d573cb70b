/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_REQUEST_H
#define BSI_ENGINE_REQUEST_H

#include <backupsvc/restore.h>

#include "catalog/rows.h"
#include "engine/arena.h"
#include "engine/complaints.h"
#include "engine/keys.h"
#include "engine/rules.h"
#include "storage/storage.h"
#include "text/pattern.h"
#include "vault/vault.h"

/*
 * Requests as programs give them, checked whole and made complete: what follows
 * finds every field set, every path normalised, every pattern compiled.
 */
typedef struct bsi_backup_request {
    bsi_arena arena; /* Of all texts below. */
    const char *name;
    bsi_backup_kind kind; /* As asked for. */
    const char *form;
    const bsi_vault *vault;
    const char *storage_name;
    bsi_storage *storage;
    const char *const *copy_to; /* Further storages; NULL: none. */
    const char *compression;
    int level;
    bsi_encryption encryption;
    bsi_key_list wrap_keys;
    const char *key_reference;       /* As it may be kept; NULL: none, or the secret itself. */
    bool key_is_secret;              /* The latter: the request cannot be kept to be run again. */
    const char *const *recipients;   /* As they may be kept; NULL: none. */
    const char *const *source_paths; /* As asked for, or the command's argv. */
    const char *const *roots;        /* As a walk wants them; NULL: a stream. */
    size_t root_count;
    bool is_command;
    bs_source_cb callback;
    void *callback_user;
    const char *stream_name;
    bsi_pattern_list *include;
    bsi_pattern_list *exclude;
    int32_t retention_days; /* -1: for ever; 0: as long as the rules say. */
    bsi_retention_rules rules;
    const char *note;       /* What is done otherwise than asked; "". */
    const char *metadata;   /* JSON without white space. */
    const char *options;    /* The request as JSON. */
    const char *paths_json; /* source_paths as a JSON array. */
    bool winzip;            /* A zip file with encrypted members, in no envelope. */
    bool one_file_system;
    bool content_only;
    bool skip_special;
    bool allow_empty_mirror;
} bsi_backup_request;

/* All complaints at once; see bs_backup_start(). */
BS_NODISCARD bs_status bsi_backup_request_new(bs_service *service, const bs_backup_options *options,
                                              bsi_backup_request **out);
/* NULL is ignored. */
void bsi_backup_request_free(bsi_backup_request *request);

/* Its parts, each in a file of its own. Failures are only of memory. */
BS_NODISCARD bs_status bsi_request_take_sources(bs_service *service,
                                                const bs_backup_options *options,
                                                bsi_backup_request *request,
                                                bsi_complaints *complaints);
BS_NODISCARD bs_status bsi_request_take_encryption(bs_service *service,
                                                   const bs_backup_options *options,
                                                   bsi_backup_request *request,
                                                   bsi_complaints *complaints);
/* A public key for rsa by reference, into `list`; index SIZE_MAX: the field has only one. */
BS_NODISCARD bs_status bsi_request_take_recipient(bs_service *service, const char *field,
                                                  size_t index, const char *reference,
                                                  bsi_key_list *list, bsi_complaints *complaints);
BS_NODISCARD bs_status bsi_request_write_options(const bs_backup_options *options,
                                                 bsi_backup_request *request);

/* Complain of what a schedule cannot keep for the day when it is run. */
void bsi_request_check_lasting(const bs_backup_options *options, const bsi_backup_request *request,
                               bsi_complaints *complaints);

/* The request with its metadata as JSON, for bsi_backup_options_read(). */
BS_NODISCARD bs_status bsi_request_write_whole(const bs_backup_options *options,
                                               const bsi_backup_request *request, bsi_arena *arena,
                                               const char **out);

/* As asked for, or what the form that is asked for has without saying. */
bs_compression bsi_request_compression(const bs_backup_options *options);

/* Whether it becomes a snapshot of a repository. */
bool bsi_request_is_repository(const bsi_backup_request *request);

/* Whether a level fits a compression, by the word for it. */
void bsi_request_check_level(const char *compression, int32_t level, bsi_complaints *complaints);

/* Compile a list, complaining of each pattern that is wrong. `out` is NULL for none. */
BS_NODISCARD bs_status bsi_request_take_patterns(const char *field, const char *const *patterns,
                                                 bsi_pattern_list **out,
                                                 bsi_complaints *complaints);

/* What a restore is to do, of a backup that is known. */
typedef struct bsi_restore_request {
    bsi_arena arena;
    const char *restore_path;
    const char *const *paths; /* NULL: everything. */
    bsi_owner_rule *owners;
    size_t owner_count;
    const char *options; /* The request as JSON. */
    bsi_key *key;        /* That came with the request; NULL. */
    bool overwrite;
    bool permissions;
    bool ownership;
    bool verify;
    bool privileged;
    bool strip_source;
} bsi_restore_request;

BS_NODISCARD bs_status bsi_restore_request_new(bs_service *service,
                                               const bs_restore_options *options,
                                               const bsi_row_backup *backup,
                                               bsi_restore_request **out);
/* NULL is ignored. */
void bsi_restore_request_free(bsi_restore_request *request);

#endif
