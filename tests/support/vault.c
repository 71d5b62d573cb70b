/* SPDX-License-Identifier: MIT */
#include "support/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os/random.h"
#include "support/test.h"
#include "support/tree.h"

static void report(void *user, bsi_slice path, const bs_error *error)
{
    test_vault *vault = user;

    atomic_fetch_add(&vault->warnings, 1);
    if (vault->print_warnings) {
        print_message("# warning: %.*s: %s\n", (int)path.size, path.data, error->message);
    }
}

static void open_storage(test_vault *vault)
{
    const bsi_setting settings[] = {{"path", vault->storage_path}};

    assert_int_equal(mkdir(vault->storage_path, 0700), 0);
    assert_ok(bsi_storage_open("local", settings, 1, NULL, &vault->env.storage));
}

int test_vault_setup(void **state)
{
    test_vault *vault = calloc(1, sizeof(*vault));
    void *dir = NULL;

    assert_non_null(vault);
    assert_int_equal(test_dir_setup(&dir), 0);
    vault->dir = dir;
    (void)snprintf(vault->source, sizeof(vault->source), "%s/source", vault->dir->path);
    (void)snprintf(vault->out, sizeof(vault->out), "%s/out", vault->dir->path);
    (void)snprintf(vault->storage_path, sizeof(vault->storage_path), "%s/storage",
                   vault->dir->path);
    open_storage(vault);
    assert_ok(bsi_pool_new(2, &vault->env.pool));
    vault->env.temp_dir = vault->dir->fd;
    vault->warn = (bsi_warn){report, vault};
    vault->env.warn = &vault->warn;
    vault->env.progress = &vault->progress;
    vault->print_warnings = true;
    *state = vault;
    return 0;
}

/* --- Keys --- */

static void open_bases(test_vault *vault)
{
    char path[600];
    const bsi_setting settings[] = {{"path", path}};

    if (!vault->env.bases) {
        (void)snprintf(path, sizeof(path), "%s/bases", vault->dir->path);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_ok(bsi_storage_open("local", settings, 1, NULL, &vault->env.bases));
    }
}

void test_vault_encrypt(test_vault *vault, bsi_encryption encryption)
{
    test_seal_dispose(&vault->seal);
    if (encryption == BSI_ENCRYPTION_AES256) {
        test_seal_passphrase(&vault->seal);
    } else if (encryption == BSI_ENCRYPTION_RSA) {
        test_seal_rsa(&vault->seal);
        open_bases(vault);
    }
    test_vault_lend_key(vault, true);
}

void test_vault_encrypt_raw(test_vault *vault)
{
    test_seal_dispose(&vault->seal);
    test_seal_raw_key(&vault->seal);
    test_vault_lend_key(vault, true);
}

void test_vault_lend_key(test_vault *vault, bool lend)
{
    test_seal_lend(&vault->seal, lend, &vault->env);
}

int test_vault_teardown(void **state)
{
    test_vault *vault = *state;
    void *dir = vault->dir;

    bsi_pool_free(vault->env.pool);
    bsi_storage_unref(vault->env.storage);
    bsi_storage_unref(vault->env.bases);
    test_seal_dispose(&vault->seal);
    tree_remove(vault->source);
    tree_remove(vault->out);
    (void)test_dir_teardown(&dir);
    free(vault);
    return 0;
}

static void reset_progress(test_vault *vault)
{
    atomic_store(&vault->progress.files_done, 0);
    atomic_store(&vault->progress.files_total, 0);
    atomic_store(&vault->progress.bytes_done, 0);
    atomic_store(&vault->progress.bytes_total, 0);
    atomic_store(&vault->warnings, 0);
}

void test_vault_backup(test_vault *vault, const char *form, bsi_backup_kind kind,
                       const char *compression, const test_backup *base, test_backup *out)
{
    const char *const roots[] = {vault->source, NULL};
    bsi_backup_plan plan = {
        .id = out->id,
        .name = "home",
        .kind = kind,
        .compression = compression,
        .created_at = bsi_now(),
        .started_at = bsi_now(),
        .retention_days = 30,
        .note = "",
        .metadata = "{}",
        .options = "{}",
        .source_paths = roots,
        .walk = {.roots = roots, .root_count = 1},
        .base_manifest_key = base ? base->result.manifest_key : NULL,
        .content_only = vault->content_only,
        .allow_empty_mirror = true,
    };

    memset(out, 0, sizeof(*out));
    assert_ok(bsi_new_id(out->id));
    test_seal_plan(&vault->seal, &plan);
    reset_progress(vault);
    out->status = bsi_vault_find(form)->backup(&vault->env, &plan, &out->result);
}

void test_backup_dispose(test_backup *backup)
{
    bsi_backup_result_dispose(&backup->result);
}

bs_status test_vault_restore(test_vault *vault, const char *form, const test_backup *backup)
{
    const bsi_restore_plan plan = {
        .manifest_key = backup->result.manifest_key,
        .restore_path = vault->out,
        .target = {.permissions = true, .ownership = true, .privileged = true},
        .verify = true,
        .strip_source = true,
    };
    bsi_restore_result result = {0};

    tree_remove(vault->out);
    reset_progress(vault);
    return bsi_vault_find(form)->restore(&vault->env, &plan, &result);
}

typedef struct damage {
    unsigned objects;
    unsigned lost;
    bool print;
} damage;

static bs_status count_object(void *user, const char *key, const char *message)
{
    damage *found = user;

    if (found->print) {
        print_message("# damage: %s: %s\n", key, message);
    }
    found->objects++;
    return BS_OK;
}

static bs_status count_lost(void *user, bsi_slice path)
{
    damage *found = user;

    (void)path;
    found->lost++;
    return BS_OK;
}

unsigned test_vault_verify(test_vault *vault, const char *form, const test_backup *backup,
                           unsigned *lost_out)
{
    damage found = {.print = vault->print_warnings};
    const bsi_damage_sink sink = {count_object, count_lost, &found};
    bsi_verify_result result;

    reset_progress(vault);
    assert_ok(
        bsi_vault_find(form)->verify(&vault->env, backup->result.manifest_key, &sink, &result));
    if (lost_out) {
        *lost_out = found.lost;
    }
    return found.objects;
}
