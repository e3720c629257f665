/* SPDX-License-Identifier: MIT */
/* Out of memory at every place where weak references, watchers and weak maps need some: a failure
 * shows, changes nothing, and what is there already goes on working. */

#include "../support.h"

enum { NODES = 1500, FAILURES_ENOUGH = 60 };

struct scene {
    struct world *world;
    gc_heap *heap;
    struct node *nodes[NODES];
    gc_weak *weak[NODES];
    gc_weak_map *keys, *values;
    size_t failures;
    bool wrong;
};

#define scene_expect(scene, condition) \
    do { \
        if (!(condition)) { \
            (scene)->wrong = true; \
            (void)fprintf(stderr, "%s:%d: expected: %s\n", __FILE__, __LINE__, #condition); \
        } \
    } while (0)

static void note_a_call(gc_weak *weak, void *arg)
{
    (void)weak;
    ++*(size_t *)arg;
}

/* One call that needs memory. false: it got none, and then nothing may have changed. */
static bool act(struct scene *scene, size_t step, size_t *calls)
{
    struct node *node = scene->nodes[step];
    int key = (int)step;
    gc_status status = GC_OK;
    switch (step % 5) {
    case 0:
        scene->weak[step] = gc_weak_new(node, NULL, NULL);
        return scene->weak[step] != NULL;
    case 1:
        scene->weak[step] = gc_weak_new(node, note_a_call, calls);
        return scene->weak[step] != NULL;
    case 2:
        scene->weak[step] = gc_watch(node, note_a_call, calls);
        return scene->weak[step] != NULL;
    case 3:
        if (scene->keys == NULL) {
            scene->keys = gc_weak_map_new(scene->heap, GC_WEAK_KEYS);
        }
        status = scene->keys == NULL ? gc_last_error(scene->heap)
                                     : gc_weak_map_set(scene->keys, node, 0, scene->nodes[0]);
        scene_expect(scene, status == GC_OK || status == gc_last_error(scene->heap));
        return status == GC_OK;
    default:
        if (scene->values == NULL) {
            scene->values = gc_weak_map_new(scene->heap, GC_WEAK_VALUES);
        }
        status = scene->values == NULL ? gc_last_error(scene->heap)
                                       : gc_weak_map_set(scene->values, &key, sizeof(key), node);
        scene_expect(scene, status == GC_OK || status == gc_last_error(scene->heap));
        return status == GC_OK;
    }
}

static size_t count_of(const gc_weak_map *map)
{
    return map == NULL ? 0 : gc_weak_map_count(map);
}

/* Runs on whatever fails, until failing is nothing new. Every node dies in the end; who was told of
 * it must be who was registered. */
static void play(struct scene *scene, gc_status status)
{
    size_t calls = 0, wanted = 0, in_keys = 0, in_values = 0;
    for (size_t step = 0; step < NODES && scene->failures < FAILURES_ENOUGH; step++) {
        scene->nodes[step] = gc_new(scene->heap, &node_type);
        if (scene->nodes[step] == NULL || scene->nodes[0] == NULL) {
            scene->failures++;
            continue;
        }
        bool done = act(scene, step, &calls);
        if (!done) {
            scene_expect(scene, gc_last_error(scene->heap) == status);
            scene_expect(scene, gc_refcount(scene->nodes[step]) == 1);
            scene_expect(scene, scene->failures++ % 10 != 0 || gc_check(scene->heap));
        }
        wanted += done && (step % 5 == 1 || step % 5 == 2);
        in_keys += done && step % 5 == 3;
        in_values += done && step % 5 == 4;
        scene_expect(scene, count_of(scene->keys) == in_keys);
        scene_expect(scene, count_of(scene->values) == in_values);
    }
    scene_expect(scene, gc_check(scene->heap));
    scene_expect(scene, calls == 0);
    for (size_t i = NODES; i-- > 0;) {
        gc_xdecref(scene->nodes[i]);
        scene_expect(scene, scene->weak[i] == NULL || gc_weak_get(scene->weak[i]) == NULL);
        gc_xdecref(scene->weak[i]);
    }
    scene_expect(scene, calls == wanted);
    scene_expect(scene, count_of(scene->keys) == 0 && count_of(scene->values) == 0);
    gc_xdecref(scene->keys);
    gc_xdecref(scene->values);
    (void)gc_collect(scene->heap);
    scene_expect(scene, gc_check(scene->heap));
    scene_expect(scene, stats_of(scene->heap).objects_live == 0);
}

static bool play_in(struct world *world, const gc_config *config, gc_status status)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    scene->world = world;
    scene->heap = world_heap(world, config);
    if (scene->heap != NULL) {
        play(scene, status);
        gc_heap_free(scene->heap);
        world->heap = NULL;
    }
    scene_expect(scene, world->pages.blocks == 0 && world->pages.bytes == 0);
    scene_expect(scene, world->pages.mismatches == 0);
    bool wrong = scene->wrong, failed = world->pages.failed || scene->failures > 0;
    free(scene);
    if (wrong) {
        fail_msg("failing at call %zu, or with the limit %zu", world->pages.fail_at,
                 config->limit_bytes);
    }
    return failed;
}

static bool play_with_a_failure(struct world *world, size_t fail_at, bool fail_on)
{
    gc_config config = quiet();
    memset(&world->pages, 0, sizeof(world->pages));
    world->pages.fail_at = fail_at;
    world->pages.fail_on = fail_on;
    return play_in(world, &config, GC_ERR_NOMEM);
}

static void scene_without_a_failure_is_fine(void **state)
{
    assert_false(play_with_a_failure(*state, SIZE_MAX, false));
}

static void any_one_failure_of_the_page_source_is_borne(void **state)
{
    size_t calls = 0;
    while (play_with_a_failure(*state, calls, false)) {
        calls++;
    }
    assert_true(calls >= 4);
}

static void page_source_may_fail_for_good_at_any_call(void **state)
{
    size_t calls = 0;
    while (play_with_a_failure(*state, calls, true)) {
        calls++;
    }
    assert_true(calls >= 4);
}

/* With each limit another one of the first births fails, be it of a weak reference, an entry or an
 * index. */
static void any_birth_may_meet_the_limit(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    for (config.limit_bytes = 8; config.limit_bytes < 6000; config.limit_bytes += 8) {
        memset(&world->pages, 0, sizeof(world->pages));
        world->pages.fail_at = SIZE_MAX;
        assert_true(play_in(world, &config, GC_ERR_LIMIT));
    }
}

static void death_needs_no_memory(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak_map *map = gc_weak_map_new(heap, GC_WEAK_KEYS);
    assert_non_null(map);
    assert_int_equal(gc_weak_map_set(map, node, 0, node), GC_OK);
    assert_true(gc_weak_map_remove(map, node, 0));
    gc_set(&node->left, node);
    assert_int_equal(gc_weak_map_set(map, node, 0, map), GC_OK);
    gc_weak *plain = plain_weak(node), *weak = weak_with_callback(node, 1);
    gc_decref(watcher(node, 2));
    gc_decref(node);
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    assert_int_equal(gc_collect(heap), 1);
    assert_story(world, "W1 W2 ");
    assert_null(gc_weak_get(plain));
    assert_int_equal(gc_weak_map_count(map), 0);
    assert_false(world->pages.failed);
    gc_decref(plain);
    gc_decref(weak);
    gc_decref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(scene_without_a_failure_is_fine),
        world_test(any_one_failure_of_the_page_source_is_borne),
        world_test(page_source_may_fail_for_good_at_any_call),
        world_test(any_birth_may_meet_the_limit),
        world_test(death_needs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
