/* SPDX-License-Identifier: MIT */

/* Size classes, pages, spans, dedicated segments, and who finds what by an address. */

#include "support.h"

#include "pages.h"

#include "object.h"

enum { CROWD = 4096 }; /* as many slots as a page can have */

/* clang-format off */
#define LEAF_OF(bytes) { .name = "leaf of " #bytes, .size = (bytes) }
/* clang-format on */

static const gc_type leaf_64 = LEAF_OF(64);
static const gc_type leaf_1000 = LEAF_OF(1000);
static const gc_type leaf_16384 = LEAF_OF(16384);
static const gc_type leaf_half = LEAF_OF(GCI_PAGE_SIZE / 2); /* has a page of its own */
static const gc_type leaf_page = LEAF_OF(GCI_PAGE_SIZE);
static const gc_type leaf_span_2 = LEAF_OF(GCI_PAGE_SIZE + 8);
static const gc_type leaf_span_3 = LEAF_OF(2 * GCI_PAGE_SIZE + 8);
static const gc_type leaf_large = LEAF_OF((size_t)GCI_SPAN_PAGES * GCI_PAGE_SIZE + 8);

/* Containers of one slot a page, so that they are easy to spread over pages. */
struct wide {
    gc_object object;
    struct wide *next;
    char room[GCI_PAGE_SIZE - 32];
};
static const gc_type wide_type = {
    .name = "wide",
    .size = sizeof(struct wide),
    .refs = OURO_REFS(struct wide, next),
};

static const gc_type large_container = {
    .name = "large container",
    .size = (size_t)GCI_SPAN_PAGES * GCI_PAGE_SIZE + 8,
    .refs = OURO_REFS(struct node, left),
};

static gc_object *make(gc_heap *heap, const gc_type *type)
{
    gc_object *self = gc_new(heap, type);
    assert_non_null(self);
    return self;
}

static bool is_full(const struct gci_page *page)
{
    return !gci_page_has_room(page);
}

/* Make objects until a page is full. The record's current page is full before, or there is none. */
static struct gci_page *fill_page(gc_heap *heap, const gc_type *type, gc_object **objects,
                                  size_t *count)
{
    objects[0] = make(heap, type);
    struct gci_page *page = gci_page_of(objects[0]);
    for (*count = 1; !is_full(page); (*count)++) {
        objects[*count] = make(heap, type);
        assert_ptr_equal(gci_page_of(objects[*count]), page);
    }
    return page;
}

/* Make objects until the current page of a type is full. */
static void fill_current(gc_heap *heap, const gc_type *type)
{
    while (!is_full(gci_object_record(heap, type, 0)->current)) {
        (void)make(heap, type);
    }
}

static struct gci_segment *segment_of(const void *object)
{
    return (struct gci_segment *)((uintptr_t)object & ~(uintptr_t)(GCI_SEGMENT_SIZE - 1));
}

static bool is_listed_young(const gc_heap *heap, const struct gci_page *wanted)
{
    unsigned times = 0;
    for (const struct gci_page *page = heap->young_pages; page != NULL; page = page->next_young) {
        times += page == wanted;
    }
    assert_true(times <= 1);
    return times == 1;
}

static size_t count_pages(const gc_heap *heap)
{
    size_t count = 0;
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL;
         page = gci_pages_next(heap, page)) {
        count++;
    }
    return count;
}

/* Size classes */

static void a_slot_holds_its_size_and_wastes_at_most_an_eighth(void **state)
{
    (void)state;
    for (size_t size = 1; size <= GCI_SMALL_MAX; size++) {
        unsigned class_of_size;
        size_t slot = gci_size_class(size, 8, &class_of_size);
        assert_true(slot >= size);
        assert_true(size <= 64 ? slot - size < 8 || slot == GCI_SLOT_MIN
                               : (slot - size) * 8 <= size);
    }
}

static void larger_sizes_have_larger_slots_and_classes(void **state)
{
    (void)state;
    size_t last_slot = 0;
    unsigned last_class = 0;
    for (size_t size = 1; size <= GCI_SMALL_MAX; size++) {
        unsigned class_of_size;
        size_t slot = gci_size_class(size, 8, &class_of_size);
        assert_true(slot >= last_slot && class_of_size >= last_class);
        assert_int_equal(slot == last_slot, class_of_size == last_class);
        assert_in_range(class_of_size, 1, GCI_CLASS_LARGE - 1);
        assert_true(last_class == 0 || class_of_size - last_class <= 1);
        last_slot = slot;
        last_class = class_of_size;
    }
    assert_int_equal(last_class, GCI_CLASS_LARGE - 1);
    assert_int_equal(last_slot, GCI_SMALL_MAX);
}

static void a_slot_is_a_multiple_of_its_alignment(void **state)
{
    (void)state;
    for (size_t align = 8; align <= GCI_ALIGN_MAX; align *= 2) {
        for (size_t size = 1; size <= GCI_SMALL_MAX + 100; size++) {
            unsigned class_of_size;
            size_t slot = gci_size_class(size, align, &class_of_size);
            assert_true(slot >= size && slot % align == 0);
        }
    }
}

static void a_slot_of_a_class_fits_a_page_twice(void **state)
{
    (void)state;
    size_t room = GCI_PAGE_SIZE - sizeof(struct gci_segment) - GCI_ALIGN_MAX;
    for (size_t size = 1; size <= GCI_SMALL_MAX; size++) {
        unsigned class_of_size;
        assert_true(gci_size_class(size, GCI_ALIGN_MAX, &class_of_size) * 2 <= room);
    }
}

static void sizes_beyond_small_are_all_of_one_class_and_exact(void **state)
{
    (void)state;
    unsigned class_of_size;
    assert_int_equal(gci_size_class(GCI_SMALL_MAX + 1, 8, &class_of_size), GCI_SMALL_MAX + 8);
    assert_int_equal(class_of_size, GCI_CLASS_LARGE);
    assert_int_equal(gci_size_class(1000001, 64, &class_of_size), 1000064);
    assert_int_equal(class_of_size, GCI_CLASS_LARGE);
    assert_true(GCI_CLASS_LARGE < 1 << GCI_CLASS_BITS);
}

/* Addresses */

