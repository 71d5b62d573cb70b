/* SPDX-License-Identifier: MIT */
/*
 * Reads the audit log: pages of records, and whether it is sound.
 */
#include <stdio.h>
#include <string.h>

#include "audit/chain.h"
#include "base/alloc.h"
#include "engine/arena.h"
#include "engine/audit.h"
#include "engine/audit_files.h"
#include "engine/service.h"
#include "engine/words.h"
#include "text/rfc3339.h"

enum { LIST_MAX = 1000, LIST_USUAL = 50, KEYS_MAX = 100 };

/* --- Which records --- */

typedef struct page_box {
    bs_audit_page page;
    bsi_arena arena;
    const bs_audit_record **items; /* Room for `limit` of them. */
    size_t limit;
} page_box;

typedef struct wanted {
    const bs_audit_filter *filter;
    int64_t since_ns; /* 0: of any time. */
    int64_t until_ns;
    page_box *box;
} wanted;

static bs_status parse_time(const char *what, const char *text, int64_t *ns_out)
{
    int64_t sec = 0;
    int32_t nsec = 0;

    *ns_out = 0;
    if (!text) {
        return BS_OK;
    }
    if (bsi_rfc3339_parse(text, strlen(text), &sec, &nsec) < 0 || sec <= 0 ||
        sec > INT64_MAX / 1000000000 - 1) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "%s: takes a time such as 2026-11-23T06:10:00Z", what);
    }
    *ns_out = sec * 1000000000 + nsec;
    return BS_OK;
}

static bs_status check_filter(const bs_audit_filter *filter, wanted *out)
{
    if (filter->limit > LIST_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "limit: takes 1 to %d, not %u", LIST_MAX,
                        filter->limit);
    }
    if (filter->result &&
        strcmp(bsi_word_name(bsi_words_audit_result, (int)filter->result), "unknown") == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "result: there is no such result");
    }
    BSI_TRY(parse_time("since", filter->since, &out->since_ns));
    BSI_TRY(parse_time("until", filter->until, &out->until_ns));
    return BS_OK;
}

static bool text_fits(const char *want, const char *have)
{
    return !want || strcmp(want, have) == 0;
}

/* "backup." stands for all actions that begin so. */
static bool action_fits(const char *want, const char *have)
{
    const size_t size = want ? strlen(want) : 0;

    if (size > 0 && want[size - 1] == '.') {
        return strncmp(want, have, size) == 0;
    }
    return text_fits(want, have);
}

static bool result_fits(bs_audit_result want, const char *have)
{
    return !want || strcmp(bsi_word_name(bsi_words_audit_result, (int)want), have) == 0;
}

static bool is_wanted(const wanted *self, const bsi_audit_record *record)
{
    const bs_audit_filter *filter = self->filter;
    const int64_t ns = record->sec * 1000000000 + record->nsec;

    return (filter->before == 0 || record->seq < filter->before) &&
           (self->since_ns == 0 || ns >= self->since_ns) &&
           (self->until_ns == 0 || ns < self->until_ns) &&
           action_fits(filter->action, record->action) &&
           text_fits(filter->object, record->object) && text_fits(filter->name, record->name) &&
           text_fits(filter->actor, record->actor) && text_fits(filter->user, record->user) &&
           result_fits(filter->result, record->result);
}

/* --- Pages --- */

static bs_status fill_record(const bsi_audit_record *from, bsi_arena *arena, bs_audit_record *out)
{
    char time[BSI_RFC3339_SIZE];
    int result = 0;

    BSI_TRY(bsi_rfc3339_format(from->sec, from->nsec, true, time));
    (void)bsi_word_parse(bsi_words_audit_result, bsi_slice_of(from->result), &result);
    *out = (bs_audit_record){.seq = from->seq,
                             .time = bsi_arena_text(arena, time),
                             .uid = from->uid,
                             .user = bsi_arena_text(arena, from->user),
                             .process = from->process,
                             .actor = bsi_arena_text(arena, from->actor),
                             .action = bsi_arena_text(arena, from->action),
                             .object = bsi_arena_text(arena, from->object),
                             .name = bsi_arena_text(arena, from->name),
                             .result = (bs_audit_result)result,
                             .error = bsi_arena_text(arena, from->error),
                             .detail = bsi_arena_text(arena, from->detail)};
    if (!out->time || !out->user || !out->actor || !out->action || !out->object || !out->name ||
        !out->error || !out->detail) {
        return BS_E_NOMEM;
    }
    return BS_OK;
}

