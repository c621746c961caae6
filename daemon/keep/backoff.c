/* The one back-off of keep's timers that are rows: reads, moves, pages. */
#include <attune/clock.h>
#include <attune/keep.h>

int64_t keep_retry_at(int64_t first_ms, int64_t last_ms, uint32_t attempts)
{
    int64_t wait = first_ms;
    for (uint32_t i = 0; i < attempts && wait < last_ms; i++)
        wait *= 2;
    return clock_wall_ms() + (wait < last_ms ? wait : last_ms);
}
