/* SPDX-License-Identifier: MIT */
/*
 * What a service knows of keys while it is open.
 */
#include "engine/keys.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/key_ref.h"
#include "engine/service.h"

enum { MASTER_ROOM = 64 * 1024, VARIABLES_MAX = 100 };

/* --- Lists --- */

bs_status bsi_key_list_add(bsi_key_list *list, bsi_key *key)
{
    bsi_key **items = bsi_realloc_array((void *)list->items, list->count + 1, sizeof(void *));

    if (!items) {
        return BS_E_NOMEM;
    }
    items[list->count++] = bsi_key_ref(key);
    list->items = items;
    return BS_OK;
}

void bsi_key_list_dispose(bsi_key_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        bsi_key_unref(list->items[i]);
    }
    bsi_free((void *)list->items);
    *list = (bsi_key_list){0};
}

/* --- The settings' key --- */

/* A pass phrase or raw key: an RSA key is no key for aes256 and seals no keyring for machines. */
static bs_status usual_of(const bsi_secret *content, const char *variable, bsi_key **out)
{
    bsi_key *key = NULL;
    bs_status status = bsi_key_of_content(content, NULL, &key);

    if (status >= 0 && bsi_key_kind_of(key) == BSI_KEY_RSA) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "takes a pass phrase or raw key, no RSA");
    }
    if (status >= 0 && bsi_key_kind_of(key) == BSI_KEY_PASSPHRASE &&
        bsi_secret_size(content) < BSI_CONFIG_KEY_SIZE_MIN) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                          "takes a pass phrase of at least %d characters", BSI_CONFIG_KEY_SIZE_MIN);
    }
    if (status < 0) {
        bsi_key_unref(key);
        return bsi_fail_context(BS_LAYER_CALLER, status, "%s", variable);
    }
    *out = key;
    return BS_OK;
}

static bs_status read_usual(const bs_config *config, bsi_key **out)
{
    const char *text = bsi_config_text(config, BSI_CONFIG_ENCRYPTION_KEY);
    const char *file = bsi_config_text(config, BSI_CONFIG_ENCRYPTION_KEY_FILE);
    const char *variable = text ? "ENCRYPTION_KEY" : "ENCRYPTION_KEY_FILE";
    const char *rest = text;
    bsi_secret *content = NULL;
    bs_status status = BS_OK;

    if (!text && !file) {
        return BS_OK;
    }
    if (text && file) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "ENCRYPTION_KEY, ENCRYPTION_KEY_FILE: only one of the two can be set");
    }
    if (file || bsi_key_ref_source(text, &rest) == BSI_KEY_SOURCE_FILE) {
        status = bsi_key_file_read(file ? file : rest, &content);
    } else {
        status = bsi_secret_copy(text, strlen(text), &content);
    }
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_CALLER, status, "%s", variable);
    }
    status = usual_of(content, variable, out);
    bsi_secret_free(content);
    return status;
}

bs_status bsi_keys_init(bsi_keys *keys, const bs_config *config, const bs_service_options *options)
{
    keys->master_cb = options->master_key_cb;
    keys->master_user = options->master_key_user;
    return read_usual(config, &keys->usual);
}

static void dispose_named(bsi_named_key *named, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bsi_key_unref(named[i].key);
    }
    bsi_free(named);
}

void bsi_keys_dispose(bsi_keys *keys)
{
    dispose_named(keys->named, keys->named_count);
    bsi_key_list_dispose(&keys->unlocked);
    bsi_key_unref(keys->master);
    bsi_key_unref(keys->usual);
    for (size_t i = 0; i < keys->variable_count; i++) {
        bsi_free(keys->variables[i]);
    }
    bsi_free((void *)keys->variables);
}

bs_status bsi_keys_usual(bs_service *service, bsi_key **out)
{
    if (!service->keys.usual) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_KEY,
                        "there is no key: give one with the request, or set ENCRYPTION_KEY");
    }
    *out = bsi_key_ref(service->keys.usual);
    return BS_OK;
}

