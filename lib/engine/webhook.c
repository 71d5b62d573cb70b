/* SPDX-License-Identifier: MIT */
#include "engine/webhook.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/hmac.h"
#include "engine/key_ref.h"
#include "engine/service.h"
#include "engine/words.h"
#include "net/post.h"
#include "os/random.h"
#include "os/time.h"
#include "text/json_write.h"
#include "text/rfc3339.h"

enum {
    WAITING_MAX = 1000,
    BODY_MAX = 64 * 1024,
    HEADER_SIZE = 256,
    NS_PER_MICRO = 1000,
    MICROS_PER_MS = 1000,
};

#define DELAY_MAX_NS INT64_C(60000000000)

typedef struct message {
    struct message *next;
    char id[BS_ID_SIZE];
    size_t size;
    char body[];
} message;

/* `lock` guards what stands below it; it is not held while something is sent. */
struct bsi_webhook {
    bs_service *service;
    const char *url;    /* Of the service's settings. */
    bsi_secret *secret; /* NULL: messages are not signed. */
    uint32_t timeout_ms;
    int64_t delay_ns; /* Before the second attempt; then twice as long each time. */
    int64_t limit_ns; /* For all attempts. */
    bool failures_only;
    bsi_thread thread;
    bsi_cancel cancel; /* The service does not wait any more. */

    bsi_mutex lock;
    bsi_cond change;
    message *head;
    message *tail;
    unsigned count; /* With the one that is being sent. */
    bool closing;
    bool is_started;
};

/* --- Sending --- */

/* "t=SECONDS,v1=HEX": the time and the body, signed together. */
static bs_status sign(const bsi_webhook *self, const message *what, char out[HEADER_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t mac[BSI_HMAC_SIZE];
    char hex[2 * BSI_HMAC_SIZE + 1];
    const int64_t now = bsi_now().sec;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BODY_MAX + 64);
    status = bsi_buf_append_format(&text, "%" PRId64 ".", now);
    if (status >= 0) {
        status = bsi_buf_append(&text, what->body, what->size);
    }
    if (status >= 0) {
        status = bsi_hmac(self->secret, text.data, text.size, mac);
    }
    bsi_buf_dispose(&text);
    BSI_TRY(status);
    for (size_t i = 0; i < sizeof(mac); i++) {
        hex[2 * i] = digits[mac[i] >> 4];
        hex[2 * i + 1] = digits[mac[i] & 15];
    }
    hex[2 * sizeof(mac)] = '\0';
    (void)snprintf(out, HEADER_SIZE, "X-Backupsvc-Signature: t=%" PRId64 ",v1=%s", now, hex);
    return BS_OK;
}

static bs_status send_once(bsi_webhook *self, const message *what, int *code_out)
{
    const bs_call call = {.cancel = &self->cancel};
    char delivery[HEADER_SIZE];
    char signature[HEADER_SIZE];
    const char *headers[] = {
        "Content-Type: application/json", "User-Agent: backupsvc", "Expect:", delivery, NULL, NULL};
    const bsi_post post = {self->url, headers, {what->body, what->size}, self->timeout_ms};

    (void)snprintf(delivery, sizeof(delivery), "X-Backupsvc-Delivery: %s", what->id);
    if (self->secret) {
        BSI_TRY(sign(self, what, signature));
        headers[4] = signature;
    }
    return bsi_post_send(&post, &call, code_out);
}

/* Whether another attempt could have another end. */
static bool may_repeat(bs_status status, int code)
{
    if (status < 0) {
        return status == BS_E_TIMEOUT || status == BS_E_IO || status == BS_E_NOMEM;
    }
    return code >= 500 || code == 408 || code == 429;
}

static bool is_cancelled(const bsi_webhook *self)
{
    return atomic_load(&self->cancel.requested);
}

/* False when the service does not wait any longer. */
static bool pause_for(bsi_webhook *self, int64_t ns)
{
    const int64_t until = bsi_monotonic_ns() + ns;

    bsi_mutex_lock(&self->lock);
    while (!is_cancelled(self) && bsi_monotonic_ns() < until &&
           bsi_cond_wait_until(&self->change, &self->lock, until)) {
    }
    bsi_mutex_unlock(&self->lock);
    return !is_cancelled(self);
}

static void complain(const bsi_webhook *self, const message *what, bs_status status, int code,
                     unsigned attempts)
{
    if (status < 0) {
        bsi_log_write(&self->service->log, BS_LOG_WARNING, "engine",
                      "message %s did not reach the webhook after %u attempts: %s", what->id,
                      attempts, bs_error_last()->message);
    } else {
        bsi_log_write(&self->service->log, BS_LOG_WARNING, "engine",
                      "the webhook answered message %s with status %d after %u attempts", what->id,
                      code, attempts);
    }
}

