/* SPDX-License-Identifier: MIT */
/*
 * How long a walk takes: walk [threads] <root>. To be held against
 * find <root> -printf '%s %T@\n'.
 */
#include <stdio.h>
#include <stdlib.h>

#include "os/time.h"
#include "source/walk.h"

int main(int argc, char **argv)
{
    const unsigned threads = argc > 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    const char *const roots[] = {argc > 1 ? argv[argc - 1] : "/usr"};
    bsi_pool *pool = NULL;
    bsi_walk *walk = NULL;
    bsi_walk_item item;
    uint64_t count = 0;
    const int64_t began = bsi_monotonic_ns();
    bs_status status = bsi_pool_new(threads, &pool);

    if (status == BS_OK) {
        status =
            bsi_walk_new(&(bsi_walk_options){.roots = roots, .root_count = 1, .pool = pool}, &walk);
    }
    while (status == BS_OK) {
        status = bsi_walk_next(walk, NULL, &item);
        count += status == BS_OK ? 1 : 0;
    }
    bsi_walk_free(walk);
    bsi_pool_free(pool);
    if (status < 0) {
        (void)fprintf(stderr, "%s\n", bs_error_last()->message);
        return 1;
    }
    (void)printf("%llu items, %u threads: %.1f ms\n", (unsigned long long)count, threads,
                 (double)(bsi_monotonic_ns() - began) / 1e6);
    return 0;
}
