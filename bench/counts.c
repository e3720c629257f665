/* SPDX-License-Identifier: MIT */
/* One more reference and one less, of one object that stays in the cache: `size` times. And of a
 * million objects in random order, each once a pass, which come from memory: `size` passes. */

#include BENCH_PEER

void bench_counts(size_t size)
{
    if (!PEER_COUNTS) {
        return;
    }
    peer_start();
    node *self = node_new();
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < size; i++) {
        node_keep(self);
        bench_clobber(self);
        node_drop(self);
        bench_clobber(self);
    }
    bench_report_ns(bench_now_ns() - start, size, node_count(self));
}

enum { OBJECTS = 1000000 };

void bench_counts_shuffled(size_t size)
{
    if (!PEER_COUNTS) {
        return;
    }
    peer_start();
    node **made = bench_alloc(OBJECTS, sizeof(*made));
    node **nodes = bench_alloc(OBJECTS, sizeof(*nodes));
    uint32_t *order = bench_shuffled(OBJECTS);
    for (size_t i = 0; i < OBJECTS; i++) {
        made[i] = node_new();
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        nodes[i] = made[order[i]];
    }
    uint64_t start = bench_now_ns();
    for (size_t pass = 0; pass < size; pass++) {
        for (size_t i = 0; i < OBJECTS; i++) {
            node_keep(nodes[i]);
            bench_clobber(nodes[i]);
            node_drop(nodes[i]);
            bench_clobber(nodes[i]);
        }
    }
    uint64_t ns = bench_now_ns() - start;
    uint64_t references = 0;
    for (size_t i = 0; i < OBJECTS; i++) {
        references += node_count(nodes[i]);
    }
    bench_report_ns(ns, size * OBJECTS, references);
}
