/* SPDX-License-Identifier: MIT */
/*
 * Verification of an archive backup: the manifest by its own hash, each
 * container as a whole by the manifest's, each file's content by its own. The
 * three together find any changed byte, and tell whose it was. Of a backup that was
 * just written only its own container is looked at, and the files in there.
 *
 * Where no key opens an encrypted backup, its key set's public part takes the
 * manifest's place: stored bytes are compared, and nothing is read.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "vault/archive/containers.h"
#include "vault/archive/form.h"
#include "vault/draft.h"
#include "vault/keys.h"
#include "vault/names.h"

/* One container, the own one first, and what is wrong with it. */
typedef struct checked {
    char *object; /* Its key, or its key set's; NULL: nothing is wrong. */
    char *message;
    bool is_locked; /* No key opens it. */
} checked;

typedef struct verifier {
    const bsi_vault_env *env;
    const bsi_damage_sink *sink;
    const char *manifest_key;
    bsi_verify_result *out;
    bsi_manifest_reader *manifest;
    const bsi_manifest_info *info;
    bsi_containers *containers;
    bsi_content content;
    bsi_sha256 *hash;
    checked *checked;   /* For each container, */
    size_t count;       /* so many. */
    bsi_draft *lost;    /* Files that cannot be read, with the number of their container. */
    bool manifest_lies; /* A file is wrong in a container that is right. */
} verifier;

static bool is_fresh(const verifier *self)
{
    return self->env->fresh_id && strcmp(self->env->fresh_id, self->info->id) == 0;
}

static size_t container_count(const verifier *self)
{
    return is_fresh(self) ? 1 : self->info->needs_count + 1;
}

static bsi_container_ref container_at(const verifier *self, size_t index)
{
    bsi_container_ref own = {.size = self->info->container_size,
                             .sha256 = self->info->container_sha256,
                             .key = self->info->container_key};

    if (index > 0) {
        return self->info->needs[index - 1];
    }
    memcpy(own.id, self->info->id, BS_ID_SIZE);
    return own;
}

/* Whether a failure tells of stored data; others end the verification. */
static bool is_damage(bs_status status)
{
    return status < 0 && bs_error_last()->layer == BS_LAYER_STORAGE && status != BS_E_CANCELLED;
}

/* --- Containers as a whole --- */

static bs_status compare_object(const bsi_vault_env *env, const char *key, uint64_t size,
                                const bsi_digest *sha256)
{
    bs_storage_object object = {0};
    bsi_digest digest;

    BSI_TRY(bsi_storage_stat(env->storage, env->call, key, &object));
    if (object.size != size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it has %llu bytes instead of %llu",
                        (unsigned long long)object.size, (unsigned long long)size);
    }
    BSI_TRY(bsi_object_hash(env, key, size, env->progress, &digest));
    if (!bsi_digest_equal(&digest, sha256)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "its bytes are not those that were written");
    }
    return BS_OK;
}

/* Damage is noted, with what is wrong; anything else ends the verification. */
static bs_status note_wrong(checked *one, const char *object, bs_status status)
{
    if (!is_damage(status)) {
        return status;
    }
    one->message = bsi_strdup(bs_error_last()->message);
    one->object = bsi_strdup(object);
    return one->message && one->object ? BS_OK : BS_E_NOMEM;
}

/* Whether the keys of another backup's container are there and open it. */
static bs_status try_keys(const bsi_vault_env *env, const char *container_key, checked *one)
{
    bsi_backup_keys keys = {0};
    bs_status status = bsi_backup_keys_load(env, container_key, &keys);

    if (status >= 0) {
        status = bsi_backup_keys_open(env, &keys);
    }
    bsi_backup_keys_dispose(&keys);
    if (status == BS_E_KEY) {
        one->is_locked = true;
        return BS_OK;
    }
    return status;
}

static bs_status check_keys(const bsi_vault_env *env, const char *container_key, checked *one)
{
    char *keys_key = NULL;
    bs_status status = BS_OK;

    if (!bsi_has_keys(container_key)) {
        return BS_OK;
    }
    keys_key = bsi_keys_key(container_key);
    status = keys_key ? note_wrong(one, keys_key, try_keys(env, container_key, one)) : BS_E_NOMEM;
    bsi_free(keys_key);
    return status;
}

static bs_status check_container(const verifier *self, size_t index)
{
    const bsi_container_ref container = container_at(self, index);
    checked *one = &self->checked[index];

    BSI_TRY(check_keys(self->env, container.key, one));
    if (one->object) {
        return BS_OK;
    }
    return note_wrong(one, container.key,
                      compare_object(self->env, container.key, container.size, &container.sha256));
}

