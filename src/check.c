/* SPDX-License-Identifier: MIT */

/* The checker: walks a heap and names the first invariant of layout.h that does not hold. */

#include "collect.h"
#include "table.h"

struct totals {
    size_t young_objects;
    size_t bytes_live;
    size_t young_pages;
    size_t weak_targets; /* objects with OURO_REFS_WEAK */
    size_t weak_alive;   /* gc_weak with a target */
    size_t watchers;
};

#define FAIL(heap, ...) (gci_panic((heap), "ouro: gc_check: " __VA_ARGS__), false)

/* Two counts are the same; else the message, which has both. */
#define SAME(heap, a, b, message) ((a) == (b) || FAIL(heap, message, a, b))

static bool check_free_list(const struct gci_page *page, uint32_t free_slots)
{
    uint32_t length = 0;
    for (uint32_t head = page->free; head != 0; length++) {
        gc_object *slot = gci_page_linked(page, head);
        size_t offset = gci_page_offset(slot);
        if ((head & GCI_STATE_MASK) != 0 || slot != gci_page_at(page, offset) ||
            !gci_page_is_slot(page, offset) || gci_state_of(slot) != GCI_FREE ||
            length == free_slots) {
            return FAIL(page->heap, "PAGE-1: the free list of a page of %s is broken",
                        page->type->name);
        }
        head = slot->gc;
    }
    if (length != free_slots || gci_page_used(page) != gci_page_slots(page) - free_slots) {
        return FAIL(
            page->heap,
            "PAGE-1: a page of %s has %u free slots, %u of them in its list, and %u objects",
            page->type->name, free_slots, length, gci_page_used(page));
    }
    return true;
}

/* Whether a page that is partial or emptied is in the list that begins with `first`. */
static bool is_in_list(const struct gci_page *page, const struct gci_page *first)
{
    return page == (page->prev == NULL ? first : page->prev->next) &&
           (page->next == NULL || page->next->prev == page);
}

/* Whether a page that is in use, neither current nor frozen, is at the level of its number of objects. */
static bool is_at_level(const struct gci_page *page)
{
    uint32_t used = gci_page_used(page), level = page->level;
    struct gci_page *first = level == 0 ? NULL : page->record->partial[level - 1];
    bool listed = level == 0 || (is_in_list(page, first) && first->record == page->record);
    return listed && page->notice == (int)gci_page_level_end(page, level) && page->countdown > 0 &&
           used <= (level == 0 ? gci_page_capacity(page) : gci_page_level_end(page, level - 1));
}

/* Whether a page was closed to births when it was frozen. */
static bool is_closed(const struct gci_page *page)
{
    size_t most = page->mixed ? SIZE_MAX : gci_page_slots(page) / 4;
    return (page->frozen || page->mixed) && page->level == 0 && page->countdown > 0 &&
           page->notice >= 0 && (size_t)page->notice <= most;
}

static bool check_use(const struct gci_page *page)
{
    const struct gci_record *record = page->record;
    uint32_t used = gci_page_used(page);
    bool right;
    if (page->emptied) {
        right = used == 0 && page->level == 0 && is_in_list(page, page->heap->emptied_pages);
    } else if (page == record->current) {
        right = page->level == 0 && page->notice == GCI_NOTICE_NEVER;
    } else {
        right = is_at_level(page) || is_closed(page);
    }
    return right || FAIL(page->heap, "PAGE-2: a page of %s is in a list where it does not belong",
                         page->type->name);
}

/* The states that an object of a page may have. */
static uint32_t legal_states(const struct gci_page *page)
{
    const gc_heap *heap = page->heap;
    uint32_t any = 1u << GCI_FREE | 1u << GCI_DYING;
    if (page->birth == GCI_LEAF) {
        return any | 1u << GCI_LEAF;
    }
    uint32_t doomed = 1u << GCI_DOOMED | 1u << GCI_DOOMED_OLD | 1u << GCI_DOOMED_YOUNG;
    return any | 1u << GCI_SAVED | 1u << GCI_FROZEN | 1u << heap->old |
           (page->young ? 1u << GCI_YOUNG : 0) |
           (heap->busy > 1 || gci_is_ending(heap) ? doomed : 0); /* gc_check holds once itself */
}

