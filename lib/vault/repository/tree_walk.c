/* SPDX-License-Identifier: MIT */
/*
 * Walking through the trees of a snapshot.
 */
#include "vault/repository/tree_walk.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "repo/reader.h"
#include "repo/tree.h"
#include "vault/draft.h"
#include "vault/links.h"
#include "vault/repository/tree_entry.h"

enum {
    DIRS_SPARE = 10000,           /* Directories that may be entered in any case. */
    UNREAD_MAX = 16 * 1024 * 1024 /* Bytes of the list of trees that could not be read. */
};

/* A directory whose tree is being read. */
typedef struct level {
    bsi_digest tree;
    bsi_buf text;
    bsi_tree_reader nodes;
    bsi_buf last; /* The name before. */
    size_t path_size;
} level;

struct bsi_tree_walk {
    const bsi_repo_session *session;
    const bsi_tree_watch *watch;
    bsi_digest root;
    bsi_blob_reader *reader;
    bsi_links *links;

    level **levels;
    size_t count;
    size_t capacity;
    uint64_t text_bytes; /* Of all levels. */
    uint64_t entered;    /* Directories of this round. */
    uint64_t entered_max;

    bsi_buf path; /* Of the present entry. */
    bsi_buf xattrs;
    bsi_buf parts; /* bsi_part each, of the present file. */
    bool begun;
    bool over;
    bool descend; /* The present entry is a directory that is entered next. */
    bsi_digest subtree;
    bsi_buf unread;  /* Ids of trees that could not be read. */
    bsi_draft *kept; /* The texts of the others, in their order; NULL: they are not kept. */
    bool replays;    /* They are all in there. */
    bsi_tree_item item;
};

bs_status bsi_tree_walk_new(const bsi_repo_session *session, const bsi_digest *root,
                            const bsi_tree_watch *watch, bsi_tree_walk **out)
{
    bsi_tree_walk *walk = bsi_calloc(1, sizeof(*walk));
    bsi_repo_index_stats stats;
    bs_status status = BS_OK;

    if (!walk) {
        return BS_E_NOMEM;
    }
    walk->session = session;
    walk->watch = watch;
    walk->root = *root;
    bsi_repo_index_get_stats(session->index, &stats);
    walk->entered_max = DIRS_SPARE + stats.blobs * BSI_WALK_REPEATS;
    bsi_buf_init(&walk->path, BSI_PATH_MAX + 1);
    bsi_buf_init(&walk->xattrs, BSI_BLOB_TREE_MAX);
    bsi_buf_init(&walk->parts, BSI_BLOB_TREE_MAX);
    bsi_buf_init(&walk->unread, UNREAD_MAX);
    status = bsi_blob_reader_new(session->repo, session->index, &walk->reader);
    if (status >= 0) {
        status = bsi_links_new(&walk->links);
    }
    if (status >= 0) {
        status = bsi_tree_walk_rewind(walk);
    }
    if (status < 0) {
        bsi_tree_walk_free(walk);
        return status;
    }
    *out = walk;
    return BS_OK;
}

static void level_free(level *top)
{
    bsi_tree_reader_dispose(&top->nodes);
    bsi_buf_dispose(&top->text);
    bsi_buf_dispose(&top->last);
    bsi_free(top);
}

static void pop(bsi_tree_walk *walk)
{
    walk->count--;
    walk->text_bytes -= walk->levels[walk->count]->text.size;
    level_free(walk->levels[walk->count]);
}

static void begin_again(bsi_tree_walk *walk)
{
    while (walk->count > 0) {
        pop(walk);
    }
    bsi_buf_clear(&walk->path);
    walk->entered = 0;
    walk->begun = false;
    walk->over = false;
    walk->descend = false;
}

/* A walk that did not come to its end has not kept everything. */
bs_status bsi_tree_walk_rewind(bsi_tree_walk *walk)
{
    const bool whole = walk->over;

    begin_again(walk);
    if (!walk->watch->again) {
        return BS_OK;
    }
    walk->replays = walk->replays || whole;
    if (walk->replays) {
        bsi_draft_rewind(walk->kept);
        return BS_OK;
    }
    bsi_draft_free(walk->kept);
    walk->kept = NULL;
    return bsi_draft_new(walk->session->env->temp_dir, &walk->kept);
}

