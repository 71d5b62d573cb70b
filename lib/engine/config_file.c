/* SPDX-License-Identifier: MIT */
/*
 * Reads .env files:
 *
 *     # comment            whole lines only, or behind white space after a value
 *     NAME=value           white space at both ends does not count
 *     export NAME=value
 *     NAME="a \"b\" \\"    a backslash in double quotes takes the next byte as it is
 *     NAME='as it is'
 *
 * Nothing is expanded or run. CRLF and a byte order mark are taken in.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/utf8.h"
#include "engine/config.h"
#include "os/file.h"

enum {
    ENV_FILE_MAX = 1024 * 1024,
    ENV_WHERE_SIZE = 300,
};

typedef struct env_file {
    bs_config *config;
    const char *path;
    size_t line;
    bsi_buf value;
    bsi_complaints complaints;
} env_file;

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static bool is_name(char byte, bool first)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_' ||
           (!first && byte >= '0' && byte <= '9');
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && is_space(*at)) {
        at++;
    }
    return at;
}

static void complain(env_file *file, const char *what)
{
    bsi_complain_invalid(&file->complaints, "%s:%zu: %s", file->path, file->line, what);
}

/* Append what stands in quotes; NULL when they are not closed. */
static const char *take_quoted(env_file *file, const char *at, const char *end, bs_status *status)
{
    const char quote = *at++;

    while (at < end && *at != quote) {
        if (quote == '"' && *at == '\\' && at + 1 < end) {
            at++;
        }
        *status = bsi_buf_append_byte(&file->value, (uint8_t)*at++);
        if (*status < 0) {
            return NULL;
        }
    }
    return at < end ? at + 1 : NULL;
}

/* Append what stands up to the end or to a comment, without space at its end. */
static bs_status take_bare(env_file *file, const char *at, const char *end)
{
    const char *stop = at;

    while (stop < end && !(*stop == '#' && (stop == at || is_space(stop[-1])))) {
        stop++;
    }
    while (stop > at && is_space(stop[-1])) {
        stop--;
    }
    return bsi_buf_append(&file->value, at, (size_t)(stop - at));
}

/* Leaves the value, ending in NUL, in file->value. False: it was complained about. */
static bool take_value(env_file *file, const char *at, const char *end, bs_status *status)
{
    bsi_buf_clear(&file->value);
    at = skip_space(at, end);
    if (at < end && (*at == '"' || *at == '\'')) {
        at = take_quoted(file, at, end, status);
        if (*status >= 0 && !at) {
            complain(file, "a quote is not closed on its line");
            return false;
        }
        if (*status >= 0 && skip_space(at, end) < end && *skip_space(at, end) != '#') {
            complain(file, "something stands behind the closing quote");
            return false;
        }
    } else {
        *status = take_bare(file, at, end);
    }
    if (*status >= 0) {
        *status = bsi_buf_append_byte(&file->value, 0);
    }
    return *status >= 0;
}

/*
 * A name that is not ours is somebody else's setting, unless it is so like one
 * of ours that it must be a slip: long, the same beginning, two changes at most.
 */
static void suspect(env_file *file, const char *name, size_t size)
{
    char text[128];
    const char *nearest = size >= 10 ? bsi_config_nearest(name, size, 2) : NULL;

    if (nearest && strncmp(name, nearest, 4) == 0) {
        bsi_complain_invalid(&file->complaints, "%s:%zu: %s: no such setting; is %s meant?",
                             file->path, file->line, bsi_printable(name, size, text, sizeof(text)),
                             nearest);
    }
}

static bs_status set_value(env_file *file, int index)
{
    char where[ENV_WHERE_SIZE];
    char path[ENV_WHERE_SIZE - 32];
    bsi_buf text;
    bs_status status = BS_OK;

    if (strlen((const char *)file->value.data) + 1 != file->value.size ||
        !bsi_utf8_valid((const char *)file->value.data, file->value.size - 1)) {
        complain(file, "the value is not UTF-8 text");
        return BS_OK;
    }
    bsi_printable(file->path, strlen(file->path), path, sizeof(path));
    bsi_buf_init(&text, sizeof(where) - 1);
    status = bsi_buf_append_format(&text, "%s:%zu: ", path, file->line);
    if (status >= 0) {
        memcpy(where, text.data, text.size);
        where[text.size] = '\0';
        status = bsi_config_put(file->config, (size_t)index, (const char *)file->value.data, where,
                                &file->complaints);
    }
    bsi_buf_dispose(&text);
    return status;
}

