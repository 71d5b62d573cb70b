/* SPDX-License-Identifier: MIT */
/*
 * Options from JSON.
 */
#include <backupsvc/json.h>

#include "api/check.h"
#include "engine/options_read.h"

bs_status bs_backup_options_from_json(const char *text, size_t size, bs_backup_options **out)
{
    BSI_REQUIRE(text);
    BSI_REQUIRE(out);
    return bsi_backup_options_read(text, size, out);
}

void bs_backup_options_free(bs_backup_options *options)
{
    bsi_backup_options_free(options);
}

bs_status bs_restore_options_from_json(const char *text, size_t size, bs_restore_options **out)
{
    BSI_REQUIRE(text);
    BSI_REQUIRE(out);
    return bsi_restore_options_read(text, size, out);
}

void bs_restore_options_free(bs_restore_options *options)
{
    bsi_restore_options_free(options);
}

bs_status bs_drill_options_from_json(const char *text, size_t size, bs_drill_options **out)
{
    BSI_REQUIRE(text);
    BSI_REQUIRE(out);
    return bsi_drill_options_read(text, size, out);
}

void bs_drill_options_free(bs_drill_options *options)
{
    bsi_drill_options_free(options);
}

bs_status bs_retention_options_from_json(const char *text, size_t size, bs_retention_options **out)
{
    BSI_REQUIRE(text);
    BSI_REQUIRE(out);
    return bsi_retention_options_read(text, size, out);
}

void bs_retention_options_free(bs_retention_options *options)
{
    bsi_retention_options_free(options);
}

bs_status bs_pin_options_from_json(const char *text, size_t size, bs_pin_options **out)
{
    BSI_REQUIRE(text);
    BSI_REQUIRE(out);
    return bsi_pin_options_read(text, size, out);
}

void bs_pin_options_free(bs_pin_options *options)
{
    bsi_pin_options_free(options);
}

bs_status bs_schedule_options_from_json(const char *text, size_t size, bs_schedule_options **out)
{
    BSI_REQUIRE(text);
    BSI_REQUIRE(out);
    return bsi_schedule_options_read(text, size, out);
}

void bs_schedule_options_free(bs_schedule_options *options)
{
    bsi_schedule_options_free(options);
}
