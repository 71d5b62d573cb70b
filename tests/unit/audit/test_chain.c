/* SPDX-License-Identifier: MIT */
/*
 * A log of a few records, and everything that can be done to it: each must be
 * found, and the first record that it was done to be named.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/chain.h"
#include "base/alloc.h"

enum { RECORDS = 4, LINE_MAX_SIZE = 2048 };

typedef struct fixture {
    bsi_signer *signer;
    bsi_signer *stranger;
    bsi_audit_head heads[RECORDS + 1]; /* Behind so many records. */
    char lines[RECORDS][LINE_MAX_SIZE];
    size_t sizes[RECORDS]; /* Without the line feed. */
} fixture;

static bsi_signer *make_signer(unsigned char first)
{
    const unsigned char bytes[BSI_SIGN_KEY_SIZE] = {first};
    bsi_secret *seed = NULL;
    bsi_signer *signer = NULL;

    assert_ok(bsi_secret_copy(bytes, sizeof(bytes), &seed));
    assert_ok(bsi_signer_new(seed, &signer));
    bsi_secret_free(seed);
    return signer;
}

static bsi_audit_record record_of(int number)
{
    bsi_audit_record record = {.sec = 1795412345 + number, .nsec = 5, .uid = 1000, .process = 77};

    (void)snprintf(record.user, sizeof(record.user), "user");
    (void)snprintf(record.actor, sizeof(record.actor), "alice \"quoted\"");
    (void)snprintf(record.action, sizeof(record.action), "backup.create");
    (void)snprintf(record.object, sizeof(record.object), "id-%d", number);
    (void)snprintf(record.name, sizeof(record.name), "h\xc3\xb6me");
    (void)snprintf(record.result, sizeof(record.result), "done");
    return record;
}

/* Sign a record behind `before` as line `number`. */
static void write_line(const bsi_signer *signer, int number, const bsi_audit_head *before,
                       char line[LINE_MAX_SIZE], size_t *size_out, bsi_audit_head *after)
{
    const bsi_audit_record record = record_of(number);
    bsi_buf out;

    bsi_buf_init(&out, LINE_MAX_SIZE);
    assert_ok(bsi_audit_format(&record, before, signer, &out, after));
    assert_int_equal(out.data[out.size - 1], '\n');
    memcpy(line, out.data, out.size);
    *size_out = out.size - 1;
    bsi_buf_dispose(&out);
}

static int setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    self->signer = make_signer(1);
    self->stranger = make_signer(2);
    for (int i = 0; i < RECORDS; i++) {
        write_line(self->signer, i, &self->heads[i], self->lines[i], &self->sizes[i],
                   &self->heads[i + 1]);
    }
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    bsi_alloc_fail_after(-1);
    bsi_signer_free(self->signer);
    bsi_signer_free(self->stranger);
    free(self);
    return 0;
}

/* What is found in lines, of which `order` names those of the log. */
static bsi_audit_finding check(const fixture *self, const int *order, size_t count)
{
    bsi_audit_chain chain = {.keys = bsi_signer_public(self->signer), .key_count = 1};
    bsi_audit_finding finding = {0};
    bsi_audit_line line;

    chain.known = self->heads[RECORDS];
    for (size_t i = 0; i < count && finding.fault == BS_AUDIT_SOUND; i++) {
        const bsi_slice text = {self->lines[order[i]], self->sizes[order[i]]};
        assert_ok(bsi_audit_chain_next(&chain, text, &line, &finding));
    }
    if (finding.fault == BS_AUDIT_SOUND) {
        bsi_audit_chain_end(&chain, &finding);
    }
    return finding;
}

static void assert_found(const fixture *self, const int *order, size_t count, bs_audit_fault fault,
                         uint64_t seq)
{
    const bsi_audit_finding finding = check(self, order, count);

    assert_int_equal(finding.fault, fault);
    assert_int_equal(finding.seq, seq);
    assert_int_equal(finding.message[0] == '\0', fault == BS_AUDIT_SOUND);
}

static const int in_order[RECORDS] = {0, 1, 2, 3};

