/* SPDX-License-Identifier: MIT */

/* Visitors that make objects: a walk visits what was there when it began, each object once, and nothing
 * that is born meanwhile. */

#include "../support.h"

enum { OBJECTS = 3000, MADE_MAX = 40000 };

/* What a visitor has made and keeps, and what it was shown. */
struct visits {
    gc_heap *heap;
    size_t visits, young; /* of the latter: objects that were made during the walk */
    size_t made_count;
    size_t known; /* so many of those that were made may be visited */
    void *made[MADE_MAX];
    unsigned seen[MADE_MAX]; /* how often */
    size_t in_garbage;
};

static struct visits *visits_new(gc_heap *heap)
{
    struct visits *visits = calloc(1, sizeof(*visits));
    assert_non_null(visits);
    visits->heap = heap;
    return visits;
}

static void visits_free(struct visits *visits)
{
    while (visits->made_count > 0) {
        gc_decref(visits->made[--visits->made_count]);
    }
    free(visits);
}

static void keep(struct visits *visits, void *object)
{
    expect(world_of(object), visits->made_count < MADE_MAX);
    visits->made[visits->made_count++] = object;
}

/* Objects of several types and sizes, with holes between them, in no order. Returns how many. */
static size_t make_objects(gc_heap *heap, void *objects[OBJECTS])
{
    size_t count = 0;
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = i % 1000 == 9 ? gc_new_var(heap, &string_type, 100000)
                     : i % 4 == 1  ? gc_new_var(heap, &string_type, i % 100)
                     : i % 4 == 2  ? gc_new_var(heap, &tuple_type, i % 7)
                                   : gc_new(heap, &node_type);
        assert_non_null(objects[i]);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        if (i % 3 == 0) {
            gc_decref(objects[i]);
        } else {
            objects[count++] = objects[i];
        }
    }
    return count;
}

static void drop_objects(void *objects[OBJECTS], size_t count)
{
    while (count > 0) {
        gc_decref(objects[--count]);
    }
}

/* One object of each kind for each that is visited; some die at once. */
static int visit_and_make(void *object, void *arg)
{
    struct visits *visits = arg;
    visits->visits++;
    for (size_t i = 0; i < visits->made_count; i++) {
        visits->young += visits->made[i] == object;
    }
    if (visits->made_count + 4 < MADE_MAX / 4) {
        keep(visits, gc_new(visits->heap, &node_type));
        keep(visits, gc_new_var(visits->heap, &string_type, visits->visits % 90));
        keep(visits, gc_new_var(visits->heap, &tuple_type, visits->visits % 9));
        gc_decref(gc_new(visits->heap, &node_type));
    }
    return 0;
}

static void each_object_visits_nothing_that_is_born_meanwhile(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    void *objects[OBJECTS];
    size_t count = make_objects(heap, objects);
    struct visits *visits = visits_new(heap);
    assert_int_equal(gc_each_object(heap, -1, visit_and_make, visits), 0);
    assert_int_equal(visits->visits, count);
    assert_int_equal(visits->young, 0);
    assert_sound(heap);
    size_t made = visits->made_count;
    visits->visits = visits->young = 0;
    assert_int_equal(gc_each_object(heap, -1, visit_and_make, visits), 0);
    assert_int_equal(visits->visits, count + made); /* by the next walk they are */
    assert_sound(heap);
    visits_free(visits);
    drop_objects(objects, count);
    assert_live(heap, 0);
}

/* A visitor of referrers that makes another referrer. */
static int visit_and_refer(void *object, void *arg)
{
    struct visits *visits = arg;
    struct node *node = node_new(visits->heap);
    visits->visits++;
    gc_set(&node->left, ((struct node *)object)->left);
    keep(visits, node);
    return visits->visits > 100;
}

static void referrers_visits_nothing_that_is_born_meanwhile(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct visits *visits = visits_new(heap);
    struct node *target = node_new(heap), *holders[3];
    for (size_t i = 0; i < 3; i++) {
        holders[i] = node_new(heap);
        gc_set(&holders[i]->left, target);
    }
    assert_int_equal(gc_referrers(heap, target, visit_and_refer, visits), 0);
    assert_int_equal(visits->visits, 3);
    assert_int_equal(gc_referrers(heap, target, visit_and_refer, visits), 0);
    assert_int_equal(visits->visits, 3 + 6);
    visits_free(visits);
    for (size_t i = 0; i < 3; i++) {
        gc_decref(holders[i]);
    }
    gc_decref(target);
}

static int visit_garbage_and_make(void *object, void *arg)
{
    struct visits *visits = arg;
    (void)object;
    visits->in_garbage++;
    struct node *node = node_new(visits->heap);
    node->left = gc_newref(node); /* garbage that is born meanwhile */
    gc_decref(node);
    return visits->in_garbage > 1000;
}

static void unreachable_visits_nothing_that_is_born_meanwhile(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct visits *visits = visits_new(heap);
    for (size_t i = 0; i < 50; i++) {
        (void)visit_garbage_and_make(NULL, visits);
    }
    visits->in_garbage = 0;
    assert_int_equal(gc_unreachable(heap, visit_garbage_and_make, visits), 0);
    assert_int_equal(visits->in_garbage, 50);
    assert_int_equal(gc_collect(heap), 100);
    visits_free(visits);
}

