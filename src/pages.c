/* SPDX-License-Identifier: MIT */

/* Pages.
 *
 * A record's objects are born in its current page. A page that is full is left alone until a
 * quarter of it is free again: young objects spread over a few holes in many pages would cost a
 * collection many times the walking. It is used before, if there is no memory for another page.
 * Of the partial pages the fullest are used first, so that the others become empty. An empty
 * page goes back to its segment, an empty segment to the page source, but the latter never in
 * the middle of a decref and neither while somebody walks the pages: until then it waits in the
 * list of emptied pages. */

#include "pages.h"

#include "table.h"

size_t gci_size_class(size_t size, size_t align, unsigned *size_class)
{
    size = gci_round_up(size < GCI_SLOT_MIN ? GCI_SLOT_MIN : size, 8);
    if (size > GCI_SMALL_MAX) {
        *size_class = GCI_CLASS_LARGE;
    } else if (size <= 64) {
        *size_class = (unsigned)size / 8;
    } else {
        /* Eight classes from each power of two to the next: at most an eighth is wasted. */
        unsigned shift = gci_highest_bit(size - 1) - 3;
        unsigned step = (unsigned)((size - 1) >> shift) - 8;
        *size_class = 9 + (shift - 3) * 8 + step;
        size = (size_t)(step + 9) << shift;
    }
    return gci_round_up(size, align);
}

bool gci_pages_take_sites(gc_heap *heap, struct gci_page *page)
{
    uint32_t *sites = gci_memory_take(heap, GCI_SITES_SIZE, GCI_ALIGN_MAX);
    if (sites != NULL) {
        memset(sites, 0, GCI_SITES_SIZE);
        heap->profile->bytes_arrays += GCI_SITES_SIZE;
        page->profile.sites = sites;
    }
    return sites != NULL;
}

void gci_pages_give_all_sites(gc_heap *heap)
{
    for (struct gci_segment *segment = heap->segments; segment != NULL; segment = segment->next) {
        gci_segments_give_all_sites(heap, segment);
    }
}

const char *gci_page_where(struct gci_page *page, const gc_object *object)
{
    const struct gci_profile *profile = page->heap->profile;
    const uint32_t *number = gci_page_site(page, object);
    bool on_record = profile != NULL && ((object->refs & OURO_REFS_SITE) ||
                                         (GCI_IS_DEAD(object->refs) && !profile->swept));
    if (number == NULL || *number == 0 || !on_record) {
        return NULL;
    }
    return gci_site_at(profile, *number)->where;
}

struct gci_description gci_page_describe(struct gci_page *page, const gc_object *object)
{
    struct gci_description description;
    const char *where = gci_page_where(page, object);
    (void)snprintf(description.text, sizeof(description.text),
                   where == NULL ? "%.80s at %p" : "%.80s at %p (made at %.80s)",
                   page->type == NULL ? "an object" : page->type->name, (const void *)object,
                   where);
    return description;
}

static unsigned duties_of(const gc_type *type, size_t slot_size)
{
    unsigned duties = 0;
    duties |= type->finalize != NULL ? GCI_DUTY_FINALIZE : 0;
    duties |= type->clear != NULL ? GCI_DUTY_CLEAR : 0;
    duties |= type->destroy != NULL ? GCI_DUTY_DESTROY : 0;
    duties |= type->traverse != NULL ? GCI_DUTY_TRAVERSE : 0;
    for (size_t i = 0; type->refs != NULL && i < type->refs->count; i++) {
        unsigned kind = type->refs->fields[i].kind;
        bool is_long = kind == GC_FIELD_BUFFER || slot_size > GCI_SMALL_MAX;
        if (kind != GC_FIELD_REF) {
            duties |= GCI_DUTY_ARRAYS | (is_long ? GCI_DUTY_LONG : 0);
        }
    }
    return duties;
}

/* Walks, and what is born in them. */

static struct gci_births *births_of(struct gci_page *page)
{
    struct gci_segment *segment = gci_segment_of(page);
    return &segment->births[page - segment->pages];
}

