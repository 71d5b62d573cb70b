/* SPDX-License-Identifier: MIT */
/*
 * Requests and answers on one connection.
 */
#include "storage/drivers/sftp_link.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

enum {
    PACKET_MAX = 512 * 1024, /* Bytes of an answer, its length not counted. */
    IN_SIZE = PACKET_MAX + 4,
    OUT_SIZE = 512 * 1024,
    LENGTH_SIZE = 4,
    READ_MAX = 32 * 1024,   /* What every server gives at a time; */
    WRITE_MAX = 32 * 1024,  /* and takes. */
    PIECE_MAX = 128 * 1024, /* More than this at a time gains nothing. */
    EXTENSIONS_MAX = 64,
    LONG_PATH = 1000, /* That a server may not take. */
};

/* --- Breaking --- */

static bs_status why_broken(const bsi_sftp_link *link)
{
    bsi_error_restore(&link->why);
    return link->why.code;
}

/* After this failure the link is of no use. */
static bs_status break_off(bsi_sftp_link *link, bs_status status)
{
    if (!link->broken) {
        link->broken = true;
        bsi_error_save(&link->why);
    }
    return status;
}

/* Whoever gives up waiting leaves a link that works; whatever else ends a wait breaks it. */
static bs_status wait_more(bsi_sftp_link *link, const bs_call *call)
{
    const bs_status status = bsi_ssh_wait(link->ssh, call);

    if (status < 0 && bsi_call_check(call) == BS_OK) {
        return break_off(link, status);
    }
    return status;
}

static bs_status nonsense(bsi_sftp_link *link, const char *what)
{
    return break_off(link, bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s' does not speak SFTP: %s",
                                    link->config->ssh.host, what));
}

void bsi_sftp_link_lost(bsi_sftp_link *link)
{
    (void)break_off(
        link, bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s' has hung up", link->config->ssh.host));
}

/* --- Answers --- */

static void queue_close(bsi_sftp_link *link, bsi_slice handle);

static bs_status take_answer(bsi_sftp_link *link, uint8_t type, bsi_sftp_reader *body)
{
    const uint32_t id = bsi_sftp_get_u32(body);
    bsi_sftp_slot *slot = &link->slots[id % BSI_SFTP_SLOTS];

    if (body->broken || !slot->used || slot->turn != id / BSI_SFTP_SLOTS) {
        return nonsense(link, "an answer to nothing that was asked");
    }
    slot->used = false;
    link->unanswered--;
    if (slot->take) {
        slot->take(slot->owner, slot->at, slot->size, type, body);
    } else if (slot->opens && type == BSI_SFTP_ANSWER_HANDLE) {
        queue_close(link, bsi_sftp_get_string(body));
    }
    return BS_OK;
}

static void note_extension(bsi_sftp_link *link, bsi_slice name, bsi_slice version)
{
    static const struct {
        const char *name;
        const char *version;
        unsigned can;
    } known[] = {
        {"posix-rename@openssh.com", "1", BSI_SFTP_CAN_POSIX_RENAME},
        {"hardlink@openssh.com", "1", BSI_SFTP_CAN_HARDLINK},
        {"fsync@openssh.com", "1", BSI_SFTP_CAN_FSYNC},
        {"statvfs@openssh.com", "2", BSI_SFTP_CAN_STATVFS},
        {"limits@openssh.com", "1", BSI_SFTP_CAN_LIMITS},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(known); i++) {
        if (bsi_slice_is(name, known[i].name) && bsi_slice_is(version, known[i].version)) {
            link->can |= known[i].can;
        }
    }
}

static bs_status take_version(bsi_sftp_link *link, uint8_t type, bsi_sftp_reader *body)
{
    const uint32_t version = bsi_sftp_get_u32(body);

    if (type != BSI_SFTP_ANSWER_VERSION || body->broken) {
        return nonsense(link, "no version");
    }
    if (version < BSI_SFTP_VERSION) {
        return break_off(link, bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                                        "host '%s' speaks only version %u of SFTP, not %d",
                                        link->config->ssh.host, version, BSI_SFTP_VERSION));
    }
    for (int i = 0; i < EXTENSIONS_MAX && body->size > 0 && !body->broken; i++) {
        const bsi_slice name = bsi_sftp_get_string(body);
        note_extension(link, name, bsi_sftp_get_string(body));
    }
    link->greeted = true;
    return BS_OK;
}

