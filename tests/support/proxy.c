/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/thread.h"
#include "support/proxy.h"

enum { PAIRS_MAX = 32, BUFFER = 64 * 1024, LOOK_MS = 20 };

/* What one side has sent and the other has not taken yet. */
typedef struct flow {
    uint8_t bytes[BUFFER];
    size_t size;
    bool ended; /* Its sender sends no more. */
} flow;

/* A client and its server: `fds` and `flows` by who sends. */
typedef struct pair {
    int fds[2];
    flow flows[2];
    const char *answer; /* There is no server, but this; see test_proxy_replace(). */
} pair;

struct test_proxy {
    int listener;
    uint16_t port;
    uint16_t server_port;
    pair *pairs[PAIRS_MAX];
    bsi_thread thread;
    bsi_mutex lock; /* Guards what follows. */
    bool ending;
    uint64_t counts[2];
    uint64_t cut_after[2];
    bool has_cut;
    unsigned slice;
    unsigned others; /* Clients that do not get to the server once it is cut; see below. */
    const char *answer;
};

/* --- Sockets --- */

static int open_socket(uint16_t port, bool listening, uint16_t *port_out)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool good = fd >= 0 && (listening ? bind(fd, (struct sockaddr *)&address, size) == 0 &&
                                                  listen(fd, PAIRS_MAX) == 0
                                            : connect(fd, (struct sockaddr *)&address, size) == 0);

    if (!good || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        (void)close(fd);
        return -1;
    }
    *port_out = ntohs(address.sin_port);
    return fd;
}

static void close_pair(pair **place, bool reset)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    for (int i = 0; i < 2; i++) {
        if ((*place)->fds[i] < 0) {
            continue;
        }
        if (reset) {
            (void)setsockopt((*place)->fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        }
        (void)close((*place)->fds[i]);
    }
    free(*place);
    *place = NULL;
}

/* Whether the next client does not get to the server; *answer_out: what it is told, or NULL. */
static bool is_replaced(test_proxy *proxy, const char **answer_out)
{
    bool replaced = false;

    bsi_mutex_lock(&proxy->lock);
    replaced = proxy->has_cut && proxy->others > 0;
    if (replaced) {
        proxy->others--;
        *answer_out = proxy->answer;
    }
    bsi_mutex_unlock(&proxy->lock);
    return replaced;
}