/* Numbers begin anew before there are none left. */
static void forget_births(gc_heap *heap)
{
    heap->walk_count = 0;
    for (struct gci_page *page = NULL; (page = gci_pages_next(heap, page)) != NULL;) {
        *births_of(page) = (struct gci_births){ 0 };
    }
}

void gci_pages_begin_walk(gc_heap *heap, struct gci_walk *walk)
{
    if (heap->walk == NULL && heap->walk_count > UINT32_MAX / 2) {
        forget_births(heap);
    }
    *walk = (struct gci_walk){ .number = ++heap->walk_count, .outer = heap->walk };
    heap->walk = walk;
    gci_pages_forget_current(heap); /* births have to come by here */
}

void gci_pages_end_walk(gc_heap *heap, const struct gci_walk *walk)
{
    heap->walk = walk->outer;
}

size_t gci_pages_walk_end(struct gci_page *page, const struct gci_walk *walk)
{
    const struct gci_births *births = births_of(page);
    if (walk->number == 0) {
        return page->end;
    }
    if (births->taken_in >= walk->number) {
        return page->first;
    }
    return births->noted_in >= walk->number ? births->end : page->end;
}

bool gci_pages_skips_holes(const gc_heap *heap, struct gci_page *page)
{
    return heap->walk != NULL && births_of(page)->taken_in < heap->walk->number;
}

/* Whether a page has room for a birth that keeps WALK-1. It has none if an outer walk relies on
 * what was noted before. Notes where the end of an older page is before the first birth. */
static bool has_room(const gc_heap *heap, struct gci_page *page)
{
    struct gci_births *births = births_of(page);
    if (!gci_pages_skips_holes(heap, page)) {
        return gci_page_has_room(page);
    }
    if (page->end >= page->limit || births->noted_in >= heap->walk->number) {
        return page->end < page->limit;
    }
    for (const struct gci_walk *walk = heap->walk; walk != NULL; walk = walk->outer) {
        if (births->taken_in < walk->number && walk->number <= births->noted_in) {
            return false;
        }
    }
    births->noted_in = heap->walk->number;
    births->end = (uint32_t)page->end;
    return true;
}

/* What the fields of a type without any point to. */
static const gc_field no_field;

/* What a page says of the type and the slots of its objects. */
static void describe_type(struct gci_page *page, const gc_type *type, size_t slot_size)
{
    size_t align = gci_larger(type->align, 8);
    bool is_young = type->refs != NULL || type->traverse != NULL;
    bool declared = type->refs != NULL && type->refs->count > 0;
    bool is_short = slot_size <= OURO_SHORT_MAX && type->item_size == 0;
    page->slot_size = slot_size;
    page->type = type;
    page->birth = is_young ? GCI_YOUNG : GCI_LEAF;
    page->shape = is_short ? OURO_SHAPE(slot_size, align, is_young) : 0;
    page->fields = declared ? type->refs->fields : &no_field;
    page->field_count = declared ? (uint16_t)type->refs->count : 0;
    page->duties = (uint8_t)duties_of(type, slot_size);
    bool near = page->duties == 0 && page->field_count <= 2 && type->size <= GCI_PAGE_SIZE;
    page->is_near = near;
    page->plain_refs = near ? GCI_REFS_NONE : 0;
    page->near_mask = page->field_count == 0 ? 0 : UINT32_MAX;
    page->near[0] = near ? (uint16_t)page->fields[0].offset : 0;
    page->near[1] = near && declared ? (uint16_t)page->fields[page->field_count - 1].offset : 0;
}

static struct gci_page *take_pages(gc_heap *heap, size_t slot_size)
{
    size_t span = (slot_size + GCI_PAGE_SIZE - 1) / GCI_PAGE_SIZE;
    return span > GCI_SPAN_PAGES
               ? gci_segments_take_large(heap, slot_size)
               : gci_segments_take(heap, (unsigned)span, slot_size > GCI_SMALL_MAX);
}

