/* SPDX-License-Identifier: MIT */
/* Types: every way to say where the references are. For each way, what an object refers to is found
 * by referents, is dropped when it dies by count, and breaks when it dies in a circle. */

#include "../support.h"

/* One object of a type under test, holding `child`, and how to make it. */
typedef void *(*make_fn)(gc_heap *heap, struct actor *child);

/* The child has a back reference in `left` for the circle. */
static void verify_shape(struct world *world, make_fn make, size_t references)
{
    gc_heap *heap = world_new_heap(world, NULL);

    struct actor *child = actor_new(heap, 1);
    void *holder = make(heap, child);
    struct seen seen = { 0 };
    assert_int_equal(gc_refcount(child), references + 1);
    assert_sound(heap);
    assert_int_equal(gc_referents(holder, seen_add, &seen), 0);
    assert_int_equal(seen.count, references);
    assert_int_equal(seen_times(&seen, child), references < SEEN_MAX ? references : SEEN_MAX);
    gc_decref(child);
    assert_story(world, "");
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "");
    assert_sound(heap);
    gc_decref(holder);
    assert_story(world, "F1 D1 ");
    assert_live(heap, 0);

    child = actor_new(heap, 2);
    holder = make(heap, child);
    gc_set(&child->left, holder);
    gc_decref(holder);
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "");
    gc_decref(child);
    assert_story(world, "");
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_story(world, "F2 D2 ");
    assert_live(heap, 0);
    assert_sound(heap);
}

static void *make_single(gc_heap *heap, struct actor *child)
{
    struct node *holder = node_new(heap);
    gc_set(&holder->left, child);
    return holder;
}

static void single_references_are_found_and_dropped(void **state)
{
    verify_shape(*state, make_single, 1);
}

struct sixteen {
    gc_object object;
    struct actor *a, *b, *c, *d, *e, *f, *g, *h, *i, *j, *k, *l, *m, *n, *o, *p;
};

static const gc_type sixteen_type = {
    .name = "sixteen",
    .size = sizeof(struct sixteen),
    .refs = OURO_REFS(struct sixteen, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p),
};

static void *make_sixteen(gc_heap *heap, struct actor *child)
{
    struct sixteen *holder = gc_new(heap, &sixteen_type);
    assert_non_null(holder);
    for (size_t i = 0; i < 16; i++) {
        size_t offset = offsetof(struct sixteen, a) + i * sizeof(struct actor *);
        gc_set((struct actor **)(void *)((char *)holder + offset), child);
    }
    return holder;
}

static void sixteen_references_are_found_and_dropped(void **state)
{
    verify_shape(*state, make_sixteen, 16);
}

/* The references need not come first, nor be all the pointers there are. */
struct scattered {
    gc_object object;
    double number;
    struct actor *borrowed;
    struct actor *owned;
    char text[13];
    struct actor *also_owned;
};

static const gc_type scattered_type = {
    .name = "scattered",
    .size = sizeof(struct scattered),
    .refs = OURO_REFS(struct scattered, also_owned, owned),
};

static void *make_scattered(gc_heap *heap, struct actor *child)
{
    struct scattered *holder = gc_new(heap, &scattered_type);
    assert_non_null(holder);
    gc_set(&holder->owned, child);
    gc_set(&holder->also_owned, child);
    holder->borrowed = child;
    memset(holder->text, 0xEE, sizeof(holder->text));
    return holder;
}

static void pointers_that_are_not_declared_are_not_references(void **state)
{
    verify_shape(*state, make_scattered, 2);
}

static void *make_tuple(gc_heap *heap, struct actor *child)
{
    struct tuple *holder = tuple_new(heap, 30);
    gc_set(&holder->items[0], child);
    gc_set(&holder->items[17], child);
    gc_set(&holder->items[29], child);
    return holder;
}

static void tail_references_are_found_and_dropped(void **state)
{
    verify_shape(*state, make_tuple, 3);
}

