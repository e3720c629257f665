/* SPDX-License-Identifier: MIT */
/* Weak references: what they read and when they call back, when their objects die by count, in a
 * collection, and with the heap. */

#include "../support.h"

/* Making and reading
 * ================== */

static void weak_reference_leads_to_its_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = plain_weak(node);
    void *object = gc_weak_get(weak);
    assert_ptr_equal(object, node);
    gc_decref(object);
    gc_decref(weak);
    gc_decref(node);
}

static void weak_reference_counts_no_reference(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = plain_weak(node), *other = weak_with_callback(node, 1);
    assert_int_equal(gc_refcount(node), 1);
    assert_true(gc_is_unique(node));
    gc_decref(other);
    gc_decref(weak);
    assert_int_equal(gc_refcount(node), 1);
    gc_decref(node);
}

static void get_returns_a_new_reference(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = plain_weak(node);
    struct node *object = gc_weak_get(weak);
    assert_int_equal(gc_refcount(node), 2);
    gc_decref(node);
    assert_live(heap, 2);
    assert_ptr_equal(weak_peek(weak), object);
    gc_decref(object);
    assert_null(gc_weak_get(weak));
    gc_decref(weak);
}

static void weak_reference_to_a_dead_object_reads_null(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_weak *weak = plain_weak(actor);
    gc_decref(actor);
    assert_null(gc_weak_get(weak));
    assert_null(gc_weak_get(weak));
    gc_decref(weak);
}

static void weak_reference_does_not_read_what_is_born_in_the_same_place(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    const void *place = node;
    gc_weak *weak = plain_weak(node);
    gc_decref(node);
    node = node_new(heap);
    assert_ptr_equal(node, place);
    assert_null(gc_weak_get(weak));
    gc_weak *other = plain_weak(node);
    assert_ptr_not_equal(other, weak);
    assert_ptr_equal(weak_peek(other), node);
    gc_decref(weak);
    gc_decref(other);
    gc_decref(node);
}

static void objects_of_every_kind_can_be_referred_to_weakly(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    void *objects[] = { node_new(heap),
                        leaf_new(heap, 1),
                        tuple_new(heap, 3),
                        gc_new_var(heap, &string_type, 10),
                        actor_new(heap, 2),
                        gc_new_var(heap, &string_type, 100000),
                        gc_new_var(heap, &string_type, 3000000) };
    enum { COUNT = sizeof(objects) / sizeof(objects[0]) };
    gc_weak *weak[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        assert_non_null(objects[i]);
        weak[i] = weak_with_callback(objects[i], i);
        assert_ptr_equal(weak_peek(weak[i]), objects[i]);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        gc_decref(objects[i]);
        assert_null(gc_weak_get(weak[i]));
        gc_decref(weak[i]);
    }
    assert_story(world, "W0 W1 L1 W2 W3 F2 W4 D2 W5 W6 ");
}

static void weak_references_without_callback_are_shared(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_weak *first = plain_weak(a), *second = plain_weak(a), *other = plain_weak(b);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, other);
    assert_int_equal(gc_refcount(first), 2);
    gc_decref(first);
    assert_ptr_equal(weak_peek(second), a);
    gc_decref(second);
    gc_decref(other);
    gc_decref(a);
    gc_decref(b);
}

static void shared_weak_reference_that_died_is_made_anew(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(plain_weak(node));
    gc_weak *weak = plain_weak(node);
    assert_int_equal(gc_refcount(weak), 1);
    assert_ptr_equal(weak_peek(weak), node);
    gc_decref(weak);
    gc_decref(node);
}

static void weak_references_with_callback_are_not_shared(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *first = weak_with_callback(node, 1), *second = weak_with_callback(node, 1),
            *plain = plain_weak(node);
    assert_ptr_not_equal(first, second);
    assert_ptr_not_equal(first, plain);
    gc_decref(node);
    assert_story(world, "W1 W1 ");
    gc_decref(first);
    gc_decref(second);
    gc_decref(plain);
}

static void shared_weak_reference_may_come_after_those_with_callback(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *first = weak_with_callback(node, 1), *plain = plain_weak(node),
            *second = weak_with_callback(node, 2);
    assert_ptr_equal(plain_weak(node), plain);
    gc_decref(plain);
    assert_sound(heap);
    gc_decref(node);
    assert_story(world, "W2 W1 ");
    assert_null(gc_weak_get(plain));
    gc_decref(first);
    gc_decref(second);
    gc_decref(plain);
}

static void weak_reference_may_be_referred_to_weakly(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = plain_weak(node), *above = weak_with_callback(weak, 1);
    assert_ptr_equal(weak_peek(above), weak);
    gc_decref(weak);
    assert_story(world, "W1 ");
    assert_null(gc_weak_get(above));
    gc_decref(above);
    gc_decref(node);
}

static void immortal_object_is_read_for_ever(void **state)
{
    struct world *world = *state;
    world->leftovers = true;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = weak_with_callback(node, 1);
    gc_make_immortal(node);
    gc_decref(node);
    (void)gc_collect(heap);
    assert_ptr_equal(weak_peek(weak), node);
    assert_story(world, "");
    gc_decref(weak);
}

static void weak_reference_to_a_dead_object_cannot_be_made(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(node);
    assert_null(gc_weak_new(node, NULL, NULL));
    expect_panic(world, "node");
    assert_null(gc_weak_new(node, weak_called, NULL));
    expect_panic(world, "node");
}

