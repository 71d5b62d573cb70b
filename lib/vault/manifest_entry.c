/* SPDX-License-Identifier: MIT */
/*
 * Parses the lines of a manifest that come by the million: entries.
 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "text/base64.h"
#include "text/decimal_time.h"
#include "text/json_read.h"
#include "vault/manifest_parse.h"

enum { EXTENTS_MAX = 1000000, XATTRS_MAX = 100000 };

void bsi_line_memory_init(bsi_line_memory *memory)
{
    bsi_buf *const bufs[] = {&memory->path,   &memory->link,       &memory->linked,
                             &memory->user,   &memory->group,      &memory->text,
                             &memory->xattrs, &memory->xattr_list, &memory->extent_list};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(bufs); i++) {
        bsi_buf_init(bufs[i], BSI_MANIFEST_LINE_MAX);
    }
}

void bsi_line_memory_dispose(bsi_line_memory *memory)
{
    bsi_buf *const bufs[] = {&memory->path,   &memory->link,       &memory->linked,
                             &memory->user,   &memory->group,      &memory->text,
                             &memory->xattrs, &memory->xattr_list, &memory->extent_list};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(bufs); i++) {
        bsi_buf_dispose(bufs[i]);
    }
}

/* What the fields of one line need while they are read. */
typedef struct entry_parser {
    bsi_json_reader json;
    bsi_line_memory *memory;
    bsi_manifest_entry *out;
    uint64_t seen; /* Bit n: field n of the table, or its twin, was there. */
} entry_parser;

static bs_status read_text(entry_parser *parser, bsi_buf *scratch, bsi_slice *out)
{
    return bsi_json_read_string(&parser->json, scratch, out);
}

static bs_status decode_base64(const bsi_json_reader *json, bsi_slice text, bsi_buf *out)
{
    if (bsi_base64_decode(text.data, text.size, out) < 0) {
        return bs_error_last()->code == BS_E_NOMEM ? BS_E_NOMEM
                                                   : bsi_json_fail(json, "this is not base 64");
    }
    return BS_OK;
}

static bs_status read_base64(entry_parser *parser, bsi_buf *keep, bsi_slice *out)
{
    bsi_slice text = {0};

    BSI_TRY(read_text(parser, &parser->memory->text, &text));
    bsi_buf_clear(keep);
    BSI_TRY(decode_base64(&parser->json, text, keep));
    *out = (bsi_slice){(const char *)keep->data, keep->size};
    return BS_OK;
}

static bs_status read_u32(entry_parser *parser, uint32_t *out)
{
    uint64_t value = 0;

    BSI_TRY(bsi_json_read_u64(&parser->json, &value));
    if (value > UINT32_MAX) {
        return bsi_json_fail(&parser->json, "%llu is out of range", (unsigned long long)value);
    }
    *out = (uint32_t)value;
    return BS_OK;
}

static bs_status read_time(entry_parser *parser, bsi_time *out)
{
    bsi_slice text = {0};

    BSI_TRY(read_text(parser, &parser->memory->text, &text));
    if (bsi_decimal_time_parse(text.data, text.size, &out->sec, &out->nsec) < 0) {
        return bsi_json_fail(&parser->json, "this is no time");
    }
    return BS_OK;
}

static bs_status read_path(entry_parser *parser)
{
    return read_text(parser, &parser->memory->path, &parser->out->listed.entry.path);
}

static bs_status read_path_base64(entry_parser *parser)
{
    return read_base64(parser, &parser->memory->path, &parser->out->listed.entry.path);
}

static bs_status read_link(entry_parser *parser)
{
    return read_text(parser, &parser->memory->link, &parser->out->listed.entry.link);
}

static bs_status read_link_base64(entry_parser *parser)
{
    return read_base64(parser, &parser->memory->link, &parser->out->listed.entry.link);
}

static bs_status read_linked(entry_parser *parser)
{
    return read_text(parser, &parser->memory->linked, &parser->out->listed.entry.linked);
}

static bs_status read_linked_base64(entry_parser *parser)
{
    return read_base64(parser, &parser->memory->linked, &parser->out->listed.entry.linked);
}

