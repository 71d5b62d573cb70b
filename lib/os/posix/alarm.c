/* SPDX-License-Identifier: MIT */
/*
 * The alarm over timerfd, which alone tells of a clock that was set, and an
 * eventfd for those who wake it.
 */
#include "os/alarm.h"

#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/file.h"
#include "os/posix/posix.h"
#include "os/time.h"

struct bsi_alarm {
    int timer;
    int wake;
};

bs_status bsi_alarm_new(bsi_alarm **out)
{
    bsi_alarm *alarm = bsi_alloc(sizeof(*alarm));
    bs_status status = BS_OK;

    if (!alarm) {
        return BS_E_NOMEM;
    }
    *alarm = (bsi_alarm){.timer = -1, .wake = -1};
    alarm->timer =
        BSI_SYSCALL(BSI_OS_THREAD, timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (alarm->timer >= 0) {
        alarm->wake = BSI_SYSCALL(BSI_OS_THREAD, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    }
    if (alarm->wake < 0) {
        status = bsi_fail_os(BS_LAYER_SYSTEM, errno, "making a timer");
        bsi_alarm_free(alarm);
        return status;
    }
    *out = alarm;
    return BS_OK;
}

void bsi_alarm_free(bsi_alarm *alarm)
{
    if (alarm) {
        bsi_close_quietly(alarm->timer);
        bsi_close_quietly(alarm->wake);
        bsi_free(alarm);
    }
}

/* A time that is over rings at once, though 0 would mean never to the kernel. */
static void set_timer(const bsi_alarm *alarm, int64_t until_sec)
{
    const int64_t until = bsi_clock_true(until_sec);
    const struct itimerspec when = {.it_value = {.tv_sec = (time_t)(until > 0 ? until : 1)}};
    const int code =
        timerfd_settime(alarm->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);

    /* It cannot fail: the flags and the time are valid. */
    BSI_ASSERT(code == 0 || errno == ECANCELED);
    (void)code;
}

/* Whatever made it readable is over with this. */
static void drain(int fd)
{
    uint64_t count = 0;
    const ssize_t got = read(fd, &count, sizeof(count));

    BSI_ASSERT(got >= 0 || errno == EAGAIN || errno == ECANCELED);
    (void)got;
}

void bsi_alarm_wait(bsi_alarm *alarm, int64_t until_sec)
{
    struct pollfd ends[2] = {
        {.fd = alarm->timer, .events = POLLIN},
        {.fd = alarm->wake, .events = POLLIN},
    };

    set_timer(alarm, until_sec);
    while (poll(ends, 2, -1) < 0 && errno == EINTR) {
    }
    drain(alarm->timer);
    drain(alarm->wake);
}

void bsi_alarm_wake(bsi_alarm *alarm)
{
    const uint64_t one = 1;
    const ssize_t done = write(alarm->wake, &one, sizeof(one));

    BSI_ASSERT(done == sizeof(one) || errno == EAGAIN);
    (void)done;
}
