/* SPDX-License-Identifier: MIT */
/* What scrypt made is remembered, and opens nothing that it would not open by itself. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "os/thread.h"
#include "repo/repository.h"

enum { OPENERS = 2, OPENINGS = 50 };

static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};

/* A repository that the phrase "right" opens, and a memory for it. */
typedef struct fixture {
    bsi_repo_place place;
    bsi_secret *right;
    bsi_secret *wrong;
    bsi_repo *repo; /* As it was made. */
} fixture;

static bsi_secret *secret_of(const char *text)
{
    bsi_secret *secret = NULL;

    assert_ok(bsi_secret_copy(text, strlen(text), &secret));
    return secret;
}

static int setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    self->place.folder = "";
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &self->place.storage));
    assert_ok(bsi_known_keys_new(&self->place.known));
    self->right = secret_of("right");
    self->wrong = secret_of("wrong");
    assert_ok(bsi_repo_init(&self->place, NULL, &cheap, self->right, &self->repo));
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    bsi_alloc_fail_after(-1);
    bsi_repo_close(self->repo);
    bsi_storage_unref(self->place.storage);
    bsi_known_keys_free(self->place.known);
    bsi_secret_free(self->right);
    bsi_secret_free(self->wrong);
    free(self);
    return 0;
}

/* Open it; how often scrypt ran for that. */
static uint64_t open_it(const fixture *self, const bsi_secret *password, bs_status expected)
{
    const uint64_t before = bsi_scrypt_runs();
    bsi_repo *repo = NULL;

    assert_status(bsi_repo_open(&self->place, NULL, password, &repo), expected);
    if (repo) {
        assert_memory_equal(bsi_secret_view(bsi_repo_master_key(repo)),
                            bsi_secret_view(bsi_repo_master_key(self->repo)),
                            BSI_CTR_POLY_KEY_SIZE);
    }
    bsi_repo_close(repo);
    return bsi_scrypt_runs() - before;
}

/* --- Repositories --- */

static void scrypt_runs_once_to_make_and_once_to_open(void **state)
{
    fixture *self = *state;
    bsi_repo_place other = {.folder = "other", .known = self->place.known};
    const uint64_t before = bsi_scrypt_runs();
    bsi_repo *repo = NULL;

    other.storage = self->place.storage;
    assert_ok(bsi_repo_init(&other, NULL, &cheap, self->right, &repo));
    assert_int_equal(bsi_scrypt_runs() - before, 1);
    bsi_repo_close(repo);
    assert_int_equal(open_it(self, self->right, BS_OK), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(open_it(self, self->right, BS_OK), 0);
    }
}

static void without_a_memory_scrypt_runs_each_time(void **state)
{
    fixture *self = *state;
    bsi_known_keys *known = self->place.known;

    self->place.known = NULL;
    assert_int_equal(open_it(self, self->right, BS_OK), 1);
    assert_int_equal(open_it(self, self->right, BS_OK), 1);
    self->place.known = known;
}

static void a_wrong_phrase_costs_and_is_refused_each_time(void **state)
{
    fixture *self = *state;

    assert_int_equal(open_it(self, self->right, BS_OK), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(open_it(self, self->wrong, BS_E_KEY), 1);
        assert_string_equal(bs_error_last()->message,
                            "the pass phrase opens none of the repository's 1 keys");
        assert_int_equal(open_it(self, NULL, BS_E_KEY), 1);
    }
    assert_int_equal(open_it(self, self->right, BS_OK), 0);
}

static void a_key_file_that_was_removed_opens_nothing(void **state)
{
    fixture *self = *state;
    bsi_digest id;

    assert_ok(bsi_repo_key_add(self->repo, NULL, self->wrong, &cheap.cost, &id));
    assert_int_equal(open_it(self, self->wrong, BS_OK), 0); /* Its check has opened it. */
    assert_ok(bsi_repo_key_remove(self->repo, NULL, &id));
    assert_int_equal(open_it(self, self->wrong, BS_E_KEY), 1);
}