/* Take the whole packets out of what came. */
static bs_status take_packets(bsi_sftp_link *link)
{
    size_t begin = 0;

    while (link->in_size - begin >= LENGTH_SIZE) {
        bsi_sftp_reader packet = {link->in + begin, link->in_size - begin, false};
        const uint32_t size = bsi_sftp_get_u32(&packet);
        if (size == 0 || size > PACKET_MAX) {
            return nonsense(link, "a packet of an impossible size");
        }
        if (size > packet.size) {
            break;
        }
        packet.size = size;
        begin += LENGTH_SIZE + size;
        const uint8_t type = bsi_sftp_get_u8(&packet);
        BSI_TRY(link->greeted ? take_answer(link, type, &packet)
                              : take_version(link, type, &packet));
    }
    memmove(link->in, link->in + begin, link->in_size - begin);
    link->in_size -= begin;
    return BS_OK;
}

/* --- Moving bytes --- */

static bs_status send_some(bsi_sftp_link *link, bool *moved_out)
{
    size_t sent = 1;

    while (link->out_begin < link->out_end && sent > 0) {
        const bs_status status = bsi_ssh_send(link->ssh, link->out + link->out_begin,
                                              link->out_end - link->out_begin, &sent);
        if (status < 0) {
            return break_off(link, status);
        }
        link->out_begin += sent;
        *moved_out = *moved_out || sent > 0;
    }
    if (link->out_begin == link->out_end) {
        link->out_begin = 0;
        link->out_end = 0;
    }
    return BS_OK;
}

static bs_status receive_some(bsi_sftp_link *link, bool *moved_out)
{
    size_t got = 0;
    const bs_status status =
        bsi_ssh_receive(link->ssh, link->in + link->in_size, IN_SIZE - link->in_size, &got);

    if (status < 0) {
        return break_off(link, status);
    }
    link->in_size += got;
    link->owes = got == 0 && bsi_ssh_is_stuffed(link->ssh);
    *moved_out = *moved_out || got > 0;
    return got > 0 ? take_packets(link) : BS_OK;
}

static bs_status move(bsi_sftp_link *link, bool *moved_out)
{
    *moved_out = false;
    if (link->broken) {
        return why_broken(link);
    }
    if (link->owes) {
        return receive_some(link, moved_out);
    }
    BSI_TRY(send_some(link, moved_out));
    if (link->out_begin < link->out_end && bsi_ssh_is_stuffed(link->ssh)) {
        return BS_OK;
    }
    return receive_some(link, moved_out);
}

/* Something moves, or is waited for. */
static bs_status advance(bsi_sftp_link *link, const bs_call *call)
{
    bool moved = false;

    BSI_TRY(bsi_call_check(call));
    BSI_TRY(move(link, &moved));
    return moved ? BS_OK : wait_more(link, call);
}

bs_status bsi_sftp_pump(bsi_sftp_link *link)
{
    bool moved = true;

    while (moved) {
        BSI_TRY(move(link, &moved));
    }
    return BS_OK;
}

bs_status bsi_sftp_drain(bsi_sftp_link *link, const bs_call *call, const unsigned *left,
                         unsigned most)
{
    while (*left > most) {
        BSI_TRY(advance(link, call));
    }
    return BS_OK;
}

/* --- Requests --- */

static bool has_room(bsi_sftp_link *link, size_t size)
{
    if (link->unanswered == BSI_SFTP_SLOTS) {
        return false;
    }
    if (size > OUT_SIZE - link->out_end && link->out_begin > 0) {
        memmove(link->out, link->out + link->out_begin, link->out_end - link->out_begin);
        link->out_end -= link->out_begin;
        link->out_begin = 0;
    }
    return size <= OUT_SIZE - link->out_end;
}

static uint32_t take_slot(bsi_sftp_link *link, const bsi_sftp_request *request)
{
    uint32_t index = link->next_slot;

    while (link->slots[index].used) {
        index = (index + 1) % BSI_SFTP_SLOTS;
    }
    link->next_slot = (index + 1) % BSI_SFTP_SLOTS;
    link->slots[index] = (bsi_sftp_slot){
        .take = request->take,
        .owner = request->owner,
        .at = request->at,
        .size = request->part,
        .turn = (link->slots[index].turn + 1) % (UINT32_MAX / BSI_SFTP_SLOTS),
        .used = true,
        .opens = request->opens,
    };
    link->unanswered++;
    return link->slots[index].turn * BSI_SFTP_SLOTS + index;
}

static void write_head(bsi_sftp_link *link, const bsi_sftp_request *request,
                       bsi_sftp_writer *body_out)
{
    *body_out = (bsi_sftp_writer){link->out + link->out_end + LENGTH_SIZE};
    *body_out->at = request->type;
    body_out->at++;
    bsi_sftp_put_u32(body_out, take_slot(link, request));
}

bs_status bsi_sftp_begin(bsi_sftp_link *link, const bs_call *call, const bsi_sftp_request *request,
                         bsi_sftp_writer *body_out)
{
    const size_t size = BSI_SFTP_HEAD_SIZE + request->size;

    BSI_CHECK(size <= OUT_SIZE);
    if (link->broken) {
        return why_broken(link);
    }
    while (!has_room(link, size)) {
        BSI_TRY(advance(link, call));
    }
    write_head(link, request, body_out);
    return BS_OK;
}

