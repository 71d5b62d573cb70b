/* SPDX-License-Identifier: MIT */
/*
 * The key set beside a repository that is encrypted for RSA keys.
 */
#include "vault/repository/wrap.h"

#include <string.h>

#include "hash/sha256.h"
#include "os/random.h"
#include "vault/repository/recipients.h"

_Static_assert((int)BSI_DATA_KEY_SIZE == (int)BSI_SHA256_SIZE, "a data key has a digest's digits");

enum {
    PHRASE_SIZE = 2 * BSI_DATA_KEY_SIZE,
    MESSAGE_PART = BS_ERROR_MESSAGE_SIZE / 4, /* Of an error that is told within another one. */
};

static const char mend[] =
    "only who keeps the pass phrase opens the repository: remove what lies there, and run a backup "
    "that names all recipients on a machine that keeps it";

static void report(const bsi_vault_env *env)
{
    bsi_warn_last(env->warn, bsi_slice_of(BSI_REPOSITORY_KEYS_KEY));
}

static bs_status in_context(bs_status status)
{
    return status < 0
               ? bsi_fail_context(BS_LAYER_STORAGE, status, "key set '%s'", BSI_REPOSITORY_KEYS_KEY)
               : BS_OK;
}

/* --- Reading --- */

bs_status bsi_wrap_load(const bsi_vault_env *env, bsi_keyset **out)
{
    bsi_buf bytes;
    bs_status status = BS_OK;

    bsi_buf_init(&bytes, BSI_KEYSET_MAX);
    status =
        bsi_storage_load(env->storage, env->call, BSI_REPOSITORY_KEYS_KEY, BSI_KEYSET_MAX, &bytes);
    if (status == BS_E_LIMIT) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it is too long for a key set");
    }
    if (status >= 0) {
        status = bsi_as_damage(bsi_keyset_parse(bytes.data, bytes.size, out));
    }
    bsi_buf_dispose(&bytes);
    return in_context(status);
}

bs_status bsi_wrap_phrase(const bsi_secret *data_key, bsi_secret **out)
{
    char digits[PHRASE_SIZE + 1];
    bsi_digest bytes;
    bs_status status = BS_OK;

    BSI_CHECK(bsi_secret_size(data_key) == sizeof(bytes.bytes) && bsi_secret_is_intact(data_key));
    memcpy(bytes.bytes, bsi_secret_view(data_key), sizeof(bytes.bytes));
    bsi_digest_format(&bytes, digits);
    status = bsi_secret_copy(digits, PHRASE_SIZE, out);
    bsi_wipe(digits, sizeof(digits));
    bsi_wipe(&bytes, sizeof(bytes));
    return status;
}

bs_status bsi_wrap_kept(const bsi_vault_env *env, bsi_kept which, bsi_secret **out)
{
    bs_status status =
        env->keeper ? env->keeper->load(env->keeper->user, which, out) : BS_E_NOT_FOUND;

    if (status >= 0 || status == BS_E_NOMEM) {
        return status;
    }
    if (status != BS_E_NOT_FOUND) {
        report(env);
    }
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "no pass phrase is kept here");
}

/* What is wrong with a set is no failure of the machine or the way there. */
static bool is_of_set(bs_status status)
{
    return status == BS_E_NOT_FOUND || status == BS_E_CORRUPT || status == BS_E_VERSION ||
           status == BS_E_KEY || status == BS_E_LIMIT || status == BS_E_UNSUPPORTED;
}

void bsi_wrap_report_signer(const bsi_vault_env *env, const bsi_keyset *set)
{
    const bsi_public_key *signer = bsi_keyset_signer(set);
    char text[2 * BSI_SIGN_KEY_SIZE + 1] = "";

    for (size_t i = 0; signer && i < env->trusted_count; i++) {
        if (memcmp(&env->trusted[i], signer, sizeof(*signer)) == 0) {
            return;
        }
    }
    if (signer) {
        bsi_public_key_format(signer, text);
    }
    bsi_warn_new(env->warn, bsi_slice_of(BSI_REPOSITORY_KEYS_KEY), BS_LAYER_CRYPTO, BS_E_KEY,
                 "anybody may have made the repository: its key set is signed %s%s",
                 signer ? "with a key that is not among those trusted here: " : "by nobody", text);
}

static bs_status copy_data_key(const bsi_keyset *set, bsi_secret **out)
{
    return bsi_secret_copy(bsi_secret_view(bsi_keyset_data_key(set)), BSI_DATA_KEY_SIZE, out);
}

static bool is_private(const bsi_key *key)
{
    return bsi_key_kind_of(key) == BSI_KEY_RSA && bsi_key_can_open(key);
}

