/* SPDX-License-Identifier: MIT */
/* Finalizers in collections: each runs once, all before anything is cleared, and they may
 * resurrect. Finalizers at count zero are in death.c. */

#include "../support.h"

/* A ring of actors `first` .. `first + count - 1`, each with a leaf, that nobody holds. Returns
 * one, borrowed. */
static struct actor *drop_a_ring(gc_heap *heap, unsigned first, unsigned count)
{
    struct actor *head = actor_new(heap, first), *last = head;
    head->leaf = leaf_new(heap, first);
    for (unsigned id = first + 1; id < first + count; id++) {
        last->left = actor_new(heap, id);
        last->left->leaf = leaf_new(heap, id);
        last = last->left;
    }
    gc_set_steal(&last->left, head);
    return head;
}

static void expect_the_ring_whole(struct world *world, struct actor *actor)
{
    unsigned length = 0;
    const struct actor *next = actor;
    do {
        expect(world, next->left != NULL && next->leaf != NULL && next->leaf->id == next->id);
        expect(world, gc_refcount(next) >= 1);
        next = next->left;
        length++;
    } while (next != NULL && next != actor && length < 100);
    expect(world, length == 10);
    expect(world, world->destroyed == 0);
}

static void all_garbage_is_finalized_before_any_is_cleared(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = expect_the_ring_whole;
    drop_a_ring(heap, 1, 10);
    drop_a_ring(heap, 11, 10);
    assert_int_equal(gc_collect(heap), 20);
    assert_int_equal(world->finalized, 20);
    assert_int_equal(world->destroyed, 40);
    assert_live(heap, 0);
}

static void young_garbage_too_is_finalized_before_any_is_cleared(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = expect_the_ring_whole;
    drop_a_ring(heap, 1, 10);
    assert_int_equal(gc_collect_generation(heap, 0), 10);
    assert_int_equal(world->finalized, 10);
    assert_int_equal(world->destroyed, 20);
}

static void save(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        world->note = gc_newref(actor);
    }
}

static void resurrected_ring_stays_whole(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = save;
    drop_a_ring(heap, 1, 10);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(world->finalized, 10);
    assert_int_equal(world->destroyed, 0);
    assert_live(heap, 20);
    struct actor *actor = world->note;
    assert_int_equal(gc_refcount(actor), 2);
    for (unsigned id = 1; id <= 10; id++, actor = actor->left) {
        assert_int_equal(actor->id, id);
        assert_int_equal(actor->leaf->id, id);
    }
    assert_ptr_equal(actor, world->note);
    assert_int_equal(stats_of(heap).generations[1].resurrected, 10);
    assert_int_equal(stats_of(heap).generations[1].collected, 0);
    assert_sound(heap);
    gc_decref(actor);
}

static void resurrected_ring_dies_later_without_finalizers(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = save;
    drop_a_ring(heap, 1, 10);
    (void)gc_collect(heap);
    assert_int_equal(gc_collect(heap), 0);
    struct actor *actor = world->note;
    gc_decref(actor);
    assert_int_equal(gc_collect(heap), 10);
    assert_int_equal(world->finalized, 10);
    assert_int_equal(world->destroyed, 20);
    assert_live(heap, 0);
}

static void resurrected_objects_are_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = save;
    drop_a_ring(heap, 1, 3);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(stats_of(heap).generations[0].objects, 0);
    assert_int_equal(stats_of(heap).generations[1].objects, 3);
    assert_int_equal(stats_of(heap).generations[0].resurrected, 3);
    struct actor *actor = world->note;
    gc_decref(actor);
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(gc_collect(heap), 3);
}

static void resurrection_of_one_ring_does_not_save_another(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = save;
    drop_a_ring(heap, 1, 5);
    drop_a_ring(heap, 11, 7);
    assert_int_equal(gc_collect(heap), 7);
    assert_int_equal(world->finalized, 12);
    assert_int_equal(world->destroyed, 14);
    assert_live(heap, 10);
    assert_int_equal(stats_of(heap).generations[1].resurrected, 5);
    assert_int_equal(stats_of(heap).generations[1].collected, 7);
    struct actor *actor = world->note;
    gc_decref(actor);
    assert_int_equal(gc_collect(heap), 5);
}

static void resurrection_saves_what_the_object_reaches_and_no_more(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = save;
    /* 2 holds 1, and 1 holds 3, each of them in a ring of its own. */
    struct actor *holder = drop_a_ring(heap, 20, 2), *saved = drop_a_ring(heap, 1, 2),
                 *below = drop_a_ring(heap, 30, 2);
    gc_set(&holder->right, saved);
    gc_set(&saved->right, below);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->finalized, 6);
    assert_int_equal(world->destroyed, 4);
    assert_int_equal(gc_refcount(saved), 2);
    assert_ptr_equal(saved->right, below);
    assert_int_equal(below->left->left->id, 30);
    assert_live(heap, 8);
    assert_sound(heap);
    gc_decref(saved);
    assert_int_equal(gc_collect(heap), 4);
}

