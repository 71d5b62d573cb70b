/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_JSON_H
#define BACKUPSVC_JSON_H

#include <backupsvc/audit.h>
#include <backupsvc/backup.h>
#include <backupsvc/drill.h>
#include <backupsvc/events.h>
#include <backupsvc/keys.h>
#include <backupsvc/replicate.h>
#include <backupsvc/repository.h>
#include <backupsvc/restore.h>
#include <backupsvc/retention.h>
#include <backupsvc/schedule.h>
#include <backupsvc/snapshot.h>
#include <backupsvc/stats.h>
#include <backupsvc/storage.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/json.h
 * @brief Options from JSON, infos to JSON: the one mapping that servers and bindings share.
 *
 * A key of JSON is the name of the struct's member. Reading is strict: an
 * unknown key, a wrong type, a key that stands twice, bytes that are not UTF-8
 * and a number out of range are each refused by their path, all at once, one
 * complaint a line: "compression_level: tar.gz takes 1 to 12, not 15".
 * Enumerations are their words: "incremental", "tar.zst", "completed". A null
 * stands for a member that is not given.
 */

/**
 * Read a backup request.
 *
 * @param text  A JSON object, not ended by NUL.
 * @param size  Its bytes; at most 1 MiB.
 * @param out   Options that own their strings; freed with bs_backup_options_free(). Set only
 *              on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID  bs_error_last() holds the complaints, as far as they fit.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_options_from_json(const char *text, size_t size,
                                                          bs_backup_options **out);

/** Free what bs_backup_options_from_json() made. NULL is ignored. Since: 0.1 */
BS_API void bs_backup_options_free(bs_backup_options *options);

/** As bs_backup_options_from_json(), for restores. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_restore_options_from_json(const char *text, size_t size,
                                                           bs_restore_options **out);

/** Free what bs_restore_options_from_json() made. NULL is ignored. Since: 0.1 */
BS_API void bs_restore_options_free(bs_restore_options *options);

/** As bs_backup_options_from_json(), for drills. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_drill_options_from_json(const char *text, size_t size,
                                                         bs_drill_options **out);

/** Free what bs_drill_options_from_json() made. NULL is ignored. Since: 0.1 */
BS_API void bs_drill_options_free(bs_drill_options *options);

/** As bs_backup_options_from_json(), for retention. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_retention_options_from_json(const char *text, size_t size,
                                                             bs_retention_options **out);

/** Free what bs_retention_options_from_json() made. NULL is ignored. Since: 0.1 */
BS_API void bs_retention_options_free(bs_retention_options *options);

/** As bs_backup_options_from_json(), for pins. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_pin_options_from_json(const char *text, size_t size,
                                                       bs_pin_options **out);

/** Free what bs_pin_options_from_json() made. NULL is ignored. Since: 0.1 */
BS_API void bs_pin_options_free(bs_pin_options *options);

/**
 * As bs_backup_options_from_json(), for schedules: backup_request is an object as
 * that function reads it, action_request any object, is_active true or false. In
 * a backup request, `schedule` is an expression, or an object of cron_expression,
 * timezone and name. Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_schedule_options_from_json(const char *text, size_t size,
                                                            bs_schedule_options **out);

/** Free what bs_schedule_options_from_json() made. NULL is ignored. Since: 0.1 */
BS_API void bs_schedule_options_free(bs_schedule_options *options);

