/* SPDX-License-Identifier: MIT */
/*
 * Tables of words, and looking things up in them.
 */
#include "engine/words.h"

#include <stdio.h>

const bsi_word bsi_words_backup_type[] = {
    {"full", BS_BACKUP_FULL},
    {"incremental", BS_BACKUP_INCREMENTAL},
    {"differential", BS_BACKUP_DIFFERENTIAL},
    {"mirror", BS_BACKUP_MIRROR},
    {NULL, 0},
};

const bsi_word bsi_words_form[] = {
    {"archive", BS_FORM_ARCHIVE},
    {"repository", BS_FORM_REPOSITORY},
    {"mirror", BS_FORM_MIRROR},
    {NULL, 0},
};

const bsi_word bsi_words_compression[] = {
    {"none", BS_COMPRESSION_NONE},       {"zip", BS_COMPRESSION_ZIP},
    {"tar.gz", BS_COMPRESSION_TAR_GZ},   {"tar.bz2", BS_COMPRESSION_TAR_BZ2},
    {"tar.zst", BS_COMPRESSION_TAR_ZST}, {"7z", BS_COMPRESSION_7Z},
    {"zstd", BS_COMPRESSION_ZSTD},       {NULL, 0},
};

const bsi_word bsi_words_encryption[] = {
    {"none", BS_ENCRYPTION_NONE},
    {"aes256", BS_ENCRYPTION_AES256},
    {"rsa", BS_ENCRYPTION_RSA},
    {NULL, 0},
};

const bsi_word bsi_words_zip_encryption[] = {
    {"envelope", BS_ZIP_ENCRYPTION_ENVELOPE},
    {"winzip", BS_ZIP_ENCRYPTION_WINZIP},
    {NULL, 0},
};

const bsi_word bsi_words_job_state[] = {
    {"pending", BS_STATE_PENDING},
    {"running", BS_STATE_RUNNING},
    {"completed", BS_STATE_COMPLETED},
    {"completed_with_warnings", BS_STATE_COMPLETED_WITH_WARNINGS},
    {"failed", BS_STATE_FAILED},
    {"cancelled", BS_STATE_CANCELLED},
    {NULL, 0},
};

const bsi_word bsi_words_entry_type[] = {
    {"file", BS_ENTRY_FILE},
    {"dir", BS_ENTRY_DIR},
    {"symlink", BS_ENTRY_SYMLINK},
    {"fifo", BS_ENTRY_FIFO},
    {"socket", BS_ENTRY_SOCKET},
    {"chardev", BS_ENTRY_CHAR_DEVICE},
    {"blockdev", BS_ENTRY_BLOCK_DEVICE},
    {NULL, 0},
};

const bsi_word bsi_words_job_kind[] = {
    {"backup", BS_JOB_BACKUP},       {"restore", BS_JOB_RESTORE},
    {"verify", BS_JOB_VERIFY},       {"drill", BS_JOB_DRILL},
    {"check", BS_JOB_CHECK},         {"prune", BS_JOB_PRUNE},
    {"repair", BS_JOB_REPAIR},       {"copy", BS_JOB_COPY},
    {"replicate", BS_JOB_REPLICATE}, {NULL, 0},
};

const bsi_word bsi_words_check_subject[] = {
    {"index", BS_CHECK_INDEX},
    {"pack", BS_CHECK_PACK},
    {"snapshot", BS_CHECK_SNAPSHOT},
    {"tree", BS_CHECK_TREE},
    {"file", BS_CHECK_FILE},
    {"backup", BS_CHECK_BACKUP},
    {NULL, 0},
};

const bsi_word bsi_words_repair_part[] = {
    {"index", BS_REPAIR_INDEX},
    {"packs", BS_REPAIR_PACKS},
    {"snapshots", BS_REPAIR_SNAPSHOTS},
    {NULL, 0},
};

const bsi_word bsi_words_difference[] = {
    {"added", BS_DIFFERENCE_ADDED},     {"removed", BS_DIFFERENCE_REMOVED},
    {"changed", BS_DIFFERENCE_CHANGED}, {"metadata", BS_DIFFERENCE_METADATA},
    {"type", BS_DIFFERENCE_TYPE},       {NULL, 0},
};

const bsi_word bsi_words_event_type[] = {
    {"state", BS_EVENT_STATE},
    {"progress", BS_EVENT_PROGRESS},
    {"warning", BS_EVENT_WARNING},
    {"storage", BS_EVENT_STORAGE},
    {NULL, 0},
};

