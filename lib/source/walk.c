/* SPDX-License-Identifier: MIT */
/*
 * The walk: a stack of listings, one for each directory on the way to the
 * present entry. The first OWN_DIRS of them keep their descriptors and have
 * their subdirectories read ahead; deeper ones are reached through a cache of
 * directories, so that descriptors do not grow with the depth.
 *
 * A directory stands on the stack before it is given. With an include list it
 * is given only when something in it is: the first `given` frames have been, the
 * others follow in one go, ahead of the item that is `held` meanwhile.
 */
#include "source/walk.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "os/dir_cache.h"
#include "source/listing.h"
#include "source/root.h"

enum {
    OWN_DIRS = 64,
    WINDOW = 8,        /* Subdirectories of one directory that are read ahead. */
    WINDOW_ALWAYS = 2, /* As many even when there are AHEAD_MAX in all. */
    AHEAD_MAX = 32,
    NAME_SIZE_MAX = 255,
    PRINTABLE_SIZE = 512,
};

typedef struct frame {
    bsi_listing *listing;
    size_t next;      /* The entry to look at. */
    size_t path_size; /* The directory's path is the first so many bytes of the walk's. */
    bsi_stat stat;
    bool kept; /* What the include list says of entries that it does not speak of. */

    bsi_listing *ahead[WINDOW]; /* Of subdirectories in order; a ring. */
    size_t ahead_first;
    size_t ahead_count;
    size_t ahead_next; /* The entry to look at for the next one. */
} frame;

struct bsi_walk {
    bsi_walk_options options;
    const bsi_pattern_list *include; /* NULL: everything. */
    const bsi_pattern_list *exclude; /* NULL: nothing. */
    bsi_pattern_scratch *scratch;
    bsi_read_ahead ahead;
    size_t ahead_count; /* In all frames. */

    size_t root;        /* The present one, or the next one when the stack is empty. */
    size_t root_prefix; /* Bytes of a path in front of what patterns see. */
    bsi_buf path;
    frame *frames;
    size_t frame_count;
    size_t frame_capacity;
    bsi_dir_cache *deep; /* Beneath the last frame with a descriptor; NULL: not needed yet. */

    size_t given;  /* Frames that are no longer to be given. */
    bool give_all; /* Give the other frames, then what is held. */
    bool is_held;  /* At the present path. */
    bsi_stat held;
};

static frame *top_frame(bsi_walk *walk)
{
    return &walk->frames[walk->frame_count - 1];
}

static bsi_slice path_of(const bsi_walk *walk)
{
    return (bsi_slice){(const char *)walk->path.data, walk->path.size};
}

/* Let the present path be `name` in the directory of the top frame. */
static bs_status set_name(bsi_walk *walk, const char *name)
{
    bs_status status = BS_OK;

    walk->path.size = top_frame(walk)->path_size;
    if (walk->path.size > 0) {
        status = bsi_buf_append_byte(&walk->path, '/');
    }
    return status < 0 ? status : bsi_buf_append(&walk->path, name, strlen(name));
}

/* The failure concerns one path only: report it and go on. */
static bs_status report(bsi_walk *walk, bs_status status, const char *doing)
{
    const bsi_slice path = path_of(walk);

    if (status == BS_E_NOMEM || status == BS_E_INTERNAL) {
        return status;
    }
    if (status == BS_E_NOT_FOUND) {
        bsi_warn_new(walk->options.warn, path, BS_LAYER_SOURCE, status,
                     "vanished before it was read");
    } else {
        (void)bsi_fail_context(BS_LAYER_SOURCE, status, "%s", doing);
        bsi_warn_last(walk->options.warn, path);
    }
    return BS_OK;
}

/* What a list, if there is one, says of the present path. */
static bs_status ask(bsi_walk *walk, const bsi_pattern_list *list, bool is_dir,
                     bsi_pattern_result *out)
{
    const bsi_slice path = path_of(walk);

    *out = BSI_PATTERN_NONE;
    if (!list) {
        return BS_OK;
    }
    return bsi_pattern_match(list, walk->scratch, path.data + walk->root_prefix,
                             path.size - walk->root_prefix, is_dir, out);
}

