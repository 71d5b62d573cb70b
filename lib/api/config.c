/* SPDX-License-Identifier: MIT */
/*
 * Settings by name.
 */
#include "engine/config.h"

#include <string.h>

#include "api/check.h"

bs_status bs_config_new(bs_config **out)
{
    BSI_REQUIRE(out);
    return bsi_config_new(out);
}

void bs_config_free(bs_config *config)
{
    bsi_config_free(config);
}

bs_status bs_config_set(bs_config *config, const char *name, const char *value)
{
    bsi_complaints complaints = {0};
    char shown[80];
    const char *nearest = NULL;
    int index = 0;

    BSI_REQUIRE(config);
    BSI_REQUIRE(name);
    BSI_REQUIRE(value);
    index = bsi_config_find(name, strlen(name));
    if (index < 0) {
        bsi_printable(name, strlen(name), shown, sizeof(shown));
        nearest = bsi_config_nearest(name, strlen(name), strlen(name) / 3);
        if (nearest) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND,
                            "there is no setting '%s'; is %s meant?", shown, nearest);
        }
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "there is no setting '%s'", shown);
    }
    BSI_TRY(bsi_config_put(config, (size_t)index, value, "", &complaints));
    return bsi_complaints_status(&complaints);
}

const char *bs_config_get(bs_config *config, const char *name)
{
    const int index = config && name ? bsi_config_find(name, strlen(name)) : -1;

    return index < 0 ? NULL : bsi_config_text(config, (bsi_config_id)index);
}

bool bs_config_is_set(bs_config *config, const char *name)
{
    const int index = config && name ? bsi_config_find(name, strlen(name)) : -1;

    return index >= 0 && config->values[index];
}

bs_status bs_config_load_env(bs_config *config)
{
    BSI_REQUIRE(config);
    return bsi_config_load_env(config);
}

bs_status bs_config_load_file(bs_config *config, const char *path)
{
    BSI_REQUIRE(config);
    BSI_REQUIRE(path);
    return bsi_config_load_file(config, path);
}
