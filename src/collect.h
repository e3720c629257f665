/* SPDX-License-Identifier: MIT */
#ifndef OURO_COLLECT_H
#define OURO_COLLECT_H

/* When a collection runs, and over what. */

#include "cycle.h"
#include "pacing.h"

/* Set the alarms from thresholds, limit, and whether collections may start by themselves now.
 * Call it after a change of any of these. */
OURO_INTERNAL void gci_collect_arm(gc_heap *heap);

/* End a cycle, and what has been found in slices, as before a full collection; inside callbacks the cycle only.
 * Any user code may run. */
OURO_INTERNAL void gci_collect_settle(gc_heap *heap);

/* No collection starts and pages are pinned between a hold and its release. They nest. The first also
 * settles the heap; the other leaves a cycle and what slices have found as they are. */
static OURO_ALWAYS_INLINE void gci_collect_hold_unsettled(gc_heap *heap)
{
    gci_enter(heap, OURO_FRAME); /* which is the caller's: this is inline */
    heap->busy++;
    gci_pages_pin(heap);
    gci_collect_arm(heap);
}
static OURO_ALWAYS_INLINE void gci_collect_hold(gc_heap *heap)
{
    gci_collect_settle(heap); /* user code may run here */
    gci_collect_hold_unsettled(heap);
}
OURO_INTERNAL void gci_collect_release(gc_heap *heap);

/* Run one slice of about `budget_ns`, and account for it. Slices are due (gci_pacing_is_in_cycle). Any user
 * code may run. */
OURO_INTERNAL void gci_collect_slice(gc_heap *heap, uint64_t budget_ns);

/* gc_collect_generation, for a reason. */
OURO_INTERNAL size_t gci_collect(gc_heap *heap, int generation, gc_reason reason);

/* The hooks for object.c. */
OURO_INTERNAL void gci_collect_install(gc_heap *heap);

#endif