/* A fresh page for a record's objects. */
static struct gci_page *page_new(gc_heap *heap, struct gci_record *record, size_t slot_size)
{
    bool is_alone = slot_size > GCI_SMALL_MAX;
    struct gci_page *page = take_pages(heap, slot_size);
    if (page == NULL && gci_pages_trim(heap, 0) > 0) { /* memory is short, and some was kept */
        page = take_pages(heap, slot_size);
    }
    if (page == NULL) {
        return NULL;
    }
    *births_of(page) =
        (struct gci_births){ .taken_in = heap->walk == NULL ? 0 : heap->walk->number };
    const gc_type *type = record->type;
    page->first = (uint16_t)gci_round_up(page->first, gci_larger(type->align, 8));
    if (is_alone) {
        gci_segments_give_sites(heap, page);
        page->profile.site = 0;
    }
    page->in_hand = false; /* CYCLE-3 */
    page->end = page->first;
    page->free = 0;
    page->sorted = 0;
    page->chain = 0;
    page->chained = false;
    page->suspects = 0;
    page->zombies = 0;
    page->frozen = page->mixed = gci_segment_of(page)->frozen = false;
    page->notice = GCI_NOTICE_NEVER;
    page->countdown = 1;
    describe_type(page, type, slot_size);
    page->limit = page->first + (gci_page_capacity(page) - 1) * (uint32_t)slot_size + 1;
    page->record = record;
    return page;
}

/* The lists of partial and of emptied pages, both through next and prev. */

static void link_page(struct gci_page **list, struct gci_page *page)
{
    page->prev = NULL;
    page->next = *list;
    if (*list != NULL) {
        (*list)->prev = page;
    }
    *list = page;
}

static void unlink_page(struct gci_page **list, struct gci_page *page)
{
    *(page->prev == NULL ? list : &page->prev->next) = page->next;
    if (page->next != NULL) {
        page->next->prev = page->prev;
    }
}

static void page_empty(struct gci_page *page)
{
    gc_heap *heap = page->heap;
    page->idle_since_ns = gci_sys_clock_ns();
    if (heap->pinned > 0 || page->in_ending || gci_segment_is_large(gci_segment_of(page))) {
        page->emptied = true;
        link_page(&heap->emptied_pages, page);
    } else {
        gci_segments_give(heap, page);
    }
}

bool gci_page_describes(const struct gci_page *page, const gc_type *type)
{
    struct gci_page other;
    describe_type(&other, type, type->item_size == 0 ? gci_page_slot_size(type) : page->slot_size);
    return page->slot_size == other.slot_size && page->first % gci_larger(type->align, 8) == 0 &&
           page->birth == other.birth && page->shape == other.shape &&
           page->fields == other.fields && page->field_count == other.field_count &&
           page->duties == other.duties && page->is_near == other.is_near &&
           page->near[0] == other.near[0] && page->near[1] == other.near[1];
}

void gci_pages_leave_current(struct gci_record *record)
{
    struct gci_page *page = record->current;
    record->current = NULL;
    gci_pages_forget_current(page->heap);
    page_empty(page);
}

/* Have a page noticed when so many of its objects are left. */
static void set_notice(struct gci_page *page, int notice)
{
    page->countdown = (uint16_t)((int)gci_page_used(page) - notice);
    page->notice = (int16_t)notice;
}

static void leave_level(struct gci_page *page)
{
    if (page->level > 0) {
        unlink_page(&page->record->partial[page->level - 1], page);
        page->level = 0;
    }
}

/* Put a page that is not current where it belongs by the number of its objects (PAGE-2). */
void gci_page_noticed(struct gci_page *page)
{
    uint32_t used = (uint16_t)gci_page_used(page); /* the countdown may have passed 0 */
    unsigned level = 0;
    leave_level(page);
    while (level < GCI_LEVELS && used <= gci_page_level_end(page, level)) {
        level++;
    }
    set_notice(page, used == 0 ? 0 : (int)gci_page_level_end(page, level));
    if (level == 0) {
        gci_segments_filled(page->heap, page);
    }
    if (used == 0) {
        page_empty(page);
    } else if (level > 0) {
        page->level = (uint8_t)level;
        link_page(&page->record->partial[level - 1], page);
    }
}

void gci_page_reset(struct gci_page *page)
{
    page->free = 0;
    page->end = page->first;
    if (page != page->record->current) {
        page->notice = 0;
        page->countdown = 0;
        gci_page_noticed(page);
    } else {
        page->countdown = 1;
    }
}

