/* SPDX-License-Identifier: MIT */
/*
 * Work on a repository as vaults and the engine do it, with packs that are small.
 */
#include "repository_place.h"

#include <stdio.h>

#include "os/random.h"
#include "repo/copy.h"
#include "repo/prune.h"
#include "repo/repair.h"

static const bsi_repo_options cheap = {.version = 2, .cost = {.log_n = 1, .r = 1, .p = 1}};

/* --- Keys and storages --- */

const char old_phrase[] = "the old phrase";
const char new_phrase[] = "the new phrase";

void place_take_keys(place *self)
{
    assert_ok(bsi_key_from_passphrase(bsi_slice_of(old_phrase), &self->key));
    assert_ok(bsi_key_from_passphrase(bsi_slice_of(new_phrase), &self->new_key));
    self->opening = self->key;
}

void place_drop_keys(place *self)
{
    bsi_key_unref(self->key);
    bsi_key_unref(self->new_key);
    self->key = self->new_key = NULL;
}

void place_open_storage(const char *path, bsi_storage **out)
{
    const bsi_setting settings[] = {{"path", path}, {"sweep", "true"}};

    assert_ok(bsi_storage_open("local", settings, 2, NULL, out));
}

void place_close_storage(place *self)
{
    bsi_storage_unref(self->env.storage);
    self->env.storage = NULL;
}

/* --- What is done; asserts nothing --- */

typedef bs_status (*session_work)(place *self, const bsi_repo_session *session);

static bs_status in_session(place *self, const bsi_vault_env *env, bsi_session_lock lock,
                            session_work work)
{
    const bsi_session_options options = {
        .keys = env->keys, .key_count = env->key_count, .lock = lock, .reads_only = true};
    bsi_repo_session session;
    bs_status status = bsi_repo_session_open(env, &options, &session);

    if (status >= 0) {
        status = work(self, &session);
        bsi_repo_session_close(&session);
    }
    return status;
}

bs_status act_make(place *self)
{
    const bsi_repo_place where = {.storage = self->env.storage, .folder = ""};
    bsi_repo *repo = NULL;
    const bs_status status = bsi_repo_init(&where, NULL, &cheap, bsi_key_phrase(self->key), &repo);

    bsi_repo_close(repo);
    return status;
}

static bs_status back_up_as(place *self, const char *base, bsi_backup_result *out)
{
    const char *const roots[] = {self->source, NULL};
    char id[BS_ID_SIZE];
    const bsi_backup_plan plan = {
        .id = id,
        .name = "home",
        .kind = base ? BSI_KIND_INCREMENTAL : BSI_KIND_FULL,
        .compression = "zstd",
        .created_at = bsi_now(),
        .started_at = bsi_now(),
        .note = "",
        .metadata = "{}",
        .options = "{}",
        .source_paths = roots,
        .walk = {.roots = roots, .root_count = 1},
        .base_manifest_key = base,
        .encryption = BSI_ENCRYPTION_AES256,
        .wrap_keys = &self->opening,
        .wrap_count = 1,
        .cost = {.log_n = 1},
    };

    BSI_TRY(bsi_new_id(id));
    return bsi_vault_find("repository")->backup(&self->env, &plan, out);
}

bs_status act_back_up(place *self)
{
    bsi_backup_result result = {0};
    const bs_status status = back_up_as(self, self->base[0] ? self->base : NULL, &result);

    if (status >= 0) {
        (void)snprintf(self->made, sizeof(self->made), "%s", result.manifest_key);
    }
    bsi_backup_result_dispose(&result);
    return status;
}

bs_status act_forget(place *self)
{
    return bsi_vault_find("repository")->remove(&self->env, self->first, NULL);
}

static bsi_prune_options prune_options(const place *self)
{
    return (bsi_prune_options){.unused = BSI_PRUNE_UNUSED_BYTES,
                               .pack_target = PACK_TARGET,
                               .no_grace = true,
                               .pool = self->env.pool};
}

static bs_status prune_here(place *self, const bsi_repo_session *session)
{
    const bsi_prune_options options = prune_options(self);

    return bsi_repo_prune_all(session->repo, NULL, session->lock, &options, NULL);
}

bs_status act_prune(place *self)
{
    return in_session(self, &self->env, BSI_SESSION_EXCLUSIVE, prune_here);
}

static bs_status prune_beside_here(place *self, const bsi_repo_session *session)
{
    const bsi_prune_options options = prune_options(self);

    return bsi_repo_prune_beside(session->repo, NULL, &options, NULL, NULL);
}

bs_status act_prune_beside(place *self)
{
    return in_session(self, &self->env, BSI_SESSION_UNLOCKED, prune_beside_here);
}

static bsi_repair_options repair_options(const place *self)
{
    return (bsi_repair_options){.forget = true, .pack_target = PACK_TARGET, .pool = self->env.pool};
}

