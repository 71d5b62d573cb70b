/* SPDX-License-Identifier: MIT */
/*
 * A repository from the command line, for tests beside the restic program:
 *
 *     repo_probe PATH COMMAND [ARGUMENT]
 *
 * The pass phrase is in RESTIC_PASSWORD. A failure is printed as its status and
 * text, with exit code 1.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repo/check.h"
#include "repo/copy.h"
#include "repo/diff.h"
#include "repo/find.h"
#include "repo/index_load.h"
#include "repo/locks.h"
#include "repo/prune.h"
#include "repo/repair.h"
#include "repo/repository.h"
#include "repo/snapshot_load.h"

enum { TEXT_MAX = 16 * 1024 * 1024 };

static const bsi_scrypt_cost cheap = {.log_n = 1, .r = 1, .p = 1};

static bs_status secret_of(const char *text, bsi_secret **out)
{
    *out = NULL;
    return text && *text ? bsi_secret_copy(text, strlen(text), out) : BS_OK;
}

static void print_id(const bsi_digest *id, const char *after)
{
    char digits[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(id, digits);
    (void)printf("%s%s", digits, after);
}

static bs_status print_config(const bsi_repo *repo)
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_REPO_CONFIG_MAX);
    status = bsi_repo_config_write(bsi_repo_config_of(repo), &text);
    (void)printf("%.*s\n", (int)text.size, (const char *)text.data);
    bsi_buf_dispose(&text);
    return status;
}

static bs_status print_snapshots(const bsi_repo *repo)
{
    bsi_repo_files files;
    bs_status status = bsi_repo_list(repo, NULL, BSI_REPO_SNAPSHOTS, &files);

    for (size_t i = 0; status == BS_OK && i < files.count; i++) {
        bsi_buf text;
        bsi_buf_init(&text, BSI_SNAPSHOT_MAX);
        status = bsi_repo_load(repo, NULL, BSI_REPO_SNAPSHOTS, &files.items[i].id, &text);
        print_id(&files.items[i].id, " ");
        (void)printf("%.*s\n", (int)text.size, (const char *)text.data);
        bsi_buf_dispose(&text);
    }
    bsi_repo_files_dispose(&files);
    return status;
}

/* The snapshot once more, as another file, with one tag in place of its own. */
static bs_status tag_snapshot(const bsi_repo *repo, const char *prefix)
{
    const bsi_slice tag = bsi_slice_of("written by us <&>");
    bsi_snapshot snapshot;
    bsi_digest id;
    bsi_buf text;
    bs_status status = BS_OK;

    BSI_TRY(bsi_repo_find(repo, NULL, BSI_REPO_SNAPSHOTS, bsi_slice_of(prefix), &id));
    bsi_buf_init(&text, TEXT_MAX);
    BSI_TRY(bsi_repo_load(repo, NULL, BSI_REPO_SNAPSHOTS, &id, &text));
    BSI_TRY(bsi_snapshot_parse(bsi_buf_slice(&text), &snapshot));
    snapshot.tags = (bsi_snapshot_texts){&tag, 1};
    snapshot.original = (bsi_snapshot_id){true, id};
    snapshot.program_version = bsi_slice_of("libbackupsvc");
    snapshot.has_summary = true;
    bsi_buf_clear(&text);
    BSI_TRY(bsi_snapshot_write(&snapshot, &text));
    status = bsi_repo_save(repo, NULL, BSI_REPO_SNAPSHOTS, bsi_buf_slice(&text), &id);
    bsi_snapshot_dispose(&snapshot);
    bsi_buf_dispose(&text);
    print_id(&id, "\n");
    return status;
}

/* A snapshot whose text is in a file. */
static bs_status save_snapshot(const bsi_repo *repo, const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(TEXT_MAX);
    bsi_digest id = {0};
    size_t size = 0;
    bs_status status = BS_E_IO;

    if (file && text) {
        size = fread(text, 1, TEXT_MAX, file);
        status = bsi_repo_save(repo, NULL, BSI_REPO_SNAPSHOTS, (bsi_slice){text, size}, &id);
    }
    if (file) {
        (void)fclose(file);
    }
    free(text);
    print_id(&id, "\n");
    return status;
}

static bs_status print_key(void *user, const bsi_digest *id, const bsi_repo_key_info *info)
{
    (void)user;
    print_id(id, info ? " good\n" : " damaged\n");
    return BS_OK;
}

