/* SPDX-License-Identifier: MIT */

/* Objects with very many references in a cycle and in a young collection, white box: their arrays are
 * counted and marked some at a time, and the program does with them what it likes meanwhile. */

#include "cycle_support.h"

enum { LENGTH = 300000, LEAST_SLICES = LENGTH / 4096 };

struct shelf {
    gc_object object;
    struct node **items;
    size_t count;
    struct shelf *self;
};

static void shelf_destroy(gc_object *self)
{
    free(((struct shelf *)(void *)self)->items);
}

static const gc_type shelf_type = {
    .name = "shelf",
    .size = sizeof(struct shelf),
    .refs = OURO_FIELDS(OURO_BUFFER(struct shelf, items, count), OURO_REF(struct shelf, self)),
    .destroy = shelf_destroy,
};

static struct tuple *full_tuple_new(gc_heap *heap, size_t length)
{
    struct tuple *tuple = tuple_new(heap, length);
    for (size_t i = 0; i < length; i++) {
        tuple->items[i] = node_new(heap);
    }
    return tuple;
}

static struct shelf *shelf_new(gc_heap *heap, size_t length)
{
    struct shelf *shelf = gc_new(heap, &shelf_type);
    assert_non_null(shelf);
    shelf->items = calloc(length, sizeof(struct node *));
    assert_non_null(shelf->items);
    for (size_t i = 0; i < length; i++) {
        shelf->items[i] = node_new(heap);
        shelf->count++;
    }
    return shelf;
}

/* Slices to the end of a phase. Returns how many. */
static size_t run_through(gc_heap *heap, enum gci_phase phase)
{
    size_t slices = 0;
    while (heap->cycle.phase == phase) {
        slice(heap);
        slices++;
    }
    return slices;
}

static bool is_at_start(const struct gci_array_place *at)
{
    return at->field == 0 && at->item == 0;
}

/* Slices until the arrays of an object are in the middle of being counted, or marked. */
static void run_into_arrays(gc_heap *heap, enum gci_phase phase)
{
    while (heap->cycle.phase != phase || is_at_start(&heap->cycle.array.at)) {
        assert_int_not_equal(heap->cycle.phase, GCI_PHASE_NONE);
        slice(heap);
    }
}

static const enum gci_phase phases[] = { GCI_PHASE_COUNT, GCI_PHASE_MARK };

/* Who lives is found alive without suspects, whatever is long about it. */
static void finish_without_suspects(gc_heap *heap)
{
    run_to(heap, GCI_PHASE_NONE);
    assert_int_equal(heap->cycle.report.suspects, 0);
    assert_sound(heap);
}

static void is_counted_and_marked_in_slices(gc_heap *heap, void *object)
{
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_COUNT);
    assert_true(run_through(heap, GCI_PHASE_COUNT) > LEAST_SLICES);
    assert_true(run_through(heap, GCI_PHASE_MARK) > LEAST_SLICES);
    finish_without_suspects(heap);
    assert_live(heap, LENGTH + 1);
    gc_decref(object);
    assert_live(heap, 0);
}

static void long_tail_is_counted_and_marked_in_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    is_counted_and_marked_in_slices(heap, full_tuple_new(heap, LENGTH));
}

static void long_buffer_is_counted_and_marked_in_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    is_counted_and_marked_in_slices(heap, shelf_new(heap, LENGTH));
}

static void short_arrays_share_a_slice(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct shelf *shelves[100];
    for (size_t i = 0; i < 100; i++) {
        shelves[i] = shelf_new(heap, 3);
    }
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_COUNT);
    assert_true(run_through(heap, GCI_PHASE_COUNT) < 10);
    assert_true(run_through(heap, GCI_PHASE_MARK) < 10);
    finish_without_suspects(heap);
    for (size_t i = 0; i < 100; i++) {
        gc_decref(shelves[i]);
    }
}

static void array_that_is_not_long_is_counted_in_one_piece(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct shelf *shelves[20];
    for (size_t i = 0; i < 20; i++) {
        shelves[i] = shelf_new(heap, 3000);
    }
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_COUNT);
    size_t slices = 0;
    for (; heap->cycle.phase == GCI_PHASE_COUNT; slices++) {
        assert_true(is_at_start(&heap->cycle.array.at));
        slice(heap);
    }
    assert_true(slices >= 20);
    finish_without_suspects(heap);
    for (size_t i = 0; i < 20; i++) {
        gc_decref(shelves[i]);
    }
}

