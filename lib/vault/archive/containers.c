/* SPDX-License-Identifier: MIT */
/*
 * Reads files out of containers by the locators of a manifest. What a container
 * itself says about its content is never looked at.
 */
#include "vault/archive/containers.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "vault/archive/members.h"
#include "vault/keys.h"
#include "vault/names.h"

typedef struct container {
    bsi_containers *owner;
    const char *id;
    const char *key;
    const char *compression;
    uint64_t size; /* As it is stored. */
    const bsi_archive_driver *driver;
    bsi_object_reader *object;
    bsi_members *members;       /* NULL: its members are not encrypted by themselves. */
    bsi_archive_reader *reader; /* NULL: not opened yet. */
    bool is_locked;             /* No key opens it: looked for once, not for each file. */
} container;

struct bsi_containers {
    bsi_vault_env env;
    container *list;
    size_t count;

    /* The file being read. */
    container *current;
    const bsi_entry *entry;
    size_t extent;
    uint64_t in_extent;
    uint64_t at; /* Position in the file, for containers that hold the zeros of holes. */
};

bs_status bsi_containers_new(const bsi_vault_env *env, const bsi_manifest_info *info,
                             bsi_containers **out)
{
    bsi_containers *containers = bsi_calloc(1, sizeof(*containers));

    if (!containers) {
        return BS_E_NOMEM;
    }
    containers->env = *env;
    containers->list = bsi_calloc(info->needs_count + 1, sizeof(*containers->list));
    if (!containers->list) {
        bsi_free(containers);
        return BS_E_NOMEM;
    }
    containers->count = info->needs_count + 1;
    containers->list[0] = (container){.owner = containers,
                                      .id = info->id,
                                      .key = info->container_key,
                                      .compression = info->compression,
                                      .size = info->container_size};
    for (size_t i = 0; i < info->needs_count; i++) {
        const bsi_container_ref *need = &info->needs[i];
        containers->list[i + 1] = (container){.owner = containers,
                                              .id = need->id,
                                              .key = need->key,
                                              .compression = need->compression,
                                              .size = need->size};
    }
    *out = containers;
    return BS_OK;
}

static void forget(void *user)
{
    bsi_containers *containers = user;

    for (size_t i = 0; i < containers->count; i++) {
        container *one = &containers->list[i];
        bsi_archive_reader_free(one->reader);
        bsi_members_free(one->members);
        bsi_object_reader_free(one->object);
        one->reader = NULL;
        one->members = NULL;
        one->object = NULL;
        one->is_locked = false;
    }
    containers->current = NULL;
}

void bsi_containers_free(bsi_containers *containers)
{
    if (!containers) {
        return;
    }
    forget(containers);
    bsi_free(containers->list);
    bsi_free(containers);
}

static bs_status say_what(const container *self, bs_status status)
{
    if (status == BS_E_NOT_FOUND) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_MISSING, "container '%s' is missing", self->key);
    }
    if (status == BS_E_RANGE) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "container '%s' is cut short", self->key);
    }
    return status;
}

static bs_status read_bytes(void *user, uint64_t offset, void *buf, size_t size)
{
    const container *self = user;

    return say_what(self, bsi_object_read(self->object, offset, buf, size));
}

static bs_status open_envelope(container *self, const bsi_backup_keys *keys)
{
    bsi_crypt crypt = bsi_backup_keys_crypt(keys, BSI_ENVELOPE_CONTAINER);

    crypt.id = self->id; /* Another's key set would not open it as this backup's. */
    return say_what(self, bsi_object_reader_new(&self->owner->env, self->key, &crypt, self->size,
                                                &self->object));
}

static bs_status open_winzip(container *self, const bsi_backup_keys *keys)
{
    if (!self->members) {
        BSI_TRY(bsi_members_open(keys, self->id, &self->members));
    }
    return bsi_object_reader_new(&self->owner->env, self->key, NULL, self->size, &self->object);
}

