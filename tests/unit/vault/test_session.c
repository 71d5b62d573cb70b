/* SPDX-License-Identifier: MIT */
/* Repositories opened with the keys at hand. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "storage/decorators/faulty.h"
#include "vault/repository/session.h"

static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};

typedef struct fixture {
    bsi_storage *faulty;
    bsi_vault_env env;
    bsi_key *phrase;
    bsi_key *other;
    bsi_key *raw;
    bsi_warn warn;
    unsigned warnings;
} fixture;

static void count_warning(void *user, bsi_slice path, const bs_error *error)
{
    fixture *self = user;

    (void)path;
    assert_true(error->code < 0);
    self->warnings++;
}

static int setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));
    bsi_storage *inner = NULL;
    bsi_secret *text = NULL;

    assert_non_null(self);
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &inner));
    assert_ok(bsi_storage_faulty_new(inner, &self->faulty));
    bsi_storage_unref(inner);
    assert_ok(bsi_key_from_passphrase(bsi_slice_of("right"), &self->phrase));
    assert_ok(bsi_key_from_passphrase(bsi_slice_of("wrong"), &self->other));
    assert_ok(bsi_key_raw_generate(&text));
    assert_ok(bsi_key_from_raw(
        (bsi_slice){(const char *)bsi_secret_view(text), bsi_secret_size(text)}, &self->raw));
    bsi_secret_free(text);
    self->warn = (bsi_warn){count_warning, self};
    self->env = (bsi_vault_env){.storage = self->faulty, .warn = &self->warn};
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    bsi_key_unref(self->phrase);
    bsi_key_unref(self->other);
    bsi_key_unref(self->raw);
    bsi_storage_unref(self->faulty);
    free(self);
    return 0;
}

static void make(fixture *self, bsi_key *key)
{
    const bsi_session_options options = {.keys = &key, .key_count = key ? 1 : 0, .make = &cheap};
    bsi_repo_session session;

    assert_ok(bsi_repo_session_open(&self->env, &options, &session));
    assert_int_equal(session.phraseless, !key);
    bsi_repo_session_close(&session);
}

static bs_status open_with(fixture *self, const bsi_session_options *options)
{
    bsi_repo_session session;
    const bs_status status = bsi_repo_session_open(&self->env, options, &session);

    if (status >= 0) {
        bsi_repo_session_close(&session);
    }
    return status;
}

static size_t count_locks(const fixture *self)
{
    const bsi_session_options options = {.keys = &self->phrase, .key_count = 1, .reads_only = true};
    bsi_repo_session session;
    bsi_repo_files files;
    size_t count = 0;

    assert_ok(bsi_repo_session_open(&self->env, &options, &session));
    assert_ok(bsi_repo_list(session.repo, NULL, BSI_REPO_LOCKS, &files));
    count = files.count;
    bsi_repo_files_dispose(&files);
    bsi_repo_session_close(&session);
    return count;
}

static void it_is_made_once_and_opened_then(void **state)
{
    fixture *self = *state;
    const bsi_session_options none = {.keys = &self->phrase, .key_count = 1};

    assert_status(open_with(self, &none), BS_E_NOT_FOUND);
    make(self, self->phrase);
    assert_ok(open_with(self, &none));
    make(self, self->phrase); /* It is there: opened. */
}

/* Neither is one made whose snapshots lack a config, nor is a damaged config replaced. */
static void what_was_begun_is_completed_and_what_is_damaged_is_left(void **state)
{
    static const char snapshot[] =
        "snapshots/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    fixture *self = *state;
    const bsi_session_options options = {.keys = &self->phrase, .key_count = 1, .make = &cheap};

    make(self, self->phrase);
    assert_ok(bsi_storage_remove(self->faulty, NULL, "config"));
    make(self, self->phrase);
    assert_ok(open_with(self, &options));
    assert_ok(bsi_storage_put(self->faulty, NULL, "config", "damaged", 7));
    assert_status(open_with(self, &options), BS_E_CORRUPT);
    assert_ok(bsi_storage_remove(self->faulty, NULL, "config"));
    assert_ok(bsi_storage_put(self->faulty, NULL, snapshot, "any", 3));
    assert_status(open_with(self, &options), BS_E_CORRUPT);
}

static void each_pass_phrase_is_tried_and_no_other_key(void **state)
{
    fixture *self = *state;
    bsi_key *const all[] = {self->raw, self->other, self->phrase};
    const bsi_session_options some = {.keys = all, .key_count = 3};
    const bsi_session_options wrong = {.keys = all, .key_count = 2};
    const bsi_session_options raw = {.keys = all, .key_count = 1, .make = &cheap};

    assert_status(open_with(self, &raw), BS_E_KEY);
    assert_non_null(strstr(bs_error_last()->message, "a pass phrase"));
    make(self, self->phrase);
    assert_ok(open_with(self, &some));
    assert_status(open_with(self, &wrong), BS_E_KEY);
    assert_status(open_with(self, &raw), BS_E_KEY);
}

