/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_REWRAP_H
#define BSI_VAULT_REPOSITORY_REWRAP_H

#include "vault/repository/session.h"

/*
 * Changes of whom a repository for RSA keys is for.
 *
 * To add one is to store the key set once more, with a slot more. When one goes
 * there is a new data key, so that what he may have kept opens nothing that is
 * there from then on:
 *
 *     the new data key is kept here, as the next one
 *     a key file for it is added to the repository, and opened
 *     the key set with it is stored for those who stay, and read back
 *     it is kept here as the one in use
 *     all other key files are removed
 *
 * So at each moment the stored set opens a key file, and so does what is kept
 * here. Who is killed in between leaves the next one behind; whatever is done
 * then by these functions on this machine first brings that change to its end,
 * or takes it back where the new set was not stored.
 *
 * The master key in the key files stays what it is: restic's format has no way
 * to change it.
 *
 * The session is open under an exclusive lock, wrapped, on a storage that lets
 * objects be removed. `signer` signs the new set. BS_E_KEY: nothing that is
 * known opens the stored set, though it may open the repository; BS_E_CORRUPT:
 * there is none, or it is not this repository's.
 */

/* Let the public key of one more open it. BS_OK also when it does already. */
BS_NODISCARD bs_status bsi_rewrap_add(const bsi_repo_session *session, bsi_key *recipient,
                                      const bsi_signer *signer);

/*
 * Let the recipient go whose fingerprint begins so: BS_E_NOT_FOUND, BS_E_AMBIGUOUS, BS_E_INVALID
 * for anything but 1 to 32 hex digits; BS_E_NEEDED: he is the last. BS_E_UNSUPPORTED: the public
 * key of one who stays is not in the set. BS_OK also when nobody has to go any more because a
 * change came to its end that was cut short.
 */
BS_NODISCARD bs_status bsi_rewrap_remove(const bsi_repo_session *session, bsi_slice fingerprint,
                                         const bsi_signer *signer);

/* Another data key for the same recipients. BS_E_UNSUPPORTED as above. */
BS_NODISCARD bs_status bsi_rewrap_renew(const bsi_repo_session *session, const bsi_signer *signer);

#endif
