/* SPDX-License-Identifier: MIT */
/*
 * Members, items, ids and times of the JSON texts in a repository.
 */
#include "repo/json_parts.h"

#include "base/alloc.h"
#include "base/ascii.h"

bs_status bsi_json_each_member(bsi_json_reader *reader, bsi_json_member_fn member, void *user)
{
    bsi_slice key = {0};
    bs_status status = bsi_json_enter_object(reader);

    while (status == BS_OK) {
        status = bsi_json_next_key(reader, &key);
        if (status == BS_OK) {
            status = bsi_json_peek(reader) == BSI_JSON_NULL ? bsi_json_read_null(reader)
                                                            : member(reader, key, user);
        }
    }
    return status < 0 ? status : BS_OK;
}

bs_status bsi_json_each_item(bsi_json_reader *reader, bsi_json_item_fn item, void *user)
{
    bs_status status = bsi_json_enter_array(reader);

    while (status == BS_OK) {
        status = bsi_json_next_item(reader);
        if (status == BS_OK) {
            status = item(reader, user);
        }
    }
    return status < 0 ? status : BS_OK;
}

bs_status bsi_json_read_digest(bsi_json_reader *reader, bsi_buf *scratch, bsi_digest *out)
{
    char digits[2 * BSI_SHA256_SIZE];
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(reader, scratch, &text));
    if (text.size != sizeof(digits)) {
        return bsi_json_fail(reader, "an id has %zu digits, not %zu", text.size, sizeof(digits));
    }
    for (size_t i = 0; i < sizeof(digits); i++) {
        digits[i] = bsi_lower(text.data[i]);
    }
    if (bsi_digest_parse(digits, sizeof(digits), out) < 0) {
        return bsi_json_fail(reader, "an id is not of hex digits");
    }
    return BS_OK;
}

bs_status bsi_json_read_go_time(bsi_json_reader *reader, bsi_buf *scratch, bsi_go_time *out)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(reader, scratch, &text));
    return bsi_go_time_parse(text, out);
}

bs_status bsi_json_read_u32(bsi_json_reader *reader, uint32_t *out)
{
    uint64_t value = 0;

    BSI_TRY(bsi_json_read_u64(reader, &value));
    if (value > UINT32_MAX) {
        return bsi_json_fail(reader, "a number of more than 32 bits");
    }
    *out = (uint32_t)value;
    return BS_OK;
}

bs_status bsi_json_texts_init(bsi_json_texts *texts, size_t json_size)
{
    *texts = (bsi_json_texts){.size = json_size};
    bsi_buf_init(&texts->scratch, json_size);
    texts->bytes = bsi_alloc(json_size);
    return texts->bytes ? BS_OK : BS_E_NOMEM;
}

void bsi_json_texts_dispose(bsi_json_texts *texts)
{
    bsi_free(texts->bytes);
    bsi_buf_dispose(&texts->scratch);
    *texts = (bsi_json_texts){0};
}

bs_status bsi_json_read_text(bsi_json_reader *reader, bsi_json_texts *texts, bsi_slice *out)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(reader, &texts->scratch, &text));
    BSI_CHECK(text.size <= texts->size - texts->used);
    *out = (bsi_slice){texts->bytes + texts->used, text.size};
    if (text.size > 0) {
        memcpy(texts->bytes + texts->used, text.data, text.size);
        texts->used += text.size;
    }
    return BS_OK;
}

bs_status bsi_json_put_digest(bsi_buf *out, const char *before, const bsi_digest *digest)
{
    char text[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(digest, text);
    BSI_TRY(bsi_buf_append_text(out, before));
    BSI_TRY(bsi_buf_append(out, text, sizeof(text) - 1));
    return bsi_buf_append_byte(out, '"');
}
