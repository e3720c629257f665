/* SPDX-License-Identifier: MIT */

/* Segments.
 *
 * A page that is not in use any more is idle: its memory is kept, for fresh memory has to be
 * cleared by the system. Idle pages stand in a list by the time at which they became so; after
 * gc_config.purge_ns they are purged, that is, their memory goes back to the system, neighbours
 * by one call, while their addresses stay with the segment. The same holds for the segments of
 * large objects, which go whole.
 *
 * The system may put huge pages behind a segment in place of small ones, now or when it finds
 * the time. This saves a full collection up to a third of its time, but puts memory where there
 * was none. So it is asked for them only when memory is behind all pages of a segment, and asked
 * for none before a part of that is purged. */

#include "segments.h"

#include "table.h"

enum {
    HUGE_MINIMUM = 4,            /* segments a heap has before it asks for huge pages */
    PURGE_PAGES = 16,            /* by one call of the system, some 50 us */
    IDLE_LARGE_BYTES = 64 << 20, /* of large segments that are idle */
    FIT_SHARE = 8,               /* of a large segment that may be wasted by its next object */
    SYSTEM_PAGE = 4096,          /* or a multiple, as gci_sys_purge knows */
};
#define ALL_PAGES \
    (GCI_SEGMENT_PAGES == 64 ? ~UINT64_C(0) : (UINT64_C(1) << (GCI_SEGMENT_PAGES & 63)) - 1)

static uint64_t bits_of(size_t index, size_t count)
{
    return (~UINT64_C(0) >> (64 - count)) << index;
}

static size_t index_of(const struct gci_page *page)
{
    return (size_t)(page - gci_segment_of(page)->pages);
}

static char *base_of(struct gci_segment *segment, size_t index)
{
    return (char *)segment + index * GCI_PAGE_SIZE;
}

static bool is_of_system(const gc_heap *heap)
{
    return heap->config.page_source.map == NULL;
}

/* The list of segments with free pages. */

static void link_free_segment(gc_heap *heap, struct gci_segment *segment)
{
    segment->prev_free = NULL;
    segment->next_free = heap->free_segments;
    if (heap->free_segments != NULL) {
        heap->free_segments->prev_free = segment;
    }
    heap->free_segments = segment;
}

static void unlink_free_segment(gc_heap *heap, struct gci_segment *segment)
{
    *(segment->prev_free == NULL ? &heap->free_segments : &segment->prev_free->next_free) =
        segment->next_free;
    if (segment->next_free != NULL) {
        segment->next_free->prev_free = segment->prev_free;
    }
}

/* The lists of idle pages. */

static void append_idle(struct gci_idle *idle, struct gci_page *page)
{
    page->next = NULL;
    page->prev = idle->last;
    *(idle->last == NULL ? &idle->first : &idle->last->next) = page;
    idle->last = page;
}

static void remove_idle(struct gci_idle *idle, const struct gci_page *page)
{
    *(page->prev == NULL ? &idle->first : &page->prev->next) = page->next;
    *(page->next == NULL ? &idle->last : &page->next->prev) = page->prev;
}

/* Pages of a segment that are idle no more. */
static void remove_idle_pages(gc_heap *heap, struct gci_segment *segment, uint64_t bits)
{
    bits &= segment->idle_pages;
    segment->idle_pages &= ~bits;
    for (; bits != 0; bits &= bits - 1) {
        remove_idle(&heap->idle_pages, &segment->pages[gci_lowest_bit(bits)]);
    }
}

static void remove_idle_large(gc_heap *heap, const struct gci_page *page)
{
    remove_idle(&heap->idle_large, page);
    heap->idle_large_bytes -= gci_segment_of(page)->size;
}

/* Segments. */

void gci_segments_give_sites(gc_heap *heap, struct gci_page *page)
{
    if (page->profile.sites != NULL) {
        gci_memory_give(heap, page->profile.sites, GCI_SITES_SIZE);
        heap->profile->bytes_arrays -= GCI_SITES_SIZE;
        page->profile.sites = NULL;
    }
}

