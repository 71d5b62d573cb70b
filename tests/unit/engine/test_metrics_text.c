/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <limits.h>

#include "base/alloc.h"
#include "engine/metrics_text.h"

/* What was written; `text` is disposed of. */
static void assert_written(bsi_metrics_text *text, const char *expected)
{
    char *taken = NULL;

    assert_int_equal(text->status, BS_OK);
    taken = bsi_buf_take_text(&text->buf);
    assert_string_equal(taken, expected);
    bsi_free(taken);
    bsi_metrics_text_dispose(text);
}

static void values_of_labels_are_escaped(void **state)
{
    const bsi_label labels[BSI_LABELS_MAX] = {{"name", "a\\b\"c\nd"}, {"kind", ""}};
    bsi_metrics_text text;

    (void)state;
    bsi_metrics_text_init(&text);
    bsi_metrics_text_family(&text, BSI_METRICS_PREFIX, "x", "gauge", "Help.");
    bsi_metrics_text_count(&text, labels, 7);
    assert_written(&text, "# HELP backupsvc_x Help.\n# TYPE backupsvc_x gauge\n"
                          "backupsvc_x{name=\"a\\\\b\\\"c\\nd\",kind=\"\"} 7\n");
}

static void decimals_have_no_zeros_at_the_end(void **state)
{
    static const struct {
        int64_t value;
        unsigned places;
    } numbers[] = {{1500, 3}, {2000, 3}, {0, 9}, {-1, 3}, {INT64_MIN, 9}, {70, 0}};
    bsi_metrics_text text;

    (void)state;
    bsi_metrics_text_init(&text);
    bsi_metrics_text_family(&text, "", "x", "gauge", "Help.");
    for (size_t i = 0; i < BSI_ARRAY_SIZE(numbers); i++) {
        bsi_metrics_text_decimal(&text, NULL, numbers[i].value, numbers[i].places);
    }
    assert_written(&text, "# HELP x Help.\n# TYPE x gauge\nx 1.5\nx 2\nx 0\nx -0.001\n"
                          "x -9223372036.854775808\nx 70\n");
}

static void a_histogram_adds_its_buckets_up(void **state)
{
    static const int64_t bounds[] = {500, 1000};
    static const uint64_t counts[] = {2, 0, 3};
    const bsi_label labels[BSI_LABELS_MAX] = {{"kind", "backup"}};
    const bsi_histogram histogram = {bounds, counts, 2, 3, 12345, 3};
    bsi_metrics_text text;

    (void)state;
    bsi_metrics_text_init(&text);
    bsi_metrics_text_family(&text, "", "x", "histogram", "Help.");
    bsi_metrics_text_histogram(&text, labels, &histogram);
    assert_written(&text, "# HELP x Help.\n# TYPE x histogram\n"
                          "x_bucket{kind=\"backup\",le=\"0.5\"} 2\n"
                          "x_bucket{kind=\"backup\",le=\"1\"} 2\n"
                          "x_bucket{kind=\"backup\",le=\"+Inf\"} 5\n"
                          "x_sum{kind=\"backup\"} 12.345\nx_count{kind=\"backup\"} 5\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_labels_are_escaped),
        cmocka_unit_test(decimals_have_no_zeros_at_the_end),
        cmocka_unit_test(a_histogram_adds_its_buckets_up),
    };

    return cmocka_run_group_tests_name("metrics_text", tests, NULL, NULL);
}
