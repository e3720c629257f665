/* SPDX-License-Identifier: MIT */

/* The set algorithm.
 *
 * For a set S: count the references inside S, in the members' scratch counts. A member whose true
 * count differs is referenced from outside S, so it and all it reaches in S are alive; the rest is
 * garbage. The true counts are never touched.
 *
 * Members turn from their state to the one for survivors when they are marked; that, their
 * scratch count no longer being needed, is also when they are chained through it as grey: inside
 * their page, and grey pages among each other. So there is no stack, nothing overflows, and no
 * memory is needed. */

#include "trace.h"

void gci_tracer_init(struct gci_tracer *tracer, gc_heap *heap,
                     void (*consume)(struct gci_tracer *, void **, size_t))
{
    tracer->visitor = (gc_visitor){ .next = tracer->queue, .end = tracer->queue + GCI_QUEUE_SIZE };
    tracer->consume = consume;
    tracer->heap = heap;
    tracer->spares = false;
    tracer->context = NULL;
    tracer->kept_count = 0;
}

void ouro_visit_flush(gc_visitor *visitor)
{
    struct gci_tracer *tracer = (struct gci_tracer *)(void *)visitor;
    enum { HALF = GCI_QUEUE_SIZE / 2 };
    void **queue = tracer->queue;
    tracer->heap->visited += HALF;
    tracer->consume(tracer, queue, HALF);
    for (size_t i = 0; i < HALF; i += 4) { /* gcc's memcpy of this size is slower */
        memcpy(queue + i, queue + HALF + i, 4 * sizeof(*queue));
    }
    visitor->next = queue + HALF;
}

void gci_trace_flush(struct gci_tracer *tracer)
{
    size_t count = (size_t)(tracer->visitor.next - tracer->queue);
    tracer->visitor.next = tracer->queue;
    tracer->consume(tracer, tracer->queue, count);
}

static void visit_array(gc_visitor *visitor, const char *items, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        void *child;
        memcpy(&child, items + i * sizeof(void *), sizeof(child));
        gc_visit(visitor, child);
    }
}

static OURO_NOINLINE void trace_any(gc_visitor *visitor, const struct gci_page *page,
                                    gc_object *self)
{
    for (const gc_field *field = page->fields, *end = field + page->field_count; field < end;
         field++) {
        const char *items;
        size_t count = gci_object_array(self, field, &items);
        visit_array(visitor, items, count);
    }
    if (page->duties & GCI_DUTY_TRAVERSE) {
        page->type->traverse(self, visitor);
    }
}

bool gci_trace_some(struct gci_tracer *tracer, const struct gci_page *page, gc_object *self,
                    struct gci_array_place *at, size_t *budget)
{
    for (; at->field < page->field_count; at->field++, at->item = 0) {
        const char *items;
        size_t count = gci_object_array(self, &page->fields[at->field], &items);
        size_t from = at->item < count ? at->item : count;
        size_t some = count - from < *budget ? count - from : *budget;
        visit_array(&tracer->visitor, items + from * sizeof(void *), some);
        *budget -= some;
        if (from + some < count) {
            at->item = from + some;
            return false;
        }
    }
    if (page->duties & GCI_DUTY_TRAVERSE) {
        page->type->traverse(self, &tracer->visitor);
    }
    *at = (struct gci_array_place){ 0 };
    return true;
}

/* gc_visit of each field: a store, and a move of `next` that depends on it, no branch. Takes and
 * returns what visitor->next is, for loops to keep in a register. */
static inline void **push(gc_visitor *visitor, void **next, const gc_object *self, size_t offset)
{
    void *child;
    memcpy(&child, (const char *)self + offset, sizeof(child));
    OURO_PREFETCH(child);
    *next = child;
    next += child != NULL;
    if (OURO_UNLIKELY(next == visitor->end)) {
        visitor->next = next;
        ouro_visit_flush(visitor);
        next = visitor->next;
    }
    return next;
}

static inline void **trace_fields(gc_visitor *visitor, void **next, const struct gci_page *page,
                                  const gc_object *self)
{
    for (const gc_field *field = page->fields, *end = field + page->field_count; field < end;
         field++) {
        next = push(visitor, next, self, field->offset);
    }
    return next;
}

static inline bool has_fields_only(const struct gci_page *page)
{
    return !(page->duties & (GCI_DUTY_TRAVERSE | GCI_DUTY_ARRAYS));
}

