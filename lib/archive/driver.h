/* SPDX-License-Identifier: MIT */
#ifndef BSI_ARCHIVE_DRIVER_H
#define BSI_ARCHIVE_DRIVER_H

#include "archive/archive.h"
#include "archive/spool.h"
#include "compress/block_writer.h"
#include "task/lane.h"

/*
 * What a container format is to archive.c. The core checks arguments and order
 * before it calls: begin, content, end follow each other, sizes hold, entries
 * that the format cannot hold do not arrive. After a failure only close() comes.
 */
typedef struct bsi_archive_ops {
    size_t self_size; /* Of writer->self: zeroed, allocated and freed by the core. */
    unsigned caps;
    bool needs_patch; /* Bytes at the container's start are known only at its end. */

    unsigned (*losses)(const bsi_entry *entry);

    /* Begin a container. On failure close() follows all the same. */
    bs_status (*open)(bsi_archive_writer *writer);
    void (*close)(bsi_archive_writer *writer);

    /* writer->size tells how many bytes come; writer->mark is set when any may. */
    bs_status (*begin)(bsi_archive_writer *writer, const bsi_entry *entry);
    /* These bytes go to the blocks next. NULL: no matter. */
    void (*content)(bsi_archive_writer *writer, const void *data, size_t size);
    bs_status (*end)(bsi_archive_writer *writer);

    /* Before the bytes of a segment; may emit what stands in front of them. NULL: nothing does. */
    bs_status (*segment)(bsi_archive_writer *writer, uint64_t segment, uint64_t raw_size,
                         uint64_t stored_size);
    /* The blocks are finished. NULL: nothing follows. */
    bs_status (*finish)(bsi_archive_writer *writer);
    /* What belongs before the blocks are finished. NULL: nothing. */
    bs_status (*finish_blocks)(bsi_archive_writer *writer);
    /* Fill in what is particular to the format. NULL: nothing is. */
    bs_status (*locate)(const bsi_archive_writer *writer, uint64_t segment, bsi_locator *out);
} bsi_archive_ops;

struct bsi_archive_driver {
    const char *name;
    const char *extension;
    const bsi_archive_ops *ops;
    const bsi_codec *codec;
};

extern const bsi_archive_ops bsi_archive_ops_tar;
extern const bsi_archive_ops bsi_archive_ops_zip;
extern const bsi_archive_ops bsi_archive_ops_7z;

typedef enum bsi_archive_state {
    BSI_ARCHIVE_IDLE,   /* Between entries. */
    BSI_ARCHIVE_FILE,   /* In a file's content. */
    BSI_ARCHIVE_OTHER,  /* In an entry without content. */
    BSI_ARCHIVE_PASSED, /* In an entry that the format cannot hold. */
    BSI_ARCHIVE_DONE,
    BSI_ARCHIVE_FAILED,
} bsi_archive_state;

/* A mark of nothing: the file has no bytes. */
#define BSI_MARK_NONE UINT64_MAX

struct bsi_archive_writer {
    const bsi_archive_driver *driver;
    bsi_archive_options options; /* level is never 0 here where there are levels. */
    bsi_block_writer *blocks;
    bsi_lane *lane;      /* Calls the sink. */
    uint64_t given;      /* Ticket of the last bytes for it. */
    bsi_spool *segments; /* For each its offset and stored size. */
    uint64_t segment_count;
    uint64_t offset; /* Bytes given to the sink. */
    bsi_archive_state state;
    uint64_t size;    /* Content of the present entry, or BSI_SIZE_UNKNOWN. */
    uint64_t written; /* How much of it has come. */
    uint8_t *sealed;  /* Room for encrypted content on its way; NULL: nothing is encrypted. */
    const void *space;
    size_t space_size;
    bsi_archive_mark mark;
    bool blocks_used; /* Set by the driver before anything goes to the blocks. */
    void *self;
};

/* Put bytes of the format's own between segments. */
BS_NODISCARD bs_status bsi_archive_emit(bsi_archive_writer *writer, const void *data, size_t size);

/* Overwrite bytes that were emitted before. */
BS_NODISCARD bs_status bsi_archive_patch(bsi_archive_writer *writer, uint64_t offset,
                                         const void *data, size_t size);

/* Offset and stored size of a segment that has gone to the sink. */
BS_NODISCARD bs_status bsi_archive_segment_at(const bsi_archive_writer *writer, uint64_t segment,
                                              uint64_t *offset_out, uint64_t *stored_out);

/* Permission bits and type as Unix programs write them into zip and 7z. */
uint32_t bsi_archive_unix_mode(const bsi_entry *entry);

#endif
