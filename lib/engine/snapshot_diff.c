/* SPDX-License-Identifier: MIT */
/*
 * Two snapshots side by side.
 */
#include "engine/snapshots.h"
#include "repo/diff.h"
#include "repo/snapshot_load.h"

typedef struct comparing {
    const bsi_open_repository *repository;
    bs_difference_cb difference;
    void *user;
    bsi_shown_node before;
    bsi_shown_node after;
} comparing;

_Static_assert((int)BSI_DIFF_ADDED + 1 == (int)BS_DIFFERENCE_ADDED &&
                   (int)BSI_DIFF_TYPE + 1 == (int)BS_DIFFERENCE_TYPE,
               "kinds of the API follow those of the repository");

/* NULL stays NULL. */
static bs_status show(const bsi_node *node, bsi_slice path, bsi_shown_node *memory,
                      const bs_entry **out)
{
    *out = NULL;
    if (node) {
        BSI_TRY(bsi_snapshot_show_node(node, path, memory));
        *out = &memory->entry;
    }
    return BS_OK;
}

static bs_status give(void *user, const bsi_diff_item *item)
{
    comparing *self = user;
    bs_difference difference = {.kind = (bs_difference_kind)(item->kind + 1)};

    BSI_TRY(bsi_repo_session_keep(&self->repository->session));
    BSI_TRY(show(item->before, item->path, &self->before, &difference.before));
    BSI_TRY(show(item->after, item->path, &self->after, &difference.after));
    return self->difference(self->user, &difference) == 0 ? BS_OK : bsi_info_stopped();
}

static bs_status load_tree(bs_service *service, const bsi_open_repository *repository,
                           const char *storage, const char *reference, bsi_digest *out)
{
    bsi_digest id;

    BSI_TRY(bsi_snapshot_resolve(service, repository, storage, reference, &id));
    return bsi_snapshot_load_tree(repository->session.repo, NULL, &id, out);
}

bs_status bsi_snapshot_diff(bs_service *service, const char *storage, const char *before,
                            const char *after, bs_difference_cb difference, void *user)
{
    bsi_open_repository repository;
    comparing self = {.repository = &repository, .difference = difference, .user = user};
    bsi_digest trees[2];
    bs_status status = bsi_repository_open_whole(service, storage, &repository);

    if (status < 0) {
        return status;
    }
    status = load_tree(service, &repository, storage, before, &trees[0]);
    if (status >= 0) {
        status = load_tree(service, &repository, storage, after, &trees[1]);
    }
    if (status >= 0) {
        status = bsi_repo_diff(repository.session.repo, NULL, repository.session.index, &trees[0],
                               &trees[1], give, &self);
    }
    bsi_shown_node_dispose(&self.before);
    bsi_shown_node_dispose(&self.after);
    bsi_repository_close(&repository);
    return status;
}
