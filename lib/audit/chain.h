/* SPDX-License-Identifier: MIT */
#ifndef BSI_AUDIT_CHAIN_H
#define BSI_AUDIT_CHAIN_H

#include <backupsvc/audit.h>

#include "audit/record.h"

/*
 * Checks records one after the other: each is whole, signed by one who may, and
 * follows the one before it.
 */
typedef struct bsi_audit_chain {
    const bsi_public_key *keys; /* Who may have signed; borrowed. */
    size_t key_count;
    bsi_audit_head head;  /* The last record that was right. Zeros at first. */
    bsi_audit_head known; /* What is known of the end from elsewhere; seq 0: nothing. */
} bsi_audit_chain;

/* The first thing that is wrong; zeroed: nothing. */
typedef struct bsi_audit_finding {
    bs_audit_fault fault;
    uint64_t seq;      /* Of the first record that was altered, or is not where it should be. */
    char message[256]; /* For a person. */
} bsi_audit_finding;

/*
 * The next line, without its line feed. `out->fault` is set when it is not what
 * should stand there; the chain then stays where it is. A failure is one of this
 * machine, such as BS_E_NOMEM.
 */
BS_NODISCARD bs_status bsi_audit_chain_next(bsi_audit_chain *chain, bsi_slice text,
                                            bsi_audit_line *line, bsi_audit_finding *out);

/* There are no more lines: whether that may be. */
void bsi_audit_chain_end(const bsi_audit_chain *chain, bsi_audit_finding *out);

#endif