static void the_phrase_before_a_change_opens_nothing(void **state)
{
    fixture *self = *state;
    bsi_secret *after = secret_of("after");
    const uint64_t before = bsi_scrypt_runs();

    assert_int_equal(open_it(self, self->right, BS_OK), 1);
    assert_ok(bsi_repo_key_change(self->repo, NULL, after, &cheap.cost));
    assert_int_equal(bsi_scrypt_runs() - before, 3); /* Opened, written and checked. */
    assert_int_equal(open_it(self, self->right, BS_E_KEY), 1);
    assert_int_equal(open_it(self, after, BS_OK), 0);
    bsi_secret_free(after);
}

/* Key files of others do not cost anything either, once the right one is known. */
static void the_key_file_that_is_known_is_found_among_many(void **state)
{
    fixture *self = *state;

    for (int i = 0; i < 5; i++) {
        char text[] = "0th";
        bsi_secret *secret = NULL;
        bsi_digest id;

        text[0] = (char)('0' + i);
        secret = secret_of(text);
        assert_ok(bsi_repo_key_add(self->repo, NULL, secret, &cheap.cost, &id));
        bsi_secret_free(secret);
    }
    assert_true(open_it(self, self->right, BS_OK) >= 1);
    assert_int_equal(open_it(self, self->right, BS_OK), 0);
}

static void what_is_known_opens_without_scrypt_or_not_at_all(void **state)
{
    fixture *self = *state;
    const uint64_t before = bsi_scrypt_runs();
    bsi_repo *repo = NULL;

    assert_status(bsi_repo_open_known(&self->place, NULL, self->right, &repo), BS_E_KEY);
    assert_int_equal(open_it(self, self->right, BS_OK), 1);
    assert_ok(bsi_repo_open_known(&self->place, NULL, self->right, &repo));
    bsi_repo_close(repo);
    assert_ok(bsi_repo_key_change(self->repo, NULL, self->wrong, &cheap.cost));
    repo = NULL;
    assert_status(bsi_repo_open_known(&self->place, NULL, self->right, &repo), BS_E_KEY);
    assert_null(repo);
    assert_int_equal(bsi_scrypt_runs() - before, 3);
}

static void open_often(void *user)
{
    const fixture *self = user;

    for (int i = 0; i < OPENINGS; i++) {
        bsi_repo *repo = NULL;
        assert_ok(bsi_repo_open(&self->place, NULL, self->right, &repo));
        bsi_repo_close(repo);
        assert_status(bsi_repo_open(&self->place, NULL, self->wrong, &repo), BS_E_KEY);
    }
}

static void threads_share_what_is_known(void **state)
{
    fixture *self = *state;
    const uint64_t before = bsi_scrypt_runs();
    const uint64_t wrong = (uint64_t)OPENERS * OPENINGS;
    bsi_thread threads[OPENERS];
    uint64_t runs = 0;

    for (int i = 0; i < OPENERS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "opener", open_often, self));
    }
    for (int i = 0; i < OPENERS; i++) {
        bsi_thread_join(threads[i]);
    }
    runs = bsi_scrypt_runs() - before;
    assert_in_range(runs - wrong, 1, OPENERS);
}

