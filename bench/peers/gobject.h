/* SPDX-License-Identifier: MIT */
/* GObject: final, static types without properties, so that g_object_new takes its shortest way. The
 * references are dropped in dispose, as its manual teaches. Its counts are atomic, and it collects
 * nothing.
 *
 * With 2.74 the rest hardly matters (nanoseconds of newdrop, then trees):
 *
 *     this                                        213    219
 *     finalize instead of dispose                 216    222
 *     g_object_new_with_properties, with none     216    222
 *     malloc instead of slices                    216    225    but 48 bytes a node, not 57
 *     the shared libraries                        217    226
 */

/* As the manual of GLib recommends for what is released. */
#define G_DISABLE_ASSERT
#define G_DISABLE_CAST_CHECKS
#define G_DISABLE_CHECKS

#include "../bench.h"

#include <glib-object.h>
#include <stdlib.h>

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
static GObjectClass *gobject_class; /* the parent's */

static void node_dispose(GObject *object)
{
    node *self = (node *)object;
    g_clear_object(&self->left);
    g_clear_object(&self->right);
    gobject_class->dispose(object);
}
static void node_class_init(gpointer node_class, gpointer data)
{
    (void)data;
    ((GObjectClass *)node_class)->dispose = node_dispose;
}

static void box_dispose(GObject *object)
{
    box *self = (box *)object;
    g_clear_object(&self->left);
    g_clear_object(&self->right);
    gobject_class->dispose(object);
}
static void box_class_init(gpointer box_class, gpointer data)
{
    (void)data;
    ((GObjectClass *)box_class)->dispose = box_dispose;
}

static inline void peer_start(void)
{
    node_type =
        g_type_register_static_simple(G_TYPE_OBJECT, "BenchNode", sizeof(GObjectClass),
                                      node_class_init, sizeof(node), NULL, G_TYPE_FLAG_FINAL);
    box_type = g_type_register_static_simple(G_TYPE_OBJECT, "BenchBox", sizeof(GObjectClass),
                                             box_class_init, sizeof(box), NULL, G_TYPE_FLAG_FINAL);
    gobject_class = g_type_class_ref(G_TYPE_OBJECT);
}

static inline node *node_new(void)
{
    return g_object_new(node_type, NULL);
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
/* As often as the node has references, and without touching what it refers to. */
static inline void node_free(node *self)
{
    self->left = NULL;
    self->right = NULL;
    for (size_t count = node_count(self); count > 0; count--) {
        g_object_unref(self);
    }
}

static inline box *box_new(void)
{
    return g_object_new(box_type, NULL);
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
