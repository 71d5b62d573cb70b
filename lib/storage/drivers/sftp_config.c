/* SPDX-License-Identifier: MIT */
/*
 * The settings of sftp, checked.
 */
#include "storage/drivers/sftp_config.h"

#include <string.h>

#include "base/alloc.h"
#include "os/locked.h"
#include "storage/drivers/sftp_link.h"

enum {
    PORT_MAX = 65535,
    SECONDS_MAX = 24 * 60 * 60,
    MS_PER_S = 1000,
    HOST_MAX = 255,
    SECRET_MAX = 16 * 1024,
};

static const char fingerprint_prefix[] = "SHA256:";
enum { FINGERPRINT_DIGITS = 43 };

const bs_storage_option bsi_sftp_options[] = {
    {.key = "host",
     .type = BS_STORAGE_OPTION_TEXT,
     .required = true,
     .help = "Name or address of the server."},
    {.key = "port",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "22",
     .help = "The server's port."},
    {.key = "user",
     .type = BS_STORAGE_OPTION_TEXT,
     .required = true,
     .help = "Whose account on the server is used."},
    {.key = "path",
     .type = BS_STORAGE_OPTION_TEXT,
     .required = true,
     .help = "Directory on the server that holds the objects; without '/' in front, below the "
             "user's own."},
    {.key = "known_hosts",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "File with keys of servers, as OpenSSH keeps it; this or fingerprint is needed."},
    {.key = "fingerprint",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "The one key that the server may have: SHA256:… as ssh-keygen -l shows it."},
    {.key = "agent",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Socket of an SSH agent whose keys are tried."},
    {.key = "key_file",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "File with a private key, readable only by its owner; Ed25519 or ECDSA."},
    {.key = "passphrase",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "Opens key_file when that is encrypted."},
    {.key = "password",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "The user's password on the server."},
    {.key = "connections",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "4",
     .help = "How many connections work at the same time, 1 to 16."},
    {.key = "connect_timeout_s",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "20",
     .help = "Seconds for connecting and logging in."},
    {.key = "idle_timeout_s",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "120",
     .help = "Seconds that the server may be silent while it owes an answer."},
    {.key = "create",
     .type = BS_STORAGE_OPTION_FLAG,
     .fallback = "true",
     .help = "Make the directory when it is missing."},
    {.key = "unsafe_replace",
     .type = BS_STORAGE_OPTION_FLAG,
     .fallback = "false",
     .help = "On servers that cannot replace a file all at once: remove the old one first."},
    {.key = NULL},
};

static bs_status refuse(const char *key, const char *what)
{
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "setting '%s' %s", key, what);
}