static void tail_of_nothing_refers_to_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct tuple *tuple = tuple_new(heap, 0);
    struct seen seen = { 0 };
    assert_int_equal(gc_referents(tuple, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
    assert_int_equal(gc_collect(heap), 0);
    assert_sound(heap);
    gc_decref(tuple);
}

/* A buffer with a count of each width. `destroy` sees it counted down. */
#define BUFFER_TYPE(width, most) \
    struct list##width { \
        gc_object object; \
        uint##width##_t before, count, after; \
        struct actor **items; \
    }; \
    static void list##width##_destroy(gc_object *self) \
    { \
        struct list##width *list = (void *)self; \
        expect(world_of(self), list->count == 0); \
        expect(world_of(self), \
               list->before == (uint##width##_t) - 1 && list->after == (uint##width##_t) - 1); \
        free(list->items); \
    } \
    static const gc_type list##width##_type = { \
        .name = "list" #width, \
        .size = sizeof(struct list##width), \
        .refs = OURO_FIELDS(OURO_BUFFER(struct list##width, items, count)), \
        .destroy = list##width##_destroy, \
    }; \
    static void *make_list##width(gc_heap *heap, struct actor *child) \
    { \
        struct list##width *holder = gc_new(heap, &list##width##_type); \
        assert_non_null(holder); \
        holder->before = (uint##width##_t) - 1; \
        holder->after = (uint##width##_t) - 1; \
        holder->items = calloc((most) + 1, sizeof(struct actor *)); \
        assert_non_null(holder->items); \
        for (unsigned i = 0; i < (most); i++) { \
            holder->items[i] = i % 3 == 0 ? gc_newref(child) : NULL; \
            holder->count++; \
        } \
        holder->items[most] = child; \
        return holder; \
    } \
    static void buffer_with_a_count_of_##width##_bits_is_found_and_dropped(void **state) \
    { \
        verify_shape(*state, make_list##width, ((most) + 2) / 3); \
    }

BUFFER_TYPE(8, 255)
BUFFER_TYPE(16, 65535)
BUFFER_TYPE(32, 70000)
BUFFER_TYPE(64, 70000)

static void buffer_without_an_array_is_empty(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct list32 *list = gc_new(heap, &list32_type);
    struct seen seen = { 0 };
    assert_non_null(list);
    list->before = UINT32_MAX;
    list->after = UINT32_MAX;
    assert_int_equal(gc_referents(list, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
    assert_int_equal(gc_collect(heap), 0);
    assert_sound(heap);
    gc_decref(list);
}

/* References found by callback; `cleared` counts the calls of clear. */
struct hidden {
    gc_object object;
    struct actor *shown;
    uintptr_t masked; /* a reference, with all bits turned over; 0: none */
};

static unsigned cleared;

static struct actor *unmasked(const struct hidden *hidden)
{
    return hidden->masked != 0 ? (struct actor *)~hidden->masked : NULL;
}

static void hidden_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, unmasked((void *)self));
}

static void hidden_clear(gc_object *self)
{
    struct hidden *hidden = (void *)self;
    struct actor *child = unmasked(hidden);
    cleared++;
    hidden->masked = 0;
    gc_xdecref(child);
}

static const gc_type hidden_type = {
    .name = "hidden",
    .size = sizeof(struct hidden),
    .traverse = hidden_traverse,
    .clear = hidden_clear,
};

static void *make_hidden(gc_heap *heap, struct actor *child)
{
    struct hidden *holder = gc_new(heap, &hidden_type);
    assert_non_null(holder);
    holder->masked = ~(uintptr_t)gc_newref(child);
    return holder;
}

static void references_known_to_callbacks_are_found_and_dropped(void **state)
{
    cleared = 0;
    verify_shape(*state, make_hidden, 1);
    assert_true(cleared >= 2);
}

static const gc_type half_hidden_type = {
    .name = "half hidden",
    .size = sizeof(struct hidden),
    .refs = OURO_REFS(struct hidden, shown),
    .traverse = hidden_traverse,
    .clear = hidden_clear,
};

static void *make_half_hidden(gc_heap *heap, struct actor *child)
{
    struct hidden *holder = gc_new(heap, &half_hidden_type);
    assert_non_null(holder);
    holder->masked = ~(uintptr_t)gc_newref(child);
    gc_set(&holder->shown, child);
    return holder;
}

static void declared_and_callback_references_go_together(void **state)
{
    verify_shape(*state, make_half_hidden, 2);
}

static struct actor *shown_at_clear;

static void watching_clear(gc_object *self)
{
    shown_at_clear = ((struct hidden *)(void *)self)->shown;
    hidden_clear(self);
}

static const gc_type watching_type = {
    .name = "watching",
    .size = sizeof(struct hidden),
    .refs = OURO_REFS(struct hidden, shown),
    .traverse = hidden_traverse,
    .clear = watching_clear,
};

static void clear_runs_before_the_declared_references_are_dropped(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct actor *child = actor_new(heap, 1);
    struct hidden *holder = gc_new(heap, &watching_type);
    assert_non_null(holder);
    gc_set(&holder->shown, child);
    shown_at_clear = NULL;
    gc_decref(holder);
    assert_ptr_equal(shown_at_clear, child);
    assert_int_equal(gc_refcount(child), 1);
    gc_decref(child);
}

/* Everything in one type: a reference, a buffer, a tail, and a callback. */
struct everything {
    gc_object object;
    struct actor *one;
    struct actor **buffer;
    struct actor *found;
    uint16_t count;
    struct actor *tail[];
};

static void everything_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct everything *)(void *)self)->found);
}

static void everything_clear(gc_object *self)
{
    gc_clear(&((struct everything *)(void *)self)->found);
}

static void everything_destroy(gc_object *self)
{
    struct everything *everything = (void *)self;
    expect(world_of(self),
           everything->one == NULL && everything->found == NULL && everything->count == 0);
    for (size_t i = 0; i < gc_tail_length(self); i++) {
        expect(world_of(self), everything->tail[i] == NULL);
    }
    free(everything->buffer);
}

static const gc_type everything_type = {
    .name = "everything",
    .size = offsetof(struct everything, tail),
    .item_size = sizeof(struct actor *),
    .refs = OURO_FIELDS(OURO_REF(struct everything, one), OURO_TAIL(struct everything, tail),
                        OURO_BUFFER(struct everything, buffer, count)),
    .traverse = everything_traverse,
    .clear = everything_clear,
    .destroy = everything_destroy,
};

static void *make_everything(gc_heap *heap, struct actor *child)
{
    struct everything *holder = gc_new_var(heap, &everything_type, 3);
    assert_non_null(holder);
    gc_set(&holder->one, child);
    gc_set(&holder->found, child);
    gc_set(&holder->tail[1], child);
    gc_set(&holder->tail[2], child);
    holder->buffer = calloc(2, sizeof(struct actor *));
    assert_non_null(holder->buffer);
    holder->buffer[0] = gc_newref(child);
    holder->buffer[1] = gc_newref(child);
    holder->count = 2;
    return holder;
}

static void one_type_may_hold_references_in_every_way(void **state)
{
    verify_shape(*state, make_everything, 6);
}

/* A type with traverse and without clear drops its references in destroy; the others of a circle
 * break it. */
struct stubborn {
    gc_object object;
    struct actor *child;
};

static void stubborn_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct stubborn *)(void *)self)->child);
}

