/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sftp_fixture.h"
#include "storage/decorators/retry.h"

enum { SKIPPED = 77 };

test_sshd sftp_server;

void sftp_set(sftp_settings *all, const char *key, const char *value)
{
    size_t i = 0;

    while (i < all->count && strcmp(all->items[i].key, key) != 0) {
        i++;
    }
    assert_true(i < SFTP_SETTINGS_MAX);
    all->items[i] = (bsi_setting){key, value};
    all->count += i == all->count ? 1 : 0;
}

void sftp_drop(sftp_settings *all, const char *key)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->items[i].key, key) == 0) {
            all->items[i] = all->items[--all->count];
        }
    }
}

void sftp_usual(sftp_settings *all)
{
    static unsigned number;

    all->count = 0;
    (void)snprintf(all->path, sizeof(all->path), "%s/%u", sftp_server.data, number++);
    sftp_set(all, "host", "127.0.0.1");
    sftp_set(all, "port", sftp_server.port_text);
    sftp_set(all, "user", sftp_server.user);
    sftp_set(all, "path", all->path);
    sftp_set(all, "key_file", sftp_server.key);
    sftp_set(all, "known_hosts", sftp_server.known_hosts);
}

bs_status sftp_open(const sftp_settings *all, bsi_storage **out)
{
    return bsi_storage_open("sftp", all->items, all->count, NULL, out);
}

bsi_storage *sftp_open_usual(sftp_settings *all)
{
    bsi_storage *storage = NULL;

    sftp_usual(all);
    assert_ok(sftp_open(all, &storage));
    return storage;
}

static bsi_storage *make_patient(const sftp_settings *all)
{
    static const bsi_backoff_policy quick = {.base_ms = 1, .cap_ms = 20, .total_ms = 60000};
    bsi_storage *inner = NULL;
    bsi_storage *storage = NULL;

    assert_ok(sftp_open(all, &inner));
    assert_ok(bsi_storage_retry_new(inner, &quick, &storage));
    bsi_storage_unref(inner);
    return storage;
}

bsi_storage *sftp_open_patient(sftp_settings *all)
{
    sftp_usual(all);
    return make_patient(all);
}

bsi_storage *sftp_open_patient_at(sftp_settings *all, uint16_t port)
{
    char text[8];
    bsi_storage *storage = NULL;

    sftp_usual(all);
    (void)snprintf(text, sizeof(text), "%u", port);
    sftp_set(all, "port", text);
    sftp_drop(all, "known_hosts");
    sftp_set(all, "fingerprint", sftp_server.fingerprint);
    storage = make_patient(all);
    sftp_set(all, "port", sftp_server.port_text);
    return storage;
}

void sftp_assert_text(const char *part)
{
    if (!strstr(bs_error_last()->message, part)) {
        print_error("'%s' is not in: %s\n", part, bs_error_last()->message);
    }
    assert_non_null(strstr(bs_error_last()->message, part));
}

void sftp_assert_refused(const sftp_settings *all, bs_status expected)
{
    bsi_storage *storage = NULL;

    assert_status(sftp_open(all, &storage), expected);
    assert_null(storage);
    assert_null(strstr(bs_error_last()->message, SFTP_PASSPHRASE));
}

bs_status sftp_count(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    (*(size_t *)user)++;
    return BS_OK;
}

size_t sftp_count_objects(bsi_storage *storage)
{
    size_t count = 0;

    assert_ok(bsi_storage_list(storage, NULL, "", sftp_count, &count));
    return count;
}

/* What lies in the server's directory itself. */
size_t sftp_count_files(const char *path)
{
    char command[600];
    char line[32] = "";
    FILE *pipe = NULL;

    (void)snprintf(command, sizeof(command), "find '%s' -type f | wc -l", path);
    pipe = popen(command, "re");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof(line), pipe));
    assert_int_equal(pclose(pipe), 0);
    return (size_t)strtoul(line, NULL, 10);
}

void sftp_fill(uint8_t *data, size_t size)
{
    uint32_t chance = 1;

    for (size_t i = 0; i < size; i++) {
        chance = chance * 1664525u + 1013904223u;
        data[i] = (uint8_t)(chance >> 24);
    }
}

int sftp_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    int failed = 1;

    if (!test_sshd_is_there()) {
        print_message("no sshd here\n");
        return SKIPPED;
    }
    if (test_sshd_setup(&sftp_server, NULL)) {
        failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    }
    test_sshd_teardown(&sftp_server);
    return failed;
}
