/* SPDX-License-Identifier: MIT */
/* Counts: an object is born with one reference and dies with the last; at the top it becomes
 * immortal. */

#include "../support.h"

/* The layout of `refs` is public, for it is in the inline functions. Nobody waits for 2^27 increfs
 * in each test. */
static void set_count(void *object, uint32_t count)
{
    ((gc_object *)object)->refs = (count - 1) * OURO_REFS_ONE;
}

enum { COUNT_MAX = 1 << 27 };

static void new_object_has_one_reference(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    struct tuple *tuple = tuple_new(heap, 3);
    assert_int_equal(gc_refcount(node), 1);
    assert_int_equal(gc_refcount(leaf), 1);
    assert_int_equal(gc_refcount(tuple), 1);
    assert_sound(heap);
    gc_decref(node);
    gc_decref(leaf);
    gc_decref(tuple);
}

static void second_holder_counts_two_and_its_drop_one(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap);
    assert_int_equal(gc_refcount(a), 1);
    struct node *b = gc_newref(a);
    assert_ptr_equal(a, b);
    assert_int_equal(gc_refcount(a), 2);
    gc_decref(b);
    assert_int_equal(gc_refcount(a), 1);
    assert_sound(heap);
    assert_live(heap, 1);
    gc_decref(a);
}

static void incref_and_decref_undo_each_other(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    for (int i = 0; i < 1000; i++) {
        gc_incref(node);
        assert_int_equal(gc_refcount(node), i + 2);
    }
    assert_sound(heap);
    for (int i = 1000; i > 0; i--) {
        assert_int_equal(gc_refcount(node), i + 1);
        gc_decref(node);
    }
    assert_int_equal(gc_refcount(node), 1);
    gc_decref(node);
    assert_live(heap, 0);
}

static void last_decref_ends_the_object_at_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_incref(actor);
    gc_decref(actor);
    assert_story(world, "");
    gc_decref(actor);
    assert_story(world, "F1 D1 ");
    assert_live(heap, 0);
}

static void null_may_be_counted_with_the_x_forms(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_xincref(NULL);
    gc_xdecref(NULL);
    struct node *node = node_new(heap);
    gc_xincref(node);
    assert_int_equal(gc_refcount(node), 2);
    gc_xdecref(node);
    gc_xdecref(node);
    assert_live(heap, 0);
}

/* Every byte after the head, on memory that an object of the same size left dirty. The world's
 * pages are dirty too. */
static void born_zeroed(gc_heap *heap, const gc_type *type, size_t count)
{
    size_t size = type->size + type->item_size * count;
    for (int round = 0; round < 3; round++) {
        unsigned char *object =
            type->item_size != 0 ? gc_new_var(heap, type, count) : gc_new(heap, type);
        assert_non_null(object);
        for (size_t i = sizeof(gc_object); i < size; i++) {
            if (object[i] != 0) {
                fail_msg("byte %zu of a new %s of %zu is not zero", i, type->name, size);
            }
        }
        memset(object + sizeof(gc_object), 0xFF, size - sizeof(gc_object));
        gc_decref(object);
    }
}

/* Like node, but nothing in it is a reference: the test fills it with ones. */
static const gc_type blob_type = { .name = "blob", .size = 40 };

static void new_object_is_zeroed(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    born_zeroed(heap, &blob_type, 0);
    assert_sound(heap);
}

static void new_tail_is_zeroed(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    static const size_t counts[] = { 0, 1, 7, 8, 9, 100, 1000, 4096, 30000, 100000, 3000000 };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        born_zeroed(heap, &string_type, counts[i]);
        assert_sound(heap);
    }
}

static void memory_of_many_dead_objects_is_zeroed_again(void **state)
{
    enum { COUNT = 5000 };
    gc_heap *heap = world_new_heap(*state, NULL);
    unsigned char **objects = calloc(COUNT, sizeof(*objects));
    assert_non_null(objects);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            objects[i] = gc_new(heap, &blob_type);
            assert_non_null(objects[i]);
            for (size_t k = sizeof(gc_object); k < blob_type.size; k++) {
                assert_int_equal(objects[i][k], 0);
            }
            memset(objects[i] + sizeof(gc_object), 0xFF, blob_type.size - sizeof(gc_object));
        }
        assert_sound(heap);
        for (size_t i = 0; i < COUNT; i++) {
            gc_decref(objects[(i * 7919) % COUNT]);
        }
        assert_live(heap, 0);
    }
    free(objects);
}

