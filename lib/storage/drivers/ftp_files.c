/* SPDX-License-Identifier: MIT */
/*
 * What is done to files by commands.
 *
 * Servers answer 550 to whatever keeps them from a file. What it is shows by the directories
 * on the way, which can be entered or not, and by whether a name can be given another one.
 */
#include "storage/drivers/ftp_files.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/ftp_name.h"
#include "os/dir_cache.h"

enum {
    PATH_MAX_SIZE = 6 * 1024, /* As the transport allows. */
    VERB_MAX = 32,
    BATCH = 16, /* Commands of one request. */
    LOOKS = 4,  /* At what seems to be neither missing nor a directory. */
};

#define NS_PER_S INT64_C(1000000000)

/* --- Paths --- */

static bs_status append_component(bsi_buf *path, bsi_slice name)
{
    if (path->size > 1) {
        BSI_TRY(bsi_buf_append_byte(path, '/'));
    }
    return bsi_ftp_name_encode(path, name);
}

static bs_status append_path(bsi_buf *path, const bsi_ftp_config *config, bsi_slice dir,
                             const char *name)
{
    BSI_TRY(bsi_buf_append_text(path, config->root));
    while (dir.size > 0) {
        const char *slash = memchr(dir.data, '/', dir.size);
        const size_t size = slash ? (size_t)(slash - dir.data) : dir.size;
        BSI_TRY(append_component(path, (bsi_slice){dir.data, size}));
        dir.data += size + (slash ? 1 : 0);
        dir.size -= size + (slash ? 1 : 0);
    }
    return name[0] ? append_component(path, bsi_slice_of(name)) : BS_OK;
}

char *bsi_ftp_path(const bsi_ftp_config *config, bsi_slice dir, const char *name)
{
    bsi_buf path;
    char *text = NULL;

    bsi_buf_init(&path, PATH_MAX_SIZE - VERB_MAX);
    if (append_path(&path, config, dir, name) == BS_OK) {
        text = bsi_buf_take_text(&path);
    }
    bsi_buf_dispose(&path);
    return text;
}

/* What went wrong with the path is in the record. */
static bs_status path_failure(void)
{
    const bs_status status = bs_error_last()->code;

    return status < 0 ? status : BS_E_NOMEM;
}

/* --- Commands --- */

static const char *host_of(const bsi_ftp_link *link)
{
    return link->config->target.host;
}

static bool is_done(const bsi_ftp_reply *reply)
{
    return reply->code >= 200 && reply->code <= 299;
}

/* "VERB path", for each of the verbs. */
static bs_status ask_about(bsi_ftp_link *link, const bs_call *call, const char *const *verbs,
                           const char *const *paths, size_t count, bsi_ftp_reply *replies)
{
    char *lines[BATCH] = {NULL};
    bs_status status = BS_OK;

    BSI_CHECK(count <= BATCH);
    for (size_t i = 0; i < count && status == BS_OK; i++) {
        const size_t size = strlen(verbs[i]) + strlen(paths[i]) + 2;
        lines[i] = bsi_alloc(size);
        if (!lines[i]) {
            status = BS_E_NOMEM;
            break;
        }
        (void)snprintf(lines[i], size, "%s%s%s", verbs[i], paths[i][0] ? " " : "", paths[i]);
    }
    if (status == BS_OK) {
        status = bsi_ftp_ask(link->ftp, call, (const char *const *)lines, count, replies);
    }
    for (size_t i = 0; i < count; i++) {
        bsi_free(lines[i]);
    }
    return status;
}

bs_status bsi_ftp_do(bsi_ftp_link *link, const bs_call *call, const char *command, const char *path,
                     const char *doing)
{
    bsi_ftp_reply reply;

    BSI_TRY(ask_about(link, call, &command, &path, 1, &reply));
    return is_done(&reply) ? BS_OK : bsi_ftp_refused(host_of(link), &reply, doing, path);
}

bs_status bsi_ftp_move(bsi_ftp_link *link, const bs_call *call, const char *from, const char *to)
{
    static const char *const verbs[] = {"RNFR", "RNTO"};
    const char *const paths[] = {from, to};
    bsi_ftp_reply replies[2];

    BSI_TRY(ask_about(link, call, verbs, paths, 2, replies));
    if (replies[0].code >= 400) {
        return bsi_ftp_refused(host_of(link), &replies[0], "renaming", from);
    }
    return is_done(&replies[1]) ? BS_OK
                                : bsi_ftp_refused(host_of(link), &replies[1], "renaming to", to);
}

