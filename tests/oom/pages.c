/* SPDX-License-Identifier: MIT */
/* Out of memory at every place.
 *
 * A scene that needs every kind of memory (objects of many sizes and types, tails, large and
 * aligned objects, new tables) runs again and again: first with the page source failing at its
 * first call, then at its second, until no call fails. Each failure must show as NULL and
 * GC_ERR_NOMEM (or as no heap at all), must leave the heap sound and its figures as they were, and
 * in the end every block must be back at the page source. The limit is tried in the same way,
 * failing each allocation in turn. */

#include "../support.h"

/* The scene
 * ========= */

enum { KEEP = 4000, STEPS = 6000, FAILURES_ENOUGH = 100 };

struct cushion {
    gc_object object;
    struct cushion *next;
    unsigned char bytes[112];
};

static const gc_type cushion_type = {
    .name = "cushion",
    .size = sizeof(struct cushion),
    .align = 64,
    .refs = OURO_REFS(struct cushion, next),
};

enum { CROWD = 300 };

struct scene {
    struct world *world;
    gc_heap *heap;
    void *objects[KEEP];
    gc_type crowd[CROWD]; /* so many types that their table grows */
    size_t failures;
    bool wrong;
};

static void *allocate(struct scene *scene, size_t step)
{
    gc_heap *heap = scene->heap;
    switch (step % 12) {
    case 0:
    case 1:
    case 2:
        return gc_new(heap, &node_type);
    case 3:
        return gc_new(heap, &leaf_type);
    case 4:
        return gc_new(heap, &cushion_type);
    case 5:
        return gc_new_var(heap, &tuple_type, step % 300);
    case 6:
        return gc_new_var(heap, &string_type, step);
    case 7:
        return gc_new_var(heap, &tuple_type,
                          step % 1000 == 7 ? step * 20 : 1); /* large now and then */
    case 8:
        return gc_new(heap, &actor_type);
    case 9:
        return gc_new_var(heap, &string_type, step % 997 == 9 ? 5000000 : 20);
    case 10:
        return gc_new(heap, &scene->crowd[step / 12 % CROWD]);
    default:
        return gc_new_var(heap, &string_type, step * 7 % 40000);
    }
}

#define scene_expect(scene, condition) \
    do { \
        if (!(condition)) { \
            (scene)->wrong = true; \
            (void)fprintf(stderr, "%s:%d: expected: %s\n", __FILE__, __LINE__, #condition); \
        } \
    } while (0)

/* Refused, and nothing has changed but what the collection did. */
static void verify_refusal(struct scene *scene, const gc_stats *before, gc_status status)
{
    gc_stats after = stats_of(scene->heap);
    scene_expect(scene, gc_last_error(scene->heap) == status);
    scene_expect(scene, after.objects_born == before->objects_born);
    scene_expect(scene, after.objects_live + after.objects_died == after.objects_born);
    scene_expect(scene, after.bytes_live <= before->bytes_live);
    scene_expect(scene, after.bytes_live_peak == before->bytes_live_peak);
    scene_expect(scene, after.bytes_external == before->bytes_external);
    scene_expect(scene, after.bytes_reserved == scene->world->pages.bytes);
}

/* Where the first try fails after a full collection, the second finds a heap without garbage: if it fails too,
 * nothing at all may change. Where full collections were in vain, some tries do without. */
static void *allocate_or_verify(struct scene *scene, size_t step, gc_status status)
{
    gc_stats before = stats_of(scene->heap);
    void *object = allocate(scene, step);
    bool is_clean = false;
    if (object == NULL) {
        verify_refusal(scene, &before, status);
        uint64_t collections = before.generations[1].collections;
        before = stats_of(scene->heap);
        is_clean = before.generations[1].collections > collections;
        object = allocate(scene, step);
    }
    if (object == NULL) {
        verify_refusal(scene, &before, status);
        gc_stats after = stats_of(scene->heap);
        scene_expect(scene, !is_clean || after.objects_live == before.objects_live);
        scene_expect(scene, !is_clean || after.objects_died == before.objects_died);
        scene_expect(scene, !is_clean || after.finalized == before.finalized);
        scene_expect(scene, !is_clean || after.bytes_live == before.bytes_live);
        if (scene->failures++ % 50 == 0) {
            scene_expect(scene, gc_check(scene->heap));
        }
    }
    return object;
}

/* Runs on whatever fails, until failing is nothing new. Objects live side by side, some in a circle
 * with a node. */
static void play(struct scene *scene, gc_status status)
{
    for (size_t step = 0; step < STEPS && scene->failures < FAILURES_ENOUGH; step++) {
        void **slot = &scene->objects[step * 7919 % KEEP];
        if (*slot != NULL && gc_type_of(*slot) == &node_type) {
            struct node *node = *slot;
            gc_set(&node->left, node);
        }
        void *object = allocate_or_verify(scene, step, status);
        void *old = *slot;
        *slot = object;
        gc_xdecref(old);
        if (step % 1500 == 1499) {
            (void)gc_collect(scene->heap);
            scene_expect(scene, gc_check(scene->heap));
        }
    }
}

static void finish(struct scene *scene)
{
    for (size_t i = 0; i < KEEP; i++) {
        gc_xdecref(scene->objects[i]);
        scene->objects[i] = NULL;
    }
    (void)gc_collect(scene->heap);
    scene_expect(scene, gc_check(scene->heap));
    scene_expect(scene, stats_of(scene->heap).objects_live == 0);
    scene_expect(scene, stats_of(scene->heap).bytes_live == 0);
    gc_heap_free(scene->heap);
    scene->world->heap = NULL;
    scene_expect(scene, scene->world->pages.blocks == 0);
    scene_expect(scene, scene->world->pages.bytes == 0);
    scene_expect(scene, scene->world->pages.mismatches == 0);
}

static struct scene *scene_new(struct world *world)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    scene->world = world;
    for (size_t i = 0; i < CROWD; i++) {
        scene->crowd[i] = node_type;
    }
    return scene;
}

