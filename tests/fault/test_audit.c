/* SPDX-License-Identifier: MIT */
/*
 * An append to the audit log is killed at each of its calls to the system, those
 * of the catalogue among them, each of them fails once, and each allocation: no
 * record that was acknowledged is lost or wrong, the log is sound, and the next
 * append succeeds.
 */
#include "support/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <backupsvc.h>

#include "base/alloc.h"
#include "engine/audit.h"
#include "engine/service.h"
#include "os/fault.h"
#include "support/tempdir.h"
#include "support/tree.h"

enum { PATH_SIZE = 300, ACTS = 3 };

static const bsi_deed deed = {.action = "test.deed", .object = "object", .detail = "detail"};

typedef struct place {
    test_dir *dir;
    char state[PATH_SIZE];
    uint64_t stride;
} place;

static int setup(void **state)
{
    place *self = calloc(1, sizeof(*self));
    void *dir = NULL;

    test_dir_in_memory();
    assert_non_null(self);
    assert_int_equal(test_dir_setup(&dir), 0);
    self->dir = dir;
    self->stride = getenv("BSI_TESTS_FULL") ? 1 : 3;
    (void)snprintf(self->state, PATH_SIZE, "%s/state", self->dir->path);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    place *self = *state;
    void *dir = self->dir;

    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    bsi_alloc_fail_forever(false);
    (void)test_dir_teardown(&dir);
    free(self);
    return 0;
}

static bs_status open_service(const place *self, bs_service **out)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;

    options.state_path = self->state;
    return bs_service_open(&options, out);
}

/* So many acts, each told in the file "said" once it is acknowledged. */
static void append_and_tell(const place *self, bs_service *service, int said)
{
    for (int i = 0; i < ACTS; i++) {
        if (bsi_audit_begin(service, &deed) == BS_OK) {
            const char byte = 'x';
            if (write(said, &byte, 1) != 1) {
                _exit(3);
            }
        }
    }
    (void)self;
}

/* How many records of our deed are there, in a log that must be sound. */
static uint64_t count_records(bs_service *service)
{
    bs_audit_filter filter = BS_AUDIT_FILTER_INIT;
    bs_audit_report *report = NULL;
    bs_audit_page *page = NULL;
    uint64_t count = 0;

    assert_ok(bs_audit_verify(service, NULL, &report));
    if (report->fault != BS_AUDIT_SOUND) {
        print_error("%s\n", report->message);
    }
    assert_int_equal(report->fault, BS_AUDIT_SOUND);
    bs_audit_report_free(report);
    filter.action = "test.deed";
    filter.limit = 1000;
    assert_ok(bs_audit_list(service, &filter, &page));
    count = page->count;
    bs_audit_page_free(page);
    return count;
}

/* What was acknowledged is there, at most one record more, and it goes on. */
static void check_after(const place *self, uint64_t acknowledged, uint64_t most)
{
    bs_service *service = NULL;
    uint64_t count = 0;

    assert_ok(open_service(self, &service));
    count = count_records(service);
    assert_in_range(count, acknowledged, most);
    assert_ok(bsi_audit_begin(service, &deed));
    assert_int_equal(count_records(service), count + 1);
    bs_service_close(service);
}