static void stubborn_destroy(gc_object *self)
{
    gc_clear(&((struct stubborn *)(void *)self)->child);
}

static const gc_type stubborn_type = {
    .name = "stubborn",
    .size = sizeof(struct stubborn),
    .traverse = stubborn_traverse,
    .destroy = stubborn_destroy,
};

static void *make_stubborn(gc_heap *heap, struct actor *child)
{
    struct stubborn *holder = gc_new(heap, &stubborn_type);
    assert_non_null(holder);
    gc_set(&holder->child, child);
    return holder;
}

static void type_without_clear_relies_on_the_others_of_a_circle(void **state)
{
    verify_shape(*state, make_stubborn, 1);
}

/* More children than any buffer of the visitor holds. */
enum { CROWD = 10000 };

struct crowd {
    gc_object object;
    struct node *items[CROWD];
};

static void crowd_traverse(gc_object *self, gc_visitor *visitor)
{
    struct crowd *crowd = (void *)self;
    for (size_t i = 0; i < CROWD; i++) {
        gc_visit(visitor, crowd->items[i]);
    }
}

static void crowd_clear(gc_object *self)
{
    struct crowd *crowd = (void *)self;
    for (size_t i = 0; i < CROWD; i++) {
        gc_clear(&crowd->items[i]);
    }
}

