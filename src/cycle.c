/* SPDX-License-Identifier: MIT */

/* The old generation in slices, between which the program runs.
 *
 * A cycle is about the objects that are old when it begins, S. It does what trace.c does at once:
 * count the references inside S, mark from what has others; but the program changes counts and
 * references meanwhile, so what is left unmarked is only suspect. Suspects are examined once more,
 * exactly, with the set algorithm, which is sound for any set. So all that goes wrong before can
 * only make more suspects. The sets are small parts of the suspects, one after the other, between
 * which the program runs: each is all that its first members reach, but for what an earlier part
 * has reached. So garbage in a part stays unnoticed only if garbage in a later one refers to it,
 * or if it is too large for a part. If much is left, larger parts are tried; then the cycle repeats the
 * same with these as S, while that at least halves them; in the end they are examined all at once.
 *
 *   Promote   page by page: the young are old, and in S; where they were collected before, there is
 *             nothing to do.
 *   Count     page by page: the references inside S, and from here on nothing is touched. An object
 *             whose references come and go is touched, or has another count than its scratch count
 *             in the end.
 *   Mark      page by page from what is touched, or has another count; then all it reaches. What
 *             is marked has heap->old; GREY until its references were visited (CYCLE-2).
 *   Sweep     page by page: how many of S are left, and where; their scratch counts are 0 again.
 *   Parts     part by part. The garbage in it ends before the next one is gathered, see ending.c. The
 *             others get a scratch count of 1, by which they are known to have been in one; a sweep
 *             follows. The last part has no limit: it is all that are left. Where somebody is to see
 *             what is garbage it is the only one.
 *   Done      nothing is left but the backlog.
 *
 * What is garbage when the cycle begins stays unmarked: only garbage refers to it, and nobody
 * can touch it, but through a weak reference. For what is upgraded so again and again, every few
 * cycles marking goes by the counts alone. */

#include "cycle.h"

enum {
    CHUNK = 256,         /* slots between two looks at the clock, */
    ITEMS = 4096,        /* likewise references, where objects may have very many */
    LAST_PART = 4096,    /* suspects that are the last part though another round may help */
    TRUST_NOT_EVERY = 4, /* cycles; in the last of them touched objects are not marked for that */
};

/* The next page a phase has to look at. */
static struct gci_page *next_page(const gc_heap *heap, struct gci_page *page)
{
    const struct gci_cycle *cycle = &heap->cycle;
    if (cycle->phase == GCI_PHASE_PROMOTE) {
        return page == NULL ? heap->young_pages : page->next_young;
    }
    if (cycle->of_suspects) {
        return gci_parts_next_page(heap, page);
    }
    do {
        page = gci_pages_next(heap, page);
    } while (page != NULL && (page->birth != GCI_YOUNG || page->frozen));
    return page;
}

/* Go to the page after `page` (NULL: to the first). */
static void turn_over(gc_heap *heap, struct gci_page *page)
{
    gci_cycle_stand_in(&heap->cycle, next_page(heap, page));
}

void gci_cycle_forget_young(gc_heap *heap)
{
    if (heap->cycle.phase == GCI_PHASE_PROMOTE) {
        gci_cycle_stand_in(&heap->cycle, NULL);
    }
}

static void enter(gc_heap *heap, enum gci_phase phase)
{
    gci_cycle_set_phase(heap, phase);
    turn_over(heap, NULL);
}

/* Do `act` with ranges of slots until the phase is over, or time is up. Returns whether it is over. What
 * `act` returns is how far it has come. */
static bool each_range(gc_heap *heap, struct gci_tracer *tracer, uint64_t deadline,
                       size_t (*act)(struct gci_tracer *, struct gci_page *, size_t, size_t))
{
    struct gci_cycle *cycle = &heap->cycle;
    while (cycle->page != NULL) {
        struct gci_page *page = cycle->page;
        size_t end = page->record == NULL || !page->in_hand ? 0 : gci_page_end(page);
        cycle->end = cycle->offset == page->first || end < cycle->end ? end : cycle->end;
        end = cycle->end;
        if (cycle->offset < end) {
            size_t step = CHUNK * page->slot_size, from = cycle->offset;
            size_t to = step < end - from ? from + step : end;
            cycle->offset = act(tracer, page, from, to);
        } else {
            turn_over(heap, page);
            cycle->array.at = (struct gci_array_place){ 0 };
        }
        if (gci_sys_clock_ns() >= deadline) {
            break;
        }
    }
    return cycle->page == NULL;
}

