/* SPDX-License-Identifier: MIT */
/*
 * Writes containers for other programs to open: archive_probe FORMAT FILE WHAT.
 * On standard output comes a line of JSON for each entry; contents of files go
 * to FILE.contents, one after the other.
 *
 * WHAT: samples; replaced (one path written twice); many (70000 entries); huge
 * (a file of more than 4 GiB); million (for measuring memory).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "conformance/archive_samples.h"
#include "os/file.h"

static const bsi_archive_driver *driver;
static container to = {.fail_after = -1};
static bsi_pool *pool;

static bool check(bs_status status)
{
    if (status < 0) {
        (void)fprintf(stderr, "%s: %s\n", bs_status_name(status), bs_error_last()->message);
    }
    return status >= 0;
}

static void print_hex(const char *key, bsi_slice bytes)
{
    printf("\"%s\": \"", key);
    for (size_t i = 0; i < bytes.size; i++) {
        printf("%02x", (uint8_t)bytes.data[i]);
    }
    printf("\", ");
}

static void print_sample(const sample *item, uint64_t content_at)
{
    const bsi_entry *entry = &item->entry;
    const bsi_stat *stat = &entry->stat;

    printf("{");
    print_hex("path", entry->path);
    print_hex("link", entry->link);
    print_hex("linked", entry->linked);
    printf("\"xattrs\": {");
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const bsi_slice value = entry->xattrs[i].value;
        printf("%s\"%.*s\": \"", i > 0 ? ", " : "", (int)entry->xattrs[i].name.size,
               entry->xattrs[i].name.data);
        for (size_t at = 0; at < value.size; at++) {
            printf("%02x", (uint8_t)value.data[at]);
        }
        printf("\"");
    }
    printf("}, \"type\": \"%s\", \"mode\": %u, \"uid\": %u, \"gid\": %u, \"size\": %" PRIu64
           ", \"sec\": %" PRId64 ", \"nsec\": %" PRId32 ", \"major\": %u, \"minor\": %u, "
           "\"sparse\": %s, \"at\": %" PRIu64 ", \"losses\": %u}\n",
           bsi_file_type_name(stat->type), stat->mode, stat->uid, stat->gid, stat->size,
           stat->mtime.sec, stat->mtime.nsec, stat->rdev_major, stat->rdev_minor,
           entry->sparse ? "true" : "false", content_at, bsi_archive_losses(driver, entry));
}

static bool print_samples(const sample_set *set, const char *path)
{
    char name[4096];
    uint64_t at = 0;
    bool good = true;
    FILE *contents = NULL;

    (void)snprintf(name, sizeof(name), "%s.contents", path);
    contents = fopen(name, "wbe");
    if (!contents) {
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        const sample *item = &set->items[i];
        const bool file = item->entry.stat.type == BSI_TYPE_FILE;
        print_sample(item, at);
        if (file) {
            good = good &&
                   fwrite(item->data, 1, item->entry.stat.size, contents) == item->entry.stat.size;
            at += item->entry.stat.size;
        }
    }
    return fclose(contents) == 0 && good;
}

static bool write_samples(const char *path, bool replaced)
{
    const bsi_archive_options options = container_options(&to, pool);
    sample_set set;
    bool good = false;

    samples_make(&set, false);
    if (replaced) {
        set.count = 1;
        samples_add_file(&set, "tree/twice", 100000);
        samples_add_file(&set, "tree/twice", 7);
        samples_add_file(&set, "tree/other", 5);
        samples_add_file(&set, "tree/nothing", 3);
        samples_add_file(&set, "tree/nothing", 0);
        samples_add_file(&set, "tree/nothing", 0);
    }
    good = check(samples_write(driver, &options, &set)) && print_samples(&set, path);
    samples_dispose(&set);
    return good;
}

/* Every second one is empty, every tenth a directory: what waits in queues must come in order. */
static bs_status write_many(uint64_t count)
{
    const bsi_archive_options options = container_options(&to, pool);
    bsi_archive_writer *writer = NULL;
    bsi_archive_mark mark;
    bs_status status = bsi_archive_writer_new(driver, &options, &writer);
    char path[100];

    for (uint64_t i = 0; i < count && status == BS_OK; i++) {
        sample item = {.data = (const uint8_t *)"content"};
        (void)snprintf(path, sizeof(path), "%s/a-name-of-some-length-%08" PRIu64,
                       i % 10 == 0 ? "dirs" : "files", i);
        item.entry.path = bsi_slice_of(path);
        item.entry.stat.type = i % 10 == 0 ? BSI_TYPE_DIR : BSI_TYPE_FILE;
        item.entry.stat.mode = 0755;
        item.entry.stat.mtime.sec = 1700000000;
        item.entry.stat.size = i % 10 == 0 ? 0 : i % 2 * 7;
        status = sample_write(writer, driver, &item);
    }
    if (status == BS_OK) {
        status = bsi_archive_finish(writer);
    }
    for (uint64_t i = 0; i < count && status == BS_OK; i += 1000) {
        bsi_locator locator;
        mark = (bsi_archive_mark){.segment = 0};
        status = bsi_archive_locate(writer, &mark, &locator);
    }
    bsi_archive_writer_free(writer);
    return status;
}

