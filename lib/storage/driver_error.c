/* SPDX-License-Identifier: MIT */
/*
 * What drivers outside of this library call back for: their errors, and whether
 * they are still wanted.
 */
#include <backupsvc/sys/error.h>

#include "base/error.h"
#include "storage/storage.h"

bs_status bs_error_set(bs_status code, const char *message)
{
    return bsi_fail(BS_LAYER_STORAGE, code, "%s", message ? message : bs_status_text(code));
}

bs_status bs_error_set_os(int32_t os_code, const char *message)
{
    return bsi_fail_os(BS_LAYER_STORAGE, os_code, "%s", message ? message : "storage");
}

void bs_error_set_retry(bs_retry retry, uint32_t retry_after_ms)
{
    bsi_error_set_retry(retry, retry_after_ms);
}

bool bs_call_cancelled(const bs_call *call)
{
    bs_error before;
    bool cancelled = false;

    bsi_error_save(&before);
    cancelled = bsi_call_check(call) < 0;
    bsi_error_restore(&before);
    return cancelled;
}