struct two_shelves {
    gc_object object;
    struct node *first[8], *second[8];
    struct node **items[2];
    uint16_t count[2];
};

static const gc_type two_shelves_type = {
    .name = "two shelves",
    .size = sizeof(struct two_shelves),
    .refs = OURO_FIELDS(OURO_BUFFER(struct two_shelves, items[0], count[0]),
                        OURO_BUFFER(struct two_shelves, items[1], count[1])),
};

static void count_visits(struct gci_tracer *tracer, void **items, size_t count)
{
    size_t *visits = tracer->context;
    for (size_t i = 0; i < count; i++) {
        visits[((struct actor *)items[i])->id]++;
    }
}

/* The place in the second array is not one in the sum of both. */
static void append_to_an_array_that_is_done_visits_no_item_twice(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct two_shelves *shelves = gc_new(heap, &two_shelves_type);
    assert_non_null(shelves);
    shelves->items[0] = shelves->first;
    shelves->items[1] = shelves->second;
    for (unsigned i = 0; i < 12; i++) {
        unsigned array = i >= 4;
        shelves->items[array][shelves->count[array]++] = (void *)actor_new(heap, i);
    }
    size_t visits[16] = { 0 }, budget = 7;
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, count_visits);
    tracer.context = visits;
    struct gci_array_place at = { 0 };
    assert_false(gci_trace_some(&tracer, gci_page_of(shelves), &shelves->object, &at, &budget));
    for (unsigned i = 12; i < 16; i++) {
        shelves->items[0][shelves->count[0]++] = (void *)actor_new(heap, i);
    }
    budget = 100;
    assert_true(gci_trace_some(&tracer, gci_page_of(shelves), &shelves->object, &at, &budget));
    gci_trace_flush(&tracer);
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(visits[i], 1);
    }
    assert_true(is_at_start(&at));
    gc_decref(shelves);
    world->story[0] = '\0';
}

/* Many that are not long each take their time together. */
static void many_arrays_do_not_share_one(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct shelf *shelves[100];
    for (size_t i = 0; i < 100; i++) {
        shelves[i] = shelf_new(heap, 3000);
    }
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_COUNT);
    assert_true(run_through(heap, GCI_PHASE_COUNT) > LEAST_SLICES);
    assert_true(run_through(heap, GCI_PHASE_MARK) > LEAST_SLICES);
    finish_without_suspects(heap);
    for (size_t i = 0; i < 100; i++) {
        gc_decref(shelves[i]);
    }
}

static void dies_in_the_middle_of_its_array(void **state)
{
    struct world *world = *state;
    for (size_t p = 0; p < 2; p++) {
        gc_heap *heap = world_new_heap(world, NULL);
        struct node *kept = node_new(heap);
        struct tuple *tuple = full_tuple_new(heap, LENGTH);
        gc_set_steal(&kept->left, tuple); /* so that marking comes by another page */
        uint64_t segments = stats_of(heap).segments;
        gci_cycle_begin(heap);
        run_into_arrays(heap, phases[p]);
        gc_clear(&kept->left);
        assert_live(heap, 1);
        struct tuple *next = full_tuple_new(heap, 100);
        assert_int_equal(stats_of(heap).segments, segments); /* the cycle stands in its own */
        run_to(heap, GCI_PHASE_NONE);
        assert_sound(heap);
        assert_live(heap, 102);
        gc_decref(next);
        gc_decref(kept);
        world_free_heap(world);
    }
}

