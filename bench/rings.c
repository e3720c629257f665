/* SPDX-License-Identifier: MIT */
/* Rings of 10 or of 1000 nodes, each referring to the one before and the one behind, built and
 * dropped: `size` nodes in all. Where nobody collects, each ring is freed by hand. */

#include BENCH_PEER

enum { LENGTH_MAX = 1000 };

static void ring(size_t length)
{
    node *nodes[LENGTH_MAX];
    for (size_t i = 0; i < length; i++) {
        nodes[i] = node_new();
    }
    for (size_t i = 0; i < length; i++) {
        nodes[i]->left = node_keep(nodes[i + 1 < length ? i + 1 : 0]);
        nodes[i]->right = node_keep(nodes[i > 0 ? i - 1 : length - 1]);
    }
    bench_clobber(nodes);
    for (size_t i = 0; i < length; i++) {
#if PEER_COLLECTS
        node_drop(nodes[i]);
#else
        node_free(nodes[i]);
#endif
    }
}

static void rings(size_t size, size_t length)
{
    peer_start();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < size / length; i++) {
        ring(length);
    }
    peer_collect();
    uint64_t ns = bench_now_ns() - start;
    bench_report_ns(ns, size, peer_died(size));
}

void bench_rings10(size_t size)
{
    rings(size, 10);
}

void bench_rings1000(size_t size)
{
    rings(size, LENGTH_MAX);
}
