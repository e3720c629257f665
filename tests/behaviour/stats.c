/* SPDX-License-Identifier: MIT */
/* Statistics: exact in small scenes, where every number can be told beforehand. */

#include "../support.h"

static void new_heap_counts_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.objects_live, 0);
    assert_int_equal(stats.objects_born, 0);
    assert_int_equal(stats.objects_died, 0);
    assert_int_equal(stats.died_by_count, 0);
    assert_int_equal(stats.finalized, 0);
    assert_int_equal(stats.bytes_live, 0);
    assert_int_equal(stats.bytes_live_peak, 0);
    assert_int_equal(stats.bytes_external, 0);
    assert_int_equal(stats.bytes_limit, 0);
    assert_int_equal(stats.pages, 0);
    assert_int_equal(stats.pauses.count, 0);
    assert_pauses_add_up(&stats);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(stats.generations[i].collections, 0);
        assert_int_equal(stats.generations[i].collected, 0);
        assert_int_equal(stats.generations[i].uncollectable, 0);
        assert_int_equal(stats.generations[i].resurrected, 0);
        assert_int_equal(stats.generations[i].objects, 0);
        assert_int_equal(stats.generations[i].pause_ns_total, 0);
        assert_int_equal(stats.generations[i].pause_ns_max, 0);
    }
}

static void births_and_deaths_by_count_are_counted(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *nodes[10];
    for (int i = 0; i < 10; i++) {
        nodes[i] = node_new(heap);
    }
    struct leaf *leaf = leaf_new(heap, 1);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.objects_live, 11);
    assert_int_equal(stats.objects_born, 11);
    assert_int_equal(stats.objects_died, 0);
    for (int i = 0; i < 4; i++) {
        gc_decref(nodes[i]);
    }
    gc_decref(leaf);
    stats = stats_of(heap);
    assert_int_equal(stats.objects_live, 6);
    assert_int_equal(stats.objects_born, 11);
    assert_int_equal(stats.objects_died, 5);
    assert_int_equal(stats.died_by_count, 5);
    assert_int_equal(stats.generations[0].objects, 6);
    for (int i = 4; i < 10; i++) {
        gc_decref(nodes[i]);
    }
}

static void deaths_by_the_collector_are_told_from_deaths_by_count(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    drop_a_node_circle(heap);
    drop_a_node_circle(heap);
    gc_decref(node_new(heap));
    assert_int_equal(gc_collect(heap), 4);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.objects_born, 5);
    assert_int_equal(stats.objects_died, 5);
    assert_int_equal(stats.died_by_count, 1);
    assert_int_equal(stats.generations[1].collected, 4);
    assert_int_equal(stats.generations[0].collected, 0);
}

static void collections_are_counted_by_generation(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect_generation(heap, 0), 2);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    struct node *old = node_new(heap);
    gc_set(&old->left, old);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    gc_decref(old);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 3);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.generations[0].collections, 3);
    assert_int_equal(stats.generations[0].collected, 2);
    assert_int_equal(stats.generations[1].collections, 1);
    assert_int_equal(stats.generations[1].collected, 3);
}

static void finalizers_are_counted(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_decref(actor_new(heap, 1));
    assert_int_equal(stats_of(heap).finalized, 1);
    drop_an_actor_circle(heap, 2);
    gc_decref(node_new(heap));
    gc_decref(leaf_new(heap, 4));
    (void)gc_collect(heap);
    assert_int_equal(stats_of(heap).finalized, 3);
}

static void live_bytes_are_the_slots_in_use(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *nodes[1000];
    for (size_t i = 0; i < 1000; i++) {
        nodes[i] = node_new(heap);
        assert_int_equal(stats_of(heap).bytes_live, (i + 1) * sizeof(struct node));
    }
    for (size_t i = 1000; i > 0; i--) {
        assert_int_equal(stats_of(heap).bytes_live, i * sizeof(struct node));
        gc_decref(nodes[i - 1]);
    }
    assert_int_equal(stats_of(heap).bytes_live, 0);
}

static void slot_of_a_tail_wastes_an_eighth_at_most(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    for (size_t size = 0; size < 200000; size = size + 1 + size / 50) {
        struct string *string = gc_new_var(heap, &string_type, size);
        assert_non_null(string);
        size_t asked = string_type.size + size + sizeof(size_t); /* the count has to be somewhere */
        uint64_t taken = stats_of(heap).bytes_live;
        assert_true(taken >= string_type.size + size);
        assert_true(taken <= asked + asked / 8 + 8);
        gc_decref(string);
        assert_int_equal(stats_of(heap).bytes_live, 0);
    }
}

