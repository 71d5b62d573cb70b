/* SPDX-License-Identifier: MIT */
/*
 * Nodes of trees out of files, and files' content without a break.
 */
#include "vault/repository/nodes.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/checked.h"
#include "source/change.h"

#define ZONE_FILE "/etc/localtime"

/* --- The zone --- */

static bs_status parse_zone_file(int fd, bsi_timezone **out)
{
    char bytes[4096]; /* Those of the database have less. */
    size_t size = 0;

    BSI_TRY(bsi_read(fd, bytes, sizeof(bytes), &size));
    return bsi_timezone_parse(bytes, size, out);
}

bs_status bsi_local_zone_load(bsi_timezone **out)
{
    bs_error before;
    int fd = -1;
    bs_status status = BS_OK;

    bsi_error_save(&before);
    status = bsi_open(BSI_CWD, ZONE_FILE, BSI_OPEN_READ | BSI_OPEN_NONBLOCK, 0, &fd);
    if (status == BS_OK) {
        status = parse_zone_file(fd, out);
    }
    bsi_close_quietly(fd);
    if (status < 0 && status != BS_E_NOMEM) {
        bsi_error_restore(&before);
        status = bsi_timezone_from_rule("UTC0", 4, out);
    }
    return status;
}

bsi_go_time bsi_node_time(const bsi_timezone *zone, const bsi_time *time)
{
    return (bsi_go_time){.sec = time->sec,
                         .nsec = time->nsec,
                         .offset_sec = bsi_timezone_span_at(zone, time->sec).offset};
}

/* --- Nodes --- */

static const struct {
    bsi_file_type file;
    bsi_node_type node;
    uint32_t mode;
} types[] = {
    {BSI_TYPE_FILE, BSI_NODE_FILE, S_IFREG},
    {BSI_TYPE_DIR, BSI_NODE_DIR, S_IFDIR},
    {BSI_TYPE_SYMLINK, BSI_NODE_SYMLINK, S_IFLNK},
    {BSI_TYPE_FIFO, BSI_NODE_FIFO, S_IFIFO},
    {BSI_TYPE_SOCKET, BSI_NODE_SOCKET, S_IFSOCK},
    {BSI_TYPE_CHAR_DEVICE, BSI_NODE_CHAR_DEVICE, S_IFCHR},
    {BSI_TYPE_BLOCK_DEVICE, BSI_NODE_BLOCK_DEVICE, S_IFBLK},
};

static void set_type(bsi_node *node, const bsi_stat *stat)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(types); i++) {
        if (types[i].file == stat->type) {
            node->type = types[i].node;
            node->mode = bsi_go_mode_from_stat(types[i].mode | stat->mode);
        }
    }
}

bsi_file_type bsi_node_file_type(bsi_node_type type)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(types); i++) {
        if (types[i].node == type) {
            return types[i].file;
        }
    }
    return (bsi_file_type)0;
}

/* restic does not count the links of directories and FIFOs. */
static bool tells_links(bsi_node_type type)
{
    return type == BSI_NODE_FILE || type == BSI_NODE_SYMLINK || type == BSI_NODE_BLOCK_DEVICE ||
           type == BSI_NODE_CHAR_DEVICE;
}

void bsi_node_from_stat(bsi_node *out, bsi_slice path, const bsi_stat *stat,
                        const bsi_timezone *zone)
{
    const char *const slash = path.size > 0 ? memrchr(path.data, '/', path.size) : NULL;
    const size_t before = slash ? (size_t)(slash + 1 - path.data) : 0;

    *out = (bsi_node){
        .name = {path.data + before, path.size - before},
        .mtime = bsi_node_time(zone, &stat->mtime),
        .atime = bsi_node_time(zone, &stat->mtime), /* restic's default. */
        .ctime = bsi_node_time(zone, &stat->ctime),
        .uid = stat->uid,
        .gid = stat->gid,
        .inode = stat->ino,
        .device_id = stat->dev,
    };
    set_type(out, stat);
    out->size = stat->type == BSI_TYPE_FILE ? stat->size : 0;
    out->links = tells_links(out->type) ? stat->nlink : 0;
    if (out->type == BSI_NODE_BLOCK_DEVICE || out->type == BSI_NODE_CHAR_DEVICE) {
        out->device = makedev(stat->rdev_major, stat->rdev_minor);
    }
}

