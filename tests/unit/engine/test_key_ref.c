/* SPDX-License-Identifier: MIT */
/*
 * References to keys: what they lead to, and every way in which that is refused.
 * The secret must not be in any refusal.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/key_ref.h"
#include "os/file.h"
#include "support/crypto_keys.h"
#include "support/tempdir.h"

#define SECRET "canary-of-the-key-file"

static void write_file(const test_dir *dir, const char *name, const char *text, uint32_t mode)
{
    int fd = -1;

    assert_ok(bsi_open(dir->fd, name, BSI_OPEN_WRITE | BSI_OPEN_CREATE, mode, &fd));
    assert_ok(bsi_truncate(fd, 0));
    assert_ok(bsi_write(fd, text, strlen(text)));
    assert_ok(bsi_fchmod(fd, mode));
    assert_ok(bsi_close(fd));
}

static const char *reference_to(const test_dir *dir, const char *name, const char *prefix)
{
    static char text[400];

    (void)snprintf(text, sizeof(text), "%s%s/%s", prefix, dir->path, name);
    return text;
}

static void assert_content(bsi_secret *content, const char *text)
{
    assert_int_equal(bsi_secret_size(content), strlen(text));
    assert_memory_equal(bsi_secret_view(content), text, strlen(text));
    bsi_secret_free(content);
}

/* It fails so, says this, and does not tell the secret. */
static void assert_refused(const char *reference, bs_status code, const char *words)
{
    bsi_secret *content = NULL;

    assert_status(bsi_key_ref_read(reference, &content), code);
    assert_null(content);
    if (!strstr(bs_error_last()->message, words)) {
        fail_msg("'%s' is not in '%s'", words, bs_error_last()->message);
    }
    assert_null(strstr(bs_error_last()->message, SECRET));
}

static void text_is_the_secret_itself(void **state)
{
    bsi_secret *content = NULL;

    (void)state;
    assert_ok(bsi_key_ref_read("a pass phrase: with colons", &content));
    assert_content(content, "a pass phrase: with colons");
    assert_ok(bsi_key_ref_read("text:env:HOME", &content));
    assert_content(content, "env:HOME");
    assert_refused("text:", BS_E_INVALID, "is empty");
    assert_refused("", BS_E_INVALID, "is empty");
}

static void variables_give_their_text(void **state)
{
    bsi_secret *content = NULL;

    (void)state;
    assert_int_equal(setenv("BSI_TEST_KEY", SECRET "\n", 1), 0);
    assert_ok(bsi_key_ref_read("env:BSI_TEST_KEY", &content));
    assert_content(content, SECRET);
    assert_int_equal(setenv("BSI_TEST_KEY", "", 1), 0);
    assert_refused("env:BSI_TEST_KEY", BS_E_INVALID, "'BSI_TEST_KEY' is empty");
    assert_int_equal(unsetenv("BSI_TEST_KEY"), 0);
    assert_refused("env:BSI_TEST_KEY", BS_E_NOT_FOUND, "no variable 'BSI_TEST_KEY'");
    assert_refused("env:", BS_E_NOT_FOUND, "no variable ''");
    assert_refused("env:A=B", BS_E_NOT_FOUND, "no variable 'A=B'");
}

static void one_line_end_behind_a_files_text_does_not_count(void **state)
{
    static const struct {
        const char *text;
        const char *content;
    } cases[] = {
        {SECRET, SECRET},
        {SECRET "\n", SECRET},
        {SECRET "\r\n", SECRET},
        {SECRET "\n\n", SECRET "\n"},
        {"\n" SECRET " ", "\n" SECRET " "},
    };
    const test_dir *dir = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bsi_secret *content = NULL;
        write_file(dir, "key", cases[i].text, 0600);
        assert_ok(bsi_key_ref_read(reference_to(dir, "key", "file:"), &content));
        assert_content(content, cases[i].content);
    }
}

static void files_that_others_may_read_are_refused(void **state)
{
    static const uint32_t modes[] = {0640, 0604, 0644, 0660, 0620, 0601, 0777};
    const test_dir *dir = *state;
    bsi_secret *content = NULL;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        write_file(dir, "key", SECRET, modes[i]);
        assert_refused(reference_to(dir, "key", "file:"), BS_E_ACCESS, "is open to others (mode 0");
    }
    write_file(dir, "key", SECRET, 0400);
    assert_ok(bsi_key_ref_read(reference_to(dir, "key", "file:"), &content));
    assert_content(content, SECRET);
}

