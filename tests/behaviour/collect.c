/* SPDX-License-Identifier: MIT */
/* Collections: what they find, what they return, and which generation they look at. */

#include "../support.h"

/* Garbage
 * ======= */

static void object_that_holds_itself_is_collected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1);
    gc_set(&a->left, a);
    gc_decref(a);
    assert_story(world, "");
    assert_int_equal(gc_collect(heap), 1);
    assert_story(world, "F1 D1 ");
    assert_sound(heap);
}

static void circle_of_two_is_collected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    drop_an_actor_circle(heap, 1);
    assert_live(heap, 2);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->finalized, 2);
    assert_int_equal(world->destroyed, 2);
    assert_live(heap, 0);
}

static void circle_of_many_types_is_collected(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    struct actor *actor = actor_new(heap, 1);
    struct tuple *tuple = tuple_new(heap, 3), *large = tuple_new(heap, 20000);
    gc_set(&node->left, actor);
    gc_set(&actor->left, tuple);
    gc_set(&tuple->items[1], large);
    gc_set(&large->items[19999], node);
    gc_decref(node);
    gc_decref(actor);
    gc_decref(tuple);
    gc_decref(large);
    assert_live(heap, 4);
    assert_int_equal(gc_collect(heap), 4);
    assert_live(heap, 0);
}

static void circle_of_a_hundred_thousand_is_collected(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    size_t count = scaled(100000);
    struct node *first = node_new(heap), *last = first;
    for (size_t i = 1; i < count; i++) {
        last->left = node_new(heap);
        last = last->left;
    }
    gc_set_steal(&last->left, first);
    assert_sound(heap);
    assert_live(heap, count);
    assert_int_equal(gc_collect(heap), count);
    assert_live(heap, 0);
}

static void what_hangs_on_garbage_goes_with_it_and_counts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = drop_an_actor_circle(heap, 1);
    a->right = actor_new(heap, 3);
    a->right->right = actor_new(heap, 4);
    assert_int_equal(gc_collect(heap), 4);
    assert_int_equal(world->destroyed, 4);
    assert_live(heap, 0);
}

static void leaves_are_freed_and_do_not_count(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = drop_an_actor_circle(heap, 1);
    a->leaf = leaf_new(heap, 3);
    a->left->leaf = leaf_new(heap, 4);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->destroyed, 4);
    assert_live(heap, 0);
}

static void what_the_program_holds_stays(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1), *b = actor_new(heap, 2);
    gc_set(&a->left, b);
    gc_set_steal(&b->left, a);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "");
    assert_ptr_equal(b->left, a);
    assert_ptr_equal(a->left, b);
    assert_int_equal(gc_refcount(a), 1);
    assert_int_equal(gc_refcount(b), 2);
    gc_decref(b);
    assert_int_equal(gc_collect(heap), 2);
}

static void what_live_objects_reach_stays(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *root = node_new(heap);
    struct node *last = root;
    for (int i = 0; i < 1000; i++) {
        last->right = node_new(heap);
        last = last->right;
    }
    gc_set(&last->left, root->right);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_live(heap, 1001);
    assert_sound(heap);
    gc_decref(root);
    assert_live(heap, 1000);
    assert_int_equal(gc_collect(heap), 1000);
}

static void garbage_may_refer_to_the_living(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *alive = actor_new(heap, 9);
    struct actor *a = drop_an_actor_circle(heap, 1);
    gc_set(&a->right, alive);
    gc_set(&a->left->right, alive);
    assert_int_equal(gc_refcount(alive), 3);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(gc_refcount(alive), 1);
    assert_int_equal(world->destroyed, 2);
    assert_sound(heap);
    gc_decref(alive);
}

static void several_circles_go_at_once(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    for (int i = 0; i < 1000; i++) {
        drop_a_node_circle(heap);
    }
    assert_int_equal(gc_collect(heap), 2000);
    assert_int_equal(gc_collect(heap), 0);
    assert_live(heap, 0);
}

static void circle_made_by_moving_pointers_is_found(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    (void)gc_collect(heap);
    /* The program's references become those of the circle; no count is touched. */
    a->left = b;
    b->left = a;
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_live(heap, 0);
}