static void live_bytes_are_zero_when_nothing_lives(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    void *objects[5] = { node_new(heap), leaf_new(heap, 1), tuple_new(heap, 77),
                         tuple_new(heap, 7777), tuple_new(heap, 777777) };
    assert_true(stats_of(heap).bytes_live >= 777777 * sizeof(void *));
    for (int i = 0; i < 5; i++) {
        gc_decref(objects[i]);
    }
    assert_int_equal(stats_of(heap).bytes_live, 0);
    assert_int_equal(stats_of(heap).objects_live, 0);
    drop_a_node_circle(heap);
    (void)gc_collect(heap);
    assert_int_equal(stats_of(heap).bytes_live, 0);
}

static void peak_is_the_most_that_lived(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *nodes[100];
    for (int i = 0; i < 100; i++) {
        nodes[i] = node_new(heap);
    }
    assert_int_equal(stats_of(heap).bytes_live_peak, 100 * sizeof(struct node));
    for (int i = 0; i < 100; i++) {
        gc_decref(nodes[i]);
    }
    assert_int_equal(stats_of(heap).bytes_live_peak, 100 * sizeof(struct node));
    for (int i = 0; i < 50; i++) {
        nodes[i] = node_new(heap);
    }
    assert_int_equal(stats_of(heap).bytes_live_peak, 100 * sizeof(struct node));
    for (int i = 0; i < 50; i++) {
        gc_decref(nodes[i]);
    }
}

/* Between two looks a lot lives and dies; the peak has seen it. */
static void peak_sees_what_no_look_saw(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *list = NULL;
    for (size_t i = 0; i < 100000; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    gc_decref(list);
    struct string *string = gc_new_var(heap, &string_type, 100);
    assert_non_null(string);
    gc_decref(string);
    assert_int_equal(stats_of(heap).bytes_live_peak, 100000 * sizeof(struct node));
}

static void external_bytes_are_added_and_removed(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_external_add(heap, 1000);
    gc_external_add(heap, 234);
    assert_int_equal(stats_of(heap).bytes_external, 1234);
    assert_int_equal(stats_of(heap).bytes_live, 0);
    gc_external_remove(heap, 34);
    assert_int_equal(stats_of(heap).bytes_external, 1200);
    gc_external_add(heap, 0);
    gc_external_remove(heap, 0);
    gc_external_remove(heap, 1200);
    assert_int_equal(stats_of(heap).bytes_external, 0);
    assert_sound(heap);
}

static void pauses_are_measured(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    for (int i = 0; i < 10000; i++) {
        drop_a_node_circle(heap);
    }
    (void)gc_collect_generation(heap, 0);
    (void)gc_collect(heap);
    (void)gc_collect(heap);
    gc_stats stats = stats_of(heap);
    for (int i = 0; i < 2; i++) {
        assert_true(stats.generations[i].pause_ns_max > 0);
        assert_true(stats.generations[i].pause_ns_max <= stats.generations[i].pause_ns_total);
        assert_true(stats.generations[i].pause_ns_max <= stats.pause_ns_max);
        assert_true(stats.generations[i].pause_ns_total < UINT64_C(60000000000));
    }
    assert_int_equal(stats.pause_ns_total,
                     stats.generations[0].pause_ns_total + stats.generations[1].pause_ns_total);
    assert_true(stats.pause_ns_max == stats.generations[0].pause_ns_max ||
                stats.pause_ns_max == stats.generations[1].pause_ns_max);
}

static void pause_at_once_is_of_the_young_or_of_everything(void **state)
{
    gc_heap *heap = world_new_heap(*state, &(gc_config){ .disabled = true });
    for (int i = 0; i < 3; i++) {
        drop_a_node_circle(heap);
        (void)gc_collect_generation(heap, 0);
    }
    (void)gc_collect(heap);
    (void)gc_collect(heap);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.phases[GC_PHASE_YOUNG].count, 3);
    assert_int_equal(stats.phases[GC_PHASE_FULL].count, 2);
    assert_int_equal(stats.pauses.count, 5); /* and so no slices */
    assert_pauses_add_up(&stats);
}

static void pages_and_segments_are_counted(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_stats before = stats_of(heap);
    struct node *one = node_new(heap);
    gc_stats after = stats_of(heap);
    assert_int_equal(after.pages, before.pages + 1);
    assert_true(after.segments >= 1);
    struct leaf *leaf = leaf_new(heap, 1);
    assert_int_equal(stats_of(heap).pages, after.pages + 1);
    assert_true(after.bytes_reserved > 0);
    gc_decref(one);
    gc_decref(leaf);
}

static void nodes_take_their_own_size_and_little_more(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = NULL;
    for (size_t i = 0; i < 1000000; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.bytes_live, 1000000 * sizeof(struct node));
    assert_true(stats.bytes_reserved <=
                stats.bytes_live + stats.bytes_live / 25 + ((uint64_t)8 << 20));
    gc_decref(list);
}

