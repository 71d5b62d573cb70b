/* SPDX-License-Identifier: MIT */
/*
 * s3: objects in a bucket of Amazon S3, or of a service that speaks like it.
 *
 * Keys are those of the objects, below a prefix if there is one. What is sent is
 * signed with its digest, so that the service refuses what changed on the way. Reads
 * are ranges; an answer that is not exactly the range is a failure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/http_date.h"
#include "net/uri.h"
#include "storage/drivers/drivers.h"
#include "storage/drivers/pages.h"
#include "storage/drivers/parts.h"
#include "storage/drivers/ranges.h"
#include "storage/drivers/s3_remove.h"
#include "storage/drivers/s3_upload.h"
#include "storage/drivers/settings.h"
#include "task/call.h"

enum {
    MIB = 1024 * 1024,
    ANSWER_MAX = 64 * 1024,
    PAGE_BYTES_MAX = 8 * MIB, /* A thousand keys, with every byte encoded, and what is beside. */
    KEY_BUFFER = BSI_S3_KEY_MAX + 16,
    NUMBER_SIZE = 24,
    NS_PER_S = 1000000000,
    TAGS_MAX = 10, /* Source: "Categorizing your storage using tags". */
};

typedef struct s3_storage {
    bsi_s3_conn conn;
    bsi_s3_upload_plan plan;
    char *texts[4]; /* What the plan points at. */
    uint64_t page_size;
    bool conditional_put;
} s3_storage;

/* --- Opening --- */

/* Of the form that goes into a header as it is: names and values percent-encoded. */
static bs_status take_tags(const bs_storage_settings *settings, char **own, const char **out)
{
    size_t pairs = 0;
    bool good = true;

    BSI_TRY(bsi_settings_copy_text(settings, "tags", own, out));
    for (const char *at = *out; at && good; pairs++) {
        const char *end = at + strcspn(at, "&");
        const char *equals = memchr(at, '=', (size_t)(end - at));
        good = equals && equals != at && !memchr(equals + 1, '=', (size_t)(end - equals - 1));
        at = *end ? end + 1 : NULL;
    }
    if (!good || pairs > TAGS_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "tags: takes at most %d of NAME=VALUE, apart by '&'", TAGS_MAX);
    }
    return BS_OK;
}

static bs_status take_plan(s3_storage *s3, const bs_storage_settings *settings)
{
    bsi_s3_upload_plan *plan = &s3->plan;
    uint64_t part_mib = 0;
    uint64_t parallel = 0;

    BSI_TRY(bsi_settings_take_number(settings, "part_size_mib", BSI_S3_PART_MIN / MIB,
                                     BSI_S3_PART_MAX / MIB, &part_mib));
    BSI_TRY(
        bsi_settings_take_number(settings, "parallel_parts", 1, BSI_PARTS_PARALLEL_MAX, &parallel));
    BSI_TRY(
        bsi_settings_take_number(settings, "list_page_size", 1, BSI_S3_PAGE_MAX, &s3->page_size));
    BSI_TRY(bsi_settings_copy_text(settings, "storage_class", &s3->texts[0], &plan->storage_class));
    BSI_TRY(
        bsi_settings_copy_text(settings, "server_encryption", &s3->texts[1], &plan->encryption));
    BSI_TRY(bsi_settings_copy_text(settings, "server_encryption_key", &s3->texts[2],
                                   &plan->encryption_key));
    BSI_TRY(take_tags(settings, &s3->texts[3], &plan->tags));
    BSI_TRY(bsi_s3_lock_take(settings, &plan->lock));
    plan->part_size = part_mib * MIB;
    plan->parallel = (unsigned)parallel;
    plan->checksums = bs_storage_settings_flag(settings, "checksums");
    return BS_OK;
}

/* Only Amazon's own service is known to look at If-None-Match wherever it is sent. */
static bool has_conditional_put(const bs_storage_settings *settings)
{
    const char *endpoint = bs_storage_settings_text(settings, "endpoint");

    return bs_storage_settings_text(settings, "conditional_put")
               ? bs_storage_settings_flag(settings, "conditional_put")
               : !endpoint || !endpoint[0];
}

