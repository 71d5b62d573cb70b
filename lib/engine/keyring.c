/* SPDX-License-Identifier: MIT */
/*
 * The keyring and its file. The file is a box (crypto/box.h) for the purpose
 * "keyring"; the document in it, integers little-endian:
 *
 *     "bsvc-keyring" 12 | version 4 | number of entries 4
 *     each entry:  size 4 and bytes of: name, content, pass phrase (may be empty)
 *                  added at, nanoseconds since 1970  8
 */
#include "engine/keyring.h"

#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "crypto/box.h"
#include "engine/key_ref.h"
#include "engine/state_file.h"

enum {
    MAGIC_SIZE = 12,
    VERSION = 1,
    HEAD_SIZE = MAGIC_SIZE + 8,
    ENTRY_HEAD_SIZE = 3 * 4 + 8,
    FILE_MAX = BSI_BOX_MAX + 64 * 1024,
};

#define MAGIC "bsvc-keyring"
#define PURPOSE "keyring"

/* --- In memory --- */

static void entry_dispose(bsi_ring_entry *entry)
{
    bsi_key_unref(entry->key);
    bsi_secret_free(entry->content);
    bsi_secret_free(entry->passphrase);
    *entry = (bsi_ring_entry){0};
}

void bsi_keyring_dispose(bsi_keyring *ring)
{
    for (size_t i = 0; i < ring->count; i++) {
        entry_dispose(&ring->entries[i]);
    }
    bsi_free(ring->entries);
    *ring = (bsi_keyring){0};
}

static bsi_ring_entry *find(const bsi_keyring *ring, const char *name)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (strcmp(ring->entries[i].name, name) == 0) {
            return &ring->entries[i];
        }
    }
    return NULL;
}

const bsi_ring_entry *bsi_keyring_find(const bsi_keyring *ring, const char *name)
{
    return find(ring, name);
}

static bool name_is_valid(bsi_slice name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '\0' || !strchr(allowed, name.data[i])) {
            return false;
        }
    }
    return name.size > 0 && name.size <= BSI_KEYRING_NAME_MAX;
}

/* Takes over what is in `entry` when it succeeds. */
static bs_status append(bsi_keyring *ring, const bsi_ring_entry *entry)
{
    bsi_ring_entry *entries = NULL;

    if (find(ring, entry->name)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_EXISTS, "the keyring has an entry '%s' already",
                        entry->name);
    }
    if (ring->count >= BSI_KEYRING_ENTRIES_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_LIMIT, "a keyring has at most %d entries",
                        BSI_KEYRING_ENTRIES_MAX);
    }
    entries = bsi_realloc_array(ring->entries, ring->count + 1, sizeof(*entries));
    if (!entries) {
        return BS_E_NOMEM;
    }
    ring->entries = entries;
    entries[ring->count++] = *entry;
    return BS_OK;
}

static bs_status copy_secret(bsi_slice bytes, bsi_secret **out)
{
    return bytes.size > 0 ? bsi_secret_copy(bytes.data, bytes.size, out) : BS_OK;
}

static bs_status add(bsi_keyring *ring, bsi_slice name, int64_t added_at, bsi_slice content,
                     bsi_slice passphrase)
{
    bsi_ring_entry entry = {.added_at = added_at};
    bs_status status = BS_OK;

    if (!name_is_valid(name)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "the name of a key takes 1 to %d letters, digits, '.', '_' and '-'",
                        BSI_KEYRING_NAME_MAX);
    }
    memcpy(entry.name, name.data, name.size);
    status = copy_secret(content, &entry.content);
    if (status >= 0) {
        status = copy_secret(passphrase, &entry.passphrase);
    }
    if (status >= 0) {
        status = bsi_key_of_content(entry.content, entry.passphrase, &entry.key);
    }
    if (status >= 0) {
        status = append(ring, &entry);
    }
    if (status < 0) {
        entry_dispose(&entry);
    }
    return status;
}

static bsi_slice slice_of(const bsi_secret *secret)
{
    return secret ? (bsi_slice){(const char *)bsi_secret_view(secret), bsi_secret_size(secret)}
                  : (bsi_slice){0};
}

bs_status bsi_keyring_add(bsi_keyring *ring, const char *name, int64_t added_at,
                          const bsi_secret *content, const bsi_secret *passphrase)
{
    return add(ring, bsi_slice_of(name), added_at, slice_of(content), slice_of(passphrase));
}

bs_status bsi_keyring_remove(bsi_keyring *ring, const char *name)
{
    bsi_ring_entry *entry = find(ring, name);
    char shown[80];

    if (!entry) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "the keyring has no entry '%s'",
                        bsi_printable(name, strlen(name), shown, sizeof(shown)));
    }
    entry_dispose(entry);
    ring->count--;
    memmove(entry, entry + 1,
            (ring->count - (size_t)(entry - ring->entries)) * sizeof(*ring->entries));
    return BS_OK;
}

/* --- The document --- */

static uint8_t *put_part(uint8_t *at, bsi_slice part)
{
    bsi_put_le32(at, (uint32_t)part.size);
    if (part.size > 0) {
        memcpy(at + 4, part.data, part.size);
    }
    return at + 4 + part.size;
}

