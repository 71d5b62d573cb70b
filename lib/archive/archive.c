/* SPDX-License-Identifier: MIT */
/*
 * The face of the container formats: the table of drivers, and everything that
 * is alike for all of them, such as order, sizes and where segments came to lie.
 */
#include "archive/archive.h"

#include <inttypes.h>

#include "archive/driver.h"
#include "base/alloc.h"
#include "base/checked.h"
#include "base/endian.h"

/* Names are those of requests; adding a driver is one row. */
static const bsi_archive_driver drivers[] = {
    {"none", ".tar", &bsi_archive_ops_tar, &bsi_codec_store},
    {"zip", ".zip", &bsi_archive_ops_zip, &bsi_codec_deflate},
    {"tar.gz", ".tar.gz", &bsi_archive_ops_tar, &bsi_codec_gzip},
    {"tar.bz2", ".tar.bz2", &bsi_archive_ops_tar, &bsi_codec_bzip2},
    {"tar.zst", ".tar.zst", &bsi_archive_ops_tar, &bsi_codec_zstd},
    {"7z", ".7z", &bsi_archive_ops_7z, &bsi_codec_lzma2},
};

enum {
    SEGMENT_RECORD = 16,
    SEALED_PIECE = 256 * 1024,
};

const bsi_archive_driver *bsi_archive_find(bsi_slice name)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(drivers); i++) {
        if (bsi_slice_is(name, drivers[i].name)) {
            return &drivers[i];
        }
    }
    return NULL;
}

const bsi_archive_driver *bsi_archive_at(size_t index)
{
    return index < BSI_ARRAY_SIZE(drivers) ? &drivers[index] : NULL;
}

const char *bsi_archive_name(const bsi_archive_driver *driver)
{
    return driver->name;
}

const char *bsi_archive_extension(const bsi_archive_driver *driver)
{
    return driver->extension;
}

bool bsi_archive_levels(const bsi_archive_driver *driver, int *min_out, int *max_out,
                        int *default_out)
{
    const bsi_codec *codec = driver->codec;
    const bool has_levels = codec->level_max > 0;

    *min_out = has_levels ? codec->level_min : 0;
    *max_out = has_levels ? codec->level_max : 0;
    *default_out = has_levels ? codec->level_default : 0;
    return has_levels;
}

unsigned bsi_archive_losses(const bsi_archive_driver *driver, const bsi_entry *entry)
{
    return driver->ops->losses(entry);
}

unsigned bsi_archive_caps(const bsi_archive_driver *driver)
{
    return driver->ops->caps;
}

bool bsi_archive_needs_patch(const bsi_archive_driver *driver)
{
    return driver->ops->needs_patch;
}

static const uint32_t type_bits[] = {
    [BSI_TYPE_FILE] = 0100000,         [BSI_TYPE_DIR] = 0040000,
    [BSI_TYPE_SYMLINK] = 0120000,      [BSI_TYPE_FIFO] = 0010000,
    [BSI_TYPE_SOCKET] = 0140000,       [BSI_TYPE_CHAR_DEVICE] = 0020000,
    [BSI_TYPE_BLOCK_DEVICE] = 0060000,
};

uint32_t bsi_archive_unix_mode(const bsi_entry *entry)
{
    return type_bits[entry->stat.type] | (entry->stat.mode & 07777);
}

/* Have the sink take bytes, which stay where they are until it did. An earlier failure comes back.
 */
static bs_status give(bsi_archive_writer *writer, const void *data, size_t size)
{
    writer->given =
        bsi_lane_add(writer->lane, writer->options.sink, writer->options.sink_user, data, size);
    writer->offset += size;
    return bsi_lane_wait(writer->lane, 0);
}

bs_status bsi_archive_emit(bsi_archive_writer *writer, const void *data, size_t size)
{
    BSI_TRY(give(writer, data, size));
    return size > BSI_LANE_COPIED ? bsi_lane_wait(writer->lane, writer->given) : BS_OK;
}

bs_status bsi_archive_patch(bsi_archive_writer *writer, uint64_t offset, const void *data,
                            size_t size)
{
    BSI_TRY(bsi_lane_wait(writer->lane, writer->given));
    return writer->options.patch(writer->options.sink_user, offset, data, size);
}

