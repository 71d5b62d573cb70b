/* SPDX-License-Identifier: MIT */
/*
 * Finds the credentials of Google Cloud Storage.
 */
#include "storage/drivers/gcs_credentials.h"

#include <stdio.h>
#include <string.h>

#include "os/process.h"
#include "storage/drivers/settings.h"

enum { PATH_SIZE = 4096 };

static const char usual_file[] = "gcloud/application_default_credentials.json";

static bool is_set(const char *text)
{
    return text && text[0] != '\0';
}

/* --- Files --- */

static bs_status take_text(bsi_slice text, const char *where, bsi_gcs_credentials *out)
{
    const bs_status status = bsi_google_account_parse(text, &out->account);

    if (status < 0) {
        return bsi_fail_context(BS_LAYER_CALLER, status, "the credentials in %s", where);
    }
    out->place = BSI_GCS_ACCOUNT;
    return BS_OK;
}

static bs_status take_file(const char *path, const char *where, bsi_gcs_credentials *out)
{
    bsi_secret *room = NULL;
    size_t size = 0;
    bs_status status = bsi_secret_new(BSI_GOOGLE_FILE_MAX + 1, &room);

    if (status < 0) {
        return status;
    }
    status = bsi_settings_read_file(path, room, &size);
    if (status < 0) {
        status = bsi_fail_context(BS_LAYER_CALLER, status, "the credentials in %s", where);
    } else {
        status = take_text((bsi_slice){(const char *)bsi_secret_view(room), size}, where, out);
    }
    bsi_secret_free(room);
    return status;
}

/* --- Places --- */

static bs_status of_settings(const bs_storage_settings *settings, bsi_gcs_credentials *out)
{
    const char *text = bs_storage_settings_text(settings, "credentials_json");
    const char *path = bs_storage_settings_text(settings, "credentials_file");

    if (is_set(text)) {
        return take_text(bsi_slice_of(text), "credentials_json", out);
    }
    if (is_set(path)) {
        return take_file(path, "credentials_file", out);
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND,
                    "neither credentials_json nor credentials_file is set");
}

static bs_status usual_path(char out[PATH_SIZE])
{
    const char *folder = bsi_environment("CLOUDSDK_CONFIG");
    const char *home = bsi_environment("HOME");
    int size = 0;

    if (is_set(folder)) {
        size = snprintf(out, PATH_SIZE, "%s%s", folder, usual_file + strlen("gcloud"));
    } else if (is_set(home)) {
        size = snprintf(out, PATH_SIZE, "%s/.config/%s", home, usual_file);
    } else {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "there is no home directory");
    }
    return size < PATH_SIZE ? BS_OK
                            : bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                                       "the path of gcloud's credentials is too long");
}

static bs_status of_file(bsi_gcs_credentials *out)
{
    const char *named = bsi_environment("GOOGLE_APPLICATION_CREDENTIALS");
    char path[PATH_SIZE];

    if (is_set(named)) {
        return take_file(named, "the file of GOOGLE_APPLICATION_CREDENTIALS", out);
    }
    BSI_TRY(usual_path(path));
    return take_file(path, "gcloud's own file", out);
}

/* A file that a variable names must be there; the usual one need not. */
static bool is_nowhere(bs_status status)
{
    return status == BS_E_NOT_FOUND && !is_set(bsi_environment("GOOGLE_APPLICATION_CREDENTIALS"));
}

static bs_status find_anywhere(const bs_storage_settings *settings, bool emulator,
                               bsi_gcs_credentials *out)
{
    bs_status status = BS_OK;

    if (is_set(bs_storage_settings_text(settings, "credentials_json")) ||
        is_set(bs_storage_settings_text(settings, "credentials_file"))) {
        return of_settings(settings, out);
    }
    if (emulator) {
        return BS_OK;
    }
    status = of_file(out);
    if (is_nowhere(status)) {
        out->place = BSI_GCS_MACHINE;
        out->guessed = true;
        return BS_OK;
    }
    return status;
}

bs_status bsi_gcs_credentials_find(const bs_storage_settings *settings, bool emulator,
                                   bsi_gcs_credentials *out)
{
    const char *wanted = bs_storage_settings_text(settings, "credentials");

    *out = (bsi_gcs_credentials){.place = BSI_GCS_NOBODY};
    if (strcmp(wanted, "auto") == 0) {
        return find_anywhere(settings, emulator, out);
    }
    if (strcmp(wanted, "settings") == 0) {
        return of_settings(settings, out);
    }
    if (strcmp(wanted, "file") == 0) {
        return of_file(out);
    }
    if (strcmp(wanted, "machine") == 0) {
        out->place = BSI_GCS_MACHINE;
        return BS_OK;
    }
    return strcmp(wanted, "none") == 0
               ? BS_OK
               : bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                          "credentials: takes 'auto', 'settings', 'file', 'machine' or 'none'");
}
