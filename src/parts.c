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

/* Take a suspect into a part, if it has not been in one yet and there is room. */
static inline void gather(gc_heap *heap, struct part *part, gc_object *self)
{
    if (self->gc != gci_other_old(heap) || part->count >= heap->cycle.part_max) {
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

/* Gather the next part, beginning where the last one stopped to begin. */
static struct gci_set gather_part(gc_heap *heap)
{
    struct gci_cycle *cycle = &heap->cycle;
    struct part part = { .pages = NULL };
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, gather_items);
    tracer.context = &part;
    size_t most = GCI_PART_MIN;
    for (unsigned looks = 0; part.count < most && looks < 4 * GCI_PART_MIN; looks++) {
        struct gci_page *page = cycle->page;
        if (page == NULL) {
            break;
        }
        if (page->record == NULL || cycle->offset >= gci_page_end(page)) {
            cycle->page = gci_parts_next_page(heap, page);
            cycle->offset = cycle->page == NULL ? 0 : cycle->page->first;
            continue;
        }
        gc_object *self = gci_page_at(page, cycle->offset);
        gather(heap, &part, self);
        bool calls = page->duties != 0 || (self->refs & OURO_REFS_WEAK) != 0;
        most = calls && gci_state_of(self) == GCI_PART ? GCI_PART_CALLS : most;
        cycle->offset += page->slot_size;
        gather_reached(heap, &tracer);
    }
    for (struct gci_page *page = part.pages; page != NULL; page = page->next_in_set) {
        page->in_part = false;
    }
    return gci_set_of_part(heap, part.pages);
}

struct gci_set gci_parts_examine(gc_heap *heap, uint64_t deadline)
{
    struct gci_cycle *cycle = &heap->cycle;
    do {
        struct gci_set set = gather_part(heap);
        gci_trace_find_garbage(heap, &set);
        if (set.garbage_count > 0 && set.plain) {
            cycle->freed += set.garbage_count;
            gci_doom_plain(heap, &set);
        } else if (set.garbage_count > 0) {
            return set;
        }
    } while (cycle->page != NULL && gci_sys_clock_ns() < deadline);
    return (struct gci_set){ .pages = NULL };
}
