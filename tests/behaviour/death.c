/* SPDX-License-Identifier: MIT */
/* Death by count: prompt, in order, in a queue, and safe whatever the callbacks do meanwhile. The
 * depths are in stress/depth.c. */

#include "../support.h"

/* Order
 * ===== */

static void child_dies_with_its_last_holder(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1), *b = actor_new(heap, 2), *child = actor_new(heap, 3);
    gc_set(&a->left, child);
    gc_set(&b->right, child);
    gc_decref(child);
    gc_decref(a);
    assert_story(world, "F1 D1 ");
    assert_sound(heap);
    gc_decref(b);
    assert_story(world, "F2 D2 F3 D3 ");
    assert_live(heap, 0);
}

static void holder_dies_before_what_it_held(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *first = NULL;
    for (unsigned id = 4; id > 0; id--) {
        struct actor *actor = actor_new(heap, id);
        actor->left = first;
        first = actor;
    }
    gc_decref(first);
    assert_story(world, "F1 D1 F2 D2 F3 D3 F4 D4 ");
}

static void child_held_twice_by_one_object_dies_once(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1), *child = actor_new(heap, 2);
    gc_set(&a->left, child);
    gc_set_steal(&a->right, child);
    gc_decref(a);
    assert_story(world, "F1 D1 F2 D2 ");
}

static void see_everything_whole(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        expect(world, actor->left != NULL && actor->left->id == 2 && gc_refcount(actor->left) == 1);
        expect(world, actor->leaf != NULL && actor->leaf->id == 3);
        expect(world, actor->left->left == NULL);
    }
}

static void finalizer_sees_its_object_and_all_below_whole(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1);
    a->left = actor_new(heap, 2);
    a->leaf = leaf_new(heap, 3);
    world->on_finalize = see_everything_whole;
    gc_decref(a);
    assert_int_equal(world->destroyed, 3);
    assert_live(heap, 0);
}

static void know_where_you_are(struct world *world, struct actor *actor)
{
    expect(world, gc_type_of(actor) == &actor_type);
    expect(world, gc_heap_of(actor) == world->heap);
    expect(world, actor->id == 1);
}

static void dying_object_still_knows_its_type_and_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = know_where_you_are;
    world->on_destroy = know_where_you_are;
    gc_decref(actor_new(heap, 1));
    assert_story(world, "F1 D1 ");
}

/* The tail's length is part of the object until the end. */
struct packet {
    gc_object object;
    struct node *items[];
};

static size_t count_in_destroy;

static void packet_destroy(gc_object *self)
{
    count_in_destroy = gc_tail_length(self);
}

static const gc_type packet_type = {
    .name = "packet",
    .size = offsetof(struct packet, items),
    .item_size = sizeof(struct node *),
    .refs = OURO_FIELDS(OURO_TAIL(struct packet, items)),
    .destroy = packet_destroy,
};

static void dying_object_still_knows_its_count(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    static const size_t counts[] = { 0, 3, 1000, 100000 };
    for (size_t i = 0; i < 4; i++) {
        struct packet *packet = gc_new_var(heap, &packet_type, counts[i]);
        assert_non_null(packet);
        count_in_destroy = SIZE_MAX;
        gc_decref(packet);
        assert_int_equal(count_in_destroy, counts[i]);
    }
}

/* The queue
 * ========= */

static void drop_the_note(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        unsigned destroyed = world->destroyed;
        struct actor *victim = world->note;
        world->note = NULL;
        gc_decref(victim);
        expect(world, world->destroyed == destroyed);
        world_tell(world, 'r', 0);
    }
}

static void object_dropped_in_destroy_waits_for_the_queue(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->note = actor_new(heap, 2);
    world->on_destroy = drop_the_note;
    gc_decref(actor_new(heap, 1));
    assert_story(world, "F1 D1 r0 F2 D2 ");
    assert_live(heap, 0);
}

static void object_dropped_in_finalize_waits_for_the_queue(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->note = actor_new(heap, 2);
    world->on_finalize = drop_the_note;
    gc_decref(actor_new(heap, 1));
    assert_story(world, "F1 r0 D1 F2 D2 ");
    assert_live(heap, 0);
}