/* Whether the references are two, and the page says where. Speed only. */
static inline bool has_near_two(const struct gci_page *page)
{
    return page->is_near && page->field_count == 2;
}

static inline void trace(gc_visitor *visitor, const struct gci_page *page, gc_object *self)
{
    if (OURO_LIKELY(has_near_two(page))) { /* speed only */
        visitor->next = push(visitor, visitor->next, self, page->near[0]);
        visitor->next = push(visitor, visitor->next, self, page->near[1]);
    } else if (has_fields_only(page)) { /* speed only */
        visitor->next = trace_fields(visitor, visitor->next, page, self);
    } else {
        trace_any(visitor, page, self);
    }
}

void gci_trace(struct gci_tracer *tracer, const struct gci_page *page, gc_object *self)
{
    trace(&tracer->visitor, page, self);
}

/* Sets. */

enum { SMALL_BYTES = 8 << 20 }; /* a heap that is in the cache, which the queue does not help */

static void add_page(struct gci_set *set, struct gci_page *page)
{
    if (page->birth == GCI_YOUNG) {
        page->next_in_set = set->pages;
        set->pages = page;
    }
}

static void add_all_pages(const gc_heap *heap, struct gci_set *set)
{
    struct gci_page **end = &set->pages;
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL;
         page = gci_pages_next(heap, page)) {
        if (page->birth == GCI_YOUNG && !page->frozen) {
            *end = page;
            end = &page->next_in_set;
        }
    }
    *end = NULL;
}

void gci_flip_old(gc_heap *heap)
{
    heap->old = (uint8_t)gci_other_old(heap);
}

struct gci_set gci_set_of_young(gc_heap *heap)
{
    const struct gci_cycle *cycle = &heap->cycle;
    /* A cycle that promotes is about them, too. */
    bool are_promoted = cycle->phase == GCI_PHASE_PROMOTE && !cycle->only_promotes;
    struct gci_set set = {
        .look = gci_looks(heap),
        .small = heap->bytes_live < SMALL_BYTES,
        .spares = true,
        .alive = GCI_NIBBLE(GCI_YOUNG, are_promoted ? gci_other_old(heap) : heap->old),
        .garbage = GCI_NIBBLE(GCI_YOUNG, GCI_DOOMED),
    };
    for (struct gci_page *page = heap->young_pages; page != NULL; page = page->next_young) {
        if (page->record != NULL) {
            add_page(&set, page);
        }
    }
    return set;
}

struct gci_set gci_set_of_all(gc_heap *heap)
{
    struct gci_set set = {
        .look = gci_looks(heap),
        .alive =
            GCI_NIBBLE(GCI_YOUNG, gci_other_old(heap)) | GCI_NIBBLE(heap->old, gci_other_old(heap)),
        .garbage = GCI_NIBBLE(GCI_YOUNG, GCI_DOOMED) | GCI_NIBBLE(heap->old, GCI_DOOMED),
    };
    add_all_pages(heap, &set);
    return set;
}

struct gci_set gci_set_to_look_at(gc_heap *heap)
{
    struct gci_set set = {
        .look = true,
        .alive = GCI_NIBBLE(GCI_YOUNG, GCI_SEEN_YOUNG) | GCI_NIBBLE(heap->old, gci_other_old(heap)),
        .garbage = GCI_NIBBLE(GCI_YOUNG, GCI_DOOMED_YOUNG) | GCI_NIBBLE(heap->old, GCI_DOOMED_OLD),
    };
    add_all_pages(heap, &set);
    return set;
}

struct gci_set gci_set_of_doomed(const gc_heap *heap, const struct gci_set *found)
{
    return (struct gci_set){
        .alive = GCI_NIBBLE(GCI_DOOMED, heap->old),
        .garbage = GCI_NIBBLE(GCI_DOOMED, GCI_DOOMED),
        .pages = found->pages,
        .look = found->look,
        .sparse = found->sparse,
    };
}

struct gci_set gci_set_of_suspects(const gc_heap *heap, struct gci_page *pages)
{
    bool is_a = heap->old == GCI_OLD_A;
    return (struct gci_set){
        .alive = is_a ? GCI_NIBBLE(GCI_OLD_B, GCI_OLD_A) : GCI_NIBBLE(GCI_OLD_A, GCI_OLD_B),
        .garbage = GCI_NIBBLE(gci_other_old(heap), GCI_DOOMED),
        .pages = pages,
        .sparse = true,
        .look = gci_looks(heap),
    };
}

