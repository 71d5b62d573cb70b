/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "engine/service.h"
#include "engine/signers.h"
#include "os/file.h"
#include "support/tempdir.h"

static bs_service *open_at(const test_dir *dir)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_service *service = NULL;
    char path[300];

    (void)snprintf(path, sizeof(path), "%s/state", dir->path);
    options.state_path = path;
    assert_ok(bsi_service_open(&options, &service));
    return service;
}

static void write_file(const test_dir *dir, const char *name, const char *text)
{
    int fd = -1;

    assert_ok(bsi_open(dir->fd, name, BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0600, &fd));
    assert_ok(bsi_truncate(fd, 0));
    assert_ok(bsi_write(fd, text, strlen(text)));
    assert_ok(bsi_close(fd));
}

static void the_key_is_made_once_and_pinned(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    const bsi_signer *signer = NULL;
    const bsi_signer *again = NULL;
    bsi_known_signer *known = NULL;
    bsi_arena arena = {0};
    bsi_public_key first;
    bsi_public_key second;
    bsi_stat stat;
    size_t count = 0;

    assert_status(bsi_service_signing_key(service, &first), BS_E_NOT_FOUND);
    assert_ok(bsi_service_signer(service, &signer));
    assert_ok(bsi_service_signer(service, &again));
    assert_ptr_equal(signer, again);
    first = *bsi_signer_public(signer);
    assert_ok(bsi_stat_at(dir->fd, "state/signing.key", &stat));
    assert_int_equal(stat.mode, 0600);
    bsi_service_close(service);
    service = open_at(dir);
    assert_ok(bsi_service_signing_key(service, &second));
    assert_memory_equal(first.bytes, second.bytes, sizeof(first.bytes));
    assert_ok(bsi_signers_list(service, &arena, &known, &count));
    assert_int_equal(count, 1);
    assert_memory_equal(known[0].key.bytes, first.bytes, sizeof(first.bytes));
    assert_string_equal(known[0].name, BSI_SIGNER_OWN_NAME);
    bsi_arena_dispose(&arena);
    bsi_service_close(service);
}

static void a_key_that_was_put_in_its_place_is_refused(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    const bsi_signer *signer = NULL;

    assert_ok(bsi_service_signer(service, &signer));
    bsi_service_close(service);
    write_file(dir, "state/signing.key",
               "bsvc-sign-1 "
               "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n");
    service = open_at(dir);
    assert_status(bsi_service_signer(service, &signer), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "is not the key"));
    bsi_service_close(service);
}

static void damaged_files_are_told(void **state)
{
    static const char *const keys[] = {"", "x", "bsvc-sign-1 9d61\n",
                                       "bsvc-sign-1 "
                                       "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031c"
                                       "ae7fzz\n"};
    static const char *const lists[] = {
        "x\n", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n",
        "D75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a name\n"};
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    const bsi_signer *signer = NULL;
    bsi_known_signer *known = NULL;
    bsi_arena arena = {0};
    size_t count = 0;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        write_file(dir, "state/signing.key", keys[i]);
        assert_status(bsi_service_signer(service, &signer), BS_E_CORRUPT);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        write_file(dir, "state/signers", lists[i]);
        assert_status(bsi_signers_list(service, &arena, &known, &count), BS_E_CORRUPT);
    }
    bsi_arena_dispose(&arena);
    bsi_service_close(service);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, test_dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_key_is_made_once_and_pinned),
        TEST(a_key_that_was_put_in_its_place_is_refused),
        TEST(damaged_files_are_told),
    };

    return cmocka_run_group_tests_name("engine/signers", tests, NULL, NULL);
}
