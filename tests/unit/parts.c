/* SPDX-License-Identifier: MIT */

/* The old generation in slices, white box: the parts in which suspects are examined, what garbage of one
 * does when it ends, and what may happen between two of them. */

#include "cycle_support.h"

/* Parts */

static void begin_parts(gc_heap *heap)
{
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_PARTS);
}

/* The state of a suspect that has been in a part. */
static uint32_t passed(const gc_heap *heap)
{
    return state_of_set(heap) | GCI_SCRATCH;
}

/* The same, as large as a part. */
static struct actor *drop_a_ring_of_actors(gc_heap *heap, unsigned id)
{
    return drop_actors(heap, id, PART_MIN);
}

/* A heap of its own for each turn of a loop: in a fresh one addresses ascend, and so does the order in
 * which parts come by the objects of a page. Of two pages the one taken later comes first. */
static gc_heap *fresh_heap_new(struct world *world)
{
    if (world->heap != NULL) {
        world_free_heap(world);
    }
    return world_new_heap(world, NULL);
}

static void part_that_is_closed_ends_in_its_slice(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept = node_new(heap);
    struct node *rings[5];
    for (size_t i = 0; i < 5; i++) {
        rings[i] = drop_a_ring(heap, PART_MIN);
    }
    begin_parts(heap);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(state_of(rings[i]), state_of_set(heap));
        assert_int_equal(examine_part(heap), PART_MIN);
        assert_int_equal(state_of(rings[i]), GCI_FREE);
        assert_live(heap, 1 + (4 - i) * PART_MIN);
        assert_false(page_of(kept)->in_part);
    }
    assert_int_equal(examine_parts(heap), 0);
    assert_int_equal(heap->cycle.phase, GCI_PHASE_SWEEP);
    run_to(heap, GCI_PHASE_NONE);
    assert_int_equal(finish(heap), 5 * PART_MIN);
    assert_int_equal(heap->cycle.report.suspects, 5 * PART_MIN);
    assert_sound(heap);
    gc_decref(kept);
}

static void part_begins_anew_where_the_last_one_stopped_to_begin(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holders[100];
    for (size_t i = 0; i < 100; i++) {
        holders[i] = node_new(heap);
        gc_set_steal(&holders[i]->left, node_new(heap));
    }
    suspect_what_is_held_by(holders, 100, heap);
    run_to(heap, GCI_PHASE_PARTS);
    size_t seen = 0;
    for (size_t parts = 1; heap->cycle.phase == GCI_PHASE_PARTS; parts++) {
        assert_int_equal(examine_part(heap), 0);
        for (seen = 0; seen < 100 && holders[seen]->left->object.gc == passed(heap);) {
            seen++;
        }
        assert_int_equal(seen, parts * PART_MIN < 100 ? parts * PART_MIN : 100);
    }
    assert_int_equal(seen, 100);
    run_to(heap, GCI_PHASE_RECHECK);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(holders[i]->left->object.gc, state_of_set(heap));
    }
    assert_int_equal(heap->cycle.report.suspects, 100);
    assert_int_equal(finish(heap), 0);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(holders[i]->left->object.gc, heap->old);
        assert_int_equal(gc_refcount(holders[i]->left), 1);
    }
    assert_sound(heap);
    for (size_t i = 0; i < 100; i++) {
        gc_decref(holders[i]);
    }
}

static void part_is_all_that_its_first_members_reach(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *first = drop_a_ring(heap, PART_MIN), *second = drop_a_ring(heap, PART_MIN);
    struct node *third = drop_a_ring(heap, PART_MIN);
    gc_set(&first->right, second);
    gc_set(&second->right, third);
    begin_parts(heap);
    assert_int_equal(examine_part(heap), 3 * PART_MIN);
    assert_int_equal(examine_parts(heap), 0);
    run_to(heap, GCI_PHASE_NONE);
    assert_int_equal(finish(heap), 3 * PART_MIN);
}

static void garbage_that_a_later_part_refers_to_ends_in_the_recheck(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { RINGS = 30 };
    struct node *rings[RINGS];
    for (size_t i = 0; i < RINGS; i++) {
        rings[i] = drop_a_ring(heap, PART_MIN);
        gc_set(&rings[i]->right, i == 0 ? NULL : rings[i - 1]);
    }
    begin_parts(heap);
    for (size_t i = 0; i < RINGS - 1; i++) {
        assert_int_equal(examine_part(heap), 0);
        assert_int_equal(rings[i]->object.gc, passed(heap));
        assert_int_equal(gc_refcount(rings[i]), 2);
    }
    assert_int_equal(examine_part(heap), PART_MIN);
    assert_int_equal(gc_refcount(rings[RINGS - 2]), 1);
    assert_int_equal(examine_parts(heap), 0);
    run_to(heap, GCI_PHASE_RECHECK);
    assert_int_equal(rings[0]->object.gc, state_of_set(heap));
    assert_int_equal(finish(heap), RINGS * PART_MIN);
    assert_live(heap, 0);
    assert_sound(heap);
}

