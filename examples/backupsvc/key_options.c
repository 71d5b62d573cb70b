/* SPDX-License-Identifier: MIT */
#include "key_options.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "output.h"

#define TYPED_PREFIX "text:"

enum {
    TYPED_MAX = 4096,
    STEP_MS = 100, /* How long a signal may wait to be seen. */
};

/* --- Typing --- */

/* One line of standard input without its end; false at the end of input or after a signal. */
static bool read_line(char *out, size_t size)
{
    size_t used = 0;

    while (used + 1 < size && !tool_interrupted()) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        ssize_t got = 0;

        if (poll(&input, 1, STEP_MS) <= 0) {
            continue;
        }
        got = read(STDIN_FILENO, out + used, 1);
        if (got <= 0) {
            break;
        }
        if (out[used] == '\n') {
            out[used] = '\0';
            return true;
        }
        used++;
    }
    out[used] = '\0';
    return used > 0 && used + 1 < size && !tool_interrupted();
}

/* Without showing it, where there is a terminal. */
static bool ask(const char *question, char *out, size_t size)
{
    struct termios before;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    bool got = false;

    if (terminal) {
        struct termios silent = before;
        silent.c_lflag &= (tcflag_t)~ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
        (void)fprintf(stderr, "%s: ", question);
    }
    got = read_line(out, size);
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    return got;
}

static bool ask_again(const char *secret)
{
    char again[TYPED_MAX];
    bool same = ask("the same once more", again, sizeof(again)) && strcmp(again, secret) == 0;

    explicit_bzero(again, sizeof(again));
    return same;
}

static bool type_secret(tool_run *tool, key_option *one, const char *option, bool is_new,
                        int *code_out)
{
    const size_t prefix = strlen(TYPED_PREFIX);
    char question[64];

    one->typed = calloc(1, TYPED_MAX + prefix);
    if (!one->typed) {
        *code_out = output_fail(tool, BS_E_NOMEM, "out of memory");
        return false;
    }
    (void)snprintf(question, sizeof(question), "secret for --%s", option);
    (void)snprintf(one->typed, prefix + 1, "%s", TYPED_PREFIX);
    if (!ask(question, one->typed + prefix, TYPED_MAX) || !one->typed[prefix]) {
        *code_out = output_fail(tool, BS_E_KEY, "--%s: nothing was typed", option);
        return false;
    }
    if (is_new && isatty(STDIN_FILENO) && !ask_again(one->typed + prefix)) {
        *code_out = output_fail(tool, BS_E_KEY, "--%s: the two are not the same", option);
        return false;
    }
    return true;
}

/* --- Options --- */

bool key_is_reference(const char *text)
{
    return strncmp(text, "env:", 4) == 0 || strncmp(text, "file:", 5) == 0 ||
           strncmp(text, "keyring:", 8) == 0;
}

bool key_option_take(tool_run *tool, key_option *one, const char *option, bool is_new,
                     int *code_out)
{
    if (!one->given || key_is_reference(one->given)) {
        return true;
    }
    if (strcmp(one->given, "-") == 0) {
        return type_secret(tool, one, option, is_new, code_out);
    }
    /* What stands there may be the secret: it is not shown again. */
    *code_out = output_usage(tool,
                             "--%s takes env:NAME, file:PATH, keyring:NAME, or - to be asked: a "
                             "secret on a command line is seen by everybody",
                             option);
    return false;
}

bool key_options_take(tool_run *tool, key_options *keys, bool is_new, int *code_out)
{
    return key_option_take(tool, &keys->key, "key", is_new, code_out) &&
           key_option_take(tool, &keys->passphrase, "key-passphrase", false, code_out);
}

void key_recipients_free(char **recipients)
{
    for (size_t i = 0; recipients && recipients[i]; i++) {
        free(recipients[i]);
    }
    free(recipients);
}

char **key_recipients_take(const option_list *given)
{
    char **recipients = given->count > 0 ? calloc(given->count + 1, sizeof(*recipients)) : NULL;

    for (size_t i = 0; recipients && i < given->count; i++) {
        recipients[i] = key_is_reference(given->items[i]) ? strdup(given->items[i])
                                                          : tool_absolute_path(given->items[i]);
        if (!recipients[i]) {
            key_recipients_free(recipients);
            return NULL;
        }
    }
    return recipients;
}

const char *key_option_reference(const key_option *one)
{
    return one->typed ? one->typed : one->given;
}

static bool unlock(tool_run *tool, const key_options *keys)
{
    const char *key = key_option_reference(&keys->key);

    if (key && bs_key_unlock(tool->service, key, key_option_reference(&keys->passphrase)) < 0) {
        (void)output_fail_last(tool);
        return false;
    }
    return true;
}

bool key_options_open(tool_run *tool, key_options *keys, tool_access access, int *code_out)
{
    bool done = key_options_take(tool, keys, false, code_out);

    if (done) {
        *code_out = TOOL_FAILED;
        done = tool_open(tool, access) >= 0 && unlock(tool, keys);
    }
    key_options_wipe(keys);
    return done;
}

void key_wipe_variable(const char *name)
{
    char *value = getenv(name);

    if (value) {
        explicit_bzero(value, strlen(value));
    }
}

void key_option_wipe(key_option *one)
{
    if (one->typed) {
        explicit_bzero(one->typed, TYPED_MAX + strlen(TYPED_PREFIX));
    }
    free(one->typed);
    one->typed = NULL;
    if (one->given && strncmp(one->given, "env:", 4) == 0) {
        key_wipe_variable(one->given + 4);
    }
}

void key_options_wipe(key_options *keys)
{
    key_option_wipe(&keys->key);
    key_option_wipe(&keys->passphrase);
}
