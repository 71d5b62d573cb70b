/* SPDX-License-Identifier: MIT */
/*
 * Reads what references to keys lead to.
 */
#include "engine/key_ref.h"

#include <stdio.h>
#include <string.h>

#include "os/file.h"
#include "os/process.h"

enum { MODE_OTHERS = 0077 };

bsi_key_source bsi_key_ref_source(const char *reference, const char **rest_out)
{
    static const struct {
        const char *prefix;
        bsi_key_source source;
    } prefixes[] = {
        {"env:", BSI_KEY_SOURCE_ENV},
        {"file:", BSI_KEY_SOURCE_FILE},
        {"keyring:", BSI_KEY_SOURCE_KEYRING},
        {"text:", BSI_KEY_SOURCE_TEXT},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(prefixes); i++) {
        const size_t size = strlen(prefixes[i].prefix);
        if (strncmp(reference, prefixes[i].prefix, size) == 0) {
            *rest_out = reference + size;
            return prefixes[i].source;
        }
    }
    *rest_out = reference;
    return BSI_KEY_SOURCE_TEXT;
}

/* --- Bytes --- */

/* A copy without the line end that editors and `echo` put behind a text. */
static bs_status take_content(const void *bytes, size_t size, const char *what, bsi_secret **out)
{
    const char *text = bytes;

    if (size > 0 && text[size - 1] == '\n') {
        size--;
        size -= size > 0 && text[size - 1] == '\r' ? 1 : 0;
    }
    if (size == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "%s is empty", what);
    }
    if (size > BSI_KEY_TEXT_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "%s has more than 64 KiB: it is no key",
                        what);
    }
    return bsi_secret_copy(bytes, size, out);
}

static bs_status read_variable(const char *name, bsi_secret **out)
{
    char what[160];
    char shown[80];
    const char *value = name[0] && !strchr(name, '=') ? bsi_environment(name) : NULL;

    bsi_printable(name, strlen(name), shown, sizeof(shown));
    if (!value) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND,
                        "the environment has no variable '%s' for the key", shown);
    }
    (void)snprintf(what, sizeof(what), "the variable '%s'", shown);
    return take_content(value, strlen(value), what, out);
}

/* --- Files --- */

/* Only its owner may have had a hand in it, and only he may read it. */
static bs_status check_private(const bsi_stat *stat, const char *shown)
{
    if (stat->uid != bsi_process_uid() && stat->uid != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_ACCESS,
                        "key file '%s' belongs to user %u, not to this one or root", shown,
                        stat->uid);
    }
    if (stat->mode & MODE_OTHERS) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_ACCESS,
                        "key file '%s' is open to others (mode %04o); it needs mode 0600", shown,
                        stat->mode & 07777u);
    }
    return BS_OK;
}

static bool is_public_pem(bsi_slice text)
{
    static const char label[] = "PRIVATE KEY-----";

    return bsi_key_text_is_pem(text) && !memmem(text.data, text.size, label, sizeof(label) - 1);
}

/* What was read decides whether it matters who may read it. */
static bs_status check_file(int fd, const char *path, const char *shown, bsi_slice text)
{
    bsi_stat named;
    bsi_stat stat;

    if (is_public_pem(text)) {
        return BS_OK;
    }
    BSI_TRY(bsi_stat_at(BSI_CWD, path, &named));
    BSI_TRY(bsi_fstat(fd, &stat));
    if (named.ino != stat.ino || named.dev != stat.dev) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_ACCESS,
                        "key file '%s' is a symbolic link; name the file itself", shown);
    }
    return check_private(&stat, shown);
}

static bs_status read_regular(int fd, const char *shown, bsi_secret *room, size_t *got_out)
{
    bsi_stat stat;

    BSI_TRY(bsi_fstat(fd, &stat));
    if (stat.type != BSI_TYPE_FILE) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "key file '%s' is no regular file", shown);
    }
    return bsi_read(fd, bsi_secret_bytes(room), bsi_secret_size(room), got_out);
}

bs_status bsi_key_file_read(const char *path, bsi_secret **out)
{
    char what[360];
    char shown[300];
    bsi_secret *room = NULL;
    size_t got = 0;
    int fd = -1;
    bs_status status = bsi_secret_new(BSI_KEY_TEXT_MAX + 3, &room); /* A line end, and one more. */

    if (status < 0) {
        return status;
    }
    bsi_printable(path, strlen(path), shown, sizeof(shown));
    (void)snprintf(what, sizeof(what), "key file '%s'", shown);
    status = bsi_open(BSI_CWD, path, BSI_OPEN_READ | BSI_OPEN_NONBLOCK, 0, &fd);
    if (status >= 0) {
        status = read_regular(fd, shown, room, &got);
    }
    if (status >= 0) {
        status = check_file(fd, path, shown, (bsi_slice){(const char *)bsi_secret_view(room), got});
    }
    if (status >= 0) {
        status = take_content(bsi_secret_view(room), got, what, out);
    }
    bsi_secret_free(room);
    bsi_close_quietly(fd);
    return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "reading a key") : BS_OK;
}

/* --- References --- */

bs_status bsi_key_ref_read(const char *reference, bsi_secret **out)
{
    const char *rest = NULL;

    switch (bsi_key_ref_source(reference, &rest)) {
    case BSI_KEY_SOURCE_ENV:
        return read_variable(rest, out);
    case BSI_KEY_SOURCE_FILE:
        return bsi_key_file_read(rest, out);
    case BSI_KEY_SOURCE_KEYRING:
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "there is no keyring to look into here");
    case BSI_KEY_SOURCE_TEXT:
        break;
    }
    return take_content(rest, strlen(rest), "the key", out);
}

bs_status bsi_key_ref_read_public(const char *reference, bsi_secret **out)
{
    const char *rest = NULL;
    const bsi_key_source source = bsi_key_ref_source(reference, &rest);

    if (source == BSI_KEY_SOURCE_TEXT && rest[0] == '/') {
        return bsi_key_file_read(rest, out);
    }
    /* A pass phrase that was put here by mistake must not be taken for a name and shown. */
    if (source == BSI_KEY_SOURCE_TEXT && !bsi_key_text_is_pem(bsi_slice_of(rest))) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "takes a public key or certificate: PEM text, an absolute path, file:PATH, "
                        "env:NAME or keyring:NAME");
    }
    return bsi_key_ref_read(reference, out);
}

bs_status bsi_key_of_content(const bsi_secret *content, const bsi_secret *passphrase, bsi_key **out)
{
    const bsi_slice text = {(const char *)bsi_secret_view(content), bsi_secret_size(content)};

    if (bsi_key_text_is_pem(text)) {
        return bsi_key_from_pem(text, passphrase, out);
    }
    if (bsi_key_text_is_raw(text)) {
        return bsi_key_from_raw(text, out);
    }
    return bsi_key_from_passphrase(text, out);
}