/* Until it has arrived, or there is no hope or no time. */
static void deliver(bsi_webhook *self, const message *what)
{
    const int64_t until = bsi_monotonic_ns() + self->limit_ns;
    int64_t delay = self->delay_ns;

    for (unsigned attempts = 1;; attempts++) {
        int code = 0;
        const bs_status status = send_once(self, what, &code);

        if (status >= 0 && code >= 200 && code < 300) {
            return;
        }
        if (!may_repeat(status, code) || bsi_monotonic_ns() + delay >= until ||
            !pause_for(self, delay)) {
            complain(self, what, status, code, attempts);
            return;
        }
        delay = delay < DELAY_MAX_NS / 2 ? 2 * delay : DELAY_MAX_NS;
    }
}

static void forget_locked(bsi_webhook *self)
{
    message *one = self->head;

    self->head = one->next;
    self->tail = self->head ? self->tail : NULL;
    self->count--;
    bsi_free(one);
    bsi_cond_broadcast(&self->change);
}

static void sender(void *user)
{
    bsi_webhook *self = user;

    bsi_mutex_lock(&self->lock);
    for (;;) {
        if (self->head) {
            message *one = self->head;
            bsi_mutex_unlock(&self->lock);
            deliver(self, one);
            bsi_mutex_lock(&self->lock);
            forget_locked(self);
        } else if (self->closing) {
            break;
        } else {
            bsi_cond_wait(&self->change, &self->lock);
        }
    }
    bsi_mutex_unlock(&self->lock);
}

/* --- Messages --- */

static void put_printable(bsi_json_writer *json, const char *key, const char *text)
{
    char shown[BS_ERROR_MESSAGE_SIZE];

    bsi_json_put_text(json, key, bsi_printable(text, strlen(text), shown, sizeof(shown)));
}

static void put_error(bsi_json_writer *json, const bsi_job_view *end)
{
    bsi_json_write_key(json, "error");
    if (end->error.code >= 0) {
        bsi_json_write_null(json);
        return;
    }
    bsi_json_begin_object(json);
    bsi_json_put_text(json, "code", bs_status_name(end->error.code));
    bsi_json_put_text(json, "layer", bs_layer_name(end->error.layer));
    put_printable(json, "message", end->error.message);
    bsi_json_end_object(json);
}

static bs_status write_body(const bsi_job *job, const bsi_job_view *end, const char *delivery,
                            bsi_buf *out)
{
    const char *kind = bsi_word_name(bsi_words_job_kind, (int)job->ops->kind);
    const char *state = bsi_word_name(bsi_words_job_state, (int)end->state);
    const bsi_time now = bsi_now();
    bsi_deed about = {.object = job->id, .name = ""};
    char event[64];
    char time[BSI_RFC3339_SIZE];
    bsi_json_writer json;

    if (job->ops->describe) {
        job->ops->describe(job, &about);
    }
    BSI_TRY(bsi_rfc3339_format(now.sec, now.nsec, true, time));
    (void)snprintf(event, sizeof(event), "%s.%s", kind, state);
    bsi_json_writer_init(&json, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_put_text(&json, "delivery", delivery);
    bsi_json_put_text(&json, "event", event);
    bsi_json_put_text(&json, "time", time);
    bsi_json_put_text(&json, "kind", kind);
    bsi_json_put_text(&json, "id", job->id);
    bsi_json_put_text(&json, "backup_id", about.object);
    put_printable(&json, "name", about.name);
    bsi_json_put_text(&json, "status", state);
    bsi_json_put_u64(&json, "files_processed", end->files_processed);
    bsi_json_put_u64(&json, "bytes_processed", end->bytes_processed);
    put_error(&json, end);
    bsi_json_end_object(&json);
    return bsi_json_writer_finish(&json);
}

static bs_status make_message(const bsi_job *job, const bsi_job_view *end, message **out)
{
    char id[BS_ID_SIZE];
    message *made = NULL;
    bsi_buf body;
    bs_status status = bsi_new_id(id);

    bsi_buf_init(&body, BODY_MAX);
    if (status >= 0) {
        status = write_body(job, end, id, &body);
    }
    if (status >= 0) {
        made = bsi_calloc(1, sizeof(*made) + body.size);
        status = made ? BS_OK : BS_E_NOMEM;
    }
    if (status >= 0) {
        memcpy(made->id, id, sizeof(id));
        memcpy(made->body, body.data, body.size);
        made->size = body.size;
        *out = made;
    }
    bsi_buf_dispose(&body);
    return status;
}

static bs_status queue(bsi_webhook *self, message *added)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&self->lock);
    if (self->count >= WAITING_MAX) {
        status = bsi_fail(BS_LAYER_SYSTEM, BS_E_LIMIT, "%d messages wait to be sent already",
                          WAITING_MAX);
    }
    if (status >= 0 && !self->is_started) {
        status = bsi_thread_start(&self->thread, "bs-webhook", sender, self);
        self->is_started = status >= 0;
    }
    if (status >= 0) {
        *(self->tail ? &self->tail->next : &self->head) = added;
        self->tail = added;
        self->count++;
        bsi_cond_broadcast(&self->change);
    }
    bsi_mutex_unlock(&self->lock);
    return status;
}

