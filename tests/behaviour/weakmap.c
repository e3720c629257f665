/* SPDX-License-Identifier: MIT */
/* Weak maps: entries vanish with an object, at any time, and only they. */

#include "../support.h"

static gc_weak_map *map_new(gc_heap *heap, gc_weak_side side)
{
    gc_weak_map *map = gc_weak_map_new(heap, side);
    assert_non_null(map);
    return map;
}

/* By key, and by the bytes of a text. */
static void put(gc_weak_map *map, void *key, void *value)
{
    assert_int_equal(gc_weak_map_set(map, key, 0, value), GC_OK);
}
static void put_text(gc_weak_map *map, const char *text, void *value)
{
    assert_int_equal(gc_weak_map_set(map, text, strlen(text), value), GC_OK);
}

/* What a map has, borrowed from whoever else holds it. */
static void *peek(gc_weak_map *map, const void *key)
{
    void *value = gc_weak_map_get(map, key, 0);
    gc_xdecref(value);
    return value;
}
static void *peek_text(gc_weak_map *map, const char *text)
{
    void *value = gc_weak_map_get(map, text, strlen(text));
    gc_xdecref(value);
    return value;
}

/* By key
 * ====== */

static void value_is_found_by_its_key(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct node *key = node_new(heap), *other = node_new(heap);
    struct leaf *value = leaf_new(heap, 1);
    put(map, key, value);
    assert_ptr_equal(peek(map, key), value);
    assert_null(gc_weak_map_get(map, other, 0));
    assert_int_equal(gc_weak_map_count(map), 1);
    assert_int_equal(gc_refcount(key), 1);
    assert_int_equal(gc_refcount(value), 2);
    gc_decref(value);
    gc_decref(map);
    assert_story(world, "L1 ");
    gc_decref(key);
    gc_decref(other);
}

static void empty_map_has_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct node *key = node_new(heap);
    assert_null(gc_weak_map_get(map, key, 0));
    assert_false(gc_weak_map_remove(map, key, 0));
    assert_int_equal(gc_weak_map_count(map), 0);
    assert_int_equal(gc_weak_map_each(map, NULL, NULL), 0);
    gc_decref(key);
    gc_decref(map);
}

static void entry_vanishes_with_its_key(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct node *key = node_new(heap);
    struct leaf *value = leaf_new(heap, 1);
    put(map, key, value);
    gc_decref(value);
    gc_decref(key);
    assert_story(world, "L1 ");
    assert_int_equal(gc_weak_map_count(map), 0);
    assert_sound(heap);
    gc_decref(map);
}

static void entry_vanishes_with_its_key_in_a_collection(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct node *key = node_new(heap);
    struct leaf *value = leaf_new(heap, 1);
    gc_set(&key->left, key);
    put(map, key, value);
    gc_decref(value);
    gc_decref(key);
    assert_int_equal(gc_weak_map_count(map), 1);
    (void)gc_collect(heap);
    assert_int_equal(gc_weak_map_count(map), 0);
    assert_story(world, "L1 ");
    gc_decref(map);
    assert_live(heap, 0);
}

static void new_value_of_a_key_takes_the_place_of_the_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct node *key = node_new(heap);
    struct leaf *first = leaf_new(heap, 1), *second = leaf_new(heap, 2);
    put(map, key, first);
    gc_decref(first);
    put(map, key, second);
    gc_decref(second);
    assert_story(world, "L1 ");
    assert_int_equal(gc_weak_map_count(map), 1);
    assert_ptr_equal(peek(map, key), second);
    gc_decref(key);
    assert_story(world, "L2 ");
    assert_int_equal(gc_weak_map_count(map), 0);
    gc_decref(map);
}

static void key_born_in_the_place_of_a_dead_one_has_no_value(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct leaf *value = leaf_new(heap, 1);
    struct node *key = node_new(heap), *again;
    const void *place = key;
    put(map, key, value);
    gc_decref(key);
    again = node_new(heap);
    assert_ptr_equal(again, place);
    assert_null(gc_weak_map_get(map, again, 0));
    gc_decref(again);
    gc_decref(value);
    gc_decref(map);
}

static void removed_entry_drops_its_value(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct node *key = node_new(heap);
    struct leaf *value = leaf_new(heap, 1);
    put(map, key, value);
    gc_decref(value);
    assert_true(gc_weak_map_remove(map, key, 0));
    assert_story(world, "L1 ");
    assert_false(gc_weak_map_remove(map, key, 0));
    gc_decref(key);
    gc_decref(map);
}

