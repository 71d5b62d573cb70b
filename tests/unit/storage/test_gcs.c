/* SPDX-License-Identifier: MIT */
/*
 * Against the server of tests/support/gcs_stub.py, which starts this program: prefixes tell it
 * what to do wrong.
 */
#include "support/test.h"

/* Three chunks, of which the last is less than a quantum; two where the first waits for the end. */
#define REMOTE_LARGE (2 * 1024 * 1024 + 12345)

#include <stdio.h>

#include "os/process.h"
#include "os/time.h"
#include "remote.h"

enum { SETTINGS_MAX = 16, PATH_SIZE = 512 };

/* A file with credentials of the server's. */
static const char *file(const char *name)
{
    static char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/%s.json", bsi_environment("BSI_GCS_FILES"), name);
    return path;
}

/* Later ones of the same key count. */
static bs_status open_with(const bsi_setting *more, size_t count, bsi_storage **out)
{
    bsi_setting settings[SETTINGS_MAX] = {
        {"endpoint", bsi_environment("BSI_GCS_ENDPOINT")},
        {"bucket", "bucket"},
        {"chunk_size_mib", "1"},
    };
    const size_t used = add_settings(settings, 3, SETTINGS_MAX, more, count);

    return bsi_storage_open("google_cloud", settings, used, NULL, out);
}

static bs_status open_script(const char *script, bsi_storage **out)
{
    const bsi_setting prefix = {"prefix", script};

    return open_with(&prefix, 1, out);
}

static bs_status open_as(const char *name, bsi_storage **out)
{
    const bsi_setting settings[] = {{"credentials_file", file(name)}};

    return open_with(settings, 1, out);
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
    assert_null(strstr(error->message, "canary"));
}

/* A large object whose beginning is changed at the end. */
static bs_status put_patched(bsi_storage *storage, const char *key, uint32_t flags)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    uint8_t *bytes = make_large();
    bsi_upload *upload = NULL;
    bs_status status = BS_OK;

    options.flags = flags | BS_STORAGE_PUT_PATCHABLE;
    assert_ok(bsi_upload_begin(storage, NULL, key, &options, &upload));
    memset(bytes, 0, 100);
    status = bsi_upload_write(upload, NULL, bytes, LARGE);
    free(bytes);
    bytes = make_large();
    if (status == BS_OK) {
        status = bsi_upload_patch(upload, NULL, 0, bytes, 100);
    }
    free(bytes);
    if (status < 0) {
        bsi_upload_abort(upload);
        return status;
    }
    return bsi_upload_commit(upload, NULL);
}

static void assert_swept(bsi_storage *storage, uint64_t objects)
{
    uint64_t found = 0;
    uint64_t bytes = 0;

    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &found, &bytes));
    assert_int_equal(found, objects);
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
        {"bucket", BS_E_INVALID,
         "404 notFound (The specified bucket does not exist.): create the bucket"},
        {"denied", BS_E_ACCESS, "bucket 'bucket' at '127.0.0.1:"},
        {"revoked", BS_E_ACCESS, "401 authError: the token is over"},
        {"html", BS_E_CORRUPT, "bucket 'bucket' at '127.0.0.1:"},
        {"object", BS_E_CORRUPT, "is no list of objects"},
        {"nothing", BS_E_IO, "is the endpoint right?"},
        {"slow", BS_E_BUSY, "429 rateLimitExceeded (The object exceeded the rate limit.)"},
        {"gateway", BS_E_IO, "502"},
        {"reset", BS_E_IO, "server '127.0.0.1:"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_storage *storage = NULL;
        char script[64];

        print_message("# %s\n", cases[i].fault);
        /* What dies on the connection that the token came over is sent once more by itself. */
        (void)snprintf(script, sizeof(script), "open.%s.2", cases[i].fault);
        assert_status(open_script(script, &storage), cases[i].expected);
        assert_tells(cases[i].words);
        assert_tells("opening storage 'google_cloud'");
    }
}

static void a_bucket_that_is_not_there_is_told(void **state)
{
    static const bsi_setting settings[] = {{"bucket", "another"}};
    bsi_storage *storage = NULL;

    (void)state;
    assert_status(open_with(settings, 1, &storage), BS_E_INVALID);
    assert_tells("bucket 'another' at '127.0.0.1:");
    assert_tells("The specified bucket does not exist.");
}