void bsi_sftp_end(bsi_sftp_link *link, const bsi_sftp_writer *body)
{
    bsi_sftp_writer length = {link->out + link->out_end};
    const size_t size = (size_t)(body->at - length.at) - LENGTH_SIZE;

    bsi_sftp_put_u32(&length, (uint32_t)size);
    link->out_end += LENGTH_SIZE + size;
}

/* Without waiting: where there is no room the handle stays open until the connection ends. */
static void queue_close(bsi_sftp_link *link, bsi_slice handle)
{
    const bsi_sftp_request request = {.type = BSI_SFTP_CLOSE};
    bsi_sftp_writer body;

    if (handle.size <= BSI_SFTP_HANDLE_MAX &&
        has_room(link, BSI_SFTP_HEAD_SIZE + LENGTH_SIZE + handle.size)) {
        write_head(link, &request, &body);
        bsi_sftp_put_string(&body, handle);
        bsi_sftp_end(link, &body);
    }
}

void bsi_sftp_forget(bsi_sftp_link *link, const void *owner)
{
    for (size_t i = 0; i < BSI_SFTP_SLOTS; i++) {
        if (link->slots[i].used && link->slots[i].owner == owner) {
            link->slots[i].take = NULL;
            link->slots[i].owner = NULL;
        }
    }
}

/* --- Single answers --- */

static void take_status(bsi_sftp_answer *answer, bsi_sftp_reader *body)
{
    bsi_slice text;

    answer->code = bsi_sftp_get_u32(body);
    answer->malformed = body->broken;
    text = bsi_sftp_get_string(body); /* Some servers leave it out. */
    bsi_printable(text.data, text.size, answer->text, sizeof(answer->text));
}

static void take_body(bsi_sftp_answer *answer, const bsi_sftp_reader *body)
{
    answer->malformed = !answer->body;
    answer->no_memory = answer->body && bsi_buf_append(answer->body, body->at, body->size) < 0;
}

static void take_handle(bsi_sftp_answer *answer, bsi_sftp_reader *body)
{
    const bsi_slice handle = bsi_sftp_get_string(body);

    answer->malformed = body->broken || handle.size > sizeof(answer->handle) || handle.size == 0;
    if (!answer->malformed) {
        memcpy(answer->handle, handle.data, handle.size);
        answer->handle_size = handle.size;
    }
}

void bsi_sftp_take_single(void *owner, uint64_t at, uint32_t size, uint8_t type,
                          bsi_sftp_reader *body)
{
    bsi_sftp_answer *answer = owner;

    (void)at;
    (void)size;
    answer->left = 0;
    answer->type = type;
    switch (type) {
    case BSI_SFTP_ANSWER_STATUS:
        take_status(answer, body);
        break;
    case BSI_SFTP_ANSWER_HANDLE:
        take_handle(answer, body);
        break;
    case BSI_SFTP_ANSWER_ATTRS:
        bsi_sftp_get_attrs(body, &answer->attrs);
        answer->malformed = body->broken;
        break;
    case BSI_SFTP_ANSWER_NAME:
    case BSI_SFTP_ANSWER_EXTENDED:
        take_body(answer, body);
        break;
    default:
        answer->malformed = true;
        break;
    }
}

bsi_sftp_request bsi_sftp_ask(bsi_sftp_answer *answer, uint8_t type, size_t size)
{
    *answer = (bsi_sftp_answer){.left = 1, .body = answer->body};
    return (bsi_sftp_request){
        .type = type,
        .size = size,
        .take = bsi_sftp_take_single,
        .owner = answer,
        .opens = type == BSI_SFTP_OPEN || type == BSI_SFTP_OPENDIR,
    };
}

bs_status bsi_sftp_ask_string(bsi_sftp_link *link, const bs_call *call, uint8_t type,
                              bsi_slice string, bsi_sftp_answer *answer)
{
    const bsi_sftp_request request = bsi_sftp_ask(answer, type, LENGTH_SIZE + string.size);
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_begin(link, call, &request, &body));
    bsi_sftp_put_string(&body, string);
    bsi_sftp_end(link, &body);
    return BS_OK;
}

bs_status bsi_sftp_wait(bsi_sftp_link *link, const bs_call *call, bsi_sftp_answer *answer)
{
    const bs_status status = bsi_sftp_drain(link, call, &answer->left, 0);

    if (status < 0) {
        bsi_sftp_forget(link, answer);
        return status;
    }
    if (answer->no_memory) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    return answer->malformed ? nonsense(link, "an answer that cannot be read") : BS_OK;
}

