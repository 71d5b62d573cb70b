/* SPDX-License-Identifier: MIT */
#ifndef BSI_HASH_MD5_H
#define BSI_HASH_MD5_H

#include <stddef.h>
#include <stdint.h>

/*
 * MD5 (RFC 1321), for services that check by it what they get. It finds accidents,
 * not attackers. Any thread.
 */
enum { BSI_MD5_SIZE = 16 };

/* In one go. */
void bsi_md5_of(const void *data, size_t size, uint8_t out[BSI_MD5_SIZE]);

#endif
