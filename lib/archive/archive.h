/* SPDX-License-Identifier: MIT */
#ifndef BSI_ARCHIVE_ARCHIVE_H
#define BSI_ARCHIVE_ARCHIVE_H

#include "os/entry.h"
#include "task/call.h"
#include "task/pool.h"

/*
 * Container formats as a driver family: plain tar, tar.gz, tar.bz2, tar.zst,
 * zip and 7z, written so that the ordinary programs open them.
 *
 * Reading never parses a container: a manifest keeps a locator for each file,
 * and a reader decodes from there. What a foreign hand wrote into a container's
 * headers is therefore never believed, and one file can be read out of a large
 * container without touching the rest.
 *
 * All errors carry layer STORAGE. Writers and readers: one thread at a time.
 */
typedef struct bsi_archive_driver bsi_archive_driver; /* Static. */

/* By the name that requests use ("zip", "tar.gz", ...; "none" is plain tar); NULL: unknown. */
const bsi_archive_driver *bsi_archive_find(bsi_slice name);
/* The n-th driver, or NULL behind the last. */
const bsi_archive_driver *bsi_archive_at(size_t index);
const char *bsi_archive_name(const bsi_archive_driver *driver);
/* With the dot: ".tar.gz"; ".tar" for "none". */
const char *bsi_archive_extension(const bsi_archive_driver *driver);
/* false: the format has no levels, and all three are 0. */
bool bsi_archive_levels(const bsi_archive_driver *driver, int *min_out, int *max_out,
                        int *default_out);

/* What the bare container does not keep of an entry. */
enum {
    BSI_LOSS_XATTRS = 1 << 0,
    BSI_LOSS_HARDLINK = 1 << 1, /* Stored as a copy of its own. */
    BSI_LOSS_SPARSE = 1 << 2,   /* Holes are stored as zeros. */
    BSI_LOSS_SPECIAL = 1 << 3,  /* FIFOs and devices are left out. */
    BSI_LOSS_OWNER = 1 << 4,
    BSI_LOSS_TIME = 1 << 5, /* The time is cut to what fits. */
    BSI_LOSS_NAME = 1 << 6, /* The name is stored under another spelling. */
};
unsigned bsi_archive_losses(const bsi_archive_driver *driver, const bsi_entry *entry);

enum {
    /*
     * Takes the bytes of extents only; others want all zeros too. Extents begin
     * and end at multiples of 512, or at the file's end: tar programs disagree
     * about others (BS_E_INVALID).
     */
    BSI_ARCHIVE_SPARSE = 1 << 0,
    BSI_ARCHIVE_HARDLINKS = 1 << 1,  /* Holds entries that are further names of an earlier one. */
    BSI_ARCHIVE_REPLACE = 1 << 2,    /* Writing a path again supersedes what was written before. */
    BSI_ARCHIVE_SIZE_LATER = 1 << 3, /* A file's size need not be known when it begins. */
    BSI_ARCHIVE_CIPHER = 1 << 4,     /* Members can be encrypted, each by itself. */
};
unsigned bsi_archive_caps(const bsi_archive_driver *driver);

/* Where a file's stored bytes begin, as a manifest keeps it. */
typedef struct bsi_locator {
    uint64_t offset; /* In the container: the first byte of a segment. */
    uint64_t skip;   /* Decoded bytes of the segment that come before the file's own. */
    uint64_t stored; /* zip: bytes of the member; others: 0. */
    uint32_t method; /* zip: 0 stored, 8 deflated, 99 deflated and encrypted; others: 0. */
} bsi_locator;

/*
 * Encrypts members of zip files as WinZip's AE-2 with 256 bits wants it. It is handed in from
 * above: keys are no matter of this layer. begin() fills what stands before a member's content,
 * end() what stands behind it; open() goes to the member with that head, for decrypt() at any place
 * in its content. It must outlive the writer or reader, which call it one thread at a time.
 */
enum { BSI_MEMBER_HEAD_SIZE = 18, BSI_MEMBER_TAIL_SIZE = 10 };
typedef struct bsi_member_cipher {
    bs_status (*begin)(void *self, uint8_t head[BSI_MEMBER_HEAD_SIZE]);
    bs_status (*encrypt)(void *self, const void *plain, size_t size, uint8_t *out);
    bs_status (*end)(void *self, uint8_t tail[BSI_MEMBER_TAIL_SIZE]);
    bs_status (*open)(void *self, const uint8_t head[BSI_MEMBER_HEAD_SIZE]);
    bs_status (*decrypt)(void *self, uint64_t at, uint8_t *bytes, size_t size);
    void *self;
} bsi_member_cipher;

typedef struct bsi_archive_writer bsi_archive_writer;
typedef bs_status (*bsi_archive_sink_cb)(void *user, const void *data, size_t size);
typedef bs_status (*bsi_archive_patch_cb)(void *user, uint64_t offset, const void *data,
                                          size_t size);

