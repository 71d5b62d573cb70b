/* SPDX-License-Identifier: MIT */
/*
 * google_cloud: objects in a bucket of Google Cloud Storage.
 *
 * Keys are the names of the objects, below a prefix if there is one. All goes over the JSON API.
 * The service checks the CRC-32C of what it gets, and what it says of an object is compared.
 * Reads are ranges; an answer that is not exactly the range is a failure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "hash/crc32c.h"
#include "storage/drivers/drivers.h"
#include "storage/drivers/gcs_upload.h"
#include "storage/drivers/pages.h"
#include "storage/drivers/ranges.h"
#include "storage/drivers/settings.h"
#include "storage/storage_int.h"
#include "task/call.h"

enum {
    MIB = 1024 * 1024,
    KEY_BUFFER = BSI_GCS_NAME_MAX + 16,
    NUMBER_SIZE = 24,
    RANGE_SIZE = 64, /* Of a header with a range. */
};

typedef struct gcs_storage {
    bsi_gcs_conn conn;
    bsi_gcs_upload_plan plan;
    char *storage_class; /* What the plan points at. */
    uint64_t page_size;
} gcs_storage;

/* --- Opening --- */

static bs_status take_class(gcs_storage *gcs, const bs_storage_settings *settings)
{
    const char *text = bs_storage_settings_text(settings, "storage_class");

    if (!text || !text[0]) {
        return BS_OK;
    }
    if (text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")] != '\0') {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "storage_class: takes STANDARD, NEARLINE, COLDLINE or ARCHIVE");
    }
    gcs->storage_class = bsi_strdup(text);
    gcs->plan.storage_class = gcs->storage_class;
    return gcs->storage_class ? BS_OK : BS_E_NOMEM;
}

static bs_status take_plan(gcs_storage *gcs, const bs_storage_settings *settings)
{
    uint64_t chunk_mib = 0;

    BSI_TRY(bsi_settings_take_number(settings, "chunk_size_mib", BSI_GCS_CHUNK_MIB_MIN,
                                     BSI_GCS_CHUNK_MIB_MAX, &chunk_mib));
    BSI_TRY(
        bsi_settings_take_number(settings, "list_page_size", 1, BSI_GCS_PAGE_MAX, &gcs->page_size));
    gcs->plan.chunk_size = (size_t)chunk_mib * MIB;
    return take_class(gcs, settings);
}

static void gcs_close(void *self)
{
    gcs_storage *gcs = self;

    bsi_gcs_conn_close(&gcs->conn);
    bsi_free(gcs->storage_class);
}

static bs_status gcs_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    gcs_storage *gcs = self;
    bs_status status = bsi_gcs_conn_open(&gcs->conn, settings);

    if (status < 0) {
        return status;
    }
    status = take_plan(gcs, settings);
    if (status == BS_OK) {
        status = bsi_gcs_look_at_bucket(&gcs->conn, call);
    }
    if (status < 0) {
        gcs_close(gcs);
    }
    return status;
}

static uint32_t gcs_caps(void *self)
{
    const gcs_storage *gcs = self;

    return BS_STORAGE_CAP_RANGE_READ | BS_STORAGE_CAP_PATCH | BS_STORAGE_CAP_STRONG_LIST |
           BS_STORAGE_CAP_MULTIPART | BS_STORAGE_CAP_CASE | BS_STORAGE_CAP_NETWORK |
           BS_STORAGE_CAP_RESUME | BS_STORAGE_CAP_CONDITIONAL_PUT |
           (bsi_uri_is_cleartext(gcs->conn.url) ? BS_STORAGE_CAP_CLEARTEXT : 0);
}

/* --- Objects --- */

static bs_status fail_nameless(void)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND,
                    "no object in Google's buckets has this name");
}

