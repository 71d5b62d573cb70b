/* SPDX-License-Identifier: MIT */
/*
 * Goes through all keys of a storage once, sorts what may be ours by the backup
 * that it says it belongs to, and looks at those backups that have no manifest.
 *
 * Who may be writing is asked after the listing, so that a backup that came to
 * its end meanwhile is known by then.
 */
#include "vault/reclaim.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "vault/names.h"

enum { REMOVED_AT_ONCE = 64 };

/* What is noted of an object, in front of its key and NUL. */
typedef struct note {
    uint64_t size;
    int64_t mtime_ns;
} note;

typedef struct found {
    bsi_object_name name; /* Slices of the key. */
    const char *key;
    note what;
} found;

typedef struct reclaim {
    const bsi_vault_env *env;
    const bsi_reclaim_plan *plan;
    bsi_reclaimed *out;
    bsi_buf notes;
    found *objects;
    size_t count;
} reclaim;

static bs_status check_stop(const reclaim *self)
{
    if (self->plan->stop(self->plan->user)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_CANCELLED, "the service is closing");
    }
    return BS_OK;
}

static bs_status take_key(void *user, const char *key, const bs_storage_object *object)
{
    reclaim *self = user;
    const note what = {object->size, object->mtime_ns};
    bsi_object_name name;

    BSI_TRY(check_stop(self));
    if (!bsi_object_name_parse(key, &name)) {
        return BS_OK;
    }
    self->count++;
    BSI_TRY(bsi_buf_append(&self->notes, &what, sizeof(what)));
    return bsi_buf_append(&self->notes, key, strlen(key) + 1);
}

static int compare_slices(bsi_slice a, bsi_slice b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_backups(const found *a, const found *b)
{
    const int order = compare_slices(a->name.name, b->name.name);

    return order != 0 ? order : compare_slices(a->name.short_id, b->name.short_id);
}

/* Manifests first among the objects of a backup. */
static int compare_found(const void *a, const void *b)
{
    const found *left = a;
    const found *right = b;
    const int order = compare_backups(left, right);

    return order != 0 ? order : (int)right->name.manifest - (int)left->name.manifest;
}

static bs_status sort_objects(reclaim *self)
{
    const char *at = (const char *)self->notes.data;

    self->objects = bsi_calloc(self->count, sizeof(*self->objects));
    if (!self->objects) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < self->count; i++) {
        found *one = &self->objects[i];
        memcpy(&one->what, at, sizeof(one->what));
        one->key = at + sizeof(one->what);
        (void)bsi_object_name_parse(one->key, &one->name);
        at = one->key + strlen(one->key) + 1;
    }
    qsort(self->objects, self->count, sizeof(*self->objects), compare_found);
    return BS_OK;
}

static bool is_old(const reclaim *self, const found *objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (objects[i].what.mtime_ns == BS_STORAGE_NO_TIME ||
            objects[i].what.mtime_ns >= self->plan->before_ns) {
            return false;
        }
    }
    return true;
}

static bs_status claim_of(const reclaim *self, const found *one, bsi_claim *out)
{
    char *name = bsi_strndup(one->name.name.data, one->name.name.size);
    char *short_id = bsi_strndup(one->name.short_id.data, one->name.short_id.size);
    bs_status status = BS_E_NOMEM;

    if (name && short_id) {
        status = self->plan->claim(self->plan->user, name, short_id, out);
    }
    bsi_free(name);
    bsi_free(short_id);
    return status;
}

static bs_status remove_some(reclaim *self, const found *objects, size_t count)
{
    const char *keys[REMOVED_AT_ONCE];

    for (size_t i = 0; i < count; i++) {
        keys[i] = objects[i].key;
    }
    BSI_TRY(check_stop(self));
    BSI_TRY(bsi_storage_remove_many(self->env->storage, self->env->call, keys, count));
    for (size_t i = 0; i < count; i++) {
        self->out->objects++;
        self->out->bytes += objects[i].what.size;
    }
    return BS_OK;
}

static bs_status remove_all(reclaim *self, const found *objects, size_t count)
{
    for (size_t at = 0; at < count; at += REMOVED_AT_ONCE) {
        BSI_TRY(remove_some(self, objects + at, bsi_min_size(count - at, REMOVED_AT_ONCE)));
    }
    return BS_OK;
}

/*
 * All that says it belongs to one backup. The files of a mirror's run have the
 * times of their sources, so that their age tells nothing.
 */
static bs_status look_at(reclaim *self, const found *objects, size_t count)
{
    bsi_claim claim = BSI_CLAIM_STANDING;

    if (objects[0].name.manifest) {
        return BS_OK;
    }
    BSI_TRY(claim_of(self, &objects[0], &claim));
    if (claim == BSI_CLAIM_FAILED ||
        (claim == BSI_CLAIM_NONE && !objects[0].name.staged && is_old(self, objects, count))) {
        return remove_all(self, objects, count);
    }
    return BS_OK;
}

static bs_status look_at_all(reclaim *self)
{
    size_t begin = 0;
    bs_status status = sort_objects(self);

    while (status >= 0 && begin < self->count) {
        size_t end = begin + 1;
        while (end < self->count &&
               compare_backups(&self->objects[end], &self->objects[begin]) == 0) {
            end++;
        }
        status = look_at(self, self->objects + begin, end - begin);
        begin = end;
    }
    return status;
}

bs_status bsi_vault_reclaim(const bsi_vault_env *env, const bsi_reclaim_plan *plan,
                            bsi_reclaimed *out)
{
    reclaim self = {.env = env, .plan = plan, .out = out};
    bs_status status = BS_OK;

    bsi_buf_init(&self.notes, SIZE_MAX / 2);
    status = bsi_storage_list(env->storage, env->call, "", take_key, &self);
    if (status >= 0) {
        status = look_at_all(&self);
    }
    bsi_free(self.objects);
    bsi_buf_dispose(&self.notes);
    return status < 0 ? status : BS_OK;
}
