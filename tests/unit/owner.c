/* SPDX-License-Identifier: MIT */

/* Garbage that owns a weak reference, and is the argument of its callback, white box.
 *
 * The callback may take a reference to its argument. While the garbage can still be rescued that
 * brings it back whole; once it is past rescue the callback must wait, and is never called if the
 * weak reference dies with its owner. */

#include "cycle_support.h"

/* More than a part has, whose garbage ends in phases of the cycle; and less. */
enum { BIG = 600, SMALL = 20, VERY_LONG = 9000 };

/* A ring of these, of which one owns the weak reference. */
struct owner {
    gc_object object;
    struct owner *next;
    gc_weak *weak;
};

static void owner_destroy(gc_object *self)
{
    world_of(self)->destroyed++;
}

static const gc_type plain_owner_type = {
    .name = "plain owner",
    .size = sizeof(struct owner),
    .refs = OURO_REFS(struct owner, next, weak),
};
static const gc_type owner_type = {
    .name = "owner",
    .size = sizeof(struct owner),
    .refs = OURO_REFS(struct owner, next, weak),
    .destroy = owner_destroy,
};

/* What a callback has taken, and whether it was whole then. */
struct taken {
    void *object;
    unsigned calls;
    bool was_whole;
};

static struct taken *taken_in(struct world *world)
{
    return world->memo;
}

static void take_owner(gc_weak *weak, void *arg)
{
    struct owner *owner = arg;
    struct taken *taken = taken_in(world_of(weak));
    taken->calls++;
    taken->was_whole = owner->next != NULL && owner->weak == weak;
    taken->object = gc_newref(owner);
}

static struct owner *ring_of(gc_heap *heap, const gc_type *type, size_t count)
{
    struct owner *first = gc_new(heap, type), *last = first;
    assert_non_null(first);
    for (size_t i = 1; i < count; i++) {
        last->next = gc_new(heap, type);
        assert_non_null(last->next);
        last = last->next;
    }
    last->next = gc_newref(first);
    return first;
}

static size_t length_of_ring(const struct owner *first)
{
    size_t length = 1;
    for (const struct owner *owner = first->next; owner != first; owner = owner->next) {
        assert_non_null(owner);
        length++;
    }
    return length;
}

/* Drop the target after so many slices, and end the cycle. Returns whether it was over before. */
static bool drop_target_after(gc_heap *heap, struct node *target, unsigned after)
{
    bool is_over = false;
    for (unsigned i = 0; i < after; i++) {
        is_over = !step(heap);
    }
    gc_decref(target);
    step_to_the_end(heap);
    assert_sound(heap);
    return is_over;
}

/* A cycle is about garbage of `count` owners. `before` slices after it has begun to count one of them
 * gets the weak reference, as from a program that moves its last reference to it into the ring, which
 * leaves no trace; what that leads to is dropped after `after` more slices. Returns whether the cycle
 * was over before that. */
static bool play_ring(struct world *world, const gc_type *type, size_t count, unsigned before,
                      unsigned after)
{
    gc_heap *heap = patient_heap_new(world);
    struct taken taken = { .calls = 0 };
    world->memo = &taken;
    struct owner *ring = ring_of(heap, type, count), *middle = ring;
    for (size_t i = 0; i < count / 2; i++) {
        middle = middle->next;
    }
    struct node *target = node_new(heap);
    gc_decref(ring);
    gci_cycle_begin(heap);
    step_to(heap, GCI_PHASE_COUNT);
    for (unsigned i = 0; i < before; i++) {
        assert_true(step(heap));
    }
    middle->weak = gc_weak_new(target, take_owner, middle);
    assert_non_null(middle->weak);
    bool is_over = drop_target_after(heap, target, after);
    assert_true(taken.calls <= 1);
    if (taken.calls == 1) {
        assert_true(taken.was_whole);
        assert_int_equal(length_of_ring(taken.object), count);
        assert_live(heap, count + 1);
        gc_decref(taken.object);
        assert_int_equal(gc_collect(heap), count + 1);
    }
    (void)gc_collect(heap);
    assert_live(heap, 0);
    return is_over;
}

