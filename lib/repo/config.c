/* SPDX-License-Identifier: MIT */
/*
 * The repository's configuration:
 * {"version":2,"id":"<64 hex>","chunker_polynomial":"<hex>"}
 */
#include "repo/config.h"

#include <inttypes.h>

#include "chunk/chunker.h"
#include "chunk/polynomial.h"
#include "os/random.h"
#include "repo/json_parts.h"

enum {
    POLYNOMIAL_DIGITS = 16,
    SCRATCH_MAX = 4096,
    /* One of 27 candidates is irreducible: so many in vain are a broken generator. */
    CANDIDATES_MAX = 1000000,
};

static bs_status choose_polynomial(uint64_t *out)
{
    const uint64_t top = (uint64_t)1 << BSI_CHUNK_DEGREE;

    for (int i = 0; i < CANDIDATES_MAX; i++) {
        uint64_t candidate = 0;
        BSI_TRY(bsi_random(&candidate, sizeof(candidate)));
        candidate = (candidate & (top - 1)) | top | 1;
        if (bsi_polynomial_is_irreducible(candidate)) {
            *out = candidate;
            return BS_OK;
        }
    }
    return bsi_fail(BS_LAYER_SYSTEM, BS_E_INTERNAL, "no polynomial among %d random ones",
                    CANDIDATES_MAX);
}

bs_status bsi_repo_config_new(uint32_t version, bsi_repo_config *out)
{
    bsi_repo_config config = {.version = version};

    BSI_CHECK(version >= BSI_REPO_VERSION_MIN && version <= BSI_REPO_VERSION_MAX);
    BSI_TRY(bsi_random(config.id.bytes, sizeof(config.id.bytes)));
    BSI_TRY(choose_polynomial(&config.polynomial));
    *out = config;
    return BS_OK;
}

bs_status bsi_repo_config_write(const bsi_repo_config *config, bsi_buf *out)
{
    char id[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(&config->id, id);
    return bsi_buf_append_format(
        out, "{\"version\":%" PRIu32 ",\"id\":\"%s\",\"chunker_polynomial\":\"%" PRIx64 "\"}",
        config->version, id, config->polynomial);
}

static bs_status parse_polynomial(bsi_json_reader *reader, bsi_slice text, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.size && i < POLYNOMIAL_DIGITS; i++) {
        const char c = text.data[i];
        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | ((uint64_t)(c - 'a') + 10);
        } else {
            return bsi_json_fail(reader, "the chunker's polynomial is not in lower-case hex");
        }
    }
    if (text.size == 0 || text.size > POLYNOMIAL_DIGITS) {
        return bsi_json_fail(reader, "the chunker's polynomial has %zu digits, not 1 to %d",
                             text.size, POLYNOMIAL_DIGITS);
    }
    *out = value;
    return BS_OK;
}

static bs_status parse_version(bsi_json_reader *reader, uint32_t *out)
{
    uint64_t version = 0;

    BSI_TRY(bsi_json_read_u64(reader, &version));
    if (version > BSI_REPO_VERSION_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_VERSION,
                        "the repository is of version %" PRIu64 "; this library knows 1 and 2",
                        version);
    }
    *out = (uint32_t)version;
    return BS_OK;
}

/* A configuration while it is read. */
typedef struct config_parts {
    bsi_repo_config config;
    bsi_buf scratch;
} config_parts;

static bs_status parse_member(bsi_json_reader *reader, bsi_slice key, void *user)
{
    config_parts *parts = user;
    bsi_slice text = {0};

    if (bsi_slice_is(key, "version")) {
        return parse_version(reader, &parts->config.version);
    }
    if (bsi_slice_is(key, "id")) {
        return bsi_json_read_digest(reader, &parts->scratch, &parts->config.id);
    }
    if (bsi_slice_is(key, "chunker_polynomial")) {
        BSI_TRY(bsi_json_read_string(reader, &parts->scratch, &text));
        return parse_polynomial(reader, text, &parts->config.polynomial);
    }
    return bsi_json_skip(reader);
}

bs_status bsi_repo_config_parse(bsi_slice json, bsi_repo_config *out)
{
    config_parts parts = {0};
    const bsi_repo_config *config = &parts.config;
    bsi_chunker chunker;
    bsi_json_reader reader;
    bs_status status = BS_OK;

    bsi_json_init(&reader, json.data, json.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    bsi_buf_init(&parts.scratch, SCRATCH_MAX);
    status = bsi_json_each_member(&reader, parse_member, &parts);
    if (status == BS_OK) {
        status = bsi_json_end(&reader);
    }
    bsi_buf_dispose(&parts.scratch);
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_STORAGE, status, "the repository's config");
    }
    if (config->version < BSI_REPO_VERSION_MIN) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the repository's config has no version");
    }
    status = bsi_chunker_init(&chunker, config->polynomial);
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_STORAGE, status, "the repository's config");
    }
    *out = *config;
    return BS_OK;
}