/* A copy of a text, or NULL where there is none or an empty one. */
static bs_status take_text(const bs_storage_settings *settings, const char *key, char **out)
{
    const char *text = bs_storage_settings_text(settings, key);

    if (!text || text[0] == '\0') {
        return BS_OK;
    }
    *out = bsi_strdup(text);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status take_secret(const bs_storage_settings *settings, const char *key,
                             bsi_ssh_secret *out)
{
    const char *text = bs_storage_settings_text(settings, key);
    const size_t size = text ? strlen(text) : 0;
    void *pages = NULL;

    if (size == 0) {
        return BS_OK;
    }
    if (size > SECRET_MAX) {
        return refuse(key, "has more than 16 KiB");
    }
    BSI_TRY(bsi_locked_map(size + 1, &pages));
    memcpy(pages, text, size);
    *out = (bsi_ssh_secret){pages, size};
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

static bs_status take_numbers(const bs_storage_settings *settings, bsi_sftp_config *out)
{
    uint32_t number = 0;

    BSI_TRY(take_number(settings, "port", PORT_MAX, &number));
    out->ssh.port = (uint16_t)number;
    BSI_TRY(take_number(settings, "connections", BSI_SFTP_CONNECTIONS_MAX, &number));
    out->connections = (uint16_t)number;
    BSI_TRY(take_number(settings, "connect_timeout_s", SECONDS_MAX, &number));
    out->ssh.connect_ms = number * MS_PER_S;
    BSI_TRY(take_number(settings, "idle_timeout_s", SECONDS_MAX, &number));
    out->ssh.idle_ms = number * MS_PER_S;
    return BS_OK;
}

static bs_status check_root(char *root)
{
    size_t size = strlen(root);

    if (size > BSI_SFTP_ROOT_MAX) {
        return refuse("path", "has more than 1024 bytes");
    }
    while (size > 1 && root[size - 1] == '/') {
        size--;
    }
    root[size] = '\0';
    return BS_OK;
}

/* The padding that some programs show is taken off. */
static bs_status check_fingerprint(char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t prefix = strlen(fingerprint_prefix);
    size_t size = strlen(text);

    if (size > 0 && text[size - 1] == '=') {
        size--;
        text[size] = '\0';
    }
    if (size != prefix + FINGERPRINT_DIGITS || strncmp(text, fingerprint_prefix, prefix) != 0 ||
        strspn(text + prefix, digits) != FINGERPRINT_DIGITS) {
        return refuse("fingerprint", "is not SHA256: and 43 digits of base 64, as "
                                     "'ssh-keygen -l -f KEY.pub' shows it");
    }
    return BS_OK;
}

/* A server whose key nobody has checked is nobody's. */
static bs_status check_proofs(const bsi_sftp_config *config)
{
    if (!config->ssh.known_hosts && !config->ssh.fingerprint) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "storage 'sftp' needs setting 'known_hosts' or 'fingerprint': a server is "
                        "never trusted without its key");
    }
    if (!config->ssh.agent && !config->ssh.key_file && config->ssh.password.size == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "storage 'sftp' needs setting 'agent', 'key_file' or 'password'");
    }
    return BS_OK;
}

static bs_status take_texts(const bs_storage_settings *settings, bsi_sftp_config *out)
{
    BSI_TRY(take_text(settings, "host", &out->ssh.host));
    BSI_TRY(take_text(settings, "user", &out->ssh.user));
    BSI_TRY(take_text(settings, "path", &out->root));
    BSI_TRY(take_text(settings, "known_hosts", &out->ssh.known_hosts));
    BSI_TRY(take_text(settings, "fingerprint", &out->ssh.fingerprint));
    BSI_TRY(take_text(settings, "agent", &out->ssh.agent));
    BSI_TRY(take_text(settings, "key_file", &out->ssh.key_file));
    BSI_TRY(take_secret(settings, "passphrase", &out->ssh.passphrase));
    return take_secret(settings, "password", &out->ssh.password);
}

bs_status bsi_sftp_config_read(const bs_storage_settings *settings, bsi_sftp_config *out)
{
    BSI_TRY(take_numbers(settings, out));
    BSI_TRY(take_texts(settings, out));
    out->create = bs_storage_settings_flag(settings, "create");
    out->unsafe_replace = bs_storage_settings_flag(settings, "unsafe_replace");
    if (strlen(out->ssh.host) > HOST_MAX || strlen(out->ssh.user) > HOST_MAX) {
        return refuse(strlen(out->ssh.host) > HOST_MAX ? "host" : "user",
                      "has more than 255 bytes");
    }
    BSI_TRY(check_root(out->root));
    BSI_TRY(out->ssh.fingerprint ? check_fingerprint(out->ssh.fingerprint) : BS_OK);
    return check_proofs(out);
}

static void drop_secret(bsi_ssh_secret *secret)
{
    if (secret->bytes) {
        explicit_bzero(secret->bytes, secret->size);
        bsi_locked_unmap(secret->bytes, secret->size + 1);
    }
}

void bsi_sftp_config_dispose(bsi_sftp_config *config)
{
    bsi_free(config->ssh.host);
    bsi_free(config->ssh.user);
    bsi_free(config->root);
    bsi_free(config->ssh.known_hosts);
    bsi_free(config->ssh.fingerprint);
    bsi_free(config->ssh.agent);
    bsi_free(config->ssh.key_file);
    drop_secret(&config->ssh.passphrase);
    drop_secret(&config->ssh.password);
}