struct gci_set gci_set_of_part(const gc_heap *heap, struct gci_page *pages)
{
    struct gci_set set = gci_set_of_suspects(heap, pages);
    set.alive = GCI_NIBBLE(GCI_PART, gci_other_old(heap));
    set.garbage = GCI_NIBBLE(GCI_PART, GCI_DOOMED);
    set.passed = true;
    return set;
}

struct gci_cursor gci_set_begin(const struct gci_set *set)
{
    return (struct gci_cursor){ .page = set->pages };
}

gc_object *gci_set_next(const struct gci_set *set, struct gci_cursor *at, uint32_t states)
{
    while (at->page != NULL) {
        while (at->run.from < at->run.end) {
            gc_object *self = gci_page_at(at->page, at->run.from);
            at->run.from += at->page->slot_size;
            if (gci_is_member(states, self->gc)) {
                return self;
            }
        }
        at->run = gci_set_run(set, at->page, at->run.end);
        if (at->run.from >= at->run.end) {
            *at = (struct gci_cursor){ .page = at->page->next_in_set };
        }
    }
    return NULL;
}

/* The set algorithm. */

/* Count a reference, if it is inside the set. Returns whether it is. */
static inline bool count_one(uint32_t members, gc_object *child)
{
    if (!gci_is_member(members, child->gc)) {
        return false;
    }
    child->gc += GCI_SCRATCH;
    return true;
}

void gci_trace_count_items(struct gci_tracer *tracer, void **items, size_t count)
{
    uint32_t members = tracer->members;
    for (size_t i = 0; i < count; i++) {
        (void)count_one(members, items[i]);
    }
}

/* What is done with each member of a page. `next` is what visitor.next is, in a register. */
struct walk {
    struct gci_tracer *tracer;
    struct gci_page *page;
    void **next;
    size_t left, right;
    uint32_t members;
};

static inline void walk_any(gc_object *self, void *context)
{
    struct walk *walk = context;
    struct gci_page *page = walk->page;
    if (walk->tracer->spares && (page->duties & GCI_DUTY_LONG) &&
        gci_object_is_very_long(page, self)) {
        self->gc = GCI_BECOMES(walk->tracer->alive, self->gc);
        page->marked++;
    } else {
        trace_any(&walk->tracer->visitor, page, self);
    }
}

static inline void walk_fields(gc_object *self, void *context)
{
    struct walk *walk = context;
    walk->next = trace_fields(&walk->tracer->visitor, walk->next, walk->page, self);
}

static inline void walk_near(gc_object *self, void *context)
{
    struct walk *walk = context;
    walk->next = push(&walk->tracer->visitor, walk->next, self, walk->left);
    walk->next = push(&walk->tracer->visitor, walk->next, self, walk->right);
}

static inline void count_field(struct walk *walk, const gc_object *self, size_t offset)
{
    gc_object *child;
    memcpy(&child, (const char *)self + offset, sizeof(child));
    if (child != NULL && !count_one(walk->members, child)) {
        walk->tracer->leads_out = true;
    }
}

static inline void walk_small(gc_object *self, void *context)
{
    struct walk *walk = context;
    count_field(walk, self, walk->left);
    count_field(walk, self, walk->right);
}

static inline struct walk walk_of(struct gci_tracer *tracer, struct gci_page *page)
{
    return (struct walk){ tracer,        page,          tracer->visitor.next,
                          page->near[0], page->near[1], tracer->members };
}

/* The same as tracing and counting, where most references lead to what is in the cache: the queue
 * would cost more than it saves. */
static unsigned count_members_near(struct gci_tracer *tracer, struct gci_page *page, size_t offset,
                                   size_t end)
{
    struct walk walk = walk_of(tracer, page);
    return gci_page_each_member(page, walk.members, offset, end, walk_small, &walk);
}

unsigned gci_trace_members(struct gci_tracer *tracer, struct gci_page *page, size_t offset,
                           size_t end)
{
    struct walk walk = walk_of(tracer, page);
    if (!has_fields_only(page)) {
        return gci_page_each_member(page, walk.members, offset, end, walk_any, &walk);
    }
    unsigned count =
        has_near_two(page)
            ? gci_page_each_member(page, walk.members, offset, end, walk_near, &walk)
            : gci_page_each_member(page, walk.members, offset, end, walk_fields, &walk);
    tracer->visitor.next = walk.next;
    return count;
}

