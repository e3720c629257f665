/* SPDX-License-Identifier: MIT */
#ifndef OURO_TESTS_CYCLE_SUPPORT_H
#define OURO_TESTS_CYCLE_SUPPORT_H

/* What the tests of the old generation in slices share. A slice without time does one range of slots,
 * so the tests stop where they like. */

#include "support.h"

#include "collect.h"
#include "cycle.h"

/* Objects and slices
 * ================== */

static inline struct gci_page *page_of(const void *object)
{
    return gci_page_of(object);
}

static inline uint32_t state_of(const void *object)
{
    return gci_state_of(object);
}

/* The state of what a cycle is about. */
static inline uint32_t state_of_set(const gc_heap *heap)
{
    return heap->old == GCI_OLD_A ? GCI_OLD_B : GCI_OLD_A;
}

/* A slice of one range, or one batch, at most; and one with all the time there is, which stops where the
 * cycle enters another phase. */
static inline void slice(gc_heap *heap)
{
    gci_collect_slice(heap, 0);
}
static inline void long_slice(gc_heap *heap)
{
    gci_collect_slice(heap, UINT64_MAX);
}

/* Slices of one range until a phase has begun, or a step of an ending, or the cycle is over. */
static inline void run_to(gc_heap *heap, enum gci_phase phase)
{
    while (heap->cycle.phase != phase && heap->cycle.phase != GCI_PHASE_NONE) {
        slice(heap);
    }
    assert_int_equal(heap->cycle.phase, phase);
}
static inline void run_to_last_part(gc_heap *heap)
{
    while (heap->cycle.phase != GCI_PHASE_PARTS || heap->cycle.part_max != SIZE_MAX) {
        assert_int_not_equal(heap->cycle.phase, GCI_PHASE_NONE);
        slice(heap);
    }
}
static inline void run_to_step(gc_heap *heap, enum gci_ending_step ending_step)
{
    while (heap->ending.step != ending_step && gci_pacing_is_in_cycle(heap)) {
        slice(heap);
    }
    assert_int_equal(heap->ending.step, ending_step);
}

/* Containers that collections of the old have freed, ever. */
static inline size_t collected(const gc_heap *heap)
{
    return (size_t)heap->generations[1].collected;
}

/* The rest of a cycle, and all that goes with it. Returns how many containers that has freed. */
static inline size_t finish(gc_heap *heap)
{
    size_t before = collected(heap);
    while (gci_pacing_is_in_cycle(heap)) {
        long_slice(heap);
    }
    return collected(heap) - before;
}

/* As programs have it
 * =================== */

/* As in src/death.c: of the backlog, between two looks at the clock. */
enum { DEATHS = 16 };

/* A heap that does what is due in gc_step only, where nothing is due by itself. */
static inline gc_heap *patient_heap_new(struct world *world)
{
    gc_config config = {
        .collect = GC_AT_SAFEPOINT,
        .thresholds = { .young_objects = SIZE_MAX,
                        .young_bytes = SIZE_MAX,
                        .old_growth_percent = SIZE_MAX,
                        .old_bytes = SIZE_MAX },
    };
    if (world->heap != NULL) {
        world_free_heap(world);
    }
    return world_new_heap(world, &config);
}

/* A slice of the least there is; until a phase has begun; until there is none. */
static inline bool step(gc_heap *heap)
{
    return gc_step(heap, 1);
}
static inline void step_to(gc_heap *heap, enum gci_phase phase)
{
    while (heap->cycle.phase != phase) {
        assert_true(step(heap));
    }
}
static inline void step_to_backlog(gc_heap *heap)
{
    while (heap->backlog == NULL) {
        assert_true(step(heap));
    }
}
static inline void step_to_the_end(gc_heap *heap)
{
    while (step(heap)) {
    }
    assert_int_equal(heap->cycle.phase, GCI_PHASE_NONE);
    assert_null(heap->backlog);
}

/* Lists, garbage and suspects
 * =========================== */

static inline void drop_a_list(struct node *list)
{
    gc_decref(list);
}

static inline struct node *list_new(gc_heap *heap, size_t count)
{
    struct node *list = NULL;
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    return list;
}

/* Garbage: a ring of nodes. Returns one of them, which nobody holds. */
static inline struct node *drop_a_ring(gc_heap *heap, size_t count)
{
    struct node *last = node_new(heap), *first = last;
    for (size_t i = 1; i < count; i++) {
        struct node *node = node_new(heap);
        node->left = first;
        first = node;
    }
    last->left = first;
    return last;
}

/* Garbage that tells its story: a ring of actors. Returns the first. */
static inline struct actor *drop_actors(gc_heap *heap, unsigned id, unsigned count)
{
    struct actor *first = actor_new(heap, id), *last = first;
    for (unsigned i = 1; i < count; i++) {
        gc_set_steal(&last->left, actor_new(heap, id + i));
        last = last->left;
    }
    gc_set_steal(&last->left, first);
    return first;
}

/* Takes what a node holds out of it between count and mark, and puts it back after the sweep. */
static inline void suspect_what_is_held_by(struct node **holders, size_t count, gc_heap *heap)
{
    struct node **hands = calloc(count, sizeof(*hands));
    assert_non_null(hands);
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_MARK);
    for (size_t i = 0; i < count; i++) {
        hands[i] = gc_take(&holders[i]->left);
    }
    run_to(heap, GCI_PHASE_SWEEP);
    for (size_t i = 0; i < count; i++) {
        gc_set_steal(&holders[i]->left, hands[i]);
    }
    free(hands);
}

enum { MANY = 60000 }; /* more than are examined at once though a round may help */

/* Nodes are not as wide, so that a page is divided otherwise when it is used anew. */
struct wide {
    gc_object object;
    struct node *reference;
    uint64_t words[3];
};

static const gc_type wide_type = {
    .name = "wide",
    .size = sizeof(struct wide),
    .refs = OURO_REFS(struct wide, reference),
};

static inline struct wide *wide_new(gc_heap *heap)
{
    struct wide *wide = gc_new(heap, &wide_type);
    assert_non_null(wide);
    return wide;
}

/* One with a segment of its own. */
static inline struct tuple *large_tuple_new(gc_heap *heap)
{
    return tuple_new(heap, ((size_t)2 << 20) / sizeof(struct node *));
}

/* Parts
 * ===== */

/* As in src/cycle.c where everything is checked: so many members, and a part gets no more to begin
 * with; so many, and none at all. */
enum { PART_MIN = 8, PART_MAX = 128 };

/* One part, with what it lets go of and calls; and all there are. Each returns how many containers ended. */
static inline size_t examine_part(gc_heap *heap)
{
    size_t before = collected(heap);
    assert_int_equal(heap->cycle.phase, GCI_PHASE_PARTS);
    do {
        slice(heap);
    } while (gci_pacing_has_leftovers(heap));
    return collected(heap) - before;
}
static inline size_t examine_parts(gc_heap *heap)
{
    size_t freed = 0;
    while (heap->cycle.phase == GCI_PHASE_PARTS) {
        freed += examine_part(heap);
    }
    return freed;
}

/* Others
 * ====== */

static inline void *as_node(void *object)
{
    return object;
}

/* A finalizer that brings back who is first, and notes it. */
static inline void rise_if_first(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        gc_incref(actor);
        world->note = actor;
    }
}

static inline int visit_nothing(void *object, void *arg)
{
    (void)object;
    (void)arg;
    return 0;
}

#endif