static void stats_of_a_shorter_struct_are_a_prefix(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    gc_stats whole = stats_of(heap);
    gc_stats part;
    memset(&part, 0xEE, sizeof(part));
    gc_get_stats_sized(heap, &part, offsetof(gc_stats, died_by_count));
    assert_memory_equal(&part, &whole, offsetof(gc_stats, died_by_count));
    for (size_t i = offsetof(gc_stats, died_by_count); i < sizeof(part); i++) {
        assert_int_equal(((unsigned char *)&part)[i], 0xEE);
    }
    gc_decref(node);
}

static void looking_at_stats_changes_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    drop_a_node_circle(heap);
    gc_stats first = stats_of(heap), second = stats_of(heap);
    assert_memory_equal(&first, &second, sizeof(first));
}

static struct gc_stats in_callback;

static void look(struct world *world, struct actor *actor)
{
    (void)actor;
    in_callback = stats_of(world->heap);
}

static void stats_may_be_read_in_a_callback(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    world->on_destroy = look;
    drop_an_actor_circle(heap, 1);
    (void)gc_collect(heap);
    assert_int_equal(in_callback.objects_born, 3);
    assert_int_equal(in_callback.finalized, 2);
    assert_true(in_callback.objects_live >= 1 && in_callback.objects_live <= 3);
    gc_decref(node);
}

static void printed_stats_are_a_table_with_the_numbers(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *list = NULL;
    char text[8192];
    for (int i = 0; i < 4321; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    (void)gc_collect(heap);
    FILE *file = tmpfile();
    assert_non_null(file);
    gc_stats_print(heap, file);
    rewind(file);
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_true(length > 100);
    assert_int_equal(text[length - 1], '\n');
    assert_non_null(strstr(text, "full"));
    assert_null(strstr(text, "recheck")); /* none has occurred */
    /* A print for people may group the digits. */
    assert_true(strstr(text, "4321") != NULL || strstr(text, "4,321") != NULL ||
                strstr(text, "4 321") != NULL);
    gc_decref(list);
}

/* Of 3000 nodes of 24 bytes every second one is dropped. */
static void type_stats_tell_pages_and_free_slots(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 3000 };
    static struct node *nodes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        nodes[i] = node_new(heap);
    }
    gc_type_stats full, half;
    (void)gc_get_type_stats(heap, &full, 1);
    assert_int_equal(full.bytes_pages, full.pages << 16);
    assert_int_equal(full.pages, stats_of(heap).pages);
    assert_true(full.slots_free <= 65536 / sizeof(struct node)); /* of the page where births are */
    for (size_t i = 0; i < COUNT; i += 2) {
        gc_clear(&nodes[i]);
    }
    (void)gc_get_type_stats(heap, &half, 1);
    assert_int_equal(half.pages, full.pages);
    assert_int_equal(half.slots_free, full.slots_free + COUNT / 2);
    assert_true((half.objects + half.slots_free) * sizeof(struct node) <= half.bytes_pages);
    for (size_t i = 1; i < COUNT; i += 2) {
        gc_clear(&nodes[i]);
    }
}

static void type_stats_tell_the_bytes_of_large_objects(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { BYTES = 3 << 20 };
    void *string = gc_new_var(heap, &string_type, BYTES);
    assert_non_null(string);
    gc_type_stats stats;
    (void)gc_get_type_stats(heap, &stats, 1);
    assert_int_equal(stats.objects, 1);
    assert_int_equal(stats.slots_free, 0);
    assert_in_range(stats.bytes_pages, BYTES, BYTES + 65536);
    assert_int_equal(stats.pages, BYTES / 65536 + 1);
    gc_decref(string);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(new_heap_counts_nothing),
        world_test(births_and_deaths_by_count_are_counted),
        world_test(deaths_by_the_collector_are_told_from_deaths_by_count),
        world_test(collections_are_counted_by_generation),
        world_test(finalizers_are_counted),
        world_test(live_bytes_are_the_slots_in_use),
        world_test(slot_of_a_tail_wastes_an_eighth_at_most),
        world_test(live_bytes_are_zero_when_nothing_lives),
        world_test(peak_is_the_most_that_lived),
        world_test(peak_sees_what_no_look_saw),
        world_test(external_bytes_are_added_and_removed),
        world_test(pauses_are_measured),
        world_test(pause_at_once_is_of_the_young_or_of_everything),
        world_test(pages_and_segments_are_counted),
        world_test(nodes_take_their_own_size_and_little_more),
        world_test(stats_of_a_shorter_struct_are_a_prefix),
        world_test(looking_at_stats_changes_nothing),
        world_test(stats_may_be_read_in_a_callback),
        world_test(printed_stats_are_a_table_with_the_numbers),
        world_test(type_stats_tell_pages_and_free_slots),
        world_test(type_stats_tell_the_bytes_of_large_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
