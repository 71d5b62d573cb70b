/* SPDX-License-Identifier: MIT */
/*
 * Making a repository for RSA keys, and each change of its recipients, is disturbed at its calls
 * to the system: the process dies there, or the call fails. Whenever that is, this service opens
 * the repository with what it keeps, and backs up into it without a warning; another one opens it
 * with the private key of whoever stays; and restic finds nothing amiss. The same call, made
 * again, finishes the work: then nothing is left of it, and what was to open nothing any more
 * does not.
 *
 * A process dies at calls that change something, for the others leave all as it is; any call
 * fails. BSI_TESTS_FULL: at each of them; otherwise at some.
 */
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <backupsvc.h>

#include "os/fault.h"
#include "support/crypto_keys.h"
#include "support/tempdir.h"
#include "support/tree.h"

enum {
    PATH_SIZE = 400,
    EIO_CODE = 5,
    FEWEST_POINTS = 8,
    MOST_POINTS = 4000,
    RESTIC_EVERY = 8, /* In short runs, of the deaths. */
};

typedef struct place place;

typedef struct scenario {
    const char *name;
    bs_status (*act)(const place *self); /* Asserts nothing. */
    const char *const *made_for;         /* Public keys; NULL: there is no repository before. */
    bs_status again;                     /* What it may answer when all had been done already. */
    bool renews;                         /* What was kept before opens nothing afterwards. */
    bool guest_opens;                    /* Afterwards; he who stays always does. */
    unsigned death_stride;               /* In short runs every so-manieth call is tried. */
    unsigned error_stride;
} scenario;

struct place {
    test_dir *dir;
    bs_service *service;
    char state[PATH_SIZE];
    char pristine[PATH_SIZE];
    char elsewhere[PATH_SIZE];
    char source[PATH_SIZE];
    char guest_id[BS_FINGERPRINT_SIZE];
    const scenario *scenario;
    uint64_t at;
};

static const uint64_t changes = UINT64_C(1) << BSI_OS_WRITE | UINT64_C(1) << BSI_OS_SYNC |
                                UINT64_C(1) << BSI_OS_MKDIR | UINT64_C(1) << BSI_OS_UNLINK |
                                UINT64_C(1) << BSI_OS_RENAME | UINT64_C(1) << BSI_OS_LINK |
                                UINT64_C(1) << BSI_OS_META;

/* --- Keys: of one who stays, and of a guest --- */

static char stays_public[PATH_SIZE];
static char stays_private[PATH_SIZE];
static char guest_public[PATH_SIZE];
static char guest_private[PATH_SIZE];

static const char *const one[] = {stays_public, NULL};
static const char *const both[] = {stays_public, guest_public, NULL};

