/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_GOOGLE_AUTH_H
#define BSI_NET_GOOGLE_AUTH_H

#include "base/buffer.h"
#include "base/slice.h"
#include "crypto/rsa_sign.h"

/*
 * How one logs in at Google: files with credentials, what is asked of the server that gives
 * tokens, and what it answers. No clock, no I/O. Source: "Using OAuth 2.0 for Server to Server
 * Applications" and "Refreshing an access token" in Google's identity documentation; RFC 7515,
 * 7519 and 7523. Texts never show what stands in secret members.
 */

/* Bytes of a file with credentials. */
enum { BSI_GOOGLE_FILE_MAX = 64 * 1024 };

/* Of answers with tokens, and the longest token in one. */
enum { BSI_GOOGLE_ANSWER_MAX = 64 * 1024, BSI_GOOGLE_TOKEN_MAX = 16 * 1024 };

typedef struct bsi_google_account {
    char *token_uri; /* Who gives tokens; over TLS, or on this machine. */
    /* Of a service account; NULL for a user. */
    char *email;
    char *key_id; /* NULL: not told. */
    bsi_rsa_signer *signer;
    /* Of a user; NULL for a service account. Secrets end in NUL. */
    char *client_id;
    bsi_secret *client_secret;
    bsi_secret *refresh_token;
} bsi_google_account;

/*
 * Read a file's text, of type "service_account" or "authorized_user"; others are
 * BS_E_UNSUPPORTED, and what is none of these BS_E_INVALID, of layer CALLER.
 */
BS_NODISCARD bs_status bsi_google_account_parse(bsi_slice text, bsi_google_account **out);
void bsi_google_account_free(bsi_google_account *account); /* NULL is ignored. */

/*
 * The body of the request for a token, of application/x-www-form-urlencoded, ending in NUL. A
 * service account's is signed for an hour from `now_sec` on.
 */
BS_NODISCARD bs_status bsi_google_request(const bsi_google_account *account, int64_t now_sec,
                                          bsi_secret **out);

/* Append a service account's signed token (RFC 7519), which the request has in it. */
BS_NODISCARD bs_status bsi_google_assertion(const bsi_google_account *account, int64_t now_sec,
                                            bsi_buf *out);

/* Read an answer with a token. It ends in NUL; `lasts_s`: so many seconds. */
BS_NODISCARD bs_status bsi_google_token_parse(bsi_slice document, bsi_secret **token_out,
                                              uint64_t *lasts_s);

/* Why there was none; texts that are too long are cut. */
typedef struct bsi_google_refusal {
    char code[64];     /* "invalid_grant"; never empty. */
    char message[256]; /* For people; may be empty. Any bytes but NUL. */
} bsi_google_refusal;

/* BS_E_CORRUPT or BS_E_LIMIT when the document does not refuse. */
BS_NODISCARD bs_status bsi_google_refusal_parse(bsi_slice document, bsi_google_refusal *out);

#endif
