/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFORMANCE_CIPHER_SUITE_H
#define TESTS_CONFORMANCE_CIPHER_SUITE_H

#include "crypto/cipher_int.h"

/* A kind of key, and what the suite can not ask of every one. */
typedef struct cipher_subject {
    const bsi_cipher_driver *driver;
    /* Texts of keys; freed with bsi_secret_free(). */
    bsi_secret *(*new_text)(void);   /* One that closes and opens; another one each time. */
    bsi_secret *(*other_text)(void); /* The one that new_text() gave last, in the form that closes
                                        only; NULL where there is none. */
    bool tells_fingerprint;
    bool binds;           /* A slot's owner and head are part of what it opens with. */
    bool takes_chance;    /* From os/, where it can fail. */
    size_t costly;        /* So many first bytes of the body cost a derivation when they change. */
    size_t step;          /* Of the changed bits every so many-th is tried; all in full runs. */
    size_t body_size;     /* Of the key that new_text() makes. */
    size_t body_size_min; /* Bodies of other sizes that check() lets pass. */
    size_t body_size_max;
} cipher_subject;

/* Runs everything a kind of key must do; the number of failed tests. */
int cipher_suite_run(const cipher_subject *subject);

#endif
