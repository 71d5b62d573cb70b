/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <string.h>

#include "os/fault.h"
#include "os/random.h"
#include "os/thread.h"
#include "os/time.h"

static int teardown(void **state)
{
    (void)state;
    bsi_fault_set(NULL);
    bsi_clock_shift(0);
    return 0;
}

static void random_bytes_differ(void **state)
{
    uint8_t a[300] = {0};
    uint8_t b[300] = {0};

    (void)state;
    assert_ok(bsi_random(a, sizeof(a)));
    assert_ok(bsi_random(b, sizeof(b)));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_ok(bsi_random(a, 0));
}

static void a_signal_does_not_matter_and_a_failure_does(void **state)
{
    bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_RANDOM, .at = 1, .os_code = EINTR};
    char id[BS_ID_SIZE] = "";
    uint8_t byte = 0;

    (void)state;
    bsi_fault_set(&plan);
    assert_ok(bsi_random(&byte, 1));
    plan.os_code = ENOSYS;
    bsi_fault_set(&plan);
    assert_status(bsi_new_id(id), BS_E_UNSUPPORTED);
    assert_string_equal(id, "");
}

static void an_id_is_a_uuid_of_version_7(void **state)
{
    static const char form[] = "hhhhhhhh-hhhh-7hhh-vhhh-hhhhhhhhhhhh";
    char id[BS_ID_SIZE];

    (void)state;
    assert_ok(bsi_new_id(id));
    assert_int_equal(strlen(id), strlen(form));
    for (size_t i = 0; form[i] != '\0'; i++) {
        if (form[i] == 'h') {
            assert_non_null(strchr("0123456789abcdef", id[i]));
        } else if (form[i] == 'v') {
            assert_non_null(strchr("89ab", id[i]));
        } else {
            assert_int_equal(id[i], form[i]);
        }
    }
}

static void the_bytes_of_an_id_are_its_text(void **state)
{
    static const char text[] = "01890a5d-ac96-774b-bcce-b302099a8057";
    static const char *const bad[] = {
        "",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5d-ac96-774b-bcce-b302099a80577",
        "01890A5D-ac96-774b-bcce-b302099a8057",
        "01890a5dac96774bbcceb302099a8057",
        "01890a5d-ac96-774b-bcce_b302099a8057",
        "0189g0a5d-ac96-774b-bcce-b302099a805",
    };
    uint8_t id[BSI_ID_BYTES];
    char back[BS_ID_SIZE];

    (void)state;
    assert_ok(bsi_id_parse(text, id));
    assert_int_equal(id[0], 0x01);
    assert_int_equal(id[15], 0x57);
    bsi_id_format(id, back);
    assert_string_equal(back, text);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_status(bsi_id_parse(bad[i], id), BS_E_INVALID);
    }
    assert_int_equal(id[0], 0x01);
}

static void ids_ascend_even_when_the_clock_goes_back(void **state)
{
    char last[BS_ID_SIZE] = "";
    char id[BS_ID_SIZE];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        bsi_clock_shift(i < 10000 ? 0 : -100000);
        assert_ok(bsi_new_id(id));
        assert_true(strcmp(id, last) > 0);
        memcpy(last, id, sizeof(id));
    }
}

enum { THREADS = 4, PER_THREAD = 2000 };

typedef struct id_maker {
    bsi_thread thread;
    bs_status status;
    bool ascending;
} id_maker;

static void make_ids(void *user)
{
    id_maker *maker = user;
    char last[BS_ID_SIZE] = "";
    char id[BS_ID_SIZE];

    maker->ascending = true;
    for (int i = 0; i < PER_THREAD && maker->status == BS_OK; i++) {
        maker->status = bsi_new_id(id);
        maker->ascending = maker->ascending && strcmp(id, last) > 0;
        memcpy(last, id, sizeof(id));
    }
}

static void ids_ascend_on_every_thread(void **state)
{
    id_maker makers[THREADS] = {0};

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        assert_ok(bsi_thread_start(&makers[i].thread, "ids", make_ids, &makers[i]));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(makers[i].thread);
        assert_int_equal(makers[i].status, BS_OK);
        assert_true(makers[i].ascending);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(random_bytes_differ),
        TEST(a_signal_does_not_matter_and_a_failure_does),
        TEST(an_id_is_a_uuid_of_version_7),
        TEST(the_bytes_of_an_id_are_its_text),
        TEST(ids_ascend_even_when_the_clock_goes_back),
        TEST(ids_ascend_on_every_thread),
    };

    return cmocka_run_group_tests_name("os/random", tests, NULL, NULL);
}
