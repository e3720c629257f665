/* SPDX-License-Identifier: MIT */
/* The collection of the old in slices: what a program sees of it, between slices and at the end.
 *
 * A slice with a budget of a nanosecond does the least there is, so these cycles take as many slices
 * as they can. No test measures time: what a slice does is counted in calls of traverse. */

#include "../support.h"

/* A heap that does what is due in gc_step only, and for which everything is due when external bytes
 * say so. */
static gc_heap *patient_heap_new(struct world *world)
{
    gc_config config = {
        .collect = GC_AT_SAFEPOINT,
        .thresholds = { .young_objects = 100000000,
                        .young_bytes = 1000000,
                        .old_growth_percent = 1,
                        .old_bytes = 1000000 },
    };
    return world_new_heap(world, &config);
}

static bool step(gc_heap *heap)
{
    return gc_step(heap, 1);
}

/* Make everything old, and begin a cycle. */
static void begin(gc_heap *heap)
{
    (void)gc_collect_generation(heap, 0);
    gc_external_add(heap, (size_t)1 << 30);
    assert_true(step(heap));
    gc_external_remove(heap, (size_t)1 << 30);
}

static void go_to_the_end(gc_heap *heap)
{
    while (step(heap)) {
    }
}

static uint64_t cycles(gc_heap *heap)
{
    return stats_of(heap).generations[1].collections;
}

static struct node *list_new(gc_heap *heap, size_t count)
{
    struct node *list = NULL;
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    return list;
}

/* Garbage: a ring of nodes. */
static void drop_a_ring(gc_heap *heap, size_t count)
{
    struct node *first = node_new(heap), *last = first;
    for (size_t i = 1; i < count; i++) {
        last->left = node_new(heap);
        last = last->left;
    }
    last->left = first;
}

/* The same, which was old before it was garbage. */
static void make_old_garbage(gc_heap *heap, size_t count)
{
    struct node *ring = list_new(heap, count), *last = ring;
    while (last->left != NULL) {
        last = last->left;
    }
    gc_set(&last->left, ring);
    (void)gc_collect_generation(heap, 0);
    gc_decref(ring);
}

/* The end of a cycle
 * ================== */

static void cycle_is_under_way_until_it_is_done(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 5000);
    begin(heap);
    size_t slices = 1;
    assert_int_equal(cycles(heap), 0);
    while (gc_step(heap, 1)) {
        slices++;
        assert_true(gc_step(heap, 0));
        assert_int_equal(cycles(heap), 0);
    }
    assert_true(slices > 10);
    assert_false(gc_step(heap, 0));
    assert_int_equal(cycles(heap), 1);
    assert_live(heap, 5000);
    gc_decref(list);
}

static void step_without_time_tells_and_does_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 1000);
    assert_false(gc_step(heap, 0));
    begin(heap);
    uint64_t pauses = stats_of(heap).pause_ns_total;
    for (unsigned i = 0; i < 10000; i++) {
        assert_true(gc_step(heap, 0));
    }
    assert_int_equal(stats_of(heap).pause_ns_total, pauses);
    go_to_the_end(heap);
    gc_decref(list);
}

static void cycle_frees_what_was_garbage_when_it_began(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 3000);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    struct actor *c = actor_new(heap, 1);
    gc_set(&c->left, c);
    (void)gc_collect_generation(heap, 0);
    gc_decref(a);
    gc_decref(b);
    gc_decref(c);
    begin(heap);
    go_to_the_end(heap);
    assert_story(world, "F1 D1 ");
    assert_live(heap, 3000);
    assert_int_equal(stats_of(heap).generations[1].collected, 3);
    gc_decref(list);
}

static void longer_budget_makes_fewer_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 20000);
    begin(heap);
    size_t slices = 0;
    while (gc_step(heap, UINT64_MAX)) {
        slices++;
    }
    assert_true(slices <= 3);
    assert_int_equal(cycles(heap), 1);
    gc_decref(list);
}

static void without_slices_all_is_done_at_once(void **state)
{
    struct world *world = *state;
    gc_config config = {
        .collect = GC_AT_SAFEPOINT,
        .thresholds = { .young_objects = 100, .old_growth_percent = 1, .old_bytes = 1 },
        .slice_ns = SIZE_MAX,
    };
    gc_heap *heap = world_new_heap(world, &config);
    struct node *list = list_new(heap, 100000);
    drop_a_ring(heap, 100000);
    assert_false(gc_step(heap, 1));
    assert_live(heap, 100000);
    assert_int_equal(cycles(heap), 1);
    gc_decref(list);
}

/* Exactness in the middle
 * ======================= */

static void collect_in_the_middle_of_a_cycle_is_exact(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 1000);
    for (unsigned slices = 0;; slices++) {
        struct actor *a = actor_new(heap, 1), *b = actor_new(heap, 2);
        gc_set(&a->left, b);
        gc_set(&b->left, a);
        (void)gc_collect_generation(heap, 0);
        drop_a_node_circle(heap);
        begin(heap);
        bool in_cycle = true;
        for (unsigned i = 0; i < slices && in_cycle; i++) {
            in_cycle = step(heap);
        }
        gc_decref(a);
        gc_decref(b);
        drop_a_node_circle(heap);
        assert_int_equal(gc_collect(heap), 4);
        assert_false(gc_step(heap, 0));
        world->story[0] = '\0';
        assert_live(heap, 1000);
        assert_sound(heap);
        if (!in_cycle) {
            assert_true(slices > 5);
            break;
        }
    }
    gc_decref(list);
}

static void collect_while_a_cycle_frees_counts_all_that_it_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    make_old_garbage(heap, 50000);
    begin(heap);
    uint64_t bytes = stats_of(heap).bytes_live;
    while (stats_of(heap).bytes_live == bytes) {
        assert_true(step(heap));
    }
    assert_true(stats_of(heap).bytes_live > 0);
    assert_int_equal(gc_collect(heap), 50000);
    assert_int_equal(stats_of(heap).generations[1].collected, 50000);
    assert_int_equal(stats_of(heap).died_by_count, 0);
    assert_live(heap, 0);
}

static int count_one(void *object, void *arg)
{
    (void)object;
    (*(size_t *)arg)++;
    return 0;
}

static void looks_in_the_middle_of_a_cycle_see_everything(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 2000), *target = list->left;
    for (unsigned slices = 0; slices < 60; slices++) {
        drop_a_ring(heap, 30);
        begin(heap);
        bool in_cycle = true;
        for (unsigned i = 0; i < slices && in_cycle; i++) {
            in_cycle = step(heap);
        }
        size_t count = 0;
        struct seen seen = { 0 };
        switch (slices % 3) {
        case 0:
            assert_int_equal(gc_each_object(heap, 1, count_one, &count), 0);
            assert_true(count >= 2000);
            break;
        case 1:
            assert_int_equal(gc_unreachable(heap, count_one, &count), 0);
            assert_int_equal(count % 30, 0);
            break;
        default:
            assert_int_equal(gc_referrers(heap, target, seen_add, &seen), 0);
            assert_int_equal(seen.count, 1);
            assert_ptr_equal(seen.objects[0], list);
        }
        assert_false(gc_step(heap, 0));
        assert_sound(heap);
        assert_true(gc_collect(heap) % 30 == 0);
        assert_live(heap, 2000);
    }
    gc_decref(list);
}