static void part_has_no_more_members_than_there_is_room_for(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (size_t count = PART_MAX - 1; count <= PART_MAX + 1; count++) {
        struct node *ring = drop_a_ring(heap, count);
        begin_parts(heap);
        assert_int_equal(examine_part(heap), count <= PART_MAX ? count : 0);
        if (count > PART_MAX) {
            size_t others = 0;
            struct node *node = ring;
            do {
                others += node->object.gc == state_of_set(heap);
                assert_true(node->object.gc == state_of_set(heap) ||
                            node->object.gc == passed(heap));
                node = node->left;
            } while (node != ring);
            assert_int_equal(others, count - PART_MAX);
        }
        assert_int_equal(examine_parts(heap), 0);
        if (count > PART_MAX) {
            run_to(heap, GCI_PHASE_RECHECK);
        }
        assert_int_equal(finish(heap), count);
        assert_live(heap, 0);
        assert_sound(heap);
    }
}

static void garbage_that_hangs_on_other_garbage_ends_whatever_the_order(void **state)
{
    struct world *world = *state;
    for (unsigned order = 0; order < 2; order++) {
        gc_heap *heap = fresh_heap_new(world);
        struct node *list = order == 0 ? list_new(heap, 1000) : NULL;
        struct node *ring = drop_a_ring(heap, 3);
        list = order == 1 ? list_new(heap, 1000) : list;
        gc_set_steal(&ring->right, list);
        begin_parts(heap);
        (void)examine_parts(heap);
        assert_live(heap, 0); /* the rest of the list has died by its counts */
        run_to(heap, GCI_PHASE_NONE);
        assert_int_equal(finish(heap), order == 0 ? 3 : PART_MAX);
        assert_sound(heap);
    }
}

static void suspects_that_live_are_let_go_of_by_garbage_and_keep_their_counts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 50 };
    struct node *holders[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        holders[i] = node_new(heap);
        gc_set_steal(&holders[i]->left, node_new(heap));
        struct node *ring = drop_a_ring(heap, i % 5 + 1);
        gc_set(&ring->right, holders[i]->left);
        gc_set(&holders[i]->left->right, i > 0 ? holders[i / 2]->left : NULL);
    }
    size_t counts[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        counts[i] = gc_refcount(holders[i]->left) - 1; /* without the garbage */
    }
    suspect_what_is_held_by(holders, COUNT, heap);
    run_to(heap, GCI_PHASE_PARTS);
    assert_int_equal(examine_parts(heap), 3 * COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(gc_refcount(holders[i]->left), counts[i]);
        assert_int_equal(holders[i]->left->object.gc, passed(heap));
    }
    assert_int_equal(finish(heap), 3 * COUNT);
    assert_sound(heap);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(holders[i]->left->object.gc, heap->old);
        gc_decref(holders[i]);
    }
}

static void part_leaves_alone_who_is_young_or_marked(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *marked = node_new(heap), *ring = drop_a_ring(heap, PART_MIN);
    gc_set(&ring->right, marked);
    begin_parts(heap);
    assert_int_equal(marked->object.gc, heap->old);
    struct node *young = node_new(heap);
    gc_set(&ring->left->right, young); /* as through a weak reference */
    assert_int_equal(examine_part(heap), PART_MIN);
    assert_int_equal(marked->object.gc, heap->old);
    assert_int_equal(young->object.gc, GCI_YOUNG);
    assert_int_equal(gc_refcount(marked), 1);
    assert_int_equal(gc_refcount(young), 1);
    (void)finish(heap);
    gc_decref(marked);
    gc_decref(young);
}

/* Suspects die by their counts, come to be held, and refer to each other, between their part and the
 * end, and before it. */
static void suspects_change_between_parts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 60 };
    struct node *holders[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        holders[i] = node_new(heap);
        gc_set_steal(&holders[i]->left, node_new(heap));
        gc_set_steal(&holders[i]->left->left, node_new(heap));
    }
    suspect_what_is_held_by(holders, COUNT, heap);
    run_to(heap, GCI_PHASE_PARTS);
    for (size_t parts = 0; heap->cycle.phase == GCI_PHASE_PARTS; parts++) {
        (void)examine_part(heap);
        size_t i = parts % COUNT, k = COUNT - 1 - i;
        gc_clear(&holders[i]->left->left); /* in the part before, mostly */
        gc_clear(&holders[k]->left);       /* in none */
        if (holders[i]->left != NULL && holders[k - 1]->left != NULL) {
            gc_set(&holders[i]->left->right, holders[k - 1]->left);
        }
        (void)gc_collect_generation(heap, 0);
    }
    assert_int_equal(finish(heap), 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(holders[i]->left == NULL || holders[i]->left->object.gc == heap->old);
    }
    assert_sound(heap);
    for (size_t i = 0; i < COUNT; i++) {
        gc_decref(holders[i]);
    }
    assert_live(heap, 0);
}

static void look_for_garbage_left(struct world *world, struct leaf *leaf)
{
    (void)leaf;
    expect(world, state_of(world->note) == GCI_FREE);
    drop_a_list(list_new(world->heap, 300));
}

