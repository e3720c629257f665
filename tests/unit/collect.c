/* SPDX-License-Identifier: MIT */

/* When a collection is due: alarms, thresholds, and their arithmetic. */

#include "support.h"

#include "collect.h"
#include "cycle.h"

/* A heap that collects by itself, with thresholds that nothing small passes. */
static gc_config lively(void)
{
    gc_config config = {
        .thresholds = { .young_objects = 1000,
                        .young_bytes = 100000,
                        .old_growth_percent = 50,
                        .old_bytes = 1000000 },
        .stress = SIZE_MAX,
    };
    return config;
}

/* Alarms */

static void alarms_follow_the_thresholds(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    assert_int_equal(heap->young_alarm, 1000);
    assert_int_equal(heap->bytes_alarm, 100000);
    gc_thresholds other = { .young_objects = 5, .young_bytes = 600 };
    gc_set_thresholds(heap, &other);
    assert_int_equal(heap->young_alarm, 5);
    assert_int_equal(heap->bytes_alarm, 600);
}

/* While something waits to be destroyed each birth is counted, and none any more when it is
 * gone. */
static void all_births_are_alarms_until_nothing_waits(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.destroy_ns = 1;
    gc_heap *heap = world_new_heap(world, &config);
    (void)gc_disable(heap);
    struct node *list = NULL;
    for (size_t i = 0; i < 10000; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    gc_xdecref(list);
    assert_non_null(heap->backlog);
    assert_int_equal(heap->young_alarm, 0);
    (void)gc_enable(heap);
    assert_int_equal(heap->young_alarm, 0);
    while (gc_step(heap, 1000000)) {
    }
    gc_decref(node_new(heap));
    assert_int_equal(heap->young_alarm, 1000);
}

/* By the survivors of a full collection: old garbage does not make an object take longer. */
static void young_are_few_in_a_heap_that_is_large(void **state)
{
    struct world *world = *state;
    gc_config config = { .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    gc_external_add(heap, 16 << 20);
    (void)gc_collect_generation(heap, 0);
    assert_int_equal(heap->young_alarm, 32768);
    (void)gc_collect(heap);
    assert_int_equal(heap->young_alarm, 4096);
    gc_external_remove(heap, 1);
    (void)gc_collect(heap);
    assert_int_equal(heap->young_alarm, 32768);
    gc_external_remove(heap, (16 << 20) - 1);
}

/* With 128 references each, which are counted and marked, as many are examined in the same time as 1024 times 32 with
 * four. */
static void young_are_few_where_they_have_many_references(void **state)
{
    struct world *world = *state;
    gc_config config = { .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    heap->pacing.weight = 2 * 128;
    gci_collect_arm(heap);
    assert_int_equal(heap->young_alarm, 1024);
    assert_int_equal(heap->bytes_alarm, 1 << 20);
    heap->pacing.weight = SIZE_MAX;
    gci_collect_arm(heap);
    assert_int_equal(heap->young_alarm, 32768 / 64);
    struct node *node = node_new(heap);
    (void)gc_collect(heap);
    assert_int_equal(heap->young_alarm, 32768);
    gc_decref(node);
}

static void bytes_are_counted_from_the_last_collection_on(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    struct node *node = node_new(heap);
    (void)gc_collect(heap);
    assert_int_equal(heap->pacing.at_collection, heap->bytes_live);
    assert_int_equal(heap->bytes_alarm, heap->bytes_live + 100000);
    gc_decref(node);
    (void)gc_collect_generation(heap, 0);
    assert_int_equal(heap->bytes_alarm, 100000);
}

static void no_alarm_is_armed_while_disabled(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    assert_true(gc_disable(heap));
    assert_true(heap->young_alarm == SIZE_MAX && heap->bytes_alarm == SIZE_MAX);
    (void)gc_collect(heap);
    assert_true(heap->young_alarm == SIZE_MAX && heap->bytes_alarm == SIZE_MAX);
    assert_false(gc_enable(heap));
    assert_int_equal(heap->young_alarm, 1000);
    assert_int_equal(heap->bytes_alarm, 100000);
}

static void no_alarm_is_armed_at_a_heap_of_safepoints(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.collect = GC_AT_SAFEPOINT;
    gc_heap *heap = world_new_heap(world, &config);
    assert_true(heap->young_alarm == SIZE_MAX && heap->bytes_alarm == SIZE_MAX);
    gc_safepoint(heap);
    assert_true(heap->young_alarm == SIZE_MAX && heap->bytes_alarm == SIZE_MAX);
}

static void no_alarm_is_armed_while_collections_are_held(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    gci_collect_hold(heap);
    gci_collect_hold(heap);
    assert_true(heap->young_alarm == SIZE_MAX && heap->bytes_alarm == SIZE_MAX);
    assert_int_equal(heap->pinned, 2);
    gci_collect_release(heap);
    assert_true(heap->young_alarm == SIZE_MAX && heap->bytes_alarm == SIZE_MAX);
    gci_collect_release(heap);
    assert_int_equal(heap->young_alarm, 1000);
    assert_int_equal(heap->bytes_alarm, 100000);
    assert_int_equal(heap->pinned, 0);
    assert_int_equal(heap->busy, 0);
}

static void the_limit_is_an_alarm_in_every_mode(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.limit_bytes = 5000;
    gc_heap *heap = world_new_heap(world, &config);
    assert_int_equal(heap->bytes_alarm, 5000);
    (void)gc_disable(heap);
    assert_int_equal(heap->bytes_alarm, 5000);
    assert_true(heap->young_alarm == SIZE_MAX);
    (void)gc_enable(heap);
    gci_collect_hold(heap);
    assert_int_equal(heap->bytes_alarm, 5000);
    gci_collect_release(heap);
    heap->config.collect = GC_AT_SAFEPOINT;
    gci_collect_arm(heap);
    assert_int_equal(heap->bytes_alarm, 5000);
}

static void the_nearer_of_limit_and_threshold_is_the_alarm(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.limit_bytes = 100001;
    gc_heap *heap = world_new_heap(world, &config);
    assert_int_equal(heap->bytes_alarm, 100000);
    heap->config.limit_bytes = 99999;
    gci_collect_arm(heap);
    assert_int_equal(heap->bytes_alarm, 99999);
}

static void external_bytes_bring_the_alarm_nearer(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    gc_external_add(heap, 40000);
    assert_int_equal(heap->bytes_alarm, 60000);
    gc_external_add(heap, 70000);
    assert_int_equal(heap->bytes_alarm, 0);
    gc_external_remove(heap, 70000);
    assert_int_equal(heap->bytes_alarm, 60000);
    gc_external_remove(heap, 40000);
    assert_int_equal(heap->bytes_alarm, 100000);
}

static void external_bytes_count_against_the_limit_while_disabled(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.limit_bytes = 5000;
    gc_heap *heap = world_new_heap(world, &config);
    gc_external_add(heap, 4000);
    assert_int_equal(heap->bytes_alarm, 1000);
    gc_external_remove(heap, 4000);
}

static void a_heap_that_closes_sends_every_birth_the_slow_way(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    heap->closing = true;
    gci_collect_arm(heap);
    assert_int_equal(heap->young_alarm, 0);
    assert_null(gc_new(heap, &node_type));
    assert_int_equal(gc_last_error(heap), GC_ERR_CLOSING);
    heap->closing = false;
    gci_collect_arm(heap);
    gc_decref(node);
}

/* Arithmetic */

static void external_bytes_saturate(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_external_add(heap, 1000);
    gc_external_add(heap, SIZE_MAX);
    assert_true(heap->bytes_external == SIZE_MAX);
    assert_int_equal(heap->bytes_alarm, 0);
    gc_external_remove(heap, SIZE_MAX);
    assert_int_equal(heap->bytes_external, 0);
}

static void removing_more_external_bytes_than_there_are_is_a_panic_and_does_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_external_add(heap, 10);
    gc_external_remove(heap, 11);
    expect_panic(world, "gc_external_remove");
    assert_int_equal(heap->bytes_external, 10);
    gc_external_remove(heap, 10);
    gc_external_remove(heap, 0);
}

static void a_threshold_of_zero_is_the_default(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    gc_thresholds none = { 0 }, read;
    gc_set_thresholds(heap, &none);
    gc_get_thresholds(heap, &read);
    assert_int_equal(read.young_objects, 32768);
    assert_int_equal(read.young_bytes, 1 << 20);
    assert_int_equal(read.old_growth_percent, 50);
    assert_int_equal(read.old_bytes, 4 << 20);
}

static void thresholds_of_size_max_are_alarms_that_never_ring(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    struct node *node = node_new(heap);
    (void)gc_collect(heap);
    uint64_t collections = heap->generations[0].collections;
    gc_thresholds never = { SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX };
    gc_set_thresholds(heap, &never);
    assert_true(heap->young_alarm == SIZE_MAX);
    assert_true(heap->bytes_alarm == SIZE_MAX); /* and does not wrap around */
    gc_external_add(heap, SIZE_MAX / 2);
    gc_safepoint(heap);
    assert_int_equal(heap->generations[0].collections, collections);
    gc_external_remove(heap, SIZE_MAX / 2);
    gc_decref(node);
}

static void no_number_of_external_bytes_passes_a_threshold_of_size_max(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.thresholds = (gc_thresholds){ SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    gc_external_add(heap, SIZE_MAX);
    gc_safepoint(heap);
    assert_int_equal(heap->generations[0].collections, 0);
    gc_external_remove(heap, SIZE_MAX);
}

/* Whether a full collection follows a young one, when the last full one left `left` bytes, and
 * `now` bytes are in use. External bytes stand for all. */
static bool is_full_due(gc_heap *heap, size_t left, size_t now, size_t percent, size_t old_bytes)
{
    gc_thresholds thresholds = { .young_objects = SIZE_MAX,
                                 .young_bytes = 1,
                                 .old_growth_percent = percent,
                                 .old_bytes = old_bytes };
    assert_int_equal(heap->bytes_live, 0);
    heap->config.slice_ns = SIZE_MAX;
    heap->bytes_external = now;
    heap->pacing.at_collection = 0;
    heap->pacing.alive = left;
    gc_set_thresholds(heap, &thresholds);
    uint64_t young = heap->generations[0].collections, full = heap->generations[1].collections;
    gc_safepoint(heap);
    assert_int_equal(heap->generations[0].collections, young + 1);
    bool due = heap->generations[1].collections != full;
    heap->bytes_external = 0;
    return due;
}

static void everything_is_collected_when_the_old_have_grown_by_the_percentage(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    assert_false(is_full_due(heap, 10000, 14999, 50, 1000));
    assert_true(is_full_due(heap, 10000, 15000, 50, 1000));
    assert_false(is_full_due(heap, 10000, 19999, 100, 1000));
    assert_true(is_full_due(heap, 10000, 20000, 100, 1000));
    assert_false(is_full_due(heap, 10000, 39999, 300, 1000));
    assert_true(is_full_due(heap, 10000, 40000, 300, 1000));
}

static void a_growth_below_old_bytes_is_not_worth_it(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    assert_false(is_full_due(heap, 10000, 17999, 50, 8000));
    assert_true(is_full_due(heap, 10000, 18000, 50, 8000));
    assert_false(is_full_due(heap, 10000, 17999, 1, 8000));
}

static void growth_from_nothing_is_measured_by_old_bytes(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    assert_false(is_full_due(heap, 0, 999, 50, 1000));
    assert_true(is_full_due(heap, 0, 1000, 50, 1000));
    assert_true(is_full_due(heap, 0, 1000, SIZE_MAX - 1, 1000));
    assert_false(is_full_due(heap, 99, 1098, 50, 1000));
    assert_true(is_full_due(heap, 99, 1099, 50, 1000));
}

static void a_heap_that_shrank_is_not_collected_in_full(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    assert_false(is_full_due(heap, 1000000, 10, 1, 1));
}

static void growth_of_size_max_never_comes(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    assert_false(is_full_due(heap, 1000, SIZE_MAX, SIZE_MAX, 1));
    assert_false(is_full_due(heap, 1000, SIZE_MAX, 1, SIZE_MAX));
    assert_false(is_full_due(heap, 0, SIZE_MAX, SIZE_MAX, 1));
}

static void growth_that_overflows_saturates(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    assert_false(is_full_due(heap, SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX - 1, 1));
    assert_false(is_full_due(heap, SIZE_MAX / 2, SIZE_MAX - 1, 200, 1));
    /* The smallest percentage that overflows would wrap around to a small growth. */
    size_t percent = SIZE_MAX / (SIZE_MAX / 2 / 100) + 1;
    assert_false(is_full_due(heap, SIZE_MAX / 2, SIZE_MAX - 1, percent, 1));
    assert_false(is_full_due(heap, SIZE_MAX - 10, SIZE_MAX - 1, 50, 1));
    assert_true(is_full_due(heap, SIZE_MAX / 2, SIZE_MAX - 1, 50, 1));
}

/* Collections that start by themselves */

static void the_birth_after_the_threshold_of_young_objects_collects(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.thresholds.young_objects = 10;
    gc_heap *heap = world_new_heap(world, &config);
    struct node *nodes[11];
    for (size_t i = 0; i < 10; i++) {
        nodes[i] = node_new(heap);
        assert_int_equal(heap->generations[0].collections, 0);
    }
    nodes[10] = node_new(heap);
    assert_int_equal(heap->generations[0].collections, 1);
    assert_int_equal(heap->young_objects, 1); /* the new one, which did not exist then */
    for (size_t i = 0; i < 11; i++) {
        gc_decref(nodes[i]);
    }
}

static void those_that_died_do_not_count(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.thresholds.young_objects = 10;
    gc_heap *heap = world_new_heap(world, &config);
    for (size_t i = 0; i < 1000; i++) {
        gc_decref(node_new(heap));
    }
    assert_int_equal(heap->generations[0].collections, 0);
}

static void growth_by_leaves_collects_too(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    struct string *strings[12];
    for (size_t i = 0; i < 12; i++) {
        strings[i] = gc_new_var(heap, &string_type, 10000);
        assert_non_null(strings[i]);
    }
    assert_true(heap->generations[0].collections >= 1);
    for (size_t i = 0; i < 12; i++) {
        gc_decref(strings[i]);
    }
}

static void external_bytes_collect_at_the_next_birth_and_not_before(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    gc_external_add(heap, 100000);
    assert_int_equal(heap->generations[0].collections, 0);
    struct node *node = node_new(heap);
    assert_int_equal(heap->generations[0].collections, 1);
    gc_decref(node);
    gc_external_remove(heap, 100000);
}

static void a_safepoint_collects_only_what_is_due(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.collect = GC_AT_SAFEPOINT;
    config.thresholds.young_objects = 4;
    gc_heap *heap = world_new_heap(world, &config);
    drop_a_node_circle(heap);
    gc_safepoint(heap);
    assert_int_equal(heap->generations[0].collections, 0);
    drop_a_node_circle(heap);
    drop_a_node_circle(heap);
    assert_int_equal(heap->generations[0].collections, 0);
    gc_safepoint(heap);
    assert_int_equal(heap->generations[0].collections, 1);
    assert_int_equal(heap->generations[0].collected, 6);
    gc_safepoint(heap);
    assert_int_equal(heap->generations[0].collections, 1);
}

static void a_step_without_budget_does_nothing(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.collect = GC_AT_SAFEPOINT;
    gc_heap *heap = world_new_heap(world, &config);
    gc_external_add(heap, 200000);
    assert_false(gc_step(heap, 0));
    assert_int_equal(heap->generations[0].collections, 0);
    assert_false(gc_step(heap, 1));
    assert_int_equal(heap->generations[0].collections, 1);
    gc_external_remove(heap, 200000);
}

static void nothing_starts_while_disabled_or_held(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    gc_heap *heap = world_new_heap(world, &config);
    gc_external_add(heap, 200000);
    (void)gc_disable(heap);
    gc_safepoint(heap);
    gc_decref(node_new(heap));
    (void)gc_enable(heap);
    gci_collect_hold(heap);
    gc_safepoint(heap);
    gc_decref(node_new(heap));
    assert_int_equal(gc_collect(heap), 0);
    gci_collect_release(heap);
    assert_int_equal(heap->generations[0].collections + heap->generations[1].collections, 0);
    gc_external_remove(heap, 200000);
}

/* Collections that are asked for */

static void a_young_collection_makes_survivors_old_and_leaves_old_garbage(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(a->object.gc, heap->old);
    gc_decref(a);
    gc_decref(b);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect_generation(heap, 0), 2);
    assert_live(heap, 2);
    assert_int_equal(gc_collect_generation(heap, 1), 2);
    assert_live(heap, 0);
    assert_int_equal(heap->generations[0].collections, 2);
    assert_int_equal(heap->generations[1].collections, 1);
    assert_int_equal(heap->generations[0].collected, 2);
    assert_int_equal(heap->generations[1].collected, 2);
}

static void the_old_states_change_places_at_full_collections_only(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    unsigned before = heap->old;
    (void)gc_collect_generation(heap, 0);
    assert_int_equal(heap->old, before);
    (void)gc_collect_generation(heap, 1);
    assert_int_not_equal(heap->old, before);
    assert_int_equal(node->object.gc, heap->old);
    (void)gc_collect_generation(heap, 1);
    assert_int_equal(heap->old, before);
    assert_int_equal(node->object.gc, heap->old);
    gc_decref(node);
}

static void a_young_collection_does_not_move_the_mark_of_the_last_full_one(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_external_add(heap, 500);
    (void)gc_collect(heap);
    gc_external_add(heap, 500);
    (void)gc_collect_generation(heap, 0);
    assert_int_equal(heap->pacing.alive, 500);
    assert_int_equal(heap->pacing.at_collection, 1000);
    gc_external_remove(heap, 1000);
}

static void pauses_are_recorded(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)gc_collect(heap);
    (void)gc_collect(heap);
    const struct gci_pauses *pauses = &heap->pauses[GC_PHASE_FULL];
    assert_true(pauses->ns_total > 0);
    assert_true(pauses->ns_max <= pauses->ns_total);
    assert_true(pauses->ns_max >= pauses->ns_total / 2);
}

/* Shortage */

static void a_birth_beyond_the_limit_collects_first_even_while_disabled(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.limit_bytes = 4 * sizeof(struct node);
    gc_heap *heap = world_new_heap(world, &config);
    drop_a_node_circle(heap);
    drop_a_node_circle(heap);
    struct node *node = node_new(heap);
    assert_int_equal(heap->generations[1].collections, 1);
    assert_live(heap, 1);
    gc_decref(node);
}

static void at_a_heap_of_safepoints_a_shortage_does_not_collect(void **state)
{
    struct world *world = *state;
    gc_config config = { .collect = GC_AT_SAFEPOINT, .limit_bytes = 4 * sizeof(struct node) };
    gc_heap *heap = world_new_heap(world, &config);
    drop_a_node_circle(heap);
    drop_a_node_circle(heap);
    assert_null(gc_new(heap, &node_type));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    assert_int_equal(heap->generations[1].collections, 0);
}

static void while_held_a_shortage_does_not_collect(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.limit_bytes = 2 * sizeof(struct node);
    gc_heap *heap = world_new_heap(world, &config);
    drop_a_node_circle(heap);
    gci_collect_hold(heap);
    assert_null(gc_new(heap, &node_type));
    gci_collect_release(heap);
    assert_int_equal(heap->generations[1].collections, 0);
    gc_decref(node_new(heap));
    assert_int_equal(heap->generations[1].collections, 1);
}

/* Slices */

static void drop_a_ring_with_leaves(gc_heap *heap, unsigned count)
{
    struct node *last = node_new(heap), *first = last;
    for (unsigned i = 1; i < count; i++) {
        struct node *node = node_new(heap);
        node->left = first;
        node->right = (struct node *)(void *)leaf_new(heap, i);
        first = node;
    }
    last->left = first;
}

/* Slices of one range, to the end of the cycle. */
static void step_to_the_end(gc_heap *heap)
{
    while (gc_step(heap, 1)) {
    }
}

static void growth_in_a_cycle_counts_from_where_the_heap_has_shrunk(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.thresholds.young_bytes = SIZE_MAX;
    gc_heap *heap = world_new_heap(world, &config);
    gci_cycle_begin(heap);
    heap->pacing.looked = heap->bytes_live + 5000000;
    gc_external_add(heap, 6000000);
    assert_int_equal(heap->bytes_alarm, 0);
    gc_external_remove(heap, 6000000);
    assert_int_equal(heap->bytes_alarm, heap->bytes_live + 4096);
}

/* The default thresholds, where next to nothing was found for some time. */
static gc_heap *barren_heap_new(struct world *world)
{
    gc_config config = { .thresholds = { .old_bytes = SIZE_MAX },
                         .collect = GC_AT_SAFEPOINT,
                         .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    heap->pacing.barren = 3;
    return heap;
}

static void look_after_a_promotion_waits_for_who_comes_then(void **state)
{
    struct world *world = *state;
    gc_heap *heap = barren_heap_new(world);
    struct node *list = NULL;
    for (size_t i = 0; i < 8 * 32768; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    assert_true(gc_step(heap, 1)); /* they are made old unseen */
    assert_true(heap->cycle.only_promotes);
    step_to_the_end(heap);
    assert_int_equal(heap->young_objects, 0);
    assert_int_equal(heap->pacing.at_collection, heap->bytes_live);
    gc_safepoint(heap);
    assert_int_equal(heap->generations[0].collections, 0);
    for (size_t i = 0; i < 17000; i++) {
        drop_a_node_circle(heap);
    }
    gc_safepoint(heap);
    assert_int_equal(heap->generations[0].collections, 1);
    assert_int_equal(heap->pacing.barren, 0); /* it was worth it */
    gc_decref(list);
}

/* The report may still be that of a cycle which was cut short, and whose stop is due. */
static void slices_of_a_promotion_are_none_of_a_collection(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, &(gc_config){ .collect = GC_AT_SAFEPOINT });
    struct node *node = node_new(heap);
    heap->cycle.report.slices = 7;
    heap->cycle.report.duration_ns = 77;
    gci_cycle_promote(heap);
    step_to_the_end(heap);
    assert_int_equal(heap->cycle.report.slices, 7);
    assert_int_equal(heap->cycle.report.duration_ns, 77);
    assert_true(stats_of(heap).phases[GC_PHASE_PROMOTE].count > 0);
    assert_int_equal(stats_of(heap).phases[GC_PHASE_FULL].count, 0);
    gc_decref(node);
}

static void slice_that_examines_parts_is_one_that_rechecks(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, &(gc_config){ .collect = GC_AT_SAFEPOINT });
    drop_a_ring_with_leaves(heap, 60000);
    gci_cycle_begin(heap);
    while (heap->cycle.phase != GCI_PHASE_PARTS) {
        assert_true(gc_step(heap, 1));
    }
    assert_int_equal(stats_of(heap).phases[GC_PHASE_RECHECK].count, 0);
    assert_true(gc_step(heap, 1));
    assert_int_equal(stats_of(heap).phases[GC_PHASE_RECHECK].count, 1);
    step_to_the_end(heap);
    assert_live(heap, 0);
}

static void cycle_that_is_begun_again_has_what_is_left_of_the_room(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.thresholds.old_growth_percent = 1;
    config.thresholds.old_bytes = 1000;
    config.collect = GC_AT_SAFEPOINT;
    gc_heap *heap = world_new_heap(world, &config);
    struct node *node = node_new(heap);
    gc_external_add(heap, 200000);
    assert_true(gc_step(heap, 1));
    size_t begun = heap->pacing.begun;
    assert_int_equal(begun, heap->bytes_live + 200000);
    assert_sound(heap); /* which ends it */
    gc_external_add(heap, 200000);
    assert_true(gc_step(heap, 1));
    assert_int_equal(heap->pacing.begun, begun);
    assert_sound(heap);
    gc_external_remove(heap, 300000);
    heap->pacing.put_off = 0;
    assert_true(gc_step(heap, 1));
    assert_int_equal(heap->pacing.begun, heap->bytes_live + 100000);
    step_to_the_end(heap);
    assert_int_equal(heap->pacing.begun, 0);
    gc_external_remove(heap, 100000);
    gc_decref(node);
}

static void check_in_a_leaf(struct world *world, struct leaf *leaf)
{
    (void)leaf;
    expect(world, gc_check(world->heap));
}

static void cycle_that_a_callback_ends_while_it_frees_is_in_the_books(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.thresholds.old_bytes = 1000;
    config.collect = GC_AT_SAFEPOINT;
    gc_heap *heap = world_new_heap(world, &config);
    drop_a_ring_with_leaves(heap, 600);
    (void)gc_collect_generation(heap, 0);
    assert_int_equal(heap->generations[0].collected, 600);
    struct node *node = node_new(heap);
    gci_cycle_begin(heap);
    assert_int_equal(heap->generations[1].collections, 0);
    step_to_the_end(heap);
    assert_int_equal(heap->generations[1].collections, 1);
    world->on_leaf = check_in_a_leaf;
    drop_a_ring_with_leaves(heap, 600);
    gci_cycle_begin(heap);
    step_to_the_end(heap);
    assert_int_equal(heap->generations[1].collections, 2);
    assert_int_equal(heap->generations[1].collected, 600);
    gc_decref(node);
}

static void step_of_a_disabled_heap_has_nothing_more_to_do(void **state)
{
    struct world *world = *state;
    gc_config config = lively();
    config.collect = GC_AT_SAFEPOINT;
    gc_heap *heap = world_new_heap(world, &config);
    struct node *node = node_new(heap);
    gci_cycle_begin(heap);
    assert_true(gc_step(heap, 1));
    (void)gc_disable(heap);
    assert_false(gc_step(heap, 1));
    (void)gc_enable(heap);
    assert_true(gc_step(heap, 0));
    step_to_the_end(heap);
    gc_decref(node);
}

/* Who lives on */

/* Circles of one are dropped until the young have been collected. */
static void drop_until_collected(gc_heap *heap, bool finalizers)
{
    struct world *world = gc_heap_user_data(heap);
    uint64_t collections = stats_of(heap).generations[0].collections;
    while (stats_of(heap).generations[0].collections == collections) {
        if (finalizers) {
            struct actor *actor = actor_new(heap, 1);
            actor->left = actor;
        } else {
            struct node *node = node_new(heap);
            node->left = node;
        }
        world->story[0] = '\0';
    }
}

/* So many nodes in a row. */
static void hold_nodes(gc_heap *heap, struct node **nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        nodes[i] = node_new(heap);
    }
}

