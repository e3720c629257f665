/* SPDX-License-Identifier: MIT */

/* The old generation in slices, white box: garbage that ends in them, from its first callback to the last
 * slot; the backlog of what dies by that; and weak references that wait until a cycle knows. */

#include "cycle_support.h"

/* Plain garbage */

static void slots_of_plain_garbage_are_not_used_before_all_is_dropped(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *held = node_new(heap);
    (void)drop_a_ring(heap, 30000);
    struct node *last = node_new(heap);
    struct gci_page *first = page_of(held);
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_DROP);
    struct node *list = NULL;
    while (heap->ending.step == GCI_END_DROP) {
        struct node *born = node_new(heap);
        assert_true(page_of(born) != first);
        born->left = list;
        list = born;
        slice(heap);
    }
    assert_int_equal(heap->ending.step, GCI_END_FREE);
    while (heap->ending.step == GCI_END_FREE) {
        for (size_t i = 0; i < 500; i++) {
            struct node *born = node_new(heap);
            born->left = list;
            list = born;
        }
        slice(heap);
    }
    assert_int_equal(finish(heap), 0);
    assert_int_equal(collected(heap), 30000);
    assert_sound(heap);
    drop_a_list(list);
    gc_decref(held);
    gc_decref(last);
}

static void plain_garbage_drops_what_it_holds(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *ring = drop_a_ring(heap, 3);
    struct node *kept = node_new(heap);
    ring->right = (struct node *)(void *)leaf_new(heap, 1);
    gc_set(&ring->left->right, kept);
    gci_cycle_begin(heap);
    assert_int_equal(finish(heap), 3);
    assert_story(world, "L1 ");
    assert_int_equal(gc_refcount(kept), 1);
    gc_decref(kept);
}

/* Garbage that is larger than a part, and not plain */

/* More than a part may have; and the objects between two looks at the clock where user code may run, as in
 * src/ending.c. */
enum { BIG = 1000, RANGE = 4 };
/* One that has everything, and counts what happens to it and to the weak references to it. The so-manieth
 * time that something happens, somebody may look. */
enum event { CALLED, FINALIZED, CLEARED, DESTROYED, EVENTS };
struct story {
    size_t times[EVENTS];
    void (*look)(gc_heap *heap);
    enum event event;
    size_t time;
};
struct full {
    gc_object object;
    struct full *next;
};

static struct story *story_of(const void *object)
{
    return world_of(object)->memo;
}

static void happen(const void *object, enum event event)
{
    struct story *story = story_of(object);
    story->times[event]++;
    if (story->look != NULL && event == story->event && story->times[event] == story->time) {
        story->look(gc_heap_of(object)); /* last: the object may be gone */
    }
}

static void full_finalize(gc_object *self)
{
    happen(self, FINALIZED);
}
static void full_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct full *)(void *)self)->next);
}
static void full_clear(gc_object *self)
{
    gc_clear(&((struct full *)(void *)self)->next);
    happen(self, CLEARED);
}
static void full_destroy(gc_object *self)
{
    expect(world_of(self), ((struct full *)(void *)self)->next == NULL);
    happen(self, DESTROYED);
}
static const gc_type full_type = {
    .name = "full",
    .size = sizeof(struct full),
    .traverse = full_traverse,
    .finalize = full_finalize,
    .clear = full_clear,
    .destroy = full_destroy,
};

static void weak_tells(struct world *world, gc_weak *weak, unsigned id)
{
    (void)world;
    (void)id;
    happen(weak, CALLED);
}

/* Garbage: a ring of such, with weak references to some of them that nobody holds but the caller, */
enum { CALLS = 40 };
struct watched {
    struct story story;
    struct full *first, *middle;
    gc_weak *calls[CALLS];
    gc_weak *plain; /* to the one in the middle */
};

static void drop_watched(struct world *world, struct watched *watched)
{
    struct full *first = gc_new(world->heap, &full_type), *last = first;
    assert_non_null(first);
    watched->story = (struct story){ .look = NULL };
    world->memo = &watched->story;
    world->on_weak = weak_tells;
    for (unsigned i = 1, k = 0; i < BIG; i++) {
        last->next = gc_new(world->heap, &full_type);
        assert_non_null(last->next);
        last = last->next;
        if (i % (BIG / CALLS) == 1) {
            watched->calls[k] = weak_with_callback(last, k);
            k++;
        }
        if (i == BIG / 2) {
            watched->middle = last;
            watched->plain = plain_weak(last);
        }
    }
    last->next = watched->first = first;
}

/* and the end of that. */
static void end_watched(struct world *world, struct watched *watched)
{
    for (unsigned i = 0; i < CALLS; i++) {
        gc_decref(watched->calls[i]);
    }
    gc_decref(watched->plain);
    world->on_weak = NULL;
    world->story[0] = '\0';
}

static struct actor *drop_big(gc_heap *heap)
{
    return drop_actors(heap, 1, BIG);
}

static void big_garbage_ends_a_few_objects_at_a_time(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    (void)drop_big(heap);
    gci_cycle_begin(heap);
    unsigned slices = 0;
    for (bool more = true; more; slices++) {
        unsigned finalized = world->finalized, destroyed = world->destroyed;
        more = step(heap);
        assert_true(world->finalized - finalized <= RANGE);
        assert_true(world->destroyed - destroyed <= DEATHS);
        assert_true(world->destroyed == 0 || world->finalized == BIG);
    }
    assert_true(slices > BIG / RANGE + BIG / DEATHS);
    assert_int_equal(world->finalized, BIG);
    assert_int_equal(world->destroyed, BIG);
    assert_live(heap, 0);
    world->story[0] = '\0';
}

static void big_garbage_ends_in_the_same_order_as_at_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    for (unsigned cycles = 0; cycles < 2; cycles++) {
        struct watched watched;
        drop_watched(world, &watched);
        const size_t *times = watched.story.times;
        gci_cycle_begin(heap);
        for (size_t called = 0; step(heap); called = times[CALLED]) {
            assert_true(times[CALLED] - called <= 1); /* or as many as there is time for */
            assert_true(times[FINALIZED] == 0 || times[CALLED] == CALLS);
            assert_true(times[CLEARED] + times[DESTROYED] == 0 || times[FINALIZED] == BIG);
            assert_true(times[CLEARED] >= times[DESTROYED]);
        }
        assert_int_equal(times[CALLED], CALLS);
        assert_int_equal(times[FINALIZED], BIG);
        assert_int_equal(times[DESTROYED], BIG);
        end_watched(world, &watched);
        assert_live(heap, 0);
    }
}

static void every_step_of_an_ending_has_a_slice_of_its_own_at_least(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct watched watched;
    drop_watched(world, &watched);
    const size_t *times = watched.story.times;
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_WEAK_CALLBACKS);
    assert_int_equal(times[CALLED], 0);
    run_to_step(heap, GCI_END_FINALIZE);
    assert_int_equal(times[FINALIZED], 0);
    run_to_step(heap, GCI_END_RESCUE);
    assert_int_equal(times[CALLED], CALLS);
    assert_int_equal(times[FINALIZED], BIG);
    assert_int_equal(times[CLEARED], 0);
    run_to_step(heap, GCI_END_CLEAR);
    assert_int_equal(times[CLEARED], 0);
    run_to_step(heap, GCI_END_RELEASE);
    assert_int_equal(times[DESTROYED], BIG);
    step_to_the_end(heap);
    end_watched(world, &watched);
}

/* Whether a member can be had, as the program may ask between slices. */
static bool can_be_had(const struct watched *watched)
{
    void *by_weak = gc_weak_get(watched->plain);
    bool by_address = gc_try_incref(watched->middle);
    assert_true((by_weak != NULL) == by_address);
    assert_true(by_weak == NULL || by_weak == watched->middle);
    gc_xdecref(by_weak);
    if (by_address) {
        gc_decref(watched->middle);
    }
    return by_address;
}

static void big_garbage_cannot_be_had_between_the_slices_in_which_it_ends(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct watched watched;
    drop_watched(world, &watched);
    gci_cycle_begin(heap);
    run_to_last_part(heap); /* to ask before would touch it, and the cycle trust in that */
    assert_true(can_be_had(&watched));
    run_to_step(heap, GCI_END_WEAK_CALLBACKS);
    bool seen[GCI_END_FREE + 1] = { false };
    while (watched.story.times[DESTROYED] < BIG) {
        assert_null(gc_weak_get(watched.plain));
        if (watched.story.times[DESTROYED] == 0) {
            seen[heap->ending.step] = true;
            assert_false(can_be_had(&watched));
        }
        assert_true(step(heap));
    }
    for (enum gci_ending_step i = GCI_END_WEAK_CALLBACKS; i <= GCI_END_CLEAR; i++) {
        assert_true(seen[i]);
    }
    assert_int_equal(watched.story.times[FINALIZED], BIG);
    step_to_the_end(heap);
    end_watched(world, &watched);
}

static struct watched *asked; /* by callbacks */

static void ask_in_a_slice(gc_heap *heap)
{
    bool is_whole = asked->story.times[CLEARED] + asked->story.times[DESTROYED] == 0;
    struct full *full = gc_weak_get(asked->plain);
    expect(gc_heap_user_data(heap), full == (is_whole ? asked->middle : NULL));
    gc_xdecref(full);
}

