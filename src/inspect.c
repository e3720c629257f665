/* SPDX-License-Identifier: MIT */

/* Looking at objects without changing them. Walks are by page and slot, with the pages pinned:
 * visitors may do what they like to the objects. */

#include "collect.h"

#include <errno.h>

/* What is as before when visitors have run. */
struct before {
    struct gci_callback callback;
    int error;
};

/* Hold the heap while visitors run; settled, if they look at more than one object. Inline, since
 * the frame is the caller's. */
static OURO_ALWAYS_INLINE struct before begin_visits(gc_heap *heap, bool settled)
{
    (void)gci_has_been_left(heap, OURO_FRAME);
    int error = errno;
    if (settled) {
        gci_collect_settle(heap); /* user code may run here */
    }
    gci_collect_hold_unsettled(heap);
    return (struct before){ gci_callback_begin(heap, "a visitor", NULL), error };
}
static void end_visits(gc_heap *heap, struct before before)
{
    gci_callback_end(heap, before.callback);
    gci_collect_release(heap);
    errno = before.error;
}

/* Sets of states: those of each generation; what is garbage while a search is under way; and
 * containers that are none. */
static const uint32_t states_of[] = {
    [GC_YOUNG] = 1u << GCI_YOUNG | 1u << GCI_DOOMED_YOUNG,
    [GC_OLD] = 1u << GCI_OLD_A | 1u << GCI_OLD_B | 1u << GCI_GREY | 1u << GCI_DOOMED |
               1u << GCI_DOOMED_OLD,
    [GC_FROZEN] = 1u << GCI_FROZEN,
    [GC_SAVED] = 1u << GCI_SAVED,
};
enum {
    LOOKED_AT = 1u << GCI_DOOMED_OLD | 1u << GCI_DOOMED_YOUNG,
    CONTAINERS = GCI_ALIVE & ~(LOOKED_AT | 1u << GCI_DOOMED | 1u << GCI_LEAF),
};

int gc_each_object(gc_heap *heap, int generation, gc_object_fn visit, void *arg)
{
    uint32_t states = CONTAINERS | 1u << GCI_LEAF;
    struct gci_walk at;
    gc_object *self;
    int stop = 0;
    if (generation < GC_LEAF || generation > GC_SAVED) {
        return gci_fail(heap, GC_ERR_RANGE);
    }
    if (generation != GC_LEAF) {
        states = CONTAINERS & states_of[generation];
    }
    struct before before = begin_visits(heap, true); /* user code may run here */
    gci_pages_begin_walk(heap, &at);
    while (stop == 0 && (self = gci_walk_next(heap, &at, states)) != NULL) {
        stop = visit(self, arg); /* user code may run here */
    }
    gci_pages_end_walk(heap, &at);
    end_visits(heap, before);
    return stop;
}

int gc_unreachable(gc_heap *heap, gc_object_fn visit, void *arg)
{
    gc_object *self;
    int stop = 0;
    if (heap->busy > 0) {
        return 0;
    }
    struct before before = begin_visits(heap, true); /* user code may run here */
    struct gci_set set = gci_set_to_look_at(heap);
    gci_trace_find_garbage(heap, &set);
    /* What was found alive is as it was before; what is old has the new old state. */
    gci_flip_old(heap);
    for (struct gci_walk at = { 0 };
         (self = gci_walk_next(heap, &at, 1u << GCI_SEEN_YOUNG)) != NULL;) {
        self->gc = GCI_YOUNG;
    }
    struct gci_cursor at = gci_set_begin(&set);
    while (gci_set_next(&set, &at, 1u << GCI_DOOMED_OLD) != NULL) {
        heap->young_objects++;
    }
    at = gci_set_begin(&set);
    while (stop == 0 && (self = gci_set_next(&set, &at, LOOKED_AT)) != NULL) {
        stop = visit(self, arg); /* user code may run here */
    }
    at = gci_set_begin(&set);
    while ((self = gci_set_next(&set, &at, LOOKED_AT)) != NULL) {
        bool is_old = gci_state_of(self) == GCI_DOOMED_OLD;
        self->gc = is_old ? (uint32_t)heap->old : (uint32_t)GCI_YOUNG;
        heap->young_objects -= is_old;
    }
    end_visits(heap, before);
    return stop;
}

struct referents {
    gc_object_fn visit;
    void *arg;
    int stop;
};

static void pass_on_items(struct gci_tracer *tracer, void **items, size_t count)
{
    struct referents *referents = tracer->context;
    for (size_t i = 0; i < count && referents->stop == 0; i++) {
        referents->stop = referents->visit(items[i], referents->arg); /* user code may run here */
    }
}

static int is_same(void *object, void *arg)
{
    return object == arg;
}

/* Let go of an object that was held during a question, which is not to show: a gc_decref would
 * leave it touched. */
static void let_go(gc_object *self)
{
    if (gc_refcount(self) > 1 && !gc_is_immortal(self)) {
        self->refs -= OURO_REFS_ONE;
    } else {
        gc_decref(self); /* user code may run here */
    }
}

int gc_referrers(gc_heap *heap, void *object, gc_object_fn visit, void *arg)
{
    if (gci_pages_find(heap, object) == NULL) {
        gci_panic(heap, "ouro: gc_referrers: %p is not an object of this heap", object);
        return 0;
    }
    struct referents referents = { .visit = is_same, .arg = object };
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, pass_on_items);
    tracer.context = &referents;
    struct gci_walk at;
    gc_object *self;
    int stop = 0;
    gc_incref(object);                               /* lest another one comes to be at its place */
    struct before before = begin_visits(heap, true); /* user code may run here */
    gci_pages_begin_walk(heap, &at);
    while (stop == 0 && (self = gci_walk_next(heap, &at, CONTAINERS)) != NULL) {
        referents.stop = 0;
        gci_trace(&tracer, gci_page_of(self), self);
        gci_trace_flush(&tracer);
        if (referents.stop != 0) {
            stop = visit(self, arg); /* user code may run here */
        }
    }
    gci_pages_end_walk(heap, &at);
    let_go(object); /* user code may run here */
    end_visits(heap, before);
    return stop;
}

int gc_referents(void *object, gc_object_fn visit, void *arg)
{
    struct referents referents = { .visit = visit, .arg = arg };
    struct gci_page *page = gci_page_of(object);
    gc_heap *heap = page->heap;
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, pass_on_items);
    tracer.context = &referents;
    struct before before = begin_visits(heap, false);
    gci_trace(&tracer, page, object);
    gci_trace_flush(&tracer);
    end_visits(heap, before);
    return referents.stop;
}

bool gc_is_container(const void *object)
{
    return gci_page_of(object)->birth == GCI_YOUNG;
}

int gc_generation_of(const void *object)
{
    int generation = GC_SAVED;
    while (generation > GC_LEAF &&
           !gci_is_member(states_of[generation], ((const gc_object *)object)->gc)) {
        generation--;
    }
    return generation;
}
