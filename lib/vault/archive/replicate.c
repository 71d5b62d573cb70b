/* SPDX-License-Identifier: MIT */
/*
 * An archive backup on another storage: container, key set, pins and manifest byte for byte, the
 * manifest, which makes them a backup, last. Sizes and digests are those of stored objects, and
 * of encrypted backups the key set tells them in public; so no key is needed.
 *
 * What is sent is hashed on its way and given up when it is not what was written, and read again
 * where it has arrived. What lies there whole is not sent again. Any number may do so at a time:
 * they put the same bytes under the same keys, each object all at once.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "vault/archive/form.h"
#include "vault/keys.h"
#include "vault/names.h"
#include "vault/pins.h"

enum { PART = 1024 * 1024 };

/* An object, and what its backup says of it. */
typedef struct wanted {
    const char *key;
    uint64_t size;
    const bsi_digest *sha256;
} wanted;

typedef struct replica {
    bsi_vault_env from;
    bsi_vault_env to;
    const char *manifest_key;
    bsi_backup_keys keys;          /* Of an encrypted backup. */
    bsi_manifest_info plain;       /* Of another. */
    const bsi_manifest_info *info; /* Of those the one that counts. */
    bool was_there; /* The manifest is at the target: so the container was read there once. */
    uint8_t *part;
    bsi_replicated *out;
} replica;

/* --- What is there --- */

/* BS_OK: it has this size; BS_E_CORRUPT, BS_E_MISSING. */
static bs_status check_size(const bsi_vault_env *env, const wanted *object)
{
    bs_storage_object found = {0};
    const bs_status status = bsi_storage_stat(env->storage, env->call, object->key, &found);

    if (status == BS_E_NOT_FOUND) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_MISSING, "object '%s' is missing", object->key);
    }
    BSI_TRY(status);
    if (found.size != object->size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "object '%s' has %llu bytes instead of %llu", object->key,
                        (unsigned long long)found.size, (unsigned long long)object->size);
    }
    return BS_OK;
}

static bs_status check_digest(const wanted *object, const bsi_digest *found)
{
    if (!bsi_digest_equal(found, object->sha256)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the bytes of object '%s' are not those that were written", object->key);
    }
    return BS_OK;
}

static bs_status check_whole(const bsi_vault_env *env, const wanted *object)
{
    bsi_digest digest;

    BSI_TRY(check_size(env, object));
    BSI_TRY(bsi_object_hash(env, object->key, object->size, NULL, &digest));
    return check_digest(object, &digest);
}

/* Whether the target has it; failures but of what it has are passed on. */
static bs_status look(bs_status checked, bool *there_out)
{
    *there_out = checked >= 0;
    return checked == BS_E_MISSING || checked == BS_E_CORRUPT ? BS_OK : checked;
}

static void count_present(replica *self, uint64_t size)
{
    self->out->objects_present++;
    bsi_progress_add(self->from.progress, 0, size);
}

static void count_sent(replica *self, uint64_t size)
{
    self->out->objects++;
    self->out->bytes += size;
}

/* --- Objects that a digest is known of --- */

static bs_status send_parts(replica *self, const wanted *object, bsi_upload *upload,
                            bsi_sha256 *hash)
{
    uint64_t at = 0;

    while (at < object->size) {
        const size_t size = (size_t)bsi_min_u64(PART, object->size - at);
        BSI_TRY(bsi_storage_read(self->from.storage, self->from.call, object->key, at, self->part,
                                 size));
        bsi_sha256_update(hash, self->part, size);
        BSI_TRY(bsi_upload_write(upload, self->to.call, self->part, size));
        bsi_progress_add(self->from.progress, 0, size);
        at += size;
    }
    return BS_OK;
}

