/* SPDX-License-Identifier: MIT */
/*
 * The user database, with what it said remembered: names that exist for the
 * life of the object, questions without an answer in small tables where the
 * next one may take their place, since those come from the files.
 */
#include "os/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/types.h>

#include "base/alloc.h"
#include "os/thread.h"

enum {
    BUCKETS = 256,
    MISSES = 64,
    BUFFER_FIRST = 1024,
    BUFFER_MAX = 1024 * 1024, /* A group with all its members must fit. */
};

/* One answer. Those by id and those by name are kept apart: names may share an id. */
typedef struct known {
    struct known *next; /* Of its bucket. */
    uint32_t id;
    char name[];
} known;

/* Users, or groups. */
typedef struct directory {
    bool groups;
    known *by_id[BUCKETS];
    known *by_name[BUCKETS];
    struct {
        bool used;
        uint32_t id;
    } no_name[MISSES];
    char *no_id[MISSES];
} directory;

struct bsi_users {
    bsi_mutex lock; /* Guards all of it. */
    directory users;
    directory groups;
    char *buffer;
    size_t buffer_size;
};

static size_t hash_name(const char *name)
{
    uint32_t hash = 2166136261U;

    for (const char *at = name; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * 16777619U;
    }
    return hash ^ hash >> 16;
}

/* One question to the system; the answer lies in the buffer. 0 or an errno. */
static int ask_once(bsi_users *users, bool groups, const char *name, uint32_t *id,
                    const char **name_out)
{
    struct passwd user;
    struct passwd *user_found = NULL;
    struct group group;
    struct group *group_found = NULL;
    int code = 0;

    *name_out = NULL;
    if (groups) {
        code = name ? getgrnam_r(name, &group, users->buffer, users->buffer_size, &group_found)
                    : getgrgid_r(*id, &group, users->buffer, users->buffer_size, &group_found);
    } else {
        code = name ? getpwnam_r(name, &user, users->buffer, users->buffer_size, &user_found)
                    : getpwuid_r(*id, &user, users->buffer, users->buffer_size, &user_found);
    }
    if (group_found) {
        *id = group.gr_gid;
        *name_out = group.gr_name;
    } else if (user_found) {
        *id = user.pw_uid;
        *name_out = user.pw_name;
    }
    return code;
}

static bs_status grow_buffer(bsi_users *users)
{
    char *grown = NULL;

    if (users->buffer_size >= BUFFER_MAX) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_LIMIT, "an entry of the user database is too large");
    }
    grown = bsi_realloc_array(users->buffer, users->buffer_size, 2);
    if (!grown) {
        return BS_E_NOMEM;
    }
    users->buffer = grown;
    users->buffer_size *= 2;
    return BS_OK;
}

/* These are how different databases say that there is no such entry. */
static bool means_none(int code)
{
    return code == 0 || code == ENOENT || code == ESRCH || code == EBADF || code == EPERM;
}

/* By name when that is given, else by id. BS_OK with `*name_out` NULL: no such entry. */
static bs_status ask(bsi_users *users, bool groups, const char *name, uint32_t *id,
                     const char **name_out)
{
    bs_status status = BS_OK;
    int code = EINTR;

    while (status == BS_OK && (code == EINTR || code == ERANGE)) {
        code = ask_once(users, groups, name, id, name_out);
        status = code == ERANGE ? grow_buffer(users) : BS_OK;
    }
    if (status == BS_OK && !*name_out && !means_none(code)) {
        status = bsi_fail_os(BS_LAYER_SYSTEM, code, "asking the user database");
    }
    return status;
}

static const known *remember(known **bucket, uint32_t id, const char *name)
{
    const size_t size = strlen(name) + 1;
    known *entry = bsi_alloc(sizeof(*entry) + size);

    if (entry) {
        entry->next = *bucket;
        entry->id = id;
        memcpy(entry->name, name, size);
        *bucket = entry;
    }
    return entry;
}

static const known *find_id(const directory *dir, uint32_t id)
{
    const known *entry = dir->by_id[id % BUCKETS];

    while (entry && entry->id != id) {
        entry = entry->next;
    }
    return entry;
}

