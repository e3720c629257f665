/* SPDX-License-Identifier: MIT */
/* Death watchers: they run when an object is dead or its heap is freed, and can be taken away. */

#include "../support.h"

static void watcher_runs_when_its_object_dies(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(watcher(node, 1)); /* nobody keeps it but the heap */
    assert_story(world, "");
    gc_decref(node);
    assert_story(world, "W1 ");
    assert_live(heap, 0);
}

static void watcher_is_a_weak_reference_until_it_runs(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = watcher(node, 1);
    assert_int_equal(gc_refcount(node), 1);
    assert_ptr_equal(weak_peek(weak), node);
    gc_decref(node);
    assert_null(gc_weak_get(weak));
    assert_int_equal(gc_refcount(weak), 1);
    gc_decref(weak);
}

static void watchers_run_last_registered_first(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    for (unsigned i = 1; i <= 4; i++) {
        gc_decref(watcher(node, i));
    }
    gc_decref(node);
    assert_story(world, "W4 W3 W2 W1 ");
}

static void watchers_and_weak_callbacks_run_in_one_order(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(watcher(node, 1));
    gc_weak *weak = weak_with_callback(node, 2);
    gc_decref(watcher(node, 3));
    gc_decref(node);
    assert_story(world, "W3 W2 W1 ");
    gc_decref(weak);
}

static void watcher_runs_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = watcher(node, 1);
    gc_decref(node);
    assert_story(world, "W1 ");
    assert_false(gc_unwatch(weak));
    gc_decref(weak);
    world_free_heap(world);
    assert_story(world, "");
}

static void unwatched_watcher_does_not_run(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(watcher(node, 1));
    gc_weak *weak = watcher(node, 2);
    gc_decref(watcher(node, 3));
    assert_true(gc_unwatch(weak));
    assert_null(gc_weak_get(weak));
    assert_false(gc_unwatch(weak));
    gc_decref(weak);
    assert_sound(heap);
    gc_decref(node);
    assert_story(world, "W3 W1 ");
}

static void unwatch_of_a_weak_reference_does_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *plain = plain_weak(node), *weak = weak_with_callback(node, 1);
    assert_false(gc_unwatch(plain));
    assert_false(gc_unwatch(weak));
    assert_ptr_equal(weak_peek(plain), node);
    gc_decref(node);
    assert_story(world, "W1 ");
    gc_decref(plain);
    gc_decref(weak);
}

static void unwatch_the_note(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    if (id == 3) {
        expect(world, gc_unwatch(world->note));
    }
}

static void watcher_may_take_away_the_next(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(watcher(node, 1));
    world->note = watcher(node, 2);
    gc_decref(watcher(node, 3));
    world->on_weak = unwatch_the_note;
    gc_decref(node);
    assert_story(world, "W3 W1 ");
    gc_clear(&world->note);
}

static void fail_badly(struct world *world, gc_weak *weak, unsigned id)
{
    gc_heap *heap = gc_heap_of(weak);
    if (id == 2) {
        gc_set_error(heap, GC_ERR_NOMEM);
        struct leaf *leaf = gc_new(heap, &leaf_type);
        gc_decref(leaf);
        gc_decref(leaf); /* a panic, whose hook returns */
    }
    (void)world;
}

static void failing_watcher_stops_no_other(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    for (unsigned i = 1; i <= 3; i++) {
        gc_decref(watcher(node, i));
    }
    world->on_weak = fail_badly;
    gc_decref(node);
    assert_story(world, "W3 W2 W1 L0 ");
    expect_panic(world, "leaf");
}

static void watcher_runs_beside_the_finalizer(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_decref(watcher(actor, 1));
    gc_decref(actor);
    assert_story(world, "F1 W1 D1 ");
}

static void save(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        world->note = gc_newref(actor);
    }
}

static void watcher_of_what_is_resurrected_at_count_zero_waits(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_decref(watcher(actor, 1));
    world->on_finalize = save;
    gc_decref(actor);
    assert_story(world, "F1 ");
    gc_clear(&world->note);
    assert_story(world, "W1 D1 ");
}

static void watcher_of_garbage_runs_after_the_finalizers(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_decref(watcher(actor, 5));
    assert_int_equal(gc_collect(heap), 2);
    assert_story(world, "F1 F2 W5 D2 D1 ");
}