/* Of a service that knows several phrases, none but the right one is tried again. */
static void what_has_opened_it_before_is_tried_first(void **state)
{
    fixture *self = *state;
    bsi_key *const all[] = {self->raw, self->other, self->phrase};
    bsi_session_options options = {.keys = all, .key_count = 3};
    uint64_t before = 0;

    make(self, self->phrase);
    assert_ok(bsi_known_keys_new(&self->env.known));
    before = bsi_scrypt_runs();
    assert_ok(open_with(self, &options));
    assert_int_equal(bsi_scrypt_runs() - before, 2);
    assert_ok(open_with(self, &options));
    assert_int_equal(bsi_scrypt_runs() - before, 2);
    options.in_order = true;
    assert_ok(open_with(self, &options));
    assert_int_equal(bsi_scrypt_runs() - before, 3);
    options.in_order = false;
    options.key_count = 2;
    assert_status(open_with(self, &options), BS_E_KEY);
    assert_int_equal(bsi_scrypt_runs() - before, 4);
    bsi_known_keys_free(self->env.known);
}

/* Who asks for encryption must not get a repository that anybody opens. */
static void the_empty_pass_phrase_is_for_reading_and_for_who_has_no_keys(void **state)
{
    fixture *self = *state;
    bsi_session_options options = {.keys = &self->phrase, .key_count = 1};

    make(self, NULL);
    assert_status(open_with(self, &options), BS_E_KEY);
    options.reads_only = true;
    assert_ok(open_with(self, &options));
    options = (bsi_session_options){.key_count = 0};
    assert_ok(open_with(self, &options));
}

static void locks_are_given_back(void **state)
{
    fixture *self = *state;
    const bsi_session_options options = {
        .keys = &self->phrase, .key_count = 1, .lock = BSI_SESSION_SHARED, .with_index = true};
    bsi_session_options alone = options;
    bsi_repo_session session;

    make(self, self->phrase);
    assert_ok(bsi_repo_session_open(&self->env, &options, &session));
    assert_non_null(session.index);
    assert_ok(bsi_repo_session_keep(&session));
    assert_int_equal(count_locks(self), 1);
    alone.lock = BSI_SESSION_EXCLUSIVE;
    assert_status(open_with(self, &alone), BS_E_BUSY);
    bsi_repo_session_close(&session);
    assert_int_equal(count_locks(self), 0);
    assert_ok(open_with(self, &alone));
    assert_int_equal(count_locks(self), 0);
    assert_int_equal(self->warnings, 0);
}

static void a_storage_that_cannot_be_written_is_read_without_a_lock(void **state)
{
    const bsi_faulty_plan read_only = {
        .op_mask = BSI_FAULTY_BEGIN, .at = 1, .code = BS_E_READ_ONLY, .forever = true};
    fixture *self = *state;
    bsi_session_options options = {
        .keys = &self->phrase, .key_count = 1, .lock = BSI_SESSION_SHARED};

    make(self, self->phrase);
    bsi_storage_faulty_set(self->faulty, &read_only);
    assert_status(open_with(self, &options), BS_E_READ_ONLY);
    options.reads_only = true;
    assert_ok(open_with(self, &options));
    options.lock = BSI_SESSION_EXCLUSIVE;
    assert_status(open_with(self, &options), BS_E_READ_ONLY);
    bsi_storage_faulty_set(self->faulty, NULL);
}

static void a_lock_that_stays_is_reported(void **state)
{
    const bsi_faulty_plan stuck = {
        .op_mask = BSI_FAULTY_REMOVE, .at = 1, .code = BS_E_ACCESS, .forever = true};
    fixture *self = *state;
    const bsi_session_options options = {
        .keys = &self->phrase, .key_count = 1, .lock = BSI_SESSION_SHARED};
    bsi_repo_session session;

    make(self, self->phrase);
    assert_ok(bsi_repo_session_open(&self->env, &options, &session));
    bsi_storage_faulty_set(self->faulty, &stuck);
    bsi_repo_session_close(&session);
    bsi_storage_faulty_set(self->faulty, NULL);
    assert_int_equal(self->warnings, 1);
    assert_int_equal(count_locks(self), 1);
}

static void a_damaged_index_file_is_reported_and_passed_over(void **state)
{
    static const char key[] =
        "index/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    fixture *self = *state;
    const bsi_session_options options = {.keys = &self->phrase, .key_count = 1, .with_index = true};

    make(self, self->phrase);
    assert_ok(bsi_storage_put(self->faulty, NULL, key, "rubbish", 7));
    assert_ok(open_with(self, &options));
    assert_int_equal(self->warnings, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_is_made_once_and_opened_then),
        CASE(what_was_begun_is_completed_and_what_is_damaged_is_left),
        CASE(each_pass_phrase_is_tried_and_no_other_key),
        CASE(what_has_opened_it_before_is_tried_first),
        CASE(the_empty_pass_phrase_is_for_reading_and_for_who_has_no_keys),
        CASE(locks_are_given_back),
        CASE(a_storage_that_cannot_be_written_is_read_without_a_lock),
        CASE(a_lock_that_stays_is_reported),
        CASE(a_damaged_index_file_is_reported_and_passed_over),
    };

    return cmocka_run_group_tests_name("vault/session", tests, NULL, NULL);
}
