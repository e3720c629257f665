/* SPDX-License-Identifier: MIT */

/* The table of weak references: a linear hash that grows by one bucket at a time. */

#include "support.h"

#include "collect.h"

enum { MANY = 5000 };

static size_t chain_length(const gc_heap *heap, size_t bucket)
{
    size_t length = 0;
    for (gc_weak *first = gci_weak_bucket(heap, bucket); first != NULL; first = first->prev) {
        length++;
    }
    return length;
}

static void no_weak_reference_takes_no_memory(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_decref(node_new(heap));
    assert_int_equal(heap->weak_table.buckets, 0);
    assert_null(heap->weak_table.heads.blocks[0]);
}

static void table_grows_by_one_bucket_with_each_object_beyond_its_size(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct node *nodes[MANY];
    static gc_weak *weak[MANY];
    for (size_t i = 0; i < MANY; i++) {
        nodes[i] = node_new(heap);
        weak[i] = plain_weak(nodes[i]);
        size_t wanted = i + 1 > GCI_VECTOR_FIRST ? i + 1 : GCI_VECTOR_FIRST;
        assert_int_equal(heap->weak_table.buckets, wanted);
        assert_int_equal(heap->weak_table.count, i + 1);
    }
    assert_sound(heap);
    size_t longest = 0;
    for (size_t i = 0; i < heap->weak_table.buckets; i++) {
        longest = gci_larger(longest, chain_length(heap, i));
    }
    assert_true(longest < 20);
    for (size_t i = 0; i < MANY; i++) {
        assert_ptr_equal(gci_weak_first(heap, &nodes[i]->object), weak[i]);
        gc_decref(weak[i]);
        gc_decref(nodes[i]);
    }
    assert_int_equal(heap->weak_table.count, 0);
}

/* A multiplicative hash without a key has all of these in one bucket of the 2048. */
static void addresses_that_collide_without_a_key_are_spread(void **state)
{
    struct world *world = *state;
    /* 200,000 births are too many for a collection at each, in a build with -Dstress=true too. */
    gc_config config = { .hash_key = { 0x243F6A8885A308D3, 0x13198A2E03707344 },
                         .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    enum { NODES = 200000 };
    struct node *list = NULL;
    static gc_weak *weak[MANY];
    size_t count = 0, longest = 0;
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
        if (((uint64_t)(uintptr_t)node / 8 * 0x9E3779B97F4A7C15u >> 32) % 2048 == 0) {
            weak[count++] = plain_weak(node);
        }
    }
    assert_true(count > 50 && count <= GCI_VECTOR_FIRST);
    for (size_t i = 0; i < heap->weak_table.buckets; i++) {
        longest = gci_larger(longest, chain_length(heap, i));
    }
    assert_true(longest <= 6);
    while (count > 0) {
        gc_decref(weak[--count]);
    }
    gc_decref(list);
}

static void table_without_memory_to_grow_has_longer_chains(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct node *nodes[MANY];
    static gc_weak *weak[MANY];
    for (size_t i = 0; i < MANY; i++) {
        nodes[i] = node_new(heap);
        weak[i] = plain_weak(nodes[i]);
        if (i == 0) {
            world->pages.fail_at = world->pages.maps; /* the segment has pages for all objects */
            world->pages.fail_on = true;
        }
    }
    assert_true(world->pages.failed);
    assert_int_equal(gc_last_error(heap), GC_OK);
    assert_int_equal(heap->weak_table.buckets, GCI_VECTOR_FIRST);
    assert_int_equal(heap->weak_table.count, MANY);
    assert_sound(heap);
    world->pages.fail_on = false;
    for (size_t i = 0; i < MANY; i++) {
        assert_ptr_equal(weak_peek(weak[i]), nodes[i]);
        gc_decref(weak[i]);
        gc_decref(nodes[i]);
    }
}

/* WEAK-4, after each that leaves. */
static void table_has_at_most_four_buckets_for_each_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct node *nodes[MANY];
    static gc_weak *weak[MANY];
    for (size_t i = 0; i < MANY; i++) {
        nodes[i] = node_new(heap);
        weak[i] = plain_weak(nodes[i]);
    }
    for (size_t left = MANY; left-- > 0;) {
        gc_decref(weak[left]);
        size_t most = gci_larger(GCI_VECTOR_FIRST, left * 4 + 3);
        assert_true(heap->weak_table.buckets <= most);
        assert_true(left < MANY / 4 || heap->weak_table.buckets == MANY);
        if (left > 0) {
            assert_ptr_equal(gci_weak_first(heap, &nodes[left / 2]->object), weak[left / 2]);
        }
        gc_decref(nodes[left]);
    }
    assert_int_equal(heap->weak_table.buckets, GCI_VECTOR_FIRST);
    heap->weak_table.buckets++;
    assert_false(gc_check(heap));
    assert_int_equal(world->panics, 1);
    expect_panic(world, "WEAK-4");
    heap->weak_table.buckets--;
}

static void flag_tells_whether_there_is_a_list(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    assert_false(node->object.refs & OURO_REFS_WEAK);
    gc_weak *first = plain_weak(node), *second = weak_with_callback(node, 1);
    assert_true(node->object.refs & OURO_REFS_WEAK);
    gc_decref(first);
    assert_true(node->object.refs & OURO_REFS_WEAK);
    gc_decref(second);
    assert_false(node->object.refs & OURO_REFS_WEAK);
    gc_decref(node);
}

static void weak_references_without_callback_are_leaves(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *first = plain_weak(node), *second = weak_with_callback(node, 1);
    assert_int_equal(gci_state_of(&first->object), GCI_LEAF);
    assert_int_equal(gci_state_of(&second->object), GCI_YOUNG);
    gc_decref(first);
    gc_decref(second);
    gc_decref(node);
}

static void plain_garbage_goes_at_once_unless_it_is_referred_to_weakly(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap), *living = node_new(heap);
    gc_weak *weak = plain_weak(living);
    for (int watched = 0; watched < 2; watched++) {
        gc_set(&node->left, node);
        gc_weak *own = watched ? plain_weak(node) : NULL;
        gc_decref(node);
        gci_collect_hold(heap);
        struct gci_set set = gci_set_of_all(heap);
        gci_trace_find_garbage(heap, &set);
        assert_int_equal(set.garbage_count, 1);
        assert_int_equal(set.plain, !watched);
        assert_int_equal(set.weak, watched);
        gci_flip_old(heap);
        heap->young_objects = 0;
        gci_pages_forget_young(heap);
        gc_collection report = { .generation = 1 };
        gci_ending_begin(heap, &set, &report);
        gci_ending_finish(heap);
        assert_int_equal(report.collected, 1);
        gci_collect_release(heap);
        gc_xdecref(own);
        node = node_new(heap);
    }
    gc_decref(node);
    gc_decref(weak);
    gc_decref(living);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(no_weak_reference_takes_no_memory),
        world_test(table_grows_by_one_bucket_with_each_object_beyond_its_size),
        world_test(addresses_that_collide_without_a_key_are_spread),
        world_test(table_without_memory_to_grow_has_longer_chains),
        world_test(table_has_at_most_four_buckets_for_each_object),
        world_test(flag_tells_whether_there_is_a_list),
        world_test(weak_references_without_callback_are_leaves),
        world_test(plain_garbage_goes_at_once_unless_it_is_referred_to_weakly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
