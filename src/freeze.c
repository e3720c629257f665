/* SPDX-License-Identifier: MIT */

/* What is set aside: frozen objects, and garbage that was saved.
 *
 * Both are states that no set has, so to the set algorithm they are the world outside, and death by
 * count knows nothing of them. Freezing is by page: nothing is born among the frozen, and a
 * collection passes over the pages of containers whole (FROZEN-1). So it writes to none of them, nor
 * to the pages of leaves, which it never writes to: after a fork they stay shared. */

#include "collect.h"

/* Freeze all pages that are not frozen, or the other way: `turn` each, whose containers with a state in
 * `states` have another one from now on. Returns how many those are. */
static size_t turn_pages(gc_heap *heap, uint32_t states, uint32_t state,
                         void (*turn)(struct gci_page *))
{
    size_t count = 0;
    for (struct gci_page *page = NULL; (page = gci_pages_next(heap, page)) != NULL;) {
        if (page->frozen == (state != GCI_FROZEN) && gci_page_used(page) > 0) {
            count += gci_page_each_member(page, states, page->first, gci_page_end(page),
                                          gci_object_set_state, &state);
            turn(page);
        }
    }
    return count;
}

size_t gc_freeze(gc_heap *heap)
{
    const uint32_t states = 1u << GCI_YOUNG | 1u << GCI_OLD_A | 1u << GCI_OLD_B;
    if (heap->busy > 0) {
        return 0;
    }
    gci_collect_settle(heap); /* user code may run here */
    size_t count = turn_pages(heap, states, GCI_FROZEN, gci_page_freeze);
    heap->young_objects = 0;
    gci_pages_forget_young(heap);
    gci_pacing_freeze(heap);
    gci_collect_arm(heap);
    return count;
}

size_t gc_unfreeze(gc_heap *heap)
{
    if (heap->busy > 0) {
        return 0;
    }
    size_t count = turn_pages(heap, 1u << GCI_FROZEN, heap->old, gci_page_unfreeze);
    gci_pacing_unfreeze(heap);
    gci_collect_arm(heap);
    return count;
}

size_t gc_release_saved(gc_heap *heap)
{
    struct gci_walk at = { 0 };
    size_t count = 0;
    gci_collect_hold(heap);
    for (gc_object *self; (self = gci_walk_next(heap, &at, 1u << GCI_SAVED)) != NULL; count++) {
        self->gc = gci_object_old(gci_page_of(self));
        gc_decref(self); /* user code may run here */
    }
    gci_collect_release(heap);
    return count;
}