static void heap_may_be_freed_in_the_middle_of_a_cycle(void **state)
{
    struct world *world = *state;
    for (unsigned slices = 0; slices < 40; slices++) {
        gc_heap *heap = patient_heap_new(world);
        struct node *list = list_new(heap, 1500);
        struct actor *actor = actor_new(heap, 1);
        drop_an_actor_circle(heap, 2);
        begin(heap);
        bool in_cycle = true;
        for (unsigned i = 0; i < slices && in_cycle; i++) {
            in_cycle = step(heap);
        }
        (void)list;
        (void)actor;
        world_free_heap(world);
        assert_int_equal(world->finalized, 3);
        assert_int_equal(world->destroyed, 3);
        world->finalized = world->destroyed = 0;
    }
}

/* Between slices
 * ============== */

static void born_between_slices_lives(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 2000), *young = NULL;
    begin(heap);
    size_t born = 0;
    do {
        struct node *node = node_new(heap);
        node->left = young;
        young = node;
        born++;
    } while (step(heap));
    assert_live(heap, 2000 + born);
    assert_sound(heap);
    gc_decref(young);
    gc_decref(list);
}

static void young_are_collected_between_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 2000);
    size_t rounds = 0;
    begin(heap);
    do {
        drop_a_node_circle(heap);
        struct node *kept = node_new(heap);
        assert_int_equal(gc_collect_generation(heap, 0), 2);
        gc_decref(kept);
        rounds++;
    } while (step(heap));
    assert_live(heap, 2000);
    assert_int_equal(stats_of(heap).generations[0].collected, 2 * rounds);
    assert_sound(heap);
    gc_decref(list);
}

static void dies_by_count_between_slices_at_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    enum { COUNT = 1000 };
    struct actor *actors[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        actors[i] = actor_new(heap, i);
    }
    begin(heap);
    unsigned dead = 0;
    do {
        if (dead < COUNT) {
            gc_decref(actors[dead]);
            dead++;
            assert_int_equal(world->destroyed, dead);
            assert_live(heap, COUNT - dead);
            assert_int_equal(stats_of(heap).objects_died, dead);
        }
    } while (step(heap));
    for (; dead < COUNT; dead++) {
        gc_decref(actors[dead]);
    }
    world->story[0] = '\0';
}

static void all_that_dies_in_a_cycle_leaves_its_bytes(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    for (unsigned slices = 0; slices < 40; slices++) {
        struct node *list = list_new(heap, 2000);
        begin(heap);
        bool in_cycle = true;
        for (unsigned i = 0; i < slices && in_cycle; i++) {
            in_cycle = step(heap);
        }
        gc_decref(list);
        assert_int_equal(stats_of(heap).bytes_live, 0);
        assert_live(heap, 0);
        go_to_the_end(heap);
        assert_sound(heap);
    }
}

static void rise(struct world *world, struct actor *actor)
{
    gc_incref(actor);
    world->note = actor;
}

static void resurrected_between_slices_lives(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    world->on_finalize = rise;
    for (unsigned slices = 0; slices < 40; slices++) {
        struct node *list = list_new(heap, 1500);
        struct actor *actor = actor_new(heap, 1);
        gc_set(&actor->left, actor);
        gc_clear(&actor->left);
        begin(heap);
        bool in_cycle = true;
        for (unsigned i = 0; i < slices && in_cycle; i++) {
            in_cycle = step(heap);
        }
        gc_decref(actor);
        assert_story(world, "F1 ");
        assert_ptr_equal(world->note, actor);
        go_to_the_end(heap);
        assert_story(world, "");
        assert_int_equal(gc_refcount(actor), 1);
        gc_decref(actor);
        assert_story(world, "D1 ");
        gc_decref(list);
        assert_sound(heap);
    }
}

static void resurrected_by_the_end_of_a_cycle_lives(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 1000);
    struct actor *actor = actor_new(heap, 1);
    gc_set(&actor->left, actor);
    (void)gc_collect_generation(heap, 0);
    gc_decref(actor);
    world->on_finalize = rise;
    begin(heap);
    go_to_the_end(heap);
    assert_story(world, "F1 ");
    assert_int_equal(gc_refcount(actor), 2);
    assert_int_equal(stats_of(heap).generations[1].resurrected, 1);
    gc_decref(actor);
    begin(heap);
    go_to_the_end(heap);
    assert_story(world, "D1 ");
    gc_decref(list);
}

static void made_immortal_between_slices_lives(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    world->leftovers = true;
    struct node *list = list_new(heap, 2000);
    unsigned immortal = 0;
    begin(heap);
    do {
        struct node *node = list->left;
        if (!gc_is_immortal(node)) {
            gc_make_immortal(node);
            immortal++;
        }
        gc_decref(list); /* what follows it is immortal */
        list = node_new(heap);
        gc_set_steal(&list->left, node->left != NULL ? gc_newref(node->left) : NULL);
        if (list->left == NULL) {
            break;
        }
    } while (step(heap));
    go_to_the_end(heap);
    assert_true(immortal > 10);
    assert_sound(heap);
    gc_decref(list);
    (void)gc_collect(heap);
    assert_true(stats_of(heap).objects_live >= immortal);
}

/* Moves of a pointer touch no count: what is marked may come to refer to what is not. */
static void moved_between_slices_lives(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    enum { COUNT = 600 };
    struct node *holders[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        holders[i] = node_new(heap);
        gc_set_steal(&holders[i]->left, list_new(heap, 3));
    }
    begin(heap);
    unsigned i = 0, k = 1;
    do {
        for (unsigned n = 0; n < 50; n++, i = (i + 7) % COUNT, k = (k + 31) % COUNT) {
            struct node *node = holders[i]->left;
            if (i != k) {
                gc_swap(&holders[i]->left, &holders[k]->right);
            }
            if (i != k && node != NULL && holders[k]->right == node) {
                gc_swap(&node->left, &holders[i]->right); /* of one tree and another */
            }
        }
    } while (step(heap));
    assert_live(heap, 4 * COUNT);
    assert_sound(heap);
    for (i = 0; i < COUNT; i++) {
        gc_decref(holders[i]);
    }
    (void)gc_collect(heap);
    assert_live(heap, 0);
}

static void disabled_in_the_middle_a_cycle_waits(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 2000);
    begin(heap);
    (void)gc_disable(heap);
    assert_false(gc_step(heap, UINT64_MAX));
    assert_int_equal(cycles(heap), 0);
    (void)gc_enable(heap);
    assert_true(step(heap));
    go_to_the_end(heap);
    assert_int_equal(cycles(heap), 1);
    gc_decref(list);
}

