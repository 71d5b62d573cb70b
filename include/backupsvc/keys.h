/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_KEYS_H
#define BACKUPSVC_KEYS_H

#include <backupsvc/backup.h>
#include <backupsvc/service.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/keys.h
 * @brief Keys of encrypted backups: made, named, kept, unlocked, changed.
 *
 * Wherever a key or pass phrase is asked for, a reference is given:
 *
 *     env:NAME      the text of an environment variable; env:ENCRYPTION_KEY is the key
 *                   of the settings, wherever they have it from
 *     file:PATH     what a file holds; one line end behind it does not count
 *     keyring:NAME  an entry of the service's keyring
 *     text:SECRET   the secret itself, whatever it begins with
 *     other text    likewise
 *
 * What is found there is taken for what it looks like: PEM for an RSA key, a
 * line that begins with "bsvc-key-1 " for a raw key, anything else for a pass
 * phrase. Where public keys are asked for, other text that is no PEM is the path
 * of a file.
 *
 * A file with a secret must be a regular file of at most 64 KiB that belongs to
 * this user or root, that nobody else may read (mode 0600), and that is named
 * itself, not by a symbolic link. Files with public keys may be anybody's.
 *
 * No secret is ever kept in the catalogue or a manifest, or told in logs and
 * errors.
 */

/** Room for a key's fingerprint with its NUL: 32 hex digits. */
#define BS_FINGERPRINT_SIZE 33

/** Room for the public half of a signing key with its NUL: 64 hex digits. */
#define BS_SIGNER_SIZE 65

/** What a key is. */
typedef enum bs_key_kind {
    BS_KEY_PASSPHRASE = 1, /**< Any bytes that a person or program remembers. */
    BS_KEY_RAW = 2,        /**< 32 bytes of chance in a file. */
    BS_KEY_RSA = 3,        /**< An RSA key of at least 3072 bits, its public half or both. */
} bs_key_kind;

/** A key's kind as a word: "passphrase", "raw", "rsa", "unknown". Since: 0.1 */
BS_API const char *bs_key_kind_name(bs_key_kind kind);

/* --- Making keys --- */

/** What key to make. Start from BS_KEY_OPTIONS_INIT; 0 means default. */
typedef struct bs_key_options {
    size_t struct_size;      /**< Set by BS_KEY_OPTIONS_INIT. */
    bs_key_kind kind;        /**< BS_KEY_RAW or BS_KEY_RSA. */
    const char *path;        /**< The new file of the secret key, with mode 0600. */
    const char *public_path; /**< rsa: the new file of the public key. Default: path + ".pub". */
    uint32_t bits;           /**< rsa: 3072 to 8192. Default: 4096. */
    const char *passphrase;  /**< rsa: a reference; the file is encrypted with it. Default: not. */
} bs_key_options;

/* clang-format off */
#define BS_KEY_OPTIONS_INIT {sizeof(bs_key_options), (bs_key_kind)0, NULL, NULL, 0, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_key_options_init(bs_key_options *options, size_t size);

/**
 * Make a key and write it into new files.
 *
 * Nothing is ever overwritten. Who loses the file of a key loses what it opens.
 *
 * @param options          What to make. `passphrase` cannot name the keyring here.
 * @param fingerprint_out  Of the new key; may be NULL.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID  An option is wrong.
 * @retval BS_E_EXISTS   One of the files is there already.
 *
 * Blocking: disk; an RSA key takes up to some seconds.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_key_generate(const bs_key_options *options,
                                              char fingerprint_out[BS_FINGERPRINT_SIZE]);

/* --- Unlocking --- */

/**
 * Know a key as long as the service is open.
 *
 * Whatever reads encrypted backups tries it: browsing, restores, verifications,
 * bs_catalog_rebuild(). The key of the settings and the entries of the keyring
 * are known without it.
 *
 * @param service     The service.
 * @param reference   The key; one that can open backups.
 * @param passphrase  A reference to the pass phrase of an encrypted PEM key; NULL: none.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  The reference leads to nothing.
 * @retval BS_E_ACCESS     Its file is open to others, or not ours.
 * @retval BS_E_KEY        It is a public key, or the keyring does not open.
 * @retval BS_E_INVALID    What it leads to is no key that this library takes.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_key_unlock(bs_service *service, const char *reference,
                                            const char *passphrase);

/* --- The keyring --- */

