/* SPDX-License-Identifier: MIT */
/*
 * Which drivers there are, and whether settings suit them.
 *
 * The list is fixed once the first storage is opened, so that it can be read
 * without a lock from then on.
 */
#include <stddef.h>
#include <string.h>

#include "base/utf8.h"
#include "os/thread.h"
#include "storage/drivers/drivers.h"
#include "storage/storage_int.h"

static const bs_storage_driver *const own_drivers[] = {
    &bsi_storage_driver_local,      &bsi_storage_driver_mem,
#ifdef BSI_FTP
    &bsi_storage_driver_ftp,
#endif
#ifdef BSI_REMOTE
    &bsi_storage_driver_azure_blob, &bsi_storage_driver_gcs,
    &bsi_storage_driver_rclone,     &bsi_storage_driver_s3,
#endif
#ifdef BSI_SFTP
    &bsi_storage_driver_sftp,
#endif
};

enum { OWN_COUNT = BSI_ARRAY_SIZE(own_drivers), ADDED_MAX = 32 };

/* Guards what follows until `frozen`, which never goes back. */
static bsi_mutex registry_lock = PTHREAD_MUTEX_INITIALIZER;
static const bs_storage_driver *added_drivers[ADDED_MAX];
static size_t added_count;
static bool frozen;

static void freeze(void)
{
    bsi_mutex_lock(&registry_lock);
    frozen = true;
    bsi_mutex_unlock(&registry_lock);
}

static const bs_storage_driver *driver_at(size_t index)
{
    if (index < OWN_COUNT) {
        return own_drivers[index];
    }
    return index - OWN_COUNT < added_count ? added_drivers[index - OWN_COUNT] : NULL;
}

static const bs_storage_driver *find(const char *scheme)
{
    const bs_storage_driver *driver = NULL;

    for (size_t i = 0; (driver = driver_at(i)) != NULL; i++) {
        if (strcmp(driver->scheme, scheme) == 0) {
            return driver;
        }
    }
    return NULL;
}

const bs_storage_driver *bsi_storage_driver_at(size_t index)
{
    freeze();
    return driver_at(index);
}

static bool scheme_is_valid(const char *scheme)
{
    return scheme && scheme[0] != '\0' && strlen(scheme) <= 32 &&
           scheme[strspn(scheme, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* The mandatory methods end with put_abort(); an older table may end there. */
static bool ops_are_usable(const bs_storage_ops *ops)
{
    return ops && ops->struct_size >= offsetof(bs_storage_ops, rename) &&
           bsi_storage_ops_complete(ops);
}

static bs_status add_locked(const bs_storage_driver *driver)
{
    if (frozen) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_BUSY,
                        "drivers are registered before the first storage is opened");
    }
    if (find(driver->scheme)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_EXISTS, "there is a storage driver '%s' already",
                        driver->scheme);
    }
    if (added_count == ADDED_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_LIMIT, "more than %d storage drivers", ADDED_MAX);
    }
    added_drivers[added_count] = driver;
    added_count++;
    return BS_OK;
}

bs_status bs_storage_driver_register(const bs_storage_driver *driver)
{
    bs_status status = BS_OK;

    if (!driver || driver->struct_size < sizeof(*driver) || !scheme_is_valid(driver->scheme)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "a storage driver without a proper scheme");
    }
    if (!ops_are_usable(driver->ops)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "storage driver '%s' lacks a mandatory method", driver->scheme);
    }
    bsi_mutex_lock(&registry_lock);
    status = add_locked(driver);
    bsi_mutex_unlock(&registry_lock);
    return status;
}

