/* SPDX-License-Identifier: MIT */

/* The old generation in slices, white box: the parts in which suspects are examined, what garbage
 * of one does when it ends, and what may happen between two of them. */

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
    return state_of_set(heap) | GCI_PASSED;
}

/* The rest of a cycle, in slices of one part, or one batch, each. Returns how many containers that
 * has freed. */
static size_t finish_slowly(gc_heap *heap)
{
    size_t before = collected(heap);
    while (gci_pacing_is_in_cycle(heap)) {
        slice(heap);
    }
    return collected(heap) - before;
}

/* Garbage that tells its story, as large as a part. */
static struct actor *drop_a_ring_of_actors(gc_heap *heap, unsigned id)
{
    return drop_actors(heap, id, PART_MIN);
}

/* A heap of its own for each turn of a loop: in a fresh one addresses ascend, and so does the order
 * in which parts come by the objects of a page. Of two pages the one taken later comes first. */
static gc_heap *fresh_heap_new(struct world *world)
{
    if (world->heap != NULL) {
        world_free_heap(world);
    }
    return world_new_heap(world, NULL);
}

static void part_that_is_garbage_ends_before_the_next_one(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept = node_new(heap);
    for (size_t i = 0; i < 5; i++) {
        (void)drop_a_ring(heap, PART_MIN);
    }
    begin_parts(heap);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(examine_part(heap), PART_MIN);
        assert_live(heap, 1 + (4 - i) * PART_MIN);
    }
    assert_int_equal(finish(heap), 0);
    assert_int_equal(heap->cycle.report.collected, 5 * PART_MIN);
    assert_int_equal(heap->cycle.report.suspects, 5 * PART_MIN);
    assert_sound(heap);
    gc_decref(kept);
}

static void suspects_that_live_pass_all_parts_and_the_last_one(void **state)
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
    /* Each part begins where the last one stopped to begin. */
    for (size_t end = PART_MIN; end < 100; end += PART_MIN) {
        assert_int_equal(examine_part(heap), 0);
        for (size_t i = 0; i < 100; i++) {
            assert_int_equal(holders[i]->left->object.gc == passed(heap), i < end);
        }
    }
    run_to_last_part(heap);
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
    assert_int_equal(finish(heap), 0);
}

static void garbage_that_a_later_part_refers_to_ends_in_the_last_part(void **state)
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
        assert_int_equal(gc_refcount(rings[i]), 2);
    }
    assert_int_equal(examine_part(heap), PART_MIN);
    assert_int_equal(gc_refcount(rings[RINGS - 2]), 1);
    assert_int_equal(examine_parts(heap), 0);
    run_to_last_part(heap);
    assert_int_equal(examine_part(heap), (RINGS - 1) * PART_MIN);
    assert_live(heap, 0);
    assert_int_equal(finish(heap), 0);
    assert_sound(heap);
}

static void part_has_no_more_members_than_there_is_room_for(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (size_t count = PART_MAX - 1; count <= PART_MAX + 1; count++) {
        struct node *ring = drop_a_ring(heap, count);
        begin_parts(heap);
        if (count <= PART_MAX) {
            assert_int_equal(examine_part(heap), count);
        } else {
            assert_int_equal(examine_part(heap), 0);
            size_t left = 0;
            for (struct node *node = ring->left; node != ring; node = node->left) {
                left += node->object.gc != passed(heap);
            }
            assert_int_equal(left + (ring->object.gc != passed(heap)), count - PART_MAX);
            assert_int_equal(examine_parts(heap), 0);
            run_to_last_part(heap);
            assert_int_equal(examine_part(heap), count);
        }
        assert_int_equal(finish(heap), 0);
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
        assert_int_equal(examine_parts(heap), order == 0 ? 3 : PART_MAX);
        assert_live(heap, 0); /* the rest of the list has died by its counts */
        assert_int_equal(finish(heap), 0);
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
    assert_int_equal(finish(heap), 0);
    assert_sound(heap);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(gc_refcount(holders[i]->left), counts[i]);
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
    assert_int_equal(state_of(marked), heap->old);
    assert_int_equal(state_of(young), GCI_YOUNG);
    assert_int_equal(gc_refcount(marked), 1);
    assert_int_equal(gc_refcount(young), 1);
    (void)finish(heap);
    gc_decref(marked);
    gc_decref(young);
}

/* Suspects die by their counts, come to be held, and refer to each other, between their part and
 * the end, and before it. */
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

/* What is alive when the leaf that garbage held is destroyed: one node. Either question is asked
 * first. */
static void look_for_garbage_left(struct world *world, struct leaf *leaf)
{
    struct seen seen = { 0 };
    expect(world, leaf->id == 0 || gc_check(world->heap));
    expect(world, gc_each_object(world->heap, -1, seen_add, &seen) == 0);
    expect(world, seen.count == 1 && seen.objects[0] == world->note);
    expect(world, gc_check(world->heap));
    drop_a_list(list_new(world->heap, 300));
}

static void who_dies_with_trivial_garbage_of_a_part_does_not_find_it(void **state)
{
    struct world *world = *state;
    for (unsigned id = 0; id < 2; id++) {
        gc_heap *heap = fresh_heap_new(world);
        struct node *kept = node_new(heap), *ring = drop_a_ring(heap, PART_MIN);
        ring->right = as_node(leaf_new(heap, id));
        world->note = kept;
        world->on_leaf = look_for_garbage_left;
        begin_parts(heap);
        assert_int_equal(finish_slowly(heap), PART_MIN);
        assert_story(world, id == 0 ? "L0 " : "L1 ");
        gc_decref(kept);
        assert_live(heap, 0);
    }
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
    for (unsigned is_last = 0; is_last < 2; is_last++) {
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
        if (is_last) {
            heap->cycle.part_max = 1; /* other parts are behind it */
            run_to_last_part(heap);
        } else {
            run_to(heap, GCI_PHASE_PARTS);
            spoil_patches(page_of(first));
        }
        assert_int_equal(examine_part(heap), 30);
        assert_int_equal(finish(heap), 0);
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
    run_to_last_part(heap);
    assert_int_equal(page_of(kept)->suspects, 0);
    assert_int_equal(page_of(holder->left)->suspects, 1);
    (void)finish(heap);
    gc_decref(kept);
    gc_decref(holder);
}

/* Parts with user code */

static void part_that_is_not_plain_ends_before_the_next_one_too(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept = node_new(heap);
    (void)drop_a_ring_of_actors(heap, 1);
    (void)drop_a_ring_of_actors(heap, 11);
    begin_parts(heap);
    for (unsigned parts = 1; parts <= 2; parts++) {
        assert_int_equal(examine_part(heap), PART_MIN);
        assert_int_equal(world->finalized, parts * PART_MIN);
        assert_int_equal(world->destroyed, parts * PART_MIN);
        assert_live(heap, 1 + (2 - parts) * PART_MIN);
    }
    assert_int_equal(finish(heap), 0);
    assert_sound(heap);
    gc_decref(kept);
}

static void resurrected_by_its_own_finalizer_in_a_part_is_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *first = drop_a_ring_of_actors(heap, 1), *actor = first;
    (void)drop_a_ring(heap, PART_MIN);
    world->on_finalize = rise_if_first;
    begin_parts(heap);
    assert_int_equal(examine_parts(heap), PART_MIN);
    assert_ptr_equal(world->note, first);
    assert_int_equal(finish(heap), 0);
    assert_int_equal(world->destroyed, 0);
    assert_int_equal(heap->cycle.report.resurrected, PART_MIN);
    assert_int_equal(heap->cycle.report.collected, PART_MIN);
    assert_int_equal(stats_of(heap).generations[1].resurrected, PART_MIN);
    assert_int_equal(gc_refcount(first), 2);
    for (unsigned i = 0; i < PART_MIN; i++, actor = actor->left) {
        assert_int_equal(actor->object.gc, heap->old);
    }
    assert_ptr_equal(actor, first);
    assert_sound(heap);
    gc_decref(first);
    assert_int_equal(gc_collect(heap), PART_MIN);
    assert_int_equal(world->finalized, PART_MIN);
    assert_int_equal(world->destroyed, PART_MIN);
}

/* No callback of the garbage itself has run, so that no other search would be needed. */
static void resurrected_before_the_first_step_of_its_ending_lives_on(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *ring = drop_a_ring(heap, PART_MIN);
    gc_weak *weak = plain_weak(ring);
    begin_parts(heap);
    run_to_step(heap, GCI_END_WEAK_CALLBACKS);
    gc_incref(ring);                   /* as a callback of other objects may */
    assert_int_equal(finish(heap), 0); /* all other steps in a slice */
    assert_int_equal(heap->cycle.report.resurrected, PART_MIN);
    assert_ptr_equal(weak_peek(weak), ring);
    assert_int_equal(gc_refcount(ring), 2);
    assert_sound(heap);
    gc_decref(ring);
    assert_int_equal(gc_collect(heap), PART_MIN);
    assert_null(gc_weak_get(weak));
    gc_decref(weak);
}

/* It is another object in its new place, which dies by its count. */
static void move_the_tuple(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        struct tuple *tuple = (void *)gc_take(&actor->right);
        expect(world, gc_resize_var(&tuple, 100) == GC_OK);
        actor->right = as_node(tuple);
        expect(world, tuple != world->note);
    }
}

