/* SPDX-License-Identifier: MIT */
/*
 * repair: of a repository, what a check has found.
 */
#include <inttypes.h>
#include <stdio.h>

#include "job.h"
#include "output.h"
#include "repo_options.h"
#include "verbs.h"

static const job_kind repair_job = {"repair", bs_repair_wait, bs_repair_cancel};

/* --- What came of it --- */

static void index_text(const bs_repair_info *info)
{
    (void)printf("  %" PRIu64 " damaged index files, %" PRIu64 " packs found, %" PRIu64
                 " corrected, %" PRIu64 " missing, %" PRIu64 " unreadable\n",
                 info->indexes_damaged, info->packs_found, info->packs_corrected,
                 info->packs_missing, info->packs_unreadable);
}

static void packs_text(const bs_repair_info *info)
{
    (void)printf("  %" PRIu64 " damaged packs, %" PRIu64 " blobs saved, %" PRIu64 " lost\n",
                 info->packs_damaged, info->blobs_saved, info->blobs_lost);
}

static void snapshots_text(const bs_repair_info *info)
{
    (void)printf("  of %" PRIu64 " snapshots %" PRIu64 " repaired, %" PRIu64 " lost; %" PRIu64
                 " files shortened, %" PRIu64 " directories emptied\n",
                 info->snapshots, info->snapshots_repaired, info->snapshots_lost,
                 info->files_shortened, info->folders_emptied);
}

static void repair_text(const tool_run *tool, const bs_repair_info *info, double seconds)
{
    if (!tool->quiet) {
        repo_show_findings(info->findings, info->findings_kept, info->findings_count, true);
    }
    if (info->status >= BS_STATE_FAILED) {
        (void)fflush(stdout);
        job_show_error("repair", &info->error, info->status);
        return;
    }
    if (tool->quiet) {
        return;
    }
    (void)printf("%s %s in %.1f s\n", info->dry_run ? "looked at the" : "repaired the",
                 bs_repair_part_name(info->part), seconds);
    switch (info->part) {
    case BS_REPAIR_INDEX:
        index_text(info);
        break;
    case BS_REPAIR_PACKS:
        packs_text(info);
        break;
    case BS_REPAIR_SNAPSHOTS:
        snapshots_text(info);
        break;
    }
}

static void repair_json(const bs_repair_info *info)
{
    const job_end end = {"repair", NULL, info->status, &info->error};
    char *json = NULL;
    const bs_status status = bs_repair_info_to_json(info, &json);

    job_show_json(&end, status, json);
}

/* --- The run --- */

static int repair_follow(tool_run *tool, bs_subscription *events, const char *id)
{
    bs_repair_info *info = NULL;
    double seconds = 0;
    bs_status ended = job_follow(tool, &repair_job, events, id, &seconds);

    if (bs_repair_get(tool->service, id, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        repair_json(info);
    } else {
        repair_text(tool, info, seconds);
    }
    bs_repair_info_free(info);
    return job_exit_code(ended);
}

static int run_repair(tool_run *tool, const bs_repair_options *options)
{
    bs_subscription *events = NULL;
    char id[BS_ID_SIZE];
    int code = TOOL_FAILED;

    if (bs_subscribe(tool->service, NULL, &events) < 0 ||
        bs_repair_start(tool->service, options, id) < 0) {
        code = output_fail_last(tool);
    } else {
        code = repair_follow(tool, events, id);
    }
    bs_unsubscribe(events);
    return code;
}

/* Read the options, those that only one part has among them as `own`, and run. */
static int repair(tool_run *tool, int argc, char **argv, bs_repair_options *options,
                  const option_row *own)
{
    const bool takes_packs = options->part == BS_REPAIR_PACKS;
    repo_arguments given = REPO_ARGUMENTS_INIT;
    const option_row rows[] = {
        REPO_ROWS(&given),
        {"dry-run", OPTION_FLAG, &options->dry_run, NULL, 0, 0},
        *own,
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    const int first = options_read(tool, argc, argv, rows, 0, takes_packs ? -1 : 0, &code);

    if (first < 0 || !key_options_open(tool, &given.keys, TOOL_EXISTING, &code)) {
        return code;
    }
    options->storage = given.storage;
    if (takes_packs) {
        options->packs = (const char *const *)(argv + first);
    }
    return run_repair(tool, options);
}

static int do_index(tool_run *tool, int argc, char **argv)
{
    bs_repair_options options = BS_REPAIR_OPTIONS_INIT;
    const option_row own = {"read-all-packs", OPTION_FLAG, &options.read_all_packs, NULL, 0, 0};

    options.part = BS_REPAIR_INDEX;
    return repair(tool, argc, argv, &options, &own);
}

static int do_packs(tool_run *tool, int argc, char **argv)
{
    bs_repair_options options = BS_REPAIR_OPTIONS_INIT;
    const option_row own = {NULL, OPTION_FLAG, NULL, NULL, 0, 0};

    options.part = BS_REPAIR_PACKS;
    return repair(tool, argc, argv, &options, &own);
}

static int do_snapshots(tool_run *tool, int argc, char **argv)
{
    bs_repair_options options = BS_REPAIR_OPTIONS_INIT;
    const option_row own = {"forget", OPTION_FLAG, &options.forget, NULL, 0, 0};

    options.part = BS_REPAIR_SNAPSHOTS;
    return repair(tool, argc, argv, &options, &own);
}

int verb_repair(tool_run *tool, int argc, char **argv)
{
    static const verb_action actions[] = {
        {"index", do_index}, {"packs", do_packs}, {"snapshots", do_snapshots}, {NULL, NULL}};

    return options_act(tool, argc, argv, actions);
}
