/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/repository.h"
#include "storage/decorators/faulty.h"

enum { ROOM = 64 * 1024 };

/* Costs next to nothing. */
static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};

static bsi_storage *new_storage(void)
{
    bsi_storage *storage = NULL;

    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &storage));
    return storage;
}

static bsi_secret *secret_of(const char *text)
{
    bsi_secret *secret = NULL;

    assert_ok(bsi_secret_copy(text, strlen(text), &secret));
    return secret;
}

/* A repository on a storage of its own, with the empty password. */
static bsi_repo *new_repo(uint32_t version)
{
    bsi_storage *storage = new_storage();
    const bsi_repo_place place = {.storage = storage, .folder = ""};
    bsi_repo_options options = cheap;
    bsi_repo *repo = NULL;

    options.version = version;
    assert_ok(bsi_repo_init(&place, NULL, &options, NULL, &repo));
    bsi_storage_unref(storage);
    return repo;
}

static void assert_opens(bsi_storage *storage, const char *folder, const bsi_secret *password,
                         bs_status expected)
{
    const bsi_repo_place place = {.storage = storage, .folder = folder};
    bsi_repo *repo = NULL;

    assert_status(bsi_repo_open(&place, NULL, password, &repo), expected);
    assert_true((repo != NULL) == (expected == BS_OK));
    bsi_repo_close(repo);
}

static void a_new_repository_opens_with_its_password_alone(void **state)
{
    static const char *const folders[] = {"", "a/b"};
    bsi_secret *right = secret_of("right");
    bsi_secret *wrong = secret_of("wrong");

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(folders); i++) {
        bsi_storage *storage = new_storage();
        const bsi_repo_place place = {.storage = storage, .folder = folders[i]};
        bsi_repo *repo = NULL;
        bsi_repo *again = NULL;

        assert_ok(bsi_repo_init(&place, NULL, &cheap, right, &repo));
        assert_int_equal(bsi_repo_config_of(repo)->version, 2);
        assert_ok(bsi_repo_open(&place, NULL, right, &again));
        assert_memory_equal(bsi_repo_config_of(repo), bsi_repo_config_of(again),
                            sizeof(bsi_repo_config));
        assert_memory_equal(bsi_secret_view(bsi_repo_master_key(repo)),
                            bsi_secret_view(bsi_repo_master_key(again)), BSI_CTR_POLY_KEY_SIZE);
        assert_opens(storage, folders[i], wrong, BS_E_KEY);
        assert_opens(storage, folders[i], NULL, BS_E_KEY);
        assert_string_equal(bs_error_last()->message,
                            "the pass phrase opens none of the repository's 1 keys");
        assert_opens(storage, "elsewhere", right, BS_E_NOT_FOUND);
        bsi_repo_close(repo);
        bsi_repo_close(again);
        bsi_storage_unref(storage);
    }
    bsi_secret_free(right);
    bsi_secret_free(wrong);
}

static void a_repository_can_have_the_chunks_of_another(void **state)
{
    bsi_storage *storage = new_storage();
    const bsi_repo_place place = {.storage = storage, .folder = ""};
    bsi_repo_options options = cheap;
    bsi_repo *repo = NULL;

    (void)state;
    options.version = 1;
    options.polynomial = 0x3da3358b4dc173;
    assert_ok(bsi_repo_init(&place, NULL, &options, NULL, &repo));
    assert_int_equal(bsi_repo_config_of(repo)->version, 1);
    assert_true(bsi_repo_config_of(repo)->polynomial == 0x3da3358b4dc173);
    bsi_repo_close(repo);
    options.version = 3;
    assert_status(bsi_repo_init(&place, NULL, &options, NULL, &repo), BS_E_INVALID);
    bsi_storage_unref(storage);
}

static void nothing_is_made_where_a_repository_is(void **state)
{
    static const char *const there[] = {
        "config",
        "keys/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "snapshots/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(there); i++) {
        bsi_storage *storage = new_storage();
        const bsi_repo_place place = {.storage = storage, .folder = ""};
        bsi_repo *repo = NULL;

        assert_ok(bsi_storage_put(storage, NULL, there[i], "x", 1));
        assert_status(bsi_repo_init(&place, NULL, &cheap, NULL, &repo), BS_E_EXISTS);
        assert_null(repo);
        bsi_storage_unref(storage);
    }
}