static void moved_by_a_finalizer_is_not_collected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *first = drop_actors(heap, 1, 3);
    first->right = as_node(tuple_new(heap, 1));
    world->note = first->right;
    world->on_finalize = move_the_tuple;
    begin_parts(heap);
    assert_int_equal(finish(heap), 3);
    assert_int_equal(heap->cycle.report.collected, 3);
    assert_int_equal(world->destroyed, 3);
    assert_live(heap, 0);
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
        assert_int_equal(examine_part(heap), PART_MIN);
        assert_ptr_equal(world->memo, other);
        assert_int_equal(finish(heap), 0);
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
    default:
        expect(world, gc_referrers(heap, actor, visit_nothing, NULL) == 0);
    }
    expect(world, gc_unreachable(heap, visit_nothing, NULL) == 0);
}

static void look_at_the_heap_by_a_finalizer_or_destroy_ends_the_cycle_only(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (uintptr_t look = 0; look < 6; look++) {
        struct node *kept = node_new(heap);
        size_t before = collected(heap);
        (void)drop_a_ring_of_actors(heap, 11);
        (void)drop_a_ring_of_actors(heap, 1);
        (void)drop_a_ring_of_actors(heap, 21);
        (void)drop_a_ring(heap, 3 * PART_MIN);
        world->note = (void *)(look % 3);
        *(look < 3 ? &world->on_finalize : &world->on_destroy) = look_in_one_way;
        begin_parts(heap);
        assert_int_equal(finish_slowly(heap), 2 * PART_MIN); /* 11 and 1 */
        assert_int_equal(world->finalized, 2 * PART_MIN);
        assert_int_equal(world->destroyed, 2 * PART_MIN);
        assert_int_equal(heap->cycle.report.collected, 2 * PART_MIN);
        assert_int_equal(heap->cycle.report.uncollectable, 0);
        assert_int_equal(heap->cycle.report.resurrected, 0);
        assert_sound(heap);
        world->on_finalize = world->on_destroy = NULL;
        assert_int_equal(gc_collect(heap), 4 * PART_MIN);
        assert_int_equal(collected(heap) - before, 6 * PART_MIN);
        assert_int_equal(stats_of(heap).died_by_count, look); /* those kept */
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
    assert_int_equal(finish(heap), 0);
    assert_sound(heap);
    drop_a_list(world->note);
    for (size_t i = 0; i < COUNT; i++) {
        gc_xdecref(holders[i]);
    }
    assert_live(heap, 0);
}

/* Parts and weak references */

static void weak_reference_that_lives_is_called_once_before_the_next_part(void **state)
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

/* When nobody but the weak reference was called, the garbage is trivial after that. */
static void garbage_that_is_called_for_is_found_by_nobody_afterwards(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak *weak = weak_with_callback(drop_a_ring(heap, PART_MIN), 1);
    begin_parts(heap);
    run_to_step(heap, GCI_END_DROP);
    assert_story(world, "W1 ");
    run_to_step(heap, GCI_END_FREE);
    assert_sound(heap);
    struct seen seen = { 0 };
    assert_int_equal(gc_each_object(heap, -1, seen_add, &seen), 0);
    assert_int_equal(seen_times(&seen, weak), 1);
    assert_int_equal(seen.count, 1);
    assert_int_equal(heap->cycle.report.collected, PART_MIN);
    gc_decref(weak);
}

/* The target is garbage, or garbage holds it and it dies by its count. The weak reference to it is
 * garbage, too: of the same part, or of an earlier or a later one. Of a later one it is whole
 * still. */
static void weak_reference_that_is_garbage_is_called_only_if_it_is_not_found_yet(void **state)
{
    struct world *world = *state;
    enum { TARGET, HELD_IN_PART, HELD_WITHOUT_ROOM, KINDS, SAME_PART = 2 * KINDS };
    for (unsigned order = 0; order <= SAME_PART; order++) {
        unsigned kind = order % KINDS;
        gc_heap *heap = fresh_heap_new(world);
        struct node *before = drop_a_ring(heap, PART_MIN - 1);
        struct node *ring = drop_a_ring(heap, kind == HELD_WITHOUT_ROOM ? PART_MAX : PART_MIN);
        struct node *after = drop_a_ring(heap, PART_MIN - 1), *target = ring, *end = ring;
        if (kind != TARGET) {
            while (end->left != ring) { /* it is gathered last */
                end = end->left;
            }
            target = end->right = node_new(heap);
        } else if (order == SAME_PART) {
            target = before;
        }
        struct node *owner = order < KINDS ? after : before;
        gc_set_steal(&owner->right, as_node(weak_with_callback(target, 1)));
        begin_parts(heap);
        (void)examine_parts(heap);
        assert_story(world, order < KINDS ? "W1 " : "");
        assert_int_equal(finish(heap), 0);
        assert_story(world, "");
        assert_live(heap, 0);
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
    assert_int_equal(finish_slowly(heap), PART_MIN);
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
    struct node *target = node_new(heap), *ring = drop_a_ring(heap, PART_MIN - 1);
    gc_set_steal(&ring->right, as_node(weak_with_callback(target, 1)));
    gc_decref(target);
    assert_story(world, "W1 ");
    begin_parts(heap);
    assert_int_equal(examine_parts(heap), PART_MIN);
    (void)finish(heap);
    assert_live(heap, 0);
}

static void cycle_without_parts_has_further_rounds_like_others(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *ring = drop_a_ring(heap, MANY);
    gc_set_steal(&ring->right, as_node(weak_with_callback(ring->left, 1)));
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_SWEEP);
    heap->cycle.part_max = 1;
    run_to(heap, GCI_PHASE_COUNT); /* no parts before */
    assert_int_equal(heap->cycle.report.rounds, 2);
    run_to_last_part(heap);
    assert_int_equal(finish(heap), MANY + 1);
    assert_story(world, "");
}

/* Parts that end in several slices */

enum { LARGE = 1000 }; /* a part larger than there are here, for which there has to be room */

static void count_call(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    ++*(unsigned *)world->note;
}

static void large_part_ends_in_slices_like_other_garbage(void **state)
{
    struct world *world = *state;
    enum { CALLS = 4 }; /* as in src/ending.c: finalizers between two looks at the clock */
    gc_heap *heap = patient_heap_new(world);
    static gc_weak *calls[LARGE];
    unsigned called = 0, slices[3] = { 0 };
    struct actor *actor = drop_actors(heap, 1, LARGE);
    for (unsigned i = 0; i < LARGE; i++, actor = actor->left) {
        calls[i] = weak_with_callback(actor, i);
    }
    world->note = &called;
    world->on_weak = count_call;
    gci_cycle_begin(heap);
    step_to(heap, GCI_PHASE_PARTS);
    heap->cycle.part_max = LARGE;
    while (world->destroyed < LARGE) {
        unsigned calls_before = called, finalized = world->finalized, destroyed = world->destroyed;
        assert_true(step(heap));
        calls_before = called - calls_before;
        finalized = world->finalized - finalized;
        destroyed = world->destroyed - destroyed;
        assert_true(calls_before <= 1);
        assert_true(finalized == 0 || finalized == CALLS);
        assert_true(destroyed <= DEATHS);
        assert_true(world->finalized == 0 || called == LARGE);
        assert_true(world->destroyed == 0 || world->finalized == LARGE);
        assert_int_equal(heap->cycle.phase, GCI_PHASE_PARTS);
        slices[0] += calls_before > 0;
        slices[1] += finalized > 0;
        slices[2] += destroyed > 0;
    }
    assert_int_equal(slices[0], LARGE);
    assert_int_equal(slices[1], LARGE / CALLS);
    assert_true(slices[2] >= LARGE / DEATHS);
    world->on_weak = NULL;
    world->story[0] = '\0';
    step_to_the_end(heap);
    assert_story(world, "");
    assert_int_equal(heap->cycle.report.collected, LARGE);
    assert_int_equal(heap->cycle.report.resurrected, 0);
    assert_int_equal(heap->cycle.report.uncollectable, 0);
    assert_int_equal(stats_of(heap).died_by_count, 0);
    assert_sound(heap);
    for (unsigned i = 0; i < LARGE; i++) {
        gc_decref(calls[i]);
    }
}

/* Garbage as large as a part may be, with weak references, of which one calls back. */
struct ring {
    struct actor *actors[PART_MAX];
    gc_weak *plain[PART_MAX];
    gc_weak *call;
    unsigned asked;
};

static void drop_a_watched_ring(struct world *world, struct ring *ring)
{
    struct actor *actor = drop_actors(world->heap, 1, PART_MAX);
    for (unsigned i = 0; i < PART_MAX; i++, actor = actor->left) {
        ring->actors[i] = actor;
        ring->plain[i] = plain_weak(actor);
    }
    ring->call = weak_with_callback(actor, 0);
    ring->asked = 0;
    world->note = ring;
}

static void end_a_watched_ring(struct world *world, struct ring *ring)
{
    for (unsigned i = 0; i < PART_MAX; i++) {
        gc_decref(ring->plain[i]);
    }
    gc_decref(ring->call);
    world->note = NULL;
    world->on_weak = NULL;
    world->on_finalize = world->on_destroy = NULL;
    world->finalized = world->destroyed = 0;
    world->story[0] = '\0';
}

/* Of how many one can get a reference; by either way of the same. */
static unsigned count_that_can_be_had(struct ring *ring)
{
    unsigned count = 0;
    for (unsigned i = 0; i < PART_MAX; i++) {
        void *by_weak = gc_weak_get(ring->plain[i]);
        bool by_address = gc_try_incref(ring->actors[i]);
        count += by_weak != NULL && by_address;
        expect(world_of(ring->call), (by_weak != NULL) == by_address);
        gc_xdecref(by_weak);
        if (by_address) {
            gc_decref(ring->actors[i]);
        }
    }
    return count;
}

static void expect_all(struct world *world)
{
    struct ring *ring = world->note;
    expect(world, count_that_can_be_had(ring) == PART_MAX);
    ring->asked++;
}
static void expect_all_when_finalized(struct world *world, struct actor *actor)
{
    (void)actor;
    expect_all(world);
}
static void expect_all_when_called(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    expect_all(world);
}
static void expect_none(struct world *world, struct actor *actor)
{
    struct ring *ring = world->note;
    expect(world, count_that_can_be_had(ring) == 0);
    for (unsigned i = 0; i < PART_MAX; i++) { /* who is next is not asked again */
        ring->actors[i] = ring->actors[i] == actor ? ring->actors[PART_MAX - 1] : ring->actors[i];
    }
    ring->asked++;
}

static void garbage_of_a_part_can_be_had_by_callbacks_before_it_is_cleared_only(void **state)
{
    struct world *world = *state;
    for (unsigned has_time = 0; has_time < 2; has_time++) {
        gc_heap *heap = patient_heap_new(world);
        struct ring ring;
        drop_a_watched_ring(world, &ring);
        world->on_weak = expect_all_when_called;
        world->on_finalize = expect_all_when_finalized;
        world->on_destroy = expect_none;
        gci_cycle_begin(heap);
        step_to(heap, GCI_PHASE_PARTS);
        assert_int_equal(count_that_can_be_had(&ring), PART_MAX); /* nobody knows yet */
        unsigned whole = 0, cleared = 0;                          /* slices */
        while (world->destroyed < PART_MAX) {
            bool more = gc_step(heap, has_time ? UINT64_MAX : 1);
            assert_true(more || world->destroyed == PART_MAX);
            assert_true(world->destroyed == PART_MAX || count_that_can_be_had(&ring) == 0);
            whole += world->finalized < PART_MAX;
            cleared += world->finalized == PART_MAX;
        }
        assert_true(has_time || (whole > 3 && cleared > 3));
        assert_int_equal(ring.asked, 1 + 2 * PART_MAX);
        step_to_the_end(heap);
        assert_int_equal(heap->cycle.report.collected, PART_MAX);
        assert_sound(heap);
        end_a_watched_ring(world, &ring);
    }
}

/* One of a type that has no clear, but drops its reference when it ends. */
static void late_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct node *)(void *)self)->left);
}
static void late_destroy(gc_object *self)
{
    struct world *world = world_of(self);
    world->destroyed++;
    if (world->on_destroy != NULL) {
        world->on_destroy(world, (struct actor *)(void *)self);
    }
    gc_clear(&((struct node *)(void *)self)->left);
}
static const gc_type late_type = {
    .name = "late",
    .size = sizeof(struct node),
    .traverse = late_traverse,
    .destroy = late_destroy,
};