static void count_references(struct gci_tracer *tracer, struct gci_set *set)
{
    for (struct gci_page *page = set->pages; page != NULL; page = page->next_in_set) {
        bool near = set->small && has_near_two(page);
        page->members = page->marked = 0;
        for (struct gci_run run = gci_set_run(set, page, 0); run.from < run.end;
             run = gci_set_run(set, page, run.end)) {
            unsigned members =
                (near ? count_members_near : gci_trace_members)(tracer, page, run.from, run.end);
            page->members = (uint16_t)(page->members + members);
            tracer->leads_out |= !near && members > 0;
        }
    }
    gci_trace_flush(tracer);
}

static OURO_NOINLINE void panic_surplus(struct gci_page *page, const gc_object *self)
{
    gci_panic(page->heap,
              "ouro: %s has %zu references and is referred to %u times: a traverse visits one "
              "twice, or a reference was stored without gc_incref",
              gci_page_describe(page, self).text, gc_refcount(self), self->gc / GCI_SCRATCH);
}

/* A member that is not marked yet turns alive and grey. */
static inline void mark(struct gci_tracer *tracer, gc_object *self, uint32_t becomes)
{
    if (OURO_UNLIKELY(self->gc / GCI_SCRATCH > gc_refcount(self))) {
        panic_surplus(gci_page_of(self), self);
    }
    tracer->from_garbage += self->gc / GCI_SCRATCH;
    if (OURO_LIKELY(gci_tracer_keep(tracer, self))) {
        self->gc = becomes | tracer->passed;
    } else {
        gci_turn_grey(tracer->heap, gci_page_of(self), self, becomes);
    }
}

static void mark_items(struct gci_tracer *tracer, void **items, size_t count)
{
    uint64_t alive = tracer->alive;
    for (size_t i = 0; tracer->keeps && i < count; i++) {
        const gc_object *child = items[i];
        tracer->from_garbage -= gci_is_member(tracer->members | 1u << GCI_SEEN_YOUNG, child->gc);
    }
    for (size_t i = 0; i < count; i++) {
        gc_object *child = items[i];
        uint32_t becomes = GCI_BECOMES(alive, child->gc);
        if (becomes != 0) {
            mark(tracer, child, becomes);
        }
    }
}

/* A chain of grey objects on the way to be traced. */
struct lane {
    struct gci_page *page;
    uint32_t link; /* of the next; it is prefetched */
};

/* Which object is next in a chain is known only when the one before has come from memory, so
 * several chains are followed in turn. */
static void trace_grey(struct gci_tracer *tracer)
{
    enum { LANES = 16 };
    struct lane lanes[LANES];
    unsigned count = 0;
    gc_heap *heap = tracer->heap;
    uint32_t passed = tracer->passed;
    do {
        while (tracer->kept_count > 0 || count > 0 || heap->grey_pages != NULL) {
            while (tracer->kept_count > 0) {
                gc_object *self = tracer->kept[--tracer->kept_count];
                struct gci_page *page = gci_page_of(self);
                page->marked++;
                trace(&tracer->visitor, page, self);
            }
            for (; count < LANES && heap->grey_pages != NULL; count++) {
                struct gci_page *page = heap->grey_pages;
                heap->grey_pages = page->next_grey;
                lanes[count] = (struct lane){ page, page->grey };
                OURO_PREFETCH(gci_page_at(page, GCI_LINK_OFFSET(page->grey)));
                page->grey = 0;
            }
            for (unsigned i = 0; i < count;) {
                struct gci_page *page = lanes[i].page;
                gc_object *self = gci_page_at(page, GCI_LINK_OFFSET(lanes[i].link));
                uint32_t next = self->gc >> GCI_LINK_SHIFT;
                if (next != 0) {
                    OURO_PREFETCH(gci_page_at(page, GCI_LINK_OFFSET(next)));
                    gci_prefetch_references(gci_page_at(page, GCI_LINK_OFFSET(next)));
                    lanes[i++].link = next;
                } else {
                    lanes[i] = lanes[--count];
                }
                self->gc = (self->gc & GCI_STATE_MASK) | passed;
                page->marked++;
                trace(&tracer->visitor, page, self);
            }
        }
        gci_trace_flush(tracer);
    } while (tracer->kept_count > 0 || heap->grey_pages != NULL);
}

