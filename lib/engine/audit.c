/* SPDX-License-Identifier: MIT */
/*
 * Writes the audit log.
 */
#include "engine/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/audit_files.h"
#include "engine/service.h"
#include "os/file.h"
#include "os/users.h"

#define HEAD_KEY "audit_head"

enum { SETTINGS_MAX = 1024 * 1024 };

static _Thread_local char current_actor[BSI_AUDIT_ACTOR_MAX + 1];

void bsi_audit_init(bsi_audit *audit)
{
    *audit = (bsi_audit){.dir_fd = -1, .fd = -1};
    bsi_mutex_init(&audit->lock);
}

void bsi_audit_dispose(bsi_audit *audit)
{
    bsi_close_quietly(audit->fd);
    bsi_close_quietly(audit->dir_fd);
    bsi_mutex_dispose(&audit->lock);
}

/* --- Actors --- */

bs_status bsi_audit_set_actor(const char *actor)
{
    const size_t size = actor ? strlen(actor) : 0;
    bool good = size <= BSI_AUDIT_ACTOR_MAX && (!actor || size > 0) && bsi_utf8_valid(actor, size);

    for (size_t i = 0; good && i < size; i++) {
        good = (unsigned char)actor[i] >= ' ' && actor[i] != 127;
    }
    if (!good) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "actor: takes 1 to %d bytes of UTF-8 on one line", BSI_AUDIT_ACTOR_MAX);
    }
    memcpy(current_actor, actor ? actor : "", size + 1);
    return BS_OK;
}

void bsi_audit_act_as(const char *actor)
{
    (void)snprintf(current_actor, sizeof(current_actor), "%s", actor);
}

const char *bsi_audit_actor(void)
{
    return current_actor;
}

/* --- The head that the catalogue knows --- */

/* `*known_out`: there is one. With `count` 0 its signature is not checked. */
static bs_status load_known(bs_service *service, const bsi_public_key *keys, size_t count,
                            bsi_audit_head *out, bool *known_out)
{
    char *text = NULL;
    bs_status status = bsi_catalog_get_meta(service->catalog, HEAD_KEY, &text);

    *known_out = false;
    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    status = bsi_audit_head_parse(text, keys, count, out);
    *known_out = status >= 0;
    bsi_free(text);
    return status;
}

static bs_status save_known(bs_service *service, const bsi_signer *signer)
{
    char text[BSI_AUDIT_HEAD_SIZE];

    BSI_TRY(bsi_audit_head_format(&service->audit.head, signer, text));
    return bsi_catalog_set_meta(service->catalog, HEAD_KEY, text);
}

/* --- Opening; all with the lock held --- */

static void note(bsi_audit *audit, const char *format, ...) BSI_PRINTF(2, 3);

/* One more thing that the next record tells of. */
static void note(bsi_audit *audit, const char *format, ...)
{
    const size_t used = strlen(audit->recovered);
    const char *between = used > 0 ? "; " : "";
    va_list args;

    if (used + 3 > sizeof(audit->recovered)) {
        return;
    }
    memcpy(audit->recovered + used, between, strlen(between) + 1);
    va_start(args, format);
    (void)vsnprintf(audit->recovered + used + strlen(between),
                    sizeof(audit->recovered) - used - strlen(between), format, args);
    va_end(args);
}

/* Where the chain goes on, from what the files have and what the catalogue knows. */
static void choose_end(bsi_audit *audit, const bsi_audit_end_place *end,
                       const bsi_audit_head *known, bool is_known)
{
    const bool lost =
        is_known &&
        (known->seq > end->head.seq ||
         (known->seq == end->head.seq && !bsi_digest_equal(&known->hash, &end->head.hash)));

    audit->recovered[0] = '\0';
    if (lost) {
        audit->head = *known;
        audit->first = known->seq + 1;
        audit->size = 0;
        note(audit, "the log ends at record %" PRIu64 ", the catalogue knows record %" PRIu64,
             end->head.seq, known->seq);
        return;
    }
    audit->head = end->head;
    audit->first = end->first;
    audit->size = end->size;
    if (end->rest > 0) {
        note(audit, "%" PRIu64 " bytes of an unfinished record are overwritten", end->rest);
    }
    if (!is_known && end->head.seq > 0) {
        note(audit, "the catalogue did not know how the log ends");
    }
}

