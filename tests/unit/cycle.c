/* SPDX-License-Identifier: MIT */

/* The old generation in slices, white box: promotion, counting, marking and sweeping, and a cycle that is
 * abandoned. Parts of the suspects are in parts.c, and what becomes of garbage in ending.c. */

#include "cycle_support.h"

/* A cycle in its phase of marking, where the first roots are GREY. */
static void mark_first_range(gc_heap *heap)
{
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_MARK);
}

/* Chains */

static void dying_while_grey_keeps_its_place_in_the_chain(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap), *c = node_new(heap);
    mark_first_range(heap);
    assert_int_equal(state_of(a), GCI_GREY);
    assert_int_equal(state_of(b), GCI_GREY);
    uint32_t link = b->object.gc >> GCI_LINK_SHIFT, used = gci_page_used(page_of(b));
    size_t bytes = heap->bytes_live;
    gc_decref(b);
    assert_int_equal(state_of(b), GCI_GREY);
    assert_true(GCI_IS_DEAD(b->object.refs));
    assert_int_equal(b->object.gc >> GCI_LINK_SHIFT, link);
    assert_int_equal(gci_page_used(page_of(b)), used);
    assert_int_equal(heap->bytes_live, bytes - page_of(b)->slot_size);
    assert_live(heap, 2);
    assert_int_equal(stats_of(heap).objects_born, 3);
    assert_int_equal(finish(heap), 0);
    assert_int_equal(state_of(b), GCI_FREE);
    assert_int_equal(state_of(a), heap->old);
    assert_int_equal(gci_page_used(page_of(a)), used - 1);
    gc_decref(a);
    gc_decref(c);
}

static void all_that_die_while_grey_are_freed_when_the_cycle_comes_by(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *nodes[100];
    for (size_t i = 0; i < 100; i++) {
        nodes[i] = node_new(heap);
    }
    mark_first_range(heap);
    for (size_t i = 0; i < 100; i++) {
        gc_decref(nodes[i]);
    }
    assert_int_equal(heap->bytes_live, 0);
    assert_int_equal(gci_page_used(page_of(nodes[0])), 100);
    (void)finish(heap);
    assert_int_equal(gci_page_used(page_of(nodes[0])), 0);
    assert_sound(heap);
    assert_live(heap, 0);
}

static void expect_dying_with_a_link(struct world *world, struct actor *actor)
{
    expect(world, state_of(actor) == GCI_DYING);
    expect(world, actor->object.gc >> GCI_LINK_SHIFT != 0);
}

static void callbacks_of_one_that_dies_while_grey_find_it_dying(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    world->on_finalize = world->on_destroy = expect_dying_with_a_link;
    mark_first_range(heap);
    gc_decref(actor);
    assert_story(world, "F1 D1 ");
    assert_int_equal(state_of(actor), GCI_GREY);
    (void)finish(heap);
    assert_int_equal(state_of(actor), GCI_FREE);
}

static void go_on_with_the_cycle(struct world *world, struct actor *actor)
{
    mark_first_range(world->heap);
    expect(world, state_of(actor) == GCI_DYING);
    (void)finish(world->heap);
    expect(world, actor->object.gc == GCI_DYING);
}

static void cycle_within_a_destroy_passes_by_who_is_dying(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    struct node *node = node_new(heap);
    world->on_destroy = go_on_with_the_cycle;
    gc_decref(actor);
    assert_int_equal(state_of(actor), GCI_FREE);
    gc_decref(node);
}

static void finish_the_cycle(struct world *world, struct actor *actor)
{
    (void)finish(world->heap);
    expect(world, actor->object.gc == GCI_DYING);
}

static void cycle_that_ends_in_the_destroy_of_a_grey_one_leaves_the_slot_to_it(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    world->on_destroy = finish_the_cycle;
    mark_first_range(heap);
    gc_decref(actor);
    assert_story(world, "F1 D1 ");
    assert_int_equal(heap->cycle.phase, GCI_PHASE_NONE);
    assert_int_equal(state_of(actor), GCI_FREE);
    assert_sound(heap);
}