static bool check_object(const struct gci_page *page, const gc_object *self)
{
    enum gci_state state = gci_state_of(self);
    bool dead = GCI_IS_DEAD(self->refs);
    if (!gci_is_member(legal_states(page), self->gc)) {
        return FAIL(page->heap, "%s: %s at %p has state %d",
                    state == GCI_YOUNG && page->birth == GCI_YOUNG ? "GEN-2" : "OBJ-1",
                    page->type->name, (const void *)self, (int)state);
    }
    bool aside = !gci_is_member(GCI_ALIVE, self->gc) || state == GCI_SAVED || state == GCI_DOOMED;
    bool may_be = state == GCI_FROZEN ? page->frozen || page->mixed : !page->frozen;
    if (page->birth == GCI_YOUNG && !aside && !may_be) {
        return FAIL(page->heap, "FROZEN-1: %s at %p has state %d, and its page is%s frozen",
                    page->type->name, (const void *)self, (int)state, page->frozen ? "" : " not");
    }
    if (dead ? state != GCI_FREE && state != GCI_DYING
             : state == GCI_FREE || self->refs >= GCI_REFS_NONE) {
        return FAIL(page->heap, "OBJ-1: %s at %p has a count that does not go with state %d",
                    page->type->name, (const void *)self, (int)state);
    }
    if (state != GCI_FREE && self->gc / GCI_SCRATCH != 0) {
        return FAIL(page->heap, "OBJ-1: %s at %p has a scratch count left", page->type->name,
                    (const void *)self);
    }
    return true;
}

static bool check_weak(gc_weak *weak, struct totals *totals)
{
    const struct gci_weak_call *call = gci_weak_callable(weak);
    bool is_due = call != NULL && weak->target == NULL;
    totals->weak_alive += weak->target != NULL;
    totals->watchers += call != NULL && call->place != NULL;
    if (is_due && (weak->next == NULL || weak->next == weak || weak->next->prev != weak ||
                   weak->prev->next != weak)) {
        return FAIL(gci_page_of(weak)->heap, "WEAK-3: %s has its callback, and is not due",
                    gci_page_describe(gci_page_of(weak), &weak->object).text);
    }
    return true;
}

/* Follow a chain of GREY objects, or a queue of dying ones, which is chained by refs. Adds to `length`. */
static bool follow(const struct gci_page *page, uint32_t link, bool by_refs, uint32_t *length)
{
    uint32_t states = by_refs ? 1u << GCI_DYING : 1u << GCI_DYING | 1u << GCI_GREY;
    for (; link != 0 && link != GCI_LINK_END; ++*length) {
        size_t offset = GCI_LINK_OFFSET(link);
        const gc_object *self = gci_page_at(page, offset);
        if (!gci_page_is_slot(page, offset) || !gci_is_member(states, self->gc) ||
            *length > gci_page_slots(page)) {
            return FAIL(page->heap, "%s: a chain in a page of %s is broken",
                        by_refs ? "OBJ-1" : "CYCLE-2", page->type->name);
        }
        link = by_refs ? (uint16_t)(self->refs >> GCI_REFS_LINK_SHIFT) : self->gc >> GCI_LINK_SHIFT;
    }
    return true;
}

/* Whether chains and queues hold what they should. */
static bool check_chains(const struct gci_page *page)
{
    const struct gci_cycle *cycle = &page->heap->cycle;
    uint32_t grey = 0, zombies = 0, queued = 0, in_chains = 0, in_queues = 0;
    for (size_t offset = page->first; offset < gci_page_end(page); offset += page->slot_size) {
        const gc_object *self = gci_page_at(page, offset);
        bool is_grey = gci_state_of(self) == GCI_GREY, is_dying = gci_state_of(self) == GCI_DYING;
        grey += is_grey || (is_dying && self->gc >= GCI_SCRATCH);
        zombies += is_grey && GCI_IS_DEAD(self->refs);
        queued += is_dying && GCI_IS_DEAD(self->refs);
    }
    if (!follow(page, page->dying, true, &in_queues) ||
        !follow(page, page->waiting, true, &in_queues) ||
        !follow(page, page->chain, false, &in_chains)) {
        return false;
    }
    for (unsigned i = 0; i < cycle->lane_count; i++) {
        if (cycle->lanes[i].page == page &&
            !follow(page, cycle->lanes[i].link, false, &in_chains)) {
            return false;
        }
    }
    if (grey != in_chains || zombies != page->zombies || (grey > 0) != page->chained ||
        (page->chained && page->plain_refs != 0)) {
        return FAIL(page->heap, "CYCLE-2: a page of %s has %u GREY objects, %u of them in chains",
                    page->type->name, grey, in_chains);
    }
    return SAME(page->heap, queued, in_queues, "OBJ-1: %u objects are dying, %u of them in queues");
}

