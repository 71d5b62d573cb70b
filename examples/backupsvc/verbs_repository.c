/* SPDX-License-Identifier: MIT */
/*
 * repo, unlock, check, prune: repositories as such.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "output.h"
#include "repo_options.h"
#include "verbs.h"

static const job_kind check_job = {"check", bs_check_wait, bs_check_cancel};
static const job_kind prune_job = {"prune", bs_prune_wait, bs_prune_cancel};

static const char *encryption_name(int value)
{
    return bs_encryption_name((bs_encryption)value);
}

/* --- repo init --- */

/* `other`: the pass phrase of the repository whose chunks it takes, if it is another. */
static int init(tool_run *tool, const bs_repository_options *options, const key_option *other)
{
    const char *reference = key_option_reference(other);
    char id[BS_DIGEST_TEXT_SIZE];

    if (tool_open(tool, TOOL_CREATE) < 0) {
        return TOOL_FAILED;
    }
    if (reference && bs_key_unlock(tool->service, reference, NULL) < 0) {
        return output_fail_last(tool);
    }
    if (bs_repository_init(tool->service, options, id) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        (void)printf("{\"success\":true,\"repository_id\":\"%s\"}\n", id);
    } else if (!tool->quiet) {
        (void)printf("made repository %.*s\n", SHORT_ID, id);
    }
    return TOOL_DONE;
}

static int do_init(tool_run *tool, int argc, char **argv)
{
    bs_repository_options options = BS_REPOSITORY_OPTIONS_INIT;
    option_number version = {.lowest = 1, .highest = 2};
    key_option key = {NULL, NULL};
    key_option other = {NULL, NULL};
    option_list recipients = {NULL, 0};
    char **paths = NULL;
    int encryption = BS_ENCRYPTION_NONE;
    const option_row rows[] = {
        {"storage", OPTION_TEXT, &options.storage, NULL, 0, 0},
        {"encrypt", OPTION_WORD, &encryption, encryption_name, 0, BS_ENCRYPTION_RSA},
        {"key", OPTION_TEXT, &key.given, NULL, 0, 0},
        {"recipient", OPTION_LIST, &recipients, NULL, 0, 0},
        {"repository-version", OPTION_NUMBER, &version, NULL, 0, 0},
        {"chunks-of", OPTION_TEXT, &options.chunks_of, NULL, 0, 0},
        {"chunks-key", OPTION_TEXT, &other.given, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, rows, 0, 0, &code) < 0) {
        option_list_free(&recipients);
        return code;
    }
    paths = key_recipients_take(&recipients);
    if (recipients.count > 0 && !paths) {
        code = output_fail(tool, BS_E_NOMEM, "out of memory");
    } else if (key_option_take(tool, &other, "chunks-key", false, &code) &&
               key_option_take(tool, &key, "key", true, &code)) {
        options.encryption = (bs_encryption)encryption;
        options.encryption_key = key_option_reference(&key);
        options.recipients = (const char *const *)paths;
        options.version = (uint32_t)version.value;
        code = init(tool, &options, &other);
    }
    key_option_wipe(&key);
    key_option_wipe(&other);
    key_recipients_free(paths);
    option_list_free(&recipients);
    return code;
}

/* --- repo keys --- */

/* As repo_options_begin(), where a new pass phrase is given. */
static bool begin_new(tool_run *tool, int argc, char **argv, repo_arguments *given, int *code_out)
{
    const option_row rows[] = {
        REPO_ROWS(given),
        {"new-key", OPTION_TEXT, &given->added.given, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };

    if (options_read(tool, argc, argv, rows, 0, 0, code_out) < 0) {
        return false;
    }
    if (!given->added.given) {
        *code_out =
            output_usage(tool, "repo keys %s needs --new-key: the new pass phrase", argv[0]);
        return false;
    }
    return key_option_take(tool, &given->added, "new-key", true, code_out) &&
           key_options_open(tool, &given->keys, TOOL_EXISTING, code_out);
}

static void show_recipient(const bs_repository_key *key)
{
    (void)printf(" %s  rsa", key->id);
    if (*key->damage) {
        (void)printf("  damaged: ");
        output_text(stdout, key->damage);
    }
    (void)printf("\n");
}

static void show_keys(const bs_repository_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        const bs_repository_key *key = &keys->items[i];

        if (key->kind == BS_KEY_RSA) {
            show_recipient(key);
            continue;
        }
        (void)printf("%c%.*s  %.19s%s  ", key->is_current ? '*' : ' ', SHORT_ID, key->id,
                     key->created_at, *key->created_at ? "Z" : "");
        output_text(stdout, key->username);
        (void)printf("@");
        output_text(stdout, key->hostname);
        if (*key->damage) {
            (void)printf("  damaged: ");
            output_text(stdout, key->damage);
        }
        (void)printf("\n");
    }
}

