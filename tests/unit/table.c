/* SPDX-License-Identifier: MIT */

/* The hash table, against a plain array. */

#include "support.h"

#include "table.h"

enum { KEYS = 3000 };

static unsigned next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void put(gc_heap *heap, struct gci_table *table, uint64_t key, void *value)
{
    assert_true(gci_table_reserve(heap, table));
    gci_table_put(table, key, value);
}

/* Where a key lands in a table that is empty: found by trying, not by knowing the hash. */
static size_t home_in(struct gci_table *empty, uint64_t key)
{
    gci_table_put(empty, key, NULL);
    size_t home = 0;
    while (empty->entries[home].key == 0) {
        home++;
    }
    gci_table_remove(empty, key);
    return home;
}

/* The next key from `key` on that has a home. */
static uint64_t key_at_home(struct gci_table *empty, size_t home, uint64_t key)
{
    while (home_in(empty, key) != home) {
        key++;
    }
    return key;
}

static void an_empty_table_finds_nothing(void **state)
{
    (void)state;
    struct gci_table table = { 0 };
    assert_null(gci_table_get(&table, 1));
    assert_null(gci_table_get(&table, UINT64_MAX));
}

static void a_value_is_found_by_its_key_and_by_no_other(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    int value;
    put(heap, &table, UINT64_C(1) << 63, &value);
    assert_ptr_equal(gci_table_get(&table, UINT64_C(1) << 63), &value);
    assert_null(gci_table_get(&table, 1));
    assert_null(gci_table_get(&table, UINT64_MAX));
    gci_table_free(heap, &table);
}

static void a_removed_key_is_not_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    int value;
    put(heap, &table, 7, &value);
    put(heap, &table, 8, &value);
    gci_table_remove(&table, 7);
    assert_null(gci_table_get(&table, 7));
    assert_ptr_equal(gci_table_get(&table, 8), &value);
    assert_int_equal(table.used, 1);
    gci_table_free(heap, &table);
}

static void random_operations_agree_with_a_plain_array(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    static char *model[KEYS] = { 0 };
    static char values[KEYS];
    size_t used = 0;
    uint32_t seed = 20240501;
    memset(model, 0, sizeof(model));
    for (size_t i = 0, count = scaled(200000); i < count; i++) {
        size_t key = next_random(&seed) % KEYS;
        /* Keys look like addresses: far apart, low bits the same. */
        uint64_t number = ((uint64_t)key + 1) << 22;
        assert_ptr_equal(gci_table_get(&table, number), model[key]);
        if (model[key] == NULL) {
            model[key] = &values[next_random(&seed) % KEYS];
            put(heap, &table, number, model[key]);
            used++;
        } else {
            gci_table_remove(&table, number);
            model[key] = NULL;
            used--;
        }
        assert_int_equal(table.used, used);
        assert_ptr_equal(gci_table_get(&table, number), model[key]);
    }
    for (size_t key = 0; key < KEYS; key++) {
        assert_ptr_equal(gci_table_get(&table, ((uint64_t)key + 1) << 22), model[key]);
    }
    gci_table_free(heap, &table);
}

/* Six keys in one cluster over the end of the table, with three homes; removed in every order. */
static void a_cluster_that_wraps_around_survives_removal_in_any_order(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    assert_true(gci_table_reserve(heap, &table));
    enum { CLUSTER = 6 };
    const size_t last = table.size - 1;
    const size_t homes[CLUSTER] = { last - 1, last, last - 1, 0, last, last - 1 };
    uint64_t keys[CLUSTER], from = 1;
    char values[CLUSTER];
    for (size_t i = 0; i < CLUSTER; i++) {
        keys[i] = key_at_home(&table, homes[i], from);
        from = keys[i] + 1;
    }
    for (unsigned code = 0; code < 720; code++) {
        for (size_t i = 0; i < CLUSTER; i++) {
            gci_table_put(&table, keys[i], &values[i]);
        }
        bool gone[CLUSTER] = { false };
        unsigned rest = code;
        for (unsigned left = CLUSTER; left > 0; left--) {
            unsigned pick = rest % left, at = 0;
            rest /= left;
            while (gone[at] || pick > 0) {
                pick -= !gone[at];
                at++;
            }
            gci_table_remove(&table, keys[at]);
            gone[at] = true;
            for (size_t i = 0; i < CLUSTER; i++) {
                assert_ptr_equal(gci_table_get(&table, keys[i]), gone[i] ? NULL : &values[i]);
            }
        }
        assert_int_equal(table.used, 0);
    }
    for (size_t i = 0; i < table.size; i++) {
        assert_true(table.entries[i].key == 0);
    }
    gci_table_free(heap, &table);
}

static void a_table_is_never_more_than_three_quarters_full(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    for (uint64_t key = 1; key <= 5000; key++) {
        put(heap, &table, key, &table);
        assert_true(table.used <= table.size / 4 * 3);
        assert_int_equal(table.size & (table.size - 1), 0);
    }
    gci_table_free(heap, &table);
}

