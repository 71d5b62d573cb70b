/* SPDX-License-Identifier: MIT */
/*
 * Opening and reading what lies in the sources. Each path is reached through
 * the directories on its way, none of them a link, and what is behind the
 * descriptor is looked at only after it was opened. The content of anything
 * but a regular file is left alone.
 */
#include "source/file.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "os/dir_cache.h"
#include "os/users.h"
#include "source/root.h"

enum {
    NAME_BUFFER = 256,
    PRINTABLE_SIZE = 512,
    READ_MAX = 1024 * 1024, /* Between two looks at whether the call is cancelled. */
    EXTENTS_MAX = 1000000,
    EXTENTS_KEPT = 4096,         /* What a closed file keeps room for. */
    SEQUENTIAL_MIN = 256 * 1024, /* Below that the kernel reads ahead enough by itself. */
};

struct bsi_source_tree {
    const char *const *roots;
    size_t root_count;
    const bsi_warn *warn;
    bsi_users *users;
    bsi_source_file *unused; /* Closed ones, with their buffers. */

    size_t root;           /* The root that what follows belongs to. */
    int parent;            /* The directory it lies in; -1: none is open. */
    const char *root_name; /* Its name there. */
    int top;               /* The root itself; -1: not open yet. */
    bsi_dir_cache *dirs;   /* Beneath `top`. */
};

struct bsi_source_file {
    bsi_source_tree *tree;
    bsi_source_file *next;
    int fd;
    bsi_entry entry;
    bsi_buf path;
    char *link;
    char *xattr_names;
    size_t xattr_names_size;
    bsi_xattr *xattrs;
    size_t xattr_capacity;
    bsi_extent *extents;
    size_t extent_capacity;
    size_t extent;     /* The one that is read; for a file without holes always 0. */
    uint64_t position; /* In it; in the file, if that has no holes. */
};

bs_status bsi_source_tree_new(const char *const *roots, size_t root_count, const bsi_warn *warn,
                              bsi_source_tree **out)
{
    bsi_source_tree *tree = NULL;
    bs_status status = bsi_roots_check(roots, root_count);

    if (status < 0) {
        return status;
    }
    tree = bsi_calloc(1, sizeof(*tree));
    if (!tree) {
        return BS_E_NOMEM;
    }
    *tree = (bsi_source_tree){
        .roots = roots,
        .root_count = root_count,
        .warn = warn,
        .parent = -1,
        .top = -1,
    };
    status = bsi_users_new(&tree->users);
    if (status < 0) {
        bsi_free(tree);
        return status;
    }
    *out = tree;
    return BS_OK;
}

static void leave_root(bsi_source_tree *tree)
{
    bsi_dir_cache_free(tree->dirs);
    bsi_close_quietly(tree->top);
    bsi_close_quietly(tree->parent);
    tree->dirs = NULL;
    tree->top = -1;
    tree->parent = -1;
}

static void destroy_file(bsi_source_file *file)
{
    bsi_buf_dispose(&file->path);
    bsi_free(file->xattrs);
    bsi_free(file->extents);
    bsi_free(file);
}

void bsi_source_tree_free(bsi_source_tree *tree)
{
    if (!tree) {
        return;
    }
    leave_root(tree);
    while (tree->unused) {
        bsi_source_file *file = tree->unused;
        tree->unused = file->next;
        destroy_file(file);
    }
    bsi_users_free(tree->users);
    bsi_free(tree);
}

static bsi_source_file *take_file(bsi_source_tree *tree)
{
    bsi_source_file *file = tree->unused;

    if (file) {
        tree->unused = file->next;
        return file;
    }
    file = bsi_calloc(1, sizeof(*file));
    if (file) {
        file->tree = tree;
        file->fd = -1;
        bsi_buf_init(&file->path, BSI_PATH_MAX);
    }
    return file;
}

void bsi_source_end_reading(bsi_source_file *file)
{
    bsi_close_quietly(file->fd);
    file->fd = -1;
}