/* Walks in walks. The inner visitor notes what it sees of what was made, and makes more. */

static int inner_visit(void *object, void *arg)
{
    struct visits *visits = arg;
    for (size_t i = 0; i < visits->made_count; i++) {
        visits->seen[i] += visits->made[i] == object;
    }
    if (visits->made_count < visits->known + 3) {
        keep(visits, node_new(visits->heap));
    }
    return 0;
}

static int outer_visit(void *object, void *arg)
{
    struct visits *visits = arg;
    struct world *world = world_of(object);
    visits->visits++;
    for (unsigned walk = 0; walk < 2; walk++) {
        visits->known = visits->made_count;
        memset(visits->seen, 0, sizeof(visits->seen));
        (void)gc_each_object(visits->heap, -1, inner_visit, visits);
        for (size_t i = 0; i < visits->made_count; i++) {
            expect(world, visits->seen[i] == (i < visits->known));
        }
        expect(world, gc_check(visits->heap));
    }
    keep(visits, node_new(visits->heap));
    return 0;
}

static void inner_walk_visits_what_was_born_before_it_and_outer_walk_does_not(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct visits *visits = visits_new(heap);
    struct node *nodes[40];
    for (size_t i = 0; i < 40; i++) {
        nodes[i] = node_new(heap);
    }
    gc_decref(nodes[3]);
    gc_decref(nodes[30]);
    (void)gc_each_object(heap, -1, outer_visit, visits);
    assert_int_equal(visits->visits, 38);
    assert_int_equal(visits->made_count, 38 * 7);
    assert_sound(heap);
    visits_free(visits);
    for (size_t i = 0; i < 40; i++) {
        if (i != 3 && i != 30) {
            gc_decref(nodes[i]);
        }
    }
}

static int make_in_depth(void *object, void *arg)
{
    struct visits *visits = arg;
    (void)object;
    if (++visits->visits % 3 != 0) { /* three deep */
        keep(visits, node_new(visits->heap));
        (void)gc_each_object(visits->heap, GC_OLD, make_in_depth, visits);
    }
    return 1;
}

static void births_in_nested_walks_waste_no_pages(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct visits *visits = visits_new(heap);
    struct node *node = node_new(heap);
    (void)gc_collect(heap);
    for (size_t i = 0; i < 5000; i++) {
        visits->visits = 0;
        (void)gc_each_object(heap, GC_OLD, make_in_depth, visits);
    }
    assert_int_equal(visits->made_count, 10000);
    assert_true(stats_of(heap).pages <= 6); /* 240,000 bytes of nodes */
    visits_free(visits);
    gc_decref(node);
}

static int make_and_drop(void *object, void *arg)
{
    struct visits *visits = arg;
    (void)object;
    for (size_t i = 0; i < 1000; i++) {
        gc_decref(node_new(visits->heap));
    }
    return 0;
}

static void births_that_die_in_a_walk_use_their_slots_again(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct visits *visits = visits_new(heap);
    void *objects[OBJECTS];
    size_t count = make_objects(heap, objects);
    uint64_t pages = stats_of(heap).pages;
    (void)gc_each_object(heap, -1, make_and_drop, visits);
    assert_true(stats_of(heap).pages <= pages + 2); /* of 48 MB that were born */
    visits_free(visits);
    drop_objects(objects, count);
}

static void generation_out_of_range_is_refused(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct visits *visits = visits_new(heap);
    struct node *node = node_new(heap);
    static const int wrong[] = { -2, 4, 100, INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        gc_set_error(heap, GC_OK);
        assert_int_equal(gc_each_object(heap, wrong[i], visit_and_make, visits), GC_ERR_RANGE);
        assert_int_equal(gc_last_error(heap), GC_ERR_RANGE);
        gc_set_error(heap, GC_OK);
        assert_int_equal(gc_collect_generation(heap, wrong[i]), 0);
        assert_int_equal(gc_last_error(heap), GC_ERR_RANGE);
    }
    gc_set_error(heap, GC_OK);
    assert_int_equal(gc_collect_generation(heap, -1), 0);
    assert_int_equal(gc_last_error(heap), GC_ERR_RANGE);
    assert_int_equal(gc_collect_generation(heap, 2), 0);
    assert_int_equal(visits->visits, 0);
    assert_int_equal(stats_of(heap).generations[0].collections, 0);
    assert_int_equal(stats_of(heap).generations[1].collections, 0);
    gc_decref(node);
    visits_free(visits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(each_object_visits_nothing_that_is_born_meanwhile),
        world_test(referrers_visits_nothing_that_is_born_meanwhile),
        world_test(unreachable_visits_nothing_that_is_born_meanwhile),
        world_test(inner_walk_visits_what_was_born_before_it_and_outer_walk_does_not),
        world_test(births_in_nested_walks_waste_no_pages),
        world_test(births_that_die_in_a_walk_use_their_slots_again),
        world_test(generation_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
