/* SPDX-License-Identifier: MIT */
/* Heaps from new to free: configuration, many side by side, and what happens to the objects that
 * are left. */

#include "../support.h"

/* Configuration
 * ============= */

static void heap_without_a_configuration_works(void **state)
{
    (void)state;
    gc_heap *heap = gc_heap_new(NULL);
    assert_non_null(heap);
    assert_null(gc_heap_user_data(heap));
    assert_true(gc_is_enabled(heap));
    assert_int_equal(gc_last_error(heap), GC_OK);
    struct node *node = node_new(heap);
    drop_a_node_circle(heap);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_live(heap, 1);
    assert_int_equal(stats_of(heap).bytes_limit, 0);
    gc_decref(node);
    gc_heap_free(heap);
}

static void heap_with_a_zero_configuration_works(void **state)
{
    gc_config config;
    (void)state;
    memset(&config, 0, sizeof(config));
    gc_heap *heap = gc_heap_new(&config);
    assert_non_null(heap);
    gc_decref(node_new(heap));
    assert_sound(heap);
    gc_heap_free(heap);
}

static void configuration_is_copied(void **state)
{
    struct world *world = *state;
    gc_config *config = malloc(sizeof(*config));
    assert_non_null(config);
    *config = quiet();
    config->user_data = world;
    config->message = world_message;
    config->panic = world_panic;
    config->page_source.map = pages_map;
    config->page_source.unmap = pages_unmap;
    config->page_source.arg = &world->pages;
    world->heap = gc_heap_new(config);
    assert_non_null(world->heap);
    memset(config, 0xFF, sizeof(*config));
    free(config);
    assert_ptr_equal(gc_heap_user_data(world->heap), world);
    gc_decref(actor_new(world->heap, 1));
    assert_story(world, "F1 D1 ");
}

static void user_data_is_handed_back(void **state)
{
    int data = 0;
    gc_config config = { .user_data = &data };
    gc_heap *heap = gc_heap_new(&config);
    (void)state;
    assert_non_null(heap);
    assert_ptr_equal(gc_heap_user_data(heap), &data);
    gc_heap_free(heap);
}

static void heap_with_half_a_page_source_is_no_heap(void **state)
{
    struct world *world = *state;
    gc_config config = { .page_source = { .map = pages_map, .arg = &world->pages } };
    assert_null(gc_heap_new(&config));
    config.page_source.map = NULL;
    config.page_source.unmap = pages_unmap;
    assert_null(gc_heap_new(&config));
    assert_int_equal(world->pages.blocks, 0);
}

static void free_of_null_does_nothing(void **state)
{
    (void)state;
    gc_heap_free(NULL);
}

static void heap_that_was_never_used_goes_back_whole(void **state)
{
    struct world *world = *state;
    (void)world_new_heap(world, NULL);
    world_free_heap(world);
}

static void heap_that_was_used_goes_back_whole(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = NULL;
    for (size_t i = 0; i < 100000; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    gc_decref(tuple_new(heap, 1000000));
    gc_decref(list);
    assert_true(world->pages.blocks > 0);
    world_free_heap(world);
}

static void page_source_is_asked_for_multiples_of_the_page(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *large = tuple_new(heap, 1000003);
    for (size_t i = 0; i < world->pages.blocks; i++) {
        assert_int_equal(world->pages.table[i].size % 4096, 0);
    }
    gc_decref(large);
}

static void bytes_reserved_are_those_of_the_page_source(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    assert_int_equal(stats_of(heap).bytes_reserved, world->pages.bytes);
    struct node *node = node_new(heap);
    assert_int_equal(stats_of(heap).bytes_reserved, world->pages.bytes);
    struct tuple *large = tuple_new(heap, 1000000);
    assert_int_equal(stats_of(heap).bytes_reserved, world->pages.bytes);
    gc_decref(large);
    (void)gc_collect(heap);
    (void)gc_heap_trim(heap);
    assert_int_equal(stats_of(heap).bytes_reserved, world->pages.bytes);
    gc_decref(node);
}

/* Side by side
 * ============ */

static void heaps_know_nothing_of_each_other(void **state)
{
    enum { COUNT = 20 };
    struct world *worlds[COUNT];
    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        worlds[i] = world_new();
        assert_non_null(worlds[i]);
        (void)world_new_heap(worlds[i], NULL);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned k = 0; k <= i; k++) {
            drop_an_actor_circle(worlds[i]->heap, 2 * k);
        }
    }
    for (unsigned i = COUNT; i-- > 0;) {
        assert_live(worlds[i]->heap, 2 * (i + 1));
        assert_int_equal(gc_collect(worlds[i]->heap), 2 * (i + 1));
        assert_int_equal(worlds[i]->destroyed, 2 * (i + 1));
        assert_sound(worlds[i]->heap);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        void *world = worlds[i];
        assert_int_equal(world_teardown(&world), 0);
    }
}