static bs_status read_line(env_file *file, const char *at, const char *end)
{
    const char *name = NULL;
    size_t size = 0;
    bs_status status = BS_OK;
    int index = 0;

    at = skip_space(at, end);
    if (at == end || *at == '#') {
        return BS_OK;
    }
    if (end - at > 7 && memcmp(at, "export", 6) == 0 && is_space(at[6])) {
        at = skip_space(at + 6, end);
    }
    name = at;
    while (at < end && is_name(*at, at == name)) {
        at++;
    }
    size = (size_t)(at - name);
    at = skip_space(at, end);
    if (size == 0 || at == end || *at != '=') {
        complain(file, "a line is NAME=value, or begins with '#'");
        return BS_OK;
    }
    if (!take_value(file, at + 1, end, &status)) {
        return status;
    }
    index = bsi_config_find(name, size);
    if (index < 0) {
        suspect(file, name, size);
        return BS_OK;
    }
    return set_value(file, index);
}

static bs_status read_lines(env_file *file, const char *text, size_t size)
{
    const char *at = text;
    const char *end = text + size;
    bs_status status = BS_OK;

    if (size >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) {
        at += 3;
    }
    while (at < end && status >= 0) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        file->line++;
        status = read_line(file, at, stop);
        at = stop < end ? stop + 1 : end;
    }
    return status < 0 ? status : bsi_complaints_status(&file->complaints);
}

/* The file may hold secrets. */
static void free_text(char *text)
{
    if (text) {
        bsi_wipe(text, ENV_FILE_MAX + 1);
    }
    bsi_free(text);
}

static bs_status read_file(const char *path, char **text_out, size_t *size_out)
{
    char *text = bsi_alloc(ENV_FILE_MAX + 1);
    size_t size = 0;
    int fd = -1;
    bs_status status = BS_E_NOMEM;

    if (!text) {
        goto out;
    }
    status = bsi_open(BSI_CWD, path, BSI_OPEN_READ | BSI_OPEN_NONBLOCK, 0, &fd);
    if (status < 0) {
        goto out;
    }
    status = bsi_read(fd, text, ENV_FILE_MAX + 1, &size);
    if (status >= 0 && size > ENV_FILE_MAX) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "'%s' is larger than 1 MiB", path);
    }
    if (status < 0) {
        goto out;
    }
    *text_out = text;
    *size_out = size;
    text = NULL;

out:
    bsi_close_quietly(fd);
    free_text(text);
    return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "reading the settings") : BS_OK;
}

bs_status bsi_config_load_text(bs_config *config, const char *path, const char *text, size_t size)
{
    env_file file = {.path = path};
    bs_config swap;
    bs_status status = BS_OK;

    bsi_buf_init(&file.value, ENV_FILE_MAX + 1);
    status = bsi_buf_reserve(&file.value, size + 1); /* It never moves, and leaves no copies. */
    if (status < 0) {
        goto out;
    }
    status = bsi_config_copy(config, &file.config);
    if (status < 0) {
        goto out;
    }
    status = read_lines(&file, text, size);
    if (status < 0) {
        goto out;
    }
    swap = *config;
    *config = *file.config;
    *file.config = swap;

out:
    bsi_config_free(file.config);
    if (file.value.data) {
        bsi_wipe(file.value.data, file.value.capacity);
    }
    bsi_buf_dispose(&file.value);
    return status;
}

bs_status bsi_config_load_file(bs_config *config, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    bs_status status = read_file(path, &text, &size);

    if (status >= 0) {
        status = bsi_config_load_text(config, path, text, size);
    }
    free_text(text);
    return status;
}
