/* SPDX-License-Identifier: MIT */
/* What a snapshot tells of a backup of ours. */
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "repo/snapshot.h"
#include "vault/repository/record.h"

#define ID "01234567-89ab-7cde-8f01-23456789abcd"
#define BASE "11234567-89ab-7cde-8f01-23456789abcd"

enum { ROOM = 16 * 1024 * 1024 };

static bsi_slice slice_of(const bsi_buf *buf)
{
    return (bsi_slice){(const char *)buf->data, buf->size};
}

static bsi_manifest_info sample(void)
{
    return (bsi_manifest_info){
        .id = ID,
        .base_id = BASE,
        .kind = BSI_KIND_INCREMENTAL,
        .encryption = BSI_ENCRYPTION_AES256,
        .name = bsi_strdup("documents"),
        .form = bsi_strdup("repository"),
        .compression = bsi_strdup("zstd"),
        .level = -3,
        .created_at = {1000000000, 1},
        .started_at = {1000000001, 999999999},
        .completed_at = {1000000003, 0},
        .scan_began = {1000000002, 5},
        .retention_days = -1,
        .note = bsi_strdup("<note> \"&\" \xc3\xb6"),
        .metadata = bsi_strdup("{\"a\":{\"b\":[1,null]}}"),
        .options = bsi_strdup("{}"),
        .source_paths = bsi_strdup("[\"/a\"]"),
        .container_key = bsi_strdup(BSI_RECORD_CONTAINER),
        .entries = 5,
        .files = 4,
        .bytes = UINT64_MAX,
        .bytes_stored_data = 2,
        .bytes_deduplicated = 1,
        .warnings = 7,
    };
}

/* A place for warnings that have `sizes` bytes of path, as many as there are up to a 0. */
static bsi_draft *make_warnings(const size_t *sizes)
{
    static char path[1024 * 1024];
    const bs_error error = {
        .code = BS_E_ACCESS, .layer = BS_LAYER_SOURCE, .message = "permission denied"};
    bsi_draft *draft = NULL;
    bsi_buf line;

    memset(path, 'p', sizeof(path));
    path[0] = '\xff';
    bsi_buf_init(&line, BSI_MANIFEST_LINE_MAX);
    assert_ok(bsi_draft_new(BSI_CWD, &draft));
    for (; *sizes > 0; sizes++) {
        bsi_buf_clear(&line);
        assert_ok(bsi_manifest_format_warning(&line, (bsi_slice){path, *sizes}, &error));
        assert_ok(bsi_draft_put(
            draft, &(bsi_record){.kind = 1, .bytes = {(const char *)line.data, line.size}}));
    }
    bsi_buf_dispose(&line);
    return draft;
}

/* A record of sample() with warnings, as it stands in a snapshot. */
static void write_sample(bsi_buf *out, const size_t *sizes)
{
    bsi_draft *warnings = make_warnings(sizes);
    bsi_manifest_info info = sample();

    bsi_buf_init(out, ROOM);
    assert_ok(bsi_record_write(out, &info, warnings));
    bsi_manifest_info_dispose(&info);
    bsi_draft_free(warnings);
}

typedef struct heard {
    size_t count;
    size_t bytes;
} heard;

static void hear(void *user, bsi_slice path, const bs_error *error)
{
    heard *all = user;

    all->count++;
    all->bytes += path.size;
    assert_int_equal((uint8_t)path.data[0], 0xff);
    assert_int_equal(error->code, BS_E_ACCESS);
    assert_int_equal(error->layer, BS_LAYER_SOURCE);
    assert_string_equal(error->message, "permission denied");
}

static void assert_like_sample(const bsi_manifest_info *got)
{
    bsi_manifest_info info = sample();

    assert_string_equal(got->id, info.id);
    assert_string_equal(got->base_id, info.base_id);
    assert_int_equal(got->kind, info.kind);
    assert_int_equal(got->encryption, info.encryption);
    assert_string_equal(got->name, info.name);
    assert_string_equal(got->compression, info.compression);
    assert_int_equal(got->level, info.level);
    assert_int_equal(bsi_time_compare(&got->created_at, &info.created_at), 0);
    assert_int_equal(bsi_time_compare(&got->started_at, &info.started_at), 0);
    assert_int_equal(bsi_time_compare(&got->completed_at, &info.completed_at), 0);
    assert_int_equal(bsi_time_compare(&got->scan_began, &info.scan_began), 0);
    assert_int_equal(got->retention_days, -1);
    assert_string_equal(got->note, info.note);
    assert_string_equal(got->metadata, info.metadata);
    assert_string_equal(got->options, info.options);
    assert_string_equal(got->source_paths, info.source_paths);
    assert_true(got->entries == 5 && got->files == 4 && got->bytes == UINT64_MAX);
    assert_true(got->bytes_stored_data == 2 && got->bytes_deduplicated == 1 && got->warnings == 7);
    bsi_manifest_info_dispose(&info);
}

