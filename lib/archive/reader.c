/* SPDX-License-Identifier: MIT */
/*
 * Reading by locator: every container is, where content lies, a stream of its
 * codec. Headers are never looked at. What a locator says is hostile until it
 * has been held against the container's size.
 */
#include <inttypes.h>

#include "archive/driver.h"
#include "base/alloc.h"
#include "base/checked.h"
#include "compress/block_reader.h"

enum { METHOD_STORED = 0, METHOD_DEFLATED = 8, METHOD_ENCRYPTED = 99 };

struct bsi_archive_reader {
    const bsi_archive_driver *driver;
    bsi_archive_read_cb read;
    void *user;
    uint64_t container_size;
    bsi_block_reader *blocks;
    const bsi_member_cipher *cipher; /* NULL: there is none. */

    bsi_locator wanted; /* Of the last seek; gone to when bytes are asked for. */
    bool pending;

    /* Where decoding began, and how far it got; only while `decoding`. */
    bool decoding;
    bool encrypted; /* The cipher is at the member that begins with `segment`. */
    uint64_t segment;
    uint64_t position;

    /* A stored member of a zip file. */
    bool stored;
    uint64_t raw_at;
    uint64_t raw_end;
};

/* Container bytes for the decoder: those of an encrypted member decrypted. */
static bs_status read_encoded(void *user, uint64_t offset, void *buf, size_t size)
{
    const bsi_archive_reader *reader = user;
    const bsi_member_cipher *cipher = reader->cipher;

    BSI_TRY(reader->read(reader->user, offset, buf, size));
    if (!reader->encrypted) {
        return BS_OK;
    }
    BSI_CHECK(offset >= reader->segment);
    return cipher->decrypt(cipher->self, offset - reader->segment, buf, size);
}

bs_status bsi_archive_reader_new(const bsi_archive_driver *driver, bsi_archive_read_cb read,
                                 void *user, uint64_t container_size, bsi_archive_reader **out)
{
    bsi_archive_reader *reader = bsi_calloc(1, sizeof(*reader));
    const bsi_block_source source = {.read = read_encoded, .user = reader, .size = container_size};
    bs_status status = BS_OK;

    if (!reader) {
        return BS_E_NOMEM;
    }
    reader->driver = driver;
    reader->read = read;
    reader->user = user;
    reader->container_size = container_size;
    status = bsi_block_reader_new(driver->codec, &source, &reader->blocks);
    if (status < 0) {
        bsi_archive_reader_free(reader);
        return status;
    }
    *out = reader;
    return BS_OK;
}

void bsi_archive_reader_use(bsi_archive_reader *reader, const bsi_member_cipher *cipher)
{
    reader->cipher = cipher;
}

void bsi_archive_reader_free(bsi_archive_reader *reader)
{
    if (reader) {
        bsi_block_reader_free(reader->blocks);
        bsi_free(reader);
    }
}

/* Members are told apart only in zip files; elsewhere the codec is the driver's. */
static bool has_members(const bsi_archive_reader *reader)
{
    return reader->driver->ops == &bsi_archive_ops_zip;
}

static bool knows_method(const bsi_archive_reader *reader, uint32_t method)
{
    if (method == METHOD_STORED || !has_members(reader)) {
        return method == METHOD_STORED;
    }
    return method == METHOD_DEFLATED || (method == METHOD_ENCRYPTED && reader->cipher != NULL);
}

static bs_status check_locator(const bsi_archive_reader *reader, const bsi_locator *locator)
{
    const uint64_t size = reader->container_size;

    if (locator->offset > size || locator->stored > size - locator->offset) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "content at %" PRIu64 " lies outside of a container of %" PRIu64 " bytes",
                        locator->offset, size);
    }
    if (!knows_method(reader, locator->method)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "content of unknown method %" PRIu32,
                        locator->method);
    }
    return BS_OK;
}

bs_status bsi_archive_reader_seek(bsi_archive_reader *reader, const bsi_locator *locator)
{
    BSI_TRY(check_locator(reader, locator));
    reader->wanted = *locator;
    reader->pending = true;
    return BS_OK;
}

static bs_status go_to_stored(bsi_archive_reader *reader)
{
    const bsi_locator *locator = &reader->wanted;

    if (locator->skip > locator->stored) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "content begins behind its member's end");
    }
    reader->stored = true;
    reader->raw_at = locator->offset + locator->skip;
    reader->raw_end = locator->offset + locator->stored;
    return BS_OK;
}

/* Have the cipher go to the member whose content begins where decoding will. */
static bs_status enter_member(bsi_archive_reader *reader)
{
    const bsi_member_cipher *cipher = reader->cipher;
    const uint64_t offset = reader->wanted.offset;
    uint8_t head[BSI_MEMBER_HEAD_SIZE];

    if (offset < sizeof(head)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "content at %" PRIu64 " has nothing to be decrypted with", offset);
    }
    BSI_TRY(reader->read(reader->user, offset - sizeof(head), head, sizeof(head)));
    return cipher->open(cipher->self, head);
}

static bs_status start_decoding(bsi_archive_reader *reader)
{
    const bsi_locator *locator = &reader->wanted;

    reader->encrypted = locator->method == METHOD_ENCRYPTED;
    reader->segment = locator->offset;
    reader->position = 0;
    if (!reader->encrypted) {
        return bsi_block_reader_start(reader->blocks, locator->offset);
    }
    BSI_TRY(enter_member(reader));
    return bsi_block_reader_start_alone(reader->blocks, locator->offset,
                                        locator->offset + locator->stored);
}

/* While `decoding` is off, the next seek begins anew: after a failure nothing is known. */
static bs_status go_to_encoded(bsi_archive_reader *reader)
{
    const bsi_locator *locator = &reader->wanted;
    const bool same = locator->offset == reader->segment &&
                      (locator->method == METHOD_ENCRYPTED) == reader->encrypted;
    const bool onward = reader->decoding && same && locator->skip >= reader->position;
    bs_status status = BS_OK;

    reader->decoding = false;
    reader->stored = false;
    if (!onward) {
        status = start_decoding(reader);
        if (status < 0) {
            return status;
        }
    }
    if (locator->skip > reader->position) {
        status = bsi_block_reader_skip(reader->blocks, locator->skip - reader->position);
        if (status < 0) {
            return status;
        }
        reader->position = locator->skip;
    }
    reader->decoding = true;
    return BS_OK;
}

static bs_status read_stored(bsi_archive_reader *reader, void *buf, size_t size)
{
    if (size > reader->raw_end - reader->raw_at) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "content ends behind its member's end");
    }
    BSI_TRY(reader->read(reader->user, reader->raw_at, buf, size));
    reader->raw_at += size;
    return BS_OK;
}

bs_status bsi_archive_reader_read(bsi_archive_reader *reader, void *buf, size_t size)
{
    bs_status status = BS_OK;

    if (size == 0) {
        return BS_OK;
    }
    if (reader->pending) {
        const bool raw = has_members(reader) && reader->wanted.method == METHOD_STORED;
        status = raw ? go_to_stored(reader) : go_to_encoded(reader);
        if (status < 0) {
            return status;
        }
        reader->pending = false;
    }
    if (reader->stored) {
        return read_stored(reader, buf, size);
    }
    BSI_CHECK(reader->decoding);
    reader->decoding = false;
    BSI_TRY(bsi_block_reader_read(reader->blocks, buf, size));
    reader->position += size;
    reader->decoding = true;
    return BS_OK;
}
