/* SPDX-License-Identifier: MIT */
/*
 * Who we are: an agent's keys, a key of ours, a password, in this order, each
 * only when it was given and the server takes it.
 */
#include <libssh2.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/slice.h"
#include "net/ssh_int.h"
#include "os/file.h"
#include "text/base64.h"

enum {
    FILE_MAX = 4 * 1024 * 1024, /* Bytes of a known_hosts. */
    MODE_OTHERS = 0077,
    METHODS_SIZE = 256,
    AGENT_KEYS_MAX = 32,
};

/* What was tried, for the text when nothing helped. */
typedef struct login {
    bsi_ssh *ssh;
    char methods[METHODS_SIZE]; /* That the server takes: "publickey,password". */
    bool done;
    bool rsa; /* An RSA key was refused. */
} login;

/* --- Files --- */

static bs_status check_file(const bsi_stat *stat, const char *path, const char *what,
                            bool is_private)
{
    if (stat->type != BSI_TYPE_FILE) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID, "%s: '%s' is no file", what, path);
    }
    if (stat->size > FILE_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "%s: '%s' has more than 4 MiB", what, path);
    }
    if (is_private && (stat->mode & MODE_OTHERS) != 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS,
                        "%s: others may use '%s' too (mode %04o): run 'chmod 600' on it", what,
                        path, (unsigned)stat->mode);
    }
    return BS_OK;
}

static bs_status read_open_file(int fd, const char *path, const char *what, bool is_private,
                                bsi_buf *out)
{
    bsi_stat stat;
    size_t got = 0;

    BSI_TRY(bsi_fstat(fd, &stat));
    BSI_TRY(check_file(&stat, path, what, is_private));
    BSI_TRY(bsi_buf_reserve(out, (size_t)stat.size + 1));
    BSI_TRY(bsi_read(fd, out->data, (size_t)stat.size, &got));
    out->size = got;
    out->data[got] = '\0';
    return BS_OK;
}

bs_status bsi_ssh_read_file(const char *path, const char *what, bool is_private, bsi_buf *out)
{
    int fd = -1;
    bs_status status = BS_OK;

    bsi_buf_init(out, FILE_MAX + 1);
    status = bsi_open(BSI_CWD, path, BSI_OPEN_READ | BSI_OPEN_NONBLOCK, 0, &fd);
    if (status == BS_E_NOT_FOUND) { /* Not to be taken for an object that is not there. */
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID, "%s: there is no file '%s'", what, path);
    }
    if (status == BS_OK) {
        status = read_open_file(fd, path, what, is_private, out);
        bsi_close_quietly(fd);
    }
    if (status < 0) {
        bsi_buf_dispose(out);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "%s", what);
    }
    return BS_OK;
}

/* --- Methods --- */

static int ask_methods(bsi_ssh *ssh, void *user)
{
    login *self = user;
    const char *user_name = ssh->target->user;
    const char *methods =
        libssh2_userauth_list(ssh->session, user_name, (unsigned)strlen(user_name));

    if (!methods) {
        self->done = libssh2_userauth_authenticated(ssh->session) != 0;
        return self->done ? 0 : libssh2_session_last_errno(ssh->session);
    }
    (void)snprintf(self->methods, sizeof(self->methods), "%s", methods);
    return 0;
}

static bool takes(const login *self, const char *method)
{
    const size_t size = strlen(method);

    for (const char *at = self->methods; *at;) {
        const size_t part = strcspn(at, ",");
        if (part == size && strncmp(at, method, size) == 0) {
            return true;
        }
        at += part + (at[part] == ',');
    }
    return false;
}

/*
 * A step whose failure only means that the next one is tried: BS_OK, and
 * `done` when it was accepted. What breaks the connection ends all of it.
 */
static bs_status attempt(login *self, bsi_ssh_step step, void *user)
{
    int result = 0;

    BSI_TRY(bsi_ssh_run(self->ssh, step, user, &result));
    if (self->ssh->no_memory || self->ssh->has_io_error) {
        return bsi_ssh_result(self->ssh, result < 0 ? result : LIBSSH2_ERROR_SOCKET_NONE,
                              "logging in to");
    }
    self->done = result == 0;
    return BS_OK;
}

/* --- An agent --- */

