/* SPDX-License-Identifier: MIT */

/* Tables shrink again when what filled them is gone: by the program, by a collection, by slices. */

#include "../support.h"

/* Entries. Each table keeps a block of 16 KiB, or two. */
enum { MANY = 40000, KEPT = 8 * 16384 };

static gc_heap *heap_new(struct world *world)
{
    gc_config config = {
        .collect = GC_AT_SAFEPOINT,
        .thresholds = { .young_objects = 100000000,
                        .young_bytes = 1000000,
                        .old_growth_percent = 1,
                        .old_bytes = 1000000 },
    };
    return world_new_heap(world, &config);
}

static uint64_t table_bytes(gc_heap *heap)
{
    return stats_of(heap).bytes_tables;
}

/* How what fills a table goes. */
enum way { BY_PROGRAM, BY_COLLECTION, BY_SLICES, WAYS };

/* A list that owns itself, so that only a collection can end it; or one that dies by count. */
static struct node *make_list(gc_heap *heap, enum way way, struct node **nodes)
{
    struct node *list = NULL;
    for (size_t i = 0; i < MANY; i++) {
        nodes[i] = node_new(heap);
        nodes[i]->left = list;
        list = nodes[i];
    }
    if (way != BY_PROGRAM) {
        gc_set(&nodes[0]->left, list);
    }
    return list;
}

/* End garbage; a step of a nanosecond does the least there is. */
static void end_garbage(gc_heap *heap, enum way way)
{
    if (way == BY_COLLECTION) {
        assert_true(gc_collect(heap) >= MANY - 1);
    } else if (way == BY_SLICES) {
        gc_external_add(heap, (size_t)1 << 30); /* so that a cycle is due */
        assert_true(gc_step(heap, 1));
        gc_external_remove(heap, (size_t)1 << 30);
        while (gc_step(heap, 1)) {
        }
    }
}

static void weak_references_that_die_leave_their_table(void **state)
{
    static struct node *nodes[MANY];
    static gc_weak *weak[MANY];
    for (enum way way = BY_PROGRAM; way < WAYS; way++) {
        gc_heap *heap = heap_new(*state);
        uint64_t before = table_bytes(heap);
        struct node *list = make_list(heap, way, nodes);
        for (size_t i = 0; i < MANY; i++) {
            weak[i] = gc_weak_new(nodes[i], NULL, NULL);
            assert_non_null(weak[i]);
        }
        assert_true(table_bytes(heap) - before > MANY * sizeof(void *));
        gc_decref(list);
        end_garbage(heap, way);
        assert_true(table_bytes(heap) - before <= KEPT);
        assert_sound(heap);
        for (size_t i = 0; i < MANY; i++) {
            assert_null(gc_weak_get(weak[i]));
            gc_decref(weak[i]);
        }
        world_free_heap(*state);
    }
}

/* They are dropped in three orders; those that are left are found all the time. */
static void weak_references_that_are_dropped_leave_their_table(void **state)
{
    static struct node *nodes[MANY];
    static gc_weak *weak[MANY];
    for (size_t order = 0; order < 3; order++) {
        gc_heap *heap = heap_new(*state);
        uint64_t before = table_bytes(heap);
        for (size_t i = 0; i < MANY; i++) {
            nodes[i] = node_new(heap);
            weak[i] = gc_weak_new(nodes[i], NULL, NULL);
        }
        for (size_t i = 0; i < MANY; i++) {
            size_t k = order == 0 ? i : order == 1 ? MANY - 1 - i : i * 7919 % MANY;
            gc_clear(&weak[k]);
            if (i % 5000 == 0) {
                assert_sound(heap);
            }
        }
        assert_true(table_bytes(heap) - before <= KEPT);
        for (size_t i = 0; i < MANY; i++) {
            gc_decref(nodes[i]);
        }
        world_free_heap(*state);
    }
}

