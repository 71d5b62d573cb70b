/* SPDX-License-Identifier: MIT */
/*
 * Reading trees. Each node's members may come in any order; null stands for a
 * member that is not there, as with Go.
 */
#include <assert.h>
#include <string.h>

#include "repo/json_parts.h"
#include "repo/tree.h"
#include "text/base64.h"

/* Which scratch buffer a string that needs one lies in. */
enum {
    IN_NAME,
    IN_QUOTED, /* What is decoded further. */
    IN_USER,
    IN_GROUP,
    IN_TARGET,
    IN_RAW_TARGET,
    IN_ERROR,
    IN_XATTR_NAME,
    IN_XATTR_VALUE,
    IN_COUNT
};
static_assert(IN_COUNT == BSI_ARRAY_SIZE(((bsi_tree_reader *)0)->scratch), "a buffer for each");

/* A tree's text is all in memory, and nothing in a node is longer than it. */
#define NODE_BYTES_MAX ((size_t)1 << 31)

void bsi_tree_reader_init(bsi_tree_reader *reader, const void *text, size_t size)
{
    memset(reader, 0, sizeof(*reader));
    bsi_json_init(&reader->json, text, size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(reader->scratch); i++) {
        bsi_buf_init(&reader->scratch[i], NODE_BYTES_MAX);
    }
    bsi_buf_init(&reader->content, NODE_BYTES_MAX);
    bsi_buf_init(&reader->xattrs, NODE_BYTES_MAX);
    bsi_buf_init(&reader->xattr_bytes, NODE_BYTES_MAX);
}

void bsi_tree_reader_dispose(bsi_tree_reader *reader)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(reader->scratch); i++) {
        bsi_buf_dispose(&reader->scratch[i]);
    }
    bsi_buf_dispose(&reader->content);
    bsi_buf_dispose(&reader->xattrs);
    bsi_buf_dispose(&reader->xattr_bytes);
}

static bs_status read_type(bsi_tree_reader *self, bsi_node_type *out)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch[IN_QUOTED], &text));
    return bsi_node_type_parse(text, out);
}

static bs_status read_name(bsi_tree_reader *self, bsi_slice *out)
{
    bsi_buf *const name = &self->scratch[IN_NAME];
    bsi_slice quoted = {0};

    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch[IN_QUOTED], &quoted));
    bsi_buf_clear(name);
    BSI_TRY(bsi_go_unquote(quoted, name));
    *out = bsi_buf_slice(name);
    return BS_OK;
}

static bs_status read_base64(bsi_tree_reader *self, bsi_buf *out)
{
    bsi_slice text = {0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch[IN_QUOTED], &text));
    status = bsi_base64_decode(text.data, text.size, out);
    return status == BS_E_INVALID ? bsi_json_fail(&self->json, "not base 64") : status;
}

/* The exact bytes of a link's target, which count for more than its text. */
static bs_status read_raw_target(bsi_tree_reader *self, bsi_slice *out)
{
    bsi_buf *const raw = &self->scratch[IN_RAW_TARGET];

    bsi_buf_clear(raw);
    BSI_TRY(read_base64(self, raw));
    *out = bsi_buf_slice(raw);
    return BS_OK;
}

static bs_status content_item(bsi_json_reader *reader, void *user)
{
    bsi_tree_reader *self = user;
    bsi_digest digest;

    BSI_TRY(bsi_json_read_digest(reader, &self->scratch[IN_QUOTED], &digest));
    return bsi_buf_append(&self->content, &digest, sizeof(digest));
}

static bs_status read_content(bsi_tree_reader *self, bsi_node *node)
{
    bsi_buf_clear(&self->content);
    node->has_content = true;
    return bsi_json_each_item(&self->json, content_item, self);
}

/* An extended attribute while it is read. */
typedef struct xattr_parts {
    bsi_tree_reader *self;
    bsi_node_xattr xattr;
} xattr_parts;

static bs_status xattr_member(bsi_json_reader *reader, bsi_slice key, void *user)
{
    xattr_parts *parts = user;
    bsi_tree_reader *self = parts->self;
    bsi_buf *const value = &self->scratch[IN_XATTR_VALUE];

    if (bsi_slice_is(key, "name")) {
        return bsi_json_read_string(reader, &self->scratch[IN_XATTR_NAME], &parts->xattr.name);
    }
    if (bsi_slice_is(key, "value")) {
        bsi_buf_clear(value);
        BSI_TRY(read_base64(self, value));
        parts->xattr.value = bsi_buf_slice(value);
        return BS_OK;
    }
    return bsi_json_skip(reader);
}

/* Name and value, one after the other, go to `xattr_bytes`, which may move: only sizes are kept. */
static bs_status xattr_item(bsi_json_reader *reader, void *user)
{
    bsi_tree_reader *self = user;
    xattr_parts parts = {.self = self};
    const bsi_node_xattr *xattr = &parts.xattr;

    BSI_TRY(bsi_json_each_member(reader, xattr_member, &parts));
    BSI_TRY(bsi_buf_append(&self->xattr_bytes, xattr->name.data, xattr->name.size));
    BSI_TRY(bsi_buf_append(&self->xattr_bytes, xattr->value.data, xattr->value.size));
    return bsi_buf_append(&self->xattrs, xattr, sizeof(*xattr));
}

