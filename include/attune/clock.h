/*
 * The two clocks, injectable: timers run on the monotonic one, records carry the wall clock. Tests set both.
 */
#ifndef ATTUNE_CLOCK_H
#define ATTUNE_CLOCK_H

#include <stdint.h>

int64_t clock_monotonic_ms(void);
/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_wall_ms(void);
/* CPU time of this thread in microseconds; our processes have one thread of their own. */
int64_t clock_cpu_us(void);

/* RFC 3339 in UTC with milliseconds ("2026-11-21T09:30:00.123Z"); out has room for 25 bytes with the NUL. */
void clock_format_ms(int64_t wall_ms, char out[25]);

enum { CLOCK_LOCAL_SIZE = 32 };

/* By this machine's time zone, as people read it: "2026-11-21 10:30 CET". */
void clock_format_local(int64_t wall_ms, char out[CLOCK_LOCAL_SIZE]);

/* For tests: from now on both clocks stand at these values until set again; clock_release() returns to the real ones.
 */
void clock_freeze(int64_t wall_ms, int64_t monotonic_ms);
void clock_release(void);

#endif