static bs_status add_key(bsi_repo *repo, const char *password, bool instead)
{
    bsi_secret *secret = NULL;
    bsi_digest id;
    bs_status status = secret_of(password, &secret);

    if (status == BS_OK) {
        status = instead ? bsi_repo_key_change(repo, NULL, secret, &cheap)
                         : bsi_repo_key_add(repo, NULL, secret, &cheap, &id);
    }
    bsi_secret_free(secret);
    return status;
}

static bs_status remove_key(const bsi_repo *repo, const char *prefix)
{
    bsi_digest id;

    BSI_TRY(bsi_repo_find(repo, NULL, BSI_REPO_KEYS, bsi_slice_of(prefix), &id));
    return bsi_repo_key_remove(repo, NULL, &id);
}

/* Held until standard input ends. */
static bs_status hold_lock(const bsi_repo *repo, bool exclusive)
{
    bsi_repo_lock *lock = NULL;
    char byte = 0;

    (void)signal(SIGHUP, SIG_IGN);
    BSI_TRY(bsi_repo_lock_take(repo, NULL, exclusive, NULL, &lock));
    (void)printf("locked\n");
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
        BSI_TRY(bsi_repo_lock_refresh(lock, NULL));
        (void)printf("refreshed\n");
        (void)fflush(stdout);
    }
    return bsi_repo_lock_release(lock);
}

static bs_status unlock(const bsi_repo *repo)
{
    size_t removed = 0;

    BSI_TRY(bsi_repo_unlock(repo, NULL, false, &removed));
    (void)printf("%zu\n", removed);
    return BS_OK;
}

static void print_finding(void *user, const bsi_check_finding *finding)
{
    static const char *const subjects[] = {"index", "pack", "snapshot", "tree", "file"};

    (void)user;
    (void)printf("%s %s ", finding->is_note ? "note" : "error", subjects[finding->subject]);
    print_id(finding->id, " ");
    (void)printf("%.*s: %s\n", (int)finding->path.size,
                 finding->path.size > 0 ? finding->path.data : "", finding->text);
}

static bs_status check(const bsi_repo *repo, bool read_data)
{
    bsi_check_options options = {.read_data = read_data, .found = print_finding};
    bsi_check_report report;
    bs_status status = BS_OK;

    BSI_TRY(bsi_pool_new(bsi_cpu_count(), &options.pool));
    status = bsi_repo_check(repo, NULL, &options, &report);
    bsi_pool_free(options.pool);
    BSI_TRY(status);
    (void)printf("%" PRIu64 " errors, %" PRIu64 " snapshots, %" PRIu64 " damaged, %" PRIu64
                 " packs, %" PRIu64 " read\n",
                 report.errors, report.snapshots, report.snapshots_damaged, report.packs,
                 report.packs_read);
    return BS_OK;
}

static bs_status prune_alone(const bsi_repo *repo, const bsi_prune_options *options,
                             bsi_prune_report *report)
{
    bsi_repo_lock *lock = NULL;
    bs_status status = bsi_repo_lock_take(repo, NULL, true, NULL, &lock);
    bs_status released = BS_OK;

    if (status == BS_OK) {
        status = bsi_repo_prune_all(repo, NULL, lock, options, report);
    }
    released = bsi_repo_lock_release(lock);
    return status < 0 ? status : released;
}

/* "all": in one go; "beside": in two phases; "now": likewise, without grace. */
static bs_status prune(const bsi_repo *repo, const char *how)
{
    const bool all = bsi_slice_is(bsi_slice_of(how), "all");
    bsi_prune_options options = {.unused = BSI_PRUNE_UNUSED_BYTES};
    bsi_prune_report report = {0};
    bs_status status = BS_OK;

    (void)signal(SIGHUP, SIG_IGN);
    options.no_grace = bsi_slice_is(bsi_slice_of(how), "now");
    BSI_TRY(bsi_pool_new(bsi_cpu_count(), &options.pool));
    status = all ? prune_alone(repo, &options, &report)
                 : bsi_repo_prune_beside(repo, NULL, &options, NULL, &report);
    bsi_pool_free(options.pool);
    BSI_TRY(status);
    (void)printf("%" PRIu64 " packs removed, %" PRIu64 " written, %" PRIu64 " waiting, %" PRIu64
                 " bytes left\n",
                 report.packs_removed, report.packs_written, report.packs_waiting,
                 report.bytes_left);
    return BS_OK;
}

