/* SPDX-License-Identifier: MIT */
/*
 * Texts in files of their own, compressed or not. Frames of restic do not tell
 * how long they are: they are decoded piece by piece, up to the buffer's limit.
 */
#include "repo/unpacked.h"

#include "base/checked.h"
#include "compress/codec.h"
#include "repo/config.h"

enum {
    MARK_COMPRESSED = 2,
    PIECE_SIZE = 4 * 1024,
};

static const bsi_codec *const codec = &bsi_codec_zstd;

static bs_status encode_block(bsi_encoder *encoder, bsi_slice block, bsi_buf *out)
{
    size_t used = 0;

    BSI_TRY(bsi_buf_reserve(out, codec->bound(block.size)));
    BSI_TRY(
        codec->encode(encoder, block.data, block.size, true, true, out->data + out->size, &used));
    out->size += used;
    return BS_OK;
}

static bs_status encode_all(bsi_encoder *encoder, bsi_slice text, bsi_buf *out)
{
    const size_t most = codec->block_size(codec->level_default);

    while (text.size > 0) {
        const bsi_slice block = {text.data, bsi_min_size(text.size, most)};
        BSI_TRY(encode_block(encoder, block, out));
        text = (bsi_slice){text.data + block.size, text.size - block.size};
    }
    return BS_OK;
}

bs_status bsi_unpacked_encode(uint32_t version, bsi_slice json, bsi_buf *out)
{
    bsi_encoder *encoder = NULL;
    bs_status status = BS_OK;

    if (version < BSI_REPO_VERSION_MAX) {
        return bsi_buf_append(out, json.data, json.size);
    }
    BSI_TRY(bsi_buf_append_byte(out, MARK_COMPRESSED));
    BSI_TRY(codec->encoder_new(codec->level_default, &encoder));
    status = encode_all(encoder, json, out);
    codec->encoder_free(encoder);
    return status;
}

/* Decode what the input has; BS_END when it ends where a frame does. */
static bs_status decode_piece(bsi_decoder *decoder, bsi_slice *in, bsi_buf *out)
{
    uint8_t piece[PIECE_SIZE];
    size_t in_used = 0;
    size_t out_used = 0;
    const bs_status status =
        codec->decode(decoder, in->data, in->size, &in_used, piece, sizeof(piece), &out_used);

    if (status != BS_OK) {
        return status;
    }
    if (in_used == 0 && out_used == 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the zstd data is cut short");
    }
    *in = (bsi_slice){in->data + in_used, in->size - in_used};
    return bsi_buf_append(out, piece, out_used);
}

static bs_status decode_all(bsi_slice in, bsi_buf *out)
{
    bsi_decoder *decoder = NULL;
    bs_status status = codec->decoder_new(&decoder);

    while (status == BS_OK) {
        status = decode_piece(decoder, &in, out);
    }
    codec->decoder_free(decoder);
    return status < 0 ? status : BS_OK;
}

bs_status bsi_unpacked_decode(uint32_t version, bsi_slice decrypted, bsi_buf *out)
{
    const int first = decrypted.size > 0 ? decrypted.data[0] : 0;

    if (first == '{' || first == '[') {
        return bsi_buf_append(out, decrypted.data, decrypted.size);
    }
    if (first != MARK_COMPRESSED || version < BSI_REPO_VERSION_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "neither JSON nor compressed, as version %u has it", version);
    }
    return decode_all((bsi_slice){decrypted.data + 1, decrypted.size - 1}, out);
}
