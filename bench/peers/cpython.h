/* SPDX-License-Identifier: MIT */
/* CPython: its objects and its collector through the C API, without a line of bytecode. The types
 * are what its manual teaches under "supporting cyclic garbage collection"; thresholds are as they
 * come, and no site module is imported, so that hardly anything but the workload's objects
 * is alive.
 *
 * What else the API offers was tried with 3.11 (nanoseconds of newdrop, then trees):
 *
 *     static types, PyObject_GC_New, PyObject_GC_Del     8.1    34
 *     types from PyType_FromSpec                         8.9    49   each object counts on its type
 *     PyType_GenericAlloc                               10.2    37   clears all, then sets
 *     the trashcan, against deep recursion              11.5    39
 *     the shared library                                12.0    37
 *     a free list of our own before all that             4.2    34
 *
 * The first is what stands here. The trashcan is for long chains, and no workload drops one: six
 * million nodes die as garbage on a stack of 8 MB. The free list is not Python's, and any peer
 * could have one. From 3.12 on a collection that is due waits for the next bytecode or
 * PyErr_CheckSignals, which would have to be called here. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../bench.h"

#include <stdlib.h>

#define PEER_COUNTS   1
#define PEER_TRACES   1
#define PEER_COLLECTS 1
#define PEER_FREEZES  1

typedef struct node {
    PyObject object;
    struct node *left, *right;
} node;

typedef struct box {
    PyObject object;
    struct box *left, *right;
    uint64_t value[2];
} box;

typedef struct wide {
    PyObject object;
    struct wide *left, *right;
    uint64_t value[28];
} wide;

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
    PyObject_GC_Del(object);
}

static int box_traverse(PyObject *object, visitproc visit, void *arg)
{
    box *self = (box *)object;
    Py_VISIT(self->left);
    Py_VISIT(self->right);
    return 0;
}
static int box_clear(PyObject *object)
{
    box *self = (box *)object;
    Py_CLEAR(self->left);
    Py_CLEAR(self->right);
    return 0;
}
static void box_dealloc(PyObject *object)
{
    box *self = (box *)object;
    PyObject_GC_UnTrack(object);
    Py_XDECREF(self->left);
    Py_XDECREF(self->right);
    PyObject_GC_Del(object);
}

static int wide_traverse(PyObject *object, visitproc visit, void *arg)
{
    wide *self = (wide *)object;
    Py_VISIT(self->left);
    Py_VISIT(self->right);
    return 0;
}
static int wide_clear(PyObject *object)
{
    wide *self = (wide *)object;
    Py_CLEAR(self->left);
    Py_CLEAR(self->right);
    return 0;
}
static void wide_dealloc(PyObject *object)
{
    wide *self = (wide *)object;
    PyObject_GC_UnTrack(object);
    Py_XDECREF(self->left);
    Py_XDECREF(self->right);
    PyObject_GC_Del(object);
}

/* clang-format off: the first macro brings its own comma. */
static PyTypeObject node_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "bench.node",
    .tp_basicsize = sizeof(node),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = node_traverse,
    .tp_clear = node_clear,
    .tp_dealloc = node_dealloc,
};
static PyTypeObject box_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "bench.box",
    .tp_basicsize = sizeof(box),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = box_traverse,
    .tp_clear = box_clear,
    .tp_dealloc = box_dealloc,
};
static PyTypeObject wide_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "bench.wide",
    .tp_basicsize = sizeof(wide),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = wide_traverse,
    .tp_clear = wide_clear,
    .tp_dealloc = wide_dealloc,
};
/* clang-format on */

/* What peer_died counts from: the garbage of starting up. */
static uint64_t python_collected_before;

static inline void *made(void *object)
{
    if (__builtin_expect(object == NULL, 0)) {
        bench_fail("Python raises an exception");
    }
    return object;
}

/* How many objects the collections of all generations found unreachable, as gc.get_stats says. */
static inline uint64_t python_collected(void)
{
    PyObject *module = made(PyImport_ImportModule("gc"));
    PyObject *generations = made(PyObject_CallMethod(module, "get_stats", NULL));
    uint64_t collected = 0;
    for (Py_ssize_t i = 0; i < PyList_Size(generations); i++) {
        PyObject *stats = PyList_GetItem(generations, i);
        collected += PyLong_AsUnsignedLongLong(made(PyDict_GetItemString(stats, "collected")));
    }
    Py_DECREF(generations);
    Py_DECREF(module);
    return collected;
}

static inline void peer_start(void)
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status) || PyType_Ready(&node_type) < 0 || PyType_Ready(&box_type) < 0 ||
        PyType_Ready(&wide_type) < 0) {
        bench_fail("Python does not start");
    }
    PyGC_Collect();
    python_collected_before = python_collected();
}

static inline node *node_new(void)
{
    node *self = made(PyObject_GC_New(node, &node_type));
    self->left = NULL;
    self->right = NULL;
    PyObject_GC_Track(self);
    return self;
}
static inline node *node_keep(node *self)
{
    Py_INCREF(&self->object);
    return self;
}
static inline void node_drop(node *self)
{
    Py_DECREF(&self->object);
}
static inline size_t node_count(node *self)
{
    return (size_t)Py_REFCNT(&self->object);
}

static inline box *box_new(void)
{
    box *self = made(PyObject_GC_New(box, &box_type));
    self->left = NULL;
    self->right = NULL;
    self->value[0] = 0;
    self->value[1] = 0;
    PyObject_GC_Track(self);
    return self;
}
static inline void box_drop(box *self)
{
    Py_DECREF(&self->object);
}

static inline wide *wide_new(void)
{
    wide *self = made(PyObject_GC_New(wide, &wide_type));
    self->left = NULL;
    self->right = NULL;
    PyObject_GC_Track(self);
    return self;
}
static inline wide *wide_keep(wide *self)
{
    Py_INCREF(&self->object);
    return self;
}
static inline void wide_drop(wide *self)
{
    Py_DECREF(&self->object);
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
    PyGC_Collect();
}

/* Python keeps no books of objects whose count comes to nothing. Where this is asked, all that
 * should be gone was in circles. */
static inline uint64_t peer_died(uint64_t made)
{
    (void)made;
    return python_collected() - python_collected_before;
}

static inline void peer_as_it_comes(void)
{
}
static inline void peer_pause(void)
{
    PyGC_Disable();
}
static inline void peer_resume(void)
{
    PyGC_Enable();
}
static inline void peer_freeze(void)
{
    PyObject *module = made(PyImport_ImportModule("gc"));
    Py_DECREF(made(PyObject_CallMethod(module, "freeze", NULL)));
    Py_DECREF(module);
}

/* By sys.getallocatedblocks. A block has the two words of the collector, too. */
static inline size_t peer_bytes(size_t size)
{
    PyObject *count = made(PyObject_CallNoArgs(PySys_GetObject("getallocatedblocks")));
    size_t blocks = PyLong_AsSize_t(count);
    Py_DECREF(count);
    return blocks * (size + 2 * sizeof(void *));
}
