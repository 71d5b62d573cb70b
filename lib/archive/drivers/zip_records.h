/* SPDX-License-Identifier: MIT */
#ifndef BSI_ARCHIVE_DRIVERS_ZIP_RECORDS_H
#define BSI_ARCHIVE_DRIVERS_ZIP_RECORDS_H

#include "base/buffer.h"
#include "base/slice.h"

/* One member, as its records in a zip file tell of it. */
typedef struct bsi_zip_member {
    uint64_t name_at; /* Of the driver: where its name lies, the link's content behind it. */
    uint32_t name_size;
    uint32_t link_size;

    uint64_t size; /* Decoded; when it was begun as unknown, only from its end on. */
    uint64_t stored;
    uint64_t offset; /* Of the local header. */
    int64_t mtime;
    uint32_t crc;
    uint32_t mode; /* With the type. */
    uint32_t uid;
    uint32_t gid;
    bool deflated;
    bool encrypted; /* Under AE-2; `stored` counts what that puts around the content. */
    bool utf8;      /* The name is UTF-8 beyond ASCII. */
    bool later;     /* CRC and sizes follow the content. */
    bool wide;      /* Those sizes take 8 bytes. */

    /* Of the driver: which segments hold it, and how far it is. */
    uint64_t first;
    uint64_t end; /* Behind the last; set at its end. */
    bool unknown;
    bool has_content;
    bool started;
    bool ended;
    bool superseded;
} bsi_zip_member;

/* What stands before, behind and at the container's end for a member. */
BS_NODISCARD bs_status bsi_zip_local(bsi_buf *out, const bsi_zip_member *member, bsi_slice name);
BS_NODISCARD bs_status bsi_zip_descriptor(bsi_buf *out, const bsi_zip_member *member);
BS_NODISCARD bs_status bsi_zip_central(bsi_buf *out, const bsi_zip_member *member, bsi_slice name);

/* The last bytes of the container: the directory lies at `offset` and goes to the present end. */
BS_NODISCARD bs_status bsi_zip_end(bsi_buf *out, uint64_t entries, uint64_t offset, uint64_t size);

/* Whether the Unix time of the extra field can hold it; otherwise only the DOS time tells. */
bool bsi_zip_time_fits(int64_t mtime);

#endif