/* The next one is counted, and marked, from its beginning. */
static void who_follows_one_that_died_begins_at_its_first(void **state)
{
    struct world *world = *state;
    for (size_t p = 0; p < 2; p++) {
        gc_heap *heap = world_new_heap(world, NULL);
        bool is_garbage = phases[p] == GCI_PHASE_COUNT; /* the last is marked first */
        struct shelf *low = shelf_new(heap, is_garbage ? LENGTH : 100);
        struct shelf *high = shelf_new(heap, is_garbage ? 100 : LENGTH);
        struct shelf *first = is_garbage ? low : high, *next = is_garbage ? high : low;
        gci_cycle_begin(heap);
        if (is_garbage) {
            next->self = next;
        }
        run_into_arrays(heap, phases[p]);
        gc_decref(first);
        run_to(heap, GCI_PHASE_NONE);
        assert_int_equal(heap->cycle.report.suspects, is_garbage ? 101 : 0);
        assert_live(heap, is_garbage ? 0 : 101);
        if (!is_garbage) {
            gc_decref(next);
        }
        world_free_heap(world);
    }
}

struct words {
    gc_object object;
    struct words *self;
    uint32_t words[30];
};

static void words_traverse(gc_object *self, gc_visitor *visitor)
{
    (void)visitor;
    expect(world_of(self), ((struct words *)(void *)self)->self == (struct words *)(void *)self);
}

static const gc_type words_type = {
    .name = "words",
    .size = sizeof(struct words),
    .traverse = words_traverse,
};

/* What lies there then may look like anything. */
static void page_is_used_for_another_type_in_the_middle(void **state)
{
    struct world *world = *state;
    for (size_t p = 0; p < 2; p++) {
        gc_heap *heap = world_new_heap(world, NULL);
        struct shelf *before[5];
        for (size_t i = 0; i < 5; i++) {
            before[i] = shelf_new(heap, 1);
        }
        struct shelf *shelf = shelf_new(heap, LENGTH);
        const struct gci_page *page = gci_page_of(shelf);
        for (size_t i = 0; i < 5; i++) {
            gc_decref(before[i]); /* it is in the middle of the page */
        }
        struct words *words[2000];
        size_t count = 0;
        gci_cycle_begin(heap);
        run_into_arrays(heap, phases[p]);
        gc_decref(shelf);
        gci_pages_drop_idle(heap);
        (void)gci_pages_trim(heap, SIZE_MAX);
        for (size_t inside = 0; inside < 5; inside += gci_page_of(words[count++]) == page) {
            assert_true(count < 2000);
            words[count] = gc_new(heap, &words_type);
            assert_non_null(words[count]);
            words[count]->self = words[count];
            for (size_t i = 0; i < 30; i++) {
                words[count]->words[i] = heap->old;
            }
        }
        slice(heap);
        assert_null(heap->cycle.array.page);
        assert_true(is_at_start(&heap->cycle.array.at));
        run_to(heap, GCI_PHASE_NONE);
        assert_sound(heap);
        while (count > 0) {
            gc_decref(words[--count]);
        }
        assert_live(heap, 0);
        world_free_heap(world);
    }
}

static void buffer_changes_in_the_middle(void **state)
{
    struct world *world = *state;
    for (size_t p = 0; p < 2; p++) {
        gc_heap *heap = world_new_heap(world, NULL);
        struct shelf *shelf = shelf_new(heap, LENGTH);
        gci_cycle_begin(heap);
        run_into_arrays(heap, phases[p]);
        while (shelf->count > 10) { /* shorter than where the cycle stands */
            gc_decref(shelf->items[--shelf->count]);
        }
        shelf->items = realloc(shelf->items, 10 * sizeof(struct node *));
        assert_non_null(shelf->items);
        slice(heap);
        run_to(heap, GCI_PHASE_NONE);
        assert_sound(heap);
        assert_live(heap, 11);
        gc_decref(shelf);
        world_free_heap(world);
    }
}

/* What is put where the cycle has been is moved there behind its back: suspect, and alive. */
static void moved_within_the_array(void **state)
{
    struct world *world = *state;
    for (size_t p = 0; p < 2; p++) {
        gc_heap *heap = world_new_heap(world, NULL);
        struct tuple *tuple = full_tuple_new(heap, LENGTH);
        gci_cycle_begin(heap);
        run_into_arrays(heap, phases[p]);
        for (size_t i = 0; i < LENGTH / 2; i++) {
            gc_swap(&tuple->items[i], &tuple->items[LENGTH - 1 - i]);
        }
        run_to(heap, GCI_PHASE_NONE);
        assert_sound(heap);
        assert_live(heap, LENGTH + 1);
        gc_decref(tuple);
        assert_live(heap, 0);
        world_free_heap(world);
    }
}

