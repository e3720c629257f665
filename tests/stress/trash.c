/* SPDX-License-Identifier: MIT */
/* How much garbage there is: bounded by what is alive, whatever the program does. */

#include "../support.h"

enum { RING = 10, NODE = sizeof(struct node), SLACK = 8 << 20 };

/* A ring of nodes with a reference to it. */
static struct node *ring_new(gc_heap *heap)
{
    struct node *first = node_new(heap), *last = first;
    for (unsigned i = 1; i < RING; i++) {
        struct node *next = node_new(heap);
        gc_set(&next->left, last);
        gc_set_steal(&last->right, next);
        last = next;
    }
    gc_set(&last->right, first);
    return first;
}

static uint64_t in_use(gc_heap *heap)
{
    gc_stats stats = stats_of(heap);
    return stats.bytes_live + stats.bytes_external;
}

/* Rings take the place of the oldest. */
struct window {
    struct node **rings;
    size_t count, next;
    uint64_t most; /* bytes in use while they do */
};

static struct window window_new(gc_heap *heap, size_t count)
{
    struct window window = { .rings = calloc(count, sizeof(*window.rings)), .count = count };
    assert_non_null(window.rings);
    for (size_t i = 0; i < count; i++) {
        window.rings[i] = ring_new(heap);
    }
    return window;
}

static void turn_over(gc_heap *heap, struct window *window, size_t rings)
{
    for (size_t i = 0; i < rings; i++) {
        gc_set_steal(&window->rings[window->next++ % window->count], ring_new(heap));
        if (i % 64 == 0) {
            uint64_t now = in_use(heap);
            window->most = now > window->most ? now : window->most;
        }
    }
}

static void window_drop(struct window *window)
{
    for (size_t i = 0; i < window->count; i++) {
        gc_clear(&window->rings[i]);
    }
    free(window->rings);
}

static gc_config unstressed(void)
{
    return (gc_config){ .stress = SIZE_MAX };
}

/* So many rings of ten in the place of the oldest, `count` alive. Returns the most bytes in use
 * beyond `below`. */
static uint64_t peak_of(gc_heap *heap, size_t count, size_t rings, uint64_t below)
{
    struct window window = window_new(heap, count);
    turn_over(heap, &window, rings);
    window_drop(&window);
    return window.most - below;
}

static void steady_program_has_as_much_garbage_as_is_alive_at_most(void **state)
{
    struct world *world = *state;
    for (size_t count = 1; count <= 30000; count = count * 5 + 1) {
        gc_config config = unstressed();
        gc_heap *heap = world_new_heap(world, &config);
        assert_in_range(peak_of(heap, count, scaled(10 * count + 100000), 0), 1,
                        2 * count * RING * NODE + SLACK);
        (void)gc_collect(heap);
        world_free_heap(world);
    }
}

static void what_is_frozen_does_not_make_room_for_garbage(void **state)
{
    gc_config config = unstressed();
    gc_heap *heap = world_new_heap(*state, &config);
    enum { COUNT = 10000 }; /* so that they live through a collection of the young */
    struct window frozen = window_new(heap, 60000);
    (void)gc_freeze(heap);
    uint64_t peak = peak_of(heap, COUNT, scaled(200000), in_use(heap));
    assert_in_range(peak, 1, 2 * COUNT * RING * NODE + SLACK);
    (void)gc_unfreeze(heap);
    window_drop(&frozen);
    (void)gc_collect(heap);
}

