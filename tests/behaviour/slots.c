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

/* The old value's finalizer finds the new one in the slot, whichever helper put it there. */
struct place {
    struct actor *slot;
    const struct actor *wanted;
};

static void expect_the_slot_written(struct world *world, struct actor *actor)
{
    const struct place *place = world->note;
    expect(world, place->slot == place->wanted);
    expect(world, actor->id == 1);
}

static void finalizer_of_the_old_value_reads_the_new_one_in_the_slot(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *other = actor_new(heap, 2);
    for (int way = 0; way < 4; way++) {
        struct place place = { actor_new(heap, 1), way < 2 ? other : NULL };
        world->note = &place;
        world->on_finalize = expect_the_slot_written;
        if (way == 0) {
            gc_set(&place.slot, other);
        } else if (way == 1) {
            gc_set_steal(&place.slot, gc_newref(other));
        } else if (way == 2) {
            gc_clear(&place.slot);
        } else {
            gc_decref(gc_take(&place.slot));
        }
        world->on_finalize = NULL;
        gc_xdecref(place.slot);
    }
    assert_int_equal(gc_refcount(other), 1);
    assert_int_equal(world->finalized, 4);
    gc_decref(other);
}

static void set_the_slot_again(struct world *world, struct actor *actor)
{
    struct place *place = world->note;
    if (actor->id == 1) {
        struct actor *third = actor_new(gc_heap_of(actor), 3);
        gc_set_steal(&place->slot, third);
    }
}

static void finalizer_of_the_old_value_may_set_the_slot_again(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct place place = { actor_new(heap, 1), NULL };
    world->note = &place;
    world->on_finalize = set_the_slot_again;
    gc_set_steal(&place.slot, actor_new(heap, 2));
    assert_int_equal(place.slot->id, 3);
    assert_story(world, "F1 D1 F2 D2 ");
    gc_clear(&place.slot);
}

static void automatic_variable_is_dropped_at_the_end_of_its_scope(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    {
        OURO_AUTO struct actor *actor = actor_new(heap, 1);
        assert_int_equal(gc_refcount(actor), 1);
        assert_story(world, "");
    }
    assert_story(world, "F1 D1 ");
}

static void automatic_variables_are_dropped_in_reverse_order(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    {
        OURO_AUTO struct actor *first = actor_new(heap, 1);
        OURO_AUTO struct actor *second = actor_new(heap, 2), *third = actor_new(heap, 3);
        assert_true(first->id + second->id + third->id == 6);
    }
    assert_story(world, "F3 D3 F2 D2 F1 D1 ");
}

static struct actor *make_or_not(gc_heap *heap, unsigned id, bool make)
{
    OURO_AUTO struct actor *actor = actor_new(heap, id);
    if (make) {
        return gc_take(&actor);
    }
    return NULL;
}

static void automatic_variable_may_hand_its_reference_on(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = make_or_not(heap, 1, true);
    assert_int_equal(gc_refcount(actor), 1);
    gc_decref(actor);
    assert_story(world, "F1 D1 ");
    assert_null(make_or_not(heap, 2, false));
    assert_story(world, "F2 D2 ");
}

static void automatic_variable_may_hold_nothing_or_something_else(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    {
        OURO_AUTO struct actor *nothing = NULL;
        OURO_AUTO struct actor *actor = actor_new(heap, 1);
        assert_null(nothing);
        gc_set_steal(&actor, actor_new(heap, 2));
        assert_story(world, "F1 D1 ");
    }
    assert_story(world, "F2 D2 ");
}

static void automatic_variable_is_dropped_whichever_way_its_scope_is_left(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (unsigned i = 0; i < 3; i++) {
        OURO_AUTO struct leaf *leaf = leaf_new(heap, i);
        if (i == 0) {
            continue;
        }
        if (leaf->id == 1) {
            break;
        }
    }
    assert_story(world, "L0 L1 ");
}

static void only_reference_is_unique(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    assert_true(gc_is_unique(node));
    gc_incref(node);
    assert_false(gc_is_unique(node));
    gc_decref(node);
    assert_true(gc_is_unique(node));
    gc_decref(node);
}

static void immortal_object_is_not_unique(void **state)
{
    struct world *world = *state;
    world->leftovers = true;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_make_immortal(node);
    assert_false(gc_is_unique(node));
}

static void try_incref_takes_a_reference_to_the_living(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    assert_true(gc_try_incref(node));
    assert_int_equal(gc_refcount(node), 2);
    gc_decref(node);
    gc_decref(node);
}

/* A registry of pointers that are not counted, which destroy strikes out. */
static void look_into_the_registry(struct world *world, struct actor *actor)
{
    struct actor **registry = world->note;
    expect(world, !gc_try_incref(registry[actor->id]));
    expect(world, !gc_try_incref(registry[1])); /* waits in the queue, or is at it */
}

static void strike_out(struct world *world, struct actor *actor)
{
    struct actor **registry = world->note;
    expect(world, !gc_try_incref(actor));
    registry[actor->id] = NULL;
}

static void try_incref_refuses_the_dying(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *registry[2] = { actor_new(heap, 0), actor_new(heap, 1) };
    gc_set_steal(&registry[0]->left, registry[1]);
    world->note = registry;
    world->on_destroy = strike_out;
    assert_true(gc_try_incref(registry[1]));
    gc_decref(registry[1]);
    gc_decref(registry[0]);
    assert_null(registry[0]);
    assert_null(registry[1]);
}

static void try_incref_refuses_what_waits_for_its_death(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *registry[3] = { actor_new(heap, 0), actor_new(heap, 1), actor_new(heap, 2) };
    struct actor *first = registry[1];
    gc_set(&first->left, registry[2]);
    gc_set_steal(&registry[0]->left, first);
    world->note = registry;
    world->on_destroy = strike_out;
    gc_drop_references(registry[0]);
    assert_story(world, "F1 D1 ");
    world->on_finalize = look_into_the_registry;
    registry[1] = registry[2];
    gc_decref(registry[2]);
    assert_story(world, "F2 D2 ");
    registry[1] = registry[0];
    gc_decref(registry[0]);
}

static void try_incref_of_garbage_fails_once_clearing_has_begun(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 0);
    struct actor *registry[2] = { actor, actor->left };
    assert_true(gc_try_incref(actor)); /* it is unreachable, but nobody has looked */
    gc_decref(actor);
    world->note = registry;
    world->on_destroy = strike_out;
    assert_int_equal(gc_collect(heap), 2);
    assert_null(registry[0]);
    assert_null(registry[1]);
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
        world_test(finalizer_of_the_old_value_reads_the_new_one_in_the_slot),
        world_test(finalizer_of_the_old_value_may_set_the_slot_again),
        world_test(automatic_variable_is_dropped_at_the_end_of_its_scope),
        world_test(automatic_variables_are_dropped_in_reverse_order),
        world_test(automatic_variable_may_hand_its_reference_on),
        world_test(automatic_variable_may_hold_nothing_or_something_else),
        world_test(automatic_variable_is_dropped_whichever_way_its_scope_is_left),
        world_test(only_reference_is_unique),
        world_test(immortal_object_is_not_unique),
        world_test(try_incref_takes_a_reference_to_the_living),
        world_test(try_incref_refuses_the_dying),
        world_test(try_incref_refuses_what_waits_for_its_death),
        world_test(try_incref_of_garbage_fails_once_clearing_has_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