/* Others are not even tried: a set that somebody put there could make pass phrases expensive. */
bs_status bsi_wrap_open_set(bsi_keyset *set, bsi_key *const *keys, size_t count)
{
    bs_status status = BS_E_KEY;

    for (size_t i = 0; i < count && status == BS_E_KEY; i++) {
        if (is_private(keys[i])) {
            status = bsi_keyset_open(set, &keys[i], 1);
        }
    }
    return bsi_as_damage(status);
}

static bs_status unwrap(const bsi_vault_env *env, bsi_key *const *keys, size_t count, bool reports,
                        bsi_secret **out)
{
    bsi_keyset *set = NULL;
    bs_status status = bsi_wrap_load(env, &set);

    if (status >= 0) {
        status = in_context(bsi_wrap_open_set(set, keys, count));
    }
    if (status >= 0 && reports) {
        bsi_wrap_report_signer(env, set);
    }
    if (status >= 0) {
        status = copy_data_key(set, out);
    }
    bsi_keyset_free(set);
    return status;
}

bs_status bsi_wrap_open(const bsi_vault_env *env, bsi_key *const *keys, size_t count, bool reports,
                        bsi_secret **out)
{
    bs_status status = BS_OK;
    size_t first = 0;

    while (first < count && !is_private(keys[first])) {
        first++;
    }
    if (first == count) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "no private key is known");
    }
    status = unwrap(env, keys + first, count - first, reports, out);
    return is_of_set(status) ? BS_E_KEY : status;
}

/* --- Explaining --- */

static void list_recipients(const bsi_keyset *set, bsi_buf *text)
{
    for (size_t i = 0; i < bsi_keyset_slots(set); i++) {
        const bsi_slot_info *slot = bsi_keyset_slot(set, i);
        if (bsi_buf_append_format(text, "%s%s", i > 0 ? ", " : "", slot->fingerprint) < 0) {
            return; /* It is cut. */
        }
    }
}

static void tell_set(const bsi_keyset *set)
{
    bsi_buf text;

    bsi_buf_init(&text, BS_ERROR_MESSAGE_SIZE / 2);
    list_recipients(set, &text);
    (void)bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                   "nothing that is known here opens the repository; beside it lies a key set "
                   "('%s') for the RSA keys %.*s: give one of their private keys, or ask for the "
                   "encryption rsa where its pass phrase is kept",
                   BSI_REPOSITORY_KEYS_KEY, (int)text.size,
                   text.data ? (const char *)text.data : "");
    bsi_buf_dispose(&text);
}

bs_status bsi_wrap_explain(const bsi_vault_env *env)
{
    bsi_keyset *set = NULL;
    bs_error first;
    bs_error second;
    bs_status status = BS_OK;

    bsi_error_save(&first);
    status = bsi_wrap_load(env, &set);
    if (status >= 0) {
        tell_set(set);
        bsi_keyset_free(set);
    } else if (status == BS_E_CORRUPT || status == BS_E_VERSION) {
        bsi_error_save(&second);
        (void)bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "%.*s; and of what lies beside it, %.*s; %s",
                       MESSAGE_PART, first.message, MESSAGE_PART, second.message, mend);
    } else {
        bsi_error_restore(&first);
    }
    return BS_E_KEY;
}

/* --- Storing --- */

static bs_status put(const bsi_vault_env *env, const bsi_buf *bytes, bool exclusive)
{
    bs_status (*const put_it)(bsi_storage *, const bs_call *, const char *, const void *, size_t) =
        exclusive ? bsi_storage_put_new : bsi_storage_put;

    return put_it(env->storage, env->call, BSI_REPOSITORY_KEYS_KEY, bytes->data, bytes->size);
}

/* Whether bytes are a set for so many keys that the data key opens. */
static bs_status try_bytes(const bsi_buf *bytes, const bsi_secret *data_key, size_t count)
{
    bsi_keyset *set = NULL;
    bs_status status = bsi_keyset_parse(bytes->data, bytes->size, &set);

    if (status >= 0 && bsi_keyset_slots(set) != count) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_INTERNAL, "a new key set has other slots");
    }
    if (status >= 0) {
        status = bsi_keyset_unlock(set, data_key);
    }
    bsi_keyset_free(set);
    return status;
}

/* The set that is stored, open; BS_E_CORRUPT: it is another's. */
static bs_status load_own(const bsi_vault_env *env, const bsi_secret *data_key, bsi_keyset **out)
{
    bsi_keyset *set = NULL;
    bs_status status = bsi_wrap_load(env, &set);

    if (status >= 0) {
        status = in_context(bsi_as_damage(bsi_keyset_unlock(set, data_key)));
    }
    if (status < 0) {
        bsi_keyset_free(set);
        return status;
    }
    *out = set;
    return BS_OK;
}