/* Mark what the exclude list matches, so that nobody goes near it. */
static bs_status mark_excluded(bsi_walk *walk)
{
    bsi_listing *listing = top_frame(walk)->listing;
    bs_status status = BS_OK;

    if (!walk->exclude) {
        return BS_OK;
    }
    for (size_t i = 0; i < bsi_listing_count(listing) && status == BS_OK; i++) {
        const bsi_file_type type = bsi_listing_type(listing, i);
        bsi_pattern_result result = BSI_PATTERN_NONE;

        status = set_name(walk, bsi_listing_name(listing, i));
        if (status == BS_OK && type != 0) {
            status = ask(walk, walk->exclude, type == BSI_TYPE_DIR, &result);
        }
        if (result == BSI_PATTERN_MATCH) {
            bsi_listing_leave_out(listing, i);
        }
        if (status == BS_E_LIMIT) {
            status = BS_OK; /* Too long for any list; reported when its turn comes. */
        }
    }
    return status;
}

/* Have the next subdirectories of the top frame read ahead. */
static void look_ahead(bsi_walk *walk)
{
    frame *top = top_frame(walk);
    const size_t count = bsi_listing_count(top->listing);

    if (!walk->ahead.pool || bsi_listing_fd(top->listing) < 0) {
        return;
    }
    if (top->ahead_next < top->next) {
        top->ahead_next = top->next;
    }
    while (top->ahead_next < count && top->ahead_count < WINDOW &&
           (walk->ahead_count < AHEAD_MAX || top->ahead_count < WINDOW_ALWAYS)) {
        const size_t index = top->ahead_next++;
        bsi_listing *child = NULL;

        if (bsi_listing_type(top->listing, index) == BSI_TYPE_DIR &&
            !bsi_listing_is_left_out(top->listing, index)) {
            child = bsi_listing_read_ahead(top->listing, index);
        }
        if (child) {
            top->ahead[(top->ahead_first + top->ahead_count++) % WINDOW] = child;
            walk->ahead_count++;
        }
    }
}

static bsi_listing *shift_ahead(bsi_walk *walk, frame *dir)
{
    bsi_listing *first = dir->ahead[dir->ahead_first];

    dir->ahead_first = (dir->ahead_first + 1) % WINDOW;
    dir->ahead_count--;
    walk->ahead_count--;
    return first;
}

/* What was read ahead for entry `index`, or NULL; what was for entries before it is dropped. */
static bsi_listing *take_ahead(bsi_walk *walk, frame *dir, size_t index)
{
    while (dir->ahead_count > 0) {
        const size_t first = bsi_listing_index(dir->ahead[dir->ahead_first]);
        bsi_listing *listing = NULL;

        if (first > index) {
            return NULL;
        }
        listing = shift_ahead(walk, dir);
        if (first == index) {
            return listing;
        }
        bsi_listing_free(listing);
    }
    return NULL;
}

static bs_status grow_frames(bsi_walk *walk)
{
    const size_t capacity = walk->frame_capacity > 0 ? 2 * walk->frame_capacity : 16;
    frame *grown = NULL;

    if (walk->frame_count < walk->frame_capacity) {
        return BS_OK;
    }
    grown = bsi_realloc_array(walk->frames, capacity, sizeof(*grown));
    if (!grown) {
        return BS_E_NOMEM;
    }
    walk->frames = grown;
    walk->frame_capacity = capacity;
    return BS_OK;
}

/* Enter the directory at the present path. Takes the listing over, also when it fails. */
static bs_status push(bsi_walk *walk, bsi_listing *listing, const bsi_stat *stat, bool kept)
{
    const bs_status status = grow_frames(walk);

    if (status < 0) {
        bsi_listing_free(listing);
        return status;
    }
    if (walk->frame_count >= OWN_DIRS) {
        bsi_listing_give_up_fd(listing);
    }
    walk->frames[walk->frame_count++] = (frame){
        .listing = listing,
        .path_size = walk->path.size,
        .stat = *stat,
        .kept = kept,
    };
    BSI_TRY(mark_excluded(walk));
    look_ahead(walk);
    return BS_OK;
}

static void pop(bsi_walk *walk)
{
    frame *top = top_frame(walk);

    while (top->ahead_count > 0) {
        bsi_listing_free(shift_ahead(walk, top));
    }
    bsi_listing_free(top->listing);
    walk->frame_count--;
    if (walk->frame_count < OWN_DIRS) {
        bsi_dir_cache_free(walk->deep);
        walk->deep = NULL;
    }
    if (walk->given > walk->frame_count) {
        walk->given = walk->frame_count;
    }
    if (walk->frame_count > 0) {
        look_ahead(walk);
    } else {
        walk->root++;
    }
}

