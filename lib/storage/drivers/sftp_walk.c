/* SPDX-License-Identifier: MIT */
/*
 * Goes through the directories of a server, however deep, one at a time. Names
 * that come from there are checked: none leads out of its directory.
 */
#include "storage/drivers/sftp_walk.h"

#include <string.h>

#include "base/alloc.h"

enum {
    PENDING_MAX = 512 * 1024 * 1024, /* Bytes of directory names that wait. */
    DIR_MAX = 256 * 1024 * 1024,     /* Bytes of one directory's listing. */
    NAME_MAX_SIZE = 255,
};

#define NS_PER_S INT64_C(1000000000)

typedef struct sftp_walk {
    bsi_sftp_pool *pool;
    const bs_call *call;
    const bsi_sftp_visit *visit;
    bsi_buf pending; /* Paths of directories, each with its NUL; the last one is next. */
    bsi_buf entries; /* Of the present directory, as they came. */
    char key[BS_STORAGE_KEY_MAX + NAME_MAX_SIZE + 2];
    size_t dir_size; /* Bytes of `key` that are the directory, with its slash. */
    uint64_t names;  /* Seen in the directory, without those that were removed. */
    bool emptied;    /* Some were removed. */
    bool begun;      /* The first directory was read. */
} sftp_walk;

static bool is_dots(bsi_slice name)
{
    return bsi_slice_is(name, ".") || bsi_slice_is(name, "..");
}

static bs_status check_name(const sftp_walk *walk, bsi_slice name)
{
    char shown[128];

    if (name.size > 0 && !memchr(name.data, '/', name.size) &&
        !memchr(name.data, '\0', name.size)) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s' lists '%s', which is no name of a file",
                    walk->pool->config->ssh.host,
                    bsi_printable(name.data, name.size, shown, sizeof(shown)));
}

/* A server that does not tell what a name is, or how large, is asked for this one. */
static bs_status complete(sftp_walk *walk, bsi_sftp_attrs *attrs)
{
    bsi_sftp_link *link = NULL;
    bsi_sftp_answer answer = {.body = NULL};
    char *path = NULL;
    bs_status status = BS_OK;

    if (attrs->has_type && (!attrs->is_file || attrs->has_size)) {
        return BS_OK;
    }
    path = bsi_sftp_path(walk->pool->config, bsi_slice_of(walk->key), "");
    if (!path) {
        return BS_E_NOMEM;
    }
    status = bsi_sftp_acquire(walk->pool, walk->call, BSI_SFTP_BRIEFLY, &link);
    if (status == BS_OK) {
        status = bsi_sftp_do(link, walk->call, BSI_SFTP_LSTAT, path, &answer);
        bsi_sftp_release(walk->pool, link);
    }
    bsi_free(path);
    *attrs = answer.attrs;
    return status;
}

static bs_status visit_file(sftp_walk *walk, const bsi_sftp_attrs *attrs)
{
    const bs_storage_object object = {
        .size = attrs->size,
        .mtime_ns = attrs->has_times ? attrs->mtime * NS_PER_S : BS_STORAGE_NO_TIME,
    };
    const bsi_sftp_visit *visit = walk->visit;
    const bs_status status =
        visit->visit(visit->user, walk->key, walk->key + walk->dir_size, &object);

    if (visit->removed && *visit->removed) {
        walk->names--;
        walk->emptied = true;
    }
    return status;
}

static bs_status walk_name(sftp_walk *walk, bsi_slice name, bsi_sftp_attrs *attrs)
{
    BSI_TRY(bsi_call_check(walk->call));
    BSI_TRY(check_name(walk, name));
    walk->names++;
    if (name.size > NAME_MAX_SIZE || walk->dir_size + name.size > BS_STORAGE_KEY_MAX) {
        return BS_OK; /* Longer than any key. */
    }
    memcpy(walk->key + walk->dir_size, name.data, name.size);
    walk->key[walk->dir_size + name.size] = '\0';
    BSI_TRY(complete(walk, attrs));
    if (attrs->is_dir) {
        return bsi_buf_append(&walk->pending, walk->key, walk->dir_size + name.size + 1);
    }
    return attrs->is_file ? visit_file(walk, attrs) : BS_OK;
}

