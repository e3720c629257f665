/* SPDX-License-Identifier: MIT */
/* Bounded destruction (gc_config.destroy_ns): what waits, what it is while it waits, and what ends
 * it; and the pauses of long drains, which are counted with and without it.
 *
 * The clock of this program goes on by a nanosecond at each look, so a budget is a number of looks.
 * Between two of them 16 objects of the backlog end, and 16 before the first. */

#include "../support.h"

#include <time.h>

enum {
    BATCH = 16,
    A_DROP =
        1 + 2 * BATCH, /* objects that end at once when destroy_ns is 1, the dropped one included */
    LIST = 5000,
    STEP = 4096, /* bytes of births between two times that they pay */
};

static uint64_t clock_ns = 1000000000, looks;

int clock_gettime(clockid_t which, struct timespec *now)
{
    (void)which;
    clock_ns++;
    looks++;
    *now = (struct timespec){ (time_t)(clock_ns / 1000000000), (long)(clock_ns % 1000000000) };
    return 0;
}

static gc_config bounded(void)
{
    gc_config config = quiet();
    config.destroy_ns = 1;
    return config;
}

static gc_heap *bounded_heap_new(struct world *world)
{
    gc_config config = bounded();
    return world_new_heap(world, &config);
}

static struct node *list_new(gc_heap *heap, size_t count)
{
    struct node *list = node_new(heap);
    for (size_t i = 1; i < count; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    return list;
}

/* A tuple that owns actors 1 to `count`. */
static struct tuple *actors_new(gc_heap *heap, size_t count)
{
    struct tuple *tuple = tuple_new(heap, count);
    for (size_t i = 0; i < count; i++) {
        tuple->items[i] = (struct node *)(void *)actor_new(heap, (unsigned)i + 1);
    }
    return tuple;
}

static void assert_waiting(gc_heap *heap, uint64_t objects)
{
    assert_int_equal(stats_of(heap).objects_waiting, objects);
}

/* By default
 * ========== */

static void without_a_budget_all_that_dies_ends_at_once(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_decref(list_new(heap, LIST));
    assert_live(heap, 0);
    assert_waiting(heap, 0);
    assert_int_equal(stats_of(heap).objects_died, LIST);
}

/* Each page that becomes empty is told the time. */
static void long_drain_is_a_pause_and_a_short_one_does_not_look_at_the_clock(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    static const struct {
        size_t count;
        bool callbacks;
        bool is_long;
    } cases[] = { { 1, false, false },   { 255, false, false }, { 300, false, true },
                  { LIST, false, true }, { 200, true, false },  { 300, true, true } };
    uint64_t pauses = 0, all_emptied = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        void *dropped = cases[i].callbacks ? (void *)actors_new(heap, cases[i].count)
                                           : (void *)list_new(heap, cases[i].count);
        uint64_t before = looks, pages = stats_of(heap).pages;
        gc_decref(dropped);
        uint64_t emptied = pages - stats_of(heap).pages;
        assert_int_equal(looks - before, emptied + (cases[i].is_long ? 2 : 0));
        pauses += cases[i].is_long;
        all_emptied += emptied;
        gc_stats stats = stats_of(heap);
        assert_int_equal(stats.phases[GC_PHASE_DESTROY].count, pauses);
        assert_int_equal(stats.pauses.count, pauses);
        assert_in_range(stats.pause_ns_total, pauses, pauses + all_emptied);
        assert_int_equal(stats.generations[1].pause_ns_total, 0);
        assert_pauses_add_up(&stats);
    }
}

static void long_array_that_lets_go_of_what_lives_is_a_pause(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    struct tuple *tuple = tuple_new(heap, 10000);
    for (size_t i = 0; i < 10000; i++) {
        gc_set(&tuple->items[i], node);
    }
    gc_decref(tuple);
    assert_int_equal(stats_of(heap).phases[GC_PHASE_DESTROY].count, 1);
    gc_decref(node);
    assert_int_equal(stats_of(heap).phases[GC_PHASE_DESTROY].count, 1);
}

static void collect_at_the_last(struct world *world, struct actor *actor)
{
    if (actor->id == 1) { /* in a queue that is last in, first out */
        clock_ns += 1000;
        (void)gc_collect(world->heap);
    } else if (actor->id == 1000) {
        clock_ns += 1000000; /* in that collection */
    }
}