static void collection_keeps_weak_references_to_the_living(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *plain = plain_weak(node), *weak = weak_with_callback(node, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gc_collect(heap), 0);
        assert_ptr_equal(weak_peek(plain), node);
        assert_ptr_equal(weak_peek(weak), node);
    }
    assert_story(world, "");
    gc_decref(node);
    gc_decref(plain);
    gc_decref(weak);
}

static void weak_reference_to_its_own_holder_makes_no_circle(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *parent = node_new(heap), *child = node_new(heap);
    gc_set_steal(&parent->left, child);
    gc_set_steal(&child->left, plain_weak(parent));
    gc_decref(parent);
    assert_live(heap, 0);
}

/* Death by count
 * ============== */

static void callback_runs_when_the_last_reference_goes(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = weak_with_callback(node, 1);
    gc_incref(node);
    gc_decref(node);
    assert_story(world, "");
    gc_decref(node);
    assert_story(world, "W1 ");
    gc_decref(weak);
}

static void callback_gets_its_weak_reference_and_argument(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *first = weak_with_callback(node, 7), *second = weak_with_callback(node, 8);
    gc_decref(node);
    assert_story(world, "W8 W7 ");
    gc_decref(first);
    gc_decref(second);
}

static void callbacks_run_newest_first(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak[5];
    for (unsigned i = 0; i < 5; i++) {
        weak[i] = weak_with_callback(node, i);
    }
    gc_decref(weak[2]);
    gc_decref(node);
    assert_story(world, "W4 W3 W1 W0 ");
    for (unsigned i = 0; i < 5; i++) {
        if (i != 2) {
            gc_decref(weak[i]);
        }
    }
}

static void expect_all_dead(struct world *world, gc_weak *weak, unsigned id)
{
    gc_weak **all = world->note;
    (void)weak;
    (void)id;
    for (int i = 0; i < 3; i++) {
        expect(world, gc_weak_get(all[i]) == NULL);
    }
}

static void all_weak_references_are_dead_before_the_first_callback(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *all[] = { plain_weak(node), weak_with_callback(node, 1), weak_with_callback(node, 2) };
    world->note = all;
    world->on_weak = expect_all_dead;
    gc_decref(node);
    assert_story(world, "W2 W1 ");
    for (int i = 0; i < 3; i++) {
        gc_decref(all[i]);
    }
}

static void callback_runs_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = weak_with_callback(node, 1);
    gc_decref(node);
    (void)gc_collect(heap);
    gc_decref(weak);
    assert_story(world, "W1 ");
}

static void weak_reference_that_dies_first_does_not_call_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(weak_with_callback(node, 1));
    gc_decref(node);
    assert_story(world, "");
}

static void drop_the_note(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    gc_clear(&world->note);
}

static void callback_that_drops_the_next_weak_reference_keeps_it_from_calling(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *first = weak_with_callback(node, 1);
    world->note = weak_with_callback(node, 2);
    gc_weak *third = weak_with_callback(node, 3);
    world->on_weak = drop_the_note;
    gc_decref(node);
    assert_story(world, "W3 W1 ");
    gc_decref(first);
    gc_decref(third);
}

static void callback_may_drop_its_own_weak_reference(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    world->note = weak_with_callback(node, 1);
    world->on_weak = drop_the_note;
    gc_decref(node);
    assert_story(world, "W1 ");
    assert_live(heap, 0);
}

static void callback_may_use_the_heap(struct world *world, gc_weak *weak, unsigned id)
{
    gc_heap *heap = gc_heap_of(weak);
    struct node *node = gc_new(heap, &node_type);
    gc_weak *other = gc_weak_new(node, NULL, NULL);
    drop_a_node_circle(heap);
    expect(world, gc_collect(heap) == 2);
    expect(world, gc_check(heap));
    void *read = weak_peek(other);
    expect(world, id == 1 && read == node);
    gc_decref(node);
    expect(world, gc_weak_get(other) == NULL);
    gc_decref(other);
}

static void callback_may_allocate_refer_drop_and_collect(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = weak_with_callback(node, 1);
    world->on_weak = callback_may_use_the_heap;
    gc_decref(node);
    assert_story(world, "W1 ");
    gc_decref(weak);
    assert_live(heap, 0);
}

static void child_that_dies_with_its_holder_calls_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap), *child = node_new(heap);
    gc_weak *weak = weak_with_callback(child, 1);
    gc_set_steal(&node->left, child);
    gc_decref(node);
    assert_story(world, "W1 ");
    gc_decref(weak);
}

static void expect_children(struct world *world, struct actor *actor)
{
    expect(world, actor->left != NULL);
}

static void expect_nothing_dropped(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    expect(world, id == 1 && world->destroyed == 0 && gc_refcount(world->note) == 2);
}

static void callbacks_run_after_the_finalizer_and_before_references_are_dropped(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1), *child = actor_new(heap, 2);
    gc_set(&actor->left, child);
    gc_weak *weak = weak_with_callback(actor, 1);
    world->note = child;
    world->on_finalize = expect_children;
    world->on_weak = expect_nothing_dropped;
    gc_decref(actor);
    assert_story(world, "F1 W1 D1 ");
    gc_decref(weak);
    world->on_finalize = NULL;
    gc_decref(child);
}

