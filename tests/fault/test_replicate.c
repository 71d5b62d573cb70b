/* SPDX-License-Identifier: MIT */
/*
 * Backups are copied to another storage by processes that die at random points. After each death
 * what is there is whole; the run that is let live completes it, and the copies are verified and
 * restored by a service that has nothing but them. 60 backups and 3 deaths; with BSI_TESTS_FULL=1
 * 1000 and 10.
 *
 * Backups that make their own copies die in the same way, 12 times or 40, from their beginning to
 * the end of the last copy.
 */
#include "support/test.h"

#include <backupsvc.h>

#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "os/fault.h"
#include "support/compare.h"
#include "support/tempdir.h"
#include "support/tree.h"

enum { PATH_SIZE = 300, CHAIN = 8, NAMES = 5, OBJECT_MAX = 64 * 1024 };

typedef struct place {
    test_dir *dir;
    bs_service *service;
    unsigned backups;
    unsigned deaths;
    uint64_t chance;
    const char *const *copy_to; /* Of its backups. */
    char source[PATH_SIZE];
    char state[PATH_SIZE];
    char first[PATH_SIZE]; /* The storage "local". */
    char away[PATH_SIZE];
    char measured[PATH_SIZE]; /* Where an undisturbed run copies to. */
    char fresh[PATH_SIZE];    /* The state of another service. */
    char out[PATH_SIZE];
} place;

static void name_path(const place *self, const char *name, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", self->dir->path, name);
}

static int setup(void **state)
{
    const char *full = getenv("BSI_TESTS_FULL");
    const bool long_run = full && strcmp(full, "1") == 0;
    place *self = calloc(1, sizeof(*self));
    void *dir = NULL;

    test_dir_in_memory();
    assert_non_null(self);
    assert_int_equal(test_dir_setup(&dir), 0);
    self->dir = dir;
    self->backups = long_run ? 1000 : 60;
    self->deaths = long_run ? 10 : 3;
    self->chance = 20261124;
    name_path(self, "source", self->source);
    name_path(self, "state", self->state);
    name_path(self, "state/storage", self->first);
    name_path(self, "away", self->away);
    name_path(self, "measured", self->measured);
    name_path(self, "fresh", self->fresh);
    name_path(self, "out", self->out);
    assert_int_equal(mkdir(self->source, 0755), 0);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    place *self = *state;
    void *dir = self->dir;

    bs_service_close(self->service);
    tree_remove(self->source);
    tree_remove(self->state);
    tree_remove(self->away);
    tree_remove(self->measured);
    tree_remove(self->fresh);
    tree_remove(self->out);
    (void)test_dir_teardown(&dir);
    free(self);
    return 0;
}

/* --- What is done; none of it asserts --- */

static bs_status open_service(place *self, const char *state)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;

    options.state_path = state;
    return bs_service_open(&options, &self->service);
}

static void close_service(place *self)
{
    bs_service_close(self->service);
    self->service = NULL;
}

static bs_status add_storage(place *self, const char *name, const char *path)
{
    const char *const settings[] = {"path", path, NULL};

    return bs_storage_add(self->service, name, "local", settings);
}

static bs_status back_up(place *self, unsigned number)
{
    const char *const paths[] = {self->source, NULL};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    char name[32];
    char id[BS_ID_SIZE];

    (void)snprintf(name, sizeof(name), "name-%u", number % NAMES);
    options.name = name;
    options.source_paths = paths;
    options.backup_type = number / NAMES % CHAIN == 0 ? BS_BACKUP_FULL : BS_BACKUP_INCREMENTAL;
    options.compression = BS_COMPRESSION_TAR_ZST;
    options.copy_to = self->copy_to;
    BSI_TRY(bs_backup_start(self->service, &options, id));
    return bs_backup_wait(self->service, id, BS_FOREVER);
}

static bs_status replicate(place *self, const char *to, char id_out[BS_ID_SIZE])
{
    bs_replicate_options options = BS_REPLICATE_OPTIONS_INIT;

    options.to = to;
    BSI_TRY(bs_replicate_start(self->service, &options, id_out));
    return bs_replicate_wait(self->service, id_out, BS_FOREVER);
}

static bs_status live(place *self, const char *to)
{
    char id[BS_ID_SIZE];
    bs_status status = open_service(self, self->state);

    if (status >= 0) {
        status = replicate(self, to, id);
    }
    close_service(self);
    return status;
}

static bs_status copy_away(place *self)
{
    return live(self, "away");
}

