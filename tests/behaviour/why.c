/* SPDX-License-Identifier: MIT */

/* Why an object is alive, how many there are of each type, and what asking leaves alone. */

#include "../support.h"

enum { WAY_MAX = 16 };

/* Ask, and compare the way with what it should be. */
static void assert_way(gc_heap *heap, void *object, size_t length, void *const *objects)
{
    gc_holder way[WAY_MAX];
    assert_int_equal(gc_why_alive(heap, object, way, WAY_MAX), length);
    for (size_t i = 0; i < length; i++) {
        assert_ptr_equal(way[i].object, objects[i]);
    }
}
#define assert_way_is(heap, object, ...) \
    assert_way((heap), (object), sizeof((void *[]){ __VA_ARGS__ }) / sizeof(void *), \
               (void *[]){ __VA_ARGS__ })

/* The way
 * ======= */

static void an_object_in_a_variable_is_its_own_way(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    gc_holder way;
    assert_int_equal(gc_why_alive(heap, node, &way, 1), 1);
    assert_ptr_equal(way.object, node);
    assert_int_equal(way.references, 1);
    assert_int_equal(way.explained, 0);
    gc_decref(node);
}

static void the_way_begins_at_the_unexplained_reference(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap), *c = node_new(heap);
    gc_set_steal(&a->left, b);
    gc_set_steal(&b->left, c);
    assert_way_is(heap, c, a, b, c);
    assert_way_is(heap, b, a, b);
    gc_decref(a);
}

static void references_and_explained_are_told_for_each(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&a->right, b);
    gc_holder way[2];
    assert_int_equal(gc_why_alive(heap, b, way, 2), 1);
    assert_int_equal(way[0].references, 3);
    assert_int_equal(way[0].explained, 2);
    gc_decref(b);
    assert_int_equal(gc_why_alive(heap, b, way, 2), 2);
    assert_ptr_equal(way[0].object, a);
    assert_int_equal(way[0].references, 1);
    assert_int_equal(way[0].explained, 0);
    assert_int_equal(way[1].references, 2);
    assert_int_equal(way[1].explained, 2);
    gc_decref(a);
}

static void the_shortest_way_is_told(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *far = node_new(heap), *middle = node_new(heap), *near = node_new(heap);
    struct node *target = node_new(heap);
    gc_set_steal(&far->left, middle);
    gc_set(&middle->left, target);
    gc_set(&near->left, target);
    gc_decref(target);
    assert_way_is(heap, target, near, target);
    gc_clear(&near->left);
    assert_way_is(heap, target, far, middle, target);
    gc_decref(near);
    gc_decref(far);
}

static void circles_on_the_way_do_no_harm(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap), *c = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    gc_set(&b->right, c);
    gc_set(&c->left, b);
    gc_decref(b);
    gc_decref(c);
    assert_way_is(heap, c, a, b, c);
    gc_decref(a);
}

static void garbage_has_no_way(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set_steal(&b->left, a);
    gc_decref(b);
    gc_holder way;
    assert_int_equal(gc_why_alive(heap, a, &way, 1), 0);
    assert_int_equal(gc_why_alive(heap, b, &way, 1), 0);
}

static void garbage_that_refers_to_an_object_explains_its_reference(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *target = node_new(heap), *circle = node_new(heap);
    gc_set(&circle->right, target);
    gc_set_steal(&circle->left, circle);
    gc_holder way;
    assert_int_equal(gc_why_alive(heap, target, &way, 1), 1);
    assert_int_equal(way.references, 2);
    assert_int_equal(way.explained, 1);
    gc_decref(target);
}

static void a_leaf_has_a_way(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct actor *actor = actor_new(heap, 1);
    actor->leaf = leaf_new(heap, 2);
    struct leaf *other = leaf_new(heap, 3);
    assert_way_is(heap, actor->leaf, actor, actor->leaf);
    assert_way_is(heap, other, other);
    assert_sound(heap);
    gc_decref(actor);
    gc_decref(other);
}

static void ways_lead_through_tails_and_callbacks(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct tuple *outer = tuple_new(heap, 1000), *inner = tuple_new(heap, 200);
    struct node *node = node_new(heap);
    gc_set_steal(&outer->items[900], inner);
    gc_set_steal(&inner->items[199], node);
    assert_way_is(heap, node, outer, inner, node);
    gc_decref(outer);
}

