/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SIGNERS_H
#define BSI_ENGINE_SIGNERS_H

#include <backupsvc/service.h>

#include "crypto/sign.h"
#include "engine/arena.h"
#include "os/thread.h"

/*
 * Who signs. A service signs what it makes (rsa backups, the audit log) with an
 * Ed25519 key of its own, kept in its state directory:
 *
 *     signing.key    one line, "bsvc-sign-1 " and the seed in 64 hex digits; mode 0600
 *     signers        a line for each key whose signatures are known here: 64 hex digits
 *                    and, behind a blank, its name. Its own is among them
 *
 * A key is never believed because it lies beside what it signed.
 */
#define BSI_SIGNING_KEY_FILE "signing.key"
#define BSI_SIGNERS_FILE "signers"
#define BSI_SIGNER_OWN_NAME "this service"

enum { BSI_SIGNER_NAME_MAX = 64, BSI_SIGNERS_MAX = 1000 };

/* Owned by who changes the list. */
#define BSI_USES_SIGNERS "the list of signers"

typedef struct bsi_known_signer {
    bsi_public_key key;
    char name[BSI_SIGNER_NAME_MAX + 1];
} bsi_known_signer;

/* What a service remembers; zeroed at first. `lock` guards the pointer, what it points at stays. */
typedef struct bsi_signers {
    bsi_mutex lock;
    bsi_signer *own;
} bsi_signers;

void bsi_signers_dispose(bsi_signers *signers);

/*
 * The service's own signer, made when it is first needed. Borrowed until the
 * service is closed. BS_E_CORRUPT when its key is not the one that was pinned.
 */
BS_NODISCARD bs_status bsi_service_signer(bs_service *service, const bsi_signer **out);

/* Its public key: BS_E_NOT_FOUND when none was made yet. */
BS_NODISCARD bs_status bsi_service_signing_key(bs_service *service, bsi_public_key *out);

/* Whose signatures are known here, in `arena`. */
BS_NODISCARD bs_status bsi_signers_list(bs_service *service, bsi_arena *arena,
                                        bsi_known_signer **out, size_t *count_out);

/* Know one more, or under another name; and one less: BS_E_NOT_FOUND. */
BS_NODISCARD bs_status bsi_signers_trust(bs_service *service, const char *public_key,
                                         const char *name);
BS_NODISCARD bs_status bsi_signers_forget(bs_service *service, const char *public_key);

#endif
