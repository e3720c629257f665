/* SPDX-License-Identifier: MIT */

/* Tails that grow and shrink. */

#include "../support.h"

static struct string *string_new(gc_heap *heap, size_t count)
{
    struct string *string = gc_new_var(heap, &string_type, count);
    assert_non_null(string);
    for (size_t i = 0; i < count; i++) {
        string->bytes[i] = (unsigned char)(i * 7 + 1);
    }
    return string;
}

static void assert_string(const struct string *string, size_t kept, size_t count)
{
    assert_int_equal(gc_tail_length(string), count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(string->bytes[i], i < kept ? (unsigned char)(i * 7 + 1) : 0);
    }
}

static void a_tail_grows_in_place_while_there_is_room(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct string *string = string_new(heap, 5), *before = string;
    assert_int_equal(gc_resize_var(&string, 8), GC_OK);
    assert_ptr_equal(string, before);
    assert_string(string, 5, 8);
    gc_decref(string);
}

static void a_tail_that_does_not_fit_moves_with_its_items(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct string *string = string_new(heap, 100), *before = string;
    assert_int_equal(gc_resize_var(&string, 1000), GC_OK);
    assert_ptr_not_equal(string, before);
    assert_string(string, 100, 1000);
    assert_int_equal(gc_refcount(string), 1);
    assert_live(heap, 1);
    assert_sound(heap);
    gc_decref(string);
}

static void a_tail_grows_from_nothing_to_megabytes_and_back(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct string *string = string_new(heap, 0);
    for (size_t count = 1; count < 8000000; count *= 3) {
        assert_int_equal(gc_resize_var(&string, count), GC_OK);
        assert_int_equal(gc_tail_length(string), count);
        string->bytes[count - 1] = 1;
    }
    for (size_t count = 4000000; count > 0; count /= 5) {
        assert_int_equal(gc_resize_var(&string, count), GC_OK);
        assert_int_equal(gc_tail_length(string), count);
    }
    assert_int_equal(string->bytes[0], 1);
    assert_sound(heap);
    gc_decref(string);
    assert_live(heap, 0);
}

static void what_was_cut_off_is_zero_when_the_tail_grows_again(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct string *string = string_new(heap, 8);
    assert_int_equal(gc_resize_var(&string, 2), GC_OK);
    assert_string(string, 2, 2);
    assert_int_equal(gc_resize_var(&string, 8), GC_OK);
    assert_string(string, 2, 8);
    gc_decref(string);
}

static void the_same_length_changes_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct string *string = string_new(heap, 50), *before = string;
    assert_int_equal(gc_resize_var(&string, 50), GC_OK);
    assert_ptr_equal(string, before);
    assert_string(string, 50, 50);
    gc_decref(string);
}

static struct tuple *tuple_of_nodes(gc_heap *heap, size_t count, struct node **nodes)
{
    struct tuple *tuple = tuple_new(heap, count);
    for (size_t i = 0; i < count; i++) {
        nodes[i] = node_new(heap);
        gc_set(&tuple->items[i], nodes[i]);
    }
    return tuple;
}

static void drop_all(struct node **nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gc_decref(nodes[i]);
    }
}

static void references_move_without_being_counted(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *nodes[10];
    struct tuple *tuple = tuple_of_nodes(heap, 10, nodes);
    assert_int_equal(gc_resize_var(&tuple, 500), GC_OK);
    for (size_t i = 0; i < 500; i++) {
        assert_ptr_equal(tuple->items[i], i < 10 ? nodes[i] : NULL);
    }
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(gc_refcount(nodes[i]), 2);
    }
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 0);
    drop_all(nodes, 10);
    gc_decref(tuple);
    assert_live(heap, 0);
}

static void references_beyond_the_new_end_are_dropped(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *nodes[10];
    struct tuple *tuple = tuple_of_nodes(heap, 10, nodes);
    assert_int_equal(gc_resize_var(&tuple, 4), GC_OK);
    assert_int_equal(gc_tail_length(tuple), 4);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(gc_refcount(nodes[i]), i < 4 ? 2 : 1);
    }
    assert_sound(heap);
    drop_all(nodes, 10);
    gc_decref(tuple);
    assert_live(heap, 0);
}

static void a_tail_can_shrink_to_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *nodes[3];
    struct tuple *tuple = tuple_of_nodes(heap, 3, nodes);
    assert_int_equal(gc_resize_var(&tuple, 0), GC_OK);
    assert_int_equal(gc_tail_length(tuple), 0);
    drop_all(nodes, 3);
    assert_live(heap, 1);
    gc_decref(tuple);
}

