/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_DRILL_H
#define BSI_ENGINE_DRILL_H

#include <backupsvc/drill.h>

#include "engine/arena.h"
#include "engine/complaints.h"
#include "engine/job.h"
#include "vault/sample.h"

/*
 * Restore drills. A drill's directory is written down in its row before it is
 * made, and the row forgets it when it is gone: whatever a process that dies
 * leaves behind is found by the next one.
 */
#define BSI_JOB_KIND_DRILL "drill"

/* What the directory of a drill is called; its id follows. */
#define BSI_DRILL_DIR "backupsvc-drill-"

/* Complains of what is wrong. */
void bsi_drill_check(const bs_service *service, const bs_drill_options *options,
                     bsi_complaints *complaints);

/* How much they ask for. */
bsi_sample_size bsi_drill_size(const bs_drill_options *options);

/* The options as JSON, as the row of a drill or a schedule keeps them. */
BS_NODISCARD bs_status bsi_drill_write_options(const bs_drill_options *options, bsi_arena *arena,
                                               const char **out);

/* Hold the backup and make the job, for bsi_job_start(). */
BS_NODISCARD bs_status bsi_drill_prepare(bs_service *service, const bs_drill_options *options,
                                         bsi_job **out);
BS_NODISCARD bs_status bsi_drill_start(bs_service *service, const bs_drill_options *options,
                                       char id_out[BS_ID_SIZE]);

/* Remove the directories of drills that the last process left. */
BS_NODISCARD bs_status bsi_drills_recover(bs_service *service);

/* Compare what was restored beneath `path`; each file that is wrong is reported to env->warn. */
BS_NODISCARD bs_status bsi_drill_compare(const bsi_vault_env *env, const char *manifest_key,
                                         const bsi_sample *sample, const char *path,
                                         uint64_t *wrong_out);

/* --- Infos; see engine/info.h --- */

BS_NODISCARD bs_status bsi_drill_get(bs_service *service, const char *reference,
                                     bs_drill_info **out);
void bsi_drill_info_free(bs_drill_info *info);

BS_NODISCARD bs_status bsi_drill_list(bs_service *service, const bs_drill_filter *filter,
                                      bs_drill_page **out);
void bsi_drill_page_free(bs_drill_page *page);

BS_NODISCARD bs_status bsi_drill_list_reports(bs_service *service, const char *name,
                                              bs_drill_reports **out);
void bsi_drill_reports_free(bs_drill_reports *reports);

#endif
