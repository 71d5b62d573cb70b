/* SPDX-License-Identifier: MIT */
/*
 * Over libcurl, which does without signals, the environment's proxies and .netrc here.
 */
#include <curl/curl.h>

#include "net/curl_int.h"
#include "net/post.h"

bool bsi_post_is_there(void)
{
    return true;
}

static size_t throw_away(char *bytes, size_t size, size_t count, void *user)
{
    (void)bytes;
    (void)user;
    return size * count;
}

/* Any other value than 0 gives the transfer up. */
static int look(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                curl_off_t up)
{
    const bs_call *call = user;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return call && bsi_call_check(call) < 0 ? 1 : 0;
}

static CURLcode set_up(CURL *curl, const bsi_post *post, const bs_call *call,
                       struct curl_slist *headers)
{
    CURLcode code = CURLE_OK;

    /* The first that fails stands for all. */
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(curl, option, value) : code
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_URL, post->url);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_TIMEOUT_MS, (long)post->timeout_ms);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDS, post->body.data);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.size);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_WRITEFUNCTION, throw_away);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, look);
    SET(CURLOPT_XFERINFODATA, (void *)(uintptr_t)call);
#undef SET
    return code;
}

static bs_status perform(CURL *curl, const bsi_post *post, const bs_call *call,
                         struct curl_slist *headers, int *code_out)
{
    long answer = 0;
    CURLcode code = set_up(curl, post, call, headers);

    if (code == CURLE_OK) {
        code = curl_easy_perform(curl);
    }
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        BSI_TRY(bsi_call_check(call));
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_TIMEOUT, "no answer within %u ms", post->timeout_ms);
    }
    if (code == CURLE_OK) {
        code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    }
    if (code != CURLE_OK) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_IO, "%s", curl_easy_strerror(code));
    }
    *code_out = (int)answer;
    return BS_OK;
}

bs_status bsi_post_send(const bsi_post *post, const bs_call *call, int *code_out)
{
    struct curl_slist *headers = NULL;
    CURL *curl = NULL;
    bs_status status = BS_OK;

    curl = bsi_curl_new();
    if (!curl) {
        return BS_E_NOMEM;
    }
    status = bsi_curl_add(&headers, post->headers);
    if (status >= 0) {
        status = perform(curl, post, call, headers, code_out);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}
