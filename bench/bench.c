/* SPDX-License-Identifier: MIT */
/* The harness: finds the workload, runs it, measures. See bench.h. */

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name;
    void (*run)(size_t size);
} workloads[] = {
    { "counts", bench_counts },     { "counts-shuffled", bench_counts_shuffled },
    { "newdrop", bench_newdrop },   { "random-drop", bench_random_drop },
    { "replace", bench_replace },   { "trees", bench_trees },
    { "rings10", bench_rings10 },   { "rings1000", bench_rings1000 },
    { "full1m", bench_full },       { "full10m", bench_full },
    { "garbage1m", bench_garbage }, { "bytes", bench_bytes },
    { "acyclic", bench_acyclic },   { "churn", bench_churn },
    { "churn20m", bench_churn },    { "goback", bench_goback },
};

static const char *running; /* the workload, for the figures */

_Noreturn void bench_fail(const char *why)
{
    fprintf(stderr, "bench: " BENCH_PEER_NAME ": %s: %s\n", running, why);
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

void bench_report(const char *metric, double value, uint64_t check)
{
    printf(BENCH_PEER_NAME "\t%s\t%s\t%.4f\t%llu\n", running, metric, value,
           (unsigned long long)check);
}

void bench_report_ns(uint64_t ns, size_t count, uint64_t check)
{
    bench_report("ns", (double)ns / (double)count, check);
}

uint32_t *bench_shuffled(size_t count)
{
    uint32_t *numbers = bench_alloc(count, sizeof(*numbers));
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (uint32_t)i;
    }
    uint32_t state = 1;
    for (size_t i = count - 1; i > 0; i--) {
        uint32_t j = bench_below(&state, i);
        uint32_t kept = numbers[i];
        numbers[i] = numbers[j];
        numbers[j] = kept;
    }
    return numbers;
}

int main(int argc, char **argv)
{
    size_t count = sizeof(workloads) / sizeof(workloads[0]);
    if (argc < 3) {
        for (size_t i = 0; i < count; i++) {
            puts(workloads[i].name);
        }
        return 0;
    }
    running = argv[1];
    size_t size = strtoull(argv[2], NULL, 10);
    if (size < 2 || size > UINT32_MAX) {
        bench_fail("the size must be a number from 2 to 2^32 - 1");
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(workloads[i].name, running) == 0) {
            workloads[i].run(size);
            fflush(stdout);
            /* Without destructors: taking 10 million objects down is not what is measured. */
            _exit(0);
        }
    }
    bench_fail("there is no such workload");
}
