/* SPDX-License-Identifier: MIT */
/*
 * Lists and reads what backups hold, while nobody can remove them.
 */
#include "engine/browse.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "engine/access.h"
#include "engine/complaints.h"
#include "engine/held.h"
#include "engine/info_parts.h"
#include "engine/request.h"
#include "engine/service.h"
#include "engine/words.h"
#include "storage/decorators/fallback.h"
#include "vault/keys.h"
#include "vault/names.h"
#include "vault/object.h"
#include "vault/repository/export.h"

enum { DOWNLOAD_BLOCK = 1024 * 1024 };

/* Paths in manifests have no slash in front or at their end. */
static bsi_slice trim(const char *path)
{
    bsi_slice out = bsi_slice_of(path ? path : "");

    while (out.size > 0 && out.data[0] == '/') {
        out.data++;
        out.size--;
    }
    while (out.size > 0 && out.data[out.size - 1] == '/') {
        out.size--;
    }
    return out;
}

/* --- Entries --- */

typedef struct browsing {
    bs_entry_cb entry;
    void *user;
    bool given; /* Something was. */
} browsing;

/* Whether it can begin anew with another copy, because what this one gave is damaged. */
static bool may_begin_anew(const bsi_vault_env *env, bs_status status, bool given)
{
    return status < 0 && !given && bsi_held_blames_storage(status) &&
           bsi_fallback_advance(env->storage);
}

static bs_status give_entry(void *user, const bsi_listed *listed)
{
    browsing *self = user;
    char digest[2 * BSI_SHA256_SIZE + 1] = "";
    bsi_info_names names;
    bs_entry entry;

    bsi_info_entry(&listed->entry, &names, &entry);
    if (listed->has_digest) {
        bsi_digest_format(&listed->sha256, digest);
    }
    entry.sha256 = digest;
    entry.stored_in = listed->stored_in;
    self->given = true;
    return self->entry(self->user, &entry) == 0 ? BS_OK : bsi_info_stopped();
}

/* The backup held, and an environment that can read it. */
static bs_status open_backup(bs_service *service, const char *reference, bsi_held *held,
                             bsi_access *access, bsi_vault_env *env)
{
    bs_status status = bsi_held_open_any(service, reference, held);

    if (status < 0) {
        return status;
    }
    *env = bsi_service_env(service, NULL, NULL, NULL);
    status = bsi_held_read(held, NULL, &env->storage);
    if (status >= 0) {
        status = bsi_access_open_for(service, &held->row, NULL, env, access);
    }
    if (status < 0) {
        bsi_storage_unref(env->storage);
        bsi_held_close(service, held);
    }
    return status;
}

static bs_status close_backup(bs_service *service, bsi_held *held, bsi_access *access,
                              const bsi_vault_env *env, bs_status status)
{
    status = bsi_access_explain(service, env, &held->row, status);
    bsi_access_close(access);
    bsi_storage_unref(env->storage);
    bsi_held_close(service, held);
    return status;
}

bs_status bsi_backup_entries(bs_service *service, const char *reference, const char *path,
                             bool recursive, bs_entry_cb entry, void *user)
{
    browsing self = {entry, user, false};
    bsi_held held;
    bsi_access access;
    bsi_vault_env env;
    bs_status status = open_backup(service, reference, &held, &access, &env);

    if (status < 0) {
        return status;
    }
    do {
        status =
            bsi_vault_list(&env, held.row.manifest_key, trim(path), recursive, give_entry, &self);
    } while (may_begin_anew(&env, status, self.given));
    status = close_backup(service, &held, &access, &env, status);
    return status < 0 ? status : BS_OK;
}

/* --- Bytes --- */

typedef struct reading {
    bs_data_cb data;
    void *user;
    bool given; /* Some were. */
} reading;

static bs_status give_bytes(void *user, const void *data, size_t size)
{
    reading *self = user;

    self->given = true;
    return self->data(self->user, data, size) == 0 ? BS_OK : bsi_info_stopped();
}

bs_status bsi_backup_read(bs_service *service, const char *reference, const char *path,
                          bs_data_cb data, void *user)
{
    reading self = {data, user, false};
    bsi_held held;
    bsi_access access;
    bsi_vault_env env;
    bs_status status = open_backup(service, reference, &held, &access, &env);

    if (status < 0) {
        return status;
    }
    do {
        status = held.vault->read(&env, held.row.manifest_key, trim(path), give_bytes, &self);
    } while (may_begin_anew(&env, status, self.given));
    status = close_backup(service, &held, &access, &env, status);
    return status < 0 ? status : BS_OK;
}