static bs_status encode(const bsi_keyring *ring, bsi_secret **out)
{
    size_t size = HEAD_SIZE;
    uint8_t *at = NULL;

    for (size_t i = 0; i < ring->count; i++) {
        const bsi_ring_entry *entry = &ring->entries[i];
        size += ENTRY_HEAD_SIZE + strlen(entry->name) + slice_of(entry->content).size +
                slice_of(entry->passphrase).size;
    }
    if (size > BSI_BOX_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_LIMIT, "the keyring is full: it holds 1 MiB");
    }
    BSI_TRY(bsi_secret_new(size, out));
    at = bsi_secret_bytes(*out);
    memcpy(at, MAGIC, MAGIC_SIZE);
    bsi_put_le32(at + MAGIC_SIZE, VERSION);
    bsi_put_le32(at + MAGIC_SIZE + 4, (uint32_t)ring->count);
    at += HEAD_SIZE;
    for (size_t i = 0; i < ring->count; i++) {
        const bsi_ring_entry *entry = &ring->entries[i];
        at = put_part(at, bsi_slice_of(entry->name));
        at = put_part(at, slice_of(entry->content));
        at = put_part(at, slice_of(entry->passphrase));
        bsi_put_le64(at, (uint64_t)entry->added_at);
        at += 8;
    }
    return BS_OK;
}

static bs_status fail_document(void)
{
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "the keyring's entries are not what they claim");
}

static bool take_part(bsi_slice *rest, bsi_slice *out)
{
    size_t size = 0;

    if (rest->size < 4) {
        return false;
    }
    size = bsi_le32((const uint8_t *)rest->data);
    if (size > rest->size - 4) {
        return false;
    }
    *out = (bsi_slice){rest->data + 4, size};
    *rest = (bsi_slice){rest->data + 4 + size, rest->size - 4 - size};
    return true;
}

static bs_status decode_entry(bsi_slice *rest, bsi_keyring *ring)
{
    bsi_slice name;
    bsi_slice content;
    bsi_slice passphrase;
    int64_t added_at = 0;

    if (!take_part(rest, &name) || !take_part(rest, &content) || !take_part(rest, &passphrase) ||
        rest->size < 8 || content.size == 0) {
        return fail_document();
    }
    added_at = (int64_t)bsi_le64((const uint8_t *)rest->data);
    *rest = (bsi_slice){rest->data + 8, rest->size - 8};
    return add(ring, name, added_at, content, passphrase);
}

static bs_status decode(const bsi_secret *document, bsi_keyring *out)
{
    bsi_slice rest = slice_of(document);
    const uint8_t *head = (const uint8_t *)rest.data;
    bsi_keyring ring = {0};
    bs_status status = BS_OK;
    uint32_t count = 0;

    if (rest.size < HEAD_SIZE || memcmp(head, MAGIC, MAGIC_SIZE) != 0) {
        return fail_document();
    }
    if (bsi_le32(head + MAGIC_SIZE) != VERSION) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_VERSION,
                        "the keyring was written by a newer version of this library");
    }
    count = bsi_le32(head + MAGIC_SIZE + 4);
    rest = (bsi_slice){rest.data + HEAD_SIZE, rest.size - HEAD_SIZE};
    for (uint32_t i = 0; i < count && status >= 0; i++) {
        status = decode_entry(&rest, &ring);
    }
    if (status >= 0 && rest.size > 0) {
        status = fail_document();
    }
    if (status < 0) {
        bsi_keyring_dispose(&ring);
        return status;
    }
    *out = ring;
    return BS_OK;
}

/* --- The file --- */

bs_status bsi_keyring_exists(int dir, bool *out)
{
    return bsi_state_file_exists(dir, BSI_KEYRING_FILE, out);
}

static bs_status open_box(void *user, bsi_slice content)
{
    bsi_secret *document = NULL;
    bsi_keyring ring = {0};
    bs_status status = bsi_box_open(user, PURPOSE, content.data, content.size, &document);

    if (status >= 0) {
        status = decode(document, &ring);
    }
    bsi_keyring_dispose(&ring);
    bsi_secret_free(document);
    return status;
}

static bs_status load(int dir, bsi_key *master, bsi_buf *box, bsi_keyring *out)
{
    bsi_secret *document = NULL;
    bs_status status = bsi_state_file_read(dir, BSI_KEYRING_FILE, box);

    if (status == BS_E_NOT_FOUND) {
        *out = (bsi_keyring){0};
        return BS_OK;
    }
    if (status >= 0) {
        status = bsi_box_open(master, PURPOSE, box->data, box->size, &document);
    }
    if (status >= 0) {
        status = decode(document, out);
    }
    bsi_secret_free(document);
    return status;
}

bs_status bsi_keyring_load(int dir, bsi_key *master, bsi_keyring *out)
{
    bsi_buf box;
    bs_status status = BS_OK;

    bsi_buf_init(&box, FILE_MAX);
    status = load(dir, master, &box, out);
    bsi_buf_dispose(&box);
    if (status == BS_E_KEY) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "the keyring does not open with this master key; it was sealed under "
                        "another ENCRYPTION_KEY");
    }
    return status < 0 ? bsi_fail_context(BS_LAYER_CRYPTO, status, "opening the keyring") : BS_OK;
}

bs_status bsi_keyring_save(int dir, bsi_key *master, const bsi_keyring *ring)
{
    bsi_secret *document = NULL;
    bsi_buf box;
    bs_status status = BS_OK;

    bsi_buf_init(&box, FILE_MAX);
    status = encode(ring, &document);
    if (status >= 0) {
        status = bsi_box_seal(master, PURPOSE, bsi_secret_view(document), bsi_secret_size(document),
                              &box);
    }
    if (status >= 0) {
        status = bsi_state_file_write(
            dir, BSI_KEYRING_FILE, (bsi_slice){(const char *)box.data, box.size}, open_box, master);
    }
    bsi_secret_free(document);
    bsi_buf_dispose(&box);
    return status < 0 ? bsi_fail_context(BS_LAYER_CRYPTO, status, "saving the keyring") : BS_OK;
}