static const gc_type crowd_type = {
    .name = "crowd",
    .size = sizeof(struct crowd),
    .traverse = crowd_traverse,
    .clear = crowd_clear,
};

static void one_traverse_may_visit_ten_thousand(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct crowd *crowd = gc_new(heap, &crowd_type);
    struct seen seen = { 0 };
    assert_non_null(crowd);
    for (size_t i = 0; i < CROWD; i++) {
        crowd->items[i] = node_new(heap);
        gc_set(&crowd->items[i]->left, crowd);
    }
    assert_sound(heap);
    assert_int_equal(gc_referents(crowd, seen_add, &seen), 0);
    assert_int_equal(seen.count, CROWD);
    assert_int_equal(gc_collect(heap), 0);
    assert_live(heap, CROWD + 1);
    gc_decref(crowd);
    assert_live(heap, CROWD + 1);
    assert_int_equal(gc_collect(heap), CROWD + 1);
    assert_live(heap, 0);
}

static void collection_bears_half_built_objects(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    void *objects[6] = {
        gc_new(heap, &node_type),
        gc_new(heap, &hidden_type),
        gc_new(heap, &half_hidden_type),
        gc_new(heap, &stubborn_type),
        gc_new_var(heap, &tuple_type, 1000),
        gc_new_var(heap, &everything_type, 9),
    };
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(gc_collect(heap), 0);
    assert_sound(heap);
    assert_live(heap, 6);
    for (size_t i = 0; i < 6; i++) {
        gc_decref(objects[i]);
    }
    assert_live(heap, 0);
}

static void leaf_is_in_no_generation(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct leaf *leaf = leaf_new(heap, 1);
    struct string *text = gc_new_var(heap, &string_type, 100);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.objects_live, 2);
    assert_int_equal(stats.generations[0].objects, 0);
    assert_int_equal(stats.generations[1].objects, 0);
    assert_int_equal(gc_collect(heap), 0);
    stats = stats_of(heap);
    assert_int_equal(stats.objects_live, 2);
    assert_int_equal(stats.generations[0].objects + stats.generations[1].objects, 0);
    assert_sound(heap);
    gc_decref(text);
    gc_decref(leaf);
    assert_story(world, "L1 ");
}

static void leaf_of_garbage_dies_with_it(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1);
    a->leaf = leaf_new(heap, 7);
    gc_set(&a->left, a);
    gc_decref(a);
    assert_int_equal(gc_collect(heap), 1);
    assert_int_equal(world->destroyed, 2);
    assert_non_null(strstr(world->story, "L7 "));
    assert_live(heap, 0);
}

static void object_knows_its_type_and_heap(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    struct tuple *small = tuple_new(heap, 2);
    struct tuple *large = tuple_new(heap, 50000);
    void *objects[] = { node, leaf, small, large };
    const gc_type *types[] = { &node_type, &leaf_type, &tuple_type, &tuple_type };
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(gc_type_of(objects[i]), types[i]);
        assert_ptr_equal(gc_heap_of(objects[i]), heap);
    }
    for (size_t i = 0; i < 4; i++) {
        gc_decref(objects[i]);
    }
}