static bs_status read_xattrs(bsi_tree_reader *self)
{
    bsi_buf_clear(&self->xattrs);
    bsi_buf_clear(&self->xattr_bytes);
    return bsi_json_each_item(&self->json, xattr_item, self);
}

/* Now that nothing moves any more. */
static void place_lists(bsi_tree_reader *self, bsi_node *node)
{
    bsi_node_xattr *const xattrs = (bsi_node_xattr *)(void *)self->xattrs.data;
    const char *at = (const char *)self->xattr_bytes.data;

    node->xattrs = xattrs;
    node->xattr_count = self->xattrs.size / sizeof(*xattrs);
    for (size_t i = 0; i < node->xattr_count; i++) {
        xattrs[i].name.data = at;
        at += xattrs[i].name.size;
        xattrs[i].value.data = at;
        at += xattrs[i].value.size;
    }
    node->content = (const bsi_digest *)(const void *)self->content.data;
    node->content_count = self->content.size / sizeof(bsi_digest);
}

/* What a member of a node is, and where it goes. */
typedef enum member_kind {
    KIND_NAME,
    KIND_TYPE,
    KIND_TIME,
    KIND_U32,
    KIND_U64,
    KIND_STRING,
    KIND_RAW_TARGET,
    KIND_XATTRS,
    KIND_JSON,
    KIND_CONTENT,
    KIND_SUBTREE,
} member_kind;

typedef struct member {
    const char *key;
    member_kind kind;
    size_t offset;  /* In bsi_node. */
    size_t scratch; /* Of a string. */
} member;

#define AT(field) offsetof(bsi_node, field)

static const member members[] = {
    {"name", KIND_NAME, AT(name), 0},
    {"type", KIND_TYPE, AT(type), 0},
    {"mode", KIND_U32, AT(mode), 0},
    {"mtime", KIND_TIME, AT(mtime), 0},
    {"atime", KIND_TIME, AT(atime), 0},
    {"ctime", KIND_TIME, AT(ctime), 0},
    {"uid", KIND_U32, AT(uid), 0},
    {"gid", KIND_U32, AT(gid), 0},
    {"user", KIND_STRING, AT(user), IN_USER},
    {"group", KIND_STRING, AT(group), IN_GROUP},
    {"inode", KIND_U64, AT(inode), 0},
    {"device_id", KIND_U64, AT(device_id), 0},
    {"size", KIND_U64, AT(size), 0},
    {"links", KIND_U64, AT(links), 0},
    {"linktarget", KIND_STRING, AT(link_target), IN_TARGET},
    {"linktarget_raw", KIND_RAW_TARGET, 0, 0},
    {"extended_attributes", KIND_XATTRS, 0, 0},
    {"generic_attributes", KIND_JSON, AT(generic_attributes), 0},
    {"device", KIND_U64, AT(device), 0},
    {"content", KIND_CONTENT, 0, 0},
    {"subtree", KIND_SUBTREE, AT(subtree), 0},
    {"error", KIND_STRING, AT(error), IN_ERROR},
};

static const member *find_member(bsi_slice key)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(members); i++) {
        if (bsi_slice_is(key, members[i].key)) {
            return &members[i];
        }
    }
    return NULL;
}

/* A node while it is read. */
typedef struct node_parts {
    bsi_tree_reader *self;
    bsi_node *node;
    bsi_slice raw_target;
    bool has_type;
} node_parts;

static bs_status read_member(const member *found, node_parts *parts)
{
    bsi_tree_reader *self = parts->self;
    void *const field = (char *)parts->node + found->offset;

    switch (found->kind) {
    case KIND_NAME:
        return read_name(self, field);
    case KIND_TYPE:
        parts->has_type = true;
        return read_type(self, field);
    case KIND_TIME:
        return bsi_json_read_go_time(&self->json, &self->scratch[IN_QUOTED], field);
    case KIND_U32:
        return bsi_json_read_u32(&self->json, field);
    case KIND_U64:
        return bsi_json_read_u64(&self->json, field);
    case KIND_STRING:
        return bsi_json_read_string(&self->json, &self->scratch[found->scratch], field);
    case KIND_RAW_TARGET:
        return read_raw_target(self, &parts->raw_target);
    case KIND_XATTRS:
        return read_xattrs(self);
    case KIND_JSON:
        return bsi_json_raw_value(&self->json, field);
    case KIND_CONTENT:
        return read_content(self, parts->node);
    case KIND_SUBTREE:
        parts->node->has_subtree = true;
        return bsi_json_read_digest(&self->json, &self->scratch[IN_QUOTED], field);
    }
    return BS_E_INTERNAL;
}

static bs_status node_member(bsi_json_reader *reader, bsi_slice key, void *user)
{
    const member *found = find_member(key);

    return found ? read_member(found, user) : bsi_json_skip(reader);
}