static void rise(struct world *world, struct actor *actor)
{
    (void)world;
    gc_incref(actor);
}

static void resurrected_while_grey_stays_in_the_chain(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    struct node *node = node_new(heap);
    gc_set(&actor->left, actor_new(heap, 2));
    gc_decref(actor->left);
    world->on_finalize = rise;
    mark_first_range(heap);
    uint32_t word = actor->object.gc;
    assert_int_equal(state_of(actor), GCI_GREY);
    gc_decref(actor);
    assert_int_equal(actor->object.gc, word | OURO_GC_TOUCHED);
    assert_int_equal(gc_refcount(actor), 1);
    assert_int_equal(finish(heap), 0);
    assert_int_equal(actor->object.gc, heap->old);
    assert_int_equal(actor->left->object.gc, heap->old);
    world->on_finalize = NULL;
    gc_decref(actor);
    gc_decref(node);
}

static void grey_is_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    mark_first_range(heap);
    assert_int_equal(state_of(node), GCI_GREY);
    assert_int_equal(gc_generation_of(node), GC_OLD);
    (void)finish(heap);
    gc_decref(node);
}

static void page_with_chains_has_no_plain_refs(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct gci_page *page = page_of(node);
    assert_int_equal(page->plain_refs, GCI_REFS_NONE);
    mark_first_range(heap);
    assert_true(page->chained);
    assert_int_equal(page->plain_refs, 0);
    (void)finish(heap);
    assert_false(page->chained);
    assert_int_equal(page->plain_refs, GCI_REFS_NONE);
    mark_first_range(heap);
    gci_cycle_abandon(heap);
    assert_false(page->chained);
    assert_int_equal(page->chain, 0);
    assert_int_equal(page->plain_refs, GCI_REFS_NONE);
    gc_decref(node);
}

static void end_of_a_chain_gives_no_plain_refs_to_who_has_duties(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    mark_first_range(heap);
    (void)finish(heap);
    assert_int_equal(page_of(actor)->plain_refs, 0);
    gc_decref(actor);
}

static void chain_of_plain_ones_dies_while_grey(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = list_new(heap, 200), *second = gc_newref(list->left);
    struct node *third = gc_newref(second->left);
    mark_first_range(heap);
    assert_int_equal(state_of(second), GCI_GREY);
    gc_decref(second);
    gc_decref(third);
    drop_a_list(list);
    assert_int_equal(heap->bytes_live, 0);
    assert_true(GCI_IS_DEAD(second->object.refs) && GCI_IS_DEAD(third->object.refs));
    (void)finish(heap);
    assert_live(heap, 0);
}

static void resized_while_grey_moves_and_leaves_its_place_in_the_chain(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_new(heap, 2), *old = tuple;
    tuple->items[0] = node_new(heap);
    mark_first_range(heap);
    assert_int_equal(state_of(old), GCI_GREY);
    assert_int_equal(gc_resize_var(&tuple, 100), GC_OK);
    assert_ptr_not_equal(tuple, old);
    assert_int_equal(state_of(tuple), GCI_YOUNG);
    assert_int_equal(state_of(old), GCI_GREY);
    assert_true(GCI_IS_DEAD(old->object.refs));
    assert_live(heap, 2);
    assert_int_equal(finish(heap), 0);
    assert_int_equal(state_of(old), GCI_FREE);
    assert_int_equal(gc_refcount(tuple->items[0]), 1);
    assert_sound(heap);
    gc_decref(tuple);
}

/* Phases */

static void promotion_counts_each_young_one_out(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = list_new(heap, 1000);
    gci_cycle_promote(heap);
    assert_true(heap->cycle.only_promotes);
    slice(heap);
    assert_int_equal(heap->cycle.phase, GCI_PHASE_PROMOTE);
    assert_true(heap->young_objects < 1000 && heap->young_objects > 0);
    run_to(heap, GCI_PHASE_NONE);
    assert_int_equal(heap->young_objects, 0);
    assert_int_equal(state_of(list), heap->old);
    assert_sound(heap);
    drop_a_list(list);
}

