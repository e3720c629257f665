/* SPDX-License-Identifier: MIT */
#ifndef OURO_TESTS_SUPPORT_H
#define OURO_TESTS_SUPPORT_H

/* What the black-box tests share.
 *
 * Each test gets a world: a page source that counts, fails on request and hands out dirty memory;
 * hooks that record messages and panics; and a story, to which the callbacks of the types below
 * write what happens to their objects. The test asks its world for a heap. When the test is over,
 * the world verifies that the heap is sound, that nothing is left in it, that no panic went
 * unnoticed, and that every block went back to the page source.
 *
 * A callback must not leave ouro by longjmp, as a failed cmocka assertion does. It uses expect(),
 * and the world reports at the end. Include this header first: it chooses the POSIX version. */

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ouro.h"

/* The build says so when it collects everything at every birth, by the default of gc_config.stress.
 * Tests of exact moments set that to SIZE_MAX. */
#ifndef OURO_STRESS
#define OURO_STRESS 0
#endif

/* cmocka's own does not tell the compiler that it ends the test, which then warns of what a NULL would do. */
static inline void end_if_null(uintptr_t pointer, const char *text, const char *file, int line)
{
    if (pointer == 0) {
        _assert_true(0, text, file, line);
        abort();
    }
}
#undef assert_non_null
#define assert_non_null(pointer) end_if_null((uintptr_t)(pointer), #pointer, __FILE__, __LINE__)

/* Pages
 * ===== */

enum { PAGES_MAX = 4096 };

struct pages {
    size_t maps;       /* calls of map so far */
    size_t fail_at;    /* the call, counted from 0, that gets nothing; SIZE_MAX: none */
    bool fail_on;      /* and so do all that follow */
    bool failed;       /* a call got nothing */
    size_t blocks;     /* handed out now */
    size_t bytes;      /* in them */
    size_t mismatches; /* blocks handed back that were not handed out so, and impossible requests */
    struct {
        void *block;
        size_t size;
    } table[PAGES_MAX];
};

static inline void *pages_map(void *arg, size_t size, size_t align)
{
    struct pages *pages = arg;
    size_t call = pages->maps++;
    if (call == pages->fail_at || (pages->fail_on && call > pages->fail_at)) {
        pages->failed = true;
        return NULL;
    }
    if (size == 0 || align == 0 || (align & (align - 1)) != 0 || align > (size_t)4 << 20) {
        pages->mismatches++;
        return NULL;
    }
    if (pages->blocks == PAGES_MAX || size > SIZE_MAX / 4) {
        return NULL;
    }
    void *block = NULL;
    if (posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, size) != 0) {
        return NULL;
    }
    memset(block, 0xA5, size);
    pages->table[pages->blocks].block = block;
    pages->table[pages->blocks].size = size;
    pages->blocks++;
    pages->bytes += size;
    return block;
}

static inline void pages_unmap(void *arg, void *block, size_t size)
{
    struct pages *pages = arg;
    for (size_t i = 0; i < pages->blocks; i++) {
        if (pages->table[i].block == block && pages->table[i].size == size) {
            pages->table[i] = pages->table[--pages->blocks];
            pages->bytes -= size;
            free(block);
            return;
        }
    }
    pages->mismatches++;
}

/* The world
 * ========= */

struct actor;
struct leaf;

struct world {
    gc_heap *heap;
    struct pages pages;
    unsigned panics; /* that no expect_panic has seen */
    char panic_text[1024];
    unsigned messages;
    char message_text[8192]; /* a line a message */
    unsigned broken;         /* failed expectations in callbacks */
    bool leftovers;          /* the test means to leave objects in the heap */
    bool unsound;            /* the test leaves the heap in a state that gc_check must reject */

    char story
        [4096]; /* "F1 D1 ": actor 1 was finalized, then destroyed; "L2 ": leaf 2 was destroyed;
                 * "W3 ": weak reference 3 called back */
    unsigned finalized; /* actors and leaves in all, of any number */
    unsigned destroyed;
    void (*on_finalize)(struct world *world, struct actor *actor);
    void (*on_destroy)(struct world *world, struct actor *actor);
    void (*on_leaf)(struct world *world, struct leaf *leaf);          /* in its destroy */
    void (*on_weak)(struct world *world, gc_weak *weak, unsigned id); /* in its callback */
    void *note;                                                       /* for the test's own hooks */
    void *memo;
};

