/* SPDX-License-Identifier: MIT */

/* What happens to garbage, step by step: finalize, search again, clear, give up. */

#include "support.h"

#include "collect.h"

static uint32_t state_of(const void *object)
{
    return gci_state_of(object);
}

/* A full collection in slow motion: what is found, before anything is done to it. */
static struct gci_set find(gc_heap *heap)
{
    gci_collect_hold(heap);
    struct gci_set set = gci_set_of_all(heap);
    gci_trace_find_garbage(heap, &set);
    heap->old = heap->old == GCI_OLD_A ? GCI_OLD_B : GCI_OLD_A;
    heap->young_objects = 0;
    gci_pages_forget_young(heap);
    if (!set.plain) { /* else it keeps its scratch counts */
        assert_sound(heap);
    }
    return set;
}

static gc_collection doom(gc_heap *heap, struct gci_set *set)
{
    gc_collection result = { .generation = 1 };
    if (set->garbage_count > 0) {
        gci_ending_begin(heap, set, &result);
        gci_ending_finish(heap);
    }
    assert_sound(heap);
    gci_collect_release(heap);
    assert_sound(heap);
    return result;
}

#define assert_result(result, expected_freed, expected_uncollectable, expected_resurrected) \
    do { \
        assert_int_equal((result).collected, expected_freed); \
        assert_int_equal((result).uncollectable, expected_uncollectable); \
        assert_int_equal((result).resurrected, expected_resurrected); \
    } while (0)

/* A circle of `count` actors, from `id` on, that nobody holds. Returns the first. */
static struct actor *drop_a_ring(gc_heap *heap, unsigned id, unsigned count)
{
    struct actor *first = actor_new(heap, id), *last = first;
    for (unsigned i = 1; i < count; i++) {
        last->left = actor_new(heap, id + i);
        last = last->left;
    }
    last->left = first;
    return first;
}

/* A type whose circles only somebody else can break. */
struct stubborn {
    gc_object object;
    void *next;
};
static void stubborn_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct stubborn *)(void *)self)->next);
}
static void stubborn_destroy(gc_object *self)
{
    gc_clear(&((struct stubborn *)(void *)self)->next);
}
static const gc_type stubborn_type = {
    .name = "stubborn",
    .size = sizeof(struct stubborn),
    .traverse = stubborn_traverse,
    .destroy = stubborn_destroy,
};

static void garbage_without_callbacks_is_freed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    drop_a_node_circle(heap);
    drop_a_node_circle(heap);
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 4, 0, 0);
    assert_int_equal(heap->bytes_live, 0);
}

static void nothing_found_is_nothing_done(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 0, 0, 0);
    assert_story(world, "");
    gc_decref(actor);
}

static void all_garbage_is_finalized_before_any_of_it_is_destroyed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)drop_a_ring(heap, 1, 3);
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 3, 0, 0);
    assert_string_equal(strchr(world->story, 'D') - 9, world->story);
    assert_null(strchr(strchr(world->story, 'D'), 'F'));
    assert_int_equal(world->finalized, 3);
    assert_int_equal(world->destroyed, 3);
}

/* In a finalizer: the garbage is still whole. */
static void look_around(struct world *world, struct actor *actor)
{
    expect(world, actor->left != NULL && actor->left->left != NULL);
    expect(world, state_of(actor) == GCI_DOOMED);
    expect(world, state_of(actor->left) == GCI_DOOMED);
    expect(world, gc_refcount(actor) == 2); /* the circle's, and one to hold it meanwhile */
    expect(world, gc_refcount(actor->left) == 1);
}

static void finalizers_see_the_garbage_whole_and_with_its_true_counts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = look_around;
    (void)drop_a_ring(heap, 1, 3);
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 3, 0, 0);
}

static void keep_second(struct world *world, struct actor *actor)
{
    if (actor->id == 2) {
        gc_incref(actor);
        world->memo = actor;
    }
}

static void what_a_finalizer_brings_back_leaves_the_garbage_with_all_it_refers_to(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = keep_second;
    (void)drop_a_ring(heap, 1, 3);  /* with number 2 */
    (void)drop_a_ring(heap, 11, 2); /* without */
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 2, 0, 3);
    assert_int_equal(world->finalized, 5);
    assert_int_equal(world->destroyed, 2);
    struct actor *actor = world->memo;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(actor->object.gc, heap->old);
        assert_true(actor->object.refs & OURO_REFS_FINALIZED);
        actor = actor->left;
    }
    assert_ptr_equal(actor, world->memo);
    gc_decref(actor);
    set = find(heap);
    result = doom(heap, &set);
    assert_result(result, 3, 0, 0);
    assert_int_equal(world->finalized, 5); /* once in a life */
}

