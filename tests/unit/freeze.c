/* SPDX-License-Identifier: MIT */

/* What freezing does to pages, and that a collection does not write to frozen ones. */

#include "support.h"

#include <sys/mman.h>

#include "collect.h"

static void assert_named(struct world *world, const char *invariant)
{
    assert_false(gc_check(world->heap));
    assert_int_equal(world->panics, 1);
    expect_panic(world, invariant);
}

static void frozen_1_an_object_that_is_not_frozen_in_a_frozen_page(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    (void)gc_freeze(heap);
    node->object.gc = heap->old;
    assert_named(world, "FROZEN-1");
    node->object.gc = GCI_FROZEN;
    assert_sound(heap);
    gc_decref(node);
}

static void frozen_1_a_frozen_object_in_a_page_that_is_not(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    (void)gc_collect(heap);
    node->object.gc = GCI_FROZEN;
    assert_named(world, "FROZEN-1");
    node->object.gc = heap->old;
    assert_sound(heap);
    gc_decref(node);
}

enum { FULL = 200000 }; /* nodes, which fill a segment and begin another */

static void fill_a_segment(gc_heap *heap, struct node **nodes)
{
    for (size_t i = 0; i < FULL; i++) {
        nodes[i] = node_new(heap);
    }
    (void)gc_freeze(heap);
    assert_true(heap->segments->frozen);
    assert_false(heap->last_segment->frozen);
}

static void drop_all(struct node **nodes)
{
    for (size_t i = 0; i < FULL; i++) {
        gc_decref(nodes[i]);
    }
}

static void freezing_again_does_not_visit_a_segment_that_is_all_frozen(void **state)
{
    struct world *world = *state;
    gc_config config = { .disabled = true, .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    static struct node *nodes[FULL];
    fill_a_segment(heap, nodes);
    gci_page_of(nodes[0])->frozen = false; /* which nobody sees */
    struct node *young = node_new(heap);
    assert_int_equal(gc_freeze(heap), 1);
    assert_false(gci_page_of(nodes[0])->frozen);
    gci_page_of(nodes[0])->frozen = true;
    gc_decref(young);
    drop_all(nodes);
}

/* A birth, or the end of a page, is what would be missed. */
static void a_frozen_segment_with_a_change_is_visited_again(void **state)
{
    struct world *world = *state;
    gc_config config = { .disabled = true, .stress = SIZE_MAX };
    static struct node *nodes[FULL];
    for (unsigned how = 0; how < 2; how++) {
        gc_heap *heap = world_new_heap(world, &config);
        fill_a_segment(heap, nodes);
        size_t in_page = 0;
        while (gci_page_of(nodes[in_page]) == gci_page_of(nodes[0])) {
            in_page++;
        }
        for (size_t i = 0; i < in_page; i++) {
            if (how == 0 || i % 5 != 0) {
                gc_clear(&nodes[i]);
            }
        }
        assert_int_equal(heap->segments->frozen, how == 1);
        struct node *young = NULL;
        for (size_t i = 0; i < in_page; i++) {
            nodes[i] = nodes[i] == NULL ? node_new(heap) : nodes[i];
            young = gci_page_of(nodes[i])->young ? nodes[i] : young;
        }
        assert_non_null(young);
        assert_ptr_equal((void *)((uintptr_t)young & ~(GCI_SEGMENT_SIZE - 1)), heap->segments);
        assert_false(heap->segments->frozen);
        assert_sound(heap);
        assert_int_equal(gc_freeze(heap), how == 0 ? in_page : in_page - (in_page + 4) / 5);
        assert_int_equal(young->object.gc, GCI_FROZEN);
        assert_sound(heap);
        drop_all(nodes);
        world_free_heap(world);
    }
}

static void frozen_2_a_page_that_is_not_frozen_in_a_frozen_segment(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    heap->segments->frozen = true;
    assert_named(world, "FROZEN-2");
    heap->segments->frozen = false;
    (void)gc_freeze(heap);
    heap->segments->frozen = true; /* it has free pages */
    assert_named(world, "FROZEN-2");
    heap->segments->frozen = false;
    gc_decref(node);
}

static void frozen_1_a_frozen_object_in_a_mixed_page_is_right(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    (void)gc_freeze(heap);
    gci_page_of(node)->mixed = true;
    gci_page_of(node)->frozen = false;
    assert_sound(heap);
    gci_page_of(node)->mixed = false;
    assert_named(world, "FROZEN-1");
    gci_page_of(node)->frozen = true;
    gc_decref(node);
}

static void page_2_a_frozen_page_that_is_current(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct gci_page *page = gci_page_of(node);
    (void)gc_freeze(heap);
    page->record->current = page;
    assert_named(world, "PAGE-2");
    page->record->current = NULL;
    assert_sound(heap);
    gc_decref(node);
}

static void page_2_a_frozen_page_that_is_looked_at_too_early(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    struct gci_page *page = gci_page_of(a);
    (void)gc_freeze(heap);
    page->notice++;
    page->countdown--;
    assert_named(world, "PAGE-2");
    page->notice--;
    page->countdown++;
    assert_sound(heap);
    gc_decref(a);
    gc_decref(b);
}

static void a_saved_leaf_is_no_state(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct leaf *leaf = leaf_new(heap, 1);
    leaf->object.gc = GCI_SAVED;
    assert_named(world, "OBJ-1");
    leaf->object.gc = GCI_FROZEN;
    assert_named(world, "OBJ-1");
    leaf->object.gc = GCI_LEAF;
    assert_sound(heap);
    gc_decref(leaf);
}

static void a_partial_page_leaves_its_list(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    enum { COUNT = 6000 };
    struct node *nodes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        nodes[i] = node_new(heap);
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        gc_clear(&nodes[i]);
    }
    struct gci_record *record = gci_page_of(nodes[1])->record;
    assert_true(gci_record_has_partial(record));
    (void)gc_freeze(heap);
    assert_false(gci_record_has_partial(record));
    assert_null(record->current);
    assert_sound(heap);
    (void)gc_unfreeze(heap);
    assert_true(gci_record_has_partial(record));
    assert_sound(heap);
    for (size_t i = 1; i < COUNT; i += 2) {
        gc_decref(nodes[i]);
    }
}

