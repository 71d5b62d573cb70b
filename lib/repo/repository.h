/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_REPOSITORY_H
#define BSI_REPO_REPOSITORY_H

#include "repo/config.h"
#include "repo/key_file.h"
#include "storage/storage.h"

/*
 * A repository of restic's format, version 1 or 2, below a folder of any
 * storage:
 *
 *     config                 which version, and the chunker's polynomial
 *     keys/<id>              the master key, once for each password
 *     snapshots/<id>         what was backed up when
 *     index/<id>             which pack has which blob
 *     locks/<id>             who works here
 *     data/<2 digits>/<id>   packs
 *     marks/<id>             which packs could go; restic has none and passes them over
 *
 * An id is the SHA-256 of the stored file. Each file is put all at once and
 * never changed. Folders that are missing are empty.
 *
 * Thread-safety: any thread on the same repository, but for the functions that
 * change its keys: those one at a time.
 */
typedef struct bsi_repo bsi_repo;

typedef enum bsi_repo_kind {
    BSI_REPO_KEYS,
    BSI_REPO_SNAPSHOTS,
    BSI_REPO_INDEX,
    BSI_REPO_LOCKS,
    BSI_REPO_PACKS,
    BSI_REPO_MARKS,
} bsi_repo_kind;

/* Where a repository lies. */
typedef struct bsi_repo_place {
    bsi_storage *storage;
    const char *folder; /* On it, without a slash at its end; "": all of it. */
    /* NULL: scrypt runs at each opening. Must live as long as what is opened with it. */
    bsi_known_keys *known;
    /*
     * Of each index that is read from it, so many bytes may lie in memory and the rest in a file
     * without a name in the directory: see bsi_repo_index_limit(). 0: all in memory.
     */
    uint64_t index_memory_most;
    int temp_dir; /* Stays open as long as the repository. */
} bsi_repo_place;

/* How a new repository is made. Zeros stand for the usual. */
typedef struct bsi_repo_options {
    uint32_t version;     /* 1 or 2; 0: 2. */
    uint64_t polynomial;  /* Of another repository, to have the same chunks; 0: a new one. */
    bsi_scrypt_cost cost; /* log_n 0: BSI_REPO_SCRYPT_COST. */
} bsi_repo_options;

/*
 * Make one and open it: the key file first, then `config`. What scrypt made for it is forgotten:
 * the next opening shows that the password alone leads to it. BS_E_EXISTS when
 * there is one already, or parts of one. But keys alone, when the password opens
 * one of them, are taken for the beginning of this one, which died before it had
 * its config. `options` and `password` may be NULL.
 */
BS_NODISCARD bs_status bsi_repo_init(const bsi_repo_place *place, const bs_call *call,
                                     const bsi_repo_options *options, const bsi_secret *password,
                                     bsi_repo **out);

/*
 * Whether one could be made there: BS_E_EXISTS as above. *keys_out: how many key files there are of
 * one that was begun.
 */
BS_NODISCARD bs_status bsi_repo_check_free(const bsi_repo_place *place, const bs_call *call,
                                           size_t *keys_out);

/*
 * BS_E_NOT_FOUND: no repository there. BS_E_KEY: the password opens none of its
 * keys. BS_E_VERSION: above 2. BS_E_CORRUPT: config or keys are missing or
 * damaged. BS_E_LIMIT: trying its keys costs more than BSI_REPO_OPEN_WORK_MAX
 * allows; cheap ones are tried first. A key file that is damaged is in nobody's
 * way while another one opens.
 */
#define BSI_REPO_OPEN_WORK_MAX (2 * BSI_SCRYPT_WORK_MAX)
BS_NODISCARD bs_status bsi_repo_open(const bsi_repo_place *place, const bs_call *call,
                                     const bsi_secret *password, bsi_repo **out);

/*
 * The same without scrypt: BS_E_KEY where `place->known` does not know what the password leads to.
 * Where it knows nothing of the password at all, the storage is not asked.
 */
BS_NODISCARD bs_status bsi_repo_open_known(const bsi_repo_place *place, const bs_call *call,
                                           const bsi_secret *password, bsi_repo **out);