static bs_status read_user(entry_parser *parser)
{
    return read_text(parser, &parser->memory->user, &parser->out->listed.entry.user);
}

static bs_status read_group(entry_parser *parser)
{
    return read_text(parser, &parser->memory->group, &parser->out->listed.entry.group);
}

static bs_status read_type(entry_parser *parser)
{
    bsi_slice text = {0};

    BSI_TRY(read_text(parser, &parser->memory->text, &text));
    parser->out->listed.entry.stat.type = bsi_file_type_parse(text);
    if (parser->out->listed.entry.stat.type == 0) {
        return bsi_json_fail(&parser->json, "unknown type of entry");
    }
    return BS_OK;
}

static bs_status read_mode(entry_parser *parser)
{
    bsi_slice text = {0};
    uint32_t mode = 0;

    BSI_TRY(read_text(parser, &parser->memory->text, &text));
    for (size_t i = 0; i < 4; i++) {
        if (text.size != 4 || text.data[i] < '0' || text.data[i] > '7') {
            return bsi_json_fail(&parser->json, "a mode is four octal digits");
        }
        mode = mode << 3 | (uint32_t)(text.data[i] - '0');
    }
    parser->out->listed.entry.stat.mode = mode;
    return BS_OK;
}

static bs_status read_uid(entry_parser *parser)
{
    return read_u32(parser, &parser->out->listed.entry.stat.uid);
}

static bs_status read_gid(entry_parser *parser)
{
    return read_u32(parser, &parser->out->listed.entry.stat.gid);
}

static bs_status read_major(entry_parser *parser)
{
    return read_u32(parser, &parser->out->listed.entry.stat.rdev_major);
}

static bs_status read_minor(entry_parser *parser)
{
    return read_u32(parser, &parser->out->listed.entry.stat.rdev_minor);
}

static bs_status read_mtime(entry_parser *parser)
{
    return read_time(parser, &parser->out->listed.entry.stat.mtime);
}

static bs_status read_ctime(entry_parser *parser)
{
    return read_time(parser, &parser->out->listed.entry.stat.ctime);
}

static bs_status read_dev(entry_parser *parser)
{
    return bsi_json_read_u64(&parser->json, &parser->out->listed.entry.stat.dev);
}

static bs_status read_ino(entry_parser *parser)
{
    return bsi_json_read_u64(&parser->json, &parser->out->listed.entry.stat.ino);
}

static bs_status read_nlink(entry_parser *parser)
{
    return bsi_json_read_u64(&parser->json, &parser->out->listed.entry.stat.nlink);
}

static bs_status read_size(entry_parser *parser)
{
    BSI_TRY(bsi_json_read_u64(&parser->json, &parser->out->listed.entry.stat.size));
    if (parser->out->listed.entry.stat.size > INT64_MAX) {
        return bsi_json_fail(&parser->json, "no file is that large");
    }
    return BS_OK;
}

static bs_status read_sha256(entry_parser *parser)
{
    bsi_slice text = {0};

    BSI_TRY(read_text(parser, &parser->memory->text, &text));
    if (bsi_digest_parse(text.data, text.size, &parser->out->listed.sha256) < 0) {
        return bsi_json_fail(&parser->json, "a digest is 64 lower-case hex digits");
    }
    parser->out->listed.has_digest = true;
    return BS_OK;
}

static bs_status read_stored_in(entry_parser *parser)
{
    bsi_slice text = {0};

    BSI_TRY(read_text(parser, &parser->memory->text, &text));
    if (text.size != BS_ID_SIZE - 1) {
        return bsi_json_fail(&parser->json, "this is no id");
    }
    memcpy(parser->out->listed.stored_in, text.data, text.size);
    parser->out->listed.stored_in[text.size] = '\0';
    return BS_OK;
}