/* "index", "packs", or "snapshots"; these go when they were repaired. */
static bs_status repair(const bsi_repo *repo, const char *what)
{
    const bsi_slice name = bsi_slice_of(what);
    bsi_repair_options options = {.forget = true, .found = print_finding};
    bsi_repair_report report;
    bs_status status = BS_OK;

    BSI_TRY(bsi_pool_new(bsi_cpu_count(), &options.pool));
    if (bsi_slice_is(name, "index")) {
        status = bsi_repo_repair_index(repo, NULL, NULL, &options, &report);
    } else if (bsi_slice_is(name, "packs")) {
        status = bsi_repo_repair_packs(repo, NULL, NULL, &options, NULL, &report);
    } else {
        status = bsi_repo_repair_snapshots(repo, NULL, NULL, &options, &report);
    }
    bsi_pool_free(options.pool);
    BSI_TRY(status);
    (void)printf("%" PRIu64 " blobs saved, %" PRIu64 " lost, %" PRIu64 " snapshots repaired\n",
                 report.blobs_saved, report.blobs_lost, report.snapshots_repaired);
    return BS_OK;
}

static bs_status open_other(const char *path, bsi_storage **storage, bsi_repo **out)
{
    const bsi_setting setting = {"path", path};
    bsi_repo_place place = {.folder = ""};
    bsi_secret *password = NULL;
    bs_status status = bsi_storage_open("local", &setting, 1, NULL, storage);

    place.storage = *storage;
    if (status == BS_OK) {
        status = secret_of(getenv("RESTIC_PASSWORD"), &password);
    }
    if (status == BS_OK) {
        status = bsi_repo_open(&place, NULL, password, out);
    }
    bsi_secret_free(password);
    return status;
}

static bs_status copy_all(bsi_copier *copier, const bsi_repo_files *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        bsi_digest id;
        bool is_new = false;
        BSI_TRY(bsi_copier_add(copier, &snapshots->items[i].id, &id, &is_new));
        print_id(&id, is_new ? " new\n" : " known\n");
    }
    return BS_OK;
}

/* All snapshots, into the repository at a path. */
static bs_status copy(const bsi_repo *repo, const char *path)
{
    bsi_copy_options options = {0};
    bsi_repo_files files = {0};
    bsi_storage *storage = NULL;
    bsi_copier *copier = NULL;
    bsi_repo *to = NULL;
    bs_status status = open_other(path, &storage, &to);

    if (status == BS_OK) {
        status = bsi_pool_new(bsi_cpu_count(), &options.pool);
    }
    if (status == BS_OK) {
        status = bsi_copier_new(repo, to, NULL, &options, &copier);
    }
    if (status == BS_OK) {
        status = bsi_repo_list(repo, NULL, BSI_REPO_SNAPSHOTS, &files);
    }
    if (status == BS_OK) {
        status = copy_all(copier, &files);
    }
    bsi_copier_free(copier);
    bsi_pool_free(options.pool);
    bsi_repo_files_dispose(&files);
    bsi_repo_close(to);
    bsi_storage_unref(storage);
    return status;
}

static bs_status print_difference(void *user, const bsi_diff_item *item)
{
    static const char signs[] = "+-MUT";

    (void)user;
    (void)printf("%c %.*s\n", signs[item->kind], (int)item->path.size, item->path.data);
    return BS_OK;
}

static bs_status load_index(const bsi_repo *repo, bsi_repo_index **out)
{
    BSI_TRY(bsi_repo_index_new(out));
    return bsi_repo_index_load(repo, NULL, NULL, *out);
}

/* "ONE:OTHER": the beginnings of two snapshots' ids. */
static bs_status diff(const bsi_repo *repo, const char *pair)
{
    const char *other = strchr(pair, ':');
    bsi_repo_index *index = NULL;
    bsi_digest ids[2];
    bsi_digest trees[2];
    bs_status status = load_index(repo, &index);

    for (int i = 0; status == BS_OK && i < 2; i++) {
        const bsi_slice prefix =
            i == 0 ? (bsi_slice){pair, (size_t)(other - pair)} : bsi_slice_of(other + 1);
        status = bsi_repo_find(repo, NULL, BSI_REPO_SNAPSHOTS, prefix, &ids[i]);
        if (status == BS_OK) {
            status = bsi_snapshot_load_tree(repo, NULL, &ids[i], &trees[i]);
        }
    }
    if (status == BS_OK) {
        status = bsi_repo_diff(repo, NULL, index, &trees[0], &trees[1], print_difference, NULL);
    }
    bsi_repo_index_free(index);
    return status;
}