static bs_status open_dir(bs_service *service, bool make)
{
    bsi_audit *audit = &service->audit;

    if (audit->dir_fd >= 0) {
        return BS_OK;
    }
    if (make) {
        const bs_status status = bsi_mkdir(service->dir.fd, BSI_AUDIT_DIR, 0700);
        if (status < 0 && status != BS_E_EXISTS) {
            return status;
        }
    }
    return bsi_open(service->dir.fd, BSI_AUDIT_DIR,
                    BSI_OPEN_READ | BSI_OPEN_DIR | BSI_OPEN_NOFOLLOW, 0, &audit->dir_fd);
}

static void find_user(bsi_audit *audit)
{
    bsi_users *users = NULL;
    const char *name = "";

    if (bsi_users_new(&users) >= 0) {
        name = bsi_user_name(users, bsi_process_uid());
    }
    bsi_printable(name, strlen(name), audit->user, sizeof(audit->user));
    bsi_users_free(users);
}

/* Look for the end. BS_E_NOT_FOUND without `make` when there is no log. */
static bs_status open_log(bs_service *service, bool make)
{
    bsi_audit *audit = &service->audit;
    bsi_audit_end_place end;
    bsi_audit_head known = {0};
    bool is_known = false;

    if (audit->is_open) {
        return BS_OK;
    }
    BSI_TRY(open_dir(service, make));
    BSI_TRY(bsi_audit_files_end(audit->dir_fd, &end));
    /* One that is damaged is as good as none; bsi_audit_verify() tells of it. */
    if (load_known(service, NULL, 0, &known, &is_known) < 0 &&
        bs_error_last()->code != BS_E_CORRUPT) {
        return bs_error_last()->code;
    }
    choose_end(audit, &end, &known, is_known);
    find_user(audit);
    audit->is_open = true;
    return BS_OK;
}

/* --- Appending; all with the lock held --- */

/* The file that is written to. What stands in it behind our place can only be one record. */
static bs_status open_file(bsi_audit *audit)
{
    char name[BSI_AUDIT_NAME_SIZE];
    bsi_stat stat;
    int fd = -1;
    bs_status status = BS_OK;

    bsi_audit_file_name(audit->first, name);
    status = bsi_open(audit->dir_fd, name,
                      BSI_OPEN_READ | BSI_OPEN_WRITE | BSI_OPEN_CREATE | BSI_OPEN_NOFOLLOW |
                          BSI_OPEN_NONBLOCK,
                      0600, &fd);
    if (status >= 0) {
        status = bsi_fstat(fd, &stat);
    }
    if (status >= 0 && (stat.type != BSI_TYPE_FILE || stat.size < audit->size ||
                        stat.size - audit->size > BSI_AUDIT_LINE_MAX)) {
        status = bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT,
                          "'%s/%s' holds what is no audit log; move it away", BSI_AUDIT_DIR, name);
    }
    if (status >= 0 && audit->size == 0) {
        status = bsi_sync(audit->dir_fd); /* The name is new. */
    }
    if (status < 0) {
        bsi_close_quietly(fd);
        return status;
    }
    audit->has_rest = stat.size > audit->size;
    audit->fd = fd;
    return BS_OK;
}

/* A new file once the present one is full. */
static bs_status choose_file(bsi_audit *audit)
{
    if (audit->size >= BSI_AUDIT_FILE_MAX) {
        bsi_close_quietly(audit->fd);
        audit->fd = -1;
        audit->first = audit->head.seq + 1;
        audit->size = 0;
    }
    return audit->fd >= 0 ? BS_OK : open_file(audit);
}