static void object_moved_out_of_garbage_in_time_stays(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap), *saved = NULL;
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    gc_decref(b);
    gc_swap(&a->left, &saved);
    gc_decref(a);
    assert_int_equal(gc_collect(heap), 0);
    assert_ptr_equal(saved, b);
    assert_sound(heap);
    gc_clear(&saved);
    assert_live(heap, 0);
}

/* Return values
 * ============= */

static void collection_of_an_empty_heap_returns_0(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(gc_collect_generation(heap, 1), 0);
    assert_sound(heap);
}

static void second_collection_returns_0(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(gc_collect(heap), 0);
}

static void nest(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_collect(world->heap) == 0);
    expect(world, gc_collect_generation(world->heap, 0) == 0);
    expect(world, gc_collect_generation(world->heap, 1) == 0);
}

static void nested_collection_in_a_finalizer_returns_0(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = nest;
    drop_an_actor_circle(heap, 1);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 4);
    assert_int_equal(stats_of(heap).generations[0].collections, 0);
    assert_int_equal(stats_of(heap).generations[1].collections, 1);
}

static void nested_collection_in_destroy_returns_0(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_destroy = nest;
    drop_an_actor_circle(heap, 1);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(stats_of(heap).generations[1].collections, 1);
}

/* Generations
 * =========== */

static void new_containers_are_young(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    assert_int_equal(stats_of(heap).generations[0].objects, 2);
    assert_int_equal(stats_of(heap).generations[1].objects, 0);
    struct seen young = { 0 }, old = { 0 };
    (void)gc_each_object(heap, 0, seen_add, &young);
    (void)gc_each_object(heap, 1, seen_add, &old);
    assert_int_equal(young.count, 2);
    assert_int_equal(old.count, 0);
    gc_decref(a);
    assert_int_equal(stats_of(heap).generations[0].objects, 1);
    gc_decref(b);
    assert_int_equal(stats_of(heap).generations[0].objects, 0);
}

static void survivors_of_a_young_collection_are_old(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    struct node *b = node_new(heap);
    assert_int_equal(stats_of(heap).generations[0].objects, 1);
    assert_int_equal(stats_of(heap).generations[1].objects, 1);
    struct seen young = { 0 }, old = { 0 };
    (void)gc_each_object(heap, 0, seen_add, &young);
    (void)gc_each_object(heap, 1, seen_add, &old);
    assert_int_equal(young.count, 1);
    assert_int_equal(old.count, 1);
    assert_ptr_equal(young.objects[0], b);
    assert_ptr_equal(old.objects[0], a);
    gc_decref(a);
    gc_decref(b);
}

static void survivors_of_a_full_collection_are_old(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(stats_of(heap).generations[0].objects, 0);
    assert_int_equal(stats_of(heap).generations[1].objects, 1);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(stats_of(heap).generations[1].objects, 1);
    gc_decref(a);
    assert_int_equal(stats_of(heap).generations[1].objects, 0);
}

static void young_collection_frees_young_garbage_only(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1), *b = actor_new(heap, 2);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    gc_decref(a);
    gc_decref(b);
    drop_an_actor_circle(heap, 3);
    assert_int_equal(gc_collect_generation(heap, 0), 2);
    assert_int_equal(world->destroyed, 2);
    assert_live(heap, 2);
    assert_null(strstr(world->story, "D1"));
    assert_sound(heap);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_live(heap, 2);
    assert_int_equal(gc_collect_generation(heap, 1), 2);
    assert_live(heap, 0);
}

static void young_collection_takes_the_old_for_live(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *old = node_new(heap);
    (void)gc_collect_generation(heap, 0);
    struct node *young = node_new(heap);
    gc_set(&old->left, young);
    gc_set_steal(&young->left, old);
    gc_decref(young);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_live(heap, 2);
    assert_int_equal(gc_collect(heap), 2);
}

static void young_object_held_by_an_old_one_alone_survives(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *old = node_new(heap);
    (void)gc_collect(heap);
    old->left = node_new(heap);
    old->left->left = node_new(heap);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_live(heap, 3);
    assert_int_equal(stats_of(heap).generations[1].objects, 3);
    assert_sound(heap);
    gc_decref(old);
    assert_live(heap, 0);
}