static void expect_unreadable(struct world *world, struct actor *actor)
{
    expect(world, gc_refcount(actor) == 1);
    expect(world, gc_weak_get(world->note) == NULL);
    expect(world, !gc_try_incref(actor));
}

static void dying_object_is_not_read_in_its_finalizer(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_weak *weak = plain_weak(actor);
    world->note = weak;
    world->on_finalize = expect_unreadable;
    gc_decref(actor);
    assert_story(world, "F1 D1 ");
    gc_decref(weak);
}

static void dying_object_is_not_read_in_its_destroy(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_weak *weak = plain_weak(actor);
    world->note = weak;
    world->on_destroy = expect_unreadable;
    gc_decref(actor);
    gc_decref(weak);
}

static void expect_the_queued_unreadable(struct world *world, struct actor *actor)
{
    gc_weak *weak = world->note;
    if (actor->id == 1) {
        gc_clear(&actor->left);
        expect(world, gc_weak_get(weak) == NULL);
        expect(world, world->destroyed == 0);
    }
}

static void object_that_waits_in_the_queue_is_not_read(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1), *child = actor_new(heap, 2);
    gc_weak *weak = plain_weak(child);
    world->note = weak;
    world->on_finalize = expect_the_queued_unreadable;
    gc_set_steal(&actor->left, child);
    gc_decref(actor);
    assert_story(world, "F1 D1 F2 D2 ");
    gc_decref(weak);
}

static void resurrect_the_first(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        world->note = gc_newref(actor);
    }
}

static void object_resurrected_at_count_zero_keeps_its_weak_references(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_weak *plain = plain_weak(actor), *weak = weak_with_callback(actor, 1);
    world->on_finalize = resurrect_the_first;
    gc_decref(actor);
    assert_story(world, "F1 ");
    assert_ptr_equal(weak_peek(plain), actor);
    assert_ptr_equal(weak_peek(weak), actor);
    assert_ptr_equal(plain_weak(actor), plain);
    gc_decref(plain);
    gc_clear(&world->note);
    assert_story(world, "W1 D1 ");
    assert_null(gc_weak_get(plain));
    gc_decref(plain);
    gc_decref(weak);
}

static void make_a_weak_reference_to_self(struct world *world, struct actor *actor)
{
    world->memo = gc_weak_new(actor, NULL, NULL);
    expect(world, world->memo != NULL && gc_weak_get(world->memo) == NULL);
}

static void weak_reference_made_in_a_finalizer_dies_with_its_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = make_a_weak_reference_to_self;
    gc_decref(actor_new(heap, 1));
    assert_null(gc_weak_get(world->memo));
    assert_sound(heap);
    gc_clear(&world->memo);
}

static void make_one_and_resurrect(struct world *world, struct actor *actor)
{
    make_a_weak_reference_to_self(world, actor);
    resurrect_the_first(world, actor);
}

static void weak_reference_made_in_a_finalizer_that_resurrects_is_good(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = make_one_and_resurrect;
    gc_decref(actor_new(heap, 1));
    assert_non_null(world->note);
    assert_ptr_equal(weak_peek(world->memo), world->note);
    gc_clear(&world->note);
    assert_null(gc_weak_get(world->memo));
    gc_clear(&world->memo);
}

static void weak_reference_made_in_destroy_reads_null(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_destroy = make_a_weak_reference_to_self;
    gc_decref(actor_new(heap, 1));
    assert_null(gc_weak_get(world->memo));
    assert_sound(heap);
    struct actor *other = actor_new(heap, 2); /* in the same place */
    assert_null(gc_weak_get(world->memo));
    world->on_destroy = NULL;
    gc_decref(other);
    gc_clear(&world->memo);
}

static void drop_the_memo_and_make_another(struct world *world, struct actor *actor)
{
    if (actor->id == 2) {
        struct node *node = world->note;
        gc_weak *old = world->memo;
        gc_clear(&world->memo); /* it waits in the queue now */
        world->memo = gc_weak_new(node, NULL, NULL);
        expect(world, world->memo != old && weak_peek(world->memo) == node);
    }
}

static void shared_weak_reference_that_is_dying_is_not_handed_out(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    world->note = node;
    world->memo = plain_weak(node);
    world->on_finalize = drop_the_memo_and_make_another;
    gc_decref(actor_new(heap, 2));
    assert_ptr_equal(weak_peek(world->memo), node);
    gc_decref(node);
    assert_null(gc_weak_get(world->memo));
    gc_clear(&world->memo);
}

static gc_config eager(void)
{
    gc_config config = { .thresholds.young_objects = 1 };
    return config;
}

static void make_the_shared_one(struct world *world, struct actor *actor)
{
    (void)actor;
    if (world->note == NULL) {
        world->note = gc_weak_new(world->memo, NULL, NULL);
    }
}

static void shared_weak_reference_made_while_another_is_being_made_is_the_one(void **state)
{
    struct world *world = *state;
    gc_config config = eager();
    gc_heap *heap = world_new_heap(world, &config);
    struct node *node = node_new(heap);
    world->memo = node;
    (void)gc_disable(heap);
    drop_an_actor_circle(heap, 1);
    world->on_finalize = make_the_shared_one;
    (void)gc_enable(heap);
    gc_weak *weak = plain_weak(node); /* collects, before it is there */
    assert_int_equal(world->finalized, 2);
    assert_ptr_equal(weak, world->note);
    assert_int_equal(gc_refcount(weak), 2);
    assert_sound(heap);
    gc_decref(weak);
    gc_clear(&world->note);
    gc_decref(node);
}

