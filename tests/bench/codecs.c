/* SPDX-License-Identifier: MIT */
/*
 * Measures a codec on a file: bench-codecs FILE CODEC LEVEL THREADS [noverify] [OUTPUT]
 * prints the stored size and how fast it was written and read back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/resource.h>

#include "compress/block_reader.h"
#include "compress/block_writer.h"

typedef struct bench {
    const bsi_codec *codec;
    int level;
    unsigned threads;
    bool verify;
    FILE *input;
    FILE *output;
    uint64_t raw;
    uint64_t stored;
} bench;

static double now_s(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Processor time of all threads. */
static double cpu_s(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bs_status on_data(void *user, const void *data, size_t size)
{
    bench *run = user;

    run->stored += size;
    if (fwrite(data, 1, size, run->output) != size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "the output can not be written");
    }
    return BS_OK;
}

static bs_status read_output(void *user, uint64_t offset, void *buf, size_t size)
{
    bench *run = user;

    if (fseek(run->output, (long)offset, SEEK_SET) != 0 ||
        fread(buf, 1, size, run->output) != size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "the output can not be read");
    }
    return BS_OK;
}

static bs_status feed(bench *run, bsi_block_writer *writer)
{
    for (;;) {
        void *room = NULL;
        size_t size = 0;
        bs_status status = bsi_block_writer_space(writer, &room, &size);

        if (status < 0) {
            return status;
        }
        size = fread(room, 1, size, run->input);
        if (size == 0) {
            break;
        }
        run->raw += size;
        status = bsi_block_writer_commit(writer, size);
        if (status < 0) {
            return status;
        }
    }
    return bsi_block_writer_finish(writer);
}

static bs_status encode(bench *run, bsi_pool *pool)
{
    const bsi_block_options options = {run->codec, run->level, run->verify, pool, NULL};
    const bsi_block_sink sink = {.data = on_data, .user = run};
    bsi_block_writer *writer = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_block_writer_new(&options, &sink, &writer));
    status = feed(run, writer);
    bsi_block_writer_free(writer);
    return status;
}

static bs_status decode(bench *run)
{
    const bsi_block_source source = {read_output, run, run->stored};
    bsi_block_reader *reader = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_block_reader_new(run->codec, &source, &reader));
    status = bsi_block_reader_start(reader, 0);
    if (status == BS_OK) {
        status = bsi_block_reader_skip(reader, run->raw);
    }
    bsi_block_reader_free(reader);
    return status;
}

static const bsi_codec *find_codec(const char *name)
{
    static const bsi_codec *const codecs[] = {&bsi_codec_store,   &bsi_codec_gzip,
                                              &bsi_codec_bzip2,   &bsi_codec_zstd,
                                              &bsi_codec_deflate, &bsi_codec_lzma2};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(codecs); i++) {
        if (strcmp(codecs[i]->name, name) == 0) {
            return codecs[i];
        }
    }
    return NULL;
}

static bs_status measure(bench *run)
{
    bsi_pool *pool = NULL;
    struct rusage usage = {0};
    double begin = now_s();
    double middle = 0;
    double end = 0;
    double cpu = 0;
    bs_status status = BS_OK;

    BSI_TRY(bsi_pool_new(run->threads, &pool));
    status = encode(run, pool);
    cpu = cpu_s();
    middle = now_s();
    if (status == BS_OK) {
        status = decode(run);
    }
    end = now_s();
    bsi_pool_free(pool);
    (void)getrusage(RUSAGE_SELF, &usage);
    if (status == BS_OK) {
        const double mb = (double)run->raw / 1e6;
        (void)printf(
            "%-8s level %2d threads %u verify %d: %6.1f MB (%5.2f %%) encode %6.2f s (cpu %6.2f s) "
            "%7.1f MB/s, decode %7.1f MB/s, peak %ld MB\n",
            run->codec->name, run->level, run->threads, run->verify, (double)run->stored / 1e6,
            100.0 * (double)run->stored / (double)run->raw, middle - begin, cpu,
            mb / (middle - begin), mb / (end - middle), usage.ru_maxrss / 1024);
    }
    return status;
}

int main(int argc, char **argv)
{
    bench run = {.verify = true};

    if (argc < 5) {
        (void)fprintf(stderr, "usage: %s FILE CODEC LEVEL THREADS [noverify] [OUTPUT]\n", argv[0]);
        return 2;
    }
    run.input = fopen(argv[1], "rbe");
    run.codec = find_codec(argv[2]);
    run.level = (int)strtol(argv[3], NULL, 10);
    run.threads = (unsigned)strtoul(argv[4], NULL, 10);
    run.verify = argc < 6 || strcmp(argv[5], "noverify") != 0;
    run.output = argc > 6 ? fopen(argv[6], "w+be") : tmpfile();
    if (!run.input || !run.codec || !run.output) {
        (void)fprintf(stderr, "the file or the codec is not there\n");
        return 2;
    }
    if (measure(&run) < 0) {
        (void)fprintf(stderr, "%s\n", bs_error_last()->message);
        return 1;
    }
    (void)fclose(run.input);
    (void)fclose(run.output);
    return 0;
}
