/* SPDX-License-Identifier: MIT */
/*
 * Backups into a repository from the command line, for tests beside the restic program:
 *
 *     snapshot_probe REPOSITORY backup|content|stored BASE ROOT...
 *     snapshot_probe REPOSITORY stream NAME
 *     snapshot_probe REPOSITORY tree BASE PATH
 *     snapshot_probe REPOSITORY text BASE
 *
 * BASE is the id of a snapshot, or "-". With `content` files are compared by their content only,
 * with `stored` data is not compressed. `stream` backs up the standard input. The pass phrase is in
 * RESTIC_PASSWORD; the number of threads in THREADS, usually 2. Prints one JSON object; warnings go
 * to the standard error. `tree` prints the id of the tree that a directory has in a snapshot,
 * `text` the whole snapshot. A new repository has a key that costs nothing to open.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/key.h"
#include "os/random.h"
#include "repo/snapshot.h"
#include "vault/repository/backup.h"
#include "vault/repository/parent.h"

enum { KEY_FOLDER_SIZE = 10 };

static void report(void *user, bsi_slice path, const bs_error *error)
{
    (void)user;
    (void)fprintf(stderr, "warning: '%.*s': %s\n", (int)path.size, path.data, error->message);
}

static int fill(void *user, void *buf, size_t size, size_t *got_out)
{
    *got_out = fread(buf, 1, size, user);
    return ferror((FILE *)user);
}

static void print_result(const bsi_backup_result *result, bs_status status, int64_t ns)
{
    const bsi_file_changes *changes = &result->changes;

    printf("{\"id\":\"%s\",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"stored\":%" PRIu64
           ",\"deduplicated\":%" PRIu64 ",\"added\":%" PRIu64 ",\"changed\":%" PRIu64
           ",\"unmodified\":%" PRIu64 ",\"removed\":%" PRIu64 ",\"partial\":%s,\"ms\":%" PRId64
           "}\n",
           result->manifest_key + KEY_FOLDER_SIZE, result->files, result->bytes,
           result->container_size, result->bytes_deduplicated, changes->added, changes->changed,
           changes->unmodified, changes->removed, status == BS_PARTIAL ? "true" : "false",
           ns / 1000000);
}

static bs_status back_up(const bsi_vault_env *env, bsi_backup_plan *plan)
{
    const int64_t began = bsi_monotonic_ns();
    bsi_backup_result result = {0};
    bs_status status = bsi_repository_form_backup(env, plan, &result);

    if (status >= 0) {
        print_result(&result, status, bsi_monotonic_ns() - began);
    }
    bsi_backup_result_dispose(&result);
    return status;
}

static bs_status prepare(const char *path, bsi_vault_env *env)
{
    const bsi_setting settings[] = {{"path", path}};
    const char *threads = getenv("THREADS");
    unsigned count = threads ? (unsigned)strtoul(threads, NULL, 10) : 2;

    BSI_TRY(bsi_storage_open("local", settings, 1, NULL, &env->storage));
    BSI_TRY(bsi_pool_new(count, &env->pool));
    return bsi_open(BSI_CWD, getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp",
                    BSI_OPEN_READ | BSI_OPEN_DIR, 0, &env->temp_dir);
}

/* --- Looking --- */

/* The node of a directory, by way of those above it. */
static bs_status find_dir(bsi_parent *parent, const char *path, bsi_slice *text)
{
    bs_status status = BS_OK;

    for (const char *at = path + 1; at && status == BS_OK;) {
        const char *slash = strchr(at, '/');
        const size_t size = slash ? (size_t)(slash - path - 1) : strlen(path + 1);
        status = bsi_parent_find(parent, (bsi_slice){path + 1, size}, BSI_TYPE_DIR, text);
        at = slash ? slash + 1 : NULL;
    }
    return status;
}

static bs_status print_tree(const bsi_repo_session *session, const char *key, const char *path)
{
    bsi_parent *parent = NULL;
    bsi_tree_reader reader;
    bsi_slice text = {0};
    bsi_node node = {.has_subtree = false};
    char digits[65] = "none";
    bs_status status = bsi_parent_open(session, key, &parent);

    bsi_tree_reader_init(&reader, NULL, 0);
    if (status == BS_OK) {
        status = find_dir(parent, path, &text);
    }
    if (status == BS_OK) {
        status = bsi_tree_reader_parse(&reader, text, &node);
    }
    if (node.has_subtree) {
        bsi_digest_format(&node.subtree, digits);
    }
    printf("%s\n", digits);
    bsi_tree_reader_dispose(&reader);
    bsi_parent_free(parent);
    return status;
}

