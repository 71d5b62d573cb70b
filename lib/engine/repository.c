/* SPDX-License-Identifier: MIT */
/*
 * Making repositories, and who can open them.
 */
#include "engine/repository.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/complaints.h"
#include "engine/info_parts.h"
#include "engine/repo_work.h"
#include "engine/request.h"
#include "engine/service.h"
#include "engine/words.h"
#include "storage/decorators/guard.h"
#include "vault/repository/rewrap.h"

_Static_assert((int)BS_FINGERPRINT_SIZE == (int)BSI_FINGERPRINT_SIZE, "one fingerprint");
_Static_assert((int)BS_DIGEST_TEXT_SIZE == 2 * (int)BSI_SHA256_SIZE + 1, "the digits of a digest");

/* --- Opening --- */

static void log_trouble(void *user, bsi_slice path, const bs_error *error)
{
    const bs_service *service = user;
    char shown[512];

    bsi_log_write(&service->log, BS_LOG_WARNING, "engine", "repository, %s: %s",
                  bsi_printable(path.data, path.size, shown, sizeof(shown)), error->message);
}

static bs_status open_with(bs_service *service, const char *storage, bsi_session_options options,
                           bsi_job *job, bsi_open_repository *out)
{
    bs_status status = BS_OK;

    *out = (bsi_open_repository){.warn = {log_trouble, service}};
    status =
        bsi_service_storage(service, storage ? storage : BSI_REPOSITORY_STORAGE, &out->storage);
    if (status >= 0) {
        status = bsi_access_open(service, NULL, &out->access);
    }
    if (status >= 0) {
        status = bsi_access_take_phrase(service, storage ? storage : BSI_REPOSITORY_STORAGE,
                                        &out->access);
    }
    if (status >= 0) {
        out->env = bsi_service_env(service, out->storage, job ? &job->call : NULL,
                                   job ? &job->warn : &out->warn);
        bsi_access_lend(&out->access, &out->env);
        options.keys = out->env.keys;
        options.key_count = out->env.key_count;
        status = bsi_repo_session_open(&out->env, &options, &out->session);
    }
    if (status < 0) {
        bsi_repository_close(out);
    }
    return status;
}

bs_status bsi_repository_open(bs_service *service, const char *storage, bsi_session_lock lock,
                              bsi_job *job, bsi_open_repository *out)
{
    const bsi_session_options options = {.lock = lock, .reads_only = true};

    return open_with(service, storage, options, job, out);
}

bs_status bsi_repository_open_whole(bs_service *service, const char *storage,
                                    bsi_open_repository *out)
{
    const bsi_session_options options = {
        .lock = BSI_SESSION_SHARED, .reads_only = true, .with_index = true};

    return open_with(service, storage, options, NULL, out);
}

void bsi_repository_close(bsi_open_repository *repository)
{
    if (repository->session.repo) {
        bsi_repo_session_close(&repository->session);
    }
    bsi_access_close(&repository->access);
    bsi_storage_unref(repository->storage);
    *repository = (bsi_open_repository){0};
}

/* For a change, of whose parts none is made where the storage does not allow all. */
static bs_status open_to_change(bs_service *service, const char *storage, bsi_session_lock lock,
                                bsi_repo_need need, bsi_open_repository *out)
{
    const bsi_session_options options = {.lock = lock, .reads_only = true, .in_order = true};

    BSI_TRY(bsi_repo_check_storage(service, storage ? storage : BSI_REPOSITORY_STORAGE, need));
    return open_with(service, storage, options, NULL, out);
}

/* The same where pass phrases are changed: one that was made by chance has no others beside it. */
static bs_status open_to_take_phrases(bs_service *service, const char *storage,
                                      bsi_session_lock lock, bsi_repo_need need,
                                      bsi_open_repository *out)
{
    BSI_TRY(open_to_change(service, storage, lock, need, out));
    if (!out->session.wrapped) {
        return BS_OK;
    }
    bsi_repository_close(out);
    return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED,
                    "the repository is for RSA keys: it takes recipients, and no pass phrases by "
                    "hand");
}