static void an_immortal_object_begins_a_way(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *immortal = node_new(heap), *node = node_new(heap);
    gc_set_steal(&immortal->left, node);
    gc_make_immortal(immortal);
    assert_way_is(heap, node, immortal, node);
    world->leftovers = true;
}

static void a_frozen_object_is_on_the_way(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set_steal(&a->left, b);
    (void)gc_freeze(heap);
    struct node *c = node_new(heap);
    gc_set_steal(&b->left, c);
    assert_way_is(heap, c, a, b, c);
    assert_sound(heap);
    gc_decref(a);
}

static void saved_garbage_begins_a_way(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap), *child = node_new(heap);
    gc_set_steal(&node->right, child);
    gc_set_steal(&node->left, node);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    (void)gc_collect_generation(heap, 0);
    (void)gc_set_debug(heap, 0);
    assert_way_is(heap, node, node);
    assert_int_equal(gc_release_saved(heap), 2);
    gc_holder way;
    assert_int_equal(gc_why_alive(heap, node, &way, 1), 0);
}

static void a_way_longer_than_the_room_is_cut(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap), *c = node_new(heap);
    gc_set_steal(&a->left, b);
    gc_set_steal(&b->left, c);
    gc_holder way[3];
    memset(way, 0xEE, sizeof(way));
    assert_int_equal(gc_why_alive(heap, c, way, 2), 3);
    assert_ptr_equal(way[0].object, a);
    assert_ptr_equal(way[1].object, b);
    assert_int_equal(((unsigned char *)&way[2])[0], 0xEE);
    assert_int_equal(gc_why_alive(heap, c, NULL, 0), 3);
    gc_decref(a);
}

static void *ask_about_the_end_of_a_list(void *arg)
{
    struct node **ends = arg;
    gc_heap *heap = gc_heap_of(ends[0]);
    return (void *)(uintptr_t)gc_why_alive(heap, ends[1], NULL, 0);
}

static void a_long_way_needs_no_stack(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    size_t length = scaled(300000);
    struct node *list = NULL, *ends[2] = { NULL, NULL };
    for (size_t i = 0; i < length; i++) {
        struct node *node = node_new(heap);
        ends[1] = i == 0 ? node : ends[1];
        gc_set(&node->left, list);
        gc_set_steal(&list, node);
    }
    ends[0] = list;
    assert_int_equal(gc_why_alive(heap, ends[1], NULL, 0), length);
    run_on_a_small_stack(ask_about_the_end_of_a_list, ends);
    gc_clear(&list);
}

static void without_memory_nothing_changes(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set_steal(&a->left, b);
    gc_holder way[2];
    gc_stats before = stats_of(heap);
    world->pages.fail_at = world->pages.maps;
    assert_int_equal(gc_why_alive(heap, b, way, 2), GC_ERR_NOMEM);
    assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
    gc_stats after = stats_of(heap);
    assert_memory_equal(&before, &after, sizeof(before));
    world->pages.fail_at = world->pages.maps;
    assert_int_equal(gc_why_alive_print(heap, b, stderr), GC_ERR_NOMEM);
    assert_sound(heap);
    assert_int_equal(gc_why_alive(heap, b, way, 2), 2);
    gc_decref(a);
}

static void what_is_no_object_of_the_heap_is_a_panic(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    int stranger = 0;
    assert_int_equal(gc_why_alive(heap, &stranger, NULL, 0), 0);
    expect_panic(world, "gc_why_alive");
    assert_int_equal(gc_why_alive_print(heap, &stranger, stderr), 0);
    expect_panic(world, "gc_why_alive");
}

static void ask_why(struct world *world, struct actor *actor)
{
    expect(world, gc_why_alive(world->heap, actor, NULL, 0) == 1);
    if (actor->right != NULL) {
        expect(world, gc_why_alive(world->heap, actor->right, NULL, 0) >= 1);
    }
    expect(world, gc_check(world->heap));
}

static void callbacks_may_ask(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = ask_why;
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_set_steal(&actor->right, actor_new(heap, 3));
    assert_int_equal(gc_collect(heap), 3);
    gc_decref(actor_new(heap, 4));
}