/* The descriptor of the top frame's directory, valid until the next call. */
static bs_status top_dir(bsi_walk *walk, int *fd_out)
{
    const frame *top = top_frame(walk);
    const frame *last = &walk->frames[OWN_DIRS - 1];
    bs_status status = BS_OK;
    bsi_slice below;

    if (walk->frame_count <= OWN_DIRS) {
        *fd_out = bsi_listing_fd(top->listing);
        return BS_OK;
    }
    if (!walk->deep) {
        status = bsi_dir_cache_new(bsi_listing_fd(last->listing), &walk->deep);
    }
    below.data = (const char *)walk->path.data + last->path_size + 1;
    below.size = top->path_size - last->path_size - 1;
    return status < 0 ? status : bsi_dir_cache_open(walk->deep, below, fd_out);
}

/* Give the item at the present path, and the directories on the way to it. */
static void give(bsi_walk *walk, const bsi_stat *stat)
{
    walk->held = *stat;
    walk->is_held = true;
    walk->give_all = true;
}

static bool is_skipped(const bsi_walk *walk, const bsi_stat *stat)
{
    for (size_t i = 0; i < walk->options.skip_count; i++) {
        const bsi_dir_id *skip = &walk->options.skip[i];
        if (skip->dev == stat->dev && skip->ino == stat->ino) {
            return true;
        }
    }
    return false;
}

/* Whether a directory is one of those that it lies in, which happens by mounts. */
static bool is_loop(const bsi_walk *walk, const bsi_stat *stat)
{
    for (size_t i = walk->frame_count; i-- > 0;) {
        if (walk->frames[i].stat.ino == stat->ino && walk->frames[i].stat.dev == stat->dev) {
            return true;
        }
    }
    return false;
}

/* List the directory at the present path and enter it, or give it without what is in it. */
static bs_status enter(bsi_walk *walk, int dir, const char *name, bsi_listing *ahead,
                       const bsi_stat *stat, bool kept)
{
    bsi_listing *listing = ahead;
    const bs_status status =
        ahead ? bsi_listing_complete(ahead) : bsi_listing_open(&walk->ahead, dir, name, &listing);
    const bsi_stat *self = NULL;

    if (status < 0) {
        bsi_listing_free(ahead);
        if (kept && status != BS_E_NOT_FOUND) {
            give(walk, stat);
        }
        return report(walk, status, "listing the directory");
    }
    self = bsi_listing_self(listing);
    if (self->ino != stat->ino || self->dev != stat->dev) {
        bsi_listing_free(listing);
        bsi_warn_new(walk->options.warn, path_of(walk), BS_LAYER_SOURCE, BS_E_CHANGED,
                     "replaced by another directory before it was read");
        return BS_OK;
    }
    BSI_TRY(push(walk, listing, stat, kept));
    walk->give_all = kept;
    return BS_OK;
}

static bs_status meet_dir(bsi_walk *walk, size_t index, const bsi_stat *stat, bool kept)
{
    frame *top = top_frame(walk);
    bsi_listing *ahead = take_ahead(walk, top, index);
    bs_status status = BS_OK;
    bool is_leaf = false;
    int dir = -1;

    if (is_skipped(walk, stat)) {
        bsi_warn_new(walk->options.warn, path_of(walk), BS_LAYER_SOURCE, BS_E_BUSY,
                     "left out: this directory belongs to the backups themselves");
    } else if (is_loop(walk, stat)) {
        bsi_warn_new(walk->options.warn, path_of(walk), BS_LAYER_SOURCE, BS_E_UNSUPPORTED,
                     "not entered: this directory lies inside itself");
        is_leaf = kept;
    } else if (walk->options.one_file_system && stat->dev != walk->frames[0].stat.dev) {
        is_leaf = kept;
    } else {
        status = ahead ? BS_OK : top_dir(walk, &dir);
        if (status < 0) {
            return report(walk, status, "opening its directory");
        }
        return enter(walk, dir, bsi_listing_name(top->listing, index), ahead, stat, kept);
    }
    bsi_listing_free(ahead);
    if (is_leaf) {
        give(walk, stat);
    }
    return BS_OK;
}