static void value_that_leads_to_its_key_keeps_both(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct node *key = node_new(heap);
    put(map, key, key);
    gc_decref(key);
    (void)gc_collect(heap);
    assert_int_equal(gc_weak_map_count(map), 1);
    gc_decref(map);
    (void)gc_collect(heap);
    assert_live(heap, 0);
}

/* By value
 * ======== */

static void value_is_found_by_the_bytes_of_its_key(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    struct node *node = node_new(heap), *other = node_new(heap);
    char text[] = "root";
    put_text(map, text, node);
    put_text(map, "", other);
    memset(text, 0, sizeof(text)); /* the map has its own copy */
    assert_ptr_equal(peek_text(map, "root"), node);
    assert_ptr_equal(peek_text(map, ""), other);
    assert_null(peek_text(map, "roo"));
    assert_null(peek_text(map, "roots"));
    assert_null(peek_text(map, "Root"));
    assert_int_equal(gc_refcount(node), 1);
    gc_decref(node);
    gc_decref(other);
    assert_int_equal(gc_weak_map_count(map), 0);
    gc_decref(map);
}

static void entry_vanishes_with_its_value(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    struct node *node = node_new(heap), *other = node_new(heap);
    put_text(map, "a", node);
    put_text(map, "b", node);
    put_text(map, "c", other);
    gc_decref(node);
    assert_int_equal(gc_weak_map_count(map), 1);
    assert_null(peek_text(map, "a"));
    assert_ptr_equal(peek_text(map, "c"), other);
    gc_decref(other);
    gc_decref(map);
    assert_live(heap, 0);
}

static void numbers_may_be_keys(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    struct node *nodes[100];
    for (int i = 0; i < 100; i++) {
        nodes[i] = node_new(heap);
        assert_int_equal(gc_weak_map_set(map, &i, sizeof(i), nodes[i]), GC_OK);
    }
    for (int i = 0; i < 100; i++) {
        void *value = gc_weak_map_get(map, &i, sizeof(i));
        assert_ptr_equal(value, nodes[i]);
        gc_decref(value);
        gc_decref(nodes[i]);
    }
    assert_int_equal(gc_weak_map_count(map), 0);
    gc_decref(map);
}

static void removed_entry_does_not_vanish_later(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    struct node *first = node_new(heap), *second = node_new(heap);
    put_text(map, "key", first);
    assert_true(gc_weak_map_remove(map, "key", 3));
    put_text(map, "key", second);
    gc_decref(first);
    assert_ptr_equal(peek_text(map, "key"), second);
    gc_decref(second);
    gc_decref(map);
}

static void death_of_a_replaced_value_leaves_the_new_one_alone(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    struct node *first = node_new(heap), *second = node_new(heap);
    put_text(map, "key", first);
    put_text(map, "key", second);
    gc_decref(first);
    assert_int_equal(gc_weak_map_count(map), 1);
    assert_ptr_equal(peek_text(map, "key"), second);
    gc_decref(second);
    assert_int_equal(gc_weak_map_count(map), 0);
    gc_decref(map);
}

static void put_another_first(struct world *world, gc_weak *weak, unsigned id)
{
    struct node *node = world->memo;
    (void)weak;
    (void)id;
    expect(world, gc_weak_map_get(world->note, "key", 3) == NULL);
    expect(world, gc_weak_map_set(world->note, "key", 3, node) == GC_OK);
}

static void late_removal_does_not_hit_a_new_value_under_the_same_key(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    struct node *first = node_new(heap), *second = node_new(heap);
    put_text(map, "key", first);
    gc_weak *weak = weak_with_callback(first, 1); /* newer than the map's: its turn comes first */
    world->note = map;
    world->memo = second;
    world->on_weak = put_another_first;
    gc_decref(first);
    assert_story(world, "W1 ");
    assert_int_equal(gc_weak_map_count(map), 1);
    assert_ptr_equal(peek_text(map, "key"), second);
    gc_decref(weak);
    gc_decref(second);
    gc_decref(map);
}

