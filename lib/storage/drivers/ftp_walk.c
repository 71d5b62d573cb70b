/* SPDX-License-Identifier: MIT */
/*
 * Goes through the directories of a server, however deep, one at a time. Names
 * that come from there are checked: none leads out of its directory.
 */
#include "storage/drivers/ftp_walk.h"

#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "net/ftp_name.h"

enum {
    PENDING_MAX = 512 * 1024 * 1024, /* Bytes of directory names that wait. */
    DIR_MAX = 256 * 1024 * 1024,     /* Bytes of one directory's listing. */
    NAME_MAX_SIZE = 255,
    LINE_MAX_SIZE = 64 * 1024,
    REFUSALS_MAX = 4, /* How often a directory may be refused that can be entered. */
};

#define NS_PER_S INT64_C(1000000000)

typedef struct ftp_walk {
    bsi_ftp_pool *pool;
    const bs_call *call;
    const bsi_ftp_visit *visit;
    bsi_buf pending; /* Paths of directories, each with its NUL; the last one is next. */
    bsi_buf entries; /* Of the present directory, as they came. */
    bsi_buf name;    /* Decoded. */
    char key[BS_STORAGE_KEY_MAX + NAME_MAX_SIZE + 2];
    size_t dir_size; /* Bytes of `key` that are the directory, with its slash. */
    bool begun;      /* The first directory was read. */
} ftp_walk;

static const char *host_of(const ftp_walk *walk)
{
    return walk->pool->config->target.host;
}

static bool has_facts(const ftp_walk *walk)
{
    return (walk->pool->config->can & BSI_FTP_CAN_MLST) != 0;
}

static bs_status unreadable(const ftp_walk *walk, bsi_slice line)
{
    char shown[128];

    (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s': a line of a list cannot be read: '%s'",
                   host_of(walk), bsi_printable(line.data, line.size, shown, sizeof(shown)));
    bsi_error_set_retry(BS_RETRY_NEVER, 0);
    return BS_E_IO;
}

/* A server that has not told how large a file is, is asked for this one. */
static bs_status complete(ftp_walk *walk, const bsi_ftp_entry *entry, bs_storage_object *out)
{
    bsi_ftp_link *link = NULL;
    char *path = NULL;
    bs_status status = BS_OK;

    *out = (bs_storage_object){entry->size,
                               entry->has_time ? entry->sec * NS_PER_S : BS_STORAGE_NO_TIME};
    if (entry->has_size) {
        return BS_OK;
    }
    path = bsi_ftp_path(walk->pool->config, bsi_slice_of(walk->key), "");
    if (!path) {
        return bs_error_last()->code;
    }
    status = bsi_ftp_take(walk->pool, walk->call, BSI_FTP_BRIEFLY, &link);
    if (status == BS_OK) {
        status = bsi_ftp_stat_file(link, walk->call, path, out);
        bsi_ftp_give(walk->pool, BSI_FTP_BRIEFLY, link);
    }
    bsi_free(path);
    return status;
}

static bs_status visit_entry(ftp_walk *walk, const bsi_ftp_entry *entry)
{
    bs_storage_object object;
    bs_status status = BS_OK;

    if (entry->is_dir) {
        return bsi_buf_append(&walk->pending, walk->key, strlen(walk->key) + 1);
    }
    if (!entry->is_file) {
        return BS_OK;
    }
    status = complete(walk, entry, &object);
    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    return walk->visit->visit(walk->visit->user, walk->key, walk->key + walk->dir_size, &object);
}

/* Names that are no names are not passed over: there may be an object behind. */
static bs_status walk_entry(ftp_walk *walk, const bsi_ftp_entry *entry, bsi_slice line)
{
    bool known = false;

    BSI_TRY(bsi_call_check(walk->call));
    if (bsi_slice_is(entry->name, ".") || bsi_slice_is(entry->name, "..") ||
        (!entry->is_dir && !entry->is_file)) {
        return BS_OK;
    }
    if (memchr(entry->name.data, '/', entry->name.size) ||
        memchr(entry->name.data, '\0', entry->name.size)) {
        return unreadable(walk, line);
    }
    bsi_buf_clear(&walk->name);
    BSI_TRY(bsi_ftp_name_decode(&walk->name, entry->name, &known));
    if (!known || walk->name.size > NAME_MAX_SIZE ||
        walk->dir_size + walk->name.size > BS_STORAGE_KEY_MAX) {
        return BS_OK; /* Of no key. */
    }
    memcpy(walk->key + walk->dir_size, walk->name.data, walk->name.size);
    walk->key[walk->dir_size + walk->name.size] = '\0';
    return visit_entry(walk, entry);
}

/* "total 5", in front of a list. */
static bool is_total(bsi_slice line)
{
    return bsi_slice_is(bsi_ftp_word_next(&line), "total");
}

static bs_status walk_entries(ftp_walk *walk)
{
    bsi_slice in = bsi_buf_slice(&walk->entries);
    bsi_slice line;
    bs_status status = BS_OK;

    while (status == BS_OK && bsi_ftp_line_next(&in, &line)) {
        bsi_ftp_entry entry;
        const bool told =
            line.size <= LINE_MAX_SIZE && (has_facts(walk) ? bsi_ftp_entry_of_facts(line, &entry)
                                                           : bsi_ftp_entry_of_list(line, &entry));
        if (told) {
            status = walk_entry(walk, &entry, line);
        } else if (line.size > 0 && !is_total(line)) {
            status = unreadable(walk, line);
        }
    }
    return status;
}