/* NULL is ignored; the error record is left alone. */
void bsi_repo_close(bsi_repo *repo);

/* Borrowed, for as long as the repository is open. */
const bsi_repo_config *bsi_repo_config_of(const bsi_repo *repo);
const bsi_secret *bsi_repo_master_key(const bsi_repo *repo);
bsi_storage *bsi_repo_storage(const bsi_repo *repo);

/* --- Files --- */

enum {
    BSI_REPO_FOLDER_MAX = 1024,
    BSI_REPO_KEY_SIZE = BSI_REPO_FOLDER_MAX + 96, /* Of an object's key, with its NUL. */
};

/* The key on the storage of a file. */
void bsi_repo_object_key(const bsi_repo *repo, bsi_repo_kind kind, const bsi_digest *id,
                         char out[BSI_REPO_KEY_SIZE]);

/*
 * Append the text of a file: found to be what its id says, decrypted and
 * decompressed. Key files are not encrypted; packs are not read in this way.
 * BS_E_NOT_FOUND, BS_E_CORRUPT; BS_E_LIMIT when the text is longer than `out`,
 * which must be empty, may become.
 */
BS_NODISCARD bs_status bsi_repo_load(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                                     const bsi_digest *id, bsi_buf *out);

/* Store a text as a new file: compressed as the version has it, encrypted, durable. */
BS_NODISCARD bs_status bsi_repo_save(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                                     bsi_slice text, bsi_digest *id_out);

/* BS_OK also when there was none. */
BS_NODISCARD bs_status bsi_repo_remove(const bsi_repo *repo, const bs_call *call,
                                       bsi_repo_kind kind, const bsi_digest *id);

typedef struct bsi_repo_file {
    bsi_digest id;
    uint64_t size; /* As it is stored. */
} bsi_repo_file;

typedef struct bsi_repo_files {
    bsi_repo_file *items;
    size_t count;
} bsi_repo_files;

/* All files of a kind in ascending order. What has no id for its name is none of them. */
BS_NODISCARD bs_status bsi_repo_list(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                                     bsi_repo_files *out);
void bsi_repo_files_dispose(bsi_repo_files *files);
/* The file of an id in such a list, or NULL. */
const bsi_repo_file *bsi_repo_files_find(const bsi_repo_files *files, const bsi_digest *id);

/*
 * The one file of a kind whose id begins with these hex digits: BS_E_NOT_FOUND,
 * BS_E_AMBIGUOUS; BS_E_INVALID for anything but 1 to 64 digits.
 */
BS_NODISCARD bs_status bsi_repo_find(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                                     bsi_slice prefix, bsi_digest *out);

/* --- Keys --- */

/* Takes one key of a list. `info` is NULL when its file is damaged; the record says how. */
typedef bs_status (*bsi_repo_key_cb)(void *user, const bsi_digest *id,
                                     const bsi_repo_key_info *info);

/* In order of their ids; what the callback returns other than BS_OK ends it. */
BS_NODISCARD bs_status bsi_repo_key_list(const bsi_repo *repo, const bs_call *call,
                                         bsi_repo_key_cb callback, void *user);

/* The one that the repository was opened with. */
const bsi_digest *bsi_repo_current_key(const bsi_repo *repo);

/*
 * One more password. Its file is read again and opened before this returns.
 * `cost` and `password` may be NULL.
 */
BS_NODISCARD bs_status bsi_repo_key_add(const bsi_repo *repo, const bs_call *call,
                                        const bsi_secret *password, const bsi_scrypt_cost *cost,
                                        bsi_digest *id_out);

/* BS_E_NEEDED for the one that the repository was opened with; BS_E_NOT_FOUND. */
BS_NODISCARD bs_status bsi_repo_key_remove(const bsi_repo *repo, const bs_call *call,
                                           const bsi_digest *id);

/* Another password in the place of that which the repository was opened with. */
BS_NODISCARD bs_status bsi_repo_key_change(bsi_repo *repo, const bs_call *call,
                                           const bsi_secret *password, const bsi_scrypt_cost *cost);

#endif