static void late_removal_in_a_collection_does_not_hit_a_new_value(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    struct node *first = node_new(heap), *second = node_new(heap);
    gc_set(&first->left, first);
    put_text(map, "key", first);
    gc_weak *weak = weak_with_callback(first, 1);
    world->note = map;
    world->memo = second;
    world->on_weak = put_another_first;
    gc_decref(first);
    (void)gc_collect(heap);
    assert_story(world, "W1 ");
    assert_ptr_equal(peek_text(map, "key"), second);
    gc_decref(weak);
    gc_decref(second);
    gc_decref(map);
}

static void put_again_and_rise(struct world *world, struct actor *actor)
{
    expect(world, gc_weak_map_get(world->note, "key", 3) == NULL);
    expect(world, gc_weak_map_set(world->note, "key", 3, actor) == GC_OK);
    world->memo = gc_newref(actor);
}

static void value_that_rises_and_was_put_again_is_there_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    struct actor *actor = actor_new(heap, 1);
    put_text(map, "key", actor);
    world->note = map;
    world->on_finalize = put_again_and_rise;
    gc_decref(actor);
    assert_int_equal(gc_weak_map_count(map), 1);
    assert_ptr_equal(peek_text(map, "key"), actor);
    gc_clear(&world->memo);
    assert_int_equal(gc_weak_map_count(map), 0);
    gc_decref(map);
}

static void find_nothing(struct world *world, struct actor *actor)
{
    expect(world, gc_weak_map_get(world->note, actor, 0) == NULL);
    expect(world, !gc_weak_map_remove(world->memo, "key", 3));
}

static void dying_object_is_not_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *keys = map_new(heap, GC_WEAK_KEYS), *values = map_new(heap, GC_WEAK_VALUES);
    struct actor *actor = actor_new(heap, 1);
    struct node *node = node_new(heap);
    put(keys, actor, node);
    put_text(values, "key", actor);
    world->note = keys;
    world->memo = values;
    world->on_finalize = find_nothing;
    gc_decref(actor);
    assert_int_equal(gc_weak_map_count(keys), 0);
    gc_decref(node);
    gc_decref(keys);
    gc_decref(values);
}

/* Finalizers that work on the map while a call on it collects. */
static void put_in_between(struct world *world, struct actor *actor)
{
    expect(world, gc_weak_map_set(world->note, "key", 3, world->memo) == GC_OK);
    expect(world, actor->id == 1 || gc_weak_map_count(world->note) == 1);
}

static void empty_in_between(struct world *world, struct actor *actor)
{
    (void)actor;
    gc_drop_references(world->note);
}

static void value_put_while_another_is_being_put_is_replaced(void **state)
{
    struct world *world = *state;
    for (int way = 0; way < 3; way++) {
        gc_config config = { .thresholds.young_objects = 1 };
        gc_heap *heap = world_new_heap(world, &config);
        gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
        struct node *node = node_new(heap), *other = node_new(heap);
        if (way == 2) {
            put_text(map, "another", other);
        }
        world->note = map;
        world->memo = other;
        (void)gc_disable(heap);
        drop_an_actor_circle(heap, 1);
        (void)gc_enable(heap);
        world->on_finalize = way == 0 ? put_in_between : empty_in_between;
        put_text(map, "key", node);
        assert_true(world->finalized > 0);
        world->on_finalize = NULL;
        assert_int_equal(gc_weak_map_count(map), 1);
        assert_ptr_equal(peek_text(map, "key"), node);
        assert_sound(heap);
        gc_decref(node);
        gc_decref(other);
        assert_int_equal(gc_weak_map_count(map), 0);
        gc_decref(map);
        world_free_heap(world);
    }
}

/* Sets off a collection at every birth, and clears the map in the one that is due. */
struct spoiler {
    gc_weak_map *map;
    unsigned turn, due;
};

static bool clear_in_turn(gc_heap *heap, const gc_collection *collection, void *arg)
{
    struct spoiler *spoiler = arg;
    (void)heap;
    (void)collection;
    if (spoiler->turn++ == spoiler->due) {
        gc_drop_references(spoiler->map);
    }
    return true;
}