/* And where recipients are: only a wrapped one has them. */
static bs_status open_to_rewrap(bs_service *service, const char *storage, bsi_open_repository *out)
{
    BSI_TRY(
        open_to_change(service, storage, BSI_SESSION_EXCLUSIVE, bsi_storage_check_removable, out));
    if (out->session.wrapped) {
        return BS_OK;
    }
    bsi_repository_close(out);
    return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED,
                    "the repository is not for RSA keys: a pass phrase opens it");
}

/* --- Pass phrases --- */

/* A key by reference that must be a pass phrase. The caller gives it back. */
static bs_status take_phrase(bs_service *service, const char *reference, bsi_key **out)
{
    bsi_key *key = NULL;
    bs_status status = reference ? bsi_keys_resolve(service, reference, NULL, &key)
                                 : bsi_keys_usual(service, &key);

    if (status >= 0 && !bsi_key_phrase(key)) {
        bsi_key_unref(key);
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "a repository is opened with a pass phrase, not with another key");
    }
    *out = key;
    return status;
}

/* --- Making one --- */

static const char *name_of(const bs_repository_options *options)
{
    return options->storage ? options->storage : BSI_REPOSITORY_STORAGE;
}

static bs_status check_options(const bs_repository_options *options)
{
    const bs_encryption encryption = options->encryption;
    bsi_complaints complaints = {0};
    char words[80];

    if (options->version > BSI_REPO_VERSION_MAX) {
        bsi_complain_invalid(&complaints, "version: takes %d or %d, not %u",
                             (int)BSI_REPO_VERSION_MIN, (int)BSI_REPO_VERSION_MAX,
                             (unsigned)options->version);
    }
    if ((int)encryption < 0 || encryption > BS_ENCRYPTION_RSA) {
        bsi_complain_invalid(&complaints, "encryption: takes %s, not the number %d",
                             bsi_word_list(bsi_words_encryption, words, sizeof(words)),
                             (int)encryption);
    }
    if (encryption != BS_ENCRYPTION_AES256 && options->encryption_key) {
        bsi_complain_invalid(&complaints,
                             "encryption: must be aes256 where encryption_key is given");
    }
    if (encryption != BS_ENCRYPTION_RSA && options->recipients) {
        bsi_complain_invalid(&complaints, "recipients: only rsa has them");
    }
    return bsi_complaints_status(&complaints);
}

static bs_status take_polynomial(bs_service *service, const char *storage, uint64_t *out)
{
    bsi_open_repository other;

    BSI_TRY(bsi_repository_open(service, storage, BSI_SESSION_UNLOCKED, NULL, &other));
    *out = bsi_repo_config_of(other.session.repo)->polynomial;
    bsi_repository_close(&other);
    return BS_OK;
}

static bs_status make_with_phrase(bs_service *service, const bs_repository_options *options,
                                  const bsi_repo_place *place, const bsi_repo_options *how,
                                  bsi_digest *id_out)
{
    bsi_key *key = NULL;
    bsi_repo *repo = NULL;
    bs_status status = BS_OK;

    if (options->encryption == BS_ENCRYPTION_AES256) {
        BSI_TRY(take_phrase(service, options->encryption_key, &key));
    }
    status = bsi_repo_init(place, NULL, how, key ? bsi_key_phrase(key) : NULL, &repo);
    bsi_key_unref(key);
    if (status >= 0) {
        *id_out = bsi_repo_config_of(repo)->id;
        bsi_repo_close(repo);
    }
    return status;
}

static bs_status take_recipients(bs_service *service, const bs_repository_options *options,
                                 bsi_key_list *list)
{
    bsi_complaints complaints = {0};
    bs_status status = BS_OK;

    for (size_t i = 0; options->recipients && options->recipients[i] && status >= 0; i++) {
        status = bsi_request_take_recipient(service, "recipients", i, options->recipients[i], list,
                                            &complaints);
    }
    return status < 0 ? status : bsi_complaints_status(&complaints);
}

static bs_status make_for(bs_service *service, const bsi_vault_env *env,
                          const bsi_key_list *recipients, const bsi_repo_options *how,
                          bsi_digest *id_out)
{
    bsi_repo_wrap wrap = {.recipients = recipients->items, .count = recipients->count};
    const bsi_session_options options = {
        .keys = env->keys, .key_count = env->key_count, .make = how, .wrap = &wrap};
    bsi_repo_session session;

    BSI_TRY(bsi_service_signer(service, &wrap.signer));
    BSI_TRY(bsi_repo_session_make(env, &options, &session));
    *id_out = bsi_repo_config_of(session.repo)->id;
    bsi_repo_session_close(&session);
    return BS_OK;
}

