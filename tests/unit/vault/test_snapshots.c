/* SPDX-License-Identifier: MIT */
/* Snapshots that no honest program has written, and damaged ones. */
#include "support/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "repo/save.h"
#include "repo/snapshot.h"
#include "storage/decorators/faulty.h"
#include "support/tree.h"
#include "support/vault.h"
#include "vault/repository/session.h"

enum { TEXT_SIZE = 64 * 1024, KEY_SIZE = 128, PATHS_MAX = 64 };

#define TIMES                             \
    "\"mtime\":\"2026-01-02T03:04:05Z\"," \
    "\"atime\":\"2026-01-02T03:04:05Z\"," \
    "\"ctime\":\"2026-01-02T03:04:05Z\"," \
    "\"uid\":0,\"gid\":0,"

/* A repository in memory, without a pass phrase, and what is written into it. */
typedef struct fixture {
    test_vault *vault;
    bsi_storage *inner;
    bsi_storage *faulty;
    bsi_storage *local; /* The vault's own; not used. */
    bsi_repo *repo;
    bsi_repo_index *index;
    bsi_repo_writer *writer;
    const bsi_vault *form;
    char nodes[2048]; /* Of the next tree; so much of it. */
    size_t used;

    /* What was reported, listed, or found damaged. */
    char warned[PATHS_MAX][128];
    size_t warned_count;
    bs_status warned_code;
    char texts[TEXT_SIZE];
    size_t entries;
    const char *looked_for; /* Among the damaged objects. */
    bool found;
    char object[KEY_SIZE]; /* The last one. */
    unsigned objects;
    unsigned lost;
} fixture;

static bsi_mutex warn_lock; /* Warnings come from several threads. */
static fixture *current;

static void warned(void *user, bsi_slice path, const bs_error *error)
{
    fixture *self = current;

    (void)user;
    bsi_mutex_lock(&warn_lock);
    if (self->warned_count < PATHS_MAX) {
        (void)snprintf(self->warned[self->warned_count++], sizeof(self->warned[0]), "%.*s",
                       (int)path.size, path.data);
    }
    self->warned_code = error->code;
    bsi_mutex_unlock(&warn_lock);
}

static const bsi_warn warn = {warned, NULL};

/* Locks are refused from now on: nobody waits for others who may have one. */
static void refuse_writes(fixture *self, bool refuse)
{
    const bsi_faulty_plan plan = {
        .op_mask = BSI_FAULTY_BEGIN, .at = 1, .code = BS_E_READ_ONLY, .forever = true};

    bsi_storage_faulty_set(self->faulty, refuse ? &plan : NULL);
}

static void begin_writing(fixture *self)
{
    assert_ok(bsi_repo_index_new(&self->index));
    assert_ok(bsi_repo_writer_new(self->repo, self->index, self->vault->env.pool, NULL, NULL,
                                  &self->writer));
}

static void end_writing(fixture *self)
{
    if (self->writer) {
        assert_ok(bsi_repo_writer_finish(self->writer));
        bsi_repo_writer_free(self->writer);
        bsi_repo_index_free(self->index);
        self->writer = NULL;
    }
}

static int setup(void **state)
{
    static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};
    fixture *self = calloc(1, sizeof(*self));
    bsi_repo_place place = {.folder = ""};
    void *vault = NULL;

    assert_non_null(self);
    assert_int_equal(test_vault_setup(&vault), 0);
    self->vault = vault;
    self->local = self->vault->env.storage;
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &self->inner));
    assert_ok(bsi_storage_faulty_new(self->inner, &self->faulty));
    self->vault->env.storage = self->faulty;
    self->vault->env.warn = &warn;
    place.storage = self->faulty;
    assert_ok(bsi_repo_init(&place, NULL, &cheap, NULL, &self->repo));
    self->form = bsi_vault_find("repository");
    assert_non_null(self->form);
    bsi_mutex_init(&warn_lock);
    current = self;
    begin_writing(self);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;
    void *vault = self->vault;

    end_writing(self);
    bsi_repo_close(self->repo);
    bsi_storage_unref(self->faulty);
    bsi_storage_unref(self->inner);
    self->vault->env.storage = self->local;
    bsi_mutex_dispose(&warn_lock);
    free(self);
    return test_vault_teardown(&vault);
}

