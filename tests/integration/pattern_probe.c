/* SPDX-License-Identifier: MIT */
/*
 * Says which paths a pattern list excludes, by the rules of a walker: from the
 * top down, and never into an excluded directory.
 *
 * Standard input: for each set the number of patterns, the patterns, the number
 * of paths and the paths, each ended by NUL; a path that ends with a slash is a
 * directory. Standard output: one line of 0s and 1s for each set, or "refused".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "text/pattern.h"

enum { INPUT_MAX = 64 << 20 };

typedef struct input {
    char *bytes;
    size_t size;
    size_t at;
} input;

static const char *next_text(input *in)
{
    const char *text = in->bytes + in->at;

    in->at += strlen(text) + 1;
    return text;
}

static bool excluded(const bsi_pattern_list *list, bsi_pattern_scratch *scratch, const char *path)
{
    const size_t size = strlen(path);

    for (size_t end = 1; end <= size; end++) {
        bsi_pattern_result result = BSI_PATTERN_NONE;
        const bool is_dir = path[end] == '/';

        if (path[end] != '/' && path[end] != '\0') {
            continue;
        }
        if (path[end - 1] == '/') {
            break; /* The mark of a directory. */
        }
        if (bsi_pattern_match(list, scratch, path, end, is_dir, &result) < 0) {
            (void)fprintf(stderr, "%s\n", bs_error_last()->message);
            exit(1);
        }
        if (result == BSI_PATTERN_MATCH) {
            return true;
        }
    }
    return false;
}

static const char **next_texts(input *in, size_t *count_out)
{
    const size_t count = strtoul(next_text(in), NULL, 10);
    const char **texts = bsi_calloc(count, sizeof(*texts));

    for (size_t i = 0; texts && i < count; i++) {
        texts[i] = next_text(in);
    }
    *count_out = count;
    return texts;
}

static void probe_set(input *in, bsi_pattern_scratch *scratch)
{
    size_t pattern_count = 0;
    size_t path_count = 0;
    const char **patterns = next_texts(in, &pattern_count);
    const char **paths = next_texts(in, &path_count);
    bsi_pattern_list *list = NULL;

    if (!patterns || !paths) {
        exit(1);
    }
    if (bsi_pattern_list_new(patterns, pattern_count, &list, NULL) < 0) {
        (void)printf("refused");
    } else {
        for (size_t i = 0; i < path_count; i++) {
            (void)putchar(excluded(list, scratch, paths[i]) ? '1' : '0');
        }
    }
    (void)putchar('\n');
    bsi_pattern_list_free(list);
    bsi_free(patterns);
    bsi_free(paths);
}

int main(void)
{
    input in = {.bytes = bsi_calloc(1, INPUT_MAX + 1)};
    bsi_pattern_scratch *scratch = NULL;

    if (!in.bytes || bsi_pattern_scratch_new(&scratch) < 0) {
        return 1;
    }
    in.size = fread(in.bytes, 1, INPUT_MAX, stdin);
    while (in.at < in.size) {
        probe_set(&in, scratch);
    }
    bsi_pattern_scratch_free(scratch);
    bsi_free(in.bytes);
    return 0;
}
