/* SPDX-License-Identifier: MIT */
/* Repositories for RSA keys: their key set, and what opens them. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/fault.h"
#include "storage/decorators/faulty.h"
#include "storage/storage_int.h"
#include "support/crypto_keys.h"
#include "vault/repository/recipients.h"
#include "vault/repository/rewrap.h"

enum { CALL_STRIDE = 4 }; /* In short runs. */

static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};

/* A machine: what it keeps. */
typedef struct machine {
    bsi_repo_keeper keeper;
    bsi_secret *kept[BSI_KEPT_NEXT + 1];
    unsigned stored;
    unsigned set_aside;
} machine;

typedef struct fixture {
    bsi_storage *faulty;
    bsi_vault_env env;
    machine here;
    machine there;
    bsi_key *recipient;
    bsi_key *private_key;
    bsi_key *other; /* Another recipient, generated. */
    bsi_key *phrase;
    bsi_signer *signer;
    bsi_warn warn;
    char named[64]; /* Who is to go. */
    unsigned warnings;
    char warned[BS_ERROR_MESSAGE_SIZE];
} fixture;

static void count_warning(void *user, bsi_slice path, const bs_error *error)
{
    fixture *self = user;

    if (bsi_slice_is(path, "locks")) {
        return;
    }
    assert_true(bsi_slice_is(path, BSI_REPOSITORY_KEYS_KEY));
    self->warnings++;
    memcpy(self->warned, error->message, sizeof(self->warned));
}

static bs_status load_kept(void *user, bsi_kept which, bsi_secret **out)
{
    const machine *self = user;
    const bsi_secret *kept = self->kept[which];

    return kept ? bsi_secret_copy(bsi_secret_view(kept), bsi_secret_size(kept), out)
                : bsi_fail(BS_LAYER_CRYPTO, BS_E_NOT_FOUND, "nothing is kept");
}

static void forget(machine *self, bsi_kept which)
{
    bsi_secret_free(self->kept[which]);
    self->kept[which] = NULL;
}

static bs_status store_kept(void *user, bsi_kept which, const bsi_secret *data_key, bool replaces)
{
    machine *self = user;

    self->stored += which == BSI_KEPT_IN_USE;
    self->set_aside += !replaces && self->kept[which];
    forget(self, which);
    return bsi_secret_copy(bsi_secret_view(data_key), bsi_secret_size(data_key),
                           &self->kept[which]);
}

static bs_status drop_kept(void *user)
{
    forget(user, BSI_KEPT_NEXT);
    return BS_OK;
}

static void take_pem(const char *pem, bsi_key **out)
{
    assert_ok(bsi_key_from_pem(bsi_slice_of(pem), NULL, out));
}

static void generate(bsi_key **out)
{
    bsi_secret *private_pem = NULL;
    bsi_buf pem;

    bsi_buf_init(&pem, 10000);
    assert_ok(bsi_key_rsa_generate(3072, NULL, &private_pem, &pem));
    assert_ok(bsi_key_from_pem(bsi_buf_slice(&pem), NULL, out));
    bsi_secret_free(private_pem);
    bsi_buf_dispose(&pem);
}

static void take_signer(fixture *self)
{
    bsi_secret *seed = NULL;

    assert_ok(bsi_secret_random(BSI_SIGN_KEY_SIZE, &seed));
    assert_ok(bsi_signer_new(seed, &self->signer));
    bsi_secret_free(seed);
}

static void trust_signer(fixture *self)
{
    self->env.trusted = bsi_signer_public(self->signer);
    self->env.trusted_count = 1;
}

