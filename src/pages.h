/* SPDX-License-Identifier: MIT */
#ifndef OURO_PAGES_H
#define OURO_PAGES_H

/* Segments, pages of one type, slots, large objects, and the bytes they account for. */

#include "segments.h"

/* Whether a gc word has one of the states in a set, which has a bit for each. */
static inline bool gci_is_member(uint32_t members, uint32_t word)
{
    /* The touched bit is in it, too, for shifts by five bits are free. */
    return (members | members << 16) >> (word & 31) & 1;
}

/* The page of an object. */
static inline struct gci_page *gci_page_of(const void *object)
{
    uintptr_t address = (uintptr_t)object;
    uintptr_t segment = address & ~(uintptr_t)(GCI_SEGMENT_SIZE - 1);
    size_t index = address >> GCI_PAGE_SHIFT & (GCI_SEGMENT_PAGES - 1);
    /* &segment->pages[index]; so written, compilers make one shift of two. */
    return (struct gci_page *)(segment + offsetof(struct gci_segment, pages) +
                               index * sizeof(struct gci_page));
}
static inline uint32_t gci_page_offset(const void *object)
{
    return (uint32_t)((uintptr_t)object & (GCI_PAGE_SIZE - 1));
}
static inline gc_object *gci_page_at(const struct gci_page *page, size_t offset)
{
    return (gc_object *)(void *)(page->base + offset);
}

/* The slot that the link in a word leads to; not of a link that ends a chain. And a word with a
 * link to an object. */
static inline gc_object *gci_page_linked(const struct gci_page *page, uint32_t word)
{
    return (gc_object *)(void *)(page->base + (word >> GCI_LINK_SHIFT) * (size_t)8 - 8);
}
static inline uint32_t gci_link_word(const void *object)
{
    /* GCI_LINK << GCI_LINK_SHIFT, the offset being a multiple of 8 */
    return gci_page_offset(object) * 4 + (1u << GCI_LINK_SHIFT);
}

/* Walking the slots that ever were used:
 *     for (size_t offset = page->first, end = gci_page_end(page); offset < end; offset +=
 *     page->slot_size) */
static inline size_t gci_page_end(const struct gci_page *page)
{
    return page->end;
}
static inline bool gci_page_is_slot(const struct gci_page *page, size_t offset)
{
    return offset >= page->first && offset < gci_page_end(page) &&
           (offset - page->first) % page->slot_size == 0;
}
/* Who of the slots from `offset` on, 64 at most, is a member: a bit for each. */
static inline uint64_t gci_page_mask(const struct gci_page *page, uint32_t members, size_t offset,
                                     size_t end)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < 64 && offset < end; i++, offset += page->slot_size) {
        mask |= (uint64_t)gci_is_member(members, gci_page_at(page, offset)->gc) << i;
    }
    return mask;
}

/* Whether members and others seem to alternate at random in a range of slots, where a branch for each
 * would cost more than all the rest. Else that is the fastest. Some pairs of neighbours tell. */
static inline bool gci_page_is_mixed(const struct gci_page *page, uint32_t members, size_t offset,
                                     size_t end)
{
    enum { PAIRS = 16, TURNS = 2 };
    size_t size = page->slot_size, slots = (end - offset) / size;
    size_t step = slots > PAIRS ? slots / PAIRS * size : 0; /* the last pair ends before `end` */
    unsigned turns = 0;
    for (unsigned i = 0; i < PAIRS && step > 0; i++, offset += step) {
        turns += gci_is_member(members, gci_page_at(page, offset)->gc) !=
                 gci_is_member(members, gci_page_at(page, offset + size)->gc);
    }
    return turns >= TURNS;
}

/* Call `act`, to be inlined, for the members in a range of slots. Returns how many they are. */
static OURO_ALWAYS_INLINE unsigned gci_page_each_member(const struct gci_page *page,
                                                        uint32_t members, size_t offset, size_t end,
                                                        void (*act)(gc_object *self, void *context),
                                                        void *context)
{
    unsigned count = 0;
    size_t size = page->slot_size;
    if (!gci_page_is_mixed(page, members, offset, end)) {
        for (; offset < end; offset += size) {
            gc_object *self = gci_page_at(page, offset);
            if (gci_is_member(members, self->gc)) {
                act(self, context);
                count++;
            }
        }
        return count;
    }
    for (; offset < end; offset += 64 * size) {
        uint64_t mask = gci_page_mask(page, members, offset, end);
        for (; mask != 0; mask &= mask - 1, count++) {
            act(gci_page_at(page, offset + gci_lowest_bit(mask) * size), context);
        }
    }
    return count;
}

/* The next stretch of slots in patches with members after the one that ends at `end` (0: the first);
 * empty if there is none. */