static void callbacks_in_slices_can_have_big_garbage_until_it_is_cleared(void **state)
{
    struct world *world = *state;
    for (enum event event = CALLED; event < EVENTS; event++) {
        size_t most = event == CALLED ? CALLS : BIG;
        for (size_t time = 1; time <= most; time += most / 4) {
            gc_heap *heap = patient_heap_new(world);
            struct watched watched;
            drop_watched(world, &watched);
            watched.story.look = ask_in_a_slice;
            watched.story.event = event;
            watched.story.time = time;
            asked = &watched;
            gci_cycle_begin(heap);
            step_to_the_end(heap);
            assert_true(watched.story.times[event] >= time);
            assert_int_equal(watched.story.times[DESTROYED], BIG);
            end_watched(world, &watched);
        }
    }
}

static void see_the_middle(struct world *world, struct actor *actor)
{
    (void)actor;
    bool is_whole = world->heap->ending.step == GCI_END_FINALIZE;
    struct actor *middle = gc_weak_get(world->note);
    expect(world, (middle != NULL) == is_whole);
    expect(world, !is_whole || (middle->left != NULL && middle->left->left != NULL));
    gc_xdecref(middle);
}

static void finalizers_of_big_garbage_read_it_whole_and_destroys_not_at_all(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct actor *first = drop_big(heap);
    gc_weak *weak = plain_weak(first->left->left);
    world->note = weak;
    world->on_finalize = world->on_destroy = see_the_middle;
    gci_cycle_begin(heap);
    step_to_the_end(heap);
    assert_int_equal(world->destroyed, BIG);
    gc_decref(weak);
    world->story[0] = '\0';
}

static void callbacks_of_big_garbage_that_are_garbage_are_not_called(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct actor *first = drop_big(heap);
    struct node *ring = drop_a_ring(heap, PART_MAX + 10);
    gc_set_steal(&first->right, as_node(weak_with_callback(first->left, 1)));
    gc_set_steal(&ring->right, as_node(weak_with_callback(first, 2))); /* in other garbage, */
    gc_set(&ring->left->right, as_node(first));                        /* which holds it */
    gci_cycle_begin(heap);
    step_to_the_end(heap);
    assert_int_equal(world->destroyed, BIG);
    assert_null(strchr(world->story, 'W'));
    assert_live(heap, 0);
    world->story[0] = '\0';
}

static void watchers_of_big_garbage_are_called_when_it_is_past_rescue(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct actor *first = drop_big(heap);
    gc_weak *weak = watcher(first->left, 1);
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_CLEAR);
    assert_null(strchr(world->story, 'W'));
    world->story[0] = '\0';
    assert_true(step(heap));
    assert_story(world, "W1 ");
    assert_int_equal(world->destroyed, 0);
    step_to_the_end(heap);
    gc_decref(weak);
    world->story[0] = '\0';
}

static void one_that_rises_from_big_garbage_brings_back_what_it_reaches_and_no_more(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct actor *first = drop_big(heap);
    (void)drop_actors(heap, BIG + 1, BIG);
    world->on_finalize = rise_if_first;
    gci_cycle_begin(heap);
    step_to_the_end(heap);
    assert_ptr_equal(world->note, first);
    assert_int_equal(gc_refcount(first), 2);
    struct actor *actor = first;
    for (unsigned i = 0; i < BIG; i++, actor = actor->left) {
        assert_int_equal(actor->object.gc, heap->old);
    }
    assert_ptr_equal(actor, first);
    assert_int_equal(world->finalized, 2 * BIG);
    assert_int_equal(world->destroyed, BIG);
    assert_int_equal(heap->cycle.report.resurrected, BIG);
    assert_int_equal(heap->cycle.report.collected, BIG);
    assert_int_equal(heap->cycle.report.uncollectable, 0);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.generations[1].resurrected, BIG);
    assert_int_equal(stats.generations[1].collected, BIG);
    assert_int_equal(stats.finalized, 2 * BIG);
    assert_int_equal(stats.died_by_count, 0);
    assert_int_equal(stats.bytes_live, BIG * page_of(first)->slot_size);
    assert_sound(heap);
    gc_decref(first);
    gci_cycle_begin(heap);
    step_to_the_end(heap);
    assert_int_equal(world->finalized, 2 * BIG);
    assert_int_equal(heap->cycle.report.collected, BIG);
    assert_int_equal(heap->cycle.report.resurrected, 0);
    assert_live(heap, 0);
    world->story[0] = '\0';
}

/* Callbacks of each kind that run before the second search, one of which takes what a weak reference
 * leads to: the call of a weak reference, a finalizer, and the destroy of who dies by a finalizer, in
 * the slice of the search. */
struct taker {
    gc_weak *weak;
    struct leaf *leaf; /* held, until a finalizer lets go of it */
    struct actor *taken;
    enum gci_ending_step step; /* then */
    bool breaks;               /* it lets go again, and of what that one refers to */
};
enum { TAKERS = 3 };

static void take(struct world *world)
{
    struct taker *taker = world->note;
    struct actor *actor = gc_weak_get(taker->weak);
    expect(world, actor != NULL && taker->taken == NULL);
    taker->taken = actor;
    taker->step = world->heap->ending.step;
    if (taker->breaks && actor != NULL) {
        gc_clear(&actor->left);
        gc_decref(actor);
    }
}
static void take_when_called(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    take(world);
}
static void take_when_finalized(struct world *world, struct actor *actor)
{
    if (actor->id == BIG / 2) {
        take(world);
    }
}
static void let_a_leaf_go(struct world *world, struct actor *actor)
{
    struct taker *taker = world->note;
    if (actor->id == BIG / 2) {
        gc_clear(&taker->leaf);
    }
}
static void take_in_a_death(struct world *world, struct leaf *leaf)
{
    (void)leaf;
    take(world);
}

/* Have big garbage end, to the end of the cycle, with such a callback. Returns its first member. */
static struct actor *end_with_a_taker(struct world *world, unsigned kind, struct taker *taker)
{
    static const enum gci_ending_step steps[TAKERS] = { GCI_END_FINALIZE, GCI_END_FINALIZE,
                                                        GCI_END_RESCUE };
    gc_heap *heap = patient_heap_new(world);
    struct actor *first = drop_big(heap);
    gc_weak *call = weak_with_callback(first->left, 1);
    world->note = taker;
    taker->weak = plain_weak(first);
    taker->leaf = leaf_new(heap, 1);
    world->on_weak = kind == 0 ? take_when_called : NULL;
    world->on_finalize = kind == 1 ? take_when_finalized : kind == 2 ? let_a_leaf_go : NULL;
    world->on_leaf = kind == 2 ? take_in_a_death : NULL;
    gci_cycle_begin(heap);
    if (kind == 2) {
        run_to_step(heap, GCI_END_FINALIZE);
        (void)gc_step(heap, UINT64_MAX); /* it waits for the step of the search */
    }
    step_to_the_end(heap);
    assert_ptr_equal(taker->taken, first);
    assert_int_equal(taker->step, steps[kind]);
    assert_int_equal(world->finalized, BIG);
    world->on_weak = NULL;
    world->on_finalize = NULL;
    world->on_leaf = NULL;
    gc_decref(call);
    gc_decref(taker->weak);
    gc_xdecref(taker->leaf);
    world->destroyed--; /* the leaf */
    return first;
}

static void taken_by_a_callback_before_the_search_after_finalizers_lives(void **state)
{
    struct world *world = *state;
    for (unsigned kind = 0; kind < TAKERS; kind++) {
        struct taker taker = { .taken = NULL };
        struct actor *first = end_with_a_taker(world, kind, &taker);
        gc_heap *heap = world->heap;
        assert_int_equal(world->destroyed, 0);
        assert_int_equal(heap->cycle.report.resurrected, BIG);
        assert_int_equal(first->object.gc, heap->old);
        assert_sound(heap);
        gc_decref(first);
        assert_int_equal(gc_collect(heap), BIG);
        assert_int_equal(world->finalized, BIG);
        assert_int_equal(world->destroyed, BIG);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

static void broken_by_a_callback_before_the_search_after_finalizers_dies_by_its_counts(void **state)
{
    struct world *world = *state;
    for (unsigned kind = 0; kind < TAKERS; kind++) {
        struct taker taker = { .breaks = true };
        (void)end_with_a_taker(world, kind, &taker);
        gc_heap *heap = world->heap;
        assert_int_equal(world->destroyed, BIG);
        assert_int_equal(heap->cycle.report.collected, BIG);
        assert_int_equal(heap->cycle.report.resurrected, 0);
        assert_live(heap, 0);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

/* What no clear breaks: a ring of such. */
static void stubborn_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct node *)(void *)self)->left);
}
static const gc_type stubborn_type = {
    .name = "stubborn",
    .size = sizeof(struct node),
    .traverse = stubborn_traverse,
};

static struct node *drop_stubborn(gc_heap *heap)
{
    struct node *first = gc_new(heap, &stubborn_type), *last = first;
    assert_non_null(first);
    for (size_t i = 1; i < BIG; i++) {
        last->left = gc_new(heap, &stubborn_type);
        assert_non_null(last->left);
        last = last->left;
    }
    last->left = first;
    return first;
}

/* Drop a ring that does not drop what it holds: each reference in it is taken, and then the node. */
static void end_stubborn(struct node *first)
{
    struct node *node = gc_take(&first->left);
    while (node != first) {
        struct node *next = gc_take(&node->left);
        gc_decref(node);
        node = next;
    }
    gc_decref(first);
}

