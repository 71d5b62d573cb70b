/* SPDX-License-Identifier: MIT */
/*
 * What an SFTP server says. This file stands in the place of SSH: requests are
 * taken apart for their ids, and the input answers them in turn, each with
 *
 *     type, 1 byte | size, 2 bytes | the answer behind its id
 *
 * The first answer is the version, which has no id. When the input is used up the
 * connection breaks. A byte in front says what is done with the storage.
 */
#include "fuzz.h"

#include <string.h>

#include "base/alloc.h"
#include "net/ssh.h"
#include "storage/storage.h"

enum { IDS_MAX = 1024, PACKET_MAX = 70000, HEAD = 5, BLOCK = 3000 };

static fuzz_input input;

/* The connection, as far as there is one. */
struct bsi_ssh {
    uint8_t request[PACKET_MAX]; /* What came of a request. */
    size_t request_size;
    uint8_t ids[IDS_MAX][4]; /* Of requests without an answer, oldest first. */
    size_t id_count;
    bool greeted;
    bool greeting; /* The version was asked for. */
    uint8_t answer[PACKET_MAX];
    size_t answer_size;
};

bs_status bsi_ssh_open(const bsi_ssh_target *target, const bs_call *call, bsi_ssh **out)
{
    (void)target;
    (void)call;
    *out = bsi_calloc(1, sizeof(bsi_ssh));
    return *out ? BS_OK : BS_E_NOMEM;
}

void bsi_ssh_close(bsi_ssh *ssh)
{
    bsi_free(ssh);
}

static size_t packet_size(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

/* A whole request has come. */
static void note_request(bsi_ssh *ssh)
{
    if (ssh->greeting) {
        fuzz_check(ssh->id_count < IDS_MAX);
        memcpy(ssh->ids[ssh->id_count++], ssh->request + HEAD, 4);
    }
    ssh->greeting = true;
    ssh->request_size = 0;
}

bs_status bsi_ssh_send(bsi_ssh *ssh, const void *data, size_t size, size_t *sent_out)
{
    const uint8_t *at = data;

    for (size_t i = 0; i < size; i++) {
        fuzz_check(ssh->request_size < PACKET_MAX);
        ssh->request[ssh->request_size++] = at[i];
        if (ssh->request_size >= HEAD && packet_size(ssh->request) + 4 == ssh->request_size) {
            note_request(ssh);
        }
    }
    *sent_out = size;
    return BS_OK;
}

static void put(bsi_ssh *ssh, const void *bytes, size_t size)
{
    memcpy(ssh->answer + ssh->answer_size, bytes, size);
    ssh->answer_size += size;
}

/* The next answer, if there is one and it was asked for. */
static void make_answer(bsi_ssh *ssh)
{
    const bool with_id = ssh->greeted;
    uint8_t head[HEAD] = {0};
    bsi_slice body;
    size_t size = 0;

    if (input.left == 0 || !ssh->greeting || (with_id && ssh->id_count == 0)) {
        return;
    }
    head[4] = fuzz_byte(&input);
    body = fuzz_take(&input, (size_t)fuzz_number(&input, 2));
    size = 1 + body.size + (with_id ? 4 : 0);
    head[2] = (uint8_t)(size >> 8);
    head[3] = (uint8_t)size;
    head[1] = (uint8_t)(size >> 16);
    put(ssh, head, sizeof(head));
    if (with_id) {
        put(ssh, ssh->ids[0], 4);
        ssh->id_count--;
        memmove(ssh->ids, ssh->ids[1], ssh->id_count * sizeof(ssh->ids[0]));
    }
    put(ssh, body.data, body.size);
    ssh->greeted = true;
}

bs_status bsi_ssh_receive(bsi_ssh *ssh, void *buf, size_t size, size_t *got_out)
{
    if (ssh->answer_size == 0) {
        make_answer(ssh);
    }
    *got_out = ssh->answer_size < size ? ssh->answer_size : size;
    memcpy(buf, ssh->answer, *got_out);
    ssh->answer_size -= *got_out;
    memmove(ssh->answer, ssh->answer + *got_out, ssh->answer_size);
    return BS_OK;
}

bool bsi_ssh_is_stuffed(const bsi_ssh *ssh)
{
    (void)ssh;
    return false;
}

bs_status bsi_ssh_wait(bsi_ssh *ssh, const bs_call *call)
{
    (void)ssh;
    (void)call;
    return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "the input is used up");
}

bool bsi_ssh_is_dead(bsi_ssh *ssh)
{
    (void)ssh;
    return false;
}

/* --- What is done --- */

static bs_status check_object(void *user, const char *key, const bs_storage_object *object)
{
    (void)user;
    (void)object;
    fuzz_check(bsi_storage_key_is_valid(key));
    return BS_OK;
}

static void do_something(bsi_storage *storage, uint8_t what)
{
    static uint8_t block[BLOCK];
    bs_storage_object object;
    uint64_t number = 0;
    uint64_t bytes = 0;
    bs_status status = BS_OK;

    switch (what % 7) {
    case 0:
        status = bsi_storage_stat(storage, NULL, "d/k", &object);
        break;
    case 1:
        status = bsi_storage_read(storage, NULL, "d/k", number, block, sizeof(block));
        break;
    case 2:
        status = bsi_storage_list(storage, NULL, "", check_object, NULL);
        break;
    case 3:
        status = bsi_storage_put(storage, NULL, "d/k", block, sizeof(block));
        break;
    case 4:
        status = bsi_storage_remove(storage, NULL, "d/k");
        break;
    case 5:
        status = bsi_storage_rename(storage, NULL, "d/k", "e/k");
        break;
    default:
        status = bsi_storage_sweep(storage, NULL, INT64_MAX, &number, &bytes);
        break;
    }
    fuzz_check(status <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bsi_setting settings[] = {
        {"host", "h"},     {"user", "u"},        {"path", "p"},
        {"password", "x"}, {"connections", "1"}, {"known_hosts", "none"},
    };
    bsi_storage *storage = NULL;
    uint8_t what = 0;

    input = (fuzz_input){data, size};
    what = fuzz_byte(&input);
    if (bsi_storage_open("sftp", settings, BSI_ARRAY_SIZE(settings), NULL, &storage) == BS_OK) {
        do_something(storage, what);
        bsi_storage_unref(storage);
    }
    return 0;
}
