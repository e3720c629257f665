/* SPDX-License-Identifier: MIT */

/* Pauses of known lengths, and what the statistics make of them.
 *
 * The linker puts __wrap_gci_sys_clock_ns in place of the clock, which stands still, but for a start
 * hook that lets time pass: so each collection takes as long as the test says. */

#include "support.h"

static uint64_t clock_ns;

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
uint64_t __wrap_gci_sys_clock_ns(void);
uint64_t __wrap_gci_sys_clock_ns(void)
{
    return clock_ns;
}
/* NOLINTEND(bugprone-reserved-identifier) */

static bool let_time_pass(gc_heap *heap, const gc_collection *collection, void *arg)
{
    (void)heap;
    (void)collection;
    clock_ns += *(const uint64_t *)arg;
    return true;
}

static void pause_for(gc_heap *heap, int generation, uint64_t ns)
{
    gc_hook hook = { .start = let_time_pass, .arg = &ns };
    gc_hook_add(heap, &hook);
    (void)gc_collect_generation(heap, generation);
    gc_hook_remove(heap, &hook);
}

static void pause_often(gc_heap *heap, unsigned times, uint64_t ns)
{
    for (unsigned i = 0; i < times; i++) {
        pause_for(heap, 0, ns);
    }
}

static gc_heap *quiet_heap_new(struct world *world)
{
    return world_new_heap(world, &(gc_config){ .disabled = true });
}

/* As the header says. */
#define assert_is_about(percentile, ns) \
    do { \
        assert_true((percentile) >= (ns)); \
        assert_true((percentile) <= (ns) + (ns) / 4 + 1024); \
    } while (0)

enum { MS = 1000000 };
#define LONG_NS   (UINT64_C(20000) * MS)
#define LAST_FROM ((uint64_t)7 << 30) /* where the last bucket begins */

static void single_pause_is_each_of_the_percentiles(void **state)
{
    gc_heap *heap = quiet_heap_new(*state);
    pause_for(heap, 1, 12345678);
    gc_pauses pauses = stats_of(heap).pauses;
    assert_int_equal(pauses.count, 1);
    assert_int_equal(pauses.ns_total, 12345678);
    assert_int_equal(pauses.ns_p50, 12345678);
    assert_int_equal(pauses.ns_p99, 12345678);
    assert_int_equal(pauses.ns_p9999, 12345678);
    assert_int_equal(pauses.ns_max, 12345678);
}

static void percentile_is_too_long_by_a_quarter_at_most(void **state)
{
    (void)state;
    for (uint64_t octave = 256; octave < LAST_FROM; octave *= 2) {
        for (uint64_t quarter = 4; quarter < 8 && quarter * octave / 4 < LAST_FROM; quarter++) {
            uint64_t edge = quarter * octave / 4;
            for (uint64_t ns = edge - 1; ns <= edge + 1; ns++) {
                gc_heap *heap = gc_heap_new(NULL);
                assert_non_null(heap);
                pause_for(heap, 0, ns);
                pause_for(heap, 0, LONG_NS);
                gc_pauses pauses = stats_of(heap).pauses;
                assert_is_about(pauses.ns_p50, ns);
                assert_int_equal(pauses.ns_p99, LONG_NS);
                gc_heap_free(heap);
            }
        }
    }
}

static void longest_pauses_are_told_by_the_longest_of_them(void **state)
{
    gc_heap *heap = quiet_heap_new(*state);
    pause_often(heap, 3, LAST_FROM);
    pause_often(heap, 2, LONG_NS);
    gc_pauses pauses = stats_of(heap).pauses;
    assert_int_equal(pauses.ns_p50, LONG_NS);
    pause_often(heap, 5, LAST_FROM - 1);
    assert_is_about(stats_of(heap).pauses.ns_p50, LAST_FROM - 1);
    assert_true(stats_of(heap).pauses.ns_p50 < LONG_NS);
}

/* So many pauses of which one is long, then two. */
static void one_in_a_hundred_may_be_longer(void **state)
{
    gc_heap *heap = quiet_heap_new(*state);
    pause_often(heap, 1, 100 * MS);
    pause_often(heap, 99, MS);
    gc_pauses one = stats_of(heap).pauses;
    assert_is_about(one.ns_p50, MS);
    assert_is_about(one.ns_p99, MS);
    assert_int_equal(one.ns_p9999, 100 * MS);
    pause_often(heap, 1, 100 * MS);
    gc_pauses two = stats_of(heap).pauses;
    assert_is_about(two.ns_p50, MS);
    assert_int_equal(two.ns_p99, 100 * MS);
}

static void one_in_ten_thousand_may_be_longer(void **state)
{
    gc_heap *heap = quiet_heap_new(*state);
    pause_often(heap, 1, 100 * MS);
    pause_often(heap, 9999, MS);
    assert_is_about(stats_of(heap).pauses.ns_p9999, MS);
    assert_int_equal(stats_of(heap).pauses.ns_max, 100 * MS);
    pause_often(heap, 1, 100 * MS);
    assert_int_equal(stats_of(heap).pauses.ns_p9999, 100 * MS);
}

static void half_may_be_longer(void **state)
{
    gc_heap *heap = quiet_heap_new(*state);
    pause_often(heap, 5, MS);
    pause_often(heap, 5, 100 * MS);
    assert_is_about(stats_of(heap).pauses.ns_p50, MS);
    pause_often(heap, 1, 100 * MS);
    assert_int_equal(stats_of(heap).pauses.ns_p50, 100 * MS);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void percentiles_of_many_are_those_of_the_sorted(void **state)
{
    enum { COUNT = 20000 };
    gc_heap *heap = quiet_heap_new(*state);
    uint64_t *samples = calloc(COUNT, sizeof(*samples)), random = 1, total[2] = { 0 };
    assert_non_null(samples);
    for (size_t i = 0; i < COUNT; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        samples[i] = (random >> 32) >> (random >> 20) % 32; /* of all orders of magnitude */
        total[i % 2] += samples[i];
        pause_for(heap, (int)(i % 2), samples[i]);
    }
    qsort(samples, COUNT, sizeof(*samples), compare);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.pauses.count, COUNT);
    assert_int_equal(stats.pauses.ns_total, total[0] + total[1]);
    assert_is_about(stats.pauses.ns_p50, samples[COUNT / 2 - 1]);
    assert_is_about(stats.pauses.ns_p99, samples[COUNT / 100 * 99 - 1]);
    assert_is_about(stats.pauses.ns_p9999, samples[COUNT / 10000 * 9999 - 1]);
    assert_int_equal(stats.pauses.ns_max, samples[COUNT - 1]);
    for (size_t i = 0; i < 2; i++) {
        const gc_pauses *pauses = &stats.phases[i == 0 ? GC_PHASE_YOUNG : GC_PHASE_FULL];
        assert_int_equal(pauses->count, COUNT / 2);
        assert_int_equal(pauses->ns_total, total[i]);
        assert_int_equal(stats.generations[i].pause_ns_total, total[i]);
        assert_int_equal(stats.generations[i].pause_ns_max, pauses->ns_max);
    }
    free(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(single_pause_is_each_of_the_percentiles),
        world_test(percentile_is_too_long_by_a_quarter_at_most),
        world_test(longest_pauses_are_told_by_the_longest_of_them),
        world_test(half_may_be_longer),
        world_test(one_in_a_hundred_may_be_longer),
        world_test(one_in_ten_thousand_may_be_longer),
        world_test(percentiles_of_many_are_those_of_the_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
