/* SPDX-License-Identifier: MIT */
#ifndef SCHEDULE_OUTPUT_H
#define SCHEDULE_OUTPUT_H

#include "tool.h"

/* How schedules are shown, to people and as JSON. */
void schedule_show_list(const tool_run *tool, const bs_schedule_page *page,
                        const bs_schedule_filter *filter);
void schedule_show(const tool_run *tool, const bs_schedule_info *info,
                   const bs_schedule_runs *runs);
void schedule_show_times(const tool_run *tool, const bs_schedule_times *times);

#endif