static size_t promote(struct gci_tracer *tracer, struct gci_page *page, size_t offset, size_t end)
{
    gc_heap *heap = tracer->heap;
    uint32_t old = heap->cycle.only_promotes ? heap->old : gci_other_old(heap);
    size_t promoted = 0;
    if (offset == page->first) {
        /* A current page may see births behind us; one that becomes so later, is not aged. */
        page->aged = page->young && page != page->record->current;
    }
    for (; page->young && offset < end; offset += page->slot_size) {
        gc_object *self = gci_page_at(page, offset);
        bool is_young = gci_state_of(self) == GCI_YOUNG;
        self->gc = is_young ? old : self->gc;
        promoted += is_young;
    }
    heap->young_objects -= promoted;
    return end;
}

/* Whether counting stands between two items of an object. */
static bool is_in_arrays(const struct gci_cycle *cycle)
{
    return cycle->array.at.field != 0 || cycle->array.at.item != 0;
}

/* Count the references of the objects in a range, at most ITEMS of them. Only an object that has more
 * than that by itself is counted in pieces. Returns where counting has to continue. */
static size_t count_long(struct gci_tracer *tracer, struct gci_page *page, size_t offset,
                         size_t end, unsigned *members)
{
    struct gci_cycle *cycle = &tracer->heap->cycle;
    size_t budget = ITEMS;
    for (; offset < end; offset += page->slot_size) {
        gc_object *self = gci_page_at(page, offset);
        if (!gci_is_member(tracer->members, self->gc)) {
            cycle->array.at = (struct gci_array_place){ 0 };
            continue;
        }
        bool fits = budget == ITEMS || gci_object_items(page, self) <= budget;
        if (!fits || !gci_trace_some(tracer, page, self, &cycle->array.at, &budget)) {
            break;
        }
        (*members)++;
    }
    return offset;
}

static size_t count(struct gci_tracer *tracer, struct gci_page *page, size_t offset, size_t end)
{
    struct gci_cycle *cycle = &tracer->heap->cycle;
    unsigned members = 0;
    if (offset == page->first && !is_in_arrays(cycle)) {
        page->counted = page->found = 0;
    }
    for (size_t at = offset; at < end; at += page->slot_size) {
        gc_object *self = gci_page_at(page, at);
        if (gci_is_member(tracer->members, self->gc)) {
            self->gc &= ~(uint32_t)OURO_GC_TOUCHED;
        }
    }
    if (page->duties & GCI_DUTY_LONG) {
        end = count_long(tracer, page, offset, end, &members);
    } else {
        members = gci_trace_members(tracer, page, offset, end);
    }
    page->counted = (uint16_t)(page->counted + members);
    cycle->examined += cycle->of_suspects ? 0 : members;
    return end;
}

/* Mark. */

/* A marked object joins the chain of its page. */
static inline void chain(gc_heap *heap, gc_object *self)
{
    struct gci_page *page = gci_page_of(self);
    self->gc = GCI_GREY | (page->chain == 0 ? GCI_LINK_END : (uint32_t)page->chain)
                              << GCI_LINK_SHIFT;
    if (page->chain == 0) {
        page->next_chain = heap->cycle.chains;
        heap->cycle.chains = page;
        page->chained = true;
        page->plain_refs = 0;
    }
    page->chain = GCI_LINK(gci_page_offset(self));
    page->found++;
}

/* Marked objects are traced while they are in the cache, or else are GREY. */
static inline void mark(struct gci_tracer *tracer, gc_object *self)
{
    if (OURO_LIKELY(gci_tracer_keep(tracer, self))) {
        self->gc = tracer->heap->old;
    } else {
        chain(tracer->heap, self);
    }
}

static void mark_items(struct gci_tracer *tracer, void **items, size_t item_count)
{
    uint32_t members = tracer->members;
    for (size_t i = 0; i < item_count; i++) {
        gc_object *child = items[i];
        if (gci_is_member(members, child->gc)) {
            mark(tracer, child);
        }
    }
}

static size_t mark_roots(struct gci_tracer *tracer, struct gci_page *page, size_t offset,
                         size_t end)
{
    bool trusts_touched = tracer->heap->cycle.trusts_touched;
    for (; offset < end; offset += page->slot_size) {
        gc_object *self = gci_page_at(page, offset);
        if (gci_is_member(tracer->members, self->gc) &&
            (gci_is_held_outside(self) || (trusts_touched && (self->gc & OURO_GC_TOUCHED)))) {
            mark(tracer, self);
        }
    }
    return end;
}