bool bsi_ftp_format_time(int64_t ns, char out[BSI_FTP_TIME_SIZE])
{
    return bsi_ftp_time_format(ns / NS_PER_S - (ns % NS_PER_S < 0 ? 1 : 0), out);
}

/* --- Looking --- */

static bs_status no_object(void)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "there is none");
}

static bs_status unreadable(const bsi_ftp_link *link, const char *what)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s' has sent %s that cannot be read",
                    host_of(link), what);
}

/* The facts stand in the one line that begins with a blank. */
static bs_status read_facts(const bsi_ftp_link *link, const bsi_ftp_reply *reply,
                            bs_storage_object *out)
{
    bsi_slice lines = reply->lines;
    bsi_slice line;
    bsi_ftp_entry entry = {.is_file = false};
    bool found = false;

    while (!found && bsi_ftp_line_next(&lines, &line)) {
        found = line.size > 1 && line.data[0] == ' ' &&
                bsi_ftp_entry_of_facts((bsi_slice){line.data + 1, line.size - 1}, &entry);
    }
    if (!found || (entry.is_file && !entry.has_size)) {
        return unreadable(link, "facts of a file");
    }
    if (!entry.is_file) {
        return no_object();
    }
    *out =
        (bs_storage_object){entry.size, entry.has_time ? entry.sec * NS_PER_S : BS_STORAGE_NO_TIME};
    return BS_OK;
}

static bs_status stat_by_facts(bsi_ftp_link *link, const bs_call *call, const char *path,
                               bs_storage_object *out)
{
    static const char *const verb = "MLST";
    bsi_ftp_reply reply;

    BSI_TRY(ask_about(link, call, &verb, &path, 1, &reply));
    return is_done(&reply) ? read_facts(link, &reply, out)
                           : bsi_ftp_refused(host_of(link), &reply, "looking for", path);
}

/* Some servers tell the size only while data is binary. */
static bs_status stat_by_size(bsi_ftp_link *link, const bs_call *call, const char *path,
                              bs_storage_object *out)
{
    static const char *const verbs[] = {"TYPE I", "SIZE", "MDTM"};
    const char *const paths[] = {"", path, path};
    bsi_ftp_reply replies[3];
    int64_t sec = 0;

    BSI_TRY(ask_about(link, call, verbs, paths, 3, replies));
    if (!is_done(&replies[1])) {
        return bsi_ftp_refused(host_of(link), &replies[1], "looking for", path);
    }
    if (!bsi_ftp_number(replies[1].text, &out->size)) {
        return unreadable(link, "a size");
    }
    out->mtime_ns = is_done(&replies[2]) && bsi_ftp_time(replies[2].text, &sec)
                        ? sec * NS_PER_S
                        : BS_STORAGE_NO_TIME;
    return BS_OK;
}

bs_status bsi_ftp_measure(bsi_ftp_link *link, const bs_call *call, const char *path,
                          uint64_t *size_out)
{
    static const char *const verbs[] = {"TYPE I", "SIZE"};
    const char *const paths[] = {"", path};
    bsi_ftp_reply replies[2];
    bs_storage_object object = {.size = 0};

    if ((link->config->can & BSI_FTP_CAN_MLST) != 0) {
        BSI_TRY(stat_by_facts(link, call, path, &object));
        *size_out = object.size;
        return BS_OK;
    }
    BSI_TRY(ask_about(link, call, verbs, paths, 2, replies));
    if (!is_done(&replies[1])) {
        return bsi_ftp_refused(host_of(link), &replies[1], "measuring", path);
    }
    return bsi_ftp_number(replies[1].text, size_out) ? BS_OK : unreadable(link, "a size");
}

bs_status bsi_ftp_stat_file(bsi_ftp_link *link, const bs_call *call, const char *path,
                            bs_storage_object *out)
{
    return (link->config->can & BSI_FTP_CAN_MLST) != 0 ? stat_by_facts(link, call, path, out)
                                                       : stat_by_size(link, call, path, out);
}