static void count_goes_to_two_to_the_27_less_one(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    set_count(node, COUNT_MAX - 1);
    gc_incref(node);
    assert_int_equal(gc_refcount(node), COUNT_MAX);
    assert_false(gc_is_immortal(node));
    assert_sound(heap);
    gc_decref(node);
    assert_int_equal(gc_refcount(node), COUNT_MAX - 1);
    set_count(node, 1);
    gc_decref(node);
}

static void count_past_the_top_makes_immortal(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    set_count(actor, COUNT_MAX);
    gc_incref(actor);
    assert_true(gc_is_immortal(actor));
    assert_true(gc_refcount(actor) > (size_t)1 << 27);
    for (int i = 0; i < 1000; i++) {
        gc_decref(actor);
    }
    assert_true(gc_is_immortal(actor));
    assert_int_equal(gc_collect(heap), 0);
    assert_sound(heap);
    assert_story(world, "");
    world->leftovers = true;
}

static void increfs_alone_saturate_a_count(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    uint32_t count = (uint32_t)scaled((size_t)1 << 27);
    for (uint32_t i = 0; i < count; i++) {
        gc_incref(actor);
    }
    assert_true(gc_is_immortal(actor) == (count == (uint32_t)1 << 27));
    if (!gc_is_immortal(actor)) {
        set_count(actor, 1);
    }
    assert_sound(heap);
    gc_decref(actor);
    assert_live(heap, count == (uint32_t)1 << 27 ? 1 : 0);
    world->leftovers = true;
}

static void count_of_an_immortal_object_stands_still(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    assert_false(gc_is_immortal(actor));
    gc_make_immortal(actor);
    assert_true(gc_is_immortal(actor));
    size_t count = gc_refcount(actor);
    assert_true(count > (size_t)1 << 27);
    gc_incref(actor);
    assert_int_equal(gc_refcount(actor), count);
    gc_decref(actor);
    gc_decref(actor);
    gc_decref(actor);
    assert_int_equal(gc_refcount(actor), count);
    gc_make_immortal(actor);
    assert_true(gc_is_immortal(actor));
    assert_sound(heap);
    assert_live(heap, 1);
    assert_story(world, "");
    world->leftovers = true;
}

static void immortal_object_lives_until_its_heap_is_freed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    struct leaf *leaf = leaf_new(heap, 2);
    gc_make_immortal(actor);
    gc_make_immortal(leaf);
    gc_decref(actor);
    gc_decref(leaf);
    assert_int_equal(gc_collect(heap), 0);
    assert_live(heap, 2);
    assert_story(world, "");
    world_free_heap(world);
    assert_int_equal(world->destroyed, 2);
    assert_non_null(strstr(world->story, "F1 D1 "));
    assert_non_null(strstr(world->story, "L2 "));
}

static void immortal_object_holds_what_it_refers_to(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1), *b = actor_new(heap, 2);
    gc_set_steal(&a->left, b);
    gc_set(&b->left, a);
    gc_make_immortal(a);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(gc_collect(heap), 0);
    assert_sound(heap);
    assert_ptr_equal(a->left, b);
    gc_clear(&a->left);
    assert_story(world, "F2 D2 ");
    assert_sound(heap);
    world->leftovers = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(new_object_has_one_reference),
        world_test(second_holder_counts_two_and_its_drop_one),
        world_test(incref_and_decref_undo_each_other),
        world_test(last_decref_ends_the_object_at_once),
        world_test(null_may_be_counted_with_the_x_forms),
        world_test(new_object_is_zeroed),
        world_test(new_tail_is_zeroed),
        world_test(memory_of_many_dead_objects_is_zeroed_again),
        world_test(count_goes_to_two_to_the_27_less_one),
        world_test(count_past_the_top_makes_immortal),
        world_test(increfs_alone_saturate_a_count),
        world_test(count_of_an_immortal_object_stands_still),
        world_test(immortal_object_lives_until_its_heap_is_freed),
        world_test(immortal_object_holds_what_it_refers_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