static int setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));
    bsi_storage *inner = NULL;

    assert_non_null(self);
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &inner));
    assert_ok(bsi_storage_faulty_new(inner, &self->faulty));
    bsi_storage_unref(inner);
    self->here.keeper = (bsi_repo_keeper){load_kept, store_kept, drop_kept, &self->here};
    self->there.keeper = (bsi_repo_keeper){load_kept, store_kept, drop_kept, &self->there};
    take_pem(TEST_RSA_PUBLIC, &self->recipient);
    take_pem(TEST_RSA_PRIVATE, &self->private_key);
    assert_ok(bsi_key_from_passphrase(bsi_slice_of("a pass phrase"), &self->phrase));
    self->warn = (bsi_warn){count_warning, self};
    self->env =
        (bsi_vault_env){.storage = self->faulty, .warn = &self->warn, .keeper = &self->here.keeper};
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    forget(&self->here, BSI_KEPT_IN_USE);
    forget(&self->here, BSI_KEPT_NEXT);
    forget(&self->there, BSI_KEPT_IN_USE);
    forget(&self->there, BSI_KEPT_NEXT);
    bsi_key_unref(self->recipient);
    bsi_key_unref(self->private_key);
    bsi_key_unref(self->other);
    bsi_key_unref(self->phrase);
    bsi_signer_free(self->signer);
    bsi_storage_unref(self->faulty);
    free(self);
    return 0;
}

static void move_to(fixture *self, machine *where)
{
    self->env.keeper = &where->keeper;
}

static void know(fixture *self, bsi_key **key)
{
    self->env.keys = key;
    self->env.key_count = key ? 1 : 0;
}

static bs_status session_of(fixture *self, const bsi_session_options *options, bool *wrapped)
{
    bsi_repo_session session;
    const bs_status status = bsi_repo_session_open(&self->env, options, &session);

    if (status >= 0) {
        *wrapped = session.wrapped;
        bsi_repo_session_close(&session);
    }
    return status;
}

/* As a backup for these does. */
static bs_status write_for(fixture *self, bsi_key **recipients, size_t count)
{
    const bsi_repo_wrap wrap = {recipients, count, self->signer};
    const bsi_session_options options = {
        .keys = self->env.keys, .key_count = self->env.key_count, .make = &cheap, .wrap = &wrap};
    bool wrapped = false;
    const bs_status status = session_of(self, &options, &wrapped);

    assert_true(status < 0 || wrapped);
    return status;
}

static bs_status write_as_ever(fixture *self)
{
    return write_for(self, &self->recipient, 1);
}

static bs_status read_with(fixture *self, bool *wrapped)
{
    const bsi_session_options options = {.keys = self->env.keys,
                                         .key_count = self->env.key_count,
                                         .reads_only = true,
                                         .with_index = true};

    return session_of(self, &options, wrapped);
}

static void assert_reads(fixture *self)
{
    bool wrapped = false;

    assert_ok(read_with(self, &wrapped));
    assert_true(wrapped);
}

static void assert_says(const char *words)
{
    if (!strstr(bs_error_last()->message, words)) {
        fail_msg("it says: %s", bs_error_last()->message);
    }
}

static void remove_set(fixture *self)
{
    assert_ok(bsi_storage_remove(self->faulty, NULL, BSI_REPOSITORY_KEYS_KEY));
}

static void put_set(fixture *self, const void *bytes, size_t size)
{
    assert_ok(bsi_storage_put(self->faulty, NULL, BSI_REPOSITORY_KEYS_KEY, bytes, size));
}

static void get_set(fixture *self, bsi_buf *out)
{
    bsi_buf_init(out, BSI_KEYSET_MAX);
    assert_ok(bsi_storage_load(self->faulty, NULL, BSI_REPOSITORY_KEYS_KEY, BSI_KEYSET_MAX, out));
}

/* One for the same recipient, of which only its maker has the data key. */
static void put_foreign(fixture *self)
{
    bsi_keyset *set = NULL;
    bsi_buf bytes;

    assert_ok(
        bsi_keyset_create("01a20d10-a910-76e3-bddc-750e2f9b3a8d", &self->recipient, 1, NULL, &set));
    bsi_buf_init(&bytes, BSI_KEYSET_MAX);
    assert_ok(bsi_keyset_encode(set, &bytes));
    put_set(self, bytes.data, bytes.size);
    bsi_buf_dispose(&bytes);
    bsi_keyset_free(set);
}

