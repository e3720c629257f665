/* SPDX-License-Identifier: MIT */
/* The hot paths, for instructions.sh to count their instructions: each does the same thing so many
 * times, and what it needs for that before. The difference between a run and one of twice the times
 * is then of the repetitions alone.
 *
 *     bench-instructions                     lists: name, times
 *     bench-instructions NAME MULTIPLE       does it MULTIPLE times as often
 *
 * A time is one object, but for incref-decref, where it is the pair.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ouro.h>

#include "bench.h"

typedef struct node {
    gc_object object;
    struct node *left, *right;
} node;

typedef struct box {
    gc_object object;
    uint64_t value[4];
} box;

static const gc_type node_type = {
    .name = "node",
    .size = sizeof(node),
    .refs = OURO_REFS(node, left, right),
};
static const gc_type box_type = {
    .name = "box",
    .size = sizeof(box),
};

static void *made(void *object)
{
    if (object == NULL) {
        abort();
    }
    return object;
}

static void counts(gc_heap *heap, size_t times)
{
    node *self = made(gc_new(heap, &node_type));
    for (size_t i = 0; i < times; i++) {
        gc_incref(self);
        bench_clobber(self);
        gc_decref(self);
        bench_clobber(self);
    }
}

static void boxes(gc_heap *heap, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        gc_decref(made(gc_new(heap, &box_type)));
    }
}

static void nodes(gc_heap *heap, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        gc_decref(made(gc_new(heap, &node_type)));
    }
}

static void lists(gc_heap *heap, size_t times)
{
    for (size_t i = 0; i < times / 1000; i++) {
        node *list = NULL;
        for (size_t k = 0; k < 1000; k++) {
            node *self = made(gc_new(heap, &node_type));
            self->left = list;
            list = self;
        }
        gc_decref(list);
    }
}

static node *tree_new(gc_heap *heap, size_t depth)
{
    node *self = made(gc_new(heap, &node_type));
    if (depth > 1) {
        self->left = tree_new(heap, depth - 1);
        self->right = tree_new(heap, depth - 1);
    }
    return self;
}

static void trees(gc_heap *heap, size_t times)
{
    for (size_t i = 0; i < times / 1023; i++) {
        gc_decref(tree_new(heap, 10));
    }
}

/* Their collections of the young start by themselves. */
static void rings(gc_heap *heap, size_t times)
{
    for (size_t i = 0; i < times / 10; i++) {
        node *first = made(gc_new(heap, &node_type));
        node *last = first;
        for (size_t k = 1; k < 10; k++) {
            node *self = made(gc_new(heap, &node_type));
            self->right = gc_newref(last);
            last->left = self;
            last = self;
        }
        last->left = gc_newref(first);
        first->right = gc_newref(last);
        gc_decref(first);
    }
}

enum { GRAPH = 100000 };

/* Full collections of a graph that lives; the one before them makes it old. */
static void full(gc_heap *heap, size_t times)
{
    node **graph = made(calloc(GRAPH, sizeof(*graph)));
    for (size_t i = 0; i < GRAPH; i++) {
        graph[i] = made(gc_new(heap, &node_type));
    }
    uint32_t state = 1;
    for (size_t i = 0; i < GRAPH; i++) {
        graph[i]->left = gc_newref(graph[(i + 1) % GRAPH]);
        graph[i]->right = gc_newref(graph[bench_below(&state, GRAPH)]);
    }
    for (size_t i = 1; i < GRAPH; i++) {
        gc_decref(graph[i]);
    }
    gc_collect(heap);
    for (size_t i = 0; i < times / GRAPH; i++) {
        gc_collect(heap);
    }
}

static void profiled(gc_heap *heap, size_t times)
{
    if (gc_profile_start(heap, 1) != GC_OK) {
        abort();
    }
    nodes(heap, times);
}

static const struct {
    const char *name;
    void (*run)(gc_heap *heap, size_t times);
    size_t times;
} operations[] = {
    { "incref-decref", counts, 100000 },   { "new-drop-leaf", boxes, 100000 },
    { "new-drop-node", nodes, 100000 },    { "new-drop-profiled", profiled, 100000 },
    { "list-of-1000", lists, 100 * 1000 }, { "tree-of-1023", trees, 100 * 1023 },
    { "rings-of-10", rings, 400000 },      { "full-collection", full, 2 * GRAPH },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (argc < 3) {
            printf("%s %zu\n", operations[i].name, operations[i].times);
        } else if (strcmp(operations[i].name, argv[1]) == 0) {
            gc_heap *heap = made(gc_heap_new(NULL));
            operations[i].run(heap, operations[i].times * strtoull(argv[2], NULL, 10));
            return 0; /* what lives is not taken down */
        }
    }
    return argc < 3 ? 0 : 1;
}