static void show_keys_json(const bs_repository_keys *keys)
{
    (void)printf("{\"success\":true,\"keys\":[");
    for (size_t i = 0; i < keys->count; i++) {
        char *json = NULL;
        bs_status status = bs_repository_key_to_json(&keys->items[i], &json);

        (void)fputs(i > 0 ? "," : "", stdout);
        output_json_owned(stdout, status, json);
    }
    (void)printf("]}\n");
}

static int do_keys_list(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    bs_repository_keys *keys = NULL;
    int code = TOOL_DONE;

    if (repo_options_begin(tool, argc, argv, &given, 0, &code) < 0) {
        return code;
    }
    if (bs_repository_key_list(tool->service, given.storage, &keys) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        show_keys_json(keys);
    } else {
        show_keys(keys);
    }
    bs_repository_keys_free(keys);
    return TOOL_DONE;
}

static int show_added(const tool_run *tool, bs_status status, const char *what, const char *id)
{
    if (status < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        (void)printf("{\"success\":true,\"key_id\":\"%s\"}\n", id);
    } else if (!tool->quiet) {
        (void)printf("added %s %.*s\n", what, SHORT_ID, id);
    }
    return TOOL_DONE;
}

static int add_phrase(tool_run *tool, repo_arguments *given)
{
    char id[BS_DIGEST_TEXT_SIZE];
    bs_status status = BS_OK;
    int code = TOOL_DONE;

    if (!key_option_take(tool, &given->added, "new-key", true, &code) ||
        !key_options_open(tool, &given->keys, TOOL_EXISTING, &code)) {
        return code;
    }
    status = bs_repository_key_add(tool->service, given->storage,
                                   key_option_reference(&given->added), id);
    return show_added(tool, status, "key", id);
}

static int add_recipient(tool_run *tool, repo_arguments *given, const option_list *recipient)
{
    char id[BS_FINGERPRINT_SIZE];
    char **paths = NULL;
    bs_status status = BS_OK;
    int code = TOOL_DONE;

    if (!key_options_open(tool, &given->keys, TOOL_EXISTING, &code)) {
        return code;
    }
    paths = key_recipients_take(recipient);
    if (!paths) {
        return output_fail(tool, BS_E_NOMEM, "out of memory");
    }
    status = bs_repository_recipient_add(tool->service, given->storage, paths[0], id);
    key_recipients_free(paths);
    return show_added(tool, status, "recipient", id);
}

static int do_keys_add(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    const char *recipient = NULL;
    const option_list recipients = {&recipient, 1};
    const option_row rows[] = {
        REPO_ROWS(&given),
        {"new-key", OPTION_TEXT, &given.added.given, NULL, 0, 0},
        {"recipient", OPTION_TEXT, &recipient, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, rows, 0, 0, &code) < 0) {
        return code;
    }
    if (!given.added.given == !recipient) {
        return output_usage(tool, "repo keys add needs --new-key, the new pass phrase, or "
                                  "--recipient, the public key of one more");
    }
    code = recipient ? add_recipient(tool, &given, &recipients) : add_phrase(tool, &given);
    key_option_wipe(&given.added);
    return code;
}

static int do_keys_remove(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    int code = TOOL_DONE;
    const int first = repo_options_begin(tool, argc, argv, &given, 1, &code);

    if (first < 0) {
        return code;
    }
    return output_done(tool, bs_repository_key_remove(tool->service, given.storage, argv[first]),
                       "the key is removed");
}

static int do_keys_renew(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    int code = TOOL_DONE;

    if (repo_options_begin(tool, argc, argv, &given, 0, &code) < 0) {
        return code;
    }
    return output_done(tool, bs_repository_key_renew(tool->service, given.storage),
                       "the pass phrase is another one");
}