/* The first patch from `patch` on that has members, or has none, as `with` says. */
static size_t find_patch(const struct gci_page *page, size_t patch, bool with)
{
    enum { PATCHES = GCI_PAGE_SIZE / GCI_PATCH };
    while (patch < PATCHES) {
        uint64_t word = page->patches[patch / 64];
        word = (with ? word : ~word) >> patch % 64;
        if (word != 0) {
            return patch + gci_lowest_bit(word);
        }
        patch = (patch / 64 + 1) * 64;
    }
    return PATCHES;
}

/* The first slot that begins in a patch or later. */
static size_t slot_from(const struct gci_page *page, size_t patch)
{
    size_t start = patch * GCI_PATCH, size = page->slot_size, end = gci_page_end(page);
    size_t before = start < page->first ? 0 : (start - page->first + size - 1) / size;
    size_t slot = page->first + before * size;
    return slot < end ? slot : end;
}

struct gci_run gci_page_next_run(const struct gci_page *page, size_t end)
{
    if (end >= gci_page_end(page)) {
        return (struct gci_run){ end, end };
    }
    size_t patch = find_patch(page, end / GCI_PATCH, true);
    return (struct gci_run){ slot_from(page, patch),
                             slot_from(page, find_patch(page, patch, false)) };
}

/* The free list anew. Where `mixed`, it is not to be foretold which slots are free, so there is
 * no branch: what is not is written to the side. */
static OURO_ALWAYS_INLINE uint32_t list_free(struct gci_page *page, uint32_t members, bool mixed)
{
    uint32_t free = 0;
    gc_object aside;
    for (size_t offset = gci_page_end(page), size = page->slot_size; offset > page->first;) {
        offset -= size;
        gc_object *slot = gci_page_at(page, offset);
        bool is_free = gci_is_member(members | 1u << GCI_FREE, slot->gc);
        if (OURO_UNLIKELY((slot->refs & OURO_REFS_SITE) && gci_is_member(members, slot->gc))) {
            gci_page_unrecord(page, slot);
        }
        if (mixed || is_free) {
            gc_object *place = (gc_object *)gci_select(is_free, (uintptr_t)slot, (uintptr_t)&aside);
            *place = (gc_object){ GCI_REFS_DEAD, free };
            free = (uint32_t)gci_select(is_free, gci_link_word(slot), free);
        }
    }
    return free;
}

void gci_page_sort_free(struct gci_page *page, uint32_t members)
{
    bool mixed = gci_page_is_mixed(page, members | 1u << GCI_FREE, page->first, gci_page_end(page));
    page->free = mixed ? list_free(page, members, true) : list_free(page, members, false);
}

/* A page with room of a record, of the partial ones from level `first` to `last`; the fullest,
 * so that the others become empty. */
static struct gci_page *take_partial(const gc_heap *heap, struct gci_record *record, unsigned first,
                                     unsigned last)
{
    enum { TRIES = 8 }; /* the first has room, but in walks */
    struct gci_page *page = NULL;
    for (unsigned level = first, tries = 0; page == NULL && level <= last; level++) {
        page = record->partial[level - 1];
        for (; page != NULL && !has_room(heap, page); tries++) {
            page = tries < TRIES ? page->next : NULL;
        }
    }
    if (page != NULL) {
        leave_level(page);
        set_notice(page, GCI_NOTICE_NEVER);
        if (page->sorted != (uint8_t)gci_page_used(page)) {
            gci_page_sort_free(page, 0);
        }
    }
    return page;
}

void gci_page_freeze(struct gci_page *page)
{
    struct gci_record *record = page->record;
    bool is_current = page == record->current;
    page->frozen = true;
    page->mixed = false;
    if (page->heap->pacing.frozen > 0 &&
        (page->level > 0 || (is_current && gci_page_has_room(page)))) {
        return;
    }
    if (is_current) {
        record->current = NULL;
    }
    leave_level(page);
    set_notice(page, (int)gci_page_used(page) / 4);
}

