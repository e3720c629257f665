/* SPDX-License-Identifier: MIT */
/* The program is wrong, and is told so: the message names the type, the panic hook is called, and
 * when it returns the heap is still good for use. */

#include "../support.h"

#include <signal.h>
#include <sys/wait.h>

/* Births, deaths, a circle and a check: what a heap in use does. */
static void verify_usable(gc_heap *heap)
{
    uint64_t live = stats_of(heap).objects_live;
    struct node *list = NULL;
    for (int i = 0; i < 1000; i++) {
        struct node *node = node_new(heap);
        assert_int_equal(gc_refcount(node), 1);
        assert_null(node->left);
        node->left = list;
        list = node;
    }
    assert_sound(heap);
    gc_decref(list);
    drop_a_node_circle(heap);
    assert_int_equal(gc_collect(heap), 2);
    assert_sound(heap);
    assert_live(heap, live);
}

/* Counts
 * ====== */

static void second_decref_of_a_dead_object_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *keep = node_new(heap);
    struct actor *actor = actor_new(heap, 1);
    gc_decref(actor);
    gc_decref(actor);
    assert_int_equal(world->panics, 1);
    expect_panic(world, "actor");
    assert_story(world, "F1 D1 ");
    gc_decref(actor);
    expect_panic(world, "actor");
    assert_live(heap, 1);
    verify_usable(heap);
    gc_decref(keep);
}

/* The circle is borrowed from itself: nothing else holds it. */
static void pointer_that_is_borrowed_across_a_birth_is_caught_under_stress(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, &(gc_config){ .stress = 1 });
    struct node *keep = node_new(heap), *parent = node_new(heap), *child = node_new(heap);
    gc_set(&parent->left, child);
    gc_set_steal(&child->left, parent);
    gc_decref(child);
    struct leaf *leaf = leaf_new(heap, 1);
    gc_incref(child);
    expect_panic(world, "node");
    gc_decref(leaf);
    gc_decref(keep);
    assert_live(heap, 0);
}

static void second_decref_of_a_dead_leaf_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct leaf *leaf = leaf_new(heap, 1);
    gc_decref(leaf);
    gc_decref(leaf);
    expect_panic(world, "leaf");
    verify_usable(heap);
}

static void second_decref_of_a_dead_object_with_a_tail_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_new(heap, 10);
    gc_decref(tuple);
    gc_decref(tuple);
    expect_panic(world, "tuple");
    verify_usable(heap);
}

static void second_decref_of_a_dead_large_object_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_new(heap, 1000000);
    gc_decref(tuple);
    gc_decref(tuple);
    expect_panic(world, "tuple");
    verify_usable(heap);
}

static void second_decref_of_the_only_object_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(node);
    gc_decref(node);
    expect_panic(world, "node");
    verify_usable(heap);
}

static void drop_the_target(struct world *world, gc_weak *weak, unsigned id)
{
    (void)weak;
    (void)id;
    gc_decref(world->memo);
}

static void decref_of_an_object_in_a_callback_of_its_death_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_weak *weak = weak_with_callback(node, 1);
    world->memo = node;
    world->on_weak = drop_the_target;
    gc_decref(node);
    assert_int_equal(world->panics, 1);
    expect_panic(world, "is dying");
    gc_decref(weak);
    assert_live(heap, 0);
    verify_usable(heap);
}

static void decref_too_many_among_many_is_caught(void **state)
{
    enum { COUNT = 5000 };
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node **nodes = calloc(COUNT, sizeof(struct node *));
    assert_non_null(nodes);
    for (size_t i = 0; i < COUNT; i++) {
        nodes[i] = node_new(heap);
    }
    for (size_t i = 0; i < COUNT; i += 7) {
        gc_decref(nodes[i]);
    }
    for (size_t i = 0; i < COUNT; i += 7) {
        gc_decref(nodes[i]);
        expect_panic(world, "node");
    }
    for (size_t i = 0; i < COUNT; i++) {
        if (i % 7 != 0) {
            gc_decref(nodes[i]);
        }
    }
    assert_live(heap, 0);
    verify_usable(heap);
    free(nodes);
}

static void incref_of_a_dead_object_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *keep = node_new(heap);
    struct actor *actor = actor_new(heap, 1);
    gc_decref(actor);
    gc_incref(actor);
    expect_panic(world, "actor");
    gc_decref(actor);
    expect_panic(world, "actor");
    verify_usable(heap);
    gc_decref(keep);
}

