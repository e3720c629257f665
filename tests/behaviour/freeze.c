/* SPDX-License-Identifier: MIT */

/* Objects that are set aside. */

#include "../support.h"

#include <fcntl.h>
#include <sys/wait.h>

static void freezing_says_how_many_containers(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    assert_int_equal(gc_freeze(heap), 0);
    struct node *a = node_new(heap), *b = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    assert_int_equal(gc_freeze(heap), 2);
    assert_int_equal(stats_of(heap).objects_frozen, 2);
    assert_int_equal(gc_freeze(heap), 0);
    struct node *c = node_new(heap);
    assert_int_equal(gc_freeze(heap), 1);
    assert_int_equal(stats_of(heap).objects_frozen, 3);
    assert_int_equal(gc_unfreeze(heap), 3);
    assert_int_equal(stats_of(heap).objects_frozen, 0);
    assert_int_equal(gc_unfreeze(heap), 0);
    gc_decref(a);
    gc_decref(b);
    gc_decref(c);
    gc_decref(leaf);
}

static void the_frozen_are_in_no_generation(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *old = node_new(heap);
    (void)gc_collect(heap);
    struct node *young = node_new(heap);
    (void)gc_freeze(heap);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.generations[0].objects, 0);
    assert_int_equal(stats.generations[1].objects, 0);
    assert_int_equal(stats.objects_live, 2);
    assert_int_equal(gc_generation_of(old), GC_FROZEN);
    assert_int_equal(gc_generation_of(young), GC_FROZEN);
    assert_sound(heap);
    gc_decref(old);
    gc_decref(young);
}

static void leaves_are_not_frozen(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct leaf *leaf = leaf_new(heap, 1);
    assert_int_equal(gc_freeze(heap), 0);
    assert_int_equal(gc_generation_of(leaf), GC_LEAF);
    assert_sound(heap);
    gc_decref(leaf);
    assert_live(heap, 0);
}

static void note_examined(gc_heap *heap, const gc_collection *collection, void *arg)
{
    (void)heap;
    *(uint64_t *)arg = collection->examined;
}

static void the_frozen_are_not_examined(void **state)
{
    static uint64_t examined;
    static gc_hook hook;
    gc_heap *heap = world_new_heap(*state, NULL);
    hook = (gc_hook){ .stop = note_examined, .arg = &examined };
    gc_hook_add(heap, &hook);
    struct node *frozen[100];
    for (size_t i = 0; i < 100; i++) {
        frozen[i] = node_new(heap);
    }
    (void)gc_freeze(heap);
    struct node *fresh = node_new(heap);
    (void)gc_collect(heap);
    assert_int_equal(examined, 1);
    for (size_t i = 0; i < 100; i++) {
        gc_decref(frozen[i]);
    }
    gc_decref(fresh);
}

