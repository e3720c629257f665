/* SPDX-License-Identifier: MIT */
#ifndef OURO_CYCLE_H
#define OURO_CYCLE_H

/* The old generation in slices. */

#include "parts.h"

/* Begin a cycle, about all that is old now, and young. None is under way. */
OURO_INTERNAL void gci_cycle_begin(gc_heap *heap);

/* The same, but let it end when the young are old. */
OURO_INTERNAL void gci_cycle_promote(gc_heap *heap);

/* Go on with a cycle until it is so late.
 * Returns the garbage that is to end at once, because somebody is to see it, DOOMED; else nothing (pages NULL, counts 0). Whether it is at an end the phase tells; then
 * cycle.freed says how much other garbage there was. User code may run; what dies
 * joins the queue, or while slicing the backlog. */
OURO_INTERNAL struct gci_set gci_cycle_slice(gc_heap *heap, uint64_t deadline);

/* End a cycle that is under way, if one is: with the garbage, if that has been found, else with
 * nothing found. All the old have heap->old, and no scratch counts. */
OURO_INTERNAL void gci_cycle_abandon(gc_heap *heap);

#endif