/* A client whose server is not there is turned away. */
static void take_client(test_proxy *proxy)
{
    const int on = 1;
    const int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    pair *fresh = calloc(1, sizeof(*fresh));
    uint16_t port = 0;
    int server = -1;
    bool good = false;
    size_t i = 0;

    while (i < PAIRS_MAX && proxy->pairs[i]) {
        i++;
    }
    if (client >= 0 && fresh && i < PAIRS_MAX) {
        if (is_replaced(proxy, &fresh->answer)) {
            good = fresh->answer != NULL;
        } else {
            server = open_socket(proxy->server_port, false, &port);
            good = server >= 0;
        }
    }
    if (!good) {
        free(fresh);
        (void)close(client);
        return;
    }
    fresh->fds[TEST_PROXY_UP] = client;
    fresh->fds[TEST_PROXY_DOWN] = server;
    for (int side = 0; side < 2; side++) {
        (void)setsockopt(fresh->fds[side], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    proxy->pairs[i] = fresh;
}

/* --- Handing on --- */

/* How many of these bytes may go; *cut_out: the connection ends behind them. */
static size_t allowed(test_proxy *proxy, int way, size_t size, bool *cut_out)
{
    size_t given = size;

    bsi_mutex_lock(&proxy->lock);
    if (proxy->slice > 0 && given > proxy->slice) {
        given = proxy->slice;
    }
    if (proxy->has_cut && proxy->others > 0) {
        given = 0; /* Each connection that stood before. */
        *cut_out = true;
    } else if (proxy->cut_after[way] != TEST_PROXY_NEVER && given > proxy->cut_after[way]) {
        given = (size_t)proxy->cut_after[way];
        *cut_out = true;
        proxy->has_cut = true;
    }
    if (*cut_out) {
        proxy->cut_after[way] = TEST_PROXY_NEVER;
    } else if (proxy->cut_after[way] != TEST_PROXY_NEVER) {
        proxy->cut_after[way] -= given;
    }
    proxy->counts[way] += given;
    bsi_mutex_unlock(&proxy->lock);
    return given;
}

/* False: the connection is over. */
static bool give(test_proxy *proxy, pair *one, int way)
{
    flow *from = &one->flows[way];
    bool cut = false;
    size_t size = allowed(proxy, way, from->size, &cut);
    size_t done = 0;

    while (done < size) {
        const ssize_t sent = send(one->fds[!way], from->bytes + done, size - done, MSG_NOSIGNAL);
        if (sent < 0) {
            return false;
        }
        done += (size_t)sent;
    }
    memmove(from->bytes, from->bytes + size, from->size - size);
    from->size -= size;
    if (from->ended && from->size == 0) {
        (void)shutdown(one->fds[!way], SHUT_WR);
    }
    return !cut;
}

static bool take(pair *one, int way)
{
    flow *to = &one->flows[way];
    const ssize_t got = recv(one->fds[way], to->bytes, sizeof(to->bytes), MSG_DONTWAIT);

    to->ended = got == 0;
    to->size = got > 0 ? (size_t)got : 0;
    return got >= 0;
}

static bool is_over(const pair *one)
{
    return one->flows[0].ended && one->flows[1].ended;
}

/* What a client without a server asks is not read; once it asks, it gets its answer. */
static bool give_answer(pair *one)
{
    flow *asked = &one->flows[TEST_PROXY_UP];
    const int client = one->fds[TEST_PROXY_UP];

    if (!take(one, TEST_PROXY_UP)) {
        return false;
    }
    asked->size = 0;
    if (!one->flows[TEST_PROXY_DOWN].ended) {
        one->flows[TEST_PROXY_DOWN].ended = true;
        return send(client, one->answer, strlen(one->answer), MSG_NOSIGNAL) > 0 &&
               shutdown(client, SHUT_WR) == 0;
    }
    return true;
}

/* Both ways of one pair. */
static void serve(test_proxy *proxy, pair **place, const struct pollfd polls[2])
{
    if ((*place)->answer) {
        if (polls[TEST_PROXY_UP].revents != 0 && (!give_answer(*place) || is_over(*place))) {
            close_pair(place, false);
        }
        return;
    }
    for (int way = 0; way < 2 && *place; way++) {
        bool good = true;
        if (polls[way].revents != 0 && (*place)->flows[way].size == 0 &&
            !(*place)->flows[way].ended) {
            good = take(*place, way);
            good = good && give(proxy, *place, way);
        } else if ((*place)->flows[way].size > 0) {
            good = give(proxy, *place, way);
        }
        if (!good || is_over(*place)) {
            close_pair(place, !good);
        }
    }
}

static bool is_ending(test_proxy *proxy)
{
    bool ending = false;

    bsi_mutex_lock(&proxy->lock);
    ending = proxy->ending;
    bsi_mutex_unlock(&proxy->lock);
    return ending;
}

/* Whose bytes wait here already is not asked for more, but must not be waited for either. */
static int prepare_polls(const test_proxy *proxy, struct pollfd polls[2 * PAIRS_MAX + 1])
{
    int wait_ms = LOOK_MS;

    for (size_t i = 0; i < PAIRS_MAX; i++) {
        const pair *one = proxy->pairs[i];
        for (int way = 0; way < 2; way++) {
            const bool waits =
                one && one->fds[way] >= 0 && one->flows[way].size == 0 && !one->flows[way].ended;
            polls[2 * i + (size_t)way] =
                (struct pollfd){.fd = waits ? one->fds[way] : -1, .events = POLLIN};
            wait_ms = one && one->flows[way].size > 0 ? 0 : wait_ms;
        }
    }
    polls[2 * PAIRS_MAX] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    return wait_ms;
}

static void run(void *user)
{
    test_proxy *proxy = user;
    struct pollfd polls[2 * PAIRS_MAX + 1];

    while (!is_ending(proxy)) {
        const int wait_ms = prepare_polls(proxy, polls);
        (void)poll(polls, BSI_ARRAY_SIZE(polls), wait_ms);
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            if (proxy->pairs[i]) {
                serve(proxy, &proxy->pairs[i], &polls[2 * i]);
            }
        }
        if (polls[2 * PAIRS_MAX].revents != 0) {
            take_client(proxy);
        }
    }
}

/* --- From outside --- */

test_proxy *test_proxy_start(uint16_t server_port)
{
    test_proxy *proxy = calloc(1, sizeof(*proxy));

    if (!proxy) {
        return NULL;
    }
    proxy->server_port = server_port;
    proxy->cut_after[0] = TEST_PROXY_NEVER;
    proxy->cut_after[1] = TEST_PROXY_NEVER;
    proxy->listener = open_socket(0, true, &proxy->port);
    bsi_mutex_init(&proxy->lock);
    if (proxy->listener < 0 || bsi_thread_start(&proxy->thread, "proxy", run, proxy) < 0) {
        free(proxy);
        return NULL;
    }
    return proxy;
}

void test_proxy_stop(test_proxy *proxy)
{
    bsi_mutex_lock(&proxy->lock);
    proxy->ending = true;
    bsi_mutex_unlock(&proxy->lock);
    bsi_thread_join(proxy->thread);
    for (size_t i = 0; i < PAIRS_MAX; i++) {
        if (proxy->pairs[i]) {
            close_pair(&proxy->pairs[i], false);
        }
    }
    bsi_mutex_dispose(&proxy->lock);
    (void)close(proxy->listener);
    free(proxy);
}

uint16_t test_proxy_port(const test_proxy *proxy)
{
    return proxy->port;
}

static void begin_anew(test_proxy *proxy, test_proxy_way way, uint64_t after, unsigned others,
                       const char *answer)
{
    bsi_mutex_lock(&proxy->lock);
    memset(proxy->counts, 0, sizeof(proxy->counts));
    proxy->cut_after[0] = TEST_PROXY_NEVER;
    proxy->cut_after[1] = TEST_PROXY_NEVER;
    proxy->cut_after[way] = after;
    proxy->has_cut = false;
    proxy->others = others;
    proxy->answer = answer;
    bsi_mutex_unlock(&proxy->lock);
}

void test_proxy_cut(test_proxy *proxy, test_proxy_way way, uint64_t after)
{
    begin_anew(proxy, way, after, 0, NULL);
}

void test_proxy_replace(test_proxy *proxy, uint64_t after, unsigned clients, const char *answer)
{
    begin_anew(proxy, TEST_PROXY_UP, after, clients, answer);
}

unsigned test_proxy_replaced(test_proxy *proxy)
{
    unsigned others = 0;

    bsi_mutex_lock(&proxy->lock);
    others = proxy->others;
    bsi_mutex_unlock(&proxy->lock);
    return others;
}

bool test_proxy_has_cut(test_proxy *proxy)
{
    bool has_cut = false;

    bsi_mutex_lock(&proxy->lock);
    has_cut = proxy->has_cut;
    bsi_mutex_unlock(&proxy->lock);
    return has_cut;
}

uint64_t test_proxy_count(test_proxy *proxy, test_proxy_way way)
{
    uint64_t count = 0;

    bsi_mutex_lock(&proxy->lock);
    count = proxy->counts[way];
    bsi_mutex_unlock(&proxy->lock);
    return count;
}

void test_proxy_slice(test_proxy *proxy, unsigned bytes)
{
    bsi_mutex_lock(&proxy->lock);
    proxy->slice = bytes;
    bsi_mutex_unlock(&proxy->lock);
}
