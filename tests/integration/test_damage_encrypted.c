/* SPDX-License-Identifier: MIT */
/*
 * Encrypted backups in each container, damaged by chance and by hands that know
 * the format: bits flipped, also where the check sum was made right again; cuts
 * and splices; objects and segments of one backup in the place of another's; one
 * wrong thing under a right HMAC. Who has the key finds all of it, and before any
 * file is put in place.
 */
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "crypto/envelope.h"
#include "damage_fixture.h"
#include "hash/sha256.h"
#include "support/forge_envelope.h"
#include "support/tree.h"
#include "vault/names.h"

enum {
    POINTS = 16, /* Of an object, in short runs. */
    WINZIP_POINTS = 64,
    RESEALED = 64,
    LARGE = 300000, /* Of a file whose container has at least LEAST segments. */
    LEAST = 4,
    HEADER = BSI_ENVELOPE_HEADER_SIZE,
    SEGMENT = BSI_ENVELOPE_SEGMENT_SIZE + BSI_ENVELOPE_TAG_SIZE,
    ROOM = 512 * 1024,
};

typedef void (*each_cb)(test_vault *vault, const char *compression);

static void with_each_key(test_vault *vault, const char *compression, each_cb check)
{
    vault->print_warnings = false;
    test_vault_encrypt_raw(vault);
    check(vault, compression);
    test_vault_encrypt(vault, BSI_ENCRYPTION_RSA);
    check(vault, compression);
}

/* In each container, under a raw key and for an RSA key. */
static void in_each(test_vault *vault, each_cb check)
{
    for (size_t i = 0; bsi_archive_at(i); i++) {
        with_each_key(vault, bsi_archive_name(bsi_archive_at(i)), check);
    }
}

static void back_up(test_vault *vault, const char *compression, test_backup *out)
{
    test_vault_backup(vault, "archive", BSI_KIND_FULL, compression, NULL, out);
    assert_int_equal(out->status, BS_OK);
}

static char *keys_of(const test_backup *backup)
{
    char *key = bsi_keys_key(backup->result.manifest_key);

    assert_non_null(key);
    return key;
}

static void assert_refused(test_vault *vault, const test_backup *backup)
{
    assert_true(damage_is_noticed(vault, "archive", backup));
    assert_false(damage_leaves_files(vault, "archive", backup));
}

static void assert_whole(test_vault *vault, const test_backup *backup)
{
    assert_false(damage_is_noticed(vault, "archive", backup));
    assert_true(damage_leaves_files(vault, "archive", backup));
}

/* --- By chance --- */

