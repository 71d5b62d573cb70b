/* SPDX-License-Identifier: MIT */
/* The lines of manifests, and the small parts that restores and scans are made of. */
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "vault/dir_stack.h"
#include "vault/draft.h"
#include "vault/links.h"
#include "vault/manifest_parse.h"
#include "vault/names.h"
#include "vault/selection.h"

#define ID "01234567-89ab-7cde-8f01-23456789abcd"

static bsi_slice text(const char *bytes)
{
    return bsi_slice_of(bytes);
}

static bool equal(bsi_slice a, bsi_slice b)
{
    return bsi_slice_equal(a, b);
}

/* --- Entries --- */

/* Format and parse; the parsed one points into `line` and `memory`. */
static void round_trip(const bsi_listed *listed, const bsi_locator *locator, bsi_buf *line,
                       bsi_line_memory *memory, bsi_manifest_entry *out)
{
    bsi_line_kind kind = BSI_LINE_END;

    bsi_buf_init(line, BSI_MANIFEST_LINE_MAX);
    bsi_line_memory_init(memory);
    assert_ok(bsi_manifest_format_entry(line, listed));
    assert_ok(bsi_manifest_format_end(line, locator));
    assert_int_equal(line->data[line->size - 1], '\n');
    assert_ok(bsi_line_kind_of((bsi_slice){(const char *)line->data, line->size}, &kind));
    assert_int_equal(kind, BSI_LINE_ENTRY);
    assert_ok(bsi_parse_entry((bsi_slice){(const char *)line->data, line->size}, memory, out));
}

static void assert_same_stat(const bsi_stat *a, const bsi_stat *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_int_equal(a->dev, b->dev);
    assert_int_equal(a->ino, b->ino);
    assert_int_equal(bsi_time_compare(&a->mtime, &b->mtime), 0);
    assert_int_equal(bsi_time_compare(&a->ctime, &b->ctime), 0);
}

static void a_file_with_every_field_comes_back(void **state)
{
    const bsi_xattr xattrs[] = {{text("security.x"), {"\0\xff", 2}}, {text("user.\xfe"), {"", 0}}};
    const bsi_extent extents[] = {{0, 512}, {4096, 100}};
    const bsi_locator locator = {UINT64_MAX, 3, 4, 8};
    bsi_listed listed = {
        .entry = {.path = text("dir/\xff\n\"\\"),
                  .stat = {.type = BSI_TYPE_FILE,
                           .mode = 07654,
                           .uid = UINT32_MAX,
                           .gid = 7,
                           .dev = UINT64_MAX,
                           .ino = 1,
                           .nlink = 3,
                           .size = 4196,
                           .mtime = {-1, 1},
                           .ctime = {INT64_C(1) << 40, 999999999}},
                  .user = text("wer"),
                  .group = text("g\xc3\xb6"),
                  .linked = text("a/first"),
                  .xattrs = xattrs,
                  .xattr_count = 2,
                  .sparse = true,
                  .extents = extents,
                  .extent_count = 2},
        .has_digest = true,
        .stored_in = ID,
    };
    bsi_buf line;
    bsi_line_memory memory;
    bsi_manifest_entry parsed;
    const bsi_entry *got = &parsed.listed.entry;

    (void)state;
    bsi_sha256_of("x", 1, &listed.sha256);
    round_trip(&listed, &locator, &line, &memory, &parsed);
    assert_true(equal(got->path, listed.entry.path));
    assert_true(equal(got->linked, listed.entry.linked));
    assert_true(equal(got->user, listed.entry.user));
    assert_true(equal(got->group, listed.entry.group));
    assert_same_stat(&got->stat, &listed.entry.stat);
    assert_int_equal(got->stat.size, 4196);
    assert_int_equal(got->stat.nlink, 3);
    assert_true(got->sparse);
    assert_int_equal(got->extent_count, 2);
    assert_memory_equal(got->extents, extents, sizeof(extents));
    assert_int_equal(got->xattr_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(equal(got->xattrs[i].name, xattrs[i].name));
        assert_true(equal(got->xattrs[i].value, xattrs[i].value));
    }
    assert_true(parsed.listed.has_digest && parsed.has_locator);
    assert_true(bsi_digest_equal(&parsed.listed.sha256, &listed.sha256));
    assert_string_equal(parsed.listed.stored_in, ID);
    assert_true(parsed.locator.offset == locator.offset && parsed.locator.skip == locator.skip);
    assert_true(parsed.locator.stored == locator.stored && parsed.locator.method == locator.method);
    bsi_line_memory_dispose(&memory);
    bsi_buf_dispose(&line);
}