static void collected_object_is_dead_too(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *keep = node_new(heap);
    struct node *node = node_new(heap);
    gc_set(&node->left, node);
    gc_decref(node);
    assert_int_equal(gc_collect(heap), 1);
    gc_decref(node);
    expect_panic(world, "node");
    gc_incref(node);
    expect_panic(world, "node");
    verify_usable(heap);
    gc_decref(keep);
}

static void decref_self(struct world *world, struct actor *actor)
{
    (void)world;
    gc_decref(actor);
}

/* The dying object's last reference is dropped once more by its own destroy. */
static void decref_of_self_in_destroy_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *keep = node_new(heap);
    world->on_destroy = decref_self;
    gc_decref(actor_new(heap, 1));
    expect_panic(world, "actor");
    assert_story(world, "F1 D1 ");
    assert_live(heap, 1);
    verify_usable(heap);
    gc_decref(keep);
}

static void keep_self(struct world *world, struct actor *actor)
{
    world->note = gc_newref(actor);
}

/* Nothing is freed that has a reference. */
static void destroy_that_keeps_self_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *keep = node_new(heap);
    world->on_destroy = keep_self;
    gc_decref(actor_new(heap, 1));
    expect_panic(world, "actor");
    assert_story(world, "F1 D1 ");
    world->on_destroy = NULL;
    assert_ptr_equal(gc_type_of(world->note), &actor_type);
    verify_usable(heap);
    gc_decref(world->note);
    verify_usable(heap);
    assert_story(world, "");
    gc_decref(keep);
    world->leftovers = true;
}

static void destroy_of_garbage_that_keeps_self_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *actor = actor_new(heap, 1);
    gc_set(&actor->left, actor);
    gc_decref(actor);
    world->on_destroy = keep_self;
    (void)gc_collect(heap);
    expect_panic(world, "actor");
    world->on_destroy = NULL;
    verify_usable(heap);
    assert_story(world, "F1 D1 ");
    world->leftovers = true;
}

static void free_the_heap(struct world *world, struct actor *actor)
{
    (void)actor;
    gc_heap_free(world->heap);
}

static void freeing_the_heap_in_a_callback_is_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = free_the_heap;
    world->on_destroy = free_the_heap;
    gc_decref(actor_new(heap, 1));
    assert_int_equal(world->panics, 2);
    expect_panic(world, "gc_heap_free");
    drop_an_actor_circle(heap, 2);
    assert_int_equal(gc_collect(heap), 2);
    assert_int_equal(world->panics, 4);
    expect_panic(world, "gc_heap_free");
    verify_usable(heap);
}

static void message_and_panic_are_the_same_text(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *keep = node_new(heap), *node = node_new(heap);
    gc_decref(node);
    gc_decref(node);
    assert_int_equal(world->panics, 1);
    assert_int_equal(world->messages, 1);
    assert_int_equal(strlen(world->message_text), strlen(world->panic_text) + 1);
    assert_memory_equal(world->message_text, world->panic_text, strlen(world->panic_text));
    assert_null(strchr(world->panic_text, '\n'));
    world->panics = 0;
    gc_decref(keep);
}

/* Without a panic hook, in a process of its own. */
static void panic_without_a_hook_aborts(void **state)
{
    int ends[2];
    char text[1024] = "";
    (void)state;
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        gc_heap *heap = gc_heap_new(NULL);
        struct node *node = heap != NULL ? gc_new(heap, &node_type) : NULL;
        if (node != NULL) {
            gc_decref(node);
            gc_decref(node);
        }
        _exit(0);
    }
    (void)close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0) {
        length += (size_t)got;
    }
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "node"));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

/* Traverse
 * ======== */

struct liar {
    gc_object object;
    struct node *child;
};

static bool lie;

static void liar_traverse(gc_object *self, gc_visitor *visitor)
{
    struct liar *liar = (void *)self;
    gc_visit(visitor, liar->child);
    if (lie) {
        gc_visit(visitor, liar->child);
    }
}

static void liar_clear(gc_object *self)
{
    gc_clear(&((struct liar *)(void *)self)->child);
}

static const gc_type liar_type = {
    .name = "liar",
    .size = sizeof(struct liar),
    .traverse = liar_traverse,
    .clear = liar_clear,
};