static void resized_in_the_middle_of_its_array(void **state)
{
    struct world *world = *state;
    for (size_t p = 0; p < 2; p++) {
        gc_heap *heap = world_new_heap(world, NULL);
        struct tuple *tuple = full_tuple_new(heap, LENGTH);
        gci_cycle_begin(heap);
        run_into_arrays(heap, phases[p]);
        for (size_t i = 1000; i < LENGTH; i++) {
            gc_clear(&tuple->items[i]);
        }
        assert_int_equal(gc_resize_var(&tuple, 1000), GC_OK);
        run_to(heap, GCI_PHASE_NONE);
        assert_sound(heap);
        assert_live(heap, 1001);
        gc_decref(tuple);
        assert_live(heap, 0);
        world_free_heap(world);
    }
}

static void cycle_is_abandoned_in_the_middle_of_an_array(void **state)
{
    struct world *world = *state;
    for (size_t p = 0; p < 2; p++) {
        gc_heap *heap = world_new_heap(world, NULL);
        struct tuple *tuple = full_tuple_new(heap, LENGTH);
        gci_cycle_begin(heap);
        run_into_arrays(heap, phases[p]);
        gci_cycle_abandon(heap);
        assert_null(heap->cycle.array.page);
        assert_true(is_at_start(&heap->cycle.array.at));
        assert_sound(heap);
        gci_cycle_begin(heap);
        finish_without_suspects(heap);
        gc_decref(tuple);
        world_free_heap(world);
    }
}

static void garbage_with_a_long_array_is_found(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct shelf *shelf = shelf_new(heap, LENGTH);
    struct tuple *tuple = full_tuple_new(heap, LENGTH);
    shelf->self = gc_newref(shelf);
    gc_set_steal(&tuple->items[0]->left, tuple); /* a node's field, whatever its type in C */
    gc_decref(shelf);
    gci_cycle_begin(heap);
    run_to(heap, GCI_PHASE_NONE);
    assert_live(heap, 0);
}

/* Young collections */

static void very_long_arrays_become_old_unseen(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (size_t length = 8000; length <= 9000; length += 1000) {
        bool is_long = length > 8192;
        struct shelf *shelf = shelf_new(heap, length);
        shelf->self = shelf; /* stolen: it is garbage */
        assert_int_equal(gc_collect_generation(heap, 0), is_long ? 0 : length + 1);
        assert_live(heap, is_long ? length + 1 : 0);
        assert_int_equal(stats_of(heap).generations[0].objects, 0);
        assert_sound(heap);
    }
    assert_int_equal(gc_collect(heap), 9001);
    assert_live(heap, 0);
}

/* Very long arrays of what dies in slices
 * ======================================= */

enum { EMPTIED = 1024 }; /* as in death.c: references between two looks at the clock */

/* A shelf that holds itself, too. */
static struct shelf *own_shelf_new(gc_heap *heap)
{
    struct shelf *shelf = shelf_new(heap, LENGTH);
    gc_clear(&shelf->items[0]);
    shelf->items[0] = (struct node *)(void *)gc_newref(shelf);
    return shelf;
}

/* Old garbage in a circle: shelves, and actors. */
static void make_shelves(gc_heap *heap, size_t shelves, size_t actors)
{
    struct shelf *first = own_shelf_new(heap), *last = first;
    for (size_t i = 1; i < shelves; i++) {
        gc_set_steal(&last->self, own_shelf_new(heap));
        last = last->self;
    }
    struct actor *actor = NULL;
    for (size_t i = 0; i < actors; i++) {
        struct actor *next = actor_new(heap, 1);
        next->left = actor;
        actor = next;
    }
    if (actor != NULL) {
        gc_decref(last->items[1]);
        last->items[1] = (struct node *)(void *)actor;
        while (actor->left != NULL) {
            actor = actor->left;
        }
        gc_set(&actor->left, (void *)first);
    }
    gc_set(&last->self, first);
    (void)gc_collect(heap);
    gc_decref(first);
    gci_cycle_begin(heap);
}