static void full_collection_is_generation_1(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    (void)gc_collect(heap);
    (void)gc_collect_generation(heap, 1);
    (void)gc_collect_generation(heap, 0);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.generations[0].collections, 1);
    assert_int_equal(stats.generations[1].collections, 2);
}

static struct node *kept_from_the_finalizer;

static void allocate_during(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        kept_from_the_finalizer = gc_new(world->heap, &node_type);
        expect(world, kept_from_the_finalizer != NULL);
    }
}

static void object_born_in_a_collection_is_young(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = allocate_during;
    drop_an_actor_circle(heap, 1);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(stats_of(heap).generations[0].objects, 1);
    assert_int_equal(gc_refcount(kept_from_the_finalizer), 1);
    assert_sound(heap);
    world->on_finalize = NULL;
    world->on_destroy = allocate_during;
    gc_decref(kept_from_the_finalizer);
    drop_an_actor_circle(heap, 1);
    assert_int_equal(gc_collect_generation(heap, 0), 2);
    assert_int_equal(stats_of(heap).generations[0].objects, 1);
    assert_sound(heap);
    gc_decref(kept_from_the_finalizer);
}

static void drop_circles_during(struct world *world, struct actor *actor)
{
    (void)actor;
    for (int i = 0; i < 100; i++) {
        struct node *node = gc_new(world->heap, &node_type);
        expect(world, node != NULL);
        if (node != NULL) {
            gc_set(&node->left, node);
            gc_decref(node);
        }
    }
}

static void garbage_made_in_a_collection_waits_for_the_next(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = drop_circles_during;
    drop_an_actor_circle(heap, 1);
    assert_int_equal(gc_collect(heap), 2);
    assert_live(heap, 200);
    assert_int_equal(gc_collect_generation(heap, 0), 200);
}

/* Plain garbage
 * =============
 * Nodes have no callbacks, so nobody sees them go. What they hold may have some. */

static void use_everything(struct world *world, struct leaf *leaf)
{
    (void)leaf;
    expect(world, gc_check(world->heap));
    expect(world, gc_collect(world->heap) == 0);
    struct seen seen = { 0 };
    (void)gc_each_object(world->heap, -1, seen_add, &seen);
    expect(world, seen_times(&seen, leaf) == 0);
    for (int i = 0; i < 100; i++) {
        struct node *node = gc_new(world->heap, &node_type);
        expect(world, node != NULL);
        if (node == NULL) {
            break;
        }
        expect(world, node->left == NULL && node->right == NULL);
        gc_set(&node->left, node);
        gc_decref(node);
        node = gc_new(world->heap, &node_type);
        gc_xdecref(node);
    }
    expect(world, gc_check(world->heap));
}

static void leaves_of_plain_garbage_may_use_ouro_when_they_die(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *alive = node_new(heap);
    for (unsigned i = 0; i < 50; i++) {
        struct node *node = node_new(heap);
        gc_set(&node->left, node);
        gc_set_steal(&node->right, leaf_new(heap, i));
        gc_decref(node);
    }
    world->on_leaf = use_everything;
    assert_int_equal(gc_collect(heap), 50);
    assert_int_equal(world->destroyed, 50);
    world->on_leaf = NULL;
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 50 * 100);
    assert_live(heap, 1);
    gc_decref(alive);
}

static void finalize_with_everything(struct world *world, struct actor *actor)
{
    (void)actor;
    use_everything(world, NULL);
    if (actor->id == 1) {
        world->note = gc_newref(actor);
    }
}

/* Old actors that only young plain garbage holds die by count, in the middle of the collection. */
static void old_objects_that_plain_garbage_held_die_with_it(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actors[3];
    for (unsigned i = 0; i < 3; i++) {
        actors[i] = actor_new(heap, i);
        actors[i]->leaf = leaf_new(heap, 10 + i);
    }
    (void)gc_collect(heap);
    for (unsigned i = 0; i < 3; i++) {
        struct node *node = node_new(heap);
        gc_set(&node->left, node);
        gc_set_steal(&node->right, actors[i]);
        gc_decref(node);
    }
    world->on_finalize = finalize_with_everything;
    assert_int_equal(gc_collect_generation(heap, 0), 3);
    assert_int_equal(world->finalized, 3);
    assert_int_equal(world->destroyed, 4);
    assert_int_equal(actors[1]->leaf->id, 11);
    assert_sound(heap);
    world->on_finalize = NULL;
    gc_decref(world->note);
    (void)gc_collect(heap);
    assert_live(heap, 0);
}