static void peak_is_no_base_for_what_comes_after(void **state)
{
    gc_config config = unstressed();
    gc_heap *heap = world_new_heap(*state, &config);
    enum { COUNT = 10000 };
    struct node *list = NULL;
    for (size_t i = 0; i < 1000000; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    (void)gc_collect(heap);
    gc_clear(&list);
    assert_in_range(peak_of(heap, COUNT, scaled(200000), 0), 1, 2 * COUNT * RING * NODE + SLACK);
    (void)gc_collect(heap);
}

static void less_garbage_is_kept_where_the_program_says_so(void **state)
{
    struct world *world = *state;
    uint64_t peaks[2];
    for (unsigned i = 0; i < 2; i++) {
        gc_config config = unstressed();
        config.trash_percent = i == 0 ? 100 : 20;
        config.thresholds.old_bytes = 100000;
        gc_heap *heap = world_new_heap(world, &config);
        peaks[i] = peak_of(heap, 20000, 50000, 0);
        (void)gc_collect(heap);
        world_free_heap(world);
    }
    uint64_t alive = (uint64_t)20000 * RING * NODE;
    assert_in_range(peaks[0], alive / 100 * 140, 2 * alive + SLACK);
    assert_in_range(peaks[1], alive, alive / 100 * 120 + (1 << 20));
}

static void old_are_collected_though_the_program_collects_the_young(void **state)
{
    gc_config config = unstressed();
    gc_heap *heap = world_new_heap(*state, &config);
    enum { COUNT = 500 };
    struct window window = window_new(heap, COUNT);
    for (size_t frame = 0; frame < 600 + scaled(2000); frame++) {
        turn_over(heap, &window, 100);
        (void)gc_collect_generation(heap, 0);
    }
    assert_in_range(window.most, 1, 2 * COUNT * RING * NODE + SLACK);
    assert_true(stats_of(heap).generations[1].collections > 0);
    window_drop(&window);
    (void)gc_collect(heap);
}

static void old_are_collected_though_the_young_never_are(void **state)
{
    gc_config config = unstressed();
    config.thresholds.young_objects = config.thresholds.young_bytes = SIZE_MAX;
    gc_heap *heap = world_new_heap(*state, &config);
    assert_in_range(peak_of(heap, 500, 30000, 0), 1, 2 * 500 * RING * NODE + SLACK);
    assert_true(stats_of(heap).generations[1].collections > 0);
    (void)gc_collect(heap);
}

static void estimate_of_the_garbage_is_none_after_a_full_collection(void **state)
{
    gc_config config = unstressed();
    gc_heap *heap = world_new_heap(*state, &config);
    struct window window = window_new(heap, 100);
    (void)gc_collect(heap);
    assert_int_equal(stats_of(heap).bytes_trash, 0);
    uint64_t before = in_use(heap);
    turn_over(heap, &window, 50);
    gc_external_add(heap, 1000);
    assert_int_equal(stats_of(heap).bytes_trash, in_use(heap) - before);
    gc_external_remove(heap, 1000);
    (void)gc_collect(heap);
    assert_int_equal(stats_of(heap).bytes_trash, 0);
    window_drop(&window);
    (void)gc_collect(heap);
}

static void break_the_ring(struct world *world, struct actor *actor)
{
    (void)world;
    gc_clear(&actor->left);
}

static void garbage_that_its_finalizer_ends_was_collected(void **state)
{
    struct world *world = *state;
    gc_config config = { .collect = GC_AT_SAFEPOINT,
                         .thresholds = { .old_growth_percent = 1, .old_bytes = 1 },
                         .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    enum { COUNT = 2000 };
    struct actor *actors[COUNT];
    world->on_finalize = break_the_ring;
    for (unsigned i = 0; i < COUNT; i++) {
        actors[i] = actor_new(heap, 1);
        gc_set(&actors[i]->left, actors[i]);
    }
    (void)gc_collect(heap);
    gc_external_add(heap, 4 << 20);
    for (unsigned i = 0; i < COUNT; i++) {
        gc_decref(actors[i]);
    }
    while (gc_step(heap, 1)) {
        world->story[0] = '\0';
    }
    gc_external_remove(heap, 4 << 20);
    world->story[0] = '\0';
    assert_live(heap, 0);
    assert_int_equal(stats_of(heap).generations[1].collected, COUNT);
    assert_int_equal(stats_of(heap).died_by_count, 0);
}

static int visit_nothing(void *object, void *arg)
{
    (void)object;
    (void)arg;
    return 0;
}

static void question_about_one_object_leaves_a_cycle_as_it_is(void **state)
{
    gc_config config = { .collect = GC_AT_SAFEPOINT, .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    struct window window = window_new(heap, 20000);
    size_t steps = 0;
    (void)gc_collect(heap);
    gc_external_add(heap, 8 << 20); /* so that a cycle is due */
    while (gc_step(heap, 1)) {
        assert_true(++steps < 1000000);
        (void)gc_referents(window.rings[0], visit_nothing, NULL);
    }
    assert_true(steps > 10);
    assert_int_equal(stats_of(heap).generations[1].collections, 2);
    gc_external_remove(heap, 8 << 20);
    window_drop(&window);
    (void)gc_collect(heap);
}

/* Two cycles at most, where each look gives one up. */
static void looks_do_not_begin_a_cycle_each(void **state)
{
    gc_config config = unstressed();
    config.slice_ns = 1;
    gc_heap *heap = world_new_heap(*state, &config);
    struct window window = window_new(heap, 30000);
    (void)gc_collect(heap);
    uint64_t counted = stats_of(heap).phases[GC_PHASE_COUNT].count;
    gc_external_add(heap, 8 << 20); /* it is due, */
    for (unsigned i = 0; i < 1000; i++) {
        gc_decref(node_new(heap)); /* and begins, */
        gc_safepoint(heap);
        assert_int_equal(gc_referrers(heap, window.rings[0], visit_nothing, NULL),
                         0); /* and ends */
    }
    assert_in_range(stats_of(heap).phases[GC_PHASE_COUNT].count - counted, 0, 2);
    gc_external_remove(heap, 8 << 20);
    window_drop(&window);
    (void)gc_collect(heap);
}

static bool veto_the_old(gc_heap *heap, const gc_collection *collection, void *arg)
{
    unsigned *asked = arg;
    (void)heap;
    *asked += collection->generation == 1;
    return collection->generation == 0;
}

static void hook_that_forbids_is_asked_now_and_then(void **state)
{
    gc_config config = unstressed();
    gc_heap *heap = world_new_heap(*state, &config);
    unsigned asked = 0;
    gc_hook hook = { .start = veto_the_old, .arg = &asked };
    gc_hook_add(heap, &hook);
    struct window window = window_new(heap, 30000);
    turn_over(heap, &window, 30000);
    assert_in_range(asked, 1, 40); /* of 14 MB, at 4, and at each half beyond */
    gc_hook_remove(heap, &hook);
    window_drop(&window);
    (void)gc_collect(heap);
}

/* A cache at its limit, which drops its oldest when a birth fails. */
static void limit_at_which_nothing_is_garbage_is_not_searched_each_time(void **state)
{
    gc_config config = unstressed();
    config.limit_bytes = 4 << 20;
    gc_heap *heap = world_new_heap(*state, &config);
    enum { MOST = (4 << 20) / NODE, FAILURES = 300 };
    static struct node *cache[MOST + 1];
    size_t count = 0;
    while ((cache[count] = gc_new(heap, &node_type)) != NULL) {
        assert_true(++count <= MOST);
    }
    for (size_t i = 0; i < FAILURES; i++) {
        assert_null(gc_new(heap, &node_type));
        gc_clear(&cache[i]);
        cache[i] = node_new(heap);
    }
    assert_in_range(stats_of(heap).generations[1].collections, 5, 30);
    for (size_t i = 0; i < count; i++) {
        gc_set(&cache[i]->left, cache[i]); /* all of it is garbage now */
        gc_clear(&cache[i]);
    }
    struct node *node = NULL;
    for (size_t tries = 0; node == NULL; tries++) {
        assert_true(tries <= 64);
        node = gc_new(heap, &node_type);
    }
    uint64_t collections = stats_of(heap).generations[1].collections;
    for (count = 0; (cache[count] = gc_new(heap, &node_type)) != NULL; count++) {
    }
    /* That was worth it, so the next birth that fails has everything collected. */
    assert_int_equal(stats_of(heap).generations[1].collections, collections + 1);
    while (count > 0) {
        gc_decref(cache[--count]);
    }
    gc_decref(node);
    (void)gc_collect(heap);
    assert_live(heap, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        world_test(steady_program_has_as_much_garbage_as_is_alive_at_most),
        world_test(what_is_frozen_does_not_make_room_for_garbage),
        world_test(peak_is_no_base_for_what_comes_after),
        world_test(less_garbage_is_kept_where_the_program_says_so),
        world_test(old_are_collected_though_the_program_collects_the_young),
        world_test(old_are_collected_though_the_young_never_are),
        world_test(estimate_of_the_garbage_is_none_after_a_full_collection),
        world_test(garbage_that_its_finalizer_ends_was_collected),
        world_test(question_about_one_object_leaves_a_cycle_as_it_is),
        world_test(looks_do_not_begin_a_cycle_each),
        world_test(hook_that_forbids_is_asked_now_and_then),
        world_test(limit_at_which_nothing_is_garbage_is_not_searched_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