static bs_status read_at(entry_parser *parser)
{
    uint64_t values[4] = {0};
    size_t count = 0;
    bs_status status = BS_OK;
    bsi_locator *locator = &parser->out->locator;

    BSI_TRY(bsi_json_enter_array(&parser->json));
    while ((status = bsi_json_next_item(&parser->json)) == BS_OK) {
        if (count == BSI_ARRAY_SIZE(values)) {
            return bsi_json_fail(&parser->json, "too many numbers");
        }
        BSI_TRY(bsi_json_read_u64(&parser->json, &values[count]));
        count++;
    }
    BSI_TRY(status);
    if ((count != 2 && count != 4) || values[3] > UINT32_MAX) {
        return bsi_json_fail(&parser->json, "this is no place in a container");
    }
    *locator = (bsi_locator){values[0], values[1], values[2], (uint32_t)values[3]};
    parser->out->has_locator = true;
    return BS_OK;
}

/* The two numbers of an extent; the first is next. */
static bs_status read_extent(entry_parser *parser, bsi_buf *list)
{
    bsi_extent extent = {0};

    if (list->size == EXTENTS_MAX * sizeof(extent)) {
        return bsi_json_fail(&parser->json, "too many extents");
    }
    BSI_TRY(bsi_json_read_u64(&parser->json, &extent.offset));
    if (bsi_json_next_item(&parser->json) != BS_OK) {
        return bsi_json_fail(&parser->json, "an extent is two numbers");
    }
    BSI_TRY(bsi_json_read_u64(&parser->json, &extent.size));
    return bsi_buf_append(list, &extent, sizeof(extent));
}

static bs_status read_extents(entry_parser *parser)
{
    bsi_buf *list = &parser->memory->extent_list;
    bsi_entry *entry = &parser->out->listed.entry;
    bs_status status = BS_OK;

    bsi_buf_clear(list);
    BSI_TRY(bsi_json_enter_array(&parser->json));
    while ((status = bsi_json_next_item(&parser->json)) == BS_OK) {
        BSI_TRY(read_extent(parser, list));
    }
    BSI_TRY(status);
    entry->sparse = true;
    entry->extent_count = list->size / sizeof(bsi_extent);
    return BS_OK;
}

/* While the arena grows, names and values are kept as offsets into it. */
typedef struct xattr_place {
    size_t name_at;
    size_t name_size;
    size_t value_at;
    size_t value_size;
} xattr_place;

/* What systems hold at most; longer ones were never read from anywhere. */
enum { XATTR_NAME_MAX = 255 };

static bs_status append_bytes(entry_parser *parser, bool base64, size_t *at_out, size_t *size_out)
{
    bsi_buf *arena = &parser->memory->xattrs;
    bsi_slice text = {0};

    *at_out = arena->size;
    BSI_TRY(read_text(parser, &parser->memory->text, &text));
    if (base64) {
        BSI_TRY(decode_base64(&parser->json, text, arena));
    } else {
        BSI_TRY(bsi_buf_append(arena, text.data, text.size));
    }
    *size_out = arena->size - *at_out;
    return BS_OK;
}

/* `fields` counts what was there: one name, one value. */
static bs_status read_xattr_field(entry_parser *parser, bsi_slice key, xattr_place *out,
                                  unsigned fields[2])
{
    const bool base64 = key.size > 7 && memcmp(key.data + key.size - 7, "_base64", 7) == 0;

    if (bsi_slice_is(key, "name") || bsi_slice_is(key, "name_base64")) {
        fields[0]++;
        return append_bytes(parser, base64, &out->name_at, &out->name_size);
    }
    if (bsi_slice_is(key, "value") || bsi_slice_is(key, "value_base64")) {
        fields[1]++;
        return append_bytes(parser, base64, &out->value_at, &out->value_size);
    }
    return bsi_json_fail(&parser->json, "unknown field of an attribute");
}

static bs_status check_xattr(const entry_parser *parser, const xattr_place *place,
                             const unsigned fields[2])
{
    const uint8_t *arena = parser->memory->xattrs.data;

    if (fields[0] != 1 || fields[1] != 1 || place->name_size == 0 ||
        place->name_size > XATTR_NAME_MAX || memchr(arena + place->name_at, 0, place->name_size)) {
        return bsi_json_fail(&parser->json, "this can be no attribute");
    }
    return BS_OK;
}

