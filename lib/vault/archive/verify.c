/* SPDX-License-Identifier: MIT */
/*
 * Verification of an archive backup: the manifest by its own hash, each
 * container as a whole by the manifest's, each file's content by its own. The
 * three together find any changed byte, and tell whose it was. Of a backup that was
 * just written only its own container is looked at, and the files in there.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "vault/archive/containers.h"
#include "vault/archive/form.h"
#include "vault/draft.h"

enum { PART = 1024 * 1024 };

typedef struct verifier {
    const bsi_vault_env *env;
    const bsi_damage_sink *sink;
    const char *manifest_key;
    bsi_manifest_reader *manifest;
    const bsi_manifest_info *info;
    bsi_containers *containers;
    bsi_content content;
    bsi_sha256 *hash;
    uint8_t *buffer;
    char **wrong;       /* For each container what is wrong with it; NULL: nothing. */
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

static bs_status hash_container(verifier *self, const bsi_container_ref *container)
{
    uint64_t at = 0;
    bsi_digest digest;

    bsi_sha256_reset(self->hash);
    while (at < container->size) {
        const size_t part = (size_t)bsi_min_u64(PART, container->size - at);
        BSI_TRY(bsi_call_check(self->env->call));
        BSI_TRY(bsi_storage_read(self->env->storage, self->env->call, container->key, at,
                                 self->buffer, part));
        bsi_sha256_update(self->hash, self->buffer, part);
        bsi_progress_add(self->env->progress, 0, part);
        at += part;
    }
    bsi_sha256_finish(self->hash, &digest);
    if (!bsi_digest_equal(&digest, &container->sha256)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "its bytes are not those that were written");
    }
    return BS_OK;
}

static bs_status check_container(verifier *self, const bsi_container_ref *container)
{
    bs_storage_object object = {0};

    BSI_TRY(bsi_storage_stat(self->env->storage, self->env->call, container->key, &object));
    if (object.size != container->size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it has %llu bytes instead of %llu",
                        (unsigned long long)object.size, (unsigned long long)container->size);
    }
    return hash_container(self, container);
}

/* Damage is noted, with what is wrong; anything else ends the verification. */
static bs_status note_wrong(verifier *self, size_t index, bs_status status)
{
    if (!is_damage(status)) {
        return status;
    }
    self->wrong[index] = bsi_strdup(bs_error_last()->message);
    return self->wrong[index] ? BS_OK : BS_E_NOMEM;
}

static bs_status check_containers(verifier *self)
{
    for (size_t i = 0; i < container_count(self); i++) {
        const bsi_container_ref container = container_at(self, i);
        BSI_TRY(note_wrong(self, i, check_container(self, &container)));
    }
    return BS_OK;
}

/* --- Files --- */

static size_t container_of(const verifier *self, const bsi_manifest_entry *entry)
{
    for (size_t i = 1; i < container_count(self); i++) {
        if (strcmp(self->info->needs[i - 1].id, entry->listed.stored_in) == 0) {
            return i;
        }
    }
    return 0;
}

static bs_status note_lost(verifier *self, const bsi_manifest_entry *entry)
{
    const size_t container = container_of(self, entry);
    const bool lies = !self->wrong[container];
    const bsi_record record = {
        .kind = 1,
        .group = (uint32_t)(lies ? container_count(self) : container),
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
    const bsi_container_ref container = container_at(self, index);

    return self->wrong[index]
               ? tell_object(self, (uint32_t)index, container.key, self->wrong[index])
               : BS_OK;
}

static bs_status tell(verifier *self)
{
    const size_t count = container_count(self);

    for (size_t i = 0; i < count; i++) {
        BSI_TRY(tell_container(self, i));
    }
    if (self->manifest_lies) {
        return tell_object(self, (uint32_t)count, self->manifest_key,
                           "it does not describe what the containers hold");
    }
    return BS_OK;
}

/* --- The run --- */

static bs_status prepare(verifier *self)
{
    uint64_t bytes = self->info->bytes;

    for (size_t i = 0; i < container_count(self); i++) {
        bytes += container_at(self, i).size;
    }
    bsi_progress_set_total(self->env->progress, self->info->files, bytes);
    self->buffer = bsi_alloc(PART);
    self->wrong = bsi_calloc(container_count(self), sizeof(*self->wrong));
    if (!self->buffer || !self->wrong) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_sha256_new(&self->hash));
    BSI_TRY(bsi_draft_new(self->env->temp_dir, &self->lost));
    BSI_TRY(bsi_containers_new(self->env, self->info, &self->containers));
    self->content = bsi_containers_content(self->containers);
    return BS_OK;
}

static void dispose(verifier *self)
{
    for (size_t i = 0; self->wrong && i < container_count(self); i++) {
        bsi_free(self->wrong[i]);
    }
    bsi_free(self->wrong);
    bsi_free(self->buffer);
    bsi_sha256_free(self->hash);
    bsi_draft_free(self->lost);
    bsi_containers_free(self->containers);
    bsi_manifest_close(self->manifest);
}

bs_status bsi_archive_form_verify(const bsi_vault_env *env, const char *manifest_key,
                                  const bsi_damage_sink *sink, bsi_verify_result *out)
{
    verifier self = {.env = env, .sink = sink, .manifest_key = manifest_key};
    bs_status status = bsi_manifest_open_checked(env, manifest_key, &self.manifest);

    *out = (bsi_verify_result){0};
    if (is_damage(status)) {
        return sink->object(sink->user, manifest_key, bs_error_last()->message);
    }
    BSI_TRY(status);
    self.info = bsi_manifest_reader_info(self.manifest);
    status = prepare(&self);
    if (status >= 0) {
        status = check_containers(&self);
    }
    if (status >= 0) {
        status = check_files(&self);
    }
    if (is_damage(status)) { /* A line that the manifest's own hash vouches for, and that lies. */
        self.manifest_lies = true;
        status = BS_OK;
    }
    if (status >= 0) {
        status = tell(&self);
    }
    dispose(&self);
    return status;
}
