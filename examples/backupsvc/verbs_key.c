/* SPDX-License-Identifier: MIT */
/*
 * key: new keys, the keyring, signers.
 */
#include <stdio.h>
#include <string.h>

#include "key_options.h"
#include "output.h"
#include "slots.h"
#include "verbs.h"

/* --- New keys --- */

static int show_generated(const tool_run *tool, const bs_key_options *options,
                          const char *fingerprint)
{
    if (tool->json) {
        (void)printf("{\"success\":true,\"kind\":\"%s\",\"file\":",
                     bs_key_kind_name(options->kind));
        output_json_text(stdout, options->path);
        (void)printf(",\"fingerprint\":\"%s\"}\n", fingerprint);
    } else if (!tool->quiet) {
        (void)printf("%s key %s in ", bs_key_kind_name(options->kind), fingerprint);
        output_text(stdout, options->path);
        (void)printf("; keep a copy elsewhere: what it opens is lost with it\n");
    }
    return TOOL_DONE;
}

static int do_generate(tool_run *tool, int argc, char **argv)
{
    bs_key_options options = BS_KEY_OPTIONS_INIT;
    option_number bits = {.lowest = 3072, .highest = 8192};
    key_option passphrase = {NULL, NULL};
    const option_row rows[] = {
        {"bits", OPTION_NUMBER, &bits, NULL, 0, 0},
        {"public", OPTION_TEXT, &options.public_path, NULL, 0, 0},
        {"key-passphrase", OPTION_TEXT, &passphrase.given, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    char fingerprint[BS_FINGERPRINT_SIZE] = "";
    bs_status status = BS_OK;
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, rows, 2, 2, &code);

    if (first < 0) {
        return code;
    }
    if (strcmp(argv[first], "raw") != 0 && strcmp(argv[first], "rsa") != 0) {
        return output_usage(tool, "key generate takes raw or rsa, not '%s'", argv[first]);
    }
    if (!key_option_take(tool, &passphrase, "key-passphrase", true, &code)) {
        key_option_wipe(&passphrase);
        return code;
    }
    options.kind = strcmp(argv[first], "raw") == 0 ? BS_KEY_RAW : BS_KEY_RSA;
    options.path = argv[first + 1];
    options.bits = (uint32_t)bits.value;
    options.passphrase = key_option_reference(&passphrase);
    status = bs_key_generate(&options, fingerprint);
    key_option_wipe(&passphrase);
    return status < 0 ? output_fail_last(tool) : show_generated(tool, &options, fingerprint);
}

/* --- The keyring --- */

static int do_add(tool_run *tool, int argc, char **argv)
{
    key_options keys = {{NULL, NULL}, {NULL, NULL}};
    const option_row rows[] = {
        KEY_ROWS(&keys),
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    int first = 0;

    if (slots_are_meant(argc, argv)) {
        return slots_add(tool, argc, argv);
    }
    first = options_read(tool, argc, argv, rows, 1, 1, &code);
    if (first < 0) {
        return code;
    }
    if (!keys.key.given) {
        return output_usage(tool, "key add needs --key: what to put into the keyring");
    }
    if (key_options_take(tool, &keys, true, &code)) {
        code = TOOL_FAILED;
        if (tool_open(tool, TOOL_CREATE) >= 0) {
            code = output_done(tool,
                               bs_keyring_add(tool->service, argv[first],
                                              key_option_reference(&keys.key),
                                              key_option_reference(&keys.passphrase)),
                               "added to the keyring");
        }
    }
    key_options_wipe(&keys);
    return code;
}

static int do_remove(tool_run *tool, int argc, char **argv)
{
    int code = TOOL_DONE;
    int first = 0;

    if (slots_are_meant(argc, argv)) {
        return slots_remove(tool, argc, argv);
    }
    first = options_read(tool, argc, argv, NULL, 1, 1, &code);
    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    return output_done(tool, bs_keyring_remove(tool->service, argv[first]),
                       "removed from the keyring");
}

static int do_rotate(tool_run *tool, int argc, char **argv)
{
    key_option master = {NULL, NULL};
    const option_row rows[] = {
        {"key", OPTION_TEXT, &master.given, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, rows, 0, 0, &code);

    if (first < 0) {
        return code;
    }
    if (!master.given) {
        return output_usage(tool, "key rotate needs --key: the new master key");
    }
    if (key_option_take(tool, &master, "key", true, &code)) {
        code = TOOL_FAILED;
        if (tool_open(tool, TOOL_EXISTING) >= 0) {
            code =
                output_done(tool, bs_keyring_rotate(tool->service, key_option_reference(&master)),
                            "sealed anew; set ENCRYPTION_KEY to the new master key");
        }
    }
    key_option_wipe(&master);
    return code;
}

static void list_text(const bs_keyring_info *info)
{
    for (size_t i = 0; i < info->entries_count; i++) {
        const bs_keyring_entry *entry = &info->entries[i];
        (void)printf("%-20s  %-10s  %-32s  %.19sZ%s\n", entry->name, bs_key_kind_name(entry->kind),
                     entry->fingerprint, entry->added_at, entry->can_open ? "" : "  public");
    }
    if (*info->signing_key) {
        (void)printf("signing key  %s\n", info->signing_key);
    }
    for (size_t i = 0; i < info->signers_count; i++) {
        if (!info->signers[i].is_own) {
            (void)printf("signer       %s  ", info->signers[i].public_key);
            output_text(stdout, info->signers[i].name);
            (void)printf("\n");
        }
    }
}

static int do_list(tool_run *tool, int argc, char **argv)
{
    bs_keyring_info *info = NULL;
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, NULL, 0, 1, &code);

    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (first < argc) {
        return slots_list(tool, argv[first]);
    }
    if (bs_keyring_list(tool->service, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        char *json = NULL;
        bs_status status = bs_keyring_info_to_json(info, &json);

        (void)printf("{\"success\":true,\"keyring\":");
        output_json_owned(stdout, status, json);
        (void)printf("}\n");
    } else {
        list_text(info);
    }
    bs_keyring_info_free(info);
    return TOOL_DONE;
}

/* --- Signers --- */

static int do_trust(tool_run *tool, int argc, char **argv)
{
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, NULL, 2, 2, &code);

    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_CREATE) < 0) {
        return TOOL_FAILED;
    }
    return output_done(tool, bs_signer_trust(tool->service, argv[first], argv[first + 1]),
                       "the signer is known");
}

static int do_forget(tool_run *tool, int argc, char **argv)
{
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, NULL, 1, 1, &code);

    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    return output_done(tool, bs_signer_forget(tool->service, argv[first]),
                       "the signer is forgotten");
}

int verb_key(tool_run *tool, int argc, char **argv)
{
    static const verb_action actions[] = {
        {"generate", do_generate}, {"add", do_add},       {"remove", do_remove},
        {"change", slots_change},  {"list", do_list},     {"rotate", do_rotate},
        {"trust", do_trust},       {"forget", do_forget}, {NULL, NULL},
    };

    return options_act(tool, argc, argv, actions);
}