static bs_status read_xattr(entry_parser *parser, xattr_place *out)
{
    unsigned fields[2] = {0};
    bsi_slice key = {0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_json_enter_object(&parser->json));
    while ((status = bsi_json_next_key(&parser->json, &key)) == BS_OK) {
        BSI_TRY(read_xattr_field(parser, key, out, fields));
    }
    BSI_TRY(status);
    return check_xattr(parser, out, fields);
}

static bs_status read_xattrs(entry_parser *parser)
{
    bsi_buf *list = &parser->memory->xattr_list;
    bs_status status = BS_OK;

    bsi_buf_clear(&parser->memory->xattrs);
    bsi_buf_clear(list);
    BSI_TRY(bsi_json_enter_array(&parser->json));
    while ((status = bsi_json_next_item(&parser->json)) == BS_OK) {
        xattr_place place = {0};
        if (list->size == XATTRS_MAX * sizeof(place)) {
            return bsi_json_fail(&parser->json, "too many attributes");
        }
        BSI_TRY(read_xattr(parser, &place));
        BSI_TRY(bsi_buf_append(list, &place, sizeof(place)));
    }
    BSI_TRY(status);
    parser->out->listed.entry.xattr_count = list->size / sizeof(xattr_place);
    return BS_OK;
}

/* Of twins only one may be there: they share a bit of `seen`. */
enum { PATH_BIT = 60, LINK_BIT, LINKED_BIT };

/* Bit n: entries of type n. */
enum {
    OF_FILES = 1 << BSI_TYPE_FILE,
    OF_LINKS = 1 << BSI_TYPE_SYMLINK,
    OF_DEVICES = 1 << BSI_TYPE_CHAR_DEVICE | 1 << BSI_TYPE_BLOCK_DEVICE,
    OF_OTHERS = 0xff & ~(1 << BSI_TYPE_DIR), /* All but directories. */
    OF_ALL = 0xff,
};

static const struct {
    const char *key;
    bs_status (*read)(entry_parser *parser);
    unsigned bit; /* 0: the row's own. */
    unsigned of;  /* The types of entries that have it. */
} fields[] = {
    {"path", read_path, PATH_BIT, OF_ALL},
    {"type", read_type, 0, OF_ALL},
    {"mode", read_mode, 0, OF_ALL},
    {"uid", read_uid, 0, OF_ALL},
    {"gid", read_gid, 0, OF_ALL},
    {"user", read_user, 0, OF_ALL},
    {"group", read_group, 0, OF_ALL},
    {"mtime", read_mtime, 0, OF_ALL},
    {"ctime", read_ctime, 0, OF_ALL},
    {"dev", read_dev, 0, OF_ALL},
    {"ino", read_ino, 0, OF_ALL},
    {"nlink", read_nlink, 0, OF_OTHERS},
    {"size", read_size, 0, OF_FILES},
    {"sha256", read_sha256, 0, OF_FILES},
    {"stored_in", read_stored_in, 0, OF_FILES},
    {"at", read_at, 0, OF_FILES},
    {"link", read_link, LINK_BIT, OF_LINKS},
    {"linked", read_linked, LINKED_BIT, OF_OTHERS},
    {"extents", read_extents, 0, OF_FILES},
    {"xattrs", read_xattrs, 0, OF_ALL},
    {"major", read_major, 0, OF_DEVICES},
    {"minor", read_minor, 0, OF_DEVICES},
    {"path_base64", read_path_base64, PATH_BIT, OF_ALL},
    {"link_base64", read_link_base64, LINK_BIT, OF_LINKS},
    {"linked_base64", read_linked_base64, LINKED_BIT, OF_OTHERS},
};

static uint64_t bit_of(size_t at)
{
    return UINT64_C(1) << (fields[at].bit ? fields[at].bit : at);
}

/* Lines are written in the order of the table, so the search begins behind the last hit. */
static bs_status read_field(entry_parser *parser, bsi_slice key, size_t *next)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(fields); i++) {
        const size_t at = (*next + i) % BSI_ARRAY_SIZE(fields);
        if (!bsi_slice_is(key, fields[at].key)) {
            continue;
        }
        if (parser->seen & bit_of(at)) {
            return bsi_json_fail(&parser->json, "field '%s' stands twice", fields[at].key);
        }
        parser->seen |= bit_of(at);
        *next = at + 1;
        return fields[at].read(parser);
    }
    return bsi_json_fail(&parser->json, "unknown field");
}

