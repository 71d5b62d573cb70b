/* SPDX-License-Identifier: MIT */
/*
 * Keeps the chain of directories that leads to the last path asked for. In a
 * chain longer than MAX_OPEN most levels have no descriptor; those that have one
 * lie the denser the deeper they are, so that climbing back up a deep tree
 * costs a few opens for each level instead of one for all the levels above.
 */
#include "os/dir_cache.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "os/entry.h"

enum {
    MAX_OPEN = 64,
    PRINTABLE_SIZE = 512,
    NAME_BUFFER = 256, /* bsi_path_is_safe() allows 255 bytes in a component. */
};

typedef struct level {
    size_t end; /* The level's path is the first `end` bytes of the cache's. */
    int fd;     /* -1: not open at present. */
} level;

struct bsi_dir_cache {
    int root;
    bsi_buf path; /* Of the deepest level; empty when there is none. */
    level *levels;
    size_t level_count;
    size_t level_capacity;
    size_t open_count;
};

bs_status bsi_dir_cache_new(int root, bsi_dir_cache **out)
{
    bsi_dir_cache *cache = bsi_calloc(1, sizeof(*cache));

    if (!cache) {
        return BS_E_NOMEM;
    }
    cache->root = root;
    bsi_buf_init(&cache->path, BSI_PATH_MAX);
    *out = cache;
    return BS_OK;
}

static void close_level(bsi_dir_cache *cache, size_t index)
{
    if (cache->levels[index].fd >= 0) {
        bsi_close_quietly(cache->levels[index].fd);
        cache->levels[index].fd = -1;
        cache->open_count--;
    }
}

static void cut(bsi_dir_cache *cache, size_t level_count)
{
    while (cache->level_count > level_count) {
        close_level(cache, --cache->level_count);
    }
    cache->path.size = level_count > 0 ? cache->levels[level_count - 1].end : 0;
}

void bsi_dir_cache_free(bsi_dir_cache *cache)
{
    if (cache) {
        cut(cache, 0);
        bsi_buf_dispose(&cache->path);
        bsi_free(cache->levels);
        bsi_free(cache);
    }
}

/* Close every second one that is open, but never the deepest. */
static void thin_out(bsi_dir_cache *cache)
{
    bool keep = true;

    for (size_t i = cache->level_count; i-- > 0;) {
        const bool is_open = cache->levels[i].fd >= 0;
        if (is_open && !keep) {
            close_level(cache, i);
        }
        keep = is_open ? !keep : keep;
    }
}

/* Length of what two byte strings begin with alike. */
static size_t common_bytes(const char *a, const char *b, size_t size)
{
    enum { STEP = 64 };
    size_t same = 0;

    while (size - same >= STEP && memcmp(a + same, b + same, STEP) == 0) {
        same += STEP;
    }
    while (same < size && a[same] == b[same]) {
        same++;
    }
    return same;
}

/* How many levels, from the root on, the chain has in common with `path`. */
static size_t common_levels(const bsi_dir_cache *cache, bsi_slice path)
{
    const size_t same = common_bytes((const char *)cache->path.data, path.data,
                                     bsi_min_size(path.size, cache->path.size));
    size_t low = 0;
    size_t high = cache->level_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (cache->levels[middle].end <= same) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    /* "ab" begins with the bytes of "a" without lying below it. */
    if (low > 0 && cache->levels[low - 1].end < path.size &&
        path.data[cache->levels[low - 1].end] != '/') {
        low--;
    }
    return low;
}

static bs_status append_level(bsi_dir_cache *cache, size_t end)
{
    if (cache->level_count == cache->level_capacity) {
        const size_t capacity = cache->level_capacity > 0 ? 2 * cache->level_capacity : 16;
        level *grown = bsi_realloc_array(cache->levels, capacity, sizeof(*grown));
        if (!grown) {
            return BS_E_NOMEM;
        }
        cache->levels = grown;
        cache->level_capacity = capacity;
    }
    cache->levels[cache->level_count++] = (level){.end = end, .fd = -1};
    return BS_OK;
}

/* Put all components of `path` behind the chain, which leads to its first bytes. */
static bs_status append_levels(bsi_dir_cache *cache, bsi_slice path)
{
    size_t at = cache->path.size;
    bs_status status = bsi_buf_append(&cache->path, path.data + at, path.size - at);

    while (status == BS_OK && at < path.size) {
        const size_t begin = at > 0 ? at + 1 : 0;
        const char *slash = memchr(path.data + begin, '/', path.size - begin);

        at = slash ? (size_t)(slash - path.data) : path.size;
        status = append_level(cache, at);
    }
    return status;
}