static void collection_in_a_long_drain_is_a_pause_of_its_own(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    drop_an_actor_circle(heap, 1000);
    world->on_finalize = collect_at_the_last;
    gc_decref(actors_new(heap, 300));
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.phases[GC_PHASE_FULL].count, 1);
    assert_int_equal(stats.phases[GC_PHASE_DESTROY].count, 1);
    assert_in_range(stats.phases[GC_PHASE_FULL].ns_total, 1000000, 1001000);
    assert_in_range(stats.phases[GC_PHASE_DESTROY].ns_total, 1000, 2000);
}

static void deaths_in_a_collection_are_part_of_its_pause(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *list = list_new(heap, LIST);
    (void)gc_collect(heap);
    struct node *node = node_new(heap);
    node->left = gc_newref(node);
    node->right = list; /* old, so that it dies by count */
    gc_decref(node);
    assert_int_equal(gc_collect_generation(heap, 0), 1);
    assert_live(heap, 0);
    assert_int_equal(stats_of(heap).phases[GC_PHASE_DESTROY].count, 0);
    assert_int_equal(stats_of(heap).pauses.count, 2);
    list = list_new(heap, LIST);
    uint64_t pages = stats_of(heap).pages;
    gc_decref(list);
    uint64_t emptied = pages - stats_of(heap).pages;
    assert_int_equal(stats_of(heap).pauses.count, 3);
    assert_int_equal(stats_of(heap).phases[GC_PHASE_DESTROY].ns_total, 1 + emptied);
}

/* What waits
 * ========== */

static void huge_list_is_dropped_in_pieces(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    gc_decref(list_new(heap, LIST));
    assert_live(heap, LIST - A_DROP);
    assert_waiting(heap, 1); /* the others are not dead yet */
    assert_sound(heap);
}

static void small_things_end_at_once_and_do_not_look_at_the_clock(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    uint64_t before = looks;
    gc_decref(
        list_new(heap, 2 + BATCH)); /* the last refers to nothing, so it goes with its owner */
    assert_live(heap, 0);
    assert_int_equal(looks, before);
}

static void dropped_object_ends_at_once_whatever_waits(void **state)
{
    struct world *world = *state;
    gc_heap *heap = bounded_heap_new(world);
    gc_decref(list_new(heap, LIST));
    struct actor *actor = actor_new(heap, 7);
    gc_weak *weak = weak_with_callback(actor, 8);
    gc_decref(actor);
    assert_story(world, "F7 W8 D7 ");
    gc_decref(weak);
    assert_waiting(heap, 1);
}

static void each_drop_goes_on_with_what_waits(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    gc_decref(list_new(heap, LIST));
    struct node *pair = list_new(heap, 2);
    gc_decref(pair);
    assert_live(heap, LIST - A_DROP - 2 * BATCH);
}

static void weak_references_to_what_waits_are_dead_at_once(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    enum { COUNT = 200 };
    struct tuple *tuple = actors_new(heap, COUNT);
    gc_weak *weak[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        weak[i] = plain_weak(tuple->items[i]);
    }
    gc_decref(tuple);
    assert_waiting(heap, COUNT + 1 - A_DROP);
    for (size_t i = 0; i < COUNT; i++) {
        assert_null(gc_weak_get(weak[i]));
        gc_decref(weak[i]);
    }
}

static void what_is_further_down_is_alive_and_can_be_kept(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    struct node *list = list_new(heap, 200), *last = list;
    while (last->left != NULL && last->left->left != NULL) {
        last = last->left;
    }
    gc_weak *weak = plain_weak(last);
    gc_decref(list);
    struct node *kept = gc_weak_get(weak);
    assert_ptr_equal(kept, last);
    while (gc_step(heap, 1)) {
    }
    assert_live(heap, 3); /* it, the one that it owns, and the weak reference */
    assert_non_null(kept->left);
    gc_decref(kept);
    assert_null(gc_weak_get(weak));
    gc_decref(weak);
}

