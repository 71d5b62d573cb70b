/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_STORAGE_H
#define BACKUPSVC_STORAGE_H

#include <backupsvc/service.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/storage.h
 * @brief Storages that the service remembers, and what a storage can do.
 *
 * A storage that is kept is there again each time the service is opened. It is
 * connected to when it is first needed, so one that cannot be reached keeps
 * nothing else from working. What is kept lies in the catalogue, which a lost
 * one takes with it: bs_catalog_rebuild() does not bring storages back.
 */

/**
 * Register a storage and keep it.
 *
 * It is opened first: what cannot be used is not kept.
 *
 * @param service   The service.
 * @param name      1 to 64 letters, digits, `.`, `_`, `-`. Not "local". Copied.
 * @param driver    The driver's name, such as "s3". Copied.
 * @param settings  As of bs_service_add_storage(). Secret ones must be references (env:NAME,
 *                  file:PATH, keyring:NAME), for secrets are not kept; paths of files begin with
 *                  '/'. Copied.
 *
 * @retval BS_OK
 * @retval BS_E_EXISTS       The name is taken.
 * @retval BS_E_UNSUPPORTED  There is no such driver in this build.
 * @retval BS_E_INVALID      A setting is unknown, missing or not allowed, or a secret itself.
 * @retval BS_E_NOT_FOUND    There is nothing where a reference leads to.
 *         What the driver says when it cannot reach or use the storage.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_storage_add(bs_service *service, const char *name,
                                             const char *driver, const char *const *settings);

/**
 * Forget a storage that is kept. What lies on it stays there.
 *
 * Jobs that work with it go on.
 *
 * @param service  The service.
 * @param name     Its name.
 * @param force    Also when backups lie on it. They stay listed, and cannot be read or removed
 *                 until a storage of that name is there again.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  None of that name is kept.
 * @retval BS_E_BUSY       Backups lie on it.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_storage_remove(bs_service *service, const char *name, bool force);

/**
 * Change the limits of a storage, also while jobs work with it.
 *
 * What is not named stays as it is. Of a storage that is kept the limits are kept, too;
 * "local" and those that the program registered have them until the service is closed.
 *
 * @param service  The service.
 * @param name     Of a storage that is registered or kept.
 * @param limits   Pairs of name and value, ended by NULL, at least one: `limit_upload`,
 *                 `limit_download` and `limit_requests` as of bs_service_add_storage(). Copied.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such storage.
 * @retval BS_E_INVALID    A limit is wrong; nothing was changed.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_storage_limit(bs_service *service, const char *name,
                                               const char *const *limits);

/** One storage that requests may name. */
typedef struct bs_storage_info {
    const char *name;
    const char *driver;          /**< Such as "s3". */
    bool is_kept;                /**< There when the service is opened again. */
    bool is_open;                /**< It was needed since the service was opened. */
    const char *const *settings; /**< Pairs of option name and value, ended by NULL, of one that is
                                      kept; secret ones are references. */
} bs_storage_info;

/** All storages of a service: "local", those that the program registered, those that are kept. */
typedef struct bs_storage_list_info {
    const bs_storage_info *storages; /**< By name. */
    size_t storages_count;
} bs_storage_list_info;

/**
 * List the storages. Nothing is connected to.
 *
 * @param service  The service.
 * @param out      The list; freed with bs_storage_list_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_storage_list(bs_service *service, bs_storage_list_info **out);

/** Free a list. NULL is ignored. Since: 0.1 */
BS_API void bs_storage_list_free(bs_storage_list_info *info);

/** What came of one step of a check. */
typedef enum bs_storage_result {
    BS_STORAGE_OK = 0,
    BS_STORAGE_LACKS = 1, /**< The storage cannot do it, and says so; it is done without. */
    BS_STORAGE_FAILED = 2,
} bs_storage_result;

/** One step of a check. */
typedef struct bs_storage_step {
    const char *name; /**< "put", "replace", "stat", "read", "read_range", "list",
                           "put_exclusive", "rename", "parallel", "free_space", "remove". */
    bs_storage_result result;
    double seconds;
    bs_status code;      /**< Of what failed; else BS_OK. */
    const char *message; /**< What failed, and what would help; else "". */
} bs_storage_step;

/** What bs_storage_check() found. */
typedef struct bs_storage_check_info {
    const char *name;
    const char *driver;
    bool is_good; /**< No step failed. */
    const bs_storage_step *steps;
    size_t steps_count;
    bool clock_is_known;
    double clock_ahead_seconds; /**< Of the storage; as exact as its times of objects. */
    bool free_is_known;
    uint64_t free_bytes;
} bs_storage_check_info;

/**
 * Try out what a storage does.
 *
 * Small objects are stored below ".backupsvc-check", read, listed, replaced and
 * removed again. That a step fails is no failure of this call.
 *
 * @param service  The service.
 * @param name     Of a storage that is registered or kept.
 * @param out      What was found; freed with bs_storage_check_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such storage.
 *         What the driver says when it cannot reach or use the storage.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_storage_check(bs_service *service, const char *name,
                                               bs_storage_check_info **out);

/** Free what was found. NULL is ignored. Since: 0.1 */
BS_API void bs_storage_check_free(bs_storage_check_info *info);

/** As bs_backup_type_name(): "ok", "lacks", "failed". Since: 0.1 */
BS_API const char *bs_storage_result_name(bs_storage_result result);

BS_END_DECLS

#endif