static void s3_close(void *self)
{
    s3_storage *s3 = self;

    bsi_s3_conn_close(&s3->conn);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(s3->texts); i++) {
        bsi_free(s3->texts[i]);
    }
}

static bs_status get_page(s3_storage *s3, const bs_call *call, const char *prefix,
                          const char *token, uint64_t most, bsi_page *out);

/* A listing shows whether bucket, region and credentials are right, and says what is not. */
static bs_status look_at_bucket(s3_storage *s3, const bs_call *call)
{
    bsi_page page;

    BSI_TRY(get_page(s3, call, s3->conn.prefix, "", 1, &page));
    bsi_page_dispose(&page);
    return BS_OK;
}

static bs_status s3_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    s3_storage *s3 = self;
    bs_status status = bsi_s3_conn_open(&s3->conn, call, settings);

    if (status < 0) {
        return status;
    }
    s3->conditional_put = has_conditional_put(settings);
    status = take_plan(s3, settings);
    if (status == BS_OK) {
        status = look_at_bucket(s3, call);
    }
    if (status == BS_OK) {
        status = bsi_s3_lock_check_bucket(&s3->conn, call, &s3->plan.lock);
    }
    if (status < 0) {
        s3_close(s3);
    }
    return status;
}

static uint32_t s3_caps(void *self)
{
    const s3_storage *s3 = self;

    return BS_STORAGE_CAP_RANGE_READ | BS_STORAGE_CAP_PATCH | BS_STORAGE_CAP_STRONG_LIST |
           BS_STORAGE_CAP_MULTIPART | BS_STORAGE_CAP_CASE | BS_STORAGE_CAP_NETWORK |
           BS_STORAGE_CAP_RESUME | (s3->conditional_put ? BS_STORAGE_CAP_CONDITIONAL_PUT : 0) |
           (bsi_uri_is_cleartext(s3->conn.url) ? BS_STORAGE_CAP_CLEARTEXT : 0) |
           (bsi_s3_lock_is_set(&s3->plan.lock) ? BS_STORAGE_CAP_OBJECT_LOCK : 0);
}

/* --- Objects --- */

static bs_status s3_stat(void *self, const bs_call *call, const char *key, bs_storage_object *out)
{
    s3_storage *s3 = self;
    bsi_http_answer answer;
    bsi_slice date = {NULL, 0};
    int64_t sec = 0;

    BSI_TRY(bsi_s3_head(&s3->conn, call, key, &answer, &out->size));
    out->mtime_ns = BS_STORAGE_NO_TIME;
    if (bsi_http_header(&answer, "last-modified", &date) && bsi_http_date_parse(date, &sec) &&
        sec >= 0 && sec < INT64_MAX / NS_PER_S) {
        out->mtime_ns = sec * NS_PER_S;
    }
    bsi_http_answer_dispose(&answer);
    return BS_OK;
}

static bs_status s3_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                         void *buf, size_t size)
{
    s3_storage *s3 = self;
    char value[64];
    const bsi_header headers[] = {{"range", value}};
    bsi_range target = {.at = buf, .left = size};
    const bsi_wire_request request = {.method = "GET",
                                      .key = key,
                                      .headers = headers,
                                      .header_count = BSI_ARRAY_SIZE(headers),
                                      .sink = bsi_range_take,
                                      .sink_user = &target,
                                      .answer_max = UINT64_MAX}; /* The sink ends it. */
    bsi_http_answer answer;
    bs_status status = BS_OK;

    if (offset > INT64_MAX - size) {
        bs_storage_object object;
        BSI_TRY(s3_stat(self, call, key, &object));
        return bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "has only %" PRIu64 " bytes", object.size);
    }
    (void)snprintf(value, sizeof(value), "bytes=%" PRIu64 "-%" PRIu64, offset, offset + size - 1);
    BSI_TRY(bsi_s3_send(&s3->conn, call, &request, &answer));
    status = bsi_range_check(&answer, offset, size);
    bsi_http_answer_dispose(&answer);
    return status < 0 && status != BS_E_RANGE ? bsi_s3_in_bucket(&s3->conn, status) : status;
}

static bs_status s3_remove(void *self, const bs_call *call, const char *key)
{
    s3_storage *s3 = self;

    return bsi_s3_remove(&s3->conn, call, key);
}