static void it_opens_with_what_is_kept_and_with_the_private_key(void **state)
{
    fixture *self = *state;
    bool wrapped = false;

    assert_ok(write_as_ever(self));
    assert_reads(self);
    assert_ok(write_for(self, NULL, 0)); /* It has its recipients. */
    move_to(self, &self->there);
    know(self, &self->phrase);
    assert_status(read_with(self, &wrapped), BS_E_KEY);
    assert_says("repository.keys");
    know(self, &self->recipient);
    assert_status(read_with(self, &wrapped), BS_E_KEY);
    know(self, &self->private_key);
    assert_reads(self);
    assert_ok(write_as_ever(self));
    assert_int_equal(self->there.stored, 0);
}

static void others_than_its_recipients_are_refused(void **state)
{
    fixture *self = *state;

    generate(&self->other);
    assert_status(write_for(self, NULL, 0), BS_E_INVALID);
    assert_ok(write_as_ever(self));
    assert_status(write_for(self, &self->other, 1), BS_E_KEY);
    assert_says("not encrypted for");
    assert_ok(write_as_ever(self));
}

/* Neither gets what the other one has asked for, without a word. */
static void a_pass_phrase_and_rsa_are_told_apart(void **state)
{
    fixture *self = *state;
    bsi_session_options options = {.keys = &self->phrase, .key_count = 1, .make = &cheap};
    bool wrapped = true;

    put_foreign(self); /* Of one that was begun, and removed. */
    assert_ok(session_of(self, &options, &wrapped));
    assert_false(wrapped);
    know(self, &self->phrase);
    assert_ok(read_with(self, &wrapped));
    assert_false(wrapped);
    know(self, &self->private_key);
    assert_status(read_with(self, &wrapped), BS_E_KEY);
    assert_status(write_as_ever(self), BS_E_KEY);
    know(self, NULL);
    assert_status(write_as_ever(self), BS_E_KEY);
    assert_int_equal(self->here.stored, 0);
}

static void who_asks_for_a_pass_phrase_does_not_write_into_it(void **state)
{
    fixture *self = *state;
    bsi_session_options options = {.keys = &self->phrase, .key_count = 1, .make = &cheap};
    bool wrapped = false;

    assert_ok(write_as_ever(self));
    assert_status(session_of(self, &options, &wrapped), BS_E_KEY);
    assert_says("rsa");
    options = (bsi_session_options){.make = &cheap};
    assert_status(session_of(self, &options, &wrapped), BS_E_KEY);
}

static void what_was_begun_goes_on_for_the_same_recipients(void **state)
{
    fixture *self = *state;
    bsi_key *both[2];

    generate(&self->other);
    both[0] = self->recipient;
    both[1] = self->other;
    assert_ok(write_for(self, both, 2));
    assert_ok(bsi_storage_remove(self->faulty, NULL, "config"));
    assert_status(write_as_ever(self), BS_E_KEY);
    assert_says("2 recipients");
    assert_ok(write_for(self, both, 2));
    assert_int_equal(self->here.stored, 1);
    assert_ok(bsi_storage_remove(self->faulty, NULL, "config"));
    remove_set(self); /* The key files are still for what is kept. */
    assert_ok(write_as_ever(self));
    assert_int_equal(self->here.stored, 1);
    assert_reads(self);
}

/* Once before the other one has stored its config, and once after it. */
static void of_two_machines_the_second_fails_or_takes_the_first_ones(void **state)
{
    fixture *self = *state;

    assert_ok(write_as_ever(self));
    assert_ok(bsi_storage_remove(self->faulty, NULL, "config"));
    move_to(self, &self->there);
    assert_status(write_as_ever(self), BS_E_EXISTS);
    assert_says("another machine");
    know(self, &self->private_key);
    assert_ok(write_as_ever(self));
    know(self, NULL);
    assert_status(write_as_ever(self), BS_E_KEY);
    assert_int_equal(self->there.stored, 0);
    move_to(self, &self->here);
    assert_ok(write_as_ever(self));
    assert_int_equal(self->warnings, 0);
}

