/* SPDX-License-Identifier: MIT */
/*
 * azure_blob: objects as block blobs in a container of Azure's storage.
 *
 * Keys are names of blobs, below a prefix if there is one. What is sent has a checksum, so that
 * the service refuses what changed on the way. Reads are ranges; an answer that is not exactly
 * the range is a failure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/azure_xml.h"
#include "net/http_date.h"
#include "net/uri.h"
#include "storage/drivers/azure_upload.h"
#include "storage/drivers/drivers.h"
#include "storage/drivers/pages.h"
#include "storage/drivers/parts.h"
#include "storage/drivers/ranges.h"
#include "storage/drivers/settings.h"
#include "task/call.h"

enum {
    MIB = 1024 * 1024,
    ANSWER_MAX = 64 * 1024,
    PAGE_BYTES_MAX = 64 * MIB, /* Five thousand names, and all that is told of each. */
    NAMES_MAX = 8 * BS_STORAGE_KEY_MAX,
    SUM_RANGE_MAX = 4 * MIB, /* Of larger ranges the service tells no checksum. */
    NUMBER_SIZE = 24,
    NS_PER_S = 1000000000,
};

typedef struct azure_storage {
    bsi_azure_conn conn;
    bsi_azure_upload_plan plan;
    char *scope;
    uint64_t page_size;
} azure_storage;

/* --- Opening --- */

/* What lies in the archive tier cannot be read again after it was stored, as everything is. */
static bs_status take_tier(const bs_storage_settings *settings, const char **out)
{
    static const struct {
        const char *word;
        const char *tier;
    } tiers[] = {{"hot", "Hot"}, {"cool", "Cool"}, {"cold", "Cold"}};
    const char *word = bs_storage_settings_text(settings, "access_tier");

    if (!word || !word[0]) {
        return BS_OK;
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(tiers); i++) {
        if (strcmp(word, tiers[i].word) == 0) {
            *out = tiers[i].tier;
            return BS_OK;
        }
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "access_tier: takes hot, cool or cold");
}

static bs_status take_plan(azure_storage *azure, const bs_storage_settings *settings)
{
    bsi_azure_upload_plan *plan = &azure->plan;
    uint64_t block_mib = 0;
    uint64_t parallel = 0;

    BSI_TRY(bsi_settings_take_number(settings, "block_size_mib", BSI_AZURE_BLOCK_MIN / MIB,
                                     BSI_AZURE_BLOCK_MAX / MIB, &block_mib));
    BSI_TRY(bsi_settings_take_number(settings, "parallel_blocks", 1, BSI_PARTS_PARALLEL_MAX,
                                     &parallel));
    BSI_TRY(bsi_settings_take_number(settings, "list_page_size", 1, BSI_AZURE_PAGE_MAX,
                                     &azure->page_size));
    BSI_TRY(bsi_settings_copy_text(settings, "encryption_scope", &azure->scope, &plan->scope));
    BSI_TRY(take_tier(settings, &plan->tier));
    BSI_TRY(bsi_azure_lock_take(settings, &plan->lock));
    plan->block_size = block_mib * MIB;
    plan->parallel = (unsigned)parallel;
    return BS_OK;
}

static void azure_close(void *self)
{
    azure_storage *azure = self;

    bsi_azure_conn_close(&azure->conn);
    bsi_free(azure->scope);
}

static bs_status get_page(azure_storage *azure, const bs_call *call, const char *names,
                          const char *marker, uint64_t most, bsi_page *out);

static bs_status append_names(const azure_storage *azure, const char *prefix, bsi_buf *out);

/* A listing shows whether account, container and key are right, and says what is not. */
static bs_status look_at_container(azure_storage *azure, const bs_call *call)
{
    bsi_buf names;
    bsi_page page;
    bs_status status = BS_OK;

    bsi_buf_init(&names, NAMES_MAX);
    status = append_names(azure, "", &names);
    if (status == BS_OK) {
        status = get_page(azure, call, (const char *)names.data, "", 1, &page);
    }
    bsi_buf_dispose(&names);
    if (status == BS_OK) {
        bsi_page_dispose(&page);
    }
    return status;
}

static bs_status azure_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    azure_storage *azure = self;
    bs_status status = BS_OK;

    BSI_TRY(bsi_azure_conn_open(&azure->conn, settings));
    status = take_plan(azure, settings);
    if (status == BS_OK) {
        status = look_at_container(azure, call);
    }
    if (status == BS_OK) {
        status = bsi_azure_lock_check_container(&azure->conn, call, &azure->plan.lock);
    }
    if (status < 0) {
        azure_close(azure);
    }
    return status;
}

