/* SPDX-License-Identifier: MIT */
/* What a C programmer writes by hand: a count in the struct, and malloc. It collects no cycles, so
 * it has no rings10 and no full10m.
 */

#include "bench.h"

#include <malloc.h>
#include <stdlib.h>

#define COUNTER "counter"
#define MALLOC  "malloc"

struct node {
    uint32_t count;
    struct node *left;
    struct node *right;
};

static struct node *node_new(void)
{
    struct node *node = malloc(sizeof(*node));
    if (node == NULL) {
        bench_fail("no memory");
    }
    node->count = 1;
    node->left = NULL;
    node->right = NULL;
    return node;
}

static inline void node_incref(struct node *node)
{
    node->count++;
}

static void node_free(struct node *node);

static inline void node_decref(struct node *node)
{
    if (--node->count == 0) {
        node_free(node);
    }
}

static void node_free(struct node *node)
{
    if (node->left != NULL) {
        node_decref(node->left);
    }
    if (node->right != NULL) {
        node_decref(node->right);
    }
    free(node);
}

static void counts_one(size_t count)
{
    struct node *node = node_new();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        node_incref(node);
        bench_clobber(node);
        node_decref(node);
        bench_clobber(node);
    }
    bench_report_ns(COUNTER, BENCH_COUNTS_ONE, bench_now_ns() - start, count, node->count);
}

static void counts_many(size_t count)
{
    struct node *nodes[BENCH_MANY];
    for (size_t i = 0; i < BENCH_MANY; i++) {
        nodes[i] = node_new();
    }
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_MANY; i++) {
        for (size_t k = 0; k < BENCH_MANY; k++) {
            node_incref(nodes[k]);
            bench_clobber(nodes[k]);
            node_decref(nodes[k]);
            bench_clobber(nodes[k]);
        }
    }
    uint64_t ns = bench_now_ns() - start;
    uint64_t total = 0;
    for (size_t k = 0; k < BENCH_MANY; k++) {
        total += nodes[k]->count;
    }
    bench_report_ns(COUNTER, BENCH_COUNTS_MANY, ns, count, total);
}

/* How many of `made` objects are dead, by malloc's own books, so that freeing needs no counter. A
 * few free ones may count as in use: those that malloc caches for the thread. */
static uint64_t died(size_t made, size_t in_use_before)
{
    size_t grown = mallinfo2().uordblks - in_use_before;
    return grown > BENCH_MANY * sizeof(struct node) / 10 ? made - grown / sizeof(struct node)
                                                         : made;
}

static void newdrop_one(size_t count)
{
    size_t in_use = mallinfo2().uordblks;
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new();
        bench_clobber(node);
        node_decref(node);
    }
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(MALLOC, BENCH_NEWDROP_ONE, ns, count, died(count, in_use));
}

static void newdrop_many(size_t count)
{
    struct node *nodes[BENCH_MANY];
    size_t in_use = mallinfo2().uordblks;
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < count / BENCH_MANY; i++) {
        for (size_t k = 0; k < BENCH_MANY; k++) {
            nodes[k] = node_new();
            bench_clobber(nodes[k]);
        }
        for (size_t k = 0; k < BENCH_MANY; k++) {
            node_decref(nodes[k]);
        }
    }
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(MALLOC, BENCH_NEWDROP_MANY, ns, count, died(count, in_use));
}

static void bytes(size_t count)
{
    struct node *last = NULL;
    size_t before = bench_resident_bytes();
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new();
        node->left = last;
        last = node;
    }
    size_t after = bench_resident_bytes();
    uint64_t walked = 0;
    for (struct node *node = last; node != NULL; node = node->left) {
        walked++;
    }
    bench_report(MALLOC, BENCH_BYTES, (double)(after - before) / (double)count, walked);
}

const struct bench_case bench_cases[] = {
    { "counts", counts_one },    { "counts", counts_many }, { "newdrop", newdrop_one },
    { "newdrop", newdrop_many }, { "bytes", bytes },        { NULL, NULL },
};
