/* SPDX-License-Identifier: MIT */
/* When collections start by themselves: by net growth, by bytes, at allocation or at safepoints, or
 * not at all. */

#include "../support.h"

/* A test of exact moments: nothing else than what it names may start a collection, and what is due
 * is done at once. */
static gc_config only(gc_thresholds thresholds)
{
    gc_config config = { .thresholds = thresholds, .slice_ns = SIZE_MAX, .stress = SIZE_MAX };
    size_t *const fields[] = { &config.thresholds.young_objects, &config.thresholds.young_bytes,
                               &config.thresholds.old_growth_percent,
                               &config.thresholds.old_bytes };
    for (size_t i = 0; i < 4; i++) {
        if (*fields[i] == 0) {
            *fields[i] = SIZE_MAX;
        }
    }
    return config;
}

static uint64_t collections(gc_heap *heap, int generation)
{
    return stats_of(heap).generations[generation].collections;
}

static uint64_t all_collections(gc_heap *heap)
{
    return collections(heap, 0) + collections(heap, 1);
}

/* `count` more nodes at the head of a list. */
static void grow(gc_heap *heap, struct node **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap);
        node->left = *list;
        *list = node;
    }
}

static struct string *string_new(gc_heap *heap, size_t size)
{
    struct string *string = gc_new_var(heap, &string_type, size);
    assert_non_null(string);
    return string;
}

/* Containers
 * ========== */

