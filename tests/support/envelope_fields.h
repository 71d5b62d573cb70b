/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_ENVELOPE_FIELDS_H
#define TESTS_SUPPORT_ENVELOPE_FIELDS_H

#include "crypto/envelope.h"

/* Where the fields of an envelope's header lie, by docs/format/envelope.md. */
enum {
    AT_VERSION = 8,
    AT_SUITE = 9,
    AT_KIND = 10,
    AT_SEGMENT = 11,
    AT_ID = 16,
    AT_SALT = 32,
    AT_COMMIT = 64,
    AT_MAC = 96,
    HEADER = BSI_ENVELOPE_HEADER_SIZE,
};

#endif