static uint32_t azure_caps(void *self)
{
    const azure_storage *azure = self;

    return BS_STORAGE_CAP_RANGE_READ | BS_STORAGE_CAP_CONDITIONAL_PUT | BS_STORAGE_CAP_PATCH |
           BS_STORAGE_CAP_STRONG_LIST | BS_STORAGE_CAP_MULTIPART | BS_STORAGE_CAP_ANY_BYTES |
           BS_STORAGE_CAP_CASE | BS_STORAGE_CAP_NETWORK | BS_STORAGE_CAP_RESUME |
           (bsi_uri_is_cleartext(azure->conn.account.url) ? BS_STORAGE_CAP_CLEARTEXT : 0) |
           (bsi_azure_lock_is_set(&azure->plan.lock) ? BS_STORAGE_CAP_OBJECT_LOCK : 0);
}

/* --- Objects --- */

static bs_status azure_stat(void *self, const bs_call *call, const char *key,
                            bs_storage_object *out)
{
    azure_storage *azure = self;
    bsi_http_answer answer;
    bsi_slice date = {NULL, 0};
    int64_t sec = 0;

    BSI_TRY(bsi_azure_head(&azure->conn, call, key, &answer, &out->size));
    out->mtime_ns = BS_STORAGE_NO_TIME;
    if (bsi_http_header(&answer, "last-modified", &date) && bsi_http_date_parse(date, &sec) &&
        sec >= 0 && sec < INT64_MAX / NS_PER_S) {
        out->mtime_ns = sec * NS_PER_S;
    }
    bsi_http_answer_dispose(&answer);
    return BS_OK;
}

/* Of a range, as it was asked for; of a whole blob that comes instead it would be another. */
static bs_status check_bytes(const azure_storage *azure, const bsi_http_answer *answer,
                             const void *buf, size_t size)
{
    char sum[BSI_AZURE_SUM_SIZE];

    if (answer->status != 206) {
        return BS_OK;
    }
    BSI_TRY(bsi_azure_sum(&azure->conn, BSI_AZURE_SUMS_MD5, (bsi_slice){buf, size}, sum));
    return bsi_azure_check_sum(&azure->conn, BSI_AZURE_SUMS_MD5, answer, sum);
}

static bs_status read_range(azure_storage *azure, const bs_call *call, const char *key,
                            uint64_t offset, void *buf, size_t size)
{
    const bool has_sum = size <= SUM_RANGE_MAX && azure->conn.sums != BSI_AZURE_SUMS_NONE;
    char value[64];
    bsi_range target = {.at = buf, .left = size};
    bsi_wire_headers list = {.count = 0};
    bsi_wire_request request = {.method = "GET",
                                .key = key,
                                .sink = bsi_range_take,
                                .sink_user = &target,
                                .answer_max = UINT64_MAX}; /* The sink ends it. */
    bsi_http_answer answer;
    bs_status status = BS_OK;

    (void)snprintf(value, sizeof(value), "bytes=%" PRIu64 "-%" PRIu64, offset, offset + size - 1);
    bsi_wire_add(&list, "x-ms-range", value);
    bsi_wire_add(&list, "x-ms-range-get-content-md5", has_sum ? "true" : NULL);
    request.headers = list.items;
    request.header_count = list.count;
    BSI_TRY(bsi_azure_send(&azure->conn, call, &request, 200, &answer));
    status = bsi_range_check(&answer, offset, size);
    if (status == BS_OK && has_sum) {
        status = check_bytes(azure, &answer, buf, size);
    } else if (status < 0 && status != BS_E_RANGE) {
        status = bsi_azure_in_container(&azure->conn, status);
    }
    bsi_http_answer_dispose(&answer);
    return status;
}

static bs_status azure_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                            void *buf, size_t size)
{
    bs_storage_object object = {.size = 0};

    if (offset <= INT64_MAX - size) {
        return read_range(self, call, key, offset, buf, size);
    }
    BSI_TRY(azure_stat(self, call, key, &object));
    return bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "has only %" PRIu64 " bytes", object.size);
}