static bool mentions_failure(bsi_slice text)
{
    static const char word[] = "fail";

    for (size_t i = 0; i + sizeof(word) - 1 <= text.size; i++) {
        if (bsi_equal_but_for_case(text.data + i, word, sizeof(word) - 1)) {
            return true;
        }
    }
    return false;
}

/* vsftpd says "done" also when it could not open the directory, and adds that. */
static bs_status check_list(const ftp_walk *walk, const bsi_ftp_link *link, const char *path)
{
    bsi_ftp_reply reply;

    if (walk->entries.size > 0 || has_facts(walk) || !bsi_ftp_last_reply(link->ftp, &reply) ||
        !mentions_failure(reply.text)) {
        return BS_OK;
    }
    (void)bsi_ftp_refused(host_of(walk), &reply, "listing", path);
    bsi_error_set_retry(BS_RETRY_NEVER, 0);
    return BS_E_IO;
}

/* Hidden files are listed only where that is asked for. */
static bs_status list_dir(ftp_walk *walk, bsi_ftp_link *link, const char *path)
{
    const char *command = walk->pool->config->is_unix ? "LIST -a" : "LIST";

    bsi_buf_clear(&walk->entries);
    BSI_TRY(bsi_ftp_list(link->ftp, walk->call, has_facts(walk) ? "MLSD" : command, path,
                         &walk->entries));
    return check_list(walk, link, path);
}

/*
 * Why a directory was refused. BS_E_NOT_FOUND: it is gone, or never was one, and is nothing to tell
 * of. Which is to be known exactly where the walk begins. Others were in a directory a moment ago;
 * but not if all is gone. BS_OK: it can be entered.
 */
static bs_status judge(ftp_walk *walk, bsi_ftp_link *link, bsi_slice dir)
{
    const bs_status status = bsi_ftp_judge_dir(link, walk->call, dir);

    if (status != BS_E_IO || !walk->begun || dir.size == 0) {
        return status;
    }
    BSI_TRY(bsi_ftp_judge_dir(link, walk->call, (bsi_slice){"", 0}));
    return BS_E_NOT_FOUND;
}

/* The server lets us in and tells nothing: there may be objects. */
static bs_status not_told(void)
{
    char words[BS_ERROR_MESSAGE_SIZE];

    memcpy(words, bs_error_last()->message, sizeof(words));
    words[sizeof(words) - 1] = '\0';
    return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS, "%s", words);
}

/* What vanishes and comes back meanwhile is listed once more. */
static bs_status list_or_judge(ftp_walk *walk, bsi_ftp_link *link, bsi_slice dir, const char *path)
{
    bs_status status = BS_OK;

    for (int left = REFUSALS_MAX; left > 0; left--) {
        bs_error refusal;
        status = list_dir(walk, link, path);
        if (status != BS_E_NOT_FOUND) {
            return status;
        }
        bsi_buf_clear(&walk->entries);
        bsi_error_save(&refusal);
        status = judge(walk, link, dir);
        if (status < 0) {
            return status == BS_E_NOT_FOUND ? BS_OK : status;
        }
        bsi_error_restore(&refusal);
    }
    return not_told();
}

static bs_status read_entries(ftp_walk *walk, bsi_slice dir)
{
    bsi_ftp_link *link = NULL;
    char *path = bsi_ftp_path(walk->pool->config, dir, "");
    bs_status status = path ? BS_OK : bs_error_last()->code;

    if (status == BS_OK) {
        status = bsi_ftp_take(walk->pool, walk->call, BSI_FTP_BRIEFLY, &link);
    }
    if (status == BS_OK) {
        status = list_or_judge(walk, link, dir, path);
        bsi_ftp_give(walk->pool, BSI_FTP_BRIEFLY, link);
    }
    bsi_free(path);
    return status;
}

static void take_pending(ftp_walk *walk)
{
    const char *data = (const char *)walk->pending.data;
    size_t begin = walk->pending.size - 1;

    while (begin > 0 && data[begin - 1] != '\0') {
        begin--;
    }
    walk->dir_size = walk->pending.size - 1 - begin;
    memcpy(walk->key, data + begin, walk->dir_size);
    if (walk->dir_size > 0) {
        walk->key[walk->dir_size] = '/';
        walk->dir_size++;
    }
    walk->pending.size = begin;
}

static bs_status walk_dir(ftp_walk *walk)
{
    const bsi_slice dir = {walk->key, walk->dir_size - (walk->dir_size > 0)};

    BSI_TRY(read_entries(walk, dir));
    walk->begun = true;
    return walk_entries(walk);
}

static bs_status walk_all(ftp_walk *walk, const char *prefix)
{
    bs_status status = BS_OK;

    bsi_buf_init(&walk->pending, PENDING_MAX);
    bsi_buf_init(&walk->entries, DIR_MAX);
    bsi_buf_init(&walk->name, LINE_MAX_SIZE);
    status = bsi_buf_append(&walk->pending, prefix, strlen(prefix) + 1);
    while (status == BS_OK && walk->pending.size > 0) {
        take_pending(walk);
        status = walk_dir(walk);
    }
    bsi_buf_dispose(&walk->pending);
    bsi_buf_dispose(&walk->entries);
    bsi_buf_dispose(&walk->name);
    return status;
}

bs_status bsi_ftp_walk(bsi_ftp_pool *pool, const bs_call *call, const char *prefix,
                       const bsi_ftp_visit *visit)
{
    ftp_walk *walk = bsi_calloc(1, sizeof(*walk));
    bs_status status = BS_OK;

    if (!walk) {
        return BS_E_NOMEM;
    }
    walk->pool = pool;
    walk->call = call;
    walk->visit = visit;
    status = walk_all(walk, prefix);
    bsi_free(walk);
    return status;
}
