/* SPDX-License-Identifier: MIT */
/*
 * The backups on a storage from the command line, for tests beside other programs:
 *
 *     vault_probe PATH scan
 *     vault_probe PATH list KEY [DIR]
 *     vault_probe PATH restore KEY TARGET [PATH...]
 *     vault_probe PATH read KEY FILE
 *     vault_probe PATH verify KEY
 *
 * The pass phrase is in RESTIC_PASSWORD. Lines end with a zero byte, for names may have any
 * other. What is reported goes to standard error as "warning <path>: <text>"; a failure is
 * printed as its status and text, with exit code 1.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/vault.h"

static void report(void *user, bsi_slice path, const bs_error *error)
{
    (void)user;
    flockfile(stderr);
    (void)fprintf(stderr, "warning ");
    (void)fwrite(path.data, 1, path.size, stderr);
    (void)fprintf(stderr, ": %s%c", error->message, '\0');
    funlockfile(stderr);
}

/* --- What it prints --- */

static bs_status print_backup(void *user, const char *key, const bsi_manifest_info *info)
{
    (void)user;
    (void)printf("%s %s %s %s %s %s %" PRIu64 " %" PRIu64 " %s%c", key, info->id,
                 bsi_backup_kind_name(info->kind), info->form, info->compression,
                 bsi_encryption_name(info->encryption), info->files, info->bytes, info->name, '\0');
    return BS_OK;
}

static bs_status print_entry(void *user, const bsi_listed *listed)
{
    const bsi_entry *entry = &listed->entry;

    (void)user;
    (void)printf("%s %04o %" PRIu64 " ", bsi_file_type_name(entry->stat.type), entry->stat.mode,
                 entry->stat.size);
    (void)fwrite(entry->path.data, 1, entry->path.size, stdout);
    (void)printf("%c", '\0');
    return BS_OK;
}

static bs_status print_bytes(void *user, const void *data, size_t size)
{
    (void)user;
    return fwrite(data, 1, size, stdout) == size ? BS_OK : BS_E_IO;
}

static bs_status print_object(void *user, const char *key, const char *message)
{
    (void)user;
    (void)printf("damaged %s: %s%c", key, message, '\0');
    return BS_OK;
}

static bs_status print_lost(void *user, bsi_slice path)
{
    (void)user;
    (void)printf("lost ");
    (void)fwrite(path.data, 1, path.size, stdout);
    (void)printf("%c", '\0');
    return BS_OK;
}

/* --- What it does --- */

static const bsi_vault *vault_of(const char *key)
{
    return bsi_vault_find(strncmp(key, "snapshots/", 10) == 0 ? "repository" : "archive");
}

static bs_status restore(const bsi_vault_env *env, const bsi_vault *vault, const char *key,
                         char **arguments)
{
    const bsi_restore_plan plan = {
        .manifest_key = key,
        .restore_path = arguments[0],
        .paths = arguments[1] ? (const char *const *)&arguments[1] : NULL,
        .target = {.permissions = true,
                   .ownership = true,
                   .privileged = true,
                   .overwrite = getenv("OVERWRITE") != NULL},
        .verify = true,
        .strip_source = getenv("STRIP_SOURCE") != NULL,
    };
    bsi_restore_result result = {0};

    return vault->restore(env, &plan, &result);
}

static bs_status verify(const bsi_vault_env *env, const bsi_vault *vault, const char *key)
{
    const bsi_damage_sink sink = {.object = print_object, .lost = print_lost};
    bsi_verify_result result;

    return vault->verify(env, key, &sink, &result);
}

static bs_status run_on(const bsi_vault_env *env, const char *command, const char *key,
                        char **arguments)
{
    const bsi_vault *vault = vault_of(key);

    if (strcmp(command, "list") == 0) {
        const bsi_slice dir = bsi_slice_of(arguments[0] ? arguments[0] : "");
        return bsi_vault_list(env, key, dir, dir.size == 0, print_entry, NULL);
    }
    if (strcmp(command, "verify") == 0) {
        return verify(env, vault, key);
    }
    if (strcmp(command, "restore") == 0 && arguments[0]) {
        return restore(env, vault, key, arguments);
    }
    if (strcmp(command, "read") == 0 && arguments[0]) {
        return vault->read(env, key, bsi_slice_of(arguments[0]), print_bytes, NULL);
    }
    return BS_E_INVALID;
}

static bs_status run(bsi_vault_env *env, char **arguments)
{
    const bsi_setting settings[] = {{"path", arguments[1]}};
    const char *phrase = getenv("RESTIC_PASSWORD");
    bsi_key *key = NULL;
    bs_status status = bsi_storage_open("local", settings, 1, NULL, &env->storage);

    if (status >= 0 && phrase && *phrase) {
        status = bsi_key_from_passphrase(bsi_slice_of(phrase), &key);
        env->keys = &key;
        env->key_count = 1;
    }
    if (status >= 0) {
        status = bsi_pool_new(2, &env->pool);
    }
    if (status >= 0) {
        status = strcmp(arguments[2], "scan") == 0
                     ? bsi_vault_scan(env, print_backup, NULL)
                     : run_on(env, arguments[2], arguments[3], arguments + 4);
    }
    bsi_pool_free(env->pool);
    bsi_key_unref(key);
    bsi_storage_unref(env->storage);
    return status;
}

int main(int argc, char **argv)
{
    const bsi_warn warn = {report, NULL};
    bsi_vault_env env = {.warn = &warn};
    bs_status status = BS_E_INVALID;

    env.temp_dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (argc > 3 || (argc == 3 && strcmp(argv[2], "scan") == 0)) {
        status = run(&env, argv);
    }
    (void)close(env.temp_dir);
    if (status < 0) {
        (void)printf("%d: %s\n", (int)status, bs_error_last()->message);
        return 1;
    }
    return 0;
}
