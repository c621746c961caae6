/* The two clocks, which tests can stop. Every role. */
#include <attune/clock.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static bool frozen;
static int64_t frozen_wall_ms;
static int64_t frozen_monotonic_ms;

static int64_t read_clock_us(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return frozen ? frozen_monotonic_ms : read_clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_wall_ms(void)
{
    return frozen ? frozen_wall_ms : read_clock_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_cpu_us(void)
{
    /* The thread's, not the process's clock: while a CPU timer runs, Linux updates the latter only at each tick (4 ms).
     */
    return read_clock_us(CLOCK_THREAD_CPUTIME_ID);
}

void clock_format_ms(int64_t wall_ms, char out[25])
{
    /* Years 1970 to 9999: anything else is a mistake somewhere and is shown at the edge. */
    const int64_t last_ms = 253402300799999;
    if (wall_ms < 0)
        wall_ms = 0;
    if (wall_ms > last_ms)
        wall_ms = last_ms;
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char date[20];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out, 25, "%s.%03dZ", date, (int)(wall_ms % 1000));
}

void clock_format_local(int64_t wall_ms, char out[CLOCK_LOCAL_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    if (!localtime_r(&seconds, &parts) || !strftime(out, CLOCK_LOCAL_SIZE, "%Y-%m-%d %H:%M %Z", &parts))
        snprintf(out, CLOCK_LOCAL_SIZE, "-");
}

void clock_freeze(int64_t wall_ms, int64_t monotonic_ms)
{
    frozen = true;
    frozen_wall_ms = wall_ms;
    frozen_monotonic_ms = monotonic_ms;
}

void clock_release(void)
{
    frozen = false;
}
