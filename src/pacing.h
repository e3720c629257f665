/* SPDX-License-Identifier: MIT */
#ifndef OURO_PACING_H
#define OURO_PACING_H

/* When a collection is due, of what, and how long a slice is.
 *
 * gci_pacing_decide is a pure function of the heap and the clock. The others keep the books it
 * reads, struct gci_pacing, and nobody else writes there. collect.c does what is due. */

#include "death.h"

enum gci_due {
    GCI_DUE_NOTHING,
    GCI_DUE_YOUNG,   /* collect the young */
    GCI_DUE_PROMOTE, /* make them old unseen, in slices */
    GCI_DUE_FULL,    /* collect everything at once */
    GCI_DUE_CYCLE,   /* begin to collect everything in slices */
    GCI_DUE_SLICE,
};

struct gci_decision {
    enum gci_due what;
    gc_reason reason;
    uint64_t budget_ns; /* of a slice */
    bool is_late;       /* the slice comes before the program has had its rest */
    /* Ask again when there are so many young, or so many bytes in use. Where something is due that
     * is now. */
    size_t next_young, next_bytes;
};

OURO_INTERNAL struct gci_decision gci_pacing_decide(const gc_heap *heap, uint64_t now_ns);

/* Whether garbage that slices have found is ending, or objects or callbacks that go with it wait. */
OURO_INTERNAL bool gci_pacing_has_leftovers(const gc_heap *heap);

/* Whether slices are due: those of a cycle, or for such leftovers. */
OURO_INTERNAL bool gci_pacing_is_in_cycle(const gc_heap *heap);

/* Whether the young are more than are collected at once. */
OURO_INTERNAL bool gci_pacing_are_too_many(const gc_heap *heap);

/* Whether everything is to be collected at once because memory or the limit is short: not each
 * time, where that was for nothing. */
OURO_INTERNAL bool gci_pacing_helps_shortage(const gc_heap *heap);

/* The thresholds; 0 is the default. What was learned about the old ones is forgotten. */
OURO_INTERNAL void gci_pacing_set(gc_heap *heap, const gc_thresholds *thresholds);

/* Less may be in use than ever since the last collection. */
OURO_INTERNAL void gci_pacing_note(gc_heap *heap);

/* A full collection, a cycle or a promotion begins. */
OURO_INTERNAL void gci_pacing_begin(gc_heap *heap);

/* The clock was looked at, and nothing more is due until something has grown. */
OURO_INTERNAL void gci_pacing_looked(gc_heap *heap);

/* A slice begins, as a decision says. */
OURO_INTERNAL void gci_pacing_slice_is_late(gc_heap *heap, bool is_late);

/* A slice has ended: `before` own bytes were in use when it began, and the cycle was in `phase`.
 * It took gci_pacing.pause_ns. */
OURO_INTERNAL void gci_pacing_slice(gc_heap *heap, size_t before, enum gci_phase phase);

/* A collection has ended, which came by itself or not, and was of so many young ones. Each full
 * one is here once. */
OURO_INTERNAL void gci_pacing_record(gc_heap *heap, const gc_collection *report, bool by_itself,
                                     size_t young);

/* A promotion has ended. */
OURO_INTERNAL void gci_pacing_promoted(gc_heap *heap);

/* A full collection was given up, or vetoed: the next one waits until something has grown. */
OURO_INTERNAL void gci_pacing_put_off(gc_heap *heap);

/* A shortage was not worth a full collection. */
OURO_INTERNAL void gci_pacing_skip_shortage(gc_heap *heap);

/* All that is in use is frozen now, or nothing is. */
OURO_INTERNAL void gci_pacing_freeze(gc_heap *heap);
OURO_INTERNAL void gci_pacing_unfreeze(gc_heap *heap);

/* A pause ends now that began then; a rest follows it. */
OURO_INTERNAL void gci_pacing_pause(gc_heap *heap, uint64_t start_ns);

/* Live and external bytes; and those of them that are not frozen. */
static inline size_t gci_add_saturating(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}
static inline size_t gci_bytes_in_use(const gc_heap *heap)
{
    return gci_add_saturating(heap->bytes_live, heap->bytes_external);
}
static inline size_t gci_bytes_own(const gc_heap *heap)
{
    size_t in_use = gci_bytes_in_use(heap);
    return in_use > heap->pacing.frozen ? in_use - heap->pacing.frozen : 0;
}

/* The share of what is in use that the last full collection did not find alive. */
static inline size_t gci_bytes_trash(const gc_heap *heap)
{
    size_t own = gci_bytes_own(heap);
    return own > heap->pacing.alive ? own - heap->pacing.alive : 0;
}

#endif