static void who_dies_with_plain_garbage_of_a_part_waits_until_all_of_it_is_gone(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *ring = drop_a_ring(heap, PART_MIN);
    ring->right = as_node(leaf_new(heap, 1));
    world->note = ring;
    world->on_leaf = look_for_garbage_left;
    begin_parts(heap);
    assert_int_equal(examine_part(heap), PART_MIN);
    assert_story(world, "L1 ");
    (void)finish(heap);
}

/* Garbage of slots that are larger than a patch. */
struct bulky {
    gc_object object;
    struct bulky *next;
    char bytes[1000];
};
static const gc_type bulky_type = {
    .name = "bulky",
    .size = sizeof(struct bulky),
    .refs = OURO_REFS(struct bulky, next),
};

/* Patches where no slot begins. */
static void spoil_patches(struct gci_page *page)
{
    memset(page->patches, 0xAA, sizeof(page->patches));
}

static void what_patches_said_before_is_forgotten(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (unsigned recheck = 0; recheck < 2; recheck++) {
        struct bulky *first = gc_new(heap, &bulky_type), *last = first;
        assert_non_null(first);
        for (size_t i = 1; i < 30; i++) {
            last->next = gc_new(heap, &bulky_type);
            assert_non_null(last->next);
            last = last->next;
        }
        last->next = first;
        gci_cycle_begin(heap);
        run_to(heap, GCI_PHASE_MARK);
        spoil_patches(page_of(first));
        if (recheck) {
            heap->cycle.part_max = 1; /* parts are behind it */
            run_to(heap, GCI_PHASE_RECHECK);
        } else {
            run_to(heap, GCI_PHASE_PARTS);
            spoil_patches(page_of(first));
            assert_int_equal(examine_part(heap), 30);
        }
        assert_int_equal(finish(heap), 30);
        assert_live(heap, 0);
    }
}

static void page_of_which_all_suspects_have_gone_is_passed_over(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept = node_new(heap), *holder = node_new(heap);
    (void)drop_a_ring(heap, PART_MIN);
    holder->left = as_node(tuple_new(heap, 1));
    suspect_what_is_held_by(&holder, 1, heap);
    run_to(heap, GCI_PHASE_PARTS);
    assert_int_equal(page_of(kept)->suspects, PART_MIN);
    assert_int_equal(examine_parts(heap), PART_MIN);
    run_to(heap, GCI_PHASE_RECHECK);
    assert_int_equal(page_of(kept)->suspects, 0);
    assert_int_equal(page_of(holder->left)->suspects, 1);
    (void)finish(heap);
    gc_decref(kept);
    gc_decref(holder);
}

/* Parts with user code */

static void part_that_is_not_plain_ends_in_its_slice_too(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept = node_new(heap);
    (void)drop_a_ring_of_actors(heap, 1);
    (void)drop_a_ring_of_actors(heap, 11);
    begin_parts(heap);
    assert_int_equal(examine_part(heap), PART_MIN);
    assert_int_equal(world->finalized, PART_MIN);
    assert_int_equal(world->destroyed, PART_MIN);
    assert_live(heap, 1 + PART_MIN);
    assert_int_equal(examine_parts(heap), PART_MIN);
    assert_int_equal(world->finalized, 2 * PART_MIN);
    assert_int_equal(world->destroyed, 2 * PART_MIN);
    run_to(heap, GCI_PHASE_NONE);
    assert_int_equal(heap->cycle.freed, 0);
    assert_sound(heap);
    gc_decref(kept);
}

static void resurrected_by_its_own_finalizer_in_a_part_is_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *first = drop_a_ring_of_actors(heap, 1);
    (void)drop_a_ring(heap, PART_MIN);
    world->on_finalize = rise_if_first;
    begin_parts(heap);
    while (world->finalized == 0) {
        struct gci_doom_result result = whole_slice(heap, 0);
        assert_int_equal(result.resurrected, world->finalized);
        assert_int_equal(result.freed, 0);
    }
    assert_int_equal(world->finalized, PART_MIN);
    assert_int_equal(world->destroyed, 0);
    assert_ptr_equal(world->note, first);
    assert_int_equal(first->object.gc, heap->old);
    assert_int_equal(first->left->object.gc, heap->old);
    assert_int_equal(gc_refcount(first), 2);
    (void)examine_parts(heap);
    assert_int_equal(heap->cycle.freed, PART_MIN);
    run_to(heap, GCI_PHASE_NONE);
    assert_int_equal(finish(heap), PART_MIN);
    assert_sound(heap);
    gc_decref(first);
    assert_int_equal(gc_collect(heap), PART_MIN);
    assert_int_equal(world->finalized, PART_MIN);
    assert_int_equal(world->destroyed, PART_MIN);
}

/* The finalizer of 1 takes what the weak reference that is noted leads to. */
static void take_another(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        world->memo = gc_weak_get(world->note);
        expect(world, world->memo != NULL);
    }
}

