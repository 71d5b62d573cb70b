/* SPDX-License-Identifier: MIT */
/*
 * Finds S3's credentials in settings, variables and the shared file.
 */
#include "storage/drivers/s3_credentials.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/slice.h"
#include "os/process.h"
#include "storage/drivers/settings.h"

enum {
    FILE_MAX = 64 * 1024,  /* Of the shared file. */
    ACCESS_KEY_MAX = 256,  /* Amazon's have 20 bytes. */
    SECRET_MAX = 1024,     /* Amazon's have 40. */
    TOKEN_MAX = 16 * 1024, /* Tokens of sessions have about one KiB. */
    PATH_SIZE = 4096,
    NAME_SHOWN = 100,
};

static bsi_slice slice_or_none(const char *text)
{
    return text ? bsi_slice_of(text) : (bsi_slice){NULL, 0};
}

/* Both go into headers: a blank or line end in them is a slip of who copied them. */
static bool is_visible(bsi_slice text, size_t max)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
            return false;
        }
    }
    return text.size > 0 && text.size <= max;
}

static bs_status copy_secret(bsi_slice text, size_t max, const char *what, const char *where,
                             bsi_secret **out)
{
    bsi_secret *copy = NULL;

    if (!text.data || !is_visible(text, max)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "the %s from %s is empty, too long, or has blanks in it", what, where);
    }
    BSI_TRY(bsi_secret_new(text.size + 1, &copy));
    memcpy(bsi_secret_bytes(copy), text.data, text.size);
    *out = copy;
    return BS_OK;
}

static bs_status copy_access_key(bsi_slice text, const char *where, char **out)
{
    if (!text.data || !is_visible(text, ACCESS_KEY_MAX) || memchr(text.data, '/', text.size)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "the access key from %s is empty, too long, or has blanks in it", where);
    }
    *out = bsi_calloc(1, text.size + 1);
    if (!*out) {
        return BS_E_NOMEM;
    }
    memcpy(*out, text.data, text.size);
    return BS_OK;
}

static bs_status fill(const bsi_s3_texts *texts, const char *where, bsi_s3_credentials *out)
{
    BSI_TRY(copy_access_key(texts->access_key, where, &out->access_key));
    BSI_TRY(copy_secret(texts->secret, SECRET_MAX, "secret access key", where, &out->secret));
    if (texts->token.size == 0) {
        return BS_OK;
    }
    return copy_secret(texts->token, TOKEN_MAX, "session token", where, &out->token);
}

bs_status bsi_s3_credentials_new(const bsi_s3_texts *texts, const char *where,
                                 bsi_s3_credentials **out)
{
    bsi_s3_credentials *made = bsi_calloc(1, sizeof(*made));
    bs_status status = BS_OK;

    if (!made) {
        return BS_E_NOMEM;
    }
    atomic_init(&made->references, 1);
    status = fill(texts, where, made);
    if (status < 0) {
        bsi_s3_credentials_unref(made);
        return status;
    }
    *out = made;
    return BS_OK;
}

bsi_s3_credentials *bsi_s3_credentials_ref(bsi_s3_credentials *credentials)
{
    atomic_fetch_add(&credentials->references, 1);
    return credentials;
}

void bsi_s3_credentials_unref(bsi_s3_credentials *credentials)
{
    if (credentials && atomic_fetch_sub(&credentials->references, 1) == 1) {
        bsi_free(credentials->access_key);
        bsi_secret_free(credentials->secret);
        bsi_secret_free(credentials->token);
        bsi_secret_free(credentials->key);
        bsi_free(credentials);
    }
}

/* --- The shared file --- */

static bsi_slice trim(bsi_slice text)
{
    while (text.size > 0 && strchr(" \t\r", text.data[text.size - 1])) {
        text.size--;
    }
    while (text.size > 0 && strchr(" \t", text.data[0])) {
        text.data++;
        text.size--;
    }
    return text;
}

/* "[name]", or "[profile name]" as in the other of the two files. */
static bool is_section(bsi_slice line, const char *profile)
{
    static const char word[] = "profile ";
    bsi_slice name = {line.data + 1, line.size - 2};

    if (name.size > sizeof(word) - 1 && memcmp(name.data, word, sizeof(word) - 1) == 0) {
        name.data += sizeof(word) - 1;
        name.size -= sizeof(word) - 1;
    }
    return bsi_slice_is(trim(name), profile);
}