static void type_is_shared_by_heaps(void **state)
{
    struct world *other = world_new();
    void *other_state = other;
    gc_heap *here = world_new_heap(*state, NULL), *there = world_new_heap(other, NULL);
    struct actor *a = actor_new(here, 1), *b = actor_new(there, 2);
    assert_ptr_equal(gc_type_of(a), gc_type_of(b));
    assert_ptr_equal(gc_heap_of(a), here);
    assert_ptr_equal(gc_heap_of(b), there);
    assert_sound(here);
    assert_sound(there);
    gc_decref(a);
    assert_live(there, 1);
    gc_decref(b);
    assert_story(*state, "F1 D1 ");
    assert_story(other, "F2 D2 ");
    assert_int_equal(world_teardown(&other_state), 0);
}

/* Types are found by their addresses; so many share each place of any small cache. */
static void heap_tells_hundreds_of_types_apart(void **state)
{
    enum { COUNT = 400 };
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type *types = calloc(COUNT, sizeof(*types));
    void *objects[COUNT];
    assert_non_null(types);
    for (size_t i = 0; i < COUNT; i++) {
        types[i] = node_type;
        types[i].size = sizeof(struct node) + 8 * (i % 5);
    }
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            objects[i] = gc_new(heap, &types[i]);
            assert_non_null(objects[i]);
        }
        for (size_t i = 0; i < COUNT; i++) {
            assert_ptr_equal(gc_type_of(objects[i]), &types[i]);
        }
        assert_sound(heap);
        for (size_t i = 0; i < COUNT; i++) {
            gc_set(&((struct node *)objects[i])->left, objects[(i + 1) % COUNT]);
        }
        for (size_t i = 0; i < COUNT; i++) {
            gc_decref(objects[i]);
        }
        assert_int_equal(gc_collect(heap), COUNT);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(gc_type_forget(heap, &types[i]), GC_OK);
    }
    assert_sound(heap);
    free(types);
}

static void type_with_live_objects_is_not_forgotten(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    struct leaf *leaf = leaf_new(heap, 1);
    assert_int_equal(gc_type_forget(heap, &node_type), GC_ERR_BUSY);
    assert_int_equal(gc_last_error(heap), GC_ERR_BUSY);
    assert_int_equal(gc_type_forget(heap, &leaf_type), GC_ERR_BUSY);
    assert_sound(heap);
    assert_ptr_equal(gc_type_of(node), &node_type);
    gc_decref(node);
    gc_decref(leaf);
    assert_int_equal(gc_type_forget(heap, &node_type), GC_OK);
    assert_int_equal(gc_type_forget(heap, &leaf_type), GC_OK);
}

static gc_status forgotten_in_a_callback;

static void forget_here(struct world *world, struct actor *actor)
{
    (void)actor;
    forgotten_in_a_callback = gc_type_forget(world->heap, &node_type);
}

static void type_is_not_forgotten_inside_a_callback(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_decref(node_new(heap));
    world->on_finalize = forget_here;
    forgotten_in_a_callback = GC_OK;
    gc_decref(actor_new(heap, 1));
    assert_int_equal(forgotten_in_a_callback, GC_ERR_BUSY);
    world->on_finalize = NULL;
    world->on_destroy = forget_here;
    forgotten_in_a_callback = GC_OK;
    drop_an_actor_circle(heap, 2);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(forgotten_in_a_callback, GC_ERR_BUSY);
    assert_int_equal(gc_type_forget(heap, &node_type), GC_OK);
}

static void forgotten_type_may_come_back(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type type = node_type;
    for (int round = 0; round < 5; round++) {
        void *objects[10];
        for (int i = 0; i < 10; i++) {
            objects[i] = gc_new(heap, &type);
            assert_non_null(objects[i]);
        }
        assert_sound(heap);
        for (int i = 0; i < 10; i++) {
            gc_decref(objects[i]);
        }
        assert_int_equal(gc_type_forget(heap, &type), GC_OK);
        /* Another declaration at the same address, as in another module at the same place. */
        type.size += 8;
        assert_sound(heap);
    }
}

