/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_BASE_H
#define BACKUPSVC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * @file backupsvc/base.h
 * @brief Status codes, the error record, versions and memory given to the caller.
 *
 * Every call that can fail returns a bs_status: zero or positive is success,
 * negative is failure. After a failure bs_error_last() tells more, on the
 * thread that made the call, until that thread's next failure. A success does
 * not clear the record.
 *
 * All strings are UTF-8 and end in NUL unless a length stands beside them.
 */

#ifdef __cplusplus
#define BS_BEGIN_DECLS extern "C" {
#define BS_END_DECLS }
#else
#define BS_BEGIN_DECLS
#define BS_END_DECLS
#endif

#if defined(__GNUC__)
#define BS_API __attribute__((visibility("default")))
#define BS_NODISCARD __attribute__((warn_unused_result))
#else
#define BS_API
#define BS_NODISCARD
#endif

BS_BEGIN_DECLS

/**
 * The list of status codes: X(name, value, text, retry class).
 *
 * Values are never changed or reused. Expect new ones in later releases.
 */
/* clang-format off */
#define BS_STATUS_MAP(X)                                                                          \
    X(BS_OK, 0, "success", BS_RETRY_NEVER)                                                        \
    X(BS_END, 1, "no more items", BS_RETRY_NEVER)                                                 \
    X(BS_PARTIAL, 2, "completed with warnings", BS_RETRY_NEVER)                                   \
    X(BS_E_INVALID, -1, "invalid argument or request", BS_RETRY_NEVER)                            \
    X(BS_E_UNSUPPORTED, -2, "not supported here or not in this build", BS_RETRY_NEVER)            \
    X(BS_E_NOT_FOUND, -3, "not found", BS_RETRY_NEVER)                                            \
    X(BS_E_EXISTS, -4, "already exists", BS_RETRY_NEVER)                                          \
    X(BS_E_BUSY, -5, "in use by another program", BS_RETRY_SAFE)                                  \
    X(BS_E_NEEDED, -6, "still needed by another backup", BS_RETRY_NEVER)                          \
    X(BS_E_AMBIGUOUS, -7, "matches more than one", BS_RETRY_NEVER)                                \
    X(BS_E_CANCELLED, -20, "cancelled", BS_RETRY_NEVER)                                           \
    X(BS_E_TIMEOUT, -21, "timed out", BS_RETRY_SAFE)                                              \
    X(BS_E_NOMEM, -22, "out of memory", BS_RETRY_SAFE)                                            \
    X(BS_E_INTERNAL, -23, "internal error", BS_RETRY_NEVER)                                       \
    X(BS_E_CALLBACK, -24, "stopped by a callback", BS_RETRY_NEVER)                                \
    X(BS_E_COMMAND, -25, "a command ended with an error", BS_RETRY_NEVER)                         \
    X(BS_E_INTERRUPTED, -26, "the process ended before the job did", BS_RETRY_SAFE)               \
    X(BS_E_CLOCK, -27, "the clock cannot be trusted", BS_RETRY_NEVER)                             \
    X(BS_E_IO, -40, "input/output error", BS_RETRY_SAFE)                                          \
    X(BS_E_NO_SPACE, -41, "no space left", BS_RETRY_NEVER)                                        \
    X(BS_E_ACCESS, -42, "permission denied", BS_RETRY_NEVER)                                      \
    X(BS_E_READ_ONLY, -43, "read-only", BS_RETRY_NEVER)                                           \
    X(BS_E_CHANGED, -44, "changed while it was read", BS_RETRY_SAFE)                              \
    X(BS_E_LIMIT, -45, "a limit is exceeded", BS_RETRY_NEVER)                                     \
    X(BS_E_CORRUPT, -60, "stored data is damaged", BS_RETRY_NEVER)                                \
    X(BS_E_RANGE, -61, "outside of the stored data", BS_RETRY_NEVER)                              \
    X(BS_E_VERSION, -62, "written by a newer version", BS_RETRY_NEVER)                            \
    X(BS_E_MISSING, -63, "a stored object is missing", BS_RETRY_NEVER)                            \
    X(BS_E_KEY, -64, "no key, or not the right one", BS_RETRY_NEVER)
/* clang-format on */

