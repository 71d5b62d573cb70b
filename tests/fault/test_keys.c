/* SPDX-License-Identifier: MIT */
/*
 * Changes of keys are disturbed at each of their calls to the system: the process
 * dies there, or the call fails, or memory is missing. Afterwards a backup opens
 * with the key that it had, or with the one that it was to get; the keyring opens
 * with one of both master keys; and the same call, made again, finishes the work.
 */
#include "support/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <backupsvc.h>

#include "base/alloc.h"
#include "os/fault.h"
#include "support/tempdir.h"
#include "support/tree.h"

enum { PATH_SIZE = 400, EIO_CODE = 5, FEWEST_POINTS = 8, MOST_POINTS = 4000, CALL_STRIDE = 8 };

typedef enum deed { SLOT_ADD, SLOT_REMOVE, SLOT_CHANGE, RING_ADD, RING_ROTATE } deed;

typedef struct key_scenario {
    const char *name;
    deed deed;
    unsigned stride; /* For memory, in short runs. */
} key_scenario;

static const key_scenario scenarios[] = {
    {"a key is added", SLOT_ADD, 17},
    {"a key is removed", SLOT_REMOVE, 17},
    {"a key is changed", SLOT_CHANGE, 23},
    {"the keyring gets an entry", RING_ADD, 11},
    {"the keyring is rotated", RING_ROTATE, 11},
};

typedef struct place {
    test_dir *dir;
    bs_service *service;
    char state[PATH_SIZE];
    char pristine[PATH_SIZE];
    char source[PATH_SIZE];
    char old_key[PATH_SIZE]; /* References; the files are behind "file:". */
    char new_key[PATH_SIZE];
    const key_scenario *scenario;
    uint64_t at;
} place;

/* --- The place --- */

static void make_key(const place *self, const char *name, char out[PATH_SIZE])
{
    bs_key_options options = BS_KEY_OPTIONS_INIT;

    (void)snprintf(out, PATH_SIZE, "file:%s/%s", self->dir->path, name);
    options.kind = BS_KEY_RAW;
    options.path = out + strlen("file:");
    assert_ok(bs_key_generate(&options, NULL));
}

/* With `master` as ENCRYPTION_KEY_FILE. */
static bs_status open_service(place *self, const char *master)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_config *config = NULL;
    bs_status status = bs_config_new(&config);

    if (status >= 0) {
        status = bs_config_set(config, "ENCRYPTION_KEY_FILE", master + strlen("file:"));
    }
    options.state_path = self->state;
    options.config = config;
    if (status >= 0) {
        status = bs_service_open(&options, &self->service);
    }
    bs_config_free(config);
    return status;
}

static void close_service(place *self)
{
    bs_service_close(self->service);
    self->service = NULL;
}

static void copy_all(const char *from, const char *to)
{
    char *command = NULL;

    assert_true(asprintf(&command, "rm -rf '%s' && cp -a '%s' '%s'", to, from, to) > 0);
    assert_int_equal(system(command), 0);
    free(command);
}

/* A backup under the old key (for a removal under both), a keyring under the old key. */
static void prepare(place *self)
{
    const char *const paths[] = {self->source, NULL};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    bs_slot_options slot = BS_SLOT_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    tree_remove(self->state);
    assert_ok(open_service(self, self->old_key));
    options.name = "home";
    options.source_paths = paths;
    options.compression = BS_COMPRESSION_TAR_ZST;
    options.encryption = BS_ENCRYPTION_AES256;
    assert_ok(bs_backup_start(self->service, &options, id));
    assert_ok(bs_backup_wait(self->service, id, BS_FOREVER));
    assert_ok(bs_keyring_add(self->service, "first", "a pass phrase", NULL));
    if (self->scenario->deed == SLOT_REMOVE) {
        slot.name = "home";
        slot.key = self->new_key;
        assert_ok(bs_backup_slot_add(self->service, &slot, NULL));
    }
    close_service(self);
    copy_all(self->state, self->pristine);
}

