/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_SERVICE_H
#define BACKUPSVC_SERVICE_H

#include <backupsvc/base.h>
#include <backupsvc/config.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/service.h
 * @brief The opened library: state directory, catalogue, storages, threads.
 *
 * A program opens one service per state directory and shares it: every
 * function that takes a bs_service may be called from any thread, except
 * bs_service_close(). A state directory belongs to one service at a time, in
 * this process or another.
 *
 * A service belongs to the process that opened it. In a child that was forked
 * off since, every call answers BS_E_BUSY and bs_service_close() does nothing.
 */

/** The opened library. Closed with bs_service_close(). */
typedef struct bs_service bs_service;

/**
 * Gives the master key of the service's keyring, wherever the program keeps it.
 *
 * Called when the keyring is first needed, on the thread of that call or job, and
 * again as long as it gave no key.
 *
 * @param user      As in the options.
 * @param buf       Room for the key; wiped after use.
 * @param size      How much room: 65536 bytes.
 * @param size_out  How many bytes were put there.
 * @return  0, or anything else when there is no key now.
 */
typedef int (*bs_master_key_cb)(void *user, void *buf, size_t size, size_t *size_out);

/** How to open a service. Start from BS_SERVICE_OPTIONS_INIT; 0 means default. */
typedef struct bs_service_options {
    size_t struct_size;     /**< Set by BS_SERVICE_OPTIONS_INIT. */
    const char *state_path; /**< State directory. Default: the setting BACKUP_STORAGE_PATH. */
    bs_config *config;      /**< Settings, copied. Default: the defaults. */
    bs_log_cb log;          /**< Takes log lines. Default: nobody does. */
    void *log_user;         /**< Handed to `log`; kept. */
    bool replace_damaged;   /**< Set a damaged catalogue aside and begin an empty one. */
    bs_master_key_cb master_key_cb; /**< Default: the setting ENCRYPTION_KEY is the master key. */
    void *master_key_user;          /**< Handed to `master_key_cb`; kept. */
    bool run_schedules;             /**< As if bs_service_run_schedules() came next. */
} bs_service_options;

/* clang-format off */
#define BS_SERVICE_OPTIONS_INIT                                                                   \
    {sizeof(bs_service_options), NULL, NULL, NULL, NULL, false, NULL, NULL, false}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_service_options_init(bs_service_options *options, size_t size);

/**
 * Open the state directory, making it when it is missing.
 *
 * Jobs that were running when the last process ended are marked failed
 * ("interrupted") and their leftovers removed. The storage "local" lies inside
 * the state directory.
 *
 * @param options  NULL for all defaults. Everything in it is copied.
 * @param out      The new service; the caller owns it. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_BUSY       Another service has this state directory open.
 * @retval BS_E_READ_ONLY  The directory cannot be written.
 * @retval BS_E_VERSION    Its catalogue was written by a newer version.
 * @retval BS_E_CORRUPT    Its catalogue is damaged; `replace_damaged` and bs_catalog_rebuild() mend
 *                         that.
 * @retval BS_E_INVALID    The path is no state directory of ours.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_service_open(const bs_service_options *options, bs_service **out);

/**
 * Cancel what is running, wait for it, and close.
 *
 * @param service  NULL is ignored.
 *
 * Blocking: until running jobs have stopped, at most about 2 s, and until their HOOK_FAILURE has
 * ended and the webhook has been told, which HOOK_TIMEOUT and SHUTDOWN_TIMEOUT limit.
 * Thread-safety: the owner, when no other call is in progress.  Since: 0.1
 */
BS_API void bs_service_close(bs_service *service);

/**
 * Register a named storage for requests to use.
 *
 * It is not kept: a program registers its own after each open, or has the
 * service keep them with bs_storage_add().
 *
 * @param service   The service.
 * @param name      1 to 64 letters, digits, `.`, `_`, `-`. Not "local". Copied.
 * @param driver    The driver's name, such as "local". Copied.
 * @param settings  Pairs of option name and value, ended by NULL; the driver's page
 *                  lists them. Copied. Secret ones may be references, as to keys
 *                  (backupsvc/keys.h). Storages of every type take six more:
 *                  `read_only` "true": nothing is stored there, nor removed, and what tries
 *                  gets BS_E_READ_ONLY;
 *                  `append_only` "true": what is stored there is neither removed nor replaced;
 *                  `limit_upload`, `limit_download`: bytes per second, such as "512k" or "1.5M"
 *                  (B, k, M, G and T, powers of 1024, at least 1k), "off", or a timetable of
 *                  these, "08:00,512k 19:00,10M 23:00,off", whose times may have days
 *                  ("Mon-08:00,1M") and go by the clocks of TIMEZONE;
 *                  `limit_requests`: how many there are at the same time, 1 to 1000, or "off";
 *                  `cache_size`: bytes, "1MiB" to "1TiB", for copies of manifests and the like in
 *                  the state directory, or "off".
 *
 * @retval BS_OK
 * @retval BS_E_EXISTS       The name is taken.
 * @retval BS_E_UNSUPPORTED  There is no such driver in this build.
 * @retval BS_E_INVALID      A setting is unknown, missing or not allowed.
 * @retval BS_E_NOT_FOUND    There is nothing where a reference leads to.
 * @retval BS_E_MISSING      It is empty, and the catalogue knows of backups there: its disk is not
 *                           mounted, or its folder was moved.
 *         What the driver says when it cannot reach or use the storage.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_service_add_storage(bs_service *service, const char *name,
                                                     const char *driver,
                                                     const char *const *settings);

/**
 * Run schedules from now on, until the service is closed; see backupsvc/schedule.h.
 *
 * Due times that have been missed meanwhile are looked after at once, so the
 * storages that schedules name should have been registered. Of all services on
 * one state directory there is only one at a time, so nothing is run twice.
 *
 * @param service  The service.
 *
 * @retval BS_OK  Also when it runs them already.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_service_run_schedules(bs_service *service);

/** What bs_catalog_rebuild() found. */
typedef struct bs_rebuild_report {
    uint64_t backups;    /**< Backups that are in the catalogue now. */
    uint64_t unreadable; /**< Manifests that are damaged; each was logged as a warning. */
    uint64_t locked;     /**< Backups that no known key opens: of them only names and sizes. */
} bs_rebuild_report;

/**
 * Make the catalogue anew from the manifests on all storages, those that are kept
 * included. One that cannot be reached ends it, and the catalogue stays as it is.
 *
 * Nothing on the storages changes. To mend a damaged catalogue, open the
 * service with `replace_damaged`, register its storages, and call this.
 *
 * @param service     The service; no job may be running.
 * @param report_out  What was found; may be NULL.
 *
 * @retval BS_OK
 * @retval BS_E_BUSY  A job is running.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_catalog_rebuild(bs_service *service,
                                                 bs_rebuild_report *report_out);

BS_END_DECLS

#endif