static void table_of_weak_references_shrinks_without_memory(void **state)
{
    struct world *world = *state;
    gc_heap *heap = heap_new(world);
    static struct node *nodes[MANY];
    static gc_weak *weak[MANY];
    uint64_t before = table_bytes(heap);
    for (size_t i = 0; i < MANY; i++) {
        nodes[i] = node_new(heap);
        weak[i] = gc_weak_new(nodes[i], NULL, NULL);
    }
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    for (size_t i = 0; i < MANY; i++) {
        gc_decref(nodes[i]);
        gc_decref(weak[i]);
    }
    assert_false(world->pages.failed); /* nobody has asked */
    assert_true(table_bytes(heap) - before <= KEPT);
    assert_sound(heap);
    world->pages.fail_on = false;
}

/* A table of half the size is not enough for what goes up and down around an edge. */
static void weak_references_that_come_and_go_move_no_memory(void **state)
{
    struct world *world = *state;
    gc_heap *heap = heap_new(world);
    static struct node *nodes[MANY];
    static gc_weak *weak[MANY];
    for (size_t i = 0; i < MANY; i++) {
        nodes[i] = node_new(heap);
        weak[i] = gc_weak_new(nodes[i], NULL, NULL);
    }
    for (size_t left = MANY; left > 0; left = left * 2 / 3) {
        size_t rest = left * 2 / 3;
        for (size_t i = rest; i < left; i++) {
            gc_clear(&weak[i]);
        }
        size_t maps = world->pages.maps;
        for (size_t round = 0; round < 20; round++) { /* one in ten comes and goes */
            for (size_t i = rest; i < rest + rest / 10; i++) {
                weak[i] = gc_weak_new(nodes[i], NULL, NULL);
            }
            for (size_t i = rest; i < rest + rest / 10; i++) {
                gc_clear(&weak[i]);
            }
        }
        assert_in_range(world->pages.maps, maps, maps + 1);
    }
    for (size_t i = 0; i < MANY; i++) {
        gc_decref(nodes[i]);
    }
}

/* The objects of a map are ouro's own, so bytes_live tells. */
static void weak_maps_shrink_when_their_objects_die(void **state)
{
    static struct node *nodes[MANY];
    for (enum way way = BY_PROGRAM; way < WAYS; way++) {
        for (unsigned side = GC_WEAK_KEYS; side <= GC_WEAK_VALUES; side++) {
            gc_heap *heap = heap_new(*state);
            gc_weak_map *map = gc_weak_map_new(heap, (gc_weak_side)side);
            struct leaf *value = leaf_new(heap, 1);
            uint64_t before = stats_of(heap).bytes_live;
            struct node *list = make_list(heap, way, nodes);
            for (size_t i = 0; i < MANY; i++) {
                gc_status status = side == GC_WEAK_KEYS
                                       ? gc_weak_map_set(map, nodes[i], 0, value)
                                       : gc_weak_map_set(map, &i, sizeof(i), nodes[i]);
                assert_int_equal(status, GC_OK);
            }
            gc_decref(list);
            end_garbage(heap, way);
            assert_int_equal(gc_weak_map_count(map), 0);
            assert_true(stats_of(heap).bytes_live - before < 2048);
            gc_decref(map);
            gc_decref(value);
            world_free_heap(*state);
        }
    }
}

static void weak_map_that_shrinks_keeps_the_other_entries(void **state)
{
    gc_heap *heap = heap_new(*state);
    gc_weak_map *map = gc_weak_map_new(heap, GC_WEAK_VALUES);
    struct leaf *value = leaf_new(heap, 1);
    uint64_t empty = stats_of(heap).bytes_live;
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(gc_weak_map_set(map, &i, sizeof(i), value), GC_OK);
    }
    uint64_t full = stats_of(heap).bytes_live;
    for (size_t i = 0; i < MANY; i++) {
        if (i % 100 != 0) {
            assert_true(gc_weak_map_remove(map, &i, sizeof(i)));
        }
    }
    assert_int_equal(gc_weak_map_count(map), MANY / 100);
    assert_true(stats_of(heap).bytes_live - empty < (full - empty) / 50);
    for (size_t i = 0; i < MANY; i++) {
        struct leaf *found = gc_weak_map_get(map, &i, sizeof(i));
        assert_ptr_equal(found, i % 100 == 0 ? value : NULL);
        gc_xdecref(found);
    }
    for (size_t i = 0; i < 1000; i++) { /* and grows again */
        assert_int_equal(gc_weak_map_set(map, &i, sizeof(i), value), GC_OK);
    }
    assert_int_equal(gc_weak_map_count(map), 1000 + (MANY - 1000) / 100);
    gc_decref(value);
    assert_int_equal(gc_weak_map_count(map), 0);
    gc_decref(map);
}

