/* SPDX-License-Identifier: MIT */
/*
 * The slots of encrypted backups: listing and changing them.
 *
 * Each step stores a whole key set, all at once, and tries what was stored. A
 * change is two steps: first both keys open the backup, then only the new one.
 */
#include "engine/slots.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/access.h"
#include "engine/complaints.h"
#include "engine/held.h"
#include "engine/service.h"

enum { LOCK_NAME_SIZE = 64 };

/* What is to be done, with its keys found. */
typedef struct slot_change {
    bs_service *service;
    bsi_slot_action action;
    const bs_slot_options *options;
    bsi_key *key; /* NULL with REMOVE. */
    bsi_key *old; /* NULL: by number, or with ADD. */
    unsigned char salt[BSI_KDF_SALT_SIZE];
    bs_slot_report report;
    bs_error error; /* Of the first backup that failed. */
} slot_change;

/* One backup whose slots are looked at. */
typedef struct slot_set {
    bsi_held held;
    bsi_access access;
    bsi_vault_env env;
    bsi_keyset *keyset;
} slot_set;

/* --- One key set --- */

static void set_close(bs_service *service, slot_set *set)
{
    bsi_keyset_free(set->keyset);
    bsi_access_close(&set->access);
    bsi_held_close(service, &set->held);
    *set = (slot_set){0};
}

/* `first`: a key to try before the others; NULL. The key set is not opened yet. */
static bs_status set_load(bs_service *service, const char *reference, bsi_key *first, slot_set *out)
{
    slot_set set = {0};
    bs_status status = bsi_held_open(service, reference, &set.held);

    if (status < 0) {
        return status;
    }
    set.env = bsi_service_env(service, set.held.storage, NULL, NULL);
    status = bsi_access_open_for(service, &set.held.row, first, &set.env, &set.access);
    if (status >= 0) {
        status = bsi_vault_load_keys(&set.env, set.held.row.manifest_key, &set.keyset);
    }
    if (status < 0) {
        set_close(service, &set);
        return status;
    }
    *out = set;
    return BS_OK;
}

/* A known key that opens one of the slots; NULL: there is none. */
static bs_status find_opener(const slot_set *set, bsi_key **out)
{
    *out = NULL;
    for (size_t i = 0; i < set->access.keys.count && !*out; i++) {
        bsi_key *key = set->access.keys.items[i];
        uint32_t number = 0;
        const bs_status status = bsi_keyset_find(set->keyset, key, &number);

        if (status < 0 && status != BS_E_NOT_FOUND) {
            return status;
        }
        *out = status >= 0 && bsi_key_can_open(key) ? key : NULL;
    }
    return BS_OK;
}

/* --- Steps --- */

/* The new key, unless it has a slot already. */
static bs_status add_slot(slot_change *change, slot_set *set, bool *changed)
{
    const bsi_keyset_cost cost = {.salt = change->salt};
    const char *label = change->options->label ? change->options->label : "";
    bsi_key *proof = change->key;
    uint32_t number = 0;
    bs_status status = bsi_keyset_find(set->keyset, change->key, &number);

    if (status != BS_E_NOT_FOUND) {
        return status;
    }
    if (!bsi_key_can_open(proof)) {
        BSI_TRY(find_opener(set, &proof));
    }
    BSI_TRY(bsi_keyset_add(set->keyset, change->key, label, &cost, &number));
    BSI_TRY(bsi_vault_store_keys(&set->env, set->held.row.manifest_key, set->keyset, proof));
    *changed = true;
    return BS_OK;
}

/*
 * What has to open what is left. Of aes256 a known key must: a pass phrase that nobody has tried
 * is one that may be forgotten. Recipients of rsa are elsewhere; the key set's own data key has
 * to do where no private key is at hand.
 */
static bs_status find_proof(const slot_change *change, const slot_set *set, bsi_key **out)
{
    if (change->key && bsi_key_can_open(change->key)) {
        *out = change->key;
        return BS_OK;
    }
    BSI_TRY(find_opener(set, out));
    if (!*out && strcmp(set->held.row.encryption, "rsa") != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NEEDED,
                        "none of the known keys would open backup %s any more; unlock one that "
                        "does first",
                        set->held.row.id);
    }
    return BS_OK;
}

static bool has_slot(const bsi_keyset *keyset, uint32_t number)
{
    for (size_t i = 0; i < bsi_keyset_slots(keyset); i++) {
        if (bsi_keyset_slot(keyset, i)->number == number) {
            return true;
        }
    }
    return false;
}

/* BS_E_NOT_FOUND: there is no such slot. */
static bs_status find_old(const slot_change *change, const slot_set *set, uint32_t *number_out)
{
    bs_status status = BS_OK;

    *number_out = change->options->number;
    if (change->old) {
        status = bsi_keyset_find(set->keyset, change->old, number_out);
    } else if (!has_slot(set->keyset, *number_out)) {
        status = BS_E_NOT_FOUND;
    }
    if (status == BS_E_NOT_FOUND) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "backup %s has no slot of the old key",
                        set->held.row.id);
    }
    return status;
}