static bs_status gcs_stat(void *self, const bs_call *call, const char *key, bs_storage_object *out)
{
    gcs_storage *gcs = self;
    bsi_gcs_object object;

    if (!bsi_gcs_can_be_key(key)) {
        return fail_nameless();
    }
    BSI_TRY(bsi_gcs_describe(&gcs->conn, call, key, &object));
    out->size = object.size;
    out->mtime_ns = object.mtime_ns == BSI_SERVICE_NO_TIME ? BS_STORAGE_NO_TIME : object.mtime_ns;
    return BS_OK;
}

/* Of the whole object, which the service tells with each part of it. */
static bs_status check_sum(const gcs_storage *gcs, const bsi_http_answer *answer, const void *bytes,
                           size_t size)
{
    bsi_slice header = {NULL, 0};
    char told[BSI_GCS_SUM_SIZE];
    char sum[BSI_GCS_SUM_SIZE];

    if (!bsi_http_header(answer, "x-goog-hash", &header) || !bsi_gcs_hash_parse(header, told)) {
        return BS_OK;
    }
    BSI_TRY(bsi_gcs_sum_format(bsi_crc32c(0, bytes, size), sum));
    if (strcmp(told, sum) != 0) {
        return bsi_gcs_not_gcs(&gcs->conn, "sends other bytes than it tells the checksum of");
    }
    return BS_OK;
}

/* Whether an answer, which is a range that was asked for, is all of the object. */
static bool is_whole(const bsi_http_answer *answer, size_t size)
{
    bsi_slice header = {NULL, 0};
    char whole[RANGE_SIZE];

    (void)snprintf(whole, sizeof(whole), "bytes 0-%zu/%zu", size - 1, size);
    return answer->status == 200 ||
           (bsi_http_header(answer, "content-range", &header) && bsi_slice_is(header, whole));
}

/* What is no failure of the object is one of the bucket. */
static bs_status check_range(const gcs_storage *gcs, const bsi_http_answer *answer, uint64_t offset,
                             const void *bytes, size_t size)
{
    const bs_status status = bsi_range_check(answer, offset, size);

    if (status < 0) {
        return status == BS_E_RANGE ? status : bsi_gcs_in_bucket(&gcs->conn, status);
    }
    return is_whole(answer, size) ? check_sum(gcs, answer, bytes, size) : BS_OK;
}

static bs_status gcs_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                          void *buf, size_t size)
{
    static const bsi_uri_pair query[] = {{"alt", "media"}};
    gcs_storage *gcs = self;
    char line[RANGE_SIZE];
    const char *const headers[] = {line, NULL};
    bsi_range target = {.at = buf, .left = size};
    const bsi_gcs_request request = {.method = "GET",
                                     .key = key,
                                     .query = query,
                                     .query_count = BSI_ARRAY_SIZE(query),
                                     .headers = headers,
                                     .sink = bsi_range_take,
                                     .sink_user = &target,
                                     .answer_max = UINT64_MAX}; /* The sink ends it. */
    bsi_http_answer answer;
    bs_status status = BS_OK;

    if (!bsi_gcs_can_be_key(key)) {
        return fail_nameless();
    }
    if (offset > INT64_MAX - size) {
        bs_storage_object object = {.size = 0};
        BSI_TRY(gcs_stat(self, call, key, &object));
        return bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "has only %" PRIu64 " bytes", object.size);
    }
    (void)snprintf(line, sizeof(line), "Range: bytes=%" PRIu64 "-%" PRIu64, offset,
                   offset + size - 1);
    BSI_TRY(bsi_gcs_send(&gcs->conn, call, &request, &answer));
    status = check_range(gcs, &answer, offset, buf, size);
    bsi_http_answer_dispose(&answer);
    return status;
}

static bs_status gcs_remove(void *self, const bs_call *call, const char *key)
{
    gcs_storage *gcs = self;

    return bsi_gcs_can_be_key(key) ? bsi_gcs_remove(&gcs->conn, call, key, 0) : BS_OK;
}

/* --- Listing --- */

