/* SPDX-License-Identifier: MIT */
/*
 * sftp against OpenSSH's server: who is let in, who is believed, and what is kept.
 */
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "engine_fixture.h"
#include "remote_checks.h"
#include "sftp_fixture.h"
#include "support/compare.h"
#include "support/tree.h"

enum { BIG = 32 * 1024 * 1024 };

/* --- Who the server is --- */

static void the_pinned_key_is_accepted_whatever_kind_the_server_prefers(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_drop(&all, "known_hosts");
    remote_set(&all, "fingerprint", sftp_server.fingerprint);
    remote_assert_opens(&all);
}

static void another_key_than_the_pinned_one_is_refused_with_both(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_drop(&all, "known_hosts");
    remote_set(&all, "fingerprint", sftp_server.other_fingerprint);
    remote_assert_refused(&all, BS_E_ACCESS);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    remote_assert_text("127.0.0.1");
    remote_assert_text(sftp_server.fingerprint);
    remote_assert_text(sftp_server.other_fingerprint);
}

static void read_public(const char *name, char out[256])
{
    char path[400];
    FILE *file = NULL;
    size_t got = 0;

    (void)snprintf(path, sizeof(path), "%s/%s.pub", sftp_server.dir, name);
    file = fopen(path, "re");
    assert_non_null(file);
    got = fread(out, 1, 255, file);
    out[got] = '\0';
    assert_int_equal(fclose(file), 0);
}

/* A known_hosts of the test's own: `before`, then the server's port with the key `name`. */
static const char *make_hosts(const char *before, const char *host, const char *name)
{
    static char path[400];
    char key[256] = "";
    char text[1024];

    read_public(name, key);
    (void)snprintf(text, sizeof(text), "%s%s %s", before, host, key);
    assert_true(test_sshd_write(&sftp_server, "hosts", text));
    (void)snprintf(path, sizeof(path), "%s/hosts", sftp_server.dir);
    return path;
}

static const char *this_host(void)
{
    static char host[64];

    (void)snprintf(host, sizeof(host), "[127.0.0.1]:%s", sftp_server.port_text);
    return host;
}

static void another_key_than_the_known_one_is_refused_with_both(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_set(&all, "known_hosts", make_hosts("", this_host(), "other"));
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text(sftp_server.fingerprint);
    remote_assert_text(sftp_server.other_fingerprint);
}

static void an_unknown_host_is_refused_with_its_key_and_what_to_do(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_set(&all, "known_hosts", make_hosts("", "elsewhere.example", "host"));
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text(sftp_server.fingerprint);
    remote_assert_text("ssh-keyscan");
}

static void lines_of_other_kinds_hide_nothing(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_set(&all, "known_hosts",
               make_hosts("# a comment\n\nnonsense\n@cert-authority *.example ssh-ed25519 AAAA\n",
                          this_host(), "host"));
    remote_assert_opens(&all);
}

/* As ssh-keyscan prints them, whatever ends them. */
static void lines_without_a_comment_are_read(void **state)
{
    static const char *const ends[] = {"\n", "", "\r\n", " \n", "\n# a comment\n"};
    remote_settings all;
    char key[256];
    char text[512];

    (void)state;
    sftp_usual(&all);
    read_public("host", key);
    *strrchr(key, ' ') = '\0';
    for (size_t i = 0; i < BSI_ARRAY_SIZE(ends); i++) {
        const char *path = make_hosts("", this_host(), "host");
        (void)snprintf(text, sizeof(text), "%s %s%s", this_host(), key, ends[i]);
        assert_true(test_sshd_write(&sftp_server, "hosts", text));
        remote_set(&all, "known_hosts", path);
        remote_assert_opens(&all);
    }
}

static void a_revoked_key_is_refused(void **state)
{
    char before[512];
    char key[256];
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    read_public("host", key);
    (void)snprintf(before, sizeof(before), "@revoked * %s", key);
    remote_set(&all, "known_hosts", make_hosts(before, this_host(), "host"));
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text("revoked");
}