static struct node *late_new(gc_heap *heap, struct node *left)
{
    struct node *late = gc_new(heap, &late_type);
    assert_non_null(late);
    late->left = left;
    return late;
}

/* Garbage in one part: a ring of a node and of such, and what it refers to, a ring that nobody
 * breaks. Returns one of that. */
enum { LATE = 100, LATE_RING = 2 };
static struct node *drop_late(gc_heap *heap)
{
    struct node *head = node_new(heap), *list = gc_newref(head);
    for (unsigned i = 0; i < LATE - 1; i++) {
        list = late_new(heap, list);
    }
    gc_set_steal(&head->left, list);
    struct node *ring = late_new(heap, NULL);
    gc_set_steal(&ring->left, late_new(heap, gc_newref(ring)));
    gc_set_steal(&head->right, ring);
    gc_decref(head);
    return ring;
}

/* Drop them, and let a cycle clear them: the first of them are in the backlog, and hold the
 * others. */
static struct node *begin_to_clear_late(gc_heap *heap)
{
    struct node *ring = drop_late(heap);
    gci_cycle_begin(heap);
    step_to(heap, GCI_PHASE_PARTS);
    step_to_backlog(heap);
    return ring;
}

/* Each has died, and is in one of the books; but those of the ring. */
static void assert_late_ended_once(struct world *world, uint64_t collected, uint64_t uncollectable)
{
    gc_stats stats = stats_of(world->heap);
    assert_int_equal(world->destroyed, LATE - 1);
    assert_int_equal(stats.objects_died, LATE);
    assert_int_equal(stats.generations[1].collected, collected);
    assert_int_equal(stats.died_by_count, LATE - collected);
    assert_int_equal(stats.generations[1].uncollectable, uncollectable);
    assert_int_equal(stats.generations[1].resurrected, 0);
    assert_live(world->heap, LATE_RING);
}