static bs_status s3_remove_many(void *self, const bs_call *call, const char *const *keys,
                                size_t count)
{
    s3_storage *s3 = self;

    return bsi_s3_remove_many(&s3->conn, call, keys, count);
}

/* --- Listing --- */

/* One page of the keys that begin with `prefix`. */
static bs_status get_page(s3_storage *s3, const bs_call *call, const char *prefix,
                          const char *token, uint64_t most, bsi_page *out)
{
    char count[NUMBER_SIZE];
    const bsi_uri_pair query[] = {{"list-type", "2"},
                                  {"encoding-type", "url"},
                                  {"max-keys", count},
                                  {"prefix", prefix},
                                  {"continuation-token", token}};
    const bsi_wire_request request = {.method = "GET",
                                      .query = query,
                                      .query_count = BSI_ARRAY_SIZE(query) - (token[0] ? 0 : 1),
                                      .answer_max = PAGE_BYTES_MAX};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    (void)snprintf(count, sizeof(count), "%" PRIu64, most);
    BSI_TRY(bsi_s3_send(&s3->conn, call, &request, &answer));
    status = bsi_s3_page_parse((bsi_slice){(const char *)answer.text.data, answer.text.size}, out);
    bsi_http_answer_dispose(&answer);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "bucket '%s' at '%s'",
                                         s3->conn.bucket, s3->conn.host)
                      : BS_OK;
}

static bs_status make_prefix(const s3_storage *s3, const char *prefix, char out[KEY_BUFFER])
{
    if (prefix[0]) {
        BSI_TRY(bsi_s3_check_key(&s3->conn, prefix));
    }
    (void)snprintf(out, KEY_BUFFER, "%s%s%s", s3->conn.prefix, prefix, prefix[0] ? "/" : "");
    return BS_OK;
}

static bs_status s3_list_page(void *self, const bs_call *call, const char *prefix,
                              bs_storage_cursor *cursor, bs_storage_list_cb callback, void *user)
{
    s3_storage *s3 = self;
    char whole[KEY_BUFFER];
    bsi_page page;
    bs_status status = BS_OK;

    BSI_TRY(make_prefix(s3, prefix, whole));
    BSI_TRY(get_page(s3, call, whole, cursor->token, s3->page_size, &page));
    status = bsi_pages_are_below(&page, whole)
                 ? BS_OK
                 : bsi_s3_not_s3(&s3->conn, "lists keys that were not asked for");
    if (status == BS_OK) {
        status = bsi_pages_check_progress(&page, cursor);
    }
    if (status == BS_OK) {
        status = bsi_pages_tell(&page, strlen(s3->conn.prefix), callback, user);
    }
    bsi_page_dispose(&page);
    return status;
}

static bs_status s3_list(void *self, const bs_call *call, const char *prefix,
                         bs_storage_list_cb callback, void *user)
{
    return bsi_pages_list(s3_list_page, self, call, prefix, callback, user);
}

/* --- Uploads --- */

static bs_status s3_put_begin(void *self, const bs_call *call, const char *key,
                              const bs_storage_put_options *options, void **upload_out)
{
    s3_storage *s3 = self;
    bsi_s3_upload *upload = NULL;

    (void)call;
    BSI_TRY(bsi_s3_upload_begin(&s3->conn, &s3->plan, key, options, &upload));
    *upload_out = upload;
    return BS_OK;
}

static bs_status s3_put_write(void *self, const bs_call *call, void *upload, const void *data,
                              size_t size)
{
    (void)self;
    return bsi_s3_upload_write(upload, call, data, size);
}

static bs_status s3_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                              const void *data, size_t size)
{
    (void)self;
    (void)call;
    bsi_s3_upload_patch(upload, offset, data, size);
    return BS_OK;
}

static bs_status s3_put_commit(void *self, const bs_call *call, void *upload)
{
    (void)self;
    return bsi_s3_upload_commit(upload, call);
}

static void s3_put_abort(void *self, void *upload)
{
    (void)self;
    bsi_s3_upload_abort(upload);
}

/* --- Sweeping --- */

