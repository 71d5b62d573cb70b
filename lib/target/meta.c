/* SPDX-License-Identifier: MIT */
/*
 * Metadata, in the order in which each step leaves the earlier ones standing:
 * a new owner clears setuid bits and capabilities, a mode becomes the mask of an
 * ACL, and a user attribute needs a file that its owner may write.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/endian.h"
#include "target/state.h"

enum {
    SET_ID_BITS = 06000,
    SET_GID_BIT = 02000,
    STAGE_USER = 0,
    STAGE_ACL,
    STAGE_PRIVILEGED,
    STAGE_CAPABILITY,
    STAGE_NONE, /* Not ours to set, and nothing to speak of. */
    STAGE_REFUSED,
    ATTR_NAME_MAX = 255,
    ATTR_VALUE_MAX = 64 * 1024,
    ATTR_TOTAL_MAX = 4 * 1024 * 1024,
    ACL_HEADER_SIZE = 4,
    ACL_RECORD_SIZE = 8, /* Tag and rights, 16 bits each, and an id. */
    ACL_TAG_USER = 2,
    ACL_TAG_OWNING_GROUP = 4,
    ACL_TAG_GROUP = 8,
    ROOM_FOR_ATTRS = 1024 * 1024,
};

static const char acl_access[] = "system.posix_acl_access";
static const char acl_default[] = "system.posix_acl_default";

static bool begins_with(bsi_slice text, const char *prefix)
{
    const size_t size = strlen(prefix);

    return text.size > size && memcmp(text.data, prefix, size) == 0;
}

static unsigned stage_of(const bsi_target *target, bsi_file_type type, bsi_slice name)
{
    if (begins_with(name, "user.")) {
        return STAGE_USER;
    }
    if (bsi_slice_is(name, acl_access)) {
        return type == BSI_TYPE_SYMLINK ? STAGE_NONE : STAGE_ACL;
    }
    if (bsi_slice_is(name, acl_default)) {
        return type == BSI_TYPE_DIR ? STAGE_ACL : STAGE_NONE;
    }
    if (bsi_slice_is(name, "security.capability")) {
        return target->options.privileged ? STAGE_CAPABILITY : STAGE_REFUSED;
    }
    if (target->options.privileged) {
        return STAGE_PRIVILEGED;
    }
    /* Labels of security modules are for the system to choose. */
    return begins_with(name, "trusted.") ? STAGE_REFUSED : STAGE_NONE;
}

static bool attr_is_sound(const bsi_xattr *attr)
{
    return attr->name.size > 0 && attr->name.size <= ATTR_NAME_MAX &&
           !memchr(attr->name.data, '\0', attr->name.size) && attr->value.size <= ATTR_VALUE_MAX;
}

/* Whether an attribute is to be set; what may not be is counted once, by the first pass. */
static bool wants(bsi_target *target, const bsi_entry *entry, const bsi_xattr *attr,
                  unsigned *stage_out)
{
    if (!attr_is_sound(attr)) {
        bsi_target_lose(target, BSI_LOSS_XATTR, BS_OK);
        return false;
    }
    *stage_out = stage_of(target, entry->stat.type, attr->name);
    if (*stage_out == STAGE_REFUSED) {
        bsi_target_lose(target, BSI_LOSS_PRIVILEGED, BS_OK);
    }
    return *stage_out < STAGE_NONE;
}

/* Ids in an ACL follow the rules for owners. Returns what the owning group may do. */
static uint32_t map_acl(const bsi_target *target, uint8_t *value, size_t size)
{
    uint32_t group_rights = 0;

    for (size_t at = ACL_HEADER_SIZE; size >= at && size - at >= ACL_RECORD_SIZE;
         at += ACL_RECORD_SIZE) {
        const unsigned tag = bsi_le16(value + at);
        if (tag == ACL_TAG_OWNING_GROUP) {
            group_rights = bsi_le16(value + at + 2) & 07U;
        } else if (tag == ACL_TAG_USER || tag == ACL_TAG_GROUP) {
            const uint32_t id = bsi_le32(value + at + 4);
            bsi_put_le32(value + at + 4, bsi_target_map_id(target, tag == ACL_TAG_GROUP, id));
        }
    }
    return group_rights;
}

/* Copy one attribute to `at`, and step over it. */
static uint8_t *copy_attr(const bsi_target *target, const bsi_xattr *from, bsi_target_meta *meta,
                          bsi_target_attr *to, uint8_t *at)
{
    memcpy(at, from->name.data, from->name.size);
    at[from->name.size] = '\0';
    to->name = (const char *)at;
    at += from->name.size + 1;
    if (from->value.size > 0) {
        memcpy(at, from->value.data, from->value.size);
    }
    if (to->stage == STAGE_ACL) {
        const uint32_t group_rights = map_acl(target, at, from->value.size);
        if (strcmp(to->name, acl_access) == 0) {
            meta->has_acl = true;
            meta->acl_group_rights = group_rights;
        }
    }
    to->value = at;
    to->size = from->value.size;
    return at + from->value.size;
}