static void resurrected_by_another_part_lives_on(void **state)
{
    struct world *world = *state;
    for (unsigned order = 0; order < 2; order++) {
        gc_heap *heap = fresh_heap_new(world);
        /* 1: the other has been in a part, for this one refers to it. 0: it has not been yet. */
        struct actor *other = order == 1 ? drop_a_ring_of_actors(heap, 11) : NULL;
        struct actor *first = drop_a_ring_of_actors(heap, 1);
        if (order == 1) {
            gc_set(&first->right, other);
        } else {
            other = drop_a_ring_of_actors(heap, 11);
        }
        gc_weak *weak = plain_weak(other);
        world->note = weak;
        world->on_finalize = take_another;
        begin_parts(heap);
        if (order == 1) {
            assert_int_equal(examine_part(heap), 0);
        }
        assert_int_equal(other->object.gc, order == 1 ? passed(heap) : state_of_set(heap));
        assert_int_equal(examine_part(heap), PART_MIN);
        (void)finish(heap);
        assert_ptr_equal(world->memo, other);
        assert_int_equal(world->finalized, PART_MIN); /* nobody of the others */
        assert_int_equal(world->destroyed, PART_MIN);
        assert_int_equal(other->object.gc, heap->old);
        assert_int_equal(gc_refcount(other), 2);
        assert_sound(heap);
        gc_decref(other);
        gc_decref(weak);
        world->on_finalize = NULL;
        assert_int_equal(gc_collect(heap), PART_MIN);
        assert_int_equal(world->destroyed, 2 * PART_MIN);
        world->finalized = world->destroyed = 0;
    }
}

static void look_in_one_way(struct world *world, struct actor *actor)
{
    gc_heap *heap = world->heap;
    if (actor->id != 1) {
        return;
    }
    switch ((uintptr_t)world->note) {
    case 0:
        expect(world, gc_check(heap));
        break;
    case 1:
        expect(world, gc_each_object(heap, -1, visit_nothing, NULL) == 0);
        break;
    case 2:
        expect(world, gc_referrers(heap, actor, visit_nothing, NULL) == 0);
        break;
    default:
        (void)gc_referents(actor, visit_nothing, NULL);
    }
    expect(world, gc_unreachable(heap, visit_nothing, NULL) == 0);
}

static void look_at_the_heap_by_a_finalizer_or_destroy_ends_the_cycle_only(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (uintptr_t look = 0; look < 8; look++) {
        struct node *kept = node_new(heap);
        (void)drop_a_ring_of_actors(heap, 11);
        (void)drop_a_ring_of_actors(heap, 1);
        (void)drop_a_ring_of_actors(heap, 21);
        (void)drop_a_ring(heap, 3 * PART_MIN);
        world->note = (void *)(look % 4);
        *(look < 4 ? &world->on_finalize : &world->on_destroy) = look_in_one_way;
        begin_parts(heap);
        while (heap->cycle.phase == GCI_PHASE_PARTS) {
            (void)whole_slice(heap, 0);
        }
        assert_int_equal(heap->cycle.phase, GCI_PHASE_NONE);
        assert_int_equal(world->destroyed, 2 * PART_MIN); /* 11 and 1 */
        assert_sound(heap);
        world->on_finalize = world->on_destroy = NULL;
        (void)gc_collect(heap);
        assert_int_equal(world->destroyed, 3 * PART_MIN);
        assert_int_equal(world->finalized, 3 * PART_MIN);
        assert_live(heap, 1);
        world->finalized = world->destroyed = 0;
        gc_decref(kept);
    }
}

/* What the program holds: a list at note, which grows and shrinks; old rings at memo. */
static void work_hard(struct world *world, struct actor *actor)
{
    gc_heap *heap = world->heap;
    (void)actor;
    expect(world, gc_collect(heap) == 0);
    expect(world, gc_collect_generation(heap, 0) == 0);
    expect(world, !gc_step(heap, UINT64_MAX));
    struct node *list = world->note;
    world->note = list_new(heap, 2000);
    gc_xdecref(list);
    for (struct node **place = world->memo; *place != NULL; place++) {
        gc_clear(place); /* what frees the holders of the suspects that live */
        world->memo = place + 1;
        break;
    }
}

static void callbacks_of_a_part_may_do_a_lot(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 100 };
    struct node *holders[COUNT + 1] = { NULL };
    for (size_t i = 0; i < COUNT; i++) {
        holders[i] = node_new(heap);
        gc_set_steal(&holders[i]->left, list_new(heap, 5));
        if (i % 20 == 0) {
            (void)drop_a_ring_of_actors(heap, (unsigned)i);
            (void)drop_a_ring(heap, 2 * PART_MIN);
        }
    }
    suspect_what_is_held_by(holders, COUNT, heap);
    run_to(heap, GCI_PHASE_PARTS);
    world->memo = holders;
    world->on_finalize = world->on_destroy = work_hard;
    assert_int_equal(examine_parts(heap), COUNT / 20 * 3 * PART_MIN);
    assert_int_equal(world->destroyed, COUNT / 20 * PART_MIN);
    assert_int_equal(finish(heap), COUNT / 20 * 2 * PART_MIN);
    assert_sound(heap);
    drop_a_list(world->note);
    for (size_t i = 0; i < COUNT; i++) {
        gc_xdecref(holders[i]);
    }
    assert_live(heap, 0);
}