/* BS_END: the page is full. */
static bs_status take_record(const wanted *self, const bsi_audit_record *record)
{
    page_box *box = self->box;
    bs_audit_record *info = NULL;

    if (!is_wanted(self, record)) {
        return BS_OK;
    }
    if (box->page.count == box->limit) {
        box->page.next_before = record->seq + 1;
        return BS_END;
    }
    info = bsi_arena_alloc(&box->arena, 1, sizeof(*info));
    if (!info) {
        return BS_E_NOMEM;
    }
    BSI_TRY(fill_record(record, &box->arena, info));
    box->items[box->page.count++] = info;
    return BS_OK;
}

/* From the last line to the first; the text ends in a line feed or is empty. */
static bs_status take_lines(const wanted *self, bsi_slice text, bsi_audit_line *line)
{
    bs_status status = BS_OK;
    size_t end = text.size;

    while (end > 0 && status == BS_OK) {
        const size_t begin = bsi_audit_line_begin(text.data, end - 1);

        status = bsi_audit_parse((bsi_slice){text.data + begin, end - 1 - begin}, line);
        if (status == BS_OK) {
            status = take_record(self, &line->record);
        } else if (status == BS_E_CORRUPT) {
            status = BS_OK; /* Who verifies the log is told. */
        }
        end = begin;
    }
    return status;
}

/* What a reader of files works with. */
typedef struct reading {
    bsi_audit_view view;
    bsi_audit_file *files;
    size_t count;
    bsi_buf text;
    bsi_audit_line *line;
} reading;

static void end_reading(reading *self)
{
    bsi_free(self->files);
    bsi_free(self->line);
    bsi_buf_dispose(&self->text);
}

static bs_status begin_reading(bs_service *service, const bsi_public_key *keys, size_t count,
                               reading *out)
{
    *out = (reading){.line = bsi_calloc(1, sizeof(*out->line))};
    bsi_buf_init(&out->text, BSI_AUDIT_LOAD_MAX);
    if (!out->line) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_audit_look(service, keys, count, &out->view));
    return out->view.dir_fd < 0 ? BS_OK
                                : bsi_audit_files_list(out->view.dir_fd, &out->files, &out->count);
}

/* The records of one file; those that came since we began are left out. */
static bs_status load(reading *self, const bsi_audit_file *file, bsi_slice *out)
{
    *out = (bsi_slice){"", 0};
    if (file->first > self->view.first) {
        return BS_OK;
    }
    BSI_TRY(bsi_audit_file_load(self->view.dir_fd, file, &self->text));
    if (self->text.size == 0) {
        return BS_OK;
    }
    *out = (bsi_slice){(const char *)self->text.data, self->text.size};
    if (file->first == self->view.first && out->size > self->view.size) {
        out->size = (size_t)self->view.size;
    }
    return BS_OK;
}

/* Up to the last line feed. */
static bsi_slice whole_lines(bsi_slice text)
{
    return (bsi_slice){text.data, bsi_audit_line_begin(text.data, text.size)};
}

static bs_status fill_page(bs_service *service, const wanted *self)
{
    reading run;
    bsi_slice text;
    bs_status status = begin_reading(service, NULL, 0, &run);

    for (size_t i = run.count; i > 0 && status == BS_OK; i--) {
        if (self->filter->before != 0 && run.files[i - 1].first >= self->filter->before) {
            continue;
        }
        status = load(&run, &run.files[i - 1], &text);
        if (status >= 0) {
            status = take_lines(self, whole_lines(text), run.line);
        }
    }
    end_reading(&run);
    return status < 0 ? status : BS_OK;
}

bs_status bsi_audit_list(bs_service *service, const bs_audit_filter *filter, bs_audit_page **out)
{
    wanted self = {.filter = filter};
    page_box *box = NULL;
    bs_status status = BS_OK;

    BSI_TRY(check_filter(filter, &self));
    box = bsi_calloc(1, sizeof(*box));
    if (!box) {
        return BS_E_NOMEM;
    }
    box->limit = filter->limit > 0 ? filter->limit : LIST_USUAL;
    box->items = bsi_arena_alloc(&box->arena, box->limit, sizeof(void *));
    box->page.items = box->items;
    self.box = box;
    status = box->items ? fill_page(service, &self) : BS_E_NOMEM;
    if (status < 0) {
        bsi_audit_page_free(&box->page);
        return status;
    }
    *out = &box->page;
    return BS_OK;
}

void bsi_audit_page_free(bs_audit_page *page)
{
    page_box *box = (page_box *)page;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}

/* --- Verification --- */

typedef struct report_box {
    bs_audit_report report;
    bsi_arena arena;
    bsi_public_key keys[KEYS_MAX + 1];
    size_t key_count;
} report_box;

