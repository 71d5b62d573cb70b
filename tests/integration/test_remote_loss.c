/* SPDX-License-Identifier: MIT */
/*
 * Storages of services over a line that breaks. Started by tests/support/s3_server.py,
 * azure_server.py or gcs_stub.py, beside a server.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/process.h"
#include "support/proxy.h"
#include "unit/storage/remote.h"

enum { URL_SIZE = 100, PREFIX_SIZE = 24, PATH_SIZE = 512, SMALL = 1000 };

static bs_status open_s3(const char *url, const char *prefix, bsi_storage **out)
{
    const bsi_setting settings[] = {
        {"endpoint", url},
        {"bucket", bsi_environment("BSI_S3_BUCKET")},
        {"prefix", prefix},
        {"access_key_id", bsi_environment("AWS_ACCESS_KEY_ID")},
        {"secret_access_key", bsi_environment("AWS_SECRET_ACCESS_KEY")},
        {"conditional_put", "true"},
        {"part_size_mib", "5"},
    };

    return bsi_storage_open("s3", settings, BSI_ARRAY_SIZE(settings), NULL, out);
}

static bs_status open_azure(const char *url, const char *prefix, bsi_storage **out)
{
    const bsi_setting settings[] = {
        {"endpoint", url},
        {"container", bsi_environment("BSI_AZURE_CONTAINER")},
        {"prefix", prefix},
        {"account", bsi_environment("BSI_AZURE_ACCOUNT")},
        {"account_key", bsi_environment("BSI_AZURE_KEY")},
        {"checksums", bsi_environment("BSI_AZURE_CHECKSUMS")},
        {"block_size_mib", "1"},
    };

    return bsi_storage_open("azure_blob", settings, BSI_ARRAY_SIZE(settings), NULL, out);
}

static bs_status open_gcs(const char *url, const char *prefix, bsi_storage **out)
{
    char file[PATH_SIZE];
    const bsi_setting settings[] = {
        {"endpoint", url},          {"bucket", "bucket"},    {"prefix", prefix},
        {"credentials_file", file}, {"chunk_size_mib", "1"},
    };

    (void)snprintf(file, sizeof(file), "%s/service.json", bsi_environment("BSI_GCS_FILES"));
    return bsi_storage_open("google_cloud", settings, BSI_ARRAY_SIZE(settings), NULL, out);
}

/* What is there is said by its variable for the address. */
static const struct {
    const char *endpoint;
    bs_status (*open)(const char *url, const char *prefix, bsi_storage **out);
} services[] = {{"BSI_AZURE_ENDPOINT", open_azure},
                {"BSI_GCS_ENDPOINT", open_gcs},
                {"BSI_S3_ENDPOINT", open_s3}};

static size_t present_service(void)
{
    size_t i = 0;

    while (!bsi_environment(services[i].endpoint)) {
        i++;
        assert_true(i < BSI_ARRAY_SIZE(services));
    }
    return i;
}

/* Address of the proxy before the server, with what stands behind the server's port. */
static test_proxy *start_proxy(char url_out[URL_SIZE])
{
    const char *endpoint = bsi_environment(services[present_service()].endpoint);
    test_proxy *proxy = NULL;
    char path[URL_SIZE / 2] = "";
    unsigned port = 0;

    assert_true(sscanf(endpoint, "http://127.0.0.1:%u%49s", &port, path) >= 1);
    proxy = test_proxy_start((uint16_t)port);
    assert_non_null(proxy);
    (void)snprintf(url_out, URL_SIZE, "http://127.0.0.1:%u%s", test_proxy_port(proxy), path);
    return proxy;
}

/* Empty: each has a prefix of its own. */
static bsi_storage *open_beside(const char *url)
{
    static unsigned number;
    bsi_storage *bare = NULL;
    char prefix[PREFIX_SIZE];

    (void)snprintf(prefix, sizeof(prefix), "loss/%u", number++);
    assert_ok(services[present_service()].open(url, prefix, &bare));
    return repeating(bare);
}

static void assert_stored(bsi_storage *storage, const char *key, const uint8_t *bytes, size_t size)
{
    bs_storage_object object;
    uint8_t *back = malloc(size);

    assert_non_null(back);
    assert_ok(bsi_storage_stat(storage, NULL, key, &object));
    assert_int_equal(object.size, size);
    assert_ok(bsi_storage_read(storage, NULL, key, 0, back, size));
    assert_memory_equal(back, bytes, size);
    free(back);
}

static bs_status count_one(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    (*(size_t *)user)++;
    return BS_OK;
}

