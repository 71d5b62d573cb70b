/* SPDX-License-Identifier: MIT */
/*
 * Whether a server is the one that was meant: its key against known_hosts or a
 * pinned fingerprint.
 */
#include <libssh2.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "hash/sha256.h"
#include "net/ssh_int.h"
#include "text/base64.h"

enum { FINGERPRINT_SIZE = sizeof("SHA256:") + 44 };

typedef struct key_kind {
    const char *name;
    int known; /* As known_hosts counts kinds. */
    int shown; /* As a session does. */
} key_kind;

/* The better ones first. */
static const key_kind kinds[] = {
    {"ssh-ed25519", LIBSSH2_KNOWNHOST_KEY_ED25519, LIBSSH2_HOSTKEY_TYPE_ED25519},
    {"ecdsa-sha2-nistp256", LIBSSH2_KNOWNHOST_KEY_ECDSA_256, LIBSSH2_HOSTKEY_TYPE_ECDSA_256},
    {"ecdsa-sha2-nistp384", LIBSSH2_KNOWNHOST_KEY_ECDSA_384, LIBSSH2_HOSTKEY_TYPE_ECDSA_384},
    {"ecdsa-sha2-nistp521", LIBSSH2_KNOWNHOST_KEY_ECDSA_521, LIBSSH2_HOSTKEY_TYPE_ECDSA_521},
    {"ssh-rsa", LIBSSH2_KNOWNHOST_KEY_SSHRSA, LIBSSH2_HOSTKEY_TYPE_RSA},
};

/* What known_hosts says. */
typedef struct host_list {
    LIBSSH2_KNOWNHOSTS *known;
    bsi_buf revoked; /* Keys in base 64, each with its NUL. */
} host_list;

enum {
    REVOKED_MAX = 4 * 1024 * 1024,
    SHORT_NAME = 2, /* libssh2 takes names as short as this for something else. */
};

static void list_free(host_list *list)
{
    if (list->known) {
        libssh2_knownhost_free(list->known);
    }
    bsi_buf_dispose(&list->revoked);
}

/* The next word of a line, and what follows it; empty behind the last. */
static bsi_slice next_word(bsi_slice *line)
{
    bsi_slice word = {line->data, 0};

    while (line->size > 0 && (*line->data == ' ' || *line->data == '\t')) {
        line->data++;
        line->size--;
    }
    word.data = line->data;
    while (line->size > 0 && *line->data != ' ' && *line->data != '\t') {
        line->data++;
        line->size--;
        word.size++;
    }
    return word;
}

static bs_status take_revoked(host_list *list, bsi_slice line)
{
    bsi_slice key;

    (void)next_word(&line); /* Hosts, */
    (void)next_word(&line); /* kind, */
    key = next_word(&line);
    BSI_TRY(bsi_buf_append(&list->revoked, key.data, key.size));
    return bsi_buf_append_byte(&list->revoked, '\0');
}

static void take_short(const host_list *list, bsi_slice line)
{
    const bsi_slice host = next_word(&line);
    const bsi_slice kind = next_word(&line);
    const bsi_slice key = next_word(&line);
    char name[SHORT_NAME + 1] = "";

    memcpy(name, host.data, host.size);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(kinds); i++) {
        if (bsi_slice_is(kind, kinds[i].name)) {
            (void)libssh2_knownhost_addc(list->known, name, NULL, key.data, key.size, NULL, 0,
                                         LIBSSH2_KNOWNHOST_TYPE_PLAIN |
                                             LIBSSH2_KNOWNHOST_KEYENC_BASE64 | kinds[i].known,
                                         NULL);
        }
    }
}

/*
 * libssh2 gives the whole file up at the first line that it does not understand, so
 * it is given one line at a time, with its end: it looks for that even behind what it is
 * given, and takes it for the last byte of a key. Certificates it cannot check: their lines
 * do not count.
 */
static bs_status take_line(host_list *list, bsi_slice line)
{
    bsi_slice rest = line;
    const bsi_slice first = next_word(&rest);

    if (bsi_slice_is(first, "@revoked")) {
        return take_revoked(list, rest);
    }
    if (first.size == 0 || first.data[0] == '@' || first.data[0] == '#') {
        return BS_OK;
    }
    if (first.size <= SHORT_NAME) {
        take_short(list, line);
    } else {
        (void)libssh2_knownhost_readline(list->known, line.data, line.size + 1,
                                         LIBSSH2_KNOWNHOST_FILE_OPENSSH);
    }
    return BS_OK;
}

/* Each line gets its end, and that of Windows is a blank: see take_line(). */
static bs_status even_out(bsi_buf *content)
{
    for (size_t i = 0; i < content->size; i++) {
        if (content->data[i] == '\r') {
            content->data[i] = ' ';
        }
    }
    return bsi_buf_append_byte(content, '\n');
}

