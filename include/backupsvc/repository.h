/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_REPOSITORY_H
#define BACKUPSVC_REPOSITORY_H

#include <backupsvc/backup.h>
#include <backupsvc/keys.h>
#include <backupsvc/service.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/repository.h
 * @brief Deduplicated repositories: made, looked at, checked, pruned; who can open them.
 *
 * A storage may hold one repository, at its top, in the format of the restic
 * program: both work on it, also at once. Backups of BS_FORM_REPOSITORY become
 * snapshots there; the first makes the repository. Snapshots that restic has made
 * are backups too, once bs_catalog_rebuild() has found them.
 *
 * A repository is opened with a pass phrase: with each that is known (the
 * setting's, the keyring's, what bs_key_unlock() was given) until one fits, or
 * with the empty one.
 *
 * One of BS_ENCRYPTION_RSA has a pass phrase made by chance, which lies beside it in
 * the object "repository.keys", wrapped for each recipient; it is opened with any of
 * their private keys. The service that has made it keeps the pass phrase in its state
 * directory, to write without a private key: unlike with archives it can read what it
 * has written.
 *
 * Who works on a repository holds a lock in it, which names the process. To find
 * out whether that still runs, `restic unlock` sends it SIGHUP: a program that
 * uses repositories must not die of that signal.
 */

/** Room for an id of a repository's file with its NUL: 64 hex digits. */
#define BS_DIGEST_TEXT_SIZE 65

/* --- Making one --- */

/** What repository to make. Start from BS_REPOSITORY_OPTIONS_INIT; 0 means default. */
typedef struct bs_repository_options {
    size_t struct_size;         /**< Set by BS_REPOSITORY_OPTIONS_INIT. */
    const char *storage;        /**< A registered storage. Default: "local". */
    bs_encryption encryption;   /**< None: the empty pass phrase, which keeps nobody out; aes256; or
                                     rsa, for which see below. */
    const char *encryption_key; /**< aes256: a reference to its pass phrase, see keys.h. Default:
                                     ENCRYPTION_KEY. */
    uint32_t version;           /**< Of the format: 1 or 2. Default: 2, which can compress. */
    const char *chunks_of;      /**< Cut files as the repository on this storage does it, so that
                                     copies share their data with later backups. Default: at places
                                     of its own. */
    const char *const *recipients; /**< rsa: public keys, each of which may read it; ended by NULL.
                                        References as in bs_backup_options. */
} bs_repository_options;