static bs_status make_wrapped(bs_service *service, const bs_repository_options *options,
                              const bsi_repo_place *place, const bsi_repo_options *how,
                              bsi_digest *id_out)
{
    const bsi_warn warn = {log_trouble, service};
    bsi_vault_env env = bsi_service_env(service, place->storage, NULL, &warn);
    bsi_key_list recipients = {0};
    bsi_access access = {0};
    bs_status status = take_recipients(service, options, &recipients);

    if (status >= 0) {
        status = bsi_access_open(service, NULL, &access);
    }
    if (status >= 0) {
        status = bsi_access_take_phrase(service, name_of(options), &access);
    }
    if (status >= 0) {
        bsi_access_lend(&access, &env);
        status = make_for(service, &env, &recipients, how, id_out);
    }
    bsi_access_close(&access);
    bsi_key_list_dispose(&recipients);
    return status;
}

static bs_status make(bs_service *service, const bs_repository_options *options,
                      bsi_storage *storage, bsi_digest *id_out)
{
    bsi_repo_options how = {.version = options->version};
    const bsi_repo_place place = {.storage = storage, .folder = "", .known = service->known};

    if (options->chunks_of) {
        BSI_TRY(take_polynomial(service, options->chunks_of, &how.polynomial));
    }
    return options->encryption == BS_ENCRYPTION_RSA
               ? make_wrapped(service, options, &place, &how, id_out)
               : make_with_phrase(service, options, &place, &how, id_out);
}

bs_status bsi_repository_init(bs_service *service, const bs_repository_options *options,
                              char id_out[BS_DIGEST_TEXT_SIZE])
{
    bsi_storage *storage = NULL;
    bsi_digest id;
    bs_status status = check_options(options);

    if (status >= 0) {
        status = bsi_service_storage(service, name_of(options), &storage);
    }
    if (status >= 0) {
        status = bsi_storage_check_writable(storage, name_of(options));
    }
    if (status >= 0) {
        status = make(service, options, storage, &id);
    }
    bsi_storage_unref(storage);
    if (status >= 0 && id_out) {
        bsi_digest_format(&id, id_out);
    }
    return status;
}

/* --- Its keys --- */

typedef struct keys_box {
    bs_repository_keys keys; /* What the caller holds: must come first. */
    bsi_arena arena;
    bs_repository_key *items;
    size_t capacity;
    const bsi_repo *repo; /* While it is filled. */
} keys_box;

const char *bsi_info_go_time(bsi_arena *arena, const bsi_go_time *time)
{
    if (time->sec <= BSI_GO_TIME_NONE.sec || time->sec < 0 ||
        time->sec > INT64_MAX / 1000000000 - 1) {
        return bsi_arena_text(arena, "");
    }
    return bsi_info_time(arena, time->sec * 1000000000 + time->nsec);
}

static bs_status fill_key(keys_box *box, const bsi_digest *id, const bsi_repo_key_info *info,
                          bs_repository_key *out)
{
    static const bsi_repo_key_info unknown = {.created = {.sec = INT64_C(-62135596800)}};
    const bsi_repo_key_info *from = info ? info : &unknown;

    bsi_digest_format(id, out->id);
    out->is_current = bsi_digest_equal(id, bsi_repo_current_key(box->repo));
    out->username = bsi_arena_slice(&box->arena, from->username);
    out->hostname = bsi_arena_slice(&box->arena, from->hostname);
    out->created_at = bsi_info_go_time(&box->arena, &from->created);
    out->damage = bsi_arena_text(&box->arena, info ? "" : bs_error_last()->message);
    return out->username && out->hostname && out->created_at && out->damage ? BS_OK : BS_E_NOMEM;
}

static bs_status add_row(keys_box *box, bs_repository_key **out)
{
    if (box->keys.count == box->capacity) {
        const size_t capacity = box->capacity > 0 ? 2 * box->capacity : 8;
        bs_repository_key *larger = bsi_realloc_array(box->items, capacity, sizeof(*larger));
        if (!larger) {
            return BS_E_NOMEM;
        }
        box->items = larger;
        box->capacity = capacity;
    }
    *out = &box->items[box->keys.count];
    **out = (bs_repository_key){.kind = BS_KEY_PASSPHRASE};
    return BS_OK;
}