static void *use_the_heap(void *arg)
{
    struct world *world = arg;
    struct node *list = NULL;
    for (size_t i = 0; i < 10000; i++) {
        struct node *node = gc_new(world->heap, &node_type);
        if (node == NULL) {
            return NULL;
        }
        node->left = list;
        list = node;
    }
    world->note = list;
    return NULL;
}

static void heap_may_move_from_thread_to_thread(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, use_the_heap, world), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    struct node *list = world->note;
    assert_non_null(list);
    assert_sound(heap);
    assert_int_equal(gc_collect(heap), 0);
    assert_live(heap, 10000);
    gc_decref(list);
    assert_live(heap, 0);
}

/* What is left
 * ============ */

static void objects_that_are_left_are_finalized_and_destroyed(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *held = actor_new(heap, 1);
    held->left = actor_new(heap, 2);
    held->leaf = leaf_new(heap, 3);
    gc_incref(held);
    (void)leaf_new(heap, 4);
    struct actor *immortal = actor_new(heap, 5);
    gc_make_immortal(immortal);
    drop_an_actor_circle(heap, 6);
    world_free_heap(world);
    assert_int_equal(world->finalized, 5);
    assert_int_equal(world->destroyed, 7);
    for (unsigned id = 1; id <= 7; id++) {
        char word[8];
        (void)snprintf(word, sizeof(word), "%c%u ", id == 3 || id == 4 ? 'L' : 'D', id);
        const char *once = strstr(world->story, word);
        assert_non_null(once);
        assert_null(strstr(once + 1, word));
    }
}

static void expect_nobody_destroyed(struct world *world, struct actor *actor)
{
    expect(world, world->destroyed == 0);
    expect(world, actor->left != NULL && actor->left->left == actor);
    expect(world, actor->leaf != NULL);
}

static void objects_that_are_left_are_finalized_before_any_is_cleared(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (unsigned id = 1; id < 20; id += 2) {
        struct actor *a = actor_new(heap, id), *b = actor_new(heap, id + 1);
        gc_set(&a->left, b);
        gc_set(&b->left, a);
        a->leaf = leaf_new(heap, 100 + id);
        b->leaf = leaf_new(heap, 101 + id);
    }
    world->on_finalize = expect_nobody_destroyed;
    world_free_heap(world);
    assert_int_equal(world->finalized, 20);
    assert_int_equal(world->destroyed, 40);
}

static void keep_self(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        world->note = gc_newref(actor);
    }
}

static void objects_already_finalized_are_destroyed_only(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = keep_self;
    gc_decref(actor_new(heap, 1));
    assert_story(world, "F1 ");
    world_free_heap(world);
    assert_story(world, "D1 ");
}

static void resurrection_does_not_stop_the_end_of_the_heap(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = keep_self;
    drop_an_actor_circle(heap, 1);
    (void)actor_new(heap, 3);
    world_free_heap(world);
    assert_int_equal(world->finalized, 3);
    assert_int_equal(world->destroyed, 3);
}

static void allocate_in_finalize(struct world *world, struct actor *actor)
{
    struct actor *child = gc_new(world->heap, &actor_type);
    bool first_round = actor->id == 1;
    expect(world, (child != NULL) == first_round);
    if (child != NULL) {
        child->id = actor->id + 1;
    }
}

/* Each finalizer leaks a newborn with a finalizer of its own: without a last round it never ended. */
static void objects_born_in_the_last_finalizers_are_finalized_and_have_no_heirs(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = allocate_in_finalize;
    (void)actor_new(heap, 1);
    (void)actor_new(heap, 1);
    world_free_heap(world);
    assert_int_equal(world->destroyed, 4);
    assert_int_equal(world->finalized, 4);
}

static unsigned refusals;

