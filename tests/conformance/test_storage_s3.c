/* SPDX-License-Identifier: MIT */
/* Started by tests/support/s3_server.py, beside a server. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "conformance/storage_suite.h"
#include "os/process.h"

enum { PREFIX_SIZE = 16 };

/* Each storage has a prefix of its own, so that it is empty. */
static bs_status open_s3(void **place, bsi_storage **out)
{
    static unsigned number;
    char prefix[PREFIX_SIZE];
    const bsi_setting settings[] = {
        {"endpoint", bsi_environment("BSI_S3_ENDPOINT")},
        {"bucket", bsi_environment("BSI_S3_BUCKET")},
        {"prefix", prefix},
        {"conditional_put", "true"},
        {"part_size_mib", "5"},
        {"list_page_size", "3"},
    };

    *place = NULL;
    number++;
    (void)snprintf(prefix, sizeof(prefix), "test/%u", number);
    return bsi_storage_open("s3", settings, BSI_ARRAY_SIZE(settings), NULL, out);
}

static void close_s3(void *place)
{
    (void)place;
}

int main(void)
{
    static const storage_subject subject = {"s3", open_s3, close_s3,
                                            true, true,    1024 - PREFIX_SIZE};

    return storage_suite_run(&subject);
}
