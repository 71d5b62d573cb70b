/* SPDX-License-Identifier: MIT */
/*
 * Settings that several drivers have, checked.
 */
#include "storage/drivers/settings.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "os/file.h"
#include "storage/storage.h"

enum { PREFIX_MAX = 512 };

bs_status bsi_settings_copy_text(const bs_storage_settings *settings, const char *key, char **own,
                                 const char **out)
{
    const char *text = bs_storage_settings_text(settings, key);

    if (!text || !text[0]) {
        return BS_OK;
    }
    for (const char *at = text; *at; at++) {
        if (*at <= ' ' || *at >= 0x7f) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "%s: takes no blanks", key);
        }
    }
    *own = bsi_strdup(text);
    *out = *own;
    return *own ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_settings_take_number(const bs_storage_settings *settings, const char *key,
                                   uint64_t least, uint64_t most, uint64_t *out)
{
    *out = bs_storage_settings_number(settings, key);
    if (*out < least || *out > most) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "%s: takes %" PRIu64 " to %" PRIu64, key,
                        least, most);
    }
    return BS_OK;
}

bs_status bsi_settings_take_prefix(const bs_storage_settings *settings, char **out)
{
    const char *prefix = bs_storage_settings_text(settings, "prefix");
    const size_t size = prefix ? strlen(prefix) : 0;

    if (size > 0 && (size > PREFIX_MAX || !bsi_storage_key_is_valid(prefix))) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "prefix: takes components apart by single '/', at most %d bytes",
                        PREFIX_MAX);
    }
    *out = bsi_calloc(1, size + 2);
    if (!*out) {
        return BS_E_NOMEM;
    }
    if (size > 0) {
        memcpy(*out, prefix, size);
        (*out)[size] = '/';
    }
    return BS_OK;
}

bs_status bsi_settings_make_http(const bs_storage_settings *settings, bsi_http **out)
{
    const bsi_http_options options = {
        .ca_file = bs_storage_settings_text(settings, "ca_file"),
        .proxy = bs_storage_settings_text(settings, "proxy"),
        .resolve = bs_storage_settings_text(settings, "resolve"),
        .stall_timeout_s = (uint32_t)bs_storage_settings_number(settings, "stall_timeout_s"),
    };

    return bsi_http_new(&options, out);
}

bs_status bsi_settings_read_file(const char *path, bsi_secret *room, size_t *size_out)
{
    int fd = -1;
    bs_status status = BS_OK;

    BSI_TRY(bsi_open(BSI_CWD, path, BSI_OPEN_READ | BSI_OPEN_NONBLOCK, 0, &fd));
    status = bsi_read(fd, bsi_secret_bytes(room), bsi_secret_size(room), size_out);
    bsi_close_quietly(fd);
    return status;
}