static int setup(void **state)
{
    place *self = calloc(1, sizeof(*self));
    char file[2 * PATH_SIZE];
    void *dir = NULL;

    test_dir_in_memory();
    assert_non_null(self);
    assert_int_equal(test_dir_setup(&dir), 0);
    self->dir = dir;
    (void)snprintf(self->state, PATH_SIZE, "%s/state", self->dir->path);
    (void)snprintf(self->pristine, PATH_SIZE, "%s/pristine", self->dir->path);
    (void)snprintf(self->source, PATH_SIZE, "%s/source", self->dir->path);
    assert_int_equal(mkdir(self->source, 0700), 0);
    (void)snprintf(file, sizeof(file), "%s/file", self->source);
    tree_write(file, 1000, 1);
    make_key(self, "old", self->old_key);
    make_key(self, "new", self->new_key);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    place *self = *state;
    void *dir = self->dir;

    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    if (self->scenario) {
        print_error("it was in: %s, at %llu\n", self->scenario->name, (unsigned long long)self->at);
    }
    close_service(self);
    (void)test_dir_teardown(&dir);
    free(self);
    return 0;
}

/* --- What is done; asserts nothing --- */

static bs_status act(const place *self)
{
    bs_slot_options options = BS_SLOT_OPTIONS_INIT;

    options.name = "home";
    switch (self->scenario->deed) {
    case SLOT_ADD:
        options.key = self->new_key;
        return bs_backup_slot_add(self->service, &options, NULL);
    case SLOT_REMOVE:
        options.old_key = self->new_key; /* The settings' key stays. */
        return bs_backup_slot_remove(self->service, &options, NULL);
    case SLOT_CHANGE:
        options.old_key = self->old_key;
        options.key = self->new_key;
        return bs_backup_slot_change(self->service, &options, NULL);
    case RING_ADD:
        return bs_keyring_add(self->service, "second", "another phrase", NULL);
    case RING_ROTATE:
        return bs_keyring_rotate(self->service, self->new_key);
    }
    return BS_E_INTERNAL;
}

/* Already so: what a second call answers when the first one had done it all. */
static bool is_done_already(const place *self, bs_status status)
{
    return (self->scenario->deed == SLOT_REMOVE && status == BS_E_NOT_FOUND) ||
           (self->scenario->deed == RING_ADD && status == BS_E_EXISTS);
}

/* --- What must be true --- */

static int count_bytes(void *user, const void *data, size_t size)
{
    (void)data;
    *(size_t *)user += size;
    return 0;
}

/* Whether a service that knows only this key can read the file. */
static bool opens_backup(place *self, const char *key)
{
    char path[2 * PATH_SIZE];
    size_t size = 0;
    bs_status status = BS_OK;

    (void)snprintf(path, sizeof(path), "%s/file", self->source);
    assert_ok(open_service(self, key));
    status = bs_backup_read(self->service, "latest:home", path, count_bytes, &size);
    close_service(self);
    assert_true(status == BS_OK || status == BS_E_KEY);
    assert_true(status == BS_E_KEY || size == 1000);
    return status == BS_OK;
}

/* How many entries the keyring has under this master key; -1: it does not open. */
static int ring_entries(place *self, const char *master)
{
    bs_keyring_info *info = NULL;
    int count = -1;

    assert_ok(open_service(self, master));
    if (bs_keyring_list(self->service, &info) == BS_OK) {
        count = (int)info->entries_count;
    } else {
        assert_int_equal(bs_error_last()->code, BS_E_KEY);
    }
    bs_keyring_info_free(info);
    close_service(self);
    return count;
}

/* Whatever happened, nothing is lost; `done`: it is as it should be. */
static void check(place *self, bool done)
{
    const bool old_opens = opens_backup(self, self->old_key);
    const bool new_opens = opens_backup(self, self->new_key);
    const int old_entries = ring_entries(self, self->old_key);
    const int new_entries = ring_entries(self, self->new_key);

    assert_true(old_opens || new_opens);
    assert_true((old_entries >= 1) != (new_entries >= 1));
    if (!done) {
        return;
    }
    switch (self->scenario->deed) {
    case SLOT_ADD:
        assert_true(old_opens && new_opens);
        break;
    case SLOT_REMOVE:
        assert_true(old_opens && !new_opens);
        break;
    case SLOT_CHANGE:
        assert_true(!old_opens && new_opens);
        break;
    case RING_ADD:
        assert_int_equal(old_entries, 2);
        break;
    case RING_ROTATE:
        assert_int_equal(new_entries, 1);
        break;
    }
}

