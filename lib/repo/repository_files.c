/* SPDX-License-Identifier: MIT */
/*
 * The files of a repository: where they lie, and their way between text and
 * storage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "repo/repository_int.h"
#include "repo/unpacked.h"

enum {
    DIGITS = 2 * BSI_SHA256_SIZE,
    PACK_FOLDER_DIGITS = 2,
    SHOWN_DIGITS = 8,
};

/* For a list of 26 million packs, some 400 TB of them. */
#define LIST_BYTES_MAX ((size_t)1 << 30)

/* Files that do not compress may be a little longer than their text. */
#define STORED_EXTRA(size) ((size) / 128 + 4096)

static const struct {
    const char *folder;
    const char *name;
} kinds[] = {
    [BSI_REPO_KEYS] = {"keys", "key"},     [BSI_REPO_SNAPSHOTS] = {"snapshots", "snapshot"},
    [BSI_REPO_INDEX] = {"index", "index"}, [BSI_REPO_LOCKS] = {"locks", "lock"},
    [BSI_REPO_PACKS] = {"data", "pack"},   [BSI_REPO_MARKS] = {"marks", "list of marks"},
};

const char *bsi_repo_kind_name(bsi_repo_kind kind)
{
    return kinds[kind].name;
}

void bsi_repo_config_key(const bsi_repo *repo, char out[BSI_REPO_KEY_SIZE])
{
    (void)snprintf(out, BSI_REPO_KEY_SIZE, "%sconfig", repo->folder);
}

void bsi_repo_object_key(const bsi_repo *repo, bsi_repo_kind kind, const bsi_digest *id,
                         char out[BSI_REPO_KEY_SIZE])
{
    char digits[DIGITS + 1];

    bsi_digest_format(id, digits);
    if (kind == BSI_REPO_PACKS) {
        (void)snprintf(out, BSI_REPO_KEY_SIZE, "%s%s/%.*s/%s", repo->folder, kinds[kind].folder,
                       PACK_FOLDER_DIGITS, digits, digits);
    } else {
        (void)snprintf(out, BSI_REPO_KEY_SIZE, "%s%s/%s", repo->folder, kinds[kind].folder, digits);
    }
}

static bs_status in_context(bs_status status, bsi_repo_kind kind, const bsi_digest *id)
{
    char digits[DIGITS + 1];

    if (status >= 0) {
        return status;
    }
    bsi_digest_format(id, digits);
    return bsi_fail_context(BS_LAYER_STORAGE, status, "%s %.*s", kinds[kind].name, SHOWN_DIGITS,
                            digits);
}

/* --- One file --- */

static bs_status check_id(const bsi_buf *stored, const bsi_digest *id)
{
    bsi_digest digest;

    bsi_sha256_of(stored->data, stored->size, &digest);
    if (!bsi_digest_equal(&digest, id)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "its %zu bytes are not those that its name stands for", stored->size);
    }
    return BS_OK;
}

/* In place: what was decrypted begins behind the IV. */
static bs_status decrypt(const bsi_repo *repo, bsi_buf *stored, bsi_slice *out)
{
    uint8_t *text = stored->data + BSI_CTR_POLY_IV_SIZE;
    bs_status status = BS_E_CORRUPT;

    if (stored->size < BSI_CTR_POLY_OVERHEAD) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "%zu bytes are too few", stored->size);
    }
    status = bsi_ctr_poly_open(repo->master, stored->data, stored->size, text);
    if (status == BS_E_CORRUPT) {
        return bsi_fail(BS_LAYER_STORAGE, status, "not encrypted with this repository's key");
    }
    *out = (bsi_slice){(const char *)text, stored->size - BSI_CTR_POLY_OVERHEAD};
    return status;
}

static bs_status load_stored(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                             const bsi_digest *id, bsi_buf *stored)
{
    char key[BSI_REPO_KEY_SIZE];

    bsi_repo_object_key(repo, kind, id, key);
    BSI_TRY(bsi_storage_load(repo->storage, call, key, stored->max, stored));
    return check_id(stored, id);
}

