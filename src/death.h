/* SPDX-License-Identifier: MIT */
#ifndef OURO_DEATH_H
#define OURO_DEATH_H

/* Death, and the slow halves of counting. */

#include "weak.h"

/* Drop the references an object holds: the type's clear, then whatever refs declares. Any user
 * code may run. While slicing very long arrays are emptied with the backlog, if no others are: then the answer is
 * false, and until they are empty the object has to be kept, DYING or by a reference that is dropped then. */
OURO_INTERNAL bool gci_death_clear(const struct gci_page *page, gc_object *self);

/* Call the type's finalize, once in a life. The caller holds a reference. Any user code may run. */
OURO_INTERNAL void gci_death_finalize(const struct gci_page *page, gc_object *self);

/* Call the type's destroy. Any user code may run. */
OURO_INTERNAL void gci_death_destroy(const struct gci_page *page, gc_object *self);

/* The slot of a living object is free, and that is all: it has moved, or never was used. It counts
 * neither as a death nor as a birth. */
OURO_INTERNAL void gci_death_discard(struct gci_page *page, gc_object *self);

/* The end of plain garbage, which is what has a state of `members`, in two walks over its pages. First
 * it drops its references to what is no garbage, a range of slots at a time; then its slots are
 * free, and the books are right: `count` objects in the page. Runs no user code: in the
 * first the heap is draining or slicing, and what dies by it waits. */
OURO_INTERNAL void gci_death_drop_garbage(struct gci_page *page, uint32_t members, size_t offset,
                                          size_t end);
OURO_INTERNAL void gci_death_free_garbage(struct gci_page *page, uint32_t members, size_t count);

/* The same as the second for what is in a range of slots. */
OURO_INTERNAL void gci_death_free_range(struct gci_page *page, uint32_t members, size_t offset,
                                        size_t end);

/* End the objects in the queue of the dying, unless somebody further up the stack is at it. Any
 * user code may run. */
OURO_INTERNAL void gci_death_drain(gc_heap *heap);

/* Whether there is a backlog. */
static inline bool gci_death_is_behind(const gc_heap *heap)
{
    return heap->backlog != NULL || heap->emptying != NULL;
}

/* Bounded destruction: while there is a backlog each birth has to count. */
static inline bool gci_death_must_pay(const gc_heap *heap)
{
    return gci_death_is_behind(heap) && heap->config.destroy_ns != 0;
}

/* Whether the backlog may be ended now, by gci_death_catch_up: not in collections, nor from
 * inside. */
static inline bool gci_death_may_catch_up(const gc_heap *heap)
{
    return gci_death_must_pay(heap) && heap->busy == 0 && !heap->deferring;
}

/* End objects of the backlog for `ns`, and at least as many bytes as births owe, if it may be.
 * Returns whether it was allowed. Any user code may run. */
OURO_INTERNAL bool gci_death_catch_up(gc_heap *heap, uint64_t ns);

/* End the objects in the backlog. What dies with them joins it, since the heap is slicing or
 * deferring; time may be up before, which is looked at after 16 (0: without the clock). Returns
 * whether it is empty. Any user code may run. */
OURO_INTERNAL bool gci_death_end_backlog(gc_heap *heap, uint64_t deadline);

/* The slot of one that died in a chain of a cycle is free, now that the cycle has come by. */
OURO_INTERNAL void gci_death_leave_chain(struct gci_page *page, gc_object *self);

#endif
