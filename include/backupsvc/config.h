/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_CONFIG_H
#define BACKUPSVC_CONFIG_H

#include <backupsvc/base.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/config.h
 * @brief Settings by name, as they stand in the environment or a .env file.
 *
 * The names are those of the variables, such as "MAX_WORKER_THREADS"; each is
 * described in docs/guide/configuration.md. A configuration starts with the
 * defaults. The library reads the environment only when bs_config_load_env()
 * is called, and the variables that references to keys name.
 *
 * A bs_config belongs to one thread at a time.
 */

/** A set of settings. Freed with bs_config_free(). */
typedef struct bs_config bs_config;

/**
 * Make a configuration that holds the defaults.
 *
 * @param out  The new configuration; the caller owns it. Set only on BS_OK.
 *
 * @retval BS_OK
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_config_new(bs_config **out);

/**
 * Free a configuration.
 *
 * @param config  NULL is ignored.
 *
 * Blocking: no.  Thread-safety: the owner.  Since: 0.1
 */
BS_API void bs_config_free(bs_config *config);

/**
 * Set one setting.
 *
 * @param config  The configuration.
 * @param name    A variable's name. Copied.
 * @param value   Its text as it would stand in the environment; checked at once. Copied.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such setting; the error names the nearest one.
 * @retval BS_E_INVALID    The value is not allowed; the error says what is.
 *
 * Blocking: no.  Thread-safety: one thread at a time per handle.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_config_set(bs_config *config, const char *name, const char *value);

/**
 * The present text of a setting.
 *
 * @param config  The configuration.
 * @param name    A variable's name.
 * @return  Borrowed until the setting changes; NULL where it is unset or unknown.
 *
 * Blocking: no.  Thread-safety: one thread at a time per handle.  Since: 0.1
 */
BS_API const char *bs_config_get(bs_config *config, const char *name);

/**
 * Whether a setting was set, and not left at its default.
 *
 * @param config  The configuration.
 * @param name    A variable's name; of an unknown one the answer is no.
 * @return  True when a value of its own was given.
 *
 * Blocking: no.  Thread-safety: one thread at a time per handle.  Since: 0.1
 */
BS_API bool bs_config_is_set(bs_config *config, const char *name);

/**
 * Take over every setting that the process's environment holds.
 *
 * @param config  The configuration.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID  At least one value is not allowed; the error names all of them.
 *
 * Blocking: no.  Thread-safety: one thread at a time per handle, while nobody changes the
 * environment.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_config_load_env(bs_config *config);

/**
 * Take over the settings of a .env file: KEY=value lines, comments, quotes.
 *
 * Names that are not settings of this library are passed over, unless one is
 * so like a setting's that it must be a slip. An empty value, or a secret's
 * placeholder that begins with "your_", leaves the default.
 *
 * @param config  The configuration.
 * @param path    The file.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such file.
 * @retval BS_E_INVALID    A line or a value is wrong; the error names each with its line.
 *
 * Blocking: disk.  Thread-safety: one thread at a time per handle.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_config_load_file(bs_config *config, const char *path);

BS_END_DECLS

#endif
