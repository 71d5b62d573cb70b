/* SPDX-License-Identifier: MIT */
/* Started by tests/support/gcs_stub.py or gcs_server.py, beside a server. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "conformance/storage_suite.h"
#include "os/process.h"

enum { PREFIX_SIZE = 16 };

/* Each storage has a prefix of its own, so that it is empty. */
static bs_status open_gcs(void **place, bsi_storage **out)
{
    static unsigned number;
    char prefix[PREFIX_SIZE];
    const char *endpoint = bsi_environment("BSI_GCS_ENDPOINT"); /* Else the usual variable. */
    const bsi_setting settings[] = {
        {"bucket", bsi_environment("BSI_GCS_BUCKET")},
        {"prefix", prefix},
        {"chunk_size_mib", "1"},
        {"list_page_size", "3"},
        {"endpoint", endpoint},
    };

    *place = NULL;
    number++;
    (void)snprintf(prefix, sizeof(prefix), "test/%u", number);
    return bsi_storage_open("google_cloud", settings, BSI_ARRAY_SIZE(settings) - (endpoint ? 0 : 1),
                            NULL, out);
}

static void close_gcs(void *place)
{
    (void)place;
}

int main(void)
{
    static const storage_subject subject = {.name = "google_cloud",
                                            .open = open_gcs,
                                            .close = close_gcs,
                                            .brief = true,
                                            .key_max = 1024 - PREFIX_SIZE};

    return storage_suite_run_one_line(&subject);
}
