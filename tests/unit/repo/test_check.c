/* SPDX-License-Identifier: MIT */
/*
 * A small repository, whole and damaged in every way; and those that restic
 * wrote, whose large packs are missing.
 */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/check.h"
#include "repo/index_file.h"
#include "repo/pack.h"
#include "repo/snapshot.h"
#include "repo/tree.h"
#include "storage/decorators/faulty.h"
#include "support/restic.h"

enum { ROOM = 64 * 1024, FINDINGS_MAX = 256, TEXT_SIZE = 256 };

static const char *data_folder;
static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};

/* --- What is found --- */

typedef struct found_one {
    bsi_check_subject subject;
    bool is_note;
    bsi_digest id;
    char path[TEXT_SIZE];
    char text[TEXT_SIZE];
} found_one;

static struct {
    found_one items[FINDINGS_MAX];
    size_t count;
} all;

static void add_finding(void *user, const bsi_check_finding *finding)
{
    found_one *one = &all.items[all.count % FINDINGS_MAX];

    (void)user;
    *one = (found_one){.subject = finding->subject, .is_note = finding->is_note};
    one->id = *finding->id;
    (void)snprintf(one->path, sizeof(one->path), "%.*s", (int)finding->path.size,
                   finding->path.size > 0 ? finding->path.data : "");
    (void)snprintf(one->text, sizeof(one->text), "%s", finding->text);
    all.count++;
}

static const found_one *find(bsi_check_subject subject, const bsi_digest *id)
{
    for (size_t i = 0; i < all.count && i < FINDINGS_MAX; i++) {
        if (all.items[i].subject == subject && bsi_digest_equal(&all.items[i].id, id)) {
            return &all.items[i];
        }
    }
    fail_msg("nothing of that kind was found");
    return &all.items[0];
}

static bsi_check_report check(const bsi_repo *repo, bool read_data)
{
    const bsi_check_options options = {.read_data = read_data, .found = add_finding};
    bsi_check_report report;

    all.count = 0;
    assert_ok(bsi_repo_check(repo, NULL, &options, &report));
    assert_int_equal(report.errors + report.notes, all.count);
    return report;
}

/* --- Making a repository --- */

typedef struct maker {
    bsi_repo *repo;
    bsi_storage *storage;
    bsi_blob_sealer *sealer;
    bsi_pack_writer *data;
    bsi_pack_writer *trees;
    bsi_index_writer index;
    bsi_digest data_pack;
    bsi_digest tree_pack;
    bsi_digest index_file;
    bsi_digest snapshots[2];
} maker;

static void start(maker *self)
{
    bsi_storage *inner = NULL;
    bsi_blob_options options = {.version = 2, .level = 3};

    *self = (maker){0};
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &inner));
    assert_ok(bsi_storage_faulty_new(inner, &self->storage));
    const bsi_repo_place place = {.storage = self->storage, .folder = ""};
    assert_ok(bsi_repo_init(&place, NULL, &cheap, NULL, &self->repo));
    bsi_storage_unref(inner);
    options.key = bsi_repo_master_key(self->repo);
    assert_ok(bsi_blob_sealer_new(&options, &self->sealer));
    assert_ok(bsi_pack_writer_new(BSI_PACK_TARGET_MIN, &self->data));
    assert_ok(bsi_pack_writer_new(BSI_PACK_TARGET_MIN, &self->trees));
    bsi_index_writer_init(&self->index);
}

static void finish(maker *self)
{
    bsi_blob_sealer_free(self->sealer);
    bsi_pack_writer_free(self->data);
    bsi_pack_writer_free(self->trees);
    bsi_index_writer_dispose(&self->index);
    bsi_repo_close(self->repo);
    bsi_storage_unref(self->storage);
}

static bsi_digest add_blob(maker *self, bsi_blob_type type, const void *plain, size_t size)
{
    bsi_pack_writer *writer = type == BSI_BLOB_DATA ? self->data : self->trees;
    bsi_blob blob = {.type = type};
    bsi_buf sealed;

    bsi_sha256_of(plain, size, &blob.id);
    bsi_buf_init(&sealed, ROOM);
    assert_ok(bsi_blob_seal(self->sealer, &blob, plain, size, &sealed));
    assert_ok(bsi_pack_writer_add(writer, &blob, sealed.data));
    bsi_buf_dispose(&sealed);
    return blob.id;
}