static void type_the_heap_never_saw_may_be_forgotten(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    assert_int_equal(gc_type_forget(heap, &node_type), GC_OK);
    assert_sound(heap);
}

static void forgotten_type_of_large_objects_leaves_nothing_behind(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct tuple *large = tuple_new(heap, 500000), *small = tuple_new(heap, 5);
    gc_decref(large);
    assert_int_equal(gc_type_forget(heap, &tuple_type), GC_ERR_BUSY);
    gc_decref(small);
    assert_int_equal(gc_type_forget(heap, &tuple_type), GC_OK);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 0);
    assert_live(heap, 0);
}

/* A type's address, used again
 * =========================== */

/* A type that is made at run time, in memory that another type had before. The compiler is not to know
 * what it is: an inline birth compares size, alignment and kind alone. */
#if OURO_HAS_ATTRIBUTE(noinline)
__attribute__((noinline))
#endif
static gc_type *
type_in(void *memory, const gc_type *contents)
{
    memcpy(memory, contents, sizeof(*contents));
    return memory;
}

static const gc_type narrow_type = { .name = "narrow", .size = 24 };
static const gc_type wide_type = { .name = "wide", .size = 200 };
static const gc_type aligned_type = { .name = "aligned", .size = 24, .align = 64 };
static const gc_type left_type = { .name = "left",
                                   .size = sizeof(struct node),
                                   .refs = OURO_REFS(struct node, left) };
static const gc_type right_type = { .name = "right",
                                    .size = sizeof(struct node),
                                    .refs = OURO_REFS(struct node, right) };

static void type_of_another_size_or_alignment_gets_pages_of_its_own(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    static const gc_type *const types[] = { &narrow_type, &wide_type,    &aligned_type,
                                            &narrow_type, &aligned_type, &wide_type };
    gc_type *memory = calloc(1, sizeof(*memory));
    assert_non_null(memory);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const gc_type *type = type_in(memory, types[i]);
        char *objects[100];
        for (size_t k = 0; k < 100; k++) {
            objects[k] = gc_new(heap, type);
            assert_non_null(objects[k]);
            assert_int_equal((uintptr_t)objects[k] % (type->align == 0 ? 8 : type->align), 0);
            for (size_t at = 8; at < type->size; at++) {
                assert_int_equal(objects[k][at], 0);
            }
            memset(objects[k] + 8, 0xFF, type->size - 8);
            for (size_t other = 0; other < k; other++) {
                size_t apart = objects[k] > objects[other] ? (size_t)(objects[k] - objects[other])
                                                           : (size_t)(objects[other] - objects[k]);
                assert_true(apart >= type->size);
            }
        }
        assert_sound(heap);
        for (size_t k = 0; k < 100; k++) {
            gc_decref(objects[k]);
        }
    }
    free(memory);
}

static void type_with_other_references_is_traced_by_them(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    static const gc_type *const types[] = { &left_type, &right_type, &narrow_type, &left_type };
    gc_type *memory = calloc(1, sizeof(*memory));
    assert_non_null(memory);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct node *node = gc_new(heap, type_in(memory, types[i]));
        assert_non_null(node);
        if (types[i] != &narrow_type) {
            gc_set(types[i] == &left_type ? &node->left : &node->right, node);
        }
        gc_decref(node);
        assert_int_equal(gc_collect(heap), types[i] != &narrow_type);
        assert_live(heap, 0);
    }
    free(memory);
}

