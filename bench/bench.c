/* SPDX-License-Identifier: MIT */
/* The harness: finds the workload, runs each of its cases in a child, measures. See bench.h. */

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *running; /* the workload, for the figures */

_Noreturn void bench_fail(const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", running, why);
    fflush(stderr);
    _exit(1);
}

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

size_t bench_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t total, resident;
    if (file == NULL || fscanf(file, "%zu %zu", &total, &resident) != 2) {
        bench_fail("cannot read /proc/self/statm");
    }
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

void *bench_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        bench_fail("no memory");
    }
    return memory;
}

void bench_report(const char *library, const char *metric, double value, uint64_t check)
{
    printf("%s\t%s\t%s\t%.4f\t%llu\n", library, running, metric, value, (unsigned long long)check);
}

void bench_report_ns(const char *library, const char *metric, uint64_t ns, size_t count,
                     uint64_t check)
{
    bench_report(library, metric, (double)ns / (double)count, check);
}

/* SplitMix64: every machine and library draws the same numbers. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint32_t random_below(uint64_t *state, size_t bound)
{
    return (uint32_t)((random_next(state) >> 32) * bound >> 32);
}

struct bench_graph bench_graph_new(size_t count)
{
    struct bench_graph graph = {
        .count = count,
        .next = bench_alloc(count, sizeof(uint32_t)),
        .other = bench_alloc(count, sizeof(uint32_t)),
    };
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++) {
        graph.next[i] = (uint32_t)i;
    }
    /* Sattolo's shuffle: each element changes places with an earlier one, never with itself, which
     * makes the permutation a single circle. */
    for (size_t i = count - 1; i > 0; i--) {
        uint32_t j = random_below(&state, i);
        uint32_t kept = graph.next[i];
        graph.next[i] = graph.next[j];
        graph.next[j] = kept;
    }
    for (size_t i = 0; i < count; i++) {
        graph.other[i] = random_below(&state, count);
    }
    return graph;
}

uint64_t bench_graph_edge(size_t index, uint32_t next, uint32_t other)
{
    uint64_t state = (uint64_t)index ^ (uint64_t)next << 32;
    return random_next(&state) ^ other;
}

static void run_in_child(const struct bench_case *one, size_t count)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        one->run(count);
        fflush(stdout);
        /* Without destructors: taking 10 million objects down is not what is measured. */
        _exit(0);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "bench: %s failed\n", running);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        for (const struct bench_case *one = bench_cases; one->workload != NULL; one++) {
            puts(one->workload);
        }
        return 0;
    }
    running = argv[1];
    size_t count = strtoull(argv[2], NULL, 10);
    if (count < 2 || count > UINT32_MAX) {
        bench_fail("the size must be a number from 2 to 2^32 - 1");
    }
    for (const struct bench_case *one = bench_cases; one->workload != NULL; one++) {
        if (strcmp(one->workload, running) == 0) {
            run_in_child(one, count);
        }
    }
    return 0;
}