/* The other one's set arrives between the look for it and the put. */
static void of_two_at_the_same_moment_one_gets_its_set_in(void **state)
{
    const bsi_faulty_plan unseen = {.op_mask = BSI_FAULTY_READ, .at = 1, .code = BS_E_NOT_FOUND};
    fixture *self = *state;
    bsi_buf before;
    bsi_buf after;

    put_foreign(self);
    get_set(self, &before);
    bsi_storage_faulty_set(self->faulty, &unseen);
    assert_status(write_as_ever(self), BS_E_EXISTS);
    bsi_storage_faulty_set(self->faulty, NULL);
    get_set(self, &after);
    assert_true(bsi_slice_equal(bsi_buf_slice(&before), bsi_buf_slice(&after)));
    bsi_buf_dispose(&before);
    bsi_buf_dispose(&after);
    remove_set(self);
    assert_ok(write_as_ever(self));
    know(self, &self->private_key);
    move_to(self, &self->there);
    assert_reads(self);
}

static void what_is_kept_of_another_one_is_in_nobodys_way(void **state)
{
    fixture *self = *state;
    bool wrapped = false;

    assert_ok(write_as_ever(self));
    move_to(self, &self->there);
    assert_ok(bsi_secret_random(BSI_DATA_KEY_SIZE, &self->there.kept[BSI_KEPT_IN_USE]));
    assert_status(write_as_ever(self), BS_E_KEY);
    assert_status(read_with(self, &wrapped), BS_E_KEY);
    know(self, &self->private_key);
    assert_reads(self);
    assert_ok(write_as_ever(self));
    assert_int_equal(self->there.stored, 0);
}

static void a_set_that_is_gone_is_stored_again_for_whom_is_named(void **state)
{
    fixture *self = *state;

    assert_ok(write_as_ever(self));
    remove_set(self);
    assert_reads(self);
    assert_ok(write_for(self, NULL, 0));
    assert_int_equal(self->warnings, 1);
    assert_non_null(strstr(self->warned, "names all recipients"));
    assert_ok(write_as_ever(self));
    assert_int_equal(self->warnings, 1);
    move_to(self, &self->there);
    know(self, &self->private_key);
    assert_reads(self);
}

static void assert_is_told(fixture *self, const void *bytes, size_t size)
{
    bool wrapped = false;

    put_set(self, bytes, size);
    self->warnings = 0;
    move_to(self, &self->here);
    know(self, NULL);
    assert_reads(self);
    assert_int_equal(self->warnings, 0);
    assert_ok(write_as_ever(self)); /* It is not overwritten: it may be all there is. */
    assert_int_equal(self->warnings, 1);
    move_to(self, &self->there);
    know(self, &self->private_key);
    assert_status(read_with(self, &wrapped), BS_E_KEY);
    assert_says("repository.keys");
    assert_status(write_as_ever(self), BS_E_KEY);
}

static void a_set_that_is_damaged_or_exchanged_is_told_of(void **state)
{
    fixture *self = *state;
    uint8_t *huge = calloc(1, BSI_KEYSET_MAX + 1);
    bsi_buf good;
    bsi_buf foreign;

    assert_non_null(huge);
    assert_ok(write_as_ever(self));
    get_set(self, &good);
    put_foreign(self);
    get_set(self, &foreign);
    assert_is_told(self, foreign.data, foreign.size);
    assert_is_told(self, "", 0);
    assert_is_told(self, "garbage", 7);
    assert_is_told(self, huge, BSI_KEYSET_MAX + 1);
    for (size_t size = 1; size < good.size; size += 97) {
        assert_is_told(self, good.data, size);
    }
    for (size_t at = 0; at < good.size; at += 61) {
        good.data[at] ^= 1;
        assert_is_told(self, good.data, good.size);
        good.data[at] ^= 1;
    }
    put_set(self, good.data, good.size);
    assert_reads(self);
    bsi_buf_dispose(&good);
    bsi_buf_dispose(&foreign);
    free(huge);
}