static void settings_that_cannot_be_right_are_refused(void **state)
{
    static const struct {
        bsi_setting setting;
        const char *words;
    } cases[] = {
        {{"bucket", "b"}, "bucket"},
        {{"bucket", "a/b/c"}, "bucket"},
        {{"bucket", ".abc"}, "bucket"},
        {{"endpoint", "ftp://host"}, "endpoint"},
        {{"endpoint", "host:9000"}, "endpoint"},
        {{"endpoint", "http://"}, "endpoint"},
        {{"endpoint", "http://user@host"}, "endpoint"},
        {{"endpoint", "http://host/path"}, "endpoint"},
        {{"endpoint", "http://storage.example.org"}, "credentials go over https: only"},
        {{"credentials", "guess"}, "credentials"},
        {{"prefix", "/a"}, "prefix"},
        {{"prefix", "a//b"}, "prefix"},
        {{"prefix", "a\nb"}, "prefix"},
        {{"chunk_size_mib", "0"}, "chunk_size_mib"},
        {{"chunk_size_mib", "513"}, "chunk_size_mib"},
        {{"list_page_size", "0"}, "list_page_size"},
        {{"list_page_size", "1001"}, "list_page_size"},
        {{"storage_class", "STANDARD\r\nX: 1"}, "storage_class"},
        {{"storage_class", "nearline"}, "storage_class"},
        {{"credentials_json", "{\"type\":\"canary\"}"}, "the credentials in credentials_json"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        const bool json = strcmp(cases[i].setting.key, "credentials_json") == 0;
        bsi_storage *storage = NULL;

        print_message("# %s=%s\n", cases[i].setting.key, cases[i].setting.value);
        assert_status(open_with(&cases[i].setting, 1, &storage),
                      json ? BS_E_UNSUPPORTED : BS_E_INVALID);
        assert_non_null(strstr(bs_error_last()->message, cases[i].words));
        assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
    }
}

/* --- Credentials --- */

static void each_place_is_looked_at(void **state)
{
    static char text[16 * 1024];
    const bsi_setting cases[][2] = {
        {{"credentials", "file"}},
        {{"credentials", "machine"}},
        {{"credentials", "settings"}, {"credentials_json", text}},
        {{"credentials_json", text}},
        {{"credentials", "auto"}},
        {{"credentials", "none"}, {"bucket", "public"}},
    };
    FILE *from = fopen(file("user"), "r");

    (void)state;
    assert_non_null(from);
    assert_true(fread(text, 1, sizeof(text) - 1, from) > 0);
    (void)fclose(from);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_storage *storage = NULL;

        print_message("# %s=%s\n", cases[i][0].key, cases[i][0].value);
        assert_ok(open_with(cases[i], cases[i][1].key ? 2 : 1, &storage));
        bsi_storage_unref(storage);
    }
}