static void callbacks_come_when_their_object_ends_without_any_collection(void **state)
{
    struct world *world = *state;
    gc_heap *heap = bounded_heap_new(world);
    struct tuple *tuple = tuple_new(heap, 100000); /* is emptied in pieces */
    tuple->items[99999] = (struct node *)(void *)actor_new(heap, 1);
    gc_weak *weak = weak_with_callback(tuple->items[99999], 2);
    gc_decref(tuple);
    struct actor *other = actor_new(heap, 3);
    gc_weak *another = weak_with_callback(other, 4);
    gc_decref(other);
    assert_story(world, "F3 W4 D3 ");
    world->story[0] = '\0';
    while (gc_step(heap, 1)) {
    }
    assert_story(world, "F1 W2 D1 ");
    assert_int_equal(stats_of(heap).generations[1].collections, 0);
    gc_decref(weak);
    gc_decref(another);
}

/* Who ends it
 * =========== */

static void births_free_as_much_as_they_take(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    size_t batch = BATCH * sizeof(struct node);
    gc_decref(list_new(heap, LIST));
    size_t start = (size_t)stats_of(heap).bytes_live, born = 0;
    struct node *kept = NULL;
    for (; stats_of(heap).objects_waiting > 0; born += sizeof(*kept)) {
        struct node *node = node_new(heap);
        node->left = kept;
        kept = node;
        assert_true(stats_of(heap).bytes_live <= start + STEP);
    }
    assert_true(born <= start + STEP && born + born / STEP * batch + STEP >= start);
    assert_int_equal(stats_of(heap).bytes_live, born);
    assert_sound(heap);
    gc_decref(kept);
}

static void births_of_what_dies_at_once_pay_too(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    gc_decref(list_new(heap, LIST));
    size_t start = (size_t)stats_of(heap).bytes_live, born = 0;
    for (; stats_of(heap).objects_waiting > 0 && born <= start + STEP; born += 16) {
        gc_decref(leaf_new(heap, 1)); /* the slot is the same each time: nothing grows */
    }
    assert_true(born <= start + STEP);
    assert_live(heap, 0);
}

static void large_birth_frees_as_much_before(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    gc_decref(list_new(heap, 100000));
    uint64_t start = stats_of(heap).bytes_live;
    struct string *string = gc_new_var(heap, &string_type, 1000000);
    assert_non_null(string);
    assert_true(stats_of(heap).bytes_live <= start + STEP);
    gc_decref(string);
}