/* Returns whether a call of map failed, and counts the runs in which births failed for that. */
static bool play_with_a_failure(struct world *world, size_t fail_at, bool fail_on,
                                size_t *short_runs)
{
    struct scene *scene = scene_new(world);
    gc_config config = quiet();
    memset(&world->pages, 0, sizeof(world->pages));
    world->pages.fail_at = fail_at;
    world->pages.fail_on = fail_on;
    world->story[0] = '\0';
    scene->heap = world_heap(world, &config);
    if (scene->heap != NULL) {
        play(scene, GC_ERR_NOMEM);
        finish(scene);
    } else {
        scene_expect(scene, world->pages.failed);
        scene_expect(scene, world->pages.blocks == 0 && world->pages.mismatches == 0);
    }
    bool failed = world->pages.failed, wrong = scene->wrong;
    *short_runs += scene->heap != NULL && scene->failures > 0;
    free(scene);
    if (wrong) {
        fail_msg("with the page source failing at call %zu", fail_at);
    }
    return failed;
}

static void scene_without_a_failure_is_fine(void **state)
{
    size_t short_runs = 0;
    assert_false(play_with_a_failure(*state, SIZE_MAX, false, &short_runs));
    assert_int_equal(short_runs, 0);
}

static void any_one_failure_of_the_page_source_is_borne(void **state)
{
    size_t calls = 0, short_runs = 0;
    while (play_with_a_failure(*state, calls, false, &short_runs)) {
        calls++;
    }
    assert_true(calls >=
                8); /* so many there are at least, or the scene does not show what it should */
}

static void page_source_may_fail_for_good_at_any_call(void **state)
{
    size_t calls = 0, short_runs = 0;
    while (play_with_a_failure(*state, calls, true, &short_runs)) {
        calls++;
    }
    assert_true(calls >= 8);
    assert_true(short_runs >= calls / 2); /* without the heap, or near the end, none fails */
}

static void heap_without_memory_is_no_heap(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    world->pages.fail_at = 0;
    assert_null(world_heap(world, &config));
    assert_int_equal(world->pages.blocks, 0);
    assert_int_equal(world->panics, 0);
}

/* Details
 * ======= */

static void object_that_failed_can_be_made_when_memory_is_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    assert_null(gc_new(heap, &node_type));
    assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
    assert_null(gc_new_var(heap, &tuple_type, 100000));
    assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
    assert_sound(heap);
    world->pages.fail_at = SIZE_MAX;
    world->pages.fail_on = false;
    struct node *node = node_new(heap);
    struct tuple *tuple = tuple_new(heap, 100000);
    assert_sound(heap);
    gc_decref(node);
    gc_decref(tuple);
}