static void save_in_the_note(struct world *world, struct actor *actor)
{
    if (actor->id == 2) {
        gc_set(&((struct actor *)world->note)->right, actor);
    }
}

static void finalizer_may_store_garbage_in_a_live_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *shelter = actor_new(heap, 99);
    world->note = shelter;
    world->on_finalize = save_in_the_note;
    drop_a_ring(heap, 1, 3);
    assert_int_equal(gc_collect(heap), 0);
    assert_int_equal(shelter->right->id, 2);
    assert_int_equal(world->destroyed, 0);
    assert_sound(heap);
    gc_decref(shelter);
    assert_int_equal(gc_collect(heap), 3);
    assert_live(heap, 0);
}

static void move_out_of_the_ring(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        world->note = gc_take(&actor->left);
    }
}

/* No count is touched: the reference that garbage had is the program's now. */
static void reference_moved_out_by_a_finalizer_saves_what_it_leads_to(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = move_out_of_the_ring;
    drop_a_ring(heap, 1, 4);
    assert_int_equal(gc_collect(heap), 0);
    struct actor *two = world->note;
    assert_int_equal(two->id, 2);
    assert_int_equal(gc_refcount(two), 1);
    assert_int_equal(two->left->left->left->id, 1);
    assert_live(heap, 8);
    assert_sound(heap);
    gc_decref(two);
    assert_live(heap, 0);
}

static void make_it_immortal(struct world *world, struct actor *actor)
{
    (void)world;
    if (actor->id == 1) {
        gc_make_immortal(actor);
    }
}

static void finalizer_may_make_garbage_immortal(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = make_it_immortal;
    struct actor *one = drop_a_ring(heap, 1, 3);
    drop_a_ring(heap, 11, 3);
    assert_int_equal(gc_collect(heap), 3);
    assert_true(gc_is_immortal(one));
    assert_int_equal(gc_collect(heap), 0);
    assert_live(heap, 6);
    assert_sound(heap);
    world->leftovers = true;
}

/* A clear that moves a reference out of the garbage when it is too late to save what it leads to:
 * that lives on, as it is. */
struct thief {
    gc_object object;
    struct thief *next;
};

static void thief_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct thief *)(void *)self)->next);
}

static void thief_clear(gc_object *self)
{
    struct thief *thief = (void *)self;
    struct world *world = world_of(self);
    struct thief *next = gc_take(&thief->next);
    if (world->note == NULL) {
        world->note = next;
    } else {
        gc_xdecref(next);
    }
}

static const gc_type thief_type = {
    .name = "thief",
    .size = sizeof(struct thief),
    .traverse = thief_traverse,
    .clear = thief_clear,
};

static void what_a_clear_saves_lives_on(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct thief *a = gc_new(heap, &thief_type), *b = gc_new(heap, &thief_type);
    assert_non_null(a);
    assert_non_null(b);
    gc_set_steal(&a->next, b);
    gc_set(&b->next, a);
    gc_decref(a);
    (void)gc_collect(heap);
    struct thief *saved = world->note;
    assert_non_null(saved);
    assert_int_equal(gc_refcount(saved), 1);
    assert_live(heap, 1);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 0);
    assert_live(heap, 1);
    gc_decref(saved);
    assert_live(heap, 0);
}

static void save_and_let_go(struct world *world, struct actor *actor)
{
    struct actor *slot = NULL;
    (void)world;
    gc_set(&slot, actor);
    gc_set(&slot, actor->left);
    gc_clear(&slot);
}

static void reference_taken_and_dropped_in_a_finalizer_saves_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = save_and_let_go;
    drop_a_ring(heap, 1, 4);
    assert_int_equal(gc_collect(heap), 4);
    assert_live(heap, 0);
}

static void break_the_ring(struct world *world, struct actor *actor)
{
    (void)world;
    gc_clear(&actor->left);
}

static void finalizers_may_break_the_circle_themselves(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = break_the_ring;
    drop_a_ring(heap, 1, 10);
    (void)gc_collect(heap);
    assert_int_equal(world->finalized, 10);
    assert_int_equal(world->destroyed, 20);
    assert_live(heap, 0);
    assert_sound(heap);
}

static void relink(struct world *world, struct actor *actor)
{
    (void)world;
    gc_set(&actor->right, actor);
    gc_swap(&actor->left, &actor->left->left);
}

