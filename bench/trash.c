/* SPDX-License-Identifier: MIT */
/* Garbage at a steady pace: the memory that a program holds while its live objects are replaced
 * again and again, with other work between two replacements. The name of a case says all of it:
 *
 *     trash/SHAPE-WORK-ALIVE            rings10-1.5us-3MB
 *     trash/SHAPE-WORK-ALIVE-FROZEN     rings10-0us-3MB-frozen128MB
 *
 * WORK is the time between two operations. ALIVE and FROZEN are sizes by ouro's books; every peer
 * has the same number of objects. Each operation makes reference cycles. By SHAPE:
 *
 *     rings10     A ring of ten nodes takes the place of the oldest ring.
 *     rings1000   A ring of a thousand nodes does.
 *     list        Ten nodes, each with a reference back, are appended to the one list. A full list
 *                 is dropped first, and a new one begun.
 *     cache       A pair of wide objects takes the place of a random pair.
 *     burst       As rings10, but a quarter of the rings is replaced without a rest; then the work
 *                 of all these operations follows at once.
 *
 * A turn is as many operations as make ALIVE anew; `size` is the number of turns. Before them, the
 * frozen world and the live objects are built without collections, and one full collection is made.
 * The world is not part of ALIVE. A peer that cannot set a world aside does not do these cases.
 *
 * The work is a loop that reads the clock. Its length does not depend on the machine, the compiler
 * or the language; it touches no memory; and its last reading begins the next operation.
 *
 * Bytes are those of the peer's own books (peer_bytes), less those before the live objects were
 * built. Books are exact. Resident memory is coarse where little is alive, and shows the highest
 * peak only where nothing goes back; but it shows what the allocator loses, so it is reported, too.
 * Figures:
 *
 *     peak_ratio       the most bytes in use, relative to those after the full collection
 *     slope            growth of the bytes over the last half of the turns, relative to ALIVE: the
 *                      rise of the regression line through the most bytes of the two turns
 *                      before each sample, so that the teeth of collections are flat. It is 0 if it
 *                      is below what is made from one sample to the next, or below twice its
 *                      standard error, for which the samples of two turns count as one.
 *     pause_max_ms     the longest operation on the wall, less the time that other programs had
 *     ns               time of the operations without the work, for each object
 *     resident_ratio   the most resident memory, relative to that of the live objects when built
 */

#include BENCH_PEER

#if PEER_COLLECTS

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    NODE_BYTES = 24, /* of ouro */
    WIDE_BYTES = 248,
    RING_MAX = 1000,
    APPENDED = 10,        /* nodes in an operation on the list */
    SAMPLES_A_TURN = 64,  /* resolves the peak to 1.6 % of ALIVE */
    SAMPLES_MAX = 16384,  /* about; bounds what many turns of a small heap cost */
    CURVE_POINTS = 120,   /* each is the most of its samples */
    MARK_NS = 20000,      /* between two calls of bench_mark during work, */
    MARK_OPERATIONS = 64, /* and operations between two without work */
};

enum shape { RINGS, LIST, CACHE };

static enum shape shape;
static size_t length;      /* nodes of a ring, or of the full list */
static size_t place_count; /* live rings or pairs; 1 for the list */
static node **table;       /* the live rings, or the list */
static wide **cache;       /* the live pairs */
static node *tail;         /* of the list */
static size_t list_count;  /* nodes of the list now */
static size_t place;       /* index of the oldest ring */
static uint32_t random_state = 1;

static node *ring_new(size_t count)
{
    node *nodes[RING_MAX];
    for (size_t i = 0; i < count; i++) {
        nodes[i] = node_new();
    }
    for (size_t i = 0; i < count; i++) {
        nodes[i]->left = node_keep(nodes[i + 1 < count ? i + 1 : 0]);
        nodes[i]->right = node_keep(nodes[i > 0 ? i - 1 : count - 1]);
    }
    bench_clobber(nodes);
    for (size_t i = 1; i < count; i++) {
        node_drop(nodes[i]);
    }
    return nodes[0];
}

static void replace_ring(void)
{
    node *old = table[place];
    table[place] = ring_new(length);
    if (old != NULL) {
        node_drop(old);
    }
    place = place + 1 < place_count ? place + 1 : 0;
}

static void append(void)
{
    node *self = node_new();
    if (tail == NULL) {
        table[0] = self;
    } else {
        self->right = node_keep(tail);
        tail->left = self;
    }
    tail = self;
    list_count++;
}

