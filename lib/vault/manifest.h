/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_MANIFEST_H
#define BSI_VAULT_MANIFEST_H

#include "archive/archive.h"
#include "vault/object.h"

/*
 * The manifest: the complete list of what a backup contains. JSON, one object
 * a line, compressed by zstd; docs/format/manifest.md is its description.
 *
 *     {"manifest":1, ...}        what the backup is, its container, what it needs
 *     {"warning":{...}}          what was survived, none or many
 *     {"path":"...", ...}        an entry, in the order of bsi_path_compare()
 *     {"end":{...}}              counts, and the SHA-256 of all bytes before this line
 *
 * Behind the compressed lines stands a seal: a skippable frame of zstd, which programs
 * pass over, with the SHA-256 of all stored bytes before it. So even a changed bit
 * that decompresses to the same lines is found.
 *
 * Written and read as a stream: memory does not depend on the number of entries.
 */
#define BSI_MANIFEST_SUFFIX ".manifest.json.zst"
enum { BSI_MANIFEST_VERSION = 1 };

/* A seal: the frame's magic number, its size, and the digest. */
enum { BSI_MANIFEST_SEAL_SIZE = 8 + BSI_SHA256_SIZE };
void bsi_manifest_seal(const bsi_digest *digest, uint8_t out[BSI_MANIFEST_SEAL_SIZE]);

/* Longest line that is written or believed: an entry with a million extents fits. */
#define BSI_MANIFEST_LINE_MAX ((size_t)64 * 1024 * 1024)

/* An entry as it stands in a manifest. */
typedef struct bsi_manifest_entry {
    bsi_listed listed;
    bool has_locator; /* Files of the archive form. */
    bsi_locator locator;
} bsi_manifest_entry;

/* Append the entry's line without its locator and without the closing "}\n". */
BS_NODISCARD bs_status bsi_manifest_format_entry(bsi_buf *out, const bsi_listed *listed);
/* Close such a line: with where a file's bytes lie (may be NULL). */
BS_NODISCARD bs_status bsi_manifest_format_end(bsi_buf *out, const bsi_locator *locator);
/* Append a warning's whole line. */
BS_NODISCARD bs_status bsi_manifest_format_warning(bsi_buf *out, bsi_slice path,
                                                   const bs_error *error);

/* How much the line that says what a backup is tells of it. */
typedef enum bsi_info_part {
    BSI_INFO_WHOLE = 1,
    BSI_INFO_PUBLIC, /* As everybody may read it beside an encrypted backup: see vault/keys.h. */
} bsi_info_part;
/* Append that line, without its line feed. */
BS_NODISCARD bs_status bsi_manifest_format_info(bsi_buf *out, const bsi_manifest_info *info,
                                                bsi_info_part part);

typedef struct bsi_manifest_writer bsi_manifest_writer;

/*
 * Begin the object at `key` and write the line that says what the backup is. `crypt` NULL: not
 * encrypted.
 */
BS_NODISCARD bs_status bsi_manifest_writer_new(const bsi_vault_env *env, const char *key,
                                               const bsi_crypt *crypt,
                                               const bsi_manifest_info *info,
                                               bsi_manifest_writer **out);
/* Add whole lines, each with its line feed. */
BS_NODISCARD bs_status bsi_manifest_writer_put(bsi_manifest_writer *writer, const void *lines,
                                               size_t size);
/* Write the last line. Sets manifest_size and manifest_sha256 of `info`. Nothing is visible yet. */
BS_NODISCARD bs_status bsi_manifest_writer_finish(bsi_manifest_writer *writer,
                                                  bsi_manifest_info *info);
/* Durable and visible; nothing is after a failure. */
BS_NODISCARD bs_status bsi_manifest_writer_commit(bsi_manifest_writer *writer);
/* Gives up what was not committed. NULL is ignored. */
void bsi_manifest_writer_free(bsi_manifest_writer *writer);

typedef struct bsi_manifest_reader bsi_manifest_reader;

/*
 * Open a manifest and read what it says of the backup. All errors of content
 * are BS_E_CORRUPT (BS_E_VERSION: of a newer version) and name the object.
 * BS_E_KEY, layer CRYPTO: it is encrypted, and none of env's keys opens it.
 */
BS_NODISCARD bs_status bsi_manifest_open(const bsi_vault_env *env, const char *key,
                                         bsi_manifest_reader **out);
void bsi_manifest_close(bsi_manifest_reader *reader);

/*
 * As bsi_manifest_open(), after reading the manifest to its end once: counts and
 * hash are right, and all that is read afterwards is what was written.
 */
BS_NODISCARD bs_status bsi_manifest_open_checked(const bsi_vault_env *env, const char *key,
                                                 bsi_manifest_reader **out);

/* Likewise a plain copy of an encrypted manifest, on env->bases; `key` is the copy's. */
BS_NODISCARD bs_status bsi_manifest_open_copy(const bsi_vault_env *env, const char *key,
                                              bsi_manifest_reader **out);

/* See bsi_backup_keys_report_signer(); nothing for a backup that is not encrypted. */
void bsi_manifest_report_signer(const bsi_manifest_reader *reader);

/* Begin again at the first entry. */
BS_NODISCARD bs_status bsi_manifest_rewind(bsi_manifest_reader *reader);

/* Valid until the reader is closed. Sizes and hash of the object only when it was checked. */
const bsi_manifest_info *bsi_manifest_reader_info(const bsi_manifest_reader *reader);

/* Hand it over; only bsi_manifest_close() is left for the reader then. */
bsi_manifest_info bsi_manifest_take_info(bsi_manifest_reader *reader);

/*
 * The next entry, its warnings passed over (or reported to `warnings` when that
 * was set): BS_END after the last, with counts and hash compared. Checked: paths
 * are safe and ascend, nothing lies below anything but a directory, extents and
 * locators lie inside. Valid until the next call.
 */
BS_NODISCARD bs_status bsi_manifest_next(bsi_manifest_reader *reader,
                                         const bsi_manifest_entry **out);
void bsi_manifest_report_to(bsi_manifest_reader *reader, const bsi_warn *warnings);

/* The entry's own line as it stands in the manifest, with its line feed. */
bsi_slice bsi_manifest_line(const bsi_manifest_reader *reader);

#endif
