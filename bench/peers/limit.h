/* SPDX-License-Identifier: MIT */
/* The limit: what any counter and any allocator has to store, and nothing else. Objects come from a
 * bare free list, of which there is enough from the start; a full collection is a bare loop that
 * counts the references inside and one that marks from what has others, both behind a queue of
 * prefetches, over objects of the smallest size, and frees nothing. */

#include "../bench.h"

#include <stdlib.h>
#include <sys/mman.h>

#ifndef LIMIT_HUGE
#define LIMIT_HUGE 0
#endif
#define PEER_COUNTS   1
#define PEER_TRACES   1
#define PEER_COLLECTS 0

typedef struct node {
    uint32_t count;
    uint32_t scratch; /* references inside; LIMIT_MARKED */
    struct node *left, *right;
} node;

typedef struct box {
    uint32_t count;
    uint32_t scratch;
    struct box *left, *right;
    uint64_t value[2];
} box;

#define LIMIT_MARKED UINT32_MAX
#define LIMIT_ROOM   ((size_t)512 << 20) /* of each kind; what is not touched is not there */

static node *limit_nodes, *limit_free_nodes;
static box *limit_free_boxes;

static inline char *limit_map(void)
{
    char *room = mmap(NULL, LIMIT_ROOM, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        bench_fail("no memory");
    }
    (void)madvise(room, LIMIT_ROOM, LIMIT_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return room;
}

/* A free list whose last element, still untouched memory, is followed by its neighbour. */
static inline void peer_start(void)
{
    limit_nodes = limit_free_nodes = (node *)(void *)limit_map();
    limit_free_boxes = (box *)(void *)limit_map();
}

static inline node *node_new(void)
{
    node *self = limit_free_nodes;
    limit_free_nodes = self->left == NULL ? self + 1 : self->left;
    self->count = 1;
    self->scratch = 0;
    self->left = NULL;
    self->right = NULL;
    return self;
}
static inline node *node_keep(node *self)
{
    self->count++;
    return self;
}
static inline void node_free(node *self)
{
    self->left = limit_free_nodes;
    limit_free_nodes = self;
}
static inline void node_end(node *self);
static inline void node_drop(node *self)
{
    if (--self->count == 0) {
        node_end(self);
    }
}
static inline void node_end(node *self)
{
    if (self->left != NULL) {
        node_drop(self->left);
    }
    if (self->right != NULL) {
        node_drop(self->right);
    }
    node_free(self);
}
static inline size_t node_count(const node *self)
{
    return self->count;
}

static inline box *box_new(void)
{
    box *self = limit_free_boxes;
    limit_free_boxes = self->left == NULL ? self + 1 : self->left;
    self->count = 1;
    self->scratch = 0;
    self->left = NULL;
    self->right = NULL;
    self->value[0] = 0;
    self->value[1] = 0;
    return self;
}
static inline void box_drop(box *self)
{
    if (--self->count == 0) {
        self->left = limit_free_boxes;
        limit_free_boxes = self;
    }
}

static inline node **peer_array(size_t count)
{
    return bench_alloc(count, sizeof(node *));
}
static inline void peer_array_free(node **array)
{
    free(array);
}

/* The last so many references that were prefetched. */
enum { LIMIT_QUEUE = 64 };

static inline void limit_count(node **queue, size_t *at, node *child)
{
    if (child == NULL) {
        return;
    }
    __builtin_prefetch(child, 1);
    node *ready = queue[*at % LIMIT_QUEUE];
    queue[(*at)++ % LIMIT_QUEUE] = child;
    if (ready != NULL) {
        ready->scratch++;
    }
}

static inline void limit_push(node **stack, size_t *top, node *self)
{
    if (self != NULL && self->scratch != LIMIT_MARKED) {
        self->scratch = LIMIT_MARKED;
        stack[(*top)++] = self;
    }
}

/* Mark what the queue holds and what follows from it. */
static inline void limit_mark(node **queue, node **stack, size_t top)
{
    size_t at = 0, waiting = 0;
    while (top > 0 || waiting > 0) {
        if (top > 0 && waiting < LIMIT_QUEUE - 2) {
            const node *self = stack[--top];
            node *children[] = { self->left, self->right };
            for (size_t i = 0; i < 2; i++) {
                if (children[i] != NULL) {
                    __builtin_prefetch(children[i], 1);
                    queue[(at + waiting++) % LIMIT_QUEUE] = children[i];
                }
            }
        } else {
            limit_push(stack, &top, queue[at++ % LIMIT_QUEUE]);
            waiting--;
        }
    }
}

static inline void peer_collect(void)
{
    node *queue[LIMIT_QUEUE] = { NULL };
    const node *end = limit_free_nodes;
    size_t at = 0, top = 0;
    for (node *self = limit_nodes; self < end; self++) {
        self->scratch = 0;
    }
    for (const node *self = limit_nodes; self < end; self++) {
        limit_count(queue, &at, self->left);
        limit_count(queue, &at, self->right);
    }
    for (size_t i = 0; i < LIMIT_QUEUE; i++) {
        if (queue[i] != NULL) {
            queue[i]->scratch++;
        }
    }
    node **stack = bench_alloc((size_t)(end - limit_nodes), sizeof(*stack));
    for (node *self = limit_nodes; self < end; self++) {
        if (self->scratch != LIMIT_MARKED && self->count != self->scratch) {
            limit_push(stack, &top, self);
            limit_mark(queue, stack, top);
            top = 0;
        }
    }
    free(stack);
}
static inline uint64_t peer_died(uint64_t made)
{
    return made;
}
