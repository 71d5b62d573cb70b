/* SPDX-License-Identifier: MIT */
/*
 * files, cat, export: what is inside of a backup.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "key_options.h"
#include "options.h"
#include "output.h"
#include "verbs.h"

/* One letter for the kind and nine for the permissions, as ls has them. */
static void mode_text(const bs_entry *entry, char out[11])
{
    static const char letters[] = "?-dlpscb";
    static const char bits[] = "rwxrwxrwx";

    out[0] = letters[(size_t)entry->type < sizeof(letters) - 1 ? entry->type : 0];
    for (unsigned i = 0; i < 9; i++) {
        out[i + 1] = bits[i];
        if (!(entry->mode & (0400u >> i))) {
            out[i + 1] = '-';
        }
    }
    if (entry->mode & 04000) {
        out[3] = out[3] == 'x' ? 's' : 'S';
    }
    if (entry->mode & 02000) {
        out[6] = out[6] == 'x' ? 's' : 'S';
    }
    if (entry->mode & 01000) {
        out[9] = out[9] == 'x' ? 't' : 'T';
    }
    out[10] = '\0';
}

static int files_text(void *user, const bs_entry *entry)
{
    char mode[11];

    (void)user;
    mode_text(entry, mode);
    (void)printf("%s  %-8s %-8s %12" PRIu64 "  ", mode, entry->user, entry->group, entry->size);
    output_bytes(stdout, entry->path, entry->path_size);
    if (entry->link_size > 0) {
        (void)fputs(entry->type == BS_ENTRY_SYMLINK ? " -> " : " = ", stdout);
        output_bytes(stdout, entry->link, entry->link_size);
    }
    (void)fputc('\n', stdout);
    return tool_interrupted() || ferror(stdout);
}

static int files_json(void *user, const bs_entry *entry)
{
    uint64_t *count = user;
    char *json = NULL;
    bs_status status = bs_entry_to_json(entry, &json);

    (void)fputs((*count)++ > 0 ? "," : "", stdout);
    output_json_owned(stdout, status, json);
    return status < 0 || tool_interrupted() || ferror(stdout);
}

/* Entries are printed as they come; what became of it stands behind them in the document. */
static int files_as_json(const char *id, const char *path, bool recursive, bs_service *service)
{
    uint64_t count = 0;
    bs_status status = BS_OK;
    bs_error error;

    (void)printf("{\"files\":[");
    status = bs_backup_entries(service, id, path, recursive, files_json, &count);
    error = *bs_error_last();
    (void)printf("],\"success\":%s", status < 0 ? "false" : "true");
    if (status < 0) {
        char *json = NULL;
        bs_status made = bs_error_to_json(&error, &json);

        (void)printf(",\"error\":");
        output_json_owned(stdout, made, json);
    }
    (void)printf("}\n");
    return status < 0 ? TOOL_FAILED : TOOL_DONE;
}

int verb_files(tool_run *tool, int argc, char **argv)
{
    bool recursive = false;
    key_options keys = {{NULL, NULL}, {NULL, NULL}};
    const option_row rows[] = {
        {"recursive", OPTION_FLAG, &recursive, NULL, 0, 0},
        KEY_ROWS(&keys),
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    const char *path = NULL;
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, rows, 1, 2, &code);
    if (first < 0) {
        return code;
    }
    if (!key_options_open(tool, &keys, TOOL_EXISTING, &code)) {
        return code;
    }
    path = argc - first > 1 ? argv[first + 1] : NULL;
    if (tool->json) {
        return files_as_json(argv[first], path, recursive, tool->service);
    }
    if (bs_backup_entries(tool->service, argv[first], path, recursive, files_text, NULL) < 0) {
        return output_fail_last(tool);
    }
    return TOOL_DONE;
}

/* Where bytes go, and how many have gone. */
typedef struct byte_sink {
    FILE *to;
    uint64_t size;
} byte_sink;

static int sink_data(void *user, const void *data, size_t size)
{
    byte_sink *sink = user;

    if (tool_interrupted() || fwrite(data, 1, size, sink->to) != size) {
        return 1;
    }
    sink->size += size;
    return 0;
}

/* A callback stopped the call because of us: say why. */
static int fail_sink(const tool_run *tool, bs_status status, const byte_sink *sink,
                     const char *file)
{
    if (status == BS_E_CALLBACK && tool_interrupted()) {
        return output_fail(tool, BS_E_CANCELLED, "cancelled");
    }
    if (status == BS_E_CALLBACK && ferror(sink->to)) {
        return output_fail(tool, BS_E_IO, "writing '%s': %s", file, strerror(errno));
    }
    return output_fail_last(tool);
}

