/* SPDX-License-Identifier: MIT */
/*
 * The service's signing key, and the list of those that it knows.
 */
#include "engine/signers.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/service.h"
#include "engine/state_file.h"

enum {
    HEX_SIZE = 2 * BSI_SIGN_KEY_SIZE,
    SEED_FILE_MAX = 256,
    LIST_FILE_MAX = BSI_SIGNERS_MAX * (HEX_SIZE + BSI_SIGNER_NAME_MAX + 2),
};

#define SEED_PREFIX "bsvc-sign-1 "

void bsi_signers_dispose(bsi_signers *signers)
{
    bsi_signer_free(signers->own);
}

/* --- The list --- */

typedef struct signer_list {
    bsi_known_signer *items; /* In an arena, with room for one more. */
    size_t count;
} signer_list;

static bs_status fail_list(void)
{
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT,
                    "'%s' in the state directory is no list of public keys", BSI_SIGNERS_FILE);
}

static bool take_line(bsi_slice line, bsi_known_signer *out)
{
    char hex[HEX_SIZE + 1];

    *out = (bsi_known_signer){0};
    if (line.size < HEX_SIZE + 1 || line.size > HEX_SIZE + 1 + BSI_SIGNER_NAME_MAX ||
        line.data[HEX_SIZE] != ' ') {
        return false;
    }
    memcpy(hex, line.data, HEX_SIZE);
    hex[HEX_SIZE] = '\0';
    memcpy(out->name, line.data + HEX_SIZE + 1, line.size - HEX_SIZE - 1);
    return strlen(out->name) == line.size - HEX_SIZE - 1 &&
           bsi_public_key_parse(hex, &out->key) == BS_OK;
}

static bs_status parse_list(bsi_slice text, bsi_arena *arena, signer_list *out)
{
    const char *at = text.data;
    const char *end = text.data + text.size;
    size_t lines = 0;

    for (size_t i = 0; i < text.size; i++) {
        lines += text.data[i] == '\n' ? 1 : 0;
    }
    *out = (signer_list){.items = bsi_arena_alloc(arena, lines + 1, sizeof(*out->items))};
    if (!out->items) {
        return BS_E_NOMEM;
    }
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop || !take_line((bsi_slice){at, (size_t)(stop - at)}, &out->items[out->count])) {
            return fail_list();
        }
        out->count++;
        at = stop + 1;
    }
    return BS_OK;
}

static bs_status load_list(bs_service *service, bsi_arena *arena, signer_list *out)
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, LIST_FILE_MAX);
    status = bsi_state_file_read(service->dir.fd, BSI_SIGNERS_FILE, &text);
    if (status >= 0 || status == BS_E_NOT_FOUND) {
        status = parse_list((bsi_slice){(const char *)text.data, text.size}, arena, out);
    }
    bsi_buf_dispose(&text);
    return status;
}

static bs_status save_list(bs_service *service, const signer_list *list)
{
    char hex[HEX_SIZE + 1];
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, LIST_FILE_MAX);
    for (size_t i = 0; i < list->count && status >= 0; i++) {
        bsi_public_key_format(&list->items[i].key, hex);
        status = bsi_buf_append_format(&text, "%s %s\n", hex, list->items[i].name);
    }
    if (status >= 0) {
        status = bsi_state_file_write(service->dir.fd, BSI_SIGNERS_FILE,
                                      (bsi_slice){(const char *)text.data, text.size}, NULL, NULL);
    }
    bsi_buf_dispose(&text);
    return status;
}