typedef struct bsi_archive_options {
    int level;   /* 0: the driver's default. Checked against its range. */
    bool verify; /* Decode every block again before it counts as written. */
    bsi_pool *pool;
    const bs_call *call; /* Kept; must outlive the writer. */
    int temp_dir;        /* Directory for files without a name, when lists outgrow memory. */
    /*
     * Takes the container's bytes in order, on a thread beside the writer's; on the writer's where
     * the pool has no threads. A failure comes back from a later call, at the latest from
     * bsi_archive_finish().
     */
    bsi_archive_sink_cb sink;
    void *sink_user;

    /*
     * Overwrites bytes that the sink took before, while the container is not
     * committed. Only 7z needs it, and only for the first BSI_ARCHIVE_PATCH_SIZE
     * bytes: they go to the sink as zeros and are put right inside bsi_archive_finish().
     * The same `sink_user`. May be NULL for the formats that do not need it.
     */
    bsi_archive_patch_cb patch;

    /* Of every member with content; only with BSI_ARCHIVE_CIPHER. NULL: none is encrypted. */
    const bsi_member_cipher *cipher;
} bsi_archive_options;

#define BSI_ARCHIVE_PATCH_SIZE 32
/* Whether bsi_archive_writer_new() wants a patch callback. */
bool bsi_archive_needs_patch(const bsi_archive_driver *driver);

BS_NODISCARD bs_status bsi_archive_writer_new(const bsi_archive_driver *driver,
                                              const bsi_archive_options *options,
                                              bsi_archive_writer **out);
void bsi_archive_writer_free(bsi_archive_writer *writer);

/*
 * Begin an entry. Files: entry->stat.size says how many bytes of content come
 * (with `sparse` and BSI_ARCHIVE_SPARSE, those of the extents); with `linked` and
 * BSI_ARCHIVE_HARDLINKS none do. Entries that the format cannot hold are passed over.
 * BSI_SIZE_UNKNOWN in stat.size, only with BSI_ARCHIVE_SIZE_LATER.
 */
#define BSI_SIZE_UNKNOWN UINT64_MAX
BS_NODISCARD bs_status bsi_archive_begin(bsi_archive_writer *writer, const bsi_entry *entry);

/*
 * Content of the present file: either copied in, or filled in place and then
 * committed. Room ends where the announced size does: then *size_out is 0.
 */
BS_NODISCARD bs_status bsi_archive_write(bsi_archive_writer *writer, const void *data, size_t size);
BS_NODISCARD bs_status bsi_archive_space(bsi_archive_writer *writer, void **space_out,
                                         size_t *size_out);
BS_NODISCARD bs_status bsi_archive_commit(bsi_archive_writer *writer, size_t used);

/*
 * End the entry. A file must have got exactly its bytes (BS_E_INTERNAL). For a
 * file *mark_out (may be NULL) names where its content lies, for bsi_archive_locate().
 */
typedef struct bsi_archive_mark {
    uint64_t segment;
    uint64_t skip;
} bsi_archive_mark;
BS_NODISCARD bs_status bsi_archive_end(bsi_archive_writer *writer, bsi_archive_mark *mark_out);

/* Write what the format ends with. All bytes have gone to the sink when it returns. */
BS_NODISCARD bs_status bsi_archive_finish(bsi_archive_writer *writer);

/* Only after bsi_archive_finish(): where a mark came to lie. All zeros for a file without bytes. */
BS_NODISCARD bs_status bsi_archive_locate(const bsi_archive_writer *writer,
                                          const bsi_archive_mark *mark, bsi_locator *out);

/* Random access to a container's bytes: fills all of `buf` or fails. */
typedef bs_status (*bsi_archive_read_cb)(void *user, uint64_t offset, void *buf, size_t size);

typedef struct bsi_archive_reader bsi_archive_reader;
BS_NODISCARD bs_status bsi_archive_reader_new(const bsi_archive_driver *driver,
                                              bsi_archive_read_cb read, void *user,
                                              uint64_t container_size, bsi_archive_reader **out);
/* What encrypted members are read with; borrowed. Without one they are BS_E_CORRUPT. */
void bsi_archive_reader_use(bsi_archive_reader *reader, const bsi_member_cipher *cipher);
void bsi_archive_reader_free(bsi_archive_reader *reader);

/*
 * Go to a file's first byte. Cheap when that lies in the segment just read, or
 * a little further on; otherwise decoding starts anew at the locator's segment.
 * A locator that points outside is BS_E_CORRUPT.
 */
BS_NODISCARD bs_status bsi_archive_reader_seek(bsi_archive_reader *reader,
                                               const bsi_locator *locator);
/* The next `size` bytes exactly; BS_E_CORRUPT when the container ends first or is damaged. */
BS_NODISCARD bs_status bsi_archive_reader_read(bsi_archive_reader *reader, void *buf, size_t size);

#endif
