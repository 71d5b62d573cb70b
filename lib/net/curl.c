/* SPDX-License-Identifier: MIT */
/*
 * Starting libcurl, and its lists.
 */
#include <curl/curl.h>
#include <pthread.h>

#include "net/curl_int.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode started = CURLE_FAILED_INIT;

static void start(void)
{
    started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

void *bsi_curl_new(void)
{
    CURL *curl = NULL;

    (void)pthread_once(&once, start);
    curl = started == CURLE_OK ? curl_easy_init() : NULL;
    if (!curl) {
        (void)bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "libcurl does not start");
    }
    return curl;
}

bs_status bsi_curl_add(struct curl_slist **list, const char *const *lines)
{
    for (; lines && *lines; lines++) {
        struct curl_slist *longer = curl_slist_append(*list, *lines);
        if (!longer) {
            return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
        }
        *list = longer;
    }
    return BS_OK;
}
