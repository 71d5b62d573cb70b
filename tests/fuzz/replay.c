/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target on each file of the folder that is its one argument, and on
 * no bytes at all; for compilers without libFuzzer. Each file's name is told
 * before its turn, so that the last one is the one that failed.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* The content in a block of just its size, so that reading past it is seen. */
static void replay(const char *folder, const char *name)
{
    char path[4096];
    uint8_t *data = NULL;
    FILE *file = NULL;
    long size = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)printf("%s\n", path);
    (void)fflush(stdout);
    file = fopen(path, "rb");
    fuzz_check(file && fseek(file, 0, SEEK_END) == 0);
    size = ftell(file);
    rewind(file);
    data = malloc(size > 0 ? (size_t)size : 1);
    fuzz_check(data && fread(data, 1, (size_t)size, file) == (size_t)size);
    (void)fclose(file);
    fuzz_check(LLVMFuzzerTestOneInput(data, (size_t)size) == 0);
    free(data);
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **names = NULL;
    int count = 0;

    if (argc != 2) {
        return 2;
    }
    fuzz_check(LLVMFuzzerTestOneInput((const uint8_t *)"", 0) == 0);
    count = scandir(argv[1], &names, is_file, alphasort);
    if (count <= 0) {
        (void)fprintf(stderr, "%s: no inputs\n", argv[1]);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        replay(argv[1], names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return 0;
}