static void drop_nodes(struct node **nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gc_decref(nodes[i]);
    }
}

static void assert_all_are(struct node *const *nodes, size_t count, uint32_t state)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(nodes[i]->object.gc, state);
    }
}

enum { FEW = 100, MANY = 2000 };

static void few_who_live_on_stay_young_until_they_are_many(void **state)
{
    struct world *world = *state;
    for (unsigned finalizers = 0; finalizers < 2; finalizers++) {
        gc_config config = { .stress = SIZE_MAX };
        gc_heap *heap = world_new_heap(world, &config);
        struct node *first[FEW], *second[FEW], *third[MANY], *fourth[FEW];
        hold_nodes(heap, first, FEW);
        drop_until_collected(heap, finalizers);
        assert_all_are(first, FEW, GCI_YOUNG);
        (void)gc_collect_generation(heap, 0);
        assert_all_are(first, FEW, heap->old);
        drop_until_collected(heap, finalizers);
        hold_nodes(heap, second, FEW);
        for (unsigned i = 0; i < 3; i++) {
            drop_until_collected(heap, finalizers);
            assert_all_are(second, FEW, GCI_YOUNG);
            assert_in_range(heap->young_objects, FEW, FEW + 1); /* and the one that was born then */
            assert_sound(heap);
        }
        second[1]->left = second[0]; /* garbage with what is born now, */
        gc_decref(second[2]);        /* and dead */
        second[0]->left = gc_newref(second[1]);
        gc_decref(second[1]);
        uint64_t collected = stats_of(heap).generations[0].collected;
        size_t young = heap->young_objects;
        drop_until_collected(heap, finalizers);
        assert_true(stats_of(heap).generations[0].collected - collected > young);
        assert_all_are(second + 3, FEW - 3, GCI_YOUNG);
        assert_in_range(heap->young_objects, FEW - 3, FEW - 2);
        hold_nodes(heap, third, MANY);
        drop_until_collected(heap, finalizers);
        assert_all_are(second + 3, FEW - 3, heap->old);
        assert_all_are(third, MANY, heap->old);
        assert_in_range(heap->young_objects, 0, 1);
        assert_sound(heap);
        hold_nodes(heap, fourth, FEW);
        drop_until_collected(heap, finalizers);
        assert_all_are(fourth, FEW,
                       heap->old); /* it was not to be expected that they would be few */
        drop_nodes(first, FEW);
        drop_nodes(second + 3, FEW - 3);
        drop_nodes(third, MANY);
        drop_nodes(fourth, FEW);
        (void)gc_collect(heap);
        assert_live(heap, 0);
        world_free_heap(world);
        world->story[0] = '\0';
    }
}

