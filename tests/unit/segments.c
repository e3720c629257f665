/* SPDX-License-Identifier: MIT */

/* Memory goes back: idle pages and large segments, by a clock of the test's own.
 *
 * The linker puts wrappers in place of the clock and of what the system is told about memory. They count,
 * and pass it on. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* NOLINT(bugprone-reserved-identifier): for mincore */
#endif

#include "support.h"

#include "object.h"

#include <sys/mman.h>

static uint64_t clock_ns, tick_ns;
static struct {
    size_t calls, bytes;
    size_t huge_wanted, huge_refused;
    size_t refused_before; /* huge_refused at the last purge */
} told;

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
uint64_t __wrap_gci_sys_clock_ns(void);
uint64_t __wrap_gci_sys_clock_ns(void)
{
    return clock_ns += tick_ns;
}
void __real_gci_sys_purge(void *part, size_t size);
void __wrap_gci_sys_purge(void *part, size_t size);
void __wrap_gci_sys_purge(void *part, size_t size)
{
    told.calls++;
    told.bytes += size;
    told.refused_before = told.huge_refused;
    __real_gci_sys_purge(part, size);
}
void __wrap_gci_sys_advise_huge(void *block, size_t size, bool wanted);
void __wrap_gci_sys_advise_huge(void *block, size_t size, bool wanted)
{
    (void)block;
    (void)size;
    told.huge_wanted += wanted;
    told.huge_refused += !wanted;
}
/* NOLINTEND(bugprone-reserved-identifier) */

enum { PURGE_NS = 1000000, LARGE = GCI_SPAN_PAGES * GCI_PAGE_SIZE + 8 };

static const gc_type leaf_64 = { .name = "64 bytes", .size = 64 };
static const gc_type leaf_32 = { .name = "32 bytes", .size = 32 };
static const gc_type leaf_page = { .name = "page", .size = GCI_PAGE_SIZE };
static const gc_type leaf_large = { .name = "large", .size = LARGE };
static const gc_type leaf_huge = { .name = "huge", .size = (size_t)16 << 20 };

/* A heap in memory of the system; the world frees it. */
static gc_heap *system_heap(struct world *world, size_t purge_ns)
{
    memset(&told, 0, sizeof(told));
    clock_ns = 10000000; /* a first purge by a birth is long ago */
    tick_ns = 0;
    gc_config config = quiet();
    config.purge_ns = purge_ns;
    config.user_data = world;
    config.message = world_message;
    config.panic = world_panic;
    world->heap = gc_heap_new(&config);
    assert_non_null(world->heap);
    return world->heap;
}

static void *make(gc_heap *heap, const gc_type *type)
{
    void *self = gc_new(heap, type);
    assert_non_null(self);
    return self;
}

/* Fill so many objects of a page each into `pages`. */
static void make_pages(gc_heap *heap, void **pages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pages[i] = make(heap, &leaf_page);
    }
}

static void drop(void **objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gc_clear(&objects[i]);
    }
}

/* A birth that takes another page. */
static void slow_birth(gc_heap *heap)
{
    gci_pages_drop_idle(heap);
    gc_decref(make(heap, &leaf_64));
}

static void pages_are_purged_when_they_were_idle_for_purge_ns(void **state)
{
    gc_heap *heap = system_heap(*state, PURGE_NS);
    void *kept = make(heap, &leaf_32), *pages[4];
    make_pages(heap, pages, 4);
    drop(pages, 4);
    clock_ns += PURGE_NS - 1;
    slow_birth(heap);
    assert_int_equal(told.calls, 0);
    clock_ns++;
    slow_birth(heap); /* which has taken one of them */
    assert_int_equal(told.bytes, 3 * GCI_PAGE_SIZE);
    assert_sound(heap);
    gc_decref(kept);
}

static void purge_ns_has_a_default_of_a_second(void **state)
{
    gc_heap *heap = system_heap(*state, 0);
    void *kept = make(heap, &leaf_32), *page = make(heap, &leaf_page);
    gc_decref(page);
    clock_ns += 999999999;
    (void)gc_step(heap, 1);
    assert_int_equal(told.calls, 0);
    clock_ns++;
    (void)gc_step(heap, 1);
    assert_int_equal(told.bytes, GCI_PAGE_SIZE);
    gc_decref(kept);
}