static void every_slot_in_use_is_found_by_its_address(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *objects[CROWD];
    size_t count;
    struct gci_page *page = fill_page(heap, &leaf_1000, objects, &count);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(gci_pages_find(heap, objects[i]), page);
        assert_ptr_equal(gci_page_at(page, gci_page_offset(objects[i])), objects[i]);
    }
    for (size_t i = 0; i < count; i++) {
        gc_decref(objects[i]);
    }
}

static void pointers_into_an_object_are_not_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    char *object = (char *)make(heap, &leaf_1000);
    for (size_t i = 1; i < 1000; i++) {
        assert_null(gci_pages_find(heap, object + i));
    }
    gc_decref(object);
}

static void the_head_of_a_segment_is_no_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *object = make(heap, &leaf_64);
    char *segment = (char *)segment_of(object);
    for (size_t i = 0; i < gci_page_of(object)->first; i += 8) {
        assert_null(gci_pages_find(heap, segment + i));
    }
    gc_decref(object);
}

static void slots_that_are_free_or_were_never_used_are_not_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    char *kept = (char *)make(heap, &leaf_1000);
    gc_object *dead = make(heap, &leaf_1000);
    struct gci_page *page = gci_page_of(kept);
    gc_decref(dead);
    assert_null(gci_pages_find(heap, dead));
    assert_int_equal(gci_page_slots(page), 2);
    for (size_t i = 1; i < gci_page_capacity(page); i++) {
        assert_null(gci_pages_find(heap, kept + i * page->slot_size));
    }
    gc_decref(kept);
}

static void what_lies_behind_the_last_slot_is_not_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *objects[CROWD];
    size_t count;
    struct gci_page *page = fill_page(heap, &leaf_1000, objects, &count);
    char *behind = page->base + gci_page_end(page);
    assert_true(behind < page->base + GCI_PAGE_SIZE);
    assert_null(gci_pages_find(heap, behind));
    for (size_t i = 0; i < count; i++) {
        gc_decref(objects[i]);
    }
}

static void pages_that_are_not_in_use_hold_no_objects(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *object = make(heap, &leaf_64);
    char *segment = (char *)segment_of(object);
    for (size_t i = 1; i < GCI_SEGMENT_PAGES; i++) {
        assert_null(gci_pages_find(heap, segment + i * GCI_PAGE_SIZE));
    }
    gc_decref(object);
}

static void foreign_pointers_are_not_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_heap *other = gc_heap_new(NULL);
    assert_non_null(other);
    gc_object *own = make(heap, &leaf_64), *foreign = make(other, &leaf_64);
    static gc_object fixed;
    gc_object local = { 0, 0 };
    assert_null(gci_pages_find(heap, foreign));
    assert_null(gci_pages_find(other, own));
    assert_null(gci_pages_find(heap, &fixed));
    assert_null(gci_pages_find(heap, &local));
    assert_null(gci_pages_find(heap, heap));
    assert_null(gci_pages_find(heap, NULL));
    assert_null(gci_pages_find(heap, (void *)(uintptr_t)8));
    assert_null(gci_pages_find(heap, (void *)(UINTPTR_MAX - 7)));
    gc_decref(own);
    gc_decref(foreign);
    gc_heap_free(other);
}

static void a_span_is_found_by_its_start_only(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    char *object = (char *)make(heap, &leaf_span_3);
    assert_ptr_equal(gci_pages_find(heap, object), gci_page_of(object));
    for (size_t i = 8; i < leaf_span_3.size; i += 8) {
        assert_null(gci_pages_find(heap, object + i));
    }
    gc_decref(object);
}

static void a_large_object_is_found_by_its_start_only(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const gc_type huge = LEAF_OF(2 * GCI_SEGMENT_SIZE);
    char *object = (char *)make(heap, &huge);
    assert_ptr_equal(gci_pages_find(heap, object), gci_page_of(object));
    for (size_t i = 4096 - gci_page_offset(object); i < huge.size; i += 4096) {
        assert_null(gci_pages_find(heap, object + i));
    }
    gc_decref(object);
    assert_null(gci_pages_find(heap, object));
}

static void a_page_is_used_slot_by_slot(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    char *last = (char *)make(heap, &leaf_64);
    struct gci_page *page = gci_page_of(last);
    assert_int_equal((size_t)(last - page->base), page->first);
    for (size_t i = 1; i < gci_page_capacity(page); i++) {
        assert_int_equal(gci_page_slots(page), i);
        char *next = (char *)make(heap, &leaf_64);
        assert_ptr_equal(next, last + 64);
        last = next;
    }
    assert_int_equal(gci_page_slots(page), gci_page_capacity(page));
    assert_false(gci_page_has_room(page));
    world->leftovers = true;
}

static void the_slots_of_a_page_end_inside_it(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static gc_type types[40];
    for (size_t i = 0; i < 40; i++) {
        types[i] = (gc_type){ .name = "t", .size = 8 + i * 419, .align = (size_t)8 << i % 4 };
        struct gci_page *page = gci_page_of(make(heap, &types[i]));
        size_t end = page->first + gci_page_capacity(page) * page->slot_size;
        assert_true(end <= GCI_PAGE_SIZE && end + page->slot_size > GCI_PAGE_SIZE);
        assert_int_equal(page->first % types[i].align, 0);
    }
    assert_sound(heap);
    world->leftovers = true;
}

static void the_first_page_of_a_segment_is_shorter(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *objects[CROWD];
    size_t count;
    struct gci_page *first = fill_page(heap, &leaf_64, objects, &count);
    struct gci_page *second = fill_page(heap, &leaf_64, objects, &count);
    assert_true(first->first >= sizeof(struct gci_segment));
    assert_int_equal(second->first, 0);
    assert_int_equal(gci_page_capacity(second), GCI_PAGE_SIZE / 64);
    assert_int_equal(gci_page_capacity(first), (GCI_PAGE_SIZE - first->first) / 64);
    world->leftovers = true;
}

/* Use of pages again */

static void a_full_page_is_left_alone_until_a_quarter_of_it_is_free(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *objects[CROWD], *others[CROWD];
    size_t count, other_count;
    struct gci_page *page = fill_page(heap, &leaf_64, objects, &count);
    (void)make(heap, &leaf_64);
    for (size_t i = 0; i < gci_page_capacity(page) / 4u - 1; i++) {
        gc_decref(objects[i]);
    }
    assert_int_equal(page->level, 1);
    fill_current(heap, &leaf_64);
    struct gci_page *third = fill_page(heap, &leaf_64, others, &other_count);
    assert_ptr_not_equal(third, page);
    assert_sound(heap);
    world->leftovers = true;
}