static void frozen_garbage_stays_until_it_is_unfrozen(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    drop_a_node_circle(heap);
    assert_int_equal(gc_freeze(heap), 2);
    assert_int_equal(gc_collect(heap), 0);
    struct seen seen = { 0 };
    assert_int_equal(gc_unreachable(heap, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
    assert_live(heap, 2);
    assert_int_equal(gc_unfreeze(heap), 2);
    assert_int_equal(gc_collect(heap), 2);
}

static void frozen_objects_die_by_count(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    actor->leaf = leaf_new(heap, 2);
    gc_set_steal(&actor->left, actor_new(heap, 3));
    struct node *node = node_new(heap);
    gc_set_steal(&node->left, node_new(heap));
    (void)gc_freeze(heap);
    gc_decref(actor);
    assert_story(world, "F1 D1 L2 F3 D3 ");
    gc_decref(node);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.objects_live, 0);
    assert_int_equal(stats.bytes_live, 0);
    assert_int_equal(stats.objects_frozen, 0);
    assert_sound(heap);
}

static void what_the_frozen_refer_to_is_alive(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *frozen = node_new(heap);
    (void)gc_freeze(heap);
    struct node *young = node_new(heap);
    gc_set(&frozen->left, young);
    gc_set_steal(&young->left, young); /* only the frozen one holds it from outside */
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(gc_collect(heap), 0);
    assert_sound(heap);
    gc_clear(&frozen->left);
    assert_int_equal(gc_collect(heap), 1);
    gc_decref(frozen);
}

static void garbage_drops_its_references_to_the_frozen(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *frozen = node_new(heap);
    (void)gc_freeze(heap);
    struct node *node = node_new(heap);
    gc_set(&node->left, node);
    gc_set(&node->right, frozen);
    gc_decref(node);
    assert_int_equal(gc_refcount(frozen), 2);
    assert_int_equal(gc_collect(heap), 1);
    assert_int_equal(gc_refcount(frozen), 1);
    gc_decref(frozen);
    assert_live(heap, 0);
}

static void the_unfrozen_are_old(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    (void)gc_freeze(heap);
    (void)gc_collect(heap);
    (void)gc_unfreeze(heap);
    assert_int_equal(gc_generation_of(node), GC_OLD);
    assert_int_equal(stats_of(heap).generations[1].objects, 1);
    gc_set_steal(&node->left, node);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(gc_collect(heap), 1);
}

static uintptr_t page_of(const void *object)
{
    return (uintptr_t)object >> 16;
}

static void nothing_is_born_among_the_frozen(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    enum { COUNT = 8000 };
    struct node **nodes = calloc(COUNT, sizeof(struct node *));
    struct leaf **leaves = calloc(COUNT, sizeof(struct leaf *));
    assert_non_null(nodes);
    assert_non_null(leaves);
    for (size_t i = 0; i < COUNT; i++) {
        nodes[i] = node_new(heap);
        leaves[i] = leaf_new(heap, 1);
    }
    for (size_t i = 0; i < COUNT; i += 2) { /* holes before */
        gc_clear(&nodes[i]);
        gc_clear(&leaves[i]);
    }
    (void)gc_freeze(heap);
    for (size_t i = 1; i < COUNT; i += 4) { /* and after */
        gc_clear(&nodes[i]);
        gc_clear(&leaves[i]);
    }
    for (size_t i = 0; i < 100; i++) {
        struct node *node = node_new(heap);
        struct leaf *leaf = leaf_new(heap, 2);
        for (size_t k = 3; k < COUNT; k += 4) {
            assert_true(page_of(node) != page_of(nodes[k]));
            assert_true(page_of(leaf) != page_of(leaves[k]));
        }
        gc_decref(node);
        gc_decref(leaf);
    }
    assert_sound(heap);
    for (size_t i = 3; i < COUNT; i += 4) {
        gc_decref(nodes[i]);
        gc_decref(leaves[i]);
    }
    free(nodes);
    free(leaves);
}

static void unfrozen_pages_take_births_again(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *first = node_new(heap);
    (void)gc_freeze(heap);
    (void)gc_unfreeze(heap);
    assert_sound(heap);
    struct node *second = node_new(heap);
    assert_ptr_equal((void *)page_of(first), (void *)page_of(second));
    assert_sound(heap);
    gc_decref(first);
    gc_decref(second);
}

static void freezing_and_unfreezing_in_turn_wastes_no_memory(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *list = NULL;
    for (size_t i = 0; i < 100; i++) {
        for (size_t k = 0; k < 100; k++) {
            struct node *node = node_new(heap);
            gc_set(&node->left, list);
            gc_set_steal(&list, node);
        }
        (void)gc_freeze(heap);
        assert_int_equal(gc_unfreeze(heap), (i + 1) * 100);
    }
    assert_sound(heap);
    assert_true(stats_of(heap).pages <= 5); /* 240,000 bytes of nodes */
    gc_clear(&list);
}

enum { TYPES = 10, EACH = 10, ROUNDS = 1000 };

/* A page a type is lost at the first gc_freeze. 100,000 objects of 24 to 96 bytes take 92 pages. */
static void freezing_again_and_again_costs_the_pages_of_what_is_kept(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    static gc_type types[TYPES];
    static struct node *nodes[ROUNDS][TYPES][EACH];
    for (size_t type = 0; type < TYPES; type++) {
        types[type] = node_type;
        types[type].size += type * 8;
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t type = 0; type < TYPES; type++) {
            for (size_t i = 0; i < EACH; i++) {
                nodes[round][type][i] = gc_new(heap, &types[type]);
                assert_non_null(nodes[round][type][i]);
            }
        }
        assert_int_equal(gc_freeze(heap), TYPES * EACH);
        if (round % 100 == 0) {
            assert_sound(heap);
        }
    }
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.objects_frozen, ROUNDS * TYPES * EACH);
    assert_true(stats.pages <= stats.bytes_live / 65536 + 3 * (uint64_t)TYPES);
    assert_int_equal(gc_unfreeze(heap), ROUNDS * TYPES * EACH);
    assert_sound(heap);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < TYPES * EACH; i++) {
            gc_decref(nodes[round][i % TYPES][i / TYPES]);
        }
    }
}