void gci_segments_give_all_sites(gc_heap *heap, struct gci_segment *segment)
{
    for (size_t i = 0; i < gci_segment_page_count(segment); i++) {
        struct gci_page *page = &segment->pages[i];
        if (page->record == NULL || page->slot_size <= GCI_SMALL_MAX) {
            gci_segments_give_sites(heap, page);
        } else {
            page->profile.site = 0;
        }
    }
}

/* A segment of `size` bytes, `header` of them for the pages it describes, which are zeroed. */
static struct gci_segment *segment_new(gc_heap *heap, size_t size, size_t header)
{
    if (!gci_table_reserve(heap, &heap->segment_table)) {
        return NULL;
    }
    struct gci_segment *segment = gci_memory_take_zeroed(heap, size, GCI_SEGMENT_SIZE, header);
    if (segment == NULL) {
        return NULL;
    }
    segment->heap = heap;
    segment->size = size;
    segment->prev = heap->last_segment;
    *(heap->last_segment == NULL ? &heap->segments : &heap->last_segment->next) = segment;
    heap->last_segment = segment;
    heap->segment_count++;
    gci_table_put(&heap->segment_table, (uintptr_t)segment >> GCI_SEGMENT_SHIFT, segment);
    return segment;
}

static void segment_free(gc_heap *heap, struct gci_segment *segment)
{
    gci_table_remove(heap, &heap->segment_table, (uintptr_t)segment >> GCI_SEGMENT_SHIFT);
    *(segment->prev == NULL ? &heap->segments : &segment->prev->next) = segment->next;
    *(segment->next == NULL ? &heap->last_segment : &segment->next->prev) = segment->prev;
    heap->segment_count--;
    gci_segments_give_all_sites(heap, segment);
    gci_memory_give(heap, segment, segment->size);
}

/* Return a segment without a page in use. */
static void return_segment(gc_heap *heap, struct gci_segment *segment)
{
    remove_idle_pages(heap, segment, segment->idle_pages);
    unlink_free_segment(heap, segment);
    heap->empty_segments--;
    segment_free(heap, segment);
}

static void return_large(gc_heap *heap, struct gci_page *page)
{
    remove_idle_large(heap, page);
    segment_free(heap, gci_segment_of(page));
}

void gci_segments_return(gc_heap *heap, size_t keep)
{
    while (heap->idle_large.first != NULL) {
        return_large(heap, heap->idle_large.first);
    }
    struct gci_segment *next;
    for (struct gci_segment *segment = heap->free_segments;
         segment != NULL && heap->empty_segments > keep; segment = next) {
        next = segment->next_free;
        if (segment->free_pages == ALL_PAGES) {
            return_segment(heap, segment);
        }
    }
}

void gci_segments_free_all(gc_heap *heap)
{
    while (heap->segments != NULL) {
        segment_free(heap, heap->segments);
    }
}

/* Tell the system whether huge pages are wanted. */
static void advise_huge(const gc_heap *heap, struct gci_segment *segment, enum gci_huge huge)
{
    if (is_of_system(heap) && segment->huge != huge) {
        segment->huge = huge;
        gci_sys_advise_huge(segment, GCI_SEGMENT_SIZE, huge == GCI_HUGE_WANTED);
    }
}

static bool segment_new_of_pages(gc_heap *heap)
{
    struct gci_segment *segment = segment_new(heap, GCI_SEGMENT_SIZE, sizeof(*segment));
    if (segment == NULL) {
        return false;
    }
    segment->pages[0].span = 1;
    segment->free_pages = ALL_PAGES;
    link_free_segment(heap, segment);
    heap->empty_segments++;
    if (heap->segment_count < HUGE_MINIMUM) {
        advise_huge(heap, segment, GCI_HUGE_REFUSED);
    }
    return true;
}

/* Pages. */