/* What is not right is given up before anybody could see it. */
static bs_status send_checked(replica *self, const wanted *object, bsi_sha256 *hash)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;
    bsi_digest digest;
    bs_status status = BS_OK;

    options.expected_size = object->size;
    BSI_TRY(bsi_upload_begin(self->to.storage, self->to.call, object->key, &options, &upload));
    status = send_parts(self, object, upload, hash);
    if (status >= 0) {
        bsi_sha256_finish(hash, &digest);
        status = check_digest(object, &digest);
    }
    if (status < 0) {
        bsi_upload_abort(upload);
        return status;
    }
    return bsi_upload_commit(upload, self->to.call);
}

static bs_status send_object(replica *self, const wanted *object)
{
    bsi_sha256 *hash = NULL;
    bs_status status = BS_OK;

    BSI_TRY(check_size(&self->from, object));
    BSI_TRY(bsi_sha256_new(&hash));
    status = send_checked(self, object, hash);
    bsi_sha256_free(hash);
    BSI_TRY(status);
    status = check_whole(&self->to, object);
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_STORAGE, status, "where it was copied to");
    }
    count_sent(self, object->size);
    return BS_OK;
}

static bs_status copy_object(replica *self, const wanted *object, bool there)
{
    if (there) {
        count_present(self, object->size);
        return BS_OK;
    }
    return send_object(self, object);
}

/* Of a backup that is complete there only the size is looked at: it was read before that. */
static bs_status copy_container(replica *self)
{
    const wanted container = {self->info->container_key, self->info->container_size,
                              &self->info->container_sha256};
    bool there = false;

    BSI_TRY(look(self->was_there ? check_size(&self->to, &container)
                                 : check_whole(&self->to, &container),
                 &there));
    return copy_object(self, &container, there);
}

/* --- Small ones, which may change --- */

static bool is_same(const bsi_buf *a, const bsi_buf *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static bs_status read_again(replica *self, const char *key, const bsi_buf *bytes, bsi_buf *found)
{
    bsi_buf_clear(found);
    BSI_TRY(bsi_storage_load(self->to.storage, self->to.call, key, bytes->size, found));
    if (!is_same(bytes, found)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "object '%s' was not kept as it was copied",
                        key);
    }
    return BS_OK;
}

/* What lies at the target, nothing where there is none or one that is too long. */
static bs_status load_there(replica *self, const char *key, uint64_t max, bsi_buf *found)
{
    const bs_status status = bsi_storage_load(self->to.storage, self->to.call, key, max, found);

    return status == BS_E_NOT_FOUND || status == BS_E_LIMIT ? BS_OK : status;
}

/* Whether a key set that differs from the target's may take its place. */
static bs_status may_replace(replica *self, bool *may_out)
{
    bsi_backup_keys there = {0};
    bs_status status = bsi_backup_keys_load(&self->to, self->manifest_key, &there);

    bsi_backup_keys_dispose(&there);
    *may_out = true;
    if (status < 0) {
        return bs_error_last()->layer == BS_LAYER_STORAGE && status != BS_E_CANCELLED ? BS_OK
                                                                                      : status;
    }
    status = bsi_backup_keys_open(&self->from, &self->keys);
    if (status == BS_E_KEY) {
        *may_out = false;
        bsi_warn_new(self->from.warn, bsi_slice_of(self->keys.key), BS_LAYER_CRYPTO, BS_E_KEY,
                     "the copy has other keys, and stays as it is: no key opens this key set, so "
                     "it may be the one that is damaged");
        return BS_OK;
    }
    return status;
}

/* Put what was loaded, unless it is there. `keys`: it is the key set. */
static bs_status put_small(replica *self, const char *key, const bsi_buf *bytes, bool keys)
{
    bsi_buf found;
    bool may = true;
    bs_status status = BS_OK;

    bsi_buf_init(&found, BSI_KEYSET_MAX);
    status = load_there(self, key, BSI_KEYSET_MAX, &found);
    if (status >= 0 && keys && found.size > 0 && !is_same(bytes, &found)) {
        status = may_replace(self, &may);
    }
    if (status >= 0 && (!may || is_same(bytes, &found))) {
        count_present(self, 0);
    } else if (status >= 0) {
        status = bsi_storage_put(self->to.storage, self->to.call, key, bytes->data, bytes->size);
        if (status >= 0) {
            status = read_again(self, key, bytes, &found);
        }
        if (status >= 0) {
            count_sent(self, bytes->size);
        }
    }
    bsi_buf_dispose(&found);
    return status;
}