/* --- The master key --- */

static bs_status ask_program(const bsi_keys *keys, bsi_key **out)
{
    bsi_secret *room = NULL;
    bsi_secret *content = NULL;
    size_t size = 0;
    bs_status status = bsi_secret_new(MASTER_ROOM, &room);

    if (status < 0) {
        return status;
    }
    if (keys->master_cb(keys->master_user, bsi_secret_bytes(room), MASTER_ROOM, &size) != 0 ||
        size == 0 || size > MASTER_ROOM) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_CALLBACK,
                          "the program gave no master key for the keyring");
    } else {
        status = bsi_secret_copy(bsi_secret_view(room), size, &content);
    }
    if (status >= 0) {
        status = bsi_key_of_content(content, NULL, out);
    }
    bsi_secret_free(content);
    bsi_secret_free(room);
    return status;
}

static bs_status take_master(bs_service *service, bsi_key **out)
{
    bsi_keys *keys = &service->keys;
    bsi_key *master = NULL;
    bs_status status = BS_OK;

    bsi_mutex_lock(&keys->lock);
    master = keys->master ? bsi_key_ref(keys->master) : NULL;
    bsi_mutex_unlock(&keys->lock);
    if (master) {
        *out = master;
        return BS_OK;
    }
    if (keys->master_cb) {
        status = ask_program(keys, &master);
    } else if (keys->usual) {
        master = bsi_key_ref(keys->usual);
    } else {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_KEY,
                          "the keyring needs a master key: set ENCRYPTION_KEY or "
                          "ENCRYPTION_KEY_FILE");
    }
    if (status < 0) {
        return status;
    }
    bsi_mutex_lock(&keys->lock);
    if (!keys->master) {
        keys->master = bsi_key_ref(master);
    }
    bsi_mutex_unlock(&keys->lock);
    *out = master;
    return BS_OK;
}

/* --- The keyring as it is remembered --- */

/* What `ring` holds, in the place of what was remembered. */
static bs_status remember(bsi_keys *keys, const bsi_keyring *ring)
{
    bsi_named_key *named = bsi_calloc(ring->count + 1, sizeof(*named));
    bsi_named_key *old = NULL;
    size_t old_count = 0;

    if (!named) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < ring->count; i++) {
        memcpy(named[i].name, ring->entries[i].name, sizeof(named[i].name));
        named[i].key = bsi_key_ref(ring->entries[i].key);
    }
    bsi_mutex_lock(&keys->lock);
    old = keys->named;
    old_count = keys->named_count;
    keys->named = named;
    keys->named_count = ring->count;
    keys->ring_is_open = true;
    bsi_mutex_unlock(&keys->lock);
    dispose_named(old, old_count);
    return BS_OK;
}

bs_status bsi_keys_ring_load(bs_service *service, bsi_keyring *out)
{
    bsi_keyring ring = {0};
    bsi_key *master = NULL;
    bool exists = false;
    bs_status status = bsi_keyring_exists(service->dir.fd, &exists);

    if (status >= 0 && exists) {
        status = take_master(service, &master);
    }
    if (status >= 0 && exists) {
        status = bsi_keyring_load(service->dir.fd, master, &ring);
    }
    bsi_key_unref(master);
    if (status >= 0) {
        status = remember(&service->keys, &ring);
    }
    if (status < 0) {
        bsi_keyring_dispose(&ring);
        return status;
    }
    *out = ring;
    return BS_OK;
}

static bs_status open_ring(bs_service *service)
{
    bsi_keyring ring = {0};
    bool is_open = false;
    bs_status status = BS_OK;

    bsi_mutex_lock(&service->keys.lock);
    is_open = service->keys.ring_is_open;
    bsi_mutex_unlock(&service->keys.lock);
    if (!is_open) {
        status = bsi_keys_ring_load(service, &ring);
        bsi_keyring_dispose(&ring);
    }
    return status;
}