static bs_status load_text(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                           const bsi_digest *id, bsi_buf *out)
{
    bsi_slice decrypted = {0};
    bsi_buf stored;
    bs_status status = BS_OK;

    bsi_buf_init(&stored, out->max + STORED_EXTRA(out->max));
    status = load_stored(repo, call, kind, id, &stored);
    if (status == BS_OK) {
        status = decrypt(repo, &stored, &decrypted);
    }
    if (status == BS_OK) {
        status = bsi_unpacked_decode(repo->config.version, decrypted, out);
    }
    bsi_buf_dispose(&stored);
    return status;
}

bs_status bsi_repo_load(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                        const bsi_digest *id, bsi_buf *out)
{
    bs_status status = BS_OK;

    BSI_CHECK(kind != BSI_REPO_PACKS && out->size == 0);
    status = kind == BSI_REPO_KEYS ? load_stored(repo, call, kind, id, out)
                                   : load_text(repo, call, kind, id, out);
    return in_context(status, kind, id);
}

bs_status bsi_repo_put(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                       const bsi_buf *stored, bsi_digest *id_out)
{
    char key[BSI_REPO_KEY_SIZE];

    bsi_sha256_of(stored->data, stored->size, id_out);
    bsi_repo_object_key(repo, kind, id_out, key);
    return bsi_storage_put(repo->storage, call, key, stored->data, stored->size);
}

static bs_status encrypt_text(const bsi_repo *repo, const bsi_buf *text, bsi_buf *out)
{
    BSI_TRY(bsi_buf_reserve(out, text->size + BSI_CTR_POLY_OVERHEAD));
    BSI_TRY(bsi_ctr_poly_seal(repo->master, text->data, text->size, out->data));
    out->size = text->size + BSI_CTR_POLY_OVERHEAD;
    return BS_OK;
}

bs_status bsi_repo_save(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                        bsi_slice text, bsi_digest *id_out)
{
    bsi_buf encoded;
    bsi_buf stored;
    bs_status status = BS_OK;

    BSI_CHECK(kind != BSI_REPO_KEYS && kind != BSI_REPO_PACKS);
    bsi_buf_init(&encoded, text.size + STORED_EXTRA(text.size));
    bsi_buf_init(&stored, encoded.max + BSI_CTR_POLY_OVERHEAD);
    status = bsi_unpacked_encode(repo->config.version, text, &encoded);
    if (status == BS_OK) {
        status = encrypt_text(repo, &encoded, &stored);
    }
    if (status == BS_OK) {
        status = bsi_repo_put(repo, call, kind, &stored, id_out);
    }
    bsi_buf_dispose(&encoded);
    bsi_buf_dispose(&stored);
    return status < 0
               ? bsi_fail_context(BS_LAYER_STORAGE, status, "storing a new %s", kinds[kind].name)
               : BS_OK;
}

bs_status bsi_repo_remove(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                          const bsi_digest *id)
{
    char key[BSI_REPO_KEY_SIZE];

    bsi_repo_object_key(repo, kind, id, key);
    return in_context(bsi_storage_remove(repo->storage, call, key), kind, id);
}

/* --- All of a kind --- */

/* A list while it is made. */
typedef struct listing {
    size_t folder_size; /* Of the key's beginning, up to the id or to a pack's folder. */
    bool packs;
    bsi_buf files;
} listing;

/* The id that a key ends in; false: it is no file of the kind. */
static bool id_of_key(const listing *self, const char *key, bsi_digest *out)
{
    const char *name = key + self->folder_size;

    if (self->packs) {
        const char *digits = name + PACK_FOLDER_DIGITS + 1;
        if (strlen(name) <= (size_t)2 * PACK_FOLDER_DIGITS || digits[-1] != '/' ||
            memcmp(name, digits, PACK_FOLDER_DIGITS) != 0) {
            return false;
        }
        name = digits;
    }
    return bsi_digest_parse(name, strlen(name), out) == BS_OK;
}

