/* SPDX-License-Identifier: MIT */

/* Why an object is alive.
 *
 * The references that containers hold are counted in the scratch counts. Containers with more
 * references than that have one that no object accounts for. From all of them at once a search goes
 * breadth first, so that the first way to the object asked about is a shortest one. Its queue is
 * memory from the page source, with room for every container: an entry a container, which says from
 * which entry it was found. Who has an entry has the touched bit, which no cycle needs by now.
 * No user code runs but traverse, and scratch counts are zero again before the answer. */

#include "collect.h"

enum { PRINTED_HOLDERS = 10, PRINTED_STEPS = 16 };

/* A container, or the target, that can be reached; the search goes on from here. */
struct step {
    gc_object *object;
    uint32_t from;      /* the step before; NOWHERE: it has a reference that none accounts for */
    uint32_t explained; /* how many references to it containers hold */
};
#define NOWHERE UINT32_MAX

struct search {
    const gc_object *target;
    struct step *steps;
    uint32_t count, room;
    uint32_t from;      /* whose references are visited */
    uint32_t found;     /* the target's step; NOWHERE: not yet */
    uint32_t explained; /* how many references to the target containers hold */
};

/* The objects that take part: what is alive, leaves apart; and the target. */
enum { PARTS = GCI_ALIVE & ~(1 << GCI_LEAF) };

static void add_step(struct search *search, gc_object *self, uint32_t from)
{
    if (search->count == search->room) {
        return; /* a traverse reports what is no object of this heap: room is for all that are */
    }
    if (self == search->target) {
        search->found = search->count;
    }
    search->steps[search->count++] =
        (struct step){ .object = self, .from = from, .explained = self->gc / GCI_SCRATCH };
    self->gc |= OURO_GC_TOUCHED;
}

static void step_to_items(struct gci_tracer *tracer, void **items, size_t count)
{
    struct search *search = tracer->context;
    for (size_t i = 0; i < count; i++) {
        gc_object *child = items[i];
        bool takes_part = child == search->target || gci_is_member(PARTS, child->gc);
        if (takes_part && !(child->gc & OURO_GC_TOUCHED)) {
            add_step(search, child, search->from);
        }
    }
}

static void add_if_unexplained(struct search *search, gc_object *self)
{
    if (!(self->gc & OURO_GC_TOUCHED) && gc_refcount(self) > self->gc / GCI_SCRATCH) {
        add_step(search, self, NOWHERE);
    }
}

/* Go on from each step in turn until one is the target, or there is none left. */
static void run(struct gci_tracer *tracer, struct search *search)
{
    tracer->consume = step_to_items;
    for (search->from = 0; search->from < search->count && search->found == NOWHERE;
         search->from++) {
        gc_object *self = search->steps[search->from].object;
        gci_trace(tracer, gci_page_of(self), self);
        gci_trace_flush(tracer);
    }
}

static void find_way(gc_heap *heap, struct search *search)
{
    gc_object *target = (gc_object *)(uintptr_t)search->target, *self;
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, gci_trace_count_items);
    tracer.context = search;
    tracer.members = PARTS | 1u << gci_state_of(target);
    for (struct gci_walk at = { 0 }; (self = gci_walk_next(heap, &at, PARTS)) != NULL;) {
        self->gc &= ~(uint32_t)OURO_GC_TOUCHED;
        gci_trace(&tracer, gci_page_of(self), self);
    }
    target->gc &= ~(uint32_t)OURO_GC_TOUCHED;
    if (!gci_is_member(PARTS, target->gc)) { /* it may be in one of its callbacks */
        gci_trace(&tracer, gci_page_of(target), target);
    }
    gci_trace_flush(&tracer);
    search->explained = target->gc / GCI_SCRATCH;
    add_if_unexplained(search, target);
    for (struct gci_walk at = { 0 };
         search->found == NOWHERE && (self = gci_walk_next(heap, &at, PARTS)) != NULL;) {
        add_if_unexplained(search, self);
    }
    run(&tracer, search);
    for (struct gci_walk at = { 0 }; (self = gci_walk_next(heap, &at, tracer.members)) != NULL;) {
        self->gc &= GCI_STATE_MASK;
    }
}

/* Store the way to the target, which is known from its end. Returns its length. */
static size_t store_way(const struct search *search, void *path, size_t count, size_t size)
{
    size_t length = 0;
    for (uint32_t at = search->found; at != NOWHERE; at = search->steps[at].from) {
        length++;
    }
    size_t index = length;
    for (uint32_t at = search->found; at != NOWHERE; at = search->steps[at].from) {
        const struct step *step = &search->steps[at];
        gc_holder holder = { step->object, gc_refcount(step->object), step->explained };
        if (--index < count) {
            char *place = (char *)path + index * size;
            memset(place, 0, size);
            memcpy(place, &holder, size < sizeof(holder) ? size : sizeof(holder));
        }
    }
    return length;
}