static bsi_digest add_text(maker *self, bsi_blob_type type, const char *text)
{
    return add_blob(self, type, text, strlen(text));
}

/* Store a pack, and tell the index of it. */
static bsi_digest put_pack(maker *self, bsi_pack_writer *writer)
{
    char key[BSI_REPO_KEY_SIZE];
    bsi_digest id;
    bsi_slice bytes = {0};

    assert_ok(bsi_pack_writer_finish(writer, bsi_repo_master_key(self->repo)));
    id = *bsi_pack_writer_id(writer);
    bytes = bsi_pack_writer_bytes(writer);
    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, &id, key);
    assert_ok(bsi_storage_put(self->storage, NULL, key, bytes.data, bytes.size));
    assert_ok(bsi_index_writer_add(&self->index, &id, bsi_pack_writer_blobs(writer)));
    bsi_pack_writer_clear(writer);
    return id;
}

static bsi_digest put_index(maker *self)
{
    bsi_digest id;

    assert_ok(bsi_index_writer_finish(&self->index));
    assert_ok(
        bsi_repo_save(self->repo, NULL, BSI_REPO_INDEX, bsi_buf_slice(&self->index.text), &id));
    bsi_index_writer_clear(&self->index);
    return id;
}

static bsi_digest put_snapshot(maker *self, const bsi_digest *tree)
{
    bsi_snapshot snapshot = {.time = bsi_go_time_now(), .tree = {true, *tree}};
    bsi_digest id;
    bsi_buf text;

    bsi_buf_init(&text, ROOM);
    assert_ok(bsi_snapshot_write(&snapshot, &text));
    assert_ok(bsi_repo_save(self->repo, NULL, BSI_REPO_SNAPSHOTS, bsi_buf_slice(&text), &id));
    bsi_buf_dispose(&text);
    return id;
}

static bsi_digest add_tree(maker *self, const bsi_node *nodes, size_t count)
{
    bsi_tree_writer writer;
    bsi_digest id;
    bsi_buf text;

    bsi_buf_init(&text, ROOM);
    assert_ok(bsi_tree_writer_begin(&writer, &text));
    for (size_t i = 0; i < count; i++) {
        assert_ok(bsi_tree_writer_add(&writer, &nodes[i]));
    }
    assert_ok(bsi_tree_writer_finish(&writer));
    id = add_blob(self, BSI_BLOB_TREE, text.data, text.size);
    bsi_tree_writer_dispose(&writer);
    bsi_buf_dispose(&text);
    return id;
}

static bsi_node file_node(const char *name, const bsi_digest *content, size_t count)
{
    return (bsi_node){.name = bsi_slice_of(name),
                      .type = BSI_NODE_FILE,
                      .content = content,
                      .content_count = count};
}

static bsi_node dir_node(const char *name, const bsi_digest *tree)
{
    return (bsi_node){
        .name = bsi_slice_of(name), .type = BSI_NODE_DIR, .has_subtree = true, .subtree = *tree};
}

/* Two snapshots: /a, /sub/b; and /c alone. */
static void make(maker *self)
{
    bsi_digest content[2];
    bsi_digest sub;
    bsi_digest root;

    start(self);
    content[0] = add_text(self, BSI_BLOB_DATA, "the first chunk");
    content[1] = add_text(self, BSI_BLOB_DATA, "the second chunk");
    const bsi_node below[] = {file_node("b", content + 1, 1)};
    sub = add_tree(self, below, 1);
    const bsi_node top[] = {file_node("a", content, 2), dir_node("sub", &sub)};
    root = add_tree(self, top, 2);
    const bsi_node other[] = {file_node("c", content, 1)};
    const bsi_digest other_root = add_tree(self, other, 1);
    self->data_pack = put_pack(self, self->data);
    self->tree_pack = put_pack(self, self->trees);
    self->index_file = put_index(self);
    self->snapshots[0] = put_snapshot(self, &root);
    self->snapshots[1] = put_snapshot(self, &other_root);
}

/* --- Whole ones --- */

static void a_whole_repository_has_no_findings(void **state)
{
    maker made;

    (void)state;
    make(&made);
    for (int data = 0; data < 2; data++) {
        const bsi_check_report report = check(made.repo, data == 1);
        assert_int_equal(all.count, 0);
        assert_int_equal(report.indexes, 1);
        assert_int_equal(report.packs, 2);
        assert_int_equal(report.blobs, 5);
        assert_int_equal(report.trees, 3);
        assert_int_equal(report.snapshots, 2);
        assert_int_equal(report.snapshots_damaged, 0);
        assert_int_equal(report.packs_read, data == 1 ? 2 : 0);
    }
    finish(&made);
}

