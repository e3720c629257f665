/* SPDX-License-Identifier: MIT */
/* ouro's adapter: the public header and nothing else, a heap with the default configuration. */

#include "bench.h"
#include "ouro.h"

#define LIBRARY "ours"

struct node {
    gc_object object;
    struct node *left;
    struct node *right;
};

static const gc_type node_type = {
    .name = "node",
    .size = sizeof(struct node),
    .refs = OURO_REFS(struct node, left, right),
};

static gc_heap *heap_new(void)
{
    gc_heap *heap = gc_heap_new(NULL);
    if (heap == NULL) {
        bench_fail("no heap");
    }
    return heap;
}

static struct node *node_new(gc_heap *heap)
{
    struct node *node = gc_new(heap, &node_type);
    if (!OURO_LIKELY(node != NULL)) {
        bench_fail(gc_status_text(gc_last_error(heap)));
    }
    return node;
}

static uint64_t objects_died(gc_heap *heap)
{
    gc_stats stats;
    gc_get_stats(heap, &stats);
    return stats.objects_died;
}

static void counts_one(size_t count)
{
    struct node *node = node_new(heap_new());
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        gc_incref(node);
        bench_clobber(node);
        gc_decref(node);
        bench_clobber(node);
    }
    bench_report_ns(LIBRARY, BENCH_COUNTS_ONE, bench_now_ns() - start, count, gc_refcount(node));
}

static void counts_many(size_t count)
{
    gc_heap *heap = heap_new();
    struct node *nodes[BENCH_MANY];
    for (size_t i = 0; i < BENCH_MANY; i++) {
        nodes[i] = node_new(heap);
    }
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_MANY; i++) {
        for (size_t k = 0; k < BENCH_MANY; k++) {
            gc_incref(nodes[k]);
            bench_clobber(nodes[k]);
            gc_decref(nodes[k]);
            bench_clobber(nodes[k]);
        }
    }
    uint64_t ns = bench_now_ns() - start;
    uint64_t total = 0;
    for (size_t k = 0; k < BENCH_MANY; k++) {
        total += gc_refcount(nodes[k]);
    }
    bench_report_ns(LIBRARY, BENCH_COUNTS_MANY, ns, count, total);
}

static void newdrop_one(size_t count)
{
    gc_heap *heap = heap_new();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap);
        bench_clobber(node);
        gc_decref(node);
    }
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(LIBRARY, BENCH_NEWDROP_ONE, ns, count, objects_died(heap));
}

static void newdrop_many(size_t count)
{
    gc_heap *heap = heap_new();
    struct node *nodes[BENCH_MANY];
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_MANY; i++) {
        for (size_t k = 0; k < BENCH_MANY; k++) {
            nodes[k] = node_new(heap);
            bench_clobber(nodes[k]);
        }
        for (size_t k = 0; k < BENCH_MANY; k++) {
            gc_decref(nodes[k]);
        }
    }
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(LIBRARY, BENCH_NEWDROP_MANY, ns, count, objects_died(heap));
}

static void rings(size_t count)
{
    gc_heap *heap = heap_new();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_RING; i++) {
        struct node *ring[BENCH_RING];
        for (size_t k = 0; k < BENCH_RING; k++) {
            ring[k] = node_new(heap);
        }
        for (size_t k = 0; k < BENCH_RING; k++) {
            gc_set(&ring[k]->left, ring[(k + 1) % BENCH_RING]);
            gc_set(&ring[k]->right, ring[(k + BENCH_RING - 1) % BENCH_RING]);
        }
        for (size_t k = 0; k < BENCH_RING; k++) {
            gc_decref(ring[k]);
        }
    }
    gc_collect(heap);
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(LIBRARY, BENCH_RINGS, ns, count, objects_died(heap));
}

static uint64_t graph_check(struct node **nodes, const struct bench_graph *graph)
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
    struct node **nodes = bench_alloc(count, sizeof(*nodes));
    gc_heap *heap = heap_new();
    for (size_t i = 0; i < count; i++) {
        nodes[i] = node_new(heap);
    }
    for (size_t i = 0; i < count; i++) {
        gc_set(&nodes[i]->left, nodes[graph.next[i]]);
        gc_set(&nodes[i]->right, nodes[graph.other[i]]);
    }
    /* From here on the first is held from outside and all the others by it. */
    for (size_t i = 1; i < count; i++) {
        gc_decref(nodes[i]);
    }
    uint64_t ns[3];
    uint64_t freed = 0;
    for (size_t i = 0; i < 3; i++) {
        uint64_t start = bench_now_ns();
        freed += gc_collect(heap);
        ns[i] = bench_now_ns() - start;
    }
    uint64_t check = graph_check(nodes, &graph) + freed;
    bench_report_ns(LIBRARY, BENCH_FULL_FIRST, ns[0], count, check);
    bench_report_ns(LIBRARY, BENCH_FULL_LATER, ns[2], count, check);
}

static void bytes(size_t count)
{
    gc_heap *heap = heap_new();
    struct node *last = NULL;
    size_t before = bench_resident_bytes();
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap);
        gc_set_steal(&node->left, last);
        last = node;
    }
    size_t after = bench_resident_bytes();
    uint64_t walked = 0;
    for (struct node *node = last; node != NULL; node = node->left) {
        walked++;
    }
    gc_stats stats;
    gc_get_stats(heap, &stats);
    double each = 1.0 / (double)count;
    bench_report(LIBRARY, BENCH_BYTES, (double)(after - before) * each, walked);
    bench_report(LIBRARY, "bytes an object, slots in use by gc_get_stats",
                 (double)stats.bytes_live * each, walked);
    bench_report(LIBRARY, "bytes an object, reserved by gc_get_stats",
                 (double)stats.bytes_reserved * each, walked);
}

const struct bench_case bench_cases[] = {
    { "counts", counts_one },   { "counts", counts_many },
    { "newdrop", newdrop_one }, { "newdrop", newdrop_many },
    { "rings10", rings },       { "full10m", full },
    { "bytes", bytes },         { NULL, NULL },
};