static bs_status look_at_entry(bsi_walk *walk, size_t index, bsi_stat *out)
{
    bsi_listing *listing = top_frame(walk)->listing;
    int fd = -1;

    BSI_TRY(top_dir(walk, &fd));
    return bsi_listing_stat(listing, fd, index, out);
}

/* Whether the lists let an entry through, now that its type is certain. */
static bs_status judge(bsi_walk *walk, bsi_file_type listed, bsi_file_type type, bool *excluded,
                       bool *kept)
{
    const bool is_dir = type == BSI_TYPE_DIR;
    const bool was_asked = listed != 0 && (listed == BSI_TYPE_DIR) == is_dir;
    bsi_pattern_result result = BSI_PATTERN_NONE;

    BSI_TRY(ask(walk, was_asked ? NULL : walk->exclude, is_dir, &result));
    *excluded = result == BSI_PATTERN_MATCH;
    BSI_TRY(ask(walk, walk->include, is_dir, &result));
    *kept = result == BSI_PATTERN_NONE ? top_frame(walk)->kept : result == BSI_PATTERN_MATCH;
    return BS_OK;
}

/* One entry of the top frame. */
static bs_status step(bsi_walk *walk)
{
    frame *top = top_frame(walk);
    const size_t index = top->next++;
    bs_status status = BS_OK;
    bool excluded = false;
    bool kept = false;
    bsi_stat stat = {0};

    if (bsi_listing_is_left_out(top->listing, index)) {
        return BS_OK;
    }
    status = set_name(walk, bsi_listing_name(top->listing, index));
    if (status == BS_OK && strlen(bsi_listing_name(top->listing, index)) > NAME_SIZE_MAX) {
        status = bsi_fail(BS_LAYER_SOURCE, BS_E_LIMIT, "a name of more than 255 bytes");
    }
    if (status == BS_OK) {
        status = look_at_entry(walk, index, &stat);
    }
    if (status < 0) {
        return report(walk, status, "looking at it");
    }
    BSI_TRY(judge(walk, bsi_listing_type(top->listing, index), stat.type, &excluded, &kept));
    if (excluded) {
        return BS_OK;
    }
    if (stat.type == BSI_TYPE_DIR) {
        return meet_dir(walk, index, &stat, kept);
    }
    if (kept) {
        give(walk, &stat);
    }
    return BS_OK;
}

/* The top of a tree: given in any case, unless it is left out. */
static bs_status meet_root(bsi_walk *walk, int parent, const char *name, const bsi_stat *stat)
{
    bsi_listing *listing = NULL;

    if (stat->type != BSI_TYPE_DIR) {
        if (stat->type == BSI_TYPE_SYMLINK) {
            bsi_warn_new(walk->options.warn, path_of(walk), BS_LAYER_SOURCE, BS_E_UNSUPPORTED,
                         "a symbolic link: what it points at is not part of the backup");
        }
        give(walk, stat);
        walk->root++;
        return BS_OK;
    }
    if (is_skipped(walk, stat)) {
        bsi_warn_new(walk->options.warn, path_of(walk), BS_LAYER_SOURCE, BS_E_BUSY,
                     "left out: this directory belongs to the backups themselves");
        walk->root++;
        return BS_OK;
    }
    BSI_TRY(bsi_listing_open(&walk->ahead, parent, name, &listing));
    walk->root_prefix = walk->path.size > 0 ? walk->path.size + 1 : 0;
    BSI_TRY(push(walk, listing, stat, walk->include == NULL));
    if (walk->frames[0].path_size == 0) {
        walk->given = 1;
    } else {
        walk->give_all = true;
    }
    return BS_OK;
}

static bs_status next_root(bsi_walk *walk)
{
    const char *root = walk->options.roots[walk->root];
    const bsi_slice path = bsi_root_path(root);
    char text[PRINTABLE_SIZE];
    const char *name = NULL;
    bs_status status = BS_OK;
    bsi_stat stat;
    int parent = -1;

    walk->path.size = 0;
    BSI_TRY(bsi_buf_append(&walk->path, path.data, path.size));
    BSI_TRY(bsi_root_open_parent(root, &parent, &name));
    status = bsi_stat_at(parent, name, &stat);
    if (status == BS_OK) {
        status = meet_root(walk, parent, name, &stat);
    }
    bsi_close_quietly(parent);
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_SOURCE, status, "source '%s'",
                                bsi_printable(root, strlen(root), text, sizeof(text)));
    }
    return BS_OK;
}

