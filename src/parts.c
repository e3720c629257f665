/* SPDX-License-Identifier: MIT */

/* Suspects, part by part: see cycle.c. A part is what a few of them reach among those that have not been in
 * one. */

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

/* Whether a suspect has not been in a part yet; or is garbage that goes on ending, if the next part is of that. */
static inline bool is_to_come(const gc_heap *heap, const gc_object *self)
{
    uint32_t marks = heap->cycle.again ? GCI_PROVEN | GCI_CLEARED : 0;
    return (self->gc & (GCI_STATE_MASK | GCI_PASSED)) == gci_other_old(heap) &&
           (marks == 0 || (self->gc & marks) != 0);
}

/* Take such a one into a part, if there is room. */
static inline void gather(gc_heap *heap, struct part *part, gc_object *self)
{
    struct gci_cycle *cycle = &heap->cycle;
    if (!is_to_come(heap, self) || (!cycle->again && part->count >= cycle->part_max)) {
        return;
    }
    struct gci_page *page = gci_page_of(self);
    if (!page->in_part) {
        page->in_part = true;
        memset(page->patches, 0, sizeof(page->patches));
        page->next_in_set = part->pages;
        part->pages = page;
    }
    cycle->cleared += (self->gc & GCI_CLEARED) != 0;
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

/* Whether more is to begin a part, when so many slots were looked at in vain: all of what goes on ending; or else as
 * much as a part has to begin with. */
static bool wants_more(const struct gci_cycle *cycle, const struct part *part, size_t most,
                       size_t looks)
{
    enum { LOOKS = 4 * GCI_PART_MIN, LOOKS_AGAIN = 65536 };
    return cycle->page != NULL && (cycle->again ? part->count < cycle->marked && looks < LOOKS_AGAIN
                                                : part->count < most && looks < LOOKS);
}

/* Gather the next part, beginning where the last one stopped to begin; or where it began, if what it was goes on
 * ending. */
static struct gci_set gather_part(gc_heap *heap)
{
    struct gci_cycle *cycle = &heap->cycle;
    struct part part = { .pages = NULL };
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, gather_items);
    tracer.context = &part;
    cycle->part_page = cycle->page;
    cycle->part_offset = cycle->offset;
    cycle->again = cycle->marked > 0;
    cycle->cleared = 0;
    size_t most = GCI_PART_MIN;
    for (size_t looks = 0; wants_more(cycle, &part, most, looks); looks++) {
        struct gci_page *page = cycle->page;
        if (page->record == NULL || cycle->offset >= gci_page_end(page)) {
            cycle->page = gci_parts_next_page(heap, page);
            cycle->offset = cycle->page == NULL ? 0 : cycle->page->first;
            continue;
        }
        gc_object *self = gci_page_at(page, cycle->offset);
        cycle->offset += page->slot_size;
        if (is_to_come(heap, self)) {
            bool calls = page->duties != 0 || (self->refs & OURO_REFS_WEAK) != 0;
            most = calls ? GCI_PART_CALLS : most;
            looks = cycle->again ? 0 : looks;
            gather(heap, &part, self);
            gather_reached(heap, &tracer);
        }
    }
    for (struct gci_page *page = part.pages; page != NULL; page = page->next_in_set) {
        page->in_part = false;
    }
    if (cycle->again) {
        cycle->page = cycle->part_page; /* what else begins there comes then */
        cycle->offset = cycle->part_offset;
    }
    cycle->marked = 0;
    return gci_set_of_part(heap, part.pages);
}

/* Who was garbage before and is not any more was brought back; or, if it was cleared, it is not collected after
 * all. If some of it was not found again, it may be cleared as if it never was. */
static void count_back(gc_heap *heap, size_t alive)
{
    struct gci_cycle *cycle = &heap->cycle;
    size_t cleared = cycle->again && alive < cycle->cleared ? alive : cycle->cleared;
    cycle->cleared = cycle->again ? cycle->cleared - cleared : 0;
    gci_doom_count(heap, 0, cleared, cycle->again && cleared > 0 ? alive : 0);
    if (cycle->again && cleared == 0) {
        cycle->report.resurrected += alive;
        heap->generations[1].resurrected += alive;
    }
}

void gci_parts_examine(gc_heap *heap, uint64_t deadline)
{
    struct gci_cycle *cycle = &heap->cycle;
    uint64_t now = gci_sys_clock_ns();
    do {
        cycle->clears_part = cycle->clears_part && cycle->marked > 0;
        if (gci_looks(heap) && !cycle->clears_part) { /* since this phase began */
            cycle->page = NULL;
            return;
        }
        uint64_t start = now;
        struct gci_set set = gather_part(heap);
        gci_trace_find_garbage(heap, &set);
        count_back(heap, set.alive_count);
        if (set.garbage_count > 0 && set.plain) {
            cycle->freed += set.garbage_count;
            gci_doom_plain(heap, &set);
        } else if (set.garbage_count > 0) {
            /* At least as long as it took to examine it, so that half of the time is not for that. */
            now = gci_sys_clock_ns();
            uint64_t end = now + (now - start);
            gci_doom_part(heap, &set, end > deadline ? end : deadline); /* user code may run here */
        }
        now = gci_sys_clock_ns();
    } while (cycle->phase == GCI_PHASE_PARTS && cycle->page != NULL && !gci_death_is_behind(heap) &&
             !gci_weak_is_due(heap) && now < deadline);
}