static void step_in_a_callback(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, !gc_step(world->heap, 1));
    expect(world, gc_collect(world->heap) == 0);
    gc_decref(node_new(world->heap));
}

static void callbacks_at_the_end_of_a_cycle_may_call(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 1000);
    drop_an_actor_circle(heap, 1);
    struct actor *a = actor_new(heap, 3);
    gc_set(&a->left, a);
    (void)gc_collect_generation(heap, 0);
    world->story[0] = '\0';
    gc_decref(a);
    world->on_finalize = world->on_destroy = step_in_a_callback;
    begin(heap);
    go_to_the_end(heap);
    assert_story(world, "F3 D3 ");
    assert_live(heap, 1000);
    gc_decref(list);
}

/* Bounds, by counters
 * =================== */

/* A node whose traverse counts. */
struct counted {
    gc_object object;
    struct counted *next, *other;
};

static size_t visits;

static void counted_traverse(gc_object *self, gc_visitor *visitor)
{
    struct counted *counted = (void *)self;
    gc_visit(visitor, counted->next);
    gc_visit(visitor, counted->other);
    visits++;
}

static void counted_clear(gc_object *self)
{
    struct counted *counted = (void *)self;
    gc_clear(&counted->next);
    gc_clear(&counted->other);
}

static const gc_type counted_type = {
    .name = "counted",
    .size = sizeof(struct counted),
    .traverse = counted_traverse,
    .clear = counted_clear,
};

static struct counted *counted_list_new(gc_heap *heap, size_t count)
{
    struct counted *list = NULL;
    for (size_t i = 0; i < count; i++) {
        struct counted *counted = gc_new(heap, &counted_type);
        assert_non_null(counted);
        counted->next = list;
        gc_set(&counted->other, i % 3 == 0 ? list : NULL);
        list = counted;
    }
    return list;
}

/* A build that walks the whole heap to check it visits more. */
static bool counts_say_nothing(void)
{
    return OURO_CHECKS > 2;
}

/* The most visits in a slice of a cycle over a list of so many, and all of them. */
static size_t most_visits(struct world *world, size_t count, size_t *all)
{
    gc_heap *heap = patient_heap_new(world);
    struct counted *list = counted_list_new(heap, count);
    size_t most = 0;
    (void)gc_collect_generation(heap, 0);
    gc_external_add(heap, (size_t)1 << 30);
    *all = 0;
    bool more;
    do {
        visits = 0;
        more = step(heap);
        most = visits > most ? visits : most;
        *all += visits;
    } while (more);
    assert_int_equal(cycles(heap), 1);
    gc_external_remove(heap, (size_t)1 << 30);
    /* A list dies in one go, however long, and so does the heap. */
    gc_decref(list);
    assert_live(heap, 0);
    world_free_heap(world);
    return most;
}

static void slice_does_not_grow_with_the_heap(void **state)
{
    struct world *world = *state;
    size_t all;
    if (counts_say_nothing()) {
        return;
    }
    size_t few = most_visits(world, 2000, &all), many = most_visits(world, 200000, &all);
    assert_true(few > 0);
    assert_true(many <= 1000);
    assert_true(many <= 2 * few);
}

static void cycle_visits_each_of_the_living_twice(void **state)
{
    struct world *world = *state;
    size_t all;
    if (counts_say_nothing()) {
        return;
    }
    (void)most_visits(world, 50000, &all);
    assert_int_equal(all, 2 * 50000); /* to count, and to mark */
}

static void cycle_visits_garbage_a_constant_number_of_times(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    enum { COUNT = 100000 };
    struct counted *list = counted_list_new(heap, COUNT), *last = list;
    while (last->next != NULL) {
        last = last->next;
    }
    gc_set(&last->next, list);
    (void)gc_collect_generation(heap, 0);
    gc_decref(list);
    visits = 0;
    begin(heap);
    go_to_the_end(heap);
    assert_live(heap, 0);
    /* At most: twice in each of two sizes of parts, twice in each of two rounds, and in the recheck. */
    assert_true(counts_say_nothing() || visits <= (size_t)9 * COUNT);
}

/* A program that builds, cuts and drops all the time, in a heap as it comes: what the collector does is
 * in proportion to what is born, however much lives. */
static void visits_are_a_constant_times_the_births(void **state)
{
    struct world *world = *state;
    if (counts_say_nothing()) {
        return;
    }
    for (size_t live = 20000; live <= 200000; live *= 10) {
        gc_heap *heap =
            world_new_heap(world, &(gc_config){ .slice_ns = 20000, .stress = SIZE_MAX });
        visits = 0;
        struct counted **table = calloc(live, sizeof(*table));
        assert_non_null(table);
        size_t births = scaled(3000000) + live;
        uint64_t random = 1;
        for (size_t i = 0; i < births; i++) {
            struct counted *counted = gc_new(heap, &counted_type);
            assert_non_null(counted);
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            struct counted **place = &table[(random >> 33) % live];
            gc_set(&counted->next, *place);
            gc_set(&counted->other, i % 4 == 0 ? counted : NULL); /* a circle, in time garbage */
            if (*place != NULL && i % 2 == 0) {
                gc_clear(&(*place)->next);
            }
            gc_set_steal(place, counted);
        }
        assert_true(births < 3000000 || stats_of(heap).generations[1].collections > 0);
        assert_true(visits <= 4 * births);
        for (size_t i = 0; i < live; i++) {
            gc_clear(&table[i]);
        }
        free(table);
        (void)gc_collect(heap);
        world_free_heap(world);
    }
}

enum { KEPT = 200000 };
static struct leaf *kept[KEPT];

/* Gives what is kept. */
struct leaves {
    gc_generator generator;
    size_t at;
};

OURO_GENERATOR(leaves)
{
    OURO_BEGIN(self);
    while (self->at < KEPT) {
        OURO_YIELD(self, gc_newref(kept[self->at++]));
    }
    OURO_END(self);
}

struct holder {
    gc_object object;
    struct holder *self;
    gc_object *tuple;
};

static const gc_type holder_type = { .name = "holder",
                                     .size = sizeof(struct holder),
                                     .refs = OURO_REFS(struct holder, self, tuple) };

static void tuple_that_a_generator_has_filled_is_emptied_in_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    for (size_t i = 0; i < KEPT; i++) {
        kept[i] = leaf_new(heap, 1);
    }
    struct leaves *leaves = gc_new(heap, &leaves_type.type);
    struct holder *holder = gc_new(heap, &holder_type);
    assert_non_null(leaves);
    assert_non_null(holder);
    holder->tuple = gc_generator_to_tuple(&leaves->generator);
    assert_non_null(holder->tuple);
    assert_int_equal(gc_refcount(kept[KEPT - 1]), 2);
    (void)gc_collect(heap); /* all is old */
    holder->self = holder;  /* which takes the only reference */
    begin(heap);
    size_t dropped = 0, most = 0;
    bool more;
    do {
        size_t before = dropped;
        more = step(heap);
        while (dropped < KEPT && gc_refcount(kept[dropped]) == 1) {
            dropped++;
        }
        most = dropped - before > most ? dropped - before : most;
    } while (more);
    assert_int_equal(dropped, KEPT);
    assert_true(most <= 5000);
    for (size_t i = 0; i < KEPT; i++) {
        gc_decref(kept[i]);
    }
    assert_live(heap, 0);
}

