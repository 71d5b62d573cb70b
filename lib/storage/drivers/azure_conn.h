/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_AZURE_CONN_H
#define BSI_STORAGE_DRIVERS_AZURE_CONN_H

#include "hash/crc64.h"
#include "hash/md5.h"
#include "net/azure_name.h"
#include "storage/drivers/azure_account.h"
#include "storage/drivers/wire.h"

/* By what the service and we check bytes on their way there. What is read is checked by MD5,
 * which all of them know. */
typedef enum bsi_azure_sums {
    BSI_AZURE_SUMS_NONE,
    BSI_AZURE_SUMS_MD5,
    BSI_AZURE_SUMS_CRC64,
} bsi_azure_sums;

/*
 * Requests to one container: where it is, who asks, the signature, and what its
 * refusals mean. Any thread.
 */
typedef struct bsi_azure_conn {
    bsi_http *http;
    char *container;
    char *prefix; /* Before every key: "" or ends with '/'. */
    bsi_azure_account account;
    bsi_azure_sums sums;
    bsi_crc64 crc64;
} bsi_azure_conn;

/* On failure nothing is left to do; else bsi_azure_conn_close(). Sends nothing. */
BS_NODISCARD bs_status bsi_azure_conn_open(bsi_azure_conn *conn,
                                           const bs_storage_settings *settings);
void bsi_azure_conn_close(bsi_azure_conn *conn);

/*
 * BS_OK: the answer's status is `expected`, or for reads 206 too, and it is to be disposed of.
 * Else the refusal in words, or what bsi_http_send() says.
 */
BS_NODISCARD bs_status bsi_azure_send(bsi_azure_conn *conn, const bs_call *call,
                                      const bsi_wire_request *request, int expected,
                                      bsi_http_answer *answer);

/* Append the name of a key's blob, or of what begins with it. BS_E_LIMIT when it is too long. */
BS_NODISCARD bs_status bsi_azure_append_name(const bsi_azure_conn *conn, const char *key,
                                             bsi_buf *out);

/* Ask for a blob without its bytes; its size. `answer` is as after bsi_azure_send(). */
BS_NODISCARD bs_status bsi_azure_head(bsi_azure_conn *conn, const bs_call *call, const char *key,
                                      bsi_http_answer *answer, uint64_t *size_out);

/* The header that has a checksum, and its value for some bytes; without any, NULL and "". */
enum { BSI_AZURE_SUM_SIZE = 28 }; /* 16 bytes in base 64, and a NUL. */
const char *bsi_azure_sum_header(bsi_azure_sums sums);
BS_NODISCARD bs_status bsi_azure_sum(const bsi_azure_conn *conn, bsi_azure_sums sums,
                                     bsi_slice bytes, char out[BSI_AZURE_SUM_SIZE]);

/* What the service has counted must be `sum`, where it tells. */
BS_NODISCARD bs_status bsi_azure_check_sum(const bsi_azure_conn *conn, bsi_azure_sums sums,
                                           const bsi_http_answer *answer, const char *sum);

/*
 * The failure that an answer stands for: its code and retry class, and a text that names
 * container and server, what the service says, and what helps.
 */
bs_status bsi_azure_refused(const bsi_azure_conn *conn, const bsi_http_answer *answer,
                            bsi_service_error *error);

/* Put container and server in front of a failure's text. */
bs_status bsi_azure_in_container(const bsi_azure_conn *conn, bs_status status);

/* An answer that no blob service gives. May pass. */
bs_status bsi_azure_not_azure(const bsi_azure_conn *conn, const char *what);

#endif