static bs_status take_key(void *user, const bsi_digest *id, const bsi_repo_key_info *info)
{
    keys_box *box = user;
    bs_repository_key *key = NULL;

    BSI_TRY(add_row(box, &key));
    BSI_TRY(fill_key(box, id, info, key));
    box->keys.count++;
    return BS_OK;
}

/* A key set that is missing or damaged is a row, too. */
static bs_status take_recipient(keys_box *box, const bsi_slot_info *slot)
{
    bs_repository_key *key = NULL;

    BSI_TRY(add_row(box, &key));
    key->kind = BS_KEY_RSA;
    if (slot) {
        (void)snprintf(key->id, sizeof(key->id), "%s", slot->fingerprint);
    }
    key->username = key->hostname = key->created_at = "";
    key->damage = bsi_arena_text(&box->arena, slot ? "" : bs_error_last()->message);
    box->keys.count++;
    return key->damage ? BS_OK : BS_E_NOMEM;
}

static bs_status list_recipients(keys_box *box, const bsi_vault_env *env)
{
    bsi_keyset *set = NULL;
    bs_status status = bsi_wrap_load(env, &set);

    if (status == BS_E_NOT_FOUND || status == BS_E_CORRUPT || status == BS_E_VERSION) {
        return take_recipient(box, NULL);
    }
    for (size_t i = 0; status >= 0 && i < bsi_keyset_slots(set); i++) {
        status = take_recipient(box, bsi_keyset_slot(set, i));
    }
    bsi_keyset_free(set);
    return status;
}

bs_status bsi_repository_key_list(bs_service *service, const char *storage,
                                  bs_repository_keys **out)
{
    const bsi_session_options options = {
        .lock = BSI_SESSION_SHARED, .reads_only = true, .in_order = true};
    bsi_open_repository repository;
    keys_box *box = NULL;
    bs_status status = open_with(service, storage, options, NULL, &repository);

    if (status < 0) {
        return status;
    }
    box = bsi_calloc(1, sizeof(*box));
    status = box ? BS_OK : BS_E_NOMEM;
    if (status >= 0) {
        box->repo = repository.session.repo;
        status = bsi_repo_key_list(repository.session.repo, NULL, take_key, box);
        box->repo = NULL;
        if (status >= 0 && repository.session.wrapped) {
            status = list_recipients(box, &repository.env);
        }
        box->keys.items = box->items;
    }
    bsi_repository_close(&repository);
    if (status < 0) {
        bsi_repository_keys_free((bs_repository_keys *)box);
        return status;
    }
    *out = &box->keys;
    return BS_OK;
}