static void huge_garbage_is_freed_in_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    size_t count = scaled(1000000) + 50000; /* more than a part holds */
    struct node *list = list_new(heap, 1000);
    make_old_garbage(heap, count);
    begin(heap);
    size_t falls = 0, most = 0;
    bool more;
    do {
        uint64_t before = stats_of(heap).objects_live;
        more = step(heap);
        size_t fall = (size_t)(before - stats_of(heap).objects_live);
        falls += fall > 0;
        most = fall > most ? fall : most;
    } while (more);
    assert_live(heap, 1000);
    assert_true(falls >= count / 5000);
    assert_true(most <= 5000); /* a page of them */
    gc_decref(list);
}

/* By themselves
 * ============= */

static gc_heap *lively_heap_new(struct world *world)
{
    gc_config config = {
        .thresholds = { .young_objects = 1000, .old_growth_percent = 20, .old_bytes = 100000 },
        .slice_ns = 1,
        .stress = SIZE_MAX,
    };
    return world_new_heap(world, &config);
}

/* Makes garbage of rings that have grown old, and calls `look` now and then. */
static void churn(gc_heap *heap, void (*look)(gc_heap *heap))
{
    struct node *rings[10] = { NULL };
    struct node *list = list_new(heap, 100000);
    uint64_t bytes = stats_of(heap).bytes_live;
    for (size_t i = 0, rounds = scaled(10000); i < rounds; i++) {
        struct node *ring = list_new(heap, 300), *last = ring;
        while (last->left != NULL) {
            last = last->left;
        }
        gc_set(&last->left, ring);
        gc_set_steal(&rings[i % 10], ring);
        if (look != NULL && i % 3 == 0) {
            look(heap);
        }
        /* Slices come by the clock: where the processor is emulated, twice as much grows between
         * them. What is never collected comes to 30 times as much. */
        assert_true(stats_of(heap).bytes_live < 7 * bytes);
    }
    for (size_t i = 0; i < 10; i++) {
        gc_clear(&rings[i]);
    }
    gc_decref(list);
}

static void growth_drives_cycles_that_come_by_themselves(void **state)
{
    struct world *world = *state;
    gc_heap *heap = lively_heap_new(world);
    churn(heap, NULL);
    assert_true(cycles(heap) > 0);
}

static void look_at_the_young(gc_heap *heap)
{
    size_t count = 0;
    (void)gc_each_object(heap, 0, count_one, &count);
}

static void program_that_looks_at_its_heap_often_stays_small(void **state)
{
    struct world *world = *state;
    churn(lively_heap_new(world), look_at_the_young);
}

static void large_objects_that_die_in_a_cycle_are_given_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 5000);
    begin(heap);
    uint64_t reserved = stats_of(heap).bytes_reserved;
    size_t count = 0;
    do {
        struct tuple *tuple = tuple_new(heap, ((size_t)2 << 20) / sizeof(struct node *));
        struct string *string = gc_new_var(heap, &string_type, (size_t)2 << 20);
        assert_non_null(string);
        gc_decref(tuple);
        gc_decref(string);
        assert_true(stats_of(heap).bytes_reserved <= reserved + ((uint64_t)20 << 20));
        count++;
    } while (step(heap) && step(heap) && step(heap)); /* one for the page that is new */
    assert_true(count > 15);
    gc_decref(list);
}

/* Statistics
 * ========== */

static void cycle_is_in_the_statistics_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 2000);
    make_old_garbage(heap, 500);
    uint64_t young = stats_of(heap).generations[0].collections;
    begin(heap);
    go_to_the_end(heap);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.generations[1].collections, 1);
    assert_int_equal(stats.generations[1].collected, 500);
    assert_true(stats.generations[0].collections > young);
    assert_int_equal(stats.objects_live, 2000);
    assert_int_equal(stats.objects_born, 2500);
    assert_int_equal(stats.objects_died, 500);
    assert_int_equal(stats.died_by_count, 0);
    assert_true(stats.generations[1].pause_ns_max > 0);
    assert_true(stats.generations[1].pause_ns_total > stats.generations[1].pause_ns_max);
    gc_decref(list);
}

static uint64_t pauses_of(const gc_stats *stats, size_t phase)
{
    return stats->phases[phase].count;
}

static void slice_is_a_pause_of_the_phase_it_begins_in(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 5000);
    make_old_garbage(heap, 50000);
    begin(heap);
    uint64_t slices = 1;
    bool more;
    do {
        gc_stats before = stats_of(heap);
        more = step(heap);
        gc_stats stats = stats_of(heap);
        slices++;
        assert_pauses_add_up(&stats);
        assert_int_equal(stats.pauses.count, stats.generations[0].collections + slices);
        assert_true(stats.objects_live == before.objects_live ||
                    pauses_of(&stats, GC_PHASE_RECHECK) > pauses_of(&before, GC_PHASE_RECHECK) ||
                    pauses_of(&stats, GC_PHASE_FREE) > pauses_of(&before, GC_PHASE_FREE));
    } while (more);
    gc_stats stats = stats_of(heap);
    for (size_t i = GC_PHASE_PROMOTE; i <= GC_PHASE_FREE; i++) {
        assert_true(pauses_of(&stats, i) > 0);
    }
    assert_true(pauses_of(&stats, GC_PHASE_MARK) > 1);
    assert_int_equal(pauses_of(&stats, GC_PHASE_YOUNG), stats.generations[0].collections);
    assert_int_equal(pauses_of(&stats, GC_PHASE_FULL), 0);
    gc_decref(list);
}

static void statistics_are_right_between_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 2000);
    make_old_garbage(heap, 5000);
    begin(heap);
    do {
        gc_stats stats = stats_of(heap);
        assert_int_equal(stats.objects_born, 7000);
        assert_int_equal(stats.objects_live * sizeof(struct node), stats.bytes_live);
        assert_int_equal(stats.generations[0].objects + stats.generations[1].objects,
                         stats.objects_live);
    } while (step(heap));
    assert_live(heap, 2000);
    gc_decref(list);
}

static void what_a_look_ended_is_in_the_statistics_too(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 1000);
    make_old_garbage(heap, 10000);
    begin(heap);
    while (stats_of(heap).objects_live == 11000) {
        assert_true(step(heap));
    }
    size_t count = 0;
    (void)gc_each_object(heap, -1, count_one, &count); /* what is being freed is freed first */
    assert_int_equal(count, 1000);
    begin(heap);
    go_to_the_end(heap);
    assert_int_equal(stats_of(heap).generations[1].collected, 10000);
    assert_int_equal(stats_of(heap).died_by_count, 0);
    gc_decref(list);
}

