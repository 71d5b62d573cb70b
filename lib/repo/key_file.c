/* SPDX-License-Identifier: MIT */
/*
 * Key files, and the master key's own JSON text within:
 *
 *     {"created":..,"username":..,"hostname":..,"kdf":"scrypt","N":..,"r":..,"p":..,
 *      "salt":"<base64>","data":"<base64>"}
 *     {"mac":{"k":"<base64>","r":"<base64>"},"encrypt":"<base64>"}
 *
 * Texts of the master key lie in secrets or in buffers that never grow and are
 * wiped: no copy is left behind.
 */
#include "repo/key_file.h"

#include <inttypes.h>
#include <string.h>

#include "os/random.h"
#include "repo/json_parts.h"
#include "text/base64.h"

_Static_assert((int)BSI_CTR_POLY_KEY_SIZE == (int)BSI_KNOWN_KEY_SIZE &&
                   (int)BSI_REPO_SALT_SIZE == (int)BSI_KNOWN_SALT_SIZE,
               "what is remembered is of a key file");

enum {
    ENCRYPT_AT = 0,
    ENCRYPT_SIZE = 32,
    K_AT = ENCRYPT_AT + ENCRYPT_SIZE,
    K_SIZE = 16,
    R_AT = K_AT + K_SIZE,
    R_SIZE = 16,
    MASTER_TEXT_MAX = 4096, /* Decrypted; 125 bytes as restic writes it. */
    SCRATCH_MAX = BSI_REPO_KEY_FILE_MAX,
};

bs_status bsi_repo_master_key_new(bsi_secret **out)
{
    return bsi_secret_random(BSI_CTR_POLY_KEY_SIZE, out);
}

/* A buffer that held parts of a key. */
static void dispose_wiped(bsi_buf *buf)
{
    if (buf->capacity > 0) {
        bsi_wipe(buf->data, buf->capacity);
    }
    bsi_buf_dispose(buf);
}

static bs_status append_part(bsi_buf *out, const char *before, const uint8_t *bytes, size_t size)
{
    BSI_TRY(bsi_buf_append_text(out, before));
    return bsi_base64_encode(bytes, size, out);
}

static bs_status write_master(const bsi_secret *master, bsi_buf *out)
{
    const uint8_t *bytes = bsi_secret_view(master);

    BSI_TRY(bsi_buf_reserve(out, MASTER_TEXT_MAX));
    BSI_TRY(append_part(out, "{\"mac\":{\"k\":\"", bytes + K_AT, K_SIZE));
    BSI_TRY(append_part(out, "\",\"r\":\"", bytes + R_AT, R_SIZE));
    BSI_TRY(append_part(out, "\"},\"encrypt\":\"", bytes + ENCRYPT_AT, ENCRYPT_SIZE));
    return bsi_buf_append_text(out, "\"}");
}

/* Append the envelope around the master key's text. */
static bs_status seal_master(const bsi_secret *master, const bsi_secret *user, bsi_buf *out)
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, MASTER_TEXT_MAX);
    status = write_master(master, &text);
    if (status == BS_OK) {
        status = bsi_buf_reserve(out, text.size + BSI_CTR_POLY_OVERHEAD);
    }
    if (status == BS_OK) {
        status = bsi_ctr_poly_seal(user, text.data, text.size, out->data + out->size);
    }
    if (status == BS_OK) {
        out->size += text.size + BSI_CTR_POLY_OVERHEAD;
    }
    dispose_wiped(&text);
    return status;
}

static bs_status put_origin(const bsi_repo_key_info *info, bsi_buf *out)
{
    BSI_TRY(bsi_buf_append_text(out, "{\"created\":"));
    BSI_TRY(bsi_go_json_time(out, &info->created));
    BSI_TRY(bsi_buf_append_text(out, ",\"username\":"));
    BSI_TRY(bsi_go_json_string(out, info->username));
    BSI_TRY(bsi_buf_append_text(out, ",\"hostname\":"));
    return bsi_go_json_string(out, info->hostname);
}