static bs_status back_up_copied(place *self)
{
    bs_status status = open_service(self, self->state);

    if (status >= 0) {
        status = back_up(self, 1);
    }
    close_service(self);
    return status;
}

/* --- Dying --- */

/* How many calls a whole run makes. */
static uint64_t measure(place *self)
{
    uint64_t calls = 0;

    bsi_fault_set(&(bsi_fault_plan){.at = 0});
    assert_ok(live(self, "measured"));
    calls = bsi_fault_count();
    bsi_fault_set(NULL);
    return calls;
}

static void die_at(place *self, uint64_t at, bs_status (*life)(place *self))
{
    const bsi_fault_plan plan = {.at = at};
    int ended = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        bsi_fault_set(&plan);
        _exit(life(self) == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended));
    assert_int_equal(WTERMSIG(ended), SIGKILL);
}

/* From `low` up to twice that. */
static uint64_t chance_from(place *self, uint64_t low)
{
    self->chance = self->chance * 6364136223846793005U + 1442695040888963407U;
    return low + (self->chance >> 33) % low;
}

/* --- What must be true --- */

static size_t load(const char *path, char *out)
{
    FILE *file = fopen(path, "rb");
    size_t size = 0;

    if (!file) {
        print_error("there is no %s\n", path);
        fail();
    }
    size = fread(out, 1, OBJECT_MAX, file);
    assert_int_equal(fclose(file), 0);
    assert_true(size < OBJECT_MAX);
    return size;
}

/* An object of the target has the bytes that the source has under its key. */
static void check_object(const place *self, const char *key)
{
    static char here[OBJECT_MAX];
    static char there[OBJECT_MAX];
    char path[3 * PATH_SIZE];
    size_t size = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", self->first, key);
    size = load(path, here);
    (void)snprintf(path, sizeof(path), "%s/%s", self->away, key);
    assert_int_equal(load(path, there), size);
    assert_memory_equal(here, there, size);
}

/* The container of a manifest is there, if it is one's. */
static bool check_manifest(const place *self, const char *key)
{
    const char *suffix = strstr(key, ".manifest.json.zst");
    char container[2 * PATH_SIZE];

    if (!suffix) {
        return false;
    }
    (void)snprintf(container, sizeof(container), "%.*s.tar.zst", (int)(suffix - key), key);
    check_object(self, container);
    return true;
}

/* What lies at the target. */
typedef struct found {
    unsigned objects;
    unsigned manifests;
    unsigned unfinished; /* Nobody sees these, and they are swept up when they are old. */
} found;

/* All objects are whole, and what has a manifest has all of it. */
static found check_target(const place *self)
{
    char path[PATH_SIZE];
    char *const paths[] = {path, NULL};
    FTS *walk = NULL;
    found all = {0};

    (void)snprintf(path, sizeof(path), "%s", self->away);
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(walk);
    for (const FTSENT *item = fts_read(walk); item; item = fts_read(walk)) {
        const bool unfinished = strncmp(item->fts_name, ".bst-", 5) == 0;
        all.unfinished += unfinished;
        if (item->fts_info == FTS_F && !unfinished) {
            check_object(self, item->fts_path + strlen(self->away) + 1);
            all.manifests += check_manifest(self, item->fts_path + strlen(self->away) + 1);
            all.objects++;
        }
    }
    (void)fts_close(walk);
    return all;
}

static void check_done(place *self)
{
    bs_replicate_info *info = NULL;
    char id[BS_ID_SIZE];
    found all;

    assert_ok(open_service(self, self->state));
    assert_ok(replicate(self, "away", id));
    assert_ok(bs_replicate_get(self->service, id, &info));
    print_message("# the last run copied %d of %u backups\n", (int)info->backups, self->backups);
    assert_int_equal(info->backups + info->backups_present, self->backups);
    assert_int_equal(info->backups_failed, 0);
    bs_replicate_info_free(info);
    close_service(self);
    all = check_target(self);
    assert_int_equal(all.manifests, self->backups);
    assert_int_equal(all.objects, 2 * self->backups);
    assert_true(all.unfinished <= self->deaths);
}

static void verify(place *self, const char *id)
{
    char job[BS_ID_SIZE];

    assert_ok(bs_verify_start(self->service, id, job));
    assert_ok(bs_verify_wait(self->service, job, BS_FOREVER));
}

