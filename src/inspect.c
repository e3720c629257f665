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
};

static bool is_in(const gc_object *self, unsigned states)
{
    return states >> gci_state_of(self) & 1;
}

static int visit_page(struct gci_page *page, unsigned states, gc_object_fn visit, void *arg)
{
    for (size_t offset = page->first; offset < gci_page_end(page); offset += page->slot_size) {
        gc_object *self = gci_page_at(page, offset);
        if (is_in(self, states)) {
            int stop = visit(self, arg); /* user code may run here */
            if (stop != 0) {
                return stop;
            }
        }
    }
    return 0;
}

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
    unsigned states = states_of(generation);
    int stop = 0;
    gci_collect_hold(heap);
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL && stop == 0;
         page = gci_pages_next(heap, page)) {
        stop = visit_page(page, states, visit, arg);
    }
    gci_collect_release(heap);
    return stop;
}

/* Give what the search found alive and young its state back; what is old has the new old state. */
static void restore_alive(gc_heap *heap)
{
    gci_flip_old(heap);
    for (struct gci_page *page = heap->young_pages; page != NULL; page = page->next_young) {
        if (page->record == NULL) {
            continue; /* not in use, or in the middle of a larger object */
        }
        for (size_t offset = page->first; offset < gci_page_end(page); offset += page->slot_size) {
            gc_object *self = gci_page_at(page, offset);
            self->gc = gci_state_of(self) == GCI_SEEN_YOUNG ? GCI_YOUNG : self->gc;
        }
    }
}

static void restore_garbage(const gc_heap *heap, struct gci_page *page)
{
    for (size_t offset = page->first; offset < gci_page_end(page); offset += page->slot_size) {
        gc_object *self = gci_page_at(page, offset);
        if (gci_state_of(self) == GCI_DOOMED) {
            self->gc = heap->old;
        } else if (gci_state_of(self) == GCI_DOOMED_YOUNG) {
            self->gc = GCI_YOUNG;
        }
    }
}

int gc_unreachable(gc_heap *heap, gc_object_fn visit, void *arg)
{
    if (heap->busy > 0) {
        return 0;
    }
    int stop = 0;
    gci_collect_hold(heap);
    struct gci_set set = gci_set_to_look_at(heap);
    gci_trace_find_garbage(heap, &set);
    restore_alive(heap);
    for (struct gci_page *page = set.pages; page != NULL && stop == 0; page = page->next_in_set) {
        stop = visit_page(page, GARBAGE, visit, arg); /* user code may run here */
    }
    for (struct gci_page *page = set.pages; page != NULL; page = page->next_in_set) {
        restore_garbage(heap, page);
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
    int stop = 0;
    gci_collect_hold(heap);
    gc_incref(object); /* lest another one comes to be at its place */
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL && stop == 0;
         page = gci_pages_next(heap, page)) {
        for (size_t offset = page->first; offset < gci_page_end(page) && stop == 0;
             offset += page->slot_size) {
            gc_object *self = gci_page_at(page, offset);
            if (is_in(self, CONTAINERS) && refers_to(&tracer, page, self)) {
                stop = visit(self, arg); /* user code may run here */
            }
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
