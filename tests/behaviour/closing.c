/* SPDX-License-Identifier: MIT */

/* The end of a heap: watchers, then a collection, then finalizers, in which births succeed for what was
 * there when it began. */

#include "../support.h"

static unsigned registered;

static void watch_again(struct world *world, gc_weak *weak, unsigned id)
{
    expect(world, world->finalized == 0);
    if (id == 2 || id == 3) {
        gc_weak *other = gc_watch(world->note, weak_called, (void *)(uintptr_t)(id + 10));
        expect(world, other != NULL);
        registered += other != NULL;
        gc_xdecref(other);
    }
    (void)weak;
}

static void watchers_that_watchers_register_run_before_the_first_finalizer(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_decref(watcher(actor, 1));
    gc_decref(watcher(actor, 2));
    gc_decref(watcher(actor, 3));
    world->note = actor;
    world->on_weak = watch_again;
    world_free_heap(world);
    assert_int_equal(registered, 2);
    assert_story(world, "W3 W2 W1 W12 W13 F1 D1 ");
}

static size_t finalized_when_called;

static void note_finalized(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    finalized_when_called = world->finalized;
}

static void watchers_run_before_finalizers_of_what_slices_have_found(void **state)
{
    struct world *world = *state;
    gc_config config = { .collect = GC_AT_SAFEPOINT };
    gc_heap *heap = world_new_heap(world, &config);
    struct actor *first = actor_new(heap, 1), *last = first;
    for (unsigned i = 2; i <= 400; i++) {
        gc_set_steal(&last->left, actor_new(heap, i));
        last = last->left;
    }
    gc_set_steal(&last->left, first);
    struct node *node = node_new(heap);
    gc_decref(watcher(node, 1));
    world->on_weak = note_finalized;
    gc_external_add(heap, 64 << 20); /* a cycle is due */
    for (size_t steps = 0; world->finalized == 0 && steps < 100000; steps++) {
        (void)gc_step(heap, 1);
    }
    gc_external_remove(heap, 64 << 20);
    size_t finalized = world->finalized;
    assert_true(finalized > 0);
    world_free_heap(world);
    assert_int_equal(finalized_when_called, finalized);
    assert_int_equal(world->finalized, 400);
    world->story[0] = '\0';
}

/* Births in finalizers. */

struct parent {
    gc_object object;
    bool is_late; /* born in a finalizer */
};

static struct {
    unsigned old, late, refused_old, refused_late;
    bool begun;
} births;

static void parent_finalize(gc_object *self);
static const gc_type parent_type = { .name = "parent",
                                     .size = sizeof(struct parent),
                                     .finalize = parent_finalize };

static void parent_finalize(gc_object *self)
{
    bool is_late = ((struct parent *)(void *)self)->is_late;
    if (!births.begun) {
        return;
    }
    *(is_late ? &births.late : &births.old) += 1;
    struct parent *born = gc_new(gc_heap_of(self), &parent_type);
    if (born != NULL) {
        born->is_late = true; /* nobody drops it: it ends with the heap */
    } else {
        expect(world_of(self), gc_last_error(gc_heap_of(self)) == GC_ERR_CLOSING);
        *(is_late ? &births.refused_late : &births.refused_old) += 1;
    }
}

static void finalizers_of_what_was_there_may_give_birth(void **state)
{
    enum { PARENTS = 3000 };
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct parent *parents[PARENTS];
    for (size_t i = 0; i < PARENTS; i++) {
        parents[i] = gc_new(heap, &parent_type);
        assert_non_null(parents[i]);
    }
    for (size_t i = 0; i < PARENTS; i += 3) { /* holes, into which others are born */
        gc_decref(parents[i]);
    }
    births.begun = true;
    world_free_heap(world);
    births.begun = false;
    assert_int_equal(births.old, PARENTS / 3 * 2);
    assert_int_equal(births.refused_old, 0);
    assert_int_equal(births.late, births.old); /* what is born in them is finalized, too, */
    assert_int_equal(births.refused_late, births.late); /* and has no children */
}

static void immortal_object_is_no_leak(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.report_leaks = true;
    gc_heap *heap = world_new_heap(world, &config);
    gc_make_immortal(node_new(heap));
    gc_make_immortal(leaf_new(heap, 1));
    world_free_heap(world);
    assert_string_equal(world->message_text, "");
    heap = world_new_heap(world, &config);
    gc_make_immortal(node_new(heap));
    (void)node_new(heap);
    world_free_heap(world);
    assert_non_null(strstr(world->message_text, "1 of type node left"));
    assert_story(world, "L1 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(watchers_that_watchers_register_run_before_the_first_finalizer),
        world_test(watchers_run_before_finalizers_of_what_slices_have_found),
        world_test(finalizers_of_what_was_there_may_give_birth),
        world_test(immortal_object_is_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