static bs_status load_attrs(bsi_target *target, const bsi_entry *entry, bsi_target_meta *meta)
{
    size_t count = 0;
    size_t total = 0;
    size_t done = 0;
    unsigned stage = 0;
    uint8_t *at = NULL;

    for (; count < entry->xattr_count && total <= ATTR_TOTAL_MAX; count++) {
        total += sizeof(bsi_target_attr) + entry->xattrs[count].name.size + 1;
        total += bsi_min_size(entry->xattrs[count].value.size, ATTR_VALUE_MAX);
    }
    if (total > ATTR_TOTAL_MAX) {
        bsi_target_lose(target, BSI_LOSS_XATTR, BS_OK);
        return BS_OK;
    }
    meta->attrs = bsi_alloc(total);
    if (!meta->attrs) {
        return BS_E_NOMEM;
    }
    at = (uint8_t *)(meta->attrs + count);
    for (size_t i = 0; i < count; i++) {
        if (wants(target, entry, &entry->xattrs[i], &stage)) {
            bsi_target_attr *attr = &meta->attrs[done++];
            attr->stage = stage;
            at = copy_attr(target, &entry->xattrs[i], meta, attr, at);
        }
    }
    meta->attr_count = done;
    return BS_OK;
}

/* What a restore without permissions gives: as open to others as it was, and no more. */
static uint32_t plain_mode(const bsi_entry *entry)
{
    const uint32_t mode = entry->stat.mode;
    const bool open = (mode & 04) != 0;

    if (entry->stat.type == BSI_TYPE_DIR) {
        return open && (mode & 01) != 0 ? 0755 : 0700;
    }
    if ((mode & 0100) != 0) {
        return open ? 0755 : 0700;
    }
    return open ? 0644 : 0600;
}

bs_status bsi_target_meta_load(bsi_target *target, const bsi_entry *entry, bsi_target_meta *out)
{
    *out = (bsi_target_meta){.type = entry->stat.type, .mode = plain_mode(entry)};
    bsi_target_owner(target, entry, &out->uid, &out->gid);
    if (!target->options.permissions) {
        return BS_OK;
    }
    out->mode = entry->stat.mode & 07777;
    out->mtime = entry->stat.mtime;
    out->set_time = true;
    return entry->xattr_count > 0 ? load_attrs(target, entry, out) : BS_OK;
}

void bsi_target_meta_dispose(bsi_target_meta *meta)
{
    bsi_free(meta->attrs);
    meta->attrs = NULL;
    meta->attr_count = 0;
}

/* What says that the place or the user cannot have it so, not that something broke. */
static bool survives(bs_status status)
{
    return status == BS_E_ACCESS || status == BS_E_UNSUPPORTED || status == BS_E_INVALID ||
           status == BS_E_LIMIT;
}

static bs_status count_loss(bsi_target *target, bsi_target_loss loss, bs_status status)
{
    if (!survives(status)) {
        return status;
    }
    bsi_target_lose(target, loss, status);
    return BS_OK;
}

/* What came true and what later steps depend on. */
typedef struct outcome {
    bool owner_right;
    bool acl_set;
} outcome;

static bs_status apply_owner(bsi_target *target, int fd, const bsi_target_meta *meta,
                             const bsi_target_now *now, outcome *result)
{
    const bool user_differs = meta->uid != BSI_KEEP_ID && meta->uid != now->uid;
    const bool group_differs = meta->gid != BSI_KEEP_ID && meta->gid != now->gid;
    const uint32_t uid = user_differs ? meta->uid : BSI_KEEP_ID;
    const uint32_t gid = group_differs ? meta->gid : BSI_KEEP_ID;
    bs_status status = BS_OK;

    result->owner_right = target->options.ownership;
    if (!user_differs && !group_differs) {
        return BS_OK;
    }
    if (user_differs && atomic_load(&target->user_refused)) {
        status = bsi_fail(BS_LAYER_TARGET, BS_E_ACCESS, "only the superuser gives files away");
    } else {
        status = bsi_fchown(fd, uid, gid);
    }
    if (status == BS_OK) {
        return BS_OK;
    }
    result->owner_right = false;
    if (user_differs && status == BS_E_ACCESS) {
        atomic_store(&target->user_refused, !bsi_is_privileged());
    }
    BSI_TRY(count_loss(target, BSI_LOSS_OWNER, status));
    if (user_differs && group_differs) {
        status = bsi_fchown(fd, BSI_KEEP_ID, gid);
        return survives(status) ? BS_OK : status;
    }
    return BS_OK;
}