static bs_status add_file(void *user, const char *key, const bs_storage_object *object)
{
    listing *self = user;
    bsi_repo_file file = {.size = object->size};

    return id_of_key(self, key, &file.id) ? bsi_buf_append(&self->files, &file, sizeof(file))
                                          : BS_OK;
}

static int compare_files(const void *a, const void *b)
{
    return memcmp(((const bsi_repo_file *)a)->id.bytes, ((const bsi_repo_file *)b)->id.bytes,
                  BSI_SHA256_SIZE);
}

bs_status bsi_repo_list(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                        bsi_repo_files *out)
{
    char folder[BSI_REPO_KEY_SIZE];
    listing list = {.packs = kind == BSI_REPO_PACKS};
    bs_status status = BS_OK;

    *out = (bsi_repo_files){0};
    (void)snprintf(folder, sizeof(folder), "%s%s", repo->folder, kinds[kind].folder);
    list.folder_size = strlen(folder) + 1;
    bsi_buf_init(&list.files, LIST_BYTES_MAX);
    status = bsi_storage_list(repo->storage, call, folder, add_file, &list);
    if (status < 0) {
        bsi_buf_dispose(&list.files);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "listing the %s files", kinds[kind].name);
    }
    out->items = (bsi_repo_file *)(void *)list.files.data;
    out->count = list.files.size / sizeof(*out->items);
    if (out->count > 1) {
        qsort(out->items, out->count, sizeof(*out->items), compare_files);
    }
    return BS_OK;
}

void bsi_repo_files_dispose(bsi_repo_files *files)
{
    bsi_free(files->items);
    *files = (bsi_repo_files){0};
}

static int compare_id(const void *key, const void *file)
{
    return memcmp(key, ((const bsi_repo_file *)file)->id.bytes, BSI_SHA256_SIZE);
}

const bsi_repo_file *bsi_repo_files_find(const bsi_repo_files *files, const bsi_digest *id)
{
    return files->count > 0
               ? bsearch(id->bytes, files->items, files->count, sizeof(*files->items), compare_id)
               : NULL;
}

static bool begins_with(const bsi_digest *id, bsi_slice prefix)
{
    char digits[DIGITS + 1];

    bsi_digest_format(id, digits);
    return memcmp(digits, prefix.data, prefix.size) == 0;
}

static bs_status check_prefix(bsi_repo_kind kind, bsi_slice prefix)
{
    char shown[DIGITS + 16];
    size_t good = 0;

    while (good < prefix.size && prefix.data[good] != '\0' &&
           strchr("0123456789abcdef", prefix.data[good])) {
        good++;
    }
    if (good < prefix.size || good == 0 || good > DIGITS) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "'%s' is no id of a %s, nor the beginning of one: 1 to %d digits, 0 to 9 "
                        "and a to f",
                        bsi_printable(prefix.data, prefix.size, shown, sizeof(shown)),
                        kinds[kind].name, DIGITS);
    }
    return BS_OK;
}

static bs_status find_in(const bsi_repo_files *files, bsi_repo_kind kind, bsi_slice prefix,
                         bsi_digest *out)
{
    size_t found = 0;

    for (size_t i = 0; i < files->count; i++) {
        if (begins_with(&files->items[i].id, prefix)) {
            *out = files->items[i].id;
            found++;
        }
    }
    if (found != 1) {
        return bsi_fail(BS_LAYER_CALLER, found == 0 ? BS_E_NOT_FOUND : BS_E_AMBIGUOUS,
                        found == 0 ? "no %s's id begins with '%.*s'"
                                   : "more than one %s's id begins with '%.*s'",
                        kinds[kind].name, (int)prefix.size, prefix.data);
    }
    return BS_OK;
}

bs_status bsi_repo_find(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                        bsi_slice prefix, bsi_digest *out)
{
    bsi_repo_files files = {0};
    bs_status status = BS_OK;

    BSI_TRY(check_prefix(kind, prefix));
    BSI_TRY(bsi_repo_list(repo, call, kind, &files));
    status = find_in(&files, kind, prefix, out);
    bsi_repo_files_dispose(&files);
    return status;
}