/**
 * Write a backup's info as a JSON object.
 *
 * @param info  What to write.
 * @param out   NUL-terminated text; freed with bs_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_info_to_json(const bs_backup_info *info, char **out);

/** As bs_backup_info_to_json(), for a restore. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_restore_info_to_json(const bs_restore_info *info, char **out);

/** As bs_backup_info_to_json(), for a verification. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_verify_info_to_json(const bs_verify_info *info, char **out);

/** As bs_backup_info_to_json(), for a drill. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_drill_info_to_json(const bs_drill_info *info, char **out);

/** As bs_backup_info_to_json(), for a report on drills; "last_status" is null when there was none.
 *  Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_drill_report_to_json(const bs_drill_report *report, char **out);

/** As bs_backup_info_to_json(), for a plan or report of retention; "kept_by" is an array of words
 *  such as "keep_daily", "pin", "last_good". Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_retention_report_to_json(const bs_retention_report *report,
                                                          char **out);
/** As bs_backup_info_to_json(), for a schedule; its request is an object. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_schedule_info_to_json(const bs_schedule_info *info, char **out);

/** As bs_backup_info_to_json(), for a run of a schedule. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_schedule_run_info_to_json(const bs_schedule_run_info *info,
                                                           char **out);

/** As bs_backup_info_to_json(), for statistics. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_stats_info_to_json(const bs_stats_info *stats, char **out);

/** As bs_backup_info_to_json(), for a history of statistics. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_stats_history_info_to_json(const bs_stats_history_info *history,
                                                            char **out);

/** As bs_backup_info_to_json(), for an entry; bytes that are not UTF-8 come as base64 in
 *  "path_base64" and "link_base64" instead. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_entry_to_json(const bs_entry *entry, char **out);

/** As bs_backup_info_to_json(), for an event. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_event_to_json(const bs_event *event, char **out);

/** As bs_backup_info_to_json(), for what a service keeps of keys. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_keyring_info_to_json(const bs_keyring_info *info, char **out);

/** As bs_backup_info_to_json(), for what opens a backup. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_slots_info_to_json(const bs_slots_info *info, char **out);

/** As bs_backup_info_to_json(), for storages; settings are an object. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_storage_list_info_to_json(const bs_storage_list_info *info,
                                                           char **out);

/** As bs_backup_info_to_json(), for a check of a storage; what is not known is null. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_storage_check_info_to_json(const bs_storage_check_info *info,
                                                            char **out);

/** As bs_backup_info_to_json(), for a snapshot of a repository. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_snapshot_info_to_json(const bs_snapshot_info *info, char **out);

/** As bs_backup_info_to_json(), for a difference; "before" and "after" are entries as
 *  bs_entry_to_json() has them, or null. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_difference_to_json(const bs_difference *difference, char **out);

/** As bs_backup_info_to_json(), for a match; its snapshot is told by "snapshot_id",
 *  "snapshot_time", "backup_id" and "name". Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_find_match_to_json(const bs_find_match *match, char **out);

/** As bs_backup_info_to_json(), for a pass phrase of a repository. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_repository_key_to_json(const bs_repository_key *key, char **out);

/** As bs_backup_info_to_json(), for what came of pruning a repository. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_prune_info_to_json(const bs_prune_info *info, char **out);

/** As bs_backup_info_to_json(), for what came of copying snapshots. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_copy_info_to_json(const bs_copy_info *info, char **out);

/** As bs_backup_info_to_json(), for what came of copying backups to another storage. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_replicate_info_to_json(const bs_replicate_info *info, char **out);

/** As bs_backup_info_to_json(), for what came of repairing a repository. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_repair_info_to_json(const bs_repair_info *info, char **out);

/** As bs_backup_info_to_json(), for a check of a repository. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_check_info_to_json(const bs_check_info *info, char **out);

/** As bs_backup_info_to_json(), for a record of the audit log. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_audit_record_to_json(const bs_audit_record *record, char **out);

/** As bs_backup_info_to_json(), for what a verification of the audit log found. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_audit_report_to_json(const bs_audit_report *report, char **out);

/** As bs_backup_info_to_json(), for an error: code, layer, message, retry. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_error_to_json(const bs_error *error, char **out);

/** The word for an enumeration's value, as JSON has it; "unknown" for others. Static. Since: 0.1 */
BS_API const char *bs_backup_type_name(bs_backup_type type);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_form_name(bs_form form);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_compression_name(bs_compression compression);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_encryption_name(bs_encryption encryption);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_zip_encryption_name(bs_zip_encryption zip_encryption);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_job_state_name(bs_job_state state);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_entry_type_name(bs_entry_type type);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_retention_action_name(bs_retention_action action);
/** The word for one bit of bs_retention_item.kept_by; "unknown" for others. Static. Since: 0.1 */
BS_API const char *bs_kept_by_name(uint32_t bit);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_schedule_action_name(bs_schedule_action action);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_missed_name(bs_missed missed);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_run_outcome_name(bs_run_outcome outcome);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_audit_result_name(bs_audit_result result);
/** As bs_backup_type_name(). Since: 0.1 */
BS_API const char *bs_audit_fault_name(bs_audit_fault fault);

BS_END_DECLS

#endif