static void play_moments(struct world *world, const gc_type *type, size_t count, unsigned stride)
{
    for (unsigned before = 0; before < 3; before++) {
        for (unsigned after = 0; !play_ring(world, type, count, before, after); after += stride) {
        }
    }
}

static void big_plain_owner_is_whole_or_not_called_for(void **state)
{
    play_moments(*state, &plain_owner_type, BIG, 1);
}

static void big_owner_is_whole_or_not_called_for(void **state)
{
    play_moments(*state, &owner_type, BIG, 7); /* of some 150 */
}

static void small_owner_is_whole_or_not_called_for(void **state)
{
    play_moments(*state, &plain_owner_type, SMALL, 1);
    play_moments(*state, &owner_type, SMALL, 1);
}

/* A tuple that is emptied in slices, by count or as garbage, and owns the weak reference with its last
 * item. It is not whole any more when the first item is gone. */

static void take_tuple(gc_weak *weak, void *arg)
{
    struct tuple *tuple = arg;
    struct taken *taken = taken_in(world_of(weak));
    taken->calls++;
    taken->was_whole = tuple->items[0] != NULL;
    taken->object = gc_try_incref(tuple) ? tuple : NULL;
}

/* The tuple is in a ring with its owner; or it is born in the cycle, and dies by its count when the
 * owner does, which is plain. */
static bool play_tuple(struct world *world, bool in_ring, unsigned after)
{
    gc_heap *heap = patient_heap_new(world);
    struct taken taken = { .calls = 0 };
    world->memo = &taken;
    struct owner *ring = ring_of(heap, in_ring ? &owner_type : &plain_owner_type, SMALL);
    struct tuple *tuple = in_ring ? tuple_new(heap, VERY_LONG) : NULL;
    struct node *target = node_new(heap);
    if (in_ring) {
        tuple->items[0] = gc_newref((struct node *)(void *)ring);
        ring->weak = (gc_weak *)(void *)tuple;
    }
    gc_decref(ring);
    gci_cycle_begin(heap);
    step_to(heap, GCI_PHASE_COUNT);
    if (!in_ring) {
        tuple = tuple_new(heap, VERY_LONG);
        tuple->items[0] = node_new(heap);
        ring->weak = (gc_weak *)(void *)tuple;
    }
    gc_weak *weak = gc_weak_new(target, take_tuple, tuple);
    assert_non_null(weak);
    tuple->items[VERY_LONG - 1] = (struct node *)(void *)weak;
    bool is_over = drop_target_after(heap, target, after);
    assert_true(taken.calls == 0 || taken.was_whole);
    gc_xdecref(taken.object);
    (void)gc_collect(heap);
    assert_live(heap, 0);
    return is_over;
}

static void owner_that_is_emptied_in_slices_is_whole_or_not_called_for(void **state)
{
    for (unsigned in_ring = 0; in_ring < 2; in_ring++) {
        /* The slices of count and mark are many and of no interest here. */
        for (unsigned after = 0; !play_tuple(*state, in_ring != 0, after);
             after += after < 8 ? 8 : 1) {
        }
    }
}

/* At once */

struct dropper {
    gc_object object;
    struct dropper *next;
    gc_weak *weak;
    struct node **target; /* dropped in its clear; or NULL */
};

static void dropper_traverse(gc_object *self, gc_visitor *visitor)
{
    struct dropper *dropper = (struct dropper *)(void *)self;
    gc_visit(visitor, dropper->next);
    gc_visit(visitor, dropper->weak);
}

static void dropper_clear(gc_object *self)
{
    struct dropper *dropper = (struct dropper *)(void *)self;
    if (dropper->target != NULL) {
        gc_clear(dropper->target); /* before the next one dies by its count */
    }
    gc_clear(&dropper->next);
    gc_clear(&dropper->weak);
}

static const gc_type dropper_type = {
    .name = "dropper",
    .size = sizeof(struct dropper),
    .traverse = dropper_traverse,
    .clear = dropper_clear,
};

static void count_call(gc_weak *weak, void *arg)
{
    (void)arg;
    taken_in(world_of(weak))->calls++;
}

