/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_PROXY_H
#define TESTS_SUPPORT_PROXY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Stands between a client and a server on 127.0.0.1 and hands bytes on, but for
 * what it is told to do to them. Runs in a thread of its own.
 */
typedef struct test_proxy test_proxy;

/* NULL: no port or thread could be had. */
test_proxy *test_proxy_start(uint16_t server_port);
void test_proxy_stop(test_proxy *proxy);

uint16_t test_proxy_port(const test_proxy *proxy);

typedef enum test_proxy_way { TEST_PROXY_UP, TEST_PROXY_DOWN } test_proxy_way;

/*
 * Hand on so many bytes more to the server, or from it, then reset the connection that has
 * brought the next one. Once. Counts begin anew.
 */
void test_proxy_cut(test_proxy *proxy, test_proxy_way way, uint64_t after);

/* Whether that was done. */
bool test_proxy_has_cut(test_proxy *proxy);

/* Bytes handed on since the last test_proxy_cut(), over all connections. */
uint64_t test_proxy_count(test_proxy *proxy, test_proxy_way way);

/* For test_proxy_cut(): never. */
#define TEST_PROXY_NEVER UINT64_MAX

/*
 * Hand on so many bytes more to the server; then it is as if another one stood in its place:
 * connections are reset, and the next `clients` that come are turned away, or, with an answer,
 * told that whatever they ask. After them it is the server again. Counts begin anew.
 */
void test_proxy_replace(test_proxy *proxy, uint64_t after, unsigned clients, const char *answer);

/* How many more would get that. */
unsigned test_proxy_replaced(test_proxy *proxy);

/* At most so many bytes at a time, each piece in a segment of its own; 0: as they come. */
void test_proxy_slice(test_proxy *proxy, unsigned bytes);

#endif
