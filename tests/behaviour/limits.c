/* SPDX-License-Identifier: MIT */
/* A heap with a limit: what does not fit gives NULL and changes nothing, after one collection and
 * the out_of_memory hook have had their chance. What happens when the page source has no memory is
 * in oom/. */

#include "../support.h"

enum { ROOM = 10 }; /* nodes that fit the limit of the tests below */

static gc_config limited(void)
{
    gc_config config = quiet();
    config.limit_bytes = ROOM * sizeof(struct node);
    return config;
}

static struct node *fill(gc_heap *heap, size_t count)
{
    struct node *list = NULL;
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    return list;
}

static void *new_node(gc_heap *heap)
{
    return gc_new(heap, &node_type);
}

static void object_past_the_limit_is_refused(void **state)
{
    gc_config config = limited();
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = fill(heap, ROOM);
    assert_int_equal(stats_of(heap).bytes_live, config.limit_bytes);
    assert_int_equal(stats_of(heap).bytes_limit, config.limit_bytes);
    assert_int_equal(gc_last_error(heap), GC_OK);
    assert_null(new_node(heap));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    assert_sound(heap);
    gc_decref(list);
}

static void refused_object_leaves_everything_as_it_was(void **state)
{
    struct world *world = *state;
    gc_config config = limited();
    gc_heap *heap = world_new_heap(world, &config);
    struct node *list = fill(heap, ROOM - 2);
    struct node *pair = new_node(heap);
    assert_non_null(pair);
    gc_set(&pair->left, list);
    gc_stats before = stats_of(heap);
    assert_null(gc_new(heap, &actor_type));
    assert_null(gc_new_var(heap, &tuple_type, 100));
    assert_null(gc_new_var(heap, &string_type, 1000000));
    gc_stats after = stats_of(heap);
    assert_int_equal(after.objects_live, before.objects_live);
    assert_int_equal(after.objects_born, before.objects_born);
    assert_int_equal(after.objects_died, before.objects_died);
    assert_int_equal(after.bytes_live, before.bytes_live);
    assert_int_equal(after.bytes_live_peak, before.bytes_live_peak);
    assert_int_equal(after.bytes_external, before.bytes_external);
    assert_int_equal(after.generations[0].objects + after.generations[1].objects, ROOM - 1);
    assert_int_equal(gc_refcount(list), 2);
    assert_ptr_equal(pair->left, list);
    assert_sound(heap);
    struct node *last = new_node(heap);
    assert_non_null(last);
    gc_decref(last);
    gc_decref(pair);
    gc_decref(list);
    assert_live(heap, 0);
}

static void death_makes_room(void **state)
{
    gc_config config = limited();
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = fill(heap, ROOM), *one = NULL;
    assert_null(new_node(heap));
    one = gc_take(&list->left);
    gc_decref(list);
    list = new_node(heap);
    assert_non_null(list);
    gc_decref(list);
    gc_decref(one);
}

static void garbage_makes_room(void **state)
{
    gc_config config = limited();
    gc_heap *heap = world_new_heap(*state, &config);
    for (int i = 0; i < ROOM / 2; i++) {
        drop_a_node_circle(heap);
    }
    assert_live(heap, ROOM);
    struct node *node = new_node(heap);
    assert_non_null(node);
    assert_live(heap, 1);
    assert_int_equal(stats_of(heap).generations[1].collections, 1);
    assert_int_equal(gc_last_error(heap), GC_OK);
    assert_sound(heap);
    gc_decref(node);
}

static void old_garbage_makes_room_too(void **state)
{
    gc_config config = limited();
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *a = new_node(heap);
    assert_non_null(a);
    gc_set(&a->left, a);
    (void)gc_collect(heap);
    gc_decref(a);
    struct node *list = fill(heap, ROOM);
    assert_live(heap, ROOM);
    gc_decref(list);
}

static void heap_collects_once_before_it_gives_up(void **state)
{
    gc_config config = limited();
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = fill(heap, ROOM);
    for (unsigned i = 1; i <= 3; i++) {
        assert_null(new_node(heap));
        assert_int_equal(stats_of(heap).generations[1].collections, i);
        assert_int_equal(stats_of(heap).generations[0].collections, 0);
    }
    gc_decref(list);
}