static void forgotten_types_leave_their_tables(void **state)
{
    enum { TYPES = 2000 };
    static gc_type types[TYPES];
    gc_heap *heap = heap_new(*state);
    uint64_t before = table_bytes(heap);
    for (size_t i = 0; i < TYPES; i++) {
        types[i] = leaf_type;
        gc_decref(gc_new(heap, &types[i]));
    }
    assert_true(table_bytes(heap) - before > TYPES * sizeof(gc_type));
    for (size_t i = 0; i < TYPES; i++) {
        assert_int_equal(gc_type_forget(heap, &types[i]), GC_OK);
    }
    assert_true(table_bytes(heap) - before <= KEPT);
    assert_sound(heap);
}

static uint64_t profiler_bytes(const gc_heap *heap)
{
    gc_profile_stats stats;
    gc_profile_get_stats(heap, &stats);
    return stats.bytes_own;
}

static void buffers_that_are_untracked_leave_their_tables(void **state)
{
    gc_heap *heap = heap_new(*state);
    static char buffer[MANY];
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    uint64_t before = table_bytes(heap), own = profiler_bytes(heap);
    for (size_t i = 0; i < MANY; i++) {
        gc_profile_track(heap, &buffer[i], 1, 1);
    }
    assert_true(table_bytes(heap) - before > (uint64_t)2 * MANY * sizeof(void *));
    assert_int_equal(table_bytes(heap) - before, profiler_bytes(heap) - own);
    for (size_t i = 0; i < MANY; i++) {
        gc_profile_untrack(heap, &buffer[i]);
    }
    assert_true(table_bytes(heap) - before <= KEPT);
    assert_int_equal(table_bytes(heap) - before, profiler_bytes(heap) - own);
}

/* Lines of a program, as many as wanted: the ends of one text. */
static char lines[MANY * 10 + 1];

static void make_lines(void)
{
    memset(lines, 'x', sizeof(lines) - 1);
}

/* MANY objects, each from a line of its own. */
static void make_from_lines(gc_heap *heap, struct node **nodes, size_t first)
{
    for (size_t i = 0; i < MANY; i++) {
        nodes[i] = gc_new_at(heap, &node_type, &lines[first + i]);
        assert_non_null(nodes[i]);
    }
}

/* Up to 1 MiB of sites are kept. */
enum { SITES_KEPT = (1 << 20) + KEPT };

static void sites_of_dead_objects_go_when_the_heap_is_trimmed(void **state)
{
    static struct node *nodes[MANY];
    make_lines();
    for (enum way way = BY_PROGRAM; way < WAYS; way++) {
        gc_heap *heap = heap_new(*state);
        assert_int_equal(gc_profile_start(heap, 1), GC_OK);
        uint64_t before = table_bytes(heap);
        make_from_lines(heap, nodes, 0);
        struct node *kept = nodes[MANY / 2];
        gc_incref(kept);
        for (size_t i = 1; way != BY_PROGRAM && i < MANY; i++) {
            gc_set(&nodes[i]->left, nodes[i - 1]);
            gc_set(&nodes[i - 1]->right, nodes[i]);
        }
        if (way != BY_PROGRAM) {
            gc_set(&nodes[MANY / 2 - 1]->right, NULL);
            gc_set(&nodes[MANY / 2 + 1]->left, NULL);
            gc_set(&kept->left, NULL);
            gc_set(&kept->right, NULL);
        }
        for (size_t i = 0; i < MANY; i++) {
            gc_decref(nodes[i]);
        }
        end_garbage(heap, way);
        assert_live(heap, 1);
        (void)gc_heap_trim(heap);
        assert_true(table_bytes(heap) - before <= SITES_KEPT * 2); /* one is in the middle */
        assert_ptr_equal(gc_profile_site(kept), &lines[MANY / 2]);
        gc_decref(kept);
        (void)gc_heap_trim(heap);
        /* On 32 bits they are less than what is kept in any case. */
        assert_true(table_bytes(heap) - before <= (sizeof(void *) == 8 ? KEPT : SITES_KEPT));
        world_free_heap(*state);
    }
}