static bs_status remove_slot(slot_change *change, slot_set *set, uint32_t number, bool *changed)
{
    bsi_key *proof = NULL;

    BSI_TRY(bsi_keyset_remove(set->keyset, number));
    BSI_TRY(find_proof(change, set, &proof));
    BSI_TRY(bsi_vault_store_keys(&set->env, set->held.row.manifest_key, set->keyset, proof));
    *changed = true;
    return BS_OK;
}

/* --- One backup --- */

/* A key of the kind that the backup's encryption has. */
static bs_status check_kind(const slot_change *change, const slot_set *set)
{
    const bool rsa = strcmp(set->held.row.encryption, "rsa") == 0;

    if (change->key && rsa != (bsi_key_kind_of(change->key) == BSI_KEY_RSA)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "key: backup %s is encrypted with %s: %s",
                        set->held.row.id, set->held.row.encryption,
                        rsa ? "takes a public key or certificate"
                            : "takes a pass phrase or raw key");
    }
    return BS_OK;
}

/*
 * Whether one key is in the other's place already: an earlier call has done it, or they are the
 * same key.
 */
static bs_status is_done(const slot_change *change, const slot_set *set, uint32_t old, bool *out)
{
    uint32_t own = 0;
    const bs_status status = bsi_keyset_find(set->keyset, change->key, &own);

    *out = status >= 0 && (old == 0 || own == old);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status replace_slot(slot_change *change, slot_set *set, bool *changed)
{
    uint32_t old = 0;
    bool done = false;
    const bs_status status = find_old(change, set, &old);

    if (status == BS_E_NOT_FOUND) {
        bs_error error = *bs_error_last();
        BSI_TRY(is_done(change, set, 0, &done));
        bsi_error_restore(&error);
        return done ? BS_OK : status;
    }
    BSI_TRY(status);
    BSI_TRY(is_done(change, set, old, &done));
    if (done) {
        return BS_OK;
    }
    BSI_TRY(add_slot(change, set, changed));
    return remove_slot(change, set, old, changed);
}

static bs_status take_steps(slot_change *change, slot_set *set, bool *changed)
{
    uint32_t old = 0;

    switch (change->action) {
    case BSI_SLOT_ADD:
        return add_slot(change, set, changed);
    case BSI_SLOT_REMOVE:
        BSI_TRY(find_old(change, set, &old));
        return remove_slot(change, set, old, changed);
    case BSI_SLOT_CHANGE:
        break;
    }
    return replace_slot(change, set, changed);
}

static bs_status change_set(slot_change *change, slot_set *set)
{
    bool changed = false;

    BSI_TRY(check_kind(change, set));
    BSI_TRY(bsi_access_explain(
        change->service, &set->env, &set->held.row,
        bsi_keyset_open(set->keyset, set->access.keys.items, set->access.keys.count)));
    BSI_TRY(take_steps(change, set, &changed));
    change->report.changed += changed ? 1 : 0;
    change->report.unchanged += changed ? 0 : 1;
    return BS_OK;
}

/* Only one call changes the slots of a backup at a time; reading it goes on meanwhile. */
static bs_status change_backup(slot_change *change, const char *reference)
{
    char lock[LOCK_NAME_SIZE];
    slot_set set;
    bs_status status = set_load(change->service, reference, change->old, &set);

    if (status < 0) {
        return status;
    }
    (void)snprintf(lock, sizeof(lock), "the keys of %s", set.held.row.id);
    status = bsi_uses_own(&change->service->uses, lock);
    if (status >= 0) {
        /* What was loaded before the lock may be old. */
        bsi_keyset_free(set.keyset);
        set.keyset = NULL;
        status = bsi_vault_load_keys(&set.env, set.held.row.manifest_key, &set.keyset);
        if (status >= 0) {
            status = change_set(change, &set);
        }
        bsi_uses_end(&change->service->uses, lock);
    }
    set_close(change->service, &set);
    return status;
}

/* --- All of a name --- */

static bool is_due(const bsi_row_backup *row)
{
    return (row->status == BSI_ROW_COMPLETED || row->status == BSI_ROW_COMPLETED_WITH_WARNINGS) &&
           strcmp(row->encryption, "none") != 0;
}

static void note_failure(slot_change *change, const char *id)
{
    if (change->report.failed == 0) {
        bsi_error_save(&change->error);
    }
    change->report.failed++;
    bsi_log_write(&change->service->log, BS_LOG_WARNING, "engine",
                  "the keys of backup %s are not changed: %s", id, bs_error_last()->message);
}

static bs_status change_rows(slot_change *change, const bsi_row_backup *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const bs_status status = is_due(&rows[i]) ? change_backup(change, rows[i].id) : BS_OK;

        if (status == BS_E_NOMEM) {
            return status;
        }
        if (status < 0) {
            note_failure(change, rows[i].id);
        }
    }
    return BS_OK;
}