void bsi_webhook_tell(bsi_job *job, const bsi_job_view *end)
{
    bsi_webhook *self = job->service->webhook;
    message *made = NULL;
    bs_error error;
    bs_status status = BS_OK;

    if (!self || (self->failures_only && end->error.code >= 0)) {
        return;
    }
    bsi_error_save(&error);
    status = make_message(job, end, &made);
    if (status >= 0) {
        status = queue(self, made);
    }
    if (status < 0) {
        bsi_free(made);
        bsi_log_write(&job->service->log, BS_LOG_WARNING, "engine",
                      "the webhook is not told of job %s: %s", job->id, bs_error_last()->message);
    }
    bsi_error_restore(&error);
}

/* --- Life --- */

static bs_status check_url(const char *url)
{
    for (const char *at = url; *at; at++) {
        if ((unsigned char)*at <= ' ' || *at == 127) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "WEBHOOK_URL: holds a blank");
        }
    }
    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "WEBHOOK_URL: takes a URL that begins with https:// or http://");
    }
    if (!bsi_post_is_there()) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED,
                        "WEBHOOK_URL: this build was made without libcurl, so without webhooks");
    }
    return BS_OK;
}

static bs_status read_secret(bs_service *service, bsi_secret **out)
{
    const char *reference = bsi_config_text(service->config, BSI_CONFIG_WEBHOOK_SECRET);
    const char *rest = NULL;
    bsi_key_source source = BSI_KEY_SOURCE_TEXT;
    bs_status status = BS_OK;

    if (!reference) {
        return BS_OK;
    }
    source = bsi_key_ref_source(reference, &rest);
    if (source != BSI_KEY_SOURCE_ENV && source != BSI_KEY_SOURCE_FILE) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "WEBHOOK_SECRET: takes env:NAME or file:PATH, not the secret itself");
    }
    status = bsi_key_ref_read(reference, out);
    if (status >= 0) {
        status = bsi_keys_note(&service->keys, reference);
    }
    return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "WEBHOOK_SECRET") : BS_OK;
}

static void dispose(bsi_webhook *self)
{
    bsi_secret_free(self->secret);
    bsi_cond_dispose(&self->change);
    bsi_mutex_dispose(&self->lock);
    bsi_free(self);
}

static int64_t setting_ns(const bs_config *config, bsi_config_id id)
{
    return bsi_config_number(config, id) * NS_PER_MICRO;
}

bs_status bsi_webhook_open(bs_service *service)
{
    const bs_config *config = service->config;
    const char *url = bsi_config_text(config, BSI_CONFIG_WEBHOOK_URL);
    bsi_webhook *self = NULL;
    bs_status status = BS_OK;

    if (!url) {
        return BS_OK;
    }
    BSI_TRY(check_url(url));
    self = bsi_calloc(1, sizeof(*self));
    if (!self) {
        return BS_E_NOMEM;
    }
    self->service = service;
    self->url = url;
    self->timeout_ms =
        (uint32_t)(bsi_config_number(config, BSI_CONFIG_WEBHOOK_TIMEOUT) / MICROS_PER_MS);
    self->delay_ns = setting_ns(config, BSI_CONFIG_WEBHOOK_RETRY_DELAY);
    self->limit_ns = setting_ns(config, BSI_CONFIG_WEBHOOK_RETRY_LIMIT);
    self->failures_only = bsi_config_number(config, BSI_CONFIG_WEBHOOK_EVENTS) == 1;
    bsi_mutex_init(&self->lock);
    bsi_cond_init(&self->change);
    status = read_secret(service, &self->secret);
    if (status < 0) {
        dispose(self);
        return status;
    }
    service->webhook = self;
    return BS_OK;
}

/* The sender has done all it had, or it is told to stop. */
static void drain(bsi_webhook *self)
{
    const int64_t until =
        bsi_monotonic_ns() + setting_ns(self->service->config, BSI_CONFIG_SHUTDOWN_TIMEOUT);
    bool waiting = true;

    bsi_mutex_lock(&self->lock);
    self->closing = true;
    bsi_cond_broadcast(&self->change);
    while (self->head && waiting) {
        waiting = bsi_cond_wait_until(&self->change, &self->lock, until);
    }
    bsi_cancel_request(&self->cancel);
    bsi_cond_broadcast(&self->change);
    bsi_mutex_unlock(&self->lock);
}

void bsi_webhook_close(bs_service *service)
{
    bsi_webhook *self = service->webhook;

    if (!self) {
        return;
    }
    if (self->is_started) {
        drain(self);
        bsi_thread_join(self->thread);
    }
    dispose(self);
    service->webhook = NULL;
}