static void break_late_ring(struct node *ring)
{
    gc_decref(gc_take(&ring->left));
}

static void who_is_held_by_the_backlog_is_collected_and_who_nobody_breaks_is_not(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *ring = begin_to_clear_late(heap);
    unsigned slices = 0;
    for (; heap->backlog != NULL; slices++) {
        assert_false(gc_try_incref(ring));
        assert_int_equal(heap->cycle.report.uncollectable, 0);
        assert_true(step(heap));
    }
    assert_true(slices > 1);
    step_to_the_end(heap);
    assert_int_equal(heap->cycle.report.collected, LATE);
    assert_int_equal(heap->cycle.report.uncollectable, LATE_RING);
    assert_int_equal(heap->cycle.report.resurrected, 0);
    assert_late_ended_once(world, LATE, LATE_RING);
    assert_int_equal(ring->object.gc, heap->old);
    assert_int_equal(gc_refcount(ring), 1);
    assert_sound(heap);
    break_late_ring(ring);
}

/* A check leaves what is being cleared out of sight, and it goes on ending; the others end it. */
static void who_is_held_by_the_backlog_is_counted_once_if_somebody_looks(void **state)
{
    struct world *world = *state;
    for (unsigned i = 0; i < 16; i++) {
        unsigned how = i % 4, slices = i / 4;
        gc_heap *heap = patient_heap_new(world);
        struct node *ring = begin_to_clear_late(heap);
        for (unsigned k = 0; k < slices; k++) {
            assert_true(step(heap));
            assert_non_null(heap->backlog);
        }
        if (how == 0) {
            assert_sound(heap);
            assert_false(gc_try_incref(ring));
        } else if (how == 1) {
            assert_int_equal(gc_unreachable(heap, visit_nothing, NULL), 0);
        } else if (how == 2) {
            (void)gc_freeze(heap);
            (void)gc_unfreeze(heap);
        }
        assert_int_equal(gci_pacing_is_in_cycle(heap), how == 0 || how == 3);
        assert_true(how == 0 || how == 3 || ring->object.gc == heap->old);
        bool in_slices = how < 3 && i % 8 < 4;
        if (in_slices) {
            step_to_the_end(heap);
            assert_int_equal(stats_of(heap).generations[1].collections, 0); /* that was cut short */
        } else {
            (void)gc_collect(heap);
        }
        /* The collection finds the ring once more. */
        assert_late_ended_once(world, LATE, in_slices ? LATE_RING : 2 * LATE_RING);
        assert_int_equal(ring->object.gc, heap->old);
        assert_sound(heap);
        break_late_ring(ring);
        assert_live(heap, 0);
        world->destroyed = 0;
    }
}

