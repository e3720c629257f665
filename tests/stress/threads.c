/* SPDX-License-Identifier: MIT */
/* Heaps side by side on threads: they share types and nothing else. ThreadSanitizer finds what they
 * should not share. */

#include "../support.h"

enum { THREADS = 4, ROUNDS = 200 };

/* Garbage and living objects of all sorts, with collections by themselves and by hand. Returns
 * whether all went well. */
static bool work(struct world *world, size_t rounds)
{
    gc_heap *heap = world->heap;
    struct actor *kept = NULL;
    struct tuple *shared = gc_new_var(heap, &tuple_type, 100);
    bool fine = shared != NULL;
    for (size_t round = 0; round < rounds && fine; round++) {
        for (unsigned i = 0; i < 200 && fine; i++) {
            struct actor *a = gc_new(heap, &actor_type), *b = gc_new(heap, &actor_type);
            struct node *node = gc_new(heap, &node_type);
            struct string *bytes = gc_new_var(heap, &string_type, i * 37);
            fine = a != NULL && b != NULL && node != NULL && bytes != NULL;
            if (fine) {
                a->id = b->id = i;
                gc_set(&a->left, b);
                gc_set(&b->left, a);
                gc_set(&a->leaf, gc_new(heap, &leaf_type));
                gc_xdecref(a->leaf);
                if (i % 50 == 0) {
                    gc_set(&kept, a);
                }
                gc_set(&shared->items[i % 100], node);
                gc_set(&node->left, shared);
            }
            gc_xdecref(a);
            gc_xdecref(b);
            gc_xdecref(node);
            gc_xdecref(bytes);
        }
        if (round % 10 == 0) {
            (void)gc_collect(heap);
            fine = fine && gc_check(heap);
        }
        world->story[0] = '\0';
    }
    gc_clear(&kept);
    gc_xdecref(shared);
    (void)gc_collect(heap);
    gc_stats stats = stats_of(heap);
    return fine && stats.objects_live == 0 && stats.bytes_live == 0 && gc_check(heap);
}

static void *work_on_a_heap_of_ones_own(void *arg)
{
    struct world *world = arg;
    gc_config config = { .thresholds = { .young_objects = 500 } };
    if (world_heap(world, &config) == NULL) {
        return NULL;
    }
    bool fine = work(world, scaled(ROUNDS));
    gc_heap_free(world->heap);
    world->heap = NULL;
    return fine ? world : NULL;
}

static void heaps_on_four_threads_do_not_meet(void **state)
{
    struct world *worlds[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        worlds[i] = world_new();
        assert_non_null(worlds[i]);
        assert_int_equal(pthread_create(&threads[i], NULL, work_on_a_heap_of_ones_own, worlds[i]),
                         0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        void *world = worlds[i];
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, worlds[i]);
        assert_true(worlds[i]->finalized > 0 && worlds[i]->destroyed > worlds[i]->finalized);
        assert_int_equal(world_teardown(&world), 0);
    }
}

static void *work_on_the_systems_pages(void *arg)
{
    struct world *world = arg;
    for (size_t i = 0; i < scaled(50); i++) {
        gc_config config = { .user_data = world, .thresholds = { .young_objects = 300 } };
        world->heap = gc_heap_new(&config);
        if (world->heap == NULL || !work(world, 3)) {
            return NULL;
        }
        gc_heap_free(world->heap);
        world->heap = NULL;
    }
    return world;
}

static void heaps_are_made_and_freed_side_by_side(void **state)
{
    struct world *worlds[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        worlds[i] = world_new();
        assert_non_null(worlds[i]);
        assert_int_equal(pthread_create(&threads[i], NULL, work_on_the_systems_pages, worlds[i]),
                         0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        void *world = worlds[i];
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, worlds[i]);
        assert_int_equal(world_teardown(&world), 0);
    }
}

/* One heap, handed around: a lock sees to it that one thread at a time uses it. */
struct relay {
    struct world *world;
    pthread_mutex_t mutex;
    bool fine;
};

static void *work_in_turn(void *arg)
{
    struct relay *relay = arg;
    for (size_t i = 0; i < scaled(50); i++) {
        (void)pthread_mutex_lock(&relay->mutex);
        relay->fine = relay->fine && work(relay->world, 1);
        (void)pthread_mutex_unlock(&relay->mutex);
    }
    return NULL;
}

static void heap_is_used_by_four_threads_in_turn(void **state)
{
    struct relay relay = { .world = *state, .fine = true };
    pthread_t threads[THREADS];
    (void)world_new_heap(relay.world, NULL);
    assert_int_equal(pthread_mutex_init(&relay.mutex, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work_in_turn, &relay), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(pthread_mutex_destroy(&relay.mutex), 0);
    assert_true(relay.fine);
    assert_live(relay.world->heap, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(heaps_on_four_threads_do_not_meet),
        world_test(heaps_are_made_and_freed_side_by_side),
        world_test(heap_is_used_by_four_threads_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