static void plain_garbage_of_every_shape_goes(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *alive = node_new(heap);
    for (size_t i = 0; i < 500; i++) {
        struct tuple *tuple = tuple_new(heap, i % 7 == 0 ? 9000 + i : 1 + i % 30);
        struct node *node = node_new(heap);
        size_t last = gc_tail_length(tuple) - 1;
        gc_set(&tuple->items[last], node);
        gc_set(&node->left, tuple);
        gc_set(&node->right, alive);
        gc_decref(tuple);
        gc_decref(node);
    }
    assert_int_equal(gc_refcount(alive), 501);
    assert_int_equal(gc_collect(heap), 1000);
    assert_int_equal(gc_refcount(alive), 1);
    assert_live(heap, 1);
    assert_sound(heap);
    gc_decref(alive);
}

/* What a collection leaves alone
 * ============================== */

static void collection_leaves_the_counts_of_survivors_alone(void **state)
{
    enum { COUNT = 500 };
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *nodes[COUNT];
    size_t counts[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        nodes[i] = node_new(heap);
    }
    for (size_t i = 0; i < COUNT; i++) {
        gc_set(&nodes[i]->left, nodes[(i * 7 + 1) % COUNT]);
        gc_set(&nodes[i]->right, nodes[(i * i) % COUNT]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        counts[i] = gc_refcount(nodes[i]);
    }
    for (int generation = 0; generation < 2; generation++) {
        assert_int_equal(gc_collect_generation(heap, generation), 0);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(gc_refcount(nodes[i]), counts[i]);
            assert_ptr_equal(nodes[i]->left, nodes[(i * 7 + 1) % COUNT]);
            assert_ptr_equal(nodes[i]->right, nodes[(i * i) % COUNT]);
        }
        assert_sound(heap);
    }
    for (size_t i = 0; i < COUNT; i++) {
        gc_decref(nodes[i]);
    }
    (void)gc_collect(heap);
    assert_live(heap, 0);
}

static void collection_maps_no_memory(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *first = NULL;
    for (size_t i = 0; i < 20000; i++) {
        struct node *node = node_new(heap);
        node->left = first;
        gc_set(&node->right, node);
        first = node;
    }
    size_t maps = world->pages.maps;
    world->pages.fail_at = maps;
    world->pages.fail_on = true;
    assert_int_equal(gc_collect(heap), 0);
    gc_decref(first);
    assert_int_equal(gc_collect(heap), 20000);
    assert_int_equal(world->pages.maps, maps);
    assert_sound(heap);
}

/* Uncollectable
 * ============= */

/* Traverse without clear: it drops what it holds in destroy, or when the test says so. */
struct stone {
    gc_object object;
    struct stone *next;
    struct node *node;
};

static void stone_traverse(gc_object *self, gc_visitor *visitor)
{
    struct stone *stone = (void *)self;
    gc_visit(visitor, stone->next);
    gc_visit(visitor, stone->node);
}

static void stone_destroy(gc_object *self)
{
    struct stone *stone = (void *)self;
    world_of(self)->destroyed++;
    gc_clear(&stone->next);
    gc_clear(&stone->node);
}

static void stone_finalize(gc_object *self)
{
    world_of(self)->finalized++;
}

static const gc_type stone_type = {
    .name = "stone",
    .size = sizeof(struct stone),
    .traverse = stone_traverse,
    .finalize = stone_finalize,
    .destroy = stone_destroy,
};

static struct stone *drop_a_stone_circle(gc_heap *heap)
{
    struct stone *a = gc_new(heap, &stone_type), *b = gc_new(heap, &stone_type);
    assert_non_null(a);
    assert_non_null(b);
    gc_set(&a->next, b);
    gc_set(&b->next, a);
    gc_decref(b);
    gc_decref(a);
    return a;
}

