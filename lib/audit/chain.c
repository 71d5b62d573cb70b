/* SPDX-License-Identifier: MIT */
#include "audit/chain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void find(bsi_audit_finding *out, bs_audit_fault fault, uint64_t seq, const char *format,
                 ...) BSI_PRINTF(4, 5);

static void find(bsi_audit_finding *out, bs_audit_fault fault, uint64_t seq, const char *format,
                 ...)
{
    va_list args;

    *out = (bsi_audit_finding){.fault = fault, .seq = seq};
    va_start(args, format);
    (void)vsnprintf(out->message, sizeof(out->message), format, args);
    va_end(args);
}

/* Whether a failure is what a line is, and not what befell us while we looked. */
static bool is_verdict(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_LIMIT;
}

/* A whole record, but of another number than is due. */
static void find_place(uint64_t due, uint64_t seq, bsi_audit_finding *out)
{
    if (seq > due) {
        find(out, BS_AUDIT_REMOVED, due,
             "record %" PRIu64 " was removed or moved: record %" PRIu64 " stands in its place", due,
             seq);
    } else {
        find(out, BS_AUDIT_MOVED, seq,
             "record %" PRIu64 " stands where record %" PRIu64 " should: it was moved or repeated",
             seq, due);
    }
}

static void check_place(const bsi_audit_chain *chain, const bsi_audit_line *line,
                        bsi_audit_finding *out)
{
    const uint64_t due = chain->head.seq + 1;

    if (line->record.seq != due) {
        find_place(due, line->record.seq, out);
    } else if (!bsi_digest_equal(&line->prev, &chain->head.hash)) {
        find(out, BS_AUDIT_REPLACED, due,
             "record %" PRIu64 " does not follow from the one before it: one of them was replaced",
             due);
    } else if (due == chain->known.seq && !bsi_digest_equal(&line->hash, &chain->known.hash)) {
        find(out, BS_AUDIT_REPLACED, due,
             "record %" PRIu64 " is not the one that the catalogue remembers", due);
    }
}

bs_status bsi_audit_chain_next(bsi_audit_chain *chain, bsi_slice text, bsi_audit_line *line,
                               bsi_audit_finding *out)
{
    const uint64_t due = chain->head.seq + 1;
    bs_status status = bsi_audit_parse(text, line);

    *out = (bsi_audit_finding){0};
    if (is_verdict(status)) {
        find(out, BS_AUDIT_ALTERED, due, "record %" PRIu64 " was altered: %s", due,
             bs_error_last()->message);
        return BS_OK;
    }
    BSI_TRY(status);
    status = bsi_audit_check_signature(line, chain->keys, chain->key_count);
    if (status == BS_E_CORRUPT) {
        find(out, BS_AUDIT_FORGED, line->record.seq,
             "record %" PRIu64 " does not bear this service's signature", line->record.seq);
        return BS_OK;
    }
    BSI_TRY(status);
    check_place(chain, line, out);
    if (out->fault == BS_AUDIT_SOUND) {
        chain->head = (bsi_audit_head){line->record.seq, line->hash};
    }
    return BS_OK;
}

void bsi_audit_chain_end(const bsi_audit_chain *chain, bsi_audit_finding *out)
{
    *out = (bsi_audit_finding){0};
    if (chain->known.seq > chain->head.seq) {
        find(out, BS_AUDIT_CUT_OFF, chain->head.seq + 1,
             "records %" PRIu64 " to %" PRIu64 " are missing: the end of the log was cut off",
             chain->head.seq + 1, chain->known.seq);
    }
}
