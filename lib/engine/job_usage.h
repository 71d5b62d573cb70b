/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_JOB_USAGE_H
#define BSI_ENGINE_JOB_USAGE_H

#include <backupsvc/backup.h>

#include "catalog/rows.h"
#include "task/usage.h"

/*
 * What a job takes of the machine while it runs. Memory is that of the whole
 * process: what is in memory is looked at whenever progress is told, and when the
 * process had never had so much before, the system knows the peak in between.
 */
typedef struct bsi_job_usage {
    bsi_usage counted;
    uint64_t peak_before; /* Of the process, when the job began. */
    atomic_uint_least64_t peak;
} bsi_job_usage;

void bsi_job_usage_init(bsi_job_usage *usage);
void bsi_job_usage_dispose(bsi_job_usage *usage);

/* On the thread that runs the job: before and after its work. */
void bsi_job_usage_begin(bsi_job_usage *usage);
void bsi_job_usage_end(bsi_job_usage *usage);

/* Look at the memory. Any thread. */
void bsi_job_usage_look(bsi_job_usage *usage);

bsi_row_usage bsi_job_usage_read(const bsi_job_usage *usage);

/* As programs see it. */
bs_usage bsi_info_usage(const bsi_row_usage *usage);

#endif