bsi_slice bsi_sftp_handle_of(const bsi_sftp_answer *answer)
{
    return (bsi_slice){(const char *)answer->handle, answer->handle_size};
}

static bs_status status_of(uint32_t code)
{
    switch (code) {
    case BSI_SFTP_NO_SUCH_FILE:
        return BS_E_NOT_FOUND;
    case BSI_SFTP_PERMISSION_DENIED:
        return BS_E_ACCESS;
    case BSI_SFTP_UNSUPPORTED:
        return BS_E_UNSUPPORTED;
    case BSI_SFTP_ALREADY_EXISTS:
        return BS_E_EXISTS;
    case BSI_SFTP_WRITE_PROTECT:
        return BS_E_READ_ONLY;
    case BSI_SFTP_NO_SPACE:
    case BSI_SFTP_QUOTA_EXCEEDED:
        return BS_E_NO_SPACE;
    default:
        return BS_E_IO;
    }
}

bs_status bsi_sftp_fail(const bsi_sftp_link *link, const bsi_sftp_answer *answer, const char *doing,
                        const char *path)
{
    char shown[512];

    if (answer->code == BSI_SFTP_BAD_MESSAGE && strlen(path) >= LONG_PATH) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "host '%s' takes no path of %zu bytes; setting 'path' counts too",
                        link->config->ssh.host, strlen(path));
    }
    bsi_printable(path, strlen(path), shown, sizeof(shown));
    return bsi_fail(BS_LAYER_STORAGE, status_of(answer->code), "host '%s': %s '%s': %s (code %u)",
                    link->config->ssh.host, doing, shown,
                    answer->text[0] != '\0' ? answer->text : "no reason given", answer->code);
}

/* --- Opening --- */

static bs_status greet(bsi_sftp_link *link, const bs_call *call)
{
    bsi_sftp_writer hello = {link->out};

    bsi_sftp_put_u32(&hello, 1 + sizeof(uint32_t));
    *hello.at = BSI_SFTP_INIT;
    hello.at++;
    bsi_sftp_put_u32(&hello, BSI_SFTP_VERSION);
    link->out_end = (size_t)(hello.at - link->out);
    while (!link->greeted) {
        BSI_TRY(advance(link, call));
    }
    return BS_OK;
}

static uint32_t piece(uint64_t limit, uint32_t usual)
{
    return limit == 0 ? usual : (uint32_t)bsi_min_u64(limit, PIECE_MAX);
}

/* Larger pieces than those that every server takes. Where it does not tell they stay. */
static bs_status ask_limits(bsi_sftp_link *link, const bs_call *call)
{
    static const char name[] = "limits@openssh.com";
    bsi_sftp_answer answer;
    bsi_sftp_reader limits;
    bsi_buf body;
    bs_status status = BS_OK;

    bsi_buf_init(&body, PACKET_MAX);
    answer.body = &body;
    status = bsi_sftp_ask_string(link, call, BSI_SFTP_EXTENDED, bsi_slice_of(name), &answer);
    if (status == BS_OK) {
        status = bsi_sftp_wait(link, call, &answer);
    }
    if (status == BS_OK && answer.type == BSI_SFTP_ANSWER_EXTENDED) {
        limits = (bsi_sftp_reader){body.data, body.size, false};
        (void)bsi_sftp_get_u64(&limits); /* Of a packet. */
        link->read_max = piece(bsi_sftp_get_u64(&limits), READ_MAX);
        link->write_max = piece(bsi_sftp_get_u64(&limits), WRITE_MAX);
    }
    bsi_buf_dispose(&body);
    return status;
}

static bs_status start(bsi_sftp_link *link, const bs_call *call)
{
    link->out = bsi_alloc(OUT_SIZE);
    link->in = bsi_alloc(IN_SIZE);
    if (!link->out || !link->in) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_ssh_open(&link->config->ssh, call, &link->ssh));
    BSI_TRY(greet(link, call));
    return (link->can & BSI_SFTP_CAN_LIMITS) != 0 ? ask_limits(link, call) : BS_OK;
}

bs_status bsi_sftp_link_open(const bsi_sftp_config *config, const bs_call *call,
                             bsi_sftp_link **out)
{
    bsi_sftp_link *link = bsi_calloc(1, sizeof(*link));
    bs_status status = BS_OK;

    if (!link) {
        return BS_E_NOMEM;
    }
    link->config = config;
    link->read_max = READ_MAX;
    link->write_max = WRITE_MAX;
    status = start(link, call);
    if (status < 0) {
        bsi_sftp_link_close(link);
        return status;
    }
    *out = link;
    return BS_OK;
}

void bsi_sftp_link_close(bsi_sftp_link *link)
{
    if (link) {
        bsi_ssh_close(link->ssh);
        bsi_free(link->out);
        bsi_free(link->in);
        bsi_free(link);
    }
}
