/* SPDX-License-Identifier: MIT */
/*
 * The process dies at each of its calls to the system while a service works,
 * those of the catalogue among them; for some it dies once more while the next
 * one recovers. The service opens again by itself, its list and its storage
 * agree, what was complete is whole, and the same request succeeds.
 */
#include "support/test.h"

#include "base/error.h"
#include <backupsvc.h>

#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fault.h"
#include "repo/repository.h"
#include "support/compare.h"
#include "support/tempdir.h"
#include "support/tree.h"

enum { PATH_SIZE = 300, TWICE_EVERY = 3, DEEP_EVERY = 8, LONGEST_RECOVERY = 331 };

typedef enum request {
    OPEN_ONLY,
    BACK_UP,
    DELETE,
    RESTORE,
    DRILL,
    RETAIN,
    MARK,
    PIN,
    UNPIN
} request;

/* What is asked of the service; `type` also of the two backups that are there before. */
typedef struct service_scenario {
    const char *name;
    request request;
    bs_backup_type type;
    bs_compression compression;
    unsigned earlier;
    unsigned stride; /* In short runs. */
} service_scenario;

static const service_scenario scenarios[] = {
    {"first open", OPEN_ONLY, BS_BACKUP_FULL, BS_COMPRESSION_ZIP, 0, 7},
    {"full zip", BACK_UP, BS_BACKUP_FULL, BS_COMPRESSION_ZIP, 1, 17},
    {"incremental tar.zst", BACK_UP, BS_BACKUP_INCREMENTAL, BS_COMPRESSION_TAR_ZST, 2, 16},
    {"mirror", BACK_UP, BS_BACKUP_MIRROR, BS_COMPRESSION_DEFAULT, 1, 23},
    {"repository", BACK_UP, BS_BACKUP_INCREMENTAL, BS_COMPRESSION_ZSTD, 2, 47},
    {"deletion", DELETE, BS_BACKUP_INCREMENTAL, BS_COMPRESSION_TAR_ZST, 2, 11},
    {"deletion from a repository", DELETE, BS_BACKUP_FULL, BS_COMPRESSION_ZSTD, 2, 29},
    {"restore", RESTORE, BS_BACKUP_INCREMENTAL, BS_COMPRESSION_TAR_ZST, 2, 23},
    {"drill", DRILL, BS_BACKUP_INCREMENTAL, BS_COMPRESSION_TAR_ZST, 2, 23},
    {"retention", RETAIN, BS_BACKUP_FULL, BS_COMPRESSION_ZIP, 2, 13},
    {"marking", MARK, BS_BACKUP_FULL, BS_COMPRESSION_ZIP, 2, 13},
    {"pinning", PIN, BS_BACKUP_FULL, BS_COMPRESSION_ZIP, 2, 13},
    {"unpinning", UNPIN, BS_BACKUP_FULL, BS_COMPRESSION_ZIP, 2, 13},
};

typedef struct place {
    test_dir *dir;
    const service_scenario *scenario;
    bs_config *config; /* NULL: the defaults. */
    bs_service *service;
    char source[PATH_SIZE];
    char state[PATH_SIZE];
    char pristine[PATH_SIZE];
    char out[PATH_SIZE];
    char scratch[PATH_SIZE];  /* Where drills restore to. */
    char ids[2][BS_ID_SIZE];  /* Of the earlier backups. */
    char trees[2][PATH_SIZE]; /* What they restore to. */
    uint64_t at;
} place;

/* --- Set up --- */

static int setup(void **state)
{
    place *self = calloc(1, sizeof(*self));
    void *dir = NULL;

    test_dir_in_memory();
    assert_non_null(self);
    assert_int_equal(test_dir_setup(&dir), 0);
    self->dir = dir;
    (void)snprintf(self->source, PATH_SIZE, "%s/source", self->dir->path);
    (void)snprintf(self->state, PATH_SIZE, "%s/state", self->dir->path);
    (void)snprintf(self->pristine, PATH_SIZE, "%s/pristine", self->dir->path);
    (void)snprintf(self->out, PATH_SIZE, "%s/out", self->dir->path);
    (void)snprintf(self->scratch, PATH_SIZE, "%s/scratch", self->dir->path);
    (void)snprintf(self->trees[0], PATH_SIZE, "%s/tree0", self->dir->path);
    (void)snprintf(self->trees[1], PATH_SIZE, "%s/tree1", self->dir->path);
    *state = self;
    return 0;
}

