/* SPDX-License-Identifier: MIT */

/* Callbacks that are left by longjmp, which is not allowed, and what the next call says; and errno, which
 * no callback changes for the caller. */

#include "../support.h"

#include <errno.h>

/* What a callback does. */
static struct {
    jmp_buf way_out;
    bool leaves;
    unsigned calls;
} jumper;

static void jump(void)
{
    jumper.calls++;
    errno = 42;
    if (jumper.leaves) {
        jumper.leaves = false;
        longjmp(jumper.way_out, 1);
    }
}

struct thing {
    gc_object object;
    struct thing *next;
};

static void jump_from(gc_object *self)
{
    (void)self;
    jump();
}

#define THING_TYPE(callback) \
    { \
        .name = "thing", .size = sizeof(struct thing), .refs = OURO_REFS(struct thing, next), \
        callback \
    }
static const gc_type finalize_type = THING_TYPE(.finalize = jump_from);
static const gc_type clear_type = THING_TYPE(.clear = jump_from);
static const gc_type destroy_type = THING_TYPE(.destroy = jump_from);

static void weak_jumps(gc_weak *weak, void *arg)
{
    (void)weak;
    (void)arg;
    jump();
}

static int visitor_jumps(void *object, void *arg)
{
    (void)object;
    (void)arg;
    jump();
    return 0;
}

static bool start_jumps(gc_heap *heap, const gc_collection *collection, void *arg)
{
    (void)heap;
    (void)collection;
    (void)arg;
    jump();
    return true;
}

static struct thing *thing_new(gc_heap *heap, const gc_type *type)
{
    struct thing *thing = gc_new(heap, type);
    assert_non_null(thing);
    return thing;
}

static void drop_a_circle(gc_heap *heap, const gc_type *type)
{
    struct thing *thing = thing_new(heap, type);
    thing->next = gc_newref(thing);
    gc_decref(thing);
}

/* Whether the call was left. */
static bool is_left(void (*run)(gc_heap *heap), gc_heap *heap)
{
    jumper.leaves = true;
    if (setjmp(jumper.way_out) != 0) {
        return true;
    }
    run(heap);
    jumper.leaves = false;
    return false;
}

static struct thing *dropped;

static void drop_it(gc_heap *heap)
{
    (void)heap;
    gc_decref(dropped);
}

/* The heap has an object that does not end, so it is not freed as others are. */
static void give_up(struct world *world)
{
    world->leftovers = true;
}

/* One that cannot be freed any more: its memory goes all the same. */
static void abandon_heap(struct world *world)
{
    world->heap = NULL;
    for (size_t i = 0; i < world->pages.blocks; i++) {
        free(world->pages.table[i].block);
    }
    world->pages = (struct pages){ .fail_at = SIZE_MAX };
}

static void death_that_a_callback_has_left_is_given_up(void **state)
{
    struct world *world = *state;
    static const struct {
        const gc_type *type;
        const char *name;
    } cases[] = { { &finalize_type, "finalize of type thing" },
                  { &clear_type, "clear of type thing" },
                  { &destroy_type, "destroy of type thing" } };
    gc_heap *heap = world_new_heap(world, NULL);
    for (size_t i = 0; i < 3; i++) {
        struct thing *other = thing_new(heap, cases[i].type);
        dropped = thing_new(heap, cases[i].type);
        unsigned before = jumper.calls;
        assert_true(is_left(drop_it, heap));
        assert_int_equal(jumper.calls, before + 1);
        (void)gc_collect(heap); /* notices */
        expect_panic(world, cases[i].name);
        gc_decref(other); /* and objects die as ever */
        assert_int_equal(jumper.calls, before + 2);
        drop_an_actor_circle(heap, 1);
        assert_int_equal(gc_collect(heap), 2);
        assert_story(world, "F1 F2 D2 D1 ");
    }
    give_up(world);
}

static void death_after_one_that_was_left_is_noticed_by_the_next_death(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct thing *other = thing_new(heap, &destroy_type);
    dropped = thing_new(heap, &destroy_type);
    unsigned before = jumper.calls;
    assert_true(is_left(drop_it, heap));
    gc_decref(other); /* notices, and dies all the same */
    expect_panic(world, "destroy of type thing was left by longjmp");
    assert_int_equal(jumper.calls, before + 2);
    give_up(world);
}

