/* SPDX-License-Identifier: MIT */

/* What the profiler costs: the same work with it on, one frame, and off, in alternation in one
 * process. Prints the figures as run.sh does, the peer being ouro without it. */

#include <stdlib.h>
#include <time.h>

#include <ouro.h>

enum { ROUNDS = 9 };

struct node {
    gc_object object;
    struct node *left, *right;
};

static const gc_type node_type = {
    .name = "node",
    .size = sizeof(struct node),
    .refs = OURO_REFS(struct node, left, right),
};

static struct node *node_new(gc_heap *heap)
{
    struct node *node = gc_new(heap, &node_type);
    if (node == NULL) {
        abort();
    }
    return node;
}

/* One after the other, each dropped before the next. */
static void drops(gc_heap *heap, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap);
        gc_decref(node);
    }
}

static struct node *tree_new(gc_heap *heap, unsigned depth)
{
    struct node *node = node_new(heap);
    if (depth > 1) {
        node->left = tree_new(heap, depth - 1);
        node->right = tree_new(heap, depth - 1);
    }
    return node;
}

static void trees(gc_heap *heap, size_t count)
{
    for (size_t i = 0; i < count / 1023; i++) {
        gc_decref(tree_new(heap, 10));
    }
}

static void lists(gc_heap *heap, size_t count)
{
    for (size_t i = 0; i < count / 15000; i++) {
        struct node *list = NULL;
        for (size_t k = 0; k < 15000; k++) {
            struct node *node = node_new(heap);
            node->left = list;
            list = node;
        }
        gc_decref(list);
    }
}

/* Time of this process alone: what else the machine does counts less. */
static double now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double ns_of(void (*work)(gc_heap *, size_t), size_t count, bool profile)
{
    gc_heap *heap = gc_heap_new(NULL);
    if (heap == NULL || (profile && gc_profile_start(heap, 1) != GC_OK)) {
        abort();
    }
    double start = now_ns();
    work(heap, count);
    double ns = now_ns() - start;
    gc_heap_free(heap);
    return ns / (double)count;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void report(const char *metric, void (*work)(gc_heap *, size_t), size_t count)
{
    double on[ROUNDS], off[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        off[i] = ns_of(work, count, false);
        on[i] = ns_of(work, count, true);
    }
    qsort(on, ROUNDS, sizeof(on[0]), compare);
    qsort(off, ROUNDS, sizeof(off[0]), compare);
    double ours = on[ROUNDS / 2], peer = off[ROUNDS / 2];
    printf("profile\t%s\t%.3f\tprofiler off\t%.3f\t%.3f\n", metric, ours, peer, ours / peer);
}

int main(void)
{
    report("ns an object, one at a time", drops, 3000000);
    report("ns an object, trees of 1023", trees, 3000000);
    report("ns an object, lists of 15000", lists, 3000000);
    return 0;
}