/** One key of the keyring. */
typedef struct bs_keyring_entry {
    const char *name;
    bs_key_kind kind;
    bool can_open;                         /**< False for a public key. */
    char fingerprint[BS_FINGERPRINT_SIZE]; /**< "" for a pass phrase. */
    const char *added_at;                  /**< RFC 3339, in UTC. */
} bs_keyring_entry;

/** A key whose signatures the service knows. */
typedef struct bs_signer {
    char public_key[BS_SIGNER_SIZE];
    const char *name;
    bool is_own; /**< It is the service's own. */
} bs_signer;

/** What a service keeps of keys. */
typedef struct bs_keyring_info {
    const bs_keyring_entry *entries;
    size_t entries_count;
    char signing_key[BS_SIGNER_SIZE]; /**< What rsa backups and the audit log are signed with; ""
                                         before the first. */
    const bs_signer *signers;
    size_t signers_count;
} bs_keyring_info;

/**
 * List the keyring's entries and the known signers.
 *
 * @param service  The service.
 * @param out      The list; freed with bs_keyring_info_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_KEY      There is a keyring and no master key, or not the right one.
 * @retval BS_E_CORRUPT  The keyring is damaged.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_keyring_list(bs_service *service, bs_keyring_info **out);

/** Free a list. NULL is ignored. Since: 0.1 */
BS_API void bs_keyring_info_free(bs_keyring_info *info);

/**
 * Put a key into the keyring.
 *
 * @param service     The service.
 * @param name        1 to 64 letters, digits, `.`, `_`, `-`. Copied.
 * @param reference   What to put there: a pass phrase, a raw key, a private or a public key.
 * @param passphrase  A reference to the pass phrase of an encrypted PEM key, which is kept with
 *                    it; NULL: none.
 *
 * @retval BS_OK
 * @retval BS_E_EXISTS     There is an entry of that name.
 * @retval BS_E_KEY        There is no master key, or not the right one.
 * @retval BS_E_NOT_FOUND  The reference leads to nothing.
 * @retval BS_E_INVALID    The name, or what the reference leads to.
 * @retval BS_E_BUSY       Somebody else is changing the keyring.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_keyring_add(bs_service *service, const char *name,
                                             const char *reference, const char *passphrase);

/**
 * Take a key out of the keyring. Backups that only it opens are lost with it.
 *
 * @param service  The service.
 * @param name     The entry's name.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such entry.
 * @retval BS_E_KEY        There is no master key, or not the right one.
 * @retval BS_E_BUSY       Somebody else is changing the keyring.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_keyring_remove(bs_service *service, const char *name);

/**
 * Seal the keyring under another master key.
 *
 * The keys in it stay the same. The new keyring is read back and opened before
 * it takes the place of the old one. From the next bs_service_open() on the
 * settings, or the program's callback, must give the new master key.
 *
 * @param service    The service.
 * @param reference  The new master key: a pass phrase, a raw key or a private key.
 *
 * @retval BS_OK
 * @retval BS_E_KEY   The old master key is missing or wrong, or the new one cannot open.
 * @retval BS_E_BUSY  Somebody else is changing the keyring.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_keyring_rotate(bs_service *service, const char *reference);

/**
 * Know a signer, such as another machine's service, under a name.
 *
 * @param service     The service.
 * @param public_key  64 hex digits, as `signing_key` of that service's bs_keyring_info.
 * @param name        1 to 64 bytes on one line. Copied; replaces an earlier one.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID  One of the two is wrong.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_signer_trust(bs_service *service, const char *public_key,
                                              const char *name);

/**
 * Know a signer no more.
 *
 * @param service     The service.
 * @param public_key  As for bs_signer_trust(). Not the service's own.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  It was not known.
 * @retval BS_E_NEEDED     It is the service's own.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_signer_forget(bs_service *service, const char *public_key);

/* --- The keys of backups that are there --- */

/** One of the keys that open a backup. */
typedef struct bs_slot {
    uint32_t number; /**< Given once and never again within its backup. */
    bs_key_kind kind;
    char fingerprint[BS_FINGERPRINT_SIZE]; /**< "" for a pass phrase. */
    const char *label;                     /**< What its maker called it; "". */
} bs_slot;

/** What opens a backup. */
typedef struct bs_slots_info {
    char backup_id[BS_ID_SIZE];
    bs_encryption encryption;
    const bs_slot *slots;
    size_t slots_count;
} bs_slots_info;