static void make_second_immortal(struct world *world, struct actor *actor)
{
    (void)world;
    if (actor->id == 2) {
        gc_make_immortal(actor);
    }
}

static void an_immortal_made_by_a_finalizer_is_brought_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = make_second_immortal;
    (void)drop_a_ring(heap, 1, 3);
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 0, 0, 3);
    world->leftovers = true;
}

static void break_circle(struct world *world, struct actor *actor)
{
    (void)world;
    gc_clear(&actor->left);
}

static void what_dies_in_finalizers_already_counts_as_freed_and_is_finalized_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = break_circle;
    (void)drop_a_ring(heap, 1, 5);
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 5, 0, 0);
    assert_int_equal(world->finalized, 5);
    assert_int_equal(world->destroyed, 5);
}

/* The death of a circle leaves free slots in the pages of the garbage that is left: what is born
 * there meanwhile is no garbage. */
static void be_born(struct world *world, struct actor *actor)
{
    (void)actor;
    if (world->memo == NULL && world->note != NULL) {
        world->memo = actor_new(world->heap, 100);
    }
    gc_clear(&actor->left);
    world->note = actor;
}

static void what_is_born_in_finalizers_is_young_and_not_doomed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = be_born;
    for (unsigned i = 0; i < 10; i++) {
        (void)drop_a_ring(heap, 1 + 2 * i, 2);
    }
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 20, 0, 0);
    struct actor *born = world->memo;
    assert_non_null(born);
    assert_int_equal(state_of(born), GCI_YOUNG);
    assert_int_equal(gc_refcount(born), 1);
    assert_int_equal(heap->young_objects, 1);
    gc_decref(born);
}

static void what_nobody_clears_is_uncollectable_and_old_again(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct stubborn *a = gc_new(heap, &stubborn_type), *b = gc_new(heap, &stubborn_type);
    a->next = b;
    b->next = a; /* both references given away */
    drop_a_node_circle(heap);
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 2, 2, 0);
    assert_int_equal(a->object.gc, heap->old);
    assert_int_equal(b->object.gc, heap->old);
    assert_int_equal(gc_refcount(a), 1);
    set = find(heap); /* and is found again */
    result = doom(heap, &set);
    assert_result(result, 0, 2, 0);
    gc_clear(&a->next);
    assert_int_equal(heap->bytes_live, 0);
}

static void a_circle_that_one_member_can_break_is_freed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct stubborn *a = gc_new(heap, &stubborn_type);
    struct node *b = node_new(heap);
    a->next = b;
    b->left = (struct node *)(void *)a;
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 2, 0, 0);
    assert_int_equal(heap->bytes_live, 0);
}

static void garbage_referring_to_the_living_only_drops_its_references(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *kept = actor_new(heap, 50);
    struct actor *ring = drop_a_ring(heap, 1, 2);
    gc_set(&ring->right, kept);
    gc_set(&ring->left->right, kept);
    assert_int_equal(gc_refcount(kept), 3);
    struct gci_set set = find(heap);
    gc_collection result = doom(heap, &set);
    assert_result(result, 2, 0, 0);
    assert_int_equal(gc_refcount(kept), 1);
    assert_int_equal(kept->object.gc, heap->old);
    gc_decref(kept);
}

static void collect_in_a_death(struct world *world, struct leaf *leaf)
{
    (void)leaf;
    expect(world, gc_collect(world->heap) == 5);
    expect(world, world->destroyed == 6);
}

static void garbage_that_ends_inside_a_death_is_gone_when_that_returns(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct leaf *leaf = leaf_new(heap, 9);
    (void)drop_a_ring(heap, 1, 5);
    world->on_leaf = collect_in_a_death;
    gc_decref(leaf);
    assert_int_equal(stats_of(heap).generations[1].collected, 5);
    assert_int_equal(stats_of(heap).generations[1].uncollectable, 0);
    assert_sound(heap);
    assert_live(heap, 0);
    world->story[0] = '\0';
}

static void leaves_of_garbage_die_with_it_and_are_not_counted(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *ring = drop_a_ring(heap, 1, 2);
    ring->leaf = leaf_new(heap, 7);
    struct gci_set set = find(heap);
    assert_int_equal(state_of(ring->leaf), GCI_LEAF);
    gc_collection result = doom(heap, &set);
    assert_result(result, 2, 0, 0);
    assert_non_null(strstr(world->story, "L7"));
    assert_int_equal(heap->bytes_live, 0);
}