static void lack_of_memory_is_told(void **state)
{
    fixture *self = *state;
    bs_status status = BS_E_NOMEM;

    for (long n = 0; status != BS_OK; n++) {
        bsi_known_keys *known = NULL;
        bsi_repo_place place = self->place;
        bsi_repo *repo = NULL;

        bsi_alloc_fail_after(n);
        status = bsi_known_keys_new(&known);
        place.known = known;
        for (int i = 0; i < 2 && status == BS_OK; i++) {
            status = bsi_repo_open(&place, NULL, self->right, &repo);
            bsi_repo_close(repo);
            repo = NULL;
        }
        bsi_alloc_fail_after(-1);
        bsi_known_keys_free(known);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
}

/* --- The memory by itself --- */

static void put(const fixture *self, const bsi_known_from *from, uint8_t with)
{
    bsi_secret *key = NULL;

    assert_ok(bsi_secret_new(BSI_KNOWN_KEY_SIZE, &key));
    memset(bsi_secret_bytes(key), with, BSI_KNOWN_KEY_SIZE);
    assert_ok(bsi_known_keys_put(self->place.known, from, key));
    bsi_secret_free(key);
}

/* `with` 0: nothing is known of it. */
static void assert_known(const fixture *self, const bsi_known_from *from, uint8_t with)
{
    uint8_t expected[BSI_KNOWN_KEY_SIZE];
    bsi_secret *key = NULL;

    assert_status(bsi_known_keys_get(self->place.known, from, &key), with ? BS_OK : BS_E_KEY);
    if (with) {
        memset(expected, with, sizeof(expected));
        assert_memory_equal(bsi_secret_view(key), expected, sizeof(expected));
    }
    bsi_secret_free(key);
}

static void only_the_same_phrase_salt_and_cost_are_known(void **state)
{
    fixture *self = *state;
    char salt[BSI_KNOWN_SALT_SIZE] = "salt";
    char other_salt[BSI_KNOWN_SALT_SIZE] = "salt";
    const bsi_known_from from = {self->right, {salt, sizeof(salt)}, {15, 8, 6}};
    bsi_known_from others[] = {from, from, from, from, from, from};

    other_salt[BSI_KNOWN_SALT_SIZE - 1] = 1;
    others[0].password = self->wrong;
    others[1].password = NULL;
    others[2].salt.data = other_salt;
    others[3].cost.log_n++;
    others[4].cost.r++;
    others[5].cost.p++;
    assert_false(bsi_known_keys_has(self->place.known, self->right));
    put(self, &from, 1);
    put(self, &from, 2); /* The first stays. */
    assert_known(self, &from, 1);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(others); i++) {
        assert_known(self, &others[i], 0);
    }
    assert_true(bsi_known_keys_has(self->place.known, self->right));
    assert_false(bsi_known_keys_has(self->place.known, self->wrong));
    assert_false(bsi_known_keys_has(self->place.known, NULL));
    put(self, &others[1], 3);
    assert_known(self, &others[1], 3);
    assert_true(bsi_known_keys_has(self->place.known, NULL));
}

static void the_oldest_makes_room(void **state)
{
    fixture *self = *state;
    char salt[BSI_KNOWN_SALT_SIZE] = "";
    const bsi_known_from from = {self->right, {salt, sizeof(salt)}, {15, 8, 6}};

    for (int i = 1; i <= BSI_KNOWN_KEYS_MAX + 3; i++) {
        salt[0] = (char)i;
        put(self, &from, (uint8_t)i);
    }
    for (int i = 1; i <= BSI_KNOWN_KEYS_MAX + 3; i++) {
        salt[0] = (char)i;
        assert_known(self, &from, i > 3 ? (uint8_t)i : 0);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(scrypt_runs_once_to_make_and_once_to_open),
        CASE(without_a_memory_scrypt_runs_each_time),
        CASE(a_wrong_phrase_costs_and_is_refused_each_time),
        CASE(a_key_file_that_was_removed_opens_nothing),
        CASE(the_phrase_before_a_change_opens_nothing),
        CASE(the_key_file_that_is_known_is_found_among_many),
        CASE(what_is_known_opens_without_scrypt_or_not_at_all),
        CASE(threads_share_what_is_known),
        CASE(lack_of_memory_is_told),
        CASE(only_the_same_phrase_salt_and_cost_are_known),
        CASE(the_oldest_makes_room),
    };

    return cmocka_run_group_tests_name("repo/known_keys", tests, NULL, NULL);
}