/* One page of the names that begin with `prefix`. */
static bs_status get_page(gcs_storage *gcs, const bs_call *call, const char *prefix,
                          const char *token, bsi_page *out)
{
    char count[NUMBER_SIZE];
    const bsi_uri_pair query[] = {{"fields", "kind,nextPageToken,items(name,size,updated)"},
                                  {"maxResults", count},
                                  {"prefix", prefix},
                                  {"pageToken", token}};
    const bsi_gcs_request request = {.method = "GET",
                                     .query = query,
                                     .query_count = BSI_ARRAY_SIZE(query) - (token[0] ? 0 : 1),
                                     .answer_max = BSI_GCS_PAGE_BYTES_MAX};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    (void)snprintf(count, sizeof(count), "%" PRIu64, gcs->page_size);
    BSI_TRY(bsi_gcs_send(&gcs->conn, call, &request, &answer));
    status = bsi_gcs_page_parse(bsi_buf_slice(&answer.text), out);
    bsi_http_answer_dispose(&answer);
    return status < 0 ? bsi_gcs_in_bucket(&gcs->conn, status) : BS_OK;
}

/* Of names that begin with all of `start`, behind the storage's own prefix. */
static bs_status list_names(gcs_storage *gcs, const bs_call *call, const char *start,
                            bs_storage_cursor *cursor, bs_storage_list_cb callback, void *user)
{
    char whole[KEY_BUFFER];
    bsi_page page;
    bs_status status = bsi_gcs_check_key(&gcs->conn, start);

    if (status < 0) {
        return status;
    }
    (void)snprintf(whole, sizeof(whole), "%s%s", gcs->conn.prefix, start);
    BSI_TRY(get_page(gcs, call, whole, cursor->token, &page));
    status = bsi_pages_are_below(&page, whole)
                 ? BS_OK
                 : bsi_gcs_not_gcs(&gcs->conn, "lists names that were not asked for");
    if (status == BS_OK) {
        status = bsi_pages_check_progress(&page, cursor);
    }
    if (status == BS_OK) {
        status = bsi_pages_tell(&page, strlen(gcs->conn.prefix), callback, user);
    }
    bsi_page_dispose(&page);
    return status;
}

static bs_status gcs_list_page(void *self, const bs_call *call, const char *prefix,
                               bs_storage_cursor *cursor, bs_storage_list_cb callback, void *user)
{
    char start[KEY_BUFFER];

    if (strlen(prefix) >= BSI_GCS_NAME_MAX || !bsi_gcs_can_be_key(prefix)) {
        return BS_OK; /* Nothing lies below what cannot be a name. */
    }
    (void)snprintf(start, sizeof(start), "%s%s", prefix, prefix[0] ? "/" : "");
    return list_names(self, call, start, cursor, callback, user);
}

static bs_status gcs_list(void *self, const bs_call *call, const char *prefix,
                          bs_storage_list_cb callback, void *user)
{
    return bsi_pages_list(gcs_list_page, self, call, prefix, callback, user);
}

/* --- Uploads --- */

static bs_status gcs_put_begin(void *self, const bs_call *call, const char *key,
                               const bs_storage_put_options *options, void **upload_out)
{
    gcs_storage *gcs = self;
    bsi_gcs_upload *upload = NULL;

    (void)call;
    BSI_TRY(bsi_gcs_upload_begin(&gcs->conn, &gcs->plan, key, options, &upload));
    *upload_out = upload;
    return BS_OK;
}

static bs_status gcs_put_write(void *self, const bs_call *call, void *upload, const void *data,
                               size_t size)
{
    (void)self;
    return bsi_gcs_upload_write(upload, call, data, size);
}

static bs_status gcs_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                               const void *data, size_t size)
{
    (void)self;
    (void)call;
    bsi_gcs_upload_patch(upload, offset, data, size);
    return BS_OK;
}

static bs_status gcs_put_commit(void *self, const bs_call *call, void *upload)
{
    (void)self;
    return bsi_gcs_upload_commit(upload, call);
}

