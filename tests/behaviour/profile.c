/* SPDX-License-Identifier: MIT */
/* The memory profiler: what is on record, snapshots of it, and how they are printed.
 *
 * Where a test wants many places in the program, or sizes to a byte, gc_profile_track_at records
 * what never was: it takes any text, and any size without the memory.
 */

#include "../support.h"

#include <inttypes.h>
#include <sys/stat.h>

#if defined(__GNUC__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE
#endif

/* What they are on record with. */
enum { NODE_BYTES = sizeof(struct node), LEAF_BYTES = 16 };

static gc_profile_stats profile_of(gc_heap *heap)
{
    gc_profile_stats stats;
    gc_profile_get_stats(heap, &stats);
    return stats;
}

/* A heap with its profiler on, of one frame. */
static gc_heap *profiled(struct world *world, const gc_config *config)
{
    gc_heap *heap = world_new_heap(world, config);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    return heap;
}

#define assert_record(heap, object_count, byte_count) \
    do { \
        assert_int_equal(profile_of(heap).objects, (object_count)); \
        assert_int_equal(profile_of(heap).bytes, (byte_count)); \
        assert_int_equal(profile_of(heap).dropped, 0); \
    } while (0)

/* All that is alive is on record, and nothing else. */
static void assert_all_on_record(gc_heap *heap)
{
    gc_stats stats = stats_of(heap);
    assert_record(heap, stats.objects_live, stats.bytes_live);
}

/* Statistics
 * ========== */

enum { NAME_SIZE = 120, FOUND_MAX = 64 };

struct found {
    char name[NAME_SIZE], file[NAME_SIZE];
    bool has_file;
    unsigned line;
    size_t frame_count;
    void *frames[64];
    uint64_t bytes, count;
    int64_t bytes_diff, count_diff;
};

struct findings {
    size_t count;
    struct found all[FOUND_MAX];
};

static int find(const gc_statistic *statistic, void *arg)
{
    struct findings *findings = arg;
    if (findings->count < FOUND_MAX) {
        struct found *found = &findings->all[findings->count];
        *found = (struct found){
            .has_file = statistic->file != NULL,
            .line = statistic->line,
            .frame_count = statistic->frame_count,
            .bytes = statistic->bytes,
            .count = statistic->count,
            .bytes_diff = statistic->bytes_diff,
            .count_diff = statistic->count_diff,
        };
        (void)snprintf(found->name, NAME_SIZE, "%s", statistic->name);
        (void)snprintf(found->file, NAME_SIZE, "%s",
                       statistic->file != NULL ? statistic->file : "");
        for (size_t i = 0; i < statistic->frame_count && i < 64; i++) {
            found->frames[i] = statistic->frames[i];
        }
    }
    findings->count++;
    return 0;
}

static struct findings statistics_of(const gc_snapshot *snapshot, gc_group group)
{
    struct findings findings = { 0 };
    assert_int_equal(gc_snapshot_statistics(snapshot, group, find, &findings), 0);
    return findings;
}

static struct findings statistics_now(gc_heap *heap, gc_group group)
{
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    assert_non_null(snapshot);
    struct findings findings = statistics_of(snapshot, group);
    gc_snapshot_free(snapshot);
    return findings;
}

static struct findings comparison_of(const gc_snapshot *newer, const gc_snapshot *older,
                                     gc_group group)
{
    struct findings findings = { 0 };
    assert_int_equal(gc_snapshot_compare(newer, older, group, find, &findings), 0);
    return findings;
}

/* The one group of a name. */
static const struct found *named(const struct findings *findings, const char *name)
{
    const struct found *result = NULL;
    for (size_t i = 0; i < findings->count && i < FOUND_MAX; i++) {
        if (strcmp(findings->all[i].name, name) == 0) {
            assert_null(result);
            result = &findings->all[i];
        }
    }
    if (result == NULL) {
        fail_msg("nothing is called %s", name);
    }
    return result;
}

static void assert_group(const struct findings *findings, const char *name, uint64_t bytes,
                         uint64_t count)
{
    const struct found *found = named(findings, name);
    assert_int_equal(found->bytes, bytes);
    assert_int_equal(found->count, count);
}

/* The names of all groups in their order, with a space behind each. */
static void assert_order(const struct findings *findings, const char *names)
{
    char text[FOUND_MAX * 16] = "";
    for (size_t i = 0; i < findings->count && i < FOUND_MAX; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "%s ", findings->all[i].name);
    }
    assert_string_equal(text, names);
}

static gc_snapshot *take(gc_heap *heap)
{
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    assert_non_null(snapshot);
    return snapshot;
}

/* Record `count` buffers of `size` bytes at a place, which are said to be at `address` and on. */
static void track(gc_heap *heap, uintptr_t address, size_t count, size_t size, unsigned domain,
                  const char *where)
{
    for (size_t i = 0; i < count; i++) {
        gc_profile_track_at(heap, (const void *)(address + i), size, domain, where);
    }
}

/* Off
 * === */

static void profiler_is_off_at_first_and_its_calls_do_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    int buffer;
    assert_false(gc_profile_is_on(heap));
    gc_profile_stop(heap);
    gc_profile_clear(heap);
    gc_profile_reset_peak(heap);
    gc_profile_track(heap, &buffer, sizeof(buffer), 1);
    gc_profile_untrack(heap, &buffer);
    assert_false(gc_profile_is_on(heap));
    assert_null(gc_profile_site(node));
    assert_record(heap, 0, 0);
    assert_int_equal(profile_of(heap).bytes_peak, 0);
    assert_int_equal(profile_of(heap).bytes_own, 0);
    struct findings findings = statistics_now(heap, GC_BY_LINE);
    assert_int_equal(findings.count, 0);
    assert_int_equal(gc_last_error(heap), GC_OK);
    gc_decref(node);
}

static void profiler_that_was_on_leaves_nothing_behind(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept = node_new(heap);
    size_t before = world->pages.bytes;
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    assert_true(gc_profile_is_on(heap));
    struct node *node = node_new(heap);
    int buffer;
    gc_profile_track(heap, &buffer, sizeof(buffer), 1);
    assert_true(world->pages.bytes > before);
    gc_profile_stop(heap);
    assert_false(gc_profile_is_on(heap));
    assert_int_equal(world->pages.bytes, before);
    assert_record(heap, 0, 0);
    assert_null(gc_profile_site(node));
    assert_int_equal(profile_of(heap).bytes_own, 0);
    assert_sound(heap);
    gc_decref(node);
    gc_decref(kept);
}

/* Start, stop, clear
 * ================== */

static void frames_out_of_range_are_refused(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    const unsigned wrong[] = { 0, 65, 1000, UINT32_MAX };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(gc_profile_start(heap, wrong[i]), GC_ERR_RANGE);
        assert_false(gc_profile_is_on(heap));
        assert_int_equal(gc_last_error(heap), GC_ERR_RANGE);
    }
}

static void start_when_it_is_on_changes_nothing(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct node *node = node_new(heap);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    (void)gc_profile_start(heap, 5);
    assert_all_on_record(heap);
    gc_decref(node);
    node = node_new(heap);
    struct findings findings = statistics_now(heap, GC_BY_TRACEBACK);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.all[0].frame_count, 0);
    gc_decref(node);
}

static void own_bytes_are_what_the_page_source_gave(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept = node_new(heap);
    size_t before = world->pages.bytes;
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    assert_int_equal(profile_of(heap).bytes_own, world->pages.bytes - before);
    struct node *node = node_new(heap);
    assert_int_equal(profile_of(heap).bytes_own, world->pages.bytes - before);
    char where[3000][16];
    for (size_t i = 0; i < 3000; i++) {
        (void)snprintf(where[i], sizeof(where[i]), "file.c:%zu", i + 1);
        track(heap, i + 1, 1, 10, 1, where[i]);
    }
    assert_int_equal(profile_of(heap).bytes_own, world->pages.bytes - before);
    assert_int_equal(profile_of(heap).objects, 3001);
    gc_profile_clear(heap);
    assert_int_equal(profile_of(heap).bytes_own, world->pages.bytes - before);
    gc_profile_stop(heap);
    assert_int_equal(world->pages.bytes, before);
    gc_decref(node);
    gc_decref(kept);
}

static void clear_forgets_and_goes_on(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct node *old = node_new(heap);
    struct string *large = gc_new_var(heap, &string_type, 100000);
    int buffer;
    gc_profile_track(heap, &buffer, 50, 1);
    gc_profile_clear(heap);
    assert_true(gc_profile_is_on(heap));
    assert_record(heap, 0, 0);
    assert_int_equal(profile_of(heap).bytes_peak, 0);
    assert_null(gc_profile_site(old));
    assert_null(gc_profile_site(large));
    struct node *young = node_new(heap);
    gc_profile_track(heap, &buffer, 70, 1);
    assert_non_null(gc_profile_site(young));
    assert_record(heap, 2, NODE_BYTES + 70);
    gc_decref(old);
    gc_decref(large);
    assert_record(heap, 2, NODE_BYTES + 70);
    gc_decref(young);
    assert_record(heap, 1, 70);
}

