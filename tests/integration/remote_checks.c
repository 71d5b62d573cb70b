/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_checks.h"

enum { BIG = 32 * 1024 * 1024, SIZE = 300 * 1000, PATCH_AT = 5 };

static void assert_gone(bs_status status)
{
    assert_status(status, BS_E_IO);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    remote_assert_text("127.0.0.1");
    remote_assert_text("is gone");
}

void remote_check_vanished_directory(const remote_settings *all)
{
    char away[500];
    char byte = 0;
    bs_storage_object object;
    uint64_t objects = 0;
    uint64_t bytes = 0;
    size_t count = 0;
    bsi_upload *upload = NULL;
    bsi_storage *storage = NULL;

    assert_ok(remote_open(all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "x", 1));
    assert_ok(bsi_upload_begin(storage, NULL, "d/new", NULL, &upload));
    (void)snprintf(away, sizeof(away), "%s.away", all->path);
    assert_int_equal(rename(all->path, away), 0);
    assert_gone(bsi_storage_stat(storage, NULL, "d/k", &object));
    assert_gone(bsi_storage_read(storage, NULL, "d/k", 0, &byte, 1));
    assert_gone(bsi_storage_list(storage, NULL, "", remote_count, &count));
    assert_gone(bsi_storage_list(storage, NULL, "d", remote_count, &count));
    assert_gone(bsi_storage_remove(storage, NULL, "d/k"));
    assert_gone(bsi_storage_rename(storage, NULL, "d/k", "k"));
    assert_gone(bsi_storage_put(storage, NULL, "d/k", "y", 1));
    assert_gone(bsi_storage_put(storage, NULL, "k", "y", 1));
    assert_gone(bsi_upload_commit(upload, NULL));
    if ((bsi_storage_caps(storage) & BS_STORAGE_CAP_FREE_SPACE) != 0) {
        assert_gone(bsi_storage_free_space(storage, NULL, &bytes));
    }
    assert_gone(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(rename(away, all->path), 0);
    assert_ok(bsi_storage_read(storage, NULL, "d/k", 0, &byte, 1));
    assert_int_equal(byte, 'x');
    bsi_storage_unref(storage);
}

void remote_check_keys(const remote_settings *all)
{
    bsi_storage *storage = NULL;
    char key[] = "d?/k?";
    char back = 0;

    assert_ok(remote_open(all, &storage));
    for (int byte = 1; byte < 256; byte++) {
        if (byte == '/') {
            continue;
        }
        key[1] = (char)byte;
        key[4] = (char)byte;
        assert_ok(bsi_storage_put(storage, NULL, key, &key[4], 1));
        assert_ok(bsi_storage_read(storage, NULL, key, 0, &back, 1));
        assert_int_equal(back, key[4]);
    }
    assert_int_equal(remote_count_objects(storage), 254);
    bsi_storage_unref(storage);
}

static bs_status read_back(void *user, const char *key, const bs_storage_object *object)
{
    char byte = 0;

    (void)object;
    return bsi_storage_read(user, NULL, key, 0, &byte, 1);
}

void remote_check_one_connection(remote_settings *all)
{
    bsi_storage *storage = NULL;
    bsi_upload *first = NULL;
    bsi_upload *second = NULL;

    remote_set(all, "connections", "1");
    assert_ok(remote_open(all, &storage));
    assert_ok(bsi_upload_begin(storage, NULL, "a", NULL, &first));
    assert_ok(bsi_upload_begin(storage, NULL, "b", NULL, &second));
    assert_ok(bsi_upload_write(first, NULL, "1", 1));
    assert_ok(bsi_upload_write(second, NULL, "2", 1));
    assert_ok(bsi_storage_put(storage, NULL, "c", "3", 1));
    assert_ok(bsi_upload_commit(first, NULL));
    assert_ok(bsi_upload_commit(second, NULL));
    assert_ok(bsi_storage_list(storage, NULL, "", read_back, storage));
    bsi_storage_unref(storage);
}

/* Where a storage cannot refuse to replace, it is not asked to. */
static uint32_t possible(bsi_storage *storage, uint32_t flags)
{
    const bool refuses = (bsi_storage_caps(storage) & BS_STORAGE_CAP_CONDITIONAL_PUT) != 0;

    return refuses ? flags : flags & ~(uint32_t)BS_STORAGE_PUT_EXCLUSIVE;
}

/* --- A server that goes away --- */

void remote_check_killed_server(const remote_settings *all, const remote_power *power)
{
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;
    uint8_t *data = calloc(1, BIG);
    bs_status status = BS_OK;
    bs_error error;
    uint64_t objects = 0;
    uint64_t bytes = 0;
    char byte = 0;

    assert_non_null(data);
    assert_ok(remote_open(all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "old", 3));
    assert_ok(bsi_upload_begin(storage, NULL, "d/k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, data, BIG));
    power->stop();
    for (int i = 0; i < 8 && status == BS_OK; i++) {
        status = bsi_upload_write(upload, NULL, data, BIG);
    }
    assert_true(status < 0);
    bsi_error_save(&error);
    assert_int_equal(error.layer, BS_LAYER_STORAGE);
    assert_int_equal(error.retry, BS_RETRY_SAFE);
    remote_assert_text("127.0.0.1");
    bsi_upload_abort(upload);
    assert_true(bsi_storage_read(storage, NULL, "d/k", 0, &byte, 1) < 0);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);

    power->start();
    assert_ok(bsi_storage_read(storage, NULL, "d/k", 0, &byte, 1));
    assert_int_equal(byte, 'o');
    assert_int_equal(remote_count_objects(storage), 1);
    assert_int_equal(remote_count_files(all->path), 2);
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "new", 3));
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(objects, 1);
    assert_true(bytes > 0);
    assert_int_equal(remote_count_files(all->path), 1);
    bsi_storage_unref(storage);
    free(data);
}

