/* SPDX-License-Identifier: MIT */
#ifndef OURO_ENDING_H
#define OURO_ENDING_H

/* How garbage ends, whoever has found it: a young collection, a full one, or a part of an incremental
 * one. The steps are those of enum gci_ending_step, in that order; ending.c has one function a step.
 * An ending can stop after any object and continue in the next slice. */

#include "sweep.h"

/* Begin the ending of what a search has found, which is not empty. No other ending is under way. The
 * outcome is added to `report` when the ending is over, which has to stay until then. */
OURO_INTERNAL void gci_ending_begin(gc_heap *heap, const struct gci_set *found,
                                    gc_collection *report);

/* Continue the ending until it is over or `deadline` has passed. In a slice it also stops when objects
 * or callbacks have to end first: call it when the backlog is empty and no weak reference is due.
 * Any user code may run. */
OURO_INTERNAL void gci_ending_run(gc_heap *heap, uint64_t deadline);

/* Note that other code may run before the ending continues: if it is not past rescue, there has to be
 * a search again. */
static inline void gci_ending_pause(gc_heap *heap)
{
    heap->ending.user_code_ran = true;
}

/* Run the whole ending at once, with the callbacks that are due. Any user code may run. */
OURO_INTERNAL void gci_ending_finish(gc_heap *heap);

/* Whether an ending is under way. No collection starts meanwhile (END-2). */
static inline bool gci_is_ending(const gc_heap *heap)
{
    return heap->ending.step != GCI_END_NONE;
}

/* Whether the garbage that is ending is trivial. No user code can see it, and the rest of its ending
 * runs none. */
static inline bool gci_ending_is_trivial(const gc_heap *heap)
{
    return heap->ending.step >= GCI_END_DROP;
}

#endif