static void collect_circle(gc_heap *heap)
{
    drop_a_circle(heap, &finalize_type);
    (void)gc_collect(heap);
}

static void die_watched(gc_heap *heap)
{
    struct thing *thing = thing_new(heap, &destroy_type);
    gc_weak *weak = gc_weak_new(thing, weak_jumps, NULL);
    assert_non_null(weak);
    gc_decref(thing);
    gc_decref(weak);
}

static void visit_all(gc_heap *heap)
{
    (void)thing_new(heap, &destroy_type);
    (void)gc_each_object(heap, -1, visitor_jumps, NULL);
}

static gc_hook hook = { .start = start_jumps };

static void collect_with_hook(gc_heap *heap)
{
    gc_hook_add(heap, &hook);
    (void)gc_collect(heap);
    gc_hook_remove(heap, &hook);
}

static void what_was_left_otherwise_is_named_by_the_next_call(void **state)
{
    static const struct {
        void (*run)(gc_heap *heap);
        const char *name;
    } cases[] = { { collect_circle, "finalize of type thing was left" },
                  { die_watched, "the callback of a weak reference was left" },
                  { visit_all, "a visitor was left" },
                  { collect_with_hook, "the start of a hook was left" } };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gc_heap *heap = world_new_heap(world, NULL);
        assert_true(is_left(cases[i].run, heap));
        assert_int_equal(gc_collect(heap), 0);
        expect_panic(world, cases[i].name);
        assert_int_equal(gc_collect(heap), 0); /* it is said once */
        abandon_heap(world);
    }
}

/* errno */

static void assert_errno_kept(gc_heap *heap, void (*run)(gc_heap *heap))
{
    unsigned before = jumper.calls;
    errno = 7;
    run(heap);
    assert_int_equal(errno, 7);
    assert_true(jumper.calls > before);
}

static void step_circle(gc_heap *heap)
{
    drop_a_circle(heap, &finalize_type);
    gc_external_add(heap, 64 << 20);
    while (gc_step(heap, 1000000)) {
    }
    gc_external_remove(heap, 64 << 20);
}

static void drop_references(gc_heap *heap)
{
    struct thing *thing = thing_new(heap, &clear_type);
    gc_drop_references(thing);
    gc_decref(thing);
}

static void visit_referents(gc_heap *heap)
{
    struct thing *thing = thing_new(heap, &destroy_type);
    thing->next = thing_new(heap, &destroy_type);
    (void)gc_referents(thing, visitor_jumps, NULL);
    (void)gc_referrers(heap, thing->next, visitor_jumps, NULL);
    gc_decref(thing);
}

static void visit_circle(gc_heap *heap)
{
    drop_a_circle(heap, &destroy_type);
    (void)gc_unreachable(heap, visitor_jumps, NULL);
    (void)gc_collect(heap);
}

static bool fail_with_errno(gc_heap *heap, size_t size)
{
    (void)heap;
    (void)size;
    jump();
    return false;
}

static void no_callback_changes_errno(void **state)
{
    struct world *world = *state;
    gc_config config = { .limit_bytes = 256 << 20 };
    config.out_of_memory = fail_with_errno;
    gc_heap *heap = world_new_heap(world, &config);
    static void (*const runs[])(gc_heap * heap) = { collect_circle,   die_watched,     step_circle,
                                                    drop_references,  visit_referents, visit_circle,
                                                    collect_with_hook };
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        assert_errno_kept(heap, runs[i]);
    }
    errno = 7;
    unsigned before = jumper.calls;
    assert_null(gc_new_var(heap, &string_type, 300 << 20));
    assert_int_equal(errno, 7);
    assert_int_equal(jumper.calls, before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(death_that_a_callback_has_left_is_given_up),
        world_test(death_after_one_that_was_left_is_noticed_by_the_next_death),
        world_test(what_was_left_otherwise_is_named_by_the_next_call),
        world_test(no_callback_changes_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