static void peak_is_the_most_since_start_or_reset(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    assert_int_equal(profile_of(heap).bytes_peak, 0);
    track(heap, 1, 1, 1000, 0, "file.c:1");
    gc_profile_untrack(heap, (const void *)(uintptr_t)1);
    track(heap, 1, 1, 10, 0, "file.c:1");
    assert_int_equal(profile_of(heap).bytes, 10);
    assert_int_equal(profile_of(heap).bytes_peak, 1000);
    gc_profile_reset_peak(heap);
    assert_int_equal(profile_of(heap).bytes_peak, 10);
    gc_decref(node_new(heap));
    assert_int_equal(profile_of(heap).bytes_peak, 10 + NODE_BYTES);
    assert_int_equal(profile_of(heap).bytes, 10);
}

static void statistics_are_filled_in_to_the_size_that_the_caller_knows(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct node *node = node_new(heap);
    struct {
        gc_profile_stats stats;
        uint64_t more[2];
    } large;
    memset(&large, 0xFF, sizeof(large));
    gc_profile_get_stats_sized(heap, &large.stats, sizeof(large));
    assert_int_equal(large.stats.objects, 1);
    assert_int_equal(large.more[0], 0);
    assert_int_equal(large.more[1], 0);
    memset(&large, 0xFF, sizeof(large));
    gc_profile_get_stats_sized(heap, &large.stats, 2 * sizeof(uint64_t));
    assert_int_equal(large.stats.objects, 1);
    assert_int_equal(large.stats.bytes, NODE_BYTES);
    assert_int_equal(large.stats.bytes_peak, UINT64_MAX);
    gc_decref(node);
}

static void heaps_are_profiled_apart(void **state)
{
    gc_heap *heap = profiled(*state, NULL), *other = gc_heap_new(NULL);
    assert_non_null(other);
    struct node *node = node_new(other);
    assert_record(heap, 0, 0);
    assert_false(gc_profile_is_on(other));
    assert_null(gc_profile_site(node));
    assert_int_equal(gc_profile_start(other, 1), GC_OK);
    struct node *own = node_new(heap);
    assert_record(heap, 1, NODE_BYTES);
    assert_record(other, 0, 0);
    gc_decref(own);
    gc_decref(node);
    gc_heap_free(other);
}

/* Lines
 * ===== */

/* "this_file.c:12", valid until the next but three. */
static const char *here(int line)
{
    static char texts[4][200];
    static size_t next;
    char *text = texts[next++ % 4];
    (void)snprintf(text, sizeof(texts[0]), "%s:%d", __FILE__, line);
    return text;
}

static void line_on_record_is_that_of_the_call(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    int line = __LINE__;
    struct node *node = gc_new(heap, &node_type);
    struct tuple *tuple = gc_new_var(heap, &tuple_type, 3);
    struct node *a = gc_new(heap, &node_type), *b = gc_new(heap, &node_type);
    gc_profile_track(heap, &line, 100, 1);
    struct node *given = gc_new_at(heap, &node_type, "script.lua:7");
    assert_string_equal(gc_profile_site(node), here(line + 1));
    assert_string_equal(gc_profile_site(tuple), here(line + 2));
    assert_string_equal(gc_profile_site(a), here(line + 3));
    assert_string_equal(gc_profile_site(b), here(line + 3));
    assert_string_equal(gc_profile_site(given), "script.lua:7");

    struct findings findings = statistics_now(heap, GC_BY_LINE);
    assert_int_equal(findings.count, 5);
    assert_group(&findings, here(line + 1), NODE_BYTES, 1);
    assert_int_equal(named(&findings, here(line + 2))->count, 1);
    assert_true(named(&findings, here(line + 2))->bytes >= 8 + 3 * sizeof(void *));
    assert_group(&findings, here(line + 3), 2 * NODE_BYTES, 2);
    assert_group(&findings, here(line + 4), 100, 1);
    assert_group(&findings, "script.lua:7", NODE_BYTES, 1);
    assert_string_equal(named(&findings, here(line + 1))->file, __FILE__);
    assert_int_equal(named(&findings, here(line + 1))->line, line + 1);
    assert_string_equal(named(&findings, "script.lua:7")->file, "script.lua");
    assert_int_equal(named(&findings, "script.lua:7")->line, 7);
    gc_decref(node);
    gc_decref(tuple);
    gc_decref(a);
    gc_decref(b);
    gc_decref(given);
}

/* Births
 * ====== */

static void every_birth_is_recorded_across_pages(void **state)
{
    enum { COUNT = 20000 };
    gc_heap *heap = profiled(*state, NULL);
    struct node *list = NULL;
    for (size_t i = 0; i < COUNT; i++) {
        struct node *node = node_new(heap);
        gc_set_steal(&node->left, list);
        list = node;
    }
    assert_record(heap, COUNT, COUNT * NODE_BYTES);
    for (struct node *node = list; node != NULL; node = node->left) {
        assert_ptr_equal(gc_profile_site(node), gc_profile_site(list));
    }
    assert_sound(heap);
    gc_decref(list);
    assert_record(heap, 0, 0);
    assert_int_equal(profile_of(heap).bytes_peak, COUNT * NODE_BYTES);
}

static void objects_of_every_size_are_recorded(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct string *strings[64];
    size_t count = 0;
    for (size_t size = 1; size < (size_t)16 << 20; size += size / 2 + 1) {
        strings[count] = gc_new_var(heap, &string_type, size);
        assert_non_null(strings[count]);
        assert_non_null(gc_profile_site(strings[count]));
        count++;
        assert_all_on_record(heap);
    }
    assert_sound(heap);
    while (count > 0) {
        gc_decref(strings[--count]);
        assert_all_on_record(heap);
    }
}

static void births_after_collections_are_recorded(void **state)
{
    gc_config config = { .thresholds = { .young_objects = 100, .old_bytes = 16384 } };
    gc_heap *heap = profiled(*state, &config);
    struct node *list = NULL;
    for (size_t i = 0; i < scaled(20000); i++) {
        drop_a_node_circle(heap);
        if (i % 10 == 0) {
            struct node *node = node_new(heap);
            gc_set_steal(&node->left, list);
            list = node;
        }
        gc_decref(leaf_new(heap, 1));
        if (i % 100 == 0) {
            assert_all_on_record(heap);
        }
    }
    assert_true(stats_of(heap).generations[OURO_STRESS].collections > 0);
    assert_all_on_record(heap);
    (void)gc_collect(heap);
    assert_all_on_record(heap);
    assert_sound(heap);
    gc_decref(list);
}

static void births_after_type_forget_and_trim_are_recorded(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    for (int i = 0; i < 3; i++) {
        struct node *node = node_new(heap);
        struct leaf *leaf = leaf_new(heap, 1);
        assert_all_on_record(heap);
        gc_decref(node);
        assert_int_equal(gc_type_forget(heap, &node_type), GC_OK);
        node = node_new(heap);
        assert_all_on_record(heap);
        gc_decref(node);
        (void)gc_heap_trim(heap);
        node = node_new(heap);
        assert_all_on_record(heap);
        gc_decref(leaf);
        gc_decref(node);
        (void)gc_heap_trim(heap);
        assert_record(heap, 0, 0);
    }
}

static void make_a_leaf(struct world *world, struct actor *actor)
{
    (void)actor;
    struct leaf *leaf = gc_new_at(world->heap, &leaf_type, "made_in_callback.c:1");
    expect(world, leaf != NULL);
    world->note = leaf;
}

static void births_in_finalizers_are_recorded(void **state)
{
    struct world *world = *state;
    gc_heap *heap = profiled(world, NULL);
    world->on_finalize = make_a_leaf;
    gc_decref(actor_new(heap, 1));
    assert_int_equal(profile_of(heap).objects, 1);
    assert_string_equal(gc_profile_site(world->note), "made_in_callback.c:1");
    gc_decref(world->note);
    struct actor *actor = actor_new(heap, 2);
    gc_set(&actor->left, actor);
    gc_decref(actor);
    assert_int_equal(gc_collect(heap), 1);
    assert_int_equal(profile_of(heap).objects, 1);
    gc_decref(world->note);
    assert_record(heap, 0, 0);
}

static void turn_profile_off_and_on(struct world *world, struct actor *actor)
{
    (void)actor;
    gc_profile_stop(world->heap);
    gc_decref(node_new(world->heap));
    expect(world, gc_profile_start(world->heap, 1) == GC_OK);
    gc_decref(node_new(world->heap));
}

static void profiler_may_be_stopped_and_started_in_callbacks(void **state)
{
    struct world *world = *state;
    gc_heap *heap = profiled(world, NULL);
    struct node *node = node_new(heap);
    world->on_finalize = turn_profile_off_and_on;
    gc_decref(actor_new(heap, 1));
    assert_record(heap, 0, 0);
    (void)drop_an_actor_circle(heap, 2);
    assert_int_equal(gc_collect(heap), 2);
    assert_record(heap, 0, 0);
    gc_decref(node);
    assert_record(heap, 0, 0);
}

/* That is where a program's own code is deepest inside gc_new. */
static void profiler_may_be_stopped_or_started_by_the_collection_before_a_birth(void **state)
{
    struct world *world = *state;
    gc_config config = { .thresholds = { .young_objects = 10 } };
    gc_heap *heap = profiled(world, &config);
    world->on_finalize = turn_profile_off_and_on;
    for (unsigned i = 0; i < 100; i++) {
        (void)drop_an_actor_circle(heap, 2 * i);
    }
    (void)gc_collect(heap);
    assert_record(heap, 0, 0);
}

/* Deaths
 * ====== */