static struct gci_page *find_free_pages(const gc_heap *heap, unsigned span, bool whole)
{
    for (struct gci_segment *segment = heap->free_segments; segment != NULL;
         segment = segment->next_free) {
        uint64_t run = whole ? segment->free_pages & ~UINT64_C(1) : segment->free_pages;
        for (unsigned i = 1; i < span; i++) {
            run &= segment->free_pages >> i;
        }
        if (run != 0) {
            uint64_t idle = run & segment->idle_pages;
            return &segment->pages[gci_lowest_bit(idle != 0 ? idle : run)];
        }
    }
    return NULL;
}

struct gci_page *gci_segments_take(gc_heap *heap, unsigned span, bool whole)
{
    struct gci_page *page = find_free_pages(heap, span, whole);
    if (page == NULL && segment_new_of_pages(heap)) {
        page = find_free_pages(heap, span, whole);
    }
    if (page == NULL) {
        return NULL;
    }
    struct gci_segment *segment = gci_segment_of(page);
    uint64_t bits = bits_of(index_of(page), span);
    remove_idle_pages(heap, segment, bits);
    page->span = (uint8_t)span;
    page->base = base_of(segment, index_of(page));
    page->heap = heap;
    page->first = page == segment->pages ? (uint16_t)sizeof(*segment) : 0;
    if (segment->free_pages == ALL_PAGES) {
        heap->empty_segments--;
    }
    segment->free_pages &= ~bits;
    if (segment->free_pages == 0) {
        unlink_free_segment(heap, segment);
    }
    return page;
}

/* An idle segment of `size` bytes, or somewhat more; or NULL. */
static struct gci_page *find_idle_large(const gc_heap *heap, size_t size)
{
    struct gci_page *page = heap->idle_large.last;
    while (page != NULL && (gci_segment_of(page)->size < size ||
                            gci_segment_of(page)->size - size > size / FIT_SHARE)) {
        page = page->prev;
    }
    return page;
}

struct gci_page *gci_segments_take_large(gc_heap *heap, size_t slot_size)
{
    size_t first =
        gci_round_up(offsetof(struct gci_segment, pages) + sizeof(struct gci_page), GCI_ALIGN_MAX);
    struct gci_page *page = find_idle_large(heap, first + slot_size);
    if (page != NULL) {
        remove_idle_large(heap, page);
    } else {
        struct gci_segment *segment = segment_new(heap, first + slot_size, first);
        if (segment == NULL) {
            return NULL;
        }
        page = &segment->pages[0];
    }
    page->base = (char *)gci_segment_of(page);
    page->heap = heap;
    page->first = (uint16_t)first;
    return page;
}

static void give_large(gc_heap *heap, struct gci_page *page)
{
    size_t size = gci_segment_of(page)->size;
    append_idle(&heap->idle_large, page);
    heap->idle_large_bytes += size;
    while (heap->idle_large_bytes > IDLE_LARGE_BYTES) {
        return_large(heap, heap->idle_large.first);
    }
}

void gci_segments_give(gc_heap *heap, struct gci_page *page)
{
    struct gci_segment *segment = gci_segment_of(page);
    segment->frozen = false;
    page->record = NULL;
    page->plain_refs = 0; /* so that a drop of a reference to what was here sees that it is dead */
    if (page->slot_size > GCI_SMALL_MAX) {
        page->profile.sites = NULL;
    }
    if (gci_segment_is_large(segment)) {
        give_large(heap, page);
        return;
    }
    if (segment->free_pages == 0) {
        link_free_segment(heap, segment);
    }
    uint64_t bits = bits_of(index_of(page), page->span);
    segment->free_pages |= bits;
    segment->idle_pages |= bits;
    page->span = 1;
    for (; bits != 0; bits &= bits - 1) {
        struct gci_page *part = &segment->pages[gci_lowest_bit(bits)];
        part->idle_since_ns = page->idle_since_ns;
        append_idle(&heap->idle_pages, part);
    }
    if (segment->free_pages == ALL_PAGES) {
        heap->empty_segments++;
    }
}