static void garbage_makes_room_when_memory_is_short(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_new(heap, 1000000);
    gc_set(&tuple->items[0], tuple);
    gc_decref(tuple);
    world->pages.fail_at = world->pages.maps;
    /* The first call fails, the collection gives the large garbage back, and the second call
     * succeeds. */
    tuple = tuple_new(heap, 1000000);
    assert_int_equal(stats_of(heap).generations[1].collections, 1);
    assert_live(heap, 1);
    assert_int_equal(gc_last_error(heap), GC_OK);
    assert_sound(heap);
    gc_decref(tuple);
}

static void heap_with_safepoints_does_not_collect_when_memory_is_short(void **state)
{
    struct world *world = *state;
    gc_config config = { .collect = GC_AT_SAFEPOINT };
    gc_heap *heap = world_new_heap(world, &config);
    drop_an_actor_circle(heap, 1);
    world->pages.fail_at = world->pages.maps;
    assert_null(gc_new_var(heap, &tuple_type, 1000000));
    assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
    assert_int_equal(stats_of(heap).generations[1].collections, 0);
    assert_story(world, "");
}

static bool give_memory_back(gc_heap *heap, size_t size)
{
    struct world *world = gc_heap_user_data(heap);
    world->note = (char *)world->note + 1;
    world->pages.fail_on = false;
    world->pages.fail_at = SIZE_MAX;
    expect(world, size >= 1000000);
    return (uintptr_t)world->note == 1;
}

static void out_of_memory_hook_is_asked_when_the_page_source_fails(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.out_of_memory = give_memory_back;
    gc_heap *heap = world_new_heap(world, &config);
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    void *string = gc_new_var(heap, &string_type, 1000000);
    assert_non_null(string);
    assert_int_equal((uintptr_t)world->note, 1);
    gc_decref(string);
}

static void allocate_in_a_dry_heap(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_new_var(world->heap, &string_type, 10000000) == NULL);
    expect(world, gc_last_error(world->heap) == GC_ERR_NOMEM);
}

static void callbacks_bear_a_dry_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 3);
    world->on_finalize = allocate_in_a_dry_heap;
    world->on_destroy = allocate_in_a_dry_heap;
    drop_an_actor_circle(heap, 1);
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    assert_int_equal(gc_collect(heap), 2);
    gc_decref(a);
    assert_int_equal(world->destroyed, 3);
    assert_sound(heap);
    world_free_heap(world);
}

/* The limit fails the allocation after each step in turn. */
static void any_allocation_may_meet_the_limit(void **state)
{
    enum { PREFIX = 700 };
    struct world *world = *state;
    struct scene *scene = scene_new(world);
    static uint64_t peaks[PREFIX];
    gc_config config = quiet();
    scene->heap = world_heap(world, &config);
    assert_non_null(scene->heap);
    for (size_t step = 0; step < PREFIX; step++) {
        scene->objects[step] = allocate_or_verify(scene, step, GC_ERR_NOMEM);
        peaks[step] = stats_of(scene->heap).bytes_live;
    }
    finish(scene);
    for (size_t step = 0; step + 1 < PREFIX; step += 1 + step / 50) {
        config.limit_bytes = (size_t)peaks[step];
        scene->heap = world_heap(world, &config);
        assert_non_null(scene->heap);
        for (size_t i = 0; i < PREFIX && i < step + 30; i++) {
            scene->failures = 0;
            scene->objects[i] = allocate_or_verify(scene, i, GC_ERR_LIMIT);
            if (i <= step + 1) {
                scene_expect(scene, scene->failures == (i == step + 1));
            }
        }
        scene_expect(scene, stats_of(scene->heap).bytes_live <= peaks[step]);
        scene_expect(scene, stats_of(scene->heap).bytes_live_peak <= peaks[step]);
        finish(scene);
        if (scene->wrong) {
            free(scene);
            fail_msg("with the limit after step %zu", step);
        }
    }
    free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(scene_without_a_failure_is_fine),
        world_test(any_one_failure_of_the_page_source_is_borne),
        world_test(page_source_may_fail_for_good_at_any_call),
        world_test(heap_without_memory_is_no_heap),
        world_test(object_that_failed_can_be_made_when_memory_is_back),
        world_test(garbage_makes_room_when_memory_is_short),
        world_test(heap_with_safepoints_does_not_collect_when_memory_is_short),
        world_test(out_of_memory_hook_is_asked_when_the_page_source_fails),
        world_test(callbacks_bear_a_dry_heap),
        world_test(any_allocation_may_meet_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
