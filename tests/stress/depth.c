/* SPDX-License-Identifier: MIT */
/* Depth: structures of any depth are built, examined, collected and dropped by a thread with a
 * stack of 64 KiB. One stack frame an object, anywhere, would need a hundred times as much. */

#include "../support.h"

/* What the small thread does, and what it answers. */
struct job {
    struct world *world;
    gc_heap *heap;
    size_t count;
    void *object;
    size_t result;
};

static void run(struct job *job, void *(*work)(void *job))
{
    run_on_a_small_stack(work, job);
}

static void *drop_it(void *arg)
{
    struct job *job = arg;
    gc_decref(job->object);
    return NULL;
}

static void *collect_all(void *arg)
{
    struct job *job = arg;
    job->result = gc_collect(job->heap);
    return NULL;
}

static void *collect_young(void *arg)
{
    struct job *job = arg;
    job->result = gc_collect_generation(job->heap, 0);
    return NULL;
}

static void *check_it(void *arg)
{
    struct job *job = arg;
    job->result = gc_check(job->heap);
    return NULL;
}

static int count_visit(void *object, void *arg)
{
    (void)object;
    ++*(size_t *)arg;
    return 0;
}

static void *list_unreachable(void *arg)
{
    struct job *job = arg;
    job->result = 0;
    (void)gc_unreachable(job->heap, count_visit, &job->result);
    return NULL;
}

static void *list_referrers(void *arg)
{
    struct job *job = arg;
    job->result = 0;
    (void)gc_referrers(job->heap, job->object, count_visit, &job->result);
    return NULL;
}

static void *free_the_heap(void *arg)
{
    struct job *job = arg;
    gc_heap_free(job->heap);
    return NULL;
}

static struct job job_new(struct world *world, size_t count)
{
    return (
        struct job){ .world = world, .heap = world_new_heap(world, NULL), .count = scaled(count) };
}

/* Structures
 * ========== */

static struct node *list_of(gc_heap *heap, size_t count)
{
    struct node *list = NULL;
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    return list;
}

static void list_of_ten_million_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 10000000);
    job.object = list_of(job.heap, job.count);
    assert_live(job.heap, job.count);
    run(&job, drop_it);
    assert_live(job.heap, 0);
    assert_sound(job.heap);
}

static void list_to_the_right_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    struct node *list = NULL;
    for (size_t i = 0; i < job.count; i++) {
        struct node *node = node_new(job.heap);
        node->right = list;
        list = node;
    }
    job.object = list;
    run(&job, drop_it);
    assert_live(job.heap, 0);
}

static void list_in_the_order_of_birth_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    struct node *last = node_new(job.heap);
    job.object = last;
    for (size_t i = 1; i < job.count; i++) {
        last->left = node_new(job.heap);
        last = last->left;
    }
    run(&job, drop_it);
    assert_live(job.heap, 0);
}

/* A spine that bends left and right, with a twig at each joint. */
static void bent_tree_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    struct node *tree = NULL;
    for (size_t i = 0; i < job.count / 2; i++) {
        struct node *node = node_new(job.heap), *twig = node_new(job.heap);
        node->left = i % 2 == 0 ? tree : twig;
        node->right = i % 2 == 0 ? twig : tree;
        tree = node;
    }
    job.object = tree;
    if (tree != NULL) {
        run(&job, drop_it);
    }
    assert_live(job.heap, 0);
}

static void bushy_tree_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1 << 20);
    struct node **layer = calloc(job.count, sizeof(struct node *));
    size_t width = job.count / 2 + 1;
    assert_non_null(layer);
    for (size_t i = 0; i < width; i++) {
        layer[i] = node_new(job.heap);
    }
    while (width > 1) {
        for (size_t i = 0; i < width / 2; i++) {
            struct node *parent = node_new(job.heap);
            parent->left = layer[2 * i];
            parent->right = layer[2 * i + 1];
            layer[i] = parent;
        }
        if (width % 2 != 0) {
            layer[width / 2] = layer[width - 1];
        }
        width = (width + 1) / 2;
    }
    job.object = layer[0];
    free(layer);
    run(&job, drop_it);
    assert_live(job.heap, 0);
}

static void wide_object_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    struct tuple *tuple = tuple_new(job.heap, job.count);
    for (size_t i = 0; i < job.count; i++) {
        tuple->items[i] = node_new(job.heap);
    }
    job.object = tuple;
    run(&job, drop_it);
    assert_live(job.heap, 0);
}

static void list_of_tuples_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 500000);
    struct tuple *list = NULL;
    for (size_t i = 0; i < job.count; i++) {
        struct tuple *tuple = tuple_new(job.heap, 1 + i % 20);
        gc_set_steal(&tuple->items[i % (1 + i % 20)], list);
        list = tuple;
    }
    job.object = list;
    run(&job, drop_it);
    assert_live(job.heap, 0);
}