static void hashed_names_are_found(void **state)
{
    remote_settings all;
    const char *path = make_hosts("", this_host(), "host");
    const char *const argv[] = {"ssh-keygen", "-q", "-H", "-f", path, NULL};

    (void)state;
    assert_true(test_run(argv));
    sftp_usual(&all);
    remote_set(&all, "known_hosts", path);
    remote_assert_opens(&all);
}

/* --- Who we are --- */

static void a_key_that_the_server_does_not_take_is_refused_with_what_it_takes(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_set(&all, "key_file", sftp_server.other_key);
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text("publickey");
    remote_assert_text(sftp_server.user);
}

static void a_key_with_a_pass_phrase_is_opened(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_set(&all, "key_file", sftp_server.locked_key);
    remote_set(&all, "passphrase", SFTP_PASSPHRASE);
    remote_assert_opens(&all);
}

static void a_missing_or_wrong_pass_phrase_is_told(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_set(&all, "key_file", sftp_server.locked_key);
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text("'passphrase'");
    remote_set(&all, "passphrase", SFTP_PASSPHRASE "!");
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text("'passphrase'");
}

static void a_password_is_not_sent_where_the_server_takes_none(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_drop(&all, "key_file");
    remote_set(&all, "password", SFTP_PASSPHRASE);
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text("it takes publickey");
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    assert_int_equal(chmod(sftp_server.key, 0640), 0);
    remote_assert_refused(&all, BS_E_ACCESS);
    assert_int_equal(chmod(sftp_server.key, 0600), 0);
    remote_assert_text("chmod 600");
}

static void keys_of_an_agent_are_tried(void **state)
{
    char socket[400];
    char command[2000];
    pid_t agent = 0;
    remote_settings all;

    (void)state;
    (void)snprintf(socket, sizeof(socket), "%s/agent", sftp_server.dir);
    agent = test_start((const char *const[]){"ssh-agent", "-D", "-a", socket, NULL}, false);
    assert_true(agent > 0);
    (void)snprintf(command, sizeof(command),
                   "i=0; while [ ! -S '%s' ] && [ $i -lt 600 ]; do sleep 0.05; i=$((i+1)); done; "
                   "SSH_AUTH_SOCK='%s' ssh-add -q '%s' '%s'",
                   socket, socket, sftp_server.other_key, sftp_server.key);
    assert_true(test_run((const char *const[]){"sh", "-c", command, NULL}));
    sftp_usual(&all);
    remote_drop(&all, "key_file");
    remote_set(&all, "agent", socket);
    remote_assert_opens(&all);
    (void)kill(agent, SIGKILL);
    assert_int_equal(waitpid(agent, NULL, 0), agent);
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text("no SSH agent");
}

/* --- Settings --- */

static void a_server_is_never_trusted_without_its_key(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_drop(&all, "known_hosts");
    remote_assert_refused(&all, BS_E_INVALID);
    remote_set(&all, "fingerprint", "MD5:00:11");
    remote_assert_refused(&all, BS_E_INVALID);
    sftp_usual(&all);
    remote_drop(&all, "key_file");
    remote_assert_refused(&all, BS_E_INVALID);
    sftp_usual(&all);
    remote_set(&all, "connections", "17");
    remote_assert_refused(&all, BS_E_INVALID);
    sftp_usual(&all);
    remote_set(&all, "known_hosts", "/nonexistent/known_hosts");
    remote_assert_refused(&all, BS_E_INVALID);
    remote_assert_text("/nonexistent/known_hosts");
}

static void a_directory_that_may_not_be_made_is_refused_with_host_and_path(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_set(&all, "path", "/proc/objects");
    assert_status(remote_open(&all, &(bsi_storage *){NULL}), BS_E_NOT_FOUND);
    remote_assert_text("127.0.0.1");
    remote_assert_text("/proc/objects");
    sftp_usual(&all);
    remote_set(&all, "create", "false");
    remote_assert_refused(&all, BS_E_NOT_FOUND);
    remote_assert_text(all.path);
}

