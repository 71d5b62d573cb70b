/* SPDX-License-Identifier: MIT */
/*
 * Paths through the snapshots of a repository, one snapshot after another.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/complaints.h"
#include "engine/service.h"
#include "engine/snapshots.h"
#include "repo/find.h"

typedef struct finding {
    bs_service *service;
    const bs_find_options *options;
    bs_find_cb match;
    void *user;
    bsi_open_repository repository;
    bs_snapshot_page *page;
    bool *wanted; /* Of the page's snapshots; NULL: all. */
    bsi_pattern_list *patterns;
    bsi_finder *finder;
    bsi_shown_node shown;
    const bs_snapshot_info *snapshot; /* The present one. */
} finding;

/* --- What to look for --- */

static size_t count_of(const char *const *texts)
{
    size_t count = 0;

    while (texts && texts[count]) {
        count++;
    }
    return count;
}

static bs_status compile(finding *self)
{
    const size_t count = count_of(self->options->patterns);
    bsi_complaints complaints = {0};
    size_t bad = 0;
    bs_status status = BS_OK;

    if (count == 0) {
        bsi_complain_invalid(&complaints, "patterns: takes at least one");
        return bsi_complaints_status(&complaints);
    }
    status = bsi_pattern_list_new(self->options->patterns, count, &self->patterns, &bad);
    if (status == BS_OK || status == BS_E_NOMEM) {
        return status;
    }
    bsi_complain_invalid(&complaints, "patterns[%zu]: %s", bad, bs_error_last()->message);
    return bsi_complaints_status(&complaints);
}

static bs_status want(finding *self, const char *reference)
{
    char hex[BS_DIGEST_TEXT_SIZE];
    bsi_digest id;

    BSI_TRY(bsi_snapshot_resolve(self->service, &self->repository, self->options->storage,
                                 reference, &id));
    bsi_digest_format(&id, hex);
    for (size_t i = 0; i < self->page->count; i++) {
        if (strcmp(self->page->items[i].id, hex) == 0) {
            self->wanted[i] = true;
            return BS_OK;
        }
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "snapshot %.8s cannot be read", hex);
}

static bs_status choose(finding *self)
{
    const char *const *one = self->options->snapshots;

    if (!one) {
        return BS_OK;
    }
    self->wanted = bsi_calloc(self->page->count + 1, sizeof(*self->wanted));
    if (!self->wanted) {
        return BS_E_NOMEM;
    }
    for (; *one; one++) {
        BSI_TRY(want(self, *one));
    }
    return BS_OK;
}

/* --- The search --- */

static bs_status give(void *user, const bsi_find_match *found)
{
    finding *self = user;
    bs_find_match match = {self->snapshot, &self->shown.entry};

    BSI_TRY(bsi_snapshot_show_node(found->node, found->path, &self->shown));
    return self->match(self->user, &match) == 0 ? BS_OK : bsi_info_stopped();
}

/* Whether a failure is of one snapshot, so that others may be good. */
static bool is_damage(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_MISSING || status == BS_E_LIMIT;
}

static bs_status search_one(finding *self)
{
    bsi_digest id;
    bs_status status = BS_OK;

    BSI_TRY(bsi_repo_session_keep(&self->repository.session));
    BSI_TRY(bsi_digest_parse(self->snapshot->id, strlen(self->snapshot->id), &id));
    status = bsi_finder_run(self->finder, NULL, &id, give, self);
    if (is_damage(status)) {
        bsi_warn_last(self->repository.env.warn, bsi_slice_of(self->snapshot->id));
        return BS_PARTIAL;
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status; /* It went meanwhile. */
}

static bs_status search_all(finding *self)
{
    bs_status result = BS_OK;

    for (size_t i = 0; i < self->page->count; i++) {
        bs_status status = BS_OK;
        if (self->wanted && !self->wanted[i]) {
            continue;
        }
        self->snapshot = &self->page->items[i];
        status = search_one(self);
        if (status < 0) {
            return status;
        }
        result = status == BS_PARTIAL ? status : result;
    }
    return !self->wanted && self->page->unreadable > 0 ? BS_PARTIAL : result;
}

static bs_status search(finding *self)
{
    const bsi_repo_session *session = &self->repository.session;

    BSI_TRY(bsi_snapshot_load_all(self->service, &self->repository, self->options->storage,
                                  &self->page));
    BSI_TRY(choose(self));
    BSI_TRY(bsi_finder_new(session->repo, session->index, self->patterns, &self->finder));
    return search_all(self);
}

bs_status bsi_snapshot_find(bs_service *service, const bs_find_options *options, bs_find_cb match,
                            void *user)
{
    finding self = {.service = service, .options = options, .match = match, .user = user};
    bs_status status = compile(&self);

    if (status >= 0) {
        status = bsi_repository_open_whole(service, options->storage, &self.repository);
    }
    if (status >= 0) {
        status = search(&self);
        bsi_finder_free(self.finder);
        bsi_shown_node_dispose(&self.shown);
        bsi_repository_close(&self.repository);
    }
    bsi_snapshot_page_free(self.page);
    bsi_free(self.wanted);
    bsi_pattern_list_free(self.patterns);
    return status;
}