static void enumerate_after_drop(struct world *world, struct actor *actor)
{
    if (actor->id != 1) {
        return;
    }
    struct actor *victim = world->note;
    struct seen seen = { 0 };
    gc_decref(victim);
    (void)gc_each_object(world->heap, -1, seen_add, &seen);
    expect(world, seen_times(&seen, victim) == 0);
    expect(world, seen_times(&seen, actor) == 0);
    expect(world, seen_times(&seen, world->memo) == 1);
    expect(world, seen.count == 1);
}

static void objects_waiting_in_the_queue_are_not_enumerated(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->note = actor_new(heap, 2);
    world->memo = actor_new(heap, 3);
    world->on_destroy = enumerate_after_drop;
    gc_decref(actor_new(heap, 1));
    assert_story(world, "F1 D1 F2 D2 ");
    world->on_destroy = NULL;
    gc_decref(world->memo);
}

static void enumerate_only(struct world *world, struct actor *actor)
{
    struct seen seen = { 0 };
    (void)gc_each_object(world->heap, -1, seen_add, &seen);
    expect(world, seen_times(&seen, actor) == 0);
    seen.count = 0;
    (void)gc_each_object(world->heap, 0, seen_add, &seen);
    expect(world, seen_times(&seen, actor) == 0);
    seen.count = 0;
    (void)gc_unreachable(world->heap, seen_add, &seen);
    expect(world, seen_times(&seen, actor) == 0);
    expect(world, gc_check(world->heap));
}

static void dying_object_is_in_no_set(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = enumerate_only;
    world->on_destroy = enumerate_only;
    struct actor *a = actor_new(heap, 1);
    a->left = actor_new(heap, 2);
    gc_decref(a);
    assert_story(world, "F1 D1 F2 D2 ");
}

/* What callbacks may do
 * ===================== */

static void allocate_a_lot(struct world *world, struct actor *actor)
{
    (void)actor;
    for (size_t i = 0; i < 1000; i++) {
        struct node *node = gc_new(world->heap, &node_type);
        expect(world, node != NULL && node->left == NULL && gc_refcount(node) == 1);
        gc_xdecref(node);
        struct node *kept = gc_new(world->heap, &node_type);
        expect(world, kept != NULL);
        if (kept != NULL) {
            kept->left = world->memo;
            world->memo = kept;
        }
    }
}

static void callbacks_may_allocate(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = allocate_a_lot;
    world->on_destroy = allocate_a_lot;
    gc_decref(actor_new(heap, 1));
    assert_sound(heap);
    assert_live(heap, 2000);
    struct node *kept = world->memo;
    gc_decref(kept);
    assert_live(heap, 0);
}

static void collect_and_check(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_check(world->heap));
    (void)gc_collect(world->heap);
    expect(world, gc_check(world->heap));
}

static void callbacks_may_collect(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = collect_and_check;
    world->on_destroy = collect_and_check;
    struct actor *a = actor_new(heap, 1);
    a->left = actor_new(heap, 2);
    a->leaf = leaf_new(heap, 3);
    drop_a_node_circle(heap);
    gc_decref(a);
    assert_int_equal(world->destroyed, 3);
    assert_live(heap, 0);
}

static void collect_a_pair(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_collect(world->heap) == 2);
}

static void collection_in_a_finalizer_frees_and_counts(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = collect_a_pair;
    drop_a_node_circle(heap);
    gc_decref(actor_new(heap, 1));
    assert_live(heap, 0);
}

/* The circle 2-3 hangs on the dying 1 alone: in its finalizer that counts as a reference from
 * outside. */
static void expect_the_circle_alive(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        expect(world, gc_collect(world->heap) == 0);
        expect(world, world->destroyed == 0);
        expect(world, actor->left->id == 2 && actor->left->left->id == 3);
    }
}

static void collection_in_a_finalizer_spares_what_the_dying_holds(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1);
    gc_set(&a->left, drop_an_actor_circle(heap, 2));
    world->on_finalize = expect_the_circle_alive;
    gc_decref(a);
    assert_story(world, "F1 D1 ");
    assert_live(heap, 2);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->destroyed, 3);
}

/* 1 dies; its destroy drops 2, which waits, and collects. 2 holds a circle. */
static void drop_and_collect(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        struct actor *victim = world->note;
        gc_decref(victim);
        (void)gc_collect(world->heap);
        expect(world, gc_check(world->heap));
    }
}