static bs_status repair_index_here(place *self, const bsi_repo_session *session)
{
    const bsi_repair_options options = repair_options(self);
    bsi_repair_report report = {0};

    return bsi_repo_repair_index(session->repo, NULL, session->lock, &options, &report);
}

bs_status act_repair_index(place *self)
{
    return in_session(self, &self->env, BSI_SESSION_EXCLUSIVE, repair_index_here);
}

static bs_status repair_packs_here(place *self, const bsi_repo_session *session)
{
    const bsi_repair_options options = repair_options(self);
    bsi_repair_report report = {0};

    return bsi_repo_repair_packs(session->repo, NULL, session->lock, &options, NULL, &report);
}

bs_status act_repair_packs(place *self)
{
    return in_session(self, &self->env, BSI_SESSION_EXCLUSIVE, repair_packs_here);
}

static bs_status repair_snapshots_here(place *self, const bsi_repo_session *session)
{
    const bsi_repair_options options = repair_options(self);
    bsi_repair_report report = {0};

    return bsi_repo_repair_snapshots(session->repo, NULL, session->lock, &options, &report);
}

bs_status act_repair_snapshots(place *self)
{
    return in_session(self, &self->env, BSI_SESSION_EXCLUSIVE, repair_snapshots_here);
}

static bs_status add_key_here(place *self, const bsi_repo_session *session)
{
    bsi_digest id;

    return bsi_repo_key_add(session->repo, NULL, bsi_key_phrase(self->new_key), &cheap.cost, &id);
}

bs_status act_add_key(place *self)
{
    return in_session(self, &self->env, BSI_SESSION_SHARED, add_key_here);
}

static bs_status change_key_here(place *self, const bsi_repo_session *session)
{
    return bsi_repo_key_change(session->repo, NULL, bsi_key_phrase(self->new_key), &cheap.cost);
}

bs_status act_change_key(place *self)
{
    return in_session(self, &self->env, BSI_SESSION_EXCLUSIVE, change_key_here);
}

static bs_status remove_other(void *user, const bsi_digest *id, const bsi_repo_key_info *info)
{
    const bsi_repo *repo = user;

    return !info || bsi_digest_equal(id, bsi_repo_current_key(repo))
               ? BS_OK
               : bsi_repo_key_remove(repo, NULL, id);
}

static bs_status remove_key_here(place *self, const bsi_repo_session *session)
{
    (void)self;
    return bsi_repo_key_list(session->repo, NULL, remove_other, session->repo);
}

bs_status act_remove_key(place *self)
{
    return in_session(self, &self->env, BSI_SESSION_EXCLUSIVE, remove_key_here);
}

static bs_status refuse_lock(void *user, const bsi_digest *id, const bsi_lock_info *info)
{
    (void)user;
    (void)id;
    (void)info;
    return bsi_fail(BS_LAYER_STORAGE, BS_E_BUSY, "a lock has stayed");
}

static bs_status unlock_here(place *self, const bsi_repo_session *session)
{
    size_t removed = 0;

    (void)self;
    BSI_TRY(bsi_repo_unlock(session->repo, NULL, false, &removed));
    return bsi_repo_lock_list(session->repo, NULL, refuse_lock, NULL);
}

bs_status act_unlock(place *self)
{
    return in_session(self, &self->env, BSI_SESSION_UNLOCKED, unlock_here);
}

static bs_status copy_all(const bsi_repo *from, bsi_copier *copier)
{
    bsi_repo_files files = {0};
    bs_status status = bsi_repo_list(from, NULL, BSI_REPO_SNAPSHOTS, &files);

    for (size_t i = 0; status >= 0 && i < files.count; i++) {
        bsi_digest id;
        bool is_new = false;
        status = bsi_copier_add(copier, &files.items[i].id, &id, &is_new);
    }
    bsi_repo_files_dispose(&files);
    return status;
}

static bs_status copy_here(place *self, const bsi_repo_session *session)
{
    const bsi_repo_session *from = self->from_session;
    const bsi_copy_options options = {.from_lock = from->lock,
                                      .to_lock = session->lock,
                                      .pack_target = PACK_TARGET,
                                      .pool = self->env.pool};
    bsi_copier *copier = NULL;
    bs_status status = bsi_copier_new(from->repo, session->repo, NULL, &options, &copier);

    if (status >= 0) {
        status = copy_all(from->repo, copier);
        bsi_copier_free(copier);
    }
    return status;
}

static bs_status copy_from(place *self, const bsi_repo_session *session)
{
    self->from_session = session;
    return in_session(self, &self->env, BSI_SESSION_SHARED, copy_here);
}

bs_status act_copy(place *self)
{
    return in_session(self, &self->from, BSI_SESSION_SHARED, copy_from);
}