/* The container out of its envelope. `keys` is disposed of by the caller, after the reader. */
static bs_status open_container(const bsi_held *held, const bsi_vault_env *env,
                                bsi_backup_keys *keys, bsi_object_reader **out)
{
    const char *key = held->row.container_key;
    bs_storage_object object;
    bsi_crypt crypt;

    if (!bsi_is_encrypted_key(key)) {
        BSI_TRY(bsi_storage_stat(env->storage, NULL, key, &object));
        return bsi_object_reader_new(env, key, NULL, object.size, out);
    }
    BSI_TRY(bsi_backup_keys_load(env, held->row.manifest_key, keys));
    BSI_TRY(bsi_backup_keys_open(env, keys));
    crypt = bsi_backup_keys_crypt(keys, BSI_ENVELOPE_CONTAINER);
    return bsi_object_reader_new(env, key, &crypt, keys->info.container_size, out);
}

static bs_status copy_bytes(bsi_object_reader *from, uint64_t offset, uint64_t size, reading *self)
{
    const uint64_t end = bsi_object_size(from);
    uint8_t *block = NULL;
    uint64_t left = 0;
    bs_status status = BS_OK;

    if (offset > end) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "the container has %llu bytes",
                        (unsigned long long)end);
    }
    block = bsi_alloc(DOWNLOAD_BLOCK);
    if (!block) {
        return BS_E_NOMEM;
    }
    for (left = bsi_min_u64(size, end - offset); left > 0 && status >= 0;) {
        const size_t part = (size_t)bsi_min_u64(left, DOWNLOAD_BLOCK);
        status = bsi_object_read(from, offset, block, part);
        if (status >= 0) {
            status = give_bytes(self, block, part);
        }
        offset += part;
        left -= part;
    }
    bsi_free(block);
    return status;
}

static bs_status copy_container(const bsi_held *held, const bsi_vault_env *env, uint64_t offset,
                                uint64_t size, reading *self)
{
    bsi_backup_keys keys = {0};
    bsi_object_reader *object = NULL;
    bs_status status = open_container(held, env, &keys, &object);

    if (status >= 0) {
        status = copy_bytes(object, offset, size, self);
    }
    bsi_object_reader_free(object);
    bsi_backup_keys_dispose(&keys);
    return status;
}

bs_status bsi_backup_download(bs_service *service, const char *reference, uint64_t offset,
                              uint64_t size, bs_data_cb data, void *user)
{
    reading self = {data, user, false};
    bsi_held held;
    bsi_access access;
    bsi_vault_env env;
    bs_status status = open_backup(service, reference, &held, &access, &env);

    if (status < 0) {
        return status;
    }
    if (strcmp(held.row.form, "archive") != 0) {
        status =
            bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED, "a %s has no container", held.row.form);
    } else {
        do {
            status = copy_container(&held, &env, offset, size, &self);
        } while (may_begin_anew(&env, status, self.given));
    }
    status = close_backup(service, &held, &access, &env, status);
    return status;
}

/* --- Containers that are made on the way --- */

static bs_status take_container(const bs_export_options *options, bsi_export_plan *plan)
{
    const bs_compression compression = options->compression == BS_COMPRESSION_DEFAULT
                                           ? BS_COMPRESSION_TAR_ZST
                                           : options->compression;
    const char *name = bsi_word_name(bsi_words_compression, (int)compression);
    bsi_complaints complaints = {0};

    plan->driver = bsi_archive_find(bsi_slice_of(name));
    if (!plan->driver || bsi_archive_needs_patch(plan->driver)) {
        bsi_complain_invalid(&complaints,
                             "compression: takes none, zip, tar.gz, tar.bz2 or tar.zst, not %s: "
                             "a stream must come in order",
                             name);
    } else {
        bsi_request_check_level(name, options->compression_level, &complaints);
    }
    plan->level = options->compression_level;
    plan->paths = options->paths;
    return bsi_complaints_status(&complaints);
}

bs_status bsi_backup_export(bs_service *service, const char *reference,
                            const bs_export_options *options, bs_data_cb data, void *user)
{
    reading self = {data, user, false};
    bsi_export_plan plan = {0};
    bsi_held held;
    bsi_access access;
    bsi_vault_env env;
    bs_status status = take_container(options, &plan);

    BSI_TRY(status);
    BSI_TRY(open_backup(service, reference, &held, &access, &env));
    if (strcmp(held.row.form, "repository") != 0) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED,
                          "a container is made of backups in repositories, and this is of form %s",
                          held.row.form);
    } else {
        plan.manifest_key = held.row.manifest_key;
        status = bsi_repository_export(&env, &plan, give_bytes, &self);
    }
    return close_backup(service, &held, &access, &env, status);
}