/* Keys whose product with the constant begins with the same bits, so that without the heap's key
 * they have one home. Of random ones, no more than some twenty stand between a key and its home. */
static void keys_that_collide_without_a_key_are_near_their_homes(void **state)
{
    struct world *world = *state;
    gc_config config = { .hash_key = { 0x243F6A8885A308D3, 0x13198A2E03707344 } };
    gc_heap *heap = world_new_heap(world, &config);
    struct gci_table table = { 0 };
    uint64_t inverse = 1; /* of the constant, by Newton's method */
    for (unsigned i = 0; i < 6; i++) {
        inverse *= 2 - 0x9E3779B97F4A7C15u * inverse;
    }
    for (uint64_t i = 1; i <= 10000; i++) {
        put(heap, &table, i * inverse, &table);
    }
    size_t run = 0, longest = 0;
    for (size_t i = 0; i < table.size; i++) {
        run = table.entries[i].key == 0 ? 0 : run + 1;
        longest = gci_larger(longest, run);
    }
    assert_true(longest < 200);
    gci_table_free(heap, &table);
}

static void growth_keeps_every_value(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    static char values[5000];
    for (size_t i = 0; i < 5000; i++) {
        put(heap, &table, i * 16 + 3, &values[i]);
    }
    for (size_t i = 0; i < 5000; i++) {
        assert_ptr_equal(gci_table_get(&table, i * 16 + 3), &values[i]);
    }
    assert_int_equal(table.used, 5000);
    gci_table_free(heap, &table);
}

static void growth_gives_the_smaller_memory_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    size_t blocks = world->pages.blocks, reserved = heap->bytes_reserved;
    for (uint64_t key = 1; key <= 5000; key++) {
        put(heap, &table, key, &table);
    }
    assert_int_equal(world->pages.blocks, blocks + 1);
    assert_int_equal(heap->bytes_reserved - reserved,
                     gci_round_up(table.size * sizeof(struct gci_entry), GCI_BLOCK_SIZE));
    gci_table_free(heap, &table);
}

static void room_for_a_first_key_without_memory_is_refused(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    world->pages.fail_at = world->pages.maps;
    assert_false(gci_table_reserve(heap, &table));
    assert_int_equal(table.size, 0);
    assert_null(table.entries);
    assert_true(gci_table_reserve(heap, &table));
    gci_table_free(heap, &table);
}

static void growth_without_memory_leaves_the_table_as_it_was(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    uint64_t key = 1;
    put(heap, &table, key, &table);
    while (table.used + 1 <= table.size / 4 * 3) {
        put(heap, &table, ++key, &table);
    }
    struct gci_table before = table;
    size_t reserved = heap->bytes_reserved;
    world->pages.fail_at = world->pages.maps;
    assert_false(gci_table_reserve(heap, &table));
    assert_ptr_equal(table.entries, before.entries);
    assert_int_equal(table.size, before.size);
    assert_int_equal(table.used, before.used);
    assert_int_equal(heap->bytes_reserved, reserved);
    for (uint64_t i = 1; i <= key; i++) {
        assert_ptr_equal(gci_table_get(&table, i), &table);
    }
    put(heap, &table, ++key, &table);
    assert_int_equal(table.size, before.size * 2);
    gci_table_free(heap, &table);
}

static void room_that_is_there_already_costs_no_memory(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    assert_true(gci_table_reserve(heap, &table));
    size_t maps = world->pages.maps;
    assert_true(gci_table_reserve(heap, &table));
    assert_int_equal(world->pages.maps, maps);
    gci_table_free(heap, &table);
}

static void a_freed_table_is_empty_and_can_be_used_again(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    size_t blocks = world->pages.blocks;
    put(heap, &table, 1, &table);
    gci_table_free(heap, &table);
    assert_int_equal(world->pages.blocks, blocks);
    assert_null(gci_table_get(&table, 1));
    put(heap, &table, 2, &table);
    assert_null(gci_table_get(&table, 1));
    gci_table_free(heap, &table);
    gci_table_free(heap, &table);
    assert_int_equal(world->pages.blocks, blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(an_empty_table_finds_nothing),
        world_test(a_value_is_found_by_its_key_and_by_no_other),
        world_test(a_removed_key_is_not_found),
        world_test(random_operations_agree_with_a_plain_array),
        world_test(a_cluster_that_wraps_around_survives_removal_in_any_order),
        world_test(a_table_is_never_more_than_three_quarters_full),
        world_test(keys_that_collide_without_a_key_are_near_their_homes),
        world_test(growth_keeps_every_value),
        world_test(growth_gives_the_smaller_memory_back),
        world_test(room_for_a_first_key_without_memory_is_refused),
        world_test(growth_without_memory_leaves_the_table_as_it_was),
        world_test(room_that_is_there_already_costs_no_memory),
        world_test(a_freed_table_is_empty_and_can_be_used_again),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