void bsi_tree_walk_free(bsi_tree_walk *walk)
{
    if (walk) {
        begin_again(walk);
        bsi_draft_free(walk->kept);
        bsi_free(walk->levels);
        bsi_blob_reader_free(walk->reader);
        bsi_links_free(walk->links);
        bsi_buf_dispose(&walk->path);
        bsi_buf_dispose(&walk->xattrs);
        bsi_buf_dispose(&walk->parts);
        bsi_buf_dispose(&walk->unread);
        bsi_free(walk);
    }
}

/* --- What cannot be read --- */

static bsi_slice path_of(const bsi_tree_walk *walk)
{
    return (bsi_slice){(const char *)walk->path.data, walk->path.size};
}

/* Failures that are not of what is stored there end the walk. */
static bool is_of_the_tree(bs_status status)
{
    return bs_error_last()->layer == BS_LAYER_STORAGE && status != BS_E_CANCELLED &&
           status != BS_E_TIMEOUT && status != BS_E_NOMEM;
}

static bs_status tell_unread(const bsi_tree_walk *walk, const bsi_digest *tree, bs_status status)
{
    if (!walk->watch->unread || !is_of_the_tree(status)) {
        return status;
    }
    return walk->watch->unread(walk->watch->user, path_of(walk), tree, status);
}

static bool was_unread(const bsi_tree_walk *walk, const bsi_digest *tree)
{
    for (size_t at = 0; at < walk->unread.size; at += sizeof(*tree)) {
        if (memcmp(walk->unread.data + at, tree->bytes, sizeof(*tree)) == 0) {
            return true;
        }
    }
    return false;
}

static bs_status give_up_node(const bsi_tree_walk *walk, const bsi_digest *tree, bs_status status)
{
    return walk->replays && is_of_the_tree(status) ? BS_OK : tell_unread(walk, tree, status);
}

/* The rest of a tree, or all of it. */
static bs_status give_up_tree(const bsi_tree_walk *walk, const bsi_digest *tree, bs_status status)
{
    char hex[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(tree, hex);
    status = bsi_fail_context(BS_LAYER_STORAGE, status, "tree %s", hex);
    return give_up_node(walk, tree, status);
}

/* --- Down and up --- */

static bs_status check_bounds(const bsi_tree_walk *walk)
{
    if (walk->entered >= walk->entered_max) {
        return bsi_fail(
            BS_LAYER_STORAGE, BS_E_LIMIT,
            "the snapshot has more than %llu directories, which is more than %d for each "
            "blob of the repository",
            (unsigned long long)walk->entered_max, BSI_WALK_REPEATS);
    }
    if (walk->count >= BSI_WALK_DEPTH_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "directories lie in more than %d others",
                        BSI_WALK_DEPTH_MAX);
    }
    return BS_OK;
}

/* The next of those that are kept. */
static bs_status replay_text(bsi_tree_walk *walk, bsi_slice *out)
{
    bsi_record record;
    const bs_status status = bsi_draft_next(walk->kept, &record);

    BSI_TRY(status);
    BSI_CHECK(status != BS_END);
    *out = record.bytes;
    return BS_OK;
}

static bs_status read_text(bsi_tree_walk *walk, const bsi_digest *tree, bsi_slice *out)
{
    bsi_record record = {.kind = 0};

    if (walk->replays) {
        return replay_text(walk, out);
    }
    BSI_TRY(bsi_blob_reader_read(walk->reader, walk->session->env->call, BSI_BLOB_TREE, tree, out));
    if (out->size > BSI_BLOB_TREE_MAX - walk->text_bytes) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "the trees on the way to it have more than %d bytes", BSI_BLOB_TREE_MAX);
    }
    record.bytes = *out;
    return walk->kept ? bsi_draft_put(walk->kept, &record) : BS_OK;
}

static bs_status load_text(bsi_tree_walk *walk, const bsi_digest *tree, bsi_buf *out)
{
    bsi_slice text = {0};

    BSI_TRY(read_text(walk, tree, &text));
    return bsi_buf_append(out, text.data, text.size);
}