void gci_segments_filled(gc_heap *heap, const struct gci_page *page)
{
    struct gci_segment *segment = gci_segment_of(page);
    /* Of an object alone in its pages the last one may be hardly touched. */
    size_t rest = page->slot_size > GCI_SMALL_MAX ? page->slot_size % GCI_PAGE_SIZE : 0;
    size_t count = page->span - (size_t)(rest > 0 && rest < (size_t)GCI_PAGE_SIZE / 8 * 7);
    if (gci_segment_is_large(segment) || count == 0) {
        return;
    }
    segment->filled_pages |= bits_of(index_of(page), count);
    if (segment->filled_pages == ALL_PAGES && heap->segment_count >= HUGE_MINIMUM) {
        advise_huge(heap, segment, GCI_HUGE_WANTED);
    }
}

/* Purge. */

static bool is_due(const struct gci_page *page, uint64_t now, uint64_t age_ns)
{
    return now - page->idle_since_ns >= age_ns;
}

/* The idle pages around one that are due, as a run; they are idle no more. */
static uint64_t take_due(gc_heap *heap, const struct gci_page *page, uint64_t now, uint64_t age_ns)
{
    struct gci_segment *segment = gci_segment_of(page);
    size_t first = index_of(page), end = first + 1;
    while (first > 0 && end - first < PURGE_PAGES && segment->idle_pages >> (first - 1) & 1 &&
           is_due(&segment->pages[first - 1], now, age_ns)) {
        first--;
    }
    while (end < GCI_SEGMENT_PAGES && end - first < PURGE_PAGES && segment->idle_pages >> end & 1 &&
           is_due(&segment->pages[end], now, age_ns)) {
        end++;
    }
    uint64_t run = bits_of(first, end - first);
    remove_idle_pages(heap, segment, run);
    return run;
}

/* The bytes of pages that begin with the lowest of the bits, but for the header of their
 * segment. */
static size_t purge_run(gc_heap *heap, struct gci_segment *segment, uint64_t run)
{
    size_t index = gci_lowest_bit(run), end = gci_highest_bit(run) + 1;
    char *from = base_of(segment, index);
    from += index == 0 ? gci_round_up(sizeof(*segment), SYSTEM_PAGE) : 0;
    size_t size = (size_t)(base_of(segment, end) - from);
    segment->filled_pages &= ~run;
    if (!is_of_system(heap)) {
        return 0;
    }
    advise_huge(heap, segment, GCI_HUGE_REFUSED);
    gci_sys_purge(from, size);
    return size;
}

/* Purge the oldest idle pages, if they are due. false: they are not, or there are none. */
static bool purge_oldest(gc_heap *heap, uint64_t now, uint64_t age_ns, bool may_unmap,
                         size_t *bytes)
{
    struct gci_page *large = heap->idle_large.first, *page = heap->idle_pages.first;
    if (large != NULL && is_due(large, now, age_ns)) {
        *bytes += gci_segment_of(large)->size;
        return_large(heap, large);
        return true;
    }
    if (page == NULL || !is_due(page, now, age_ns)) {
        return false;
    }
    struct gci_segment *segment = gci_segment_of(page);
    uint64_t run = take_due(heap, page, now, age_ns);
    if (may_unmap && segment->free_pages == ALL_PAGES && segment->idle_pages == 0) {
        *bytes += segment->size;
        return_segment(heap, segment);
    } else {
        *bytes += purge_run(heap, segment, run);
    }
    return true;
}

size_t gci_segments_purge(gc_heap *heap, uint64_t age_ns, uint64_t budget_ns, bool may_unmap)
{
    uint64_t start = gci_sys_clock_ns(), now = start;
    size_t bytes = 0;
    while (now - start <= budget_ns && purge_oldest(heap, now, age_ns, may_unmap, &bytes)) {
        now = gci_sys_clock_ns();
    }
    return bytes;
}

size_t gci_segments_clean_bytes(const gc_heap *heap)
{
    size_t pages = 0;
    for (const struct gci_segment *segment = heap->free_segments;
         is_of_system(heap) && segment != NULL; segment = segment->next_free) {
        uint64_t clean = segment->free_pages & ~segment->idle_pages & ~UINT64_C(1);
        for (; clean != 0; clean &= clean - 1) {
            pages++;
        }
    }
    return pages * GCI_PAGE_SIZE;
}