static void circle_without_any_clear_is_uncollectable(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct stone *stone = drop_a_stone_circle(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->destroyed, 0);
    assert_live(heap, 2);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.generations[1].uncollectable, 2);
    assert_int_equal(stats.generations[1].collected, 0);
    assert_int_equal(stats.generations[1].objects, 2);
    assert_ptr_equal(stone->next->next, stone);
    assert_sound(heap);
    gc_clear(&stone->next); /* The hand that breaks it. */
    assert_live(heap, 0);
    assert_int_equal(world->destroyed, 2);
}

static void uncollectable_objects_are_reported_by_each_collection(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct stone *stone = drop_a_stone_circle(heap);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(gc_collect(heap), 2);
        assert_int_equal(stats_of(heap).generations[1].uncollectable, 2 * i);
        assert_sound(heap);
    }
    assert_int_equal(world->finalized, 2);
    gc_clear(&stone->next);
    assert_live(heap, 0);
}

static void uncollectable_objects_keep_what_they_hold(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct stone *stone = drop_a_stone_circle(heap);
    stone->node = node_new(heap);
    (void)gc_collect(heap);
    assert_live(heap, 3);
    assert_non_null(stone->node);
    assert_int_equal(gc_refcount(stone->node), 1);
    assert_sound(heap);
    gc_clear(&stone->next);
    assert_live(heap, 0);
}

static void one_clear_in_a_circle_is_enough(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct stone *a = gc_new(heap, &stone_type), *b = gc_new(heap, &stone_type);
    assert_non_null(a);
    assert_non_null(b);
    struct node *node = node_new(heap);
    gc_set_steal(&a->next, b);
    gc_set_steal(&b->node, node);
    gc_set(&node->left, a);
    gc_decref(a);
    assert_int_equal(gc_collect(heap), 3);
    assert_int_equal(world->destroyed, 2);
    assert_live(heap, 0);
    assert_int_equal(stats_of(heap).generations[1].uncollectable, 0);
}

static void uncollectable_and_collectable_garbage_are_told_apart(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct stone *stone = drop_a_stone_circle(heap);
    drop_an_actor_circle(heap, 1);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 6);
    assert_live(heap, 2);
    assert_int_equal(stats_of(heap).generations[1].collected, 4);
    assert_int_equal(stats_of(heap).generations[1].uncollectable, 2);
    assert_int_equal(world->destroyed, 2);
    gc_clear(&stone->next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(object_that_holds_itself_is_collected),
        world_test(circle_of_two_is_collected),
        world_test(circle_of_many_types_is_collected),
        world_test(circle_of_a_hundred_thousand_is_collected),
        world_test(what_hangs_on_garbage_goes_with_it_and_counts),
        world_test(leaves_are_freed_and_do_not_count),
        world_test(what_the_program_holds_stays),
        world_test(what_live_objects_reach_stays),
        world_test(garbage_may_refer_to_the_living),
        world_test(several_circles_go_at_once),
        world_test(circle_made_by_moving_pointers_is_found),
        world_test(object_moved_out_of_garbage_in_time_stays),
        world_test(collection_of_an_empty_heap_returns_0),
        world_test(second_collection_returns_0),
        world_test(nested_collection_in_a_finalizer_returns_0),
        world_test(nested_collection_in_destroy_returns_0),
        world_test(new_containers_are_young),
        world_test(survivors_of_a_young_collection_are_old),
        world_test(survivors_of_a_full_collection_are_old),
        world_test(young_collection_frees_young_garbage_only),
        world_test(young_collection_takes_the_old_for_live),
        world_test(young_object_held_by_an_old_one_alone_survives),
        world_test(full_collection_is_generation_1),
        world_test(object_born_in_a_collection_is_young),
        world_test(garbage_made_in_a_collection_waits_for_the_next),
        world_test(leaves_of_plain_garbage_may_use_ouro_when_they_die),
        world_test(old_objects_that_plain_garbage_held_die_with_it),
        world_test(plain_garbage_of_every_shape_goes),
        world_test(collection_leaves_the_counts_of_survivors_alone),
        world_test(collection_maps_no_memory),
        world_test(circle_without_any_clear_is_uncollectable),
        world_test(uncollectable_objects_are_reported_by_each_collection),
        world_test(uncollectable_objects_keep_what_they_hold),
        world_test(one_clear_in_a_circle_is_enough),
        world_test(uncollectable_and_collectable_garbage_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