static void grow_list(void)
{
    if (list_count == length) {
        node *old = table[0];
        table[0] = NULL;
        tail = NULL;
        list_count = 0;
        node_drop(old);
    }
    for (size_t i = 0; i < APPENDED; i++) {
        append();
    }
}

static void replace_pair(size_t at, uint64_t serial)
{
    wide *first = wide_new(), *second = wide_new();
    first->left = wide_keep(second);
    second->left = wide_keep(first);
    first->value[0] = serial;
    second->value[0] = serial;
    wide_drop(second);
    wide *old = cache[at];
    cache[at] = first;
    if (old != NULL) {
        wide_drop(old);
    }
}

static void operation(uint64_t serial)
{
    switch (shape) {
    case RINGS:
        replace_ring();
        break;
    case LIST:
        grow_list();
        break;
    case CACHE:
        replace_pair(bench_below(&random_state, place_count), serial);
        break;
    }
}

/* Operations of a turn. */
static size_t turn_operations(void)
{
    return shape == LIST ? length / APPENDED : place_count;
}

/* Objects that an operation makes. */
static size_t operation_objects(void)
{
    return shape == LIST ? APPENDED : shape == CACHE ? 2 : length;
}

static void build(void)
{
    for (size_t i = 0; i < turn_operations(); i++) {
        if (shape == CACHE) {
            replace_pair(i, 0);
        } else {
            operation(0);
        }
    }
}

/* Count the objects that are reached, and add what is written in them. */
static uint64_t check(void)
{
    uint64_t sum = 0;
    if (shape == CACHE) {
        for (size_t i = 0; i < place_count; i++) {
            sum += 2u + cache[i]->value[0] + cache[i]->left->value[0];
        }
        return sum;
    }
    for (size_t i = 0; i < place_count; i++) {
        const node *self = table[i];
        do {
            sum++;
            self = self->left;
        } while (self != NULL && self != table[i]);
    }
    return sum;
}

/* Work until `ns` after the time `from` on the wall. Returns the time at the end. */
static uint64_t work(uint64_t from, uint64_t ns)
{
    static uint64_t marked;
    uint64_t now = bench_wall_ns();
    while (now - from < ns) {
        if (now - marked > MARK_NS) {
            bench_mark();
            marked = now;
        }
        now = bench_wall_ns();
    }
    return now;
}

/* Duration of a reading of the clock, which the time of every operation includes. */
static double clock_ns(void)
{
    enum { ROUNDS = 100, READINGS = 1000 };
    uint64_t least = UINT64_MAX; /* other programs may have had time of some rounds */
    for (size_t round = 0; round < ROUNDS; round++) {
        uint64_t start = bench_wall_ns();
        for (size_t i = 1; i < READINGS; i++) {
            (void)bench_wall_ns();
        }
        uint64_t ns = bench_wall_ns() - start;
        least = ns < least ? ns : least;
    }
    return (double)least / READINGS;
}

struct trace {
    double *bytes;   /* samples, relative to ALIVE */
    size_t count;    /* of samples */
    size_t a_turn;   /* samples of a turn */
    double resident; /* the most, relative to that of ALIVE */
};

static double most(const double *values, size_t count)
{
    double result = values[0];
    for (size_t i = 1; i < count; i++) {
        result = values[i] > result ? values[i] : result;
    }
    return result;
}

/* Rise of the regression line over the last half, or 0, as above. */
static double slope(const struct trace *trace)
{
    size_t first = trace->count / 2, count = trace->count - first;
    size_t before = 2 * trace->a_turn < first ? 2 * trace->a_turn : first;
    double mean = (double)(count - 1) / 2, x_x = 0, x_y = 0, y_y = 0, y_sum = 0;
    for (size_t i = 0; i < count; i++) {
        double x = (double)i - mean, y = most(&trace->bytes[first + i - before], before + 1);
        x_x += x * x;
        x_y += x * y;
        y_y += y * y;
        y_sum += y;
    }
    double line = x_y / x_x, rise = line * (double)count;
    double scatter = (y_y - y_sum * y_sum / (double)count - line * x_y) / (double)count;
    double error_squared = scatter / x_x * (double)before;
    bool is_flat = rise * rise * (double)(trace->a_turn * trace->a_turn) < 1;
    return is_flat || line * line < 4 * error_squared ? 0 : rise;
}

