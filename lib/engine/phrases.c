/* SPDX-License-Identifier: MIT */
/*
 * Keeps pass phrases of repositories in the state directory.
 */
#include "engine/phrases.h"

#include <stdio.h>
#include <string.h>

#include "crypto/keyset.h"
#include "engine/service.h"
#include "engine/state_file.h"
#include "hash/sha256.h"
#include "os/file.h"

enum {
    NAME_SIZE = 320,
    DIGITS = 2 * BSI_DATA_KEY_SIZE,
};

/* What a keeper works with. */
typedef struct phrase_place {
    bs_service *service;
    const char *storage;
} phrase_place;

static bs_status open_folder(const bs_service *service, bool create, int *fd_out)
{
    const bs_status status =
        create ? bsi_mkdir(service->dir.fd, BSI_STATE_PHRASES_DIR, 0700) : BS_OK;

    if (status < 0 && status != BS_E_EXISTS) {
        return status;
    }
    return bsi_open(service->dir.fd, BSI_STATE_PHRASES_DIR,
                    BSI_OPEN_READ | BSI_OPEN_DIR | BSI_OPEN_NOFOLLOW, 0, fd_out);
}

static void name_of(const phrase_place *place, const char *prefix, char out[NAME_SIZE])
{
    (void)snprintf(out, NAME_SIZE, "%s-%s", prefix, place->storage);
}

static void wipe(bsi_buf *text)
{
    if (text->data) {
        bsi_wipe(text->data, text->capacity);
    }
    bsi_buf_dispose(text);
}

/* --- Reading --- */

static bs_status parse(const bsi_buf *text, bsi_secret **out)
{
    bsi_digest digest;
    bs_status status = BS_E_INVALID;

    if (text->size == DIGITS + 1 && text->data[DIGITS] == '\n') {
        status = bsi_digest_parse((const char *)text->data, DIGITS, &digest);
    }
    if (status < 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "it is no line of %d hex digits", DIGITS);
    }
    status = bsi_secret_copy(digest.bytes, sizeof(digest.bytes), out);
    bsi_wipe(&digest, sizeof(digest));
    return status;
}

static bs_status read_text(int folder, const char *name, bsi_buf *text)
{
    bsi_buf_init(text, DIGITS + 1);
    BSI_TRY(bsi_buf_reserve(text, DIGITS + 1)); /* It does not move, and leaves no copies. */
    return bsi_state_file_read(folder, name, text);
}

static const char *prefix_of(bsi_kept which)
{
    return which == BSI_KEPT_NEXT ? "next" : "on";
}

static bs_status load(void *user, bsi_kept which, bsi_secret **out)
{
    const phrase_place *place = user;
    char name[NAME_SIZE];
    bsi_buf text = {0};
    int folder = -1;
    bs_status status = open_folder(place->service, false, &folder);

    if (status == BS_E_NOT_FOUND) {
        return status;
    }
    name_of(place, prefix_of(which), name);
    if (status >= 0) {
        status = read_text(folder, name, &text);
    }
    if (status >= 0) {
        status = parse(&text, out);
    }
    wipe(&text);
    bsi_close_quietly(folder);
    return status < 0 && status != BS_E_NOT_FOUND
               ? bsi_fail_context(BS_LAYER_CRYPTO, status, "the kept pass phrase '%s/%s'",
                                  BSI_STATE_PHRASES_DIR, name)
               : status;
}

/* --- Writing --- */

/*
 * What another one takes the place of may be all that opens a repository somewhere: under the
 * first name that is free, "old-STORAGE", "old-STORAGE.2" and so on.
 */
static bs_status set_aside(const phrase_place *place, int folder, const char *name)
{
    char aside[NAME_SIZE];
    bs_status status = BS_OK;

    name_of(place, "old", aside);
    status = bsi_rename(folder, name, folder, aside, true);
    for (unsigned n = 2; status == BS_E_EXISTS; n++) {
        (void)snprintf(aside, sizeof(aside), "old-%s.%u", place->storage, n);
        status = bsi_rename(folder, name, folder, aside, true);
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status write_text(int folder, const char *name, const bsi_secret *data_key)
{
    char text[DIGITS + 2];
    bsi_digest digest;
    bs_status status = BS_OK;

    memcpy(digest.bytes, bsi_secret_view(data_key), sizeof(digest.bytes));
    bsi_digest_format(&digest, text);
    text[DIGITS] = '\n';
    status = bsi_state_file_write(folder, name, (bsi_slice){text, DIGITS + 1}, NULL, NULL);
    bsi_wipe(text, sizeof(text));
    bsi_wipe(&digest, sizeof(digest));
    return status;
}

static bs_status store(void *user, bsi_kept which, const bsi_secret *data_key, bool replaces)
{
    const phrase_place *place = user;
    char name[NAME_SIZE];
    int folder = -1;
    bs_status status = open_folder(place->service, true, &folder);

    name_of(place, prefix_of(which), name);
    if (status >= 0 && !replaces) {
        status = set_aside(place, folder, name);
    }
    if (status >= 0) {
        status = write_text(folder, name, data_key);
    }
    if (status >= 0) {
        status = bsi_sync(place->service->dir.fd);
    }
    bsi_close_quietly(folder);
    return status < 0 ? bsi_fail_context(BS_LAYER_CRYPTO, status, "keeping the pass phrase '%s/%s'",
                                         BSI_STATE_PHRASES_DIR, name)
                      : BS_OK;
}

static bs_status drop_next(void *user)
{
    const phrase_place *place = user;
    char name[NAME_SIZE];
    int folder = -1;
    bs_status status = open_folder(place->service, false, &folder);

    name_of(place, prefix_of(BSI_KEPT_NEXT), name);
    if (status >= 0) {
        status = bsi_unlink(folder, name);
    }
    if (status >= 0) {
        status = bsi_sync(folder);
    }
    bsi_close_quietly(folder);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

const bsi_repo_keeper *bsi_phrases_keeper(bs_service *service, const char *storage,
                                          bsi_arena *arena)
{
    bsi_repo_keeper *keeper = bsi_arena_alloc(arena, 1, sizeof(*keeper));
    phrase_place *place = bsi_arena_alloc(arena, 1, sizeof(*place));
    const char *name = bsi_arena_text(arena, storage);

    if (!keeper || !place || !name) {
        return NULL;
    }
    *place = (phrase_place){service, name};
    *keeper = (bsi_repo_keeper){load, store, drop_next, place};
    return keeper;
}