static void a_record_comes_back_out_of_a_snapshot(void **state)
{
    bsi_snapshot snapshot = {.time = {1000000000, 0, 0}, .tree = {.given = true}};
    bsi_snapshot parsed;
    bsi_manifest_info got;
    bsi_buf others;
    bsi_buf text;
    heard all = {0};

    (void)state;
    write_sample(&others, (const size_t[]){1, 300, 0});
    bsi_buf_init(&text, ROOM);
    snapshot.others = slice_of(&others);
    assert_ok(bsi_snapshot_write(&snapshot, &text));
    assert_ok(bsi_snapshot_parse(slice_of(&text), &parsed));
    assert_ok(bsi_record_parse(parsed.others, &got));
    assert_like_sample(&got);
    assert_ok(bsi_record_warnings(parsed.others, &(bsi_warn){hear, &all}));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.bytes, 301);
    bsi_manifest_info_dispose(&got);
    bsi_snapshot_dispose(&parsed);
    bsi_buf_dispose(&text);
    bsi_buf_dispose(&others);
}

static void warnings_take_only_so_much_room(void **state)
{
    size_t sizes[9] = {0};
    bsi_buf others;
    heard all = {0};

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        sizes[i] = 1000 * 1000; /* A third more in base 64. */
    }
    write_sample(&others, sizes);
    assert_in_range(others.size, 3 * 1000 * 1000, BSI_RECORD_WARNINGS_MAX + 64 * 1024);
    assert_ok(bsi_record_warnings(slice_of(&others), &(bsi_warn){hear, &all}));
    assert_int_equal(all.count, 3);
    bsi_buf_dispose(&others);
}

static void a_snapshot_of_restic_has_no_record(void **state)
{
    bsi_manifest_info got;
    heard all = {0};

    (void)state;
    assert_status(bsi_record_parse((bsi_slice){0}, &got), BS_END);
    assert_status(bsi_record_parse(bsi_slice_of(",\"new\":{\"backupsvc\":1},\"x\":[]"), &got),
                  BS_END);
    assert_status(bsi_record_warnings((bsi_slice){0}, &(bsi_warn){hear, &all}), BS_END);
    assert_int_equal(all.count, 0);
}

/* The record of sample() with `from` changed to `to`. */
static bs_status parse_changed(const char *from, const char *to)
{
    bsi_manifest_info got;
    bsi_buf others;
    bsi_buf changed;
    const char *at = NULL;
    size_t before = 0;
    bs_status status = BS_OK;

    write_sample(&others, (const size_t[]){0});
    assert_ok(bsi_buf_append_byte(&others, '\0'));
    at = strstr((const char *)others.data, from);
    assert_non_null(at);
    before = (size_t)(at - (const char *)others.data);
    bsi_buf_init(&changed, ROOM);
    assert_ok(bsi_buf_append(&changed, others.data, before));
    assert_ok(bsi_buf_append_text(&changed, to));
    assert_ok(bsi_buf_append_text(&changed, at + strlen(from)));
    status = bsi_record_parse(slice_of(&changed), &got);
    if (status == BS_OK) {
        bsi_manifest_info_dispose(&got);
    }
    bsi_buf_dispose(&changed);
    bsi_buf_dispose(&others);
    return status;
}

static void what_no_record_can_be_is_refused(void **state)
{
    static const char *const changes[][2] = {
        {"{\"info\":", "{\"other\":"},
        {"\"warnings\":[]}", "\"warnings\":[],\"x\":1}"},
        {",\"warnings\":[]}", "}"},
        {"\"warnings\":[]}", "\"warnings\":[],\"warnings\":[]}"},
        {",\"backupsvc\":{", ",\"backupsvc\":{\"info\":{},\"warnings\":[]},\"backupsvc\":{"},
        {",\"backupsvc\":{", ",\"backupsvc\":[{"},
        {"\"form\":\"repository\"", "\"form\":\"archive\""},
        {"\"backup_type\":\"incremental\"", "\"backup_type\":\"mirror\""},
        {"\"backup_type\":\"incremental\"", "\"backup_type\":\"other\""},
        {"\"key\":\"snapshots\"", "\"key\":\"documents/other\""},
        {"\"name\":\"documents\"", "\"name\":\"../documents\""},
        {"\"id\":\"" ID "\"", "\"id\":\"\""},
        {"\"created_at\":\"2", "\"created_at\":\"x"},
        {"\"manifest\":1", "\"manifest\":0"},
        {"\"files\":4", "\"files\":4.5"},
    };

    (void)state;
    assert_ok(parse_changed("\"files\":4", "\"files\":3"));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(changes); i++) {
        print_message("# %s\n", changes[i][1]);
        assert_status(parse_changed(changes[i][0], changes[i][1]), BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    }
    assert_status(parse_changed("\"manifest\":1", "\"manifest\":2"), BS_E_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_out_of_a_snapshot),
        cmocka_unit_test(warnings_take_only_so_much_room),
        cmocka_unit_test(a_snapshot_of_restic_has_no_record),
        cmocka_unit_test(what_no_record_can_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
