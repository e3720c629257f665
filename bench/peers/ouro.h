/* SPDX-License-Identifier: MIT */
/* ouro: the public header and nothing else, a heap with the default configuration. */

#include "../bench.h"
#include <ouro.h>
#include <stdlib.h>

#ifndef OURO_BENCH_DISABLED
#define OURO_BENCH_DISABLED false
#endif
#define PEER_COUNTS   1
#define PEER_TRACES   1
#define PEER_COLLECTS 1
#define PEER_FREEZES  1

typedef struct node {
    gc_object object;
    struct node *left, *right;
} node;

typedef struct box {
    gc_object object;
    struct box *left, *right;
    uint64_t value[2];
} box;

typedef struct wide {
    gc_object object;
    struct wide *left, *right;
    uint64_t value[28];
} wide;

static const gc_type node_type = {
    .name = "node",
    .size = sizeof(node),
    .refs = OURO_REFS(node, left, right),
};
static const gc_type box_type = {
    .name = "box",
    .size = sizeof(box),
    .refs = OURO_REFS(box, left, right),
};

static const gc_type wide_type = {
    .name = "wide",
    .size = sizeof(wide),
    .refs = OURO_REFS(wide, left, right),
};

static gc_heap *heap;

static inline void peer_start(void)
{
    gc_config config = { .disabled = OURO_BENCH_DISABLED };
    heap = gc_heap_new(&config);
    if (heap == NULL) {
        bench_fail("no heap");
    }
}

/* gc_new is inline where the compiler knows the type; so are these, as they would not be written in a program. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

static ALWAYS_INLINE void *made(void *object)
{
    if (!OURO_LIKELY(object != NULL)) {
        bench_fail(gc_status_text(gc_last_error(heap)));
    }
    return object;
}

static ALWAYS_INLINE node *node_new(void)
{
    return made(gc_new(heap, &node_type));
}
static inline node *node_keep(node *self)
{
    return gc_newref(self);
}
static inline void node_drop(node *self)
{
    gc_decref(self);
}
static inline size_t node_count(const node *self)
{
    return gc_refcount(self);
}
static ALWAYS_INLINE box *box_new(void)
{
    return made(gc_new(heap, &box_type));
}
static inline void box_drop(box *self)
{
    gc_decref(self);
}

static ALWAYS_INLINE wide *wide_new(void)
{
    return made(gc_new(heap, &wide_type));
}
static inline wide *wide_keep(wide *self)
{
    return gc_newref(self);
}
static inline void wide_drop(wide *self)
{
    gc_decref(self);
}

static inline node **peer_array(size_t count)
{
    return bench_alloc(count, sizeof(node *));
}
static inline void peer_array_free(node **array)
{
    free(array);
}

static inline void peer_collect(void)
{
    gc_collect(heap);
}
static inline uint64_t peer_died(uint64_t made)
{
    (void)made;
    gc_stats stats;
    gc_get_stats(heap, &stats);
    return stats.objects_died;
}

static inline void peer_as_it_comes(void)
{
}
static inline void peer_pause(void)
{
    (void)gc_disable(heap);
}
static inline void peer_resume(void)
{
    (void)gc_enable(heap);
}
static inline void peer_freeze(void)
{
    (void)gc_freeze(heap);
}
static inline size_t peer_bytes(size_t size)
{
    (void)size;
    gc_stats stats;
    gc_get_stats(heap, &stats);
    return stats.bytes_live + stats.bytes_external;
}
