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

/* Move all that one ring holds to the end of another. */
OURO_INTERNAL void gci_weak_move_due(gc_weak *from, gc_weak *to);

/* Whether the heap's own ring holds something. */
static inline bool gci_weak_is_due(const gc_heap *heap)
{
    return heap->due.next != &heap->due;
}

/* Call what is due in the heap's own ring, until time is up. Returns whether none is left. Any user code
 * may run. */
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