/* The service's own, when it has one, and those that the caller gives. */
static bs_status take_keys(bs_service *service, const char *const *texts, report_box *box)
{
    bs_status status = bsi_service_signing_key(service, &box->keys[0]);

    if (status < 0 && status != BS_E_NOT_FOUND) {
        return status;
    }
    box->key_count = status < 0 ? 0 : 1;
    for (; texts && *texts; texts++) {
        if (box->key_count > KEYS_MAX) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "public_keys: takes at most %d",
                            KEYS_MAX);
        }
        BSI_TRY(bsi_public_key_parse(*texts, &box->keys[box->key_count]));
        box->key_count++;
    }
    return BS_OK;
}

static bs_status report_finding(report_box *box, const bsi_audit_finding *finding, uint64_t first)
{
    char name[BSI_AUDIT_NAME_SIZE];
    char path[BSI_AUDIT_NAME_SIZE + sizeof(BSI_AUDIT_DIR) + 1] = "";

    if (first > 0) {
        bsi_audit_file_name(first, name);
        (void)snprintf(path, sizeof(path), "%s/%s", BSI_AUDIT_DIR, name);
    }
    box->report.fault = finding->fault;
    box->report.seq = finding->seq;
    box->report.message = bsi_arena_text(&box->arena, finding->message);
    box->report.file = bsi_arena_text(&box->arena, path);
    return box->report.message && box->report.file ? BS_OK : BS_E_NOMEM;
}

/* Line by line, up to the first that is wrong. */
static bs_status check_lines(bsi_audit_chain *chain, bsi_slice text, bsi_audit_line *line,
                             bsi_audit_finding *out)
{
    const char *at = text.data;
    const char *end = text.data + text.size;

    while (at < end && out->fault == BS_AUDIT_SOUND) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        const char *stop = feed ? feed : end;
        BSI_TRY(bsi_audit_chain_next(chain, (bsi_slice){at, (size_t)(stop - at)}, line, out));
        at = feed ? feed + 1 : end;
    }
    return BS_OK;
}

static bs_status check_files(reading *run, bsi_audit_chain *chain, bsi_audit_finding *out,
                             uint64_t *first_out)
{
    bsi_slice text;

    for (size_t i = 0; i < run->count && out->fault == BS_AUDIT_SOUND; i++) {
        *first_out = run->files[i].first;
        BSI_TRY(load(run, &run->files[i], &text));
        BSI_TRY(check_lines(chain, text, run->line, out));
    }
    if (out->fault == BS_AUDIT_SOUND) {
        bsi_audit_chain_end(chain, out);
    }
    if (out->fault == BS_AUDIT_SOUND && run->view.is_forged) {
        *out = (bsi_audit_finding){.fault = BS_AUDIT_FORGED, .seq = chain->head.seq};
        (void)snprintf(out->message, sizeof(out->message), "%s",
                       "what the catalogue says of the newest record does not bear this service's "
                       "signature");
    }
    return BS_OK;
}

static bs_status verify(bs_service *service, report_box *box)
{
    bs_audit_report *report = &box->report;
    char hash[2 * BSI_SHA256_SIZE + 1];
    bsi_audit_chain chain = {.keys = box->keys, .key_count = box->key_count};
    bsi_audit_finding finding = {0};
    uint64_t first = 0;
    reading run;
    bs_status status = begin_reading(service, box->keys, box->key_count, &run);

    if (status >= 0) {
        chain.known = run.view.known;
        status = check_files(&run, &chain, &finding, &first);
    }
    report->records = chain.head.seq;
    report->end_is_known = run.view.head_is_known;
    report->unfinished_bytes = run.view.rest;
    end_reading(&run);
    BSI_TRY(status);
    bsi_digest_format(&chain.head.hash, hash);
    report->newest_hash = bsi_arena_text(&box->arena, chain.head.seq > 0 ? hash : "");
    BSI_TRY(report->newest_hash ? BS_OK : BS_E_NOMEM);
    return report_finding(box, &finding, finding.fault == BS_AUDIT_SOUND ? 0 : first);
}

bs_status bsi_audit_verify(bs_service *service, const char *const *public_keys,
                           bs_audit_report **out)
{
    report_box *box = bsi_calloc(1, sizeof(*box));
    bs_status status = box ? take_keys(service, public_keys, box) : BS_E_NOMEM;

    if (status >= 0) {
        status = verify(service, box);
    }
    if (status < 0) {
        bsi_audit_report_free((bs_audit_report *)box);
        return status;
    }
    *out = &box->report;
    return BS_OK;
}

void bsi_audit_report_free(bs_audit_report *report)
{
    report_box *box = (report_box *)report;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
