/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_VAULT_H
#define BSI_VAULT_VAULT_H

#include "base/warn.h"
#include "crypto/keyset.h"
#include "hash/sha256.h"
#include "os/entry.h"
#include "source/stream.h"
#include "source/walk.h"
#include "storage/storage.h"
#include "target/target.h"
#include "task/call.h"
#include "task/pool.h"

/*
 * The stored forms: what a backup is on a storage, written and read nowhere
 * else. A form is a driver: archive, mirror. Everything it needs comes in with
 * the call; it knows no catalogue, no queue and no schedule.
 *
 * A backup is addressed by the key of its manifest. What a manifest says is
 * checked before it is believed, and a manifest always describes the backup
 * completely: what a form returns can be found again from the storage alone.
 */

/* Counters of a job that somebody else may read while it runs. Only ever grow. */
typedef struct bsi_progress {
    atomic_uint_least64_t files_done;
    atomic_uint_least64_t files_total; /* 0 until the scan has ended. */
    atomic_uint_least64_t bytes_done;
    atomic_uint_least64_t bytes_total;
    void (*moved)(void *user); /* After changes, on threads of the job; NULL: nobody listens. */
    void *user;
} bsi_progress;

/* Add to what is done, and tell. */
void bsi_progress_add(bsi_progress *progress, uint64_t files, uint64_t bytes);
/* The scan has ended. */
void bsi_progress_set_total(bsi_progress *progress, uint64_t files, uint64_t bytes);

typedef enum bsi_kept {
    BSI_KEPT_IN_USE,
    BSI_KEPT_NEXT, /* What a change that is under way puts in its place. */
} bsi_kept;

/*
 * Keeps, on this machine, the data key of the repository of one storage, so that backups into it
 * need no private key. Any thread.
 */
typedef struct bsi_repo_keeper {
    /* BS_E_NOT_FOUND: none is kept. */
    bs_status (*load)(void *user, bsi_kept which, bsi_secret **out);
    /*
     * Durable when it returns. What was in use before stays readable for people, unless
     * `replaces`: then it opens nothing any more, and there is one of both at each moment.
     */
    bs_status (*store)(void *user, bsi_kept which, const bsi_secret *data_key, bool replaces);
    /* The change is over. BS_OK also when there was none. */
    bs_status (*drop_next)(void *user);
    void *user;
} bsi_repo_keeper;

/* What every operation works with. Everything is borrowed; what is zero is not there. */
typedef struct bsi_vault_env {
    bsi_storage *storage;
    bsi_pool *pool;
    const bs_call *call;
    int temp_dir; /* Directory for files without a name. */
    /* Bytes of a repository's index that may lie in memory; the rest lies in temp_dir. 0: all. */
    uint64_t index_memory_most;
    const bsi_warn *warn;
    bsi_progress *progress;

    /* What may open encrypted backups. */
    bsi_key *const *keys;
    size_t key_count;
    struct bsi_known_keys *known; /* What has opened repositories; NULL: nothing is remembered. */
    /*
     * A backup that was just written. Verifying it looks only at what it has stored itself:
     * what it needs of others was verified with them.
     */
    const char *fresh_id;
    const bsi_secret *fresh_key;   /* Its data key; NULL: it has none. */
    const bsi_public_key *trusted; /* Whose signatures are known here. */
    size_t trusted_count;
    /*
     * A local storage of the service's own, for this storage only: plain copies of the
     * manifests that `rsa` backups may build on. They tell names, and no keys.
     */
    bsi_storage *bases;
    const bsi_repo_keeper *keeper;
} bsi_vault_env;

typedef enum bsi_backup_kind {
    BSI_KIND_FULL = 1,
    BSI_KIND_INCREMENTAL,
    BSI_KIND_DIFFERENTIAL,
    BSI_KIND_MIRROR,
} bsi_backup_kind;

/* "full", ...; and back (0: none). */
const char *bsi_backup_kind_name(bsi_backup_kind kind);
bsi_backup_kind bsi_backup_kind_parse(bsi_slice name);

/* How a backup is encrypted: what wraps its data key. */
typedef enum bsi_encryption {
    BSI_ENCRYPTION_NONE = 0,
    BSI_ENCRYPTION_AES256, /* Pass phrases and raw keys: who writes can read. */
    BSI_ENCRYPTION_RSA,    /* Public keys; always signed. Who writes need not be able to read. */
} bsi_encryption;