static bs_status take_lines(host_list *list, const bsi_buf *content)
{
    const char *at = (const char *)content->data;
    const char *const end = at + content->size;
    const char *line_end = NULL;

    while ((line_end = memchr(at, '\n', (size_t)(end - at)))) {
        BSI_TRY(take_line(list, (bsi_slice){at, (size_t)(line_end - at)}));
        at = line_end + 1;
    }
    return BS_OK;
}

/* Freed by the caller, whatever comes back. */
static bs_status list_read(bsi_ssh *ssh, host_list *list)
{
    bsi_buf content;
    bs_status status = BS_OK;

    list->known = NULL;
    bsi_buf_init(&list->revoked, REVOKED_MAX);
    BSI_TRY(bsi_ssh_read_file(ssh->target->known_hosts, "the known hosts", false, &content));
    list->known = libssh2_knownhost_init(ssh->session);
    status = even_out(&content);
    if (list->known && status == BS_OK) {
        status = take_lines(list, &content);
    }
    bsi_buf_dispose(&content);
    if (ssh->no_memory || !list->known) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    return status;
}

/* Whether the host has a key of a kind: another key of that kind does not match, it is there. */
static bool has_kind(const bsi_ssh *ssh, const host_list *list, const key_kind *kind)
{
    struct libssh2_knownhost *found = NULL;
    const int result = libssh2_knownhost_checkp(
        list->known, ssh->target->host, ssh->target->port, "AAAA", 4,
        LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_BASE64 | kind->known, &found);

    return result == LIBSSH2_KNOWNHOST_CHECK_MISMATCH;
}

static void add_kind(char text[BSI_SSH_KINDS_SIZE], const key_kind *kind)
{
    const size_t used = strlen(text);

    (void)snprintf(text + used, BSI_SSH_KINDS_SIZE - used, "%s%s", used > 0 ? "," : "", kind->name);
}

static void all_kinds(char text[BSI_SSH_KINDS_SIZE])
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(kinds); i++) {
        add_kind(text, &kinds[i]);
    }
}

/*
 * Only kinds of which a key is known: a server shows the first that both sides
 * have, and one that nobody wrote down would look like a forged one. A pinned
 * fingerprint does not tell its kind, so each is tried.
 */
bs_status bsi_ssh_wanted_kinds(bsi_ssh *ssh, unsigned attempt, char kinds_out[BSI_SSH_KINDS_SIZE],
                               bool *more_out)
{
    host_list list;
    bs_status status = BS_OK;

    kinds_out[0] = '\0';
    *more_out = ssh->target->fingerprint && attempt + 1 < BSI_ARRAY_SIZE(kinds);
    if (ssh->target->fingerprint) {
        add_kind(kinds_out, &kinds[attempt]);
        return BS_OK;
    }
    status = list_read(ssh, &list);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(kinds) && status == BS_OK; i++) {
        if (has_kind(ssh, &list, &kinds[i])) {
            add_kind(kinds_out, &kinds[i]);
        }
    }
    if (kinds_out[0] == '\0') {
        all_kinds(kinds_out); /* For the text that tells which key the host has. */
    }
    list_free(&list);
    return status;
}

/* "SHA256:…" as OpenSSH shows it. */
static bs_status fingerprint_of(const void *key, size_t size, char out[FINGERPRINT_SIZE])
{
    bsi_digest digest;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_sha256_of(key, size, &digest);
    bsi_buf_init(&text, FINGERPRINT_SIZE);
    status = bsi_base64_encode(digest.bytes, sizeof(digest.bytes), &text);
    if (status == BS_OK) {
        (void)snprintf(out, FINGERPRINT_SIZE, "SHA256:%.*s", (int)text.size - 1,
                       (const char *)text.data);
    }
    bsi_buf_dispose(&text);
    return status;
}

/* The same of a line of known_hosts. */
static bs_status fingerprint_of_line(const char *base64, char out[FINGERPRINT_SIZE])
{
    bsi_buf key;
    bs_status status = BS_OK;

    bsi_buf_init(&key, 64 * 1024);
    status = bsi_base64_decode(base64, strlen(base64), &key);
    if (status == BS_OK) {
        status = fingerprint_of(key.data, key.size, out);
    }
    bsi_buf_dispose(&key);
    if (status == BS_E_INVALID) {
        (void)snprintf(out, FINGERPRINT_SIZE, "something unreadable");
        return BS_OK;
    }
    return status;
}

/* A key as the server has shown it. */
typedef struct shown_key {
    const char *bytes;
    size_t size;
    const key_kind *kind; /* NULL: none that we know. */
    char fingerprint[FINGERPRINT_SIZE];
} shown_key;