static void heap_with_safepoints_gives_up_without_a_collection(void **state)
{
    struct world *world = *state;
    gc_config config = limited();
    config.disabled = false;
    config.collect = GC_AT_SAFEPOINT;
    gc_heap *heap = world_new_heap(world, &config);
    for (int i = 0; i < ROOM / 2; i++) {
        drop_a_node_circle(heap);
    }
    assert_null(new_node(heap));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    assert_live(heap, ROOM);
    assert_int_equal(stats_of(heap).generations[1].collections, 0);
    assert_int_equal(stats_of(heap).generations[0].collections, 0);
    assert_int_equal(gc_collect(heap), ROOM);
}

static void object_larger_than_the_limit_maps_nothing(void **state)
{
    struct world *world = *state;
    gc_config config = limited();
    gc_heap *heap = world_new_heap(world, &config);
    size_t bytes = world->pages.bytes;
    assert_null(gc_new_var(heap, &string_type, (size_t)50 << 20));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    assert_true(world->pages.bytes < bytes + ((size_t)50 << 20));
    assert_live(heap, 0);
}

static void external_bytes_count_for_the_limit(void **state)
{
    gc_config config = quiet();
    config.limit_bytes = 100000;
    gc_heap *heap = world_new_heap(*state, &config);
    gc_external_add(heap, 100000 - sizeof(struct node));
    struct node *node = new_node(heap);
    assert_non_null(node);
    assert_null(new_node(heap));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    gc_external_remove(heap, sizeof(struct node));
    struct node *other = new_node(heap);
    assert_non_null(other);
    assert_null(new_node(heap));
    gc_external_remove(heap, 100000 - 2 * sizeof(struct node));
    gc_decref(node);
    gc_decref(other);
}

static void external_bytes_past_the_limit_stop_all_births(void **state)
{
    gc_config config = quiet();
    config.limit_bytes = 100000;
    gc_heap *heap = world_new_heap(*state, &config);
    gc_external_add(heap, 200000);
    assert_null(new_node(heap));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    gc_external_remove(heap, 150000);
    struct node *node = new_node(heap);
    assert_non_null(node);
    gc_external_remove(heap, 50000);
    gc_decref(node);
}

static void last_error_stays_until_the_next_failure(void **state)
{
    gc_config config = limited();
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = fill(heap, ROOM - 1);
    assert_null(gc_new(heap, &actor_type));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    struct node *node = new_node(heap);
    assert_non_null(node);
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    assert_null(gc_new_var(heap, &tuple_type, SIZE_MAX));
    assert_int_equal(gc_last_error(heap), GC_ERR_SIZE);
    gc_decref(node);
    gc_decref(list);
}

/* The hook
 * ======== */

struct cache {
    struct node *nodes; /* a list, dropped node by node */
    unsigned calls;
    size_t size;
    uint64_t full_collections; /* before the first call */
};

static bool drop_one(gc_heap *heap, size_t size)
{
    struct world *world = gc_heap_user_data(heap);
    struct cache *cache = world->note;
    if (cache->calls == 0) {
        cache->full_collections = stats_of(heap).generations[1].collections;
    }
    cache->calls++;
    cache->size = size;
    if (cache->nodes == NULL) {
        return false;
    }
    struct node *rest = gc_take(&cache->nodes->left);
    gc_set_steal(&cache->nodes, rest);
    return true;
}

static void hook_that_drops_something_saves_the_call(void **state)
{
    struct world *world = *state;
    gc_config config = limited();
    config.out_of_memory = drop_one;
    gc_heap *heap = world_new_heap(world, &config);
    struct cache cache = { .nodes = fill(heap, ROOM) };
    world->note = &cache;
    struct node *node = new_node(heap);
    assert_non_null(node);
    assert_int_equal(cache.calls, 1);
    assert_int_equal(cache.full_collections, 1);
    assert_true(cache.size >= sizeof(struct node));
    assert_live(heap, ROOM);
    assert_sound(heap);
    gc_decref(node);
    gc_clear(&cache.nodes);
}

static const gc_type block_type = { .name = "block", .size = 4 * sizeof(struct node) };

static void hook_is_asked_until_it_has_nothing_left(void **state)
{
    struct world *world = *state;
    gc_config config = limited();
    config.out_of_memory = drop_one;
    gc_heap *heap = world_new_heap(world, &config);
    struct cache cache = { .nodes = fill(heap, ROOM) };
    world->note = &cache;
    void *block = gc_new(heap, &block_type);
    assert_non_null(block);
    assert_int_equal(cache.calls, 4);
    gc_decref(block);
    gc_clear(&cache.nodes);
}

