/* SPDX-License-Identifier: MIT */
/*
 * Against the server of tests/support/azure_stub.py, which starts this program: prefixes tell it
 * what to do wrong. Azurite is met by the conformance suite.
 */
#include "remote.h"

#include <stdio.h>

#include "os/process.h"
#include "os/time.h"

#define SAS_CANARY "sig-canary-0815"

enum { SETTINGS_MAX = 16 };

static bs_status open_with(const bsi_setting *more, size_t count, bsi_storage **out)
{
    bsi_setting settings[SETTINGS_MAX] = {
        {"endpoint", bsi_environment("BSI_AZURE_ENDPOINT")},
        {"account", bsi_environment("BSI_AZURE_ACCOUNT")},
        {"account_key", bsi_environment("BSI_AZURE_KEY")},
        {"container", "box"},
        {"block_size_mib", "5"},
        {"parallel_blocks", "2"},
    };
    const size_t used = add_settings(settings, 6, SETTINGS_MAX, more, count);

    return bsi_storage_open("azure_blob", settings, used, NULL, out);
}

static bs_status open_script(const char *script, bsi_storage **out)
{
    const bsi_setting prefix = {"prefix", script};

    return open_with(&prefix, 1, out);
}

static bsi_storage *open_repeating(const char *script)
{
    bsi_storage *bare = NULL;

    assert_ok(open_script(script, &bare));
    return repeating(bare);
}

static void assert_tells(const char *words)
{
    const bs_error *error = bs_error_last();

    if (!strstr(error->message, words)) {
        print_error("%s\n", error->message);
    }
    assert_non_null(strstr(error->message, words));
    assert_null(strstr(error->message, bsi_environment("BSI_AZURE_KEY")));
    assert_null(strstr(error->message, SAS_CANARY));
    assert_null(strstr(error->message, "SharedKey"));
}

/* --- Opening --- */

/* The server speaks no TLS. */
static void plain_http_is_told(void **state)
{
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_script("", &storage));
    assert_true((bsi_storage_caps(storage) & BS_STORAGE_CAP_CLEARTEXT) != 0);
    bsi_storage_unref(storage);
}

