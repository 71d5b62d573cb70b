/* SPDX-License-Identifier: MIT */
#include "conformance/storage_suite.h"

static bs_status open_mem(void **place, bsi_storage **out)
{
    *place = NULL;
    return bsi_storage_open("mem", NULL, 0, NULL, out);
}

static void close_mem(void *place)
{
    (void)place;
}

int main(void)
{
    static const storage_subject subject = {"mem", open_mem, close_mem, false, false, 0};

    return storage_suite_run(&subject);
}
