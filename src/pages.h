/* SPDX-License-Identifier: MIT */
#ifndef OURO_PAGES_H
#define OURO_PAGES_H

/* Segments, pages of one type, slots, large objects, and the bytes they account for. */

#include "memory.h"

/* Whether a gc word has one of the states in a set, which has a bit for each. */
static inline bool gci_is_member(uint32_t members, uint32_t word)
{
    return members >> (word & GCI_STATE_MASK) & 1;
}

/* The page of an object. */
static inline struct gci_page *gci_page_of(const void *object)
{
    uintptr_t address = (uintptr_t)object;
    struct gci_segment *segment =
        (struct gci_segment *)(address & ~(uintptr_t)(GCI_SEGMENT_SIZE - 1));
    return &segment->pages[address >> GCI_PAGE_SHIFT & (GCI_SEGMENT_PAGES - 1)];
}
static inline uint32_t gci_page_offset(const void *object)
{
    return (uint32_t)((uintptr_t)object & (GCI_PAGE_SIZE - 1));
}
static inline gc_object *gci_page_at(const struct gci_page *page, size_t offset)
{
    return (gc_object *)(void *)(page->base + offset);
}

/* Walking the slots that ever were used:
 *     for (size_t offset = page->first, end = gci_page_end(page); offset < end; offset +=
 *     page->slot_size) */
static inline size_t gci_page_end(const struct gci_page *page)
{
    return page->first + (size_t)page->carved * page->slot_size;
}
static inline uint32_t gci_page_used(const struct gci_page *page)
{
    return page->carved - GCI_FREE_LENGTH(page->free);
}

/* Put the slot at an offset into the free list. */
static inline void gci_page_push_free(struct gci_page *page, uint32_t offset)
{
    gc_object *slot = gci_page_at(page, offset);
    slot->refs = GCI_REFS_DEAD;
    slot->gc = page->free;
    page->free =
        (page->free & ~GCI_FREE_OFFSET_BITS) + (1u << GCI_FREE_LENGTH_SHIFT) + (offset << 1);
}

/* The size of a slot for a size that has `align`, and the size class. */
OURO_INTERNAL size_t gci_size_class(size_t size, size_t align, unsigned *size_class);

/* A page where objects of `slot_size` bytes of a record can be born: with a free list that is
 * not empty, and current for the record. NULL: no memory, and nothing changed. */
OURO_INTERNAL struct gci_page *gci_pages_with_room(gc_heap *heap, struct gci_record *record,
                                                   size_t slot_size);

/* The length of a page's free list has reached its notice. */
OURO_INTERNAL void gci_page_noticed(struct gci_page *page);

/* Build the free list anew of all slots that are FREE, in address order: that of fresh pages, and
 * the fastest to use. */
OURO_INTERNAL void gci_page_sort_free(struct gci_page *page);

/* All objects of a page are gone and its slots are marked dead: begin it anew. */
OURO_INTERNAL void gci_page_reset(struct gci_page *page);

/* Empty the caches of current pages. */
OURO_INTERNAL void gci_pages_forget_current(gc_heap *heap);

/* The same, and empty the list of young pages. */
OURO_INTERNAL void gci_pages_forget_young(gc_heap *heap);

/* While pinned, no page changes its use and no segment leaves. Pins nest. */
OURO_INTERNAL void gci_pages_pin(gc_heap *heap);
OURO_INTERNAL void gci_pages_unpin(gc_heap *heap);

/* Return empty segments beyond `keep` to the page source, unless pinned. Returns the bytes. */
OURO_INTERNAL size_t gci_pages_trim(gc_heap *heap, size_t keep);

/* Let go of the current pages that hold no object, unless pinned. */
OURO_INTERNAL void gci_pages_drop_idle(gc_heap *heap);

/* All pages in use, in the order of their segments: the one after `page` (NULL: the first); NULL
 * at the end. */
OURO_INTERNAL struct gci_page *gci_pages_next(const gc_heap *heap, struct gci_page *page);

/* The page, when `pointer` is the address of a slot of this heap with an object in it; else
 * NULL. Any pointer will do. */
OURO_INTERNAL struct gci_page *gci_pages_find(const gc_heap *heap, const void *pointer);

/* Return every segment, in use or not. */
OURO_INTERNAL void gci_pages_free_all(gc_heap *heap);

/* The page's array of site numbers, made when it has none, NULL: no memory; and the end of all
 * arrays. Only while the profiler is on; the page has more than one slot. */
OURO_INTERNAL uint32_t *gci_pages_take_sites(gc_heap *heap, struct gci_page *page);
OURO_INTERNAL void gci_pages_give_all_sites(gc_heap *heap);

/* Where an object's site number stands, or NULL: its page has no array. */
static inline uint32_t *gci_page_site(struct gci_page *page, const void *object)
{
    if (OURO_UNLIKELY(page->slot_size > GCI_SMALL_MAX)) {
        return &page->site;
    }
    uintptr_t address = (uintptr_t)object;
    const struct gci_segment *segment =
        (const struct gci_segment *)(address & ~(uintptr_t)(GCI_SEGMENT_SIZE - 1));
    uint32_t *sites = segment->sites[address >> GCI_PAGE_SHIFT & (GCI_SEGMENT_PAGES - 1)];
    return sites == NULL ? NULL : &sites[gci_page_offset(object) / GCI_SLOT_MIN];
}

/* The profiler's books, by site: inline, for they are kept at every birth and death while it is on.
 */
static inline struct gci_site *gci_site_at(const struct gci_profile *profile, uint32_t number)
{
    return (struct gci_site *)(void *)&profile->sites[number];
}
static inline void gci_site_add(struct gci_profile *profile, uint32_t number, size_t size)
{
    struct gci_site *site = gci_site_at(profile, number);
    site->count++;
    site->bytes += size;
    profile->bytes += size;
    if (profile->bytes > profile->bytes_peak) {
        profile->bytes_peak = profile->bytes;
    }
}
static inline void gci_site_subtract(struct gci_profile *profile, uint32_t number, size_t size)
{
    struct gci_site *site = gci_site_at(profile, number);
    site->count--;
    site->bytes -= size;
    profile->bytes -= size;
}

/* Record a birth at the line that was the latest in its page; false: it is another one. */
static inline bool gci_page_record_again(struct gci_profile *profile, struct gci_page *page,
                                         gc_object *self, const char *where)
{
    uint32_t *place = gci_page_site(page, self);
    if (OURO_UNLIKELY(place == NULL || gci_site_at(profile, page->site)->where != where)) {
        return false;
    }
    *place = page->site;
    self->refs |= OURO_REFS_SITE;
    gci_site_add(profile, page->site, page->slot_size);
    return true;
}

/* The end of an object that has OURO_REFS_SITE. It may bear the flag from before the profiler was
 * stopped or cleared; then it has no number. */
static inline void gci_page_unrecord(struct gci_page *page, const gc_object *self)
{
    const uint32_t *place = gci_page_site(page, self);
    if (place != NULL && *place != 0) {
        gci_site_subtract(page->heap->profile, *place, page->slot_size);
    }
}

/* Where an object was made, "file.c:12", or NULL: it is not on record. A dead one's place is known
 * until its slot is used again. */
OURO_INTERNAL const char *gci_page_where(struct gci_page *page, const gc_object *object);

/* An object, alive or dead, for messages: "node at 0x7f0012345678 (made at file.c:12)". */
struct gci_description {
    char text[200];
};
OURO_INTERNAL struct gci_description gci_page_describe(struct gci_page *page,
                                                       const gc_object *object);

#endif
