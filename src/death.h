/* SPDX-License-Identifier: MIT */
#ifndef OURO_DEATH_H
#define OURO_DEATH_H

/* Death, and the slow halves of counting. */

#include "weak.h"

/* Drop the references that an object holds: call the type's clear, then drop what `refs` declares.
 * Any user code may run. Returns false if the object has a very long array which the backlog will
 * empty piece by piece instead. It does so in slices only, and for one object at a time
 * (heap->emptying). Until then the caller has to keep the object: leave it DYING, or hold a
 * reference, which is dropped when the array is empty. */
OURO_INTERNAL bool gci_death_clear(const struct gci_page *page, gc_object *self);

/* Call the type's finalize, once in a life. The caller holds a reference. Any user code may run. */
OURO_INTERNAL void gci_death_finalize(const struct gci_page *page, gc_object *self);

/* Call the type's destroy. Any user code may run. */
OURO_INTERNAL void gci_death_destroy(const struct gci_page *page, gc_object *self);

/* The slot of a living object is free, and that is all: it has moved, or never was used. It counts
 * neither as a death nor as a birth. */
OURO_INTERNAL void gci_death_discard(struct gci_page *page, gc_object *self);

/* Count `count` dead objects, of so many bytes together, out of the heap. */
static inline void gci_death_count(gc_heap *heap, size_t count, size_t bytes)
{
    if (OURO_UNLIKELY(heap->bytes_live > heap->bytes_live_peak)) {
        heap->bytes_live_peak = heap->bytes_live;
    }
    heap->bytes_live -= bytes;
    heap->objects_died += count;
}

/* Free the slot of an object that the profiler does not know. Nothing is known of the page
 * afterwards, which may have been given back. gci_death_count is the caller's to call. */
static inline void gci_death_push_slot(struct gci_page *page, gc_object *self)
{
    gci_page_push_free(page, self);
    if (OURO_UNLIKELY(--page->countdown == 0)) {
        gci_page_noticed(page);
    }
}

/* Free the slot of any object, likewise. */
static inline void gci_death_leave_slot(struct gci_page *page, gc_object *self)
{
    if (OURO_UNLIKELY(self->refs & OURO_REFS_SITE)) {
        gci_page_unrecord(page, self);
    }
    gci_death_push_slot(page, self);
}

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
