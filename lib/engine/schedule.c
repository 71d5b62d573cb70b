/* SPDX-License-Identifier: MIT */
/*
 * Adds, changes and removes schedules. What a program gives is laid over the
 * row that there is, or over an empty one, and checked as a whole.
 */
#include "engine/schedule.h"

#include <string.h>

#include "engine/request.h"
#include "engine/schedule_action.h"
#include "engine/schedule_rule.h"
#include "engine/schedule_run.h"
#include "engine/scheduler.h"
#include "engine/service.h"
#include "engine/words.h"
#include "os/random.h"
#include "os/time.h"
#include "vault/names.h"

enum { SCHEDULES_MAX = 10000 };

/* A row in the making; its texts are the options', the arena's or the old row's. */
typedef struct draft {
    bsi_row_schedule row;
    bsi_schedule_rule rule;
    bsi_complaints complaints;
    bsi_arena arena;
} draft;

static void draft_dispose(draft *self)
{
    bsi_schedule_rule_dispose(&self->rule);
    bsi_arena_dispose(&self->arena);
}

static void take_name(const char *name, draft *self)
{
    if (!name || !name[0]) {
        bsi_complain_invalid(&self->complaints, "name: is missing");
    } else if (!bsi_backup_name_is_valid(name)) {
        bsi_complain_invalid(&self->complaints, "name: takes 1 to 128 letters, digits, spaces, "
                                                "'.', '_' and '-', and no '.' in front");
    }
    self->row.name = name;
}

static bs_status take_rule(bs_service *service, draft *self)
{
    const bs_status status = bsi_schedule_rule_take(self->row.cron_expression, self->row.timezone,
                                                    &self->complaints, &self->rule);

    if (status == BS_PARTIAL) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "schedule '%s' goes by UTC: there is no time zone database",
                      self->row.name ? self->row.name : "");
    }
    return status < 0 ? status : BS_OK;
}

static void take_missed(bs_missed missed, draft *self)
{
    char words[80];

    if (missed < BS_MISSED_DEFAULT || missed > BS_MISSED_ALL) {
        bsi_complain_invalid(&self->complaints, "missed: takes %s, not the number %d",
                             bsi_word_list(bsi_words_missed, words, sizeof(words)), (int)missed);
    } else if (missed != BS_MISSED_DEFAULT) {
        self->row.missed = bsi_word_name(bsi_words_missed, (int)missed);
    }
}

static void take_activity(bs_choice choice, draft *self)
{
    if (choice < BS_CHOICE_DEFAULT || choice > BS_CHOICE_NO) {
        bsi_complain_invalid(&self->complaints, "is_active: takes yes or no, not the number %d",
                             (int)choice);
    } else if (choice != BS_CHOICE_DEFAULT) {
        self->row.is_active = choice == BS_CHOICE_YES;
    }
}

/* `usual` is what is done when the options do not say. */
static bs_status take_action(bs_service *service, const bs_schedule_options *options, int usual,
                             draft *self)
{
    const int asked = options->action == BS_ACTION_DEFAULT ? usual : (int)options->action;
    const bsi_action *action = bsi_action_find(asked);
    char words[120];

    if (!action) {
        bsi_complain_invalid(&self->complaints, "action: takes %s, not the number %d",
                             bsi_word_list(bsi_words_schedule_action, words, sizeof(words)),
                             (int)options->action);
        return BS_OK;
    }
    self->row.action = bsi_word_name(bsi_words_schedule_action, asked);
    return action->take(service, options, &self->arena, &self->complaints, &self->row.request);
}

/* The first due time from now on; none while it is not active. */
static bs_status set_next(draft *self)
{
    self->row.next_run_at = 0;
    if (!self->row.is_active) {
        return BS_OK;
    }
    return bsi_schedule_next(&self->rule, self->row.dealt, bsi_now().sec, &self->row.next_run_at);
}

/* --- Add --- */

static bs_status take_new(bs_service *service, const bs_schedule_options *options, draft *self)
{
    const int64_t now = bsi_row_now();

    self->row = (bsi_row_schedule){
        .cron_expression = options->cron_expression,
        .timezone = options->timezone && options->timezone[0] ? options->timezone : "UTC",
        .missed = bsi_word_name(bsi_words_missed, BS_MISSED_RUN_ONCE),
        .is_active = true,
        .created_at = now,
        .updated_at = now,
        .dealt = "",
    };
    take_name(options->name, self);
    BSI_TRY(take_rule(service, self));
    take_missed(options->missed, self);
    take_activity(options->is_active, self);
    BSI_TRY(take_action(service, options, BS_ACTION_BACKUP, self));
    BSI_TRY(bsi_complaints_status(&self->complaints));
    return set_next(self);
}

static bs_status check_room(bs_service *service)
{
    const bsi_schedule_filter one = {.limit = 1};
    bsi_row_schedule *rows = NULL;
    size_t count = 0;
    uint64_t total = 0;

    BSI_TRY(bsi_catalog_list_schedules(service->catalog, &one, &rows, &count, &total));
    bsi_row_schedules_free(rows, count);
    if (total >= SCHEDULES_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_LIMIT, "there are %d schedules already",
                        SCHEDULES_MAX);
    }
    return BS_OK;
}