static const known *find_name(const directory *dir, const char *name)
{
    const known *entry = dir->by_name[hash_name(name) % BUCKETS];

    while (entry && strcmp(entry->name, name) != 0) {
        entry = entry->next;
    }
    return entry;
}

static const char *name_of(bsi_users *users, directory *dir, uint32_t id)
{
    const known *entry = find_id(dir, id);
    const size_t miss = id % MISSES;
    const char *name = NULL;
    uint32_t asked = id;

    if (entry) {
        return entry->name;
    }
    if (dir->no_name[miss].used && dir->no_name[miss].id == id) {
        return "";
    }
    if (ask(users, dir->groups, NULL, &asked, &name) < 0) {
        return "";
    }
    if (!name) {
        dir->no_name[miss].used = true;
        dir->no_name[miss].id = id;
        return "";
    }
    entry = remember(&dir->by_id[id % BUCKETS], id, name);
    return entry ? entry->name : "";
}

static bs_status fail_unknown(const directory *dir, const char *name)
{
    char text[128];

    return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOT_FOUND, "no %s '%s'", dir->groups ? "group" : "user",
                    bsi_printable(name, strlen(name), text, sizeof(text)));
}

static bs_status id_of(bsi_users *users, directory *dir, const char *name, uint32_t *id_out)
{
    const size_t hash = hash_name(name);
    char **miss = &dir->no_id[hash % MISSES];
    const known *entry = find_name(dir, name);
    const char *found = NULL;
    uint32_t id = 0;

    if (entry) {
        *id_out = entry->id;
        return BS_OK;
    }
    if (*miss && strcmp(*miss, name) == 0) {
        return fail_unknown(dir, name);
    }
    BSI_TRY(ask(users, dir->groups, name, &id, &found));
    if (!found) {
        bsi_free(*miss);
        *miss = bsi_strdup(name);
        return fail_unknown(dir, name);
    }
    /* Under the name that was asked for, which is not always spelt as the answer. */
    if (!remember(&dir->by_name[hash % BUCKETS], id, name)) {
        return BS_E_NOMEM;
    }
    *id_out = id;
    return BS_OK;
}

bs_status bsi_users_new(bsi_users **out)
{
    bsi_users *users = bsi_calloc(1, sizeof(*users));

    if (!users) {
        return BS_E_NOMEM;
    }
    users->buffer = bsi_alloc(BUFFER_FIRST);
    if (!users->buffer) {
        bsi_free(users);
        return BS_E_NOMEM;
    }
    users->buffer_size = BUFFER_FIRST;
    users->groups.groups = true;
    bsi_mutex_init(&users->lock);
    *out = users;
    return BS_OK;
}

static void free_bucket(known *first)
{
    while (first) {
        known *next = first->next;
        bsi_free(first);
        first = next;
    }
}

static void dispose(directory *dir)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        free_bucket(dir->by_id[i]);
        free_bucket(dir->by_name[i]);
    }
    for (size_t i = 0; i < MISSES; i++) {
        bsi_free(dir->no_id[i]);
    }
}

void bsi_users_free(bsi_users *users)
{
    if (users) {
        dispose(&users->users);
        dispose(&users->groups);
        bsi_mutex_dispose(&users->lock);
        bsi_free(users->buffer);
        bsi_free(users);
    }
}

const char *bsi_user_name(bsi_users *users, uint32_t uid)
{
    const char *name = NULL;

    bsi_mutex_lock(&users->lock);
    name = name_of(users, &users->users, uid);
    bsi_mutex_unlock(&users->lock);
    return name;
}

const char *bsi_group_name(bsi_users *users, uint32_t gid)
{
    const char *name = NULL;

    bsi_mutex_lock(&users->lock);
    name = name_of(users, &users->groups, gid);
    bsi_mutex_unlock(&users->lock);
    return name;
}

bs_status bsi_user_id(bsi_users *users, const char *name, uint32_t *uid_out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&users->lock);
    status = id_of(users, &users->users, name, uid_out);
    bsi_mutex_unlock(&users->lock);
    return status;
}

bs_status bsi_group_id(bsi_users *users, const char *name, uint32_t *gid_out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&users->lock);
    status = id_of(users, &users->groups, name, gid_out);
    bsi_mutex_unlock(&users->lock);
    return status;
}
