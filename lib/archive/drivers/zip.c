/* SPDX-License-Identifier: MIT */
/*
 * zip: every file's content is a deflate stream of its own. The blocks come back
 * from the encoders later than the entries were begun, so members wait in a
 * queue until their first segment passes by; then their header goes out before it.
 * Where there is a cipher, every member with content is encrypted by itself.
 */
#include <inttypes.h>
#include <libdeflate.h>

#include <string.h>

#include "archive/driver.h"
#include "archive/drivers/zip_records.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "base/utf8.h"

enum {
    RECORD_MAX = 256 * 1024,
    NAMES_MAX = 512 * 1024 * 1024, /* In the queue; far beyond what lies under way. */
    NAME_MAX_ZIP = 65535,
    QUIET_MAX = 1024 * 1024,
    COMPACT_FROM = 1024,
    COPY_PIECE = 64 * 1024,
    AROUND_SEALED = BSI_MEMBER_HEAD_SIZE + BSI_MEMBER_TAIL_SIZE,
};

/* From this size on a file's encoded form might not fit into 32 bits either. */
#define WIDE_FROM UINT64_C(0xff000000)

typedef struct zip_writer {
    bsi_zip_member *members; /* From head to count: the queue. */
    size_t head;
    size_t count;
    size_t capacity;
    bsi_buf names; /* What the queue's members are called, from names_at on. */
    uint64_t names_at;
    uint64_t next; /* The segment that comes next. */
    size_t quiet;  /* Bytes of members without content since the blocks were last flushed. */

    bsi_spool *directory;
    uint64_t entries;
    uint64_t last_record; /* Where the directory's last record begins. */
    bsi_buf last_path;    /* Of the member begun last. */
    bool last_in_queue;   /* Its record is still to be written. */
    uint64_t begun;
    bsi_buf record;
} zip_writer;

/* Times before 1970 are written, but unzip does not believe them. */
static bool keeps_time(const bsi_time *time)
{
    return time->nsec == 0 && time->sec >= 0 && bsi_zip_time_fits(time->sec);
}

static unsigned zip_losses(const bsi_entry *entry)
{
    const bsi_stat *stat = &entry->stat;
    unsigned losses = 0;

    if (stat->type != BSI_TYPE_FILE && stat->type != BSI_TYPE_DIR &&
        stat->type != BSI_TYPE_SYMLINK) {
        return BSI_LOSS_SPECIAL;
    }
    losses |= entry->xattr_count > 0 ? BSI_LOSS_XATTRS : 0;
    losses |= entry->linked.size > 0 ? BSI_LOSS_HARDLINK : 0;
    losses |= entry->sparse ? BSI_LOSS_SPARSE : 0;
    losses |= keeps_time(&stat->mtime) ? 0 : BSI_LOSS_TIME;
    if (entry->path.size >= NAME_MAX_ZIP || !bsi_utf8_valid(entry->path.data, entry->path.size)) {
        losses |= BSI_LOSS_NAME;
    }
    return losses;
}

static bs_status zip_open(bsi_archive_writer *writer)
{
    zip_writer *zip = writer->self;

    bsi_buf_init(&zip->names, NAMES_MAX);
    bsi_buf_init(&zip->last_path, BSI_PATH_MAX);
    bsi_buf_init(&zip->record, RECORD_MAX);
    return bsi_spool_new(writer->options.temp_dir, &zip->directory);
}

static void zip_close(bsi_archive_writer *writer)
{
    zip_writer *zip = writer->self;

    bsi_buf_dispose(&zip->names);
    bsi_buf_dispose(&zip->last_path);
    bsi_buf_dispose(&zip->record);
    bsi_spool_free(zip->directory);
    bsi_free(zip->members);
}

static bs_status emit_record(bsi_archive_writer *writer)
{
    zip_writer *zip = writer->self;

    return bsi_archive_emit(writer, zip->record.data, zip->record.size);
}

/* The queue. */

static bsi_zip_member *queue_head(zip_writer *zip)
{
    return zip->head < zip->count ? &zip->members[zip->head] : NULL;
}

static bsi_zip_member *queue_last(zip_writer *zip)
{
    return &zip->members[zip->count - 1];
}

static bsi_slice name_of(const zip_writer *zip, const bsi_zip_member *member)
{
    const char *names = (const char *)zip->names.data;

    return (bsi_slice){names + (member->name_at - zip->names_at), member->name_size};
}

static bs_status queue_push(zip_writer *zip, const bsi_zip_member *member)
{
    if (zip->count == zip->capacity) {
        const size_t capacity = zip->capacity ? zip->capacity * 2 : 64;
        bsi_zip_member *members = bsi_realloc_array(zip->members, capacity, sizeof(bsi_zip_member));
        if (!members) {
            return BS_E_NOMEM;
        }
        zip->members = members;
        zip->capacity = capacity;
    }
    zip->members[zip->count++] = *member;
    return BS_OK;
}