static void births_at_safepoints_run_nothing_and_the_next_one_frees_as_much(void **state)
{
    struct world *world = *state;
    gc_config config = { .collect = GC_AT_SAFEPOINT, .destroy_ns = 1, .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    gc_decref(list_new(heap, LIST));
    uint64_t start = stats_of(heap).bytes_live, died = stats_of(heap).objects_died;
    struct node *kept = list_new(heap, LIST / 2);
    assert_int_equal(stats_of(heap).objects_died, died);
    gc_safepoint(heap);
    assert_true(stats_of(heap).bytes_live <= start);
    assert_waiting(heap, 1);
    gc_decref(kept);
}

static void step_goes_on_for_its_budget_though_collections_are_disabled(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    gc_decref(list_new(heap, LIST));
    uint64_t live = LIST - A_DROP;
    assert_true(gc_step(heap, 0));
    assert_live(heap, live);
    assert_true(gc_step(heap, 3));
    live -= 4 * BATCH;
    assert_live(heap, live);
    while (gc_step(heap, 1000)) {
    }
    assert_live(heap, 0);
    assert_waiting(heap, 0);
}

static int step_inside(void *object, void *arg)
{
    bool *more = arg;
    *more = gc_step(gc_heap_of(object), 1000);
    return 1;
}

static void drop_and_step(struct world *world, struct actor *actor)
{
    (void)actor;
    gc_decref(list_new(world->heap, LIST));
    expect(world, !gc_step(world->heap, 1000)); /* nothing more to do here */
}

static void step_inside_has_nothing_more_to_do(void **state)
{
    struct world *world = *state;
    gc_heap *heap = bounded_heap_new(world);
    struct node *node = node_new(heap);
    bool more = true;
    assert_int_equal(gc_each_object(heap, -1, step_inside, &more), 1);
    assert_false(more);
    gc_decref(node);
    world->on_finalize = drop_and_step;
    gc_decref(actor_new(heap, 1));
    assert_true(gc_step(heap, 1));
}

static int ignore(void *object, void *arg)
{
    (void)object;
    (void)arg;
    return 0;
}

static void calls_that_take_over_the_heap_end_all_that_waits(void **state)
{
    struct world *world = *state;
    for (unsigned which = 0; which < 7; which++) {
        gc_heap *heap = bounded_heap_new(world);
        struct node *kept = node_new(heap);
        gc_decref(list_new(heap, LIST));
        switch (which) {
        case 0:
            (void)gc_collect(heap);
            break;
        case 1:
            (void)gc_heap_trim(heap);
            break;
        case 2:
            (void)gc_each_object(heap, -1, ignore, NULL);
            break;
        case 3:
            (void)gc_unreachable(heap, ignore, NULL);
            break;
        case 4:
            (void)gc_freeze(heap);
            (void)gc_unfreeze(heap);
            break;
        case 5:
            (void)gc_referrers(heap, kept, ignore, NULL);
            break;
        default:
            assert_int_equal(gc_type_forget(heap, &node_type), GC_ERR_BUSY);
        }
        assert_live(heap, 1);
        assert_waiting(heap, 0);
        gc_decref(kept);
        world_free_heap(world);
    }
}

static void collection_finds_what_only_the_waiting_held(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    struct node *list = list_new(heap, LIST), *last = list;
    while (last->left != NULL) {
        last = last->left;
    }
    last->right = node_new(heap);
    last->right->left = gc_newref(last->right);
    gc_decref(list);
    assert_int_equal(gc_collect(heap), 1);
    assert_live(heap, 0);
}

static void young_collection_leaves_what_waits_alone(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    gc_decref(list_new(heap, LIST));
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_live(heap, LIST - A_DROP);
    assert_sound(heap);
}

static void heap_is_freed_though_something_waits(void **state)
{
    struct world *world = *state;
    gc_heap *heap = bounded_heap_new(world);
    struct tuple *tuple = actors_new(heap, 500);
    struct node *list = list_new(heap, LIST);
    gc_decref(tuple);
    gc_decref(list);
    assert_true(world->destroyed < 100);
    world_free_heap(world);
    assert_int_equal(world->finalized, 500);
    assert_int_equal(world->destroyed, 500);
}

static void birth_at_the_limit_ends_all_that_waits_first(void **state)
{
    struct world *world = *state;
    static const int when[] = { GC_AT_ALLOCATION, GC_AT_SAFEPOINT };
    for (size_t i = 0; i < 2; i++) {
        gc_config config = { .limit_bytes = LIST * sizeof(struct node),
                             .destroy_ns = 1,
                             .stress = SIZE_MAX };
        config.collect = when[i];
        gc_heap *heap = world_new_heap(world, &config);
        gc_decref(list_new(heap, LIST));
        struct string *string = gc_new_var(heap, &string_type, (LIST - 10) * sizeof(struct node));
        assert_non_null(string);
        assert_live(heap, 1);
        assert_int_equal(gc_last_error(heap), GC_OK);
        gc_decref(string);
        world_free_heap(world);
    }
}

static void array_of_the_living_is_emptied_in_pieces(void **state)
{
    gc_heap *heap = bounded_heap_new(*state);
    enum { COUNT = 100000 };
    struct node *node = node_new(heap);
    struct tuple *tuple = tuple_new(heap, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        gc_set(&tuple->items[i], node);
    }
    gc_decref(tuple);
    assert_waiting(heap, 1);
    assert_true(gc_refcount(node) > COUNT / 2);
    size_t references = gc_refcount(node);
    while (stats_of(heap).objects_waiting > 0) {
        gc_decref(gc_new_var(heap, &string_type, STEP)); /* pays for a few thousand at most */
        assert_true(references - gc_refcount(node) <= 4096);
        references = gc_refcount(node);
    }
    assert_int_equal(references, 1);
    gc_decref(node);
}

static void expect_all_finalized(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    expect(world, world->finalized == 100);
}

static void what_waits_ends_before_the_watchers_of_a_heap_that_is_freed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = bounded_heap_new(world);
    struct node *node = node_new(heap);
    gc_weak *watch = watcher(node, 1);
    world->on_weak = expect_all_finalized;
    gc_decref(actors_new(heap, 100));
    assert_true(world->finalized < 100);
    world_free_heap(world);
    assert_int_equal(world->finalized, 100);
    (void)watch;
}

/* Callbacks
 * ========= */