/* The liar holds the only reference of a node, and tells of two. */
static void verify_liar(struct world *world, size_t (*collect)(gc_heap *heap))
{
    gc_heap *heap = world_new_heap(world, NULL);
    struct liar *liar = gc_new(heap, &liar_type);
    assert_non_null(liar);
    liar->child = node_new(heap);
    liar->child->left = node_new(heap);
    lie = true;
    assert_int_equal(collect(heap), 0);
    lie = false;
    assert_int_not_equal(world->panics, 0);
    assert_true(strstr(world->panic_text, "node") != NULL ||
                strstr(world->panic_text, "liar") != NULL);
    expect_panic(world, "node");
    assert_non_null(liar->child);
    assert_non_null(liar->child->left);
    assert_int_equal(gc_refcount(liar->child), 1);
    assert_live(heap, 3);
    verify_usable(heap);
    gc_decref(liar);
    assert_live(heap, 0);
}

static size_t collect_young(gc_heap *heap)
{
    return gc_collect_generation(heap, 0);
}

static void traverse_that_visits_a_child_twice_is_caught(void **state)
{
    verify_liar(*state, gc_collect);
}

static void traverse_that_visits_a_child_twice_is_caught_in_a_young_collection(void **state)
{
    verify_liar(*state, collect_young);
}

/* Even in garbage nothing is freed by a lie: its count is not to be trusted. */
static void garbage_with_a_lie_in_it_does_no_harm(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct liar *liar = gc_new(heap, &liar_type);
    assert_non_null(liar);
    liar->child = node_new(heap);
    gc_set(&liar->child->left, liar);
    struct node *held = gc_newref(liar->child);
    gc_decref(liar);
    lie = true;
    (void)gc_collect(heap);
    lie = false;
    /* Two references to the node are counted, one of them held here, and two are told of. No one
     * can know better. */
    world->panics = 0;
    if (stats_of(heap).objects_live == 2) {
        assert_sound(heap);
        gc_decref(held);
        assert_int_equal(gc_collect(heap), 2);
    } else {
        gc_decref(held);
    }
    assert_sound(heap);
}

/* Foreign pointers
 * ================ */