/* clang-format off */
#define BS_REPOSITORY_OPTIONS_INIT                                                                \
    {sizeof(bs_repository_options), NULL, BS_ENCRYPTION_NONE, NULL, 0, NULL, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_repository_options_init(bs_repository_options *options, size_t size);

/**
 * Make a repository on a storage.
 *
 * @param service  The service.
 * @param options  Where, and how it is opened.
 * @param id_out   The repository's id; may be NULL.
 *
 * @retval BS_OK
 * @retval BS_E_READ_ONLY  The storage's settings do not allow it.
 * @retval BS_E_EXISTS     There is one already, or parts of one, or another machine is making one.
 * @retval BS_E_NOT_FOUND  There is no such storage, the reference leads to nothing, or there is no
 *                         repository whose chunks to take.
 * @retval BS_E_INVALID    An option is wrong.
 * @retval BS_E_KEY        No known pass phrase opens that repository.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_repository_init(bs_service *service,
                                                 const bs_repository_options *options,
                                                 char id_out[BS_DIGEST_TEXT_SIZE]);

/* --- Its pass phrases --- */

/** A key file, that is one pass phrase that opens a repository; or a recipient of one for RSA keys.
 */
typedef struct bs_repository_key {
    char id[BS_DIGEST_TEXT_SIZE]; /**< Of a key file; of a recipient, the key's fingerprint. */
    bool is_current;              /**< It has opened the repository for this list. */
    const char *username;         /**< Who has made it; "". */
    const char *hostname;         /**< On which machine; "". */
    const char *created_at;       /**< RFC 3339, in UTC; "": not told. */
    const char *damage;           /**< What is wrong with the file; "": nothing. A key set that is
                                       missing or damaged is a row of kind RSA without an id. */
    bs_key_kind kind;             /**< BS_KEY_PASSPHRASE: a key file; BS_KEY_RSA: a recipient. */
} bs_repository_key;

/** What opens a repository. */
typedef struct bs_repository_keys {
    const bs_repository_key *items;
    size_t count;
} bs_repository_keys;

/**
 * Tell what pass phrases open a repository.
 *
 * @param service  The service.
 * @param storage  On which storage it lies; NULL: "local".
 * @param out      The list; freed with bs_repository_keys_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such storage, or no repository on it.
 * @retval BS_E_KEY        No known pass phrase opens it.
 * @retval BS_E_BUSY       Somebody has locked it for himself.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_repository_key_list(bs_service *service, const char *storage,
                                                     bs_repository_keys **out);

/** Free a list. NULL is ignored. Since: 0.1 */
BS_API void bs_repository_keys_free(bs_repository_keys *keys);

/**
 * Let one more pass phrase open a repository.
 *
 * @param service    The service.
 * @param storage    On which storage it lies; NULL: "local".
 * @param reference  The new pass phrase; see keys.h.
 * @param id_out     Of the new key file; may be NULL.
 *
 * @retval BS_OK
 * @retval BS_E_READ_ONLY  The storage's settings do not allow it.
 * @retval BS_E_UNSUPPORTED  The repository is for RSA keys.
 * @retval BS_E_INVALID  The reference leads to a key that is no pass phrase.
 *                       Others as for bs_repository_key_list().
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_repository_key_add(bs_service *service, const char *storage,
                                                    const char *reference,
                                                    char id_out[BS_DIGEST_TEXT_SIZE]);

/**
 * Let a pass phrase, or a recipient, open a repository no more.
 *
 * Who had it, and a copy of the key file, can still open the repository with both.
 *
 * When a recipient goes, the repository gets another pass phrase, which is wrapped for the others
 * and kept here; all other key files are removed, whoever has made them. Other machines that keep
 * the old one need the new one, or a private key. Whoever had the old one may have taken the master
 * key with it, which stays the same: that opens whatever he gets at on the storage, later backups
 * too. Only a new repository shuts him out.
 *
 * Whenever it is interrupted, everybody who is to open the repository can do so, this service too;
 * the same call, made again here, finishes the work.
 *
 * @param service  The service.
 * @param storage  On which storage it lies; NULL: "local".
 * @param id       The key file's id, or the fingerprint of the recipient's key, or an unambiguous
 *                 beginning of it.
 *
 * @retval BS_OK
 * @retval BS_E_READ_ONLY  The storage's settings do not allow it.
 * @retval BS_E_NOT_FOUND  There is no such key file, recipient, storage or repository.
 * @retval BS_E_AMBIGUOUS  More than one begins so.
 * @retval BS_E_INVALID    It is no beginning of an id.
 * @retval BS_E_NEEDED     It is the one that has opened the repository for this, or the last
 *                         recipient.
 * @retval BS_E_UNSUPPORTED  The public key of a recipient who stays is not known; see
 *                           bs_repository_recipient_add().
 * @retval BS_E_BUSY       Somebody works on the repository.
 * @retval BS_E_KEY        No known pass phrase or private key opens it, or its key set.
 * @retval BS_E_CORRUPT    The key set is missing or damaged, or another repository's.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_repository_key_remove(bs_service *service, const char *storage,
                                                       const char *id);

/**
 * Put another pass phrase in the place of the one that opens the repository now.
 *
 * @param service    The service.
 * @param storage    On which storage it lies; NULL: "local".
 * @param reference  The new pass phrase; see keys.h.
 *
 * @retval BS_OK
 * @retval BS_E_READ_ONLY  The storage's settings do not allow it.
 * @retval BS_E_UNSUPPORTED  The repository is for RSA keys.
 * @retval BS_E_INVALID  The reference leads to a key that is no pass phrase.
 * @retval BS_E_BUSY     Somebody works on the repository.
 *                       Others as for bs_repository_key_list().
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_repository_key_change(bs_service *service, const char *storage,
                                                       const char *reference);

/**
 * Let the private key of one more open a repository for RSA keys.
 *
 * Its pass phrase stays the same, and is wrapped for one more. It is known here, where it is kept,
 * or a known private key opens it. One who is a recipient already stays one.
 *
 * @param service          The service.
 * @param storage          On which storage it lies; NULL: "local".
 * @param reference        The public key; as the recipients of bs_backup_options.
 * @param fingerprint_out  Of the key, which is the recipient's id; may be NULL.
 *
 * @retval BS_OK
 * @retval BS_E_READ_ONLY    The storage's settings do not allow it.
 * @retval BS_E_UNSUPPORTED  The repository is not for RSA keys.
 * @retval BS_E_INVALID      The reference leads to what is no public key.
 * @retval BS_E_LIMIT        It has 64 recipients.
 * @retval BS_E_BUSY         Somebody works on the repository.
 * @retval BS_E_CORRUPT      The key set is missing or damaged, or another repository's.
 *                           Others as for bs_repository_key_list().
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status
bs_repository_recipient_add(bs_service *service, const char *storage, const char *reference,
                            char fingerprint_out[BS_FINGERPRINT_SIZE]);

/**
 * Give a repository for RSA keys another pass phrase, for the same recipients.
 *
 * As when a recipient goes, see bs_repository_key_remove(): for one that somebody has seen who
 * should not have, such as who had access to the state directory.
 *
 * @param service  The service.
 * @param storage  On which storage it lies; NULL: "local".
 *
 * @retval BS_OK
 * @retval BS_E_UNSUPPORTED  The repository is not for RSA keys, or the public key of a recipient is
 *                           not known.
 *                           Others as for bs_repository_key_remove().
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_repository_key_renew(bs_service *service, const char *storage);

/* --- Its locks --- */

/**
 * Remove locks that nobody holds any more from a repository.
 *
 * Stale are those of processes of this machine that no longer run, and those that were not renewed
 * for half an hour, which is done every five minutes. With `all` every lock goes, of whoever works
 * there too, this service's own jobs not excepted: that may cost data, and is for when it is known
 * that nobody does.
 *
 * @param service      The service.
 * @param storage      On which storage it lies; NULL: "local".
 * @param all          Not only stale ones, and those that cannot be read.
 * @param removed_out  How many went; may be NULL.
 *
 * @retval BS_OK
 * @retval BS_E_READ_ONLY  The storage's settings do not allow it.
 *                         Others as for bs_repository_key_list(), but for BS_E_BUSY.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_repository_unlock(bs_service *service, const char *storage,
                                                   bool all, uint64_t *removed_out);

/* --- Its snapshots --- */

/** A snapshot, as it stands in the repository. */
typedef struct bs_snapshot_info {
    char id[BS_DIGEST_TEXT_SIZE];
    char backup_id[BS_ID_SIZE]; /**< The backup that it is; "": the catalogue does not know it. */
    const char *name;           /**< That backup's; "". */
    const char *time;           /**< RFC 3339, in UTC. */
    const char *hostname;
    const char *username;
    const char *const *paths;         /**< Ended by NULL. */
    const char *const *tags;          /**< Ended by NULL. */
    char parent[BS_DIGEST_TEXT_SIZE]; /**< What it was built on; may be gone by now. "": nothing. */
    char tree[BS_DIGEST_TEXT_SIZE];
    const char *program_version; /**< What has made it, such as "restic 0.18.0"; "". */
    bool has_summary;            /**< The numbers below are known. */
    uint64_t files;
    uint64_t bytes;       /**< Of those files. */
    uint64_t bytes_added; /**< What it has added to the repository, as it is stored. */
} bs_snapshot_info;

/** The snapshots of a repository, the newest first. */
typedef struct bs_snapshot_page {
    const bs_snapshot_info *items;
    size_t count;
    uint64_t unreadable; /**< Snapshots that are damaged; each was logged as a warning. */
} bs_snapshot_page;

/**
 * List the snapshots of a repository, whoever has made them.
 *
 * @param service  The service.
 * @param storage  On which storage it lies; NULL: "local".
 * @param out      The list; freed with bs_snapshot_page_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 *         Others as for bs_repository_key_list().
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_snapshot_list(bs_service *service, const char *storage,
                                               bs_snapshot_page **out);

/** Free a list. NULL is ignored. Since: 0.1 */
BS_API void bs_snapshot_page_free(bs_snapshot_page *page);

/* --- Checking it --- */

/** What to check. Start from BS_CHECK_OPTIONS_INIT; 0 means default. */
typedef struct bs_check_options {
    size_t struct_size;  /**< Set by BS_CHECK_OPTIONS_INIT. */
    const char *storage; /**< Default: "local". */
    bool read_data;      /**< Read packs too, and open all that is in them. Default: the structure
                              only. */
    uint32_t part;       /**< Only the packs of this part, 1 to `parts`. Default: all. */
    uint32_t parts;      /**< At most 256. */
    uint32_t percent;    /**< Only so many of the packs, 1 to 100, by chance. Default: all. */
} bs_check_options;

/* clang-format off */
#define BS_CHECK_OPTIONS_INIT {sizeof(bs_check_options), NULL, false, 0, 0, 0}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_check_options_init(bs_check_options *options, size_t size);

/** What a finding is about. */
typedef enum bs_check_subject {
    BS_CHECK_INDEX = 1,    /**< An index file. */
    BS_CHECK_PACK = 2,     /**< A pack. */
    BS_CHECK_SNAPSHOT = 3, /**< A snapshot that does not restore as a whole. */
    BS_CHECK_TREE = 4,     /**< A directory of a snapshot. */
    BS_CHECK_FILE = 5,     /**< A file of a snapshot, some of whose bytes are lost. */
    BS_CHECK_BACKUP = 6,   /**< A backup of another form; only copies tell of these. */
} bs_check_subject;

/** Such as "pack"; "unknown" for others. Static. Since: 0.1 */
BS_API const char *bs_check_subject_name(bs_check_subject subject);

/** One thing that a check has found. */
typedef struct bs_check_finding {
    bs_check_subject subject;
    bool is_note;                 /**< Worth knowing; nothing is lost. */
    char id[BS_DIGEST_TEXT_SIZE]; /**< Of the index, the pack, the snapshot or the backup. */
    const char *path;             /**< Of a tree or file: in the snapshot, printable. */
    const char *message;
} bs_check_finding;

/** What is known of a check. Times are RFC 3339 texts in UTC, "" where there is none. */
typedef struct bs_check_info {
    char id[BS_ID_SIZE];
    const char *storage;
    bs_job_state status;
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    const bs_check_finding *findings; /**< The first of them, at most 10 000. */
    size_t findings_kept;
    uint64_t errors;
    uint64_t notes;
    uint64_t indexes;
    uint64_t packs;
    uint64_t blobs;
    uint64_t packs_read;
    uint64_t bytes_read;
    uint64_t trees;
    uint64_t snapshots;
    uint64_t snapshots_damaged;
    bs_error error; /**< With BS_STATE_FAILED; else code BS_OK. */
    bs_usage usage;
} bs_check_info;

/**
 * Check a repository, as a job. Nobody else can work on it meanwhile.
 *
 * It fails with BS_E_CORRUPT when something is damaged; bs_check_get() tells what.
 *
 * @param service  The service.
 * @param options  What to check.
 * @param id_out   The job's id. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such storage.
 * @retval BS_E_INVALID    An option is wrong.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_check_start(bs_service *service, const bs_check_options *options,
                                             char id_out[BS_ID_SIZE]);

/**
 * Tell how a check stands or has ended.
 *
 * @param service  The service.
 * @param id       Its id, or an unambiguous beginning of it.
 * @param out      Freed with bs_check_info_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such check.
 * @retval BS_E_AMBIGUOUS  More than one job begins so.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_check_get(bs_service *service, const char *id,
                                           bs_check_info **out);

/** Free what bs_check_get() gave. NULL is ignored. Since: 0.1 */
BS_API void bs_check_info_free(bs_check_info *info);

/** As bs_backup_wait(), for a check. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_check_wait(bs_service *service, const char *id,
                                            uint32_t timeout_ms);

/** As bs_backup_cancel(), for a check. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_check_cancel(bs_service *service, const char *id);

/* --- Pruning it --- */

/** How to prune. Start from BS_PRUNE_OPTIONS_INIT; 0 means default. */
typedef struct bs_prune_options {
    size_t struct_size;          /**< Set by BS_PRUNE_OPTIONS_INIT. */
    const char *storage;         /**< Default: "local". */
    bool dry_run;                /**< Only tell what would go. */
    bool two_phases;             /**< Let backups go on: what could go is marked, and removed by a
                                      run that finds it marked for a day, if it is not needed. */
    bool no_grace;               /**< What is marked may go at once. */
    const char *max_unused;      /**< How much that is not needed may stay beside what is: a share
                                      such as "5%", a size such as "1GB", or "unlimited". Default:
                                      "5%". */
    const char *max_repack_size; /**< Of how much at most what is needed is copied in this run, such
                                      as "10GB". Default: no limit. */
} bs_prune_options;

/* clang-format off */
#define BS_PRUNE_OPTIONS_INIT {sizeof(bs_prune_options), NULL, false, false, false, NULL, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_prune_options_init(bs_prune_options *options, size_t size);

/** What came of pruning. Bytes are those that are stored. */
typedef struct bs_prune_info {
    char id[BS_ID_SIZE];
    const char *storage;
    bs_job_state status;
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    bool dry_run; /**< Nothing was changed. */
    uint64_t snapshots;
    uint64_t packs; /**< That an index knew. */
    uint64_t bytes_needed;
    uint64_t bytes_unneeded;
    uint64_t bytes_twice;   /**< Needed, and stored more than once. */
    uint64_t packs_unknown; /**< That no index knew. */
    uint64_t bytes_unknown;
    uint64_t packs_to_remove; /**< Nothing in them is needed. */
    uint64_t packs_to_repack; /**< What is needed of them is copied. */
    uint64_t bytes_to_remove; /**< Of both. */
    uint64_t bytes_to_repack;
    uint64_t bytes_left;    /**< Not needed, and stays. */
    uint64_t packs_waiting; /**< Marked, and not for long enough. */
    uint64_t packs_removed; /**< In fact. */
    uint64_t bytes_removed;
    uint64_t packs_written;
    uint64_t bytes_written;
    bs_error error; /**< With BS_STATE_FAILED; else code BS_OK. */
    bs_usage usage;
} bs_prune_info;

/**
 * Remove from a repository what no snapshot needs, as a job.
 *
 * Nothing is removed when something that a snapshot needs cannot be found or read. It may be
 * interrupted anywhere; the next run goes on.
 *
 * @param service  The service.
 * @param options  How.
 * @param id_out   The job's id. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_READ_ONLY  The storage is read-only or append-only, and it is no dry run.
 * @retval BS_E_NOT_FOUND  There is no such storage.
 * @retval BS_E_INVALID    An option is wrong.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_prune_start(bs_service *service, const bs_prune_options *options,
                                             char id_out[BS_ID_SIZE]);

/** As bs_check_get(), for a prune; freed with bs_prune_info_free(). Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_prune_get(bs_service *service, const char *id,
                                           bs_prune_info **out);

/** Free an info. NULL is ignored. Since: 0.1 */
BS_API void bs_prune_info_free(bs_prune_info *info);

/** As bs_backup_wait(), for a prune. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_prune_wait(bs_service *service, const char *id,
                                            uint32_t timeout_ms);

/** As bs_backup_cancel(), for a prune: what it has done stays. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_prune_cancel(bs_service *service, const char *id);

/* --- Repairing it --- */

/** What of a repository to repair; best one after the other, in this order. */
typedef enum bs_repair_part {
    BS_REPAIR_INDEX = 1, /**< The index: which pack has what. */
    BS_REPAIR_PACKS = 2, /**< Packs that are damaged: what can still be opened in them is saved. */
    BS_REPAIR_SNAPSHOTS = 3, /**< Snapshots: without what is lost. */
} bs_repair_part;

/** Such as "packs"; "unknown" for others. Static. Since: 0.1 */
BS_API const char *bs_repair_part_name(bs_repair_part part);

/** What to repair, and how. Start from BS_REPAIR_OPTIONS_INIT; 0 means default. */
typedef struct bs_repair_options {
    size_t struct_size;       /**< Set by BS_REPAIR_OPTIONS_INIT. */
    const char *storage;      /**< Default: "local". */
    bs_repair_part part;      /**< Required. */
    bool dry_run;             /**< Only tell what would be done. */
    bool read_all_packs;      /**< Index: make it anew from the packs, whatever it says. */
    bool forget;              /**< Snapshots: remove those in whose place there is another one. */
    const char *const *packs; /**< Packs: these, by their ids or beginnings of them, ended by NULL.
                                   Default: all data is read to find out which are damaged. */
} bs_repair_options;

/* clang-format off */
#define BS_REPAIR_OPTIONS_INIT                                                                    \
    {sizeof(bs_repair_options), NULL, (bs_repair_part)0, false, false, false, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_repair_options_init(bs_repair_options *options, size_t size);

/** What came of a repair. Times are RFC 3339 texts in UTC, "" where there is none. */
typedef struct bs_repair_info {
    char id[BS_ID_SIZE];
    const char *storage;
    bs_job_state status;
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    bs_repair_part part;              /**< 0: not known before it has ended. */
    bool dry_run;                     /**< Nothing was changed. */
    const bs_check_finding *findings; /**< What was amiss: the first of it, at most 10 000. */
    size_t findings_kept;
    uint64_t findings_count;
    uint64_t indexes_damaged;  /**< Index files that could not be read, or not to their end. */
    uint64_t packs_found;      /**< That were in no index, and are now. */
    uint64_t packs_corrected;  /**< That have something else in them than the index said. */
    uint64_t packs_missing;    /**< In the index, and not on the storage. */
    uint64_t packs_unreadable; /**< Nobody knows what is in them. */
    uint64_t packs_damaged;
    uint64_t blobs_saved;        /**< Out of these. */
    uint64_t blobs_lost;         /**< Of these, and nowhere else. */
    uint64_t snapshots;          /**< That were looked at. */
    uint64_t snapshots_repaired; /**< There is another one now, without what is lost. */
    uint64_t snapshots_lost;     /**< Of which nothing is left. */
    uint64_t files_shortened;    /**< Files that have less than they had. */
    uint64_t folders_emptied;    /**< Directories of which no list is left. */
    bs_error error;              /**< With BS_STATE_FAILED; else code BS_OK. */
    bs_usage usage;
} bs_repair_info;

/**
 * Repair a repository, as a job. Nobody else can work on it meanwhile.
 *
 * What could be restored before can be restored afterwards: what is new is durable before
 * anything goes, and it may be interrupted anywhere. A snapshot that was repaired stays beside
 * the new one unless `forget` is set; bs_catalog_rebuild() takes in what is there then.
 *
 * @param service  The service.
 * @param options  What.
 * @param id_out   The job's id. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_READ_ONLY  The storage is read-only or append-only, and it is no dry run.
 * @retval BS_E_NOT_FOUND  There is no such storage.
 * @retval BS_E_INVALID    An option is wrong.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_repair_start(bs_service *service, const bs_repair_options *options,
                                              char id_out[BS_ID_SIZE]);

/** As bs_check_get(), for a repair; freed with bs_repair_info_free(). Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_repair_get(bs_service *service, const char *id,
                                            bs_repair_info **out);

/** Free an info. NULL is ignored. Since: 0.1 */
BS_API void bs_repair_info_free(bs_repair_info *info);

/** As bs_backup_wait(), for a repair. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_repair_wait(bs_service *service, const char *id,
                                             uint32_t timeout_ms);

/** As bs_backup_cancel(), for a repair: what it has done stays. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_repair_cancel(bs_service *service, const char *id);

BS_END_DECLS

#endif