static void big_garbage_that_no_clear_breaks_is_uncollectable_and_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    for (unsigned told = 0; told < 2; told++) {
        struct node *first = drop_stubborn(heap);
        (void)drop_big(heap);
        uint64_t collected = stats_of(heap).generations[1].collected;
        (void)gc_set_debug(heap, told ? GC_DEBUG_UNCOLLECTABLE : 0);
        gci_cycle_begin(heap);
        step_to_the_end(heap);
        (void)gc_set_debug(heap, 0);
        assert_int_equal(world->destroyed, BIG);
        assert_int_equal(heap->cycle.report.uncollectable, BIG);
        assert_int_equal(heap->cycle.report.collected, BIG);
        assert_int_equal(heap->cycle.report.resurrected, 0);
        assert_int_equal(stats_of(heap).generations[1].uncollectable, (told + 1) * BIG);
        assert_int_equal(stats_of(heap).generations[1].collected - collected, BIG);
        assert_int_equal(stats_of(heap).died_by_count, told * BIG); /* of the last time */
        assert_int_equal(stats_of(heap).bytes_live, BIG * page_of(first)->slot_size);
        assert_int_equal(world->messages, told ? BIG : 0);
        struct node *node = first;
        do {
            assert_int_equal(node->object.gc, heap->old);
            assert_int_equal(gc_refcount(node), 1);
            node = node->left;
        } while (node != first);
        assert_sound(heap);
        end_stubborn(first);
        assert_live(heap, 0);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

static void uncollectable_can_be_had_again(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *first = drop_stubborn(heap);
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_RELEASE);
    assert_false(gc_try_incref(first));
    step_to_the_end(heap);
    assert_true(gc_try_incref(first));
    gc_decref(first);
    end_stubborn(first);
}

/* One makes a weak reference to itself in its clear, and to one that nobody breaks. */
static gc_weak *late[2];
static void make_weak_late(gc_heap *heap)
{
    struct world *world = gc_heap_user_data(heap);
    late[0] = weak_with_callback(world->note, 1);
    late[1] = plain_weak(world->note);
    expect(world, gc_weak_get(late[0]) == NULL);
    expect(world, gc_weak_get(late[1]) == NULL);
}

static void weak_reference_that_a_clear_makes_ends_and_is_called(void **state)
{
    struct world *world = *state;
    for (unsigned breaks = 0; breaks < 2; breaks++) {
        gc_heap *heap = patient_heap_new(world);
        struct watched watched;
        struct node *first = drop_stubborn(heap);
        drop_watched(world, &watched);
        world->note = breaks ? (void *)watched.middle : first;
        watched.story.look = make_weak_late;
        watched.story.event = CLEARED;
        watched.story.time = 1;
        gci_cycle_begin(heap);
        step_to_the_end(heap);
        assert_int_equal(watched.story.times[CALLED], CALLS + 1);
        assert_null(gc_weak_get(late[0]));
        assert_null(gc_weak_get(late[1]));
        assert_int_equal(heap->cycle.report.uncollectable, BIG);
        assert_sound(heap);
        gc_decref(late[0]);
        gc_decref(late[1]);
        end_watched(world, &watched);
        end_stubborn(first);
        assert_live(heap, 0);
    }
}

/* Ways to look at the heap, which return what is to be expected in a callback. */
static void look_by_check(gc_heap *heap)
{
    expect(gc_heap_user_data(heap), gc_check(heap));
}
static void look_by_unreachable(gc_heap *heap)
{
    expect(gc_heap_user_data(heap), gc_unreachable(heap, visit_nothing, NULL) == 0);
}
static void look_by_each_object(gc_heap *heap)
{
    expect(gc_heap_user_data(heap), gc_each_object(heap, -1, visit_nothing, NULL) == 0);
}
static void look_by_freeze(gc_heap *heap)
{
    expect(gc_heap_user_data(heap), gc_freeze(heap) == 0);
    expect(gc_heap_user_data(heap), gc_unfreeze(heap) == 0);
}
static void look_by_collect(gc_heap *heap)
{
    struct world *world = gc_heap_user_data(heap);
    expect(world, gc_collect(heap) == 0);
    expect(world, gc_collect_generation(heap, 0) == 0);
    expect(world, !gc_step(heap, UINT64_MAX));
    expect(world, gc_type_forget(heap, &node_type) == GC_ERR_BUSY);
    drop_a_list(list_new(heap, 300));
    drop_a_node_circle(heap);
}
static void (*const looks[])(gc_heap *heap) = { look_by_check, look_by_unreachable,
                                                look_by_each_object, look_by_freeze,
                                                look_by_collect };
enum { LOOKS = sizeof(looks) / sizeof(looks[0]) };

static void callbacks_of_big_garbage_may_look_at_the_heap(void **state)
{
    struct world *world = *state;
    for (unsigned i = 0; i < EVENTS * LOOKS * 3; i++) {
        gc_heap *heap = patient_heap_new(world);
        struct watched watched;
        drop_watched(world, &watched);
        enum event event = (enum event)(i % EVENTS);
        size_t most = event == CALLED ? CALLS : BIG;
        watched.story.look = looks[i / EVENTS % LOOKS];
        watched.story.event = event;
        watched.story.time = 1 + (most - 1) * (i / EVENTS / LOOKS) / 2; /* first, middle, last */
        gci_cycle_begin(heap);
        step_to_the_end(heap);
        watched.story.look = NULL;
        assert_true(watched.story.times[event] >= watched.story.time);
        assert_true(watched.story.times[FINALIZED] <= BIG);
        assert_sound(heap);
        (void)gc_collect(heap);
        assert_int_equal(watched.story.times[CALLED], CALLS);
        assert_int_equal(watched.story.times[FINALIZED], BIG);
        assert_int_equal(watched.story.times[DESTROYED], BIG);
        end_watched(world, &watched);
        assert_live(heap, 0);
    }
}

/* All but gc_check end what has been found; that one ends the cycle only, and what is trivial. */
static void look_between_slices(gc_heap *heap, unsigned how)
{
    switch (how) {
    case 0:
        assert_sound(heap);
        break;
    case 1:
        assert_int_equal(gc_unreachable(heap, visit_nothing, NULL), 0);
        break;
    case 2:
        (void)gc_freeze(heap);
        assert_sound(heap);
        (void)gc_unfreeze(heap);
        break;
    default:
        (void)gc_collect(heap);
    }
    assert_true(gci_cycle_is_over(heap));
    assert_true(how == 0 || !gci_pacing_is_in_cycle(heap));
}

enum { EVERY = 5 }; /* slices: after the others nothing else is to be seen */

static void program_may_look_at_the_heap_while_big_garbage_ends(void **state)
{
    struct world *world = *state;
    bool done = false;
    for (unsigned i = 0; !done || i % 4 != 0; i++) {
        unsigned slices = i / 4 * EVERY, how = i % 4;
        gc_heap *heap = patient_heap_new(world);
        struct watched watched;
        drop_watched(world, &watched);
        gci_cycle_begin(heap);
        run_to_step(heap, GCI_END_WEAK_CALLBACKS);
        for (unsigned k = 0; k < slices; k++) {
            done = !step(heap);
        }
        size_t cleared = watched.story.times[CLEARED];
        look_between_slices(heap, how);
        assert_true(how > 0 || watched.story.times[CLEARED] == cleared); /* that is for slices */
        assert_sound(heap);
        if (how < 3) {
            (void)gc_collect(heap);
        }
        assert_int_equal(watched.story.times[CALLED], CALLS);
        assert_int_equal(watched.story.times[FINALIZED], BIG);
        assert_int_equal(watched.story.times[DESTROYED], BIG);
        assert_int_equal(stats_of(heap).generations[1].collected, BIG);
        assert_int_equal(stats_of(heap).died_by_count, 0);
        assert_int_equal(stats_of(heap).finalized, BIG);
        end_watched(world, &watched);
        assert_live(heap, 0);
    }
}

static void heap_is_freed_while_big_garbage_ends(void **state)
{
    struct world *world = *state;
    for (unsigned slices = 0, done = 0; !done || slices % 2 != 0; slices++) {
        gc_heap *heap = patient_heap_new(world);
        struct watched watched;
        drop_watched(world, &watched);
        gci_cycle_begin(heap);
        run_to_step(heap, GCI_END_WEAK_CALLBACKS);
        for (unsigned i = 0; i < slices / 2 * EVERY && !done; i++) {
            done = !step(heap);
        }
        assert_true(slices % 2 == 0 || gc_check(heap)); /* also after a look */
        world_free_heap(world);
        assert_int_equal(watched.story.times[CALLED], CALLS);
        assert_int_equal(watched.story.times[FINALIZED], BIG);
        assert_int_equal(watched.story.times[DESTROYED], BIG);
        world->on_weak = NULL;
        world->story[0] = '\0';
    }
}

static void garbage_can_be_had_after_a_look_unless_it_is_ending(void **state)
{
    struct world *world = *state;
    for (enum gci_ending_step i = GCI_END_NONE; i <= GCI_END_CLEAR; i++) {
        gc_heap *heap = patient_heap_new(world);
        struct watched watched;
        drop_watched(world, &watched);
        gci_cycle_begin(heap);
        run_to(heap, GCI_PHASE_PARTS);
        run_to_step(heap, i);
        assert_sound(heap);
        assert_int_equal(can_be_had(&watched), i == GCI_END_NONE);
        assert_int_equal(heap->ending.step, i);
        assert_int_equal(gc_collect(heap), BIG);
        assert_int_equal(watched.story.times[CALLED], CALLS);
        assert_int_equal(watched.story.times[FINALIZED], BIG);
        assert_int_equal(watched.story.times[DESTROYED], BIG);
        end_watched(world, &watched);
    }
}

