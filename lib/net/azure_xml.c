/* SPDX-License-Identifier: MIT */
/*
 * Azure's listings, taken apart by the paths of their elements.
 */
#include "net/azure_xml.h"

#include <string.h>

#include "net/http_date.h"
#include "net/service_xml_int.h"
#include "net/uri.h"

enum { NS_PER_SEC = 1000000000 };

/* A listing while it is read. */
typedef struct listing {
    bsi_page_draft draft;
    bool is_listing; /* The root was right. */
    bool has_end;    /* It was told whether there is a next page. */
    bool is_encoded; /* The name that comes. */
    bool is_other;   /* The present one is no blob that can be read. */
} listing;

static bs_status take_encoding(listing *list, bsi_slice text)
{
    list->is_encoded = bsi_slice_is(text, "true");
    return BS_OK;
}

static bs_status take_encoded_name(listing *list, bsi_slice text)
{
    bsi_buf name;
    bs_status status = BS_OK;

    bsi_buf_init(&name, BSI_SERVICE_KEY_TEXT_MAX);
    status = bsi_uri_decode(text, &name);
    if (status == BS_OK) {
        status = bsi_page_take_key(&list->draft, bsi_buf_slice(&name));
    }
    bsi_buf_dispose(&name);
    return status;
}

/* What XML cannot hold is encoded, and only then. */
static bs_status take_name(listing *list, bsi_slice text)
{
    const bool is_encoded = list->is_encoded;

    list->is_encoded = false;
    return is_encoded ? take_encoded_name(list, text) : bsi_page_take_key(&list->draft, text);
}

static bs_status take_size(listing *list, bsi_slice text)
{
    return bsi_page_take_size(&list->draft, text);
}

/* A time that cannot be read is not known: it is only told. */
static bs_status take_time(listing *list, bsi_slice text)
{
    int64_t sec = 0;
    const bool known = bsi_http_date_parse(text, &sec) && sec >= 0 && sec < INT64_MAX / NS_PER_SEC;

    return bsi_page_take_time(&list->draft, known ? sec * NS_PER_SEC : BSI_SERVICE_NO_TIME);
}

static bs_status take_kind(listing *list, bsi_slice text)
{
    list->is_other = list->is_other || bsi_slice_is(text, "directory");
    return BS_OK;
}

static bs_status take_other(listing *list, bsi_slice text)
{
    list->is_other = list->is_other || (text.size > 0 && !bsi_slice_is(text, "false"));
    return BS_OK;
}

static bs_status take_end(listing *list, bsi_slice text)
{
    const bool keep = !list->is_other;

    (void)text;
    list->is_other = false;
    return bsi_page_take_end(&list->draft, keep);
}

static bs_status take_marker(listing *list, bsi_slice text)
{
    list->has_end = true;
    return bsi_page_take_token(&list->draft, text);
}

static bs_status take_root(listing *list, bsi_slice text)
{
    (void)text;
    list->is_listing = true;
    return BS_OK;
}

/* What is not in here is not looked at. */
static bs_status take_element(void *user, bsi_slice path, bsi_slice text)
{
    static const struct {
        const char *path;
        bs_status (*take)(listing *, bsi_slice);
    } known[] = {
        {"EnumerationResults/Blobs/Blob/Name/@Encoded", take_encoding},
        {"EnumerationResults/Blobs/Blob/Name", take_name},
        {"EnumerationResults/Blobs/Blob/Properties/Content-Length", take_size},
        {"EnumerationResults/Blobs/Blob/Properties/Last-Modified", take_time},
        {"EnumerationResults/Blobs/Blob/Properties/ResourceType", take_kind},
        {"EnumerationResults/Blobs/Blob/Snapshot", take_other},
        {"EnumerationResults/Blobs/Blob/Deleted", take_other},
        {"EnumerationResults/Blobs/Blob", take_end},
        {"EnumerationResults/NextMarker", take_marker},
        {"EnumerationResults", take_root},
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
    return list->has_end ? BS_OK : bsi_service_corrupt("does not tell its end");
}

bs_status bsi_azure_page_parse(bsi_slice document, bsi_page *out)
{
    listing list = {.is_listing = false};
    bs_status status = bsi_page_begin(&list.draft, BSI_AZURE_PAGE_MAX, out);

    if (status == BS_OK) {
        status = read_page(document, &list);
    }
    return bsi_page_end(&list.draft, status, false);
}
