/* SPDX-License-Identifier: MIT */

/* Looking at objects without changing them. Walks are by page and slot, with the pages pinned:
 * visitors may do what they like to the objects. */

#include "collect.h"

/* The states an answer is made of, a bit each. */
enum {
    YOUNG = 1u << GCI_YOUNG,
    OLD = 1u << GCI_OLD_A | 1u << GCI_OLD_B,
    FROZEN = 1u << GCI_FROZEN,
    SAVED = 1u << GCI_SAVED,
    CONTAINERS = YOUNG | OLD | FROZEN | SAVED,
    LEAVES = 1u << GCI_LEAF,
    GARBAGE = 1u << GCI_DOOMED | 1u << GCI_DOOMED_YOUNG,
    SEEN = 1u << GCI_SEEN_YOUNG,
};

static unsigned states_of(int generation)
{
    switch (generation) {
    case GC_YOUNG:
        return YOUNG;
    case GC_FROZEN:
        return FROZEN;
    case GC_SAVED:
        return SAVED;
    default:
        return generation < 0 ? CONTAINERS | LEAVES : OLD;
    }
}

int gc_each_object(gc_heap *heap, int generation, gc_object_fn visit, void *arg)
{
    struct gci_walk at = { 0 };
    gc_object *self;
    int stop = 0;
    gci_collect_hold(heap);
    while (stop == 0 && (self = gci_walk_next(heap, &at, states_of(generation))) != NULL) {
        stop = visit(self, arg); /* user code may run here */
    }
    gci_collect_release(heap);
    return stop;
}

int gc_unreachable(gc_heap *heap, gc_object_fn visit, void *arg)
{
    gc_object *self;
    int stop = 0;
    if (heap->busy > 0) {
        return 0;
    }
    gci_collect_hold(heap);
    struct gci_set set = gci_set_to_look_at(heap);
    gci_trace_find_garbage(heap, &set);
    /* What was found alive is as it was before; what is old has the new old state. */
    gci_flip_old(heap);
    for (struct gci_walk at = { 0 }; (self = gci_walk_next(heap, &at, SEEN)) != NULL;) {
        self->gc = GCI_YOUNG;
    }
    struct gci_cursor at = gci_set_begin(&set);
    while (stop == 0 && (self = gci_set_next(&set, &at, GARBAGE)) != NULL) {
        stop = visit(self, arg); /* user code may run here */
    }
    at = gci_set_begin(&set);
    while ((self = gci_set_next(&set, &at, GARBAGE)) != NULL) {
        self->gc = gci_state_of(self) == GCI_DOOMED ? (uint32_t)heap->old : (uint32_t)GCI_YOUNG;
    }
    gci_collect_release(heap);
    return stop;
}

struct search {
    const void *target;
    bool found;
};

static void compare_items(struct gci_tracer *tracer, void **items, size_t count)
{
    struct search *search = tracer->context;
    for (size_t i = 0; i < count; i++) {
        search->found |= items[i] == search->target;
    }
}

static bool refers_to(struct gci_tracer *tracer, struct gci_page *page, gc_object *self)
{
    struct search *search = tracer->context;
    search->found = false;
    gci_trace(tracer, page, self);
    gci_trace_flush(tracer);
    return search->found;
}

/* Let go of an object that was held during a question, which is not to show: a gc_decref would leave
 * it touched. */
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
    struct search search = { .target = object };
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, compare_items);
    tracer.context = &search;
    struct gci_walk at = { 0 };
    gc_object *self;
    int stop = 0;
    gci_collect_hold(heap);
    gc_incref(object); /* lest another one comes to be at its place */
    while (stop == 0 && (self = gci_walk_next(heap, &at, CONTAINERS)) != NULL) {
        if (refers_to(&tracer, gci_page_of(self), self)) {
            stop = visit(self, arg); /* user code may run here */
        }
    }
    let_go(object); /* user code may run here */
    gci_collect_release(heap);
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

int gc_referents(void *object, gc_object_fn visit, void *arg)
{
    struct referents referents = { .visit = visit, .arg = arg };
    struct gci_page *page = gci_page_of(object);
    gc_heap *heap = page->heap;
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, pass_on_items);
    tracer.context = &referents;
    gci_collect_hold(heap);
    gci_trace(&tracer, page, object);
    gci_trace_flush(&tracer);
    gci_collect_release(heap);
    return referents.stop;
}

bool gc_is_container(const void *object)
{
    return gci_page_of(object)->birth == GCI_YOUNG;
}

int gc_generation_of(const void *object)
{
    switch (gci_state_of(object)) {
    case GCI_YOUNG:
    case GCI_DOOMED_YOUNG:
        return GC_YOUNG;
    case GCI_OLD_A:
    case GCI_OLD_B:
    case GCI_GREY:
    case GCI_DOOMED:
        return GC_OLD;
    case GCI_FROZEN:
        return GC_FROZEN;
    case GCI_SAVED:
        return GC_SAVED;
    default:
        return GC_LEAF;
    }
}
