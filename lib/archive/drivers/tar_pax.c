/* SPDX-License-Identifier: MIT */
/*
 * Records of pax extended headers (IEEE Std 1003.1, pax), with the keys that
 * star, GNU tar and bsdtar agree on for extended attributes and ACLs.
 */
#include "archive/drivers/tar_pax.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/endian.h"

enum { NANOSECONDS = 1000000000, NAME_MAX_XATTR = 255, ACL_TEXT_MAX = 1024 * 1024 };

static size_t digits_of(size_t value)
{
    size_t count = 1;

    while (value >= 10) {
        value /= 10;
        count++;
    }
    return count;
}

bs_status bsi_pax_record(bsi_buf *out, const char *key, bsi_slice value)
{
    const size_t rest = strlen(key) + value.size + 3; /* Space, '=' and newline. */
    size_t length = rest + digits_of(rest);

    length = rest + digits_of(length);
    BSI_TRY(bsi_buf_append_format(out, "%zu %s=", length, key));
    BSI_TRY(bsi_buf_append(out, value.data, value.size));
    return bsi_buf_append_byte(out, '\n');
}

bs_status bsi_pax_number(bsi_buf *out, const char *key, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    return bsi_pax_record(out, key, bsi_slice_of(text));
}

/* Before 1970 the fraction counts away from zero: -1.5 is half a second before -1. */
bs_status bsi_pax_time(bsi_buf *out, const char *key, const bsi_time *time)
{
    char text[40];
    const bool negative = time->sec < 0;
    const bool borrow = negative && time->nsec > 0;
    const uint64_t sec =
        negative ? (uint64_t)0 - (uint64_t)time->sec - (borrow ? 1 : 0) : (uint64_t)time->sec;
    const int32_t nsec = borrow ? NANOSECONDS - time->nsec : time->nsec;
    int length =
        snprintf(text, sizeof(text), "%s%" PRIu64 ".%09" PRId32, negative ? "-" : "", sec, nsec);

    while (text[length - 1] == '0') {
        length--;
    }
    if (text[length - 1] == '.') {
        length--;
    }
    return bsi_pax_record(out, key, (bsi_slice){text, (size_t)length});
}

/* '=' would end the key; GNU tar writes it, and '%', as in a URL. */
static bs_status put_xattr(bsi_buf *out, const bsi_xattr *xattr)
{
    static const char prefix[] = "SCHILY.xattr.";
    char key[sizeof(prefix) + (size_t)3 * NAME_MAX_XATTR];
    size_t at = sizeof(prefix) - 1;

    if (xattr->name.size > NAME_MAX_XATTR) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "an extended attribute with a name of %zu bytes", xattr->name.size);
    }
    memcpy(key, prefix, at);
    for (size_t i = 0; i < xattr->name.size; i++) {
        const char c = xattr->name.data[i];
        if (c == '%' || c == '=') {
            memcpy(key + at, c == '%' ? "%25" : "%3D", 3);
            at += 3;
        } else {
            key[at++] = c;
        }
    }
    key[at] = '\0';
    return bsi_pax_record(out, key, xattr->value);
}

typedef struct acl_tag {
    const char *word;
    uint16_t tag;
    bool has_id;
} acl_tag;

static const acl_tag *find_tag(uint16_t tag)
{
    static const acl_tag tags[] = {
        {"user", 0x01, false}, {"user", 0x02, true},  {"group", 0x04, false},
        {"group", 0x08, true}, {"mask", 0x10, false}, {"other", 0x20, false},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(tags); i++) {
        if (tags[i].tag == tag) {
            return &tags[i];
        }
    }
    return NULL;
}

/* One entry of the kernel's form of a POSIX ACL. */
static bs_status put_acl_entry(bsi_buf *text, const uint8_t *entry, bool *known_out)
{
    const acl_tag *tag = find_tag(bsi_le16(entry));
    const uint16_t perm = bsi_le16(entry + 2);
    char id[16] = "";

    *known_out = tag != NULL;
    if (!tag) {
        return BS_OK;
    }
    if (tag->has_id) {
        (void)snprintf(id, sizeof(id), "%" PRIu32, bsi_le32(entry + 4));
    }
    return bsi_buf_append_format(text, "%s%s:%s:%c%c%c", text->size > 0 ? "," : "", tag->word, id,
                                 perm & 4 ? 'r' : '-', perm & 2 ? 'w' : '-', perm & 1 ? 'x' : '-');
}

/*
 * The kernel's ACL: version 2 in 4 bytes, then 8 bytes for each entry. What does
 * not look like it is kept as an ordinary attribute.
 */
static bs_status put_acl(bsi_buf *out, const char *key, const bsi_xattr *xattr)
{
    const uint8_t *bytes = (const uint8_t *)xattr->value.data;
    const size_t size = xattr->value.size;
    bool known = size >= 4 && (size - 4) % 8 == 0 && bsi_le32(bytes) == 2;
    bs_status status = BS_OK;
    bsi_buf text;

    bsi_buf_init(&text, ACL_TEXT_MAX);
    for (size_t at = 4; known && at < size && status == BS_OK; at += 8) {
        status = put_acl_entry(&text, bytes + at, &known);
    }
    if (status == BS_OK) {
        status = known ? bsi_pax_record(out, key, (bsi_slice){(const char *)text.data, text.size})
                       : put_xattr(out, xattr);
    }
    bsi_buf_dispose(&text);
    return status;
}

static bs_status put_any(bsi_buf *out, const bsi_xattr *xattr)
{
    if (bsi_slice_is(xattr->name, "system.posix_acl_access")) {
        return put_acl(out, "SCHILY.acl.access", xattr);
    }
    if (bsi_slice_is(xattr->name, "system.posix_acl_default")) {
        return put_acl(out, "SCHILY.acl.default", xattr);
    }
    return put_xattr(out, xattr);
}

bs_status bsi_pax_xattrs(bsi_buf *out, const bsi_entry *entry)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < entry->xattr_count && status == BS_OK; i++) {
        status = put_any(out, &entry->xattrs[i]);
    }
    return status;
}
