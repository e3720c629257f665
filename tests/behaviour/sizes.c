/* SPDX-License-Identifier: MIT */
/* Sizes: alignment, tails of any length, large objects, and sizes that no memory can have. */

#include "../support.h"

/* Alignment
 * ========= */

struct wide {
    gc_object object;
    struct wide *next;
    unsigned char bytes[56];
};

static void verify_alignment(struct world *world, size_t align, size_t size, size_t item_size)
{
    enum { COUNT = 700 };
    gc_heap *heap = world_new_heap(world, NULL);
    gc_type type = {
        .name = "wide",
        .size = size,
        .item_size = item_size,
        .align = align,
        .refs = OURO_REFS(struct wide, next),
    };
    struct wide *first = NULL;
    for (size_t i = 0; i < COUNT; i++) {
        size_t count = item_size != 0 ? (i * 37) % 5000 : 0;
        struct wide *wide = item_size != 0 ? gc_new_var(heap, &type, count) : gc_new(heap, &type);
        assert_non_null(wide);
        assert_int_equal((uintptr_t)wide % (align != 0 ? align : 8), 0);
        assert_int_equal(gc_tail_length(wide), count);
        memset((char *)wide + sizeof(gc_object) + sizeof(void *), 0x11,
               size + count * item_size - sizeof(gc_object) - sizeof(void *));
        wide->next = first;
        first = wide;
    }
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 0);
    struct wide *last = first;
    while (last->next != NULL) {
        last = last->next;
    }
    gc_set(&last->next, first);
    gc_decref(first);
    assert_live(heap, COUNT);
    assert_int_equal(gc_collect(heap), COUNT);
    assert_live(heap, 0);
    assert_sound(heap);
    assert_int_equal(gc_type_forget(heap, &type), GC_OK);
}

static void objects_are_aligned_to_8_without_a_wish(void **state)
{
    verify_alignment(*state, 0, 20, 0);
}

static void objects_are_aligned_to_8(void **state)
{
    verify_alignment(*state, 8, 40, 0);
}

static void objects_are_aligned_to_16(void **state)
{
    verify_alignment(*state, 16, 40, 0);
}

static void objects_are_aligned_to_32(void **state)
{
    verify_alignment(*state, 32, 40, 0);
}

static void objects_are_aligned_to_64(void **state)
{
    verify_alignment(*state, 64, sizeof(struct wide), 0);
}

static void objects_with_tails_are_aligned_to_16(void **state)
{
    verify_alignment(*state, 16, 24, 1);
}

static void objects_with_tails_are_aligned_to_32(void **state)
{
    verify_alignment(*state, 32, 24, 12);
}

static void objects_with_tails_are_aligned_to_64(void **state)
{
    verify_alignment(*state, 64, 24, 8);
}

static void large_objects_are_aligned(void **state)
{
    static const gc_type type = { .name = "large", .size = 100, .item_size = 1, .align = 64 };
    gc_heap *heap = world_new_heap(*state, NULL);
    void *objects[20];
    for (size_t i = 0; i < 20; i++) {
        objects[i] = gc_new_var(heap, &type, 40000 + i * 31777);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % 64, 0);
    }
    assert_sound(heap);
    for (size_t i = 0; i < 20; i++) {
        gc_decref(objects[i]);
    }
}

/* Objects do not overlap
 * ====================== */

/* Fill each object with its own byte, then see whether it is still there. */
static void verify_apart(gc_heap *heap, unsigned char **objects, const size_t *sizes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memset(objects[i] + sizeof(gc_object), (int)(i % 251), sizes[i] - sizeof(gc_object));
    }
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 0);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = sizeof(gc_object); k < sizes[i]; k++) {
            if (objects[i][k] != i % 251) {
                fail_msg("object %zu of %zu bytes is overwritten at %zu", i, sizes[i], k);
            }
        }
        assert_int_equal(gc_refcount(objects[i]), 1);
    }
    for (size_t i = 0; i < count; i++) {
        gc_decref(objects[i]);
    }
    assert_live(heap, 0);
}