void bsi_repository_keys_free(bs_repository_keys *keys)
{
    keys_box *box = (keys_box *)keys;

    if (box) {
        bsi_free(box->items);
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}

bs_status bsi_repository_key_add(bs_service *service, const char *storage, const char *reference,
                                 char id_out[BS_DIGEST_TEXT_SIZE])
{
    bsi_open_repository repository;
    bsi_key *key = NULL;
    bsi_digest id;
    bs_status status = take_phrase(service, reference, &key);

    if (status < 0) {
        return status;
    }
    status = open_to_take_phrases(service, storage, BSI_SESSION_SHARED, bsi_storage_check_writable,
                                  &repository);
    if (status >= 0) {
        status = bsi_repo_key_add(repository.session.repo, NULL, bsi_key_phrase(key), NULL, &id);
        bsi_repository_close(&repository);
    }
    bsi_key_unref(key);
    if (status >= 0 && id_out) {
        bsi_digest_format(&id, id_out);
    }
    return status;
}

static bs_status remove_file(const bsi_open_repository *repository, const char *id)
{
    bsi_repo *repo = repository->session.repo;
    bsi_digest found;

    BSI_TRY(bsi_repo_find(repo, NULL, BSI_REPO_KEYS, bsi_slice_of(id), &found));
    return bsi_repo_key_remove(repo, NULL, &found);
}

static bs_status remove_recipient(bs_service *service, const bsi_open_repository *repository,
                                  const char *id)
{
    const bsi_signer *signer = NULL;

    BSI_TRY(bsi_service_signer(service, &signer));
    return bsi_rewrap_remove(&repository->session, bsi_slice_of(id), signer);
}

bs_status bsi_repository_key_remove(bs_service *service, const char *storage, const char *id)
{
    bsi_open_repository repository;
    bs_status status = open_to_change(service, storage, BSI_SESSION_EXCLUSIVE,
                                      bsi_storage_check_removable, &repository);

    if (status < 0) {
        return status;
    }
    status = repository.session.wrapped ? remove_recipient(service, &repository, id)
                                        : remove_file(&repository, id);
    bsi_repository_close(&repository);
    return status;
}

bs_status bsi_repository_key_change(bs_service *service, const char *storage, const char *reference)
{
    bsi_open_repository repository;
    bsi_key *key = NULL;
    bs_status status = take_phrase(service, reference, &key);

    if (status < 0) {
        return status;
    }
    status = open_to_take_phrases(service, storage, BSI_SESSION_EXCLUSIVE,
                                  bsi_storage_check_removable, &repository);
    if (status >= 0) {
        status = bsi_repo_key_change(repository.session.repo, NULL, bsi_key_phrase(key), NULL);
        bsi_repository_close(&repository);
    }
    bsi_key_unref(key);
    return status;
}

/* --- Its recipients --- */

/* A public key by reference. The caller gives it back. */
static bs_status resolve_recipient(bs_service *service, const char *reference, bsi_key **out)
{
    bsi_complaints complaints = {0};
    bsi_key_list list = {0};
    bs_status status =
        bsi_request_take_recipient(service, "recipient", SIZE_MAX, reference, &list, &complaints);

    if (status >= 0) {
        status = bsi_complaints_status(&complaints);
    }
    if (status >= 0) {
        *out = bsi_key_ref(list.items[0]);
    }
    bsi_key_list_dispose(&list);
    return status;
}

static bs_status add_recipient(bs_service *service, const char *storage, bsi_key *key)
{
    const bsi_signer *signer = NULL;
    bsi_open_repository repository;
    bs_status status = BS_OK;

    BSI_TRY(bsi_service_signer(service, &signer));
    BSI_TRY(open_to_rewrap(service, storage, &repository));
    status = bsi_rewrap_add(&repository.session, key, signer);
    bsi_repository_close(&repository);
    return status;
}

bs_status bsi_repository_recipient_add(bs_service *service, const char *storage,
                                       const char *reference,
                                       char fingerprint_out[BS_FINGERPRINT_SIZE])
{
    bsi_key *key = NULL;
    bs_status status = resolve_recipient(service, reference, &key);

    if (status < 0) {
        return status;
    }
    status = add_recipient(service, storage, key);
    if (status >= 0 && fingerprint_out) {
        bsi_key_fingerprint(key, fingerprint_out);
    }
    bsi_key_unref(key);
    return status;
}

bs_status bsi_repository_key_renew(bs_service *service, const char *storage)
{
    const bsi_signer *signer = NULL;
    bsi_open_repository repository;
    bs_status status = BS_OK;

    BSI_TRY(bsi_service_signer(service, &signer));
    BSI_TRY(open_to_rewrap(service, storage, &repository));
    status = bsi_rewrap_renew(&repository.session, signer);
    bsi_repository_close(&repository);
    return status;
}

/* --- Its locks --- */

bs_status bsi_repository_unlock(bs_service *service, const char *storage, bool all,
                                uint64_t *removed_out)
{
    bsi_open_repository repository;
    size_t removed = 0;
    bs_status status =
        bsi_repo_check_storage(service, storage ? storage : BSI_REPOSITORY_STORAGE,
                               bsi_storage_check_writable); /* Even append-only lets locks go. */

    if (status >= 0) {
        status = bsi_repository_open(service, storage, BSI_SESSION_UNLOCKED, NULL, &repository);
    }
    if (status < 0) {
        return status;
    }
    status = bsi_repo_unlock(repository.session.repo, NULL, all, &removed);
    bsi_repository_close(&repository);
    if (status >= 0 && removed_out) {
        *removed_out = removed;
    }
    return status;
}