static void young_collection_starts_when_one_container_too_many_is_asked_for(void **state)
{
    gc_config config = only((gc_thresholds){ .young_objects = 100 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    for (unsigned round = 0; round < 3; round++) {
        grow(heap, &list, round == 0 ? 100 : 99);
        assert_int_equal(collections(heap, 0), round);
        assert_int_equal(stats_of(heap).generations[0].objects, 100);
        grow(heap, &list, 1);
        assert_int_equal(collections(heap, 0), round + 1);
        assert_int_equal(stats_of(heap).generations[0].objects, 1);
        assert_int_equal(stats_of(heap).generations[1].objects, 100 * (round + 1));
    }
    assert_int_equal(collections(heap, 1), 0);
    assert_sound(heap);
    gc_decref(list);
}

static void threshold_of_one_collects_at_every_container(void **state)
{
    gc_config config = only((gc_thresholds){ .young_objects = 1 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 50);
    assert_int_equal(collections(heap, 0), 49);
    gc_decref(list);
}

static void containers_that_die_young_do_not_count(void **state)
{
    gc_config config = only((gc_thresholds){ .young_objects = 100 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 90);
    for (int i = 0; i < 10000; i++) {
        gc_decref(node_new(heap));
    }
    assert_int_equal(all_collections(heap), 0);
    grow(heap, &list, 10);
    assert_int_equal(all_collections(heap), 0);
    grow(heap, &list, 1);
    assert_int_equal(collections(heap, 0), 1);
    gc_decref(list);
}

static void deaths_of_the_old_do_not_count(void **state)
{
    gc_config config = only((gc_thresholds){ .young_objects = 100 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *old = NULL, *list = NULL;
    grow(heap, &old, 100);
    (void)gc_collect(heap);
    grow(heap, &list, 90);
    gc_decref(old);
    grow(heap, &list, 10);
    assert_int_equal(collections(heap, 0), 0);
    grow(heap, &list, 1);
    assert_int_equal(collections(heap, 0), 1);
    gc_decref(list);
}

static void leaves_do_not_count(void **state)
{
    gc_config config = only((gc_thresholds){ .young_objects = 100 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct leaf *leaves[1000];
    for (unsigned i = 0; i < 1000; i++) {
        leaves[i] = leaf_new(heap, i);
    }
    assert_int_equal(all_collections(heap), 0);
    for (unsigned i = 0; i < 1000; i++) {
        gc_decref(leaves[i]);
    }
}

static void collection_by_hand_starts_the_count_again(void **state)
{
    gc_config config = only((gc_thresholds){ .young_objects = 100 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 60);
    (void)gc_collect(heap);
    grow(heap, &list, 100);
    assert_int_equal(collections(heap, 0), 0);
    grow(heap, &list, 1);
    assert_int_equal(collections(heap, 0), 1);
    gc_decref(list);
}

static uint64_t born_when_finalized;

static void note_the_births(struct world *world, struct actor *actor)
{
    (void)actor;
    born_when_finalized = stats_of(world->heap).objects_born;
}

static void collection_runs_before_the_new_object_exists(void **state)
{
    struct world *world = *state;
    gc_config config = only((gc_thresholds){ .young_objects = 2 });
    gc_heap *heap = world_new_heap(world, &config);
    world->on_finalize = note_the_births;
    drop_an_actor_circle(heap, 1);
    assert_story(world, "");
    struct node *node = node_new(heap);
    assert_int_equal(world->destroyed, 2);
    assert_int_equal(born_when_finalized, 2);
    assert_int_equal(gc_refcount(node), 1);
    assert_null(node->left);
    assert_int_equal(stats_of(heap).generations[0].objects, 1);
    gc_decref(node);
}

static void collection_by_itself_frees_garbage(void **state)
{
    gc_heap *heap = world_new_heap(*state, &(gc_config){ .thresholds = { .young_objects = 1000 } });
    size_t count = scaled(200000);
    for (size_t i = 0; i < count; i++) {
        drop_a_node_circle(heap);
        assert_true(stats_of(heap).objects_live <= 1002);
    }
    assert_sound(heap);
}

/* Bytes
 * ===== */

static void young_collection_starts_when_bytes_have_grown(void **state)
{
    gc_config config = only((gc_thresholds){ .young_bytes = 100000 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct string *strings[120];
    size_t count = 0;
    while (stats_of(heap).bytes_live + 1100 < 100000) {
        strings[count++] = string_new(heap, 1000);
        assert_int_equal(all_collections(heap), 0);
    }
    assert_true(count > 80);
    strings[count++] = string_new(heap, 1000);
    strings[count++] = string_new(heap, 1000);
    strings[count++] = string_new(heap, 1000);
    assert_int_equal(collections(heap, 0), 1);
    while (count > 0) {
        gc_decref(strings[--count]);
    }
}

static void bytes_that_die_do_not_count(void **state)
{
    gc_config config = only((gc_thresholds){ .young_bytes = 100000 });
    gc_heap *heap = world_new_heap(*state, &config);
    for (int i = 0; i < 10000; i++) {
        gc_decref(string_new(heap, 1000));
    }
    assert_int_equal(all_collections(heap), 0);
}

static void large_object_counts_with_all_its_bytes(void **state)
{
    gc_config config = only((gc_thresholds){ .young_bytes = (size_t)1 << 20 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct string *large = string_new(heap, (size_t)5 << 20);
    struct node *node = node_new(heap);
    assert_int_equal(collections(heap, 0), 1);
    gc_decref(node);
    gc_decref(large);
}

static void external_bytes_count_as_growth(void **state)
{
    gc_config config = only((gc_thresholds){ .young_bytes = 100000 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *a = node_new(heap);
    gc_external_add(heap, 50000);
    struct node *b = node_new(heap);
    assert_int_equal(all_collections(heap), 0);
    gc_external_add(heap, 60000);
    assert_int_equal(all_collections(heap), 0);
    struct node *c = node_new(heap);
    assert_int_equal(collections(heap, 0), 1);
    gc_external_remove(heap, 110000);
    gc_decref(a);
    gc_decref(b);
    gc_decref(c);
}

static void external_bytes_that_are_gone_do_not_count(void **state)
{
    gc_config config = only((gc_thresholds){ .young_bytes = 100000 });
    gc_heap *heap = world_new_heap(*state, &config);
    for (int i = 0; i < 100; i++) {
        gc_external_add(heap, 90000);
        gc_external_remove(heap, 90000);
        gc_decref(node_new(heap));
    }
    assert_int_equal(all_collections(heap), 0);
}

/* Images: little objects in circles that hold much outside. */
static void release_the_pixels(struct world *world, struct actor *actor)
{
    (void)actor;
    gc_external_remove(world->heap, (size_t)1 << 20);
}

static void garbage_with_much_outside_is_collected_soon(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, &(gc_config){ .user_data = NULL });
    world->on_destroy = release_the_pixels;
    for (unsigned i = 0; i < 1000; i++) {
        gc_external_add(heap, (size_t)2 << 20);
        drop_an_actor_circle(heap, 1);
        world->story[0] = '\0';
        assert_true(stats_of(heap).bytes_external <= (uint64_t)16 << 20);
    }
}

/* The old
 * ======= */

static void full_collection_waits_for_the_least_growth(void **state)
{
    gc_config config = only(
        (gc_thresholds){ .young_bytes = 20000, .old_growth_percent = 1, .old_bytes = 1000000 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    while (stats_of(heap).bytes_live < 990000) {
        grow(heap, &list, 100);
        assert_int_equal(collections(heap, 1), 0);
    }
    assert_true(collections(heap, 0) > 30);
    while (stats_of(heap).bytes_live < 1050000) {
        grow(heap, &list, 100);
    }
    assert_int_equal(collections(heap, 1), 1);
    gc_decref(list);
}

static void full_collection_waits_for_growth_in_proportion(void **state)
{
    gc_config config =
        only((gc_thresholds){ .young_bytes = 20000, .old_growth_percent = 50, .old_bytes = 1 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    (void)gc_disable(heap);
    while (stats_of(heap).bytes_live < 2000000) {
        grow(heap, &list, 100);
    }
    (void)gc_collect(heap);
    (void)gc_enable(heap);
    uint64_t left = stats_of(heap).bytes_live;
    while (stats_of(heap).bytes_live < left + left / 2 - 10000) {
        grow(heap, &list, 100);
        assert_int_equal(collections(heap, 1), 1);
    }
    while (stats_of(heap).bytes_live < left + left / 2 + 50000) {
        grow(heap, &list, 100);
    }
    assert_int_equal(collections(heap, 1), 2);
    gc_decref(list);
}

static void old_garbage_is_freed_without_help(void **state)
{
    gc_config config = { .thresholds = {
                             .young_objects = 200, .old_growth_percent = 50, .old_bytes = 50000 } };
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *circles[150] = { NULL };
    size_t rounds = scaled(100000);
    /* Each circle lives through a young collection and is garbage then. */
    for (size_t i = 0; i < rounds; i++) {
        struct node *a = node_new(heap), *b = node_new(heap);
        gc_set(&a->left, b);
        gc_set_steal(&b->left, gc_newref(a));
        gc_decref(b);
        gc_set_steal(&circles[i % 150], a);
        assert_true(stats_of(heap).objects_live < 10000);
    }
    for (size_t i = 0; i < 150; i++) {
        gc_clear(&circles[i]);
    }
    assert_true(collections(heap, 1) > 0 || rounds < 10000);
    (void)gc_collect(heap);
    assert_live(heap, 0);
}

static void program_without_garbage_collects_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, &(gc_config){ .stress = SIZE_MAX });
    size_t count = scaled(1000000);
    for (size_t i = 0; i < count; i++) {
        struct node *a = node_new(heap);
        a->left = node_new(heap);
        gc_decref(a);
    }
    assert_int_equal(all_collections(heap), 0);
}

static void program_that_makes_circles_stays_small(void **state)
{
    gc_heap *heap = world_new_heap(*state, &(gc_config){ .stress = SIZE_MAX });
    size_t count = scaled(1000000);
    for (size_t i = 0; i < count; i++) {
        drop_a_node_circle(heap);
    }
    assert_true(stats_of(heap).bytes_reserved <= (uint64_t)32 << 20);
    assert_true(stats_of(heap).objects_live <= 32768 + 2);
}

static void program_with_a_large_live_heap_collects_it_rarely(void **state)
{
    gc_heap *heap = world_new_heap(*state, &(gc_config){ .stress = SIZE_MAX });
    size_t count = scaled(1000000);
    struct node *list = NULL;
    grow(heap, &list, count);
    assert_true(collections(heap, 1) <= 10);
    gc_decref(list);
}

/* Thresholds
 * ========== */

/* With the defaults, and everything at once: a list whose nodes were looked at three times for
 * nothing, so that the young are left alone. One of it is young. */
static struct node *barren_list_new(gc_heap *heap)
{
    struct node *list = NULL;
    grow(heap, &list, 32768);
    assert_int_equal(collections(heap, 0), 0);
    for (size_t i = 1; i < 3; i++) {
        grow(heap, &list, 1);
        assert_int_equal(collections(heap, 0), i);
        grow(heap, &list, 32767);
        assert_int_equal(collections(heap, 0), i);
    }
    grow(heap, &list, 1);
    assert_int_equal(all_collections(heap), 3);
    return list;
}

static void defaults_leave_the_young_alone_while_they_are_no_garbage(void **state)
{
    gc_config config = { .thresholds = { .old_bytes = SIZE_MAX },
                         .slice_ns = SIZE_MAX,
                         .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = barren_list_new(heap);
    grow(heap, &list, 8 * 32768 - 1);
    assert_int_equal(stats_of(heap).generations[0].objects, 8 * 32768);
    grow(heap, &list, 1); /* they become old unseen */
    assert_int_equal(stats_of(heap).generations[0].objects, 1);
    assert_int_equal(all_collections(heap), 3);
    grow(heap, &list, 32767);
    assert_int_equal(all_collections(heap), 3);
    grow(heap, &list, 1); /* a look, also for nothing: it will be twice as long */
    assert_int_equal(all_collections(heap), 4);
    grow(heap, &list, 16 * 32768 - 1);
    assert_int_equal(stats_of(heap).generations[0].objects, 16 * 32768);
    assert_int_equal(all_collections(heap), 4);
    gc_decref(list);
}

static void defaults_return_when_a_look_at_the_young_finds_garbage(void **state)
{
    gc_config config = { .thresholds = { .old_bytes = SIZE_MAX },
                         .slice_ns = SIZE_MAX,
                         .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = barren_list_new(heap);
    for (size_t i = 0; i < (8 + 1) * 32768 / 2 - 1; i++) {
        drop_a_node_circle(heap);
    }
    assert_int_equal(collections(heap, 0), 3);
    drop_a_node_circle(heap);
    assert_int_equal(collections(heap, 0), 4);
    for (size_t i = 0; i < 10 * 32768 / 2; i++) {
        drop_a_node_circle(heap);
    }
    assert_true(collections(heap, 0) >= 13);
    gc_decref(list);
}

static void defaults_return_when_a_full_collection_finds_garbage(void **state)
{
    gc_config config = { .slice_ns = SIZE_MAX, .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = barren_list_new(heap);
    while (collections(heap, 1) == 0) {
        drop_a_node_circle(heap);
        assert_true(stats_of(heap).bytes_live <= ((size_t)4 << 20) + 100);
    }
    assert_int_equal(collections(heap, 0), 3);
    assert_true(stats_of(heap).generations[1].collected > 0);
    for (size_t i = 0; i < 32768 / 2 + 1; i++) {
        drop_a_node_circle(heap);
    }
    assert_int_equal(collections(heap, 0), 4);
    gc_decref(list);
}

static void thresholds_of_ones_own_are_never_put_off(void **state)
{
    gc_config config = { .thresholds = { .young_objects = 32767, .old_bytes = SIZE_MAX },
                         .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 10 * 32767 + 1);
    assert_int_equal(collections(heap, 0), 10);
    gc_decref(list);
}

static void thresholds_are_the_documented_ones(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_thresholds thresholds;
    memset(&thresholds, 0xFF, sizeof(thresholds));
    gc_get_thresholds(heap, &thresholds);
    assert_int_equal(thresholds.young_objects, 32768);
    assert_int_equal(thresholds.young_bytes, (size_t)1 << 20);
    assert_int_equal(thresholds.old_growth_percent, 50);
    assert_int_equal(thresholds.old_bytes, (size_t)4 << 20);
}

static void thresholds_of_the_configuration_are_read_back(void **state)
{
    gc_config config = {
        .thresholds = { .young_objects = 7, .old_growth_percent = 300, .old_bytes = SIZE_MAX }
    };
    gc_heap *heap = world_new_heap(*state, &config);
    gc_thresholds thresholds;
    gc_get_thresholds(heap, &thresholds);
    assert_int_equal(thresholds.young_objects, 7);
    assert_int_equal(thresholds.young_bytes, (size_t)1 << 20);
    assert_int_equal(thresholds.old_growth_percent, 300);
    assert_int_equal(thresholds.old_bytes, SIZE_MAX);
}

static void thresholds_set_are_read_back_and_zero_is_the_default(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_thresholds thresholds = { 11, 22, 33, 44 };
    gc_set_thresholds(heap, &thresholds);
    memset(&thresholds, 0, sizeof(thresholds));
    gc_get_thresholds(heap, &thresholds);
    assert_int_equal(thresholds.young_objects, 11);
    assert_int_equal(thresholds.young_bytes, 22);
    assert_int_equal(thresholds.old_growth_percent, 33);
    assert_int_equal(thresholds.old_bytes, 44);
    memset(&thresholds, 0, sizeof(thresholds));
    gc_set_thresholds(heap, &thresholds);
    gc_get_thresholds(heap, &thresholds);
    assert_int_equal(thresholds.young_objects, 32768);
    assert_int_equal(thresholds.young_bytes, (size_t)1 << 20);
    assert_int_equal(thresholds.old_growth_percent, 50);
    assert_int_equal(thresholds.old_bytes, (size_t)4 << 20);
}

static void new_threshold_holds_at_once(void **state)
{
    gc_config config = only((gc_thresholds){ .young_objects = 1000 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 50);
    config.thresholds.young_objects = 20;
    gc_set_thresholds(heap, &config.thresholds);
    assert_int_equal(all_collections(heap), 0);
    grow(heap, &list, 1);
    assert_int_equal(collections(heap, 0), 1);
    config.thresholds.young_objects = SIZE_MAX;
    gc_set_thresholds(heap, &config.thresholds);
    grow(heap, &list, 5000);
    assert_int_equal(collections(heap, 0), 1);
    gc_decref(list);
}

static void size_max_is_never(void **state)
{
    gc_config config = only((gc_thresholds){ 0 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 200000);
    gc_external_add(heap, SIZE_MAX / 2);
    grow(heap, &list, 1);
    gc_safepoint(heap);
    assert_int_equal(all_collections(heap), 0);
    gc_external_remove(heap, SIZE_MAX / 2);
    gc_decref(list);
}

/* Enabled or not
 * ============== */

static void disabled_heap_collects_by_hand_only(void **state)
{
    gc_config config = only((gc_thresholds){ .young_objects = 10, .young_bytes = 1000 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    assert_true(gc_disable(heap));
    assert_false(gc_is_enabled(heap));
    grow(heap, &list, 1000);
    drop_a_node_circle(heap);
    gc_safepoint(heap);
    assert_int_equal(all_collections(heap), 0);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(all_collections(heap), 1);
    gc_decref(list);
}

static void enabled_heap_makes_up_for_what_was_due(void **state)
{
    gc_config config = only((gc_thresholds){ .young_objects = 10 });
    config.disabled = true;
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 1000);
    assert_int_equal(all_collections(heap), 0);
    assert_false(gc_enable(heap));
    assert_true(gc_is_enabled(heap));
    assert_int_equal(all_collections(heap), 0);
    grow(heap, &list, 1);
    assert_int_equal(collections(heap, 0), 1);
    gc_decref(list);
}

static void enable_and_disable_tell_what_was_and_do_not_count(void **state)
{
    gc_heap *heap = world_new_heap(*state, &(gc_config){ .disabled = false });
    assert_true(gc_is_enabled(heap));
    assert_true(gc_enable(heap));
    assert_true(gc_disable(heap));
    assert_false(gc_disable(heap));
    assert_false(gc_disable(heap));
    assert_false(gc_is_enabled(heap));
    assert_false(gc_enable(heap));
    assert_true(gc_is_enabled(heap));
    assert_true(gc_enable(heap));
}

static void heap_may_start_disabled(void **state)
{
    gc_heap *heap = world_new_heap(*state, &(gc_config){ .disabled = true });
    assert_false(gc_is_enabled(heap));
    assert_false(gc_enable(heap));
    assert_true(gc_is_enabled(heap));
}

static void disable_in_a_finalizer(struct world *world, struct actor *actor)
{
    (void)actor;
    (void)gc_disable(world->heap);
}

static void finalizer_may_disable(void **state)
{
    struct world *world = *state;
    gc_config config = only((gc_thresholds){ .young_objects = 2 });
    gc_heap *heap = world_new_heap(world, &config);
    struct node *list = NULL;
    world->on_finalize = disable_in_a_finalizer;
    drop_an_actor_circle(heap, 1);
    grow(heap, &list, 100);
    assert_false(gc_is_enabled(heap));
    assert_int_equal(world->destroyed, 2);
    assert_int_equal(all_collections(heap), 1);
    gc_decref(list);
}

/* Safepoints and idle time
 * ======================== */

static gc_config at_safepoints(void)
{
    gc_config config = only((gc_thresholds){ .young_objects = 100 });
    config.collect = GC_AT_SAFEPOINT;
    return config;
}

static void heap_with_safepoints_does_not_collect_at_allocation(void **state)
{
    struct world *world = *state;
    gc_config config = at_safepoints();
    gc_heap *heap = world_new_heap(world, &config);
    struct node *list = NULL;
    drop_an_actor_circle(heap, 1);
    grow(heap, &list, 1000);
    assert_int_equal(all_collections(heap), 0);
    assert_story(world, "");
    gc_safepoint(heap);
    assert_int_equal(collections(heap, 0), 1);
    assert_int_equal(world->destroyed, 2);
    assert_int_equal(stats_of(heap).generations[0].objects, 0);
    gc_decref(list);
}

static void safepoint_does_nothing_when_nothing_is_due(void **state)
{
    gc_config config = at_safepoints();
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    gc_safepoint(heap);
    grow(heap, &list, 50);
    gc_safepoint(heap);
    assert_int_equal(all_collections(heap), 0);
    grow(heap, &list, 60);
    gc_safepoint(heap);
    gc_safepoint(heap);
    assert_int_equal(collections(heap, 0), 1);
    gc_decref(list);
}

static void safepoint_works_for_every_heap(void **state)
{
    gc_config config = only((gc_thresholds){ .young_objects = 100 });
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    (void)gc_disable(heap);
    grow(heap, &list, 200);
    (void)gc_enable(heap);
    gc_safepoint(heap);
    assert_int_equal(collections(heap, 0), 1);
    gc_decref(list);
}

static void safepoint_collects_the_old_when_they_are_due(void **state)
{
    gc_config config =
        only((gc_thresholds){ .young_objects = 100, .old_growth_percent = 50, .old_bytes = 1000 });
    config.collect = GC_AT_SAFEPOINT;
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 1000);
    assert_int_equal(all_collections(heap), 0);
    gc_safepoint(heap);
    assert_int_equal(collections(heap, 1), 1);
    gc_decref(list);
}

static void step_without_time_does_nothing(void **state)
{
    gc_config config = at_safepoints();
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 1000);
    assert_false(gc_step(heap, 0));
    assert_int_equal(all_collections(heap), 0);
    gc_decref(list);
}

static void step_does_what_is_due(void **state)
{
    gc_config config = at_safepoints();
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 50);
    assert_false(gc_step(heap, 1000000));
    assert_int_equal(all_collections(heap), 0);
    grow(heap, &list, 1000);
    assert_false(gc_step(heap, 1000000));
    assert_int_equal(collections(heap, 0), 1);
    assert_false(gc_step(heap, 1000000));
    assert_int_equal(collections(heap, 0), 1);
    gc_decref(list);
}

static void safepoint_in_a_finalizer(struct world *world, struct actor *actor)
{
    (void)actor;
    gc_safepoint(world->heap);
    expect(world, !gc_step(world->heap, 1000));
}

static void safepoint_inside_a_collection_does_nothing(void **state)
{
    struct world *world = *state;
    gc_config config = only((gc_thresholds){ .young_objects = 1 });
    config.collect = GC_AT_SAFEPOINT;
    gc_heap *heap = world_new_heap(world, &config);
    world->on_finalize = safepoint_in_a_finalizer;
    drop_an_actor_circle(heap, 1);
    gc_safepoint(heap);
    assert_int_equal(collections(heap, 0), 1);
    assert_int_equal(world->destroyed, 2);
}

/* Stress
 * ====== */

static gc_config stressed(size_t n)
{
    gc_config config = only((gc_thresholds){ 0 });
    config.stress = n;
    return config;
}

static void stress_frees_old_circles_before_every_nth_birth(void **state)
{
    gc_config config = stressed(7);
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    gc_decref(b);
    struct node *list = NULL;
    grow(heap, &list, 5);
    assert_int_equal(collections(heap, 1), 1);
    assert_int_equal(gc_generation_of(a), GC_OLD);
    gc_decref(a);
    grow(heap, &list, 6);
    assert_live(heap, 2 + 11);
    grow(heap, &list, 1);
    assert_live(heap, 12);
    assert_int_equal(stats_of(heap).generations[1].collected, 2);
    gc_decref(list);
}

static void stress_of_one_leaves_no_circle_but_the_last(void **state)
{
    gc_config config = stressed(1);
    gc_heap *heap = world_new_heap(*state, &config);
    for (int i = 0; i < 1000; i++) {
        drop_a_node_circle(heap);
        assert_live(heap, 2);
    }
    assert_int_equal(stats_of(heap).generations[1].collected, 2 * 999);
    assert_int_equal(collections(heap, 1), 2000);
    assert_int_equal(collections(heap, 0), 0);
}

static void stress_counts_births_of_every_kind(void **state)
{
    gc_config config = stressed(3);
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *node = node_new(heap);
    for (int i = 0; i < 100; i++) {
        gc_decref(leaf_new(heap, 1));
        gc_decref(string_new(heap, 100000));
        gc_weak *weak = gc_weak_new(node, NULL, NULL);
        assert_non_null(weak);
        gc_decref(weak);
        struct node *other = gc_new_at(heap, &node_type, "here");
        assert_non_null(other);
        gc_decref(other);
        assert_int_equal(all_collections(heap), (1 + 4 * (i + 1)) / 3);
    }
    gc_decref(node);
}

static void stress_does_not_count_while_disabled(void **state)
{
    gc_config config = stressed(10);
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 9);
    (void)gc_disable(heap);
    grow(heap, &list, 100);
    gc_safepoint(heap);
    assert_int_equal(all_collections(heap), 0);
    (void)gc_enable(heap);
    grow(heap, &list, 1);
    assert_int_equal(all_collections(heap), 1);
    gc_decref(list);
}

static void births_in_a_finalizer(struct world *world, struct actor *actor)
{
    (void)actor;
    struct node *list = NULL;
    grow(world->heap, &list, 10);
    gc_decref(list);
}

static void stress_does_not_count_inside_a_collection(void **state)
{
    struct world *world = *state;
    gc_config config = stressed(4);
    gc_heap *heap = world_new_heap(world, &config);
    world->on_finalize = births_in_a_finalizer;
    drop_an_actor_circle(heap, 1);
    struct node *list = NULL;
    grow(heap, &list, 2);
    assert_int_equal(world->destroyed, 2);
    assert_int_equal(all_collections(heap), 1);
    grow(heap, &list, 3);
    assert_int_equal(all_collections(heap), 1);
    grow(heap, &list, 1);
    assert_int_equal(all_collections(heap), 2);
    gc_decref(list);
}

static void stress_of_a_heap_with_safepoints_counts_those(void **state)
{
    gc_config config = stressed(3);
    config.collect = GC_AT_SAFEPOINT;
    gc_heap *heap = world_new_heap(*state, &config);
    for (int i = 0; i < 10; i++) {
        drop_a_node_circle(heap);
        (void)gc_step(heap, 1000000);
    }
    gc_safepoint(heap);
    gc_safepoint(heap);
    assert_int_equal(all_collections(heap), 0);
    gc_safepoint(heap);
    assert_live(heap, 0);
    assert_int_equal(collections(heap, 1), 1);
}

/* The heap is not small, slices are as short as can be, and a cycle is under way. */
static void stress_collects_at_once(void **state)
{
    gc_config config = stressed(1);
    config.slice_ns = 1;
    config.disabled = true;
    gc_heap *heap = world_new_heap(*state, &config);
    gc_thresholds any = { 1, SIZE_MAX, 1, 1 };
    struct node *list = NULL, *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set_steal(&b->left, a);
    grow(heap, &list, 100000);
    (void)gc_collect(heap);
    grow(heap, &list, 10000);
    (void)gc_enable(heap);
    gc_decref(b);
    gc_set_thresholds(heap, &any);
    assert_true(gc_step(heap, 1));
    assert_live(heap, 110002);
    gc_set_thresholds(heap, &config.thresholds);
    gc_decref(leaf_new(heap, 1));
    assert_live(heap, 110000);
    assert_false(gc_step(heap, 1));
    gc_decref(list);
}

static void thresholds_hold_under_stress_too(void **state)
{
    gc_config config = stressed(1000);
    config.thresholds.young_objects = 100;
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 999);
    assert_int_equal(collections(heap, 0), 9);
    assert_int_equal(collections(heap, 1), 0);
    grow(heap, &list, 1);
    assert_int_equal(collections(heap, 0), 9);
    assert_int_equal(collections(heap, 1), 1);
    gc_decref(list);
}

static void stress_of_size_max_is_never(void **state)
{
    gc_config config = stressed(SIZE_MAX);
    gc_heap *heap = world_new_heap(*state, &config);
    for (int i = 0; i < 1000; i++) {
        drop_a_node_circle(heap);
    }
    gc_safepoint(heap);
    assert_int_equal(all_collections(heap), 0);
}

static void stress_of_zero_is_what_the_build_says(void **state)
{
    gc_config config = stressed(0);
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    grow(heap, &list, 100);
    assert_int_equal(all_collections(heap), OURO_STRESS ? 100 : 0);
    gc_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(young_collection_starts_when_one_container_too_many_is_asked_for),
        world_test(threshold_of_one_collects_at_every_container),
        world_test(containers_that_die_young_do_not_count),
        world_test(deaths_of_the_old_do_not_count),
        world_test(leaves_do_not_count),
        world_test(collection_by_hand_starts_the_count_again),
        world_test(collection_runs_before_the_new_object_exists),
        world_test(collection_by_itself_frees_garbage),
        world_test(young_collection_starts_when_bytes_have_grown),
        world_test(bytes_that_die_do_not_count),
        world_test(large_object_counts_with_all_its_bytes),
        world_test(external_bytes_count_as_growth),
        world_test(external_bytes_that_are_gone_do_not_count),
        world_test(garbage_with_much_outside_is_collected_soon),
        world_test(full_collection_waits_for_the_least_growth),
        world_test(full_collection_waits_for_growth_in_proportion),
        world_test(old_garbage_is_freed_without_help),
        world_test(program_without_garbage_collects_nothing),
        world_test(program_that_makes_circles_stays_small),
        world_test(program_with_a_large_live_heap_collects_it_rarely),
        world_test(defaults_leave_the_young_alone_while_they_are_no_garbage),
        world_test(defaults_return_when_a_look_at_the_young_finds_garbage),
        world_test(defaults_return_when_a_full_collection_finds_garbage),
        world_test(thresholds_of_ones_own_are_never_put_off),
        world_test(thresholds_are_the_documented_ones),
        world_test(thresholds_of_the_configuration_are_read_back),
        world_test(thresholds_set_are_read_back_and_zero_is_the_default),
        world_test(new_threshold_holds_at_once),
        world_test(size_max_is_never),
        world_test(disabled_heap_collects_by_hand_only),
        world_test(enabled_heap_makes_up_for_what_was_due),
        world_test(enable_and_disable_tell_what_was_and_do_not_count),
        world_test(heap_may_start_disabled),
        world_test(finalizer_may_disable),
        world_test(heap_with_safepoints_does_not_collect_at_allocation),
        world_test(safepoint_does_nothing_when_nothing_is_due),
        world_test(safepoint_works_for_every_heap),
        world_test(safepoint_collects_the_old_when_they_are_due),
        world_test(step_without_time_does_nothing),
        world_test(step_does_what_is_due),
        world_test(safepoint_inside_a_collection_does_nothing),
        world_test(stress_frees_old_circles_before_every_nth_birth),
        world_test(stress_of_one_leaves_no_circle_but_the_last),
        world_test(stress_counts_births_of_every_kind),
        world_test(stress_does_not_count_while_disabled),
        world_test(stress_does_not_count_inside_a_collection),
        world_test(stress_of_a_heap_with_safepoints_counts_those),
        world_test(stress_collects_at_once),
        world_test(thresholds_hold_under_stress_too),
        world_test(stress_of_size_max_is_never),
        world_test(stress_of_zero_is_what_the_build_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