static bool check_page(const struct gci_page *page, struct totals *totals)
{
    uint32_t free_slots = 0;
    if (gci_page_slots(page) > gci_page_capacity(page) ||
        (page->end - page->first) % page->slot_size != 0) {
        return FAIL(page->heap, "PAGE-1: a page of %s ends at %zu, and has room for %u",
                    page->type->name, page->end, gci_page_capacity(page));
    }
    for (size_t offset = page->first, end = gci_page_end(page); offset < end;
         offset += page->slot_size) {
        gc_object *self = gci_page_at(page, offset);
        enum gci_state state = gci_state_of(self);
        if (!check_object(page, self)) {
            return false;
        }
        if (state != GCI_FREE && gci_weak_is_of(page) &&
            !check_weak((gc_weak *)(void *)self, totals)) {
            return false;
        }
        totals->weak_targets += state != GCI_FREE && (self->refs & OURO_REFS_WEAK) != 0;
        free_slots += state == GCI_FREE;
        totals->young_objects += (unsigned)state >> GCI_YOUNG_SHIFT;
        totals->bytes_live += state == GCI_FREE ? 0 : page->slot_size;
    }
    totals->young_pages += page->young;
    return check_free_list(page, free_slots) && check_use(page) && check_chains(page);
}

/* A list of weak references, from its first; count them. */
static bool check_weak_list(gc_heap *heap, gc_weak *first, size_t *members)
{
    const gc_object *target = first->target;
    if (target == NULL || gci_pages_find(heap, target) == NULL ||
        !(target->refs & OURO_REFS_WEAK) || gci_weak_first(heap, target) != first) {
        return FAIL(heap, "WEAK-1: a list of weak references is not where %p looks for it",
                    (const void *)target);
    }
    for (gc_weak *weak = first; weak != NULL; weak = weak->next, ++*members) {
        if (gci_pages_find(heap, weak) == NULL || weak->target != target ||
            (weak != first && weak->prev->next != weak)) {
            return FAIL(heap, "WEAK-1: the list of weak references to %p is broken",
                        (const void *)target);
        }
        if (weak != first && gci_weak_callable(weak) == NULL) {
            return FAIL(heap, "WEAK-2: a weak reference to %p without callback is not the first",
                        (const void *)target);
        }
    }
    return true;
}

static bool check_weak_table(gc_heap *heap, const struct totals *totals)
{
    const struct gci_weak_table *table = &heap->weak_table;
    if (table->buckets > gci_larger(GCI_VECTOR_FIRST, table->count * 4 + 3)) {
        return FAIL(heap, "WEAK-4: %zu buckets for %zu lists", table->buckets, table->count);
    }
    size_t lists = 0, members = 0, watchers = 0;
    for (size_t i = 0; i < heap->weak_table.buckets; i++) {
        for (gc_weak *first = gci_weak_bucket(heap, i); first != NULL; first = first->prev) {
            if (!check_weak_list(heap, first, &members)) {
                return false;
            }
            lists++;
        }
    }
    if (lists != totals->weak_targets || lists != heap->weak_table.count ||
        members != totals->weak_alive) {
        return FAIL(heap,
                    "WEAK-1: %zu objects have weak references, %zu lists, counted as %zu; %zu weak "
                    "references have a target, %zu are in lists",
                    totals->weak_targets, lists, heap->weak_table.count, totals->weak_alive,
                    members);
    }
    const struct gci_weak_call *const lists_of_watchers[] = { heap->watchers, heap->last_watchers };
    for (size_t i = 0; i < 2; i++) {
        for (const struct gci_weak_call *call = lists_of_watchers[i]; call != NULL;
             call = call->older) {
            if (*call->place != call || call->callback == NULL) {
                return FAIL(heap, "WEAK-3: a list of watchers is broken");
            }
            watchers++;
        }
    }
    return SAME(heap, totals->watchers, watchers, "WEAK-3: %zu watchers, %zu of them in the list");
}