static bs_status change_name(slot_change *change)
{
    bsi_backup_filter filter = {.name = change->options->name};
    size_t count = BSI_CATALOG_LIST_MAX;
    bs_status status = BS_OK;

    for (; count == BSI_CATALOG_LIST_MAX && status >= 0; filter.offset += count) {
        bsi_row_backup *rows = NULL;
        status = bsi_catalog_list_backups(change->service->catalog, &filter, &rows, &count, NULL);
        if (status >= 0) {
            status = change_rows(change, rows, count);
            bsi_row_backups_free(rows, count);
        }
    }
    if (status < 0) {
        return status;
    }
    if (change->report.failed > 0) {
        bsi_error_restore(&change->error);
        return change->report.changed + change->report.unchanged > 0 ? BS_PARTIAL
                                                                     : change->error.code;
    }
    if (change->report.changed + change->report.unchanged == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND,
                        "there is no encrypted backup of this name");
    }
    return BS_OK;
}

/* --- The request --- */

static bool is_given(const char *text)
{
    return text && text[0];
}

static bs_status check_options(bsi_slot_action action, const bs_slot_options *options)
{
    bsi_complaints complaints = {0};
    const bool wants_key = action != BSI_SLOT_REMOVE;
    const bool wants_old = action != BSI_SLOT_ADD;

    if (is_given(options->backup_id) == is_given(options->name)) {
        bsi_complain_invalid(&complaints, "backup_id, name: exactly one of the two must be set");
    }
    if (wants_key != is_given(options->key)) {
        bsi_complain_invalid(&complaints, "key: %s", wants_key ? "is missing" : "is not used here");
    }
    if (wants_old && is_given(options->old_key) == (options->number > 0)) {
        bsi_complain_invalid(&complaints, "old_key, number: exactly one of the two must be set");
    }
    if (!wants_old && (is_given(options->old_key) || options->number > 0)) {
        bsi_complain_invalid(&complaints, "old_key, number: are not used here");
    }
    if (options->number > 0 && is_given(options->name)) {
        bsi_complain_invalid(&complaints, "number: differs from backup to backup of a name");
    }
    return bsi_complaints_status(&complaints);
}

static bs_status find_key(bs_service *service, const char *field, const char *reference,
                          bsi_key **out)
{
    bs_status status = BS_OK;

    if (!is_given(reference)) {
        return BS_OK;
    }
    status = bsi_keys_resolve(service, reference, NULL, out);
    return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "%s", field) : BS_OK;
}

static bs_status run(slot_change *change)
{
    const bs_slot_options *options = change->options;

    BSI_TRY(check_options(change->action, options));
    BSI_TRY(find_key(change->service, "key", options->key, &change->key));
    BSI_TRY(find_key(change->service, "old_key", options->old_key, &change->old));
    BSI_TRY(bsi_service_salt(change->service, change->salt));
    if (is_given(options->name)) {
        return change_name(change);
    }
    return change_backup(change, options->backup_id);
}

bs_status bsi_slots_change(bs_service *service, bsi_slot_action action,
                           const bs_slot_options *options, bs_slot_report *report_out)
{
    slot_change change = {.service = service, .action = action, .options = options};
    const bs_status status = run(&change);

    bsi_key_unref(change.key);
    bsi_key_unref(change.old);
    if (report_out) {
        *report_out = change.report;
    }
    return status;
}

/* --- Listing --- */

typedef struct slots_box {
    bs_slots_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} slots_box;

static bs_status fill_slots(const slot_set *set, slots_box *box)
{
    const size_t count = bsi_keyset_slots(set->keyset);
    bs_slot *slots = bsi_arena_alloc(&box->arena, count + 1, sizeof(*slots));
    bsi_encryption encryption = BSI_ENCRYPTION_NONE;

    if (!slots) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const bsi_slot_info *slot = bsi_keyset_slot(set->keyset, i);
        slots[i].number = slot->number;
        slots[i].kind = (bs_key_kind)slot->kind;
        memcpy(slots[i].fingerprint, slot->fingerprint, sizeof(slots[i].fingerprint));
        slots[i].label = bsi_arena_text(&box->arena, slot->label);
        if (!slots[i].label) {
            return BS_E_NOMEM;
        }
    }
    memcpy(box->info.backup_id, set->held.row.id, BS_ID_SIZE);
    (void)bsi_encryption_parse(bsi_slice_of(set->held.row.encryption), &encryption);
    box->info.encryption = (bs_encryption)encryption;
    box->info.slots = slots;
    box->info.slots_count = count;
    return BS_OK;
}

bs_status bsi_slots_get(bs_service *service, const char *reference, bs_slots_info **out)
{
    slots_box *box = bsi_calloc(1, sizeof(*box));
    slot_set set = {0};
    bs_status status = box ? set_load(service, reference, NULL, &set) : BS_E_NOMEM;

    if (status >= 0) {
        status = fill_slots(&set, box);
        set_close(service, &set);
    }
    if (status < 0) {
        bsi_slots_info_free(box ? &box->info : NULL);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_slots_info_free(bs_slots_info *info)
{
    slots_box *box = (slots_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
