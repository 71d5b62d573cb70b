/* SPDX-License-Identifier: MIT */
/*
 * The words for values of enumerations.
 */
#include "engine/words.h"

#include <backupsvc/json.h>

const char *bs_backup_type_name(bs_backup_type type)
{
    return bsi_word_name(bsi_words_backup_type, (int)type);
}

const char *bs_form_name(bs_form form)
{
    return bsi_word_name(bsi_words_form, (int)form);
}

const char *bs_compression_name(bs_compression compression)
{
    return bsi_word_name(bsi_words_compression, (int)compression);
}

const char *bs_encryption_name(bs_encryption encryption)
{
    return bsi_word_name(bsi_words_encryption, (int)encryption);
}

const char *bs_zip_encryption_name(bs_zip_encryption zip_encryption)
{
    return bsi_word_name(bsi_words_zip_encryption, (int)zip_encryption);
}

const char *bs_job_state_name(bs_job_state state)
{
    return bsi_word_name(bsi_words_job_state, (int)state);
}

const char *bs_entry_type_name(bs_entry_type type)
{
    return bsi_word_name(bsi_words_entry_type, (int)type);
}

const char *bs_retention_action_name(bs_retention_action action)
{
    return bsi_word_name(bsi_words_retention_action, (int)action);
}

const char *bs_kept_by_name(uint32_t bit)
{
    return bit > INT32_MAX ? "unknown" : bsi_word_name(bsi_words_kept_by, (int)bit);
}

const char *bs_schedule_action_name(bs_schedule_action action)
{
    return bsi_word_name(bsi_words_schedule_action, (int)action);
}

const char *bs_missed_name(bs_missed missed)
{
    return bsi_word_name(bsi_words_missed, (int)missed);
}

const char *bs_run_outcome_name(bs_run_outcome outcome)
{
    return bsi_word_name(bsi_words_run_outcome, (int)outcome);
}

const char *bs_audit_result_name(bs_audit_result result)
{
    return bsi_word_name(bsi_words_audit_result, (int)result);
}

const char *bs_audit_fault_name(bs_audit_fault fault)
{
    return bsi_word_name(bsi_words_audit_fault, (int)fault);
}

const char *bs_storage_result_name(bs_storage_result result)
{
    return bsi_word_name(bsi_words_storage_result, (int)result);
}
