/* SPDX-License-Identifier: MIT */
/*
 * The entries that every container format is tried with, and how they are
 * written: partly by copying, partly in place.
 */
#include "conformance/archive_samples.h"

#include <stdlib.h>
#include <string.h>

#include "os/file.h"
#include "vault/archive/members.h"

enum {
    MIB = 1024 * 1024,
    POOL_SIZE = 9 * MIB,
    NOISE_AT = 6 * MIB,
    MANY = 300,
    SPARSE_SIZE = 4 * MIB,
    ITEMS_MAX = 512,
};

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void *own(sample_set *set, void *memory)
{
    set->owned[set->owned_count++] = memory;
    return memory;
}

static bsi_slice own_text(sample_set *set, const char *text)
{
    return bsi_slice_of(own(set, strdup(text)));
}

static bsi_entry *add(sample_set *set, const char *path, bsi_file_type type, uint32_t mode)
{
    sample *item = &set->items[set->count++];

    memset(item, 0, sizeof(*item));
    item->data = set->pool;
    item->entry.path = own_text(set, path);
    item->entry.stat.type = type;
    item->entry.stat.mode = mode;
    item->entry.stat.mtime.sec = 1700000000 + (int64_t)set->count;
    item->entry.user = bsi_slice_of("root");
    item->entry.group = bsi_slice_of("root");
    return &item->entry;
}

static bsi_entry *add_file(sample_set *set, const char *path, const uint8_t *data, uint64_t size)
{
    bsi_entry *entry = add(set, path, BSI_TYPE_FILE, 0644);

    set->items[set->count - 1].data = data;
    entry->stat.size = size;
    return entry;
}

void samples_add_file(sample_set *set, const char *path, size_t size)
{
    (void)add_file(set, path, set->pool, size);
}

static void fill_pool(sample_set *set)
{
    uint32_t state = 2463534242;

    set->pool = malloc(POOL_SIZE);
    for (size_t i = 0; i < NOISE_AT; i++) {
        set->pool[i] = (uint8_t)((size_t) "the quick brown fox "[i % 20] + i / 5000 % 7);
    }
    for (size_t i = NOISE_AT; i < POOL_SIZE; i++) {
        set->pool[i] = (uint8_t)next_random(&state);
    }
}

static void add_contents(sample_set *set)
{
    char path[64];

    (void)add(set, "tree", BSI_TYPE_DIR, 0755);
    (void)add_file(set, "tree/empty", set->pool, 0);
    (void)add_file(set, "tree/one", set->pool, 1);
    (void)add_file(set, "tree/text.bin", set->pool, set->small ? 70000 : 5 * MIB);
    (void)add_file(set, "tree/noise.bin", set->pool + NOISE_AT, set->small ? 9000 : 3 * MIB);
    (void)add_file(set, "tree/block", set->pool, set->small ? 512 : MIB);
    (void)add(set, "tree/many", BSI_TYPE_DIR, 0755);
    for (unsigned i = 0; i < (set->small ? 10 : MANY); i++) {
        (void)snprintf(path, sizeof(path), "tree/many/f%03u", i);
        (void)add_file(set, path, set->pool + i, (uint64_t)i * 7);
    }
}

static void add_names(sample_set *set)
{
    char path[512];

    (void)add(set, "tree/hollow", BSI_TYPE_DIR, 0700);
    (void)add(set, "tree/a", BSI_TYPE_DIR, 0755);
    (void)add(set, "tree/a/b", BSI_TYPE_DIR, 0750);
    (void)add_file(set, "tree/a/b/leaf", set->pool + 3, 1000);
    (void)snprintf(path, sizeof(path), "tree/%0120d", 7);
    (void)add_file(set, path, set->pool, 120);
    (void)snprintf(path, sizeof(path), "tree/%080d", 1);
    (void)add(set, path, BSI_TYPE_DIR, 0755);
    (void)snprintf(path, sizeof(path), "tree/%080d/%080d", 1, 2);
    (void)add(set, path, BSI_TYPE_DIR, 0755);
    (void)snprintf(path, sizeof(path), "tree/%080d/%080d/split", 1, 2);
    (void)add_file(set, path, set->pool, 17);
    (void)snprintf(path, sizeof(path), "tree/%080d/%080d/%0150d", 1, 2, 3);
    (void)add_file(set, path, set->pool, 18);
    (void)add_file(set,
                   "tree/Gr\xc3\xbc\xc3\x9f"
                   "e-\xe6\x97\xa5\xe6\x9c\xac-\xf0\x9f\x98\x80",
                   set->pool, 19);
    (void)add_file(set, "tree/caf\xe9", set->pool, 20);
    (void)add_file(set, "tree/new\nline", set->pool, 21);
    (void)add_file(set, "tree/back\\slash", set->pool, 22);
    (void)add_file(set, "tree/-rf *", set->pool, 23);
}

