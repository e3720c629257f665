/* SPDX-License-Identifier: MIT */
/* Boehm's collector, which finds what is reachable and keeps no counts: node_keep and the drops do
 * nothing, and a node is its two references. Its best was found by trying 8.2.2 (nanoseconds of
 * newdrop, replace, trees and rings10):
 *
 *     what stands here                                         3.7    39    5.1    2.9
 *     the free space divisor as it comes, 3                    5.7    50    7.9    3.9
 *     so too, and GC_FREE of what is dropped                   8.0    96    7.8     17
 *     so too, and GC_MALLOC instead of GC_malloc_many          7.1    75   10.9    5.8
 *     so too, and GC_MALLOC_WORDS of gc_inline.h               7.6    68   11.1    6.3
 *     so too, and GC_MALLOC_EXPLICITLY_TYPED: a word more     11.3   129   15.7   10.4
 *     GC_INIT and GC_MALLOC, all settings as they come        12.4    98   12.9   10.6
 *
 * So boxes and nodes come from the lists that GC_malloc_many returns, a page's free ones each; only
 * pointers to the start of an object count, except from the stack, and two references take 16 bytes
 * instead of 32; and the divisor is 1, for which the heap grows rather than be collected: the peak
 * of trees is 37 MB instead of 30. `trash`, which is about memory, has the default of 3. Neither increments nor marker threads, which is its default in a
 * program with one thread. */

#include "../bench.h"

#include <gc/gc.h>
#include <gc/gc_mark.h>
#include <string.h>

#define PEER_COUNTS   0
#define PEER_TRACES   1
#define PEER_COLLECTS 1
#define PEER_FREEZES  0

typedef struct node {
    struct node *left, *right;
} node;

typedef struct box {
    struct box *left, *right;
    uint64_t value[2];
} box;

typedef struct wide {
    struct wide *left, *right;
    uint64_t value[28];
} wide;

/* What is left of the last lists; the collector finds it here. */
static void *boehm_nodes, *boehm_boxes, *boehm_wides;

static inline void *made(void *memory)
{
    if (__builtin_expect(memory == NULL, 0)) {
        bench_fail("no memory");
    }
    return memory;
}

static inline void peer_start(void)
{
    GC_set_all_interior_pointers(0);
    GC_INIT();
    GC_set_free_space_divisor(1);
}

/* The first of a list of objects that are zero but for the link to the next. */
static inline void *boehm_take(void **list, size_t size)
{
    if (__builtin_expect(*list == NULL, 0)) {
        *list = made(GC_malloc_many(size));
    }
    void *taken = *list;
    *list = GC_NEXT(taken);
    GC_NEXT(taken) = NULL;
    return taken;
}

static inline node *node_new(void)
{
    return boehm_take(&boehm_nodes, sizeof(node));
}
static inline node *node_keep(node *self)
{
    return self;
}
static inline void node_drop(node *self)
{
    (void)self;
}
static inline size_t node_count(const node *self)
{
    (void)self;
    return 1;
}

static inline box *box_new(void)
{
    return boehm_take(&boehm_boxes, sizeof(box));
}
static inline void box_drop(box *self)
{
    (void)self;
}

static inline wide *wide_new(void)
{
    return boehm_take(&boehm_wides, sizeof(wide));
}
static inline wide *wide_keep(wide *self)
{
    return self;
}
static inline void wide_drop(wide *self)
{
    (void)self;
}

/* Uncollectable memory is a root: it is looked into, and stays until it is freed. */
static inline node **peer_array(size_t count)
{
    return made(GC_MALLOC_UNCOLLECTABLE(count * sizeof(node *)));
}
static inline void peer_array_free(node **array)
{
    GC_FREE(array);
}

/* Clear what calls that are over left below the end of the stack: the frames of the collector will
 * lie there, in part never written to, and it looks into them. One pointer keeps a whole circle
 * alive. GC_clear_stack does this in some of its calls only. */
__attribute__((noinline)) static void boehm_clear_stack(void)
{
    void *stale[4096];
    memset(stale, 0, sizeof(stale));
    bench_clobber(stale);
}

static inline void peer_collect(void)
{
    boehm_clear_stack();
    GC_gcollect();
}

static inline void GC_CALLBACK boehm_count_node(void *object, size_t size, void *alive)
{
    (void)object;
    *(size_t *)alive += size == sizeof(node);
}
static inline void *GC_CALLBACK boehm_count_nodes(void *alive)
{
    GC_enumerate_reachable_objects_inner(boehm_count_node, alive);
    return NULL;
}

/* All that were made, provided that the last collection marked hardly anything of their size: what
 * is on the free lists is marked too, and a last ring or two may still be seen from the stack. */
static inline uint64_t peer_died(uint64_t made)
{
    size_t alive = 0;
    GC_call_with_alloc_lock(boehm_count_nodes, &alive);
    return alive < made / 100 + 2048 ? made : 0;
}

static inline void peer_as_it_comes(void)
{
    GC_set_free_space_divisor(3);
}
static inline void peer_pause(void)
{
    GC_disable();
}
static inline void peer_resume(void)
{
    GC_enable();
}
static inline void peer_freeze(void)
{
}

/* The heap less its free blocks. Free slots of blocks in use count as used; but they are taken before
 * another block is, so that the peak is that of objects. */
static inline size_t peer_bytes(size_t size)
{
    (void)size;
    return GC_get_heap_size() - GC_get_free_bytes();
}
