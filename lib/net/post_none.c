/* SPDX-License-Identifier: MIT */
/*
 * In builds without libcurl.
 */
#include "net/post.h"

bool bsi_post_is_there(void)
{
    return false;
}

bs_status bsi_post_send(const bsi_post *post, const bs_call *call, int *code_out)
{
    (void)post;
    (void)call;
    (void)code_out;
    return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED, "this build has no HTTP");
}