static void take_setting(bsi_slice line, bsi_s3_texts *out)
{
    const char *equals = memchr(line.data, '=', line.size);
    bsi_slice name;
    bsi_slice value;

    if (!equals) {
        return;
    }
    name = trim((bsi_slice){line.data, (size_t)(equals - line.data)});
    value = trim((bsi_slice){equals + 1, line.size - (size_t)(equals + 1 - line.data)});
    if (bsi_slice_is(name, "aws_access_key_id")) {
        out->access_key = value;
    } else if (bsi_slice_is(name, "aws_secret_access_key")) {
        out->secret = value;
    } else if (bsi_slice_is(name, "aws_session_token")) {
        out->token = value;
    }
}

/* What stands in one section of the file; false without the section. */
static bool find_profile(bsi_slice text, const char *profile, bsi_s3_texts *out)
{
    bool inside = false;
    bool seen = false;

    while (text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        const size_t size = end ? (size_t)(end - text.data) : text.size;
        const bsi_slice line = trim((bsi_slice){text.data, size});

        text.data += end ? size + 1 : size;
        text.size -= end ? size + 1 : size;
        if (line.size >= 2 && line.data[0] == '[' && line.data[line.size - 1] == ']') {
            inside = is_section(line, profile);
            seen = seen || inside;
        } else if (inside && line.size > 0 && line.data[0] != '#' && line.data[0] != ';') {
            take_setting(line, out);
        }
    }
    return seen;
}

static bs_status file_path(char out[PATH_SIZE])
{
    const char *named = bsi_environment("AWS_SHARED_CREDENTIALS_FILE");
    const char *home = bsi_environment("HOME");
    int size = 0;

    if (named && named[0]) {
        size = snprintf(out, PATH_SIZE, "%s", named);
    } else if (home && home[0]) {
        size = snprintf(out, PATH_SIZE, "%s/.aws/credentials", home);
    } else {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "there is no home directory");
    }
    return size < PATH_SIZE ? BS_OK
                            : bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                                       "the path of the shared credentials file is too long");
}

static bs_status take_profile(const char *named, bsi_slice text, bsi_s3_credentials **out)
{
    const char *set = named ? named : bsi_environment("AWS_PROFILE");
    const char *profile = set && set[0] ? set : "default";
    bsi_s3_texts texts = {.access_key = {NULL, 0}};
    char shown[NAME_SHOWN];
    char where[NAME_SHOWN + 100];

    bsi_printable(profile, strlen(profile), shown, sizeof(shown));
    (void)snprintf(where, sizeof(where), "profile '%s' of the shared credentials file", shown);
    if (!find_profile(text, profile, &texts)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "there is no %s", where);
    }
    return bsi_s3_credentials_new(&texts, where, out);
}

bs_status bsi_s3_credentials_of_file(const char *profile, bsi_s3_credentials **out)
{
    char path[PATH_SIZE];
    bsi_secret *room = NULL;
    size_t size = 0;
    bs_status status = file_path(path);

    if (status == BS_OK) {
        status = bsi_secret_new(FILE_MAX, &room);
    }
    if (status == BS_OK) {
        status = bsi_settings_read_file(path, room, &size);
    }
    if (status == BS_OK) {
        status = take_profile(profile, (bsi_slice){(const char *)bsi_secret_view(room), size}, out);
    }
    bsi_secret_free(room);
    return status;
}

/* --- Settings and variables --- */

bs_status bsi_s3_credentials_of_settings(const bs_storage_settings *settings,
                                         bsi_s3_credentials **out)
{
    const bsi_s3_texts texts = {
        .access_key = slice_or_none(bs_storage_settings_text(settings, "access_key_id")),
        .secret = slice_or_none(bs_storage_settings_text(settings, "secret_access_key")),
        .token = slice_or_none(bs_storage_settings_text(settings, "session_token")),
    };

    if (!texts.access_key.data && !texts.secret.data) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND,
                        "neither access_key_id nor secret_access_key is set");
    }
    return bsi_s3_credentials_new(&texts, "the settings", out);
}

bs_status bsi_s3_credentials_of_environment(bsi_s3_credentials **out)
{
    const bsi_s3_texts texts = {
        .access_key = slice_or_none(bsi_environment("AWS_ACCESS_KEY_ID")),
        .secret = slice_or_none(bsi_environment("AWS_SECRET_ACCESS_KEY")),
        .token = slice_or_none(bsi_environment("AWS_SESSION_TOKEN")),
    };

    if (texts.access_key.size == 0 && texts.secret.size == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND,
                        "neither AWS_ACCESS_KEY_ID nor AWS_SECRET_ACCESS_KEY is set");
    }
    return bsi_s3_credentials_new(&texts, "the environment", out);
}