static void every_type_comes_back(void **state)
{
    static const bsi_file_type types[] = {BSI_TYPE_DIR,         BSI_TYPE_SYMLINK,
                                          BSI_TYPE_FIFO,        BSI_TYPE_SOCKET,
                                          BSI_TYPE_CHAR_DEVICE, BSI_TYPE_BLOCK_DEVICE};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(types); i++) {
        const bool device = types[i] == BSI_TYPE_CHAR_DEVICE || types[i] == BSI_TYPE_BLOCK_DEVICE;
        bsi_listed listed = {
            .entry = {.path = text("x"), .stat = {.type = types[i], .mode = 0600}}};
        bsi_buf line;
        bsi_line_memory memory;
        bsi_manifest_entry parsed;
        if (types[i] == BSI_TYPE_SYMLINK) {
            listed.entry.link = text("to \xfe");
        }
        listed.entry.stat.rdev_major = device ? 8 : 0;
        listed.entry.stat.rdev_minor = device ? UINT32_MAX : 0;
        round_trip(&listed, NULL, &line, &memory, &parsed);
        assert_same_stat(&parsed.listed.entry.stat, &listed.entry.stat);
        assert_int_equal(parsed.listed.entry.stat.rdev_minor, listed.entry.stat.rdev_minor);
        assert_true(equal(parsed.listed.entry.link, listed.entry.link));
        assert_false(parsed.has_locator);
        bsi_line_memory_dispose(&memory);
        bsi_buf_dispose(&line);
    }
}

#define STAT "\"mode\":\"0644\",\"uid\":0,\"gid\":0,\"mtime\":\"1\""

static void what_no_entry_can_be_is_refused(void **state)
{
    static const char *const lines[] = {
        "",
        "{}",
        "{\"path\":\"a\"}",
        "{\"path\":\"a\",\"type\":\"dir\"",
        "{\"path\":\"..\",\"type\":\"dir\"," STAT "}",
        "{\"path\":\"/a\",\"type\":\"dir\"," STAT "}",
        "{\"path\":\"a\",\"path_base64\":\"YQ==\",\"type\":\"dir\"," STAT "}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"uid\":0}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"other\":0}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT "} x",
        "{\"path\":\"a\",\"type\":\"dir\",\"mode\":\"\"}",
        "{\"path\":\"a\",\"type\":\"dir\",\"mode\":\"8000\"}",
        "{\"path\":\"a\",\"type\":\"dir\",\"mode\":420}",
        "{\"path\":\"a\",\"type\":\"dir\",\"mtime\":\"1.0000000001\"}",
        "{\"path\":\"a\",\"type\":\"symlink\"," STAT "}",
        "{\"path\":\"a\",\"type\":\"file\"," STAT ",\"size\":1}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"linked\":\"b\"}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"nlink\":1}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"size\":1}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"link\":\"b\"}",
        "{\"path\":\"a\",\"type\":\"fifo\"," STAT ",\"link_base64\":\"YQ==\"}",
        "{\"path\":\"a\",\"type\":\"socket\"," STAT ",\"major\":1}",
        "{\"path\":\"a\",\"type\":\"fifo\"," STAT ",\"minor\":1}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"at\":[0,0]}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"extents\":[]}",
        "{\"path\":\"a\",\"type\":\"fifo\"," STAT ",\"linked\":\"../b\"}",
        "{\"path\":\"a\",\"type\":\"fifo\"," STAT ",\"stored_in\":\"" ID "\"}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"xattrs\":[{}]}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"xattrs\":[{\"name\":\"\",\"value\":\"\"}]}",
        "{\"path\":\"a\",\"type\":\"dir\"," STAT ",\"xattrs\":[{\"name\":\"user.a\"}]}",
    };
    bsi_line_memory memory;
    bsi_manifest_entry parsed;

    (void)state;
    bsi_line_memory_init(&memory);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(lines); i++) {
        print_message("# %s\n", lines[i]);
        assert_status(bsi_parse_entry(text(lines[i]), &memory, &parsed), BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    }
    bsi_line_memory_dispose(&memory);
}

