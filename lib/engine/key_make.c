/* SPDX-License-Identifier: MIT */
/*
 * New keys in new files. The secret half is durable before the public one
 * appears: nobody encrypts for a key that is not there.
 */
#include "engine/key_make.h"

#include <stdio.h>
#include <string.h>

#include "crypto/key.h"
#include "engine/complaints.h"
#include "engine/key_ref.h"
#include "os/file.h"

enum {
    USUAL_BITS = 4096,
    PATH_SIZE = 4096,
    PUBLIC_MAX = 64 * 1024,
};

_Static_assert((int)BS_KEY_PASSPHRASE == (int)BSI_KEY_PASSPHRASE &&
                   (int)BS_KEY_RAW == (int)BSI_KEY_RAW && (int)BS_KEY_RSA == (int)BSI_KEY_RSA &&
                   (int)BS_FINGERPRINT_SIZE == (int)BSI_FINGERPRINT_SIZE,
               "kinds of keys are the same numbers inside and outside");

/* --- Files --- */

/* The directory that a path's last name lies in, opened, and that name. */
static bs_status open_parent(const char *path, int *dir_out, const char **name_out)
{
    char parent[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    const size_t size = slash ? (size_t)(slash - path) : 0;

    *name_out = slash ? slash + 1 : path;
    if (strlen(path) >= PATH_SIZE || (*name_out)[0] == '\0') {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "path: takes the path of a new file");
    }
    memcpy(parent, path, size);
    parent[size] = '\0';
    if (size == 0) {
        (void)snprintf(parent, sizeof(parent), "%s", slash ? "/" : ".");
    }
    return bsi_open(BSI_CWD, parent, BSI_OPEN_READ | BSI_OPEN_DIR, 0, dir_out);
}

static bs_status fill_file(int dir, const char *name, bsi_slice content, uint32_t mode)
{
    int fd = -1;

    BSI_TRY(bsi_open(dir, name,
                     BSI_OPEN_WRITE | BSI_OPEN_CREATE | BSI_OPEN_EXCLUSIVE | BSI_OPEN_NOFOLLOW,
                     mode, &fd));
    bs_status status = bsi_write(fd, content.data, content.size);
    if (status >= 0) {
        status = bsi_sync(fd);
    }
    if (status < 0) {
        bsi_close_quietly(fd);
        return status;
    }
    BSI_TRY(bsi_close(fd));
    return bsi_sync(dir);
}

static bs_status write_file(const char *path, bsi_slice content, uint32_t mode)
{
    const char *name = NULL;
    int dir = -1;
    bs_error error;
    bs_status status = open_parent(path, &dir, &name);

    if (status >= 0) {
        status = fill_file(dir, name, content, mode);
    }
    if (status < 0 && status != BS_E_EXISTS && dir >= 0) {
        bsi_error_save(&error);
        if (bsi_unlink(dir, name) < 0) { /* Half a key helps nobody. */
            bsi_error_restore(&error);
        }
    }
    bsi_close_quietly(dir);
    return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "writing the new key") : BS_OK;
}

/* --- Keys --- */

static bsi_slice slice_of(const bsi_secret *secret)
{
    return (bsi_slice){(const char *)bsi_secret_view(secret), bsi_secret_size(secret)};
}

static bs_status tell_fingerprint(bsi_slice text, char out[BS_FINGERPRINT_SIZE])
{
    bsi_key *key = NULL;
    const bs_status status = bsi_key_text_is_pem(text) ? bsi_key_from_pem(text, NULL, &key)
                                                       : bsi_key_from_raw(text, &key);

    if (status >= 0 && out) {
        bsi_key_fingerprint(key, out);
    }
    bsi_key_unref(key);
    return status;
}

static bs_status make_raw(const bs_key_options *options, char fingerprint_out[BS_FINGERPRINT_SIZE])
{
    bsi_secret *text = NULL;
    bs_status status = bsi_key_raw_generate(&text);

    if (status >= 0) {
        status = tell_fingerprint(slice_of(text), fingerprint_out);
    }
    if (status >= 0) {
        status = write_file(options->path, slice_of(text), 0600);
    }
    bsi_secret_free(text);
    return status;
}

/* PATH.pub, unless another was asked for. */
static bs_status take_public_path(const bs_key_options *options, char out[PATH_SIZE])
{
    const bool named = options->public_path && options->public_path[0];
    const int size = snprintf(out, PATH_SIZE, "%s%s", named ? options->public_path : options->path,
                              named ? "" : ".pub");
    bsi_stat stat;
    bs_status status = BS_OK;

    if (size < 0 || size >= PATH_SIZE) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "public_path: is too long");
    }
    /* Seen before the secret half is written, so that a mistake leaves nothing. */
    status = bsi_stat_at(BSI_CWD, out, &stat);
    if (status >= 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_EXISTS, "'%s' is there already", out);
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status write_pair(const bs_key_options *options, const char *public_path,
                            const bsi_secret *private_text, const bsi_buf *public_text,
                            char fingerprint_out[BS_FINGERPRINT_SIZE])
{
    const bsi_slice half = {(const char *)public_text->data, public_text->size};

    BSI_TRY(tell_fingerprint(half, fingerprint_out));
    BSI_TRY(write_file(options->path, slice_of(private_text), 0600));
    return write_file(public_path, half, 0644);
}

static bs_status make_rsa(const bs_key_options *options, char fingerprint_out[BS_FINGERPRINT_SIZE])
{
    char public_path[PATH_SIZE];
    bsi_secret *passphrase = NULL;
    bsi_secret *private_text = NULL;
    bsi_buf public_text;
    bs_status status = take_public_path(options, public_path);

    bsi_buf_init(&public_text, PUBLIC_MAX);
    if (status >= 0 && options->passphrase) {
        status = bsi_key_ref_read(options->passphrase, &passphrase);
    }
    if (status >= 0) {
        status = bsi_key_rsa_generate(options->bits > 0 ? options->bits : USUAL_BITS, passphrase,
                                      &private_text, &public_text);
    }
    if (status >= 0) {
        status = write_pair(options, public_path, private_text, &public_text, fingerprint_out);
    }
    bsi_secret_free(private_text);
    bsi_secret_free(passphrase);
    bsi_buf_dispose(&public_text);
    return status;
}

bs_status bsi_key_generate(const bs_key_options *options, char fingerprint_out[BS_FINGERPRINT_SIZE])
{
    bsi_complaints complaints = {0};
    const bool rsa = options->kind == BS_KEY_RSA;

    if (!rsa && options->kind != BS_KEY_RAW) {
        bsi_complain_invalid(&complaints, "kind: takes raw or rsa");
    }
    if (!options->path || !options->path[0]) {
        bsi_complain_invalid(&complaints, "path: is missing");
    }
    if (!rsa && (options->bits > 0 || options->public_path || options->passphrase)) {
        bsi_complain_invalid(&complaints,
                             "bits, public_path, passphrase: only an RSA key has them");
    }
    BSI_TRY(bsi_complaints_status(&complaints));
    return rsa ? make_rsa(options, fingerprint_out) : make_raw(options, fingerprint_out);
}
