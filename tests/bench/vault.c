/* SPDX-License-Identifier: MIT */
/*
 * One operation of the vault, without service and catalogue around it, to be timed and profiled:
 *     bench-vault backup  STORAGE CONTAINER SOURCE [BASE-MANIFEST]    prints the manifest's key
 *     bench-vault restore STORAGE MANIFEST TARGET
 *     bench-vault verify  STORAGE MANIFEST
 * Everything is given by path but manifests, which are given by key.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "os/random.h"
#include "vault/vault.h"

static bs_status failed(const char *what)
{
    (void)fprintf(stderr, "%s: %s\n", what, bs_error_last()->message);
    return bs_error_last()->code;
}

static void report(void *user, bsi_slice path, const bs_error *error)
{
    (void)user;
    (void)fprintf(stderr, "%.*s: %s\n", (int)path.size, path.data, error->message);
}

static const bsi_warn to_stderr = {report, NULL};

static bs_status back_up(const bsi_vault_env *env, char **args, int count)
{
    const char *const roots[] = {args[1], NULL};
    const bool full = count < 3;
    bsi_backup_result result = {0};
    char id[BS_ID_SIZE];
    bs_status status = bsi_new_id(id);
    const bsi_backup_plan plan = {
        .id = id,
        .name = "bench",
        .kind = full ? BSI_KIND_FULL : BSI_KIND_INCREMENTAL,
        .compression = args[0],
        .created_at = bsi_now(),
        .started_at = bsi_now(),
        .retention_days = -1,
        .note = "",
        .metadata = "{}",
        .options = "{}",
        .source_paths = roots,
        .walk = {.roots = roots, .root_count = 1},
        .base_manifest_key = full ? NULL : args[2],
    };

    if (status >= 0) {
        status = bsi_vault_find("archive")->backup(env, &plan, &result);
    }
    if (status < 0) {
        return failed("backup");
    }
    (void)printf("%s\n", result.manifest_key);
    bsi_backup_result_dispose(&result);
    return BS_OK;
}

static bs_status restore(const bsi_vault_env *env, char **args)
{
    const bsi_restore_plan plan = {
        .manifest_key = args[0],
        .restore_path = args[1],
        .target = {.permissions = true, .ownership = geteuid() == 0, .privileged = geteuid() == 0},
        .verify = true,
        .strip_source = true,
    };
    bsi_restore_result result = {0};
    const bs_status status = bsi_vault_find("archive")->restore(env, &plan, &result);

    return status < 0 ? failed("restore") : BS_OK;
}

static bs_status found_object(void *user, const char *key, const char *message)
{
    (void)user;
    (void)printf("damaged: %s: %s\n", key, message);
    return BS_OK;
}

static bs_status found_lost(void *user, bsi_slice path)
{
    (void)user;
    (void)printf("lost: %.*s\n", (int)path.size, path.data);
    return BS_OK;
}

static bs_status verify(const bsi_vault_env *env, char **args)
{
    const bsi_damage_sink sink = {found_object, found_lost, NULL};
    bsi_verify_result result;
    const bs_status status = bsi_vault_find("archive")->verify(env, args[0], &sink, &result);

    return status < 0 ? failed("verify") : BS_OK;
}

static bs_status run(const bsi_vault_env *env, int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "backup") == 0) {
        return back_up(env, argv + 3, argc - 3);
    }
    if (argc == 5 && strcmp(argv[1], "restore") == 0) {
        return restore(env, argv + 3);
    }
    if (argc == 4 && strcmp(argv[1], "verify") == 0) {
        return verify(env, argv + 3);
    }
    (void)fprintf(stderr, "usage: see the head of the source\n");
    return BS_E_INVALID;
}

static unsigned threads(void)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);

    return online < 1 ? 1 : (unsigned)online;
}

int main(int argc, char **argv)
{
    const bsi_setting settings[] = {{"path", argc > 2 ? argv[2] : "."}};
    bsi_progress progress = {0};
    bsi_vault_env env = {.warn = &to_stderr, .progress = &progress};
    bs_status status = BS_OK;

    env.temp_dir = open(argc > 2 ? argv[2] : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (env.temp_dir < 0) {
        perror("storage");
        return 1;
    }
    status = bsi_storage_open("local", settings, 1, NULL, &env.storage);
    if (status >= 0) {
        status = bsi_pool_new(threads(), &env.pool);
    }
    if (status >= 0) {
        status = run(&env, argc, argv);
    } else {
        (void)failed("opening the storage");
    }
    bsi_pool_free(env.pool);
    bsi_storage_unref(env.storage);
    (void)close(env.temp_dir);
    return status < 0 ? 1 : 0;
}