/* "none", "aes256", "rsa"; and back: false when it is none of them. */
const char *bsi_encryption_name(bsi_encryption encryption);
bool bsi_encryption_parse(bsi_slice name, bsi_encryption *out);

/* What a backup is to do; checked and complete. Everything is borrowed. */
typedef struct bsi_backup_plan {
    const char *id;
    const char *name;
    bsi_backup_kind kind; /* As it is to run: a base must be given for the kinds that have one. */
    const char *compression; /* Name of the container; of mirrors "none". */
    int level;               /* 0: the container's own. */
    bsi_time created_at;
    bsi_time started_at;
    int32_t retention_days; /* -1: for ever; 0: as long as rules outside say. */
    const char *note;       /* Why it runs as another kind than asked for; "". */
    const char *metadata;   /* A JSON object. */
    const char *options;    /* A JSON object: the request, kept for people; no secrets. */

    /* Either roots, as for a walk, or a stream whose bytes become the file `stream_name`. */
    const char *const *source_paths; /* As asked for, or a command's argv; ended by NULL. */
    bsi_walk_options walk;           /* pool and warn are filled in by the vault. */
    bsi_stream *stream;
    const char *stream_name;

    const char *base_manifest_key; /* NULL: no base. */
    bool content_only;
    bool skip_special;
    bool allow_empty_mirror;
    uint64_t max_file_size; /* Larger files are left out with a warning; 0: no limit. */

    /* Not of mirrors. */
    bsi_encryption encryption;
    /*
     * Each opens the backup; of the kinds that the encryption has. An `rsa` repository that is
     * there has its recipients: none need be given, and those that are must be among them.
     */
    bsi_key *const *wrap_keys;
    size_t wrap_count;
    bsi_keyset_cost cost;     /* Of pass phrases. */
    const bsi_signer *signer; /* Mandatory for rsa; NULL: nobody signs. */
    /*
     * The members of a zip container are encrypted under the first key, which must be a pass
     * phrase, as WinZip does it; the container lies in no envelope. Only with aes256.
     */
    bool winzip;
} bsi_backup_plan;

/* Files of the source, by what became of them since the backup before; without one all are new. */
typedef struct bsi_file_changes {
    uint64_t added;
    uint64_t changed;
    uint64_t unmodified;
    uint64_t removed;
} bsi_file_changes;

/* What a backup left behind. Disposed of with bsi_backup_result_dispose(). */
typedef struct bsi_backup_result {
    char *container_key; /* Of a mirror, the prefix of its tree. */
    char *manifest_key;
    char *note; /* The plan's, and what the bare container does not keep. */
    uint64_t container_size;
    uint64_t manifest_size;
    bsi_digest manifest_sha256; /* Of the stored object. */
    uint64_t files;
    uint64_t bytes;
    uint64_t bytes_stored; /* Container and manifest; of a mirror what was written. */
    uint64_t bytes_deduplicated;
    bsi_file_changes changes; /* As the scan saw them. */
    bsi_time completed_at;
    char (*needs)[BS_ID_SIZE]; /* Other backups whose containers it needs. */
    size_t needs_count;
    bsi_secret *data_key; /* For bsi_vault_env.fresh_key; NULL: not encrypted. */
} bsi_backup_result;

void bsi_backup_result_dispose(bsi_backup_result *result);

/* What a manifest says of its backup as a whole. Disposed of with bsi_manifest_info_dispose(). */
typedef struct bsi_manifest_info {
    char id[BS_ID_SIZE];
    char base_id[BS_ID_SIZE]; /* "": none. */
    bsi_backup_kind kind;
    bsi_encryption encryption;
    bool is_locked; /* Only what the key set says in public: the rest is empty or zero. */
    char *name;
    char *form;
    char *compression;
    int32_t level;
    bsi_time created_at;
    bsi_time started_at;
    bsi_time completed_at;
    bsi_time scan_began; /* For change detection by the next backup. */
    int32_t retention_days;
    char *note;
    char *metadata;     /* A JSON object. */
    char *options;      /* A JSON object. */
    char *source_paths; /* A JSON array of texts. */
    char *container_key;
    char *zip_passphrase;    /* Sealed, in base 64: of a zip file's members; NULL: none. */
    uint64_t container_size; /* Of the stored object, as its digest. */
    bsi_digest container_sha256;
    uint64_t entries;
    uint64_t files;
    uint64_t bytes;
    uint64_t bytes_stored_data; /* Container, or what a mirror wrote. */
    uint64_t bytes_deduplicated;
    uint64_t warnings;               /* How many there were. */
    struct bsi_container_ref *needs; /* Containers of other backups that hold some of its bytes. */
    size_t needs_count;
    uint64_t manifest_size; /* Of the stored object. */
    bsi_digest manifest_sha256;
} bsi_manifest_info;