static size_t count_keys(const bsi_repo *repo)
{
    bsi_repo_files files = {0};
    size_t count = 0;

    assert_ok(bsi_repo_list(repo, NULL, BSI_REPO_KEYS, &files));
    count = files.count;
    bsi_repo_files_dispose(&files);
    return count;
}

/* Whoever died before the config was stored, or is about to store it, has the same master key. */
static void what_was_begun_is_completed(void **state)
{
    bsi_storage *storage = new_storage();
    const bsi_repo_place place = {.storage = storage, .folder = ""};
    bsi_secret *right = secret_of("right");
    bsi_secret *wrong = secret_of("wrong");
    bsi_repo *begun = NULL;
    bsi_repo *repo = NULL;

    (void)state;
    assert_ok(bsi_repo_init(&place, NULL, &cheap, right, &begun));
    assert_ok(bsi_storage_remove(storage, NULL, "config"));
    assert_status(bsi_repo_init(&place, NULL, &cheap, wrong, &repo), BS_E_EXISTS);
    assert_non_null(strstr(bs_error_last()->message, "1 keys of a repository that was begun"));
    assert_int_equal(count_keys(begun), 1);
    assert_ok(bsi_repo_init(&place, NULL, &cheap, right, &repo));
    assert_memory_equal(bsi_secret_view(bsi_repo_master_key(repo)),
                        bsi_secret_view(bsi_repo_master_key(begun)), BSI_CTR_POLY_KEY_SIZE);
    assert_int_equal(count_keys(begun), 2);
    bsi_repo_close(repo);
    assert_ok(bsi_repo_open(&place, NULL, right, &repo));
    bsi_repo_close(repo);
    bsi_repo_close(begun);
    bsi_storage_unref(storage);
    bsi_secret_free(right);
    bsi_secret_free(wrong);
}

static void a_folder_is_a_path_on_the_storage(void **state)
{
    static const char *const bad[] = {"/", "a/", "../a", "a//b"};
    bsi_storage *storage = new_storage();

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_opens(storage, bad[i], NULL, BS_E_INVALID);
    }
    bsi_storage_unref(storage);
}

/* --- What is broken --- */

static void put_config(const bsi_repo *repo, const bsi_secret *key, const char *json)
{
    uint8_t sealed[256];

    assert_true(strlen(json) + BSI_CTR_POLY_OVERHEAD <= sizeof(sealed));
    assert_ok(bsi_ctr_poly_seal(key, json, strlen(json), sealed));
    assert_ok(bsi_storage_put(bsi_repo_storage(repo), NULL, "config", sealed,
                              strlen(json) + BSI_CTR_POLY_OVERHEAD));
}

static void a_config_that_is_missing_or_bad_is_named(void **state)
{
    bsi_repo *repo = new_repo(2);
    bsi_repo *other = new_repo(2);
    bsi_storage *storage = bsi_repo_storage(repo);

    (void)state;
    put_config(repo, bsi_repo_master_key(repo), "{\"version\":3}");
    assert_opens(storage, "", NULL, BS_E_VERSION);
    put_config(repo, bsi_repo_master_key(repo), "{\"version\":2}");
    assert_opens(storage, "", NULL, BS_E_CORRUPT);
    put_config(repo, bsi_repo_master_key(other),
               "{\"version\":2,\"chunker_polynomial\":\"3da3358b4dc173\"}");
    assert_opens(storage, "", NULL, BS_E_CORRUPT);
    assert_string_equal(bs_error_last()->message,
                        "the repository's config is damaged, or that of another repository");
    assert_ok(bsi_storage_put(storage, NULL, "config", "short", 5));
    assert_opens(storage, "", NULL, BS_E_CORRUPT);
    assert_ok(bsi_storage_put(storage, NULL, "config", "", 0));
    assert_opens(storage, "", NULL, BS_E_CORRUPT);
    assert_ok(bsi_storage_remove(storage, NULL, "config"));
    assert_opens(storage, "", NULL, BS_E_CORRUPT);
    assert_string_equal(bs_error_last()->message,
                        "the repository's config is missing, though it has 1 key files");
    bsi_repo_close(repo);
    bsi_repo_close(other);
}