/* Whether a root can be read, found out before anything else is done. */
static bs_status try_root(const char *root)
{
    char text[PRINTABLE_SIZE];
    const char *name = NULL;
    bs_status status = BS_OK;
    bsi_stat stat;
    int parent = -1;
    int fd = -1;

    BSI_TRY(bsi_root_open_parent(root, &parent, &name));
    status = bsi_stat_at(parent, name, &stat);
    if (status == BS_OK && (stat.type == BSI_TYPE_DIR || stat.type == BSI_TYPE_FILE)) {
        status = bsi_open(parent, name,
                          BSI_OPEN_READ | BSI_OPEN_NOFOLLOW | BSI_OPEN_NONBLOCK | BSI_OPEN_NOATIME,
                          0, &fd);
    }
    bsi_close_quietly(fd);
    bsi_close_quietly(parent);
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_SOURCE, status, "source '%s'",
                                bsi_printable(root, strlen(root), text, sizeof(text)));
    }
    return BS_OK;
}

bs_status bsi_walk_new(const bsi_walk_options *options, bsi_walk **out)
{
    bsi_walk *walk = NULL;
    bs_status status = bsi_roots_check(options->roots, options->root_count);

    for (size_t i = 0; status == BS_OK && i < options->root_count; i++) {
        status = try_root(options->roots[i]);
    }
    if (status < 0) {
        return status;
    }
    walk = bsi_calloc(1, sizeof(*walk));
    if (!walk) {
        return BS_E_NOMEM;
    }
    walk->options = *options;
    if (options->include && !bsi_pattern_list_is_empty(options->include)) {
        walk->include = options->include;
    }
    if (options->exclude && !bsi_pattern_list_is_empty(options->exclude)) {
        walk->exclude = options->exclude;
    }
    bsi_buf_init(&walk->path, BSI_PATH_MAX);
    bsi_read_ahead_init(&walk->ahead, options->pool, options->one_file_system);
    if (walk->include || walk->exclude) {
        status = bsi_pattern_scratch_new(&walk->scratch);
    }
    if (status < 0) {
        bsi_walk_free(walk);
        return status;
    }
    *out = walk;
    return BS_OK;
}

/* The next thing that is due to be given; false when the walk must go on for it. */
static bool give_next(bsi_walk *walk, bsi_walk_item *out)
{
    if (!walk->give_all) {
        return false;
    }
    out->path.data = (const char *)walk->path.data;
    out->root = walk->frame_count > 0 ? walk->root : walk->root - 1;
    if (walk->given < walk->frame_count) {
        const frame *dir = &walk->frames[walk->given++];
        out->path.size = dir->path_size;
        out->stat = dir->stat;
        return true;
    }
    walk->give_all = false;
    if (walk->is_held) {
        walk->is_held = false;
        out->path.size = walk->path.size;
        out->stat = walk->held;
        return true;
    }
    return false;
}

/* Do a small piece of work: BS_END when there is none left. */
static bs_status go_on(bsi_walk *walk)
{
    const frame *top = NULL;

    if (walk->frame_count == 0) {
        return walk->root < walk->options.root_count ? next_root(walk) : BS_END;
    }
    top = top_frame(walk);
    if (top->next < bsi_listing_count(top->listing)) {
        return step(walk);
    }
    pop(walk);
    return BS_OK;
}

bs_status bsi_walk_next(bsi_walk *walk, const bs_call *call, bsi_walk_item *out)
{
    while (!give_next(walk, out)) {
        bs_status status = bsi_call_check(call);

        if (status == BS_OK) {
            status = go_on(walk);
        }
        if (status != BS_OK) {
            return status;
        }
    }
    return BS_OK;
}

void bsi_walk_free(bsi_walk *walk)
{
    if (!walk) {
        return;
    }
    bsi_read_ahead_stop(&walk->ahead);
    while (walk->frame_count > 0) {
        frame *top = top_frame(walk);
        while (top->ahead_count > 0) {
            bsi_listing_free(shift_ahead(walk, top));
        }
        bsi_listing_free(top->listing);
        walk->frame_count--;
    }
    bsi_dir_cache_free(walk->deep);
    bsi_read_ahead_dispose(&walk->ahead);
    bsi_pattern_scratch_free(walk->scratch);
    bsi_buf_dispose(&walk->path);
    bsi_free(walk->frames);
    bsi_free(walk);
}