static void an_empty_repository_is_whole(void **state)
{
    maker made;

    (void)state;
    start(&made);
    assert_int_equal(check(made.repo, true).snapshots, 0);
    assert_int_equal(all.count, 0);
    finish(&made);
}

/* --- Damaged ones --- */

/* An object of the repository that is damaged. */
typedef struct victim {
    const maker *made;
    char key[BSI_REPO_KEY_SIZE];
    bsi_buf bytes;
} victim;

static void load_victim(const maker *made, bsi_repo_kind kind, const bsi_digest *id, victim *out)
{
    out->made = made;
    bsi_repo_object_key(made->repo, kind, id, out->key);
    bsi_buf_init(&out->bytes, ROOM);
    assert_ok(bsi_storage_load(made->storage, NULL, out->key, ROOM, &out->bytes));
}

/* Store its first bytes, with one changed; the victim itself stays as it was. */
static void put_victim(victim *self, size_t size, size_t changed)
{
    self->bytes.data[changed] ^= 0x10;
    assert_ok(bsi_storage_put(self->made->storage, NULL, self->key, self->bytes.data, size));
    self->bytes.data[changed] ^= 0x10;
}

static void change_each_byte(const maker *made, bsi_repo_kind kind, bsi_check_subject subject,
                             const bsi_digest *id)
{
    victim one;

    load_victim(made, kind, id, &one);
    for (size_t i = 0; i < one.bytes.size; i++) {
        put_victim(&one, one.bytes.size, i);
        (void)check(made->repo, true);
        (void)find(subject, id);
        put_victim(&one, i, i);
        (void)check(made->repo, false);
        (void)find(subject, id);
    }
    assert_ok(bsi_storage_put(made->storage, NULL, one.key, one.bytes.data, one.bytes.size));
    assert_int_equal(check(made->repo, true).errors, 0);
    bsi_buf_dispose(&one.bytes);
}

static void each_byte_that_is_changed_or_cut_is_found(void **state)
{
    maker made;

    (void)state;
    make(&made);
    change_each_byte(&made, BSI_REPO_PACKS, BSI_CHECK_PACK, &made.data_pack);
    change_each_byte(&made, BSI_REPO_PACKS, BSI_CHECK_PACK, &made.tree_pack);
    change_each_byte(&made, BSI_REPO_INDEX, BSI_CHECK_INDEX, &made.index_file);
    change_each_byte(&made, BSI_REPO_SNAPSHOTS, BSI_CHECK_SNAPSHOT, &made.snapshots[0]);
    finish(&made);
}

static void a_damaged_chunk_costs_the_files_that_have_it(void **state)
{
    victim pack;
    maker made;
    bsi_check_report report;

    (void)state;
    make(&made);
    load_victim(&made, BSI_REPO_PACKS, &made.data_pack, &pack);
    put_victim(&pack, pack.bytes.size, 20); /* In the first chunk. */
    report = check(made.repo, false);
    assert_int_equal(report.errors, 0);
    report = check(made.repo, true);
    assert_int_equal(report.snapshots_damaged, 2);
    assert_string_equal(find(BSI_CHECK_FILE, &made.snapshots[0])->path, "/a");
    assert_string_equal(find(BSI_CHECK_FILE, &made.snapshots[0])->text,
                        "1 of the 2 blobs it is made of are lost");
    assert_string_equal(find(BSI_CHECK_FILE, &made.snapshots[1])->path, "/c");
    put_victim(&pack, pack.bytes.size, pack.bytes.size - 10); /* In the header. */
    report = check(made.repo, true);
    assert_true(report.errors > 0);
    assert_int_equal(report.snapshots_damaged, 0);
    bsi_buf_dispose(&pack.bytes);
    finish(&made);
}

static void remove_file(const maker *made, bsi_repo_kind kind, const bsi_digest *id)
{
    assert_ok(bsi_repo_remove(made->repo, NULL, kind, id));
}