typedef struct agent_key {
    LIBSSH2_AGENT *agent;
    struct libssh2_agent_publickey *key;
} agent_key;

static int offer_agent_key(bsi_ssh *ssh, void *user)
{
    const agent_key *offer = user;

    return libssh2_agent_userauth(offer->agent, ssh->target->user, offer->key);
}

static bs_status offer_agent_keys(login *self, LIBSSH2_AGENT *agent)
{
    agent_key offer = {agent, NULL};

    for (int i = 0; i < AGENT_KEYS_MAX && !self->done; i++) {
        struct libssh2_agent_publickey *next = NULL;
        if (libssh2_agent_get_identity(agent, &next, offer.key) != 0) {
            break;
        }
        offer.key = next;
        BSI_TRY(attempt(self, offer_agent_key, &offer));
    }
    return BS_OK;
}

static bs_status try_agent(login *self)
{
    bsi_ssh *ssh = self->ssh;
    LIBSSH2_AGENT *agent = libssh2_agent_init(ssh->session);
    bs_status status = BS_OK;

    if (!agent) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    libssh2_agent_set_identity_path(agent, ssh->target->agent);
    if (libssh2_agent_connect(agent) != 0 || libssh2_agent_list_identities(agent) != 0) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS,
                          "no SSH agent answers on '%s' (setting 'agent')", ssh->target->agent);
    }
    if (status == BS_OK) {
        status = offer_agent_keys(self, agent);
    }
    (void)libssh2_agent_disconnect(agent);
    libssh2_agent_free(agent);
    return status;
}

/* --- A key of ours --- */

typedef struct own_key {
    bsi_buf content;
    const char *passphrase; /* NULL: none was given. */
} own_key;

static int offer_own_key(bsi_ssh *ssh, void *user)
{
    const own_key *key = user;
    const char *user_name = ssh->target->user;

    return libssh2_userauth_publickey_frommemory(ssh->session, user_name, strlen(user_name), NULL,
                                                 0, (const char *)key->content.data,
                                                 key->content.size, key->passphrase);
}

/* What may be part of a key is wiped. */
static void drop(bsi_buf *buf)
{
    if (buf->data) {
        explicit_bzero(buf->data, buf->size);
    }
    bsi_buf_dispose(buf);
}

/* The body of a key in PEM's clothes, as far as it is base 64. */
static bool body_has(const bsi_buf *content, bsi_slice wanted)
{
    const char *text = (const char *)content->data;
    const char *at = strchr(text, '\n');
    bsi_buf digits;
    bsi_buf bytes;
    bool found = false;

    bsi_buf_init(&digits, FILE_MAX);
    bsi_buf_init(&bytes, FILE_MAX);
    for (; at && at[1] != '-'; at = strchr(at + 1, '\n')) {
        if (bsi_buf_append(&digits, at + 1, strcspn(at + 1, "\r\n")) < 0) {
            break;
        }
    }
    if (bsi_base64_decode((const char *)digits.data, digits.size, &bytes) == BS_OK &&
        bytes.size > 0) {
        found = memmem(bytes.data, bytes.size, wanted.data, wanted.size) != NULL;
    }
    drop(&digits);
    drop(&bytes);
    return found;
}

static bool is_rsa(const bsi_buf *content)
{
    static const char in_openssh[] = "\0\0\0\7ssh-rsa";
    static const char in_pkcs8[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";

    return strstr((const char *)content->data, "BEGIN RSA ") != NULL ||
           body_has(content, (bsi_slice){in_openssh, sizeof(in_openssh) - 1}) ||
           body_has(content, (bsi_slice){in_pkcs8, sizeof(in_pkcs8) - 1});
}

static bool is_locked(const bsi_buf *content)
{
    static const char in_openssh[] = "\0\0\0\6bcrypt";

    return strstr((const char *)content->data, "ENCRYPTED") != NULL ||
           body_has(content, (bsi_slice){in_openssh, sizeof(in_openssh) - 1});
}

static bs_status try_own_key(login *self)
{
    const bsi_ssh_target *target = self->ssh->target;
    own_key key = {.passphrase = target->passphrase.bytes};
    bs_status status =
        bsi_ssh_read_file(target->key_file, "setting 'key_file'", true, &key.content);

    if (status < 0) {
        return status;
    }
    if (!key.passphrase && is_locked(&key.content)) {
        status =
            bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS,
                     "the key '%s' is encrypted: setting 'passphrase' is needed", target->key_file);
    }
    if (status == BS_OK) {
        status = attempt(self, offer_own_key, &key);
    }
    self->rsa = status == BS_OK && !self->done && is_rsa(&key.content);
    drop(&key.content);
    return status;
}