static void a_partial_page_is_used_again_when_a_quarter_of_it_is_free(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *objects[CROWD];
    size_t count;
    struct gci_page *page = fill_page(heap, &leaf_64, objects, &count);
    (void)make(heap, &leaf_64);
    for (size_t i = 0; i < gci_page_capacity(page) / 4u; i++) {
        gc_decref(objects[i]);
    }
    assert_int_equal(page->level, 2);
    assert_sound(heap);
    fill_current(heap, &leaf_64);
    assert_ptr_equal(gci_page_of(make(heap, &leaf_64)), page);
    assert_int_equal(page->level, 0);
    assert_ptr_equal(gci_object_record(heap, &leaf_64, 0)->current, page);
    assert_sound(heap);
    world->leftovers = true;
}

/* Fill `count` pages with leaves of 64 bytes; there is a current page beyond. */
static void fill_pages(gc_heap *heap, gc_object *(*objects)[CROWD], size_t *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)fill_page(heap, &leaf_64, objects[i], &slots[i]);
    }
    fill_current(heap, &leaf_64);
    (void)make(heap, &leaf_64);
}

static void births_prefer_the_fullest_of_the_pages_with_a_quarter_free(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { PAGES = 4 };
    static gc_object *objects[PAGES][CROWD];
    size_t slots[PAGES];
    static const size_t eighths[PAGES] = { 5, 3, 7, 1 }; /* that become free */
    static const size_t order[PAGES] = { 1, 0, 2, 3 };
    fill_pages(heap, objects, slots, PAGES);
    for (size_t i = 0; i < PAGES; i++) {
        for (size_t j = 0; j < slots[i] / 8 * eighths[i]; j++) {
            gc_decref(objects[i][j]);
        }
    }
    assert_sound(heap);
    for (size_t i = 0; i < PAGES - 1; i++) {
        fill_current(heap, &leaf_64);
        assert_ptr_equal(gci_page_of(make(heap, &leaf_64)), gci_page_of(objects[order[i]][0]));
        assert_sound(heap);
    }
    fill_current(heap, &leaf_64);
    gc_object *last = make(heap, &leaf_64);
    assert_ptr_not_equal(gci_page_of(last), gci_page_of(objects[order[PAGES - 1]][0]));
    assert_int_equal(gci_page_used(gci_page_of(last)), 1);
    world->leftovers = true;
}

static void pages_that_are_nearly_full_are_used_when_there_is_no_memory_for_others(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { PAGES = 3, EACH = 3 };
    static gc_object *objects[PAGES][CROWD];
    size_t slots[PAGES];
    fill_pages(heap, objects, slots, PAGES);
    while (segment_of(gci_page_of(objects[0][0]))->free_pages != 0) {
        (void)make(heap, &leaf_half);
    }
    for (size_t i = 0; i < PAGES; i++) {
        for (size_t j = 0; j < EACH; j++) {
            gc_decref(objects[i][j * 100]);
        }
    }
    fill_current(heap, &leaf_64);
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    for (size_t i = 0; i < PAGES * EACH; i++) {
        assert_non_null(gc_new(heap, &leaf_64));
        assert_sound(heap);
    }
    assert_null(gc_new(heap, &leaf_64));
    assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
    for (size_t i = 0; i < 10; i++) { /* an object for an object */
        gc_decref(objects[1][200 + i]);
        gc_object *next = gc_new(heap, &leaf_64);
        assert_ptr_equal(next, objects[1][200 + i]);
    }
    world->leftovers = true;
}

static void a_page_of_few_large_slots_is_used_again_for_each(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *objects[CROWD];
    size_t count;
    struct gci_page *page = fill_page(heap, &leaf_16384, objects, &count);
    /* It is the first page, which lacks the bytes of the segment's header. */
    assert_int_equal(count, (GCI_PAGE_SIZE - sizeof(struct gci_segment)) / 16384);
    (void)make(heap, &leaf_16384);
    gc_decref(objects[1]);
    assert_int_not_equal(page->level, 0);
    fill_current(heap, &leaf_16384);
    assert_ptr_equal(make(heap, &leaf_16384), objects[1]);
    assert_sound(heap);
    world->leftovers = true;
}

static void the_free_list_of_a_partial_page_is_sorted_when_it_is_used_again(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *objects[CROWD];
    size_t count, freed = 0;
    struct gci_page *page = fill_page(heap, &leaf_64, objects, &count);
    (void)make(heap, &leaf_64);
    for (size_t i = 0; i < count; i++) {
        size_t scattered = i * 7 % count; /* 7 does not divide the count: each once */
        if (scattered % 2 == 1) {
            gc_decref(objects[scattered]);
            freed++;
        }
    }
    fill_current(heap, &leaf_64);
    gc_object *last = NULL;
    for (size_t i = 0; i < freed; i++) {
        gc_object *next = make(heap, &leaf_64);
        assert_ptr_equal(gci_page_of(next), page);
        assert_true(next > last);
        last = next;
    }
    assert_true(is_full(page));
    assert_sound(heap);
    world->leftovers = true;
}

static void an_emptied_page_goes_back_to_its_segment(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *objects[CROWD];
    size_t count;
    struct gci_page *page = fill_page(heap, &leaf_64, objects, &count);
    gc_object *other = make(heap, &leaf_64);
    for (size_t i = 0; i < count; i++) {
        gc_decref(objects[i]);
        assert_sound(heap);
    }
    assert_null(page->record);
    assert_true(segment_of(page)->free_pages & 1);
    assert_false(gci_record_has_partial(gci_object_record(heap, &leaf_64, 0)));
    gc_object *next = make(heap, &leaf_1000);
    assert_ptr_equal(gci_page_of(next), page);
    assert_ptr_equal(gc_type_of(next), &leaf_1000);
    gc_decref(next);
    gc_decref(other);
}

static void a_current_page_stays_when_it_is_empty(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *object = make(heap, &leaf_64);
    struct gci_page *page = gci_page_of(object);
    gc_decref(object);
    assert_ptr_equal(page->record, gci_object_record(heap, &leaf_64, 0));
    assert_int_equal(gci_page_used(page), 0);
    assert_sound(heap);
}

