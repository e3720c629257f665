/* SPDX-License-Identifier: MIT */
#ifndef OURO_DOOM_H
#define OURO_DOOM_H

/* What happens to garbage. */

#include "trace.h"

struct gci_doom_result {
    size_t freed, uncollectable, resurrected, saved; /* containers */
};

/* Finalize, clear and free the garbage that a search has found; or save it. Any user code may run.
 */
OURO_INTERNAL struct gci_doom_result gci_doom(gc_heap *heap, struct gci_set *found);

/* Free garbage that is plain, without its counts. Nobody hears of its end, and no user code runs: what
 * dies with it waits in the queue of the dying. */
OURO_INTERNAL void gci_doom_plain(gc_heap *heap, const struct gci_set *set);

/* Call `act` for each object in a range of slots that has one of some states then, holding it by a
 * reference. Any user code may run. */
OURO_INTERNAL void gci_doom_each(const struct gci_page *page, uint32_t members, size_t offset,
                                 size_t end, void (*act)(const struct gci_page *, gc_object *));

/* The same as gci_doom in slices, object by object: weak references that call back end, and join the heap's
 * ring; gci_death_finalize; after another search, once nobody is brought back, all other weak references to a
 * set end; gci_doom_clear; and when what dies by that is gone, the rest is old again. */
OURO_INTERNAL void gci_doom_end_callbacks(const struct gci_page *page, gc_object *self);
OURO_INTERNAL void gci_doom_clear(const struct gci_page *page, gc_object *self);
OURO_INTERNAL void gci_doom_end_weak(gc_heap *heap, const struct gci_set *set);
OURO_INTERNAL void gci_doom_release(const struct gci_page *page, gc_object *self);

/* Add to the report of the cycle and to the statistics, in objects.
 *   collected       ended now
 *   uncounted       counted as collected, now or earlier, and alive
 *   uncollectable   cannot be cleared
 * The difference is taken here, in 64 bits: that of two size_t would be 2^32 too much on 32 bits. */
OURO_INTERNAL void gci_doom_count(gc_heap *heap, size_t collected, size_t uncounted,
                                  size_t uncollectable);

/* One step in the end of a part's garbage: weak references that call back end, and join the ring; or finalizers
 * run, until time is up; or, if there are none left to run, it is cleared. What is not dying then is in the next
 * part again, by which those are known who were brought back. Any user code may run. */
OURO_INTERNAL void gci_doom_part(gc_heap *heap, const struct gci_set *set, uint64_t deadline);

#endif