/* --- Writing --- */

typedef struct hex {
    char digits[2 * BSI_SHA256_SIZE + 1];
} hex;

static hex put(fixture *self, bsi_blob_type type, const char *text)
{
    bsi_digest id;
    hex out;

    assert_ok(bsi_repo_writer_save(self->writer, type, text, strlen(text), &id, NULL));
    bsi_digest_format(&id, out.digits);
    return out;
}

static hex put_data(fixture *self, const char *text)
{
    return put(self, BSI_BLOB_DATA, text);
}

/* Another node of the next tree. */
BSI_PRINTF(2, 3)
static void add_node(fixture *self, const char *format, ...)
{
    const size_t left = sizeof(self->nodes) - self->used;
    va_list args;
    int length = 0;

    va_start(args, format);
    length = vsnprintf(self->nodes + self->used, left, format, args);
    va_end(args);
    assert_in_range(length, 1, left - 1);
    self->used += (size_t)length;
}

/* The nodes that were added since the last one, each with a comma behind it. */
static hex put_tree(fixture *self)
{
    char text[sizeof(self->nodes) + 32];

    (void)snprintf(text, sizeof(text), "{\"nodes\":[%.*s]}\n",
                   (int)(self->used > 0 ? self->used - 1 : 0), self->nodes);
    self->used = 0;
    return put(self, BSI_BLOB_TREE, text);
}

static void add_file(fixture *self, const char *name, const char *content)
{
    add_node(self,
             "{\"name\":\"%s\",\"type\":\"file\",\"mode\":420," TIMES
             "\"size\":5,\"content\":[%s]},",
             name, content);
}

static void add_linked(fixture *self, const char *name, unsigned inode, const char *content)
{
    add_node(self,
             "{\"name\":\"%s\",\"type\":\"file\",\"mode\":420," TIMES
             "\"inode\":%u,\"links\":2,\"content\":[%s]},",
             name, inode, content);
}

static void add_linked_symlink(fixture *self, const char *name, const char *target)
{
    add_node(self,
             "{\"name\":\"%s\",\"type\":\"symlink\",\"mode\":134218239," TIMES
             "\"inode\":8,\"links\":2,\"linktarget\":\"%s\",\"content\":null},",
             name, target);
}

static void add_folder(fixture *self, const char *name, hex tree)
{
    add_node(self,
             "{\"name\":\"%s\",\"type\":\"dir\",\"mode\":2147484141," TIMES
             "\"content\":null,\"subtree\":\"%s\"},",
             name, tree.digits);
}

static const char *quoted(hex id, char out[128])
{
    (void)snprintf(out, 128, "\"%s\"", id.digits);
    return out;
}

/* The snapshot is the last thing that is written; its key. */
static const char *put_snapshot(fixture *self, hex tree, const char *more, char key[KEY_SIZE])
{
    char text[1024];
    bsi_digest id;
    hex digits;

    end_writing(self);
    (void)snprintf(text, sizeof(text),
                   "{\"time\":\"2026-01-02T03:04:05Z\",\"tree\":\"%s\",\"paths\":[\"/a\"]%s}",
                   tree.digits, more);
    assert_ok(bsi_repo_save(self->repo, NULL, BSI_REPO_SNAPSHOTS, bsi_slice_of(text), &id));
    bsi_digest_format(&id, digits.digits);
    (void)snprintf(key, KEY_SIZE, "snapshots/%s", digits.digits);
    refuse_writes(self, true);
    return key;
}

/* --- Reading --- */

