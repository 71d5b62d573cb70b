/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_LOG_H
#define BACKUPSVC_LOG_H

#include <backupsvc/config.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/log.h
 * @brief A log file for programs that want one: bs_service_options.log takes it.
 *
 * The library itself writes no log: it hands lines to the program. This is a
 * place for them, with the settings LOG_FILE, LOG_LEVEL, MAX_LOG_SIZE and
 * LOG_RETENTION_DAYS. A file that has grown to MAX_LOG_SIZE is renamed, with the
 * time behind its name, and a new one begun; renamed ones that are older than
 * LOG_RETENTION_DAYS are removed. Several processes may share one file.
 */

/** An open log file. Closed with bs_log_file_close(). */
typedef struct bs_log_file bs_log_file;

/**
 * Open the log file that the settings name, making it and its directory when they are missing.
 *
 * What cannot be written later, such as on a full disk, is lost, and no reason
 * to stop: `trouble` is told once, and again only after writing has worked.
 *
 * @param config   The settings; read now and not kept.
 * @param trouble  Takes that one line; NULL: nobody does. Called on the thread that logs.
 * @param user     Handed to `trouble`; kept.
 * @param out      The file; the caller owns it. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_ACCESS   It cannot be written.
 * @retval BS_E_INVALID  LOG_FILE is `-`, which is for programs to heed, or is no regular file.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_log_file_open(bs_config *config, bs_log_cb trouble, void *user,
                                               bs_log_file **out);

/**
 * Write one line: as bs_service_options.log, with the file as bs_service_options.log_user.
 *
 * Lines that matter less than LOG_LEVEL are passed over. Leaves bs_error_last() alone.
 *
 * @param level    How much it matters.
 * @param module   Which part speaks.
 * @param message  One line; control characters come as `\xNN`.
 * @param file     A bs_log_file.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API void bs_log_file_write(bs_log_level level, const char *module, const char *message,
                              void *file);

/** Close it, when no service logs to it any more. NULL is ignored. Since: 0.1 */
BS_API void bs_log_file_close(bs_log_file *file);

BS_END_DECLS

#endif
