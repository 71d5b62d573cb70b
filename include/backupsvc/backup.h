/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_BACKUP_H
#define BACKUPSVC_BACKUP_H

#include <backupsvc/base.h>
#include <backupsvc/service.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/backup.h
 * @brief Taking backups, and looking at the ones there are.
 *
 * bs_backup_start() returns at once with an id; the service's threads do the
 * work. The id names the backup for good: in this process, in the next, and in
 * the manifest on the storage.
 *
 * Every function here may be called from any thread. Info structs are handed
 * out as copies and belong to the caller; they may grow at the end in later
 * releases.
 */

/** How much of the source a backup stores. */
typedef enum bs_backup_type {
    BS_BACKUP_DEFAULT = 0,      /**< As the setting DEFAULT_BACKUP_TYPE says; into a repository
                                     BS_BACKUP_INCREMENTAL, and of a stream BS_BACKUP_FULL. */
    BS_BACKUP_FULL = 1,         /**< Everything. */
    BS_BACKUP_INCREMENTAL = 2,  /**< What differs from the last backup of any kind. */
    BS_BACKUP_DIFFERENTIAL = 3, /**< What differs from the last full. */
    BS_BACKUP_MIRROR = 4,       /**< A plain tree, kept in line with the source. */
} bs_backup_type;

/** How a backup lies on the storage. */
typedef enum bs_form {
    BS_FORM_DEFAULT = 0,    /**< BS_FORM_MIRROR for mirrors, BS_FORM_REPOSITORY with
                                 BS_COMPRESSION_ZSTD, else BS_FORM_ARCHIVE. */
    BS_FORM_ARCHIVE = 1,    /**< One container file and its manifest. */
    BS_FORM_REPOSITORY = 2, /**< A snapshot in a deduplicated repository: see repository.h. */
    BS_FORM_MIRROR = 3,     /**< Plain files and a manifest. */
} bs_form;

/** The container of an archive backup; or how a repository compresses. */
typedef enum bs_compression {
    BS_COMPRESSION_DEFAULT = 0, /**< BS_COMPRESSION_ZIP; in a repository BS_COMPRESSION_ZSTD. */
    BS_COMPRESSION_NONE = 1,    /**< Plain tar; in a repository files are not compressed. */
    BS_COMPRESSION_ZIP = 2,
    BS_COMPRESSION_TAR_GZ = 3,
    BS_COMPRESSION_TAR_BZ2 = 4,
    BS_COMPRESSION_TAR_ZST = 5,
    BS_COMPRESSION_7Z = 6,
    BS_COMPRESSION_ZSTD = 7, /**< Only in a repository. Levels 1 to 19. */
} bs_compression;

/** How a backup is encrypted. */
typedef enum bs_encryption {
    BS_ENCRYPTION_NONE = 0,
    BS_ENCRYPTION_AES256 = 1, /**< With a pass phrase or a raw key. */
    BS_ENCRYPTION_RSA = 2,    /**< For whoever has the private key to one of some public keys. */
} bs_encryption;

/** How a zip container is encrypted. */
typedef enum bs_zip_encryption {
    BS_ZIP_ENCRYPTION_ENVELOPE = 0, /**< As every other container. */
    BS_ZIP_ENCRYPTION_WINZIP = 1,   /**< File by file, as WinZip does (AE-2), for other programs. */
} bs_zip_encryption;

/** Where a job stands. Values from BS_STATE_COMPLETED on are final. */
typedef enum bs_job_state {
    BS_STATE_PENDING = 0,
    BS_STATE_RUNNING = 1,
    BS_STATE_COMPLETED = 2,
    BS_STATE_COMPLETED_WITH_WARNINGS = 3,
    BS_STATE_FAILED = 4,
    BS_STATE_CANCELLED = 5,
} bs_job_state;

/** Sets bs_backup_options.retention_days to no end. */
#define BS_RETENTION_FOREVER (-1)

/**
 * Gives the next bytes of a callback source.
 *
 * Called on a thread of the service, one call at a time. May block for a while,
 * but a cancelled backup ends only after it returns.
 *
 * @param user      As in the options.
 * @param buf       Room for the bytes.
 * @param size      How much room: from 1 byte, where only that is left of a block, up to
 *                  BACKUP_CHUNK_SIZE where it is set.
 * @param got_out   How many bytes were put there, up to `size`; 0 ends the source.
 * @return  0, or anything else to fail the backup with BS_E_CALLBACK.
 */