/**
 * Tell what keys open a backup. Needs none of them.
 *
 * @param service  The service.
 * @param id       As for bs_backup_get().
 * @param out      The list; freed with bs_slots_info_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such backup, or it is not encrypted.
 * @retval BS_E_CORRUPT    Its key set is damaged.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_slots(bs_service *service, const char *id,
                                              bs_slots_info **out);

/** Free a list. NULL is ignored. Since: 0.1 */
BS_API void bs_slots_info_free(bs_slots_info *info);

/**
 * Which backups' keys to change, and how. Start from BS_SLOT_OPTIONS_INIT; 0 means default.
 *
 * Exactly one of backup_id and name is set. What opens the backups must be known:
 * the settings' key, the keyring's, what was unlocked, or `old_key`.
 */
typedef struct bs_slot_options {
    size_t struct_size;    /**< Set by BS_SLOT_OPTIONS_INIT. */
    const char *backup_id; /**< One backup, as for bs_backup_get(). */
    const char *name;      /**< All encrypted backups of this name. */
    const char *key;       /**< The new key, by reference. rsa: its public half does. */
    const char *old_key;   /**< The key whose slot goes, by reference. rsa: likewise. */
    uint32_t number;       /**< With backup_id, instead of `old_key`: the slot that goes. */
    const char *label;     /**< Of the new slot: up to 64 bytes on one line. Default: none. */
} bs_slot_options;

/* clang-format off */
#define BS_SLOT_OPTIONS_INIT {sizeof(bs_slot_options), NULL, NULL, NULL, NULL, 0, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_slot_options_init(bs_slot_options *options, size_t size);

/** What became of the backups whose keys were to change. */
typedef struct bs_slot_report {
    uint64_t changed;
    uint64_t unchanged; /**< They were already as they are to be. */
    uint64_t failed;    /**< Each was logged as a warning. */
} bs_slot_report;

/**
 * Let one more key open backups.
 *
 * Only the small object with a backup's keys is written, all at once; it is read
 * back and the new key is tried, but for a public key, which opens nothing. Backups
 * that the key opens already stay as they are.
 *
 * @param service     The service.
 * @param options     Which backups, and the key. `old_key` and `number` are not used.
 * @param report_out  What became of each; may be NULL.
 *
 * @retval BS_OK
 * @retval BS_PARTIAL      Some backups of the name could not be changed.
 * @retval BS_E_NOT_FOUND  There is no such backup, or none that is encrypted.
 * @retval BS_E_KEY        No known key opens the backup.
 * @retval BS_E_INVALID    An option is wrong, or the key is of another kind than the backup.
 * @retval BS_E_BUSY       Somebody else is changing the backup's keys.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_slot_add(bs_service *service,
                                                 const bs_slot_options *options,
                                                 bs_slot_report *report_out);

/**
 * Let a key open backups no more.
 *
 * Who had the key, and a copy of the backup from before, can still read that copy.
 *
 * @param service     The service.
 * @param options     Which backups, and `old_key` or `number`.
 * @param report_out  What became of each; may be NULL.
 *
 * @retval BS_OK
 * @retval BS_PARTIAL      Some backups of the name could not be changed.
 * @retval BS_E_NOT_FOUND  There is no such backup, none that is encrypted, or no such slot.
 * @retval BS_E_NEEDED     It is the last slot, or of aes256 the last that a known key opens.
 * @retval BS_E_KEY        No known key opens the backup.
 * @retval BS_E_BUSY       Somebody else is changing the backup's keys.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_slot_remove(bs_service *service,
                                                    const bs_slot_options *options,
                                                    bs_slot_report *report_out);

/**
 * Put one key in the place of another: bs_backup_slot_add() and, once that is done and the new
 * key was tried, bs_backup_slot_remove().
 *
 * A crash leaves a backup with the old key, with both, or with the new one; the same call made
 * again finishes it.
 *
 * @param service     The service.
 * @param options     Which backups, `key`, and `old_key` or `number`.
 * @param report_out  What became of each; may be NULL.
 *
 * @retval BS_OK
 * @retval BS_PARTIAL  Some backups of the name could not be changed.
 *                     Others as for the two.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_slot_change(bs_service *service,
                                                    const bs_slot_options *options,
                                                    bs_slot_report *report_out);

BS_END_DECLS

#endif