/* BS_E_EXISTS may also be the answer to a request that had been carried out before. */
static bs_status read_back(const bsi_vault_env *env, const bsi_keyset *set, bs_status stored)
{
    bsi_keyset *back = NULL;
    bs_status status = load_own(env, bsi_keyset_data_key(set), &back);

    if (status >= 0 && stored >= 0 && bsi_keyset_slots(back) != bsi_keyset_slots(set)) {
        status = in_context(bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                                     "it reads back with other slots than it was stored with"));
    }
    bsi_keyset_free(back);
    return status == BS_E_CORRUPT && stored < 0 ? stored : status;
}

bs_status bsi_wrap_store(const bsi_vault_env *env, bsi_keyset *set, bool exclusive)
{
    bsi_buf bytes;
    bs_status status = BS_OK;

    bsi_buf_init(&bytes, BSI_KEYSET_MAX);
    status = bsi_keyset_encode(set, &bytes);
    if (status >= 0) {
        status = try_bytes(&bytes, bsi_keyset_data_key(set), bsi_keyset_slots(set));
    }
    if (status >= 0) {
        status = put(env, &bytes, exclusive);
    }
    bsi_buf_dispose(&bytes);
    return status >= 0 || status == BS_E_EXISTS ? read_back(env, set, status) : status;
}

bs_status bsi_wrap_make_set(const bsi_repo_wrap *wrap, const bsi_secret *data_key, bsi_keyset **out)
{
    bsi_keyset *set = NULL;
    char id[BS_ID_SIZE];
    bs_status status = bsi_new_id(id);

    if (status >= 0) {
        status = data_key ? bsi_keyset_create_for(id, data_key, wrap->recipients, wrap->count, NULL,
                                                  &set)
                          : bsi_keyset_create(id, wrap->recipients, wrap->count, NULL, &set);
    }
    if (status >= 0) {
        status = bsi_recipients_publish(set, wrap->recipients, wrap->count, wrap->signer);
    }
    if (status < 0) {
        bsi_keyset_free(set);
        return status;
    }
    *out = set;
    return BS_OK;
}

/* A new set; `data_key` NULL: with one of its own, which is kept before the set can be seen. */
static bs_status make_set(const bsi_vault_env *env, const bsi_repo_wrap *wrap,
                          const bsi_secret *data_key, bool exclusive, bsi_keyset **out)
{
    const bsi_repo_keeper *keeper = env->keeper;
    bsi_keyset *set = NULL;
    bs_status status = bsi_wrap_make_set(wrap, data_key, &set);

    if (status >= 0 && !data_key && keeper) {
        status = keeper->store(keeper->user, BSI_KEPT_IN_USE, bsi_keyset_data_key(set), false);
    }
    if (status >= 0) {
        status = bsi_wrap_store(env, set, exclusive);
    }
    if (status < 0) {
        bsi_keyset_free(set);
        return status;
    }
    *out = set;
    return BS_OK;
}

/* --- Recipients --- */

/* Those that are given are among those of the set; none: it is for whomever it is. */
static bs_status check_recipients(const bsi_keyset *set, const bsi_repo_wrap *wrap)
{
    for (size_t i = 0; i < wrap->count; i++) {
        char fingerprint[BSI_FINGERPRINT_SIZE];
        uint32_t number = 0;
        const bs_status status = bsi_keyset_find(set, wrap->recipients[i], &number);

        if (status == BS_E_NOT_FOUND) {
            bsi_key_fingerprint(wrap->recipients[i], fingerprint);
            return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                            "the repository is not encrypted for the RSA key %s; who opens it is "
                            "added with 'repo keys add'",
                            fingerprint);
        }
        BSI_TRY(status);
    }
    return BS_OK;
}

static bs_status need_recipients(const bsi_repo_wrap *wrap)
{
    return wrap->count > 0 ? BS_OK
                           : bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                                      "rsa needs the public key of at least one who may read the "
                                      "repository");
}

/* --- Before the repository is made --- */

/*
 * A set that is there was stored by this machine, which died then; or by another one, which is at
 * work, and whose repository opens here only with a private key.
 */