/* Of 10,000 objects a round 100 stay alive; the others die before the next gc_freeze or after
 * it. */
static void freezing_again_and_again_keeps_no_page_of_what_is_dead(void **state)
{
    enum { COUNT = 10000, KEPT = 100 };
    for (unsigned before = 0; before < 2; before++) {
        gc_heap *heap = world_new_heap(*state, NULL);
        static struct node *nodes[COUNT], *kept[100][KEPT];
        for (size_t round = 0; round < 100; round++) {
            for (size_t i = 0; i < COUNT; i++) {
                nodes[i] = node_new(heap);
            }
            if (!before) {
                (void)gc_freeze(heap);
            }
            for (size_t i = 0; i < COUNT; i++) {
                if (i % (COUNT / KEPT) == 0) {
                    kept[round][i / (COUNT / KEPT)] = nodes[i];
                } else {
                    gc_decref(nodes[i]);
                }
            }
            if (before) {
                (void)gc_freeze(heap);
            }
        }
        assert_sound(heap);
        assert_int_equal(stats_of(heap).objects_frozen, 100 * KEPT);
        assert_true(stats_of(heap).pages <= 20); /* four for those kept, four a round */
        for (size_t i = 0; i < 100 * KEPT; i++) {
            gc_decref(kept[i / KEPT][i % KEPT]);
        }
        world_free_heap(*state);
    }
}

static void frozen_and_collectable_objects_can_share_a_page(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *first = node_new(heap);
    (void)gc_freeze(heap);
    struct node *second = node_new(heap);
    drop_a_node_circle(heap);
    assert_int_equal(gc_freeze(heap), 3); /* its garbage stays */
    struct node *third = node_new(heap);
    drop_a_node_circle(heap);
    assert_ptr_equal((void *)page_of(second), (void *)page_of(third));
    assert_int_equal(gc_generation_of(second), GC_FROZEN);
    assert_int_equal(gc_generation_of(third), GC_YOUNG);
    assert_int_equal(stats_of(heap).objects_frozen, 4);
    assert_int_equal(stats_of(heap).generations[0].objects, 3);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(stats_of(heap).objects_frozen, 4);
    assert_int_equal(stats_of(heap).generations[1].objects, 1);
    assert_sound(heap);
    assert_int_equal(gc_unfreeze(heap), 4);
    assert_int_equal(gc_collect(heap), 2);
    gc_decref(first);
    gc_decref(second);
    gc_decref(third);
}