static void deaths_by_count_leave_the_record(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_set_steal(&actor->leaf, leaf_new(heap, 2));
    struct node *nodes[10];
    for (size_t i = 0; i < 10; i++) {
        nodes[i] = node_new(heap);
    }
    assert_all_on_record(heap);
    for (size_t i = 0; i < 10; i++) {
        gc_decref(nodes[i]);
        assert_all_on_record(heap);
    }
    gc_decref(actor);
    assert_record(heap, 0, 0);
}

static void deaths_by_the_collector_leave_the_record(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    for (unsigned i = 0; i < 1000; i++) {
        drop_a_node_circle(heap);
        (void)drop_an_actor_circle(heap, 2 * i);
    }
    assert_all_on_record(heap);
    assert_int_equal(gc_collect_generation(heap, 0), 4000);
    assert_record(heap, 0, 0);
}

static void keep_self(struct world *world, struct actor *actor)
{
    world->note = gc_newref(actor);
}

static void resurrected_and_immortal_objects_stay_on_record(void **state)
{
    struct world *world = *state;
    gc_heap *heap = profiled(world, NULL);
    world->on_finalize = keep_self;
    gc_decref(actor_new(heap, 1));
    assert_int_equal(profile_of(heap).objects, 1);
    assert_non_null(gc_profile_site(world->note));
    gc_decref(world->note);
    assert_record(heap, 0, 0);
    struct node *node = node_new(heap);
    gc_make_immortal(node);
    gc_decref(node);
    assert_record(heap, 1, NODE_BYTES);
    assert_non_null(gc_profile_site(node));
    world->leftovers = true;
}

static void objects_from_before_the_start_are_not_on_record(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap), *other = node_new(heap);
    struct string *large = gc_new_var(heap, &string_type, 100000);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    struct node *young = node_new(heap);
    assert_null(gc_profile_site(node));
    assert_null(gc_profile_site(large));
    assert_record(heap, 1, NODE_BYTES);
    gc_decref(node);
    gc_decref(large);
    assert_record(heap, 1, NODE_BYTES);
    gc_decref(young);
    gc_decref(other);
    assert_record(heap, 0, 0);
}

static void objects_on_an_earlier_record_do_no_harm_to_a_later_one(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap), *c = node_new(heap);
    struct string *large = gc_new_var(heap, &string_type, 100000);
    struct string *other = gc_new_var(heap, &string_type, 100000);
    gc_profile_stop(heap);
    gc_decref(a); /* while it is off */
    gc_decref(other);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    assert_null(gc_profile_site(b));
    assert_null(gc_profile_site(large));
    struct node *young = node_new(heap); /* where `a` was */
    assert_non_null(gc_profile_site(young));
    gc_decref(b);
    gc_decref(large);
    assert_record(heap, 1, NODE_BYTES);
    struct node *younger = node_new(heap);
    assert_record(heap, 2, 2 * NODE_BYTES);
    gc_decref(c);
    gc_decref(young);
    gc_decref(younger);
    assert_record(heap, 0, 0);
}

/* Beyond a mebibyte they are alone in their memory. */
static void records_of_the_largest_objects_are_forgotten_too(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct string *a = gc_new_var(heap, &string_type, 2000000);
    struct string *b = gc_new_var(heap, &string_type, 2000000);
    struct string *c = gc_new_var(heap, &string_type, 2000000);
    gc_profile_clear(heap);
    assert_null(gc_profile_site(a));
    gc_decref(a);
    assert_record(heap, 0, 0);
    gc_profile_stop(heap);
    gc_decref(b); /* while it is off */
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    gc_decref(c);
    assert_record(heap, 0, 0);
}

static void births_while_it_is_off_are_not_on_record_in_used_slots(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct node *kept = node_new(heap);
    gc_decref(node_new(heap));
    gc_profile_stop(heap);
    struct node *node = node_new(heap);
    assert_null(gc_profile_site(node));
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    assert_null(gc_profile_site(node));
    assert_null(gc_profile_site(kept));
    assert_record(heap, 0, 0);
    gc_decref(node);
    gc_decref(kept);
    assert_record(heap, 0, 0);
}

static void heap_is_freed_with_its_profiler_on(void **state)
{
    struct world *world = *state;
    gc_heap *heap = profiled(world, NULL);
    struct actor *left = actor_new(heap, 1);
    gc_set_steal(&left->leaf, leaf_new(heap, 2));
    (void)tuple_new(heap, 20000);
    (void)drop_an_actor_circle(heap, 3);
    char where[2000][16];
    for (size_t i = 0; i < 2000; i++) {
        (void)snprintf(where[i], sizeof(where[i]), "file.c:%zu", i + 1);
        track(heap, i + 1, 1, 10, 1, where[i]);
    }
    world_free_heap(world);
    assert_int_equal(world->destroyed, 4);
}

/* Random births and deaths, starts, stops and clears, beside a model of what is on record. */
static void record_agrees_with_a_model(void **state)
{
    enum { SLOTS = 400 };
    gc_heap *heap = world_new_heap(*state, NULL);
    struct {
        void *object;
        const char *where; /* NULL: not on record */
        size_t size;
    } model[SLOTS] = { 0 };
    static const char *const wheres[] = { "a.c:1", "a.c:2", "b.c:1", "b.c:99" };
    bool on = false;
    uint64_t objects = 0, bytes = 0, random = 1;
    for (size_t step = 0; step < scaled(100000); step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t i = (size_t)(random >> 33) % SLOTS, dice = (size_t)(random >> 20) % 1024;
        if (dice < 3) {
            if (on && dice == 0) {
                gc_profile_clear(heap);
            } else if (on) {
                gc_profile_stop(heap);
            } else {
                assert_int_equal(gc_profile_start(heap, 1), GC_OK);
            }
            on = dice == 0 || !on;
            objects = bytes = 0;
            for (size_t j = 0; j < SLOTS; j++) {
                model[j].where = NULL;
            }
        } else if (model[i].object != NULL) {
            gc_decref(model[i].object);
            objects -= model[i].where != NULL;
            bytes -= model[i].where != NULL ? model[i].size : 0;
            model[i].object = NULL;
        } else {
            const char *where = wheres[dice % 4];
            uint64_t before = stats_of(heap).bytes_live;
            model[i].object = dice < 400   ? gc_new_at(heap, &node_type, where)
                              : dice < 800 ? gc_new_at(heap, &leaf_type, where)
                                           : gc_new_var_at(heap, &string_type,
                                                           dice % 8 == 0 ? dice * 40 : dice, where);
            assert_non_null(model[i].object);
            model[i].size = (size_t)(stats_of(heap).bytes_live - before);
            model[i].where = on ? where : NULL;
            objects += on;
            bytes += on ? model[i].size : 0;
        }
        assert_int_equal(gc_profile_is_on(heap), on);
        assert_record(heap, objects, bytes);
        if (model[i].object != NULL) {
            assert_ptr_equal(gc_profile_site(model[i].object), model[i].where);
        }
    }
    for (size_t i = 0; i < SLOTS; i++) {
        gc_xdecref(model[i].object);
    }
    assert_record(heap, 0, 0);
}

/* Buffers
 * ======= */

static void buffers_are_tracked_until_they_are_untracked(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    int a, b;
    gc_profile_track(heap, &a, 100, 1);
    gc_profile_track(heap, &b, 0, 2);
    assert_record(heap, 2, 100);
    gc_profile_untrack(heap, &a);
    assert_record(heap, 1, 0);
    gc_profile_untrack(heap, &a);
    gc_profile_untrack(heap, &heap);
    assert_record(heap, 1, 0);
    gc_profile_untrack(heap, &b);
    assert_record(heap, 0, 0);
    assert_int_equal(statistics_now(heap, GC_BY_LINE).count, 0);
}

static void buffer_on_record_is_recorded_anew(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    int a;
    gc_profile_track_at(heap, &a, 100, 1, "old.c:1");
    gc_profile_track_at(heap, &a, 300, 2, "new.c:1");
    assert_record(heap, 1, 300);
    struct findings lines = statistics_now(heap, GC_BY_LINE);
    assert_order(&lines, "new.c:1 ");
    struct findings types = statistics_now(heap, GC_BY_TYPE);
    assert_order(&types, "(domain 2) ");
    gc_profile_untrack(heap, &a);
    assert_record(heap, 0, 0);
}

static void buffers_by_the_thousand_are_kept_apart(void **state)
{
    enum { COUNT = 5000 };
    gc_heap *heap = profiled(*state, NULL);
    uint64_t bytes = 0;
    for (uintptr_t i = 1; i <= COUNT; i++) {
        gc_profile_track_at(heap, (const void *)(i * 64), i, 0, "file.c:1");
        bytes += i;
    }
    assert_record(heap, COUNT, bytes);
    for (uintptr_t i = 1; i <= COUNT; i++) {
        uintptr_t which = i * 1237 % COUNT + 1; /* in no order */
        gc_profile_untrack(heap, (const void *)(which * 64));
        bytes -= which;
        assert_int_equal(profile_of(heap).bytes, bytes);
    }
    assert_record(heap, 0, 0);
}

/* Types and places laid out such that the exclusive or of their addresses is the same, and with it
 * the hashes of their sites. */
