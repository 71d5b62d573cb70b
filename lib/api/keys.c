/* SPDX-License-Identifier: MIT */
/*
 * Keys: making, unlocking, keeping.
 */
#include <backupsvc/keys.h>

#include "api/check.h"
#include "engine/key_info.h"
#include "engine/key_make.h"
#include "engine/service.h"

enum { FIRST_OPTIONS_SIZE = sizeof(bs_key_options) };

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
    return bsi_keys_unlock(service, reference, passphrase);
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
    return bsi_keys_ring_add(service, name, reference, passphrase);
}

bs_status bs_keyring_remove(bs_service *service, const char *name)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(name);
    return bsi_keys_ring_remove(service, name);
}

bs_status bs_keyring_rotate(bs_service *service, const char *reference)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(reference);
    return bsi_keys_ring_rotate(service, reference);
}

bs_status bs_signer_trust(bs_service *service, const char *public_key, const char *name)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(public_key);
    BSI_REQUIRE(name);
    return bsi_signers_trust(service, public_key, name);
}

bs_status bs_signer_forget(bs_service *service, const char *public_key)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(public_key);
    return bsi_signers_forget(service, public_key);
}