static void list_of_leaves_and_actors_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 500000);
    struct actor *list = NULL;
    for (size_t i = 0; i < job.count; i++) {
        struct actor *actor = actor_new(job.heap, 0);
        actor->leaf = leaf_new(job.heap, 0);
        actor->right = list;
        list = actor;
    }
    job.object = list;
    run(&job, drop_it);
    assert_live(job.heap, 0);
    assert_int_equal(job.world->finalized, job.count);
    assert_int_equal(job.world->destroyed, 2 * job.count);
}

/* Traverse without clear: destroy drops the next. */
struct stone {
    gc_object object;
    struct stone *next;
};

static void stone_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct stone *)(void *)self)->next);
}

static void stone_drop(gc_object *self)
{
    gc_clear(&((struct stone *)(void *)self)->next);
}

static const gc_type stone_type = {
    .name = "stone",
    .size = sizeof(struct stone),
    .traverse = stone_traverse,
    .destroy = stone_drop,
};

static const gc_type clearing_stone_type = {
    .name = "clearing stone",
    .size = sizeof(struct stone),
    .traverse = stone_traverse,
    .clear = stone_drop,
};

static struct stone *list_of_stones(gc_heap *heap, const gc_type *type, size_t count)
{
    struct stone *list = NULL;
    for (size_t i = 0; i < count; i++) {
        struct stone *stone = gc_new(heap, type);
        assert_non_null(stone);
        stone->next = list;
        list = stone;
    }
    return list;
}

static void list_dropped_by_destroy_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    job.object = list_of_stones(job.heap, &stone_type, job.count);
    run(&job, drop_it);
    assert_live(job.heap, 0);
}

static void list_dropped_by_clear_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    job.object = list_of_stones(job.heap, &clearing_stone_type, job.count);
    run(&job, drop_it);
    assert_live(job.heap, 0);
}

static void drop_left(struct world *world, struct actor *actor)
{
    (void)world;
    gc_clear(&actor->left);
}

static void list_dropped_by_finalizers_dies_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 500000);
    struct actor *list = NULL;
    job.world->on_finalize = drop_left;
    for (size_t i = 0; i < job.count; i++) {
        struct actor *actor = actor_new(job.heap, 0);
        actor->left = list;
        list = actor;
    }
    job.object = list;
    run(&job, drop_it);
    assert_live(job.heap, 0);
    assert_int_equal(job.world->destroyed, job.count);
}

/* Collections
 * =========== */

static void deep_list_is_marked_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    job.object = list_of(job.heap, job.count);
    run(&job, collect_young);
    assert_int_equal(job.result, 0);
    run(&job, collect_all);
    assert_int_equal(job.result, 0);
    run(&job, check_it);
    assert_int_equal(job.result, true);
    run(&job, list_unreachable);
    assert_int_equal(job.result, 0);
    run(&job, list_referrers);
    assert_int_equal(job.result, 0);
    assert_live(job.heap, job.count);
    run(&job, drop_it);
    assert_live(job.heap, 0);
}

/* Marking from the last born to the first, and from the first born to the last. */
static void deep_list_in_the_order_of_birth_is_marked_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    struct node *last = node_new(job.heap);
    job.object = last;
    for (size_t i = 1; i < job.count; i++) {
        last->right = node_new(job.heap);
        last = last->right;
    }
    run(&job, collect_all);
    assert_int_equal(job.result, 0);
    run(&job, drop_it);
    assert_live(job.heap, 0);
}

static void make_a_circle_of(struct job *job)
{
    struct node *list = list_of(job->heap, job->count), *last = list;
    while (last->left != NULL) {
        last = last->left;
    }
    gc_set_steal(&last->left, list);
}

static void circle_of_a_million_is_collected_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    make_a_circle_of(&job);
    run(&job, list_unreachable);
    assert_int_equal(job.result, job.count);
    run(&job, collect_all);
    assert_int_equal(job.result, job.count);
    assert_live(job.heap, 0);
}

static void young_circle_of_a_million_is_collected_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    make_a_circle_of(&job);
    run(&job, collect_young);
    assert_int_equal(job.result, job.count);
    assert_live(job.heap, 0);
}

static void circle_of_actors_is_collected_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 300000);
    struct actor *first = actor_new(job.heap, 0), *last = first;
    for (size_t i = 1; i < job.count; i++) {
        last->left = actor_new(job.heap, 0);
        last = last->left;
    }
    gc_set_steal(&last->left, first);
    run(&job, collect_all);
    assert_int_equal(job.result, job.count);
    assert_int_equal(job.world->finalized, job.count);
    assert_int_equal(job.world->destroyed, job.count);
    assert_live(job.heap, 0);
}

static void list_on_a_circle_is_collected_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    struct node *circle = node_new(job.heap);
    gc_set(&circle->left, circle);
    circle->right = list_of(job.heap, job.count);
    gc_decref(circle);
    run(&job, collect_all);
    assert_int_equal(job.result, job.count + 1);
    assert_live(job.heap, 0);
}

/* Destroy and finalize that collect
 * ================================= */

static void collect_here(struct world *world, struct actor *actor)
{
    (void)actor;
    (void)gc_collect(world->heap);
}

static void collect_the_young_here(struct world *world, struct actor *actor)
{
    (void)actor;
    (void)gc_collect_generation(world->heap, 0);
}

