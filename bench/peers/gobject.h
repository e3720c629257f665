/* SPDX-License-Identifier: MIT */

/* As GLib recommends for a build that is not for debugging. */
#define G_DISABLE_ASSERT
#define G_DISABLE_CAST_CHECKS
#define G_DISABLE_CHECKS

#include "../bench.h"

#include <glib-object.h>
#include <stdlib.h>
#ifndef V_DISPOSE
#define V_DISPOSE 0
#endif
#ifndef V_CHAIN
#define V_CHAIN 1
#endif

#define PEER_COUNTS   1
#define PEER_TRACES   0
#define PEER_COLLECTS 0

typedef struct node {
    GObject object;
    struct node *left, *right;
} node;

typedef struct box {
    GObject object;
    struct box *left, *right;
    uint64_t value[2];
} box;

static GType node_type, box_type;
static GObjectClass *gobject_class; /* of GObject itself, whose finalize all others end with */

static void node_finalize(GObject *object)
{
    node *self = (node *)object;
    if (self->left != NULL) {
        g_object_unref(self->left);
    }
    if (self->right != NULL) {
        g_object_unref(self->right);
    }
    gobject_class->finalize(object);
}
static void node_dispose(GObject *object)
{
    node *self = (node *)object;
    g_clear_object(&self->left);
    g_clear_object(&self->right);
    gobject_class->dispose(object);
}
static void box_finalize(GObject *object)
{
    box *self = (box *)object;
    if (self->left != NULL) {
        g_object_unref(self->left);
    }
    if (self->right != NULL) {
        g_object_unref(self->right);
    }
    gobject_class->finalize(object);
}
static void node_class_init(gpointer type_class, gpointer data)
{
    (void)data;
    if (V_DISPOSE) ((GObjectClass *)type_class)->dispose = node_dispose; else
    ((GObjectClass *)type_class)->finalize = node_finalize;
}
static void box_class_init(gpointer type_class, gpointer data)
{
    (void)data;
    if (V_DISPOSE) ((GObjectClass *)type_class)->dispose = node_dispose; else
    ((GObjectClass *)type_class)->finalize = box_finalize;
}

static inline void peer_start(void)
{
    node_type = g_type_register_static_simple(
        G_TYPE_OBJECT, "BenchNode", sizeof(GObjectClass), node_class_init, sizeof(node), NULL, G_TYPE_FLAG_FINAL);
    box_type = g_type_register_static_simple(
        G_TYPE_OBJECT, "BenchBox", sizeof(GObjectClass), box_class_init, sizeof(box), NULL, G_TYPE_FLAG_FINAL);
    gobject_class = g_type_class_ref(G_TYPE_OBJECT);
#ifndef V_NOREF
    g_type_class_ref(node_type);
    g_type_class_ref(box_type);
#endif
}

static inline node *node_new(void)
{
#ifdef V_NEW
    return g_object_new(node_type, NULL);
#else
    return (node *)g_object_new_with_properties(node_type, 0, NULL, NULL);
#endif
}
static inline node *node_keep(node *self)
{
    return g_object_ref(self);
}
static inline void node_drop(node *self)
{
    g_object_unref(self);
}
static inline size_t node_count(const node *self)
{
    return self->object.ref_count;
}
static inline void node_free(node *self)
{
#ifdef V_PROTO
    if (self->left) { g_object_unref(self->left); self->left = NULL; }
    if (self->right) { g_object_unref(self->right); self->right = NULL; }
    g_object_unref(self);
#else
    self->left = NULL;
    self->right = NULL;
    for (size_t count = node_count(self); count > 0; count--) {
        g_object_unref(self);
    }
#endif
}

static inline box *box_new(void)
{
#ifdef V_NEW
    return g_object_new(box_type, NULL);
#else
    return (box *)g_object_new_with_properties(box_type, 0, NULL, NULL);
#endif
}
static inline void box_drop(box *self)
{
    g_object_unref(self);
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
