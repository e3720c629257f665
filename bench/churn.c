/* SPDX-License-Identifier: MIT */
/* Pauses: 5 million live nodes with random references, held by a table; 2 million operations, each
 * of which builds and drops a ring of ten nodes, overwrites one random reference, and puts a new node
 * in the place of a random one, so that old nodes become garbage in circles. Each operation is timed on
 * its own. `size` is the number of live nodes, 20 million in churn20m, and there are two fifths as many
 * operations. */

#include BENCH_PEER

#include <stdlib.h>

enum { RING = 10 };

static node **table;
static size_t table_size;
static uint32_t random_state = 1;

static node *any(void)
{
    return table[bench_below(&random_state, table_size)];
}

static void set(node **slot, node *value)
{
    node *old = *slot;
    *slot = node_keep(value);
    if (old != NULL) {
        node_drop(old);
    }
}

static void ring(void)
{
    node *nodes[RING];
    for (size_t i = 0; i < RING; i++) {
        nodes[i] = node_new();
    }
    for (size_t i = 0; i < RING; i++) {
        nodes[i]->left = node_keep(nodes[i + 1 < RING ? i + 1 : 0]);
        nodes[i]->right = node_keep(nodes[i > 0 ? i - 1 : RING - 1]);
    }
    bench_clobber(nodes);
    for (size_t i = 0; i < RING; i++) {
        node_drop(nodes[i]);
    }
}

static void operation(void)
{
    ring();
    set(&any()->left, any());
    node *self = node_new();
    self->left = node_keep(any());
    self->right = node_keep(any());
    node **place = &table[bench_below(&random_state, table_size)];
    node *old = *place;
    *place = self;
    node_drop(old);
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Operations that took longer than this were stopped for the rest of their time. */
enum { PAUSE_NS = 20000, WINDOW_NS = 10000000 };

struct pause {
    uint64_t start, end;
};

/* The largest share of any ten milliseconds that the program was stopped, in percent: of all windows
 * the worst is one that ends with a pause. */
static double share_paused(const struct pause *pauses, size_t count)
{
    uint64_t most = 0, inside = 0; /* of the pauses from `first` to `last` */
    for (size_t first = 0, last = 0; last < count; last++) {
        inside += pauses[last].end - pauses[last].start;
        uint64_t from = pauses[last].end > WINDOW_NS ? pauses[last].end - WINDOW_NS : 0;
        for (; pauses[first].end <= from; first++) {
            inside -= pauses[first].end - pauses[first].start;
        }
        uint64_t before = pauses[first].start < from ? from - pauses[first].start : 0;
        most = inside - before > most ? inside - before : most;
    }
    return 100 * (double)most / WINDOW_NS;
}

void bench_churn(size_t size)
{
    if (!PEER_COLLECTS) {
        return;
    }
    peer_start();
    size_t operations = size / 5 * 2;
    table_size = size;
    table = peer_array(size);
    for (size_t i = 0; i < size; i++) {
        table[i] = node_new();
    }
    for (size_t i = 0; i < size; i++) {
        table[i]->left = node_keep(any());
        table[i]->right = node_keep(any());
    }
    size_t before = bench_resident_bytes(), peak = before, pause_count = 0;
    uint64_t *times = bench_alloc(operations, sizeof(*times));
    struct pause *pauses = bench_alloc(operations, sizeof(*pauses));
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < operations; i++) {
        if (i % 64 == 0) {
            bench_mark();
        }
        uint64_t from = bench_wall_ns();
        operation();
        uint64_t to = bench_wall_ns();
        if (to - from > PAUSE_NS) {
            to = from + bench_own_ns(from, to);
            pauses[pause_count++] = (struct pause){ from, to };
        }
        times[i] = to - from;
        if (i % 4096 == 0) {
            size_t now = bench_resident_bytes();
            peak = now > peak ? now : peak;
        }
    }
    uint64_t ns = bench_now_ns() - start;
    qsort(times, operations, sizeof(*times), compare);
    bench_report_ns(ns, operations, random_state);
    bench_report("pause_max_ms", (double)times[operations - 1] / 1e6, random_state);
    bench_report("pause_p9999_us", (double)times[operations - 1 - operations / 10000] / 1e3,
                 random_state);
    bench_report("paused_10ms_percent", share_paused(pauses, pause_count), random_state);
    bench_report("peak_bytes_ratio", (double)peak / (double)before, random_state);
}