/* Few files have many extents; what one of those needed is not kept. */
static void trim(bsi_source_file *file)
{
    if (file->extent_capacity > EXTENTS_KEPT) {
        bsi_free(file->extents);
        file->extents = NULL;
        file->extent_capacity = 0;
    }
}

void bsi_source_close(bsi_source_file *file)
{
    if (!file) {
        return;
    }
    bsi_source_end_reading(file);
    trim(file);
    for (size_t i = 0; i < file->entry.xattr_count; i++) {
        bsi_free((void *)(uintptr_t)file->xattrs[i].value.data);
    }
    bsi_free(file->xattr_names);
    bsi_free(file->link);
    file->xattr_names = NULL;
    file->xattr_names_size = 0;
    file->link = NULL;
    file->entry = (bsi_entry){0};
    file->next = file->tree->unused;
    file->tree->unused = file;
}

/* Put the path in front of a failure. */
static bs_status fail_path(bsi_slice path, bs_status status)
{
    char text[PRINTABLE_SIZE];

    return bsi_fail_context(BS_LAYER_SOURCE, status, "'/%s'",
                            bsi_printable(path.data, path.size, text, sizeof(text)));
}

/* Which root a path belongs to. */
static bs_status find_root(const bsi_source_tree *tree, bsi_slice path, size_t *out)
{
    for (size_t i = 0; i < tree->root_count; i++) {
        const size_t index = (tree->root + i) % tree->root_count;
        const bsi_slice root = bsi_root_path(tree->roots[index]);

        if (bsi_slice_equal(path, root) || bsi_path_is_below(path, root)) {
            *out = index;
            return BS_OK;
        }
    }
    return bsi_fail(BS_LAYER_SOURCE, BS_E_NOT_FOUND, "below none of the sources");
}

static bs_status enter_root(bsi_source_tree *tree, size_t index)
{
    if (tree->parent >= 0 && tree->root == index) {
        return BS_OK;
    }
    leave_root(tree);
    tree->root = index;
    return bsi_root_open_parent(tree->roots[index], &tree->parent, &tree->root_name);
}

static bs_status open_top(bsi_source_tree *tree)
{
    bs_status status = BS_OK;

    if (tree->dirs) {
        return BS_OK;
    }
    if (tree->top < 0) {
        status = bsi_open(tree->parent, tree->root_name,
                          BSI_OPEN_DIR | BSI_OPEN_NOFOLLOW | BSI_OPEN_PATH, 0, &tree->top);
    }
    return status < 0 ? status : bsi_dir_cache_new(tree->top, &tree->dirs);
}

/* The directory that a path lies in, and its name there. */
static bs_status locate(bsi_source_tree *tree, bsi_slice path, int *dir_out,
                        char name_out[NAME_BUFFER])
{
    bsi_slice below = path;
    bsi_slice root;
    bsi_slice dir;
    bsi_slice name;
    size_t index = 0;

    BSI_TRY(find_root(tree, path, &index));
    BSI_TRY(enter_root(tree, index));
    root = bsi_root_path(tree->roots[index]);
    if (path.size == root.size) {
        *dir_out = tree->parent;
        memcpy(name_out, tree->root_name, strlen(tree->root_name) + 1);
        return BS_OK;
    }
    if (root.size > 0) {
        below = (bsi_slice){path.data + root.size + 1, path.size - root.size - 1};
    }
    if (!bsi_path_is_safe(below)) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_INVALID, "not a path beneath a source");
    }
    bsi_path_split(below, &dir, &name);
    memcpy(name_out, name.data, name.size);
    name_out[name.size] = '\0';
    BSI_TRY(open_top(tree));
    return bsi_dir_cache_open(tree->dirs, dir, dir_out);
}

