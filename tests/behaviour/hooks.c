/* SPDX-License-Identifier: MIT */

/* Hooks at the start and the stop of collections, and what collections say and keep by request. */

#include "../support.h"

/* A hook that keeps a diary. */
struct watch {
    gc_hook hook;
    gc_collection start, stop; /* the latest */
    unsigned starts, stops;
    bool vetoes;
    void (*at_start)(gc_heap *heap, struct watch *watch);
    void (*at_stop)(gc_heap *heap, struct watch *watch);
    gc_hook *other;
    void *object;
    size_t result;
    char letter;
};

static bool watch_start(gc_heap *heap, const gc_collection *collection, void *arg)
{
    struct watch *watch = arg;
    watch->start = *collection;
    watch->starts++;
    if (watch->letter != 0) {
        world_tell(gc_heap_user_data(heap), watch->letter, 1);
    }
    if (watch->at_start != NULL) {
        watch->at_start(heap, watch);
    }
    return !watch->vetoes;
}

static void watch_stop(gc_heap *heap, const gc_collection *collection, void *arg)
{
    struct watch *watch = arg;
    watch->stop = *collection;
    watch->stops++;
    if (watch->letter != 0) {
        world_tell(gc_heap_user_data(heap), watch->letter, 2);
    }
    if (watch->at_stop != NULL) {
        watch->at_stop(heap, watch);
    }
}

/* A watch that is in place for as long as the heap, which the world frees after the test. */
#define WATCH(name, ...) \
    static struct watch name; \
    name = (struct watch) \
    { \
        __VA_ARGS__ \
    }

static void watch_add(gc_heap *heap, struct watch *watch)
{
    watch->hook.start = watch_start;
    watch->hook.stop = watch_stop;
    watch->hook.arg = watch;
    gc_hook_add(heap, &watch->hook);
}

/* The report
 * ========== */

static void hooks_are_told_the_generation(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    (void)gc_collect_generation(heap, 0);
    assert_int_equal(watch.starts, 1);
    assert_int_equal(watch.stops, 1);
    assert_int_equal(watch.start.generation, 0);
    assert_int_equal(watch.stop.generation, 0);
    (void)gc_collect(heap);
    assert_int_equal(watch.starts, 2);
    assert_int_equal(watch.start.generation, 1);
    assert_int_equal(watch.stop.generation, 1);
    gc_hook_remove(heap, &watch.hook);
}

static void the_report_says_how_large_it_is(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    (void)gc_collect(heap);
    assert_int_equal(watch.start.size, sizeof(gc_collection));
    assert_int_equal(watch.stop.size, sizeof(gc_collection));
}

static void nothing_is_counted_at_the_start(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    drop_a_node_circle(heap);
    (void)gc_collect(heap);
    assert_int_equal(watch.start.examined, 0);
    assert_int_equal(watch.start.collected, 0);
    assert_int_equal(watch.start.duration_ns, 0);
}

static void the_stop_tells_what_was_examined_and_collected(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    struct node *node = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(watch.stop.examined, 3);
    assert_int_equal(watch.stop.collected, 2);
    assert_int_equal(watch.stop.uncollectable, 0);
    assert_int_equal(watch.stop.resurrected, 0);
    assert_int_equal(watch.stop.saved, 0);
    assert_int_not_equal(watch.stop.duration_ns, 0);
    gc_decref(node);
    gc_decref(leaf);
}

static void the_old_are_not_examined_with_the_young(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, 0);
    struct node *old = node_new(heap);
    (void)gc_collect(heap);
    struct node *young = node_new(heap);
    watch_add(heap, &watch);
    (void)gc_collect_generation(heap, 0);
    assert_int_equal(watch.stop.examined, 1);
    gc_decref(old);
    gc_decref(young);
}

static void keep_in_memo(struct world *world, struct actor *actor)
{
    if (world->memo == NULL) {
        world->memo = gc_newref(actor);
    }
}

static void the_stop_tells_what_was_resurrected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    world->on_finalize = keep_in_memo;
    (void)drop_an_actor_circle(heap, 1);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(watch.stop.resurrected, 2);
    assert_int_equal(watch.stop.collected, 0);
    gc_decref(world->memo);
}

/* A circle of one that nobody can break, but from outside. */
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

static struct knot *drop_a_knot(gc_heap *heap)
{
    struct knot *knot = gc_new(heap, &knot_type);
    assert_non_null(knot);
    gc_set_steal(&knot->next, knot);
    return knot;
}