static bs_status write_file(const bsi_repo_key_info *info, const uint8_t salt[BSI_REPO_SALT_SIZE],
                            const bsi_buf *data, bsi_buf *out)
{
    const bsi_scrypt_cost *cost = &info->cost;

    BSI_TRY(put_origin(info, out));
    BSI_TRY(bsi_buf_append_format(
        out, ",\"kdf\":\"scrypt\",\"N\":%" PRIu64 ",\"r\":%u,\"p\":%u,\"salt\":\"",
        (uint64_t)1 << cost->log_n, cost->r, cost->p));
    BSI_TRY(bsi_base64_encode(salt, BSI_REPO_SALT_SIZE, out));
    BSI_TRY(append_part(out, "\",\"data\":\"", data->data, data->size));
    return bsi_buf_append_text(out, "\"}");
}

bs_status bsi_repo_key_file_write(const bsi_secret *master, const bsi_secret *password,
                                  const bsi_repo_key_info *info, bsi_known_keys *known,
                                  bsi_buf *out)
{
    uint8_t salt[BSI_REPO_SALT_SIZE];
    const bsi_known_from from = {password, {(const char *)salt, sizeof(salt)}, info->cost};
    bsi_secret *user = NULL;
    bsi_buf data;
    bs_status status = BS_OK;

    BSI_TRY(bsi_ctr_poly_check_key(master));
    BSI_TRY(bsi_random(salt, sizeof(salt)));
    BSI_TRY(bsi_scrypt(password, from.salt, &info->cost, BSI_CTR_POLY_KEY_SIZE, &user));
    bsi_buf_init(&data, MASTER_TEXT_MAX + BSI_CTR_POLY_OVERHEAD);
    status = seal_master(master, user, &data);
    if (status == BS_OK) {
        status = write_file(info, salt, &data, out);
    }
    if (status == BS_OK && known) {
        status = bsi_known_keys_put(known, &from, user);
    }
    bsi_buf_dispose(&data);
    bsi_secret_free(user);
    return status;
}

/* A key file as it is read. */
typedef struct key_file {
    bsi_repo_key_info info;
    bool is_scrypt;
    bsi_buf salt;
    bsi_buf data;
    uint64_t work;
} key_file;

/* A string of base64, as the bytes it stands for. The text never lies outside of the reader's. */
static bs_status read_bytes(bsi_json_reader *reader, bsi_buf *out)
{
    bsi_slice text = {0};
    bsi_buf scratch; /* For escapes such as "\/". */
    bs_status status = BS_OK;

    bsi_buf_init(&scratch, SCRATCH_MAX);
    bsi_buf_clear(out);
    status = bsi_json_read_string(reader, &scratch, &text);
    if (status == BS_OK) {
        status = bsi_base64_decode(text.data, text.size, out);
        if (status == BS_E_INVALID) {
            status = bsi_json_fail(reader, "not base 64");
        }
    }
    dispose_wiped(&scratch);
    return status;
}

/* A number of scrypt's; what is too large for it is found by bsi_scrypt_check(). */
static bs_status read_cost(bsi_json_reader *reader, unsigned *out)
{
    uint64_t value = 0;

    BSI_TRY(bsi_json_read_u64(reader, &value));
    *out = value > UINT32_MAX ? UINT32_MAX : (unsigned)value;
    return BS_OK;
}

static bs_status read_log_n(bsi_json_reader *reader, unsigned *out)
{
    uint64_t n = 0;

    BSI_TRY(bsi_json_read_u64(reader, &n));
    if (n < 2 || (n & (n - 1)) != 0) {
        return bsi_json_fail(reader, "N of scrypt is %" PRIu64 ", not a power of two", n);
    }
    for (*out = 0; n > 1; n >>= 1) {
        (*out)++;
    }
    return BS_OK;
}

static bs_status read_kdf(bsi_json_reader *reader, key_file *file)
{
    char room[32];
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_text(reader, &file->info.memory, &text));
    file->is_scrypt = bsi_slice_is(text, "scrypt");
    if (!file->is_scrypt) {
        return bsi_json_fail(reader, "its key comes from '%s', not from scrypt",
                             bsi_printable(text.data, text.size, room, sizeof(room)));
    }
    return BS_OK;
}

