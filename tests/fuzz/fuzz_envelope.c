/* SPDX-License-Identifier: MIT */
/*
 * The envelope. An input is
 *
 *     how 1 | header 128 | size of the plain bytes 2 | changes, 5 bytes each
 *
 * The header's commitment and HMAC are put right, so that everything else in it
 * counts: it must open just when each field is as the format says. Then some
 * plain bytes are sealed with it, the stored object is changed, and read again:
 * any change at all must be found.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/endian.h"
#include "crypto/derive_int.h"
#include "hash/sha256.h"
#include "os/random.h"
#include "support/envelope_fields.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"

enum {
    HOW_MANIFEST = 1,  /* Which kind is asked for. */
    HOW_BACKWARDS = 2, /* In which order the segments are read. */
    HOW_AS_IT_IS = 4,  /* The header's commitment and HMAC are not put right. */

    TAG = BSI_ENVELOPE_TAG_SIZE,

    PLAIN_MAX = 0x7fff, /* Eight of the smallest segments. */
    CHANGES_MAX = 8,
};

/* A stored object; `plain` is what it was made of. */
typedef struct object {
    uint8_t *plain;
    size_t plain_size;
    uint8_t *stored;
    size_t stored_size;
    bsi_envelope_kind kind;
    bool backwards;
} object;

static const bsi_secret *data_key(void)
{
    static bsi_secret *key;
    uint8_t bytes[32];

    if (!key) {
        memset(bytes, 'k', sizeof(bytes));
        fuzz_ok(bsi_secret_copy(bytes, sizeof(bytes), &key));
    }
    return key;
}

/* --- The header --- */

static void put_right(uint8_t *header)
{
    const bool manifest = header[AT_KIND] == BSI_ENVELOPE_MANIFEST;
    bsi_secret *key = NULL;

    fuzz_ok(bsi_hkdf(data_key(), header + AT_SALT,
                     manifest ? "bsvc1 manifest commit" : "bsvc1 container commit",
                     header + AT_COMMIT));
    fuzz_ok(bsi_hkdf_secret(data_key(), header + AT_SALT,
                            manifest ? "bsvc1 manifest header" : "bsvc1 container header", &key));
    fuzz_ok(bsi_hmac(key, header, AT_MAC, header + AT_MAC));
    bsi_secret_free(key);
}

/* What docs/format/envelope.md asks of a header, but for what depends on the key. */
static bool is_header(const uint8_t *header, bsi_envelope_kind kind)
{
    static const uint8_t zeros[4];
    uint8_t id[BSI_ID_BYTES];

    fuzz_ok(bsi_id_parse(ID, id));
    return memcmp(header, "bsvcseal\1\1", 10) == 0 && header[AT_KIND] == kind &&
           header[AT_SEGMENT] >= 12 && header[AT_SEGMENT] <= 20 &&
           memcmp(header + 12, zeros, sizeof(zeros)) == 0 &&
           memcmp(header + AT_ID, id, sizeof(id)) == 0;
}

static bsi_envelope *open_header(const uint8_t *header, bsi_envelope_kind kind, bool is_right)
{
    bsi_envelope *envelope = NULL;
    const bs_status status = bsi_envelope_open(data_key(), kind, ID, header, &envelope);

    fuzz_check(status == BS_OK || status == BS_E_CORRUPT || status == BS_E_VERSION);
    fuzz_check((status == BS_OK) == (envelope != NULL));
    fuzz_check(status != BS_OK || is_header(header, kind));
    fuzz_check(!is_right || (status == BS_OK) == is_header(header, kind));
    fuzz_check(!envelope || memcmp(bsi_envelope_header(envelope), header, HEADER) == 0);
    return envelope;
}

/* Sizes that are possible go back and forth; no other does. */
static void check_sizes(const bsi_envelope *envelope, uint64_t size)
{
    uint64_t plain = 0;

    if (bsi_envelope_plain_size(envelope, size, &plain) == BS_OK) {
        fuzz_check(plain <= BSI_ENVELOPE_MAX);
        fuzz_check(bsi_envelope_stored_size(envelope, plain) == size);
    }
    size %= BSI_ENVELOPE_MAX + 1;
    fuzz_ok(bsi_envelope_plain_size(envelope, bsi_envelope_stored_size(envelope, size), &plain));
    fuzz_check(plain == size);
}

/* What the input says, and all sizes around where a second segment begins. */
static void check_all_sizes(const bsi_envelope *envelope, uint64_t given)
{
    const uint64_t second = HEADER + bsi_envelope_segment_size(envelope) + TAG;

    check_sizes(envelope, given);
    for (uint64_t i = 0; i < (uint64_t)4 * TAG; i++) {
        check_sizes(envelope, second - (uint64_t)2 * TAG + i);
        check_sizes(envelope, HEADER - TAG + i);
    }
}

/* --- Segments --- */

/* The plain and stored place of a segment, and whether it is the last. */
typedef struct segment {
    uint64_t index;
    size_t plain_at;
    size_t stored_at;
    size_t size;
    bool last;
} segment;

static uint64_t segment_count(const bsi_envelope *envelope, uint64_t plain_size)
{
    const size_t piece = bsi_envelope_segment_size(envelope);

    return plain_size == 0 ? 1 : (plain_size + piece - 1) / piece;
}

static segment segment_at(const bsi_envelope *envelope, uint64_t plain_size, uint64_t index)
{
    const size_t piece = bsi_envelope_segment_size(envelope);
    const size_t left = (size_t)(plain_size - index * piece);

    return (segment){
        .index = index,
        .plain_at = (size_t)index * piece,
        .stored_at = HEADER + (size_t)index * (piece + TAG),
        .size = left < piece ? left : piece,
        .last = index + 1 == segment_count(envelope, plain_size),
    };
}

