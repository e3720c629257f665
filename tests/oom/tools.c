/* SPDX-License-Identifier: MIT */

/* Out of memory in what looks at a heap and what changes tails: the n-th call of the page source
 * fails, for each n, until none does. After each failure all is as it was before the call. */

#include "../support.h"

enum { TRIES_MAX = 200, ITEMS = 50 };

/* Tails grow by steps and shrink again. */
static bool resize_all(struct world *world, struct tuple **tuple, struct node *item)
{
    static const size_t counts[] = { 10, 1000, 40000, 300000, 900, 60000, 1000000, 5 };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct tuple *before = *tuple;
        size_t count = gc_tail_length(before);
        gc_stats stats = stats_of(world->heap);
        gc_status status = gc_resize_var(tuple, counts[i]);
        assert_true(gc_check(world->heap));
        assert_ptr_equal((*tuple)->items[0], item);
        if (status != GC_OK) {
            assert_int_equal(status, GC_ERR_NOMEM);
            assert_int_equal(gc_last_error(world->heap), GC_ERR_NOMEM);
            assert_true(counts[i] > count); /* shrinking does not fail */
            assert_ptr_equal(*tuple, before);
            assert_int_equal(gc_tail_length(*tuple), count);
            assert_int_equal(stats_of(world->heap).bytes_live, stats.bytes_live);
            return false;
        }
        assert_int_equal(gc_tail_length(*tuple), counts[i]);
    }
    return true;
}

static void a_tail_that_cannot_grow_is_as_it_was(void **state)
{
    struct world *world = *state;
    size_t failures = 0;
    for (size_t n = 0; n < TRIES_MAX; n++) {
        gc_heap *heap = world_new_heap(world, NULL);
        struct node *item = node_new(heap);
        struct tuple *tuple = tuple_new(heap, 1);
        gc_set(&tuple->items[0], item);
        world->pages.fail_at = world->pages.maps + n;
        world->pages.fail_on = true;
        bool done = resize_all(world, &tuple, item);
        world->pages.fail_at = SIZE_MAX;
        world->pages.fail_on = false;
        failures += !done;
        assert_int_equal(gc_refcount(item), 2);
        gc_decref(tuple);
        gc_decref(item);
        assert_live(heap, 0);
        world_free_heap(world);
        if (done) {
            assert_true(failures >= 2);
            return;
        }
    }
    fail();
}

static void a_question_that_fails_changes_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = NULL, *last = NULL;
    for (size_t i = 0; i < ITEMS; i++) {
        struct node *node = node_new(heap);
        last = i == 0 ? node : last;
        gc_set(&node->left, list);
        gc_set_steal(&list, node);
    }
    size_t failures = 0;
    for (size_t n = 0; n < TRIES_MAX; n++) {
        gc_holder way[ITEMS];
        gc_stats before = stats_of(heap);
        world->pages.fail_at = world->pages.maps + n;
        world->pages.fail_on = true;
        ptrdiff_t length = gc_why_alive(heap, last, way, ITEMS);
        world->pages.fail_at = SIZE_MAX;
        world->pages.fail_on = false;
        gc_stats after = stats_of(heap);
        assert_memory_equal(&before, &after, sizeof(before));
        assert_sound(heap);
        if (length == ITEMS) {
            break;
        }
        assert_int_equal(length, GC_ERR_NOMEM);
        failures++;
    }
    assert_int_equal(failures, 1);
    gc_clear(&list);
}

/* What must do without memory does. */
static void freezing_hooks_and_saving_need_no_memory(void **state)
{
    static gc_hook hook;
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_type_stats types[4] = { 0 };
    struct node *node = node_new(heap);
    hook = (gc_hook){ 0 };
    drop_a_node_circle(heap);
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    gc_hook_add(heap, &hook);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    assert_int_equal(gc_collect(heap), 2);
    (void)gc_set_debug(heap, 0);
    assert_int_equal(gc_freeze(heap), 1);
    assert_int_equal(gc_get_type_stats(heap, types, 4), 1);
    assert_int_equal(gc_release_saved(heap), 2);
    assert_int_equal(gc_unfreeze(heap), 1); /* the saved were released, and are old */
    gc_hook_remove(heap, &hook);
    assert_false(world->pages.failed);
    gc_decref(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_tail_that_cannot_grow_is_as_it_was),
        world_test(a_question_that_fails_changes_nothing),
        world_test(freezing_hooks_and_saving_need_no_memory),
    };
    return cmocka_run_group_tests_name("tools", tests, NULL, NULL);
}