static bs_status get_pending(s3_storage *s3, const bs_call *call, const bsi_s3_pending_page *last,
                             bsi_s3_pending_page *out)
{
    const bool first = !last->next_key;
    const bsi_uri_pair query[] = {{"uploads", NULL},
                                  {"encoding-type", "url"},
                                  {"prefix", s3->conn.prefix},
                                  {"key-marker", last->next_key},
                                  {"upload-id-marker", last->next_id}};
    const bsi_wire_request request = {.method = "GET",
                                      .query = query,
                                      .query_count = BSI_ARRAY_SIZE(query) - (first ? 2 : 0),
                                      .answer_max = PAGE_BYTES_MAX};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    BSI_TRY(bsi_s3_send(&s3->conn, call, &request, &answer));
    status =
        bsi_s3_pending_parse((bsi_slice){(const char *)answer.text.data, answer.text.size}, out);
    bsi_http_answer_dispose(&answer);
    return status;
}

static bs_status add_parts(s3_storage *s3, const bs_call *call, const char *key, const char *id,
                           uint64_t *bytes)
{
    uint32_t next = 0;
    bs_status status = BS_OK;

    do {
        char marker[NUMBER_SIZE];
        const bsi_uri_pair query[] = {{"uploadId", id}, {"part-number-marker", marker}};
        const bsi_wire_request request = {.method = "GET",
                                          .key = key,
                                          .query = query,
                                          .query_count = BSI_ARRAY_SIZE(query),
                                          .answer_max = PAGE_BYTES_MAX};
        const uint32_t before = next;
        bsi_http_answer answer;

        (void)snprintf(marker, sizeof(marker), "%" PRIu32, next);
        BSI_TRY(bsi_s3_send(&s3->conn, call, &request, &answer));
        status = bsi_s3_parts_parse((bsi_slice){(const char *)answer.text.data, answer.text.size},
                                    bytes, &next);
        bsi_http_answer_dispose(&answer);
        if (status == BS_OK && next != 0 && next <= before) {
            status = bsi_s3_not_s3(&s3->conn, "lists the parts of an upload without end");
        }
    } while (status == BS_OK && next != 0);
    return status;
}

/* What sweeping has found so far. */
typedef struct swept {
    int64_t before_ns;
    uint64_t objects;
    uint64_t bytes;
} swept;

static bs_status sweep_one(s3_storage *s3, const bs_call *call, const bsi_s3_pending *one,
                           swept *out)
{
    const char *prefix = s3->conn.prefix;
    const char *key = one->key + strlen(prefix);
    uint64_t bytes = 0;

    if (strncmp(one->key, prefix, strlen(prefix)) != 0 || one->began_ns == BSI_SERVICE_NO_TIME ||
        one->began_ns >= out->before_ns) {
        return BS_OK;
    }
    BSI_TRY(bsi_call_check(call));
    BSI_TRY(add_parts(s3, call, key, one->id, &bytes));
    BSI_TRY(bsi_s3_upload_end(&s3->conn, call, key, one->id));
    out->objects++;
    out->bytes += bytes;
    return BS_OK;
}

static bool has_moved(const bsi_s3_pending_page *last, const bsi_s3_pending_page *page)
{
    return !page->next_key || !last->next_key || strcmp(last->next_key, page->next_key) != 0 ||
           strcmp(last->next_id, page->next_id) != 0;
}

static bs_status sweep_pages(s3_storage *s3, const bs_call *call, swept *out)
{
    bsi_s3_pending_page last = {.count = 0};
    bs_status status = BS_OK;

    do {
        bsi_s3_pending_page page;

        status = get_pending(s3, call, &last, &page);
        if (status < 0) {
            break;
        }
        for (size_t i = 0; i < page.count && status == BS_OK; i++) {
            status = sweep_one(s3, call, &page.uploads[i], out);
        }
        if (status == BS_OK && !has_moved(&last, &page)) {
            status = bsi_s3_not_s3(&s3->conn, "lists uploads without end");
        }
        bsi_s3_pending_dispose(&last);
        last = page;
    } while (status == BS_OK && last.next_key);
    bsi_s3_pending_dispose(&last);
    return status;
}