static void a_storage_that_does_not_answer_is_no_missing_key(void **state)
{
    const bsi_faulty_plan away = {
        .op_mask = BSI_FAULTY_READ, .at = 1, .code = BS_E_IO, .forever = true};
    fixture *self = *state;
    bool wrapped = false;

    assert_ok(write_as_ever(self));
    move_to(self, &self->there);
    know(self, &self->private_key);
    bsi_storage_faulty_set(self->faulty, &away);
    assert_status(read_with(self, &wrapped), BS_E_IO);
    assert_status(write_as_ever(self), BS_E_IO);
    bsi_storage_faulty_set(self->faulty, NULL);
}

static void its_signer_is_told_where_nobody_knows_him(void **state)
{
    fixture *self = *state;

    take_signer(self);
    assert_ok(write_as_ever(self));
    move_to(self, &self->there);
    know(self, &self->private_key);
    assert_reads(self);
    assert_int_equal(self->warnings, 1);
    assert_non_null(strstr(self->warned, "trusted"));
    trust_signer(self);
    assert_reads(self);
    assert_int_equal(self->warnings, 1);
}

/* --- Changes of the recipients --- */

typedef bs_status (*change_fn)(fixture *self, const bsi_repo_session *session);

static bs_status change(fixture *self, change_fn work)
{
    const bsi_session_options options = {.keys = self->env.keys,
                                         .key_count = self->env.key_count,
                                         .lock = BSI_SESSION_EXCLUSIVE,
                                         .reads_only = true};
    bsi_repo_session session;
    bs_status status = bsi_repo_session_open(&self->env, &options, &session);

    if (status >= 0) {
        assert_true(session.wrapped);
        status = work(self, &session);
        bsi_repo_session_close(&session);
    }
    return status;
}

static bs_status add_other(fixture *self, const bsi_repo_session *session)
{
    return bsi_rewrap_add(session, self->other, self->signer);
}

static bs_status add_same(fixture *self, const bsi_repo_session *session)
{
    return bsi_rewrap_add(session, self->recipient, self->signer);
}

static bs_status renew(fixture *self, const bsi_repo_session *session)
{
    return bsi_rewrap_renew(session, self->signer);
}

static bs_status remove_named(fixture *self, const bsi_repo_session *session)
{
    return bsi_rewrap_remove(session, bsi_slice_of(self->named), self->signer);
}

/* The one whose fingerprint begins so. */
static bs_status let_go(fixture *self, const char *fingerprint)
{
    (void)snprintf(self->named, sizeof(self->named), "%s", fingerprint);
    return change(self, remove_named);
}

static bs_status let_key_go(fixture *self, const bsi_key *key)
{
    char fingerprint[BSI_FINGERPRINT_SIZE];

    bsi_key_fingerprint(key, fingerprint);
    return let_go(self, fingerprint);
}

static bsi_repo *opened_here(const fixture *self)
{
    const bsi_repo_place place = {.storage = self->faulty, .folder = ""};
    bsi_secret *phrase = NULL;
    bsi_repo *repo = NULL;

    assert_ok(bsi_wrap_phrase(self->here.kept[BSI_KEPT_IN_USE], &phrase));
    assert_ok(bsi_repo_open(&place, NULL, phrase, &repo));
    bsi_secret_free(phrase);
    return repo;
}

static size_t count_keys(const fixture *self)
{
    bsi_repo *repo = opened_here(self);
    bsi_repo_files files = {0};
    size_t count = 0;

    assert_ok(bsi_repo_list(repo, NULL, BSI_REPO_KEYS, &files));
    count = files.count;
    bsi_repo_files_dispose(&files);
    bsi_repo_close(repo);
    return count;
}

/* Whoever holds them is there no more. */
static void remove_locks(const fixture *self)
{
    bsi_repo *repo = opened_here(self);
    size_t removed = 0;

    assert_ok(bsi_repo_unlock(repo, NULL, true, &removed));
    bsi_repo_close(repo);
}

/* A repository for one, to whom another one is added. */
static void make_for_both(fixture *self)
{
    take_signer(self);
    trust_signer(self);
    generate(&self->other);
    assert_ok(write_as_ever(self));
    assert_ok(change(self, add_other));
}