static int do_keys_passwd(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    int code = TOOL_DONE;

    if (begin_new(tool, argc, argv, &given, &code)) {
        code = output_done(tool,
                           bs_repository_key_change(tool->service, given.storage,
                                                    key_option_reference(&given.added)),
                           "the pass phrase is changed");
    }
    key_option_wipe(&given.added);
    return code;
}

static int do_keys(tool_run *tool, int argc, char **argv)
{
    static const verb_action actions[] = {
        {"list", do_keys_list},     {"add", do_keys_add},     {"remove", do_keys_remove},
        {"passwd", do_keys_passwd}, {"renew", do_keys_renew}, {NULL, NULL},
    };

    return options_act(tool, argc, argv, actions);
}

int verb_repo(tool_run *tool, int argc, char **argv)
{
    static const verb_action actions[] = {{"init", do_init}, {"keys", do_keys}, {NULL, NULL}};

    return options_act(tool, argc, argv, actions);
}

/* --- unlock --- */

int verb_unlock(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    bool all = false;
    const option_row rows[] = {
        REPO_ROWS(&given),
        {"remove-all", OPTION_FLAG, &all, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    uint64_t removed = 0;
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, rows, 0, 0, &code) < 0 ||
        !key_options_open(tool, &given.keys, TOOL_EXISTING, &code)) {
        return code;
    }
    if (bs_repository_unlock(tool->service, given.storage, all, &removed) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        (void)printf("{\"success\":true,\"removed\":%" PRIu64 "}\n", removed);
    } else if (!tool->quiet) {
        (void)printf("removed %" PRIu64 " %s\n", removed, removed == 1 ? "lock" : "locks");
    }
    return TOOL_DONE;
}

/* --- check --- */

static void check_text(const tool_run *tool, const bs_check_info *info, double seconds)
{
    char size[OUTPUT_SIZE_TEXT];

    repo_show_findings(info->findings, info->findings_kept, info->errors + info->notes,
                       !tool->quiet);
    if (info->status >= BS_STATE_FAILED) {
        (void)fflush(stdout);
        job_show_error("check", &info->error, info->status);
    } else if (!tool->quiet) {
        (void)printf("checked %" PRIu64 " snapshots, %" PRIu64 " packs in %.1f s: no damage; ",
                     info->snapshots, info->packs, seconds);
        (void)printf("%" PRIu64 " packs read, %s\n", info->packs_read,
                     output_size(info->bytes_read, size));
    }
}

static void check_json(const bs_check_info *info)
{
    const job_end end = {"check", NULL, info->status, &info->error};
    char *json = NULL;
    const bs_status status = bs_check_info_to_json(info, &json);

    job_show_json(&end, status, json);
}

