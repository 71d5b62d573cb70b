/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "support/tree.h"
#include "support/vault.h"
#include "vault/sample.h"

enum { FILES = 40, SEEDS = 600 };

typedef struct picked {
    const bsi_sample *sample;
    uint64_t count;
    unsigned *times; /* By the number in the file's name; NULL: nobody counts. */
} picked;

static void build(test_vault *vault, test_backup *out)
{
    char path[600];

    assert_int_equal(mkdir(vault->source, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/empty", vault->source);
    assert_int_equal(mkdir(path, 0755), 0);
    for (unsigned i = 0; i < FILES; i++) {
        (void)snprintf(path, sizeof(path), "%s/%02u", vault->source, i);
        tree_write(path, i, i + 1);
    }
    test_vault_backup(vault, "archive", BSI_KIND_FULL, "zip", NULL, out);
    assert_ok(out->status);
}

static bsi_sample sample_of(uint64_t seed)
{
    bsi_sample sample = {.all = false};

    bsi_put_le64(sample.seed, seed);
    return sample;
}

static bs_status count_picked(void *user, const bsi_listed *listed)
{
    picked *self = user;
    const bsi_slice path = listed->entry.path;

    if (bsi_sample_has(self->sample, &listed->entry)) {
        assert_int_equal(listed->entry.stat.type, BSI_TYPE_FILE);
        self->count++;
        if (self->times) {
            const char *number = path.data + path.size - 2;
            self->times[(number[0] - '0') * 10 + (number[1] - '0')]++;
        }
    }
    return BS_OK;
}

static void count(test_vault *vault, const test_backup *backup, picked *out)
{
    assert_ok(bsi_vault_list(&vault->env, backup->result.manifest_key, (bsi_slice){"", 0}, true,
                             count_picked, out));
}

static void it_has_exactly_as_many_files_as_it_says(void **state)
{
    static const struct {
        bsi_sample_size size;
        uint64_t files;
    } cases[] = {
        {{.files = 1}, 1},     {{.files = 7}, 7},      {{.files = 39}, 39}, {{.files = 40}, 40},
        {{.files = 99}, 40},   {{.percent = 1}, 1},    {{.percent = 3}, 2}, {{.percent = 50}, 20},
        {{.percent = 99}, 40}, {{.percent = 100}, 40}, {{.files = 0}, 40},
    };
    test_vault *vault = *state;
    test_backup backup;

    build(vault, &backup);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bsi_sample sample = sample_of(i);
        picked found = {.sample = &sample};
        assert_ok(
            bsi_sample_choose(&vault->env, backup.result.manifest_key, &cases[i].size, &sample));
        assert_int_equal(sample.files, cases[i].files);
        assert_int_equal(sample.all_files, FILES);
        assert_int_equal(sample.all_bytes, FILES * (FILES - 1) / 2);
        count(vault, &backup, &found);
        assert_int_equal(found.count, cases[i].files);
    }
    test_backup_dispose(&backup);
}

/* 150 times each is what chance would have it; 100 and 200 are nearly 5 deviations away. */
static void every_file_has_the_same_chance(void **state)
{
    const bsi_sample_size quarter = {.percent = 25};
    test_vault *vault = *state;
    unsigned times[FILES] = {0};
    test_backup backup;

    build(vault, &backup);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        bsi_sample sample = sample_of(seed);
        picked found = {.sample = &sample, .times = times};
        assert_ok(bsi_sample_choose(&vault->env, backup.result.manifest_key, &quarter, &sample));
        count(vault, &backup, &found);
    }
    for (size_t i = 0; i < FILES; i++) {
        assert_in_range(times[i], 100, 200);
    }
    test_backup_dispose(&backup);
}

static void survives_running_out_of_memory(void **state)
{
    const bsi_sample_size some = {.files = 5};
    test_vault *vault = *state;
    test_backup backup;
    bs_status status = BS_E_NOMEM;

    build(vault, &backup);
    for (long n = 0; status != BS_OK; n++) {
        bsi_sample sample = sample_of(1);
        bsi_alloc_fail_after(n);
        status = bsi_sample_choose(&vault->env, backup.result.manifest_key, &some, &sample);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    test_backup_dispose(&backup);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, test_vault_setup, test_vault_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_has_exactly_as_many_files_as_it_says),
        CASE(every_file_has_the_same_chance),
        CASE(survives_running_out_of_memory),
    };

    return cmocka_run_group_tests_name("vault/sample", tests, NULL, NULL);
}
