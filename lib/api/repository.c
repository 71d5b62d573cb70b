/* SPDX-License-Identifier: MIT */
/*
 * Repositories.
 */
#include <backupsvc/repository.h>

#include "api/check.h"
#include "engine/control.h"
#include "engine/repository.h"
#include "engine/service.h"
#include "engine/words.h"

enum {
    FIRST_OPTIONS_SIZE = offsetof(bs_repository_options, version) + sizeof(uint32_t),
    FIRST_CHECK_OPTIONS_SIZE = offsetof(bs_check_options, percent) + sizeof(uint32_t),
    FIRST_PRUNE_OPTIONS_SIZE = offsetof(bs_prune_options, max_repack_size) + sizeof(const char *),
    FIRST_REPAIR_OPTIONS_SIZE = offsetof(bs_repair_options, packs) + sizeof(const char *const *),
};

static const char *or_usual(const char *storage)
{
    return storage ? storage : BSI_REPOSITORY_STORAGE;
}

void bs_repository_options_init(bs_repository_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_repository_init(bs_service *service, const bs_repository_options *options,
                             char id_out[BS_DIGEST_TEXT_SIZE])
{
    bs_repository_options own = {0};
    bsi_deed deed = {.action = "repository.init"};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_TRY(bsi_options_take("options", options, FIRST_OPTIONS_SIZE, &own, sizeof(own)));
    deed.object = or_usual(own.storage);
    return bsi_audit_end(service, &deed, bsi_repository_init(service, &own, id_out));
}

/* --- Pass phrases --- */

bs_status bs_repository_key_list(bs_service *service, const char *storage, bs_repository_keys **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    return bsi_repository_key_list(service, storage, out);
}

void bs_repository_keys_free(bs_repository_keys *keys)
{
    bsi_repository_keys_free(keys);
}

bs_status bs_repository_key_add(bs_service *service, const char *storage, const char *reference,
                                char id_out[BS_DIGEST_TEXT_SIZE])
{
    const bsi_deed deed = {.action = "repository.key_add", .object = or_usual(storage)};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(reference);
    BSI_TRY(bsi_audit_begin(service, &deed));
    return bsi_audit_end(service, &deed,
                         bsi_repository_key_add(service, storage, reference, id_out));
}

bs_status bs_repository_key_remove(bs_service *service, const char *storage, const char *id)
{
    const bsi_deed deed = {
        .action = "repository.key_remove", .object = or_usual(storage), .detail = id};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_TRY(bsi_audit_begin(service, &deed));
    return bsi_audit_end(service, &deed, bsi_repository_key_remove(service, storage, id));
}

bs_status bs_repository_key_change(bs_service *service, const char *storage, const char *reference)
{
    const bsi_deed deed = {.action = "repository.key_change", .object = or_usual(storage)};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(reference);
    BSI_TRY(bsi_audit_begin(service, &deed));
    return bsi_audit_end(service, &deed, bsi_repository_key_change(service, storage, reference));
}

bs_status bs_repository_recipient_add(bs_service *service, const char *storage,
                                      const char *reference,
                                      char fingerprint_out[BS_FINGERPRINT_SIZE])
{
    const bsi_deed deed = {.action = "repository.recipient_add", .object = or_usual(storage)};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(reference);
    BSI_TRY(bsi_audit_begin(service, &deed));
    return bsi_audit_end(
        service, &deed, bsi_repository_recipient_add(service, storage, reference, fingerprint_out));
}

bs_status bs_repository_key_renew(bs_service *service, const char *storage)
{
    const bsi_deed deed = {.action = "repository.key_renew", .object = or_usual(storage)};

    BSI_TRY(bsi_service_enter(service));
    BSI_TRY(bsi_audit_begin(service, &deed));
    return bsi_audit_end(service, &deed, bsi_repository_key_renew(service, storage));
}

/* --- Locks --- */

bs_status bs_repository_unlock(bs_service *service, const char *storage, bool all,
                               uint64_t *removed_out)
{
    const bsi_deed deed = {
        .action = "repository.unlock", .object = or_usual(storage), .detail = all ? "all" : NULL};

    BSI_TRY(bsi_service_enter(service));
    BSI_TRY(bsi_audit_begin(service, &deed));
    return bsi_audit_end(service, &deed, bsi_repository_unlock(service, storage, all, removed_out));
}

/* --- Checks --- */

const char *bs_check_subject_name(bs_check_subject subject)
{
    return bsi_word_name(bsi_words_check_subject, (int)subject);
}

void bs_check_options_init(bs_check_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_check_start(bs_service *service, const bs_check_options *options,
                         char id_out[BS_ID_SIZE])
{
    bs_check_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_REQUIRE(id_out);
    BSI_TRY(bsi_options_take("options", options, FIRST_CHECK_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_check_start(service, &own, id_out);
}

bs_status bs_check_get(bs_service *service, const char *id, bs_check_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(out);
    return bsi_check_get(service, id, out);
}

void bs_check_info_free(bs_check_info *info)
{
    bsi_check_info_free(info);
}

bs_status bs_check_wait(bs_service *service, const char *id, uint32_t timeout_ms)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_wait(service, BS_JOB_CHECK, id, timeout_ms);
}

bs_status bs_check_cancel(bs_service *service, const char *id)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_cancel(service, BS_JOB_CHECK, id);
}

/* --- Pruning --- */

void bs_prune_options_init(bs_prune_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_prune_start(bs_service *service, const bs_prune_options *options,
                         char id_out[BS_ID_SIZE])
{
    bs_prune_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_REQUIRE(id_out);
    BSI_TRY(bsi_options_take("options", options, FIRST_PRUNE_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_prune_start(service, &own, id_out);
}

bs_status bs_prune_get(bs_service *service, const char *id, bs_prune_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(out);
    return bsi_prune_get(service, id, out);
}

void bs_prune_info_free(bs_prune_info *info)
{
    bsi_prune_info_free(info);
}

bs_status bs_prune_wait(bs_service *service, const char *id, uint32_t timeout_ms)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_wait(service, BS_JOB_PRUNE, id, timeout_ms);
}

bs_status bs_prune_cancel(bs_service *service, const char *id)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_cancel(service, BS_JOB_PRUNE, id);
}

/* --- Repairs --- */

const char *bs_repair_part_name(bs_repair_part part)
{
    return bsi_word_name(bsi_words_repair_part, (int)part);
}

void bs_repair_options_init(bs_repair_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_repair_start(bs_service *service, const bs_repair_options *options,
                          char id_out[BS_ID_SIZE])
{
    bs_repair_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_REQUIRE(id_out);
    BSI_TRY(bsi_options_take("options", options, FIRST_REPAIR_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_repair_start(service, &own, id_out);
}

bs_status bs_repair_get(bs_service *service, const char *id, bs_repair_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(out);
    return bsi_repair_get(service, id, out);
}

void bs_repair_info_free(bs_repair_info *info)
{
    bsi_repair_info_free(info);
}

bs_status bs_repair_wait(bs_service *service, const char *id, uint32_t timeout_ms)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_wait(service, BS_JOB_REPAIR, id, timeout_ms);
}

bs_status bs_repair_cancel(bs_service *service, const char *id)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_cancel(service, BS_JOB_REPAIR, id);
}