/* Open for what it is by now; then see whether it was that. */
static bs_status open_content(bsi_source_file *file, int dir, const char *name)
{
    bsi_stat *stat = &file->entry.stat;
    unsigned flags = BSI_OPEN_NOFOLLOW | BSI_OPEN_PATH;
    bs_status status = bsi_stat_at(dir, name, stat);
    bsi_file_type expected = (bsi_file_type)0;

    if (status < 0) {
        return status;
    }
    expected = stat->type;
    if (expected == BSI_TYPE_FILE) {
        flags = BSI_OPEN_READ | BSI_OPEN_NOFOLLOW | BSI_OPEN_NONBLOCK | BSI_OPEN_NOATIME;
    }
    status = bsi_open(dir, name, flags, 0, &file->fd);
    if (status == BS_OK) {
        status = bsi_fstat(file->fd, stat);
    }
    if (status < 0) {
        return status;
    }
    if (stat->type != expected) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_CHANGED, "replaced by a %s while it was opened",
                        bsi_file_type_name(stat->type));
    }
    if (expected == BSI_TYPE_FILE && stat->size >= SEQUENTIAL_MIN) {
        bsi_advise_sequential(file->fd);
    }
    return BS_OK;
}

static bs_status load_link(bsi_source_file *file)
{
    if (file->entry.stat.type != BSI_TYPE_SYMLINK) {
        return BS_OK;
    }
    BSI_TRY(bsi_readlink(file->fd, "", &file->link));
    file->entry.link = bsi_slice_of(file->link);
    return BS_OK;
}

static bs_status add_extent(bsi_source_file *file, uint64_t begin, uint64_t end)
{
    bsi_entry *entry = &file->entry;

    if (!file->extents || entry->extent_count == file->extent_capacity) {
        const size_t capacity = file->extent_capacity > 0 ? 2 * file->extent_capacity : 16;
        bsi_extent *grown = bsi_realloc_array(file->extents, capacity, sizeof(*grown));
        if (!grown) {
            return BS_E_NOMEM;
        }
        file->extents = grown;
        file->extent_capacity = capacity;
    }
    file->extents[entry->extent_count++] = (bsi_extent){begin, end - begin};
    return BS_OK;
}

/* The next stretch of data joins the last one when it touches it. */
static bs_status next_extent(bsi_source_file *file, uint64_t *at)
{
    bsi_entry *entry = &file->entry;
    bsi_extent *last = entry->extent_count > 0 ? &file->extents[entry->extent_count - 1] : NULL;
    uint64_t begin = 0;
    uint64_t end = 0;
    const bs_status status = bsi_next_data(file->fd, *at, entry->stat.size, &begin, &end);

    if (status != BS_OK) {
        return status;
    }
    *at = end;
    if (last && last->offset + last->size == begin) {
        last->size = end - last->offset;
        return BS_OK;
    }
    return add_extent(file, begin, end);
}

/* A file that does not tell its holes is taken as one without. */
static bs_status load_extents(bsi_source_file *file)
{
    bsi_entry *entry = &file->entry;
    bs_status status = BS_OK;
    uint64_t at = 0;

    if (entry->stat.type != BSI_TYPE_FILE || entry->stat.allocated >= entry->stat.size) {
        return BS_OK;
    }
    while (status == BS_OK && at < entry->stat.size && entry->extent_count <= EXTENTS_MAX) {
        status = next_extent(file, &at);
    }
    if (status == BS_E_NOMEM) {
        return status;
    }
    entry->sparse = status >= 0 && entry->extent_count <= EXTENTS_MAX &&
                    !(entry->extent_count == 1 && file->extents[0].size == entry->stat.size);
    entry->extent_count = entry->sparse ? entry->extent_count : 0;
    entry->extents = entry->sparse ? file->extents : NULL;
    return BS_OK;
}

static int compare_names(const void *a, const void *b)
{
    const bsi_xattr *left = a;
    const bsi_xattr *right = b;

    return strcmp(left->name.data, right->name.data);
}