static void seal(object *self, const bsi_envelope *envelope)
{
    self->stored_size = (size_t)bsi_envelope_stored_size(envelope, self->plain_size);
    self->stored = malloc(self->stored_size);
    fuzz_check(self->stored);
    memcpy(self->stored, bsi_envelope_header(envelope), HEADER);
    for (uint64_t i = 0; i < segment_count(envelope, self->plain_size); i++) {
        const segment one = segment_at(envelope, self->plain_size, i);
        fuzz_ok(bsi_envelope_seal(envelope, i, one.last, self->plain + one.plain_at, one.size,
                                  self->stored + one.stored_at));
    }
}

/* All segments of a stored object, each by itself, into `out`. */
static bs_status unseal(const object *self, const bsi_envelope *envelope, uint64_t plain_size,
                        uint8_t *out)
{
    const uint64_t count = segment_count(envelope, plain_size);
    bs_status status = BS_OK;

    for (uint64_t i = 0; status == BS_OK && i < count; i++) {
        const segment one = segment_at(envelope, plain_size, self->backwards ? count - 1 - i : i);
        status = bsi_envelope_unseal(envelope, one.index, one.last, self->stored + one.stored_at,
                                     one.size, out + one.plain_at);
    }
    return status;
}

/* As a reader of the stored object has it: header, size, segments. */
static bs_status read_object(const object *self, uint8_t *out, uint64_t *size_out)
{
    bsi_envelope *envelope = NULL;
    bs_status status = BS_E_CORRUPT;

    if (self->stored_size >= HEADER) {
        status = bsi_envelope_open(data_key(), self->kind, ID, self->stored, &envelope);
    }
    if (status == BS_OK) {
        status = bsi_envelope_plain_size(envelope, self->stored_size, size_out);
    }
    if (status == BS_OK) {
        status = unseal(self, envelope, *size_out, out);
    }
    bsi_envelope_free(envelope);
    return status;
}

/* --- Changes --- */

/* One of: a byte, a cut, zeros behind, a stretch over another one. */
static void change(object *self, fuzz_input *in)
{
    const uint8_t what = fuzz_byte(in);
    const size_t at = (size_t)fuzz_number(in, 2) % (self->stored_size + 1);
    const size_t other = (size_t)fuzz_number(in, 2) % (self->stored_size + 1);
    const size_t longer = at > other ? at : other;
    const size_t room = self->stored_size - longer;

    switch (what % 4) {
    case 0:
        if (at < self->stored_size) {
            self->stored[at] ^= (uint8_t)(what | 1);
        }
        break;
    case 1:
        self->stored_size = at;
        break;
    case 2:
        self->stored = realloc(self->stored, self->stored_size + 1 + what);
        fuzz_check(self->stored);
        memset(self->stored + self->stored_size, 0, (size_t)1 + what);
        self->stored_size += (size_t)1 + what;
        break;
    default:
        memmove(self->stored + at, self->stored + other, room < 4112 ? room : 4112);
        break;
    }
}

static void check_changes(object *self, fuzz_input *in)
{
    const size_t size = self->stored_size;
    uint8_t *before = malloc(size);
    uint8_t *out = NULL;
    uint64_t out_size = 0;
    bool changed = false;
    bs_status status = BS_OK;

    fuzz_check(before);
    memcpy(before, self->stored, size);
    for (int i = 0; i < CHANGES_MAX && in->left > 0; i++) {
        change(self, in);
    }
    out = malloc(self->stored_size + 1);
    fuzz_check(out);
    changed = self->stored_size != size || memcmp(self->stored, before, size) != 0;
    status = read_object(self, out, &out_size);
    fuzz_check(changed ? status == BS_E_CORRUPT || status == BS_E_VERSION : status == BS_OK);
    if (!changed) {
        fuzz_check(out_size == self->plain_size);
        fuzz_check(memcmp(out, self->plain, self->plain_size) == 0);
    }
    free(out);
    free(before);
}

static void check_object(const bsi_envelope *envelope, bsi_envelope_kind kind, uint8_t how,
                         fuzz_input *in)
{
    object self = {.kind = kind, .backwards = (how & HOW_BACKWARDS) != 0};

    self.plain_size = (size_t)fuzz_number(in, 2) & PLAIN_MAX;
    self.plain = malloc(self.plain_size + 1);
    fuzz_check(self.plain);
    for (size_t i = 0; i < self.plain_size; i++) {
        self.plain[i] = (uint8_t)(i * i >> 8);
    }
    seal(&self, envelope);
    check_changes(&self, in);
    free(self.stored);
    free(self.plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint8_t how = fuzz_byte(&in);
    const bsi_envelope_kind kind =
        how & HOW_MANIFEST ? BSI_ENVELOPE_MANIFEST : BSI_ENVELOPE_CONTAINER;
    uint8_t header[HEADER] = {0};
    const bsi_slice given = fuzz_take(&in, HEADER);
    bsi_envelope *envelope = NULL;

    memcpy(header, given.data, given.size);
    if (!(how & HOW_AS_IT_IS)) {
        put_right(header);
    }
    envelope = open_header(header, kind, !(how & HOW_AS_IT_IS));
    if (envelope) {
        check_all_sizes(envelope, bsi_le64(header + AT_SALT));
        check_object(envelope, kind, how, &in);
    }
    bsi_envelope_free(envelope);
    return 0;
}