static bs_status add_entry(void *user, const bsi_listed *listed)
{
    fixture *self = user;
    const size_t used = strlen(self->texts);

    self->entries++;
    if (used + listed->entry.path.size + 64 < sizeof(self->texts)) {
        (void)snprintf(self->texts + used, sizeof(self->texts) - used, "%.*s=%llu%s%.*s ",
                       (int)listed->entry.path.size, listed->entry.path.data,
                       (unsigned long long)listed->entry.stat.size,
                       listed->entry.linked.size > 0 ? "@" : "", (int)listed->entry.linked.size,
                       listed->entry.linked.size > 0 ? listed->entry.linked.data : "");
    }
    return BS_OK;
}

static const char *list(fixture *self, const char *key)
{
    self->texts[0] = '\0';
    assert_ok(bsi_vault_list(&self->vault->env, key, (bsi_slice){"", 0}, true, add_entry, self));
    return self->texts;
}

/* Only `path`; NULL: all of it. */
static bs_status restore_some(fixture *self, const char *key, const char *path)
{
    const char *const paths[] = {path, NULL};
    const bsi_restore_plan plan = {.manifest_key = key,
                                   .restore_path = self->vault->out,
                                   .paths = paths,
                                   .target = {.permissions = true, .overwrite = true},
                                   .verify = true};
    bsi_restore_result result = {0};

    self->warned_count = 0;
    return self->form->restore(&self->vault->env, &plan, &result);
}

static bs_status restore(fixture *self, const char *key)
{
    return restore_some(self, key, NULL);
}