static void a_directory_that_may_not_be_written_is_refused_with_its_path(void **state)
{
    bsi_storage *storage = NULL;
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    assert_ok(remote_open(&all, &storage));
    assert_int_equal(chmod(all.path, 0500), 0);
    assert_status(bsi_storage_put(storage, NULL, "d/k", "x", 1), BS_E_ACCESS);
    remote_assert_text(all.path);
    assert_status(bsi_storage_put(storage, NULL, "k", "x", 1), BS_E_ACCESS);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    remote_assert_text("127.0.0.1");
    remote_assert_text(all.path);
    assert_int_equal(chmod(all.path, 0700), 0);
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    bsi_storage_unref(storage);
}

/* --- Objects --- */

static void a_vanished_directory_is_neither_empty_nor_without_objects(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_check_vanished_directory(&all);
}

static void keys_hold_every_byte(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_check_keys(&all);
}

static void one_connection_is_enough(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_check_one_connection(&all);
}

static void an_object_that_has_no_room_is_refused_before_it_is_sent(void **state)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    assert_ok(remote_open(&all, &storage));
    options.expected_size = UINT64_MAX / 2;
    assert_status(bsi_upload_begin(storage, NULL, "d/k", &options, &upload), BS_E_NO_SPACE);
    remote_assert_text("127.0.0.1");
    assert_int_equal(remote_count_objects(storage), 0);
    bsi_storage_unref(storage);
}

/* The server asks for new keys in the middle of both ways, again and again. */
static void new_keys_are_exchanged_in_mid_transfer(void **state)
{
    const test_sshd first = sftp_server;
    uint8_t *data = malloc(BIG);
    uint8_t *back = malloc(BIG);
    bsi_storage *storage = NULL;
    remote_settings all;

    (void)state;
    assert_non_null(data);
    assert_non_null(back);
    remote_fill(data, BIG);
    assert_true(test_sshd_setup(&sftp_server, "RekeyLimit 3M"));
    sftp_usual(&all);
    assert_ok(remote_open(&all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "k", data, BIG));
    assert_ok(bsi_storage_read(storage, NULL, "k", 0, back, BIG));
    assert_memory_equal(back, data, BIG);
    bsi_storage_unref(storage);
    test_sshd_teardown(&sftp_server);
    sftp_server = first;
    free(data);
    free(back);
}

/* --- Servers that can do less --- */

static void a_server_without_additions_says_what_it_cannot_do(void **state)
{
    const test_sshd first = sftp_server;
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;
    uint64_t bytes = 0;
    char back[3];
    remote_settings all;
    bsi_storage *storage = NULL;

    (void)state;
    assert_true(test_sshd_setup(
        &sftp_server, "ForceCommand internal-sftp -P posix-rename,hardlink,fsync,statvfs,limits"));
    storage = sftp_open_usual(&all);
    assert_int_equal(bsi_storage_caps(storage) &
                         (BS_STORAGE_CAP_RENAME | BS_STORAGE_CAP_SERVER_COPY |
                          BS_STORAGE_CAP_CONDITIONAL_PUT | BS_STORAGE_CAP_FREE_SPACE),
                     0);
    assert_status(bsi_storage_free_space(storage, NULL, &bytes), BS_E_UNSUPPORTED);
    options.flags = BS_STORAGE_PUT_EXCLUSIVE;
    assert_status(bsi_upload_begin(storage, NULL, "k", &options, &upload), BS_E_UNSUPPORTED);
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "old", 3));
    assert_status(bsi_storage_put(storage, NULL, "d/k", "new", 3), BS_E_UNSUPPORTED);
    remote_assert_text("posix-rename");
    remote_assert_text("unsafe_replace");
    assert_ok(bsi_storage_read(storage, NULL, "d/k", 0, back, 3));
    assert_memory_equal(back, "old", 3);
    bsi_storage_unref(storage);

    remote_set(&all, "unsafe_replace", "true");
    assert_ok(remote_open(&all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "new", 3));
    assert_ok(bsi_storage_read(storage, NULL, "d/k", 0, back, 3));
    assert_memory_equal(back, "new", 3);
    assert_int_equal(remote_count_files(all.path), 1);
    bsi_storage_unref(storage);
    test_sshd_teardown(&sftp_server);
    sftp_server = first;
}

