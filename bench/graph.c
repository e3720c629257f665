/* SPDX-License-Identifier: MIT */
/* A graph of `size` nodes: the left references make one circle of them all, in random order, the
 * right ones lead anywhere. Full collections while one reference from outside keeps it alive, their
 * median; the collection that frees it all. And `size` nodes in a list: the memory they take. */

#include BENCH_PEER

static node *root; /* collectors find what hangs here */

static void graph_new(size_t size)
{
    uint32_t *next = bench_shuffled(size);
    node **nodes = peer_array(size);
    for (size_t i = 0; i < size; i++) {
        nodes[i] = node_new();
    }
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        nodes[i]->left = node_keep(nodes[next[i]]);
        nodes[i]->right = node_keep(nodes[bench_below(&state, size)]);
    }
    root = nodes[0];
#if PEER_COUNTS
    for (size_t i = 1; i < size; i++) {
        node_drop(nodes[i]);
    }
#endif
    peer_array_free(nodes);
}

/* The length of the circle, and how many of its nodes have references from elsewhere than the next
 * one: a number that is as likely right as the graph is whole. */
static uint64_t graph_check(void)
{
    uint64_t check = 0;
    const node *self = root;
    do {
        check += 1u + (self->right == self->left) + (self->right == root);
        self = self->left;
    } while (self != root);
    return check;
}

void bench_full(size_t size)
{
    if (!PEER_TRACES) {
        return;
    }
    peer_start();
    graph_new(size);
    uint64_t ns[3];
    for (size_t i = 0; i < 3; i++) {
        uint64_t start = bench_now_ns();
        peer_collect();
        ns[i] = bench_now_ns() - start;
    }
    uint64_t low = ns[0] < ns[1] ? ns[0] : ns[1];
    uint64_t high = ns[0] < ns[1] ? ns[1] : ns[0];
    uint64_t median = ns[2] < low ? low : ns[2] > high ? high : ns[2];
    bench_report_ns(median, size, graph_check() + peer_died(0));
}

void bench_garbage(size_t size)
{
    if (!PEER_COLLECTS) {
        return;
    }
    peer_start();
    graph_new(size);
    node *last = root;
    root = NULL;
    uint64_t start = bench_now_ns();
    node_drop(last);
    last = NULL;
    bench_clobber(&last);
    peer_collect();
    bench_report_ns(bench_now_ns() - start, size, peer_died(size));
}

void bench_bytes(size_t size)
{
    peer_start();
    size_t before = bench_resident_bytes();
    for (size_t i = 0; i < size; i++) {
        node *self = node_new();
        self->left = root;
        root = self;
    }
    size_t after = bench_resident_bytes();
    uint64_t walked = 0;
    for (const node *self = root; self != NULL; self = self->left) {
        walked++;
    }
    bench_report("bytes", (double)(after - before) / (double)size, walked);
}