static void put_key(const bsi_repo *repo, const char *text)
{
    char digits[2 * BSI_SHA256_SIZE + 1];
    char key[128];
    bsi_digest id;

    bsi_sha256_of(text, strlen(text), &id);
    bsi_digest_format(&id, digits);
    (void)snprintf(key, sizeof(key), "keys/%s", digits);
    assert_ok(bsi_storage_put(bsi_repo_storage(repo), NULL, key, text, strlen(text)));
}

#define SALT \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

/* The dearest of those that are allowed at all takes half a minute: it comes last. */
static void damaged_and_dear_keys_are_in_nobodys_way(void **state)
{
    bsi_repo *repo = new_repo(2);
    bsi_secret *wrong = secret_of("wrong");

    (void)state;
    put_key(repo, "{}");
    put_key(repo, "no json");
    put_key(repo, "{\"kdf\":\"scrypt\",\"N\":1073741824,\"r\":8,\"p\":1,\"salt\":\"" SALT
                  "\",\"data\":\"" SALT "\"}");
    assert_ok(bsi_storage_put(
        bsi_repo_storage(repo), NULL,
        "keys/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "{}", 2));
    assert_opens(bsi_repo_storage(repo), "", wrong, BS_E_KEY);
    assert_non_null(
        strstr(bs_error_last()->message, "none of the repository's 1 keys, and 4 more"));
    put_key(repo, "{\"kdf\":\"scrypt\",\"N\":4096,\"r\":1,\"p\":16384,\"salt\":\"" SALT
                  "\",\"data\":\"" SALT "\"}");
    assert_opens(bsi_repo_storage(repo), "", NULL, BS_OK);
    bsi_secret_free(wrong);
    bsi_repo_close(repo);
}

static bs_status remove_object(void *user, const char *key, const bs_storage_object *object)
{
    (void)object;
    return bsi_storage_remove(user, NULL, key);
}

static void without_a_key_that_can_be_used_nothing_opens(void **state)
{
    bsi_repo *repo = new_repo(2);
    bsi_storage *storage = bsi_repo_storage(repo);

    (void)state;
    assert_ok(bsi_storage_list(storage, NULL, "keys", remove_object, storage));
    assert_opens(storage, "", NULL, BS_E_CORRUPT);
    assert_string_equal(bs_error_last()->message,
                        "the repository has a config but no key files: nothing opens it");
    put_key(repo, "{}");
    assert_opens(storage, "", NULL, BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "none of the repository's 1 key files"));
    bsi_repo_close(repo);
}

/* --- Files --- */

static bsi_digest save(const bsi_repo *repo, bsi_repo_kind kind, const char *text)
{
    bsi_digest id;

    assert_ok(bsi_repo_save(repo, NULL, kind, bsi_slice_of(text), &id));
    return id;
}

static bs_status load(const bsi_repo *repo, bsi_repo_kind kind, const bsi_digest *id, size_t max)
{
    bsi_buf out;
    bs_status status = BS_OK;

    bsi_buf_init(&out, max);
    status = bsi_repo_load(repo, NULL, kind, id, &out);
    bsi_buf_dispose(&out);
    return status;
}

static void a_text_comes_back_as_it_was_saved(void **state)
{
    static const bsi_repo_kind kinds[] = {BSI_REPO_SNAPSHOTS, BSI_REPO_INDEX, BSI_REPO_LOCKS};

    (void)state;
    for (uint32_t version = 1; version <= 2; version++) {
        bsi_repo *repo = new_repo(version);
        for (size_t i = 0; i < BSI_ARRAY_SIZE(kinds); i++) {
            const bsi_digest id = save(repo, kinds[i], "{\"a\":1}");
            const bsi_digest other = save(repo, kinds[i], "{\"a\":1}");
            bsi_buf out;

            assert_false(bsi_digest_equal(&id, &other));
            bsi_buf_init(&out, ROOM);
            assert_ok(bsi_repo_load(repo, NULL, kinds[i], &id, &out));
            assert_int_equal(out.size, 7);
            assert_memory_equal(out.data, "{\"a\":1}", 7);
            bsi_buf_dispose(&out);
            assert_ok(bsi_repo_remove(repo, NULL, kinds[i], &id));
            assert_status(load(repo, kinds[i], &id, ROOM), BS_E_NOT_FOUND);
            assert_ok(load(repo, kinds[i], &other, ROOM));
            assert_status(load(repo, kinds[i], &other, 6), BS_E_LIMIT);
        }
        bsi_repo_close(repo);
    }
}

/* Any byte that is changed, and any end that is cut off. */
static void a_changed_file_is_found(void **state)
{
    bsi_repo *repo = new_repo(2);
    bsi_storage *storage = bsi_repo_storage(repo);
    const bsi_digest id = save(repo, BSI_REPO_SNAPSHOTS, "{\"a\":1}");
    char key[BSI_REPO_KEY_SIZE];
    bsi_buf stored;

    (void)state;
    bsi_buf_init(&stored, ROOM);
    bsi_repo_object_key(repo, BSI_REPO_SNAPSHOTS, &id, key);
    assert_ok(bsi_storage_load(storage, NULL, key, ROOM, &stored));
    for (size_t i = 0; i < stored.size; i++) {
        stored.data[i] ^= 1;
        assert_ok(bsi_storage_put(storage, NULL, key, stored.data, stored.size));
        assert_status(load(repo, BSI_REPO_SNAPSHOTS, &id, ROOM), BS_E_CORRUPT);
        stored.data[i] ^= 1;
        assert_ok(bsi_storage_put(storage, NULL, key, stored.data, i));
        assert_status(load(repo, BSI_REPO_SNAPSHOTS, &id, ROOM), BS_E_CORRUPT);
    }
    assert_non_null(strstr(bs_error_last()->message, "snapshot "));
    bsi_buf_dispose(&stored);
    bsi_repo_close(repo);
}

/* Whole, and with the right name, but of another repository. */
static void a_file_of_another_repository_is_found(void **state)
{
    bsi_repo *repo = new_repo(2);
    bsi_repo *other = new_repo(2);
    const bsi_digest id = save(other, BSI_REPO_SNAPSHOTS, "{\"a\":1}");
    char key[BSI_REPO_KEY_SIZE];
    bsi_buf stored;

    (void)state;
    bsi_buf_init(&stored, ROOM);
    bsi_repo_object_key(other, BSI_REPO_SNAPSHOTS, &id, key);
    assert_ok(bsi_storage_load(bsi_repo_storage(other), NULL, key, ROOM, &stored));
    assert_ok(bsi_storage_put(bsi_repo_storage(repo), NULL, key, stored.data, stored.size));
    assert_status(load(repo, BSI_REPO_SNAPSHOTS, &id, ROOM), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "not encrypted with this repository's key"));
    bsi_buf_dispose(&stored);
    bsi_repo_close(repo);
    bsi_repo_close(other);
}