static void run_into_emptying(gc_heap *heap)
{
    while (heap->emptying == NULL) {
        assert_true(gc_step(heap, 1));
    }
}

static void finish_all(gc_heap *heap)
{
    while (gc_step(heap, UINT64_MAX)) {
    }
    assert_sound(heap);
}

static void long_arrays_of_garbage_are_emptied_in_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    make_shelves(heap, 1, 0);
    run_into_emptying(heap);
    struct shelf *shelf = (struct shelf *)(void *)heap->emptying;
    assert_int_equal(shelf->count, LENGTH);
    size_t slices = 0;
    for (size_t count = LENGTH; heap->emptying != NULL; slices++) {
        assert_true(gc_step(heap, 1));
        if (heap->emptying != NULL) {
            assert_true(count - shelf->count <= EMPTIED);
            count = shelf->count;
        }
    }
    assert_true(slices >= LENGTH / EMPTIED);
    finish_all(heap);
    assert_live(heap, 0);
    gc_stats stats = stats_of(heap);
    assert_int_equal(stats.generations[1].collected + stats.died_by_count, LENGTH + 1);
    assert_int_equal(stats.generations[1].uncollectable, 0);
}

/* One after the other; also where garbage is too large for a part. */
static void long_arrays_of_one_structure_are_emptied_in_turn(void **state)
{
    struct world *world = *state;
    enum { SHELVES = 3, BIG = 40000 };
    for (size_t actors = 0; actors <= BIG; actors += BIG) {
        gc_heap *heap = patient_heap_new(world);
        make_shelves(heap, SHELVES, actors);
        const gc_object *emptied = NULL;
        size_t turns = 0, slices = 0;
        for (bool more = true; more; slices += heap->emptying != NULL) {
            more = gc_step(heap, 100000); /* less than one of them takes */
            turns += heap->emptying != NULL && heap->emptying != emptied;
            emptied = heap->emptying != NULL ? heap->emptying : emptied;
        }
        assert_int_equal(turns, SHELVES);
        assert_true(slices >= SHELVES);
        assert_sound(heap);
        assert_live(heap, 0);
        gc_stats stats = stats_of(heap);
        assert_int_equal(stats.generations[1].uncollectable, 0);
        assert_int_equal(stats.finalized, actors);
        assert_int_equal(world->destroyed, actors);
        assert_int_equal(stats.generations[1].collected + stats.died_by_count,
                         SHELVES * (LENGTH + 1) + actors);
        world_free_heap(world);
        world->destroyed = world->finalized = 0;
        world->story[0] = '\0';
    }
}

static void who_is_being_emptied_may_be_looked_for_or_collected_at_once(void **state)
{
    struct world *world = *state;
    for (unsigned way = 0; way < 3; way++) {
        gc_heap *heap = patient_heap_new(world);
        make_shelves(heap, 2, 0);
        run_into_emptying(heap);
        for (unsigned i = 0; i < 10; i++) {
            assert_true(gc_step(heap, 1));
        }
        const gc_object *object = heap->emptying;
        assert_non_null(object);
        if (way == 0) {
            assert_sound(heap);
            assert_ptr_equal(heap->emptying, object);
            assert_true(gc_step(heap, 0));
        } else if (way == 1) {
            (void)gc_collect(heap);
            assert_null(heap->emptying);
            assert_sound(heap);
        } else {
            world_free_heap(world);
            continue;
        }
        finish_all(heap);
        (void)gc_collect(heap); /* the other one, of a cycle that was cut short */
        assert_live(heap, 0);
        world_free_heap(world);
    }
}

static struct shelf *called_shelf;

static void shelf_is_whole(gc_weak *weak, void *called)
{
    assert_null(gc_weak_get(weak));
    assert_int_equal(called_shelf->count, LENGTH);
    ++*(unsigned *)called;
}

