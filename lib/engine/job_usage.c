/* SPDX-License-Identifier: MIT */
/*
 * Processor time, memory and bytes of one job.
 */
#include "engine/job_usage.h"

#include "os/usage.h"

void bsi_job_usage_init(bsi_job_usage *usage)
{
    bsi_usage_init(&usage->counted);
    usage->peak_before = 0;
    atomic_init(&usage->peak, 0);
}

void bsi_job_usage_dispose(bsi_job_usage *usage)
{
    bsi_usage_dispose(&usage->counted);
}

void bsi_job_usage_begin(bsi_job_usage *usage)
{
    usage->peak_before = bsi_memory_now().peak;
    bsi_job_usage_look(usage);
    bsi_usage_enter(&usage->counted);
}

void bsi_job_usage_end(bsi_job_usage *usage)
{
    bsi_usage_leave(&usage->counted);
    bsi_job_usage_look(usage);
}

void bsi_job_usage_look(bsi_job_usage *usage)
{
    const bsi_memory_usage now = bsi_memory_now();
    const uint64_t seen = now.peak > usage->peak_before ? now.peak : now.resident;
    uint64_t peak = atomic_load(&usage->peak);

    while (peak < seen && !atomic_compare_exchange_weak(&usage->peak, &peak, seen)) {
    }
}

bsi_row_usage bsi_job_usage_read(const bsi_job_usage *usage)
{
    return (bsi_row_usage){
        .cpu_ns = atomic_load(&usage->counted.cpu_ns),
        .peak_memory = atomic_load(&usage->peak),
        .bytes_sent = atomic_load(&usage->counted.bytes_sent),
        .bytes_received = atomic_load(&usage->counted.bytes_received),
    };
}

bs_usage bsi_info_usage(const bsi_row_usage *usage)
{
    return (bs_usage){
        .cpu_seconds = (double)usage->cpu_ns / 1e9,
        .peak_memory_bytes = usage->peak_memory,
        .bytes_sent = usage->bytes_sent,
        .bytes_received = usage->bytes_received,
    };
}