static void write_key(const place *self, const char *name, const char *pem, char out[PATH_SIZE])
{
    FILE *file = NULL;

    (void)snprintf(out, PATH_SIZE, "file:%s/%s", self->dir->path, name);
    file = fopen(out + strlen("file:"), "w");
    assert_non_null(file);
    assert_int_equal(chmod(out + strlen("file:"), 0600), 0);
    assert_true(fputs(pem, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void make_guest(place *self)
{
    bs_key_options options = BS_KEY_OPTIONS_INIT;

    (void)snprintf(guest_private, PATH_SIZE, "file:%s/guest", self->dir->path);
    (void)snprintf(guest_public, PATH_SIZE, "file:%s/guest.pub", self->dir->path);
    options.kind = BS_KEY_RSA;
    options.bits = 3072;
    options.path = guest_private + strlen("file:");
    assert_ok(bs_key_generate(&options, self->guest_id));
}

/* --- What is disturbed --- */

static bs_status make_for(const place *self, const char *const *recipients)
{
    bs_repository_options options = BS_REPOSITORY_OPTIONS_INIT;

    options.encryption = BS_ENCRYPTION_RSA;
    options.recipients = recipients;
    return bs_repository_init(self->service, &options, NULL);
}

static bs_status act_init(const place *self)
{
    return make_for(self, one);
}

static bs_status act_add(const place *self)
{
    return bs_repository_recipient_add(self->service, NULL, guest_public, NULL);
}

static bs_status act_remove(const place *self)
{
    return bs_repository_key_remove(self->service, NULL, self->guest_id);
}

static bs_status act_renew(const place *self)
{
    return bs_repository_key_renew(self->service, NULL);
}

static const scenario scenarios[] = {
    {"a repository is made", act_init, NULL, BS_E_EXISTS, false, false, 5, 29},
    {"a recipient is added", act_add, one, BS_OK, false, true, 5, 61},
    {"a recipient is removed", act_remove, both, BS_E_NOT_FOUND, true, false, 7, 97},
    {"the pass phrase is renewed", act_renew, both, BS_OK, true, true, 11, 149},
};

/* --- The place --- */

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

static void run(char *command)
{
    assert_non_null(command);
    if (system(command) != 0) {
        fail_msg("it failed: %s", command);
    }
    free(command);
}

static void copy_all(const char *from, const char *to)
{
    char *command = NULL;

    assert_true(asprintf(&command, "rm -rf '%s' && cp -a '%s' '%s'", to, from, to) > 0);
    run(command);
}

static int setup(void **state)
{
    place *self = calloc(1, sizeof(*self));
    void *dir = NULL;

    test_dir_in_memory();
    assert_non_null(self);
    assert_int_equal(test_dir_setup(&dir), 0);
    self->dir = dir;
    (void)snprintf(self->state, PATH_SIZE, "%s/state", self->dir->path);
    (void)snprintf(self->pristine, PATH_SIZE, "%s/pristine", self->dir->path);
    (void)snprintf(self->elsewhere, PATH_SIZE, "%s/elsewhere", self->dir->path);
    (void)snprintf(self->source, PATH_SIZE, "%s/source", self->dir->path);
    tree_write(self->source, 1000, 1);
    write_key(self, "public", TEST_RSA_PUBLIC, stays_public);
    write_key(self, "private", TEST_RSA_PRIVATE, stays_private);
    make_guest(self);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    place *self = *state;
    void *dir = self->dir;

    bsi_fault_set(NULL);
    if (self->scenario) {
        print_error("it was in: %s, at %llu\n", self->scenario->name, (unsigned long long)self->at);
    }
    close_service(self);
    (void)test_dir_teardown(&dir);
    free(self);
    return 0;
}

/* --- Looking at what came of it --- */

/* By this service. The snapshot is empty: what is tried is who opens the repository. */
static void back_up(const place *self)
{
    const char *const sources[] = {self->source, NULL};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    options.name = "job";
    options.source_paths = sources;
    options.form = BS_FORM_REPOSITORY;
    options.encryption = BS_ENCRYPTION_RSA;
    assert_ok(bs_backup_start(self->service, &options, id));
    assert_ok(bs_backup_wait(self->service, id, UINT32_MAX));
    assert_ok(bs_backup_get(self->service, id, &info));
    assert_int_equal(info->status, BS_STATE_COMPLETED);
    bs_backup_info_free(info);
}

/* A pass phrase and a recipient, none damaged. Gives how many pass phrases there are. */
static size_t count_phrases(const place *self)
{
    bs_repository_keys *keys = NULL;
    size_t phrases = 0;

    assert_ok(bs_repository_key_list(self->service, NULL, &keys));
    assert_int_equal(keys->items[keys->count - 1].kind, BS_KEY_RSA);
    for (size_t i = 0; i < keys->count; i++) {
        assert_string_equal(keys->items[i].damage, "");
        phrases += keys->items[i].kind == BS_KEY_PASSPHRASE;
    }
    bs_repository_keys_free(keys);
    return phrases;
}

static void copy_into(const place *self, const char *from_state, const char *what)
{
    char from[2 * PATH_SIZE];
    char to[2 * PATH_SIZE];

    (void)snprintf(from, sizeof(from), "%s/%s", from_state, what);
    (void)snprintf(to, sizeof(to), "%s/%s", self->elsewhere, what);
    copy_all(from, to);
}

/* Another service, which has the storage, and `phrases` of a state or none. */
static void move_elsewhere(place *self, const char *phrases)
{
    tree_remove(self->elsewhere);
    assert_ok(open_service(self, self->elsewhere));
    close_service(self);
    copy_into(self, self->state, "storage");
    if (phrases) {
        copy_into(self, phrases, "phrases");
    }
    assert_ok(open_service(self, self->elsewhere));
}

static void assert_opens_elsewhere(place *self, const char *private_key, bool does)
{
    bs_repository_keys *keys = NULL;

    move_elsewhere(self, NULL);
    assert_ok(bs_key_unlock(self->service, private_key, NULL));
    if (does) {
        assert_in_range(count_phrases(self), 1, 2);
    } else {
        assert_status(bs_repository_key_list(self->service, NULL, &keys), BS_E_KEY);
    }
    close_service(self);
}

static void assert_old_one_opens_nothing(place *self)
{
    bs_repository_keys *keys = NULL;

    move_elsewhere(self, self->pristine);
    assert_status(bs_repository_key_list(self->service, NULL, &keys), BS_E_KEY);
    close_service(self);
}

static void assert_restic_finds_nothing(const place *self)
{
    char *command = NULL;

    assert_true(asprintf(&command,
                         "restic --no-cache --no-lock -r '%s/storage' --password-file "
                         "'%s/phrases/on-local' check >'%s/restic.log' 2>&1 || "
                         "{ cat '%s/restic.log'; exit 1; }",
                         self->state, self->state, self->dir->path, self->dir->path) > 0);
    run(command);
}

/*
 * Of what is kept, nothing but the pass phrase, and where one was made of which nobody knows
 * whether it came into use, that; no lock.
 */
static void assert_no_rubbish(const place *self)
{
    char *command = NULL;

    assert_true(asprintf(&command,
                         "test \"$(ls '%s/phrases' | grep -v ^old-)\" = on-local && "
                         "test -z \"$(find '%s/storage' -path '*/locks/[0-9a-f]*')\"",
                         self->state, self->state) > 0);
    run(command);
}

/* As whoever comes first finds it, before the same is done again. */
static void assert_survives(place *self, bool by_restic)
{
    assert_ok(open_service(self, self->state));
    (void)count_phrases(self);
    close_service(self);
    assert_opens_elsewhere(self, stays_private, true);
    if (by_restic) {
        assert_restic_finds_nothing(self);
    }
    assert_ok(open_service(self, self->state));
    back_up(self);
    close_service(self);
}

/* The same call again, by the same service. */
static void finish(place *self, bool done, bool by_restic)
{
    const scenario *played = self->scenario;
    bs_status status = BS_OK;

    assert_ok(open_service(self, self->state));
    status = played->act(self);
    if (done || status != BS_OK) { /* The last step may have been taken before the death. */
        assert_status(status, played->again);
    }
    assert_in_range(count_phrases(self), 1, played->made_for ? 1 : 2); /* Of one that was begun. */
    back_up(self);
    close_service(self);
    assert_opens_elsewhere(self, stays_private, true);
    assert_opens_elsewhere(self, guest_private, played->guest_opens);
    if (played->renews) {
        assert_old_one_opens_nothing(self);
    }
    if (by_restic) {
        assert_restic_finds_nothing(self);
    }
    assert_no_rubbish(self);
}

/* --- Disturbing it --- */

static bool is_full(void)
{
    return getenv("BSI_TESTS_FULL") != NULL;
}

static void begin(place *self, const scenario *played)
{
    self->scenario = played;
    tree_remove(self->state);
    assert_ok(open_service(self, self->state));
    if (played->made_for) {
        assert_ok(make_for(self, played->made_for));
        back_up(self);
    }
    close_service(self);
    copy_all(self->state, self->pristine);
}

/* In a child. True when it was killed. */
static bool dies_acting(place *self)
{
    const bsi_fault_plan plan = {.op_mask = changes, .at = self->at};
    const pid_t child = fork();
    int how = 0;

    assert_true(child >= 0);
    if (child == 0) {
        if (open_service(self, self->state) < 0) {
            _exit(2);
        }
        bsi_fault_set(&plan);
        _exit(self->scenario->act(self) == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
    return WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
}

static void play_deaths(place *self)
{
    const scenario *played = self->scenario;
    unsigned deaths = 0;
    bool killed = true;

    for (self->at = 1; killed; self->at += is_full() ? 1 : played->death_stride) {
        const bool by_restic = is_full() || deaths % RESTIC_EVERY == 0;
        copy_all(self->pristine, self->state);
        killed = dies_acting(self);
        deaths += killed;
        if (played->made_for) {
            assert_survives(self, by_restic);
        }
        finish(self, !killed, by_restic);
    }
    print_message("# %s: %u deaths\n", played->name, deaths);
    assert_in_range(self->at, FEWEST_POINTS, MOST_POINTS);
}

/* Where it was that which failed, a lock is left of one who is still there: this process. */
static void remove_locks(const place *self)
{
    char *command = NULL;

    assert_true(asprintf(&command, "rm -f '%s/storage/locks/'*", self->state) > 0);
    run(command);
}

static void play_errors(place *self)
{
    const scenario *played = self->scenario;
    unsigned failures = 0;
    bool hit = true; /* Some errors do no harm: the call succeeds all the same. */

    for (self->at = 1; hit; self->at += is_full() ? 1 : played->error_stride) {
        const bsi_fault_plan plan = {.at = self->at, .os_code = EIO_CODE};
        bs_status status = BS_OK;
        copy_all(self->pristine, self->state);
        assert_ok(open_service(self, self->state));
        bsi_fault_set(&plan);
        status = played->act(self);
        hit = bsi_fault_count() >= self->at;
        bsi_fault_set(NULL);
        close_service(self);
        remove_locks(self);
        failures += status < 0;
        if (played->made_for) {
            assert_survives(self, false);
        }
        finish(self, status == BS_OK, false);
    }
    print_message("# %s: %u failures\n", played->name, failures);
    assert_in_range(self->at, FEWEST_POINTS, MOST_POINTS);
}

static const char *chosen = "";

static void play_all(place *self, void (*play)(place *self))
{
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strstr(scenarios[i].name, chosen)) {
            begin(self, &scenarios[i]);
            play(self);
        }
    }
    self->scenario = NULL;
}

static void a_death_at_any_call_locks_nobody_out(void **state)
{
    play_all(*state, play_deaths);
}

static void an_error_at_any_call_locks_nobody_out(void **state)
{
    play_all(*state, play_errors);
}

/* With an argument: only scenarios whose name has it in it. */
int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_death_at_any_call_locks_nobody_out),
        TEST(an_error_at_any_call_locks_nobody_out),
    };

    chosen = argc > 1 ? argv[1] : "";
    bsi_clock_leap(true); /* Nobody waits for locks to settle. */
    return cmocka_run_group_tests_name("fault/recipients", tests, NULL, NULL);
}