static void opening_tells_what_is_wrong(void **state)
{
    static const struct {
        const char *fault;
        bs_status expected;
        const char *words;
    } cases[] = {
        {"gone", BS_E_INVALID, "404 ContainerNotFound (The specified container does not exist.)"},
        {"denied", BS_E_ACCESS, "403 AuthorizationPermissionMismatch (Not this.): this account"},
        {"echo", BS_E_ACCESS, "the key is not that of the account"},
        {"clock", BS_E_CLOCK, "at the server Mon, 01 Jan 2001 00:00:00 GMT"},
        {"html", BS_E_CORRUPT, "the server's "},
        {"nothing", BS_E_IO, "is the endpoint right?"},
        {"bare", BS_E_IO, "is the endpoint right?"},
        {"busy", BS_E_BUSY, "503 ServerBusy (Ingress is over the account limit.)"},
        {"gateway", BS_E_IO, "502"},
        {"reset", BS_E_IO, "server '127.0.0.1:"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_storage *storage = NULL;
        char script[64];

        print_message("# %s\n", cases[i].fault);
        (void)snprintf(script, sizeof(script), "open.%s.1", cases[i].fault);
        assert_status(open_script(script, &storage), cases[i].expected);
        assert_tells(cases[i].words);
        assert_tells("opening storage 'azure_blob'");
    }
}

static void settings_that_cannot_be_right_are_refused(void **state)
{
    static const struct {
        bsi_setting setting;
        const char *words;
    } cases[] = {
        {{"container", "ab"}, "container"},
        {{"container", "With-Capitals"}, "container"},
        {{"container", "two--dashes"}, "container"},
        {{"container", "-dash"}, "container"},
        {{"container", "$root"}, "container"},
        {{"account", "a"}, "account's name"},
        {{"account", "with.dots"}, "account's name"},
        {{"account_key", "no base 64!"}, "account's key"},
        {{"account_key", ""}, "one of them"},
        {{"sas_token", "sv=1&sig=" SAS_CANARY}, "one of them"},
        {{"connection_string", "UseDevelopmentStorage=true"}, "connection_string"},
        {{"endpoint", "ftp://host"}, "endpoint"},
        {{"endpoint", "http://user@host"}, "endpoint"},
        {{"endpoint", "http://host/a?b"}, "endpoint"},
        {{"prefix", "/a"}, "prefix"},
        {{"access_tier", "archive"}, "access_tier"},
        {{"encryption_scope", "a\r\nX: 1"}, "encryption_scope"},
        {{"immutability", "strict"}, "immutability"},
        {{"immutability", "locked"}, "immutability_days"},
        {{"immutability_days", "3"}, "immutability_days"},
        {{"checksums", "sha1"}, "checksums"},
        {{"block_size_mib", "0"}, "block_size_mib"},
        {{"block_size_mib", "1025"}, "block_size_mib"},
        {{"parallel_blocks", "17"}, "parallel_blocks"},
        {{"list_page_size", "5001"}, "list_page_size"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_storage *storage = NULL;

        print_message("# %s=%s\n", cases[i].setting.key, cases[i].setting.value);
        assert_status(open_with(&cases[i].setting, 1, &storage), BS_E_INVALID);
        assert_tells(cases[i].words);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
    }
}

static void signatures_that_are_no_queries_are_refused(void **state)
{
    static const char *const tokens[] = {"?", SAS_CANARY, ("sig=" SAS_CANARY "#"), "a=b c",
                                         ("sig=\n" SAS_CANARY)};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(tokens); i++) {
        const bsi_setting settings[] = {{"account_key", ""}, {"sas_token", tokens[i]}};
        bsi_storage *storage = NULL;

        assert_status(open_with(settings, BSI_ARRAY_SIZE(settings), &storage), BS_E_INVALID);
        assert_tells("the shared access signature");
    }
}

static void a_signature_that_comes_back_in_an_answer_is_not_told(void **state)
{
    const bsi_setting settings[] = {
        {"account_key", ""},
        {"sas_token", "?sv=2021-12-02&sr=c&sp=rl&se=2020-01-01T00:00:00Z&sig=" SAS_CANARY},
        {"prefix", "open.echo.1"}};
    bsi_storage *storage = NULL;

    (void)state;
    assert_status(open_with(settings, BSI_ARRAY_SIZE(settings), &storage), BS_E_ACCESS);
    assert_tells("403 AuthenticationFailed");
}

/* --- Faults that end an operation --- */

static const refused_case refused[] = {
    {"get.denied.9", do_get, BS_E_ACCESS, BS_RETRY_NEVER, "reading object 'k': container 'box'"},
    {"get.archived.9", do_get, BS_E_ACCESS, BS_RETRY_NEVER, "archive tier"},
    {"get.nothing.9", do_get, BS_E_IO, BS_RETRY_NEVER, "is the endpoint right?"},
    {"get.bare.9", do_get, BS_E_IO, BS_RETRY_NEVER, "is the endpoint right?"},
    {"get.gone.9", do_get, BS_E_INVALID, BS_RETRY_NEVER, "ContainerNotFound"},
    {"get.html.9", do_get, BS_E_IO, BS_RETRY_SAFE, "more than was asked for"},
    {"get.whole.9", do_get, BS_E_IO, BS_RETRY_SAFE, "more than was asked for"},
    {"get.short.9", do_get, BS_E_IO, BS_RETRY_SAFE, "reading object 'k'"},
    {"get.less.9", do_get, BS_E_IO, BS_RETRY_SAFE, "less than the range"},
    {"get.other.9", do_get, BS_E_IO, BS_RETRY_SAFE, "another range"},
    {"get.flipped.9", do_get, BS_E_IO, BS_RETRY_SAFE, "another checksum"},
    {"get.internal.9", do_get, BS_E_IO, BS_RETRY_SAFE, "500 InternalError"},
    {"head.bare.9", do_head, BS_E_IO, BS_RETRY_NEVER, "looking up object 'k'"},
    {"head.denied.9", do_head, BS_E_ACCESS, BS_RETRY_NEVER, "AuthorizationPermissionMismatch"},
    {"head.html.9", do_head, BS_E_IO, BS_RETRY_SAFE, "without type or length"},
    {"put.denied.9", do_put, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"put.echo.9", do_put, BS_E_ACCESS, BS_RETRY_NEVER, "403 AuthenticationFailed"},
    {"put.leased.9", do_put, BS_E_BUSY, BS_RETRY_NEVER, "holds a lease"},
    {"put.html.9", do_put, BS_E_IO, BS_RETRY_SAFE, "as no blob service does"},
    {"put.sum.9", do_put, BS_E_IO, BS_RETRY_SAFE, "another checksum"},
    {"put.digest.9", do_put, BS_E_IO, BS_RETRY_SAFE, "changed on their way"},
    {"put.timeout.9", do_put, BS_E_TIMEOUT, BS_RETRY_SAFE, "500 OperationTimedOut"},
    {"put.wait.9", do_put, BS_E_BUSY, BS_RETRY_AFTER, "503 ServerBusy"},
    {"delete.denied.9", do_delete, BS_E_ACCESS, BS_RETRY_NEVER, "removing object 'k'"},
    {"delete.snapshots.9", do_delete, BS_E_ACCESS, BS_RETRY_NEVER, "remove these first"},
    {"delete.html.9", do_delete, BS_E_IO, BS_RETRY_SAFE, "as no blob service does"},
    {"delete.bare.9", do_delete, BS_E_IO, BS_RETRY_NEVER, "is the endpoint right?"},
    {"list.denied.9", do_list, BS_E_ACCESS, BS_RETRY_NEVER, "listing below 'a'"},
    {"list.html.9", do_list, BS_E_CORRUPT, BS_RETRY_NEVER, "the server's "},
    {"list.same.9", do_list, BS_E_CORRUPT, BS_RETRY_NEVER, "has no end"},
    {"list.circle.99", do_list, BS_E_CORRUPT, BS_RETRY_NEVER, "has no end"},
    {"list.stranger.9", do_list, BS_E_IO, BS_RETRY_SAFE, "not asked for"},
    {"block.denied.9", do_large, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"block.foreign.9", do_large, BS_E_BUSY, BS_RETRY_NEVER, "another program has left"},
    {"block.sum.9", do_large, BS_E_IO, BS_RETRY_SAFE, "another checksum"},
    {"commit.denied.9", do_large, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"commit.dropped.9", do_large, BS_E_BUSY, BS_RETRY_NEVER, "somebody else has stored"},
    {"commit.shuffled.9", do_large, BS_E_CORRUPT, BS_RETRY_NEVER, "6 bytes of 5242885"},
    {"commit.html.9", do_large, BS_E_IO, BS_RETRY_SAFE, "as no blob service does"},
};

static void each_refusal_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(refused); i++) {
        bsi_storage *storage = NULL;

        print_message("# %s\n", refused[i].script);
        assert_ok(open_script(refused[i].script, &storage));
        assert_status(refused[i].run(storage), refused[i].expected);
        assert_tells(refused[i].words);
        assert_int_equal(bs_error_last()->retry, refused[i].retry);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
        bsi_storage_unref(storage);
    }
}