static void allocate_in_destroy(struct world *world, struct actor *actor)
{
    (void)actor;
    struct node *node = gc_new(world->heap, &node_type);
    gc_status status = gc_last_error(world->heap);
    struct tuple *tuple = gc_new_var(world->heap, &tuple_type, 3);
    expect(world, node == NULL && tuple == NULL);
    expect(world, status == GC_ERR_CLOSING && gc_last_error(world->heap) == GC_ERR_CLOSING);
    refusals += node == NULL;
    gc_xdecref(node);
    gc_xdecref(tuple);
}

static void allocation_in_the_last_destroy_is_refused(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    refusals = 0;
    world->on_destroy = allocate_in_destroy;
    for (unsigned id = 1; id <= 3; id++) {
        struct actor *actor = actor_new(heap, id);
        gc_set(&actor->left, actor);
    }
    world_free_heap(world);
    assert_int_equal(refusals, 3);
}

static void use_ouro_in_destroy(struct world *world, struct actor *actor)
{
    (void)actor;
    expect(world, gc_collect(world->heap) == 0);
    gc_safepoint(world->heap);
    (void)stats_of(world->heap);
    struct seen seen = { 0 };
    (void)gc_each_object(world->heap, -1, seen_add, &seen);
    expect(world, seen_times(&seen, actor) == 0);
    expect(world, gc_heap_of(actor) == world->heap);
}

static void last_destroy_may_collect_and_look_around(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_destroy = use_ouro_in_destroy;
    for (unsigned id = 1; id <= 10; id++) {
        struct actor *actor = actor_new(heap, id);
        gc_set(&actor->left, actor);
        (void)node_new(heap);
    }
    world_free_heap(world);
    assert_int_equal(world->destroyed, 10);
}

static void drop_the_note(struct world *world, struct actor *actor)
{
    if (actor->id == 1) {
        struct actor *other = world->note;
        gc_decref(other);
    }
}

static void last_destroy_may_drop_what_it_holds(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *other = actor_new(heap, 2);
    gc_set(&other->left, other);
    world->note = other;
    world->on_destroy = drop_the_note;
    (void)actor_new(heap, 1);
    world_free_heap(world);
    assert_int_equal(world->destroyed, 2);
    assert_int_equal(world->finalized, 2);
}

/* Leak reports
 * ============ */

/* One line has both words. */
static bool reported(const struct world *world, const char *type, const char *count)
{
    const char *line = world->message_text;
    while (*line != '\0') {
        size_t length = strcspn(line, "\n");
        char text[1024];
        (void)snprintf(text, sizeof(text), "%.*s", (int)length, line);
        if (strstr(text, type) != NULL && strstr(text, count) != NULL) {
            return true;
        }
        line += length + (line[length] == '\n');
    }
    return false;
}

static void leaks_are_reported_with_type_and_count(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.report_leaks = true;
    gc_heap *heap = world_new_heap(world, &config);
    for (int i = 0; i < 37; i++) {
        (void)node_new(heap);
    }
    for (unsigned i = 0; i < 23; i++) {
        (void)leaf_new(heap, i);
    }
    (void)tuple_new(heap, 3);
    (void)tuple_new(heap, 300);
    (void)tuple_new(heap, 300000);
    world_free_heap(world);
    assert_true(world->messages >= 3);
    assert_true(reported(world, "node", "37"));
    assert_true(reported(world, "leaf", "23"));
    assert_true(reported(world, "tuple", "3"));
}

static void garbage_is_no_leak(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.report_leaks = true;
    gc_heap *heap = world_new_heap(world, &config);
    drop_an_actor_circle(heap, 1);
    drop_a_node_circle(heap);
    world_free_heap(world);
    assert_int_equal(world->messages, 0);
    assert_int_equal(world->destroyed, 2);
}

static void heap_without_leaks_reports_nothing(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.report_leaks = true;
    gc_heap *heap = world_new_heap(world, &config);
    gc_decref(node_new(heap));
    world_free_heap(world);
    assert_int_equal(world->messages, 0);
}

static void leaks_are_not_reported_without_the_switch(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    (void)node_new(heap);
    world_free_heap(world);
    assert_int_equal(world->messages, 0);
}

/* Memory goes back
 * ================ */