/* What is printed
 * =============== */

static char *printed(gc_heap *heap, void *object)
{
    static char text[8192];
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(gc_why_alive_print(heap, object, file), 0);
    rewind(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = '\0';
    (void)fclose(file);
    return text;
}

static void the_print_names_who_explains_and_the_way(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct tuple *tuple = tuple_new(heap, 2);
    struct node *node = node_new(heap), *other = node_new(heap);
    gc_set(&tuple->items[0], node);
    gc_set(&tuple->items[1], node);
    gc_set(&other->left, node);
    gc_set_steal(&other->right, other); /* garbage that explains one */
    gc_decref(node);
    char expected[1024];
    (void)snprintf(expected, sizeof(expected),
                   "node at %p: 3 references, 3 explained by:\n"
                   "    node at %p\n"
                   "    tuple at %p, 2 times\n"
                   "the shortest way from a reference that no object accounts for:\n"
                   "    tuple at %p: 1 reference, 0 explained\n"
                   "    node at %p: 3 references, 3 explained\n",
                   (void *)node, (void *)other, (void *)tuple, (void *)tuple, (void *)node);
    const char *text = printed(heap, node);
    if (strstr(text, "    tuple") < strstr(text, "    node")) {
        (void)snprintf(expected, sizeof(expected),
                       "node at %p: 3 references, 3 explained by:\n"
                       "    tuple at %p, 2 times\n"
                       "    node at %p\n"
                       "the shortest way from a reference that no object accounts for:\n"
                       "    tuple at %p: 1 reference, 0 explained\n"
                       "    node at %p: 3 references, 3 explained\n",
                       (void *)node, (void *)tuple, (void *)other, (void *)tuple, (void *)node);
    }
    assert_string_equal(text, expected);
    gc_decref(tuple);
}

static void the_print_says_three_references_two_explained(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set(&a->right, b);
    assert_non_null(strstr(printed(heap, b), "3 references, 2 explained by:\n"));
    gc_decref(a);
    gc_decref(b);
}

static void the_print_says_what_is_garbage(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    gc_set(&node->left, node);
    gc_decref(node);
    const char *text = printed(heap, node);
    assert_non_null(strstr(text, "1 reference, 1 explained by:\n"));
    assert_non_null(strstr(text, "it is garbage\n"));
}

static void the_print_is_bounded(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *holders[50], *list = NULL, *node = node_new(heap);
    for (size_t i = 0; i < 50; i++) {
        holders[i] = node_new(heap);
        gc_set(&holders[i]->left, node);
    }
    gc_decref(node);
    assert_non_null(strstr(printed(heap, node), "    and 40 more\n"));
    for (size_t i = 0; i < 50; i++) {
        gc_decref(holders[i]);
    }
    for (size_t i = 0; i < 100; i++) {
        struct node *next = node_new(heap);
        node = i == 0 ? next : node;
        gc_set(&next->left, list);
        gc_set_steal(&list, next);
    }
    assert_non_null(strstr(printed(heap, node), "    and 84 more\n"));
    gc_clear(&list);
}

static void the_print_knows_immortal_and_saved(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap), *circle = node_new(heap);
    gc_make_immortal(node);
    assert_non_null(strstr(printed(heap, node), ": immortal, 0 explained\n"));
    gc_set_steal(&circle->left, circle);
    (void)gc_set_debug(heap, GC_DEBUG_SAVE_ALL);
    (void)gc_collect(heap);
    assert_non_null(strstr(printed(heap, circle), ", saved\n"));
    (void)gc_set_debug(heap, 0);
    (void)gc_release_saved(heap);
    world->leftovers = true;
}

static void the_print_names_the_line(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    struct leaf *leaf = gc_new(heap, &leaf_type);
    assert_non_null(leaf);
    assert_non_null(strstr(printed(heap, leaf), "(made at "));
    gc_decref(leaf);
    gc_profile_stop(heap);
}

/* Objects by type
 * =============== */

enum { TYPES_MAX = 8 };

