/* SPDX-License-Identifier: MIT */
/* GLib's GRcBox: a count, not atomic, in front of the memory that g_rc_box_new returns. The references inside are
 * set to NULL one by one, which takes X ns of newdrop less than g_rc_box_new0. It collects nothing. */

#include "../bench.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>

#define PEER_COUNTS   1
#define PEER_TRACES   0
#define PEER_COLLECTS 0

typedef struct node {
    struct node *left, *right;
} node;

typedef struct box {
    struct box *left, *right;
    uint64_t value[2];
} box;

/* Set when the last reference of a node is released, for those who cannot tell otherwise: a box
 * does not show its count. */
static bool grcbox_gone;

static inline void peer_start(void)
{
}

static inline void node_drop(node *self);
static void grcbox_end_node(void *ended)
{
    const node *self = ended;
    if (self->left != NULL) {
        node_drop(self->left);
    }
    if (self->right != NULL) {
        node_drop(self->right);
    }
}
static void grcbox_end_box(void *ended);
static void grcbox_note(void *ended)
{
    (void)ended;
    grcbox_gone = true;
}

static inline node *node_new(void)
{
#ifdef V_NEW0
    return g_rc_box_new0(node);
#endif
    node *self = g_rc_box_new(node);
    self->left = NULL;
    self->right = NULL;
    return self;
}
static inline node *node_keep(node *self)
{
    return g_rc_box_acquire(self);
}
static inline void node_drop(node *self)
{
    g_rc_box_release_full(self, grcbox_end_node);
}

/* How many releases the node takes until it is gone, without what it refers to. */
static inline size_t grcbox_release_all(node *self)
{
    size_t count = 0;
    for (grcbox_gone = false; !grcbox_gone; count++) {
        g_rc_box_release_full(self, grcbox_note);
    }
    return count;
}
static inline void node_free(node *self)
{
    grcbox_release_all(self);
}
/* The node is gone then, so workloads ask for this at their end. */
static inline size_t node_count(node *self)
{
    return grcbox_release_all(self);
}

static inline box *box_new(void)
{
#ifdef V_NEW0
    return g_rc_box_new0(box);
#endif
    box *self = g_rc_box_new(box);
    self->left = NULL;
    self->right = NULL;
    self->value[0] = 0;
    self->value[1] = 0;
    return self;
}
static inline void box_drop(box *self)
{
    g_rc_box_release_full(self, grcbox_end_box);
}
static void grcbox_end_box(void *ended)
{
    const box *self = ended;
    if (self->left != NULL) {
        box_drop(self->left);
    }
    if (self->right != NULL) {
        box_drop(self->right);
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
static inline void peer_collect(void)
{
}
static inline uint64_t peer_died(uint64_t made)
{
    return made;
}