/* Collections
 * =========== */

static void weak_references_to_garbage_are_dead_after_the_collection(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    gc_weak *weak = plain_weak(a), *other = plain_weak(b);
    gc_decref(a);
    gc_decref(b);
    assert_non_null(weak_peek(weak));
    assert_int_equal(gc_collect(heap), 2);
    assert_null(gc_weak_get(weak));
    assert_null(gc_weak_get(other));
    gc_decref(weak);
    gc_decref(other);
    assert_live(heap, 0);
}

static void weak_references_to_old_and_young_garbage_call_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, a);
    gc_set(&b->left, b);
    gc_weak *first = weak_with_callback(a, 1), *second = weak_with_callback(b, 2);
    gc_decref(a);
    assert_int_equal(gc_collect_generation(heap, 0), 1);
    assert_story(world, "W1 ");
    (void)gc_collect(heap);
    gc_decref(b);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_story(world, "");
    assert_int_equal(gc_collect(heap), 1);
    assert_story(world, "W2 ");
    gc_decref(first);
    gc_decref(second);
}

static void unreachable_garbage_is_read_until_it_is_collected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *weak = plain_weak(actor);
    struct actor *again = gc_weak_get(weak);
    assert_ptr_equal(again, actor);
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "");
    gc_decref(again);
    assert_int_equal(gc_collect(heap), 2);
    gc_decref(weak);
}

static void expect_whole_and_read_plain(struct world *world, gc_weak *weak, unsigned id)
{
    struct actor *actor = gc_weak_get(world->note);
    (void)weak;
    (void)id;
    expect(world, actor != NULL && actor->left != NULL && world->finalized == 0);
    gc_xdecref(actor);
}

static void callbacks_run_before_the_finalizers_and_plain_ones_are_good_then(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *plain = plain_weak(actor), *weak = weak_with_callback(actor, 1);
    world->note = plain;
    world->on_weak = expect_whole_and_read_plain;
    assert_int_equal(gc_collect(heap), 2);
    assert_story(world, "W1 F1 F2 D2 D1 ");
    assert_null(gc_weak_get(plain));
    gc_decref(plain);
    gc_decref(weak);
}

static void expect_plain_good_and_callbacks_dead(struct world *world, struct actor *actor)
{
    void *read = weak_peek(world->note);
    expect(world, read != NULL);
    expect(world, gc_weak_get(world->memo) == NULL);
    expect(world, actor->left != NULL);
}

static void plain_weak_references_are_good_in_finalizers(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *plain = plain_weak(actor), *weak = weak_with_callback(actor, 1);
    world->note = plain;
    world->memo = weak;
    world->on_finalize = expect_plain_good_and_callbacks_dead;
    assert_int_equal(gc_collect(heap), 2);
    gc_decref(plain);
    gc_decref(weak);
}

static void expect_note_unreadable(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_weak_get(world->note) == NULL);
    expect(world, gc_weak_get(world->memo) == NULL);
}

static void nothing_is_read_once_clearing_has_begun(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *first = plain_weak(actor), *second = plain_weak(actor->left);
    world->note = first;
    world->memo = second;
    world->on_destroy = expect_note_unreadable;
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->destroyed, 2);
    gc_decref(first);
    gc_decref(second);
}

static void revive_through_the_note(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    world->memo = gc_weak_get(world->note);
}

static void garbage_revived_by_a_callback_lives_on_whole(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    gc_weak *plain = plain_weak(a), *weak = weak_with_callback(b, 1);
    gc_decref(a);
    gc_decref(b);
    world->note = plain;
    world->on_weak = revive_through_the_note;
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "W1 ");
    assert_ptr_equal(world->memo, a);
    assert_ptr_equal(a->left, b);
    assert_ptr_equal(b->left, a);
    assert_int_equal(stats_of(heap).generations[1].resurrected, 2);
    assert_ptr_equal(weak_peek(plain), a);
    assert_sound(heap);
    gc_clear(&world->memo);
    assert_int_equal(gc_collect(heap), 2);
    assert_null(gc_weak_get(plain));
    assert_story(world, "");
    gc_decref(plain);
    gc_decref(weak);
}

static void callback_does_not_run_again_for_what_it_revived(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap);
    gc_set(&a->left, a);
    gc_weak *plain = plain_weak(a), *weak = weak_with_callback(a, 1);
    gc_decref(a);
    world->note = plain;
    world->on_weak = revive_through_the_note;
    (void)gc_collect(heap);
    gc_clear(&world->memo);
    (void)gc_collect(heap);
    assert_story(world, "W1 ");
    assert_live(heap, 2);
    gc_decref(plain);
    gc_decref(weak);
}

static void what_finalizers_resurrected_keeps_its_plain_weak_references(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *first = plain_weak(actor), *second = plain_weak(actor->left);
    world->on_finalize = resurrect_the_first;
    assert_int_equal(gc_collect(heap), 0);
    assert_ptr_equal(weak_peek(first), actor);
    assert_ptr_equal(weak_peek(second), actor->left);
    gc_clear(&world->note);
    assert_int_equal(gc_collect(heap), 2);
    assert_null(gc_weak_get(first));
    assert_null(gc_weak_get(second));
    gc_decref(first);
    gc_decref(second);
}