static void births_return_to_a_frozen_page_when_most_of_it_is_dead(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    enum { COUNT = 2000 };
    static struct node *nodes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        nodes[i] = node_new(heap);
    }
    (void)gc_freeze(heap);
    for (size_t i = 0; i < COUNT; i++) {
        if (i % 5 != 0) {
            gc_decref(nodes[i]);
        }
    }
    assert_sound(heap);
    struct node *young = node_new(heap);
    assert_ptr_equal((void *)page_of(young), (void *)page_of(nodes[0]));
    assert_sound(heap);
    gc_decref(young);
    for (size_t i = 0; i < COUNT; i += 5) {
        gc_decref(nodes[i]);
    }
}

static void a_frozen_page_goes_back_when_all_in_it_is_dead(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *list = NULL;
    for (size_t i = 0; i < 20000; i++) {
        struct node *node = node_new(heap);
        gc_set(&node->left, list);
        gc_set_steal(&list, node);
    }
    struct tuple *large = tuple_new(heap, 200000);
    (void)gc_freeze(heap);
    assert_true(stats_of(heap).pages > 5);
    gc_clear(&list);
    gc_decref(large);
    (void)gc_heap_trim(heap);
    assert_int_equal(stats_of(heap).pages, 0);
    assert_sound(heap);
    gc_decref(node_new(heap)); /* in what was a frozen page */
    assert_sound(heap);
}

static void tails_and_large_objects_can_be_frozen(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    const size_t counts[] = { 0, 3, 100, 3000, 20000, 300000 };
    struct tuple *tuples[6];
    for (size_t i = 0; i < 6; i++) {
        tuples[i] = tuple_new(heap, counts[i]);
    }
    assert_int_equal(gc_freeze(heap), 6);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(gc_unfreeze(heap), 6);
    assert_sound(heap);
    for (size_t i = 0; i < 6; i++) {
        gc_decref(tuples[i]);
    }
}

static void freeze_inside(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_freeze(world->heap) == 0);
    expect(world, gc_unfreeze(world->heap) == 0);
}

static void freezing_inside_a_collection_does_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *frozen = node_new(heap);
    (void)gc_freeze(heap);
    struct node *node = node_new(heap);
    world->on_finalize = world->on_destroy = freeze_inside;
    (void)drop_an_actor_circle(heap, 1);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(stats_of(heap).objects_frozen, 1);
    assert_int_equal(gc_generation_of(node), GC_OLD);
    gc_decref(node);
    gc_decref(frozen);
}

static void freeze_and_count(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_freeze(world->heap) == 1);
}

static void freezing_inside_a_death_leaves_the_dying(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct actor *actor = actor_new(heap, 1);
    world->on_destroy = freeze_and_count;
    gc_decref(actor);
    assert_int_equal(gc_generation_of(node), GC_FROZEN);
    assert_sound(heap);
    assert_live(heap, 1);
    gc_decref(node);
}

static void keep_in_memo(struct world *world, struct actor *actor)
{
    world->memo = gc_newref(actor);
}

static void a_frozen_object_that_is_resurrected_is_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    (void)gc_freeze(heap);
    world->on_finalize = keep_in_memo;
    gc_decref(actor);
    assert_ptr_equal(world->memo, actor);
    assert_int_equal(gc_generation_of(actor), GC_OLD);
    assert_int_equal(stats_of(heap).objects_frozen, 0);
    assert_int_equal(stats_of(heap).generations[1].objects, 1);
    assert_sound(heap);
    gc_decref(world->memo);
    assert_story(world, "F1 D1 ");
}

static void saved_garbage_stays_saved_until_it_is_old(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    drop_a_node_circle(heap);
    (void)gc_collect(heap);
    (void)gc_set_debug(heap, 0);
    (void)gc_freeze(heap);
    struct seen seen = { 0 };
    (void)gc_each_object(heap, GC_SAVED, seen_add, &seen);
    assert_int_equal(seen.count, 2);
    assert_sound(heap);
    assert_int_equal(gc_release_saved(heap), 2);
    assert_int_equal(gc_generation_of(seen.objects[0]), GC_OLD);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 2);
}