/* Take the head off; what the passed ones left is given up once it is the larger part. */
static void queue_pop(zip_writer *zip)
{
    zip->head++;
    if (zip->head == zip->count) {
        zip->names_at += zip->names.size;
        bsi_buf_clear(&zip->names);
        zip->head = 0;
        zip->count = 0;
        zip->last_in_queue = false;
    } else if (zip->head >= COMPACT_FROM && zip->head > zip->count / 2) {
        const uint64_t names_at = zip->members[zip->head].name_at;
        const size_t passed = (size_t)(names_at - zip->names_at);
        zip->count -= zip->head;
        memmove(zip->members, zip->members + zip->head, zip->count * sizeof(bsi_zip_member));
        zip->head = 0;
        zip->names.size -= passed;
        memmove(zip->names.data, zip->names.data + passed, zip->names.size);
        zip->names_at = names_at;
    }
}

/* Where a symbolic link points to, behind its header. */
static bs_status append_link(const bsi_archive_writer *writer, const bsi_zip_member *member)
{
    zip_writer *zip = writer->self;
    const bsi_slice name = name_of(zip, member);
    const char *link = name.data + name.size;
    const bsi_member_cipher *cipher = writer->options.cipher;
    uint8_t *out = NULL;

    BSI_TRY(bsi_buf_reserve(&zip->record, member->stored));
    out = zip->record.data + zip->record.size;
    if (!member->encrypted) {
        memcpy(out, link, member->link_size);
    } else {
        BSI_TRY(cipher->begin(cipher->self, out));
        out += BSI_MEMBER_HEAD_SIZE;
        BSI_TRY(cipher->encrypt(cipher->self, link, member->link_size, out));
        BSI_TRY(cipher->end(cipher->self, out + member->link_size));
    }
    zip->record.size += member->stored;
    return BS_OK;
}

/* What stands before the content of an encrypted member. */
static bs_status append_head(const bsi_archive_writer *writer)
{
    zip_writer *zip = writer->self;
    uint8_t head[BSI_MEMBER_HEAD_SIZE];

    BSI_TRY(writer->options.cipher->begin(writer->options.cipher->self, head));
    return bsi_buf_append(&zip->record, head, sizeof(head));
}

static bs_status emit_tail(bsi_archive_writer *writer)
{
    uint8_t tail[BSI_MEMBER_TAIL_SIZE];

    BSI_TRY(writer->options.cipher->end(writer->options.cipher->self, tail));
    return bsi_archive_emit(writer, tail, sizeof(tail));
}

static bs_status put_local(bsi_archive_writer *writer, bsi_zip_member *member)
{
    zip_writer *zip = writer->self;
    const bsi_slice name = name_of(zip, member);
    bs_status status = BS_OK;

    member->started = true;
    member->offset = writer->offset;
    bsi_buf_clear(&zip->record);
    BSI_TRY(bsi_zip_local(&zip->record, member, name));
    if (member->link_size > 0) {
        status = append_link(writer, member);
    } else if (member->encrypted) {
        status = append_head(writer);
    }
    return status < 0 ? status : emit_record(writer);
}

/* All of the head's content is out: write what follows it and its line in the directory. */
static bs_status complete_head(bsi_archive_writer *writer, const bsi_zip_member *member)
{
    zip_writer *zip = writer->self;
    bs_status status = BS_OK;

    if (member->encrypted && member->has_content) {
        status = emit_tail(writer);
        if (status < 0) {
            return status;
        }
    }
    if (member->later) {
        bsi_buf_clear(&zip->record);
        status = bsi_zip_descriptor(&zip->record, member);
        if (status < 0) {
            return status;
        }
        status = emit_record(writer);
        if (status < 0) {
            return status;
        }
    }
    if (!member->superseded) {
        bsi_buf_clear(&zip->record);
        status = bsi_zip_central(&zip->record, member, name_of(zip, member));
        if (status < 0) {
            return status;
        }
        zip->last_record = bsi_spool_size(zip->directory);
        status = bsi_spool_append(zip->directory, zip->record.data, zip->record.size);
        if (status < 0) {
            return status;
        }
        zip->entries++;
    }
    queue_pop(zip);
    return BS_OK;
}

static bool is_waiting(const zip_writer *zip, const bsi_zip_member *member)
{
    return member->has_content && !(member->ended && zip->next >= member->end);
}