static void young_are_not_collected_while_a_part_is_cleared(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *ring = begin_to_clear_late(heap);
    gc_thresholds thresholds;
    gc_get_thresholds(heap, &thresholds);
    thresholds.young_objects = 1;
    gc_set_thresholds(heap, &thresholds);
    struct actor *actor = actor_new(heap, 1);
    actor->left = actor;
    world->on_finalize = look_in_one_way;
    unsigned slices = 0;
    for (; gci_is_ending(heap); slices++) {
        assert_int_equal(world->finalized, 0);
        (void)step(heap);
    }
    assert_true(slices > 1);
    assert_int_equal(stats_of(heap).generations[1].collected, LATE);
    assert_int_equal(stats_of(heap).generations[1].uncollectable, LATE_RING);
    step_to_the_end(heap);
    (void)step(heap);
    assert_int_equal(world->finalized, 1);
    assert_int_equal(stats_of(heap).generations[0].collected, 1);
    assert_sound(heap);
    break_late_ring(ring);
    world->story[0] = '\0';
}

/* One whose clear drops something, but not its reference. */
static void lavish_clear(gc_object *self)
{
    gc_decref(actor_new(gc_heap_of(self), 1));
}
static const gc_type lavish_type = {
    .name = "lavish",
    .size = sizeof(struct node),
    .traverse = late_traverse,
    .clear = lavish_clear,
    .destroy = late_destroy,
};

static void who_drops_something_else_when_it_is_cleared_is_uncollectable(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *lavish = gc_new(heap, &lavish_type);
    assert_non_null(lavish);
    lavish->left = lavish;
    gci_cycle_begin(heap);
    step_to_the_end(heap);
    assert_int_equal(heap->cycle.report.collected, 0);
    assert_int_equal(heap->cycle.report.uncollectable, 1);
    assert_int_equal(lavish->object.gc, heap->old);
    assert_story(world, "F1 D1 "); /* once */
    assert_sound(heap);
    break_late_ring(lavish);
    assert_story(world, "F1 D1 ");
}

/* A finalizer that brings back who is noted; and how often each was finalized. */
static unsigned char times_finalized[2 * LARGE];
static void rise(struct world *world, struct actor *actor)
{
    times_finalized[actor->id]++;
    if (actor == world->note) {
        world->note = NULL;
        world->memo = gc_newref(actor);
    }
}