static void born_behind_a_promotion_stays_young(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *first = node_new(heap), *list = list_new(heap, 1000);
    gc_decref(first); /* the free slot is in the first range */
    gci_cycle_begin(heap);
    slice(heap);
    struct node *reborn = node_new(heap);
    assert_ptr_equal(reborn, first);
    run_to(heap, GCI_PHASE_COUNT);
    assert_int_equal(state_of(reborn), GCI_YOUNG);
    assert_int_equal(heap->young_objects, 1);
    assert_int_equal(state_of(list), state_of_set(heap));
    (void)finish(heap);
    assert_int_equal(state_of(reborn), GCI_YOUNG);
    assert_sound(heap);
    gc_decref(reborn);
    drop_a_list(list);
}

static size_t young_page_count(const gc_heap *heap)
{
    size_t count = 0;
    for (struct gci_page *page = heap->young_pages; page != NULL; page = page->next_young) {
        count++;
    }
    return count;
}

static void promotion_leaves_young_pages_where_there_may_be_young_objects_only(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = list_new(heap, (size_t)11 * GCI_PAGE_SIZE / sizeof(struct node));
    assert_true(young_page_count(heap) > 10);
    gci_cycle_promote(heap);
    run_to(heap, GCI_PHASE_NONE);
    assert_int_equal(young_page_count(heap), 1); /* the current one */
    assert_sound(heap);
    drop_a_list(list);
}

static void page_with_births_behind_a_promotion_stays_a_young_page(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *nodes[6000];
    for (size_t i = 0; i < 6000; i++) {
        nodes[i] = node_new(heap);
    }
    gci_cycle_promote(heap);
    struct gci_page *first = page_of(nodes[0]);
    while (!first->aged) {
        slice(heap);
    }
    for (size_t i = 0; i < 6000; i++) { /* the first page is used again */
        gc_decref(nodes[i]);
        if (page_of(nodes[i]) != first) {
            nodes[i] = node_new(heap);
        } else {
            nodes[i] = NULL;
        }
    }
    struct node *list = list_new(heap, 6000);
    bool is_used_again = false;
    for (struct node *node = list; node != NULL; node = node->left) {
        is_used_again = is_used_again || page_of(node) == first;
    }
    assert_true(is_used_again);
    run_to(heap, GCI_PHASE_NONE);
    assert_sound(heap);
    drop_a_list(list);
    for (size_t i = 0; i < 6000; i++) {
        gc_xdecref(nodes[i]);
    }
}

static void young_collection_within_a_cycle_leaves_its_objects_alone(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = list_new(heap, 1000);
    for (enum gci_phase phase = GCI_PHASE_PROMOTE; phase <= GCI_PHASE_SWEEP; phase++) {
        gci_cycle_begin(heap);
        run_to(heap, phase);
        slice(heap);
        struct node *young = node_new(heap);
        drop_a_node_circle(heap);
        size_t freed = gc_collect_generation(heap, 0);
        assert_true(freed == 2);
        assert_int_not_equal(heap->cycle.phase, GCI_PHASE_NONE);
        assert_int_equal(state_of(young),
                         phase == GCI_PHASE_PROMOTE ? state_of_set(heap) : heap->old);
        assert_int_equal(finish(heap), 0);
        assert_sound(heap);
        gc_decref(young);
    }
    drop_a_list(list);
}

/* What is young there, and held by old garbage, is in the cycle like that. */
static void young_collection_within_a_promotion_hides_no_garbage_from_the_cycle(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *old = node_new(heap);
    (void)gc_collect_generation(heap, 0);
    struct node *young = node_new(heap);
    gc_set(&young->left, old);
    gc_set_steal(&old->left, young);
    gc_decref(old);
    gci_cycle_begin(heap);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(heap->cycle.phase, GCI_PHASE_PROMOTE);
    assert_int_equal(finish(heap), 2);
    assert_live(heap, 0);
}