static void report(const struct trace *trace, size_t turns, uint64_t longest, double ns,
                   uint64_t sum)
{
    bench_report("peak_ratio", most(trace->bytes, trace->count), sum);
    bench_report("slope", slope(trace), sum);
    bench_report("pause_max_ms", (double)longest / 1e6, sum);
    bench_report("ns", ns, sum);
    bench_report("resident_ratio", trace->resident, sum);
    double points[CURVE_POINTS + 1] = { (double)turns };
    for (size_t i = 0; i < CURVE_POINTS; i++) {
        size_t from = trace->count * i / CURVE_POINTS, to = trace->count * (i + 1) / CURVE_POINTS;
        points[i + 1] = most(&trace->bytes[from], to > from ? to - from : 1);
    }
    bench_report_curve(points, CURVE_POINTS + 1, sum);
}

static size_t max(size_t left, size_t right)
{
    return left > right ? left : right;
}

static void freeze_world(size_t bytes)
{
    size_t rings = bytes / NODE_BYTES / RING_MAX;
    node **world = peer_array(rings);
    for (size_t i = 0; i < rings; i++) {
        world[i] = ring_new(RING_MAX);
    }
    peer_freeze();
}

void bench_trash(size_t size)
{
    char name[16];
    double work_us, alive_mb, frozen_mb = 0;
    if (sscanf(bench_case(), "%15[a-z0-9]-%lfus-%lfMB-frozen%lfMB", name, &work_us, &alive_mb,
               &frozen_mb) < 3) {
        bench_fail("a case is SHAPE-WORK-ALIVE or SHAPE-WORK-ALIVE-FROZEN");
    }
    if (frozen_mb > 0 && !PEER_FREEZES) {
        return;
    }
    size_t alive = (size_t)(alive_mb * 1e6), object_size = sizeof(node), rest = 1;
    uint64_t work_ns = (uint64_t)(work_us * 1e3);
    if (strcmp(name, "cache") == 0) {
        shape = CACHE;
        object_size = sizeof(wide);
        place_count = alive / WIDE_BYTES / 2;
    } else if (strcmp(name, "list") == 0) {
        shape = LIST;
        length = alive / NODE_BYTES / APPENDED * APPENDED;
        place_count = 1;
    } else if (strcmp(name, "rings1000") == 0) {
        shape = RINGS;
        length = RING_MAX;
        place_count = alive / NODE_BYTES / length;
    } else if (strcmp(name, "rings10") == 0 || strcmp(name, "burst") == 0) {
        shape = RINGS;
        length = 10;
        place_count = alive / NODE_BYTES / length;
    } else {
        bench_fail("there is no such shape");
    }
    size_t turn = turn_operations(), operations = size * turn;
    if (strcmp(name, "burst") == 0) {
        rest = turn / 4;
        work_ns *= rest;
    }

    size_t period = max(max(turn / SAMPLES_A_TURN, operations / SAMPLES_MAX), 1);
    struct trace trace = { .a_turn = turn / period };
    trace.bytes = bench_alloc(operations / period + 1, sizeof(*trace.bytes));
    memset(trace.bytes, 1, (operations / period + 1) * sizeof(*trace.bytes)); /* resident now */
    double clock = clock_ns();
    peer_start();
    peer_as_it_comes();
    table = peer_array(place_count);
    memset(table, 0, place_count * sizeof(*table));
    cache = (void *)table;
    peer_pause();
    if (frozen_mb > 0) {
        freeze_world((size_t)(frozen_mb * 1e6));
    }
    size_t bytes_before = peer_bytes(object_size), resident_before = bench_resident_bytes();
    build();
    peer_resume();
    peer_collect();
    double bytes = (double)(peer_bytes(object_size) - bytes_before);
    double resident = (double)(bench_resident_bytes() - resident_before);

    uint64_t longest = 0, total = 0, from = bench_wall_ns();
    bench_mark();
    for (size_t i = 1; i <= operations; i++) {
        operation(i);
        uint64_t to = bench_wall_ns(), ns = bench_own_ns(from, to);
        total += ns;
        longest = ns > longest ? ns : longest;
        if (i % period == 0) {
            size_t in_use = peer_bytes(object_size), there = bench_resident_bytes();
            trace.bytes[trace.count++] = ((double)in_use - (double)bytes_before) / bytes;
            double ratio = ((double)there - (double)resident_before) / resident;
            trace.resident = ratio > trace.resident ? ratio : trace.resident;
        }
        if (i % MARK_OPERATIONS == 0) {
            bench_mark();
        }
        from = work(to, i % rest == 0 ? work_ns : 0);
    }
    double ns =
        ((double)total - clock * (double)operations) / (double)(operations * operation_objects());
    report(&trace, size, longest, ns, check());
}

#else

void bench_trash(size_t size)
{
    (void)size;
}

#endif