static void clear(const place *self)
{
    tree_remove(self->source);
    tree_remove(self->state);
    tree_remove(self->pristine);
    tree_remove(self->out);
    tree_remove(self->scratch);
    tree_remove(self->trees[0]);
    tree_remove(self->trees[1]);
}

static int teardown(void **state)
{
    place *self = *state;
    void *dir = self->dir;

    if (self->scenario) {
        print_error("it was in: %s, at %llu\n", self->scenario->name, (unsigned long long)self->at);
    }
    bs_service_close(self->service);
    bs_config_free(self->config);
    clear(self);
    (void)test_dir_teardown(&dir);
    free(self);
    return 0;
}

static void copy_file(const char *from, const char *to)
{
    static uint8_t buffer[1 << 16];
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t got = 0;

    assert_true(in >= 0 && out >= 0);
    while ((got = read(in, buffer, sizeof(buffer))) > 0) {
        assert_int_equal(write(out, buffer, (size_t)got), got);
    }
    (void)close(in);
    (void)close(out);
}

static void copy_tree(char *from, const char *to)
{
    char *const paths[] = {from, NULL};
    char path[3 * PATH_SIZE];
    FTS *walk = NULL;

    if (access(from, F_OK) != 0) {
        return;
    }
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(walk);
    for (const FTSENT *item = fts_read(walk); item; item = fts_read(walk)) {
        (void)snprintf(path, sizeof(path), "%s%s", to, item->fts_path + strlen(from));
        if (item->fts_info == FTS_D) {
            assert_int_equal(mkdir(path, 0700), 0);
        } else if (item->fts_info == FTS_F) {
            copy_file(item->fts_path, path);
        }
    }
    (void)fts_close(walk);
}

static void put(const char *dir, const char *name, size_t size, uint64_t seed)
{
    char path[2 * PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    tree_write(path, size, seed);
}

/* --- Requests; none of them asserts --- */

static bs_status open_service(place *self)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;

    options.state_path = self->state;
    options.config = self->config;
    return bs_service_open(&options, &self->service);
}

static void close_service(place *self)
{
    bs_service_close(self->service);
    self->service = NULL;
}

static bs_status back_up(const place *self, bs_backup_type type, char id_out[BS_ID_SIZE])
{
    const char *const paths[] = {self->source, NULL};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;

    options.name = "home";
    options.source_paths = paths;
    options.backup_type = type;
    options.compression = self->scenario->compression;
    options.allow_empty_mirror = true;
    BSI_TRY(bs_backup_start(self->service, &options, id_out));
    return bs_backup_wait(self->service, id_out, BS_FOREVER);
}

static bs_status restore(const place *self, const char *id, const char *path)
{
    bs_restore_options options = BS_RESTORE_OPTIONS_INIT;
    char restore_id[BS_ID_SIZE];

    options.backup_id = id;
    options.restore_path = path;
    options.overwrite = true;
    options.strip_source = true;
    BSI_TRY(bs_restore_start(self->service, &options, restore_id));
    return bs_restore_wait(self->service, restore_id, BS_FOREVER);
}

static bs_status verify(const place *self, const char *id)
{
    char verify_id[BS_ID_SIZE];

    BSI_TRY(bs_verify_start(self->service, id, verify_id));
    return bs_verify_wait(self->service, verify_id, BS_FOREVER);
}

static bs_status drill(const place *self)
{
    bs_drill_options options = BS_DRILL_OPTIONS_INIT;
    char drill_id[BS_ID_SIZE];

    options.backup_id = self->ids[1];
    options.sample_files = 3;
    options.scratch_path = self->scratch;
    BSI_TRY(bs_drill_start(self->service, &options, drill_id));
    return bs_drill_wait(self->service, drill_id, BS_FOREVER);
}

/* The older of two full backups goes, or is marked. */
static bs_status retain(const place *self)
{
    bs_retention_options options = BS_RETENTION_OPTIONS_INIT;

    options.keep_last = 1;
    return bs_retention_apply(self->service, &options, NULL);
}

static bs_status pin(const place *self)
{
    bs_pin_options options = BS_PIN_OPTIONS_INIT;

    options.reason = "kept";
    return bs_backup_pin(self->service, self->ids[0], &options);
}