static void what_the_server_wants_to_have_waited_is_told(void **state)
{
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_script("put.wait.1", &storage));
    assert_status(do_put(storage), BS_E_BUSY);
    assert_int_equal(bs_error_last()->retry_after_ms, 7000);
    bsi_storage_unref(storage);
}

/* --- Faults that pass --- */

static void what_passes_is_tried_again(void **state)
{
    static const char *const scripts[] = {
        "list.busy.2",   "list.reset.2",   "get.busy.2",    "get.reset.2",       "get.short.2",
        "get.less.1",    "get.internal.2", "get.gateway.1", "get.flipped.2",     "head.busy.2",
        "head.reset.2",  "put.busy.2",     "put.reset.2",   "put.cut.2",         "put.lost.1",
        "put.digest.1",  "put.sum.1",      "put.timeout.1", "delete.busy.2",     "delete.lost.1",
        "block.busy.3",  "block.reset.3",  "block.cut.3",   "block.lost.2",      "block.digest.1",
        "commit.busy.2", "commit.reset.2", "commit.lost.1", "commit.internal.2",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(scripts); i++) {
        bsi_storage *storage = NULL;

        print_message("# %s\n", scripts[i]);
        storage = open_repeating(scripts[i]);
        assert_all_works(storage);
        bsi_storage_unref(storage);
    }
}