static void untie(struct knot *knot)
{
    gc_clear(&knot->next);
}

static void the_stop_tells_what_was_uncollectable(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    struct knot *knot = drop_a_knot(heap);
    assert_int_equal(gc_collect(heap), 1);
    assert_int_equal(watch.stop.uncollectable, 1);
    assert_int_equal(watch.stop.collected, 0);
    untie(knot);
}

static void note_collections(gc_heap *heap, struct watch *watch)
{
    watch->result = (size_t)stats_of(heap).generations[1].collections;
}

static void at_the_stop_the_statistics_have_the_collection(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, .at_stop = note_collections);
    watch_add(heap, &watch);
    (void)gc_collect(heap);
    assert_int_equal(watch.result, 1);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.pause_ns_max, watch.stop.duration_ns);
}

/* The reasons
 * =========== */

static void by_hand_is_a_reason(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, .start.reason = GC_REASON_BYTES);
    watch_add(heap, &watch);
    (void)gc_collect_generation(heap, 0);
    assert_int_equal(watch.start.reason, GC_REASON_CALL);
    assert_int_equal(watch.stop.reason, GC_REASON_CALL);
}

static void make_nodes(gc_heap *heap, struct node **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap);
        gc_set(&node->left, *list);
        gc_set_steal(list, node);
    }
}