static void half_cleared_garbage_is_never_had_after_a_look(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *first = drop_stubborn(heap);
    struct watched watched;
    drop_watched(world, &watched);
    world->note = first;
    watched.story.look = make_weak_late;
    watched.story.event = CLEARED;
    watched.story.time = 1;
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_CLEAR);
    while (watched.story.times[CLEARED] == 0) {
        assert_true(step(heap));
    }
    assert_true(gci_weak_first(heap, &first->object) != NULL);
    for (unsigned i = 0; i < 2; i++) {
        look_between_slices(heap, 0);
        assert_int_equal(state_of(first), GCI_DOOMED);
        assert_null(gc_weak_get(watched.plain));
        assert_null(gc_weak_get(late[0]));
        assert_null(gc_weak_get(late[1]));
        assert_false(gc_try_incref(first));
    }
    assert_int_equal(watched.story.times[CALLED], CALLS);
    (void)gc_collect(heap);
    assert_int_equal(watched.story.times[CALLED], CALLS + 1);
    gc_decref(late[0]);
    gc_decref(late[1]);
    end_watched(world, &watched);
    end_stubborn(first);
}

static void big_garbage_that_is_plain_but_for_weak_references_is_freed_as_plain(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *first = drop_a_ring(heap, BIG);
    gc_weak *weak = weak_with_callback(first, 1);
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_WEAK_CALLBACKS);
    run_to_step(heap, GCI_END_DROP);
    assert_story(world, "W1 ");
    step_to_the_end(heap);
    assert_int_equal(heap->cycle.report.collected, BIG);
    assert_int_equal(stats_of(heap).died_by_count, 0);
    gc_decref(weak);
}

