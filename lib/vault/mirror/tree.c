/* SPDX-License-Identifier: MIT */
/*
 * A mirror's tree of objects: reading it, and bringing it in line with its
 * manifest.
 */
#include "vault/mirror/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "vault/mirror/hands.h"
#include "vault/names.h"

/* --- Lists of keys --- */

/* Of each object what is known of it, then its key with its NUL. */
static bs_status collect(void *user, const char *key, const bs_storage_object *object)
{
    BSI_TRY(bsi_buf_append(user, object, sizeof(*object)));
    return bsi_buf_append(user, key, strlen(key) + 1);
}

/* What is below a prefix. */
static bs_status list_keys(const bsi_vault_env *env, const char *prefix, bsi_buf *out)
{
    bsi_buf_init(out, SIZE_MAX / 2);
    return bsi_storage_list(env->storage, env->call, prefix, collect, out);
}

/* The key at `*at`, which is moved behind it; NULL: it was the last. */
static const char *next_key(const bsi_buf *list, size_t *at, bs_storage_object *object)
{
    const char *key = (const char *)list->data + *at + sizeof(*object);

    if (*at == list->size) {
        return NULL;
    }
    memcpy(object, list->data + *at, sizeof(*object));
    *at += sizeof(*object) + strlen(key) + 1;
    return key;
}

typedef bool (*key_choice)(void *user, const char *key);

/* Keys that go with the next request. */
typedef struct removal {
    const bsi_vault_env *env;
    const char *keys[BS_STORAGE_REMOVE_MAX]; /* Of a list that stays meanwhile. */
    size_t count;
} removal;

static bs_status removal_flush(removal *self)
{
    const size_t count = self->count;

    self->count = 0;
    return count > 0
               ? bsi_storage_remove_many(self->env->storage, self->env->call, self->keys, count)
               : BS_OK;
}

static bs_status removal_add(removal *self, const char *key)
{
    self->keys[self->count] = key;
    self->count++;
    return self->count == BS_STORAGE_REMOVE_MAX ? removal_flush(self) : BS_OK;
}

static bs_status remove_listed(removal *self, const bsi_buf *list, key_choice choose, void *user)
{
    bs_storage_object object;
    size_t at = 0;

    for (const char *key = next_key(list, &at, &object); key; key = next_key(list, &at, &object)) {
        BSI_TRY(!choose || choose(user, key) ? removal_add(self, key) : BS_OK);
    }
    return removal_flush(self);
}

/* Of the objects below a prefix those that are chosen; NULL: all. */
static bs_status remove_chosen(const bsi_vault_env *env, const char *prefix, key_choice choose,
                               void *user)
{
    removal *self = bsi_alloc(sizeof(*self));
    bsi_buf list;
    bs_status status = list_keys(env, prefix, &list);

    if (status == BS_OK && !self) {
        status = BS_E_NOMEM;
    }
    if (status == BS_OK) {
        self->env = env;
        self->count = 0;
        status = remove_listed(self, &list, choose, user);
    }
    bsi_buf_dispose(&list);
    bsi_free(self);
    return status;
}

bs_status bsi_mirror_remove_below(const bsi_vault_env *env, const char *prefix)
{
    return remove_chosen(env, prefix, NULL, NULL);
}

/* --- Manifests --- */

bool bsi_mirror_is_manifest(const char *key)
{
    const char *slash = strchr(key, '/');
    const size_t size = strlen(key);
    const size_t tail = strlen(BSI_MANIFEST_SUFFIX);

    return slash && !strchr(slash + 1, '/') && strstr(slash, "-mirror-") && size > tail &&
           strcmp(key + size - tail, BSI_MANIFEST_SUFFIX) == 0;
}

typedef struct manifest_search {
    const char *short_id; /* "": any. */
    char *found;
} manifest_search;