static void the_number_of_the_young_is_a_reason(void **state)
{
    gc_config config = { .thresholds = { 100, SIZE_MAX, SIZE_MAX, SIZE_MAX }, .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    WATCH(watch, 0);
    struct node *list = NULL;
    watch_add(heap, &watch);
    make_nodes(heap, &list, 101);
    assert_int_equal(watch.start.reason, GC_REASON_OBJECTS);
    assert_int_equal(watch.start.generation, 0);
    assert_int_equal(watch.starts, 1);
    gc_clear(&list);
}

static void the_bytes_of_the_young_are_a_reason(void **state)
{
    gc_config config = { .thresholds = { SIZE_MAX, 10000, SIZE_MAX, SIZE_MAX },
                         .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    gc_external_add(heap, 10000);
    assert_int_equal(watch.starts, 0);
    gc_decref(node_new(heap));
    assert_int_equal(watch.starts, 1);
    assert_int_equal(watch.start.reason, GC_REASON_BYTES);
    gc_external_remove(heap, 10000);
}

static void growth_since_the_last_full_one_is_a_reason(void **state)
{
    gc_config config = { .thresholds = { 100, SIZE_MAX, 1, 1000 }, .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    WATCH(watch, 0);
    struct node *list = NULL;
    watch_add(heap, &watch);
    make_nodes(heap, &list, 101);
    assert_int_equal(watch.start.reason, GC_REASON_GROWTH);
    assert_int_equal(watch.start.generation, 1);
    gc_clear(&list);
}

static void shortage_is_a_reason(void **state)
{
    struct world *world = *state;
    gc_config config = { .disabled = true, .limit_bytes = 5000 };
    gc_heap *heap = world_new_heap(world, &config);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    assert_null(gc_new_var(heap, &string_type, 8000));
    assert_int_equal(watch.starts, 1);
    assert_int_equal(watch.start.reason, GC_REASON_SHORTAGE);
    assert_int_equal(watch.start.generation, 1);
}

static void the_end_of_the_heap_is_a_reason(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    world_free_heap(*state);
    assert_int_equal(watch.starts, 1);
    assert_int_equal(watch.stops, 1);
    assert_int_equal(watch.start.reason, GC_REASON_HEAP_FREE);
}

static void stress_is_a_reason(void **state)
{
    gc_heap *heap = world_new_heap(*state, &(gc_config){ .stress = 1 });
    WATCH(watch, 0);
    watch_add(heap, &watch);
    gc_decref(node_new(heap));
    assert_int_equal(watch.starts, 1);
    assert_int_equal(watch.stops, 1);
    assert_int_equal(watch.start.reason, GC_REASON_STRESS);
    assert_int_equal(watch.start.generation, 1);
    gc_hook_remove(heap, &watch.hook);
    (void)gc_set_debug(heap, GC_DEBUG_STATS);
    gc_decref(node_new(heap));
    (void)gc_set_debug(heap, 0);
    assert_non_null(strstr(((struct world *)*state)->message_text, "(stress)"));
}

/* The veto
 * ======== */

static void a_hook_can_keep_a_collection_from_starting(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, .vetoes = true);
    watch_add(heap, &watch);
    drop_a_node_circle(heap);
    gc_stats before = stats_of(heap);
    assert_int_equal(gc_collect(heap), 0);
    gc_stats after = stats_of(heap);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(watch.starts, 1);
    assert_int_equal(watch.stops, 0);
    watch.vetoes = false;
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(watch.stops, 1);
}

static void after_a_veto_no_further_hook_is_asked(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(first, 0);
    WATCH(second, .vetoes = true);
    watch_add(heap, &first);
    watch_add(heap, &second);
    (void)gc_collect(heap);
    assert_int_equal(second.starts, 1);
    assert_int_equal(first.starts, 0);
    assert_int_equal(first.stops, 0);
}

static void a_collection_that_was_kept_from_starting_is_asked_for_again(void **state)
{
    gc_config config = { .thresholds = { 100, SIZE_MAX, SIZE_MAX, SIZE_MAX }, .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    WATCH(watch, .vetoes = true);
    struct node *list = NULL;
    watch_add(heap, &watch);
    make_nodes(heap, &list, 110);
    assert_true(watch.starts >= 10);
    assert_int_equal(stats_of(heap).generations[0].collections, 0);
    watch.vetoes = false;
    make_nodes(heap, &list, 1);
    assert_int_equal(stats_of(heap).generations[0].collections, 1);
    gc_clear(&list);
}

static void a_veto_does_not_count_as_a_collection_without_garbage(void **state)
{
    gc_config config = { .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    WATCH(watch, .vetoes = true);
    struct node *list = NULL;
    watch_add(heap, &watch);
    make_nodes(heap, &list, 32768 + 10);
    watch.vetoes = false;
    gc_clear(&list);
    make_nodes(heap, &list, 32768 + 10);
    assert_int_equal(stats_of(heap).generations[0].collections, 1);
    gc_clear(&list);
}

static void a_veto_at_a_shortage_lets_the_birth_fail(void **state)
{
    struct world *world = *state;
    gc_config config = { .disabled = true, .limit_bytes = 4 * sizeof(struct node) };
    gc_heap *heap = world_new_heap(world, &config);
    WATCH(watch, .vetoes = true);
    watch_add(heap, &watch);
    drop_a_node_circle(heap);
    drop_a_node_circle(heap);
    assert_null(gc_new(heap, &node_type));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    watch.vetoes = false;
    gc_decref(node_new(heap));
}

/* The list
 * ======== */

static void the_hook_added_last_is_called_first(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    WATCH(a, .letter = 'a');
    WATCH(b, .letter = 'b');
    watch_add(heap, &a);
    watch_add(heap, &b);
    (void)gc_collect(heap);
    assert_story(world, "b1 a1 b2 a2 ");
}

static void a_hook_may_know_of_the_start_or_the_stop_alone(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, 0);
    static gc_hook at_start, at_stop;
    at_start = (gc_hook){ .start = watch_start, .arg = &watch };
    at_stop = (gc_hook){ .stop = watch_stop, .arg = &watch };
    gc_hook_add(heap, &at_start);
    gc_hook_add(heap, &at_stop);
    (void)gc_collect(heap);
    assert_int_equal(watch.starts, 1);
    assert_int_equal(watch.stops, 1);
}

static void a_hook_that_was_removed_is_not_called(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(a, 0);
    WATCH(b, 0);
    WATCH(c, 0);
    watch_add(heap, &a);
    watch_add(heap, &b);
    watch_add(heap, &c);
    gc_hook_remove(heap, &b.hook);
    (void)gc_collect(heap);
    assert_int_equal(a.starts + c.starts, 2);
    assert_int_equal(b.starts, 0);
    watch_add(heap, &b);
    (void)gc_collect(heap);
    assert_int_equal(b.starts, 1);
}

static void remove_self(gc_heap *heap, struct watch *watch)
{
    gc_hook_remove(heap, &watch->hook);
    memset(&watch->hook, 0xEE, sizeof(watch->hook)); /* it is the program's again */
}

static void a_hook_may_remove_itself_at_the_start(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(a, 0);
    WATCH(b, .at_start = remove_self);
    WATCH(c, 0);
    watch_add(heap, &a);
    watch_add(heap, &b);
    watch_add(heap, &c);
    (void)gc_collect(heap);
    (void)gc_collect(heap);
    assert_int_equal(a.starts, 2);
    assert_int_equal(b.starts, 1);
    assert_int_equal(b.stops, 0);
    assert_int_equal(c.starts, 2);
    assert_int_equal(a.stops, 2);
}

static void a_hook_may_remove_itself_at_the_stop(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(a, 0);
    WATCH(b, .at_stop = remove_self);
    watch_add(heap, &a);
    watch_add(heap, &b);
    (void)gc_collect(heap);
    (void)gc_collect(heap);
    assert_int_equal(a.stops, 2);
    assert_int_equal(b.stops, 1);
}

static void remove_other(gc_heap *heap, struct watch *watch)
{
    if (watch->other != NULL) {
        gc_hook_remove(heap, watch->other);
        watch->other = NULL;
    }
}

static void a_hook_may_remove_the_one_that_comes_next(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(a, 0);
    WATCH(b, 0);
    WATCH(c, .at_start = remove_other, .other = &b.hook);
    watch_add(heap, &a);
    watch_add(heap, &b);
    watch_add(heap, &c);
    (void)gc_collect(heap);
    assert_int_equal(a.starts, 1);
    assert_int_equal(b.starts, 0);
    assert_int_equal(c.starts, 1);
}

static void add_other(gc_heap *heap, struct watch *watch)
{
    if (watch->other != NULL) {
        gc_hook_add(heap, watch->other);
        watch->other = NULL;
    }
}

static void a_hook_added_meanwhile_is_called_from_the_next_time_on(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(late, 0);
    late.hook.start = watch_start;
    late.hook.arg = &late;
    WATCH(watch, .at_start = add_other, .other = &late.hook);
    watch_add(heap, &watch);
    (void)gc_collect(heap);
    assert_int_equal(late.starts, 0);
    (void)gc_collect(heap);
    assert_int_equal(late.starts, 1);
}

static void adding_a_hook_twice_is_a_panic(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    watch_add(heap, &watch);
    expect_panic(world, "gc_hook_add");
    (void)gc_collect(heap);
    assert_int_equal(watch.starts, 1);
}

static void removing_a_hook_that_is_not_there_is_a_panic(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    WATCH(watch, 0);
    gc_hook_remove(heap, &watch.hook);
    expect_panic(world, "gc_hook_remove");
}

/* Inside
 * ====== */

static void collect_inside(gc_heap *heap, struct watch *watch)
{
    watch->result += gc_collect(heap) + gc_collect_generation(heap, 0);
    gc_safepoint(heap);
    (void)gc_step(heap, 1000000);
}

static void a_collection_inside_a_hook_does_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, .at_start = collect_inside, .at_stop = collect_inside);
    watch_add(heap, &watch);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(watch.result, 0);
    assert_int_equal(watch.starts, 1);
}

static void allocate_and_drop(gc_heap *heap, struct watch *watch)
{
    (void)watch;
    drop_a_node_circle(heap);
    gc_decref(leaf_new(heap, 1));
}

static void hooks_may_allocate_and_drop(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, .at_start = allocate_and_drop, .at_stop = allocate_and_drop);
    watch_add(heap, &watch);
    assert_int_equal(gc_collect(heap), 2); /* what the start hook has made is there */
    assert_live(heap, 2);
    gc_hook_remove(heap, &watch.hook);
    assert_int_equal(gc_collect(heap), 2);
}