static void young_collection_ends_first_what_is_ending(void **state)
{
    struct world *world = *state;
    for (enum gci_ending_step i = GCI_END_WEAK_CALLBACKS; i <= GCI_END_FREE; i++) {
        if (i == GCI_END_SAVE) {
            continue;
        }
        gc_heap *heap = patient_heap_new(world);
        (void)(i < GCI_END_DROP ? (void *)drop_big(heap) : (void *)drop_a_ring(heap, BIG));
        gci_cycle_begin(heap);
        run_to_step(heap, i);
        struct node *young = node_new(heap);
        drop_a_node_circle(heap);
        assert_int_equal(gc_collect_generation(heap, 0), 2);
        assert_int_equal(young->object.gc, heap->old);
        gc_decref(young);
        assert_int_equal(collected(heap), BIG);
        assert_int_equal(world->finalized, i < GCI_END_DROP ? BIG : 0);
        assert_live(heap, 0);
        step_to_the_end(heap);
        assert_sound(heap);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

static void save_all(struct world *world, struct actor *actor)
{
    (void)actor;
    (void)gc_set_debug(world->heap, GC_DEBUG_SAVE_ALL);
}

/* As in a collection at once: flags hold from the next garbage on. */
static void flags_set_by_a_finalizer_leave_the_garbage_that_is_ending_whole(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    (void)drop_big(heap);
    world->on_finalize = save_all;
    gci_cycle_begin(heap);
    step_to_the_end(heap);
    assert_int_equal(world->finalized, BIG);
    assert_int_equal(world->destroyed, BIG);
    assert_int_equal(heap->cycle.report.saved, 0);
    assert_int_equal(heap->cycle.report.collected, BIG);
    assert_live(heap, 0);
    (void)gc_set_debug(heap, 0);
    world->story[0] = '\0';
}

static void collection_returns_what_is_saved_of_an_ending(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    (void)drop_big(heap);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_FINALIZE);
    assert_int_equal(gc_collect(heap), BIG);
    assert_int_equal(gc_collect(heap), 0); /* once */
    (void)gc_set_debug(heap, 0);
    assert_int_equal(gc_release_saved(heap), BIG);
    assert_int_equal(gc_collect(heap), BIG);
    world->story[0] = '\0';
}

static void step_in_a_death(struct world *world, struct leaf *leaf)
{
    (void)leaf;
    gc_heap *heap = world->heap;
    while (gc_step(heap, 1)) {
    }
    expect(world, heap->cycle.phase == GCI_PHASE_NONE && heap->backlog == NULL);
    expect(world, world->finalized == BIG && world->destroyed == BIG + 1);
}

static void big_garbage_may_end_within_a_death(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct leaf *leaf = leaf_new(heap, 1);
    (void)drop_big(heap);
    world->on_leaf = step_in_a_death;
    gci_cycle_begin(heap);
    gc_decref(leaf);
    assert_live(heap, 0);
    assert_int_equal(heap->cycle.report.collected, BIG);
    assert_sound(heap);
    world->story[0] = '\0';
}

/* With objects that have segments and pages of their own, which leave early. */
static const gc_type huge_full_type = {
    .name = "huge full",
    .size = (size_t)2 << 20,
    .traverse = full_traverse,
    .finalize = full_finalize,
    .clear = full_clear,
    .destroy = full_destroy,
};
static const gc_type span_full_type = {
    .name = "span full",
    .size = 70000,
    .traverse = full_traverse,
    .finalize = full_finalize,
    .clear = full_clear,
    .destroy = full_destroy,
};

static void big_garbage_may_be_of_large_objects(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct watched watched;
    drop_watched(world, &watched);
    struct full *last = watched.first;
    enum { LARGE = 20 };
    for (unsigned i = 0; i < LARGE; i++) {
        struct full *full = gc_new(heap, i % 2 ? &huge_full_type : &span_full_type);
        assert_non_null(full);
        full->next = last->next;
        last->next = full;
        last = i % 4 == 0 ? full->next : full;
    }
    gci_cycle_begin(heap);
    while (step(heap)) {
        (void)gci_pages_trim(heap, SIZE_MAX);
    }
    assert_int_equal(watched.story.times[FINALIZED], BIG + LARGE);
    assert_int_equal(watched.story.times[DESTROYED], BIG + LARGE);
    assert_int_equal(heap->cycle.report.collected, BIG + LARGE);
    end_watched(world, &watched);
    (void)gci_pages_trim(heap, SIZE_MAX);
    assert_true(heap->bytes_reserved <= (size_t)8 << 20);
}

static void page_of_garbage_that_is_ending_is_not_used_for_another_type(void **state)
{
    struct world *world = *state;
    enum { WIDES = 3000 };
    static struct wide *wides[WIDES];
    for (enum gci_ending_step i = GCI_END_FINALIZE; i <= GCI_END_CLEAR; i++) {
        gc_heap *heap = patient_heap_new(world);
        struct actor *first = drop_big(heap);
        const struct gci_page *page = page_of(first);
        gc_weak *weak = weak_with_callback(first, 1); /* so that there is something to call */
        gci_cycle_begin(heap);
        run_to_step(heap, i);
        gc_incref(first); /* as a callback may, in a slice */
        gc_clear(&first->left);
        gc_decref(first);
        assert_int_equal(world->destroyed, BIG);
        gci_pages_drop_idle(heap);
        (void)gci_pages_trim(heap, SIZE_MAX);
        for (size_t k = 0; k < WIDES; k++) {
            wides[k] = wide_new(heap);
            assert_ptr_not_equal(page_of(wides[k]), page);
        }
        struct string *span = gc_new_var(heap, &string_type, 3 * GCI_PAGE_SIZE);
        assert_sound(heap);
        step_to_the_end(heap);
        gci_pages_drop_idle(heap);
        assert_null(page->record);
        for (size_t k = 0; k < WIDES; k++) {
            gc_decref(wides[k]);
        }
        gc_decref(span);
        gc_decref(weak);
        assert_int_equal(world->finalized, BIG);
        assert_int_equal(collected(heap), BIG);
        assert_sound(heap);
        assert_live(heap, 0);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

/* Looks at garbage that is being cleared
 *
 * Of its type there are a few that live, in the same page, and a circle of garbage that no cycle knows. */

enum { LIVING = 3, UNKNOWN = 2 };
struct scene {
    struct watched watched;
    struct full *living[LIVING];
    struct full *unknown; /* NULL: none */
    gc_hook hook;
    unsigned stops;
};
static struct scene *scene_of_looks;

static void count_stop(gc_heap *heap, const gc_collection *collection, void *arg)
{
    unsigned *stops = arg;
    (void)heap;
    *stops += collection->generation != 0;
}

static struct full *full_new(gc_heap *heap)
{
    struct full *full = gc_new(heap, &full_type);
    assert_non_null(full);
    return full;
}

/* To the step of clearing. */
static gc_heap *begin_scene(struct world *world, struct scene *scene, bool has_unknown)
{
    gc_heap *heap = patient_heap_new(world);
    *scene = (struct scene){ .hook = { .stop = count_stop, .arg = &scene->stops } };
    scene_of_looks = scene;
    for (unsigned i = 0; i < LIVING; i++) {
        scene->living[i] = full_new(heap);
    }
    drop_watched(world, &scene->watched);
    if (has_unknown) { /* held until the cycle has seen that it lives */
        scene->unknown = full_new(heap);
        gc_set_steal(&scene->unknown->next, full_new(heap));
    }
    gc_hook_add(heap, &scene->hook);
    gci_cycle_begin(heap);
    heap->cycle.owes_stop = true;
    run_to_step(heap, GCI_END_CLEAR);
    if (has_unknown) {
        gc_set_steal(&scene->unknown->next->next, scene->unknown);
        assert_ptr_equal(page_of(scene->unknown), page_of(scene->watched.first));
    }
    assert_ptr_equal(page_of(scene->living[0]), page_of(scene->watched.first));
    return heap;
}

static void end_scene(struct world *world, struct scene *scene)
{
    gc_heap *heap = world->heap;
    gc_hook_remove(heap, &scene->hook);
    end_watched(world, &scene->watched);
    for (unsigned i = 0; i < LIVING; i++) {
        gc_decref(scene->living[i]);
    }
    assert_live(heap, 0);
}

/* The cycle has come to its end as if nobody had looked. */
static void assert_ended_once(const gc_heap *heap, const struct scene *scene)
{
    const size_t *times = scene->watched.story.times;
    assert_false(gci_pacing_is_in_cycle(heap));
    assert_int_equal(times[CALLED], CALLS);
    assert_int_equal(times[FINALIZED], BIG);
    assert_true(times[CLEARED] >= BIG); /* who dies is cleared, also if it was before */
    assert_int_equal(times[DESTROYED], BIG);
    assert_int_equal(scene->stops, 1);
    assert_false(heap->cycle.owes_stop);
    assert_int_equal(heap->cycle.report.collected, BIG);
    assert_int_equal(heap->cycle.report.uncollectable, 0);
    assert_int_equal(heap->cycle.report.resurrected, 0);
}

static int see_full(void *object, void *arg)
{
    return page_of(object)->type == &full_type ? seen_add(object, arg) : 0;
}

static bool are_the_living(const struct seen *seen, const struct scene *scene)
{
    size_t times = 0;
    for (unsigned i = 0; i < LIVING; i++) {
        times += seen_times(seen, scene->living[i]) == 1;
    }
    for (const struct full *full = scene->unknown; times >= LIVING && full != NULL;) {
        times += seen_times(seen, full) == 1;
        full = full->next == scene->unknown ? NULL : full->next;
    }
    return times == seen->count && times == LIVING + (scene->unknown != NULL ? UNKNOWN : 0);
}

/* Look in each way there is, but for what is refused in a slice. */
static void look_for_the_living(gc_heap *heap)
{
    struct world *world = gc_heap_user_data(heap);
    const struct scene *scene = scene_of_looks;
    enum gci_ending_step step = heap->ending.step;
    size_t cleared = scene->watched.story.times[CLEARED];
    struct seen all = { 0 }, old = { 0 };
    expect(world, gc_each_object(heap, -1, see_full, &all) == 0);
    expect(world, are_the_living(&all, scene));
    expect(world, gc_each_object(heap, GC_OLD, see_full, &old) == 0);
    expect(world, are_the_living(&old, scene));
    expect(world, gc_check(heap));
    expect(world, heap->ending.step == step);
    expect(world, scene->watched.story.times[CLEARED] == cleared);
}

static void look_at_what_is_being_cleared_ends_it_and_sees_none_of_it(void **state)
{
    struct world *world = *state;
    bool done = false;
    for (unsigned slices = 0; !done; slices += 7) {
        struct scene scene;
        struct seen seen = { 0 };
        gc_heap *heap = begin_scene(world, &scene, false);
        for (unsigned i = 0; i < slices && heap->ending.step == GCI_END_CLEAR; i++) {
            assert_true(step(heap));
        }
        done = heap->ending.step != GCI_END_CLEAR;
        if (!done && slices % 2 == 0) {
            assert_sound(heap);
            assert_true(gci_is_ending(heap));
            assert_true(step(heap));
        }
        if (!done && slices % 3 == 0) {
            (void)gc_freeze(heap);
            assert_int_equal(state_of(scene.living[0]), GCI_FROZEN);
            assert_int_equal(gc_each_object(heap, GC_FROZEN, see_full, &seen), 0);
            (void)gc_unfreeze(heap);
        } else {
            assert_int_equal(gc_each_object(heap, -1, see_full, &seen), 0);
        }
        assert_true(are_the_living(&seen, &scene));
        assert_ended_once(heap, &scene);
        assert_int_equal(gc_unreachable(heap, see_full, NULL), 0);
        assert_int_equal(stats_of(heap).generations[1].collections, 1);
        assert_int_equal(stats_of(heap).generations[1].collected, BIG);
        assert_int_equal(stats_of(heap).died_by_count, 0);
        assert_sound(heap);
        end_scene(world, &scene);
    }
}

static void look_at_what_is_being_cleared_by_a_clear_or_destroy_sees_none_of_it(void **state)
{
    struct world *world = *state;
    for (unsigned i = 0; i < 6; i++) {
        struct scene scene;
        gc_heap *heap = begin_scene(world, &scene, false);
        scene.watched.story.look = look_for_the_living;
        scene.watched.story.event = i % 2 == 0 ? CLEARED : DESTROYED;
        scene.watched.story.time = 1 + (BIG - 1) * (i / 2) / 2; /* first, middle, last */
        step_to_the_end(heap);
        assert_ended_once(heap, &scene);
        assert_int_equal(stats_of(heap).generations[1].collections, 1);
        assert_int_equal(stats_of(heap).generations[1].collected, BIG);
        assert_int_equal(stats_of(heap).died_by_count, 0);
        assert_sound(heap);
        end_scene(world, &scene);
    }
}

static void look_when_finalized(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_check(world->heap));
}

/* The young wait while old garbage is cleared: a look of theirs would make that DOOMED, as they are. */
static void young_are_not_collected_while_garbage_is_cleared(void **state)
{
    struct world *world = *state;
    struct scene scene;
    gc_heap *heap = begin_scene(world, &scene, false);
    gc_thresholds thresholds;
    gc_get_thresholds(heap, &thresholds);
    thresholds.young_objects = 1;
    gc_set_thresholds(heap, &thresholds);
    struct actor *actor = actor_new(heap, 1);
    actor->left = actor;
    world->on_finalize = look_when_finalized;
    while (gci_pacing_is_in_cycle(heap)) {
        assert_int_equal(stats_of(heap).generations[0].collections, 0);
        (void)step(heap);
    }
    assert_int_equal(world->finalized, 0);
    (void)step(heap);
    assert_int_equal(world->finalized, 1);
    step_to_the_end(heap);
    assert_ended_once(heap, &scene);
    assert_sound(heap);
    world->story[0] = '\0';
    end_scene(world, &scene);
}

static void collection_of_any_generation_ends_first_what_is_being_cleared(void **state)
{
    struct world *world = *state;
    for (unsigned i = 0; i < 8; i++) {
        int generation = i % 2;
        bool is_looked_at = i / 2 % 2 == 0, has_begun = i / 4 == 0;
        struct scene scene;
        gc_heap *heap = begin_scene(world, &scene, false);
        assert_true(!has_begun || step(heap));
        drop_a_node_circle(heap);
        if (is_looked_at) {
            assert_sound(heap);
        }
        /* With what slices have found, if it is of the same generation. */
        assert_int_equal(gc_collect_generation(heap, generation), generation == 0 ? 2 : BIG + 2);
        assert_int_equal(scene.stops, 1u + (generation == 1));
        scene.stops = 1;
        assert_false(step(heap));
        assert_ended_once(heap, &scene);
        gc_stats stats = stats_of(heap);
        assert_int_equal(stats.generations[0].collections, generation == 0);
        assert_int_equal(stats.generations[0].collected, generation == 0 ? 2 : 0);
        assert_int_equal(stats.generations[1].collections, 1 + generation);
        assert_int_equal(stats.generations[1].collected, BIG + (generation == 1 ? 2 : 0));
        assert_int_equal(stats.died_by_count, 0);
        assert_sound(heap);
        end_scene(world, &scene);
    }
}

static void big_garbage_that_no_clear_breaks_is_uncollectable_after_a_look_too(void **state)
{
    struct world *world = *state;
    for (unsigned freezes = 0; freezes < 2; freezes++) {
        gc_heap *heap = patient_heap_new(world);
        struct node *first = drop_stubborn(heap), *node = first;
        (void)drop_big(heap);
        gci_cycle_begin(heap);
        run_to_step(heap, GCI_END_CLEAR);
        assert_true(step(heap));
        if (freezes) {
            (void)gc_freeze(heap);
        } else {
            assert_sound(heap);
        }
        step_to_the_end(heap);
        assert_int_equal(world->destroyed, BIG);
        assert_int_equal(heap->cycle.report.uncollectable, BIG);
        assert_int_equal(heap->cycle.report.collected, BIG);
        assert_int_equal(stats_of(heap).generations[1].uncollectable, BIG);
        assert_int_equal(stats_of(heap).generations[1].collected, BIG);
        assert_live(heap, BIG);
        do {
            assert_int_equal(node->object.gc, freezes ? GCI_FROZEN : heap->old);
            assert_int_equal(gc_refcount(node), 1);
            node = node->left;
        } while (node != first);
        assert_sound(heap);
        assert_int_equal(gc_unfreeze(heap), freezes ? BIG : 0);
        assert_true(gc_try_incref(first));
        gc_decref(first);
        end_stubborn(first);
        assert_live(heap, 0);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

/* What the search for garbage finds besides is told, and not what was being cleared. */
static void search_for_garbage_ends_what_is_being_cleared(void **state)
{
    struct world *world = *state;
    struct scene scene;
    struct seen seen = { 0 };
    gc_heap *heap = begin_scene(world, &scene, true);
    assert_true(step(heap));
    assert_int_equal(gc_unreachable(heap, see_full, &seen), 0);
    assert_int_equal(seen.count, UNKNOWN);
    assert_int_equal(seen_times(&seen, scene.unknown), 1);
    assert_int_equal(seen_times(&seen, scene.unknown->next), 1);
    assert_int_equal(state_of(scene.unknown), heap->old);
    assert_ended_once(heap, &scene);
    assert_int_equal(gc_collect(heap), UNKNOWN);
    end_scene(world, &scene);
}

/* The backlog */

static bool expect_no_stop_owed(gc_heap *heap, const gc_collection *collection, void *arg)
{
    expect(arg, collection->generation == 0 || !heap->cycle.owes_stop);
    return true;
}

static void tell_stop(gc_heap *heap, const gc_collection *collection, void *arg)
{
    (void)heap;
    if (collection->generation != 0) {
        world_tell(arg, 'S', collection->reason == GC_REASON_CALL);
    }
}

static struct actor *list_of_actors_new(gc_heap *heap, unsigned count)
{
    struct actor *list = NULL;
    for (unsigned id = count; id > 0; id--) {
        struct actor *actor = actor_new(heap, id);
        actor->left = list;
        list = actor;
    }
    return list;
}

/* A cycle with trivial garbage in a part that has dropped what it is given, the last reference to it; the
 * garbage is still to be freed. */
static void drop_by_a_part(gc_heap *heap, void *held)
{
    struct node *ring = drop_a_ring(heap, PART_MIN);
    gci_cycle_begin(heap);
    step_to(heap, GCI_PHASE_PARTS);
    gc_set_steal(&ring->right, as_node(held)); /* as through a weak reference */
    step_to_backlog(heap);
    assert_int_equal(state_of(held), GCI_DYING);
    assert_int_equal(heap->ending.step, GCI_END_FREE);
}

/* The same, and the garbage is freed. */
static void begin_a_backlog(gc_heap *heap, void *held)
{
    drop_by_a_part(heap, held);
    heap->slicing = true;
    gci_ending_run(heap, UINT64_MAX);
    heap->slicing = false;
    assert_live(heap, stats_of(heap).objects_born - PART_MIN);
}

static void what_garbage_drops_dies_in_later_slices_so_many_at_a_time(void **state)
{
    struct world *world = *state;
    for (unsigned plain = 0; plain < 2; plain++) {
        gc_heap *heap = patient_heap_new(world);
        begin_a_backlog(heap, plain ? (void *)list_new(heap, BIG)
                                    : (void *)list_of_actors_new(heap, BIG));
        enum gci_phase phase = heap->cycle.phase;
        uint64_t died = stats_of(heap).objects_died;
        assert_int_equal(died, PART_MIN);
        while (heap->backlog != NULL) {
            assert_int_equal(heap->cycle.phase, phase); /* it comes first */
            assert_true(gc_step(heap, 0));
            assert_true(step(heap) || heap->backlog == NULL);
            assert_true(stats_of(heap).objects_died - died <= DEATHS);
            died = stats_of(heap).objects_died;
        }
        assert_int_equal(died, PART_MIN + BIG);
        step_to_the_end(heap);
        assert_int_equal(world->finalized, plain ? 0 : BIG);
        assert_int_equal(world->destroyed, plain ? 0 : BIG);
        assert_int_equal(stats_of(heap).generations[1].collected, PART_MIN);
        assert_int_equal(stats_of(heap).died_by_count, BIG);
        assert_int_equal(heap->bytes_live, 0);
        assert_sound(heap);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

static void drop_many(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        drop_a_list(list_new(world->heap, BIG));
    }
}

/* The garbage itself does so too then. */
static void what_plain_garbage_drops_joins_the_backlog_also_if_some_is_not_plain(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *list = list_new(heap, BIG), *ring = drop_a_ring(heap, PART_MIN);
    struct actor *actor = actor_new(heap, 1);
    ring->left->right = as_node(actor);
    actor->left = gc_newref((void *)ring);
    gci_cycle_begin(heap);
    step_to(heap, GCI_PHASE_PARTS);
    gc_set_steal(&ring->right, list);
    step_to_backlog(heap);
    uint64_t died = stats_of(heap).objects_died;
    assert_true(died < PART_MIN); /* who refers to nothing any more, at once */
    assert_int_equal(state_of(list), GCI_DYING);
    assert_false(gc_try_incref(actor)); /* dying, or held by who is */
    assert_story(world, "F1 ");
    for (; heap->backlog != NULL; died = stats_of(heap).objects_died) {
        assert_true(step(heap));
        assert_true(stats_of(heap).objects_died - died <= DEATHS);
    }
    assert_story(world, "D1 ");
    step_to_the_end(heap);
    assert_int_equal(stats_of(heap).generations[1].collected, PART_MIN + 1);
    assert_int_equal(stats_of(heap).died_by_count, BIG);
}

static void what_callbacks_drop_in_a_slice_joins_the_backlog(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    world->on_destroy = drop_many;
    begin_a_backlog(heap, actor_new(heap, 1));
    uint64_t died = stats_of(heap).objects_died;
    unsigned slices = 0;
    for (bool more = true; more; slices++) {
        more = step(heap);
        assert_true(stats_of(heap).objects_died - died <= DEATHS);
        died = stats_of(heap).objects_died;
    }
    assert_true(slices > BIG / DEATHS);
    assert_int_equal(died, PART_MIN + 1 + BIG);
    assert_story(world, "F1 D1 ");
}

static void what_the_program_drops_while_there_is_a_backlog_dies_at_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    begin_a_backlog(heap, list_of_actors_new(heap, BIG));
    unsigned rounds = 0;
    for (; heap->backlog != NULL; rounds++) {
        struct actor *list = list_of_actors_new(heap, 3);
        struct node *nodes = list_new(heap, 500);
        world->story[0] = '\0';
        gc_decref(list);
        assert_story(world, "F1 D1 F2 D2 F3 D3 ");
        uint64_t died = stats_of(heap).objects_died;
        drop_a_list(nodes);
        assert_int_equal(stats_of(heap).objects_died - died, 500);
        assert_true(step(heap));
    }
    assert_true(rounds > BIG / DEATHS);
    step_to_the_end(heap);
    assert_live(heap, 0);
    world->story[0] = '\0';
}

static void full_collection_ends_the_backlog_at_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    begin_a_backlog(heap, list_of_actors_new(heap, BIG));
    assert_true(step(heap));
    assert_int_equal(world->destroyed, DEATHS);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_null(heap->backlog);
    assert_int_equal(world->finalized, BIG);
    assert_int_equal(world->destroyed, BIG);
    assert_false(step(heap));
    assert_int_equal(stats_of(heap).died_by_count, BIG);
    assert_live(heap, 0);
    world->story[0] = '\0';
}

static void what_the_backlog_lets_go_of_is_found_by_the_collection_that_ends_it(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct actor *head = actor_new(heap, 1), *circle = drop_actors(heap, 2, 2);
    gc_set(&head->left, circle);
    begin_a_backlog(heap, head);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->destroyed, 3);
    assert_live(heap, 0);
    world->story[0] = '\0';
}

static void heap_is_freed_with_a_backlog(void **state)
{
    struct world *world = *state;
    for (unsigned slices = 0; slices < 2; slices++) {
        gc_heap *heap = patient_heap_new(world);
        begin_a_backlog(heap, list_of_actors_new(heap, BIG));
        assert_true(slices == 0 || step(heap));
        world_free_heap(world);
        assert_int_equal(world->finalized, BIG);
        assert_int_equal(world->destroyed, BIG);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

static void look_at_the_heap_ends_the_backlog(void **state)
{
    struct world *world = *state;
    for (unsigned how = 0; how < 3; how++) {
        gc_heap *heap = patient_heap_new(world);
        begin_a_backlog(heap, list_of_actors_new(heap, BIG));
        assert_true(step(heap));
        look_between_slices(heap, how);
        assert_int_equal(world->destroyed, how == 0 ? DEATHS : BIG);
        assert_sound(heap);
        assert_true(how > 0 || step(heap)); /* slices go on with it */
        assert_int_equal(world->destroyed, how == 0 ? 2 * DEATHS : BIG);
        step_to_the_end(heap);
        assert_int_equal(world->destroyed, BIG);
        assert_sound(heap);
        assert_live(heap, 0);
        world->finalized = world->destroyed = 0;
        world->story[0] = '\0';
    }
}

static void backlog_waits_while_collections_are_disabled(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    begin_a_backlog(heap, list_of_actors_new(heap, BIG));
    (void)gc_disable(heap);
    assert_false(gc_step(heap, UINT64_MAX));
    assert_int_equal(world->destroyed, 0);
    (void)gc_enable(heap);
    step_to_the_end(heap);
    assert_int_equal(world->destroyed, BIG);
    world->story[0] = '\0';
}

static void young_collection_leaves_what_the_backlog_holds(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct actor *head = actor_new(heap, 1);
    begin_a_backlog(heap, head);
    struct actor *young = drop_actors(heap, 2, 2);
    head->right = gc_newref(young); /* as it cannot be, but by a finalizer */
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_non_null(heap->backlog);
    assert_int_equal(young->object.gc, heap->old);
    step_to_the_end(heap);
    assert_story(world, "F1 D1 ");
    assert_int_equal(gc_collect(heap), 2);
    world->story[0] = '\0';
}

static void young_one_in_the_backlog_is_young_no_more(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *ring = drop_a_ring(heap, PART_MIN);
    gci_cycle_begin(heap);
    step_to(heap, GCI_PHASE_PARTS);
    struct actor *young = actor_new(heap, 1);
    gc_set_steal(&ring->right, as_node(young));
    size_t before = heap->young_objects;
    step_to_backlog(heap);
    assert_int_equal(state_of(young), GCI_DYING);
    assert_int_equal(heap->young_objects, before - 1);
    assert_sound(heap);
    step_to_the_end(heap);
    assert_story(world, "F1 D1 ");
}

/* Who watches it is called before it is cleared, the newest first; as many as there is time for. */
static void one_in_the_backlog_is_out_of_reach(void **state)
{
    struct world *world = *state;
    for (unsigned has_time = 0; has_time < 2; has_time++) {
        gc_heap *heap = patient_heap_new(world);
        struct actor *list = list_of_actors_new(heap, 2);
        gc_weak *plain = plain_weak(list), *call = weak_with_callback(list, 1);
        gc_weak *watches = watcher(list, 2);
        gc_weak *next = plain_weak(list->left);
        begin_a_backlog(heap, list);
        assert_null(gc_weak_get(plain));
        assert_null(gc_weak_get(call));
        assert_null(gc_weak_get(watches));
        assert_false(gc_try_incref(list));
        assert_non_null(weak_peek(next)); /* it is alive, until its turn comes */
        assert_story(world, "");
        (void)gc_step(heap, has_time ? UINT64_MAX : 1);
        step_to_the_end(heap);
        assert_story(world, has_time ? "F1 W2 W1 D1 F2 D2 " : "F1 W2 D1 F2 W1 D2 ");
        assert_null(gc_weak_get(next));
        gc_decref(plain);
        gc_decref(call);
        gc_decref(watches);
        gc_decref(next);
    }
}

static void one_that_rises_from_the_backlog_is_old_or_frozen(void **state)
{
    struct world *world = *state;
    for (unsigned frozen = 0; frozen < 2; frozen++) {
        gc_heap *heap = patient_heap_new(world);
        struct actor *list = list_of_actors_new(heap, 3);
        world->on_finalize = rise_if_first;
        begin_a_backlog(heap, list);
        assert_int_equal(state_of(list), GCI_DYING);
        if (frozen) {
            (void)gc_freeze(heap);
        }
        step_to_the_end(heap);
        assert_story(world, "F1 ");
        assert_ptr_equal(world->note, list);
        assert_int_equal(list->object.gc, frozen ? GCI_FROZEN : heap->old);
        assert_int_equal(gc_refcount(list), 1);
        assert_int_equal(stats_of(heap).generations[1].resurrected, 0); /* it was no garbage */
        assert_sound(heap);
        (void)gc_unfreeze(heap);
        gc_decref(list);
        assert_story(world, "D1 F2 D2 F3 D3 ");
        (void)gc_collect(heap);
        assert_live(heap, 0);
    }
}

static void type_of_the_backlog_is_forgotten_when_that_has_ended(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    begin_a_backlog(heap, actor_new(heap, 1));
    assert_int_equal(gc_type_forget(heap, &actor_type), GC_OK);
    assert_story(world, "F1 D1 ");
}

static void cycle_is_done_when_its_backlog_is_gone(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *ring = drop_a_ring(heap, BIG);
    gc_hook hook = { .start = expect_no_stop_owed, .stop = tell_stop, .arg = world };
    gci_cycle_begin(heap);
    heap->cycle.owes_stop = true;
    gc_hook_add(heap, &hook);
    run_to_step(heap, GCI_END_DROP);
    gc_set_steal(&ring->right, as_node(list_of_actors_new(heap, BIG)));
    assert_sound(heap); /* which frees it */
    assert_false(gci_is_ending(heap));
    assert_non_null(heap->backlog);
    unsigned slices = 0;
    while (step(heap)) {
        slices++;
        (void)gc_collect_generation(heap, 0);
        assert_null(strchr(world->story, 'S'));
        world->story[0] = '\0';
        assert_int_equal(stats_of(heap).generations[1].collections, 0);
    }
    assert_true(slices >= BIG / DEATHS);
    assert_int_equal(world->destroyed, BIG);
    assert_non_null(strstr(world->story, "S0 "));
    world->story[0] = '\0';
    (void)gc_collect(heap);
    assert_story(world, "S1 ");
    gc_hook_remove(heap, &hook);
    assert_int_equal(stats_of(heap).generations[1].collections, 2);
    assert_int_equal(stats_of(heap).generations[1].collected, BIG);
}

static void abandoned_while_dropping_the_rest_dies_in_the_backlog(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *ring = drop_a_ring(heap, BIG);
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_DROP);
    gc_set_steal(&ring->right, as_node(list_of_actors_new(heap, BIG)));
    assert_sound(heap);
    assert_false(gci_is_ending(heap));
    assert_int_equal(world->destroyed, 0);
    assert_non_null(heap->backlog);
    gc_decref(actor_new(heap, 0)); /* who dies now, does so at once */
    assert_story(world, "F0 D0 ");
    step_to_the_end(heap);
    assert_int_equal(world->destroyed, BIG + 1);
    assert_int_equal(stats_of(heap).generations[1].collections, 1);
    world->story[0] = '\0';
}

/* Weak references whose callbacks wait */

static size_t count_of_ring(const gc_weak *ring)
{
    size_t count = 0;
    for (const gc_weak *weak = ring->next; weak != ring; weak = weak->next) {
        count++;
    }
    return count;
}

/* Those that wait for the end of an ending, and all the others that slices will call. */
static size_t waiting_count(const gc_heap *heap)
{
    return count_of_ring(&heap->held_back);
}
static size_t due_count(const gc_heap *heap)
{
    return count_of_ring(&heap->due);
}

/* A cycle in its parts, in which one waits since its target, with much to come, has died by garbage that is still
 * to be freed. Returns the holder. */
static struct node *make_one_wait(gc_heap *heap)
{
    struct node *target = list_new(heap, BIG), *holder = node_new(heap);
    holder->left = as_node(weak_with_callback(target, 1));
    drop_by_a_part(heap, target);
    assert_true(step(heap));
    assert_null(gc_weak_get((gc_weak *)(void *)holder->left));
    assert_int_equal(waiting_count(heap), 1);
    assert_story(world_of(holder), "");
    return holder;
}

static void waiting_one_is_called_once_when_the_garbage_is_gone(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *holder = make_one_wait(heap);
    while (gci_is_ending(heap)) {
        assert_story(world, "");
        assert_true(step(heap));
    }
    assert_int_equal(collected(heap), PART_MIN);
    assert_true(step(heap));
    assert_story(world, "W1 ");
    step_to_the_end(heap);
    (void)gc_collect(heap);
    assert_story(world, "");
    gc_decref(holder);
}

static void waiting_one_that_is_dropped_is_not_called(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *holder = make_one_wait(heap);
    gc_clear(&holder->left);
    assert_int_equal(waiting_count(heap), 0);
    step_to_the_end(heap);
    (void)gc_collect(heap);
    assert_story(world, "");
    gc_decref(holder);
}

static void waiting_one_of_a_cycle_that_is_cut_short_is_called_once(void **state)
{
    struct world *world = *state;
    for (unsigned how = 0; how < 5; how++) {
        gc_heap *heap = patient_heap_new(world);
        struct node *holder = make_one_wait(heap);
        if (how < 4) {
            look_between_slices(heap, how);
        } else {
            (void)gc_collect_generation(heap, 0);
        }
        if (how == 0) {
            assert_story(world, ""); /* in the next slice */
            step_to_the_end(heap);
        }
        assert_story(world, "W1 ");
        (void)gc_collect(heap);
        assert_story(world, "");
        assert_sound(heap);
        gc_decref(holder);
    }
}

/* That belongs to garbage too, which no part has found yet: it is whole, and may be called. */
static void weak_reference_of_garbage_that_is_not_found_yet_is_called(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *ring = drop_a_ring(heap, PART_MIN), *holder = node_new(heap);
    holder->left = as_node(weak_with_callback(ring, 1));
    gc_set(&holder->right, holder);
    suspect_what_is_held_by(&holder, 1, heap);
    run_to(heap, GCI_PHASE_PARTS);
    gc_decref(holder);
    while (collected(heap) == 0) {
        (void)examine_part(heap);
    }
    assert_int_equal(collected(heap), PART_MIN);
    assert_story(world, "W1 ");
    step_to_the_end(heap);
    (void)gc_collect(heap);
    assert_story(world, "");
    assert_live(heap, 0);
}

/* The finalizer of 1 lets go of what the world notes. */
static void let_go(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        struct node *node = world->note;
        world->note = NULL;
        gc_decref(node);
    }
}

static void garbage_is_not_called_for_what_finalizers_drop(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct node *target = node_new(heap);
    struct actor *actors = drop_big(heap);
    gc_set_steal(&actors->right, as_node(weak_with_callback(target, 1)));
    world->note = target;
    world->on_finalize = let_go;
    gci_cycle_begin(heap);
    step_to_the_end(heap);
    assert_null(world->note);
    assert_null(strchr(world->story, 'W'));
    assert_int_equal(waiting_count(heap) + due_count(heap), 0);
    assert_live(heap, 0);
    world->story[0] = '\0';
}

static void heap_is_freed_while_one_waits(void **state)
{
    struct world *world = *state;
    for (unsigned cut = 0; cut < 2; cut++) {
        gc_heap *heap = patient_heap_new(world);
        (void)make_one_wait(heap);
        assert_true(!cut || gc_check(heap));
        world_free_heap(world);
        assert_story(world, "W1 ");
    }
}

static void drop_a_list_when_called(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    drop_a_list(list_new(world->heap, 300));
}

/* One that waits, or is due: the cycle has come to its end but for that. */
static void full_collection_while_one_waits_comes_after_the_stop_of_the_cycle(void **state)
{
    struct world *world = *state;
    for (unsigned is_due = 0; is_due < 2; is_due++) {
        gc_heap *heap = patient_heap_new(world);
        gc_hook hook = { .start = expect_no_stop_owed, .stop = tell_stop, .arg = world };
        struct node *holder = make_one_wait(heap);
        heap->cycle.owes_stop = true;
        world->on_weak = drop_a_list_when_called;
        gc_hook_add(heap, &hook);
        while (is_due && due_count(heap) == 0) {
            assert_true(step(heap));
        }
        (void)gc_collect(heap);
        assert_false(step(heap));
        gc_hook_remove(heap, &hook);
        assert_int_equal(waiting_count(heap), 0);
        assert_null(heap->backlog);
        assert_false(heap->cycle.owes_stop);
        assert_story(world, "W1 S0 S1 ");
        gc_decref(holder);
    }
}

/* Garbage that is watched, and past rescue: the watchers are due in the next slice. */
static void make_watchers_wait(gc_heap *heap, gc_weak *watches[2])
{
    struct node *ring = drop_a_ring(heap, BIG);
    watches[0] = watcher(ring, 1);
    watches[1] = watcher(ring, 2);
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_CLEAR);
    assert_story(world_of(watches[0]), "");
    assert_int_equal(due_count(heap), 2);
    assert_null(gc_weak_get(watches[0]));
}

static void waiting_watchers_are_called_or_unwatched(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    gc_weak *watches[2];
    make_watchers_wait(heap, watches);
    assert_true(gc_unwatch(watches[0]));
    assert_false(gc_unwatch(watches[0]));
    assert_int_equal(due_count(heap), 1);
    assert_sound(heap);
    (void)gc_collect(heap);
    assert_story(world, "W2 ");
    assert_false(gc_unwatch(watches[1]));
    gc_decref(watches[0]);
    gc_decref(watches[1]);
    assert_live(heap, 0);
}

static void waiting_watchers_are_called_by_the_end_of_the_heap(void **state)
{
    struct world *world = *state;
    for (unsigned kind = 0; kind < 4; kind++) {
        bool is_held = kind % 2 == 0, is_looked_at = kind / 2 == 1;
        gc_heap *heap = patient_heap_new(world);
        gc_weak *watches[2];
        make_watchers_wait(heap, watches);
        for (unsigned i = 0; i < 2 && !is_held; i++) {
            gc_decref(watches[i]);
        }
        assert_true(!is_looked_at || gc_check(heap));
        world_free_heap(world);
        assert_true(strcmp(world->story, "W1 W2 ") == 0 || strcmp(world->story, "W2 W1 ") == 0);
        world->story[0] = '\0';
    }
}

static void drop_a_waiting_one(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    if (id == 1 || id == 2) {
        gc_weak **others = world->note;
        gc_clear(&others[2 - id]);
    }
}

static void one_that_a_callback_drops_is_not_called_after_it(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct actor *actor = actor_new(heap, 1);
    actor->right = as_node(list_new(heap, BIG));
    gc_weak *weak[2] = { weak_with_callback(actor, 1), weak_with_callback(actor, 2) };
    world->note = weak;
    world->on_weak = drop_a_waiting_one;
    drop_by_a_part(heap, actor);
    assert_true(step(heap));
    assert_int_equal(waiting_count(heap), 2);
    step_to_the_end(heap);
    assert_story(world, "F1 D1 W2 ");
    gc_decref(weak[1]);
    assert_live(heap, 0);
}

/* The end of a cycle before its time */

static void cycle_that_frees_is_not_abandoned_but_ended(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)drop_a_ring(heap, 5000);
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_DROP);
    gci_cycle_abandon(heap);
    assert_live(heap, 0);
    assert_int_equal(collected(heap), 5000);
    gci_cycle_begin(heap);
    assert_int_equal(finish(heap), 0);
}

