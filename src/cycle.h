/* SPDX-License-Identifier: MIT */
#ifndef OURO_CYCLE_H
#define OURO_CYCLE_H

/* The old generation in slices. */

#include "parts.h"

/* Begin a cycle, about all that is old now, and young. None is under way. */
OURO_INTERNAL void gci_cycle_begin(gc_heap *heap);

/* The same, but let it end when the young are old. */
OURO_INTERNAL void gci_cycle_promote(gc_heap *heap);

/* Continue the cycle until `deadline`, or until a part has garbage, whose ending begins. No ending is under
 * way. No user code runs but traverse. */
OURO_INTERNAL void gci_cycle_slice(gc_heap *heap, uint64_t deadline);

/* The young are old now, or gone: a promotion has nothing more to do. */
OURO_INTERNAL void gci_cycle_forget_young(gc_heap *heap);

/* The cycle is in a phase now, or none is under way. */
static inline void gci_cycle_set_phase(gc_heap *heap, enum gci_phase phase)
{
    heap->cycle.phase = phase;
    heap->in_cycle = phase != GCI_PHASE_NONE;
}

/* Whether no phase of a cycle is left to run. */
static inline bool gci_cycle_is_over(const gc_heap *heap)
{
    return heap->cycle.phase == GCI_PHASE_NONE || heap->cycle.phase == GCI_PHASE_DONE;
}

/* Give up a cycle that is under way, if one is: all the old have heap->old, and no scratch counts. Garbage
 * that is ending already goes on to do so; if it is trivial it is freed. No user code runs. */
OURO_INTERNAL void gci_cycle_abandon(gc_heap *heap);

#endif
