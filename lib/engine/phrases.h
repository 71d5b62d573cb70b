/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_PHRASES_H
#define BSI_ENGINE_PHRASES_H

#include <backupsvc/service.h>

#include "engine/arena.h"
#include "vault/vault.h"

/*
 * The pass phrases of repositories for RSA keys that this machine has made, in
 * the state directory:
 *
 *     phrases/on-STORAGE    the one in use: 64 hex digits and a line end, mode 0600
 *     phrases/next-STORAGE  what a change of the recipients puts in its place, while it lasts
 *     phrases/old-STORAGE   what that of another repository has taken the place of; further
 *                           ones have ".2" and so on behind their names
 *
 * The storage's name is what they are found by: a storage that gets another name
 * needs its file renamed.
 */

/* The keeper for one storage, in `arena`; NULL: no memory. Valid as long as both. */
const bsi_repo_keeper *bsi_phrases_keeper(bs_service *service, const char *storage,
                                          bsi_arena *arena);

#endif
