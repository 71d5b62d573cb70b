/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/socket.h"

enum { LONG_MS = 30000, BLOCK = 65536 };

/* A listener on a free port of this machine, and both ends of a connection to it. */
typedef struct pair {
    int listener;
    uint16_t port;
    int ours;
    int theirs;
} pair;

static void start_listening(pair *ends)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    ends->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(ends->listener >= 0);
    assert_int_equal(bind(ends->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(ends->listener, 64), 0);
    assert_int_equal(getsockname(ends->listener, (struct sockaddr *)&address, &size), 0);
    ends->port = ntohs(address.sin_port);
}

static bs_status connect_to(uint16_t port, int *fd_out)
{
    bsi_addresses *addresses = NULL;
    bool ready = false;
    bs_status status = bsi_addresses_find("127.0.0.1", port, &addresses);

    if (status < 0) {
        return status;
    }
    assert_int_equal(bsi_addresses_count(addresses), 1);
    status = bsi_socket_connect(addresses, 0, fd_out);
    bsi_addresses_free(addresses);
    if (status == BS_OK) {
        status = bsi_socket_wait(*fd_out, BSI_SOCKET_WRITABLE, LONG_MS, &ready);
        assert_true(ready || status < 0);
        status = status == BS_OK ? bsi_socket_outcome(*fd_out) : status;
        if (status < 0) {
            bsi_close_quietly(*fd_out);
        }
    }
    return status;
}

static int setup(void **state)
{
    static pair ends;

    start_listening(&ends);
    assert_ok(connect_to(ends.port, &ends.ours));
    ends.theirs = accept4(ends.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(ends.theirs >= 0);
    *state = &ends;
    return 0;
}

static int teardown(void **state)
{
    const pair *ends = *state;

    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    bsi_close_quietly(ends->ours);
    bsi_close_quietly(ends->listener);
    if (ends->theirs >= 0) {
        (void)close(ends->theirs);
    }
    return 0;
}

static void hang_up(pair *ends)
{
    assert_int_equal(close(ends->theirs), 0);
    ends->theirs = -1;
}

static void bytes_go_both_ways(void **state)
{
    const pair *ends = *state;
    char text[8] = "";
    size_t moved = 0;
    bool ready = false;

    assert_ok(bsi_socket_send(ends->ours, "hello", 5, &moved));
    assert_int_equal(moved, 5);
    assert_int_equal(recv(ends->theirs, text, sizeof(text), 0), 5);
    assert_int_equal(send(ends->theirs, "you", 3, 0), 3);
    assert_ok(bsi_socket_wait(ends->ours, BSI_SOCKET_READABLE, LONG_MS, &ready));
    assert_true(ready);
    assert_false(bsi_socket_is_dead(ends->ours));
    assert_ok(bsi_socket_receive(ends->ours, text, sizeof(text), &moved));
    assert_int_equal(moved, 3);
    assert_memory_equal(text, "you", 3);
}

static void nothing_to_receive_is_no_failure_and_does_not_block(void **state)
{
    const pair *ends = *state;
    char byte = 0;
    size_t got = 1;
    bool ready = true;

    assert_ok(bsi_socket_receive(ends->ours, &byte, 1, &got));
    assert_int_equal(got, 0);
    assert_ok(bsi_socket_wait(ends->ours, BSI_SOCKET_READABLE, 1, &ready));
    assert_false(ready);
}

static void a_full_connection_takes_nothing_more_and_does_not_block(void **state)
{
    static const char block[BLOCK];
    const pair *ends = *state;
    size_t sent = 1;

    while (sent > 0) {
        assert_ok(bsi_socket_send(ends->ours, block, sizeof(block), &sent));
    }
}

static void the_end_of_the_other_side_is_seen(void **state)
{
    pair *ends = *state;
    char byte = 0;
    size_t got = 1;
    bool ready = false;

    hang_up(ends);
    assert_ok(bsi_socket_wait(ends->ours, BSI_SOCKET_READABLE, LONG_MS, &ready));
    assert_true(ready);
    assert_true(bsi_socket_is_dead(ends->ours));
    assert_status(bsi_socket_receive(ends->ours, &byte, 1, &got), BS_END);
}

/* A signal would end this program. */
static void sending_to_who_is_gone_fails_without_a_signal(void **state)
{
    static const char block[BLOCK];
    pair *ends = *state;
    bs_status status = BS_OK;

    hang_up(ends);
    for (int i = 0; i < 1000 && status == BS_OK; i++) {
        size_t sent = 0;
        bool ready = false;
        status = bsi_socket_send(ends->ours, block, sizeof(block), &sent);
        assert_ok(bsi_socket_wait(ends->ours, BSI_SOCKET_WRITABLE, LONG_MS, &ready));
    }
    assert_int_equal(status, BS_E_IO);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
}

static void nobody_listening_is_told(void **state)
{
    pair *ends = *state;
    int fd = -1;

    assert_int_equal(close(ends->listener), 0);
    ends->listener = -1;
    assert_status(connect_to(ends->port, &fd), BS_E_IO);
    assert_int_equal(bs_error_last()->os_code, ECONNREFUSED);
}

static void a_host_without_address_is_not_a_missing_object(void **state)
{
    bsi_addresses *addresses = NULL;

    (void)state;
    assert_status(bsi_addresses_find("no such host\n", 22, &addresses), BS_E_IO);
    assert_non_null(strstr(bs_error_last()->message, "'no such host\\x0a'"));
    assert_null(addresses);
}

static void every_call_can_fail(void **state)
{
    const pair *ends = *state;
    uint64_t calls = 0;
    int fd = -1;

    bsi_fault_set(&(bsi_fault_plan){.op_mask = 1u << BSI_OS_NET});
    assert_ok(connect_to(ends->port, &fd));
    bsi_close_quietly(fd);
    calls = bsi_fault_count();
    assert_true(calls >= 4);
    for (uint64_t at = 1; at <= calls; at++) {
        const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_NET, .at = at, .os_code = ECONNRESET};
        bsi_fault_set(&plan);
        assert_status(connect_to(ends->port, &fd), BS_E_IO);
    }
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(0);
    assert_status(connect_to(ends->port, &fd), BS_E_NOMEM);
}

static void short_transfers_are_told(void **state)
{
    const pair *ends = *state;
    size_t moved = 0;

    bsi_fault_set(&(bsi_fault_plan){.op_mask = 1u << BSI_OS_NET, .short_io = true});
    assert_ok(bsi_socket_send(ends->ours, "12345678", 8, &moved));
    assert_int_equal(moved, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_go_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_to_receive_is_no_failure_and_does_not_block, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_connection_takes_nothing_more_and_does_not_block,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_the_other_side_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(sending_to_who_is_gone_fails_without_a_signal, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nobody_listening_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_host_without_address_is_not_a_missing_object, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_call_can_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(short_transfers_are_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
