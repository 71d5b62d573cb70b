/* SPDX-License-Identifier: MIT */
/*
 * Making a repository for RSA keys is disturbed at each of its calls to the system: the
 * process dies there, or the call fails. The same call, made again, finishes the work; then
 * this service opens it with what it keeps, and another one with the private key.
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

enum { PATH_SIZE = 400, EIO_CODE = 5, FEWEST_POINTS = 8, MOST_POINTS = 4000, CALL_STRIDE = 7 };

typedef struct place {
    test_dir *dir;
    bs_service *service;
    char state[PATH_SIZE];
    char pristine[PATH_SIZE];
    char elsewhere[PATH_SIZE];
    char recipient[PATH_SIZE]; /* References. */
    char private_key[PATH_SIZE];
    uint64_t at;
} place;

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

static void copy_all(const char *from, const char *to)
{
    char *command = NULL;

    assert_true(asprintf(&command, "rm -rf '%s' && cp -a '%s' '%s'", to, from, to) > 0);
    assert_int_equal(system(command), 0);
    free(command);
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
    write_key(self, "public", TEST_RSA_PUBLIC, self->recipient);
    write_key(self, "private", TEST_RSA_PRIVATE, self->private_key);
    assert_ok(open_service(self, self->state));
    close_service(self);
    copy_all(self->state, self->pristine);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    place *self = *state;
    void *dir = self->dir;

    bsi_fault_set(NULL);
    print_message("# it ended at %llu\n", (unsigned long long)self->at);
    close_service(self);
    (void)test_dir_teardown(&dir);
    free(self);
    return 0;
}

/* Asserts nothing. */
static bs_status act(const place *self)
{
    const char *const recipients[] = {self->recipient, NULL};
    bs_repository_options options = BS_REPOSITORY_OPTIONS_INIT;

    options.encryption = BS_ENCRYPTION_RSA;
    options.recipients = recipients;
    return bs_repository_init(self->service, &options, NULL);
}

/* The pass phrase and the recipient, neither damaged. */
static void assert_opens(const place *self)
{
    bs_repository_keys *keys = NULL;

    assert_ok(bs_repository_key_list(self->service, NULL, &keys));
    assert_true(keys->count >= 2);
    assert_int_equal(keys->items[keys->count - 1].kind, BS_KEY_RSA);
    for (size_t i = 0; i < keys->count; i++) {
        assert_string_equal(keys->items[i].damage, "");
    }
    bs_repository_keys_free(keys);
}

static void assert_opens_elsewhere(place *self)
{
    char from[2 * PATH_SIZE];
    char to[2 * PATH_SIZE];

    tree_remove(self->elsewhere);
    assert_ok(open_service(self, self->elsewhere));
    close_service(self);
    (void)snprintf(from, sizeof(from), "%s/storage", self->state);
    (void)snprintf(to, sizeof(to), "%s/storage", self->elsewhere);
    copy_all(from, to);
    assert_ok(open_service(self, self->elsewhere));
    assert_ok(bs_key_unlock(self->service, self->private_key, NULL));
    assert_opens(self);
    close_service(self);
}

/* The same call again, by the same service. */
static void finish(place *self, bool done)
{
    bs_status status = BS_OK;

    assert_ok(open_service(self, self->state));
    status = act(self);
    if (done || status != BS_OK) { /* The last step may have been taken before the death. */
        assert_status(status, BS_E_EXISTS);
    }
    assert_opens(self);
    close_service(self);
    assert_opens_elsewhere(self);
}

static uint64_t stride(void)
{
    return getenv("BSI_TESTS_FULL") ? 1 : CALL_STRIDE;
}

/* In a child. True when it was killed. */
static bool dies_acting(place *self)
{
    const bsi_fault_plan plan = {.at = self->at};
    const pid_t child = fork();
    int how = 0;

    assert_true(child >= 0);
    if (child == 0) {
        if (open_service(self, self->state) < 0) {
            _exit(2);
        }
        bsi_fault_set(&plan);
        _exit(act(self) == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
    return WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
}

static void a_death_at_any_call_locks_nobody_out(void **state)
{
    place *self = *state;
    bool killed = true;

    for (self->at = 1; killed; self->at += stride()) {
        copy_all(self->pristine, self->state);
        killed = dies_acting(self);
        finish(self, !killed);
    }
    assert_in_range(self->at, FEWEST_POINTS, MOST_POINTS);
}

static void an_error_at_any_call_locks_nobody_out(void **state)
{
    place *self = *state;
    bool hit = true; /* Some errors do no harm: the call succeeds all the same. */

    for (self->at = 1; hit; self->at += stride()) {
        const bsi_fault_plan plan = {.at = self->at, .os_code = EIO_CODE};
        bs_status status = BS_OK;
        copy_all(self->pristine, self->state);
        assert_ok(open_service(self, self->state));
        bsi_fault_set(&plan);
        status = act(self);
        hit = bsi_fault_count() >= self->at;
        bsi_fault_set(NULL);
        close_service(self);
        finish(self, status == BS_OK);
    }
    assert_in_range(self->at, FEWEST_POINTS, MOST_POINTS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_death_at_any_call_locks_nobody_out),
        TEST(an_error_at_any_call_locks_nobody_out),
    };

    return cmocka_run_group_tests_name("fault/recipients", tests, NULL, NULL);
}