static void finalizers_may_rearrange_the_garbage(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = relink;
    drop_a_ring(heap, 1, 10);
    assert_int_equal(gc_collect(heap), 10);
    assert_int_equal(world->finalized, 10);
    assert_int_equal(world->destroyed, 20);
    assert_live(heap, 0);
}

static void adopt_a_newborn(struct world *world, struct actor *actor)
{
    struct actor *child = gc_new(world->heap, &actor_type);
    expect(world, child != NULL);
    if (child != NULL && actor->id < 100) {
        child->id = 100 + actor->id;
        gc_set(&child->left, actor);
        gc_set_steal(&actor->right, child);
    } else {
        gc_xdecref(child);
    }
}

/* The newborn is held by garbage and holds garbage, and the collection does not know it. Whatever
 * it decides, nothing may die with a reference to it left, and the next collection finds the rest.
 */
static void finalizers_may_tie_newborns_to_the_garbage(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = adopt_a_newborn;
    drop_a_ring(heap, 1, 10);
    (void)gc_collect(heap);
    assert_sound(heap);
    world->on_finalize = NULL;
    (void)gc_collect(heap);
    (void)gc_collect(heap);
    assert_live(heap, 0);
    for (unsigned id = 1; id <= 10; id++) {
        char word[8];
        (void)snprintf(word, sizeof(word), "F%u ", id);
        const char *once = strstr(world->story, word);
        assert_non_null(once);
        assert_null(strstr(once + 1, word));
    }
}

static void drop_the_note(struct world *world, struct actor *actor)
{
    struct actor *victim = world->note;
    if (actor->id == 1 && victim != NULL) {
        world->note = NULL;
        gc_decref(victim);
    }
}

static void finalizer_may_drop_a_live_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->note = actor_new(heap, 50);
    world->on_finalize = drop_the_note;
    drop_a_ring(heap, 1, 3);
    assert_int_equal(gc_collect(heap), 3);
    assert_int_equal(world->finalized, 4);
    assert_int_equal(world->destroyed, 7);
    assert_live(heap, 0);
}

static void allocate(struct world *world, struct actor *actor)
{
    (void)actor;
    for (int i = 0; i < 2000; i++) {
        struct tuple *tuple = gc_new_var(world->heap, &tuple_type, (size_t)i % 50);
        expect(world, tuple != NULL);
        gc_xdecref(tuple);
    }
}

static void finalizers_may_allocate_a_lot(void **state)
{
    struct world *world = *state;
    gc_config config = { .thresholds = { .young_objects = 100 } };
    gc_heap *heap = world_new_heap(world, &config);
    world->on_finalize = allocate;
    drop_a_ring(heap, 1, 10);
    assert_int_equal(gc_collect(heap), 10);
    assert_live(heap, 0);
    assert_sound(heap);
}

static void finalizer_runs_once_although_the_object_is_garbage_again(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = save;
    drop_a_ring(heap, 1, 2);
    (void)gc_collect(heap);
    struct actor *actor = world->note;
    world->note = NULL;
    gc_decref(actor);
    assert_int_equal(gc_collect(heap), 2);
    assert_null(world->note);
    assert_int_equal(world->finalized, 2);
    assert_int_equal(stats_of(heap).finalized, 2);
}

static void finalized_garbage_that_a_sibling_saved_is_not_finalized_at_its_death(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = save;
    drop_a_ring(heap, 1, 2);
    (void)gc_collect(heap);
    struct actor *one = world->note;
    gc_clear(&one->left->left);
    gc_decref(one);
    assert_int_equal(world->finalized, 2);
    assert_int_equal(world->destroyed, 4);
    assert_live(heap, 0);
}

static void save_the_neighbour(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        world->note = gc_newref(actor->right);
    }
}

static void finalizer_may_resurrect_a_neighbour_and_not_itself(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = drop_an_actor_circle(heap, 1);
    gc_set_steal(&actor->right, actor_new(heap, 3));
    world->on_finalize = save_the_neighbour;
    assert_int_equal(gc_collect(heap), 2);
    struct actor *saved = world->note;
    assert_int_equal(saved->id, 3);
    assert_int_equal(stats_of(heap).generations[1].resurrected, 1);
    assert_live(heap, 1);
    gc_decref(saved);
    assert_int_equal(world->finalized, 3);
}

static void leave_a_circle(struct world *world, struct actor *actor)
{
    (void)world;
    drop_a_node_circle(gc_heap_of(actor));
}

static void garbage_that_finalizers_make_is_found_by_the_next_collection(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    drop_an_actor_circle(heap, 1);
    world->on_finalize = leave_a_circle;
    assert_int_equal(gc_collect(heap), 2);
    assert_live(heap, 4);
    assert_int_equal(gc_collect(heap), 4);
    assert_live(heap, 0);
}

static void drop_the_structure(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        gc_clear(&actor->left);
        gc_clear(&actor->right);
    }
    expect(world, gc_check(gc_heap_of(actor)));
}