static void credentials_that_do_not_do_are_told(void **state)
{
    static const struct {
        const char *name;
        bs_status expected;
        bs_retry retry;
        const char *words;
    } cases[] = {
        {"wrong-key", BS_E_ACCESS, BS_RETRY_NEVER,
         "400 invalid_grant (Invalid JWT Signature.): the key was removed"},
        {"unknown-key", BS_E_ACCESS, BS_RETRY_NEVER, "Invalid JWT Signature."},
        {"unknown-account", BS_E_ACCESS, BS_RETRY_NEVER, "account not found"},
        {"other-audience", BS_E_ACCESS, BS_RETRY_NEVER, "Failed audience check."},
        {"user-revoked", BS_E_ACCESS, BS_RETRY_NEVER,
         "(Token has been expired or revoked.): the login was revoked"},
        {"user-client", BS_E_ACCESS, BS_RETRY_NEVER, "invalid_client (Unauthorized): the client"},
        {"user-echo", BS_E_ACCESS, BS_RETRY_NEVER, "asking for a token"},
        {"token-false", BS_E_ACCESS, BS_RETRY_NEVER, "401 authError (Invalid Credentials)"},
        {"token-clock", BS_E_CLOCK, BS_RETRY_NEVER, "at the server Mon, 01 Jan 2001 00:00:00 GMT"},
        {"token-html", BS_E_CORRUPT, BS_RETRY_NEVER, "asking for a token"},
        {"token-nothing", BS_E_NOT_FOUND, BS_RETRY_NEVER, "asking for a token"},
        {"token-slow", BS_E_BUSY, BS_RETRY_SAFE, "asking for a token: the server answers 429"},
        {"token-reset", BS_E_IO, BS_RETRY_SAFE, "asking for a token: server '127.0.0.1:"},
        {"not-there", BS_E_NOT_FOUND, BS_RETRY_NEVER, "the credentials in credentials_file"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_storage *storage = NULL;

        print_message("# %s\n", cases[i].name);
        assert_status(open_as(cases[i].name, &storage), cases[i].expected);
        assert_tells(cases[i].words);
        assert_int_equal(bs_error_last()->retry, cases[i].retry);
    }
}

static void what_is_not_set_is_named(void **state)
{
    static const bsi_setting settings[] = {{"credentials", "settings"}};
    bsi_storage *storage = NULL;

    (void)state;
    assert_status(open_with(settings, 1, &storage), BS_E_NOT_FOUND);
    assert_tells("neither credentials_json nor credentials_file is set");
}

/* Half of its time goes by without another, and then one is asked for. */
static void a_token_is_replaced_before_it_ends(void **state)
{
    bs_storage_object object;
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_as("user", &storage));
    bsi_clock_shift(3600 - 299);
    assert_status(bsi_storage_stat(storage, NULL, "k", &object), BS_E_NOT_FOUND);
    bsi_clock_shift(0);
    bsi_storage_unref(storage);
}

static void a_token_that_was_revoked_is_replaced(void **state)
{
    bs_storage_object object;
    bsi_storage *bare = NULL;
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_script("head.revoked.2", &bare));
    assert_status(bsi_storage_stat(bare, NULL, "k", &object), BS_E_ACCESS);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    assert_tells("the token is over");
    storage = repeating(bare);
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    bsi_storage_unref(storage);
}

/* --- Faults that end an operation --- */

static bs_status do_patched(bsi_storage *storage)
{
    return put_patched(storage, "k", 0);
}