static bs_status check_containers(const verifier *self)
{
    for (size_t i = 0; i < self->count; i++) {
        BSI_TRY(check_container(self, i));
    }
    return BS_OK;
}

/* --- Files --- */

static size_t container_of(const verifier *self, const bsi_manifest_entry *entry)
{
    for (size_t i = 1; i < self->count; i++) {
        if (strcmp(self->info->needs[i - 1].id, entry->listed.stored_in) == 0) {
            return i;
        }
    }
    return 0;
}

static bs_status note_lost(verifier *self, const bsi_manifest_entry *entry)
{
    const size_t container = container_of(self, entry);
    const bool lies = !self->checked[container].object;
    const bsi_record record = {
        .kind = 1,
        .group = (uint32_t)(lies ? self->count : container),
        .bytes = entry->listed.entry.path,
    };

    self->manifest_lies = self->manifest_lies || lies;
    return bsi_draft_put(self->lost, &record);
}

/* In a container that is not looked at. */
static bool lies_elsewhere(const verifier *self, const bsi_manifest_entry *entry)
{
    const char *id = entry->listed.stored_in;

    return is_fresh(self) && id[0] && strcmp(id, self->info->id) != 0;
}

static bs_status check_file(verifier *self, const bsi_manifest_entry *entry)
{
    bs_status status = BS_OK;

    if (entry->listed.entry.stat.type != BSI_TYPE_FILE || lies_elsewhere(self, entry)) {
        return BS_OK;
    }
    if (self->checked[container_of(self, entry)].is_locked) {
        self->out->files_unread++;
        return BS_OK;
    }
    status = bsi_content_check(&self->content, self->env->call, entry, self->hash, NULL, NULL);
    bsi_progress_add(self->env->progress, 1, entry->listed.entry.stat.size);
    return is_damage(status) ? note_lost(self, entry) : status;
}

static bs_status check_files(verifier *self)
{
    const bsi_manifest_entry *entry = NULL;
    bs_status status = BS_OK;

    while ((status = bsi_manifest_next(self->manifest, &entry)) == BS_OK) {
        BSI_TRY(check_file(self, entry));
    }
    return status < 0 ? status : BS_OK;
}

/* --- The report --- */

static bs_status tell_object(verifier *self, uint32_t group, const char *key, const char *message)
{
    bsi_record record;
    bs_status status = self->sink->object(self->sink->user, key, message);

    bsi_draft_rewind(self->lost);
    while (status >= 0) {
        status = bsi_draft_next(self->lost, &record);
        if (status != BS_OK) {
            break;
        }
        if (record.group == group) {
            status = self->sink->lost(self->sink->user, record.bytes);
        }
    }
    return status < 0 ? status : BS_OK;
}

static bs_status tell_container(verifier *self, size_t index)
{
    const checked *one = &self->checked[index];

    return one->object ? tell_object(self, (uint32_t)index, one->object, one->message) : BS_OK;
}

static bs_status tell(verifier *self)
{
    for (size_t i = 0; i < self->count; i++) {
        BSI_TRY(tell_container(self, i));
    }
    if (self->manifest_lies) {
        return tell_object(self, (uint32_t)self->count, self->manifest_key,
                           "it does not describe what the containers hold");
    }
    return BS_OK;
}

/* --- The run --- */

static bs_status prepare(verifier *self)
{
    uint64_t bytes = self->info->bytes;

    self->checked = bsi_calloc(container_count(self), sizeof(*self->checked));
    if (!self->checked) {
        return BS_E_NOMEM;
    }
    self->count = container_count(self);
    for (size_t i = 0; i < self->count; i++) {
        bytes += container_at(self, i).size;
    }
    bsi_progress_set_total(self->env->progress, self->info->files, bytes);
    BSI_TRY(bsi_sha256_new(&self->hash));
    BSI_TRY(bsi_draft_new(self->env->temp_dir, &self->lost));
    BSI_TRY(bsi_containers_new(self->env, self->info, &self->containers));
    self->content = bsi_containers_content(self->containers);
    return BS_OK;
}

static void dispose(verifier *self)
{
    for (size_t i = 0; i < self->count; i++) {
        bsi_free(self->checked[i].object);
        bsi_free(self->checked[i].message);
    }
    bsi_free(self->checked);
    bsi_sha256_free(self->hash);
    bsi_draft_free(self->lost);
    bsi_containers_free(self->containers);
    bsi_manifest_close(self->manifest);
}