/* Parts and weak references */

/* A weak reference that is garbage, in a ring as large as a part. */
static void drop_a_weak(gc_heap *heap, void *target, unsigned id)
{
    struct node *ring = drop_a_ring(heap, PART_MIN - 1);
    gc_set_steal(&ring->right, as_node(weak_with_callback(target, id)));
}

/* Have the page of the weak references come before those of others, so that parts come by it last. */
static gc_weak *first_weak_new(gc_heap *heap)
{
    struct leaf *leaf = leaf_new(heap, 1);
    gc_weak *weak = weak_with_callback(leaf, 0);
    world_of(leaf)->note = leaf;
    return weak;
}
static void end_first_weak(gc_weak *weak)
{
    struct world *world = world_of(weak);
    gc_decref(weak);
    gc_decref(world->note);
    world->story[0] = '\0';
}

static void weak_reference_that_lives_is_called_once_in_the_slice_of_the_part(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *ring = drop_a_ring(heap, PART_MIN);
    gc_weak *weak = weak_with_callback(ring, 1), *plain = plain_weak(ring->left);
    gc_weak *watches = watcher(ring, 2);
    begin_parts(heap);
    assert_int_equal(examine_part(heap), PART_MIN);
    assert_story(world, "W1 W2 ");
    assert_null(gc_weak_get(plain));
    (void)finish(heap);
    assert_story(world, "");
    gc_decref(weak);
    gc_decref(plain);
    gc_decref(watches);
}

static void assert_all_end_uncalled(struct world *world, gc_weak *first)
{
    gc_heap *heap = world->heap;
    gci_cycle_begin(heap);
    assert_true(finish_in(heap, 0) >= PART_MIN);
    assert_story(world, "");
    assert_live(heap, first != NULL ? 2 : 0);
    if (first != NULL) {
        end_first_weak(first);
    }
}

static void weak_reference_that_is_garbage_like_its_target_is_not_called(void **state)
{
    struct world *world = *state;
    for (unsigned order = 0; order < 4; order++) {
        gc_heap *heap = fresh_heap_new(world);
        gc_weak *first = order < 2 ? first_weak_new(heap) : NULL;
        struct node *ring = drop_a_ring(heap, PART_MIN);
        if (order % 2 == 0) {
            drop_a_weak(heap, ring, 1); /* in a part of its own */
        } else {
            gc_set_steal(&ring->right, as_node(weak_with_callback(ring->left, 1)));
        }
        assert_all_end_uncalled(world, first);
    }
}

/* What the garbage of a part holds dies by its count, if it has been in a part or found no room in one;
 * the weak reference to it is garbage, but not of that part. */
static void weak_reference_that_is_garbage_is_not_called_for_what_a_part_lets_go_of(void **state)
{
    struct world *world = *state;
    for (unsigned order = 0; order < 6; order++) {
        gc_heap *heap = fresh_heap_new(world);
        gc_weak *first = order < 3 ? first_weak_new(heap) : NULL;
        struct node *target = order % 3 == 0 ? list_new(heap, PART_MIN) : NULL;
        struct node *ring = drop_a_ring(heap, order % 3 == 2 ? PART_MAX : PART_MIN);
        target = order % 3 != 0 ? node_new(heap) : target;
        gc_set_steal(&ring->right, target);
        drop_a_weak(heap, target, 1);
        assert_all_end_uncalled(world, first);
    }
}

static void weak_reference_that_is_suspect_and_lives_is_called_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *ring = drop_a_ring(heap, PART_MIN), *holder = node_new(heap);
    holder->left = as_node(weak_with_callback(ring, 1));
    suspect_what_is_held_by(&holder, 1, heap);
    assert_int_equal(state_of(holder->left), state_of_set(heap));
    assert_int_equal(finish_in(heap, 0), PART_MIN);
    assert_story(world, "W1 ");
    gc_decref(holder);
    (void)drop_a_ring(heap, PART_MIN);
    begin_parts(heap); /* the next cycle has them again */
    assert_int_equal(examine_parts(heap), PART_MIN);
    (void)finish(heap);
}

static void weak_reference_that_has_called_back_keeps_nobody_from_ending_in_parts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *target = node_new(heap);
    drop_a_weak(heap, target, 1);
    gc_decref(target);
    assert_story(world, "W1 ");
    begin_parts(heap);
    assert_int_equal(examine_parts(heap), PART_MIN - 1); /* and the weak reference, by its count */
    (void)finish(heap);
    assert_live(heap, 0);
}