/* Whether the vector of a table has no more blocks than it may have. */
static bool check_vector(gc_heap *heap, const struct gci_vector *vector, size_t used)
{
    for (unsigned block = gci_vector_block(used * 2) + 1; block < GCI_VECTOR_BLOCKS; block++) {
        if (vector->blocks[block] != NULL) {
            return FAIL(heap, "TABLE-1: a table of %zu has a block %u", used, block);
        }
    }
    return true;
}

static bool check_tables(gc_heap *heap)
{
    const struct gci_table *segments = &heap->segment_table, *records = &heap->record_table;
    size_t segments_found = 0, records_found = 0;
    for (struct gci_segment *segment = heap->segments; segment != NULL; segment = segment->next) {
        segments_found +=
            gci_table_get(segments, (uintptr_t)segment >> GCI_SEGMENT_SHIFT) == segment;
    }
    for (struct gci_records *block = heap->records; block != NULL; block = block->next) {
        for (size_t i = 0; i < block->used; i++) {
            struct gci_record *record = &block->records[i];
            records_found += record->type != NULL && gci_table_get(records, record->key) == record;
        }
    }
    return SAME(heap, segments->used, segments_found, "TABLE-1: %zu segments, %zu are found") &&
           SAME(heap, records->used, records_found, "TABLE-1: %zu records, %zu are found") &&
           check_vector(heap, &segments->items, segments->used) &&
           check_vector(heap, &records->items, records->used) &&
           check_vector(heap, &heap->weak_table.heads, heap->weak_table.buckets);
}

/* A list of idle pages. Returns how many there are, with their bytes if they are large. */
static size_t count_idle(const struct gci_idle *idle, size_t *bytes)
{
    size_t count = 0;
    const struct gci_page *last = NULL;
    for (const struct gci_page *page = idle->first; page != NULL; page = page->next, count++) {
        if (page->prev != last || page->record != NULL) {
            return SIZE_MAX;
        }
        last = page;
        *bytes += gci_segment_of(page)->size;
    }
    return idle->last == last ? count : SIZE_MAX;
}

static bool check_idle(gc_heap *heap)
{
    size_t idle = 0, idle_large = 0, bytes = 0, bytes_large = 0;
    for (struct gci_segment *segment = heap->segments; segment != NULL; segment = segment->next) {
        bool is_large = gci_segment_is_large(segment);
        idle_large += is_large && segment->pages[0].record == NULL;
        for (size_t i = 0; !is_large && i < GCI_SEGMENT_PAGES; i++) {
            bool is_free = segment->free_pages >> i & 1, is_idle = segment->idle_pages >> i & 1;
            idle += is_idle;
            if ((is_free && segment->pages[i].record != NULL) || (is_idle && !is_free)) {
                return FAIL(heap, "PAGE-3: page %zu of a segment is in use and free, or idle", i);
            }
        }
    }
    return SAME(heap, idle, count_idle(&heap->idle_pages, &bytes),
                "PAGE-3: %zu pages are idle, %zu of them in the list") &&
           SAME(heap, idle_large, count_idle(&heap->idle_large, &bytes_large),
                "PAGE-3: %zu large segments are idle, %zu of them in the list") &&
           SAME(heap, bytes_large, heap->idle_large_bytes,
                "PAGE-3: %zu bytes of large segments are idle, counted as %zu");
}

static bool check_pages(gc_heap *heap)
{
    struct totals totals = { 0 };
    for (struct gci_page *page = NULL; (page = gci_pages_next(heap, page)) != NULL;) {
        const struct gci_segment *segment =
            (const void *)((uintptr_t)page & ~(uintptr_t)(GCI_SEGMENT_SIZE - 1));
        if (!check_page(page, &totals)) {
            return false;
        }
        if (segment->frozen && (segment->free_pages != 0 || !page->frozen)) {
            return FAIL(heap, "FROZEN-2: a page of %s is in a frozen segment", page->type->name);
        }
    }
    size_t young_pages = 0;
    for (struct gci_page *page = heap->young_pages; page != NULL; page = page->next_young) {
        young_pages += page->young && page->record != NULL;
    }
    return SAME(heap, totals.young_objects, heap->young_objects,
                "GEN-1: %zu young objects, counted as %zu") &&
           SAME(heap, totals.young_pages, young_pages,
                "GEN-2: %zu young pages, %zu of them in the list") &&
           SAME(heap, totals.bytes_live, heap->bytes_live,
                "BYTES-1: %zu bytes live, counted as %zu") &&
           check_idle(heap) && check_weak_table(heap, &totals) && check_tables(heap);
}