static void watcher_of_what_a_collection_resurrects_waits(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *weak = watcher(actor, 5);
    world->on_finalize = save;
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "F1 F2 ");
    assert_ptr_equal(weak_peek(weak), actor);
    gc_decref(weak);
    gc_clear(&world->note);
    assert_int_equal(gc_collect(heap), 2);
    assert_story(world, "W5 D2 D1 ");
}

static void watchers_of_garbage_run_when_it_has_no_finalizers(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_set(&node->left, node);
    gc_decref(watcher(node, 1));
    gc_decref(watcher(node, 2));
    gc_decref(node);
    assert_int_equal(gc_collect_generation(heap, 0), 1);
    assert_story(world, "W2 W1 ");
    assert_live(heap, 0);
}

static void read_the_note(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    expect(world, gc_weak_get(world->note) == NULL);
}

static void watcher_of_garbage_cannot_revive_it(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    gc_weak *plain = plain_weak(b);
    gc_decref(watcher(a, 1));
    gc_decref(a);
    gc_decref(b);
    world->note = plain;
    world->on_weak = read_the_note;
    assert_int_equal(gc_collect(heap), 2);
    assert_story(world, "W1 ");
    gc_decref(plain);
}

struct knot {
    gc_object object;
    struct knot *next;
};
static void knot_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct knot *)(void *)self)->next);
}
static const gc_type knot_type = {
    .name = "knot",
    .size = sizeof(struct knot),
    .traverse = knot_traverse,
};

static void watcher_of_uncollectable_garbage_runs(void **state)
{
    struct world *world = *state;
    world->leftovers = true;
    gc_heap *heap = world_new_heap(world, NULL);
    struct knot *knot = gc_new(heap, &knot_type);
    gc_decref(watcher(knot, 1));
    gc_set_steal(&knot->next, knot);
    assert_int_equal(gc_collect(heap), 1);
    assert_story(world, "W1 ");
}

static void watch_self(struct world *world, struct actor *actor)
{
    gc_weak *weak = gc_watch(actor, weak_called, (void *)(uintptr_t)7);
    expect(world, weak != NULL);
    gc_xdecref(weak);
}

static void watcher_registered_in_a_finalizer_runs(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = watch_self;
    gc_decref(actor_new(heap, 1));
    assert_story(world, "F1 W7 D1 ");
    drop_an_actor_circle(heap, 2);
    (void)gc_collect(heap);
    assert_story(world, "F2 F3 W7 W7 D3 D2 ");
}

static void watcher_registered_in_destroy_runs(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_destroy = watch_self;
    gc_decref(actor_new(heap, 1));
    assert_story(world, "F1 D1 W7 ");
}

static void watch_another(struct world *world, gc_weak *weak, unsigned id)
{
    if (id < 4) {
        struct node *node = node_new(gc_heap_of(weak));
        gc_decref(watcher(node, id + 1));
        gc_decref(node);
    }
    (void)world;
}

static void watcher_may_watch(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(watcher(node, 1));
    world->on_weak = watch_another;
    gc_decref(node);
    assert_story(world, "W1 W2 W3 W4 ");
}

static void watched_object_that_is_dead_is_a_panic(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(node);
    assert_null(gc_watch(node, weak_called, NULL));
    expect_panic(world, "node");
}

static void watcher_without_a_callback_is_a_panic(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    assert_null(gc_watch(node, NULL, NULL));
    expect_panic(world, "node");
    assert_int_equal(gc_refcount(node), 1);
    gc_decref(node);
}

/* The end of the heap
 * =================== */

static void watchers_run_at_the_end_of_the_heap_last_registered_first(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_decref(watcher(a, 1));
    gc_decref(watcher(b, 2));
    gc_decref(watcher(a, 3));
    world_free_heap(world);
    assert_story(world, "W3 W2 W1 ");
}

static void watchers_at_the_end_of_the_heap_run_before_finalizers(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_decref(watcher(actor, 5));
    world_free_heap(world);
    assert_story(world, "W5 F1 D1 ");
}

static void expect_whole(struct world *world, gc_weak *weak, unsigned id)
{
    struct actor *actor = weak_peek(world->note);
    (void)weak;
    (void)id;
    expect(world, actor != NULL && actor->left != NULL && actor->left->id == 2);
}

