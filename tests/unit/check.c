/* SPDX-License-Identifier: MIT */

/* The checker: each invariant of layout.h is broken by hand, named by gc_check, and mended. */

#include "support.h"

#include "collect.h"

static struct gci_page *page_of(const void *object)
{
    return gci_page_of(object);
}

/* A check, whatever its answer, leaves no scratch counts and no holds. */
static void assert_no_traces(gc_heap *heap)
{
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL;
         page = gci_pages_next(heap, page)) {
        for (size_t offset = page->first; offset < gci_page_end(page); offset += page->slot_size) {
            const gc_object *self = gci_page_at(page, offset);
            assert_true(gci_state_of(self) == GCI_FREE || self->gc / GCI_SCRATCH == 0);
        }
    }
    assert_int_equal(heap->busy, 0);
    assert_int_equal(heap->pinned, 0);
}

static void assert_named(struct world *world, const char *invariant)
{
    assert_false(gc_check(world->heap));
    assert_int_equal(world->panics, 1);
    expect_panic(world, invariant);
}

/* The same where scratch counts are not what was broken. */
static void assert_broken(struct world *world, const char *invariant)
{
    assert_named(world, invariant);
    assert_no_traces(world->heap);
}

static void assert_mended(struct world *world)
{
    assert_sound(world->heap);
    assert_int_equal(world->panics, 0);
    assert_no_traces(world->heap);
}

/* A full page of leaves that is in no list, with a part of it freed. The last one made is on
 * another page, which is current. */
enum { CROWD = 4096 };
struct crowd {
    struct gci_page *page;
    size_t count;
    struct leaf *leaves[CROWD + 1];
};

static void crowd_make(struct crowd *crowd, gc_heap *heap)
{
    crowd->leaves[0] = leaf_new(heap, 0);
    crowd->page = page_of(crowd->leaves[0]);
    crowd->count = 1;
    do {
        crowd->leaves[crowd->count] = leaf_new(heap, 0);
    } while (page_of(crowd->leaves[crowd->count++]) == crowd->page);
}

static void crowd_drop(struct crowd *crowd, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        gc_decref(crowd->leaves[i]);
        crowd->leaves[i] = NULL;
    }
}

static void crowd_drop_all(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        gc_xdecref(crowd->leaves[i]);
    }
}

/* OBJ-1 */

static void obj_1_a_state_that_does_not_exist(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    for (uint32_t other = 0; other <= GCI_STATE_MASK; other++) {
        if (other > GCI_SEEN_YOUNG) {
            node->object.gc = other;
            assert_named(world, "OBJ-1");
            node->object.gc = GCI_YOUNG;
            assert_mended(world);
        }
    }
    gc_decref(node);
}

static void obj_1_a_state_that_is_not_for_the_type(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    node->object.gc = GCI_LEAF;
    assert_broken(world, "OBJ-1");
    node->object.gc = GCI_YOUNG;
    assert_mended(world);
    leaf->object.gc = heap->old;
    assert_broken(world, "OBJ-1");
    leaf->object.gc = GCI_LEAF;
    assert_mended(world);
    gc_decref(node);
    gc_decref(leaf);
}

static void obj_1_a_state_that_is_not_for_now(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    const uint32_t states[] = { GCI_DOOMED, GCI_DOOMED_YOUNG, GCI_SEEN_YOUNG,
                                heap->old == GCI_OLD_A ? GCI_OLD_B : GCI_OLD_A };
    for (size_t i = 0; i < 4; i++) {
        node->object.gc = states[i];
        assert_broken(world, "OBJ-1");
        node->object.gc = GCI_YOUNG;
        assert_mended(world);
    }
    gc_decref(node);
}

