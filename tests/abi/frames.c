/* SPDX-License-Identifier: MIT */
/* The innermost call frame in a report is that of the program, whatever calls of ouro's, inline or not,
 * lie between it and the profiler. C and C++; frames.sh compiles it as programs are, with debug
 * information and with every kind of optimisation. Exit status 77: there is nothing to read it.
 */

#include "ouro.h"

#include <dlfcn.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

enum { FRAMES = 16 };

struct node {
    gc_object object;
    struct node *next;
};
struct text {
    gc_object object;
    char bytes[1];
};
struct numbers {
    gc_generator generator;
    struct node *last;
};

OURO_DECLARE_REFS(node_refs, OURO_REF(struct node, next));
static void node_finalize(gc_object *self);
#ifdef __cplusplus
static const gc_type node_type = [] {
    gc_type type = {};
    type.name = "node", type.size = sizeof(node), type.refs = &node_refs;
    type.finalize = node_finalize;
    return type;
}();
static const gc_type text_type = [] {
    gc_type type = {};
    type.name = "text", type.size = offsetof(text, bytes), type.item_size = 1;
    return type;
}();
#else
static const gc_type node_type = {
    .name = "node", .size = sizeof(struct node), .refs = &node_refs, .finalize = node_finalize
};
static const gc_type text_type = { .name = "text",
                                   .size = offsetof(struct text, bytes),
                                   .item_size = 1 };
#endif

/* The objects that must live until the report, and what that has to say of their calls. */
static void *kept[100];
static size_t kept_count;
static char expected[100][200];
static size_t expected_count;

/* Written after a call, so that it is not the function's last act, which might leave no frame. */
static volatile int after_call;

static void expect(const char *called, unsigned line, const char *function)
{
    (void)snprintf(expected[expected_count++], sizeof(expected[0]), "\n        %s %s:%u (%s)\n",
                   called, __FILE__, line, function);
}

static void keep(void *object)
{
    after_call = 1;
    if (object == NULL) {
        (void)fprintf(stderr, "no object\n");
        exit(1);
    }
    kept[kept_count++] = object;
}

/* Calls that have to be the innermost frame. */
#define FIRST() expect("in", __LINE__ + 1, __func__)

static struct node *finalized;
static NOINLINE void node_finalize(gc_object *self)
{
    if (self == (gc_object *)finalized) {
        gc_heap *heap = gc_heap_of(self);
        FIRST();
        keep(gc_new(heap, &node_type));
    }
}

static NOINLINE struct node *known_type(gc_heap *heap)
{
    FIRST();
    struct node *node = (struct node *)gc_new(heap, &node_type);
    after_call = 1;
    return node;
}

static NOINLINE void any_type(gc_heap *heap, const gc_type *type)
{
    FIRST();
    keep(gc_new(heap, type));
}

static inline void *helper(gc_heap *heap)
{
    FIRST();
    void *object = gc_new(heap, &node_type);
    after_call = 1;
    return object;
}

static NOINLINE void tail(gc_heap *heap)
{
    FIRST();
    keep(gc_new_var(heap, &text_type, 10));
}

static NOINLINE void longer_tail(gc_heap *heap)
{
    struct text *text = (struct text *)gc_new_var(heap, &text_type, 10);
    FIRST();
    gc_status status = gc_resize_var(&text, 1000);
    keep(status == GC_OK ? text : NULL);
}

static void ignore(gc_weak *weak, void *arg)
{
    (void)weak;
    (void)arg;
}

static NOINLINE void weak(struct node *node)
{
    FIRST();
    keep(gc_weak_new(node, NULL, NULL));
}

static NOINLINE void weak_with_callback(struct node *node)
{
    FIRST();
    keep(gc_weak_new(node, ignore, NULL));
}

static NOINLINE void watcher(struct node *node)
{
    FIRST();
    keep(gc_watch(node, ignore, NULL));
}

static NOINLINE void over_two_lines(struct node *node)
{
    /* clang-format off */
    FIRST();
    gc_weak *weak = gc_weak_new(node, ignore,
                                NULL);
    /* clang-format on */
    keep(weak);
}

static NOINLINE gc_weak_map *map_by_key(gc_heap *heap)
{
    FIRST();
    gc_weak_map *map = gc_weak_map_new(heap, GC_WEAK_KEYS);
    keep(map);
    return map;
}

static NOINLINE void map_entry(gc_weak_map *map, struct node *node)
{
    FIRST();
    gc_status status = gc_weak_map_set(map, node, 0, node);
    keep(status == GC_OK ? gc_newref(map) : NULL);
}

OURO_GENERATOR(numbers, last)
{
    OURO_BEGIN(self);
    FIRST();
    self->last = (struct node *)gc_new(gc_heap_of(self), &node_type);
    OURO_YIELD(self, gc_newref(self->last));
    OURO_END(self);
}

