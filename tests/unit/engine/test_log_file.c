/* SPDX-License-Identifier: MIT */
/*
 * Log files: what a line is, when a new file is begun, which old ones go, and
 * what a full disk costs.
 */
#include "support/test.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include <backupsvc.h>

#include "engine/log_file.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/thread.h"
#include "os/time.h"
#include "support/tempdir.h"

enum { PATH_SIZE = 300, TEXT_SIZE = 300000, THREADS = 4, EACH = 300, DAY = 24 * 60 * 60 };

static char text[TEXT_SIZE];

typedef struct told {
    unsigned count;
    char message[BS_ERROR_MESSAGE_SIZE];
} told;

static int teardown(void **state)
{
    bsi_fault_set(NULL);
    bsi_clock_shift(0);
    return test_dir_teardown(state);
}

static void note_trouble(bs_log_level level, const char *module, const char *message, void *user)
{
    told *self = user;

    (void)level;
    (void)module;
    self->count++;
    (void)snprintf(self->message, sizeof(self->message), "%s", message);
}

/* The log "logs/backup.log" with one more setting, or none. */
static bs_log_file *open_log(const test_dir *dir, const char *name, const char *value,
                             told *trouble)
{
    bs_config *config = NULL;
    bs_log_file *file = NULL;
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/logs/backup.log", dir->path);
    assert_ok(bs_config_new(&config));
    assert_ok(bs_config_set(config, "LOG_FILE", path));
    if (name) {
        assert_ok(bs_config_set(config, name, value));
    }
    assert_ok(bs_log_file_open(config, trouble ? note_trouble : NULL, trouble, &file));
    bs_config_free(config);
    return file;
}

/* Into `text`, which ends in NUL. */
static size_t read_log(const test_dir *dir, const char *name)
{
    char path[PATH_SIZE];
    size_t got = 0;
    int fd = -1;

    (void)snprintf(path, sizeof(path), "logs/%s", name);
    assert_ok(bsi_open(dir->fd, path, BSI_OPEN_READ, 0, &fd));
    assert_ok(bsi_read(fd, text, sizeof(text) - 1, &got));
    text[got] = '\0';
    bsi_close_quietly(fd);
    return got;
}

/* How many files of the directory have a name like that; the last of them. */
static unsigned count_files(const test_dir *dir, const char *pattern, char last[PATH_SIZE])
{
    bsi_dir_entry entry;
    bsi_dir *names = NULL;
    unsigned count = 0;
    int fd = -1;

    assert_ok(bsi_open(dir->fd, "logs", BSI_OPEN_READ | BSI_OPEN_DIR, 0, &fd));
    assert_ok(bsi_dir_open(fd, &names));
    while (bsi_dir_next(names, &entry) == BS_OK) {
        if (fnmatch(pattern, entry.name, 0) == 0) {
            (void)snprintf(last, PATH_SIZE, "%s", entry.name);
            count++;
        }
    }
    bsi_dir_close(names);
    bsi_close_quietly(fd);
    return count;
}

/* Lines of the form that is promised, each with "line" in it. */
static size_t count_whole_lines(void)
{
    size_t count = 0;

    for (char *at = text; *at; count++) {
        char *feed = strchr(at, '\n');
        assert_non_null(feed);
        *feed = '\0';
        assert_int_equal(fnmatch("20[0-9][0-9]-*T*.[0-9][0-9][0-9]Z * test: line*.", at, 0), 0);
        at = feed + 1;
    }
    return count;
}

static void a_line_has_time_level_process_and_module(void **state)
{
    const test_dir *dir = *state;
    bs_log_file *file = open_log(dir, NULL, NULL, NULL);
    bsi_stat stat;

    bs_log_file_write(BS_LOG_WARNING, "engine", "two\nlines \x1b[31m", file);
    bs_log_file_close(file);
    (void)read_log(dir, "backup.log");
    assert_int_equal(fnmatch("20[0-9][0-9]-*T*.[0-9][0-9][0-9]Z WARNING \\[[0-9]*\\] engine: "
                             "two\\\\x0alines \\\\x1b\\[31m\n",
                             text, 0),
                     0);
    assert_ok(bsi_stat_at(dir->fd, "logs/backup.log", &stat));
    assert_int_equal(stat.mode, 0600);
    assert_ok(bsi_stat_at(dir->fd, "logs", &stat));
    assert_int_equal(stat.mode, 0700);
}