static void obj_1_a_living_object_without_a_count(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    const uint32_t counts[] = { GCI_REFS_NONE, GCI_REFS_NONE | GCI_REFS_FLAGS, GCI_REFS_DEAD,
                                GCI_REFS_DEAD | 0x12340 };
    for (size_t i = 0; i < 4; i++) {
        node->object.refs = counts[i];
        assert_broken(world, "OBJ-1");
        node->object.refs = 0;
        assert_mended(world);
    }
    gc_decref(node);
}

static void obj_1_a_free_slot_with_a_count(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(node);
    node->object.refs = OURO_REFS_ONE;
    assert_broken(world, "OBJ-1");
    node->object.refs = GCI_REFS_DEAD;
    assert_mended(world);
}

static void obj_1_a_living_object_in_state_free(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    node->object.gc = GCI_FREE;
    assert_broken(world, "OBJ-1");
    node->object.gc = GCI_YOUNG;
    assert_mended(world);
    gc_decref(node);
}

static void obj_1_a_scratch_count_that_is_left(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    node->object.gc = GCI_YOUNG | GCI_SCRATCH;
    assert_named(world, "OBJ-1");
    node->object.gc = GCI_YOUNG;
    assert_mended(world);
    leaf->object.gc = GCI_LEAF | 3 * GCI_SCRATCH;
    assert_named(world, "OBJ-1");
    leaf->object.gc = GCI_LEAF;
    assert_mended(world);
    gc_decref(node);
    gc_decref(leaf);
}

/* OBJ-2 */

static void obj_2_a_reference_that_was_not_counted(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    a->right = b;
    b->left = b;
    assert_broken(world, "OBJ-2");
    assert_non_null(strstr(world->panic_text, "2 references and is referred to 3 times"));
    b->left = NULL;
    assert_mended(world); /* two references, and the test's is the one that was stolen */
    a->right = NULL;
    assert_mended(world);
    gc_decref(a);
    gc_decref(b);
}

static void obj_2_a_reference_to_a_leaf_that_was_not_counted(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1), *b = actor_new(heap, 2);
    struct leaf *leaf = leaf_new(heap, 1);
    a->leaf = b->leaf = leaf;
    assert_broken(world, "OBJ-2");
    b->leaf = NULL;
    assert_mended(world);
    gc_decref(a); /* its reference was the test's */
    gc_decref(b);
}

static void obj_2_a_reference_counted_more_than_once_is_no_fault(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_incref(b);
    assert_mended(world);
    gc_decref(b);
    gc_decref(b);
    gc_decref(a);
}

static void obj_2_an_immortal_may_be_referred_to_at_will(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_make_immortal(node);
    node->left = node->right = node;
    assert_mended(world);
    world->leftovers = true;
}

/* PAGE-1 */

static void page_1_a_free_list_that_leads_to_a_living_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap), *dead = node_new(heap);
    gc_decref(dead);
    struct gci_page *page = page_of(node);
    uint32_t head = page->free;
    page->free = gci_link_word(node);
    assert_broken(world, "PAGE-1");
    page->free = head;
    assert_mended(world);
    gc_decref(node);
}

/* A node in a page with some free slots. */
static struct node *node_with_free_slots(gc_heap *heap)
{
    struct node *nodes[5];
    for (size_t i = 0; i < 5; i++) {
        nodes[i] = node_new(heap);
    }
    for (size_t i = 1; i < 5; i++) {
        gc_decref(nodes[i]);
    }
    return nodes[0];
}

static void page_1_a_free_list_that_leaves_the_slots(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_with_free_slots(heap);
    struct gci_page *page = page_of(node);
    uint32_t head = page->free;
    const size_t places[] = { 0,
                              page->first - 8u,
                              gci_page_end(page),
                              gci_page_offset(gci_page_linked(page, head)) + 8u,
                              GCI_PAGE_SIZE - 8,
                              GCI_PAGE_SIZE };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        page->free = (uint32_t)GCI_LINK(places[i]) << GCI_LINK_SHIFT;
        assert_broken(world, "PAGE-1");
        page->free = head;
        assert_mended(world);
    }
    gc_decref(node);
}