static void the_commonest_type_comes_first(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type_stats stats[TYPES_MAX] = { 0 };
    void *objects[6];
    for (size_t i = 0; i < 6; i++) {
        objects[i] = i < 1   ? (void *)actor_new(heap, 1)
                     : i < 3 ? (void *)leaf_new(heap, 1)
                             : (void *)node_new(heap);
    }
    assert_int_equal(gc_get_type_stats(heap, stats, TYPES_MAX), 3);
    assert_ptr_equal(stats[0].type, &node_type);
    assert_int_equal(stats[0].objects, 3);
    assert_int_equal(stats[0].bytes, 3 * sizeof(struct node));
    assert_ptr_equal(stats[1].type, &leaf_type);
    assert_int_equal(stats[1].objects, 2);
    assert_ptr_equal(stats[2].type, &actor_type);
    assert_int_equal(stats[2].objects, 1);
    assert_null(stats[3].type);
    for (size_t i = 0; i < 6; i++) {
        gc_decref(objects[i]);
    }
}

static void of_equally_common_types_the_largest_comes_first(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type_stats stats[2] = { 0 };
    struct leaf *leaf = leaf_new(heap, 1);
    struct actor *actor = actor_new(heap, 1);
    assert_int_equal(gc_get_type_stats(heap, stats, 2), 2);
    assert_ptr_equal(stats[0].type, &actor_type);
    assert_ptr_equal(stats[1].type, &leaf_type);
    gc_decref(leaf);
    gc_decref(actor);
}

static void all_lengths_of_a_tail_are_one_type(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type_stats stats[TYPES_MAX] = { 0 };
    struct tuple *tuples[4];
    const size_t counts[] = { 1, 100, 3000, 50000 };
    for (size_t i = 0; i < 4; i++) {
        tuples[i] = tuple_new(heap, counts[i]);
    }
    assert_int_equal(gc_get_type_stats(heap, stats, TYPES_MAX), 1);
    assert_ptr_equal(stats[0].type, &tuple_type);
    assert_int_equal(stats[0].objects, 4);
    assert_int_equal(stats[0].bytes, stats_of(heap).bytes_live);
    for (size_t i = 0; i < 4; i++) {
        gc_decref(tuples[i]);
    }
}

static void growth_is_told_since_the_last_answer(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type_stats stats[TYPES_MAX] = { 0 };
    struct node *nodes[3] = { node_new(heap), node_new(heap), NULL };
    (void)gc_get_type_stats(heap, stats, TYPES_MAX);
    assert_int_equal(stats[0].objects_grown, 2);
    assert_int_equal(stats[0].bytes_grown, 2 * sizeof(struct node));
    (void)gc_get_type_stats(heap, stats, TYPES_MAX);
    assert_int_equal(stats[0].objects_grown, 0);
    nodes[2] = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    (void)gc_get_type_stats(heap, stats, TYPES_MAX);
    assert_int_equal(stats[0].objects_grown, 1);
    assert_int_equal(stats[0].bytes_grown, sizeof(struct node));
    assert_ptr_equal(stats[1].type, &leaf_type);
    assert_int_equal(stats[1].objects_grown, 1);
    /* What shrinks is told, too. */
    for (size_t i = 0; i < 3; i++) {
        gc_clear(&nodes[i]);
    }
    (void)gc_get_type_stats(heap, stats, TYPES_MAX);
    assert_ptr_equal(stats[1].type, &node_type);
    assert_int_equal(stats[1].objects, 0);
    assert_int_equal(stats[1].objects_grown, -3);
    assert_int_equal(stats[1].bytes_grown, -3 * (int)sizeof(struct node));
    gc_decref(leaf);
}

static void a_type_that_is_gone_is_told_once(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type_stats stats[TYPES_MAX] = { 0 };
    struct node *node = node_new(heap);
    assert_int_equal(gc_get_type_stats(heap, stats, TYPES_MAX), 1);
    gc_decref(node);
    assert_int_equal(gc_get_type_stats(heap, stats, TYPES_MAX), 1);
    assert_int_equal(stats[0].objects_grown, -1);
    assert_int_equal(gc_get_type_stats(heap, stats, TYPES_MAX), 0);
    assert_null(stats[0].type);
}