/* A directory that we may pass but not list serves as well: nothing but names is asked of it. */
static bs_status open_dir(int parent, const char *name, int *fd_out)
{
    const unsigned flags = BSI_OPEN_DIR | BSI_OPEN_NOFOLLOW;
    const bs_status status = bsi_open(parent, name, flags | BSI_OPEN_READ, 0, fd_out);

    if (status == BS_E_ACCESS) {
        return bsi_open(parent, name, flags | BSI_OPEN_PATH, 0, fd_out);
    }
    return status;
}

static bs_status make_dir(int parent, const char *name, int *fd_out, unsigned *made)
{
    const bs_status made_status = bsi_mkdir(parent, name, 0700);
    bs_status status = BS_OK;

    if (made_status < 0 && made_status != BS_E_EXISTS) {
        return made_status;
    }
    status = open_dir(parent, name, fd_out);
    if (status == BS_E_NOT_FOUND && made_status == BS_E_EXISTS) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_EXISTS, "something that is no directory is there");
    }
    if (status == BS_OK && made_status == BS_OK) {
        (*made)++;
    }
    return status;
}

/* Open one level below the one above it, which is open. `made` NULL: only if it is there. */
static bs_status open_level(bsi_dir_cache *cache, size_t index, unsigned *made)
{
    char name[NAME_BUFFER];
    level *here = &cache->levels[index];
    const size_t begin = index > 0 ? here[-1].end + 1 : 0;
    const int parent = index > 0 ? here[-1].fd : cache->root;
    const size_t size = here->end - begin;
    bs_status status = BS_OK;
    int fd = -1;

    memcpy(name, cache->path.data + begin, size);
    name[size] = '\0';
    status = open_dir(parent, name, &fd);
    if (status == BS_E_NOT_FOUND && made) {
        status = make_dir(parent, name, &fd, made);
    }
    if (status < 0) {
        return status;
    }
    here->fd = fd;
    cache->open_count++;
    return BS_OK;
}

/* Give the deepest level a descriptor, and on the way all that have none between it and one above.
 */
static bs_status open_chain(bsi_dir_cache *cache, unsigned *made)
{
    size_t next = cache->level_count;

    while (next > 0 && cache->levels[next - 1].fd < 0) {
        next--;
    }
    for (; next < cache->level_count; next++) {
        const bs_status status = open_level(cache, next, made);
        if (status < 0) {
            char text[PRINTABLE_SIZE];
            const size_t size = cache->levels[next].end;
            bsi_printable((const char *)cache->path.data, size, text, sizeof(text));
            cut(cache, next);
            return bsi_fail_context(BS_LAYER_SYSTEM, status, "directory '%s'", text);
        }
        if (cache->open_count == MAX_OPEN) {
            thin_out(cache);
        }
    }
    return BS_OK;
}

static bs_status look_up(bsi_dir_cache *cache, bsi_slice path, int *fd_out, unsigned *made)
{
    bs_status status = BS_OK;

    if (path.size == 0) {
        *fd_out = cache->root;
        return BS_OK;
    }
    if (!bsi_path_is_safe(path)) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_INVALID, "not a path beneath a directory");
    }
    cut(cache, common_levels(cache, path));
    if (cache->path.size < path.size) {
        const size_t kept = cache->level_count;
        status = append_levels(cache, path);
        if (status < 0) {
            cut(cache, kept);
            return status;
        }
    }
    status = open_chain(cache, made);
    if (status < 0) {
        return status;
    }
    *fd_out = cache->levels[cache->level_count - 1].fd;
    return BS_OK;
}

bs_status bsi_dir_cache_open(bsi_dir_cache *cache, bsi_slice path, int *fd_out)
{
    return look_up(cache, path, fd_out, NULL);
}

bs_status bsi_dir_cache_make(bsi_dir_cache *cache, bsi_slice path, int *fd_out, unsigned *made_out)
{
    unsigned made = 0;
    const bs_status status = look_up(cache, path, fd_out, &made);

    if (status == BS_OK) {
        *made_out = made;
    }
    return status;
}

void bsi_dir_cache_forget(bsi_dir_cache *cache, bsi_slice path)
{
    size_t kept = 0;

    if (path.size > 0) {
        kept = common_levels(cache, path);
        if (kept == 0 || cache->levels[kept - 1].end < path.size) {
            return;
        }
        kept--;
    }
    cut(cache, kept);
}

void bsi_path_split(bsi_slice path, bsi_slice *dir_out, bsi_slice *name_out)
{
    const char *slash = path.size > 0 ? memrchr(path.data, '/', path.size) : NULL;
    const size_t dir_size = slash ? (size_t)(slash - path.data) : 0;
    const size_t name_at = slash ? dir_size + 1 : 0;

    *dir_out = (bsi_slice){path.data, dir_size};
    *name_out = (bsi_slice){path.data + name_at, path.size - name_at};
}