static void page_1_a_free_list_that_lost_a_slot(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_with_free_slots(heap);
    struct gci_page *page = page_of(node);
    uint32_t head = page->free;
    page->free = gci_page_linked(page, head)->gc;
    assert_broken(world, "PAGE-1");
    page->free = 0;
    assert_broken(world, "PAGE-1");
    page->free = head;
    assert_mended(world);
    gc_decref(node);
}

static void page_1_a_page_that_counts_its_objects_wrong(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct gci_page *page = page_of(node);
    page->countdown++;
    assert_broken(world, "PAGE-1");
    page->countdown -= 2;
    assert_broken(world, "PAGE-1");
    page->countdown++;
    assert_mended(world);
    gc_decref(node);
}

static void page_1_a_free_list_that_ends_early_or_goes_in_a_circle(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_with_free_slots(heap);
    struct gci_page *page = page_of(node);
    gc_object *second = gci_page_linked(page, gci_page_linked(page, page->free)->gc);
    uint32_t rest = second->gc;
    second->gc = 0;
    assert_broken(world, "PAGE-1");
    second->gc = page->free;
    assert_broken(world, "PAGE-1");
    second->gc = gci_link_word(second);
    assert_broken(world, "PAGE-1");
    second->gc = rest;
    assert_mended(world);
    gc_decref(node);
}

static void page_1_more_slots_than_the_page_has_or_half_a_one(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct crowd crowd;
    crowd_make(&crowd, heap);
    struct gci_page *page = crowd.page;
    size_t end = page->end;
    const size_t ends[] = { page->first + (gci_page_capacity(page) + 1) * page->slot_size,
                            end - page->slot_size / 2 };
    for (size_t i = 0; i < 2; i++) {
        page->end = ends[i];
        assert_named(world, "PAGE-1");
        page->end = end;
        assert_mended(world);
    }
    crowd_drop_all(&crowd);
}

/* PAGE-2 */

static void page_2_a_page_with_a_quarter_free_that_is_in_no_list(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct crowd crowd;
    crowd_make(&crowd, heap);
    crowd_drop(&crowd, 0, gci_page_capacity(crowd.page) / 2);
    struct gci_record *record = crowd.page->record;
    struct gci_page **list = &record->partial[crowd.page->level - 1];
    assert_ptr_equal(*list, crowd.page);
    assert_mended(world);
    uint8_t level = crowd.page->level;
    *list = NULL;
    crowd.page->level = 0;
    assert_broken(world, "PAGE-2");
    *list = crowd.page;
    crowd.page->level = level;
    assert_mended(world);
    crowd_drop_all(&crowd);
}

static void page_2_a_partial_page_that_is_not_in_the_list(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct crowd crowd;
    crowd_make(&crowd, heap);
    crowd_drop(&crowd, 0, gci_page_capacity(crowd.page) / 2);
    struct gci_page **list = &crowd.page->record->partial[crowd.page->level - 1];
    *list = NULL;
    assert_broken(world, "PAGE-2");
    *list = crowd.page;
    assert_mended(world);
    crowd_drop_all(&crowd);
}

static void page_2_a_partial_page_that_waits_for_the_wrong_moment(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct crowd crowd;
    crowd_make(&crowd, heap);
    crowd_drop(&crowd, 0, gci_page_capacity(crowd.page) / 2);
    crowd.page->notice++;
    crowd.page->countdown--;
    assert_broken(world, "PAGE-2");
    crowd.page->notice--;
    crowd.page->countdown++;
    assert_mended(world);
    crowd_drop_all(&crowd);
}