static void a_log_as_it_was_written_is_sound(void **state)
{
    const fixture *self = *state;
    bsi_audit_line line;
    const bsi_audit_record record = record_of(2);

    assert_found(self, in_order, RECORDS, BS_AUDIT_SOUND, 0);
    assert_ok(bsi_audit_parse((bsi_slice){self->lines[2], self->sizes[2]}, &line));
    assert_int_equal(line.record.seq, 3);
    assert_int_equal(line.record.sec, record.sec);
    assert_int_equal(line.record.nsec, record.nsec);
    assert_int_equal(line.record.uid, record.uid);
    assert_int_equal(line.record.process, record.process);
    assert_string_equal(line.record.actor, record.actor);
    assert_string_equal(line.record.object, record.object);
    assert_string_equal(line.record.name, record.name);
    assert_string_equal(line.record.result, record.result);
    assert_string_equal(line.record.detail, "");
}

static void every_flipped_bit_is_found(void **state)
{
    fixture *self = *state;
    const bool all = getenv("BSI_TESTS_FULL") != NULL;

    for (int i = 0; i < RECORDS; i++) {
        for (size_t at = 0; at < self->sizes[i] * 8; at += all ? 1 : 7) {
            bsi_audit_finding finding;
            self->lines[i][at / 8] = (char)(self->lines[i][at / 8] ^ 1 << at % 8);
            finding = check(self, in_order, RECORDS);
            self->lines[i][at / 8] = (char)(self->lines[i][at / 8] ^ 1 << at % 8);
            assert_int_not_equal(finding.fault, BS_AUDIT_SOUND);
            assert_int_equal(finding.seq, i + 1);
        }
    }
    assert_found(self, in_order, RECORDS, BS_AUDIT_SOUND, 0);
}

static void every_cut_line_is_found(void **state)
{
    fixture *self = *state;

    for (int i = 0; i < RECORDS; i++) {
        const size_t whole = self->sizes[i];
        for (self->sizes[i] = 0; self->sizes[i] < whole; self->sizes[i] += 5) {
            assert_found(self, in_order, RECORDS, BS_AUDIT_ALTERED, (uint64_t)i + 1);
        }
        self->sizes[i] = whole;
    }
}

static void removed_moved_and_repeated_records_are_found(void **state)
{
    static const int no_first[] = {1, 2, 3};
    static const int no_second[] = {0, 2, 3};
    static const int no_end[] = {0, 1};
    static const int swapped[] = {0, 2, 1, 3};
    static const int twice[] = {0, 1, 1, 2, 3};
    static const int again[] = {0, 1, 2, 3, 0};
    const fixture *self = *state;

    assert_found(self, no_first, 3, BS_AUDIT_REMOVED, 1);
    assert_found(self, no_second, 3, BS_AUDIT_REMOVED, 2);
    assert_found(self, no_end, 2, BS_AUDIT_CUT_OFF, 3);
    assert_found(self, no_end, 0, BS_AUDIT_CUT_OFF, 1);
    assert_found(self, swapped, 4, BS_AUDIT_REMOVED, 2);
    assert_found(self, twice, 5, BS_AUDIT_MOVED, 2);
    assert_found(self, again, 5, BS_AUDIT_MOVED, 1);
}

static void who_has_no_key_cannot_write_records(void **state)
{
    fixture *self = *state;
    bsi_audit_head after;

    write_line(self->stranger, 2, &self->heads[2], self->lines[2], &self->sizes[2], &after);
    assert_found(self, in_order, RECORDS, BS_AUDIT_FORGED, 3);
}

static void who_has_the_key_cannot_replace_what_others_follow(void **state)
{
    fixture *self = *state;
    bsi_audit_head after;

    write_line(self->signer, 7, &self->heads[1], self->lines[1], &self->sizes[1], &after);
    assert_found(self, in_order, RECORDS, BS_AUDIT_REPLACED, 3);
}

static void a_replaced_last_record_is_not_the_one_that_is_remembered(void **state)
{
    fixture *self = *state;
    bsi_audit_head after;

    write_line(self->signer, 7, &self->heads[3], self->lines[3], &self->sizes[3], &after);
    assert_found(self, in_order, RECORDS, BS_AUDIT_REPLACED, 4);
}