/*
 * A full disk fails the entry, but some file systems say the same of an
 * attribute that is too large for them.
 */
static bool has_room(int fd)
{
    uint64_t bytes = 0;
    uint64_t files = 0;

    return bsi_free_space(fd, &bytes, &files) == BS_OK && bytes >= ROOM_FOR_ATTRS;
}

static bs_status set_attr(bsi_target *target, int fd, const bsi_target_attr *attr, outcome *result)
{
    const bsi_target_loss loss = attr->stage == STAGE_ACL ? BSI_LOSS_ACL : BSI_LOSS_XATTR;
    const bs_status status = bsi_xattr_set(fd, attr->name, attr->value, attr->size);

    if (status == BS_OK && attr->stage == STAGE_ACL && strcmp(attr->name, acl_access) == 0) {
        result->acl_set = true;
    }
    if (status == BS_E_NO_SPACE) {
        bs_error error;
        bsi_error_save(&error);
        const bool fits = has_room(fd);
        bsi_error_restore(&error);
        if (fits) {
            bsi_target_lose(target, loss, status);
            return BS_OK;
        }
    }
    return count_loss(target, loss, status);
}

static bs_status apply_stage(bsi_target *target, int fd, const bsi_target_meta *meta,
                             unsigned stage, outcome *result)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < meta->attr_count && status == BS_OK; i++) {
        if (meta->attrs[i].stage == stage) {
            status = set_attr(target, fd, &meta->attrs[i], result);
        }
    }
    return status;
}

static bs_status drop_acl(int fd, const char *name)
{
    const bs_status status = bsi_xattr_remove(fd, name);

    return status == BS_E_NOT_FOUND || survives(status) ? BS_OK : status;
}

bs_status bsi_target_drop_acl(int fd, bsi_file_type type, bool keep_access)
{
    const bs_status status = keep_access ? BS_OK : drop_acl(fd, acl_access);

    return status == BS_OK && type == BSI_TYPE_DIR ? drop_acl(fd, acl_default) : status;
}

/*
 * A directory's setgid bit gives nobody rights; it only passes the group on.
 * Where an ACL is missing, its mask must not become what the owning group may do.
 */
static uint32_t allowed_mode(bsi_target *target, const bsi_target_meta *meta, const outcome *result)
{
    const bool is_dir = meta->type == BSI_TYPE_DIR;
    const uint32_t guarded = meta->mode & (is_dir ? SET_ID_BITS & ~SET_GID_BIT : SET_ID_BITS);
    uint32_t mode = meta->mode;

    if (guarded != 0 && (!target->options.privileged || !result->owner_right)) {
        bsi_target_lose(target, BSI_LOSS_SET_ID, BS_OK);
        mode &= ~guarded;
    }
    if (meta->has_acl && !result->acl_set) {
        mode &= ~UINT32_C(070) | meta->acl_group_rights << 3;
    }
    return mode;
}

static bs_status apply_mode(bsi_target *target, int fd, const bsi_target_meta *meta,
                            const bsi_target_now *now, const outcome *result)
{
    const uint32_t mode = allowed_mode(target, meta, result);

    if (meta->type == BSI_TYPE_SYMLINK || (mode == now->mode && !meta->has_acl)) {
        return BS_OK;
    }
    return count_loss(target, BSI_LOSS_MODE, bsi_fchmod(fd, mode));
}

bs_status bsi_target_meta_apply(bsi_target *target, int fd, const bsi_target_meta *meta,
                                const bsi_target_now *now)
{
    outcome result = {false, false};
    bs_status status = BS_OK;

    BSI_TRY(apply_owner(target, fd, meta, now, &result));
    BSI_TRY(apply_stage(target, fd, meta, STAGE_USER, &result));
    if (now->foreign_acl) {
        status = bsi_target_drop_acl(fd, meta->type, meta->has_acl);
    }
    if (status < 0) {
        return status;
    }
    BSI_TRY(apply_stage(target, fd, meta, STAGE_ACL, &result));
    BSI_TRY(apply_mode(target, fd, meta, now, &result));
    BSI_TRY(apply_stage(target, fd, meta, STAGE_PRIVILEGED, &result));
    BSI_TRY(apply_stage(target, fd, meta, STAGE_CAPABILITY, &result));
    if (!meta->set_time) {
        return BS_OK;
    }
    return count_loss(target, BSI_LOSS_TIME, bsi_set_mtime(fd, &meta->mtime));
}
