/* SPDX-License-Identifier: MIT */
/* GLib's boxes with a count that is not atomic, in front of memory from malloc. They collect
 * nothing. The references are set to NULL one by one: g_rc_box_new0 does it by calloc, for which
 * newdrop takes 15 ns instead of 12 and trees as long. The shared library takes 1.6 ns more of
 * counts. */

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

static inline void peer_start(void)
{
}

static void node_end(void *ended);

static inline node *node_new(void)
{
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
    g_rc_box_release_full(self, node_end);
}
static void node_end(void *ended)
{
    const node *self = ended;
    if (self->left != NULL) {
        node_drop(self->left);
    }
    if (self->right != NULL) {
        node_drop(self->right);
    }
}

/* Whether the release that it was passed to was the last one: a box does not show its count. */
static bool grcbox_gone;

static void grcbox_note(void *ended)
{
    (void)ended;
    grcbox_gone = true;
}
/* Release the node until it is gone, without touching what it refers to. Returns how often. */
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
    (void)grcbox_release_all(self);
}
/* It ends the node, which no workload uses after it has asked. */
static inline size_t node_count(node *self)
{
    return grcbox_release_all(self);
}

static void box_end(void *ended);

static inline box *box_new(void)
{
    box *self = g_rc_box_new(box);
    self->left = NULL;
    self->right = NULL;
    self->value[0] = 0;
    self->value[1] = 0;
    return self;
}
static inline void box_drop(box *self)
{
    g_rc_box_release_full(self, box_end);
}
static void box_end(void *ended)
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