static bs_status go_on(const bsi_vault_env *env, const bsi_repo_wrap *wrap, bsi_keyset *set)
{
    bsi_secret *kept = NULL;
    bs_status status = bsi_wrap_kept(env, BSI_KEPT_IN_USE, &kept);

    if (status >= 0) {
        status = bsi_keyset_unlock(set, kept);
    }
    bsi_secret_free(kept);
    if (status == BS_E_KEY || status == BS_E_CORRUPT) {
        status = bsi_wrap_open_set(set, env->keys, env->key_count);
    }
    if (is_of_set(status)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_EXISTS,
                        "another machine has begun a repository there: wait for it, and open it "
                        "with a private key; or, when nobody is at it, remove '%s' and the folder "
                        "'keys'",
                        BSI_REPOSITORY_KEYS_KEY);
    }
    BSI_TRY(status);
    if (wrap->count > 0 && wrap->count != bsi_keyset_slots(set)) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "a repository was begun there for %zu recipients and not for these: give "
                        "those, or remove '%s' and the folder 'keys'",
                        bsi_keyset_slots(set), BSI_REPOSITORY_KEYS_KEY);
    }
    return check_recipients(set, wrap);
}

static bs_status start(const bsi_vault_env *env, const bsi_repo_wrap *wrap, bool begun,
                       bsi_keyset **out)
{
    bsi_secret *kept = NULL;
    bs_status status = need_recipients(wrap);

    if (status >= 0 && begun) {
        status = bsi_wrap_kept(env, BSI_KEPT_IN_USE, &kept);
    }
    if (status == BS_E_KEY) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_EXISTS,
                        "there are keys of a repository that was begun, and no key set: remove the "
                        "storage's folder 'keys'");
    }
    if (status >= 0) {
        status = make_set(env, wrap, kept, true, out);
    }
    bsi_secret_free(kept);
    if (status == BS_E_EXISTS || status == BS_E_CORRUPT) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_EXISTS,
                        "another machine makes a repository there at this moment");
    }
    return status;
}

bs_status bsi_wrap_begin(const bsi_vault_env *env, const bsi_repo_wrap *wrap, bool begun,
                         bsi_secret **data_key_out)
{
    bsi_keyset *set = NULL;
    bs_status status = bsi_wrap_load(env, &set);

    if (status == BS_E_NOT_FOUND) {
        status = start(env, wrap, begun, &set);
    } else if (status >= 0) {
        status = go_on(env, wrap, set);
    } else if (status == BS_E_CORRUPT || status == BS_E_VERSION) {
        status = bsi_fail_context(BS_LAYER_STORAGE, status, "no repository has it: remove it");
    }
    if (status >= 0) {
        status = copy_data_key(set, data_key_out);
    }
    bsi_keyset_free(set);
    return status;
}

void bsi_wrap_take_back(const bsi_vault_env *env, const bsi_secret *data_key)
{
    bsi_keyset *set = NULL;
    bs_error first;

    bsi_error_save(&first);
    if (load_own(env, data_key, &set) >= 0) {
        bsi_storage_remove_quietly(env->storage, BSI_REPOSITORY_KEYS_KEY);
    }
    bsi_keyset_free(set);
    bsi_error_restore(&first);
}

/* --- Beside a repository that is open --- */

static bs_status store_again(const bsi_vault_env *env, const bsi_repo_wrap *wrap,
                             const bsi_secret *data_key, bool exclusive)
{
    bsi_keyset *set = NULL;
    const bs_status status = make_set(env, wrap, data_key, exclusive, &set);

    bsi_keyset_free(set);
    return in_context(status);
}

/* Of who died while he changed the recipients, the set may be there, and the pass phrase not. */
static bs_status load_next(const bsi_vault_env *env, bsi_keyset **out)
{
    bsi_secret *next = NULL;
    bs_status status = bsi_wrap_kept(env, BSI_KEPT_NEXT, &next);

    if (status >= 0) {
        status = load_own(env, next, out);
    }
    bsi_secret_free(next);
    return status;
}

bs_status bsi_wrap_check(const bsi_vault_env *env, const bsi_repo_wrap *wrap,
                         const bsi_secret *data_key, bool is_new)
{
    bsi_keyset *set = NULL;
    bs_error first;
    bs_status status = load_own(env, data_key, &set);

    if (status == BS_E_CORRUPT) {
        bsi_error_save(&first);
        status = load_next(env, &set);
        if (is_of_set(status)) {
            bsi_error_restore(&first);
            status = BS_E_CORRUPT;
        }
    }
    if (status >= 0) {
        status = check_recipients(set, wrap);
        bsi_keyset_free(set);
        return status;
    }
    if (!is_of_set(status)) {
        return status;
    }
    if (wrap->count > 0 && (status == BS_E_NOT_FOUND || is_new)) {
        return store_again(env, wrap, data_key, !is_new);
    }
    bsi_warn_new(env->warn, bsi_slice_of(BSI_REPOSITORY_KEYS_KEY), BS_LAYER_STORAGE, status,
                 "%.*s; %s", BS_ERROR_MESSAGE_SIZE / 2, bs_error_last()->message, mend);
    return BS_OK;
}