static void add_times(sample_set *set)
{
    add_file(set, "tree/time-ns", set->pool, 24)->stat.mtime =
        (bsi_time){.sec = 1700000000, .nsec = 123456789};
    add_file(set, "tree/time-100ns", set->pool, 24)->stat.mtime =
        (bsi_time){.sec = 1700000000, .nsec = 123456700};
    add_file(set, "tree/time-1960", set->pool, 25)->stat.mtime = (bsi_time){.sec = -300000000};
    add_file(set, "tree/time-1969", set->pool, 26)->stat.mtime =
        (bsi_time){.sec = -2, .nsec = 250000000};
    add_file(set, "tree/time-2050", set->pool, 27)->stat.mtime = (bsi_time){.sec = 2524608000};
    add_file(set, "tree/time-1970", set->pool, 28)->stat.mtime = (bsi_time){.sec = 0};
}

static void add_xattrs(sample_set *set)
{
    static const bsi_xattr user[] = {
        {{"user.a=b%", 9}, {"odd", 3}},
        {{"user.binary", 11}, {"a\0b\n", 4}},
        {{"user.comment", 12}, {"hello", 5}},
    };
    static const bsi_xattr capability[] = {
        {{"security.capability", 19}, {"\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20}},
        {{"trusted.backup", 14}, {"yes", 3}},
    };
    static const bsi_xattr acl[] = {
        {{"system.posix_acl_access", 23},
         {"\2\0\0\0\1\0\6\0\377\377\377\377\2\0\7\0\350\3\0\0\4\0\4\0\377\377\377\377"
          "\20\0\7\0\377\377\377\377\40\0\4\0\377\377\377\377",
          44}},
    };
    bsi_entry *entry = add_file(set, "tree/xattr", set->pool, 30);

    entry->xattrs = user;
    entry->xattr_count = 3;
    entry = add_file(set, "tree/capability", set->pool, 31);
    entry->stat.mode = 0755;
    entry->xattrs = capability;
    entry->xattr_count = 2;
    entry = add_file(set, "tree/acl", set->pool, 32);
    entry->stat.mode = 0674;
    entry->xattrs = acl;
    entry->xattr_count = 1;
}

static void add_sparse(sample_set *set, const char *path, bool tail)
{
    static const bsi_extent extents[] = {
        {4096, 8192}, {MIB, 65536}, {2 * MIB + 4096, 512}, {SPARSE_SIZE - 4096, 4096 + 100}};
    uint8_t *data = own(set, calloc(1, SPARSE_SIZE + 100));
    bsi_entry *entry = add_file(set, path, data, SPARSE_SIZE + 100);

    entry->sparse = true;
    entry->extents = extents;
    entry->extent_count = tail ? 4 : 3;
    for (size_t i = 0; i < entry->extent_count; i++) {
        memcpy(data + extents[i].offset, set->pool + NOISE_AT, extents[i].size);
    }
}

static void add_special(sample_set *set)
{
    char target[301];
    bsi_entry *entry = add_file(set, "tree/setuid", set->pool, 29);

    entry->stat.mode = 04755;
    entry->stat.uid = 3000000;
    entry->stat.gid = 54321;
    entry->user = bsi_slice_of("");
    entry->group = bsi_slice_of("");
    entry = add(set, "tree/link", BSI_TYPE_SYMLINK, 0777);
    entry->link = bsi_slice_of("a/b/leaf");
    memset(target, 't', 300);
    target[300] = '\0';
    entry = add(set, "tree/long-link", BSI_TYPE_SYMLINK, 0777);
    entry->link = own_text(set, target);
    entry = add_file(set, "tree/one-more", set->pool, 1);
    entry->stat.mtime = set->items[2].entry.stat.mtime;
    entry->linked = bsi_slice_of("tree/one");
    (void)add(set, "tree/fifo", BSI_TYPE_FIFO, 0600);
    entry = add(set, "tree/null", BSI_TYPE_CHAR_DEVICE, 0666);
    entry->stat.rdev_major = 1;
    entry->stat.rdev_minor = 3;
    (void)add(set, "tree/socket", BSI_TYPE_SOCKET, 0755);
    if (!set->small) {
        add_sparse(set, "tree/sparse", false);
        add_sparse(set, "tree/sparse-tail", true);
        entry = add_file(set, "tree/sparse-void", set->items[set->count - 1].data, 4000);
        entry->sparse = true;
    }
}

void samples_make(sample_set *set, bool small)
{
    *set = (sample_set){.small = small};
    set->items = calloc(ITEMS_MAX, sizeof(sample));
    set->owned = calloc((size_t)2 * ITEMS_MAX, sizeof(void *));
    fill_pool(set);
    add_contents(set);
    add_names(set);
    add_times(set);
    add_xattrs(set);
    add_special(set);
}

void samples_dispose(sample_set *set)
{
    for (size_t i = 0; i < set->owned_count; i++) {
        free(set->owned[i]);
    }
    free(set->items);
    free(set->owned);
    free(set->pool);
}

bs_status container_sink(void *user, const void *data, size_t size)
{
    container *to = user;

    if (to->fail_after >= 0 && to->fail_after-- == 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NO_SPACE, "the test's disk is full");
    }
    if (to->file) {
        to->size += size;
        return fwrite(data, 1, size, to->file) == size ? BS_OK : BS_E_IO;
    }
    while (to->capacity - to->size < size) {
        to->capacity = to->capacity ? to->capacity * 2 : MIB;
        to->data = realloc(to->data, to->capacity);
    }
    memcpy(to->data + to->size, data, size);
    to->size += size;
    return BS_OK;
}

bs_status container_patch(void *user, uint64_t offset, const void *data, size_t size)
{
    container *to = user;

    if (to->file) {
        return fseek(to->file, (long)offset, SEEK_SET) == 0 &&
                       fwrite(data, 1, size, to->file) == size && fseek(to->file, 0, SEEK_END) == 0
                   ? BS_OK
                   : BS_E_IO;
    }
    memcpy(to->data + offset, data, size);
    return BS_OK;
}

bs_status container_read(void *user, uint64_t offset, void *buf, size_t size)
{
    const container *from = user;

    if (offset > from->size || size > from->size - offset) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL, "read outside of the container");
    }
    memcpy(buf, from->data + offset, size);
    return BS_OK;
}

