/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "conformance/compress_suite.h"

static const char INFLATE[] =
    "python3 -c 'import sys, zlib; d = zlib.decompressobj(-15); "
    "sys.stdout.buffer.write(d.decompress(sys.stdin.buffer.read())); sys.exit(not d.eof)'";

static const compress_subject subjects[] = {
    {&bsi_codec_store, false, false, "cat"},
    {&bsi_codec_gzip, true, false, "gzip -dc"},
    {&bsi_codec_bzip2, true, false, "bzip2 -dc"},
    {&bsi_codec_zstd, true, false, "zstd -dcq"},
    {&bsi_codec_deflate, false, true, INFLATE},
    {&bsi_codec_lzma2, false, true, "xz --format=raw --lzma2=dict=8MiB -dc"},
};

/* Runs the suite on the codec named, or on all. */
int main(int argc, char **argv)
{
    int failed = 0;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(subjects); i++) {
        if (argc < 2 || strcmp(argv[1], subjects[i].codec->name) == 0) {
            failed += compress_suite_run(&subjects[i]);
        }
    }
    return failed;
}