static void *same(void *item, void *arg)
{
    (void)arg;
    return gc_newref((struct node *)item);
}

static bool all(void *item, void *arg)
{
    (void)item;
    return arg == NULL;
}

static NOINLINE void stages(gc_heap *heap)
{
    gc_generator *stage = (gc_generator *)gc_new(heap, &numbers_type.type);
    FIRST();
    stage = gc_generator_map(stage, same, NULL);
    keep(gc_newref(stage));
    FIRST();
    stage = gc_generator_filter(stage, all, NULL);
    keep(gc_newref(stage));
    FIRST();
    stage = gc_generator_limit(stage, 10);
    keep(gc_newref(stage));
    FIRST();
    keep(gc_generator_chain(stage, gc_newref(stage)));
}

static NOINLINE void collected(gc_heap *heap)
{
    gc_generator *generator = (gc_generator *)gc_new(heap, &numbers_type.type);
    FIRST();
    keep(gc_generator_to_tuple(generator));
}

static NOINLINE void buffer(gc_heap *heap)
{
    FIRST();
    gc_profile_track(heap, &kept, 10, 1);
    after_call = 1;
}

/* What a death runs has frames of the program on both sides of those of ouro's. */
static NOINLINE void death(struct node **slot)
{
    finalized = *slot;
    expect("called from", __LINE__ + 1, __func__);
    gc_clear(slot);
    after_call = 1;
}

/* A birth takes no frame but those of the program: two are enough for a caller. */
static NOINLINE void caller(gc_heap *heap)
{
    expect("called from", __LINE__ + 1, __func__);
    keep(known_type(heap));
}

static char *report(gc_heap *heap, gc_group group)
{
    enum { SIZE = 1 << 20 };
    char *text = (char *)calloc(SIZE, 1);
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    FILE *file = tmpfile();
    if (text == NULL || snapshot == NULL || file == NULL ||
        gc_snapshot_print(snapshot, group, 1000, file) != 0) {
        exit(1);
    }
    rewind(file);
    (void)fread(text, 1, SIZE - 1, file);
    (void)fclose(file);
    gc_snapshot_free(snapshot);
    return text;
}

/* Compare a report with what it should have. Its innermost frames are those of this file. */
static bool is_right(gc_heap *heap)
{
    static const char in[] = "\n        in ";
    bool right = true;
    char *tracebacks = report(heap, GC_BY_TRACEBACK), *lines = report(heap, GC_BY_CUMULATIVE);
    for (size_t i = 0; i < expected_count; i++) {
        if (strstr(tracebacks, expected[i]) == NULL) {
            (void)fprintf(stderr, "missing:%s", expected[i]);
            right = false;
        }
    }
    for (const char *at = tracebacks; (at = strstr(at, in)) != NULL; at++) {
        const char *name = at + sizeof(in) - 1;
        if (strncmp(name, __FILE__ ":", sizeof(__FILE__)) != 0) {
            (void)fprintf(stderr, "innermost: %.*s\n", (int)strcspn(name, "\n"), name);
            right = false;
        }
    }
    if (strstr(tracebacks, "ouro.h") != NULL || strstr(lines, "ouro.h") != NULL) {
        (void)fprintf(stderr, "a frame of ouro.h is shown\n");
        right = false;
    }
    if (!right) {
        (void)fprintf(stderr, "%s%s", tracebacks, lines);
    }
    free(tracebacks);
    free(lines);
    return right;
}

static void release(void)
{
    while (kept_count > 0) {
        gc_decref(kept[--kept_count]);
    }
    expected_count = 0;
}

static bool is_right_with(unsigned frames, void (*work)(gc_heap *heap))
{
    gc_heap *heap = gc_heap_new(NULL);
    if (heap == NULL || gc_profile_start(heap, frames) != GC_OK) {
        exit(1);
    }
    work(heap);
    bool right = is_right(heap);
    release();
    gc_heap_free(heap);
    return right;
}

static void work_of_all_kinds(gc_heap *heap)
{
    struct node *node = known_type(heap), *mortal = known_type(heap);
    keep(node);
    any_type(heap, &node_type);
    keep(helper(heap));
    tail(heap);
    longer_tail(heap);
    weak(node);
    weak_with_callback(node);
    watcher(node);
    over_two_lines(node);
    map_entry(map_by_key(heap), node);
    stages(heap);
    collected(heap);
    buffer(heap);
    death(&mortal);
}

int main(void)
{
    void *library = dlopen("libdw.so.1", RTLD_LAZY);
    if (library == NULL) {
        return 77;
    }
    (void)dlclose(library);
    bool right = is_right_with(FRAMES, work_of_all_kinds);
    right = is_right_with(2, caller) && right;
    return right ? 0 : 1;
}