/* Its own keys, whatever they are worth: each backup has a data key of its own. */
static bs_status open_encrypted(container *self)
{
    const bsi_vault_env *env = &self->owner->env;
    bsi_backup_keys keys = {0};
    bs_status status = bsi_backup_keys_load(env, self->key, &keys);

    if (status >= 0) {
        status = bsi_backup_keys_open(env, &keys);
        self->is_locked = status == BS_E_KEY;
    }
    if (status >= 0) {
        status =
            bsi_is_winzip_key(self->key) ? open_winzip(self, &keys) : open_envelope(self, &keys);
    }
    bsi_backup_keys_dispose(&keys);
    return status;
}

static bs_status open_object(container *self)
{
    if (self->object) {
        return BS_OK;
    }
    if (self->is_locked) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "no key opens container '%s'", self->key);
    }
    if (bsi_has_keys(self->key)) {
        return open_encrypted(self);
    }
    return bsi_object_reader_new(&self->owner->env, self->key, NULL, self->size, &self->object);
}

static bs_status open_container(container *self)
{
    if (self->reader) {
        return BS_OK;
    }
    self->driver = bsi_archive_find(bsi_slice_of(self->compression));
    if (!self->driver) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                        "container '%s' is of the unknown kind '%s'", self->key, self->compression);
    }
    BSI_TRY(open_object(self));
    BSI_TRY(bsi_archive_reader_new(self->driver, read_bytes, self, bsi_object_size(self->object),
                                   &self->reader));
    if (self->members) {
        bsi_archive_reader_use(self->reader, bsi_members_cipher(self->members));
    }
    return BS_OK;
}

static container *find(bsi_containers *containers, const char *id)
{
    for (size_t i = 0; i < containers->count; i++) {
        if (strcmp(containers->list[i].id, id) == 0) {
            return &containers->list[i];
        }
    }
    return NULL;
}

static bs_status say_which(const container *self, bs_status status)
{
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "container '%s'", self->key)
                      : BS_OK;
}

static bs_status begin(void *user, const bsi_manifest_entry *entry)
{
    bsi_containers *containers = user;
    container *self = find(containers, entry->listed.stored_in);

    BSI_CHECK(self && entry->has_locator); /* The manifest reader has seen to that. */
    containers->current = self;
    containers->entry = &entry->listed.entry;
    containers->extent = 0;
    containers->in_extent = 0;
    containers->at = 0;
    BSI_TRY(open_container(self));
    if (bsi_entry_data_size(containers->entry) == 0) {
        return BS_OK; /* Nothing lies anywhere. */
    }
    return say_which(self, bsi_archive_reader_seek(self->reader, &entry->locator));
}

/* Pass over zeros that stand for a hole. */
static bs_status skip_hole(bsi_containers *containers, uint64_t offset)
{
    uint8_t zeros[4096];

    while (containers->at < offset) {
        const size_t part = (size_t)bsi_min_u64(offset - containers->at, sizeof(zeros));
        BSI_TRY(bsi_call_check(containers->env.call));
        BSI_TRY(bsi_archive_reader_read(containers->current->reader, zeros, part));
        containers->at += part;
    }
    return BS_OK;
}

static bs_status next_among_holes(bsi_containers *containers, uint8_t *buf, size_t size)
{
    while (size > 0) {
        const bsi_extent *extent = &containers->entry->extents[containers->extent];
        const size_t part = (size_t)bsi_min_u64(size, extent->size - containers->in_extent);
        BSI_TRY(skip_hole(containers, extent->offset + containers->in_extent));
        BSI_TRY(bsi_archive_reader_read(containers->current->reader, buf, part));
        containers->at += part;
        containers->in_extent += part;
        buf += part;
        size -= part;
        if (containers->in_extent == extent->size) {
            containers->extent++;
            containers->in_extent = 0;
        }
    }
    return BS_OK;
}

static bs_status next(void *user, void *buf, size_t size)
{
    bsi_containers *containers = user;
    container *self = containers->current;

    if (containers->entry->sparse && !(bsi_archive_caps(self->driver) & BSI_ARCHIVE_SPARSE)) {
        return say_which(self, next_among_holes(containers, buf, size));
    }
    return say_which(self, bsi_archive_reader_read(self->reader, buf, size));
}

bsi_content bsi_containers_content(bsi_containers *containers)
{
    return (bsi_content){begin, next, containers, forget};
}