static bs_status act(const place *self, char id_out[BS_ID_SIZE])
{
    switch (self->scenario->request) {
    case BACK_UP:
        return back_up(self, self->scenario->type, id_out);
    case DELETE:
        return bs_backup_delete(self->service, self->ids[1], false, NULL);
    case RESTORE:
        return restore(self, self->ids[1], self->out);
    case DRILL:
        return drill(self);
    case RETAIN:
    case MARK:
        return retain(self);
    case PIN:
        return pin(self);
    case UNPIN:
        return bs_backup_unpin(self->service, self->ids[0], false);
    default:
        return BS_OK;
    }
}

/* --- Dying --- */

static bs_status live(place *self)
{
    char id[BS_ID_SIZE];
    bs_status status = open_service(self);

    if (status == BS_OK) {
        status = act(self, id);
    }
    close_service(self);
    return status;
}

/* False when the child came to its end before its time. */
static bool die_at(place *self, uint64_t at)
{
    const bsi_fault_plan plan = {.at = at};
    int ended = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        bsi_fault_set(&plan);
        _exit(live(self) == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &ended, 0), child);
    if (WIFSIGNALED(ended)) {
        assert_int_equal(WTERMSIG(ended), SIGKILL);
        return true;
    }
    assert_int_equal(WEXITSTATUS(ended), 0);
    return false;
}

/* While the service that comes next recovers. */
static void die_again(place *self, uint64_t number)
{
    const bsi_fault_plan plan = {.at = 1 + number * 37 % LONGEST_RECOVERY};
    int ended = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        bsi_fault_set(&plan);
        _exit(open_service(self) == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended) || WEXITSTATUS(ended) == 0);
}

/* --- What must be true --- */

static const char *tree_of(const place *self, const char *id)
{
    for (size_t i = 0; i < self->scenario->earlier; i++) {
        if (strcmp(self->ids[i], id) == 0) {
            return self->trees[i];
        }
    }
    return self->source;
}

static uint64_t objects_of(const bs_backup_info *info)
{
    if (info->form == BS_FORM_REPOSITORY) {
        return 1; /* Its snapshot. */
    }
    if (info->form == BS_FORM_MIRROR) {
        return 1 + info->files_processed;
    }
    return info->pins_count > 0 ? 3 : 2;
}

static void check_row(const place *self, const bs_backup_info *info, bool deep)
{
    char look[2 * PATH_SIZE];

    if (info->status == BS_STATE_FAILED) {
        assert_int_equal(info->error.code, BS_E_INTERRUPTED);
        return;
    }
    assert_int_equal(info->status, BS_STATE_COMPLETED);
    assert_ok(verify(self, info->id));
    if (deep) {
        (void)snprintf(look, sizeof(look), "%s/look", self->dir->path);
        tree_remove(look);
        assert_ok(restore(self, info->id, look));
        assert_trees_equal(tree_of(self, info->id), look, COMPARE_NO_TOP);
        tree_remove(look);
    }
}

/* No job is known to have been writing pins: what is left of them waits to be swept up. */
static bool may_leave(const place *self)
{
    return self->scenario->request == PIN || self->scenario->request == UNPIN;
}

static bool is_repository(const place *self)
{
    return self->scenario->compression == BS_COMPRESSION_ZSTD;
}

/* Which files are counted: packs and their index may be there for the next backup to use. */
static bool counts(const place *self, const FTSENT *item)
{
    return item->fts_info == FTS_F &&
           (!is_repository(self) || strstr(item->fts_path, "/storage/snapshots/"));
}

/* Files on the storage; temporary ones may not be there. */
static uint64_t count_objects(const place *self)
{
    char path[2 * PATH_SIZE];
    char *const paths[] = {path, NULL};
    FTS *walk = NULL;
    uint64_t count = 0;

    (void)snprintf(path, sizeof(path), "%s/storage", self->state);
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(walk);
    for (const FTSENT *item = fts_read(walk); item; item = fts_read(walk)) {
        if (strncmp(item->fts_name, ".bst-", 5) == 0 && may_leave(self)) {
            continue;
        }
        if (strncmp(item->fts_name, ".bst-", 5) == 0) {
            print_error("left behind: %s\n", item->fts_path);
            fail();
        }
        count += counts(self, item);
    }
    (void)fts_close(walk);
    return count;
}