/* To walk so many pages again would take longer than to look at them. */
static void few_who_live_on_in_many_pages_are_old(void **state)
{
    struct world *world = *state;
    gc_config config = { .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    struct node *nodes[FEW];
    for (unsigned i = 0; i < 3; i++) {
        drop_until_collected(heap, false);
        assert_true(heap->few_live_on);
    }
    for (size_t k = 0; k < FEW; k++) {
        nodes[k] = node_new(heap);
        for (unsigned i = 0; i < 300; i++) {
            struct node *node = node_new(heap);
            node->left = node;
        }
    }
    drop_until_collected(heap, false);
    assert_false(heap->few_live_on);
    assert_all_are(nodes, FEW, heap->old);
    assert_sound(heap);
    drop_nodes(nodes, FEW);
    (void)gc_collect(heap);
}

static void who_lives_on_is_old_when_the_program_collects_or_a_cycle_begins(void **state)
{
    struct world *world = *state;
    for (unsigned how = 0; how < 3; how++) {
        gc_config config = { .stress = SIZE_MAX };
        gc_heap *heap = world_new_heap(world, &config);
        struct node *nodes[FEW];
        for (unsigned i = 0; i < 3; i++) {
            drop_until_collected(heap, false);
        }
        hold_nodes(heap, nodes, FEW);
        drop_until_collected(heap, false);
        assert_all_are(nodes, FEW, GCI_YOUNG);
        for (unsigned i = 0; i < 100 * FEW; i++) {
            struct node *node = node_new(heap);
            node->left = node;
        }
        if (how == 0) {
            (void)gc_collect_generation(heap, 0);
        } else if (how == 1) {
            (void)gc_collect(heap);
        } else {
            gci_cycle_begin(heap);
            while (gc_step(heap, UINT64_MAX)) {
            }
        }
        assert_all_are(nodes, FEW, heap->old);
        assert_int_equal(heap->young_objects, 0);
        assert_sound(heap);
        drop_nodes(nodes, FEW);
        world_free_heap(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(alarms_follow_the_thresholds),
        world_test(all_births_are_alarms_until_nothing_waits),
        world_test(young_are_few_in_a_heap_that_is_large),
        world_test(young_are_few_where_they_have_many_references),
        world_test(bytes_are_counted_from_the_last_collection_on),
        world_test(no_alarm_is_armed_while_disabled),
        world_test(no_alarm_is_armed_at_a_heap_of_safepoints),
        world_test(no_alarm_is_armed_while_collections_are_held),
        world_test(the_limit_is_an_alarm_in_every_mode),
        world_test(the_nearer_of_limit_and_threshold_is_the_alarm),
        world_test(external_bytes_bring_the_alarm_nearer),
        world_test(external_bytes_count_against_the_limit_while_disabled),
        world_test(a_heap_that_closes_sends_every_birth_the_slow_way),
        world_test(external_bytes_saturate),
        world_test(removing_more_external_bytes_than_there_are_is_a_panic_and_does_nothing),
        world_test(a_threshold_of_zero_is_the_default),
        world_test(thresholds_of_size_max_are_alarms_that_never_ring),
        world_test(no_number_of_external_bytes_passes_a_threshold_of_size_max),
        world_test(everything_is_collected_when_the_old_have_grown_by_the_percentage),
        world_test(a_growth_below_old_bytes_is_not_worth_it),
        world_test(growth_from_nothing_is_measured_by_old_bytes),
        world_test(a_heap_that_shrank_is_not_collected_in_full),
        world_test(growth_of_size_max_never_comes),
        world_test(growth_that_overflows_saturates),
        world_test(the_birth_after_the_threshold_of_young_objects_collects),
        world_test(those_that_died_do_not_count),
        world_test(growth_by_leaves_collects_too),
        world_test(external_bytes_collect_at_the_next_birth_and_not_before),
        world_test(a_safepoint_collects_only_what_is_due),
        world_test(a_step_without_budget_does_nothing),
        world_test(nothing_starts_while_disabled_or_held),
        world_test(a_young_collection_makes_survivors_old_and_leaves_old_garbage),
        world_test(the_old_states_change_places_at_full_collections_only),
        world_test(a_young_collection_does_not_move_the_mark_of_the_last_full_one),
        world_test(pauses_are_recorded),
        world_test(a_birth_beyond_the_limit_collects_first_even_while_disabled),
        world_test(at_a_heap_of_safepoints_a_shortage_does_not_collect),
        world_test(while_held_a_shortage_does_not_collect),
        world_test(growth_in_a_cycle_counts_from_where_the_heap_has_shrunk),
        world_test(look_after_a_promotion_waits_for_who_comes_then),
        world_test(slices_of_a_promotion_are_none_of_a_collection),
        world_test(slice_that_examines_parts_is_one_that_rechecks),
        world_test(cycle_that_is_begun_again_has_what_is_left_of_the_room),
        world_test(cycle_that_a_callback_ends_while_it_frees_is_in_the_books),
        world_test(step_of_a_disabled_heap_has_nothing_more_to_do),
        world_test(few_who_live_on_stay_young_until_they_are_many),
        world_test(few_who_live_on_in_many_pages_are_old),
        world_test(who_lives_on_is_old_when_the_program_collects_or_a_cycle_begins),
    };
    return cmocka_run_group_tests_name("collect", tests, NULL, NULL);
}