static bs_status azure_remove(void *self, const bs_call *call, const char *key)
{
    azure_storage *azure = self;
    const bsi_wire_request request = {.method = "DELETE", .key = key, .answer_max = ANSWER_MAX};
    bsi_http_answer answer;
    const bs_status status = bsi_azure_send(&azure->conn, call, &request, 202, &answer);

    if (status == BS_OK) {
        bsi_http_answer_dispose(&answer);
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

/* --- Listing --- */

/* One page of the blobs whose names begin with `names`. */
static bs_status get_page(azure_storage *azure, const bs_call *call, const char *names,
                          const char *marker, uint64_t most, bsi_page *out)
{
    char count[NUMBER_SIZE];
    const bsi_uri_pair query[] = {{"restype", "container"},
                                  {"comp", "list"},
                                  {"maxresults", count},
                                  {"prefix", names},
                                  {"marker", marker}};
    const bsi_wire_request request = {.method = "GET",
                                      .query = query,
                                      .query_count = BSI_ARRAY_SIZE(query) - (marker[0] ? 0 : 1),
                                      .answer_max = PAGE_BYTES_MAX};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    (void)snprintf(count, sizeof(count), "%" PRIu64, most);
    BSI_TRY(bsi_azure_send(&azure->conn, call, &request, 200, &answer));
    status = bsi_azure_page_parse(bsi_buf_slice(&answer.text), out);
    bsi_http_answer_dispose(&answer);
    return status < 0 ? bsi_azure_in_container(&azure->conn, status) : BS_OK;
}

/* What the names of all blobs below a key begin with, with its NUL. */
static bs_status append_names(const azure_storage *azure, const char *prefix, bsi_buf *out)
{
    bsi_buf keys;
    bs_status status = BS_OK;

    bsi_buf_init(&keys, NAMES_MAX);
    status = bsi_buf_append_format(&keys, "%s%s", prefix, prefix[0] ? "/" : "");
    if (status == BS_OK) {
        status = bsi_buf_append_byte(&keys, '\0');
    }
    if (status == BS_OK) {
        status = bsi_azure_append_name(&azure->conn, (const char *)keys.data, out);
    }
    bsi_buf_dispose(&keys);
    return status < 0 ? status : bsi_buf_append_byte(out, '\0');
}

/* Names that no key has are passed over: nobody can have stored them through us. */
static bs_status tell_blob(const azure_storage *azure, const bsi_page_object *one,
                           bs_storage_list_cb callback, void *user)
{
    const bs_storage_object object = {
        one->size, one->mtime_ns == BSI_SERVICE_NO_TIME ? BS_STORAGE_NO_TIME : one->mtime_ns};
    const size_t skip = strlen(azure->conn.prefix);
    bsi_buf key;
    bs_status status = BS_OK;

    bsi_buf_init(&key, NAMES_MAX);
    status = bsi_azure_name_decode(bsi_slice_of(one->key), &key);
    if (status == BS_OK) {
        status = bsi_buf_append_byte(&key, '\0');
    }
    if (status == BS_OK && key.size > skip + 1) {
        status = callback(user, (const char *)key.data + skip, &object);
    } else if (status == BS_E_CORRUPT || status == BS_E_LIMIT) {
        status = BS_OK;
    }
    bsi_buf_dispose(&key);
    return status;
}

static bs_status list_names(azure_storage *azure, const bs_call *call, const char *names,
                            bs_storage_cursor *cursor, bs_storage_list_cb callback, void *user)
{
    bsi_page page;
    bs_status status = BS_OK;

    BSI_TRY(get_page(azure, call, names, cursor->token, azure->page_size, &page));
    status = bsi_pages_are_below(&page, names)
                 ? BS_OK
                 : bsi_azure_not_azure(&azure->conn, "lists blobs that were not asked for");
    if (status == BS_OK) {
        status = bsi_pages_check_progress(&page, cursor);
    }
    for (size_t i = 0; i < page.count && status == BS_OK; i++) {
        status = tell_blob(azure, &page.objects[i], callback, user);
    }
    bsi_page_dispose(&page);
    return status;
}

static bs_status azure_list_page(void *self, const bs_call *call, const char *prefix,
                                 bs_storage_cursor *cursor, bs_storage_list_cb callback, void *user)
{
    azure_storage *azure = self;
    bsi_buf names;
    bs_status status = BS_OK;

    bsi_buf_init(&names, NAMES_MAX);
    status = append_names(azure, prefix, &names);
    if (status == BS_OK) {
        status = list_names(azure, call, (const char *)names.data, cursor, callback, user);
    }
    bsi_buf_dispose(&names);
    return status;
}

static bs_status azure_list(void *self, const bs_call *call, const char *prefix,
                            bs_storage_list_cb callback, void *user)
{
    return bsi_pages_list(azure_list_page, self, call, prefix, callback, user);
}

/* --- Uploads --- */

static bs_status azure_put_begin(void *self, const bs_call *call, const char *key,
                                 const bs_storage_put_options *options, void **upload_out)
{
    azure_storage *azure = self;
    bsi_azure_upload *upload = NULL;
    bsi_buf name;
    bs_status status = BS_OK;

    (void)call;
    bsi_buf_init(&name, NAMES_MAX);
    status = bsi_azure_append_name(&azure->conn, key, &name);
    bsi_buf_dispose(&name);
    BSI_TRY(status);
    BSI_TRY(bsi_azure_upload_begin(&azure->conn, &azure->plan, key, options, &upload));
    *upload_out = upload;
    return BS_OK;
}

static bs_status azure_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                 size_t size)
{
    (void)self;
    return bsi_azure_upload_write(upload, call, data, size);
}

static bs_status azure_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                 const void *data, size_t size)
{
    (void)self;
    (void)call;
    bsi_azure_upload_patch(upload, offset, data, size);
    return BS_OK;
}