static void page_2_a_partial_page_at_the_wrong_level(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct crowd crowd;
    crowd_make(&crowd, heap);
    crowd_drop(&crowd, 0, gci_page_capacity(crowd.page) / 2);
    struct gci_page *page = crowd.page, **lists = page->record->partial;
    assert_int_equal(page->level, 3);
    lists[3] = lists[2];
    lists[2] = NULL;
    page->level = 4;
    assert_broken(world, "PAGE-2");
    lists[2] = lists[3];
    lists[3] = NULL;
    page->level = 3;
    assert_mended(world);
    crowd_drop_all(&crowd);
}

static void page_2_a_current_page_that_is_in_a_list(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct gci_page *page = page_of(node);
    page->level = 1;
    assert_broken(world, "PAGE-2");
    page->level = 0;
    page->emptied = true;
    assert_broken(world, "PAGE-2");
    page->emptied = false;
    page->notice = 0;
    page->countdown--;
    assert_broken(world, "PAGE-2");
    page->notice = GCI_NOTICE_NEVER;
    page->countdown++;
    assert_mended(world);
    gc_decref(node);
}

static void page_2_a_page_with_untouched_slots_that_is_not_current(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct gci_page *page = page_of(node);
    struct gci_record *record = page->record;
    record->current = NULL;
    assert_broken(world, "PAGE-2");
    record->current = page;
    assert_mended(world);
    gc_decref(node);
}

static void page_2_an_emptied_page_with_an_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static struct crowd crowd;
    crowd_make(&crowd, heap);
    crowd.page->emptied = true;
    assert_broken(world, "PAGE-2");
    crowd.page->emptied = false;
    assert_mended(world);
    crowd_drop_all(&crowd);
}

/* PAGE-3 */

static void page_3_a_page_that_is_in_use_and_free(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct gci_segment *segment = gci_segment_of(page_of(node));
    segment->free_pages |= 1;
    assert_broken(world, "PAGE-3");
    segment->free_pages &= ~UINT64_C(1);
    assert_mended(world);
    gc_decref(node);
}

static void page_3_an_idle_page_that_is_not_in_the_list(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct gci_segment *segment = gci_segment_of(page_of(node));
    segment->idle_pages = 2;
    assert_broken(world, "PAGE-3");
    segment->idle_pages = 0;
    assert_mended(world);
    gc_decref(node);
}

static void page_3_idle_large_segments_that_are_counted_wrong(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const gc_type large = { .name = "large", .size = GCI_SEGMENT_SIZE };
    gc_decref(gc_new(heap, &large));
    gci_pages_tidy(heap, false);
    struct gci_idle idle = heap->idle_large;
    heap->idle_large_bytes++;
    assert_broken(world, "PAGE-3");
    heap->idle_large_bytes--;
    heap->idle_large = (struct gci_idle){ 0 };
    assert_broken(world, "PAGE-3");
    heap->idle_large = idle;
    assert_mended(world);
}

/* GEN-1, GEN-2, BYTES-1 */

static void gen_1_a_wrong_number_of_young_objects(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    heap->young_objects++;
    assert_broken(world, "GEN-1");
    heap->young_objects -= 2;
    assert_broken(world, "GEN-1");
    heap->young_objects++;
    assert_mended(world);
    node->object.gc = heap->old;
    assert_broken(world, "GEN-1");
    node->object.gc = GCI_YOUNG;
    assert_mended(world);
    gc_decref(node);
}

static void gen_2_a_young_object_on_a_page_that_is_not_marked_young(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct gci_page *page = page_of(node);
    page->young = false;
    assert_broken(world, "GEN-2");
    page->young = true;
    assert_mended(world);
    gc_decref(node);
}

static void gen_2_a_young_object_on_a_page_that_is_not_in_the_list(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct actor *actor = actor_new(heap, 1);
    struct gci_page *list = heap->young_pages;
    heap->young_pages = list->next_young;
    bool right = gc_check(heap);
    heap->young_pages = NULL;
    bool still_right = gc_check(heap);
    heap->young_pages = list;
    assert_false(right);
    assert_false(still_right);
    expect_panic(world, "GEN-2");
    assert_mended(world);
    gc_decref(node);
    gc_decref(actor);
}