static void drop_object(gc_heap *heap, struct watch *watch)
{
    (void)heap;
    gc_clear(&watch->object);
}

static void what_a_start_hook_drops_dies_by_count(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    WATCH(watch, .at_start = drop_object, .object = actor_new(heap, 7));
    watch_add(heap, &watch);
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "F7 D7 ");
    assert_int_equal(watch.stop.examined, 0);
}

static void free_the_heap(gc_heap *heap, struct watch *watch)
{
    (void)watch;
    gc_heap_free(heap);
}

static void freeing_the_heap_inside_a_hook_is_a_panic(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    WATCH(watch, .at_stop = free_the_heap);
    watch_add(heap, &watch);
    (void)gc_collect(heap);
    expect_panic(world, "gc_heap_free");
    gc_hook_remove(heap, &watch.hook);
}

static bool enable_from_a_hook(gc_heap *heap, const gc_collection *collection, void *arg)
{
    bool *before = arg;
    (void)collection;
    before[0] = gc_enable(heap);
    before[1] = gc_disable(heap);
    return true;
}

static void enabling_and_disabling_return_what_was_before(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    static bool before[2];
    static gc_hook hook;
    hook = (gc_hook){ .start = enable_from_a_hook, .arg = before };
    assert_false(gc_enable(heap));
    assert_true(gc_enable(heap));
    assert_true(gc_disable(heap));
    assert_false(gc_disable(heap));
    gc_hook_add(heap, &hook);
    (void)gc_collect(heap);
    assert_false(before[0]);
    assert_true(before[1]);
    assert_false(gc_is_enabled(heap));
}