static bs_status read_node(bsi_tree_reader *self, bsi_node *node)
{
    node_parts parts = {.self = self, .node = node};

    *node = (bsi_node){
        .mtime = BSI_GO_TIME_NONE,
        .atime = BSI_GO_TIME_NONE,
        .ctime = BSI_GO_TIME_NONE,
    };
    bsi_buf_clear(&self->content);
    bsi_buf_clear(&self->xattrs);
    bsi_buf_clear(&self->xattr_bytes);
    BSI_TRY(bsi_json_each_member(&self->json, node_member, &parts));
    if (!parts.has_type) {
        return bsi_json_fail(&self->json, "a node without a type");
    }
    if (!bsi_node_name_is_valid(node->name)) {
        char shown[128];
        return bsi_json_fail(&self->json, "'%s' is not a name of a node",
                             bsi_printable(node->name.data, node->name.size, shown, sizeof(shown)));
    }
    if (parts.raw_target.size > 0) {
        node->link_target = parts.raw_target;
    }
    place_lists(self, node);
    return BS_OK;
}

/* Pass over members of the tree until its nodes begin; BS_END: it is over. */
static bs_status find_nodes(bsi_tree_reader *self)
{
    bsi_slice key = {0};

    for (;;) {
        const bs_status status = bsi_json_next_key(&self->json, &key);
        if (status != BS_OK) {
            return status;
        }
        if (bsi_slice_is(key, "nodes")) {
            self->in_nodes = true;
            return bsi_json_enter_array(&self->json);
        }
        BSI_TRY(bsi_json_skip(&self->json));
    }
}

/* What comes behind the list: members that are passed over, and the end. */
static bs_status pass_rest(bsi_tree_reader *self)
{
    bsi_slice key = {0};
    bs_status status = bsi_json_next_key(&self->json, &key);

    while (status == BS_OK) {
        if (bsi_slice_is(key, "nodes")) {
            return bsi_json_fail(&self->json, "the nodes of a tree twice");
        }
        BSI_TRY(bsi_json_skip(&self->json));
        status = bsi_json_next_key(&self->json, &key);
    }
    BSI_TRY(status);
    return bsi_json_end(&self->json);
}

/* To the next node, which is not read yet; BS_END behind the last. */
static bs_status advance(bsi_tree_reader *self)
{
    bs_status status = BS_OK;

    if (self->over) {
        return BS_END;
    }
    if (self->json.depth == 0) {
        BSI_TRY(bsi_json_enter_object(&self->json));
        status = find_nodes(self);
    }
    if (status == BS_OK && self->in_nodes) {
        status = bsi_json_next_item(&self->json);
    }
    if (status <= BS_OK) {
        return status;
    }
    if (!self->in_nodes) {
        return bsi_json_fail(&self->json, "a tree without nodes");
    }
    BSI_TRY(pass_rest(self));
    self->over = true;
    return BS_END;
}

static bs_status in_context(bs_status status)
{
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "a tree") : status;
}

bs_status bsi_tree_reader_next(bsi_tree_reader *reader, bsi_node *out)
{
    bs_status status = advance(reader);

    if (status == BS_OK) {
        status = read_node(reader, out);
    }
    return in_context(status);
}

/* The members that tell what a node is; restic writes them first. */
static bs_status read_head(bsi_tree_reader *self, bsi_node_text *out)
{
    bsi_slice key = {0};
    bool has_name = false;
    bool has_type = false;

    BSI_TRY(bsi_json_enter_object(&self->json));
    while (!has_name || !has_type) {
        bs_status status = bsi_json_next_key(&self->json, &key);
        if (status == BS_END) {
            return bsi_json_fail(&self->json, "a node without a %s", has_name ? "type" : "name");
        }
        if (status == BS_OK && bsi_slice_is(key, "name")) {
            status = read_name(self, &out->name);
            has_name = true;
        } else if (status == BS_OK && bsi_slice_is(key, "type")) {
            status = read_type(self, &out->type);
            has_type = true;
        } else if (status == BS_OK) {
            status = bsi_json_skip(&self->json);
        }
        BSI_TRY(status);
    }
    return BS_OK;
}

bs_status bsi_tree_reader_next_text(bsi_tree_reader *reader, bsi_node_text *out)
{
    bsi_json_reader place;
    bs_status status = advance(reader);

    if (status == BS_OK) {
        status = bsi_json_raw_value(&reader->json, &out->text);
    }
    if (status == BS_OK) {
        place = reader->json;
        bsi_json_init(&reader->json, out->text.data, out->text.size, BS_LAYER_STORAGE,
                      BS_E_CORRUPT);
        status = read_head(reader, out);
        reader->json = place;
    }
    return in_context(status);
}

bs_status bsi_tree_reader_parse(bsi_tree_reader *reader, bsi_slice text, bsi_node *out)
{
    bs_status status = BS_OK;

    bsi_json_init(&reader->json, text.data, text.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    status = read_node(reader, out);
    if (status == BS_OK) {
        status = bsi_json_end(&reader->json);
    }
    return in_context(status);
}