/* The same call again, by who has whichever key it takes now. */
static void finish(place *self)
{
    const bool rotated = ring_entries(self, self->old_key) < 0;
    bs_status status = BS_OK;

    assert_ok(open_service(self, rotated ? self->new_key : self->old_key));
    assert_ok(bs_key_unlock(self->service, self->new_key, NULL));
    status = act(self);
    if (!is_done_already(self, status)) {
        assert_ok(status);
    }
    close_service(self);
    check(self, true);
}

/* --- Disturbances --- */

/* How far it is to the next point; short runs leave some out. */
static uint64_t stride(unsigned in_short_runs)
{
    return getenv("BSI_TESTS_FULL") ? 1 : in_short_runs;
}

/* In a child: 0 done, 1 failed. True when it was killed. */
static bool dies_acting(place *self, uint64_t at)
{
    const bsi_fault_plan plan = {.at = at};
    const pid_t child = fork();
    int how = 0;

    assert_true(child >= 0);
    if (child == 0) {
        if (open_service(self, self->old_key) < 0) {
            _exit(2);
        }
        bsi_fault_set(&plan);
        _exit(act(self) == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
    return WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
}

static void a_death_at_any_call_loses_nothing(void **state)
{
    place *self = *state;

    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        bool killed = true;
        unsigned deaths = 0;
        self->scenario = &scenarios[i];
        prepare(self);
        for (self->at = 1; killed; self->at += stride(CALL_STRIDE)) {
            copy_all(self->pristine, self->state);
            killed = dies_acting(self, self->at);
            deaths += killed;
            check(self, !killed);
            finish(self);
        }
        assert_in_range(self->at, FEWEST_POINTS, MOST_POINTS);
        print_message("# %s: %u deaths\n", self->scenario->name, deaths);
    }
    self->scenario = NULL;
}

static void an_error_at_any_call_loses_nothing(void **state)
{
    place *self = *state;

    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        bool hit = true; /* Some errors do no harm: the call succeeds all the same. */
        self->scenario = &scenarios[i];
        prepare(self);
        for (self->at = 1; hit; self->at += stride(CALL_STRIDE)) {
            bs_status status = BS_OK;
            const bsi_fault_plan plan = {.at = self->at, .os_code = EIO_CODE};
            copy_all(self->pristine, self->state);
            assert_ok(open_service(self, self->old_key));
            bsi_fault_set(&plan);
            status = act(self);
            hit = bsi_fault_count() >= self->at;
            bsi_fault_set(NULL);
            close_service(self);
            check(self, status == BS_OK);
            finish(self);
        }
        assert_in_range(self->at, FEWEST_POINTS, MOST_POINTS);
    }
    self->scenario = NULL;
}

static void missing_memory_at_any_point_loses_nothing(void **state)
{
    place *self = *state;

    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        bool missing = true;
        self->scenario = &scenarios[i];
        prepare(self);
        for (self->at = 0; missing; self->at += stride(self->scenario->stride)) {
            bs_status status = BS_OK;
            copy_all(self->pristine, self->state);
            assert_ok(open_service(self, self->old_key));
            bsi_alloc_fail_after((long)self->at);
            status = act(self);
            missing = bsi_alloc_has_failed();
            bsi_alloc_fail_after(-1);
            close_service(self);
            assert_true(status == BS_OK || status == BS_E_NOMEM);
            check(self, status == BS_OK);
        }
        assert_in_range(self->at, FEWEST_POINTS, MOST_POINTS);
    }
    self->scenario = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_death_at_any_call_loses_nothing),
        TEST(an_error_at_any_call_loses_nothing),
        TEST(missing_memory_at_any_point_loses_nothing),
    };

    return cmocka_run_group_tests_name("fault/keys", tests, NULL, NULL);
}