static void moved_behind_the_back_of_a_cycle_is_suspect_and_survives(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *from = node_new(heap), *to = node_new(heap);
    gc_set_steal(&from->left, node_new(heap));
    struct node *moved = from->left;
    mark_first_range(heap);
    assert_int_equal(state_of(from), GCI_GREY);
    struct node *hand = gc_take(&from->left);
    run_to(heap, GCI_PHASE_SWEEP);
    gc_set_steal(&to->left, hand);
    assert_int_equal(state_of(moved), state_of_set(heap));
    run_to_last_part(heap);
    assert_int_equal(heap->cycle.report.suspects, 1);
    assert_int_equal(finish(heap), 0);
    assert_int_equal(heap->cycle.report.resurrected, 0); /* it was no garbage */
    assert_int_equal(moved->object.gc, heap->old);
    assert_sound(heap);
    gc_decref(from);
    gc_decref(to);
}

static void touched_is_not_suspect(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *from = node_new(heap), *to = node_new(heap);
    gc_set_steal(&from->left, node_new(heap));
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_COUNT); /* which comes by both at once */
    gc_set(&to->left, from->left);
    gc_clear(&from->left);
    assert_true(heap->cycle.trusts_touched);
    run_to(heap, GCI_PHASE_NONE);
    assert_int_equal(state_of(to->left), heap->old);
    assert_sound(heap);
    gc_decref(from);
    gc_decref(to);
}

static void many_suspects_have_another_round(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node **holders = calloc(MANY, sizeof(struct node *));
    assert_non_null(holders);
    for (size_t i = 0; i < MANY; i++) {
        holders[i] = node_new(heap);
        gc_set_steal(&holders[i]->left, node_new(heap));
    }
    drop_a_node_circle(heap);
    suspect_what_is_held_by(holders, MANY, heap);
    run_to(heap, GCI_PHASE_PARTS);
    assert_true(heap->cycle.of_suspects);
    assert_int_equal(heap->cycle.report.suspects, MANY + 2);
    assert_int_equal(heap->cycle.report.rounds, 1);
    run_to(heap, GCI_PHASE_COUNT);
    assert_int_equal(collected(heap), 2);
    assert_int_equal(heap->cycle.suspects_before, MANY);
    assert_int_equal(heap->cycle.report.rounds, 2);
    run_to(heap, GCI_PHASE_NONE);
    assert_int_equal(collected(heap), 2);
    assert_sound(heap);
    for (size_t i = 0; i < MANY; i++) {
        gc_decref(holders[i]);
    }
    free(holders);
}

static void rounds_end_when_they_do_not_halve(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)drop_a_ring(heap, MANY);
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_PARTS);
    run_to(heap, GCI_PHASE_COUNT);
    run_to_last_part(heap);
    assert_int_equal(heap->cycle.report.suspects, MANY);
    assert_int_equal(heap->cycle.report.rounds, 2);
    assert_int_equal(finish(heap), MANY);
    assert_live(heap, 0);
}

static void few_suspects_have_no_further_round(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)drop_a_ring(heap, 1000);
    gci_cycle_begin(heap);
    run_to_last_part(heap);
    assert_int_equal(heap->cycle.report.rounds, 1);
    assert_int_equal(finish(heap), 1000);
}

static void touched_again_and_again_is_collected_in_the_fourth_cycle(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *ring = drop_a_ring(heap, 3);
    for (unsigned i = 1; i <= 4; i++) {
        gci_cycle_begin(heap);
        run_to(heap, GCI_PHASE_COUNT);
        gc_incref(ring); /* as through a weak reference */
        gc_decref(ring);
        assert_int_equal(finish(heap), i == 4 ? 3 : 0);
    }
}

/* Pages */