static void finalizer_may_drop_the_rest_of_the_structure(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *head = actor_new(heap, 1), *last = head;
    for (unsigned id = 2; id <= 50; id++) {
        last->left = actor_new(heap, id);
        last->right = gc_newref(head);
        last = last->left;
    }
    gc_set(&last->left, head);
    gc_decref(head);
    world->on_finalize = drop_the_structure;
    assert_int_equal(gc_collect(heap), 50);
    assert_int_equal(world->finalized, 50);
    assert_int_equal(world->destroyed, 50);
}

static void die_of_a_collection(struct world *world, struct actor *actor)
{
    (void)actor;
    drop_a_node_circle(world->heap);
    expect(world, gc_collect(world->heap) == 2);
    expect(world, gc_refcount(actor) == 1);
}

static void collection_in_a_finalizer_at_count_zero_leaves_the_dying_alone(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_set(&actor->left, actor);
    world->on_finalize = die_of_a_collection;
    gc_decref(gc_take(&actor->left));
    gc_decref(actor);
    assert_story(world, "F1 D1 ");
}

static void finalizer_at_count_zero_runs_once_however_the_object_dies_later(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    world->on_finalize = save;
    gc_decref(actor);
    assert_ptr_equal(world->note, actor);
    gc_set(&actor->left, actor);
    gc_decref(actor);
    assert_int_equal(gc_collect(heap), 1);
    assert_story(world, "F1 D1 ");
}

/* Types whose circles nobody can break, and that count how often they are looked at. */
struct knot {
    gc_object object;
    struct knot *next;
};
static void knot_traverse(gc_object *self, gc_visitor *visitor)
{
    struct world *world = world_of(self);
    ++*(size_t *)world->note;
    gc_visit(visitor, ((struct knot *)(void *)self)->next);
}
static const gc_type knot_type = {
    .name = "knot",
    .size = sizeof(struct knot),
    .traverse = knot_traverse,
};

static void uncollectable_garbage_costs_a_collection_the_same_each_time(void **state)
{
    struct world *world = *state;
    world->leftovers = true;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { KNOTS = 1000 };
    size_t visits = 0, first = 0;
    world->note = &visits;
    for (int i = 0; i < KNOTS; i++) {
        struct knot *knot = gc_new(heap, &knot_type);
        assert_non_null(knot);
        gc_set_steal(&knot->next, knot);
    }
    for (int i = 0; i < 10; i++) {
        visits = 0;
        assert_int_equal(gc_collect(heap), KNOTS);
        assert_int_equal(stats_of(heap).generations[1].uncollectable, KNOTS * (i + 1));
        first = i == 0 ? visits : first;
        assert_true(visits <= first);
    }
    visits = 0;
    assert_int_equal(gc_collect_generation(heap, 0), 0);
    assert_int_equal(visits, OURO_CHECKS >= 3 ? visits : 0); /* they are old */
    static size_t unused;
    world->note = &unused;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(all_garbage_is_finalized_before_any_is_cleared),
        world_test(young_garbage_too_is_finalized_before_any_is_cleared),
        world_test(resurrected_ring_stays_whole),
        world_test(resurrected_ring_dies_later_without_finalizers),
        world_test(resurrected_objects_are_old),
        world_test(resurrection_of_one_ring_does_not_save_another),
        world_test(resurrection_saves_what_the_object_reaches_and_no_more),
        world_test(finalizer_may_store_garbage_in_a_live_object),
        world_test(reference_moved_out_by_a_finalizer_saves_what_it_leads_to),
        world_test(finalizer_may_make_garbage_immortal),
        world_test(what_a_clear_saves_lives_on),
        world_test(reference_taken_and_dropped_in_a_finalizer_saves_nothing),
        world_test(finalizers_may_break_the_circle_themselves),
        world_test(finalizers_may_rearrange_the_garbage),
        world_test(finalizers_may_tie_newborns_to_the_garbage),
        world_test(finalizer_may_drop_a_live_object),
        world_test(finalizers_may_allocate_a_lot),
        world_test(finalizer_runs_once_although_the_object_is_garbage_again),
        world_test(finalized_garbage_that_a_sibling_saved_is_not_finalized_at_its_death),
        world_test(finalizer_may_resurrect_a_neighbour_and_not_itself),
        world_test(garbage_that_finalizers_make_is_found_by_the_next_collection),
        world_test(finalizer_may_drop_the_rest_of_the_structure),
        world_test(collection_in_a_finalizer_at_count_zero_leaves_the_dying_alone),
        world_test(finalizer_at_count_zero_runs_once_however_the_object_dies_later),
        world_test(uncollectable_garbage_costs_a_collection_the_same_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