static void restart(const remote_power *power)
{
    power->stop();
    power->start();
}

void remote_check_restarts(const remote_settings *all, const remote_power *power)
{
    static const uint32_t flags[] = {0, BS_STORAGE_PUT_EXCLUSIVE, BS_STORAGE_PUT_PATCHABLE};
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    uint8_t *data = malloc(BIG);
    bsi_storage *storage = remote_open_patient(all);

    assert_non_null(data);
    remote_fill(data, BIG);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(flags); i++) {
        const char key[] = {'d', '/', (char)('a' + (int)i), '\0'};
        bsi_upload *upload = NULL;
        options.flags = possible(storage, flags[i]);
        assert_ok(bsi_upload_begin(storage, NULL, key, &options, &upload));
        restart(power);
        assert_ok(bsi_upload_write(upload, NULL, data, BIG / 2));
        restart(power);
        assert_ok(bsi_upload_write(upload, NULL, data + BIG / 2, BIG / 2));
        if ((flags[i] & BS_STORAGE_PUT_PATCHABLE) != 0) {
            data[7] ^= 0xff;
            assert_ok(bsi_upload_patch(upload, NULL, 7, &data[7], 1));
        }
        restart(power);
        assert_ok(bsi_upload_commit(upload, NULL));
        remote_assert_stored(storage, key, data, BIG);
    }
    assert_int_equal(remote_count_files(all->path), 3);
    bsi_storage_unref(storage);
    free(data);
}

/* --- A line that breaks --- */

static void work(bsi_storage *storage, uint8_t *data)
{
    bs_storage_put_options exclusive = BSI_PUT_DEFAULTS;
    bs_storage_put_options patchable = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;

    exclusive.flags = possible(storage, BS_STORAGE_PUT_EXCLUSIVE);
    patchable.flags = BS_STORAGE_PUT_PATCHABLE;
    assert_ok(bsi_upload_begin(storage, NULL, "d/patched", &patchable, &upload));
    assert_ok(bsi_upload_write(upload, NULL, data, SIZE / 2));
    assert_ok(bsi_upload_write(upload, NULL, data + SIZE / 2, SIZE / 2));
    data[PATCH_AT] ^= 0xff;
    assert_ok(bsi_upload_patch(upload, NULL, PATCH_AT, &data[PATCH_AT], 1));
    assert_ok(bsi_upload_commit(upload, NULL));
    remote_assert_stored(storage, "d/patched", data, SIZE);
    assert_ok(bsi_upload_begin(storage, NULL, "d/once", &exclusive, &upload));
    assert_ok(bsi_upload_write(upload, NULL, data, SIZE));
    assert_ok(bsi_upload_commit(upload, NULL));
    assert_ok(bsi_storage_put(storage, NULL, "d/once-more", "old", 3));
    assert_ok(bsi_storage_put(storage, NULL, "d/once-more", "new", 3));
    assert_ok(bsi_storage_remove(storage, NULL, "d/patched"));
    assert_int_equal(remote_count_objects(storage), 2);
}

