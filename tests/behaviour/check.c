/* SPDX-License-Identifier: MIT */
/* gc_check finds what the program does wrong with its references. Each mistake is made, found, and
 * mended again. */

#include "../support.h"

static void verify_found(struct world *world, gc_heap *heap, const char *word)
{
    assert_false(gc_check(heap));
    expect_panic(world, word);
}

static void check_of_a_sound_heap_is_quiet(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    assert_true(gc_check(heap));
    struct actor *a = actor_new(heap, 1);
    a->leaf = leaf_new(heap, 2);
    drop_an_actor_circle(heap, 3);
    gc_make_immortal(a->leaf);
    struct tuple *large = tuple_new(heap, 100000);
    assert_true(gc_check(heap));
    assert_int_equal(world->messages, 0);
    assert_int_equal(world->panics, 0);
    gc_decref(large);
    gc_decref(a);
    world->leftovers = true;
}

static void check_changes_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    (void)gc_collect(heap);
    drop_an_actor_circle(heap, 1);
    gc_stats before = stats_of(heap);
    size_t maps = world->pages.maps;
    uint32_t refs = node->object.refs, word = node->object.gc;
    assert_true(gc_check(heap));
    assert_true(gc_check(heap));
    gc_stats after = stats_of(heap);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(world->pages.maps, maps);
    assert_int_equal(node->object.refs, refs);
    assert_int_equal(node->object.gc, word);
    assert_story(world, "");
    gc_decref(node);
}

static void reference_that_nobody_counted_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holder = node_new(heap), *child = node_new(heap);
    holder->left = child;  /* the program's reference */
    holder->right = child; /* and one too many */
    verify_found(world, heap, "node");
    holder->right = NULL;
    assert_sound(heap);
    gc_decref(holder);
}

static void reference_to_a_leaf_that_nobody_counted_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1), *b = actor_new(heap, 2);
    a->leaf = leaf_new(heap, 3);
    b->leaf = a->leaf;
    verify_found(world, heap, "leaf");
    b->leaf = NULL;
    assert_sound(heap);
    gc_decref(a);
    gc_decref(b);
}

static void reference_in_a_tail_that_nobody_counted_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_new(heap, 1000);
    struct node *node = node_new(heap);
    tuple->items[0] = node;
    tuple->items[999] = node;
    verify_found(world, heap, "node");
    tuple->items[999] = NULL;
    assert_sound(heap);
    gc_decref(tuple);
}

static void reference_to_a_dead_object_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holder = node_new(heap), *child = node_new(heap);
    gc_decref(child);
    holder->left = child;
    verify_found(world, heap, "node");
    holder->left = NULL;
    assert_sound(heap);
    gc_decref(holder);
}

static void reference_to_another_heap_is_found(void **state)
{
    struct world *world = *state, *other = world_new();
    void *other_state = other;
    gc_heap *heap = world_new_heap(world, NULL), *elsewhere = world_new_heap(other, NULL);
    struct node *holder = node_new(heap), *foreign = node_new(elsewhere);
    gc_set(&holder->left, foreign);
    verify_found(world, heap, "node");
    assert_sound(elsewhere);
    gc_clear(&holder->left);
    assert_sound(heap);
    gc_decref(holder);
    gc_decref(foreign);
    assert_int_equal(world_teardown(&other_state), 0);
}

static void reference_to_a_static_struct_is_found(void **state)
{
    static struct node static_node = { .object = { 0, 0 } };
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holder = node_new(heap);
    holder->left = &static_node;
    verify_found(world, heap, "node");
    holder->left = NULL;
    assert_sound(heap);
    gc_decref(holder);
}

static void reference_to_the_stack_is_found(void **state)
{
    struct node local = { .object = { 0, 0 } };
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holder = node_new(heap);
    holder->left = &local;
    verify_found(world, heap, "node");
    holder->left = NULL;
    assert_sound(heap);
    gc_decref(holder);
}

static void reference_to_malloced_memory_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holder = node_new(heap), *copy = calloc(1, sizeof(*copy));
    assert_non_null(copy);
    *copy = *holder;
    holder->left = copy;
    verify_found(world, heap, "node");
    holder->left = NULL;
    assert_sound(heap);
    free(copy);
    gc_decref(holder);
}

