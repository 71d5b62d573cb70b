/* SPDX-License-Identifier: MIT */
/*
 * A set of settings: the texts that were set over the table's defaults.
 */
#include "engine/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

bs_status bsi_config_new(bs_config **out)
{
    bsi_complaints complaints = {0};
    bs_config *config = bsi_calloc(1, sizeof(*config));

    if (!config) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < BSI_CONFIG_COUNT; i++) {
        (void)bsi_config_check(i, "", "", &config->numbers[i], &complaints);
    }
    BSI_ASSERT(complaints.count == 0);
    *out = config;
    return BS_OK;
}

static void free_value(bs_config *config, size_t index)
{
    if (bsi_config_at(index)->secret) {
        bsi_secret_free(config->secrets[index]);
    } else {
        bsi_free(config->values[index]);
    }
    config->secrets[index] = NULL;
    config->values[index] = NULL;
}

/* A copy of a text; secrets lie where core dumps do not find them. */
static bs_status copy_value(size_t index, const char *value, char **out, bsi_secret **secret_out)
{
    if (bsi_config_at(index)->secret) {
        BSI_TRY(bsi_secret_copy(value, strlen(value) + 1, secret_out));
        *out = (char *)bsi_secret_bytes(*secret_out);
        return BS_OK;
    }
    *out = bsi_strdup(value);
    return *out ? BS_OK : BS_E_NOMEM;
}

void bsi_config_free(bs_config *config)
{
    if (!config) {
        return;
    }
    for (size_t i = 0; i < BSI_CONFIG_COUNT; i++) {
        free_value(config, i);
    }
    bsi_free(config);
}

bs_status bsi_config_copy(const bs_config *config, bs_config **out)
{
    bs_config *copy = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_config_new(&copy));
    for (size_t i = 0; i < BSI_CONFIG_COUNT; i++) {
        copy->numbers[i] = config->numbers[i];
        if (!config->values[i]) {
            continue;
        }
        status = copy_value(i, config->values[i], &copy->values[i], &copy->secrets[i]);
        if (status < 0) {
            bsi_config_free(copy);
            return status;
        }
    }
    *out = copy;
    return BS_OK;
}

/* Whether a text stands for the default: those are not kept. */
static bool is_default(size_t index, const char *value)
{
    return value[0] == '\0' || (bsi_config_at(index)->secret && strncmp(value, "your_", 5) == 0);
}

bs_status bsi_config_put(bs_config *config, size_t index, const char *value, const char *where,
                         bsi_complaints *complaints)
{
    char *copy = NULL;
    bsi_secret *secret = NULL;
    int64_t number = 0;

    if (!bsi_config_check(index, value, where, &number, complaints)) {
        return BS_OK;
    }
    if (!is_default(index, value)) {
        BSI_TRY(copy_value(index, value, &copy, &secret));
    }
    free_value(config, index);
    config->values[index] = copy;
    config->secrets[index] = secret;
    config->numbers[index] = number;
    return BS_OK;
}

const char *bsi_config_text(const bs_config *config, bsi_config_id id)
{
    return config->values[id] ? config->values[id] : bsi_config_at(id)->fallback;
}

int64_t bsi_config_number(const bs_config *config, bsi_config_id id)
{
    return config->numbers[id];
}

bool bsi_config_flag(const bs_config *config, bsi_config_id id)
{
    return config->numbers[id] == 1;
}

/* Instead of the settings of `config` those of `from`, which is freed. */
static void config_take(bs_config *config, bs_config *from)
{
    const bs_config old = *config;

    *config = *from;
    *from = old;
    bsi_config_free(from);
}

bs_status bsi_config_load_env(bs_config *config)
{
    bsi_complaints complaints = {0};
    bs_config *copy = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_config_copy(config, &copy));
    for (size_t i = 0; i < BSI_CONFIG_COUNT && status >= 0; i++) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): the header says that nobody may change it. */
        const char *value = getenv(bsi_config_at(i)->name);
        if (value) {
            status = bsi_config_put(copy, i, value, "", &complaints);
        }
    }
    if (status >= 0) {
        status = bsi_complaints_status(&complaints);
    }
    if (status < 0) {
        bsi_config_free(copy);
        return status;
    }
    config_take(config, copy);
    return BS_OK;
}