static void sites_are_told_apart_when_their_hashes_are_the_same(void **state)
{
    enum { COUNT = 16 };
    gc_heap *heap = profiled(*state, NULL);
    void *arena;
    assert_int_equal(posix_memalign(&arena, 16384, 16384), 0);
    gc_type *types[COUNT];
    char *wheres[COUNT];
    void *objects[COUNT][COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        types[i] = (gc_type *)(void *)((char *)arena + 8192 + 256 * i);
        wheres[i] = (char *)arena + 256 * i;
        *types[i] = node_type;
        (void)snprintf(wheres[i], 16, "file.c:%zu", i + 1);
    }
    uint64_t bytes_own = 0;
    for (size_t round = 0; round < 100; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            for (size_t j = 0; j < COUNT; j++) {
                objects[i][j] = gc_new_at(heap, types[i], wheres[j]);
                assert_non_null(objects[i][j]);
            }
        }
        if (round == 0) {
            bytes_own = profile_of(heap).bytes_own;
        }
        assert_int_equal(profile_of(heap).bytes_own, bytes_own); /* no site is made twice */
        for (size_t i = 0; i < COUNT; i++) {
            for (size_t j = 0; j < COUNT; j++) {
                assert_ptr_equal(gc_profile_site(objects[i][j]), wheres[j]);
                gc_decref(objects[i][j]);
            }
        }
    }
    assert_record(heap, 0, 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(gc_type_forget(heap, types[i]), GC_OK);
    }
    free(arena);
}

static void types_by_the_hundred_at_one_line_are_kept_apart(void **state)
{
    enum { COUNT = 500 };
    gc_heap *heap = profiled(*state, NULL);
    static gc_type types[COUNT];
    static char names[COUNT][16];
    static void *objects[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "type%zu", i);
        types[i] = node_type;
        types[i].name = names[i];
        objects[i] = gc_new(heap, &types[i]);
        assert_non_null(objects[i]);
    }
    assert_int_equal(statistics_now(heap, GC_BY_TYPE).count, COUNT);
    assert_int_equal(statistics_now(heap, GC_BY_LINE).count, 1);
    for (size_t i = 0; i < COUNT; i++) {
        gc_decref(objects[i]);
    }
    assert_record(heap, 0, 0);
}

/* Frames
 * ====== */

/* Written after a call, so that it is not the function's last act, which might leave no frame. */
static volatile int after_call;

static NOINLINE struct node *make(gc_heap *heap)
{
    struct node *node = gc_new_at(heap, &node_type, "make.c:1");
    after_call = 1;
    return node;
}

static NOINLINE struct node *make_one_way(gc_heap *heap)
{
    struct node *node = make(heap);
    after_call = 2;
    return node;
}

static NOINLINE struct node *make_another_way(gc_heap *heap)
{
    struct node *node = make(heap);
    after_call = 3;
    return node;
}

static NOINLINE struct node *make_deep(gc_heap *heap, int depth)
{
    struct node *node = depth == 0 ? make(heap) : make_deep(heap, depth - 1);
    after_call = 4;
    return node;
}

/* The one of these functions that an address is in: the last to begin before it. */
static uintptr_t function_of(const void *frame)
{
    const uintptr_t functions[] = { (uintptr_t)make, (uintptr_t)make_one_way,
                                    (uintptr_t)make_another_way, (uintptr_t)make_deep };
    uintptr_t best = 0;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (functions[i] < (uintptr_t)frame && functions[i] > best) {
            best = functions[i];
        }
    }
    return best;
}

/* A profiled heap with frames; NULL where the stack cannot be walked. */
static gc_heap *profiled_frames(struct world *world, unsigned frames)
{
    gc_heap *heap = world_new_heap(world, NULL);
    gc_status status = gc_profile_start(heap, frames);
    if (status == GC_ERR_RANGE) {
        assert_false(gc_profile_is_on(heap));
        return NULL;
    }
    assert_int_equal(status, GC_OK);
    return heap;
}

static void tracebacks_tell_the_ways_to_a_line_apart(void **state)
{
    gc_heap *heap = profiled_frames(*state, 8);
    if (heap == NULL) {
        return;
    }
    struct node *a = make_one_way(heap), *b = make_another_way(heap);
    struct findings lines = statistics_now(heap, GC_BY_LINE);
    assert_int_equal(lines.count, 1);
    assert_group(&lines, "make.c:1", 2 * NODE_BYTES, 2);
    struct findings tracebacks = statistics_now(heap, GC_BY_TRACEBACK);
    assert_int_equal(tracebacks.count, 2);
    uintptr_t callers[2];
    for (size_t i = 0; i < 2; i++) {
        const struct found *found = &tracebacks.all[i];
        assert_string_equal(found->name, "make.c:1");
        assert_string_equal(found->file, "make.c");
        assert_int_equal(found->line, 1);
        assert_int_equal(found->count, 1);
        assert_true(found->frame_count >= 2 && found->frame_count <= 8);
        assert_int_equal(function_of(found->frames[0]), (uintptr_t)make);
        callers[i] = function_of(found->frames[1]);
    }
    assert_true(callers[0] != callers[1]);
    assert_true(callers[0] == (uintptr_t)make_one_way || callers[0] == (uintptr_t)make_another_way);
    assert_true(callers[1] == (uintptr_t)make_one_way || callers[1] == (uintptr_t)make_another_way);
    assert_string_equal(gc_profile_site(a), "make.c:1");
    gc_decref(a);
    gc_decref(b);
    assert_record(heap, 0, 0);
}

static void no_more_frames_are_taken_than_asked_for(void **state)
{
    struct world *world = *state;
    for (unsigned frames = 2; frames <= 64; frames += frames < 8 ? 1 : 28) {
        gc_heap *heap = profiled_frames(world, frames);
        if (heap == NULL) {
            return;
        }
        struct node *node = make_deep(heap, 100);
        struct findings findings = statistics_now(heap, GC_BY_TRACEBACK);
        assert_int_equal(findings.count, 1);
        assert_int_equal(findings.all[0].frame_count, frames);
        assert_int_equal(function_of(findings.all[0].frames[0]), (uintptr_t)make);
        for (size_t i = 1; i < frames; i++) {
            assert_int_equal(function_of(findings.all[0].frames[i]), (uintptr_t)make_deep);
        }
        gc_decref(node);
        world_free_heap(world);
    }
}

static NOINLINE void track_one(gc_heap *heap, const void *pointer)
{
    gc_profile_track_at(heap, pointer, 10, 1, "buffer.c:1");
    after_call = 5;
}

static void buffers_and_tails_have_frames_too(void **state)
{
    gc_heap *heap = profiled_frames(*state, 4);
    if (heap == NULL) {
        return;
    }
    track_one(heap, &heap);
    struct tuple *tuple = gc_new_var_at(heap, &tuple_type, 3, "tuple.c:1");
    struct findings findings = statistics_now(heap, GC_BY_TRACEBACK);
    assert_int_equal(findings.count, 2);
    assert_true(named(&findings, "buffer.c:1")->frame_count > 1);
    uintptr_t frame = (uintptr_t)named(&findings, "buffer.c:1")->frames[0];
    assert_true(frame > (uintptr_t)track_one && frame < (uintptr_t)track_one + 1000);
    assert_true(named(&findings, "tuple.c:1")->frame_count > 1);
    gc_decref(tuple);
}

static void cumulative_gives_each_frame_everything_once(void **state)
{
    gc_heap *heap = profiled_frames(*state, 64);
    if (heap == NULL) {
        return;
    }
    struct node *nodes[3];
    for (size_t i = 0; i < 3; i++) {
        nodes[i] = i == 0 ? make(heap) : make_deep(heap, 5); /* the frames of recursion repeat */
    }
    struct findings findings = statistics_now(heap, GC_BY_CUMULATIVE);
    assert_group(&findings, "make.c:1", 3 * NODE_BYTES, 3);
    size_t with_all = 0, with_two = 0;
    for (size_t i = 0; i < findings.count; i++) {
        const struct found *found = &findings.all[i];
        assert_true(found->count <= 3);
        assert_int_equal(found->bytes, found->count * NODE_BYTES);
        assert_int_equal(found->has_file, found->line != 0);
        with_all += found->count == 3;
        with_two += found->count == 2;
    }
    /* The line and main have all three, and two came by make_deep calling itself. */
    assert_true(with_all >= 2);
    assert_true(with_two >= 1);
    for (size_t i = 0; i < 3; i++) {
        gc_decref(nodes[i]);
    }
}

static void cumulative_with_one_frame_is_by_line(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    track(heap, 1, 2, 10, 1, "a.c:1");
    track(heap, 11, 1, 10, 1, "a.c:2");
    struct findings findings = statistics_now(heap, GC_BY_CUMULATIVE);
    assert_order(&findings, "a.c:1 a.c:2 ");
}

/* Snapshots
 * ========= */

static void groups_with_most_bytes_come_first_then_count_then_name(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    track(heap, 10, 1, 60, 0, "c.c:1");
    track(heap, 20, 2, 30, 0, "b.c:1");
    track(heap, 30, 1, 60, 0, "a.c:1");
    track(heap, 40, 1, 61, 0, "z.c:1");
    track(heap, 50, 5, 0, 0, "y.c:1");
    struct findings findings = statistics_now(heap, GC_BY_LINE);
    assert_order(&findings, "z.c:1 b.c:1 a.c:1 c.c:1 y.c:1 ");
    for (size_t i = 0; i < findings.count; i++) {
        assert_int_equal(findings.all[i].bytes_diff, 0);
        assert_int_equal(findings.all[i].count_diff, 0);
        assert_int_equal(findings.all[i].line, 1);
        assert_int_equal(findings.all[i].frame_count, 0);
    }
}