static void an_upload_whose_answer_got_lost_is_known_again(void **state)
{
    static const char *const scripts[] = {"put.lost.1", "commit.lost.1"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(scripts); i++) {
        char script[64];
        bsi_storage *storage = NULL;

        print_message("# %s\n", scripts[i]);
        (void)snprintf(script, sizeof(script), "%s/once", scripts[i]);
        storage = open_repeating(script);
        assert_ok(put(storage, "small", BS_STORAGE_PUT_EXCLUSIVE, "mine", 4));
        assert_ok(put_large(storage, "large", BS_STORAGE_PUT_EXCLUSIVE));
        assert_large(storage, "large");
        assert_status(put(storage, "small", BS_STORAGE_PUT_EXCLUSIVE, "mine", 4), BS_E_EXISTS);
        assert_status(put_large(storage, "large", BS_STORAGE_PUT_EXCLUSIVE), BS_E_EXISTS);
        bsi_storage_unref(storage);
    }
}

/* Azurite says so, and others may. */
static void blocks_that_were_left_are_no_object(void **state)
{
    char bytes[4];
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_script("put.ghost.9", &storage));
    assert_ok(put(storage, "k", BS_STORAGE_PUT_EXCLUSIVE, "mine", 4));
    assert_ok(bsi_storage_read(storage, NULL, "k", 0, bytes, sizeof(bytes)));
    assert_memory_equal(bytes, "mine", 4);
    assert_status(put(storage, "k", BS_STORAGE_PUT_EXCLUSIVE, "mine", 4), BS_E_EXISTS);
    bsi_storage_unref(storage);
}

static void an_upload_that_is_given_up_is_nowhere(void **state)
{
    uint8_t *bytes = make_large();
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;
    int objects = 0;

    (void)state;
    assert_ok(open_script("given-up", &storage));
    assert_ok(bsi_upload_begin(storage, NULL, "k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, bytes, LARGE));
    bsi_upload_abort(upload);
    assert_ok(bsi_storage_list(storage, NULL, "", count, &objects));
    assert_int_equal(objects, 0);
    assert_status(do_head(storage), BS_E_NOT_FOUND);
    bsi_storage_unref(storage);
    free(bytes);
}

static bs_status expect_c(void *user, const char *key, const bs_storage_object *object)
{
    assert_string_equal(key, "c");
    assert_int_equal(object->size, 1);
    return count(user, key, object);
}

static void names_that_no_key_has_are_passed_over(void **state)
{
    bsi_storage *storage = NULL;
    int objects = 0;

    (void)state;
    assert_ok(open_script("list.unnamed.2/x", &storage));
    assert_ok(bsi_storage_list(storage, NULL, "", expect_c, &objects));
    assert_int_equal(objects, 1);
    bsi_storage_unref(storage);
}

/* --- Checksums, tiers, locks --- */

static void each_kind_of_checksum_is_taken(void **state)
{
    static const char *const kinds[] = {"md5", "crc64", "none"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(kinds); i++) {
        const bsi_setting settings[] = {{"prefix", kinds[i]}, {"checksums", kinds[i]}};
        bsi_storage *storage = NULL;

        assert_ok(open_with(settings, BSI_ARRAY_SIZE(settings), &storage));
        assert_all_works(storage);
        bsi_storage_unref(storage);
    }
}

static void tiers_and_scopes_are_taken(void **state)
{
    const bsi_setting settings[] = {
        {"prefix", "cool"}, {"access_tier", "cool"}, {"encryption_scope", "mine"}};
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_with(settings, BSI_ARRAY_SIZE(settings), &storage));
    assert_all_works(storage);
    bsi_storage_unref(storage);
}

static bs_status open_locked(const char *script, const char *container, bsi_storage **out)
{
    const bsi_setting settings[] = {{"prefix", script},
                                    {"container", container},
                                    {"immutability", "unlocked"},
                                    {"immutability_days", "2"},
                                    {"legal_hold", "true"}};

    return open_with(settings, BSI_ARRAY_SIZE(settings), out);
}

static void locked_blobs_stay(void **state)
{
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_locked("stays", "worm-box", &storage));
    assert_true((bsi_storage_caps(storage) & BS_STORAGE_CAP_OBJECT_LOCK) != 0);
    assert_ok(bsi_storage_put(storage, NULL, "small", "x", 1));
    assert_ok(put_large(storage, "large", 0));
    assert_status(bsi_storage_remove(storage, NULL, "small"), BS_E_ACCESS);
    assert_tells("409 BlobImmutableDueToPolicy");
    assert_status(bsi_storage_remove(storage, NULL, "large"), BS_E_ACCESS);
    bsi_storage_unref(storage);
}