/* What dies by count in a slice: called back about while it is whole, emptied, destroyed. */
static void long_arrays_of_the_backlog_are_emptied_in_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct shelf *shelf = called_shelf = shelf_new(heap, LENGTH);
    unsigned called = 0;
    size_t slices = 0;
    gc_weak *weak = gc_watch(shelf, shelf_is_whole, &called);
    struct tuple *tuple = full_tuple_new(heap, LENGTH), *other = full_tuple_new(heap, LENGTH);
    gc_clear(&tuple->items[LENGTH - 1]);
    tuple->items[LENGTH - 1] = (struct node *)(void *)other;
    gc_clear(&other->items[LENGTH - 1]);
    other->items[LENGTH - 1] = (struct node *)(void *)shelf;
    heap->busy++;
    gci_pages_pin(heap);
    heap->slicing = true;
    heap->slice_end_ns = UINT64_MAX;
    gc_decref(tuple);
    assert_non_null(heap->backlog);
    for (; heap->emptying != (gc_object *)(void *)shelf; slices++) {
        assert_false(gci_death_end_backlog(heap, 0));
        assert_int_equal(called, heap->emptying == (gc_object *)(void *)shelf);
    }
    assert_true(slices > 2 * (LENGTH / EMPTIED));
    for (slices = 0; heap->emptying != NULL; slices++) {
        (void)gci_death_end_backlog(heap, 0);
    }
    assert_true(slices >= LENGTH / EMPTIED);
    while (!gci_death_end_backlog(heap, UINT64_MAX)) {
    }
    heap->slicing = false;
    heap->busy--;
    gci_pages_unpin(heap);
    assert_int_equal(called, 1);
    gc_decref(weak);
    assert_sound(heap);
    assert_live(heap, 0);
}

/* As that of a table which is larger than what it holds. */
static void long_tail_of_the_backlog_without_its_last_item_is_emptied_in_slices(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    struct tuple *tuple = full_tuple_new(heap, LENGTH);
    gc_clear(&tuple->items[LENGTH - 1]);
    struct node *node = node_new(heap);
    node->left = (struct node *)(void *)tuple;
    gc_set(&node->right, node);
    (void)gc_collect(heap);
    gc_decref(node);
    gci_cycle_begin(heap);
    while (heap->emptying != (gc_object *)(void *)tuple) {
        assert_true(gc_step(heap, 1));
    }
    size_t slices = 0;
    for (; heap->emptying != NULL; slices++) {
        assert_true(gc_step(heap, 1));
    }
    assert_true(slices >= LENGTH / EMPTIED);
    finish_all(heap);
    assert_live(heap, 0);
}

/* A tail is as long as before when it is empty, so it must not be emptied again and again: where two hold each
 * other, and where one is held by what nobody clears. */
static void emptied_tails_that_live_on_are_not_emptied_again(void **state)
{
    struct world *world = *state;
    for (unsigned is_held = 0; is_held < 2; is_held++) {
        gc_heap *heap = patient_heap_new(world);
        struct tuple *a = full_tuple_new(heap, LENGTH);
        struct node *b = is_held ? gc_new(heap, &stubborn_node_type)
                                 : (struct node *)(void *)full_tuple_new(heap, LENGTH);
        assert_non_null(b);
        gc_clear(&a->items[0]);
        a->items[0] = gc_newref(b);
        if (is_held) {
            b->left = gc_newref(b);
            b->right = (struct node *)(void *)gc_newref(a);
        } else {
            struct tuple *other = (struct tuple *)(void *)b;
            gc_clear(&other->items[0]);
            gc_clear(&other->items[1]);
            other->items[0] = (struct node *)(void *)gc_newref(a);
            other->items[1] = (struct node *)(void *)gc_newref(other);
            gc_clear(&a->items[1]);
            a->items[1] = (struct node *)(void *)gc_newref(a);
        }
        (void)gc_collect(heap);
        gc_decref(a);
        gc_decref(b);
        gci_cycle_begin(heap);
        unsigned steps = 0;
        while (gc_step(heap, 100000)) {
            assert_true(++steps < 100000);
        }
        assert_int_equal(stats_of(heap).generations[1].uncollectable, is_held ? 2 : 0);
        assert_live(heap, is_held ? 2 : 0);
        if (is_held) {
            gc_clear(&b->right);
            gc_clear(&b->left);
        }
        world_free_heap(world);
    }
}