/* How many containers there are, and one more; 0: too many for the search. */
static uint32_t room_for_all(const gc_heap *heap)
{
    size_t count = 1;
    for (struct gci_page *page = NULL; (page = gci_pages_next(heap, page)) != NULL;) {
        count += page->birth == GCI_LEAF ? 0 : gci_page_used(page);
    }
    return count < NOWHERE && count < SIZE_MAX / sizeof(struct step) ? (uint32_t)count : 0;
}

/* Search, and store the way. Returns its length, or GC_ERR_NOMEM. */
static ptrdiff_t answer(gc_heap *heap, struct search *search, void *path, size_t count, size_t size)
{
    search->found = NOWHERE;
    gci_collect_hold(heap); /* user code may run here */
    search->room = room_for_all(heap);
    size_t bytes = search->room * sizeof(struct step);
    search->steps = search->room == 0 ? NULL : gci_memory_take(heap, bytes, GCI_ALIGN_MAX);
    if (search->steps != NULL) {
        find_way(heap, search);
    }
    gci_collect_release(heap);
    if (search->steps == NULL) {
        return gci_fail(heap, GC_ERR_NOMEM);
    }
    size_t length = store_way(search, path, count, size);
    gci_memory_give(heap, search->steps, bytes);
    return (ptrdiff_t)length;
}

static bool is_ours(gc_heap *heap, const void *object)
{
    bool is = gci_pages_find(heap, object) != NULL;
    if (!is) {
        gci_panic(heap, "ouro: gc_why_alive: %p is not an object of this heap", object);
    }
    return is;
}

ptrdiff_t gc_why_alive_sized(gc_heap *heap, void *object, gc_holder *path, size_t count,
                             size_t size)
{
    struct search search = { .target = object };
    return is_ours(heap, object) ? answer(heap, &search, path, count, size) : 0;
}

/* For people. */

struct printing {
    void *object;
    FILE *file;
    size_t holders; /* so far */
    size_t times;   /* how often the latest refers to the object */
};

static int count_times(void *child, void *arg)
{
    struct printing *printing = arg;
    printing->times += child == printing->object;
    return 0;
}

static int print_holder(void *holder, void *arg)
{
    struct printing *printing = arg;
    if (printing->holders++ < PRINTED_HOLDERS) {
        printing->times = 0;
        (void)gc_referents(holder, count_times, printing);
        (void)fprintf(printing->file, "    %s",
                      gci_page_describe(gci_page_of(holder), holder).text);
        if (printing->times > 1) {
            (void)fprintf(printing->file, ", %zu times", printing->times);
        }
        (void)fputc('\n', printing->file);
    }
    return 0;
}

static void print_more(FILE *file, size_t count, size_t printed)
{
    if (count > printed) {
        (void)fprintf(file, "    and %zu more\n", count - printed);
    }
}

/* "node at 0x7f0012345678: 3 references, 2 explained" */
static void print_counts(FILE *file, const gc_object *self, size_t explained)
{
    size_t count = gc_refcount(self);
    (void)fprintf(file, "%s: ", gci_page_describe(gci_page_of(self), self).text);
    if (gc_is_immortal(self)) {
        (void)fprintf(file, "immortal");
    } else {
        (void)fprintf(file, "%zu reference%s", count, count == 1 ? "" : "s");
    }
    (void)fprintf(file, ", %zu explained", explained);
}

static void print_way(FILE *file, const gc_holder *path, size_t length)
{
    (void)fprintf(file, "the shortest way from a reference that no object accounts for:\n");
    for (size_t i = 0; i < length && i < PRINTED_STEPS; i++) {
        (void)fprintf(file, "    ");
        print_counts(file, path[i].object, path[i].explained);
        (void)fprintf(file, gc_generation_of(path[i].object) == GC_SAVED ? ", saved\n" : "\n");
    }
    print_more(file, length, PRINTED_STEPS);
}

int gc_why_alive_print(gc_heap *heap, void *object, FILE *file)
{
    gc_holder path[PRINTED_STEPS];
    struct search search = { .target = object };
    struct printing printing = { .object = object, .file = file };
    if (!is_ours(heap, object)) {
        return 0;
    }
    ptrdiff_t length = answer(heap, &search, path, PRINTED_STEPS, sizeof(path[0]));
    if (length < 0) {
        return (int)length;
    }
    print_counts(file, object, search.explained);
    (void)fprintf(file, search.explained > 0 ? " by:\n" : "\n");
    if (search.explained > 0) {
        (void)gc_referrers(heap, object, print_holder, &printing);
        print_more(file, printing.holders, PRINTED_HOLDERS);
    }
    if (length == 0) {
        (void)fprintf(file, "no reference from outside leads to it: it is garbage\n");
    } else {
        print_way(file, path, (size_t)length);
    }
    return 0;
}
