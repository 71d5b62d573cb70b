/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_HOSTILE_CASES_H
#define TESTS_INTEGRATION_HOSTILE_CASES_H

/* What must come of a forged backup; nothing outside the target changes in any case. */
typedef enum hostile_outcome {
    REFUSED = 1, /* The manifest is not believed: nothing is listed to its end or restored. */
    NEWER,       /* The same, as BS_E_VERSION. */
    DAMAGED,     /* It can be listed; verification finds it, a restore leaves the file out. */
    UNSOUND,     /* Verification finds something, which costs no file. */
    HARMLESS,    /* It may be restored. */
} hostile_outcome;

typedef struct hostile_case {
    const char *name;
    hostile_outcome outcome;
    const char *lines;
    const char *find; /* As in a forge. */
    const char *replace;
    const char *last;
} hostile_case;

extern const hostile_case hostile_cases[];
extern const unsigned hostile_case_count;

#endif
