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
#include "sftp_fixture.h"
#include "support/compare.h"
#include "support/tree.h"

enum { BIG = 32 * 1024 * 1024 };

static void assert_opens(const sftp_settings *all)
{
    bsi_storage *storage = NULL;

    assert_ok(sftp_open(all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    bsi_storage_unref(storage);
}

/* --- Who the server is --- */

static void the_pinned_key_is_accepted_whatever_kind_the_server_prefers(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_drop(&all, "known_hosts");
    sftp_set(&all, "fingerprint", sftp_server.fingerprint);
    assert_opens(&all);
}

static void another_key_than_the_pinned_one_is_refused_with_both(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_drop(&all, "known_hosts");
    sftp_set(&all, "fingerprint", sftp_server.other_fingerprint);
    sftp_assert_refused(&all, BS_E_ACCESS);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    sftp_assert_text("127.0.0.1");
    sftp_assert_text(sftp_server.fingerprint);
    sftp_assert_text(sftp_server.other_fingerprint);
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
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_set(&all, "known_hosts", make_hosts("", this_host(), "other"));
    sftp_assert_refused(&all, BS_E_ACCESS);
    sftp_assert_text(sftp_server.fingerprint);
    sftp_assert_text(sftp_server.other_fingerprint);
}

static void an_unknown_host_is_refused_with_its_key_and_what_to_do(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_set(&all, "known_hosts", make_hosts("", "elsewhere.example", "host"));
    sftp_assert_refused(&all, BS_E_ACCESS);
    sftp_assert_text(sftp_server.fingerprint);
    sftp_assert_text("ssh-keyscan");
}

static void lines_of_other_kinds_hide_nothing(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_set(&all, "known_hosts",
             make_hosts("# a comment\n\nnonsense\n@cert-authority *.example ssh-ed25519 AAAA\n",
                        this_host(), "host"));
    assert_opens(&all);
}

static void a_revoked_key_is_refused(void **state)
{
    char before[512];
    char key[256];
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    read_public("host", key);
    (void)snprintf(before, sizeof(before), "@revoked * %s", key);
    sftp_set(&all, "known_hosts", make_hosts(before, this_host(), "host"));
    sftp_assert_refused(&all, BS_E_ACCESS);
    sftp_assert_text("revoked");
}

static void hashed_names_are_found(void **state)
{
    sftp_settings all;
    const char *path = make_hosts("", this_host(), "host");
    const char *const argv[] = {"ssh-keygen", "-q", "-H", "-f", path, NULL};

    (void)state;
    assert_true(test_run(argv));
    sftp_usual(&all);
    sftp_set(&all, "known_hosts", path);
    assert_opens(&all);
}

/* --- Who we are --- */

static void a_key_that_the_server_does_not_take_is_refused_with_what_it_takes(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_set(&all, "key_file", sftp_server.other_key);
    sftp_assert_refused(&all, BS_E_ACCESS);
    sftp_assert_text("publickey");
    sftp_assert_text(sftp_server.user);
}

static void a_key_with_a_pass_phrase_is_opened(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_set(&all, "key_file", sftp_server.locked_key);
    sftp_set(&all, "passphrase", SFTP_PASSPHRASE);
    assert_opens(&all);
}

static void a_missing_or_wrong_pass_phrase_is_told(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_set(&all, "key_file", sftp_server.locked_key);
    sftp_assert_refused(&all, BS_E_ACCESS);
    sftp_assert_text("'passphrase'");
    sftp_set(&all, "passphrase", SFTP_PASSPHRASE "!");
    sftp_assert_refused(&all, BS_E_ACCESS);
    sftp_assert_text("'passphrase'");
}

static void a_password_is_not_sent_where_the_server_takes_none(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_drop(&all, "key_file");
    sftp_set(&all, "password", SFTP_PASSPHRASE);
    sftp_assert_refused(&all, BS_E_ACCESS);
    sftp_assert_text("it takes publickey");
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    assert_int_equal(chmod(sftp_server.key, 0640), 0);
    sftp_assert_refused(&all, BS_E_ACCESS);
    assert_int_equal(chmod(sftp_server.key, 0600), 0);
    sftp_assert_text("chmod 600");
}

static void keys_of_an_agent_are_tried(void **state)
{
    char socket[400];
    char command[2000];
    pid_t agent = 0;
    sftp_settings all;

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
    sftp_drop(&all, "key_file");
    sftp_set(&all, "agent", socket);
    assert_opens(&all);
    (void)kill(agent, SIGKILL);
    assert_int_equal(waitpid(agent, NULL, 0), agent);
    sftp_assert_refused(&all, BS_E_ACCESS);
    sftp_assert_text("no SSH agent");
}

/* --- Settings --- */

static void a_server_is_never_trusted_without_its_key(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_drop(&all, "known_hosts");
    sftp_assert_refused(&all, BS_E_INVALID);
    sftp_set(&all, "fingerprint", "MD5:00:11");
    sftp_assert_refused(&all, BS_E_INVALID);
    sftp_usual(&all);
    sftp_drop(&all, "key_file");
    sftp_assert_refused(&all, BS_E_INVALID);
    sftp_usual(&all);
    sftp_set(&all, "connections", "17");
    sftp_assert_refused(&all, BS_E_INVALID);
    sftp_usual(&all);
    sftp_set(&all, "known_hosts", "/nonexistent/known_hosts");
    sftp_assert_refused(&all, BS_E_INVALID);
    sftp_assert_text("/nonexistent/known_hosts");
}

static void a_directory_that_may_not_be_made_is_refused_with_host_and_path(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_set(&all, "path", "/proc/objects");
    assert_status(sftp_open(&all, &(bsi_storage *){NULL}), BS_E_NOT_FOUND);
    sftp_assert_text("127.0.0.1");
    sftp_assert_text("/proc/objects");
    sftp_usual(&all);
    sftp_set(&all, "create", "false");
    sftp_assert_refused(&all, BS_E_NOT_FOUND);
    sftp_assert_text(all.path);
}

static void a_directory_that_may_not_be_written_is_refused_with_its_path(void **state)
{
    bsi_storage *storage = NULL;
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    assert_ok(sftp_open(&all, &storage));
    assert_int_equal(chmod(all.path, 0500), 0);
    assert_status(bsi_storage_put(storage, NULL, "d/k", "x", 1), BS_E_ACCESS);
    sftp_assert_text(all.path);
    assert_status(bsi_storage_put(storage, NULL, "k", "x", 1), BS_E_ACCESS);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    sftp_assert_text("127.0.0.1");
    sftp_assert_text(all.path);
    assert_int_equal(chmod(all.path, 0700), 0);
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    bsi_storage_unref(storage);
}

/* --- Objects --- */

static void assert_gone(bs_status status)
{
    assert_status(status, BS_E_IO);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    sftp_assert_text("127.0.0.1");
    sftp_assert_text("is gone");
}

static void a_vanished_directory_is_neither_empty_nor_without_objects(void **state)
{
    char away[500];
    char byte = 0;
    bs_storage_object object;
    uint64_t objects = 0;
    uint64_t bytes = 0;
    size_t count = 0;
    bsi_upload *upload = NULL;
    sftp_settings all;
    bsi_storage *storage = sftp_open_usual(&all);

    (void)state;
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "x", 1));
    assert_ok(bsi_upload_begin(storage, NULL, "d/new", NULL, &upload));
    (void)snprintf(away, sizeof(away), "%s.away", all.path);
    assert_int_equal(rename(all.path, away), 0);
    assert_gone(bsi_storage_stat(storage, NULL, "d/k", &object));
    assert_gone(bsi_storage_read(storage, NULL, "d/k", 0, &byte, 1));
    assert_gone(bsi_storage_list(storage, NULL, "", sftp_count, &count));
    assert_gone(bsi_storage_list(storage, NULL, "d", sftp_count, &count));
    assert_gone(bsi_storage_remove(storage, NULL, "d/k"));
    assert_gone(bsi_storage_rename(storage, NULL, "d/k", "k"));
    assert_gone(bsi_storage_put(storage, NULL, "d/k", "y", 1));
    assert_gone(bsi_storage_put(storage, NULL, "k", "y", 1));
    assert_gone(bsi_upload_commit(upload, NULL));
    assert_gone(bsi_storage_free_space(storage, NULL, &bytes));
    assert_gone(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(rename(away, all.path), 0);
    assert_ok(bsi_storage_read(storage, NULL, "d/k", 0, &byte, 1));
    assert_int_equal(byte, 'x');
    bsi_storage_unref(storage);
}

static void keys_hold_every_byte(void **state)
{
    bsi_storage *storage = NULL;
    char key[] = "d?/k?";
    char back = 0;
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    assert_ok(sftp_open(&all, &storage));
    for (int byte = 1; byte < 256; byte++) {
        if (byte == '/') {
            continue;
        }
        key[1] = (char)byte;
        key[4] = (char)byte;
        assert_ok(bsi_storage_put(storage, NULL, key, &key[4], 1));
        assert_ok(bsi_storage_read(storage, NULL, key, 0, &back, 1));
        assert_int_equal(back, key[4]);
    }
    assert_int_equal(sftp_count_objects(storage), 254);
    bsi_storage_unref(storage);
}

/* With one connection everything still works, also from within a listing. */
static bs_status read_back(void *user, const char *key, const bs_storage_object *object)
{
    char byte = 0;

    (void)object;
    return bsi_storage_read(user, NULL, key, 0, &byte, 1);
}

static void one_connection_is_enough(void **state)
{
    bsi_storage *storage = NULL;
    bsi_upload *first = NULL;
    bsi_upload *second = NULL;
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_set(&all, "connections", "1");
    assert_ok(sftp_open(&all, &storage));
    assert_ok(bsi_upload_begin(storage, NULL, "a", NULL, &first));
    assert_ok(bsi_upload_begin(storage, NULL, "b", NULL, &second));
    assert_ok(bsi_upload_write(first, NULL, "1", 1));
    assert_ok(bsi_upload_write(second, NULL, "2", 1));
    assert_ok(bsi_storage_put(storage, NULL, "c", "3", 1));
    assert_ok(bsi_upload_commit(first, NULL));
    assert_ok(bsi_upload_commit(second, NULL));
    assert_ok(bsi_storage_list(storage, NULL, "", read_back, storage));
    bsi_storage_unref(storage);
}

static void an_object_that_has_no_room_is_refused_before_it_is_sent(void **state)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    assert_ok(sftp_open(&all, &storage));
    options.expected_size = UINT64_MAX / 2;
    assert_status(bsi_upload_begin(storage, NULL, "d/k", &options, &upload), BS_E_NO_SPACE);
    sftp_assert_text("127.0.0.1");
    assert_int_equal(sftp_count_objects(storage), 0);
    bsi_storage_unref(storage);
}

