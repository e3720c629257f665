/* SPDX-License-Identifier: MIT */
/* What a C programmer writes by hand: a count in the struct, and an allocator. The adapter that
 * includes this defines PEER_MALLOC(size) and PEER_FREE(block), and may define
 * how it counts. It collects nothing. */

#include "../bench.h"

#include <stdlib.h>

#define PEER_COUNTS   1
#define PEER_TRACES   0
#define PEER_COLLECTS 0

#ifndef PEER_COUNTER
#define PEER_COUNTER        size_t
#define PEER_INCREF(count)  (void)(++(count))
#define PEER_DECREF(count)  (--(count) == 0)
#define PEER_COUNTED(count) (count)
#endif

typedef struct node {
    PEER_COUNTER count;
    struct node *left, *right;
} node;

typedef struct box {
    PEER_COUNTER count;
    struct box *left, *right;
    uint64_t value[2];
} box;

static inline void peer_start(void)
{
}

static inline void *made(void *object)
{
    if (__builtin_expect(object == NULL, 0)) {
        bench_fail("no memory");
    }
    return object;
}

static inline node *node_new(void)
{
    node *self = made(PEER_MALLOC(sizeof(*self)));
    self->count = 1;
    self->left = NULL;
    self->right = NULL;
    return self;
}
static inline node *node_keep(node *self)
{
    PEER_INCREF(self->count);
    return self;
}
static inline void node_free(node *self)
{
    PEER_FREE(self);
}
static inline void node_end(node *self);
static inline void node_drop(node *self)
{
    if (PEER_DECREF(self->count)) {
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
    PEER_FREE(self);
}
static inline size_t node_count(const node *self)
{
    return PEER_COUNTED(self->count);
}

static inline box *box_new(void)
{
    box *self = made(PEER_MALLOC(sizeof(*self)));
    self->count = 1;
    self->left = NULL;
    self->right = NULL;
    self->value[0] = 0;
    self->value[1] = 0;
    return self;
}
static inline void box_end(box *self);
static inline void box_drop(box *self)
{
    if (PEER_DECREF(self->count)) {
        box_end(self);
    }
}
static inline void box_end(box *self)
{
    if (self->left != NULL) {
        box_drop(self->left);
    }
    if (self->right != NULL) {
        box_drop(self->right);
    }
    PEER_FREE(self);
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
}
static inline uint64_t peer_died(uint64_t made)
{
    return made;
}
