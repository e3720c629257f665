/* SPDX-License-Identifier: MIT */

/* What is set aside: frozen objects, and garbage that was saved.
 *
 * Both are states that no set has, so to the set algorithm they are the world outside, and death by
 * count knows nothing of them. A collection passes over frozen pages of containers whole
 * (FROZEN-1), so it writes to none of them, nor to the pages of leaves, which it never writes to:
 * after a fork they stay shared. Nothing is born among what the first gc_freeze has frozen, until
 * most of it is dead. Those that follow keep pages open that have room, and pass over what is
 * frozen, segment by segment. */

#include "collect.h"

/* Freeze a page, or the other way: `turn` it, whose containers with a state in `states` have
 * another one from now on. Returns how many those are. */
static size_t turn_page(struct gci_page *page, uint32_t states, uint32_t state,
                        void (*turn)(struct gci_page *))
{
    size_t count = gci_page_each_member(page, states, page->first, gci_page_end(page),
                                        gci_object_set_state, &state);
    turn(page);
    return count;
}

/* Freeze what is not frozen in a segment, and note whether all of it is now (FROZEN-2). */
static size_t freeze_segment(struct gci_segment *segment)
{
    const uint32_t states = 1u << GCI_YOUNG | 1u << GCI_OLD_A | 1u << GCI_OLD_B;
    const struct gci_page *end =
        segment->pages + (segment->pages->span == 0 ? 1 : GCI_SEGMENT_PAGES);
    size_t count = 0;
    segment->frozen = segment->free_pages == 0;
    for (struct gci_page *page = segment->pages; page < end; page++) {
        if (page->record != NULL && !page->frozen && gci_page_used(page) > 0) {
            count += turn_page(page, states, GCI_FROZEN, gci_page_freeze);
        }
        segment->frozen = segment->frozen && (page->record == NULL || page->frozen);
    }
    return count;
}

size_t gc_freeze(gc_heap *heap)
{
    size_t count = 0;
    if (heap->busy > 0) {
        return 0;
    }
    gci_collect_settle(heap); /* user code may run here */
    for (struct gci_segment *segment = heap->segments; segment != NULL; segment = segment->next) {
        count += segment->frozen ? 0 : freeze_segment(segment);
    }
    heap->young_objects = 0;
    gci_pages_forget_young(heap);
    gci_pacing_freeze(heap);
    gci_collect_arm(heap);
    return count;
}

size_t gc_unfreeze(gc_heap *heap)
{
    size_t count = 0;
    if (heap->busy > 0) {
        return 0;
    }
    for (struct gci_page *page = NULL; (page = gci_pages_next(heap, page)) != NULL;) {
        if ((page->frozen || page->mixed) && gci_page_used(page) > 0) {
            count += turn_page(page, 1u << GCI_FROZEN, heap->old, gci_page_unfreeze);
        }
    }
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
        self->gc = gci_object_old(self);
        gc_decref(self); /* user code may run here */
    }
    gci_collect_release(heap);
    return count;
}