static bs_status grow(bsi_tree_walk *walk)
{
    const size_t capacity = walk->capacity > 0 ? walk->capacity * 2 : 32;
    level **levels = NULL;

    if (walk->count < walk->capacity) {
        return BS_OK;
    }
    levels = bsi_realloc_array(walk->levels, capacity, sizeof(level *));
    if (!levels) {
        return BS_E_NOMEM;
    }
    walk->levels = levels;
    walk->capacity = capacity;
    return BS_OK;
}

static bs_status push(bsi_tree_walk *walk, const bsi_digest *tree)
{
    level *top = NULL;
    bs_status status = grow(walk);

    BSI_TRY(status);
    top = bsi_calloc(1, sizeof(*top));
    if (!top) {
        return BS_E_NOMEM;
    }
    top->tree = *tree;
    top->path_size = walk->path.size;
    bsi_buf_init(&top->text, BSI_BLOB_TREE_MAX);
    bsi_buf_init(&top->last, BSI_PATH_MAX);
    status = load_text(walk, tree, &top->text);
    bsi_tree_reader_init(&top->nodes, top->text.data, top->text.size);
    if (status < 0) {
        level_free(top);
        return status;
    }
    walk->levels[walk->count++] = top;
    walk->text_bytes += top->text.size;
    return BS_OK;
}

/* A tree that could not be read stays so, or what is kept would be in another order. */
static bs_status load_tree(bsi_tree_walk *walk, const bsi_digest *tree)
{
    bs_status status = BS_OK;

    if (was_unread(walk, tree)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it could not be read before");
    }
    status = push(walk, tree);
    if (status < 0 && is_of_the_tree(status)) {
        bs_error failure;
        bsi_error_save(&failure);
        BSI_TRY(bsi_buf_append(&walk->unread, tree, sizeof(*tree)));
        bsi_error_restore(&failure);
    }
    return status;
}

/* Into a directory; one that cannot be read is passed over. */
static bs_status enter(bsi_tree_walk *walk, const bsi_digest *tree)
{
    bs_status status = BS_OK;

    BSI_TRY(check_bounds(walk));
    walk->entered++;
    status = load_tree(walk, tree);
    return status < 0 ? give_up_tree(walk, tree, status) : BS_OK;
}

/* --- One entry --- */

static bs_status set_path(bsi_tree_walk *walk, const level *top, bsi_slice name)
{
    walk->path.size = top->path_size;
    if (name.size >= BSI_PATH_MAX - top->path_size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the path of an entry in it is too long");
    }
    if (top->path_size > 0) {
        BSI_TRY(bsi_buf_append_byte(&walk->path, '/'));
    }
    return bsi_buf_append(&walk->path, name.data, name.size);
}

static bs_status add_part(bsi_tree_walk *walk, const bsi_digest *id, const bsi_blob *blob)
{
    const bsi_part part = {*id, bsi_blob_plain_size(blob)};

    return bsi_buf_append(&walk->parts, &part, sizeof(part));
}

/* How long a file really is: trees need not tell the truth. */
static bs_status measure(bsi_tree_walk *walk, bsi_tree_item *item)
{
    bsi_listed *listed = &item->entry.listed;
    bsi_blob_place place;
    uint64_t size = 0;

    bsi_buf_clear(&walk->parts);
    for (size_t i = 0; i < item->content_count; i++) {
        const bs_status status =
            bsi_repo_index_find(walk->session->index, BSI_BLOB_DATA, &item->content[i], 0, &place);
        BSI_TRY(status);
        if (status == BS_END) {
            item->incomplete = true;
            return BS_OK;
        }
        if (!bsi_add_u64(size, bsi_blob_plain_size(&place.blob), &size) || size > INT64_MAX) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "no file is that large");
        }
        BSI_TRY(add_part(walk, &item->content[i], &place.blob));
    }
    listed->entry.stat.size = size;
    listed->parts = (const bsi_part *)(const void *)walk->parts.data;
    listed->part_count = item->content_count;
    return BS_OK;
}

/* What two names of one inode have in common besides it. BS_END: restic counts no links there. */
static bs_status fingerprint(const bsi_tree_item *item, bsi_digest *out)
{
    const bsi_entry *entry = &item->entry.listed.entry;
    const uint32_t numbers[] = {(uint32_t)entry->stat.type, entry->stat.rdev_major,
                                entry->stat.rdev_minor};

    switch (entry->stat.type) {
    case BSI_TYPE_FILE:
        bsi_sha256_of(item->content, item->content_count * sizeof(*item->content), out);
        return BS_OK;
    case BSI_TYPE_SYMLINK:
        bsi_sha256_of(entry->link.data, entry->link.size, out);
        return BS_OK;
    case BSI_TYPE_CHAR_DEVICE:
    case BSI_TYPE_BLOCK_DEVICE:
        bsi_sha256_of(numbers, sizeof(numbers), out);
        return BS_OK;
    default:
        return BS_END;
    }
}