static bs_status write_huge(void)
{
    enum { PIECE = 1024 * 1024, PIECES = 4200 };
    const bsi_archive_options options = container_options(&to, pool);
    bsi_archive_writer *writer = NULL;
    bsi_archive_mark mark;
    uint8_t *zeros = calloc(1, PIECE);
    bs_status status = bsi_archive_writer_new(driver, &options, &writer);
    sample small = {.data = (const uint8_t *)"content"};
    bsi_entry entry = {.path = bsi_slice_of("huge")};

    entry.stat.type = BSI_TYPE_FILE;
    entry.stat.mode = 0644;
    entry.stat.size = (uint64_t)PIECE * PIECES;
    if (status == BS_OK) {
        status = bsi_archive_begin(writer, &entry);
    }
    for (int i = 0; i < PIECES && status == BS_OK; i++) {
        status = bsi_archive_write(writer, zeros, PIECE);
    }
    if (status == BS_OK) {
        status = bsi_archive_end(writer, &mark);
    }
    small.entry = entry;
    small.entry.path = bsi_slice_of("small");
    small.entry.stat.size = 7;
    if (status == BS_OK) {
        status = sample_write(writer, driver, &small);
    }
    if (status == BS_OK) {
        status = bsi_archive_finish(writer);
    }
    bsi_archive_writer_free(writer);
    free(zeros);
    return status;
}

static bool write_what(const char *path, const char *what)
{
    if (strcmp(what, "samples") == 0 || strcmp(what, "replaced") == 0) {
        return write_samples(path, strcmp(what, "replaced") == 0);
    }
    if (strcmp(what, "many") == 0) {
        return check(write_many(70000));
    }
    if (strcmp(what, "million") == 0) {
        struct rusage usage;
        const bool good = check(write_many(1000000));
        (void)getrusage(RUSAGE_SELF, &usage);
        printf("{\"max_rss_kib\": %ld}\n", usage.ru_maxrss);
        return good;
    }
    return strcmp(what, "huge") == 0 && check(write_huge());
}

int main(int argc, char **argv)
{
    bool good = false;

    driver = argc == 4 ? samples_format(argv[1]) : NULL;
    to.file = driver ? fopen(argv[2], "wbe") : NULL;
    if (!to.file || !check(bsi_pool_new(2, &pool))) {
        return 1;
    }
    good = write_what(argv[2], argv[3]);
    bsi_pool_free(pool);
    samples_forget_format();
    return fclose(to.file) == 0 && good ? 0 : 1;
}
