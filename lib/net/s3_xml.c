/* SPDX-License-Identifier: MIT */
/*
 * S3's documents, taken apart by the paths of their elements.
 */
#include <string.h>

#include "net/s3_xml_int.h"
#include "text/rfc3339.h"

enum { NS_PER_SEC = 1000000000 };

/* A listing while it is read. */
typedef struct listing {
    bsi_page_draft draft;
    bool is_listing; /* The root was right. */
    bool truncated;
    bool encoded;
} listing;

static bs_status take_key(listing *list, bsi_slice text)
{
    return bsi_page_take_key(&list->draft, text);
}

static bs_status take_size(listing *list, bsi_slice text)
{
    return bsi_page_take_size(&list->draft, text);
}

int64_t bsi_s3_time(bsi_slice text)
{
    int64_t sec = 0;
    int32_t nsec = 0;

    if (bsi_rfc3339_parse(text.data, text.size, &sec, &nsec) == BS_OK && sec >= 0 &&
        sec < INT64_MAX / NS_PER_SEC) {
        return sec * NS_PER_SEC + nsec;
    }
    return BSI_SERVICE_NO_TIME;
}

static bs_status take_time(listing *list, bsi_slice text)
{
    return bsi_page_take_time(&list->draft, bsi_s3_time(text));
}

static bs_status take_truncated(listing *list, bsi_slice text)
{
    list->truncated = bsi_slice_is(text, "true");
    return list->truncated || bsi_slice_is(text, "false")
               ? BS_OK
               : bsi_service_corrupt("does not tell its end");
}

static bs_status take_encoding(listing *list, bsi_slice text)
{
    list->encoded = bsi_slice_is(text, "url");
    return list->encoded || text.size == 0
               ? BS_OK
               : bsi_service_corrupt("has keys in an encoding that is not known");
}

static bs_status take_token(listing *list, bsi_slice text)
{
    return bsi_page_take_token(&list->draft, text);
}

static bs_status take_root(listing *list, bsi_slice text)
{
    (void)text;
    list->is_listing = true;
    return BS_OK;
}

static bs_status take_end(listing *list, bsi_slice text)
{
    (void)text;
    return bsi_page_take_end(&list->draft, true);
}

/* What is not in here is not looked at. */
static bs_status take_element(void *user, bsi_slice path, bsi_slice text)
{
    static const struct {
        const char *path;
        bs_status (*take)(listing *, bsi_slice);
    } known[] = {
        {"ListBucketResult/Contents/Key", take_key},
        {"ListBucketResult/Contents/Size", take_size},
        {"ListBucketResult/Contents/LastModified", take_time},
        {"ListBucketResult/Contents", take_end},
        {"ListBucketResult/IsTruncated", take_truncated},
        {"ListBucketResult/NextContinuationToken", take_token},
        {"ListBucketResult/EncodingType", take_encoding},
        {"ListBucketResult", take_root},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(known); i++) {
        if (bsi_slice_is(path, known[i].path)) {
            return known[i].take(user, text);
        }
    }
    return BS_OK;
}

static bs_status read_page(bsi_slice document, listing *list)
{
    BSI_TRY(bsi_service_read(document, take_element, list));
    if (!list->is_listing) {
        return bsi_service_corrupt("is no listing");
    }
    if (list->truncated && list->draft.token.size == 0) {
        return bsi_service_corrupt("has a next page and no token for it");
    }
    if (!list->truncated) {
        bsi_buf_clear(&list->draft.token);
    }
    return BS_OK;
}

bs_status bsi_s3_page_parse(bsi_slice document, bsi_page *out)
{
    listing list = {.is_listing = false};
    bs_status status = bsi_page_begin(&list.draft, BSI_S3_PAGE_MAX, out);

    if (status == BS_OK) {
        status = read_page(document, &list);
    }
    return bsi_page_end(&list.draft, status, list.encoded);
}

bool bsi_s3_is_upload_id(bsi_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
            return false;
        }
    }
    return text.size > 0 && text.size <= BSI_S3_UPLOAD_ID_MAX;
}

/* The id is kept in the buffer once it is found; a second one is none. */
static bs_status take_upload_id(void *user, bsi_slice path, bsi_slice text)
{
    bsi_buf *id = user;

    if (!bsi_slice_is(path, "InitiateMultipartUploadResult/UploadId")) {
        return BS_OK;
    }
    if (!bsi_s3_is_upload_id(text) || id->size > 0) {
        return bsi_service_corrupt("has no proper id of an upload");
    }
    return bsi_buf_append(id, text.data, text.size);
}

bs_status bsi_s3_upload_id_parse(bsi_slice document, bsi_buf *out)
{
    bsi_buf id;
    bs_status status = BS_OK;

    bsi_buf_init(&id, BSI_S3_UPLOAD_ID_MAX);
    status = bsi_service_read(document, take_upload_id, &id);
    if (status == BS_OK && id.size == 0) {
        status = bsi_service_corrupt("has no id of an upload");
    }
    if (status == BS_OK) {
        status = bsi_buf_append(out, id.data, id.size);
    }
    bsi_buf_dispose(&id);
    return status;
}

static bs_status take_complete(void *user, bsi_slice path, bsi_slice text)
{
    bool *complete = user;

    (void)text; /* Ceph tells none yet. */
    if (bsi_slice_is(path, "CompleteMultipartUploadResult/ETag")) {
        *complete = true;
    }
    return BS_OK;
}

bs_status bsi_s3_complete_parse(bsi_slice document)
{
    bool complete = false;

    BSI_TRY(bsi_service_read(document, take_complete, &complete));
    return complete ? BS_OK : bsi_service_corrupt("does not say that the upload is complete");
}

static bs_status take_lock(void *user, bsi_slice path, bsi_slice text)
{
    bool *enabled = user;

    if (bsi_slice_is(path, "ObjectLockConfiguration/ObjectLockEnabled")) {
        *enabled = bsi_slice_is(text, "Enabled");
    }
    return BS_OK;
}

bs_status bsi_s3_lock_parse(bsi_slice document, bool *enabled_out)
{
    *enabled_out = false;
    return bsi_service_read(document, take_lock, enabled_out);
}

typedef struct removed {
    bsi_service_error present; /* Of the element that is being read. */
    bsi_service_error *first;
    bool is_result;
} removed;

static bs_status take_removed(void *user, bsi_slice path, bsi_slice text)
{
    removed *self = user;

    bsi_service_error_take(&self->present, "DeleteResult/Error", path, text);
    if (bsi_slice_is(path, "DeleteResult/Error")) {
        /* One that was not there is gone, too. */
        if (self->first->code[0] == '\0' && strcmp(self->present.code, "NoSuchKey") != 0) {
            *self->first = self->present;
        }
        self->present = (bsi_service_error){.code = ""};
    } else if (bsi_slice_is(path, "DeleteResult")) {
        self->is_result = true;
    }
    return BS_OK;
}

bs_status bsi_s3_removed_parse(bsi_slice document, bsi_service_error *error)
{
    removed self = {.first = error};

    *error = (bsi_service_error){.code = ""};
    BSI_TRY(bsi_service_read(document, take_removed, &self));
    return self.is_result ? BS_OK : bsi_service_corrupt("does not say what was removed");
}