static void put_named(const bsi_repo *repo, const char *key)
{
    assert_ok(bsi_storage_put(bsi_repo_storage(repo), NULL, key, "x", 1));
}

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_AB "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void only_ids_are_names_of_files(void **state)
{
    bsi_repo *repo = new_repo(2);
    bsi_repo_files files;

    (void)state;
    put_named(repo, "snapshots/" ID_B);
    put_named(repo, "snapshots/" ID_A);
    put_named(repo, "snapshots/" ID_A "-tmp-123");
    put_named(repo, "snapshots/short");
    put_named(repo, "snapshots/x/" ID_AB);
    put_named(repo, "snapshotsx/" ID_AB);
    assert_ok(bsi_repo_list(repo, NULL, BSI_REPO_SNAPSHOTS, &files));
    assert_int_equal(files.count, 2);
    assert_int_equal(files.items[0].id.bytes[0], 0xaa);
    assert_int_equal(files.items[1].id.bytes[0], 0xbb);
    assert_int_equal(files.items[1].size, 1);
    bsi_repo_files_dispose(&files);

    put_named(repo, "data/aa/" ID_A);
    put_named(repo, "data/bb/" ID_A);
    put_named(repo, "data/" ID_B);
    put_named(repo, "data/aa/x");
    put_named(repo, "data/a");
    assert_ok(bsi_repo_list(repo, NULL, BSI_REPO_PACKS, &files));
    assert_int_equal(files.count, 1);
    bsi_repo_files_dispose(&files);

    assert_ok(bsi_repo_list(repo, NULL, BSI_REPO_LOCKS, &files));
    assert_int_equal(files.count, 0);
    bsi_repo_files_dispose(&files);
    bsi_repo_close(repo);
}

