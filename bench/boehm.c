/* SPDX-License-Identifier: MIT */
/* Boehm's adapter: GC_INIT, GC_MALLOC, settings as they come (in a program without threads, one
 * thread marks). It keeps no counts, so there is no counts and its node is two pointers alone. It
 * drops nothing either: newdrop is allocation with the collections that it causes ("boehm"),
 * or freeing by hand ("boehm, GC_FREE").
 */

#include "bench.h"

#include <gc.h>

#define LIBRARY "boehm"

struct node {
    struct node *left;
    struct node *right;
};

/* The collector finds what hangs here; it does not look into bench_alloc's memory. */
static struct node *root;

static struct node *node_new(void)
{
    struct node *node = GC_MALLOC(sizeof(*node));
    if (node == NULL) {
        bench_fail("no memory");
    }
    return node;
}

/* All that were made, provided that the heap is far smaller than they were together. Which of them
 * are free it cannot say. */
static uint64_t died(size_t made)
{
    size_t together = made * sizeof(struct node);
    return together < 16u << 20 || GC_get_heap_size() < together / 4 ? made : 0;
}

static void newdrop_one(size_t count)
{
    GC_INIT();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new();
        bench_clobber(node);
    }
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(LIBRARY, BENCH_NEWDROP_ONE, ns, count, died(count));
}

static void newdrop_one_free(size_t count)
{
    GC_INIT();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new();
        bench_clobber(node);
        GC_FREE(node);
    }
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(LIBRARY ", GC_FREE", BENCH_NEWDROP_ONE, ns, count, died(count));
}

static void newdrop_many(size_t count)
{
    GC_INIT();
    struct node *nodes[BENCH_MANY];
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_MANY; i++) {
        for (size_t k = 0; k < BENCH_MANY; k++) {
            nodes[k] = node_new();
            bench_clobber(nodes[k]);
        }
        bench_clobber(nodes);
    }
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(LIBRARY, BENCH_NEWDROP_MANY, ns, count, died(count));
}

static void newdrop_many_free(size_t count)
{
    GC_INIT();
    struct node *nodes[BENCH_MANY];
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_MANY; i++) {
        for (size_t k = 0; k < BENCH_MANY; k++) {
            nodes[k] = node_new();
            bench_clobber(nodes[k]);
        }
        for (size_t k = 0; k < BENCH_MANY; k++) {
            GC_FREE(nodes[k]);
        }
    }
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(LIBRARY ", GC_FREE", BENCH_NEWDROP_MANY, ns, count, died(count));
}

static void rings(size_t count)
{
    GC_INIT();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_RING; i++) {
        struct node *ring[BENCH_RING];
        for (size_t k = 0; k < BENCH_RING; k++) {
            ring[k] = node_new();
        }
        for (size_t k = 0; k < BENCH_RING; k++) {
            ring[k]->left = ring[(k + 1) % BENCH_RING];
            ring[k]->right = ring[(k + BENCH_RING - 1) % BENCH_RING];
        }
        bench_clobber(ring);
    }
    GC_gcollect();
    bench_report_ns(LIBRARY, BENCH_RINGS, bench_now_ns() - start, count, died(count));
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
    GC_INIT();
    /* Until the graph is there a chain holds them, with the first made at its end. */
    for (size_t i = 0; i < count; i++) {
        nodes[i] = node_new();
        nodes[i]->left = root;
        root = nodes[i];
    }
    /* Nothing is allocated here, so no collection sees the graph in pieces. */
    for (size_t i = 0; i < count; i++) {
        nodes[i]->left = nodes[graph.next[i]];
        nodes[i]->right = nodes[graph.other[i]];
    }
    root = nodes[0];
    uint64_t ns[3];
    for (size_t i = 0; i < 3; i++) {
        uint64_t start = bench_now_ns();
        GC_gcollect();
        ns[i] = bench_now_ns() - start;
    }
    uint64_t check = graph_check(nodes, &graph);
    bench_report_ns(LIBRARY, BENCH_FULL_FIRST, ns[0], count, check);
    bench_report_ns(LIBRARY, BENCH_FULL_LATER, ns[2], count, check);
}

static void measure_bytes(const char *library, size_t count)
{
    size_t before = bench_resident_bytes();
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new();
        node->left = root;
        root = node;
    }
    size_t after = bench_resident_bytes();
    uint64_t walked = 0;
    for (struct node *node = root; node != NULL; node = node->left) {
        walked++;
    }
    bench_report(library, BENCH_BYTES, (double)(after - before) / (double)count, walked);
}

static void bytes(size_t count)
{
    GC_INIT();
    measure_bytes(LIBRARY, count);
}

/* By default a pointer just past the end keeps an object alive too, for which each gets one byte
 * more, and two pointers take 32. Without that they take 16. */
static void bytes_exact(size_t count)
{
    GC_set_all_interior_pointers(0);
    GC_INIT();
    measure_bytes(LIBRARY ", no interior pointers", count);
}

const struct bench_case bench_cases[] = {
    { "newdrop", newdrop_one },
    { "newdrop", newdrop_one_free },
    { "newdrop", newdrop_many },
    { "newdrop", newdrop_many_free },
    { "rings10", rings },
    { "full10m", full },
    { "bytes", bytes },
    { "bytes", bytes_exact },
    { NULL, NULL },
};