static void an_idle_current_page_is_dropped_unless_pinned(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *kept = make(heap, &leaf_1000);
    gc_object *object = make(heap, &leaf_64);
    struct gci_page *page = gci_page_of(object);
    gc_decref(object);
    gci_pages_pin(heap);
    gci_pages_drop_idle(heap);
    assert_ptr_equal(gci_object_record(heap, &leaf_64, 0)->current, page);
    gci_pages_unpin(heap);
    gci_pages_drop_idle(heap);
    assert_null(gci_object_record(heap, &leaf_64, 0)->current);
    assert_null(page->record);
    assert_ptr_equal(gci_object_record(heap, &leaf_1000, 0)->current, gci_page_of(kept));
    assert_sound(heap);
    gc_decref(make(heap, &leaf_64));
    gc_decref(kept);
}

/* Spans and dedicated segments */

static void a_span_takes_as_many_pages_as_it_needs_and_never_the_first(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static gc_type types[GCI_SPAN_PAGES + 1];
    for (unsigned span = 2; span <= GCI_SPAN_PAGES; span++) {
        types[span] = (gc_type){ .name = "span", .size = (size_t)span * GCI_PAGE_SIZE };
        gc_object *object = make(heap, &types[span]);
        struct gci_page *page = gci_page_of(object);
        struct gci_segment *segment = segment_of(page);
        size_t index = (size_t)(page - segment->pages);
        assert_int_equal(page->span, span);
        assert_int_equal(gci_page_capacity(page), 1);
        assert_true(index >= 1 && index + span <= GCI_SEGMENT_PAGES);
        for (size_t i = index; i < index + span; i++) {
            assert_false(segment->free_pages >> i & 1);
        }
        assert_sound(heap);
        gc_decref(object);
        for (size_t i = index; i < index + span; i++) {
            assert_true(segment->free_pages >> i & 1);
        }
    }
}

static void a_single_page_object_needs_no_second_page(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const gc_type types[2] = { LEAF_OF(GCI_SMALL_MAX + 8), LEAF_OF(GCI_PAGE_SIZE / 2) };
    for (size_t i = 0; i < 2; i++) {
        gc_object *object = make(heap, &types[i]);
        struct gci_page *page = gci_page_of(object);
        assert_int_equal(page->span, 1);
        assert_int_equal(gci_page_capacity(page), 1);
        assert_true(gci_page_end(page) <= GCI_PAGE_SIZE);
        gc_decref(object);
    }
}

/* An object that fills its page exactly does not fit the first page of a segment, which is shorter
 * by the segment's head: the bytes behind it are the next page's. */
static void an_object_as_large_as_a_page_does_not_lie_in_the_first(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *object = make(heap, &leaf_page);
    struct gci_page *page = gci_page_of(object);
    assert_true(page->first + page->slot_size <= (size_t)page->span * GCI_PAGE_SIZE);
    gc_decref(object);
}

static void spans_do_not_overlap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 60 };
    static gc_type types[COUNT];
    unsigned char *objects[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        types[i] = (gc_type){ .name = "span", .size = GCI_SMALL_MAX + 8 + (size_t)i * 9000 };
        objects[i] = (unsigned char *)make(heap, &types[i]);
        for (size_t at = sizeof(gc_object); at < types[i].size; at++) {
            assert_int_equal(objects[i][at], 0);
        }
        memset(objects[i] + sizeof(gc_object), (int)i + 1, types[i].size - sizeof(gc_object));
    }
    assert_sound(heap);
    for (unsigned i = 0; i < COUNT; i++) {
        for (size_t at = sizeof(gc_object); at < types[i].size; at++) {
            assert_int_equal(objects[i][at], i + 1);
        }
        gc_decref(objects[i]);
    }
    assert_sound(heap);
}

static void pages_of_a_freed_span_are_used_singly(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *kept = make(heap, &leaf_1000); /* takes the first page */
    gc_object *span = make(heap, &leaf_span_3);
    size_t index = (size_t)(gci_page_of(span) - segment_of(span)->pages);
    gc_decref(span);
    gc_object *objects[CROWD];
    size_t count;
    for (size_t i = 0; i < 3; i++) {
        struct gci_page *page = fill_page(heap, &leaf_64, objects, &count);
        assert_ptr_equal(page, &segment_of(kept)->pages[index + i]);
        assert_int_equal(page->span, 1);
    }
    assert_sound(heap);
    world->leftovers = true;
}

static void a_span_does_not_fit_holes_that_are_apart(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = GCI_SEGMENT_PAGES - 1 }; /* the first is too short for these */
    gc_object *objects[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = make(heap, &leaf_half);
    }
    struct gci_segment *segment = segment_of(objects[0]);
    for (size_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(segment_of(objects[i]), segment);
        if (i % 2 == 0) {
            gc_decref(objects[i]);
            objects[i] = NULL;
        }
    }
    gc_object *span = make(heap, &leaf_span_2);
    assert_ptr_not_equal(segment_of(span), segment);
    gc_decref(span);
    for (size_t i = 0; i < COUNT; i++) {
        gc_xdecref(objects[i]);
    }
}

static void the_largest_span_shares_a_segment_and_a_byte_more_does_not(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const gc_type largest = LEAF_OF((size_t)GCI_SPAN_PAGES * GCI_PAGE_SIZE);
    gc_object *span = make(heap, &largest), *large = make(heap, &leaf_large);
    assert_int_equal(gci_page_of(span)->span, GCI_SPAN_PAGES);
    assert_int_equal(segment_of(span)->size, GCI_SEGMENT_SIZE);
    assert_int_equal(gci_page_of(large)->span, 0);
    assert_int_equal(segment_of(large)->size, leaf_large.size + gci_page_offset(large));
    assert_int_equal(heap->segment_count, 2);
    assert_int_equal(count_pages(heap), 2);
    assert_sound(heap);
    gc_decref(span);
    gc_decref(large);
}

