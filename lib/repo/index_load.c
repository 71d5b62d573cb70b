/* SPDX-License-Identifier: MIT */
/*
 * From the index files on a storage to the index in memory, one file at a time.
 */
#include "repo/index_load.h"

#include "repo/index_file.h"

static bs_status load_file(const bsi_repo *repo, const bs_call *call, const bsi_digest *id,
                           bsi_buf *text, bsi_repo_index *index)
{
    bsi_buf_clear(text);
    BSI_TRY(bsi_repo_load(repo, call, BSI_REPO_INDEX, id, text));
    return bsi_repo_index_add_file(index, id, bsi_buf_slice(text),
                                   bsi_repo_config_of(repo)->version);
}

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

/* BS_END: all went well, but that a file was not there any more. */
static bs_status load_all(const bsi_repo *repo, const bs_call *call, const bsi_warn *damaged,
                          const bsi_repo_files *files, bsi_repo_index *index)
{
    bs_status result = BS_OK;
    bs_status status = BS_OK;
    bsi_buf text;

    bsi_buf_init(&text, BSI_INDEX_FILE_MAX);
    for (size_t i = 0; status == BS_OK && i < files->count; i++) {
        status = load_file(repo, call, &files->items[i].id, &text, index);
        if (status == BS_E_NOT_FOUND) {
            result = BS_END;
            status = BS_OK;
        } else if (damaged && is_damage(status)) {
            report(repo, damaged, &files->items[i].id);
            status = BS_OK;
        }
    }
    bsi_buf_dispose(&text);
    return status < 0 ? status : result;
}

bs_status bsi_repo_index_load(const bsi_repo *repo, const bs_call *call, const bsi_warn *damaged,
                              bsi_repo_index *index)
{
    bs_status status = BS_END;

    for (int i = 0; status == BS_END && i < BSI_INDEX_LOAD_ROUNDS; i++) {
        bsi_repo_files files = {0};
        BSI_TRY(bsi_repo_list(repo, call, BSI_REPO_INDEX, &files));
        status = load_all(repo, call, damaged, &files, index);
        bsi_repo_files_dispose(&files);
    }
    if (status == BS_END) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_BUSY,
                        "index files go while they are read, again and again: somebody prunes");
    }
    return status;
}
