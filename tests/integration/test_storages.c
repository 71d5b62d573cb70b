/* SPDX-License-Identifier: MIT */
/* Storages that a service keeps, through the public functions. */
#include "support/test.h"

#include <backupsvc.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/service.h"
#include "engine_fixture.h"
#include "os/thread.h"

enum { THREADS = 4, LACKS_MAX = 2000 };

static void place_of(const engine_fixture *engine, const char *name, char out[320])
{
    (void)snprintf(out, 320, "%s/%s", engine->dir->path, name);
}

static bs_status add(engine_fixture *engine, const char *name)
{
    char path[320];
    const char *const settings[] = {"path", path, NULL};

    place_of(engine, name, path);
    return bs_storage_add(engine->service, name, "local", settings);
}

static const bs_storage_info *find(const bs_storage_list_info *list, const char *name)
{
    for (size_t i = 0; i < list->storages_count; i++) {
        if (strcmp(list->storages[i].name, name) == 0) {
            return &list->storages[i];
        }
    }
    fail_msg("the list has no storage '%s'", name);
    return &list->storages[0];
}

static void reopen(engine_fixture *engine)
{
    engine_close(engine);
    engine_open(engine);
}

static void the_list_tells_what_is_kept_and_what_is_open(void **state)
{
    engine_fixture *engine = *state;
    bs_storage_list_info *list = NULL;
    char path[320];
    const char *const settings[] = {"path", path, NULL};

    assert_ok(add(engine, "kept"));
    reopen(engine);
    place_of(engine, "of-program", path);
    assert_ok(bs_service_add_storage(engine->service, "of-program", "local", settings));
    assert_ok(bs_storage_list(engine->service, &list));
    assert_int_equal(list->storages_count, 3);
    assert_true(find(list, "kept")->is_kept);
    assert_false(find(list, "kept")->is_open);
    assert_string_equal(find(list, "kept")->settings[0], "path");
    assert_null(find(list, "kept")->settings[2]);
    assert_false(find(list, "of-program")->is_kept);
    assert_true(find(list, "of-program")->is_open);
    assert_string_equal(find(list, "of-program")->driver, "local");
    assert_null(find(list, "of-program")->settings[0]);
    bs_storage_list_free(list);
}

static void a_kept_name_is_not_registered_again(void **state)
{
    engine_fixture *engine = *state;
    char path[320];
    const char *const settings[] = {"path", path, NULL};

    assert_ok(add(engine, "kept"));
    reopen(engine);
    place_of(engine, "elsewhere", path);
    assert_status(bs_service_add_storage(engine->service, "kept", "local", settings), BS_E_EXISTS);
    assert_status(add(engine, "kept"), BS_E_EXISTS);
}

typedef struct user {
    engine_fixture *engine;
    bsi_thread thread;
    bs_status status;
} user;

static void use(void *data)
{
    user *self = data;
    bsi_storage *storage = NULL;

    self->status = bsi_service_storage(self->engine->service, "kept", &storage);
    bsi_storage_unref(storage);
}

static void threads_that_need_it_first_get_the_same(void **state)
{
    engine_fixture *engine = *state;
    user users[THREADS];

    assert_ok(add(engine, "kept"));
    reopen(engine);
    for (size_t i = 0; i < THREADS; i++) {
        users[i] = (user){.engine = engine, .status = BS_E_INTERNAL};
        assert_ok(bsi_thread_start(&users[i].thread, "user", use, &users[i]));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(users[i].thread);
        assert_ok(users[i].status);
    }
    assert_int_equal(bsi_service_storage_count(engine->service), 2);
}

static void one_that_is_forgotten_serves_who_works_with_it(void **state)
{
    engine_fixture *engine = *state;
    bsi_storage *storage = NULL;

    assert_ok(add(engine, "kept"));
    assert_ok(bsi_service_storage(engine->service, "kept", &storage));
    assert_ok(bs_storage_remove(engine->service, "kept", false));
    assert_ok(bsi_storage_put(storage, NULL, "key", "x", 1));
    bsi_storage_unref(storage);
    assert_status(bsi_service_storage(engine->service, "kept", &storage), BS_E_NOT_FOUND);
    assert_non_null(strstr(bs_error_last()->message, "there are: local"));
}