static void part_is_finalized_as_a_whole_though_some_of_it_is_brought_back(void **state)
{
    struct world *world = *state;
    enum { HALF = PART_MAX / 2 };
    for (unsigned two = 0; two < 2; two++) {
        gc_heap *heap = fresh_heap_new(world);
        memset(times_finalized, 0, sizeof(times_finalized));
        /* Those that refer to who is brought back stay garbage. */
        struct actor *others = two ? drop_actors(heap, HALF, HALF) : NULL;
        struct actor *first = drop_actors(heap, 0, HALF), *actor = first;
        gc_set(two ? &others->right : &first->right, first);
        unsigned garbage = two ? HALF : 0;
        world->note = first;
        world->on_finalize = rise;
        begin_parts(heap);
        assert_int_equal(examine_part(heap), garbage);
        assert_int_equal(finish(heap), 0);
        assert_int_equal(world->finalized, garbage + HALF);
        assert_int_equal(world->destroyed, garbage);
        assert_int_equal(heap->cycle.report.resurrected, HALF);
        assert_int_equal(heap->cycle.report.collected, garbage);
        assert_int_equal(stats_of(heap).generations[1].resurrected, HALF);
        for (unsigned i = 0; i < HALF; i++, actor = actor->left) {
            assert_int_equal(actor->object.gc, heap->old);
            assert_int_equal(gc_refcount(actor), i > 0 ? 1 : two ? 2 : 3);
        }
        assert_ptr_equal(actor, first);
        assert_sound(heap);
        gc_decref(gc_take((struct actor **)&world->memo));
        begin_parts(heap);
        assert_int_equal(examine_parts(heap), HALF);
        assert_int_equal(finish(heap), 0);
        assert_int_equal(heap->cycle.report.resurrected, 0);
        for (unsigned id = 0; id < HALF + garbage; id++) {
            assert_int_equal(times_finalized[id], 1);
        }
        assert_int_equal(world->destroyed, HALF + garbage);
        assert_live(heap, 0);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

static void weak_reference_in_a_part_that_ends_in_slices_is_not_called(void **state)
{
    struct world *world = *state;
    for (unsigned stage = 0; stage < 4; stage++) {
        gc_heap *heap = patient_heap_new(world);
        struct leaf *leaf = leaf_new(heap, 1);
        struct leaf *kept = leaf_new(heap, 2);
        gc_weak *before = weak_with_callback(kept, 2); /* parts come by its page last */
        struct ring ring;
        drop_a_watched_ring(world, &ring);
        for (unsigned i = 0; i < 4; i++) {
            struct actor *owner = ring.actors[i * PART_MAX / 4];
            gc_set_steal(&owner->right, (void *)weak_with_callback(leaf, 1));
        }
        gci_cycle_begin(heap);
        step_to(heap, GCI_PHASE_PARTS);
        heap->cycle.part_max = LARGE; /* there is room for the weak references */
        do {
            assert_true(step(heap));
        } while (stage == 0   ? !gci_is_ending(heap)
                 : stage == 1 ? world->finalized == 0
                 : stage == 2 ? heap->backlog == NULL
                              : world->destroyed == 0);
        assert_true(stage == 0 ? world->finalized == 0 : strncmp(world->story, "W0 ", 3) == 0);
        assert_true(stage != 1 || world->finalized < PART_MAX);
        world->story[0] = '\0';
        gc_decref(leaf); /* by the program, between slices */
        assert_story(world, "L1 ");
        world->destroyed--;
        step_to_the_end(heap);
        const char *called = strchr(world->story, 'W');
        assert_true(stage == 0 ? called == world->story && strncmp(called, "W0 ", 3) == 0
                               : called == NULL);
        assert_true(called == NULL || strchr(called + 1, 'W') == NULL);
        assert_int_equal(world->finalized, PART_MAX);
        assert_int_equal(world->destroyed, PART_MAX);
        assert_int_equal(heap->cycle.report.resurrected, 0);
        assert_sound(heap);
        gc_decref(before);
        gc_decref(kept);
        end_a_watched_ring(world, &ring);
        assert_live(heap, 0);
    }
}

/* The first of garbage is held by a member of a ring, which lets go of it. */
static void let_the_first_go(struct world *world)
{
    struct actor *holder = world->note;
    world->note = NULL;
    if (holder != NULL) {
        gc_clear(&holder->right);
    }
}
static void let_the_first_go_when_called(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    let_the_first_go(world);
}
static void let_the_first_go_when_finalized(struct world *world, struct actor *actor)
{
    times_finalized[actor->id % LARGE]++;
    if (actor->id == 3) {
        let_the_first_go(world);
    }
}

static void part_whose_first_member_dies_between_its_steps_ends_all_the_same(void **state)
{
    struct world *world = *state;
    for (unsigned called = 0; called < 2; called++) {
        gc_heap *heap = patient_heap_new(world);
        memset(times_finalized, 0, sizeof(times_finalized));
        struct actor *first = actor_new(heap, 0), *ring = drop_actors(heap, 1, PART_MAX - 1);
        gc_set(&first->left, ring);
        gc_set_steal(&ring->left->right, first);
        gc_weak *weak = weak_with_callback(ring, 1);
        world->note = ring->left;
        world->on_weak = called ? let_the_first_go_when_called : NULL;
        world->on_finalize = let_the_first_go_when_finalized;
        gci_cycle_begin(heap);
        while (world->note != NULL) {
            assert_true(step(heap));
        }
        assert_true(!called || world->finalized == 0);
        assert_int_equal(world->destroyed, 0); /* it is in the backlog */
        while (world->destroyed < PART_MAX) {
            assert_true(step(heap));
            assert_int_equal(heap->cycle.phase, GCI_PHASE_PARTS);
            assert_true(world->destroyed == PART_MAX || !gc_try_incref(ring));
        }
        step_to_the_end(heap);
        assert_int_equal(heap->cycle.report.collected, PART_MAX);
        assert_int_equal(heap->cycle.report.resurrected, 0);
        assert_int_equal(stats_of(heap).died_by_count, 0);
        for (unsigned id = 0; id < PART_MAX; id++) {
            assert_int_equal(times_finalized[id], 1);
        }
        assert_sound(heap);
        gc_decref(weak);
        assert_live(heap, 0);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

/* Few are in a page. */
static const gc_type broad_actor_type = {
    .name = "broad actor",
    .size = 12016,
    .refs = OURO_REFS(struct actor, left, right, leaf),
    .finalize = actor_finalize,
    .destroy = actor_destroy,
};

static void page_of_a_part_is_not_used_anew_while_garbage_of_it_is_ending(void **state)
{
    struct world *world = *state;
    enum { WIDES = 3000, BROADS = 4 };
    static struct wide *wides[WIDES];
    static const enum gci_ending_step steps[] = { GCI_END_FINALIZE, GCI_END_CLEAR };
    for (unsigned i = 0; i < 2 * BROADS; i++) {
        gc_heap *heap = fresh_heap_new(world);
        struct actor *ring = drop_actors(heap, 1, PART_MAX - 1), *broads[BROADS];
        for (unsigned k = 0; k < BROADS; k++) {
            broads[k] = gc_new(heap, &broad_actor_type);
            assert_non_null(broads[k]);
        }
        struct actor *first = broads[i % BROADS];
        const struct gci_page *page = page_of(first);
        gc_set(&first->left, ring);
        gc_set(&ring->right, first);
        gc_decref(first);
        begin_parts(heap);
        run_to_step(heap, steps[i / BROADS]);
        gc_clear(&ring->right); /* as a callback may */
        for (unsigned k = 0; k < BROADS; k++) {
            if (broads[k] != first) {
                gc_decref(broads[k]);
            }
        }
        assert_int_equal(world->destroyed, BROADS);
        gci_pages_drop_idle(heap);
        (void)gci_pages_trim(heap, SIZE_MAX);
        for (size_t k = 0; k < WIDES; k++) {
            wides[k] = wide_new(heap);
            assert_ptr_not_equal(page_of(wides[k]), page);
        }
        assert_int_equal(examine_parts(heap), PART_MAX);
        assert_int_equal(finish(heap), 0);
        gci_pages_drop_idle(heap);
        assert_null(page->record);
        for (size_t k = 0; k < WIDES; k++) {
            gc_decref(wides[k]);
        }
        assert_int_equal(world->destroyed, PART_MAX - 1 + BROADS);
        assert_int_equal(world->finalized, PART_MAX - 1 + BROADS);
        assert_sound(heap);
        assert_live(heap, 0);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

/* Slots so large that there is no free one after the last. */
static const gc_type broad_type = {
    .name = "broad",
    .size = GCI_SMALL_MAX,
    .refs = OURO_REFS(struct node, left, right),
};

static void drop_some_when_called(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    drop_a_list(list_new(world->heap, 10)); /* in a page of suspects */
}

/* Suspects are in chains while they are marked, in which none of them may die unnoticed. */
static void
what_a_callback_drops_after_the_last_part_is_gone_before_suspects_are_marked(void **state)
{
    struct world *world = *state;
    enum { COUNT = 5000 };
    gc_heap *heap = patient_heap_new(world);
    struct node *last = gc_new(heap, &broad_type), *holder = node_new(heap);
    assert_non_null(last);
    last->left = last;
    struct tuple *tuple = tuple_new(heap, COUNT);
    holder->left = as_node(tuple);
    for (size_t i = 0; i < COUNT; i++) {
        tuple->items[i] = node_new(heap);
    }
    world->on_weak = drop_some_when_called;
    suspect_what_is_held_by(&holder, 1, heap);
    step_to(heap, GCI_PHASE_PARTS);
    heap->cycle.part_max = PART_MAX + 1; /* there are no larger ones after them */
    last->right = node_new(heap);        /* as through a weak reference */
    gc_weak *weak = weak_with_callback(last->right, 1);
    step_to(heap, GCI_PHASE_SWEEP);
    assert_story(world, "W1 ");
    assert_null(heap->backlog);
    while (gc_step(heap, UINT64_MAX)) {
    }
    assert_int_equal(heap->cycle.report.rounds, 2);
    assert_int_equal(heap->cycle.report.resurrected, 0);
    assert_null(heap->backlog);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(tuple->items[i]->object.gc, heap->old);
        assert_int_equal(gc_refcount(tuple->items[i]), 1);
    }
    assert_sound(heap);
    gc_decref(holder);
    gc_decref(weak);
    assert_live(heap, 0);
}

/* One is brought back, and held by the program, which lets go of the others. */
static void what_the_program_drops_of_a_part_before_its_rescue_is_collected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = fresh_heap_new(world);
    struct actor *first = drop_a_ring_of_actors(heap, 1);
    world->note = first->left;
    world->on_finalize = rise;
    begin_parts(heap);
    run_to_step(heap, GCI_END_RESCUE);
    struct actor *risen = gc_take((struct actor **)&world->memo);
    gc_set(&risen->left, risen); /* the others die by their counts */
    assert_int_equal(world->destroyed, PART_MIN - 1);
    assert_int_equal(finish_slowly(heap), PART_MIN - 1);
    assert_int_equal(heap->cycle.report.resurrected, 1);
    assert_int_equal(stats_of(heap).died_by_count, 0);
    assert_int_equal(world->finalized, PART_MIN);
    gc_clear(&risen->left);
    gc_decref(risen);
    assert_live(heap, 0);
}

/* The end of one gives what it holds to the world, which is cleared garbage. */
enum { BEFORE = 20 };
static void hand_over(struct world *world, struct actor *actor)
{
    if (world->destroyed == BEFORE) {
        world->memo = gc_take(&((struct node *)(void *)actor)->left);
    }
}

static void who_is_handed_over_by_a_destroy_is_not_collected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *ring = drop_late(heap);
    world->on_destroy = hand_over;
    gci_cycle_begin(heap);
    step_to_the_end(heap);
    assert_int_equal(world->destroyed, BEFORE);
    assert_int_equal(stats_of(heap).objects_died, BEFORE);
    assert_int_equal(heap->cycle.report.collected, BEFORE);
    assert_int_equal(heap->cycle.report.uncollectable, LATE - BEFORE + LATE_RING);
    assert_int_equal(stats_of(heap).generations[1].collected, BEFORE);
    gc_decref(gc_take((struct node **)&world->memo));
    assert_int_equal(stats_of(heap).died_by_count, LATE - BEFORE);
    break_late_ring(ring);
    assert_live(heap, 0);
}

/* Between parts */

/* A cycle in the middle of its parts, with suspects of all kinds: some garbage has ended, some has
 * not been seen, some suspects live. */
enum { HELD = 40 };
struct middle {
    struct node *holders[HELD];
};

static void make_a_middle(gc_heap *heap, struct middle *middle, unsigned slices)
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
    for (unsigned i = 0; i < slices; i++) {
        slice(heap);
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

enum { SLICES = 60 }; /* the last of them are after the parts, and many in an ending */

static void frozen_between_parts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct middle middle;
    bool seen[GCI_END_FREE + 1] = { false };
    for (unsigned slices = 0; slices < SLICES; slices++) {
        make_a_middle(heap, &middle, slices);
        seen[heap->ending.step] = true;
        (void)gc_freeze(heap);
        assert_false(gci_pacing_is_in_cycle(heap));
        assert_sound(heap);
        (void)gc_unfreeze(heap);
        assert_sound(heap);
        end_a_middle(world, &middle);
    }
    for (enum gci_ending_step i = GCI_END_NONE; i <= GCI_END_FREE; i++) {
        assert_int_equal(seen[i], i != GCI_END_SAVE);
    }
}

static void abandoned_between_parts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct middle middle;
    for (unsigned slices = 0; slices < SLICES; slices++) {
        make_a_middle(heap, &middle, slices);
        gci_cycle_abandon(heap);
        assert_true(gci_cycle_is_over(heap));
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
    for (unsigned slices = 0; slices < SLICES; slices++) {
        make_a_middle(world_new_heap(world, NULL), &middle, slices);
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
    for (unsigned slices = 0; slices < SLICES; slices += 5) {
        make_a_middle(heap, &middle, slices);
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
        size_t before = collected(heap);
        begin_parts(heap);
        while (heap->cycle.phase == GCI_PHASE_PARTS) {
            slice(heap);
            (void)gci_pages_trim(heap, SIZE_MAX);
        }
        assert_int_equal(collected(heap) - before, 6);
        assert_int_equal(finish(heap), 0);
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
    enum { COUNT = 30000, SPANS = 3, WORDS = 3 * GCI_PAGE_SIZE / 8 };
    static struct node *holders[COUNT];
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
        if (p == 1) {
            run_to(heap, GCI_PHASE_SWEEP);
        } else if (p == 2) {
            heap->cycle.part_max = PART_MAX * 4; /* as in src/parts.c: no larger parts follow */
            run_to_last_part(heap);
        }
        for (size_t i = 0; i < COUNT; i++) {
            gc_clear(&holders[i]->left);
        }
        gci_pages_drop_idle(heap);
        gc_object word = { OURO_REFS_ONE, state_of_set(heap) };
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
        assert_int_equal(finish_slowly(heap), 0);
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
        assert_int_equal(finish_slowly(heap), save ? 0 : all);
        assert_int_equal(heap->cycle.report.saved, save ? all : 0);
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

/* Looks at the heap when it is cleared. */
static void looker_clear(gc_object *self)
{
    struct node *looker = (struct node *)(void *)self;
    assert_true(gc_check(gc_heap_of(self)));
    gc_clear(&looker->left);
    gc_clear(&looker->right);
}
static void looker_traverse(gc_object *self, gc_visitor *visitor)
{
    struct node *looker = (struct node *)(void *)self;
    gc_visit(visitor, looker->left);
    gc_visit(visitor, looker->right);
}
/* Nobody clears it, so it lives on. */
static void held_destroy(gc_object *self)
{
    gc_clear(&((struct node *)(void *)self)->left);
    gc_clear(&((struct node *)(void *)self)->right);
}
static const gc_type held_type = {
    .name = "held",
    .size = sizeof(struct node),
    .traverse = looker_traverse,
    .destroy = held_destroy,
};
static const gc_type looker_type = {
    .name = "looker",
    .size = sizeof(struct node),
    .traverse = looker_traverse,
    .clear = looker_clear,
};

static void who_lives_on_when_a_clear_looks_at_the_heap_is_not_collected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    for (unsigned i = 0; i < 50; i++) {
        struct node *held = gc_new(heap, &held_type), *looker = gc_new(heap, &looker_type);
        assert_non_null(held);
        assert_non_null(looker);
        held->left = looker;
        held->right = gc_newref(held);
        looker->left = held;
        looker->right = gc_new(heap, &looker_type);
    }
    gci_cycle_begin(heap);
    step_to_the_end(heap);
    gc_stats stats = stats_of(heap);
    assert_true(stats.generations[1].collected <= stats.objects_died);
    assert_int_equal(stats.objects_live + stats.objects_died, stats.objects_born);
    assert_sound(heap);
    world->leftovers = true;
}

/* In parts some would be kept by what is saved of others that refer to it, and not be saved
 * itself. */
static void garbage_is_saved_if_that_is_asked_for_when_parts_have_begun(void **state)
{
    struct world *world = *state;
    enum { RINGS = 100 };
    gc_heap *heap = patient_heap_new(world);
    struct actor *before = NULL;
    for (unsigned i = 0; i < RINGS; i++) {
        struct actor *actor = actor_new(heap, 1);
        actor->left = actor;
        gc_set(&actor->right, before);
        before = actor;
    }
    gci_cycle_begin(heap);
    step_to(heap, GCI_PHASE_PARTS);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    step_to_the_end(heap);
    assert_int_equal(world->finalized, RINGS);
    assert_int_equal(world->destroyed, 0);
    assert_int_equal(heap->cycle.report.saved, RINGS);
    (void)gc_set_debug(heap, 0);
    assert_int_equal(gc_release_saved(heap), RINGS);
    assert_int_equal(gc_collect(heap), RINGS);
    assert_live(heap, 0);
    world->story[0] = '\0';
}

static void what_is_being_cleared_when_that_is_asked_for_is_not_saved(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *ring = begin_to_clear_late(heap);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    step_to_the_end(heap);
    assert_late_ended_once(world, LATE, LATE_RING);
    assert_int_equal(stats_of(heap).generations[1].collections, 1);
    assert_int_equal(heap->cycle.report.saved, 0);
    assert_int_equal(ring->object.gc, heap->old);
    (void)gc_set_debug(heap, 0);
    assert_sound(heap);
    break_late_ring(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(part_that_is_garbage_ends_before_the_next_one),
        world_test(suspects_that_live_pass_all_parts_and_the_last_one),
        world_test(part_is_all_that_its_first_members_reach),
        world_test(garbage_that_a_later_part_refers_to_ends_in_the_last_part),
        world_test(part_has_no_more_members_than_there_is_room_for),
        world_test(garbage_that_hangs_on_other_garbage_ends_whatever_the_order),
        world_test(suspects_that_live_are_let_go_of_by_garbage_and_keep_their_counts),
        world_test(part_leaves_alone_who_is_young_or_marked),
        world_test(suspects_change_between_parts),
        world_test(who_dies_with_trivial_garbage_of_a_part_does_not_find_it),
        world_test(what_patches_said_before_is_forgotten),
        world_test(page_of_which_all_suspects_have_gone_is_passed_over),
        world_test(part_that_is_not_plain_ends_before_the_next_one_too),
        world_test(resurrected_by_its_own_finalizer_in_a_part_is_old),
        world_test(resurrected_before_the_first_step_of_its_ending_lives_on),
        world_test(moved_by_a_finalizer_is_not_collected),
        world_test(resurrected_by_another_part_lives_on),
        world_test(look_at_the_heap_by_a_finalizer_or_destroy_ends_the_cycle_only),
        world_test(callbacks_of_a_part_may_do_a_lot),
        world_test(weak_reference_that_lives_is_called_once_before_the_next_part),
        world_test(garbage_that_is_called_for_is_found_by_nobody_afterwards),
        world_test(weak_reference_that_is_garbage_is_called_only_if_it_is_not_found_yet),
        world_test(weak_reference_that_is_suspect_and_lives_is_called_once),
        world_test(weak_reference_that_has_called_back_keeps_nobody_from_ending_in_parts),
        world_test(cycle_without_parts_has_further_rounds_like_others),
        world_test(large_part_ends_in_slices_like_other_garbage),
        world_test(garbage_of_a_part_can_be_had_by_callbacks_before_it_is_cleared_only),
        world_test(who_is_held_by_the_backlog_is_collected_and_who_nobody_breaks_is_not),
        world_test(who_is_held_by_the_backlog_is_counted_once_if_somebody_looks),
        world_test(young_are_not_collected_while_a_part_is_cleared),
        world_test(who_drops_something_else_when_it_is_cleared_is_uncollectable),
        world_test(part_is_finalized_as_a_whole_though_some_of_it_is_brought_back),
        world_test(weak_reference_in_a_part_that_ends_in_slices_is_not_called),
        world_test(part_whose_first_member_dies_between_its_steps_ends_all_the_same),
        world_test(page_of_a_part_is_not_used_anew_while_garbage_of_it_is_ending),
        world_test(what_a_callback_drops_after_the_last_part_is_gone_before_suspects_are_marked),
        world_test(what_the_program_drops_of_a_part_before_its_rescue_is_collected),
        world_test(who_is_handed_over_by_a_destroy_is_not_collected),
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
        world_test(who_lives_on_when_a_clear_looks_at_the_heap_is_not_collected),
        world_test(garbage_is_saved_if_that_is_asked_for_when_parts_have_begun),
        world_test(what_is_being_cleared_when_that_is_asked_for_is_not_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
