/* SPDX-License-Identifier: MIT */
/*
 * The settings of ftp, checked.
 */
#include "storage/drivers/ftp_config.h"

#include <string.h>

#include "base/alloc.h"
#include "os/locked.h"

enum {
    PORT_MAX = 65535,
    PORT_USUAL = 21,
    PORT_IMPLICIT = 990,
    SECONDS_MAX = 24 * 60 * 60,
    MS_PER_S = 1000,
    HOST_MAX = 255,
    SECRET_MAX = 4096,
};

const bs_storage_option bsi_ftp_options[] = {
    {.key = "host",
     .type = BS_STORAGE_OPTION_TEXT,
     .required = true,
     .help = "Name or address of the server."},
    {.key = "port",
     .type = BS_STORAGE_OPTION_NUMBER,
     .help = "The server's port; 21, or 990 with implicit TLS."},
    {.key = "user",
     .type = BS_STORAGE_OPTION_TEXT,
     .required = true,
     .help = "Whose account on the server is used."},
    {.key = "password",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "The user's password on the server."},
    {.key = "path",
     .type = BS_STORAGE_OPTION_TEXT,
     .required = true,
     .help = "Directory on the server that holds the objects; without '/' in front, below the "
             "user's own."},
    {.key = "tls",
     .type = BS_STORAGE_OPTION_TEXT,
     .fallback = "explicit",
     .help = "explicit: encrypted by AUTH TLS; implicit: from the first byte on; none: not "
             "encrypted, so that whoever listens has the password and all data."},
    {.key = "ca_file",
     .type = BS_STORAGE_OPTION_PATH,
     .help = "File with certificates, PEM, of who may sign the server's; the system's without."},
    {.key = "active",
     .type = BS_STORAGE_OPTION_FLAG,
     .fallback = "false",
     .help = "Let the server connect to us for data."},
    {.key = "connections",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "4",
     .help = "How many connections work at the same time besides those of uploads, 1 to 16."},
    {.key = "connect_timeout_s",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "20",
     .help = "Seconds for connecting."},
    {.key = "idle_timeout_s",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "120",
     .help = "Seconds that the server may be silent while it owes an answer."},
    {.key = "create",
     .type = BS_STORAGE_OPTION_FLAG,
     .fallback = "true",
     .help = "Make the directory when it is missing."},
    {.key = NULL},
};

static bs_status refuse(const char *key, const char *what)
{
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "setting '%s' %s", key, what);
}

/* What goes into commands, and into an address. */
static bs_status check_text(const char *key, const char *text, size_t most)
{
    if (strlen(text) > most) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "setting '%s' has more than %zu bytes", key,
                        most);
    }
    for (; *text; text++) {
        if ((uint8_t)*text < 0x20 || *text == 0x7f) {
            return refuse(key, "has a control byte");
        }
    }
    return BS_OK;
}

/* A copy of a text, or NULL where there is none or an empty one. */
static bs_status take_text(const bs_storage_settings *settings, const char *key, size_t most,
                           char **out)
{
    const char *text = bs_storage_settings_text(settings, key);

    if (!text || text[0] == '\0') {
        return BS_OK;
    }
    BSI_TRY(check_text(key, text, most));
    *out = bsi_strdup(text);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status take_password(const bs_storage_settings *settings, bsi_ftp_target *out)
{
    const char *text = bs_storage_settings_text(settings, "password");
    void *pages = NULL;

    if (!text || text[0] == '\0') {
        return BS_OK;
    }
    BSI_TRY(check_text("password", text, SECRET_MAX));
    BSI_TRY(bsi_locked_map(strlen(text) + 1, &pages));
    out->password = pages;
    out->password_size = strlen(text);
    memcpy(out->password, text, out->password_size);
    return BS_OK;
}

static bs_status take_number(const bs_storage_settings *settings, const char *key, uint64_t most,
                             uint32_t *out)
{
    const uint64_t number = bs_storage_settings_number(settings, key);

    if (number < 1 || number > most) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "setting '%s' takes 1 to %u", key,
                        (unsigned)most);
    }
    *out = (uint32_t)number;
    return BS_OK;
}

static bs_status take_numbers(const bs_storage_settings *settings, bsi_ftp_config *out)
{
    uint32_t number = 0;

    if (bs_storage_settings_text(settings, "port")) {
        BSI_TRY(take_number(settings, "port", PORT_MAX, &number));
        out->target.port = (uint16_t)number;
    } else {
        out->target.port = out->target.tls == BSI_FTP_TLS_IMPLICIT ? PORT_IMPLICIT : PORT_USUAL;
    }
    BSI_TRY(take_number(settings, "connections", BSI_FTP_CONNECTIONS_MAX, &number));
    out->connections = (uint16_t)number;
    BSI_TRY(take_number(settings, "connect_timeout_s", SECONDS_MAX, &number));
    out->target.connect_ms = number * MS_PER_S;
    BSI_TRY(take_number(settings, "idle_timeout_s", SECONDS_MAX, &number));
    out->target.idle_ms = number * MS_PER_S;
    return BS_OK;
}

static bs_status take_tls(const bs_storage_settings *settings, bsi_ftp_target *out)
{
    static const struct {
        const char *word;
        bsi_ftp_tls tls;
    } words[] = {
        {"explicit", BSI_FTP_TLS_EXPLICIT},
        {"implicit", BSI_FTP_TLS_IMPLICIT},
        {"none", BSI_FTP_TLS_NONE},
    };
    const char *text = bs_storage_settings_text(settings, "tls");

    for (size_t i = 0; i < BSI_ARRAY_SIZE(words); i++) {
        if (strcmp(text, words[i].word) == 0) {
            out->tls = words[i].tls;
            return BS_OK;
        }
    }
    return refuse("tls", "takes explicit, implicit or none");
}

/* Nothing that would end the name of a host in an address. */
static bs_status check_host(const char *host)
{
    return strpbrk(host, "/@?#%[] ") ? refuse("host", "is no name or address of a host") : BS_OK;
}

static void trim_root(char *root)
{
    size_t size = strlen(root);

    while (size > 1 && root[size - 1] == '/') {
        size--;
    }
    root[size] = '\0';
}

bs_status bsi_ftp_config_read(const bs_storage_settings *settings, bsi_ftp_config *out)
{
    BSI_TRY(take_tls(settings, &out->target));
    BSI_TRY(take_numbers(settings, out));
    BSI_TRY(take_text(settings, "host", HOST_MAX, &out->target.host));
    BSI_TRY(take_text(settings, "user", HOST_MAX, &out->target.user));
    BSI_TRY(take_text(settings, "path", BSI_FTP_ROOT_MAX, &out->root));
    BSI_TRY(take_text(settings, "ca_file", BS_STORAGE_KEY_MAX, &out->target.ca_file));
    BSI_TRY(take_password(settings, &out->target));
    BSI_TRY(check_host(out->target.host));
    out->target.active = bs_storage_settings_flag(settings, "active");
    out->create = bs_storage_settings_flag(settings, "create");
    trim_root(out->root);
    return BS_OK;
}

void bsi_ftp_config_dispose(bsi_ftp_config *config)
{
    bsi_ftp_target *target = &config->target;

    bsi_free(target->host);
    bsi_free(target->user);
    bsi_free(target->ca_file);
    bsi_free(config->root);
    if (target->password) {
        explicit_bzero(target->password, target->password_size);
        bsi_locked_unmap(target->password, target->password_size + 1);
    }
}
