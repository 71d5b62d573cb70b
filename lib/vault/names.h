/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_NAMES_H
#define BSI_VAULT_NAMES_H

#include "vault/vault.h"

/*
 * How the objects of a backup are called on a storage:
 *
 *     NAME/20261123T020000Z-full-1a2b3c4d.tar.gz              the container
 *     NAME/20261123T020000Z-full-1a2b3c4d.manifest.json.zst   its manifest
 *     NAME/20261123T020000Z-full-1a2b3c4d.keys                the keys of encrypted ones: both
 *                                                             have ".bsenc" behind their names
 *     NAME/20261123T020000Z-full-1a2b3c4d.aes.zip             a container with encrypted members,
 *                                                             which lies in no envelope
 *     NAME/20261123T020000Z-full-1a2b3c4d.pins.json           what keeps it from being removed
 *     NAME/mirror/PATH                                        a mirror's files
 *     NAME/mirror.1a2b3c4d/PATH                               files of a run not yet in place
 *
 * The eight digits are the last of the backup's id: UUIDs of version 7 begin
 * with the time, so their beginnings are alike.
 */
enum { BSI_SHORT_ID_SIZE = 9 };
#define BSI_ENVELOPE_SUFFIX ".bsenc"
#define BSI_WINZIP_SUFFIX ".aes.zip"
#define BSI_KEYS_SUFFIX ".keys"
#define BSI_PINS_SUFFIX ".pins.json"

/* Whether an object with this key lies in an envelope. */
bool bsi_is_encrypted_key(const char *key);
/* Whether it is a zip file whose members are encrypted, each by itself. */
bool bsi_is_winzip_key(const char *key);
/* Either: a key set lies beside it. */
bool bsi_has_keys(const char *key);
/* Whether it is a manifest's, in an envelope or not. */
bool bsi_is_manifest_key(const char *key);

/* What lies beside an object of a backup; freed with bsi_free(). NULL: no memory. */
char *bsi_keys_key(const char *key);
char *bsi_pins_key(const char *key);

/* The last eight digits of an id. */
void bsi_short_id(const char *id, char out[BSI_SHORT_ID_SIZE]);

/* "NAME/<time>-<kind>-<short id>" with `suffix` behind it; freed with bsi_free(). NULL: no memory.
 */
char *bsi_object_key(const bsi_backup_plan *plan, const char *suffix);

/* The same of a finished backup, without a suffix; freed with bsi_free(). NULL: no memory. */
char *bsi_manifest_stem(const bsi_manifest_info *info);

/* "NAME/mirror", and "NAME/mirror.<short id>"; freed with bsi_free(). NULL: no memory. */
char *bsi_mirror_key(const char *name);
char *bsi_mirror_staging_key(const char *name, const char *id);

/* Both parts with a slash between; freed with bsi_free(). NULL: no memory. */
char *bsi_join_key(const char *prefix, bsi_slice path);

/* What the key of an object tells; the parts are slices of it. */
typedef struct bsi_object_name {
    bsi_slice name;
    bsi_slice short_id;
    const char *suffix; /* Behind the short id, with its dot; NULL for staged ones. */
    bool manifest;
    bool staged; /* A file of a mirror's run; else an object of a backup. */
} bsi_object_name;

/* False when no backup has objects under such keys. Files of mirrors in place are none either. */
bool bsi_object_name_parse(const char *key, bsi_object_name *out);

/* Whether bytes may stand in JSON as they are: UTF-8 without a NUL. */
bool bsi_utf8_is_text(bsi_slice bytes);

#endif
