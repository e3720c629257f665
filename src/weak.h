/* SPDX-License-Identifier: MIT */
#ifndef OURO_WEAK_H
#define OURO_WEAK_H

/* Weak references, and watchers. */

#include "object.h"

/* Which weak references end. */
enum gci_weak_which {
    GCI_WEAK_CALLBACKS, /* those that call back, but not watchers */
    GCI_WEAK_ALL,
};

/* The ring of what is due to be called, for somebody's stack, or the heap. */
OURO_INTERNAL void gci_weak_due_init(gc_weak *due);

/* End weak references to an object that has OURO_REFS_WEAK: they read NULL. Those that call back
 * join the ring, newest first; garbage and the dying do not call back. Runs no user code. */
OURO_INTERNAL void gci_weak_end(gc_object *target, enum gci_weak_which which, gc_weak *due);

/* Call what is due. Any user code may run. Returns how many were called. */
OURO_INTERNAL size_t gci_weak_call(gc_weak *due);

/* Whether garbage that ends in slices is past rescue and may still own a weak reference. The argument
 * of that one's callback may be the garbage itself, which must not get a new reference. */
static inline bool gci_weak_owner_may_end(const gc_heap *heap)
{
    const struct gci_cycle *cycle = &heap->cycle;
    /* Where destruction is bounded what died by count may wait long, and is not waited for. */
    bool is_emptying = heap->emptying != NULL &&
                       (heap->config.destroy_ns == 0 || gci_state_of(heap->emptying) != GCI_DYING);
    return cycle->phase == GCI_PHASE_DROP || cycle->phase == GCI_PHASE_CLEAR ||
           cycle->clears_part || is_emptying;
}

/* Whether a weak reference that waits can be called. It can once the cycle has told what is garbage,
 * and garbage that may own it is gone. After a cycle that was cut short it waits for the next. */
static inline bool gci_weak_are_known(const gc_heap *heap)
{
    const struct gci_cycle *cycle = &heap->cycle;
    bool is_told = cycle->phase >= GCI_PHASE_CALL || (cycle->is_done && !cycle->only_promotes);
    return is_told && !gci_weak_owner_may_end(heap) && heap->waiting.next != &heap->waiting;
}
static inline bool gci_weak_is_due(const gc_heap *heap)
{
    return heap->due.next != &heap->due || gci_weak_are_known(heap);
}

/* Call those, until time is up. Returns whether none is left. Any user code may run. */
OURO_INTERNAL bool gci_weak_call_due(gc_heap *heap, uint64_t deadline);

/* If an object is in a ring, it is not called: it was garbage, but lives on. */
OURO_INTERNAL void gci_weak_forget(const struct gci_page *page, gc_object *self);

/* Both, for one object that dies by count. Any user code may run. */
OURO_INTERNAL void gci_weak_die(gc_object *target);

/* At the end of the heap: call the watchers that there are now, the latest first, but not those that
 * are registered meanwhile (any user code may run); end all weak references, and nobody is called any
 * more; give back the table. */
OURO_INTERNAL void gci_weak_call_watchers(gc_heap *heap);
OURO_INTERNAL void gci_weak_end_all(gc_heap *heap);
OURO_INTERNAL void gci_weak_free(gc_heap *heap);

/* For the checker: the first weak reference to an object, or NULL; of a bucket; what a weak
 * reference has as its callback, NULL: none, or not any more; whether an object is one. */
OURO_INTERNAL gc_weak *gci_weak_first(const gc_heap *heap, const gc_object *target);
OURO_INTERNAL gc_weak *gci_weak_bucket(const gc_heap *heap, size_t index);
OURO_INTERNAL struct gci_weak_call *gci_weak_callable(gc_weak *weak);
OURO_INTERNAL bool gci_weak_is_of(const struct gci_page *page);

#endif