static bs_status find_named(bs_service *service, const char *name, bsi_key **out)
{
    bsi_keys *keys = &service->keys;
    char shown[80];

    BSI_TRY(open_ring(service));
    *out = NULL;
    bsi_mutex_lock(&keys->lock);
    for (size_t i = 0; i < keys->named_count && !*out; i++) {
        if (strcmp(keys->named[i].name, name) == 0) {
            *out = bsi_key_ref(keys->named[i].key);
        }
    }
    bsi_mutex_unlock(&keys->lock);
    if (!*out) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "the keyring has no entry '%s'",
                        bsi_printable(name, strlen(name), shown, sizeof(shown)));
    }
    return BS_OK;
}

/* --- References --- */

/* A command must not inherit what this variable holds. */
static bs_status note_variable(bsi_keys *keys, const char *name)
{
    char *copy = bsi_strdup(name);
    char **grown = NULL;
    bool known = false;

    if (!copy) {
        return BS_E_NOMEM;
    }
    bsi_mutex_lock(&keys->lock);
    for (size_t i = 0; i < keys->variable_count; i++) {
        known = known || strcmp(keys->variables[i], name) == 0;
    }
    if (!known && keys->variable_count < VARIABLES_MAX) {
        grown =
            bsi_realloc_array((void *)keys->variables, keys->variable_count + 1, sizeof(*grown));
    }
    if (grown) {
        grown[keys->variable_count++] = copy;
        keys->variables = grown;
        copy = NULL;
    }
    bsi_mutex_unlock(&keys->lock);
    bsi_free(copy);
    if (known || grown) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_LIMIT, "keys stand in more than %d variables",
                    VARIABLES_MAX);
}

bs_status bsi_keys_note(bsi_keys *keys, const char *reference)
{
    const char *name = NULL;

    return bsi_key_ref_source(reference, &name) == BSI_KEY_SOURCE_ENV ? note_variable(keys, name)
                                                                      : BS_OK;
}

bs_status bsi_keys_read(bs_service *service, const char *reference, bsi_secret **out)
{
    const bsi_ring_entry *entry = NULL;
    bsi_keyring ring = {0};
    const char *rest = NULL;
    bs_status status = BS_OK;

    if (bsi_key_ref_source(reference, &rest) != BSI_KEY_SOURCE_KEYRING) {
        BSI_TRY(bsi_keys_note(&service->keys, reference));
        return bsi_key_ref_read(reference, out);
    }
    BSI_TRY(bsi_keys_ring_load(service, &ring));
    entry = bsi_keyring_find(&ring, rest);
    if (entry) {
        status =
            bsi_secret_copy(bsi_secret_view(entry->content), bsi_secret_size(entry->content), out);
    } else {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "the keyring has no entry of that name");
    }
    bsi_keyring_dispose(&ring);
    return status;
}

/* Of a key that is no entry of the keyring, with the pass phrase of an encrypted PEM. */
static bs_status read_key(bs_service *service, const char *reference, const char *passphrase,
                          bsi_secret **content_out, bsi_secret **passphrase_out)
{
    bs_status status = bsi_keys_read(service, reference, content_out);

    if (status >= 0 && passphrase && passphrase[0]) {
        status = bsi_keys_read(service, passphrase, passphrase_out);
        if (status < 0) {
            status = bsi_fail_context(BS_LAYER_CALLER, status, "the key's own pass phrase");
        }
    }
    return status;
}