static void lines_are_the_same_when_their_text_is(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    char here[] = "file.h:12", there[] = "file.h:12";
    track(heap, 1, 1, 10, 0, here);
    track(heap, 2, 1, 20, 0, there);
    struct findings findings = statistics_now(heap, GC_BY_LINE);
    assert_int_equal(findings.count, 1);
    assert_group(&findings, "file.h:12", 30, 2);
}

static void files_are_what_stands_before_the_last_colon(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    track(heap, 1, 1, 10, 0, "src/a.c:1");
    track(heap, 2, 1, 20, 0, "src/a.c:22");
    track(heap, 3, 1, 16, 0, "src/a.cc:22");
    track(heap, 4, 1, 8, 0, "C:/src/a.c:1");
    track(heap, 5, 1, 4, 0, "no line");
    track(heap, 6, 1, 2, 0, "C:/src/no line");
    track(heap, 7, 1, 1, 0, "");
    struct findings files = statistics_now(heap, GC_BY_FILE);
    assert_int_equal(files.count, 6);
    assert_group(&files, "src/a.c", 30, 2);
    assert_group(&files, "src/a.cc", 16, 1);
    assert_group(&files, "C:/src/a.c", 8, 1);
    assert_group(&files, "no line", 4, 1);
    assert_group(&files, "C:/src/no line", 2, 1);
    assert_group(&files, "", 1, 1);
    assert_string_equal(named(&files, "src/a.c")->file, "src/a.c");
    assert_int_equal(named(&files, "src/a.c")->line, 0);
    struct findings lines = statistics_now(heap, GC_BY_LINE);
    assert_int_equal(named(&lines, "src/a.c:22")->line, 22);
    assert_string_equal(named(&lines, "src/a.c:22")->file, "src/a.c");
    assert_string_equal(named(&lines, "C:/src/a.c:1")->file, "C:/src/a.c");
    assert_int_equal(named(&lines, "no line")->line, 0);
    assert_string_equal(named(&lines, "no line")->file, "no line");
}

static void impossible_lines_are_no_lines(void **state)
{
    static const char *const wheres[] = {
        "a:99999999999999999999", "a:4294967296000", "a:-1", "a:", "a:0", "a:1x", ":"
    };
    gc_heap *heap = profiled(*state, NULL);
    for (size_t i = 0; i < sizeof(wheres) / sizeof(wheres[0]); i++) {
        track(heap, i + 1, 1, 10, 0, wheres[i]);
    }
    struct findings findings = statistics_now(heap, GC_BY_LINE);
    for (size_t i = 0; i < sizeof(wheres) / sizeof(wheres[0]); i++) {
        assert_int_equal(named(&findings, wheres[i])->line, 0);
        assert_string_equal(named(&findings, wheres[i])->file, wheres[i]);
    }
}

/* Types of a header exist once in every file that includes it. */
static const gc_type other_node_type = {
    .name = "node",
    .size = sizeof(struct node),
    .refs = OURO_REFS(struct node, left, right),
};

static void types_are_named_and_domains_numbered(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct node *node = node_new(heap), *other = gc_new(heap, &other_node_type);
    struct leaf *leaf = leaf_new(heap, 1);
    track(heap, 1, 2, 500, 7, "a.c:1");
    track(heap, 3, 1, 100, 0, "a.c:1");
    track(heap, 4, 1, 50, UINT32_MAX, "a.c:1");
    struct findings findings = statistics_now(heap, GC_BY_TYPE);
    assert_int_equal(findings.count, 5);
    assert_group(&findings, "(domain 7)", 1000, 2);
    assert_group(&findings, "(domain 0)", 100, 1);
    assert_group(&findings, "(domain 4294967295)", 50, 1);
    assert_group(&findings, "node", 2 * NODE_BYTES, 2);
    assert_group(&findings, "leaf", LEAF_BYTES, 1);
    assert_false(named(&findings, "node")->has_file);
    assert_false(named(&findings, "(domain 7)")->has_file);
    assert_int_equal(named(&findings, "node")->line, 0);
    gc_decref(node);
    gc_decref(other);
    gc_decref(leaf);
}

static void all_groupings_add_up_to_what_is_on_record(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct actor *actor = actor_new(heap, 1);
    struct node *node = node_new(heap);
    struct tuple *tuple = tuple_new(heap, 100);
    track(heap, 1, 3, 100, 7, "a.c:1");
    track(heap, 4, 3, 100, 7, "a.c:2");
    static const gc_group groups[] = { GC_BY_LINE, GC_BY_FILE, GC_BY_TRACEBACK, GC_BY_TYPE };
    for (size_t i = 0; i < 4; i++) {
        struct findings findings = statistics_now(heap, groups[i]);
        uint64_t bytes = 0, count = 0;
        for (size_t j = 0; j < findings.count; j++) {
            bytes += findings.all[j].bytes;
            count += findings.all[j].count;
        }
        assert_record(heap, count, bytes);
    }
    gc_decref(actor);
    gc_decref(node);
    gc_decref(tuple);
}

static void lines_that_hold_nothing_any_more_are_left_out(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    gc_decref(gc_new_at(heap, &node_type, "gone.c:1"));
    struct node *node = gc_new_at(heap, &node_type, "here.c:1");
    struct findings findings = statistics_now(heap, GC_BY_LINE);
    assert_order(&findings, "here.c:1 ");
    gc_decref(node);
}

static void snapshot_is_of_one_moment_and_outlives_the_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = profiled_frames(world, 4);
    if (heap == NULL) {
        heap = profiled(world, NULL);
    }
    struct node *node = make_one_way(heap);
    gc_snapshot *snapshot = take(heap);
    struct findings before = statistics_of(snapshot, GC_BY_TRACEBACK);
    gc_decref(make_one_way(heap));
    gc_decref(make_another_way(heap));
    gc_decref(node);
    world_free_heap(world);
    struct findings after = statistics_of(snapshot, GC_BY_TRACEBACK);
    assert_int_equal(after.count, 1);
    assert_group(&after, "make.c:1", NODE_BYTES, 1);
    assert_memory_equal(&before, &after, sizeof(before));
    gc_snapshot_free(snapshot);
    gc_snapshot_free(NULL);
}

static int stop_at_second(const gc_statistic *statistic, void *arg)
{
    (void)statistic;
    int *calls = arg;
    return ++*calls == 2 ? 42 : 0;
}

static void visitor_stops_the_visit(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    track(heap, 1, 1, 10, 0, "a.c:1");
    track(heap, 2, 1, 10, 0, "b.c:1");
    track(heap, 3, 1, 10, 0, "c.c:1");
    gc_snapshot *snapshot = take(heap);
    int calls = 0;
    assert_int_equal(gc_snapshot_statistics(snapshot, GC_BY_LINE, stop_at_second, &calls), 42);
    assert_int_equal(calls, 2);
    calls = 0;
    assert_int_equal(gc_snapshot_compare(snapshot, snapshot, GC_BY_LINE, stop_at_second, &calls),
                     42);
    assert_int_equal(calls, 2);
    gc_snapshot_free(snapshot);
}

/* Comparing
 * ========= */

static void comparison_has_what_is_new_gone_and_changed(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    track(heap, 10, 3, 10, 0, "same.c:1");
    track(heap, 20, 3, 10, 0, "grown.c:1");
    track(heap, 30, 3, 10, 0, "gone.c:1");
    gc_snapshot *older = take(heap);
    track(heap, 23, 4, 10, 0, "grown.c:1");
    for (uintptr_t i = 30; i < 33; i++) {
        gc_profile_untrack(heap, (const void *)i);
    }
    track(heap, 40, 1, 5, 0, "new.c:1");
    gc_snapshot *newer = take(heap);
    struct findings findings = comparison_of(newer, older, GC_BY_LINE);
    assert_order(&findings, "grown.c:1 gone.c:1 new.c:1 same.c:1 ");
    static const struct {
        uint64_t bytes, count;
        int64_t bytes_diff, count_diff;
    } expected[] = { { 70, 7, 40, 4 }, { 0, 0, -30, -3 }, { 5, 1, 5, 1 }, { 30, 3, 0, 0 } };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(findings.all[i].bytes, expected[i].bytes);
        assert_int_equal(findings.all[i].count, expected[i].count);
        assert_true(findings.all[i].bytes_diff == expected[i].bytes_diff);
        assert_true(findings.all[i].count_diff == expected[i].count_diff);
    }
    struct findings back = comparison_of(older, newer, GC_BY_FILE);
    assert_order(&back, "grown.c gone.c new.c same.c ");
    assert_true(back.all[0].bytes_diff == -40);
    assert_true(back.all[1].bytes_diff == 30);
    gc_snapshot_free(newer);
    gc_snapshot_free(older);
}