static void a_dead_large_object_returns_its_segment_at_the_next_trim(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t reserved = heap->bytes_reserved;
    gc_object *large = make(heap, &leaf_large);
    size_t taken = segment_of(large)->size;
    (void)reserved;
    gc_decref(large);
    assert_int_equal(heap->segment_count, 1); /* not in the middle of a decref */
    assert_non_null(heap->emptied_pages);
    assert_sound(heap);
    assert_int_equal(gci_pages_trim(heap, SIZE_MAX), gci_round_up(taken, GCI_BLOCK_SIZE));
    assert_int_equal(heap->segment_count, 0);
    assert_null(heap->segments);
    assert_null(heap->last_segment);
    assert_sound(heap);
}

static void large_objects_are_aligned_and_zeroed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const gc_type aligned = { .name = "aligned",
                                     .size = (size_t)GCI_SPAN_PAGES * GCI_PAGE_SIZE + 64,
                                     .align = 64 };
    unsigned char *large = (unsigned char *)make(heap, &aligned);
    assert_int_equal((uintptr_t)large % 64, 0);
    for (size_t i = sizeof(gc_object); i < aligned.size; i++) {
        assert_int_equal(large[i], 0);
    }
    gc_decref(large);
}

/* Pins and trimming */

static void emptied_pages_wait_while_pinned(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *span = make(heap, &leaf_span_2);
    struct gci_page *page = gci_page_of(span);
    gci_pages_pin(heap);
    gc_decref(span);
    assert_true(page->emptied);
    assert_non_null(page->record);
    assert_ptr_equal(heap->emptied_pages, page);
    assert_int_equal(gci_pages_trim(heap, 0), 0);
    assert_non_null(page->record);
    assert_sound(heap);
    gc_object *other = make(heap, &leaf_span_2);
    assert_ptr_not_equal(gci_page_of(other), page); /* nor is it used for something else */
    gci_pages_unpin(heap);
    assert_true(page->emptied);
    (void)gci_pages_trim(heap, SIZE_MAX);
    assert_null(page->record);
    assert_false(page->emptied);
    assert_null(heap->emptied_pages);
    assert_sound(heap);
    gc_decref(other);
}

static void pins_nest(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_decref(make(heap, &leaf_large));
    gci_pages_pin(heap);
    gci_pages_pin(heap);
    assert_int_equal(gci_pages_trim(heap, 0), 0);
    gci_pages_unpin(heap);
    assert_int_equal(gci_pages_trim(heap, 0), 0);
    gci_pages_unpin(heap);
    assert_int_not_equal(gci_pages_trim(heap, 0), 0);
}

static void a_partial_page_that_empties_while_pinned_leaves_the_partial_list(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *objects[CROWD];
    size_t count;
    struct gci_page *page = fill_page(heap, &leaf_64, objects, &count);
    gc_object *other = make(heap, &leaf_64);
    gci_pages_pin(heap);
    for (size_t i = 0; i < count; i++) {
        gc_decref(objects[i]);
    }
    assert_int_equal(page->level, 0);
    assert_true(page->emptied);
    assert_false(gci_record_has_partial(gci_object_record(heap, &leaf_64, 0)));
    assert_sound(heap);
    gci_pages_unpin(heap);
    gc_decref(other);
}

static void trim_returns_empty_segments_down_to_what_is_kept(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 5 * GCI_SEGMENT_PAGES };
    static gc_object *objects[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = make(heap, &leaf_half);
    }
    size_t segments = heap->segment_count;
    assert_true(segments >= 5);
    for (size_t i = 0; i < COUNT; i++) {
        gc_decref(objects[i]);
    }
    assert_int_equal(heap->empty_segments, segments);
    assert_int_equal(gci_pages_trim(heap, segments), 0);
    size_t reserved = heap->bytes_reserved;
    assert_int_equal(gci_pages_trim(heap, 2), (segments - 2) * GCI_SEGMENT_SIZE);
    assert_int_equal(heap->bytes_reserved, reserved - (segments - 2) * GCI_SEGMENT_SIZE);
    assert_int_equal(heap->segment_count, 2);
    assert_int_equal(heap->empty_segments, 2);
    assert_int_equal(gci_pages_trim(heap, 0), 2 * GCI_SEGMENT_SIZE);
    assert_null(heap->segments);
    assert_null(heap->free_segments);
}

static void trim_keeps_segments_with_objects_and_their_order(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 5 * GCI_SEGMENT_PAGES };
    static gc_object *objects[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = make(heap, &leaf_half);
    }
    /* Of the segments, the second and the fourth keep an object. */
    struct gci_segment *kept[2] = { heap->segments->next, heap->segments->next->next->next };
    gc_object *last[2] = { NULL, NULL };
    for (size_t i = 0; i < COUNT; i++) {
        size_t which = segment_of(objects[i]) == kept[0]   ? 0
                       : segment_of(objects[i]) == kept[1] ? 1
                                                           : 2;
        if (which < 2 && last[which] == NULL) {
            last[which] = objects[i];
        } else {
            gc_decref(objects[i]);
        }
    }
    (void)gci_pages_trim(heap, 0);
    assert_int_equal(heap->segment_count, 2);
    assert_ptr_equal(heap->segments, kept[0]);
    assert_ptr_equal(kept[0]->next, kept[1]);
    assert_ptr_equal(heap->last_segment, kept[1]);
    assert_ptr_equal(kept[1]->prev, kept[0]);
    assert_ptr_equal(gci_pages_find(heap, last[0]), gci_page_of(last[0]));
    assert_ptr_equal(gci_pages_next(heap, NULL), gci_page_of(last[0]));
    assert_ptr_equal(gci_pages_next(heap, gci_page_of(last[0])), gci_page_of(last[1]));
    assert_null(gci_pages_next(heap, gci_page_of(last[1])));
    assert_sound(heap);
    gc_decref(last[0]);
    gc_decref(last[1]);
}

/* The list of young pages */

static void a_page_of_containers_is_listed_young_once_and_one_of_leaves_never(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_object *leaf = make(heap, &leaf_64);
    assert_true(is_listed_young(heap, gci_page_of(a)));
    assert_ptr_equal(gci_page_of(a), gci_page_of(b));
    assert_false(is_listed_young(heap, gci_page_of(leaf)));
    gc_decref(a);
    gc_decref(b);
    gc_decref(leaf);
}

