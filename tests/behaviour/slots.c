/* SPDX-License-Identifier: MIT */
/* The slot helpers: the slot is written before the old reference is dropped, and arguments are
 * evaluated once. */

#include "../support.h"

/* What a finalizer finds in the slot through which its object was dropped. */
struct look {
    struct actor **slot;
    struct actor *found;
    bool looked;
};

static void look_at_the_slot(struct world *world, struct actor *actor)
{
    struct look *look = world->note;
    (void)actor;
    if (look->slot != NULL) {
        look->found = *look->slot;
        look->looked = true;
    }
}

static void clear_empties_the_slot_before_it_drops(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *slot = actor_new(heap, 1);
    struct look look = { .slot = &slot, .found = slot };
    world->note = &look;
    world->on_finalize = look_at_the_slot;
    gc_clear(&slot);
    assert_true(look.looked);
    assert_null(look.found);
    assert_null(slot);
    assert_story(world, "F1 D1 ");
}

static void clear_of_an_empty_slot_does_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *slot = NULL;
    gc_clear(&slot);
    assert_null(slot);
    assert_sound(heap);
}

static void set_writes_the_slot_before_it_drops(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *slot = actor_new(heap, 1), *next = actor_new(heap, 2);
    struct look look = { .slot = &slot };
    world->note = &look;
    world->on_finalize = look_at_the_slot;
    gc_set(&slot, next);
    assert_true(look.looked);
    assert_ptr_equal(look.found, next);
    assert_ptr_equal(slot, next);
    assert_int_equal(gc_refcount(next), 2);
    look.slot = NULL;
    assert_story(world, "F1 D1 ");
    gc_clear(&slot);
    gc_decref(next);
}

static void set_of_what_the_slot_holds_already_keeps_it(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *slot = actor_new(heap, 1);
    gc_set(&slot, slot);
    assert_int_equal(gc_refcount(slot), 1);
    assert_story(world, "");
    assert_sound(heap);
    gc_clear(&slot);
}

static void set_to_null_drops(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *slot = actor_new(heap, 1);
    gc_set(&slot, NULL);
    assert_null(slot);
    assert_story(world, "F1 D1 ");
}

static void set_in_an_object_counts_its_reference(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&a->right, b);
    assert_int_equal(gc_refcount(b), 3);
    gc_set(&a->left, NULL);
    assert_int_equal(gc_refcount(b), 2);
    assert_sound(heap);
    gc_decref(b);
    gc_decref(a);
    assert_live(heap, 0);
}

static void set_steal_takes_the_callers_reference(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *slot = actor_new(heap, 1), *next = actor_new(heap, 2);
    struct look look = { .slot = &slot };
    world->note = &look;
    world->on_finalize = look_at_the_slot;
    gc_set_steal(&slot, next);
    assert_ptr_equal(look.found, next);
    assert_int_equal(gc_refcount(next), 1);
    assert_story(world, "F1 D1 ");
    look.slot = NULL;
    gc_clear(&slot);
    assert_live(heap, 0);
}

static void take_hands_over_the_slots_reference(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *holder = node_new(heap), *child = node_new(heap);
    gc_set_steal(&holder->left, child);
    uint32_t refs = child->object.refs;
    struct node *taken = gc_take(&holder->left);
    assert_ptr_equal(taken, child);
    assert_null(holder->left);
    assert_int_equal(child->object.refs, refs);
    assert_null(gc_take(&holder->left));
    assert_sound(heap);
    gc_decref(holder);
    assert_live(heap, 1);
    gc_decref(taken);
}

static void swap_exchanges_and_counts_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap), *holder = node_new(heap);
    gc_set_steal(&holder->left, a);
    gc_set_steal(&holder->right, b);
    uint32_t refs_a = a->object.refs, refs_b = b->object.refs;
    gc_swap(&holder->left, &holder->right);
    assert_ptr_equal(holder->left, b);
    assert_ptr_equal(holder->right, a);
    assert_int_equal(a->object.refs, refs_a);
    assert_int_equal(b->object.refs, refs_b);
    assert_sound(heap);
    gc_decref(holder);
    assert_live(heap, 0);
}

static void swap_with_an_empty_slot_moves(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *holder = node_new(heap), *empty = NULL;
    gc_set_steal(&holder->left, a);
    gc_swap(&holder->left, &empty);
    assert_null(holder->left);
    assert_ptr_equal(empty, a);
    assert_int_equal(gc_refcount(a), 1);
    gc_swap(&empty, &empty);
    assert_ptr_equal(empty, a);
    gc_clear(&empty);
    gc_decref(holder);
}

static void newref_answers_its_argument_with_one_more_reference(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set_steal(&a->left, gc_newref(b));
    assert_ptr_equal(a->left, b);
    assert_int_equal(gc_refcount(b), 2);
    gc_decref(b);
    gc_decref(a);
}

static void slot_arguments_are_evaluated_once(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *slots[4] = { NULL };
    struct node *objects[4];
    int slot = 0, object = 0;
    for (int i = 0; i < 4; i++) {
        objects[i] = node_new(heap);
    }
    gc_set(&slots[slot++], objects[object++]);
    assert_int_equal(slot, 1);
    assert_int_equal(object, 1);
    gc_set_steal(&slots[slot++], objects[object++]);
    assert_int_equal(slot, 2);
    assert_int_equal(object, 2);
    slot = 0;
    object = 2;
    gc_swap(&slots[slot++], &slots[object++]);
    assert_int_equal(slot, 1);
    assert_int_equal(object, 3);
    assert_ptr_equal(slots[2], objects[0]);
    slot = 1;
    struct node *taken = gc_take(&slots[slot++]);
    assert_int_equal(slot, 2);
    assert_ptr_equal(taken, objects[1]);
    gc_decref(taken);
    gc_clear(&slots[slot++]);
    assert_int_equal(slot, 3);
    object = 3;
    taken = gc_newref(objects[object++]);
    assert_int_equal(object, 4);
    gc_decref(taken);
    gc_decref(objects[0]);
    gc_decref(objects[2]);
    gc_decref(objects[3]);
    assert_live(heap, 0);
}

static void slot_helpers_work_on_slots_of_any_type(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct leaf *leaf = leaf_new(heap, 1), *leaf_slot = NULL;
    gc_object *object_slot = NULL;
    gc_set(&leaf_slot, leaf);
    gc_set(&object_slot, &leaf->object);
    assert_int_equal(gc_refcount(leaf), 3);
    gc_clear(&leaf_slot);
    gc_clear(&object_slot);
    assert_null(leaf_slot);
    assert_null(object_slot);
    assert_int_equal(gc_refcount(leaf), 1);
    gc_decref(leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(clear_empties_the_slot_before_it_drops),
        world_test(clear_of_an_empty_slot_does_nothing),
        world_test(set_writes_the_slot_before_it_drops),
        world_test(set_of_what_the_slot_holds_already_keeps_it),
        world_test(set_to_null_drops),
        world_test(set_in_an_object_counts_its_reference),
        world_test(set_steal_takes_the_callers_reference),
        world_test(take_hands_over_the_slots_reference),
        world_test(swap_exchanges_and_counts_nothing),
        world_test(swap_with_an_empty_slot_moves),
        world_test(newref_answers_its_argument_with_one_more_reference),
        world_test(slot_arguments_are_evaluated_once),
        world_test(slot_helpers_work_on_slots_of_any_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
