/*
 * Faults that tests order by a header line in a mail, to show that a child's failure costs that child alone:
 * `X-Attune-Fault: crash | crash-once | hang | memory | lie`. Only in a build with ATTUNE_FAULTS defined; never in one
 * that serves.
 */
#ifndef ATTUNE_FAULT_H
#define ATTUNE_FAULT_H

#include <attune/str.h>
#include <attune/verdict.h>

/* Crashes, spins or eats memory when the mail's header says so; else does nothing. */
void fault_before_screening(struct str raw, enum screen_mode mode);
/* Makes the verdict name a rule that does not exist, when the mail's header says "lie". */
void fault_after_screening(struct str raw, struct verdict *verdict);

#endif