/* Let go of the object whose arrays were marked. */
static void leave_array(struct gci_cycle *cycle)
{
    struct gci_page *page = cycle->array.page;
    if (page != NULL) {
        page->in_hand = page->in_hand && page == cycle->page;
    }
    cycle->array.page = NULL;
    cycle->array.at = (struct gci_array_place){ 0 };
}

/* Go on with the object whose arrays are being marked, unless it is gone. Returns what that cost, in
 * objects. */
static unsigned trace_array(struct gci_tracer *tracer)
{
    struct gci_cycle *cycle = &tracer->heap->cycle;
    struct gci_page *page = cycle->array.page;
    gc_object *self = gci_page_at(page, cycle->array.offset);
    size_t budget = ITEMS;
    if (!page->in_hand || (uint32_t)gci_state_of(self) != tracer->heap->old ||
        gci_trace_some(tracer, page, self, &cycle->array.at, &budget)) {
        leave_array(cycle);
    }
    return (unsigned)(ITEMS - budget) / (ITEMS / CHUNK);
}

/* The cycle comes by an object in a chain. Returns what that cost. */
static unsigned leave_chain(struct gci_tracer *tracer, struct gci_page *page, gc_object *self)
{
    if (gci_state_of(self) == GCI_DYING) {
        self->gc = GCI_DYING;
    } else if (GCI_IS_DEAD(self->refs)) {
        gci_death_leave_chain(page, self);
    } else {
        self->gc = tracer->heap->old;
        if (page->duties & GCI_DUTY_LONG) {
            page->in_hand = true;
            tracer->heap->cycle.array.page = page;
            tracer->heap->cycle.array.offset = gci_page_offset(self);
            return 1 + trace_array(tracer);
        }
        gci_trace(tracer, page, self);
    }
    return 1;
}

static void end_chains(struct gci_page *page)
{
    page->chained = false;
    page->plain_refs = page->is_near ? GCI_REFS_NONE : 0;
}

static void fill_lanes(struct gci_cycle *cycle)
{
    for (; cycle->lane_count < GCI_LANES && cycle->chains != NULL; cycle->lane_count++) {
        struct gci_page *page = cycle->chains;
        cycle->chains = page->next_chain;
        cycle->lanes[cycle->lane_count].page = page;
        cycle->lanes[cycle->lane_count].link = page->chain;
        OURO_PREFETCH(gci_page_at(page, GCI_LINK_OFFSET(page->chain)));
        page->chain = 0;
    }
}

/* Whether another lane follows a chain of the same page. */
static bool is_in_lanes(const struct gci_cycle *cycle, const struct gci_page *page)
{
    for (unsigned i = 0; i < cycle->lane_count; i++) {
        if (cycle->lanes[i].page == page) {
            return true;
        }
    }
    return false;
}

/* Trace some of those that are in the cache. */
static void trace_kept(struct gci_tracer *tracer, unsigned *traced)
{
    while (tracer->kept_count > 0 && *traced < CHUNK) {
        gc_object *self = tracer->kept[--tracer->kept_count];
        struct gci_page *page = gci_page_of(self);
        if (page->duties & GCI_DUTY_LONG) {
            chain(tracer->heap, self);
        } else {
            page->found++;
            gci_trace(tracer, page, self);
            ++*traced;
        }
    }
}

/* Trace what is marked. Returns whether all of it is. */
static bool trace_grey(gc_heap *heap, struct gci_tracer *tracer, uint64_t deadline)
{
    struct gci_cycle *cycle = &heap->cycle;
    unsigned traced = 0;
    do {
        while (cycle->array.page != NULL || cycle->lane_count > 0 || cycle->chains != NULL ||
               tracer->kept_count > 0) {
            trace_kept(tracer, &traced);
            if (cycle->array.page != NULL) {
                traced += trace_array(tracer);
            }
            fill_lanes(cycle);
            for (unsigned i = 0; i < cycle->lane_count && cycle->array.page == NULL;) {
                struct gci_page *page = cycle->lanes[i].page;
                gc_object *self = gci_page_at(page, GCI_LINK_OFFSET(cycle->lanes[i].link));
                uint32_t next = self->gc >> GCI_LINK_SHIFT;
                if (next != GCI_LINK_END) {
                    OURO_PREFETCH(gci_page_at(page, GCI_LINK_OFFSET(next)));
                    gci_prefetch_references(gci_page_at(page, GCI_LINK_OFFSET(next)));
                    cycle->lanes[i++].link = next;
                } else {
                    cycle->lanes[i] = cycle->lanes[--cycle->lane_count];
                    if (page->chain == 0 && !is_in_lanes(cycle, page)) {
                        end_chains(page);
                    }
                }
                traced += leave_chain(tracer, page, self);
            }
            if (traced >= CHUNK) {
                traced = 0;
                if (gci_sys_clock_ns() >= deadline) {
                    gci_trace_flush(tracer);
                    return false;
                }
            }
        }
        gci_trace_flush(tracer);
    } while (cycle->chains != NULL || tracer->kept_count > 0);
    return true;
}