static void purge_ns_of_one_purges_at_the_next_step(void **state)
{
    gc_heap *heap = system_heap(*state, 1);
    void *kept = make(heap, &leaf_32), *page = make(heap, &leaf_page);
    gc_decref(page);
    clock_ns++;
    (void)gc_step(heap, 1);
    assert_int_equal(told.bytes, GCI_PAGE_SIZE);
    gc_decref(kept);
}

static void purge_ns_of_size_max_leaves_pages_to_gc_heap_trim(void **state)
{
    gc_heap *heap = system_heap(*state, SIZE_MAX);
    void *kept = make(heap, &leaf_32), *page = make(heap, &leaf_page);
    gc_decref(page);
    clock_ns = UINT64_MAX / 2;
    (void)gc_step(heap, 1);
    slow_birth(heap);
    (void)gc_collect(heap);
    assert_int_equal(told.calls, 0);
    gci_pages_drop_idle(heap);
    size_t idle = heap->idle_pages.first->next == NULL ? 1 : 2;
    assert_int_equal(gc_heap_trim(heap), idle * GCI_PAGE_SIZE);
    assert_int_equal(told.bytes, idle * GCI_PAGE_SIZE);
    gc_decref(kept);
}

static void collection_purges_at_its_end(void **state)
{
    gc_heap *heap = system_heap(*state, PURGE_NS);
    void *kept = make(heap, &leaf_32), *page = make(heap, &leaf_page);
    gc_decref(page);
    clock_ns += PURGE_NS;
    (void)gc_collect(heap);
    assert_int_equal(told.bytes, GCI_PAGE_SIZE);
    gc_decref(kept);
}

static void pages_are_not_purged_while_the_heap_is_walked(void **state)
{
    gc_heap *heap = system_heap(*state, PURGE_NS);
    void *kept = make(heap, &leaf_32), *page = make(heap, &leaf_page);
    gc_decref(page);
    clock_ns += PURGE_NS;
    gci_pages_pin(heap);
    (void)gc_step(heap, 1);
    assert_int_equal(told.calls, 0);
    gci_pages_unpin(heap);
    (void)gc_step(heap, 1);
    assert_int_equal(told.calls, 1);
    gc_decref(kept);
}

static void neighbours_are_purged_by_one_call_but_not_too_many(void **state)
{
    if (GCI_SEGMENT_PAGES < 64) { /* they would be more than a segment */
        return;
    }
    gc_heap *heap = system_heap(*state, PURGE_NS);
    void *kept = make(heap, &leaf_32), *pages[40];
    make_pages(heap, pages, 40);
    void *between = pages[10];
    pages[10] = NULL;
    drop(pages, 40);
    (void)gc_heap_trim(heap);
    assert_int_equal(told.bytes, 39 * GCI_PAGE_SIZE);
    assert_int_equal(told.calls, 3); /* of 10, 16 and 13 */
    assert_sound(heap);
    gc_decref(between);
    gc_decref(kept);
}

/* With a clock that goes on by 150 us a look a birth that comes late has the time for seven calls, a
 * millisecond. The next that purges comes after 800 us, for an eighth of that. */
static void births_wait_for_purges_an_eighth_of_the_time_at_most(void **state)
{
    gc_heap *heap = system_heap(*state, 1);
    enum { COUNT = 120 };
    void *kept = make(heap, &leaf_32), *pages[COUNT];
    make_pages(heap, pages, COUNT);
    for (size_t i = 0; i < COUNT; i += 2) {
        gc_clear(&pages[i]);
    }
    gci_pages_drop_idle(heap);
    clock_ns = 100000000;
    tick_ns = 150000;
    slow_birth(heap);
    assert_int_equal(told.calls, 7);
    tick_ns = 0;
    clock_ns = heap->purge_end_ns + 799999;
    slow_birth(heap);
    assert_int_equal(told.calls, 7);
    clock_ns++;
    tick_ns = 60000;
    slow_birth(heap);
    assert_int_equal(told.calls, 9);
    drop(pages, COUNT);
    gc_decref(kept);
}