static void two_who_ask_do_not_disturb_each_other(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type_stats mine[TYPES_MAX] = { 0 }, yours[TYPES_MAX] = { 0 };
    struct node *a = node_new(heap);
    (void)gc_get_type_stats(heap, mine, TYPES_MAX);
    struct node *b = node_new(heap);
    (void)gc_get_type_stats(heap, yours, TYPES_MAX);
    assert_int_equal(yours[0].objects_grown, 2);
    (void)gc_get_type_stats(heap, mine, TYPES_MAX);
    assert_int_equal(mine[0].objects_grown, 1);
    gc_decref(a);
    gc_decref(b);
}

static void little_room_gets_the_commonest(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct {
        gc_type_stats stats[2];
        unsigned char guard;
    } room;
    memset(&room, 0, sizeof(room));
    room.guard = 0xEE;
    struct actor *actor = actor_new(heap, 1);
    struct leaf *a = leaf_new(heap, 1), *b = leaf_new(heap, 2);
    struct node *nodes[3];
    for (size_t i = 0; i < 3; i++) {
        nodes[i] = node_new(heap);
    }
    assert_int_equal(gc_get_type_stats(heap, room.stats, 2), 3);
    assert_ptr_equal(room.stats[0].type, &node_type);
    assert_ptr_equal(room.stats[1].type, &leaf_type);
    assert_int_equal(room.guard, 0xEE);
    gc_type_stats one[1] = { 0 };
    assert_int_equal(gc_get_type_stats(heap, one, 1), 3);
    assert_ptr_equal(one[0].type, &node_type);
    assert_int_equal(gc_get_type_stats(heap, one, 0), 3);
    gc_decref(actor);
    gc_decref(a);
    gc_decref(b);
    for (size_t i = 0; i < 3; i++) {
        gc_decref(nodes[i]);
    }
}

static void a_type_that_was_forgotten_is_left_out(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type_stats stats[TYPES_MAX] = { 0 };
    gc_decref(node_new(heap));
    struct leaf *leaf = leaf_new(heap, 1);
    struct node *node = node_new(heap);
    assert_int_equal(gc_get_type_stats(heap, stats, TYPES_MAX), 2);
    gc_decref(node);
    assert_int_equal(gc_type_forget(heap, &node_type), GC_OK);
    assert_int_equal(gc_get_type_stats(heap, stats, TYPES_MAX), 1);
    assert_ptr_equal(stats[0].type, &leaf_type);
    gc_decref(leaf);
}

static void many_types_are_sorted(void **state)
{
    enum { MANY = 200 };
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type *types = calloc(MANY, sizeof(*types));
    gc_type_stats *stats = calloc(MANY, sizeof(*stats));
    struct tuple *all = tuple_new(heap, MANY * (MANY + 1) / 2);
    size_t used = 0;
    assert_non_null(types);
    assert_non_null(stats);
    for (size_t i = 0; i < MANY; i++) {
        size_t count = (i * 77) % MANY + 1; /* each number once */
        types[i].name = "one of many";
        types[i].size = sizeof(struct node);
        for (size_t k = 0; k < count; k++) {
            all->items[used++] = gc_new(heap, &types[i]);
        }
    }
    assert_int_equal(gc_get_type_stats(heap, stats, MANY), MANY + 1);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(stats[i].objects, MANY - i);
    }
    gc_decref(all);
    free(stats);
    /* The types outlive the heap. */
    world_free_heap(*state);
    free(types);
}

/* Single objects
 * ============== */

static void a_container_is_told_from_a_leaf(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    assert_true(gc_is_container(node));
    assert_false(gc_is_container(leaf));
    gc_decref(node);
    gc_decref(leaf);
}

static void the_generation_of_an_object_is_told(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    assert_int_equal(gc_generation_of(node), GC_YOUNG);
    (void)gc_collect_generation(heap, 0);
    assert_int_equal(gc_generation_of(node), GC_OLD);
    (void)gc_collect(heap);
    assert_int_equal(gc_generation_of(node), GC_OLD);
    assert_int_equal(gc_generation_of(leaf), GC_LEAF);
    gc_decref(node);
    gc_decref(leaf);
}

static void look_at_self(struct world *world, struct actor *actor)
{
    expect(world, gc_is_finalized(actor));
    expect(world, gc_generation_of(actor) == (world->note != NULL ? GC_OLD : GC_LEAF));
    expect(world, gc_is_container(actor));
}