/* Three hundred thousand lines, of which a tenth has something alive at any time. */
static void sites_do_not_grow_beyond_what_is_alive(void **state)
{
    gc_heap *heap = heap_new(*state);
    static struct node *nodes[MANY];
    make_lines();
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    make_from_lines(heap, nodes, 0);
    uint64_t full = profiler_bytes(heap);
    for (size_t round = 1; round < 9; round++) {
        for (size_t i = 0; i < MANY; i++) {
            gc_decref(nodes[i]);
        }
        make_from_lines(heap, nodes, round * MANY);
        assert_true(profiler_bytes(heap) <= full * 2);
        for (size_t i = 0; i < MANY; i += 100) {
            assert_ptr_equal(gc_profile_site(nodes[i]), &lines[round * MANY + i]);
        }
    }
    for (size_t i = 0; i < MANY; i++) {
        gc_decref(nodes[i]);
    }
}

static void clearing_the_profile_gives_its_memory_back(void **state)
{
    gc_heap *heap = heap_new(*state);
    static struct node *nodes[MANY];
    make_lines();
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    uint64_t before = profiler_bytes(heap);
    make_from_lines(heap, nodes, 0);
    gc_profile_clear(heap);
    assert_int_equal(profiler_bytes(heap), before);
    for (size_t i = 0; i < MANY; i++) {
        assert_null(gc_profile_site(nodes[i]));
        gc_decref(nodes[i]);
    }
}

static void sites_that_cannot_move_for_lack_of_memory_stay(void **state)
{
    struct world *world = *state;
    gc_heap *heap = heap_new(world);
    static struct node *nodes[MANY];
    make_lines();
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    make_from_lines(heap, nodes, 0);
    for (size_t i = 10; i < MANY; i++) {
        gc_decref(nodes[i]);
    }
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    (void)gc_heap_trim(heap);
    assert_true(world->pages.failed);
    world->pages.fail_on = false;
    assert_int_equal(gc_last_error(heap), GC_OK);
    uint64_t stuck = profiler_bytes(heap);
    for (size_t i = 0; i < 10; i++) {
        assert_ptr_equal(gc_profile_site(nodes[i]), &lines[i]);
    }
    (void)gc_heap_trim(heap);
    assert_true(profiler_bytes(heap) + (1 << 20) < stuck);
    for (size_t i = 0; i < 10; i++) {
        assert_ptr_equal(gc_profile_site(nodes[i]), &lines[i]);
        gc_decref(nodes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(weak_references_that_die_leave_their_table),
        world_test(weak_references_that_are_dropped_leave_their_table),
        world_test(table_of_weak_references_shrinks_without_memory),
        world_test(weak_references_that_come_and_go_move_no_memory),
        world_test(weak_maps_shrink_when_their_objects_die),
        world_test(weak_map_that_shrinks_keeps_the_other_entries),
        world_test(forgotten_types_leave_their_tables),
        world_test(buffers_that_are_untracked_leave_their_tables),
        world_test(sites_of_dead_objects_go_when_the_heap_is_trimmed),
        world_test(sites_do_not_grow_beyond_what_is_alive),
        world_test(clearing_the_profile_gives_its_memory_back),
        world_test(sites_that_cannot_move_for_lack_of_memory_stay),
    };
    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