static void callbacks_of_what_finalizers_resurrect_have_run(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *weak = weak_with_callback(actor, 9);
    world->on_finalize = resurrect_the_first;
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "W9 F1 F2 ");
    assert_null(gc_weak_get(weak));
    gc_decref(weak);
    gc_clear(&world->note);
    assert_int_equal(gc_collect(heap), 2);
}

static void weak_reference_in_the_garbage_does_not_call_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap);
    gc_set(&a->left, a);
    gc_set_steal(&a->right, weak_with_callback(a, 1));
    gc_decref(a);
    assert_int_equal(gc_collect(heap), 2); /* a weak reference with callback is a container */
    assert_story(world, "");
    assert_live(heap, 0);
}

static void weak_reference_in_the_garbage_to_the_living_does_not_call_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *living = node_new(heap);
    gc_set(&a->left, a);
    gc_set_steal(&a->right, weak_with_callback(living, 1));
    gc_decref(a);
    (void)gc_collect(heap);
    gc_decref(living);
    assert_story(world, "");
    assert_live(heap, 0);
}

static void drop_the_memo(struct world *world, struct actor *actor)
{
    (void)actor;
    gc_clear(&world->memo);
}

static void weak_reference_in_the_garbage_does_not_call_back_in_the_collection_either(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    world->memo = node_new(heap);
    gc_set_steal(&actor->right, weak_with_callback(world->memo, 1));
    world->on_finalize = drop_the_memo;
    (void)gc_collect(heap);
    assert_story(world, "F1 F2 D2 D1 ");
    assert_live(heap, 0);
}

static void resurrected_weak_reference_to_what_is_garbage_still_calls_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    struct node *node = node_new(heap);
    gc_set(&actor->left, actor);
    gc_set_steal(&node->left, gc_newref(node));
    gc_set_steal(&actor->right, weak_with_callback(node, 5));
    gc_decref(actor);
    gc_decref(node);
    world->on_finalize = resurrect_the_first;
    assert_int_equal(gc_collect(heap), 1);
    assert_story(world, "F1 W5 ");
    gc_clear(&world->note);
    assert_int_equal(gc_collect(heap), 2);
}

static void resurrected_weak_reference_to_what_is_resurrected_is_good(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *weak = weak_with_callback(actor, 5);
    gc_set_steal(&actor->right, weak);
    world->on_finalize = resurrect_the_first;
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "F1 F2 ");
    assert_ptr_equal(weak_peek(weak), actor);
    gc_clear(&world->note);
    assert_int_equal(gc_collect(heap), 3);
    assert_story(world, "D2 D1 ");
}

static void all_that_call_back_in_a_collection_are_dead_before_the_first_does(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    gc_weak *all[] = { weak_with_callback(a, 1), weak_with_callback(b, 2),
                       weak_with_callback(a, 3) };
    gc_decref(a);
    gc_decref(b);
    world->note = all;
    world->on_weak = expect_all_dead;
    assert_int_equal(gc_collect(heap), 2);
    assert_story(world, "W3 W1 W2 ");
    for (int i = 0; i < 3; i++) {
        gc_decref(all[i]);
    }
}

static void callback_in_a_collection_that_drops_the_next_keeps_it_from_calling(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap);
    gc_set(&a->left, a);
    gc_weak *first = weak_with_callback(a, 1);
    world->note = weak_with_callback(a, 2);
    gc_weak *third = weak_with_callback(a, 3);
    gc_decref(a);
    world->on_weak = drop_the_note;
    (void)gc_collect(heap);
    assert_story(world, "W3 W1 ");
    gc_decref(first);
    gc_decref(third);
}

static void expect_nested_returns_0(struct world *world, gc_weak *weak, unsigned id)
{
    (void)id;
    expect(world, gc_collect(gc_heap_of(weak)) == 0);
    drop_a_node_circle(gc_heap_of(weak));
    expect(world, gc_check(gc_heap_of(weak)));
}

static void nested_collection_in_a_callback_returns_0(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap);
    gc_set(&a->left, a);
    gc_weak *weak = weak_with_callback(a, 1);
    gc_decref(a);
    world->on_weak = expect_nested_returns_0;
    assert_int_equal(gc_collect(heap), 1);
    assert_int_equal(gc_collect(heap), 2);
    gc_decref(weak);
}

static void break_the_circle(struct world *world, gc_weak *weak, unsigned id)
{
    struct actor *actor = gc_weak_get(world->note);
    (void)weak;
    (void)id;
    expect(world, actor != NULL);
    gc_clear(&actor->left);
    gc_decref(actor);
}

static void callback_may_break_the_circle_itself(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *plain = plain_weak(actor), *weak = weak_with_callback(actor->left, 1);
    world->note = plain;
    world->on_weak = break_the_circle;
    assert_int_equal(gc_collect(heap), 2);
    assert_live(heap, 2);
    assert_int_equal(world->destroyed, 2);
    gc_decref(plain);
    gc_decref(weak);
}

static void leaf_that_dies_with_garbage_calls_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 4);
    gc_weak *weak = weak_with_callback(leaf, 1);
    gc_set(&a->left, a);
    gc_set_steal(&a->right, leaf);
    gc_decref(a);
    assert_int_equal(gc_collect(heap), 1);
    assert_story(world, "W1 L4 ");
    gc_decref(weak);
}

static void make_one_with_callback(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        world->memo = gc_weak_new(actor, weak_called, (void *)(uintptr_t)3);
        void *read = weak_peek(world->memo);
        expect(world, read == actor);
    }
}