/* Over what a failure before may have left. */
static bs_status write_line(bsi_audit *audit, const bsi_buf *line)
{
    const bool had_rest = audit->has_rest;

    audit->has_rest = true;
    BSI_TRY(bsi_pwrite(audit->fd, line->data, line->size, audit->size));
    if (had_rest) {
        BSI_TRY(bsi_truncate(audit->fd, audit->size + line->size));
    }
    BSI_TRY(bsi_sync(audit->fd));
    audit->has_rest = false;
    return BS_OK;
}

/* The record is durable when this succeeds; the catalogue may not know it yet. */
static bs_status append(bsi_audit *audit, const bsi_signer *signer, const bsi_audit_record *record)
{
    bsi_audit_head after = audit->head;
    bsi_buf line;
    bs_status status = BS_OK;

    bsi_buf_init(&line, 2 * BSI_AUDIT_LINE_MAX);
    status = bsi_audit_format(record, &audit->head, signer, &line, &after);
    if (status >= 0) {
        status = choose_file(audit);
    }
    if (status >= 0) {
        status = write_line(audit, &line);
    }
    if (status >= 0) {
        audit->size += line.size;
        audit->head = after;
    }
    bsi_buf_dispose(&line);
    return status;
}

/* --- Records --- */

/* Cut to what fits, without control characters. */
static void put_text(char *to, size_t size, const char *text)
{
    bsi_printable(text ? text : "", text ? strlen(text) : 0, to, size);
}

static void fill_record(const bs_service *service, const bsi_deed *deed, const char *result,
                        const char *error, bsi_audit_record *out)
{
    const bsi_time now = bsi_now();

    *out = (bsi_audit_record){
        .sec = now.sec, .nsec = now.nsec, .uid = bsi_process_uid(), .process = service->process};
    put_text(out->user, sizeof(out->user), service->audit.user);
    put_text(out->actor, sizeof(out->actor), deed->actor ? deed->actor : current_actor);
    put_text(out->action, sizeof(out->action), deed->action);
    put_text(out->object, sizeof(out->object), deed->object);
    put_text(out->name, sizeof(out->name), deed->name);
    put_text(out->result, sizeof(out->result), result);
    put_text(out->error, sizeof(out->error), error);
    put_text(out->detail, sizeof(out->detail), deed->detail);
}

/* What was set otherwise than the defaults; of secrets only that they are set. */
static void describe_settings(const bs_config *config, bsi_buf *out)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < BSI_CONFIG_COUNT && status >= 0; i++) {
        const bsi_config_variable *variable = bsi_config_at(i);
        if (config->values[i]) {
            status =
                bsi_buf_append_format(out, "%s%s=%s", out->size > 0 ? ", " : "", variable->name,
                                      variable->secret ? "(secret)" : config->values[i]);
        }
    }
}

/* The first record of this process: by whom, and with which settings. */
static bs_status say_open(bs_service *service, const bsi_signer *signer, bsi_audit_record *record)
{
    bsi_audit *audit = &service->audit;
    bsi_deed deed = {.action = "service.open", .actor = ""};
    bsi_buf settings;
    bs_status status = BS_OK;

    bsi_buf_init(&settings, SETTINGS_MAX);
    describe_settings(service->config, &settings);
    status = bsi_buf_append_byte(&settings, 0);
    deed.detail = status >= 0 ? (const char *)settings.data : "";
    fill_record(service, &deed, "done", NULL, record);
    bsi_buf_dispose(&settings);
    BSI_TRY(append(audit, signer, record));
    audit->said_open = true;
    return BS_OK;
}

static bs_status say_recovered(bs_service *service, const bsi_signer *signer,
                               bsi_audit_record *record)
{
    bsi_audit *audit = &service->audit;
    const bsi_deed deed = {.action = "audit.recover", .detail = audit->recovered, .actor = ""};

    fill_record(service, &deed, "done", NULL, record);
    BSI_TRY(append(audit, signer, record));
    audit->recovered[0] = '\0';
    return BS_OK;
}

