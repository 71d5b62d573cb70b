/* SPDX-License-Identifier: MIT */
/*
 * What rclone's remote control answers. The first byte says what the rest is, and how a list is
 * cut.
 */
#include "fuzz.h"

#include <string.h>

#include "net/rclone_json.h"

static void check_read(bs_status status)
{
    fuzz_check(status == BS_OK || status == BS_E_CORRUPT || status == BS_E_LIMIT);
}

static void check_item(const bsi_rclone_item *item)
{
    fuzz_check(item->size <= INT64_MAX || item->size == BSI_RCLONE_NO_SIZE);
    fuzz_check(item->mtime_ns >= 0 || item->mtime_ns == BSI_RCLONE_NO_TIME);
    fuzz_check(item->path.size == 0 || !memchr(item->path.data, '\0', item->path.size));
}

/* Sums up what was told. */
static bs_status visit(void *user, const bsi_rclone_item *item)
{
    uint64_t *sum = user;

    check_item(item);
    *sum = *sum * 31 + item->size + (uint64_t)item->mtime_ns + (item->is_dir ? 1 : 0);
    for (size_t i = 0; i < item->path.size; i++) {
        *sum = *sum * 31 + (uint8_t)item->path.data[i];
    }
    return BS_OK;
}

static bs_status list(bsi_slice document, size_t piece, uint64_t *sum)
{
    bsi_rclone_list items;
    bs_status status = BS_OK;

    *sum = 0;
    bsi_rclone_list_begin(&items, visit, sum);
    for (size_t at = 0; at < document.size && status == BS_OK; at += piece) {
        const size_t left = document.size - at;
        status = bsi_rclone_list_take(&items,
                                      (bsi_slice){document.data + at, piece < left ? piece : left});
    }
    return bsi_rclone_list_end(&items, status);
}

static void check_list(bsi_slice document, size_t piece)
{
    uint64_t whole = 0;
    uint64_t cut = 0;
    const bs_status status = list(document, document.size + 1, &whole);

    check_read(status);
    fuzz_check(list(document, piece, &cut) == status && cut == whole);
}

static void check_stat(bsi_slice document)
{
    bsi_rclone_item item;
    bool found = false;
    const bs_status status = bsi_rclone_stat_parse(document, &item, &found);

    check_read(status);
    if (status == BS_OK && found) {
        check_item(&item);
    }
}

static void check_rest(bsi_slice document)
{
    bsi_rclone_features can;
    char text[BSI_RCLONE_ERROR_SIZE];

    check_read(bsi_rclone_features_parse(document, &can));
    if (bsi_rclone_error_parse(document, text)) {
        fuzz_check(text[0] != '\0' && memchr(text, '\0', sizeof(text)));
    }
    (void)bsi_rclone_port_parse(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint8_t kind = fuzz_byte(&in);
    const bsi_slice document = fuzz_take(&in, in.left);

    if (kind % 3 == 0) {
        check_list(document, kind / 3 + 1u);
    } else if (kind % 3 == 1) {
        check_stat(document);
    } else {
        check_rest(document);
    }
    return 0;
}