static bs_status azure_put_commit(void *self, const bs_call *call, void *upload)
{
    (void)self;
    return bsi_azure_upload_commit(upload, call);
}

static void azure_put_abort(void *self, void *upload)
{
    (void)self;
    bsi_azure_upload_abort(upload);
}

/* --- The table --- */

static const bs_storage_option azure_options[] = {
    {.key = "container",
     .type = BS_STORAGE_OPTION_TEXT,
     .required = true,
     .help = "Name of the container, which must be there."},
    {.key = "prefix",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "What all keys begin with, such as \"backups/db1\"; a '/' follows by itself."},
    {.key = "connection_string",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "Account, credentials and address in one, as Azure shows it; without it the next "
             "ones, or AZURE_STORAGE_CONNECTION_STRING."},
    {.key = "account",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Name of the storage account; without it AZURE_STORAGE_ACCOUNT."},
    {.key = "account_key",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "One of the account's keys, in base 64."},
    {.key = "sas_token",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "A shared access signature, instead of a key."},
    {.key = "endpoint",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Address of another blob service than Azure's: https://HOST or http://HOST, with "
             ":PORT, and with /ACCOUNT where that is no part of the host."},
    {.key = "ca_file",
     .type = BS_STORAGE_OPTION_PATH,
     .help = "PEM file with who may sign the server's certificate, instead of the system's."},
    {.key = "proxy",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "URL of an HTTP proxy; those of the environment are not used."},
    {.key = "resolve",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "HOST:PORT:ADDRESS that is used instead of asking for the host's address."},
    {.key = "access_tier",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Tier of new blobs: hot, cool or cold; without it the account's own."},
    {.key = "encryption_scope",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Scope by which the service encrypts new blobs; without it the container's own."},
    {.key = "immutability",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Policy by which new blobs cannot be changed or removed: \"unlocked\" or \"locked\"; "
             "needs a container with version-level immutability."},
    {.key = "immutability_days",
     .type = BS_STORAGE_OPTION_NUMBER,
     .help = "Days for which the policy holds, with immutability."},
    {.key = "legal_hold",
     .type = BS_STORAGE_OPTION_FLAG,
     .fallback = "false",
     .help = "Put a legal hold on new blobs; needs a container with version-level immutability."},
    {.key = "checksums",
     .type = BS_STORAGE_OPTION_TEXT,
     .fallback = "md5",
     .help = "By what the service checks bytes that it gets: md5, crc64 or none."},
    {.key = "block_size_mib",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "8",
     .help = "MiB of the blocks of larger objects; doubled after each 2000 of them."},
    {.key = "parallel_blocks",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "4",
     .help = "Blocks of one object that are sent at once, 1 to 16; one more is in memory."},
    {.key = "list_page_size",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "5000",
     .help = "Blobs that are asked for at once in listings."},
    {.key = "stall_timeout_s",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "60",
     .help = "Seconds without a byte either way after which a request has failed."},
    {.key = NULL},
};

static const bs_storage_ops azure_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(azure_storage),
    .open = azure_open,
    .close = azure_close,
    .caps = azure_caps,
    .stat = azure_stat,
    .read = azure_read,
    .list = azure_list,
    .remove = azure_remove,
    .put_begin = azure_put_begin,
    .put_write = azure_put_write,
    .put_patch = azure_put_patch,
    .put_commit = azure_put_commit,
    .put_abort = azure_put_abort,
    .list_page = azure_list_page,
};

/* The only symbol this file gives away. */
const bs_storage_driver bsi_storage_driver_azure_blob = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "azure_blob",
    .help = "Block blobs in a container of Azure's storage.",
    .ops = &azure_ops,
    .options = azure_options,
};
