/* SPDX-License-Identifier: MIT */
#ifndef OURO_TRACE_H
#define OURO_TRACE_H

/* The visitor and the set algorithm. No user code runs but traverse. */

#include "death.h"

/* The queue between a traverse and what is done with the references it reports: they are
 * consumed in order, half a queue later, when the prefetch that gc_visit began has brought their
 * headers. Empty whenever user code other than a traverse can run. */
enum { GCI_QUEUE_SIZE = 128, GCI_KEPT_SIZE = 256 };

struct gci_tracer {
    gc_visitor visitor; /* first: ouro_visit_flush finds the rest by it */
    void (*consume)(struct gci_tracer *tracer, void **items, size_t count);
    uint64_t alive;      /* of the set that is examined */
    uint32_t members;    /* likewise */
    uint32_t passed;     /* likewise: scratch count of who is found alive */
    bool spares;         /* likewise */
    bool keeps;          /* likewise */
    bool leads_out;      /* a member may refer to what is none */
    size_t from_garbage; /* if it keeps: references to the marked, less those from them */
    gc_heap *heap;
    void *context; /* for consume */
    size_t kept_count;
    gc_object *kept[GCI_KEPT_SIZE]; /* marked and not traced, and still in the cache */
    void *queue[GCI_QUEUE_SIZE];
};

OURO_INTERNAL void gci_tracer_init(struct gci_tracer *tracer, gc_heap *heap,
                                   void (*consume)(struct gci_tracer *, void **, size_t));

/* Whether the count of a member is another than its scratch count. That of one with 2^27 references is, and that
 * of an immortal one. */
static inline bool gci_is_held_outside(const gc_object *self)
{
    static_assert(GCI_SCRATCH == 2 * (int)OURO_REFS_ONE, "half a gc word is comparable with refs");
    return ((self->refs + OURO_REFS_ONE) ^ self->gc / 2) >= OURO_REFS_ONE;
}

/* Have an object's first references come from memory; they may be on the line after its header's. */
static inline void gci_prefetch_references(const gc_object *self)
{
    OURO_PREFETCH((const char *)(self + 1) + 2 * sizeof(void *) - 1);
}

/* Keep an object that was marked, to be traced soon, if there is room. */
static inline bool gci_tracer_keep(struct gci_tracer *tracer, gc_object *self)
{
    if (tracer->kept_count == GCI_KEPT_SIZE) {
        return false;
    }
    gci_prefetch_references(self);
    tracer->kept[tracer->kept_count++] = self;
    return true;
}

/* Visit all references of an object; some may stay in the queue. */
OURO_INTERNAL void gci_trace(struct gci_tracer *tracer, const struct gci_page *page,
                             gc_object *self);

/* Chain an object to what is grey in its page, and its page to those where something is; its state is
 * another one from now on. */
static inline void gci_turn_grey(gc_heap *heap, struct gci_page *page, gc_object *self,
                                 uint32_t state)
{
    self->gc = state | (uint32_t)page->grey << GCI_LINK_SHIFT;
    if (page->grey == 0) {
        page->next_grey = heap->grey_pages;
        heap->grey_pages = page;
    }
    page->grey = GCI_LINK(gci_page_offset(self));
}

/* Visit references of an object with arrays, from the place `at` on, at most *budget of them, which
 * is counted down. Moves `at` on. Returns whether all were visited; then `at` is the first place
 * again. The object may change between two calls: an item that changes its place may be missed, but
 * is not visited twice unless it moves to a later place. */
OURO_INTERNAL bool gci_trace_some(struct gci_tracer *tracer, const struct gci_page *page,
                                  gc_object *self, struct gci_array_place *at, size_t *budget);

/* Visit all references of the members in a page that are in a range of slots. Returns how many members
 * they are. */
OURO_INTERNAL unsigned gci_trace_members(struct gci_tracer *tracer, struct gci_page *page,
                                         size_t offset, size_t end);

/* Count references to members; to be consumed so. */
OURO_INTERNAL void gci_trace_count_items(struct gci_tracer *tracer, void **items, size_t count);

/* Consume what is in the queue. */
OURO_INTERNAL void gci_trace_flush(struct gci_tracer *tracer);

/* The sets there are: the young; all containers; all, to look and not to collect; what an
 * earlier search found; what a cycle has left unmarked, which stays in that state if it is garbage
 * that nobody is to see; and a part of that. */
OURO_INTERNAL struct gci_set gci_set_of_young(gc_heap *heap);
OURO_INTERNAL struct gci_set gci_set_of_all(gc_heap *heap);
OURO_INTERNAL struct gci_set gci_set_to_look_at(gc_heap *heap);
OURO_INTERNAL struct gci_set gci_set_of_doomed(const gc_heap *heap, const struct gci_set *found);
OURO_INTERNAL struct gci_set gci_set_of_suspects(const gc_heap *heap, struct gci_page *pages);
OURO_INTERNAL struct gci_set gci_set_of_part(const gc_heap *heap, struct gci_page *pages);

/* Whether somebody is to see what is garbage. */
static inline bool gci_looks(const gc_heap *heap)
{
    return (heap->debug & (GC_DEBUG_COLLECTABLE | GC_DEBUG_SAVE_ALL)) != 0;
}

/* After a search of all: what it found alive and old is what is old from now on. */
OURO_INTERNAL void gci_flip_old(gc_heap *heap);

/* The stretches of slots of a page where members of a set may be:
 *     for (struct gci_run run = gci_set_run(set, page, 0); run.from < run.end;
 *          run = gci_set_run(set, page, run.end)) */
static inline struct gci_run gci_set_run(const struct gci_set *set, const struct gci_page *page,
                                         size_t end)
{
    if (set->sparse) {
        return gci_page_next_run(page, end);
    }
    return (struct gci_run){ end == 0 ? page->first : end, end == 0 ? gci_page_end(page) : end };
}

/* The objects of a set that have one of some states, one after the other. What becomes of one that
 * was given does not matter to the next. */
OURO_INTERNAL struct gci_cursor gci_set_begin(const struct gci_set *set);
OURO_INTERNAL gc_object *gci_set_next(const struct gci_set *set, struct gci_cursor *at,
                                      uint32_t states);

/* The set algorithm: tell what in a set is reachable from outside, and what is garbage. On return
 * the set's chain holds the pages with garbage, and every member has the state that the set
 * foresees; but plain garbage keeps the one it had, and a scratch count. Sound for any set: what is
 * not in it counts as outside. */
OURO_INTERNAL void gci_trace_find_garbage(gc_heap *heap, struct gci_set *set);

#endif