static void value_is_there_though_the_map_is_cleared_while_it_is_put(void **state)
{
    struct world *world = *state;
    for (unsigned due = 0; due < 8; due++) {
        for (int is_empty = 0; is_empty < 2; is_empty++) {
            gc_config config = { .thresholds.young_objects = 1 };
            gc_heap *heap = world_new_heap(world, &config);
            struct spoiler spoiler = { map_new(heap, GC_WEAK_VALUES), 0, due };
            gc_hook hook = { .start = clear_in_turn, .arg = &spoiler };
            struct node *node = node_new(heap), *other = node_new(heap);
            if (!is_empty) {
                put_text(spoiler.map, "another", other);
            }
            gc_hook_add(heap, &hook);
            put_text(spoiler.map, "key", node);
            gc_hook_remove(heap, &hook);
            assert_true(spoiler.turn > 0);
            bool is_cleared = is_empty || spoiler.turn > due;
            assert_int_equal(gc_weak_map_count(spoiler.map), is_cleared ? 1 : 2);
            assert_ptr_equal(peek_text(spoiler.map, "key"), node);
            assert_sound(heap);
            gc_decref(node);
            gc_decref(other);
            assert_int_equal(gc_weak_map_count(spoiler.map), 0);
            gc_decref(spoiler.map);
            world_free_heap(world);
        }
    }
}

/* Walking
 * ======= */

struct walk {
    gc_weak_map *map;
    struct node **nodes; /* the visitor's, to drop */
    void *seen[64];
    size_t count, stop_at;
};

static int see(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    (void)key;
    (void)size;
    walk->seen[walk->count++] = value;
    return walk->count == walk->stop_at ? 7 : 0;
}

static void fill(struct walk *walk, gc_heap *heap, gc_weak_side side, struct node **nodes,
                 int count)
{
    memset(walk, 0, sizeof(*walk));
    walk->map = map_new(heap, side);
    walk->nodes = nodes;
    for (int i = 0; i < count; i++) {
        struct node *node = nodes[i] = node_new(heap);
        if (side == GC_WEAK_KEYS) {
            struct leaf *value = leaf_new(heap, (unsigned)i);
            put(walk->map, node, value);
            gc_decref(value);
        } else {
            assert_int_equal(gc_weak_map_set(walk->map, &i, sizeof(i), node), GC_OK);
        }
    }
}

static void end_walk(struct walk *walk, int count)
{
    for (int i = 0; i < count; i++) {
        gc_clear(&walk->nodes[i]);
    }
    assert_int_equal(gc_weak_map_count(walk->map), 0);
    gc_decref(walk->map);
}

static void walk_visits_the_latest_first(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[5];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_VALUES, nodes, 5);
    assert_int_equal(gc_weak_map_each(walk.map, see, &walk), 0);
    assert_int_equal(walk.count, 5);
    for (int i = 0; i < 5; i++) {
        assert_ptr_equal(walk.seen[i], nodes[4 - i]);
    }
    end_walk(&walk, 5);
}

static void walk_ends_when_the_visitor_says_so(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[5];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_VALUES, nodes, 5);
    walk.stop_at = 2;
    assert_int_equal(gc_weak_map_each(walk.map, see, &walk), 7);
    assert_int_equal(walk.count, 2);
    end_walk(&walk, 5);
}

static int see_key(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    unsigned id = ((struct leaf *)value)->id;
    assert_int_equal(size, 0);
    assert_ptr_equal(key, walk->nodes[id]);
    assert_int_equal(gc_refcount(key), 2); /* ours, and what the walk lends */
    walk->count++;
    return 0;
}

static void walk_lends_key_and_value(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[5];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_KEYS, nodes, 5);
    assert_int_equal(gc_weak_map_each(walk.map, see_key, &walk), 0);
    assert_int_equal(walk.count, 5);
    end_walk(&walk, 5);
}

static int see_number(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    int i;
    assert_int_equal(size, sizeof(i));
    memcpy(&i, key, sizeof(i));
    assert_ptr_equal(value, walk->nodes[i]);
    gc_clear(&walk->nodes[i]); /* the walk holds it on */
    assert_true(gc_refcount(value) >= 1);
    memcpy(&i, key, sizeof(i)); /* and the key */
    walk->count++;
    return 0;
}

static void visited_entry_may_vanish_while_it_is_visited(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[20];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_VALUES, nodes, 20);
    assert_int_equal(gc_weak_map_each(walk.map, see_number, &walk), 0);
    assert_int_equal(walk.count, 20);
    assert_int_equal(gc_weak_map_count(walk.map), 0);
    end_walk(&walk, 20);
}

static int drop_the_others(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    (void)key;
    (void)size;
    walk->count++;
    for (int i = 0; i < 20; i++) {
        if (walk->nodes[i] != value) {
            gc_clear(&walk->nodes[i]);
        }
    }
    return 0;
}