void gci_page_unfreeze(struct gci_page *page)
{
    page->frozen = page->mixed = gci_segment_of(page)->frozen = false;
    if (page != page->record->current && page->level == 0) {
        gci_page_noticed(page);
    }
}

void gci_page_mix(struct gci_page *page)
{
    if (page->frozen) {
        page->frozen = gci_segment_of(page)->frozen = false;
        page->mixed = true;
    }
}

/* A page to be the current one of a record. One that is nearly full is worth its walking only
 * where there is no other. */
static struct gci_page *take_page(gc_heap *heap, struct gci_record *record, size_t slot_size)
{
    gci_pages_tidy(heap, false);
    struct gci_page *page = take_partial(heap, record, 2, GCI_LEVELS);
    page = page == NULL ? page_new(heap, record, slot_size) : page;
    return page == NULL ? take_partial(heap, record, 1, 1) : page;
}

struct gci_page *gci_pages_with_room(gc_heap *heap, struct gci_record *record, size_t slot_size)
{
    struct gci_page *page = record->current;
    if (page == NULL || !has_room(heap, page)) {
        page = take_page(heap, record, slot_size);
        if (page == NULL) {
            return NULL;
        }
        if (record->current != NULL) {
            gci_page_noticed(record->current);
        }
        record->current = page;
        record->seen = *record->type;
    }
    if (slot_size > GCI_SMALL_MAX) { /* it has room for no other */
        gci_segments_filled(heap, page);
        set_notice(page, 0);
        record->current = NULL;
    }
    if (page->birth == GCI_YOUNG && !page->young) {
        page->young = true;
        page->next_young = heap->young_pages;
        heap->young_pages = page;
    }
    page->aged = false;
    gci_page_mix(page);
    return page;
}

static void empty_places(gc_heap *heap, struct ouro_page **pages)
{
    for (size_t i = 0; i < OURO_PLACES; i++) {
        pages[i] = &heap->no_page.known;
    }
}

void gci_pages_forget_current(gc_heap *heap)
{
    empty_places(heap, heap->pages);
    if (heap->profile != NULL) {
        empty_places(heap, heap->profile->pages);
    }
}

void gci_pages_forget_young(gc_heap *heap)
{
    gci_pages_forget_current(heap);
    while (heap->young_pages != NULL) {
        heap->young_pages->young = false;
        heap->young_pages = heap->young_pages->next_young;
    }
}

void gci_pages_prune_young(gc_heap *heap, bool aged)
{
    for (struct gci_page **link = &heap->young_pages; *link != NULL;) {
        struct gci_page *page = *link;
        if (aged ? page->aged : page->record == NULL && !page->in_hand) {
            page->young = false;
            *link = page->next_young;
        } else {
            link = &page->next_young;
        }
    }
}

void gci_pages_pin(gc_heap *heap)
{
    heap->pinned++;
}

void gci_pages_unpin(gc_heap *heap)
{
    heap->pinned--;
}

/* Whether a page may be taken out of use. A large object's may not while a cycle may come by it, since
 * its segment would leave (CYCLE-4). */
static bool may_leave(const struct gci_page *page)
{
    bool is_awaited = page->in_hand || page->in_suspect_pages;
    return !page->in_ending && !(is_awaited && gci_segment_is_large(gci_segment_of(page)));
}

/* Take the pages in the list of emptied ones out of use. */
static void give_emptied(gc_heap *heap)
{
    struct gci_page *next;
    for (struct gci_page *page = heap->emptied_pages; page != NULL; page = page->next) {
        page->record = may_leave(page) ? NULL : page->record;
    }
    gci_pages_prune_young(heap, false);
    for (struct gci_page *page = heap->emptied_pages; page != NULL; page = next) {
        next = page->next;
        if (page->record == NULL) {
            page->emptied = false;
            unlink_page(&heap->emptied_pages, page);
            gci_segments_give(heap, page);
        }
    }
}

size_t gci_pages_trim(gc_heap *heap, size_t keep)
{
    size_t before = heap->bytes_reserved;
    if (heap->pinned > 0) {
        return 0;
    }
    if (heap->emptied_pages != NULL) {
        give_emptied(heap);
    }
    keep = heap->in_cycle ? SIZE_MAX : keep; /* CYCLE-4 */
    if (heap->empty_segments > keep) {
        gci_pages_prune_young(heap, false);
    }
    gci_segments_return(heap, keep);
    return before - heap->bytes_reserved;
}