static void assert_worked(bsi_storage *storage, const remote_settings *all, const uint8_t *data)
{
    uint64_t objects = 0;
    uint64_t bytes = 0;

    remote_assert_stored(storage, "d/once", data, SIZE);
    remote_assert_stored(storage, "d/once-more", "new", 3);
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(remote_count_files(all->path), 2);
    assert_true(objects <= 1);
}

bool remote_work_with_cut(const remote_line *line, test_proxy_way way, uint64_t after)
{
    static uint8_t data[SIZE];
    remote_settings all;
    bsi_storage *storage = line->open(&all, line->user);
    bool cut = false;

    remote_fill(data, sizeof(data));
    test_proxy_cut(line->proxy, way, after);
    work(storage, data);
    assert_worked(storage, &all, data);
    cut = test_proxy_has_cut(line->proxy);
    bsi_storage_unref(storage);
    return cut;
}

/*
 * A server sends ahead what is then not read, more or less of it: what the last of many cuts wait
 * for may not come.
 */
void remote_work_with_each_cut(const remote_line *line, test_proxy_way way)
{
    const unsigned parts = getenv("BSI_TESTS_FULL") ? 64 : 6;
    unsigned cuts = 0;
    uint64_t count = 0;

    assert_false(remote_work_with_cut(line, way, TEST_PROXY_NEVER));
    count = test_proxy_count(line->proxy, way);
    for (unsigned i = 1; i <= parts; i++) {
        cuts += remote_work_with_cut(line, way, count * i / (parts + 1)) ? 1 : 0;
    }
    assert_in_range(cuts, parts - parts / 8, parts);
}

void remote_check_listing(const remote_line *line)
{
    char key[16];
    uint64_t count = 0;
    remote_settings all;
    bsi_storage *storage = line->open(&all, line->user);

    for (int i = 0; i < 30; i++) {
        (void)snprintf(key, sizeof(key), "%d/%d/k", i / 10, i);
        assert_ok(bsi_storage_put(storage, NULL, key, "", 0));
    }
    test_proxy_cut(line->proxy, TEST_PROXY_DOWN, TEST_PROXY_NEVER);
    assert_int_equal(remote_count_objects(storage), 30);
    count = test_proxy_count(line->proxy, TEST_PROXY_DOWN);
    for (uint64_t part = 0; part < 4; part++) {
        test_proxy_cut(line->proxy, TEST_PROXY_DOWN, count * part / 4);
        assert_int_equal(remote_count_objects(storage), 30);
        assert_true(test_proxy_has_cut(line->proxy));
    }
    bsi_storage_unref(storage);
}

/* The names are given and the answers come behind the last bytes of data. */
void remote_check_lost_answers(const remote_line *line)
{
    const unsigned step = getenv("BSI_TESTS_FULL") ? 1 : 60;
    static const uint32_t flags[] = {0, BS_STORAGE_PUT_EXCLUSIVE};
    bs_storage_put_options options = BSI_PUT_DEFAULTS;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(flags); i++) {
        bool cut = true;
        for (uint64_t after = 0; cut; after += step) {
            remote_settings all;
            bsi_storage *storage = line->open(&all, line->user);
            bsi_upload *upload = NULL;
            options.flags = possible(storage, flags[i]);
            assert_ok(bsi_upload_begin(storage, NULL, "k", &options, &upload));
            assert_ok(bsi_upload_write(upload, NULL, "text", 4));
            test_proxy_cut(line->proxy, TEST_PROXY_DOWN, after);
            assert_ok(bsi_upload_commit(upload, NULL));
            cut = test_proxy_has_cut(line->proxy);
            remote_assert_stored(storage, "k", "text", 4);
            assert_int_equal(remote_count_files(all.path), 1);
            bsi_storage_unref(storage);
        }
    }
}