/** Outcome of a call; see BS_STATUS_MAP. Test for failure with `status < 0`. */
typedef enum bs_status {
#define BS_STATUS_ENUM(name, value, text, retry) name = (value),
    BS_STATUS_MAP(BS_STATUS_ENUM)
#undef BS_STATUS_ENUM
} bs_status;

/** Whether the same call may succeed when it is made again. */
typedef enum bs_retry {
    BS_RETRY_NEVER = 0, /**< Something must change first. */
    BS_RETRY_SAFE = 1,  /**< Repeating is harmless and may work. */
    BS_RETRY_AFTER = 2, /**< As SAFE, but not before `retry_after_ms`. */
} bs_retry;

/** Which part of a backup the failure belongs to. */
typedef enum bs_layer {
    BS_LAYER_SYSTEM = 0,  /**< The machine or the library itself: memory, threads. */
    BS_LAYER_CALLER = 1,  /**< The arguments or the request. */
    BS_LAYER_SOURCE = 2,  /**< What is backed up. */
    BS_LAYER_STORAGE = 3, /**< Where backups are kept, and what lies there. */
    BS_LAYER_CATALOG = 4, /**< The catalogue in the state directory. */
    BS_LAYER_CRYPTO = 5,  /**< Keys and encryption. */
    BS_LAYER_TARGET = 6,  /**< Where a restore lands. */
} bs_layer;

/** Room for a message, with its NUL. Longer ones are cut. */
#define BS_ERROR_MESSAGE_SIZE 1024

/** What is known of a failure. Never allocated, never freed. */
typedef struct bs_error {
    bs_status code;                      /**< What the failed call returned. */
    bs_layer layer;                      /**< Where it belongs. */
    bs_retry retry;                      /**< Whether to try again. */
    uint32_t retry_after_ms;             /**< With BS_RETRY_AFTER; else 0. */
    int32_t os_code;                     /**< errno of the operating system, or 0. */
    char message[BS_ERROR_MESSAGE_SIZE]; /**< One line for a person. */
} bs_error;

/**
 * The calling thread's last failure.
 *
 * Meaningful only after a call that failed. A job's own error is kept with the
 * job; waiting for a job that failed puts a copy of it here.
 *
 * @return  Borrowed, never NULL; valid until this thread's next failure.
 *
 * Blocking: no.  Thread-safety: any thread, each has its own.  Since: 0.1
 */
BS_API const bs_error *bs_error_last(void);

/**
 * The name of a status, such as "BS_E_NOT_FOUND".
 *
 * @param status  Any value; an unknown one gives "BS_E_UNKNOWN".
 * @return  Static text.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API const char *bs_status_name(bs_status status);

/**
 * A few words for a person on what a status means.
 *
 * @param status  Any value.
 * @return  Static text.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API const char *bs_status_text(bs_status status);

/**
 * The name of a layer, such as "storage".
 *
 * @param layer  Any value; an unknown one gives "unknown".
 * @return  Static text.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API const char *bs_layer_name(bs_layer layer);

/**
 * The library's version, such as "0.1.0".
 *
 * @return  Static text.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API const char *bs_version(void);

/**
 * What this build can do, as words separated by spaces: containers, storages,
 * optional parts.
 *
 * @return  Static text, such as "zip tar.gz local".
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API const char *bs_features(void);

/**
 * Free memory that this library handed out as a plain string or buffer.
 *
 * @param memory  NULL is ignored.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API void bs_free(void *memory);

/** Room for an id with its NUL: a UUID version 7 in its text form. */
#define BS_ID_SIZE 37

/** How much a log line matters. */
typedef enum bs_log_level {
    BS_LOG_ERROR = 0,
    BS_LOG_WARNING = 1,
    BS_LOG_INFO = 2,
    BS_LOG_DEBUG = 3,
} bs_log_level;

/**
 * Takes one log line. May come from any thread, several at a time, and must
 * not call back into the library.
 *
 * @param level    How much it matters.
 * @param module   Which part speaks, such as "engine". Static.
 * @param message  One line without its end. Borrowed for the call.
 * @param user     As it was registered.
 */
typedef void (*bs_log_cb)(bs_log_level level, const char *module, const char *message, void *user);

BS_END_DECLS

#endif
