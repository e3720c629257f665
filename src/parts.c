/* SPDX-License-Identifier: MIT */

/* Suspects, part by part: see cycle.c. A part is what a few of them reach among those that have not been
 * in one; the last part is all of them. */

#include "parts.h"

struct gci_page *gci_parts_next_page(const gc_heap *heap, struct gci_page *page)
{
    do {
        page = page == NULL ? heap->cycle.suspect_pages : page->next_suspect;
    } while (page != NULL && page->suspects == 0);
    return page;
}

/* One that is being gathered. */
struct part {
    size_t count;
    struct gci_page *pages;
};

/* Whether an object may join the part that is being gathered: a suspect that no part has examined. */
static inline bool is_to_come(const gc_heap *heap, const gc_object *self)
{
    return (self->gc & (GCI_STATE_MASK | GCI_PASSED)) == gci_other_old(heap);
}

/* Take it into the part, if there is room. */
static inline void gather(gc_heap *heap, struct part *part, gc_object *self)
{
    if (!is_to_come(heap, self) || part->count >= heap->cycle.part_max) {
        return;
    }
    struct gci_page *page = gci_page_of(self);
    if (!page->in_part) {
        page->in_part = true;
        memset(page->patches, 0, sizeof(page->patches));
        page->next_in_set = part->pages;
        part->pages = page;
    }
    gci_page_add_patch(page, self);
    part->count++;
    gci_turn_grey(heap, page, self, GCI_PART);
}

static void gather_items(struct gci_tracer *tracer, void **items, size_t item_count)
{
    for (size_t i = 0; i < item_count; i++) {
        gather(tracer->heap, tracer->context, items[i]);
    }
}

/* Gather what the members reach. */
static void gather_reached(gc_heap *heap, struct gci_tracer *tracer)
{
    while (heap->grey_pages != NULL) {
        struct gci_page *page = heap->grey_pages;
        gc_object *self = gci_page_linked(page, (uint32_t)page->grey << GCI_LINK_SHIFT);
        page->grey = (uint16_t)(self->gc >> GCI_LINK_SHIFT);
        self->gc = GCI_PART;
        if (page->grey == 0) {
            heap->grey_pages = page->next_grey;
        }
        gci_trace(tracer, page, self);
        if (heap->grey_pages == NULL) {
            gci_trace_flush(tracer);
        }
    }
}

/* Gather the next part. Its first members are taken from where the last part stopped to look for such. */
static struct gci_set gather_part(gc_heap *heap)
{
    enum { LOOKS = 4 * GCI_PART_MIN }; /* slots that are looked at for first members, at most */
    struct gci_cycle *cycle = &heap->cycle;
    struct part part = { .pages = NULL };
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, gather_items);
    tracer.context = &part;
    for (size_t looks = 0; cycle->page != NULL && part.count < GCI_PART_MIN && looks < LOOKS;
         looks++) {
        struct gci_page *page = cycle->page;
        bool is_there = page->record != NULL && page->in_hand;
        if (!is_there || cycle->offset >= gci_page_end(page)) {
            gci_cycle_stand_in(cycle, gci_parts_next_page(heap, page));
            continue;
        }
        gather(heap, &part, gci_page_at(page, cycle->offset));
        gather_reached(heap, &tracer);
        cycle->offset += page->slot_size;
    }
    for (struct gci_page *page = part.pages; page != NULL; page = page->next_in_set) {
        page->in_part = false;
    }
    return gci_set_of_part(heap, part.pages);
}

/* All suspects that are left, as the last part. */
static struct gci_set take_the_rest(gc_heap *heap)
{
    struct gci_page *pages = NULL;
    for (struct gci_page *page = gci_parts_next_page(heap, NULL); page != NULL;
         page = gci_parts_next_page(heap, page)) {
        if (page->record != NULL && page->birth == GCI_YOUNG) {
            page->next_in_set = pages;
            pages = page;
        }
    }
    gci_cycle_stand_in(&heap->cycle, NULL);
    return gci_set_of_suspects(heap, pages);
}

bool gci_parts_examine(gc_heap *heap, uint64_t deadline)
{
    struct gci_cycle *cycle = &heap->cycle;
    bool is_last = cycle->part_max == SIZE_MAX;
    if (gci_looks(heap) && !is_last) { /* since this phase began */
        gci_cycle_stand_in(cycle, NULL);
    }
    while (cycle->page != NULL) {
        struct gci_set set = is_last ? take_the_rest(heap) : gather_part(heap);
        gci_trace_find_garbage(heap, &set);
        if (set.garbage_count > 0) {
            gci_ending_begin(heap, &set, &cycle->report);
            return false;
        }
        if (gci_sys_clock_ns() >= deadline) {
            break;
        }
    }
    return cycle->page == NULL;
}