static void in_its_finalizer_an_object_is_finalized_and_in_no_generation(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = look_at_self;
    struct actor *actor = actor_new(heap, 1);
    assert_false(gc_is_finalized(actor));
    gc_decref(actor);
    (void)drop_an_actor_circle(heap, 2);
    world->note = world; /* found unreachable: still where it was */
    (void)gc_collect(heap);
    world->note = NULL;
}

static void an_object_without_a_finalizer_is_never_finalized(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    (void)gc_collect(heap);
    assert_false(gc_is_finalized(node));
    gc_decref(node);
}

/* What visitors may do
 * ==================== */

struct intruder {
    gc_heap *heap;
    struct world *world;
    size_t visits;
    size_t collected, moved, trimmed;
    int stopped;
    gc_status forgotten;
};

static int count_visit(void *object, void *arg)
{
    (void)object;
    ++*(size_t *)arg;
    return 0;
}

/* All that has to wait. */
static int intrude(void *object, void *arg)
{
    struct intruder *intruder = arg;
    gc_heap *heap = intruder->heap;
    size_t visits = 0;
    (void)object;
    intruder->visits++;
    intruder->collected += gc_collect(heap) + gc_collect_generation(heap, 0);
    gc_safepoint(heap);
    (void)gc_step(heap, 1000);
    intruder->moved += gc_freeze(heap) + gc_unfreeze(heap);
    intruder->trimmed += gc_heap_trim(heap);
    intruder->stopped |= gc_unreachable(heap, count_visit, &visits);
    intruder->collected += visits;
    intruder->forgotten = gc_type_forget(heap, &leaf_type);
    gc_heap_free(heap);
    expect(intruder->world, intruder->world->panics == 1);
    intruder->world->panics = 0;
    return 0;
}

static void assert_repelled(const struct intruder *intruder, size_t visits)
{
    assert_int_equal(intruder->visits, visits);
    assert_int_equal(intruder->collected, 0);
    assert_int_equal(intruder->moved, 0);
    assert_int_equal(intruder->trimmed, 0);
    assert_int_equal(intruder->stopped, 0);
    assert_int_equal(intruder->forgotten, GC_ERR_BUSY);
}

static void a_visitor_of_the_unreachable_cannot_pull_the_ground_away(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct intruder intruder = { .heap = heap, .world = world };
    gc_decref(leaf_new(heap, 1));
    drop_a_node_circle(heap);
    assert_int_equal(gc_unreachable(heap, intrude, &intruder), 0);
    assert_repelled(&intruder, 2);
    assert_int_equal(gc_collect(heap), 2);
}

static void a_visitor_of_each_object_cannot_pull_the_ground_away(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct intruder intruder = { .heap = heap, .world = world };
    gc_decref(leaf_new(heap, 1));
    drop_a_node_circle(heap);
    assert_int_equal(gc_each_object(heap, -1, intrude, &intruder), 0);
    assert_repelled(&intruder, 2);
    assert_int_equal(gc_collect(heap), 2);
}

static void a_visitor_of_referrers_cannot_pull_the_ground_away(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct intruder intruder = { .heap = heap, .world = world };
    gc_decref(leaf_new(heap, 1));
    struct node *node = node_new(heap);
    gc_set(&node->left, node);
    assert_int_equal(gc_referrers(heap, node, intrude, &intruder), 0);
    assert_repelled(&intruder, 1);
    gc_decref(node);
    assert_int_equal(gc_collect(heap), 1);
}

static int end_all(void *object, void *arg)
{
    struct node **nodes = arg;
    (void)object;
    for (size_t i = 0; i < 100; i++) {
        gc_clear(&nodes[i]);
    }
    return 0;
}

static void a_visitor_of_each_object_may_end_all_objects(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *nodes[100];
    for (size_t i = 0; i < 100; i++) {
        nodes[i] = node_new(heap);
    }
    assert_int_equal(gc_each_object(heap, GC_YOUNG, end_all, nodes), 0);
    assert_live(heap, 0);
    assert_sound(heap);
}

static int break_it(void *object, void *arg)
{
    struct node *node = object;
    ++*(size_t *)arg;
    gc_clear(&node->left);
    return 0;
}