static void bytes_1_a_wrong_number_of_bytes(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    heap->bytes_live += 8;
    assert_broken(world, "BYTES-1");
    heap->bytes_live -= 16;
    assert_broken(world, "BYTES-1");
    heap->bytes_live += 8;
    assert_mended(world);
    gc_decref(node);
}

/* REF-1 */

static void assert_stray(struct world *world, struct node *node, void *stray)
{
    node->left = stray;
    assert_broken(world, "REF-1");
    assert_non_null(strstr(world->panic_text, "node"));
    node->left = NULL;
    assert_mended(world);
}

static void ref_1_references_that_lead_to_no_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap), *dead = node_new(heap);
    gc_decref(dead);
    static struct node fixed;
    struct node local = { .left = NULL };
    assert_stray(world, node, dead);
    assert_stray(world, node, &fixed);
    assert_stray(world, node, &local);
    assert_stray(world, node, (char *)node + 8);
    assert_stray(world, node, (char *)node + 1);
    assert_stray(world, node, (void *)(uintptr_t)1);
    assert_stray(world, node, (void *)UINTPTR_MAX);
    assert_stray(world, node, page_of(node));
    gc_decref(node);
}

static void ref_1_a_reference_to_an_object_of_another_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_heap *other = gc_heap_new(NULL);
    assert_non_null(other);
    struct node *node = node_new(heap), *foreign = node_new(other);
    assert_stray(world, node, foreign);
    gc_decref(node);
    gc_decref(foreign);
    gc_heap_free(other);
}

static void ref_1_the_holder_is_found_among_many_references(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_new(heap, 1000);
    for (size_t i = 0; i < 1000; i++) {
        tuple->items[i] = node_new(heap);
    }
    struct node *right = tuple->items[700], wrong = *right;
    tuple->items[700] = &wrong;
    assert_broken(world, "REF-1");
    assert_non_null(strstr(world->panic_text, "tuple"));
    tuple->items[700] = right;
    assert_mended(world);
    gc_decref(tuple);
}

/* What is no fault */

static void check_within_finalize(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_check(world->heap));
}

static void callbacks_in_and_out_of_collections_find_the_heap_sound(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = check_within_finalize;
    world->on_destroy = check_within_finalize;
    struct actor *outer = actor_new(heap, 1);
    outer->left = actor_new(heap, 2);
    outer->leaf = leaf_new(heap, 3);
    gc_decref(outer);
    (void)drop_an_actor_circle(heap, 4);
    assert_int_equal(gc_collect(heap), 2);
    (void)drop_an_actor_circle(heap, 6);
    assert_int_equal(gc_collect_generation(heap, 0), 2);
    assert_int_equal(world->finalized, 6);
}

/* WEAK-1, WEAK-2, WEAK-3 */

static void weak_1_a_flag_without_a_list(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    node->object.refs |= OURO_REFS_WEAK;
    assert_broken(world, "WEAK-1");
    node->object.refs &= ~(uint32_t)OURO_REFS_WEAK;
    assert_mended(world);
    gc_decref(node);
}

static void weak_1_a_list_without_a_flag(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = plain_weak(node);
    node->object.refs &= ~(uint32_t)OURO_REFS_WEAK;
    assert_broken(world, "WEAK-1");
    node->object.refs |= OURO_REFS_WEAK;
    assert_mended(world);
    gc_decref(weak);
    gc_decref(node);
}

static void weak_1_a_target_that_is_not_the_lists(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap), *other = node_new(heap);
    gc_weak *first = weak_with_callback(node, 1), *second = weak_with_callback(node, 2);
    first->target = &other->object; /* it is the last of the list */
    assert_broken(world, "WEAK-1");
    first->target = NULL;
    assert_broken(world, "WEAK");
    first->target = &node->object;
    second->target = &other->object; /* the first one: the list is not found any more */
    assert_broken(world, "WEAK-1");
    second->target = &node->object;
    assert_mended(world);
    gc_decref(first);
    gc_decref(second);
    gc_decref(node);
    gc_decref(other);
}

