/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_AUDIT_H
#define BACKUPSVC_AUDIT_H

#include <backupsvc/service.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/audit.h
 * @brief Who did what to which backup: reading the audit log and checking it.
 *
 * With the setting AUDIT_LOG_ENABLED, the default, a service writes down what
 * it is told to do and what it does by itself, and what came of it. Records are
 * files of the state directory, one JSON object a line. Each names the one
 * before it by its hash and is signed with the service's key, so that what is
 * altered, removed or moved later is found out. Nothing ever removes a record.
 *
 * A backup, a restore, a removal is not begun when that cannot be written down.
 * Every function here may be called from any thread.
 */

/** What came of what was done. */
typedef enum bs_audit_result {
    BS_AUDIT_BEGUN = 1, /**< It is about to be done; its outcome is a record of its own. */
    BS_AUDIT_DONE = 2,
    BS_AUDIT_WARNINGS = 3, /**< Done, with warnings. */
    BS_AUDIT_FAILED = 4,
    BS_AUDIT_CANCELLED = 5,
} bs_audit_result;

/** One record. Texts are "" where there is nothing to say. */
typedef struct bs_audit_record {
    uint64_t seq;       /**< Its number, from 1 on, without gaps. */
    const char *time;   /**< RFC 3339 in UTC. */
    uint32_t uid;       /**< The user whose process it was. */
    const char *user;   /**< That user's name. */
    int64_t process;    /**< The process's number. */
    const char *actor;  /**< For whom it acted: see bs_audit_set_actor(). */
    const char *action; /**< What was done, such as "backup.delete". */
    const char *object; /**< What it was done to: the id of a backup or schedule, a key's name. */
    const char *name;   /**< The name of that backup or schedule. */
    bs_audit_result result;
    const char *error; /**< Why it failed. */
    const char *detail;
} bs_audit_record;

/** Which records to list. Start from BS_AUDIT_FILTER_INIT; NULL and 0 mean no matter. */
typedef struct bs_audit_filter {
    size_t struct_size; /**< Set by BS_AUDIT_FILTER_INIT. */
    const char *action; /**< Exactly this; with a `.` at its end all that begin so. */
    const char *object; /**< Exactly this. */
    const char *name;   /**< Exactly this. */
    const char *actor;  /**< Exactly this. */
    const char *user;   /**< Exactly this. */
    const char *since;  /**< RFC 3339: not before this time. */
    const char *until;  /**< RFC 3339: before this time. */
    uint64_t before;    /**< Only records with a smaller number: the next page. */
    bs_audit_result result;
    uint32_t limit; /**< At most so many, 1–1000. Default: 50. */
} bs_audit_filter;

/* clang-format off */
#define BS_AUDIT_FILTER_INIT                                                                      \
    {sizeof(bs_audit_filter), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, (bs_audit_result)0, 0}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_audit_filter_init(bs_audit_filter *filter, size_t size);

/** A page of records, newest first. */
typedef struct bs_audit_page {
    size_t count;
    const bs_audit_record *const *items;
    uint64_t next_before; /**< bs_audit_filter.before for the next page; 0: this is the last. */
} bs_audit_page;

/**
 * List records, newest first.
 *
 * Lines that are no records are passed over: bs_audit_verify() is what names them.
 *
 * @param service  The service.
 * @param filter   NULL for the newest 50.
 * @param out      The page; freed with bs_audit_page_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_audit_list(bs_service *service, const bs_audit_filter *filter,
                                            bs_audit_page **out);

/** Free a page and the records in it. NULL is ignored. Since: 0.1 */
BS_API void bs_audit_page_free(bs_audit_page *page);

/** What is wrong with a log. */
typedef enum bs_audit_fault {
    BS_AUDIT_SOUND = 0,    /**< Nothing. */
    BS_AUDIT_ALTERED = 1,  /**< A record's bytes are not those that were written. */
    BS_AUDIT_REMOVED = 2,  /**< A record is missing, or stands further behind. */
    BS_AUDIT_MOVED = 3,    /**< A record stands behind its place, or twice. */
    BS_AUDIT_REPLACED = 4, /**< A record was written by who has the key, instead of another. */
    BS_AUDIT_FORGED = 5,   /**< A record is not signed by a key that may. */
    BS_AUDIT_CUT_OFF = 6,  /**< The newest records are missing. */
} bs_audit_fault;

/** What bs_audit_verify() found. */
typedef struct bs_audit_report {
    bs_audit_fault fault;
    uint64_t seq;            /**< The first record that is wrong; 0 with BS_AUDIT_SOUND. */
    const char *message;     /**< What is wrong with it, for a person; "". */
    const char *file;        /**< The file of the state directory where it was found; "". */
    uint64_t records;        /**< How many were read and are right, from the first one on. */
    const char *newest_hash; /**< The SHA-256 of the last of those in hex, "" when there are none:
                                  kept elsewhere, it proves this log later. */
    bool end_is_known; /**< The catalogue says how many there must be. Without, an end that was
                            cut off is not found. */
    uint64_t unfinished_bytes; /**< Of a record that a crash left incomplete; nobody was told that
                                    it had been written. */
} bs_audit_report;

/**
 * Read the whole log again and check every record.
 *
 * @param service      The service.
 * @param public_keys  Signing keys of earlier times that may also have signed, as 64 hex digits
 *                     each, ended by NULL; NULL: only the service's own.
 * @param out          The report; freed with bs_audit_report_free(). Set only on BS_OK.
 *
 * @retval BS_OK         It was read; out->fault tells whether it is sound.
 * @retval BS_E_INVALID  A public key is none.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_audit_verify(bs_service *service, const char *const *public_keys,
                                              bs_audit_report **out);

/** Free a report. NULL is ignored. Since: 0.1 */
BS_API void bs_audit_report_free(bs_audit_report *report);

/**
 * Say for whom the calling thread acts from now on.
 *
 * A program that serves others names them by this, such as "alice" or
 * "key:nightly 192.0.2.7". What the thread does, and the jobs that it starts, are
 * recorded with it, in all services of the process.
 *
 * @param actor  1 to 128 bytes of UTF-8 on one line; copied. NULL: nobody but the process itself.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID  It is too long, or not one line of text. Nothing was changed.
 *
 * Blocking: no.  Thread-safety: any thread, each has its own.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_audit_set_actor(const char *actor);

BS_END_DECLS

#endif
