/* SPDX-License-Identifier: MIT */
#ifndef OURO_SEGMENTS_H
#define OURO_SEGMENTS_H

/* Segments of pages and of large objects, from the page source and back. */

#include "memory.h"

static inline struct gci_segment *gci_segment_of(const struct gci_page *page)
{
    return (struct gci_segment *)((uintptr_t)page & ~(uintptr_t)(GCI_SEGMENT_SIZE - 1));
}

/* Whether a segment is that of one large object. */
static inline bool gci_segment_is_large(const struct gci_segment *segment)
{
    return segment->pages[0].span == 0;
}

static inline size_t gci_segment_page_count(const struct gci_segment *segment)
{
    return gci_segment_is_large(segment) ? 1 : GCI_SEGMENT_PAGES;
}

/* Take `span` free pages side by side, as one page; idle ones rather than clean ones. `whole`:
 * not the first of a segment, which is shorter by the segment's header. NULL: no memory. */
OURO_INTERNAL struct gci_page *gci_segments_take(gc_heap *heap, unsigned span, bool whole);

/* Take a segment for one large object, an idle one that is hardly larger if there is one. NULL:
 * no memory. */
OURO_INTERNAL struct gci_page *gci_segments_take_large(gc_heap *heap, size_t slot_size);

/* Give back what one of the two has returned: it is idle, since its idle_since_ns. If too many
 * bytes of large segments are idle, the oldest ones return to the page source. */
OURO_INTERNAL void gci_segments_give(gc_heap *heap, struct gci_page *page);

/* Take note that memory was written to all over a page. */
OURO_INTERNAL void gci_segments_filled(gc_heap *heap, const struct gci_page *page);

/* Return to the page source the large segments that are idle, and the others without a page in
 * use but for `keep` of these. */
OURO_INTERNAL void gci_segments_return(gc_heap *heap, size_t keep);

/* Return idle pages to the system, the oldest first, and none that is idle for less than
 * `age_ns`, until `budget_ns` are over. Whole segments are returned to the page source, those of
 * pages only if `may_unmap`; the heap's list of young pages has none of them then. Pages of a
 * page source of the program stay until their segment goes. Returns the bytes. */
OURO_INTERNAL size_t gci_segments_purge(gc_heap *heap, uint64_t age_ns, uint64_t budget_ns,
                                        bool may_unmap);
static inline bool gci_segments_has_idle(const gc_heap *heap)
{
    return heap->idle_pages.first != NULL || heap->idle_large.first != NULL;
}

/* The bytes of clean pages, which the system has no memory behind (PAGE-3). */
OURO_INTERNAL size_t gci_segments_clean_bytes(const gc_heap *heap);

/* Return every segment, in use or not. */
OURO_INTERNAL void gci_segments_free_all(gc_heap *heap);

/* Return the array of site numbers of a page, and those of all pages of a segment. A page that
 * is not in use may still have its array, for its next use. */
OURO_INTERNAL void gci_segments_give_sites(gc_heap *heap, struct gci_page *page);
OURO_INTERNAL void gci_segments_give_all_sites(gc_heap *heap, struct gci_segment *segment);

#endif