/* A nested collection from every other kind of callback. */
static size_t nested;
static gc_heap *nested_heap;

static void nest_finalize(gc_object *self)
{
    nested += gc_collect(gc_heap_of(self)) + 1000;
}
static void nest_destroy(gc_object *self)
{
    nested += gc_collect(gc_heap_of(self)) + 1000;
}
static void nest_clear(gc_object *self)
{
    nested += gc_collect(gc_heap_of(self)) + 1000;
    gc_clear(&((struct knot *)(void *)self)->next);
}
static void nest_traverse(gc_object *self, gc_visitor *visitor)
{
    nested += gc_collect(gc_heap_of(self));
    gc_visit(visitor, ((struct knot *)(void *)self)->next);
}
static const gc_type nest_type = {
    .name = "nest",
    .size = sizeof(struct knot),
    .traverse = nest_traverse,
    .clear = nest_clear,
    .finalize = nest_finalize,
    .destroy = nest_destroy,
};

static void a_nested_collection_returns_0_from_every_callback_of_a_type(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct knot *knot = gc_new(heap, &nest_type);
    assert_non_null(knot);
    gc_set_steal(&knot->next, knot);
    drop_a_node_circle(heap);
    nested = 0;
    assert_int_equal(gc_collect(heap), 3);
    assert_true(nested >= 3000);        /* three kinds of callback */
    assert_int_equal(nested % 1000, 0); /* all answers were 0 */
}

static void nest_message(gc_heap *heap, const char *text)
{
    (void)text;
    nested += gc_collect(heap) + 1000;
}

static void nest_weak(gc_weak *weak, void *arg)
{
    (void)arg;
    nested += gc_collect(gc_heap_of(weak)) + 1000;
}

static void a_nested_collection_returns_0_from_weak_callbacks(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = gc_weak_new(node, nest_weak, NULL), *watcher = gc_watch(node, nest_weak, NULL);
    assert_true(weak != NULL && watcher != NULL);
    gc_set_steal(&node->left, node);
    drop_a_node_circle(heap);
    nested = 0;
    assert_int_equal(gc_collect(heap), 3);
    assert_int_equal(nested, 2000);
    gc_decref(weak);
    gc_decref(watcher);
}

static void a_nested_collection_returns_0_from_the_message_hook(void **state)
{
    struct world *world = *state;
    gc_config config = { .disabled = true, .message = nest_message };
    gc_heap *heap = gc_heap_new(&config);
    (void)world;
    assert_non_null(heap);
    (void)gc_set_debug(heap, GC_DEBUG_STATS | GC_DEBUG_COLLECTABLE);
    drop_a_node_circle(heap);
    nested = 0;
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(nested, 3000);
    (void)gc_set_debug(heap, 0);
    gc_heap_free(heap);
}

static void *nest_map(void *arg, size_t size, size_t align)
{
    if (nested_heap != NULL) {
        nested += gc_collect(nested_heap) + 1000;
    }
    return pages_map(arg, size, align);
}
static void nest_unmap(void *arg, void *block, size_t size)
{
    if (nested_heap != NULL) {
        nested += gc_collect(nested_heap) + 1000;
    }
    pages_unmap(arg, block, size);
}

static void a_nested_collection_returns_0_from_the_page_source(void **state)
{
    struct world *world = *state;
    gc_config config = { .disabled = true, .page_source = { nest_map, nest_unmap, &world->pages } };
    nested_heap = NULL;
    gc_heap *heap = world_new_heap(world, &config);
    drop_a_node_circle(heap);
    nested = 0;
    nested_heap = heap;
    gc_decref(tuple_new(heap, 1000000));
    (void)gc_heap_trim(heap);
    nested_heap = NULL;
    assert_int_equal(nested, 2000);
    assert_int_equal(gc_collect(heap), 2);
}

/* Debug flags
 * =========== */

static size_t lines_with(const struct world *world, const char *word)
{
    size_t count = 0;
    for (const char *at = world->message_text; (at = strstr(at, word)) != NULL; at++) {
        count++;
    }
    return count;
}