/* The value of an attribute, if it could be read. */
static const bsi_xattr *find_xattr(const bsi_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        if (bsi_slice_is(entry->xattrs[i].name, name)) {
            return &entry->xattrs[i];
        }
    }
    return NULL;
}

bs_status bsi_node_take_file(bsi_node *node, const bsi_source_file *file, bsi_buf *xattrs)
{
    const bsi_entry *entry = bsi_source_entry(file);
    const bsi_slice names = bsi_source_attribute_names(file);

    node->user = entry->user;
    node->group = entry->group;
    node->link_target = entry->link;
    bsi_buf_clear(xattrs);
    for (size_t at = 0; at < names.size; at += strlen(names.data + at) + 1) {
        const bsi_xattr *found = find_xattr(entry, names.data + at);
        const bsi_node_xattr xattr =
            found ? (bsi_node_xattr){found->name, found->value} : (bsi_node_xattr){{0}, {0}};
        BSI_TRY(found ? bsi_buf_append(xattrs, &xattr, sizeof(xattr)) : BS_OK);
    }
    node->xattrs = (const bsi_node_xattr *)(const void *)xattrs->data;
    node->xattr_count = xattrs->size / sizeof(*node->xattrs);
    return BS_OK;
}

bool bsi_node_unchanged(const bsi_node *before, const bsi_stat *now, const bsi_time *scan_began)
{
    const bsi_stat then = {
        .type = bsi_node_file_type(before->type),
        .size = before->type == BSI_NODE_FILE ? before->size : now->size,
        .ino = before->inode,
        .mtime = {before->mtime.sec, before->mtime.nsec},
        .ctime = {before->ctime.sec, before->ctime.nsec},
    };

    return bsi_source_unchanged(now, &then, scan_began);
}

/* --- Content --- */

static bs_status read_file(void *user, const bs_call *call, void *buf, size_t size, size_t *got_out)
{
    return bsi_source_read(user, call, buf, size, got_out);
}

bsi_flat_reader bsi_flat_of_file(bsi_source_file *file)
{
    return (bsi_flat_reader){.entry = bsi_source_entry(file), .read = read_file, .user = file};
}

/* How far the hole or the data goes that the reader stands in; 0 at the end. */
static uint64_t stretch(bsi_flat_reader *self, bool *is_hole)
{
    const bsi_entry *entry = self->entry;
    const bsi_extent *extent = NULL;

    *is_hole = false;
    if (!entry->sparse) {
        return entry->stat.size - self->at;
    }
    while (self->extent < entry->extent_count &&
           entry->extents[self->extent].offset + entry->extents[self->extent].size <= self->at) {
        self->extent++;
    }
    extent = self->extent < entry->extent_count ? &entry->extents[self->extent] : NULL;
    if (extent && extent->offset <= self->at) {
        return extent->offset + extent->size - self->at;
    }
    *is_hole = true;
    return (extent ? extent->offset : entry->stat.size) - self->at;
}

uint64_t bsi_flat_hole(bsi_flat_reader *reader)
{
    bool is_hole = false;
    const uint64_t size = stretch(reader, &is_hole);

    return is_hole ? size : 0;
}

void bsi_flat_skip(bsi_flat_reader *reader, uint64_t size)
{
    reader->at += size;
}

/* Of one hole or one stretch of data; 0 bytes at the end. */
static bs_status read_stretch(bsi_flat_reader *reader, const bs_call *call, uint8_t *bytes,
                              size_t size, size_t *got_out)
{
    bool is_hole = false;
    const size_t wanted = (size_t)bsi_min_u64(stretch(reader, &is_hole), size);

    *got_out = wanted;
    if (wanted == 0) {
        return BS_OK;
    }
    if (is_hole) {
        memset(bytes, 0, wanted);
    } else {
        BSI_TRY(reader->read(reader->user, call, bytes, wanted, got_out));
    }
    reader->at += *got_out;
    return BS_OK;
}

bs_status bsi_flat_read(bsi_flat_reader *reader, const bs_call *call, void *buf, size_t size,
                        size_t *got_out)
{
    uint8_t *const bytes = buf;
    size_t got = 1;

    *got_out = 0;
    while (*got_out < size && got > 0) {
        BSI_TRY(read_stretch(reader, call, bytes + *got_out, size - *got_out, &got));
        *got_out += got;
    }
    return BS_OK;
}