static void comparison_is_ordered_by_change_bytes_count_and_name(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    gc_snapshot *empty = take(heap);
    track(heap, 100, 1, 40, 0, "base.c:1");  /* changes by +20 of 60 */
    track(heap, 110, 1, 30, 0, "less.c:1");  /* by -20 to 10 */
    track(heap, 120, 1, 90, 0, "still.c:1"); /* by 0 */
    track(heap, 170, 1, 60, 0, "few.c:1");   /* by 0 */
    track(heap, 180, 2, 30, 0, "more.c:1");  /* by 0 */
    gc_snapshot *older = take(heap);
    track(heap, 101, 1, 20, 0, "base.c:1");
    track(heap, 110, 1, 10, 0, "less.c:1");
    track(heap, 130, 2, 10, 0, "two.c:1"); /* by +20 to 20, two more */
    track(heap, 140, 1, 20, 0, "one.c:1"); /* by +20 to 20, one more */
    track(heap, 150, 1, 20, 0, "eno.c:1"); /* the same */
    track(heap, 160, 1, 0, 0, "none.c:1"); /* by 0, one more */
    gc_snapshot *newer = take(heap);
    struct findings findings = comparison_of(newer, older, GC_BY_LINE);
    assert_order(&findings,
                 "base.c:1 two.c:1 eno.c:1 one.c:1 less.c:1 still.c:1 more.c:1 few.c:1 none.c:1 ");
    /* Beside nothing the order is that of the statistics. */
    struct findings plain = statistics_of(newer, GC_BY_LINE);
    struct findings beside_nothing = comparison_of(newer, empty, GC_BY_LINE);
    for (size_t i = 0; i < plain.count; i++) {
        assert_string_equal(plain.all[i].name, beside_nothing.all[i].name);
        assert_true(beside_nothing.all[i].bytes_diff == (int64_t)plain.all[i].bytes);
    }
    gc_snapshot_free(newer);
    gc_snapshot_free(older);
    gc_snapshot_free(empty);
}

static void comparison_of_different_heaps_is_possible(void **state)
{
    gc_heap *heap = profiled(*state, NULL), *other = gc_heap_new(NULL);
    assert_non_null(other);
    assert_int_equal(gc_profile_start(other, 1), GC_OK);
    track(heap, 1, 1, 10, 0, "a.c:1");
    track(other, 1, 1, 15, 0, "a.c:1");
    gc_snapshot *one = take(heap), *two = take(other);
    gc_heap_free(other);
    struct findings findings = comparison_of(two, one, GC_BY_LINE);
    assert_int_equal(findings.count, 1);
    assert_true(findings.all[0].bytes_diff == 5);
    gc_snapshot_free(one);
    gc_snapshot_free(two);
}

/* Filters
 * ======= */

/* What is left of a snapshot, in alphabetical order of the first letter of each name. */
static void assert_filtered(const gc_snapshot *snapshot, const gc_profile_filter *filters,
                            size_t count, const char *letters)
{
    gc_snapshot *kept = gc_snapshot_filter(snapshot, filters, count);
    assert_non_null(kept);
    struct findings findings = statistics_of(kept, GC_BY_LINE);
    gc_snapshot_free(kept);
    char text[FOUND_MAX + 1] = "";
    size_t used = 0;
    for (char letter = 'a'; letter <= 'z'; letter++) {
        for (size_t i = 0; i < findings.count; i++) {
            if (findings.all[i].name[0] == letter) {
                text[used++] = letter;
            }
        }
    }
    text[used] = '\0';
    assert_string_equal(text, letters);
}

static void filters_keep_and_drop(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct node *node = gc_new_at(heap, &node_type, "a/tree.c:10");
    struct leaf *leaf = gc_new_at(heap, &leaf_type, "b/tree.c:20");
    track(heap, 1, 1, 10, 0, "c/list.c:10");
    track(heap, 2, 1, 10, 3, "d/list.c:30");
    gc_snapshot *snapshot = take(heap);
    static const struct {
        gc_profile_filter filters[3];
        size_t count;
        const char *letters;
    } cases[] = {
        { { { 0 } }, 0, "abcd" },
        { { { 0 } }, 1, "abcd" },
        { { { .exclusive = true } }, 1, "" },
        { { { .line = 10 } }, 1, "ac" },
        { { { .line = 10, .exclusive = true } }, 1, "bd" },
        { { { .file = "*/tree.c" } }, 1, "ab" },
        { { { .file = "*/tree.c", .line = 10 } }, 1, "a" },
        { { { .file = "*/tree.c", .line = 10, .exclusive = true } }, 1, "bcd" },
        { { { .file = "tree.c" } }, 1, "" },
        { { { .file = "?/list.c" }, { .line = 20 } }, 2, "bcd" },
        { { { .file = "?/list.c" }, { .line = 10, .exclusive = true } }, 2, "d" },
        { { { .line = 10, .exclusive = true }, { .line = 20, .exclusive = true } }, 2, "d" },
        { { { .type = "node" } }, 1, "a" },
        { { { .type = "*" } }, 1, "ab" },
        { { { .type = "*", .exclusive = true } }, 1, "cd" },
        { { { .type = "*e*" }, { .type = "l???", .exclusive = true } }, 2, "a" },
        { { { .by_domain = true } }, 1, "abc" },
        { { { .by_domain = true, .domain = 3 } }, 1, "d" },
        { { { .by_domain = true, .domain = 4 } }, 1, "" },
        { { { .domain = 3 } }, 1, "abcd" },
        { { { .by_domain = true, .domain = 3, .exclusive = true }, { .file = "*" } }, 2, "abc" },
        { { { .by_domain = true, .domain = 3, .line = 10 }, { .file = "a*" }, { .file = "c*" } },
          3,
          "ac" },
    };
    assert_filtered(snapshot, NULL, 0, "abcd");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_filtered(snapshot, cases[i].filters, cases[i].count, cases[i].letters);
    }
    gc_snapshot_free(snapshot);
    gc_decref(node);
    gc_decref(leaf);
}

static void globs_match_as_in_a_shell(void **state)
{
    static const struct {
        const char *file, *glob;
        bool matches;
    } cases[] = {
        { "abc", "abc", true },
        { "abc", "ab", false },
        { "abc", "abcd", false },
        { "abc", "*", true },
        { "abc", "**", true },
        { "abc", "a*c", true },
        { "abc", "a*b", false },
        { "abc", "*c", true },
        { "abc", "a*", true },
        { "abc", "?", false },
        { "abc", "???", true },
        { "abc", "????", false },
        { "abc", "*?", true },
        { "abc", "?*?*?", true },
        { "abc", "?*?*?*?", false },
        { "abc", "", false },
        { "", "", true },
        { "", "*", true },
        { "", "?", false },
        { "aab", "*ab", true },
        { "abab", "*ab", true },
        { "ababc", "*ab", false },
        { "a/b/c.c", "a/*.c", true },
        { "a.c", "a[.]c", false },
        { "A", "a", false },
        { "a*c", "a*c", true },
        { "mississippi", "m*iss*ip*i", true },
        { "mississippi", "m*iss*iss*s", false },
        /* Takes ages in those who try everything. */
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", false },
    };
    gc_heap *heap = profiled(*state, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char where[100];
        (void)snprintf(where, sizeof(where), "%s:1", cases[i].file);
        gc_profile_clear(heap);
        track(heap, 1, 1, 10, 0, where);
        gc_snapshot *snapshot = take(heap);
        gc_profile_filter filter = { .file = cases[i].glob };
        gc_snapshot *kept = gc_snapshot_filter(snapshot, &filter, 1);
        assert_non_null(kept);
        if (statistics_of(kept, GC_BY_LINE).count != cases[i].matches) {
            fail_msg("'%s' and '%s'", cases[i].file, cases[i].glob);
        }
        gc_snapshot_free(kept);
        gc_snapshot_free(snapshot);
    }
    gc_profile_stop(heap);
}

static void filtered_snapshot_keeps_its_frames_and_outlives_the_first(void **state)
{
    gc_heap *heap = profiled_frames(*state, 8);
    if (heap == NULL) {
        return;
    }
    struct node *a = make_one_way(heap), *b = make_another_way(heap);
    track_one(heap, &heap);
    gc_snapshot *snapshot = take(heap);
    gc_profile_filter filter = { .file = "make.c" };
    gc_snapshot *kept = gc_snapshot_filter(snapshot, &filter, 1);
    gc_snapshot_free(snapshot);
    assert_non_null(kept);
    struct findings findings = statistics_of(kept, GC_BY_TRACEBACK);
    assert_int_equal(findings.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(function_of(findings.all[i].frames[0]), (uintptr_t)make);
    }
    gc_snapshot_free(kept);
    gc_decref(a);
    gc_decref(b);
}

/* Print
 * ===== */