static void entries_that_vanish_during_a_walk_are_not_visited(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[20];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_VALUES, nodes, 20);
    assert_int_equal(gc_weak_map_each(walk.map, drop_the_others, &walk), 0);
    assert_int_equal(walk.count, 1);
    assert_int_equal(gc_weak_map_count(walk.map), 1);
    end_walk(&walk, 20);
}

static int drop_the_next_two(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    int i;
    (void)value;
    (void)size;
    memcpy(&i, key, sizeof(i));
    walk->seen[walk->count++] = (void *)(intptr_t)i;
    if (i >= 2) {
        gc_clear(&walk->nodes[i - 1]); /* where the cursor stands, and where it steps to */
        gc_clear(&walk->nodes[i - 2]);
    }
    return 0;
}

static void walk_steps_over_neighbours_that_vanish(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[9];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_VALUES, nodes, 9);
    assert_int_equal(gc_weak_map_each(walk.map, drop_the_next_two, &walk), 0);
    assert_int_equal(walk.count, 3);
    assert_int_equal((intptr_t)walk.seen[0], 8);
    assert_int_equal((intptr_t)walk.seen[1], 5);
    assert_int_equal((intptr_t)walk.seen[2], 2);
    assert_sound(gc_heap_of(walk.map));
    end_walk(&walk, 9);
}

static int collect_in_the_walk(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    (void)key;
    (void)size;
    (void)gc_collect(gc_heap_of(value));
    walk->count++;
    return 0;
}

static void entries_may_vanish_in_a_collection_during_a_walk(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[20];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_VALUES, nodes, 20);
    for (int i = 0; i < 20; i++) {
        if (i % 2 == 0) {
            gc_set(&nodes[i]->left, nodes[i]);
            gc_clear(&nodes[i]);
        }
    }
    assert_int_equal(gc_weak_map_each(walk.map, collect_in_the_walk, &walk), 0);
    assert_int_equal(walk.count, 10);
    assert_int_equal(gc_weak_map_count(walk.map), 10);
    end_walk(&walk, 20);
}

static int add_one(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    int i;
    (void)size;
    memcpy(&i, key, sizeof(i));
    i += 1000;
    assert_int_equal(gc_weak_map_set(walk->map, &i, sizeof(i), value), GC_OK);
    walk->count++;
    return 0;
}

static void entries_added_during_a_walk_are_not_visited(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[20];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_VALUES, nodes, 20);
    assert_int_equal(gc_weak_map_each(walk.map, add_one, &walk), 0);
    assert_int_equal(walk.count, 20);
    assert_int_equal(gc_weak_map_count(walk.map), 40);
    end_walk(&walk, 20);
}

static int replace_all(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    (void)key;
    (void)size;
    (void)value;
    walk->seen[walk->count++] = value;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(gc_weak_map_set(walk->map, &i, sizeof(i), walk->nodes[0]), GC_OK);
    }
    return 0;
}

static void values_replaced_during_a_walk_are_visited_when_their_turn_comes(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[20];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_VALUES, nodes, 20);
    assert_int_equal(gc_weak_map_each(walk.map, replace_all, &walk), 0);
    assert_int_equal(walk.count, 20);
    assert_ptr_equal(walk.seen[0], nodes[19]);
    for (int i = 1; i < 20; i++) {
        assert_ptr_equal(walk.seen[i], nodes[0]);
    }
    assert_int_equal(gc_weak_map_count(walk.map), 20);
    end_walk(&walk, 20);
}

static int walk_inside(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    (void)key;
    (void)size;
    (void)value;
    return gc_weak_map_each(walk->map, walk->count++ == 0 ? drop_the_others : see, walk);
}

static void walks_may_be_nested(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[20];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_VALUES, nodes, 20);
    assert_int_equal(gc_weak_map_each(walk.map, walk_inside, &walk), 0);
    assert_int_equal(walk.count, 2); /* the outer one, and in it one more */
    end_walk(&walk, 20);
}

static int empty_the_map(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    (void)key;
    (void)size;
    (void)value;
    gc_drop_references(walk->map);
    walk->count++;
    for (int i = 0; i < 20; i++) { /* where the old entries were; they are new all the same */
        put(walk->map, walk->nodes[i], walk->nodes[0]);
    }
    return 0;
}