static void a_visitor_of_the_unreachable_may_break_circles(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    size_t visits = 0;
    drop_a_node_circle(heap);
    drop_a_node_circle(heap);
    assert_int_equal(gc_unreachable(heap, break_it, &visits), 0);
    assert_int_equal(visits, 2); /* the other two are dead by then */
    assert_live(heap, 0);
    assert_sound(heap);
}

static int drop_the_target(void *object, void *arg)
{
    struct node **slots = arg;
    struct node *holder = object;
    gc_clear(&holder->left);
    gc_clear(&slots[0]);
    gc_set_steal(&slots[1], node_new(gc_heap_of(object))); /* would take its place */
    return 0;
}

static void the_object_that_referrers_are_asked_for_outlives_the_question(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *slots[2] = { node_new(heap), NULL }, *target = slots[0];
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, target);
    gc_set(&b->left, target);
    assert_int_equal(gc_referrers(heap, target, drop_the_target, slots), 0);
    assert_ptr_not_equal(slots[1], target);
    assert_live(heap, 3);
    assert_sound(heap);
    gc_decref(a);
    gc_decref(b);
    gc_clear(&slots[1]);
}

static int move_it(void *object, void *arg)
{
    struct tuple **slot = arg;
    (void)object;
    return gc_resize_var(slot, gc_tail_length(*slot) + 1000) == GC_OK ? 1 : -1;
}

static void a_visitor_may_move_an_object(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct tuple *tuple = tuple_new(heap, 1);
    assert_int_equal(gc_each_object(heap, -1, move_it, &tuple), 1);
    assert_int_equal(gc_tail_length(tuple), 1001);
    assert_live(heap, 1);
    assert_sound(heap);
    gc_decref(tuple);
}

/* Asking changes nothing
 * ====================== */

static void ask_everything(gc_heap *heap, struct node *node)
{
    gc_type_stats types[TYPES_MAX] = { 0 };
    gc_thresholds thresholds;
    struct seen seen = { 0 };
    (void)gc_unreachable(heap, seen_add, &seen);
    for (int generation = -1; generation <= GC_SAVED; generation++) {
        (void)gc_each_object(heap, generation, seen_add, &seen);
    }
    (void)gc_referrers(heap, node, seen_add, &seen);
    (void)gc_referents(node, seen_add, &seen);
    (void)gc_get_type_stats(heap, types, TYPES_MAX);
    (void)gc_why_alive(heap, node, NULL, 0);
    (void)printed(heap, node);
    (void)gc_generation_of(node);
    (void)gc_is_container(node);
    (void)gc_is_finalized(node);
    (void)gc_get_debug(heap);
    gc_get_thresholds(heap, &thresholds);
    assert_sound(heap);
}

static void asking_changes_no_figure_and_no_object(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *frozen = node_new(heap);
    (void)gc_freeze(heap);
    struct node *old = node_new(heap);
    (void)gc_collect(heap);
    struct node *young = node_new(heap);
    gc_set(&young->left, old);
    gc_set(&old->left, frozen);
    drop_a_node_circle(heap);
    gc_set_error(heap, GC_ERR_RANGE);
    gc_stats before = stats_of(heap);
    uint32_t refs = old->object.refs;
    ask_everything(heap, old);
    assert_int_equal(old->object.refs, refs); /* its flags as well */
    gc_stats after = stats_of(heap);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(gc_last_error(heap), GC_ERR_RANGE);
    assert_int_equal(gc_refcount(frozen), 2);
    assert_int_equal(gc_refcount(old), 2);
    assert_int_equal(gc_refcount(young), 1);
    assert_int_equal(gc_generation_of(frozen), GC_FROZEN);
    assert_int_equal(gc_generation_of(old), GC_OLD);
    assert_int_equal(gc_generation_of(young), GC_YOUNG);
    gc_decref(young);
    gc_decref(old);
    gc_decref(frozen);
}