/* Times in whole seconds: in tar others need a header more. */
static void stamp(const char *path)
{
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* No more than two files in two directories: each bit of it is flipped. */
static void build_small(const test_vault *vault)
{
    const char *const names[] = {damage_names[0], damage_names[2], "dir"};
    char path[DAMAGE_PATH_SIZE];

    tree_remove(vault->source);
    assert_int_equal(mkdir(vault->source, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/dir", vault->source);
    assert_int_equal(mkdir(path, 0755), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", vault->source, names[i]);
        if (i < 2) {
            tree_write(path, 100 * (i + 1), i);
        }
        stamp(path);
    }
    stamp(vault->source);
}

/* A slot that is not used when the backup is opened is changed unnoticed only without the key. */
static void add_pass_phrase(test_vault *vault, const test_backup *backup)
{
    static const unsigned char salt[32] = "one for all, so as to wait once";
    static bsi_key *phrase;
    const bsi_keyset_cost cost = {.log_n = 15, .salt = salt};
    bsi_keyset *set = NULL;

    if (!phrase) {
        assert_ok(bsi_key_from_passphrase(bsi_slice_of("another one"), &phrase));
    }
    assert_ok(bsi_vault_load_keys(&vault->env, backup->result.manifest_key, &set));
    assert_ok(bsi_keyset_open(set, vault->env.keys, vault->env.key_count));
    assert_ok(bsi_keyset_add(set, phrase, "somebody", &cost, NULL));
    assert_ok(
        bsi_vault_store_keys(&vault->env, backup->result.manifest_key, set, vault->seal.open_key));
    bsi_keyset_free(set);
}

static void damage(test_vault *vault, const test_backup *backup, const char *key, const char *other)
{
    damage_object(vault, "archive", backup, key, POINTS);
    damage_splice(vault, "archive", backup, key, other, POINTS);
}

static void damage_each_object(test_vault *vault, const char *compression)
{
    test_backup backup;
    test_backup other;
    char *keys[2] = {NULL};

    print_message("# %s, %s\n", compression, bsi_encryption_name(vault->seal.encryption));
    build_small(vault);
    back_up(vault, compression, &backup);
    back_up(vault, compression, &other);
    keys[0] = keys_of(&backup);
    keys[1] = keys_of(&other);
    vault->env.fresh_id = backup.id; /* The data key: unwrapping it each time would take long. */
    vault->env.fresh_key = backup.result.data_key;
    damage(vault, &backup, backup.result.container_key, other.result.container_key);
    damage(vault, &backup, backup.result.manifest_key, other.result.manifest_key);
    vault->env.fresh_key = NULL;
    add_pass_phrase(vault, &backup);
    add_pass_phrase(vault, &other);
    damage(vault, &backup, keys[0], keys[1]);
    free(keys[0]);
    free(keys[1]);
    test_backup_dispose(&backup);
    test_backup_dispose(&other);
}

static void every_flipped_bit_cut_and_splice_is_found_before_a_file_is_there(void **state)
{
    in_each(*state, damage_each_object);
}

/* --- A zip file with encrypted members --- */

/* Other programs read it, so nothing seals it as a whole: a restore finds damage file by file. */
static void back_up_winzip(test_vault *vault, test_backup *out)
{
    back_up(vault, "zip", out);
    assert_true(bsi_is_winzip_key(out->result.container_key));
}

static void use_winzip(test_vault *vault)
{
    vault->print_warnings = false;
    test_vault_encrypt(vault, BSI_ENCRYPTION_AES256);
    vault->seal.winzip = true;
    damage_build(vault);
}

static void damage_in_encrypted_members_is_found_before_their_file_is_there(void **state)
{
    test_vault *vault = *state;
    test_backup backup;
    char *keys = NULL;

    use_winzip(vault);
    back_up_winzip(vault, &backup);
    keys = keys_of(&backup);
    vault->env.fresh_id = backup.id;
    vault->env.fresh_key = backup.result.data_key;
    damage_object(vault, "archive", &backup, backup.result.container_key, WINZIP_POINTS);
    damage_object(vault, "archive", &backup, backup.result.manifest_key, POINTS);
    damage_object(vault, "archive", &backup, keys, POINTS);
    vault->env.fresh_key = NULL;
    free(keys);
    test_backup_dispose(&backup);
}

static void assert_swap_is_found(test_vault *vault, const test_backup *one, const test_backup *two)
{
    damage_swap(vault, one->result.container_key, two->result.container_key);
    assert_true(damage_is_noticed(vault, "archive", one));
    assert_true(damage_is_noticed(vault, "archive", two));
    (void)damage_leaves_files(vault, "archive", one);
    damage_swap(vault, one->result.container_key, two->result.container_key);
    assert_whole(vault, one);
}

/* Under the same pass phrase: of the same files, and of one that differs. */
static void encrypted_members_of_another_backup_are_found(void **state)
{
    test_vault *vault = *state;
    test_backup one;
    test_backup two;
    char path[DAMAGE_PATH_SIZE];

    use_winzip(vault);
    back_up_winzip(vault, &one);
    back_up_winzip(vault, &two);
    assert_swap_is_found(vault, &one, &two);
    test_backup_dispose(&two);
    (void)snprintf(path, sizeof(path), "%s/%s", vault->source, damage_names[1]);
    tree_write(path, 80, 99);
    back_up_winzip(vault, &two);
    damage_build(vault);
    assert_swap_is_found(vault, &one, &two);
    test_backup_dispose(&one);
    test_backup_dispose(&two);
}

/* --- A key set with its check sum made right again --- */

static void save_resealed(const char *path, uint8_t *bytes, size_t size)
{
    bsi_digest digest;

    bsi_sha256_of(bytes, size - BSI_SHA256_SIZE, &digest);
    memcpy(bytes + size - BSI_SHA256_SIZE, digest.bytes, BSI_SHA256_SIZE);
    damage_save(path, bytes, size);
}

static void reseal_each_bit(test_vault *vault, const char *compression)
{
    static uint8_t bytes[64 * 1024];
    test_backup backup;
    char path[DAMAGE_PATH_SIZE];
    char *keys = NULL;
    size_t size = 0;
    size_t step = 0;

    damage_build(vault);
    back_up(vault, compression, &backup);
    add_pass_phrase(vault, &backup);
    assert_whole(vault, &backup);
    keys = keys_of(&backup);
    damage_path(vault, keys, path);
    size = damage_load(path, bytes, sizeof(bytes));
    step = damage_all() ? 1 : 8 * size / RESEALED | 1;
    for (size_t at = 0; at < 8 * (size - BSI_SHA256_SIZE); at += step) {
        bytes[at / 8] ^= (uint8_t)(1U << at % 8);
        save_resealed(path, bytes, size);
        assert_refused(vault, &backup);
        bytes[at / 8] ^= (uint8_t)(1U << at % 8);
    }
    save_resealed(path, bytes, size);
    assert_whole(vault, &backup);
    free(keys);
    test_backup_dispose(&backup);
}

static void a_changed_key_set_is_found_though_its_check_sum_is_right(void **state)
{
    with_each_key(*state, "tar.zst", reseal_each_bit);
}

static bs_status count_manifest(void *user, const char *key, const bsi_manifest_info *info)
{
    (void)key;
    (void)info;
    (*(unsigned *)user)++;
    return BS_OK;
}

/* A pass phrase's slot whose cost nobody allows, in a set that is right otherwise. */
static void a_key_set_that_asks_too_much_is_damage_and_stops_no_scan(void **state)
{
    static const uint8_t cost[] = {15, 8, 1, 0};
    static uint8_t bytes[64 * 1024];
    test_vault *vault = *state;
    test_backup backup;
    test_backup other;
    char path[DAMAGE_PATH_SIZE];
    char *keys = NULL;
    uint8_t *at = NULL;
    size_t size = 0;
    unsigned found = 0;

    vault->print_warnings = false;
    test_vault_encrypt_raw(vault);
    build_small(vault);
    back_up(vault, "tar.zst", &backup);
    back_up(vault, "tar.zst", &other);
    add_pass_phrase(vault, &backup);
    keys = keys_of(&backup);
    damage_path(vault, keys, path);
    size = damage_load(path, bytes, sizeof(bytes));
    at = memmem(bytes, size, cost, sizeof(cost));
    assert_non_null(at);
    *at = 40;
    save_resealed(path, bytes, size);
    assert_refused(vault, &backup);
    assert_status(test_vault_restore(vault, "archive", &backup), BS_E_LIMIT);
    assert_ok(bsi_vault_scan(&vault->env, count_manifest, &found));
    assert_int_equal(found, 1);
    assert_int_equal(vault->warnings, 1);
    free(keys);
    test_backup_dispose(&backup);
    test_backup_dispose(&other);
}

/* --- Objects in the place of others --- */

static void swap_and_check(test_vault *vault, const test_backup *one, const test_backup *two,
                           const char *from, const char *to)
{
    damage_swap(vault, from, to);
    assert_refused(vault, one);
    assert_refused(vault, two);
    damage_swap(vault, from, to);
}

/* Alike in every size, and under the same key. */
static void swap_between_two(test_vault *vault, const char *compression)
{
    test_backup one;
    test_backup two;
    char *keys[2] = {NULL};

    damage_build(vault);
    back_up(vault, compression, &one);
    back_up(vault, compression, &two);
    keys[0] = keys_of(&one);
    keys[1] = keys_of(&two);
    swap_and_check(vault, &one, &two, one.result.container_key, two.result.container_key);
    swap_and_check(vault, &one, &two, one.result.manifest_key, two.result.manifest_key);
    swap_and_check(vault, &one, &two, keys[0], keys[1]);
    swap_and_check(vault, &one, &one, one.result.manifest_key, one.result.container_key);
    swap_and_check(vault, &one, &one, one.result.manifest_key, keys[0]);
    damage_swap(vault, keys[0], keys[1]);
    swap_and_check(vault, &one, &two, one.result.container_key, two.result.container_key);
    swap_and_check(vault, &one, &two, one.result.manifest_key, two.result.manifest_key);
    damage_swap(vault, one.result.container_key, two.result.container_key);
    damage_swap(vault, one.result.manifest_key, two.result.manifest_key);
    assert_refused(vault, &one); /* The whole of another backup. */
    assert_refused(vault, &two);
    damage_swap(vault, one.result.container_key, two.result.container_key);
    damage_swap(vault, one.result.manifest_key, two.result.manifest_key);
    damage_swap(vault, keys[0], keys[1]);
    assert_whole(vault, &one);
    assert_whole(vault, &two);
    free(keys[0]);
    free(keys[1]);
    test_backup_dispose(&one);
    test_backup_dispose(&two);
}

static void an_object_of_another_backup_is_found(void **state)
{
    in_each(*state, swap_between_two);
}

/* --- Segments --- */

typedef struct sealed {
    uint8_t bytes[ROOM];
    size_t size;
} sealed;

static uint8_t *segment(sealed *object, size_t index)
{
    return object->bytes + HEADER + index * SEGMENT;
}

/* One file, of many segments. */
static void build_large(const test_vault *vault)
{
    char path[DAMAGE_PATH_SIZE];

    tree_remove(vault->source);
    assert_int_equal(mkdir(vault->source, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/%s", vault->source, damage_names[0]);
    tree_write(path, LARGE, 1);
}

static void load(const test_vault *vault, const test_backup *backup, sealed *out)
{
    char path[DAMAGE_PATH_SIZE];

    damage_path(vault, backup->result.container_key, path);
    out->size = damage_load(path, out->bytes, sizeof(out->bytes));
    assert_in_range(out->size, HEADER + LEAST * SEGMENT, ROOM);
}

/* Segments of `is` in another order; `other`: a like backup. */
static void rearrange(sealed *is, sealed *other, size_t number)
{
    static uint8_t aside[SEGMENT];
    const size_t at = number % (LEAST - 1);
    const size_t last = (is->size - HEADER - 1) / SEGMENT;

    switch (number / (LEAST - 1)) {
    case 0: /* Two that change places, */
        memcpy(aside, segment(is, at), SEGMENT);
        memcpy(segment(is, at), segment(is, at + 1), SEGMENT);
        memcpy(segment(is, at + 1), aside, SEGMENT);
        break;
    case 1: /* one in the place of the next, */
        memcpy(segment(is, at + 1), segment(is, at), SEGMENT);
        break;
    case 2: /* one twice, */
        is->size += SEGMENT;
        memmove(segment(is, at + 1), segment(is, at), is->size - HEADER - (at + 1) * SEGMENT);
        break;
    case 3: /* one left out, */
        is->size -= SEGMENT;
        memmove(segment(is, at), segment(is, at + 1), is->size - HEADER - at * SEGMENT);
        break;
    case 4: /* one of another backup, */
        memcpy(segment(is, at), segment(other, at), SEGMENT);
        break;
    default: /* cut between two. */
        is->size = HEADER + (last - at) * SEGMENT;
        break;
    }
}

static void splice_segments(test_vault *vault, const char *compression)
{
    static sealed was;
    static sealed is;
    static sealed other;
    test_backup one;
    test_backup two;
    char path[DAMAGE_PATH_SIZE];

    build_large(vault);
    back_up(vault, compression, &one);
    back_up(vault, compression, &two);
    load(vault, &one, &was);
    load(vault, &two, &other);
    damage_path(vault, one.result.container_key, path);
    for (size_t number = 0; number < 6 * (LEAST - 1); number++) {
        is = was;
        rearrange(&is, &other, number);
        damage_save(path, is.bytes, is.size);
        assert_refused(vault, &one);
    }
    damage_save(path, was.bytes, was.size);
    assert_whole(vault, &one);
    test_backup_dispose(&one);
    test_backup_dispose(&two);
}

static void segments_out_of_place_are_found(void **state)
{
    in_each(*state, splice_segments);
}

/* --- Headers --- */

/* In front of the same segments. */
static void put_header(const char *path, const sealed *was, const unsigned char *header)
{
    static sealed is;

    is = *was;
    memcpy(is.bytes, header, HEADER);
    damage_save(path, is.bytes, is.size);
}

/* Headers that are authentic each, one of them of the same backup and made with its data key. */
static void replay_headers(test_vault *vault, const char *compression)
{
    static sealed was;
    static sealed other;
    test_backup one;
    test_backup two;
    bsi_envelope *envelope = NULL;
    bsi_keyset *set = NULL;
    char path[DAMAGE_PATH_SIZE];

    build_large(vault);
    back_up(vault, compression, &one);
    back_up(vault, compression, &two);
    load(vault, &one, &was);
    load(vault, &two, &other);
    damage_path(vault, one.result.container_key, path);
    put_header(path, &was, other.bytes);
    assert_refused(vault, &one);
    assert_ok(bsi_vault_load_keys(&vault->env, one.result.manifest_key, &set));
    assert_ok(bsi_envelope_create(one.result.data_key, BSI_ENVELOPE_CONTAINER, bsi_keyset_id(set),
                                  &envelope));
    put_header(path, &was, bsi_envelope_header(envelope));
    assert_refused(vault, &one);
    bsi_envelope_free(envelope);
    assert_ok(bsi_envelope_create(one.result.data_key, BSI_ENVELOPE_MANIFEST, bsi_keyset_id(set),
                                  &envelope));
    put_header(path, &was, bsi_envelope_header(envelope));
    assert_refused(vault, &one);
    bsi_envelope_free(envelope);
    bsi_keyset_free(set);
    damage_save(path, was.bytes, was.size);
    assert_whole(vault, &one);
    test_backup_dispose(&one);
    test_backup_dispose(&two);
}

static void a_header_on_other_segments_is_found(void **state)
{
    in_each(*state, replay_headers);
}

/* --- Lies --- */

/* What a container's envelope holds. Disposed of with bsi_buf_dispose(). */
static void unseal(const test_backup *backup, const sealed *object, bsi_buf *out)
{
    bsi_envelope *envelope = NULL;
    uint64_t left = 0;

    bsi_buf_init(out, ROOM);
    assert_ok(bsi_envelope_open(backup->result.data_key, BSI_ENVELOPE_CONTAINER, backup->id,
                                object->bytes, &envelope));
    assert_ok(bsi_envelope_plain_size(envelope, object->size, &left));
    assert_ok(bsi_buf_reserve(out, (size_t)left));
    for (size_t i = 0; left > 0; i++) {
        const size_t size = left < BSI_ENVELOPE_SEGMENT_SIZE ? left : BSI_ENVELOPE_SEGMENT_SIZE;
        left -= size;
        assert_ok(bsi_envelope_unseal(envelope, i, left == 0, object->bytes + HEADER + i * SEGMENT,
                                      size, out->data + out->size));
        out->size += size;
    }
    bsi_envelope_free(envelope);
}

/*
 * The same with a lie in it, and of the same size: fewer segments get zeros at their end, which
 * no file reaches. False: it has more of them.
 */
static bool forge(const test_backup *backup, const forge_lie *lie, const sealed *was,
                  const bsi_buf *plain, bsi_buf *out)
{
    static uint8_t padded[ROOM];
    size_t padding = 0;

    memcpy(padded, plain->data, plain->size);
    memset(padded + plain->size, 0, sizeof(padded) - plain->size);
    bsi_buf_init(out, ROOM);
    forge_envelope(lie, backup->result.data_key, was->bytes, padded, plain->size, out);
    if (out->size < was->size) {
        padding = was->size - out->size;
        bsi_buf_clear(out);
        forge_envelope(lie, backup->result.data_key, was->bytes, padded, plain->size + padding,
                       out);
    }
    return out->size == was->size;
}

/* The container's own digest, in the manifest, tells verification; a restore has the envelope. */
static void tell_lies(test_vault *vault, const char *compression)
{
    static sealed was;
    const forge_lie *lie = NULL;
    test_backup backup;
    char path[DAMAGE_PATH_SIZE];
    bsi_buf plain;
    bsi_buf object;

    build_large(vault);
    back_up(vault, compression, &backup);
    load(vault, &backup, &was);
    unseal(&backup, &was, &plain);
    damage_path(vault, backup.result.container_key, path);
    for (size_t i = 0; (lie = forge_lie_at(i)) != NULL; i++) {
        if (forge(&backup, lie, &was, &plain, &object)) {
            damage_save(path, object.data, object.size);
            assert_true(damage_is_noticed(vault, "archive", &backup) !=
                        (memcmp(object.data, was.bytes, was.size) == 0));
            assert_int_equal(damage_leaves_files(vault, "archive", &backup), !lie->refusal);
        }
        bsi_buf_dispose(&object);
    }
    bsi_buf_dispose(&plain);
    test_backup_dispose(&backup);
}

static void one_wrong_thing_under_a_right_hmac_is_found(void **state)
{
    if (damage_all()) {
        in_each(*state, tell_lies);
    } else {
        with_each_key(*state, "tar.zst", tell_lies);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_vault_setup, test_vault_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_flipped_bit_cut_and_splice_is_found_before_a_file_is_there),
        TEST(damage_in_encrypted_members_is_found_before_their_file_is_there),
        TEST(encrypted_members_of_another_backup_are_found),
        TEST(a_changed_key_set_is_found_though_its_check_sum_is_right),
        TEST(a_key_set_that_asks_too_much_is_damage_and_stops_no_scan),
        TEST(an_object_of_another_backup_is_found),
        TEST(segments_out_of_place_are_found),
        TEST(a_header_on_other_segments_is_found),
        TEST(one_wrong_thing_under_a_right_hmac_is_found),
    };

    test_dir_in_memory();
    return cmocka_run_group_tests_name("integration/damage_encrypted", tests, NULL, NULL);
}
