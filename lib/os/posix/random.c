/* SPDX-License-Identifier: MIT */
/*
 * Chance, and the identifiers made of time and chance.
 */
#include "os/random.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "base/endian.h"
#include "os/posix/posix.h"
#include "os/time.h"

enum {
    COUNTER_BITS = 12, /* The bits of rand_a. */
    MS_PER_SEC = 1000,
    NS_PER_MS = 1000000,
};

/* Milliseconds and counter of the newest identifier: the next one's must be greater. */
static atomic_uint_fast64_t newest_stamp;

bs_status bsi_random(void *out, size_t size)
{
    uint8_t *bytes = out;
    size_t done = 0;

    while (done < size) {
        const ssize_t got = BSI_SYSCALL(BSI_OS_RANDOM, getrandom(bytes + done, size - done, 0));
        if (got >= 0) {
            done += (size_t)got;
        } else if (errno != EINTR) {
            return bsi_fail_os(BS_LAYER_SYSTEM, errno, "asking for random bytes");
        }
    }
    return BS_OK;
}

/*
 * RFC 9562, 6.2, method 1: a counter behind the milliseconds. It begins each
 * millisecond in the lower half of its range, and carries into the time when
 * it is used up or the clock stands still or goes back.
 */
static uint64_t next_stamp(uint16_t seed)
{
    const bsi_time now = bsi_now();
    const uint64_t seconds = now.sec > 0 ? (uint64_t)now.sec : 0;
    const uint64_t ms = seconds * MS_PER_SEC + (uint64_t)now.nsec / NS_PER_MS;
    const uint64_t fresh = ms << COUNTER_BITS | (seed & 0x7ff);
    uint64_t newest = atomic_load(&newest_stamp);
    uint64_t stamp = 0;

    do {
        stamp = fresh > newest ? fresh : newest + 1;
    } while (!atomic_compare_exchange_weak(&newest_stamp, &newest, stamp));
    return stamp;
}

/* A dash stands before these bytes. */
static bool begins_group(size_t at)
{
    return at == 4 || at == 6 || at == 8 || at == 10;
}

void bsi_id_format(const uint8_t id[BSI_ID_BYTES], char out[BS_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t used = 0;

    for (size_t i = 0; i < BSI_ID_BYTES; i++) {
        if (begins_group(i)) {
            out[used++] = '-';
        }
        out[used++] = digits[id[i] >> 4];
        out[used++] = digits[id[i] & 15];
    }
    out[used] = '\0';
}

static bool parse_byte(const char *text, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    const char *high = text[0] != '\0' ? strchr(digits, text[0]) : NULL;
    const char *low = high && text[1] != '\0' ? strchr(digits, text[1]) : NULL;

    if (!low) {
        return false;
    }
    *out = (uint8_t)((high - digits) << 4 | (low - digits));
    return true;
}

bs_status bsi_id_parse(const char *text, uint8_t out[BSI_ID_BYTES])
{
    uint8_t id[BSI_ID_BYTES];
    const char *at = text;
    bool good = true;

    for (size_t i = 0; good && i < BSI_ID_BYTES; i++) {
        if (begins_group(i)) {
            good = *at++ == '-';
        }
        good = good && parse_byte(at, &id[i]);
        at += good ? 2 : 0;
    }
    if (!good || *at != '\0') {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "no id of a backup, which is a UUID");
    }
    memcpy(out, id, sizeof(id));
    return BS_OK;
}

bs_status bsi_new_id(char out[BS_ID_SIZE])
{
    uint8_t chance[10] = {0};
    uint8_t uuid[BSI_ID_BYTES];
    uint64_t stamp = 0;

    BSI_TRY(bsi_random(chance, sizeof(chance)));
    stamp = next_stamp(bsi_le16(chance + 8));
    for (size_t i = 0; i < 6; i++) {
        uuid[i] = (uint8_t)(stamp >> (52 - 8 * i));
    }
    uuid[6] = (uint8_t)(0x70 | (stamp >> 8 & 0x0f));
    uuid[7] = (uint8_t)stamp;
    for (size_t i = 0; i < 8; i++) {
        uuid[8 + i] = chance[i];
    }
    uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3f));
    bsi_id_format(uuid, out);
    return BS_OK;
}