static void a_missing_pack_is_named_with_what_it_costs(void **state)
{
    maker made;
    bsi_check_report report;

    (void)state;
    make(&made);
    remove_file(&made, BSI_REPO_PACKS, &made.data_pack);
    report = check(made.repo, false);
    assert_string_equal(find(BSI_CHECK_PACK, &made.data_pack)->text,
                        "is missing, though the index knows of it");
    assert_int_equal(report.snapshots_damaged, 2);
    assert_int_equal(report.errors, 6); /* The pack, /a, /sub/b, /c, two snapshots. */
    finish(&made);

    make(&made);
    remove_file(&made, BSI_REPO_PACKS, &made.tree_pack);
    report = check(made.repo, true);
    assert_int_equal(report.snapshots_damaged, 2);
    (void)find(BSI_CHECK_TREE, &made.snapshots[0]);
    assert_int_equal(report.packs_read, 1);
    finish(&made);
}

static void without_an_index_packs_are_unknown_and_snapshots_lost(void **state)
{
    maker made;
    bsi_check_report report;

    (void)state;
    make(&made);
    remove_file(&made, BSI_REPO_INDEX, &made.index_file);
    report = check(made.repo, true);
    assert_int_equal(report.notes, 2);
    assert_true(find(BSI_CHECK_PACK, &made.data_pack)->is_note);
    assert_int_equal(report.snapshots_damaged, 2);
    finish(&made);
}

/* The same chunk in another pack: the bad copy is told of, and nothing is lost. */
static void another_copy_saves_what_a_bad_one_costs(void **state)
{
    victim pack;
    maker made;
    bsi_check_report report;

    (void)state;
    make(&made);
    (void)add_text(&made, BSI_BLOB_DATA, "the first chunk");
    (void)add_text(&made, BSI_BLOB_DATA, "the second chunk");
    (void)add_text(&made, BSI_BLOB_DATA, "more");
    (void)put_pack(&made, made.data);
    (void)put_index(&made);
    load_victim(&made, BSI_REPO_PACKS, &made.data_pack, &pack);
    put_victim(&pack, pack.bytes.size, 20);
    report = check(made.repo, true);
    (void)find(BSI_CHECK_PACK, &made.data_pack);
    assert_int_equal(report.snapshots_damaged, 0);
    bsi_buf_dispose(&pack.bytes);
    finish(&made);
}

/* --- Trees that nobody should have written --- */

static bsi_check_report check_root(const char *text, bsi_check_subject subject, const char *path)
{
    const found_one *one = NULL;
    bsi_check_report report;
    bsi_digest root;
    bsi_digest id;
    maker made;

    start(&made);
    root = add_text(&made, BSI_BLOB_TREE, text);
    (void)put_pack(&made, made.trees);
    (void)put_index(&made);
    id = put_snapshot(&made, &root);
    report = check(made.repo, true);
    one = find(subject, &id);
    assert_non_null(one);
    print_message("# %s: %s\n", one->path, one->text);
    assert_string_equal(one->path, path);
    finish(&made);
    return report;
}

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void trees_that_are_wrong_are_found(void **state)
{
    static const struct {
        const char *text;
        bsi_check_subject subject;
        const char *path;
    } cases[] = {
        {"{\"nodes\":[{\"name\":\"f\",\"type\":\"file\",\"content\":null}]}", BSI_CHECK_FILE, "/f"},
        {"{\"nodes\":[{\"name\":\"f\",\"type\":\"file\",\"content\":[\"" ID_A "\"]}]}",
         BSI_CHECK_FILE, "/f"},
        {"{\"nodes\":[{\"name\":\"d\",\"type\":\"dir\"}]}", BSI_CHECK_TREE, "/d"},
        {"{\"nodes\":[{\"name\":\"d\",\"type\":\"dir\",\"subtree\":\"" ID_A "\"}]}", BSI_CHECK_TREE,
         "/d"},
        {"{\"nodes\":[{\"name\":\"..\",\"type\":\"fifo\"}]}", BSI_CHECK_TREE, ""},
        {"{\"nodes\":[{\"name\":\"x\",\"type\":\"irregular\"}]}", BSI_CHECK_TREE, ""},
        {"{\"nodes\":null}", BSI_CHECK_TREE, ""},
        {"no tree", BSI_CHECK_TREE, ""},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        const bsi_check_report report = check_root(cases[i].text, cases[i].subject, cases[i].path);
        assert_int_equal(report.errors, 2);
        assert_int_equal(report.snapshots_damaged, 1);
    }
}