static void who_is_added_opens_it_and_who_goes_does_not(void **state)
{
    fixture *self = *state;
    bool wrapped = false;

    make_for_both(self);
    assert_ok(change(self, add_same)); /* He is one. */
    assert_ok(write_for(self, &self->other, 1));
    assert_int_equal(self->here.stored, 1);
    assert_ok(let_key_go(self, self->recipient));
    assert_int_equal(self->here.stored, 2);
    assert_int_equal(self->here.set_aside, 0);
    assert_null(self->here.kept[BSI_KEPT_NEXT]);
    assert_int_equal(count_keys(self), 1);
    assert_ok(write_for(self, &self->other, 1));
    assert_status(write_as_ever(self), BS_E_KEY);
    move_to(self, &self->there);
    know(self, &self->private_key);
    assert_status(read_with(self, &wrapped), BS_E_KEY);
    assert_int_equal(self->warnings, 0);
}

static void who_goes_is_named_by_his_fingerprint(void **state)
{
    fixture *self = *state;

    make_for_both(self);
    assert_status(let_go(self, ""), BS_E_INVALID);
    assert_status(let_go(self, "xyz"), BS_E_INVALID);
    assert_status(let_go(self, "0123456789abcdef0123456789abcdef0"), BS_E_INVALID);
    assert_status(let_go(self, "0123456789abcdef0123456789abcdef"), BS_E_NOT_FOUND);
    assert_int_equal(self->here.stored, 1);
    assert_ok(let_key_go(self, self->other));
    assert_status(let_key_go(self, self->other), BS_E_NOT_FOUND);
    assert_status(let_key_go(self, self->recipient), BS_E_NEEDED);
    assert_reads(self);
}

static void with_a_private_key_it_is_changed_on_any_machine(void **state)
{
    fixture *self = *state;

    make_for_both(self);
    move_to(self, &self->there);
    know(self, NULL);
    assert_status(change(self, renew), BS_E_KEY);
    know(self, &self->private_key);
    assert_ok(change(self, renew));
    assert_int_equal(self->there.stored, 1);
    know(self, NULL);
    assert_reads(self);
    move_to(self, &self->here); /* What is kept there opens nothing any more. */
    assert_status(write_for(self, NULL, 0), BS_E_KEY);
    know(self, &self->private_key);
    assert_ok(change(self, renew));
    assert_int_equal(self->here.set_aside, 1); /* It may be another repository's. */
    know(self, NULL);
    assert_ok(write_for(self, NULL, 0));
    assert_int_equal(self->warnings, 0);
}

static void without_a_public_key_nobody_is_left_behind(void **state)
{
    fixture *self = *state;
    bsi_keyset *set = NULL;
    bsi_buf bytes;

    make_for_both(self);
    get_set(self, &bytes);
    assert_ok(bsi_keyset_parse(bytes.data, bytes.size, &set));
    assert_ok(bsi_keyset_unlock(set, self->here.kept[BSI_KEPT_IN_USE]));
    assert_ok(bsi_recipients_publish(set, &self->other, 1, NULL));
    bytes.size = 0;
    assert_ok(bsi_keyset_encode(set, &bytes));
    put_set(self, bytes.data, bytes.size);
    bsi_buf_dispose(&bytes);
    bsi_keyset_free(set);
    assert_status(change(self, renew), BS_E_UNSUPPORTED);
    assert_says("add him once more");
    assert_status(let_key_go(self, self->other), BS_E_UNSUPPORTED);
    assert_int_equal(count_keys(self), 1);
    assert_ok(change(self, add_same));
    assert_ok(let_key_go(self, self->other));
}

static void a_set_that_is_not_its_own_changes_nothing(void **state)
{
    fixture *self = *state;

    make_for_both(self);
    know(self, &self->private_key);
    put_foreign(self);
    assert_status(change(self, renew), BS_E_CORRUPT);
    assert_says("another repository");
    assert_status(change(self, add_other), BS_E_CORRUPT);
    know(self, NULL);
    assert_status(change(self, renew), BS_E_KEY);
    remove_set(self);
    assert_status(change(self, renew), BS_E_CORRUPT);
    assert_says("is gone");
    assert_int_equal(self->here.stored, 1);
    assert_int_equal(count_keys(self), 1);
    assert_reads(self);
}

