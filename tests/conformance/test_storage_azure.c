/* SPDX-License-Identifier: MIT */
/* Started by tests/support/azure_server.py, beside a server. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "conformance/storage_suite.h"
#include "os/process.h"

enum { PREFIX_SIZE = 16 };

/* Each storage has a prefix of its own, so that it is empty. */
static bs_status open_azure(void **place, bsi_storage **out)
{
    static unsigned number;
    char prefix[PREFIX_SIZE];
    const bsi_setting settings[] = {
        {"connection_string", bsi_environment("BSI_AZURE_CONNECTION_STRING")},
        {"container", bsi_environment("BSI_AZURE_CONTAINER")},
        {"prefix", prefix},
        {"checksums", bsi_environment("BSI_AZURE_CHECKSUMS")},
        {"block_size_mib", "1"},
        {"list_page_size", "3"},
    };

    *place = NULL;
    number++;
    (void)snprintf(prefix, sizeof(prefix), "test/%u", number);
    return bsi_storage_open("azure_blob", settings, BSI_ARRAY_SIZE(settings), NULL, out);
}

static void close_azure(void *place)
{
    (void)place;
}

int main(void)
{
    static const storage_subject subject = {.name = "azure_blob",
                                            .open = open_azure,
                                            .close = close_azure,
                                            .brief = true,
                                            .key_max = 1024 - PREFIX_SIZE};

    return storage_suite_run(&subject);
}