/* The server asks for new keys in the middle of both ways, again and again. */
static void new_keys_are_exchanged_in_mid_transfer(void **state)
{
    const test_sshd first = sftp_server;
    uint8_t *data = malloc(BIG);
    uint8_t *back = malloc(BIG);
    bsi_storage *storage = NULL;
    sftp_settings all;

    (void)state;
    assert_non_null(data);
    assert_non_null(back);
    sftp_fill(data, BIG);
    assert_true(test_sshd_setup(&sftp_server, "RekeyLimit 3M"));
    sftp_usual(&all);
    assert_ok(sftp_open(&all, &storage));
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
    sftp_settings all;
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
    sftp_assert_text("posix-rename");
    sftp_assert_text("unsafe_replace");
    assert_ok(bsi_storage_read(storage, NULL, "d/k", 0, back, 3));
    assert_memory_equal(back, "old", 3);
    bsi_storage_unref(storage);

    sftp_set(&all, "unsafe_replace", "true");
    assert_ok(sftp_open(&all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "new", 3));
    assert_ok(bsi_storage_read(storage, NULL, "d/k", 0, back, 3));
    assert_memory_equal(back, "new", 3);
    assert_int_equal(sftp_count_files(all.path), 1);
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
    sftp_assert_text("'passphrase'");
    sftp_assert_text("NO_SUCH_NAME");
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