static void objects_of_every_size_keep_apart(void **state)
{
    enum { TYPES = 300, EACH = 4 };
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type *types = calloc(TYPES, sizeof(*types));
    unsigned char *objects[TYPES * EACH];
    size_t sizes[TYPES * EACH];
    assert_non_null(types);
    for (size_t i = 0; i < TYPES; i++) {
        types[i].name = "blob";
        types[i].size = i < 100 ? sizeof(gc_object) + i : i * i;
    }
    for (size_t i = 0; i < TYPES * EACH; i++) {
        const gc_type *type = &types[(i * 7) % TYPES];
        objects[i] = gc_new(heap, type);
        sizes[i] = type->size;
        assert_non_null(objects[i]);
    }
    verify_apart(heap, objects, sizes, TYPES * EACH);
    gc_heap_free(heap); /* before its types */
    ((struct world *)*state)->heap = NULL;
    free(types);
}

static void tails_of_every_length_keep_apart(void **state)
{
    enum { COUNT = 3000 };
    gc_heap *heap = world_new_heap(*state, NULL);
    unsigned char **objects = calloc(COUNT, sizeof(*objects));
    size_t *sizes = calloc(COUNT, sizeof(*sizes));
    assert_non_null(objects);
    assert_non_null(sizes);
    for (size_t i = 0; i < COUNT; i++) {
        size_t tail = (i * 1811) % COUNT;
        objects[i] = gc_new_var(heap, &string_type, tail);
        sizes[i] = string_type.size + tail;
        assert_non_null(objects[i]);
        assert_int_equal(gc_tail_length(objects[i]), tail);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(gc_tail_length(objects[i]), (i * 1811) % COUNT);
    }
    verify_apart(heap, objects, sizes, COUNT);
    free(objects);
    free(sizes);
}

/* Sizes around powers of two are where size classes, pages and segments have their edges. */
static void tails_around_every_power_of_two_keep_apart(void **state)
{
    enum { COUNT = 20 * 5 };
    gc_heap *heap = world_new_heap(*state, NULL);
    unsigned char *objects[COUNT];
    size_t sizes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = ((size_t)1 << (4 + i / 5)) + 8 * (i % 5) - 16 + (i & 1);
        sizes[i] = sizes[i] < string_type.size ? string_type.size : sizes[i];
        objects[i] = gc_new_var(heap, &string_type, sizes[i] - string_type.size);
        assert_non_null(objects[i]);
        assert_int_equal(gc_tail_length(objects[i]), sizes[i] - string_type.size);
    }
    verify_apart(heap, objects, sizes, COUNT);
}

static void tail_items_may_have_odd_sizes(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type types[40];
    unsigned char *objects[40 * 20];
    size_t sizes[40 * 20], counts[40 * 20];
    memset(types, 0, sizeof(types));
    for (size_t i = 0; i < 40; i++) {
        types[i].name = "odd";
        types[i].size = sizeof(gc_object) + i % 7;
        types[i].item_size = i * i + 1;
    }
    for (size_t i = 0; i < 40 * 20; i++) {
        const gc_type *type = &types[i % 40];
        counts[i] = (i / 40) * (i / 40);
        sizes[i] = type->size + counts[i] * type->item_size;
        objects[i] = gc_new_var(heap, type, counts[i]);
        assert_non_null(objects[i]);
    }
    for (size_t i = 0; i < 40 * 20; i++) {
        assert_int_equal(gc_tail_length(objects[i]), counts[i]);
    }
    verify_apart(heap, objects, sizes, 40 * 20);
    gc_heap_free(heap);
    ((struct world *)*state)->heap = NULL;
}

/* Counts
 * ====== */

static void count_of_an_object_without_a_tail_is_zero(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    struct tuple *tuple = tuple_new(heap, 0);
    assert_int_equal(gc_tail_length(node), 0);
    assert_int_equal(gc_tail_length(leaf), 0);
    assert_int_equal(gc_tail_length(tuple), 0);
    gc_decref(node);
    gc_decref(leaf);
    gc_decref(tuple);
}

static void count_is_the_one_asked_for(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    for (size_t count = 0; count < 20000; count = count + 1 + count / 16) {
        struct tuple *tuple = tuple_new(heap, count);
        assert_int_equal(gc_tail_length(tuple), count);
        gc_decref(tuple);
    }
    assert_sound(heap);
}