/* Let everything out that waits for no segment. */
static bs_status advance(bsi_archive_writer *writer)
{
    zip_writer *zip = writer->self;
    bsi_zip_member *member = NULL;
    bs_status status = BS_OK;

    while (status == BS_OK && (member = queue_head(zip)) && !is_waiting(zip, member)) {
        status = member->has_content ? BS_OK : put_local(writer, member);
        if (status == BS_OK) {
            status = complete_head(writer, member);
        }
    }
    return status;
}

static bs_status zip_segment(bsi_archive_writer *writer, uint64_t segment, uint64_t raw_size,
                             uint64_t stored_size)
{
    zip_writer *zip = writer->self;
    bsi_zip_member *member = NULL;
    bs_status status = BS_OK;

    BSI_TRY(advance(writer));
    member = queue_head(zip);
    BSI_CHECK(member && segment >= member->first);
    member->stored += stored_size;
    if (!member->started) {
        /* In one segment: then the header can tell everything. */
        member->later = member->unknown || raw_size != member->size;
        member->wide = member->later && member->size >= WIDE_FROM;
        member->stored += member->encrypted ? AROUND_SEALED : 0;
        status = put_local(writer, member);
        if (status < 0) {
            return status;
        }
    }
    zip->next = segment + 1;
    return BS_OK;
}

/* Entries. */

/* The same path again: what was written before no longer counts. */
static bs_status supersede(zip_writer *zip, const bsi_entry *entry)
{
    const bsi_slice last = {(const char *)zip->last_path.data, zip->last_path.size};

    if (!bsi_slice_equal(last, entry->path)) {
        bsi_buf_clear(&zip->last_path);
        return bsi_buf_append(&zip->last_path, entry->path.data, entry->path.size);
    }
    if (zip->last_in_queue) {
        queue_last(zip)->superseded = true;
        return BS_OK;
    }
    zip->entries--;
    return bsi_spool_cut(zip->directory, zip->last_record);
}

/* The name goes in as it is; one that is too long for the format is replaced by a number. */
static bs_status put_name(zip_writer *zip, const bsi_entry *entry, bsi_zip_member *member)
{
    const size_t before = zip->names.size;
    bs_status status = BS_OK;

    member->name_at = zip->names_at + before;
    if (entry->path.size >= NAME_MAX_ZIP) {
        status = bsi_buf_append_format(&zip->names, "long-name-%" PRIu64, zip->begun);
        if (status < 0) {
            return status;
        }
    } else {
        status = bsi_buf_append(&zip->names, entry->path.data, entry->path.size);
        if (status < 0) {
            return status;
        }
    }
    if (entry->stat.type == BSI_TYPE_DIR) {
        status = bsi_buf_append_byte(&zip->names, '/');
        if (status < 0) {
            return status;
        }
    }
    member->name_size = (uint32_t)(zip->names.size - before);
    for (size_t i = before; i < zip->names.size; i++) {
        member->utf8 = member->utf8 || zip->names.data[i] >= 0x80;
    }
    member->utf8 = member->utf8 && bsi_utf8_valid(entry->path.data, entry->path.size);
    return BS_OK;
}

/* A symbolic link is a small file that holds where it points. */
static bs_status put_link(zip_writer *zip, const bsi_entry *entry, bool encrypts,
                          bsi_zip_member *member)
{
    BSI_TRY(bsi_buf_append(&zip->names, entry->link.data, entry->link.size));
    member->link_size = (uint32_t)entry->link.size;
    member->size = entry->link.size;
    member->encrypted = encrypts && entry->link.size > 0;
    member->stored = entry->link.size + (member->encrypted ? AROUND_SEALED : 0);
    member->crc = libdeflate_crc32(0, entry->link.data, entry->link.size);
    return BS_OK;
}

static bs_status check_link(const bsi_entry *entry)
{
    if (entry->stat.type == BSI_TYPE_SYMLINK && entry->link.size > NAME_MAX_ZIP) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "a symbolic link of %zu bytes",
                        entry->link.size);
    }
    return BS_OK;
}

/* Entries without content wait behind the blocks before them; they must not pile up. */
static bs_status bound_queue(bsi_archive_writer *writer, const bsi_zip_member *member)
{
    zip_writer *zip = writer->self;
    bs_status status = BS_OK;

    zip->quiet += sizeof(*member) + member->name_size + member->link_size;
    if (zip->quiet < QUIET_MAX) {
        return BS_OK;
    }
    zip->quiet = 0;
    if (writer->blocks_used) {
        status = bsi_block_writer_flush(writer->blocks);
        if (status < 0) {
            return status;
        }
    }
    return advance(writer);
}