static bs_status file_member(bsi_json_reader *reader, bsi_slice key, void *user)
{
    key_file *file = user;
    bsi_repo_key_info *info = &file->info;

    if (bsi_slice_is(key, "created")) {
        return bsi_json_read_go_time(reader, &info->memory.scratch, &info->created);
    }
    if (bsi_slice_is(key, "username")) {
        return bsi_json_read_text(reader, &info->memory, &info->username);
    }
    if (bsi_slice_is(key, "hostname")) {
        return bsi_json_read_text(reader, &info->memory, &info->hostname);
    }
    if (bsi_slice_is(key, "kdf")) {
        return read_kdf(reader, file);
    }
    if (bsi_slice_is(key, "N")) {
        return read_log_n(reader, &info->cost.log_n);
    }
    if (bsi_slice_is(key, "r")) {
        return read_cost(reader, &info->cost.r);
    }
    if (bsi_slice_is(key, "p")) {
        return read_cost(reader, &info->cost.p);
    }
    if (bsi_slice_is(key, "salt")) {
        return read_bytes(reader, &file->salt);
    }
    if (bsi_slice_is(key, "data")) {
        return read_bytes(reader, &file->data);
    }
    return bsi_json_skip(reader);
}

static bs_status read_file(bsi_slice json, key_file *file)
{
    bsi_json_reader reader;

    if (json.size > BSI_REPO_KEY_FILE_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "%zu bytes; a key file has at most %d",
                        json.size, BSI_REPO_KEY_FILE_MAX);
    }
    BSI_TRY(bsi_json_texts_init(&file->info.memory, json.size));
    bsi_json_init(&reader, json.data, json.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    BSI_TRY(bsi_json_each_member(&reader, file_member, file));
    BSI_TRY(bsi_json_end(&reader));
    if (!file->is_scrypt || file->salt.size != BSI_REPO_SALT_SIZE) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "%s, and the salt has %zu bytes; it must have %d",
                        file->is_scrypt ? "kdf is scrypt" : "there is no kdf", file->salt.size,
                        BSI_REPO_SALT_SIZE);
    }
    BSI_TRY(bsi_scrypt_check(&file->info.cost, &file->work));
    if (file->data.size <= BSI_CTR_POLY_OVERHEAD || file->data.size > MASTER_TEXT_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "an encrypted master key of %zu bytes",
                        file->data.size);
    }
    return BS_OK;
}

/* The master key while its text is read; `have` has the parts that were there. */
typedef struct master_reader {
    bsi_secret *key;
    unsigned have;
} master_reader;

enum { HAVE_ENCRYPT = 1, HAVE_K = 2, HAVE_R = 4, HAVE_ALL = 7 };

static bs_status read_part(bsi_json_reader *reader, master_reader *master, size_t at, size_t size,
                           unsigned part)
{
    bsi_buf bytes;
    bs_status status = BS_OK;

    bsi_buf_init(&bytes, MASTER_TEXT_MAX);
    status = read_bytes(reader, &bytes);
    if (status == BS_OK && bytes.size != size) {
        status = bsi_json_fail(reader, "%zu bytes of the master key, not %zu", bytes.size, size);
    }
    if (status == BS_OK) {
        memcpy(bsi_secret_bytes(master->key) + at, bytes.data, size);
        master->have |= part;
    }
    dispose_wiped(&bytes);
    return status;
}

static bs_status mac_member(bsi_json_reader *reader, bsi_slice key, void *user)
{
    if (bsi_slice_is(key, "k")) {
        return read_part(reader, user, K_AT, K_SIZE, HAVE_K);
    }
    if (bsi_slice_is(key, "r")) {
        return read_part(reader, user, R_AT, R_SIZE, HAVE_R);
    }
    return bsi_json_skip(reader);
}

static bs_status master_member(bsi_json_reader *reader, bsi_slice key, void *user)
{
    if (bsi_slice_is(key, "mac")) {
        return bsi_json_each_member(reader, mac_member, user);
    }
    if (bsi_slice_is(key, "encrypt")) {
        return read_part(reader, user, ENCRYPT_AT, ENCRYPT_SIZE, HAVE_ENCRYPT);
    }
    return bsi_json_skip(reader);
}

static bs_status read_master(const bsi_secret *text, size_t size, master_reader *master)
{
    bsi_json_reader reader;

    bsi_json_init(&reader, bsi_secret_view(text), size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    BSI_TRY(bsi_json_each_member(&reader, master_member, master));
    BSI_TRY(bsi_json_end(&reader));
    if (master->have != HAVE_ALL) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the master key has not all of its parts");
    }
    if (bsi_ctr_poly_check_key(master->key) < 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the master key has a part of zeros");
    }
    return BS_OK;
}

/* Decrypt into `text`, a secret of the data's size. */
static bs_status open_data(const key_file *file, const bsi_secret *user, bsi_secret *text)
{
    const bs_status status =
        bsi_ctr_poly_open(user, file->data.data, file->data.size, bsi_secret_bytes(text));

    return status == BS_E_CORRUPT
               ? bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "the password does not open the key file")
               : status;
}