static bool was_warned(const fixture *self, const char *path)
{
    for (size_t i = 0; i < self->warned_count; i++) {
        if (strcmp(self->warned[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static void assert_content(const fixture *self, const char *path, const char *content)
{
    char full[1024];
    char found[256] = "";
    FILE *stream = NULL;

    (void)snprintf(full, sizeof(full), "%s/%s", self->vault->out, path);
    stream = fopen(full, "re");
    assert_non_null(stream);
    found[fread(found, 1, sizeof(found) - 1, stream)] = '\0';
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(found, content);
}

static bs_status take_object(void *user, const char *key, const char *message)
{
    fixture *self = user;

    assert_true(strlen(message) > 0);
    (void)snprintf(self->object, sizeof(self->object), "%s", key);
    self->objects++;
    self->found = self->found || (self->looked_for && strcmp(key, self->looked_for) == 0);
    return BS_OK;
}

static bs_status take_lost(void *user, bsi_slice path)
{
    fixture *self = user;

    assert_true(path.size > 0);
    self->lost++;
    return BS_OK;
}

static bs_status verify(fixture *self, const char *key)
{
    const bsi_damage_sink sink = {.object = take_object, .lost = take_lost, .user = self};
    bsi_verify_result result;

    self->found = false;
    self->objects = 0;
    self->lost = 0;
    self->object[0] = '\0';
    return self->form->verify(&self->vault->env, key, &sink, &result);
}

/* --- Entries --- */

static void sizes_are_those_of_the_blobs(void **state)
{
    fixture *self = *state;
    char key[KEY_SIZE];
    char content[512];
    char ids[2][128];
    hex tree;

    (void)snprintf(content, sizeof(content), "%s,%s", quoted(put_data(self, "first "), ids[0]),
                   quoted(put_data(self, "second"), ids[1]));
    add_file(self, "a", content);
    tree = put_tree(self);
    put_snapshot(self, tree, "", key);
    assert_string_equal(list(self, key), "a=12 ");
    assert_ok(restore(self, key));
    assert_content(self, "a", "first second");
    assert_ok(verify(self, key));
    assert_int_equal(self->objects, 0);
}

static ino_t inode_of(const fixture *self, const char *name)
{
    char path[1024];
    struct stat info;

    (void)snprintf(path, sizeof(path), "%s/%s", self->vault->out, name);
    assert_int_equal(lstat(path, &info), 0);
    return info.st_ino;
}

static void only_files_with_the_same_content_are_one_inode(void **state)
{
    fixture *self = *state;
    char key[KEY_SIZE];
    char ids[2][128];

    quoted(put_data(self, "one"), ids[0]);
    quoted(put_data(self, "other"), ids[1]);
    add_linked(self, "a", 7, ids[0]);
    add_linked(self, "b", 7, ids[1]);
    add_linked(self, "c", 7, ids[0]);
    put_snapshot(self, put_tree(self), "", key);
    assert_string_equal(list(self, key), "a=3 b=5 c=3@a ");
    assert_ok(restore(self, key));
    assert_content(self, "b", "other");
    assert_content(self, "c", "one");
    assert_int_equal(inode_of(self, "c"), inode_of(self, "a"));
}

static void only_symbolic_links_to_the_same_are_one_inode(void **state)
{
    fixture *self = *state;
    char key[KEY_SIZE];

    add_linked_symlink(self, "a", "here");
    add_linked_symlink(self, "b", "elsewhere");
    add_linked_symlink(self, "c", "here");
    put_snapshot(self, put_tree(self), "", key);
    assert_string_equal(list(self, key), "a=0 b=0 c=0@a ");
    assert_ok(restore(self, key));
    assert_int_equal(inode_of(self, "c"), inode_of(self, "a"));
    assert_int_not_equal(inode_of(self, "b"), inode_of(self, "a"));
}

/* Nodes that can be no entries; the ones beside them are there. */
static void impossible_nodes_cost_only_themselves(void **state)
{
    static const char *const bad[] = {
        "{\"name\":\"bad\",\"type\":\"file\"," TIMES "\"content\":null},",
        "{\"name\":\"bad\",\"type\":\"dir\"," TIMES "\"content\":null},",
        "{\"name\":\"bad\",\"type\":\"symlink\"," TIMES "\"content\":null},",
        "{\"name\":\"bad\",\"type\":\"fifo\"," TIMES
        "\"extended_attributes\":[{\"name\":\"\",\"value\":\"\"}],\"content\":null},",
        "{\"name\":\"a\",\"type\":\"fifo\"," TIMES "\"content\":null},", /* A second time. */
    };
    fixture *self = *state;
    char key[KEY_SIZE];
    char id[128];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuse_writes(self, false);
        if (!self->writer) {
            begin_writing(self);
        }
        quoted(put_data(self, "data"), id);
        add_file(self, "a", id);
        add_node(self, "%s", bad[i]);
        add_file(self, "z", id);
        put_snapshot(self, put_tree(self), "", key);
        assert_status(restore(self, key), BS_E_CORRUPT);
        assert_int_equal(self->warned_count, 1);
        assert_true(was_warned(self, i == 4 ? "a" : "bad"));
        assert_content(self, "z", "data");
        assert_ok(verify(self, key));
        assert_int_equal(self->objects, 1);
        assert_int_equal(self->lost, 1);
        assert_int_equal(strncmp(self->object, "data/", 5), 0);
    }
}

static void names_that_lead_elsewhere_are_not_followed(void **state)
{
    fixture *self = *state;
    char key[KEY_SIZE];
    char id[128];

    quoted(put_data(self, "data"), id);
    add_file(self, "..", id);
    put_snapshot(self, put_tree(self), "", key);
    assert_status(restore(self, key), BS_E_CORRUPT);
    assert_int_equal(self->warned_count, 1);
}

static void a_tree_that_is_none_costs_its_folder(void **state)
{
    fixture *self = *state;
    char key[KEY_SIZE];
    char id[128];
    hex tree;

    quoted(put_data(self, "data"), id);
    tree = put(self, BSI_BLOB_TREE, "{\"nodes\":[{\"name\":7}]}");
    add_file(self, "a", id);
    add_folder(self, "bad", tree);
    add_file(self, "z", id);
    put_snapshot(self, put_tree(self), "", key);
    self->warned_count = 0;
    assert_string_equal(list(self, key), "a=4 bad=0 z=4 ");
    assert_true(was_warned(self, "bad"));
    assert_status(restore(self, key), BS_E_CORRUPT);
    assert_int_equal(self->warned_count, 1); /* Once, in however many passes. */
    assert_content(self, "z", "data");
    assert_ok(verify(self, key));
    assert_int_equal(self->objects, 1);
    assert_int_equal(self->lost, 1);
}

static void what_is_not_asked_for_is_not_read(void **state)
{
    fixture *self = *state;
    char key[KEY_SIZE];
    char id[128];
    hex good;
    hex bad;

    add_file(self, "a", quoted(put_data(self, "data"), id));
    good = put_tree(self);
    bad = put(self, BSI_BLOB_TREE, "not a tree");
    add_folder(self, "bad", bad);
    add_folder(self, "good", good);
    put_snapshot(self, put_tree(self), "", key);
    assert_ok(restore_some(self, key, "/good"));
    assert_content(self, "good/a", "data");
    assert_status(restore_some(self, key, "a"), BS_E_CORRUPT); /* At any depth. */
    assert_true(was_warned(self, "bad"));
}

static void what_the_index_does_not_know_is_missing(void **state)
{
    static const char none[] =
        "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"";
    fixture *self = *state;
    char key[KEY_SIZE];
    char id[128];

    quoted(put_data(self, "data"), id);
    add_file(self, "a", id);
    add_file(self, "gone", none);
    put_snapshot(self, put_tree(self), "", key);
    assert_string_equal(list(self, key), "a=4 gone=5 "); /* As the tree says. */
    assert_status(restore(self, key), BS_E_CORRUPT);
    assert_true(was_warned(self, "gone"));
    assert_int_equal(self->warned_code, BS_E_MISSING);
    assert_content(self, "a", "data");
    assert_ok(verify(self, key));
    assert_string_equal(self->object, "index");
    assert_int_equal(self->lost, 1);
}

/* Twice as many directories on each level: more than there is time for. */
static void trees_that_explode_come_to_an_end(void **state)
{
    enum { LEVELS = 15 };
    fixture *self = *state;
    char key[KEY_SIZE];
    hex tree = put_tree(self);

    for (int i = 0; i < LEVELS; i++) {
        add_folder(self, "a", tree);
        add_folder(self, "b", tree);
        tree = put_tree(self);
    }
    put_snapshot(self, tree, "", key);
    assert_status(bsi_vault_list(&self->vault->env, key, (bsi_slice){"", 0}, true, add_entry, self),
                  BS_E_LIMIT);
    assert_in_range(self->entries, 10000, (1 << (LEVELS + 1)) - 1);
}

/* --- Forgetting --- */

static void a_forgotten_snapshot_is_gone_and_others_are_not(void **state)
{
    fixture *self = *state;
    char keys[2][KEY_SIZE];
    char id[128];
    hex tree;
    bsi_manifest_info info;

    quoted(put_data(self, "data"), id);
    add_file(self, "a", id);
    tree = put_tree(self);
    put_snapshot(self, tree, "", keys[0]);
    refuse_writes(self, false);
    put_snapshot(self, tree, ",\"tags\":[\"kept\"]", keys[1]);
    assert_ok(self->form->remove(&self->vault->env, keys[0], keys[0]));
    assert_ok(self->form->remove(&self->vault->env, keys[0], keys[0])); /* Gone already. */
    assert_status(bsi_vault_info(&self->vault->env, keys[0], &info), BS_E_NOT_FOUND);
    assert_ok(restore(self, keys[1]));
    assert_content(self, "a", "data");
    assert_status(self->form->remove(&self->vault->env, "config", NULL), BS_E_NOT_FOUND);
}

/* --- Damage --- */

/* All objects of a storage. */
typedef struct objects {
    char keys[64][KEY_SIZE];
    uint64_t sizes[64];
    size_t count;
} objects;

static bs_status add_object(void *user, const char *key, const bs_storage_object *object)
{
    objects *self = user;

    assert_true(self->count < 64);
    (void)snprintf(self->keys[self->count], KEY_SIZE, "%s", key);
    self->sizes[self->count++] = object->size;
    return BS_OK;
}

static void flip(const fixture *self, const char *key, size_t size, size_t at)
{
    static uint8_t bytes[16 * 1024];

    assert_true(size <= sizeof(bytes));
    assert_ok(bsi_storage_read(self->inner, NULL, key, 0, bytes, size));
    bytes[at] = (uint8_t)(bytes[at] ^ 1u << (at % 8));
    assert_ok(bsi_storage_put(self->inner, NULL, key, bytes, size));
}

static bool is_of_all(const char *key)
{
    return strcmp(key, "config") == 0 || strncmp(key, "keys/", 5) == 0;
}

/* How many of the two snapshots are found damaged, and the object is named for each. */
static unsigned count_damaged(fixture *self, char keys[2][KEY_SIZE], const char *object)
{
    unsigned damaged = 0;

    for (size_t i = 0; i < 2; i++) {
        self->looked_for = is_of_all(object) ? keys[i] : object;
        assert_ok(verify(self, keys[i]));
        assert_int_equal(self->objects > 0, self->found);
        damaged += self->found ? 1 : 0;
    }
    return damaged;
}

/* Each byte of each object, one after the other; the rest is there all the same. */
static void every_changed_byte_is_found(void **state)
{
    const size_t step = getenv("BSI_TESTS_FULL") ? 1 : 5;
    fixture *self = *state;
    char keys[2][KEY_SIZE];
    char id[128];
    static objects all;
    size_t flips = 0;

    all.count = 0;
    add_file(self, "a", quoted(put_data(self, "one"), id));
    put_snapshot(self, put_tree(self), "", keys[0]);
    refuse_writes(self, false);
    begin_writing(self);
    add_file(self, "b", quoted(put_data(self, "other"), id));
    put_snapshot(self, put_tree(self), "", keys[1]);
    assert_ok(bsi_storage_list(self->inner, NULL, "", add_object, &all));
    assert_int_equal(all.count, 10); /* config, key, and of each two packs, index and snapshot. */
    for (size_t i = 0; i < all.count; i++) {
        const bool of_both = is_of_all(all.keys[i]) || strncmp(all.keys[i], "index/", 6) == 0;
        for (size_t at = flips % step; at < all.sizes[i]; at += step, flips++) {
            flip(self, all.keys[i], (size_t)all.sizes[i], at);
            assert_int_equal(count_damaged(self, keys, all.keys[i]), of_both ? 2 : 1);
            flip(self, all.keys[i], (size_t)all.sizes[i], at);
        }
    }
    assert_int_equal(count_damaged(self, keys, ""), 0);
    assert_true(flips > 300);
}

static void survives_running_out_of_memory(void **state)
{
    fixture *self = *state;
    char key[KEY_SIZE];
    char id[128];

    add_file(self, "a", quoted(put_data(self, "one"), id));
    put_snapshot(self, put_tree(self), "", key);
    for (int run = 0; run < 2; run++) {
        bs_status status = BS_E_NOMEM;
        for (long n = 0; status != BS_OK; n++) {
            bsi_alloc_fail_after(n);
            status = run == 0 ? restore(self, key) : verify(self, key);
            bsi_alloc_fail_after(-1);
            assert_true(status == BS_OK || status == BS_E_NOMEM);
        }
    }
    assert_int_equal(self->objects, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(sizes_are_those_of_the_blobs),
        CASE(only_files_with_the_same_content_are_one_inode),
        CASE(only_symbolic_links_to_the_same_are_one_inode),
        CASE(impossible_nodes_cost_only_themselves),
        CASE(names_that_lead_elsewhere_are_not_followed),
        CASE(a_tree_that_is_none_costs_its_folder),
        CASE(what_is_not_asked_for_is_not_read),
        CASE(what_the_index_does_not_know_is_missing),
        CASE(trees_that_explode_come_to_an_end),
        CASE(a_forgotten_snapshot_is_gone_and_others_are_not),
        CASE(every_changed_byte_is_found),
        CASE(survives_running_out_of_memory),
    };

    return cmocka_run_group_tests_name("vault/snapshots", tests, NULL, NULL);
}