static void reference_to_the_middle_of_an_object_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holder = node_new(heap), *child = node_new(heap);
    holder->left = (void *)&child->left;
    verify_found(world, heap, "node");
    holder->left = (void *)((char *)child + 1);
    verify_found(world, heap, "node");
    holder->left = NULL;
    assert_sound(heap);
    gc_decref(holder);
    gc_decref(child);
}

static void reference_to_the_middle_of_a_large_object_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holder = node_new(heap);
    static const size_t sizes[] = { 20000, 100000, 3000000 };
    for (size_t i = 0; i < 3; i++) {
        struct string *large = gc_new_var(heap, &string_type, sizes[i]);
        assert_non_null(large);
        holder->left = (void *)&large->bytes[sizes[i] / 2 / 64 * 64];
        verify_found(world, heap, "node");
        holder->left = (void *)&large->bytes[sizes[i] - 64];
        verify_found(world, heap, "node");
        holder->left = NULL;
        assert_sound(heap);
        gc_decref(large);
    }
    gc_decref(holder);
}

static void address_that_is_no_memory_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holder = node_new(heap);
    static const uintptr_t wild[] = { 8, 4096, UINTPTR_MAX / 3 & ~(uintptr_t)7, UINTPTR_MAX - 7 };
    for (size_t i = 0; i < 4; i++) {
        uintptr_t address = wild[i];
        memcpy(&holder->left, &address, sizeof(address));
        verify_found(world, heap, "node");
        holder->left = NULL;
    }
    assert_sound(heap);
    gc_decref(holder);
}

struct twice {
    gc_object object;
    struct node *child;
};

static bool lie;

static void twice_traverse(gc_object *self, gc_visitor *visitor)
{
    struct twice *twice = (void *)self;
    gc_visit(visitor, twice->child);
    if (lie) {
        gc_visit(visitor, twice->child);
    }
}

static void twice_clear(gc_object *self)
{
    gc_clear(&((struct twice *)(void *)self)->child);
}

static const gc_type twice_type = {
    .name = "twice",
    .size = sizeof(struct twice),
    .traverse = twice_traverse,
    .clear = twice_clear,
};

static void traverse_that_visits_a_child_twice_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct twice *twice = gc_new(heap, &twice_type);
    assert_non_null(twice);
    twice->child = node_new(heap);
    lie = true;
    verify_found(world, heap, "node");
    lie = false;
    assert_sound(heap);
    gc_decref(twice);
}

static void corrupted_head_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_object saved = a->object;
    memset(&a->object, 0x5A, sizeof(a->object));
    verify_found(world, heap, "node");
    a->object = saved;
    memset(&a->object.gc, 0xFF, sizeof(a->object.gc));
    verify_found(world, heap, "node");
    a->object = saved;
    assert_sound(heap);
    gc_decref(a);
    gc_decref(b);
}

static void check_here(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_check(world->heap));
}

static void heap_is_sound_in_every_callback(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = check_here;
    world->on_destroy = check_here;
    for (unsigned i = 0; i < 10; i++) {
        struct actor *a = drop_an_actor_circle(heap, 2 * i);
        a->right = actor_new(heap, 100 + i);
        a->leaf = leaf_new(heap, 200 + i);
    }
    assert_int_equal(gc_collect(heap), 30);
    struct actor *a = actor_new(heap, 1);
    a->left = actor_new(heap, 2);
    a->left->left = actor_new(heap, 3);
    gc_decref(a);
    assert_live(heap, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(check_of_a_sound_heap_is_quiet),
        world_test(check_changes_nothing),
        world_test(reference_that_nobody_counted_is_found),
        world_test(reference_to_a_leaf_that_nobody_counted_is_found),
        world_test(reference_in_a_tail_that_nobody_counted_is_found),
        world_test(reference_to_a_dead_object_is_found),
        world_test(reference_to_another_heap_is_found),
        world_test(reference_to_a_static_struct_is_found),
        world_test(reference_to_the_stack_is_found),
        world_test(reference_to_malloced_memory_is_found),
        world_test(reference_to_the_middle_of_an_object_is_found),
        world_test(reference_to_the_middle_of_a_large_object_is_found),
        world_test(address_that_is_no_memory_is_found),
        world_test(traverse_that_visits_a_child_twice_is_found),
        world_test(corrupted_head_is_found),
        world_test(heap_is_sound_in_every_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