/* What a snapshot, or the change from an older one, looks like in print. */
static void assert_print(const gc_snapshot *newer, const gc_snapshot *older, gc_group group,
                         size_t top, const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    assert_int_equal(older == NULL ? gc_snapshot_print(newer, group, top, file)
                                   : gc_snapshot_print_compare(newer, older, group, top, file),
                     0);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void report_of_nothing_is_a_total(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_snapshot *snapshot = take(heap);
    assert_print(snapshot, NULL, GC_BY_LINE, 10,
                 "[Top 0] memory consumption by line\n"
                 "Total: 0 B (0 objects)\n");
    assert_print(snapshot, snapshot, GC_BY_FILE, 10,
                 "[Top 0] changes of memory consumption by file\n"
                 "Total: 0 B (+0 B), 0 objects (+0)\n");
    gc_snapshot_free(snapshot);
}

static void reports_have_the_top_the_others_and_the_total(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    track(heap, 100, 3, 1000, 1, "src/graph.c:105");
    track(heap, 200, 1, 2000, 1, "src/graph.c:7");
    track(heap, 300, 2, 10, 2, "src/list.c:20");
    track(heap, 400, 1, 1, 2, "src/list.c:21");
    gc_snapshot *snapshot = take(heap);
    assert_print(snapshot, NULL, GC_BY_LINE, 2,
                 "[Top 2] memory consumption by line\n"
                 "#1: src/graph.c:105: 2.9 KiB (3 objects, average 1000 B)\n"
                 "#2: src/graph.c:7: 2.0 KiB (1 object, average 2.0 KiB)\n"
                 "2 other: 21 B (3 objects, average 7 B)\n"
                 "Total: 4.9 KiB (7 objects, average 717 B)\n");
    assert_print(snapshot, NULL, GC_BY_FILE, 10,
                 "[Top 2] memory consumption by file\n"
                 "#1: src/graph.c: 4.9 KiB (4 objects, average 1.2 KiB)\n"
                 "#2: src/list.c: 21 B (3 objects, average 7 B)\n"
                 "Total: 4.9 KiB (7 objects, average 717 B)\n");
    assert_print(snapshot, NULL, GC_BY_TYPE, SIZE_MAX,
                 "[Top 2] memory consumption by type\n"
                 "#1: (domain 1): 4.9 KiB (4 objects, average 1.2 KiB)\n"
                 "#2: (domain 2): 21 B (3 objects, average 7 B)\n"
                 "Total: 4.9 KiB (7 objects, average 717 B)\n");
    assert_print(snapshot, NULL, GC_BY_TRACEBACK, 1,
                 "[Top 1] memory consumption by traceback\n"
                 "#1: src/graph.c:105: 2.9 KiB (3 objects, average 1000 B)\n"
                 "3 other: 2.0 KiB (4 objects, average 505 B)\n"
                 "Total: 4.9 KiB (7 objects, average 717 B)\n");
    assert_print(snapshot, NULL, GC_BY_CUMULATIVE, 0,
                 "[Top 0] memory consumption by frame, with what it called\n"
                 "4 other: 4.9 KiB (7 objects, average 717 B)\n"
                 "Total: 4.9 KiB (7 objects, average 717 B)\n");
    gc_snapshot_free(snapshot);
}

static void comparisons_in_print_have_signs(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    track(heap, 1000, 3, 1000, 1, "grown.c:1");
    track(heap, 2000, 2, 100, 1, "shrunk.c:1");
    track(heap, 3000, 1, 10, 1, "gone.c:1");
    track(heap, 4000, 1, 7, 1, "same.c:1");
    gc_snapshot *older = take(heap);
    track(heap, 1500, 410, 1000, 1, "grown.c:1");
    gc_profile_untrack(heap, (const void *)(uintptr_t)2000);
    gc_profile_untrack(heap, (const void *)(uintptr_t)3000);
    gc_snapshot *newer = take(heap);
    assert_print(newer, older, GC_BY_LINE, 10,
                 "[Top 3] changes of memory consumption by line\n"
                 "#1: grown.c:1: 403.3 KiB (+400.4 KiB), 413 objects (+410), average 1000 B\n"
                 "#2: shrunk.c:1: 100 B (-100 B), 1 object (-1), average 100 B\n"
                 "#3: gone.c:1: 0 B (-10 B), 0 objects (-1)\n"
                 "1 other: 7 B (+0 B), 1 object (+0), average 7 B\n"
                 "Total: 403.4 KiB (+400.3 KiB), 415 objects (+408), average 995 B\n");
    assert_print(older, newer, GC_BY_FILE, 1,
                 "[Top 1] changes of memory consumption by file\n"
                 "#1: grown.c: 2.9 KiB (-400.4 KiB), 3 objects (-410), average 1000 B\n"
                 "3 other: 217 B (+110 B), 4 objects (+2), average 54 B\n"
                 "Total: 3.1 KiB (-400.3 KiB), 7 objects (-408), average 459 B\n");
    gc_snapshot_free(newer);
    gc_snapshot_free(older);
}

static void sizes_are_in_the_unit_that_fits(void **state)
{
    static const struct {
        uint64_t size;
        const char *text;
    } cases[] = {
        { 0, "0 B" },
        { 1, "1 B" },
        { 1023, "1023 B" },
        { 1024, "1.0 KiB" },
        { 1075, "1.0 KiB" },
        { 1076, "1.1 KiB" },
        { 2047, "2.0 KiB" },
        { 10240, "10.0 KiB" },
        { 1048524, "1023.9 KiB" },
        { 1048525, "1.0 MiB" },
        { 1048576, "1.0 MiB" },
        { 1258291, "1.2 MiB" },
        { (uint64_t)1 << 30, "1.0 GiB" },
        { ((uint64_t)1 << 30) - 1, "1.0 GiB" },
        { (uint64_t)5 << 39, "2.5 TiB" },
        { (uint64_t)1 << 60, "1048576.0 TiB" },
    };
    gc_heap *heap = profiled(*state, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].size > SIZE_MAX) {
            continue;
        }
        char expected[200];
        gc_profile_clear(heap);
        track(heap, 1, 1, (size_t)cases[i].size, 0, "a.c:1");
        gc_snapshot *snapshot = take(heap);
        (void)snprintf(expected, sizeof(expected),
                       "[Top 1] memory consumption by file\n"
                       "#1: a.c: %s (1 object, average %s)\n"
                       "Total: %s (1 object, average %s)\n",
                       cases[i].text, cases[i].text, cases[i].text, cases[i].text);
        assert_print(snapshot, NULL, GC_BY_FILE, 10, expected);
        gc_snapshot_free(snapshot);
    }
}

/* A folder with a source file in it. */
struct folder {
    char path[64];
    char source[80];
};

static struct folder folder_with(const char *text)
{
    struct folder folder = { .path = "/tmp/ouro-profile-XXXXXX" };
    assert_non_null(mkdtemp(folder.path));
    (void)snprintf(folder.source, sizeof(folder.source), "%s/graph.c", folder.path);
    if (text != NULL) {
        FILE *file = fopen(folder.source, "w");
        assert_non_null(file);
        assert_int_equal(fputs(text, file) < 0, 0);
        assert_int_equal(fclose(file), 0);
    }
    return folder;
}

static void folder_remove(const struct folder *folder)
{
    (void)remove(folder->source);
    assert_int_equal(rmdir(folder->path), 0);
}

/* What is printed under a group of a line of the file `name`; NULL: nothing. */
static void assert_source_named(gc_heap *heap, const char *name, unsigned line, const char *source)
{
    char where[200], expected[1000];
    gc_profile_clear(heap);
    (void)snprintf(where, sizeof(where), "%s:%u", name, line);
    track(heap, 1, 2, 614400, 0, where);
    gc_snapshot *snapshot = take(heap);
    (void)snprintf(expected, sizeof(expected),
                   "[Top 1] memory consumption by line\n"
                   "#1: %s: 1.2 MiB (2 objects, average 600.0 KiB)\n"
                   "%s%s%s"
                   "Total: 1.2 MiB (2 objects, average 600.0 KiB)\n",
                   where, source != NULL ? "    " : "", source != NULL ? source : "",
                   source != NULL ? "\n" : "");
    assert_print(snapshot, NULL, GC_BY_LINE, 10, expected);
    gc_snapshot_free(snapshot);
    gc_profile_clear(heap);
}

static void assert_source(gc_heap *heap, const struct folder *folder, unsigned line,
                          const char *source)
{
    assert_source_named(heap, folder->source, line, source);
}

static void lines_of_source_are_shown_trimmed(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct folder folder = folder_with("first = gc_new(heap, &type);\n"
                                       "\t  second = gc_new(heap, &type);  \t\r\n"
                                       "\n"
                                       "   \n"
                                       "in\tside\n"
                                       "caf\xc3\xa9\n"
                                       "last");
    assert_source(heap, &folder, 1, "first = gc_new(heap, &type);");
    assert_source(heap, &folder, 2, "second = gc_new(heap, &type);");
    assert_source(heap, &folder, 3, NULL);
    assert_source(heap, &folder, 4, NULL);
    assert_source(heap, &folder, 5, "in\tside");
    assert_source(heap, &folder, 6, "caf\xc3\xa9");
    assert_source(heap, &folder, 7, "last");
    assert_source(heap, &folder, 8, NULL);
    assert_source(heap, &folder, 4000000000u, NULL);
    folder_remove(&folder);
}

static void long_lines_of_source_are_cut(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    char text[2000], expected[200];
    memset(text, 'x', 1000);
    memcpy(text + 1000, "\nnext\n", 7);
    struct folder folder = folder_with(text);
    memset(expected, 'x', 159);
    memcpy(expected + 159, "...", 4);
    assert_source(heap, &folder, 1, expected);
    assert_source(heap, &folder, 2, "next");
    folder_remove(&folder);
    /* No character is cut in half. */
    memcpy(text + 157, "\xe2\x82\xac", 3);
    folder = folder_with(text);
    memcpy(expected + 157, "...", 4);
    assert_source(heap, &folder, 1, expected);
    folder_remove(&folder);
}

static void what_is_no_source_is_not_shown(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct folder folder = folder_with("\x1b[31mred\nbell\a\ndelete\x7f\nfine\n");
    assert_source(heap, &folder, 1, NULL);
    assert_source(heap, &folder, 2, NULL);
    assert_source(heap, &folder, 3, NULL);
    assert_source(heap, &folder, 4, "fine");
    folder_remove(&folder);
    assert_source(heap, &folder, 1, NULL); /* not there */
    folder = folder_with(NULL);
    assert_source_named(heap, folder.path, 1, NULL); /* a folder */
    assert_source_named(heap, "/dev/zero", 2, NULL); /* has no end */
    assert_int_equal(mkfifo(folder.source, 0600), 0);
    assert_source(heap, &folder, 1, NULL); /* would wait for a writer */
    folder_remove(&folder);
}