bs_status bsi_storage_driver_find(const char *scheme, const bs_storage_driver **out)
{
    char names[512] = "";
    char shown[64];
    const bs_storage_driver *driver = NULL;

    freeze();
    driver = find(scheme);
    if (driver) {
        *out = driver;
        return BS_OK;
    }
    for (size_t i = 0; (driver = driver_at(i)) != NULL; i++) {
        const size_t used = strlen(names);
        if (used + strlen(driver->scheme) + 3 > sizeof(names)) {
            break;
        }
        memcpy(names + used, ", ", 3);
        memcpy(names + used + (used > 0 ? 2 : 0), driver->scheme, strlen(driver->scheme) + 1);
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED,
                    "no storage driver '%s' in this build; there are: %s",
                    bsi_printable(scheme, strlen(scheme), shown, sizeof(shown)), names);
}

static const bs_storage_option *find_option(const bs_storage_driver *driver, const char *key)
{
    const bs_storage_option *option = driver ? driver->options : NULL;

    while (option && option->key && strcmp(option->key, key) != 0) {
        option++;
    }
    return option && option->key ? option : NULL;
}

/* False unless all of `text` is digits below 2^64. */
static bool parse_number(const char *text, uint64_t *out)
{
    uint64_t value = 0;

    if (text[0] == '\0') {
        return false;
    }
    for (; *text; text++) {
        const uint64_t digit = (uint64_t)(uint8_t)*text - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static bs_status check_value(const bs_storage_option *option, const char *value)
{
    uint64_t number = 0;

    if (!bsi_utf8_valid(value, strlen(value)) && option->type != BS_STORAGE_OPTION_TEXT &&
        option->type != BS_STORAGE_OPTION_PATH) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "setting '%s' is not UTF-8", option->key);
    }
    if (option->type == BS_STORAGE_OPTION_NUMBER && !parse_number(value, &number)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "setting '%s' is no whole number",
                        option->key);
    }
    if (option->type == BS_STORAGE_OPTION_FLAG && strcmp(value, "true") != 0 &&
        strcmp(value, "false") != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "setting '%s' is neither true nor false",
                        option->key);
    }
    if (option->required && value[0] == '\0') {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "setting '%s' is empty", option->key);
    }
    return BS_OK;
}

static const bsi_setting *find_setting(const bsi_setting *settings, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(settings[i].key, key) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

static bs_status check_setting(const bs_storage_driver *driver, const char *scheme,
                               const bsi_setting *settings, size_t index)
{
    const char *key = settings[index].key;
    const bs_storage_option *option = find_option(driver, key);
    char shown[64];

    if (!option) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "storage '%s' has no setting '%s'", scheme,
                        bsi_printable(key, strlen(key), shown, sizeof(shown)));
    }
    if (find_setting(settings, index, key)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "setting '%s' comes twice", option->key);
    }
    return check_value(option, settings[index].value);
}

bs_status bsi_storage_check_settings(const char *scheme, const bsi_setting *settings, size_t count)
{
    const bs_storage_driver *driver = NULL;
    bs_status status = bsi_storage_driver_find(scheme, &driver);

    for (size_t i = 0; status == BS_OK && i < count; i++) {
        status = check_setting(driver, scheme, settings, i);
    }
    if (status < 0) {
        return status;
    }
    BSI_CHECK(driver);
    for (const bs_storage_option *option = driver->options; option && option->key; option++) {
        if (option->required && !find_setting(settings, count, option->key)) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "storage '%s' needs setting '%s'",
                            scheme, option->key);
        }
    }
    return BS_OK;
}

const char *bs_storage_settings_text(const bs_storage_settings *settings, const char *key)
{
    const bsi_setting *setting = find_setting(settings->items, settings->count, key);

    if (setting) {
        return setting->value;
    }
    for (const bs_storage_option *option = settings->options; option && option->key; option++) {
        if (strcmp(option->key, key) == 0) {
            return option->fallback;
        }
    }
    return NULL;
}

uint64_t bs_storage_settings_number(const bs_storage_settings *settings, const char *key)
{
    const char *text = bs_storage_settings_text(settings, key);
    uint64_t number = 0;

    return text && parse_number(text, &number) ? number : 0;
}

bool bs_storage_settings_flag(const bs_storage_settings *settings, const char *key)
{
    const char *text = bs_storage_settings_text(settings, key);

    return text && strcmp(text, "true") == 0;
}
