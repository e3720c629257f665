/* SPDX-License-Identifier: MIT */
/* Binary trees: one of depth `size` that lives throughout; meanwhile for each even depth from 4 to
 * `size` as many trees as give the same number of nodes, each built, counted and dropped. Nothing is
 * in a circle, so with counts nothing is left to a collector; the workload acyclic is this and a
 * forest of 1024 trees of depth 9, in which random ones are replaced, so that trees of all ages
 * live. */

#include BENCH_PEER

static node *tree_new(size_t depth)
{
    node *self = node_new();
    if (depth > 0) {
        self->left = tree_new(depth - 1);
        self->right = tree_new(depth - 1);
    }
    return self;
}

static size_t tree_nodes(const node *self)
{
    return self->left == NULL ? 1 : 1 + tree_nodes(self->left) + tree_nodes(self->right);
}

static size_t many_trees(size_t depth)
{
    size_t nodes = 0;
    for (size_t d = 4; d <= depth; d += 2) {
        for (size_t i = 0, count = (size_t)4 << (depth - d); i < count; i++) {
            node *tree = tree_new(d);
            nodes += tree_nodes(tree);
            node_drop(tree);
        }
    }
    return nodes;
}

static size_t all_trees(size_t depth)
{
    node *lasting = tree_new(depth);
    bench_clobber(&lasting);
    size_t nodes = many_trees(depth);
    nodes += tree_nodes(lasting);
    node_drop(lasting);
    return nodes;
}

void bench_trees(size_t size)
{
    peer_start();
    uint64_t start = bench_now_ns();
    size_t nodes = all_trees(size);
    bench_report_ns(bench_now_ns() - start, nodes, nodes);
}

enum { FOREST = 1024, FOREST_DEPTH = 9 };

static size_t forest(size_t replaced)
{
    node **trees = peer_array(FOREST);
    for (size_t i = 0; i < FOREST; i++) {
        trees[i] = tree_new(FOREST_DEPTH);
    }
    size_t nodes = 0;
    uint32_t state = 1;
    for (size_t i = 0; i < replaced; i++) {
        node **place = &trees[bench_below(&state, FOREST)];
        nodes += tree_nodes(*place);
        node_drop(*place);
        *place = NULL;
        *place = tree_new(FOREST_DEPTH);
    }
    return nodes;
}

void bench_acyclic(size_t size)
{
    peer_start();
    uint64_t start = bench_now_ns();
    size_t nodes = all_trees(size);
    nodes += forest((size_t)1 << (size - 4));
    bench_report_ns(bench_now_ns() - start, nodes, nodes);
}
