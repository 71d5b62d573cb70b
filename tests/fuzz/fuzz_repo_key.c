/* SPDX-License-Identifier: MIT */
/*
 * The configuration and the key files of a repository. An input is
 *
 *     what 1 | text
 *
 * The text is that of a configuration, of a key file, or of a master key, around
 * which an authentic key file is made. What is read is the same when it was
 * written and is read again.
 */
#include "fuzz.h"

#include "repo/config.h"
#include "repo/key_file.h"
#include "text/base64.h"

enum {
    WHAT_CONFIG,
    WHAT_KEY_FILE,
    WHAT_MASTER,
    WHAT_COUNT,
    CHEAP_WORK = 256, /* Of scrypt; what costs more is not opened. */
    MASTER_MAX = 4096,
};

static const bsi_scrypt_cost cheap = {.log_n = 1, .r = 1, .p = 1};

static void check_config(bsi_slice json)
{
    bsi_repo_config config;
    bsi_repo_config again;
    bsi_buf text;

    if (bsi_repo_config_parse(json, &config) != BS_OK) {
        return;
    }
    bsi_buf_init(&text, BSI_REPO_CONFIG_MAX);
    fuzz_ok(bsi_repo_config_write(&config, &text));
    fuzz_ok(bsi_repo_config_parse(bsi_buf_slice(&text), &again));
    fuzz_check(config.version == again.version && config.polynomial == again.polynomial);
    fuzz_check(bsi_digest_equal(&config.id, &again.id));
    bsi_buf_dispose(&text);
}

/* A master key that was found in a key file is found in the next one that is made of it. */
static void check_master(const bsi_secret *master)
{
    const bsi_repo_key_info info = {.created = BSI_GO_TIME_NONE, .cost = cheap};
    bsi_secret *again = NULL;
    bsi_buf file;

    bsi_buf_init(&file, BSI_REPO_KEY_FILE_MAX);
    fuzz_ok(bsi_repo_key_file_write(master, NULL, &info, NULL, &file));
    fuzz_ok(bsi_repo_key_file_open(bsi_buf_slice(&file), NULL, NULL, &again));
    fuzz_check(bsi_secret_size(again) == bsi_secret_size(master));
    fuzz_check(
        bsi_secret_equal(bsi_secret_view(again), bsi_secret_view(master), bsi_secret_size(master)));
    bsi_secret_free(again);
    bsi_buf_dispose(&file);
}

static void check_key_file(bsi_slice json)
{
    bsi_repo_key_info info;
    bsi_secret *master = NULL;
    uint64_t work = 0;

    if (bsi_repo_key_info_parse(json, &info, &work) != BS_OK) {
        return;
    }
    fuzz_check(work > 0 && work <= BSI_SCRYPT_WORK_MAX);
    bsi_repo_key_info_dispose(&info);
    if (work <= CHEAP_WORK && bsi_repo_key_file_open(json, NULL, NULL, &master) == BS_OK) {
        check_master(master);
    }
    bsi_secret_free(master);
}

/* The key that the empty pass phrase and a salt of zeros come to. */
static const bsi_secret *user_key(const uint8_t salt[BSI_REPO_SALT_SIZE])
{
    static bsi_secret *made;

    if (!made) {
        fuzz_ok(bsi_scrypt(NULL, (bsi_slice){(const char *)salt, BSI_REPO_SALT_SIZE}, &cheap,
                           BSI_CTR_POLY_KEY_SIZE, &made));
    }
    return made;
}

static void check_around(bsi_slice text)
{
    static const uint8_t iv[BSI_CTR_POLY_IV_SIZE] = {1};
    static const uint8_t salt[BSI_REPO_SALT_SIZE];
    uint8_t sealed[MASTER_MAX];
    bsi_buf file;

    if (text.size > sizeof(sealed) - BSI_CTR_POLY_OVERHEAD) {
        return;
    }
    bsi_buf_init(&file, BSI_REPO_KEY_FILE_MAX);
    fuzz_ok(bsi_ctr_poly_seal_iv(user_key(salt), iv, text.data, text.size, sealed));
    fuzz_ok(bsi_buf_append_text(&file, "{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\""));
    fuzz_ok(bsi_base64_encode(salt, sizeof(salt), &file));
    fuzz_ok(bsi_buf_append_text(&file, "\",\"data\":\""));
    fuzz_ok(bsi_base64_encode(sealed, text.size + BSI_CTR_POLY_OVERHEAD, &file));
    fuzz_ok(bsi_buf_append_text(&file, "\"}"));
    check_key_file(bsi_buf_slice(&file));
    bsi_buf_dispose(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint8_t what = fuzz_byte(&in) % WHAT_COUNT;
    const bsi_slice text = fuzz_take(&in, in.left);

    if (what == WHAT_CONFIG) {
        check_config(text);
    } else if (what == WHAT_KEY_FILE) {
        check_key_file(text);
    } else {
        check_around(text);
    }
    return 0;
}