static void weak_1_a_list_that_lost_a_member(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *first = weak_with_callback(node, 1), *second = weak_with_callback(node, 2);
    second->next = NULL;
    assert_broken(world, "WEAK-1");
    second->next = first;
    first->prev = first;
    assert_broken(world, "WEAK-1");
    first->prev = second;
    assert_mended(world);
    gc_decref(first);
    gc_decref(second);
    gc_decref(node);
}

static void weak_1_a_wrong_number_of_lists(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    heap->weak_table.count++;
    assert_broken(world, "WEAK-1");
    heap->weak_table.count--;
    assert_mended(world);
}

static void table_1_a_segment_that_is_not_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    heap->segment_table.used++;
    assert_broken(world, "TABLE-1");
    heap->segment_table.used--;
    assert_mended(world);
    heap->record_table.items.blocks[2] = node;
    assert_broken(world, "TABLE-1");
    heap->record_table.items.blocks[2] = NULL;
    assert_mended(world);
    gc_decref(node);
}

static void weak_2_one_without_callback_that_is_not_the_first(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *first = weak_with_callback(node, 1), *second = weak_with_callback(node, 2);
    struct gci_weak_call *call = gci_weak_callable(first);
    gc_weak_fn callback = call->callback;
    call->callback = NULL;
    assert_broken(world, "WEAK-2");
    call->callback = callback;
    assert_mended(world);
    gc_decref(first);
    gc_decref(second);
    gc_decref(node);
}

static void weak_3_a_dead_one_that_nobody_will_call(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = weak_with_callback(node, 1);
    struct gci_weak_call *call = gci_weak_callable(weak);
    gc_weak_fn callback = call->callback;
    gc_decref(node);
    call->callback = callback;
    assert_broken(world, "WEAK-3");
    call->callback = NULL;
    assert_mended(world);
    gc_decref(weak);
}

static void weak_3_a_watcher_that_is_not_in_the_list(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *older = watcher(node, 1), *weak = watcher(node, 2);
    struct gci_weak_call *call = gci_weak_callable(weak), *last = gci_weak_callable(older);
    call->older = NULL;
    assert_broken(world, "WEAK-3");
    call->older = last;
    last->place = &heap->watchers;
    assert_broken(world, "WEAK-3");
    last->place = &call->older;
    assert_mended(world);
    gc_decref(older);
    gc_decref(weak);
    gc_decref(node);
}

static void check_within_weak(struct world *world, gc_weak *weak, unsigned id)
{
    (void)id;
    expect(world, gc_check(gc_heap_of(weak)));
}

static void weak_callbacks_find_the_heap_sound(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_weak = check_within_weak;
    world->on_finalize = check_within_finalize;
    world->on_destroy = check_within_finalize;
    struct actor *actor = actor_new(heap, 1);
    gc_weak *first = weak_with_callback(actor, 1), *second = weak_with_callback(actor, 2);
    gc_decref(watcher(actor, 3));
    gc_decref(actor);
    assert_story(world, "F1 W3 W2 W1 D1 ");
    gc_decref(first);
    gc_decref(second);
    actor = drop_an_actor_circle(heap, 4);
    gc_weak *plain = plain_weak(actor);
    first = weak_with_callback(actor, 1);
    second = weak_with_callback(actor->left, 2);
    gc_decref(watcher(actor, 3));
    assert_int_equal(gc_collect(heap), 2);
    gc_decref(plain);
    gc_decref(first);
    gc_decref(second);
}

static int check_within_visit(void *object, void *arg)
{
    struct world *world = arg;
    (void)object;
    expect(world, gc_check(world->heap));
    return 0;
}