/* A cycle that is under way, before a look at the heap ends it. */
static bool check_cycle(gc_heap *heap)
{
    const struct gci_cycle *cycle = &heap->cycle;
    if (cycle->phase == GCI_PHASE_NONE) {
        return true;
    }
    uint32_t grey = cycle->phase == GCI_PHASE_MARK ? 1u << GCI_GREY : 0;
    uint32_t trivial = gci_ending_is_trivial(heap) ? 1u << GCI_PART | 1u << GCI_DOOMED : 0;
    uint32_t in_cycle = 1u << GCI_OLD_A | 1u << GCI_OLD_B | grey | trivial;
    uint32_t scratch = (in_cycle & ~(1u << heap->old)) | 1u << GCI_FREE | 1u << GCI_DYING;
    for (struct gci_page *page = NULL; (page = gci_pages_next(heap, page)) != NULL;) {
        uint32_t legal = legal_states(page) | (page->birth == GCI_LEAF ? 0 : in_cycle);
        for (size_t offset = page->first; offset < gci_page_end(page); offset += page->slot_size) {
            const gc_object *self = gci_page_at(page, offset);
            if (!gci_is_member(legal, self->gc) ||
                (self->gc >= GCI_SCRATCH && !gci_is_member(scratch, self->gc))) {
                return FAIL(heap, "CYCLE-1: %s at %p has gc %u", page->type->name,
                            (const void *)self, self->gc);
            }
        }
        if (page == cycle->page && page->in_hand && cycle->offset < gci_page_end(page) &&
            !gci_page_is_slot(page, cycle->offset)) {
            return FAIL(heap, "CYCLE-3: a cycle stands in a page of %s, at no slot",
                        page->type->name);
        }
        if (!check_chains(page)) {
            return false;
        }
    }
    return true;
}

/* The context is the first reference of an object that leads nowhere. */
static void count_items(struct gci_tracer *tracer, void **items, size_t count)
{
    const void **stray = tracer->context;
    for (size_t i = 0; i < count; i++) {
        gc_object *child = items[i];
        if (gci_pages_find(tracer->heap, child) == NULL) {
            *stray = *stray == NULL ? child : *stray;
        } else {
            child->gc += GCI_SCRATCH;
        }
    }
}

/* Count the references that live objects hold, and verify that they lead to objects. */
static bool count_references(gc_heap *heap)
{
    const void *stray = NULL;
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, count_items);
    tracer.context = &stray;
    struct gci_walk at = { 0 };
    for (gc_object *self; (self = gci_walk_next(heap, &at, GCI_ALIVE)) != NULL;) {
        gci_trace(&tracer, gci_page_of(self), self);
        gci_trace_flush(&tracer);
        if (stray != NULL) {
            return FAIL(heap, "REF-1: %s refers to %p, which is not an object of this heap",
                        gci_page_describe(gci_page_of(self), self).text, stray);
        }
    }
    return true;
}

/* Whether no object has more references than its count. Resets the scratch counts first. */
static bool check_references(gc_heap *heap)
{
    bool right = count_references(heap);
    gc_object *surplus = NULL;
    size_t references = 0;
    struct gci_walk at = { 0 };
    for (gc_object *self; (self = gci_walk_next(heap, &at, GCI_TAKEN)) != NULL;) {
        if (surplus == NULL && !GCI_IS_DEAD(self->refs) &&
            self->gc / GCI_SCRATCH > gc_refcount(self)) {
            surplus = self;
            references = self->gc / GCI_SCRATCH;
        }
        self->gc &= GCI_STATE_MASK;
    }
    if (right && surplus != NULL) {
        right = FAIL(heap, "OBJ-2: %s has %zu references and is referred to %zu times",
                     gci_page_describe(gci_page_of(surplus), surplus).text, gc_refcount(surplus),
                     references);
    }
    return right;
}

bool gc_check(gc_heap *heap)
{
    heap->busy++;
    bool right = check_cycle(heap); /* the panic hook may run here, as below */
    gci_collect_hold(heap); /* busy, so no more ends than the cycle: who knows what is broken */
    heap->busy--;
    right = right && check_pages(heap) && check_references(heap);
    gci_collect_release(heap);
    return right;
}
