/* SPDX-License-Identifier: MIT */
/*
 * Damaged objects in the order in which they were found, and lost files behind
 * them.
 */
#include "vault/repository/damage.h"

#include <string.h>

#include "base/alloc.h"

enum { OBJECTS_MAX = 1000000 };

typedef struct object {
    char *key;
    char *message;
} object;

struct bsi_damage {
    object *objects;
    uint32_t count;
    uint32_t capacity;
    uint32_t last; /* Where the last one was found: the next is most often the same. */
    bsi_draft *lost;
};

bs_status bsi_damage_new(int temp_dir, bsi_damage **out)
{
    bsi_damage *damage = bsi_calloc(1, sizeof(*damage));
    bs_status status = BS_OK;

    if (!damage) {
        return BS_E_NOMEM;
    }
    status = bsi_draft_new(temp_dir, &damage->lost);
    if (status < 0) {
        bsi_free(damage);
        return status;
    }
    *out = damage;
    return BS_OK;
}

void bsi_damage_free(bsi_damage *damage)
{
    if (!damage) {
        return;
    }
    for (uint32_t i = 0; i < damage->count; i++) {
        bsi_free(damage->objects[i].key);
        bsi_free(damage->objects[i].message);
    }
    bsi_free(damage->objects);
    bsi_draft_free(damage->lost);
    bsi_free(damage);
}

static bool find(bsi_damage *damage, const char *key)
{
    for (uint32_t i = 0; i < damage->count; i++) {
        const uint32_t at = (damage->last + i) % damage->count;
        if (strcmp(damage->objects[at].key, key) == 0) {
            damage->last = at;
            return true;
        }
    }
    return false;
}

static bs_status add(bsi_damage *damage, const char *key, const char *message)
{
    object *objects = damage->objects;
    object *one = NULL;

    if (damage->count == OBJECTS_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "more than %d objects are damaged",
                        OBJECTS_MAX);
    }
    if (damage->count == damage->capacity) {
        const uint32_t capacity = damage->capacity > 0 ? damage->capacity * 2 : 16;
        objects = bsi_realloc_array(objects, capacity, sizeof(*objects));
        if (!objects) {
            return BS_E_NOMEM;
        }
        damage->objects = objects;
        damage->capacity = capacity;
    }
    one = &objects[damage->count];
    *one = (object){bsi_strdup(key), bsi_strdup(message)};
    damage->last = damage->count++;
    return one->key && one->message ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_damage_object(bsi_damage *damage, const char *key, const char *message,
                            uint32_t *number_out)
{
    if (!find(damage, key)) {
        BSI_TRY(add(damage, key, message));
    }
    *number_out = damage->last;
    return BS_OK;
}

bs_status bsi_damage_lost(bsi_damage *damage, uint32_t number, bsi_slice path)
{
    const bsi_record record = {.group = number, .bytes = path};

    return bsi_draft_put(damage->lost, &record);
}

static bs_status tell_lost(bsi_damage *damage, uint32_t number, const bsi_damage_sink *sink)
{
    bsi_record record;
    bs_status status = BS_OK;

    bsi_draft_rewind(damage->lost);
    while ((status = bsi_draft_next(damage->lost, &record)) == BS_OK) {
        BSI_TRY(record.group == number ? sink->lost(sink->user, record.bytes) : BS_OK);
    }
    return status < 0 ? status : BS_OK;
}

bs_status bsi_damage_tell(bsi_damage *damage, const bsi_damage_sink *sink)
{
    for (uint32_t i = 0; i < damage->count; i++) {
        BSI_TRY(sink->object(sink->user, damage->objects[i].key, damage->objects[i].message));
        BSI_TRY(tell_lost(damage, i, sink));
    }
    return BS_OK;
}
