/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/fault.h"
#include "os/file.h"
#include "support/tempdir.h"

static int at(void **state)
{
    return ((const test_dir *)*state)->fd;
}

static int teardown(void **state)
{
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    return test_dir_teardown(state);
}

static void make_file(int dir, const char *name, const char *content)
{
    int fd = -1;

    assert_ok(bsi_open(dir, name, BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0644, &fd));
    assert_ok(bsi_write(fd, content, strlen(content)));
    assert_ok(bsi_close(fd));
}

static void assert_content(int dir, const char *name, const char *content)
{
    char text[64];
    size_t got = 0;
    int fd = -1;

    assert_ok(bsi_open(dir, name, BSI_OPEN_READ, 0, &fd));
    assert_ok(bsi_read(fd, text, sizeof(text), &got));
    assert_int_equal(got, strlen(content));
    assert_memory_equal(text, content, got);
    assert_ok(bsi_close(fd));
}

static void what_is_written_is_read_back(void **state)
{
    make_file(at(state), "f", "hello");
    assert_content(at(state), "f", "hello");
}

static void short_transfers_and_signals_stay_inside(void **state)
{
    const bsi_fault_plan plan = {.at = 2, .os_code = EINTR, .short_io = true};
    uint8_t data[1000];
    uint8_t back[1000];
    size_t got = 0;
    int fd = -1;

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    assert_ok(
        bsi_open(at(state), "f", BSI_OPEN_READ | BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0600, &fd));
    bsi_fault_set(&plan);
    assert_ok(bsi_write(fd, data, sizeof(data)));
    assert_true(bsi_fault_count() > 8);
    bsi_fault_set(&plan);
    assert_ok(bsi_pread(fd, back, sizeof(back), 0, &got));
    assert_int_equal(got, sizeof(back));
    assert_memory_equal(back, data, sizeof(back));
    bsi_fault_set(&plan);
    assert_ok(bsi_pwrite(fd, data, sizeof(data), 500));
    assert_ok(bsi_seek(fd, 500));
    bsi_fault_set(&plan);
    assert_ok(bsi_read(fd, back, sizeof(back), &got));
    assert_int_equal(got, sizeof(back));
    assert_memory_equal(back, data, sizeof(back));
    bsi_fault_set(NULL);
    assert_ok(bsi_pread(fd, back, sizeof(back), 1400, &got));
    assert_int_equal(got, 100);
    assert_ok(bsi_close(fd));
}

static void eagain_of_a_regular_file_is_tried_again(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_READ, .at = 1, .os_code = EAGAIN};
    char text[4];
    size_t got = 0;
    int fd = -1;

    make_file(at(state), "f", "abcd");
    assert_ok(bsi_open(at(state), "f", BSI_OPEN_READ | BSI_OPEN_NONBLOCK, 0, &fd));
    bsi_fault_set(&plan);
    assert_ok(bsi_read(fd, text, sizeof(text), &got));
    assert_int_equal(got, 4);
    assert_ok(bsi_close(fd));
}

static void offsets_beyond_all_files_are_refused(void **state)
{
    uint8_t byte = 0;
    size_t got = 0;
    int fd = -1;

    assert_ok(bsi_temp_file(at(state), &fd));
    assert_status(bsi_pread(fd, &byte, 1, UINT64_MAX, &got), BS_E_INVALID);
    assert_status(bsi_pwrite(fd, &byte, 1, INT64_MAX), BS_E_NO_SPACE);
    assert_status(bsi_truncate(fd, UINT64_MAX), BS_E_NO_SPACE);
    assert_status(bsi_seek(fd, UINT64_MAX), BS_E_INVALID);
    assert_ok(bsi_close(fd));
}

static void holes_are_found(void **state)
{
    uint8_t block[4096];
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t next = 0;
    uint64_t data = 0;
    bs_status status = BS_OK;
    int fd = -1;

    memset(block, 1, sizeof(block));
    assert_ok(bsi_temp_file(at(state), &fd));
    assert_ok(bsi_pwrite(fd, block, sizeof(block), 1 << 20));
    assert_ok(bsi_truncate(fd, 4 << 20));
    while (status == BS_OK) {
        status = bsi_next_data(fd, next, 4 << 20, &begin, &end);
        if (status == BS_OK) {
            assert_true(begin >= next && end > begin && end <= 4 << 20);
            data += end - begin;
            next = end;
        }
    }
    assert_status(status, BS_END);
    assert_true(data >= sizeof(block));
    assert_ok(bsi_close(fd));
}

