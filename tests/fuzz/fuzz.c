/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

bsi_slice fuzz_take(fuzz_input *in, size_t size)
{
    const bsi_slice taken = {(const char *)in->at, size < in->left ? size : in->left};

    in->at += taken.size;
    in->left -= taken.size;
    return taken;
}

uint64_t fuzz_number(fuzz_input *in, size_t bytes)
{
    const bsi_slice taken = fuzz_take(in, bytes);
    uint64_t value = 0;

    for (size_t i = 0; i < taken.size; i++) {
        value |= (uint64_t)(uint8_t)taken.data[i] << (8 * i);
    }
    return value;
}

uint8_t fuzz_byte(fuzz_input *in)
{
    return (uint8_t)fuzz_number(in, 1);
}

bsi_slice fuzz_line(fuzz_input *in)
{
    const uint8_t *feed = in->left > 0 ? memchr(in->at, '\n', in->left) : NULL;
    const bsi_slice line = fuzz_take(in, feed ? (size_t)(feed - in->at) : in->left);

    (void)fuzz_take(in, 1);
    return line;
}

void fuzz_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: does not hold: %s\nlast error: %s\n", file, line, condition,
                  bs_error_last()->message);
    abort();
}