static void trim_returns_empty_memory(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = NULL, *last = node_new(heap);
    enum { NODES = 1000000 };
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    gc_decref(list);
    size_t before = world->pages.bytes;
    uint64_t told = stats_of(heap).bytes_reserved;
    size_t returned = gc_heap_trim(heap);
    assert_true(returned >= NODES * sizeof(struct node) / 10 * 7);
    assert_int_equal(returned, before - world->pages.bytes);
    assert_int_equal(returned, told - stats_of(heap).bytes_reserved);
    assert_sound(heap);
    assert_live(heap, 1);
    assert_int_equal(gc_refcount(last), 1);
    assert_int_equal(gc_heap_trim(heap), 0);
    gc_decref(last);
}

static void trim_of_a_full_heap_returns_nothing(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    struct node *node = node_new(heap);
    (void)gc_heap_trim(heap);
    assert_int_equal(gc_heap_trim(heap), 0);
    assert_sound(heap);
    gc_decref(node);
}

static void heap_works_after_a_trim(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (int round = 0; round < 5; round++) {
        struct node *nodes[500];
        struct tuple *large = tuple_new(heap, 100000);
        for (int i = 0; i < 500; i++) {
            nodes[i] = node_new(heap);
        }
        (void)gc_heap_trim(heap);
        assert_sound(heap);
        for (int i = 0; i < 500; i++) {
            gc_decref(nodes[i]);
        }
        gc_decref(large);
        (void)gc_heap_trim(heap);
        assert_sound(heap);
        assert_live(heap, 0);
    }
}

static void trim_in_callback(struct world *world, struct actor *actor)
{
    (void)actor;
    (void)gc_heap_trim(world->heap);
}

static void callbacks_may_trim(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = trim_in_callback;
    world->on_destroy = trim_in_callback;
    drop_an_actor_circle(heap, 1);
    struct actor *a = actor_new(heap, 3);
    a->left = actor_new(heap, 4);
    gc_set(&a->right, tuple_new(heap, 100000));
    gc_decref(a->right);
    gc_decref(a);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->destroyed, 4);
    assert_live(heap, 0);
}

static size_t trimmed;

static void trim_and_tell(struct world *world, struct actor *actor)
{
    (void)actor;
    trimmed += gc_heap_trim(world->heap);
}

static void trim_inside_a_collection_does_nothing(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    trimmed = 0;
    world->on_finalize = trim_and_tell;
    world->on_destroy = trim_and_tell;
    drop_an_actor_circle(heap, 1);
    gc_decref(tuple_new(heap, 1000000));
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(trimmed, 0);
}

static void memory_goes_back_at_collections(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *list = NULL;
    for (size_t i = 0; i < 2000000; i++) {
        struct node *node = node_new(heap);
        node->left = list;
        list = node;
    }
    size_t full = world->pages.bytes;
    gc_decref(list);
    (void)gc_collect(heap);
    assert_true(world->pages.bytes < full / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(heap_without_a_configuration_works),
        world_test(heap_with_a_zero_configuration_works),
        world_test(configuration_is_copied),
        world_test(user_data_is_handed_back),
        world_test(heap_with_half_a_page_source_is_no_heap),
        world_test(free_of_null_does_nothing),
        world_test(heap_that_was_never_used_goes_back_whole),
        world_test(heap_that_was_used_goes_back_whole),
        world_test(page_source_is_asked_for_multiples_of_the_page),
        world_test(bytes_reserved_are_those_of_the_page_source),
        world_test(heaps_know_nothing_of_each_other),
        world_test(heap_may_move_from_thread_to_thread),
        world_test(objects_that_are_left_are_finalized_and_destroyed),
        world_test(objects_that_are_left_are_finalized_before_any_is_cleared),
        world_test(objects_already_finalized_are_destroyed_only),
        world_test(resurrection_does_not_stop_the_end_of_the_heap),
        world_test(objects_born_in_the_last_finalizers_are_finalized_and_have_no_heirs),
        world_test(allocation_in_the_last_destroy_is_refused),
        world_test(last_destroy_may_collect_and_look_around),
        world_test(last_destroy_may_drop_what_it_holds),
        world_test(leaks_are_reported_with_type_and_count),
        world_test(garbage_is_no_leak),
        world_test(heap_without_leaks_reports_nothing),
        world_test(leaks_are_not_reported_without_the_switch),
        world_test(trim_returns_empty_memory),
        world_test(trim_of_a_full_heap_returns_nothing),
        world_test(heap_works_after_a_trim),
        world_test(callbacks_may_trim),
        world_test(trim_inside_a_collection_does_nothing),
        world_test(memory_goes_back_at_collections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