/* Only now, when the arena no longer moves, can attributes point into it. */
static void place_xattrs(bsi_line_memory *memory, bsi_entry *entry)
{
    bsi_xattr *list = NULL;
    const char *arena = (const char *)memory->xattrs.data;

    static_assert(sizeof(bsi_xattr) == sizeof(xattr_place), "places become attributes in place");
    for (size_t i = 0; i < entry->xattr_count; i++) {
        xattr_place place;
        bsi_xattr xattr;
        uint8_t *slot = memory->xattr_list.data + i * sizeof(place);
        memcpy(&place, slot, sizeof(place));
        xattr.name = (bsi_slice){arena + place.name_at, place.name_size};
        xattr.value = (bsi_slice){arena + place.value_at, place.value_size};
        memcpy(slot, &xattr, sizeof(xattr));
    }
    list = (bsi_xattr *)(void *)memory->xattr_list.data;
    entry->xattrs = entry->xattr_count > 0 ? list : NULL;
}

static bs_status check_extents(const bsi_json_reader *json, const bsi_entry *entry)
{
    uint64_t end = 0;

    for (size_t i = 0; i < entry->extent_count; i++) {
        const bsi_extent *extent = &entry->extents[i];
        if ((i > 0 && extent->offset < end) || !bsi_add_u64(extent->offset, extent->size, &end) ||
            end > entry->stat.size || extent->size == 0) {
            return bsi_json_fail(json, "extents overlap or leave the file");
        }
    }
    return BS_OK;
}

static bs_status check_entry(const bsi_json_reader *json, const bsi_manifest_entry *parsed)
{
    const bsi_entry *entry = &parsed->listed.entry;
    const bool file = entry->stat.type == BSI_TYPE_FILE;

    if (entry->stat.type == 0 || !bsi_path_is_safe(entry->path)) {
        return bsi_json_fail(json, "an entry without a type or with an unsafe path");
    }
    if (entry->linked.size > 0 && !bsi_path_is_safe(entry->linked)) {
        return bsi_json_fail(json, "a hard link to an unsafe path");
    }
    if (file && !parsed->listed.has_digest) {
        return bsi_json_fail(json, "a file without a digest");
    }
    if (entry->stat.type == BSI_TYPE_SYMLINK && entry->link.size == 0) {
        return bsi_json_fail(json, "a symbolic link without content");
    }
    if (entry->link.size > 0 && memchr(entry->link.data, '\0', entry->link.size)) {
        return bsi_json_fail(json, "a symbolic link with a zero byte");
    }
    return check_extents(json, entry);
}

/* After check_entry(): there is a type. */
static bs_status check_fields(const entry_parser *parser)
{
    const bsi_file_type type = parser->out->listed.entry.stat.type;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(fields); i++) {
        if ((parser->seen & bit_of(i)) && !(fields[i].of & 1u << type)) {
            return bsi_json_fail(&parser->json, "no %s has the field '%s'",
                                 bsi_file_type_name(type), fields[i].key);
        }
    }
    return BS_OK;
}

bs_status bsi_parse_entry(bsi_slice line, bsi_line_memory *memory, bsi_manifest_entry *out)
{
    entry_parser parser = {.memory = memory, .out = out};
    bsi_entry *entry = &out->listed.entry;
    bsi_slice key = {0};
    size_t next = 0;
    bs_status status = BS_OK;

    *out = (bsi_manifest_entry){0};
    bsi_json_init(&parser.json, line.data, line.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    BSI_TRY(bsi_json_enter_object(&parser.json));
    while ((status = bsi_json_next_key(&parser.json, &key)) == BS_OK) {
        BSI_TRY(read_field(&parser, key, &next));
    }
    BSI_TRY(status);
    BSI_TRY(bsi_json_end(&parser.json));
    place_xattrs(memory, entry);
    entry->extents = (const bsi_extent *)(const void *)memory->extent_list.data;
    BSI_TRY(check_entry(&parser.json, out));
    return check_fields(&parser);
}