static void collection_while_others_wait_in_the_queue_is_safe(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *victim = actor_new(heap, 2);
    gc_set(&victim->left, drop_an_actor_circle(heap, 3));
    world->note = victim;
    world->on_destroy = drop_and_collect;
    gc_decref(actor_new(heap, 1));
    (void)gc_collect(heap);
    assert_int_equal(world->finalized, 4);
    assert_int_equal(world->destroyed, 4);
    assert_live(heap, 0);
}

static void take_and_drop_self(struct world *world, struct actor *actor)
{
    struct actor *slot = NULL;
    (void)world;
    gc_set(&slot, actor);
    gc_incref(actor);
    gc_decref(actor);
    gc_clear(&slot);
}

static void finalizer_may_take_and_drop_references_to_self(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = take_and_drop_self;
    gc_decref(actor_new(heap, 1));
    assert_story(world, "F1 D1 ");
    assert_live(heap, 0);
}

static void destroy_may_take_and_drop_references_to_self(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_destroy = take_and_drop_self;
    gc_decref(actor_new(heap, 1));
    assert_story(world, "F1 D1 ");
    assert_live(heap, 0);
    assert_sound(heap);
}

/* 1 holds 2; the finalizer of 1 puts 1 into a field of 2 and takes it out again. */
static void pass_self_through_the_child(struct world *world, struct actor *actor)
{
    (void)world;
    if (actor->id == 1) {
        gc_set(&actor->left->right, actor);
        gc_clear(&actor->left->right);
    }
}

static void finalizer_may_lend_self_to_its_child(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1);
    a->left = actor_new(heap, 2);
    world->on_finalize = pass_self_through_the_child;
    gc_decref(a);
    assert_story(world, "F1 D1 F2 D2 ");
}

static void drop_own_references(struct world *world, struct actor *actor)
{
    (void)world;
    gc_clear(&actor->left);
    gc_clear(&actor->leaf);
}

static void finalizer_may_drop_its_own_references(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1);
    a->left = actor_new(heap, 2);
    a->leaf = leaf_new(heap, 3);
    world->on_finalize = drop_own_references;
    gc_decref(a);
    assert_int_equal(world->finalized, 2);
    assert_int_equal(world->destroyed, 3);
    assert_live(heap, 0);
}

/* Resurrection
 * ============ */

static void keep_self(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        world->note = gc_newref(actor);
    }
}

static void resurrected_object_lives_on(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = keep_self;
    struct actor *a = actor_new(heap, 1);
    gc_decref(a);
    assert_story(world, "F1 ");
    assert_ptr_equal(world->note, a);
    assert_int_equal(gc_refcount(a), 1);
    assert_int_equal(a->id, 1);
    assert_live(heap, 1);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 0);
    assert_story(world, "");
    gc_decref(a);
    assert_story(world, "D1 ");
    assert_live(heap, 0);
}

static void resurrected_object_keeps_all_it_refers_to(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = keep_self;
    struct actor *a = actor_new(heap, 1);
    a->left = actor_new(heap, 2);
    a->leaf = leaf_new(heap, 3);
    gc_decref(a);
    assert_story(world, "F1 ");
    assert_int_equal(a->left->id, 2);
    assert_int_equal(gc_refcount(a->left), 1);
    assert_int_equal(a->leaf->id, 3);
    assert_sound(heap);
    gc_decref(a);
    assert_int_equal(world->finalized, 2);
    assert_int_equal(world->destroyed, 3);
    assert_live(heap, 0);
}

static void resurrected_object_is_not_finalized_twice(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = keep_self;
    struct actor *a = actor_new(heap, 1);
    gc_decref(a);
    gc_set(&a->left, a);
    gc_decref(a);
    assert_story(world, "F1 ");
    assert_int_equal(gc_collect(heap), 1);
    assert_story(world, "D1 ");
}

static void resurrected_object_is_collected_like_any_other(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = keep_self;
    struct actor *a = actor_new(heap, 1);
    gc_decref(a);
    struct seen seen = { 0 };
    assert_int_equal(gc_each_object(heap, -1, seen_add, &seen), 0);
    assert_int_equal(seen_times(&seen, a), 1);
    struct actor *b = actor_new(heap, 2);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    gc_decref(b);
    assert_int_equal(gc_collect(heap), 0);
    gc_decref(a);
    assert_int_equal(gc_collect(heap), 2);
    assert_live(heap, 0);
}

