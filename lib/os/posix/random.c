/* SPDX-License-Identifier: MIT */
/*
 * Chance, and the identifiers made of time and chance.
 */
#include "os/random.h"

#include <stdatomic.h>
#include <sys/random.h>

#include "base/endian.h"
#include "os/posix/posix.h"
#include "os/time.h"

enum {
    COUNTER_BITS = 12, /* The bits of rand_a. */
    UUID_SIZE = 16,
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

static void format_uuid(const uint8_t uuid[UUID_SIZE], char out[BS_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t used = 0;

    for (size_t i = 0; i < UUID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out[used++] = '-';
        }
        out[used++] = digits[uuid[i] >> 4];
        out[used++] = digits[uuid[i] & 15];
    }
    out[used] = '\0';
}

bs_status bsi_new_id(char out[BS_ID_SIZE])
{
    uint8_t chance[10] = {0};
    uint8_t uuid[UUID_SIZE];
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
    format_uuid(uuid, out);
    return BS_OK;
}
