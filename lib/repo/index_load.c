/* SPDX-License-Identifier: MIT */
/*
 * From the index files on a storage to the index in memory.
 */
#include "repo/index_load.h"

#include "repo/index_read.h"

/* Whether a file's failure is of the file, so that the others may be good. */
static bool is_damage(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_LIMIT || status == BS_E_UNSUPPORTED;
}

static void report(const bsi_repo *repo, const bsi_warn *damaged, const bsi_digest *id)
{
    char key[BSI_REPO_KEY_SIZE];

    bsi_repo_object_key(repo, BSI_REPO_INDEX, id, key);
    bsi_warn_last(damaged, bsi_slice_of(key));
}

/* A round: all files that were listed. */
typedef struct load_round {
    const bsi_repo *repo;
    const bsi_warn *damaged;
    bool gone; /* A file was not there any more. */
} load_round;

static bs_status take_file(void *user, const bsi_digest *id, bs_status status)
{
    load_round *self = user;

    if (status == BS_E_NOT_FOUND) {
        self->gone = true;
        return BS_OK;
    }
    if (self->damaged && is_damage(status)) {
        report(self->repo, self->damaged, id);
        return BS_OK;
    }
    return status;
}

/* BS_END: all went well, but that a file was not there any more. */
static bs_status load_all(const bsi_repo *repo, const bs_call *call,
                          const bsi_index_load_options *options, const bsi_repo_files *files,
                          bsi_repo_index *index)
{
    load_round self = {.repo = repo, .damaged = options->damaged};
    const bsi_index_source source = {repo, options->pool, take_file, &self};
    const bs_status status = bsi_index_read(&source, call, files, index);

    if (status < 0) {
        return status;
    }
    return self.gone ? BS_END : BS_OK;
}

bs_status bsi_repo_index_load(const bsi_repo *repo, const bs_call *call,
                              const bsi_index_load_options *options, bsi_repo_index *index)
{
    static const bsi_index_load_options usual;
    bs_status status = BS_END;

    for (int i = 0; status == BS_END && i < BSI_INDEX_LOAD_ROUNDS; i++) {
        bsi_repo_files files = {0};
        BSI_TRY(bsi_repo_list(repo, call, BSI_REPO_INDEX, &files));
        status = load_all(repo, call, options ? options : &usual, &files, index);
        bsi_repo_files_dispose(&files);
    }
    if (status == BS_END) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_BUSY,
                        "index files go while they are read, again and again: somebody prunes");
    }
    return status;
}