static void count_survives_a_collection(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct tuple *tuples[] = { tuple_new(heap, 1), tuple_new(heap, 100), tuple_new(heap, 10000),
                               tuple_new(heap, 1000000) };
    (void)gc_collect_generation(heap, 0);
    (void)gc_collect(heap);
    for (size_t i = 0, count = 1; i < 4; i++, count *= 100) {
        assert_int_equal(gc_tail_length(tuples[i]), count);
        gc_decref(tuples[i]);
    }
}

/* Large objects
 * ============= */

/* A large tuple holds a node in its first, its last and a few other items, and the last node holds
 * the tuple. */
static void verify_large(struct world *world, size_t bytes)
{
    gc_heap *heap = world_new_heap(world, NULL);
    size_t count = bytes / sizeof(struct node *);
    struct tuple *tuple = tuple_new(heap, count);
    assert_int_equal(gc_tail_length(tuple), count);
    assert_true(stats_of(heap).bytes_live >= bytes);
    assert_true(stats_of(heap).bytes_live <= bytes + bytes / 8 + 4096);
    static const size_t places[] = { 0, 1, 8191, 8192, 8193 };
    for (size_t i = 0; i < 5; i++) {
        tuple->items[places[i]] = node_new(heap);
    }
    tuple->items[count - 1] = node_new(heap);
    assert_sound(heap);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(gc_collect(heap), 0);
    assert_live(heap, 7);

    gc_set(&tuple->items[count - 1]->left, tuple);
    gc_decref(tuple);
    assert_live(heap, 7);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 7);
    assert_live(heap, 0);

    tuple = tuple_new(heap, count);
    tuple->items[count - 1] = node_new(heap);
    gc_decref(tuple);
    assert_live(heap, 0);
    assert_int_equal(stats_of(heap).bytes_live, 0);
    assert_sound(heap);
}

static void large_object_of_100_kib_is_like_any_other(void **state)
{
    verify_large(*state, 100 * (size_t)1024);
}

static void large_object_of_3_mib_is_like_any_other(void **state)
{
    verify_large(*state, (size_t)3 << 20);
}

static void large_object_of_20_mib_is_like_any_other(void **state)
{
    verify_large(*state, (size_t)20 << 20);
}

struct vast {
    gc_object object;
    struct vast *left;
    unsigned char bytes[300000];
    struct vast *right;
};

static const gc_type vast_type = {
    .name = "vast",
    .size = sizeof(struct vast),
    .refs = OURO_REFS(struct vast, left, right),
};

static void large_object_without_a_tail_is_like_any_other(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct vast *a = gc_new(heap, &vast_type), *b = gc_new(heap, &vast_type);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(gc_tail_length(a), 0);
    gc_set(&a->right, b);
    gc_set(&b->right, a);
    gc_decref(a);
    gc_decref(b);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_live(heap, 0);
}

static void memory_of_a_dead_large_object_goes_back(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t before = world->pages.bytes;
    struct tuple *tuple = tuple_new(heap, ((size_t)20 << 20) / sizeof(struct node *));
    assert_true(world->pages.bytes >= before + ((size_t)20 << 20));
    gc_decref(tuple);
    (void)gc_heap_trim(heap);
    assert_true(world->pages.bytes < (size_t)20 << 20);
    assert_int_equal(stats_of(heap).bytes_live, 0);
}

static void many_large_objects_come_and_go(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *ring[8] = { NULL };
    for (size_t i = 0; i < 400; i++) {
        size_t count = 5000 + (i * 7919) % 60000;
        gc_set_steal(&ring[i % 8], tuple_new(heap, count));
        assert_int_equal(gc_tail_length(ring[i % 8]), count);
        if (i % 50 == 0) {
            assert_sound(heap);
        }
    }
    for (size_t i = 0; i < 8; i++) {
        gc_clear(&ring[i]);
    }
    assert_live(heap, 0);
    assert_true(stats_of(heap).bytes_reserved < (size_t)64 << 20);
}

/* Sizes that overflow
 * =================== */

