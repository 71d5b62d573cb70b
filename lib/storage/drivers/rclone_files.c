/* SPDX-License-Identifier: MIT */
/*
 * What is asked of rclone about files.
 */
#include "storage/drivers/rclone_files.h"

#include <string.h>

#include "base/alloc.h"
#include "os/dir_cache.h"

enum {
    ANSWER_MAX = 256 * 1024,
    NAME_MAX_BYTES = 255,
    PATH_MAX_BYTES = 2 * BS_STORAGE_KEY_MAX,
};

bool bsi_rclone_stages(const bsi_rclone *rclone)
{
    return !rclone->can.buckets && (rclone->can.moves || rclone->can.copies);
}

/* --- Names --- */

char *bsi_rclone_beside(const char *key, const char *prefix)
{
    bsi_slice dir;
    bsi_slice name;
    bsi_buf path;
    char *text = NULL;

    bsi_path_split(bsi_slice_of(key), &dir, &name);
    bsi_buf_init(&path, PATH_MAX_BYTES);
    if (bsi_buf_append_format(&path, "%.*s%s%s%s", (int)dir.size, dir.data, dir.size > 0 ? "/" : "",
                              prefix, name.data) == BS_OK) {
        text = bsi_buf_take_text(&path);
    }
    bsi_buf_dispose(&path);
    return text;
}

bs_status bsi_rclone_next_path(const bsi_rclone *rclone, const char *key, char **out)
{
    const char *slash = strrchr(key, '/');
    const size_t size = strlen(slash ? slash + 1 : key);

    *out = NULL;
    if (!bsi_rclone_stages(rclone) || size + strlen(BSI_RCLONE_NEXT_PREFIX) > NAME_MAX_BYTES) {
        return BS_OK;
    }
    *out = bsi_rclone_beside(key, BSI_RCLONE_NEXT_PREFIX);
    return *out ? BS_OK : BS_E_NOMEM;
}

bsi_mutex *bsi_rclone_lock_place(bsi_rclone *rclone, const char *key)
{
    uint32_t sum = 0;
    bsi_mutex *place = NULL;

    for (; *key; key++) {
        sum = sum * 31 + (uint8_t)*key;
    }
    place = &rclone->places[sum % BSI_RCLONE_PLACES];
    bsi_mutex_lock(place);
    return place;
}

void bsi_rclone_unlock_place(bsi_mutex *place)
{
    bsi_mutex_unlock(place);
}

/* --- Calls --- */

static bs_status ask(bsi_rclone *rclone, const bs_call *call, const char *action,
                     const bsi_uri_pair *query, size_t count, bsi_http_answer *answer)
{
    const bsi_rclone_request request = {
        .action = action, .query = query, .query_count = count, .answer_max = ANSWER_MAX};

    return bsi_rclone_send(rclone, call, &request, answer);
}

bs_status bsi_rclone_do(bsi_rclone *rclone, const bs_call *call, const char *action,
                        const char *path)
{
    const bsi_uri_pair query[] = {{"fs", BSI_RCLONE_FS}, {"remote", path}};
    bsi_http_answer answer;

    BSI_TRY(ask(rclone, call, action, query, BSI_ARRAY_SIZE(query), &answer));
    bsi_http_answer_dispose(&answer);
    return BS_OK;
}

void bsi_rclone_remove_quietly(bsi_rclone *rclone, const bs_call *call, const char *path)
{
    bs_error before;
    bs_status status = BS_OK;

    bsi_error_save(&before);
    status = bsi_rclone_do(rclone, call, "operations/deletefile", path);
    (void)status; /* A sweep finds it later. */
    bsi_error_restore(&before);
}

bs_status bsi_rclone_stat(bsi_rclone *rclone, const bs_call *call, const char *path,
                          bsi_rclone_item *out)
{
    const bsi_uri_pair query[] = {{"fs", BSI_RCLONE_FS},
                                  {"remote", path},
                                  {"opt", "{\"filesOnly\":true,\"noMimeType\":true}"}};
    bsi_http_answer answer;
    bool found = false;
    bs_status status = BS_OK;

    BSI_TRY(ask(rclone, call, "operations/stat", query, BSI_ARRAY_SIZE(query), &answer));
    status = bsi_rclone_stat_parse(bsi_buf_slice(&answer.text), out, &found);
    bsi_http_answer_dispose(&answer);
    if (status == BS_OK && (!found || out->is_dir)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "rclone sees no such file");
    }
    return status;
}

static bs_status move_once(bsi_rclone *rclone, const bs_call *call, const char *from,
                           const char *to)
{
    const bsi_uri_pair query[] = {
        {"srcFs", BSI_RCLONE_FS}, {"srcRemote", from}, {"dstFs", BSI_RCLONE_FS}, {"dstRemote", to}};
    bsi_http_answer answer;

    BSI_TRY(ask(rclone, call, "operations/movefile", query, BSI_ARRAY_SIZE(query), &answer));
    bsi_http_answer_dispose(&answer);
    return BS_OK;
}