static const refused_case refused[] = {
    {"get.denied.9", do_get, BS_E_ACCESS, BS_RETRY_NEVER, "reading object 'k': bucket 'bucket'"},
    {"get.nothing.9", do_get, BS_E_NOT_FOUND, BS_RETRY_NEVER, "is not in bucket 'bucket'"},
    {"get.html.9", do_get, BS_E_IO, BS_RETRY_SAFE, "more than was asked for"},
    {"get.whole.9", do_get, BS_E_IO, BS_RETRY_SAFE, "more than was asked for"},
    {"get.short.9", do_get, BS_E_IO, BS_RETRY_SAFE, "reading object 'k'"},
    {"get.lesser.9", do_get, BS_E_IO, BS_RETRY_SAFE, "less than the range"},
    {"get.other.9", do_get, BS_E_IO, BS_RETRY_SAFE, "another range"},
    {"get.bytes.9", do_get, BS_E_IO, BS_RETRY_SAFE, "other bytes than it tells the checksum of"},
    {"get.internal.9", do_get, BS_E_IO, BS_RETRY_SAFE, "500: Backend Error"},
    {"head.denied.9", do_head, BS_E_ACCESS, BS_RETRY_NEVER, "looking up object 'k'"},
    {"head.html.9", do_head, BS_E_CORRUPT, BS_RETRY_NEVER, "looking up object 'k'"},
    {"head.object.9", do_head, BS_E_CORRUPT, BS_RETRY_NEVER, "does not describe an object"},
    {"put.denied.9", do_put, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"put.full.9", do_put, BS_E_NO_SPACE, BS_RETRY_NEVER, "403 quotaExceeded"},
    {"put.html.9", do_put, BS_E_CORRUPT, BS_RETRY_NEVER, "storing object 'k'"},
    {"put.sum.9", do_put, BS_E_IO, BS_RETRY_SAFE, "another checksum"},
    {"put.size.9", do_put, BS_E_IO, BS_RETRY_SAFE, "has 4 bytes of 5"},
    {"put.changed.9", do_put, BS_E_IO, BS_RETRY_SAFE, "changed on their way"},
    {"put.wait.9", do_put, BS_E_BUSY, BS_RETRY_AFTER, "503"},
    {"put.bucket.9", do_put, BS_E_INVALID, BS_RETRY_NEVER, "create the bucket"},
    {"delete.denied.9", do_delete, BS_E_ACCESS, BS_RETRY_NEVER, "removing object 'k'"},
    {"delete.kept.9", do_delete, BS_E_ACCESS, BS_RETRY_NEVER, "retention policy keeps the object"},
    {"delete.html.9", do_delete, BS_E_IO, BS_RETRY_SAFE, "does not say that"},
    {"list.denied.9", do_list, BS_E_ACCESS, BS_RETRY_NEVER, "listing below 'a'"},
    {"list.html.9", do_list, BS_E_CORRUPT, BS_RETRY_NEVER, "listing below 'a'"},
    {"list.object.9", do_list, BS_E_CORRUPT, BS_RETRY_NEVER, "is no list of objects"},
    {"list.bucket.9", do_list, BS_E_INVALID, BS_RETRY_NEVER, "create the bucket"},
    {"list.same.9", do_list, BS_E_CORRUPT, BS_RETRY_NEVER, "has no end"},
    {"list.circle.99", do_list, BS_E_CORRUPT, BS_RETRY_NEVER, "has no end"},
    {"list.foreign.9", do_list, BS_E_IO, BS_RETRY_SAFE, "not asked for"},
    {"begin.denied.9", do_large, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"begin.html.9", do_large, BS_E_IO, BS_RETRY_SAFE, "without an address of its own"},
    {"begin.nowhere.9", do_large, BS_E_IO, BS_RETRY_SAFE, "without an address of its own"},
    {"begin.elsewhere.9", do_large, BS_E_IO, BS_RETRY_SAFE, "without an address of its own"},
    {"chunk.denied.9", do_large, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"chunk.html.9", do_large, BS_E_IO, BS_RETRY_SAFE, "ends an upload before all is sent"},
    {"chunk.early.9", do_large, BS_E_IO, BS_RETRY_SAFE, "ends an upload before all is sent"},
    {"chunk.more.9", do_large, BS_E_IO, BS_RETRY_SAFE, "more of an upload than was sent"},
    {"chunk.odd.9", do_large, BS_E_IO, BS_RETRY_SAFE, "as nobody can read it"},
    {"chunk.idle.9", do_large, BS_E_IO, BS_RETRY_SAFE, "takes nothing of what is sent"},
    {"end.less.9", do_large, BS_E_CORRUPT, BS_RETRY_NEVER, "has lost "},
    {"end.gone.9", do_large, BS_E_IO, BS_RETRY_NEVER, "has forgotten the upload"},
    {"end.changed.9", do_large, BS_E_IO, BS_RETRY_NEVER, "changed on their way"},
    {"end.sum.9", do_large, BS_E_IO, BS_RETRY_NEVER, "another checksum"},
    {"end.size.9", do_large, BS_E_IO, BS_RETRY_NEVER, "has 4 bytes of"},
    {"end.html.9", do_large, BS_E_CORRUPT, BS_RETRY_NEVER, "storing object 'k'"},
    {"compose.denied.9", do_patched, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"compose.html.9", do_patched, BS_E_CORRUPT, BS_RETRY_NEVER, "storing object 'k'"},
    {"compose.sum.9", do_patched, BS_E_IO, BS_RETRY_SAFE, "another checksum"},
};

static void each_refusal_is_told_and_nothing_is_left(void **state)
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
        if (refused[i].run == do_patched || refused[i].run == do_large) {
            assert_swept(storage, 0);
            assert_status(do_head(storage), BS_E_NOT_FOUND);
        }
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

/* A bucket that is gone, or somebody else's page, must not look like an object that is. */
static void only_who_has_looked_says_that_nothing_is_there(void **state)
{
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_script("head.bucket.1", &storage));
    assert_status(do_head(storage), BS_E_NOT_FOUND); /* The bucket is there when it is asked. */
    assert_tells("is not in bucket 'bucket'");
    bsi_storage_unref(storage);
}