typedef struct bsi_container_ref {
    char id[BS_ID_SIZE];
    char *key;
    char *compression;
    uint64_t size;
    bsi_digest sha256;
} bsi_container_ref;

void bsi_manifest_info_dispose(bsi_manifest_info *info);

/* What to restore. Everything is borrowed. */
typedef struct bsi_restore_plan {
    const char *manifest_key;
    const char *restore_path;
    const char *const *paths;        /* Paths or patterns, ended by NULL; NULL: everything. */
    const struct bsi_sample *sample; /* Of that only its files; NULL: no matter. */
    bsi_target_options target;       /* warn is filled in by the vault. */
    bool verify;
    bool strip_source;
} bsi_restore_plan;

typedef struct bsi_restore_result {
    uint64_t files_skipped; /* Existing files that were kept. */
    bool begun;             /* Something may have been written, whatever comes back. */
} bsi_restore_result;

/* What a verification could look at, whatever it found. */
typedef struct bsi_verify_result {
    bool is_locked;        /* No key opens it: stored bytes were compared, nothing was read. */
    uint64_t files_unread; /* In containers of other backups that no key opens; likewise. */
    bool is_signed;        /* What follows is there, and the signature is right. */
    bool is_trusted;       /* The signer is one of bsi_vault_env.trusted. */
    bsi_public_key signer;
} bsi_verify_result;

/* What became of the objects of a backup that was copied to another storage. */
typedef struct bsi_replicated {
    uint64_t objects;         /* That were sent, */
    uint64_t bytes;           /* and so many bytes. */
    uint64_t objects_present; /* That were there already. */
} bsi_replicated;

/* One damaged object as verification finds it; `files` come one by one through `lost`. */
typedef struct bsi_damage_sink {
    /* Begins an object: its key and what is wrong. */
    bs_status (*object)(void *user, const char *key, const char *message);
    /* A file of the backup that the object last begun costs. */
    bs_status (*lost)(void *user, bsi_slice path);
    void *user;
} bsi_damage_sink;

/* A stretch of a file's content. */
typedef struct bsi_part {
    bsi_digest sha256;
    uint32_t size;
} bsi_part;

/* One entry as a manifest lists it. Valid for the callback. */
typedef struct bsi_listed {
    bsi_entry entry;
    bool has_digest;
    bsi_digest sha256;     /* Of the stored bytes: with `sparse`, of the extents only. */
    const bsi_part *parts; /* Of a file without a digest: its content, in order. */
    size_t part_count;
    char stored_in[BS_ID_SIZE]; /* The backup whose container holds them; "". */
} bsi_listed;
typedef bs_status (*bsi_listed_cb)(void *user, const bsi_listed *listed);
typedef bs_status (*bsi_bytes_cb)(void *user, const void *data, size_t size);

/*
 * Takes a backup's manifest, which is right and at its first entry, and the bytes of its files.
 * Both are there for the call.
 */
struct bsi_manifest_reader;
struct bsi_content;
typedef bs_status (*bsi_lent_cb)(void *user, struct bsi_manifest_reader *manifest,
                                 const struct bsi_content *content);

