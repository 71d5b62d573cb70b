/* SPDX-License-Identifier: MIT */
#ifndef BSI_COMPRESS_LZMA2_H
#define BSI_COMPRESS_LZMA2_H

/*
 * The dictionary that a decoder needs for what bsi_codec_lzma2 makes, at any
 * level: raw LZMA2 does not tell, so the container around it must (7z).
 */
#define BSI_LZMA2_DICT_SIZE (8u << 20)

#endif
