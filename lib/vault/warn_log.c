/* SPDX-License-Identifier: MIT */
/*
 * Keeps warnings as the lines they become in a manifest.
 */
#include "vault/warn_log.h"

#include "vault/manifest.h"

static bs_status keep(bsi_warn_log *log, bsi_slice path, const bs_error *error)
{
    bsi_buf line;
    bs_status status = BS_OK;

    bsi_buf_init(&line, BSI_MANIFEST_LINE_MAX);
    status = bsi_manifest_format_warning(&line, path, error);
    if (status >= 0) {
        const bsi_record record = {.kind = 1, .bytes = {(const char *)line.data, line.size}};
        status = bsi_draft_put(log->lines, &record);
    }
    bsi_buf_dispose(&line);
    return status;
}

static void report(void *user, bsi_slice path, const bs_error *error)
{
    bsi_warn_log *log = user;
    const bs_error copy = *error; /* Most often the thread's record, which keeping may overwrite. */

    bsi_mutex_lock(&log->lock);
    if (log->count < BSI_WARNINGS_MAX && log->status >= 0) {
        log->status = keep(log, path, &copy);
    }
    log->count++;
    bsi_mutex_unlock(&log->lock);
    if (log->next && log->next->report) {
        log->next->report(log->next->user, path, &copy);
    }
}

bs_status bsi_warn_log_init(bsi_warn_log *log, int temp_dir, const bsi_warn *next)
{
    *log = (bsi_warn_log){.warn = {report, log}, .next = next};
    BSI_TRY(bsi_draft_new(temp_dir, &log->lines));
    bsi_mutex_init(&log->lock);
    return BS_OK;
}

void bsi_warn_log_dispose(bsi_warn_log *log)
{
    if (log->lines) {
        bsi_draft_free(log->lines);
        bsi_mutex_dispose(&log->lock);
    }
    *log = (bsi_warn_log){0};
}
