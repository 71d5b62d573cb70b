/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_FORMS_H
#define BSI_VAULT_FORMS_H

#include "vault/vault.h"

/* The forms of this build; each is the one global symbol of its folder's form.c. */
extern const bsi_vault bsi_vault_archive;
extern const bsi_vault bsi_vault_mirror;
extern const bsi_vault bsi_vault_repository;

#endif