static void asking_triggers_nothing(void **state)
{
    gc_config config = { .thresholds = { 100, SIZE_MAX, SIZE_MAX, SIZE_MAX }, .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(*state, &config);
    struct node *list = NULL;
    for (size_t i = 0; i < 100; i++) {
        struct node *node = node_new(heap);
        gc_set(&node->left, list);
        gc_set_steal(&list, node);
        if (i % 10 == 0) {
            ask_everything(heap, list);
        }
    }
    assert_int_equal(stats_of(heap).generations[0].collections, 0);
    ask_everything(heap, list);
    assert_int_equal(stats_of(heap).generations[0].collections, 0);
    gc_decref(node_new(heap)); /* the one that was due all the time */
    assert_int_equal(stats_of(heap).generations[0].collections, 1);
    gc_clear(&list);
}

static void the_counters_of_the_thresholds_are_in_the_statistics(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *a = node_new(heap);
    assert_int_equal(stats_of(heap).bytes_grown_young, sizeof(struct node));
    assert_int_equal(stats_of(heap).bytes_grown_old, sizeof(struct node));
    (void)gc_collect_generation(heap, 0);
    assert_int_equal(stats_of(heap).bytes_grown_young, 0);
    assert_int_equal(stats_of(heap).bytes_grown_old, sizeof(struct node));
    gc_external_add(heap, 100);
    assert_int_equal(stats_of(heap).bytes_grown_young, 100);
    assert_int_equal(stats_of(heap).bytes_grown_old, sizeof(struct node) + 100);
    (void)gc_collect(heap);
    assert_int_equal(stats_of(heap).bytes_grown_old, 0);
    gc_external_remove(heap, 100);
    assert_int_equal(stats_of(heap).bytes_grown_young, 0);
    gc_decref(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(an_object_in_a_variable_is_its_own_way),
        world_test(the_way_begins_at_the_unexplained_reference),
        world_test(references_and_explained_are_told_for_each),
        world_test(the_shortest_way_is_told),
        world_test(circles_on_the_way_do_no_harm),
        world_test(garbage_has_no_way),
        world_test(garbage_that_refers_to_an_object_explains_its_reference),
        world_test(a_leaf_has_a_way),
        world_test(ways_lead_through_tails_and_callbacks),
        world_test(an_immortal_object_begins_a_way),
        world_test(a_frozen_object_is_on_the_way),
        world_test(saved_garbage_begins_a_way),
        world_test(a_way_longer_than_the_room_is_cut),
        world_test(a_long_way_needs_no_stack),
        world_test(without_memory_nothing_changes),
        world_test(what_is_no_object_of_the_heap_is_a_panic),
        world_test(callbacks_may_ask),
        world_test(the_print_names_who_explains_and_the_way),
        world_test(the_print_says_three_references_two_explained),
        world_test(the_print_says_what_is_garbage),
        world_test(the_print_is_bounded),
        world_test(the_print_knows_immortal_and_saved),
        world_test(the_print_names_the_line),
        world_test(the_commonest_type_comes_first),
        world_test(of_equally_common_types_the_largest_comes_first),
        world_test(all_lengths_of_a_tail_are_one_type),
        world_test(growth_is_told_since_the_last_answer),
        world_test(a_type_that_is_gone_is_told_once),
        world_test(two_who_ask_do_not_disturb_each_other),
        world_test(little_room_gets_the_commonest),
        world_test(a_type_that_was_forgotten_is_left_out),
        world_test(many_types_are_sorted),
        world_test(a_container_is_told_from_a_leaf),
        world_test(the_generation_of_an_object_is_told),
        world_test(in_its_finalizer_an_object_is_finalized_and_in_no_generation),
        world_test(an_object_without_a_finalizer_is_never_finalized),
        world_test(a_visitor_of_the_unreachable_cannot_pull_the_ground_away),
        world_test(a_visitor_of_each_object_cannot_pull_the_ground_away),
        world_test(a_visitor_of_referrers_cannot_pull_the_ground_away),
        world_test(a_visitor_of_each_object_may_end_all_objects),
        world_test(a_visitor_of_the_unreachable_may_break_circles),
        world_test(the_object_that_referrers_are_asked_for_outlives_the_question),
        world_test(a_visitor_may_move_an_object),
        world_test(asking_changes_no_figure_and_no_object),
        world_test(asking_triggers_nothing),
        world_test(the_counters_of_the_thresholds_are_in_the_statistics),
    };
    return cmocka_run_group_tests_name("why", tests, NULL, NULL);
}