static void type_with_other_callbacks_is_called_by_them(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_type *memory = calloc(1, sizeof(*memory));
    assert_non_null(memory);
    gc_decref(gc_new(heap, type_in(memory, &actor_type)));
    assert_story(world, "F0 D0 ");
    gc_type silent = { .name = "silent", .size = actor_type.size, .refs = actor_type.refs };
    gc_decref(gc_new(heap, type_in(memory, &silent)));
    assert_story(world, "");
    gc_decref(gc_new(heap, type_in(memory, &actor_type)));
    assert_story(world, "F0 D0 ");
    free(memory);
}

static void type_with_a_tail_may_have_been_one_without(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    gc_type *memory = calloc(1, sizeof(*memory));
    assert_non_null(memory);
    for (size_t i = 0; i < 4; i++) {
        const gc_type *type = type_in(memory, i % 2 == 0 ? &string_type : &tuple_type);
        void *objects[2] = { gc_new_var(heap, type, 8), gc_new_var(heap, type, 64) };
        assert_non_null(objects[0]);
        assert_non_null(objects[1]);
        assert_true(gc_is_container(objects[0]) == (i % 2 == 1));
        assert_sound(heap);
        gc_decref(objects[0]);
        gc_decref(objects[1]);
        gc_decref(gc_new(heap, type_in(memory, &wide_type)));
    }
    free(memory);
}

static void type_that_changes_while_objects_live_is_refused(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_type *memory = calloc(1, sizeof(*memory));
    assert_non_null(memory);
    void *objects[4000];
    for (size_t i = 0; i < 4000; i++) { /* more than a page */
        objects[i] = gc_new(heap, type_in(memory, &narrow_type));
        assert_non_null(objects[i]);
    }
    while (gc_new(heap, type_in(memory, &wide_type)) != NULL) {
        fail_msg("an object of 200 bytes in a slot of 24");
    }
    expect_panic(world, "wide");
    assert_int_equal(gc_last_error(heap), GC_ERR_TYPE);
    (void)type_in(memory, &narrow_type);
    for (size_t i = 0; i < 4000; i++) {
        gc_decref(objects[i]);
    }
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(single_references_are_found_and_dropped),
        world_test(sixteen_references_are_found_and_dropped),
        world_test(pointers_that_are_not_declared_are_not_references),
        world_test(tail_references_are_found_and_dropped),
        world_test(tail_of_nothing_refers_to_nothing),
        world_test(buffer_with_a_count_of_8_bits_is_found_and_dropped),
        world_test(buffer_with_a_count_of_16_bits_is_found_and_dropped),
        world_test(buffer_with_a_count_of_32_bits_is_found_and_dropped),
        world_test(buffer_with_a_count_of_64_bits_is_found_and_dropped),
        world_test(buffer_without_an_array_is_empty),
        world_test(references_known_to_callbacks_are_found_and_dropped),
        world_test(declared_and_callback_references_go_together),
        world_test(clear_runs_before_the_declared_references_are_dropped),
        world_test(one_type_may_hold_references_in_every_way),
        world_test(type_without_clear_relies_on_the_others_of_a_circle),
        world_test(one_traverse_may_visit_ten_thousand),
        world_test(collection_bears_half_built_objects),
        world_test(leaf_is_in_no_generation),
        world_test(leaf_of_garbage_dies_with_it),
        world_test(object_knows_its_type_and_heap),
        world_test(type_is_shared_by_heaps),
        world_test(heap_tells_hundreds_of_types_apart),
        world_test(type_with_live_objects_is_not_forgotten),
        world_test(type_is_not_forgotten_inside_a_callback),
        world_test(forgotten_type_may_come_back),
        world_test(type_the_heap_never_saw_may_be_forgotten),
        world_test(forgotten_type_of_large_objects_leaves_nothing_behind),
        world_test(type_of_another_size_or_alignment_gets_pages_of_its_own),
        world_test(type_with_other_references_is_traced_by_them),
        world_test(type_with_other_callbacks_is_called_by_them),
        world_test(type_with_a_tail_may_have_been_one_without),
        world_test(type_that_changes_while_objects_live_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