static void shrinking_gives_memory_back(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct string *string = string_new(heap, 100000);
    assert_int_equal(gc_resize_var(&string, 100), GC_OK);
    assert_string(string, 100, 100);
    assert_true(stats_of(heap).bytes_live < 200);
    gc_decref(string);
}

static void moving_is_neither_a_birth_nor_a_death(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct string *string = string_new(heap, 10);
    gc_stats before = stats_of(heap);
    assert_int_equal(gc_resize_var(&string, 1000), GC_OK);
    assert_int_equal(gc_resize_var(&string, 10), GC_OK);
    gc_stats after = stats_of(heap);
    assert_int_equal(after.objects_born, before.objects_born);
    assert_int_equal(after.objects_died, before.objects_died);
    assert_int_equal(after.died_by_count, before.died_by_count);
    assert_int_equal(after.bytes_live, before.bytes_live);
    gc_decref(string);
}

/* Refusals
 * ======== */

static void an_object_that_others_hold_is_refused(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct string *string = string_new(heap, 10), *other = gc_newref(string);
    assert_int_equal(gc_resize_var(&string, 1000), GC_ERR_SHARED);
    assert_int_equal(gc_last_error(heap), GC_ERR_SHARED);
    assert_int_equal(gc_resize_var(&string, 5), GC_ERR_SHARED);
    assert_int_equal(gc_resize_var(&string, 11), GC_ERR_SHARED);
    assert_ptr_equal(string, other);
    assert_string(string, 10, 10);
    gc_decref(other);
    assert_int_equal(gc_resize_var(&string, 1000), GC_OK);
    gc_decref(string);
}

static void an_object_with_weak_references_is_refused(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct string *string = string_new(heap, 10);
    gc_weak *weak = gc_weak_new(string, NULL, NULL);
    assert_non_null(weak);
    assert_int_equal(gc_resize_var(&string, 1000), GC_ERR_SHARED);
    gc_decref(weak);
    assert_int_equal(gc_resize_var(&string, 1000), GC_OK);
    gc_decref(string);
}

static void an_immortal_object_is_refused(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct string *string = string_new(heap, 10);
    gc_make_immortal(string);
    assert_int_equal(gc_resize_var(&string, 1000), GC_ERR_SHARED);
    world->leftovers = true;
}

static void an_object_without_a_tail_is_a_panic(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    assert_int_equal(gc_resize_var(&node, 3), GC_ERR_TYPE);
    expect_panic(world, "node");
    gc_decref(node);
}

static void a_size_beyond_all_memory_is_refused(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *nodes[2];
    struct tuple *tuple = tuple_of_nodes(heap, 2, nodes), *before = tuple;
    assert_int_equal(gc_resize_var(&tuple, SIZE_MAX / 2), GC_ERR_SIZE);
    assert_int_equal(gc_resize_var(&tuple, SIZE_MAX), GC_ERR_SIZE);
    assert_int_equal(gc_last_error(heap), GC_ERR_SIZE);
    assert_ptr_equal(tuple, before);
    assert_int_equal(gc_tail_length(tuple), 2);
    drop_all(nodes, 2);
    gc_decref(tuple);
}

static void without_memory_growing_changes_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *nodes[2];
    struct tuple *tuple = tuple_of_nodes(heap, 2, nodes), *before = tuple;
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    gc_stats stats = stats_of(heap);
    assert_int_equal(gc_resize_var(&tuple, 1000000), GC_ERR_NOMEM);
    assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
    assert_ptr_equal(tuple, before);
    assert_int_equal(gc_tail_length(tuple), 2);
    assert_ptr_equal(tuple->items[1], nodes[1]);
    assert_int_equal(stats_of(heap).bytes_live, stats.bytes_live);
    assert_sound(heap);
    drop_all(nodes, 2);
    gc_decref(tuple);
}

static void the_limit_holds_for_growing(void **state)
{
    gc_config config = { .disabled = true, .limit_bytes = 5000 };
    gc_heap *heap = world_new_heap(*state, &config);
    struct string *string = string_new(heap, 100);
    assert_int_equal(gc_resize_var(&string, 6000), GC_ERR_LIMIT);
    assert_string(string, 100, 100);
    gc_decref(string);
}

