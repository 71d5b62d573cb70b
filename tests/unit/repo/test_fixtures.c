/* SPDX-License-Identifier: MIT */
/*
 * Repositories that the restic program wrote are opened, and what is in them is
 * what an independent reader has found.
 */
#include "support/test.h"

#include <string.h>

#include "repo/repository.h"
#include "repo/snapshot.h"
#include "support/restic.h"

enum { ROOM = 1024 * 1024 };

static const char *data_folder;

static bsi_repo *open_repo(const char *name)
{
    bsi_storage *storage = restic_load(data_folder, name);
    bsi_secret *password = restic_password();
    const bsi_repo_place place = {.storage = storage, .folder = ""};
    bsi_repo *repo = NULL;

    assert_ok(bsi_repo_open(&place, NULL, password, &repo));
    bsi_secret_free(password);
    bsi_storage_unref(storage);
    return repo;
}

/* Each repository in turn. */
static void for_each_repo(restic_text_cb check, const char *section, size_t least)
{
    for (size_t i = 0; i < RESTIC_REPOSITORIES; i++) {
        bsi_repo *repo = open_repo(restic_repositories[i]);

        print_message("# %s\n", restic_repositories[i]);
        assert_true(restic_expected(data_folder, restic_repositories[i], section, check, repo) >=
                    least);
        bsi_repo_close(repo);
    }
}

static void check_config(void *user, const char *id, bsi_slice text)
{
    const bsi_repo *repo = user;
    bsi_buf out;

    (void)id;
    bsi_buf_init(&out, ROOM);
    assert_ok(bsi_repo_config_write(bsi_repo_config_of(repo), &out));
    assert_int_equal(out.size, text.size);
    assert_memory_equal(out.data, text.data, out.size);
    bsi_buf_dispose(&out);
}

static void each_opens_with_its_config(void **state)
{
    (void)state;
    for_each_repo(check_config, "config", 1);
}

static void each_refuses_another_password(void **state)
{
    (void)state;
    for (size_t i = 0; i < RESTIC_REPOSITORIES; i++) {
        bsi_storage *storage = restic_load(data_folder, restic_repositories[i]);
        const bsi_repo_place place = {.storage = storage, .folder = ""};
        bsi_repo *repo = NULL;

        assert_status(bsi_repo_open(&place, NULL, NULL, &repo), BS_E_KEY);
        bsi_storage_unref(storage);
    }
}

static bs_status check_key(void *user, const bsi_digest *id, const bsi_repo_key_info *info)
{
    const bsi_repo *repo = user;

    assert_true(bsi_digest_equal(id, bsi_repo_current_key(repo)));
    assert_non_null(info);
    assert_true(bsi_slice_is(info->username, "root"));
    assert_int_equal(info->cost.log_n, 15);
    return BS_OK;
}

static void keys_tell_who_made_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < RESTIC_REPOSITORIES; i++) {
        bsi_repo *repo = open_repo(restic_repositories[i]);
        assert_ok(bsi_repo_key_list(repo, NULL, check_key, repo));
        bsi_repo_close(repo);
    }
}

static void load(const bsi_repo *repo, bsi_repo_kind kind, const char *prefix, bsi_buf *out)
{
    bsi_digest id;

    assert_ok(bsi_repo_find(repo, NULL, kind, bsi_slice_of(prefix), &id));
    bsi_buf_init(out, ROOM);
    assert_ok(bsi_repo_load(repo, NULL, kind, &id, out));
}

/* Loaded, read and written again. */
static void check_snapshot(void *user, const char *id, bsi_slice text)
{
    bsi_snapshot snapshot;
    bsi_buf loaded;
    bsi_buf written;

    load(user, BSI_REPO_SNAPSHOTS, id, &loaded);
    assert_int_equal(loaded.size, text.size);
    assert_memory_equal(loaded.data, text.data, text.size);
    bsi_buf_init(&written, ROOM);
    assert_ok(bsi_snapshot_parse(bsi_buf_slice(&loaded), &snapshot));
    assert_ok(bsi_snapshot_write(&snapshot, &written));
    assert_int_equal(written.size, text.size);
    assert_memory_equal(written.data, text.data, text.size);
    bsi_snapshot_dispose(&snapshot);
    bsi_buf_dispose(&loaded);
    bsi_buf_dispose(&written);
}

static void snapshots_are_listed_and_written_again_byte_for_byte(void **state)
{
    static const size_t counts[RESTIC_REPOSITORIES] = {2, 2, 3};

    (void)state;
    for (size_t i = 0; i < RESTIC_REPOSITORIES; i++) {
        bsi_repo *repo = open_repo(restic_repositories[i]);
        bsi_repo_files files;

        assert_ok(bsi_repo_list(repo, NULL, BSI_REPO_SNAPSHOTS, &files));
        assert_int_equal(files.count, counts[i]);
        assert_int_equal(
            restic_expected(data_folder, restic_repositories[i], "snapshots", check_snapshot, repo),
            counts[i]);
        bsi_repo_files_dispose(&files);
        bsi_repo_close(repo);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_opens_with_its_config),
        cmocka_unit_test(each_refuses_another_password),
        cmocka_unit_test(keys_tell_who_made_them),
        cmocka_unit_test(snapshots_are_listed_and_written_again_byte_for_byte),
    };

    data_folder = argc > 1 ? argv[1] : "tests/data/restic";
    return cmocka_run_group_tests_name("repo/fixtures", tests, NULL, NULL);
}