/* Mark. Returns whether it is over. */
static bool mark_slice(gc_heap *heap, struct gci_tracer *tracer, uint64_t deadline)
{
    struct gci_cycle *cycle = &heap->cycle;
    bool is_over = false;
    while (trace_grey(heap, tracer, deadline)) {
        is_over = cycle->page == NULL;
        if (is_over) {
            break;
        }
        /* A range at a time: what is marked there is traced while it is in the cache. */
        (void)each_range(heap, tracer, 0, mark_roots);
        if (gci_sys_clock_ns() >= deadline) {
            break;
        }
    }
    while (tracer->kept_count > 0) {
        chain(heap, tracer->kept[--tracer->kept_count]);
    }
    return is_over;
}

static void add_suspect_page(struct gci_cycle *cycle, struct gci_page *page)
{
    if (!page->in_suspect_pages) {
        page->in_suspect_pages = true;
        page->next_suspect = cycle->suspect_pages;
        cycle->suspect_pages = page;
    }
}

static void forget_suspect_pages(struct gci_cycle *cycle)
{
    for (struct gci_page *page = cycle->suspect_pages; page != NULL; page = page->next_suspect) {
        page->in_suspect_pages = false;
        page->suspects = 0;
    }
    cycle->suspect_pages = NULL;
}

/* Sweep. In a later one the list of pages stays as it is; those without suspects are passed over. */
static size_t sweep(struct gci_tracer *tracer, struct gci_page *page, size_t offset, size_t end)
{
    struct gci_cycle *cycle = &tracer->heap->cycle;
    if (cycle->of_suspects && offset == page->first) {
        page->suspects = 0;
    }
    if (page->found == page->counted) {
        return end; /* speed only */
    }
    if (offset == page->first) {
        memset(page->patches, 0, sizeof(page->patches));
    }
    for (; offset < end; offset += page->slot_size) {
        gc_object *self = gci_page_at(page, offset);
        if (gci_is_member(tracer->members, self->gc)) {
            self->gc &= GCI_STATE_MASK;
            cycle->suspects++;
            page->suspects++;
            gci_page_add_patch(page, self);
            add_suspect_page(cycle, page);
        }
    }
    return end;
}

/* The end of a cycle, in one of its phases or all of them. */
static void finish(gc_heap *heap, enum gci_phase phase)
{
    forget_suspect_pages(&heap->cycle);
    gci_cycle_set_phase(heap, phase);
    leave_array(&heap->cycle);
    gci_cycle_stand_in(&heap->cycle, NULL);
}

/* Examine the suspects in parts of at most `part_max` members. */
static void enter_parts(gc_heap *heap, size_t part_max)
{
    heap->cycle.part_max = part_max;
    enter(heap, GCI_PHASE_PARTS);
}

/* Suspects are left after a sweep, or none. First there are parts, then larger ones if many are left. What
 * is left then has further rounds, as long as each halves them, and is the last part. */
static void after_sweep(gc_heap *heap)
{
    struct gci_cycle *cycle = &heap->cycle;
    size_t suspects = cycle->suspects;
    bool are_many = suspects > LAST_PART;
    /* What garbage holds dies with it, by its count, and would not be saved if it is in another part. */
    bool in_parts = !gci_looks(heap);
    cycle->report.suspects = cycle->of_suspects ? cycle->report.suspects : suspects;
    cycle->of_suspects = true;
    cycle->suspects = 0;
    if (suspects == 0) {
        finish(heap, GCI_PHASE_DONE);
    } else if (in_parts && cycle->part_max == 0) {
        enter_parts(heap, GCI_PART_MAX);
    } else if (in_parts && cycle->part_max == GCI_PART_MAX && are_many) {
        enter_parts(heap, (size_t)GCI_PART_MAX * GCI_PART_LARGER);
    } else if (are_many && suspects <= cycle->suspects_before / 2) {
        cycle->suspects_before = suspects;
        cycle->report.rounds++;
        enter(heap, GCI_PHASE_COUNT);
    } else {
        enter_parts(heap, SIZE_MAX);
    }
}

void gci_cycle_promote(gc_heap *heap)
{
    heap->cycle.only_promotes = true;
    heap->cycle.of_suspects = false;
    enter(heap, GCI_PHASE_PROMOTE);
}