static void warnings_come_back(void **state)
{
    const bs_error error = {.code = BS_E_ACCESS, .layer = BS_LAYER_SOURCE, .message = "no \x1b[2J"};
    bsi_line_memory memory;
    bsi_slice path = {0};
    bs_error got;
    bsi_buf line;

    (void)state;
    bsi_line_memory_init(&memory);
    bsi_buf_init(&line, BSI_MANIFEST_LINE_MAX);
    assert_ok(bsi_manifest_format_warning(&line, text("a\xff"), &error));
    assert_ok(
        bsi_parse_warning((bsi_slice){(const char *)line.data, line.size}, &memory, &path, &got));
    assert_true(equal(path, text("a\xff")));
    assert_int_equal(got.code, BS_E_ACCESS);
    assert_int_equal(got.layer, BS_LAYER_SOURCE);
    assert_string_equal(got.message, "no \\x1b[2J");
    bsi_buf_dispose(&line);
    bsi_line_memory_dispose(&memory);
}

static void what_no_warning_can_be_is_refused(void **state)
{
    static const char *const lines[] = {
        "{\"warning\":{\"message\":\"m\"}}",
        "{\"warning\":{\"code\":0,\"message\":\"m\"}}",
        "{\"warning\":{\"code\":-40000,\"message\":\"m\"}}",
        "{\"warning\":{\"code\":-5,\"layer\":99}}",
        "{\"warning\":{\"code\":-5,\"path_base64\":\"%\"}}",
        "{\"warning\":{\"code\":-5,\"message\":\"\\u0007\"}}",
        "{\"warning\":{\"code\":-5,\"colour\":1}}",
        "{\"warning\":{\"code\":-5},\"more\":1}",
    };
    bsi_line_memory memory;
    bsi_slice path = {0};
    bs_error got;

    (void)state;
    bsi_line_memory_init(&memory);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(lines); i++) {
        print_message("# %s\n", lines[i]);
        assert_status(bsi_parse_warning(text(lines[i]), &memory, &path, &got), BS_E_CORRUPT);
    }
    bsi_line_memory_dispose(&memory);
}

/* --- Drafts --- */

static void a_draft_gives_back_its_records_in_order_more_than_once(void **state)
{
    const int temp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const size_t size = 4000;
    char *bytes = malloc(size);
    bsi_draft *draft = NULL;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'b', size);
    assert_ok(bsi_draft_new(temp, &draft));
    for (uint32_t i = 0; i < 3000; i++) { /* More than stays in memory. */
        const bsi_record record = {i, i + 1, i * UINT64_C(3), UINT64_MAX - i, {bytes, i % size}};
        assert_ok(bsi_draft_put(draft, &record));
    }
    for (int round = 0; round < 2; round++) {
        bsi_record record;
        for (uint32_t i = 0; i < 3000; i++) {
            assert_int_equal(bsi_draft_next(draft, &record), BS_OK);
            assert_int_equal(record.kind, i);
            assert_int_equal(record.group, i + 1);
            assert_int_equal(record.b, UINT64_MAX - i);
            assert_int_equal(record.bytes.size, i % size);
            assert_memory_equal(record.bytes.data, bytes, record.bytes.size);
        }
        assert_int_equal(bsi_draft_next(draft, &record), BS_END);
        bsi_draft_rewind(draft);
    }
    bsi_draft_free(draft);
    free(bytes);
    (void)close(temp);
}

/* --- Links --- */

static void names_of_one_inode_are_one_group(void **state)
{
    bsi_links *links = NULL;
    bool is_new = false;
    uint32_t group = 0;

    (void)state;
    assert_ok(bsi_links_new(&links));
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 5000; i++) {
            const bsi_stat stat = {.dev = i % 3, .ino = i, .size = i};
            char name[16];
            (void)snprintf(name, sizeof(name), "%d/%u", round, i);
            assert_ok(bsi_links_add(links, &stat, text(name), &group, &is_new));
            assert_int_equal(group, i);
            assert_int_equal(is_new, round == 0);
        }
    }
    assert_true(equal(bsi_links_head(links, 77), text("0/77")));
    assert_ok(bsi_links_set_head(links, 77, text("other")));
    assert_true(equal(bsi_links_head(links, 77), text("other")));
    assert_false(bsi_links_content(links, 77)->known);
    bsi_links_free(links);
}