/* --- Faults that pass --- */

static void what_passes_is_tried_again(void **state)
{
    static const char *const scripts[] = {
        "list.slow.2",    "list.reset.2",     "list.revoked.1", "get.slow.2",
        "get.reset.2",    "get.short.2",      "get.lesser.1",   "get.bytes.1",
        "get.internal.2", "get.gateway.1",    "head.slow.2",    "head.reset.2",
        "head.lost.1",    "put.slow.2",       "put.reset.2",    "put.cut.2",
        "put.lost.1",     "put.changed.1",    "put.sum.1",      "put.revoked.1",
        "delete.slow.2",  "delete.lost.1",    "begin.slow.2",   "begin.reset.1",
        "begin.lost.1",   "begin.revoked.1",  "chunk.slow.3",   "chunk.reset.3",
        "chunk.cut.3",    "chunk.lost.2",     "chunk.half.4",   "chunk.gone.1",
        "chunk.idle.2",   "chunk.internal.2", "end.internal.2", "end.reset.2",
        "end.cut.2",      "end.lost.1",       "end.half.2",     "ask.slow.1",
        "compose.slow.2", "compose.reset.2",  "compose.lost.1",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(scripts); i++) {
        bsi_storage *storage = NULL;

        print_message("# %s\n", scripts[i]);
        storage = open_repeating(scripts[i]);
        assert_all_works(storage);
        assert_ok(put_patched(storage, "a/patched", 0));
        assert_large(storage, "a/patched");
        bsi_storage_unref(storage);
    }
}

static void an_upload_whose_answer_got_lost_is_known_again(void **state)
{
    static const char *const scripts[] = {"put.lost.1", "end.lost.1", "compose.lost.1"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(scripts); i++) {
        char script[64];
        bsi_storage *storage = NULL;

        print_message("# %s\n", scripts[i]);
        (void)snprintf(script, sizeof(script), "%s/once", scripts[i]);
        storage = open_repeating(script);
        assert_ok(put(storage, "small", BS_STORAGE_PUT_EXCLUSIVE, "mine", 4));
        assert_ok(put_large(storage, "large", BS_STORAGE_PUT_EXCLUSIVE));
        assert_ok(put_patched(storage, "patched", BS_STORAGE_PUT_EXCLUSIVE));
        assert_large(storage, "large");
        assert_large(storage, "patched");
        assert_status(put(storage, "small", BS_STORAGE_PUT_EXCLUSIVE, "mine", 4), BS_E_EXISTS);
        assert_status(put_large(storage, "large", BS_STORAGE_PUT_EXCLUSIVE), BS_E_EXISTS);
        assert_status(put_patched(storage, "patched", BS_STORAGE_PUT_EXCLUSIVE), BS_E_EXISTS);
        assert_swept(storage, 0);
        bsi_storage_unref(storage);
    }
}

static void new_objects_get_the_class_that_is_set(void **state)
{
    static const bsi_setting good[] = {{"storage_class", "NEARLINE"}};
    static const bsi_setting bad[] = {{"storage_class", "LUKEWARM"}};
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_with(good, 1, &storage));
    assert_ok(do_put(storage));
    assert_ok(put_large(storage, "k", 0));
    bsi_storage_unref(storage);
    assert_ok(open_with(bad, 1, &storage));
    assert_status(do_put(storage), BS_E_IO);
    assert_tells("Invalid argument: storageClass");
    bsi_storage_unref(storage);
}

static void names_that_google_does_not_take_are_refused(void **state)
{
    char longer[1026];
    bsi_storage *storage = NULL;
    bs_storage_object object;

    (void)state;
    assert_ok(open_with(NULL, 0, &storage));
    memset(longer, 'k', sizeof(longer) - 1);
    for (size_t i = 200; i < sizeof(longer); i += 200) {
        longer[i] = '/';
    }
    longer[1025] = '\0';
    assert_status(bsi_storage_put(storage, NULL, longer, "x", 1), BS_E_LIMIT);
    assert_tells("at most 1024 bytes");
    longer[1024] = '\0';
    assert_ok(bsi_storage_put(storage, NULL, longer, "x", 1));
    assert_ok(bsi_storage_remove(storage, NULL, longer));
    assert_status(bsi_storage_put(storage, NULL, "a\nb", "x", 1), BS_E_INVALID);
    assert_status(bsi_storage_put(storage, NULL, "a\xff", "x", 1), BS_E_INVALID);
    assert_status(bsi_storage_stat(storage, NULL, "a\nb", &object), BS_E_NOT_FOUND);
    assert_ok(bsi_storage_remove(storage, NULL, "a\nb"));
    bsi_storage_unref(storage);
}