static size_t count_objects(bsi_storage *storage)
{
    size_t count = 0;

    assert_ok(bsi_storage_list(storage, NULL, "", count_one, &count));
    return count;
}

/* What backups do: it succeeds whatever happens to one connection. */
static void work(bsi_storage *storage, const uint8_t *large)
{
    assert_ok(put(storage, "d/small", 0, large, SMALL));
    assert_ok(put(storage, "d/small", 0, large + 1, SMALL));
    assert_ok(put(storage, "d/once", BS_STORAGE_PUT_EXCLUSIVE, large, SMALL));
    assert_ok(put(storage, "d/large", BS_STORAGE_PUT_EXCLUSIVE, large, LARGE));
    assert_status(put(storage, "d/once", BS_STORAGE_PUT_EXCLUSIVE, large + 1, SMALL), BS_E_EXISTS);
    assert_stored(storage, "d/large", large, LARGE);
    assert_ok(put(storage, "d/gone", 0, large, SMALL));
    assert_ok(bsi_storage_remove(storage, NULL, "d/gone"));
    assert_int_equal(count_objects(storage), 3);
}

/* What uploads have left behind that nobody sees; a service that forgets it by itself has none. */
static uint64_t sweep(bsi_storage *storage)
{
    uint64_t objects = 0;
    uint64_t bytes = 0;
    const bs_status status = bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes);

    assert_true(status == BS_OK || status == BS_E_UNSUPPORTED);
    return objects;
}

/* Nothing else is there, and nothing stays: at most the upload whose name got lost. */
static void assert_worked(bsi_storage *storage, const uint8_t *large)
{
    assert_stored(storage, "d/small", large + 1, SMALL);
    assert_stored(storage, "d/once", large, SMALL);
    assert_stored(storage, "d/large", large, LARGE);
    assert_int_equal(count_objects(storage), 3);
    assert_true(sweep(storage) <= 1);
    assert_int_equal(sweep(storage), 0);
}

/* The bytes that the work took. */
static uint64_t work_with_cut(test_proxy *proxy, const char *url, test_proxy_way way,
                              uint64_t after)
{
    bsi_storage *storage = open_beside(url);
    uint8_t *large = make_large();
    uint64_t count = 0;

    test_proxy_cut(proxy, way, after);
    work(storage, large);
    count = test_proxy_count(proxy, way);
    assert_true(after == TEST_PROXY_NEVER || test_proxy_has_cut(proxy));
    assert_worked(storage, large);
    bsi_storage_unref(storage);
    free(large);
    return count;
}

/* Bytes are counted once; then the line breaks in between. */
static void work_with_each_cut(test_proxy_way way)
{
    const unsigned parts = getenv("BSI_TESTS_FULL") ? 64 : 3;
    char url[URL_SIZE];
    test_proxy *proxy = start_proxy(url);
    const uint64_t count = work_with_cut(proxy, url, way, TEST_PROXY_NEVER);

    for (unsigned i = 0; i <= parts; i++) {
        (void)work_with_cut(proxy, url, way, count * i / (parts + 1));
    }
    test_proxy_stop(proxy);
}

static void nothing_is_lost_where_requests_break(void **state)
{
    (void)state;
    work_with_each_cut(TEST_PROXY_UP);
}

static void nothing_is_lost_where_answers_break(void **state)
{
    (void)state;
    work_with_each_cut(TEST_PROXY_DOWN);
}

/*
 * The answers of an upload alone, each of which may get lost: what was stored is known again, and
 * not taken for somebody else's.
 */
static void an_answer_that_gets_lost_is_found_out(void **state)
{
    const unsigned step = getenv("BSI_TESTS_FULL") ? 1 : 150;
    char url[URL_SIZE];
    test_proxy *proxy = start_proxy(url);
    uint8_t *large = make_large();
    bsi_storage *storage = open_beside(url);
    bool cut = true;

    (void)state;
    for (uint64_t after = 0; cut; after += step) {
        char key[32];
        (void)snprintf(key, sizeof(key), "k%u", (unsigned)after);
        test_proxy_cut(proxy, TEST_PROXY_DOWN, after);
        assert_ok(put(storage, key, BS_STORAGE_PUT_EXCLUSIVE, large, SMALL));
        cut = test_proxy_has_cut(proxy);
        assert_stored(storage, key, large, SMALL);
    }
    bsi_storage_unref(storage);
    free(large);
    test_proxy_stop(proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_where_requests_break),
        cmocka_unit_test(nothing_is_lost_where_answers_break),
        cmocka_unit_test(an_answer_that_gets_lost_is_found_out),
    };

    return cmocka_run_group_tests_name("remote_loss", tests, NULL, NULL);
}