static void a_page_that_is_emptied_by_doom_waits_for_its_end(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t count = 3 * GCI_PAGE_SIZE / sizeof(struct node);
    struct node *first = node_new(heap), *last = first;
    for (size_t i = 1; i < count; i++) {
        struct node *next = node_new(heap);
        last->left = next;
        last = next;
    }
    last->left = first;
    struct gci_set set = find(heap);
    gc_collection result = { .generation = 1 };
    gci_ending_begin(heap, &set, &result);
    gci_ending_finish(heap);
    assert_result(result, count, 0, 0);
    size_t emptied = 0;
    for (struct gci_page *page = heap->emptied_pages; page != NULL; page = page->next) {
        assert_true(page->emptied);
        emptied++;
    }
    assert_in_range(emptied, 2, 4);
    gci_collect_release(heap);
    assert_sound(heap);
    (void)gci_pages_trim(heap, SIZE_MAX);
    assert_null(heap->emptied_pages);
    assert_sound(heap);
}

/* In slices: a few objects at a time. */

static void weak_references_end_when_it_is_their_turn(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *first = drop_a_ring(heap, 1, 4);
    gc_weak *call = weak_with_callback(first, 1), *watches = watcher(first, 3);
    gc_weak *plain = plain_weak(first);
    struct gci_set set = find(heap);
    gc_collection result = { .generation = 1 };
    gci_ending_begin(heap, &set, &result);
    gci_ending_run(heap, 0);
    assert_story(world, "");
    assert_int_equal(gci_weak_call(&heap->due), 1);
    assert_story(world, "W1 "); /* no watcher */
    assert_ptr_equal(weak_peek(plain), first);
    gci_ending_run(heap, 0);
    assert_story(world, "F1 F2 F3 F4 ");
    assert_int_equal(gc_refcount(first), 1);
    gci_ending_run(heap, 0);
    while (heap->ending.step != GCI_END_CLEAR) {
        gci_ending_run(heap, 0);
    }
    assert_null(weak_peek(plain));
    assert_story(world, "");
    assert_int_equal(gci_weak_call(&heap->due), 1);
    assert_story(world, "W3 ");
    gci_ending_finish(heap);
    assert_story(world, "D2 D3 D4 D1 ");
    assert_result(result, 4, 0, 0);
    gci_collect_release(heap);
    assert_live(heap, 3);
    gc_decref(call);
    gc_decref(plain);
    gc_decref(watches);
}

static void uncollectable_is_counted_and_its_late_weak_references_end(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct stubborn *a = gc_new(heap, &stubborn_type), *b = gc_new(heap, &stubborn_type);
    a->next = b;
    b->next = a;
    struct gci_set set = find(heap);
    gc_collection result = { .generation = 1 };
    gci_ending_begin(heap, &set, &result);
    while (heap->ending.step != GCI_END_RELEASE) {
        gci_ending_run(heap, 0);
    }
    gc_weak *weak = plain_weak(a), *call = weak_with_callback(b, 1);
    assert_null(gc_weak_get(weak));
    gci_ending_finish(heap);
    assert_story(world, "W1 ");
    assert_result(result, 0, 2, 0);
    assert_int_equal(heap->generations[1].uncollectable, 2);
    assert_int_equal(state_of(a), heap->old);
    assert_int_equal(state_of(b), heap->old);
    assert_int_equal(gc_refcount(a), 1);
    assert_null(weak_peek(weak));
    gci_collect_release(heap);
    gc_decref(weak);
    gc_decref(call);
    gc_clear(&a->next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(garbage_without_callbacks_is_freed),
        world_test(nothing_found_is_nothing_done),
        world_test(all_garbage_is_finalized_before_any_of_it_is_destroyed),
        world_test(finalizers_see_the_garbage_whole_and_with_its_true_counts),
        world_test(what_a_finalizer_brings_back_leaves_the_garbage_with_all_it_refers_to),
        world_test(an_immortal_made_by_a_finalizer_is_brought_back),
        world_test(what_dies_in_finalizers_already_counts_as_freed_and_is_finalized_once),
        world_test(what_is_born_in_finalizers_is_young_and_not_doomed),
        world_test(what_nobody_clears_is_uncollectable_and_old_again),
        world_test(a_circle_that_one_member_can_break_is_freed),
        world_test(garbage_referring_to_the_living_only_drops_its_references),
        world_test(garbage_that_ends_inside_a_death_is_gone_when_that_returns),
        world_test(leaves_of_garbage_die_with_it_and_are_not_counted),
        world_test(a_page_that_is_emptied_by_doom_waits_for_its_end),
        world_test(weak_references_end_when_it_is_their_turn),
        world_test(uncollectable_is_counted_and_its_late_weak_references_end),
    };
    return cmocka_run_group_tests_name("doom", tests, NULL, NULL);
}