static void verify_chain(struct world *world, size_t count, bool in_finalize,
                         void (*callback)(struct world *world, struct actor *actor))
{
    struct job job = job_new(world, count);
    struct actor *list = NULL;
    for (size_t i = 0; i < job.count; i++) {
        struct actor *actor = actor_new(job.heap, 0);
        actor->left = list;
        list = actor;
    }
    world->on_finalize = in_finalize ? callback : NULL;
    world->on_destroy = in_finalize ? NULL : callback;
    job.object = list;
    run(&job, drop_it);
    assert_int_equal(world->finalized, job.count);
    assert_int_equal(world->destroyed, job.count);
    assert_live(job.heap, 0);
    assert_sound(job.heap);
}

static void chain_of_destroys_that_collect_grows_no_stack(void **state)
{
    verify_chain(*state, 1500, false, collect_here);
}

static void chain_of_destroys_that_collect_the_young_grows_no_stack(void **state)
{
    verify_chain(*state, 4000, false, collect_the_young_here);
}

static void chain_of_finalizers_that_collect_grows_no_stack(void **state)
{
    verify_chain(*state, 1500, true, collect_here);
}

static void chain_of_finalizers_that_collect_the_young_grows_no_stack(void **state)
{
    verify_chain(*state, 4000, true, collect_the_young_here);
}

static void allocate_here(struct world *world, struct actor *actor)
{
    (void)actor;
    for (int i = 0; i < 10; i++) {
        struct node *node = gc_new(world->heap, &node_type);
        expect(world, node != NULL);
        if (node != NULL) {
            gc_set(&node->left, node);
            gc_decref(node);
        }
    }
}

/* The collections start by themselves, in the allocations of the callbacks. */
static void chain_of_destroys_that_allocate_grows_no_stack(void **state)
{
    struct world *world = *state;
    gc_config config = { .thresholds = { .young_objects = 50 } };
    struct job job = { .world = world,
                       .heap = world_new_heap(world, &config),
                       .count = scaled(5000) };
    struct actor *list = NULL;
    for (size_t i = 0; i < job.count; i++) {
        struct actor *actor = actor_new(job.heap, 0);
        actor->left = list;
        list = actor;
    }
    world->on_destroy = allocate_here;
    job.object = list;
    run(&job, drop_it);
    assert_int_equal(world->destroyed, job.count);
    (void)gc_collect(job.heap);
    assert_live(job.heap, 0);
}

/* The end
 * ======= */

static void heap_with_a_deep_list_is_freed_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 1000000);
    job.object = list_of(job.heap, job.count);
    run(&job, free_the_heap);
    job.world->heap = NULL;
}

static void heap_with_deep_chains_of_all_kinds_is_freed_on_a_small_stack(void **state)
{
    struct job job = job_new(*state, 200000);
    struct actor *list = NULL;
    for (size_t i = 0; i < job.count; i++) {
        struct actor *actor = actor_new(job.heap, 0);
        actor->left = list;
        list = actor;
    }
    (void)list_of_stones(job.heap, &stone_type, job.count);
    (void)list_of_stones(job.heap, &clearing_stone_type, job.count);
    make_a_circle_of(&job);
    run(&job, free_the_heap);
    job.world->heap = NULL;
    assert_int_equal(job.world->finalized, job.count);
    assert_int_equal(job.world->destroyed, job.count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(list_of_ten_million_dies_on_a_small_stack),
        world_test(list_to_the_right_dies_on_a_small_stack),
        world_test(list_in_the_order_of_birth_dies_on_a_small_stack),
        world_test(bent_tree_dies_on_a_small_stack),
        world_test(bushy_tree_dies_on_a_small_stack),
        world_test(wide_object_dies_on_a_small_stack),
        world_test(list_of_tuples_dies_on_a_small_stack),
        world_test(list_of_leaves_and_actors_dies_on_a_small_stack),
        world_test(list_dropped_by_destroy_dies_on_a_small_stack),
        world_test(list_dropped_by_clear_dies_on_a_small_stack),
        world_test(list_dropped_by_finalizers_dies_on_a_small_stack),
        world_test(deep_list_is_marked_on_a_small_stack),
        world_test(deep_list_in_the_order_of_birth_is_marked_on_a_small_stack),
        world_test(circle_of_a_million_is_collected_on_a_small_stack),
        world_test(young_circle_of_a_million_is_collected_on_a_small_stack),
        world_test(circle_of_actors_is_collected_on_a_small_stack),
        world_test(list_on_a_circle_is_collected_on_a_small_stack),
        world_test(chain_of_destroys_that_collect_grows_no_stack),
        world_test(chain_of_destroys_that_collect_the_young_grows_no_stack),
        world_test(chain_of_finalizers_that_collect_grows_no_stack),
        world_test(chain_of_finalizers_that_collect_the_young_grows_no_stack),
        world_test(chain_of_destroys_that_allocate_grows_no_stack),
        world_test(heap_with_a_deep_list_is_freed_on_a_small_stack),
        world_test(heap_with_deep_chains_of_all_kinds_is_freed_on_a_small_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