static bs_status sink_segment(void *user, uint64_t segment, uint64_t raw_size, uint64_t stored_size)
{
    bsi_archive_writer *writer = user;
    uint8_t record[SEGMENT_RECORD];
    bs_status status = BS_OK;

    BSI_CHECK(segment == writer->segment_count);
    if (writer->driver->ops->segment) {
        status = writer->driver->ops->segment(writer, segment, raw_size, stored_size);
        if (status < 0) {
            return status;
        }
    }
    bsi_put_le64(record, writer->offset);
    bsi_put_le64(record + 8, stored_size);
    BSI_TRY(bsi_spool_append(writer->segments, record, sizeof(record)));
    writer->segment_count++;
    return BS_OK;
}

/* Encrypt a piece at a time, into room that the sink has done with. */
static bs_status give_sealed(bsi_archive_writer *writer, const uint8_t *data, size_t size)
{
    const bsi_member_cipher *cipher = writer->options.cipher;

    while (size > 0) {
        const size_t part = bsi_min_size(size, SEALED_PIECE);
        BSI_TRY(bsi_lane_wait(writer->lane, writer->given));
        BSI_TRY(cipher->encrypt(cipher->self, data, part, writer->sealed));
        BSI_TRY(give(writer, writer->sealed, part));
        data += part;
        size -= part;
    }
    return BS_OK;
}

static bs_status sink_data(void *user, const void *data, size_t size)
{
    bsi_archive_writer *writer = user;

    return writer->sealed ? give_sealed(writer, data, size) : give(writer, data, size);
}

static uint64_t sink_mark(void *user)
{
    const bsi_archive_writer *writer = user;

    return writer->given;
}

static bs_status sink_settle(void *user, uint64_t mark)
{
    bsi_archive_writer *writer = user;

    return bsi_lane_wait(writer->lane, mark);
}

bs_status bsi_archive_segment_at(const bsi_archive_writer *writer, uint64_t segment,
                                 uint64_t *offset_out, uint64_t *stored_out)
{
    uint8_t record[SEGMENT_RECORD];

    BSI_CHECK(segment < writer->segment_count);
    BSI_TRY(bsi_spool_read(writer->segments, segment * SEGMENT_RECORD, record, sizeof(record)));
    *offset_out = bsi_le64(record);
    *stored_out = bsi_le64(record + 8);
    return BS_OK;
}

static bs_status check_level(const bsi_archive_driver *driver, int level)
{
    int min = 0;
    int max = 0;
    int preset = 0;
    const bool has_levels = bsi_archive_levels(driver, &min, &max, &preset);

    if (level == 0 || (level >= min && level <= max)) {
        return BS_OK;
    }
    if (!has_levels) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID, "%s takes no level, not %d", driver->name,
                        level);
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID, "%s takes levels %d to %d, not %d",
                    driver->name, min, max, level);
}

static bs_status take_cipher(bsi_archive_writer *writer)
{
    if (!writer->options.cipher) {
        return BS_OK;
    }
    BSI_CHECK(writer->driver->ops->caps & BSI_ARCHIVE_CIPHER);
    writer->sealed = bsi_alloc(SEALED_PIECE);
    return writer->sealed ? BS_OK : BS_E_NOMEM;
}

static bs_status start_blocks(bsi_archive_writer *writer)
{
    const bsi_block_options options = {
        .codec = writer->driver->codec,
        .level = writer->options.level,
        .verify = writer->options.verify,
        .pool = writer->options.pool,
        .call = writer->options.call,
    };
    const bsi_block_sink sink = {
        .segment = sink_segment,
        .data = sink_data,
        .user = writer,
        .mark = sink_mark,
        .settle = sink_settle,
    };

    return bsi_block_writer_new(&options, &sink, &writer->blocks);
}