void gci_cycle_begin(gc_heap *heap)
{
    struct gci_cycle *cycle = &heap->cycle;
    gci_flip_old(heap);
    cycle->only_promotes = false;
    cycle->number++;
    cycle->trusts_touched = cycle->number % TRUST_NOT_EVERY != 0;
    cycle->of_suspects = false;
    cycle->suspects = cycle->part_max = 0;
    cycle->suspects_before = SIZE_MAX;
    cycle->examined = 0;
    cycle->report = (gc_collection){
        .size = sizeof(cycle->report), .generation = 1, .reason = GC_REASON_GROWTH, .rounds = 1
    };
    enter(heap, GCI_PHASE_PROMOTE);
}

static void end_promotion(gc_heap *heap)
{
    gci_pages_prune_young(heap, true);
    if (heap->young_objects > CHUNK) {
        enter(heap, GCI_PHASE_PROMOTE); /* of those born meanwhile */
    } else if (heap->cycle.only_promotes) {
        finish(heap, GCI_PHASE_DONE);
    } else {
        enter(heap, GCI_PHASE_COUNT);
    }
}

void gci_cycle_slice(gc_heap *heap, uint64_t deadline)
{
    struct gci_cycle *cycle = &heap->cycle;
    struct gci_tracer tracer;
    bool over;
    do {
        gci_tracer_init(&tracer, heap, gci_trace_count_items);
        tracer.members = 1u << gci_other_old(heap);
        switch (cycle->phase) {
        case GCI_PHASE_PROMOTE:
            over = each_range(heap, &tracer, deadline, promote);
            if (over) {
                end_promotion(heap); /* PROMOTE once more, COUNT or DONE */
            }
            break;
        case GCI_PHASE_COUNT:
            over = each_range(heap, &tracer, deadline, count);
            gci_trace_flush(&tracer);
            if (over) {
                enter(heap, GCI_PHASE_MARK);
            }
            break;
        case GCI_PHASE_MARK:
            tracer.consume = mark_items;
            over = mark_slice(heap, &tracer, deadline);
            if (over) {
                enter(heap, GCI_PHASE_SWEEP);
            }
            break;
        case GCI_PHASE_SWEEP:
            over = each_range(heap, &tracer, deadline, sweep);
            if (over) {
                after_sweep(heap); /* PARTS, COUNT for another round, or DONE */
            }
            break;
        case GCI_PHASE_PARTS:
            over = gci_parts_examine(heap, deadline);
            if (cycle->part_max == SIZE_MAX) {
                finish(heap, GCI_PHASE_DONE);
            } else if (over) {
                enter(heap, GCI_PHASE_SWEEP);
            }
            break;
        default:
            return;
        }
    } while (over && cycle->phase != GCI_PHASE_PARTS && cycle->phase != GCI_PHASE_DONE);
}

static void restore(gc_heap *heap, struct gci_page *page)
{
    uint32_t members = 1u << gci_other_old(heap);
    for (size_t offset = page->first, end = gci_page_end(page), size = page->slot_size;
         offset < end; offset += size) {
        gc_object *self = gci_page_at(page, offset);
        bool is_grey = gci_state_of(self) == GCI_GREY, is_dead = GCI_IS_DEAD(self->refs);
        if (gci_is_member(members, self->gc) || (is_grey && !is_dead)) {
            self->gc = heap->old;
        } else if (gci_state_of(self) == GCI_DYING) {
            self->gc = GCI_DYING;
        } else if (is_grey) {
            gci_death_leave_chain(page, self); /* may be the page's last */
        }
    }
}

/* Free the trivial garbage that is ending. What dies by it waits. */
static void finish_trivial_ending(gc_heap *heap)
{
    bool slicing = heap->slicing;
    heap->slicing = true;
    while (gci_is_ending(heap)) {
        gci_ending_run(heap, UINT64_MAX);
    }
    heap->slicing = slicing;
}

void gci_cycle_abandon(gc_heap *heap)
{
    struct gci_cycle *cycle = &heap->cycle;
    if (gci_ending_is_trivial(heap)) {
        finish_trivial_ending(heap);
    }
    if (gci_cycle_is_over(heap)) {
        return;
    }
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL;
         page = gci_pages_next(heap, page)) {
        if (page->birth == GCI_YOUNG) {
            if (page->chained) {
                page->chain = 0;
                end_chains(page);
            }
            restore(heap, page);
        }
    }
    cycle->lane_count = 0;
    cycle->chains = NULL;
    finish(heap, GCI_PHASE_NONE);
}