/* Bodies that nobody of ours writes, with the hash and signature that they need. */
static void lines_that_are_no_records_are_refused(void **state)
{
    static const char *const bodies[] = {
        "{",
        "{\"audit\":1",
        "[\"audit\"",
        "{\"audit\":2,\"seq\":1,\"time\":\"2026-11-23T00:00:00Z\",\"uid\":1,\"user\":\"\","
        "\"process\":1,\"actor\":\"\",\"action\":\"\",\"object\":\"\",\"name\":\"\","
        "\"result\":\"\",\"error\":\"\",\"detail\":\"\",\"prev\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"",
        "{\"audit\":1,\"audit\":1",
        "{\"hash\":\"x\"",
    };
    const fixture *self = *state;
    bsi_audit_line line;
    char text[LINE_MAX_SIZE];

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        char hash[2 * BSI_SHA256_SIZE + 1];
        bsi_digest digest;

        bsi_sha256_of(bodies[i], strlen(bodies[i]), &digest);
        bsi_digest_format(&digest, hash);
        (void)snprintf(text, sizeof(text), "%s,\"hash\":\"%s\",\"sig\":\"%s%s\"}", bodies[i], hash,
                       hash, hash);
        assert_status(bsi_audit_parse((bsi_slice){text, strlen(text)}, &line), BS_E_CORRUPT);
    }
    assert_status(bsi_audit_parse((bsi_slice){self->lines[0], 0}, &line), BS_E_CORRUPT);
}

static void the_longest_record_fits_on_a_line(void **state)
{
    const fixture *self = *state;
    bsi_audit_record record = record_of(0);
    bsi_audit_head after;
    bsi_buf out;

    memset(record.detail, 1, sizeof(record.detail) - 1); /* Each becomes \u0001. */
    bsi_buf_init(&out, 2 * BSI_AUDIT_LINE_MAX);
    assert_ok(bsi_audit_format(&record, &self->heads[0], self->signer, &out, &after));
    assert_in_range(out.size, 6 * (sizeof(record.detail) - 1), BSI_AUDIT_LINE_MAX);
    bsi_buf_dispose(&out);
}

static void the_head_is_believed_only_with_its_signature(void **state)
{
    const fixture *self = *state;
    const bsi_public_key *key = bsi_signer_public(self->signer);
    char text[BSI_AUDIT_HEAD_SIZE];
    bsi_audit_head head;
    size_t size = 0;

    assert_ok(bsi_audit_head_format(&self->heads[RECORDS], self->signer, text));
    assert_ok(bsi_audit_head_parse(text, key, 1, &head));
    assert_int_equal(head.seq, RECORDS);
    assert_memory_equal(&head.hash, &self->heads[RECORDS].hash, sizeof(head.hash));
    assert_status(bsi_audit_head_parse(text, bsi_signer_public(self->stranger), 1, &head),
                  BS_E_CORRUPT);
    size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        text[i] ^= 1;
        assert_status(bsi_audit_head_parse(text, key, 1, &head), BS_E_CORRUPT);
        text[i] ^= 1;
    }
    text[size - 1] = '\0';
    assert_status(bsi_audit_head_parse(text, key, 1, &head), BS_E_CORRUPT);
    assert_status(bsi_audit_head_parse("", key, 1, &head), BS_E_CORRUPT);
}

static void running_out_of_memory_is_no_verdict(void **state)
{
    const fixture *self = *state;
    bsi_audit_chain chain = {.keys = bsi_signer_public(self->signer), .key_count = 1};
    bsi_audit_finding finding = {0};
    bsi_audit_line line;
    bs_status status = BS_E_NOMEM;

    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_audit_chain_next(&chain, (bsi_slice){self->lines[0], self->sizes[0]}, &line,
                                      &finding);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    assert_int_equal(finding.fault, BS_AUDIT_SOUND);
    assert_int_equal(chain.head.seq, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_log_as_it_was_written_is_sound),
        TEST(every_flipped_bit_is_found),
        TEST(every_cut_line_is_found),
        TEST(removed_moved_and_repeated_records_are_found),
        TEST(who_has_no_key_cannot_write_records),
        TEST(who_has_the_key_cannot_replace_what_others_follow),
        TEST(a_replaced_last_record_is_not_the_one_that_is_remembered),
        TEST(lines_that_are_no_records_are_refused),
        TEST(the_longest_record_fits_on_a_line),
        TEST(the_head_is_believed_only_with_its_signature),
        TEST(running_out_of_memory_is_no_verdict),
    };

    return cmocka_run_group_tests_name("audit/chain", tests, NULL, NULL);
}