static bs_status copy_small(replica *self, const char *key, uint64_t max, bool keys)
{
    bsi_buf bytes;
    bs_status status = BS_OK;

    bsi_buf_init(&bytes, (size_t)max);
    status = bsi_storage_load(self->from.storage, self->from.call, key, max, &bytes);
    if (status >= 0) {
        status = put_small(self, key, &bytes, keys);
    }
    bsi_buf_dispose(&bytes);
    return status;
}

/* So that the backup is kept there from the moment in which it becomes one. */
static bs_status copy_pins(replica *self)
{
    char *key = bsi_pins_key(self->manifest_key);
    const bs_status status = key ? copy_small(self, key, BSI_PINS_SIZE_MAX, false) : BS_E_NOMEM;

    bsi_free(key);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

/* --- The backup --- */

static bs_status check_need(replica *self, const bsi_container_ref *need)
{
    const wanted container = {need->key, need->size, &need->sha256};
    char *keys = bsi_has_keys(need->key) ? bsi_keys_key(need->key) : NULL;
    bs_storage_object found = {0};
    bool there = false;
    bs_status status = look(check_size(&self->to, &container), &there);

    if (status >= 0 && bsi_has_keys(need->key)) {
        status =
            keys ? bsi_storage_stat(self->to.storage, self->to.call, keys, &found) : BS_E_NOMEM;
        there = there && status >= 0;
        status = status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    bsi_free(keys);
    BSI_TRY(status);
    if (!there) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_MISSING,
                        "'%s' needs backup %s, which is not there: copy that one first",
                        self->manifest_key, need->id);
    }
    return BS_OK;
}

static bs_status check_needs(replica *self)
{
    for (size_t i = 0; i < self->info->needs_count; i++) {
        BSI_TRY(check_need(self, &self->info->needs[i]));
    }
    return BS_OK;
}

static bs_status learn(replica *self)
{
    bsi_manifest_reader *manifest = NULL;

    if (bsi_is_encrypted_key(self->manifest_key)) {
        self->info = &self->keys.info;
        return bsi_backup_keys_load(&self->from, self->manifest_key, &self->keys);
    }
    self->info = &self->plain;
    BSI_TRY(bsi_manifest_open_checked(&self->from, self->manifest_key, &manifest));
    self->plain = bsi_manifest_take_info(manifest);
    bsi_manifest_close(manifest);
    return BS_OK;
}

static bs_status copy_backup(replica *self)
{
    wanted manifest = {.key = self->manifest_key};

    BSI_TRY(learn(self));
    manifest.size = self->info->manifest_size;
    manifest.sha256 = &self->info->manifest_sha256;
    BSI_TRY(check_needs(self));
    BSI_TRY(look(check_whole(&self->to, &manifest), &self->was_there));
    BSI_TRY(copy_container(self));
    if (self->keys.key) {
        BSI_TRY(copy_small(self, self->keys.key, BSI_KEYSET_MAX, true));
    }
    BSI_TRY(copy_pins(self));
    return copy_object(self, &manifest, self->was_there);
}

bs_status bsi_archive_form_replicate(const bsi_vault_env *env, const char *manifest_key,
                                     bsi_storage *target, bsi_replicated *out)
{
    replica self = {.from = *env,
                    .to = *env,
                    .manifest_key = manifest_key,
                    .out = out,
                    .part = bsi_alloc(PART)};
    bs_status status = BS_E_NOMEM;

    *out = (bsi_replicated){0};
    self.to.storage = target;
    self.to.bases = NULL;
    if (self.part) {
        status = copy_backup(&self);
    }
    bsi_backup_keys_dispose(&self.keys);
    bsi_manifest_info_dispose(&self.plain);
    bsi_free(self.part);
    return status;
}
