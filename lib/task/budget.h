/* SPDX-License-Identifier: MIT */
#ifndef BSI_TASK_BUDGET_H
#define BSI_TASK_BUDGET_H

#include <stdatomic.h>

#include "base/error.h"

/*
 * How many bytes a storage may hold: what lies there, and what jobs under way
 * have put there so far. Any thread.
 */
typedef struct bsi_budget {
    uint64_t limit; /* 0: there is none. */
    atomic_uint_least64_t stored;
    atomic_uint_least64_t on_way;
} bsi_budget;

/* What one job has taken out of a budget. Zeroed: it has none to keep to. */
typedef struct bsi_spending {
    bsi_budget *budget;
    atomic_uint_least64_t bytes;
} bsi_spending;

/* Bytes that are taken, now. */
uint64_t bsi_budget_used(const bsi_budget *budget);

/* Take some: BS_E_NO_SPACE of layer STORAGE, and nothing is taken, when there are not so many
 * left. NULL stands for no budget, also below. */
BS_NODISCARD bs_status bsi_spend(bsi_spending *spending, uint64_t bytes);

/* They were not stored after all. */
void bsi_spend_back(bsi_spending *spending, uint64_t bytes);

/* The job is over: what it has stored counts by itself now. */
void bsi_spending_end(bsi_spending *spending);

#endif