/*
 * What has one inode is one thing under several names, if it is the same: trees of several file
 * systems, or of several times, may be in one snapshot.
 */
static bs_status find_links(bsi_tree_walk *walk, bsi_tree_item *item)
{
    bsi_entry *entry = &item->entry.listed.entry;
    bsi_group_content *content = NULL;
    bsi_digest digest;
    uint32_t group = 0;
    bool is_new = false;

    if (entry->stat.nlink < 2 || entry->stat.ino == 0 || fingerprint(item, &digest) != BS_OK) {
        return BS_OK;
    }
    BSI_TRY(bsi_links_add(walk->links, &entry->stat, entry->path, &group, &is_new));
    content = bsi_links_content(walk->links, group);
    if (is_new) {
        content->sha256 = digest;
        content->known = true;
    } else if (bsi_digest_equal(&content->sha256, &digest) &&
               !bsi_slice_equal(bsi_links_head(walk->links, group), entry->path)) {
        entry->linked = bsi_links_head(walk->links, group);
    }
    return BS_OK;
}

static bs_status take_node(bsi_tree_walk *walk, const bsi_node *node)
{
    bsi_tree_item *item = &walk->item;

    *item = (bsi_tree_item){0};
    BSI_TRY(bsi_tree_entry(node, path_of(walk), &walk->xattrs, &item->entry.listed.entry));
    if (node->type == BSI_NODE_FILE) {
        item->content = node->content;
        item->content_count = node->content_count;
        BSI_TRY(measure(walk, item));
    }
    walk->descend = node->type == BSI_NODE_DIR &&
                    (!walk->watch->enters || walk->watch->enters(walk->watch->user, path_of(walk)));
    walk->subtree = node->subtree;
    item->subtree = node->type == BSI_NODE_DIR ? &walk->subtree : NULL;
    return find_links(walk, item);
}

/* BS_OK: there is one. BS_END: not this time. */
static bs_status next_node(bsi_tree_walk *walk)
{
    level *top = walk->levels[walk->count - 1];
    const bsi_digest tree = top->tree;
    bsi_node node;
    bs_status status = bsi_tree_reader_next(&top->nodes, &node);

    if (status != BS_OK) {
        walk->path.size = top->path_size;
        pop(walk);
        BSI_TRY(status < 0 ? give_up_tree(walk, &tree, status) : BS_OK);
        return BS_END;
    }
    status = set_path(walk, top, node.name);
    if (status >= 0 &&
        bsi_slice_equal(node.name, (bsi_slice){(const char *)top->last.data, top->last.size})) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the name stands twice in its tree");
    }
    if (status >= 0) {
        bsi_buf_clear(&top->last);
        status = bsi_buf_append(&top->last, node.name.data, node.name.size);
    }
    if (status >= 0) {
        status = take_node(walk, &node);
    }
    if (status < 0) {
        BSI_TRY(give_up_node(walk, &tree, status));
        return BS_END;
    }
    return BS_OK;
}

/* Where the walk begins, and behind an entry that is a directory. */
static bs_status go_down(bsi_tree_walk *walk)
{
    const bsi_digest tree = walk->begun ? walk->subtree : walk->root;
    const bool due = !walk->begun || walk->descend;

    walk->begun = true;
    walk->descend = false;
    return due ? enter(walk, &tree) : BS_OK;
}

bs_status bsi_tree_walk_next(bsi_tree_walk *walk, const bsi_tree_item **out)
{
    bs_status status = BS_END;

    while (status == BS_END) {
        BSI_TRY(bsi_call_check(walk->session->env->call));
        BSI_TRY(go_down(walk));
        walk->over = walk->count == 0;
        if (walk->over) {
            return BS_END;
        }
        status = next_node(walk);
    }
    BSI_TRY(status);
    *out = &walk->item;
    return BS_OK;
}