/* Hooks
 * ===== */

struct calls {
    gc_hook hook;
    unsigned starts, stops, open;
    uint64_t collected;
    gc_collection last; /* of the old, when it stopped */
};

static bool count_a_start(gc_heap *heap, const gc_collection *collection, void *arg)
{
    struct calls *calls = arg;
    (void)heap;
    calls->starts += (unsigned)collection->generation;
    calls->open += (unsigned)collection->generation;
    return true;
}

static void count_a_stop(gc_heap *heap, const gc_collection *collection, void *arg)
{
    struct calls *calls = arg;
    expect(gc_heap_user_data(heap), collection->generation == 0 || calls->open == 1);
    calls->stops += (unsigned)collection->generation;
    calls->open -= (unsigned)collection->generation;
    calls->collected += collection->collected;
    calls->last = collection->generation == 0 ? calls->last : *collection;
}

static void hear_calls(gc_heap *heap, struct calls *calls)
{
    *calls =
        (struct calls){ .hook = { .start = count_a_start, .stop = count_a_stop, .arg = calls } };
    gc_hook_add(heap, &calls->hook);
}

static void cycle_has_one_start_and_one_stop(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 2000);
    struct calls calls;
    make_old_garbage(heap, 500);
    hear_calls(heap, &calls);
    begin(heap);
    assert_int_equal(calls.starts, 1);
    while (step(heap)) {
        assert_int_equal(calls.stops, 0);
    }
    assert_int_equal(calls.starts, 1);
    assert_int_equal(calls.stops, 1);
    assert_int_equal(calls.collected, 500);
    gc_hook_remove(heap, &calls.hook);
    gc_decref(list);
}

static void cycle_that_is_cut_short_has_its_stop_before_the_next_start(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 2000);
    struct calls calls;
    hear_calls(heap, &calls);
    begin(heap);
    assert_sound(heap);
    assert_int_equal(calls.starts, 1);
    assert_int_equal(calls.stops, 0);
    begin(heap);
    assert_int_equal(calls.starts, 2);
    assert_int_equal(calls.stops, 1);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(calls.starts, 3);
    assert_int_equal(calls.stops, 3);
    gc_hook_remove(heap, &calls.hook);
    gc_decref(list);
}

static void report_says_how_many_slices_rounds_and_suspects_there_were(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 2000);
    struct calls calls;
    make_old_garbage(heap, 500);
    hear_calls(heap, &calls);
    begin(heap);
    uint64_t slices = 2;
    while (step(heap)) {
        slices++;
    }
    assert_int_equal(calls.stops, 1);
    assert_int_equal(calls.last.slices, slices);
    assert_int_equal(calls.last.rounds, 1);
    assert_int_equal(calls.last.suspects, 500);
    begin(heap);
    go_to_the_end(heap);
    assert_int_equal(calls.stops, 2);
    assert_true(calls.last.slices > 0 && calls.last.slices < slices);
    assert_int_equal(calls.last.rounds, 1);
    assert_int_equal(calls.last.suspects, 0);
    gc_hook_remove(heap, &calls.hook);
    gc_decref(list);
}

static void report_of_a_collection_at_once_knows_no_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 2000);
    struct calls calls;
    make_old_garbage(heap, 500);
    hear_calls(heap, &calls);
    begin(heap);
    assert_true(step(heap));
    assert_int_equal(gc_collect(heap), 500);
    assert_int_equal(calls.stops, 2); /* of the cycle that it cut short, too */
    assert_int_equal(calls.last.collected, 500);
    assert_int_equal(calls.last.slices, 0);
    assert_int_equal(calls.last.rounds, 0);
    assert_int_equal(calls.last.suspects, 0);
    gc_hook_remove(heap, &calls.hook);
    gc_decref(list);
}

/* Parts
 * ===== */

/* So many containers of garbage, referred to by no other, are a part: as in parts.h. */
enum { PART = OURO_CHECKS >= 3 ? 8 : 1024, PARTS = 10 };
enum { DEATHS = 16 }; /* as in death.c: between two looks at the clock */

static struct actor *ring_of_actors_new(gc_heap *heap)
{
    struct actor *first = actor_new(heap, 1), *last = first;
    for (unsigned i = 1; i < PART; i++) {
        gc_set_steal(&last->left, actor_new(heap, 2));
        last = last->left;
    }
    gc_set(&last->left, first);
    return first;
}

/* Garbage of many parts, plain and not, which was old before; and a cycle about it. */
static void begin_with_parts(gc_heap *heap)
{
    struct actor *rings[PARTS];
    for (unsigned i = 0; i < PARTS; i++) {
        rings[i] = ring_of_actors_new(heap);
    }
    for (unsigned i = 0; i < PARTS; i++) {
        make_old_garbage(heap, PART);
    }
    for (unsigned i = 0; i < PARTS; i++) {
        gc_decref(rings[i]);
    }
    begin(heap);
}

static void parts_end_one_after_the_other_and_are_counted_so(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, 100);
    begin_with_parts(heap);
    unsigned falls = 0;
    uint64_t live = stats_of(heap).objects_live;
    bool more;
    do {
        more = step(heap);
        gc_stats stats = stats_of(heap);
        assert_true(live - stats.objects_live <= PART + DEATHS);
        falls += stats.objects_live < live;
        live = stats.objects_live;
        assert_int_equal(stats.died_by_count, 0);
        uint64_t collected = stats.generations[1].collected; /* of a part when it has ended */
        assert_true(collected + PART >= world->destroyed);
        assert_true(more || collected == 2 * PARTS * PART);
        assert_int_equal(stats.objects_born, stats.objects_live + stats.objects_died);
    } while (more);
    assert_true(falls >= 2 * PARTS);
    assert_int_equal(world->finalized, PARTS * PART);
    assert_int_equal(world->destroyed, PARTS * PART);
    assert_live(heap, 100);
    assert_int_equal(cycles(heap), 1);
    gc_decref(list);
    world->story[0] = '\0';
}

