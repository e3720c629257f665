/* SPDX-License-Identifier: MIT */
/* Looking at objects: what a collection would free, who is there, who refers to whom. Looking
 * changes nothing. */

#include "../support.h"

/* A visitor that stops at the third object with 42. */
struct stopper {
    size_t visits;
};

static int stop_at_the_third(void *object, void *arg)
{
    struct stopper *stopper = arg;
    (void)object;
    return ++stopper->visits == 3 ? 42 : 0;
}

/* Unreachable
 * =========== */

static void unreachable_lists_exactly_the_garbage(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct actor *alive = actor_new(heap, 9);
    gc_set(&alive->left, alive);
    struct actor *a = drop_an_actor_circle(heap, 1), *b = a->left;
    a->right = actor_new(heap, 3);
    b->leaf = leaf_new(heap, 4);
    struct seen seen = { 0 };
    assert_int_equal(gc_unreachable(heap, seen_add, &seen), 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen_times(&seen, a), 1);
    assert_int_equal(seen_times(&seen, b), 1);
    assert_int_equal(seen_times(&seen, a->right), 1);
    assert_sound(heap);
    gc_clear(&alive->left);
    gc_decref(alive);
    assert_int_equal(gc_collect(heap), 3);
}

static void unreachable_of_a_clean_heap_is_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct seen seen = { 0 };
    assert_int_equal(gc_unreachable(heap, seen_add, &seen), 0);
    struct node *node = node_new(heap);
    assert_int_equal(gc_unreachable(heap, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
    gc_decref(node);
}

static void unreachable_looks_at_young_and_old(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap);
    gc_set(&a->left, a);
    (void)gc_collect(heap);
    gc_decref(a);
    drop_a_node_circle(heap);
    struct seen seen = { 0 };
    assert_int_equal(gc_unreachable(heap, seen_add, &seen), 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(gc_collect(heap), 3);
}

static void unreachable_changes_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *old = actor_new(heap, 1);
    (void)gc_collect(heap);
    struct actor *young = actor_new(heap, 2);
    struct actor *a = drop_an_actor_circle(heap, 3);
    gc_set(&a->right, old);
    a->leaf = leaf_new(heap, 5);
    gc_set(&old->left, young);
    gc_stats before = stats_of(heap);
    for (int i = 0; i < 3; i++) {
        struct seen seen = { 0 };
        assert_int_equal(gc_unreachable(heap, seen_add, &seen), 0);
        assert_int_equal(seen.count, 2);
        gc_stats after = stats_of(heap);
        assert_memory_equal(&before, &after, sizeof(before));
        assert_int_equal(gc_refcount(old), 2);
        assert_int_equal(gc_refcount(young), 2);
        assert_int_equal(gc_refcount(a), 1);
        assert_int_equal(gc_refcount(a->left), 1);
        assert_int_equal(gc_refcount(a->leaf), 1);
        struct seen generations[2] = { { 0 }, { 0 } };
        (void)gc_each_object(heap, 0, seen_add, &generations[0]);
        (void)gc_each_object(heap, 1, seen_add, &generations[1]);
        assert_int_equal(generations[0].count, 3);
        assert_int_equal(generations[1].count, 1);
        assert_ptr_equal(generations[1].objects[0], old);
        assert_sound(heap);
    }
    assert_story(world, "");
    gc_decref(young);
    gc_decref(old);
    assert_int_equal(gc_collect_generation(heap, 0), 2);
    assert_live(heap, 0);
}

static int save_it(void *object, void *arg)
{
    struct actor **slot = arg;
    gc_set(slot, object);
    return 1;
}

static void unreachable_objects_may_be_saved_by_the_visitor(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *saved = NULL;
    drop_an_actor_circle(heap, 1);
    assert_int_equal(gc_unreachable(heap, save_it, &saved), 1);
    assert_non_null(saved);
    assert_int_equal(gc_refcount(saved), 2);
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "");
    gc_decref(saved);
    assert_int_equal(gc_collect(heap), 2);
}

static void unreachable_stops_when_told(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct stopper stopper = { 0 };
    for (int i = 0; i < 5; i++) {
        drop_a_node_circle(heap);
    }
    assert_int_equal(gc_unreachable(heap, stop_at_the_third, &stopper), 42);
    assert_int_equal(stopper.visits, 3);
    assert_sound(heap);
    assert_live(heap, 10);
    assert_int_equal(gc_collect(heap), 10);
}