static void weak_reference_made_by_a_finalizer_in_a_collection_calls_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    drop_an_actor_circle(heap, 1);
    world->on_finalize = make_one_with_callback;
    assert_int_equal(gc_collect(heap), 2);
    assert_story(world, "F1 F2 W3 D2 D1 ");
    assert_null(gc_weak_get(world->memo));
    gc_clear(&world->memo);
}

/* A type whose clear does what the test wants. */
struct thing {
    gc_object object;
    struct thing *next;
};
static void thing_clear(gc_object *self)
{
    struct world *world = world_of(self);
    if (world->memo == NULL) {
        world->memo = gc_weak_new(self, weak_called, (void *)(uintptr_t)8);
        expect(world, world->memo != NULL);
        expect(world, !gc_try_incref(self));
    }
    expect(world, gc_weak_get(world->memo) == NULL);
}
static const gc_type thing_type = {
    .name = "thing",
    .size = sizeof(struct thing),
    .refs = OURO_REFS(struct thing, next),
    .clear = thing_clear,
};

static void weak_reference_made_in_clear_reads_null(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct thing *thing = gc_new(heap, &thing_type);
    gc_set_steal(&thing->next, thing);
    assert_int_equal(gc_collect(heap), 1);
    assert_story(world, "W8 ");
    assert_null(gc_weak_get(world->memo));
    gc_clear(&world->memo);
}

/* Nobody can break a circle of these. */
static void stubborn_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct thing *)(void *)self)->next);
}
static const gc_type stubborn_type = {
    .name = "stubborn",
    .size = sizeof(struct thing),
    .traverse = stubborn_traverse,
};

static const gc_type stubborn_maker_type = {
    .name = "stubborn maker",
    .size = sizeof(struct thing),
    .traverse = stubborn_traverse,
    .clear = thing_clear,
};

static void weak_reference_made_in_the_clear_of_what_stays_reads_null_for_ever(void **state)
{
    struct world *world = *state;
    world->leftovers = true;
    gc_heap *heap = world_new_heap(world, NULL);
    struct thing *thing = gc_new(heap, &stubborn_maker_type);
    gc_set_steal(&thing->next, thing);
    assert_int_equal(gc_collect(heap), 1);
    assert_int_equal(stats_of(heap).generations[1].uncollectable, 1);
    assert_story(world, "W8 ");
    assert_null(gc_weak_get(world->memo));
    world_free_heap(world);
}

static void uncollectable_garbage_loses_its_weak_references(void **state)
{
    struct world *world = *state;
    world->leftovers = true;
    gc_heap *heap = world_new_heap(world, NULL);
    struct thing *thing = gc_new(heap, &stubborn_type);
    gc_weak *plain = plain_weak(thing), *weak = weak_with_callback(thing, 1);
    gc_set_steal(&thing->next, thing);
    assert_int_equal(gc_collect(heap), 1);
    assert_int_equal(stats_of(heap).generations[1].uncollectable, 1);
    assert_story(world, "W1 ");
    assert_null(gc_weak_get(plain));
    assert_int_equal(gc_collect(heap), 1);
    assert_story(world, "");
    gc_decref(plain);
    gc_decref(weak);
}

/* A type whose traverse keeps quiet about a reference. */
static void sly_traverse(gc_object *self, gc_visitor *visitor)
{
    (void)self;
    (void)visitor;
}
static void sly_clear(gc_object *self)
{
    gc_clear(&((struct thing *)(void *)self)->next);
}
static const gc_type sly_type = {
    .name = "sly",
    .size = sizeof(struct thing),
    .traverse = sly_traverse,
    .clear = sly_clear,
};

static void hidden_reference_leaks_and_weak_references_stay_good(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct thing *sly = gc_new(heap, &sly_type);
    gc_weak *weak = weak_with_callback(sly, 1);
    gc_set_steal(&sly->next, sly);
    assert_int_equal(gc_collect(heap), 0);
    assert_ptr_equal(weak_peek(weak), sly);
    gc_drop_references(sly);
    assert_story(world, "W1 ");
    gc_decref(weak);
}

static void hidden_weak_reference_calls_back_before_anything_is_cleared(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    struct thing *sly = gc_new(heap, &sly_type);
    gc_weak *plain = plain_weak(actor);
    sly->next = (void *)weak_with_callback(actor, 1);
    gc_set_steal(&actor->right, sly);
    world->note = plain;
    world->on_weak = expect_whole_and_read_plain;
    assert_int_equal(gc_collect(heap), 3);
    assert_story(world, "W1 F1 F2 D2 D1 ");
    gc_decref(plain);
}

static void garbage_that_is_watched_and_garbage_that_is_not_go_together(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak *weak[100];
    for (unsigned i = 0; i < 1000; i++) {
        struct node *node = node_new(heap);
        gc_set(&node->left, node);
        if (i % 10 == 0) {
            weak[i / 10] = i % 20 == 0 ? plain_weak(node) : weak_with_callback(node, 1);
        }
        gc_decref(node);
    }
    assert_int_equal(gc_collect(heap), 1000);
    assert_int_equal(strlen(world->story), 150);
    for (unsigned i = 0; i < 100; i++) {
        assert_null(gc_weak_get(weak[i]));
        gc_decref(weak[i]);
    }
}