static void parts_of_a_cycle_that_is_cut_short_are_counted_once(void **state)
{
    struct world *world = *state;
    for (unsigned parts = 0; parts <= 2 * PARTS; parts += 3) {
        gc_heap *heap = patient_heap_new(world);
        struct calls calls;
        hear_calls(heap, &calls);
        begin_with_parts(heap);
        while (stats_of(heap).objects_live > (2 * PARTS - parts) * PART) {
            assert_true(step(heap));
        }
        uint64_t before = stats_of(heap).generations[1].collected;
        assert_sound(heap);
        assert_int_equal(stats_of(heap).died_by_count, 0);
        assert_int_equal(calls.starts, 1);
        assert_int_equal(calls.stops, 0);
        assert_int_equal(gc_collect(heap), 2 * PARTS * PART - before);
        assert_int_equal(calls.starts, 2);
        assert_int_equal(calls.stops, 2);
        assert_int_equal(calls.collected, 2 * PARTS * PART);
        assert_int_equal(stats_of(heap).generations[1].collected, 2 * PARTS * PART);
        assert_int_equal(stats_of(heap).died_by_count, 0);
        assert_live(heap, 0);
        gc_hook_remove(heap, &calls.hook);
        world_free_heap(world);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

static void rise_if_first(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        gc_incref(actor);
        *(struct actor **)world->memo = actor;
        world->memo = (struct actor **)world->memo + 1;
    }
}

static void resurrected_in_parts_are_counted(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct actor *risen[PARTS] = { NULL };
    struct calls calls;
    world->memo = risen;
    world->on_finalize = rise_if_first;
    hear_calls(heap, &calls);
    begin_with_parts(heap);
    go_to_the_end(heap);
    assert_true(world->finalized >= PARTS); /* more only if time was not up before */
    assert_int_equal(world->destroyed, 0);
    assert_int_equal(stats_of(heap).generations[1].resurrected, PARTS * PART);
    assert_int_equal(stats_of(heap).generations[1].collected, PARTS * PART);
    assert_int_equal(calls.last.resurrected, PARTS * PART);
    assert_int_equal(calls.last.collected, PARTS * PART);
    assert_live(heap, PARTS * PART);
    for (unsigned i = 0; i < PARTS; i++) {
        gc_decref(risen[i]);
    }
    begin(heap);
    go_to_the_end(heap);
    assert_int_equal(world->finalized, PARTS * PART);
    assert_live(heap, 0);
    gc_hook_remove(heap, &calls.hook);
    world->story[0] = '\0';
}

static void uncollectable_in_parts_are_counted_and_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *stubborn[PART + 1]; /* in two parts */
    struct calls calls;
    for (unsigned i = 0; i <= PART; i++) {
        stubborn[i] = gc_new(heap, &stubborn_node_type);
        assert_non_null(stubborn[i]);
        stubborn[i]->left = stubborn[i];
    }
    hear_calls(heap, &calls);
    begin_with_parts(heap); /* they are old: a young collection found them, and was for nothing */
    go_to_the_end(heap);
    assert_int_equal(stats_of(heap).generations[1].uncollectable, PART + 1);
    assert_int_equal(calls.last.uncollectable, PART + 1);
    assert_int_equal(calls.last.collected, 2 * PARTS * PART);
    assert_sound(heap);
    for (unsigned i = 0; i <= PART; i++) {
        assert_int_equal(gc_generation_of(stubborn[i]), GC_OLD);
        gc_clear(&stubborn[i]->left);
    }
    assert_live(heap, 0);
    gc_hook_remove(heap, &calls.hook);
    world->story[0] = '\0';
}

static void look_now_and_then(struct world *world, struct actor *actor)
{
    size_t count = 0;
    expect(world, gc_collect(world->heap) == 0);
    expect(world, !gc_step(world->heap, 1));
    if (actor->id == 1) {
        expect(world, gc_each_object(world->heap, -1, count_one, &count) == 0);
        expect(world, count > 0);
    }
}

static void finalizers_that_look_at_the_heap_put_the_rest_off(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct calls calls;
    struct node *node = node_new(heap);
    world->on_finalize = look_now_and_then;
    hear_calls(heap, &calls);
    begin_with_parts(heap);
    go_to_the_end(heap);
    assert_int_equal(world->finalized, PART);
    assert_int_equal(world->destroyed, PART);
    assert_int_equal(cycles(heap), 0);
    assert_int_equal(calls.starts, 1);
    assert_int_equal(calls.stops, 0);
    for (unsigned i = 2; i <= PARTS; i++) { /* each look cuts the cycle short */
        begin(heap);
        assert_int_equal(calls.stops, i - 1);
        go_to_the_end(heap);
        assert_int_equal(world->finalized, i * PART);
        assert_int_equal(world->destroyed, i * PART);
    }
    begin(heap);
    go_to_the_end(heap);
    assert_int_equal(world->destroyed, PARTS * PART);
    assert_int_equal(calls.starts, PARTS + 1);
    assert_int_equal(calls.stops, PARTS + 1);
    assert_int_equal(calls.collected, 2 * PARTS * PART);
    assert_int_equal(stats_of(heap).generations[1].collected, 2 * PARTS * PART);
    assert_live(heap, 1);
    gc_decref(node);
    gc_hook_remove(heap, &calls.hook);
    world->story[0] = '\0';
}

/* What died of a cycle
 * ==================== */

enum { LIST = 5000 };

/* The last of garbage lets go of a list. */
static void drop_the_list(struct world *world, struct actor *actor)
{
    (void)actor;
    if (world->destroyed == PART) {
        struct node *list = world->note;
        world->note = NULL;
        gc_decref(list);
    }
}

/* A cycle that has garbage in one part, which is gone, but not what it let go of. Returns how many of that
 * are left. */
static uint64_t begin_with_a_list(gc_heap *heap)
{
    struct world *world = gc_heap_user_data(heap);
    world->note = list_new(heap, LIST);
    world->on_destroy = drop_the_list;
    struct actor *ring = ring_of_actors_new(heap);
    (void)gc_collect_generation(heap, 0);
    gc_decref(ring);
    begin(heap);
    while (world->destroyed < PART) {
        assert_true(step(heap));
    }
    assert_int_equal(world->finalized, PART);
    assert_null(world->note);
    world->story[0] = '\0';
    assert_true(stats_of(heap).objects_live >= LIST - DEATHS);
    return stats_of(heap).objects_live;
}

static void cycle_is_over_and_has_its_stop_when_what_died_of_it_is_gone(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct calls calls;
    hear_calls(heap, &calls);
    uint64_t live = begin_with_a_list(heap);
    unsigned slices = 0;
    while (step(heap)) {
        slices++;
        assert_int_equal(calls.stops, 0);
        assert_int_equal(cycles(heap), 0);
        assert_true(live - stats_of(heap).objects_live <= DEATHS);
        live = stats_of(heap).objects_live;
        assert_int_equal(stats_of(heap).died_by_count, LIST - live);
    }
    assert_true(slices > LIST / DEATHS);
    assert_int_equal(calls.starts, 1);
    assert_int_equal(calls.stops, 1);
    assert_int_equal(calls.last.collected, PART);
    assert_int_equal(cycles(heap), 1);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.generations[1].collected, PART);
    assert_int_equal(stats.generations[1].resurrected, 0);
    assert_int_equal(stats.died_by_count, LIST);
    assert_int_equal(stats.finalized, PART);
    assert_int_equal(stats.bytes_live, 0);
    assert_pauses_add_up(&stats);
    assert_false(step(heap));
    assert_int_equal(calls.stops, 1);
    gc_hook_remove(heap, &calls.hook);
}

static void program_dies_in_no_backlog(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    uint64_t live = begin_with_a_list(heap);
    do {
        struct node *list = list_new(heap, 500);
        struct actor *actor = actor_new(heap, 2);
        gc_decref(list);
        gc_decref(actor);
        assert_story(world, "F2 D2 ");
        assert_live(heap, live);
        (void)step(heap);
        live = stats_of(heap).objects_live;
    } while (live > 0);
    go_to_the_end(heap);
    assert_int_equal(cycles(heap), 1);
}