static bsi_known_signer *find(const signer_list *list, const bsi_public_key *key)
{
    for (size_t i = 0; i < list->count; i++) {
        if (memcmp(list->items[i].key.bytes, key->bytes, sizeof(key->bytes)) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

bs_status bsi_signers_list(bs_service *service, bsi_arena *arena, bsi_known_signer **out,
                           size_t *count_out)
{
    signer_list list = {0};

    BSI_TRY(load_list(service, arena, &list));
    *out = list.items;
    *count_out = list.count;
    return BS_OK;
}

/* Add or remove one; `name` is NULL to remove. */
static bs_status change_list(bs_service *service, const bsi_public_key *key, const char *name,
                             bsi_arena *arena)
{
    signer_list list = {0};
    bsi_known_signer *one = NULL;

    BSI_TRY(load_list(service, arena, &list));
    one = find(&list, key);
    if (!name && (!one || !list.items)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "this signer is not known here");
    }
    if (!one && list.count >= BSI_SIGNERS_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_LIMIT, "at most %d signers can be known",
                        BSI_SIGNERS_MAX);
    }
    if (one && !name) {
        *one = list.items[--list.count];
        return save_list(service, &list);
    }
    if (!one) {
        one = &list.items[list.count++];
    }
    one->key = *key;
    (void)snprintf(one->name, sizeof(one->name), "%s", name);
    return save_list(service, &list);
}

static bs_status own_and_change(bs_service *service, const bsi_public_key *key, const char *name)
{
    bsi_arena arena = {0};
    bs_status status = bsi_uses_own(&service->uses, BSI_USES_SIGNERS);

    if (status < 0) {
        return status;
    }
    status = change_list(service, key, name, &arena);
    bsi_uses_end(&service->uses, BSI_USES_SIGNERS);
    bsi_arena_dispose(&arena);
    return status;
}

static bool name_is_valid(const char *name)
{
    const size_t size = strlen(name);

    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)name[i] < ' ' || name[i] == 127) {
            return false;
        }
    }
    return size > 0 && size <= BSI_SIGNER_NAME_MAX && bsi_utf8_valid(name, size);
}

static bs_status parse_key(const char *text, bsi_public_key *out)
{
    if (bsi_public_key_parse(text, out) < 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "public_key: takes the %d hex digits that a service shows as its signing "
                        "key",
                        HEX_SIZE);
    }
    return BS_OK;
}

bs_status bsi_signers_trust(bs_service *service, const char *public_key, const char *name)
{
    bsi_public_key key;

    BSI_TRY(parse_key(public_key, &key));
    if (!name_is_valid(name)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "name: takes 1 to %d bytes on one line",
                        BSI_SIGNER_NAME_MAX);
    }
    return own_and_change(service, &key, name);
}

bs_status bsi_signers_forget(bs_service *service, const char *public_key)
{
    bsi_public_key key;
    bsi_public_key own;
    bs_status status = parse_key(public_key, &key);

    if (status < 0) {
        return status;
    }
    status = bsi_service_signing_key(service, &own);
    if (status >= 0 && memcmp(own.bytes, key.bytes, sizeof(key.bytes)) == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NEEDED, "this is the service's own signing key");
    }
    if (status < 0 && status != BS_E_NOT_FOUND) {
        return status;
    }
    return own_and_change(service, &key, NULL);
}

/* --- The service's own key --- */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bs_status parse_seed(bsi_slice text, bsi_secret **out)
{
    const size_t prefix = strlen(SEED_PREFIX);
    bool good = text.size == prefix + HEX_SIZE + 1 && text.data[text.size - 1] == '\n' &&
                memcmp(text.data, SEED_PREFIX, prefix) == 0;

    BSI_TRY(bsi_secret_new(BSI_SIGN_KEY_SIZE, out));
    for (size_t i = 0; good && i < BSI_SIGN_KEY_SIZE; i++) {
        const int high = digit_of(text.data[prefix + 2 * i]);
        const int low = digit_of(text.data[prefix + 2 * i + 1]);
        good = high >= 0 && low >= 0;
        bsi_secret_bytes(*out)[i] = (unsigned char)(good ? high * 16 + low : 0);
    }
    if (!good) {
        bsi_secret_free(*out);
        *out = NULL;
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT,
                        "'%s' in the state directory holds no signing key", BSI_SIGNING_KEY_FILE);
    }
    return BS_OK;
}

static bs_status signer_of_text(bsi_slice text, bsi_signer **out)
{
    bsi_secret *seed = NULL;
    bs_status status = parse_seed(text, &seed);

    if (status >= 0) {
        status = bsi_signer_new(seed, out);
    }
    bsi_secret_free(seed);
    return status;
}

/* The text is read into memory that is wiped again. */
static bs_status load_signer(bs_service *service, bsi_signer **out)
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, SEED_FILE_MAX);
    status = bsi_buf_reserve(&text, SEED_FILE_MAX);
    if (status >= 0) {
        status = bsi_state_file_read(service->dir.fd, BSI_SIGNING_KEY_FILE, &text);
    }
    if (status >= 0) {
        status = signer_of_text((bsi_slice){(const char *)text.data, text.size}, out);
    }
    if (text.data) {
        bsi_wipe(text.data, text.capacity);
    }
    bsi_buf_dispose(&text);
    return status;
}