static void setting_flags_returns_those_before(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    assert_int_equal(gc_get_debug(heap), 0);
    assert_int_equal(gc_set_debug(heap, GC_DEBUG_STATS), 0);
    assert_int_equal(gc_get_debug(heap), GC_DEBUG_STATS);
    assert_int_equal(gc_set_debug(heap, 0), GC_DEBUG_STATS);
}

static void without_flags_a_collection_says_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    drop_a_node_circle(heap);
    (void)gc_collect(heap);
    assert_int_equal(world->messages, 0);
}

static void statistics_are_a_line_a_collection(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)gc_set_debug(heap, GC_DEBUG_STATS);
    drop_a_node_circle(heap);
    (void)gc_collect(heap);
    assert_int_equal(world->messages, 1);
    assert_non_null(strstr(world->message_text, "generation 1 (called): 2 examined, 2 freed"));
    (void)gc_set_debug(heap, 0);
}

static void the_collectable_are_a_line_each(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)gc_set_debug(heap, GC_DEBUG_COLLECTABLE);
    drop_a_node_circle(heap); /* plain garbage */
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->messages, 2);
    assert_int_equal(lines_with(world, "collectable node at"), 2);
    (void)drop_an_actor_circle(heap, 1);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(lines_with(world, "collectable actor at"), 2);
    assert_int_equal(world->messages, 4);
}

static gc_object *borrowed;

static void hold_the_borrowed(gc_heap *heap, const char *text)
{
    (void)heap;
    (void)text;
    if (borrowed != NULL) {
        gc_incref(borrowed);
        borrowed = NULL;
    }
}

static void what_the_message_hook_brings_back_lives(void **state)
{
    (void)state;
    gc_config config = { .disabled = true, .message = hold_the_borrowed };
    gc_heap *heap = gc_heap_new(&config);
    assert_non_null(heap);
    (void)gc_set_debug(heap, GC_DEBUG_COLLECTABLE);
    struct node *node = node_new(heap);
    gc_set(&node->left, node);
    gc_decref(node);
    drop_a_node_circle(heap);
    borrowed = &node->object;
    assert_int_equal(gc_collect(heap), 2);
    assert_ptr_equal(node->left, node);
    assert_int_equal(stats_of(heap).generations[1].resurrected, 1);
    gc_decref(node);
    assert_int_equal(gc_collect(heap), 1);
    gc_heap_free(heap);
}

static void the_uncollectable_are_a_line_each(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)gc_set_debug(heap, GC_DEBUG_UNCOLLECTABLE);
    drop_a_node_circle(heap);
    struct knot *knot = drop_a_knot(heap);
    (void)gc_collect(heap);
    assert_int_equal(world->messages, 1);
    assert_int_equal(lines_with(world, "uncollectable knot at"), 1);
    untie(knot);
}

/* Save-all
 * ======== */

static struct seen saved_in(gc_heap *heap)
{
    struct seen seen = { 0 };
    assert_int_equal(gc_each_object(heap, GC_SAVED, seen_add, &seen), 0);
    return seen;
}

static void saved_garbage_can_be_read(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    struct node *alive = node_new(heap);
    assert_int_equal(gc_collect(heap), 2);
    struct seen seen = saved_in(heap);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen_times(&seen, actor), 1);
    assert_int_equal(seen_times(&seen, actor->left), 1);
    assert_int_equal(seen_times(&seen, alive), 0);
    assert_sound(heap);
    gc_decref(alive);
    (void)gc_set_debug(heap, 0);
    assert_int_equal(gc_release_saved(heap), 2);
}

static void saved_garbage_is_finalized_and_whole(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    (void)gc_collect(heap);
    assert_story(world, "F1 F2 ");
    assert_int_equal(actor->left->id, 2);
    assert_true(gc_is_finalized(actor));
    (void)gc_set_debug(heap, 0);
    (void)gc_release_saved(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->destroyed, 2);
    assert_int_equal(world->finalized, 2);
}

static void plain_garbage_is_saved_too(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect_generation(heap, 0), 2);
    assert_int_equal(saved_in(heap).count, 2);
    (void)gc_set_debug(heap, 0);
    (void)gc_release_saved(heap);
}