static void resurrected_object_is_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = keep_self;
    struct actor *a = actor_new(heap, 1);
    a->left = actor_new(heap, 2);
    gc_decref(a);
    assert_int_equal(stats_of(heap).generations[0].objects, 1);
    assert_int_equal(stats_of(heap).generations[1].objects, 1);
    struct seen old = { 0 };
    (void)gc_each_object(heap, 1, seen_add, &old);
    assert_int_equal(old.count, 1);
    assert_ptr_equal(old.objects[0], a);
    gc_decref(a);
}

/* The finalizer of 1 stores 1 in a field of the live 9. */
static void move_into_the_note(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        gc_set(&((struct actor *)world->note)->left, actor);
    }
}

static void finalizer_may_store_self_in_a_live_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *shelter = actor_new(heap, 9);
    world->note = shelter;
    world->on_finalize = move_into_the_note;
    gc_decref(actor_new(heap, 1));
    assert_story(world, "F1 ");
    assert_int_equal(shelter->left->id, 1);
    assert_int_equal(gc_refcount(shelter->left), 1);
    assert_sound(heap);
    gc_decref(shelter);
    assert_story(world, "F9 D9 D1 ");
}

/* 1 dies, holding 2; the finalizer of 1 saves 2, not itself. */
static void save_the_child(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        world->note = gc_newref(actor->left);
    }
}

static void finalizer_may_save_a_child_and_die(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *a = actor_new(heap, 1);
    a->left = actor_new(heap, 2);
    world->on_finalize = save_the_child;
    gc_decref(a);
    assert_story(world, "F1 D1 ");
    struct actor *child = world->note;
    assert_int_equal(gc_refcount(child), 1);
    assert_sound(heap);
    gc_decref(child);
    assert_story(world, "F2 D2 ");
}

struct busy {
    gc_object object;
    struct node *child;
};

static void busy_traverse(gc_object *self, gc_visitor *visitor)
{
    gc_visit(visitor, ((struct busy *)(void *)self)->child);
}

static void busy_clear(gc_object *self)
{
    gc_heap *heap = gc_heap_of(self);
    struct node *node = gc_new(heap, &node_type);
    (void)gc_collect(heap);
    gc_clear(&((struct busy *)(void *)self)->child);
    (void)gc_collect(heap);
    gc_xdecref(node);
}

static const gc_type busy_type = {
    .name = "busy",
    .size = sizeof(struct busy),
    .traverse = busy_traverse,
    .clear = busy_clear,
};

static void clear_callback_may_allocate_and_collect(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct busy *busy = gc_new(heap, &busy_type);
    assert_non_null(busy);
    busy->child = node_new(heap);
    gc_set(&busy->child->left, busy->child);
    drop_a_node_circle(heap);
    gc_decref(busy);
    (void)gc_collect(heap);
    assert_live(heap, 0);

    busy = gc_new(heap, &busy_type);
    assert_non_null(busy);
    busy->child = node_new(heap);
    gc_set(&busy->child->left, busy);
    gc_decref(busy);
    assert_int_equal(gc_collect(heap), 2);
    assert_live(heap, 0);
}

static void memory_of_the_dead_is_used_again(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (size_t i = 0; i < 300000; i++) {
        gc_decref(node_new(heap));
    }
    assert_true(stats_of(heap).bytes_reserved <= (size_t)8 << 20);
    assert_int_equal(stats_of(heap).objects_born, 300000);
    assert_int_equal(stats_of(heap).died_by_count, 300000);
}

/* Plain objects end on a way of their own, which keeps its place inside the objects that wait. */

enum { WIDTH = 5 };

struct wide {
    gc_object object;
    struct wide *items[WIDTH];
};

static const gc_type wide_type = {
    .name = "wide",
    .size = sizeof(struct wide),
    .refs = OURO_REFS(struct wide, items[0], items[1], items[2], items[3], items[4]),
};

/* What a wide object refers to by each field: every mixture of nothing, something shared, its own
 * wide object, its own actor. */
