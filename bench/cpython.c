/* SPDX-License-Identifier: MIT */
/* CPython's adapter: a static type in C with two references, as its manual teaches (supporting
 * cyclic garbage collection), thresholds as they come, and no site module, so that hardly anything
 * but the workload's objects is alive. It does without the trashcan that a type with long chains
 * needs, which would only cost it time: no workload drops a long chain.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "bench.h"

#define LIBRARY "cpython"

typedef struct node {
    PyObject_HEAD struct node *left;
    struct node *right;
} node;

static uint64_t died;

static int node_traverse(PyObject *object, visitproc visit, void *arg)
{
    node *self = (node *)object;
    Py_VISIT(self->left);
    Py_VISIT(self->right);
    return 0;
}

static int node_clear(PyObject *object)
{
    node *self = (node *)object;
    Py_CLEAR(self->left);
    Py_CLEAR(self->right);
    return 0;
}

static void node_dealloc(PyObject *object)
{
    node *self = (node *)object;
    PyObject_GC_UnTrack(object);
    Py_XDECREF(self->left);
    Py_XDECREF(self->right);
    died++;
    PyObject_GC_Del(object);
}

static PyTypeObject node_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "bench.node",
    .tp_basicsize = sizeof(node),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = node_traverse,
    .tp_clear = node_clear,
    .tp_dealloc = node_dealloc,
};

static node *node_new(void)
{
    node *self = PyObject_GC_New(node, &node_type);
    if (self == NULL) {
        bench_fail("no memory");
    }
    self->left = NULL;
    self->right = NULL;
    PyObject_GC_Track((PyObject *)self);
    return self;
}

static node *node_newref(node *self)
{
    return (node *)Py_NewRef((PyObject *)self);
}

static void python_start(void)
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status) || PyType_Ready(&node_type) < 0) {
        bench_fail("Python does not start");
    }
    PyGC_Collect();
}

static void counts_one(size_t count)
{
    python_start();
    node *self = node_new();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        Py_INCREF(self);
        bench_clobber(self);
        Py_DECREF(self);
        bench_clobber(self);
    }
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(LIBRARY, BENCH_COUNTS_ONE, ns, count, (uint64_t)Py_REFCNT(self));
}

static void counts_many(size_t count)
{
    python_start();
    node *nodes[BENCH_MANY];
    for (size_t i = 0; i < BENCH_MANY; i++) {
        nodes[i] = node_new();
    }
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_MANY; i++) {
        for (size_t k = 0; k < BENCH_MANY; k++) {
            Py_INCREF(nodes[k]);
            bench_clobber(nodes[k]);
            Py_DECREF(nodes[k]);
            bench_clobber(nodes[k]);
        }
    }
    uint64_t ns = bench_now_ns() - start;
    uint64_t total = 0;
    for (size_t k = 0; k < BENCH_MANY; k++) {
        total += (uint64_t)Py_REFCNT(nodes[k]);
    }
    bench_report_ns(LIBRARY, BENCH_COUNTS_MANY, ns, count, total);
}

static void newdrop_one(size_t count)
{
    python_start();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        node *self = node_new();
        bench_clobber(self);
        Py_DECREF(self);
    }
    bench_report_ns(LIBRARY, BENCH_NEWDROP_ONE, bench_now_ns() - start, count, died);
}

static void newdrop_many(size_t count)
{
    python_start();
    node *nodes[BENCH_MANY];
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_MANY; i++) {
        for (size_t k = 0; k < BENCH_MANY; k++) {
            nodes[k] = node_new();
            bench_clobber(nodes[k]);
        }
        for (size_t k = 0; k < BENCH_MANY; k++) {
            Py_DECREF(nodes[k]);
        }
    }
    bench_report_ns(LIBRARY, BENCH_NEWDROP_MANY, bench_now_ns() - start, count, died);
}

static void rings(size_t count)
{
    python_start();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_RING; i++) {
        node *ring[BENCH_RING];
        for (size_t k = 0; k < BENCH_RING; k++) {
            ring[k] = node_new();
        }
        for (size_t k = 0; k < BENCH_RING; k++) {
            ring[k]->left = node_newref(ring[(k + 1) % BENCH_RING]);
            ring[k]->right = node_newref(ring[(k + BENCH_RING - 1) % BENCH_RING]);
        }
        for (size_t k = 0; k < BENCH_RING; k++) {
            Py_DECREF(ring[k]);
        }
    }
    PyGC_Collect();
    bench_report_ns(LIBRARY, BENCH_RINGS, bench_now_ns() - start, count, died);
}

static uint64_t graph_check(node **nodes, const struct bench_graph *graph)
{
    uint64_t check = 0;
    for (size_t i = 0; i < graph->count; i++) {
        if (nodes[i]->left == nodes[graph->next[i]] && nodes[i]->right == nodes[graph->other[i]]) {
            check += bench_graph_edge(i, graph->next[i], graph->other[i]);
        }
    }
    return check;
}

static void full(size_t count)
{
    struct bench_graph graph = bench_graph_new(count);
    node **nodes = bench_alloc(count, sizeof(*nodes));
    python_start();
    for (size_t i = 0; i < count; i++) {
        nodes[i] = node_new();
    }
    for (size_t i = 0; i < count; i++) {
        nodes[i]->left = node_newref(nodes[graph.next[i]]);
        nodes[i]->right = node_newref(nodes[graph.other[i]]);
    }
    /* From here on the first is held from outside and all the others by it. */
    for (size_t i = 1; i < count; i++) {
        Py_DECREF(nodes[i]);
    }
    uint64_t ns[3];
    uint64_t freed = 0;
    for (size_t i = 0; i < 3; i++) {
        uint64_t start = bench_now_ns();
        freed += (uint64_t)PyGC_Collect();
        ns[i] = bench_now_ns() - start;
    }
    uint64_t check = graph_check(nodes, &graph) + freed;
    bench_report_ns(LIBRARY, BENCH_FULL_FIRST, ns[0], count, check);
    bench_report_ns(LIBRARY, BENCH_FULL_LATER, ns[2], count, check);
}

static void bytes(size_t count)
{
    python_start();
    node *last = NULL;
    size_t before = bench_resident_bytes();
    for (size_t i = 0; i < count; i++) {
        node *self = node_new();
        self->left = last;
        last = self;
    }
    size_t after = bench_resident_bytes();
    uint64_t walked = 0;
    for (node *self = last; self != NULL; self = self->left) {
        walked++;
    }
    bench_report(LIBRARY, BENCH_BYTES, (double)(after - before) / (double)count, walked);
}

const struct bench_case bench_cases[] = {
    { "counts", counts_one },   { "counts", counts_many },
    { "newdrop", newdrop_one }, { "newdrop", newdrop_many },
    { "rings10", rings },       { "full10m", full },
    { "bytes", bytes },         { NULL, NULL },
};