typedef int (*bs_source_cb)(void *user, void *buf, size_t size, size_t *got_out);

/**
 * What to back up, and how. Start from BS_BACKUP_OPTIONS_INIT; 0 means default.
 *
 * Exactly one of source_paths, source_command and source_callback is set.
 */
typedef struct bs_backup_options {
    size_t struct_size; /**< Set by BS_BACKUP_OPTIONS_INIT. */
    const char
        *name; /**< 1–128 letters, digits, space, `.`, `_`, `-`; no `.` in front. Groups backups. */
    const char *const *source_paths;   /**< Absolute paths, ended by NULL. */
    const char *const *source_command; /**< argv, ended by NULL: its output becomes one file. */
    bs_source_cb source_callback;      /**< The caller's own bytes: they become one file. */
    void *source_user;                 /**< Handed to source_callback; kept until the job ends. */
    const char *source_name;           /**< Name of that one file. Default: "output". */
    bs_backup_type backup_type;
    bs_form form;
    const char *storage; /**< One of bs_storage_list(). Default: "local". */
    bs_compression compression;
    int32_t compression_level; /**< 1 and up, within the container's range. Default:
                                    COMPRESSION_LEVEL where it is set, else its own. */
    bs_encryption encryption;
    const char *const *include_patterns; /**< Ended by NULL; only matching files. Default: all. */
    const char *const *exclude_patterns; /**< Ended by NULL; wins over include. Default: none. */
    int32_t retention_days;     /**< Days, or BS_RETENTION_FOREVER. Default: DEFAULT_RETENTION_DAYS;
                                     with a keep_... none. */
    const char *metadata;       /**< A JSON object, kept with the backup: at most 64 KiB, and 32
                                     levels. Default: none. */
    bool one_file_system;       /**< Do not enter mount points below a source. */
    bool content_only;          /**< Trust no times: read every file and compare its content. */
    bool skip_special;          /**< Leave out FIFOs and devices. */
    bool allow_empty_mirror;    /**< Let a mirror delete more than half of what it holds. */
    const char *encryption_key; /**< aes256: a key reference, see keys.h; default: ENCRYPTION_KEY.
                                     rsa: a public key, as in `recipients`. */
    const char *const *recipients; /**< rsa: who can read it, ended by NULL: PEM texts or paths of
                                        public keys and certificates, or "keyring:NAME". A
                                        repository that is there has its own; none need be given. */
    int32_t keep_last;             /**< Rules for all of the name: see retention.h. 0: none. */
    int32_t keep_hourly;
    int32_t keep_daily;
    int32_t keep_weekly;
    int32_t keep_monthly;
    int32_t keep_yearly;
    const char *schedule; /**< A cron expression: also add a schedule with this request, see
                               schedule.h; this backup is its first run. Default: none. */
    const char *schedule_timezone;    /**< Such as "Europe/Berlin". Default: "UTC". */
    const char *schedule_name;        /**< The schedule's name. Default: `name`. */
    bs_zip_encryption zip_encryption; /**< Winzip wants zip, and aes256 under a pass phrase of at
                                         most 99 printable ASCII bytes. Default: envelope. */
    const char *const *copy_to; /**< Further storages, ended by NULL: each gets a copy once the
                                     backup is complete on `storage`. At most 16. Default: none. */
} bs_backup_options;