static void log_level_says_which_lines_are_kept(void **state)
{
    static const struct {
        const char *level;
        size_t lines;
    } cases[] = {{"DEBUG", 4}, {"INFO", 3}, {"WARNING", 2}, {"ERROR", 1}, {"CRITICAL", 1}};
    const test_dir *dir = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bs_log_file *file = open_log(dir, "LOG_LEVEL", cases[i].level, NULL);
        for (int level = BS_LOG_ERROR; level <= BS_LOG_DEBUG; level++) {
            bs_log_file_write((bs_log_level)level, "test", "line.", file);
        }
        bs_log_file_close(file);
        (void)read_log(dir, "backup.log");
        assert_int_equal(count_whole_lines(), cases[i].lines);
        assert_ok(bsi_unlink(dir->fd, "logs/backup.log"));
    }
}

static void fill(bs_log_file *file, unsigned lines)
{
    char line[600];

    memset(line, '-', sizeof(line));
    memcpy(line, "line", 4);
    memcpy(line + sizeof(line) - 2, ".", 2);
    for (unsigned i = 0; i < lines; i++) {
        bs_log_file_write(BS_LOG_ERROR, "test", line, file);
    }
}

static void a_full_file_is_renamed_and_a_new_one_begun(void **state)
{
    const test_dir *dir = *state;
    bs_log_file *file = open_log(dir, "MAX_LOG_SIZE", "64KiB", NULL);
    char name[PATH_SIZE];
    size_t lines = 0;

    fill(file, 150); /* About 95 000 bytes. */
    bs_log_file_close(file);
    assert_int_equal(count_files(dir, "backup.log.????????T??????Z", name), 1);
    assert_in_range(read_log(dir, name), 60000, 65536);
    lines = count_whole_lines();
    (void)read_log(dir, "backup.log");
    assert_int_equal(lines + count_whole_lines(), 150);
}

static void files_of_one_second_get_names_of_their_own(void **state)
{
    const test_dir *dir = *state;
    bs_log_file *file = open_log(dir, "MAX_LOG_SIZE", "64KiB", NULL);
    char name[PATH_SIZE];

    fill(file, 500);
    bs_log_file_close(file);
    assert_int_equal(count_files(dir, "backup.log.*", name), 4);
}

static void files_older_than_log_retention_days_go(void **state)
{
    static const char *const others[] = {"logs/backup.log.old", "logs/backup.log.20200101T0000Z",
                                         "logs/other.log.20200101T000000Z"};
    const test_dir *dir = *state;
    bs_log_file *file = open_log(dir, NULL, NULL, NULL);
    char name[PATH_SIZE];
    bsi_stat stat;
    int fd = -1;

    bs_log_file_close(file);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(bsi_open(dir->fd, others[i], BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0600, &fd));
        assert_ok(bsi_close(fd));
    }
    file = open_log(dir, "MAX_LOG_SIZE", "64KiB", NULL);
    fill(file, 150);
    bs_log_file_close(file);
    bsi_clock_shift(7 * DAY - 60);
    bs_log_file_close(open_log(dir, "LOG_RETENTION_DAYS", "7", NULL));
    assert_int_equal(count_files(dir, "backup.log.????????T??????Z", name), 1);
    bsi_clock_shift(7 * DAY + 60);
    bs_log_file_close(open_log(dir, "LOG_RETENTION_DAYS", "0", NULL));
    assert_int_equal(count_files(dir, "backup.log.????????T??????Z", name), 1);
    bs_log_file_close(open_log(dir, "LOG_RETENTION_DAYS", "7", NULL));
    assert_int_equal(count_files(dir, "backup.log.????????T??????Z", name), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(bsi_stat_at(dir->fd, others[i], &stat));
    }
}

static void a_file_that_somebody_renames_is_begun_anew(void **state)
{
    const test_dir *dir = *state;
    bs_log_file *file = open_log(dir, NULL, NULL, NULL);

    fill(file, 1);
    assert_ok(bsi_rename(dir->fd, "logs/backup.log", dir->fd, "logs/away", true));
    fill(file, 2);
    bs_log_file_close(file);
    (void)read_log(dir, "backup.log");
    assert_int_equal(count_whole_lines(), 2);
}