enum { NOTHING, SHARED, OWN, ACTOR, KINDS };

static struct wide *wide_new(gc_heap *heap)
{
    struct wide *wide = gc_new(heap, &wide_type);
    assert_non_null(wide);
    return wide;
}

static struct wide *wide_of(gc_heap *heap, unsigned pattern, struct wide *shared, size_t *actors,
                            size_t *shares)
{
    struct wide *wide = wide_new(heap);
    for (size_t i = 0; i < WIDTH; i++, pattern /= KINDS) {
        void *item = NULL;
        switch (pattern % KINDS) {
        case SHARED:
            item = gc_newref(shared);
            ++*shares;
            break;
        case OWN:
            item = wide_new(heap);
            break;
        case ACTOR:
            item = actor_new(heap, 1);
            ++*actors;
            break;
        default:
            break;
        }
        memcpy(&wide->items[i], &item, sizeof(item));
    }
    return wide;
}

static void plain_objects_die_with_all_that_only_they_held(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct wide *shared = wide_new(heap);
    for (unsigned pattern = 0; pattern < 1024; pattern++) {
        size_t actors = 0, shares = 0;
        struct wide *outer = wide_of(heap, pattern, shared, &actors, &shares);
        for (size_t i = 0; i < WIDTH; i++) {
            /* Below each of its own wide ones another mixture. */
            if (outer->items[i] != NULL && outer->items[i] != shared &&
                gc_type_of(outer->items[i]) == &wide_type) {
                gc_set_steal(&outer->items[i],
                             wide_of(heap, 1023 - pattern + (unsigned)i, shared, &actors, &shares));
            }
        }
        assert_int_equal(gc_refcount(shared), 1 + shares);
        uint64_t died = stats_of(heap).objects_died, live = stats_of(heap).objects_live;
        world->destroyed = 0;
        world->story[0] = '\0';
        gc_decref(outer);
        assert_int_equal(gc_refcount(shared), 1);
        assert_int_equal(stats_of(heap).objects_died - died, live - 1);
        assert_int_equal(world->destroyed, actors);
        assert_sound(heap);
    }
    world->story[0] = '\0';
    gc_decref(shared);
    assert_live(heap, 0);
}

static void plain_object_that_refers_to_itself_too_often_is_reported(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct wide *wide = wide_new(heap);
    wide->items[1] = wide; /* never counted */
    gc_decref(wide);
    expect_panic(world, "dying");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(child_dies_with_its_last_holder),
        world_test(holder_dies_before_what_it_held),
        world_test(child_held_twice_by_one_object_dies_once),
        world_test(finalizer_sees_its_object_and_all_below_whole),
        world_test(dying_object_still_knows_its_type_and_heap),
        world_test(dying_object_still_knows_its_count),
        world_test(object_dropped_in_destroy_waits_for_the_queue),
        world_test(object_dropped_in_finalize_waits_for_the_queue),
        world_test(objects_waiting_in_the_queue_are_not_enumerated),
        world_test(dying_object_is_in_no_set),
        world_test(callbacks_may_allocate),
        world_test(callbacks_may_collect),
        world_test(collection_in_a_finalizer_frees_and_counts),
        world_test(collection_in_a_finalizer_spares_what_the_dying_holds),
        world_test(collection_while_others_wait_in_the_queue_is_safe),
        world_test(finalizer_may_take_and_drop_references_to_self),
        world_test(destroy_may_take_and_drop_references_to_self),
        world_test(finalizer_may_lend_self_to_its_child),
        world_test(finalizer_may_drop_its_own_references),
        world_test(resurrected_object_lives_on),
        world_test(resurrected_object_keeps_all_it_refers_to),
        world_test(resurrected_object_is_not_finalized_twice),
        world_test(resurrected_object_is_collected_like_any_other),
        world_test(resurrected_object_is_old),
        world_test(finalizer_may_store_self_in_a_live_object),
        world_test(finalizer_may_save_a_child_and_die),
        world_test(clear_callback_may_allocate_and_collect),
        world_test(memory_of_the_dead_is_used_again),
        world_test(plain_objects_die_with_all_that_only_they_held),
        world_test(plain_object_that_refers_to_itself_too_often_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