static bool must_be_there(const place *self, size_t index)
{
    if (self->scenario->type == BS_BACKUP_MIRROR) {
        return false; /* The one that was run may have taken its place. */
    }
    if (self->scenario->request == RETAIN) {
        return index == 1;
    }
    return self->scenario->request != DELETE || index == 0;
}

/* Pins lie on the storage before the catalogue knows of them, and go from there before it forgets
 * them. */
static void check_objects(const place *self, uint64_t known)
{
    const uint64_t found = count_objects(self);

    if (self->scenario->request == PIN) {
        assert_true(found == known || found == known + 1);
    } else if (self->scenario->request == UNPIN) {
        assert_true(found == known || found + 1 == known);
    } else {
        assert_int_equal(found, known);
    }
}

/* The list and the storage agree; gives how many backups are complete. */
static size_t check_all(const place *self, bool deep)
{
    bs_backup_page *page = NULL;
    uint64_t objects = 0;
    size_t complete = 0;
    size_t found = 0;
    size_t wanted = 0;

    assert_ok(bs_backup_list(self->service, NULL, &page));
    for (size_t i = 0; i < page->count; i++) {
        check_row(self, page->items[i], deep);
        if (page->items[i]->status == BS_STATE_COMPLETED) {
            objects += objects_of(page->items[i]);
            complete++;
        }
    }
    for (size_t i = 0; i < self->scenario->earlier; i++) {
        wanted += must_be_there(self, i);
        for (size_t j = 0; j < page->count; j++) {
            found += must_be_there(self, i) && strcmp(page->items[j]->id, self->ids[i]) == 0;
        }
    }
    bs_backup_page_free(page);
    assert_int_equal(found, wanted);
    check_objects(self, objects);
    return complete;
}

/* What retention and pins have come to in the end. */
static void check_kept(const place *self)
{
    bs_backup_info *info = NULL;
    const bs_status status = bs_backup_get(self->service, self->ids[0], &info);
    const request done = self->scenario->request;

    if (done == RETAIN) {
        assert_int_equal(status, BS_E_NOT_FOUND);
        return;
    }
    assert_ok(status);
    assert_int_equal(info->marked_at[0] != 0, done == MARK);
    assert_int_equal(info->pins_count, done == PIN ? 1 : 0);
    bs_backup_info_free(info);
}

static bool is_empty(const char *dir)
{
    char path[PATH_SIZE];
    char *const paths[] = {path, NULL};
    FTS *walk = NULL;
    size_t count = 0;

    (void)snprintf(path, sizeof(path), "%s", dir);
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(walk);
    while (fts_read(walk)) {
        count++;
    }
    (void)fts_close(walk);
    return count == 2; /* On the way in and on the way out. */
}

/* Whatever a drill has left is gone, and each is told as what it was. */
static void check_drills(const place *self, bool repeated)
{
    bs_drill_page *page = NULL;

    assert_true(is_empty(self->scratch));
    assert_ok(bs_drill_list(self->service, NULL, &page));
    assert_true(page->count <= 1 + (size_t)repeated);
    for (size_t i = 0; i < page->count; i++) {
        const bs_drill_info *info = page->items[i];
        assert_int_equal(info->status, info->proven ? BS_STATE_COMPLETED : BS_STATE_FAILED);
        assert_int_equal(info->error.code, info->proven ? BS_OK : BS_E_INTERRUPTED);
        assert_int_equal(info->files_restored, info->proven ? 3 : 0);
    }
    assert_true(!repeated || page->items[0]->proven);
    bs_drill_page_free(page);
}

static void check_repeats(const place *self, bool deep)
{
    char id[BS_ID_SIZE] = "";
    bs_status status = act(self, id);

    /* The deletion has been finished by the service, when it had begun. */
    if (self->scenario->request == DELETE && status == BS_E_NOT_FOUND) {
        status = BS_OK;
    }
    if (self->scenario->request == UNPIN && status == BS_E_NOT_FOUND) {
        status = BS_OK;
    }
    assert_ok(status);
    if (self->scenario->request >= RETAIN) {
        check_kept(self);
    }
    if (self->scenario->request == DRILL) {
        check_drills(self, true);
    }
    if (self->scenario->request == RESTORE) {
        assert_trees_equal(self->trees[1], self->out, COMPARE_NO_TOP);
    }
    if (self->scenario->type == BS_BACKUP_MIRROR) {
        assert_int_equal(check_all(self, deep), 1);
    } else {
        (void)check_all(self, deep);
    }
}

