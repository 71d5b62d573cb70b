/* SPDX-License-Identifier: MIT */
/*
 * The reader of .env files. An input is two of them with a NUL between, the
 * second read over the first. A file that is refused changes nothing; what was
 * taken, written in quotes and read again, is the same.
 */
#include "fuzz.h"

#include "base/buffer.h"
#include "base/utf8.h"
#include "engine/config.h"

enum { WRITTEN_MAX = 1024 * 1024 };

static bs_status load(bs_config *config, bsi_slice text)
{
    const bs_status status = bsi_config_load_text(config, "file.env", text.data, text.size);

    fuzz_check(status == BS_OK || status == BS_E_INVALID);
    return status;
}

static bool is_same(const bs_config *a, const bs_config *b)
{
    for (size_t i = 0; i < BSI_CONFIG_COUNT; i++) {
        const char *text = bsi_config_text(a, (bsi_config_id)i);
        const char *other = bsi_config_text(b, (bsi_config_id)i);

        if (!text != !other || (text && strcmp(text, other) != 0) ||
            bsi_config_number(a, (bsi_config_id)i) != bsi_config_number(b, (bsi_config_id)i)) {
            return false;
        }
    }
    return true;
}

static void put_quoted(bsi_buf *out, const char *name, const char *value)
{
    fuzz_ok(bsi_buf_append_format(out, "export %s = \"", name));
    for (; *value; value++) {
        if (*value == '"' || *value == '\\') {
            fuzz_ok(bsi_buf_append_byte(out, '\\'));
        }
        fuzz_ok(bsi_buf_append_byte(out, (uint8_t)*value));
    }
    fuzz_ok(bsi_buf_append_text(out, "\" # and a comment\r\n"));
}

static void check_written(const bs_config *config)
{
    bs_config *again = NULL;
    bsi_buf text;

    bsi_buf_init(&text, WRITTEN_MAX);
    for (size_t i = 0; i < BSI_CONFIG_COUNT; i++) {
        if (config->values[i]) {
            fuzz_check(bsi_utf8_valid(config->values[i], strlen(config->values[i])));
            put_quoted(&text, bsi_config_at(i)->name, config->values[i]);
        }
    }
    fuzz_ok(bsi_config_new(&again));
    fuzz_ok(load(again, bsi_buf_slice(&text)));
    fuzz_check(is_same(config, again));
    bsi_config_free(again);
    bsi_buf_dispose(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    const size_t first = nul ? (size_t)(nul - data) : size;
    bs_config *config = NULL;
    bs_config *before = NULL;

    fuzz_ok(bsi_config_new(&config));
    fuzz_ok(bsi_config_copy(config, &before));
    if (load(config, (bsi_slice){(const char *)data, first}) < 0) {
        fuzz_check(is_same(config, before));
    }
    bsi_config_free(before);
    fuzz_ok(bsi_config_copy(config, &before));
    if (nul && load(config, (bsi_slice){(const char *)nul + 1, size - first - 1}) < 0) {
        fuzz_check(is_same(config, before));
    }
    check_written(config);
    bsi_config_free(before);
    bsi_config_free(config);
    return 0;
}