/* It is due when its object may be cleared, and has run before the next slice. */
static void
watcher_that_is_due_when_a_cycle_is_cut_short_runs_when_the_heap_is_trimmed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_decref(watcher(drop_a_ring(heap, 5000), 1));
    gci_cycle_begin(heap);
    run_to_step(heap, GCI_END_CLEAR);
    assert_ptr_not_equal(heap->due.next, &heap->due);
    gci_cycle_abandon(heap);
    assert_story(world, "");
    (void)gc_heap_trim(heap); /* there is no table any more */
    assert_story(world, "W1 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(slots_of_plain_garbage_are_not_used_before_all_is_dropped),
        world_test(plain_garbage_drops_what_it_holds),
        world_test(big_garbage_ends_a_few_objects_at_a_time),
        world_test(big_garbage_ends_in_the_same_order_as_at_once),
        world_test(every_step_of_an_ending_has_a_slice_of_its_own_at_least),
        world_test(big_garbage_cannot_be_had_between_the_slices_in_which_it_ends),
        world_test(callbacks_in_slices_can_have_big_garbage_until_it_is_cleared),
        world_test(finalizers_of_big_garbage_read_it_whole_and_destroys_not_at_all),
        world_test(callbacks_of_big_garbage_that_are_garbage_are_not_called),
        world_test(watchers_of_big_garbage_are_called_when_it_is_past_rescue),
        world_test(one_that_rises_from_big_garbage_brings_back_what_it_reaches_and_no_more),
        world_test(taken_by_a_callback_before_the_search_after_finalizers_lives),
        world_test(broken_by_a_callback_before_the_search_after_finalizers_dies_by_its_counts),
        world_test(big_garbage_that_no_clear_breaks_is_uncollectable_and_old),
        world_test(uncollectable_can_be_had_again),
        world_test(weak_reference_that_a_clear_makes_ends_and_is_called),
        world_test(callbacks_of_big_garbage_may_look_at_the_heap),
        world_test(program_may_look_at_the_heap_while_big_garbage_ends),
        world_test(heap_is_freed_while_big_garbage_ends),
        world_test(garbage_can_be_had_after_a_look_unless_it_is_ending),
        world_test(half_cleared_garbage_is_never_had_after_a_look),
        world_test(big_garbage_that_is_plain_but_for_weak_references_is_freed_as_plain),
        world_test(young_collection_ends_first_what_is_ending),
        world_test(flags_set_by_a_finalizer_leave_the_garbage_that_is_ending_whole),
        world_test(collection_returns_what_is_saved_of_an_ending),
        world_test(big_garbage_may_end_within_a_death),
        world_test(big_garbage_may_be_of_large_objects),
        world_test(page_of_garbage_that_is_ending_is_not_used_for_another_type),
        world_test(look_at_what_is_being_cleared_ends_it_and_sees_none_of_it),
        world_test(look_at_what_is_being_cleared_by_a_clear_or_destroy_sees_none_of_it),
        world_test(young_are_not_collected_while_garbage_is_cleared),
        world_test(collection_of_any_generation_ends_first_what_is_being_cleared),
        world_test(big_garbage_that_no_clear_breaks_is_uncollectable_after_a_look_too),
        world_test(search_for_garbage_ends_what_is_being_cleared),
        world_test(what_garbage_drops_dies_in_later_slices_so_many_at_a_time),
        world_test(what_plain_garbage_drops_joins_the_backlog_also_if_some_is_not_plain),
        world_test(what_callbacks_drop_in_a_slice_joins_the_backlog),
        world_test(what_the_program_drops_while_there_is_a_backlog_dies_at_once),
        world_test(full_collection_ends_the_backlog_at_once),
        world_test(what_the_backlog_lets_go_of_is_found_by_the_collection_that_ends_it),
        world_test(heap_is_freed_with_a_backlog),
        world_test(look_at_the_heap_ends_the_backlog),
        world_test(backlog_waits_while_collections_are_disabled),
        world_test(young_collection_leaves_what_the_backlog_holds),
        world_test(young_one_in_the_backlog_is_young_no_more),
        world_test(one_in_the_backlog_is_out_of_reach),
        world_test(one_that_rises_from_the_backlog_is_old_or_frozen),
        world_test(type_of_the_backlog_is_forgotten_when_that_has_ended),
        world_test(cycle_is_done_when_its_backlog_is_gone),
        world_test(abandoned_while_dropping_the_rest_dies_in_the_backlog),
        world_test(waiting_one_is_called_once_when_the_garbage_is_gone),
        world_test(waiting_one_that_is_dropped_is_not_called),
        world_test(waiting_one_of_a_cycle_that_is_cut_short_is_called_once),
        world_test(weak_reference_of_garbage_that_is_not_found_yet_is_called),
        world_test(garbage_is_not_called_for_what_finalizers_drop),
        world_test(heap_is_freed_while_one_waits),
        world_test(full_collection_while_one_waits_comes_after_the_stop_of_the_cycle),
        world_test(waiting_watchers_are_called_or_unwatched),
        world_test(waiting_watchers_are_called_by_the_end_of_the_heap),
        world_test(one_that_a_callback_drops_is_not_called_after_it),
        world_test(cycle_that_frees_is_not_abandoned_but_ended),
        world_test(watcher_that_is_due_when_a_cycle_is_cut_short_runs_when_the_heap_is_trimmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
