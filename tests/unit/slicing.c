/* SPDX-License-Identifier: MIT */

/* When slices come.
 *
 * The linker puts __wrap_gci_sys_clock_ns in place of the clock. It goes on by a microsecond
 * whenever the library looks at it, so slices take what they may; and as the test says, while
 * the program runs. */

#include "support.h"

#include "cycle_support.h"

static uint64_t clock_ns;

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
uint64_t __wrap_gci_sys_clock_ns(void);
uint64_t __wrap_gci_sys_clock_ns(void)
{
    return clock_ns += 1000;
}
/* NOLINTEND(bugprone-reserved-identifier) */

enum { LIVE = 200000, SLICE_NS = 50000 };

/* A list that is old, in a heap that is not small, where a cycle has begun. */
static struct node *begin(struct world *world, size_t slice_ns)
{
    gc_config config = { .slice_ns = slice_ns, .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    struct node *list = NULL;
    (void)gc_disable(heap);
    for (size_t i = 0; i < LIVE; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    (void)gc_collect(heap);
    (void)gc_enable(heap);
    gci_cycle_begin(heap);
    heap->pacing.ns_per_byte = 48.0 / sizeof(struct node); /* by this clock it took no time */
    gci_pacing_begin(heap);
    gci_collect_arm(heap);
    return list;
}

static bool is_in_cycle(const gc_heap *heap)
{
    return heap->cycle.phase != GCI_PHASE_NONE;
}

static void program_has_three_quarters_of_the_time(void **state)
{
    struct world *world = *state;
    struct node *list = begin(world, SLICE_NS);
    gc_heap *heap = world->heap;
    uint64_t start = clock_ns, paused = stats_of(heap).pause_ns_total;
    for (size_t i = 0; is_in_cycle(heap); i++) {
        assert_true(i < 10000000);
        struct node *node = node_new(heap); /* garbage, so that the young are collected too */
        node->left = node;
        clock_ns += 100;
    }
    paused = stats_of(heap).pause_ns_total - paused;
    assert_true(stats_of(heap).phases[GC_PHASE_MARK].count > 3);
    assert_true(paused > 10 * SLICE_NS);
    assert_true(4 * paused < clock_ns - start + 8 * SLICE_NS); /* the last one's rest is to come */
    assert_true(6 * paused >
                clock_ns - start); /* and looks at the clock come when 4 KiB were born */
    assert_int_equal(heap->generations[1].collections, 2);
    gc_decref(list);
}

/* A node more at the head of a list, in no time at all. */
static void grow_at_once(gc_heap *heap, struct node **list)
{
    struct node *node = node_new(heap);
    node->left = *list;
    *list = node;
    clock_ns -= clock_ns - heap->pacing.pause_end_ns;
}

/* The program takes no time at all, so it never has its rest. */
static void cycle_comes_to_its_end_before_its_room_is_used(void **state)
{
    struct world *world = *state;
    struct node *list = begin(world, SLICE_NS);
    gc_heap *heap = world->heap;
    size_t begun = heap->bytes_live, room = heap->pacing.room;
    assert_int_equal(room, (8 << 20) / 16 * 15); /* twice old_bytes, less a margin */
    while (is_in_cycle(heap)) {
        assert_true(heap->bytes_live < begun + room);
        grow_at_once(heap, &list);
    }
    assert_true(heap->cycle.report.slices > 10);
    assert_true(stats_of(heap).slices_late > 10);
    gc_decref(list);
}

/* They are as long as asked for, but when the room is used: then of no less than the default,
 * and twice as long for each MiB beyond. */
static void cycle_that_has_used_its_room_has_longer_and_longer_slices(void **state)
{
    struct world *world = *state;
    enum { SHORT_NS = 1000, LOOKS_NS = 3000, DEFAULT_NS = 200000 };
    struct node *list = begin(world, SHORT_NS);
    gc_heap *heap = world->heap;
    heap->pacing.room = 1 << 20;
    heap->pacing.ns_per_byte = 1e-6; /* it was fast before, or so it seems */
    size_t begun = heap->bytes_live, room = heap->pacing.room, seen = 0;
    uint64_t slices = 0;
    while (is_in_cycle(heap)) {
        size_t beyond = heap->bytes_live > begun + room ? heap->bytes_live - begun - room : 0;
        assert_true(beyond < 4 << 20);
        grow_at_once(heap, &list);
        if (heap->cycle.report.slices > slices) {
            uint64_t most =
                beyond == 0 ? SHORT_NS : (uint64_t)DEFAULT_NS << (2 + 4 * beyond / room);
            assert_true(heap->pacing.pause_ns <= most + LOOKS_NS);
            seen += heap->pacing.pause_ns > DEFAULT_NS;
        }
        slices = heap->cycle.report.slices;
    }
    assert_true(seen > 0);
    gc_decref(list);
}

/* What is allocated takes the place of what has died by its count, so nothing grows. */
static void cycle_goes_on_while_nothing_grows(void **state)
{
    struct world *world = *state;
    struct node *list = begin(world, SLICE_NS);
    gc_heap *heap = world->heap;
    enum { COUNT = 10000 };
    static struct node *nodes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        nodes[i] = node_new(heap);
    }
    assert_true(is_in_cycle(heap));
    size_t bytes = heap->bytes_live;
    for (size_t i = 0; is_in_cycle(heap); i++) {
        assert_true(i < 10000000);
        gc_set_steal(&nodes[i % COUNT], node_new(heap));
        assert_true(heap->bytes_live <= bytes);
        clock_ns += 10;
    }
    for (size_t i = 0; i < COUNT; i++) {
        gc_decref(nodes[i]);
    }
    gc_decref(list);
}

static bool let_a_second_pass(gc_heap *heap, const gc_collection *collection, void *arg)
{
    (void)heap;
    (void)collection;
    (void)arg;
    clock_ns += 1000000000;
    return true;
}

static void rest_after_a_long_pause_is_bounded(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_hook hook = { .start = let_a_second_pass };
    gc_hook_add(heap, &hook);
    (void)gc_collect(heap);
    gc_hook_remove(heap, &hook);
    assert_int_equal(heap->pacing.rest_ns, 10000000);
    clock_ns += 9000000;
    (void)gc_collect(heap);
    assert_true(heap->pacing.rest_ns >= 1000000 && heap->pacing.rest_ns < 1100000);
}

/* Slices are short while there is no hurry. */
static void slices_are_half_as_long_as_they_may_be(void **state)
{
    struct world *world = *state;
    struct node *list = begin(world, SLICE_NS);
    gc_heap *heap = world->heap;
    while (is_in_cycle(heap)) {
        struct node *node = node_new(heap);
        node->left = node;
        clock_ns += 1000;
    }
    gc_pauses pauses = stats_of(heap).phases[GC_PHASE_MARK];
    assert_true(pauses.count > 3);
    assert_true(pauses.ns_max >= SLICE_NS / 2);
    assert_true(pauses.ns_max < SLICE_NS / 4 * 3);
    gc_decref(list);
}

static void take_long(struct world *world, struct actor *actor)
{
    (void)world;
    (void)actor;
    clock_ns += 20000;
}

static void finalizers_of_a_part_end_in_slices_however_long_they_take(void **state)
{
    struct world *world = *state;
    enum { COUNT = 8000, CALLS = 4 }; /* as in src/ending.c: between two looks at the clock */
    gc_heap *heap = patient_heap_new(world);
    (void)drop_actors(heap, 1, COUNT);
    world->on_finalize = take_long;
    gci_cycle_begin(heap);
    step_to(heap, GCI_PHASE_PARTS);
    heap->cycle.part_max = COUNT;
    unsigned steps = 0;
    for (unsigned before = 0; world->finalized<COUNT; steps += world->finalized> before) {
        before = world->finalized;
        assert_true(step(heap));
        assert_true(world->finalized - before <= CALLS);
        world->story[0] = '\0';
    }
    assert_int_equal(steps, COUNT / CALLS);
    step_to_the_end(heap);
    assert_int_equal(world->destroyed, COUNT);
    world->story[0] = '\0';
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        world_test(program_has_three_quarters_of_the_time),
        world_test(cycle_comes_to_its_end_before_its_room_is_used),
        world_test(cycle_that_has_used_its_room_has_longer_and_longer_slices),
        world_test(cycle_goes_on_while_nothing_grows),
        world_test(rest_after_a_long_pause_is_bounded),
        world_test(slices_are_half_as_long_as_they_may_be),
        world_test(finalizers_of_a_part_end_in_slices_however_long_they_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