/* Words that look like headers of what a cycle is about, were they taken for such. */
static void page_that_is_used_for_another_type_is_passed_over(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const enum gci_phase phases[] = { GCI_PHASE_PROMOTE, GCI_PHASE_COUNT, GCI_PHASE_MARK,
                                             GCI_PHASE_SWEEP };
    for (size_t p = 0; p < sizeof(phases) / sizeof(phases[0]); p++) {
        struct node *list = list_new(heap, 2700); /* more than a page */
        gci_cycle_begin(heap);
        run_to(heap, phases[p]);
        if (phases[p] == GCI_PHASE_PROMOTE) {
            slice(heap);
        }
        struct gci_page *page = heap->cycle.page;
        assert_int_equal(heap->cycle.phase, phases[p]);
        assert_non_null(page);
        assert_true(heap->cycle.offset > page->first);
        drop_a_list(list);
        if (phases[p] == GCI_PHASE_MARK) {
            slice(heap); /* of the dead in chains */
        }
        gci_pages_drop_idle(heap);
        (void)gci_pages_trim(heap, SIZE_MAX);
        enum { WIDES = 3000 };
        uint64_t words = UINT64_C(0x100000001) * (0x1230 + state_of_set(heap));
        static struct wide *wides[WIDES];
        for (size_t i = 0; i < WIDES; i++) {
            wides[i] = wide_new(heap);
            for (size_t k = 0; k < 3; k++) {
                wides[i]->words[k] = words;
            }
        }
        (void)finish(heap);
        for (size_t i = 0; i < WIDES; i++) {
            for (size_t k = 0; k < 3; k++) {
                assert_int_equal(wides[i]->words[k], words);
            }
            gc_decref(wides[i]);
        }
        assert_sound(heap);
    }
}

/* Segments */

static struct string *large_new(gc_heap *heap)
{
    struct string *string = gc_new_var(heap, &string_type, (size_t)2 << 20);
    assert_non_null(string);
    return string;
}

static void segment_of_one_that_a_cycle_does_not_know_leaves_during_it(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = list_new(heap, 1000);
    struct string *string = large_new(heap);
    gci_cycle_begin(heap);
    for (enum gci_phase phase = GCI_PHASE_COUNT; phase <= GCI_PHASE_SWEEP; phase++) {
        run_to(heap, phase);
        struct tuple *tuple = large_tuple_new(heap);
        size_t reserved = heap->bytes_reserved;
        gc_decref(tuple);
        gc_decref(string);
        (void)gci_pages_trim(heap, SIZE_MAX);
        assert_true(heap->bytes_reserved <= reserved - ((size_t)4 << 20));
        string = large_new(heap);
    }
    (void)finish(heap);
    gc_decref(string);
    drop_a_list(list);
}

static void segment_where_a_cycle_stands_stays(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct tuple *tuple = large_tuple_new(heap);
    struct node *list = list_new(heap, 1000);
    for (enum gci_phase phase = GCI_PHASE_COUNT; phase <= GCI_PHASE_SWEEP; phase++) {
        gci_cycle_begin(heap);
        run_to(heap, phase);
        while (heap->cycle.page != page_of(tuple)) {
            slice(heap);
        }
        assert_int_equal(heap->cycle.phase, phase);
        slice(heap); /* if it is in a chain, it leaves it */
        heap->cycle.page = page_of(tuple);
        size_t reserved = heap->bytes_reserved;
        gc_decref(tuple);
        (void)gci_pages_trim(heap, SIZE_MAX);
        assert_int_equal(heap->bytes_reserved, reserved);
        (void)finish(heap);
        (void)gci_pages_trim(heap, SIZE_MAX);
        assert_true(heap->bytes_reserved < reserved);
        assert_sound(heap);
        tuple = large_tuple_new(heap);
        if (phase == GCI_PHASE_COUNT) {
            phase = GCI_PHASE_MARK; /* of which a chain is the next */
        }
    }
    gc_decref(tuple);
    gc_decref(node);
    drop_a_list(list);
}