/* A condition inside a callback. */
#define expect(world, condition) expect_(world, condition, #condition, __FILE__, __LINE__)
static inline void expect_(struct world *world, bool condition, const char *text, const char *file,
                           int line)
{
    if (!condition) {
        world->broken++;
        (void)fprintf(stderr, "%s:%d: expected in a callback: %s\n", file, line, text);
    }
}

static inline struct world *world_of(const void *object)
{
    return gc_heap_user_data(gc_heap_of(object));
}

static inline void world_tell(struct world *world, char letter, unsigned id)
{
    size_t used = strlen(world->story);
    (void)snprintf(world->story + used, sizeof(world->story) - used, "%c%u ", letter, id);
}

/* What happened since the last time, as a text that the world keeps until then. */
static inline void assert_story(struct world *world, const char *story)
{
    assert_string_equal(world->story, story);
    world->story[0] = '\0';
}

static inline void world_message(gc_heap *heap, const char *text)
{
    struct world *world = gc_heap_user_data(heap);
    size_t used = strlen(world->message_text);
    (void)snprintf(world->message_text + used, sizeof(world->message_text) - used, "%s\n", text);
    world->messages++;
}

static inline void world_panic(gc_heap *heap, const char *text)
{
    struct world *world = gc_heap_user_data(heap);
    (void)snprintf(world->panic_text, sizeof(world->panic_text), "%s", text);
    world->panics++;
}

/* Panics came, at least one, and the last one names `word`. */
static inline void expect_panic(struct world *world, const char *word)
{
    assert_int_not_equal(world->panics, 0);
    if (strstr(world->panic_text, word) == NULL) {
        fail_msg("the panic does not name '%s': %s", word, world->panic_text);
    }
    assert_int_not_equal(world->messages, 0);
    assert_non_null(strstr(world->message_text, world->panic_text));
    world->message_text[0] = '\0';
    world->panics = 0;
}

/* A configuration that leaves collecting to the test. */
static inline gc_config quiet(void)
{
    gc_config config = { .disabled = true };
    return config;
}

/* The world's heap. NULL: quiet(). */
static inline gc_heap *world_heap(struct world *world, const gc_config *wanted)
{
    gc_config config = wanted != NULL ? *wanted : quiet();
    config.user_data = world;
    config.message = world_message;
    config.panic = world_panic;
    if (config.page_source.map == NULL) {
        config.page_source.map = pages_map;
        config.page_source.unmap = pages_unmap;
        config.page_source.arg = &world->pages;
    }
    world->heap = gc_heap_new(&config);
    return world->heap;
}

static inline gc_heap *world_new_heap(struct world *world, const gc_config *wanted)
{
    gc_heap *heap = world_heap(world, wanted);
    assert_non_null(heap);
    return heap;
}

/* Free the heap inside the test, with whatever is left in it. */
static inline void world_free_heap(struct world *world)
{
    gc_heap *heap = world->heap;
    gc_heap_free(heap);
    world->heap = NULL;
    assert_int_equal(world->pages.blocks, 0);
    assert_int_equal(world->pages.bytes, 0);
    assert_int_equal(world->pages.mismatches, 0);
}

static inline struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof(*world));
    if (world != NULL) {
        world->pages.fail_at = SIZE_MAX;
    }
    return world;
}

static inline int world_setup(void **state)
{
    *state = world_new();
    return *state != NULL ? 0 : -1;
}

static inline int world_teardown(void **state)
{
    struct world *world = *state;
    bool sound = true, empty = true, balanced;
    if (world->heap != NULL) {
        gc_stats stats;
        sound = world->unsound || gc_check(world->heap);
        (void)gc_collect(world->heap);
        sound = sound && (world->unsound || gc_check(world->heap));
        gc_get_stats(world->heap, &stats);
        empty = world->leftovers ||
                (stats.objects_live == 0 && stats.bytes_live == 0 &&
                 stats.generations[0].objects == 0 && stats.generations[1].objects == 0 &&
                 stats.objects_born == stats.objects_died);
        gc_heap_free(world->heap);
    }
    balanced = world->pages.blocks == 0 && world->pages.bytes == 0 && world->pages.mismatches == 0;
    unsigned panics = world->panics, broken = world->broken;
    if (panics != 0) {
        print_error("a panic that no test expected: %s\n", world->panic_text);
    }
    free(world);
    assert_true(sound);
    assert_true(empty);
    assert_true(balanced);
    assert_int_equal(panics, 0);
    assert_int_equal(broken, 0);
    return 0;
}