static bs_status s3_sweep(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                          uint64_t *bytes)
{
    swept found = {.before_ns = before_ns};
    const bs_status status = sweep_pages(self, call, &found);

    *objects += found.objects;
    *bytes += found.bytes;
    return status;
}

/* --- The table --- */

static const bs_storage_option s3_options[] = {
    {.key = "bucket",
     .type = BS_STORAGE_OPTION_TEXT,
     .required = true,
     .help = "Name of the bucket, which must be there."},
    {.key = "prefix",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "What all keys begin with, such as \"backups/db1\"; a '/' follows by itself."},
    {.key = "region",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Region of the bucket; without it AWS_REGION, AWS_DEFAULT_REGION, then us-east-1."},
    {.key = "endpoint",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Address of another service than Amazon's: https://HOST or http://HOST, with :PORT."},
    {.key = "addressing",
     .type = BS_STORAGE_OPTION_TEXT,
     .fallback = "auto",
     .help = "Where the bucket's name goes: \"path\", \"virtual\" (before the host), or \"auto\": "
             "virtual at Amazon, path at an endpoint."},
    {.key = "credentials",
     .type = BS_STORAGE_OPTION_TEXT,
     .fallback = "auto",
     .help = "Where they are: \"settings\", \"environment\", \"file\", \"container\", "
             "\"machine\", or \"auto\": the first of these that has any."},
    {.key = "access_key_id", .type = BS_STORAGE_OPTION_TEXT, .help = "Access key."},
    {.key = "secret_access_key",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "Secret access key."},
    {.key = "session_token",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "Token of a session, with credentials that end."},
    {.key = "profile",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Section of the shared credentials file; without it AWS_PROFILE, then \"default\"."},
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
     .help = "Class of new objects, such as STANDARD_IA; without it the bucket's own."},
    {.key = "server_encryption",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "How the service encrypts new objects: AES256 or aws:kms."},
    {.key = "server_encryption_key",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Name of the key for aws:kms."},
    {.key = "tags",
     .type = BS_STORAGE_OPTION_TEXT,
     .help = "Tags of new objects as in a URL, such as \"team=db&keep=yes\"; at most 10."},
    {.key = "object_lock",
     .type = BS_STORAGE_OPTION_TEXT,
     .help =
         "How new objects are locked against removal: \"governance\" or \"compliance\"; needs a "
         "bucket with Object Lock."},
    {.key = "object_lock_days",
     .type = BS_STORAGE_OPTION_NUMBER,
     .help = "Days for which they are locked, with object_lock."},
    {.key = "legal_hold",
     .type = BS_STORAGE_OPTION_FLAG,
     .fallback = "false",
     .help = "Put a legal hold on new objects; needs a bucket with Object Lock."},
    {.key = "conditional_put",
     .type = BS_STORAGE_OPTION_FLAG,
     .help = "Whether the service heeds If-None-Match, also at the end of an upload in parts; "
             "without it true at Amazon, false at an endpoint."},
    {.key = "checksums",
     .type = BS_STORAGE_OPTION_FLAG,
     .fallback = "true",
     .help = "Have the service keep SHA-256 checksums; what is sent is checked by digest anyway."},
    {.key = "part_size_mib",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "8",
     .help = "MiB of the parts of larger objects; doubled after each 2000 of them."},
    {.key = "parallel_parts",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "4",
     .help = "Parts of one object that are sent at once, 1 to 16; one more is in memory."},
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

static const bs_storage_ops s3_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(s3_storage),
    .open = s3_open,
    .close = s3_close,
    .caps = s3_caps,
    .stat = s3_stat,
    .read = s3_read,
    .list = s3_list,
    .remove = s3_remove,
    .put_begin = s3_put_begin,
    .put_write = s3_put_write,
    .put_patch = s3_put_patch,
    .put_commit = s3_put_commit,
    .put_abort = s3_put_abort,
    .sweep = s3_sweep,
    .list_page = s3_list_page,
    .remove_many = s3_remove_many,
};

/* The only symbol this file gives away. */
const bs_storage_driver bsi_storage_driver_s3 = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "s3",
    .help = "Objects in a bucket of Amazon S3 or a service that speaks like it.",
    .ops = &s3_ops,
    .options = s3_options,
};
