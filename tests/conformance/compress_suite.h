/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFORMANCE_COMPRESS_SUITE_H
#define TESTS_CONFORMANCE_COMPRESS_SUITE_H

#include "compress/codec.h"

/* A codec, and what the suite can not ask of every one. */
typedef struct compress_subject {
    const bsi_codec *codec;
    bool finds_damage; /* A flipped bit never goes unnoticed. */
    bool ends;         /* The stream tells its end: BS_END behind the last block. */
    /* Shell command that decodes its input to its output with an ordinary program. */
    const char *command;
} compress_subject;

/* Runs everything a codec must do; the number of failed tests. */
int compress_suite_run(const compress_subject *subject);

#endif