static void segment_of_a_suspect_stays(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holder = node_new(heap);
    holder->left = (struct node *)(void *)large_tuple_new(heap);
    suspect_what_is_held_by(&holder, 1, heap);
    run_to_last_part(heap);
    assert_true(page_of(holder->left)->in_suspect_pages);
    size_t reserved = heap->bytes_reserved;
    gc_clear(&holder->left);
    (void)gci_pages_trim(heap, SIZE_MAX);
    assert_int_equal(heap->bytes_reserved, reserved);
    assert_sound(heap); /* which ends the cycle */
    (void)gci_pages_trim(heap, SIZE_MAX);
    assert_true(heap->bytes_reserved < reserved);
    gc_decref(holder);
}

static void segments_without_objects_stay_during_a_cycle(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap), *list = list_new(heap, 400000);
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_COUNT);
    drop_a_list(list);
    size_t reserved = heap->bytes_reserved;
    (void)gci_pages_trim(heap, 0);
    assert_int_equal(heap->bytes_reserved, reserved);
    (void)finish(heap);
    assert_true(gci_pages_trim(heap, 0) > 0);
    gc_decref(node);
}

static void young_page_that_leaves_under_a_promotion_leads_to_no_segment_that_is_gone(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *first = node_new(heap);
    struct tuple *tuple = large_tuple_new(heap);
    struct wide *wides[1000];
    for (size_t i = 0; i < 1000; i++) {
        wides[i] = wide_new(heap);
    }
    struct gci_page *page = page_of(wides[0]);
    gci_cycle_promote(heap);
    while (heap->cycle.page != page) {
        slice(heap);
    }
    assert_ptr_equal(page->next_young, page_of(tuple));
    for (size_t i = 0; i < 1000; i++) {
        gc_decref(wides[i]);
    }
    gci_pages_drop_idle(heap);
    gc_decref(tuple);
    (void)gci_pages_trim(heap, SIZE_MAX);
    assert_null(page->record);
    run_to(heap, GCI_PHASE_NONE);
    assert_sound(heap);
    gc_decref(first);
}

static void promotion_has_all_of_a_page_that_was_filled_when_it_came(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct node *nodes[GCI_PAGE_SIZE / sizeof(struct node)];
    nodes[0] = node_new(heap);
    struct wide *wide = wide_new(heap);
    struct gci_page *page = page_of(nodes[0]);
    gci_cycle_promote(heap);
    while (heap->cycle.page != page) {
        slice(heap);
    }
    size_t count = 1;
    (void)gc_disable(heap); /* or a birth would go on with it */
    do {
        nodes[count] = node_new(heap);
    } while (page_of(nodes[count++]) == page);
    (void)gc_enable(heap);
    run_to(heap, GCI_PHASE_NONE);
    assert_int_equal(nodes[count - 2]->object.gc, heap->old);
    assert_sound(heap);
    for (size_t i = 0; i < count; i++) {
        gc_decref(nodes[i]);
    }
    gc_decref(wide);
}

static void births_do_not_keep_a_cycle_in_their_page(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct node *nodes[600];
    size_t count = 0;
    while (count < 500) {
        nodes[count++] = node_new(heap);
    }
    struct gci_page *page = page_of(nodes[0]);
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_COUNT);
    for (; heap->cycle.phase == GCI_PHASE_COUNT && heap->cycle.page == page; slice(heap)) {
        assert_true(count < 600);
        nodes[count++] = node_new(heap);
    }
    (void)finish(heap);
    assert_sound(heap);
    while (count > 0) {
        gc_decref(nodes[--count]);
    }
}

/* The end of a cycle before its time */

/* Garbage of both kinds, a list, and what is dead in a chain, if the cycle is at chains. */
static void abandon_in(gc_heap *heap, enum gci_phase phase, unsigned slices, bool plain)
{
    struct node *list = list_new(heap, 1000), *kept = gc_newref(list);
    if (plain) {
        (void)drop_a_ring(heap, 2000);
    } else {
        (void)drop_actors(heap, 1, 2000);
    }
    gci_cycle_begin(heap);
    run_to(heap, phase);
    for (unsigned i = 0; i < slices; i++) {
        slice(heap);
    }
    drop_a_list(list);
    gc_clear(&kept->left);
    bool is_done = heap->cycle.phase == GCI_PHASE_DONE;
    gci_cycle_abandon(heap);
    assert_int_equal(heap->cycle.phase, is_done ? GCI_PHASE_DONE : GCI_PHASE_NONE);
    assert_false(gci_ending_is_trivial(heap));
    assert_int_equal(heap->cycle.lane_count, 0);
    assert_null(heap->cycle.chains);
    assert_null(heap->cycle.suspect_pages);
    assert_int_equal(gc_refcount(kept), 1);
    assert_sound(heap);
    gc_decref(kept);
    (void)gc_collect(heap);
    assert_live(heap, 0);
    assert_sound(heap);
}