const bsi_word bsi_words_retry[] = {
    {"never", BS_RETRY_NEVER},
    {"safe", BS_RETRY_SAFE},
    {"after", BS_RETRY_AFTER},
    {NULL, 0},
};

const bsi_word bsi_words_retention_action[] = {
    {"keep", BS_RETENTION_KEEP},
    {"mark", BS_RETENTION_MARK},
    {"wait", BS_RETENTION_WAIT},
    {"remove", BS_RETENTION_REMOVE},
    {NULL, 0},
};

const bsi_word bsi_words_kept_by[] = {
    {"retention_days", BS_KEPT_BY_DAYS},
    {"keep_last", BS_KEPT_BY_LAST},
    {"keep_hourly", BS_KEPT_BY_HOURLY},
    {"keep_daily", BS_KEPT_BY_DAILY},
    {"keep_weekly", BS_KEPT_BY_WEEKLY},
    {"keep_monthly", BS_KEPT_BY_MONTHLY},
    {"keep_yearly", BS_KEPT_BY_YEARLY},
    {"pin", BS_KEPT_BY_PIN},
    {"hold", BS_KEPT_BY_HOLD},
    {"last_good", BS_KEPT_AS_LAST_GOOD},
    {"needed", BS_KEPT_AS_NEEDED},
    {"running", BS_KEPT_AS_RUNNING},
    {"recent_failure", BS_KEPT_AS_RECENT_FAILURE},
    {"storage", BS_KEPT_BY_STORAGE},
    {NULL, 0},
};

const bsi_word bsi_words_schedule_action[] = {
    {"backup", BS_ACTION_BACKUP},
    {"verify", BS_ACTION_VERIFY},
    {"drill", BS_ACTION_DRILL},
    {NULL, 0},
};

const bsi_word bsi_words_missed[] = {
    {"run_once", BS_MISSED_RUN_ONCE},
    {"skip", BS_MISSED_SKIP},
    {"all", BS_MISSED_ALL},
    {NULL, 0},
};

const bsi_word bsi_words_run_outcome[] = {
    {"started", BS_RUN_STARTED},
    {"skipped_busy", BS_RUN_SKIPPED_BUSY},
    {"missed", BS_RUN_MISSED},
    {"failed_to_start", BS_RUN_FAILED_TO_START},
    {NULL, 0},
};

const bsi_word bsi_words_audit_result[] = {
    {"begun", BS_AUDIT_BEGUN},   {"done", BS_AUDIT_DONE},           {"warnings", BS_AUDIT_WARNINGS},
    {"failed", BS_AUDIT_FAILED}, {"cancelled", BS_AUDIT_CANCELLED}, {NULL, 0},
};

const bsi_word bsi_words_audit_fault[] = {
    {"sound", BS_AUDIT_SOUND},       {"altered", BS_AUDIT_ALTERED},
    {"removed", BS_AUDIT_REMOVED},   {"moved", BS_AUDIT_MOVED},
    {"replaced", BS_AUDIT_REPLACED}, {"forged", BS_AUDIT_FORGED},
    {"cut_off", BS_AUDIT_CUT_OFF},   {NULL, 0},
};

const bsi_word bsi_words_storage_result[] = {
    {"ok", BS_STORAGE_OK},
    {"lacks", BS_STORAGE_LACKS},
    {"failed", BS_STORAGE_FAILED},
    {NULL, 0},
};

const char *bsi_word_name(const bsi_word *words, int value)
{
    for (; words->word; words++) {
        if (words->value == value) {
            return words->word;
        }
    }
    return "unknown";
}

bool bsi_word_parse(const bsi_word *words, bsi_slice word, int *value_out)
{
    for (; words->word; words++) {
        if (bsi_slice_is(word, words->word)) {
            *value_out = words->value;
            return true;
        }
    }
    return false;
}

const char *bsi_word_list(const bsi_word *words, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; words[i].word && used < size; i++) {
        const int got = snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", words[i].word);
        used += got > 0 ? (size_t)got : 0;
    }
    return out;
}

/* Levenshtein's distance, with one row of the table at a time. */
size_t bsi_word_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t row[BSI_WORD_DISTANCE_MAX + 1];

    if (a_size > BSI_WORD_DISTANCE_MAX || b_size > BSI_WORD_DISTANCE_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            const size_t shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < shift ? change : shift;
        }
    }
    return row[b_size];
}
