/* SPDX-License-Identifier: MIT */
/*
 * Log files.
 */
#include "engine/log_file.h"

#include "api/check.h"

bs_status bs_log_file_open(bs_config *config, bs_log_cb trouble, void *user, bs_log_file **out)
{
    BSI_REQUIRE(config);
    BSI_REQUIRE(out);
    return bsi_log_file_open(config, trouble, user, out);
}

void bs_log_file_write(bs_log_level level, const char *module, const char *message, void *file)
{
    if (file && module && message) {
        bsi_log_file_write(file, level, module, message);
    }
}

void bs_log_file_close(bs_log_file *file)
{
    bsi_log_file_close(file);
}