static void visitors_of_the_unreachable_find_the_heap_sound(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    (void)drop_an_actor_circle(heap, 1);
    (void)gc_collect_generation(heap, 0);
    drop_a_node_circle(heap);
    assert_int_equal(gc_unreachable(heap, check_within_visit, world), 0);
    assert_sound(heap);
    gc_decref(node);
}

static void a_check_leaves_the_alarms_as_they_were(void **state)
{
    struct world *world = *state;
    gc_config config = { .limit_bytes = 100000 };
    gc_heap *heap = world_new_heap(world, &config);
    struct node *node = node_new(heap);
    size_t young_alarm = heap->young_alarm, bytes_alarm = heap->bytes_alarm;
    assert_sound(heap);
    assert_int_equal(heap->young_alarm, young_alarm);
    assert_int_equal(heap->bytes_alarm, bytes_alarm);
    gc_decref(node);
}

/* A cycle in its phase of marking, where what the program holds is GREY. */
static void mark_first_range(gc_heap *heap)
{
    gci_cycle_begin(heap);
    while (heap->cycle.phase != GCI_PHASE_MARK) {
        (void)gci_cycle_slice(heap, 0);
    }
}

/* What is broken is mended by the test; that there is a cycle no more is not. */
static void cycle_1_a_state_or_a_scratch_count_of_another_phase(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    const uint32_t wrong[] = { GCI_PART, GCI_DOOMED, GCI_SEEN_YOUNG, GCI_LEAF };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        mark_first_range(heap);
        uint32_t right = node->object.gc;
        node->object.gc = wrong[i];
        assert_named(world, "CYCLE-1");
        node->object.gc = right & GCI_STATE_MASK;
        gci_cycle_abandon(heap);
        node->object.gc = heap->old;
        assert_sound(heap);
    }
    gci_cycle_begin(heap);
    node->object.gc = heap->old | GCI_SCRATCH;
    assert_named(world, "CYCLE-1");
    node->object.gc = heap->old;
    assert_sound(heap);
    gc_decref(node);
}

static void cycle_2_a_chain_that_leads_astray(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *first = node_new(heap), *second = node_new(heap);
    for (unsigned fault = 0; fault < 5; fault++) {
        mark_first_range(heap);
        struct gci_page *page = page_of(first);
        assert_true(page->chained);
        assert_int_equal(gci_state_of(&first->object), GCI_GREY);
        if (fault == 0) {
            page->chain++;
        } else if (fault == 1) {
            page->zombies++;
        } else if (fault == 2) {
            page->plain_refs = GCI_REFS_NONE;
        } else if (fault == 3) {
            page->chain = 0;
        } else {
            first->object.gc = heap->old;
        }
        assert_named(world, "CYCLE-2");
        page->zombies = 0;
        assert_sound(heap);
    }
    gc_decref(first);
    gc_decref(second);
}