static bs_status match_manifest(void *user, const char *key, const bs_storage_object *object)
{
    manifest_search *search = user;

    (void)object;
    if (!search->found && bsi_mirror_is_manifest(key) && strstr(key, search->short_id)) {
        search->found = bsi_strdup(key);
        return search->found ? BS_OK : BS_E_NOMEM;
    }
    return BS_OK;
}

bs_status bsi_mirror_find_manifest(const bsi_vault_env *env, const char *name, const char *id,
                                   char **out)
{
    char short_id[BSI_SHORT_ID_SIZE] = "";
    manifest_search search = {.short_id = short_id};
    bs_status status = BS_OK;

    if (id) {
        bsi_short_id(id, short_id);
    }
    status = bsi_storage_list(env->storage, env->call, name, match_manifest, &search);
    if (status < 0) {
        bsi_free(search.found);
        return status;
    }
    *out = search.found;
    return BS_OK;
}

/* --- Bringing the tree in line --- */

/* Hashes of the paths of a manifest's files, sorted: enough to tell what does not belong. */
typedef struct path_set {
    bsi_buf hashes;
    size_t count;
} path_set;

/* FNV-1a, 64 bits: a stray object with the hash of a file stays, which harms nothing. */
static uint64_t hash_path(bsi_slice path)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < path.size; i++) {
        hash = (hash ^ (uint8_t)path.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t left = 0;
    uint64_t right = 0;

    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

static bs_status path_set_add(path_set *set, const bsi_entry *entry)
{
    const uint64_t hash = hash_path(entry->path);

    if (entry->stat.type != BSI_TYPE_FILE) {
        return BS_OK;
    }
    set->count++;
    return bsi_buf_append(&set->hashes, &hash, sizeof(hash));
}

static bs_status path_set_fill(path_set *set, bsi_manifest_reader *manifest)
{
    const bsi_manifest_entry *entry = NULL;
    bs_status status = BS_OK;

    bsi_buf_init(&set->hashes, SIZE_MAX / 2);
    while ((status = bsi_manifest_next(manifest, &entry)) == BS_OK) {
        BSI_TRY(path_set_add(set, &entry->listed.entry));
    }
    if (status >= 0 && set->count > 0) {
        qsort(set->hashes.data, set->count, sizeof(uint64_t), compare_hashes);
    }
    return status < 0 ? status : BS_OK;
}

static bool path_set_has(const path_set *set, bsi_slice path)
{
    const uint64_t hash = hash_path(path);

    return set->count > 0 &&
           bsearch(&hash, set->hashes.data, set->count, sizeof(uint64_t), compare_hashes) != NULL;
}

typedef struct settling {
    const bsi_vault_env *env;
    const char *manifest_key;
    char *tree;
    char *staging;
    path_set files;
    bsi_hands *hands;
    uint8_t *buffer;
} settling;

static bool is_stray(void *user, const char *key)
{
    const settling *self = user;

    return !path_set_has(&self->files, bsi_slice_of(key + strlen(self->tree) + 1));
}

static char *place_of(const settling *self, const char *key)
{
    return bsi_join_key(self->tree, bsi_slice_of(key + strlen(self->staging) + 1));
}

enum { PART = 1024 * 1024 };

static bs_status copy_object(settling *self, const char *from, bsi_upload *upload, uint64_t size)
{
    uint64_t at = 0;

    while (at < size) {
        const size_t part = (size_t)bsi_min_u64(PART, size - at);
        BSI_TRY(
            bsi_storage_read(self->env->storage, self->env->call, from, at, self->buffer, part));
        BSI_TRY(bsi_upload_write(upload, self->env->call, self->buffer, part));
        at += part;
    }
    return BS_OK;
}

/* Without a rename the object travels through us. It stays until all are in place. */
static bs_status copy_large(settling *self, const char *from, const char *to)
{
    bs_storage_put_options put = BSI_PUT_DEFAULTS;
    bs_storage_object object = {0};
    bsi_upload *upload = NULL;
    bs_status status = BS_OK;

    if (!self->buffer) {
        self->buffer = bsi_alloc(PART);
        if (!self->buffer) {
            return BS_E_NOMEM;
        }
    }
    BSI_TRY(bsi_storage_stat(self->env->storage, self->env->call, from, &object));
    put.expected_size = object.size;
    put.mtime_ns = object.mtime_ns;
    BSI_TRY(bsi_upload_begin(self->env->storage, self->env->call, to, &put, &upload));
    status = copy_object(self, from, upload, object.size);
    if (status < 0) {
        bsi_upload_abort(upload);
        return status;
    }
    return bsi_upload_commit(upload, self->env->call);
}

static bs_status copy_to(const bsi_vault_env *env, bsi_hand *hand, const char *place)
{
    bs_storage_object object;

    if (bsi_storage_caps(env->storage) & BS_STORAGE_CAP_MTIME) { /* Lists may round it. */
        BSI_TRY(bsi_storage_stat(env->storage, env->call, hand->key, &object));
        hand->mtime_ns = object.mtime_ns;
    }
    BSI_TRY(bsi_buf_reserve(&hand->content, (size_t)hand->size));
    BSI_TRY(bsi_storage_read(env->storage, env->call, hand->key, 0, hand->content.data,
                             (size_t)hand->size));
    hand->content.size = (size_t)hand->size;
    return bsi_hand_put(env, hand, place);
}

static bs_status copy_small(void *user, bsi_hand *hand)
{
    const settling *self = user;
    char *place = place_of(self, hand->key);
    const bs_status status = place ? copy_to(self->env, hand, place) : BS_E_NOMEM;

    bsi_free(place);
    return status;
}

static bs_status hand_out(settling *self, const char *key, const bs_storage_object *object)
{
    bsi_hand *hand = NULL;

    BSI_TRY(bsi_hands_take(self->hands, &hand));
    hand->key = bsi_strdup(key);
    if (!hand->key) {
        return BS_E_NOMEM;
    }
    hand->size = object->size;
    hand->mtime_ns = object->mtime_ns;
    bsi_hands_start(self->hands, hand);
    return BS_OK;
}

static bs_status put_one_in_place(settling *self, const char *key, const bs_storage_object *object)
{
    const bool renames = (bsi_storage_caps(self->env->storage) & BS_STORAGE_CAP_RENAME) != 0;
    char *place = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_call_check(self->env->call));
    if (!renames && object->size <= BSI_HANDS_BYTES_MAX) {
        return hand_out(self, key, object);
    }
    place = place_of(self, key);
    if (!place) {
        return BS_E_NOMEM;
    }
    status = renames ? bsi_storage_rename(self->env->storage, self->env->call, key, place)
                     : copy_large(self, key, place);
    bsi_free(place);
    return status;
}

static bs_status put_listed_in_place(settling *self, const bsi_buf *list)
{
    bs_storage_object object;
    size_t at = 0;

    for (const char *key = next_key(list, &at, &object); key; key = next_key(list, &at, &object)) {
        BSI_TRY(put_one_in_place(self, key, &object));
    }
    return bsi_hands_wait(self->hands);
}

static bs_status put_in_place(settling *self)
{
    bsi_buf list;
    bs_status status = list_keys(self->env, self->staging, &list);

    if (status == BS_OK) {
        status = bsi_hands_new(self->env, copy_small, self, &self->hands);
    }
    if (status == BS_OK) {
        status = put_listed_in_place(self, &list);
    }
    bsi_hands_free(self->hands);
    bsi_buf_dispose(&list);
    return status;
}

/* Of whatever run: "NAME/mirror.<short id>/...". */
static bool is_staged(const char *key)
{
    const char *slash = strchr(key, '/');

    return slash && strncmp(slash, "/mirror.", 8) == 0 && strlen(slash) > 7 + BSI_SHORT_ID_SIZE &&
           slash[7 + BSI_SHORT_ID_SIZE] == '/';
}

/* What is staged of this run is also in place. */
static bool is_older(void *user, const char *key)
{
    const settling *self = user;

    return is_staged(key) || (bsi_mirror_is_manifest(key) && strcmp(key, self->manifest_key) != 0);
}

static bs_status settle_all(settling *self, const char *name)
{
    BSI_TRY(remove_chosen(self->env, self->tree, is_stray, self));
    BSI_TRY(put_in_place(self));
    return remove_chosen(self->env, name, is_older, self);
}

bs_status bsi_mirror_settle(const bsi_vault_env *env, const char *name, const char *manifest_key)
{
    settling self = {.env = env, .manifest_key = manifest_key};
    bsi_manifest_reader *manifest = NULL;
    bs_status status = bsi_manifest_open_checked(env, manifest_key, &manifest);

    BSI_TRY(status);
    self.tree = bsi_mirror_key(name);
    self.staging = bsi_mirror_staging_key(name, bsi_manifest_reader_info(manifest)->id);
    status = self.tree && self.staging ? path_set_fill(&self.files, manifest) : BS_E_NOMEM;
    if (status >= 0) {
        status = settle_all(&self, name);
    }
    bsi_manifest_close(manifest);
    bsi_buf_dispose(&self.files.hashes);
    bsi_free(self.buffer);
    bsi_free(self.tree);
    bsi_free(self.staging);
    return status;
}

/* --- What is staged --- */

static bs_status note_staged(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    *(bool *)user = true;
    return BS_END;
}

/* Whether something lies below the prefix. */
static bs_status look_for_staged(const bsi_vault_env *env, const char *staging, bool *out)
{
    *out = false;
    const bs_status status = bsi_storage_list(env->storage, env->call, staging, note_staged, out);
    return status < 0 ? status : BS_OK;
}

bs_status bsi_mirror_finish(const bsi_vault_env *env, const bsi_manifest_info *info,
                            const char *manifest_key)
{
    char *staging = bsi_mirror_staging_key(info->name, info->id);
    bool staged = false;
    bs_status status = staging ? look_for_staged(env, staging, &staged) : BS_E_NOMEM;

    if (status >= 0 && staged) {
        status = bsi_mirror_settle(env, info->name, manifest_key);
    }
    bsi_free(staging);
    return status;
}

static bool is_file(void *user, const char *key)
{
    const char *slash = strchr(key, '/');

    (void)user;
    return is_staged(key) || (slash && strncmp(slash, "/mirror/", 8) == 0);
}

bs_status bsi_mirror_remove_tree(const bsi_vault_env *env, const char *name)
{
    return remove_chosen(env, name, is_file, NULL);
}

/* --- Reading --- */

struct bsi_mirror_files {
    bsi_vault_env env;
    char *tree;
    char *staging;
    bool staged; /* Something lies in staging. */
    char *key;
    const bsi_entry *entry;
    size_t extent;
    uint64_t in_extent;
    uint64_t at;
    uint8_t *buffer; /* PART bytes, when holes are compared. */
};

bs_status bsi_mirror_files_new(const bsi_vault_env *env, const bsi_manifest_info *info,
                               bsi_mirror_files **out)
{
    bs_status status = BS_E_NOMEM;
    bsi_mirror_files *files = bsi_calloc(1, sizeof(*files));

    if (!files) {
        return BS_E_NOMEM;
    }
    files->env = *env;
    files->tree = bsi_mirror_key(info->name);
    files->staging = bsi_mirror_staging_key(info->name, info->id);
    if (files->tree && files->staging) {
        status = look_for_staged(env, files->staging, &files->staged);
    }
    if (status < 0) {
        bsi_mirror_files_free(files);
        return status;
    }
    *out = files;
    return BS_OK;
}

void bsi_mirror_files_free(bsi_mirror_files *files)
{
    if (files) {
        bsi_free(files->tree);
        bsi_free(files->staging);
        bsi_free(files->key);
        bsi_free(files->buffer);
        bsi_free(files);
    }
}

const char *bsi_mirror_files_key(const bsi_mirror_files *files)
{
    return files->key;
}

/* Where the file lies: in place, or still staged. */
static bs_status locate(bsi_mirror_files *files, bsi_slice path, bs_storage_object *object)
{
    const bsi_vault_env *env = &files->env;
    bs_status status = BS_E_NOT_FOUND;

    bsi_free(files->key);
    files->key = NULL;
    if (files->staged) {
        files->key = bsi_join_key(files->staging, path);
        if (!files->key) {
            return BS_E_NOMEM;
        }
        status = bsi_storage_stat(env->storage, env->call, files->key, object);
    }
    if (status == BS_E_NOT_FOUND) {
        bsi_free(files->key);
        files->key = bsi_join_key(files->tree, path);
        if (!files->key) {
            return BS_E_NOMEM;
        }
        status = bsi_storage_stat(env->storage, env->call, files->key, object);
    }
    return status;
}

static bs_status begin(void *user, const bsi_manifest_entry *entry)
{
    bsi_mirror_files *files = user;
    bs_storage_object object = {0};
    const bs_status status = locate(files, entry->listed.entry.path, &object);

    if (status == BS_E_NOT_FOUND) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_MISSING, "object '%s' is missing", files->key);
    }
    BSI_TRY(status);
    if (object.size != entry->listed.entry.stat.size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "object '%s' has another size", files->key);
    }
    files->entry = &entry->listed.entry;
    files->extent = 0;
    files->in_extent = 0;
    files->at = 0;
    return BS_OK;
}

