/* SPDX-License-Identifier: MIT */
/*
 * verify, delete, rebuild: looking after what is there.
 */
#include <inttypes.h>
#include <stdio.h>

#include "job.h"
#include "key_options.h"
#include "options.h"
#include "output.h"
#include "verbs.h"

static const job_kind verify_job = {"verification", bs_verify_wait, bs_verify_cancel};

static void show_damage(const bs_damage *damage)
{
    uint64_t shown = 0;

    (void)printf("damaged: ");
    output_text(stdout, damage->object);
    (void)printf(": ");
    output_text(stdout, damage->message);
    (void)printf("\n");
    for (; damage->paths && damage->paths[shown]; shown++) {
        (void)printf("  lost: ");
        output_text(stdout, damage->paths[shown]);
        (void)printf("\n");
    }
    if (damage->paths_count > shown) {
        (void)printf("  and %" PRIu64 " more\n", damage->paths_count - shown);
    }
}

/* What could not be looked at, and who made it. */
static void verify_locks(const bs_verify_info *info)
{
    if (info->is_locked) {
        (void)printf("  no known key opens it: only the stored bytes were compared\n");
    } else if (info->files_unread > 0) {
        (void)printf("  %" PRIu64 " files lie in backups that no known key opens\n",
                     info->files_unread);
    }
    if (*info->signer) {
        (void)printf("  signed by %s", *info->signer_name ? "" : "an unknown key, ");
        output_text(stdout, *info->signer_name ? info->signer_name : info->signer);
        (void)printf("\n");
    }
}

static void verify_text(const tool_run *tool, const bs_verify_info *info, double seconds)
{
    char size[OUTPUT_SIZE_TEXT];

    for (size_t i = 0; i < info->damages_count; i++) {
        show_damage(&info->damages[i]);
    }
    if (info->status >= BS_STATE_FAILED) {
        (void)fflush(stdout);
        job_show_error("verification", &info->error, info->status);
    } else if (!tool->quiet) {
        (void)printf("verified %s: %" PRIu64 " files, %s in %.1f s, no damage\n", info->backup_id,
                     info->files_processed, output_size(info->bytes_processed, size), seconds);
        verify_locks(info);
    }
}

static void verify_json(const bs_verify_info *info)
{
    const job_end end = {"verification", NULL, info->status, &info->error};
    char *json = NULL;
    const bs_status status = bs_verify_info_to_json(info, &json);

    job_show_json(&end, status, json);
}

int verify_follow(tool_run *tool, bs_subscription *events, const char *id)
{
    bs_verify_info *info = NULL;
    double seconds = 0;
    bs_status ended = job_follow(tool, &verify_job, events, id, &seconds);

    if (bs_verify_get(tool->service, id, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        verify_json(info);
    } else {
        verify_text(tool, info, seconds);
    }
    bs_verify_info_free(info);
    return job_exit_code(ended);
}

int verb_verify(tool_run *tool, int argc, char **argv)
{
    key_options keys = {{NULL, NULL}, {NULL, NULL}};
    const option_row rows[] = {
        KEY_ROWS(&keys),
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    bs_subscription *events = NULL;
    char id[BS_ID_SIZE];
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, rows, 1, 1, &code);
    if (first < 0) {
        return code;
    }
    if (!key_options_open(tool, &keys, TOOL_EXISTING, &code)) {
        return code;
    }
    if (bs_subscribe(tool->service, NULL, &events) < 0 ||
        bs_verify_start(tool->service, argv[first], id) < 0) {
        code = output_fail_last(tool);
    } else {
        code = verify_follow(tool, events, id);
    }
    bs_unsubscribe(events);
    return code;
}

int verb_delete(tool_run *tool, int argc, char **argv)
{
    bool cascade = false;
    const option_row rows[] = {
        {"cascade", OPTION_FLAG, &cascade, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    uint64_t removed = 0;
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, rows, 1, 1, &code);
    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (bs_backup_delete(tool->service, argv[first], cascade, &removed) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        (void)printf("{\"success\":true,\"removed\":%" PRIu64 "}\n", removed);
    } else if (!tool->quiet) {
        (void)printf("removed %" PRIu64 " backup%s\n", removed, removed == 1 ? "" : "s");
    }
    return TOOL_DONE;
}

int verb_rebuild(tool_run *tool, int argc, char **argv)
{
    bs_rebuild_report report = {0};
    key_options keys = {{NULL, NULL}, {NULL, NULL}};
    const option_row rows[] = {
        KEY_ROWS(&keys),
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, rows, 0, 0, &code);
    if (first < 0) {
        return code;
    }
    if (!key_options_open(tool, &keys, TOOL_REPLACE, &code)) {
        return code;
    }
    if (bs_catalog_rebuild(tool->service, &report) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        (void)printf("{\"success\":true,\"rebuild\":{\"backups\":%" PRIu64
                     ",\"unreadable\":%" PRIu64 ",\"locked\":%" PRIu64 "}}\n",
                     report.backups, report.unreadable, report.locked);
    } else {
        (void)printf("the catalogue knows %" PRIu64 " backups; %" PRIu64
                     " manifests could not be read\n",
                     report.backups, report.unreadable);
        if (report.locked > 0) {
            (void)printf("%" PRIu64 " of them are encrypted, and no known key opens them; --key "
                         "names one\n",
                         report.locked);
        }
    }
    return report.unreadable > 0 ? TOOL_WARNINGS : TOOL_DONE;
}