static void without_memory_shrinking_stays_in_place(void **state)
{
    gc_config config = { .disabled = true, .collect = GC_AT_SAFEPOINT, .limit_bytes = 100200 };
    gc_heap *heap = world_new_heap(*state, &config);
    struct string *string = string_new(heap, 100000), *before = string;
    gc_set_error(heap, GC_OK);
    assert_int_equal(gc_resize_var(&string, 90000), GC_OK);
    assert_ptr_equal(string, before);
    assert_string(string, 90000, 90000);
    assert_int_equal(gc_last_error(heap), GC_OK);
    assert_int_equal(gc_resize_var(&string, 100000), GC_OK); /* its room is still there */
    assert_string(string, 90000, 100000);
    gc_decref(string);
}

/* Other states of the object
 * ========================== */

static void an_old_object_that_moves_is_young(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct tuple *tuple = tuple_new(heap, 1);
    (void)gc_collect(heap);
    assert_int_equal(gc_generation_of(tuple), GC_OLD);
    assert_int_equal(gc_resize_var(&tuple, 100), GC_OK);
    assert_int_equal(gc_generation_of(tuple), GC_YOUNG);
    assert_sound(heap);
    gc_decref(tuple);
}

static void a_frozen_object_that_moves_is_frozen_no_more(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct tuple *tuple = tuple_new(heap, 1);
    (void)gc_freeze(heap);
    assert_int_equal(gc_resize_var(&tuple, 100), GC_OK);
    assert_int_equal(gc_generation_of(tuple), GC_YOUNG);
    assert_int_equal(stats_of(heap).objects_frozen, 0);
    assert_sound(heap);
    gc_decref(tuple);
}

/* A tuple that is finalized. */
static void chest_finalize(gc_object *self)
{
    struct world *world = world_of(self);
    world->finalized++;
    if (world->note != NULL) {
        struct tuple **slot = world->note;
        *slot = gc_newref(self);
        world->note = NULL;
    } else {
        struct tuple *dying = (void *)self;
        expect(world, gc_resize_var(&dying, gc_tail_length(dying) + 100) == GC_ERR_SHARED);
        expect(world, (void *)dying == (void *)self);
    }
}
static const gc_type chest_type = {
    .name = "chest",
    .size = offsetof(struct tuple, items),
    .item_size = sizeof(struct node *),
    .refs = OURO_FIELDS(OURO_TAIL(struct tuple, items)),
    .finalize = chest_finalize,
};

static void a_dying_object_is_refused(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *chest = gc_new_var(heap, &chest_type, 1);
    assert_non_null(chest);
    gc_decref(chest);
    assert_int_equal(world->finalized, 1);
}

static void an_object_that_was_finalized_is_so_after_moving(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *chest = gc_new_var(heap, &chest_type, 1), *back = NULL;
    assert_non_null(chest);
    world->note = &back;
    gc_decref(chest);
    assert_ptr_equal(back, chest);
    assert_int_equal(gc_resize_var(&back, 1000), GC_OK);
    assert_true(gc_is_finalized(back));
    gc_decref(back);
    assert_int_equal(world->finalized, 1);
}

static void moving_finalizes_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *chest = gc_new_var(heap, &chest_type, 1);
    assert_non_null(chest);
    assert_int_equal(gc_resize_var(&chest, 1000), GC_OK);
    assert_int_equal(world->finalized, 0);
    gc_decref(chest);
    assert_int_equal(world->finalized, 1);
}

/* User code in the middle
 * ======================= */

static void share_the_memo(struct world *world, struct actor *actor)
{
    struct string **slot = world->memo;
    (void)actor;
    if (world->note == NULL) {
        world->note = gc_newref(*slot);
    }
}

static void growing_is_refused_when_the_object_is_shared_meanwhile(void **state)
{
    struct world *world = *state;
    gc_config config = { .thresholds = { 1, SIZE_MAX, SIZE_MAX, SIZE_MAX } };
    gc_heap *heap = world_new_heap(world, &config);
    (void)gc_disable(heap);
    struct string *string = string_new(heap, 10);
    world->memo = &string;
    world->on_finalize = share_the_memo;
    (void)drop_an_actor_circle(heap, 1);
    (void)gc_enable(heap);
    gc_stats before = stats_of(heap);
    assert_int_equal(gc_resize_var(&string, 1000), GC_ERR_SHARED); /* a collection runs inside */
    (void)gc_disable(heap);
    assert_ptr_equal(world->note, string);
    assert_string(string, 10, 10);
    assert_int_equal(stats_of(heap).objects_born, before.objects_born);
    assert_sound(heap);
    gc_decref(world->note);
    gc_decref(string);
}