static int check_follow(tool_run *tool, bs_subscription *events, const char *id)
{
    bs_check_info *info = NULL;
    double seconds = 0;
    bs_status ended = job_follow(tool, &check_job, events, id, &seconds);

    if (bs_check_get(tool->service, id, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        check_json(info);
    } else {
        check_text(tool, info, seconds);
    }
    bs_check_info_free(info);
    return job_exit_code(ended);
}

/* "2/5" or "10%". */
static bool take_subset(const char *text, bs_check_options *options)
{
    char *end = NULL;
    const unsigned long first = strtoul(text, &end, 10);
    unsigned long second = 0;

    if (end == text || first < 1 || first > 256) {
        return false;
    }
    if (strcmp(end, "%") == 0) {
        options->percent = (uint32_t)first;
        return first <= 100;
    }
    if (*end != '/' || end[1] < '0' || end[1] > '9') {
        return false;
    }
    second = strtoul(end + 1, &end, 10);
    options->part = (uint32_t)first;
    options->parts = (uint32_t)second;
    return *end == '\0' && second >= first && second <= 256;
}

static int run_check(tool_run *tool, const bs_check_options *options)
{
    bs_subscription *events = NULL;
    char id[BS_ID_SIZE];
    int code = TOOL_FAILED;

    if (bs_subscribe(tool->service, NULL, &events) < 0 ||
        bs_check_start(tool->service, options, id) < 0) {
        code = output_fail_last(tool);
    } else {
        code = check_follow(tool, events, id);
    }
    bs_unsubscribe(events);
    return code;
}

int verb_check(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    bs_check_options options = BS_CHECK_OPTIONS_INIT;
    const char *subset = NULL;
    const option_row rows[] = {
        REPO_ROWS(&given),
        {"read-data", OPTION_FLAG, &options.read_data, NULL, 0, 0},
        {"read-data-subset", OPTION_TEXT, &subset, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, rows, 0, 0, &code) < 0) {
        return code;
    }
    if (subset && !take_subset(subset, &options)) {
        return output_usage(tool, "--read-data-subset takes a part such as 2/5, or a share such as "
                                  "10%%");
    }
    options.read_data = options.read_data || subset;
    options.storage = given.storage;
    if (!key_options_open(tool, &given.keys, TOOL_EXISTING, &code)) {
        return code;
    }
    return run_check(tool, &options);
}

/* --- prune --- */

static void prune_text(const tool_run *tool, const bs_prune_info *info, double seconds)
{
    char removed[OUTPUT_SIZE_TEXT];
    char needed[OUTPUT_SIZE_TEXT];
    char left[OUTPUT_SIZE_TEXT];

    if (info->status >= BS_STATE_FAILED) {
        job_show_error("prune", &info->error, info->status);
        return;
    }
    if (tool->quiet) {
        return;
    }
    if (info->dry_run) {
        (void)printf("would remove %" PRIu64 " packs and repack %" PRIu64 ": %s\n",
                     info->packs_to_remove + info->packs_unknown, info->packs_to_repack,
                     output_size(info->bytes_to_remove + info->bytes_unknown, removed));
    } else {
        (void)printf("removed %" PRIu64 " packs of %s, wrote %" PRIu64 " in %.1f s\n",
                     info->packs_removed, output_size(info->bytes_removed, removed),
                     info->packs_written, seconds);
    }
    (void)printf("  %" PRIu64 " snapshots need %s; %s that none needs stay\n", info->snapshots,
                 output_size(info->bytes_needed, needed), output_size(info->bytes_left, left));
    if (info->packs_waiting > 0) {
        (void)printf("  %" PRIu64 " packs are marked, and wait for a later run\n",
                     info->packs_waiting);
    }
}

static void prune_json(const bs_prune_info *info)
{
    const job_end end = {"prune", NULL, info->status, &info->error};
    char *json = NULL;
    const bs_status status = bs_prune_info_to_json(info, &json);

    job_show_json(&end, status, json);
}

static int prune_follow(tool_run *tool, bs_subscription *events, const char *id)
{
    bs_prune_info *info = NULL;
    double seconds = 0;
    bs_status ended = job_follow(tool, &prune_job, events, id, &seconds);

    if (bs_prune_get(tool->service, id, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        prune_json(info);
    } else {
        prune_text(tool, info, seconds);
    }
    bs_prune_info_free(info);
    return job_exit_code(ended);
}

static int run_prune(tool_run *tool, const bs_prune_options *options)
{
    bs_subscription *events = NULL;
    char id[BS_ID_SIZE];
    int code = TOOL_FAILED;

    if (bs_subscribe(tool->service, NULL, &events) < 0 ||
        bs_prune_start(tool->service, options, id) < 0) {
        code = output_fail_last(tool);
    } else {
        code = prune_follow(tool, events, id);
    }
    bs_unsubscribe(events);
    return code;
}

int verb_prune(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    bs_prune_options options = BS_PRUNE_OPTIONS_INIT;
    const option_row rows[] = {
        REPO_ROWS(&given),
        {"dry-run", OPTION_FLAG, &options.dry_run, NULL, 0, 0},
        {"two-phases", OPTION_FLAG, &options.two_phases, NULL, 0, 0},
        {"no-grace", OPTION_FLAG, &options.no_grace, NULL, 0, 0},
        {"max-unused", OPTION_TEXT, &options.max_unused, NULL, 0, 0},
        {"max-repack-size", OPTION_TEXT, &options.max_repack_size, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, rows, 0, 0, &code) < 0) {
        return code;
    }
    options.storage = given.storage;
    if (!key_options_open(tool, &given.keys, TOOL_EXISTING, &code)) {
        return code;
    }
    return run_prune(tool, &options);
}
