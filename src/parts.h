/* SPDX-License-Identifier: MIT */
#ifndef OURO_PARTS_H
#define OURO_PARTS_H

/* The suspects of a cycle, part by part. */

#include "doom.h"

enum {
    /* A part with so many members gets no more to begin with; and one with so many more, none at
     * all. Where everything is checked they are small, so that there are many. */
    GCI_PART_MIN = OURO_CHECKS >= 3 ? 8 : 1024,
    GCI_PART_CALLS = OURO_CHECKS >= 3 ? 8 : 64, /* the same where user code may run when it ends */
    GCI_PART_MAX = OURO_CHECKS >= 3 ? 128 : 8192,
    GCI_PART_LARGER = 4, /* times as many are in a part when parts are tried again */
};

/* The page with suspects after another one (NULL: the first). */
OURO_INTERNAL struct gci_page *gci_parts_next_page(const gc_heap *heap, struct gci_page *page);

/* Examine parts, from where the cycle stands, and end their garbage, until time is up or the backlog or the weak
 * references that are due come first. Any user code may run. */
OURO_INTERNAL void gci_parts_examine(gc_heap *heap, uint64_t deadline);

#endif