static void locks_that_are_forgotten_are_told(void **state)
{
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_locked("put.forgetful.1", "worm-box", &storage));
    assert_status(bsi_storage_put(storage, NULL, "k", "x", 1), BS_E_UNSUPPORTED);
    assert_tells("does not tell that it is unlocked until");
    bsi_storage_unref(storage);
    assert_ok(open_locked("commit.forgetful.1", "worm-box", &storage));
    assert_status(put_large(storage, "k", 0), BS_E_UNSUPPORTED);
    bsi_storage_unref(storage);
}

static void a_lock_needs_a_container_that_has_it(void **state)
{
    bsi_storage *storage = NULL;

    (void)state;
    assert_status(open_locked("a", "box", &storage), BS_E_UNSUPPORTED);
    assert_tells("has no version-level immutability");
}

/* --- Waiting --- */

static void deadlines_hold_for_requests_and_blocks(void **state)
{
    uint8_t *bytes = make_large();
    bs_storage_object object;
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;
    bs_call call = {0};

    (void)state;
    assert_ok(open_script("head.stall.2", &storage));
    call.deadline_ns = bsi_monotonic_ns() + 100000000;
    assert_status(bsi_storage_stat(storage, &call, "k", &object), BS_E_TIMEOUT);
    bsi_storage_unref(storage);

    assert_ok(open_script("block.stall.9", &storage));
    assert_ok(bsi_upload_begin(storage, NULL, "k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, bytes, LARGE));
    call.deadline_ns = bsi_monotonic_ns() + 100000000;
    assert_status(bsi_upload_commit(upload, &call), BS_E_TIMEOUT);
    bsi_storage_unref(storage);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_http_is_told),
        cmocka_unit_test(opening_tells_what_is_wrong),
        cmocka_unit_test(settings_that_cannot_be_right_are_refused),
        cmocka_unit_test(signatures_that_are_no_queries_are_refused),
        cmocka_unit_test(a_signature_that_comes_back_in_an_answer_is_not_told),
        cmocka_unit_test(each_refusal_is_told),
        cmocka_unit_test(what_the_server_wants_to_have_waited_is_told),
        cmocka_unit_test(what_passes_is_tried_again),
        cmocka_unit_test(an_upload_whose_answer_got_lost_is_known_again),
        cmocka_unit_test(blocks_that_were_left_are_no_object),
        cmocka_unit_test(an_upload_that_is_given_up_is_nowhere),
        cmocka_unit_test(names_that_no_key_has_are_passed_over),
        cmocka_unit_test(each_kind_of_checksum_is_taken),
        cmocka_unit_test(tiers_and_scopes_are_taken),
        cmocka_unit_test(locked_blobs_stay),
        cmocka_unit_test(locks_that_are_forgotten_are_told),
        cmocka_unit_test(a_lock_needs_a_container_that_has_it),
        cmocka_unit_test(deadlines_hold_for_requests_and_blocks),
    };

    return cmocka_run_group_tests_name("storage/azure", tests, NULL, NULL);
}