/* A tuple of actors. */
static struct tuple *tuple_of_actor(gc_heap *heap, unsigned id)
{
    struct tuple *tuple = tuple_new(heap, 30);
    gc_set_steal(&tuple->items[29], actor_new(heap, id));
    return tuple;
}

static void shrinking_stays_in_place_when_the_object_is_shared_meanwhile(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_of_actor(heap, 1), *before = tuple;
    world->memo = &tuple;
    world->on_finalize = share_the_memo;
    assert_int_equal(gc_resize_var(&tuple, 1), GC_OK);
    assert_story(world, "F1 D1 ");
    assert_ptr_equal(tuple, before);
    assert_ptr_equal(world->note, before);
    assert_int_equal(gc_tail_length(tuple), 1);
    assert_sound(heap);
    gc_decref(world->note);
    gc_decref(tuple);
}

static void clear_the_memo(struct world *world, struct actor *actor)
{
    (void)actor;
    gc_clear((struct tuple **)world->memo);
}

static void an_object_may_die_while_it_shrinks(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_of_actor(heap, 1);
    world->memo = &tuple;
    world->on_finalize = clear_the_memo;
    assert_int_equal(gc_resize_var(&tuple, 1), GC_OK);
    assert_null(tuple);
    assert_live(heap, 0);
}

static void resize_the_memo(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_resize_var((struct tuple **)world->memo, 500) == GC_ERR_SHARED);
}

static void an_object_that_shrinks_cannot_be_resized_inside(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_of_actor(heap, 1);
    world->memo = &tuple;
    world->on_finalize = resize_the_memo;
    assert_int_equal(gc_resize_var(&tuple, 1), GC_OK);
    assert_int_equal(gc_tail_length(tuple), 1);
    gc_decref(tuple);
}

static void the_profiler_has_the_line_where_it_grew(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    struct string *string = string_new(heap, 10);
    char line[100];
    gc_profile_stats stats;
    (void)snprintf(line, sizeof(line), "%s:%d", __FILE__, __LINE__ + 1);
    assert_int_equal(gc_resize_var(&string, 1000), GC_OK);
    assert_string_equal(gc_profile_site(string), line);
    gc_profile_get_stats(heap, &stats);
    assert_int_equal(stats.objects, 1);
    gc_decref(string);
    gc_profile_get_stats(heap, &stats);
    assert_int_equal(stats.objects, 0);
    gc_profile_stop(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_tail_grows_in_place_while_there_is_room),
        world_test(a_tail_that_does_not_fit_moves_with_its_items),
        world_test(a_tail_grows_from_nothing_to_megabytes_and_back),
        world_test(what_was_cut_off_is_zero_when_the_tail_grows_again),
        world_test(the_same_length_changes_nothing),
        world_test(references_move_without_being_counted),
        world_test(references_beyond_the_new_end_are_dropped),
        world_test(a_tail_can_shrink_to_nothing),
        world_test(shrinking_gives_memory_back),
        world_test(moving_is_neither_a_birth_nor_a_death),
        world_test(an_object_that_others_hold_is_refused),
        world_test(an_object_with_weak_references_is_refused),
        world_test(an_immortal_object_is_refused),
        world_test(an_object_without_a_tail_is_a_panic),
        world_test(a_size_beyond_all_memory_is_refused),
        world_test(without_memory_growing_changes_nothing),
        world_test(the_limit_holds_for_growing),
        world_test(without_memory_shrinking_stays_in_place),
        world_test(an_old_object_that_moves_is_young),
        world_test(a_frozen_object_that_moves_is_frozen_no_more),
        world_test(a_dying_object_is_refused),
        world_test(an_object_that_was_finalized_is_so_after_moving),
        world_test(moving_finalizes_nothing),
        world_test(growing_is_refused_when_the_object_is_shared_meanwhile),
        world_test(shrinking_stays_in_place_when_the_object_is_shared_meanwhile),
        world_test(an_object_may_die_while_it_shrinks),
        world_test(an_object_that_shrinks_cannot_be_resized_inside),
        world_test(the_profiler_has_the_line_where_it_grew),
    };
    return cmocka_run_group_tests_name("resize", tests, NULL, NULL);
}