static void looking_at_garbage_changes_no_weak_reference(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *plain = plain_weak(actor), *weak = weak_with_callback(actor, 1);
    struct seen seen = { 0 };
    assert_int_equal(gc_unreachable(heap, seen_add, &seen), 0);
    assert_int_equal(seen.count, 2);
    assert_story(world, "");
    assert_ptr_equal(weak_peek(plain), actor);
    assert_ptr_equal(weak_peek(weak), actor);
    gc_decref(plain);
    gc_decref(weak);
}

static int read_the_note(void *object, void *arg)
{
    struct world *world = arg;
    (void)object;
    expect(world, weak_peek(world->note) != NULL);
    return 0;
}

static void garbage_is_read_while_it_is_only_looked_at(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_weak *plain = plain_weak(actor);
    world->note = plain;
    (void)gc_unreachable(heap, read_the_note, world);
    assert_sound(heap);
    gc_decref(plain);
}

static void weak_references_are_no_referrers(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *plain = plain_weak(node), *weak = weak_with_callback(node, 1);
    struct seen seen = { 0 };
    (void)gc_referrers(heap, node, seen_add, &seen);
    (void)gc_referents(weak, seen_add, &seen);
    assert_int_equal(seen.count, 0);
    gc_decref(node);
    gc_decref(plain);
    gc_decref(weak);
}

/* Many
 * ==== */

static void a_million_weak_references_to_one_object_are_made_and_dropped(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t count = scaled(1000000);
    gc_weak **weak = malloc(count * sizeof(*weak));
    assert_non_null(weak);
    struct node *node = node_new(heap);
    for (size_t i = 0; i < count; i++) {
        weak[i] = weak_with_callback(node, 1);
    }
    for (size_t i = 0; i < count; i += 2) {
        gc_decref(weak[i]);
    }
    for (size_t i = 1; i < count; i += 2) {
        gc_decref(weak[i]);
    }
    free(weak);
    assert_live(heap, 1);
    gc_decref(node);
    assert_story(world, "");
}

static void count_a_call(gc_weak *weak, void *arg)
{
    (void)weak;
    ++*(size_t *)arg;
}

static void a_million_weak_references_to_one_object_call_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t count = scaled(1000000), calls = 0;
    gc_weak **weak = malloc(count * sizeof(*weak));
    assert_non_null(weak);
    struct node *node = node_new(heap);
    gc_set(&node->left, node);
    for (size_t i = 0; i < count; i++) {
        weak[i] = gc_weak_new(node, count_a_call, &calls);
        assert_non_null(weak[i]);
    }
    gc_decref(node);
    (void)gc_collect(heap);
    assert_int_equal(calls, count);
    for (size_t i = 0; i < count; i++) {
        gc_decref(weak[i]);
    }
    free(weak);
}

static void a_million_objects_have_a_weak_reference_each(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t count = scaled(1000000);
    struct node **nodes = malloc(count * sizeof(*nodes));
    gc_weak **weak = malloc(count * sizeof(*weak));
    assert_true(nodes != NULL && weak != NULL);
    for (size_t i = 0; i < count; i++) {
        nodes[i] = node_new(heap);
        weak[i] = plain_weak(nodes[i]);
    }
    assert_sound(heap);
    for (size_t i = 0; i < count; i++) {
        if (weak_peek(weak[i]) != nodes[i]) {
            fail();
        }
        gc_decref(nodes[i]);
        if (gc_weak_get(weak[i]) != NULL) {
            fail();
        }
    }
    assert_sound(heap);
    for (size_t i = 0; i < count; i++) {
        gc_decref(weak[i]);
    }
    free(nodes);
    free(weak);
}

static void memory_of_the_table_is_trimmed_when_nothing_is_referred_to(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(plain_weak(node));
    gc_decref(node);
    (void)gc_heap_trim(heap); /* what is left now are the heap's own books */
    uint64_t before = stats_of(heap).bytes_reserved;
    node = node_new(heap);
    uint64_t with_node = stats_of(heap).bytes_reserved;
    gc_weak *weak = plain_weak(node);
    assert_true(stats_of(heap).bytes_reserved > with_node);
    assert_int_equal(stats_of(heap).bytes_reserved, world->pages.bytes);
    gc_decref(weak);
    gc_decref(node);
    uint64_t reserved = stats_of(heap).bytes_reserved;
    assert_int_equal(gc_heap_trim(heap), reserved - before);
    assert_int_equal(stats_of(heap).bytes_reserved, before);
}

static void weak_references_are_on_record_at_their_line(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    gc_weak *weak = gc_weak_new(node, NULL, NULL);
    assert_non_null(strstr(gc_profile_site(weak), "weak.c:"));
    gc_decref(weak);
    gc_decref(node);
}

/* The end of the heap
 * =================== */

static void read_in_the_end(struct world *world, struct actor *actor)
{
    void *read = weak_peek(world->note);
    expect(world, read == actor);
}

static void weak_references_are_good_in_finalizers_at_the_end_of_the_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    world->note = plain_weak(actor);
    world->on_finalize = read_in_the_end;
    world_free_heap(world);
    assert_story(world, "F1 D1 ");
}

static void unreadable_in_the_end(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_weak_get(world->note) == NULL);
}

static void weak_references_are_dead_before_clearing_at_the_end_of_the_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1), *other = actor_new(heap, 2);
    gc_set(&actor->left, other);
    world->note = plain_weak(other);
    gc_make_immortal(world->note);
    world->on_destroy = unreadable_in_the_end;
    world_free_heap(world);
    assert_int_equal(world->destroyed, 2);
}

