/* SPDX-License-Identifier: MIT */
#include "vault/sample.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/endian.h"

/* --- Numbers of files --- */

/* The first bytes of SHA-256(seed, SHA-256(path)): nobody who names files can choose it. */
static uint64_t number_of(const bsi_sample *sample, bsi_slice path)
{
    uint8_t bytes[sizeof(sample->seed) + BSI_SHA256_SIZE];
    bsi_digest digest;

    bsi_sha256_of(path.data, path.size, &digest);
    memcpy(bytes, sample->seed, sizeof(sample->seed));
    memcpy(bytes + sizeof(sample->seed), digest.bytes, BSI_SHA256_SIZE);
    bsi_sha256_of(bytes, sizeof(bytes), &digest);
    return bsi_le64(digest.bytes);
}

bool bsi_sample_has(const bsi_sample *sample, const bsi_entry *entry)
{
    return entry->stat.type == BSI_TYPE_FILE &&
           (sample->all || number_of(sample, entry->path) <= sample->limit);
}

/* --- The smallest of them --- */

/* A heap with the largest on top. */
typedef struct smallest {
    uint64_t *numbers;
    size_t count;
    size_t wanted;
} smallest;

static void sift_down(smallest *heap)
{
    const uint64_t number = heap->numbers[0];
    size_t at = 0;

    for (size_t child = 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && heap->numbers[child + 1] > heap->numbers[child]) {
            child++;
        }
        if (heap->numbers[child] <= number) {
            break;
        }
        heap->numbers[at] = heap->numbers[child];
        at = child;
    }
    heap->numbers[at] = number;
}

static void sift_up(smallest *heap)
{
    size_t at = heap->count - 1;
    const uint64_t number = heap->numbers[at];

    while (at > 0 && heap->numbers[(at - 1) / 2] < number) {
        heap->numbers[at] = heap->numbers[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->numbers[at] = number;
}

static void offer(smallest *heap, uint64_t number)
{
    if (heap->count < heap->wanted) {
        heap->numbers[heap->count++] = number;
        sift_up(heap);
    } else if (number < heap->numbers[0]) {
        heap->numbers[0] = number;
        sift_down(heap);
    }
}

/* --- The passes --- */

typedef struct choosing {
    bsi_sample *sample;
    smallest heap;
} choosing;

static bs_status count_all(void *user, const bsi_listed *listed)
{
    bsi_sample *sample = user;

    if (listed->entry.stat.type == BSI_TYPE_FILE) {
        sample->all_files++;
        sample->all_bytes += listed->entry.stat.size;
    }
    return BS_OK;
}

static bs_status offer_file(void *user, const bsi_listed *listed)
{
    choosing *self = user;

    if (listed->entry.stat.type == BSI_TYPE_FILE) {
        offer(&self->heap, number_of(self->sample, listed->entry.path));
    }
    return BS_OK;
}

static bs_status count_chosen(void *user, const bsi_listed *listed)
{
    bsi_sample *sample = user;

    if (bsi_sample_has(sample, &listed->entry)) {
        sample->files++;
        sample->bytes += listed->entry.stat.size;
    }
    return BS_OK;
}

static uint64_t wanted_of(const bsi_sample_size *size, uint64_t all)
{
    const uint64_t share = (all / 100) * size->percent + (all % 100 * size->percent + 99) / 100;

    if (size->percent == 0 && size->files == 0) {
        return all;
    }
    return bsi_min_u64(size->percent > 0 ? share : size->files, all);
}

static bs_status pass(const bsi_vault_env *env, const char *manifest_key, bsi_listed_cb callback,
                      void *user)
{
    return bsi_vault_list(env, manifest_key, (bsi_slice){"", 0}, true, callback, user);
}

static bs_status choose_some(const bsi_vault_env *env, const char *manifest_key, uint64_t wanted,
                             bsi_sample *sample)
{
    choosing self = {.sample = sample, .heap = {.wanted = (size_t)wanted}};
    bs_status status = BS_OK;

    self.heap.numbers = bsi_calloc(self.heap.wanted, sizeof(*self.heap.numbers));
    status = self.heap.numbers ? pass(env, manifest_key, offer_file, &self) : BS_E_NOMEM;
    sample->limit = status >= 0 ? self.heap.numbers[0] : 0;
    bsi_free(self.heap.numbers);
    return status < 0 ? status : pass(env, manifest_key, count_chosen, sample);
}

bs_status bsi_sample_choose(const bsi_vault_env *env, const char *manifest_key,
                            const bsi_sample_size *size, bsi_sample *out)
{
    uint64_t wanted = 0;

    out->all_files = 0;
    out->all_bytes = 0;
    out->files = 0;
    out->bytes = 0;
    BSI_TRY(pass(env, manifest_key, count_all, out));
    wanted = wanted_of(size, out->all_files);
    out->all = wanted == out->all_files;
    if (!out->all) {
        return choose_some(env, manifest_key, wanted, out);
    }
    out->files = out->all_files;
    out->bytes = out->all_bytes;
    return BS_OK;
}