static void a_full_disk_is_told_once_and_no_line_is_torn(void **state)
{
    const test_dir *dir = *state;
    const bsi_fault_plan full = {.op_mask = 1u << BSI_OS_WRITE,
                                 .at = 2,
                                 .os_code = ENOSPC,
                                 .forever = true,
                                 .short_io = true};
    told trouble = {0};
    bs_log_file *file = open_log(dir, NULL, NULL, &trouble);

    fill(file, 1);
    assert_status(bsi_fail(BS_LAYER_CALLER, BS_E_BUSY, "mine"), BS_E_BUSY);
    bsi_fault_set(&full); /* Half of a line is written, then nothing any more. */
    fill(file, 3);
    bsi_fault_set(NULL);
    assert_int_equal(trouble.count, 1);
    assert_non_null(strstr(trouble.message, "backup.log"));
    assert_string_equal(bs_error_last()->message, "mine");
    fill(file, 1);
    bsi_fault_set(&full);
    fill(file, 2);
    bsi_fault_set(NULL);
    assert_int_equal(trouble.count, 2); /* It had worked meanwhile. */
    bs_log_file_close(file);
    (void)read_log(dir, "backup.log");
    assert_int_equal(count_whole_lines(), 2);
}

static void log_some(void *user)
{
    fill(user, EACH);
}

static void threads_and_processes_tear_no_line(void **state)
{
    const test_dir *dir = *state;
    bs_log_file *files[2] = {open_log(dir, "MAX_LOG_SIZE", "64KiB", NULL),
                             open_log(dir, "MAX_LOG_SIZE", "64KiB", NULL)};
    bsi_thread threads[THREADS];
    char name[PATH_SIZE];
    char pattern[PATH_SIZE + 8];
    size_t lines = 0;

    for (int i = 0; i < THREADS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "test", log_some, files[i % 2]));
    }
    for (int i = 0; i < THREADS; i++) {
        bsi_thread_join(threads[i]);
    }
    bs_log_file_close(files[0]);
    bs_log_file_close(files[1]);
    while (count_files(dir, "backup.log*", name) > 0) {
        (void)read_log(dir, name);
        lines += count_whole_lines();
        (void)snprintf(pattern, sizeof(pattern), "logs/%s", name);
        assert_ok(bsi_unlink(dir->fd, pattern));
    }
    assert_int_equal(lines, THREADS * EACH);
}

static void what_is_no_log_file_is_refused(void **state)
{
    const test_dir *dir = *state;
    bs_config *config = NULL;
    bs_log_file *file = NULL;
    char path[PATH_SIZE];

    assert_ok(bs_config_new(&config));
    assert_ok(bs_config_set(config, "LOG_FILE", "-"));
    assert_status(bs_log_file_open(config, NULL, NULL, &file), BS_E_INVALID);
    (void)snprintf(path, sizeof(path), "%s/", dir->path);
    assert_ok(bs_config_set(config, "LOG_FILE", path));
    assert_status(bs_log_file_open(config, NULL, NULL, &file), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "LOG_FILE"));
    assert_ok(bs_config_set(config, "LOG_FILE", dir->path));
    assert_true(bs_log_file_open(config, NULL, NULL, &file) < 0);
    assert_ok(bs_config_set(config, "LOG_FILE", "/dev/null"));
    assert_status(bs_log_file_open(config, NULL, NULL, &file), BS_E_INVALID);
    assert_null(file);
    bs_config_free(config);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_time_level_process_and_module),
        TEST(log_level_says_which_lines_are_kept),
        TEST(a_full_file_is_renamed_and_a_new_one_begun),
        TEST(files_of_one_second_get_names_of_their_own),
        TEST(files_older_than_log_retention_days_go),
        TEST(a_file_that_somebody_renames_is_begun_anew),
        TEST(a_full_disk_is_told_once_and_no_line_is_torn),
        TEST(threads_and_processes_tear_no_line),
        TEST(what_is_no_log_file_is_refused),
    };

    return cmocka_run_group_tests_name("engine/log_file", tests, NULL, NULL);
}
