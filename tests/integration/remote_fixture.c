/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_fixture.h"
#include "storage/decorators/retry.h"
#include "support/daemon.h"

void remote_set(remote_settings *all, const char *key, const char *value)
{
    size_t i = 0;

    while (i < all->count && strcmp(all->items[i].key, key) != 0) {
        i++;
    }
    assert_true(i < REMOTE_SETTINGS_MAX);
    all->items[i] = (bsi_setting){key, value};
    all->count += i == all->count ? 1 : 0;
}

void remote_drop(remote_settings *all, const char *key)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->items[i].key, key) == 0) {
            all->items[i] = all->items[--all->count];
        }
    }
}

bs_status remote_open(const remote_settings *all, bsi_storage **out)
{
    return bsi_storage_open(all->driver, all->items, all->count, NULL, out);
}

bsi_storage *remote_open_patient(const remote_settings *all)
{
    static const bsi_backoff_policy quick = {.base_ms = 1, .cap_ms = 20, .total_ms = 60000};
    bsi_storage *inner = NULL;
    bsi_storage *storage = NULL;

    assert_ok(remote_open(all, &inner));
    assert_ok(bsi_storage_retry_new(inner, &quick, &storage));
    bsi_storage_unref(inner);
    return storage;
}

void remote_assert_opens(const remote_settings *all)
{
    bsi_storage *storage = NULL;

    assert_ok(remote_open(all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    bsi_storage_unref(storage);
}

void remote_assert_refused(const remote_settings *all, bs_status expected)
{
    bsi_storage *storage = NULL;

    assert_status(remote_open(all, &storage), expected);
    assert_null(storage);
    assert_null(strstr(bs_error_last()->message, all->secret));
}

void remote_assert_text(const char *part)
{
    if (!strstr(bs_error_last()->message, part)) {
        print_error("'%s' is not in: %s\n", part, bs_error_last()->message);
    }
    assert_non_null(strstr(bs_error_last()->message, part));
}

void remote_assert_stored(bsi_storage *storage, const char *key, const void *data, size_t size)
{
    bs_storage_object object;
    uint8_t *back = malloc(size);

    assert_non_null(back);
    assert_ok(bsi_storage_stat(storage, NULL, key, &object));
    assert_int_equal(object.size, size);
    assert_ok(bsi_storage_read(storage, NULL, key, 0, back, size));
    assert_memory_equal(back, data, size);
    free(back);
}

bs_status remote_count(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    (*(size_t *)user)++;
    return BS_OK;
}

size_t remote_count_objects(bsi_storage *storage)
{
    size_t count = 0;

    assert_ok(bsi_storage_list(storage, NULL, "", remote_count, &count));
    return count;
}

/* What lies in the server's directory itself. */
size_t remote_count_files(const char *path)
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

void remote_fill(uint8_t *data, size_t size)
{
    uint32_t chance = 1;

    for (size_t i = 0; i < size; i++) {
        chance = chance * 1664525u + 1013904223u;
        data[i] = (uint8_t)(chance >> 24);
    }
}

void remote_signal_sessions(pid_t server, int number)
{
    char command[200];

    (void)snprintf(command, sizeof(command),
                   "for p in $(cat /proc/%d/task/%d/children); do kill -%d $p "
                   "$(cat /proc/$p/task/$p/children); done; true",
                   (int)server, (int)server, number);
    assert_true(test_run((const char *const[]){"sh", "-c", command, NULL}));
}