static void format_seed(const bsi_secret *seed, bsi_secret *text)
{
    static const char digits[] = "0123456789abcdef";
    static const char prefix[] = SEED_PREFIX;
    unsigned char *at = bsi_secret_bytes(text);

    memcpy(at, prefix, sizeof(prefix) - 1);
    at += sizeof(prefix) - 1;
    for (size_t i = 0; i < BSI_SIGN_KEY_SIZE; i++) {
        *at++ = (unsigned char)digits[bsi_secret_view(seed)[i] >> 4];
        *at++ = (unsigned char)digits[bsi_secret_view(seed)[i] & 15];
    }
    *at = '\n';
}

/* Its public half is pinned first: a pin without a key harms nobody, a key without one is refused.
 */
static bs_status save_seed(bs_service *service, const bsi_secret *seed, const bsi_signer *signer)
{
    bsi_secret *text = NULL;
    bs_status status = own_and_change(service, bsi_signer_public(signer), BSI_SIGNER_OWN_NAME);

    if (status >= 0) {
        status = bsi_secret_new(strlen(SEED_PREFIX) + HEX_SIZE + 1, &text);
    }
    if (status >= 0) {
        format_seed(seed, text);
        status = bsi_state_file_write(
            service->dir.fd, BSI_SIGNING_KEY_FILE,
            (bsi_slice){(const char *)bsi_secret_view(text), bsi_secret_size(text)}, NULL, NULL);
    }
    bsi_secret_free(text);
    return status;
}

static bs_status make_signer(bs_service *service, bsi_signer **out)
{
    bsi_secret *seed = NULL;
    bsi_signer *signer = NULL;
    bs_status status = bsi_secret_random(BSI_SIGN_KEY_SIZE, &seed);

    if (status >= 0) {
        status = bsi_signer_new(seed, &signer);
    }
    if (status >= 0) {
        status = save_seed(service, seed, signer);
    }
    bsi_secret_free(seed);
    if (status < 0) {
        bsi_signer_free(signer);
        return status;
    }
    *out = signer;
    return BS_OK;
}

static bs_status check_pinned(bs_service *service, const bsi_signer *signer)
{
    bsi_arena arena = {0};
    signer_list list = {0};
    bs_status status = load_list(service, &arena, &list);

    if (status >= 0 && !find(&list, bsi_signer_public(signer))) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT,
                          "'%s' is not the key that '%s' names as this service's; put the right "
                          "one back, or remove both",
                          BSI_SIGNING_KEY_FILE, BSI_SIGNERS_FILE);
    }
    bsi_arena_dispose(&arena);
    return status;
}

/* Only one thread at a time gets here: a key is not made twice. */
static bs_status find_signer(bs_service *service, bool make, bsi_signer **out)
{
    bsi_signer *signer = NULL;
    bs_status status = load_signer(service, &signer);

    if (status == BS_E_NOT_FOUND && make) {
        return make_signer(service, out);
    }
    if (status >= 0) {
        status = check_pinned(service, signer);
    }
    if (status < 0) {
        bsi_signer_free(signer);
        return status;
    }
    *out = signer;
    return BS_OK;
}

static bs_status take_signer(bs_service *service, bool make, const bsi_signer **out)
{
    bsi_signers *signers = &service->signers;
    bsi_signer *signer = NULL;
    bs_status status = BS_OK;

    bsi_mutex_lock(&signers->lock);
    if (!signers->own) {
        status = find_signer(service, make, &signer);
        signers->own = status < 0 ? NULL : signer;
    }
    *out = signers->own;
    bsi_mutex_unlock(&signers->lock);
    return status < 0 ? bsi_fail_context(BS_LAYER_CRYPTO, status, "the service's signing key")
                      : BS_OK;
}

bs_status bsi_service_signer(bs_service *service, const bsi_signer **out)
{
    return take_signer(service, true, out);
}

bs_status bsi_service_signing_key(bs_service *service, bsi_public_key *out)
{
    const bsi_signer *signer = NULL;

    BSI_TRY(take_signer(service, false, &signer));
    *out = *bsi_signer_public(signer);
    return BS_OK;
}