/* The form as a driver. One file of functions each, one global symbol. */
typedef struct bsi_vault {
    const char *form;

    /*
     * Run a backup to its end: durable when it returns BS_OK. Nothing visible is
     * left after a failure. BS_PARTIAL: something was reported to env->warn.
     */
    bs_status (*backup)(const bsi_vault_env *env, const bsi_backup_plan *plan,
                        bsi_backup_result *out);

    /* Put files back. BS_PARTIAL: something was reported to env->warn. */
    bs_status (*restore)(const bsi_vault_env *env, const bsi_restore_plan *plan,
                         bsi_restore_result *out);

    /*
     * Re-read everything. BS_OK also when damage was found: the sink has heard of it then.
     * BS_PARTIAL: something was reported to env->warn, such as that no key opens the backup, or
     * that its signer is not known here.
     */
    bs_status (*verify)(const bsi_vault_env *env, const char *manifest_key,
                        const bsi_damage_sink *sink, bsi_verify_result *out);

    /* One file's content: BS_E_NOT_FOUND, BS_E_INVALID when it is no file. */
    bs_status (*read)(const bsi_vault_env *env, const char *manifest_key, bsi_slice path,
                      bsi_bytes_cb data, void *user);

    /* Remove manifest and objects; either may be gone already. Durable when it returns. */
    bs_status (*remove)(const bsi_vault_env *env, const char *manifest_key,
                        const char *container_key);

    /* After a crash: finish or take back what a backup with this id had begun. */
    bs_status (*recover)(const bsi_vault_env *env, const char *name, const char *id);

    /*
     * Copy a backup byte for byte to another storage, under the same keys, where it becomes a
     * backup once all of it is there and was read again. No key is needed. What lies there whole
     * is not sent again, so a copy that was cut short goes on. BS_E_CORRUPT, BS_E_MISSING: an
     * object is damaged, or another backup that it needs is not at the target; the text names it.
     * `out` also tells of what a failure ended. NULL: the form has no such copies.
     */
    bs_status (*replicate)(const bsi_vault_env *env, const char *manifest_key, bsi_storage *target,
                           bsi_replicated *out);

    /*
     * Open a backup and lend it to `take`, whose failure comes back. NULL: the form has no
     * manifests of its own.
     */
    bs_status (*lend)(const bsi_vault_env *env, const char *manifest_key, bsi_lent_cb take,
                      void *user);

    /* What says what its backups are; forms may have it in common. */
    const struct bsi_manifests *manifests;
} bsi_vault;

/* By the name of the form; NULL: unknown. */
const bsi_vault *bsi_vault_find(const char *form);

/* A name as requests give it: see bs_backup_options. */
bool bsi_backup_name_is_valid(const char *name);

/* --- Manifests, of whichever form the key belongs to --- */

/* Read and check a whole manifest; give what it says of the backup. BS_E_KEY: no key opens it. */
BS_NODISCARD bs_status bsi_vault_info(const bsi_vault_env *env, const char *manifest_key,
                                      bsi_manifest_info *out);

/* The same without a key too: then what the key set says in public, and is_locked. */
BS_NODISCARD bs_status bsi_vault_look(const bsi_vault_env *env, const char *manifest_key,
                                      bsi_manifest_info *out);

/*
 * Whether an incremental or differential can build on a backup: its manifest can be read here, or
 * env->bases has a copy of it and the backup is still on the storage. BS_E_KEY: neither.
 */
BS_NODISCARD bs_status bsi_vault_check_base(const bsi_vault_env *env, const char *manifest_key);

/* The warnings that a manifest holds, to `warn`. */
BS_NODISCARD bs_status bsi_vault_warnings(const bsi_vault_env *env, const char *manifest_key,
                                          const bsi_warn *warn);

/* Entries at or below `dir` ("": all), in order; not recursive: only those directly in it. */
BS_NODISCARD bs_status bsi_vault_list(const bsi_vault_env *env, const char *manifest_key,
                                      bsi_slice dir, bool recursive, bsi_listed_cb callback,
                                      void *user);

/*
 * Every manifest on a storage, by key, as bsi_vault_look() gives it; damaged ones are reported to
 * env->warn with their key as path, and left out. Those that no key opens are reported with
 * BS_E_KEY, and given all the same. Unordered.
 */
typedef bs_status (*bsi_manifest_cb)(void *user, const char *manifest_key,
                                     const bsi_manifest_info *info);
BS_NODISCARD bs_status bsi_vault_scan(const bsi_vault_env *env, bsi_manifest_cb callback,
                                      void *user);

/* --- Keys of encrypted backups --- */

/* BS_E_NOT_FOUND: it is not encrypted. What comes back is not open. */
BS_NODISCARD bs_status bsi_vault_load_keys(const bsi_vault_env *env, const char *manifest_key,
                                           bsi_keyset **out);

/*
 * Put a changed key set, which must be open, in the place of the old one, all at once. Then read
 * it back and open it with `proof`, or with its own data key where that is NULL.
 */
BS_NODISCARD bs_status bsi_vault_store_keys(const bsi_vault_env *env, const char *manifest_key,
                                            bsi_keyset *keyset, bsi_key *proof);

#endif