static void make_and_drop(struct world *world, struct actor *actor)
{
    if (actor->id > 0) {
        struct actor *other = actor_new(world->heap, 0);
        gc_set_steal(&other->left, actor_new(world->heap, 0));
        gc_decref(other);
        if (actor->id % 50 == 0) {
            (void)gc_collect(world->heap);
        }
    }
}

static void callbacks_may_make_drop_and_collect(void **state)
{
    struct world *world = *state;
    gc_heap *heap = bounded_heap_new(world);
    world->on_finalize = make_and_drop;
    gc_decref(actors_new(heap, 500));
    assert_true(world->destroyed < 500);
    while (stats_of(heap).objects_waiting > 0) {
        gc_decref(node_new(heap));
        (void)gc_step(heap, 1);
        assert_sound(heap);
    }
    assert_int_equal(world->finalized, 1500);
    assert_int_equal(world->destroyed, 1500);
    assert_live(heap, 0);
}

static void resurrect_the_fifth(struct world *world, struct actor *actor)
{
    if (actor->id == 5) {
        world->note = gc_newref(actor);
    }
}

static void finalizer_resurrects_one_that_waited(void **state)
{
    struct world *world = *state;
    gc_heap *heap = bounded_heap_new(world);
    world->on_finalize = resurrect_the_fifth;
    gc_decref(actors_new(heap, 100));
    while (gc_step(heap, 1)) {
    }
    assert_live(heap, 1);
    assert_sound(heap);
    struct actor *actor = world->note;
    assert_int_equal(gc_refcount(actor), 1);
    gc_decref(actor);
}

static jmp_buf way_out;

static void leave_at_90(struct world *world, struct actor *actor)
{
    if (actor->id == 90) {
        world->on_finalize = NULL;
        longjmp(way_out, 1);
    }
}

static void after_a_callback_was_left_the_rest_goes_on(void **state)
{
    struct world *world = *state;
    gc_heap *heap = bounded_heap_new(world);
    struct tuple *tuple = actors_new(heap, 100);
    world->on_finalize = leave_at_90;
    if (setjmp(way_out) == 0) {
        gc_decref(tuple);
    }
    (void)gc_step(heap, 1); /* notices */
    expect_panic(world, "finalize of type actor was left");
    while (gc_step(heap, 1)) {
    }
    assert_int_equal(world->destroyed, 99);
    world->leftovers = true; /* the tuple, and the one that was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(without_a_budget_all_that_dies_ends_at_once),
        world_test(long_drain_is_a_pause_and_a_short_one_does_not_look_at_the_clock),
        world_test(long_array_that_lets_go_of_what_lives_is_a_pause),
        world_test(collection_in_a_long_drain_is_a_pause_of_its_own),
        world_test(deaths_in_a_collection_are_part_of_its_pause),
        world_test(huge_list_is_dropped_in_pieces),
        world_test(small_things_end_at_once_and_do_not_look_at_the_clock),
        world_test(dropped_object_ends_at_once_whatever_waits),
        world_test(each_drop_goes_on_with_what_waits),
        world_test(weak_references_to_what_waits_are_dead_at_once),
        world_test(what_is_further_down_is_alive_and_can_be_kept),
        world_test(callbacks_come_when_their_object_ends_without_any_collection),
        world_test(births_free_as_much_as_they_take),
        world_test(births_of_what_dies_at_once_pay_too),
        world_test(large_birth_frees_as_much_before),
        world_test(births_at_safepoints_run_nothing_and_the_next_one_frees_as_much),
        world_test(step_goes_on_for_its_budget_though_collections_are_disabled),
        world_test(step_inside_has_nothing_more_to_do),
        world_test(calls_that_take_over_the_heap_end_all_that_waits),
        world_test(collection_finds_what_only_the_waiting_held),
        world_test(young_collection_leaves_what_waits_alone),
        world_test(heap_is_freed_though_something_waits),
        world_test(what_waits_ends_before_the_watchers_of_a_heap_that_is_freed),
        world_test(birth_at_the_limit_ends_all_that_waits_first),
        world_test(array_of_the_living_is_emptied_in_pieces),
        world_test(callbacks_may_make_drop_and_collect),
        world_test(finalizer_resurrects_one_that_waited),
        world_test(after_a_callback_was_left_the_rest_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