static bs_status print_text(const bsi_repo_session *session, const char *key)
{
    bsi_digest id;
    bsi_buf text;
    bs_status status = bsi_digest_parse(key + KEY_FOLDER_SIZE, strlen(key + KEY_FOLDER_SIZE), &id);

    bsi_buf_init(&text, BSI_SNAPSHOT_MAX);
    if (status == BS_OK) {
        status = bsi_repo_load(session->repo, NULL, BSI_REPO_SNAPSHOTS, &id, &text);
    }
    printf("%.*s\n", (int)text.size, (const char *)text.data);
    bsi_buf_dispose(&text);
    return status;
}

/* `path` NULL: the snapshot itself. */
static bs_status look(const bsi_vault_env *env, bsi_key *const *key, const char *base,
                      const char *path)
{
    const bsi_session_options options = {
        .keys = key, .key_count = 1, .reads_only = true, .with_index = true};
    bsi_repo_session session;
    bs_status status = bsi_repo_session_open(env, &options, &session);

    if (status == BS_OK) {
        status = path ? print_tree(&session, base, path) : print_text(&session, base);
        bsi_repo_session_close(&session);
    }
    return status;
}

/* `arguments`: what stands behind the repository, ended by NULL. */
static bs_status run(const bsi_vault_env *env, bsi_backup_plan *plan, char **arguments)
{
    char base[KEY_FOLDER_SIZE + 65];

    if (strcmp(arguments[0], "stream") == 0) {
        plan->stream_name = arguments[1];
        BSI_TRY(bsi_stream_callback(fill, stdin, &plan->stream));
        return back_up(env, plan);
    }
    (void)snprintf(base, sizeof(base), "snapshots/%s", arguments[1]);
    if (strcmp(arguments[0], "tree") == 0 || strcmp(arguments[0], "text") == 0) {
        return look(env, plan->wrap_keys, base, arguments[2]);
    }
    plan->content_only = strcmp(arguments[0], "content") == 0;
    plan->compression = strcmp(arguments[0], "stored") == 0 ? "none" : "zstd";
    plan->walk.roots = (const char *const *)&arguments[2];
    plan->source_paths = plan->walk.roots;
    while (arguments[2 + plan->walk.root_count]) {
        plan->walk.root_count++;
    }
    if (strcmp(arguments[1], "-") != 0) {
        plan->base_manifest_key = base;
        plan->kind = BSI_KIND_INCREMENTAL;
    }
    return back_up(env, plan);
}

int main(int argc, char **argv)
{
    static const char *const no_paths[] = {NULL};
    char id[BS_ID_SIZE] = "";
    const bsi_warn warn = {report, NULL};
    bsi_progress progress = {.moved = NULL};
    bsi_vault_env env = {.warn = &warn, .progress = &progress, .temp_dir = -1};
    bsi_key *key = NULL;
    bsi_backup_plan plan = {.id = id,
                            .name = "home",
                            .kind = BSI_KIND_FULL,
                            .compression = "zstd",
                            .created_at = bsi_now(),
                            .started_at = bsi_now(),
                            .note = "",
                            .metadata = "{\"who\":\"probe\"}",
                            .options = "{}",
                            .source_paths = no_paths,
                            .encryption = BSI_ENCRYPTION_AES256,
                            .wrap_keys = &key,
                            .wrap_count = 1,
                            .cost = {.log_n = 1}};
    bs_status status = argc > 3 ? bsi_new_id(id) : BS_E_INVALID;

    if (status == BS_OK) {
        status = bsi_key_from_passphrase(bsi_slice_of(getenv("RESTIC_PASSWORD")), &key);
    }
    if (status == BS_OK) {
        status = prepare(argv[1], &env);
    }
    if (status == BS_OK) {
        status = run(&env, &plan, argv + 2);
    }
    if (status < 0) {
        (void)fprintf(stderr, "%s: %s\n", bs_status_name(status), bs_error_last()->message);
    }
    bsi_stream_free(plan.stream);
    bsi_close_quietly(env.temp_dir);
    bsi_pool_free(env.pool);
    bsi_storage_unref(env.storage);
    bsi_key_unref(key);
    return status < 0;
}
