/* SPDX-License-Identifier: MIT */
#include "engine/hooks.h"

#include <string.h>

#include "engine/keys.h"
#include "engine/service.h"
#include "engine/words.h"
#include "os/process.h"
#include "os/time.h"
#include "text/json_read.h"

enum {
    HOOK_WORDS_MAX = 64, /* With those that are added. */
    HOOK_ADDED = 3,
    HOOK_TEXT_MAX = 4096,
    HOOK_LOOK_MS = 100, /* So often it is looked whether the job was cancelled. */
};

/* --- What to run --- */

static bs_status take_word(bsi_json_reader *json, bsi_arena *arena, const char **out)
{
    bsi_buf scratch;
    bsi_slice text;
    bs_status status = BS_OK;

    bsi_buf_init(&scratch, HOOK_TEXT_MAX);
    status = bsi_json_read_string(json, &scratch, &text);
    if (status >= 0) {
        *out = bsi_arena_slice(arena, text);
        status = *out ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&scratch);
    return status;
}

/* Ended by NULL, with room for HOOK_ADDED more. */
static bs_status take_words(const char *text, bsi_arena *arena, const char ***out,
                            size_t *count_out)
{
    const char **words = bsi_arena_alloc(arena, HOOK_WORDS_MAX + 1, sizeof(*words));
    bsi_json_reader json;
    size_t count = 0;
    bs_status status = words ? BS_OK : BS_E_NOMEM;

    bsi_json_init(&json, text, strlen(text), BS_LAYER_CALLER, BS_E_INVALID);
    if (status >= 0) {
        status = bsi_json_enter_array(&json);
    }
    while (status == BS_OK) {
        status = bsi_json_next_item(&json);
        if (status == BS_OK && count == HOOK_WORDS_MAX - HOOK_ADDED) {
            status = bsi_json_fail(&json, "too many arguments");
        }
        if (status == BS_OK) {
            status = take_word(&json, arena, &words[count++]);
        }
    }
    BSI_TRY(status);
    BSI_TRY(bsi_json_end(&json));
    if (count == 0 || words[0][0] != '/') {
        return bsi_json_fail(&json, "the first text must be the absolute path of a program");
    }
    *out = words;
    *count_out = count;
    return BS_OK;
}

bool bsi_hook_is_valid(const char *text)
{
    const char **words = NULL;
    bsi_arena arena = {0};
    size_t count = 0;
    const bs_status status = take_words(text, &arena, &words, &count);

    bsi_arena_dispose(&arena);
    return status >= 0;
}

/* --- Running it --- */

/* `call` NULL: it has its time, whatever becomes of the job. */
static bs_status wait_for(bsi_process *process, const char *setting, int64_t limit_ns,
                          const bs_call *call)
{
    const bs_call limited = {.cancel = call ? call->cancel : NULL,
                             .deadline_ns = bsi_monotonic_ns() + limit_ns};
    bs_status status = BS_OK;
    bs_status allowed = BS_OK;

    do {
        status = bsi_process_wait(process, HOOK_LOOK_MS);
        allowed = status == BS_E_TIMEOUT ? bsi_call_check(&limited) : BS_OK;
    } while (status == BS_E_TIMEOUT && allowed >= 0);
    if (allowed == BS_E_TIMEOUT) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_TIMEOUT,
                        "it ran longer than %lld s and was ended; HOOK_TIMEOUT says how long %s "
                        "may take",
                        (long long)(limit_ns / 1000000000), setting);
    }
    BSI_TRY(allowed);
    return status < 0 ? status : bsi_process_finish(process);
}

static bs_status run(bsi_job *job, bsi_config_id setting, const char *name, bs_job_state state,
                     const bs_call *call)
{
    bs_service *service = job->service;
    const char *text = bsi_config_text(service->config, setting);
    const char *label = bsi_config_at((size_t)setting)->name;
    const char *const *hidden = NULL;
    const char **words = NULL;
    bsi_process *process = NULL;
    bsi_arena arena = {0};
    size_t count = 0;
    bs_status status = BS_OK;

    if (!text) {
        return BS_OK;
    }
    status = take_words(text, &arena, &words, &count);
    if (status >= 0 && words) {
        words[count] = job->id;
        words[count + 1] = name;
        words[count + 2] = bsi_word_name(bsi_words_job_state, (int)state);
        hidden = bsi_keys_hidden(service, &arena);
        status = hidden ? bsi_process_start(words, hidden, &process) : BS_E_NOMEM;
    }
    if (status >= 0) {
        status = wait_for(process, label,
                          bsi_config_number(service->config, BSI_CONFIG_HOOK_TIMEOUT) * 1000, call);
    }
    bsi_process_free(process);
    bsi_arena_dispose(&arena);
    return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "%s", label) : BS_OK;
}

bs_status bsi_hook_before(bsi_job *job, const char *name)
{
    return run(job, BSI_CONFIG_HOOK_BEFORE, name, BS_STATE_RUNNING, &job->call);
}

void bsi_hook_end(bsi_job *job, const bsi_job_view *end)
{
    const bool failed = end->state == BS_STATE_FAILED || end->state == BS_STATE_CANCELLED;
    bsi_deed about = {.name = ""};
    bs_error error;

    if (job->ops->kind != BS_JOB_BACKUP) {
        return;
    }
    if (job->ops->describe) {
        job->ops->describe(job, &about);
    }
    bsi_error_save(&error);
    if (run(job, failed ? BSI_CONFIG_HOOK_FAILURE : BSI_CONFIG_HOOK_AFTER, about.name, end->state,
            NULL) < 0) {
        bsi_log_write(&job->service->log, BS_LOG_WARNING, "engine", "after backup %s: %s", job->id,
                      bs_error_last()->message);
    }
    bsi_error_restore(&error);
}
