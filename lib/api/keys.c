/* SPDX-License-Identifier: MIT */
/*
 * Keys: making, unlocking, keeping.
 */
#include <backupsvc/keys.h>

#include "api/check.h"
#include "engine/audit_job.h"
#include "engine/key_info.h"
#include "engine/key_make.h"
#include "engine/service.h"
#include "engine/slots.h"

enum {
    FIRST_OPTIONS_SIZE = offsetof(bs_key_options, passphrase) + sizeof(const char *),
    FIRST_SLOT_OPTIONS_SIZE = offsetof(bs_slot_options, label) + sizeof(const char *),
};

const char *bs_key_kind_name(bs_key_kind kind)
{
    return bsi_key_kind_name((bsi_key_kind)kind);
}

void bs_key_options_init(bs_key_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_key_generate(const bs_key_options *options, char fingerprint_out[BS_FINGERPRINT_SIZE])
{
    bs_key_options own = {0};

    BSI_REQUIRE(options);
    BSI_TRY(bsi_options_take("options", options, FIRST_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_key_generate(&own, fingerprint_out);
}

bs_status bs_key_unlock(bs_service *service, const char *reference, const char *passphrase)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(reference);
    return bsi_audit_end(service, &(bsi_deed){.action = "key.unlock"},
                         bsi_keys_unlock(service, reference, passphrase));
}

bs_status bs_keyring_list(bs_service *service, bs_keyring_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    return bsi_keyring_info_get(service, out);
}

void bs_keyring_info_free(bs_keyring_info *info)
{
    bsi_keyring_info_free(info);
}

bs_status bs_keyring_add(bs_service *service, const char *name, const char *reference,
                         const char *passphrase)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(name);
    BSI_REQUIRE(reference);
    return bsi_audit_end(service, &(bsi_deed){.action = "key.add", .object = name},
                         bsi_keys_ring_add(service, name, reference, passphrase));
}

bs_status bs_keyring_remove(bs_service *service, const char *name)
{
    const bsi_deed deed = {.action = "key.remove", .object = name};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(name);
    BSI_TRY(bsi_audit_begin(service, &deed));
    return bsi_audit_end(service, &deed, bsi_keys_ring_remove(service, name));
}

bs_status bs_keyring_rotate(bs_service *service, const char *reference)
{
    const bsi_deed deed = {.action = "key.rotate"};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(reference);
    BSI_TRY(bsi_audit_begin(service, &deed));
    return bsi_audit_end(service, &deed, bsi_keys_ring_rotate(service, reference));
}

bs_status bs_signer_trust(bs_service *service, const char *public_key, const char *name)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(public_key);
    BSI_REQUIRE(name);
    return bsi_audit_end(service,
                         &(bsi_deed){.action = "signer.trust", .object = public_key, .name = name},
                         bsi_signers_trust(service, public_key, name));
}

bs_status bs_signer_forget(bs_service *service, const char *public_key)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(public_key);
    return bsi_audit_end(service, &(bsi_deed){.action = "signer.forget", .object = public_key},
                         bsi_signers_forget(service, public_key));
}

/* --- Slots --- */

void bs_slot_options_init(bs_slot_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_backup_slots(bs_service *service, const char *id, bs_slots_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(out);
    return bsi_slots_get(service, id, out);
}

void bs_slots_info_free(bs_slots_info *info)
{
    bsi_slots_info_free(info);
}

static bs_status change_slots(bs_service *service, bsi_slot_action action,
                              const bs_slot_options *options, bs_slot_report *report_out)
{
    static const char *const words[] = {[BSI_SLOT_ADD] = "backup.key_add",
                                        [BSI_SLOT_REMOVE] = "backup.key_remove",
                                        [BSI_SLOT_CHANGE] = "backup.key_change"};
    bs_slot_options own = {0};
    char full[BS_ID_SIZE];
    bsi_deed deed = {.action = words[action]};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_TRY(bsi_options_take("options", options, FIRST_SLOT_OPTIONS_SIZE, &own, sizeof(own)));
    deed.object = own.backup_id ? bsi_audit_backup_id(service, own.backup_id, full) : NULL;
    deed.name = own.name;
    BSI_TRY(bsi_audit_begin(service, &deed));
    return bsi_audit_end(service, &deed, bsi_slots_change(service, action, &own, report_out));
}

bs_status bs_backup_slot_add(bs_service *service, const bs_slot_options *options,
                             bs_slot_report *report_out)
{
    return change_slots(service, BSI_SLOT_ADD, options, report_out);
}

bs_status bs_backup_slot_remove(bs_service *service, const bs_slot_options *options,
                                bs_slot_report *report_out)
{
    return change_slots(service, BSI_SLOT_REMOVE, options, report_out);
}

bs_status bs_backup_slot_change(bs_service *service, const bs_slot_options *options,
                                bs_slot_report *report_out)
{
    return change_slots(service, BSI_SLOT_CHANGE, options, report_out);
}