bs_status bsi_archive_writer_new(const bsi_archive_driver *driver,
                                 const bsi_archive_options *options, bsi_archive_writer **out)
{
    bsi_archive_writer *writer = NULL;
    bs_status status = BS_OK;

    BSI_TRY(check_level(driver, options->level));
    BSI_CHECK(options->patch || !driver->ops->needs_patch);
    writer = bsi_calloc(1, sizeof(*writer));
    if (!writer) {
        return BS_E_NOMEM;
    }
    writer->driver = driver;
    writer->options = *options;
    if (options->level == 0) {
        writer->options.level = driver->codec->level_default;
    }
    writer->self = bsi_calloc(1, driver->ops->self_size);
    status = writer->self ? bsi_spool_new(options->temp_dir, &writer->segments) : BS_E_NOMEM;
    if (status == BS_OK) {
        status = bsi_lane_new(options->pool, "bs-output", &writer->lane);
    }
    if (status == BS_OK) {
        status = take_cipher(writer);
    }
    if (status == BS_OK) {
        status = start_blocks(writer);
    }
    if (status == BS_OK) {
        status = driver->ops->open(writer);
    }
    if (status < 0) {
        bsi_archive_writer_free(writer);
        return status;
    }
    *out = writer;
    return BS_OK;
}

void bsi_archive_writer_free(bsi_archive_writer *writer)
{
    if (writer) {
        bsi_lane_free(writer->lane);
        bsi_block_writer_free(writer->blocks);
        if (writer->self) {
            writer->driver->ops->close(writer);
        }
        bsi_spool_free(writer->segments);
        bsi_free(writer->sealed);
        bsi_free(writer->self);
        bsi_free(writer);
    }
}

/* Remember a failure, after which the container can not be completed. */
static bs_status noted(bsi_archive_writer *writer, bs_status status)
{
    if (status < 0) {
        writer->state = BSI_ARCHIVE_FAILED;
    }
    return status;
}

static bs_status out_of_order(bsi_archive_writer *writer, const char *what)
{
    return noted(writer, bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL, "%s container: %s",
                                  writer->driver->name, what));
}

/* How many bytes of content the driver wants for an entry. */
static uint64_t content_size(const bsi_archive_writer *writer, const bsi_entry *entry)
{
    const unsigned caps = writer->driver->ops->caps;

    if (entry->linked.size > 0 && (caps & BSI_ARCHIVE_HARDLINKS)) {
        return 0;
    }
    if (entry->stat.size != BSI_SIZE_UNKNOWN && (caps & BSI_ARCHIVE_SPARSE)) {
        return bsi_entry_data_size(entry);
    }
    return entry->stat.size;
}

static bs_status check_entry(const bsi_archive_writer *writer, const bsi_entry *entry)
{
    if (!bsi_path_is_safe(entry->path)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID, "a path that may not stand in a backup");
    }
    if (entry->stat.type < BSI_TYPE_FILE || entry->stat.type > BSI_TYPE_BLOCK_DEVICE) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID, "an entry without a type");
    }
    if (entry->stat.type == BSI_TYPE_FILE && entry->stat.size == BSI_SIZE_UNKNOWN &&
        !(writer->driver->ops->caps & BSI_ARCHIVE_SIZE_LATER)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID, "%s needs a file's size when it begins",
                        writer->driver->name);
    }
    return BS_OK;
}

bs_status bsi_archive_begin(bsi_archive_writer *writer, const bsi_entry *entry)
{
    if (writer->state != BSI_ARCHIVE_IDLE) {
        return out_of_order(writer, "an entry begins out of order");
    }
    BSI_TRY(noted(writer, check_entry(writer, entry)));
    writer->space = NULL;
    writer->written = 0;
    writer->size = 0;
    writer->mark = (bsi_archive_mark){.segment = BSI_MARK_NONE};
    if (writer->driver->ops->losses(entry) & BSI_LOSS_SPECIAL) {
        writer->state = BSI_ARCHIVE_PASSED;
        return BS_OK;
    }
    if (entry->stat.type == BSI_TYPE_FILE) {
        writer->size = content_size(writer, entry);
    }
    BSI_TRY(noted(writer, writer->driver->ops->begin(writer, entry)));
    writer->state = entry->stat.type == BSI_TYPE_FILE ? BSI_ARCHIVE_FILE : BSI_ARCHIVE_OTHER;
    return BS_OK;
}

/* Whether `size` more bytes of content may come now. */
static bs_status check_content(bsi_archive_writer *writer, size_t size)
{
    if (writer->state != BSI_ARCHIVE_FILE) {
        return out_of_order(writer, "content outside of a file");
    }
    if (size > writer->size - writer->written) {
        return out_of_order(writer, "more content than the file was announced with");
    }
    return BS_OK;
}

static void take_content(bsi_archive_writer *writer, const void *data, size_t size)
{
    if (writer->driver->ops->content) {
        writer->driver->ops->content(writer, data, size);
    }
    writer->written += size;
}