/* What a directory and a name in it are. */
typedef struct presence {
    bool entered; /* The directory is there. */
    bool named;   /* The name is taken, ... */
    bool is_dir;  /* ... by a directory. */
    bs_status status;
} presence;

static bs_status look(bsi_ftp_link *link, const bs_call *call, const char *dir, const char *path,
                      presence *out)
{
    static const char *const verbs[] = {"CWD", "RNFR", "CWD"};
    const char *const paths[] = {dir, path, path};
    bsi_ftp_reply replies[3];

    BSI_TRY(ask_about(link, call, verbs, paths, 3, replies));
    out->entered = is_done(&replies[0]);
    out->named = replies[1].code < 400;
    out->is_dir = is_done(&replies[2]);
    for (size_t i = 0; i < 2; i++) {
        if (replies[i].code >= 400 && replies[i].code < 500) {
            return bsi_ftp_refused(host_of(link), &replies[i], "looking for", paths[i]);
        }
    }
    return BS_OK;
}

static bs_status gone(const bsi_ftp_link *link, const char *path, const char *what)
{
    char shown[256];

    (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s': '%s' %s", host_of(link),
                   bsi_printable(path, strlen(path), shown, sizeof(shown)), what);
    bsi_error_set_retry(BS_RETRY_NEVER, 0);
    return BS_E_IO;
}

/*
 * A directory that comes or goes between two questions looks like something that is none: so
 * that is believed only when it is seen several times.
 */
static bs_status look_twice(bsi_ftp_link *link, const bs_call *call, const char *dir,
                            const char *path, presence *out)
{
    for (int left = LOOKS; left > 0; left--) {
        BSI_TRY(look(link, call, dir, path, out));
        if (!out->entered || !out->named || out->is_dir) {
            break;
        }
    }
    return BS_OK;
}

static bs_status judge_paths(bsi_ftp_link *link, const bs_call *call, const char *dir,
                             const char *path, bool is_root)
{
    presence seen = {.entered = false};

    BSI_TRY(look_twice(link, call, dir, path, &seen));
    if (!seen.entered && is_root) {
        return gone(link, dir, "is gone, or cannot be entered: that is the storage's directory");
    }
    if (seen.entered && seen.named && !seen.is_dir) {
        return gone(link, path, "is where a directory was, or cannot be entered");
    }
    return seen.is_dir ? BS_OK : no_object();
}

/* Whether a part of a key's directory can be entered, when the one above could. */
static bs_status judge_part(bsi_ftp_link *link, const bs_call *call, bsi_slice above,
                            bsi_slice part)
{
    char *dir = bsi_ftp_path(link->config, above, "");
    char *path = bsi_ftp_path(link->config, part, "");
    const bs_status status =
        dir && path ? judge_paths(link, call, dir, path, above.size == 0) : path_failure();

    bsi_free(dir);
    bsi_free(path);
    return status;
}

/* BS_OK: all of the directory is there, now. */
static bs_status judge_dirs(bsi_ftp_link *link, const bs_call *call, bsi_slice dir)
{
    bsi_slice above = {dir.data, 0};
    size_t at = 0;

    while (at < dir.size) {
        const char *slash = memchr(dir.data + at, '/', dir.size - at);
        const size_t end = slash ? (size_t)(slash - dir.data) : dir.size;
        const bsi_slice part = {dir.data, end};
        BSI_TRY(judge_part(link, call, above, part));
        above = part;
        at = end + 1;
    }
    return BS_OK;
}

/*
 * The directory is there. BS_OK: so is the file, now. One that comes and goes seems to be there
 * and not to be read: so that, too, is believed only when it is seen several times.
 */
static bs_status judge_name(bsi_ftp_link *link, const bs_call *call, const char *dir,
                            const char *path, presence *seen)
{
    bs_storage_object object;
    char shown[256];

    for (int left = LOOKS; left > 0; left--) {
        if (!seen->entered || !seen->named || seen->is_dir) {
            return seen->entered ? no_object() : BS_OK;
        }
        const bs_status status = bsi_ftp_stat_file(link, call, path, &object);
        if (status != BS_E_NOT_FOUND) {
            return status;
        }
        BSI_TRY(look(link, call, dir, path, seen));
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS, "host '%s': '%s' is there and cannot be read",
                    host_of(link), bsi_printable(path, strlen(path), shown, sizeof(shown)));
}

