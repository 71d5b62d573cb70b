/* SPDX-License-Identifier: MIT */
#include "number_model.h"

#define HOUR_NS (INT64_C(3600) * 1000000000)

static bool completed(const bsi_row_backup *row)
{
    return row->status == BSI_ROW_COMPLETED || row->status == BSI_ROW_COMPLETED_WITH_WARNINGS;
}

static bool is_mirror(const bsi_row_backup *row)
{
    return strcmp(row->form, "mirror") == 0;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

int64_t model_size(const bsi_row_backup *row)
{
    if (!completed(row)) {
        return 0;
    }
    return (int64_t)(row->manifest_size +
                     (is_mirror(row) ? row->total_bytes : row->container_size));
}

static int64_t duration(const bsi_row_backup *row)
{
    if (row->started_at == 0 || row->completed_at < row->started_at) {
        return 0;
    }
    return (row->completed_at - row->started_at) / 1000;
}

void model_ended(model *self, const char *kind, const bsi_row_backup *row)
{
    for (size_t i = 0; i < self->runs_count; i++) {
        if (strcmp(self->runs[i].row.id, row->id) == 0) {
            self->runs[i].counted = false;
        }
    }
    assert_true(self->runs_count < MODEL_MAX);
    self->runs[self->runs_count++] = (model_run){kind, *row, true, false};
}

/* With the last backup of a name goes what was known of its runs; the sums stay. */
static void forget_name(model *self, const char *name)
{
    for (size_t i = 0; i < self->backups_count; i++) {
        if (self->backups[i].there && same(self->backups[i].row.name, name)) {
            return;
        }
    }
    for (size_t i = 0; i < self->runs_count; i++) {
        self->runs[i].forgotten = self->runs[i].forgotten || same(self->runs[i].row.name, name);
    }
}

void model_removed(model *self, model_backup *backup, int64_t now)
{
    backup->there = false;
    if (completed(&backup->row)) {
        assert_true(self->removals_count < MODEL_MAX);
        self->removals[self->removals_count++] =
            (model_removal){now / HOUR_NS, model_size(&backup->row)};
    }
    forget_name(self, backup->row.name);
}

/* --- What is held --- */

static void compare_held(const model *self, bsi_catalog *catalog)
{
    bsi_row_held *rows = NULL;
    size_t count = 0;
    int64_t backups = 0;

    assert_ok(bsi_catalog_sum_held(catalog, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        bsi_row_held sum = {0};
        for (size_t j = 0; j < self->backups_count; j++) {
            const bsi_row_backup *row = &self->backups[j].row;
            const char *word = row->deleting ? "deleting" : bsi_row_status_name(row->status);
            if (!self->backups[j].there || !same(rows[i].status, word) ||
                !same(rows[i].backup_type, row->backup_type) ||
                !same(rows[i].storage, row->storage) ||
                !same(rows[i].compression, row->compression) ||
                !same(rows[i].encryption, row->encryption)) {
                continue;
            }
            sum.backups++;
            sum.size += model_size(row);
            if (completed(row)) {
                sum.source_bytes += (int64_t)row->bytes_processed;
                sum.files += (int64_t)row->files_processed;
            }
            if (completed(row) && !is_mirror(row)) {
                sum.packed_source_bytes +=
                    (int64_t)(row->bytes_processed - row->bytes_deduplicated);
                sum.packed_bytes += (int64_t)row->container_size;
                sum.deduplicated_bytes += (int64_t)row->bytes_deduplicated;
            }
        }
        assert_int_equal(rows[i].backups, sum.backups);
        assert_int_equal(rows[i].size, sum.size);
        assert_int_equal(rows[i].source_bytes, sum.source_bytes);
        assert_int_equal(rows[i].files, sum.files);
        assert_int_equal(rows[i].packed_source_bytes, sum.packed_source_bytes);
        assert_int_equal(rows[i].packed_bytes, sum.packed_bytes);
        assert_int_equal(rows[i].deduplicated_bytes, sum.deduplicated_bytes);
        assert_true(rows[i].backups > 0);
        backups += rows[i].backups;
    }
    bsi_row_helds_free(rows, count);
    for (size_t j = 0; j < self->backups_count; j++) {
        backups -= self->backups[j].there;
    }
    assert_int_equal(backups, 0);
}

/* --- Runs --- */

static void compare_totals(const model *self, bsi_catalog *catalog)
{
    bsi_row_total *rows = NULL;
    size_t count = 0;
    int64_t runs = 0;

    assert_ok(bsi_catalog_sum_runs(catalog, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        bsi_row_total sum = {0};
        for (size_t j = 0; j < self->runs_count; j++) {
            const bsi_row_backup *row = &self->runs[j].row;
            if (!self->runs[j].counted || !same(rows[i].kind, self->runs[j].kind) ||
                !same(rows[i].status, bsi_row_status_name(row->status)) ||
                !same(rows[i].backup_type, row->backup_type) ||
                !same(rows[i].storage, row->storage) ||
                !same(rows[i].compression, row->compression)) {
                continue;
            }
            sum.runs++;
            sum.duration += duration(row);
            sum.source_bytes += (int64_t)row->bytes_processed;
            sum.stored_bytes += (int64_t)row->bytes_stored;
            sum.cpu += (int64_t)(row->usage.cpu_ns / 1000);
            sum.bytes_sent += (int64_t)row->usage.bytes_sent;
            sum.bytes_received += (int64_t)row->usage.bytes_received;
        }
        assert_int_equal(rows[i].runs, sum.runs);
        assert_int_equal(rows[i].duration, sum.duration);
        assert_int_equal(rows[i].source_bytes, sum.source_bytes);
        assert_int_equal(rows[i].stored_bytes, sum.stored_bytes);
        assert_int_equal(rows[i].cpu, sum.cpu);
        assert_int_equal(rows[i].bytes_sent, sum.bytes_sent);
        assert_int_equal(rows[i].bytes_received, sum.bytes_received);
        runs += rows[i].runs;
    }
    bsi_row_totals_free(rows, count);
    for (size_t j = 0; j < self->runs_count; j++) {
        runs -= self->runs[j].counted;
    }
    assert_int_equal(runs, 0);
}

static void sum_stretch(const model *self, int64_t from, int64_t to, bsi_row_hour *sum)
{
    for (size_t j = 0; j < self->runs_count; j++) {
        const bsi_row_backup *row = &self->runs[j].row;
        const int64_t hour = row->completed_at / HOUR_NS;
        if (!self->runs[j].counted || strcmp(self->runs[j].kind, "backup") != 0 || hour < from ||
            hour >= to) {
            continue;
        }
        sum->runs++;
        sum->completed += row->status == BSI_ROW_COMPLETED;
        sum->completed_with_warnings += row->status == BSI_ROW_COMPLETED_WITH_WARNINGS;
        sum->failed += row->status == BSI_ROW_FAILED;
        sum->cancelled += row->status == BSI_ROW_CANCELLED;
        if (completed(row)) {
            sum->duration += duration(row);
            sum->source_bytes += (int64_t)row->bytes_processed;
            sum->stored_bytes += (int64_t)row->bytes_stored;
            sum->added_bytes += model_size(row);
        }
    }
    for (size_t j = 0; j < self->removals_count; j++) {
        if (self->removals[j].at >= from && self->removals[j].at < to) {
            sum->removed++;
            sum->removed_bytes += self->removals[j].size;
        }
    }
}

/* By days, from a day on that leaves some out. */
static void compare_days(const model *self, bsi_catalog *catalog)
{
    bsi_row_hour *rows = NULL;
    size_t count = 0;
    const int64_t first = self->runs_count > 0 ? self->runs[0].row.completed_at / HOUR_NS : 0;
    const int64_t from = (first / 24 + 1) * 24;
    bsi_row_hour all = {0};
    bsi_row_hour got = {0};

    assert_ok(bsi_catalog_sum_hours(catalog, "backup", from, 24, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        bsi_row_hour sum = {0};
        assert_int_equal(rows[i].hour % 24, 0);
        assert_true(i == 0 || rows[i].hour > rows[i - 1].hour);
        sum_stretch(self, rows[i].hour, rows[i].hour + 24, &sum);
        assert_int_equal(rows[i].completed, sum.completed);
        assert_int_equal(rows[i].completed_with_warnings, sum.completed_with_warnings);
        assert_int_equal(rows[i].failed, sum.failed);
        assert_int_equal(rows[i].cancelled, sum.cancelled);
        assert_int_equal(rows[i].duration, sum.duration);
        assert_int_equal(rows[i].source_bytes, sum.source_bytes);
        assert_int_equal(rows[i].stored_bytes, sum.stored_bytes);
        assert_int_equal(rows[i].added_bytes, sum.added_bytes);
        assert_int_equal(rows[i].removed, sum.removed);
        assert_int_equal(rows[i].removed_bytes, sum.removed_bytes);
        got.runs += rows[i].runs;
        got.removed += rows[i].removed;
    }
    sum_stretch(self, from, INT64_MAX, &all);
    assert_int_equal(got.runs, all.runs);
    assert_int_equal(got.removed, all.removed);
    bsi_row_hours_free(rows, count);
}

static void compare_failures(const model *self, bsi_catalog *catalog)
{
    bsi_row_failure *rows = NULL;
    size_t count = 0;
    int64_t failed = 0;

    assert_ok(bsi_catalog_sum_failures(catalog, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        int64_t runs = 0;
        for (size_t j = 0; j < self->runs_count; j++) {
            const bsi_row_backup *row = &self->runs[j].row;
            runs += self->runs[j].counted && row->status == BSI_ROW_FAILED &&
                    same(rows[i].kind, self->runs[j].kind) && rows[i].code == row->error_code &&
                    rows[i].layer == (int64_t)row->error_layer;
        }
        assert_int_equal(rows[i].runs, runs);
        failed += runs;
    }
    bsi_row_failures_free(rows, count);
    for (size_t j = 0; j < self->runs_count; j++) {
        failed -= self->runs[j].counted && self->runs[j].row.status == BSI_ROW_FAILED;
    }
    assert_int_equal(failed, 0);
}

static void compare_durations(const model *self, bsi_catalog *catalog)
{
    bsi_row_duration *rows = NULL;
    size_t count = 0;
    int64_t total = 0;

    assert_ok(bsi_catalog_sum_durations(catalog, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        const int64_t bucket = rows[i].bucket;
        int64_t runs = 0;
        for (size_t j = 0; j < self->runs_count; j++) {
            const bsi_row_backup *row = &self->runs[j].row;
            const int64_t us = duration(row);
            runs += self->runs[j].counted && row->started_at != 0 &&
                    same(rows[i].kind, self->runs[j].kind) &&
                    same(rows[i].backup_type, row->backup_type) && rows[i].good == completed(row) &&
                    (bucket == 0 || us > bsi_duration_bounds[bucket - 1] * 1000) &&
                    (bucket == BSI_DURATION_BOUNDS || us <= bsi_duration_bounds[bucket] * 1000);
        }
        assert_int_equal(rows[i].runs, runs);
        total += runs;
    }
    bsi_row_durations_free(rows, count);
    for (size_t j = 0; j < self->runs_count; j++) {
        total -= self->runs[j].counted && self->runs[j].row.started_at != 0;
    }
    assert_int_equal(total, 0);
}

/* --- Names --- */

static int compare_numbers(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

/* The newest completed runs of a name, the latest end of each. */
static size_t newest_runs(const model *self, const char *name, const bsi_row_backup **out)
{
    size_t count = 0;

    for (size_t j = self->runs_count; j > 0 && count < BSI_SAMPLES_MAX; j--) {
        const model_run *run = &self->runs[j - 1];
        if (strcmp(run->kind, "backup") == 0 && completed(&run->row) && !run->forgotten &&
            same(run->row.name, name)) {
            out[count++] = &run->row;
        }
    }
    return count;
}

static void compare_samples(const model *self, const bsi_row_name *got)
{
    const bsi_row_backup *runs[BSI_SAMPLES_MAX];
    int64_t durations[BSI_SAMPLES_MAX];
    int64_t sizes[BSI_SAMPLES_MAX];
    const size_t count = newest_runs(self, got->name, runs);
    int64_t stored = 0;
    int64_t spent = 0;

    for (size_t i = 0; i < count; i++) {
        durations[i] = duration(runs[i]);
        sizes[i] = (int64_t)runs[i]->bytes_processed;
        stored += (int64_t)runs[i]->bytes_stored;
        spent += durations[i];
    }
    if (count == 0) {
        assert_int_equal(got->samples, 0);
        return;
    }
    qsort(durations, count, sizeof(durations[0]), compare_numbers);
    qsort(sizes, count, sizeof(sizes[0]), compare_numbers);
    assert_int_equal(got->duration_median, durations[count / 2]);
    assert_int_equal(got->duration_p95, durations[(95 * (count - 1) + 50) / 100]);
    assert_int_equal(got->source_bytes_median, sizes[count / 2]);
    assert_in_range(got->stored_bytes_average, stored / (int64_t)count - (stored > 0),
                    stored / (int64_t)count + 1);
    assert_in_range(got->duration_average, spent / (int64_t)count - (spent >= (int64_t)count),
                    spent / (int64_t)count + 1);
}

static void compare_last_run(const model *self, const bsi_row_name *got)
{
    const bsi_row_backup *last = NULL;

    for (size_t j = 0; j < self->runs_count; j++) {
        const model_run *run = &self->runs[j];
        if (strcmp(run->kind, "backup") == 0 && same(run->row.name, got->name) && !run->forgotten &&
            (!last || run->row.seq >= last->seq)) {
            last = &run->row;
        }
    }
    if (!last) {
        assert_int_equal(got->last_run_at, 0);
        return;
    }
    assert_int_equal(got->last_run_at, last->completed_at);
    assert_string_equal(got->last_run_status, bsi_row_status_name(last->status));
}

static int64_t type_time(const bsi_row_name *got, const char *type)
{
    return strcmp(type, "full") == 0           ? got->last_full_at
           : strcmp(type, "incremental") == 0  ? got->last_incremental_at
           : strcmp(type, "differential") == 0 ? got->last_differential_at
                                               : got->last_mirror_at;
}

static void compare_name(const model *self, const bsi_row_name *got)
{
    static const char *const types[] = {"full", "incremental", "differential", "mirror"};
    const bsi_row_backup *newest[4] = {NULL};
    const bsi_row_backup *last = NULL;
    int64_t backups = 0;
    const bsi_row_backup *first = NULL;
    int64_t good = 0;

    for (size_t j = 0; j < self->backups_count; j++) {
        const bsi_row_backup *row = &self->backups[j].row;
        if (!self->backups[j].there || row->deleting || !same(row->name, got->name)) {
            continue;
        }
        backups++;
        if (!completed(row)) {
            continue;
        }
        good++;
        first = !first || row->seq < first->seq ? row : first;
        last = !last || row->seq > last->seq ? row : last;
        for (size_t t = 0; t < 4; t++) {
            if (same(row->backup_type, types[t]) && (!newest[t] || row->seq > newest[t]->seq)) {
                newest[t] = row;
            }
        }
    }
    assert_int_equal(got->backups, backups);
    assert_int_equal(got->completed, good);
    assert_int_equal(got->oldest_at, first ? first->created_at : 0);
    assert_int_equal(got->newest_at, last ? last->created_at : 0);
    assert_int_equal(got->last_success_at, last ? last->completed_at : 0);
    assert_int_equal(got->last_success_duration, last ? duration(last) : 0);
    assert_int_equal(got->last_success_source_bytes, last ? last->bytes_processed : 0);
    assert_int_equal(got->last_success_size, last ? model_size(last) : 0);
    for (size_t t = 0; t < 4; t++) {
        assert_int_equal(type_time(got, types[t]), newest[t] ? newest[t]->completed_at : 0);
    }
}

static void compare_names(const model *self, bsi_catalog *catalog)
{
    bsi_row_name *rows = NULL;
    size_t count = 0;
    uint64_t total = 0;
    size_t found = 0;

    assert_ok(bsi_catalog_list_names(catalog, 1000, &rows, &count, &total));
    assert_int_equal(total, count);
    for (size_t i = 0; i < count; i++) {
        compare_name(self, &rows[i]);
        compare_samples(self, &rows[i]);
        compare_last_run(self, &rows[i]);
    }
    for (size_t j = 0; j < self->backups_count; j++) {
        bool first = self->backups[j].there;
        for (size_t k = 0; k < j && first; k++) {
            first = !self->backups[k].there ||
                    !same(self->backups[k].row.name, self->backups[j].row.name);
        }
        found += first;
    }
    assert_int_equal(found, count);
    bsi_row_names_free(rows, count);
}

void model_compare(const model *self, bsi_catalog *catalog)
{
    compare_held(self, catalog);
    compare_totals(self, catalog);
    compare_days(self, catalog);
    compare_failures(self, catalog);
    compare_durations(self, catalog);
    compare_names(self, catalog);
    assert_ok(bsi_catalog_check_numbers(catalog));
}