static void saved_garbage_is_not_found_again(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(gc_collect(heap), 0);
    struct seen seen = { 0 };
    assert_int_equal(gc_unreachable(heap, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(saved_in(heap).count, 4);
    (void)gc_set_debug(heap, 0);
    assert_int_equal(gc_release_saved(heap), 4);
}

static void saved_garbage_has_a_reference_more(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    gc_set(&node->left, node);
    gc_decref(node);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    (void)gc_collect(heap);
    assert_int_equal(gc_refcount(node), 2);
    assert_int_equal(gc_generation_of(node), GC_SAVED);
    (void)gc_set_debug(heap, 0);
    (void)gc_release_saved(heap);
    assert_int_equal(gc_refcount(node), 1);
    assert_int_equal(gc_generation_of(node), GC_OLD);
}

static void what_saved_garbage_refers_to_lives(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    actor->leaf = leaf_new(heap, 3);
    gc_set_steal(&actor->right, actor_new(heap, 4));
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    assert_int_equal(gc_collect(heap), 3);
    (void)gc_set_debug(heap, 0);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(actor->leaf->id, 3);
    assert_int_equal(actor->right->id, 4);
    (void)gc_release_saved(heap);
}

static void saved_garbage_does_not_count_as_collected(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    WATCH(watch, 0);
    watch_add(heap, &watch);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    drop_a_node_circle(heap);
    (void)gc_collect(heap);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.generations[1].collected, 0);
    assert_int_equal(stats.objects_died, 0);
    assert_int_equal(watch.stop.saved, 2);
    assert_int_equal(watch.stop.collected, 0);
    (void)gc_set_debug(heap, 0);
    (void)gc_release_saved(heap);
}

static void releasing_ends_what_is_in_no_circle_at_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_set_steal(&actor->right, actor_new(heap, 3));
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    (void)gc_collect(heap);
    (void)gc_set_debug(heap, 0);
    world->story[0] = '\0';
    gc_clear(&actor->left); /* the circle is broken */
    assert_int_equal(gc_release_saved(heap), 3);
    assert_live(heap, 0);
    assert_int_equal(world->destroyed, 3);
}

static int rescue(void *object, void *arg)
{
    void **slot = arg;
    *slot = gc_newref(object);
    return 1;
}

static void saved_garbage_can_be_taken_back(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = NULL;
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    drop_a_node_circle(heap);
    (void)gc_collect(heap);
    (void)gc_set_debug(heap, 0);
    assert_int_equal(gc_each_object(heap, GC_SAVED, rescue, &node), 1);
    (void)gc_release_saved(heap);
    assert_int_equal(gc_collect(heap), 0);
    assert_ptr_equal(node->left->left, node);
    gc_decref(node);
    assert_int_equal(gc_collect(heap), 2);
}

static void what_a_finalizer_brings_back_is_not_saved(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = keep_in_memo;
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    (void)drop_an_actor_circle(heap, 1);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(saved_in(heap).count, 0);
    (void)gc_set_debug(heap, 0);
    gc_decref(world->memo);
}

static void begin_to_save(struct world *world, struct actor *actor)
{
    (void)actor;
    (void)gc_set_debug(world->heap, GC_DEBUG_SAVE_ALL);
}

static void flags_set_by_a_finalizer_leave_the_running_collection_whole(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = begin_to_save;
    (void)drop_an_actor_circle(heap, 1);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 4);
    assert_live(heap, 0);
    assert_sound(heap);
    (void)gc_set_debug(heap, 0);
}

static int release_inside(void *object, void *arg)
{
    size_t *released = arg;
    *released += gc_release_saved(gc_heap_of(object));
    return 0;
}

static void saved_garbage_may_be_released_by_its_visitor(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    size_t released = 0;
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    drop_a_node_circle(heap);
    drop_a_node_circle(heap);
    (void)gc_collect(heap);
    (void)gc_set_debug(heap, 0);
    assert_int_equal(gc_each_object(heap, GC_SAVED, release_inside, &released), 0);
    assert_int_equal(released, 4);
    assert_int_equal(gc_collect(heap), 4);
}

static void note_call(gc_weak *weak, void *arg)
{
    (void)weak;
    ++*(unsigned *)arg;
}

