/* SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H

/* The harness of the benchmarks: one file a workload, one adapter a peer.
 *
 * A workload, trees.c, is written once, against what an adapter offers, and compiled with each. An
 * adapter in C, peers/NAME.h, defines the names below; one in another language, peers/nim.nim, does
 * the workloads that it can, by the same steps, in a program of its own. Either makes an executable:
 *
 *     bench-malloc               lists the workloads, one a line
 *     bench-malloc trees 18      runs one at that size and prints its figures
 *
 * A figure is one line, tab-separated: `peer  workload  metric  value  check`. The check is what the
 * work came to; run.sh alternates the executables, takes the medians, and fails when two peers that
 * claim to have done the same work disagree about it. A peer that cannot do a workload prints
 * nothing. Each run is a process of its own, so none inherits another's heap.
 *
 * What peers/NAME.h defines, all of it static inline where the peer allows that:
 *
 *     PEER_COUNTS                1: it counts references; 0: it knows what is reachable, or nothing
 *     PEER_TRACES                1: peer_collect looks at every object
 *     PEER_COLLECTS              1: and frees circles; 0: that is done by hand
 *     PEER_FREEZES               1: peer_freeze keeps collections from what is alive. This and the
 *                                names from `struct wide` on are for peers with PEER_COLLECTS
 *     struct node                has the references `left` and `right`, and as little else as the
 *                                peer allows
 *     struct box                 has a payload of 32 bytes: the references `left` and `right`, and
 *                                `uint64_t value[2]`; a container like the node
 *     void peer_start(void)      called first
 *     node *node_new(void)       a new one, its references NULL, with one reference, the caller's
 *     node *node_keep(node *)    one reference more; the same node
 *     void node_drop(node *)     the caller's reference ends; a peer without counts frees the node
 *                                if that is how it is at its best, or does nothing
 *     void node_free(node *)     without PEER_COLLECTS: frees it, whatever refers to it
 *     size_t node_count(node *)  its references; without PEER_COUNTS anything
 *     box *box_new(void), void box_drop(box *)
 *     node **peer_array(size_t)  room for pointers that keep alive what they point to, all NULL
 *     void peer_array_free(node **)
 *     void peer_collect(void)    a full collection, now
 *     uint64_t peer_died(uint64_t made)  how many of the objects made are gone, from the peer's own
 *                                books, so that freeing needs no counter; `made`, if it keeps none
 *     struct wide                as the box, with `uint64_t value[28]`
 *     wide *wide_new(void), wide *wide_keep(wide *), void wide_drop(wide *)
 *     void peer_as_it_comes(void)  sets what trades memory for time back to the peer's defaults;
 *                                called after peer_start
 *     void peer_pause(void)      from here on no collection starts by itself
 *     void peer_resume(void)     from here on collections start by themselves again
 *     void peer_freeze(void)     sets what is alive aside: no collection examines it
 *     size_t peer_bytes(size_t size)  bytes in use by the peer's own books; if these count objects,
 *                                all are taken to be of this size
 *
 * `node`, `box` and `wide` are typedefs of the structs. Nothing of a peer fails: bench_fail ends it
 * all.
 */

#include <stddef.h>
#include <stdint.h>

/* Print a figure of the workload that is running. */
void bench_report(const char *metric, double value, uint64_t check);

/* Report the time that `count` operations took together as nanoseconds for each. */
void bench_report_ns(uint64_t ns, size_t count, uint64_t check);

/* Print values as a line of the metric `curve`, with spaces between them. run.sh sets these lines
 * apart from the figures. */
void bench_report_curve(const double *values, size_t count, uint64_t check);

/* Name of the case: the part of the workload's name after the slash. */
const char *bench_case(void);

/* Say why on stderr and exit with a failure, which stops run.sh. */
_Noreturn void bench_fail(const char *why);

/* The processor time this process has used, in the kernel too. Unlike the time on the wall it
 * hardly changes when the machine has other things to do; all peers here work on one thread. */
uint64_t bench_now_ns(void);

/* The time on the wall. A reading takes about 20 nanoseconds, one of the processor time 200. */
uint64_t bench_wall_ns(void);

/* Duration of an operation from one time on the wall to another, less the time that other programs
 * had: at most the processor time since bench_mark, if the system took the processor away. Call
 * bench_mark every few operations, off the clock. */
void bench_mark(void);
uint64_t bench_own_ns(uint64_t from, uint64_t to);

/* Memory of this process that is really there. */
size_t bench_resident_bytes(void);

/* calloc that does not fail. Collectors do not look into it. */
void *bench_alloc(size_t count, size_t size);

/* Tell the compiler that code it cannot see reads and writes the object, so that it neither folds
 * operations on it together nor removes what looks unused. Costs no instruction. */
static inline void bench_clobber(void *object)
{
    __asm__ volatile("" : : "r"(object) : "memory");
}

/* Xorshift: every machine and language draws the same numbers. The state is not 0. */
static inline uint32_t bench_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}
static inline uint32_t bench_below(uint32_t *state, size_t bound)
{
    return (uint32_t)((uint64_t)bench_random(state) * bound >> 32);
}

/* The numbers below `count` in random order; one circle, if each is read as the next of its index.
 * Sattolo's shuffle: for i from count - 1 down to 1, number i changes places with number
 * bench_below(i), starting from 0, 1, 2, ... with the state 1. For free. */
uint32_t *bench_shuffled(size_t count);

/* The workloads. What `size` is stands in each. */
void bench_counts(size_t size);
void bench_counts_shuffled(size_t size);
void bench_newdrop(size_t size);
void bench_random_drop(size_t size);
void bench_replace(size_t size);
void bench_trees(size_t size);
void bench_rings10(size_t size);
void bench_rings1000(size_t size);
void bench_full(size_t size);
void bench_garbage(size_t size);
void bench_bytes(size_t size);
void bench_acyclic(size_t size);
void bench_churn(size_t size);
void bench_trash(size_t size);
void bench_goback(size_t size);

#endif
