/* SPDX-License-Identifier: MIT */
/*
 * Measures the index of a large repository: bench-index [BLOBS [BLOBS-OF-A-PACK [MEMORY]]]
 * makes index files in memory, one at a time and as large as restic's, reads them
 * into an index, and looks up what is there, what is not, and where it is. It prints
 * what a blob takes of memory, and what each step took of the processor. MEMORY: bytes that its
 * blobs may take; the rest lies in a file here.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/resource.h>

#include "made.h"
#include "repo/index.h"
#include "repo/index_file.h"

enum { LOOKUPS = 2000000 };

typedef struct bench {
    uint64_t blobs;
    uint64_t per_pack;
    bsi_repo_index *index;
    bsi_index_writer file;
    double parsing; /* Seconds. */
    uint64_t text;  /* Bytes. */
    uint64_t random;
} bench;

/* Of the processor: nothing here waits for anything else. */
static double now_s(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bsi_blob_type type_of(uint64_t number, const bench *run)
{
    return number / run->per_pack % 10 == 0 ? BSI_BLOB_TREE : BSI_BLOB_DATA;
}

static bs_status read_file(bench *run)
{
    const bsi_digest name = {{0}};
    bs_status status = bsi_index_writer_finish(&run->file);
    const double begin = now_s();

    if (status == BS_OK) {
        status = bsi_repo_index_add_file(
            run->index, &name, (bsi_slice){(char *)run->file.text.data, run->file.text.size}, 2);
    }
    run->parsing += now_s() - begin;
    run->text += run->file.text.size;
    bsi_index_writer_clear(&run->file);
    return status;
}

static bs_status write_pack(bench *run, uint64_t first)
{
    const bsi_digest pack = made_id(run->blobs + first);
    bsi_blob_list list = {0};
    bs_status status = made_pack(first, run->per_pack, type_of(first, run), &list);

    if (status == BS_OK) {
        status = bsi_index_writer_add(&run->file, &pack, &list);
    }
    bsi_blob_list_dispose(&list);
    return status;
}

static bs_status fill(bench *run)
{
    bs_status status = BS_OK;

    for (uint64_t i = 0; status == BS_OK && i < run->blobs; i += run->per_pack) {
        status = write_pack(run, i);
        if (status == BS_OK &&
            (run->file.blobs >= BSI_INDEX_FILE_BLOBS || i + run->per_pack >= run->blobs)) {
            status = read_file(run);
        }
    }
    return status;
}

static uint64_t any_number(bench *run)
{
    run->random += UINT64_C(0x9e3779b97f4a7c15);
    return made_mix(run->random) % run->blobs;
}

static bs_status look_up(bench *run, const char *what, bool there, bool place)
{
    const double begin = now_s();
    bs_status status = BS_OK;
    double took = 0;

    for (int i = 0; i < LOOKUPS && status == BS_OK; i++) {
        const uint64_t number = any_number(run);
        const bsi_digest id = made_id(there ? number : number + 2 * run->blobs);
        bsi_blob_place found;
        status = place ? bsi_repo_index_find(run->index, type_of(number, run), &id, 0, &found)
                       : bsi_repo_index_has(run->index, type_of(number, run), &id);
        if (status == BS_OK || status == BS_END) {
            status = (status == BS_OK) == there ? BS_OK : BS_E_INTERNAL;
        }
    }
    took = now_s() - begin;
    (void)printf("%-24s %8.0f ns each\n", what, took / LOOKUPS * 1e9);
    return status;
}

static long peak_mb(void)
{
    struct rusage usage = {0};

    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

static bs_status measure(bench *run)
{
    const bsi_digest none = {{0}};
    bsi_repo_index_stats stats;
    double begin = 0;
    bs_status status = fill(run);

    BSI_TRY(status);
    (void)printf("%-24s %8.2f s, %.0f MB of text\n", "reading index files", run->parsing,
                 (double)run->text / 1e6);
    begin = now_s();
    status = bsi_repo_index_has(run->index, BSI_BLOB_DATA, &none);
    (void)printf("%-24s %8.2f s; peak of the process %ld MB\n", "the first look-up",
                 now_s() - begin, peak_mb());
    BSI_TRY(status);
    BSI_TRY(look_up(run, "a blob that is there", true, false));
    BSI_TRY(look_up(run, "a blob that is not", false, false));
    BSI_TRY(look_up(run, "where a blob is", true, true));
    bsi_repo_index_get_stats(run->index, &stats);
    (void)printf("%-24s %8.2f bytes; %llu blobs in %llu packs; peak of the process %ld MB\n",
                 "memory of a blob", (double)stats.memory / (double)stats.blobs,
                 (unsigned long long)stats.blobs, (unsigned long long)stats.packs, peak_mb());
    return BS_OK;
}

int main(int argc, char **argv)
{
    bench run = {
        .blobs = argc > 1 ? strtoull(argv[1], NULL, 10) : MADE_BLOBS,
        .per_pack = argc > 2 ? strtoull(argv[2], NULL, 10) : MADE_PER_PACK,
    };
    const uint64_t most = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    const int temp_dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bs_status status = BS_OK;

    if (run.blobs == 0 || !made_fits(run.per_pack)) {
        (void)fprintf(stderr, "usage: %s [BLOBS [BLOBS-OF-A-PACK [MEMORY]]]\n", argv[0]);
        return 2;
    }
    bsi_index_writer_init(&run.file);
    status = bsi_repo_index_new(&run.index);
    if (status == BS_OK && most > 0) {
        bsi_repo_index_limit(run.index, temp_dir, most);
    }
    if (status == BS_OK) {
        status = measure(&run);
    }
    bsi_index_writer_dispose(&run.file);
    bsi_repo_index_free(run.index);
    (void)close(temp_dir);
    if (status < 0) {
        (void)fprintf(stderr, "%s\n", bs_error_last()->message);
        return 1;
    }
    return 0;
}