static void referrers_of_a_foreign_object_are_refused(void **state)
{
    struct world *world = *state, *other = world_new();
    void *other_state = other;
    gc_heap *heap = world_new_heap(world, NULL), *elsewhere = world_new_heap(other, NULL);
    struct node *holder = node_new(elsewhere), *foreign = node_new(elsewhere);
    struct seen seen = { 0 };
    gc_set(&holder->left, foreign);
    assert_int_equal(gc_referrers(heap, foreign, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
    expect_panic(world, "gc_referrers");
    assert_int_equal(other->panics, 0);
    verify_usable(heap);
    gc_decref(holder);
    gc_decref(foreign);
    assert_int_equal(world_teardown(&other_state), 0);
}

static void referrers_of_what_is_no_object_are_refused(void **state)
{
    static struct node static_node = { .object = { 0, 0 } };
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *holder = node_new(heap);
    struct seen seen = { 0 };
    assert_int_equal(gc_referrers(heap, &static_node, seen_add, &seen), 0);
    assert_int_equal(seen.count, 0);
    expect_panic(world, "gc_referrers");
    verify_usable(heap);
    gc_decref(holder);
}

/* Page sources
 * ============ */

static bool misalign;

static void *map_misaligned(void *arg, size_t size, size_t align)
{
    char *block = pages_map(arg, size + 16, align < 4096 ? 4096 : align);
    return block == NULL ? NULL : misalign ? block + 16 : block;
}

static void unmap_misaligned(void *arg, void *block, size_t size)
{
    char *start = block;
    pages_unmap(arg, (uintptr_t)start % 4096 == 16 ? start - 16 : start, size + 16);
}

static void page_source_that_does_not_align_is_caught(void **state)
{
    struct world *world = *state;
    gc_config config = quiet();
    config.page_source = (gc_page_source){ map_misaligned, unmap_misaligned, &world->pages };
    misalign = false;
    gc_heap *heap = world_new_heap(world, &config);
    misalign = true;
    assert_null(gc_new(heap, &node_type));
    assert_int_equal(gc_last_error(heap), GC_ERR_NOMEM);
    expect_panic(world, "page source");
    misalign = false;
    verify_usable(heap);
}

/* External bytes
 * ============== */

static void external_bytes_below_zero_are_caught(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_external_add(heap, 100);
    gc_external_remove(heap, 101);
    assert_int_equal(world->panics, 1);
    assert_non_null(strstr(world->panic_text, "extern"));
    world->panics = 0;
    assert_true(stats_of(heap).bytes_external <= 100);
    verify_usable(heap);
    uint64_t left = stats_of(heap).bytes_external;
    gc_external_add(heap, 50);
    assert_int_equal(stats_of(heap).bytes_external, left + 50);
    gc_external_remove(heap, (size_t)left + 50);
    assert_int_equal(stats_of(heap).bytes_external, 0);
}

/* Types
 * ===== */

static void verify_malformed(struct world *world, const gc_type *type)
{
    gc_heap *heap = world_new_heap(world, NULL);
    void *object = type->item_size != 0 ? gc_new_var(heap, type, 2) : gc_new(heap, type);
    assert_null(object);
    assert_int_equal(gc_last_error(heap), GC_ERR_TYPE);
    expect_panic(world, type->name != NULL ? type->name : "name");
    assert_live(heap, 0);
    assert_int_equal(stats_of(heap).objects_born, 0);
    verify_usable(heap);
}

static void type_smaller_than_its_head_is_refused(void **state)
{
    static const gc_type type = { .name = "dwarf", .size = sizeof(gc_object) - 1 };
    verify_malformed(*state, &type);
}

static void type_of_no_size_is_refused(void **state)
{
    static const gc_type type = { .name = "ghost" };
    verify_malformed(*state, &type);
}

static void type_smaller_than_its_head_with_a_tail_is_refused(void **state)
{
    static const gc_type type = { .name = "dwarf", .size = 4, .item_size = 8 };
    verify_malformed(*state, &type);
}

static void type_with_an_odd_alignment_is_refused(void **state)
{
    static const gc_type type = { .name = "askew", .size = 16, .align = 3 };
    verify_malformed(*state, &type);
}

static void type_with_an_alignment_that_is_no_power_of_two_is_refused(void **state)
{
    static const gc_type type = { .name = "askew", .size = 48, .align = 24 };
    verify_malformed(*state, &type);
}

static void type_with_an_alignment_past_64_is_refused(void **state)
{
    static const gc_type type = { .name = "askew", .size = 128, .align = 128 };
    verify_malformed(*state, &type);
}

static void type_without_a_name_is_refused(void **state)
{
    static const gc_type type = { .size = 16 };
    verify_malformed(*state, &type);
}

static void type_with_flags_is_refused(void **state)
{
    static const gc_type type = { .name = "future", .size = 16, .flags = 1 };
    verify_malformed(*state, &type);
}

static void type_with_something_in_its_room_is_refused(void **state)
{
    static const gc_type type = { .name = "future", .size = 16, .room = { [4] = 1 } };
    verify_malformed(*state, &type);
}

OURO_DECLARE_REFS(beyond_refs, { sizeof(struct node), GC_FIELD_REF, 0, 0 });

static void type_with_a_reference_past_its_end_is_refused(void **state)
{
    static const gc_type type = { .name = "beyond",
                                  .size = sizeof(struct node),
                                  .refs = &beyond_refs };
    verify_malformed(*state, &type);
}

OURO_DECLARE_REFS(head_refs, { 0, GC_FIELD_REF, 0, 0 });

static void type_with_a_reference_in_its_head_is_refused(void **state)
{
    static const gc_type type = { .name = "headless",
                                  .size = sizeof(struct node),
                                  .refs = &head_refs };
    verify_malformed(*state, &type);
}

OURO_DECLARE_REFS(strange_refs, { sizeof(gc_object), 77, 0, 0 });

static void type_with_a_field_of_no_kind_is_refused(void **state)
{
    static const gc_type type = { .name = "strange",
                                  .size = sizeof(struct node),
                                  .refs = &strange_refs };
    verify_malformed(*state, &type);
}

OURO_DECLARE_REFS(tail_refs, { sizeof(gc_object), GC_FIELD_TAIL, 0, 0 });

static void type_with_a_tail_of_references_and_no_tail_is_refused(void **state)
{
    static const gc_type type = { .name = "tailless",
                                  .size = sizeof(struct node),
                                  .refs = &tail_refs };
    verify_malformed(*state, &type);
}

static void type_with_a_tail_of_references_of_another_size_is_refused(void **state)
{
    static const gc_type type = { .name = "misfit",
                                  .size = sizeof(gc_object),
                                  .item_size = sizeof(void *) + 4,
                                  .refs = &tail_refs };
    verify_malformed(*state, &type);
}

struct queue {
    gc_object object;
    struct node **items;
    uint32_t count;
};

OURO_DECLARE_REFS(queue_refs, { offsetof(struct queue, items), GC_FIELD_BUFFER, 3,
                                offsetof(struct queue, count) });

static void type_with_a_count_of_three_bytes_is_refused(void **state)
{
    static const gc_type type = { .name = "queue",
                                  .size = sizeof(struct queue),
                                  .refs = &queue_refs };
    verify_malformed(*state, &type);
}

OURO_DECLARE_REFS(outside_refs,
                  { offsetof(struct queue, items), GC_FIELD_BUFFER, 4, sizeof(struct queue) });

static void type_with_a_count_past_its_end_is_refused(void **state)
{
    static const gc_type type = { .name = "queue",
                                  .size = sizeof(struct queue),
                                  .refs = &outside_refs };
    verify_malformed(*state, &type);
}

static void new_var_of_a_type_without_a_tail_is_refused(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    assert_null(gc_new_var(heap, &node_type, 3));
    assert_int_equal(gc_last_error(heap), GC_ERR_TYPE);
    expect_panic(world, "node");
    assert_null(gc_new_var(heap, &node_type, 0));
    expect_panic(world, "node");
    verify_usable(heap);
}

static void new_var_of_a_known_type_without_a_tail_is_refused(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    assert_null(gc_new_var(heap, &node_type, 3));
    assert_int_equal(gc_last_error(heap), GC_ERR_TYPE);
    expect_panic(world, "node");
    verify_usable(heap);
    gc_decref(node);
}

static void new_of_a_type_with_a_tail_is_refused(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    assert_null(gc_new(heap, &tuple_type));
    assert_int_equal(gc_last_error(heap), GC_ERR_TYPE);
    expect_panic(world, "tuple");
    struct tuple *tuple = tuple_new(heap, 0);
    assert_null(gc_new(heap, &tuple_type));
    expect_panic(world, "tuple");
    verify_usable(heap);
    gc_decref(tuple);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(second_decref_of_a_dead_object_is_caught),
        world_test(pointer_that_is_borrowed_across_a_birth_is_caught_under_stress),
        world_test(second_decref_of_a_dead_leaf_is_caught),
        world_test(second_decref_of_a_dead_object_with_a_tail_is_caught),
        world_test(second_decref_of_a_dead_large_object_is_caught),
        world_test(second_decref_of_the_only_object_is_caught),
        world_test(decref_of_an_object_in_a_callback_of_its_death_is_caught),
        world_test(decref_too_many_among_many_is_caught),
        world_test(incref_of_a_dead_object_is_caught),
        world_test(collected_object_is_dead_too),
        world_test(decref_of_self_in_destroy_is_caught),
        world_test(destroy_that_keeps_self_is_caught),
        world_test(destroy_of_garbage_that_keeps_self_is_caught),
        world_test(freeing_the_heap_in_a_callback_is_caught),
        world_test(message_and_panic_are_the_same_text),
        world_test(panic_without_a_hook_aborts),
        world_test(traverse_that_visits_a_child_twice_is_caught),
        world_test(traverse_that_visits_a_child_twice_is_caught_in_a_young_collection),
        world_test(garbage_with_a_lie_in_it_does_no_harm),
        world_test(referrers_of_a_foreign_object_are_refused),
        world_test(referrers_of_what_is_no_object_are_refused),
        world_test(page_source_that_does_not_align_is_caught),
        world_test(external_bytes_below_zero_are_caught),
        world_test(type_smaller_than_its_head_is_refused),
        world_test(type_of_no_size_is_refused),
        world_test(type_smaller_than_its_head_with_a_tail_is_refused),
        world_test(type_with_an_odd_alignment_is_refused),
        world_test(type_with_an_alignment_that_is_no_power_of_two_is_refused),
        world_test(type_with_an_alignment_past_64_is_refused),
        world_test(type_without_a_name_is_refused),
        world_test(type_with_flags_is_refused),
        world_test(type_with_something_in_its_room_is_refused),
        world_test(type_with_a_reference_past_its_end_is_refused),
        world_test(type_with_a_reference_in_its_head_is_refused),
        world_test(type_with_a_field_of_no_kind_is_refused),
        world_test(type_with_a_tail_of_references_and_no_tail_is_refused),
        world_test(type_with_a_tail_of_references_of_another_size_is_refused),
        world_test(type_with_a_count_of_three_bytes_is_refused),
        world_test(type_with_a_count_past_its_end_is_refused),
        world_test(new_var_of_a_type_without_a_tail_is_refused),
        world_test(new_var_of_a_known_type_without_a_tail_is_refused),
        world_test(new_of_a_type_with_a_tail_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