/* One call of the storage fails; `after`: it was carried out all the same. False: none was hit. */
static bool renews_disturbed(fixture *self, uint64_t at, bool after)
{
    const bsi_faulty_plan plan = {.at = at, .code = BS_E_IO, .after = after};
    bool hit = false;

    bsi_storage_faulty_set(self->faulty, &plan);
    (void)change(self, renew); /* Where it is a lock that stays, it may succeed. */
    hit = bsi_storage_faulty_count(self->faulty) >= at;
    bsi_storage_faulty_set(self->faulty, NULL);
    remove_locks(self);
    return hit;
}

static void assert_opens_to_all(fixture *self)
{
    assert_reads(self);
    assert_ok(write_for(self, NULL, 0));
    move_to(self, &self->there);
    know(self, &self->private_key);
    assert_reads(self);
    move_to(self, &self->here);
    know(self, NULL);
}

static void a_storage_that_fails_shuts_out_nobody_who_stays(void **state)
{
    fixture *self = *state;
    const uint64_t most = 200;

    make_for_both(self);
    for (unsigned after = 0; after < 2; after++) {
        uint64_t at = 1;
        while (at < most && renews_disturbed(self, at, after == 1)) {
            assert_opens_to_all(self);
            assert_ok(change(self, renew)); /* It begins where the one before has ended. */
            assert_int_equal(count_keys(self), 1);
            assert_null(self->here.kept[BSI_KEPT_NEXT]);
            at += getenv("BSI_TESTS_FULL") ? 1 : CALL_STRIDE;
        }
        assert_in_range(at, 40, most - 1);
    }
    assert_int_equal(self->here.set_aside, 0);
    assert_int_equal(self->warnings, 0);
}

/* One machine's changes need no more than that: they are made under a lock. */
static void on_a_storage_that_cannot_tell_the_last_set_stays(void **state)
{
    const bsi_faulty_plan unseen = {.op_mask = BSI_FAULTY_READ, .at = 1, .code = BS_E_NOT_FOUND};
    fixture *self = *state;

    self->faulty->caps &= ~(uint32_t)BS_STORAGE_CAP_CONDITIONAL_PUT;
    put_foreign(self); /* Of another machine, which is at it. */
    bsi_storage_faulty_set(self->faulty, &unseen);
    assert_ok(write_as_ever(self));
    bsi_storage_faulty_set(self->faulty, NULL);
    assert_opens_to_all(self);
    assert_ok(change(self, renew));
    assert_opens_to_all(self);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_opens_with_what_is_kept_and_with_the_private_key),
        CASE(others_than_its_recipients_are_refused),
        CASE(a_pass_phrase_and_rsa_are_told_apart),
        CASE(who_asks_for_a_pass_phrase_does_not_write_into_it),
        CASE(what_was_begun_goes_on_for_the_same_recipients),
        CASE(of_two_machines_the_second_fails_or_takes_the_first_ones),
        CASE(of_two_at_the_same_moment_one_gets_its_set_in),
        CASE(what_is_kept_of_another_one_is_in_nobodys_way),
        CASE(a_set_that_is_gone_is_stored_again_for_whom_is_named),
        CASE(a_set_that_is_damaged_or_exchanged_is_told_of),
        CASE(a_storage_that_does_not_answer_is_no_missing_key),
        CASE(its_signer_is_told_where_nobody_knows_him),
        CASE(who_is_added_opens_it_and_who_goes_does_not),
        CASE(who_goes_is_named_by_his_fingerprint),
        CASE(with_a_private_key_it_is_changed_on_any_machine),
        CASE(without_a_public_key_nobody_is_left_behind),
        CASE(a_set_that_is_not_its_own_changes_nothing),
        CASE(a_storage_that_fails_shuts_out_nobody_who_stays),
        CASE(on_a_storage_that_cannot_tell_the_last_set_stays),
    };

    bsi_clock_leap(true); /* Nobody waits for locks to settle. */
    return cmocka_run_group_tests_name("vault/wrap", tests, NULL, NULL);
}