static bs_status find(const bsi_repo *repo, const char *prefix)
{
    bsi_digest id;

    return bsi_repo_find(repo, NULL, BSI_REPO_SNAPSHOTS, bsi_slice_of(prefix), &id);
}

static void an_id_is_found_by_its_beginning(void **state)
{
    bsi_repo *repo = new_repo(2);

    (void)state;
    put_named(repo, "snapshots/" ID_A);
    put_named(repo, "snapshots/" ID_AB);
    put_named(repo, "snapshots/" ID_B);
    assert_ok(find(repo, "b"));
    assert_ok(find(repo, ID_A));
    assert_ok(find(repo, ID_AB));
    assert_status(find(repo, "aaa"), BS_E_AMBIGUOUS);
    assert_status(find(repo, "c"), BS_E_NOT_FOUND);
    assert_status(find(repo, ""), BS_E_INVALID);
    assert_status(find(repo, "B"), BS_E_INVALID);
    assert_status(find(repo, "latest"), BS_E_INVALID);
    assert_status(find(repo, ID_A "a"), BS_E_INVALID);
    bsi_repo_close(repo);
}

/* --- Keys --- */

typedef struct key_count {
    size_t good;
    size_t damaged;
    bsi_digest last;
} key_count;

static bs_status count_key(void *user, const bsi_digest *id, const bsi_repo_key_info *info)
{
    key_count *count = user;

    count->last = *id;
    if (!info) {
        count->damaged++;
        return BS_OK;
    }
    count->good++;
    assert_true(info->hostname.size > 0);
    assert_int_equal(info->cost.log_n, 1);
    return BS_OK;
}

static void assert_keys(const bsi_repo *repo, size_t good, size_t damaged)
{
    key_count count = {0};

    assert_ok(bsi_repo_key_list(repo, NULL, count_key, &count));
    assert_int_equal(count.good, good);
    assert_int_equal(count.damaged, damaged);
}

static void keys_are_added_listed_changed_and_removed(void **state)
{
    bsi_repo *repo = new_repo(2);
    bsi_storage *storage = bsi_repo_storage(repo);
    bsi_secret *second = secret_of("second");
    bsi_secret *third = secret_of("third");
    bsi_digest id;

    (void)state;
    assert_keys(repo, 1, 0);
    assert_ok(bsi_repo_key_add(repo, NULL, second, &cheap.cost, &id));
    put_key(repo, "{}");
    assert_keys(repo, 2, 1);
    assert_opens(storage, "", second, BS_OK);
    assert_opens(storage, "", NULL, BS_OK);
    assert_status(bsi_repo_key_remove(repo, NULL, bsi_repo_current_key(repo)), BS_E_NEEDED);
    assert_ok(bsi_repo_key_change(repo, NULL, third, &cheap.cost));
    assert_keys(repo, 2, 1);
    assert_opens(storage, "", third, BS_OK);
    assert_opens(storage, "", NULL, BS_E_KEY);
    assert_status(bsi_repo_key_remove(repo, NULL, bsi_repo_current_key(repo)), BS_E_NEEDED);
    assert_ok(bsi_repo_key_remove(repo, NULL, &id));
    assert_status(bsi_repo_key_remove(repo, NULL, &id), BS_E_NOT_FOUND);
    assert_opens(storage, "", second, BS_E_KEY);
    bsi_secret_free(second);
    bsi_secret_free(third);
    bsi_repo_close(repo);
}

/* --- When things fail --- */

/* Whatever fails while one is made, it is there afterwards, or can be made. */
static void half_a_repository_is_never_left(void **state)
{
    bs_status status = BS_E_IO;

    (void)state;
    for (uint64_t at = 1; status != BS_OK; at++) {
        bsi_storage *inner = new_storage();
        bsi_storage *faulty = NULL;
        bsi_repo *repo = NULL;
        const bsi_faulty_plan plan = {.at = (at + 1) / 2, .code = BS_E_IO, .after = at % 2 == 1};

        assert_ok(bsi_storage_faulty_new(inner, &faulty));
        const bsi_repo_place place = {.storage = faulty, .folder = ""};
        bsi_storage_faulty_set(faulty, &plan);
        status = bsi_repo_init(&place, NULL, &cheap, NULL, &repo);
        bsi_repo_close(repo);
        bsi_storage_faulty_set(faulty, NULL);
        repo = NULL;
        if (bsi_repo_open(&place, NULL, NULL, &repo) != BS_OK) {
            assert_status(bsi_repo_init(&place, NULL, &cheap, NULL, &repo), BS_OK);
        }
        bsi_repo_close(repo);
        bsi_storage_unref(faulty);
        bsi_storage_unref(inner);
    }
}