/* The weak reference is old, so a young collection does not know that its owner is garbage. */
static void owner_that_is_being_cleared_is_not_called_for(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct taken taken = { .calls = 0 };
    world->memo = &taken;
    struct node *target = node_new(heap);
    gc_weak *owned = gc_weak_new(target, count_call, NULL);
    gc_weak *held = gc_weak_new(target, count_call, NULL);
    (void)gc_collect_generation(heap, 0);
    struct dropper *first = gc_new(heap, &dropper_type), *second = gc_new(heap, &dropper_type);
    assert_non_null(first);
    assert_non_null(second);
    first->next = second;
    second->next = first;
    first->target = &target;
    second->weak = owned;
    assert_int_equal(gc_collect_generation(heap, 0), 2);
    assert_int_equal(taken.calls, 1); /* for the one that is held, when the garbage was gone */
    gc_decref(held);
    assert_live(heap, 0);
}

static struct owner *watched; /* by the weak reference that a finalizer makes */

static void make_weak_in_finalizer(struct world *world, struct actor *actor)
{
    if (actor->right == NULL && watched != NULL) {
        actor->right = (void *)gc_weak_new(watched, take_owner, actor);
        expect(world, actor->right != NULL);
        watched = NULL;
    }
}

static void owner_that_a_late_callback_takes_is_rescued_whole(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct taken taken = { .calls = 0 };
    world->memo = &taken;
    world->on_finalize = make_weak_in_finalizer;
    struct actor *actor = drop_actors(heap, 1, 2);
    struct owner *ring = ring_of(heap, &owner_type, 2);
    watched = ring;
    gc_decref(ring);
    assert_int_equal(gc_collect(heap), 2); /* the ring; the actors were brought back */
    assert_story(world, "F1 F2 ");
    assert_int_equal(taken.calls, 1);
    assert_ptr_equal(taken.object, actor);
    assert_non_null(actor->left);
    assert_ptr_equal(actor->left->left, actor);
    assert_int_equal(stats_of(heap).generations[1].resurrected, 2);
    assert_int_equal(world->destroyed, 2);
    gc_decref(actor);
    assert_int_equal(gc_collect(heap), 3); /* and the weak reference */
    world->on_finalize = NULL;
    world->story[0] = '\0';
}

static void find_the_owner(gc_weak *weak, void *arg)
{
    (void)weak;
    step_to(arg, GCI_PHASE_DROP);
}

/* Both are due when the target dies. The first callback runs the slices that find the owner of the
 * other. A cycle that does not trust touched objects takes the owner for garbage. */
static void owner_that_an_earlier_callback_finds_is_not_called_for(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct taken taken = { .calls = 0 };
    world->memo = &taken;
    struct owner *ring = ring_of(heap, &plain_owner_type, BIG);
    struct node *target = node_new(heap);
    heap->cycle.number = 3; /* the next is the fourth */
    gci_cycle_begin(heap);
    step_to(heap, GCI_PHASE_COUNT);
    ring->weak = gc_weak_new(target, take_owner, ring);
    gc_weak *finder = gc_weak_new(target, find_the_owner, heap); /* the newest is called first */
    gc_decref(ring);
    gc_decref(target);
    assert_int_equal(heap->cycle.phase, GCI_PHASE_DROP);
    step_to_the_end(heap);
    assert_int_equal(taken.calls, 0);
    assert_sound(heap);
    assert_live(heap, 1);
    gc_decref(finder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(big_plain_owner_is_whole_or_not_called_for),
        world_test(big_owner_is_whole_or_not_called_for),
        world_test(small_owner_is_whole_or_not_called_for),
        world_test(owner_that_is_emptied_in_slices_is_whole_or_not_called_for),
        world_test(owner_that_is_being_cleared_is_not_called_for),
        world_test(owner_that_a_late_callback_takes_is_rescued_whole),
        world_test(owner_that_an_earlier_callback_finds_is_not_called_for),
    };
    return cmocka_run_group_tests_name("owner", tests, NULL, NULL);
}