OURO_INTERNAL struct gci_run gci_page_next_run(const struct gci_page *page, size_t end);
static inline void gci_page_add_patch(struct gci_page *page, const gc_object *self)
{
    size_t patch = gci_page_offset(self) / GCI_PATCH;
    page->patches[patch / 64] |= UINT64_C(1) << patch % 64;
}

static inline uint32_t gci_page_used(const struct gci_page *page)
{
    return (uint32_t)(page->notice + page->countdown);
}

/* How many slots there are, in use or free. */
static inline size_t gci_page_slots(const struct gci_page *page)
{
    return (page->end - page->first) / page->slot_size;
}

/* Whether something can be born. */
static inline bool gci_page_has_room(const struct gci_page *page)
{
    return page->free != 0 || page->end < page->limit;
}

/* How many slots there can be. */
static inline uint32_t gci_page_capacity(const struct gci_page *page)
{
    return page->slot_size > GCI_SMALL_MAX
               ? 1
               : (GCI_PAGE_SIZE - page->first) / (uint32_t)page->slot_size;
}

/* How many objects are left in a page when it leaves a level of PAGE-2 for the next; level 0 is that of full
 * pages. Of 100 slots: 99, 75, 50, 25, 0. */
static inline uint32_t gci_page_level_end(const struct gci_page *page, unsigned level)
{
    uint32_t capacity = gci_page_capacity(page), free_slots = capacity * level / GCI_LEVELS;
    return capacity - (free_slots > 0 ? free_slots : 1);
}

/* Whether a record has partial pages. */
static inline bool gci_record_has_partial(const struct gci_record *record)
{
    bool has = false;
    for (size_t i = 0; i < GCI_LEVELS; i++) {
        has = has || record->partial[i] != NULL;
    }
    return has;
}

/* Put a slot into the free list. */
static inline void gci_page_push_free(struct gci_page *page, gc_object *slot)
{
    slot->refs = GCI_REFS_DEAD;
    slot->gc = page->free;
    page->free = gci_link_word(slot);
}

/* The size of a slot for a size that has `align`, and the size class. */
OURO_INTERNAL size_t gci_size_class(size_t size, size_t align, unsigned *size_class);

/* Begin and end a walk between whose objects user code runs; pages are pinned meanwhile. Walks nest. */
OURO_INTERNAL void gci_pages_begin_walk(gc_heap *heap, struct gci_walk *walk);
OURO_INTERNAL void gci_pages_end_walk(gc_heap *heap, const struct gci_walk *walk);

/* The end of the slots of a page that a walk visits. */
OURO_INTERNAL size_t gci_pages_walk_end(struct gci_page *page, const struct gci_walk *walk);

/* Whether a birth in a page has to be at its end, for the sake of a walk. */
OURO_INTERNAL bool gci_pages_skips_holes(const gc_heap *heap, struct gci_page *page);

/* A page where objects of `slot_size` bytes of a record can be born: with room, and current for the
 * record. NULL: no memory, and nothing changed. */
OURO_INTERNAL struct gci_page *gci_pages_with_room(gc_heap *heap, struct gci_record *record,
                                                   size_t slot_size);

/* The slot size for objects of a type without a tail. */
static inline size_t gci_page_slot_size(const gc_type *type)
{
    return gci_round_up(gci_larger(type->size, GCI_SLOT_MIN), gci_larger(type->align, 8));
}

/* Whether what a page knows of the type of its objects holds for a type as well. */
OURO_INTERNAL bool gci_page_describes(const struct gci_page *page, const gc_type *type);

/* Give up the current page of a record, which is empty. */
OURO_INTERNAL void gci_pages_leave_current(struct gci_record *record);

/* A page's countdown has reached 0, or would have been below. */
OURO_INTERNAL void gci_page_noticed(struct gci_page *page);

/* Build the free list anew of all slots that are FREE, or have one of the states `members` and are so
 * from now on, in address order: that of fresh pages, and the fastest to use. */
OURO_INTERNAL void gci_page_sort_free(struct gci_page *page, uint32_t members);

/* All objects of a page are gone and its slots are marked dead: begin it anew. */
OURO_INTERNAL void gci_page_reset(struct gci_page *page);

/* Freeze a page that has objects, and keep births out of it. If something is frozen already a page
 * with room stays open to them: a program that freezes again and again would lose a page for each
 * type each time. And the other way, of a page that is frozen or mixed. */
OURO_INTERNAL void gci_page_freeze(struct gci_page *page);
OURO_INTERNAL void gci_page_unfreeze(struct gci_page *page);

/* An object of a page is not frozen, or will not be. */
OURO_INTERNAL void gci_page_mix(struct gci_page *page);

/* Empty the caches of current pages. */
OURO_INTERNAL void gci_pages_forget_current(gc_heap *heap);