static void verify_refused(struct world *world, const gc_type *type, size_t count)
{
    gc_heap *heap = world_new_heap(world, NULL);
    gc_stats before = stats_of(heap);
    size_t maps = world->pages.maps;
    assert_null(gc_new_var(heap, type, count));
    assert_int_equal(gc_last_error(heap), GC_ERR_SIZE);
    gc_stats after = stats_of(heap);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(world->pages.maps, maps);
    assert_sound(heap);
}

static void tail_of_size_max_bytes_is_refused(void **state)
{
    verify_refused(*state, &string_type, SIZE_MAX);
}

static void tail_that_overflows_with_the_struct_is_refused(void **state)
{
    verify_refused(*state, &string_type, SIZE_MAX - string_type.size + 1);
}

static void tail_that_overflows_when_rounded_up_is_refused(void **state)
{
    verify_refused(*state, &string_type, SIZE_MAX - string_type.size);
}

static void tail_whose_product_overflows_to_little_is_refused(void **state)
{
    verify_refused(*state, &tuple_type, SIZE_MAX / sizeof(void *) + 2);
}

static void tail_of_the_most_items_is_refused(void **state)
{
    verify_refused(*state, &tuple_type, SIZE_MAX / sizeof(void *));
}

static void tail_of_giant_items_is_refused(void **state)
{
    static const gc_type giant_type = { .name = "giant", .size = 8, .item_size = SIZE_MAX / 2 + 1 };
    verify_refused(*state, &giant_type, 2);
}

/* Half of all addresses does not overflow, and there is no such memory. */
static void tail_of_half_the_addresses_is_no_memory(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_stats before = stats_of(heap);
    assert_null(gc_new_var(heap, &string_type, SIZE_MAX / 2));
    assert_true(gc_last_error(heap) == GC_ERR_NOMEM || gc_last_error(heap) == GC_ERR_SIZE);
    gc_stats after = stats_of(heap);
    assert_int_equal(after.objects_live, before.objects_live);
    assert_int_equal(after.objects_born, before.objects_born);
    assert_int_equal(after.bytes_live, before.bytes_live);
    assert_int_equal(after.bytes_live_peak, before.bytes_live_peak);
    assert_sound(heap);
    gc_decref(node);
}

static void refused_size_runs_no_collection(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    drop_an_actor_circle(heap, 1);
    assert_null(gc_new_var(heap, &tuple_type, SIZE_MAX));
    assert_int_equal(gc_last_error(heap), GC_ERR_SIZE);
    assert_story(world, "");
    assert_int_equal(stats_of(heap).generations[1].collections, 0);
    assert_int_equal(gc_collect(heap), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(objects_are_aligned_to_8_without_a_wish),
        world_test(objects_are_aligned_to_8),
        world_test(objects_are_aligned_to_16),
        world_test(objects_are_aligned_to_32),
        world_test(objects_are_aligned_to_64),
        world_test(objects_with_tails_are_aligned_to_16),
        world_test(objects_with_tails_are_aligned_to_32),
        world_test(objects_with_tails_are_aligned_to_64),
        world_test(large_objects_are_aligned),
        world_test(objects_of_every_size_keep_apart),
        world_test(tails_of_every_length_keep_apart),
        world_test(tails_around_every_power_of_two_keep_apart),
        world_test(tail_items_may_have_odd_sizes),
        world_test(count_of_an_object_without_a_tail_is_zero),
        world_test(count_is_the_one_asked_for),
        world_test(count_survives_a_collection),
        world_test(large_object_of_100_kib_is_like_any_other),
        world_test(large_object_of_3_mib_is_like_any_other),
        world_test(large_object_of_20_mib_is_like_any_other),
        world_test(large_object_without_a_tail_is_like_any_other),
        world_test(memory_of_a_dead_large_object_goes_back),
        world_test(many_large_objects_come_and_go),
        world_test(tail_of_size_max_bytes_is_refused),
        world_test(tail_that_overflows_with_the_struct_is_refused),
        world_test(tail_that_overflows_when_rounded_up_is_refused),
        world_test(tail_whose_product_overflows_to_little_is_refused),
        world_test(tail_of_the_most_items_is_refused),
        world_test(tail_of_giant_items_is_refused),
        world_test(tail_of_half_the_addresses_is_no_memory),
        world_test(refused_size_runs_no_collection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