static bs_status read_at(bsi_mirror_files *files, uint64_t offset, void *buf, size_t size)
{
    return bsi_storage_read(files->env.storage, files->env.call, files->key, offset, buf, size);
}

static bs_status next(void *user, void *buf, size_t size)
{
    bsi_mirror_files *files = user;
    uint8_t *out = buf;

    if (!files->entry->sparse) {
        files->at += size;
        return read_at(files, files->at - size, buf, size);
    }
    while (size > 0) {
        const bsi_extent *extent = &files->entry->extents[files->extent];
        const size_t part = (size_t)bsi_min_u64(size, extent->size - files->in_extent);
        BSI_TRY(read_at(files, extent->offset + files->in_extent, out, part));
        out += part;
        size -= part;
        files->in_extent += part;
        if (files->in_extent == extent->size) {
            files->extent++;
            files->in_extent = 0;
        }
    }
    return BS_OK;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static bs_status check_zeros(bsi_mirror_files *files, uint64_t from, uint64_t to)
{
    if (from < to && !files->buffer) {
        files->buffer = bsi_alloc(PART);
        if (!files->buffer) {
            return BS_E_NOMEM;
        }
    }
    while (from < to) {
        const size_t part = (size_t)bsi_min_u64(PART, to - from);
        BSI_TRY(bsi_call_check(files->env.call));
        BSI_TRY(read_at(files, from, files->buffer, part));
        if (!is_zero(files->buffer, part)) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                            "object '%s' has bytes where the file has a hole", files->key);
        }
        from += part;
    }
    return BS_OK;
}

bs_status bsi_mirror_files_check_holes(bsi_mirror_files *files)
{
    const bsi_entry *entry = files->entry;
    uint64_t at = 0;

    for (size_t i = 0; entry->sparse && i < entry->extent_count; i++) {
        BSI_TRY(check_zeros(files, at, entry->extents[i].offset));
        at = entry->extents[i].offset + entry->extents[i].size;
    }
    return entry->sparse ? check_zeros(files, at, entry->stat.size) : BS_OK;
}

bsi_content bsi_mirror_files_content(bsi_mirror_files *files)
{
    return (bsi_content){begin, next, files, NULL};
}