static void names_out_of_order_are_worth_a_note(void **state)
{
    bsi_check_report report;

    (void)state;
    report = check_root("{\"nodes\":[{\"name\":\"b\",\"type\":\"fifo\"},"
                        "{\"name\":\"a\",\"type\":\"fifo\"},{\"name\":\"a\",\"type\":\"fifo\"}]}",
                        BSI_CHECK_TREE, "");
    assert_int_equal(report.notes, 1);
    assert_int_equal(report.errors, 0);
    assert_int_equal(report.snapshots_damaged, 0);
}

/* A thousand directories in one another, and in each the next one twice: read once each. */
static void deep_trees_are_walked_and_read_once(void **state)
{
    enum { DEPTH = 1000 };
    const bsi_check_options options = {.read_data = true};
    bsi_check_report report;
    bsi_digest tree;
    maker made;

    (void)state;
    start(&made);
    tree = add_text(&made, BSI_BLOB_TREE, "{\"nodes\":[]}\n");
    for (int i = 0; i < DEPTH; i++) {
        const bsi_node nodes[] = {dir_node("a", &tree), dir_node("b", &tree)};
        tree = add_tree(&made, nodes, 2);
    }
    (void)put_pack(&made, made.trees);
    (void)put_index(&made);
    (void)put_snapshot(&made, &tree);
    assert_ok(bsi_repo_check(made.repo, NULL, &options, &report));
    assert_int_equal(report.errors, 0);
    assert_int_equal(report.trees, DEPTH + 1);
    finish(&made);
}

/* --- Parts --- */

static void parts_come_to_the_whole(void **state)
{
    uint64_t read = 0;
    bsi_check_report report;
    maker made;

    (void)state;
    make(&made);
    for (uint32_t part = 1; part <= 7; part++) {
        const bsi_check_options options = {.read_data = true, .part = part, .parts = 7};
        assert_ok(bsi_repo_check(made.repo, NULL, &options, &report));
        read += report.packs_read;
    }
    assert_int_equal(read, 2);
    const bsi_check_options whole = {.read_data = true, .percent = 100};
    assert_ok(bsi_repo_check(made.repo, NULL, &whole, &report));
    assert_int_equal(report.packs_read, 2);
    const bsi_check_options wrong[] = {{.part = 0, .parts = 2},
                                       {.part = 3, .parts = 2},
                                       {.part = 1, .parts = 257},
                                       {.percent = 101}};
    for (size_t i = 0; i < BSI_ARRAY_SIZE(wrong); i++) {
        assert_status(bsi_repo_check(made.repo, NULL, &wrong[i], &report), BS_E_INVALID);
    }
    finish(&made);
}

/* --- When things fail --- */

static void what_fails_ends_the_check_or_is_told(void **state)
{
    const bsi_check_options options = {.read_data = true};
    bsi_check_report report;
    maker made;
    uint64_t calls = 0;

    (void)state;
    make(&made);
    bsi_storage_faulty_set(made.storage, NULL);
    assert_ok(bsi_repo_check(made.repo, NULL, &options, &report));
    calls = bsi_storage_faulty_count(made.storage);
    assert_true(calls > 10);
    for (uint64_t at = 1; at <= calls; at++) {
        const bsi_faulty_plan plan = {.at = at, .code = BS_E_IO, .forever = true};
        bs_status status = BS_OK;
        bsi_storage_faulty_set(made.storage, &plan);
        status = bsi_repo_check(made.repo, NULL, &options, &report);
        assert_true(status == BS_E_IO || (status == BS_OK && report.errors > 0));
    }
    bsi_storage_faulty_set(made.storage, NULL);
    finish(&made);
}

static void lack_of_memory_is_told_and_leaves_nothing_behind(void **state)
{
    const bsi_check_options options = {.read_data = true};
    bs_status status = BS_E_NOMEM;
    bsi_check_report report;
    maker made;

    (void)state;
    make(&made);
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_repo_check(made.repo, NULL, &options, &report);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
        assert_int_equal(report.errors, 0);
    }
    bsi_alloc_fail_after(-1);
    finish(&made);
}