static void page_that_is_used_again_is_not_purged(void **state)
{
    gc_heap *heap = system_heap(*state, PURGE_NS);
    void *kept = make(heap, &leaf_32), *clean = make(heap, &leaf_page);
    void *page = make(heap, &leaf_page), *place = page;
    gc_decref(clean);
    (void)gc_heap_trim(heap);
    memset(&told, 0, sizeof(told));
    gc_decref(page);
    clock_ns += PURGE_NS - 1;
    page = make(heap, &leaf_page);
    assert_ptr_equal(page, place); /* rather than one that is clean */
    clock_ns += PURGE_NS;
    (void)gc_step(heap, 1);
    assert_int_equal(told.calls, 0);
    gc_decref(page);
    gc_decref(kept);
}

static void purged_page_is_as_good_as_new(void **state)
{
    gc_heap *heap = system_heap(*state, PURGE_NS);
    void *kept = make(heap, &leaf_32), *pages[2];
    make_pages(heap, pages, 2);
    memset((char *)pages[1] + sizeof(gc_object), 0xA5, GCI_PAGE_SIZE - sizeof(gc_object));
    void *place = pages[1];
    drop(pages, 2);
    (void)gc_heap_trim(heap);
    make_pages(heap, pages, 2);
    assert_ptr_equal(pages[1], place);
    for (size_t i = sizeof(gc_object); i < GCI_PAGE_SIZE; i++) {
        assert_int_equal(((char *)pages[1])[i], 0);
    }
    drop(pages, 2);
    gc_decref(kept);
}

static size_t resident_pages(void *from, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    static unsigned char is_there[GCI_SEGMENT_SIZE / 4096];
    assert_int_equal(mincore(from, bytes, is_there), 0);
    for (size_t i = 0; i < bytes / page; i++) {
        count += is_there[i] & 1;
    }
    return count;
}

static void memory_of_purged_pages_is_not_there(void **state)
{
    gc_heap *heap = system_heap(*state, 0);
    void *kept = make(heap, &leaf_32), *pages[8];
    make_pages(heap, pages, 8);
    char *from = pages[0];
    assert_true(resident_pages(from, 8 * (size_t)GCI_PAGE_SIZE) > 0);
    drop(pages, 8);
    (void)gc_heap_trim(heap);
    assert_int_equal(resident_pages(from, 8 * (size_t)GCI_PAGE_SIZE), 0);
    gc_decref(kept);
}

static void heap_of_ten_objects_touches_few_pages_of_the_system(void **state)
{
    gc_heap *heap = system_heap(*state, 0);
    void *objects[10];
    for (size_t i = 0; i < 10; i++) {
        objects[i] = make(heap, &leaf_32);
    }
    assert_in_range(resident_pages(gci_segment_of(gci_page_of(objects[0])), GCI_SEGMENT_SIZE), 1,
                    4);
    drop(objects, 10);
}

static void segment_without_objects_goes_back_whole_when_all_its_pages_are_due(void **state)
{
    gc_heap *heap = system_heap(*state, PURGE_NS);
    void *pages[2];
    make_pages(heap, pages, 2);
    size_t reserved = heap->bytes_reserved;
    gc_clear(&pages[0]);
    clock_ns += PURGE_NS / 2;
    gc_clear(&pages[1]);
    clock_ns += PURGE_NS / 2;
    (void)gc_step(heap, 1);
    assert_int_equal(heap->bytes_reserved, reserved);
    clock_ns += PURGE_NS / 2;
    (void)gc_step(heap, 1);
    assert_int_equal(heap->bytes_reserved, reserved - GCI_SEGMENT_SIZE);
    assert_sound(heap);
}

static void pages_of_a_page_source_stay_until_their_segment_goes(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.purge_ns = PURGE_NS;
    gc_heap *heap = world_new_heap(world, &config);
    memset(&told, 0, sizeof(told));
    void *pages[3];
    make_pages(heap, pages, 3);
    size_t reserved = heap->bytes_reserved;
    drop(pages, 2);
    clock_ns += PURGE_NS;
    (void)gc_step(heap, 1);
    assert_int_equal(told.calls + told.huge_wanted + told.huge_refused, 0);
    assert_int_equal(stats_of(heap).bytes_resident, reserved);
    gc_clear(&pages[2]);
    clock_ns += PURGE_NS;
    (void)gc_step(heap, 1);
    assert_int_equal(heap->bytes_reserved, reserved - GCI_SEGMENT_SIZE);
    assert_int_equal(heap->bytes_reserved, world->pages.bytes);
}