static void cycle_without_parts_has_further_rounds_like_others(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *ring = drop_a_ring(heap, MANY);
    drop_a_weak(heap, ring, 1);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_SWEEP);
    (void)gc_set_debug(heap, 0);
    heap->cycle.part_max = 1;
    run_to(heap, GCI_PHASE_COUNT); /* no parts before */
    assert_int_equal(heap->cycle.report.rounds, 2);
    run_to(heap, GCI_PHASE_RECHECK);
    assert_int_equal(finish(heap), MANY + PART_MIN);
    assert_story(world, "");
}

/* Between parts */

/* A cycle in the middle of its parts, with suspects of all kinds: some garbage has ended, some has not
 * been seen, some suspects live. */
enum { HELD = 40 };
struct middle {
    struct node *holders[HELD];
};

static void make_a_middle(gc_heap *heap, struct middle *middle, unsigned parts)
{
    for (size_t i = 0; i < HELD; i++) {
        middle->holders[i] = node_new(heap);
        gc_set_steal(&middle->holders[i]->left, as_node(tuple_new(heap, 2)));
    }
    for (unsigned i = 0; i < 4; i++) {
        (void)drop_a_ring(heap, PART_MIN);
        (void)drop_a_ring_of_actors(heap, 100 + 10 * i);
    }
    suspect_what_is_held_by(middle->holders, HELD, heap);
    run_to(heap, GCI_PHASE_PARTS);
    for (unsigned i = 0; i < parts; i++) {
        (void)examine_part(heap);
    }
}

static void end_a_middle(struct world *world, struct middle *middle)
{
    (void)gc_collect(world->heap);
    assert_int_equal(world->destroyed, 4 * PART_MIN);
    for (size_t i = 0; i < HELD; i++) {
        gc_xdecref(middle->holders[i]);
    }
    assert_live(world->heap, 0);
    world->finalized = world->destroyed = 0;
    world->story[0] = '\0';
}

enum { PARTS = 12 }; /* that is about half of them */

static void frozen_between_parts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct middle middle;
    for (unsigned parts = 0; parts < PARTS; parts++) {
        make_a_middle(heap, &middle, parts);
        (void)gc_freeze(heap);
        assert_int_equal(heap->cycle.phase, GCI_PHASE_NONE);
        assert_sound(heap);
        (void)gc_unfreeze(heap);
        assert_sound(heap);
        end_a_middle(world, &middle);
    }
}

static void abandoned_between_parts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct middle middle;
    for (unsigned parts = 0; parts < PARTS; parts++) {
        make_a_middle(heap, &middle, parts);
        gci_cycle_abandon(heap);
        assert_null(heap->cycle.suspect_pages);
        for (size_t i = 0; i < HELD; i++) {
            assert_int_equal(middle.holders[i]->left->object.gc, heap->old);
        }
        assert_sound(heap);
        end_a_middle(world, &middle);
    }
}

static void heap_is_freed_between_parts(void **state)
{
    struct world *world = *state;
    struct middle middle;
    for (unsigned parts = 0; parts < PARTS; parts++) {
        make_a_middle(world_new_heap(world, NULL), &middle, parts);
        world_free_heap(world);
        assert_int_equal(world->finalized, 4 * PART_MIN);
        assert_int_equal(world->destroyed, 4 * PART_MIN);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

static void resized_between_parts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct middle middle;
    for (unsigned parts = 0; parts < PARTS; parts++) {
        make_a_middle(heap, &middle, parts);
        for (size_t i = 0; heap->cycle.phase == GCI_PHASE_PARTS; i++) {
            struct tuple *tuple = (void *)gc_take(&middle.holders[i * 7 % HELD]->left);
            assert_int_equal(gc_resize_var(&tuple, i % 3 == 0 ? 1 : 3 * i), GC_OK);
            middle.holders[i * 7 % HELD]->left = as_node(tuple);
            (void)examine_part(heap);
        }
        (void)finish(heap);
        for (size_t i = 0; i < HELD; i++) {
            struct node *held = middle.holders[i]->left;
            assert_true(held->object.gc == heap->old || held->object.gc == GCI_YOUNG);
            assert_int_equal(gc_refcount(held), 1);
        }
        assert_sound(heap);
        end_a_middle(world, &middle);
    }
}

static void made_immortal_between_parts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->leftovers = true;
    struct middle middle;
    make_a_middle(heap, &middle, 1);
    for (size_t i = 0; heap->cycle.phase == GCI_PHASE_PARTS && i < HELD; i++) {
        gc_make_immortal(middle.holders[i]->left);
        gc_clear(&middle.holders[i]->left);
        (void)examine_part(heap);
    }
    (void)finish(heap);
    assert_sound(heap);
    for (size_t i = 0; i < HELD; i++) {
        gc_decref(middle.holders[i]);
    }
    assert_int_equal(world->destroyed, 4 * PART_MIN);
}

/* Large objects of two references, like nodes but for their size. */
static const gc_type span_type = {
    .name = "span",
    .size = 70000,
    .refs = OURO_REFS(struct node, left, right),
};
static const gc_type huge_type = {
    .name = "huge",
    .size = (size_t)2 << 20,
    .refs = OURO_REFS(struct node, left, right),
};