/* --- Directories on the way --- */

static void push(bsi_dir_stack *stack, const char *path)
{
    const bsi_entry dir = {.path = text(path), .stat.type = BSI_TYPE_DIR};

    assert_ok(bsi_dir_stack_push(stack, &dir));
}

static void directories_are_kept_with_all_they_point_to(void **state)
{
    char bytes[] = "a/b/mary/staff/user.x/one/user.y/";
    const bsi_xattr xattrs[] = {
        {{bytes + 15, 6}, {bytes + 22, 3}},
        {{bytes + 26, 6}, {bytes, 0}},
    };
    const bsi_entry dir = {.path = {bytes, 3},
                           .stat = {.type = BSI_TYPE_DIR, .mode = 0750},
                           .user = {bytes + 4, 4},
                           .group = {bytes + 9, 5},
                           .xattrs = xattrs,
                           .xattr_count = 2};
    bsi_dir_stack *stack = NULL;
    const bsi_entry *kept = NULL;

    (void)state;
    assert_ok(bsi_dir_stack_new(&stack));
    assert_ok(bsi_dir_stack_push(stack, &dir));
    memset(bytes, '-', sizeof(bytes));
    assert_ok(bsi_dir_stack_pop_beside(stack, (bsi_slice){0}, &kept));
    assert_true(equal(kept->path, text("a/b")));
    assert_int_equal(kept->stat.mode, 0750);
    assert_true(equal(kept->user, text("mary")));
    assert_true(equal(kept->group, text("staff")));
    assert_int_equal(kept->xattr_count, 2);
    assert_true(equal(kept->xattrs[0].name, text("user.x")));
    assert_true(equal(kept->xattrs[0].value, text("one")));
    assert_true(equal(kept->xattrs[1].name, text("user.y")));
    assert_int_equal(kept->xattrs[1].value.size, 0);
    bsi_dir_stack_free(stack);
}

static void directories_that_do_not_lead_on_are_taken_off_innermost_first(void **state)
{
    bsi_dir_stack *stack = NULL;
    const bsi_entry *dir = NULL;

    (void)state;
    assert_ok(bsi_dir_stack_new(&stack));
    push(stack, "a");
    push(stack, "a/b");
    push(stack, "a/b/c");
    assert_int_equal(bsi_dir_stack_pop_beside(stack, text("a/b/c/d"), &dir), BS_END);
    assert_ok(bsi_dir_stack_at(stack, 1, &dir));
    assert_true(equal(dir->path, text("a/b")));
    assert_int_equal(bsi_dir_stack_at(stack, 3, &dir), BS_END);
    assert_int_equal(bsi_dir_stack_pop_beside(stack, text("a/bc"), &dir), BS_OK);
    assert_true(equal(dir->path, text("a/b/c")));
    assert_int_equal(bsi_dir_stack_pop_beside(stack, text("a/bc"), &dir), BS_OK);
    assert_true(equal(dir->path, text("a/b")));
    assert_int_equal(bsi_dir_stack_pop_beside(stack, text("a/bc"), &dir), BS_END);
    assert_int_equal(bsi_dir_stack_count(stack), 1);
    assert_int_equal(bsi_dir_stack_pop_beside(stack, (bsi_slice){0}, &dir), BS_OK);
    assert_int_equal(bsi_dir_stack_count(stack), 0);
    bsi_dir_stack_free(stack);
}

/* --- Selections --- */

static bool wants(const char *wish, const char *path, bsi_file_type type)
{
    const char *const wishes[] = {wish, NULL};
    const bsi_entry entry = {.path = text(path), .stat = {.type = type}};
    bsi_selection *selection = NULL;
    bool wanted = false;

    assert_ok(bsi_selection_new(wishes, &selection));
    assert_ok(bsi_selection_wants(selection, &entry, &wanted));
    bsi_selection_free(selection);
    return wanted;
}

static bool may_hold(const char *wish, const char *dir)
{
    const char *const wishes[] = {wish, NULL};
    bsi_selection *selection = NULL;
    bool may = false;

    assert_ok(bsi_selection_new(wishes, &selection));
    may = bsi_selection_may_hold(selection, text(dir));
    bsi_selection_free(selection);
    return may;
}