void container_dispose(container *to)
{
    free(to->data);
    *to = (container){.fail_after = -1};
}

static bsi_members *members;

const bsi_member_cipher *samples_cipher(void)
{
    return members ? bsi_members_cipher(members) : NULL;
}

void samples_forget_format(void)
{
    bsi_members_free(members);
    members = NULL;
}

const bsi_archive_driver *samples_format(const char *name)
{
    bsi_key *key = NULL;
    const bsi_backup_plan plan = {
        .encryption = BSI_ENCRYPTION_AES256, .wrap_keys = &key, .wrap_count = 1};
    bs_status status = BS_OK;

    samples_forget_format();
    if (strcmp(name, "aes.zip") != 0) {
        return bsi_archive_find(bsi_slice_of(name));
    }
    status = bsi_key_from_passphrase(bsi_slice_of(SAMPLES_PHRASE), &key);
    if (status == BS_OK) {
        status = bsi_members_new(&plan, &members);
    }
    bsi_key_unref(key);
    return status == BS_OK ? bsi_archive_find(bsi_slice_of("zip")) : NULL;
}

bsi_archive_options container_options(container *to, bsi_pool *pool)
{
    return (bsi_archive_options){
        .pool = pool,
        .temp_dir = BSI_CWD,
        .sink = container_sink,
        .sink_user = to,
        .patch = container_patch,
        .cipher = samples_cipher(),
    };
}

/* Content in pieces of odd sizes: copied and filled in place in turn. */
static bs_status feed(bsi_archive_writer *writer, const uint8_t *data, uint64_t size)
{
    bool in_place = false;

    while (size > 0) {
        size_t part = size < 100003 ? (size_t)size : 100003;
        if (in_place) {
            void *space = NULL;
            size_t room = 0;
            bs_status status = bsi_archive_space(writer, &space, &room);
            if (status < 0) {
                return status;
            }
            part = part < room ? part : room;
            memcpy(space, data, part);
            status = bsi_archive_commit(writer, part);
            if (status < 0) {
                return status;
            }
        } else {
            const bs_status status = bsi_archive_write(writer, data, part);
            if (status < 0) {
                return status;
            }
        }
        in_place = !in_place;
        data += part;
        size -= part;
    }
    return BS_OK;
}

static bs_status feed_extents(bsi_archive_writer *writer, const sample *item)
{
    for (size_t i = 0; i < item->entry.extent_count; i++) {
        const bsi_extent *extent = &item->entry.extents[i];
        const bs_status status = feed(writer, item->data + extent->offset, extent->size);
        if (status < 0) {
            return status;
        }
    }
    return BS_OK;
}

bs_status sample_write(bsi_archive_writer *writer, const bsi_archive_driver *driver, sample *item)
{
    const bsi_entry *entry = &item->entry;
    const unsigned caps = bsi_archive_caps(driver);
    const bool linked = entry->linked.size > 0 && (caps & BSI_ARCHIVE_HARDLINKS);

    BSI_TRY(bsi_archive_begin(writer, entry));
    if (entry->stat.type == BSI_TYPE_FILE && !linked) {
        BSI_TRY(entry->sparse && (caps & BSI_ARCHIVE_SPARSE)
                    ? feed_extents(writer, item)
                    : feed(writer, item->data, entry->stat.size));
    }
    return bsi_archive_end(writer, &item->mark);
}

static bs_status write_all(bsi_archive_writer *writer, const bsi_archive_driver *driver,
                           sample_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        BSI_TRY(sample_write(writer, driver, &set->items[i]));
    }
    BSI_TRY(bsi_archive_finish(writer));
    for (size_t i = 0; i < set->count; i++) {
        BSI_TRY(bsi_archive_locate(writer, &set->items[i].mark, &set->items[i].locator));
    }
    return BS_OK;
}

bs_status samples_write(const bsi_archive_driver *driver, const bsi_archive_options *options,
                        sample_set *set)
{
    bsi_archive_writer *writer = NULL;
    bs_status status = bsi_archive_writer_new(driver, options, &writer);

    if (status == BS_OK) {
        status = write_all(writer, driver, set);
    }
    bsi_archive_writer_free(writer);
    return status;
}