static unsigned verify_page(place *self, uint32_t offset)
{
    bs_backup_filter filter = BS_BACKUP_FILTER_INIT;
    bs_backup_page *page = NULL;
    unsigned count = 0;

    filter.offset = offset;
    filter.limit = 100;
    assert_ok(bs_backup_list(self->service, &filter, &page));
    for (size_t i = 0; i < page->count; i++) {
        assert_string_equal(page->items[i]->storage, "away");
        verify(self, page->items[i]->id);
    }
    count = (unsigned)page->count;
    bs_backup_page_free(page);
    return count;
}

/* The first storage and its service are lost. */
static void check_alone(place *self)
{
    bs_restore_options options = BS_RESTORE_OPTIONS_INIT;
    char job[BS_ID_SIZE];
    char newest[48];
    unsigned count = 0;
    unsigned verified = 0;

    tree_remove(self->state);
    assert_ok(open_service(self, self->fresh));
    assert_ok(add_storage(self, "away", self->away));
    assert_ok(bs_catalog_rebuild(self->service, NULL));
    while ((count = verify_page(self, verified)) > 0) {
        verified += count;
    }
    assert_int_equal(verified, self->backups);
    (void)snprintf(newest, sizeof(newest), "latest:name-%u", (self->backups - 1) % NAMES);
    options.backup_id = newest;
    options.restore_path = self->out;
    options.strip_source = true;
    assert_ok(bs_restore_start(self->service, &options, job));
    assert_ok(bs_restore_wait(self->service, job, BS_FOREVER));
    assert_trees_equal(self->source, self->out, COMPARE_NO_TOP);
    close_service(self);
}

static void make_backups(place *self)
{
    char path[2 * PATH_SIZE];

    assert_ok(open_service(self, self->state));
    assert_ok(add_storage(self, "away", self->away));
    assert_ok(add_storage(self, "measured", self->measured));
    for (unsigned i = 0; i < self->backups; i++) {
        (void)snprintf(path, sizeof(path), "%s/%u", self->source, i % (2 * NAMES));
        tree_write(path, 500 + i, i);
        assert_ok(back_up(self, i));
    }
    close_service(self);
}

static void copies_are_complete_however_often_it_dies(void **state)
{
    place *self = *state;
    uint64_t calls = 0;

    make_backups(self);
    calls = measure(self);
    for (unsigned i = 0; i < self->deaths; i++) {
        const uint64_t at = chance_from(self, calls / self->deaths / 2);
        die_at(self, at, copy_away);
        print_message("# died at call %d of %d with %u copies\n", (int)at, (int)calls,
                      check_target(self).manifests);
    }
    check_done(self);
    check_alone(self);
}

/* --- Copies that backups make --- */

static void check_copies(place *self)
{
    bs_backup_filter filter = BS_BACKUP_FILTER_INIT;
    const bs_job_state good = BS_STATE_COMPLETED;
    bs_backup_page *page = NULL;

    filter.status = &good;
    assert_ok(open_service(self, self->state));
    assert_ok(bs_backup_list(self->service, &filter, &page));
    for (size_t i = 0; i < page->count; i++) {
        assert_int_equal(page->items[i]->copies_count, 1);
        assert_string_equal(page->items[i]->storage, "local");
        assert_string_equal(page->items[i]->copies[0].storage, "away");
        assert_int_equal(page->items[i]->copies[0].status, BS_STATE_COMPLETED);
        verify(self, page->items[i]->id);
    }
    assert_int_equal(check_target(self).manifests, page->count);
    bs_backup_page_free(page);
    close_service(self);
}

static void backups_and_their_copies_survive_deaths(void **state)
{
    static const char *const away[] = {"away", NULL};
    place *self = *state;
    const unsigned deaths = 4 * self->deaths;
    char path[PATH_SIZE + 8];
    uint64_t calls = 0;

    self->backups = 1;
    self->copy_to = away;
    make_backups(self);
    bsi_fault_set(&(bsi_fault_plan){.at = 0});
    assert_ok(back_up_copied(self));
    calls = bsi_fault_count();
    bsi_fault_set(NULL);
    for (unsigned i = 0; i < deaths; i++) {
        (void)snprintf(path, sizeof(path), "%s/new", self->source);
        tree_write(path, 700 + i, i);
        die_at(self, calls * (i + 1) / (deaths + 1), back_up_copied);
        (void)check_target(self);
    }
    assert_ok(back_up_copied(self));
    check_copies(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(copies_are_complete_however_often_it_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(backups_and_their_copies_survive_deaths, setup, teardown),
    };

    return cmocka_run_group_tests_name("fault/replicate", tests, NULL, NULL);
}