#define world_test(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

static inline gc_stats stats_of(gc_heap *heap)
{
    gc_stats stats;
    gc_get_stats(heap, &stats);
    return stats;
}

/* What holds of all statistics of pauses. */
static inline void assert_pauses_add_up(const gc_stats *stats)
{
    uint64_t count = 0, total = 0, most = 0;
    for (size_t i = 0; i <= GC_PHASES; i++) {
        const gc_pauses *pauses = i < GC_PHASES ? &stats->phases[i] : &stats->pauses;
        assert_true(pauses->ns_p50 <= pauses->ns_p99 && pauses->ns_p99 <= pauses->ns_p9999);
        assert_true(pauses->ns_p9999 <= pauses->ns_max && pauses->ns_max <= pauses->ns_total);
        assert_true(pauses->count > 0 || pauses->ns_total == 0);
        assert_true(pauses->count > 1 || pauses->ns_p50 == pauses->ns_max);
    }
    for (size_t i = 0; i < GC_PHASES; i++) {
        count += stats->phases[i].count;
        total += stats->phases[i].ns_total;
        most = stats->phases[i].ns_max > most ? stats->phases[i].ns_max : most;
    }
    assert_int_equal(stats->pauses.count, count);
    assert_int_equal(stats->pauses.ns_total, total);
    assert_int_equal(stats->pauses.ns_max, most);
    assert_int_equal(stats->pause_ns_total, total);
    assert_int_equal(stats->pause_ns_max, most);
}

#define assert_live(heap, count) assert_int_equal(stats_of(heap).objects_live, (count))
#define assert_sound(heap)       assert_true(gc_check(heap))

/* Types
 * ===== */

/* Two references and nothing else. */
struct node {
    gc_object object;
    struct node *left, *right;
};

static const gc_type node_type = {
    .name = "node",
    .size = sizeof(struct node),
    .refs = OURO_REFS(struct node, left, right),
};

/* A node that tells its story. */
struct actor {
    gc_object object;
    struct actor *left, *right;
    struct leaf *leaf;
    unsigned id;
};

static inline void actor_finalize(gc_object *self)
{
    struct actor *actor = (void *)self;
    struct world *world = world_of(self);
    world->finalized++;
    world_tell(world, 'F', actor->id);
    if (world->on_finalize != NULL) {
        world->on_finalize(world, actor);
    }
}

static inline void actor_destroy(gc_object *self)
{
    struct actor *actor = (void *)self;
    struct world *world = world_of(self);
    world->destroyed++;
    world_tell(world, 'D', actor->id);
    expect(world, actor->left == NULL && actor->right == NULL && actor->leaf == NULL);
    if (world->on_destroy != NULL) {
        world->on_destroy(world, actor);
    }
}

static const gc_type actor_type = {
    .name = "actor",
    .size = sizeof(struct actor),
    .refs = OURO_REFS(struct actor, left, right, leaf),
    .finalize = actor_finalize,
    .destroy = actor_destroy,
};

/* No references. */
struct leaf {
    gc_object object;
    unsigned id;
};

static inline void leaf_destroy(gc_object *self)
{
    struct leaf *leaf = (void *)self;
    struct world *world = world_of(self);
    world->destroyed++;
    world_tell(world, 'L', leaf->id);
    if (world->on_leaf != NULL) {
        world->on_leaf(world, leaf);
    }
}

static const gc_type leaf_type = {
    .name = "leaf",
    .size = sizeof(struct leaf),
    .destroy = leaf_destroy,
};

/* A node that no clear breaks. */
static inline void stubborn_node_traverse(gc_object *self, gc_visitor *visitor)
{
    struct node *node = (struct node *)(void *)self;
    gc_visit(visitor, node->left);
    gc_visit(visitor, node->right);
}
static const gc_type stubborn_node_type = {
    .name = "stubborn",
    .size = sizeof(struct node),
    .traverse = stubborn_node_traverse,
};

/* References in a tail. */
struct tuple {
    gc_object object;
    struct node *items[];
};

static const gc_type tuple_type = {
    .name = "tuple",
    .size = offsetof(struct tuple, items),
    .item_size = sizeof(struct node *),
    .refs = OURO_FIELDS(OURO_TAIL(struct tuple, items)),
};

/* Bytes in a tail. */
struct string {
    gc_object object;
    unsigned char bytes[];
};

static const gc_type string_type = {
    .name = "string",
    .size = offsetof(struct string, bytes),
    .item_size = 1,
};