static void the_frozen_can_be_enumerated(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *frozen = node_new(heap);
    (void)gc_freeze(heap);
    struct node *young = node_new(heap);
    struct seen seen = { 0 }, all = { 0 }, old = { 0 };
    (void)gc_each_object(heap, GC_FROZEN, seen_add, &seen);
    (void)gc_each_object(heap, GC_OLD, seen_add, &old);
    (void)gc_each_object(heap, -1, seen_add, &all);
    assert_int_equal(seen.count, 1);
    assert_ptr_equal(seen.objects[0], frozen);
    assert_int_equal(old.count, 0);
    assert_int_equal(all.count, 2);
    gc_decref(frozen);
    gc_decref(young);
}

static void the_frozen_are_among_referrers(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *frozen = node_new(heap), *target = node_new(heap);
    gc_set(&frozen->left, target);
    (void)gc_freeze(heap);
    struct seen seen = { 0 };
    (void)gc_referrers(heap, target, seen_add, &seen);
    assert_int_equal(seen.count, 1);
    assert_ptr_equal(seen.objects[0], frozen);
    gc_decref(target);
    gc_decref(frozen);
}

static void what_is_frozen_does_not_count_for_full_collections(void **state)
{
    gc_config config = { .thresholds = { 1000, SIZE_MAX, 50, 100000 },
                         .slice_ns = SIZE_MAX,
                         .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    struct string *ballast = gc_new_var(heap, &string_type, 10000000);
    struct node *list = NULL;
    assert_non_null(ballast);
    (void)gc_freeze(heap);
    assert_int_equal(stats_of(heap).bytes_grown_old, 0);
    for (size_t i = 0; i < 20000; i++) { /* 480,000 bytes; half of the ballast would be 5 million */
        struct node *node = node_new(heap);
        gc_set(&node->left, list);
        gc_set_steal(&list, node);
    }
    assert_true(stats_of(heap).generations[1].collections >= 2);
    gc_clear(&list);
    gc_decref(ballast);
}

static void unfreezing_nothing_puts_no_collection_off(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    assert_int_equal(gc_unfreeze(heap), 0);
    assert_int_equal(stats_of(heap).bytes_grown_old, sizeof(struct node));
    gc_decref(node);
}

static void note_call(gc_weak *weak, void *arg)
{
    (void)weak;
    ++*(unsigned *)arg;
}

static void weak_references_to_the_frozen_work_as_ever(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    unsigned calls = 0;
    struct node *node = node_new(heap);
    gc_weak *weak = gc_weak_new(node, note_call, &calls);
    assert_non_null(weak);
    assert_int_equal(gc_freeze(heap), 2); /* one with a callback is a container */
    assert_int_equal(gc_collect(heap), 0);
    struct node *again = gc_weak_get(weak);
    assert_ptr_equal(again, node);
    gc_decref(again);
    gc_decref(node);
    assert_int_equal(calls, 1);
    assert_null(gc_weak_get(weak));
    assert_sound(heap);
    gc_decref(weak);
}

static void a_heap_with_frozen_objects_can_be_freed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)actor_new(heap, 1);
    (void)drop_an_actor_circle(heap, 2);
    (void)gc_freeze(heap);
    world_free_heap(world);
    assert_int_equal(world->finalized, 3);
    assert_int_equal(world->destroyed, 3);
}

/* Forks
 * =====
 * The child's kernel copies a page of 4 KiB when it is written to first. It then is private and
 * dirty. */

enum { SHARED_NODES = 400000, SHARED_PAGES = SHARED_NODES * 24 / 4096 };

static long private_pages(void)
{
    char text[4096];
    int file = open("/proc/self/smaps_rollup", O_RDONLY);
    ssize_t size = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
    if (file >= 0) {
        (void)close(file);
    }
    if (size <= 0) {
        return -1;
    }
    text[size] = '\0';
    const char *line = strstr(text, "Private_Dirty:");
    return line == NULL ? -1 : strtol(line + strlen("Private_Dirty:"), NULL, 10) / 4;
}