static bs_status reserve_xattrs(bsi_source_file *file, size_t count)
{
    bsi_xattr *grown = NULL;

    if (count <= file->xattr_capacity) {
        return BS_OK;
    }
    grown = bsi_realloc_array(file->xattrs, count, sizeof(*grown));
    if (!grown) {
        return BS_E_NOMEM;
    }
    file->xattrs = grown;
    file->xattr_capacity = count;
    return BS_OK;
}

/* One attribute. What cannot be read is reported, unless it is gone by now. */
static bs_status load_xattr(bsi_source_file *file, const char *name)
{
    uint8_t *value = NULL;
    size_t size = 0;
    const bs_status status = bsi_xattr_get(file->fd, name, &value, &size);

    if (status == BS_OK) {
        file->xattrs[file->entry.xattr_count++] = (bsi_xattr){
            .name = bsi_slice_of(name),
            .value = {(const char *)value, size},
        };
    } else if (status != BS_E_NOT_FOUND && status != BS_E_NOMEM) {
        (void)bsi_fail_context(BS_LAYER_SOURCE, status, "backed up without an attribute");
        bsi_warn_last(file->tree->warn, file->entry.path);
    }
    return status == BS_E_NOMEM ? status : BS_OK;
}

static bs_status load_xattrs(bsi_source_file *file)
{
    size_t size = 0;
    size_t count = 0;
    bs_status status = bsi_xattr_list(file->fd, &file->xattr_names, &size);

    if (status < 0 && status != BS_E_NOMEM) {
        (void)bsi_fail_context(BS_LAYER_SOURCE, status, "backed up without its attributes");
        bsi_warn_last(file->tree->warn, file->entry.path);
        return BS_OK;
    }
    for (size_t at = 0; at < size; at++) {
        count += file->xattr_names[at] == '\0' ? 1 : 0;
    }
    if (status == BS_OK) {
        file->xattr_names_size = size;
        status = reserve_xattrs(file, count);
    }
    for (size_t at = 0; at < size && status == BS_OK; at += strlen(file->xattr_names + at) + 1) {
        status = load_xattr(file, file->xattr_names + at);
    }
    if (file->entry.xattr_count > 1) {
        qsort(file->xattrs, file->entry.xattr_count, sizeof(*file->xattrs), compare_names);
    }
    file->entry.xattrs = file->xattrs;
    return status;
}

static bs_status load_entry(bsi_source_file *file)
{
    bsi_users *users = file->tree->users;
    bsi_entry *entry = &file->entry;

    entry->user = bsi_slice_of(bsi_user_name(users, entry->stat.uid));
    entry->group = bsi_slice_of(bsi_group_name(users, entry->stat.gid));
    BSI_TRY(load_link(file));
    BSI_TRY(load_xattrs(file));
    return load_extents(file);
}

/* How what is at a file's path comes to be open. */
typedef bs_status (*open_fn)(bsi_source_file *file, bsi_slice path);

static bs_status open_below(bsi_source_file *file, bsi_slice path)
{
    char name[NAME_BUFFER];
    int dir = -1;

    BSI_TRY(locate(file->tree, path, &dir, name));
    return open_content(file, dir, name);
}

static bs_status open_above(bsi_source_file *file, bsi_slice path)
{
    char *name = bsi_strndup(path.data, path.size);
    bs_status status = BS_E_NOMEM;
    int top = -1;

    if (name) {
        status = bsi_open(BSI_CWD, "/", BSI_OPEN_DIR | BSI_OPEN_PATH, 0, &top);
    }
    if (status == BS_OK) {
        status = bsi_open(top, name, BSI_OPEN_DIR | BSI_OPEN_PATH, 0, &file->fd);
    }
    if (status == BS_OK) {
        status = bsi_fstat(file->fd, &file->entry.stat);
    }
    bsi_close_quietly(top);
    bsi_free(name);
    return status;
}