/* Mark the members in a range of slots that are referenced from outside. Where `mixed`, there is no
 * branch but for those. */
static OURO_ALWAYS_INLINE void mark_roots_of(struct gci_tracer *tracer, struct gci_page *page,
                                             size_t offset, size_t end, bool mixed)
{
    uint32_t members = tracer->members;
    for (size_t size = page->slot_size; offset < end; offset += size) {
        gc_object *self = gci_page_at(page, offset);
        bool is_held = gci_is_held_outside(self);
        bool is_member = gci_is_member(members, self->gc);
        if ((mixed || is_held) && (is_held & is_member)) {
            mark(tracer, self, GCI_BECOMES(tracer->alive, self->gc));
        }
    }
}

static void mark_roots(struct gci_tracer *tracer, struct gci_page *page, size_t offset, size_t end)
{
    if (gci_page_is_mixed(page, tracer->members, offset, end)) {
        mark_roots_of(tracer, page, offset, end, true);
    } else {
        mark_roots_of(tracer, page, offset, end, false);
    }
}

static void mark_reachable(struct gci_tracer *tracer, struct gci_set *set)
{
    for (struct gci_page *page = set->pages; page != NULL; page = page->next_in_set) {
        if (page->marked == page->members) {
            continue; /* speed only */
        }
        for (struct gci_run run = gci_set_run(set, page, 0); run.from < run.end;
             run = gci_set_run(set, page, run.end)) {
            mark_roots(tracer, page, run.from, run.end);
        }
        trace_grey(tracer);
    }
}

/* Keep the pages in the chain where something was not marked. */
static void keep_pages_with_garbage(struct gci_set *set)
{
    struct gci_page *next = set->pages;
    struct gci_page **end = &set->pages;
    set->alive_count = 0;
    set->garbage_count = 0;
    set->plain = !set->look;
    while (next != NULL) {
        struct gci_page *page = next;
        next = page->next_in_set;
        set->alive_count += page->marked;
        if (page->marked < page->members) {
            set->garbage_count += (size_t)page->members - page->marked;
            set->plain = set->plain && page->duties == 0;
            *end = page;
            end = &page->next_in_set;
        }
    }
    *end = NULL;
}

/* Give what was not marked its state. */
static void condemn(struct gci_set *set)
{
    uint32_t flags = 0;
    set->finalizers = false;
    struct gci_cursor at = gci_set_begin(set);
    for (gc_object *self; (self = gci_set_next(set, &at, set->members)) != NULL;) {
        self->gc = GCI_BECOMES(set->garbage, self->gc);
        set->finalizers |=
            (at.page->duties & GCI_DUTY_FINALIZE) && !(self->refs & OURO_REFS_FINALIZED);
        flags |= self->refs;
    }
    set->weak = (flags & OURO_REFS_WEAK) != 0;
}

/* Whether something that was not marked has weak references. */
static bool has_weak(const struct gci_set *set)
{
    struct gci_cursor at = gci_set_begin(set);
    for (const gc_object *self; (self = gci_set_next(set, &at, set->members)) != NULL;) {
        if (self->refs & OURO_REFS_WEAK) {
            return true;
        }
    }
    return false;
}

void gci_trace_find_garbage(gc_heap *heap, struct gci_set *set)
{
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, gci_trace_count_items);
    for (unsigned state = 0; state <= GCI_STATE_MASK; state++) {
        set->members |= (uint32_t)(GCI_BECOMES(set->alive, state) != 0) << state;
    }
    tracer.alive = set->alive;
    tracer.members = set->members;
    tracer.passed = set->passed ? GCI_SCRATCH : 0;
    tracer.spares = set->spares;
    tracer.keeps = set->keeps;
    tracer.leads_out = false;
    tracer.from_garbage = 0;
    count_references(&tracer, set);
    tracer.consume = mark_items;
    mark_reachable(&tracer, set);
    keep_pages_with_garbage(set);
    set->closed = set->keeps && !tracer.leads_out && tracer.from_garbage == 0;
    set->plain = set->plain && (heap->weak_table.count == 0 || !has_weak(set));
    if (!set->plain) {
        condemn(set);
    }
}