/* Many packs, and two of them bad: found whoever reads them, and however many do. */
static void packs_are_read_by_all_threads(void **state)
{
    enum { PACKS = 40 };
    bsi_check_report report;
    bsi_pool *pool = NULL;
    bsi_digest packs[PACKS];
    bsi_check_options options = {.read_data = true, .found = add_finding};
    maker made;
    victim pack;

    (void)state;
    start(&made);
    for (int i = 0; i < PACKS; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "chunk %d", i);
        (void)add_text(&made, BSI_BLOB_DATA, text);
        packs[i] = put_pack(&made, made.data);
    }
    (void)put_index(&made);
    for (unsigned threads = 0; threads < 4; threads++) {
        assert_ok(bsi_pool_new(threads, &pool));
        options.pool = pool;
        all.count = 0;
        for (int i = 7; i < PACKS; i += 20) {
            load_victim(&made, BSI_REPO_PACKS, &packs[i], &pack);
            put_victim(&pack, pack.bytes.size, 20);
            bsi_buf_dispose(&pack.bytes);
        }
        assert_ok(bsi_repo_check(made.repo, NULL, &options, &report));
        assert_int_equal(report.packs_read, PACKS);
        assert_int_equal(report.errors, 4); /* A blob and a digest each. */
        for (int i = 7; i < PACKS; i += 20) {
            (void)find(BSI_CHECK_PACK, &packs[i]);
            load_victim(&made, BSI_REPO_PACKS, &packs[i], &pack);
            put_victim(&pack, pack.bytes.size, 20);
            bsi_buf_dispose(&pack.bytes);
        }
        all.count = 0;
        assert_ok(bsi_repo_check(made.repo, NULL, &options, &report));
        assert_int_equal(report.errors, 0);
        bsi_pool_free(pool);
    }
    finish(&made);
}

static void who_gives_up_is_heard(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    bsi_check_report report;
    maker made;

    (void)state;
    make(&made);
    bsi_cancel_request(&cancel);
    assert_status(bsi_repo_check(made.repo, &call, NULL, &report), BS_E_CANCELLED);
    finish(&made);
}

/* --- Those of restic --- */

static void count_text(void *user, const char *id, bsi_slice text)
{
    (void)user;
    (void)id;
    (void)text;
}

/* What the data folder lacks is named; each tree is there and reads well. */
static void what_restic_wrote_lacks_only_what_was_left_out(void **state)
{
    static const uint64_t missing[RESTIC_REPOSITORIES] = {2, 2, 2};

    (void)state;
    for (size_t i = 0; i < RESTIC_REPOSITORIES; i++) {
        bsi_storage *storage = restic_load(data_folder, restic_repositories[i]);
        bsi_secret *password = restic_password();
        const bsi_repo_place place = {.storage = storage, .folder = ""};
        bsi_repo *repo = NULL;
        bsi_check_report report;
        uint64_t packs = 0;

        assert_ok(bsi_repo_open(&place, NULL, password, &repo));
        report = check(repo, true);
        assert_int_equal(report.trees, restic_expected(data_folder, restic_repositories[i], "trees",
                                                       count_text, NULL));
        assert_int_equal(report.notes, 0);
        for (size_t n = 0; n < all.count && n < FINDINGS_MAX; n++) {
            assert_int_not_equal(all.items[n].subject, BSI_CHECK_TREE);
            packs += all.items[n].subject == BSI_CHECK_PACK;
        }
        assert_int_equal(packs, missing[i]);
        assert_int_equal(report.packs - report.packs_read, missing[i]);
        bsi_repo_close(repo);
        bsi_secret_free(password);
        bsi_storage_unref(storage);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_repository_has_no_findings),
        cmocka_unit_test(an_empty_repository_is_whole),
        cmocka_unit_test(each_byte_that_is_changed_or_cut_is_found),
        cmocka_unit_test(a_damaged_chunk_costs_the_files_that_have_it),
        cmocka_unit_test(a_missing_pack_is_named_with_what_it_costs),
        cmocka_unit_test(without_an_index_packs_are_unknown_and_snapshots_lost),
        cmocka_unit_test(another_copy_saves_what_a_bad_one_costs),
        cmocka_unit_test(trees_that_are_wrong_are_found),
        cmocka_unit_test(names_out_of_order_are_worth_a_note),
        cmocka_unit_test(deep_trees_are_walked_and_read_once),
        cmocka_unit_test(parts_come_to_the_whole),
        cmocka_unit_test(what_fails_ends_the_check_or_is_told),
        cmocka_unit_test(lack_of_memory_is_told_and_leaves_nothing_behind),
        cmocka_unit_test(packs_are_read_by_all_threads),
        cmocka_unit_test(who_gives_up_is_heard),
        cmocka_unit_test(what_restic_wrote_lacks_only_what_was_left_out),
    };

    data_folder = argc > 1 ? argv[1] : "tests/data/restic";
    return cmocka_run_group_tests_name("repo/check", tests, NULL, NULL);
}
