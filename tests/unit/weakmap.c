/* SPDX-License-Identifier: MIT */

/* Weak maps from inside: how long their chains are, and how little a clear does. */

#include "support.h"

#include "cycle_support.h"

/* As in src/weakmap.c. */
enum { BLOCK = 64 };
struct entry {
    gc_object object;
    gc_weak *weak;
    void *value;
    gc_object *hub;
    struct entry *after;
    struct entry *before;
    struct entry *chain;
    uint64_t hash;
};
struct block {
    gc_object object;
    struct entry *buckets[BLOCK];
};
struct directory {
    gc_object object;
    struct block *blocks[];
};
struct gc_weak_map {
    gc_object object;
    struct entry *first;
    gc_object *hub;
    struct directory *directory;
    size_t buckets;
};

static const gc_config repeatable = { .hash_key = { 0x243F6A8885A308D3, 0x13198A2E03707344 } };

static size_t longest_chain(const gc_weak_map *map)
{
    size_t longest = 0, entries = 0;
    for (size_t i = 0; i < map->buckets; i++) {
        size_t length = 0;
        const struct entry *entry = map->directory->blocks[i / BLOCK]->buckets[i % BLOCK];
        for (; entry != NULL; entry = entry->chain) {
            length++;
        }
        longest = gci_larger(longest, length);
        entries += length;
    }
    assert_int_equal(entries, gc_weak_map_count(map));
    return longest;
}

/* FNV-1a, by which maps without a key would find the bucket. */
static uint64_t fnv(const void *bytes, size_t size)
{
    uint64_t hash = 0xCBF29CE484222325;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001B3;
    }
    return hash ^ hash >> 32;
}

/* Of 32000 keys with ten bits of that in common a thousand share a bucket; of random ones, eight
 * or nine. */
static void keys_that_collide_without_a_key_are_spread(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, &repeatable);
    gc_weak_map *map = gc_weak_map_new(heap, GC_WEAK_VALUES);
    struct leaf *leaf = leaf_new(heap, 1);
    size_t count = scaled(32000);
    for (uint64_t key = 0; gc_weak_map_count(map) < count; key++) {
        if (fnv(&key, sizeof(key)) % 1024 == 0) {
            assert_int_equal(gc_weak_map_set(map, &key, sizeof(key), leaf), GC_OK);
        }
    }
    assert_true(longest_chain(map) <= 12);
    gc_decref(leaf);
    gc_decref(map);
}

/* Between two steps: how many entries were written to. `copies` are as they were before, but for
 * the collector's own words. */
static size_t count_changed(struct entry **entries, struct entry *copies, size_t count)
{
    size_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        copies[i].object = entries[i]->object;
        changed += memcmp(&copies[i], entries[i], sizeof(copies[i])) != 0;
        copies[i] = *entries[i];
    }
    return changed;
}

struct keeper {
    gc_object object;
    gc_weak_map *map;
    struct keeper *self;
};

static const gc_type keeper_type = {
    .name = "keeper",
    .size = sizeof(struct keeper),
    .refs = OURO_REFS(struct keeper, map, self),
};

static void map_in_garbage_ends_bit_by_bit(void **state)
{
    struct world *world = *state;
    enum { COUNT = 2000 };
    static struct entry *entries[COUNT], copies[COUNT];
    for (unsigned side = GC_WEAK_KEYS; side <= GC_WEAK_VALUES; side++) {
        gc_heap *heap = patient_heap_new(world);
        struct node *list = list_new(heap, COUNT), *node = list;
        struct keeper *keeper = gc_new(heap, &keeper_type);
        assert_non_null(keeper);
        gc_weak_map *map = keeper->map = gc_weak_map_new(heap, (gc_weak_side)side);
        for (size_t i = 0; i < COUNT; i++, node = node->left) {
            const void *key = side == GC_WEAK_KEYS ? (void *)node : (void *)&i;
            struct leaf *leaf = leaf_new(heap, 1);
            void *value = side == GC_WEAK_KEYS ? (void *)leaf : (void *)node;
            assert_int_equal(gc_weak_map_set(map, key, sizeof(i), value), GC_OK);
            gc_decref(leaf);
            entries[i] = map->first;
        }
        world->story[0] = '\0';
        (void)count_changed(entries, copies, COUNT);
        gc_set(&keeper->self, keeper);
        (void)gc_collect(heap);
        gc_decref(keeper);
        gci_cycle_begin(heap);
        size_t steps = 0;
        for (bool more = true; more; steps++) {
            more = step(heap);
            assert_true(count_changed(entries, copies, COUNT) <= 2 * DEATHS);
            world->story[0] = '\0';
        }
        assert_true(steps > COUNT / (2 * DEATHS));
        assert_live(heap, COUNT);
        gc_decref(list);
        world_free_heap(world);
    }
}

static void clear_the_map(struct world *world, struct actor *actor)
{
    (void)actor;
    gc_drop_references(world->note);
}

/* The map is cleared in a slice, and used again while its entries wait for their end in later
 * ones. */
static void entries_of_before_a_clear_leave_those_of_after_it_alone(void **state)
{
    struct world *world = *state;
    enum { COUNT = 500 };
    gc_heap *heap = patient_heap_new(world);
    gc_weak_map *map = world->note = gc_weak_map_new(heap, GC_WEAK_KEYS);
    struct node *nodes[COUNT], *value = node_new(heap);
    for (size_t i = 0; i < COUNT; i++) {
        nodes[i] = node_new(heap);
        assert_int_equal(gc_weak_map_set(map, nodes[i], 0, value), GC_OK);
    }
    (void)drop_actors(heap, 1, 1);
    world->on_finalize = clear_the_map;
    gci_cycle_begin(heap);
    step_to_backlog(heap);
    assert_int_equal(gc_weak_map_count(map), 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(gc_weak_map_set(map, nodes[i], 0, value), GC_OK);
    }
    assert_int_equal(gc_weak_map_count(map), COUNT);
    assert_non_null(heap->backlog);
    for (size_t i = 0; i < COUNT; i++) {
        gc_decref(nodes[i]);
        assert_int_equal(gc_weak_map_count(map), COUNT - 1 - i);
    }
    step_to_the_end(heap);
    assert_int_equal(gc_refcount(value), 1);
    assert_story(world, "F1 D1 ");
    gc_decref(value);
    gc_decref(map);
    assert_sound(heap);
}

/* As other arrays of references, in slices: it has no destroy, which would drop all of them. */
static void directory_dies_as_an_array(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = gc_weak_map_new(heap, GC_WEAK_VALUES);
    struct leaf *leaf = leaf_new(heap, 1);
    assert_int_equal(gc_weak_map_set(map, "key", 3, leaf), GC_OK);
    assert_int_equal(page_of(map->directory)->duties, GCI_DUTY_ARRAYS);
    gc_decref(leaf);
    gc_decref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(keys_that_collide_without_a_key_are_spread),
        world_test(map_in_garbage_ends_bit_by_bit),
        world_test(entries_of_before_a_clear_leave_those_of_after_it_alone),
        world_test(directory_dies_as_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
