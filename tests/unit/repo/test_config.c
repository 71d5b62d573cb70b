/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "chunk/polynomial.h"
#include "repo/config.h"

#define ID "194025bcd283784aa543aff385260a0c3d7c2c471803e77b807210c963115a62"

/* As restic 0.14 wrote it. */
static const char written[] =
    "{\"version\":2,\"id\":\"" ID "\",\"chunker_polynomial\":\"282d6714b1f6f5\"}";

static void what_restic_wrote_is_read_and_written_again(void **state)
{
    bsi_repo_config config;
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, BSI_REPO_CONFIG_MAX);
    assert_ok(bsi_repo_config_parse(bsi_slice_of(written), &config));
    assert_int_equal(config.version, 2);
    assert_int_equal(config.polynomial, 0x282d6714b1f6f5);
    assert_int_equal(config.id.bytes[0], 0x19);
    assert_ok(bsi_repo_config_write(&config, &out));
    assert_int_equal(out.size, strlen(written));
    assert_memory_equal(out.data, written, out.size);
    bsi_buf_dispose(&out);
}

static void each_new_repository_has_its_own(void **state)
{
    bsi_repo_config one;
    bsi_repo_config other;

    (void)state;
    assert_ok(bsi_repo_config_new(1, &one));
    assert_ok(bsi_repo_config_new(2, &other));
    assert_int_equal(one.version, 1);
    assert_int_equal(bsi_polynomial_degree(one.polynomial), 53);
    assert_true(bsi_polynomial_is_irreducible(one.polynomial));
    assert_true(one.polynomial != other.polynomial);
    assert_false(bsi_digest_equal(&one.id, &other.id));
}

static void what_is_not_known_is_passed_over(void **state)
{
    bsi_repo_config config;

    (void)state;
    assert_ok(bsi_repo_config_parse(
        bsi_slice_of("{\n \"later\":[{\"a\":null}], \"chunker_polynomial\":\"3da3358b4dc173\",\n"
                     " \"version\":1, \"id\":\"" ID "\"}\n"),
        &config));
    assert_int_equal(config.version, 1);
}

static void what_restic_refuses_is_refused(void **state)
{
    static const struct {
        const char *json;
        bs_status status;
    } cases[] = {
        {"", BS_E_CORRUPT},
        {"[]", BS_E_CORRUPT},
        {"{}", BS_E_CORRUPT},
        {"{\"version\":2}", BS_E_CORRUPT},
        {"{\"version\":3}", BS_E_VERSION},
        {"{\"version\":0,\"chunker_polynomial\":\"3da3358b4dc173\"}", BS_E_CORRUPT},
        {"{\"version\":-1,\"chunker_polynomial\":\"3da3358b4dc173\"}", BS_E_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":\"3da3358b4dc175\"}", BS_E_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":\"\"}", BS_E_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":\"0x3da3358b4dc173\"}", BS_E_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":\"0000000003da3358b4dc173\"}", BS_E_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":17349423945073011}", BS_E_CORRUPT},
        {"{\"version\":2,\"id\":\"1940\",\"chunker_polynomial\":\"3da3358b4dc173\"}", BS_E_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":\"3da3358b4dc173\"} x", BS_E_CORRUPT},
    };
    bsi_repo_config config;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        assert_status(bsi_repo_config_parse(bsi_slice_of(cases[i].json), &config), cases[i].status);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_restic_wrote_is_read_and_written_again),
        cmocka_unit_test(each_new_repository_has_its_own),
        cmocka_unit_test(what_is_not_known_is_passed_over),
        cmocka_unit_test(what_restic_refuses_is_refused),
    };

    return cmocka_run_group_tests_name("repo/config", tests, NULL, NULL);
}