static void map_may_be_emptied_during_a_walk(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[20];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_KEYS, nodes, 20);
    assert_int_equal(gc_weak_map_each(walk.map, empty_the_map, &walk), 0);
    assert_int_equal(walk.count, 1);
    assert_int_equal(gc_weak_map_count(walk.map), 20);
    assert_int_equal(world->destroyed, 20); /* the old values */
    assert_ptr_equal(peek(walk.map, nodes[3]), nodes[0]);
    gc_drop_references(walk.map);
    assert_int_equal(gc_weak_map_count(walk.map), 0);
    assert_null(gc_weak_map_get(walk.map, nodes[3], 0));
    end_walk(&walk, 20);
}

static int drop_the_map(const void *key, size_t size, void *value, void *arg)
{
    struct walk *walk = arg;
    (void)key;
    (void)size;
    (void)value;
    if (walk->count++ == 0) {
        gc_decref(walk->map);
    }
    return 0;
}

static void map_may_be_dropped_during_a_walk(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[20];
    gc_heap *heap = world_new_heap(world, NULL);
    fill(&walk, heap, GC_WEAK_VALUES, nodes, 20);
    assert_int_equal(gc_weak_map_each(walk.map, drop_the_map, &walk), 0);
    assert_int_equal(walk.count, 20);
    assert_live(heap, 20);
    for (int i = 0; i < 20; i++) {
        gc_decref(nodes[i]);
    }
}

/* The map
 * ======= */

static void map_that_dies_forgets_its_entries(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct walk walk;
    struct node *nodes[20];
    fill(&walk, heap, GC_WEAK_KEYS, nodes, 20);
    gc_decref(walk.map);
    assert_int_equal(world->destroyed, 20);
    assert_live(heap, 20);
    for (int i = 0; i < 20; i++) {
        gc_decref(nodes[i]);
    }
    assert_live(heap, 0);
}

static void map_in_a_circle_with_its_value_is_collected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct node *key = node_new(heap), *value = node_new(heap);
    gc_set(&value->left, map);
    put(map, key, value);
    gc_decref(value);
    gc_decref(map);
    assert_true(gc_collect(heap) >= 2);
    assert_live(heap, 1);
    gc_decref(key);
}

static void map_that_is_garbage_with_its_keys_is_collected(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct actor *actor = actor_new(heap, 1);
    struct leaf *leaf = leaf_new(heap, 2);
    gc_set(&actor->left, actor);
    gc_set(&actor->right, map);
    put(map, actor, leaf);
    gc_decref(leaf);
    gc_decref(map);
    gc_decref(actor);
    (void)gc_collect(heap);
    assert_int_equal(world->destroyed, 2);
    assert_live(heap, 0);
}

static void rise(struct world *world, struct actor *actor)
{
    world->note = gc_newref(actor);
}

static void map_that_rises_has_its_entries_still(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    struct actor *actor = actor_new(heap, 1);
    struct node *gone = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 2);
    gc_set(&gone->left, gone);
    gc_set(&actor->left, actor);
    gc_set(&actor->right, map);
    put(map, actor, leaf);
    put(map, gone, leaf);
    gc_decref(leaf);
    gc_decref(map);
    gc_decref(gone);
    gc_decref(actor);
    world->on_finalize = rise;
    assert_int_equal(gc_collect(heap), 1);
    assert_int_equal(gc_weak_map_count(map), 1);
    assert_ptr_equal(peek(map, actor), leaf);
    assert_sound(heap);
    gc_clear(&world->note);
    (void)gc_collect(heap);
    assert_live(heap, 0);
}

static void drop_map_in_a_callback(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    gc_clear(&world->note);
}

static void map_that_dies_while_an_entry_is_to_vanish_does_no_harm(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    struct node *node = node_new(heap);
    put_text(map, "a", node);
    put_text(map, "b", node);
    gc_weak *weak = weak_with_callback(node, 1);
    world->note = map;
    world->on_weak = drop_map_in_a_callback;
    gc_decref(node);
    assert_story(world, "W1 ");
    gc_decref(weak);
    assert_live(heap, 0);
}

static void empty_the_map_in_a_callback(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    gc_drop_references(world->note);
    expect(world, gc_weak_map_count(world->note) == 0);
}

static void map_that_is_emptied_while_an_entry_is_to_vanish_is_empty(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    struct node *node = node_new(heap);
    put_text(map, "a", node);
    put_text(map, "b", node);
    gc_weak *weak = weak_with_callback(node, 1);
    world->note = map;
    world->on_weak = empty_the_map_in_a_callback;
    gc_decref(node);
    assert_story(world, "W1 ");
    assert_int_equal(gc_weak_map_count(map), 0);
    gc_decref(weak);
    gc_decref(map);
    assert_live(heap, 0);
}