static void settings_that_are_damaged_are_told(void **state)
{
    static const char *const texts[] = {"", "{", "[]", "{\"path\":1}", "{\"path\":\"/x\"}x"};
    engine_fixture *engine = *state;
    bsi_storage *storage = NULL;
    bs_storage_list_info *list = NULL;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        const bsi_row_profile row = {.name = "odd", .driver = "local", .settings = texts[i]};
        assert_ok(bsi_catalog_put_profile(engine->service->catalog, &row));
        assert_status(bsi_service_storage(engine->service, "odd", &storage), BS_E_CORRUPT);
        assert_non_null(strstr(bs_error_last()->message, "storage 'odd'"));
        assert_status(bs_storage_list(engine->service, &list), BS_E_CORRUPT);
        assert_ok(bs_storage_remove(engine->service, "odd", false));
    }
}

static bs_status list_as_json(engine_fixture *engine)
{
    bs_storage_list_info *list = NULL;
    char *json = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bs_storage_list(engine->service, &list));
    status = bs_storage_list_info_to_json(list, &json);
    bs_storage_list_free(list);
    bs_free(json);
    return status;
}

static bs_status check_as_json(engine_fixture *engine)
{
    bs_storage_check_info *check = NULL;
    char *json = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bs_storage_check(engine->service, "kept", &check));
    status = bs_storage_check_info_to_json(check, &json);
    bs_storage_check_free(check);
    bs_free(json);
    return status;
}

static bs_status go_round(engine_fixture *engine)
{
    BSI_TRY(add(engine, "kept"));
    BSI_TRY(list_as_json(engine));
    BSI_TRY(check_as_json(engine));
    return bs_storage_remove(engine->service, "kept", false);
}

static void every_lack_of_memory_is_told_and_leaves_nothing(void **state)
{
    engine_fixture *engine = *state;
    bs_status status = BS_E_NOMEM;
    int allowed = 0;

    for (; status < 0 && allowed < LACKS_MAX; allowed++) {
        bsi_alloc_fail_after(allowed);
        status = go_round(engine);
        bsi_alloc_fail_after(-1);
        if (status < 0) {
            assert_int_equal(status, BS_E_NOMEM);
            const bs_status left = bs_storage_remove(engine->service, "kept", false);
            assert_true(left == BS_OK || left == BS_E_NOT_FOUND);
            assert_int_equal(bsi_service_storage_count(engine->service), 1);
        }
    }
    assert_ok(status);
}

static void nothing_is_asked_of_what_is_missing(void **state)
{
    engine_fixture *engine = *state;
    bs_storage_check_info *check = NULL;

    assert_status(bs_storage_check(engine->service, "none", &check), BS_E_NOT_FOUND);
    assert_status(bs_storage_check(NULL, "local", &check), BS_E_INVALID);
    assert_status(bs_storage_check(engine->service, NULL, &check), BS_E_INVALID);
    assert_status(bs_storage_check(engine->service, "local", NULL), BS_E_INVALID);
    assert_status(bs_storage_add(engine->service, NULL, "local", NULL), BS_E_INVALID);
    assert_status(bs_storage_add(engine->service, "a", NULL, NULL), BS_E_INVALID);
    assert_status(bs_storage_remove(engine->service, NULL, false), BS_E_INVALID);
    assert_status(bs_storage_list(engine->service, NULL), BS_E_INVALID);
    bs_storage_list_free(NULL);
    bs_storage_check_free(NULL);
    assert_string_equal(bs_storage_result_name((bs_storage_result)9), "unknown");
    assert_string_equal(bs_storage_result_name(BS_STORAGE_LACKS), "lacks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_list_tells_what_is_kept_and_what_is_open, engine_setup,
                                        engine_teardown),
        cmocka_unit_test_setup_teardown(a_kept_name_is_not_registered_again, engine_setup,
                                        engine_teardown),
        cmocka_unit_test_setup_teardown(threads_that_need_it_first_get_the_same, engine_setup,
                                        engine_teardown),
        cmocka_unit_test_setup_teardown(one_that_is_forgotten_serves_who_works_with_it,
                                        engine_setup, engine_teardown),
        cmocka_unit_test_setup_teardown(settings_that_are_damaged_are_told, engine_setup,
                                        engine_teardown),
        cmocka_unit_test_setup_teardown(every_lack_of_memory_is_told_and_leaves_nothing,
                                        engine_setup, engine_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_asked_of_what_is_missing, engine_setup,
                                        engine_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