static inline struct node *node_new(gc_heap *heap)
{
    struct node *node = gc_new(heap, &node_type);
    assert_non_null(node);
    return node;
}

static inline struct actor *actor_new(gc_heap *heap, unsigned id)
{
    struct actor *actor = gc_new(heap, &actor_type);
    assert_non_null(actor);
    actor->id = id;
    return actor;
}

static inline struct leaf *leaf_new(gc_heap *heap, unsigned id)
{
    struct leaf *leaf = gc_new(heap, &leaf_type);
    assert_non_null(leaf);
    leaf->id = id;
    return leaf;
}

static inline struct tuple *tuple_new(gc_heap *heap, size_t count)
{
    struct tuple *tuple = gc_new_var(heap, &tuple_type, count);
    assert_non_null(tuple);
    return tuple;
}

/* The callback of weak references and watchers that have a number. */
static inline void weak_called(gc_weak *weak, void *arg)
{
    struct world *world = world_of(weak);
    unsigned id = (unsigned)(uintptr_t)arg;
    expect(world, gc_weak_get(weak) == NULL);
    world_tell(world, 'W', id);
    if (world->on_weak != NULL) {
        world->on_weak(world, weak, id);
    }
}

static inline gc_weak *weak_with_callback(void *object, unsigned id)
{
    gc_weak *weak = gc_weak_new(object, weak_called, (void *)(uintptr_t)id);
    assert_non_null(weak);
    return weak;
}

static inline gc_weak *plain_weak(void *object)
{
    gc_weak *weak = gc_weak_new(object, NULL, NULL);
    assert_non_null(weak);
    return weak;
}

static inline gc_weak *watcher(void *object, unsigned id)
{
    gc_weak *weak = gc_watch(object, weak_called, (void *)(uintptr_t)id);
    assert_non_null(weak);
    return weak;
}

/* What a weak reference leads to, borrowed from whoever else holds it; NULL: it is dead. */
static inline void *weak_peek(gc_weak *weak)
{
    void *object = gc_weak_get(weak);
    gc_xdecref(object);
    return object;
}

/* Garbage: two nodes that hold each other and nobody else does. */
static inline void drop_a_node_circle(gc_heap *heap)
{
    struct node *a = node_new(heap), *b = node_new(heap);
    gc_set(&a->left, b);
    gc_set_steal(&b->left, a);
    gc_decref(b);
}

/* The same with actors `id` and `id + 1`. Returns the first, borrowed from the second. */
static inline struct actor *drop_an_actor_circle(gc_heap *heap, unsigned id)
{
    struct actor *a = actor_new(heap, id), *b = actor_new(heap, id + 1);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    gc_decref(b);
    gc_decref(a);
    return a;
}

/* Visitors
 * ======== */

enum { SEEN_MAX = 256 };

/* Collects what an enumeration visits. */
struct seen {
    size_t count;
    void *objects[SEEN_MAX];
};

static inline int seen_add(void *object, void *arg)
{
    struct seen *seen = arg;
    if (seen->count < SEEN_MAX) {
        seen->objects[seen->count] = object;
    }
    seen->count++;
    return 0;
}

static inline size_t seen_times(const struct seen *seen, const void *object)
{
    size_t times = 0;
    for (size_t i = 0; i < seen->count && i < SEEN_MAX; i++) {
        times += seen->objects[i] == object;
    }
    return times;
}

/* Scale
 * ===== */

/* How much of `count` a test may spend: OURO_TEST_SCALE percent of it, 100 without. Slow tools ask
 * for less, and so does a build that collects at every allocation. */
static inline size_t scaled(size_t count)
{
    const char *text = getenv("OURO_TEST_SCALE");
    double percent = text != NULL ? strtod(text, NULL) : 100.0;
    size_t result = (size_t)((double)count * percent / (OURO_STRESS ? 10000.0 : 100.0));
    return result > 0 ? result : 1;
}

/* A deep recursion dies on such a stack; 64 KiB, or what the system demands at least. */
static inline void run_on_a_small_stack(void *(*run)(void *arg), void *arg)
{
    size_t size = (size_t)64 << 10;
    long minimum = sysconf(_SC_THREAD_STACK_MIN);
    if (minimum > 0 && (size_t)minimum > size) {
        size = (size_t)minimum;
    }
    pthread_attr_t attributes;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, size), 0);
    assert_int_equal(pthread_create(&thread, &attributes, run, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_attr_destroy(&attributes), 0);
}

#endif
