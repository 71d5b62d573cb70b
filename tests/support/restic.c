/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "support/restic.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "text/json_read.h"

enum {
    PATH_SIZE = 4096,
    FILE_MAX = 1024 * 1024,
};

const char *const restic_repositories[RESTIC_REPOSITORIES] = {"repo-v1", "repo-v2", "repo-v2-new"};

bsi_secret *restic_password(void)
{
    static const char password[] = "fixture-password";
    bsi_secret *secret = NULL;

    assert_ok(bsi_secret_copy(password, strlen(password), &secret));
    return secret;
}

static void read_file(const char *path, bsi_buf *out)
{
    FILE *file = fopen(path, "re");
    size_t got = 0;

    assert_non_null(file);
    bsi_buf_init(out, FILE_MAX);
    assert_ok(bsi_buf_reserve(out, FILE_MAX));
    got = fread(out->data, 1, FILE_MAX, file);
    assert_int_equal(fclose(file), 0);
    assert_true(got < FILE_MAX);
    out->size = got;
}

/* nftw() has no argument for its callback. */
static bsi_storage *loading;
static size_t loading_skip;

static int load_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    bsi_buf content;

    (void)info;
    (void)place;
    if (type == FTW_F) {
        read_file(path, &content);
        assert_ok(bsi_storage_put(loading, NULL, path + loading_skip, content.data, content.size));
        bsi_buf_dispose(&content);
    }
    return 0;
}

bsi_storage *restic_load(const char *data_folder, const char *name)
{
    char path[PATH_SIZE];

    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &loading));
    (void)snprintf(path, sizeof(path), "%s/%s", data_folder, name);
    loading_skip = strlen(path) + 1;
    assert_int_equal(nftw(path, load_one, 16, FTW_PHYS), 0);
    return loading;
}

static size_t each_text(bsi_json_reader *reader, restic_text_cb callback, void *user)
{
    char id[BSI_JSON_KEY_SIZE];
    bsi_slice key = {0};
    bsi_slice text = {0};
    bsi_buf scratch;
    size_t count = 0;

    bsi_buf_init(&scratch, FILE_MAX);
    if (bsi_json_peek(reader) == BSI_JSON_STRING) {
        assert_ok(bsi_json_read_string(reader, &scratch, &text));
        callback(user, "", text);
        bsi_buf_dispose(&scratch);
        return 1;
    }
    assert_ok(bsi_json_enter_object(reader));
    while (bsi_json_next_key(reader, &key) == BS_OK) {
        (void)snprintf(id, sizeof(id), "%.*s", (int)key.size, key.data);
        if (bsi_json_peek(reader) == BSI_JSON_STRING) {
            assert_ok(bsi_json_read_string(reader, &scratch, &text));
        } else {
            assert_ok(bsi_json_raw_value(reader, &text));
        }
        callback(user, id, text);
        count++;
    }
    bsi_buf_dispose(&scratch);
    return count;
}

size_t restic_expected(const char *data_folder, const char *name, const char *section,
                       restic_text_cb callback, void *user)
{
    char path[PATH_SIZE];
    bsi_json_reader reader;
    bsi_slice key = {0};
    bsi_buf json;
    size_t count = 0;

    (void)snprintf(path, sizeof(path), "%s/expected/%s.objects.json", data_folder, name);
    read_file(path, &json);
    bsi_json_init(&reader, json.data, json.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    assert_ok(bsi_json_enter_object(&reader));
    while (bsi_json_next_key(&reader, &key) == BS_OK) {
        if (bsi_slice_is(key, section)) {
            count += each_text(&reader, callback, user);
        } else {
            assert_ok(bsi_json_skip(&reader));
        }
    }
    assert_ok(bsi_json_end(&reader));
    bsi_buf_dispose(&json);
    return count;
}
