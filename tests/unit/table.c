/* SPDX-License-Identifier: MIT */

/* The hash table, against a plain array. */

#include "support.h"

#include "memory.h"
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
    gci_table_remove(heap, &table, 7);
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
            gci_table_remove(heap, &table, number);
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

/* Links are numbers of entries plus one. */
static const struct gci_entry *entry_at(const struct gci_table *table, size_t index)
{
    return gci_vector_at(&table->items, sizeof(struct gci_entry), index);
}

static size_t buckets_of(const struct gci_table *table)
{
    return gci_larger(table->used, GCI_VECTOR_FIRST);
}

static size_t longest_chain(const struct gci_table *table)
{
    size_t longest = 0, entries = 0;
    for (size_t i = 0; i < buckets_of(table); i++) {
        size_t length = 0;
        for (uint32_t link = entry_at(table, i)->first; link != 0; length++) {
            link = entry_at(table, link - 1)->next;
        }
        longest = gci_larger(longest, length);
        entries += length;
    }
    assert_int_equal(entries, table->used);
    return longest;
}

/* Six keys in one chain, removed in every order; each time the last entry takes the place. */
static void a_chain_survives_removal_in_any_order(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    enum { CHAIN = 6 };
    uint64_t keys[CHAIN];
    char values[CHAIN];
    size_t found = 0;
    for (uint64_t key = 1; found < CHAIN; key++) {
        put(heap, &table, key, &table);
        if (entry_at(&table, 0)->first != 0) {
            keys[found++] = key;
        }
        gci_table_remove(heap, &table, key);
    }
    for (unsigned code = 0; code < 720; code++) {
        for (size_t i = 0; i < CHAIN; i++) {
            put(heap, &table, keys[i], &values[i]);
        }
        bool gone[CHAIN] = { false };
        unsigned rest = code;
        for (unsigned left = CHAIN; left > 0; left--) {
            unsigned pick = rest % left, at = 0;
            rest /= left;
            while (gone[at] || pick > 0) {
                pick -= !gone[at];
                at++;
            }
            gci_table_remove(heap, &table, keys[at]);
            gone[at] = true;
            for (size_t i = 0; i < CHAIN; i++) {
                assert_ptr_equal(gci_table_get(&table, keys[i]), gone[i] ? NULL : &values[i]);
            }
            assert_int_equal(longest_chain(&table), left - 1);
        }
    }
    gci_table_free(heap, &table);
}

/* Keys whose product with the constant begins with the same bits, so that without the heap's key
 * they have one bucket. Of random ones, no more than eight or nine do. */
static void keys_that_collide_without_a_key_are_spread(void **state)
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
    assert_true(longest_chain(&table) <= 12);
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

/* Half of the keys go, those put first or last or every other one; the other half is found at each
 * step, in the buckets that are left. */
static void shrinking_keeps_every_other_value(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 4000 };
    static char values[COUNT];
    for (unsigned order = 0; order < 3; order++) {
        struct gci_table table = { 0 };
        for (uint64_t key = 0; key < COUNT; key++) {
            put(heap, &table, key, &values[key]);
        }
        for (uint64_t i = 0; i < COUNT / 2; i++) {
            uint64_t key = order == 0 ? i : order == 1 ? COUNT - 1 - i : i * 2;
            gci_table_remove(heap, &table, key);
            assert_null(gci_table_get(&table, key));
            uint64_t kept = order == 0 ? COUNT - 1 - i : order == 1 ? i : i * 2 + 1;
            assert_ptr_equal(gci_table_get(&table, kept), &values[kept]);
        }
        assert_int_equal(table.used, COUNT / 2);
        assert_true(longest_chain(&table) < 15);
        gci_table_free(heap, &table);
    }
}

/* A block is there for twice what is in use, so what goes up and down at its edge moves no
 * memory. */
static void blocks_go_back_when_half_of_those_before_is_empty(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    size_t reserved = heap->bytes_reserved, maps = world->pages.maps;
    uint64_t key = 0;
    while (key < 4 * GCI_VECTOR_FIRST + 1) {
        put(heap, &table, ++key, &table);
    }
    assert_int_equal(world->pages.maps, maps + 4); /* 512, 512, 1024, 2048 entries */
    assert_int_equal(heap->bytes_reserved - reserved, gci_table_bytes(&table));
    while (table.used > 2 * GCI_VECTOR_FIRST) {
        gci_table_remove(heap, &table, key--);
    }
    assert_non_null(table.items.blocks[3]);
    gci_table_remove(heap, &table, key--);
    assert_null(table.items.blocks[3]);
    for (unsigned i = 0; i < 100; i++) {
        put(heap, &table, ++key, &table);
        gci_table_remove(heap, &table, key--);
    }
    assert_int_equal(world->pages.maps, maps + 4);
    while (key > 0) {
        gci_table_remove(heap, &table, key--);
    }
    assert_int_equal(heap->bytes_reserved - reserved, GCI_BLOCK_SIZE);
    gci_table_free(heap, &table);
}

static void shrinking_needs_no_memory(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    for (uint64_t key = 1; key <= 5000; key++) {
        put(heap, &table, key, &table);
    }
    size_t maps = world->pages.maps;
    for (uint64_t key = 5000; key > 0; key--) {
        gci_table_remove(heap, &table, key);
    }
    assert_int_equal(world->pages.maps, maps);
    assert_int_equal(gci_table_bytes(&table), GCI_BLOCK_SIZE);
    gci_table_free(heap, &table);
}

static void room_for_a_first_key_without_memory_is_refused(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    world->pages.fail_at = world->pages.maps;
    assert_false(gci_table_reserve(heap, &table));
    assert_int_equal(gci_table_bytes(&table), 0);
    assert_true(gci_table_reserve(heap, &table));
    gci_table_free(heap, &table);
}

static void growth_without_memory_leaves_the_table_as_it_was(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct gci_table table = { 0 };
    uint64_t key = 0;
    while (key < GCI_VECTOR_FIRST) {
        put(heap, &table, ++key, &table);
    }
    struct gci_table before = table;
    size_t reserved = heap->bytes_reserved;
    world->pages.fail_at = world->pages.maps;
    assert_false(gci_table_reserve(heap, &table));
    assert_memory_equal(&table, &before, sizeof(table));
    assert_int_equal(heap->bytes_reserved, reserved);
    for (uint64_t i = 1; i <= key; i++) {
        assert_ptr_equal(gci_table_get(&table, i), &table);
    }
    put(heap, &table, ++key, &table);
    assert_int_equal(table.used, before.used + 1);
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
        world_test(a_chain_survives_removal_in_any_order),
        world_test(keys_that_collide_without_a_key_are_spread),
        world_test(growth_keeps_every_value),
        world_test(shrinking_keeps_every_other_value),
        world_test(blocks_go_back_when_half_of_those_before_is_empty),
        world_test(shrinking_needs_no_memory),
        world_test(room_for_a_first_key_without_memory_is_refused),
        world_test(growth_without_memory_leaves_the_table_as_it_was),
        world_test(room_that_is_there_already_costs_no_memory),
        world_test(a_freed_table_is_empty_and_can_be_used_again),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