static struct node *drop_a_large_ring(gc_heap *heap)
{
    struct node *node = node_new(heap), *span = gc_new(heap, &span_type);
    struct node *huge = gc_new(heap, &huge_type);
    assert_non_null(span);
    assert_non_null(huge);
    node->left = span;
    span->left = huge;
    huge->left = node;
    return node;
}

static void large_garbage_ends_in_its_part(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept = node_new(heap);
    size_t reserved = heap->bytes_reserved;
    for (unsigned order = 0; order < 2; order++) {
        struct node *first = drop_a_large_ring(heap), *second = drop_a_large_ring(heap);
        if (order == 1) {
            gc_set(&second->right, first->left);
            gc_set(&first->right, kept);
        }
        begin_parts(heap);
        while (heap->cycle.phase == GCI_PHASE_PARTS) {
            (void)whole_slice(heap, 0);
            (void)gci_pages_trim(heap, SIZE_MAX);
        }
        assert_int_equal(finish(heap), 6);
        assert_sound(heap);
        (void)gci_pages_trim(heap, SIZE_MAX);
        assert_true(heap->bytes_reserved < reserved + ((size_t)8 << 20));
        assert_live(heap, 1);
    }
    gc_decref(kept);
}

static void segment_stays_while_a_cycle_has_it_in_its_list(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (unsigned parts = 0; parts < 4; parts++) {
        struct node *holders[3];
        for (size_t i = 0; i < 3; i++) {
            holders[i] = node_new(heap);
            gc_set_steal(&holders[i]->left, as_node(large_tuple_new(heap)));
        }
        suspect_what_is_held_by(holders, 3, heap);
        run_to(heap, GCI_PHASE_PARTS);
        for (unsigned i = 0; i < parts && heap->cycle.phase == GCI_PHASE_PARTS; i++) {
            (void)examine_part(heap);
        }
        gc_clear(&holders[parts % 3]->left);
        (void)gci_pages_trim(heap, SIZE_MAX);
        assert_int_equal(finish(heap), 0);
        assert_sound(heap);
        for (size_t i = 0; i < 3; i++) {
            gc_decref(holders[i]);
        }
    }
}

static void page_of_suspects_that_is_used_anew_is_passed_over_by_the_parts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 3000, WIDES = 3000 };
    static struct node *holders[COUNT];
    static struct wide *wides[WIDES];
    for (unsigned parts = 0; parts < 100; parts += 33) {
        for (size_t i = 0; i < COUNT; i++) {
            holders[i] = node_new(heap);
        }
        for (size_t i = 0; i < COUNT; i++) {
            gc_set_steal(&holders[i]->left, node_new(heap));
        }
        suspect_what_is_held_by(holders, COUNT, heap);
        run_to(heap, GCI_PHASE_PARTS);
        for (unsigned i = 0; i < parts; i++) {
            (void)examine_part(heap);
        }
        for (size_t i = 0; i < COUNT; i++) {
            gc_clear(&holders[i]->left);
        }
        gci_pages_drop_idle(heap);
        (void)gci_pages_trim(heap, SIZE_MAX);
        uint64_t words = UINT64_C(0x100000001) * (0x1230 + state_of_set(heap));
        for (size_t i = 0; i < WIDES; i++) {
            wides[i] = wide_new(heap);
            assert_int_equal(page_of(wides[i])->suspects, 0);
            for (size_t k = 0; k < 3; k++) {
                wides[i]->words[k] = words;
            }
        }
        assert_int_equal(finish(heap), 0);
        for (size_t i = 0; i < WIDES; i++) {
            for (size_t k = 0; k < 3; k++) {
                assert_int_equal(wides[i]->words[k], words);
            }
            gc_decref(wides[i]);
        }
        for (size_t i = 0; i < COUNT; i++) {
            gc_decref(holders[i]);
        }
        assert_sound(heap);
        assert_live(heap, 0);
    }
}

