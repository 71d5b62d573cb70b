/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_WORDS_H
#define BSI_ENGINE_WORDS_H

#include <backupsvc/audit.h>
#include <backupsvc/backup.h>
#include <backupsvc/events.h>
#include <backupsvc/repository.h>
#include <backupsvc/retention.h>
#include <backupsvc/schedule.h>
#include <backupsvc/snapshot.h>
#include <backupsvc/storage.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * The words that JSON, the catalogue and settings use for the values of public
 * enumerations. Tables end with a NULL word.
 */
typedef struct bsi_word {
    const char *word;
    int value;
} bsi_word;

extern const bsi_word bsi_words_backup_type[];
extern const bsi_word bsi_words_form[];
extern const bsi_word bsi_words_compression[];
extern const bsi_word bsi_words_encryption[];
extern const bsi_word bsi_words_zip_encryption[];
extern const bsi_word bsi_words_job_state[];
extern const bsi_word bsi_words_entry_type[];
extern const bsi_word bsi_words_job_kind[];
extern const bsi_word bsi_words_check_subject[];
extern const bsi_word bsi_words_difference[];
extern const bsi_word bsi_words_repair_part[];
extern const bsi_word bsi_words_event_type[];
extern const bsi_word bsi_words_retry[];
extern const bsi_word bsi_words_retention_action[];
extern const bsi_word bsi_words_kept_by[]; /* Of each bit. */
extern const bsi_word bsi_words_schedule_action[];
extern const bsi_word bsi_words_missed[];
extern const bsi_word bsi_words_run_outcome[];
extern const bsi_word bsi_words_audit_result[];
extern const bsi_word bsi_words_audit_fault[];
extern const bsi_word bsi_words_storage_result[];

/* "unknown" for values that the table does not hold. */
const char *bsi_word_name(const bsi_word *words, int value);

/* False when there is no such word. */
bool bsi_word_parse(const bsi_word *words, bsi_slice word, int *value_out);

/* The words for a message: "full, incremental, mirror". Returns `out`. */
const char *bsi_word_list(const bsi_word *words, char *out, size_t size);

/*
 * How many bytes must be put in, taken out or changed to make `b` of `a`; case
 * counts. SIZE_MAX when one of them has more than BSI_WORD_DISTANCE_MAX bytes.
 */
enum { BSI_WORD_DISTANCE_MAX = 64 };
size_t bsi_word_distance(const char *a, size_t a_size, const char *b, size_t b_size);

#endif
