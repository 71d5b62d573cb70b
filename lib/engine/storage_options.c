/* SPDX-License-Identifier: MIT */
/*
 * Settings that storages of every type have.
 */
#include "engine/storage_options.h"

#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "engine/complaints.h"
#include "engine/storage_open.h"
#include "text/size.h"

enum { REQUESTS_MAX = 1000 };

/* Bytes of a cache. */
#define CACHE_MIN (UINT64_C(1) << 20)
#define CACHE_MAX (UINT64_C(1) << 40)

/* What is read so far, and what is wrong with it. */
typedef struct reading {
    bsi_common_options *options;
    bsi_complaints complaints;
    bool read_only;
    bool append_only;
} reading;

/* --- One setting --- */

static void take_flag(reading *self, const char *key, const char *value, bool *out)
{
    *out = strcmp(value, "true") == 0;
    if (!*out && strcmp(value, "false") != 0) {
        bsi_complain_invalid(&self->complaints, "setting '%s': is neither true nor false", key);
    }
}

static void take_read_only(reading *self, const char *key, const char *value)
{
    take_flag(self, key, value, &self->read_only);
}

static void take_append_only(reading *self, const char *key, const char *value)
{
    take_flag(self, key, value, &self->append_only);
}

static void take_rate(reading *self, const char *key, const char *value, bsi_timetable *out)
{
    if (bsi_timetable_parse(value, out) < 0) {
        bsi_complain(&self->complaints, bs_error_last()->code, bs_error_last()->layer,
                     "setting '%s': %s", key, bs_error_last()->message);
    }
}

static void take_upload(reading *self, const char *key, const char *value)
{
    take_rate(self, key, value, &self->options->limits.upload);
}

static void take_download(reading *self, const char *key, const char *value)
{
    take_rate(self, key, value, &self->options->limits.download);
}

static void take_requests(reading *self, const char *key, const char *value)
{
    uint32_t number = 0;
    size_t digits = 0;

    if (strcmp(value, "off") == 0) {
        self->options->limits.requests = 0;
        return;
    }
    while (bsi_is_digit(value[digits]) && number <= REQUESTS_MAX) {
        number = number * 10 + (uint32_t)(value[digits++] - '0');
    }
    if (digits == 0 || value[digits] != '\0' || number < 1 || number > REQUESTS_MAX) {
        bsi_complain_invalid(&self->complaints, "setting '%s': takes 1 to %d, or off", key,
                             REQUESTS_MAX);
        return;
    }
    self->options->limits.requests = number;
}

static void take_cache_size(reading *self, const char *key, const char *value)
{
    uint64_t size = 0;

    if (strcmp(value, "off") == 0) {
        return;
    }
    if (bsi_size_parse(value, &size) < 0 || size < CACHE_MIN || size > CACHE_MAX) {
        bsi_complain_invalid(&self->complaints,
                             "setting '%s': takes a size from 1MiB to 1TiB, such as 256MiB, or off",
                             key);
        return;
    }
    self->options->cache_size = size;
}

static const struct common_option {
    const char *key;
    bool is_limit; /* It can be changed while the storage is at work. */
    void (*take)(reading *self, const char *key, const char *value);
} common[] = {
    {"read_only", false, take_read_only},    {"append_only", false, take_append_only},
    {"limit_upload", true, take_upload},     {"limit_download", true, take_download},
    {"limit_requests", true, take_requests}, {"cache_size", false, take_cache_size},
};

static const struct common_option *find(const char *key)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(common); i++) {
        if (strcmp(common[i].key, key) == 0) {
            return &common[i];
        }
    }
    return NULL;
}

bool bsi_common_option_has(const char *driver, const char *key)
{
    return find(key) && !bsi_storage_option_of(driver, key);
}

/* --- All of them --- */

/* `pair` has both of its texts. */
static bool comes_again(const char *const *pair)
{
    const char *const *later = pair + 2;

    while (later[0] && later[1] && strcmp(pair[0], later[0]) != 0) {
        later += 2;
    }
    return later[0] && strcmp(pair[0], later[0]) == 0;
}

static void take(reading *self, const char *const *pair)
{
    const struct common_option *option = find(pair[0]);

    if (comes_again(pair)) {
        bsi_complain_invalid(&self->complaints, "setting '%s' comes twice", pair[0]);
    } else {
        option->take(self, pair[0], pair[1]);
    }
}

static void take_all(reading *self, const char *driver, const char *const *settings)
{
    for (; settings && settings[0] && settings[1]; settings += 2) {
        if (bsi_common_option_has(driver, settings[0])) {
            take(self, settings);
        }
    }
    if (self->read_only && self->append_only) {
        bsi_complain_invalid(&self->complaints,
                             "settings 'read_only' and 'append_only': one of them at most");
    }
    self->options->guard = self->append_only ? BSI_GUARD_APPEND_ONLY : BSI_GUARD_NOTHING;
    self->options->guard = self->read_only ? BSI_GUARD_READ_ONLY : self->options->guard;
}

bs_status bsi_common_options_read(const char *driver, const char *const *settings,
                                  bsi_common_options *out)
{
    reading self = {.options = bsi_calloc(1, sizeof(*out))};
    bs_status status = self.options ? BS_OK : BS_E_NOMEM;

    if (status == BS_OK) {
        take_all(&self, driver, settings);
        status = bsi_complaints_status(&self.complaints);
    }
    if (status == BS_OK) {
        *out = *self.options;
    }
    bsi_free(self.options);
    return status;
}

static void take_limit(reading *self, const char *driver, const char *const *pair)
{
    const struct common_option *option = find(pair[0]);
    char shown[64];

    if (option && option->is_limit && pair[1] && bsi_common_option_has(driver, pair[0])) {
        take(self, pair);
        return;
    }
    bsi_complain_invalid(&self->complaints,
                         "'%s' is no limit: there are limit_upload, limit_download and "
                         "limit_requests, each with its value",
                         bsi_printable(pair[0], strlen(pair[0]), shown, sizeof(shown)));
}

static void take_limits(reading *self, const char *driver, const char *const *settings)
{
    while (settings && settings[0]) {
        take_limit(self, driver, settings);
        settings = settings[1] ? settings + 2 : NULL;
    }
}

bs_status bsi_limits_read(const char *driver, const char *const *settings, bsi_limits_plan *out)
{
    reading self = {.options = bsi_calloc(1, sizeof(*self.options))};
    bs_status status = self.options ? BS_OK : BS_E_NOMEM;

    if (status == BS_OK) {
        self.options->limits = *out;
        take_limits(&self, driver, settings);
        status = bsi_complaints_status(&self.complaints);
    }
    if (status == BS_OK) {
        *out = self.options->limits;
    }
    bsi_free(self.options);
    return status;
}