static void cycle_may_be_abandoned_in_every_phase(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (enum gci_phase phase = GCI_PHASE_PROMOTE; phase <= GCI_PHASE_DONE; phase++) {
        for (unsigned slices = 0; slices < 12; slices++) {
            abandon_in(heap, phase, slices, true);
            abandon_in(heap, phase, slices, false);
            assert_int_equal(world->finalized, 2000);
            assert_int_equal(world->destroyed, 2000);
            world->finalized = world->destroyed = 0;
        }
    }
    world->story[0] = '\0';
}

static void cycle_may_be_abandoned_in_a_further_round(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)drop_a_ring(heap, MANY);
    struct node *node = node_new(heap);
    for (enum gci_phase phase = GCI_PHASE_PARTS; phase <= GCI_PHASE_SWEEP; phase++) {
        gci_cycle_begin(heap);
        run_to(heap, GCI_PHASE_PARTS);
        run_to(heap, phase);
        slice(heap);
        gci_cycle_abandon(heap);
        assert_sound(heap);
    }
    assert_int_equal(gc_collect(heap), MANY);
    gc_decref(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(dying_while_grey_keeps_its_place_in_the_chain),
        world_test(all_that_die_while_grey_are_freed_when_the_cycle_comes_by),
        world_test(callbacks_of_one_that_dies_while_grey_find_it_dying),
        world_test(cycle_within_a_destroy_passes_by_who_is_dying),
        world_test(cycle_that_ends_in_the_destroy_of_a_grey_one_leaves_the_slot_to_it),
        world_test(resurrected_while_grey_stays_in_the_chain),
        world_test(grey_is_old),
        world_test(page_with_chains_has_no_plain_refs),
        world_test(end_of_a_chain_gives_no_plain_refs_to_who_has_duties),
        world_test(chain_of_plain_ones_dies_while_grey),
        world_test(resized_while_grey_moves_and_leaves_its_place_in_the_chain),
        world_test(promotion_counts_each_young_one_out),
        world_test(born_behind_a_promotion_stays_young),
        world_test(promotion_leaves_young_pages_where_there_may_be_young_objects_only),
        world_test(page_with_births_behind_a_promotion_stays_a_young_page),
        world_test(young_collection_within_a_cycle_leaves_its_objects_alone),
        world_test(young_collection_within_a_promotion_hides_no_garbage_from_the_cycle),
        world_test(moved_behind_the_back_of_a_cycle_is_suspect_and_survives),
        world_test(touched_is_not_suspect),
        world_test(many_suspects_have_another_round),
        world_test(rounds_end_when_they_do_not_halve),
        world_test(few_suspects_have_no_further_round),
        world_test(touched_again_and_again_is_collected_in_the_fourth_cycle),
        world_test(page_that_is_used_for_another_type_is_passed_over),
        world_test(segment_of_one_that_a_cycle_does_not_know_leaves_during_it),
        world_test(segment_where_a_cycle_stands_stays),
        world_test(segment_of_a_suspect_stays),
        world_test(segments_without_objects_stay_during_a_cycle),
        world_test(young_page_that_leaves_under_a_promotion_leads_to_no_segment_that_is_gone),
        world_test(promotion_has_all_of_a_page_that_was_filled_when_it_came),
        world_test(births_do_not_keep_a_cycle_in_their_page),
        world_test(cycle_may_be_abandoned_in_every_phase),
        world_test(cycle_may_be_abandoned_in_a_further_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