static void everything_is_whole_in_watchers_at_the_end_of_the_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_set_steal(&actor->left, actor_new(heap, 2));
    world->note = plain_weak(actor);
    gc_decref(watcher(actor, 5));
    world->on_weak = expect_whole;
    world_free_heap(world);
    assert_int_equal(world->destroyed, 2);
}

static void unwatched_watcher_does_not_run_at_the_end_of_the_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = watcher(node, 1);
    gc_decref(watcher(node, 2));
    assert_true(gc_unwatch(weak));
    world_free_heap(world);
    assert_story(world, "W2 ");
}

static void watch_for_ever(struct world *world, gc_weak *weak, unsigned id)
{
    struct node *node = gc_new(gc_heap_of(weak), &node_type);
    if (node != NULL) {
        gc_weak *next = gc_watch(node, weak_called, (void *)(uintptr_t)(id + 1));
        gc_xdecref(next);
    }
    (void)world;
}

static void watchers_that_watch_for_ever_come_to_an_end_with_the_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(watcher(node, 1));
    world->on_weak = watch_for_ever;
    world_free_heap(world);
    assert_story(world, "W1 W2 ");
}

static void watcher_is_no_leak(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.report_leaks = true;
    gc_heap *heap = world_new_heap(world, &config);
    struct node *node = node_new(heap);
    gc_decref(watcher(node, 1));
    world_free_heap(world);
    assert_string_equal(world->message_text, "ouro: gc_heap_free: 1 of type node left\n");
}

static void free_the_heap(struct world *world, gc_weak *weak, unsigned id)
{
    (void)id;
    gc_heap_free(gc_heap_of(weak));
    expect(world, world->panics == 1);
}

static void watcher_may_not_free_the_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(watcher(node, 1));
    world->on_weak = free_the_heap;
    world_free_heap(world);
    expect_panic(world, "gc_heap_free");
}

static void a_million_watchers_of_one_object_are_taken_away_or_run(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t count = scaled(1000000);
    gc_weak **weak = malloc(count * sizeof(*weak));
    assert_non_null(weak);
    struct node *node = node_new(heap);
    for (size_t i = 0; i < count; i++) {
        weak[i] = watcher(node, 1);
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 10 && !gc_unwatch(weak[i])) {
            fail();
        }
        gc_decref(weak[i]);
    }
    free(weak);
    gc_decref(node);
    assert_live(heap, 0);
    assert_true(strlen(world->story) <= strlen("W1 ") * 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(watcher_runs_when_its_object_dies),
        world_test(watcher_is_a_weak_reference_until_it_runs),
        world_test(watchers_run_last_registered_first),
        world_test(watchers_and_weak_callbacks_run_in_one_order),
        world_test(watcher_runs_once),
        world_test(unwatched_watcher_does_not_run),
        world_test(unwatch_of_a_weak_reference_does_nothing),
        world_test(watcher_may_take_away_the_next),
        world_test(failing_watcher_stops_no_other),
        world_test(watcher_runs_beside_the_finalizer),
        world_test(watcher_of_what_is_resurrected_at_count_zero_waits),
        world_test(watcher_of_garbage_runs_after_the_finalizers),
        world_test(watcher_of_what_a_collection_resurrects_waits),
        world_test(watchers_of_garbage_run_when_it_has_no_finalizers),
        world_test(watcher_of_garbage_cannot_revive_it),
        world_test(watcher_of_uncollectable_garbage_runs),
        world_test(watcher_registered_in_a_finalizer_runs),
        world_test(watcher_registered_in_destroy_runs),
        world_test(watcher_may_watch),
        world_test(watched_object_that_is_dead_is_a_panic),
        world_test(watcher_without_a_callback_is_a_panic),
        world_test(watchers_run_at_the_end_of_the_heap_last_registered_first),
        world_test(watchers_at_the_end_of_the_heap_run_before_finalizers),
        world_test(everything_is_whole_in_watchers_at_the_end_of_the_heap),
        world_test(unwatched_watcher_does_not_run_at_the_end_of_the_heap),
        world_test(watchers_that_watch_for_ever_come_to_an_end_with_the_heap),
        world_test(watcher_is_no_leak),
        world_test(watcher_may_not_free_the_heap),
        world_test(a_million_watchers_of_one_object_are_taken_away_or_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
