/* SPDX-License-Identifier: MIT */
/*
 * Each byte of each object of a small repository changed in turn, each object cut there: it
 * is found with the object's name, and what does not need the object restores.
 *
 * BSI_TESTS_FULL: each byte; otherwise some of them.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "repo/check.h"
#include "support/repo_model.h"

enum {
    OBJECTS_MAX = 32,
    KEY_SIZE = 128,
    ROOM = 64 * 1024,
    STRIDE = 37,
};

static const model_files files[2] = {{0, 1, 4}, {100, 1, 4}};
static const char other_phrase[] = "the other one";

typedef struct object {
    char key[KEY_SIZE];
    int needed_by; /* One of both snapshots; -1: none, or the repository itself. */
} object;

typedef struct fixture {
    repo_model model;
    bsi_digest snapshots[2];
    object objects[OBJECTS_MAX];
    size_t count;
    int needed_by;
} fixture;

/* --- What there is --- */

static bool is_known(const fixture *self, const char *key)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->objects[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static bs_status note_object(void *user, const char *key, const bs_storage_object *info)
{
    fixture *self = user;

    (void)info;
    if (!is_known(self, key)) {
        object *one = &self->objects[self->count++];
        assert_true(self->count <= OBJECTS_MAX && strlen(key) < KEY_SIZE);
        memcpy(one->key, key, strlen(key) + 1);
        one->needed_by = self->needed_by;
    }
    return BS_OK;
}

/* Those that are new belong to a snapshot, or to the repository. */
static void note_objects(fixture *self, int needed_by)
{
    self->needed_by = needed_by;
    assert_ok(bsi_storage_list(self->model.faulty, NULL, "", note_object, self));
}

static void start(fixture *self, uint32_t version)
{
    bsi_secret *secret = NULL;
    bsi_digest id;

    *self = (fixture){0};
    model_start(&self->model, version);
    assert_ok(bsi_secret_copy(other_phrase, strlen(other_phrase), &secret));
    assert_ok(bsi_repo_key_add(self->model.repo, NULL, secret,
                               &(bsi_scrypt_cost){.log_n = 1, .r = 1, .p = 1}, &id));
    bsi_secret_free(secret);
    note_objects(self, -1);
    for (int i = 0; i < 2; i++) {
        self->snapshots[i] = model_backup(&self->model, files[i], false);
        note_objects(self, i);
    }
    assert_true(self->count >= 11); /* Two packs, index and snapshot each; keys; config. */
}

/* --- What is found --- */

typedef struct search {
    const char *key; /* Ends in the id. */
    bool found;
    bool lost[2]; /* Snapshots that are not whole. */
    const fixture *fixture;
} search;

static bool is_named(const search *self, const bsi_digest *id)
{
    char digits[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(id, digits);
    return strstr(self->key, digits) != NULL;
}

static void note_finding(void *user, const bsi_check_finding *finding)
{
    search *self = user;

    self->found |= !finding->is_note && is_named(self, finding->id);
    for (int i = 0; i < 2; i++) {
        self->lost[i] |= finding->subject == BSI_CHECK_SNAPSHOT &&
                         bsi_digest_equal(finding->id, &self->fixture->snapshots[i]);
    }
}

static bs_status note_key(void *user, const bsi_digest *id, const bsi_repo_key_info *info)
{
    search *self = user;

    self->found |= !info && is_named(self, id);
    assert_true(info || is_named(self, id));
    return BS_OK;
}

static bs_status open_with(const fixture *self, const char *phrase, bsi_repo **out)
{
    const bsi_repo_place place = {.storage = self->model.faulty, .folder = ""};
    bsi_secret *secret = NULL;
    bs_status status = BS_OK;

    assert_ok(phrase ? bsi_secret_copy(phrase, strlen(phrase), &secret) : BS_OK);
    status = bsi_repo_open(&place, NULL, secret, out);
    bsi_secret_free(secret);
    return status;
}

/* Whoever knows the pass phrase of the other key gets in, and is told. */
static void assert_key_is_found(const fixture *self, search *out)
{
    bsi_repo *repo = NULL;

    if (open_with(self, NULL, &repo) < 0) {
        assert_ok(open_with(self, other_phrase, &repo));
    }
    assert_ok(bsi_repo_key_list(repo, NULL, note_key, out));
    bsi_repo_close(repo);
}

static void assert_config_is_found(const fixture *self, search *out)
{
    bsi_repo *repo = NULL;

    assert_status(open_with(self, NULL, &repo), BS_E_CORRUPT);
    out->found = strstr(bs_error_last()->message, "config") != NULL;
}

static void assert_content_is_found(fixture *self, const object *one, search *out)
{
    const bsi_check_options options = {.read_data = true, .found = note_finding, .user = out};
    bsi_check_report report;

    model_reopen(&self->model);
    assert_ok(bsi_repo_check(self->model.repo, NULL, &options, &report));
    for (int i = 0; i < 2; i++) {
        const bs_status status = model_restore(&self->model, &self->snapshots[i], files[i]);
        assert_true(i == one->needed_by || (status == BS_OK && !out->lost[i]));
        assert_true((status == BS_OK) == !out->lost[i]);
    }
}

static void assert_found(fixture *self, const object *one)
{
    search looked = {.key = one->key, .fixture = self};

    if (strcmp(one->key, "config") == 0) {
        assert_config_is_found(self, &looked);
    } else if (strncmp(one->key, "keys/", 5) == 0) {
        assert_key_is_found(self, &looked);
    } else {
        assert_content_is_found(self, one, &looked);
    }
    if (!looked.found) {
        fail_msg("nobody told of %s", one->key);
    }
}

/* --- Damage --- */

static void damage_object(fixture *self, const object *one)
{
    const size_t stride = getenv("BSI_TESTS_FULL") ? 1 : STRIDE;
    bsi_buf bytes;

    bsi_buf_init(&bytes, ROOM);
    assert_ok(bsi_storage_load(self->model.faulty, NULL, one->key, ROOM, &bytes));
    for (size_t i = 0; i < bytes.size; i += stride) {
        const uint8_t bit = (uint8_t)(1 << i % 8);
        bytes.data[i] ^= bit;
        assert_ok(bsi_storage_put(self->model.faulty, NULL, one->key, bytes.data, bytes.size));
        assert_found(self, one);
        bytes.data[i] ^= bit;
        assert_ok(bsi_storage_put(self->model.faulty, NULL, one->key, bytes.data, i));
        assert_found(self, one);
    }
    assert_ok(bsi_storage_put(self->model.faulty, NULL, one->key, bytes.data, bytes.size));
    bsi_buf_dispose(&bytes);
}

static void each_byte_that_is_changed_or_cut_is_found_with_its_object(void **state)
{
    (void)state;
    for (uint32_t version = 1; version <= 2; version++) {
        fixture self;
        start(&self, version);
        for (size_t i = 0; i < self.count; i++) {
            damage_object(&self, &self.objects[i]);
        }
        model_reopen(&self.model);
        assert_int_equal(model_check(&self.model).notes, 0);
        model_end(&self.model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_that_is_changed_or_cut_is_found_with_its_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