static void an_idle_page_stays_current(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    struct gci_page *page = gci_page_of(node);
    gc_decref(node);
    assert_int_equal(gc_freeze(heap), 0);
    assert_false(page->frozen);
    assert_ptr_equal(page->record->current, page);
    assert_sound(heap);
}

/* The strongest form of "does not write": the kernel refuses writes meanwhile. */
static void protect(gc_heap *heap, int protection)
{
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL;
         page = gci_pages_next(heap, page)) {
        if (page->frozen && page->first == 0) { /* not beside the head of a segment */
            assert_int_equal(mprotect(page->base, (size_t)page->span * GCI_PAGE_SIZE, protection),
                             0);
        }
    }
}

static void a_collection_writes_to_no_frozen_page(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = NULL;
    struct leaf *leaves[10000];
    for (size_t i = 0; i < 10000; i++) {
        struct node *node = node_new(heap);
        gc_set(&node->left, list);
        gc_set_steal(&list, node);
        leaves[i] = leaf_new(heap, 1);
    }
    struct tuple *large = tuple_new(heap, 30000);
    gc_set(&large->items[29999], list);
    (void)gc_freeze(heap);
    struct node *young = node_new(heap), *held = node_new(heap);
    gc_set(&young->left, list); /* before the protection: a count is written */
    gc_set(&list->right, held);
    protect(heap, PROT_READ);
    drop_a_node_circle(heap);
    struct gci_set set = gci_set_of_all(heap); /* a collection without the checks around it */
    gci_trace_find_garbage(heap, &set);
    gci_flip_old(heap);
    heap->young_objects = 0;
    gci_pages_forget_young(heap);
    gc_collection report = { .generation = 1 };
    gci_ending_begin(heap, &set, &report);
    gci_ending_finish(heap);
    assert_int_equal(report.collected, 2);
    protect(heap, PROT_READ | PROT_WRITE);
    assert_sound(heap);
    gc_decref(held);
    gc_decref(young);
    gc_decref(large);
    gc_clear(&list);
    for (size_t i = 0; i < 10000; i++) {
        gc_decref(leaves[i]);
    }
}

static void a_collection_passes_over_frozen_pages_whole(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *frozen = node_new(heap);
    (void)gc_freeze(heap);
    struct node *old = node_new(heap);
    gci_page_of(frozen)->members = 4711;
    gci_page_of(old)->members = 4711;
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(gci_page_of(frozen)->members, 4711);
    assert_int_equal(gci_page_of(old)->members, 1);
    gc_decref(frozen);
    gc_decref(old);
}

static void a_discarded_object_leaves_the_figures_as_they_were(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *other = node_new(heap);
    gc_stats before = stats_of(heap);
    struct actor *actor = actor_new(heap, 1);
    gci_death_discard(gci_page_of(actor), &actor->object);
    gc_stats after = stats_of(heap);
    assert_int_equal(after.objects_born, before.objects_born);
    assert_int_equal(after.objects_died, before.objects_died);
    assert_int_equal(after.bytes_live, before.bytes_live);
    assert_int_equal(after.generations[0].objects, 1);
    assert_story(*state, "");
    assert_sound(heap);
    gc_decref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(frozen_1_an_object_that_is_not_frozen_in_a_frozen_page),
        world_test(frozen_1_a_frozen_object_in_a_page_that_is_not),
        world_test(freezing_again_does_not_visit_a_segment_that_is_all_frozen),
        world_test(a_frozen_segment_with_a_change_is_visited_again),
        world_test(frozen_2_a_page_that_is_not_frozen_in_a_frozen_segment),
        world_test(frozen_1_a_frozen_object_in_a_mixed_page_is_right),
        world_test(page_2_a_frozen_page_that_is_current),
        world_test(page_2_a_frozen_page_that_is_looked_at_too_early),
        world_test(a_saved_leaf_is_no_state),
        world_test(a_partial_page_leaves_its_list),
        world_test(an_idle_page_stays_current),
        world_test(a_collection_writes_to_no_frozen_page),
        world_test(a_collection_passes_over_frozen_pages_whole),
        world_test(a_discarded_object_leaves_the_figures_as_they_were),
    };
    return cmocka_run_group_tests_name("freeze", tests, NULL, NULL);
}