/* How many pages a child copies that makes garbage and collects, or -1: nobody can tell. */
static long pages_copied_by_a_child(gc_heap *heap)
{
    int ends[2];
    long copied = -1;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        long before = private_pages();
        for (size_t i = 0; i < 3; i++) {
            drop_a_node_circle(heap);
            (void)gc_collect_generation(heap, i == 0 ? 0 : 1);
        }
        long after = private_pages();
        copied = before < 0 || after < before ? -1 : after - before;
        _exit(write(ends[1], &copied, sizeof(copied)) == sizeof(copied) ? 0 : 1);
    }
    int status;
    assert_int_equal(read(ends[0], &copied, sizeof(copied)), sizeof(copied));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return copied;
}

static void after_a_fork_a_collection_copies_no_frozen_page(void **state)
{
    (void)state;
    if (OURO_CHECKS >= 3) {
        return; /* the checker, which runs around each collection, writes to all objects */
    }
    gc_config config = quiet(); /* and memory from the system */
    gc_heap *heap = gc_heap_new(&config);
    assert_non_null(heap);
    struct node *list = NULL;
    for (size_t i = 0; i < SHARED_NODES; i++) {
        struct node *node = node_new(heap);
        gc_set(&node->left, list);
        gc_set_steal(&list, node);
    }
    long warm = pages_copied_by_a_child(heap);
    (void)gc_freeze(heap);
    long frozen = pages_copied_by_a_child(heap);
    print_message("# %d pages of nodes; copied by a child that collects: %ld, frozen: %ld\n",
                  SHARED_PAGES, warm, frozen);
    if (warm >= 0) {
        assert_true(warm > SHARED_PAGES / 2);
    }
    if (frozen >= 0) {
        assert_true(frozen < SHARED_PAGES / 16); /* an emulator takes a hundred for itself */
    }
    gc_clear(&list);
    gc_heap_free(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(freezing_says_how_many_containers),
        world_test(the_frozen_are_in_no_generation),
        world_test(leaves_are_not_frozen),
        world_test(the_frozen_are_not_examined),
        world_test(frozen_garbage_stays_until_it_is_unfrozen),
        world_test(frozen_objects_die_by_count),
        world_test(what_the_frozen_refer_to_is_alive),
        world_test(garbage_drops_its_references_to_the_frozen),
        world_test(the_unfrozen_are_old),
        world_test(nothing_is_born_among_the_frozen),
        world_test(unfrozen_pages_take_births_again),
        world_test(freezing_and_unfreezing_in_turn_wastes_no_memory),
        world_test(freezing_again_and_again_costs_the_pages_of_what_is_kept),
        world_test(freezing_again_and_again_keeps_no_page_of_what_is_dead),
        world_test(frozen_and_collectable_objects_can_share_a_page),
        world_test(births_return_to_a_frozen_page_when_most_of_it_is_dead),
        world_test(a_frozen_page_goes_back_when_all_in_it_is_dead),
        world_test(tails_and_large_objects_can_be_frozen),
        world_test(freezing_inside_a_collection_does_nothing),
        world_test(freezing_inside_a_death_leaves_the_dying),
        world_test(a_frozen_object_that_is_resurrected_is_old),
        world_test(saved_garbage_stays_saved_until_it_is_old),
        world_test(the_frozen_can_be_enumerated),
        world_test(the_frozen_are_among_referrers),
        world_test(what_is_frozen_does_not_count_for_full_collections),
        world_test(unfreezing_nothing_puts_no_collection_off),
        world_test(weak_references_to_the_frozen_work_as_ever),
        world_test(a_heap_with_frozen_objects_can_be_freed),
        world_test(after_a_fork_a_collection_copies_no_frozen_page),
    };
    return cmocka_run_group_tests_name("freeze", tests, NULL, NULL);
}