/* --- Uploads that are given up --- */

static void an_upload_that_is_given_up_leaves_nothing(void **state)
{
    static const uint32_t flags[] = {0, BS_STORAGE_PUT_PATCHABLE};
    uint8_t *bytes = make_large();
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_script("given-up", &storage));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(flags); i++) {
        bs_storage_put_options options = BSI_PUT_DEFAULTS;
        bsi_upload *upload = NULL;

        options.flags = flags[i];
        assert_ok(bsi_upload_begin(storage, NULL, "k", &options, &upload));
        assert_ok(bsi_upload_write(upload, NULL, bytes, LARGE));
        bsi_upload_abort(upload);
        assert_swept(storage, 0);
        assert_status(do_head(storage), BS_E_NOT_FOUND);
    }
    bsi_storage_unref(storage);
    free(bytes);
}

static void what_was_left_is_swept_up(void **state)
{
    uint64_t objects = 0;
    uint64_t bytes = 0;
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_script("delete.denied.2", &storage));
    assert_ok(put_patched(storage, "k", 0));
    assert_large(storage, "k");
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_C(1500000000) * 1000000000, &objects, &bytes));
    assert_int_equal(objects, 0);
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(objects, 2);
    assert_int_equal(bytes, LARGE);
    assert_swept(storage, 0);
    assert_large(storage, "k");
    bsi_storage_unref(storage);
}

/* --- Waiting --- */

static void who_says_nothing_is_given_up(void **state)
{
    const bsi_setting settings[] = {{"prefix", "head.stall.1"}, {"stall_timeout_s", "1"}};
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_with(settings, BSI_ARRAY_SIZE(settings), &storage));
    assert_status(do_head(storage), BS_E_TIMEOUT);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    bsi_storage_unref(storage);
}

static void deadlines_hold_for_requests_and_chunks(void **state)
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

    assert_ok(open_script("chunk.stall.9", &storage));
    assert_ok(bsi_upload_begin(storage, NULL, "k", NULL, &upload));
    call.deadline_ns = bsi_monotonic_ns() + 100000000;
    assert_status(bsi_upload_write(upload, &call, bytes, LARGE), BS_E_TIMEOUT);
    bsi_upload_abort(upload);
    assert_swept(storage, 0);
    bsi_storage_unref(storage);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_http_is_told),
        cmocka_unit_test(opening_tells_what_is_wrong),
        cmocka_unit_test(a_bucket_that_is_not_there_is_told),
        cmocka_unit_test(settings_that_cannot_be_right_are_refused),
        cmocka_unit_test(each_place_is_looked_at),
        cmocka_unit_test(credentials_that_do_not_do_are_told),
        cmocka_unit_test(what_is_not_set_is_named),
        cmocka_unit_test(a_token_is_replaced_before_it_ends),
        cmocka_unit_test(a_token_that_was_revoked_is_replaced),
        cmocka_unit_test(each_refusal_is_told_and_nothing_is_left),
        cmocka_unit_test(what_the_server_wants_to_have_waited_is_told),
        cmocka_unit_test(only_who_has_looked_says_that_nothing_is_there),
        cmocka_unit_test(what_passes_is_tried_again),
        cmocka_unit_test(an_upload_whose_answer_got_lost_is_known_again),
        cmocka_unit_test(new_objects_get_the_class_that_is_set),
        cmocka_unit_test(names_that_google_does_not_take_are_refused),
        cmocka_unit_test(an_upload_that_is_given_up_leaves_nothing),
        cmocka_unit_test(what_was_left_is_swept_up),
        cmocka_unit_test(who_says_nothing_is_given_up),
        cmocka_unit_test(deadlines_hold_for_requests_and_chunks),
    };

    return cmocka_run_group_tests_name("storage/gcs", tests, NULL, NULL);
}