static void weak_references_to_saved_garbage_are_dead(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    unsigned calls = 0;
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *plain = gc_weak_new(actor, NULL, NULL);
    gc_weak *calling = gc_weak_new(actor, note_call, &calls);
    gc_weak *watcher = gc_watch(actor->left, note_call, &calls);
    assert_true(plain != NULL && calling != NULL && watcher != NULL);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    assert_int_equal(gc_collect(heap), 2);
    (void)gc_set_debug(heap, 0);
    assert_int_equal(calls, 2);
    assert_null(gc_weak_get(plain));
    assert_null(gc_weak_get(calling));
    assert_int_equal(saved_in(heap).count, 2);
    assert_sound(heap);
    assert_int_equal(gc_release_saved(heap), 2);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(calls, 2);
    gc_decref(plain);
    gc_decref(calling);
    gc_decref(watcher);
}

static void a_heap_with_saved_garbage_can_be_freed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    (void)drop_an_actor_circle(heap, 1);
    (void)gc_collect(heap);
    (void)drop_an_actor_circle(heap, 3);
    world_free_heap(world);
    assert_int_equal(world->finalized, 4);
    assert_int_equal(world->destroyed, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(hooks_are_told_the_generation),
        world_test(the_report_says_how_large_it_is),
        world_test(nothing_is_counted_at_the_start),
        world_test(the_stop_tells_what_was_examined_and_collected),
        world_test(the_old_are_not_examined_with_the_young),
        world_test(the_stop_tells_what_was_resurrected),
        world_test(the_stop_tells_what_was_uncollectable),
        world_test(at_the_stop_the_statistics_have_the_collection),
        world_test(by_hand_is_a_reason),
        world_test(the_number_of_the_young_is_a_reason),
        world_test(the_bytes_of_the_young_are_a_reason),
        world_test(growth_since_the_last_full_one_is_a_reason),
        world_test(shortage_is_a_reason),
        world_test(the_end_of_the_heap_is_a_reason),
        world_test(stress_is_a_reason),
        world_test(a_hook_can_keep_a_collection_from_starting),
        world_test(after_a_veto_no_further_hook_is_asked),
        world_test(a_collection_that_was_kept_from_starting_is_asked_for_again),
        world_test(a_veto_does_not_count_as_a_collection_without_garbage),
        world_test(a_veto_at_a_shortage_lets_the_birth_fail),
        world_test(the_hook_added_last_is_called_first),
        world_test(a_hook_may_know_of_the_start_or_the_stop_alone),
        world_test(a_hook_that_was_removed_is_not_called),
        world_test(a_hook_may_remove_itself_at_the_start),
        world_test(a_hook_may_remove_itself_at_the_stop),
        world_test(a_hook_may_remove_the_one_that_comes_next),
        world_test(a_hook_added_meanwhile_is_called_from_the_next_time_on),
        world_test(adding_a_hook_twice_is_a_panic),
        world_test(removing_a_hook_that_is_not_there_is_a_panic),
        world_test(a_collection_inside_a_hook_does_nothing),
        world_test(hooks_may_allocate_and_drop),
        world_test(what_a_start_hook_drops_dies_by_count),
        world_test(freeing_the_heap_inside_a_hook_is_a_panic),
        world_test(enabling_and_disabling_return_what_was_before),
        world_test(a_nested_collection_returns_0_from_every_callback_of_a_type),
        world_test(a_nested_collection_returns_0_from_weak_callbacks),
        world_test(a_nested_collection_returns_0_from_the_message_hook),
        world_test(a_nested_collection_returns_0_from_the_page_source),
        world_test(setting_flags_returns_those_before),
        world_test(without_flags_a_collection_says_nothing),
        world_test(statistics_are_a_line_a_collection),
        world_test(the_collectable_are_a_line_each),
        world_test(what_the_message_hook_brings_back_lives),
        world_test(the_uncollectable_are_a_line_each),
        world_test(saved_garbage_can_be_read),
        world_test(saved_garbage_is_finalized_and_whole),
        world_test(plain_garbage_is_saved_too),
        world_test(saved_garbage_is_not_found_again),
        world_test(saved_garbage_has_a_reference_more),
        world_test(what_saved_garbage_refers_to_lives),
        world_test(saved_garbage_does_not_count_as_collected),
        world_test(releasing_ends_what_is_in_no_circle_at_once),
        world_test(saved_garbage_can_be_taken_back),
        world_test(what_a_finalizer_brings_back_is_not_saved),
        world_test(flags_set_by_a_finalizer_leave_the_running_collection_whole),
        world_test(saved_garbage_may_be_released_by_its_visitor),
        world_test(weak_references_to_saved_garbage_are_dead),
        world_test(a_heap_with_saved_garbage_can_be_freed),
    };
    return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