static bs_status open_by(bsi_source_tree *tree, bsi_slice path, open_fn reach,
                         bsi_source_file **out)
{
    bsi_source_file *file = take_file(tree);
    bs_status status = BS_OK;

    if (!file) {
        return BS_E_NOMEM;
    }
    file->path.size = 0;
    status = bsi_buf_append(&file->path, path.data, path.size);
    if (status == BS_OK) {
        file->entry.path = (bsi_slice){(const char *)file->path.data, path.size};
        status = reach(file, path);
    }
    if (status == BS_OK) {
        status = load_entry(file);
    }
    if (status < 0) {
        bsi_source_close(file);
        return fail_path(path, status);
    }
    bsi_source_rewind(file);
    *out = file;
    return BS_OK;
}

bs_status bsi_source_open(bsi_source_tree *tree, bsi_slice path, bsi_source_file **out)
{
    return open_by(tree, path, open_below, out);
}

bs_status bsi_source_open_above(bsi_source_tree *tree, bsi_slice path, bsi_source_file **out)
{
    return open_by(tree, path, open_above, out);
}

const bsi_entry *bsi_source_entry(const bsi_source_file *file)
{
    return &file->entry;
}

bsi_slice bsi_source_attribute_names(const bsi_source_file *file)
{
    return (bsi_slice){file->xattr_names, file->xattr_names_size};
}

/* Where the next bytes lie and how many follow without a hole; 0 at the end. */
static uint64_t next_stretch(bsi_source_file *file, uint64_t *offset_out)
{
    const bsi_entry *entry = &file->entry;
    const bsi_extent whole = {0, entry->stat.size};
    const bsi_extent *extent = entry->sparse ? &file->extents[file->extent] : &whole;
    const size_t count = entry->sparse ? entry->extent_count : 1;

    if (file->extent < count && file->position == extent->size) {
        file->extent++;
        file->position = 0;
        extent++;
    }
    if (file->extent >= count) {
        return 0;
    }
    *offset_out = extent->offset + file->position;
    return extent->size - file->position;
}

bs_status bsi_source_read(bsi_source_file *file, const bs_call *call, void *buf, size_t size,
                          size_t *got_out)
{
    const size_t most = bsi_call_chunk(call, READ_MAX);
    size_t filled = 0;

    while (filled < size && file->entry.stat.type == BSI_TYPE_FILE) {
        uint64_t offset = 0;
        const uint64_t stretch = next_stretch(file, &offset);
        const size_t want = (size_t)bsi_min_u64(bsi_min_size(size - filled, most), stretch);
        size_t got = 0;
        bs_status status = BS_OK;

        if (want == 0) {
            break;
        }
        status = bsi_call_check(call);
        if (status == BS_OK) {
            status = bsi_pread(file->fd, (char *)buf + filled, want, offset, &got);
        }
        if (status == BS_OK && got < want) {
            status = bsi_fail(BS_LAYER_SOURCE, BS_E_CHANGED, "became shorter while it was read");
        }
        if (status < 0) {
            return fail_path(file->entry.path, status);
        }
        file->position += got;
        filled += got;
    }
    *got_out = filled;
    return BS_OK;
}

void bsi_source_rewind(bsi_source_file *file)
{
    file->extent = 0;
    file->position = 0;
}

bs_status bsi_source_check(bsi_source_file *file)
{
    const bsi_stat *then = &file->entry.stat;
    bs_status status = BS_OK;
    bsi_stat now;

    if (then->type != BSI_TYPE_FILE) {
        return BS_OK;
    }
    status = bsi_fstat(file->fd, &now);
    if (status == BS_OK && (now.size != then->size || now.ino != then->ino ||
                            bsi_time_compare(&now.mtime, &then->mtime) != 0 ||
                            bsi_time_compare(&now.ctime, &then->ctime) != 0)) {
        status = bsi_fail(BS_LAYER_SOURCE, BS_E_CHANGED, "changed while it was read");
    }
    return status < 0 ? fail_path(file->entry.path, status) : BS_OK;
}