static void source_is_found_from_beside_the_build_folder(void **state)
{
    gc_heap *heap = profiled(*state, NULL);
    struct folder folder = folder_with("here\n");
    char before[1024];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(folder.path), 0);
    assert_source_named(heap, "graph.c", 1, "here");
    assert_source_named(heap, "../graph.c", 1, "here");
    assert_source_named(heap, "../../graph.c", 1, "here");
    assert_source_named(heap, "../../graphs.c", 1, NULL);
    assert_int_equal(chdir(before), 0);
    folder_remove(&folder);
}

static void tracebacks_are_printed_with_their_frames(void **state)
{
    gc_heap *heap = profiled_frames(*state, 3);
    if (heap == NULL) {
        return;
    }
    struct node *node = make_one_way(heap);
    gc_snapshot *snapshot = take(heap);
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    assert_int_equal(gc_snapshot_print(snapshot, GC_BY_TRACEBACK, 10, file), 0);
    assert_int_equal(fclose(file), 0);
    static const char *const begins[] = { "[Top 1] memory consumption by traceback",
                                          "#1: make.c:1: ",
                                          "        in ",
                                          "        called from ",
                                          "        called from ",
                                          "Total: " };
    const char *line = text;
    for (size_t i = 0; i < 6; i++) {
        assert_memory_equal(line, begins[i], strlen(begins[i]));
        line = strchr(line, '\n');
        assert_non_null(line);
        line++;
    }
    assert_string_equal(line, "");
    free(text);
    gc_snapshot_free(snapshot);
    gc_decref(node);
}

/* Out of memory
 * ============= */

/* Get pages for so many objects: what the page source is asked for after that is the profiler's. */
enum { WARM = 5000 };

static void warm_up(gc_heap *heap)
{
    static struct node *nodes[WARM];
    for (size_t i = 0; i < WARM; i++) {
        nodes[i] = node_new(heap);
    }
    for (size_t i = 1; i < WARM; i++) {
        gc_decref(nodes[i]);
    }
    gc_make_immortal(nodes[0]); /* keeps the type's record */
}

static void start_without_memory_fails_and_leaves_it_off(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t bytes = world->pages.bytes;
    for (size_t n = 0; n < 2; n++) {
        world->pages.fail_at = world->pages.maps + n;
        assert_int_equal(gc_profile_start(heap, 1), GC_ERR_NOMEM);
        assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
        assert_false(gc_profile_is_on(heap));
        assert_int_equal(world->pages.bytes, bytes);
        gc_decref(node_new(heap));
        bytes = world->pages.bytes;
    }
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
}

static void records_without_memory_are_dropped_and_counted(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    warm_up(heap);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    struct node *node = node_new(heap);
    assert_null(gc_profile_site(node));
    gc_profile_track(heap, &heap, 100, 1);
    gc_profile_untrack(heap, &heap);
    assert_int_equal(profile_of(heap).dropped, 2);
    assert_int_equal(profile_of(heap).objects, 0);
    assert_int_equal(gc_last_error(heap), GC_OK);
    world->pages.fail_at = SIZE_MAX;
    world->pages.fail_on = false;
    struct node *other = node_new(heap);
    assert_non_null(gc_profile_site(other));
    assert_int_equal(profile_of(heap).objects, 1);
    gc_decref(node);
    assert_int_equal(profile_of(heap).objects, 1);
    gc_decref(other);
    assert_int_equal(profile_of(heap).objects, 0);
    gc_profile_clear(heap);
    assert_int_equal(profile_of(heap).dropped, 0);
    world->leftovers = true;
}

/* The n-th request of the profiler fails, or all from the n-th on. */
static void every_request_of_the_profiler_may_fail(void **state)
{
    enum { BIRTHS = 1000, BUFFERS = 1500 };
    struct world *world = *state;
    static char wheres[BIRTHS][16];
    static struct node *nodes[BIRTHS];
    bool failed = true;
    for (size_t n = 0; failed; n++) {
        for (int all = 0; all < 2; all++) {
            gc_heap *heap = world_new_heap(world, NULL);
            warm_up(heap);
            world->pages.failed = false;
            world->pages.fail_at = world->pages.maps + n;
            world->pages.fail_on = all != 0;
            bool on = gc_profile_start(heap, 1) == GC_OK;
            assert_int_equal(gc_profile_is_on(heap), on);
            for (size_t i = 0; i < BIRTHS; i++) {
                (void)snprintf(wheres[i], sizeof(wheres[i]), "file.c:%zu", i + 1);
                nodes[i] = gc_new_at(heap, &node_type, wheres[i]);
                assert_non_null(nodes[i]);
            }
            track(heap, 1, BUFFERS, 10, 1, "buffer.c:1");
            gc_profile_stats stats = profile_of(heap);
            assert_int_equal(stats.objects + stats.dropped, on ? BIRTHS + BUFFERS : 0);
            size_t sites = 0;
            for (size_t i = 0; i < BIRTHS; i++) {
                const char *site = gc_profile_site(nodes[i]);
                assert_true(site == NULL || site == wheres[i]);
                sites += site != NULL;
                gc_decref(nodes[i]);
            }
            for (uintptr_t i = 1; i <= BUFFERS; i++) {
                gc_profile_untrack(heap, (const void *)i);
            }
            assert_true(sites <= stats.objects);
            assert_int_equal(profile_of(heap).objects, 0);
            assert_int_equal(profile_of(heap).bytes, 0);
            assert_sound(heap);
            failed = world->pages.failed;
            world->pages.fail_at = SIZE_MAX;
            world->pages.fail_on = false;
            world_free_heap(world);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(profiler_is_off_at_first_and_its_calls_do_nothing),
        world_test(profiler_that_was_on_leaves_nothing_behind),
        world_test(frames_out_of_range_are_refused),
        world_test(start_when_it_is_on_changes_nothing),
        world_test(own_bytes_are_what_the_page_source_gave),
        world_test(clear_forgets_and_goes_on),
        world_test(peak_is_the_most_since_start_or_reset),
        world_test(statistics_are_filled_in_to_the_size_that_the_caller_knows),
        world_test(heaps_are_profiled_apart),
        world_test(line_on_record_is_that_of_the_call),
        world_test(every_birth_is_recorded_across_pages),
        world_test(objects_of_every_size_are_recorded),
        world_test(births_after_collections_are_recorded),
        world_test(births_after_type_forget_and_trim_are_recorded),
        world_test(births_in_finalizers_are_recorded),
        world_test(profiler_may_be_stopped_and_started_in_callbacks),
        world_test(profiler_may_be_stopped_or_started_by_the_collection_before_a_birth),
        world_test(deaths_by_count_leave_the_record),
        world_test(deaths_by_the_collector_leave_the_record),
        world_test(resurrected_and_immortal_objects_stay_on_record),
        world_test(objects_from_before_the_start_are_not_on_record),
        world_test(objects_on_an_earlier_record_do_no_harm_to_a_later_one),
        world_test(records_of_the_largest_objects_are_forgotten_too),
        world_test(births_while_it_is_off_are_not_on_record_in_used_slots),
        world_test(heap_is_freed_with_its_profiler_on),
        world_test(record_agrees_with_a_model),
        world_test(buffers_are_tracked_until_they_are_untracked),
        world_test(buffer_on_record_is_recorded_anew),
        world_test(buffers_by_the_thousand_are_kept_apart),
        world_test(sites_are_told_apart_when_their_hashes_are_the_same),
        world_test(types_by_the_hundred_at_one_line_are_kept_apart),
        world_test(tracebacks_tell_the_ways_to_a_line_apart),
        world_test(no_more_frames_are_taken_than_asked_for),
        world_test(buffers_and_tails_have_frames_too),
        world_test(cumulative_gives_each_frame_everything_once),
        world_test(cumulative_with_one_frame_is_by_line),
        world_test(groups_with_most_bytes_come_first_then_count_then_name),
        world_test(lines_are_the_same_when_their_text_is),
        world_test(files_are_what_stands_before_the_last_colon),
        world_test(impossible_lines_are_no_lines),
        world_test(types_are_named_and_domains_numbered),
        world_test(all_groupings_add_up_to_what_is_on_record),
        world_test(lines_that_hold_nothing_any_more_are_left_out),
        world_test(snapshot_is_of_one_moment_and_outlives_the_heap),
        world_test(visitor_stops_the_visit),
        world_test(comparison_has_what_is_new_gone_and_changed),
        world_test(comparison_is_ordered_by_change_bytes_count_and_name),
        world_test(comparison_of_different_heaps_is_possible),
        world_test(filters_keep_and_drop),
        world_test(globs_match_as_in_a_shell),
        world_test(filtered_snapshot_keeps_its_frames_and_outlives_the_first),
        world_test(report_of_nothing_is_a_total),
        world_test(reports_have_the_top_the_others_and_the_total),
        world_test(comparisons_in_print_have_signs),
        world_test(sizes_are_in_the_unit_that_fits),
        world_test(lines_of_source_are_shown_trimmed),
        world_test(long_lines_of_source_are_cut),
        world_test(what_is_no_source_is_not_shown),
        world_test(source_is_found_from_beside_the_build_folder),
        world_test(tracebacks_are_printed_with_their_frames),
        world_test(start_without_memory_fails_and_leaves_it_off),
        world_test(records_without_memory_are_dropped_and_counted),
        world_test(every_request_of_the_profiler_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