static bs_status get_key(bsi_ssh *ssh, shown_key *key)
{
    int type = 0;

    key->kind = NULL;
    key->bytes = libssh2_session_hostkey(ssh->session, &key->size, &type);
    if (!key->bytes) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s' has shown no key", ssh->target->host);
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(kinds); i++) {
        if (kinds[i].shown == type) {
            key->kind = &kinds[i];
        }
    }
    return fingerprint_of(key->bytes, key->size, key->fingerprint);
}

static const char *kind_name(const shown_key *key)
{
    return key->kind ? key->kind->name : "of an unknown kind";
}

static bs_status check_pinned(bsi_ssh *ssh, const shown_key *key)
{
    const bsi_ssh_target *target = ssh->target;

    if (strcmp(key->fingerprint, target->fingerprint) == 0) {
        return BS_OK;
    }
    ssh->wrong_key = true;
    return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS,
                    "host '%s' port %u has the key %s (%s), not %s of setting 'fingerprint': "
                    "somebody may be in between; when the server was given a new key, change the "
                    "setting",
                    target->host, target->port, key->fingerprint, kind_name(key),
                    target->fingerprint);
}

static int look_up(const bsi_ssh *ssh, LIBSSH2_KNOWNHOSTS *hosts, const shown_key *key,
                   struct libssh2_knownhost **found)
{
    const int kind = key->kind ? key->kind->known : LIBSSH2_KNOWNHOST_KEY_UNKNOWN;

    return libssh2_knownhost_checkp(
        hosts, ssh->target->host, ssh->target->port, key->bytes, key->size,
        LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW | kind, found);
}

static bs_status refuse_unknown(bsi_ssh *ssh, const shown_key *key)
{
    const bsi_ssh_target *target = ssh->target;

    return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS,
                    "'%s' has no key of host '%s' port %u, which shows %s (%s): compare that with "
                    "what 'ssh-keygen -l' says on the server, then add what 'ssh-keyscan -p %u %s' "
                    "prints",
                    target->known_hosts, target->host, target->port, key->fingerprint,
                    kind_name(key), target->port, target->host);
}

static bs_status refuse_other(bsi_ssh *ssh, const shown_key *key,
                              const struct libssh2_knownhost *known)
{
    const bsi_ssh_target *target = ssh->target;
    char expected[FINGERPRINT_SIZE] = "another";

    ssh->wrong_key = true;
    BSI_TRY(known && known->key ? fingerprint_of_line(known->key, expected) : BS_OK);
    return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS,
                    "host '%s' port %u has the key %s (%s), but '%s' has %s: somebody may be in "
                    "between; when the server was given a new key, change its line there",
                    target->host, target->port, key->fingerprint, kind_name(key),
                    target->known_hosts, expected);
}

/* Whatever host its line names: a key that got out is nobody's. */
static bs_status check_revoked(bsi_ssh *ssh, const host_list *list, const shown_key *key)
{
    char fingerprint[FINGERPRINT_SIZE];

    for (size_t at = 0; at < list->revoked.size;) {
        const char *base64 = (const char *)list->revoked.data + at;
        BSI_TRY(fingerprint_of_line(base64, fingerprint));
        at += strlen(base64) + 1;
        if (strcmp(fingerprint, key->fingerprint) == 0) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS,
                            "host '%s' port %u has the key %s (%s), which '%s' marks as revoked",
                            ssh->target->host, ssh->target->port, key->fingerprint, kind_name(key),
                            ssh->target->known_hosts);
        }
    }
    return BS_OK;
}

static bs_status check_listed(bsi_ssh *ssh, const host_list *list, const shown_key *key)
{
    struct libssh2_knownhost *found = NULL;
    int result = 0;

    BSI_TRY(check_revoked(ssh, list, key));
    result = look_up(ssh, list->known, key, &found);
    if (ssh->no_memory) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    if (result == LIBSSH2_KNOWNHOST_CHECK_MISMATCH) {
        return refuse_other(ssh, key, found);
    }
    return result == LIBSSH2_KNOWNHOST_CHECK_MATCH ? BS_OK : refuse_unknown(ssh, key);
}

static bs_status check_known(bsi_ssh *ssh, const shown_key *key)
{
    host_list list;
    bs_status status = list_read(ssh, &list);

    if (status == BS_OK) {
        status = check_listed(ssh, &list, key);
    }
    list_free(&list);
    return status;
}

bs_status bsi_ssh_check_host(bsi_ssh *ssh)
{
    shown_key key;

    BSI_TRY(get_key(ssh, &key));
    return ssh->target->fingerprint ? check_pinned(ssh, &key) : check_known(ssh, &key);
}
