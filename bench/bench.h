/* SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H

/* The harness of the benchmarks.
 *
 * One executable a library, each an adapter with a table of the workloads that library can do:
 *
 *     bench-ours               lists the workloads, one a line
 *     bench-ours counts [N]    runs one at size N and prints its figures
 *
 * A figure is one line, tab-separated: `library  workload  metric  value  check`. The check is what
 * the work came to (objects freed, references found); run.sh alternates the executables, takes the
 * medians, and fails when two libraries that claim to have done the same work disagree about it.
 * Each case runs in a process of its own, so none inherits another's heap.
 */

#include <stddef.h>
#include <stdint.h>

struct bench_case {
    const char *workload;
    void (*run)(size_t count); /* does the work `count` times over and reports */
};

/* What an adapter defines. A workload may stand in the table twice; a NULL workload ends it. */
extern const struct bench_case bench_cases[];

/* Print a figure. `library` names the peer and, where it has more than one way, which. */
void bench_report(const char *library, const char *metric, double value, uint64_t check);

/* Report a time that `count` operations took together, as nanoseconds for each. */
void bench_report_ns(const char *library, const char *metric, uint64_t ns, size_t count,
                     uint64_t check);

/* Say why on stderr and exit with a failure, which stops run.sh. */
_Noreturn void bench_fail(const char *why);

/* The processor time this process has used, in the kernel too. Unlike the time on the wall it
 * hardly changes when the machine has other things to do; all libraries here work on one thread. */
uint64_t bench_now_ns(void);

/* Memory of this process that is really there. */
size_t bench_resident_bytes(void);

/* malloc that does not fail. The memory is hidden from Boehm's collector. */
void *bench_alloc(size_t count, size_t size);

/* Tell the compiler that code it cannot see reads and writes the object, so that it neither folds
 * operations on it together nor removes what looks unused. Costs no instruction. */
static inline void bench_clobber(void *object)
{
    __asm__ volatile("" : : "r"(object) : "memory");
}

/* The graph of full10m, the same for every library. `next` makes one circle of all the nodes in
 * random order, so that each is reachable from each; `other` is drawn at random. */
struct bench_graph {
    size_t count;
    uint32_t *next;
    uint32_t *other;
};
struct bench_graph bench_graph_new(size_t count);

/* A number for the references `next` and `other` of node `index`. What a library's whole graph adds
 * up to is its check: it reports only references it found in place. */
uint64_t bench_graph_edge(size_t index, uint32_t next, uint32_t other);

/* The metrics that more than one adapter reports. */
#define BENCH_COUNTS_ONE   "ns a pair, one object"
#define BENCH_COUNTS_MANY  "ns a pair, 1000 objects in turn"
#define BENCH_NEWDROP_ONE  "ns an object, one at a time"
#define BENCH_NEWDROP_MANY "ns an object, 1000 at a time"
#define BENCH_RINGS        "ns an object"
#define BENCH_FULL_FIRST   "ns an object, first collection"
#define BENCH_FULL_LATER   "ns an object, third collection"
#define BENCH_BYTES        "bytes an object, resident"

enum {
    BENCH_MANY = 1000, /* objects alive together in the metrics that say 1000 */
    BENCH_RING = 10,
};

#endif