static bs_status print_match(void *user, const bsi_find_match *match)
{
    (void)user;
    print_id(match->snapshot, " ");
    (void)printf("%.*s\n", (int)match->path.size, match->path.data);
    return BS_OK;
}

static bs_status find(const bsi_repo *repo, const char *pattern)
{
    bsi_pattern_list *patterns = NULL;
    bsi_repo_index *index = NULL;
    bsi_finder *finder = NULL;
    bsi_repo_files files = {0};
    bs_status status = load_index(repo, &index);

    if (status == BS_OK) {
        status = bsi_pattern_list_new(&pattern, 1, &patterns, NULL);
    }
    if (status == BS_OK) {
        status = bsi_finder_new(repo, index, patterns, &finder);
    }
    if (status == BS_OK) {
        status = bsi_repo_list(repo, NULL, BSI_REPO_SNAPSHOTS, &files);
    }
    for (size_t i = 0; status == BS_OK && i < files.count; i++) {
        status = bsi_finder_run(finder, NULL, &files.items[i].id, print_match, NULL);
    }
    bsi_repo_files_dispose(&files);
    bsi_finder_free(finder);
    bsi_pattern_list_free(patterns);
    bsi_repo_index_free(index);
    return status;
}

/* What is called with the argument alone. */
static const struct {
    const char *name;
    bs_status (*run)(const bsi_repo *repo, const char *argument);
} commands[] = {
    {"copy", copy},
    {"diff", diff},
    {"find", find},
    {"prune", prune},
    {"remove-key", remove_key},
    {"repair", repair},
    {"save", save_snapshot},
    {"tag", tag_snapshot},
};

static bs_status run(bsi_repo *repo, const char *command, const char *argument)
{
    const bsi_slice name = bsi_slice_of(command);

    for (size_t i = 0; i < BSI_ARRAY_SIZE(commands); i++) {
        if (bsi_slice_is(name, commands[i].name)) {
            return commands[i].run(repo, argument);
        }
    }
    if (bsi_slice_is(name, "config")) {
        return print_config(repo);
    }
    if (bsi_slice_is(name, "snapshots")) {
        return print_snapshots(repo);
    }
    if (bsi_slice_is(name, "keys")) {
        return bsi_repo_key_list(repo, NULL, print_key, NULL);
    }
    if (bsi_slice_is(name, "add-key")) {
        return add_key(repo, argument, false);
    }
    if (bsi_slice_is(name, "change-key")) {
        return add_key(repo, argument, true);
    }
    if (bsi_slice_is(name, "lock")) {
        return hold_lock(repo, bsi_slice_is(bsi_slice_of(argument), "exclusive"));
    }
    if (bsi_slice_is(name, "check")) {
        return check(repo, bsi_slice_is(bsi_slice_of(argument), "data"));
    }
    if (bsi_slice_is(name, "unlock")) {
        return unlock(repo);
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "no command '%s'", command);
}

/* Make it with `init`, open it with anything else. */
static bs_status begin(bsi_storage *storage, const char *command, const char *argument,
                       bsi_repo **out)
{
    const bsi_repo_place place = {.storage = storage, .folder = ""};
    const bsi_repo_options options = {
        .version = (uint32_t)strtoul(argument, NULL, 10),
        .cost = cheap,
    };
    bsi_secret *password = NULL;
    bs_status status = secret_of(getenv("RESTIC_PASSWORD"), &password);

    if (status == BS_OK) {
        status = bsi_slice_is(bsi_slice_of(command), "init")
                     ? bsi_repo_init(&place, NULL, &options, password, out)
                     : bsi_repo_open(&place, NULL, password, out);
    }
    bsi_secret_free(password);
    return status;
}

int main(int argc, char **argv)
{
    const char *command = argc > 2 ? argv[2] : "";
    const char *argument = argc > 3 ? argv[3] : "";
    const bsi_setting path = {"path", argc > 1 ? argv[1] : ""};
    bsi_storage *storage = NULL;
    bsi_repo *repo = NULL;
    bs_status status = bsi_storage_open("local", &path, 1, NULL, &storage);

    if (status == BS_OK) {
        status = begin(storage, command, argument, &repo);
    }
    if (status == BS_OK) {
        status = bsi_slice_is(bsi_slice_of(command), "init") ? print_config(repo)
                                                             : run(repo, command, argument);
    }
    if (status < 0) {
        (void)printf("%s: %s\n", bs_status_name(status), bs_error_last()->message);
    }
    bsi_repo_close(repo);
    bsi_storage_unref(storage);
    return status < 0 ? 1 : 0;
}