static bs_status verify_readable(verifier *self)
{
    bs_status status = bsi_manifest_open_checked(self->env, self->manifest_key, &self->manifest);

    if (is_damage(status)) {
        return self->sink->object(self->sink->user, self->manifest_key, bs_error_last()->message);
    }
    BSI_TRY(status);
    self->info = bsi_manifest_reader_info(self->manifest);
    status = prepare(self);
    if (status >= 0) {
        status = check_containers(self);
    }
    if (status >= 0) {
        status = check_files(self);
    }
    if (is_damage(status)) { /* A line that the manifest's own hash vouches for, and that lies. */
        self->manifest_lies = true;
        status = BS_OK;
    }
    BSI_TRY(status);
    BSI_TRY(tell(self));
    if (self->out->files_unread > 0) {
        bsi_warn_new(self->env->warn, bsi_slice_of(self->manifest_key), BS_LAYER_CRYPTO, BS_E_KEY,
                     "%llu files lie in other backups' containers that no key opens: only stored "
                     "bytes were compared",
                     (unsigned long long)self->out->files_unread);
        return BS_PARTIAL;
    }
    return BS_OK;
}

/* --- Encrypted backups --- */

static bs_status compare_manifest(const verifier *self)
{
    const bs_status status = compare_object(
        self->env, self->manifest_key, self->info->manifest_size, &self->info->manifest_sha256);

    return is_damage(status)
               ? self->sink->object(self->sink->user, self->manifest_key, bs_error_last()->message)
               : status;
}

/* What the public part says, when that is all that can be read. */
static bs_status verify_public(verifier *self)
{
    BSI_TRY(prepare(self));
    BSI_TRY(compare_manifest(self));
    BSI_TRY(check_containers(self));
    BSI_TRY(tell(self));
    bsi_warn_new(self->env->warn, bsi_slice_of(self->manifest_key), BS_LAYER_CRYPTO, BS_E_KEY,
                 "no key opens the backup: stored bytes were compared, names and content not read");
    return BS_PARTIAL;
}

static bs_status verify_locked(verifier *self, const bsi_manifest_info *info)
{
    bs_status status = BS_OK;

    self->out->is_locked = true;
    self->info = info;
    status = verify_public(self);
    self->info = NULL;
    return status;
}

static void note_signer(const verifier *self, const bsi_backup_keys *keys)
{
    const bsi_public_key *signer = bsi_keyset_signer(keys->set);

    if (signer) {
        self->out->is_signed = true;
        self->out->signer = *signer;
        self->out->is_trusted = bsi_backup_keys_are_trusted(self->env, keys);
    }
    bsi_backup_keys_report_signer(self->env, keys);
}

static bs_status verify_with(verifier *self, bsi_backup_keys *keys)
{
    bs_status status = bsi_backup_keys_open(self->env, keys);

    if (is_damage(status)) {
        return self->sink->object(self->sink->user, keys->key, bs_error_last()->message);
    }
    if (status < 0 && status != BS_E_KEY) {
        return status;
    }
    note_signer(self, keys);
    status = status < 0 ? verify_locked(self, &keys->info) : verify_readable(self);
    BSI_TRY(status);
    return keys->info.encryption == BSI_ENCRYPTION_RSA && !self->out->is_trusted ? BS_PARTIAL
                                                                                 : status;
}

static bs_status tell_lost_keys(const verifier *self)
{
    char *key = bsi_keys_key(self->manifest_key);
    const bs_status status =
        key ? self->sink->object(self->sink->user, key, bs_error_last()->message) : BS_E_NOMEM;

    bsi_free(key);
    return status;
}

static bs_status verify_encrypted(verifier *self)
{
    bsi_backup_keys keys = {0};
    bs_status status = bsi_backup_keys_load(self->env, self->manifest_key, &keys);

    if (is_damage(status)) {
        return tell_lost_keys(self);
    }
    BSI_TRY(status);
    status = verify_with(self, &keys);
    bsi_backup_keys_dispose(&keys);
    return status;
}

bs_status bsi_archive_form_verify(const bsi_vault_env *env, const char *manifest_key,
                                  const bsi_damage_sink *sink, bsi_verify_result *out)
{
    verifier self = {.env = env, .sink = sink, .manifest_key = manifest_key, .out = out};
    bs_status status = BS_OK;

    *out = (bsi_verify_result){0};
    status = bsi_is_encrypted_key(manifest_key) ? verify_encrypted(&self) : verify_readable(&self);
    dispose(&self);
    return status;
}