static void weak_references_do_not_call_back_at_the_end_of_the_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_weak *weak = weak_with_callback(actor, 1);
    (void)weak;
    world_free_heap(world);
    assert_story(world, "F1 D1 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(weak_reference_leads_to_its_object),
        world_test(weak_reference_counts_no_reference),
        world_test(get_returns_a_new_reference),
        world_test(weak_reference_to_a_dead_object_reads_null),
        world_test(weak_reference_does_not_read_what_is_born_in_the_same_place),
        world_test(objects_of_every_kind_can_be_referred_to_weakly),
        world_test(weak_references_without_callback_are_shared),
        world_test(shared_weak_reference_that_died_is_made_anew),
        world_test(weak_references_with_callback_are_not_shared),
        world_test(shared_weak_reference_may_come_after_those_with_callback),
        world_test(weak_reference_may_be_referred_to_weakly),
        world_test(immortal_object_is_read_for_ever),
        world_test(weak_reference_to_a_dead_object_cannot_be_made),
        world_test(collection_keeps_weak_references_to_the_living),
        world_test(weak_reference_to_its_own_holder_makes_no_circle),
        world_test(callback_runs_when_the_last_reference_goes),
        world_test(callback_gets_its_weak_reference_and_argument),
        world_test(callbacks_run_newest_first),
        world_test(all_weak_references_are_dead_before_the_first_callback),
        world_test(callback_runs_once),
        world_test(weak_reference_that_dies_first_does_not_call_back),
        world_test(callback_that_drops_the_next_weak_reference_keeps_it_from_calling),
        world_test(callback_may_drop_its_own_weak_reference),
        world_test(callback_may_allocate_refer_drop_and_collect),
        world_test(child_that_dies_with_its_holder_calls_back),
        world_test(callbacks_run_after_the_finalizer_and_before_references_are_dropped),
        world_test(dying_object_is_not_read_in_its_finalizer),
        world_test(dying_object_is_not_read_in_its_destroy),
        world_test(object_that_waits_in_the_queue_is_not_read),
        world_test(object_resurrected_at_count_zero_keeps_its_weak_references),
        world_test(weak_reference_made_in_a_finalizer_dies_with_its_object),
        world_test(weak_reference_made_in_a_finalizer_that_resurrects_is_good),
        world_test(weak_reference_made_in_destroy_reads_null),
        world_test(shared_weak_reference_that_is_dying_is_not_handed_out),
        world_test(shared_weak_reference_made_while_another_is_being_made_is_the_one),
        world_test(weak_references_to_garbage_are_dead_after_the_collection),
        world_test(weak_references_to_old_and_young_garbage_call_back),
        world_test(unreachable_garbage_is_read_until_it_is_collected),
        world_test(callbacks_run_before_the_finalizers_and_plain_ones_are_good_then),
        world_test(plain_weak_references_are_good_in_finalizers),
        world_test(nothing_is_read_once_clearing_has_begun),
        world_test(garbage_revived_by_a_callback_lives_on_whole),
        world_test(callback_does_not_run_again_for_what_it_revived),
        world_test(what_finalizers_resurrected_keeps_its_plain_weak_references),
        world_test(callbacks_of_what_finalizers_resurrect_have_run),
        world_test(weak_reference_in_the_garbage_does_not_call_back),
        world_test(weak_reference_in_the_garbage_to_the_living_does_not_call_back),
        world_test(weak_reference_in_the_garbage_does_not_call_back_in_the_collection_either),
        world_test(resurrected_weak_reference_to_what_is_garbage_still_calls_back),
        world_test(resurrected_weak_reference_to_what_is_resurrected_is_good),
        world_test(all_that_call_back_in_a_collection_are_dead_before_the_first_does),
        world_test(callback_in_a_collection_that_drops_the_next_keeps_it_from_calling),
        world_test(nested_collection_in_a_callback_returns_0),
        world_test(callback_may_break_the_circle_itself),
        world_test(leaf_that_dies_with_garbage_calls_back),
        world_test(weak_reference_made_by_a_finalizer_in_a_collection_calls_back),
        world_test(weak_reference_made_in_clear_reads_null),
        world_test(weak_reference_made_in_the_clear_of_what_stays_reads_null_for_ever),
        world_test(uncollectable_garbage_loses_its_weak_references),
        world_test(hidden_reference_leaks_and_weak_references_stay_good),
        world_test(hidden_weak_reference_calls_back_before_anything_is_cleared),
        world_test(garbage_that_is_watched_and_garbage_that_is_not_go_together),
        world_test(looking_at_garbage_changes_no_weak_reference),
        world_test(garbage_is_read_while_it_is_only_looked_at),
        world_test(weak_references_are_no_referrers),
        world_test(a_million_weak_references_to_one_object_are_made_and_dropped),
        world_test(a_million_weak_references_to_one_object_call_back),
        world_test(a_million_objects_have_a_weak_reference_each),
        world_test(memory_of_the_table_is_trimmed_when_nothing_is_referred_to),
        world_test(weak_references_are_on_record_at_their_line),
        world_test(weak_references_are_good_in_finalizers_at_the_end_of_the_heap),
        world_test(weak_references_are_dead_before_clearing_at_the_end_of_the_heap),
        world_test(weak_references_do_not_call_back_at_the_end_of_the_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