static void hook_that_gives_up_ends_the_call(void **state)
{
    struct world *world = *state;
    gc_config config = limited();
    config.out_of_memory = drop_one;
    gc_heap *heap = world_new_heap(world, &config);
    struct node *list = fill(heap, ROOM);
    struct cache cache = { .nodes = NULL };
    world->note = &cache;
    assert_null(new_node(heap));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    assert_int_equal(cache.calls, 1);
    assert_live(heap, ROOM);
    gc_decref(list);
}

static void hook_is_not_asked_when_a_collection_helps(void **state)
{
    struct world *world = *state;
    gc_config config = limited();
    config.out_of_memory = drop_one;
    gc_heap *heap = world_new_heap(world, &config);
    struct cache cache = { .nodes = NULL };
    world->note = &cache;
    for (int i = 0; i < ROOM / 2; i++) {
        drop_a_node_circle(heap);
    }
    struct node *node = new_node(heap);
    assert_non_null(node);
    assert_int_equal(cache.calls, 0);
    gc_decref(node);
}

static void hook_is_not_asked_about_sizes_that_overflow(void **state)
{
    struct world *world = *state;
    gc_config config = limited();
    config.out_of_memory = drop_one;
    gc_heap *heap = world_new_heap(world, &config);
    struct cache cache = { .nodes = NULL };
    world->note = &cache;
    assert_null(gc_new_var(heap, &tuple_type, SIZE_MAX / 2));
    assert_int_equal(gc_last_error(heap), GC_ERR_SIZE);
    assert_int_equal(cache.calls, 0);
}

static void use_up_the_room(struct world *world, struct actor *actor)
{
    (void)actor;
    struct node *node = gc_new(world->heap, &node_type);
    if (node != NULL) {
        node->left = world->memo;
        world->memo = node;
    }
}

/* The finalizers of the collection that should have made room take it again. */
static void room_taken_by_finalizers_is_not_room(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.limit_bytes = 2 * sizeof(struct actor) + 3 * sizeof(struct node);
    gc_heap *heap = world_new_heap(world, &config);
    world->on_finalize = use_up_the_room;
    drop_an_actor_circle(heap, 1);
    struct node *node = gc_new(heap, &node_type);
    assert_non_null(node);
    size_t tail = config.limit_bytes - 2 * sizeof(struct node) - string_type.size;
    assert_null(gc_new_var(heap, &string_type, tail));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    assert_true(stats_of(heap).bytes_live <= config.limit_bytes);
    assert_int_equal(world->destroyed, 2);
    assert_sound(heap);
    struct node *kept = world->memo;
    assert_non_null(kept);
    gc_decref(kept);
    gc_decref(node);
}

static void status_texts_are_there_and_differ(void **state)
{
    static const gc_status all[] = {
        GC_OK, GC_ERR_NOMEM, GC_ERR_LIMIT, GC_ERR_SIZE, GC_ERR_BUSY, GC_ERR_CLOSING, GC_ERR_TYPE,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const char *text = gc_status_text(all[i]);
        assert_non_null(text);
        assert_true(strlen(text) > 0);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(text, gc_status_text(all[k]));
        }
    }
    assert_non_null(gc_status_text((gc_status)-77));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(object_past_the_limit_is_refused),
        world_test(refused_object_leaves_everything_as_it_was),
        world_test(death_makes_room),
        world_test(garbage_makes_room),
        world_test(old_garbage_makes_room_too),
        world_test(heap_collects_once_before_it_gives_up),
        world_test(heap_with_safepoints_gives_up_without_a_collection),
        world_test(object_larger_than_the_limit_maps_nothing),
        world_test(external_bytes_count_for_the_limit),
        world_test(external_bytes_past_the_limit_stop_all_births),
        world_test(last_error_stays_until_the_next_failure),
        world_test(hook_that_drops_something_saves_the_call),
        world_test(hook_is_asked_until_it_has_nothing_left),
        world_test(hook_that_gives_up_ends_the_call),
        world_test(hook_is_not_asked_when_a_collection_helps),
        world_test(hook_is_not_asked_about_sizes_that_overflow),
        world_test(room_taken_by_finalizers_is_not_room),
        world_test(status_texts_are_there_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