/* Packets' bodies, one behind the other: a count, then name, what `ls -l` would say, attributes. */
static bs_status walk_entries(sftp_walk *walk)
{
    bsi_sftp_reader in = {walk->entries.data, walk->entries.size, false};
    bs_status status = BS_OK;

    while (status == BS_OK && in.size > 0) {
        uint32_t count = bsi_sftp_get_u32(&in);
        for (; status == BS_OK && count > 0 && !in.broken; count--) {
            bsi_sftp_attrs attrs;
            const bsi_slice name = bsi_sftp_get_string(&in);
            (void)bsi_sftp_get_string(&in);
            bsi_sftp_get_attrs(&in, &attrs);
            status = in.broken || is_dots(name) ? BS_OK : walk_name(walk, name, &attrs);
        }
        if (in.broken) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_IO,
                            "host '%s' has sent a list that cannot be read",
                            walk->pool->config->ssh.host);
        }
    }
    return status;
}

static bs_status read_entries(sftp_walk *walk, bsi_slice dir)
{
    bsi_sftp_link *link = NULL;
    char *path = bsi_sftp_path(walk->pool->config, dir, "");
    bs_status status = BS_OK;

    if (!path) {
        return BS_E_NOMEM;
    }
    bsi_buf_clear(&walk->entries);
    status = bsi_sftp_acquire(walk->pool, walk->call, BSI_SFTP_BRIEFLY, &link);
    if (status == BS_OK) {
        status = bsi_sftp_read_dir(link, walk->call, path, &walk->entries);
        bsi_sftp_release(walk->pool, link);
    }
    bsi_free(path);
    return status;
}

static void take_pending(sftp_walk *walk)
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

static bs_status prune(sftp_walk *walk, bsi_slice dir)
{
    bsi_sftp_link *link = NULL;
    bsi_slice left;
    bs_status status = BS_OK;

    if (!walk->emptied || walk->names > 0 || dir.size == 0) {
        return BS_OK;
    }
    BSI_TRY(bsi_sftp_acquire(walk->pool, walk->call, BSI_SFTP_BRIEFLY, &link));
    status = bsi_sftp_remove_empty(link, walk->call, dir, &left);
    bsi_sftp_release(walk->pool, link);
    return status;
}

/*
 * A directory; one that is gone, or never was one, is nothing to tell of. Which is to be known
 * exactly where the walk begins. Others were in a directory a moment ago; but not if all is gone.
 */
static bs_status judge_missing(sftp_walk *walk, bsi_slice dir)
{
    bsi_sftp_link *link = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_sftp_acquire(walk->pool, walk->call, BSI_SFTP_BRIEFLY, &link));
    status = bsi_sftp_judge_missing(link, walk->call, walk->begun ? (bsi_slice){"", 0} : dir);
    bsi_sftp_release(walk->pool, link);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status walk_dir(sftp_walk *walk)
{
    const bsi_slice dir = {walk->key, walk->dir_size - (walk->dir_size > 0)};
    bs_status status = read_entries(walk, dir);

    if (status < 0) {
        return status == BS_E_NOT_FOUND ? judge_missing(walk, dir) : status;
    }
    walk->begun = true;
    walk->names = 0;
    walk->emptied = false;
    status = walk_entries(walk);
    return status == BS_OK ? prune(walk, dir) : status;
}

static bs_status walk_all(sftp_walk *walk, const char *prefix)
{
    bs_status status = BS_OK;

    bsi_buf_init(&walk->pending, PENDING_MAX);
    bsi_buf_init(&walk->entries, DIR_MAX);
    status = bsi_buf_append(&walk->pending, prefix, strlen(prefix) + 1);
    while (status == BS_OK && walk->pending.size > 0) {
        take_pending(walk);
        status = walk_dir(walk);
    }
    bsi_buf_dispose(&walk->pending);
    bsi_buf_dispose(&walk->entries);
    return status;
}

bs_status bsi_sftp_walk(bsi_sftp_pool *pool, const bs_call *call, const char *prefix,
                        const bsi_sftp_visit *visit)
{
    sftp_walk *walk = bsi_calloc(1, sizeof(*walk));
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
