/* SPDX-License-Identifier: MIT */
/*
 * Words for what a restore fails at and what it survives.
 */
#include <inttypes.h>

#include "target/state.h"

enum { PRINTABLE_SIZE = 512 };

bs_status bsi_target_fail(bs_status status, bsi_slice path)
{
    char text[PRINTABLE_SIZE];

    return bsi_fail_context(BS_LAYER_TARGET, status, "'%s'",
                            bsi_printable(path.data, path.size, text, sizeof(text)));
}

bs_status bsi_target_leave_out(bsi_target *target, bsi_slice path)
{
    (void)bsi_target_fail(BS_OK, path);
    bsi_warn_last(target->options.warn, path);
    return BS_PARTIAL;
}

bs_status bsi_target_answer(bsi_target *target, bs_status status, bsi_slice path)
{
    if (status >= 0) {
        return status;
    }
    if (status == BS_E_EXISTS) {
        return bsi_target_leave_out(target, path);
    }
    return bsi_target_fail(status, path);
}

void bsi_target_lose(bsi_target *target, bsi_target_loss loss, bs_status status)
{
    bsi_loss_count *count = &target->losses[loss];
    bs_error error = {.code = BS_OK};

    if (status < 0) {
        bsi_error_save(&error);
    }
    bsi_mutex_lock(&target->lock);
    if (count->count == 0) {
        count->first = error;
    }
    count->count++;
    bsi_mutex_unlock(&target->lock);
}

static const struct {
    const char *what;
    const char *why; /* When it was our decision. */
    bs_status code;
} losses[BSI_LOSS_COUNT] = {
    [BSI_LOSS_OWNER] = {"owner or group not set", "needs more rights", BS_E_ACCESS},
    [BSI_LOSS_MODE] = {"mode not set", "", BS_E_UNSUPPORTED},
    [BSI_LOSS_ACL] = {"access control list not set", "not in order", BS_E_UNSUPPORTED},
    [BSI_LOSS_XATTR] = {"extended attribute not set", "not in order", BS_E_UNSUPPORTED},
    [BSI_LOSS_TIME] = {"modification time not set", "", BS_E_UNSUPPORTED},
    [BSI_LOSS_SET_ID] = {"setuid or setgid bit left out", "needs a privileged restore of the owner",
                         BS_E_ACCESS},
    [BSI_LOSS_PRIVILEGED] = {"privileged extended attribute left out", "needs a privileged restore",
                             BS_E_ACCESS},
    [BSI_LOSS_HARD_LINK] = {"hard link restored as a file of its own", "", BS_E_UNSUPPORTED},
};

void bsi_target_report_losses(bsi_target *target)
{
    for (size_t i = 0; i < BSI_LOSS_COUNT; i++) {
        bsi_loss_count lost;

        bsi_mutex_lock(&target->lock);
        lost = target->losses[i];
        target->losses[i].count = 0;
        bsi_mutex_unlock(&target->lock);
        if (lost.count > 0) {
            const bool ours = lost.first.code == BS_OK;
            bsi_warn_new(target->options.warn, bsi_slice_of(""), BS_LAYER_TARGET,
                         ours ? losses[i].code : lost.first.code, "%s, %" PRIu64 " times: %s",
                         losses[i].what, lost.count, ours ? losses[i].why : lost.first.message);
        }
    }
}