static void collect_at_once_ends_what_died_of_a_cycle(void **state)
{
    struct world *world = *state;
    for (unsigned look = 0; look < 2; look++) {
        gc_heap *heap = patient_heap_new(world);
        struct calls calls;
        hear_calls(heap, &calls);
        uint64_t live = begin_with_a_list(heap);
        if (look) {
            assert_sound(heap);
            assert_live(heap, live);
        }
        drop_a_node_circle(heap);
        assert_int_equal(gc_collect(heap), PART + 2); /* the part had not ended */
        assert_live(heap, 0);
        assert_int_equal(calls.starts, 2);
        assert_int_equal(calls.stops, 2);
        assert_int_equal(calls.collected, PART + 2);
        assert_false(step(heap));
        assert_int_equal(stats_of(heap).generations[1].collected, PART + 2);
        assert_int_equal(stats_of(heap).died_by_count, LIST);
        gc_hook_remove(heap, &calls.hook);
        world_free_heap(world);
        world->finalized = world->destroyed = 0;
    }
}

static void heap_may_be_freed_before_all_that_died_is_gone(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct calls calls;
    hear_calls(heap, &calls);
    (void)begin_with_a_list(heap);
    assert_true(step(heap));
    world_free_heap(world);
    assert_int_equal(calls.starts, 2);
    assert_int_equal(calls.stops, 2);
    assert_int_equal(world->destroyed, PART);
}

static void births_end_what_died_of_a_cycle(void **state)
{
    struct world *world = *state;
    gc_config config = {
        .thresholds = { .young_objects = 100000000,
                        .young_bytes = 100000000,
                        .old_growth_percent = 1,
                        .old_bytes = 100000000 },
    };
    gc_heap *heap = world_new_heap(world, &config);
    struct string *much =
        gc_new_var(heap, &string_type, (size_t)2 << 20); /* else all is done at once */
    assert_non_null(much);
    (void)begin_with_a_list(heap);
    size_t births = 0;
    for (; stats_of(heap).objects_live > 1 && births < 10000000; births++) {
        gc_decref(node_new(heap));
        struct string *string = gc_new_var(heap, &string_type, 1000);
        assert_non_null(string);
        gc_decref(string);
        gc_external_add(heap, 1000);
    }
    assert_live(heap, 1);
    gc_external_remove(heap, 1000 * births);
    gc_decref(much);
}

/* Garbage larger than a part
 * ========================== */

enum { BIG = 40 * PART, RANGE = 16 };

static struct actor *old_ring_of_actors_new(gc_heap *heap, unsigned first, unsigned others)
{
    struct actor *ring = actor_new(heap, first), *last = ring;
    for (unsigned i = 1; i < BIG; i++) {
        gc_set_steal(&last->left, actor_new(heap, others));
        last = last->left;
    }
    gc_set(&last->left, ring);
    (void)gc_collect_generation(heap, 0);
    return ring;
}

static void large_garbage_with_finalizers_ends_in_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    gc_weak *weaks[100];
    struct actor *ring = old_ring_of_actors_new(heap, 1, 2);
    for (unsigned i = 0; i < 100; i++) {
        weaks[i] = weak_with_callback(ring, i);
    }
    gc_weak *plain = plain_weak(ring);
    (void)gc_collect_generation(heap, 0);
    gc_decref(ring);
    begin(heap);
    unsigned slices = 0;
    for (bool more = true; more; slices += world->finalized > 0) {
        unsigned finalized = world->finalized, destroyed = world->destroyed;
        more = step(heap);
        assert_true(world->finalized - finalized <= RANGE);
        assert_true(world->destroyed - destroyed <= RANGE);
        assert_true(world->destroyed == 0 || world->finalized == BIG);
        assert_int_equal(stats_of(heap).died_by_count, 0); /* also before the books are closed */
        if (destroyed > 0) {
            assert_null(gc_weak_get(plain));
        }
        if (finalized == 0 && world->finalized > 0) {
            assert_int_equal(strncmp(world->story, "W99 W98 ", 8), 0); /* newest first */
            assert_non_null(strstr(world->story, "W0 F"));
        }
    }
    assert_true(slices > BIG / RANGE + BIG / DEATHS);
    assert_int_equal(world->finalized, BIG);
    assert_int_equal(world->destroyed, BIG);
    assert_int_equal(stats_of(heap).generations[1].collected, BIG);
    assert_int_equal(stats_of(heap).finalized, BIG);
    assert_int_equal(stats_of(heap).died_by_count, 0);
    for (unsigned i = 0; i < 100; i++) {
        gc_decref(weaks[i]);
    }
    gc_decref(plain);
    assert_live(heap, 0);
    world->story[0] = '\0';
}

static void risen_from_large_garbage_is_counted_and_the_rest_collected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct actor *first = old_ring_of_actors_new(heap, 1, 2);
    struct actor *second = old_ring_of_actors_new(heap, 2, 2), *risen = NULL;
    struct calls calls;
    gc_decref(first);
    gc_decref(second);
    world->memo = &risen;
    world->on_finalize = rise_if_first;
    hear_calls(heap, &calls);
    begin(heap);
    go_to_the_end(heap);
    assert_ptr_equal(risen, first);
    assert_int_equal(calls.last.resurrected, BIG);
    assert_int_equal(calls.last.collected, BIG);
    assert_int_equal(stats_of(heap).generations[1].resurrected, BIG);
    assert_int_equal(stats_of(heap).generations[1].collected, BIG);
    assert_int_equal(world->finalized, 2 * BIG);
    assert_int_equal(world->destroyed, BIG);
    assert_int_equal(gc_generation_of(first), GC_OLD);
    assert_live(heap, BIG);
    gc_decref(first);
    begin(heap);
    go_to_the_end(heap);
    assert_int_equal(world->finalized, 2 * BIG);
    assert_int_equal(world->destroyed, 2 * BIG);
    assert_int_equal(calls.last.collected, BIG);
    assert_int_equal(calls.stops, 2);
    gc_hook_remove(heap, &calls.hook);
    world->story[0] = '\0';
}

static void finalize_nothing(gc_object *self)
{
    (void)self;
}

static const gc_type finalized_type = {
    .name = "finalized",
    .size = sizeof(struct node),
    .refs = OURO_REFS(struct node, left, right),
    .finalize = finalize_nothing,
};

/* What a finalizer takes is not ouro's to choose: a look at the clock after a few. */
static void slice_runs_few_finalizers(void **state)
{
    enum { COUNT = 50000, FEW = 32 }; /* more than ends in one slice */
    gc_heap *heap = patient_heap_new(*state);
    struct node *first = gc_new(heap, &finalized_type), *last = first;
    for (size_t i = 1; i < COUNT; i++) {
        last->left = gc_new(heap, &finalized_type);
        last = last->left;
    }
    gc_set(&last->left, first);
    (void)gc_collect_generation(heap, 0);
    gc_decref(first);
    begin(heap);
    uint64_t before = 0;
    while (step(heap)) {
        uint64_t finalized = stats_of(heap).finalized;
        assert_in_range(finalized - before, 0, FEW);
        before = finalized;
    }
    assert_int_equal(before, COUNT);
    assert_live(heap, 0);
}