/* With the key that scrypt makes of the password. */
static bs_status open_with(const key_file *file, const bsi_secret *user, bsi_secret **out)
{
    const size_t sealed = file->data.size;
    master_reader master = {0};
    bsi_secret *text = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_secret_new(sealed, &text));
    status = bsi_secret_new(BSI_CTR_POLY_KEY_SIZE, &master.key);
    if (status == BS_OK) {
        status = open_data(file, user, text);
    }
    if (status == BS_OK) {
        status = read_master(text, sealed - BSI_CTR_POLY_OVERHEAD, &master);
    }
    bsi_secret_free(text);
    if (status < 0) {
        bsi_secret_free(master.key);
        return status;
    }
    *out = master.key;
    return BS_OK;
}

static bsi_known_from origin_of(const key_file *file, const bsi_secret *password)
{
    return (bsi_known_from){password, bsi_buf_slice(&file->salt), file->info.cost};
}

static bs_status open_known(const key_file *file, const bsi_secret *password, bsi_known_keys *known,
                            bsi_secret **out)
{
    const bsi_known_from from = origin_of(file, password);
    bsi_secret *user = NULL;
    bs_status status = bsi_known_keys_get(known, &from, &user);

    if (status == BS_OK) {
        status = open_with(file, user, out);
    }
    bsi_secret_free(user);
    return status;
}

/* What does not open the file is not remembered. */
static bs_status derive_and_open(const key_file *file, const bsi_secret *password,
                                 bsi_known_keys *known, bsi_secret **out)
{
    const bsi_known_from from = origin_of(file, password);
    bsi_secret *master = NULL;
    bsi_secret *user = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_scrypt(password, from.salt, &from.cost, BSI_CTR_POLY_KEY_SIZE, &user));
    status = open_with(file, user, &master);
    if (status == BS_OK && known) {
        status = bsi_known_keys_put(known, &from, user);
    }
    bsi_secret_free(user);
    if (status < 0) {
        bsi_secret_free(master);
        return status;
    }
    *out = master;
    return BS_OK;
}

static bs_status open_file(const key_file *file, const bsi_secret *password, bsi_known_keys *known,
                           bsi_secret **out)
{
    const bs_status status = known ? open_known(file, password, known, out) : BS_E_KEY;

    return status == BS_E_KEY ? derive_and_open(file, password, known, out) : status;
}

static void file_init(key_file *file)
{
    *file = (key_file){.info = {.created = BSI_GO_TIME_NONE}};
    bsi_buf_init(&file->salt, BSI_REPO_KEY_FILE_MAX);
    bsi_buf_init(&file->data, BSI_REPO_KEY_FILE_MAX);
}

static void file_dispose(key_file *file)
{
    bsi_repo_key_info_dispose(&file->info);
    bsi_buf_dispose(&file->salt);
    bsi_buf_dispose(&file->data);
}

bs_status bsi_repo_key_info_parse(bsi_slice json, bsi_repo_key_info *out, uint64_t *work_out)
{
    key_file file;
    bs_status status = BS_OK;

    file_init(&file);
    status = read_file(json, &file);
    if (status == BS_OK) {
        *out = file.info;
        *work_out = file.work;
        file.info = (bsi_repo_key_info){0};
    }
    file_dispose(&file);
    return status;
}

void bsi_repo_key_info_dispose(bsi_repo_key_info *info)
{
    bsi_json_texts_dispose(&info->memory);
    *info = (bsi_repo_key_info){.created = BSI_GO_TIME_NONE};
}

bs_status bsi_repo_key_file_open(bsi_slice json, const bsi_secret *password, bsi_known_keys *known,
                                 bsi_secret **master_out)
{
    key_file file;
    bs_status status = BS_OK;

    file_init(&file);
    status = read_file(json, &file);
    if (status == BS_OK) {
        status = open_file(&file, password, known, master_out);
    }
    file_dispose(&file);
    return status;
}

bs_status bsi_repo_key_file_open_known(bsi_slice json, const bsi_secret *password,
                                       bsi_known_keys *known, bsi_secret **master_out)
{
    key_file file;
    bs_status status = BS_OK;

    file_init(&file);
    status = read_file(json, &file);
    if (status == BS_OK) {
        status = open_known(&file, password, known, master_out);
    }
    file_dispose(&file);
    return status;
}