bs_status bsi_rclone_move(bsi_rclone *rclone, const bs_call *call, const char *from, const char *to)
{
    bs_status status = move_once(rclone, call, from, to);

    if (status == BS_E_IO && strstr(bs_error_last()->message, "is a directory")) {
        BSI_TRY(bsi_rclone_do(rclone, call, "operations/rmdirs", to));
        status = move_once(rclone, call, from, to);
    }
    return status;
}

/* --- Listings --- */

static bs_status take_bytes(void *user, const void *data, size_t size)
{
    return bsi_rclone_list_take(user, (bsi_slice){data, size});
}

static bs_status list(bsi_rclone *rclone, const bs_call *call, const char *dir, const char *opt,
                      bsi_rclone_visit visit, void *user)
{
    const bsi_uri_pair query[] = {{"fs", BSI_RCLONE_FS}, {"remote", dir}, {"opt", opt}};
    bsi_rclone_list items;
    const bsi_rclone_request request = {.action = "operations/list",
                                        .query = query,
                                        .query_count = BSI_ARRAY_SIZE(query),
                                        .sink = take_bytes,
                                        .sink_user = &items,
                                        .answer_max = UINT64_MAX};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    bsi_rclone_list_begin(&items, visit, user);
    status = bsi_rclone_send(rclone, call, &request, &answer);
    if (status == BS_OK) {
        bsi_http_answer_dispose(&answer);
    }
    return bsi_rclone_list_end(&items, status);
}

static bs_status pass_over(void *user, const bsi_rclone_item *item)
{
    (void)user;
    (void)item;
    return BS_OK;
}

bs_status bsi_rclone_check_root(bsi_rclone *rclone, const bs_call *call)
{
    return list(rclone, call, "", "{\"dirsOnly\":true,\"noModTime\":true,\"noMimeType\":true}",
                pass_over, NULL);
}

/* --- Objects --- */

/* Nothing was found; whether that means that nothing is there. */
static bs_status judge_missing(bsi_rclone *rclone, const bs_call *call)
{
    const bs_status status = bsi_rclone_check_root(rclone, call);

    if (status == BS_E_NOT_FOUND) {
        (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "the remote's directory or bucket is gone");
        bsi_error_set_retry(BS_RETRY_NEVER, 0);
        return BS_E_IO;
    }
    return status < 0 ? status : bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "no such object");
}

/* As bsi_rclone_find() of what has no object under its own name. */
static bs_status find_waiting(bsi_rclone *rclone, const bs_call *call, const char *key,
                              bsi_rclone_item *out, char **path_out)
{
    char *next = NULL;
    bs_status status = bsi_rclone_next_path(rclone, key, &next);

    if (status < 0 || !next) {
        return status < 0 ? status : judge_missing(rclone, call);
    }
    status = bsi_rclone_stat(rclone, call, next, out);
    if (status == BS_OK) {
        *path_out = next;
        return BS_OK;
    }
    bsi_free(next);
    if (status == BS_E_NOT_FOUND) { /* It may have got its name just now. */
        status = bsi_rclone_stat(rclone, call, key, out);
    }
    return status == BS_E_NOT_FOUND ? judge_missing(rclone, call) : status;
}

bs_status bsi_rclone_find(bsi_rclone *rclone, const bs_call *call, const char *key,
                          bsi_rclone_item *out, char **path_out)
{
    bs_status status = bsi_rclone_stat(rclone, call, key, out);

    *path_out = NULL;
    if (status == BS_E_NOT_FOUND) {
        status = find_waiting(rclone, call, key, out, path_out);
    }
    if (status < 0 || *path_out) {
        return status;
    }
    *path_out = bsi_strdup(key);
    return *path_out ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_rclone_walk(bsi_rclone *rclone, const bs_call *call, const char *dir,
                          bsi_rclone_visit visit, void *user)
{
    bs_status status =
        list(rclone, call, dir, "{\"recurse\":true,\"filesOnly\":true,\"noMimeType\":true}", visit,
             user);

    if (status != BS_E_NOT_FOUND) {
        return status;
    }
    status = judge_missing(rclone, call);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

bs_status bsi_rclone_ask_features(bsi_rclone *rclone, const bs_call *call)
{
    const bsi_uri_pair query[] = {{"fs", BSI_RCLONE_FS}};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    BSI_TRY(ask(rclone, call, "operations/fsinfo", query, BSI_ARRAY_SIZE(query), &answer));
    status = bsi_rclone_features_parse(bsi_buf_slice(&answer.text), &rclone->can);
    bsi_http_answer_dispose(&answer);
    return status;
}