bs_status bsi_schedule_add(bs_service *service, const bs_schedule_options *options,
                           char id_out[BS_ID_SIZE])
{
    draft self = {.row = {.id = NULL}};
    char id[BS_ID_SIZE];
    bs_status status = take_new(service, options, &self);

    if (status >= 0) {
        status = check_room(service);
    }
    if (status >= 0) {
        status = bsi_new_id(id);
    }
    if (status >= 0) {
        self.row.id = id;
        status = bsi_catalog_add_schedule(service->catalog, &self.row);
    }
    draft_dispose(&self);
    if (status < 0) {
        return status;
    }
    memcpy(id_out, id, sizeof(id));
    bsi_scheduler_wake(service);
    return BS_OK;
}

bs_status bsi_schedule_add_and_run(bs_service *service, const bs_backup_options *options,
                                   char id_out[BS_ID_SIZE])
{
    const bool named = options->schedule_name && options->schedule_name[0];
    bs_backup_options request = *options;
    const bs_schedule_options schedule = {
        .struct_size = sizeof(schedule),
        .name = named ? options->schedule_name : options->name,
        .cron_expression = options->schedule,
        .timezone = options->schedule_timezone,
        .backup_request = &request,
    };
    bsi_backup_request *checked = NULL;
    char id[BS_ID_SIZE];
    bs_error error;
    bs_status status = bsi_backup_request_new(service, options, &checked);

    bsi_backup_request_free(checked);
    if (status < 0) {
        return status;
    }
    request.schedule = NULL;
    request.schedule_timezone = NULL;
    request.schedule_name = NULL;
    BSI_TRY(bsi_schedule_add(service, &schedule, id));
    status = bsi_schedule_run(service, id, id_out);
    if (status < 0) {
        bsi_error_save(&error);
        if (bsi_catalog_remove_schedule(service->catalog, id) < 0) {
            bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                          "schedule '%s' stays, though its first backup did not start: %s",
                          schedule.name, bs_error_last()->message);
        }
        bsi_error_restore(&error);
    }
    return status;
}

/* --- Change --- */

static bs_status take_changes(bs_service *service, const bs_schedule_options *changes,
                              const bsi_row_schedule *old, draft *self)
{
    self->row = *old;
    self->row.updated_at = bsi_row_now();
    if (changes->name) {
        take_name(changes->name, self);
    }
    if (changes->cron_expression) {
        self->row.cron_expression = changes->cron_expression;
    }
    if (changes->timezone) {
        self->row.timezone = changes->timezone[0] ? changes->timezone : "UTC";
    }
    take_missed(changes->missed, self);
    take_activity(changes->is_active, self);
    if (changes->action != BS_ACTION_DEFAULT || changes->backup_request ||
        changes->action_request) {
        int usual = BS_ACTION_BACKUP;
        (void)bsi_word_parse(bsi_words_schedule_action, bsi_slice_of(old->action), &usual);
        BSI_TRY(take_action(service, changes, usual, self));
    }
    if (!changes->cron_expression && !changes->timezone && self->row.is_active == old->is_active) {
        return bsi_complaints_status(&self->complaints);
    }
    BSI_TRY(take_rule(service, self));
    BSI_TRY(bsi_complaints_status(&self->complaints));
    return set_next(self);
}

static bs_status update_once(bs_service *service, const char *id,
                             const bs_schedule_options *changes)
{
    bsi_row_schedule old;
    draft self = {.row = {.id = NULL}};
    bs_status status = bsi_catalog_get_schedule(service->catalog, id, &old);

    if (status < 0) {
        return status;
    }
    status = take_changes(service, changes, &old, &self);
    if (status >= 0) {
        status = bsi_catalog_write_schedule(service->catalog, &self.row, NULL, 0);
    }
    draft_dispose(&self);
    bsi_row_schedule_dispose(&old);
    return status;
}

bs_status bsi_schedule_update(bs_service *service, const char *reference,
                              const bs_schedule_options *changes)
{
    char id[BS_ID_SIZE];
    bs_status status = BS_E_CHANGED;

    BSI_TRY(bsi_catalog_resolve_schedule(service->catalog, reference, id));
    for (int i = 0; i < BSI_SCHEDULE_TRIES && status == BS_E_CHANGED; i++) {
        status = update_once(service, id, changes);
    }
    if (status >= 0) {
        bsi_scheduler_wake(service);
    }
    return status;
}

bs_status bsi_schedule_remove(bs_service *service, const char *reference)
{
    char id[BS_ID_SIZE];

    BSI_TRY(bsi_catalog_resolve_schedule(service->catalog, reference, id));
    BSI_TRY(bsi_catalog_remove_schedule(service->catalog, id));
    bsi_scheduler_wake(service);
    return BS_OK;
}