static void statistics_tell_what_can_be_resident(void **state)
{
    gc_heap *heap = system_heap(*state, 0);
    void *kept = make(heap, &leaf_32), *pages[4];
    uint64_t resident = stats_of(heap).bytes_resident;
    assert_int_equal(resident, heap->bytes_reserved - GCI_SEGMENT_SIZE + GCI_PAGE_SIZE);
    make_pages(heap, pages, 4);
    assert_int_equal(stats_of(heap).bytes_resident, resident + 4 * GCI_PAGE_SIZE);
    drop(pages, 4);
    assert_int_equal(stats_of(heap).bytes_resident, resident + 4 * GCI_PAGE_SIZE);
    assert_int_equal(gc_heap_trim(heap), 4 * GCI_PAGE_SIZE);
    assert_int_equal(stats_of(heap).bytes_resident, resident);
    gc_decref(kept);
}

static void drop_of_a_reference_into_a_purged_page_is_a_panic(void **state)
{
    struct world *world = *state;
    gc_heap *heap = system_heap(world, 0);
    void *kept = make(heap, &leaf_32);
    struct node *dead = make(heap, &node_type);
    gc_decref(dead);
    (void)gc_heap_trim(heap);
    assert_int_not_equal(told.bytes, 0);
    gc_decref(dead);
    expect_panic(world, "is dead");
    gc_decref(kept);
}

/* Huge pages. */

/* Fill a segment but for one page. Returns the segment. */
static struct gci_segment *fill_segment(gc_heap *heap, void **objects, size_t *count)
{
    struct gci_segment *segment = gci_segment_of(gci_page_of(objects[0] = make(heap, &leaf_32)));
    for (*count = 1; segment->free_pages != 0; ++*count) {
        objects[*count] = make(heap, &leaf_page);
    }
    return segment;
}

static void huge_pages_are_wanted_when_a_segment_is_full_of_objects_and_not_before(void **state)
{
    gc_heap *heap = system_heap(*state, PURGE_NS);
    heap->segment_count += 10; /* a heap of few segments wants none */
    static void *objects[10000];
    size_t count;
    struct gci_segment *segment = fill_segment(heap, objects, &count);
    assert_int_equal(segment->free_pages, 0);
    assert_int_equal(told.huge_wanted, 0); /* one page has a single object of 32 bytes */
    while (segment == gci_segment_of(gci_page_of(objects[count - 1]))) {
        objects[count++] = make(heap, &leaf_32);
    }
    assert_int_equal(told.huge_wanted, 1);
    heap->segment_count -= 10;
    drop(objects, count);
}

static void huge_pages_are_refused_before_a_part_of_their_segment_is_purged(void **state)
{
    gc_heap *heap = system_heap(*state, PURGE_NS);
    heap->segment_count += 10;
    static void *objects[10000];
    size_t count;
    struct gci_segment *segment = fill_segment(heap, objects, &count);
    while (segment == gci_segment_of(gci_page_of(objects[count - 1]))) {
        objects[count++] = make(heap, &leaf_32);
    }
    size_t refused = told.huge_refused;
    assert_int_equal(told.huge_wanted, 1);
    assert_int_equal(segment->huge, GCI_HUGE_WANTED);
    gc_clear(&objects[3]); /* is alone in its page */
    clock_ns += PURGE_NS;
    (void)gc_step(heap, 1);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.refused_before, refused + 1);
    assert_int_equal(segment->huge, GCI_HUGE_REFUSED);
    objects[3] = make(heap, &leaf_64); /* alone again, in a page that is hardly used */
    assert_int_equal(segment->free_pages, 0);
    gc_clear(&objects[5]);
    objects[5] = make(heap, &leaf_page);
    assert_int_equal(told.huge_wanted, 1);
    heap->segment_count -= 10;
    drop(objects, count);
}