bs_status bsi_keys_resolve(bs_service *service, const char *reference, const char *passphrase,
                           bsi_key **out)
{
    const char *rest = NULL;
    bsi_secret *content = NULL;
    bsi_secret *own = NULL;
    bs_status status = BS_OK;

    switch (bsi_key_ref_source(reference, &rest)) {
    case BSI_KEY_SOURCE_KEYRING:
        return find_named(service, rest, out);
    case BSI_KEY_SOURCE_ENV:
        if (service->keys.usual && strcmp(rest, "ENCRYPTION_KEY") == 0) {
            *out = bsi_key_ref(service->keys.usual);
            return BS_OK;
        }
        break;
    case BSI_KEY_SOURCE_TEXT:
    case BSI_KEY_SOURCE_FILE:
        break;
    }
    status = read_key(service, reference, passphrase, &content, &own);
    if (status >= 0) {
        status = bsi_key_of_content(content, own, out);
    }
    bsi_secret_free(content);
    bsi_secret_free(own);
    return status;
}

bs_status bsi_keys_resolve_public(bs_service *service, const char *reference, bsi_key **out)
{
    const char *rest = NULL;
    bsi_secret *content = NULL;
    bs_status status = BS_OK;

    if (bsi_key_ref_source(reference, &rest) == BSI_KEY_SOURCE_KEYRING) {
        return find_named(service, rest, out);
    }
    status = bsi_key_ref_read_public(reference, &content);
    if (status >= 0) {
        status = bsi_key_of_content(content, NULL, out);
    }
    bsi_secret_free(content);
    return status;
}

/* --- What is known --- */

bs_status bsi_keys_unlock(bs_service *service, const char *reference, const char *passphrase)
{
    bsi_key *key = NULL;
    bs_status status = bsi_keys_resolve(service, reference, passphrase, &key);

    if (status < 0) {
        return status;
    }
    if (!bsi_key_can_open(key)) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_KEY,
                          "this is a public key, which opens nothing; the private key is needed");
    } else {
        bsi_mutex_lock(&service->keys.lock);
        status = bsi_key_list_add(&service->keys.unlocked, key);
        bsi_mutex_unlock(&service->keys.lock);
    }
    bsi_key_unref(key);
    return status;
}

static void complain_of_ring(bs_service *service)
{
    bool first = false;

    bsi_mutex_lock(&service->keys.lock);
    first = !service->keys.ring_complained;
    service->keys.ring_complained = true;
    bsi_mutex_unlock(&service->keys.lock);
    if (first) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine", "the keyring stays closed: %s",
                      bs_error_last()->message);
    }
}

bool bsi_keys_ring_is_closed(bs_service *service)
{
    bool closed = false;

    bsi_mutex_lock(&service->keys.lock);
    closed = service->keys.ring_complained && !service->keys.ring_is_open;
    bsi_mutex_unlock(&service->keys.lock);
    return closed;
}

static bs_status collect_locked(const bsi_keys *keys, bsi_key_list *list)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < keys->unlocked.count && status >= 0; i++) {
        status = bsi_key_list_add(list, keys->unlocked.items[i]);
    }
    if (status >= 0 && keys->usual) {
        status = bsi_key_list_add(list, keys->usual);
    }
    for (size_t i = 0; i < keys->named_count && status >= 0; i++) {
        if (bsi_key_can_open(keys->named[i].key)) {
            status = bsi_key_list_add(list, keys->named[i].key);
        }
    }
    return status;
}

bs_status bsi_keys_collect(bs_service *service, bsi_key *first, bsi_key_list *out)
{
    bsi_key_list list = {0};
    bs_status status = open_ring(service);

    if (status < 0 && status != BS_E_NOMEM) {
        complain_of_ring(service);
        status = BS_OK;
    }
    if (status >= 0 && first) {
        status = bsi_key_list_add(&list, first);
    }
    if (status >= 0) {
        bsi_mutex_lock(&service->keys.lock);
        status = collect_locked(&service->keys, &list);
        bsi_mutex_unlock(&service->keys.lock);
    }
    if (status < 0) {
        bsi_key_list_dispose(&list);
        return status;
    }
    *out = list;
    return BS_OK;
}