/* More than ends in one slice. It would be finalized, and its callbacks called, while the program has it. */
static void program_gets_nothing_that_is_being_finalized(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *ring = list_new(heap, 50000), *last = ring;
    while (last->left != NULL) {
        last = last->left;
    }
    gc_set(&last->left, ring);
    gc_weak *weak = gc_weak_new(ring, NULL, NULL);
    gc_weak *calls = weak_with_callback(last, 1);
    (void)gc_collect_generation(heap, 0);
    gc_decref(ring);
    begin(heap);
    while (world->story[0] == '\0') {
        assert_true(step(heap));
    }
    assert_story(world, "W1 ");
    while (step(heap)) {
        assert_null(gc_weak_get(weak));
    }
    assert_live(heap, 2);
    gc_decref(weak);
    gc_decref(calls);
}

/* Also if a look at the heap has ended the cycle. */
static void watcher_runs_once_in_the_slices_in_which_its_object_dies(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *ring = node_new(heap), *last = list_new(heap, 1);
    gc_set(&ring->left, ring);
    gc_decref(watcher(last, 1));
    for (size_t i = 1; i < 3000; i++) {
        struct node *node = node_new(heap);
        node->left = last;
        last = node;
    }
    ring->right = last;
    (void)gc_collect_generation(heap, 0);
    gc_decref(ring);
    begin(heap);
    while (stats_of(heap).objects_died == 0 && step(heap)) {
    }
    assert_true(gc_check(heap)); /* cuts it short */
    go_to_the_end(heap);
    assert_story(world, "W1 ");
}

/* Of the garbage that this one leaves, the next collection is the one that disables. */
static void disable(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        (void)drop_an_actor_circle(world->heap, 11);
    } else if (actor->id == (world->note == NULL ? 2 : 11)) {
        (void)gc_disable(world->heap);
    }
}

static void no_cycle_begins_or_goes_on_when_a_young_collection_has_disabled_them(void **state)
{
    struct world *world = *state;
    /* The first young collection; the one before a cycle; one in a cycle. */
    for (unsigned i = 0; i < 3; i++) {
        gc_heap *heap = patient_heap_new(world);
        struct node *list = list_new(heap, 1000);
        struct calls calls;
        hear_calls(heap, &calls);
        if (i == 2) {
            begin(heap);
        }
        (void)drop_an_actor_circle(heap, 1);
        world->note = i != 1 ? NULL : world;
        world->on_finalize = disable;
        gc_stats before = stats_of(heap);
        gc_external_add(heap, ((size_t)1 << 30) + ((size_t)2 << 20));
        bool more = step(heap);
        gc_external_remove(heap, ((size_t)1 << 30) + ((size_t)2 << 20));
        gc_stats stats = stats_of(heap);
        bool enabled = gc_enable(heap), in_cycle = gc_step(heap, 0);
        world->on_finalize = NULL;
        gc_hook_remove(heap, &calls.hook);
        gc_decref(list);
        world_free_heap(world);
        world->story[0] = '\0';
        assert_false(more);
        assert_false(enabled);
        assert_int_equal(calls.starts, i == 2);
        assert_int_equal(in_cycle, i == 2);
        assert_int_equal(stats.pauses.count - before.pauses.count,
                         stats.generations[0].collections - before.generations[0].collections);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(cycle_is_under_way_until_it_is_done),
        world_test(step_without_time_tells_and_does_nothing),
        world_test(cycle_frees_what_was_garbage_when_it_began),
        world_test(longer_budget_makes_fewer_slices),
        world_test(without_slices_all_is_done_at_once),
        world_test(collect_in_the_middle_of_a_cycle_is_exact),
        world_test(collect_while_a_cycle_frees_counts_all_that_it_found),
        world_test(looks_in_the_middle_of_a_cycle_see_everything),
        world_test(heap_may_be_freed_in_the_middle_of_a_cycle),
        world_test(born_between_slices_lives),
        world_test(young_are_collected_between_slices),
        world_test(dies_by_count_between_slices_at_once),
        world_test(all_that_dies_in_a_cycle_leaves_its_bytes),
        world_test(resurrected_between_slices_lives),
        world_test(resurrected_by_the_end_of_a_cycle_lives),
        world_test(made_immortal_between_slices_lives),
        world_test(moved_between_slices_lives),
        world_test(disabled_in_the_middle_a_cycle_waits),
        world_test(callbacks_at_the_end_of_a_cycle_may_call),
        world_test(slice_does_not_grow_with_the_heap),
        world_test(cycle_visits_each_of_the_living_twice),
        world_test(cycle_visits_garbage_a_constant_number_of_times),
        world_test(visits_are_a_constant_times_the_births),
        world_test(huge_garbage_is_freed_in_slices),
        world_test(tuple_that_a_generator_has_filled_is_emptied_in_slices),
        world_test(growth_drives_cycles_that_come_by_themselves),
        world_test(program_that_looks_at_its_heap_often_stays_small),
        world_test(large_objects_that_die_in_a_cycle_are_given_back),
        world_test(cycle_is_in_the_statistics_once),
        world_test(slice_is_a_pause_of_the_phase_it_begins_in),
        world_test(statistics_are_right_between_slices),
        world_test(what_a_look_ended_is_in_the_statistics_too),
        world_test(cycle_has_one_start_and_one_stop),
        world_test(cycle_that_is_cut_short_has_its_stop_before_the_next_start),
        world_test(report_says_how_many_slices_rounds_and_suspects_there_were),
        world_test(report_of_a_collection_at_once_knows_no_slices),
        world_test(parts_end_one_after_the_other_and_are_counted_so),
        world_test(parts_of_a_cycle_that_is_cut_short_are_counted_once),
        world_test(resurrected_in_parts_are_counted),
        world_test(uncollectable_in_parts_are_counted_and_old),
        world_test(finalizers_that_look_at_the_heap_put_the_rest_off),
        world_test(slice_runs_few_finalizers),
        world_test(program_gets_nothing_that_is_being_finalized),
        world_test(watcher_runs_once_in_the_slices_in_which_its_object_dies),
        world_test(cycle_is_over_and_has_its_stop_when_what_died_of_it_is_gone),
        world_test(program_dies_in_no_backlog),
        world_test(collect_at_once_ends_what_died_of_a_cycle),
        world_test(heap_may_be_freed_before_all_that_died_is_gone),
        world_test(births_end_what_died_of_a_cycle),
        world_test(large_garbage_with_finalizers_ends_in_slices),
        world_test(risen_from_large_garbage_is_counted_and_the_rest_collected),
        world_test(no_cycle_begins_or_goes_on_when_a_young_collection_has_disabled_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