static void small_heap_refuses_huge_pages(void **state)
{
    gc_heap *heap = system_heap(*state, 0);
    gc_decref(make(heap, &leaf_32));
    assert_int_equal(told.huge_refused, 1);
}

/* Large objects. */

static void large_object_is_made_where_one_was_dropped(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    void *large = make(heap, &leaf_large), *place = large;
    size_t maps = world->pages.maps;
    for (size_t i = 0; i < 100; i++) {
        gc_decref(large);
        large = make(heap, &leaf_large);
        assert_ptr_equal(large, place);
        assert_sound(heap);
    }
    assert_int_equal(world->pages.maps, maps);
    gc_decref(large);
}

static void large_object_is_not_made_where_much_would_be_wasted(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    void *large = make(heap, &leaf_large), *huge = make(heap, &leaf_huge);
    size_t maps = world->pages.maps;
    gc_decref(huge);
    void *second = make(heap, &leaf_large);
    assert_int_equal(world->pages.maps, maps + 1);
    gc_decref(large);
    gc_decref(second);
}

static void idle_large_segments_are_bounded_in_bytes(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    void *huge[8];
    for (size_t i = 0; i < 8; i++) {
        huge[i] = make(heap, &leaf_huge);
    }
    drop(huge, 8);
    gci_pages_tidy(heap, false);
    assert_in_range(heap->idle_large_bytes, 3 * leaf_huge.size, (size_t)64 << 20);
    assert_int_equal(heap->segment_count, 3);
    assert_sound(heap);
}

static void idle_large_segments_go_back_after_purge_ns(void **state)
{
    gc_heap *heap = system_heap(*state, PURGE_NS);
    gc_decref(make(heap, &leaf_large));
    clock_ns += PURGE_NS - 1;
    (void)gc_step(heap, 1);
    assert_int_equal(heap->segment_count, 1);
    clock_ns++;
    (void)gc_step(heap, 1);
    assert_int_equal(heap->segment_count, 0);
    assert_sound(heap);
}

static void idle_large_segments_go_back_when_memory_is_short(void **state)
{
    struct world *world = *state;
    gc_config config = { .collect = GC_AT_SAFEPOINT }; /* births do not collect */
    gc_heap *heap = world_new_heap(world, &config);
    gc_decref(make(heap, &leaf_large));
    gci_pages_tidy(heap, false);
    assert_int_equal(heap->segment_count, 1);
    world->pages.fail_at = world->pages.maps;
    gc_decref(make(heap, &leaf_huge)); /* the first call for it fails */
    assert_true(world->pages.failed);
    assert_int_equal(heap->segment_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(pages_are_purged_when_they_were_idle_for_purge_ns),
        world_test(purge_ns_has_a_default_of_a_second),
        world_test(purge_ns_of_one_purges_at_the_next_step),
        world_test(purge_ns_of_size_max_leaves_pages_to_gc_heap_trim),
        world_test(collection_purges_at_its_end),
        world_test(pages_are_not_purged_while_the_heap_is_walked),
        world_test(neighbours_are_purged_by_one_call_but_not_too_many),
        world_test(births_wait_for_purges_an_eighth_of_the_time_at_most),
        world_test(page_that_is_used_again_is_not_purged),
        world_test(purged_page_is_as_good_as_new),
        world_test(memory_of_purged_pages_is_not_there),
        world_test(heap_of_ten_objects_touches_few_pages_of_the_system),
        world_test(segment_without_objects_goes_back_whole_when_all_its_pages_are_due),
        world_test(pages_of_a_page_source_stay_until_their_segment_goes),
        world_test(statistics_tell_what_can_be_resident),
        world_test(drop_of_a_reference_into_a_purged_page_is_a_panic),
        world_test(huge_pages_are_wanted_when_a_segment_is_full_of_objects_and_not_before),
        world_test(huge_pages_are_refused_before_a_part_of_their_segment_is_purged),
        world_test(small_heap_refuses_huge_pages),
        world_test(large_object_is_made_where_one_was_dropped),
        world_test(large_object_is_not_made_where_much_would_be_wasted),
        world_test(idle_large_segments_are_bounded_in_bytes),
        world_test(idle_large_segments_go_back_after_purge_ns),
        world_test(idle_large_segments_go_back_when_memory_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
