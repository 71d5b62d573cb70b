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

/* The compiler must not leave this out as having no effect. */
static void wipe(char *text)
{
    volatile char *at = text;

    while (*at) {
        *at++ = 0;
    }
}

static void free_value(bs_config *config, size_t index)
{
    if (config->values[index] && bsi_config_at(index)->secret) {
        wipe(config->values[index]);
    }
    bsi_free(config->values[index]);
    config->values[index] = NULL;
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

    BSI_TRY(bsi_config_new(&copy));
    for (size_t i = 0; i < BSI_CONFIG_COUNT; i++) {
        copy->numbers[i] = config->numbers[i];
        if (!config->values[i]) {
            continue;
        }
        copy->values[i] = bsi_strdup(config->values[i]);
        if (!copy->values[i]) {
            bsi_config_free(copy);
            return BS_E_NOMEM;
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
    int64_t number = 0;

    if (!bsi_config_check(index, value, where, &number, complaints)) {
        return BS_OK;
    }
    if (!is_default(index, value)) {
        copy = bsi_strdup(value);
        if (!copy) {
            return BS_E_NOMEM;
        }
    }
    free_value(config, index);
    config->values[index] = copy;
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
