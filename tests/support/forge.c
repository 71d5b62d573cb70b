/* SPDX-License-Identifier: MIT */
#include "support/forge.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "archive/archive.h"
#include "support/test.h"
#include "vault/manifest.h"

#define HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define META                                                                                     \
    "\"mode\":\"0644\",\"uid\":0,\"gid\":0,\"mtime\":\"1.000000000\",\"ctime\":\"1.000000000\"," \
    "\"dev\":1,\"ino\":2"

static const char first_line[] =
    "{\"manifest\":1,\"id\":\"@I\",\"name\":\"home\",\"backup_type\":\"full\",\"form\":\"archive\","
    "\"compression\":\"@K\",\"compression_level\":0,\"source_paths\":[\"/a\"],"
    "\"created_at\":\"2026-11-23T02:00:00.000000000Z\","
    "\"started_at\":\"2026-11-23T02:00:00.000000000Z\","
    "\"completed_at\":\"2026-11-23T02:00:00.000000000Z\","
    "\"scan_began\":\"2026-11-23T02:00:00.000000000Z\",\"retention_days\":-1,\"base_id\":\"\","
    "\"note\":\"\",\"options\":{},\"metadata\":{},\"container\":{@C},\"needs\":[],\"entries\":@N,"
    "\"files\":1,\"bytes\":5,\"bytes_stored\":1,\"bytes_deduplicated\":0,\"warnings\":0}\n";

void forge_object(test_vault *vault, const char *key, const void *data, size_t size)
{
    char path[1200];
    int fd = -1;

    (void)snprintf(path, sizeof(path), "%s/home", vault->storage_path);
    (void)mkdir(path, 0755);
    assert_int_equal(chmod(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/%s", vault->storage_path, key);
    (void)unlink(path);
    if (!data) {
        return;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    assert_int_equal(fchmod(fd, 0644), 0);
    (void)close(fd);
}

void forge_compress(const void *text, size_t size, bsi_buf *out)
{
    const size_t bound = ZSTD_compressBound(size);

    bsi_buf_init(out, SIZE_MAX / 2);
    assert_ok(bsi_buf_reserve(out, bound));
    out->size = ZSTD_compress(out->data, bound, text, size, 1);
    assert_false(ZSTD_isError(out->size));
}

void forge_manifest(test_vault *vault, const void *stored, size_t size, bool sealed)
{
    uint8_t seal[BSI_MANIFEST_SEAL_SIZE];
    bsi_digest digest;
    bsi_buf object;

    bsi_buf_init(&object, SIZE_MAX / 2);
    bsi_sha256_of(stored, size, &digest);
    bsi_manifest_seal(&digest, seal);
    assert_ok(bsi_buf_append(&object, stored, size));
    assert_ok(bsi_buf_append(&object, seal, sealed ? sizeof(seal) : 0));
    forge_object(vault, FORGE_MANIFEST, object.size > 0 ? (const char *)object.data : "",
                 object.size);
    bsi_buf_dispose(&object);
}

/* --- Texts --- */

typedef struct texts {
    const forge *forge;
    char container[512];
    unsigned entries;
} texts;

static const char *word_for(const texts *self, char letter, char number[16])
{
    switch (letter) {
    case 'F':
        return "\"type\":\"file\"," META ",\"nlink\":1,\"size\":5,\"sha256\":\"" HELLO
               "\",\"stored_in\":\"" FORGE_ID "\",\"at\":[0,0]";
    case 'D':
        return "\"type\":\"dir\"," META;
    case 'S':
        return "\"type\":\"symlink\"," META ",\"nlink\":1";
    case 'M':
        return META;
    case 'I':
        return FORGE_ID;
    case 'H':
        return HELLO;
    case 'G':
        return self->forge->guard;
    case 'C':
        return self->container;
    case 'K':
        return self->forge->compression ? self->forge->compression : "tar.zst";
    default:
        assert_int_equal(letter, 'N');
        (void)snprintf(number, 16, "%u", self->entries);
        return number;
    }
}

static void expand(const texts *self, const char *text, bsi_buf *out)
{
    char number[16];

    while (*text) {
        const size_t plain = strcspn(text, "@");
        assert_ok(bsi_buf_append(out, text, plain));
        text += plain;
        if (*text) {
            assert_ok(bsi_buf_append_text(out, word_for(self, text[1], number)));
            text += 2;
        }
    }
}

static unsigned count_entries(const char *lines)
{
    unsigned count = 0;

    for (const char *at = strstr(lines, "{\"path"); at; at = strstr(at + 1, "\n{\"path")) {
        count++;
    }
    return count;
}

/* The first line with its replacement. */
static void put_first(const texts *self, bsi_buf *out)
{
    const forge *forged = self->forge;
    const char *line = forged->first ? forged->first : first_line;
    const char *at = forged->find ? strstr(line, forged->find) : NULL;
    char before[2048];

    assert_true(!forged->find || at);
    if (!at) {
        expand(self, line, out);
        return;
    }
    (void)snprintf(before, sizeof(before), "%.*s", (int)(at - line), line);
    expand(self, before, out);
    expand(self, forged->replace, out);
    expand(self, at + strlen(forged->find), out);
}

static void put_last(const texts *self, bsi_buf *text)
{
    char hex[2 * BSI_SHA256_SIZE + 1];
    bsi_digest said;

    if (self->forge->last) {
        expand(self, self->forge->last, text);
        return;
    }
    bsi_sha256_of(text->data, text->size, &said);
    bsi_digest_format(&said, hex);
    assert_ok(bsi_buf_append_format(text, "{\"end\":{\"entries\":%u,\"sha256\":\"%s\"}}\n",
                                    self->entries, hex));
}

static void put_container(const forge *self, const void *data, size_t size, texts *out)
{
    const char *kind = self->compression ? self->compression : "tar.zst";
    const bsi_archive_driver *driver = bsi_archive_find(bsi_slice_of(kind));
    char key[128];
    char hex[2 * BSI_SHA256_SIZE + 1];
    bsi_digest digest;

    (void)snprintf(key, sizeof(key), FORGE_STEM "%s",
                   driver ? bsi_archive_extension(driver) : ".unknown");
    forge_object(self->vault, key, data, size);
    bsi_sha256_of(data, size, &digest);
    bsi_digest_format(&digest, hex);
    (void)snprintf(out->container, sizeof(out->container),
                   "\"key\":\"%s\",\"size\":%zu,\"sha256\":\"%s\"", key, size, hex);
}

void forge_backup(const forge *self)
{
    texts words = {.forge = self, .entries = count_entries(self->lines)};
    bsi_buf text;
    bsi_buf stored;

    if (self->container) {
        put_container(self, self->container, self->container_size, &words);
    } else {
        forge_compress("hello, and more", 15, &stored);
        put_container(self, stored.data, stored.size, &words);
        bsi_buf_dispose(&stored);
    }
    bsi_buf_init(&text, SIZE_MAX / 2);
    put_first(&words, &text);
    expand(&words, self->lines, &text);
    put_last(&words, &text);
    forge_compress(text.data, text.size, &stored);
    forge_manifest(self->vault, stored.data, stored.size, true);
    bsi_buf_dispose(&stored);
    bsi_buf_dispose(&text);
}
