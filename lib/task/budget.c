/* SPDX-License-Identifier: MIT */
#include "task/budget.h"

#include <inttypes.h>

uint64_t bsi_budget_used(const bsi_budget *budget)
{
    return atomic_load(&budget->stored) + atomic_load(&budget->on_way);
}

bs_status bsi_spend(bsi_spending *spending, uint64_t bytes)
{
    bsi_budget *budget = spending ? spending->budget : NULL;

    if (!budget) {
        return BS_OK;
    }
    atomic_fetch_add(&budget->on_way, bytes);
    if (budget->limit != 0 && bsi_budget_used(budget) > budget->limit) {
        atomic_fetch_sub(&budget->on_way, bytes);
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NO_SPACE,
                        "the storage would hold more than the %" PRIu64
                        " bytes that MAX_STORAGE_SIZE allows",
                        budget->limit);
    }
    atomic_fetch_add(&spending->bytes, bytes);
    return BS_OK;
}

void bsi_spend_back(bsi_spending *spending, uint64_t bytes)
{
    if (spending && spending->budget) {
        atomic_fetch_sub(&spending->budget->on_way, bytes);
        atomic_fetch_sub(&spending->bytes, bytes);
    }
}

void bsi_spending_end(bsi_spending *spending)
{
    if (spending) {
        bsi_spend_back(spending, atomic_load(&spending->bytes));
    }
}