/* The same, and empty the list of young pages. */
OURO_INTERNAL void gci_pages_forget_young(gc_heap *heap);

/* Take out of that list the pages that are aged; or those that are not in use, which may stay there, but
 * not when their segment goes. A promotion goes on from where it stands, so that page stays. */
OURO_INTERNAL void gci_pages_prune_young(gc_heap *heap, bool aged);

/* While pinned, no page changes its use and no segment leaves. Pins nest. */
OURO_INTERNAL void gci_pages_pin(gc_heap *heap);
OURO_INTERNAL void gci_pages_unpin(gc_heap *heap);

/* Return empty segments beyond `keep` to the page source, unless pinned. Returns the bytes. */
OURO_INTERNAL size_t gci_pages_trim(gc_heap *heap, size_t keep);

/* Take emptied pages out of use, and return idle ones to the system, by gci_segments_purge: all, or those that
 * are so for gc_config.purge_ns. Not while pinned. Returns the bytes. */
OURO_INTERNAL size_t gci_pages_purge(gc_heap *heap, bool all, uint64_t budget_ns);

/* Take emptied pages out of use; return empty segments beyond what is best kept for later, all of them or
 * a few at a time, and the pages that were idle for gc_config.purge_ns, for a time (see purge_some). */
OURO_INTERNAL void gci_pages_tidy(gc_heap *heap, bool all);

/* Let go of the current pages that hold no object, unless pinned. */
OURO_INTERNAL void gci_pages_drop_idle(gc_heap *heap);

/* All pages in use, in the order of their segments: the one after `page` (NULL: the first); NULL
 * at the end. */
OURO_INTERNAL struct gci_page *gci_pages_next(const gc_heap *heap, struct gci_page *page);

/* The page, when `pointer` is the address of a slot of this heap with an object in it; else
 * NULL. Any pointer will do. */
OURO_INTERNAL struct gci_page *gci_pages_find(const gc_heap *heap, const void *pointer);

/* Make a page's array of site numbers, false: no memory; and the end of all arrays. Only while the
 * profiler is on; the page has more than one slot, and no array yet. */
OURO_INTERNAL bool gci_pages_take_sites(gc_heap *heap, struct gci_page *page);
OURO_INTERNAL void gci_pages_give_all_sites(gc_heap *heap);

/* Where an object's site number stands, or NULL: its page has no array. */
static inline uint32_t *gci_page_site(struct gci_page *page, const void *object)
{
    if (OURO_UNLIKELY(page->slot_size > GCI_SMALL_MAX)) {
        return &page->profile.site;
    }
    uint32_t *sites = page->profile.sites;
    return sites == NULL ? NULL : &sites[gci_page_offset(object) / GCI_SLOT_MIN];
}

/* The profiler's books, by site: inline, for they are kept at every birth and death while it is on.
 */
static inline struct gci_site *gci_site_at(const struct gci_profile *profile, uint32_t number)
{
    return (struct gci_site *)(void *)&profile->sites[number];
}
static inline void gci_site_count(struct gci_profile *profile, struct gci_site *site, size_t size)
{
    site->count++;
    profile->bytes += size;
    if (profile->bytes > profile->bytes_peak) {
        profile->bytes_peak = profile->bytes;
    }
}
static inline void gci_site_add(struct gci_profile *profile, struct gci_site *site, size_t size)
{
    gci_site_count(profile, site, size);
    if (OURO_UNLIKELY(site->size == 0)) {
        site->bytes += size;
    }
}

/* Record a birth in a page of many, at the line that was the latest of its record; false: it is
 * another one. The object has OURO_REFS_SITE already. */
static inline bool gci_page_record_again(struct gci_profile *profile, struct gci_page *page,
                                         const gc_object *self, const char *where)
{
    uint32_t *sites = page->profile.sites;
    uint32_t number = page->record->site;
    struct gci_site *site = gci_site_at(profile, number);
    if (OURO_UNLIKELY(sites == NULL || site->where != where)) {
        return false;
    }
    sites[gci_page_offset(self) / GCI_SLOT_MIN] = number;
    gci_site_count(profile, site, page->slot_size);
    return true;
}

/* The end of an object that has OURO_REFS_SITE. It may bear the flag from before the profiler was
 * stopped or cleared; then it has no number. */
static inline void gci_page_unrecord(struct gci_page *page, const gc_object *self)
{
    struct gci_profile *profile = page->heap->profile;
    const uint32_t *place = gci_page_site(page, self);
    if (place != NULL && *place != 0) {
        struct gci_site *site = gci_site_at(profile, *place);
        site->count--;
        profile->bytes -= page->slot_size;
        if (OURO_UNLIKELY(page->slot_size > GCI_SMALL_MAX)) { /* smaller ones are all of a size */
            site->bytes -= page->slot_size;
        }
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
