/* SPDX-License-Identifier: MIT */
/*
 * What FTP servers say, and names on them. The first byte says what the rest is: replies, lines of
 * facts, lines of a listing, a time, or a name.
 */
#include "fuzz.h"

#include <string.h>

#include "base/buffer.h"
#include "net/ftp_name.h"
#include "net/ftp_text.h"

enum { KINDS = 5, ESCAPED = 3 };

static bool lies_in(bsi_slice part, bsi_slice whole)
{
    return part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

static void check_replies(bsi_slice all)
{
    bsi_slice in = all;
    bsi_ftp_reply reply;

    while (bsi_ftp_reply_next(&in, &reply)) {
        fuzz_check(reply.code >= 100 && reply.code <= 599);
        fuzz_check(lies_in(reply.lines, all) && lies_in(reply.text, reply.lines));
        fuzz_check(reply.lines.size >= 3 && lies_in(in, all));
        (void)bsi_ftp_features(reply.lines);
    }
}

static void check_entries(bsi_slice all, bool (*parse)(bsi_slice line, bsi_ftp_entry *out))
{
    bsi_slice line;
    bsi_ftp_entry entry;

    while (bsi_ftp_line_next(&all, &line)) {
        if (parse(line, &entry)) {
            fuzz_check(entry.name.size > 0 && lies_in(entry.name, line));
            fuzz_check(!memchr(entry.name.data, '\n', entry.name.size));
            fuzz_check(!(entry.is_file && entry.is_dir));
            fuzz_check(entry.size <= INT64_MAX);
        }
    }
}

/* A time written again is the same but for a leap second and what is below a second. */
static void check_time(bsi_slice text)
{
    char again[BSI_FTP_TIME_SIZE];
    int64_t sec = 0;

    if (bsi_ftp_time(text, &sec) && bsi_ftp_time_format(sec, again)) {
        fuzz_check(memcmp(text.data + 12, "60", 2) == 0 || memcmp(text.data, again, 14) == 0);
    }
}

/* Each name is kept under one that comes back, and one that stands for a name is its own. */
static void check_name(bsi_slice name)
{
    bsi_buf kept;
    bsi_buf back;
    bool known = false;
    const bool proper =
        name.size > 0 && !memchr(name.data, '/', name.size) && !memchr(name.data, '\0', name.size);

    bsi_buf_init(&kept, ESCAPED * name.size);
    bsi_buf_init(&back, ESCAPED * name.size);
    fuzz_ok(bsi_ftp_name_encode(&kept, name));
    fuzz_ok(bsi_ftp_name_decode(&back, bsi_buf_slice(&kept), &known));
    fuzz_check(bsi_slice_equal(bsi_buf_slice(&back), name));
    fuzz_check(known || !proper);
    for (size_t i = 0; i < kept.size; i++) {
        fuzz_check(kept.data[i] >= ' ' && kept.data[i] != 0x7f);
    }
    bsi_buf_clear(&back);
    fuzz_ok(bsi_ftp_name_decode(&back, name, &known));
    bsi_buf_dispose(&kept);
    bsi_buf_dispose(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input = {data, size};
    const unsigned kind = fuzz_byte(&input) % KINDS;
    const bsi_slice text = fuzz_take(&input, input.left);

    switch (kind) {
    case 0:
        check_replies(text);
        break;
    case 1:
        check_entries(text, bsi_ftp_entry_of_facts);
        break;
    case 2:
        check_entries(text, bsi_ftp_entry_of_list);
        break;
    case 3:
        check_time(text);
        break;
    default:
        check_name(text);
        break;
    }
    return 0;
}