static void files_of_other_users_are_refused(void **state)
{
    const test_dir *dir = *state;

    if (geteuid() != 0) {
        skip();
    }
    write_file(dir, "key", SECRET, 0600);
    assert_ok(bsi_chown_at(dir->fd, "key", 65534, 65534));
    assert_refused(reference_to(dir, "key", "file:"), BS_E_ACCESS, "belongs to user 65534");
}

static void links_directories_fifos_and_nothing_are_refused(void **state)
{
    const test_dir *dir = *state;

    write_file(dir, "key", SECRET, 0600);
    assert_ok(bsi_symlink("key", dir->fd, "link"));
    assert_ok(bsi_mkdir(dir->fd, "folder", 0700));
    assert_ok(bsi_make_node(dir->fd, "fifo", BSI_TYPE_FIFO, 0600, 0, 0));
    assert_refused(reference_to(dir, "link", "file:"), BS_E_ACCESS, "is a symbolic link");
    assert_refused(reference_to(dir, "folder", "file:"), BS_E_INVALID, "is no regular file");
    assert_refused(reference_to(dir, "fifo", "file:"), BS_E_INVALID, "is no regular file");
    assert_refused(reference_to(dir, "none", "file:"), BS_E_NOT_FOUND, "none");
}

static void empty_and_huge_files_are_refused(void **state)
{
    const test_dir *dir = *state;
    int fd = -1;

    write_file(dir, "key", "", 0600);
    assert_refused(reference_to(dir, "key", "file:"), BS_E_INVALID, "is empty");
    write_file(dir, "key", "\n", 0600);
    assert_refused(reference_to(dir, "key", "file:"), BS_E_INVALID, "is empty");
    assert_ok(bsi_open(dir->fd, "key", BSI_OPEN_WRITE, 0, &fd));
    assert_ok(bsi_truncate(fd, UINT64_C(1) << 40));
    assert_ok(bsi_close(fd));
    assert_refused(reference_to(dir, "key", "file:"), BS_E_INVALID, "more than 64 KiB");
}

static void public_keys_may_be_anybodys(void **state)
{
    const test_dir *dir = *state;
    bsi_secret *content = NULL;
    bsi_key *key = NULL;

    write_file(dir, "key.pub", TEST_RSA_PUBLIC, 0644);
    assert_ok(bsi_symlink("key.pub", dir->fd, "link.pub"));
    assert_ok(bsi_key_ref_read_public(reference_to(dir, "link.pub", ""), &content));
    assert_ok(bsi_key_of_content(content, NULL, &key));
    assert_false(bsi_key_can_open(key));
    bsi_key_unref(key);
    bsi_secret_free(content);
    content = NULL;
    write_file(dir, "key", TEST_RSA_PRIVATE, 0644);
    assert_status(bsi_key_ref_read_public(reference_to(dir, "key", ""), &content), BS_E_ACCESS);
    assert_null(content);
}

static void a_pass_phrase_is_no_name_of_a_public_key(void **state)
{
    bsi_secret *content = NULL;

    (void)state;
    assert_status(bsi_key_ref_read_public(SECRET, &content), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "takes a public key or certificate"));
    assert_null(strstr(bs_error_last()->message, SECRET));
    assert_ok(bsi_key_ref_read_public(TEST_RSA_PUBLIC, &content));
    bsi_secret_free(content);
}

static void content_is_taken_for_what_it_looks_like(void **state)
{
    static const struct {
        const char *text;
        bsi_key_kind kind;
    } cases[] = {
        {"correct horse", BSI_KEY_PASSPHRASE},
        {"bsvc-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         BSI_KEY_RAW},
        {TEST_RSA_PRIVATE, BSI_KEY_RSA},
        {TEST_RSA_PUBLIC, BSI_KEY_RSA},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bsi_secret *content = NULL;
        bsi_key *key = NULL;
        assert_ok(bsi_key_ref_read(cases[i].text, &content));
        assert_ok(bsi_key_of_content(content, NULL, &key));
        assert_int_equal(bsi_key_kind_of(key), cases[i].kind);
        bsi_key_unref(key);
        bsi_secret_free(content);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, test_dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(text_is_the_secret_itself),
        TEST(variables_give_their_text),
        TEST(one_line_end_behind_a_files_text_does_not_count),
        TEST(files_that_others_may_read_are_refused),
        TEST(files_of_other_users_are_refused),
        TEST(links_directories_fifos_and_nothing_are_refused),
        TEST(empty_and_huge_files_are_refused),
        TEST(public_keys_may_be_anybodys),
        TEST(a_pass_phrase_is_no_name_of_a_public_key),
        TEST(content_is_taken_for_what_it_looks_like),
    };

    return cmocka_run_group_tests_name("engine/key_ref", tests, NULL, NULL);
}