static bs_status write_locked(bs_service *service, const bsi_deed *deed, const char *result,
                              const char *error, bsi_audit_record *record)
{
    bsi_audit *audit = &service->audit;
    const bsi_signer *signer = NULL;

    BSI_TRY(bsi_service_signer(service, &signer));
    BSI_TRY(open_log(service, true));
    if (audit->recovered[0]) {
        BSI_TRY(say_recovered(service, signer, record));
    }
    if (!audit->said_open) {
        BSI_TRY(say_open(service, signer, record));
    }
    fill_record(service, deed, result, error, record);
    BSI_TRY(append(audit, signer, record));
    return save_known(service, signer);
}

static bs_status write_record(bs_service *service, const bsi_deed *deed, const char *result,
                              const char *error)
{
    bsi_audit_record *record = NULL;
    bs_status status = BS_OK;

    if (!bsi_config_flag(service->config, BSI_CONFIG_AUDIT_LOG_ENABLED)) {
        return BS_OK;
    }
    record = bsi_calloc(1, sizeof(*record));
    if (!record) {
        return BS_E_NOMEM;
    }
    bsi_mutex_lock(&service->audit.lock);
    status = write_locked(service, deed, result, error, record);
    bsi_mutex_unlock(&service->audit.lock);
    bsi_free(record);
    return status < 0 ? bsi_fail_context(BS_LAYER_CATALOG, status, "writing the audit log") : BS_OK;
}

bs_status bsi_audit_begin(bs_service *service, const bsi_deed *deed)
{
    return write_record(service, deed, "begun", NULL);
}

static const char *result_of(bs_status status)
{
    if (status == BS_E_CANCELLED) {
        return "cancelled";
    }
    if (status < 0) {
        return "failed";
    }
    return status == BS_PARTIAL ? "warnings" : "done";
}

bs_status bsi_audit_end(bs_service *service, const bsi_deed *deed, bs_status status)
{
    bs_error error;

    bsi_error_save(&error);
    if (write_record(service, deed, result_of(status), status < 0 ? error.message : NULL) < 0) {
        bsi_log_write(&service->log, BS_LOG_ERROR, "engine",
                      "%s of '%s' is not in the audit log: %s", deed->action,
                      deed->object ? deed->object : "", bs_error_last()->message);
    }
    bsi_error_restore(&error);
    return status;
}

/* --- Looking --- */

/* What stands behind the last record in its file. */
static bs_status measure_rest(const bsi_audit *audit, uint64_t *out)
{
    char name[BSI_AUDIT_NAME_SIZE];
    bsi_stat stat;
    bs_status status = BS_OK;

    bsi_audit_file_name(audit->first, name);
    status = bsi_stat_at(audit->dir_fd, name, &stat);
    *out = status >= 0 && stat.size > audit->size ? stat.size - audit->size : 0;
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status look_locked(bs_service *service, const bsi_public_key *keys, size_t count,
                             bsi_audit_view *out)
{
    const bsi_audit *audit = &service->audit;
    bs_status status = open_log(service, false);

    if (status >= 0) {
        out->dir_fd = audit->dir_fd;
        out->first = audit->first;
        out->size = audit->size;
        status = measure_rest(audit, &out->rest);
    }
    if (status < 0 && status != BS_E_NOT_FOUND) {
        return status;
    }
    status = load_known(service, keys, count, &out->known, &out->head_is_known);
    out->is_forged = status == BS_E_CORRUPT;
    return out->is_forged ? BS_OK : status;
}

bs_status bsi_audit_look(bs_service *service, const bsi_public_key *keys, size_t count,
                         bsi_audit_view *out)
{
    bs_status status = BS_OK;

    *out = (bsi_audit_view){.dir_fd = -1};
    bsi_mutex_lock(&service->audit.lock);
    status = look_locked(service, keys, count, out);
    bsi_mutex_unlock(&service->audit.lock);
    return status < 0 ? bsi_fail_context(BS_LAYER_CATALOG, status, "reading the audit log") : BS_OK;
}