static void a_page_is_listed_again_with_the_next_birth_after_it_was_forgotten(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap);
    struct gci_page *page = gci_page_of(a);
    (void)gc_collect(heap);
    assert_null(heap->young_pages);
    assert_false(page->young);
    struct node *b = node_new(heap);
    assert_ptr_equal(gci_page_of(b), page);
    assert_true(is_listed_young(heap, page));
    assert_sound(heap);
    gc_decref(a);
    gc_decref(b);
}

static void the_young_list_is_pruned_before_a_segment_leaves(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept = node_new(heap);
    struct gci_page *page = gci_page_of(kept);
    gc_object *leaving = make(heap, &large_container);
    assert_true(is_listed_young(heap, gci_page_of(leaving)));
    struct gci_page *gone = gci_page_of(leaving);
    gc_decref(leaving);
    (void)gci_pages_trim(heap, 0);
    assert_false(is_listed_young(heap, gone));
    assert_true(is_listed_young(heap, page));
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    gc_decref(kept);
}

static void a_young_page_that_became_a_page_of_leaves_is_in_no_set(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *wide = make(heap, &wide_type);
    struct gci_page *page = gci_page_of(wide);
    gc_decref(wide);
    gc_object *leaf = make(heap, &leaf_half);
    assert_ptr_equal(gci_page_of(leaf), page);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(leaf->gc, GCI_LEAF);
    assert_sound(heap);
    gc_decref(leaf);
}

static int count_visit(void *object, void *arg)
{
    (void)object;
    ++*(size_t *)arg;
    return 0;
}

/* Pages that are not in use stay in the list of young pages. When a span is laid over them, their
 * descriptions are stale: who walks the list must not take the span's bytes for objects. */
static void a_span_over_former_young_pages_is_not_walked(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *kept = make(heap, &leaf_1000); /* takes the first page */
    struct wide *wide[3];
    for (size_t i = 0; i < 3; i++) {
        wide[i] = (struct wide *)(void *)make(heap, &wide_type);
    }
    for (size_t i = 0; i < 3; i++) {
        gc_decref(wide[i]);
    }
    unsigned char *span = (unsigned char *)make(heap, &leaf_span_3);
    assert_ptr_equal(span, wide[0]);
    for (int byte = 0; byte < 256; byte++) {
        memset(span + sizeof(gc_object), byte, leaf_span_3.size - sizeof(gc_object));
        size_t visits = 0;
        assert_int_equal(gc_collect_generation(heap, 0), 0);
        assert_int_equal(gc_unreachable(heap, count_visit, &visits), 0);
        assert_int_equal(visits, 0);
        for (size_t i = sizeof(gc_object); i < leaf_span_3.size; i++) {
            assert_int_equal(span[i], byte);
        }
    }
    gc_decref(span);
    gc_decref(kept);
}

/* The same, with the search first: a collection empties the list of young pages. */
static void a_search_leaves_a_span_over_former_young_pages_alone(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *kept = make(heap, &leaf_1000);
    struct wide *wide[3];
    for (size_t i = 0; i < 3; i++) {
        wide[i] = (struct wide *)(void *)make(heap, &wide_type);
    }
    for (size_t i = 0; i < 3; i++) {
        gc_decref(wide[i]);
    }
    unsigned char *span = (unsigned char *)make(heap, &leaf_span_3);
    assert_ptr_equal(span, wide[0]);
    memset(span + sizeof(gc_object), GCI_SEEN_YOUNG, leaf_span_3.size - sizeof(gc_object));
    size_t visits = 0;
    (void)gc_unreachable(heap, count_visit, &visits);
    size_t damaged = 0;
    for (size_t i = sizeof(gc_object); i < leaf_span_3.size; i++) {
        damaged += span[i] != GCI_SEEN_YOUNG;
    }
    assert_int_equal(damaged, 0);
    gc_decref(span);
    gc_decref(kept);
}

/* A page source that fails */

static void births_without_memory_leave_the_heap_as_it_was(void **state)
{
    struct world *world = *state;
    static const gc_type *types[] = { &leaf_64, &leaf_span_2, &leaf_large, &node_type };
    for (size_t i = 0; i < 4; i++) {
        for (size_t n = 0;; n++) {
            gc_heap *heap = world_new_heap(world, NULL);
            world->pages.fail_at = world->pages.maps + n;
            world->pages.fail_on = true;
            world->pages.failed = false;
            gc_object *object = gc_new(heap, types[i]);
            world->pages.fail_at = SIZE_MAX;
            if (!world->pages.failed) {
                assert_non_null(object);
                gc_decref(object);
                world_free_heap(world);
                break;
            }
            assert_null(object);
            assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
            assert_int_equal(heap->segment_count, 0);
            assert_int_equal(heap->bytes_live, 0);
            assert_int_equal(heap->young_objects, 0);
            assert_int_equal(heap->bytes_reserved, world->pages.bytes);
            assert_sound(heap);
            gc_decref(make(heap, types[i]));
            assert_sound(heap);
            world_free_heap(world);
        }
    }
}

static void a_full_page_without_a_successor_stays_current(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *objects[CROWD];
    size_t count, pages = 0;
    struct gci_page *page = NULL;
    while (heap->segment_count == 0 || heap->free_segments != NULL) {
        page = fill_page(heap, &leaf_16384, objects, &count);
        pages++;
    }
    assert_int_equal(pages, GCI_SEGMENT_PAGES);
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    assert_null(gc_new(heap, &leaf_16384));
    assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
    assert_ptr_equal(gci_object_record(heap, &leaf_16384, 0)->current, page);
    assert_int_equal(page->notice, GCI_NOTICE_NEVER);
    assert_sound(heap);
    gc_decref(objects[0]);
    assert_ptr_equal(make(heap, &leaf_16384), objects[0]);
    world->leftovers = true;
}

struct skewed {
    struct pages *pages;
    size_t from;  /* blocks of this size and more are not aligned */
    void *skewed; /* the last such block */
    void *given_back;
};

static void *skewed_map(void *arg, size_t size, size_t align)
{
    struct skewed *source = arg;
    if (size < source->from) {
        return pages_map(source->pages, size, align);
    }
    char *block = pages_map(source->pages, size + GCI_BLOCK_SIZE, align);
    if (block == NULL) {
        return NULL;
    }
    source->skewed = block + 16;
    return source->skewed;
}