size_t gci_pages_purge(gc_heap *heap, bool all, uint64_t budget_ns)
{
    if (heap->pinned > 0) {
        return 0;
    }
    if (heap->emptied_pages != NULL) {
        give_emptied(heap);
    }
    if (!gci_segments_has_idle(heap) || (!all && heap->config.purge_ns == SIZE_MAX)) {
        return 0;
    }
    bool may_unmap = !heap->in_cycle; /* CYCLE-4 */
    if (may_unmap && heap->empty_segments > 0) {
        gci_pages_prune_young(heap, false);
    }
    return gci_segments_purge(heap, all ? 0 : heap->config.purge_ns, budget_ns, may_unmap);
}

/* Purge while a birth waits: for an eighth of the time since the last purge, but no more than a
 * millisecond, and not before that is worth while. So a program that seldom comes by gives its
 * memory back, too. */
static void purge_some(gc_heap *heap)
{
    enum { SHARE = 8, LEAST_NS = 100000, MOST_NS = 1000000 };
    if (!gci_segments_has_idle(heap)) {
        return; /* speed only: the clock takes longer */
    }
    uint64_t budget = (gci_sys_clock_ns() - heap->purge_end_ns) / SHARE;
    budget = budget < MOST_NS ? budget : MOST_NS;
    if (budget >= LEAST_NS && gci_pages_purge(heap, false, budget) > 0) {
        heap->purge_end_ns = gci_sys_clock_ns();
    }
}

void gci_pages_tidy(gc_heap *heap, bool all)
{
    if (heap->pinned > 0) {
        return;
    }
    if (heap->emptied_pages != NULL) {
        give_emptied(heap);
    }
    /* As many idle segments as there are in use, and one: what was dropped at once is often built
     * again, and fresh memory has to be cleared by the system. */
    size_t spare = heap->segment_count - heap->empty_segments + 1;
    if (heap->empty_segments > spare) {
        /* One takes the system a good part of a millisecond. */
        (void)gci_pages_trim(heap, all ? spare : heap->empty_segments - 1);
    }
    purge_some(heap);
}

void gci_pages_drop_idle(gc_heap *heap)
{
    if (heap->pinned > 0) {
        return;
    }
    for (struct gci_records *block = heap->records; block != NULL; block = block->next) {
        for (size_t i = 0; i < block->used; i++) {
            struct gci_page *current = block->records[i].current;
            if (current != NULL && gci_page_used(current) == 0) {
                block->records[i].current = NULL;
                page_empty(current);
            }
        }
    }
    gci_pages_forget_current(heap);
}

struct gci_page *gci_pages_next(const gc_heap *heap, struct gci_page *page)
{
    struct gci_segment *segment = heap->segments;
    size_t index = 0;
    if (page != NULL) {
        segment = gci_segment_of(page);
        index = (size_t)(page - segment->pages) + (page->span == 0 ? 1 : page->span);
    }
    for (; segment != NULL; segment = segment->next, index = 0) {
        for (; index < gci_segment_page_count(segment); index++) {
            if (segment->pages[index].record != NULL) {
                return &segment->pages[index];
            }
        }
    }
    return NULL;
}

struct gci_page *gci_pages_find(const gc_heap *heap, const void *pointer)
{
    uintptr_t number = (uintptr_t)pointer >> GCI_SEGMENT_SHIFT;
    struct gci_segment *segment = number == 0 ? NULL : gci_table_get(&heap->segment_table, number);
    struct gci_page *page = gci_page_of(pointer);
    size_t offset = gci_page_offset(pointer);
    bool is_object = segment != NULL &&
                     (page == segment->pages || !gci_segment_is_large(segment)) &&
                     page->record != NULL && gci_page_is_slot(page, offset) &&
                     (gci_page_at(page, offset)->gc & GCI_STATE_MASK) != GCI_FREE;
    return is_object ? page : NULL;
}