int verb_cat(tool_run *tool, int argc, char **argv)
{
    key_options keys = {{NULL, NULL}, {NULL, NULL}};
    const option_row rows[] = {
        KEY_ROWS(&keys),
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    byte_sink sink = {stdout, 0};
    bs_status status = BS_OK;
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, rows, 2, 2, &code);
    if (first < 0) {
        return code;
    }
    if (tool->json) {
        return output_usage(tool, "cat prints the file's bytes; it has no JSON form");
    }
    if (!key_options_open(tool, &keys, TOOL_EXISTING, &code)) {
        return code;
    }
    status = bs_backup_read(tool->service, argv[first], argv[first + 1], sink_data, &sink);
    return status < 0 ? fail_sink(tool, status, &sink, "standard output") : TOOL_DONE;
}

/* --- export --- */

typedef struct export_arguments {
    key_options keys;
    int compression;
    option_number level;
    option_list paths;
} export_arguments;

static const char *compression_name(int value)
{
    return bs_compression_name((bs_compression)value);
}

/* The container that there is, or of a backup in a repository one that is made on the way. */
static bs_status send(const tool_run *tool, const char *id, const export_arguments *given,
                      byte_sink *sink)
{
    bs_export_options options = BS_EXPORT_OPTIONS_INIT;
    bs_backup_info *info = NULL;
    bs_status status = bs_backup_get(tool->service, id, &info);
    bool is_made = false;

    if (status < 0) {
        return status;
    }
    is_made = info->form == BS_FORM_REPOSITORY || given->compression != BS_COMPRESSION_DEFAULT ||
              given->level.given || given->paths.count > 0;
    bs_backup_info_free(info);
    if (!is_made) {
        return bs_backup_download(tool->service, id, 0, UINT64_MAX, sink_data, sink);
    }
    options.compression = (bs_compression)given->compression;
    options.compression_level = (int32_t)given->level.value;
    options.paths = given->paths.items;
    return bs_backup_export(tool->service, id, &options, sink_data, sink);
}

/* Into an opened file. */
static int export_to(const tool_run *tool, const char *id, const export_arguments *given,
                     const char *file, FILE *to)
{
    byte_sink sink = {to, 0};
    const bs_status status = send(tool, id, given, &sink);

    if (status < 0) {
        return fail_sink(tool, status, &sink, file);
    }
    if (fflush(to) != 0 || (to != stdout && fsync(fileno(to)) != 0)) {
        return output_fail(tool, BS_E_IO, "writing '%s': %s", file, strerror(errno));
    }
    if (tool->json) {
        (void)printf("{\"success\":true,\"file\":");
        output_json_text(stdout, file);
        (void)printf(",\"size\":%" PRIu64 "}\n", sink.size);
    } else if (to != stdout && !tool->quiet) {
        char size[OUTPUT_SIZE_TEXT];

        (void)printf("%s in '", output_size(sink.size, size));
        output_text(stdout, file);
        (void)printf("'\n");
    }
    return TOOL_DONE;
}

/* Into a new file, never over one that is there; what was written of it goes when that fails. */
static int export_new(const tool_run *tool, const char *id, const export_arguments *given,
                      const char *file)
{
    const int descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *to = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
    int code = TOOL_DONE;

    if (!to) {
        return output_fail(tool, errno == EEXIST ? BS_E_EXISTS : BS_E_IO, "'%s': %s", file,
                           strerror(errno));
    }
    code = export_to(tool, id, given, file, to);
    (void)fclose(to);
    if (code != TOOL_DONE) {
        (void)unlink(file);
    }
    return code;
}

static int run_export(tool_run *tool, int argc, char **argv, export_arguments *given)
{
    const option_row rows[] = {
        KEY_ROWS(&given->keys),
        {"compression", OPTION_WORD, &given->compression, compression_name, BS_COMPRESSION_NONE,
         BS_COMPRESSION_TAR_ZST},
        {"level", OPTION_NUMBER, &given->level, NULL, 0, 0},
        {"path", OPTION_LIST, &given->paths, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    const char *file = NULL;
    int code = TOOL_DONE;
    const int first = options_read(tool, argc, argv, rows, 2, 2, &code);

    if (first < 0) {
        return code;
    }
    file = argv[first + 1];
    if (tool->json && strcmp(file, "-") == 0) {
        return output_usage(tool, "the container goes to standard output; leave out --json");
    }
    if (!key_options_open(tool, &given->keys, TOOL_EXISTING, &code)) {
        return code;
    }
    return strcmp(file, "-") == 0 ? export_to(tool, argv[first], given, "standard output", stdout)
                                  : export_new(tool, argv[first], given, file);
}

int verb_export(tool_run *tool, int argc, char **argv)
{
    export_arguments given = {.level = {.lowest = 1, .highest = 22}};
    const int code = run_export(tool, argc, argv, &given);

    option_list_free(&given.paths);
    return code;
}