static void skewed_unmap(void *arg, void *block, size_t size)
{
    struct skewed *source = arg;
    if (block == source->skewed) {
        source->given_back = block;
        pages_unmap(source->pages, (char *)block - 16, size + GCI_BLOCK_SIZE);
    } else {
        pages_unmap(source->pages, block, size);
    }
}

static void a_page_source_that_does_not_align_is_a_panic_and_gets_its_block_back(void **state)
{
    struct world *world = *state;
    struct skewed source = { .pages = &world->pages, .from = GCI_SEGMENT_SIZE };
    gc_config config = quiet();
    config.page_source.map = skewed_map;
    config.page_source.unmap = skewed_unmap;
    config.page_source.arg = &source;
    gc_heap *heap = world_new_heap(world, &config);
    assert_null(gc_new(heap, &leaf_64));
    assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
    expect_panic(world, "page source");
    assert_non_null(source.skewed);
    assert_ptr_equal(source.given_back, source.skewed);
    assert_int_equal(heap->bytes_reserved, world->pages.bytes);
    assert_int_equal(heap->segment_count, 0);
    assert_sound(heap);
    source.from = SIZE_MAX;
    gc_decref(make(heap, &leaf_64));
    world_free_heap(world);
}

static void a_heap_in_memory_that_is_not_aligned_is_refused(void **state)
{
    struct world *world = *state;
    struct skewed source = { .pages = &world->pages, .from = 0 };
    gc_config config = quiet();
    config.page_source.map = skewed_map;
    config.page_source.unmap = skewed_unmap;
    config.page_source.arg = &source;
    assert_null(world_heap(world, &config));
    expect_panic(world, "page source");
    assert_ptr_equal(source.given_back, source.skewed);
}

static void memory_beyond_all_numbers_is_refused_without_asking(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t maps = world->pages.maps;
    assert_null(gci_memory_take(heap, SIZE_MAX, GCI_ALIGN_MAX));
    assert_null(gci_memory_take(heap, SIZE_MAX - GCI_BLOCK_SIZE + 1, GCI_ALIGN_MAX));
    assert_int_equal(world->pages.maps, maps);
}

/* All together */

static void random_births_and_deaths_keep_the_heap_sound(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const gc_type *types[] = { &leaf_64,     &leaf_1000,   &leaf_16384, &leaf_page,
                                      &leaf_span_2, &leaf_span_3, &leaf_large, &node_type };
    enum { LIVING = 600 };
    static gc_object *objects[LIVING];
    memset(objects, 0, sizeof(objects));
    uint32_t seed = 7;
    size_t bytes = 0;
    for (size_t i = 0, count = scaled(20000); i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        size_t slot = (seed >> 8) % LIVING;
        if (objects[slot] != NULL) {
            bytes -= gci_page_of(objects[slot])->slot_size;
            gc_decref(objects[slot]);
            objects[slot] = NULL;
        } else {
            size_t pick = (seed >> 20) % 100; /* few of the large ones */
            objects[slot] = make(heap, types[pick < 60   ? pick % 2 * 7
                                             : pick < 90 ? 1 + pick % 2
                                                         : 3 + pick % 4]);
            bytes += gci_page_of(objects[slot])->slot_size;
        }
        if (i % 256 == 0) {
            assert_sound(heap);
            (void)gci_pages_trim(heap, i / 256 % 4);
            assert_sound(heap);
        }
        assert_int_equal(heap->bytes_live, bytes);
    }
    for (size_t i = 0; i < LIVING; i++) {
        gc_xdecref(objects[i]);
    }
    gci_pages_drop_idle(heap);
    (void)gci_pages_trim(heap, 0);
    assert_int_equal(heap->segment_count, 0);
}

/* Stretches of slots with members */

/* Call a few slots of a page members, and look at them by the stretches. */
static void assert_runs_lead_to(struct gci_page *page, const size_t *slots, size_t count)
{
    memset(page->patches, 0, sizeof(page->patches));
    for (size_t i = 0; i < count; i++) {
        gci_page_add_patch(page, gci_page_at(page, page->first + slots[i] * page->slot_size));
    }
    size_t found = 0, last = page->first;
    struct gci_run run = gci_page_next_run(page, 0);
    for (; run.from < run.end; run = gci_page_next_run(page, run.end)) {
        assert_true(run.from >= last && run.end <= gci_page_end(page));
        assert_int_equal((run.from - page->first) % page->slot_size, 0);
        assert_int_equal((run.end - page->first) % page->slot_size, 0);
        for (size_t offset = run.from; offset < run.end; offset += page->slot_size) {
            size_t patch = offset % GCI_PAGE_SIZE / GCI_PATCH;
            assert_true(page->patches[patch / 64] >> patch % 64 & 1); /* no more than they say */
            found += found < count && offset == page->first + slots[found] * page->slot_size;
        }
        last = run.end;
    }
    assert_int_equal(run.from, run.end);
    assert_int_equal(found, count);
}

/* None, one, two, all, and some at random; of a page that is full or just begun. */
static void look_at_runs(struct gci_page *page, uint32_t *seed)
{
    static size_t slots[CROWD];
    size_t made = gci_page_slots(page);
    assert_runs_lead_to(page, slots, 0);
    for (size_t i = 0; i < made; i += made / 50 + 1) {
        slots[0] = i;
        assert_runs_lead_to(page, slots, 1);
    }
    slots[0] = 0;
    slots[1] = made - 1;
    assert_runs_lead_to(page, slots, made < 2 ? made : 2);
    for (unsigned round = 0; round < 60; round++) {
        size_t count = 0;
        unsigned of = 1u << round % 10;
        for (size_t i = 0; i < made; i++) {
            *seed = *seed * 1664525u + 1013904223u;
            if ((*seed >> 16) % of == 0) {
                slots[count++] = i;
            }
        }
        assert_runs_lead_to(page, slots, count);
    }
}