/* The span's bytes look like suspects, were they taken for such. */
static void span_over_former_pages_of_suspects_is_left_alone(void **state)
{
    struct world *world = *state;
    enum { COUNT = 30000, SPANS = 3, WORDS = 4 * GCI_PAGE_SIZE / 8 };
    static struct node *holders[COUNT];
    static const enum gci_phase phases[] = { GCI_PHASE_PARTS, GCI_PHASE_SWEEP, GCI_PHASE_RECHECK };
    for (unsigned p = 0; p < 3; p++) {
        gc_heap *heap = fresh_heap_new(world);
        for (size_t i = 0; i < COUNT; i++) {
            holders[i] = node_new(heap);
        }
        for (size_t i = 0; i < COUNT; i++) {
            gc_set_steal(&holders[i]->left, node_new(heap));
        }
        suspect_what_is_held_by(holders, COUNT, heap);
        heap->cycle.suspects_before = 0; /* no further round, which would show the same */
        run_to(heap, GCI_PHASE_PARTS);
        while (heap->cycle.phase != phases[p]) {
            (void)whole_slice(heap, 0);
            heap->cycle.suspects_before = 0;
        }
        for (size_t i = 0; i < COUNT; i++) {
            gc_clear(&holders[i]->left);
        }
        gci_pages_drop_idle(heap);
        uint64_t word = gci_header(2 * OURO_REFS_ONE, state_of_set(heap));
        struct string *spans[SPANS];
        size_t over = 0;
        for (size_t i = 0; i < SPANS; i++) {
            spans[i] = gc_new_var(heap, &string_type, WORDS * sizeof(word));
            assert_non_null(spans[i]);
            assert_null(page_of(spans[i])[1].record);
            over += page_of(spans[i])[1].suspects > 0;
            for (size_t k = 0; k < WORDS; k++) {
                memcpy(&spans[i]->bytes[k * sizeof(word)], &word, sizeof(word));
            }
        }
        assert_true(over > 0);
        assert_int_equal(finish_in(heap, 0), 0);
        for (size_t i = 0; i < SPANS; i++) {
            for (size_t k = 0; k < WORDS; k++) {
                assert_memory_equal(&spans[i]->bytes[k * sizeof(word)], &word, sizeof(word));
            }
            gc_decref(spans[i]);
        }
        for (size_t i = 0; i < COUNT; i++) {
            gc_decref(holders[i]);
        }
        assert_sound(heap);
    }
}

static void garbage_of_parts_is_told_and_saved_if_asked_for(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (unsigned save = 0; save < 2; save++) {
        struct node *first = drop_a_ring(heap, PART_MIN), *second = drop_a_ring(heap, PART_MIN);
        gc_set(&second->right, first);
        (void)drop_a_ring(heap, PART_MAX + 10);
        (void)drop_a_ring_of_actors(heap, 1);
        size_t all = 3 * PART_MIN + PART_MAX + 10;
        (void)gc_set_debug(heap, save ? GC_DEBUG_SAVE_ALL : GC_DEBUG_COLLECTABLE);
        unsigned told = world->messages;
        gci_cycle_begin(heap);
        size_t saved = 0, freed = 0;
        while (heap->cycle.phase != GCI_PHASE_NONE) {
            struct gci_doom_result result = whole_slice(heap, 0);
            saved += result.saved;
            freed += result.freed;
        }
        assert_int_equal(heap->cycle.freed, 0);
        assert_int_equal(saved, save ? all : 0);
        assert_int_equal(freed, save ? 0 : all);
        assert_int_equal(world->messages - told, save ? 0 : all);
        assert_int_equal(world->finalized, PART_MIN);
        assert_sound(heap);
        (void)gc_set_debug(heap, 0);
        (void)gc_release_saved(heap);
        (void)gc_collect(heap);
        assert_live(heap, 0);
        world->finalized = world->destroyed = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(part_that_is_closed_ends_in_its_slice),
        world_test(part_begins_anew_where_the_last_one_stopped_to_begin),
        world_test(part_is_all_that_its_first_members_reach),
        world_test(garbage_that_a_later_part_refers_to_ends_in_the_recheck),
        world_test(part_has_no_more_members_than_there_is_room_for),
        world_test(garbage_that_hangs_on_other_garbage_ends_whatever_the_order),
        world_test(suspects_that_live_are_let_go_of_by_garbage_and_keep_their_counts),
        world_test(part_leaves_alone_who_is_young_or_marked),
        world_test(suspects_change_between_parts),
        world_test(part_that_is_not_plain_ends_in_its_slice_too),
        world_test(resurrected_by_its_own_finalizer_in_a_part_is_old),
        world_test(resurrected_by_another_part_lives_on),
        world_test(look_at_the_heap_by_a_finalizer_or_destroy_ends_the_cycle_only),
        world_test(callbacks_of_a_part_may_do_a_lot),
        world_test(weak_reference_that_lives_is_called_once_in_the_slice_of_the_part),
        world_test(weak_reference_that_is_garbage_like_its_target_is_not_called),
        world_test(weak_reference_that_is_garbage_is_not_called_for_what_a_part_lets_go_of),
        world_test(weak_reference_that_is_suspect_and_lives_is_called_once),
        world_test(weak_reference_that_has_called_back_keeps_nobody_from_ending_in_parts),
        world_test(cycle_without_parts_has_further_rounds_like_others),
        world_test(who_dies_with_plain_garbage_of_a_part_waits_until_all_of_it_is_gone),
        world_test(what_patches_said_before_is_forgotten),
        world_test(page_of_which_all_suspects_have_gone_is_passed_over),
        world_test(frozen_between_parts),
        world_test(abandoned_between_parts),
        world_test(heap_is_freed_between_parts),
        world_test(resized_between_parts),
        world_test(made_immortal_between_parts),
        world_test(large_garbage_ends_in_its_part),
        world_test(segment_stays_while_a_cycle_has_it_in_its_list),
        world_test(page_of_suspects_that_is_used_anew_is_passed_over_by_the_parts),
        world_test(span_over_former_pages_of_suspects_is_left_alone),
        world_test(garbage_of_parts_is_told_and_saved_if_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