/* Whatever fails while a pass phrase is changed, the old or the new one opens. */
static void a_repository_can_be_opened_at_each_moment_of_a_change(void **state)
{
    bsi_secret *after = secret_of("after");
    bs_status status = BS_E_IO;

    (void)state;
    for (uint64_t at = 1; status != BS_OK; at++) {
        bsi_storage *inner = new_storage();
        bsi_storage *faulty = NULL;
        bsi_repo *repo = NULL;
        const bsi_faulty_plan plan = {.at = at, .code = BS_E_IO, .forever = true};

        assert_ok(bsi_storage_faulty_new(inner, &faulty));
        const bsi_repo_place place = {.storage = faulty, .folder = ""};
        assert_ok(bsi_repo_init(&place, NULL, &cheap, NULL, &repo));
        bsi_storage_faulty_set(faulty, &plan);
        status = bsi_repo_key_change(repo, NULL, after, &cheap.cost);
        bsi_repo_close(repo);
        bsi_storage_faulty_set(faulty, NULL);
        repo = NULL;
        if (status == BS_OK) {
            assert_opens(faulty, "", NULL, BS_E_KEY);
        }
        if (bsi_repo_open(&place, NULL, NULL, &repo) != BS_OK) {
            assert_ok(bsi_repo_open(&place, NULL, after, &repo));
        }
        bsi_repo_close(repo);
        bsi_storage_unref(faulty);
        bsi_storage_unref(inner);
    }
    bsi_secret_free(after);
}

static void lack_of_memory_is_told_and_leaves_nothing_behind(void **state)
{
    bsi_repo *made = new_repo(2);
    const bsi_repo_place place = {.storage = bsi_repo_storage(made), .folder = ""};
    const bsi_digest id = save(made, BSI_REPO_SNAPSHOTS, "{\"a\":1}");
    bs_status status = BS_E_NOMEM;

    (void)state;
    for (long n = 0; status != BS_OK; n++) {
        bsi_repo *repo = NULL;
        bsi_alloc_fail_after(n);
        status = bsi_repo_open(&place, NULL, NULL, &repo);
        if (status == BS_OK) {
            status = load(repo, BSI_REPO_SNAPSHOTS, &id, ROOM);
        }
        bsi_alloc_fail_after(-1);
        bsi_repo_close(repo);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    bsi_repo_close(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_repository_opens_with_its_password_alone),
        cmocka_unit_test(a_repository_can_have_the_chunks_of_another),
        cmocka_unit_test(nothing_is_made_where_a_repository_is),
        cmocka_unit_test(what_was_begun_is_completed),
        cmocka_unit_test(a_folder_is_a_path_on_the_storage),
        cmocka_unit_test(a_config_that_is_missing_or_bad_is_named),
        cmocka_unit_test(damaged_and_dear_keys_are_in_nobodys_way),
        cmocka_unit_test(without_a_key_that_can_be_used_nothing_opens),
        cmocka_unit_test(a_text_comes_back_as_it_was_saved),
        cmocka_unit_test(a_changed_file_is_found),
        cmocka_unit_test(a_file_of_another_repository_is_found),
        cmocka_unit_test(only_ids_are_names_of_files),
        cmocka_unit_test(an_id_is_found_by_its_beginning),
        cmocka_unit_test(keys_are_added_listed_changed_and_removed),
        cmocka_unit_test(half_a_repository_is_never_left),
        cmocka_unit_test(a_repository_can_be_opened_at_each_moment_of_a_change),
        cmocka_unit_test(lack_of_memory_is_told_and_leaves_nothing_behind),
    };

    return cmocka_run_group_tests_name("repo/repository", tests, NULL, NULL);
}