static void gcs_put_abort(void *self, void *upload)
{
    (void)self;
    bsi_gcs_upload_abort(upload);
}

/* --- Sweeping --- */

/* What sweeping has found so far. */
typedef struct swept {
    gcs_storage *gcs;
    const bs_call *call;
    int64_t before_ns;
    uint64_t objects;
    uint64_t bytes;
} swept;

static bs_status sweep_one(void *user, const char *key, const bs_storage_object *object)
{
    swept *self = user;

    if (object->mtime_ns == BS_STORAGE_NO_TIME || object->mtime_ns >= self->before_ns) {
        return BS_OK;
    }
    BSI_TRY(bsi_call_check(self->call));
    BSI_TRY(bsi_gcs_remove(&self->gcs->conn, self->call, key, 0));
    self->objects++;
    self->bytes += object->size;
    return BS_OK;
}

/* Only objects that were to be put together: sessions are seen by nobody, and end after a week. */
static bs_status gcs_sweep(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                           uint64_t *bytes)
{
    swept found = {.gcs = self, .call = call, .before_ns = before_ns};
    bs_storage_cursor cursor = {.token = ""};
    bs_status status = BS_OK;

    do {
        status = list_names(self, call, BSI_STORAGE_TEMP_PREFIX, &cursor, sweep_one, &found);
    } while (status == BS_OK && cursor.token[0] != '\0');
    *objects += found.objects;
    *bytes += found.bytes;
    return status;
}

/* --- The table --- */

static const bs_storage_option gcs_options[] = {
    {.key = "bucket",
     .type = BS_STORAGE_OPTION_TEXT,
     .required = true,
     .help = "Name of the bucket, which must be there."},
    {.key = "prefix",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "What all names begin with, such as \"backups/db1\"; a '/' follows by itself."},
    {.key = "endpoint",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Address of another service than Google's: https://HOST or http://HOST, with :PORT; "
             "without it STORAGE_EMULATOR_HOST, then Google's."},
    {.key = "credentials",
     .type = BS_STORAGE_OPTION_TEXT,
     .fallback = "auto",
     .help = "Where they are: \"settings\", \"file\" (GOOGLE_APPLICATION_CREDENTIALS, or gcloud's "
             "own), \"machine\", \"none\", or \"auto\": the first of these that has any; none at "
             "STORAGE_EMULATOR_HOST."},
    {.key = "credentials_file",
     .type = BS_STORAGE_OPTION_PATH,
     .help = "JSON file of a service account or an authorized user."},
    {.key = "credentials_json",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "What stands in such a file, instead of it."},
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
    {.key = "storage_class",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Class of new objects, such as NEARLINE; without it the bucket's own."},
    {.key = "chunk_size_mib",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "16",
     .help = "MiB of the chunks of larger objects, 1 to 512; two are in memory."},
    {.key = "list_page_size",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "1000",
     .help = "Objects that are asked for at once in listings."},
    {.key = "stall_timeout_s",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "60",
     .help = "Seconds without a byte either way after which a request has failed."},
    {.key = NULL},
};

static const bs_storage_ops gcs_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(gcs_storage),
    .open = gcs_open,
    .close = gcs_close,
    .caps = gcs_caps,
    .stat = gcs_stat,
    .read = gcs_read,
    .list = gcs_list,
    .remove = gcs_remove,
    .put_begin = gcs_put_begin,
    .put_write = gcs_put_write,
    .put_patch = gcs_put_patch,
    .put_commit = gcs_put_commit,
    .put_abort = gcs_put_abort,
    .sweep = gcs_sweep,
    .list_page = gcs_list_page,
};

/* The only symbol this file gives away. */
const bs_storage_driver bsi_storage_driver_gcs = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "google_cloud",
    .help = "Objects in a bucket of Google Cloud Storage.",
    .ops = &gcs_ops,
    .options = gcs_options,
};