/* --- Backups --- */

static void backups_come_back_identical(void **state)
{
    engine_fixture *engine = *state;
    const char *pairs[] = {"host",        "127.0.0.1",
                           "port",        sftp_server.port_text,
                           "user",        sftp_server.user,
                           "path",        sftp_server.data,
                           "known_hosts", sftp_server.known_hosts,
                           "key_file",    sftp_server.locked_key,
                           "passphrase",  "env:NO_SUCH_NAME",
                           NULL};
    bs_backup_options options = engine_options(engine, "remote");
    char full[BS_ID_SIZE];
    char incremental[BS_ID_SIZE];

    assert_status(bs_service_add_storage(engine->service, "server", "sftp", pairs), BS_E_NOT_FOUND);
    remote_assert_text("'passphrase'");
    remote_assert_text("NO_SUCH_NAME");
    assert_int_equal(setenv("SFTP_TEST_SFTP_PASSPHRASE", SFTP_PASSPHRASE, 1), 0);
    pairs[13] = "env:SFTP_TEST_SFTP_PASSPHRASE";
    assert_ok(bs_service_add_storage(engine->service, "server", "sftp", pairs));
    tree_build(engine->source, TREE_NAMES | TREE_HARD_LINKS | TREE_SPARSE);
    options.storage = "server";
    options.backup_type = BS_BACKUP_FULL;
    engine_backup(engine, &options, BS_OK, full);
    engine_restore(engine, full);
    assert_true(compare_trees(engine->source, engine->target, COMPARE_NO_TOP));
    tree_mutate(engine->source, 7, 40);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    engine_backup(engine, &options, BS_OK, incremental);
    engine_restore(engine, incremental);
    assert_true(compare_trees(engine->source, engine->target, COMPARE_NO_TOP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pinned_key_is_accepted_whatever_kind_the_server_prefers),
        cmocka_unit_test(another_key_than_the_pinned_one_is_refused_with_both),
        cmocka_unit_test(another_key_than_the_known_one_is_refused_with_both),
        cmocka_unit_test(an_unknown_host_is_refused_with_its_key_and_what_to_do),
        cmocka_unit_test(lines_of_other_kinds_hide_nothing),
        cmocka_unit_test(lines_without_a_comment_are_read),
        cmocka_unit_test(a_revoked_key_is_refused),
        cmocka_unit_test(hashed_names_are_found),
        cmocka_unit_test(a_key_that_the_server_does_not_take_is_refused_with_what_it_takes),
        cmocka_unit_test(a_key_with_a_pass_phrase_is_opened),
        cmocka_unit_test(a_missing_or_wrong_pass_phrase_is_told),
        cmocka_unit_test(a_password_is_not_sent_where_the_server_takes_none),
        cmocka_unit_test(a_key_that_others_may_read_is_refused),
        cmocka_unit_test(keys_of_an_agent_are_tried),
        cmocka_unit_test(a_server_is_never_trusted_without_its_key),
        cmocka_unit_test(a_directory_that_may_not_be_made_is_refused_with_host_and_path),
        cmocka_unit_test(a_directory_that_may_not_be_written_is_refused_with_its_path),
        cmocka_unit_test(a_vanished_directory_is_neither_empty_nor_without_objects),
        cmocka_unit_test(keys_hold_every_byte),
        cmocka_unit_test(one_connection_is_enough),
        cmocka_unit_test(an_object_that_has_no_room_is_refused_before_it_is_sent),
        cmocka_unit_test(new_keys_are_exchanged_in_mid_transfer),
        cmocka_unit_test(a_server_without_additions_says_what_it_cannot_do),
        cmocka_unit_test_setup_teardown(backups_come_back_identical, engine_setup, engine_teardown),
    };

    return sftp_run("sftp", tests, BSI_ARRAY_SIZE(tests));
}