struct nesting {
    gc_heap *heap;
    size_t visits;
    size_t inner_visits;
    size_t collected;
    bool failed;
};

static int count_inner(void *object, void *arg)
{
    struct nesting *nesting = arg;
    (void)object;
    nesting->inner_visits++;
    return 7;
}

static int nest(void *object, void *arg)
{
    struct nesting *nesting = arg;
    (void)object;
    nesting->visits++;
    nesting->failed |= gc_unreachable(nesting->heap, count_inner, nesting) != 0;
    nesting->collected += gc_collect(nesting->heap);
    nesting->collected += gc_collect_generation(nesting->heap, 0);
    return 0;
}

static void inside_unreachable_nothing_collects(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct nesting nesting = { .heap = heap };
    drop_a_node_circle(heap);
    drop_a_node_circle(heap);
    assert_int_equal(gc_unreachable(heap, nest, &nesting), 0);
    assert_int_equal(nesting.visits, 4);
    assert_int_equal(nesting.inner_visits, 0);
    assert_int_equal(nesting.collected, 0);
    assert_false(nesting.failed);
    assert_int_equal(gc_collect(heap), 4);
}

static void look_for_garbage(struct world *world, struct actor *actor)
{
    struct nesting nesting = { .heap = world->heap };
    (void)actor;
    expect(world, gc_unreachable(world->heap, count_inner, &nesting) == 0);
    expect(world, nesting.inner_visits == 0);
}

static void inside_a_collection_unreachable_visits_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = look_for_garbage;
    world->on_destroy = look_for_garbage;
    drop_an_actor_circle(heap, 1);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 4);
}

static int allocate_much(void *object, void *arg)
{
    gc_heap *heap = arg;
    (void)object;
    for (int i = 0; i < 1000; i++) {
        struct node *node = gc_new(heap, &node_type);
        gc_xdecref(node);
        node = gc_new(heap, &node_type);
        if (node == NULL) {
            return 1;
        }
        gc_set(&node->left, node);
        gc_decref(node);
    }
    return 0;
}

static void visitor_of_unreachable_may_allocate(void **state)
{
    gc_config config = { .thresholds = { .young_objects = 50 } };
    gc_heap *heap = world_new_heap(*state, &config);
    (void)gc_disable(heap);
    for (int i = 0; i < 10; i++) {
        drop_a_node_circle(heap);
    }
    (void)gc_enable(heap);
    assert_int_equal(gc_unreachable(heap, allocate_much, heap), 0);
    assert_sound(heap);
    assert_int_equal(stats_of(heap).generations[0].collections, 0);
    assert_true(gc_collect(heap) >= 20);
    assert_live(heap, 0);
}

/* A finalizer of a dying object looks at garbage: no collection is running. */
static size_t found_by_the_finalizer;

static int count_one(void *object, void *arg)
{
    (void)object;
    ++*(size_t *)arg;
    return 0;
}

static void count_the_garbage(struct world *world, struct actor *actor)
{
    (void)actor;
    (void)gc_unreachable(world->heap, count_one, &found_by_the_finalizer);
}

static void finalizer_of_a_dying_object_may_look_for_garbage(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = count_the_garbage;
    found_by_the_finalizer = 0;
    drop_a_node_circle(heap);
    gc_decref(actor_new(heap, 1));
    assert_int_equal(found_by_the_finalizer, 2);
    assert_int_equal(gc_collect(heap), 2);
}

/* Each object
 * =========== */