static bs_status zip_begin(bsi_archive_writer *writer, const bsi_entry *entry)
{
    bs_status status = BS_OK;

    zip_writer *zip = writer->self;
    bsi_zip_member member = {
        .size = writer->size,
        .unknown = writer->size == BSI_SIZE_UNKNOWN,
        .mtime = entry->stat.mtime.sec,
        .mode = bsi_archive_unix_mode(entry),
        .uid = entry->stat.uid,
        .gid = entry->stat.gid,
        .has_content = entry->stat.type == BSI_TYPE_FILE && writer->size > 0,
    };

    BSI_TRY(check_link(entry));
    BSI_TRY(supersede(zip, entry));
    BSI_TRY(put_name(zip, entry, &member));
    if (entry->stat.type == BSI_TYPE_SYMLINK) {
        status = put_link(zip, entry, writer->sealed != NULL, &member);
        if (status < 0) {
            return status;
        }
    }
    zip->begun++;
    if (member.has_content) {
        member.deflated = true;
        member.encrypted = writer->sealed != NULL;
        writer->blocks_used = true;
        bsi_block_writer_tell(writer->blocks, &writer->mark.segment, &writer->mark.skip);
        member.first = writer->mark.segment;
    }
    BSI_TRY(queue_push(zip, &member));
    zip->last_in_queue = true;
    if (member.has_content) {
        return BS_OK;
    }
    BSI_TRY(advance(writer));
    return bound_queue(writer, &member);
}

static void zip_content(bsi_archive_writer *writer, const void *data, size_t size)
{
    bsi_zip_member *member = queue_last(writer->self);

    member->crc = libdeflate_crc32(member->crc, data, size);
}

static bs_status zip_end(bsi_archive_writer *writer)
{
    zip_writer *zip = writer->self;
    uint64_t skip = 0;
    uint64_t end = 0;

    if (writer->state != BSI_ARCHIVE_FILE || writer->size == 0) {
        return BS_OK;
    }
    /* The cut may hand on segments, even of this member; it must not be taken for complete yet. */
    BSI_TRY(bsi_block_writer_cut(writer->blocks, true));
    bsi_block_writer_tell(writer->blocks, &end, &skip);
    bsi_zip_member *member = queue_last(zip);
    member->size = writer->written;
    member->end = end;
    member->ended = true;
    return advance(writer);
}

static bs_status copy_directory(bsi_archive_writer *writer)
{
    zip_writer *zip = writer->self;
    const uint64_t size = bsi_spool_size(zip->directory);
    bs_status status = BS_OK;

    bsi_buf_clear(&zip->record);
    BSI_TRY(bsi_buf_reserve(&zip->record, COPY_PIECE));
    for (uint64_t at = 0; at < size;) {
        const size_t part = (size_t)bsi_min_u64(COPY_PIECE, size - at);
        status = bsi_spool_read(zip->directory, at, zip->record.data, part);
        if (status < 0) {
            return status;
        }
        status = bsi_archive_emit(writer, zip->record.data, part);
        if (status < 0) {
            return status;
        }
        at += part;
    }
    return BS_OK;
}

static bs_status zip_finish(bsi_archive_writer *writer)
{
    zip_writer *zip = writer->self;
    uint64_t offset = 0;

    BSI_TRY(advance(writer));
    BSI_CHECK(!queue_head(zip));
    offset = writer->offset;
    BSI_TRY(copy_directory(writer));
    bsi_buf_clear(&zip->record);
    BSI_TRY(bsi_zip_end(&zip->record, zip->entries, offset, bsi_spool_size(zip->directory)));
    return emit_record(writer);
}

/* A member goes on for as long as segments touch: before another one stands a header. */
static bs_status zip_locate(const bsi_archive_writer *writer, uint64_t segment, bsi_locator *out)
{
    uint64_t end = out->offset;
    bs_status status = BS_OK;

    out->method = writer->sealed ? 99 : 8;
    while (segment < writer->segment_count) {
        uint64_t offset = 0;
        uint64_t stored = 0;
        status = bsi_archive_segment_at(writer, segment, &offset, &stored);
        if (status < 0) {
            return status;
        }
        if (offset != end) {
            break;
        }
        end += stored;
        segment++;
    }
    out->stored = end - out->offset;
    return BS_OK;
}

const bsi_archive_ops bsi_archive_ops_zip = {
    .self_size = sizeof(zip_writer),
    .caps = BSI_ARCHIVE_REPLACE | BSI_ARCHIVE_SIZE_LATER | BSI_ARCHIVE_CIPHER,
    .losses = zip_losses,
    .open = zip_open,
    .close = zip_close,
    .begin = zip_begin,
    .content = zip_content,
    .end = zip_end,
    .segment = zip_segment,
    .finish = zip_finish,
    .locate = zip_locate,
};