bs_status bsi_archive_write(bsi_archive_writer *writer, const void *data, size_t size)
{
    BSI_TRY(check_content(writer, size));
    writer->space = NULL;
    if (size == 0) {
        return BS_OK; /* The entry may have left the driver's queue already. */
    }
    take_content(writer, data, size);
    return noted(writer, bsi_block_writer_write(writer->blocks, data, size));
}

bs_status bsi_archive_space(bsi_archive_writer *writer, void **space_out, size_t *size_out)
{
    void *space = NULL;
    size_t size = 0;
    bs_status status = BS_OK;

    BSI_TRY(check_content(writer, 0));
    if (writer->written < writer->size) {
        status = noted(writer, bsi_block_writer_space(writer->blocks, &space, &size));
        if (status < 0) {
            return status;
        }
        size = (size_t)bsi_min_u64(size, writer->size - writer->written);
    }
    writer->space = space;
    writer->space_size = size;
    *space_out = space;
    *size_out = size;
    return BS_OK;
}

bs_status bsi_archive_commit(bsi_archive_writer *writer, size_t used)
{
    const void *space = writer->space;

    BSI_TRY(check_content(writer, used));
    if (used == 0) {
        return BS_OK;
    }
    if (!space || used > writer->space_size) {
        return out_of_order(writer, "content in room that was not given");
    }
    writer->space = NULL;
    take_content(writer, space, used);
    return noted(writer, bsi_block_writer_commit(writer->blocks, used));
}

bs_status bsi_archive_end(bsi_archive_writer *writer, bsi_archive_mark *mark_out)
{
    const bsi_archive_state state = writer->state;
    bs_status status = BS_OK;

    if (state != BSI_ARCHIVE_FILE && state != BSI_ARCHIVE_OTHER && state != BSI_ARCHIVE_PASSED) {
        return out_of_order(writer, "no entry to end");
    }
    if (state == BSI_ARCHIVE_FILE && writer->size != BSI_SIZE_UNKNOWN &&
        writer->written != writer->size) {
        return out_of_order(writer, "less content than the file was announced with");
    }
    if (state != BSI_ARCHIVE_PASSED) {
        status = noted(writer, writer->driver->ops->end(writer));
        if (status < 0) {
            return status;
        }
    }
    writer->state = BSI_ARCHIVE_IDLE;
    if (writer->written == 0) {
        writer->mark = (bsi_archive_mark){.segment = BSI_MARK_NONE};
    }
    if (mark_out) {
        *mark_out = writer->mark;
    }
    return BS_OK;
}

bs_status bsi_archive_finish(bsi_archive_writer *writer)
{
    const bsi_archive_ops *ops = writer->driver->ops;
    bs_status status = BS_OK;

    if (writer->state != BSI_ARCHIVE_IDLE) {
        return out_of_order(writer, "finished out of order");
    }
    if (ops->finish_blocks) {
        status = noted(writer, ops->finish_blocks(writer));
        if (status < 0) {
            return status;
        }
    }
    if (writer->blocks_used) {
        status = noted(writer, bsi_block_writer_finish(writer->blocks));
        if (status < 0) {
            return status;
        }
    }
    if (ops->finish) {
        status = noted(writer, ops->finish(writer));
        if (status < 0) {
            return status;
        }
    }
    BSI_TRY(noted(writer, bsi_lane_wait(writer->lane, writer->given)));
    writer->state = BSI_ARCHIVE_DONE;
    return BS_OK;
}

bs_status bsi_archive_locate(const bsi_archive_writer *writer, const bsi_archive_mark *mark,
                             bsi_locator *out)
{
    bsi_locator locator = {0};
    uint64_t stored = 0;
    bs_status status = BS_OK;

    BSI_CHECK(writer->state == BSI_ARCHIVE_DONE);
    if (mark->segment == BSI_MARK_NONE) {
        *out = locator;
        return BS_OK;
    }
    locator.skip = mark->skip;
    status = bsi_archive_segment_at(writer, mark->segment, &locator.offset, &stored);
    if (status == BS_OK && writer->driver->ops->locate) {
        status = writer->driver->ops->locate(writer, mark->segment, &locator);
    }
    if (status == BS_OK) {
        *out = locator;
    }
    return status;
}