static bs_status judge_file(bsi_ftp_link *link, const bs_call *call, bsi_slice dir,
                            const char *dir_path, const char *path)
{
    presence seen = {.entered = false};

    BSI_TRY(look(link, call, dir_path, path, &seen));
    return seen.entered ? judge_name(link, call, dir_path, path, &seen)
                        : bsi_ftp_judge_dir(link, call, dir);
}

bs_status bsi_ftp_judge_missing(bsi_ftp_link *link, const bs_call *call, bsi_slice dir,
                                const char *path)
{
    char *dir_path = bsi_ftp_path(link->config, dir, "");
    const bs_status status =
        dir_path ? judge_file(link, call, dir, dir_path, path) : path_failure();

    bsi_free(dir_path);
    return status;
}

static bs_status judge_root(bsi_ftp_link *link, const bs_call *call)
{
    const char *root = link->config->root;
    const bs_status status = bsi_ftp_do(link, call, "CWD", root, "entering");

    return status == BS_E_NOT_FOUND ? gone(link, root,
                                           "is gone, or cannot be entered: that is the storage's "
                                           "directory")
                                    : status;
}

bs_status bsi_ftp_judge_dir(bsi_ftp_link *link, const bs_call *call, bsi_slice dir)
{
    return dir.size > 0 ? judge_dirs(link, call, dir) : judge_root(link, call);
}

/* --- Directories --- */

/* Paths of one request. */
typedef struct batch {
    const char *verbs[BATCH];
    char *paths[BATCH];
    size_t count;
} batch;

/* What the server says to it is not looked at. */
static bs_status send_batch(bsi_ftp_link *link, const bs_call *call, batch *all, bs_status status)
{
    bsi_ftp_reply replies[BATCH];

    if (status == BS_OK && all->count > 0) {
        status =
            ask_about(link, call, all->verbs, (const char *const *)all->paths, all->count, replies);
    }
    for (size_t i = 0; i < all->count; i++) {
        bsi_free(all->paths[i]);
    }
    all->count = 0;
    return status;
}

static bs_status add_to_batch(bsi_ftp_link *link, const bs_call *call, batch *all, const char *verb,
                              char *path)
{
    bs_status status = BS_OK;

    if (!path) {
        return send_batch(link, call, all, path_failure());
    }
    all->verbs[all->count] = verb;
    all->paths[all->count] = path;
    all->count++;
    if (all->count == BATCH) {
        status = send_batch(link, call, all, BS_OK);
    }
    return status;
}

bs_status bsi_ftp_make_dirs(bsi_ftp_link *link, const bs_call *call, bsi_slice dir)
{
    batch all = {.count = 0};
    size_t at = 0;

    while (at < dir.size) {
        const char *slash = memchr(dir.data + at, '/', dir.size - at);
        const size_t end = slash ? (size_t)(slash - dir.data) : dir.size;
        BSI_TRY(add_to_batch(link, call, &all, "MKD",
                             bsi_ftp_path(link->config, (bsi_slice){dir.data, end}, "")));
        at = end + 1;
    }
    return send_batch(link, call, &all, BS_OK);
}

bs_status bsi_ftp_make_root(bsi_ftp_link *link, const bs_call *call)
{
    const char *root = link->config->root;
    batch all = {.count = 0};

    for (size_t size = 1; size < strlen(root); size++) {
        const bool ends = root[size + 1] == '/' || root[size + 1] == '\0';
        BSI_TRY(ends ? add_to_batch(link, call, &all, "MKD", bsi_strndup(root, size + 1)) : BS_OK);
    }
    return send_batch(link, call, &all, BS_OK);
}

/* Once one is not empty, neither are those above. */
bs_status bsi_ftp_remove_empty(bsi_ftp_link *link, const bs_call *call, bsi_slice dir)
{
    static const char *const verb = "RMD";
    bool removed = true;

    while (removed && dir.size > 0) {
        char *path = bsi_ftp_path(link->config, dir, "");
        bsi_ftp_reply reply = {.code = 0};
        bsi_slice name;
        const bs_status status =
            path ? ask_about(link, call, &verb, (const char *const *)&path, 1, &reply)
                 : path_failure();
        bsi_free(path);
        BSI_TRY(status);
        removed = is_done(&reply);
        bsi_path_split(dir, &dir, &name);
    }
    return BS_OK;
}