static void cycle_3_a_cycle_that_stands_between_slots(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = NULL;
    for (size_t i = 0; i < 600; i++) { /* more than a range */
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    mark_first_range(heap);
    assert_ptr_equal(heap->cycle.page, page_of(list));
    heap->cycle.offset++;
    assert_named(world, "CYCLE-3");
    assert_sound(heap);
    gc_decref(list);
}

static void a_sound_cycle_is_ended(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    mark_first_range(heap);
    assert_sound(heap);
    assert_int_equal(heap->cycle.phase, GCI_PHASE_NONE);
    gc_decref(node);
}

/* A dying object that waits for a slice. */
static void obj_1_a_queue_that_lost_a_dying_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept = node_new(heap), *node = node_new(heap);
    struct gci_page *page = page_of(node);
    node->left = node_new(heap);
    heap->slicing = true;
    gc_decref(node);
    heap->slicing = false;
    assert_ptr_equal(heap->backlog, page);
    assert_sound(heap);
    uint16_t link = page->waiting;
    page->waiting = 0;
    assert_named(world, "OBJ-1");
    page->waiting = (uint16_t)(link + 1);
    assert_named(world, "OBJ-1");
    page->waiting = GCI_LINK(gci_page_offset(kept));
    assert_named(world, "OBJ-1");
    page->waiting = link;
    assert_sound(heap);
    (void)gc_collect(heap);
    assert_live(heap, 1);
    gc_decref(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(cycle_1_a_state_or_a_scratch_count_of_another_phase),
        world_test(cycle_2_a_chain_that_leads_astray),
        world_test(cycle_3_a_cycle_that_stands_between_slots),
        world_test(a_sound_cycle_is_ended),
        world_test(obj_1_a_queue_that_lost_a_dying_object),
        world_test(obj_1_a_state_that_does_not_exist),
        world_test(obj_1_a_state_that_is_not_for_the_type),
        world_test(obj_1_a_state_that_is_not_for_now),
        world_test(obj_1_a_living_object_without_a_count),
        world_test(obj_1_a_free_slot_with_a_count),
        world_test(obj_1_a_living_object_in_state_free),
        world_test(obj_1_a_scratch_count_that_is_left),
        world_test(obj_2_a_reference_that_was_not_counted),
        world_test(obj_2_a_reference_to_a_leaf_that_was_not_counted),
        world_test(obj_2_a_reference_counted_more_than_once_is_no_fault),
        world_test(obj_2_an_immortal_may_be_referred_to_at_will),
        world_test(page_1_a_free_list_that_leads_to_a_living_object),
        world_test(page_1_a_free_list_that_leaves_the_slots),
        world_test(page_1_a_free_list_that_lost_a_slot),
        world_test(page_1_a_page_that_counts_its_objects_wrong),
        world_test(page_1_a_free_list_that_ends_early_or_goes_in_a_circle),
        world_test(page_1_more_slots_than_the_page_has_or_half_a_one),
        world_test(page_2_a_page_with_a_quarter_free_that_is_in_no_list),
        world_test(page_2_a_partial_page_that_is_not_in_the_list),
        world_test(page_2_a_partial_page_that_waits_for_the_wrong_moment),
        world_test(page_2_a_partial_page_at_the_wrong_level),
        world_test(page_2_a_current_page_that_is_in_a_list),
        world_test(page_2_a_page_with_untouched_slots_that_is_not_current),
        world_test(page_2_an_emptied_page_with_an_object),
        world_test(page_3_a_page_that_is_in_use_and_free),
        world_test(page_3_an_idle_page_that_is_not_in_the_list),
        world_test(page_3_idle_large_segments_that_are_counted_wrong),
        world_test(gen_1_a_wrong_number_of_young_objects),
        world_test(gen_2_a_young_object_on_a_page_that_is_not_marked_young),
        world_test(gen_2_a_young_object_on_a_page_that_is_not_in_the_list),
        world_test(bytes_1_a_wrong_number_of_bytes),
        world_test(ref_1_references_that_lead_to_no_object),
        world_test(ref_1_a_reference_to_an_object_of_another_heap),
        world_test(ref_1_the_holder_is_found_among_many_references),
        world_test(callbacks_in_and_out_of_collections_find_the_heap_sound),
        world_test(weak_1_a_flag_without_a_list),
        world_test(weak_1_a_list_without_a_flag),
        world_test(weak_1_a_target_that_is_not_the_lists),
        world_test(weak_1_a_list_that_lost_a_member),
        world_test(weak_1_a_wrong_number_of_lists),
        world_test(table_1_a_segment_that_is_not_found),
        world_test(weak_2_one_without_callback_that_is_not_the_first),
        world_test(weak_3_a_dead_one_that_nobody_will_call),
        world_test(weak_3_a_watcher_that_is_not_in_the_list),
        world_test(weak_callbacks_find_the_heap_sound),
        world_test(visitors_of_the_unreachable_find_the_heap_sound),
        world_test(a_check_leaves_the_alarms_as_they_were),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