/* --- A password --- */

static int offer_password(bsi_ssh *ssh, void *user)
{
    const bsi_ssh_target *target = ssh->target;

    (void)user;
    return libssh2_userauth_password_ex(ssh->session, target->user, (unsigned)strlen(target->user),
                                        target->password.bytes, (unsigned)target->password.size,
                                        NULL);
}

/* Servers that ask in their own words are told the same. */
/* NOLINTNEXTLINE(readability-function-size): libssh2 says what it takes. */
static void answer_prompts(const char *name, int name_size, const char *instruction,
                           int instruction_size, int count,
                           const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                           LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
    bsi_ssh *ssh = *abstract;
    const bsi_ssh_secret *password = &ssh->target->password;

    (void)name;
    (void)name_size;
    (void)instruction;
    (void)instruction_size;
    for (int i = 0; i < count; i++) {
        char *copy = NULL;
        if (prompts[i].echo == 0) {
            copy = bsi_ssh_memory(ssh, password->size + 1);
        }
        if (copy) {
            memcpy(copy, password->bytes, password->size + 1);
        }
        responses[i].text = copy;
        responses[i].length = copy ? (unsigned)password->size : 0;
    }
}

static int answer_questions(bsi_ssh *ssh, void *user)
{
    const char *user_name = ssh->target->user;

    (void)user;
    return libssh2_userauth_keyboard_interactive_ex(ssh->session, user_name,
                                                    (unsigned)strlen(user_name), answer_prompts);
}

/* --- All of it --- */

static bs_status refused(const login *self)
{
    const bsi_ssh_target *target = self->ssh->target;
    char shown[METHODS_SIZE];

    return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS,
                    "host '%s' does not let user '%s' in; it takes %s, and was offered%s%s%s%s%s%s",
                    target->host, target->user,
                    bsi_printable(self->methods, strlen(self->methods), shown, sizeof(shown)),
                    target->agent ? " the agent's keys" : "",
                    target->agent && target->key_file ? "," : "",
                    target->key_file ? " the key of 'key_file'" : "",
                    (target->agent || target->key_file) && target->password.size > 0 ? "," : "",
                    target->password.size > 0 ? " the password" : "",
                    self->rsa ? " (this build's libssh2 cannot use RSA keys with servers that "
                                "refuse SHA-1: use an Ed25519 key)"
                    : target->passphrase.size > 0 ? " (or 'passphrase' does not open the key)"
                                                  : "");
}

static bs_status try_password(login *self)
{
    return attempt(self, offer_password, NULL);
}

static bs_status try_questions(login *self)
{
    return attempt(self, answer_questions, NULL);
}

static bs_status try_methods(login *self)
{
    const bsi_ssh_target *target = self->ssh->target;
    const bool with_password = target->password.size > 0;
    const struct {
        const char *name;
        bs_status (*attempt)(login *self);
        bool given;
    } methods[] = {
        {"publickey", try_agent, target->agent != NULL},
        {"publickey", try_own_key, target->key_file != NULL},
        {"password", try_password, with_password},
        {"keyboard-interactive", try_questions, with_password},
    };
    bs_status status = BS_OK;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(methods) && status == BS_OK && !self->done; i++) {
        if (methods[i].given && takes(self, methods[i].name)) {
            status = methods[i].attempt(self);
        }
    }
    if (status < 0) {
        return status;
    }
    return self->done ? BS_OK : refused(self);
}

bs_status bsi_ssh_log_in(bsi_ssh *ssh)
{
    login self = {.ssh = ssh};
    int result = 0;

    BSI_TRY(bsi_ssh_run(ssh, ask_methods, &self, &result));
    BSI_TRY(bsi_ssh_result(ssh, result, "logging in to"));
    return self.done ? BS_OK : try_methods(&self);
}