static void each_object_visits_every_one_once(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    void *objects[6] = { node_new(heap),     leaf_new(heap, 1),
                         tuple_new(heap, 3), tuple_new(heap, 30000),
                         actor_new(heap, 2), gc_new_var(heap, &string_type, 9) };
    struct seen seen = { 0 };
    assert_int_equal(gc_each_object(heap, -1, seen_add, &seen), 0);
    assert_int_equal(seen.count, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(seen_times(&seen, objects[i]), 1);
    }
    for (int i = 0; i < 6; i++) {
        gc_decref(objects[i]);
    }
    seen.count = 0;
    assert_int_equal(gc_each_object(heap, -1, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
}

static void each_object_of_a_generation_visits_containers_only(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct leaf *leaf = leaf_new(heap, 1);
    struct node *node = node_new(heap);
    struct seen seen[2] = { { 0 }, { 0 } };
    (void)gc_each_object(heap, 0, seen_add, &seen[0]);
    (void)gc_each_object(heap, 1, seen_add, &seen[1]);
    assert_int_equal(seen[0].count, 1);
    assert_int_equal(seen_times(&seen[0], node), 1);
    assert_int_equal(seen[1].count, 0);
    (void)gc_collect(heap);
    memset(seen, 0, sizeof(seen));
    (void)gc_each_object(heap, 0, seen_add, &seen[0]);
    (void)gc_each_object(heap, 1, seen_add, &seen[1]);
    assert_int_equal(seen[0].count, 0);
    assert_int_equal(seen[1].count, 1);
    assert_int_equal(seen_times(&seen[1], node), 1);
    gc_decref(leaf);
    gc_decref(node);
}

static void each_object_sees_garbage_too(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct seen seen = { 0 };
    drop_a_node_circle(heap);
    (void)gc_each_object(heap, -1, seen_add, &seen);
    assert_int_equal(seen.count, 2);
}

static void each_object_stops_when_told(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct stopper stopper = { 0 };
    for (int i = 0; i < 5; i++) {
        drop_a_node_circle(heap);
    }
    assert_int_equal(gc_each_object(heap, -1, stop_at_the_third, &stopper), 42);
    assert_int_equal(stopper.visits, 3);
    stopper.visits = 0;
    assert_int_equal(gc_each_object(heap, 0, stop_at_the_third, &stopper), 42);
}

struct dropper {
    struct actor *victims[10];
    size_t visits;
    struct world *world;
};

/* Drops all the others at the first visit. */
static int drop_the_others(void *object, void *arg)
{
    struct dropper *dropper = arg;
    dropper->visits++;
    expect(dropper->world, gc_refcount(object) >= 1);
    for (size_t i = 0; i < 10; i++) {
        if (dropper->victims[i] != object) {
            gc_clear(&dropper->victims[i]);
        }
    }
    return 0;
}

static void visitor_of_each_object_may_drop_objects(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct dropper dropper = { .world = world };
    for (unsigned i = 0; i < 10; i++) {
        dropper.victims[i] = actor_new(heap, i);
    }
    assert_int_equal(gc_each_object(heap, -1, drop_the_others, &dropper), 0);
    assert_int_equal(dropper.visits, 1);
    assert_int_equal(world->destroyed, 9);
    assert_live(heap, 1);
    for (unsigned i = 0; i < 10; i++) {
        gc_clear(&dropper.victims[i]);
    }
}

static int drop_self(void *object, void *arg)
{
    struct dropper *dropper = arg;
    for (size_t i = 0; i < 10; i++) {
        if (dropper->victims[i] == object) {
            gc_clear(&dropper->victims[i]);
        }
    }
    return 0;
}

static void visitor_of_each_object_may_drop_the_one_it_sees(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct dropper dropper = { .world = world };
    for (unsigned i = 0; i < 10; i++) {
        dropper.victims[i] = actor_new(heap, i);
    }
    assert_int_equal(gc_each_object(heap, 0, drop_self, &dropper), 0);
    assert_int_equal(world->destroyed, 10);
    assert_live(heap, 0);
    assert_sound(heap);
}

static void visitor_of_each_object_may_allocate(void **state)
{
    gc_config config = { .thresholds = { .young_objects = 20 } };
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    (void)gc_collect(heap);
    uint64_t before = stats_of(heap).generations[0].collections;
    assert_int_equal(gc_each_object(heap, 1, allocate_much, heap), 0);
    assert_int_equal(stats_of(heap).generations[0].collections, before);
    assert_sound(heap);
    gc_decref(a);
    gc_decref(b);
}

static int collect_inside(void *object, void *arg)
{
    struct nesting *nesting = arg;
    (void)object;
    nesting->visits++;
    nesting->collected += gc_collect(nesting->heap);
    return 0;
}

static void collections_wait_until_each_object_is_over(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct nesting nesting = { .heap = heap };
    for (unsigned i = 0; i < 5; i++) {
        drop_an_actor_circle(heap, 1);
    }
    assert_int_equal(gc_each_object(heap, -1, collect_inside, &nesting), 0);
    assert_int_equal(nesting.visits, 10);
    assert_int_equal(nesting.collected, 0);
    assert_story(world, "");
    assert_int_equal(gc_collect(heap), 10);
}

static size_t seen_in_a_finalizer;

static void enumerate(struct world *world, struct actor *actor)
{
    struct seen seen = { 0 };
    (void)gc_each_object(world->heap, -1, seen_add, &seen);
    expect(world, seen_times(&seen, actor) == 0);
    expect(world, seen_times(&seen, world->note) == 1);
    seen_in_a_finalizer = seen.count;
}

static void each_object_passes_over_what_a_collection_found_unreachable(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *alive = actor_new(heap, 9);
    world->note = alive;
    world->on_finalize = enumerate;
    drop_an_actor_circle(heap, 1);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(seen_in_a_finalizer, 1);
    world->on_finalize = NULL;
    gc_decref(alive);
}

/* Referrers
 * ========= */

static void referrers_are_every_holder_once(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *target = node_new(heap), *once = node_new(heap), *twice = node_new(heap),
                *never = node_new(heap);
    struct tuple *tuple = tuple_new(heap, 100), *large = tuple_new(heap, 100000);
    struct leaf *leaf = leaf_new(heap, 1);
    gc_set(&once->left, target);
    gc_set(&twice->left, target);
    gc_set(&twice->right, target);
    gc_set(&never->left, once);
    gc_set(&tuple->items[5], target);
    gc_set(&tuple->items[50], target);
    gc_set(&tuple->items[99], target);
    gc_set(&large->items[99999], target);
    gc_set(&target->left, target);
    struct seen seen = { 0 };
    assert_int_equal(gc_referrers(heap, target, seen_add, &seen), 0);
    assert_int_equal(seen.count, 5);
    assert_int_equal(seen_times(&seen, once), 1);
    assert_int_equal(seen_times(&seen, twice), 1);
    assert_int_equal(seen_times(&seen, tuple), 1);
    assert_int_equal(seen_times(&seen, large), 1);
    assert_int_equal(seen_times(&seen, target), 1);
    assert_sound(heap);
    gc_clear(&target->left);
    gc_decref(target);
    gc_decref(once);
    gc_decref(twice);
    gc_decref(never);
    gc_decref(tuple);
    gc_decref(large);
    gc_decref(leaf);
}

static void referrers_of_a_leaf_are_found(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct actor *a = actor_new(heap, 1), *b = actor_new(heap, 2);
    struct leaf *leaf = leaf_new(heap, 3);
    gc_set(&a->leaf, leaf);
    struct seen seen = { 0 };
    assert_int_equal(gc_referrers(heap, leaf, seen_add, &seen), 0);
    assert_int_equal(seen.count, 1);
    assert_ptr_equal(seen.objects[0], a);
    gc_decref(leaf);
    gc_decref(a);
    gc_decref(b);
}

static void object_that_only_the_program_holds_has_no_referrers(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap), *other = node_new(heap);
    struct seen seen = { 0 };
    assert_int_equal(gc_referrers(heap, node, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
    gc_decref(node);
    gc_decref(other);
}

static void referrers_are_young_and_old(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap), *old = node_new(heap);
    gc_set(&old->left, node);
    (void)gc_collect(heap);
    struct node *young = node_new(heap);
    gc_set(&young->right, node);
    struct seen seen = { 0 };
    assert_int_equal(gc_referrers(heap, node, seen_add, &seen), 0);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen_times(&seen, old), 1);
    assert_int_equal(seen_times(&seen, young), 1);
    gc_decref(old);
    gc_decref(young);
    gc_decref(node);
}

static void referrers_stop_when_told(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *target = node_new(heap), *holders[5];
    struct stopper stopper = { 0 };
    for (int i = 0; i < 5; i++) {
        holders[i] = node_new(heap);
        gc_set(&holders[i]->left, target);
    }
    assert_int_equal(gc_referrers(heap, target, stop_at_the_third, &stopper), 42);
    assert_int_equal(stopper.visits, 3);
    for (int i = 0; i < 5; i++) {
        gc_decref(holders[i]);
    }
    gc_decref(target);
}

/* A debugger's trick: make every holder let go. */
static int let_go(void *object, void *arg)
{
    struct node *holder = object;
    if (holder->left == arg) {
        gc_clear(&holder->left);
    }
    return 0;
}

static void visitor_of_referrers_may_clear_the_reference(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *target = node_new(heap), *holders[50];
    for (int i = 0; i < 50; i++) {
        holders[i] = node_new(heap);
        gc_set(&holders[i]->left, target);
    }
    assert_int_equal(gc_referrers(heap, target, let_go, target), 0);
    assert_int_equal(gc_refcount(target), 1);
    assert_sound(heap);
    for (int i = 0; i < 50; i++) {
        assert_null(holders[i]->left);
        gc_decref(holders[i]);
    }
    gc_decref(target);
}

/* Referents
 * ========= */

static void referents_are_told_once_for_each_reference(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    struct tuple *tuple = tuple_new(heap, 10);
    gc_set(&tuple->items[0], a);
    gc_set(&tuple->items[3], b);
    gc_set(&tuple->items[9], a);
    struct seen seen = { 0 };
    assert_int_equal(gc_referents(tuple, seen_add, &seen), 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen_times(&seen, a), 2);
    assert_int_equal(seen_times(&seen, b), 1);
    seen.count = 0;
    assert_int_equal(gc_referents(a, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
    gc_decref(tuple);
    gc_decref(a);
    gc_decref(b);
}

static void leaf_has_no_referents(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct leaf *leaf = leaf_new(heap, 1);
    struct seen seen = { 0 };
    assert_int_equal(gc_referents(leaf, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
    gc_decref(leaf);
}

static void referents_stop_when_told(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct tuple *tuple = tuple_new(heap, 10);
    struct stopper stopper = { 0 };
    for (int i = 0; i < 10; i++) {
        tuple->items[i] = node_new(heap);
    }
    assert_int_equal(gc_referents(tuple, stop_at_the_third, &stopper), 42);
    assert_int_equal(stopper.visits, 3);
    gc_decref(tuple);
}

static void visitor_of_referents_may_allocate_and_drop(void **state)
{
    gc_config config = { .thresholds = { .young_objects = 20 } };
    gc_heap *heap = world_new_heap(*state, &config);
    struct tuple *tuple = tuple_new(heap, 3);
    for (int i = 0; i < 3; i++) {
        gc_set_steal(&tuple->items[i], node_new(heap));
    }
    assert_int_equal(gc_referents(tuple, allocate_much, heap), 0);
    assert_sound(heap);
    gc_decref(tuple);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(unreachable_lists_exactly_the_garbage),
        world_test(unreachable_of_a_clean_heap_is_nothing),
        world_test(unreachable_looks_at_young_and_old),
        world_test(unreachable_changes_nothing),
        world_test(unreachable_objects_may_be_saved_by_the_visitor),
        world_test(unreachable_stops_when_told),
        world_test(inside_unreachable_nothing_collects),
        world_test(inside_a_collection_unreachable_visits_nothing),
        world_test(visitor_of_unreachable_may_allocate),
        world_test(finalizer_of_a_dying_object_may_look_for_garbage),
        world_test(each_object_visits_every_one_once),
        world_test(each_object_of_a_generation_visits_containers_only),
        world_test(each_object_sees_garbage_too),
        world_test(each_object_stops_when_told),
        world_test(visitor_of_each_object_may_drop_objects),
        world_test(visitor_of_each_object_may_drop_the_one_it_sees),
        world_test(visitor_of_each_object_may_allocate),
        world_test(collections_wait_until_each_object_is_over),
        world_test(each_object_passes_over_what_a_collection_found_unreachable),
        world_test(referrers_are_every_holder_once),
        world_test(referrers_of_a_leaf_are_found),
        world_test(object_that_only_the_program_holds_has_no_referrers),
        world_test(referrers_are_young_and_old),
        world_test(referrers_stop_when_told),
        world_test(visitor_of_referrers_may_clear_the_reference),
        world_test(referents_are_told_once_for_each_reference),
        world_test(leaf_has_no_referents),
        world_test(referents_stop_when_told),
        world_test(visitor_of_referents_may_allocate_and_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