/* No record that was there is gone, and what the death cut short is no record. */
static void check_audit(const place *self)
{
    bs_audit_report *report = NULL;

    assert_ok(bs_audit_verify(self->service, NULL, &report));
    if (report->fault != BS_AUDIT_SOUND) {
        print_error("%s\n", report->message);
    }
    assert_int_equal(report->fault, BS_AUDIT_SOUND);
    assert_true(report->end_is_known || report->records == 0);
    assert_int_equal(report->unfinished_bytes, 0);
    bs_audit_report_free(report);
}

/* --- The play --- */

/* A repository that costs little to open. */
static void make_repository(const place *self)
{
    const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};
    char path[2 * PATH_SIZE];
    const bsi_setting settings[] = {{"path", path}};
    bsi_repo_place where = {.folder = ""};
    bsi_repo *repo = NULL;

    (void)snprintf(path, sizeof(path), "%s/storage", self->state);
    assert_ok(bsi_storage_open("local", settings, 1, NULL, &where.storage));
    assert_ok(bsi_repo_init(&where, NULL, &cheap, NULL, &repo));
    bsi_repo_close(repo);
    bsi_storage_unref(where.storage);
}

static void begin(place *self, const service_scenario *scenario)
{
    self->scenario = scenario;
    if (scenario->request == RETAIN) {
        assert_ok(bs_config_new(&self->config));
        assert_ok(bs_config_set(self->config, "RETENTION_GRACE_HOURS", "0"));
    }
    assert_int_equal(mkdir(self->source, 0755), 0);
    put(self->source, "large", 1536 * 1024, 1);
    put(self->source, "small", 300, 2);
    put(self->source, "gone soon", 300, 3);
    if (scenario->earlier == 0) {
        return;
    }
    assert_ok(open_service(self));
    if (is_repository(self)) {
        make_repository(self);
    }
    for (unsigned i = 0; i < scenario->earlier; i++) {
        assert_ok(back_up(
            self, i == 0 && scenario->type != BS_BACKUP_MIRROR ? BS_BACKUP_FULL : scenario->type,
            self->ids[i]));
        assert_ok(restore(self, self->ids[i], self->trees[i]));
        assert_trees_equal(self->source, self->trees[i], COMPARE_NO_TOP);
        put(self->source, i == 0 ? "new" : "newer", 5000, 10 + i);
    }
    if (scenario->request == UNPIN) {
        assert_ok(pin(self));
    }
    close_service(self);
    copy_tree(self->state, self->pristine);
}

static void reset(place *self)
{
    tree_remove(self->state);
    tree_remove(self->out);
    tree_remove(self->scratch);
    assert_int_equal(mkdir(self->scratch, 0755), 0);
    copy_tree(self->pristine, self->state);
}

static void play(place *self, const service_scenario *scenario)
{
    const char *full = getenv("BSI_TESTS_FULL");
    const uint64_t stride = full && strcmp(full, "1") == 0 ? 1 : scenario->stride;
    uint64_t survived = 0;

    bsi_clock_leap(scenario->compression == BS_COMPRESSION_ZSTD); /* Locks need not settle. */
    begin(self, scenario);
    self->at = 1;
    for (reset(self); die_at(self, self->at); reset(self)) {
        const bool deep = survived % DEEP_EVERY == 0;
        if (survived % TWICE_EVERY == 0) {
            die_again(self, survived);
        }
        assert_ok(open_service(self));
        (void)check_all(self, deep);
        if (scenario->request == DRILL) {
            check_drills(self, false);
        }
        check_repeats(self, deep);
        check_audit(self);
        close_service(self);
        survived++;
        self->at += stride;
    }
    print_message("# %s: killed at %d of about %d calls\n", scenario->name, (int)survived,
                  (int)self->at - 1);
    clear(self);
    bsi_clock_leap(false);
    bs_config_free(self->config);
    self->config = NULL;
    self->scenario = NULL;
    assert_true(survived > 0);
}

static const char *chosen = "";

static void every_kill_leaves_the_service_in_order(void **state)
{
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strstr(scenarios[i].name, chosen)) {
            play(*state, &scenarios[i]);
        }
    }
}

/* With an argument: only scenarios whose name has it in it. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kill_leaves_the_service_in_order, setup, teardown),
    };

    chosen = argc > 1 ? argv[1] : "";
    return cmocka_run_group_tests_name("fault/service_kill", tests, NULL, NULL);
}