static void without_seek_data_all_is_data(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_READ, .at = 1, .os_code = EINVAL};
    uint64_t begin = 0;
    uint64_t end = 0;
    int fd = -1;

    assert_ok(bsi_temp_file(at(state), &fd));
    assert_ok(bsi_truncate(fd, 100));
    bsi_fault_set(&plan);
    assert_ok(bsi_next_data(fd, 10, 100, &begin, &end));
    assert_int_equal(begin, 10);
    assert_int_equal(end, 100);
    assert_status(bsi_next_data(fd, 100, 100, &begin, &end), BS_END);
    assert_ok(bsi_close(fd));
}

static void close_gives_the_descriptor_up_in_any_case(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_CLOSE, .at = 1, .os_code = EIO};
    int fd = -1;

    assert_ok(bsi_temp_file(at(state), &fd));
    bsi_fault_set(&plan);
    assert_status(bsi_close(fd), BS_E_IO);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_ok(bsi_close(-1));
}

static void a_lock_excludes_other_descriptors_until_it_is_closed(void **state)
{
    int first = -1;
    int second = -1;

    make_file(at(state), "lock", "");
    assert_ok(bsi_open(at(state), "lock", BSI_OPEN_READ | BSI_OPEN_WRITE, 0, &first));
    assert_ok(bsi_open(at(state), "lock", BSI_OPEN_READ | BSI_OPEN_WRITE, 0, &second));
    assert_ok(bsi_lock_exclusive(first));
    assert_status(bsi_lock_exclusive(second), BS_E_BUSY);
    assert_ok(bsi_close(first));
    assert_ok(bsi_lock_exclusive(second));
    assert_ok(bsi_close(second));
}

static void a_pipe_carries_bytes_and_never_blocks(void **state)
{
    int fds[2] = {-1, -1};
    char byte = 0;
    size_t got = 0;

    (void)state;
    assert_ok(bsi_pipe(fds));
    assert_status(bsi_read_some(fds[0], &byte, 1, &got), BS_E_BUSY);
    assert_ok(bsi_write(fds[1], "x", 1));
    assert_ok(bsi_read_some(fds[0], &byte, 1, &got));
    assert_int_equal(got, 1);
    assert_int_equal(byte, 'x');
    bsi_close_quietly(fds[1]);
    assert_ok(bsi_read_some(fds[0], &byte, 1, &got));
    assert_int_equal(got, 0);
    bsi_close_quietly(fds[0]);
}

static void paths_become_absolute(void **state)
{
    char *path = NULL;

    (void)state;
    assert_ok(bsi_absolute_path("/x/y", &path));
    assert_string_equal(path, "/x/y");
    bsi_free(path);
    assert_ok(bsi_absolute_path("x", &path));
    assert_int_equal(path[0], '/');
    assert_string_equal(path + strlen(path) - 2, "/x");
    bsi_free(path);
    assert_status(bsi_absolute_path("", &path), BS_E_INVALID);
    bsi_alloc_fail_after(0);
    assert_status(bsi_absolute_path("x", &path), BS_E_NOMEM);
}

static void space_syncs_and_advice_work(void **state)
{
    uint64_t bytes = 0;
    uint64_t files = 0;
    int fd = -1;

    assert_ok(bsi_free_space(at(state), &bytes, &files));
    assert_true(bytes > 0 && files > 0);
    assert_ok(bsi_sync(at(state)));
    assert_ok(bsi_temp_file(at(state), &fd));
    bsi_advise_sequential(fd);
    bsi_advise_done(fd);
    assert_ok(bsi_close(fd));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_back),
        TEST(short_transfers_and_signals_stay_inside),
        TEST(eagain_of_a_regular_file_is_tried_again),
        TEST(offsets_beyond_all_files_are_refused),
        TEST(holes_are_found),
        TEST(without_seek_data_all_is_data),
        TEST(close_gives_the_descriptor_up_in_any_case),
        TEST(a_lock_excludes_other_descriptors_until_it_is_closed),
        TEST(a_pipe_carries_bytes_and_never_blocks),
        TEST(paths_become_absolute),
        TEST(space_syncs_and_advice_work),
    };

    return cmocka_run_group_tests_name("os/file", tests, NULL, NULL);
}