const char *const *bsi_keys_hidden(bs_service *service, bsi_arena *arena)
{
    bsi_keys *keys = &service->keys;
    const char **names = NULL;
    bool whole = true;

    bsi_mutex_lock(&keys->lock);
    names = bsi_arena_alloc(arena, keys->variable_count + 2, sizeof(*names));
    for (size_t i = 0; names && i < keys->variable_count; i++) {
        names[i + 1] = bsi_arena_text(arena, keys->variables[i]);
        whole = whole && names[i + 1];
    }
    bsi_mutex_unlock(&keys->lock);
    if (!names || !whole) {
        return NULL;
    }
    names[0] = "ENCRYPTION_KEY";
    return names;
}

/* --- Changing the keyring --- */

/* Owns BSI_USES_KEYRING. Without a content the entry goes. */
static bs_status change_ring(bs_service *service, const char *name, const bsi_secret *content,
                             const bsi_secret *passphrase)
{
    bsi_keyring ring = {0};
    bsi_key *master = NULL;
    bs_status status = take_master(service, &master);

    if (status >= 0) {
        status = bsi_keys_ring_load(service, &ring);
    }
    if (status >= 0) {
        status = content ? bsi_keyring_add(&ring, name, bsi_row_now(), content, passphrase)
                         : bsi_keyring_remove(&ring, name);
    }
    if (status >= 0) {
        status = bsi_keyring_save(service->dir.fd, master, &ring);
    }
    if (status >= 0) {
        status = remember(&service->keys, &ring);
    }
    bsi_keyring_dispose(&ring);
    bsi_key_unref(master);
    return status;
}

bs_status bsi_keys_ring_add(bs_service *service, const char *name, const char *reference,
                            const char *passphrase)
{
    bsi_secret *content = NULL;
    bsi_secret *own = NULL;
    bs_status status = read_key(service, reference, passphrase, &content, &own);

    if (status >= 0) {
        status = bsi_uses_own(&service->uses, BSI_USES_KEYRING);
    }
    if (status >= 0) {
        status = change_ring(service, name, content, own);
        bsi_uses_end(&service->uses, BSI_USES_KEYRING);
    }
    bsi_secret_free(content);
    bsi_secret_free(own);
    return status;
}

bs_status bsi_keys_ring_remove(bs_service *service, const char *name)
{
    bs_status status = bsi_uses_own(&service->uses, BSI_USES_KEYRING);

    if (status >= 0) {
        status = change_ring(service, name, NULL, NULL);
        bsi_uses_end(&service->uses, BSI_USES_KEYRING);
    }
    return status;
}

static bs_status seal_anew(bs_service *service, bsi_key *master)
{
    bsi_keyring ring = {0};
    bsi_key *old = NULL;
    bs_status status = bsi_keys_ring_load(service, &ring);

    if (status >= 0) {
        status = bsi_keyring_save(service->dir.fd, master, &ring);
    }
    bsi_keyring_dispose(&ring);
    if (status < 0) {
        return status;
    }
    bsi_mutex_lock(&service->keys.lock);
    old = service->keys.master;
    service->keys.master = bsi_key_ref(master);
    bsi_mutex_unlock(&service->keys.lock);
    bsi_key_unref(old);
    return BS_OK;
}

bs_status bsi_keys_ring_rotate(bs_service *service, const char *reference)
{
    bsi_key *master = NULL;
    bs_status status = bsi_keys_resolve(service, reference, NULL, &master);

    if (status >= 0 && !bsi_key_can_open(master)) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_KEY,
                          "a master key must open the keyring again; this is a public key");
    }
    if (status >= 0) {
        status = bsi_uses_own(&service->uses, BSI_USES_KEYRING);
    }
    if (status >= 0) {
        status = seal_anew(service, master);
        bsi_uses_end(&service->uses, BSI_USES_KEYRING);
    }
    bsi_key_unref(master);
    return status;
}
