/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * What the fuzz targets share. Each fuzz_NAME.c defines the one function that
 * libFuzzer calls with an input, over and over; replay.c calls it with the
 * inputs that were kept in corpus/NAME.
 */

/* libFuzzer's entry; 0: go on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. Taking more than there is gives zeros, or less. */
typedef struct fuzz_input {
    const uint8_t *at;
    size_t left;
} fuzz_input;

uint8_t fuzz_byte(fuzz_input *in);
/* Little-endian, of 1 to 8 bytes. */
uint64_t fuzz_number(fuzz_input *in, size_t bytes);
/* At most `size` bytes. */
bsi_slice fuzz_take(fuzz_input *in, size_t size);
/* Up to the next line feed, which is passed over. */
bsi_slice fuzz_line(fuzz_input *in);

/* A property that must hold whatever the input; ends the process when it does not. */
#define fuzz_check(condition) ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_failed(const char *condition, const char *file, int line);

/* What no input may make fail; shows the error's text. */
#define fuzz_ok(call) fuzz_check((call) == 0)

#endif