/* Something with a map that uses it when it is cleared. */
struct owner {
    gc_object object;
    struct owner *self;
    gc_weak_map *map;
    size_t visits;
};

static int count_visit(const void *key, size_t size, void *value, void *arg)
{
    (void)key;
    (void)size;
    (void)value;
    ++*(size_t *)arg;
    return 0;
}

static void owner_clear(gc_object *self)
{
    struct owner *owner = (void *)self;
    struct world *world = world_of(self);
    if (owner->map != NULL) {
        size_t visits = 0;
        (void)gc_weak_map_each(owner->map, count_visit, &visits);
        expect(world, visits == 5 || visits == 0); /* the map was cleared before it, or not */
        expect(world, visits == gc_weak_map_count(owner->map));
        expect(world, gc_weak_map_set(owner->map, world->memo, 0, world->memo) == GC_OK);
        void *found = peek(owner->map, world->memo);
        expect(world, found == world->memo);
        world->finalized++;
    }
}

static const gc_type owner_type = {
    .name = "owner",
    .size = sizeof(struct owner),
    .refs = OURO_REFS(struct owner, self, map),
    .clear = owner_clear,
};

/* A collection clears pages in the order in which they came to be: that of entries, of owners, and,
 * for the last of so many, of maps. */
static void map_in_the_garbage_can_be_used_until_it_is_cleared(void **state)
{
    struct world *world = *state;
    enum { MAPS = 2000 };
    static gc_weak_map *maps[MAPS];
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *keys[5];
    for (int i = 0; i < 5; i++) {
        keys[i] = node_new(heap);
    }
    maps[0] = map_new(heap, GC_WEAK_KEYS);
    put(maps[0], keys[0], keys[0]);
    struct owner *owners[2] = { gc_new(heap, &owner_type), gc_new(heap, &owner_type) };
    for (int i = 1; i < MAPS; i++) {
        maps[i] = map_new(heap, GC_WEAK_KEYS);
    }
    world->memo = keys[0];
    for (int way = 0; way < 2; way++) {
        gc_weak_map *map = maps[way == 0 ? 0 : MAPS - 1];
        for (int i = 0; i < 5; i++) {
            put(map, keys[i], map);
        }
        gc_set(&owners[way]->map, map);
        gc_set_steal(&owners[way]->self, owners[way]);
    }
    for (int i = 0; i < MAPS; i++) {
        gc_decref(maps[i]);
    }
    (void)gc_collect(heap);
    assert_int_equal(world->finalized, 2);
    for (int i = 0; i < 5; i++) {
        gc_decref(keys[i]);
    }
    (void)gc_collect(heap);
    assert_live(heap, 0);
}

static void maps_stay_right_while_they_grow_and_shrink(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 3000 };
    static struct node *nodes[COUNT];
    gc_weak_map *map = map_new(heap, GC_WEAK_VALUES);
    size_t alive = 0;
    for (int i = 0; i < COUNT; i++) {
        nodes[i] = node_new(heap);
        assert_int_equal(gc_weak_map_set(map, &i, sizeof(i), nodes[i]), GC_OK);
        alive++;
        if (i % 3 == 0) {
            int victim = i / 2;
            alive -= nodes[victim] != NULL;
            gc_clear(&nodes[victim]);
        }
        if (i % 7 == 0) {
            int victim = i / 3;
            alive -= gc_weak_map_remove(map, &victim, sizeof(victim));
        }
        assert_int_equal(gc_weak_map_count(map) >= alive, true);
        if (i % 100 == 0) {
            for (int k = 0; k < i; k++) {
                void *value = gc_weak_map_get(map, &k, sizeof(k));
                assert_true(value == nodes[k] || value == NULL);
                gc_xdecref(value);
            }
        }
    }
    assert_sound(heap);
    for (int i = 0; i < COUNT; i++) {
        gc_clear(&nodes[i]);
    }
    assert_int_equal(gc_weak_map_count(map), 0);
    gc_decref(map);
}

