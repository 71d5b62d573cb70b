/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_HEX_H
#define TESTS_SUPPORT_HEX_H

#include <stddef.h>
#include <stdint.h>

/* The bytes that hex digits stand for, as published vectors have them; how many. Fails the test
 * when there are more than `room`, or something else is among them. */
size_t hex_bytes(const char *hex, uint8_t *out, size_t room);

/* The bytes are those that the hex digits stand for. */
void assert_hex(const void *bytes, size_t size, const char *hex);

#endif
