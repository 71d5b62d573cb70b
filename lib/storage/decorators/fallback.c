/* SPDX-License-Identifier: MIT */
/*
 * fallback: what one storage cannot give comes from another that has the same.
 */
#include "storage/decorators/fallback.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "storage/decorators/decorate.h"

typedef struct place {
    const char *name;
    bsi_storage *storage;
    atomic_bool told;
} place;

typedef struct fallback {
    bsi_decorator base;
    place *places;
    size_t count;
    const bsi_warn *warn;
    atomic_size_t current;  /* The one that is asked first. */
    atomic_size_t advanced; /* How often that was given up. */
} fallback;

/* --- Whom to ask --- */

static void tell(const fallback *self, size_t from, size_t to, const bs_error *failure)
{
    place *given_up = &self->places[from];

    if (atomic_exchange(&given_up->told, true)) {
        return;
    }
    (void)bsi_fail(BS_LAYER_STORAGE, failure->code,
                   "storage '%s' could not give what it should have: %s; going on with the copy "
                   "on '%s'",
                   given_up->name, failure->message, self->places[to].name);
    bsi_warn_last(self->warn, bsi_slice_of(given_up->name));
}

/* Whether a failure is the storage's, so that another may do better. */
static bool may_be_elsewhere(bs_status status)
{
    return status != BS_E_NOMEM && status != BS_E_CANCELLED && status != BS_E_INVALID &&
           status != BS_E_INTERNAL;
}

static bool is_of_object(bs_status status)
{
    return status == BS_E_NOT_FOUND || status == BS_E_RANGE || status == BS_E_CORRUPT ||
           status == BS_E_MISSING;
}

static void take_from(fallback *self, size_t first, size_t found, const bs_error *failure)
{
    size_t expected = first;

    if (!is_of_object(failure->code)) {
        (void)atomic_compare_exchange_strong(&self->current, &expected, found);
    }
    tell(self, first, found, failure);
}

/* What is asked of a place. */
typedef struct question {
    const bs_call *call;
    const char *key;
    bs_storage_object *object; /* NULL: for bytes. */
    uint64_t offset;
    void *buf;
    size_t size;
} question;

static bs_status ask_one(const place *one, const question *what)
{
    const bsi_storage *inner = one->storage;

    return what->object ? inner->ops.stat(inner->self, what->call, what->key, what->object)
                        : inner->ops.read(inner->self, what->call, what->key, what->offset,
                                          what->buf, what->size);
}

static bs_status ask(fallback *self, const question *what)
{
    const size_t first = atomic_load(&self->current);
    bs_error failure;
    bs_status status = ask_one(&self->places[first], what);

    if (status >= 0 || !may_be_elsewhere(status)) {
        return status;
    }
    bsi_error_save(&failure);
    for (size_t i = 1; i < self->count; i++) {
        const size_t at = (first + i) % self->count;
        status = ask_one(&self->places[at], what);
        if (status >= 0) {
            take_from(self, first, at, &failure);
            return status;
        }
        if (!may_be_elsewhere(status)) {
            return status;
        }
    }
    bsi_error_restore(&failure);
    return failure.code;
}

/* --- The methods --- */

static void fallback_close(void *self)
{
    fallback *own = self;

    for (size_t i = 0; i < own->count; i++) {
        bsi_storage_unref(own->places[i].storage);
    }
    bsi_free(own->places);
    bsi_decorator_close(self);
}

static bs_status fallback_stat(void *self, const bs_call *call, const char *key,
                               bs_storage_object *out)
{
    return ask(self, &(question){.call = call, .key = key, .object = out});
}

static bs_status fallback_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                               void *buf, size_t size)
{
    return ask(self,
               &(question){.call = call, .key = key, .offset = offset, .buf = buf, .size = size});
}

bs_status bsi_storage_fallback(const bsi_fallback_place *places, size_t count, const bsi_warn *warn,
                               bsi_storage **out)
{
    static const bs_storage_ops own = {
        .self_size = sizeof(fallback),
        .close = fallback_close,
        .stat = fallback_stat,
        .read = fallback_read,
    };
    place *kept = bsi_calloc(count, sizeof(*kept));
    bsi_storage *storage = NULL;
    fallback *self = NULL;
    bs_status status = kept ? BS_OK : BS_E_NOMEM;

    if (status >= 0) {
        status = bsi_storage_decorate(places[0].storage, &own, &storage);
    }
    if (status < 0) {
        bsi_free(kept);
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        kept[i].name = places[i].name;
        kept[i].storage = bsi_storage_ref(places[i].storage);
    }
    self = storage->self;
    self->places = kept;
    self->count = count;
    self->warn = warn;
    *out = storage;
    return BS_OK;
}

bool bsi_fallback_has_next(const bsi_storage *storage)
{
    const fallback *self = storage->self;

    return storage->ops.read == fallback_read && atomic_load(&self->advanced) + 1 < self->count;
}

bool bsi_fallback_advance(bsi_storage *storage)
{
    fallback *self = storage->self;
    bs_error failure;
    size_t from = 0;

    if (!bsi_fallback_has_next(storage)) {
        return false;
    }
    bsi_error_save(&failure);
    atomic_fetch_add(&self->advanced, 1);
    from = atomic_load(&self->current);
    atomic_store(&self->current, (from + 1) % self->count);
    tell(self, from, (from + 1) % self->count, &failure);
    bsi_error_restore(&failure);
    return true;
}