static void only_whole_paths_tell_where_nothing_is_wanted(void **state)
{
    (void)state;
    assert_true(may_hold(NULL, "a"));
    assert_true(may_hold("/", "a"));
    assert_true(may_hold("/home/a", "home"));
    assert_true(may_hold("/home/a", "home/a"));
    assert_true(may_hold("home/a/", "home/a/b"));
    assert_false(may_hold("home/a", "home/ab"));
    assert_false(may_hold("/home", "etc"));
    assert_false(may_hold("[a/b", "etc")); /* No pattern, but a path. */
    assert_true(may_hold("home", "etc"));  /* At any depth. */
    assert_true(may_hold("home/", "etc"));
    assert_true(may_hold("/home/*.txt", "etc"));
    assert_true(may_hold("/home/a ", "home/a")); /* As a pattern it has no space. */
}

static void wishes_are_paths_and_patterns(void **state)
{
    (void)state;
    assert_true(wants(NULL, "anything", BSI_TYPE_FILE));
    assert_true(wants("/home/a", "home/a", BSI_TYPE_FILE));
    assert_true(wants("home/a/", "home/a/b/c", BSI_TYPE_FILE));
    assert_false(wants("home/a", "home/ab", BSI_TYPE_FILE));
    assert_false(wants("home/a", "home", BSI_TYPE_DIR));
    assert_true(wants("*.txt", "home/a/x.txt", BSI_TYPE_FILE));
    assert_false(wants("*.txt", "home/a/x.tx", BSI_TYPE_FILE));
    assert_true(wants("[a", "[a/b", BSI_TYPE_FILE)); /* No pattern, but a path. */
    assert_true(wants("a*b", "a*b", BSI_TYPE_FILE));
    assert_true(wants("/", "home", BSI_TYPE_DIR));
}

/* --- Names --- */

static void objects_are_named_after_name_time_kind_and_id(void **state)
{
    const bsi_backup_plan plan = {
        .id = ID, .name = "home", .kind = BSI_KIND_FULL, .created_at = {1795399200, 5}};
    char *key = bsi_object_key(&plan, ".tar");
    char *staging = bsi_mirror_staging_key("home", ID);

    (void)state;
    assert_string_equal(key, "home/20261123T020000Z-full-6789abcd.tar");
    assert_string_equal(staging, "home/mirror.6789abcd");
    bsi_free(key);
    bsi_free(staging);
}

static void names_of_backups_make_safe_keys(void **state)
{
    static const char *const bad[] = {"",   ".",   "..",   ".a",       " a",
                                      "a ", "a/b", "a\\b", "\xc3\xa4", "a\n"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_false(bsi_backup_name_is_valid(bad[i]));
    }
    assert_true(bsi_backup_name_is_valid("My files-2.0_x"));
}

static void kinds_have_words(void **state)
{
    (void)state;
    for (int kind = BSI_KIND_FULL; kind <= BSI_KIND_MIRROR; kind++) {
        const char *name = bsi_backup_kind_name((bsi_backup_kind)kind);
        assert_int_equal(bsi_backup_kind_parse(text(name)), kind);
    }
    assert_int_equal(bsi_backup_kind_parse(text("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_with_every_field_comes_back),
        cmocka_unit_test(every_type_comes_back),
        cmocka_unit_test(what_no_entry_can_be_is_refused),
        cmocka_unit_test(warnings_come_back),
        cmocka_unit_test(what_no_warning_can_be_is_refused),
        cmocka_unit_test(a_draft_gives_back_its_records_in_order_more_than_once),
        cmocka_unit_test(names_of_one_inode_are_one_group),
        cmocka_unit_test(directories_are_kept_with_all_they_point_to),
        cmocka_unit_test(directories_that_do_not_lead_on_are_taken_off_innermost_first),
        cmocka_unit_test(only_whole_paths_tell_where_nothing_is_wanted),
        cmocka_unit_test(wishes_are_paths_and_patterns),
        cmocka_unit_test(objects_are_named_after_name_time_kind_and_id),
        cmocka_unit_test(names_of_backups_make_safe_keys),
        cmocka_unit_test(kinds_have_words),
    };

    return cmocka_run_group_tests_name("vault/manifest", tests, NULL, NULL);
}