/* What is not garbage is emptied while plain garbage goes, half of which has dropped its references. */
static void look_while_something_is_emptied_leaves_no_plain_garbage_half_dropped(void **state)
{
    struct world *world = *state;
    enum { COUNT = 60000, HOLDER = COUNT / 2 };
    gc_heap *heap = patient_heap_new(world);
    struct tuple *tuple = full_tuple_new(heap, LENGTH);
    (void)gc_freeze(heap); /* so that no cycle is about it */
    struct node *kept = node_new(heap), *ring = node_new(heap), *last = ring;
    for (size_t i = 1; i < COUNT; i++) {
        last->left = node_new(heap);
        last = last->left;
        last->right = i == HOLDER ? (struct node *)(void *)tuple : gc_newref(kept);
    }
    gc_set(&last->left, ring);
    (void)gc_collect(heap);
    gc_decref(ring);
    gci_cycle_begin(heap);
    size_t references = gc_refcount(kept);
    while (gc_refcount(kept) == references) {
        assert_true(gc_step(heap, 1));
    }
    while (heap->emptying == NULL) {
        assert_true(gc_step(heap, 1));
    }
    assert_true(gc_refcount(kept) > 1 && gc_refcount(kept) < references);
    assert_sound(heap);
    assert_int_equal(gc_refcount(kept), 1);
    finish_all(heap);
    gc_decref(kept);
    assert_live(heap, 0);
}

/* The young are cleared at once. */
static void young_garbage_with_a_buffer_is_collected_while_another_is_emptied(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    make_shelves(heap, 1, 0);
    run_into_emptying(heap);
    assert_true(gc_step(heap, 1));
    struct shelf *young = shelf_new(heap, 3);
    young->self = young;
    assert_int_equal(gc_collect_generation(heap, 0), 4);
    assert_int_equal(stats_of(heap).generations[0].uncollectable, 0);
    assert_int_equal(stats_of(heap).generations[1].uncollectable, 0);
    finish_all(heap);
    assert_live(heap, 0);
}

/* Also after a look at the heap, which ends the cycle. */
static void nobody_gets_what_is_being_emptied(void **state)
{
    struct world *world = *state;
    gc_heap *heap = patient_heap_new(world);
    make_shelves(heap, 1, 0);
    run_into_emptying(heap);
    assert_true(gc_step(heap, 1));
    gc_object *object = heap->emptying;
    assert_false(gc_try_incref(object));
    assert_sound(heap);
    assert_ptr_equal(heap->emptying, object);
    assert_false(gc_try_incref(object));
    finish_all(heap);
    assert_live(heap, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        world_test(long_tail_is_counted_and_marked_in_slices),
        world_test(long_buffer_is_counted_and_marked_in_slices),
        world_test(short_arrays_share_a_slice),
        world_test(many_arrays_do_not_share_one),
        world_test(array_that_is_not_long_is_counted_in_one_piece),
        world_test(append_to_an_array_that_is_done_visits_no_item_twice),
        world_test(dies_in_the_middle_of_its_array),
        world_test(who_follows_one_that_died_begins_at_its_first),
        world_test(page_is_used_for_another_type_in_the_middle),
        world_test(buffer_changes_in_the_middle),
        world_test(moved_within_the_array),
        world_test(resized_in_the_middle_of_its_array),
        world_test(cycle_is_abandoned_in_the_middle_of_an_array),
        world_test(garbage_with_a_long_array_is_found),
        world_test(very_long_arrays_become_old_unseen),
        world_test(long_arrays_of_garbage_are_emptied_in_slices),
        world_test(long_arrays_of_one_structure_are_emptied_in_turn),
        world_test(who_is_being_emptied_may_be_looked_for_or_collected_at_once),
        world_test(long_arrays_of_the_backlog_are_emptied_in_slices),
        world_test(long_tail_of_the_backlog_without_its_last_item_is_emptied_in_slices),
        world_test(emptied_tails_that_live_on_are_not_emptied_again),
        world_test(look_while_something_is_emptied_leaves_no_plain_garbage_half_dropped),
        world_test(young_garbage_with_a_buffer_is_collected_while_another_is_emptied),
        world_test(nobody_gets_what_is_being_emptied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