static void a_million_entries_vanish_one_by_one(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t count = scaled(1000000);
    struct node **nodes = malloc(count * sizeof(*nodes));
    assert_non_null(nodes);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    for (size_t i = 0; i < count; i++) {
        nodes[i] = node_new(heap);
        put(map, nodes[i], i == 0 ? nodes[i] : nodes[0]);
    }
    for (size_t i = 1; i < count; i++) {
        if (peek(map, nodes[i]) != nodes[0]) {
            fail();
        }
        gc_decref(nodes[i]);
    }
    assert_int_equal(gc_weak_map_count(map), 1);
    gc_decref(nodes[0]);
    free(nodes);
    gc_decref(map);
    (void)gc_collect(heap);
    assert_live(heap, 0);
}

static int count_groups(const gc_statistic *statistic, void *arg)
{
    uint64_t *counts = arg;
    counts[strstr(statistic->name, "behaviour/weakmap.c") == NULL] += statistic->count;
    return 0;
}

static void entries_are_on_record_at_the_line_that_sets_them(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *key = node_new(heap);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    gc_weak_map *map = map_new(heap, GC_WEAK_KEYS);
    put(map, key, key);
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    uint64_t counts[2] = { 0, 0 };
    assert_int_equal(gc_snapshot_statistics(snapshot, GC_BY_LINE, count_groups, counts), 0);
    gc_snapshot_free(snapshot);
    assert_true(counts[0] >= 3);
    assert_int_equal(counts[1], 0);
    assert_true(gc_weak_map_remove(map, key, 0));
    gc_decref(key);
    gc_decref(map);
}

static void heap_may_end_with_maps_in_it(void **state)
{
    struct world *world = *state;
    struct walk walk;
    struct node *nodes[20];
    fill(&walk, world_new_heap(world, NULL), GC_WEAK_KEYS, nodes, 20);
    world_free_heap(world);
    assert_int_equal(world->destroyed, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(value_is_found_by_its_key),
        world_test(empty_map_has_nothing),
        world_test(entry_vanishes_with_its_key),
        world_test(entry_vanishes_with_its_key_in_a_collection),
        world_test(new_value_of_a_key_takes_the_place_of_the_old),
        world_test(key_born_in_the_place_of_a_dead_one_has_no_value),
        world_test(removed_entry_drops_its_value),
        world_test(value_that_leads_to_its_key_keeps_both),
        world_test(value_is_found_by_the_bytes_of_its_key),
        world_test(entry_vanishes_with_its_value),
        world_test(numbers_may_be_keys),
        world_test(removed_entry_does_not_vanish_later),
        world_test(death_of_a_replaced_value_leaves_the_new_one_alone),
        world_test(late_removal_does_not_hit_a_new_value_under_the_same_key),
        world_test(late_removal_in_a_collection_does_not_hit_a_new_value),
        world_test(value_that_rises_and_was_put_again_is_there_once),
        world_test(dying_object_is_not_found),
        world_test(value_put_while_another_is_being_put_is_replaced),
        world_test(value_is_there_though_the_map_is_cleared_while_it_is_put),
        world_test(walk_visits_the_latest_first),
        world_test(walk_ends_when_the_visitor_says_so),
        world_test(walk_lends_key_and_value),
        world_test(visited_entry_may_vanish_while_it_is_visited),
        world_test(entries_that_vanish_during_a_walk_are_not_visited),
        world_test(walk_steps_over_neighbours_that_vanish),
        world_test(entries_may_vanish_in_a_collection_during_a_walk),
        world_test(entries_added_during_a_walk_are_not_visited),
        world_test(values_replaced_during_a_walk_are_visited_when_their_turn_comes),
        world_test(walks_may_be_nested),
        world_test(map_may_be_emptied_during_a_walk),
        world_test(map_may_be_dropped_during_a_walk),
        world_test(map_that_dies_forgets_its_entries),
        world_test(map_in_a_circle_with_its_value_is_collected),
        world_test(map_that_is_garbage_with_its_keys_is_collected),
        world_test(map_that_rises_has_its_entries_still),
        world_test(map_that_dies_while_an_entry_is_to_vanish_does_no_harm),
        world_test(map_that_is_emptied_while_an_entry_is_to_vanish_is_empty),
        world_test(map_in_the_garbage_can_be_used_until_it_is_cleared),
        world_test(maps_stay_right_while_they_grow_and_shrink),
        world_test(a_million_entries_vanish_one_by_one),
        world_test(entries_are_on_record_at_the_line_that_sets_them),
        world_test(heap_may_end_with_maps_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