/* The calls begin to count once the service is open; `old`: the log has records already. */
static bool die_at(const place *self, uint64_t at, uint64_t *acknowledged_out)
{
    const bsi_fault_plan plan = {.at = at};
    char said[ACTS + 1];
    int pipe_ends[2];
    int ended = 0;
    ssize_t got = 0;
    pid_t child = 0;

    assert_int_equal(pipe(pipe_ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bs_service *service = NULL;
        if (open_service(self, &service) != BS_OK) {
            _exit(2);
        }
        bsi_fault_set(&plan);
        append_and_tell(self, service, pipe_ends[1]);
        bsi_fault_set(NULL);
        bs_service_close(service);
        _exit(0);
    }
    (void)close(pipe_ends[1]);
    assert_int_equal(waitpid(child, &ended, 0), child);
    got = read(pipe_ends[0], said, sizeof(said));
    (void)close(pipe_ends[0]);
    assert_true(got >= 0);
    *acknowledged_out = (uint64_t)got;
    if (WIFSIGNALED(ended)) {
        assert_int_equal(WTERMSIG(ended), SIGKILL);
        return true;
    }
    assert_int_equal(WEXITSTATUS(ended), 0);
    return false;
}

/* An empty state directory, or one whose log has a record of our deed. */
static void reset(const place *self, bool has_log)
{
    bs_service *service = NULL;

    tree_remove(self->state);
    assert_ok(open_service(self, &service));
    if (has_log) {
        assert_ok(bsi_audit_begin(service, &deed));
    }
    bs_service_close(service);
}

static void kill_everywhere(const place *self, bool has_log)
{
    const uint64_t before = has_log ? 1 : 0;
    uint64_t acknowledged = 0;
    uint64_t at = 1;

    for (reset(self, has_log); die_at(self, at, &acknowledged); reset(self, has_log)) {
        check_after(self, before + acknowledged, before + acknowledged + 1);
        at += self->stride;
    }
    assert_int_equal(acknowledged, ACTS);
    check_after(self, before + ACTS, before + ACTS);
    print_message("# killed at every %dth of about %d calls\n", (int)self->stride, (int)at - 1);
    assert_true(at > 1);
}

static void a_death_at_any_call_loses_no_record(void **state)
{
    kill_everywhere(*state, false);
    kill_everywhere(*state, true);
}

/* The first call that fails is the `at`th; the same service goes on. */
static bool fail_at(const place *self, uint64_t at, int os_code, bool short_io)
{
    const bsi_fault_plan plan = {.at = at, .os_code = os_code, .short_io = short_io};
    bs_service *service = NULL;
    uint64_t acknowledged = 0;
    uint64_t calls = 0;

    assert_ok(open_service(self, &service));
    bsi_fault_set(&plan);
    for (int i = 0; i < ACTS; i++) {
        acknowledged += bsi_audit_begin(service, &deed) == BS_OK;
    }
    calls = bsi_fault_count();
    bsi_fault_set(NULL);
    /* One that was refused may stand there all the same: the catalogue did not hear of it. */
    assert_in_range(count_records(service), acknowledged, ACTS + 1);
    assert_in_range(acknowledged, ACTS - 1, ACTS);
    assert_ok(bsi_audit_begin(service, &deed));
    (void)count_records(service);
    bs_service_close(service);
    check_after(self, acknowledged + 1, ACTS + 2);
    return calls >= at;
}

static void a_call_that_fails_costs_no_record_but_its_own(void **state)
{
    const place *self = *state;
    const int codes[] = {EIO, ENOSPC};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        uint64_t at = 1;
        for (reset(self, false); fail_at(self, at, codes[i], i == 1); reset(self, false)) {
            at += self->stride;
        }
        assert_true(at > 1);
    }
}

/* The `at`th allocation fails, alone or with all that follow; the same service goes on. */
static bool starve_at(const place *self, long at, bool has_log, bool forever)
{
    const uint64_t before = has_log ? 1 : 0;
    bs_service *service = NULL;
    uint64_t acknowledged = 0;
    bool missing = false;

    assert_ok(open_service(self, &service));
    bsi_alloc_fail_forever(forever);
    bsi_alloc_fail_after(at);
    for (int i = 0; i < ACTS; i++) {
        const bs_status status = bsi_audit_begin(service, &deed);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
        acknowledged += status == BS_OK;
    }
    missing = bsi_alloc_has_failed();
    bsi_alloc_fail_after(-1);
    bsi_alloc_fail_forever(false);
    assert_in_range(acknowledged, forever ? 0 : ACTS - 1, ACTS);
    assert_true(missing || acknowledged == ACTS);
    assert_in_range(count_records(service), before + acknowledged, before + ACTS);
    assert_ok(bsi_audit_begin(service, &deed));
    (void)count_records(service);
    bs_service_close(service);
    check_after(self, before + acknowledged + 1, before + ACTS + 1);
    return missing;
}

static void starve_everywhere(const place *self, bool has_log, bool forever)
{
    long at = 0;

    for (reset(self, has_log); starve_at(self, at, has_log, forever); reset(self, has_log)) {
        at += (long)self->stride;
    }
    print_message("# every %dth of about %ld allocations%s\n", (int)self->stride, at,
                  forever ? ", and all behind them" : "");
    assert_true(at > 0);
}

static void missing_memory_costs_no_record_but_its_own(void **state)
{
    starve_everywhere(*state, false, false);
    starve_everywhere(*state, true, false);
}

static void memory_that_stays_missing_costs_no_record_that_was_acknowledged(void **state)
{
    starve_everywhere(*state, false, true);
    starve_everywhere(*state, true, true);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_death_at_any_call_loses_no_record),
        TEST(a_call_that_fails_costs_no_record_but_its_own),
        TEST(missing_memory_costs_no_record_but_its_own),
        TEST(memory_that_stays_missing_costs_no_record_that_was_acknowledged),
    };

    return cmocka_run_group_tests_name("fault/audit", tests, NULL, NULL);
}