static void stretches_of_slots_lead_to_all_members_and_to_their_patches_only(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->leftovers = true;
    static const size_t sizes[] = { 8,   24,   48,   120,  128,  136,   200,   256,
                                    384, 1000, 1024, 4000, 4096, 16384, 16392, GCI_PAGE_SIZE };
    enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };
    static gc_type types[SIZES];
    uint32_t seed = 7;
    for (size_t i = 0; i < SIZES; i++) {
        types[i] = (gc_type){ .name = "leaf", .size = sizes[i] };
        gc_object *object = make(heap, &types[i]);
        look_at_runs(gci_page_of(object), &seed); /* the first of these is first in its segment */
        if (sizes[i] <= GCI_SMALL_MAX) {
            fill_current(heap, &types[i]);
            look_at_runs(gci_page_of(object), &seed);
        }
    }
    for (size_t bytes = 2 * GCI_PAGE_SIZE; bytes <= (size_t)8 << 20; bytes *= 2) {
        static const gc_type tail = { .name = "tail", .size = 16, .item_size = 8 };
        gc_object *object = gc_new_var(heap, &tail, bytes / 8);
        assert_non_null(object);
        look_at_runs(gci_page_of(object), &seed);
        assert_runs_lead_to(gci_page_of(object), (size_t[]){ 0 }, 1);
    }
}

static void page_that_began_anew_has_no_stretches(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static gc_object *objects[CROWD];
    size_t count;
    struct gci_page *page = fill_page(heap, &leaf_64, objects, &count);
    assert_true(page->first > 0);
    gci_page_add_patch(page, objects[0]);
    gci_page_add_patch(page, objects[count - 1]);
    size_t end = page->end;
    page->end = page->first;
    struct gci_run run = gci_page_next_run(page, 0);
    assert_true(run.from >= run.end);
    page->end = end;
    memset(page->patches, 0, sizeof(page->patches));
    for (size_t i = 0; i < count; i++) {
        gc_decref(objects[i]);
    }
}

/* The last of them would be compared with a slot beyond, which may be beyond all memory. */
static void neighbours_are_looked_at_in_the_range_only(void **state)
{
    enum { SLOTS = 16 };
    (void)state;
    struct {
        _Alignas(GCI_SLOT_MIN) gc_object object;
        uint64_t rest;
    } slots[SLOTS + 1] = { 0 };
    struct gci_page page = { .base = (char *)slots, .slot_size = sizeof(slots[0]) };
    for (size_t i = 0; i <= SLOTS; i++) {
        slots[i].object.gc = i == SLOTS - 1 ? GCI_FREE : GCI_YOUNG;
    }
    assert_false(gci_page_is_mixed(&page, 1u << GCI_YOUNG, 0, sizeof(slots[0]) * SLOTS));
    assert_true(gci_page_is_mixed(&page, 1u << GCI_YOUNG, 0, sizeof(slots)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_slot_holds_its_size_and_wastes_at_most_an_eighth),
        world_test(larger_sizes_have_larger_slots_and_classes),
        world_test(a_slot_is_a_multiple_of_its_alignment),
        world_test(a_slot_of_a_class_fits_a_page_twice),
        world_test(sizes_beyond_small_are_all_of_one_class_and_exact),
        world_test(every_slot_in_use_is_found_by_its_address),
        world_test(pointers_into_an_object_are_not_found),
        world_test(the_head_of_a_segment_is_no_object),
        world_test(slots_that_are_free_or_were_never_used_are_not_found),
        world_test(what_lies_behind_the_last_slot_is_not_found),
        world_test(pages_that_are_not_in_use_hold_no_objects),
        world_test(foreign_pointers_are_not_found),
        world_test(a_span_is_found_by_its_start_only),
        world_test(a_large_object_is_found_by_its_start_only),
        world_test(a_page_is_used_slot_by_slot),
        world_test(the_slots_of_a_page_end_inside_it),
        world_test(the_first_page_of_a_segment_is_shorter),
        world_test(a_full_page_is_left_alone_until_a_quarter_of_it_is_free),
        world_test(a_partial_page_is_used_again_when_a_quarter_of_it_is_free),
        world_test(births_prefer_the_fullest_of_the_pages_with_a_quarter_free),
        world_test(pages_that_are_nearly_full_are_used_when_there_is_no_memory_for_others),
        world_test(a_page_of_few_large_slots_is_used_again_for_each),
        world_test(the_free_list_of_a_partial_page_is_sorted_when_it_is_used_again),
        world_test(an_emptied_page_goes_back_to_its_segment),
        world_test(a_current_page_stays_when_it_is_empty),
        world_test(an_idle_current_page_is_dropped_unless_pinned),
        world_test(a_span_takes_as_many_pages_as_it_needs_and_never_the_first),
        world_test(a_single_page_object_needs_no_second_page),
        world_test(an_object_as_large_as_a_page_does_not_lie_in_the_first),
        world_test(spans_do_not_overlap),
        world_test(pages_of_a_freed_span_are_used_singly),
        world_test(a_span_does_not_fit_holes_that_are_apart),
        world_test(the_largest_span_shares_a_segment_and_a_byte_more_does_not),
        world_test(a_dead_large_object_returns_its_segment_at_the_next_trim),
        world_test(large_objects_are_aligned_and_zeroed),
        world_test(emptied_pages_wait_while_pinned),
        world_test(pins_nest),
        world_test(a_partial_page_that_empties_while_pinned_leaves_the_partial_list),
        world_test(trim_returns_empty_segments_down_to_what_is_kept),
        world_test(trim_keeps_segments_with_objects_and_their_order),
        world_test(a_page_of_containers_is_listed_young_once_and_one_of_leaves_never),
        world_test(a_page_is_listed_again_with_the_next_birth_after_it_was_forgotten),
        world_test(the_young_list_is_pruned_before_a_segment_leaves),
        world_test(a_young_page_that_became_a_page_of_leaves_is_in_no_set),
        world_test(a_span_over_former_young_pages_is_not_walked),
        world_test(a_search_leaves_a_span_over_former_young_pages_alone),
        world_test(births_without_memory_leave_the_heap_as_it_was),
        world_test(a_full_page_without_a_successor_stays_current),
        world_test(a_page_source_that_does_not_align_is_a_panic_and_gets_its_block_back),
        world_test(a_heap_in_memory_that_is_not_aligned_is_refused),
        world_test(memory_beyond_all_numbers_is_refused_without_asking),
        world_test(random_births_and_deaths_keep_the_heap_sound),
        world_test(stretches_of_slots_lead_to_all_members_and_to_their_patches_only),
        world_test(page_that_began_anew_has_no_stretches),
        cmocka_unit_test(neighbours_are_looked_at_in_the_range_only),
    };
    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