/* clang-format off */
#define BS_BACKUP_OPTIONS_INIT                                                                    \
    {sizeof(bs_backup_options), NULL, NULL, NULL, NULL, NULL, NULL, BS_BACKUP_DEFAULT,            \
     BS_FORM_DEFAULT, NULL, BS_COMPRESSION_DEFAULT, 0, BS_ENCRYPTION_NONE, NULL, NULL, 0, NULL,   \
     false, false, false, false, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL,                  \
     BS_ZIP_ENCRYPTION_ENVELOPE, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_backup_options_init(bs_backup_options *options, size_t size);

/** One thing that a job could not do, but survived. */
typedef struct bs_warning {
    bs_status code;
    bs_layer layer;
    const char *path; /**< What it is about, printable; "" where it is no file. */
    const char *message;
} bs_warning;

/** What keeps a backup from being removed; see backupsvc/retention.h. */
typedef struct bs_pin_info {
    bool hold; /**< It is a hold, not a pin. */
    const char *reason;
    const char *created_at;
    const char *until; /**< "": without an end. */
} bs_pin_info;

/** How the copy of a backup on another storage stands. */
typedef struct bs_backup_copy {
    const char *storage;
    bs_job_state status;      /**< BS_STATE_PENDING, BS_STATE_COMPLETED or BS_STATE_FAILED. */
    const char *completed_at; /**< "": it is not complete, or only its storage knew of it. */
    bs_error error;           /**< With BS_STATE_FAILED; else code BS_OK. */
} bs_backup_copy;

/** What a job took of the machine. Grows while it runs. */
typedef struct bs_usage {
    double cpu_seconds;         /**< Of all threads that worked for it. */
    uint64_t peak_memory_bytes; /**< The most that the whole process had in memory meanwhile. */
    uint64_t bytes_sent;        /**< Over a network; 0 for local storages. */
    uint64_t bytes_received;
} bs_usage;

/** What is known of a backup. Times are RFC 3339 texts in UTC, "" where there is none. */
typedef struct bs_backup_info {
    char id[BS_ID_SIZE];
    const char *name;
    const char *const *source_paths; /**< Ended by NULL. For a command its argv. */
    bs_backup_type backup_type;      /**< As it was run. */
    bs_form form;
    const char *storage;
    bs_compression compression;
    int32_t compression_level;
    bs_encryption encryption;
    bs_job_state status;
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    double progress;          /**< 0–100, never falling; 100 only when durable. */
    uint64_t files_processed; /**< Files, stored or found unchanged. */
    uint64_t total_files;     /**< Known after the scan; 0 before. */
    uint64_t bytes_processed; /**< Bytes of those files. */
    uint64_t total_bytes;
    uint64_t bytes_stored;        /**< What was added to the storage. */
    uint64_t bytes_deduplicated;  /**< Bytes that an earlier backup holds already. */
    const char *backup_file_path; /**< Key of the container, or of the mirror's tree. */
    const char *manifest_path;    /**< Key of the manifest. */
    uint64_t backup_size;         /**< Bytes of the container and manifest. */
    char base_id[BS_ID_SIZE];     /**< What an incremental or differential builds on; "". */
    const char *note;             /**< What was done otherwise than asked, and why; "". */
    bs_error error;               /**< With BS_STATE_FAILED; else code BS_OK. */
    const bs_warning *warnings;   /**< The first of them, at most 10 000. */
    size_t warnings_kept;         /**< How many `warnings` holds. */
    uint64_t warnings_count;      /**< How many there were. */
    int32_t retention_days;       /**< -1: for ever; 0: as long as the rules of its name say. */
    const char *expires_at;
    const char *metadata; /**< A JSON object. */
    double throughput;    /**< Bytes of source per second of running. */
    double
        compression_ratio; /**< Bytes of source that were stored by bytes of container; 0: none. */
    int32_t keep_last;     /**< The rules that it brought with it; see backupsvc/retention.h. */
    int32_t keep_hourly;
    int32_t keep_daily;
    int32_t keep_weekly;
    int32_t keep_monthly;
    int32_t keep_yearly;
    const char *marked_at;    /**< When retention marked it for removal; "": it did not. */
    const char *remove_after; /**< Until then bs_backup_undelete() keeps it. */
    const bs_pin_info *pins;  /**< At most one pin and one hold, also those whose end is past. */
    size_t pins_count;
    bs_usage usage; /**< What making it took; zero when only the storage knew of it. */
    const bs_backup_copy *copies; /**< On other storages, those that are wanted too; in the order
                                       in which they would be tried. */
    size_t copies_count;
} bs_backup_info;

/**
 * Start a backup.
 *
 * The request is checked whole first; the error then names every complaint.
 * What the source holds is read later, on the service's threads.
 *
 * With `copy_to`, the same job then copies the backup as bs_replicate_start() does, and before
 * it what it needs and earlier ones of its name whose copies there are still wanted. A copy that
 * fails leaves the backup as good as it is: it is a warning with the storage's name as path, is
 * kept as failed in bs_backup_info.copies, and is made up for by the next backup of the name
 * with the same storages, or by bs_replicate_start().
 *
 * @param service  The service.
 * @param options  What to do. Copied, but for source_callback and source_user.
 * @param id_out   The backup's id. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID      At least one field is wrong.
 * @retval BS_E_NOT_FOUND    A source does not exist, or no storage has that name.
 * @retval BS_E_ACCESS       A source cannot be read, or SOURCE_ROOTS does not allow it.
 * @retval BS_E_UNSUPPORTED  This build or release cannot do that.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_start(bs_service *service, const bs_backup_options *options,
                                              char id_out[BS_ID_SIZE]);

/**
 * What is known of a backup now.
 *
 * @param service  The service.
 * @param id       Its id, or an unambiguous beginning of it, or "latest:NAME", or "stalest:NAME":
 *                 of the completed backups of that name, or with "stalest:" of any, the one whose
 *                 last verification began longest ago, or one that was never verified.
 * @param out      A copy; freed with bs_backup_info_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such backup.
 * @retval BS_E_AMBIGUOUS  More than one id begins so; the error names some.
 * @retval BS_E_INVALID    That can be no id.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_get(bs_service *service, const char *id,
                                            bs_backup_info **out);

/** Free an info. NULL is ignored. Since: 0.1 */
BS_API void bs_backup_info_free(bs_backup_info *info);

/** Waits without an end. */
#define BS_FOREVER UINT32_MAX

/**
 * Wait until a backup has ended.
 *
 * @param service     The service.
 * @param id          As for bs_backup_get().
 * @param timeout_ms  Milliseconds, or BS_FOREVER.
 *
 * @retval BS_OK           It completed.
 * @retval BS_PARTIAL      It completed with warnings.
 * @retval BS_E_TIMEOUT    It has not ended yet.
 * @retval BS_E_CANCELLED  It was cancelled.
 * Any other failure is the backup's own, and bs_error_last() is its error.
 *
 * Blocking: until the job ends.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_wait(bs_service *service, const char *id,
                                             uint32_t timeout_ms);

/**
 * Ask a backup to stop. Nothing of it stays visible; while only its copies are made, it stays and
 * they are left out, with a warning. Of one that has ended: nothing happens.
 *
 * @param service  The service.
 * @param id       As for bs_backup_get().
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such backup.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_cancel(bs_service *service, const char *id);

/** Which backups to list. Start from BS_BACKUP_FILTER_INIT; 0 means no matter. */
typedef struct bs_backup_filter {
    size_t struct_size;         /**< Set by BS_BACKUP_FILTER_INIT. */
    const char *name;           /**< Exactly this name. */
    bs_backup_type backup_type; /**< Run as this type. */
    const bs_job_state *status; /**< In this state; NULL: in any. */
    uint32_t limit;             /**< At most so many, 1–1000. Default: 50. */
    uint32_t offset;            /**< Leave out so many of the newest. */
} bs_backup_filter;

/* clang-format off */
#define BS_BACKUP_FILTER_INIT {sizeof(bs_backup_filter), NULL, BS_BACKUP_DEFAULT, NULL, 0, 0}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_backup_filter_init(bs_backup_filter *filter, size_t size);

/** A page of backups, newest first. */
typedef struct bs_backup_page {
    uint64_t total; /**< How many the filter matches, on all pages. */
    size_t count;   /**< How many are here. */
    const bs_backup_info *const *items;
} bs_backup_page;

/**
 * List backups, newest first. Warnings are left out of these infos.
 *
 * @param service  The service.
 * @param filter   NULL for the newest 50.
 * @param out      The page; freed with bs_backup_page_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_list(bs_service *service, const bs_backup_filter *filter,
                                             bs_backup_page **out);

/** Free a page and the infos in it. NULL is ignored. Since: 0.1 */
BS_API void bs_backup_page_free(bs_backup_page *page);

/**
 * Remove a backup: its objects and its row, and the copies of it that are known.
 *
 * Copies go after the backup itself. One that cannot be reached makes the call fail, with its
 * storage in the error: the row stays, hidden, until a later call or bs_retention_apply() has
 * removed that too. Copies on storages that are read-only or append-only stay there, and are
 * backups again when the catalogue is made anew.
 *
 * @param service      The service.
 * @param id           As for bs_backup_get().
 * @param cascade      Also remove every backup that needs it.
 * @param removed_out  How many went; may be NULL. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NEEDED  Others need it; the error names them. Nothing was removed.
 * @retval BS_E_BUSY    It is running, or a job reads it.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_delete(bs_service *service, const char *id, bool cascade,
                                               uint64_t *removed_out);

/** What kind of thing an entry is. */
typedef enum bs_entry_type {
    BS_ENTRY_FILE = 1,
    BS_ENTRY_DIR = 2,
    BS_ENTRY_SYMLINK = 3,
    BS_ENTRY_FIFO = 4,
    BS_ENTRY_SOCKET = 5,
    BS_ENTRY_CHAR_DEVICE = 6,
    BS_ENTRY_BLOCK_DEVICE = 7,
} bs_entry_type;

/** One entry of a backup. All pointers are borrowed for the callback. */
typedef struct bs_entry {
    const char *path; /**< Bytes, not always UTF-8; no slash in front. */
    size_t path_size;
    bs_entry_type type;
    uint32_t mode; /**< Permission bits: 07777. */
    uint32_t uid;
    uint32_t gid;
    const char *user; /**< Owner by name; "" unknown. */
    const char *group;
    uint64_t size; /**< Bytes of a file. */
    int64_t mtime_sec;
    int32_t mtime_nsec;
    const char *link; /**< Symbolic link: its content. Further hard link: path of the first. */
    size_t link_size;
    const char *sha256;    /**< Hex digest of a file's content; "" for others. */
    const char *stored_in; /**< Id of the backup that holds the bytes. */
} bs_entry;

/**
 * Takes one entry. May not call back with the same service's handle.
 *
 * @return  0 to go on; anything else stops with BS_E_CALLBACK.
 */
typedef int (*bs_entry_cb)(void *user, const bs_entry *entry);

/**
 * Browse a backup.
 *
 * @param service    The service.
 * @param id         As for bs_backup_get().
 * @param path       A directory of the backup, with or without a slash in front; NULL or "" for
 *                   the top.
 * @param recursive  All below it, in order; otherwise only what lies directly in it.
 * @param entry      Takes each entry. On the calling thread.
 * @param user       Handed to `entry`.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  No such backup, or no such path in it.
 * @retval BS_E_CORRUPT    The manifest is damaged.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_entries(bs_service *service, const char *id,
                                                const char *path, bool recursive, bs_entry_cb entry,
                                                void *user);

/**
 * Takes the next bytes of a file or container.
 *
 * @return  0 to go on; anything else stops with BS_E_CALLBACK.
 */
typedef int (*bs_data_cb)(void *user, const void *data, size_t size);

/**
 * Read one file out of a backup.
 *
 * The content's hash is checked at its end: bytes handed over before a failure
 * must not be trusted.
 *
 * @param service  The service.
 * @param id       As for bs_backup_get().
 * @param path     A file of the backup, with or without a slash in front.
 * @param data     Takes the bytes in order; holes come as zeros. On the calling thread.
 * @param user     Handed to `data`.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  No such backup, or no such path in it.
 * @retval BS_E_INVALID    The path is no file.
 * @retval BS_E_CORRUPT    What is stored is damaged.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_read(bs_service *service, const char *id, const char *path,
                                             bs_data_cb data, void *user);

/**
 * Read the container: the zip, tar or 7z file itself. That of an encrypted backup is decrypted;
 * but a zip file that is encrypted file by file comes as it is stored, and no key is needed.
 *
 * @param service  The service.
 * @param id       As for bs_backup_get(). Of the archive form.
 * @param offset   First byte.
 * @param size     How many bytes; UINT64_MAX for all that follow.
 * @param data     Takes the bytes in order. On the calling thread.
 * @param user     Handed to `data`.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND    No such backup.
 * @retval BS_E_RANGE        The container is shorter than `offset`.
 * @retval BS_E_KEY          It is encrypted, and no known key opens it.
 * @retval BS_E_UNSUPPORTED  The form has no container; of a repository bs_backup_export() makes
 * one.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_download(bs_service *service, const char *id,
                                                 uint64_t offset, uint64_t size, bs_data_cb data,
                                                 void *user);

/** What to export, and as what. Start from BS_EXPORT_OPTIONS_INIT; 0 means default. */
typedef struct bs_export_options {
    size_t struct_size;         /**< Set by BS_EXPORT_OPTIONS_INIT. */
    bs_compression compression; /**< Which container: none, zip, tar.gz, tar.bz2, tar.zst. Default:
                                     tar.zst. */
    int32_t compression_level;  /**< Within the container's range. 0: its default. */
    const char *const *paths;   /**< Only these paths or patterns, as in a restore; ended by NULL.
                                     Default: all. */
} bs_export_options;

/* clang-format off */
#define BS_EXPORT_OPTIONS_INIT {sizeof(bs_export_options), BS_COMPRESSION_DEFAULT, 0, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_export_options_init(bs_export_options *options, size_t size);

/**
 * Make a container of a backup in a repository: a zip or tar file as a stream. Nothing is
 * unpacked to a disk, and only what is asked for is read.
 *
 * Bytes handed over before a failure are no container: something that is damaged ends it. A
 * restore gets at the rest.
 *
 * @param service  The service.
 * @param id       As for bs_backup_get(). Of the repository form.
 * @param options  As what.
 * @param data     Takes the bytes in order. On one thread at a time, not always the calling one.
 * @param user     Handed to `data`.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND    No such backup, or nothing in it is called as a path says.
 * @retval BS_E_INVALID      An option is wrong.
 * @retval BS_E_CORRUPT, BS_E_MISSING  What is stored is damaged; the error names the path.
 * @retval BS_E_KEY          No known pass phrase opens the repository.
 * @retval BS_E_UNSUPPORTED  The backup is of another form: see bs_backup_download().
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_export(bs_service *service, const char *id,
                                               const bs_export_options *options, bs_data_cb data,
                                               void *user);

/** One stored object that is damaged, and what that costs. */
typedef struct bs_damage {
    const char *object;       /**< Its key on the storage. */
    const char *message;      /**< What is wrong with it. */
    const char *const *paths; /**< Files that cannot be restored, printable; ended by NULL. */
    uint64_t paths_count;     /**< How many there are; `paths` holds at most 1000. */
} bs_damage;

/** What is known of a verification. */
typedef struct bs_verify_info {
    char id[BS_ID_SIZE];
    char backup_id[BS_ID_SIZE];
    bs_job_state status; /**< BS_STATE_FAILED when damage was found. */
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    double progress;
    uint64_t files_processed;
    uint64_t total_files;
    uint64_t bytes_processed;
    uint64_t total_bytes;
    const bs_damage *damages;
    size_t damages_count;
    bs_error error; /**< Code BS_E_CORRUPT or BS_E_MISSING when damage was found. */
    bool is_locked; /**< No known key opens it: stored bytes were compared, nothing was read. */
    uint64_t files_unread;   /**< Files in other backups' containers that no known key opens. */
    const char *signer;      /**< Who signed the backup: 64 hex digits; "": nobody. */
    const char *signer_name; /**< The name under which that key is known; "": it is not. */
    bs_usage usage;
} bs_verify_info;

/**
 * Start a verification: re-read everything of a backup against its manifest.
 *
 * @param service    The service.
 * @param backup_id  As for bs_backup_get().
 * @param id_out     The verification's own id. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such backup.
 * @retval BS_E_BUSY       It has not completed.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_verify_start(bs_service *service, const char *backup_id,
                                              char id_out[BS_ID_SIZE]);

/** As bs_backup_get(), for verifications; freed with bs_verify_info_free(). Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_verify_get(bs_service *service, const char *id,
                                            bs_verify_info **out);

/** Free an info. NULL is ignored. Since: 0.1 */
BS_API void bs_verify_info_free(bs_verify_info *info);

/** As bs_backup_wait(), for verifications: BS_E_CORRUPT when damage was found. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_verify_wait(bs_service *service, const char *id,
                                             uint32_t timeout_ms);

/** As bs_backup_cancel(), for verifications. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_verify_cancel(bs_service *service, const char *id);

BS_END_DECLS

#endif
