/* SPDX-License-Identifier: MIT */
#ifndef OURO_PARTS_H
#define OURO_PARTS_H

/* The suspects of a cycle, part by part. */

#include "ending.h"

enum {
    /* A part with so many members gets no more to begin with; and one with so many more, none at
     * all. Where everything is checked they are small, so that there are many. */
    GCI_PART_MIN = OURO_CHECKS >= 3 ? 8 : 1024,
    GCI_PART_MAX = OURO_CHECKS >= 3 ? 128 : 8192,
    GCI_PART_LARGER = 4, /* times as many are in a part when parts are tried again */
};

/* Have the cycle stand in a page (NULL: in none), at its first slot, and let go of the page before, unless
 * the array that is being marked is there (CYCLE-3). */
static inline void gci_cycle_stand_in(struct gci_cycle *cycle, struct gci_page *page)
{
    if (cycle->page != NULL) {
        cycle->page->in_hand = cycle->page->in_hand && cycle->page == cycle->array.page;
    }
    cycle->page = page;
    cycle->offset = page == NULL ? 0 : page->first;
    if (page != NULL) {
        page->in_hand = true;
    }
}

/* The page with suspects after another one (NULL: the first). */
OURO_INTERNAL struct gci_page *gci_parts_next_page(const gc_heap *heap, struct gci_page *page);

/* Examine parts, from where the cycle stands, until one has garbage, whose ending begins, or time is up.
 * No ending is under way. Returns whether all parts were examined, and none has garbage. */
OURO_INTERNAL bool gci_parts_examine(gc_heap *heap, uint64_t deadline);

#endif
